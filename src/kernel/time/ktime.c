/* SPDX-License-Identifier: MIT */
/*
 * The kernel's clocks, computed from the running CPU's cycle counter.
 *
 * Everybody asks; it asks the machine for the exact ratio and keeps no state of its own.
 *
 *   cycles 3,000,000,000 at 3.0 GHz -> ktime 1,000,000,000 ns -> jiffies 1000 -> epoch_s + 1
 *
 * T1 A CPU's clock never goes back; two CPUs' clocks differ by at most the engine's quantum while
 *    both run.
 * T2 jiffies is a function of the clock, not a counter somebody must advance: tickless idle loses
 *    none.
 *
 * Units: ns, ticks, seconds. Owner: none. Locking: none. Errors: none. Time: charges nothing (RDTSC
 * is below the model's grain). Source: Linux kernel/time/timekeeping.c for the meanings.
 */
#include "kernel/time/ktime.h"

#include "kernel/time/hrtimer.h"

u64 ktime_get(void)
{
	struct cpu *cpu = this_cpu();

	return cycles_to_ns(cpu->m, cpu->now);
}

u64 ktime_get_real(void)
{
	return kern()->time->wall_base + ktime_get();
}

u64 ktime_get_real_seconds(void)
{
	return ktime_get_real() / NSEC_PER_SEC;
}

u64 tick_nsec(void)
{
	return kern()->time->tick_ns;
}

u64 get_jiffies(void)
{
	return ktime_get() / kern()->time->tick_ns;
}
