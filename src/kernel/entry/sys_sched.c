/* SPDX-License-Identifier: MIT */
/*
 * System calls of scheduling: policy, priority, nice, affinity, yield.
 *
 * Called through the table; calls sched/sched.h. They must not touch run queues.
 *
 *	sched_setscheduler(8, SCHED_FIFO, {10}) by uid 0: pid 8 leaves the fair class for level 10
 *	of the rt one; by uid 1000 -> -EPERM
 *
 *	Q1 changing another task needs its owner's id or CAP_SYS_NICE; raising one's own priority
 *	   needs CAP_SYS_NICE.
 *
 * Units:   nice -20..19, priorities 1..99, CPU masks of 64-bit words.
 * Owner:   a task reference for the length of a call.
 * Locking: the scheduler's own.
 * Errors:  -ESRCH, -EPERM, -EACCES, -EINVAL, -EFAULT.
 * Time:    the scheduler charges.
 * Source:  sched_setscheduler(2), setpriority(2), sched_setaffinity(2).
 */

#include "hw/machine.h"
#include "kernel/entry/syscall.h"
#include "kernel/percpu/cred.h"
#include "kernel/percpu/percpu.h"
#include "lib/compiler.h"
#include "mm/uaccess.h"
#include "sched/fork.h"
#include "sched/sched.h"
#include "sched/task.h"
#include "vfs/cred.h"

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

/* Q1: may current change how t is scheduled? */
static bool may_schedule(const struct task_struct *t)
{
	const struct cred *c = current_cred();

	return capable(CAP_SYS_NICE) ||
	       (t->cred && (c->euid == t->cred->uid || c->euid == t->cred->euid));
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
	if (!may_schedule(t))
		ret = -EPERM;
	else if (nice < task_nice(t) && !capable(CAP_SYS_NICE))
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
	if (!may_schedule(t) ||
	    ((policy == SCHED_FIFO || policy == SCHED_RR) && !capable(CAP_SYS_NICE)))
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
	ret = may_schedule(t) ? sched_setaffinity(t, mask) : -EPERM;
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
