/* SPDX-License-Identifier: MIT */
/*
 * Signal delivery: on the way to user mode, from a pending bit to a handler's frame, a stop or a
 * death.
 *
 * Called from the exit-to-user loop (kernel/entry/syscall.c) with signal_pending set; calls do_exit
 * for fatal signals. It must not know who sent anything.
 *
 * The frame of a handler at 0x4011a0 for SIGINT, user RSP 0x7fffffffe000, in the ABI's layout
 * (addresses grow upward):
 *
 *	0x7fffffffdd40  fpstate   512 bytes, FXSAVE image, 16-byte aligned
 *	0x7fffffffdcc0  siginfo   128 bytes                 <- RSI
 *	0x7fffffffdb90  ucontext  304 bytes                 <- RDX
 *	0x7fffffffdb88  pretcode  sa_restorer               <- RSP at the handler, RSP + 8 a multiple of 16
 *
 * with 128 bytes of red zone left alone below the old RSP. rt_sigreturn finds the frame at RSP - 8
 * and puts everything back.
 *
 *	D1 nothing of the task's registers changes unless the whole frame was written; a frame that
 *	   can not be written kills by SIGSEGV.
 *	D2 what rt_sigreturn restores is user-controlled: selectors are forced to the user ones,
 *	   RFLAGS to the bits user code may set.
 *	D3 a call interrupted before it did anything restarts when no handler ran, or when its
 *	   handler has SA_RESTART; the restart re-executes SYSCALL (two bytes back) with the
 *	   original RAX.
 *
 * Units:   none.
 * Owner:   the frame belongs to user space.
 * Locking: siglock while dequeuing; none while the frame is copied.
 * Errors:  an unwritable stack is SIGSEGV.
 * Time:    the copies charge.
 * Source:  System V ABI AMD64 and Linux arch/x86/include/uapi/asm/sigcontext.h for the layout;
 * signal(7) for actions; Linux kernel/signal.c get_signal.
 */

#include "kernel/signal/signal.h"

#include "hw/cpu.h"
#include "hw/fp/fp.h"
#include "kernel/entry/root.h"
#include "kernel/entry/syscall.h"
#include "kernel/irq/ptrace.h"
#include "kernel/percpu/layout.h"
#include "kernel/percpu/percpu.h"
#include "kernel/trace/tracepoints.h"
#include "lib/string.h"
#include "mm/uaccess.h"
#include "sched/fork.h"
#include "sched/sched.h"
#include "sched/task.h"

struct sigcontext64 {
	u64 r8, r9, r10, r11, r12, r13, r14, r15;
	u64 di, si, bp, bx, dx, ax, cx, sp, ip, flags;
	u16 cs, gs, fs, ss;
	u64 err, trapno, oldmask, cr2, fpstate, reserved[8];
};
_Static_assert(sizeof(struct sigcontext64) == 256, "sigcontext");

struct ucontext64 {
	u64 flags, link;
	u64 ss_sp;
	u32 ss_flags, pad;
	u64 ss_size;
	struct sigcontext64 mc;
	u64 sigmask;
};
_Static_assert(sizeof(struct ucontext64) == 304, "ucontext");

struct rt_sigframe {
	u64 pretcode;
	struct ucontext64 uc;
	u8 info[128];
};
_Static_assert(sizeof(struct rt_sigframe) == 440, "rt_sigframe");

#define RED_ZONE_BYTES 128
#define FLAGS_USER_RESTORE (FLAGS_ARITH | FLAG_DF | FLAG_TF | FLAG_AC | FLAG_RF | FLAG_ID)

static bool on_sig_stack(const struct task_struct *t, u64 sp)
{
	return t->sas_ss_size && sp > t->sas_ss_sp && sp - t->sas_ss_sp <= t->sas_ss_size;
}

static u64 frame_top(const struct k_sigaction *ka, u64 sp)
{
	const struct task_struct *t = current;

	if ((ka->flags & SA_ONSTACK) && t->sas_ss_size && !on_sig_stack(t, sp))
		return t->sas_ss_sp + t->sas_ss_size;
	return sp - RED_ZONE_BYTES;
}

static void fill_sigcontext(struct sigcontext64 *mc, const struct pt_regs *regs, u64 oldmask,
			    u64 fpstate)
{
	mc->r8 = regs->r8;
	mc->r9 = regs->r9;
	mc->r10 = regs->r10;
	mc->r11 = regs->r11;
	mc->r12 = regs->r12;
	mc->r13 = regs->r13;
	mc->r14 = regs->r14;
	mc->r15 = regs->r15;
	mc->di = regs->di;
	mc->si = regs->si;
	mc->bp = regs->bp;
	mc->bx = regs->bx;
	mc->dx = regs->dx;
	mc->ax = regs->ax;
	mc->cx = regs->cx;
	mc->sp = regs->sp;
	mc->ip = regs->ip;
	mc->flags = regs->flags;
	mc->cs = (u16)regs->cs;
	mc->ss = (u16)regs->ss;
	mc->oldmask = oldmask;
	mc->fpstate = fpstate;
}

int setup_rt_frame(int sig, const struct k_sigaction *ka, const struct kernel_siginfo *info,
		   struct pt_regs *regs)
{
	struct task_struct *t = current;
	struct rt_sigframe frame;
	u8 fx[512] = { 0 }; /* FXSAVE leaves the bytes that belong to software */
	u64 sp = frame_top(ka, regs->sp), fpstate, at;
	u64 oldmask = t->restore_sigmask ? t->saved_sigmask : t->blocked;

	if (!(ka->flags & SA_RESTORER))
		return -EFAULT;
	fpstate = ALIGN_DOWN(sp - sizeof(fx), 64);
	at = ALIGN_DOWN(fpstate - sizeof(frame), 16) - 8;
	memset(&frame, 0, sizeof(frame));
	frame.pretcode = ka->restorer;
	frame.uc.ss_sp = t->sas_ss_sp;
	frame.uc.ss_flags = !t->sas_ss_size	      ? SS_DISABLE :
			    on_sig_stack(t, regs->sp) ? SS_ONSTACK :
							0;
	frame.uc.ss_size = t->sas_ss_size;
	fill_sigcontext(&frame.uc.mc, regs, oldmask, fpstate);
	frame.uc.sigmask = oldmask;
	siginfo_to_user(frame.info, info);
	preempt_disable();
	fpu_fxsave(this_cpu(), fx);
	preempt_enable();
	if (copy_to_user(fpstate, fx, sizeof(fx)) || copy_to_user(at, &frame, sizeof(frame)))
		return -EFAULT;
	regs->di = (u64)sig;
	regs->si = at + offsetof(struct rt_sigframe, info);
	regs->dx = at + offsetof(struct rt_sigframe, uc);
	regs->ax = 0;
	regs->ip = ka->handler;
	regs->sp = at;
	regs->cs = USER_CS;
	regs->ss = USER_DS;
	regs->flags &= ~(FLAG_DF | FLAG_RF | FLAG_TF);
	return 0;
}

long do_rt_sigreturn(struct pt_regs *regs)
{
	struct task_struct *t = current;
	struct rt_sigframe frame;
	struct sigcontext64 *mc = &frame.uc.mc;
	u8 fx[512];
	bool ok = true;

	if (copy_from_user(&frame, regs->sp - 8, sizeof(frame)))
		goto bad;
	if (mc->fpstate && copy_from_user(fx, mc->fpstate, sizeof(fx)))
		goto bad;
	set_current_blocked(frame.uc.sigmask);
	preempt_disable();
	if (mc->fpstate)
		ok = fpu_fxrstor(this_cpu(), fx);
	else
		fpu_init(this_cpu());
	preempt_enable();
	if (!ok)
		goto bad;
	regs->r8 = mc->r8;
	regs->r9 = mc->r9;
	regs->r10 = mc->r10;
	regs->r11 = mc->r11;
	regs->r12 = mc->r12;
	regs->r13 = mc->r13;
	regs->r14 = mc->r14;
	regs->r15 = mc->r15;
	regs->di = mc->di;
	regs->si = mc->si;
	regs->bp = mc->bp;
	regs->bx = mc->bx;
	regs->dx = mc->dx;
	regs->cx = mc->cx;
	regs->sp = mc->sp;
	regs->ip = mc->ip;
	regs->flags = (regs->flags & ~FLAGS_USER_RESTORE) | (mc->flags & FLAGS_USER_RESTORE);
	regs->cs = USER_CS;
	regs->ss = USER_DS;
	regs->orig_ax = (u64)-1;
	t->sas_ss_sp = frame.uc.ss_flags & SS_DISABLE ? 0 : frame.uc.ss_sp;
	t->sas_ss_size = frame.uc.ss_flags & SS_DISABLE ? 0 : frame.uc.ss_size;
	return (long)mc->ax;
bad:
	force_sig(SIGSEGV);
	return 0;
}

/*
 * The call was cut short: with a handler about to run it fails with EINTR or restarts after it;
 * without, it restarts.
 */
static void prepare_restart(struct pt_regs *regs, const struct k_sigaction *ka)
{
	long err = -(long)regs->ax;

	if ((s64)regs->orig_ax < 0)
		return;
	switch (err) {
	case ERESTART_RESTARTBLOCK:
	case ERESTARTNOHAND:
		if (ka) {
			regs->ax = (u64)-EINTR;
			return;
		}
		break;
	case ERESTARTSYS:
		if (ka && !(ka->flags & SA_RESTART)) {
			regs->ax = (u64)-EINTR;
			return;
		}
		break;
	case ERESTARTNOINTR:
		break;
	default:
		return;
	}
	regs->ax = err == ERESTART_RESTARTBLOCK ? 219 /* restart_syscall */ : regs->orig_ax;
	regs->ip -= 2;
}

static bool must_die(const struct task_struct *t)
{
	return fatal_signal_pending(t) || t->group_leader->group_exit;
}

/* signal->stopped is set: sleep as stopped until SIGCONT (which clears it, then wakes) or death. */
static void do_signal_stop(int sig)
{
	struct task_struct *t = current;
	u64 flags = tasklist_lock();

	if (t->signal->stopped) /* else SIGCONT was faster, and has told the parent already */
		do_notify_parent_cldstop(t, CLD_STOPPED, sig);
	tasklist_unlock(flags);
	for (;;) {
		set_current_state(TASK_STOPPED);
		if (!t->signal->stopped || must_die(t))
			break;
		schedule();
	}
	set_current_state(TASK_RUNNING);
	t->signal->stopped = false;
	recalc_sigpending(t);
}

/* The next signal that has a handler, with its action; stops and dies on the way. 0: none. */
static int get_signal(struct k_sigaction *ka, struct kernel_siginfo *info)
{
	struct task_struct *t = current;

	for (;;) {
		struct sighand_struct *sh;
		u64 flags;
		int sig;

		sh = lock_task_sighand(t, &flags);
		if (t->group_leader->group_exit ||
		    ((t->pending_mask | t->signal->shared_mask) & sigmask(SIGKILL))) {
			unlock_task_sighand(sh, flags);
			trace_signal_deliver(SIGKILL, 0);
			if (kern()->top->strace)
				strace_line("+++ killed by SIGKILL +++");
			do_group_exit(SIGKILL);
		}
		sig = dequeue_signal(~t->blocked, info);
		if (!sig) {
			unlock_task_sighand(sh, flags);
			return 0;
		}
		*ka = t->sighand->action[sig - 1];
		/* Set with the signal's removal, so that no SIGCONT can come in between. */
		if (ka->handler == SIG_DFL && (sigmask(sig) & SIG_STOPS) && t->pid != 1)
			t->signal->stopped = true;
		if (ka->handler > SIG_IGN) {
			if (ka->flags & SA_RESETHAND)
				t->sighand->action[sig - 1].handler = SIG_DFL;
			unlock_task_sighand(sh, flags);
			trace_signal_deliver((u32)sig, ka->handler);
			return sig;
		}
		unlock_task_sighand(sh, flags);
		if (ka->handler == SIG_IGN && !(sigmask(sig) & SIG_UNMASKABLE))
			continue;
		if ((sigmask(sig) & SIG_KERNEL_IGNORE) || t->pid == 1)
			continue;
		trace_signal_deliver((u32)sig, 0);
		if (sigmask(sig) & SIG_STOPS) {
			do_signal_stop(sig);
			continue;
		}
		if (kern()->top->strace)
			strace_line("+++ killed by signal %d +++", sig);
		do_group_exit(sig);
	}
}

void fpu_clear_user_state(void)
{
	struct cpu *cpu;

	preempt_disable();
	cpu = this_cpu();
	fpu_init(cpu);
	memset(cpu->fpu.xmm, 0, sizeof(cpu->fpu.xmm));
	memset(cpu->fpu.st, 0, sizeof(cpu->fpu.st));
	cpu->fpu.mxcsr = 0x1f80;
	preempt_enable();
}

static void handle_signal(int sig, const struct k_sigaction *ka, const struct kernel_siginfo *info,
			  struct pt_regs *regs)
{
	struct task_struct *t = current;
	u64 mask;

	if (t->flags & PF_NATIVE) {
		/*
		 * A native program has no user code for a handler to be: only default actions reach
		 * it.
		 */
		do_group_exit(sig);
	}
	if (setup_rt_frame(sig, ka, info, regs)) {
		if (sig == SIGSEGV)
			t->sighand->action[SIGSEGV - 1].handler = SIG_DFL;
		force_sig(SIGSEGV);
		return;
	}
	fpu_clear_user_state(); /* the frame has the old state; a handler starts with a fresh one */
	mask = t->blocked | ka->mask;
	if (!(ka->flags & SA_NODEFER))
		mask |= sigmask(sig);
	t->restore_sigmask = false;
	set_current_blocked(mask);
}

void arch_do_signal_or_restart(struct pt_regs *regs)
{
	struct kernel_siginfo info;
	struct k_sigaction ka;
	int sig = get_signal(&ka, &info);

	if (sig) {
		if (kern()->top->strace)
			strace_line("--- signal %d, code %d, pid %d ---", sig, info.code, info.pid);
		prepare_restart(regs, &ka);
		handle_signal(sig, &ka, &info, regs);
		return;
	}
	prepare_restart(regs, NULL);
	if (current->restore_sigmask) {
		current->restore_sigmask = false;
		set_current_blocked(current->saved_sigmask);
	}
	recalc_sigpending(current);
}
