/* SPDX-License-Identifier: MIT */
/*
 * Kernel threads: C functions with a task around them.
 *
 * Floors and embedders make them; it calls copy_process and completions.
 *
 *   kthread_create: TASK_NEW, on no queue --wake_up_process--> kthread_main -> fn -> do_exit
 *   kthread_stop:   should_stop = true, wake, wait for `exited`, take fn's result
 *
 * T1 The creator may bind or renice the thread before its first wake-up; it runs no instruction of
 *    fn before.
 * T2 struct kthread lives as long as the task struct, so a stopper that holds a reference reads the
 *    result after the exit.
 *
 * Units: none. Owner: the task. Locking: completion's. Errors: as copy_process; -EINTR for one
 * stopped before it ran. Time: fork's. Source: Linux 6.1 kernel/kthread.c for the API.
 */
#include "sched/kthread.h"

#include <stdarg.h>
#include <string.h>

#include "lib/err.h"
#include "lib/string.h"
#include "mm/alloc/slab.h"
#include "sched/rq.h"

struct kthread {
	int (*fn)(void *arg);
	void *arg;
	bool should_stop;
	int result;
	struct completion exited;
};

static void kthread_main(void *arg)
{
	struct kthread *kt = arg;

	kt->result = kt->should_stop ? -EINTR : kt->fn(kt->arg);
	do_exit(0);
}

static struct task_struct *create(int (*fn)(void *arg), void *arg, const char *name)
{
	struct kthread *kt = kzalloc(sizeof(*kt), GFP_KERNEL);
	struct kernel_clone_args args = {
		.fn = kthread_main, .fn_arg = kt, .kthread = true, .name = name
	};
	struct task_struct *t;

	if (!kt)
		return ERR_PTR(-ENOMEM);
	kt->fn = fn;
	kt->arg = arg;
	init_completion(&kt->exited);
	t = copy_process(&args);
	if (IS_ERR(t)) {
		kfree(kt);
		return t;
	}
	t->kthread = kt;
	return t;
}

struct task_struct *kthread_create(int (*fn)(void *arg), void *arg, const char *fmt, ...)
{
	char name[TASK_COMM_LEN];
	va_list args;

	va_start(args, fmt);
	vscnprintf(name, sizeof(name), fmt, args);
	va_end(args);
	return create(fn, arg, name);
}

struct task_struct *kthread_run(int (*fn)(void *arg), void *arg, const char *fmt, ...)
{
	char name[TASK_COMM_LEN];
	struct task_struct *t;
	va_list args;

	va_start(args, fmt);
	vscnprintf(name, sizeof(name), fmt, args);
	va_end(args);
	t = create(fn, arg, name);
	if (!IS_ERR(t))
		wake_up_new_task(t);
	return t;
}

void kthread_bind(struct task_struct *t, unsigned cpu)
{
	BUG_ON(t->state != TASK_NEW);
	memset(t->cpus_mask, 0, sizeof(t->cpus_mask));
	t->cpus_mask[cpu / 64] = 1ull << (cpu % 64);
	t->nr_cpus_allowed = 1;
}

bool kthread_should_stop(void)
{
	return current->kthread && current->kthread->should_stop;
}

int kthread_stop(struct task_struct *t)
{
	struct kthread *kt = t->kthread;
	int result;

	BUG_ON(!kt);
	get_task_struct(t);
	kt->should_stop = true;
	wake_up_process(t);
	wait_for_completion(&kt->exited);
	result = kt->result;
	put_task_struct(t);
	return result;
}

void kthread_exited(struct task_struct *t)
{
	if (t->kthread)
		complete_all(&t->kthread->exited);
}

void kthread_free(struct task_struct *t)
{
	kfree(t->kthread);
	t->kthread = NULL;
}
