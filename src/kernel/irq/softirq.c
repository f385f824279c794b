/* SPDX-License-Identifier: MIT */
/*
 * Work that an interrupt leaves for a moment with IRQs on.
 *
 * Interrupt handlers raise, irq_exit() and local_bh_enable() run; the functions are registered by
 * the floors at boot.
 *
 *   hard interrupt            raise_softirq(SCHED)     pending = 1 << 7
 *   irq_exit, outermost       pending taken, IRQs on, count + 0x100
 *     function may be interrupted; what is raised meanwhile runs in the next of 10 rounds
 *   IRQs as they were
 *
 * S1 A softirq function is never entered twice on one CPU: the softirq part of preempt_count keeps
 *    the second out.
 * S2 What is pending after MAX_ROUNDS stays pending for the next interrupt (Linux wakes ksoftirqd;
 *    absent here).
 *
 * Units: none. Owner: the CPU. Locking: IRQs off around the pending word. Errors: none. Time: the
 * functions charge their own work. Source: Linux kernel/softirq.c.
 */
#include "kernel/irq/softirq.h"

#include "kernel/irq/root.h"

#define MAX_ROUNDS 10

void open_softirq(struct kernel *k, unsigned nr, void (*fn)(void))
{
	BUG_ON(nr >= NR_SOFTIRQS);
	k->irq->softirq[nr] = fn;
}

void raise_softirq(unsigned nr)
{
	this_percpu()->softirq_pending |= 1ull << nr;
}

static void run_pending(struct irq_root *irq, u64 pending)
{
	for (unsigned nr = 0; nr < NR_SOFTIRQS; nr++)
		if ((pending >> nr & 1) && irq->softirq[nr])
			irq->softirq[nr]();
}

void do_softirq(void)
{
	struct percpu *pc = this_percpu();
	u64 flags;

	if (in_interrupt())
		return;
	flags = local_irq_save();
	pc->preempt_count += SOFTIRQ_OFFSET;
	for (int round = 0; pc->softirq_pending && round < MAX_ROUNDS; round++) {
		u64 pending = pc->softirq_pending;

		pc->softirq_pending = 0;
		local_irq_enable();
		run_pending(kern()->irq, pending);
		local_irq_disable();
	}
	pc->preempt_count -= SOFTIRQ_OFFSET;
	local_irq_restore(flags);
}

void local_bh_disable(void)
{
	this_percpu()->preempt_count += SOFTIRQ_OFFSET;
}

void local_bh_enable(void)
{
	struct percpu *pc = this_percpu();

	BUG_ON(pc->preempt_count < SOFTIRQ_OFFSET);
	/* Keep one count, so that the CPU stays ours until the softirqs ran. */
	pc->preempt_count -= SOFTIRQ_OFFSET - 1;
	if (pc->softirq_pending)
		do_softirq();
	preempt_enable();
}
