/* SPDX-License-Identifier: MIT */
/*
 * Completions: a count of things done, and those who wait for one.
 *
 * vfork, kthread_stop and drivers use them; they call the wait queue and the scheduler.
 *
 *   done 0, waiters A B:  complete -> done 1, A woken, A takes it: done 0
 *   complete_all -> done U32_MAX, never taken again
 *
 * D1 `done` is read and written under the queue's lock; a waiter returns only after taking one.
 * D2 The completer touches the completion no more after it dropped the lock, so the waiter may free
 *    it at once.
 *
 * Units: jiffies for timeouts. Owner: the embedder, often a stack. Locking: the queue's. Errors:
 * -ERESTARTSYS. Time: wake-ups' own. Source: Linux 6.1 kernel/sched/completion.c.
 */
#include "sched/completion.h"

#include "lib/errno.h"
#include "sched/sched.h"

#define DONE_FOR_ALL 0xffffffffu

void init_completion(struct completion *x)
{
	x->done = 0;
	init_waitqueue_head(&x->wait);
}

void reinit_completion(struct completion *x)
{
	x->done = 0;
}

void complete(struct completion *x)
{
	u64 flags = spin_lock_irqsave_flags(&x->wait.lock);

	if (x->done != DONE_FOR_ALL)
		x->done++;
	__wake_up_locked_key(&x->wait, TASK_NORMAL | TASK_WAKEKILL, 1, NULL);
	spin_unlock_irqrestore(&x->wait.lock, flags);
}

void complete_all(struct completion *x)
{
	u64 flags = spin_lock_irqsave_flags(&x->wait.lock);

	x->done = DONE_FOR_ALL;
	__wake_up_locked_key(&x->wait, TASK_NORMAL | TASK_WAKEKILL, 0, NULL);
	spin_unlock_irqrestore(&x->wait.lock, flags);
}

/*
 * Lock held, IRQs off. Returns the jiffies left (at least 1 when a completion was taken), 0, or
 * -ERESTARTSYS.
 */
static long wait_locked(struct completion *x, long timeout, unsigned state)
{
	wait_queue_entry_t wait;

	init_wait(&wait);
	wait.flags = WQ_FLAG_EXCLUSIVE;
	while (!x->done && timeout) {
		if (signal_pending_state(state, current)) {
			timeout = -ERESTARTSYS;
			break;
		}
		if (list_empty(&wait.entry))
			__add_wait_queue_entry_tail(&x->wait, &wait);
		set_current_state(state);
		spin_unlock_irq(&x->wait.lock);
		timeout = schedule_timeout(timeout);
		spin_lock_irq(&x->wait.lock);
	}
	__remove_wait_queue(&x->wait, &wait);
	if (!x->done)
		return timeout;
	if (x->done != DONE_FOR_ALL)
		x->done--;
	return timeout > 0 ? timeout : 1;
}

static long wait_common(struct completion *x, long timeout, unsigned state)
{
	spin_lock_irq(&x->wait.lock);
	timeout = wait_locked(x, timeout, state);
	spin_unlock_irq(&x->wait.lock);
	return timeout;
}

void wait_for_completion(struct completion *x)
{
	wait_common(x, MAX_SCHEDULE_TIMEOUT, TASK_UNINTERRUPTIBLE);
}

int wait_for_completion_interruptible(struct completion *x)
{
	long ret = wait_common(x, MAX_SCHEDULE_TIMEOUT, TASK_INTERRUPTIBLE);

	return ret < 0 ? (int)ret : 0;
}

int wait_for_completion_killable(struct completion *x)
{
	long ret = wait_common(x, MAX_SCHEDULE_TIMEOUT, TASK_KILLABLE);

	return ret < 0 ? (int)ret : 0;
}

u64 wait_for_completion_timeout(struct completion *x, u64 timeout)
{
	return (u64)wait_common(x, (long)timeout, TASK_UNINTERRUPTIBLE);
}

bool try_wait_for_completion(struct completion *x)
{
	u64 flags = spin_lock_irqsave_flags(&x->wait.lock);
	bool taken = x->done != 0;

	if (taken && x->done != DONE_FOR_ALL)
		x->done--;
	spin_unlock_irqrestore(&x->wait.lock, flags);
	return taken;
}

bool completion_done(struct completion *x)
{
	return x->done != 0;
}
