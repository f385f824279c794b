/* SPDX-License-Identifier: MIT */
/*
 * Weights, and changing how a task is scheduled: nice, policy, priority, affinity, yield.
 *
 * System calls and kernel threads call it; it calls the classes through the core's queueing.
 *
 *   set_user_nice(p, 5), p running:   dequeue (relative vruntime) -> put -> weight 1024 becomes 335
 *                                     -> enqueue -> set
 *
 *   weight 335:  inverse round(2^32 / 335) = 12820798
 *   1 ms of run: 1,000,000 * 1024 * 12820798 >> 32 = 3,056,716 ns of virtual time
 *
 * P1 A change is atomic under pi_lock and rq->lock: the task is off its queue while its weight,
 *    priority or class changes.
 * P2 Changing a task neither earns nor costs it time: DEQUEUE_SAVE with ENQUEUE_RESTORE keep its
 *    place.
 * P3 A lowered real-time task goes to the head of its new level, every other one to the tail.
 *
 * Units: nice -20..19, prio 0..139, ns. Owner: none. Locking: pi_lock, then rq->lock. Errors:
 * -EINVAL. Time: none charged here. Source: Linux 6.1 kernel/sched/core.c for the behaviour; the
 * weight table is the reference's.
 */
#include <string.h>

#include "lib/errno.h"
#include "sched/rq.h"

#define WMULT_SHIFT 32
#define WMULT_CONST 0xffffffffu
#define WEIGHT_IDLEPRIO 3u
/* round(2^32 / w), at compile time */
#define INVERSE(w) ((u32)(((1ull << 32) + (w) / 2) / (w)))

static const u32 prio_to_weight[40] = {
	88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916,
	9548,  7620,  6100,  4904,  3906,  3121,  2501,	 1991,	1586,  1277,
	1024,  820,   655,   526,   423,   335,	  272,	 215,	172,   137,
	110,   87,    70,    56,    45,	   36,	  29,	 23,	18,    15,
};
static const u32 prio_to_inverse[40] = {
	INVERSE(88761), INVERSE(71755), INVERSE(56483), INVERSE(46273), INVERSE(36291),
	INVERSE(29154), INVERSE(23254), INVERSE(18705), INVERSE(14949), INVERSE(11916),
	INVERSE(9548),	INVERSE(7620),	INVERSE(6100),	INVERSE(4904),	INVERSE(3906),
	INVERSE(3121),	INVERSE(2501),	INVERSE(1991),	INVERSE(1586),	INVERSE(1277),
	INVERSE(1024),	INVERSE(820),	INVERSE(655),	INVERSE(526),	INVERSE(423),
	INVERSE(335),	INVERSE(272),	INVERSE(215),	INVERSE(172),	INVERSE(137),
	INVERSE(110),	INVERSE(87),	INVERSE(70),	INVERSE(56),	INVERSE(45),
	INVERSE(36),	INVERSE(29),	INVERSE(23),	INVERSE(18),	INVERSE(15),
};

void set_load_weight(struct task_struct *p)
{
	int nice_index = p->static_prio - MAX_RT_PRIO;

	if (task_has_idle_policy(p)) {
		p->se.load = (struct load_weight){ scale_load(WEIGHT_IDLEPRIO),
						   INVERSE(WEIGHT_IDLEPRIO) };
		return;
	}
	p->se.load = (struct load_weight){ scale_load(prio_to_weight[nice_index]),
					   prio_to_inverse[nice_index] };
}

static void update_inverse(struct load_weight *lw)
{
	u64 w = scale_load_down(lw->weight);

	if (likely(lw->inv_weight))
		return;
	lw->inv_weight = w >= WMULT_CONST ? 1 : w ? (u32)(WMULT_CONST / w) : WMULT_CONST;
}

/*
 * delta * weight / lw, the division being a multiplication by lw's 32-bit inverse; the factor is
 * cut to 32 bits first.
 */
u64 calc_delta(u64 delta, u64 weight, struct load_weight *lw)
{
	u64 factor = scale_load_down(weight);
	int shift = WMULT_SHIFT;

	update_inverse(lw);
	if (unlikely(factor >> 32)) {
		int bits = fls((u32)(factor >> 32));

		shift -= bits;
		factor >>= bits;
	}
	factor = (u64)(u32)factor * lw->inv_weight;
	if (factor >> 32) {
		int bits = fls((u32)(factor >> 32));

		shift -= bits;
		factor >>= bits;
	}
	return (u64)(((u128)delta * factor) >> shift);
}

/* Defaults of 6.1, scaled by 1 + log2(CPUs, at most 8). */
void sched_tunables_init(struct sched_root *root, u32 nr_cpus)
{
	u64 f = 1 + ilog2(min(nr_cpus, 8u));

	root->tune = (struct sched_tunables){
		.latency = 6000000 * f,
		.min_granularity = 750000 * f,
		.wakeup_granularity = 1000000 * f,
		.idle_min_granularity = 750000,
		.migration_cost = 500000,
		.nr_latency = 8,
		.rr_timeslice_ms = 100,
		.gentle_fair_sleepers = true,
		.start_debit = true,
		.wakeup_preemption = true,
		.last_buddy = true,
	};
}

struct sched_tunables *sched_tunables(struct kernel *k)
{
	return &k->sched->tune;
}

static int normal_prio(u32 policy, u32 rt_priority, int static_prio)
{
	return policy == SCHED_FIFO || policy == SCHED_RR ? MAX_RT_PRIO - 1 - (int)rt_priority :
							    static_prio;
}

/* Take p off for a change (P1, P2), and put it back. */
static void change_begin(struct rq *rq, struct task_struct *p, bool queued, bool running)
{
	if (queued)
		dequeue_task(rq, p, DEQUEUE_SAVE | DEQUEUE_MOVE);
	if (running)
		p->sched_class->put_prev_task(rq, p);
}

static void change_end(struct rq *rq, struct task_struct *p, bool queued, bool running, int flags)
{
	if (queued)
		enqueue_task(rq, p, ENQUEUE_RESTORE | ENQUEUE_MOVE | flags);
	if (running)
		p->sched_class->set_next_task(rq, p);
}

void set_user_nice(struct task_struct *p, long nice)
{
	bool queued, running;
	int old_prio;
	struct rq *rq;
	u64 flags;

	nice = min(max(nice, -20l), 19l);
	if (task_nice(p) == nice)
		return;
	rq = task_rq_lock(p, &flags);
	update_rq_clock(rq);
	old_prio = p->prio;
	queued = task_on_rq_queued(p);
	running = task_current(rq, p);
	change_begin(rq, p, queued, running);
	p->static_prio = DEFAULT_PRIO + (int)nice;
	set_load_weight(p);
	p->prio = p->normal_prio = normal_prio(p->policy, p->rt_priority, p->static_prio);
	change_end(rq, p, queued, running, 0);
	if (p->sched_class->prio_changed)
		p->sched_class->prio_changed(rq, p, old_prio);
	task_rq_unlock(rq, p, flags);
}

static bool attr_valid(const struct sched_attr *attr)
{
	switch (attr->policy) {
	case SCHED_FIFO:
	case SCHED_RR:
		return attr->priority >= 1 && attr->priority < MAX_RT_PRIO;
	case SCHED_NORMAL:
	case SCHED_BATCH:
	case SCHED_IDLE:
		return attr->priority == 0 && attr->nice >= -20 && attr->nice <= 19;
	default:
		return false;
	}
}

static void apply_attr(struct task_struct *p, const struct sched_attr *attr)
{
	p->policy = attr->policy;
	p->sched_reset_on_fork = attr->reset_on_fork;
	p->rt_priority = attr->priority;
	if (attr->policy != SCHED_FIFO && attr->policy != SCHED_RR)
		p->static_prio = DEFAULT_PRIO + attr->nice;
	p->prio = p->normal_prio = normal_prio(p->policy, p->rt_priority, p->static_prio);
	p->sched_class = rt_prio(p->prio) ? &rt_sched_class : &fair_sched_class;
	set_load_weight(p);
}

static void class_or_prio_changed(struct rq *rq, struct task_struct *p,
				  const struct sched_class *old_class, int old_prio)
{
	if (p->sched_class != old_class) {
		if (old_class->switched_from)
			old_class->switched_from(rq, p);
		p->sched_class->switched_to(rq, p);
		/* Out of the way of a lower class, into the way of a higher one. */
		if (task_on_rq_queued(p) && task_current(rq, p))
			resched_curr(rq);
		else if (task_on_rq_queued(p))
			check_preempt_curr(rq, p, 0);
	} else if (p->prio != old_prio) {
		p->sched_class->prio_changed(rq, p, old_prio);
	}
}

int sched_setattr(struct task_struct *p, const struct sched_attr *attr)
{
	const struct sched_class *old_class;
	bool queued, running;
	int old_prio;
	struct rq *rq;
	u64 flags;

	if (!attr_valid(attr) || (p->flags & PF_IDLE))
		return -EINVAL;
	rq = task_rq_lock(p, &flags);
	update_rq_clock(rq);
	old_prio = p->prio;
	old_class = p->sched_class;
	queued = task_on_rq_queued(p);
	running = task_current(rq, p);
	change_begin(rq, p, queued, running);
	apply_attr(p, attr);
	change_end(rq, p, queued, running, old_prio < p->prio ? ENQUEUE_HEAD : 0);
	class_or_prio_changed(rq, p, old_class, old_prio);
	task_rq_unlock(rq, p, flags);
	return 0;
}

int sched_setscheduler(struct task_struct *p, int policy, const struct sched_param *param)
{
	struct sched_attr attr = {
		.policy = (u32)policy,
		.priority = (u32)param->sched_priority,
		.nice = task_nice(p),
		.reset_on_fork = p->sched_reset_on_fork,
	};

	return sched_setattr(p, &attr);
}

u64 sched_rr_get_interval(struct task_struct *p)
{
	u64 flags, interval;
	struct rq *rq = task_rq_lock(p, &flags);

	interval = p->sched_class->get_rr_interval(rq, p);
	task_rq_unlock(rq, p, flags);
	return interval;
}

static u32 count_existing(const u64 mask[1024 / 64])
{
	u32 n = 0;

	for (u32 i = 0; i < nr_cpu_ids(); i++)
		n += cpumask_test(mask, i);
	return n;
}

static u32 first_online(const u64 mask[1024 / 64])
{
	for (u32 i = 0; i < nr_cpu_ids(); i++)
		if (cpumask_test(mask, i) && test_bit(i, kern()->sched->online_mask))
			return i;
	return nr_cpu_ids();
}

/*
 * A waiting task moves at once. A running one is marked for rescheduling and carried over by its
 * own switch (core.c): when p is current, it has moved on return; elsewhere it moves when its CPU
 * takes the IPI.
 */
int sched_setaffinity(struct task_struct *p, const u64 mask[1024 / 64])
{
	u32 existing = count_existing(mask), dest = first_online(mask);
	struct rq *rq;
	u64 flags;

	if (!existing || dest >= nr_cpu_ids())
		return -EINVAL;
	rq = task_rq_lock(p, &flags);
	update_rq_clock(rq);
	memcpy(p->cpus_mask, mask, sizeof(p->cpus_mask));
	p->nr_cpus_allowed = existing;
	if (!cpumask_test(mask, p->cpu)) {
		if (task_current(rq, p))
			resched_curr(rq);
		else if (task_on_rq_queued(p))
			rq = move_queued_task(rq, p, dest);
	}
	task_rq_unlock(rq, p, flags);
	if (p == current)
		cond_resched();
	return 0;
}

void yield(void)
{
	struct rq *rq;

	set_current_state(TASK_RUNNING);
	local_irq_disable();
	rq = this_rq();
	spin_lock(&rq->lock);
	update_rq_clock(rq);
	rq->yields++;
	current->sched_class->yield_task(rq);
	preempt_disable();
	spin_unlock_irq(&rq->lock);
	preempt_enable_no_resched();
	schedule();
}
