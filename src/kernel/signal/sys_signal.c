/* SPDX-License-Identifier: MIT */
/*
 * System calls of signals: actions, masks, kill, waiting for one, the alternate stack.
 *
 * Called through the table; calls send.c and deliver.c. They must not touch queues themselves.
 *
 *	rt_sigsuspend(mask): blocked 0x10000 -> mask, sleep, a handler runs with mask's rules and
 *	returns to the call's end, where blocked is 0x10000 again (restore_sigmask): the call always
 *	ends with EINTR.
 *
 *	Y1 sigset size must be 8; SIGKILL and SIGSTOP silently stay out of every mask.
 *
 * Units:   bit n - 1 of a u64 is signal n; timespec for sigtimedwait.
 * Owner:   none.
 * Locking: siglock inside the helpers.
 * Errors:  -EINVAL for numbers and sizes, -EFAULT.
 * Time:    none of its own.
 * Source:  sigaction(2), sigprocmask(2), sigsuspend(2), sigtimedwait(2), sigaltstack(2), kill(2).
 */

#include "kernel/entry/syscall.h"
#include "kernel/percpu/cred.h"
#include "kernel/signal/signal.h"
#include "kernel/time/hrtimer.h"
#include "lib/string.h"
#include "mm/uaccess.h"
#include "sched/fork.h"
#include "sched/sched.h"
#include "sched/task.h"

#define MINSIGSTKSZ 2048u

SYSCALL_DEFINE4(rt_sigaction, int, sig, u64, uact, u64, uold, u64, size)
{
	struct k_sigaction new_action, old;
	struct sighand_struct *sh;
	u64 flags;

	if (size != sizeof(u64) || sig < 1 || sig > _NSIG ||
	    (uact && (sig == SIGKILL || sig == SIGSTOP)))
		return -EINVAL;
	if (uact && copy_from_user(&new_action, uact, sizeof(new_action)))
		return -EFAULT;
	sh = lock_task_sighand(current, &flags);
	old = sh->action[sig - 1];
	if (uact) {
		new_action.mask &= ~SIG_UNMASKABLE;
		sh->action[sig - 1] = new_action;
		if (new_action.handler == SIG_IGN ||
		    (new_action.handler == SIG_DFL && sig == SIGCHLD)) {
			flush_ignored(current, sigmask(sig));
			recalc_sigpending(current);
		}
	}
	unlock_task_sighand(sh, flags);
	if (uold && copy_to_user(uold, &old, sizeof(old)))
		return -EFAULT;
	return 0;
}

SYSCALL_DEFINE4(rt_sigprocmask, int, how, u64, uset, u64, uold, u64, size)
{
	u64 old = current->blocked, set;

	if (size != sizeof(u64))
		return -EINVAL;
	if (uset) {
		if (get_user_u64(&set, uset))
			return -EFAULT;
		switch (how) {
		case SIG_BLOCK:
			set |= old;
			break;
		case SIG_UNBLOCK:
			set = old & ~set;
			break;
		case SIG_SETMASK:
			break;
		default:
			return -EINVAL;
		}
		set_current_blocked(set);
	}
	if (uold && put_user_u64(old, uold))
		return -EFAULT;
	return 0;
}

long sys_rt_sigreturn(struct pt_regs *regs);
long sys_rt_sigreturn(struct pt_regs *regs)
{
	return do_rt_sigreturn(regs);
}

SYSCALL_DEFINE2(rt_sigpending, u64, uset, u64, size)
{
	u64 set = (current->pending_mask | current->signal->shared_mask) & current->blocked;

	if (size > sizeof(set))
		return -EINVAL;
	return copy_to_user(uset, &set, size) ? -EFAULT : 0;
}

SYSCALL_DEFINE2(rt_sigsuspend, u64, uset, u64, size)
{
	u64 set;

	if (size != sizeof(set))
		return -EINVAL;
	if (get_user_u64(&set, uset))
		return -EFAULT;
	current->saved_sigmask = current->blocked;
	set_current_blocked(set);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (signal_pending(current))
			break;
		schedule();
	}
	set_current_state(TASK_RUNNING);
	current->restore_sigmask = true;
	return -ERESTARTNOHAND;
}

SYSCALL_DEFINE0(pause)
{
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (signal_pending(current))
			break;
		schedule();
	}
	set_current_state(TASK_RUNNING);
	return -ERESTARTNOHAND;
}

SYSCALL_DEFINE4(rt_sigtimedwait, u64, uset, u64, uinfo, u64, uts, u64, size)
{
	struct task_struct *t = current;
	struct kernel_siginfo info;
	u64 set, blocked = t->blocked, flags, deadline = 0;
	struct sighand_struct *sh;
	u8 out[128];
	s64 ts[2];
	int sig, timed_out = 0;

	if (size != sizeof(set))
		return -EINVAL;
	if (get_user_u64(&set, uset) || (uts && copy_from_user(ts, uts, sizeof(ts))))
		return -EFAULT;
	if (uts) {
		if (ts[0] < 0 || (u64)ts[1] >= NSEC_PER_SEC)
			return -EINVAL;
		deadline = ktime_get() + (u64)ts[0] * NSEC_PER_SEC + (u64)ts[1];
	}
	set &= ~SIG_UNMASKABLE;
	for (;;) {
		sh = lock_task_sighand(t, &flags);
		t->blocked = blocked;
		sig = dequeue_signal(set, &info);
		if (!sig && !timed_out) {
			t->blocked = blocked & ~set; /* so that one of the set wakes us */
			recalc_sigpending(t);
		}
		unlock_task_sighand(sh, flags);
		if (sig || timed_out)
			break;
		set_current_state(TASK_INTERRUPTIBLE);
		if (!signal_pending(t))
			timed_out = schedule_hrtimeout(uts ? &deadline : NULL) == 0;
		set_current_state(TASK_RUNNING);
		if (signal_pending(t) && !((t->pending_mask | t->signal->shared_mask) & set)) {
			set_current_blocked(blocked);
			return -EINTR;
		}
	}
	recalc_sigpending(t);
	if (!sig)
		return -EAGAIN;
	siginfo_to_user(out, &info);
	if (uinfo && copy_to_user(uinfo, out, sizeof(out)))
		return -EFAULT;
	return sig;
}

SYSCALL_DEFINE2(kill, s32, pid, int, sig)
{
	return do_kill(pid, sig);
}

SYSCALL_DEFINE2(tkill, s32, pid, int, sig)
{
	return do_tgkill(0, pid, sig);
}

SYSCALL_DEFINE3(tgkill, s32, tgid, s32, pid, int, sig)
{
	if (tgid <= 0)
		return -EINVAL;
	return do_tgkill(tgid, pid, sig);
}

/* The siginfo_t at a user address, as far as senders fill it: code, pid, uid, value. */
static int siginfo_from_user(struct kernel_siginfo *info, u64 uinfo)
{
	u8 in[48];
	u32 pid;

	if (copy_from_user(in, uinfo, sizeof(in)))
		return -EFAULT;
	memset(info, 0, sizeof(*info));
	memcpy(&info->err, in + 4, 4);
	memcpy(&info->code, in + 8, 4);
	memcpy(&pid, in + 16, 4);
	memcpy(&info->uid, in + 20, 4);
	memcpy(&info->addr, in + 24, 8);
	info->pid = (s32)pid;
	return 0;
}

SYSCALL_DEFINE3(rt_sigqueueinfo, s32, tgid, int, sig, u64, uinfo)
{
	struct kernel_siginfo info;
	int ret = siginfo_from_user(&info, uinfo);

	return ret ? ret : do_sigqueue(tgid, 0, sig, &info);
}

SYSCALL_DEFINE4(rt_tgsigqueueinfo, s32, tgid, s32, pid, int, sig, u64, uinfo)
{
	struct kernel_siginfo info;
	int ret = siginfo_from_user(&info, uinfo);

	if (!ret && (tgid <= 0 || pid <= 0))
		ret = -EINVAL;
	return ret ? ret : do_sigqueue(tgid, pid, sig, &info);
}

struct stack_t64 {
	u64 sp;
	u32 flags, pad;
	u64 size;
};

long sys_sigaltstack(struct pt_regs *regs);
long sys_sigaltstack(struct pt_regs *regs)
{
	struct task_struct *t = current;
	struct stack_t64 st, old;
	bool on = t->sas_ss_size && regs->sp > t->sas_ss_sp &&
		  regs->sp - t->sas_ss_sp <= t->sas_ss_size;

	old = (struct stack_t64){ .sp = t->sas_ss_sp,
				  .size = t->sas_ss_size,
				  .flags = on		  ? SS_ONSTACK :
					   t->sas_ss_size ? 0 :
							    SS_DISABLE };
	if (regs->di) {
		if (copy_from_user(&st, regs->di, sizeof(st)))
			return -EFAULT;
		if (on)
			return -EPERM;
		if (st.flags != SS_DISABLE && st.flags != SS_ONSTACK && st.flags != 0)
			return -EINVAL;
		if (st.flags == SS_DISABLE) {
			st.sp = st.size = 0;
		} else if (st.size < MINSIGSTKSZ) {
			return -ENOMEM;
		}
		t->sas_ss_sp = st.sp;
		t->sas_ss_size = st.size;
	}
	if (regs->si && copy_to_user(regs->si, &old, sizeof(old)))
		return -EFAULT;
	return 0;
}
