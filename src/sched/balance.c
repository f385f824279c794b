/* SPDX-License-Identifier: MIT */
/*
 * Pulling work to a CPU that has none.
 *
 * __schedule() calls newidle_balance() before it would pick the idle task; the tick of a busy CPU
 * calls trigger_load_balance(). It calls the core's queueing.
 *
 *	cpu 0: A B C D     cpu 1: E, sleeps -> cpu 1 looks for the CPU with most fair tasks: 0 (4)
 *	takes D, the last of 0's tree that may run on 1 and has not run for migration_cost (0.5 ms)
 *
 * B1 Two queue locks are taken in index order; the own one is dropped for that, so what was true
 *    before is looked at again.
 * B2 Only fair tasks that are queued, not running, allowed here and not cache-hot are moved, one at
 *    a time.
 * B3 A halted CPU is kicked, by the reschedule IPI, only when some waiting task may run on it.
 *
 * Absent: scheduling domains, imbalance percentages, active balance. A CPU that is never idle pulls
 * nothing.
 *
 * Units: none. Owner: none. Locking: run-queue locks. Errors: none. Time: lock costs only. Source:
 * the idea of Linux 6.1 newidle_balance and nohz_balancer_kick.
 */
#include "sched/rq.h"

#define MAX_LOOKED_AT 32

static struct rq *busiest_rq(struct rq *self)
{
	struct rq *busiest = NULL;
	u32 nr = nr_cpu_ids();

	for (u32 i = 1; i < nr; i++) {
		struct rq *rq = cpu_rq((self->cpu + i) % nr);

		if (!test_bit(rq->cpu, rq->k->sched->online_mask) || rq->cfs.nr_running < 1 ||
		    rq->nr_running < 2)
			continue;
		if (!busiest || rq->nr_running > busiest->nr_running)
			busiest = rq;
	}
	return busiest;
}

/* self locked on entry and exit, busiest on exit. */
static void double_lock(struct rq *self, struct rq *busiest)
{
	if (self->cpu < busiest->cpu) {
		spin_lock_nested(&busiest->lock, 1);
		return;
	}
	spin_unlock(&self->lock);
	spin_lock(&busiest->lock);
	spin_lock_nested(&self->lock, 1);
}

static bool can_migrate(const struct rq *from, const struct task_struct *p, u32 dest)
{
	return p != from->curr && !p->on_cpu && cpumask_test(p->cpus_mask, dest) &&
	       from->clock - p->se.exec_start >= from->k->sched->tune.migration_cost;
}

static struct task_struct *find_migratable(const struct rq *from, u32 dest)
{
	struct rb_node *n = rb_last(&from->cfs.timeline.rb_root);

	for (int i = 0; n && i < MAX_LOOKED_AT; i++, n = rb_prev(n)) {
		struct task_struct *p = rb_entry(n, struct task_struct, se.run_node);

		if (can_migrate(from, p, dest))
			return p;
	}
	return NULL;
}

bool newidle_balance(struct rq *rq)
{
	struct rq *busiest = busiest_rq(rq);
	struct task_struct *p = NULL;

	if (!busiest)
		return false;
	double_lock(rq, busiest);
	update_rq_clock(rq);
	if (rq->nr_running == 0 && busiest->nr_running >= 2) {
		update_rq_clock(busiest);
		p = find_migratable(busiest, rq->cpu);
	}
	if (p) {
		deactivate_task(busiest, p, 0);
		set_task_cpu(p, rq->cpu);
		activate_task(rq, p, 0);
	}
	spin_unlock(&busiest->lock);
	return rq->nr_running > 0;
}

void trigger_load_balance(struct rq *rq)
{
	const struct sched_root *root = rq->k->sched;
	u32 nr = nr_cpu_ids();

	if (rq->nr_running < 2 || rq->cfs.nr_running < 1)
		return;
	for (u64 c = find_first_bit(root->idle_mask, nr); c < nr;
	     c = find_next_bit(root->idle_mask, nr, c + 1)) {
		if (idle_cpu((u32)c) && find_migratable(rq, (u32)c)) {
			resched_cpu((unsigned)c);
			return;
		}
	}
}
