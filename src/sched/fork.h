/* SPDX-License-Identifier: MIT */
#ifndef SCHED_FORK_H
#define SCHED_FORK_H

/*
 * The life of tasks: made, found, ended, waited for. Linux's semantics; what other floors keep in a
 * task comes in by hooks.
 */

#include "sched/completion.h"
#include "sched/task.h"

#ifndef CLONE_VM
#define CSIGNAL 0x000000ffu
#define CLONE_VM 0x00000100u
#define CLONE_FS 0x00000200u
#define CLONE_FILES 0x00000400u
#define CLONE_SIGHAND 0x00000800u
#define CLONE_PIDFD 0x00001000u
#define CLONE_PTRACE 0x00002000u
#define CLONE_VFORK 0x00004000u
#define CLONE_PARENT 0x00008000u
#define CLONE_THREAD 0x00010000u
#define CLONE_NEWNS 0x00020000u
#define CLONE_SYSVSEM 0x00040000u
#define CLONE_SETTLS 0x00080000u
#define CLONE_PARENT_SETTID 0x00100000u
#define CLONE_CHILD_CLEARTID 0x00200000u
#define CLONE_DETACHED 0x00400000u
#define CLONE_UNTRACED 0x00800000u
#define CLONE_CHILD_SETTID 0x01000000u
#define CLONE_IO 0x80000000u
#endif

struct kernel_clone_args {
	u64 flags;		   /* CLONE_* without CSIGNAL */
	int exit_signal;	   /* 0: none */
	u64 stack;		   /* child's user RSP; 0: the parent's */
	u64 tls;		   /* CLONE_SETTLS: child's FS base */
	u64 child_tid, parent_tid; /* user addresses for the SETTID and CLEARTID flags */
	void (*fn)(
		/*
		 * kernel threads, native tasks, user_mode_thread: what the bottom frame calls;
		 * NULL: return to CPL 3
		 */
		void *arg);
	void *fn_arg;
	bool kthread;	  /* PF_KTHREAD: no user side, ever */
	bool native;	  /* PF_NATIVE */
	bool idle;	  /* an idle task: no pid, no parent's children list, no hooks */
	const char *name; /* NULL: the parent's comm */
	void *embedder;	  /* kept in task->embedder */
};

/*
 * What a floor keeps in each task. fork hooks run in the order of registration, in current's
 * context, before the child is visible; when one fails, unfork of those before it runs in reverse.
 * exit runs in current's context (may block), release when the task struct goes away (any context
 * that may free memory; not in interrupts). Any may be NULL.
 */
struct task_hooks {
	const char *name;
	int (*fork)(const struct kernel_clone_args *args,
		    struct task_struct *child); /* 0 or -errno */
	void (*unfork)(struct task_struct *child);
	void (*exec)(struct task_struct *task);
	void (*exit)(struct task_struct *task);
	void (*release)(struct task_struct *task);
};
/* hooks must live as long as the machine. -ENOSPC beyond MAX_TASK_HOOKS. */
#define MAX_TASK_HOOKS 16
int register_task_hooks(struct kernel *k, const struct task_hooks *hooks);
/*
 * Call every exec hook for current (close-on-exec, signal handlers, mm): at the point of no return,
 * in order.
 */
void task_hooks_exec(struct task_struct *task);

/* --- making --- */
/*
 * A new task, complete but not running, one reference for the tree. May block. ERR_PTR: -EAGAIN (no
 * pid, no stack), -ENOMEM, -EINVAL (flag combinations Linux refuses), or a hook's error; nothing is
 * left behind.
 */
struct task_struct *copy_process(const struct kernel_clone_args *args);
/*
 * copy_process + wake_up_new_task; waits for exec or exit of the child with CLONE_VFORK. The
 * child's pid or -errno.
 */
s32 kernel_clone(const struct kernel_clone_args *args);
/* A kernel context that will become a user process by exec (pid 1). */
s32 user_mode_thread(void (*fn)(void *arg), void *arg, const char *name);
/* exec and exit release a vfork parent. */
void complete_vfork_done(struct task_struct *t);
void set_task_comm(struct task_struct *t, const char *name);

/* --- kernel threads --- */
/*
 * Made, not running until wake_up_process(). fn's result is what kthread_stop returns. ERR_PTR as
 * copy_process. May block.
 */
struct task_struct *kthread_create(int (*fn)(void *arg), void *arg, const char *fmt, ...)
	__printf(3, 4);
struct task_struct *kthread_run(int (*fn)(void *arg), void *arg, const char *fmt, ...)
	__printf(3, 4);
/* Only on this CPU; before the first wake-up. */
void kthread_bind(struct task_struct *t, unsigned cpu);
bool kthread_should_stop(void);
/* Ask t to stop, wake it, wait until it is gone; its result, -EINTR when it never ran. Only when t
 * cannot be gone already unless a reference is held (get_task_struct). May block. */
int kthread_stop(struct task_struct *t);

/* --- ending --- */
/* code: wait status (exit status << 8 | signal | 0x80 core). */
void do_exit(long code) __noreturn;
/*
 * Take a zombie out of the tree; its memory goes with the last reference. Tasklist lock not held.
 */
void release_task(struct task_struct *t);
static inline struct task_struct *get_task_struct(struct task_struct *t)
{
	t->usage++;
	return t;
}
void put_task_struct(struct task_struct *t);

/* --- waiting --- */
#ifndef WNOHANG /* the host's headers name the same numbers */
#define WNOHANG 0x1
#define WUNTRACED 0x2
#define WSTOPPED WUNTRACED
#define WEXITED 0x4
#define WCONTINUED 0x8
#define WNOWAIT 0x01000000
#define __WNOTHREAD 0x20000000
#define __WALL 0x40000000
#define __WCLONE 0x80000000u
#endif

struct task_rusage { /* of the process waited for and its own waited-for children */
	u64 utime_ns, stime_ns, min_flt, maj_flt, nvcsw, nivcsw, maxrss_kb;
};
struct wait_opts {
	s32 pid;	/* > 0: that child; -1: any; 0: current's process group; < -1: group -pid */
	u32 options;	/* W* */
	int status;	/* out: wait status */
	u32 uid;	/* out: child's real uid (0 without credentials) */
	s32 child_tgid; /* out */
	struct task_rusage ru; /* out */
};
/* The child's pid, 0 (WNOHANG and none ready), -ECHILD, -ERESTARTSYS, -EINVAL. May block. */
long do_wait(struct wait_opts *wo);
/* status and ru may be NULL. */
long do_wait4(s32 pid, int *status, u32 options, struct task_rusage *ru);
/*
 * Signal floor: p's state changed in a way its parent may wait for (stop, continue). Tasklist lock
 * not needed.
 */
void wake_up_parent(struct task_struct *p);
/* The same with the lock held; parent is p's. */
void __wake_up_parent(struct task_struct *p, struct task_struct *parent);

/* --- finding. The tasklist lock is a spinlock taken with IRQs off. --- */
u64 tasklist_lock(void);
void tasklist_unlock(u64 flags);
/*
 * Tasklist lock held, or preemption off and nothing charged since. NULL: no such task. No reference
 * taken.
 */
struct task_struct *find_task_by_vpid(s32 nr);
/* The same with a reference: safe to keep. */
struct task_struct *find_get_task_by_vpid(s32 nr);
struct list_head *task_list(
	void); /* of running kernel: heads `tasks` of all thread group leaders in creation order */
struct list_head *task_list_of(struct kernel *k);
#define for_each_process(p) list_for_each_entry(p, task_list(), tasks)
/* All threads of p's group; p must be its leader. Tasklist lock held. */
struct task_struct *next_thread(const struct task_struct *t);
#define for_each_thread(leader, t)                                                                 \
	for (struct task_struct *_first = ((t) = (leader)); (t);                                   \
	     (t) = next_thread(t) == _first ? NULL : next_thread(t))
#define for_each_process_thread(p, t)                                                              \
	for_each_process(p)                                                                        \
	for_each_thread(p, t)
u32 nr_processes(
	struct kernel *k); /* tasks that exist, zombies and threads counted, idle tasks not */
u64 total_forks(struct kernel *k);
s32 last_pid(struct kernel *k);
struct task_struct *init_process(struct kernel *k); /* pid 1 or NULL */

/*
 * --- process groups and sessions: a number stays taken while a task, group or session has it.
 * Tasklist lock held. ---
 */
int set_task_pgid(struct task_struct *leader,
		  /* all threads; 0, -ENOMEM, -ESRCH (no such number in use, and not its own pid) */
		  s32 pgid);
int set_task_sid(struct task_struct *leader, s32 sid);

#endif
