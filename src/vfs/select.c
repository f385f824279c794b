/* SPDX-License-Identifier: MIT */
/*
 * poll and select: wait on many files at once.
 *
 * Called by the system call table. Calls each file's poll operation, wait queues, the
 * high-resolution sleep.
 *
 *	poll({0, POLLIN}, {5, POLLIN|POLLOUT}), timeout 2 s
 *
 *	round 1: ask fd 0 (enter its read queue), fd 5 (enter its two queues): nothing     sleep until a queue wakes us or 2 s passed
 *	somebody writes to the pipe of fd 5: pollwake marks us triggered and wakes us
 *	round 2: ask again, entering nothing: fd 5 says POLLIN                              leave all queues, return 1
 *
 * Q1  Queues are entered before the first sleep and left before returning; an entry holds its file
 *     meanwhile, so the queue lives.
 * Q2  A wake-up between asking and sleeping is not lost: `triggered` is set by the waker and looked
 *     at after the state was set.
 * Q3  A descriptor that is not open is POLLNVAL for poll, -EBADF for select. POLLERR and POLLHUP
 *     are always reported by poll.
 *
 * Units: timeouts in ns. Owner: the table is the caller's stack plus kmalloc'ed pages. Locking: the
 * queues' own. Errors: -EINTR with a signal pending, -ENOMEM. Time: each asked file's. Source:
 * Linux fs/select.c (behaviour), poll(2), select(2).
 */
#include "vfs/poll.h"

#include "kernel/time/ktime.h"
#include "lib/bitmap.h"
#include "lib/string.h"
#include "mm/alloc/slab.h"
#include "mm/uaccess.h"
#include "sched/sched.h"
#include "vfs/fcntl.h"
#include "vfs/file.h"
#include "vfs/fs.h"

struct poll_entry {
	struct poll_entry *next;
	struct file *filp;
	wait_queue_head_t *q;
	wait_queue_entry_t wait;
	struct poll_wqueues *pwq;
};

struct poll_wqueues {
	poll_table pt;
	struct task_struct *task;
	struct poll_entry *entries;
	bool triggered;
	int error;
};

static int pollwake(wait_queue_entry_t *wait, unsigned mode, int flags, void *key)
{
	struct poll_entry *e = container_of(wait, struct poll_entry, wait);

	(void)key;
	e->pwq->triggered = true;
	wait->private = e->pwq->task;
	return default_wake_function(wait, mode, flags, NULL);
}

static void enter_queue(struct file *filp, wait_queue_head_t *q, poll_table *p)
{
	struct poll_wqueues *pwq = container_of(p, struct poll_wqueues, pt);
	struct poll_entry *e = kmalloc(sizeof(*e), GFP_KERNEL);

	if (!e) {
		pwq->error = -ENOMEM;
		return;
	}
	*e = (struct poll_entry){ .next = pwq->entries, .filp = get_file(filp), .q = q, .pwq = pwq };
	pwq->entries = e;
	init_waitqueue_func_entry(&e->wait, pollwake);
	add_wait_queue(q, &e->wait);
}

static void poll_initwait(struct poll_wqueues *pwq)
{
	*pwq = (struct poll_wqueues){ .pt = { ._qproc = enter_queue }, .task = current };
}

static void poll_freewait(struct poll_wqueues *pwq)
{
	while (pwq->entries) {
		struct poll_entry *e = pwq->entries;

		pwq->entries = e->next;
		remove_wait_queue(e->q, &e->wait);
		fput(e->filp);
		kfree(e);
	}
}

u32 vfs_poll(struct file *filp, poll_table *p)
{
	return filp->f_op->poll ? filp->f_op->poll(filp, p) : DEFAULT_POLLMASK;
}

/*
 * Sleep until triggered or the absolute time `end` (0: no limit). True when time is up.
 */
static bool poll_sleep(struct poll_wqueues *pwq, u64 end)
{
	bool timed_out = false;

	set_current_state(TASK_INTERRUPTIBLE);
	if (!pwq->triggered && !current->sigpending) /* Q2 */
		timed_out = schedule_hrtimeout(end ? &end : NULL) == 0;
	set_current_state(TASK_RUNNING);
	pwq->triggered = false;
	return timed_out;
}

/* The absolute end of a relative timeout; 0: none. */
static u64 end_of(u64 timeout_ns)
{
	u64 now = ktime_get();

	return timeout_ns >= ~0ull - now ? 0 : now + timeout_ns;
}

/* One file's events for poll. */
static s16 poll_one(const struct pollfd *pfd, poll_table *pt)
{
	struct file *file;
	u32 mask;

	if (pfd->fd < 0)
		return 0;
	file = fget((u32)pfd->fd);
	if (!file)
		return POLLNVAL;
	mask = vfs_poll(file, pt) & ((u32)(u16)pfd->events | POLLERR | POLLHUP);
	fput(file);
	return (s16)mask;
}

int do_poll(struct pollfd *fds, u32 nfds, u64 timeout_ns)
{
	struct poll_wqueues pwq;
	u64 end = end_of(timeout_ns);
	bool timed_out = timeout_ns == 0;
	poll_table *pt = timed_out ? NULL : &pwq.pt;
	int count;

	poll_initwait(&pwq);
	for (;;) {
		count = 0;
		for (u32 i = 0; i < nfds; i++) {
			fds[i].revents = poll_one(&fds[i], count ? NULL : pt);
			count += fds[i].revents != 0;
		}
		pt = NULL; /* Q1: once */
		if (!count)
			count = current->sigpending ? -EINTR : pwq.error;
		if (count || timed_out)
			break;
		timed_out = poll_sleep(&pwq, end);
	}
	poll_freewait(&pwq);
	return count;
}

#define POLLIN_SET (POLLRDNORM | POLLIN | POLLHUP | POLLERR)
#define POLLOUT_SET (POLLWRNORM | POLLOUT | POLLERR)
#define POLLEX_SET POLLPRI
#define SELECT_MAX 1024u
#define SELECT_WORDS (SELECT_MAX / 64)

static bool wants(const u64 *set, u32 fd)
{
	return set && test_bit(fd, set);
}

/* Ask every file of the sets; results into res[3]. Bits set, or -EBADF. */
static int select_round(u32 n, u64 *const in[3], u64 res[3][SELECT_WORDS], poll_table *pt)
{
	static const u32 sets[3] = { POLLIN_SET, POLLOUT_SET, POLLEX_SET };
	int count = 0;

	memset(res, 0, 3 * SELECT_WORDS * sizeof(u64));
	for (u32 fd = 0; fd < n; fd++) {
		struct file *file;
		u32 mask;

		if (!wants(in[0], fd) && !wants(in[1], fd) && !wants(in[2], fd))
			continue;
		file = fget(fd);
		if (!file)
			return -EBADF;
		mask = vfs_poll(file, count ? NULL : pt);
		fput(file);
		for (u32 s = 0; s < 3; s++) {
			if (wants(in[s], fd) && (mask & sets[s])) {
				set_bit(fd, res[s]);
				count++;
			}
		}
	}
	return count;
}

int do_select(u32 n, u64 *in, u64 *out, u64 *ex, u64 timeout_ns)
{
	u64 *const sets[3] = { in, out, ex };
	u64 res[3][SELECT_WORDS];
	struct poll_wqueues pwq;
	u64 end = end_of(timeout_ns);
	bool timed_out = timeout_ns == 0;
	poll_table *pt = timed_out ? NULL : &pwq.pt;
	int count;

	if (n > SELECT_MAX)
		return -EINVAL;
	poll_initwait(&pwq);
	for (;;) {
		count = select_round(n, sets, res, pt);
		pt = NULL;
		if (!count)
			count = current->sigpending ? -EINTR : pwq.error;
		if (count || timed_out)
			break;
		timed_out = poll_sleep(&pwq, end);
	}
	poll_freewait(&pwq);
	if (count < 0)
		return count;
	for (u32 s = 0; s < 3; s++)
		if (sets[s])
			memcpy(sets[s], res[s], DIV_ROUND_UP(n, 64u) * sizeof(u64));
	return count;
}

s64 ksys_poll(u64 ufds, u32 nfds, u64 timeout_ns)
{
	struct pollfd *fds;
	s64 ret;

	if (nfds > current->files->rlimit_nofile)
		return -EINVAL;
	fds = kmalloc(max(nfds, 1u) * sizeof(*fds), GFP_KERNEL);
	if (!fds)
		return -ENOMEM;
	ret = -EFAULT;
	if (!copy_from_user(fds, ufds, nfds * sizeof(*fds))) {
		ret = do_poll(fds, nfds, timeout_ns);
		if (ret >= 0 && nfds && copy_to_user(ufds, fds, nfds * sizeof(*fds)))
			ret = -EFAULT;
	}
	kfree(fds);
	return ret;
}

s64 ksys_select(int n, u64 uin, u64 uout, u64 uex, u64 timeout_ns)
{
	const u64 user[3] = { uin, uout, uex };
	u64 sets[3][SELECT_WORDS] = { { 0 } };
	u64 bytes;
	s64 ret;

	if (n < 0)
		return -EINVAL;
	n = (int)min((u32)n, min(current->files->fdt.max_fds, SELECT_MAX));
	bytes = DIV_ROUND_UP((u64)n, (u64)64) * sizeof(u64);
	for (u32 s = 0; s < 3; s++)
		if (user[s] && copy_from_user(sets[s], user[s], bytes))
			return -EFAULT;
	ret = do_select((u32)n, uin ? sets[0] : NULL, uout ? sets[1] : NULL, uex ? sets[2] : NULL,
			timeout_ns);
	for (u32 s = 0; ret >= 0 && s < 3; s++)
		if (user[s] && copy_to_user(user[s], sets[s], bytes))
			ret = -EFAULT;
	return ret;
}
