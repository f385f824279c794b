/* SPDX-License-Identifier: MIT */
/*
 * Waiting for children.
 *
 * wait4(2), waitid(2) and tests call it; it walks the caller's children under the tasklist lock and
 * sleeps on the caller's queue.
 *
 *	sh (pid 7) waits for any: children 8 (zombie, status 0x100), 9 (running)
 *	  -> 8 matches and is ready: status taken, figures added to sh, released, returns 8
 *	  -> again: 9 matches but is not ready: sleeps; 9's exit wakes the queue; looks again
 *	  -> no child matches at all: -ECHILD
 *
 * W1 The caller is queued and INTERRUPTIBLE before it looks, so an exit between the look and the
 *    sleep is not missed.
 * W2 A zombie is taken by exactly one waiter: it becomes DEAD under the lock before the lock is
 *    dropped.
 * W3 A zombie leader with living threads is not ready; it keeps its parent waiting (no -ECHILD).
 *
 * Units: status words of wait(2). Owner: none. Locking: tasklist lock for the walk. Errors:
 * -ECHILD, -ERESTARTSYS, -EINVAL. Time: what locks and release charge. Source: Linux 6.1
 * kernel/exit.c do_wait for the rules; wait(2).
 */
#include "kernel/percpu/cred.h"
#include "kernel/trace/tracepoints.h"
#include "lib/errno.h"
#include "sched/rq.h"

#define STATUS_STOPPED(sig) ((sig) << 8 | 0x7f)
#define STATUS_CONTINUED 0xffff
#define VALID_OPTIONS                                                                              \
	(WNOHANG | WUNTRACED | WCONTINUED | WEXITED | WNOWAIT | __WNOTHREAD | __WALL | __WCLONE)
#define SIGCHLD_NR 17

static bool pid_matches(const struct wait_opts *wo, const struct task_struct *p)
{
	if (wo->pid > 0)
		return p->tgid == wo->pid;
	if (wo->pid == -1)
		return true;
	return p->pgid == (wo->pid ? -wo->pid : current->pgid);
}

static bool eligible(const struct wait_opts *wo, const struct task_struct *p)
{
	if (!pid_matches(wo, p))
		return false;
	if (wo->options & __WALL)
		return true;
	/* "Clone" children are those that do not signal with SIGCHLD. */
	return (p->exit_signal != SIGCHLD_NR) == !!(wo->options & __WCLONE);
}

static void collect_usage(struct task_struct *p, struct task_rusage *ru)
{
	u64 ut, st;

	thread_group_cputime_adjusted(p, &ut, &st);
	ru->utime_ns = ut + p->cutime;
	ru->stime_ns = st + p->cstime;
	ru->min_flt = p->min_flt + p->dead_min_flt + p->cmin_flt;
	ru->maj_flt = p->maj_flt + p->dead_maj_flt + p->cmaj_flt;
	ru->nvcsw = p->nvcsw + p->dead_nvcsw + p->cnvcsw;
	ru->nivcsw = p->nivcsw + p->dead_nivcsw + p->cnivcsw;
}

static void add_to_parent(struct task_struct *leader, const struct task_rusage *ru)
{
	leader->cutime += ru->utime_ns;
	leader->cstime += ru->stime_ns;
	leader->cmin_flt += ru->min_flt;
	leader->cmaj_flt += ru->maj_flt;
	leader->cnvcsw += ru->nvcsw;
	leader->cnivcsw += ru->nivcsw;
}

static void report(struct wait_opts *wo, struct task_struct *p, int status)
{
	wo->status = status;
	wo->child_tgid = p->tgid;
	wo->uid = p->cred ? p->cred->uid : 0;
	collect_usage(p, &wo->ru);
}

static bool zombie_ready(const struct task_struct *p)
{
	return p->exit_state == EXIT_ZOMBIE && p->nr_threads == 1;
}

/*
 * Is p ready for this waiter? Takes what is to be taken; *release is set when the zombie is now the
 * caller's to release.
 */
static bool consider(struct wait_opts *wo, struct task_struct *p, struct task_struct **release)
{
	bool take = !(wo->options & WNOWAIT);

	if ((wo->options & WEXITED) && zombie_ready(p)) {
		report(wo, p, p->group_exit ? p->group_exit_code : p->exit_code);
		if (take) {
			add_to_parent(current->group_leader, &wo->ru);
			p->exit_state = EXIT_DEAD;
			*release = p;
		}
		return true;
	}
	if ((wo->options & WUNTRACED) && p->group_stop_code) {
		report(wo, p, STATUS_STOPPED(p->group_stop_code));
		if (take)
			p->group_stop_code = 0;
		return true;
	}
	if ((wo->options & WCONTINUED) && p->group_continued) {
		report(wo, p, STATUS_CONTINUED);
		if (take)
			p->group_continued = false;
		return true;
	}
	return false;
}

/*
 * Look through one thread's children. 1: found one that is ready; 0: there are some to wait for;
 * -ECHILD: none matches.
 */
static int scan_children(struct wait_opts *wo, struct task_struct *thread,
			 struct task_struct **release)
{
	struct task_struct *p;
	int ret = -ECHILD;

	list_for_each_entry(p, &thread->children, sibling) {
		if (p->exit_state == EXIT_DEAD || !eligible(wo, p))
			continue;
		if (consider(wo, p, release))
			return 1;
		ret = 0;
	}
	return ret;
}

static int scan(struct wait_opts *wo, struct task_struct **release)
{
	u64 flags = tasklist_lock();
	struct task_struct *t;
	int ret = -ECHILD;

	if (wo->options & __WNOTHREAD) {
		ret = scan_children(wo, current, release);
	} else {
		for_each_thread(current->group_leader, t)
		{
			int r = scan_children(wo, t, release);

			if (r != -ECHILD)
				ret = r;
			if (r > 0)
				break;
		}
	}
	tasklist_unlock(flags);
	return ret;
}

static long wait_loop(struct wait_opts *wo, struct task_struct **release)
{
	for (;;) {
		int found;

		set_current_state(TASK_INTERRUPTIBLE);
		found = scan(wo, release);
		if (found > 0)
			return wo->child_tgid;
		if (found < 0 || (wo->options & WNOHANG))
			return found;
		if (signal_pending(current))
			return -ERESTARTSYS;
		schedule();
	}
}

long do_wait(struct wait_opts *wo)
{
	struct task_struct *release = NULL;
	wait_queue_entry_t wait;
	long ret;

	if (wo->options & ~VALID_OPTIONS)
		return -EINVAL;
	trace_sched_process_wait(wo->pid);
	init_waitqueue_entry(&wait, current);
	add_wait_queue(&current->group_leader->wait_chldexit, &wait);
	ret = wait_loop(wo, &release);
	set_current_state(TASK_RUNNING);
	remove_wait_queue(&current->group_leader->wait_chldexit, &wait);
	if (release)
		release_task(release);
	return ret;
}

long do_wait4(s32 pid, int *status, u32 options, struct task_rusage *ru)
{
	struct wait_opts wo = { .pid = pid, .options = options | WEXITED };
	long ret;

	if (options & ~(u32)(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WALL | __WCLONE))
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	ret = do_wait(&wo);
	if (ret <= 0)
		return ret;
	if (status)
		*status = wo.status;
	if (ru)
		*ru = wo.ru;
	return ret;
}
