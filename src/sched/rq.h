/* SPDX-License-Identifier: MIT */
#ifndef SCHED_RQ_H
#define SCHED_RQ_H

/*
 * The scheduler's insides: run queues, the table every class fills, and the root. Only src/sched
 * includes it.
 *
 * Protection: [q] rq->lock, [o] written by the owning CPU only, [t] tasklist lock, [p] pid lock =
 * tasklist lock.
 */

#include "lib/bitmap.h"
#include "lib/xarray.h"
#include "sched/fork.h"
#include "sched/sched.h"
#include "sched/stats.h"

#define SCHED_FIXEDPOINT_SHIFT 10
#define NICE_0_LOAD (1024ull << SCHED_FIXEDPOINT_SHIFT)
#define scale_load(w) ((u64)(w) << SCHED_FIXEDPOINT_SHIFT)
#define scale_load_down(w) ((w) >> SCHED_FIXEDPOINT_SHIFT)

#define TASK_ON_RQ_QUEUED 1
#define TASK_ON_RQ_MIGRATING 2

#define DEQUEUE_SLEEP 0x01
#define DEQUEUE_SAVE 0x02 /* matches ENQUEUE_RESTORE */
#define DEQUEUE_MOVE 0x04
#define ENQUEUE_WAKEUP 0x01
#define ENQUEUE_RESTORE 0x02
#define ENQUEUE_MOVE 0x04
#define ENQUEUE_HEAD 0x10
#define ENQUEUE_MIGRATED 0x40

/*
 * CFS: tasks by virtual runtime. The running task is not in the tree but counts in load and
 * nr_running.
 */
struct cfs_rq {
	struct load_weight load; /* of all on_rq entities */
	u32 nr_running;
	u64 min_vruntime; /* never goes back */
	struct rb_root_cached timeline;
	struct sched_entity *curr, *last, *next, *skip;
};

/*
 * RT: one list a priority (0 is the highest), a bit for each that is not empty. The running task
 * stays on its list.
 */
struct rt_rq {
	struct list_head queue[MAX_RT_PRIO];
	unsigned long bitmap[BITS_TO_LONGS(MAX_RT_PRIO)];
	u32 nr_running;
};

struct rq {
	spinlock_t lock;
	u32 cpu;	  /* [I] */
	struct kernel *k; /* [I] */
	u32 nr_running;	  /* of all classes, idle not counted [q] */
	struct task_struct *curr, *idle;
	struct task_struct *switch_prev; /* who was left by the switch under way [o] */
	struct cfs_rq cfs;
	struct rt_rq rt;
	u64 clock;	 /* ns, never goes back [q] */
	u64 start_clock; /* when the CPU joined */
	u64 exec_ns,
		/* accounted so far; with curr's unaccounted part they make clock - start_clock */
		idle_ns;
	s64 nr_uninterruptible; /* summed over CPUs it is true */
	u32 nr_iowait;
	u64 nr_switches, nr_wakeups, nr_migrations_in, ticks, yields, run_delay_ns, pcount;
	u64 checked_min_vruntime; /* of the last sched_check */
};

/*
 * One scheduling policy. All under rq->lock with IRQs off unless said otherwise. Classes are asked
 * in order stop > deadline > rt > fair > idle; stop and deadline are absent.
 */
struct sched_class {
	const char *name;
	u8 rank; /* 0 is asked first */
	void (*enqueue_task)(struct rq *rq, struct task_struct *p, int flags);
	void (*dequeue_task)(struct rq *rq, struct task_struct *p, int flags);
	void (*yield_task)(struct rq *rq);
	/*
	 * p of this class became runnable while curr of this class runs: mark rq for rescheduling
	 * if p should run first.
	 */
	void (*check_preempt_curr)(struct rq *rq, struct task_struct *p, int wake_flags);
	/* The best runnable task, NULL when none; set_next_task is called on it afterwards. */
	struct task_struct *(*pick_next_task)(struct rq *rq);
	void (*put_prev_task)(struct rq *rq, struct task_struct *p);
	void (*set_next_task)(struct rq *rq, struct task_struct *p);
	/* A CPU p may run on; p->pi_lock held, no rq lock. */
	u32 (*select_task_rq)(struct task_struct *p, u32 cpu, int wake_flags);
	/* p leaves its queue's CPU for new_cpu; its rq lock need not be held. */
	void (*migrate_task_rq)(struct task_struct *p, u32 new_cpu);
	void (*task_tick)(struct rq *rq, struct task_struct *p);
	/* p is being forked by current: takes the lock itself. */
	void (*task_fork)(struct task_struct *p);
	void (*update_curr)(struct rq *rq);
	void (*switched_from)(struct rq *rq, struct task_struct *p);
	void (*switched_to)(struct rq *rq, struct task_struct *p);
	void (*prio_changed)(struct rq *rq, struct task_struct *p, int oldprio);
	u64 (*get_rr_interval)(struct rq *rq, struct task_struct *p);
};
extern const struct sched_class rt_sched_class, fair_sched_class, idle_sched_class;

struct pid_entry; /* pid.c */
struct kmem_cache;

struct sched_root {
	struct rq **rq;					 /* by CPU */
	unsigned long idle_mask[1024 / BITS_PER_LONG];	 /* CPUs that run their idle task */
	unsigned long online_mask[1024 / BITS_PER_LONG]; /* CPUs with sched_init_cpu done */
	struct sched_tunables tune;
	struct kmem_cache *task_cache, *pid_cache;
	const struct task_hooks *hooks[MAX_TASK_HOOKS];
	u32 nr_hooks;
	spinlock_t tasklist_lock;
	struct list_head tasks; /* leaders [t] */
	struct xarray pids;	/* number -> struct pid_entry [t] */
	unsigned long *pid_map; /* taken numbers [t] */
	s32 pid_max, last_pid;
	u64 next_seq, total_forks;
	u32 nr_tasks;		  /* not idle tasks, zombies counted [t] */
	struct task_struct *init; /* pid 1 */
	struct task_stats *stats_first, *stats_last;
	struct task_stats *stats_chunk; /* records not yet used */
	u32 stats_chunk_left;
	u64 stats_dropped;
	u64 avenrun[3], calc_load_update; /* fixed point; ns of the next sample */
};

static inline struct rq *cpu_rq(u32 cpu)
{
	return kern()->sched->rq[cpu];
}
static inline struct rq *this_rq(void)
{
	return this_percpu()->rq;
}
static inline struct rq *task_rq(const struct task_struct *p)
{
	return kern()->sched->rq[p->cpu];
}
static inline bool rt_prio(int prio)
{
	return prio < MAX_RT_PRIO;
}
static inline bool task_has_idle_policy(const struct task_struct *p)
{
	return p->policy == SCHED_IDLE;
}
static inline bool task_on_rq_queued(const struct task_struct *p)
{
	return p->on_rq == TASK_ON_RQ_QUEUED;
}
static inline bool task_current(const struct rq *rq, const struct task_struct *p)
{
	return rq->curr == p;
}

/* --- core.c --- */
void update_rq_clock(struct rq *rq);
/* p's run queue, locked, p->pi_lock too; flags for the way back. */
struct rq *task_rq_lock(struct task_struct *p, u64 *flags);
void task_rq_unlock(struct rq *rq, struct task_struct *p, u64 flags);
void enqueue_task(struct rq *rq, struct task_struct *p, int flags);
void dequeue_task(struct rq *rq, struct task_struct *p, int flags);
void activate_task(struct rq *rq, struct task_struct *p, int flags);
void deactivate_task(struct rq *rq, struct task_struct *p, int flags);
void check_preempt_curr(struct rq *rq, struct task_struct *p, int wake_flags);
/* p, not on a queue, belongs to new_cpu from now on. */
void set_task_cpu(struct task_struct *p, u32 new_cpu);
/*
 * A queued, not running p moves from rq (locked) to new_cpu; returns the new queue, locked instead.
 */
struct rq *move_queued_task(struct rq *rq, struct task_struct *p, u32 new_cpu);
bool idle_cpu(u32 cpu);
void sched_fork(struct task_struct *p);
void schedule_idle(void);
/* First thing a new task runs: ends the switch that started it. */
void schedule_tail(void);
/* Current never comes back: state TASK_DEAD. */
void do_task_dead(void) __noreturn;
/*
 * curr ran delta ns since its exec_start, which moves to now: the sum every class shares. Returns
 * delta.
 */
u64 account_exec(struct rq *rq, struct task_struct *curr);

/* What kernel_hooks gets from the scheduler. */
void sched_tick_hook(bool user);
void sched_preempt_hook(void);
void sched_preempt_irq_hook(void);

/* --- check.c --- */
void sched_check_now(struct kernel *k);
/* After every event when the configuration asks for it. Charges nothing. */
static inline void debug_check(struct kernel *k)
{
	if (unlikely(k->params.debug_checks))
		sched_check_now(k);
}

/* --- policy.c --- */
void set_load_weight(struct task_struct *p);
u64 calc_delta(u64 delta_exec, u64 weight, struct load_weight *lw);
void sched_tunables_init(struct sched_root *root, u32 nr_cpus);

/* --- fair.c, rt.c --- */
void init_cfs_rq(struct cfs_rq *cfs_rq);
void init_rt_rq(struct rt_rq *rt_rq);

/* --- balance.c --- */
/*
 * rq (locked, IRQs off) is about to idle: pull one fair task from the busiest CPU. May drop and
 * retake the lock. True if something came.
 */
bool newidle_balance(struct rq *rq);
/* At a tick of a CPU with tasks waiting: kick one idle CPU that may run one of them. */
void trigger_load_balance(struct rq *rq);

/* --- cputime.c --- */
void account_tick(struct task_struct *p, bool user);
void calc_global_load(struct kernel *k, u64 now);

/* --- pid.c; tasklist lock held where it says [t] --- */
int pid_init(struct kernel *k);
/* A number for task, cyclically the next free one. 0, -EAGAIN, -ENOMEM. Takes the lock. */
int alloc_pid(struct task_struct *task);
/* From now on the number names task. Tasklist lock held. */
void attach_pid(struct task_struct *task);
/* Give back a number never attached. Tasklist lock held. */
void free_pid(s32 nr);
/* The task has left; the number is free once no group or session uses it. [t] */
void detach_pid(struct task_struct *task);
/* Group and session of a new leader: its parent's. [t] */
void inherit_pgrp(struct task_struct *task, const struct task_struct *from);

/* --- stats.c --- */
void stats_open(struct task_struct *p);
void stats_close(struct task_struct *p);

/* --- fork.c, exit.c --- */
void free_task(struct task_struct *p);
void task_release_stacks(struct task_struct *p);
struct task_struct *alloc_idle_task(struct kernel *k, unsigned cpu);
void cpu_idle_loop(void *idle_task);

#endif
