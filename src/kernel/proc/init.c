/* SPDX-License-Identifier: MIT */
/*
 * Process 1, in kernel C: what a machine without an /sbin/init runs.
 *
 * Created at boot; takes the embedder's spawn requests from top->requests, starts each as a child,
 * waits for children of any kind, and stops the machine when the watched one has ended. Calls fork,
 * exec and wait as a system call would. It must not know the API's types.
 *
 *	   requests --start--> child (fd 0, 1, 2 on the console) --exec--> program
 *	      ^                   |
 *	      | osim_spawn        | exit
 *	 init sleeps in wait4 <---+---- orphans
 *
 *	I1 a ticket is done exactly once, with the wait status of its process.
 *	I2 when the watched ticket is done, everything else is killed and the machine exits with 128
 *	   + signal or the exit code.
 *	I3 a program that can not be executed ends with 127 when it does not exist, else 126, with
 *	   one line on the console's error line.
 *
 * Units:   wait statuses.
 * Owner:   requests belong to the root and stay as the record of their ticket.
 * Locking: the list is changed only by the embedder while the machine stands still, and read by
 * init.
 * Errors:  a request that can not be started is done with status 126 << 8.
 * Time:    what the calls it makes charge.
 * Source:  exit statuses as POSIX.1-2017 XCU 2.8.2 gives them for a shell.
 */

#include "kernel/proc/init.h"

#include "hw/cpu.h"
#include "kernel/entry/root.h"
#include "kernel/exec/exec.h"
#include "kernel/exec/native.h"
#include "kernel/irq/idt.h"
#include "kernel/signal/signal.h"
#include "lib/err.h"
#include "lib/errname.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/slab.h"
#include "sched/fork.h"
#include "sched/sched.h"
#include "sched/task.h"
#include "vfs/console.h"
#include "vfs/cred.h"
#include "vfs/fcntl.h"
#include "vfs/file.h"
#include "vfs/namei.h"

static int open_console(void)
{
	static const char *const node[3] = { "/dev/console", "/dev/console", "/dev/console2" };

	for (int fd = 0; fd < 3; fd++) {
		int got = do_sys_open(AT_FDCWD, node[fd], fd ? O_WRONLY : O_RDONLY, 0);

		if (got < 0)
			return got;
		BUG_ON(got != fd);
	}
	return 0;
}

static int become_user(const struct spawn_request *r)
{
	struct cred *c;

	if (!r->uid && !r->gid)
		return 0;
	c = prepare_creds();
	if (!c)
		return -ENOMEM;
	c->uid = c->euid = c->suid = c->fsuid = r->uid;
	c->gid = c->egid = c->sgid = c->fsgid = r->gid;
	if (r->uid)
		c->cap_permitted = c->cap_effective = 0;
	return commit_creds(c);
}

static int apply_policy(const struct spawn_request *r)
{
	struct sched_param param = { .sched_priority = (int)r->rt_priority };
	int ret = 0;

	if (r->has_mask)
		ret = sched_setaffinity(current, r->cpus_mask);
	if (!ret && r->nice)
		set_user_nice(current, r->nice);
	if (!ret && r->policy)
		ret = sched_setscheduler(current, (int)r->policy, &param);
	return ret;
}

static void complain(const char *what, int err)
{
	char line[384];
	int n = scnprintf(line, sizeof(line), "osim: %s: %s\n", what, errno_text(-err));

	console_write_line(1, line, (u64)n);
}

static const char *path_of(const struct spawn_request *r)
{
	for (int i = 0; i < r->envc; i++) {
		if (!strncmp(r->envp[i], "PATH=", 5))
			return r->envp[i] + 5;
	}
	return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

/* execvp: every directory of PATH in turn; EACCES is remembered, ENOENT and ENOTDIR go on. */
static long exec_on_path(const struct spawn_request *r, const struct exec_strings *argv,
			 const struct exec_strings *envp)
{
	const char *p = path_of(r), *end;
	char name[512];
	long ret = -ENOENT;
	bool denied = false;

	if (strchr(r->path, '/'))
		return kernel_execve(r->path, argv, envp);
	for (;; p = end + 1) {
		end = strchr(p, ':');
		if (!end)
			end = p + strlen(p);
		if ((u64)(end - p) + strlen(r->path) + 2 < sizeof(name)) {
			scnprintf(name, sizeof(name), "%.*s%s%s", (int)(end - p), p,
				  end > p ? "/" : "", r->path);
			ret = kernel_execve(name, argv, envp);
			if (ret != -ENOENT && ret != -ENOTDIR && ret != -EACCES)
				return ret;
			denied |= ret == -EACCES;
		}
		if (!*end)
			return denied ? -EACCES : ret;
	}
}

/* A child of init for an ELF request; returns to user mode through pt_regs when exec worked. */
static void start_elf(void *arg)
{
	struct spawn_request *r = arg;
	struct exec_strings argv = { .vec = (const char *const *)r->argv },
			    envp = { .vec = (const char *const *)r->envp };
	long ret = open_console();

	if (!ret && r->cwd)
		ret = ksys_chdir(r->cwd);
	if (ret) {
		complain(r->cwd ? r->cwd : "/dev/console", (int)ret);
		do_group_exit(126 << 8);
	}
	ret = become_user(r);
	if (!ret)
		ret = apply_policy(r);
	if (!ret)
		ret = exec_on_path(r, &argv, &envp);
	if (!ret)
		return;
	if (signal_pending(current) && fatal_signal_pending(current))
		do_group_exit(SIGKILL);
	complain(r->path, (int)ret);
	do_group_exit((ret == -ENOENT || ret == -ENOTDIR ? 127 : 126) << 8);
}

static void start_native(void *arg)
{
	struct spawn_request *r = arg;
	int ret = open_console();

	if (!ret)
		ret = become_user(r);
	if (!ret)
		ret = apply_policy(r);
	if (ret) {
		complain(r->comm, ret);
		do_group_exit(126 << 8);
	}
	native_main(r->fn, r->arg);
}

static void start(struct spawn_request *r)
{
	struct kernel_clone_args args = {
		.exit_signal = SIGCHLD,
		.fn = r->native ? start_native : start_elf,
		.fn_arg = r,
		.native = r->native,
		.name = r->comm,
	};
	s32 pid = kernel_clone(&args);

	if (pid < 0) {
		complain(r->comm, pid);
		r->done = true;
		r->status = 126 << 8;
		r->pid = -1;
		return;
	}
	r->pid = pid;
}

static void start_requests(struct kernel_root *top)
{
	struct spawn_request *r;

	list_for_each_entry(r, &top->requests, list) {
		if (!r->pid)
			start(r);
	}
}

static void child_ended(struct kernel_root *top, s32 pid, int status)
{
	struct spawn_request *r;

	list_for_each_entry(r, &top->requests, list) {
		if (r->pid == pid && !r->done) {
			r->done = true;
			r->status = status;
		}
	}
}

/* Has what the embedder watches ended? Its status as a shell reports it. */
static bool watched_done(struct kernel_root *top, int *status)
{
	struct spawn_request *r;
	bool all = true, any = false;

	*status = 0;
	list_for_each_entry(r, &top->requests, list) {
		any = true;
		all &= r->done;
		if (r->done && (top->watch == r->ticket || top->watch == -1))
			*status = r->status & 0x7f ? 128 + (r->status & 0x7f) :
						     (r->status >> 8) & 0xff;
		if (r->done && top->watch == r->ticket)
			return true;
	}
	return top->watch == -1 && any && all;
}

static void kill_everything(void)
{
	int status;

	do_kill(-1, SIGKILL);
	while (do_wait4(-1, &status, __WALL, NULL) > 0)
		;
}

/* Anything for wait4 to collect? */
static bool has_dead_child(void)
{
	struct task_struct *c;
	bool found = false;
	u64 flags = tasklist_lock();

	list_for_each_entry(c, &current->children, sibling)
		found |= c->exit_state == EXIT_ZOMBIE && c->nr_threads == 1;
	tasklist_unlock(flags);
	return found;
}

static void init_main(void *arg)
{
	struct kernel_root *top = arg;
	struct kernel *k = kern();

	top->init = current;
	for (;;) {
		int status;
		long pid;

		start_requests(top);
		if (watched_done(top, &status)) {
			kill_everything();
			machine_exit(k->m, status);
		}
		pid = do_wait4(-1, &status, WNOHANG | __WALL, NULL);
		if (pid > 0) {
			child_ended(top, (s32)pid, status);
			continue;
		}
		/* SIGCHLD is ignored by default and sets no bit, so a dead child is looked for. */
		if (wait_event_interruptible(current->wait_chldexit,
					     top->poked || has_dead_child()))
			/* init handles no signal: none may keep it awake */
			flush_ignored(current, ~0ull);
		recalc_sigpending(current);
		top->poked = false;
	}
}

void init_poke(struct kernel *k)
{
	k->top->poked = true;
	if (!k->top->init)
		return;
	wake_up_all(&k->top->init->wait_chldexit);
	/* CPU 0 may be halted with the woken task on its own queue: let it look. */
	send_ipi(0, RESCHEDULE_VECTOR);
}

int init_start(struct kernel *k)
{
	s32 pid = user_mode_thread(init_main, k->top, "init");

	if (pid < 0)
		return pid;
	BUG_ON(pid != 1);
	return 0;
}
