/* SPDX-License-Identifier: MIT */
/*
 * Proving the scheduler's invariants, and saying what every task is doing.
 *
 * Tests call sched_check(); with params.debug_checks the core calls it after every tick, wake-up
 * and switch; the API prints sched_report() when a machine can do nothing any more.
 *
 *	pid 1 init: S cpu 0 prio 120 switches 12+3
 *	pid 7 sh: S cpu 1 prio 120 switches 4+0
 *	cpu 0: idle, clock 5000123 ns; cpu 1: idle ...
 *
 * V1 Each fair tree is ordered, its leftmost cached, and the weights and number of its entities,
 *    the running one included, are load and nr_running. V2 RT bits say which lists are not empty.
 *    V3 A queue's nr_running is the classes' sum. V4 min_vruntime never falls.
 * V5 Executed, idle and not yet accounted time make up the time since the CPU started: so over all
 *    CPUs execution + idle = CPUs * time.
 * V6 Every leader counts its threads, every child names the parent on whose list it is, every
 *    number finds its task.
 *
 * Units: ns. Owner: none. Locking: none: it looks between charges, passing over queues that are
 * locked (in the middle of a change). Errors: the first broken invariant's text. Time: charges
 * nothing. Source: the reference's list of checks for each event.
 */
#include <stdarg.h>

#include "lib/string.h"
#include "sched/rq.h"

struct checker {
	char *buf;
	u64 size;
};

static bool __printf(2, 3) broken(struct checker *c, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vscnprintf(c->buf, c->size, fmt, args);
	va_end(args);
	return false;
}

static bool check_entity(struct checker *c, const struct rq *rq, const struct sched_entity *se)
{
	const struct task_struct *p = container_of(se, struct task_struct, se);

	if (!se->on_rq || p->cpu != rq->cpu || se->cfs_rq != &rq->cfs)
		return broken(c, "cpu %u: pid %d is in a tree it does not know of", rq->cpu,
			      p->pid);
	if (p->on_rq != TASK_ON_RQ_QUEUED || p->sched_class != &fair_sched_class)
		return broken(c, "cpu %u: pid %d is in the tree but not queued as fair", rq->cpu,
			      p->pid);
	return true;
}

static bool check_cfs(struct checker *c, struct rq *rq)
{
	const struct cfs_rq *cfs = &rq->cfs;
	const struct sched_entity *prev = NULL;
	struct rb_node *first = rb_first(&cfs->timeline.rb_root);
	u64 weight = 0;
	u32 n = 0;

	if (first != rb_first_cached(&cfs->timeline))
		return broken(c, "cpu %u: leftmost is not the leftmost", rq->cpu);
	for (struct rb_node *node = first; node; node = rb_next(node)) {
		const struct sched_entity *se = rb_entry(node, struct sched_entity, run_node);

		if (!check_entity(c, rq, se))
			return false;
		if (prev && (s64)(se->vruntime - prev->vruntime) < 0)
			return broken(c, "cpu %u: the tree is not ordered", rq->cpu);
		if (se == cfs->curr)
			return broken(c, "cpu %u: the running task is in the tree", rq->cpu);
		weight += se->load.weight;
		n++;
		prev = se;
	}
	if (cfs->curr && cfs->curr->on_rq) {
		weight += cfs->curr->load.weight;
		n++;
	}
	if (weight != cfs->load.weight || n != cfs->nr_running)
		return broken(c, "cpu %u: load %llu of %u tasks, but %llu of %u queued", rq->cpu,
			      (unsigned long long)cfs->load.weight, cfs->nr_running,
			      (unsigned long long)weight, n);
	if ((s64)(cfs->min_vruntime - rq->checked_min_vruntime) < 0)
		return broken(c, "cpu %u: min_vruntime fell", rq->cpu);
	rq->checked_min_vruntime = cfs->min_vruntime;
	return true;
}

static bool check_rt(struct checker *c, const struct rq *rq)
{
	const struct task_struct *p;
	u32 n = 0;

	for (u32 prio = 0; prio < MAX_RT_PRIO; prio++) {
		if (test_bit(prio, rq->rt.bitmap) == list_empty(&rq->rt.queue[prio]))
			return broken(c, "cpu %u: RT bit %u lies", rq->cpu, prio);
		list_for_each_entry(p, &rq->rt.queue[prio], rt.run_list) {
			if (p->prio != (int)prio || p->cpu != rq->cpu || !p->rt.on_rq || !p->on_rq)
				return broken(c, "cpu %u: pid %d is on the wrong RT list", rq->cpu,
					      p->pid);
			n++;
		}
	}
	if (n != rq->rt.nr_running)
		return broken(c, "cpu %u: %u RT tasks counted, %u queued", rq->cpu,
			      rq->rt.nr_running, n);
	return true;
}

static bool check_rq(struct checker *c, struct rq *rq)
{
	u64 open = rq->clock - rq->curr->se.exec_start;

	if (rq->nr_running != rq->cfs.nr_running + rq->rt.nr_running)
		return broken(c, "cpu %u: %u running, but %u fair and %u RT", rq->cpu,
			      rq->nr_running, rq->cfs.nr_running, rq->rt.nr_running);
	if (!rq->curr->on_cpu || rq->curr->cpu != rq->cpu)
		return broken(c, "cpu %u: its current, pid %d, is not on it", rq->cpu,
			      rq->curr->pid);
	if (rq->exec_ns + rq->idle_ns + open != rq->clock - rq->start_clock)
		return broken(
			c,
			"cpu %u: executed %llu + idle %llu + open %llu is not the %llu ns that passed",
			rq->cpu, (unsigned long long)rq->exec_ns, (unsigned long long)rq->idle_ns,
			(unsigned long long)open,
			(unsigned long long)(rq->clock - rq->start_clock));
	return check_cfs(c, rq) && check_rt(c, rq);
}

static bool check_children(struct checker *c, const struct task_struct *t)
{
	const struct task_struct *child;

	list_for_each_entry(child, &t->children, sibling)
		if (child->parent != t)
			return broken(c, "pid %d is on the list of %d but its parent is %d",
				      child->pid, t->pid, child->parent->pid);
	return true;
}

static bool check_process(struct checker *c, struct kernel *k, struct task_struct *leader,
			  u32 *count)
{
	const struct task_struct *t = leader;
	u32 n = 0;

	do {
		if (t->group_leader != leader || t->tgid != leader->pid)
			return broken(c, "thread %d is in group %d by mistake", t->pid,
				      leader->pid);
		if (!xa_load(&k->sched->pids, (u64)t->pid))
			return broken(c, "pid %d is not found by its number", t->pid);
		if (t->usage == 0)
			return broken(c, "pid %d has no references", t->pid);
		if (!check_children(c, t))
			return false;
		n++;
		t = next_thread(t);
	} while (t != leader);
	if (n != leader->nr_threads)
		return broken(c, "group %d counts %u threads, has %u", leader->pid,
			      leader->nr_threads, n);
	*count += n;
	return true;
}

static bool check_tree(struct checker *c, struct kernel *k)
{
	struct task_struct *leader;
	u32 count = 0;

	list_for_each_entry(leader, &k->sched->tasks, tasks)
		if (!check_process(c, k, leader, &count))
			return false;
	if (count != k->sched->nr_tasks)
		return broken(c, "%u tasks counted, %u linked", k->sched->nr_tasks, count);
	return true;
}

bool sched_check_text(struct kernel *k, char *buf, u64 size_bytes)
{
	struct checker c = { buf, size_bytes };

	for (u32 i = 0; i < k->m->cfg.nr_cpus; i++) {
		struct rq *rq = k->sched->rq[i];

		if (test_bit(i, k->sched->online_mask) && !spin_is_locked(&rq->lock) &&
		    !check_rq(&c, rq))
			return false;
	}
	return spin_is_locked(&k->sched->tasklist_lock) || check_tree(&c, k);
}

void sched_check_now(struct kernel *k)
{
	char text[256];

	if (!sched_check_text(k, text, sizeof(text)))
		machine_panic(k->m, "scheduler invariant: %s", text);
}

void sched_check(struct kernel *k)
{
	sched_check_now(k);
}

/* --- the report --- */

char task_state_to_char(const struct task_struct *p)
{
	u32 state = p->state;

	if (p->exit_state & EXIT_DEAD)
		return 'X';
	if (p->exit_state & EXIT_ZOMBIE)
		return 'Z';
	if (state & __TASK_STOPPED)
		return 'T';
	if (state & __TASK_TRACED)
		return 't';
	if (state & TASK_UNINTERRUPTIBLE)
		return 'D';
	if (state & TASK_INTERRUPTIBLE)
		return 'S';
	return 'R';
}

static int report_task(const struct task_struct *t, char *buf, u64 size)
{
	return scnprintf(buf, size, "pid %d %s: %c cpu %u prio %d switches %llu+%llu%s\n", t->pid,
			 t->comm, task_state_to_char(t), t->cpu, t->prio,
			 (unsigned long long)t->nvcsw, (unsigned long long)t->nivcsw,
			 t->in_iowait ? " in I/O" : "");
}

u64 sched_report(struct kernel *k, char *buf, u64 size)
{
	struct task_struct *leader, *t;
	u64 len = 0;

	if (size)
		buf[0] = 0;
	list_for_each_entry(leader, &k->sched->tasks, tasks)
		for_each_thread(leader, t) len += (u64)report_task(t, buf + len, size - len);
	for (u32 i = 0; i < k->m->cfg.nr_cpus; i++) {
		const struct rq *rq = k->sched->rq[i];

		if (rq->curr)
			len += (u64)scnprintf(buf + len, size - len,
					      "cpu %u: %s, %u runnable, clock %llu ns\n", i,
					      rq->curr == rq->idle ? "idle" : rq->curr->comm,
					      rq->nr_running, (unsigned long long)rq->clock);
	}
	return len;
}
