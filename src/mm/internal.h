/* SPDX-License-Identifier: MIT */
#ifndef MM_INTERNAL_H
#define MM_INTERNAL_H

/* What the files of this floor share and nobody else sees. */

#include "kernel/percpu/kernel.h"
#include "lib/prng.h"
#include "mm/alloc/page.h"
#include "mm/mman.h"
#include "mm/mm.h"
#include "mm/mm_types.h"
#include "mm/tlbflush.h"

#define MAX_MAP_COUNT 65530u
#define STACK_GUARD_GAP (256ull * PAGE_SIZE)
#define STACK_LIMIT_DEFAULT (8ull << 20)
#define GUP_TRIES 8u   /* faults get_user_page takes for one page before it gives up */
#define FAULT_TRIES 8u /* times one #PF looks its VMA up again */

struct kmem_cache;

/* Floor 5's root: kernel->mm. */
struct mm_root {
	struct mm_struct init_mm;
	struct kmem_cache *mm_cachep, *vma_cachep, *anon_vma_cachep, *shm_cachep; /* [I] */
	struct page *zero_page;	  /* [I] always zero, mapped read-only everywhere */
	struct page *image_pages; /* [I] the frames under the gates */
	u64 next_ctx_id;
	struct mm_file_ops file_ops;
	u64 (*rlimit)(unsigned resource);
	struct prng layout_prng;
	u64 committed_pages; /* VM_ACCOUNT pages of all address spaces */
	u64 pgfault, pgmajfault;
};

static inline struct mm_root *mm_root(void)
{
	return kern()->mm;
}
static inline u64 mm_rlimit(unsigned resource)
{
	struct mm_root *r = mm_root();

	if (r->rlimit)
		return r->rlimit(resource);
	return resource == RLIMIT_STACK ? STACK_LIMIT_DEFAULT : ~0ull;
}

/*
 * Anonymous memory's family: who may share a page by fork. Thin: counted, told apart by identity,
 * no reverse map yet.
 */
struct anon_vma {
	u64 refs; /* VMAs whose anon_vma this is */
};

/* --- vma.c --- */

/* What must agree for two ranges to be one VMA. */
struct vma_attrs {
	u64 vm_flags;
	struct anon_vma *anon_vma;
	struct file *file;
	struct shm_object *shm;
	u64 pgoff; /* of the range's first page */
};

struct vm_area_struct *vm_area_alloc(struct mm_struct *mm);
/*
 * A copy of orig, on no list, holding its own references to file and shm and anon_vma; without
 * vm_ops->open. NULL: no memory.
 */
struct vm_area_struct *vm_area_dup(struct vm_area_struct *orig);
/* Drop the references and the memory. Not linked any more; vm_ops->close is the caller's. */
void vm_area_free(struct vm_area_struct *vma);
/* Where [addr, end) goes: *pprev the VMA before it. -ENOMEM when it overlaps one. */
int find_vma_place(struct mm_struct *mm, u64 addr, u64 end, struct vm_area_struct **pprev);
/* Hang vma, which overlaps nothing, into list and tree. */
void vma_link(struct mm_struct *mm, struct vm_area_struct *vma);
void vma_unlink(struct mm_struct *mm, struct vm_area_struct *vma);
/* Change the limits without changing the order. */
void vma_set_range(struct vm_area_struct *vma, u64 start, u64 end, u64 pgoff);
/*
 * [addr, end) gets the attributes a: can a neighbour take it in? prev: the VMA before addr, or the
 * one addr lies in. Returns the VMA that now covers the range, NULL when nothing merges (nothing
 * changed then). Never fails otherwise.
 */
struct vm_area_struct *vma_merge(struct mm_struct *mm, struct vm_area_struct *prev, u64 addr,
				 u64 end, const struct vma_attrs *a);
void vma_attrs_of(const struct vm_area_struct *vma, struct vma_attrs *a);
/*
 * Cut vma at addr (inside it). new_below: the new VMA is the lower part. 0 or -ENOMEM with nothing
 * changed.
 */
int __split_vma(struct mm_struct *mm, struct vm_area_struct *vma, u64 addr, bool new_below);
/* The same, and -ENOMEM at the limit of VMAs. */
int split_vma(struct mm_struct *mm, struct vm_area_struct *vma, u64 addr, bool new_below);
int anon_vma_prepare(struct vm_area_struct *vma);
int anon_vma_fork(struct vm_area_struct *vma, const struct vm_area_struct *parent);
void unlink_anon_vmas(struct vm_area_struct *vma);
static inline bool vma_is_anonymous(const struct vm_area_struct *vma)
{
	return !vma->vm_ops && !vma->vm_shm;
}
static inline bool is_cow_mapping(u64 flags)
{
	return (flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE;
}
void vma_set_page_prot(struct vm_area_struct *vma);

/* --- accounting (mmap.c) --- */

void vm_stat_account(struct mm_struct *mm, u64 flags, s64 pages);
bool may_expand_vm(struct mm_struct *mm, u64 flags, u64 pages);
/* Promise pages of memory: 0 or -ENOMEM (overcommit mode 0: only what exceeds all of RAM). */
int vm_enough_memory(u64 pages);
void vm_unacct_memory(u64 pages);

/* --- tlb.c: freeing behind the TLB's back is what a gather prevents --- */

#define MMU_GATHER_PAGES 250u
struct mmu_gather {
	struct mm_struct *mm;
	u64 start, end; /* what must be flushed; start > end: nothing */
	bool freed_tables, fullmm;
	u32 nr;
	struct page *pages[MMU_GATHER_PAGES];
};
void tlb_gather_mmu(struct mmu_gather *tlb, struct mm_struct *mm, bool fullmm);
static inline bool tlb_full(const struct mmu_gather *tlb)
{
	return tlb->nr == MMU_GATHER_PAGES;
}
/* [start, end) was unmapped and page, when not NULL, is put after the flush. Not when full. */
void tlb_remove_page(struct mmu_gather *tlb, struct page *page, u64 start, u64 end);
/* Flush, then put the pages. May spin for other CPUs: no IRQs off. */
void tlb_flush_mmu(struct mmu_gather *tlb);

/* --- pgtable.c --- */

/*
 * Free the tables that only [start, end) used; nothing is mapped in [floor, ceiling), which
 * contains it.
 */
void free_pgtables(struct mmu_gather *tlb, u64 start, u64 end, u64 floor, u64 ceiling);
int init_mm_tables(struct kernel *k);

/* --- memory.c --- */

void unmap_page_range(struct mmu_gather *tlb, struct vm_area_struct *vma, u64 start, u64 end);
int copy_page_range(struct vm_area_struct *dst, struct vm_area_struct *src);
/* The page a PTE counts, NULL for the zero page and absent ones. */
struct page *vm_normal_page(pte_t pte);
/* Change the protection of what is mapped in [start, end) to vma->vm_page_prot, and flush. */
void change_protection(struct vm_area_struct *vma, u64 start, u64 end);
/*
 * Move what is mapped at [old, old+len) of vma to [new, new+len) of new_vma. Bytes moved; less than
 * len: no memory for tables.
 */
u64 move_page_tables(struct vm_area_struct *vma, u64 old_addr, struct vm_area_struct *new_vma,
		     u64 new_addr, u64 len);

/* --- shmem.c --- */

struct kmem_cache *shm_cache_create(void);
struct shm_object *shm_alloc(u64 nr_pages);
void shm_get(struct shm_object *shm);
void shm_put(struct shm_object *shm);
vm_fault_t shm_fault(struct vm_fault *vmf);

/* --- mmap.c --- */

void exit_mmap(struct mm_struct *mm);
/* -EAGAIN when len more bytes of a VM_LOCKED mapping would exceed RLIMIT_MEMLOCK. */
int mlock_future_check(struct mm_struct *mm, u64 flags, u64 len);
int do_brk_flags(struct mm_struct *mm, u64 addr, u64 len, u64 flags);

/* --- mm.c --- */

int mm_task_hooks_init(struct kernel *k);

#endif
