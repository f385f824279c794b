/* SPDX-License-Identifier: MIT */
#ifndef SCHED_WAIT_H
#define SCHED_WAIT_H

/*
 * Wait queues (Linux's API): tasks that wait for a condition somebody else makes true.
 *
 * The rule that loses no wake-up: the waiter queues itself and sets its state, then looks at the
 * condition, then sleeps; the waker makes the condition true, then wakes. Waiters are woken in
 * queue order; exclusive ones stand behind the others, and a wake-up that asks for n stops after n
 * of them.
 */

#include "kernel/percpu/spinlock.h"
#include "lib/list.h"
#include "lib/types.h"

struct task_struct;
typedef struct wait_queue_entry wait_queue_entry_t;
typedef int (*wait_queue_func_t)(wait_queue_entry_t *entry, unsigned mode, int flags, void *key);

#define WQ_FLAG_EXCLUSIVE 1u

/* A zeroed head is not usable: init_waitqueue_head(). */
typedef struct wait_queue_head {
	spinlock_t lock;
	struct list_head head;
} wait_queue_head_t;

/*
 * func is called with the head's lock held, IRQs off; it returns nonzero when it woke somebody,
 * negative to stop the walk.
 */
struct wait_queue_entry {
	unsigned flags;
	void *private; /* the task, for the usual functions */
	wait_queue_func_t func;
	struct list_head entry;
};

void init_waitqueue_head(wait_queue_head_t *wq);
static inline bool waitqueue_active(const wait_queue_head_t *wq)
{
	return !list_empty(&wq->head);
}
#define wq_has_sleeper(wq) waitqueue_active(wq)

/* An entry that wakes task (default_wake_function); one with a function of its own (poll). */
void init_waitqueue_entry(wait_queue_entry_t *entry, struct task_struct *task);
void init_waitqueue_func_entry(wait_queue_entry_t *entry, wait_queue_func_t func);
/* An entry for current that leaves the queue when woken (autoremove_wake_function). */
void init_wait(wait_queue_entry_t *entry);
int default_wake_function(wait_queue_entry_t *entry, unsigned mode, int flags, void *key);
int autoremove_wake_function(wait_queue_entry_t *entry, unsigned mode, int flags, void *key);
int woken_wake_function(wait_queue_entry_t *entry, unsigned mode, int flags, void *key);

void add_wait_queue(wait_queue_head_t *wq, wait_queue_entry_t *entry);
void add_wait_queue_exclusive(wait_queue_head_t *wq, wait_queue_entry_t *entry);
void remove_wait_queue(wait_queue_head_t *wq, wait_queue_entry_t *entry);
void __add_wait_queue(wait_queue_head_t *wq, wait_queue_entry_t *entry);	    /* lock held */
void __add_wait_queue_entry_tail(wait_queue_head_t *wq, wait_queue_entry_t *entry); /* lock held */
void __remove_wait_queue(wait_queue_head_t *wq, wait_queue_entry_t *entry);	    /* lock held */

/* Queue (if not queued) and set current's state; then test the condition. */
void prepare_to_wait(wait_queue_head_t *wq, wait_queue_entry_t *entry, unsigned state);
/* The same at the tail and exclusive. Returns true when the queue was empty before. */
bool prepare_to_wait_exclusive(wait_queue_head_t *wq, wait_queue_entry_t *entry, unsigned state);
/* As prepare_to_wait(_exclusive), but -EINTR (dequeued) when a signal forbids sleeping in state. */
long prepare_to_wait_event(wait_queue_head_t *wq, wait_queue_entry_t *entry, unsigned state);
/* Back to TASK_RUNNING and off the queue. */
void finish_wait(wait_queue_head_t *wq, wait_queue_entry_t *entry);
/*
 * Sleep until woken_wake_function ran for entry or timeout (jiffies) passed; returns the jiffies
 * left.
 */
long wait_woken(wait_queue_entry_t *entry, unsigned state, long timeout);

/*
 * Wake every non-exclusive waiter and nr exclusive ones (0: all) whose state is in mode. Any
 * context. Returns exclusive wake-ups left.
 */
int __wake_up(wait_queue_head_t *wq, unsigned mode, int nr, void *key);
int __wake_up_locked_key(wait_queue_head_t *wq, unsigned mode, int nr,
			 void *key); /* wq->lock held */

#define WAKE_NORMAL 3u /* TASK_NORMAL */
#define WAKE_INTERRUPTIBLE 1u
#define wake_up(wq) __wake_up(wq, WAKE_NORMAL, 1, NULL)
#define wake_up_nr(wq, nr) __wake_up(wq, WAKE_NORMAL, nr, NULL)
#define wake_up_all(wq) __wake_up(wq, WAKE_NORMAL, 0, NULL)
#define wake_up_locked(wq) __wake_up_locked_key(wq, WAKE_NORMAL, 1, NULL)
#define wake_up_all_locked(wq) __wake_up_locked_key(wq, WAKE_NORMAL, 0, NULL)
#define wake_up_interruptible(wq) __wake_up(wq, WAKE_INTERRUPTIBLE, 1, NULL)
#define wake_up_interruptible_nr(wq, nr) __wake_up(wq, WAKE_INTERRUPTIBLE, nr, NULL)
#define wake_up_interruptible_all(wq) __wake_up(wq, WAKE_INTERRUPTIBLE, 0, NULL)
#define wake_up_interruptible_sync(wq) __wake_up(wq, WAKE_INTERRUPTIBLE, 1, NULL)
/* key: the poll events that became true. */
#define wake_up_poll(wq, mask) __wake_up(wq, WAKE_NORMAL, 1, (void *)(uintptr_t)(mask))
#define wake_up_interruptible_poll(wq, mask)                                                       \
	__wake_up(wq, WAKE_INTERRUPTIBLE, 1, (void *)(uintptr_t)(mask))
#define wake_up_interruptible_sync_poll(wq, mask) wake_up_interruptible_poll(wq, mask)

/*
 * The loop behind wait_event*: these need sched/sched.h where they are used. wq is the head itself,
 * as in Linux.
 */
#define ___wait_event(wq, condition, state, exclusive, ret, cmd)                                   \
	({                                                                                         \
		wait_queue_entry_t _we;                                                            \
		long _wret = (ret);                                                                \
		init_wait(&_we);                                                                   \
		_we.flags = (exclusive) ? WQ_FLAG_EXCLUSIVE : 0;                                   \
		for (;;) {                                                                         \
			long _wint = prepare_to_wait_event(&(wq), &_we, state);                    \
			if (condition)                                                             \
				break;                                                             \
			if (_wint) {                                                               \
				_wret = _wint;                                                     \
				break;                                                             \
			}                                                                          \
			cmd;                                                                       \
		}                                                                                  \
		finish_wait(&(wq), &_we);                                                          \
		_wret;                                                                             \
	})
/*
 * Uninterruptible; interruptible and killable return 0 or -ERESTARTSYS; timeouts take jiffies and
 * return what is left, at least 1, or 0.
 */
#define wait_event(wq, condition)                                                                  \
	do {                                                                                       \
		if (!(condition))                                                                  \
			(void)___wait_event(wq, condition, TASK_UNINTERRUPTIBLE, 0, 0,             \
					    schedule());                                           \
	} while (0)
#define wait_event_interruptible(wq, condition)                                                    \
	((condition) ? 0 : (int)___wait_event(wq, condition, TASK_INTERRUPTIBLE, 0, 0, schedule()))
#define wait_event_interruptible_exclusive(wq, condition)                                          \
	((condition) ? 0 : (int)___wait_event(wq, condition, TASK_INTERRUPTIBLE, 1, 0, schedule()))
#define wait_event_killable(wq, condition)                                                         \
	((condition) ? 0 : (int)___wait_event(wq, condition, TASK_KILLABLE, 0, 0, schedule()))
#define ___wait_timed_out(condition)                                                               \
	({                                                                                         \
		bool _wc = (condition);                                                            \
		if (_wc && !_wret)                                                                 \
			_wret = 1;                                                                 \
		_wc || !_wret;                                                                     \
	})
#define wait_event_timeout(wq, condition, timeout)                                                 \
	({                                                                                         \
		long _wtimeout = (timeout), _wret = _wtimeout;                                     \
		if (!___wait_timed_out(condition))                                                 \
			_wret = ___wait_event(wq, ___wait_timed_out(condition),                    \
					      TASK_UNINTERRUPTIBLE, 0, _wtimeout,                  \
					      _wret = schedule_timeout(_wret));                    \
		_wret;                                                                             \
	})
#define wait_event_interruptible_timeout(wq, condition, timeout)                                   \
	({                                                                                         \
		long _wtimeout = (timeout), _wret = _wtimeout;                                     \
		if (!___wait_timed_out(condition))                                                 \
			_wret = ___wait_event(wq, ___wait_timed_out(condition),                    \
					      TASK_INTERRUPTIBLE, 0, _wtimeout,                    \
					      _wret = schedule_timeout(_wret));                    \
		_wret;                                                                             \
	})

#endif
