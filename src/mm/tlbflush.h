/* SPDX-License-Identifier: MIT */
#ifndef MM_TLBFLUSH_H
#define MM_TLBFLUSH_H

/*
 * Who may still translate by an old page table, and how they are told.
 *
 * Each CPU keeps 6 address spaces warm under PCIDs 1..6. mm->tlb_gen counts the changes that a TLB
 * must hear of, each slot remembers up to which count it is true. A flush raises tlb_gen, catches
 * up its own CPU and sends vector 0xfb to the other CPUs of mm's mask; lazy ones (running kernel
 * threads on it) are left alone unless tables were freed.
 */

#include "mm/mm_types.h"

#define TLB_NR_DYN_ASIDS 6u
#define TLB_FLUSH_ALL (~0ull)
#define TLB_SINGLE_PAGE_FLUSH_CEILING 33u /* pages; beyond, the whole PCID goes */

enum tlb_flush_reason {
	TLB_FLUSH_ON_TASK_SWITCH,
	TLB_REMOTE_SHOOTDOWN,
	TLB_LOCAL_SHOOTDOWN,
	TLB_LOCAL_MM_SHOOTDOWN,
	TLB_REMOTE_SEND_IPI
};

struct tlb_context {
	u64 ctx_id;  /* mm->ctx_id, 0: empty */
	u64 tlb_gen; /* up to date with */
};

struct flush_tlb_info {
	struct mm_struct *mm;
	u64 start, end; /* end TLB_FLUSH_ALL: everything */
	u64 new_tlb_gen;
	bool freed_tables;
	bool kernel; /* kernel range: all PCIDs */
};

/* This CPU's part: percpu->tlbstate. */
struct tlb_state {
	struct mm_struct *loaded_mm; /* whose tables CR3 holds; holds a reference (mm_count) */
	u16 loaded_asid;
	u16 next_asid;
	bool is_lazy;
	struct tlb_context ctxs[TLB_NR_DYN_ASIDS];
	/* a flush this CPU has sent and waits for */
	struct flush_tlb_info info;
	u32 waiting;			/* CPUs that have not answered */
	u64 requests[MM_CPUMASK_WORDS]; /* CPUs whose info awaits us */
	u64 nr_shootdowns_sent, nr_shootdowns_taken, nr_switches, nr_lazy_skipped;
};

/*
 * [start, end) of mm lost rights or frames: no CPU uses an old translation of it when this returns.
 * freed_tables: page tables were unlinked too. Preemptible context with IRQs on whenever another
 * CPU may be in mm's mask; may hold sleeping locks and page_table_lock. Cost: INVLPG a page or one
 * CR3 write, and an IPI round trip per other CPU.
 */
void flush_tlb_mm_range(struct mm_struct *mm, u64 start, u64 end, bool freed_tables);
static inline void flush_tlb_mm(struct mm_struct *mm)
{
	flush_tlb_mm_range(mm, 0, TLB_FLUSH_ALL, true);
}
static inline void flush_tlb_range(struct vm_area_struct *vma, u64 start, u64 end)
{
	flush_tlb_mm_range(vma->vm_mm, start, end, false);
}
static inline void flush_tlb_page(struct vm_area_struct *vma, u64 addr)
{
	flush_tlb_mm_range(vma->vm_mm, addr, addr + PAGE_SIZE, false);
}
/* Kernel addresses: every CPU, global entries included. */
void flush_tlb_kernel_range(u64 start, u64 end);
void flush_tlb_all(void);

/*
 * Load next's tables on this CPU; next NULL: a kernel thread stays on what is loaded (lazy). IRQs
 * off. next_task may be NULL; otherwise its active_mm becomes what is loaded. Installed as
 * hooks.switch_mm.
 */
void switch_mm(struct mm_struct *prev, struct mm_struct *next, struct task_struct *next_task);
/*
 * The 0xfb interrupt: do what the waiting requests ask, let their senders go. IRQs off. Installed
 * as hooks.call_function_ipi.
 */
void call_function_ipi(void);

#endif
