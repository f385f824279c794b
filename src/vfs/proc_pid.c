/* SPDX-License-Identifier: MIT */
/*
 * The files of a process: what ps, top and /proc/self readers see.
 *
 * Registered at boot (proc_pid_init), called when somebody reads one; the task has a reference
 * meanwhile. Calls the figures of scheduler and address space.
 *
 *	/proc/7/stat:	7 (sh) S 1 7 7 0 -1 4194304 210 0 0 0 3 1 0 0 20 0 1 0 12 1994752 180 ...
 *			pid comm state ppid pgrp session tty tpgid flags minflt . majflt . utime
 *			stime . . prio nice threads . start vsize rss
 *
 * Z1  A task without an address space (kernel thread, zombie) has empty maps, cmdline and exe; its
 *     memory figures are 0 or left out.
 * Z2  The address space is held by a user reference while it is read, so an exit at the same time
 *     frees it afterwards.
 *
 * Units: stat's times in 1/100 s, vsize in bytes, rss in pages; status in kB. Owner: none. Locking:
 * tasklist lock for parents, mmap_lock inside the mm calls. Errors: -ENOENT for a link to nothing.
 * Time: none of its own. Source: proc(5), Linux fs/proc/{array,base,task_mmu}.c (formats).
 */
#include "kernel/time/ktime.h"
#include "lib/string.h"
#include "mm/alloc/slab.h"
#include "mm/mm.h"
#include "sched/fork.h"
#include "sched/sched.h"
#include "vfs/cred.h"
#include "vfs/file.h"
#include "vfs/fs_struct.h"
#include "vfs/procfs.h"
#include "vfs/vfs.h"

#define USER_HZ 100u
#define NSEC_PER_USER_TICK (NSEC_PER_SEC / USER_HZ)

static u64 clock_t_of(u64 ns)
{
	return ns / NSEC_PER_USER_TICK;
}

static u32 thread_count(struct task_struct *leader)
{
	u64 flags = tasklist_lock();
	struct task_struct *t;
	u32 n = 0;

	if (leader->group_leader == leader)
		for_each_thread(leader, t) n++;
	tasklist_unlock(flags);
	return max(n, 1u);
}

/* A task that is out of the tree, held only by its reader, has no parent any more. */
static s32 ppid_of(const struct task_struct *t)
{
	u64 flags = tasklist_lock();
	s32 ppid = 0;

	if (t->exit_state != EXIT_DEAD && t->real_parent && t->real_parent != t)
		ppid = t->real_parent->tgid;
	tasklist_unlock(flags);
	return ppid;
}

static struct task_sigsets sigsets_of(struct task_struct *t)
{
	struct task_sigsets s = { 0 };

	if (vfs()->task_sigsets)
		vfs()->task_sigsets(t, &s);
	return s;
}

static int show_stat(struct seq_buf *m, struct task_struct *t)
{
	struct task_sigsets sig = sigsets_of(t);
	struct mm_struct *mm = get_task_mm(t);
	u64 vsize = 0, rss = 0, utime, stime;

	if (mm) {
		vsize = mm->total_vm * PAGE_SIZE;
		rss = get_mm_rss(mm);
	}
	if (t->group_leader == t)
		thread_group_cputime_adjusted(t, &utime, &stime);
	else
		task_cputime_adjusted(t, &utime, &stime);
	seq_printf(
		m,
		"%d (%s) %c %d %d %d %d %d %u %llu 0 %llu 0 %llu %llu 0 0 %d %d %u 0 %llu %llu %llu",
		t->pid, t->comm, task_state_to_char(t), ppid_of(t), t->pgid, t->sid, 0, -1,
		t->flags, (unsigned long long)t->min_flt, (unsigned long long)t->maj_flt,
		(unsigned long long)clock_t_of(utime), (unsigned long long)clock_t_of(stime),
		t->prio - MAX_RT_PRIO, task_nice(t), thread_count(t),
		(unsigned long long)clock_t_of(t->start_time), (unsigned long long)vsize,
		(unsigned long long)rss);
	seq_printf(
		m,
		" 18446744073709551615 %llu %llu %llu 0 0 %llu %llu %llu %llu 0 0 0 %d %u %u %u 0 0 0",
		(unsigned long long)(mm ? mm->start_code : 0),
		(unsigned long long)(mm ? mm->end_code : 0),
		(unsigned long long)(mm ? mm->start_stack : 0),
		(unsigned long long)(t->pending_mask & 0x7fffffff),
		(unsigned long long)(t->blocked & 0x7fffffff),
		(unsigned long long)(sig.ignored & 0x7fffffff),
		(unsigned long long)(sig.caught & 0x7fffffff), t->exit_signal, t->cpu,
		t->rt_priority, t->policy);
	seq_printf(m, " %llu %llu %llu %llu %llu %llu %llu %d\n",
		   (unsigned long long)(mm ? mm->start_data : 0),
		   (unsigned long long)(mm ? mm->end_data : 0),
		   (unsigned long long)(mm ? mm->start_brk : 0),
		   (unsigned long long)(mm ? mm->arg_start : 0),
		   (unsigned long long)(mm ? mm->arg_end : 0),
		   (unsigned long long)(mm ? mm->env_start : 0),
		   (unsigned long long)(mm ? mm->env_end : 0), t->exit_code);
	if (mm)
		mmput(mm);
	return 0;
}

static const char *state_text(const struct task_struct *t)
{
	switch (task_state_to_char(t)) {
	case 'R':
		return "R (running)";
	case 'S':
		return "S (sleeping)";
	case 'D':
		return "D (disk sleep)";
	case 'T':
		return "T (stopped)";
	case 't':
		return "t (tracing stop)";
	case 'X':
		return "X (dead)";
	case 'Z':
		return "Z (zombie)";
	case 'I':
		return "I (idle)";
	}
	return "? (unknown)";
}

static void show_status_mm(struct seq_buf *m, struct mm_struct *mm)
{
	u64 anon = (u64)mm->rss_stat[MM_ANONPAGES], file = (u64)mm->rss_stat[MM_FILEPAGES],
	    shmem = (u64)mm->rss_stat[MM_SHMEMPAGES];
	u64 rss = anon + file + shmem;
	const struct {
		const char *name;
		u64 kb;
	} rows[] = {
		{ "VmPeak", max(mm->hiwater_vm, mm->total_vm) * 4 },
		{ "VmSize", mm->total_vm * 4 },
		{ "VmLck", mm->locked_vm * 4 },
		{ "VmHWM", max(mm->hiwater_rss, rss) * 4 },
		{ "VmRSS", rss * 4 },
		{ "RssAnon", anon * 4 },
		{ "RssFile", file * 4 },
		{ "RssShmem", shmem * 4 },
		{ "VmData", mm->data_vm * 4 },
		{ "VmStk", mm->stack_vm * 4 },
		{ "VmExe", (ALIGN_UP(mm->end_code, (u64)PAGE_SIZE) -
			    ALIGN_DOWN(mm->start_code, (u64)PAGE_SIZE)) /
				   1024 },
		{ "VmPTE", mm->pgtables_bytes / 1024 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(rows); i++)
		seq_printf(m, "%s:\t%8llu kB\n", rows[i].name, (unsigned long long)rows[i].kb);
}

static int show_status(struct seq_buf *m, struct task_struct *t)
{
	struct cred *c = t->cred ? get_cred(t->cred) : NULL; /* t may commit others meanwhile */
	struct task_sigsets sig = sigsets_of(t);
	struct mm_struct *mm = get_task_mm(t);
	u64 last_cpu = 0;

	seq_printf(m, "Name:\t%s\n", t->comm);
	if (t->fs)
		seq_printf(m, "Umask:\t%04o\n", t->fs->umask);
	seq_printf(m, "State:\t%s\nTgid:\t%d\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n", state_text(t),
		   t->tgid, t->pid, ppid_of(t));
	if (c) {
		seq_printf(m, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", c->uid, c->euid,
			   c->suid, c->fsuid, c->gid, c->egid, c->sgid, c->fsgid);
		seq_printf(m, "FDSize:\t%u\nGroups:\t", t->files ? t->files->fdt.max_fds : 0);
		for (u32 i = 0; i < c->ngroups; i++)
			seq_printf(m, "%u ", c->groups[i]);
		seq_putc(m, '\n');
	}
	if (mm) {
		show_status_mm(m, mm);
		mmput(mm);
	}
	seq_printf(
		m,
		"Threads:\t%u\nSigPnd:\t%016llx\nShdPnd:\t%016llx\nSigBlk:\t%016llx\nSigIgn:\t%016llx\nSigCgt:\t%016llx\n",
		thread_count(t), (unsigned long long)t->pending_mask,
		(unsigned long long)sig.shared_pending, (unsigned long long)t->blocked,
		(unsigned long long)sig.ignored, (unsigned long long)sig.caught);
	if (c)
		seq_printf(
			m,
			"CapInh:\t%016llx\nCapPrm:\t%016llx\nCapEff:\t%016llx\nCapBnd:\t%016llx\n",
			(unsigned long long)c->cap_inheritable,
			(unsigned long long)c->cap_permitted, (unsigned long long)c->cap_effective,
			(unsigned long long)c->cap_bset);
	last_cpu = nr_cpu_ids() - 1;
	seq_printf(m, "Cpus_allowed:\t");
	for (s64 word = (s64)(last_cpu / 32); word >= 0; word--)
		seq_printf(m, "%0*x%s", word == (s64)(last_cpu / 32) ? 1 : 8,
			   (u32)(t->cpus_mask[word / 2] >> (word % 2 * 32)) &
				   (word == (s64)(last_cpu / 32) && (last_cpu + 1) % 32 ?
					    (1u << ((last_cpu + 1) % 32)) - 1 :
					    ~0u),
			   word ? "," : "\n");
	seq_printf(m, "voluntary_ctxt_switches:\t%llu\nnonvoluntary_ctxt_switches:\t%llu\n",
		   (unsigned long long)t->nvcsw, (unsigned long long)t->nivcsw);
	put_cred(c);
	return 0;
}

static int show_statm(struct seq_buf *m, struct task_struct *t)
{
	struct mm_struct *mm = get_task_mm(t);

	if (!mm) {
		seq_puts(m, "0 0 0 0 0 0 0\n");
		return 0;
	}
	seq_printf(m, "%llu %llu %llu %llu 0 %llu 0\n", (unsigned long long)mm->total_vm,
		   (unsigned long long)get_mm_rss(mm),
		   (unsigned long long)(mm->rss_stat[MM_FILEPAGES] + mm->rss_stat[MM_SHMEMPAGES]),
		   (unsigned long long)((ALIGN_UP(mm->end_code, (u64)PAGE_SIZE) -
					 ALIGN_DOWN(mm->start_code, (u64)PAGE_SIZE)) /
					PAGE_SIZE),
		   (unsigned long long)(mm->data_vm + mm->stack_vm));
	mmput(mm);
	return 0;
}

static void emit_maps_line(void *arg, const char *line, size_t len)
{
	seq_write(arg, line, len);
}

static int show_maps(struct seq_buf *m, struct task_struct *t)
{
	struct mm_struct *mm = get_task_mm(t);

	if (mm) {
		mm_show_maps(mm, emit_maps_line, m);
		mmput(mm);
	}
	return 0;
}

/* [start, end) of t's memory as it is now, at most a mebibyte. */
static int show_memory(struct seq_buf *m, struct mm_struct *mm, u64 start, u64 end)
{
	u64 len = end > start ? min(end - start, (u64)1 << 20) : 0, done = 0;
	u8 *buf = kmalloc(PAGE_SIZE, GFP_KERNEL);

	if (!buf)
		return -ENOMEM;
	while (done < len) {
		u64 n = min(len - done, (u64)PAGE_SIZE),
		    got = access_remote_vm(mm, start + done, buf, n, false);

		seq_write(m, buf, got);
		done += got;
		if (got < n)
			break;
	}
	kfree(buf);
	return 0;
}

static int show_cmdline(struct seq_buf *m, struct task_struct *t)
{
	struct mm_struct *mm = get_task_mm(t);
	int err = 0;

	if (mm) {
		err = show_memory(m, mm, mm->arg_start, mm->arg_end);
		mmput(mm);
	}
	return err;
}

static int show_environ(struct seq_buf *m, struct task_struct *t)
{
	struct mm_struct *mm = get_task_mm(t);
	int err = 0;

	if (mm) {
		err = show_memory(m, mm, mm->env_start, mm->env_end);
		mmput(mm);
	}
	return err;
}

static int show_auxv(struct seq_buf *m, struct task_struct *t)
{
	struct mm_struct *mm = get_task_mm(t);
	u32 n = 0;

	if (!mm)
		return 0;
	do {
		n += 2;
	} while (n < ARRAY_SIZE(mm->saved_auxv) &&
		 mm->saved_auxv[n - 2]); /* AT_NULL ends it and belongs to it */
	seq_write(m, mm->saved_auxv, n * sizeof(mm->saved_auxv[0]));
	mmput(mm);
	return 0;
}

static int show_comm(struct seq_buf *m, struct task_struct *t)
{
	seq_printf(m, "%s\n", t->comm);
	return 0;
}

static s64 write_comm(struct task_struct *t, const char *buf, u64 len)
{
	char name[TASK_COMM_LEN] = { 0 };
	u64 n = min(len, (u64)TASK_COMM_LEN - 1);

	if (t->tgid != current->tgid)
		return -EINVAL;
	memcpy(name, buf, n);
	name[strcspn(name, "\n")] = '\0';
	set_task_comm(t, name);
	return (s64)len;
}

static int show_task_mounts(struct seq_buf *m, struct task_struct *t)
{
	(void)t;
	show_mounts(m);
	return 0;
}

static int show_schedstat(struct seq_buf *m, struct task_struct *t)
{
	seq_printf(m, "%llu %llu %llu\n", (unsigned long long)task_sched_runtime(t),
		   (unsigned long long)t->sched_info.run_delay,
		   (unsigned long long)t->sched_info.pcount);
	return 0;
}

static int exe_link(struct task_struct *t, struct path *out)
{
	struct mm_struct *mm = get_task_mm(t);
	int err = -ENOENT;

	if (!mm)
		return err;
	if (mm->exe_file) {
		*out = mm->exe_file->f_path;
		path_get(out);
		err = 0;
	}
	mmput(mm);
	return err;
}

static int cwd_link(struct task_struct *t, struct path *out)
{
	struct fs_struct *fs = t->fs;

	if (!fs)
		return -ENOENT;
	fs->users++; /* t may exit while its lock is waited for */
	get_fs_pwd(fs, out);
	put_fs_struct(fs);
	return 0;
}

static int root_link(struct task_struct *t, struct path *out)
{
	struct fs_struct *fs = t->fs;

	if (!fs)
		return -ENOENT;
	fs->users++;
	get_fs_root(fs, out);
	put_fs_struct(fs);
	return 0;
}

int proc_pid_init(void)
{
	static const struct pid_entry entries[] = {
		{ .name = "environ", .mode = S_IFREG | 0400, .show = show_environ },
		{ .name = "auxv", .mode = S_IFREG | 0400, .show = show_auxv },
		{ .name = "status", .mode = S_IFREG | 0444, .show = show_status },
		{ .name = "comm", .mode = S_IFREG | 0644, .show = show_comm, .write = write_comm },
		{ .name = "cmdline", .mode = S_IFREG | 0444, .show = show_cmdline },
		{ .name = "stat", .mode = S_IFREG | 0444, .show = show_stat },
		{ .name = "statm", .mode = S_IFREG | 0444, .show = show_statm },
		{ .name = "maps", .mode = S_IFREG | 0444, .show = show_maps },
		{ .name = "cwd", .mode = S_IFLNK | 0777, .get_link = cwd_link },
		{ .name = "root", .mode = S_IFLNK | 0777, .get_link = root_link },
		{ .name = "exe", .mode = S_IFLNK | 0777, .get_link = exe_link },
		{ .name = "mounts", .mode = S_IFREG | 0444, .show = show_task_mounts },
		{ .name = "schedstat", .mode = S_IFREG | 0444, .show = show_schedstat },
	};

	for (u32 i = 0; i < ARRAY_SIZE(entries); i++)
		if (proc_register_pid_entry(&entries[i]))
			return -ENOSPC;
	return 0;
}
