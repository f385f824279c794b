/* SPDX-License-Identifier: MIT */
/*
 * execve: the running task becomes another program.
 *
 * Called by the system call and by init for the embedder's programs; calls the loader (elf.c),
 * src/mm for the new address space and src/vfs for the file. It must not know executable formats
 * beyond "#!".
 *
 * The strings are gathered before anything is given up, at the end of a region that will be the top
 * of the new stack:
 *
 *	argv {"sh", "-c", "ls"}, envp {"HOME=/"}, file "/bin/busybox"      offset in the 2 MiB region
 *	    "/bin/busybox\0"  0x1ffff3   <- AT_EXECFN
 *	    "HOME=/\0"        0x1fffec
 *	    "ls\0"            0x1fffe9
 *	    "-c\0"            0x1fffe6
 *	    "sh\0"            0x1fffe3   <- p: the stack pointer starts below this
 *
 *	X1 until begin_new_exec() succeeds the task is untouched: any error is returned to it.
 *	X2 after it there is no way back: an error kills the task by SIGKILL.
 *	X3 strings count argv from the lowest address upward, then envp, then the file name.
 *	X4 a file being executed can not be written: the denial holds while the file is loaded here
 *	   and by mm->exe_file.
 *
 * Units:   bytes.
 * Owner:   bprm and its pages are the call's; the new mm belongs to the task from begin_new_exec on.
 * Locking: none held across blocking calls.
 * Errors:  -ENOEXEC, -ENOENT, -EACCES, -E2BIG, -ENOMEM, -EFAULT, -ELOOP (interpreters of
 * interpreters).
 * Time:    COST_EXEC_WORK, and what copying and mapping cost.
 * Source:  execve(2); Linux fs/exec.c and fs/binfmt_script.c for the order of events.
 */

#include "kernel/exec/exec.h"

#include "hw/cpu.h"
#include "kernel/entry/getname.h"
#include "kernel/irq/ptrace.h"
#include "kernel/percpu/layout.h"
#include "kernel/percpu/percpu.h"
#include "kernel/signal/signal.h"
#include "kernel/trace/tracepoints.h"
#include "lib/compiler.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/gfp.h"
#include "mm/alloc/slab.h"
#include "mm/mm.h"
#include "mm/uaccess.h"
#include "sched/fork.h"
#include "sched/sched.h"
#include "sched/task.h"
#include "vfs/cred.h"
#include "vfs/fcntl.h"
#include "vfs/file.h"
#include "vfs/namei.h"

#define REGION_BYTES ((u64)MAX_ARG_PAGES * PAGE_SIZE)
#define STACK_TOP (TASK_SIZE & PAGE_MASK)
#define MAX_INTERPRETERS 4

/* --- the string region --- */

/* Copy len bytes of `src` (user or kernel) to offset `at`, page by page. */
static int region_write(struct linux_binprm *bprm, u64 at, bool user, u64 usrc, const char *src,
			u64 len)
{
	for (u64 done = 0; done < len;) {
		u64 page = (at + done) / PAGE_SIZE, off = (at + done) % PAGE_SIZE,
		    n = min(len - done, PAGE_SIZE - off);
		u8 *to;

		if (!bprm->pages[page]) {
			bprm->pages[page] = alloc_pages(GFP_USER | __GFP_ZERO, 0);
			if (!bprm->pages[page])
				return -ENOMEM;
		}
		to = (u8 *)page_address(bprm->pages[page]) + off;
		if (!user)
			memcpy(to, src + done, n);
		else if (copy_from_user(to, usrc + done, n))
			return -EFAULT;
		done += n;
	}
	return 0;
}

/* Push one string of len bytes (NUL included) below p. */
static int push_string(struct linux_binprm *bprm, bool user, u64 usrc, const char *src, u64 len)
{
	if (len > MAX_ARG_STRLEN || len > bprm->p)
		return -E2BIG;
	bprm->p -= len;
	return region_write(bprm, bprm->p, user, usrc, src, len);
}

static int push_kernel_string(struct linux_binprm *bprm, const char *s)
{
	return push_string(bprm, false, 0, s, strlen(s) + 1);
}

/* Number of strings, or -E2BIG, -EFAULT. */
static int count_strings(const struct exec_strings *v)
{
	int n = 0;

	if (!v->user) {
		while (v->vec && v->vec[n])
			n++;
		return n > (int)MAX_ARG_STRINGS ? -E2BIG : n;
	}
	for (u64 at = v->uvec; v->uvec; at += 8, n++) {
		u64 str;

		if (get_user_u64(&str, at))
			return -EFAULT;
		if (!str)
			break;
		if (n >= (int)MAX_ARG_STRINGS)
			return -E2BIG;
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return n;
}

/* Push strings n-1 .. first, so that the first lies lowest. */
static int push_strings(struct linux_binprm *bprm, const struct exec_strings *v, int n)
{
	while (n-- > 0) {
		u64 str;
		s64 len;
		int ret;

		if (!v->user) {
			ret = push_kernel_string(bprm, v->vec[n]);
		} else {
			if (get_user_u64(&str, v->uvec + (u64)n * 8))
				return -EFAULT;
			len = strnlen_user(str, MAX_ARG_STRLEN);
			if (!len)
				return -EFAULT;
			ret = len > (s64)MAX_ARG_STRLEN ?
				      -E2BIG :
				      push_string(bprm, true, str, NULL, (u64)len);
		}
		if (ret)
			return ret;
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return 0;
}

/* Drop the lowest string (argv[0] of a script). */
static int remove_arg_zero(struct linux_binprm *bprm)
{
	if (!bprm->argc)
		return 0;
	while (bprm->p < REGION_BYTES) {
		const u8 *b = (const u8 *)page_address(bprm->pages[bprm->p / PAGE_SIZE]) +
			      bprm->p % PAGE_SIZE;

		bprm->p++;
		if (!*b)
			break;
	}
	bprm->argc--;
	return 0;
}

/* --- the file --- */

static void close_exec_file(struct linux_binprm *bprm)
{
	if (!bprm->file)
		return;
	allow_write_access(bprm->file->f_inode);
	fput(bprm->file);
	bprm->file = NULL;
}

static int open_and_read(struct linux_binprm *bprm)
{
	s64 pos = 0, n;

	bprm->file = open_exec(bprm->interp);
	if (IS_ERR(bprm->file)) {
		int ret = (int)PTR_ERR(bprm->file);

		bprm->file = NULL;
		return ret;
	}
	memset(bprm->buf, 0, sizeof(bprm->buf));
	n = kernel_read(bprm->file, bprm->buf, sizeof(bprm->buf), &pos);
	return n < 0 ? (int)n : 0;
}

/*
 * "#! /bin/sh -x\n": interp becomes /bin/sh, argv becomes {"/bin/sh", "-x", script, argv[1..]}. 0,
 * or -ENOEXEC.
 */
static int load_script(struct linux_binprm *bprm)
{
	char line[BINPRM_BUF_BYTES + 1], *p = line + 2, *name, *arg = NULL, *end;
	int ret;

	memcpy(line, bprm->buf, BINPRM_BUF_BYTES);
	line[BINPRM_BUF_BYTES] = 0;
	end = memchr(line, '\n', BINPRM_BUF_BYTES);
	if (!end)
		end = line + strnlen(line, BINPRM_BUF_BYTES);
	while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = 0;
	while (*p == ' ' || *p == '\t')
		p++;
	if (!*p)
		return -ENOEXEC;
	name = p;
	while (*p && *p != ' ' && *p != '\t')
		p++;
	if (*p) {
		*p++ = 0;
		while (*p == ' ' || *p == '\t')
			p++;
		if (*p)
			arg = p;
	} else if (end == line + BINPRM_BUF_BYTES) {
		return -ENOEXEC; /* the interpreter's name was cut */
	}
	remove_arg_zero(bprm);
	ret = push_kernel_string(bprm, bprm->interp);
	if (!ret && arg)
		ret = push_kernel_string(bprm, arg);
	if (!ret)
		ret = push_kernel_string(bprm, name);
	if (ret)
		return ret;
	bprm->argc += arg ? 3 : 2;
	close_exec_file(bprm);
	memcpy(bprm->interp, name, strlen(name) + 1);
	return open_and_read(bprm);
}

/* --- the address space --- */

/*
 * The ids and capabilities the new program starts with: set-uid and set-gid files, and root's way
 * to capabilities.
 */
static void exec_creds(struct cred *c, const struct file *file)
{
	const struct inode *inode = file->f_inode;

	if (inode->i_mode & S_ISUID)
		c->euid = inode->i_uid;
	if ((inode->i_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		c->egid = inode->i_gid;
	c->suid = c->fsuid = c->euid;
	c->sgid = c->fsgid = c->egid;
	c->cap_permitted = !c->uid || !c->euid ? c->cap_inheritable | c->cap_bset : 0;
	c->cap_effective = !c->euid ? c->cap_permitted : 0;
}

int begin_new_exec(struct linux_binprm *bprm)
{
	const char *base = strrchr(bprm->filename, '/');
	struct mm_struct *mm;
	struct cred *cred;
	/* close-on-exec and the handlers' reset are for this program alone */
	int ret = unshare_files();

	if (!ret)
		ret = unshare_sighand();
	if (ret)
		return ret;
	ret = -ENOMEM;
	cred = prepare_creds();
	if (!cred)
		return -ENOMEM;
	mm = mm_alloc();
	if (!mm)
		goto no_mm;
	arch_pick_mmap_layout(mm, current->signal->rlim[3].cur);
	ret = set_mm_exe_file(mm, bprm->file);
	if (ret)
		goto no_file;
	exec_creds(cred, bprm->file);
	commit_creds(cred);
	exec_mmap(mm);
	complete_vfork_done(current);
	current->flags &= ~(PF_FORKNOEXEC | PF_NATIVE | PF_KTHREAD);
	set_task_comm(current, base ? base + 1 : bprm->filename);
	task_hooks_exec(current);
	return 0;
no_file:
	mmput(mm);
no_mm:
	abort_creds(cred);
	return ret;
}

int setup_arg_pages(struct linux_binprm *bprm, u64 stack_flags, u64 *sp)
{
	u64 top = STACK_TOP - mm_random_offset(16ull << 30);
	u64 bottom = top - (REGION_BYTES - ALIGN_DOWN(bprm->p, PAGE_SIZE)) - 128 * 1024;
	int ret = mm_map_stack(current->mm, bottom, top, stack_flags);

	if (ret)
		return ret;
	for (u64 page = bprm->p / PAGE_SIZE; page < MAX_ARG_PAGES; page++) {
		u64 va = top - REGION_BYTES + page * PAGE_SIZE;

		if (bprm->pages[page] &&
		    copy_to_user(va, page_address(bprm->pages[page]), PAGE_SIZE))
			return -EFAULT;
	}
	*sp = top - REGION_BYTES + bprm->p;
	return 0;
}

/* --- the call --- */

static int exec_binprm(struct linux_binprm *bprm, bool *committed)
{
	struct pt_regs *regs = task_pt_regs(current);
	int ret;

	for (int depth = 0;; depth++) {
		if (bprm->buf[0] != '#' || bprm->buf[1] != '!')
			return load_elf_binary(bprm, regs, committed);
		if (depth == MAX_INTERPRETERS)
			return -ELOOP;
		ret = load_script(bprm);
		if (ret)
			return ret;
	}
}

static void free_bprm(struct linux_binprm *bprm)
{
	close_exec_file(bprm);
	for (u32 i = 0; bprm->pages && i < MAX_ARG_PAGES; i++) {
		if (bprm->pages[i])
			__free_pages(bprm->pages[i], 0);
	}
	kfree(bprm->pages);
	kfree(bprm);
}

long kernel_execve(const char *path, const struct exec_strings *argv,
		   const struct exec_strings *envp)
{
	struct linux_binprm *bprm;
	bool committed = false;
	long ret;

	if (current->group_leader->nr_live > 1)
		/* a process with several threads: their end in exec is not here yet */
		return -EBUSY;
	if (strlen(path) >= sizeof(bprm->interp))
		return -ENAMETOOLONG;
	bprm = kzalloc(sizeof(*bprm), GFP_KERNEL);
	if (!bprm)
		return -ENOMEM;
	bprm->p = REGION_BYTES - 8; /* eight zero bytes end the stack, as Linux leaves them */
	bprm->filename = path;
	memcpy(bprm->interp, path, strlen(path) + 1);
	bprm->pages = kcalloc(MAX_ARG_PAGES, sizeof(struct page *), GFP_KERNEL);
	ret = -ENOMEM;
	if (!bprm->pages)
		goto out;
	ret = open_and_read(bprm);
	if (ret)
		goto out;
	ret = bprm->argc = count_strings(argv);
	if (ret < 0)
		goto out;
	ret = bprm->envc = count_strings(envp);
	if (ret < 0)
		goto out;
	ret = push_kernel_string(bprm, path);
	bprm->exec_off = bprm->p;
	if (!ret)
		ret = push_strings(bprm, envp, bprm->envc);
	if (!ret)
		ret = push_strings(bprm, argv, bprm->argc);
	if (!ret && !bprm->argc) { /* as Linux since 5.18: a program always has an argv[0] */
		ret = push_kernel_string(bprm, "");
		bprm->argc = 1;
	}
	if (ret)
		goto out;
	ret = exec_binprm(bprm, &committed);
	if (ret && committed) {
		force_sig(SIGKILL);
		ret = -EINTR;
	}
	if (!ret) {
		charge(COST_EXEC_WORK);
		trace_sched_process_exec((u32)current->pid, (u32)current->pid);
	}
out:
	free_bprm(bprm);
	return ret;
}

long do_execve_user(u64 uname, const struct exec_strings *argv, const struct exec_strings *envp)
{
	char *name = getname(uname);
	long ret;

	if (IS_ERR(name))
		return PTR_ERR(name);
	ret = kernel_execve(name, argv, envp);
	putname(name);
	return ret;
}
