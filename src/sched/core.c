/* SPDX-License-Identifier: MIT */
/*
 * The scheduler core: waking, choosing, switching.
 *
 * Everything that blocks or wakes calls it; it calls the class tables, the context switch and
 * hooks.switch_mm. It does not know how a class orders its tasks, nor what an address space is.
 *
 * A wake-up from CPU 0 of a task that last ran on CPU 1, and the switch there:
 *
 *   CPU 0                                        CPU 1 (idle, halted)
 *   try_to_wake_up(p)
 *     pi_lock; state S -> WAKING                 ...
 *     select_task_rq: 1 (previous and idle)
 *     rq1->lock; enqueue; state R
 *     idle < p: need_resched(1), IPI 0xfd  --->  leaves HLT, takes the IPI
 *     unlock                                     idle loop: __schedule: lock, pick p, switch
 *                                                p returns from schedule(): finish_task_switch
 *
 * States of a task, with the function on each edge:
 *
 *   NEW --wake_up_new_task--> ready <--__schedule--> running --__schedule, state != R--> sleeping
 *                               ^                       |                                   |
 *                               '---try_to_wake_up------|-----------------------------------'
 *                                                       '--do_task_dead--> DEAD
 *
 * C1 rq->lock is taken by the task that leaves and released by the task that arrives, on the same
 *    CPU, IRQs off between.
 * C2 on_rq and nr_running change together under rq->lock; a task is on at most one queue.
 * C3 on_cpu is set before the switch to a task and cleared after the switch away is complete; a
 *    waker that wants to move a task waits for that, so no stack runs on two CPUs.
 * C4 p->state is tested and set for wake-ups under p->pi_lock; lock order is pi_lock, then
 *    rq->lock; two queues in index order.
 * C5 need_resched is set under rq->lock, cleared only by __schedule on that CPU.
 * C6 rq->clock never goes back. All run time is measured along it, so executed plus idle time is
 *    exactly what passed.
 *
 * Clocks: each CPU has its own. A waker brings the other queue's clock to the later of its own time
 * and that CPU's; the CPU itself, if it was behind, finds the queue's clock ahead and accounts
 * nothing until it has caught up.
 *
 * Units: ns. Owner: run queues are the CPUs'. Locking: as above. Errors: none; broken rules are
 * BUGs. Time: COST_SWITCH_WORK once a switch, after it; COST_WAKEUP_WORK once a wake-up. Source:
 * Linux 6.1 kernel/sched/core.c for the protocol.
 */
#include "kernel/irq/idt.h"
#include "kernel/trace/tracepoints.h"
#include "sched/rq.h"

#include <string.h>

/* --- clocks and locks --- */

void update_rq_clock(struct rq *rq)
{
	struct cpu *self = this_cpu();
	u64 now = self->now;

	if (rq->cpu != self->index)
		now = max(now, self->m->cpu[rq->cpu]->now);
	now = cycles_to_ns(self->m, now);
	if (now > rq->clock)
		rq->clock = now;
}

struct rq *task_rq_lock(struct task_struct *p, u64 *flags)
{
	*flags = spin_lock_irqsave_flags(&p->pi_lock);
	for (;;) {
		struct rq *rq = task_rq(p);

		spin_lock(&rq->lock);
		if (likely(rq == task_rq(p) && p->on_rq != TASK_ON_RQ_MIGRATING))
			return rq;
		spin_unlock(&rq->lock);
	}
}

void task_rq_unlock(struct rq *rq, struct task_struct *p, u64 flags)
{
	spin_unlock(&rq->lock);
	spin_unlock_irqrestore(&p->pi_lock, flags);
}

u64 account_exec(struct rq *rq, struct task_struct *curr)
{
	u64 delta = rq->clock - curr->se.exec_start;

	curr->se.exec_start = rq->clock;
	curr->se.sum_exec_runtime += delta;
	if (curr == rq->idle)
		rq->idle_ns += delta;
	else
		rq->exec_ns += delta;
	return delta;
}

/* --- rescheduling --- */

bool need_resched(void)
{
	return this_percpu()->need_resched;
}

void resched_curr(struct rq *rq)
{
	struct percpu *pc = percpu_of(rq->k, rq->cpu);

	assert_spin_locked(&rq->lock);
	if (pc->need_resched)
		return;
	pc->need_resched = true;
	if (rq->cpu != smp_processor_id())
		smp_send_reschedule(rq->cpu);
}

void resched_cpu(unsigned cpu)
{
	struct rq *rq = cpu_rq(cpu);
	u64 flags = spin_lock_irqsave_flags(&rq->lock);

	resched_curr(rq);
	spin_unlock_irqrestore(&rq->lock, flags);
}

void check_preempt_curr(struct rq *rq, struct task_struct *p, int wake_flags)
{
	if (p->sched_class == rq->curr->sched_class)
		p->sched_class->check_preempt_curr(rq, p, wake_flags);
	else if (p->sched_class->rank < rq->curr->sched_class->rank)
		resched_curr(rq);
}

bool idle_cpu(u32 cpu)
{
	struct rq *rq = cpu_rq(cpu);

	return rq->curr == rq->idle && rq->nr_running == 0;
}

/* --- queueing --- */

static void sched_info_enqueue(struct rq *rq, struct task_struct *p)
{
	if (!p->sched_info.last_queued)
		p->sched_info.last_queued = rq->clock;
}

static void sched_info_dequeue(struct rq *rq, struct task_struct *p)
{
	if (!p->sched_info.last_queued)
		return;
	p->sched_info.run_delay += rq->clock - p->sched_info.last_queued;
	rq->run_delay_ns += rq->clock - p->sched_info.last_queued;
	p->sched_info.last_queued = 0;
}

static void sched_info_arrive(struct rq *rq, struct task_struct *p)
{
	u64 delay = p->sched_info.last_queued ? rq->clock - p->sched_info.last_queued : 0;

	p->sched_info.last_queued = 0;
	p->sched_info.run_delay += delay;
	p->sched_info.last_arrival = rq->clock;
	p->sched_info.pcount++;
	rq->run_delay_ns += delay;
	rq->pcount++;
	trace_sched_stat_wait((u32)p->pid, delay);
}

/* Only real tasks wait for a CPU; the idle task is what runs when nobody does. */
static void sched_info_switch(struct rq *rq, struct task_struct *prev, struct task_struct *next)
{
	if (prev != rq->idle && task_on_rq_queued(prev))
		sched_info_enqueue(rq, prev);
	if (next != rq->idle)
		sched_info_arrive(rq, next);
}

void enqueue_task(struct rq *rq, struct task_struct *p, int flags)
{
	if (!(flags & ENQUEUE_RESTORE))
		sched_info_enqueue(rq, p);
	p->sched_class->enqueue_task(rq, p, flags);
}

void dequeue_task(struct rq *rq, struct task_struct *p, int flags)
{
	if (!(flags & DEQUEUE_SAVE))
		sched_info_dequeue(rq, p);
	p->sched_class->dequeue_task(rq, p, flags);
}

void activate_task(struct rq *rq, struct task_struct *p, int flags)
{
	if (p->on_rq == TASK_ON_RQ_MIGRATING)
		flags |= ENQUEUE_MIGRATED;
	enqueue_task(rq, p, flags);
	p->on_rq = TASK_ON_RQ_QUEUED;
	rq->nr_running++;
}

void deactivate_task(struct rq *rq, struct task_struct *p, int flags)
{
	p->on_rq = (flags & DEQUEUE_SLEEP) ? 0 : TASK_ON_RQ_MIGRATING;
	BUG_ON(rq->nr_running == 0);
	rq->nr_running--;
	dequeue_task(rq, p, flags);
}

void set_task_cpu(struct task_struct *p, u32 new_cpu)
{
	if (p->cpu == new_cpu)
		return;
	BUG_ON(p->on_rq == TASK_ON_RQ_QUEUED);
	trace_sched_migrate_task((u32)p->pid, (u16)p->prio, p->cpu, new_cpu);
	if (p->sched_class->migrate_task_rq)
		p->sched_class->migrate_task_rq(p, new_cpu);
	p->se.nr_migrations++;
	p->cpu = new_cpu;
	p->wake_cpu = new_cpu;
	p->se.cfs_rq = &cpu_rq(new_cpu)->cfs;
	cpu_rq(new_cpu)->nr_migrations_in++;
}

struct rq *move_queued_task(struct rq *rq, struct task_struct *p, u32 new_cpu)
{
	assert_spin_locked(&rq->lock);
	BUG_ON(task_current(rq, p) || p->on_cpu);
	deactivate_task(rq, p, 0);
	set_task_cpu(p, new_cpu);
	spin_unlock(&rq->lock);
	rq = cpu_rq(new_cpu);
	spin_lock(&rq->lock);
	update_rq_clock(rq);
	activate_task(rq, p, 0);
	check_preempt_curr(rq, p, 0);
	return rq;
}

/* --- waking --- */

static u32 fallback_rq(const struct task_struct *p)
{
	const struct sched_root *root = kern()->sched;

	for (u32 i = 0; i < nr_cpu_ids(); i++)
		if (test_bit(i, root->online_mask) && cpumask_test(p->cpus_mask, i))
			return i;
	return p->cpu;
}

static u32 select_task_rq(struct task_struct *p, u32 cpu, int wake_flags)
{
	if (p->nr_cpus_allowed > 1)
		cpu = p->sched_class->select_task_rq(p, cpu, wake_flags);
	else
		cpu = fallback_rq(p);
	if (unlikely(!cpumask_test(p->cpus_mask, cpu) ||
		     !test_bit(cpu, kern()->sched->online_mask)))
		cpu = fallback_rq(p);
	return cpu;
}

static void ttwu_do_wakeup(struct rq *rq, struct task_struct *p, int wake_flags)
{
	check_preempt_curr(rq, p, wake_flags);
	p->state = TASK_RUNNING;
	rq->nr_wakeups++;
	trace_sched_wakeup((u32)p->pid, (u16)p->prio, (u16)p->cpu);
}

/* p is still on a queue: it set its state to sleep but has not left. True when that was so. */
static bool ttwu_runnable(struct task_struct *p, int wake_flags)
{
	struct rq *rq;
	bool queued;

	for (;;) {
		rq = task_rq(p);
		spin_lock(&rq->lock);
		if (rq == task_rq(p) && p->on_rq != TASK_ON_RQ_MIGRATING)
			break;
		spin_unlock(&rq->lock);
	}
	queued = task_on_rq_queued(p);
	if (queued) {
		update_rq_clock(rq);
		ttwu_do_wakeup(rq, p, wake_flags);
	}
	spin_unlock(&rq->lock);
	return queued;
}

/*
 * p left its queue but its CPU still stands on its stack: leave the run set until
 * finish_task_switch() there says otherwise.
 */
static void wait_off_cpu(struct task_struct *p)
{
	while (p->on_cpu) {
		p->on_cpu_waiter = smp_processor_id() + 1;
		engine_spin(this_cpu());
		charge(COST_LOCK_RETRY);
	}
	p->on_cpu_waiter = 0;
}

static void ttwu_queue(struct task_struct *p, u32 cpu, int wake_flags)
{
	struct rq *rq = cpu_rq(cpu);

	spin_lock(&rq->lock);
	update_rq_clock(rq);
	activate_task(rq, p, ENQUEUE_WAKEUP | ((wake_flags & WF_MIGRATED) ? ENQUEUE_MIGRATED : 0));
	ttwu_do_wakeup(rq, p, wake_flags);
	spin_unlock(&rq->lock);
}

static void ttwu_sleeping(struct task_struct *p, int wake_flags)
{
	struct rq *old = task_rq(p);
	u32 cpu;

	if (p->state & TASK_UNINTERRUPTIBLE)
		old->nr_uninterruptible--;
	if (p->in_iowait)
		old->nr_iowait--;
	p->state = TASK_WAKING;
	wait_off_cpu(p);
	cpu = select_task_rq(p, p->wake_cpu, wake_flags | WF_TTWU);
	if (p->cpu != cpu) {
		wake_flags |= WF_MIGRATED;
		set_task_cpu(p, cpu);
	}
	ttwu_queue(p, cpu, wake_flags);
}

/* A task that wakes itself between setting its state and schedule(): nothing to queue. */
static bool wake_current(struct task_struct *p, unsigned state)
{
	if (!(p->state & state))
		return false;
	trace_sched_waking((u32)p->pid, (u16)p->prio, (u16)p->cpu);
	p->state = TASK_RUNNING;
	trace_sched_wakeup((u32)p->pid, (u16)p->prio, (u16)p->cpu);
	return true;
}

bool try_to_wake_up(struct task_struct *p, unsigned state, int wake_flags)
{
	bool success = false;
	u64 flags;

	preempt_disable();
	if (p == current && p->on_rq) {
		success = wake_current(p, state);
		preempt_enable();
		return success;
	}
	flags = spin_lock_irqsave_flags(&p->pi_lock);
	if (p->state & state) {
		success = true;
		trace_sched_waking((u32)p->pid, (u16)p->prio, (u16)p->cpu);
		if (!p->on_rq || !ttwu_runnable(p, wake_flags))
			ttwu_sleeping(p, wake_flags);
	}
	spin_unlock_irqrestore(&p->pi_lock, flags);
	if (success)
		charge(COST_WAKEUP_WORK);
	debug_check(kern());
	preempt_enable();
	return success;
}

bool wake_up_process(struct task_struct *p)
{
	/* A kernel thread waits for its first wake-up without ever having run. */
	if (p->state == TASK_NEW && p->kthread) {
		wake_up_new_task(p);
		return true;
	}
	return try_to_wake_up(p, TASK_NORMAL, 0);
}

bool wake_up_state(struct task_struct *p, unsigned state)
{
	return try_to_wake_up(p, state, 0);
}

void wake_up_new_task(struct task_struct *p)
{
	u64 flags = spin_lock_irqsave_flags(&p->pi_lock);
	u32 cpu = select_task_rq(p, p->cpu, WF_FORK);
	struct rq *rq;

	BUG_ON(p->state != TASK_NEW);
	p->state = TASK_RUNNING;
	if (p->cpu != cpu) {
		/* Its vruntime is relative already: no migration, only a first place. */
		p->cpu = cpu;
		p->se.cfs_rq = &cpu_rq(cpu)->cfs;
	}
	p->wake_cpu = cpu;
	rq = cpu_rq(cpu);
	spin_lock(&rq->lock);
	update_rq_clock(rq);
	activate_task(rq, p, 0);
	trace_sched_wakeup_new((u32)p->pid, (u16)p->prio, (u16)cpu);
	check_preempt_curr(rq, p, WF_FORK);
	spin_unlock(&rq->lock);
	spin_unlock_irqrestore(&p->pi_lock, flags);
	charge(COST_WAKEUP_WORK);
}

void wait_task_inactive(struct task_struct *p)
{
	while (p->on_rq || p->on_cpu)
		schedule_timeout_uninterruptible(1);
}

void sched_fork(struct task_struct *p)
{
	u64 flags;

	p->state = TASK_NEW;
	p->on_rq = 0;
	p->on_cpu = 0;
	memset(&p->se, 0, sizeof(p->se));
	memset(&p->rt, 0, sizeof(p->rt));
	memset(&p->sched_info, 0, sizeof(p->sched_info));
	INIT_LIST_HEAD(&p->rt.run_list);
	RB_CLEAR_NODE(&p->se.run_node);
	p->nvcsw = p->nivcsw = p->utime = p->stime = 0;
	p->prio = p->normal_prio;
	if (p->sched_reset_on_fork) {
		if (rt_prio(p->prio)) {
			p->policy = SCHED_NORMAL;
			p->static_prio = DEFAULT_PRIO;
			p->rt_priority = 0;
		} else if (p->static_prio < DEFAULT_PRIO) {
			p->static_prio = DEFAULT_PRIO;
		}
		p->prio = p->normal_prio = p->static_prio;
		p->sched_reset_on_fork = 0;
	}
	p->sched_class = rt_prio(p->prio) ? &rt_sched_class : &fair_sched_class;
	set_load_weight(p);
	flags = local_irq_save();
	p->cpu = p->wake_cpu = smp_processor_id();
	p->se.cfs_rq = &cpu_rq(p->cpu)->cfs;
	if (p->sched_class->task_fork)
		p->sched_class->task_fork(p);
	local_irq_restore(flags);
}

/* --- the tick --- */

void sched_tick_hook(bool user)
{
	struct rq *rq = this_rq();
	struct task_struct *curr = rq->curr;

	spin_lock(&rq->lock);
	update_rq_clock(rq);
	rq->ticks++;
	account_tick(curr, user);
	curr->sched_class->task_tick(rq, curr);
	spin_unlock(&rq->lock);
	calc_global_load(rq->k, rq->clock);
	trigger_load_balance(rq);
	debug_check(rq->k);
}

/* --- the switch --- */

/*
 * prev may not run here any more (sched_setaffinity): it was taken off at the switch and arrives
 * elsewhere now. IRQs off.
 */
static void carry_over(struct task_struct *prev)
{
	u32 dest = fallback_rq(prev);
	struct rq *rq;

	set_task_cpu(prev, dest);
	rq = cpu_rq(dest);
	spin_lock(&rq->lock);
	update_rq_clock(rq);
	activate_task(rq, prev, 0);
	check_preempt_curr(rq, prev, 0);
	spin_unlock(&rq->lock);
}

/*
 * First part after a switch, on the stack of the task that arrives. IRQs off and rq locked on
 * entry; both undone.
 */
static void finish_task_switch(void)
{
	struct rq *rq = this_rq();
	struct task_struct *prev = rq->switch_prev;
	u32 prev_state;
	bool carry;

	rq->switch_prev = NULL;
	charge(COST_SWITCH_WORK);
	prev_state = prev->state;
	carry = prev->on_rq == TASK_ON_RQ_MIGRATING;
	prev->on_cpu = 0;
	if (prev->on_cpu_waiter)
		engine_unspin(this_machine(), prev->on_cpu_waiter - 1, this_cpu()->now);
	spin_unlock(&rq->lock);
	if (unlikely(carry))
		carry_over(prev);
	debug_check(rq->k);
	local_irq_enable();
	if (unlikely(prev_state == TASK_DEAD)) {
		task_release_stacks(prev);
		put_task_struct(prev);
	}
}

/*
 * A plain assignment is a REP MOVS, whose start alone costs more than these 26 loads and stores.
 */
static void copy_fpu(struct fpu *to, const struct fpu *from)
{
	typedef u64 chunk __attribute__((vector_size(16), may_alias));
	const chunk *src = (const chunk *)from;
	chunk *dst = (chunk *)to;

	_Static_assert(sizeof(*to) % sizeof(chunk) == 0, "whole chunks");
#pragma GCC unroll 32
	for (unsigned i = 0; i < sizeof(*to) / sizeof(chunk); i++)
		dst[i] = src[i];
}

/*
 * The simulated registers a task owns while it is in the kernel, and the user's that no pt_regs
 * holds.
 */
static void switch_cpu_state(struct cpu *cpu, struct task_struct *prev, struct task_struct *next)
{
	const u32 no_user_state = PF_KTHREAD | PF_IDLE;

	prev->thread.sp = cpu->r[RSP];
	prev->thread.ip = cpu->rip;
	if (!(prev->flags & no_user_state)) {
		prev->thread.fsbase = cpu->r[REG_FSBASE];
		prev->thread.gsbase = cpu->kernel_gs_base;
		copy_fpu(&prev->thread.fpu, &cpu->fpu);
	}
	cpu->r[RSP] = next->thread.sp;
	cpu->rip = next->thread.ip;
	if (!(next->flags & no_user_state)) {
		cpu->r[REG_FSBASE] = next->thread.fsbase;
		cpu->kernel_gs_base = next->thread.gsbase;
		copy_fpu(&cpu->fpu, &next->thread.fpu);
	}
	set_kernel_stack(cpu->kernel_percpu, next->thread.sp0_va);
}

static void switch_address_space(struct kernel *k, struct task_struct *prev,
				 struct task_struct *next)
{
	next->active_mm = next->mm ? next->mm : prev->active_mm;
	if (k->hooks.switch_mm)
		k->hooks.switch_mm(prev->active_mm, next->mm, next);
	if (!prev->mm)
		prev->active_mm = NULL;
}

static void context_switch(struct rq *rq, struct task_struct *prev, struct task_struct *next)
{
	struct cpu *cpu = this_cpu();

	next->on_cpu = 1;
	rq->switch_prev = prev;
	switch_address_space(rq->k, prev, next);
	switch_cpu_state(cpu, prev, next);
	stack_switch(cpu, prev->stack, next->stack);
	/* prev again, perhaps elsewhere and long after. */
	finish_task_switch();
}

void schedule_tail(void)
{
	finish_task_switch();
	preempt_enable();
}

static struct task_struct *pick_next_task(struct rq *rq, struct task_struct *prev)
{
	static const struct sched_class *const order[] = { &rt_sched_class, &fair_sched_class,
							   &idle_sched_class };
	struct task_struct *p;

	if (rq->nr_running == 0)
		newidle_balance(rq);
	prev->sched_class->put_prev_task(rq, prev);
	for (unsigned i = 0; i < ARRAY_SIZE(order); i++) {
		p = order[i]->pick_next_task(rq);
		if (p) {
			p->sched_class->set_next_task(rq, p);
			return p;
		}
	}
	machine_bug(__FILE__, __LINE__, "the idle class always has a task");
}

/* Leaves its queue because of its state; a signal that forbids the sleep keeps it running. */
static void block_prev(struct rq *rq, struct task_struct *prev)
{
	if (signal_pending_state(prev->state, prev)) {
		prev->state = TASK_RUNNING;
		return;
	}
	if (prev->state & TASK_UNINTERRUPTIBLE)
		rq->nr_uninterruptible++;
	if (prev->in_iowait)
		rq->nr_iowait++;
	deactivate_task(rq, prev, DEQUEUE_SLEEP);
}

static void schedule_debug(const struct rq *rq, const struct task_struct *prev)
{
	if (unlikely(prev != rq->curr || prev->stack != stack_here() ||
		     this_percpu()->preempt_count != 1))
		machine_panic(rq->k->m, "scheduling while atomic: %s/%d, preempt_count %#x",
			      prev->comm, prev->pid, this_percpu()->preempt_count);
	stack_check();
}

static void __schedule(bool preempt)
{
	struct task_struct *prev = current, *next;
	struct rq *rq = this_rq();
	u64 *switch_count = &prev->nivcsw;
	u32 prev_state;

	schedule_debug(rq, prev);
	local_irq_disable();
	spin_lock(&rq->lock);
	update_rq_clock(rq);
	prev_state = prev->state;
	if (!preempt && prev_state) {
		block_prev(rq, prev);
		switch_count = &prev->nvcsw;
	}
	if (unlikely(prev != rq->idle && prev->on_rq && !cpumask_test(prev->cpus_mask, rq->cpu)))
		deactivate_task(rq, prev, 0);
	next = pick_next_task(rq, prev);
	this_percpu()->need_resched = false;
	if (likely(prev != next)) {
		rq->nr_switches++;
		++*switch_count;
		rq->curr = next;
		assign_bit(rq->cpu, rq->k->sched->idle_mask, next == rq->idle);
		sched_info_switch(rq, prev, next);
		trace_sched_switch((u32)prev->pid, (u16)prev->prio, (u16)prev_state, (u32)next->pid,
				   (u16)next->prio);
		context_switch(rq, prev, next);
	} else {
		spin_unlock_irq(&rq->lock);
	}
}

void schedule(void)
{
	do {
		preempt_disable();
		__schedule(false);
		preempt_enable_no_resched();
	} while (need_resched());
}

void schedule_idle(void)
{
	do {
		__schedule(false);
	} while (need_resched());
}

void do_task_dead(void)
{
	struct task_struct *t = current;
	u64 flags;

	/*
	 * From here on no preemption: it would switch away with TASK_DEAD seen, the stack freed,
	 * and the task still queued.
	 */
	preempt_disable();
	flags = spin_lock_irqsave_flags(&t->pi_lock);
	/* A waker that saw an earlier state has finished with it. */
	t->state = TASK_DEAD;
	spin_unlock_irqrestore(&t->pi_lock, flags);
	__schedule(false);
	machine_bug(__FILE__, __LINE__, "a dead task was scheduled");
}

bool cond_resched(void)
{
	if (this_percpu()->preempt_count != 0 || !need_resched())
		return false;
	do {
		preempt_disable();
		__schedule(true);
		preempt_enable_no_resched();
	} while (need_resched());
	return true;
}

void sched_preempt_hook(void)
{
	do {
		preempt_disable();
		__schedule(true);
		preempt_enable_no_resched();
	} while (need_resched());
}

void sched_preempt_irq_hook(void)
{
	do {
		preempt_disable();
		local_irq_enable();
		__schedule(true);
		local_irq_disable();
		preempt_enable_no_resched();
	} while (need_resched());
}
