/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_TIME_KTIME_H
#define KERNEL_TIME_KTIME_H

/* The kernel's clocks, all exact ratios of the running CPU's TSC. */

#include "kernel/percpu/kernel.h"

#define NSEC_PER_SEC 1000000000ull
#define NSEC_PER_MSEC 1000000ull
#define NSEC_PER_USEC 1000ull
#define CLOCK_REALTIME 0
#define CLOCK_MONOTONIC 1

/* Nanoseconds since power-on by this CPU's clock (CLOCK_MONOTONIC, CLOCK_BOOTTIME). */
u64 ktime_get(void);
/* Nanoseconds since 1970: params.epoch_s at power-on. */
u64 ktime_get_real(void);
u64 ktime_get_real_seconds(void);
/*
 * Ticks since power-on: whole periods of 1/HZ, computed from the clock, so it never lags in
 * tickless idle.
 */
u64 get_jiffies(void);
u64 tick_nsec(void); /* 10^9 / HZ */

#endif
