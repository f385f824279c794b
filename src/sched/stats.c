/* SPDX-License-Identifier: MIT */
/*
 * The record each task leaves.
 *
 * Fork opens it, the last reference closes it; the stats JSON and tests walk them in the order of
 * creation.
 *
 *	seq 1 init     task -> live      figures copied from it when asked
 *	seq 2 sh       task NULL         runtime 1,204,331 ns, pcount 12, ... as it died
 *
 * R1 Records are kept for the life of the machine, in the arena, outside simulated RAM: keeping
 *    them is the observer's business.
 * R2 A record names its task exactly while the task struct exists.
 *
 * Units: ns. Owner: the root. Locking: tasklist lock for opening; reading between charges. Errors:
 * when the arena is used up the task has no record and stats_dropped counts it. Time: charges
 * nothing. Source: the figures are /proc/PID/schedstat's and status's.
 */
#include "sched/stats.h"

#include <string.h>

#include "sched/rq.h"

#define CHUNK_RECORDS 128

static struct task_stats *new_record(struct kernel *k)
{
	struct sched_root *root = k->sched;

	if (!root->stats_chunk_left) {
		root->stats_chunk = boot_alloc(k, CHUNK_RECORDS * sizeof(struct task_stats));
		if (!root->stats_chunk)
			return NULL;
		root->stats_chunk_left = CHUNK_RECORDS;
	}
	root->stats_chunk_left--;
	return root->stats_chunk++;
}

void stats_open(struct task_struct *p)
{
	struct kernel *k = kern();
	struct sched_root *root = k->sched;
	struct task_stats *s = new_record(k);

	p->stats = s;
	if (!s) {
		root->stats_dropped++;
		return;
	}
	s->task = p;
	s->seq = p->seq;
	s->start_ns = p->start_time;
	s->ppid = p->real_parent ? p->real_parent->tgid : 0;
	if (root->stats_last)
		root->stats_last->next = s;
	else
		root->stats_first = s;
	root->stats_last = s;
}

static void fill(struct task_stats *s, const struct task_struct *p)
{
	s->pid = p->pid;
	s->tgid = p->tgid;
	memcpy(s->comm, p->comm, sizeof(s->comm));
	s->kthread = p->flags & PF_KTHREAD;
	s->exited = p->exit_state != 0;
	s->exit_code = p->exit_code;
	s->runtime_ns = p->se.sum_exec_runtime;
	s->run_delay_ns = p->sched_info.run_delay;
	s->pcount = p->sched_info.pcount;
	s->nvcsw = p->nvcsw;
	s->nivcsw = p->nivcsw;
	s->migrations = p->se.nr_migrations;
	s->utime_ns = p->utime;
	s->stime_ns = p->stime;
	s->min_flt = p->min_flt;
	s->maj_flt = p->maj_flt;
	s->prio = p->prio;
	s->policy = (int)p->policy;
	s->nice = task_nice(p);
}

void stats_close(struct task_struct *p)
{
	if (!p->stats)
		return;
	fill(p->stats, p);
	p->stats->task = NULL;
	p->stats = NULL;
}

void sched_stats_for_each(struct kernel *k, void (*fn)(void *arg, const struct task_stats *s),
			  void *arg)
{
	for (struct task_stats *s = k->sched->stats_first; s; s = s->next) {
		if (s->task)
			fill(s, s->task);
		fn(arg, s);
	}
}

const struct task_stats *sched_stats_next(struct kernel *k, const struct task_stats *prev)
{
	struct task_stats *s = prev ? prev->next : k->sched->stats_first;

	if (s && s->task)
		fill(s, s->task);
	return s;
}

u64 sched_stats_open_ns(struct kernel *k, const struct task_stats *s)
{
	u64 now = cycles_to_ns(k->m, engine_now(k->m));
	const struct task_struct *p = s->task;

	if (!p || k->sched->rq[p->cpu]->curr != p || now <= p->se.exec_start)
		return 0;
	return now - p->se.exec_start;
}

u64 sched_stats_dropped(struct kernel *k)
{
	return k->sched->stats_dropped;
}

void sched_cpu_stats(struct kernel *k, unsigned cpu, struct cpu_stats *out)
{
	const struct rq *rq = k->sched->rq[cpu];

	*out = (struct cpu_stats){
		.now_ns = rq->clock,
		.exec_ns = rq->exec_ns,
		.idle_ns = rq->idle_ns,
		.nr_switches = rq->nr_switches,
		.nr_wakeups = rq->nr_wakeups,
		.nr_migrations_in = rq->nr_migrations_in,
		.ticks = rq->ticks,
		.yields = rq->yields,
		.run_delay_ns = rq->run_delay_ns,
		.pcount = rq->pcount,
	};
}

u32 nr_running(struct kernel *k)
{
	u32 n = 0;

	for (u32 i = 0; i < k->m->cfg.nr_cpus; i++)
		n += k->sched->rq[i]->nr_running;
	return n;
}

u64 nr_context_switches(struct kernel *k)
{
	u64 n = 0;

	for (u32 i = 0; i < k->m->cfg.nr_cpus; i++)
		n += k->sched->rq[i]->nr_switches;
	return n;
}

u32 nr_iowait(struct kernel *k)
{
	u32 n = 0;

	for (u32 i = 0; i < k->m->cfg.nr_cpus; i++)
		n += k->sched->rq[i]->nr_iowait;
	return n;
}

/* What was accounted, and what an idle CPU has idled since: up to the machine's time. */
u64 cpu_idle_ns(struct kernel *k, unsigned cpu)
{
	const struct rq *rq = k->sched->rq[cpu];
	u64 now = cycles_to_ns(k->m, engine_now(k->m)), ns = rq->idle_ns;

	if (rq->curr == rq->idle && rq->idle && now > rq->idle->se.exec_start)
		ns += now - rq->idle->se.exec_start;
	return ns;
}

struct task_struct *idle_task(struct kernel *k, unsigned cpu)
{
	return k->sched->rq[cpu]->idle;
}
