/* SPDX-License-Identifier: MIT */
/*
 * The VMAs of one address space: list, tree, merging and splitting.
 *
 * mmap, munmap, mprotect, brk, mremap and fork call it with mmap_lock held exclusively; faults look
 * VMAs up with it shared. It calls the slab caches and the owners' open(); it knows nothing of page
 * tables.
 *
 * An address space with text, heap and stack:
 *
 *	mm->mmap -> [400000,481000) r-x -> [4a5000,4c9000) rw- -> [7ffffffdd000,7ffffffff000) stack
 *	mm_rb, by vm_start:                   4a5000                 rb_subtree_gap = 7fff...
 *	                                     /      \
 *	                                400000    7ffffffdd000
 *
 *	The gap before a VMA counts at that VMA: the stack's is [4c9000, 7ffffffdd000 - 100000).
 *
 * A gap is what lies between the previous VMA's end and the VMA's start (less 256 pages when it
 * grows down); rb_subtree_gap is the largest gap of a subtree, so a search for free space skips
 * every subtree that has none large enough.
 *
 * Merging keeps the number of VMAs at what protection and backing demand. With P the VMA before, N
 * the one after, and A the range that takes new attributes (free, or part of a VMA M that changes),
 * the numbers being those of Linux's mm/mmap.c:
 *
 *	free:   P A N -> PPP (1)   PP N (2)   P NN (3)
 *	inside: M changes at its tail, N fits (4: M shrinks, N grows down);
 *	        at its head, P fits (5: P grows, M shrinks)
 *	whole:  P M N -> PPP (6)   PP N (7)   P NN (8)
 *
 *	V1 VMAs do not overlap, are not empty, and stand in list and tree in the same order;
 *	V2 rb_subtree_gap is exact; map_count and highest_vm_end are;
 *	V3 a VMA with vm_ops->close, or any of VM_SPECIAL, never merges;
 *	V4 ranges of different anonymous families never merge; a range nobody touched joins a VMA
 *	   whose chain is its own alone (one entry: never forked), and a touched one does not join
 *	   an untouched VMA (its chain has no entry);
 *	V5 private anonymous VMAs have vm_pgoff = the page number of their first mapping, so only
 *	   what moved apart differs.
 *
 * anon_vma is thin: a counted identity and the length that the chain would have, which is all that
 * V4 asks. The chains themselves come with the reverse map.
 *
 * Units: addresses and gaps in bytes, vm_pgoff in pages.
 * Owner: a linked VMA is the mm's; vm_area_dup() returns one that is the caller's until vma_link().
 * Locking: mmap_lock exclusive for every change; anon_vma_prepare() runs under the shared lock and
 * publishes under page_table_lock.
 * Errors: -ENOMEM from allocations, before anything has changed.
 * Time: charged by the slab allocator only; the fault and system call rows cover the rest.
 * Source: Linux 6.1 mm/mmap.c (vma_merge, __vma_adjust, __split_vma), mm/rmap.c (anon_vma_fork);
 * 5.15 for list, mm_rb and gaps.
 */
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/slab.h"
#include "mm/internal.h"
#include "mm/pgtable.h"

/* --- gaps and the tree --- */

u64 vm_start_gap(const struct vm_area_struct *vma)
{
	if (!(vma->vm_flags & VM_GROWSDOWN))
		return vma->vm_start;
	return vma->vm_start > STACK_GUARD_GAP ? vma->vm_start - STACK_GUARD_GAP : 0;
}

static u64 vma_gap(const struct vm_area_struct *vma)
{
	u64 start = vm_start_gap(vma), prev_end = vma->vm_prev ? vma->vm_prev->vm_end : 0;

	return start > prev_end ? start - prev_end : 0;
}

RB_DECLARE_CALLBACKS_MAX(static, vma_gap_callbacks, struct vm_area_struct, vm_rb, u64,
			 rb_subtree_gap, vma_gap);

static void vma_gap_update(struct vm_area_struct *vma)
{
	vma_gap_callbacks.propagate(&vma->vm_rb, NULL);
}

/* The gap after vma is its successor's, or the end of everything. */
static void vma_gap_after_update(struct mm_struct *mm, struct vm_area_struct *prev,
				 struct vm_area_struct *next)
{
	if (next)
		vma_gap_update(next);
	else
		mm->highest_vm_end = prev ? prev->vm_end : 0;
}

struct vm_area_struct *find_vma(struct mm_struct *mm, u64 addr)
{
	struct rb_node *node = mm->mm_rb.rb_node;
	struct vm_area_struct *found = NULL;

	while (node) {
		struct vm_area_struct *vma = rb_entry(node, struct vm_area_struct, vm_rb);

		if (addr < vma->vm_end) {
			found = vma;
			if (vma->vm_start <= addr)
				break;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found;
}

struct vm_area_struct *find_vma_prev(struct mm_struct *mm, u64 addr, struct vm_area_struct **pprev)
{
	struct vm_area_struct *vma = find_vma(mm, addr);

	if (vma) {
		*pprev = vma->vm_prev;
	} else {
		struct rb_node *last = rb_last(&mm->mm_rb);

		*pprev = rb_entry_safe(last, struct vm_area_struct, vm_rb);
	}
	return vma;
}

struct vm_area_struct *find_vma_intersection(struct mm_struct *mm, u64 start, u64 end)
{
	struct vm_area_struct *vma = find_vma(mm, start);

	return vma && vma->vm_start < end ? vma : NULL;
}

int find_vma_place(struct mm_struct *mm, u64 addr, u64 end, struct vm_area_struct **pprev)
{
	struct vm_area_struct *next = find_vma_prev(mm, addr, pprev);

	return next && next->vm_start < end ? -ENOMEM : 0;
}

void vma_link(struct mm_struct *mm, struct vm_area_struct *vma)
{
	struct rb_node **link = &mm->mm_rb.rb_node, *parent = NULL;
	struct vm_area_struct *prev = NULL, *next;

	while (*link) {
		struct vm_area_struct *at = rb_entry(*link, struct vm_area_struct, vm_rb);

		parent = *link;
		if (vma->vm_start < at->vm_start) {
			BUG_ON(vma->vm_end > at->vm_start);
			link = &parent->rb_left;
		} else {
			BUG_ON(vma->vm_start < at->vm_end);
			prev = at;
			link = &parent->rb_right;
		}
	}
	next = prev ? prev->vm_next : mm->mmap;
	vma->vm_prev = prev;
	vma->vm_next = next;
	if (prev)
		prev->vm_next = vma;
	else
		mm->mmap = vma;
	if (next)
		next->vm_prev = vma;
	vma_gap_after_update(mm, vma, next);
	rb_link_node(&vma->vm_rb, parent, link);
	vma->rb_subtree_gap = 0;
	vma_gap_update(vma);
	rb_insert_augmented(&vma->vm_rb, &mm->mm_rb, &vma_gap_callbacks);
	mm->map_count++;
}

void vma_unlink(struct mm_struct *mm, struct vm_area_struct *vma)
{
	struct vm_area_struct *prev = vma->vm_prev, *next = vma->vm_next;

	rb_erase_augmented(&vma->vm_rb, &mm->mm_rb, &vma_gap_callbacks);
	if (prev)
		prev->vm_next = next;
	else
		mm->mmap = next;
	if (next)
		next->vm_prev = prev;
	vma_gap_after_update(mm, prev, next);
	mm->map_count--;
}

void vma_set_range(struct vm_area_struct *vma, u64 start, u64 end, u64 pgoff)
{
	BUG_ON(start >= end);
	vma->vm_start = start;
	vma->vm_end = end;
	vma->vm_pgoff = pgoff;
	vma_gap_update(vma);
	vma_gap_after_update(vma->vm_mm, vma, vma->vm_next);
}

/* --- one VMA's life --- */

struct vm_area_struct *vm_area_alloc(struct mm_struct *mm)
{
	struct vm_area_struct *vma = kmem_cache_zalloc(mm_root()->vma_cachep, GFP_KERNEL);

	if (vma)
		vma->vm_mm = mm;
	return vma;
}

static void anon_vma_join(struct vm_area_struct *vma, struct anon_vma *av, u32 chain_len)
{
	vma->anon_vma = av;
	vma->anon_vma_chain_len = chain_len;
	if (av)
		av->refs++;
}

static void anon_vma_put(struct anon_vma *av)
{
	BUG_ON(!av->refs);
	if (--av->refs == 0)
		kmem_cache_free(mm_root()->anon_vma_cachep, av);
}

void unlink_anon_vmas(struct vm_area_struct *vma)
{
	struct anon_vma *av = vma->anon_vma;

	vma->anon_vma = NULL;
	vma->anon_vma_chain_len = 0;
	if (av)
		anon_vma_put(av);
}

struct vm_area_struct *vm_area_dup(struct vm_area_struct *orig)
{
	struct vm_area_struct *vma = kmem_cache_alloc(mm_root()->vma_cachep, GFP_KERNEL);

	if (!vma)
		return NULL;
	*vma = *orig;
	vma->vm_next = vma->vm_prev = NULL;
	if (vma->anon_vma)
		vma->anon_vma->refs++;
	if (vma->vm_file)
		mm_root()->file_ops.get_file(vma->vm_file);
	if (vma->vm_shm)
		shm_get(vma->vm_shm);
	return vma;
}

void vm_area_free(struct vm_area_struct *vma)
{
	unlink_anon_vmas(vma);
	if (vma->vm_file)
		mm_root()->file_ops.fput(vma->vm_file);
	if (vma->vm_shm)
		shm_put(vma->vm_shm);
	kmem_cache_free(mm_root()->vma_cachep, vma);
}

/* Writable shared mappings whose owner wants to hear of the first write start read-only. */
void vma_set_page_prot(struct vm_area_struct *vma)
{
	u64 flags = vma->vm_flags;

	if ((flags & (VM_SHARED | VM_WRITE)) == (VM_SHARED | VM_WRITE) && vma->vm_ops &&
	    vma->vm_ops->page_mkwrite)
		flags &= ~VM_SHARED;
	vma->vm_page_prot = vm_get_page_prot(flags);
}

/* --- anonymous families --- */

/* b follows a: could mprotect make them one? Then they had better be one family. */
static bool anon_vma_compatible(const struct vm_area_struct *a, const struct vm_area_struct *b)
{
	return a->vm_end == b->vm_start && a->vm_file == b->vm_file && a->vm_shm == b->vm_shm &&
	       !((a->vm_flags ^ b->vm_flags) & ~(VM_ACCESS_FLAGS | VM_SOFTDIRTY)) &&
	       b->vm_pgoff == a->vm_pgoff + vma_pages(a);
}

/* A neighbour's family that vma can share, NULL: none. */
static struct anon_vma *find_mergeable_anon_vma(struct vm_area_struct *vma)
{
	struct vm_area_struct *next = vma->vm_next, *prev = vma->vm_prev;

	if (next && anon_vma_compatible(vma, next) && next->anon_vma &&
	    next->anon_vma_chain_len == 1)
		return next->anon_vma;
	if (prev && anon_vma_compatible(prev, vma) && prev->anon_vma &&
	    prev->anon_vma_chain_len == 1)
		return prev->anon_vma;
	return NULL;
}

int anon_vma_prepare(struct vm_area_struct *vma)
{
	struct anon_vma *av, *fresh = NULL;

	if (vma->anon_vma)
		return 0;
	if (!find_mergeable_anon_vma(vma)) {
		fresh = kmem_cache_zalloc(mm_root()->anon_vma_cachep, GFP_KERNEL);
		if (!fresh)
			return -ENOMEM;
	}
	spin_lock(&vma->vm_mm->page_table_lock);
	if (!vma->anon_vma) {
		av = find_mergeable_anon_vma(vma);
		if (!av) {
			av = fresh;
			fresh = NULL;
		}
		if (av)
			anon_vma_join(vma, av, 1);
	}
	spin_unlock(&vma->vm_mm->page_table_lock);
	if (fresh)
		kmem_cache_free(mm_root()->anon_vma_cachep, fresh);
	return vma->anon_vma ? 0 : -ENOMEM;
}

/*
 * The child's VMA is in all of the parent's families, and in one of its own for what it will copy.
 */
int anon_vma_fork(struct vm_area_struct *vma, const struct vm_area_struct *parent)
{
	struct anon_vma *av;

	unlink_anon_vmas(vma);
	if (!parent->anon_vma)
		return 0;
	av = kmem_cache_zalloc(mm_root()->anon_vma_cachep, GFP_KERNEL);
	if (!av)
		return -ENOMEM;
	anon_vma_join(vma, av, parent->anon_vma_chain_len + 1);
	return 0;
}

/* --- merging --- */

void vma_attrs_of(const struct vm_area_struct *vma, struct vma_attrs *a)
{
	a->vm_flags = vma->vm_flags;
	a->anon_vma = vma->anon_vma;
	a->file = vma->vm_file;
	a->shm = vma->vm_shm;
	a->pgoff = vma->vm_pgoff;
}

/* V4. singular: the VMA that would grow, NULL when both sides are settled already. */
static bool anon_vma_may_join(const struct anon_vma *a, const struct anon_vma *b,
			      const struct vm_area_struct *grows)
{
	if ((!a || !b) && (!grows || grows->anon_vma_chain_len == 1))
		return true;
	return a == b;
}

static bool is_mergeable_vma(const struct vm_area_struct *vma, const struct vma_attrs *a)
{
	if ((vma->vm_flags ^ a->vm_flags) & ~VM_SOFTDIRTY)
		return false;
	if (vma->vm_file != a->file || vma->vm_shm != a->shm)
		return false;
	if (vma->vm_ops && vma->vm_ops->close)
		return false;
	return anon_vma_may_join(a->anon_vma, vma->anon_vma, vma);
}

static bool can_merge_after(const struct vm_area_struct *prev, u64 addr, const struct vma_attrs *a)
{
	return prev->vm_end == addr && is_mergeable_vma(prev, a) &&
	       prev->vm_pgoff + vma_pages(prev) == a->pgoff;
}

static bool can_merge_before(const struct vm_area_struct *next, u64 addr, u64 end,
			     const struct vma_attrs *a)
{
	return next->vm_start == end && is_mergeable_vma(next, a) &&
	       next->vm_pgoff == a->pgoff + ((end - addr) >> PAGE_SHIFT);
}

/* vma takes over pages of from: it must be in from's family. */
static void anon_vma_import(struct vm_area_struct *vma, const struct vm_area_struct *from)
{
	if (!vma->anon_vma && from->anon_vma)
		anon_vma_join(vma, from->anon_vma, from->anon_vma_chain_len);
}

/* gone is covered by another VMA now. */
static void vma_absorbed(struct mm_struct *mm, struct vm_area_struct *into,
			 struct vm_area_struct *gone)
{
	anon_vma_import(into, gone);
	vma_unlink(mm, gone);
	vm_area_free(gone);
}

/* Cases 1, 2, 5, 6, 7: prev grows up to end; mid is the VMA under the range, if any. */
static void grow_prev(struct mm_struct *mm, struct vm_area_struct *prev, struct vm_area_struct *mid,
		      u64 end)
{
	if (mid && mid->vm_end <= end) {
		vma_absorbed(mm, prev, mid);
	} else if (mid) {
		anon_vma_import(prev, mid);
		vma_set_range(mid, end, mid->vm_end,
			      mid->vm_pgoff + ((end - mid->vm_start) >> PAGE_SHIFT));
	}
	vma_set_range(prev, prev->vm_start, end, prev->vm_pgoff);
}

/* Cases 3, 4, 8: next grows down to addr; mid is the VMA under the range, if any. */
static void grow_next(struct mm_struct *mm, struct vm_area_struct *next, struct vm_area_struct *mid,
		      u64 addr)
{
	if (mid && mid->vm_start >= addr) {
		vma_absorbed(mm, next, mid);
	} else if (mid) {
		anon_vma_import(next, mid);
		vma_set_range(mid, mid->vm_start, addr, mid->vm_pgoff);
	}
	vma_set_range(next, addr, next->vm_end,
		      next->vm_pgoff - ((next->vm_start - addr) >> PAGE_SHIFT));
}

struct vm_area_struct *vma_merge(struct mm_struct *mm, struct vm_area_struct *prev, u64 addr,
				 u64 end, const struct vma_attrs *a)
{
	struct vm_area_struct *mid, *next;
	bool with_prev, with_next;

	if (a->vm_flags & VM_SPECIAL)
		return NULL;
	/* mid: the VMA [addr, end) lies in, NULL when the range is free. */
	if (prev && addr < prev->vm_end)
		mid = prev;
	else
		mid = prev ? prev->vm_next : mm->mmap;
	if (mid && mid->vm_start >= end)
		mid = NULL;
	BUG_ON(addr >= end || (mid && (mid->vm_start > addr || mid->vm_end < end)));
	if (mid)
		next = mid->vm_end == end ? mid->vm_next : NULL;
	else
		next = prev ? prev->vm_next : mm->mmap;

	with_prev = prev && prev != mid && can_merge_after(prev, addr, a);
	with_next = next && can_merge_before(next, addr, end, a);
	if (with_prev && with_next && anon_vma_may_join(prev->anon_vma, next->anon_vma, NULL)) {
		grow_prev(mm, prev, mid, end);
		end = next->vm_end;
		vma_absorbed(mm, prev, next);
		vma_set_range(prev, prev->vm_start, end, prev->vm_pgoff);
		return prev;
	}
	if (with_prev) {
		grow_prev(mm, prev, mid, end);
		return prev;
	}
	if (with_next) {
		grow_next(mm, next, mid, addr);
		return next;
	}
	return NULL;
}

int __split_vma(struct mm_struct *mm, struct vm_area_struct *vma, u64 addr, bool new_below)
{
	u64 cut_pages = (addr - vma->vm_start) >> PAGE_SHIFT, start = vma->vm_start,
	    end = vma->vm_end, pgoff = vma->vm_pgoff;
	struct vm_area_struct *new;

	BUG_ON(addr <= start || addr >= end);
	new = vm_area_dup(vma);
	if (!new)
		return -ENOMEM;
	if (new_below) {
		new->vm_end = addr;
		vma_set_range(vma, addr, end, pgoff + cut_pages);
	} else {
		new->vm_start = addr;
		new->vm_pgoff = pgoff + cut_pages;
		vma_set_range(vma, start, addr, pgoff);
	}
	vma_link(mm, new);
	if (new->vm_ops &&new->vm_ops->open)
		new->vm_ops->open(new);
	return 0;
}

int split_vma(struct mm_struct *mm, struct vm_area_struct *vma, u64 addr, bool new_below)
{
	return mm->map_count >= MAX_MAP_COUNT ? -ENOMEM : __split_vma(mm, vma, addr, new_below);
}
