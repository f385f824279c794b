/* SPDX-License-Identifier: MIT */
/*
 * mmap, munmap, brk, stack growth: where ranges go, and what they may be.
 *
 * System calls, exec and the fault handler (stacks) call it. It calls vma.c for the VMAs, memory.c
 * and pgtable.c to empty ranges, and the file owner through mm_file_ops.
 *
 *	0000000000400000  text, data, bss       exec, MAP_FIXED
 *	start_brk -> brk                        heap, up, one private anonymous VMA
 *	                  (free)
 *	            <- mmap_base                mmap, down: the highest gap that fits
 *	                  128 MiB .. gap        for the stack: its limit and its guard gap
 *	00007ffffffff000  stack, down, 256 pages always free below it
 *
 * Top-down search in a tree of n VMAs visits O(log n) nodes where gaps allow: right subtree first
 * if its gaps begin low enough and one is large enough, then the node's own gap, then left; below
 * low_limit nothing is looked at.
 *
 *	P1 the order of errors is Linux's: length, overflow, pgoff, count, place, exists, locking,
 *	   file, type, limits;
 *	P2 MAP_FIXED unmaps first and may so lose the old range when it fails later, as in Linux;
 *	P3 committed_pages counts the pages of all VM_ACCOUNT VMAs; total_vm and its parts count all
 *	   pages;
 *	P4 a range below mmap_min_addr is never given out.
 *
 * Linux lets CAP_SYS_RAWIO below mmap_min_addr; here nobody may.
 *
 * Units: addresses and lengths in bytes, pgoff in pages.
 * Owner: a VMA holds its own file reference. Locking: mmap_lock exclusive, taken by vm_* and
 * ksys_*.
 * Errors: negative errno; a failed call leaves at most a split that no access can tell.
 * Time: slab and page-table charges; the system call row covers the rest.
 * Source: Linux 6.1 mm/mmap.c, arch/x86/mm/mmap.c; the gap search as of 5.15.
 */
#include "kernel/percpu/layout.h"
#include "lib/errno.h"
#include "mm/alloc/alloc.h"
#include "mm/internal.h"
#include "mm/pgtable.h"
#include "sched/task.h"

#define USER_TOP_END                                                                               \
	(1ull << 47) /* page tables' end of the user half; TASK_SIZE is one page less */
#define MMAP_32BIT_LOW 0x40000000ull
#define MMAP_32BIT_HIGH 0x80000000ull

/* --- accounting --- */

static bool is_stack_mapping(u64 flags)
{
	return flags & VM_GROWSDOWN;
}
static bool is_data_mapping(u64 flags)
{
	return (flags & (VM_WRITE | VM_SHARED | VM_GROWSDOWN)) == VM_WRITE;
}
static bool is_exec_mapping(u64 flags)
{
	return (flags & (VM_EXEC | VM_WRITE | VM_GROWSDOWN)) == VM_EXEC;
}

void vm_stat_account(struct mm_struct *mm, u64 flags, s64 pages)
{
	mm->total_vm += (u64)pages;
	mm->hiwater_vm = max(mm->hiwater_vm, mm->total_vm);
	if (is_exec_mapping(flags))
		mm->exec_vm += (u64)pages;
	else if (is_stack_mapping(flags))
		mm->stack_vm += (u64)pages;
	else if (is_data_mapping(flags))
		mm->data_vm += (u64)pages;
	if (flags & VM_LOCKED)
		mm->locked_vm += (u64)pages;
}

bool may_expand_vm(struct mm_struct *mm, u64 flags, u64 pages)
{
	if (mm->total_vm + pages > mm_rlimit(RLIMIT_AS) >> PAGE_SHIFT)
		return false;
	return !is_data_mapping(flags) ||
	       mm->data_vm + pages <= mm_rlimit(RLIMIT_DATA) >> PAGE_SHIFT;
}

int vm_enough_memory(u64 pages)
{
	struct sysinfo_mem si;

	si_meminfo(&si);
	if (pages > si.totalram)
		return -ENOMEM;
	mm_root()->committed_pages += pages;
	return 0;
}

void vm_unacct_memory(u64 pages)
{
	BUG_ON(mm_root()->committed_pages < pages);
	mm_root()->committed_pages -= pages;
}

/* Private and writable: the only kind whose pages exist nowhere else. */
static bool accountable_mapping(u64 vm_flags)
{
	return (vm_flags & (VM_NORESERVE | VM_SHARED | VM_WRITE)) == VM_WRITE;
}

/* -EAGAIN when `len` more bytes would be locked than RLIMIT_MEMLOCK allows. */
int mlock_future_check(struct mm_struct *mm, u64 flags, u64 len)
{
	if (!(flags & VM_LOCKED))
		return 0;
	return mm->locked_vm + (len >> PAGE_SHIFT) > mm_rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT ?
		       -EAGAIN :
		       0;
}

/* --- finding a place --- */

struct unmapped_area {
	u64 length, low, high;
};

static struct vm_area_struct *vma_of(struct rb_node *node)
{
	return rb_entry(node, struct vm_area_struct, vm_rb);
}
static bool subtree_may_fit(struct rb_node *node, u64 length)
{
	return node && vma_of(node)->rb_subtree_gap >= length;
}
static u64 gap_start(const struct vm_area_struct *vma)
{
	return vma->vm_prev ? vma->vm_prev->vm_end : 0;
}

/* [*start, *end): the gap before vma cut to the limits. True when it holds the length. */
static bool gap_fits(const struct vm_area_struct *vma, const struct unmapped_area *w, u64 *start,
		     u64 *end)
{
	*start = max(gap_start(vma), w->low);
	*end = min(vm_start_gap(vma), w->high);
	return *end > *start && *end - *start >= w->length;
}

static s64 unmapped_area_topdown(struct mm_struct *mm, const struct unmapped_area *w)
{
	struct rb_node *node = mm->mm_rb.rb_node;
	bool from_right = false;
	u64 start, end;

	if (w->high < w->low || w->high - w->low < w->length)
		return -ENOMEM;
	start = max(mm->highest_vm_end, w->low);
	if (w->high >= start && w->high - start >= w->length)
		return (s64)(w->high - w->length);
	if (!subtree_may_fit(node, w->length))
		return -ENOMEM;
	while (node) {
		struct vm_area_struct *vma = vma_of(node);
		struct rb_node *child;

		/* Gaps to the right begin at vm_end or above. */
		if (!from_right && vma->vm_end <= w->high - w->length &&
		    subtree_may_fit(node->rb_right, w->length)) {
			node = node->rb_right;
			continue;
		}
		if (gap_fits(vma, w, &start, &end))
			return (s64)(end - w->length);
		if (vm_start_gap(vma) < w->low + w->length)
			return -ENOMEM;
		if (subtree_may_fit(node->rb_left, w->length)) {
			node = node->rb_left;
			from_right = false;
			continue;
		}
		do {
			child = node;
			node = rb_parent(node);
		} while (node && node->rb_left == child);
		from_right = true;
	}
	return -ENOMEM;
}

static s64 unmapped_area(struct mm_struct *mm, const struct unmapped_area *w)
{
	struct rb_node *node = mm->mm_rb.rb_node;
	bool from_left = false;
	u64 start, end;

	if (w->high < w->low || w->high - w->low < w->length)
		return -ENOMEM;
	while (subtree_may_fit(mm->mm_rb.rb_node, w->length) && node) {
		struct vm_area_struct *vma = vma_of(node);
		struct rb_node *child;

		/* Gaps to the left end at gap_start or below. */
		if (!from_left && vma->vm_start >= w->low + w->length &&
		    subtree_may_fit(node->rb_left, w->length)) {
			node = node->rb_left;
			continue;
		}
		if (gap_start(vma) > w->high - w->length)
			return -ENOMEM;
		if (gap_fits(vma, w, &start, &end))
			return (s64)start;
		if (subtree_may_fit(node->rb_right, w->length)) {
			node = node->rb_right;
			from_left = false;
			continue;
		}
		do {
			child = node;
			node = rb_parent(node);
		} while (node && node->rb_right == child);
		from_left = true;
	}
	start = max(mm->highest_vm_end, w->low);
	return start <= w->high - w->length ? (s64)start : -ENOMEM;
}

static s64 search_bottomup(struct mm_struct *mm, u64 len, u64 flags)
{
	struct unmapped_area w = { .length = len, .low = mm->mmap_legacy_base, .high = TASK_SIZE };

	if (flags & MAP_32BIT) {
		w.low = MMAP_32BIT_LOW;
		w.high = MMAP_32BIT_HIGH;
	}
	return unmapped_area(mm, &w);
}

static u64 lowest_address(void)
{
	return max((u64)PAGE_SIZE, PAGE_ALIGN(kern()->params.mmap_min_addr));
}

static s64 search_topdown(struct mm_struct *mm, u64 len, u64 flags)
{
	struct unmapped_area w = { .length = len, .low = lowest_address(), .high = mm->mmap_base };
	s64 addr;

	if (flags & MAP_32BIT)
		return search_bottomup(mm, len, flags);
	addr = unmapped_area_topdown(mm, &w);
	return addr < 0 ? search_bottomup(mm, len, flags) : addr;
}

s64 get_unmapped_area(struct mm_struct *mm, u64 addr, u64 len, u64 flags)
{
	struct vm_area_struct *vma;

	if (len > TASK_SIZE)
		return -ENOMEM;
	if (flags & MAP_FIXED) {
		if (addr > TASK_SIZE - len)
			return -ENOMEM;
		if (addr & ~PAGE_MASK)
			return -EINVAL;
		return addr < kern()->params.mmap_min_addr ? -EPERM : (s64)addr;
	}
	addr &= PAGE_MASK;
	if (addr && addr <= TASK_SIZE - len &&
	    !((flags & MAP_32BIT) && addr + len > MMAP_32BIT_HIGH)) {
		vma = find_vma(mm, addr);
		if (addr >= kern()->params.mmap_min_addr &&
		    (!vma || addr + len <= vm_start_gap(vma)))
			return (s64)addr;
	}
	return search_topdown(mm, len, flags);
}

/* --- unmapping --- */

/*
 * Empty [start, end), whose VMAs from `first` on are off the tree; prev and next are the neighbours
 * that stay.
 */
static void unmap_region(struct mm_struct *mm, struct vm_area_struct *first,
			 struct vm_area_struct *prev, struct vm_area_struct *next, u64 start,
			 u64 end)
{
	struct vm_area_struct *vma;
	struct mmu_gather tlb;

	tlb_gather_mmu(&tlb, mm, false);
	for (vma = first; vma; vma = vma->vm_next)
		unmap_page_range(&tlb, vma, start, end);
	free_pgtables(&tlb, start, end, prev ? prev->vm_end : 0,
		      next ? next->vm_start : USER_TOP_END);
	tlb_flush_mmu(&tlb);
}

/* The VMA goes for good. It is on no tree and maps nothing any more. */
static void remove_vma(struct vm_area_struct *vma)
{
	if (vma->vm_ops && vma->vm_ops->close)
		vma->vm_ops->close(vma);
	vm_area_free(vma);
}

static void remove_vma_list(struct mm_struct *mm, struct vm_area_struct *vma)
{
	u64 accounted = 0;

	while (vma) {
		struct vm_area_struct *next = vma->vm_next;

		if (vma->vm_flags & VM_ACCOUNT)
			accounted += vma_pages(vma);
		vm_stat_account(mm, vma->vm_flags, -(s64)vma_pages(vma));
		remove_vma(vma);
		vma = next;
	}
	vm_unacct_memory(accounted);
}

/*
 * Take the VMAs of [start, end), which begins and ends on their edges, off the tree, chained by
 * vm_next.
 */
static struct vm_area_struct *detach_vmas(struct mm_struct *mm, struct vm_area_struct *vma, u64 end)
{
	struct vm_area_struct *first = vma, *last = NULL;

	while (vma && vma->vm_start < end) {
		struct vm_area_struct *next = vma->vm_next;

		vma_unlink(mm, vma);
		if (last)
			last->vm_next = vma;
		last = vma;
		vma = next;
	}
	last->vm_next = NULL;
	return first;
}

int do_munmap(struct mm_struct *mm, u64 start, u64 len)
{
	struct vm_area_struct *vma, *prev, *next, *last;
	u64 end;

	if ((start & ~PAGE_MASK) || start > TASK_SIZE || len > TASK_SIZE - start)
		return -EINVAL;
	len = PAGE_ALIGN(len);
	end = start + len;
	if (!len)
		return -EINVAL;
	vma = find_vma(mm, start);
	if (!vma || vma->vm_start >= end)
		return 0;
	if (vma->vm_start < start) {
		/* Cutting a hole makes one more VMA for good. */
		if (end < vma->vm_end && mm->map_count >= MAX_MAP_COUNT)
			return -ENOMEM;
		if (__split_vma(mm, vma, start, false))
			return -ENOMEM;
		vma = vma->vm_next;
	}
	last = find_vma(mm, end);
	if (last && last->vm_start < end) {
		if (__split_vma(mm, last, end, true))
			return -ENOMEM;
		if (last == vma)
			vma = last->vm_prev;
	}
	prev = vma->vm_prev;
	vma = detach_vmas(mm, vma, end);
	next = prev ? prev->vm_next : mm->mmap;
	unmap_region(mm, vma, prev, next, start, end);
	remove_vma_list(mm, vma);
	return 0;
}

int vm_munmap(u64 start, u64 len)
{
	struct mm_struct *mm = current->mm;
	int ret;

	mmap_write_lock(mm);
	ret = do_munmap(mm, start, len);
	mmap_write_unlock(mm);
	return ret;
}

void exit_mmap(struct mm_struct *mm)
{
	struct vm_area_struct *vma;
	struct mmu_gather tlb;
	u64 accounted = 0;

	mmap_write_lock(mm);
	tlb_gather_mmu(&tlb, mm, true);
	for (vma = mm->mmap; vma; vma = vma->vm_next)
		unmap_page_range(&tlb, vma, vma->vm_start, vma->vm_end);
	free_pgtables(&tlb, 0, USER_TOP_END, 0, USER_TOP_END);
	tlb_flush_mmu(&tlb);
	while ((vma = mm->mmap) != NULL) {
		if (vma->vm_flags & VM_ACCOUNT)
			accounted += vma_pages(vma);
		vm_stat_account(mm, vma->vm_flags, -(s64)vma_pages(vma));
		vma_unlink(mm, vma);
		remove_vma(vma);
	}
	vm_unacct_memory(accounted);
	mmap_write_unlock(mm);
	BUG_ON(mm->map_count || mm->pgtables_bytes || get_mm_rss(mm));
}

/* --- mapping --- */

/* Pages of [start, end) that a MAP_FIXED mapping would replace. */
static u64 count_vma_pages_range(struct mm_struct *mm, u64 start, u64 end)
{
	struct vm_area_struct *vma = find_vma_intersection(mm, start, end);
	u64 pages = 0;

	for (; vma && vma->vm_start < end; vma = vma->vm_next)
		pages += (min(vma->vm_end, end) - max(vma->vm_start, start)) >> PAGE_SHIFT;
	return pages;
}

/*
 * The backing of a fresh VMA. 0 or negative errno, then nothing is held but what vm_area_free()
 * drops.
 */
static int vma_attach_backing(struct vm_area_struct *vma, struct file *file)
{
	if (file) {
		vma->vm_file = mm_root()->file_ops.get_file(file);
		return mm_root()->file_ops.mmap(file, vma);
	}
	if (vma->vm_flags & VM_SHARED) {
		vma->vm_shm = shm_alloc(vma_pages(vma));
		return vma->vm_shm ? 0 : -ENOMEM;
	}
	return 0;
}

static s64 mmap_region(struct mm_struct *mm, struct file *file, u64 addr, u64 len, u64 vm_flags,
		       u64 pgoff)
{
	struct vma_attrs attrs = { .vm_flags = vm_flags, .file = file, .pgoff = pgoff };
	struct vm_area_struct *vma, *prev;
	u64 pages = len >> PAGE_SHIFT, charged = 0;
	int err;

	if (!may_expand_vm(mm, vm_flags, pages)) {
		u64 replaced = count_vma_pages_range(mm, addr, addr + len);

		if (!may_expand_vm(mm, vm_flags, pages - replaced))
			return -ENOMEM;
	}
	if (do_munmap(mm, addr, len))
		return -ENOMEM;
	if (accountable_mapping(vm_flags)) {
		if (vm_enough_memory(pages))
			return -ENOMEM;
		charged = pages;
		attrs.vm_flags = vm_flags |= VM_ACCOUNT;
	}
	find_vma_prev(mm, addr, &prev);
	/* Fresh shared memory has an object of its own, so it never joins another's. */
	vma = file || !(vm_flags & VM_SHARED) ? vma_merge(mm, prev, addr, addr + len, &attrs) :
						NULL;
	if (vma)
		goto done;

	err = -ENOMEM;
	vma = vm_area_alloc(mm);
	if (!vma)
		goto unacct;
	vma->vm_start = addr;
	vma->vm_end = addr + len;
	vma->vm_flags = vm_flags;
	vma->vm_pgoff = pgoff;
	err = vma_attach_backing(vma, file);
	if (err)
		goto free_vma;
	vma_set_page_prot(vma);
	vma_link(mm, vma);
done:
	vm_stat_account(mm, vma->vm_flags, (s64)pages);
	return (s64)addr;
free_vma:
	vm_area_free(vma);
unacct:
	vm_unacct_memory(charged);
	return err;
}

static u64 calc_vm_prot_bits(u64 prot)
{
	return (prot & PROT_READ ? VM_READ : 0) | (prot & PROT_WRITE ? VM_WRITE : 0) |
	       (prot & PROT_EXEC ? VM_EXEC : 0);
}

static u64 calc_vm_flag_bits(u64 flags)
{
	return (flags & MAP_GROWSDOWN ? VM_GROWSDOWN : 0) | (flags & MAP_LOCKED ? VM_LOCKED : 0);
}

/*
 * The part of do_mmap's checks that depends on what is mapped. *vm_flags and *pgoff are adjusted.
 */
static int check_map_type(struct file *file, u64 addr, u64 prot, u64 flags, u64 *vm_flags,
			  u64 *pgoff)
{
	u64 type = flags & MAP_TYPE;

	if (type != MAP_PRIVATE && type != MAP_SHARED && !(file && type == MAP_SHARED_VALIDATE))
		return -EINVAL;
	if (file) {
		const u64 known = MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_32BIT | MAP_GROWSDOWN |
				  MAP_DENYWRITE | MAP_EXECUTABLE | MAP_LOCKED | MAP_NORESERVE |
				  MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_FIXED_NOREPLACE;
		int err;

		if (type == MAP_SHARED_VALIDATE && (flags & ~known))
			return -EOPNOTSUPP;
		if (type != MAP_PRIVATE)
			*vm_flags |= VM_SHARED | VM_MAYSHARE;
		err = mm_root()->file_ops.may_map ?
			      mm_root()->file_ops.may_map(file, prot, flags, vm_flags) :
			      -ENODEV;
		if (err)
			return err;
		return *vm_flags & VM_GROWSDOWN ? -EINVAL : 0;
	}
	if (type == MAP_SHARED) {
		if (*vm_flags & VM_GROWSDOWN)
			return -EINVAL;
		*pgoff = 0;
		*vm_flags |= VM_SHARED | VM_MAYSHARE;
	} else {
		*pgoff = addr >> PAGE_SHIFT;
	}
	return 0;
}

s64 do_mmap(struct file *file, u64 addr, u64 len, u64 prot, u64 flags, u64 pgoff, u64 *populate)
{
	struct mm_struct *mm = current->mm;
	u64 vm_flags;
	s64 at;
	int err;

	BUG_ON(!rwsem_is_locked(&mm->mmap_lock));
	if (populate)
		*populate = 0;
	if (!len)
		return -EINVAL;
	if (flags & MAP_FIXED_NOREPLACE)
		flags |= MAP_FIXED;
	if (!(flags & MAP_FIXED)) {
		addr &= PAGE_MASK;
		if (addr && addr < kern()->params.mmap_min_addr)
			addr = PAGE_ALIGN(kern()->params.mmap_min_addr);
	}
	len = PAGE_ALIGN(len);
	if (!len)
		return -ENOMEM;
	if (pgoff + (len >> PAGE_SHIFT) < pgoff)
		return -EOVERFLOW;
	if (mm->map_count > MAX_MAP_COUNT)
		return -ENOMEM;
	at = get_unmapped_area(mm, addr, len, flags);
	if (at < 0)
		return at;
	addr = (u64)at;
	if ((flags & MAP_FIXED_NOREPLACE) && find_vma_intersection(mm, addr, addr + len))
		return -EEXIST;

	vm_flags = calc_vm_prot_bits(prot) | calc_vm_flag_bits(flags) | mm->def_flags | VM_MAYREAD |
		   VM_MAYWRITE | VM_MAYEXEC;
	if ((flags & MAP_LOCKED) && !mm_rlimit(RLIMIT_MEMLOCK))
		return -EPERM;
	err = mlock_future_check(mm, vm_flags, len);
	if (err)
		return err;
	err = check_map_type(file, addr, prot, flags, &vm_flags, &pgoff);
	if (err)
		return err;
	if (flags & MAP_NORESERVE)
		vm_flags |= VM_NORESERVE;
	at = mmap_region(mm, file, addr, len, vm_flags, pgoff);
	if (at >= 0 && populate &&
	    ((vm_flags & VM_LOCKED) || (flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE))
		*populate = len;
	return at;
}

s64 vm_mmap_pgoff(struct file *file, u64 addr, u64 len, u64 prot, u64 flags, u64 pgoff)
{
	struct mm_struct *mm = current->mm;
	u64 populate;
	s64 at;

	/* There is no pool of huge pages of any size. */
	if (flags & MAP_HUGETLB)
		return -EINVAL;
	mmap_write_lock(mm);
	at = do_mmap(file, addr, len, prot, flags, pgoff, &populate);
	mmap_write_unlock(mm);
	if (at >= 0 && populate)
		mm_populate(mm, (u64)at, populate); /* best effort, as Linux: the mapping stands */
	return at;
}

s64 vm_mmap(struct file *file, u64 addr, u64 len, u64 prot, u64 flags, u64 offset)
{
	if (offset + PAGE_ALIGN(len) < offset || (offset & ~PAGE_MASK))
		return -EINVAL;
	return vm_mmap_pgoff(file, addr, len, prot, flags, offset >> PAGE_SHIFT);
}

/* Insert a VMA that mmap does not know. */
static int insert_new_vma(struct mm_struct *mm, u64 start, u64 end, u64 vm_flags,
			  const struct vm_operations_struct *ops, void *private_data)
{
	struct vm_area_struct *vma, *prev;

	if ((start & ~PAGE_MASK) || (end & ~PAGE_MASK) || start >= end || end > TASK_SIZE)
		return -EINVAL;
	if (find_vma_place(mm, start, end, &prev))
		return -ENOMEM;
	vma = vm_area_alloc(mm);
	if (!vma)
		return -ENOMEM;
	vma->vm_start = start;
	vma->vm_end = end;
	vma->vm_flags = vm_flags;
	vma->vm_pgoff = ops ? 0 : start >> PAGE_SHIFT;
	vma->vm_ops = ops;
	vma->vm_private_data = private_data;
	vma_set_page_prot(vma);
	vma_link(mm, vma);
	vm_stat_account(mm, vm_flags, (s64)vma_pages(vma));
	return 0;
}

int install_special_mapping(struct mm_struct *mm, u64 addr, u64 len, u64 vm_flags,
			    const struct vm_operations_struct *ops, void *private_data)
{
	return insert_new_vma(mm, addr, addr + len, vm_flags | VM_DONTEXPAND, ops, private_data);
}

int mm_map_stack(struct mm_struct *mm, u64 start, u64 end, u64 flags)
{
	u64 pages = (end - start) >> PAGE_SHIFT;
	int err = vm_enough_memory(pages);

	if (err)
		return err;
	mmap_write_lock(mm);
	err = insert_new_vma(mm, start, end, VM_STACK_FLAGS | flags, NULL, NULL);
	mmap_write_unlock(mm);
	if (err)
		vm_unacct_memory(pages);
	return err;
}

/* --- brk --- */

int do_brk_flags(struct mm_struct *mm, u64 addr, u64 len, u64 flags)
{
	struct vma_attrs attrs = {
		.vm_flags = VM_DATA_DEFAULT_FLAGS | VM_ACCOUNT | mm->def_flags | flags,
		.pgoff = addr >> PAGE_SHIFT,
	};
	struct vm_area_struct *prev, *vma;
	u64 pages = len >> PAGE_SHIFT;
	s64 at = get_unmapped_area(mm, addr, len, MAP_FIXED);

	if (at < 0)
		return (int)at;
	if (mlock_future_check(mm, attrs.vm_flags, len))
		return -EAGAIN;
	if (do_munmap(mm, addr, len))
		return -ENOMEM;
	if (!may_expand_vm(mm, attrs.vm_flags, pages) || mm->map_count > MAX_MAP_COUNT ||
	    vm_enough_memory(pages))
		return -ENOMEM;
	find_vma_prev(mm, addr, &prev);
	if (!vma_merge(mm, prev, addr, addr + len, &attrs)) {
		vma = vm_area_alloc(mm);
		if (!vma) {
			vm_unacct_memory(pages);
			return -ENOMEM;
		}
		vma->vm_start = addr;
		vma->vm_end = addr + len;
		vma->vm_flags = attrs.vm_flags;
		vma->vm_pgoff = attrs.pgoff;
		vma_set_page_prot(vma);
		vma_link(mm, vma);
	}
	vm_stat_account(mm, attrs.vm_flags, (s64)pages);
	return 0;
}

int vm_brk_flags(u64 addr, u64 len, u64 flags)
{
	struct mm_struct *mm = current->mm;
	int ret;

	len = PAGE_ALIGN(len);
	if (!len)
		return 0;
	if (flags & ~VM_EXEC)
		return -EINVAL;
	mmap_write_lock(mm);
	ret = do_brk_flags(mm, addr, len, flags);
	mmap_write_unlock(mm);
	return ret;
}

static bool brk_within_rlimit(const struct mm_struct *mm, u64 brk)
{
	u64 limit = mm_rlimit(RLIMIT_DATA);

	return limit == RLIM_INFINITY ||
	       (brk - mm->start_brk) + (mm->end_data - mm->start_data) <= limit;
}

/* Can the heap end at newbrk? Its pages, and one more, must lie below the next VMA's guard gap. */
static bool brk_has_room(struct mm_struct *mm, u64 oldbrk, u64 newbrk)
{
	struct vm_area_struct *next = find_vma(mm, oldbrk);

	return !next || newbrk + PAGE_SIZE <= vm_start_gap(next);
}

u64 ksys_brk(u64 brk)
{
	struct mm_struct *mm = current->mm;
	u64 oldbrk, newbrk, ret;

	mmap_write_lock(mm);
	if (brk < mm->start_brk || brk >= TASK_SIZE || !brk_within_rlimit(mm, brk))
		goto out;
	newbrk = PAGE_ALIGN(brk);
	oldbrk = PAGE_ALIGN(mm->brk);
	if (newbrk < oldbrk) {
		if (do_munmap(mm, newbrk, oldbrk - newbrk))
			goto out;
	} else if (newbrk > oldbrk) {
		if (!brk_has_room(mm, oldbrk, newbrk) ||
		    do_brk_flags(mm, oldbrk, newbrk - oldbrk, 0))
			goto out;
	}
	mm->brk = brk;
out:
	ret = mm->brk;
	mmap_write_unlock(mm);
	return ret;
}

/* --- stacks --- */

static int acct_stack_growth(struct vm_area_struct *vma, u64 size, u64 grow_pages)
{
	struct mm_struct *mm = vma->vm_mm;

	if (!may_expand_vm(mm, vma->vm_flags, grow_pages) || size > mm_rlimit(RLIMIT_STACK))
		return -ENOMEM;
	if (mlock_future_check(mm, vma->vm_flags, grow_pages << PAGE_SHIFT))
		return -ENOMEM;
	return vma->vm_flags & VM_ACCOUNT ? vm_enough_memory(grow_pages) : 0;
}

int expand_stack(struct vm_area_struct *vma, u64 addr)
{
	struct vm_area_struct *prev = vma->vm_prev;
	u64 grow_pages;
	int err;

	addr &= PAGE_MASK;
	if (!(vma->vm_flags & VM_GROWSDOWN))
		return -EFAULT;
	if (addr >= vma->vm_start)
		return 0;
	if (addr < lowest_address())
		return -EPERM;
	/* A neighbour nobody can touch needs no gap; another stack keeps its own. */
	if (prev && !(prev->vm_flags & VM_GROWSDOWN) && (prev->vm_flags & VM_ACCESS_FLAGS) &&
	    addr - prev->vm_end < STACK_GUARD_GAP)
		return -ENOMEM;
	if (prev && addr < prev->vm_end)
		return -ENOMEM;
	if (anon_vma_prepare(vma))
		return -ENOMEM;
	grow_pages = (vma->vm_start - addr) >> PAGE_SHIFT;
	if (grow_pages > vma->vm_pgoff)
		return -ENOMEM;
	err = acct_stack_growth(vma, vma->vm_end - addr, grow_pages);
	if (err)
		return err;
	vm_stat_account(vma->vm_mm, vma->vm_flags, (s64)grow_pages);
	vma_set_range(vma, addr, vma->vm_end, vma->vm_pgoff - grow_pages);
	return 0;
}
