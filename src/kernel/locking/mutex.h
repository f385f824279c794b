/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_LOCKING_MUTEX_H
#define KERNEL_LOCKING_MUTEX_H

/* A sleeping lock with an owner (Linux's API). Not in interrupts. Waiters first come first served;
 * a waiter that was woken and lost the race to a newcomer gets the lock handed over at the next
 * unlock. */

#include "kernel/percpu/spinlock.h"
#include "lib/list.h"

struct task_struct;

struct mutex {
	struct task_struct *owner;
	struct task_struct *handoff; /* the first waiter lost once: unlock gives it to this one */
	spinlock_t wait_lock;
	struct list_head wait_list;
	u64 contended;
};

void mutex_init(struct mutex *lock);
void mutex_lock(struct mutex *lock);
int mutex_lock_interruptible(struct mutex *lock); /* 0 or -EINTR */
int mutex_lock_killable(struct mutex *lock);
bool mutex_trylock(struct mutex *lock);
/* BUG unless current is the owner. */
void mutex_unlock(struct mutex *lock);
static inline bool mutex_is_locked(const struct mutex *lock)
{
	return lock->owner != NULL;
}
static inline void mutex_destroy(struct mutex *lock)
{
	BUG_ON(lock->owner);
}

#endif
