/* SPDX-License-Identifier: MIT */
/*
 * mremap: a mapping shrinks, grows where it stands, or moves with its pages.
 *
 * The system call comes here (realloc of large blocks does). It calls vma.c for the VMAs and
 * memory.c to move page-table entries; no byte is copied.
 *
 *	mremap(0x7f0000000000, 0x2000, 0x6000, MAYMOVE), the next VMA at 0x7f0000003000:
 *
 *	[7f0000000000-2000]  no room for 0x4000 more  ->  get_unmapped_area: 7effffff0000
 *	new VMA [7effffff0000-6000], same family and offset; PTEs moved; flush; old range unmapped
 *
 *	R1 the entry is in exactly one of the two tables whenever page_table_lock is free, and the
 *	   old translation is flushed before;
 *	R2 when tables for the new place cannot be had, what was moved goes back (its tables are
 *	   there), and the call fails: -ENOMEM;
 *	R3 anonymous pages keep their page offset, so a moved VMA merges only with what it came
 *	   from; an untouched one takes the offset of its new place.
 *
 * MREMAP_DONTUNMAP is not there: -EINVAL, as before Linux 5.7. Entries move one by one; Linux moves
 * whole tables where aligned.
 *
 * Units: bytes. Owner: none kept. Locking: mmap_lock exclusive. Errors: in Linux's order. Time:
 * COST_PTE_COPY an entry, the flush.
 * Source: Linux 6.1 mm/mremap.c.
 */
#include "kernel/percpu/layout.h"
#include "lib/errno.h"
#include "mm/internal.h"
#include "mm/pgtable.h"
#include "sched/task.h"

/* May [addr, addr+old_len) of vma become new_len bytes? 0 or negative errno. */
static int vma_to_resize(struct vm_area_struct *vma, u64 addr, u64 old_len, u64 new_len)
{
	struct mm_struct *mm = vma->vm_mm;
	u64 pgoff;

	if (!old_len && !(vma->vm_flags & (VM_SHARED | VM_MAYSHARE)))
		return -EINVAL;
	if (old_len > vma->vm_end - addr)
		return -EFAULT;
	if (new_len == old_len)
		return 0;
	pgoff = vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT);
	if (pgoff + (new_len >> PAGE_SHIFT) < pgoff)
		return -EINVAL;
	if (vma->vm_flags & (VM_DONTEXPAND | VM_PFNMAP))
		return -EFAULT;
	if (mlock_future_check(mm, vma->vm_flags, new_len - old_len))
		return -EAGAIN;
	return may_expand_vm(mm, vma->vm_flags, (new_len - old_len) >> PAGE_SHIFT) ? 0 : -ENOMEM;
}

/* The VMA at the new place, merged or new. NULL: no memory. */
static struct vm_area_struct *copy_vma(struct vm_area_struct *vma, u64 old_addr, u64 addr, u64 len)
{
	struct mm_struct *mm = vma->vm_mm;
	struct vm_area_struct *prev, *new;
	struct vma_attrs attrs;

	vma_attrs_of(vma, &attrs);
	attrs.pgoff += (old_addr - vma->vm_start) >> PAGE_SHIFT;
	if (vma_is_anonymous(vma) && !vma->anon_vma)
		attrs.pgoff = addr >> PAGE_SHIFT;
	if (find_vma_place(mm, addr, addr + len, &prev))
		return NULL;
	new = vma_merge(mm, prev, addr, addr + len, &attrs);
	if (new)
		return new;
	new = vm_area_dup(vma);
	if (!new)
		return NULL;
	new->vm_start = addr;
	new->vm_end = addr + len;
	new->vm_pgoff = attrs.pgoff;
	if (new->vm_ops &&new->vm_ops->open)
		new->vm_ops->open(new);
	vma_link(mm, new);
	return new;
}

static s64 move_vma(struct vm_area_struct *vma, u64 old_addr, u64 old_len, u64 new_len,
		    u64 new_addr)
{
	struct mm_struct *mm = vma->vm_mm;
	struct vm_area_struct *new;
	u64 pages = new_len >> PAGE_SHIFT, flags = vma->vm_flags, moved;
	bool account = flags & VM_ACCOUNT;

	if (mm->map_count >= MAX_MAP_COUNT - 3)
		return -ENOMEM;
	if (account && vm_enough_memory(pages))
		return -ENOMEM;
	new = copy_vma(vma, old_addr, new_addr, new_len);
	if (!new) {
		if (account)
			vm_unacct_memory(pages);
		return -ENOMEM;
	}
	vm_stat_account(mm, flags, (s64)pages);
	vma = find_vma(mm, old_addr); /* a merge may have taken it in */
	moved = move_page_tables(vma, old_addr, new, new_addr, old_len);
	if (moved < old_len) {
		if (move_page_tables(new, new_addr, vma, old_addr, moved) < moved)
			machine_panic(this_machine(), "mremap: the tables at %#llx are gone",
				      (unsigned long long)old_addr);
		do_munmap(mm, new_addr, new_len); /* on failure an empty mapping stays, accounted */
		return -ENOMEM;
	}
	if (old_len)
		do_munmap(mm, old_addr, old_len);
	return (s64)new_addr;
}

static s64 grow_in_place(struct vm_area_struct *vma, u64 addr, u64 old_len, u64 new_len)
{
	struct mm_struct *mm = vma->vm_mm;
	u64 end = vma->vm_end, pages = (new_len - old_len) >> PAGE_SHIFT;
	bool account = vma->vm_flags & VM_ACCOUNT;
	struct vma_attrs attrs;

	if (account && vm_enough_memory(pages))
		return -ENOMEM;
	vma_attrs_of(vma, &attrs);
	attrs.pgoff += vma_pages(vma);
	if (!vma_merge(mm, vma, end, end + new_len - old_len, &attrs)) {
		if (account)
			vm_unacct_memory(pages);
		return -ENOMEM;
	}
	vm_stat_account(mm, attrs.vm_flags, (s64)pages);
	return (s64)addr;
}

static bool vma_expandable(struct vm_area_struct *vma, u64 delta)
{
	u64 end = vma->vm_end + delta;

	if (end < vma->vm_end || end > TASK_SIZE)
		return false;
	return !vma->vm_next || end <= vma->vm_next->vm_start;
}

/* MREMAP_FIXED. */
static s64 mremap_to(struct mm_struct *mm, u64 addr, u64 old_len, u64 new_addr, u64 new_len)
{
	struct vm_area_struct *vma;
	s64 at;
	int err;

	if (new_addr & ~PAGE_MASK)
		return -EINVAL;
	if (new_len > TASK_SIZE || new_addr > TASK_SIZE - new_len)
		return -EINVAL;
	if (addr + old_len > new_addr && new_addr + new_len > addr)
		return -EINVAL;
	if (mm->map_count + 2 >= MAX_MAP_COUNT - 3)
		return -ENOMEM;
	err = do_munmap(mm, new_addr, new_len);
	if (err)
		return err;
	if (old_len > new_len) {
		err = do_munmap(mm, addr + new_len, old_len - new_len);
		if (err)
			return err;
		old_len = new_len;
	}
	vma = find_vma_intersection(mm, addr, addr + 1);
	if (!vma)
		return -EFAULT;
	err = vma_to_resize(vma, addr, old_len, new_len);
	if (err)
		return err;
	at = get_unmapped_area(mm, new_addr, new_len, MAP_FIXED);
	return at < 0 ? at : move_vma(vma, addr, old_len, new_len, (u64)at);
}

static s64 mremap_locked(struct mm_struct *mm, u64 addr, u64 old_len, u64 new_len, u64 flags,
			 u64 new_addr)
{
	struct vm_area_struct *vma = find_vma_intersection(mm, addr, addr + 1);
	s64 at;
	int err;

	if (!vma)
		return -EFAULT;
	if (flags & MREMAP_FIXED)
		return mremap_to(mm, addr, old_len, new_addr, new_len);
	if (old_len >= new_len) {
		err = old_len > new_len ? do_munmap(mm, addr + new_len, old_len - new_len) : 0;
		return err ? err : (s64)addr;
	}
	err = vma_to_resize(vma, addr, old_len, new_len);
	if (err)
		return err;
	if (old_len == vma->vm_end - addr && vma_expandable(vma, new_len - old_len))
		return grow_in_place(vma, addr, old_len, new_len);
	if (!(flags & MREMAP_MAYMOVE))
		return -ENOMEM;
	at = get_unmapped_area(mm, 0, new_len, 0);
	return at < 0 ? at : move_vma(vma, addr, old_len, new_len, (u64)at);
}

s64 ksys_mremap(u64 addr, u64 old_len, u64 new_len, u64 flags, u64 new_addr)
{
	struct mm_struct *mm = current->mm;
	bool locked;
	s64 ret;

	if (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED))
		return -EINVAL;
	if ((flags & MREMAP_FIXED) && !(flags & MREMAP_MAYMOVE))
		return -EINVAL;
	if (addr & ~PAGE_MASK)
		return -EINVAL;
	old_len = PAGE_ALIGN(old_len);
	new_len = PAGE_ALIGN(new_len);
	if (!new_len)
		return -EINVAL;
	mmap_write_lock(mm);
	ret = mremap_locked(mm, addr, old_len, new_len, flags, new_addr);
	locked = ret >= 0 && new_len > old_len &&
		 find_vma_intersection(mm, (u64)ret, (u64)ret + 1) &&
		 (find_vma(mm, (u64)ret)->vm_flags & VM_LOCKED);
	mmap_write_unlock(mm);
	if (locked)
		mm_populate(mm, (u64)ret + old_len, new_len - old_len);
	return ret;
}
