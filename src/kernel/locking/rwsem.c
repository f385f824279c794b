/* SPDX-License-Identifier: MIT */
/*
 * The reader/writer semaphore: many readers or one writer, strictly in order of arrival.
 *
 * Address spaces, directories and the like use it; it calls the scheduler.
 *
 *	readers 2; wait_list  W1 -> R3 -> R4 -> W2
 *	second up_read: W1 gets it.  W1's up_write: R3 and R4 together.  last up_read: W2.
 *
 * R1 readers > 0 and owner are never both so.
 * R2 A newcomer that finds anybody waiting queues, reader or not: no writer starves.
 * R3 The lock is granted by the one who releases it, before the wake-up; a woken waiter with
 *    `granted` holds it.
 *
 * Units: none. Owner: the embedder. Locking: wait_lock. Errors: -EINTR. Time: COST_LOCK_RMW for
 * each operation. Source: Linux 6.1 kernel/locking/rwsem.c for the API; the grant rule is the
 * classical fair one.
 */
#include "kernel/locking/rwsem.h"

#include "lib/errno.h"
#include "sched/sched.h"

struct rwsem_waiter {
	struct list_head node;
	struct task_struct *task;
	bool writer, granted;
};

void init_rwsem(struct rw_semaphore *sem)
{
	sem->readers = 0;
	sem->owner = NULL;
	sem->contended = 0;
	spin_lock_init(&sem->wait_lock);
	INIT_LIST_HEAD(&sem->wait_list);
}

static bool can_take(const struct rw_semaphore *sem, bool writer)
{
	return !sem->owner && (!writer || !sem->readers);
}

static void take(struct rw_semaphore *sem, struct task_struct *task, bool writer)
{
	if (writer)
		sem->owner = task;
	else
		sem->readers++;
}

/*
 * wait_lock held: give it to the head of the queue, and with a reader to all readers right behind
 * it.
 */
static void grant(struct rw_semaphore *sem)
{
	while (!list_empty(&sem->wait_list)) {
		struct rwsem_waiter *w =
			list_first_entry(&sem->wait_list, struct rwsem_waiter, node);
		struct task_struct *task = w->task;

		if (!can_take(sem, w->writer))
			return;
		take(sem, task, w->writer);
		list_del_init(&w->node);
		/* w's stack frame stays until its task gets wait_lock, which we hold. */
		w->granted = true;
		wake_up_process(task);
	}
}

static int down_slow(struct rw_semaphore *sem, bool writer, u32 state)
{
	struct rwsem_waiter w = { .task = current, .writer = writer };
	int ret = 0;

	spin_lock(&sem->wait_lock);
	sem->contended++;
	list_add_tail(&w.node, &sem->wait_list);
	grant(sem); /* it may have been released while we took the lock */
	while (!w.granted) {
		if (signal_pending_state(state, current)) {
			list_del_init(&w.node);
			grant(sem);
			ret = -EINTR;
			break;
		}
		set_current_state(state);
		spin_unlock(&sem->wait_lock);
		schedule();
		spin_lock(&sem->wait_lock);
	}
	set_current_state(TASK_RUNNING);
	spin_unlock(&sem->wait_lock);
	return ret;
}

static bool try_down(struct rw_semaphore *sem, bool writer)
{
	if (!can_take(sem, writer) || !list_empty(&sem->wait_list))
		return false;
	take(sem, current, writer);
	return true;
}

static int down_common(struct rw_semaphore *sem, bool writer, u32 state)
{
	BUG_ON(sem->owner == current);
	if (likely(try_down(sem, writer))) {
		charge(COST_LOCK_RMW);
		return 0;
	}
	return down_slow(sem, writer, state);
}

static void release(struct rw_semaphore *sem)
{
	if (unlikely(!list_empty(&sem->wait_list))) {
		spin_lock(&sem->wait_lock);
		grant(sem);
		spin_unlock(&sem->wait_lock);
	}
	charge(COST_LOCK_RMW);
}

void down_read(struct rw_semaphore *sem)
{
	down_common(sem, false, TASK_UNINTERRUPTIBLE);
}
int down_read_killable(struct rw_semaphore *sem)
{
	return down_common(sem, false, TASK_KILLABLE);
}
bool down_read_trylock(struct rw_semaphore *sem)
{
	bool taken = try_down(sem, false);

	charge(COST_LOCK_RMW);
	return taken;
}
void up_read(struct rw_semaphore *sem)
{
	BUG_ON(!sem->readers);
	sem->readers--;
	release(sem);
}
void down_write(struct rw_semaphore *sem)
{
	down_common(sem, true, TASK_UNINTERRUPTIBLE);
}
int down_write_killable(struct rw_semaphore *sem)
{
	return down_common(sem, true, TASK_KILLABLE);
}
bool down_write_trylock(struct rw_semaphore *sem)
{
	bool taken = try_down(sem, true);

	charge(COST_LOCK_RMW);
	return taken;
}
void up_write(struct rw_semaphore *sem)
{
	BUG_ON(sem->owner != current);
	sem->owner = NULL;
	release(sem);
}
void downgrade_write(struct rw_semaphore *sem)
{
	BUG_ON(sem->owner != current);
	sem->owner = NULL;
	sem->readers = 1;
	release(sem);
}
