/* SPDX-License-Identifier: MIT */
/*
 * Making tasks.
 *
 * clone, fork, kernel threads and boot call it; it calls the allocators, the other floors' fork
 * hooks and the scheduler. It knows no mm, no file, no signal: each floor registered what it keeps
 * in a task.
 *
 *   fork in sh (pid 7):
 *     task_struct from SLUB, a copy of sh's          (usage 2: the tree's and the scheduler's)
 *     16 KiB simulated stack  ffff888001a54000       pt_regs at ...57f58, ax = 0
 *     256 KiB C stack, first frame task_entry()
 *     hooks in order: cred, mm, files, fs, signal    files fails -> mm, cred undone, stacks and
 *                                                    struct freed, its errno returned
 *     pid 8, linked under sh, TASK_NEW
 *   wake_up_new_task -> picked -> task_entry -> schedule_tail -> IRET to user code with RAX 0
 *
 * K1 Nothing of a failed fork is visible or left: each step has its undoing, in reverse.
 * K2 A task is found by its number only after everything in it is in place.
 * K3 The task struct lives until the last reference; its stacks only until it has switched away for
 *    the last time.
 * K4 A thread keeps a reference on its leader, so group_leader is valid as long as the thread is.
 *
 * Units: none. Owner: the parent until the tree owns it. Locking: tasklist lock for linking.
 * Errors: -EAGAIN, -ENOMEM, -EINVAL, a hook's. Time: COST_FORK_WORK, and what allocators and hooks
 * charge. Source: Linux 6.1 kernel/fork.c for order and flag rules.
 */
#include "sched/fork.h"

#include <string.h>

#include "kernel/irq/idt.h"
#include "kernel/trace/tracepoints.h"
#include "lib/err.h"
#include "lib/string.h"
#include "mm/alloc/page.h"
#include "mm/alloc/slab.h"
#include "sched/kthread.h"
#include "sched/rq.h"

#define THREAD_ORDER 2
_Static_assert((PAGE_SIZE << THREAD_ORDER) == THREAD_SIZE, "simulated stack order");
#define FCW_DEFAULT 0x37f
#define MXCSR_DEFAULT 0x1f80
/* Namespaces and what else later floors may add. */
#define CLONE_ABSENT                                                                               \
	(CLONE_NEWNS | CLONE_PIDFD | CLONE_PTRACE | 0x7e000000u /* NEWCGROUP..NEWNET */)

int register_task_hooks(struct kernel *k, const struct task_hooks *hooks)
{
	struct sched_root *root = k->sched;

	if (root->nr_hooks == MAX_TASK_HOOKS)
		return -ENOSPC;
	root->hooks[root->nr_hooks++] = hooks;
	return 0;
}

void task_hooks_exec(struct task_struct *task)
{
	const struct sched_root *root = kern()->sched;

	for (u32 i = 0; i < root->nr_hooks; i++)
		if (root->hooks[i]->exec)
			root->hooks[i]->exec(task);
}

static void hooks_unfork(const struct sched_root *root, struct task_struct *t, u32 done)
{
	while (done--)
		if (root->hooks[done]->unfork)
			root->hooks[done]->unfork(t);
}

static int hooks_fork(const struct sched_root *root, const struct kernel_clone_args *args,
		      struct task_struct *t)
{
	for (u32 i = 0; i < root->nr_hooks; i++) {
		int err = root->hooks[i]->fork ? root->hooks[i]->fork(args, t) : 0;

		if (err) {
			hooks_unfork(root, t, i);
			return err;
		}
	}
	return 0;
}

struct pt_regs *task_pt_regs(struct task_struct *t)
{
	return (struct pt_regs *)((u8 *)page_address(t->kstack_page) + THREAD_SIZE) - 1;
}

void set_task_comm(struct task_struct *t, const char *name)
{
	memset(t->comm, 0, sizeof(t->comm));
	strscpy(t->comm, name, sizeof(t->comm));
	trace_task_rename((u32)t->pid, t->comm);
}

/* --- the first frame --- */

static __noreturn void run_user(struct task_struct *t)
{
	struct pt_regs *regs = task_pt_regs(t);

	exit_to_user_mode_prepare(regs);
	entry_restore_iret(regs);
	for (;;)
		cpu_run(this_cpu());
}

static void task_entry(void *arg)
{
	struct task_struct *t = arg;
	struct kernel *k = kern();

	schedule_tail();
	if (t->set_child_tid && k->hooks.put_user_tid)
		k->hooks.put_user_tid(t->set_child_tid, t->pid);
	if (t->kthread_fn)
		t->kthread_fn(t->kthread_arg);
	if (t->flags & (PF_KTHREAD | PF_NATIVE))
		do_exit(0);
	run_user(t);
}

/* --- memory of a task --- */

static int alloc_stacks(struct task_struct *t)
{
	struct machine *m = this_machine();

	t->kstack_page = alloc_pages(GFP_KERNEL | __GFP_ZERO, THREAD_ORDER);
	if (!t->kstack_page)
		return -ENOMEM;
	t->stack = stack_alloc(m, task_entry, t);
	if (!t->stack) {
		__free_pages(t->kstack_page, THREAD_ORDER);
		return -EAGAIN;
	}
	t->stack->task = t;
	t->thread.sp0_va = host_to_va(page_address(t->kstack_page)) + THREAD_SIZE;
	t->thread.sp = t->thread.sp0_va - sizeof(struct pt_regs);
	t->thread.ip = gate_va(m, GATE_KERNEL_TEXT);
	return 0;
}

void task_release_stacks(struct task_struct *t)
{
	if (t->kstack_released)
		return;
	t->kstack_released = true;
	stack_free(this_machine(), t->stack);
	t->stack = NULL;
	__free_pages(t->kstack_page, THREAD_ORDER);
	t->kstack_page = NULL;
}

/*
 * The struct itself and what only it holds. Hooks' release runs for tasks whose fork hooks all ran.
 */
void free_task(struct task_struct *t)
{
	stats_close(t);
	task_release_stacks(t);
	kthread_free(t);
	kmem_cache_free(kern()->sched->task_cache, t);
}

void put_task_struct(struct task_struct *t)
{
	const struct sched_root *root = kern()->sched;

	while (t) {
		struct task_struct *leader = t->group_leader == t ? NULL : t->group_leader;

		BUG_ON(t->usage == 0);
		if (--t->usage)
			return;
		for (u32 i = root->nr_hooks; i--;)
			if (root->hooks[i]->release)
				root->hooks[i]->release(t);
		free_task(t);
		t = leader;
	}
}

static void init_links(struct task_struct *t)
{
	INIT_LIST_HEAD(&t->tasks);
	INIT_LIST_HEAD(&t->thread_node);
	INIT_LIST_HEAD(&t->children);
	INIT_LIST_HEAD(&t->sibling);
	INIT_LIST_HEAD(&t->pending_signals);
	spin_lock_init(&t->pi_lock);
	init_waitqueue_head(&t->wait_chldexit);
}

/* The fields a child never inherits, whatever its parent was. */
static void reset_child(struct task_struct *t)
{
	t->flags = (t->flags & ~(PF_IDLE | PF_KTHREAD | PF_NATIVE | PF_EXITING)) | PF_FORKNOEXEC;
	t->usage = 2;
	t->state = TASK_NEW;
	t->stack = NULL;
	t->kstack_page = NULL;
	t->on_cpu_waiter = 0;
	t->in_iowait = false;
	t->kstack_released = false;
	t->stats = NULL;
	t->kthread = NULL;
	t->kthread_fn = NULL;
	t->restart_block = (struct restart_block){ 0 };
	t->nr_threads = t->nr_live = 0;
	t->is_child_subreaper = t->group_exit = t->group_continued = false;
	t->group_exit_code = t->group_stop_code = 0;
	t->prev_utime = t->prev_stime = t->prev_gutime = t->prev_gstime = 0;
	t->dead_utime = t->dead_stime = t->dead_runtime = 0;
	t->dead_min_flt = t->dead_maj_flt = t->dead_nvcsw = t->dead_nivcsw = 0;
	t->cutime = t->cstime = t->cmin_flt = t->cmaj_flt = t->cnvcsw = t->cnivcsw = 0;
	t->exit_state = 0;
	t->exit_code = 0;
	t->pid = 0;
	t->vfork_done = NULL;
	t->set_child_tid = t->clear_child_tid = 0;
	t->sigpending = false;
	t->pending_mask = 0;
	t->restore_sigmask = false;
	t->maj_flt = t->min_flt = 0;
	t->robust_list = 0;
	t->uaccess_fault = 0;
	t->embedder = NULL;
	init_links(t);
}

static struct task_struct *dup_task_struct(const struct task_struct *from)
{
	struct task_struct *t = kmem_cache_alloc(kern()->sched->task_cache, GFP_KERNEL);

	if (!t)
		return NULL;
	*t = *from;
	reset_child(t);
	return t;
}

/* --- copying --- */

static int check_flags(const struct kernel_clone_args *args)
{
	u64 f = args->flags;

	if (f & CLONE_ABSENT)
		return -EINVAL;
	if ((f & CLONE_THREAD) && !(f & CLONE_SIGHAND))
		return -EINVAL;
	if ((f & CLONE_SIGHAND) && !(f & CLONE_VM))
		return -EINVAL;
	if ((f & CLONE_THREAD) && args->kthread)
		return -EINVAL;
	return 0;
}

/* The kernel's own tasks: no user registers to inherit. */
static bool has_user_state(const struct task_struct *t)
{
	return !(t->flags & (PF_KTHREAD | PF_IDLE));
}

static void copy_thread(const struct kernel_clone_args *args, struct task_struct *t)
{
	const struct cpu *cpu = this_cpu();
	struct pt_regs *regs = task_pt_regs(t);

	if (has_user_state(current)) {
		*regs = *task_pt_regs(current);
		regs->ax = 0;
		t->thread.fsbase = cpu->r[REG_FSBASE];
		t->thread.gsbase = cpu->kernel_gs_base;
		t->thread.fpu = cpu->fpu;
	} else {
		memset(regs, 0, sizeof(*regs));
		regs->cs = USER_CS;
		regs->ss = USER_DS;
		regs->flags = FLAG_FIXED | FLAG_IF;
		t->thread.fsbase = t->thread.gsbase = 0;
		t->thread.fpu = (struct fpu){ .fcw = FCW_DEFAULT, .mxcsr = MXCSR_DEFAULT };
	}
	if (args->stack)
		regs->sp = args->stack;
	if (args->flags & CLONE_SETTLS)
		t->thread.fsbase = args->tls;
}

static void copy_identity(const struct kernel_clone_args *args, struct task_struct *t)
{
	t->kthread_fn = args->fn;
	t->kthread_arg = args->fn_arg;
	t->embedder = args->embedder;
	if (args->kthread)
		t->flags |= PF_KTHREAD;
	if (args->native)
		t->flags |= PF_NATIVE;
	if (args->name)
		set_task_comm(t, args->name);
	t->set_child_tid = (args->flags & CLONE_CHILD_SETTID) ? args->child_tid : 0;
	t->clear_child_tid = (args->flags & CLONE_CHILD_CLEARTID) ? args->child_tid : 0;
	t->start_time = ktime_get();
	if (args->flags & CLONE_THREAD) {
		t->exit_signal = -1;
		t->group_leader = get_task_struct(current->group_leader);
	} else {
		t->exit_signal = (args->flags & CLONE_PARENT) ? current->group_leader->exit_signal :
								args->exit_signal;
		t->group_leader = t;
	}
}

/* Who its parent is: the kernel itself for kernel threads, whatever task asked for one. */
static struct task_struct *choose_parent(const struct kernel_clone_args *args)
{
	if (args->kthread)
		return idle_task(kern(), 0);
	if (args->flags & (CLONE_PARENT | CLONE_THREAD))
		return current->real_parent;
	return current;
}

/* From here on others see it. Tasklist lock held. */
static void link_task(const struct kernel_clone_args *args, struct task_struct *t)
{
	struct sched_root *root = kern()->sched;

	attach_pid(t);
	t->tgid = t->group_leader->pid;
	t->real_parent = t->parent = choose_parent(args);
	inherit_pgrp(t, args->kthread ? idle_task(kern(), 0) : current);
	t->seq = ++root->next_seq;
	root->total_forks++;
	root->nr_tasks++;
	if (thread_group_leader(t)) {
		list_add_tail(&t->tasks, &root->tasks);
		list_add_tail(&t->sibling, &t->real_parent->children);
	} else {
		list_add_tail(&t->thread_node, &t->group_leader->thread_node);
	}
	t->group_leader->nr_threads++;
	t->group_leader->nr_live++;
	if (t->pid == 1 && !(t->flags & PF_KTHREAD))
		root->init = t;
}

static int build(const struct kernel_clone_args *args, struct task_struct *t)
{
	const struct sched_root *root = kern()->sched;
	u64 flags;
	int err = alloc_stacks(t);

	if (err)
		return err;
	sched_fork(t);
	copy_identity(args, t);
	copy_thread(args, t);
	err = hooks_fork(root, args, t);
	if (err)
		goto free_stacks;
	err = alloc_pid(t);
	if (err)
		goto unfork;
	flags = tasklist_lock();
	/*
	 * Whoever killed the caller's process or group has looked at the tree already: this child
	 * would be missed.
	 */
	err = !args->kthread &&
			      (fatal_signal_pending(current) || current->group_leader->group_exit) ?
		      -EINTR :
		      0;
	if (err)
		free_pid(t->pid);
	else
		link_task(args, t);
	tasklist_unlock(flags);
	if (!err)
		return 0;
unfork:
	hooks_unfork(root, t, root->nr_hooks);
free_stacks:
	task_release_stacks(t);
	if (t->group_leader != t)
		put_task_struct(t->group_leader);
	return err;
}

/* Whoever asked for it, a kernel thread starts at nice 0, anywhere, in nobody's address space. */
static void make_ordinary_kthread(struct task_struct *t)
{
	t->mm = t->active_mm = NULL;
	t->policy = SCHED_NORMAL;
	t->rt_priority = 0;
	t->static_prio = t->normal_prio = DEFAULT_PRIO;
	t->sched_reset_on_fork = 0;
	memset(t->cpus_mask, 0xff, sizeof(t->cpus_mask));
	t->nr_cpus_allowed = nr_cpu_ids();
}

struct task_struct *copy_process(const struct kernel_clone_args *args)
{
	struct task_struct *t;
	int err = check_flags(args);

	if (err)
		return ERR_PTR(err);
	t = dup_task_struct(current);
	if (!t)
		return ERR_PTR(-ENOMEM);
	if (args->kthread)
		make_ordinary_kthread(t);
	err = build(args, t);
	if (err) {
		kmem_cache_free(kern()->sched->task_cache, t);
		return ERR_PTR(err);
	}
	stats_open(t);
	trace_sched_process_fork((u32)current->pid, (u32)t->pid);
	trace_task_newtask((u32)t->pid, args->flags);
	charge(COST_FORK_WORK);
	return t;
}

void complete_vfork_done(struct task_struct *t)
{
	struct completion *vfork;
	u64 flags;

	if (!t->vfork_done)
		return;
	/* a killed parent takes it back under the same lock, and then its stack goes */
	flags = tasklist_lock();
	vfork = t->vfork_done;
	t->vfork_done = NULL;
	if (vfork)
		complete(vfork);
	tasklist_unlock(flags);
}

s32 kernel_clone(const struct kernel_clone_args *args)
{
	struct task_struct *t = copy_process(args);
	struct kernel *k = kern();
	struct completion vfork;
	s32 pid;

	if (IS_ERR(t))
		return (s32)PTR_ERR(t);
	pid = t->pid;
	if ((args->flags & CLONE_PARENT_SETTID) && k->hooks.put_user_tid)
		k->hooks.put_user_tid(args->parent_tid, pid);
	if (args->flags & CLONE_VFORK) {
		init_completion(&vfork);
		t->vfork_done = &vfork;
		get_task_struct(t);
	}
	wake_up_new_task(t);
	if (args->flags & CLONE_VFORK) {
		/*
		 * A killed parent goes away without waiting; the child must not complete what is
		 * gone then.
		 */
		if (wait_for_completion_killable(&vfork)) {
			u64 flags = tasklist_lock();

			t->vfork_done = NULL;
			tasklist_unlock(flags);
		}
		put_task_struct(t);
	}
	return pid;
}

s32 user_mode_thread(void (*fn)(void *arg), void *arg, const char *name)
{
	struct kernel_clone_args args = { .fn = fn,
					  .fn_arg = arg,
					  .name = name,
					  .exit_signal = 17 /* SIGCHLD */ };

	return kernel_clone(&args);
}

/* --- idle tasks --- */

/* The first task of a CPU: made of nothing, queued nowhere, number 0. */
struct task_struct *alloc_idle_task(struct kernel *k, unsigned cpu)
{
	struct task_struct *t = kmem_cache_zalloc(k->sched->task_cache, GFP_KERNEL);

	if (!t)
		return NULL;
	init_links(t);
	INIT_LIST_HEAD(&t->rt.run_list);
	RB_CLEAR_NODE(&t->se.run_node);
	t->flags = PF_IDLE | PF_KTHREAD;
	t->usage = 2;
	t->policy = SCHED_NORMAL;
	t->prio = t->normal_prio = t->static_prio = DEFAULT_PRIO;
	t->sched_class = &idle_sched_class;
	t->cpu = t->wake_cpu = cpu;
	t->on_rq = TASK_ON_RQ_QUEUED;
	t->on_cpu = 1;
	memset(t->cpus_mask, 0xff, sizeof(t->cpus_mask));
	t->nr_cpus_allowed = k->m->cfg.nr_cpus;
	t->group_leader = t->real_parent = t->parent = t;
	t->nr_threads = t->nr_live = 1;
	t->se.cfs_rq = &k->sched->rq[cpu]->cfs;
	t->thread.fpu = (struct fpu){ .fcw = FCW_DEFAULT, .mxcsr = MXCSR_DEFAULT };
	set_load_weight(t);
	snprintf(t->comm, sizeof(t->comm), "swapper/%u", cpu);
	if (alloc_stacks(t)) {
		kmem_cache_free(k->sched->task_cache, t);
		return NULL;
	}
	stack_reset(t->stack, cpu_idle_loop, t);
	return t;
}
