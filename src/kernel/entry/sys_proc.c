/* SPDX-License-Identifier: MIT */
/*
 * System calls of processes: fork and its kin, exit, exec, wait, groups and sessions.
 *
 * Called through the table; calls sched/fork.h and kernel/exec. They must not touch the tree's lists
 * but under its lock.
 *
 *	fork() by pid 7: kernel_clone({exit_signal SIGCHLD}) -> pid 8; the child's pt_regs are a copy
 *	with ax = 0
 *	wait4(-1, &st, 0, 0): sleeps until 8 is a zombie; st = exit code << 8, or the signal's number
 *
 *	P1 a pid that user space names is resolved under the tasklist lock, or with a reference that is
 *	   dropped before returning.
 *
 * Units:   pids; ns inside, timeval outside.
 * Owner:   task references for the length of a call.
 * Locking: the tasklist lock around lookups that take no reference.
 * Errors:  -ESRCH, -EPERM, -ECHILD, -EINVAL, -EFAULT as the man-pages say.
 * Time:    the bodies charge.
 * Source:  clone(2), wait4(2), waitid(2), setpgid(2), setsid(2), getrusage(2), execve(2).
 */

#include "kernel/entry/syscall.h"
#include "kernel/exec/exec.h"
#include "kernel/exec/native.h"
#include "kernel/signal/signal.h"
#include "kernel/time/ktime.h"
#include "lib/compiler.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/uaccess.h"
#include "sched/fork.h"
#include "sched/sched.h"
#include "sched/task.h"

/* --- making and ending --- */

SYSCALL_DEFINE0(fork)
{
	struct kernel_clone_args args = { .exit_signal = SIGCHLD };

	if (current->flags & PF_NATIVE)
		return native_do_fork();
	return kernel_clone(&args);
}

SYSCALL_DEFINE0(vfork)
{
	struct kernel_clone_args args = { .flags = CLONE_VFORK | CLONE_VM, .exit_signal = SIGCHLD };

	if (current->flags & PF_NATIVE)
		return -EINVAL;
	return kernel_clone(&args);
}

SYSCALL_DEFINE5(clone, u64, flags, u64, stack, u64, parent_tid, u64, child_tid, u64, tls)
{
	struct kernel_clone_args args = {
		.flags = flags & ~(u64)CSIGNAL,
		.exit_signal = (int)(flags & CSIGNAL),
		.stack = stack,
		.tls = tls,
		.parent_tid = parent_tid,
		.child_tid = child_tid,
	};

	if (flags >> 32 || (current->flags & PF_NATIVE))
		return -EINVAL;
	return kernel_clone(&args);
}

SYSCALL_DEFINE1(exit, int, code)
{
	do_exit((long)(code & 0xff) << 8);
}

SYSCALL_DEFINE1(exit_group, int, code)
{
	do_group_exit((code & 0xff) << 8);
}

SYSCALL_DEFINE3(execve, u64, uname, u64, uargv, u64, uenvp)
{
	struct exec_strings argv = { .user = true, .uvec = uargv },
			    envp = { .user = true, .uvec = uenvp };

	return do_execve_user(uname, &argv, &envp);
}

static void rusage_of(struct task_rusage *out, u64 ru[18])
{
	memset(ru, 0, 18 * sizeof(u64));
	ru[0] = out->utime_ns / NSEC_PER_SEC;
	ru[1] = out->utime_ns % NSEC_PER_SEC / 1000;
	ru[2] = out->stime_ns / NSEC_PER_SEC;
	ru[3] = out->stime_ns % NSEC_PER_SEC / 1000;
	ru[4] = out->maxrss_kb;
	ru[8] = out->min_flt;
	ru[9] = out->maj_flt;
	ru[16] = out->nvcsw;
	ru[17] = out->nivcsw;
}

SYSCALL_DEFINE4(wait4, s32, pid, u64, ustatus, u32, options, u64, uru)
{
	struct task_rusage ru;
	u64 out[18];
	int status;
	long ret;

	if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL))
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	ret = do_wait4(pid, &status, options, &ru);
	if (ret <= 0)
		return ret;
	if (ustatus && put_user_u32((u32)status, ustatus))
		return -EFAULT;
	if (uru) {
		rusage_of(&ru, out);
		if (copy_to_user(uru, out, sizeof(out)))
			return -EFAULT;
	}
	return ret;
}

/* What siginfo says of a wait status. */
static void child_siginfo(u8 out[128], const struct wait_opts *wo)
{
	struct kernel_siginfo info = { .signo = SIGCHLD, .pid = wo->child_tgid, .uid = wo->uid };
	int status = wo->status;

	if (status == 0xffff) {
		info.code = CLD_CONTINUED;
		info.status = SIGCONT;
	} else if ((status & 0xff) == 0x7f) {
		info.code = CLD_STOPPED;
		info.status = status >> 8 & 0xff;
	} else if (!(status & 0x7f)) {
		info.code = CLD_EXITED;
		info.status = status >> 8 & 0xff;
	} else {
		info.code = status & 0x80 ? CLD_DUMPED : CLD_KILLED;
		info.status = status & 0x7f;
	}
	siginfo_to_user(out, &info);
}

#define P_ALL 0
#define P_PID 1
#define P_PGID 2

SYSCALL_DEFINE5(waitid, int, which, s32, upid, u64, uinfo, u32, options, u64, uru)
{
	struct wait_opts wo = { .pid = -1, .options = options };
	u8 info[128] = { 0 };
	u64 ru[18];
	long ret;

	if (options & ~(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD |
			__WCLONE | __WALL) ||
	    !(options & (WEXITED | WSTOPPED | WCONTINUED)))
		return -EINVAL;
	switch (which) {
	case P_ALL:
		break;
	case P_PID:
		if (upid <= 0)
			return -EINVAL;
		wo.pid = upid;
		break;
	case P_PGID:
		if (upid < 0)
			return -EINVAL;
		wo.pid = upid && upid != current->pgid ? -upid : 0;
		/* do_wait's "any": nobody else's children are in the first process's group */
		if (wo.pid == -1)
			return -ECHILD;
		break;
	default:
		return -EINVAL;
	}
	ret = do_wait(&wo);
	if (ret > 0) {
		ret = 0;
		child_siginfo(info, &wo);
		if (uru) {
			rusage_of(&wo.ru, ru);
			if (copy_to_user(uru, ru, sizeof(ru)))
				return -EFAULT;
		}
	}
	/* Linux writes these fields, and only these, whatever came of it. */
	if (uinfo && (copy_to_user(uinfo, info, 12) || copy_to_user(uinfo + 16, info + 16, 12)))
		return -EFAULT;
	return ret;
}

SYSCALL_DEFINE2(getrusage, int, who, u64, uru)
{
	struct task_struct *t = current, *leader = t->group_leader;
	struct task_rusage ru = { 0 };
	u64 out[18];

	switch (who) {
	case 0: /* RUSAGE_SELF */
		thread_group_cputime_adjusted(t, &ru.utime_ns, &ru.stime_ns);
		ru.min_flt = t->min_flt;
		ru.maj_flt = t->maj_flt;
		ru.nvcsw = t->nvcsw;
		ru.nivcsw = t->nivcsw;
		break;
	case 1: /* RUSAGE_THREAD */
		task_cputime_adjusted(t, &ru.utime_ns, &ru.stime_ns);
		ru.nvcsw = t->nvcsw;
		ru.nivcsw = t->nivcsw;
		break;
	case -1: /* RUSAGE_CHILDREN */
		ru = (struct task_rusage){ .utime_ns = leader->cutime,
					   .stime_ns = leader->cstime,
					   .min_flt = leader->cmin_flt,
					   .maj_flt = leader->cmaj_flt,
					   .nvcsw = leader->cnvcsw,
					   .nivcsw = leader->cnivcsw };
		break;
	default:
		return -EINVAL;
	}
	if (who != -1 && t->mm)
		ru.maxrss_kb = max(t->mm->hiwater_rss, get_mm_rss(t->mm)) * 4;
	rusage_of(&ru, out);
	return copy_to_user(uru, out, sizeof(out)) ? -EFAULT : 0;
}

/* --- who --- */

SYSCALL_DEFINE0(getpid)
{
	return current->tgid;
}

SYSCALL_DEFINE0(gettid)
{
	return current->pid;
}

SYSCALL_DEFINE0(getppid)
{
	struct task_struct *parent = current->group_leader->real_parent;

	return parent ? parent->tgid : 0;
}

SYSCALL_DEFINE0(getpgrp)
{
	return current->pgid;
}

/* pgid or sid of pid (0: current). */
static long id_of(s32 pid, bool session)
{
	struct task_struct *t;
	u64 flags = tasklist_lock();
	long ret = -ESRCH;

	t = pid ? find_task_by_vpid(pid) : current;
	if (t)
		ret = session ? t->sid : t->pgid;
	tasklist_unlock(flags);
	return ret;
}

SYSCALL_DEFINE1(getpgid, s32, pid)
{
	return id_of(pid, false);
}

SYSCALL_DEFINE1(getsid, s32, pid)
{
	return id_of(pid, true);
}

SYSCALL_DEFINE2(setpgid, s32, pid, s32, pgid)
{
	struct task_struct *me = current->group_leader, *t, *p;
	u64 flags;
	long ret;

	if (!pid)
		pid = me->pid;
	if (!pgid)
		pgid = pid;
	if (pgid < 0)
		return -EINVAL;
	flags = tasklist_lock();
	t = find_task_by_vpid(pid);
	ret = -ESRCH;
	if (!t || (t != me && t->real_parent != me))
		goto out;
	ret = -EINVAL;
	if (t != t->group_leader)
		goto out;
	ret = -EPERM;
	if (t->sid == t->pid || t->sid != me->sid)
		goto out;
	ret = -EACCES;
	if (t != me && !(t->flags & PF_FORKNOEXEC))
		goto out;
	if (pgid != pid) {
		bool found = false;

		for_each_process(p)
			found |= p->pgid == pgid && p->sid == me->sid;
		ret = -EPERM;
		if (!found)
			goto out;
	}
	ret = t->pgid == pgid ? 0 : set_task_pgid(t, pgid);
out:
	tasklist_unlock(flags);
	return ret;
}

SYSCALL_DEFINE0(setsid)
{
	struct task_struct *me = current->group_leader, *p;
	u64 flags = tasklist_lock();
	long ret = 0;

	for_each_process(p) {
		if (p->pgid == me->pid)
			ret = -EPERM;
	}
	if (!ret)
		ret = set_task_sid(me, me->pid);
	if (!ret)
		ret = set_task_pgid(me, me->pid);
	tasklist_unlock(flags);
	return ret ? ret : me->pid;
}
