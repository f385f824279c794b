/* SPDX-License-Identifier: MIT */
/*
 * The completely fair class: the task that had least of its share runs next.
 *
 * The core calls it through fair_sched_class; it calls nothing above calc_delta and resched_curr,
 * and knows no CPU but its own queue.
 *
 * Three tasks on one queue, times in ms of virtual runtime, A and B nice 0, C nice 5 (weight 335):
 *
 *   min_vruntime 100.0      tree: B 100.0 (leftmost)  C 103.1       curr: A 101.2 (not in the tree)
 *   load = 1024 + 1024 + 335 = 2383; period 6 (nr <= 8); slice of A = 6 * 1024 / 2383 = 2.578
 *   A runs 2.578 more: vruntime 103.778, tick: ran more than its slice -> reschedule, B is picked
 *   C runs 1 ms: its vruntime moves 1 * 1024 / 335 = 3.057
 *
 * F1 Virtual runtime moves by delta * 1024 / weight, by multiplication with a 32-bit inverse: no
 *    division, no drift between builds.
 * F2 min_vruntime never goes back: max(old, min(curr if queued, leftmost)).
 * F3 load is the sum of the weights of all queued entities, the running one included; nr_running
 *    their number.
 * F4 The tree is ordered by vruntime as signed difference; equals stand in order of arrival.
 * F5 A task that leaves its CPU without sleeping carries vruntime relative to min_vruntime and
 *    becomes absolute where it arrives; one that sleeps keeps it absolute, and a wake-up elsewhere
 *    makes it relative first.
 * F6 A waking task is placed at max(own, min_vruntime - latency / 2), a forked one a slice after
 *    min_vruntime, so neither sleeping nor forking earns more than that.
 *
 * Absent: groups, bandwidth, PELT, NUMA. CPU choice looks at weights and counts, not at decayed
 * load.
 *
 * Units: ns. Owner: the queue's CPU. Locking: rq->lock. Errors: none. Time: charges nothing; the
 * core does. Source: Linux 6.1 kernel/sched/fair.c for the rules.
 */
#include "kernel/trace/tracepoints.h"
#include "sched/rq.h"

static struct task_struct *task_of(struct sched_entity *se)
{
	return container_of(se, struct task_struct, se);
}
static const struct sched_tunables *tune(void)
{
	return &kern()->sched->tune;
}

/* --- weights and virtual time --- */

static u64 calc_delta_fair(u64 delta, struct sched_entity *se)
{
	if (se->load.weight == NICE_0_LOAD)
		return delta;
	return calc_delta(delta, NICE_0_LOAD, &se->load);
}

static s64 vruntime_diff(u64 a, u64 b)
{
	return (s64)(a - b);
}
static u64 max_vruntime(u64 a, u64 b)
{
	return vruntime_diff(b, a) > 0 ? b : a;
}
static u64 min_vruntime_of(u64 a, u64 b)
{
	return vruntime_diff(b, a) < 0 ? b : a;
}

static bool entity_before(struct rb_node *a, const struct rb_node *b)
{
	return vruntime_diff(rb_entry(a, struct sched_entity, run_node)->vruntime,
			     rb_entry(b, struct sched_entity, run_node)->vruntime) < 0;
}

static struct sched_entity *first_entity(const struct cfs_rq *cfs_rq)
{
	struct rb_node *n = rb_first_cached(&cfs_rq->timeline);

	return n ? rb_entry(n, struct sched_entity, run_node) : NULL;
}
static struct sched_entity *next_entity(const struct sched_entity *se)
{
	struct rb_node *n = rb_next(&se->run_node);

	return n ? rb_entry(n, struct sched_entity, run_node) : NULL;
}

static void tree_insert(struct cfs_rq *cfs_rq, struct sched_entity *se)
{
	rb_add_cached(&se->run_node, &cfs_rq->timeline, entity_before);
}
static void tree_erase(struct cfs_rq *cfs_rq, struct sched_entity *se)
{
	rb_erase_cached(&se->run_node, &cfs_rq->timeline);
	RB_CLEAR_NODE(&se->run_node);
}

static void update_min_vruntime(struct cfs_rq *cfs_rq)
{
	struct sched_entity *curr = cfs_rq->curr && cfs_rq->curr->on_rq ? cfs_rq->curr : NULL;
	struct sched_entity *first = first_entity(cfs_rq);
	u64 vruntime = cfs_rq->min_vruntime;

	if (curr)
		vruntime = curr->vruntime;
	if (first)
		vruntime = curr ? min_vruntime_of(vruntime, first->vruntime) : first->vruntime;
	cfs_rq->min_vruntime = max_vruntime(cfs_rq->min_vruntime, vruntime);
}

static void load_add(struct cfs_rq *cfs_rq, const struct sched_entity *se)
{
	cfs_rq->load.weight += se->load.weight;
	cfs_rq->load.inv_weight = 0;
	cfs_rq->nr_running++;
}
static void load_sub(struct cfs_rq *cfs_rq, const struct sched_entity *se)
{
	cfs_rq->load.weight -= se->load.weight;
	cfs_rq->load.inv_weight = 0;
	cfs_rq->nr_running--;
}

static void update_curr_cfs(struct rq *rq, struct cfs_rq *cfs_rq)
{
	struct sched_entity *curr = cfs_rq->curr;
	u64 delta;

	if (!curr)
		return;
	delta = account_exec(rq, task_of(curr));
	if (!delta)
		return;
	curr->vruntime += calc_delta_fair(delta, curr);
	update_min_vruntime(cfs_rq);
	trace_sched_stat_runtime((u32)task_of(curr)->pid, delta, curr->vruntime);
}

static void update_curr_fair(struct rq *rq)
{
	update_curr_cfs(rq, &rq->cfs);
}

/* --- slices --- */

/* The wall time in which each of nr tasks should run once. */
static u64 sched_period(u64 nr)
{
	const struct sched_tunables *t = tune();

	return nr > t->nr_latency ? nr * t->min_granularity : t->latency;
}

/* se's part of the period: by weight among all that are (or, for a newcomer, would be) queued. */
static u64 sched_slice(struct cfs_rq *cfs_rq, struct sched_entity *se)
{
	struct load_weight load = cfs_rq->load;
	u64 nr = cfs_rq->nr_running + !se->on_rq, slice;
	u64 floor = tune()->min_granularity;

	if (!se->on_rq) {
		load.weight += se->load.weight;
		load.inv_weight = 0;
	}
	slice = calc_delta(sched_period(nr), se->load.weight, se->on_rq ? &cfs_rq->load : &load);
	if (task_has_idle_policy(task_of(se)) && cfs_rq->nr_running > 1)
		floor = tune()->idle_min_granularity;
	return max(slice, floor);
}

static u64 sched_vslice(struct cfs_rq *cfs_rq, struct sched_entity *se)
{
	return calc_delta_fair(sched_slice(cfs_rq, se), se);
}

/* --- placement --- */

static void place_entity(struct cfs_rq *cfs_rq, struct sched_entity *se, bool initial)
{
	const struct sched_tunables *t = tune();
	u64 vruntime = cfs_rq->min_vruntime, credit;

	if (initial) {
		if (t->start_debit)
			vruntime += sched_vslice(cfs_rq, se);
	} else {
		credit = task_has_idle_policy(task_of(se)) ? t->min_granularity : t->latency;
		if (t->gentle_fair_sleepers)
			credit >>= 1;
		vruntime -= credit;
	}
	se->vruntime = max_vruntime(se->vruntime, vruntime);
}

/* --- the tree --- */

static void enqueue_entity(struct rq *rq, struct cfs_rq *cfs_rq, struct sched_entity *se, int flags)
{
	bool renorm = !(flags & ENQUEUE_WAKEUP) || (flags & ENQUEUE_MIGRATED);
	bool is_curr = cfs_rq->curr == se;

	if (renorm && is_curr)
		se->vruntime += cfs_rq->min_vruntime;
	update_curr_cfs(rq, cfs_rq);
	if (renorm && !is_curr)
		se->vruntime += cfs_rq->min_vruntime;
	load_add(cfs_rq, se);
	if (flags & ENQUEUE_WAKEUP)
		place_entity(cfs_rq, se, false);
	if (!is_curr)
		tree_insert(cfs_rq, se);
	se->on_rq = 1;
}

static void clear_buddies(struct cfs_rq *cfs_rq, const struct sched_entity *se)
{
	if (cfs_rq->last == se)
		cfs_rq->last = NULL;
	if (cfs_rq->next == se)
		cfs_rq->next = NULL;
	if (cfs_rq->skip == se)
		cfs_rq->skip = NULL;
}

static void dequeue_entity(struct rq *rq, struct cfs_rq *cfs_rq, struct sched_entity *se, int flags)
{
	update_curr_cfs(rq, cfs_rq);
	clear_buddies(cfs_rq, se);
	if (cfs_rq->curr != se)
		tree_erase(cfs_rq, se);
	se->on_rq = 0;
	load_sub(cfs_rq, se);
	if (!(flags & DEQUEUE_SLEEP))
		se->vruntime -= cfs_rq->min_vruntime;
	/*
	 * A save that is restored at once must not move min_vruntime, or the task would gain from
	 * having been away.
	 */
	if ((flags & (DEQUEUE_SAVE | DEQUEUE_MOVE)) != DEQUEUE_SAVE)
		update_min_vruntime(cfs_rq);
}

static void enqueue_task_fair(struct rq *rq, struct task_struct *p, int flags)
{
	enqueue_entity(rq, &rq->cfs, &p->se, flags);
}
static void dequeue_task_fair(struct rq *rq, struct task_struct *p, int flags)
{
	dequeue_entity(rq, &rq->cfs, &p->se, flags);
}

/* --- preemption --- */

static void check_preempt_tick(struct rq *rq, struct cfs_rq *cfs_rq, struct sched_entity *curr)
{
	u64 ideal = min(sched_slice(cfs_rq, curr), tune()->latency);
	u64 delta = curr->sum_exec_runtime - curr->prev_sum_exec_runtime;
	s64 ahead;

	if (delta > ideal) {
		resched_curr(rq);
		clear_buddies(cfs_rq, curr);
		return;
	}
	if (delta < tune()->min_granularity)
		return;
	ahead = vruntime_diff(curr->vruntime, first_entity(cfs_rq)->vruntime);
	if (ahead > (s64)ideal)
		resched_curr(rq);
}

static void task_tick_fair(struct rq *rq, struct task_struct *p)
{
	update_curr_cfs(rq, &rq->cfs);
	if (rq->cfs.nr_running > 1)
		check_preempt_tick(rq, &rq->cfs, &p->se);
}

/*
 * 1: se is behind curr by more than the wake-up granularity; 0: behind, but by less; -1: not
 * behind.
 */
static int wakeup_preempt_entity(const struct sched_entity *curr, struct sched_entity *se)
{
	s64 vdiff = vruntime_diff(curr->vruntime, se->vruntime);

	if (vdiff <= 0)
		return -1;
	return vdiff > (s64)calc_delta_fair(tune()->wakeup_granularity, se);
}

static void check_preempt_wakeup(struct rq *rq, struct task_struct *p, int wake_flags)
{
	struct task_struct *curr = rq->curr;
	struct cfs_rq *cfs_rq = &rq->cfs;
	bool scale = cfs_rq->nr_running >= tune()->nr_latency;

	if (&curr->se == &p->se || percpu_of(rq->k, rq->cpu)->need_resched)
		return;
	if (tune()->next_buddy && scale && !(wake_flags & WF_FORK))
		cfs_rq->next = &p->se;
	if (task_has_idle_policy(curr) && !task_has_idle_policy(p)) {
		resched_curr(rq);
		return;
	}
	if (p->policy != SCHED_NORMAL || !tune()->wakeup_preemption)
		return;
	update_curr_cfs(rq, cfs_rq);
	if (wakeup_preempt_entity(&curr->se, &p->se) != 1)
		return;
	resched_curr(rq);
	if (tune()->last_buddy && scale && curr->se.on_rq && curr != rq->idle)
		cfs_rq->last = &curr->se;
}

/* --- picking --- */

/*
 * The leftmost, unless a buddy within the wake-up granularity of it is to be preferred, or it asked
 * to be skipped.
 */
static struct sched_entity *pick_next_entity(struct cfs_rq *cfs_rq)
{
	struct sched_entity *left = first_entity(cfs_rq), *se = left, *second;

	if (cfs_rq->skip == se) {
		second = next_entity(se);
		if (second && wakeup_preempt_entity(second, left) < 1)
			se = second;
	}
	if (cfs_rq->next && wakeup_preempt_entity(cfs_rq->next, left) < 1)
		se = cfs_rq->next;
	else if (cfs_rq->last && wakeup_preempt_entity(cfs_rq->last, left) < 1)
		se = cfs_rq->last;
	return se;
}

static struct task_struct *pick_next_task_fair(struct rq *rq)
{
	if (!rq->cfs.nr_running)
		return NULL;
	return task_of(pick_next_entity(&rq->cfs));
}

static void set_next_task_fair(struct rq *rq, struct task_struct *p)
{
	struct cfs_rq *cfs_rq = &rq->cfs;

	clear_buddies(cfs_rq, &p->se);
	if (p->se.on_rq)
		tree_erase(cfs_rq, &p->se);
	p->se.exec_start = rq->clock;
	p->se.prev_sum_exec_runtime = p->se.sum_exec_runtime;
	cfs_rq->curr = &p->se;
}

static void put_prev_task_fair(struct rq *rq, struct task_struct *p)
{
	struct cfs_rq *cfs_rq = &rq->cfs;

	update_curr_cfs(rq, cfs_rq);
	if (p->se.on_rq)
		tree_insert(cfs_rq, &p->se);
	cfs_rq->curr = NULL;
}

static void yield_task_fair(struct rq *rq)
{
	if (rq->nr_running == 1)
		return;
	clear_buddies(&rq->cfs, &rq->curr->se);
	update_curr_cfs(rq, &rq->cfs);
	rq->cfs.skip = &rq->curr->se;
}

/* --- forks, moves, changes --- */

static void task_fork_fair(struct task_struct *p)
{
	struct rq *rq = this_rq();
	struct cfs_rq *cfs_rq = &rq->cfs;
	struct sched_entity *se = &p->se, *curr;

	spin_lock(&rq->lock);
	update_rq_clock(rq);
	curr = cfs_rq->curr;
	if (curr) {
		update_curr_cfs(rq, cfs_rq);
		se->vruntime = curr->vruntime;
	}
	place_entity(cfs_rq, se, true);
	if (tune()->child_runs_first && curr && vruntime_diff(curr->vruntime, se->vruntime) < 0) {
		u64 swap = curr->vruntime;

		curr->vruntime = se->vruntime;
		se->vruntime = swap;
		resched_curr(rq);
	}
	se->vruntime -= cfs_rq->min_vruntime;
	spin_unlock(&rq->lock);
}

/*
 * A sleeper taken elsewhere: relative to the queue it slept on (F5). One that moves while queued
 * was made relative at dequeue.
 */
static void migrate_task_rq_fair(struct task_struct *p, u32 new_cpu)
{
	(void)new_cpu;
	if (p->state == TASK_WAKING)
		p->se.vruntime -= p->se.cfs_rq->min_vruntime;
	p->se.exec_start = 0;
}

/*
 * True when p is not queued and its vruntime is relative all the same: on its way between queues or
 * not yet started.
 */
static bool vruntime_normalized(const struct task_struct *p)
{
	return p->on_rq || p->state == TASK_WAKING || p->state == TASK_NEW;
}

static void switched_from_fair(struct rq *rq, struct task_struct *p)
{
	if (vruntime_normalized(p))
		return;
	/*
	 * Asleep: place it as if it woke now, then make it relative, so that the time in another
	 * class does not count.
	 */
	place_entity(&rq->cfs, &p->se, false);
	p->se.vruntime -= rq->cfs.min_vruntime;
}

static void switched_to_fair(struct rq *rq, struct task_struct *p)
{
	if (!vruntime_normalized(p))
		p->se.vruntime += rq->cfs.min_vruntime;
	if (!task_on_rq_queued(p))
		return;
	if (task_current(rq, p))
		resched_curr(rq);
	else
		check_preempt_curr(rq, p, 0);
}

static void prio_changed_fair(struct rq *rq, struct task_struct *p, int oldprio)
{
	if (!task_on_rq_queued(p) || rq->cfs.nr_running == 1)
		return;
	if (!task_current(rq, p))
		check_preempt_curr(rq, p, 0);
	else if (p->prio > oldprio)
		resched_curr(rq);
}

static u64 get_rr_interval_fair(struct rq *rq, struct task_struct *p)
{
	return rq->cfs.load.weight ? sched_slice(&rq->cfs, &p->se) : 0;
}

/* --- choosing a CPU --- */

static bool allowed(const struct task_struct *p, u32 cpu)
{
	return cpumask_test(p->cpus_mask, cpu) && test_bit(cpu, kern()->sched->online_mask);
}

/* Fork and exec: fewest tasks, then least weight, then nearest after this CPU. */
static u32 find_idlest_cpu(const struct task_struct *p, u32 cpu)
{
	u32 nr = nr_cpu_ids(), best = cpu;
	bool found = false;

	for (u32 i = 0; i < nr; i++) {
		u32 c = (cpu + i) % nr;
		struct rq *rq = cpu_rq(c), *b = cpu_rq(best);

		if (!allowed(p, c))
			continue;
		if (!found || rq->nr_running < b->nr_running ||
		    (rq->nr_running == b->nr_running && rq->cfs.load.weight < b->cfs.load.weight)) {
			best = c;
			found = true;
		}
		if (idle_cpu(best))
			break;
	}
	return best;
}

/*
 * The waker's CPU or the previous one: an idle one first, then the one with less weight after the
 * move.
 */
static u32 wake_affine(const struct task_struct *p, u32 this_cpu_id, u32 prev)
{
	if (idle_cpu(this_cpu_id))
		return idle_cpu(prev) ? prev : this_cpu_id;
	if (idle_cpu(prev))
		return prev;
	return cpu_rq(this_cpu_id)->cfs.load.weight + p->se.load.weight <
			       cpu_rq(prev)->cfs.load.weight ?
		       this_cpu_id :
		       prev;
}

/* target if idle, else previous if idle, else the first idle CPU after target, else target. */
static u32 select_idle_sibling(const struct task_struct *p, u32 prev, u32 target)
{
	const unsigned long *mask = kern()->sched->idle_mask;
	u32 nr = nr_cpu_ids();
	u64 c;

	if (idle_cpu(target) && allowed(p, target))
		return target;
	if (prev != target && idle_cpu(prev) && allowed(p, prev))
		return prev;
	for (c = find_next_bit(mask, nr, target); c < nr; c = find_next_bit(mask, nr, c + 1))
		if (allowed(p, (u32)c) && idle_cpu((u32)c))
			return (u32)c;
	for (c = find_next_bit(mask, target, 0); c < target; c = find_next_bit(mask, target, c + 1))
		if (allowed(p, (u32)c) && idle_cpu((u32)c))
			return (u32)c;
	return target;
}

static u32 select_task_rq_fair(struct task_struct *p, u32 prev, int wake_flags)
{
	u32 this_cpu_id = smp_processor_id(), target = prev;

	if (wake_flags & WF_FORK)
		return find_idlest_cpu(p, this_cpu_id);
	if (allowed(p, this_cpu_id) && this_cpu_id != prev)
		target = wake_affine(p, this_cpu_id, prev);
	return select_idle_sibling(p, prev, target);
}

void init_cfs_rq(struct cfs_rq *cfs_rq)
{
	*cfs_rq = (struct cfs_rq){ .min_vruntime = (u64)(-(1ll << 20)) };
}

const struct sched_class fair_sched_class = {
	.name = "fair",
	.rank = 3,
	.enqueue_task = enqueue_task_fair,
	.dequeue_task = dequeue_task_fair,
	.yield_task = yield_task_fair,
	.check_preempt_curr = check_preempt_wakeup,
	.pick_next_task = pick_next_task_fair,
	.put_prev_task = put_prev_task_fair,
	.set_next_task = set_next_task_fair,
	.select_task_rq = select_task_rq_fair,
	.migrate_task_rq = migrate_task_rq_fair,
	.task_tick = task_tick_fair,
	.task_fork = task_fork_fair,
	.update_curr = update_curr_fair,
	.switched_from = switched_from_fair,
	.switched_to = switched_to_fair,
	.prio_changed = prio_changed_fair,
	.get_rr_interval = get_rr_interval_fair,
};
