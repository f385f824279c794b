/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_TIME_DELAY_H
#define KERNEL_TIME_DELAY_H

#include "lib/types.h"

/*
 * Do nothing but use `cycles` of the CPU, like a loop of that many one-cycle instructions:
 * interrupts arrive inside it on time (IF = 1), other CPUs interleave exactly, preemption and
 * migration may happen, and time spent elsewhere does not count. O(1) host time between two
 * interrupts, however many cycles. charge_cycles() is for the short costs of the kernel's own
 * operations; this is for work.
 */
void compute_cycles(u64 cycles);
/* The same in nanoseconds, rounded up. */
void compute_ns(u64 ns);

#endif
