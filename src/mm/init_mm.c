/* SPDX-License-Identifier: MIT */
/*
 * The kernel's own address space, built at boot, and how a CPU gets onto it.
 *
 * Boot calls mm_init() once and mm_attach_cpu() for every CPU; every other mm shares the upper half
 * made here. It calls the buddy and slab allocators, and the CPU model's control registers.
 *
 *	0xffff888000000000  direct map: all RAM, rw-, global; 2 MiB pages (1 GiB where the CPU has
 *	                    them, 4 KiB at ragged ends)
 *	0xffffffff81000000  the gates: 2 pages of UD2, r-x, global; a gate is entered only if the
 *	                    walker finds it executable
 *	everything else     not mapped: a wild kernel access is a #PF, and an oops
 *
 * With 64 MiB of RAM that is a top table, one pud, one pmd with 32 large entries; and one pud, one
 * pmd, one pte table for the gates.
 *
 *	I1 nothing is mapped both writable and executable;
 *	I2 the hole below 4 GiB is not in the direct map: kernel C reaches devices through their
 *	   models;
 *	I3 the zero page is never freed nor written; it is nobody's anonymous page and not counted
 *	   as resident.
 *
 * Units: bytes. Owner: mm_root, for the machine's life. Locking: none, boot is single-threaded.
 * Errors: -ENOMEM with all frames and caches given back. Time: the allocator's charges.
 * Source: Linux 6.1 Documentation/x86/x86_64/mm.rst, arch/x86/mm/init_64.c
 * (kernel_physical_mapping_init).
 */
#include "kernel/irq/idt.h"
#include "kernel/percpu/layout.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/mmzone.h"
#include "mm/alloc/slab.h"
#include "mm/internal.h"
#include "mm/pgtable.h"
#include "sched/task.h"

#define LAYOUT_PRNG_STREAM 0x6d6d6c61796f7574ull /* "mmlayout" */
#define IMAGE_ORDER 1u
_Static_assert(GATE_MAX *GATE_STRIDE == PAGE_SIZE << IMAGE_ORDER, "the gates fill the image pages");

static u64 *kernel_table(u64 *entry)
{
	struct page *page;

	if (*entry)
		return pa_to_host(*entry & PTE_ADDR);
	page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!page)
		return NULL;
	SetPageTable(page);
	mod_page_state(page, NR_PAGETABLE, 1);
	*entry = page_to_pa(page) | PTE_P | PTE_W | PTE_A;
	return page_address(page);
}

/* Map one page of 1 << shift bytes: 12, 21 or 30. */
static int kernel_map(struct mm_struct *mm, u64 va, u64 pa, unsigned shift, u64 prot)
{
	u64 *table = mm->pgd, *entry = NULL;
	unsigned level = PGDIR_SHIFT;

	for (;;) {
		entry = table + ((va >> level) & 511);
		if (level == shift)
			break;
		table = kernel_table(entry);
		if (!table)
			return -ENOMEM;
		level -= 9;
	}
	*entry = pa | prot | (shift > PAGE_SHIFT ? PTE_PS : 0);
	return 0;
}

static unsigned direct_map_shift(u64 pa, u64 end, bool gbpages)
{
	if (gbpages && IS_ALIGNED(pa, PUD_SIZE) && pa + PUD_SIZE <= end)
		return PUD_SHIFT;
	if (IS_ALIGNED(pa, PMD_SIZE) && pa + PMD_SIZE <= end)
		return PMD_SHIFT;
	return PAGE_SHIFT;
}

static int direct_map(struct mm_struct *mm, u64 pa, u64 end, bool gbpages)
{
	const u64 prot = PTE_P | PTE_W | PTE_A | PTE_D | PTE_G | PTE_NX;

	while (pa < end) {
		unsigned shift = direct_map_shift(pa, end, gbpages);
		int err = kernel_map(mm, DIRECT_MAP_BASE + pa, pa, shift, prot);

		if (err)
			return err;
		pa += 1ull << shift;
	}
	return 0;
}

static bool cpu_has_gbpages(const struct cpu *cpu)
{
	u32 regs[4];

	cpu_cpuid(cpu, 0x80000001u, 0, regs);
	return regs[3] & (1u << 26);
}

static int map_image(struct mm_root *r, struct machine *m)
{
	u8 *bytes;
	unsigned i;
	int err;

	r->image_pages = alloc_pages(GFP_KERNEL, IMAGE_ORDER);
	if (!r->image_pages)
		return -ENOMEM;
	bytes = page_address(r->image_pages);
	for (i = 0; i < PAGE_SIZE << IMAGE_ORDER; i += 2) {
		bytes[i] = 0x0f; /* UD2: whoever runs here past a gate is stopped */
		bytes[i + 1] = 0x0b;
	}
	phys_written(m, page_to_pa(r->image_pages), PAGE_SIZE << IMAGE_ORDER);
	for (i = 0; i < 1u << IMAGE_ORDER; i++) {
		err = kernel_map(&r->init_mm, m->gate_base + i * PAGE_SIZE,
				 page_to_pa(r->image_pages) + i * PAGE_SIZE, PAGE_SHIFT,
				 PTE_P | PTE_A | PTE_G);
		if (err)
			return err;
	}
	return 0;
}

int init_mm_tables(struct kernel *k)
{
	struct mm_root *r = k->mm;
	struct machine *m = k->m;
	bool gbpages = cpu_has_gbpages(m->cpu[0]);
	u64 low_end = min(m->phys_end, (u64)RAM_LOW_LIMIT), top = 0;
	int err;

	r->init_mm.pgd = kernel_table(&top);
	if (!r->init_mm.pgd)
		return -ENOMEM;
	r->init_mm.pgd_pa = top & PTE_ADDR;
	err = direct_map(&r->init_mm, 0, low_end, gbpages);
	if (!err && m->phys_end > RAM_HIGH_BASE)
		err = direct_map(&r->init_mm, RAM_HIGH_BASE, m->phys_end, gbpages);
	return err ? err : map_image(r, m);
}

static void kernel_table_free(u64 entry)
{
	struct page *page = pa_to_page(entry & PTE_ADDR);

	ClearPageTable(page);
	mod_page_state(page, NR_PAGETABLE, -1);
	put_page(page);
}

static bool names_table(u64 entry)
{
	return (entry & PTE_P) && !(entry & PTE_PS);
}

static void free_kernel_pud(u64 *puds)
{
	unsigned i, j;

	for (i = 0; i < PTRS_PER_TABLE; i++) {
		u64 *pmds;

		if (!names_table(puds[i]))
			continue;
		pmds = pa_to_host(puds[i] & PTE_ADDR);
		for (j = 0; j < PTRS_PER_TABLE; j++)
			if (names_table(pmds[j]))
				kernel_table_free(pmds[j]);
		kernel_table_free(puds[i]);
	}
}

/* A boot that failed: everything back. */
static void init_mm_free(struct mm_root *r)
{
	struct mm_struct *mm = &r->init_mm;
	unsigned i;

	for (i = USER_PGD_PTRS; mm->pgd && i < PTRS_PER_TABLE; i++) {
		if (!mm->pgd[i])
			continue;
		free_kernel_pud(pa_to_host(mm->pgd[i] & PTE_ADDR));
		kernel_table_free(mm->pgd[i]);
	}
	if (mm->pgd)
		kernel_table_free(mm->pgd_pa);
	if (r->image_pages)
		__free_pages(r->image_pages, IMAGE_ORDER);
	if (r->zero_page)
		put_page(r->zero_page);
	kmem_cache_destroy(r->shm_cachep);
	kmem_cache_destroy(r->anon_vma_cachep);
	kmem_cache_destroy(r->vma_cachep);
	kmem_cache_destroy(r->mm_cachep);
}

static int mm_caches_init(struct mm_root *r)
{
	r->mm_cachep = kmem_cache_create("mm_struct", sizeof(struct mm_struct), 0,
					 SLAB_HWCACHE_ALIGN | SLAB_ACCOUNT, NULL);
	r->vma_cachep = kmem_cache_create("vm_area_struct", sizeof(struct vm_area_struct), 0,
					  SLAB_ACCOUNT, NULL);
	r->anon_vma_cachep =
		kmem_cache_create("anon_vma", sizeof(struct anon_vma), 0, SLAB_ACCOUNT, NULL);
	r->shm_cachep = shm_cache_create();
	return r->mm_cachep && r->vma_cachep && r->anon_vma_cachep && r->shm_cachep ? 0 : -ENOMEM;
}

int mm_init(struct kernel *k)
{
	struct mm_root *r = boot_alloc(k, sizeof(*r));
	struct mm_struct *mm;
	int err;

	if (!r)
		return -ENOMEM;
	k->mm = r;
	mm = &r->init_mm;
	mm->mm_users = 2;
	mm->mm_count = 1;
	mm->ctx_id = r->next_ctx_id = 1;
	mm->tlb_gen = 1;
	mm->task_size = TASK_SIZE;
	mm->mm_rb = RB_ROOT;
	spin_lock_init(&mm->page_table_lock);
	init_rwsem(&mm->mmap_lock);
	prng_seed(&r->layout_prng, k->m->cfg.seed, LAYOUT_PRNG_STREAM);

	err = mm_caches_init(r);
	if (err)
		goto fail;
	err = -ENOMEM;
	r->zero_page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!r->zero_page)
		goto fail;
	SetPageReserved(r->zero_page);
	err = init_mm_tables(k);
	if (err)
		goto fail;
	err = mm_task_hooks_init(k);
	if (err)
		goto fail;
	k->hooks.switch_mm = switch_mm;
	k->hooks.call_function_ipi = call_function_ipi;
	k->hooks.do_page_fault = do_page_fault;
	return 0;
fail:
	if (r->zero_page)
		ClearPageReserved(r->zero_page);
	init_mm_free(r);
	k->mm = NULL;
	return err;
}

struct mm_struct *init_mm(struct kernel *k)
{
	return &k->mm->init_mm;
}

u64 init_mm_cr3(struct kernel *k)
{
	return k->mm->init_mm.pgd_pa;
}

int mm_attach_cpu(struct kernel *k, unsigned index)
{
	struct cpu *cpu = k->m->cpu[index];
	struct percpu *pc = percpu_of(k, index);
	struct tlb_state *ts = boot_alloc(k, sizeof(*ts));
	struct mm_struct *mm = &k->mm->init_mm;
	struct fault f;

	if (!ts)
		return -ENOMEM;
	/* PCID 0 is left to the kernel's tables before the first switch; slot 0 is PCID 1. */
	if (!(cpu->efer & EFER_LMA))
		cpu_long_mode(cpu, mm->pgd_pa, cpu->r[RSP], gate_va(k->m, GATE_KERNEL_TEXT));
	if (!cpu_write_msr(cpu, MSR_EFER, cpu->efer | EFER_NXE | EFER_SCE, &f) ||
	    !cpu_write_cr3(cpu, mm->pgd_pa, &f))
		machine_panic(k->m, "cpu %u refused EFER.NXE or CR3 %#llx", index,
			      (unsigned long long)mm->pgd_pa);
	if (!cpu_write_cr4(cpu, cpu->cr4 | CR4_PGE | CR4_PCIDE, &f) ||
	    !cpu_write_cr0(cpu, cpu->cr0 | CR0_WP, &f) || !cpu_write_cr3(cpu, mm->pgd_pa | 1, &f))
		machine_panic(k->m, "cpu %u lacks global pages or PCIDs", index);
	ts->loaded_mm = mm;
	mmgrab(mm);
	ts->next_asid = 1;
	ts->ctxs[0].ctx_id = mm->ctx_id;
	ts->ctxs[0].tlb_gen = mm->tlb_gen;
	pc->tlbstate = ts;
	return 0;
}
