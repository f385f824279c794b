/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_IRQ_SOFTIRQ_H
#define KERNEL_IRQ_SOFTIRQ_H

/*
 * Deferred interrupt work: per-CPU bits, run with IRQs on when the outermost hard interrupt ends or
 * bottom halves are enabled.
 */

#include "kernel/percpu/percpu.h"

enum { /* Linux's numbers */
       HI_SOFTIRQ,
       TIMER_SOFTIRQ,
       NET_TX_SOFTIRQ,
       NET_RX_SOFTIRQ,
       BLOCK_SOFTIRQ,
       IRQ_POLL_SOFTIRQ,
       TASKLET_SOFTIRQ,
       SCHED_SOFTIRQ,
       HRTIMER_SOFTIRQ,
       RCU_SOFTIRQ,
       NR_SOFTIRQS
};

/* fn runs on the CPU that raised it, IRQs on, in_interrupt() true; it may not sleep. */
void open_softirq(struct kernel *k, unsigned nr, void (*fn)(void));
/*
 * Mark nr pending on this CPU; it runs at the end of the interrupt, or at the next one when none is
 * active.
 */
void raise_softirq(unsigned nr);
/* Run what is pending now, unless in an interrupt. IRQs in any state; preserved. */
void do_softirq(void);
/* Keep softirqs off this CPU; enabling runs those that were raised meanwhile. */
void local_bh_disable(void);
void local_bh_enable(void);

#endif
