/* SPDX-License-Identifier: MIT */
/*
 * Ending: from do_exit() to the last reference.
 *
 * Every task ends here; it calls the floors' exit hooks, tells the parent, and switches away for
 * good.
 *
 *   do_exit: hooks (mm, files, fs, signal ...) -> children to a reaper -> ZOMBIE, parent told
 *     nobody waits: DEAD, released at once; then the switch from which it never returns
 *   parent: do_wait -> takes status -> DEAD -> release_task: out of the tree, number free
 *   struct freed when the tree's reference and the scheduler's (dropped after that switch) are gone
 *
 * X1 A process is a zombie until its last thread is gone and its parent has asked; a thread that is
 *    no leader is released at once.
 * X2 Children go to another live thread of the group, else to the nearest living subreaper among
 *    the ancestors, else to pid 1, else (before there is one) to the kernel, which waits for
 *    nobody: those are released when they end.
 * X3 Figures of released threads are added to their leader, those of waited-for children to the
 *    parent.
 *
 * Units: wait status as wait(2) reports it. Owner: the tree. Locking: tasklist lock. Errors:
 * exiting in an interrupt or of the idle task panics. Time: COST_EXIT_WORK and the hooks' own.
 * Source: Linux 6.1 kernel/exit.c for the rules.
 */
#include "kernel/trace/tracepoints.h"
#include "sched/kthread.h"
#include "sched/rq.h"

#define SIGCHLD_NR 17

static void run_exit_hooks(struct task_struct *t)
{
	const struct sched_root *root = kern()->sched;

	for (u32 i = 0; i < root->nr_hooks; i++)
		if (root->hooks[i]->exit)
			root->hooks[i]->exit(t);
}

static bool thread_group_empty(const struct task_struct *leader)
{
	return leader->nr_threads == 1;
}

void __wake_up_parent(struct task_struct *p, struct task_struct *parent)
{
	__wake_up(&parent->group_leader->wait_chldexit, TASK_INTERRUPTIBLE, 0, p);
}

void wake_up_parent(struct task_struct *p)
{
	u64 flags = tasklist_lock();

	__wake_up_parent(p, p->group_leader->parent);
	tasklist_unlock(flags);
}

/*
 * The signal floor sends the signal and knows whether the parent cares; then whoever waits looks
 * again. True: nobody will reap it.
 */
static bool do_notify_parent(struct task_struct *t)
{
	struct kernel *k = kern();
	bool ignored = false;

	if (t->parent->flags & PF_IDLE)
		return true;
	if (k->hooks.notify_parent)
		ignored = k->hooks.notify_parent(t, t->exit_signal);
	__wake_up_parent(t, t->parent);
	return ignored;
}

/* --- out of the tree --- */

static void add_thread_figures(struct task_struct *leader, const struct task_struct *t)
{
	leader->dead_utime += t->utime;
	leader->dead_stime += t->stime;
	leader->dead_runtime += t->se.sum_exec_runtime;
	leader->dead_min_flt += t->min_flt;
	leader->dead_maj_flt += t->maj_flt;
	leader->dead_nvcsw += t->nvcsw;
	leader->dead_nivcsw += t->nivcsw;
}

/*
 * Unlink t. Returns its leader when that was a zombie waiting for the group to empty and nobody
 * will wait for it.
 */
static struct task_struct *unlink_task(struct task_struct *t)
{
	struct sched_root *root = kern()->sched;
	struct task_struct *leader = t->group_leader;

	detach_pid(t);
	root->nr_tasks--;
	if (root->init == t)
		root->init = NULL;
	leader->nr_threads--;
	if (t == leader) {
		list_del_init(&t->tasks);
		list_del_init(&t->sibling);
		return NULL;
	}
	list_del_init(&t->thread_node);
	add_thread_figures(leader, t);
	if (leader->exit_state != EXIT_ZOMBIE || !thread_group_empty(leader) ||
	    !do_notify_parent(leader))
		return NULL;
	leader->exit_state = EXIT_DEAD;
	return leader;
}

void release_task(struct task_struct *t)
{
	while (t) {
		u64 flags = tasklist_lock();
		struct task_struct *leader = unlink_task(t);

		tasklist_unlock(flags);
		put_task_struct(t);
		t = leader;
	}
}

/* --- children --- */

static struct task_struct *live_thread(const struct task_struct *t)
{
	struct task_struct *p;

	for_each_thread(t->group_leader, p) if (!(p->flags & PF_EXITING)) return p;
	return NULL;
}

static struct task_struct *find_reaper(struct task_struct *t)
{
	struct sched_root *root = kern()->sched;
	struct task_struct *thread = live_thread(t), *p;

	if (thread)
		return thread;
	for (p = t->real_parent; p && !(p->flags & PF_IDLE) && p != root->init; p = p->real_parent)
		if (p->group_leader->is_child_subreaper && (thread = live_thread(p)))
			return thread;
	if (root->init && root->init != t->group_leader && live_thread(root->init))
		return live_thread(root->init);
	return idle_task(kern(), 0);
}

/*
 * One child to its new parent. Returns it when it is a zombie nobody will wait for: the caller
 * releases it without the lock.
 */
static struct task_struct *reparent_one(struct task_struct *t, struct task_struct *reaper,
					struct task_struct *child)
{
	struct kernel *k = kern();
	bool same_group = reaper->group_leader == t->group_leader;
	struct task_struct *thread;

	for_each_thread(child, thread) thread->real_parent = thread->parent = reaper;
	list_move_tail(&child->sibling, &reaper->children);
	if (same_group)
		return NULL;
	/* whatever its parent wanted: the new one waits for ordinary children */
	child->exit_signal = SIGCHLD_NR;
	if (k->hooks.reparented)
		k->hooks.reparented(child, t);
	if (child->exit_state == EXIT_ZOMBIE && thread_group_empty(child) &&
	    do_notify_parent(child)) {
		child->exit_state = EXIT_DEAD;
		return child;
	}
	return NULL;
}

static void forget_children(struct task_struct *t)
{
	for (;;) {
		struct task_struct *dead = NULL;
		u64 flags = tasklist_lock();
		bool none = list_empty(&t->children);

		if (!none)
			dead = reparent_one(t, find_reaper(t),
					    list_first_entry(&t->children, struct task_struct,
							     sibling));
		tasklist_unlock(flags);
		if (dead)
			release_task(dead);
		if (none)
			return;
	}
}

/* --- the end --- */

static bool nobody_will_wait(struct task_struct *t)
{
	if (!thread_group_leader(t))
		return true;
	return thread_group_empty(t) && do_notify_parent(t);
}

static void exit_notify(struct task_struct *t)
{
	bool autoreap;
	u64 flags;

	forget_children(t);
	flags = tasklist_lock();
	t->exit_state = EXIT_ZOMBIE;
	autoreap = nobody_will_wait(t);
	if (autoreap)
		t->exit_state = EXIT_DEAD;
	tasklist_unlock(flags);
	if (autoreap)
		release_task(t);
}

void do_exit(long code)
{
	struct task_struct *t = current;
	struct kernel *k = kern();
	u64 flags;

	if (in_interrupt() || (t->flags & PF_IDLE))
		machine_panic(k->m, "%s/%d exits in an interrupt or as idle task", t->comm, t->pid);
	if (irqs_disabled())
		local_irq_enable();
	set_current_state(TASK_RUNNING);
	t->flags |= PF_EXITING;
	t->exit_code = (int)code;
	flags = tasklist_lock();
	t->group_leader->nr_live--;
	tasklist_unlock(flags);
	trace_sched_process_exit((u32)t->pid, (u16)t->prio, (u64)code);
	run_exit_hooks(t);
	if (t == k->sched->init)
		machine_panic(k->m, "Attempted to kill init! exitcode=%#lx", code);
	complete_vfork_done(t);
	charge(COST_EXIT_WORK);
	if (t->stats)
		t->stats->end_ns = ktime_get();
	kthread_exited(t);
	exit_notify(t);
	do_task_dead();
}
