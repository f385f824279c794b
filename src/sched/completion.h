/* SPDX-License-Identifier: MIT */
#ifndef SCHED_COMPLETION_H
#define SCHED_COMPLETION_H

/*
 * "It is done": a count of completions and the tasks that wait for one, first come first served
 * (Linux's API).
 */

#include "sched/wait.h"

struct completion {
	u32 done; /* U32_MAX: complete_all */
	wait_queue_head_t wait;
};

void init_completion(struct completion *x);
void reinit_completion(struct completion *x);
/* Let one waiter, or all present and future ones, go on. Any context. */
void complete(struct completion *x);
void complete_all(struct completion *x);
/* Sleep until a completion can be taken. May block. */
void wait_for_completion(struct completion *x);
int wait_for_completion_interruptible(struct completion *x); /* 0 or -ERESTARTSYS */
int wait_for_completion_killable(struct completion *x);
/* jiffies left (at least 1), or 0 on timeout. */
u64 wait_for_completion_timeout(struct completion *x, u64 timeout);
bool try_wait_for_completion(struct completion *x);
bool completion_done(struct completion *x);

#endif
