/* SPDX-License-Identifier: MIT */
/*
 * Getting at user pages of an address space that need not be loaded: /proc/PID/cmdline, exec's
 * stack, mmap's populate.
 *
 * Upper floors call access_remote_vm(), mm_populate() and get_user_page(). It calls find_vma and
 * handle_mm_fault as the #PF handler does, only without a fault.
 *
 *	access_remote_vm(mm, 0x7ffffffdeff8, buf, 16, read)
 *	  page 7ffffffde: PTE present -> 8 bytes from the frame
 *	  page 7ffffffdf: absent -> handle_mm_fault -> PTE -> 8 bytes
 *
 *	Q1 a page is held by a reference while it is touched, so an unmap meanwhile frees nothing
 *	   under us;
 *	Q2 a page is handed out for writing only when the PTE allows it, or, forced, when it is this
 *	   PTE's exclusive anonymous copy: never a page that others see as private.
 *
 * Units: bytes. Owner: the caller puts the page. Locking: mmap_lock shared. Errors: -EFAULT,
 * -ENOMEM; access_remote_vm says how far it got.
 * Time: faults', and COST_CACHELINE per 64 bytes copied. Source: Linux 6.1 mm/gup.c, mm/memory.c
 * (__access_remote_vm).
 */
#include "hw/cpu.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/internal.h"
#include "mm/pgtable.h"
#include "mm/rmap.h"

static bool may_get(const struct vm_area_struct *vma, bool write, bool force)
{
	if (vma->vm_flags & (VM_IO | VM_PFNMAP))
		return false;
	if (write && !(vma->vm_flags & VM_WRITE))
		return force && is_cow_mapping(vma->vm_flags);
	if (!write && !(vma->vm_flags & VM_ACCESS_FLAGS))
		return force && (vma->vm_flags & VM_MAYREAD);
	return true;
}

/* Q2. */
static bool may_write_page(pte_t pte, const struct page *page, bool force)
{
	return pte_write(pte) || (force && PageAnon(page) && PageAnonExclusive(page));
}

/* The page mapped at addr with a reference, NULL when a fault is needed. */
static struct page *follow_page(struct mm_struct *mm, u64 addr, bool write, bool force)
{
	pte_t *pte = pte_find(mm, addr);
	struct page *page = NULL;

	if (!pte)
		return NULL;
	spin_lock(&mm->page_table_lock);
	if (pte_present(*pte)) {
		page = pfn_to_page(pte_pfn(*pte));
		if (write && !may_write_page(*pte, page, force))
			page = NULL;
		else
			get_page(page);
		if (page && write)
			*pte |= PTE_D;
	}
	spin_unlock(&mm->page_table_lock);
	return page;
}

int get_user_page(struct mm_struct *mm, u64 addr, bool write, bool force, struct page **page)
{
	u32 tries, flags = FAULT_FLAG_REMOTE | (write ? FAULT_FLAG_WRITE : 0);
	vm_fault_t ret;

	for (tries = 0; tries < GUP_TRIES; tries++) {
		struct vm_area_struct *vma = find_vma_intersection(mm, addr, addr + 1);

		if (!vma || !may_get(vma, write, force))
			return -EFAULT;
		*page = follow_page(mm, addr, write, force);
		if (*page)
			return 0;
		ret = handle_mm_fault(vma, addr, flags);
		if (ret & VM_FAULT_RETRY)
			mmap_read_lock(mm);
		if (ret & VM_FAULT_OOM)
			return -ENOMEM;
		if (ret & VM_FAULT_ERROR)
			return -EFAULT;
	}
	return -EFAULT;
}

u64 access_remote_vm(struct mm_struct *mm, u64 addr, void *buf, u64 len, bool write)
{
	u8 *at = buf;
	u64 done = 0;

	mmap_read_lock(mm);
	while (done < len && addr + done < mm->task_size) {
		u64 off = (addr + done) & (PAGE_SIZE - 1), chunk = min(len - done, PAGE_SIZE - off);
		struct page *page;
		u8 *bytes;

		if (get_user_page(mm, addr + done, write, true, &page))
			break;
		bytes = (u8 *)page_address(page) + off;
		if (write) {
			memcpy(bytes, at + done, chunk);
			phys_written(this_machine(), page_to_pa(page) + off, chunk);
		} else {
			memcpy(at + done, bytes, chunk);
		}
		charge_n(COST_CACHELINE, DIV_ROUND_UP(chunk, (u64)64));
		put_page(page);
		done += chunk;
	}
	mmap_read_unlock(mm);
	return done;
}

int mm_populate(struct mm_struct *mm, u64 start, u64 len)
{
	u64 addr, end = start + len;
	int err = 0;

	mmap_read_lock(mm);
	for (addr = start; addr < end && !err; addr += PAGE_SIZE) {
		struct vm_area_struct *vma = find_vma_intersection(mm, addr, end);
		struct page *page;

		if (!vma)
			break;
		addr = max(addr, vma->vm_start);
		/*
		 * A private page is wanted as it will be used; a shared one must not be dirtied by
		 * looking.
		 */
		err = get_user_page(mm, addr, (vma->vm_flags & (VM_WRITE | VM_SHARED)) == VM_WRITE,
				    false, &page);
		if (!err)
			put_page(page);
	}
	mmap_read_unlock(mm);
	return err;
}
