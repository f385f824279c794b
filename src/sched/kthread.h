/* SPDX-License-Identifier: MIT */
#ifndef SCHED_KTHREAD_H
#define SCHED_KTHREAD_H

/* What a kernel thread has besides its task; only fork.c, exit.c and core.c ask. */

#include "sched/fork.h"

/* Free t->kthread, if any: with the last reference. */
void kthread_free(struct task_struct *t);
/* t is exiting: let kthread_stop go on. */
void kthread_exited(struct task_struct *t);

#endif
