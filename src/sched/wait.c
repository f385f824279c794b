/* SPDX-License-Identifier: MIT */
/*
 * Wait queues: who waits for a condition, in order, and how many to wake.
 *
 * Pipes, locks, completions, poll and exit use them; they call try_to_wake_up() through each
 * entry's function.
 *
 *   queue: P(poll) -> A -> B(exclusive) -> C(exclusive) -> D(exclusive)
 *   wake_up(1): P's function runs, A wakes, B wakes (1 exclusive), stop.  wake_up_all: all five
 *
 * Q1 An exclusive entry stands behind every non-exclusive one that came before it: they are added
 *    at the tail, the others at the head.
 * Q2 prepare_to_wait sets the state under the queue's lock, so a waker that holds it sees either no
 *    entry or a sleeper it can wake.
 * Q3 An entry with autoremove leaves the queue only when its wake-up succeeded; a lost one stays
 *    for the next.
 * Q4 A waker holds the lock through the walk; entries' functions may not take it.
 *
 * Units: none. Owner: heads belong to their embedder, entries to the waiter's stack. Locking:
 * head's lock, IRQs off. Errors: -ERESTARTSYS. Time: what wake-ups charge. Source: Linux 6.1
 * kernel/sched/wait.c for the protocol.
 */
#include "sched/wait.h"

#include "lib/errno.h"
#include "sched/sched.h"

#define WQ_FLAG_WOKEN 2u

void init_waitqueue_head(wait_queue_head_t *wq)
{
	spin_lock_init(&wq->lock);
	INIT_LIST_HEAD(&wq->head);
}

void init_waitqueue_entry(wait_queue_entry_t *entry, struct task_struct *task)
{
	*entry = (wait_queue_entry_t){ .private = task, .func = default_wake_function };
	INIT_LIST_HEAD(&entry->entry);
}

void init_waitqueue_func_entry(wait_queue_entry_t *entry, wait_queue_func_t func)
{
	*entry = (wait_queue_entry_t){ .func = func };
	INIT_LIST_HEAD(&entry->entry);
}

void init_wait(wait_queue_entry_t *entry)
{
	*entry = (wait_queue_entry_t){ .private = current, .func = autoremove_wake_function };
	INIT_LIST_HEAD(&entry->entry);
}

int default_wake_function(wait_queue_entry_t *entry, unsigned mode, int flags, void *key)
{
	(void)key;
	return try_to_wake_up(entry->private, mode, flags);
}

int autoremove_wake_function(wait_queue_entry_t *entry, unsigned mode, int flags, void *key)
{
	int ret = default_wake_function(entry, mode, flags, key);

	if (ret)
		list_del_init(&entry->entry);
	return ret;
}

int woken_wake_function(wait_queue_entry_t *entry, unsigned mode, int flags, void *key)
{
	entry->flags |= WQ_FLAG_WOKEN;
	return default_wake_function(entry, mode, flags, key);
}

void __add_wait_queue(wait_queue_head_t *wq, wait_queue_entry_t *entry)
{
	list_add(&entry->entry, &wq->head);
}
void __add_wait_queue_entry_tail(wait_queue_head_t *wq, wait_queue_entry_t *entry)
{
	list_add_tail(&entry->entry, &wq->head);
}
void __remove_wait_queue(wait_queue_head_t *wq, wait_queue_entry_t *entry)
{
	(void)wq;
	list_del_init(&entry->entry);
}

void add_wait_queue(wait_queue_head_t *wq, wait_queue_entry_t *entry)
{
	u64 flags = spin_lock_irqsave_flags(&wq->lock);

	entry->flags &= ~WQ_FLAG_EXCLUSIVE;
	__add_wait_queue(wq, entry);
	spin_unlock_irqrestore(&wq->lock, flags);
}

void add_wait_queue_exclusive(wait_queue_head_t *wq, wait_queue_entry_t *entry)
{
	u64 flags = spin_lock_irqsave_flags(&wq->lock);

	entry->flags |= WQ_FLAG_EXCLUSIVE;
	__add_wait_queue_entry_tail(wq, entry);
	spin_unlock_irqrestore(&wq->lock, flags);
}

void remove_wait_queue(wait_queue_head_t *wq, wait_queue_entry_t *entry)
{
	u64 flags = spin_lock_irqsave_flags(&wq->lock);

	__remove_wait_queue(wq, entry);
	spin_unlock_irqrestore(&wq->lock, flags);
}

void prepare_to_wait(wait_queue_head_t *wq, wait_queue_entry_t *entry, unsigned state)
{
	u64 flags = spin_lock_irqsave_flags(&wq->lock);

	entry->flags &= ~WQ_FLAG_EXCLUSIVE;
	if (list_empty(&entry->entry))
		__add_wait_queue(wq, entry);
	set_current_state(state);
	spin_unlock_irqrestore(&wq->lock, flags);
}

bool prepare_to_wait_exclusive(wait_queue_head_t *wq, wait_queue_entry_t *entry, unsigned state)
{
	u64 flags = spin_lock_irqsave_flags(&wq->lock);
	bool was_empty = false;

	entry->flags |= WQ_FLAG_EXCLUSIVE;
	if (list_empty(&entry->entry)) {
		was_empty = list_empty(&wq->head);
		__add_wait_queue_entry_tail(wq, entry);
	}
	set_current_state(state);
	spin_unlock_irqrestore(&wq->lock, flags);
	return was_empty;
}

long prepare_to_wait_event(wait_queue_head_t *wq, wait_queue_entry_t *entry, unsigned state)
{
	u64 flags = spin_lock_irqsave_flags(&wq->lock);
	long ret = 0;

	if (signal_pending_state(state, current)) {
		/*
		 * Off the queue, so that an exclusive wake-up is not spent on somebody who leaves.
		 */
		list_del_init(&entry->entry);
		ret = -ERESTARTSYS;
	} else {
		if (list_empty(&entry->entry)) {
			if (entry->flags & WQ_FLAG_EXCLUSIVE)
				__add_wait_queue_entry_tail(wq, entry);
			else
				__add_wait_queue(wq, entry);
		}
		set_current_state(state);
	}
	spin_unlock_irqrestore(&wq->lock, flags);
	return ret;
}

void finish_wait(wait_queue_head_t *wq, wait_queue_entry_t *entry)
{
	set_current_state(TASK_RUNNING);
	if (!list_empty(&entry->entry))
		remove_wait_queue(wq, entry);
}

long wait_woken(wait_queue_entry_t *entry, unsigned state, long timeout)
{
	set_current_state(state);
	if (!(entry->flags & WQ_FLAG_WOKEN))
		timeout = schedule_timeout(timeout);
	set_current_state(TASK_RUNNING);
	entry->flags &= ~WQ_FLAG_WOKEN;
	return timeout;
}

int __wake_up_locked_key(wait_queue_head_t *wq, unsigned mode, int nr, void *key)
{
	wait_queue_entry_t *entry, *next;

	list_for_each_entry_safe(entry, next, &wq->head, entry) {
		unsigned flags = entry->flags;
		int ret = entry->func(entry, mode, 0, key);

		if (ret < 0)
			break;
		if (ret && (flags & WQ_FLAG_EXCLUSIVE) && !--nr)
			break;
	}
	return nr;
}

int __wake_up(wait_queue_head_t *wq, unsigned mode, int nr, void *key)
{
	u64 flags = spin_lock_irqsave_flags(&wq->lock);
	int left = __wake_up_locked_key(wq, mode, nr, key);

	spin_unlock_irqrestore(&wq->lock, flags);
	return left;
}
