/* SPDX-License-Identifier: MIT */
#ifndef MM_PGTABLE_H
#define MM_PGTABLE_H

/*
 * Four levels of x86-64 page tables, read and written through host pointers into RAM. The bits are
 * hw/mmu.h's PTE_*; the walker reads the very same frames.
 *
 *	va bit 47..39 pgd | 38..30 pud | 29..21 pmd | 20..12 pte | 11..0 offset
 *
 * Software's use of the bits hardware ignores: bit 9 marks a PTE without a counted page (the zero
 * page); bit 8 with P=0 is a PROT_NONE page that is still there, as Linux has it. Fork clears W on
 * both sides; which page may be written without a copy is the page's own matter
 * (PageAnonExclusive), not the PTE's.
 */

#include "hw/machine.h"
#include "hw/mmu.h"
#include "mm/mm_types.h"

#define PGDIR_SHIFT 39
#define PUD_SHIFT 30
#define PMD_SHIFT 21
#define PGDIR_SIZE (1ull << PGDIR_SHIFT)
#define PUD_SIZE (1ull << PUD_SHIFT)
#define PMD_SIZE (1ull << PMD_SHIFT)
#define PGDIR_MASK (~(PGDIR_SIZE - 1))
#define PUD_MASK (~(PUD_SIZE - 1))
#define PMD_MASK (~(PMD_SIZE - 1))
#define PTRS_PER_TABLE 512u
#define USER_PGD_PTRS 256u

#define PTE_SPECIAL 0x200ull				  /* software bit 9 */
#define PTE_PROTNONE PTE_G				  /* with P=0 */
#define PTE_TABLE (PTE_P | PTE_W | PTE_U | PTE_A | PTE_D) /* entries that name tables */

#define PAGE_ALIGN(x) (((x) + PAGE_SIZE - 1) & PAGE_MASK)

static inline unsigned pgd_index(u64 va)
{
	return (va >> PGDIR_SHIFT) & 511;
}
static inline unsigned pud_index(u64 va)
{
	return (va >> PUD_SHIFT) & 511;
}
static inline unsigned pmd_index(u64 va)
{
	return (va >> PMD_SHIFT) & 511;
}
static inline unsigned pte_index(u64 va)
{
	return (va >> PAGE_SHIFT) & 511;
}

/* End of the table's span that holds addr, or end when that comes first. */
static inline u64 span_end(u64 addr, u64 end, u64 size)
{
	u64 next = (addr + size) & ~(size - 1);

	return next - 1 < end - 1 ? next : end;
}

static inline bool pte_none(pte_t pte)
{
	return pte == 0;
}
static inline bool pte_present(pte_t pte)
{
	return pte & (PTE_P | PTE_PROTNONE);
}
static inline bool pte_write(pte_t pte)
{
	return pte & PTE_W;
}
static inline bool pte_dirty(pte_t pte)
{
	return pte & PTE_D;
}
static inline bool pte_special(pte_t pte)
{
	return pte & PTE_SPECIAL;
}
static inline u64 pte_pfn(pte_t pte)
{
	return (pte & PTE_ADDR) >> PAGE_SHIFT;
}
static inline pte_t pfn_pte(u64 pfn, u64 prot)
{
	return (pfn << PAGE_SHIFT) | prot;
}
/* Keep the frame, A, D and the software bits; take the rest from prot. */
static inline pte_t pte_modify(pte_t pte, u64 prot)
{
	u64 keep = PTE_ADDR | PTE_A | PTE_D | PTE_SPECIAL;

	return (pte & keep) | (prot & ~keep);
}

/*
 * Protection bits of a fresh private or shared page with these VM_* flags: private writable is
 * mapped read-only first.
 */
u64 vm_get_page_prot(u64 vm_flags);

/*
 * The entry for addr, its tables allocated on the way. NULL: out of memory. Takes page_table_lock
 * inside; tables that were made stay, and are freed with the range. Host pointer into RAM; follow
 * it only under page_table_lock.
 */
pmd_t *pmd_alloc_walk(struct mm_struct *mm, u64 addr);
pte_t *pte_alloc_walk(struct mm_struct *mm, u64 addr);
/* The entry for addr if its tables exist, NULL otherwise. No allocation. */
pmd_t *pmd_find(struct mm_struct *mm, u64 addr);
pte_t *pte_find(struct mm_struct *mm, u64 addr);

/* A fresh top table with the kernel's half shared. 0 or -ENOMEM. */
int pgd_alloc(struct mm_struct *mm);
void pgd_free(struct mm_struct *mm);

#endif
