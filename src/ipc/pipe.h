/* SPDX-License-Identifier: MIT */
#ifndef IPC_PIPE_H
#define IPC_PIPE_H

/*
 * Pipes and FIFOs: a ring of page-sized buffers between writers and readers.
 *
 * Protection: [p] the pipe's mutex.
 */

#include "kernel/locking/mutex.h"
#include "lib/types.h"
#include "sched/wait.h"

struct page;
struct file;
struct kernel;

#define PIPE_DEF_BUFFERS 16u
#define PIPE_MAX_BUFFERS 256u /* 1 MiB, Linux's default pipe-max-size */

#define PIPE_BUF_FLAG_CAN_MERGE 0x10u
#define PIPE_BUF_FLAG_PACKET 0x08u

struct pipe_buffer {
	struct page *page;
	u32 offset, len; /* bytes of page in use */
	u32 flags;
};

struct pipe_inode_info {
	struct mutex mutex;
	wait_queue_head_t rd_wait, wr_wait;
	u32 head;		     /* next slot to fill; slots are head & (ring_size - 1) [p] */
	u32 tail;		     /* oldest slot in use [p] */
	u32 ring_size;		     /* slots, a power of two [p] */
	u32 readers, writers, files; /* [p] */
	u32 r_counter, w_counter;    /* opens so far, for FIFO rendezvous [p] */
	struct page *tmp_page;	     /* one page kept for reuse [p] */
	struct pipe_buffer *bufs;    /* ring_size of them */
};

static inline bool pipe_empty(u32 head, u32 tail)
{
	return head == tail;
}
static inline u32 pipe_occupancy(u32 head, u32 tail)
{
	return head - tail;
}
static inline bool pipe_full(u32 head, u32 tail, u32 limit)
{
	return head - tail >= limit;
}

/* Bring the floor up: the pipefs mount and FIFO operations. After vfs_init. 0 or -errno. */
int ipc_init(struct kernel *k);
/* Take it down again (tests, failed boots): no pipe may be open. */
void ipc_exit(struct kernel *k);
/*
 * Two files, [0] for reading and [1] for writing, one reference each. flags: O_CLOEXEC, O_NONBLOCK,
 * O_DIRECT. 0, -ENOMEM, -EINVAL.
 */
int create_pipe_files(struct file *res[2], u32 flags);
/* pipe2(2): two descriptors of current. */
int do_pipe2(int fds[2], u32 flags);
/* Bytes now in the pipe. */
u64 pipe_bytes(struct pipe_inode_info *pipe);

#endif
