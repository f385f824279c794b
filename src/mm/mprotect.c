/* SPDX-License-Identifier: MIT */
/*
 * mprotect and madvise: a range changes what it may, or what is expected of it.
 *
 * System calls come here; it calls vma.c to cut and join, memory.c to change or drop what is
 * mapped.
 *
 * mprotect(0x7f0000001000, 4096, PROT_READ) on one rw- VMA of three pages, and back:
 *
 *	[0000-3000 rw-]  ->  [0000-1000 rw-][1000-2000 r--][2000-3000 rw-]  ->  [0000-3000 rw-]
 *
 *	C1 a range with a hole is changed up to the hole, then -ENOMEM;
 *	C2 no right is given that VM_MAY* withholds: -EACCES, what came before stays changed;
 *	C3 a private range that becomes writable is from then on accounted;
 *	C4 rights that went are gone on every CPU before the call returns (change_protection
 *	   flushes); rights that came need no flush, because a TLB entry that would deny is walked
 *	   again.
 *
 * Units: bytes. Owner: none kept. Locking: mmap_lock exclusive; shared for MADV_DONTNEED.
 * Errors: negative errno; a failed split leaves VMAs cut that no access can tell. Time:
 * COST_PTE_COPY an entry, and the flush.
 * Source: Linux 6.1 mm/mprotect.c, mm/madvise.c.
 */
#include "lib/errno.h"
#include "mm/internal.h"
#include "mm/pgtable.h"
#include "sched/task.h"

/*
 * Give [start, end), inside vma, the flags: join a neighbour or cut. *pprev becomes the VMA that
 * ends at `end` or beyond. 0 or -ENOMEM.
 */
static int vma_modify_flags(struct vm_area_struct *vma, struct vm_area_struct **pprev, u64 start,
			    u64 end, u64 flags)
{
	struct mm_struct *mm = vma->vm_mm;
	struct vm_area_struct *prev = vma->vm_start < start ? vma : vma->vm_prev, *merged;
	struct vma_attrs attrs;

	vma_attrs_of(vma, &attrs);
	attrs.vm_flags = flags;
	attrs.pgoff += (start - vma->vm_start) >> PAGE_SHIFT;
	merged = vma_merge(mm, prev, start, end, &attrs);
	if (merged) {
		*pprev = merged;
		return 0;
	}
	*pprev = vma;
	if (vma->vm_start < start && split_vma(mm, vma, start, true))
		return -ENOMEM;
	if (end < vma->vm_end && split_vma(mm, vma, end, false))
		return -ENOMEM;
	vma->vm_flags = flags;
	return 0;
}

/* C3: pages to charge for the change, 0: none. */
static u64 pages_to_account(u64 oldflags, u64 newflags, u64 pages)
{
	if (!(newflags & VM_WRITE) ||
	    (oldflags & (VM_ACCOUNT | VM_WRITE | VM_SHARED | VM_NORESERVE)))
		return 0;
	return pages;
}

static int mprotect_fixup(struct vm_area_struct *vma, struct vm_area_struct **pprev, u64 start,
			  u64 end, u64 newflags)
{
	struct mm_struct *mm = vma->vm_mm;
	u64 oldflags = vma->vm_flags, pages = (end - start) >> PAGE_SHIFT, charged;

	if (newflags == oldflags) {
		*pprev = vma;
		return 0;
	}
	if ((newflags & VM_WRITE) && !may_expand_vm(mm, newflags, pages) &&
	    may_expand_vm(mm, oldflags, pages))
		return -ENOMEM;
	charged = pages_to_account(oldflags, newflags, pages);
	if (charged) {
		if (vm_enough_memory(charged))
			return -ENOMEM;
		newflags |= VM_ACCOUNT;
	}
	if (vma_modify_flags(vma, pprev, start, end, newflags)) {
		vm_unacct_memory(charged);
		return -ENOMEM;
	}
	vma = *pprev;
	vma_set_page_prot(vma);
	vm_stat_account(mm, oldflags, -(s64)pages);
	vm_stat_account(mm, newflags, (s64)pages);
	change_protection(vma, start, end);
	return 0;
}

static int mprotect_range(struct mm_struct *mm, u64 start, u64 end, u64 prot, u64 grows)
{
	struct vm_area_struct *vma = find_vma(mm, start), *prev;
	const u64 bits = (prot & PROT_READ ? VM_READ : 0) | (prot & PROT_WRITE ? VM_WRITE : 0) |
			 (prot & PROT_EXEC ? VM_EXEC : 0);
	int err;

	if (!vma)
		return -ENOMEM;
	if (grows & PROT_GROWSDOWN) {
		if (vma->vm_start >= end)
			return -ENOMEM;
		start = vma->vm_start;
		if (!(vma->vm_flags & VM_GROWSDOWN))
			return -EINVAL;
	} else if (vma->vm_start > start) {
		return -ENOMEM;
	} else if (grows & PROT_GROWSUP) {
		return -EINVAL;
	}
	while (start < end) {
		u64 stop = min(vma->vm_end, end),
		    newflags = bits | (vma->vm_flags & ~VM_ACCESS_FLAGS);

		/* VM_MAYx is VM_x four bits up. */
		if ((newflags & ~(newflags >> 4)) & VM_ACCESS_FLAGS)
			return -EACCES;
		err = mprotect_fixup(vma, &prev, start, stop, newflags);
		if (err)
			return err;
		start = max(stop, prev->vm_end);
		if (start >= end)
			break;
		vma = find_vma(mm, start);
		if (!vma || vma->vm_start != start)
			return -ENOMEM;
	}
	return 0;
}

int do_mprotect(u64 start, u64 len, u64 prot)
{
	struct mm_struct *mm = current->mm;
	u64 grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP), end;
	int err;

	prot &= ~(PROT_GROWSDOWN | PROT_GROWSUP);
	if (grows == (PROT_GROWSDOWN | PROT_GROWSUP))
		return -EINVAL;
	if (start & ~PAGE_MASK)
		return -EINVAL;
	if (!len)
		return 0;
	len = PAGE_ALIGN(len);
	end = start + len;
	if (end <= start)
		return -ENOMEM;
	if (prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM))
		return -EINVAL;
	mmap_write_lock(mm);
	err = mprotect_range(mm, start, end, prot, grows);
	mmap_write_unlock(mm);
	return err;
}

/* --- madvise --- */

static bool madvise_known(int behavior)
{
	return (behavior >= MADV_NORMAL && behavior <= MADV_DONTNEED) ||
	       behavior == MADV_DONTFORK || behavior == MADV_DOFORK ||
	       (behavior >= MADV_DONTDUMP && behavior <= MADV_KEEPONFORK);
}

static bool madvise_changes_flags(int behavior)
{
	return behavior != MADV_WILLNEED && behavior != MADV_DONTNEED;
}

/* 0 or -EINVAL; *flags as the advice makes them. */
static int madvise_flags(const struct vm_area_struct *vma, int behavior, u64 *flags)
{
	switch (behavior) {
	case MADV_NORMAL:
		*flags &= ~(VM_RAND_READ | VM_SEQ_READ);
		return 0;
	case MADV_SEQUENTIAL:
		*flags = (*flags & ~VM_RAND_READ) | VM_SEQ_READ;
		return 0;
	case MADV_RANDOM:
		*flags = (*flags & ~VM_SEQ_READ) | VM_RAND_READ;
		return 0;
	case MADV_DONTFORK:
		*flags |= VM_DONTCOPY;
		return 0;
	case MADV_DOFORK:
		*flags &= ~VM_DONTCOPY;
		return *flags & VM_IO ? -EINVAL : 0;
	case MADV_WIPEONFORK:
		*flags |= VM_WIPEONFORK;
		return vma->vm_file || (*flags & VM_SHARED) ? -EINVAL : 0;
	case MADV_KEEPONFORK:
		*flags &= ~VM_WIPEONFORK;
		return 0;
	case MADV_DONTDUMP:
		*flags |= VM_DONTDUMP;
		return 0;
	case MADV_DODUMP:
		*flags &= ~VM_DONTDUMP;
		return *flags & VM_SPECIAL ? -EINVAL : 0;
	}
	return -EINVAL;
}

static int madvise_vma(struct vm_area_struct *vma, struct vm_area_struct **pprev, u64 start,
		       u64 end, int behavior)
{
	u64 flags = vma->vm_flags;
	int err;

	*pprev = vma;
	if (behavior == MADV_WILLNEED)
		return 0; /* nothing is slow to bring in: no swap, files are in memory */
	if (behavior == MADV_DONTNEED) {
		if (flags & (VM_LOCKED | VM_PFNMAP))
			return -EINVAL;
		zap_page_range(vma, start, end - start);
		return 0;
	}
	err = madvise_flags(vma, behavior, &flags);
	if (err || flags == vma->vm_flags)
		return err;
	return vma_modify_flags(vma, pprev, start, end, flags);
}

static int madvise_range(struct mm_struct *mm, u64 start, u64 end, int behavior)
{
	struct vm_area_struct *vma = find_vma(mm, start), *prev;
	int unmapped = 0, err;

	while (vma && start < end) {
		u64 stop;

		if (vma->vm_start > start) {
			unmapped = -ENOMEM;
			start = vma->vm_start;
			if (start >= end)
				return unmapped;
		}
		stop = min(vma->vm_end, end);
		err = madvise_vma(vma, &prev, start, stop, behavior);
		if (err)
			return err;
		start = max(stop, prev->vm_end);
		vma = find_vma(mm, start);
	}
	return start < end ? -ENOMEM : unmapped;
}

int do_madvise(u64 start, u64 len, int behavior)
{
	struct mm_struct *mm = current->mm;
	u64 end;
	int err;

	if (!madvise_known(behavior) || (start & ~PAGE_MASK))
		return -EINVAL;
	end = start + PAGE_ALIGN(len);
	if ((len && PAGE_ALIGN(len) == 0) || end < start)
		return -EINVAL;
	if (end == start)
		return 0;
	if (madvise_changes_flags(behavior)) {
		mmap_write_lock(mm);
		err = madvise_range(mm, start, end, behavior);
		mmap_write_unlock(mm);
	} else {
		mmap_read_lock(mm);
		err = madvise_range(mm, start, end, behavior);
		mmap_read_unlock(mm);
	}
	return err;
}

/* --- msync --- */

static int msync_range(struct mm_struct *mm, u64 start, u64 end, int flags)
{
	int unmapped = 0;

	for (struct vm_area_struct *vma = find_vma(mm, start); vma; vma = vma->vm_next) {
		if (start < vma->vm_start) {
			unmapped = -ENOMEM;
			if (vma->vm_start >= end)
				return unmapped;
		}
		if ((flags & MS_INVALIDATE) && (vma->vm_flags & VM_LOCKED))
			return -EBUSY;
		start = vma->vm_end;
		if (start >= end)
			return unmapped;
	}
	return -ENOMEM;
}

int do_msync(u64 start, u64 len, int flags)
{
	struct mm_struct *mm = current->mm;
	u64 end;
	int err;

	if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || (start & ~PAGE_MASK) ||
	    ((flags & MS_ASYNC) && (flags & MS_SYNC)))
		return -EINVAL;
	end = start + PAGE_ALIGN(len);
	if (end < start)
		return -ENOMEM;
	if (end == start)
		return 0;
	mmap_read_lock(mm);
	err = msync_range(mm, start, end, flags);
	mmap_read_unlock(mm);
	return err;
}
