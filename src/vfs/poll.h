/* SPDX-License-Identifier: MIT */
#ifndef VFS_POLL_H
#define VFS_POLL_H

/*
 * poll: a file's poll operation says which events hold now and, by poll_wait(), on which queues a
 * change would be announced. The core (vfs/select.c) enters those queues, sleeps, and asks again.
 * Event bits and struct pollfd are Linux's.
 */

#include "lib/types.h"
#include "sched/wait.h"

struct file;

#define POLLIN 0x0001u
#define POLLPRI 0x0002u
#define POLLOUT 0x0004u
#define POLLERR 0x0008u
#define POLLHUP 0x0010u
#define POLLNVAL 0x0020u
#define POLLRDNORM 0x0040u
#define POLLWRNORM 0x0100u
#define DEFAULT_POLLMASK (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM)

typedef struct poll_table_struct {
	/* Enter q on behalf of filp; NULL: only ask, do not wait. */
	void (*_qproc)(struct file *filp, wait_queue_head_t *q, struct poll_table_struct *p);
} poll_table;

static inline void poll_wait(struct file *filp, wait_queue_head_t *q, poll_table *p)
{
	if (p && p->_qproc)
		p->_qproc(filp, q, p);
}

struct pollfd {
	s32 fd;
	s16 events, revents;
};

/*
 * The events that hold on filp now; p may be NULL. Files without a poll operation are always ready.
 */
u32 vfs_poll(struct file *filp, poll_table *p);

/*
 * poll(2) on nfds records in kernel memory: fills revents, returns the number of records with
 * events, 0 at the timeout, -EINTR (a signal came), -ENOMEM. timeout_ns: relative; 0 only asks;
 * U64_MAX waits forever. Sleeps.
 */
int do_poll(struct pollfd *fds, u32 nfds, u64 timeout_ns);
/*
 * select(2) on bitmaps of n bits in kernel memory (DIV_ROUND_UP(n, 64) words each, NULL allowed):
 * in, out, ex are replaced by the ready sets. Returns the number of bits set, 0 at the timeout,
 * -EBADF, -EINTR, -ENOMEM, -EINVAL (n > 1024). Sleeps.
 */
int do_select(u32 n, u64 *in, u64 *out, u64 *ex, u64 timeout_ns);

#endif
