/* SPDX-License-Identifier: MIT */
/*
 * System calls about limits, this task's odds and ends, and the machine: prlimit, prctl, arch_prctl,
 * uname, sysinfo, getrandom.
 *
 * Called through the table; each reads or writes one small thing kept elsewhere.
 *
 *	arch_prctl(ARCH_SET_FS, 0x5ec3c0): MSR_FS_BASE now, and task->thread.fsbase for the next switch
 *
 *	M1 a base that user space sets is canonical and below TASK_SIZE.
 *
 * Units:   bytes, pages of 4 KiB, limits as RLIMIT_* says.
 * Owner:   a task reference for the length of a call.
 * Locking: preemption off around MSRs.
 * Errors:  -EINVAL, -EPERM, -ESRCH, -EFAULT.
 * Time:    none of its own.
 * Source:  prlimit(2), prctl(2), arch_prctl(2), uname(2), sysinfo(2), getrandom(2).
 */

#include "hw/cpu.h"
#include "kernel/entry/syscall.h"
#include "kernel/percpu/cred.h"
#include "kernel/percpu/percpu.h"
#include "kernel/signal/signal.h"
#include "kernel/time/ktime.h"
#include "lib/compiler.h"
#include "lib/string.h"
#include "mm/alloc/alloc.h"
#include "mm/uaccess.h"
#include "sched/fork.h"
#include "sched/sched.h"
#include "sched/task.h"
#include "vfs/cred.h"
#include "vfs/devices.h"
#include "vfs/file.h"
#include "vfs/version.h"

/* --- limits --- */

/* Another process's limits: every id of it must be the caller's real one, or CAP_SYS_RESOURCE. */
static bool may_prlimit(const struct task_struct *t)
{
	const struct cred *c = current_cred(), *tc = t->cred;

	if (capable(CAP_SYS_RESOURCE))
		return true;
	return tc && c->uid == tc->uid && c->uid == tc->euid && c->uid == tc->suid &&
	       c->gid == tc->gid && c->gid == tc->egid && c->gid == tc->sgid;
}

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
	if (t != current && !may_prlimit(t)) {
		put_task_struct(t);
		return -EPERM;
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
