/* SPDX-License-Identifier: MIT */
/*
 * mm_check: every invariant of one address space, looked at from the outside.
 *
 * Tests call it after each step, and debug builds may. It only reads: VMAs, page tables, struct
 * pages.
 *
 *	K1 list and tree hold the same VMAs in the same order, none empty, overlapping or beyond
 *	   TASK_SIZE;
 *	K2 map_count, highest_vm_end, rb_subtree_gap, total_vm and its parts are exact;
 *	K3 every table is counted in pgtables_bytes, and every entry lies in a VMA;
 *	K4 an entry is writable only if its VMA is, and in a private VMA only if its page is
 *	   anonymous, exclusive and mapped once;
 *	K5 every counted page has at least as many references as mappings, and rss_stat counts the
 *	   entries by kind.
 *
 * Units: pages. Owner: none. Locking: mmap_lock held, or nobody else running. Errors: a text, NULL
 * when all is well.
 * Time: none, and none is charged. Source: Linux 6.1 mm/mmap.c (validate_mm).
 */
#include "kernel/percpu/layout.h"
#include "mm/internal.h"
#include "mm/pgtable.h"
#include "mm/rmap.h"

struct sums {
	u64 vmas, total, data, exec, stack, locked;
	u64 tables;
	s64 rss[NR_MM_COUNTERS];
};

static u64 gap_before(const struct vm_area_struct *vma)
{
	u64 start = vm_start_gap(vma), prev_end = vma->vm_prev ? vma->vm_prev->vm_end : 0;

	return start > prev_end ? start - prev_end : 0;
}

static u64 child_gap(const struct rb_node *node)
{
	return node ? rb_entry(node, struct vm_area_struct, vm_rb)->rb_subtree_gap : 0;
}

static void sum_vma(const struct vm_area_struct *vma, struct sums *s)
{
	u64 pages = vma_pages(vma), f = vma->vm_flags;

	s->vmas++;
	s->total += pages;
	if ((f & (VM_EXEC | VM_WRITE | VM_GROWSDOWN)) == VM_EXEC)
		s->exec += pages;
	else if (f & VM_GROWSDOWN)
		s->stack += pages;
	else if ((f & (VM_WRITE | VM_SHARED)) == VM_WRITE)
		s->data += pages;
	if (f & VM_LOCKED)
		s->locked += pages;
}

static const char *check_vma(const struct mm_struct *mm, const struct vm_area_struct *vma)
{
	const struct vm_area_struct *prev = vma->vm_prev;
	u64 gap = gap_before(vma);

	if (vma->vm_mm != mm)
		return "a VMA names another mm";
	if ((vma->vm_start | vma->vm_end) & ~PAGE_MASK || vma->vm_start >= vma->vm_end ||
	    vma->vm_end > TASK_SIZE)
		return "a VMA is empty, unaligned or beyond user space";
	if (prev && (prev->vm_next != vma || prev->vm_end > vma->vm_start))
		return "VMAs overlap or the list's links disagree";
	gap = max(gap, child_gap(vma->vm_rb.rb_left));
	gap = max(gap, child_gap(vma->vm_rb.rb_right));
	if (gap != vma->rb_subtree_gap)
		return "rb_subtree_gap is not the largest gap of its subtree";
	if (!vma->anon_vma != !vma->anon_vma_chain_len)
		return "an anonymous family without a chain, or the other way round";
	return NULL;
}

static const char *check_vmas(struct mm_struct *mm, struct sums *s)
{
	struct rb_node *node = rb_first(&mm->mm_rb);
	struct vm_area_struct *vma, *last = NULL;
	const char *err;

	for (vma = mm->mmap; vma; vma = vma->vm_next) {
		if (!node || rb_entry(node, struct vm_area_struct, vm_rb) != vma)
			return "list and tree differ";
		if (vma->vm_prev != last)
			return "vm_prev is wrong";
		err = check_vma(mm, vma);
		if (err)
			return err;
		sum_vma(vma, s);
		last = vma;
		node = rb_next(node);
	}
	if (node)
		return "the tree has more VMAs than the list";
	if (mm->highest_vm_end != (last ? last->vm_end : 0))
		return "highest_vm_end is wrong";
	if (mm->map_count != s->vmas)
		return "map_count is wrong";
	if (mm->total_vm != s->total || mm->data_vm != s->data || mm->exec_vm != s->exec ||
	    mm->stack_vm != s->stack || mm->locked_vm != s->locked)
		return "total_vm or one of its parts is wrong";
	return NULL;
}

static const char *check_page(const struct vm_area_struct *vma, pte_t pte, struct sums *s)
{
	struct page *page = pfn_to_page(pte_pfn(pte));

	if (page == mm_root()->zero_page || pte_special(pte)) {
		if (page != mm_root()->zero_page || !pte_special(pte) || pte_write(pte))
			return "the zero page is writable or not marked special";
		return NULL;
	}
	if (page_mapcount(page) < 1 || page_ref_count(page) < page_mapcount(page))
		return "a mapped page has fewer references than mappings";
	if (PageAnonExclusive(page) && PageAnon(page) && page_mapcount(page) != 1)
		return "an exclusive page is mapped twice";
	if (PageAnon(page) && !vma->anon_vma)
		return "an anonymous page in a VMA without a family";
	if (pte_write(pte) && !(vma->vm_flags & VM_SHARED) &&
	    !(PageAnon(page) && PageAnonExclusive(page)))
		return "a private entry is writable but its page is not its own";
	s->rss[PageAnon(page) ? MM_ANONPAGES : vma->vm_shm ? MM_SHMEMPAGES : MM_FILEPAGES]++;
	return NULL;
}

static const char *check_pte(struct mm_struct *mm, u64 addr, pte_t pte, struct sums *s)
{
	struct vm_area_struct *vma = find_vma(mm, addr);

	if (!pte_present(pte))
		return "an entry that is neither empty nor present";
	if (!vma || vma->vm_start > addr)
		return "a page is mapped outside every VMA";
	if (pte_write(pte) && !(vma->vm_flags & VM_WRITE))
		return "an entry is writable in a VMA that is not";
	if ((pte & PTE_P) && !(vma->vm_flags & VM_ACCESS_FLAGS))
		return "an entry is accessible in a PROT_NONE VMA";
	if ((pte & PTE_P) && !(pte & PTE_NX) && !(vma->vm_flags & VM_EXEC))
		return "an entry is executable in a VMA that is not";
	return check_page(vma, pte, s);
}

static const char *check_ptes(struct mm_struct *mm, const u64 *ptes, u64 base, struct sums *s)
{
	const char *err = NULL;
	unsigned i;

	for (i = 0; i < PTRS_PER_TABLE && !err; i++)
		if (ptes[i])
			err = check_pte(mm, base + i * (u64)PAGE_SIZE, ptes[i], s);
	return err;
}

/* One table of pmds: 512 times 2 MiB. */
static const char *check_pmds(struct mm_struct *mm, const u64 *pmds, u64 base, struct sums *s)
{
	const char *err = NULL;
	unsigned i;

	for (i = 0; i < PTRS_PER_TABLE && !err; i++) {
		if (!pmds[i])
			continue;
		s->tables++;
		err = check_ptes(mm, pa_to_host(pmds[i] & PTE_ADDR), base + i * PMD_SIZE, s);
	}
	return err;
}

static const char *check_tables(struct mm_struct *mm, struct sums *s)
{
	const char *err = NULL;
	unsigned i, j;

	for (i = 0; i < USER_PGD_PTRS && !err; i++) {
		const u64 *puds;

		if (!mm->pgd[i])
			continue;
		s->tables++;
		puds = pa_to_host(mm->pgd[i] & PTE_ADDR);
		for (j = 0; j < PTRS_PER_TABLE && !err; j++) {
			if (!puds[j])
				continue;
			s->tables++;
			err = check_pmds(mm, pa_to_host(puds[j] & PTE_ADDR),
					 i * PGDIR_SIZE + j * PUD_SIZE, s);
		}
	}
	return err;
}

const char *mm_check(struct mm_struct *mm)
{
	struct sums s = { 0 };
	const char *err = check_vmas(mm, &s);
	int i;

	if (!err)
		err = check_tables(mm, &s);
	if (err)
		return err;
	if (mm->pgtables_bytes != s.tables * PAGE_SIZE)
		return "pgtables_bytes does not count the tables";
	for (i = 0; i < NR_MM_COUNTERS; i++)
		if (mm->rss_stat[i] != s.rss[i])
			return "rss_stat does not count the entries";
	if (!mm->mm_count || mm->highest_vm_end > TASK_SIZE)
		return "no reference is left";
	return NULL;
}
