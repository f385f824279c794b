/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_IRQ_ROOT_H
#define KERNEL_IRQ_ROOT_H

/*
 * What the interrupt floor keeps for the whole machine; nobody outside src/kernel/irq looks inside.
 */

#include "kernel/irq/idt.h"
#include "kernel/irq/softirq.h"

struct irq_root {
	irq_handler_fn *handler[256];
	void (*softirq[NR_SOFTIRQS])(void);
	u64 spurious;
};

#endif
