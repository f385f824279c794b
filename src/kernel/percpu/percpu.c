/* SPDX-License-Identifier: MIT */
/*
 * The end of a preemption-free section.
 *
 * spin_unlock() and everybody who used preempt_disable() calls it; it calls the scheduler through a
 * hook and knows no task.
 *
 *   count  1 -> 0, need_resched set, IF = 1   : schedule here
 *   count  1 -> 0, need_resched set, IF = 0   : not now; the interrupt return will
 *   count  2 -> 1                             : the outer section decides
 *
 * C1 The count never falls below zero.
 * C2 Nothing is charged between the fall to zero and the look at need_resched, so no wake-up is
 *    lost between them.
 *
 * Units: none. Owner: the CPU. Locking: own CPU only. Errors: BUG on underflow. Time: charges
 * nothing itself. Source: Linux include/linux/preempt.h, kernel/sched/core.c preempt_schedule.
 */
#include "kernel/percpu/percpu.h"

void preempt_enable(void)
{
	struct percpu *pc = this_percpu();
	struct kernel *k;

	BUG_ON(pc->preempt_count == 0);
	if (likely(--pc->preempt_count != 0 || !pc->need_resched) || irqs_disabled())
		return;
	k = kern();
	if (k->hooks.preempt_schedule)
		k->hooks.preempt_schedule();
}
