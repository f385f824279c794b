/* SPDX-License-Identifier: MIT */
/*
 * Page tables of user address spaces: finding, making and freeing them.
 *
 * Faults, fork and mremap call it to get at an entry; munmap and exit to free tables. It calls the
 * buddy allocator for frames and the gather in tlb.c so that no table is reused while a walker may
 * still read it.
 *
 * The tables on the way to 0x7ffff7fff000 (a frame number each; the walker of hw/mmu.c reads the
 * same bytes):
 *
 *	mm->pgd 0x1a3[255] -> 0x1a4[511] -> 0x1a5[447] -> 0x1a6[511] -> data 0x2f0
 *	        0x1a3[273], [511]  the direct map's and the kernel image's: init_mm's, fixed at boot
 *
 *	G1 entries 0..255 of the top are the mm's own; 256..511 equal init_mm's for ever, so no
 *	   kernel address ever faults for lack of a copy;
 *	G2 an entry names a table iff it is not 0; tables are zeroed before they are linked, under
 *	   page_table_lock;
 *	G3 tables are unlinked only with mmap_lock exclusive (or by the last user), and only when no
 *	   VMA is left in their span: who holds mmap_lock shared may keep a pointer to an entry and
 *	   take page_table_lock later;
 *	G4 an unlinked table is freed after the TLB flush, paging-structure caches included
 *	   (freed_tables).
 *
 * Units: addresses in bytes; pgtables_bytes counts tables below the top.
 * Owner: every table page is the mm's, one reference, flag PG_table.
 * Locking: page_table_lock for linking; see G3.
 * Errors: NULL or -ENOMEM; what was linked on the way stays and is found by the next try or freed
 * with the range.
 * Time: the allocator's charges; freeing is charged with the flush.
 * Source: Intel SDM 3A 4.5; Linux 6.1 mm/memory.c (free_pgd_range, __pte_alloc).
 */
#include "mm/pgtable.h"

#include "kernel/percpu/layout.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/gfp.h"
#include "mm/alloc/mmzone.h"
#include "mm/internal.h"

u64 vm_get_page_prot(u64 vm_flags)
{
	u64 prot;

	if (!(vm_flags & VM_ACCESS_FLAGS))
		return PTE_PROTNONE | PTE_A | PTE_NX;
	prot = PTE_P | PTE_U | PTE_A;
	if ((vm_flags & (VM_SHARED | VM_WRITE)) == (VM_SHARED | VM_WRITE))
		prot |= PTE_W;
	if (!(vm_flags & VM_EXEC))
		prot |= PTE_NX;
	return prot;
}

static u64 *table_of(u64 entry)
{
	return pa_to_host(entry & PTE_ADDR);
}

static u64 *table_alloc(void)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO | __GFP_ACCOUNT);

	if (!page)
		return NULL;
	SetPageTable(page);
	mod_page_state(page, NR_PAGETABLE, 1);
	return page_address(page);
}

static void table_free(u64 *table)
{
	struct page *page = virt_to_page(table);

	ClearPageTable(page);
	mod_page_state(page, NR_PAGETABLE, -1);
	put_page(page);
}

/* The table that *entry names, made when there is none. NULL: no memory. */
static u64 *table_get(struct mm_struct *mm, u64 *entry)
{
	u64 *table;

	if (*entry)
		return table_of(*entry);
	table = table_alloc();
	if (!table)
		return NULL;
	spin_lock(&mm->page_table_lock);
	if (!*entry) {
		*entry = host_to_pa(table) | PTE_TABLE;
		mm->pgtables_bytes += PAGE_SIZE;
		table = NULL;
	}
	spin_unlock(&mm->page_table_lock);
	if (table)
		table_free(table);
	return table_of(*entry);
}

pmd_t *pmd_alloc_walk(struct mm_struct *mm, u64 addr)
{
	u64 *table;

	BUG_ON(addr >= TASK_SIZE);
	table = table_get(mm, mm->pgd + pgd_index(addr));
	if (!table)
		return NULL;
	table = table_get(mm, table + pud_index(addr));
	return table ? table + pmd_index(addr) : NULL;
}

pte_t *pte_alloc_walk(struct mm_struct *mm, u64 addr)
{
	pmd_t *pmd = pmd_alloc_walk(mm, addr);
	u64 *table = pmd ? table_get(mm, pmd) : NULL;

	return table ? table + pte_index(addr) : NULL;
}

pmd_t *pmd_find(struct mm_struct *mm, u64 addr)
{
	u64 entry = mm->pgd[pgd_index(addr)];

	if (!entry)
		return NULL;
	entry = table_of(entry)[pud_index(addr)];
	return entry ? table_of(entry) + pmd_index(addr) : NULL;
}

pte_t *pte_find(struct mm_struct *mm, u64 addr)
{
	pmd_t *pmd = pmd_find(mm, addr);

	return pmd && *pmd ? table_of(*pmd) + pte_index(addr) : NULL;
}

int pgd_alloc(struct mm_struct *mm)
{
	const struct mm_struct *kernel_mm = &mm_root()->init_mm;

	mm->pgd = table_alloc();
	if (!mm->pgd)
		return -ENOMEM;
	mm->pgd_pa = host_to_pa(mm->pgd);
	memcpy(mm->pgd + USER_PGD_PTRS, kernel_mm->pgd + USER_PGD_PTRS,
	       USER_PGD_PTRS * sizeof(pgd_t));
	return 0;
}

void pgd_free(struct mm_struct *mm)
{
	table_free(mm->pgd);
	mm->pgd = NULL;
}

/* --- freeing --- */

/*
 * Unlink the table at *entry, which spans `size` bytes around addr, if [floor, ceiling) holds the
 * whole span.
 */
static void free_table(struct mmu_gather *tlb, u64 *entry, u64 addr, u64 size, u64 floor,
		       u64 ceiling)
{
	u64 start = addr & ~(size - 1), *table;
	struct page *page;

	if (start < floor || start + size > ceiling)
		return;
	if (tlb_full(tlb))
		tlb_flush_mmu(tlb);
	spin_lock(&tlb->mm->page_table_lock);
	table = table_of(*entry);
	*entry = 0;
	tlb->mm->pgtables_bytes -= PAGE_SIZE;
	spin_unlock(&tlb->mm->page_table_lock);
	page = virt_to_page(table);
	ClearPageTable(page);
	mod_page_state(page, NR_PAGETABLE, -1);
	tlb->freed_tables = true;
	tlb_remove_page(tlb, page, start, start + size);
}

static void free_pmd_span(struct mmu_gather *tlb, u64 *pmds, u64 start, u64 end, u64 floor,
			  u64 ceiling)
{
	u64 next;

	for (; start < end; start = next) {
		next = span_end(start, end, PMD_SIZE);
		if (pmds[pmd_index(start)])
			free_table(tlb, pmds + pmd_index(start), start, PMD_SIZE, floor, ceiling);
	}
}

static void free_pud_span(struct mmu_gather *tlb, u64 *puds, u64 start, u64 end, u64 floor,
			  u64 ceiling)
{
	u64 next, *entry;

	for (; start < end; start = next) {
		next = span_end(start, end, PUD_SIZE);
		entry = puds + pud_index(start);
		if (!*entry)
			continue;
		free_pmd_span(tlb, table_of(*entry), start, next, floor, ceiling);
		free_table(tlb, entry, start, PUD_SIZE, floor, ceiling);
	}
}

void free_pgtables(struct mmu_gather *tlb, u64 start, u64 end, u64 floor, u64 ceiling)
{
	u64 next, *entry;

	for (; start < end; start = next) {
		next = span_end(start, end, PGDIR_SIZE);
		entry = tlb->mm->pgd + pgd_index(start);
		if (!*entry)
			continue;
		free_pud_span(tlb, table_of(*entry), start, next, floor, ceiling);
		free_table(tlb, entry, start, PGDIR_SIZE, floor, ceiling);
	}
}
