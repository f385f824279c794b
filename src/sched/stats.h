/* SPDX-License-Identifier: MIT */
#ifndef SCHED_STATS_H
#define SCHED_STATS_H

/*
 * What each task did, kept after its death, in the order of creation: the figures of
 * /proc/PID/schedstat and of the stats JSON.
 */

#include "kernel/percpu/kernel.h"
#include "sched/task.h"

struct task_stats {
	struct task_stats *next;  /* by creation */
	struct task_struct *task; /* NULL once it is gone: the figures below are final */
	u64 seq;		  /* creation number, 1.. */
	s32 pid, tgid, ppid;	  /* ppid: at birth */
	char comm[TASK_COMM_LEN];
	bool kthread, exited;
	int exit_code;
	u64 start_ns, end_ns;
	u64 runtime_ns, run_delay_ns, pcount;
	u64 nvcsw, nivcsw, migrations;
	u64 utime_ns, stime_ns, min_flt, maj_flt;
	int prio, policy, nice;
};

struct cpu_stats {
	u64 now_ns;  /* the run queue's clock */
	u64 exec_ns; /* by tasks that are not idle */
	u64 idle_ns; /* by the idle task */
	u64 nr_switches, nr_wakeups, nr_migrations_in, ticks, yields;
	u64 run_delay_ns, pcount;
};

/* Call fn(arg, record) for every task ever made, in the order of creation; live ones with figures
 * up to their last accounting. The record is valid during the call. Any stack; charges nothing. */
void sched_stats_for_each(struct kernel *k, void (*fn)(void *arg, const struct task_stats *s),
			  void *arg);
/* The record after prev, NULL: the first one, with figures up to its last accounting. NULL after
 * the last. Any stack; charges nothing. */
const struct task_stats *sched_stats_next(struct kernel *k, const struct task_stats *prev);
/* What the record's task has run since its last accounting, up to the machine's time. */
u64 sched_stats_open_ns(struct kernel *k, const struct task_stats *s);
/* Records that could not be kept because the arena was used up. */
u64 sched_stats_dropped(struct kernel *k);
void sched_cpu_stats(struct kernel *k, unsigned cpu, struct cpu_stats *out);

#endif
