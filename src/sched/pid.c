/* SPDX-License-Identifier: MIT */
/*
 * Process numbers: who has which, and which is next.
 *
 * Fork, exit, setpgid and setsid call it; it calls the xarray and the slab allocator.
 *
 *   pid_max 32768, last 32767:  next try from 300 (lower ones are for boot's daemons) upward
 *   entry 512: task none (exited), pgrp_refs 2, sid_refs 0 -> still taken: group 512 lives on
 *
 * N1 A number is in the map exactly while its entry exists; an entry exists while a task, a group
 *    or a session has the number.
 * N2 Numbers are handed out upward from the last one, and only after pid_max from RESERVED_PIDS on:
 *    none comes back soon.
 * N3 Group and session references are counted per process (by its leader).
 *
 * Units: none. Owner: the root. Locking: tasklist lock. Errors: -EAGAIN (all taken), -ENOMEM. Time:
 * the allocations' own. Source: Linux 6.1 kernel/pid.c (idr_alloc_cyclic).
 */
#include "lib/errno.h"
#include "mm/alloc/slab.h"
#include "sched/rq.h"

#define RESERVED_PIDS 300
#define PID_MAX_DEFAULT 32768
#define PID_MAX_LIMIT (4 << 20)
#define PIDS_PER_CPU 1024

struct pid_entry {
	struct task_struct *task; /* NULL once released */
	u32 nr, pgrp_refs, sid_refs;
};

static void *node_alloc(void *arg, size_t size)
{
	(void)arg;
	return kmalloc(size, GFP_ATOMIC);
}
static void node_free(void *arg, void *node)
{
	(void)arg;
	kfree(node);
}
static const struct xa_ops pid_ops = { node_alloc, node_free };

int pid_init(struct kernel *k)
{
	struct sched_root *root = k->sched;

	root->pid_max = (s32)min(max((u32)PID_MAX_DEFAULT, PIDS_PER_CPU * k->m->cfg.nr_cpus),
				 (u32)PID_MAX_LIMIT);
	root->pid_map = boot_alloc(k, BITS_TO_LONGS(PID_MAX_LIMIT) * sizeof(long));
	root->pid_cache = kmem_cache_create("pid", sizeof(struct pid_entry), 0, 0, NULL);
	if (!root->pid_map || !root->pid_cache)
		return -ENOMEM;
	set_bit(0, root->pid_map);
	xa_init(&root->pids, &pid_ops, NULL);
	return 0;
}

static s32 next_free(struct sched_root *root)
{
	u64 max = (u64)root->pid_max, start = (u64)root->last_pid + 1;
	u64 nr = start < max ? find_next_zero_bit(root->pid_map, max, start) : max;

	if (nr >= max)
		nr = find_next_zero_bit(root->pid_map, max,
					root->last_pid >= RESERVED_PIDS ? RESERVED_PIDS : 1);
	return nr < max ? (s32)nr : -EAGAIN;
}

static int publish(struct sched_root *root, struct pid_entry *entry)
{
	s32 nr = next_free(root);
	int err;

	if (nr < 0)
		return nr;
	err = xa_insert(&root->pids, (u64)nr, entry);
	if (err)
		return err;
	set_bit((u64)nr, root->pid_map);
	root->last_pid = nr;
	entry->nr = (u32)nr;
	return nr;
}

int alloc_pid(struct task_struct *task)
{
	struct sched_root *root = kern()->sched;
	struct pid_entry *entry = kmem_cache_zalloc(root->pid_cache, GFP_KERNEL);
	u64 flags;
	int nr;

	if (!entry)
		return -ENOMEM;
	flags = tasklist_lock();
	nr = publish(root, entry); /* of no task before attach_pid: nobody finds a half-made one */
	if (nr > 0)
		task->pid = nr;
	tasklist_unlock(flags);
	if (nr > 0)
		return 0;
	kmem_cache_free(root->pid_cache, entry);
	return nr;
}

static struct pid_entry *find_entry(s32 nr)
{
	return nr > 0 ? xa_load(&kern()->sched->pids, (u64)nr) : NULL;
}

static void drop_if_unused(struct pid_entry *entry)
{
	struct sched_root *root = kern()->sched;

	if (entry->task || entry->pgrp_refs || entry->sid_refs)
		return;
	xa_erase(&root->pids, entry->nr);
	clear_bit(entry->nr, root->pid_map);
	kmem_cache_free(root->pid_cache, entry);
}

static void drop_pgrp(s32 nr)
{
	struct pid_entry *entry = find_entry(nr);

	if (!entry)
		return;
	BUG_ON(entry->pgrp_refs == 0);
	entry->pgrp_refs--;
	drop_if_unused(entry);
}

static void drop_sid(s32 nr)
{
	struct pid_entry *entry = find_entry(nr);

	if (!entry)
		return;
	BUG_ON(entry->sid_refs == 0);
	entry->sid_refs--;
	drop_if_unused(entry);
}

void attach_pid(struct task_struct *task)
{
	find_entry(task->pid)->task = task;
}

void free_pid(s32 nr)
{
	drop_if_unused(find_entry(nr));
}

void detach_pid(struct task_struct *task)
{
	struct pid_entry *entry = find_entry(task->pid);

	BUG_ON(!entry || entry->task != task);
	if (thread_group_leader(task)) {
		drop_pgrp(task->pgid);
		drop_sid(task->sid);
	}
	entry->task = NULL;
	drop_if_unused(entry);
}

void inherit_pgrp(struct task_struct *task, const struct task_struct *from)
{
	struct pid_entry *pgrp, *sid;

	task->pgid = from->pgid;
	task->sid = from->sid;
	if (!thread_group_leader(task))
		return;
	pgrp = find_entry(task->pgid);
	sid = find_entry(task->sid);
	if (pgrp)
		pgrp->pgrp_refs++;
	if (sid)
		sid->sid_refs++;
}

int set_task_pgid(struct task_struct *leader, s32 pgid)
{
	struct pid_entry *entry = find_entry(pgid);
	struct task_struct *t;
	s32 old = leader->pgid;

	if (!entry || (!entry->pgrp_refs && pgid != leader->pid))
		return -ESRCH;
	entry->pgrp_refs++;
	for_each_thread(leader, t) t->pgid = pgid;
	drop_pgrp(old);
	return 0;
}

int set_task_sid(struct task_struct *leader, s32 sid)
{
	struct pid_entry *entry = find_entry(sid);
	struct task_struct *t;
	s32 old = leader->sid;

	if (!entry || (!entry->sid_refs && sid != leader->pid))
		return -ESRCH;
	entry->sid_refs++;
	for_each_thread(leader, t) t->sid = sid;
	drop_sid(old);
	return 0;
}

struct task_struct *find_task_by_vpid(s32 nr)
{
	struct pid_entry *entry = find_entry(nr);

	return entry ? entry->task : NULL;
}

struct task_struct *find_get_task_by_vpid(s32 nr)
{
	u64 flags = tasklist_lock();
	struct task_struct *t = find_task_by_vpid(nr);

	if (t)
		get_task_struct(t);
	tasklist_unlock(flags);
	return t;
}

u64 tasklist_lock(void)
{
	return spin_lock_irqsave_flags(&kern()->sched->tasklist_lock);
}

void tasklist_unlock(u64 flags)
{
	spin_unlock_irqrestore(&kern()->sched->tasklist_lock, flags);
}

struct list_head *task_list_of(struct kernel *k)
{
	return &k->sched->tasks;
}

struct list_head *task_list(void)
{
	return task_list_of(kern());
}

struct task_struct *next_thread(const struct task_struct *t)
{
	return list_entry(t->thread_node.next, struct task_struct, thread_node);
}

u32 nr_processes(struct kernel *k)
{
	return k->sched->nr_tasks;
}
u64 total_forks(struct kernel *k)
{
	return k->sched->total_forks;
}
s32 last_pid(struct kernel *k)
{
	return k->sched->last_pid;
}
struct task_struct *init_process(struct kernel *k)
{
	return k->sched->init;
}
