/* SPDX-License-Identifier: MIT */
/*
 * Page-table entries of user memory: what faults put in, what unmapping takes out, what fork
 * copies.
 *
 * fault.c, munmap, mprotect, mremap, fork and get_user_page() call it with mmap_lock held. It calls
 * the buddy allocator, the owners' ->fault and ->page_mkwrite, and the TLB flush. It knows no files
 * and no signals: a result is a VM_FAULT_* mask.
 *
 * One page of a private heap through its life (PTE bits; E: PageAnonExclusive, n refs):
 *
 *	first read           zero page, r--, special                      not counted
 *	first write          new frame, rw-, E, 1 ref                     anon_rss 1
 *	fork                 parent r--, child r--, not E, 2 refs          anon_rss 1 each
 *	child writes         child: copy, rw-, E; parent: r--, 1 ref
 *	parent writes        1 ref: the same frame again, rw-, E           no copy
 *	munmap               PTE 0, flush, put: the frame goes back
 *
 *	M1 a PTE that counts a page holds one reference and one _mapcount; the zero page's is marked
 *	   special and holds neither;
 *	M2 rss_stat counts exactly the counted PTEs, anonymous ones as MM_ANONPAGES;
 *	M3 W is set in a private mapping's PTE only if its page is anonymous and exclusive;
 *	M4 a PTE changes only under page_table_lock; a PTE that loses rights or its frame is flushed
 *	   before anybody relies on it;
 *	M5 what was decided on an entry is done only if the entry is still the same when the lock is
 *	   taken again (allocation and ->fault happen without it);
 *	M6 E goes at fork and comes back only when the faulting PTE holds the last reference.
 *
 * A second fault on the same page by another thread finds M5's check false and simply returns: the
 * access is tried again.
 *
 * Units: addresses in bytes, counters in pages.
 * Owner: vmf->page's reference passes from ->fault to here.
 * Locking: mmap_lock shared (faults) or exclusive; page_table_lock inside. ->fault and allocations
 * without page_table_lock.
 * Errors: VM_FAULT_OOM leaves the entry as it was; copy_page_range's -ENOMEM leaves a child that
 * exit_mmap can take down.
 * Time: COST_FAULT_WORK a fault, COST_PTE_COPY an entry copied or zapped, clearing and copying by
 * the allocator's helpers.
 * Source: Linux 6.1 mm/memory.c (do_anonymous_page, do_wp_page, do_fault, copy_pte_range,
 * zap_pte_range), mm/mremap.c.
 */
#include "hw/cpu.h"
#include "kernel/percpu/layout.h"
#include "lib/errno.h"
#include "mm/alloc/gfp.h"
#include "mm/internal.h"
#include "mm/pgtable.h"
#include "mm/rmap.h"

struct page *vm_normal_page(pte_t pte)
{
	return pte_present(pte) && !pte_special(pte) ? pfn_to_page(pte_pfn(pte)) : NULL;
}

static int rss_kind(const struct vm_area_struct *vma, const struct page *page)
{
	if (PageAnon(page))
		return MM_ANONPAGES;
	return vma->vm_shm ? MM_SHMEMPAGES : MM_FILEPAGES;
}

u64 get_mm_rss(const struct mm_struct *mm)
{
	return (u64)(mm->rss_stat[MM_FILEPAGES] + mm->rss_stat[MM_ANONPAGES] +
		     mm->rss_stat[MM_SHMEMPAGES]);
}

static void rss_add(struct mm_struct *mm, int kind, s64 pages)
{
	mm->rss_stat[kind] += pages;
	if (pages > 0)
		mm->hiwater_rss = max(mm->hiwater_rss, get_mm_rss(mm));
}

static pte_t mk_pte(const struct page *page, u64 prot)
{
	return pfn_pte(page_to_pfn(page), prot);
}

static pte_t maybe_mkwrite(pte_t pte, const struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_WRITE ? pte | PTE_W : pte;
}

static u64 linear_page_index(const struct vm_area_struct *vma, u64 addr)
{
	return vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT);
}

/* --- faults --- */

/* Lock, and tell whether the entry is still what the fault saw (M5). Unlocked again when not. */
static bool pte_lock_same(struct vm_fault *vmf)
{
	spinlock_t *ptl = &vmf->vma->vm_mm->page_table_lock;

	spin_lock(ptl);
	if (*vmf->pte == vmf->orig_pte)
		return true;
	spin_unlock(ptl);
	return false;
}

static void pte_unlock(struct vm_fault *vmf)
{
	spin_unlock(&vmf->vma->vm_mm->page_table_lock);
}

static vm_fault_t map_zero_page(struct vm_fault *vmf)
{
	if (pte_lock_same(vmf)) {
		*vmf->pte = mk_pte(mm_root()->zero_page, vmf->vma->vm_page_prot | PTE_SPECIAL);
		pte_unlock(vmf);
	}
	return 0;
}

/*
 * Put vmf->cow_page, filled, where orig_pte was, which counted `old` (NULL: nothing). Takes over
 * cow_page's reference.
 */
static vm_fault_t install_anon(struct vm_fault *vmf, struct page *old)
{
	struct vm_area_struct *vma = vmf->vma;
	struct mm_struct *mm = vma->vm_mm;
	pte_t entry = maybe_mkwrite(mk_pte(vmf->cow_page, vma->vm_page_prot) | PTE_D, vma);

	if (!pte_lock_same(vmf)) {
		put_page(vmf->cow_page);
		return 0;
	}
	page_add_new_anon_rmap(vmf->cow_page, linear_page_index(vma, vmf->address));
	if (old) {
		rss_add(mm, rss_kind(vma, old), -1);
		page_remove_rmap(old);
	}
	rss_add(mm, MM_ANONPAGES, 1);
	if (pte_present(vmf->orig_pte)) {
		/* Never two frames at once: gone for every CPU before the new one shows. */
		*vmf->pte = 0;
		flush_tlb_page(vma, vmf->address);
	}
	*vmf->pte = entry;
	pte_unlock(vmf);
	if (old)
		put_page(old);
	return 0;
}

static vm_fault_t do_anonymous_page(struct vm_fault *vmf)
{
	if (vmf->vma->vm_flags & VM_SHARED)
		return VM_FAULT_SIGBUS;
	if (!(vmf->flags & FAULT_FLAG_WRITE))
		return map_zero_page(vmf);
	if (anon_vma_prepare(vmf->vma))
		return VM_FAULT_OOM;
	vmf->cow_page = alloc_page(GFP_HIGHUSER_MOVABLE | __GFP_ZERO);
	if (!vmf->cow_page)
		return VM_FAULT_OOM;
	return install_anon(vmf, NULL);
}

/* old: a reference held by the caller, NULL for the zero page. */
static vm_fault_t wp_page_copy(struct vm_fault *vmf, struct page *old)
{
	if (anon_vma_prepare(vmf->vma))
		return VM_FAULT_OOM;
	vmf->cow_page = alloc_page(GFP_HIGHUSER_MOVABLE | (old ? 0 : __GFP_ZERO));
	if (!vmf->cow_page)
		return VM_FAULT_OOM;
	if (old)
		copy_highpage(vmf->cow_page, old);
	return install_anon(vmf, old);
}

/*
 * A shared mapping's page is written for the first time: its owner hears of it, then the same page
 * becomes writable.
 */
static vm_fault_t wp_page_shared(struct vm_fault *vmf, struct page *page)
{
	struct vm_area_struct *vma = vmf->vma;
	vm_fault_t ret = 0;

	if (vma->vm_ops && vma->vm_ops->page_mkwrite) {
		vmf->page = page;
		ret = vma->vm_ops->page_mkwrite(vmf);
		if (ret & (VM_FAULT_ERROR | VM_FAULT_NOPAGE | VM_FAULT_RETRY))
			return ret;
	}
	if (pte_lock_same(vmf)) {
		*vmf->pte = maybe_mkwrite(vmf->orig_pte | PTE_A | PTE_D, vma);
		SetPageDirty(page);
		pte_unlock(vmf);
	}
	return ret & ~VM_FAULT_LOCKED;
}

/* Is the page the faulting PTE's alone? Under page_table_lock. */
static bool anon_reusable(struct page *page)
{
	if (PageAnonExclusive(page))
		return true;
	if (page_ref_count(page) != 1)
		return false;
	SetPageAnonExclusive(page);
	return true;
}

static vm_fault_t do_wp_page(struct vm_fault *vmf)
{
	struct page *page = vm_normal_page(vmf->orig_pte);
	struct vm_area_struct *vma = vmf->vma;
	vm_fault_t ret;

	if (!page)
		return wp_page_copy(vmf, NULL);
	if (!pte_lock_same(vmf))
		return 0;
	if (!(vma->vm_flags & (VM_SHARED | VM_MAYSHARE)) && PageAnon(page) && anon_reusable(page)) {
		*vmf->pte = maybe_mkwrite(vmf->orig_pte | PTE_A | PTE_D, vma);
		pte_unlock(vmf);
		return 0;
	}
	get_page(page);
	pte_unlock(vmf);
	ret = vma->vm_flags & (VM_SHARED | VM_MAYSHARE) ? wp_page_shared(vmf, page) :
							  wp_page_copy(vmf, page);
	put_page(page);
	return ret;
}

/* Ask the owner for the page. On success vmf->page holds a reference of ours. */
static vm_fault_t call_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	vm_fault_t ret;

	vmf->page = NULL;
	if (vma->vm_shm)
		return shm_fault(vmf);
	if (!vma->vm_ops->fault)
		return VM_FAULT_SIGBUS;
	/* WALK 7/10 -> vm_ops->fault, vfs/filemap.c */
	ret = vma->vm_ops->fault(vmf);
	BUG_ON(!(ret & (VM_FAULT_ERROR | VM_FAULT_NOPAGE | VM_FAULT_RETRY)) && !vmf->page);
	return ret & ~VM_FAULT_LOCKED;
}

static vm_fault_t map_file_page(struct vm_fault *vmf, pte_t entry)
{
	struct vm_area_struct *vma = vmf->vma;

	if (!pte_lock_same(vmf)) {
		put_page(vmf->page);
		return 0;
	}
	page_add_file_rmap(vmf->page);
	rss_add(vma->vm_mm, rss_kind(vma, vmf->page), 1);
	/* WALK 9/10 -> the entry is present: back to the interrupt return, kernel/irq/entry.c */
	*vmf->pte = entry;
	pte_unlock(vmf);
	return 0;
}

static vm_fault_t do_cow_fault(struct vm_fault *vmf)
{
	vm_fault_t ret;

	if (anon_vma_prepare(vmf->vma))
		return VM_FAULT_OOM;
	vmf->cow_page = alloc_page(GFP_HIGHUSER_MOVABLE);
	if (!vmf->cow_page)
		return VM_FAULT_OOM;
	ret = call_fault(vmf);
	if (ret & (VM_FAULT_ERROR | VM_FAULT_NOPAGE | VM_FAULT_RETRY)) {
		put_page(vmf->cow_page);
		return ret;
	}
	copy_highpage(vmf->cow_page, vmf->page);
	put_page(vmf->page);
	return ret | install_anon(vmf, NULL);
}

static vm_fault_t do_shared_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	vm_fault_t ret = call_fault(vmf), mk;

	if (ret & (VM_FAULT_ERROR | VM_FAULT_NOPAGE | VM_FAULT_RETRY))
		return ret;
	if (vma->vm_ops && vma->vm_ops->page_mkwrite) {
		mk = vma->vm_ops->page_mkwrite(vmf);
		if (mk & (VM_FAULT_ERROR | VM_FAULT_NOPAGE | VM_FAULT_RETRY)) {
			put_page(vmf->page);
			return mk;
		}
	}
	SetPageDirty(vmf->page);
	return ret |
	       map_file_page(vmf, maybe_mkwrite(mk_pte(vmf->page, vma->vm_page_prot) | PTE_D, vma));
}

static vm_fault_t do_fault(struct vm_fault *vmf)
{
	vm_fault_t ret;

	if (vmf->flags & FAULT_FLAG_WRITE)
		return vmf->vma->vm_flags & VM_SHARED ? do_shared_fault(vmf) : do_cow_fault(vmf);
	ret = call_fault(vmf);
	if (ret & (VM_FAULT_ERROR | VM_FAULT_NOPAGE | VM_FAULT_RETRY))
		return ret;
	return ret | map_file_page(vmf, mk_pte(vmf->page, vmf->vma->vm_page_prot));
}

vm_fault_t handle_mm_fault(struct vm_area_struct *vma, u64 address, u32 flags)
{
	struct vm_fault vmf = {
		.vma = vma,
		.address = address & PAGE_MASK,
		.real_address = address,
		.flags = flags,
		.pgoff = linear_page_index(vma, address & PAGE_MASK),
	};
	vm_fault_t ret;

	BUG_ON(address < vma->vm_start || address >= vma->vm_end);
	vmf.pte = pte_alloc_walk(vma->vm_mm, vmf.address);
	if (!vmf.pte)
		return VM_FAULT_OOM;
	vmf.orig_pte = *vmf.pte;
	if (pte_none(vmf.orig_pte))
		ret = vma_is_anonymous(vma) ? do_anonymous_page(&vmf) : do_fault(&vmf);
	else if ((flags & FAULT_FLAG_WRITE) && !pte_write(vmf.orig_pte))
		ret = do_wp_page(&vmf);
	else
		ret = 0; /* somebody else resolved it meanwhile */
	charge(COST_FAULT_WORK);
	return ret;
}

/* --- unmapping --- */

/* Drop one present entry; the page goes to the gather. */
static void zap_pte(struct mmu_gather *tlb, struct vm_area_struct *vma, pte_t *pte, u64 addr)
{
	struct page *page = vm_normal_page(*pte);

	if (page) {
		if (pte_dirty(*pte) && !PageAnon(page))
			SetPageDirty(page);
		rss_add(vma->vm_mm, rss_kind(vma, page), -1);
		page_remove_rmap(page);
	}
	*pte = 0;
	tlb_remove_page(tlb, page, addr, addr + PAGE_SIZE);
}

static void zap_pte_range(struct mmu_gather *tlb, struct vm_area_struct *vma, u64 start, u64 end)
{
	while (start < end) {
		u32 zapped = 0;
		pte_t *pte;

		if (tlb_full(tlb))
			tlb_flush_mmu(tlb);
		spin_lock(&vma->vm_mm->page_table_lock);
		for (pte = pte_find(vma->vm_mm, start); start < end && !tlb_full(tlb);
		     start += PAGE_SIZE, pte++) {
			if (pte_none(*pte))
				continue;
			zap_pte(tlb, vma, pte, start);
			zapped++;
		}
		spin_unlock(&vma->vm_mm->page_table_lock);
		charge_n(COST_PTE_COPY, zapped);
	}
}

/*
 * The next address in [addr, end) whose pte table exists, and where that table's span ends in
 * *stop; end when there is none. Empty tops and middles are skipped whole, so a sparse range costs
 * its tables, not its size.
 */
static u64 next_pte_table(struct mm_struct *mm, u64 addr, u64 end, u64 *stop)
{
	while (addr < end) {
		u64 entry = mm->pgd[pgd_index(addr)];

		if (!entry) {
			addr = span_end(addr, end, PGDIR_SIZE);
			continue;
		}
		entry = ((u64 *)pa_to_host(entry & PTE_ADDR))[pud_index(addr)];
		if (!entry) {
			addr = span_end(addr, end, PUD_SIZE);
			continue;
		}
		entry = ((u64 *)pa_to_host(entry & PTE_ADDR))[pmd_index(addr)];
		*stop = span_end(addr, end, PMD_SIZE);
		if (entry)
			return addr;
		addr = *stop;
	}
	return end;
}

void unmap_page_range(struct mmu_gather *tlb, struct vm_area_struct *vma, u64 start, u64 end)
{
	u64 stop;

	start = max(start, vma->vm_start);
	end = min(end, vma->vm_end);
	for (; start < end; start = stop) {
		start = next_pte_table(vma->vm_mm, start, end, &stop);
		if (start >= end)
			return;
		zap_pte_range(tlb, vma, start, stop);
	}
}

void zap_page_range(struct vm_area_struct *vma, u64 start, u64 len)
{
	struct mmu_gather tlb;

	tlb_gather_mmu(&tlb, vma->vm_mm, false);
	unmap_page_range(&tlb, vma, start, start + len);
	tlb_flush_mmu(&tlb);
}

/* --- changing rights --- */

static pte_t changed_pte(const struct vm_area_struct *vma, pte_t pte)
{
	struct page *page = vm_normal_page(pte);

	pte = pte_modify(pte, vma->vm_page_prot);
	/* A page that is this PTE's alone need not fault again to become writable (M3). */
	if ((vma->vm_flags & (VM_WRITE | VM_SHARED)) == VM_WRITE && page && PageAnon(page) &&
	    PageAnonExclusive(page))
		pte |= PTE_W;
	return pte;
}

void change_protection(struct vm_area_struct *vma, u64 start, u64 end)
{
	struct mm_struct *mm = vma->vm_mm;
	u64 addr = start, stop, changed = 0;

	for (; addr < end; addr = stop) {
		u32 nr = 0;
		pte_t *pte;

		addr = next_pte_table(mm, addr, end, &stop);
		if (addr >= end)
			break;
		spin_lock(&mm->page_table_lock);
		for (pte = pte_find(mm, addr); addr < stop; addr += PAGE_SIZE, pte++) {
			if (pte_none(*pte))
				continue;
			*pte = changed_pte(vma, *pte);
			nr++;
		}
		spin_unlock(&mm->page_table_lock);
		charge_n(COST_PTE_COPY, nr);
		changed += nr;
	}
	if (changed)
		flush_tlb_range(vma, start, end);
}

/* --- fork --- */

/*
 * Both sides of a private page lose W; the child's copy is not young, of a shared page not dirty.
 */
static void copy_pte(struct vm_area_struct *dst, struct vm_area_struct *src, pte_t *to, pte_t *from)
{
	struct page *page = vm_normal_page(*from);
	pte_t pte = *from;

	if (is_cow_mapping(src->vm_flags) && pte_write(pte))
		*from = pte = pte & ~PTE_W;
	if (src->vm_flags & VM_SHARED)
		pte &= ~PTE_D;
	*to = pte & ~PTE_A;
	if (!page)
		return;
	get_page(page);
	if (PageAnon(page))
		page_dup_anon_rmap(page);
	else
		page_add_file_rmap(page);
	rss_add(dst->vm_mm, rss_kind(dst, page), 1);
}

/*
 * File pages that nobody copied come back by faulting; only what exists nowhere else has to be
 * copied now.
 */
static bool vma_needs_copy(const struct vm_area_struct *src)
{
	return src->anon_vma || (src->vm_flags & (VM_PFNMAP | VM_MIXEDMAP));
}

int copy_page_range(struct vm_area_struct *dst, struct vm_area_struct *src)
{
	struct mm_struct *mm = src->vm_mm;
	u64 addr = src->vm_start, end = src->vm_end, stop;

	if (!vma_needs_copy(src))
		return 0;
	for (; addr < end; addr = stop) {
		u32 nr = 0;
		pte_t *to, *from;

		addr = next_pte_table(mm, addr, end, &stop);
		if (addr >= end)
			break;
		to = pte_alloc_walk(dst->vm_mm, addr);
		if (!to)
			return -ENOMEM;
		spin_lock(&mm->page_table_lock);
		for (from = pte_find(mm, addr); addr < stop; addr += PAGE_SIZE, from++, to++) {
			if (pte_none(*from))
				continue;
			copy_pte(dst, src, to, from);
			nr++;
		}
		spin_unlock(&mm->page_table_lock);
		charge_n(COST_PTE_COPY, nr);
	}
	return 0;
}

/* --- mremap --- */

static void move_ptes(struct vm_area_struct *vma, u64 old_addr, u64 new_addr, u64 len)
{
	struct mm_struct *mm = vma->vm_mm;
	pte_t *from, *to;
	u32 moved = 0;
	u64 off;

	spin_lock(&mm->page_table_lock);
	from = pte_find(mm, old_addr);
	to = pte_find(mm, new_addr);
	for (off = 0; off < len; off += PAGE_SIZE, from++, to++) {
		if (pte_none(*from))
			continue;
		*to = *from;
		*from = 0;
		moved++;
	}
	/*
	 * Before the lock goes: nobody may write through the old address to a page that the new one
	 * has.
	 */
	if (moved)
		flush_tlb_range(vma, old_addr, old_addr + len);
	spin_unlock(&mm->page_table_lock);
	charge_n(COST_PTE_COPY, moved);
}

u64 move_page_tables(struct vm_area_struct *vma, u64 old_addr, struct vm_area_struct *new_vma,
		     u64 new_addr, u64 len)
{
	u64 done = 0, stop, old, piece;

	while (done < len) {
		old = next_pte_table(vma->vm_mm, old_addr + done, old_addr + len, &stop);
		done = old - old_addr;
		if (done >= len)
			break;
		/* One pte table on both sides. */
		piece = min(stop - old, span_end(new_addr + done, new_addr + len, PMD_SIZE) -
						(new_addr + done));
		if (!pte_alloc_walk(new_vma->vm_mm, new_addr + done))
			break;
		move_ptes(vma, old, new_addr + done, piece);
		done += piece;
	}
	return min(done, len);
}
