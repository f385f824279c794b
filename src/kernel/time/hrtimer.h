/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_TIME_HRTIMER_H
#define KERNEL_TIME_HRTIMER_H

/*
 * High-resolution timers: one tree a CPU, the earliest expiry programmed into that CPU's LAPIC
 * one-shot, and the tick on top.
 */

#include "kernel/percpu/kernel.h"
#include "kernel/percpu/spinlock.h"
#include "kernel/time/ktime.h"
#include "lib/rbtree.h"

enum hrtimer_restart { HRTIMER_NORESTART, HRTIMER_RESTART };
enum hrtimer_mode {
	HRTIMER_MODE_ABS = 0,
	HRTIMER_MODE_REL = 1,
	HRTIMER_MODE_ABS_PINNED = 2,
	HRTIMER_MODE_REL_PINNED = 3
};

struct hrtimer {
	struct rb_node node; /* [b] base lock */
	u64 expires;	     /* monotonic ns [b] */
	/*
	 * Runs in hard interrupt context, IRQs off, base lock dropped. HRTIMER_RESTART re-queues at
	 * the (moved) expires.
	 */
	enum hrtimer_restart (*function)(struct hrtimer *timer);
	struct hrtimer_cpu_base *base; /* where it was last queued, NULL before [b] */
	bool queued;		       /* [b] */
	u8 clock_id;		       /* [I] */
};

struct hrtimer_cpu_base {
	spinlock_t lock;
	u32 cpu; /* [I] */
	struct rb_root_cached active;
	struct hrtimer *running; /* its function is being called */
	u64 programmed;		 /* expiry in the LAPIC, ns; U64_MAX: none */
	bool in_interrupt;	 /* hrtimer_interrupt programs at its end */
	u64 nr_events, nr_expired;
	/* the tick */
	struct hrtimer tick;
	bool tick_stopped, tick_user;
	u64 idle_entered, idle_ns; /* time with the tick stopped is idle time */
};

struct time_root {
	u64 tick_ns;   /* 10^9 / HZ */
	u64 wall_base; /* ns since 1970 at power-on */
};

/*
 * Per-CPU bases; installs the local timer vector. After irq_init. 0, -EINVAL (params.hz) or
 * -ENOMEM.
 */
int time_init(struct kernel *k);

/*
 * Prepare a timer; set ->function afterwards. clock_id CLOCK_MONOTONIC or CLOCK_REALTIME (absolute
 * times are converted).
 */
void hrtimer_init(struct hrtimer *timer, int clock_id, enum hrtimer_mode mode);
/*
 * Queue on this CPU (moved when already queued) to expire at `ns`, or `ns` from now; never early.
 * Any context; takes the base lock.
 */
void hrtimer_start(struct hrtimer *timer, u64 ns, enum hrtimer_mode mode);
/*
 * 1: was queued and is not any more; 0: was not queued; -1: its function is running on another CPU.
 */
int hrtimer_try_to_cancel(struct hrtimer *timer);
/* The same, waiting for a running function to end. Not from the function itself. Returns 0 or 1. */
int hrtimer_cancel(struct hrtimer *timer);
/* Queued or running. */
bool hrtimer_active(const struct hrtimer *timer);
/* ns until it expires, 0 when past. */
u64 hrtimer_get_remaining(const struct hrtimer *timer);
/* Move expires forward past now by whole intervals; returns how many. */
u64 hrtimer_forward(struct hrtimer *timer, u64 now, u64 interval_ns);

/* --- the tick (called by the idle loop and by bring-up; IRQs off) --- */
void tick_setup_cpu(void);	 /* start this CPU's tick on the common grid k * tick_nsec() */
void tick_nohz_idle_enter(void); /* stop it: an idle CPU has no periodic event */
void tick_nohz_idle_exit(void);	 /* resume on the grid */
/* The pt_regs test of the interrupt under way: did this CPU's timer interrupt CPL 3? */
bool tick_interrupted_user(void);

#endif
