/* SPDX-License-Identifier: MIT */
/*
 * The life of an address space: made by exec, copied by fork, shared by threads, left by exit.
 *
 * exec calls mm_alloc() and exec_mmap(); fork and exit come through the task hooks registered here.
 * It calls vma.c and memory.c to copy, mmap.c to tear down, tlb.c to change tables.
 *
 *	sh forks:     sh.mm users 1  --dup_mm-->  child.mm users 1, 14 VMAs; 37 anonymous PTEs
 *	              copied, read-only on both sides; file pages left to faults
 *	child execs:  exec_mmap(new): child.mm users 0 -> exit_mmap: 37 pages lose a PTE each,
 *	              tables freed, VMAs freed
 *	CPU 1 idles on child.mm's tables meanwhile (lazy): told by the flush, moves to init_mm;
 *	              count 0 -> pgd and mm_struct freed
 *
 *	L1 mm_users counts who may touch the user half; at 0 exit_mmap has emptied it;
 *	L2 mm_count counts who may have its tables loaded or the structure in hand, all users being
 *	   one; at 0 it is freed;
 *	L3 a dup_mm that failed half-way is an address space like any other and is torn down by
 *	   exit_mmap;
 *	L4 before fork returns, no CPU can write to a page of the parent's that it shares now: the
 *	   flush is at the end of dup_mmap.
 *
 * Units: pages in counters. Owner: counted. Locking: dup takes the old mmap_lock exclusively and
 * the new one inside it.
 * Errors: NULL. Time: COST_PTE_COPY an entry, allocations, the flush; COST_FORK_WORK is the
 * caller's.
 * Source: Linux 6.1 kernel/fork.c (dup_mmap, mmput), fs/exec.c (exec_mmap), arch/x86/mm/mmap.c
 * (mmap_base).
 */
#include "kernel/percpu/layout.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/mmzone.h"
#include "mm/alloc/slab.h"
#include "mm/internal.h"
#include "mm/pgtable.h"
#include "sched/fork.h"
#include "sched/task.h"

#define MIN_GAP (128ull << 20)
#define MAX_GAP (TASK_SIZE / 6 * 5)
#define STACK_RND_MAX (16ull << 30) /* Linux: 2^22 pages */
#define MMAP_RND_RANGE (1ull << 40) /* mmap_rnd_bits 28, in bytes */

/* --- making and dropping --- */

struct mm_struct *mm_alloc(void)
{
	struct mm_root *r = mm_root();
	struct mm_struct *mm = kmem_cache_zalloc(r->mm_cachep, GFP_KERNEL);

	if (!mm)
		return NULL;
	mm->mm_users = 1;
	mm->mm_count = 1;
	mm->mm_rb = RB_ROOT;
	mm->task_size = TASK_SIZE;
	mm->ctx_id = ++r->next_ctx_id;
	mm->tlb_gen = 1;
	spin_lock_init(&mm->page_table_lock);
	init_rwsem(&mm->mmap_lock);
	mm->mmap_base = TASK_SIZE - MIN_GAP;
	mm->mmap_legacy_base = PAGE_ALIGN(TASK_SIZE / 3);
	if (pgd_alloc(mm)) {
		kmem_cache_free(r->mm_cachep, mm);
		return NULL;
	}
	return mm;
}

void mmdrop(struct mm_struct *mm)
{
	BUG_ON(!mm->mm_count);
	if (--mm->mm_count)
		return;
	BUG_ON(mm == &mm_root()->init_mm || mm->map_count || mm->mm_users);
	pgd_free(mm);
	kmem_cache_free(mm_root()->mm_cachep, mm);
}

int set_mm_exe_file(struct mm_struct *mm, struct file *file)
{
	const struct mm_file_ops *ops = &mm_root()->file_ops;
	int err = ops->deny_write ? ops->deny_write(file) : 0;

	if (!err)
		mm->exe_file = ops->get_file(file);
	return err;
}

static void put_exe_file(struct mm_struct *mm)
{
	const struct mm_file_ops *ops = &mm_root()->file_ops;

	if (!mm->exe_file)
		return;
	if (ops->allow_write)
		ops->allow_write(mm->exe_file);
	ops->fput(mm->exe_file);
	mm->exe_file = NULL;
}

void mmput(struct mm_struct *mm)
{
	BUG_ON(!mm->mm_users);
	if (--mm->mm_users)
		return;
	exit_mmap(mm);
	put_exe_file(mm);
	mmdrop(mm);
}

struct mm_struct *get_task_mm(struct task_struct *t)
{
	struct mm_struct *mm = t->flags & PF_KTHREAD ? NULL : t->mm;

	if (mm)
		mmget(mm);
	return mm;
}

/* --- fork --- */

/*
 * The child's copy of one VMA with its pages. 0 or -ENOMEM; what was linked is exit_mmap's to free.
 */
static int dup_vma(struct mm_struct *mm, struct vm_area_struct *old)
{
	struct vm_area_struct *vma;
	u64 pages = vma_pages(old);
	int err;

	if (old->vm_flags & VM_DONTCOPY)
		return 0;
	if ((old->vm_flags & VM_ACCOUNT) && vm_enough_memory(pages))
		return -ENOMEM;
	vma = vm_area_dup(old);
	if (!vma)
		goto unacct;
	vma->vm_mm = mm;
	vma->vm_flags &= ~VM_LOCKED;
	if (vma->vm_flags & VM_WIPEONFORK)
		unlink_anon_vmas(vma);
	else if (anon_vma_fork(vma, old))
		goto free_vma;
	vma_link(mm, vma);
	vm_stat_account(mm, vma->vm_flags, (s64)pages);
	err = vma->vm_flags & VM_WIPEONFORK ? 0 : copy_page_range(vma, old);
	if (vma->vm_ops && vma->vm_ops->open)
		vma->vm_ops->open(vma);
	return err;
free_vma:
	vm_area_free(vma);
unacct:
	if (old->vm_flags & VM_ACCOUNT)
		vm_unacct_memory(pages);
	return -ENOMEM;
}

/* What exec and brk recorded. */
static void dup_layout(struct mm_struct *mm, const struct mm_struct *old)
{
	mm->mmap_base = old->mmap_base;
	mm->mmap_legacy_base = old->mmap_legacy_base;
	mm->def_flags = old->def_flags & ~VM_LOCKED;
	mm->flags = old->flags;
	mm->start_code = old->start_code;
	mm->end_code = old->end_code;
	mm->start_data = old->start_data;
	mm->end_data = old->end_data;
	mm->start_brk = old->start_brk;
	mm->brk = old->brk;
	mm->start_stack = old->start_stack;
	mm->arg_start = old->arg_start;
	mm->arg_end = old->arg_end;
	mm->env_start = old->env_start;
	mm->env_end = old->env_end;
	memcpy(mm->saved_auxv, old->saved_auxv, sizeof(mm->saved_auxv));
	if (old->exe_file)
		BUG_ON(set_mm_exe_file(mm, old->exe_file)); /* old's denial keeps writers away */
}

static int dup_mmap(struct mm_struct *mm, struct mm_struct *old)
{
	struct vm_area_struct *vma;
	int err = 0;

	mmap_write_lock(old);
	mmap_write_lock(mm);
	dup_layout(mm, old);
	for (vma = old->mmap; vma && !err; vma = vma->vm_next)
		err = dup_vma(mm, vma);
	flush_tlb_mm_range(old, 0, TLB_FLUSH_ALL, false);
	mmap_write_unlock(mm);
	mmap_write_unlock(old);
	return err;
}

struct mm_struct *dup_mm(struct mm_struct *old)
{
	struct mm_struct *mm = mm_alloc();

	if (!mm)
		return NULL;
	if (dup_mmap(mm, old)) {
		mmput(mm);
		return NULL;
	}
	return mm;
}

/* --- tasks --- */

void exec_mmap(struct mm_struct *mm)
{
	struct task_struct *t = current;
	struct mm_struct *old = t->mm;
	u64 flags = local_irq_save();

	t->mm = mm;
	switch_mm(old, mm, t);
	local_irq_restore(flags);
	if (old)
		mmput(old);
}

static int mm_fork(const struct kernel_clone_args *args, struct task_struct *child)
{
	struct mm_struct *old = current->mm;

	child->mm = child->active_mm = NULL;
	child->min_flt = child->maj_flt = 0;
	if (!old || args->kthread)
		return 0;
	if (args->flags & CLONE_VM) {
		mmget(old);
		child->mm = old;
	} else {
		child->mm = dup_mm(old);
		if (!child->mm)
			return -ENOMEM;
	}
	child->active_mm = child->mm;
	return 0;
}

static void mm_unfork(struct task_struct *child)
{
	struct mm_struct *mm = child->mm;

	child->mm = child->active_mm = NULL;
	if (mm)
		mmput(mm);
}

static void mm_exit(struct task_struct *task)
{
	BUG_ON(task != current);
	if (task->mm && kern()->hooks.mm_release)
		kern()->hooks.mm_release(task);
	if (task->mm)
		exit_mm();
}

static const struct task_hooks mm_task_hooks = {
	.name = "mm",
	.fork = mm_fork,
	.unfork = mm_unfork,
	.exit = mm_exit,
};

int mm_task_hooks_init(struct kernel *k)
{
	return register_task_hooks(k, &mm_task_hooks);
}

/* --- layout --- */

u64 mm_random_offset(u64 range)
{
	if (!kern()->params.randomize_va)
		return 0;
	return prng_below(&mm_root()->layout_prng, range >> PAGE_SHIFT) << PAGE_SHIFT;
}

void arch_pick_mmap_layout(struct mm_struct *mm, u64 stack_limit)
{
	u64 pad = STACK_GUARD_GAP + (kern()->params.randomize_va ? STACK_RND_MAX : 0);
	u64 gap = stack_limit > MAX_GAP ? MAX_GAP : stack_limit + pad;
	u64 rnd = mm_random_offset(MMAP_RND_RANGE);

	gap = max(MIN_GAP, min(gap, MAX_GAP));
	mm->mmap_base = PAGE_ALIGN(TASK_SIZE - gap - rnd);
	mm->mmap_legacy_base = PAGE_ALIGN(TASK_SIZE / 3) + rnd;
}

/* --- what upper floors supply, and the sums --- */

void register_mm_file_ops(struct kernel *k, const struct mm_file_ops *ops)
{
	k->mm->file_ops = *ops;
}

void register_mm_rlimit(struct kernel *k, u64 (*rlimit)(unsigned resource))
{
	k->mm->rlimit = rlimit;
}

u64 rlimit(unsigned resource)
{
	return mm_rlimit(resource);
}

void mm_get_totals(struct kernel *k, struct mm_totals *t)
{
	t->committed_pages = k->mm->committed_pages;
	t->anon_pages = global_node_page_state(NR_ANON_MAPPED);
	t->file_mapped_pages = global_node_page_state(NR_FILE_MAPPED);
	t->shmem_pages = global_node_page_state(NR_SHMEM);
	t->pgtable_pages = global_node_page_state(NR_PAGETABLE);
	t->pgfault = k->mm->pgfault;
	t->pgmajfault = k->mm->pgmajfault;
}
