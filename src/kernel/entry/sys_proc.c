/* SPDX-License-Identifier: MIT */
/*
 * System calls of processes: fork and its kin, exit, wait, identities, limits, scheduling, the
 * machine's name.
 *
 * Called through the table; calls sched/fork.h, kernel/exec and the scheduler. They must not touch
 * run queues or the tree's lists themselves.
 *
 *	fork() by pid 7: kernel_clone({exit_signal SIGCHLD}) -> pid 8; the child's pt_regs are a
 *	copy with ax = 0 wait4(-1, &st, 0, 0): sleeps until 8 is a zombie; st = exit code << 8, or
 *	the signal's number
 *
 *	P1 a pid that user space names is resolved with a reference and dropped before returning.
 *	P2 setuid and friends make a new cred; the old one is never changed.
 *
 * Units:   pids; ns inside, timeval and clock ticks outside.
 * Owner:   task references for the length of a call.
 * Locking: the tasklist lock around lookups that do not take a reference.
 * Errors:  -ESRCH, -EPERM, -EINVAL, -EFAULT as the man-pages say.
 * Time:    the bodies charge.
 * Source:  clone(2), wait4(2), setpgid(2), setuid(2), getrusage(2), prlimit(2),
 * sched_setscheduler(2), uname(2), arch_prctl(2).
 */

#include "kernel/entry/syscall.h"
#include "kernel/exec/exec.h"
#include "kernel/exec/native.h"
#include "kernel/percpu/cred.h"
#include "kernel/percpu/percpu.h"
#include "kernel/signal/signal.h"
#include "kernel/time/ktime.h"
#include "lib/compiler.h"
#include "lib/err.h"
#include "lib/string.h"
#include "mm/alloc/alloc.h"
#include "mm/mm.h"
#include "mm/uaccess.h"
#include "sched/fork.h"
#include "sched/sched.h"
#include "sched/task.h"
#include "vfs/cred.h"
#include "vfs/devices.h"
#include "vfs/file.h"
#include "vfs/fs_struct.h"
#include "vfs/version.h"

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

SYSCALL_DEFINE0(getuid)
{
	return current_cred()->uid;
}

SYSCALL_DEFINE0(geteuid)
{
	return current_cred()->euid;
}

SYSCALL_DEFINE0(getgid)
{
	return current_cred()->gid;
}

SYSCALL_DEFINE0(getegid)
{
	return current_cred()->egid;
}

/*
 * The capability consequences of changed uids (capabilities(7)): root's go when the last root id
 * goes.
 */
static void fix_caps(const struct cred *old, struct cred *new_cred)
{
	bool had = !old->uid || !old->euid || !old->suid,
	     has = !new_cred->uid || !new_cred->euid || !new_cred->suid;

	if (had && !has)
		new_cred->cap_permitted = new_cred->cap_effective = 0;
	if (!old->euid && new_cred->euid)
		new_cred->cap_effective = 0;
	if (old->euid && !new_cred->euid)
		new_cred->cap_effective = new_cred->cap_permitted;
}

#define KEEP ((u32)-1)

static bool id_allowed(u32 id, u32 a, u32 b, u32 c)
{
	return id == KEEP || id == a || id == b || id == c;
}

static long set_resuid(u32 r, u32 e, u32 s)
{
	const struct cred *old = current_cred();
	struct cred *c;

	if (!capable(CAP_SETUID) && !(id_allowed(r, old->uid, old->euid, old->suid) &&
				      id_allowed(e, old->uid, old->euid, old->suid) &&
				      id_allowed(s, old->uid, old->euid, old->suid)))
		return -EPERM;
	c = prepare_creds();
	if (!c)
		return -ENOMEM;
	if (r != KEEP)
		c->uid = r;
	if (e != KEEP)
		c->euid = e;
	if (s != KEEP)
		c->suid = s;
	c->fsuid = c->euid;
	fix_caps(old, c);
	return commit_creds(c);
}

static long set_resgid(u32 r, u32 e, u32 s)
{
	const struct cred *old = current_cred();
	struct cred *c;

	if (!capable(CAP_SETGID) && !(id_allowed(r, old->gid, old->egid, old->sgid) &&
				      id_allowed(e, old->gid, old->egid, old->sgid) &&
				      id_allowed(s, old->gid, old->egid, old->sgid)))
		return -EPERM;
	c = prepare_creds();
	if (!c)
		return -ENOMEM;
	if (r != KEEP)
		c->gid = r;
	if (e != KEEP)
		c->egid = e;
	if (s != KEEP)
		c->sgid = s;
	c->fsgid = c->egid;
	return commit_creds(c);
}

SYSCALL_DEFINE1(setuid, u32, uid)
{
	if (uid == KEEP)
		return -EINVAL;
	return capable(CAP_SETUID) ? set_resuid(uid, uid, uid) :
	       uid == current_cred()->uid || uid == current_cred()->suid ?
				     set_resuid(KEEP, uid, KEEP) :
				     -EPERM;
}

SYSCALL_DEFINE1(setgid, u32, gid)
{
	if (gid == KEEP)
		return -EINVAL;
	return capable(CAP_SETGID) ? set_resgid(gid, gid, gid) :
	       gid == current_cred()->gid || gid == current_cred()->sgid ?
				     set_resgid(KEEP, gid, KEEP) :
				     -EPERM;
}

SYSCALL_DEFINE2(setreuid, u32, r, u32, e)
{
	const struct cred *c = current_cred();
	bool saves = r != KEEP || (e != KEEP && e != c->uid);

	return set_resuid(r, e, saves ? (e != KEEP ? e : c->euid) : KEEP);
}

SYSCALL_DEFINE2(setregid, u32, r, u32, e)
{
	const struct cred *c = current_cred();
	bool saves = r != KEEP || (e != KEEP && e != c->gid);

	return set_resgid(r, e, saves ? (e != KEEP ? e : c->egid) : KEEP);
}

SYSCALL_DEFINE3(setresuid, u32, r, u32, e, u32, s)
{
	return set_resuid(r, e, s);
}

SYSCALL_DEFINE3(setresgid, u32, r, u32, e, u32, s)
{
	return set_resgid(r, e, s);
}

/* The capabilities that follow fsuid 0: what passes checks on files. */
#define CAP_FS_SET                                                                                 \
	(1ull << CAP_CHOWN | 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_DAC_READ_SEARCH |              \
	 1ull << CAP_FOWNER | 1ull << CAP_FSETID | 1ull << CAP_LINUX_IMMUTABLE |                   \
	 1ull << CAP_MKNOD | 1ull << CAP_MAC_OVERRIDE)

/* Both return the old id whether or not they changed it: that is the interface. */
SYSCALL_DEFINE1(setfsuid, u32, uid)
{
	const struct cred *old = current_cred();
	long ret = old->fsuid;
	struct cred *c;

	if (uid == KEEP || uid == old->fsuid ||
	    (!id_allowed(uid, old->uid, old->euid, old->suid) && !capable(CAP_SETUID)))
		return ret;
	c = prepare_creds();
	if (!c)
		return ret;
	if (!c->fsuid)
		c->cap_effective &= ~CAP_FS_SET;
	else if (!uid)
		c->cap_effective |= c->cap_permitted & CAP_FS_SET;
	c->fsuid = uid;
	commit_creds(c);
	return ret;
}

SYSCALL_DEFINE1(setfsgid, u32, gid)
{
	const struct cred *old = current_cred();
	long ret = old->fsgid;
	struct cred *c;

	if (gid == KEEP || gid == old->fsgid ||
	    (!id_allowed(gid, old->gid, old->egid, old->sgid) && !capable(CAP_SETGID)))
		return ret;
	c = prepare_creds();
	if (!c)
		return ret;
	c->fsgid = gid;
	commit_creds(c);
	return ret;
}

SYSCALL_DEFINE3(getresuid, u64, ur, u64, ue, u64, us)
{
	const struct cred *c = current_cred();

	return put_user_u32(c->uid, ur) || put_user_u32(c->euid, ue) || put_user_u32(c->suid, us) ?
		       -EFAULT :
		       0;
}

SYSCALL_DEFINE3(getresgid, u64, ur, u64, ue, u64, us)
{
	const struct cred *c = current_cred();

	return put_user_u32(c->gid, ur) || put_user_u32(c->egid, ue) || put_user_u32(c->sgid, us) ?
		       -EFAULT :
		       0;
}

SYSCALL_DEFINE2(getgroups, int, size, u64, ulist)
{
	const struct cred *c = current_cred();

	if (size < 0 || (size && size < (int)c->ngroups))
		return -EINVAL;
	if (size && copy_to_user(ulist, c->groups, c->ngroups * sizeof(u32)))
		return -EFAULT;
	return (long)c->ngroups;
}

SYSCALL_DEFINE2(setgroups, int, size, u64, ulist)
{
	struct cred *c;

	if (!capable(CAP_SETGID))
		return -EPERM;
	if ((u32)size > NGROUPS_INLINE)
		return -EINVAL;
	c = prepare_creds();
	if (!c)
		return -ENOMEM;
	c->ngroups = (u32)size;
	if (copy_from_user(c->groups, ulist, (u64)size * sizeof(u32))) {
		abort_creds(c);
		return -EFAULT;
	}
	for (int i = 1; i < size; i++) { /* insertion sort: at most 32 */
		u32 g = c->groups[i];
		int j = i;

		for (; j > 0 && c->groups[j - 1] > g; j--)
			c->groups[j] = c->groups[j - 1];
		c->groups[j] = g;
	}
	return commit_creds(c);
}

/* --- limits --- */

static long do_prlimit(s32 pid, u32 resource, const struct rlimit *new_limit, struct rlimit *old)
{
	struct task_struct *t;
	struct rlimit *lim;

	if (resource >= RLIM_NLIMITS)
		return -EINVAL;
	t = pid ? find_get_task_by_vpid(pid) : get_task_struct(current);
	if (!t)
		return -ESRCH;
	if (!t->signal) {
		put_task_struct(t);
		return -ESRCH;
	}
	lim = &t->signal->rlim[resource];
	if (old)
		*old = *lim;
	if (new_limit) {
		if (new_limit->cur > new_limit->max ||
		    (new_limit->max > lim->max && !capable(CAP_SYS_RESOURCE))) {
			long ret = new_limit->cur > new_limit->max ? -EINVAL : -EPERM;

			put_task_struct(t);
			return ret;
		}
		*lim = *new_limit;
		if (resource == 7 && t->files) /* RLIMIT_NOFILE */
			t->files->rlimit_nofile = (u32)min(lim->cur, (u64)NR_OPEN_MAX);
	}
	put_task_struct(t);
	return 0;
}

SYSCALL_DEFINE4(prlimit64, s32, pid, u32, resource, u64, unew, u64, uold)
{
	struct rlimit new_limit, old;
	long ret;

	if (unew && copy_from_user(&new_limit, unew, sizeof(new_limit)))
		return -EFAULT;
	ret = do_prlimit(pid, resource, unew ? &new_limit : NULL, &old);
	if (!ret && uold && copy_to_user(uold, &old, sizeof(old)))
		return -EFAULT;
	return ret;
}

SYSCALL_DEFINE2(getrlimit, u32, resource, u64, uold)
{
	struct rlimit old;
	long ret = do_prlimit(0, resource, NULL, &old);

	return ret ? ret : copy_to_user(uold, &old, sizeof(old)) ? -EFAULT : 0;
}

SYSCALL_DEFINE2(setrlimit, u32, resource, u64, unew)
{
	struct rlimit new_limit;

	if (copy_from_user(&new_limit, unew, sizeof(new_limit)))
		return -EFAULT;
	return do_prlimit(0, resource, &new_limit, NULL);
}

/* --- scheduling --- */

SYSCALL_DEFINE0(sched_yield)
{
	yield();
	return 0;
}

/* The task `pid` names (0: current) with a reference, or NULL. */
static struct task_struct *get_task(s32 pid)
{
	return pid ? find_get_task_by_vpid(pid) : get_task_struct(current);
}

SYSCALL_DEFINE2(getpriority, int, which, s32, who)
{
	struct task_struct *t;
	long ret;

	if (which != 0)
		return -EINVAL;
	t = get_task(who);
	if (!t)
		return -ESRCH;
	ret = 20 - task_nice(t);
	put_task_struct(t);
	return ret;
}

SYSCALL_DEFINE3(setpriority, int, which, s32, who, int, nice)
{
	struct task_struct *t;
	long ret = 0;

	if (which != 0)
		return -EINVAL;
	t = get_task(who);
	if (!t)
		return -ESRCH;
	nice = max(-20, min(19, nice));
	if (nice < task_nice(t) && !capable(CAP_SYS_NICE))
		ret = -EACCES;
	else
		set_user_nice(t, nice);
	put_task_struct(t);
	return ret;
}

SYSCALL_DEFINE1(sched_getscheduler, s32, pid)
{
	struct task_struct *t = pid < 0 ? NULL : get_task(pid);
	long ret;

	if (pid < 0)
		return -EINVAL;
	if (!t)
		return -ESRCH;
	ret = (long)t->policy;
	put_task_struct(t);
	return ret;
}

SYSCALL_DEFINE2(sched_getparam, s32, pid, u64, uparam)
{
	struct task_struct *t = pid < 0 ? NULL : get_task(pid);
	u32 prio;

	if (pid < 0 || !uparam)
		return -EINVAL;
	if (!t)
		return -ESRCH;
	prio = t->rt_priority;
	put_task_struct(t);
	return put_user_u32(prio, uparam);
}

SYSCALL_DEFINE3(sched_setscheduler, s32, pid, int, policy, u64, uparam)
{
	struct sched_param param;
	struct task_struct *t;
	long ret;

	if (pid < 0 || policy < 0 || !uparam)
		return -EINVAL;
	if (copy_from_user(&param, uparam, sizeof(param)))
		return -EFAULT;
	t = get_task(pid);
	if (!t)
		return -ESRCH;
	if ((policy == SCHED_FIFO || policy == SCHED_RR) && !capable(CAP_SYS_NICE))
		ret = -EPERM;
	else
		ret = sched_setscheduler(t, policy, &param);
	put_task_struct(t);
	return ret;
}

SYSCALL_DEFINE1(sched_get_priority_max, int, policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR			       ? 99 :
	       policy == SCHED_NORMAL || policy == SCHED_BATCH || policy == SCHED_IDLE ? 0 :
											 -EINVAL;
}

SYSCALL_DEFINE1(sched_get_priority_min, int, policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR			       ? 1 :
	       policy == SCHED_NORMAL || policy == SCHED_BATCH || policy == SCHED_IDLE ? 0 :
											 -EINVAL;
}

SYSCALL_DEFINE3(sched_setaffinity, s32, pid, u32, len, u64, umask)
{
	u64 mask[1024 / 64] = { 0 };
	struct task_struct *t;
	long ret;

	if (copy_from_user(mask, umask, min((u64)len, (u64)sizeof(mask))))
		return -EFAULT;
	t = get_task(pid);
	if (!t)
		return -ESRCH;
	ret = sched_setaffinity(t, mask);
	put_task_struct(t);
	return ret;
}

SYSCALL_DEFINE3(sched_getaffinity, s32, pid, u32, len, u64, umask)
{
	u64 mask[1024 / 64];
	struct task_struct *t;
	u32 need = DIV_ROUND_UP(nr_cpu_ids(), 64) * 8;

	if (len < need || (len & 7))
		return -EINVAL;
	t = get_task(pid);
	if (!t)
		return -ESRCH;
	for (u32 i = 0; i < 16; i++) {
		u32 first = i * 64, left = nr_cpu_ids() > first ? nr_cpu_ids() - first : 0;

		mask[i] = t->cpus_mask[i] & (left >= 64 ? ~0ull : (1ull << left) - 1);
	}
	put_task_struct(t);
	return copy_to_user(umask, mask, need) ? -EFAULT : (long)need;
}

/* --- this task --- */

#define ARCH_SET_GS 0x1001
#define ARCH_SET_FS 0x1002
#define ARCH_GET_FS 0x1003
#define ARCH_GET_GS 0x1004

SYSCALL_DEFINE2(arch_prctl, int, code, u64, addr)
{
	struct fault f;
	struct cpu *cpu;
	u64 v = 0;

	if ((code == ARCH_SET_FS || code == ARCH_SET_GS) && addr >= TASK_SIZE)
		return -EPERM;
	preempt_disable();
	cpu = this_cpu();
	switch (code) {
	case ARCH_SET_FS:
		BUG_ON(!cpu_write_msr(cpu, MSR_FS_BASE, addr, &f));
		current->thread.fsbase = addr;
		break;
	case ARCH_SET_GS: /* the user's base waits in KERNEL_GS_BASE while the kernel runs */
		BUG_ON(!cpu_write_msr(cpu, MSR_KERNEL_GS_BASE, addr, &f));
		current->thread.gsbase = addr;
		break;
	case ARCH_GET_FS:
		BUG_ON(!cpu_read_msr(cpu, MSR_FS_BASE, &v, &f));
		break;
	case ARCH_GET_GS:
		BUG_ON(!cpu_read_msr(cpu, MSR_KERNEL_GS_BASE, &v, &f));
		break;
	default:
		preempt_enable();
		return -EINVAL;
	}
	preempt_enable();
	return code == ARCH_GET_FS || code == ARCH_GET_GS ? put_user_u64(v, addr) : 0;
}

SYSCALL_DEFINE1(set_tid_address, u64, addr)
{
	current->clear_child_tid = addr;
	return current->pid;
}

SYSCALL_DEFINE2(set_robust_list, u64, head, u64, len)
{
	if (len != 24)
		return -EINVAL;
	current->robust_list = head;
	return 0;
}

#define PR_SET_PDEATHSIG 1
#define PR_GET_DUMPABLE 3
#define PR_SET_NAME 15
#define PR_GET_NAME 16
#define PR_SET_CHILD_SUBREAPER 36
#define PR_GET_CHILD_SUBREAPER 37

SYSCALL_DEFINE2(prctl, int, option, u64, arg)
{
	char comm[TASK_COMM_LEN] = "";
	s64 len;

	switch (option) {
	case PR_GET_DUMPABLE:
		return 1;
	case PR_SET_NAME:
		len = strncpy_from_user(comm, arg, TASK_COMM_LEN - 1);
		if (len < 0)
			return -EFAULT;
		comm[TASK_COMM_LEN - 1] = 0;
		set_task_comm(current, comm);
		return 0;
	case PR_GET_NAME:
		return copy_to_user(arg, current->comm, TASK_COMM_LEN) ? -EFAULT : 0;
	case PR_SET_CHILD_SUBREAPER:
		current->group_leader->is_child_subreaper = arg != 0;
		return 0;
	case PR_GET_CHILD_SUBREAPER:
		return put_user_u32(current->group_leader->is_child_subreaper, arg);
	default:
		return -EINVAL;
	}
}

/* --- the machine --- */

SYSCALL_DEFINE1(uname, u64, ubuf)
{
	static const char *const field[6] = { UTS_SYSNAME, UTS_NODENAME, UTS_RELEASE,
					      UTS_VERSION, UTS_MACHINE,	 "(none)" };
	char out[6][65];

	memset(out, 0, sizeof(out));
	for (int i = 0; i < 6; i++)
		memcpy(out[i], field[i], strlen(field[i]));
	return copy_to_user(ubuf, out, sizeof(out)) ? -EFAULT : 0;
}

struct user_sysinfo {
	s64 uptime;
	u64 loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap;
	u16 procs, pad;
	u32 pad2;
	u64 totalhigh, freehigh;
	u32 mem_unit, pad3;
};
_Static_assert(sizeof(struct user_sysinfo) == 112, "struct sysinfo");

SYSCALL_DEFINE1(sysinfo, u64, ubuf)
{
	struct user_sysinfo si;
	struct sysinfo_mem mem;

	memset(&si, 0, sizeof(si));
	si_meminfo(&mem);
	si.uptime = (s64)(ktime_get() / NSEC_PER_SEC);
	get_avenrun(kern(), si.loads);
	for (int i = 0; i < 3; i++)
		si.loads[i] <<= 16 - 11;
	si.totalram = mem.totalram * PAGE_SIZE;
	si.freeram = mem.freeram * PAGE_SIZE;
	si.procs = (u16)nr_processes(kern());
	si.mem_unit = 1;
	return copy_to_user(ubuf, &si, sizeof(si)) ? -EFAULT : 0;
}

SYSCALL_DEFINE3(getrandom, u64, ubuf, u64, len, u32, flags)
{
	u8 chunk[256];
	u64 done = 0;

	if (flags & ~7u)
		return -EINVAL;
	len = min(len, (u64)0x1ffffff);
	while (done < len) {
		u64 n = min(len - done, (u64)sizeof(chunk));

		get_random_bytes(chunk, n);
		if (copy_to_user(ubuf + done, chunk, n))
			return done ? (long)done : -EFAULT;
		done += n;
		if (signal_pending(current))
			break;
	}
	return (long)done;
}
