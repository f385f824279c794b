/* SPDX-License-Identifier: MIT */
#ifndef SCHED_TASK_H
#define SCHED_TASK_H

/*
 * task_struct: what the scheduler and the process tree need. Everything else a task has hangs off
 * forward-declared pointers that their own floors define.
 *
 * Protection: [I] immutable once visible, [q] lock of the task's run queue, [t] tasklist lock, [s]
 * self (current) only, [w] pi/wakeup lock.
 */

#include "hw/cpu.h"
#include "kernel/percpu/spinlock.h"
#include "lib/list.h"
#include "lib/rbtree.h"
#include "lib/types.h"
#include "sched/wait.h"

struct mm_struct;
struct files_struct;
struct fs_struct;
struct signal_struct;
struct sighand_struct;
struct cred;
struct nsproxy;
struct cgroup;
struct sched_class;
struct cfs_rq;
struct rt_rq;
struct rq;
struct pt_regs;
struct completion;
struct kthread;
struct task_stats;
struct kernel_clone_args;

#define TASK_RUNNING 0x0
#define TASK_INTERRUPTIBLE 0x1
#define TASK_UNINTERRUPTIBLE 0x2
#define __TASK_STOPPED 0x4
#define __TASK_TRACED 0x8
#define EXIT_DEAD 0x10
#define EXIT_ZOMBIE 0x20
#define TASK_DEAD 0x80
#define TASK_WAKEKILL 0x100
#define TASK_WAKING 0x200 /* woken, on its way to a run queue */
#define TASK_NEW 0x800
#define TASK_KILLABLE (TASK_WAKEKILL | TASK_UNINTERRUPTIBLE)
#define TASK_STOPPED (TASK_WAKEKILL | __TASK_STOPPED)
#define TASK_NORMAL (TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE)

#define PF_EXITING 0x4u
#define PF_KTHREAD 0x200000u
#define PF_IDLE 0x2u
#define PF_FORKNOEXEC 0x40u
#define PF_NATIVE 0x10000000u /* osim: the user side is a C function of the embedder */

#define MAX_RT_PRIO 100
#define DEFAULT_PRIO 120
#define MAX_PRIO 140
#define SCHED_NORMAL 0
#define SCHED_FIFO 1
#define SCHED_RR 2
#define SCHED_BATCH 3
#define SCHED_IDLE 5
#define SCHED_DEADLINE 6

#define TASK_COMM_LEN 16
#define THREAD_SIZE 16384u /* simulated kernel stack, bytes in RAM */

struct load_weight {
	u64 weight;
	u32 inv_weight;
};

struct sched_entity {
	struct load_weight load;				 /* [q] */
	struct rb_node run_node;				 /* [q] */
	u8 on_rq;						 /* [q] */
	u64 exec_start, sum_exec_runtime, prev_sum_exec_runtime; /* ns [q] */
	u64 vruntime;						 /* ns of nice-0 time [q] */
	u64 nr_migrations;
	struct cfs_rq *cfs_rq;
};

struct sched_rt_entity {
	struct list_head run_list; /* [q] */
	u32 time_slice;		   /* ticks [q] */
	u32 queue_prio;		   /* the list it is on [q] */
	bool on_rq;
};

struct sched_info {					  /* as /proc/<pid>/schedstat */
	u64 pcount, run_delay, last_arrival, last_queued; /* ns */
};

/* What the context switch saves besides the C stack. */
struct thread_struct {
	u64 fsbase, gsbase;
	u64 sp0_va;	/* simulated kernel stack top (direct map) */
	u64 sp, ip;	/* simulated RSP and RIP while switched out */
	struct fpu fpu; /* user x87/SSE state while not loaded */
};

/* How an interrupted call goes on after a signal without handler: restart_syscall(2) calls fn. */
struct restart_block {
	long (*fn)(struct restart_block *restart);
	u64 expires; /* monotonic ns, absolute */
	u64 rmtp;    /* user address for the remaining time, 0: none */
	int clock_id;
};

struct task_struct {
	u32 state;		  /* __state [q][w] */
	u32 flags;		  /* PF_* [s] */
	struct stack *stack;	  /* the C stack [I] */
	struct page *kstack_page; /* simulated kernel stack, order 2 [I] */
	u32 cpu;		  /* [q] */
	u8 on_cpu;		  /* running on task->cpu */
	u8 on_rq;		  /* [q] */
	u8 sched_reset_on_fork;
	int prio, static_prio, normal_prio; /* [q] */
	u32 rt_priority, policy;
	const struct sched_class *sched_class;
	struct sched_entity se;
	struct sched_rt_entity rt;
	struct sched_info sched_info;
	u64 cpus_mask[1024 / 64]; /* allowed CPUs [q] */
	u32 nr_cpus_allowed;
	u64 nvcsw, nivcsw;
	u64 utime, stime;	      /* ns */
	u64 start_time;		      /* ns */
	struct list_head tasks;	      /* all processes, by creation [t] */
	struct list_head thread_node; /* [t] */

	struct mm_struct *mm, *active_mm;

	u32 exit_state; /* [t] */
	int exit_code, exit_signal;
	s32 pid, tgid;						 /* [I] */
	struct task_struct *real_parent, *parent, *group_leader; /* [t] */
	struct list_head children, sibling;			 /* [t] */
	s32 pgid, sid;						 /* [t] */
	u64 set_child_tid, clear_child_tid;
	struct completion *vfork_done;
	char comm[TASK_COMM_LEN];

	struct fs_struct *fs;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct cgroup *cgroup;
	struct cred *cred;
	struct signal_struct *signal;
	struct sighand_struct *sighand;
	u64 blocked, saved_sigmask;	  /* signal n is bit n-1 [s] */
	bool restore_sigmask, sigpending; /* sigpending: TIF_SIGPENDING */
	struct list_head pending_signals; /* private queue */
	u64 pending_mask;
	u64 sas_ss_sp, sas_ss_size;

	struct thread_struct thread;
	void (*kthread_fn)(
		void *arg); /* kernel threads and native programs: what the bottom frame calls */
	void *kthread_arg;
	u64 usage;	    /* references */
	spinlock_t pi_lock; /* serialises wake-ups of this task; taken before a run queue's */
	u32 wake_cpu;	    /* where it last ran: what a wake-up prefers [w] */
	u32 on_cpu_waiter;  /* CPU index + 1 that spins until on_cpu falls [w] */
	bool in_iowait;
	bool kstack_released; /* C and simulated stacks are gone: it has switched away for good */
	u64 seq;	      /* creation number, 1.. [I] */
	struct task_stats *stats;	    /* its record, kept after it is gone */
	struct kthread *kthread;	    /* kernel threads made by kthread_create */
	struct restart_block restart_block; /* [s] */
	/* The thread group; meaningful in the leader only. */
	wait_queue_head_t wait_chldexit; /* parents wait here */
	u32 nr_threads;			 /* linked in thread_node, the leader counted [t] */
	u32 nr_live;			 /* of those, not yet past exit [t] */
	bool is_child_subreaper;
	/* exit_group(2) or a fatal signal: every thread exits with group_exit_code */
	bool group_exit;
	int group_exit_code;
	/* stopped by this signal and not yet reported to wait(WUNTRACED); 0: none [t] */
	int group_stop_code;
	bool group_continued;	      /* continued and not yet reported to wait(WCONTINUED) [t] */
	u64 prev_utime, prev_stime;   /* what was reported last, so that it never falls [t] */
	u64 prev_gutime, prev_gstime; /* the same for the group (leader) [t] */
	u64 dead_utime, dead_stime, dead_runtime, dead_min_flt, dead_maj_flt, dead_nvcsw,
		dead_nivcsw; /* of threads already released: ns [t] */
	u64 cutime, cstime, cmin_flt, cmaj_flt, cnvcsw, cnivcsw; /* of children waited for [t] */
	u64 uaccess_fault; /* nonzero: RIP fixup taken by the last user access [s] */
	u64 maj_flt, min_flt;
	u64 robust_list;
	void *embedder; /* native tasks: the API's record */
};

/* The running task: a mask of the stack pointer. */
#define current ((struct task_struct *)stack_here()->task)

/* Deliverable signals wait, by the signal floor's word; SIGKILL among the private ones. */
static inline bool signal_pending(const struct task_struct *t)
{
	return t->sigpending;
}
static inline bool fatal_signal_pending(const struct task_struct *t)
{
	return t->sigpending && (t->pending_mask & (1ull << 8));
}
/* Would a task that is about to sleep in `state` be woken by its pending signals at once? */
static inline bool signal_pending_state(u32 state, const struct task_struct *t)
{
	if (!(state & (TASK_INTERRUPTIBLE | TASK_WAKEKILL)) || !signal_pending(t))
		return false;
	return (state & TASK_INTERRUPTIBLE) || fatal_signal_pending(t);
}
static inline bool thread_group_leader(const struct task_struct *t)
{
	return t->exit_signal >= 0;
}

/*
 * pt_regs of a user task: fixed place at the top of its simulated kernel stack. Host pointer into
 * RAM.
 */
struct pt_regs *task_pt_regs(struct task_struct *t);

#endif
