/* SPDX-License-Identifier: MIT */
/*
 * What a task has of signals, through its life: made at fork, reset at exec, dropped at death; and
 * the hooks by which lower floors send signals without knowing this one.
 *
 * Called at boot and through the task hooks (sched/fork.h); it must not know who forks.
 *
 *	fork of pid 7 -> pid 8      sighand: a copy of 64 actions (CLONE_SIGHAND: shared, count 2)
 *	                            signal:  fresh, nothing pending, limits copied (CLONE_THREAD:
 *	                            shared) blocked: copied; pending: none
 *
 *	L1 every user task has a sighand and a signal from fork to release; kernel threads have them
 *	   too, with everything blocked by nobody sending.
 *	L2 the structures go with their last task; queued entries go with the queue.
 *
 * Units:   limits in bytes, descriptors or seconds as RLIMIT_* says.
 * Owner:   counts, changed between two charges.
 * Locking: none at fork (the child is not visible), siglock elsewhere.
 * Errors:  -ENOMEM, with nothing left behind.
 * Time:    the allocations charge.
 * Source:  fork(2), execve(2), getrlimit(2); default limits of Linux's INIT_RLIMITS.
 */

#include "hw/cpu.h"
#include "kernel/entry/printk.h"
#include "kernel/entry/root.h"
#include "kernel/entry/syscall.h"
#include "kernel/percpu/percpu.h"
#include "kernel/signal/signal.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/slab.h"
#include "mm/mm.h"
#include "mm/uaccess.h"
#include "sched/fork.h"
#include "sched/sched.h"
#include "sched/task.h"
#include "vfs/procfs.h"
#include "vfs/vfs.h"

#define RLIMIT_NPROC 6
#define RLIMIT_NOFILE 7
#define RLIMIT_CORE 4
#define RLIMIT_SIGPENDING 11
#define RLIMIT_MSGQUEUE 12
#define RLIMIT_NICE 13
#define RLIMIT_RTPRIO 14
#define RLIMIT_STACK_N 3
#define RLIMIT_MEMLOCK_N 8

static void default_limits(struct rlimit rlim[RLIM_NLIMITS])
{
	for (int i = 0; i < RLIM_NLIMITS; i++)
		rlim[i] = (struct rlimit){ ~0ull, ~0ull };
	rlim[RLIMIT_STACK_N].cur = 8ull << 20;
	rlim[RLIMIT_CORE].cur = 0;
	rlim[RLIMIT_NOFILE] = (struct rlimit){ 1024, 4096 };
	rlim[RLIMIT_MEMLOCK_N] = (struct rlimit){ 8ull << 20, 8ull << 20 };
	rlim[RLIMIT_MSGQUEUE] = (struct rlimit){ 819200, 819200 };
	rlim[RLIMIT_NICE] = rlim[RLIMIT_RTPRIO] = (struct rlimit){ 0, 0 };
}

static int signal_fork(const struct kernel_clone_args *args, struct task_struct *child)
{
	struct kernel_root *top = kern()->top;
	struct task_struct *parent = current;

	INIT_LIST_HEAD(&child->pending_signals);
	child->pending_mask = 0;
	child->sigpending = false;
	child->blocked = parent->sighand ? parent->blocked : 0;
	child->restore_sigmask = false;
	if (!(args->flags & CLONE_VM) || (args->flags & CLONE_VFORK)) {
		child->sas_ss_sp = parent->sas_ss_sp;
		child->sas_ss_size = parent->sas_ss_size;
	} else {
		child->sas_ss_sp = child->sas_ss_size = 0;
	}
	child->sighand = NULL;
	child->signal = NULL;
	if ((args->flags & CLONE_SIGHAND) && parent->sighand) {
		child->sighand = parent->sighand;
		child->sighand->count++;
	} else {
		child->sighand = kmem_cache_zalloc(top->sighand_cache, GFP_KERNEL);
		if (!child->sighand)
			return -ENOMEM;
		child->sighand->count = 1;
		spin_lock_init(&child->sighand->siglock);
		if (parent->sighand)
			memcpy(child->sighand->action, parent->sighand->action,
			       sizeof(child->sighand->action));
	}
	if ((args->flags & CLONE_THREAD) && parent->signal) {
		child->signal = parent->signal;
		child->signal->count++;
		return 0;
	}
	child->signal = kmem_cache_zalloc(top->signal_cache, GFP_KERNEL);
	if (!child->signal) {
		put_sighand(child->sighand);
		child->sighand = NULL;
		return -ENOMEM;
	}
	child->signal->count = 1;
	child->signal->leader = child;
	INIT_LIST_HEAD(&child->signal->shared_pending);
	itimer_init(child->signal);
	if (parent->signal)
		memcpy(child->signal->rlim, parent->signal->rlim, sizeof(child->signal->rlim));
	else
		default_limits(child->signal->rlim);
	return 0;
}

static void signal_release(struct task_struct *t)
{
	struct kernel_root *top = kern()->top;

	if (!t->sighand)
		return;
	if (!--t->signal->count) { /* before anything charges: the last of several at once frees */
		flush_ignored(t, ~0ull);
		kmem_cache_free(top->signal_cache, t->signal);
	} else {
		flush_private(t);
	}
	put_sighand(t->sighand);
	t->signal = NULL;
	t->sighand = NULL;
}

static void signal_exit(struct task_struct *t)
{
	/* the last thread: nobody is left to start it again */
	if (t->signal && t->group_leader->nr_live == 0)
		hrtimer_cancel(&t->signal->real_timer);
}

static void signal_exec(struct task_struct *t)
{
	flush_signal_handlers(t);
}

static const struct task_hooks signal_hooks = {
	.name = "signal",
	.fork = signal_fork,
	.unfork = signal_release,
	.exec = signal_exec,
	.exit = signal_exit,
	.release = signal_release,
};

static void hook_force_sig_fault(int sig, int code, u64 address)
{
	struct kernel_siginfo info = { .signo = sig, .code = code, .addr = address };

	force_sig_info(&info);
}

static int hook_send_sig(int sig, struct task_struct *t)
{
	struct kernel_siginfo info = { .signo = sig, .code = SI_KERNEL };

	return send_signal(sig, &info, t, false);
}

static void oops(struct pt_regs *regs, unsigned vector, u64 error_code)
{
	machine_panic(this_machine(),
		      "exception %u (error %#llx) in kernel mode at rip %#llx, task %d %s", vector,
		      (unsigned long long)error_code, (unsigned long long)regs->ip, current->pid,
		      current->comm);
}

/*
 * Source: Linux fpu__exception_code: invalid, zero divide, overflow, underflow or denormal,
 * precision, in this order.
 */
int fp_trap_code(const struct cpu *cpu, unsigned vector)
{
	u32 flags = vector == VEC_XM ? cpu->fpu.mxcsr & ~(cpu->fpu.mxcsr >> 7) :
				       cpu->fpu.fsw & ~(u32)cpu->fpu.fcw;

	if (flags & 0x01)
		return 7; /* FPE_FLTINV */
	if (flags & 0x04)
		return 3; /* FPE_FLTDIV */
	if (flags & 0x08)
		return 4; /* FPE_FLTOVF */
	if (flags & 0x12)
		return 5; /* FPE_FLTUND */
	return flags & 0x20 ? 6 /* FPE_FLTRES */ : 0;
}

/* The signal of each exception, as Linux's trap handlers choose. */
static void hook_do_trap(struct pt_regs *regs, unsigned vector, u64 error_code)
{
	struct kernel_siginfo info = { .addr = regs->ip, .code = SI_KERNEL };
	struct cpu *cpu = this_cpu();

	if (!user_mode(regs))
		oops(regs, vector, error_code);
	switch (vector) {
	case VEC_DE:
		info.signo = SIGFPE;
		info.code = FPE_INTDIV;
		break;
	case VEC_DB:
	case VEC_BP:
		info.signo = SIGTRAP;
		info.code = vector == VEC_BP ? SI_KERNEL : TRAP_BRKPT;
		break;
	case VEC_UD:
		info.signo = SIGILL;
		info.code = ILL_ILLOPN;
		if (cpu->ud_mnemonic[0] && cpu->ud_rip == regs->ip)
			printk("osim: %s[%d]: instruction not implemented: %s at %#llx\n",
			       current->comm, current->pid, cpu->ud_mnemonic,
			       (unsigned long long)regs->ip);
		break;
	case VEC_MF:
	case VEC_XM:
		info.signo = SIGFPE;
		info.code = fp_trap_code(cpu, vector);
		break;
	case VEC_AC:
		info.signo = SIGBUS;
		info.code = 1; /* BUS_ADRALN */
		break;
	case VEC_OF:
	case VEC_GP:
	case VEC_SS:
	case VEC_NP:
	case VEC_TS:
	default:
		info.signo = vector == VEC_SS || vector == VEC_NP ? SIGBUS : SIGSEGV;
		break;
	}
	force_sig_info(&info);
}

/* /proc/PID/status and stat: what is pending for the process, ignored, handled. */
static void show_sigsets(struct task_struct *t, struct task_sigsets *sets)
{
	*sets = (struct task_sigsets){ .shared_pending = t->signal ? t->signal->shared_mask : 0 };
	for (int sig = 1; t->sighand && sig <= _NSIG; sig++) {
		u64 handler = t->sighand->action[sig - 1].handler;

		if (handler == SIG_IGN)
			sets->ignored |= sigmask(sig);
		else if (handler != SIG_DFL)
			sets->caught |= sigmask(sig);
	}
}

/* CLONE_CHILD_SETTID and CLONE_PARENT_SETTID, and the clearing at exit. */
static int hook_put_user_tid(u64 uaddr, s32 tid)
{
	return put_user_u32((u32)tid, uaddr);
}

static u64 current_rlimit(unsigned resource)
{
	if (!current->signal || resource >= RLIM_NLIMITS)
		return ~0ull;
	return current->signal->rlim[resource].cur;
}

int signal_init(struct kernel *k)
{
	struct kernel_root *top = k->top;

	top->sighand_cache =
		kmem_cache_create("sighand_cache", sizeof(struct sighand_struct), 0, 0, NULL);
	top->signal_cache =
		kmem_cache_create("signal_cache", sizeof(struct signal_struct), 0, 0, NULL);
	top->sigqueue_cache = kmem_cache_create("sigqueue", sizeof(struct sigqueue), 0, 0, NULL);
	if (!top->sighand_cache || !top->signal_cache || !top->sigqueue_cache)
		return -ENOMEM;
	k->hooks.force_sig_fault = hook_force_sig_fault;
	k->hooks.send_sig = hook_send_sig;
	k->hooks.put_user_tid = hook_put_user_tid;
	k->hooks.do_trap = hook_do_trap;
	k->hooks.notify_parent = notify_parent_of_death;
	k->hooks.exit_to_user_mode = exit_to_user_mode_loop;
	vfs()->task_sigsets = show_sigsets;
	register_mm_rlimit(k, current_rlimit);
	return register_task_hooks(k, &signal_hooks);
}
