/* SPDX-License-Identifier: MIT */
/*
 * The real-time class: SCHED_FIFO and SCHED_RR, strictly by priority.
 *
 * The core calls it through rt_sched_class; it calls resched_curr and knows no other class.
 *
 *   queue[9]  (rt_priority 90)   A(RR, running) -> B(RR)         bitmap: 9, 49
 *   queue[49] (rt_priority 50)   C(FIFO)
 *   A's quantum ends (100 ticks of 1 ms): B -> A, reschedule. B sleeps: A again. A and B sleep: C.
 *   D (priority 90) wakes: A -> B -> D, A goes on, for equals never preempt.
 *
 * R1 A bit is set exactly when its list is not empty; the lowest set bit's first task runs.
 * R2 A task that is preempted by a higher one keeps its place at the head; one that yields or used
 *    its quantum goes to the tail.
 * R3 FIFO has no quantum. RR is moved only when it is not alone on its list.
 *
 * Absent: throttling (950 ms of 1 s), push and pull between CPUs; a waking task does look for a CPU
 * that runs something lesser.
 *
 * Units: quantum in ticks. Owner: the queue's CPU. Locking: rq->lock. Errors: none. Time: charges
 * nothing. Source: Linux 6.1 kernel/sched/rt.c for the rules; POSIX.1-2017 2.8.4.
 */
#include "sched/rq.h"

static u32 rr_quantum_ticks(void)
{
	u32 hz = kern()->params.hz;

	return max(1u, kern()->sched->tune.rr_timeslice_ms * hz / 1000);
}

static void rt_insert(struct rt_rq *rt_rq, struct task_struct *p, bool head)
{
	if (head)
		list_add(&p->rt.run_list, &rt_rq->queue[p->prio]);
	else
		list_add_tail(&p->rt.run_list, &rt_rq->queue[p->prio]);
	set_bit((u64)p->prio, rt_rq->bitmap);
}

static void rt_remove(struct rt_rq *rt_rq, struct task_struct *p)
{
	u64 prio = p->rt.queue_prio;

	list_del_init(&p->rt.run_list);
	if (list_empty(&rt_rq->queue[prio]))
		clear_bit(prio, rt_rq->bitmap);
}

static void update_curr_rt(struct rq *rq)
{
	account_exec(rq, rq->curr);
}

static void enqueue_task_rt(struct rq *rq, struct task_struct *p, int flags)
{
	rt_insert(&rq->rt, p, flags & ENQUEUE_HEAD);
	p->rt.queue_prio = (u32)p->prio;
	p->rt.on_rq = true;
	rq->rt.nr_running++;
}

static void dequeue_task_rt(struct rq *rq, struct task_struct *p, int flags)
{
	(void)flags;
	if (task_current(rq, p))
		update_curr_rt(rq);
	rt_remove(&rq->rt, p);
	p->rt.on_rq = false;
	rq->rt.nr_running--;
}

static void requeue_tail(struct rt_rq *rt_rq, struct task_struct *p)
{
	list_move_tail(&p->rt.run_list, &rt_rq->queue[p->prio]);
}

static void yield_task_rt(struct rq *rq)
{
	requeue_tail(&rq->rt, rq->curr);
}

static void check_preempt_curr_rt(struct rq *rq, struct task_struct *p, int wake_flags)
{
	(void)wake_flags;
	if (p->prio < rq->curr->prio)
		resched_curr(rq);
}

static struct task_struct *pick_next_task_rt(struct rq *rq)
{
	u64 prio;

	if (!rq->rt.nr_running)
		return NULL;
	prio = find_first_bit(rq->rt.bitmap, MAX_RT_PRIO);
	BUG_ON(prio >= MAX_RT_PRIO);
	return list_first_entry(&rq->rt.queue[prio], struct task_struct, rt.run_list);
}

static void set_next_task_rt(struct rq *rq, struct task_struct *p)
{
	p->se.exec_start = rq->clock;
}

static void put_prev_task_rt(struct rq *rq, struct task_struct *p)
{
	(void)p;
	update_curr_rt(rq);
}

static void task_tick_rt(struct rq *rq, struct task_struct *p)
{
	update_curr_rt(rq);
	if (p->policy != SCHED_RR || --p->rt.time_slice)
		return;
	p->rt.time_slice = rr_quantum_ticks();
	if (p->rt.run_list.next != p->rt.run_list.prev) {
		requeue_tail(&rq->rt, p);
		resched_curr(rq);
	}
}

/*
 * Stay unless an equal or better task runs there: then the CPU that runs the least important task,
 * previous and lower index first.
 */
static u32 select_task_rq_rt(struct task_struct *p, u32 prev, int wake_flags)
{
	const struct sched_root *root = kern()->sched;
	u32 best = prev;

	(void)wake_flags;
	if (cpumask_test(p->cpus_mask, prev) && cpu_rq(prev)->curr->prio > p->prio)
		return prev;
	for (u32 c = 0; c < nr_cpu_ids(); c++)
		if (test_bit(c, root->online_mask) && cpumask_test(p->cpus_mask, c) &&
		    (!cpumask_test(p->cpus_mask, best) ||
		     cpu_rq(c)->curr->prio > cpu_rq(best)->curr->prio))
			best = c;
	return best;
}

static void switched_to_rt(struct rq *rq, struct task_struct *p)
{
	if (!p->rt.time_slice)
		p->rt.time_slice = rr_quantum_ticks();
	if (task_on_rq_queued(p) && !task_current(rq, p) && p->prio < rq->curr->prio)
		resched_curr(rq);
}

static void prio_changed_rt(struct rq *rq, struct task_struct *p, int oldprio)
{
	if (!task_on_rq_queued(p))
		return;
	if (task_current(rq, p)) {
		/* Lowered: somebody else may be better now. */
		if (oldprio < p->prio)
			resched_curr(rq);
	} else if (p->prio < rq->curr->prio) {
		resched_curr(rq);
	}
}

static void task_fork_rt(struct task_struct *p)
{
	p->rt.time_slice = rr_quantum_ticks();
}

static u64 get_rr_interval_rt(struct rq *rq, struct task_struct *p)
{
	(void)rq;
	return p->policy == SCHED_RR ? rr_quantum_ticks() * tick_nsec() : 0;
}

void init_rt_rq(struct rt_rq *rt_rq)
{
	for (int i = 0; i < MAX_RT_PRIO; i++)
		INIT_LIST_HEAD(&rt_rq->queue[i]);
}

const struct sched_class rt_sched_class = {
	.name = "rt",
	.rank = 2,
	.enqueue_task = enqueue_task_rt,
	.dequeue_task = dequeue_task_rt,
	.yield_task = yield_task_rt,
	.check_preempt_curr = check_preempt_curr_rt,
	.pick_next_task = pick_next_task_rt,
	.put_prev_task = put_prev_task_rt,
	.set_next_task = set_next_task_rt,
	.select_task_rq = select_task_rq_rt,
	.task_tick = task_tick_rt,
	.task_fork = task_fork_rt,
	.update_curr = update_curr_rt,
	.switched_to = switched_to_rt,
	.prio_changed = prio_changed_rt,
	.get_rr_interval = get_rr_interval_rt,
};
