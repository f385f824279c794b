/* SPDX-License-Identifier: MIT */
#ifndef SCHED_SCHED_H
#define SCHED_SCHED_H

/*
 * The scheduler as the rest of the kernel calls it: Linux's names and meanings. The run queues
 * themselves are sched/rq.h's.
 */

#include "kernel/time/hrtimer.h"
#include "kernel/time/ktime.h"
#include "sched/task.h"

#define MAX_SCHEDULE_TIMEOUT ((long)(~0ul >> 1))

/*
 * Bring-up, in this order on CPU 0: irq_init, time_init, alloc_init, sched_init, then for each CPU
 * irq_init_cpu and sched_init_cpu. sched_init makes the running (boot) stack's `current` the idle
 * task of CPU 0, installs the hooks and the pid table. 0 or -ENOMEM.
 */
int sched_init(struct kernel *k);
/*
 * Make CPU `cpu` schedulable: its idle task (current of CPU 0's boot stack for cpu 0) with a C
 * stack and a simulated kernel stack, RSP0. The CPU enters the engine's run set now and reaches its
 * idle loop when the machine runs. Needs irq_init_cpu(cpu) done. 0 or -ENOMEM.
 */
int sched_init_cpu(struct kernel *k, unsigned cpu);

/* --- giving the CPU away --- */
void schedule(void); /* may block: by current's state. BUG in atomic context. */
/*
 * Sleep in the state already set for at most `timeout` jiffies; returns what is left.
 * MAX_SCHEDULE_TIMEOUT: no limit.
 */
long schedule_timeout(long timeout);
long schedule_timeout_interruptible(long timeout);
long schedule_timeout_uninterruptible(long timeout);
void io_schedule(void); /* schedule() counted as waiting for I/O */
void yield(void);	/* sched_yield(2): current goes behind its equals */
bool need_resched(void);
/* Reschedule here if it is due; true if it did. */
bool cond_resched(void);
/* Set current's state; the waker's test of the condition comes after it in program order. */
static inline void set_current_state(u32 state)
{
	current->state = state;
}
#define __set_current_state(s) set_current_state(s)

/* --- waking --- */
#define WF_FORK 0x04
#define WF_TTWU 0x08
#define WF_MIGRATED 0x20
/*
 * Make p runnable if its state is in `state`. True when it was asleep and is runnable now. Any
 * context; takes pi and run-queue locks.
 */
bool try_to_wake_up(struct task_struct *p, unsigned state, int wake_flags);
bool wake_up_process(struct task_struct *p);		   /* TASK_NORMAL */
bool wake_up_state(struct task_struct *p, unsigned state); /* exactly these states */
void wake_up_new_task(struct task_struct *p);
/*
 * Wait until p is off every CPU and asleep in a state of match_state (0: any); for kthread_bind and
 * tests. May block.
 */
void wait_task_inactive(struct task_struct *p);

/* --- policy --- */
struct sched_param {
	int sched_priority;
};
struct sched_attr { /* what sched_setattr(2) knows of it here */
	u32 policy;
	s32 nice;
	u32 priority;
	bool reset_on_fork;
};
/* nice -20..19. */
void set_user_nice(struct task_struct *p, long nice);
static inline int task_nice(const struct task_struct *p)
{
	return p->static_prio - DEFAULT_PRIO;
}
/*
 * No permission checks: the caller's. -EINVAL for a policy or priority out of range (SCHED_DEADLINE
 * is absent).
 */
int sched_setscheduler(struct task_struct *p, int policy, const struct sched_param *param);
int sched_setattr(struct task_struct *p, const struct sched_attr *attr);
/*
 * RR interval in ns as sched_rr_get_interval(2): RR quantum, 0 for FIFO, the CFS slice otherwise.
 */
u64 sched_rr_get_interval(struct task_struct *p);
/*
 * mask: 1024 bits. Migrates p if it may not stay. -EINVAL when no existing CPU is in it. May block.
 */
int sched_setaffinity(struct task_struct *p, const u64 mask[1024 / 64]);
static inline bool cpumask_test(const u64 mask[1024 / 64], unsigned cpu)
{
	return (mask[cpu / 64] >> (cpu % 64)) & 1;
}

/* Mark CPU of rq's current for rescheduling, with an IPI when it is another CPU. Its lock held. */
void resched_curr(struct rq *rq);
void resched_cpu(unsigned cpu);

/* --- sleeping on the clock --- */
/*
 * Sleep until now + ns (HRTIMER_MODE_REL) or until monotonic time ns (ABS), interruptibly. 0:
 * slept. -EINTR after a signal: *remaining_ns (may be NULL) is what was left,
 * current->restart_block.expires the absolute end (so a restart sleeps on to the same moment).
 */
long hrtimer_nanosleep(u64 ns, enum hrtimer_mode mode, u64 *remaining_ns);
/*
 * schedule() with an absolute monotonic timeout (NULL: none). 0 when the timer expired, -EINTR when
 * woken before. State set by the caller.
 */
int schedule_hrtimeout(const u64 *expires_ns);
void msleep(unsigned ms);

/* --- time used --- */
/* ns of CPU time of p, current included up to now. */
u64 task_sched_runtime(struct task_struct *p);
/* user and system ns: sampled by ticks, scaled to the exact runtime. */
void task_cputime_adjusted(struct task_struct *p, u64 *utime, u64 *stime);
/* The same over all threads of p's group, dead ones included. */
void thread_group_cputime_adjusted(struct task_struct *p, u64 *utime, u64 *stime);

/* --- looking --- */
u32 nr_running(struct kernel *k); /* over all CPUs */
u64 nr_context_switches(struct kernel *k);
u32 nr_iowait(struct kernel *k);
u64 cpu_idle_ns(struct kernel *k, unsigned cpu);
struct task_struct *idle_task(struct kernel *k, unsigned cpu);
/*
 * /proc/loadavg's three averages, fixed point 11 bits, sampled every 5 s of virtual time at ticks.
 */
void get_avenrun(struct kernel *k, u64 loads[3]);
/* The letter of /proc/PID/stat: R S D T t Z X I. */
char task_state_to_char(const struct task_struct *p);

/*
 * Prove every invariant of the run queues and the process tree; panics the machine with the broken
 * one's name. O(tasks). Machine stacks; charges nothing, takes no lock; a queue that is locked at
 * the moment is passed over.
 */
void sched_check(struct kernel *k);
/* The same from any stack: true when all hold, else the first broken one is told in buf. */
bool sched_check_text(struct kernel *k, char *buf, u64 size_bytes);
/*
 * What every task is doing, one line each ("pid 7 sh: S in wait, cpu 1"), for the report of a
 * machine that can do nothing any more. Any stack. Returns the length written, at most size - 1;
 * always terminated when size > 0.
 */
u64 sched_report(struct kernel *k, char *buf, u64 size_bytes);

/* --- tunables (ns; /proc/sys/kernel) --- */
struct sched_tunables {
	u64 latency, min_granularity, wakeup_granularity, idle_min_granularity, migration_cost;
	u32 nr_latency;
	u32 rr_timeslice_ms;
	bool gentle_fair_sleepers, start_debit, wakeup_preemption, child_runs_first, last_buddy,
		next_buddy;
};
struct sched_tunables *sched_tunables(struct kernel *k);

#endif
