/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_LOCKING_RWSEM_H
#define KERNEL_LOCKING_RWSEM_H

/* A sleeping readers/writer lock (Linux's API), strictly first come first served: readers that
 * arrive after a waiting writer wait behind it; at its release all readers up to the next writer go
 * together. */

#include "kernel/percpu/spinlock.h"
#include "lib/list.h"

struct task_struct;

struct rw_semaphore {
	u32 readers;		   /* holding it */
	struct task_struct *owner; /* the writer holding it */
	spinlock_t wait_lock;
	struct list_head wait_list;
	u64 contended;
};

void init_rwsem(struct rw_semaphore *sem);
void down_read(struct rw_semaphore *sem);
int down_read_killable(struct rw_semaphore *sem); /* 0 or -EINTR */
bool down_read_trylock(struct rw_semaphore *sem);
void up_read(struct rw_semaphore *sem);
void down_write(struct rw_semaphore *sem);
int down_write_killable(struct rw_semaphore *sem);
bool down_write_trylock(struct rw_semaphore *sem);
void up_write(struct rw_semaphore *sem);
void downgrade_write(struct rw_semaphore *sem);
static inline bool rwsem_is_locked(const struct rw_semaphore *sem)
{
	return sem->readers || sem->owner;
}

#endif
