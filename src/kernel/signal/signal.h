/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_SIGNAL_SIGNAL_H
#define KERNEL_SIGNAL_SIGNAL_H

/*
 * Signals: numbers, queues, actions and delivery, with Linux's x86-64 layouts.
 *
 * Protection: [s] self only, [k] sighand->siglock.
 */

#include "kernel/percpu/spinlock.h"
#include "kernel/time/hrtimer.h"
#include "lib/list.h"
#include "lib/types.h"

struct kernel;
struct task_struct;
struct pt_regs;
struct cpu;

#define SIGHUP 1
#define SIGINT 2
#define SIGQUIT 3
#define SIGILL 4
#define SIGTRAP 5
#define SIGABRT 6
#define SIGBUS 7
#define SIGFPE 8
#define SIGKILL 9
#define SIGUSR1 10
#define SIGSEGV 11
#define SIGUSR2 12
#define SIGPIPE 13
#define SIGALRM 14
#define SIGTERM 15
#define SIGSTKFLT 16
#define SIGCHLD 17
#define SIGCONT 18
#define SIGSTOP 19
#define SIGTSTP 20
#define SIGTTIN 21
#define SIGTTOU 22
#define SIGURG 23
#define SIGXCPU 24
#define SIGXFSZ 25
#define SIGVTALRM 26
#define SIGPROF 27
#define SIGWINCH 28
#define SIGIO 29
#define SIGPWR 30
#define SIGSYS 31
#define SIGRTMIN 32
#define _NSIG 64

#define SIG_DFL 0ull
#define SIG_IGN 1ull
#define SA_NOCLDSTOP 0x1ull
#define SA_NOCLDWAIT 0x2ull
#define SA_SIGINFO 0x4ull
#define SA_RESTORER 0x04000000ull
#define SA_ONSTACK 0x08000000ull
#define SA_RESTART 0x10000000ull
#define SA_NODEFER 0x40000000ull
#define SA_RESETHAND 0x80000000ull
#define SIG_BLOCK 0
#define SIG_UNBLOCK 1
#define SIG_SETMASK 2
#define SS_ONSTACK 1
#define SS_DISABLE 2

#define SI_USER 0
#define SI_KERNEL 0x80
#define SI_QUEUE (-1)
#define SI_TKILL (-6)
#define SI_TIMER (-2)
#define SEGV_MAPERR 1
#define SEGV_ACCERR 2
#define FPE_INTDIV 1
#define ILL_ILLOPN 2
#define TRAP_BRKPT 1
#define BUS_ADRERR 2
#define CLD_EXITED 1
#define CLD_KILLED 2
#define CLD_DUMPED 3
#define CLD_STOPPED 5
#define CLD_CONTINUED 6

#define sigmask(sig) (1ull << ((sig)-1))
#define SIG_UNMASKABLE (sigmask(SIGKILL) | sigmask(SIGSTOP))
/* Default action: nothing. */
#define SIG_KERNEL_IGNORE                                                                          \
	(sigmask(SIGCONT) | sigmask(SIGCHLD) | sigmask(SIGWINCH) | sigmask(SIGURG))
#define SIG_STOPS (sigmask(SIGSTOP) | sigmask(SIGTSTP) | sigmask(SIGTTIN) | sigmask(SIGTTOU))

/* What is known of one signal; the union of what its kind carries, flat. */
struct kernel_siginfo {
	int signo, err, code;
	s32 pid;
	u32 uid;
	int status;
	u64 utime, stime; /* clock ticks of 10 ms */
	u64 addr;	  /* faults; the value for SI_QUEUE */
};

struct sigqueue {
	struct list_head list;
	struct kernel_siginfo info;
};

/* As rt_sigaction passes it (struct kernel_sigaction). */
struct k_sigaction {
	u64 handler, flags, restorer, mask;
};

struct sighand_struct {
	u32 count; /* tasks that have it */
	/* who holds or waits for siglock by lock_task_sighand: it may not go meanwhile */
	u32 pins;
	spinlock_t siglock;
	struct k_sigaction action[_NSIG]; /* [k] */
};

#define RLIM_NLIMITS 16
#define RLIM_INFINITY (~0ull)
struct rlimit {
	u64 cur, max;
};

/* One a process: what its threads share. */
struct signal_struct {
	u32 count;
	struct list_head shared_pending; /* [k] of struct sigqueue */
	u64 shared_mask;		 /* [k] */
	bool stopped;			 /* [k] job control: the process is stopped */
	struct rlimit rlim[RLIM_NLIMITS];
	struct hrtimer real_timer; /* ITIMER_REAL, alarm() */
	u64 real_interval_ns;
	struct task_struct *leader;
};

/* Roots, caches and hooks (fork, exec, exit, release). 0 or -ENOMEM. */
int signal_init(struct kernel *k);

/*
 * Send sig to t (its process when group). t is current or referenced. May be called with IRQs on or
 * off, not from the embedder, and without the tasklist lock; send_signal_locked with it. 0,
 * -EINVAL, -ESRCH; queueing without memory still sets the mask.
 */
int send_signal(int sig, const struct kernel_siginfo *info, struct task_struct *t, bool group);
int send_signal_locked(int sig, const struct kernel_siginfo *info, struct task_struct *t,
		       bool group);
/*
 * siglock of t, whose table exec may replace meanwhile; t is current or referenced, so it has one.
 */
struct sighand_struct *lock_task_sighand(struct task_struct *t, u64 *flags);
void unlock_task_sighand(struct sighand_struct *sh, u64 flags);
/* exec: a table of handlers for current alone. 0 or -ENOMEM. */
int unshare_sighand(void);
/* One task has it no more; it goes with the last one. */
void put_sighand(struct sighand_struct *sh);
/* kill(2): pid > 0 process, 0 own group, -1 all but init and self, < -1 group. */
long do_kill(s32 pid, int sig);
long do_tgkill(s32 tgid, s32 pid, int sig);
/*
 * sigqueue(3): info as the caller wrote it, to a process (pid 0) or to one thread of it. -EPERM
 * when it pretends to be the kernel's.
 */
long do_sigqueue(s32 tgid, s32 pid, int sig, struct kernel_siginfo *info);
/*
 * A synchronous fault of current: unblocked and defaulted if need be, so that it cannot be escaped.
 */
void force_sig_info(const struct kernel_siginfo *info);
void force_sig(int sig);
/* Anything deliverable for t under its mask? Sets t->sigpending. siglock held, or t is current. */
void recalc_sigpending(struct task_struct *t);
void set_current_blocked(u64 mask);
/* Take one pending signal within `mask` of current: number or 0. */
int dequeue_signal(u64 mask, struct kernel_siginfo *info);
/* Drop queued signals whose action is ignore. */
void flush_ignored(struct task_struct *t, u64 mask);
/* Drop everything queued for t alone. */
void flush_private(struct task_struct *t);
/* ITIMER_REAL of a new process: not running. */
void itimer_init(struct signal_struct *s);
/* Its SIGALRM was taken: a periodic timer runs on. siglock held. */
void itimer_rearm(struct signal_struct *s);
/* si_code of SIGFPE for #MF or #XM from the status flags of cpu. */
int fp_trap_code(const struct cpu *cpu, unsigned vector);
/* exec: handlers to default, ignored stay ignored; alternate stack gone. */
void flush_signal_handlers(struct task_struct *t);

/* Before returning to user mode with signal_pending: deliver, stop, die, or set up a restart. */
void arch_do_signal_or_restart(struct pt_regs *regs);
/* Build the handler's frame on the user stack. 0 or -EFAULT. */
int setup_rt_frame(int sig, const struct k_sigaction *ka, const struct kernel_siginfo *info,
		   struct pt_regs *regs);
long do_rt_sigreturn(struct pt_regs *regs);
/* current's x87 and SSE registers as a new program or a signal handler finds them. */
void fpu_clear_user_state(void);

/* Lay info out as the 128-byte siginfo_t of the ABI. */
void siginfo_to_user(u8 out[128], const struct kernel_siginfo *info);
/*
 * SIGCHLD (unless SA_NOCLDSTOP) and waking the parent when t's process stopped (CLD_STOPPED) or
 * continued. Tasklist lock held.
 */
void do_notify_parent_cldstop(struct task_struct *t, int code, int sig);
/* hooks.notify_parent: child died; true when its parent wants no zombie. */
bool notify_parent_of_death(struct task_struct *child, int sig);
/*
 * exit_group(2) and death by signal: every thread of current's process ends with this wait status.
 */
void do_group_exit(int code) __attribute__((noreturn));

#endif
