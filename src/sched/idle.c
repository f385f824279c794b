/* SPDX-License-Identifier: MIT */
/*
 * What a CPU does when there is nothing to do.
 *
 * The core picks the idle task when every class is empty; it calls the tick's stop and start and
 * the engine's HLT.
 *
 *   cpu_idle:  IRQs off -> tick off -> [need_resched? no] -> HLT ... IRQs on (it runs) -> IRQs off
 *                                      [yes] -> tick on -> schedule
 *
 * I1 From the last look at need_resched to HLT interrupts are off: a wake-up between them makes HLT
 *    return at once.
 * I2 While a CPU halts it has no periodic event, so a machine of halted CPUs without timers has an
 *    empty queue: a deadlock, and reported.
 * I3 The idle task never sleeps, is never queued, and runs with preempt_count 1: only the loop
 *    itself gives the CPU away.
 *
 * Units: none. Owner: the CPU. Locking: IRQs off. Errors: none. Time: the engine adds
 * COST_HLT_WAKE. Source: Linux kernel/sched/idle.c.
 */
#include "kernel/time/hrtimer.h"
#include "sched/rq.h"

static void idle_until_resched(void)
{
	while (!need_resched()) {
		engine_halt(this_cpu());
		charge_cycles(0);
		local_irq_enable();
		local_irq_disable();
	}
}

/* Nobody switched to the first stack of a CPU, so it sets its simulated registers itself. */
static void adopt_cpu(const struct task_struct *idle)
{
	struct cpu *cpu = this_cpu();

	local_irq_disable();
	cpu->r[RSP] = idle->thread.sp;
	cpu->rip = idle->thread.ip;
}

/* The bottom of an idle task's stack. */
void cpu_idle_loop(void *arg)
{
	adopt_cpu(arg);
	tick_setup_cpu();
	for (;;) {
		tick_nohz_idle_enter();
		idle_until_resched();
		tick_nohz_idle_exit();
		schedule_idle();
		local_irq_disable();
	}
}

static void no_enqueue(struct rq *rq, struct task_struct *p, int flags)
{
	(void)p;
	(void)flags;
	machine_panic(rq->k->m, "the idle task of cpu %u was queued or made to sleep", rq->cpu);
}
static void no_yield(struct rq *rq)
{
	(void)rq;
}
static void check_preempt_curr_idle(struct rq *rq, struct task_struct *p, int wake_flags)
{
	(void)p;
	(void)wake_flags;
	resched_curr(rq);
}
static struct task_struct *pick_next_task_idle(struct rq *rq)
{
	return rq->idle;
}
static void update_curr_idle(struct rq *rq)
{
	account_exec(rq, rq->curr);
}
static void put_prev_task_idle(struct rq *rq, struct task_struct *p)
{
	account_exec(rq, p);
}
static void set_next_task_idle(struct rq *rq, struct task_struct *p)
{
	p->se.exec_start = rq->clock;
}
static void task_tick_idle(struct rq *rq, struct task_struct *p)
{
	account_exec(rq, p);
}
static u32 select_task_rq_idle(struct task_struct *p, u32 cpu, int wake_flags)
{
	(void)cpu;
	(void)wake_flags;
	return p->cpu;
}
static u64 get_rr_interval_idle(struct rq *rq, struct task_struct *p)
{
	(void)rq;
	(void)p;
	return 0;
}

const struct sched_class idle_sched_class = {
	.name = "idle",
	.rank = 4,
	.enqueue_task = no_enqueue,
	.dequeue_task = no_enqueue,
	.yield_task = no_yield,
	.check_preempt_curr = check_preempt_curr_idle,
	.pick_next_task = pick_next_task_idle,
	.put_prev_task = put_prev_task_idle,
	.set_next_task = set_next_task_idle,
	.select_task_rq = select_task_rq_idle,
	.task_tick = task_tick_idle,
	.update_curr = update_curr_idle,
	.get_rr_interval = get_rr_interval_idle,
};
