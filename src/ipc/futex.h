/* SPDX-License-Identifier: MIT */
#ifndef IPC_FUTEX_H
#define IPC_FUTEX_H

/* Waiting on a word of user memory. Task context. */

#include "lib/list.h"
#include "lib/types.h"

struct kernel;

#define FUTEX_WAIT 0
#define FUTEX_WAKE 1
#define FUTEX_REQUEUE 3
#define FUTEX_CMP_REQUEUE 4
#define FUTEX_WAIT_BITSET 9
#define FUTEX_WAKE_BITSET 10
#define FUTEX_PRIVATE_FLAG 128u
#define FUTEX_CLOCK_REALTIME 256u

#define FUTEX_BUCKETS 256u

/* The running machine's (ipc_init owns them). */
struct list_head *futex_buckets(void);
/* Empty buckets, and the hook by which a dying thread wakes its joiner. 0. */
int futex_init(struct kernel *k, struct list_head buckets[FUTEX_BUCKETS]);
/*
 * Sleep while the u32 at uaddr is val, until woken with a bit of bitset or the monotonic time
 * *end_ns (NULL: for ever). 0, -EAGAIN (another value), -ETIMEDOUT, -ERESTARTSYS (-EINTR with an
 * end), -EFAULT, -EINVAL.
 */
long futex_wait(u64 uaddr, bool private, u32 val, const u64 *end_ns, u32 bitset);
/* Wake at most nr waiters, the longest waiting first; how many, or -EFAULT, -EINVAL. */
long futex_wake(u64 uaddr, bool private, int nr, u32 bitset);
/*
 * Wake nr_wake waiters of uaddr and let up to nr_requeue others wait for uaddr2 instead; with
 * expected, only while the word at uaddr is that. How many of both, or -EAGAIN, -EFAULT, -EINVAL.
 */
long futex_requeue(u64 uaddr, u64 uaddr2, bool private, int nr_wake, int nr_requeue,
		   const u32 *expected);

#endif
