/* SPDX-License-Identifier: MIT */
/*
 * The mutex: one owner, sleepers in order.
 *
 * Everybody who may block uses it; it calls the scheduler.
 *
 *   owner A; wait_list B -> C
 *   A unlocks: owner none, B woken. D runs first and takes it.
 *   B wakes, finds D, says "hand it to me": handoff = B
 *   D unlocks: handoff is set -> owner B at once, though E is just trying; B wakes as the owner
 *
 * M1 owner is the holder or NULL; only the owner unlocks, checked.
 * M2 A woken waiter loses to a newcomer at most once: then the next unlock hands the lock over. So
 *    waiting is bounded by two sections a place in the queue.
 * M3 Waiters are served in order of arrival.
 * M4 The fast path touches owner alone: between two charges nothing interleaves, so that is atomic,
 *    and it costs one locked instruction.
 *
 * Absent: optimistic spinning, priority inheritance (rt_mutex).
 *
 * Units: none. Owner: the embedder. Locking: wait_lock, a spinlock. Errors: -EINTR. Time:
 * COST_LOCK_RMW for lock and for unlock. Source: Linux 6.1 kernel/locking/mutex.c for the hand-off
 * rule.
 */
#include "kernel/locking/mutex.h"

#include "lib/errno.h"
#include "sched/sched.h"

struct mutex_waiter {
	struct list_head node;
	struct task_struct *task;
};

void mutex_init(struct mutex *lock)
{
	lock->owner = lock->handoff = NULL;
	lock->contended = 0;
	spin_lock_init(&lock->wait_lock);
	INIT_LIST_HEAD(&lock->wait_list);
}

static bool try_take(struct mutex *lock)
{
	if (lock->owner || (lock->handoff && lock->handoff != current))
		return false;
	lock->owner = current;
	lock->handoff = NULL;
	return true;
}

bool mutex_trylock(struct mutex *lock)
{
	bool taken = try_take(lock);

	charge(COST_LOCK_RMW);
	return taken;
}

static bool first_waiter(const struct mutex *lock, const struct mutex_waiter *w)
{
	return list_first_entry(&lock->wait_list, struct mutex_waiter, node) == w;
}

/* wait_lock held. A hand-off may have made us owner already. */
static bool got_it(struct mutex *lock)
{
	return lock->owner == current || try_take(lock);
}

static int lock_slow(struct mutex *lock, u32 state)
{
	struct mutex_waiter w = { .task = current };
	bool woken = false;
	int ret = 0;

	spin_lock(&lock->wait_lock);
	lock->contended++;
	list_add_tail(&w.node, &lock->wait_list);
	for (;;) {
		set_current_state(state);
		if (got_it(lock))
			break;
		if (signal_pending_state(state, current)) {
			ret = -EINTR;
			break;
		}
		if (woken && first_waiter(lock, &w))
			lock->handoff = current;
		spin_unlock(&lock->wait_lock);
		schedule();
		woken = true;
		spin_lock(&lock->wait_lock);
	}
	set_current_state(TASK_RUNNING);
	list_del(&w.node);
	if (ret && lock->handoff == current)
		lock->handoff = NULL;
	/* A wake-up spent on somebody who leaves is passed on. */
	if (ret && !lock->owner && !list_empty(&lock->wait_list))
		wake_up_process(
			list_first_entry(&lock->wait_list, struct mutex_waiter, node)->task);
	spin_unlock(&lock->wait_lock);
	return ret;
}

static int lock_common(struct mutex *lock, u32 state)
{
	BUG_ON(lock->owner == current);
	if (likely(try_take(lock))) {
		charge(COST_LOCK_RMW);
		return 0;
	}
	return lock_slow(lock, state);
}

void mutex_lock(struct mutex *lock)
{
	lock_common(lock, TASK_UNINTERRUPTIBLE);
}

int mutex_lock_interruptible(struct mutex *lock)
{
	return lock_common(lock, TASK_INTERRUPTIBLE);
}

int mutex_lock_killable(struct mutex *lock)
{
	return lock_common(lock, TASK_KILLABLE);
}

static void unlock_slow(struct mutex *lock)
{
	struct mutex_waiter *first;

	spin_lock(&lock->wait_lock);
	if (!list_empty(&lock->wait_list)) {
		first = list_first_entry(&lock->wait_list, struct mutex_waiter, node);
		/*
		 * Somebody may have taken it before the hand-off was asked for: then it is for that
		 * owner to hand over.
		 */
		if (lock->handoff == first->task && !lock->owner) {
			lock->owner = first->task;
			lock->handoff = NULL;
		}
		wake_up_process(first->task);
	}
	spin_unlock(&lock->wait_lock);
}

void mutex_unlock(struct mutex *lock)
{
	BUG_ON(lock->owner != current);
	lock->owner = NULL;
	if (unlikely(!list_empty(&lock->wait_list)))
		unlock_slow(lock);
	charge(COST_LOCK_RMW);
}
