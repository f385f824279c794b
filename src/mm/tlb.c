/* SPDX-License-Identifier: MIT */
/*
 * Loading address spaces, PCIDs, and TLB shootdown.
 *
 * The scheduler calls switch_mm(); munmap, mprotect, fork, COW and exit call flush_tlb_mm_range()
 * or a gather; vector 0xfb calls call_function_ipi(). It calls the CPU model (CR3, INVLPG, INVPCID)
 * and the local APIC.
 *
 * Two CPUs, one process with two threads, CPU 0 unmaps a page (tlb_gen 7 -> 8):
 *
 *	CPU 0                                        CPU 1
 *	clear PTE, mm->tlb_gen = 8                   runs at CPL 3, slot 2 (PCID 3) true up to 7
 *	INVLPG, own slot true up to 8
 *	CPU 1 in mm's mask: request bit, IPI  ---->  0xfb: slot says 7, request 8: INVLPG, now 8
 *	spins, IF=1                           <----  waiting 1 -> 0, unspin
 *	put the page
 *
 * A slot more than one behind, or a range over 33 pages, drops the whole PCID. A slot that is not
 * loaded is not told: it finds itself behind when it is loaded again and reloads CR3 without the
 * no-flush bit.
 *
 *	T1 a slot (ctx_id, tlb_gen) promises: this CPU's TLB has under that PCID nothing of the mm
 *	   older than tlb_gen;
 *	T2 a CPU is in mm's mask from before it loads mm's CR3 until after it has loaded another;
 *	T3 a lazy CPU (kernel thread on a borrowed mm) uses no user address: it is skipped, and
 *	   catches up when it stops being lazy; only when tables were freed it is told, because the
 *	   walker could still read them: it then moves to init_mm;
 *	T4 a frame is put only after the flush that its PTE needed (struct mmu_gather);
 *	T5 the CPU whose mm is loaded holds a reference (mm_count), so CR3 never names a freed
 *	   table;
 *	T6 one flush at a time per sending CPU (preemption off), and it waits with IF=1, so two
 *	   senders answer each other.
 *
 * Units: addresses in bytes; PCID = slot + 1.
 * Owner: tlb_state is its CPU's; others only set a bit in requests and read info while it waits.
 * Locking: preemption off or IRQs off; tlb_gen and the mask change at once (no charge in between).
 * Errors: none.
 * Time: COST_INVLPG a page, or what MOV CR3 and the ICR write leave in pending_cost; the sender's
 * wait is real.
 * Source: Linux 6.1 arch/x86/mm/tlb.c (switch_mm_irqs_off, flush_tlb_func, flush_tlb_mm_range).
 */
#include "mm/tlbflush.h"

#include "kernel/irq/idt.h"
#include "kernel/trace/tracepoints.h"
#include "lib/bitmap.h"
#include "mm/internal.h"
#include "sched/task.h"

static struct tlb_state *this_tlb_state(void)
{
	return this_percpu()->tlbstate;
}

static u64 make_cr3(const struct mm_struct *mm, u16 asid, bool flush)
{
	return mm->pgd_pa | (asid + 1u) | (flush ? 0 : CR3_NOFLUSH);
}

static void load_cr3(const struct mm_struct *mm, u16 asid, bool flush)
{
	struct fault f;

	if (!cpu_write_cr3(this_cpu(), make_cr3(mm, asid, flush), &f))
		machine_panic(this_machine(), "CR3 %#llx refused",
			      (unsigned long long)make_cr3(mm, asid, flush));
}

static void mask_set(struct mm_struct *mm, unsigned cpu)
{
	mm->cpu_bitmap[cpu / 64] |= 1ull << (cpu % 64);
}
static void mask_clear(struct mm_struct *mm, unsigned cpu)
{
	mm->cpu_bitmap[cpu / 64] &= ~(1ull << (cpu % 64));
}

/* The slot that remembers next, or the next one in turn, which then has to be flushed. */
static u16 choose_new_asid(struct tlb_state *ts, const struct mm_struct *next, bool *flush)
{
	u16 asid;

	for (asid = 0; asid < TLB_NR_DYN_ASIDS; asid++) {
		if (ts->ctxs[asid].ctx_id != next->ctx_id)
			continue;
		*flush = ts->ctxs[asid].tlb_gen < next->tlb_gen;
		return asid;
	}
	*flush = true;
	asid = ts->next_asid;
	ts->next_asid = (asid + 1) % TLB_NR_DYN_ASIDS;
	return asid;
}

/* Put next's tables on this CPU whatever is there. IRQs off. */
static void load_mm(struct tlb_state *ts, struct mm_struct *next)
{
	struct mm_struct *kernel_mm = &mm_root()->init_mm, *old = ts->loaded_mm;
	unsigned cpu = smp_processor_id();
	bool was_lazy = ts->is_lazy, flush;
	u16 asid;

	ts->is_lazy = false;
	if (old == next) {
		asid = ts->loaded_asid;
		if (!was_lazy || ts->ctxs[asid].tlb_gen == next->tlb_gen)
			return;
		flush = true;
	} else {
		if (next != kernel_mm)
			mask_set(next, cpu);
		asid = choose_new_asid(ts, next, &flush);
	}
	ts->ctxs[asid].ctx_id = next->ctx_id;
	ts->ctxs[asid].tlb_gen = next->tlb_gen;
	load_cr3(next, asid, flush);
	ts->loaded_mm = next;
	ts->loaded_asid = asid;
	ts->nr_switches++;
	if (old != next) {
		if (old != kernel_mm)
			mask_clear(old, cpu);
		mmgrab(next);
		mmdrop(old);
	}
	charge_cycles(0); /* MOV CR3 has left its cost */
}

void switch_mm(struct mm_struct *prev, struct mm_struct *next, struct task_struct *next_task)
{
	struct tlb_state *ts = this_tlb_state();

	(void)prev; /* what is loaded is the truth; it need not be prev's while lazy */
	BUG_ON(!irqs_disabled());
	if (next)
		load_mm(ts, next);
	else
		ts->is_lazy = ts->loaded_mm != &mm_root()->init_mm;
	if (next_task)
		next_task->active_mm = this_tlb_state()->loaded_mm;
}

/* --- flushing this CPU --- */

static void flush_kernel_local(const struct flush_tlb_info *info)
{
	u64 va, pages = (info->end - info->start) >> PAGE_SHIFT;

	if (info->end == TLB_FLUSH_ALL || pages > TLB_SINGLE_PAGE_FLUSH_CEILING) {
		tlb_flush_all(this_cpu(), true);
		charge(COST_CR3_WRITE);
		return;
	}
	for (va = info->start; va < info->end; va += PAGE_SIZE)
		tlb_flush_page(this_cpu(), va);
	charge_n(COST_INVLPG, pages);
}

/* Bring this CPU up to what info asks, and no less than mm's present count. IRQs off. */
static void flush_tlb_local(const struct flush_tlb_info *info)
{
	struct tlb_state *ts = this_tlb_state();
	struct mm_struct *mm = ts->loaded_mm;
	struct tlb_context *slot = &ts->ctxs[ts->loaded_asid];
	u64 gen, va, pages = (info->end - info->start) >> PAGE_SHIFT;

	if (info->kernel) {
		flush_kernel_local(info);
		return;
	}
	if (mm != info->mm)
		return;
	if (ts->is_lazy) {
		load_mm(ts, &mm_root()->init_mm);
		return;
	}
	gen = mm->tlb_gen;
	if (slot->tlb_gen >= gen)
		return;
	if (info->end != TLB_FLUSH_ALL && info->new_tlb_gen == slot->tlb_gen + 1 &&
	    info->new_tlb_gen == gen) {
		slot->tlb_gen = gen;
		for (va = info->start; va < info->end; va += PAGE_SIZE)
			tlb_flush_page(this_cpu(), va);
		trace_tlb_flush(TLB_LOCAL_SHOOTDOWN, pages);
		charge_n(COST_INVLPG, pages);
	} else {
		slot->tlb_gen = gen;
		load_cr3(mm, ts->loaded_asid, true);
		trace_tlb_flush(TLB_LOCAL_MM_SHOOTDOWN, TLB_FLUSH_ALL);
		charge_cycles(0);
	}
}

/* --- telling the others --- */

void call_function_ipi(void)
{
	struct kernel *k = kern();
	struct tlb_state *ts = this_tlb_state();
	unsigned word;

	BUG_ON(!irqs_disabled());
	for (word = 0; word < MM_CPUMASK_WORDS; word++) {
		while (ts->requests[word]) {
			unsigned sender = word * 64 + (unsigned)__builtin_ctzll(ts->requests[word]);
			struct tlb_state *from = percpu_of(k, sender)->tlbstate;

			ts->requests[word] &= ts->requests[word] - 1;
			flush_tlb_local(&from->info);
			ts->nr_shootdowns_taken++;
			BUG_ON(!from->waiting);
			if (--from->waiting == 0)
				engine_unspin(k->m, sender, this_cpu()->now);
		}
	}
}

static bool must_tell(const struct tlb_state *ts, const struct flush_tlb_info *info)
{
	if (info->kernel)
		return true;
	return !ts->is_lazy || info->freed_tables;
}

/* One more CPU that has to answer, unless it need not hear of it. */
static void tell(struct tlb_state *ts, unsigned me, unsigned cpu)
{
	struct tlb_state *other = percpu_of(kern(), cpu)->tlbstate;

	if (cpu == me || !other)
		return;
	if (!must_tell(other, &ts->info)) {
		ts->nr_lazy_skipped++;
		return;
	}
	/* With IRQs off this CPU could not answer a sender that waits for it. */
	BUG_ON(irqs_disabled());
	other->requests[me / 64] |= 1ull << (me % 64);
	ts->waiting++;
	ts->nr_shootdowns_sent++;
	send_ipi(cpu, CALL_FUNCTION_VECTOR);
}

/* Send info to every CPU of mask but this one, and wait until all have obeyed. Preemption off. */
static void flush_tlb_others(struct tlb_state *ts, const u64 *mask)
{
	unsigned me = smp_processor_id(), word;
	const struct flush_tlb_info *info = &ts->info;
	bool all = info->end == TLB_FLUSH_ALL;

	for (word = 0; word < DIV_ROUND_UP(nr_cpu_ids(), 64u); word++) {
		u64 bits = mask[word];

		for (; bits; bits &= bits - 1) {
			unsigned cpu = word * 64 + (unsigned)__builtin_ctzll(bits);

			if (cpu < nr_cpu_ids())
				tell(ts, me, cpu);
		}
	}
	if (!ts->waiting)
		return;
	trace_tlb_flush(TLB_REMOTE_SEND_IPI,
			all ? TLB_FLUSH_ALL : (info->end - info->start) >> PAGE_SHIFT);
	while (ts->waiting) {
		engine_spin(this_cpu());
		charge(COST_LOCK_RETRY);
	}
}

static void flush_range(struct mm_struct *mm, u64 start, u64 end, bool freed_tables,
			const u64 *mask)
{
	struct tlb_state *ts;
	u64 flags;

	if (end != TLB_FLUSH_ALL && (end - start) >> PAGE_SHIFT > TLB_SINGLE_PAGE_FLUSH_CEILING) {
		start = 0;
		end = TLB_FLUSH_ALL;
	}
	preempt_disable();
	ts = this_tlb_state();
	BUG_ON(ts->waiting);
	ts->info = (struct flush_tlb_info){
		.mm = mm,
		.start = start,
		.end = end,
		.new_tlb_gen = mm ? ++mm->tlb_gen : 0,
		.freed_tables = freed_tables,
		.kernel = !mm,
	};
	flags = local_irq_save();
	flush_tlb_local(&ts->info);
	local_irq_restore(flags);
	flush_tlb_others(ts, mask);
	preempt_enable();
}

void flush_tlb_mm_range(struct mm_struct *mm, u64 start, u64 end, bool freed_tables)
{
	flush_range(mm, start, end, freed_tables, mm->cpu_bitmap);
}

void flush_tlb_kernel_range(u64 start, u64 end)
{
	u64 everybody[MM_CPUMASK_WORDS];
	unsigned i;

	for (i = 0; i < MM_CPUMASK_WORDS; i++)
		everybody[i] = ~0ull;
	flush_range(NULL, start, end, true, everybody);
}

void flush_tlb_all(void)
{
	flush_tlb_kernel_range(0, TLB_FLUSH_ALL);
}

/* --- gathering what an unmap frees --- */

void tlb_gather_mmu(struct mmu_gather *tlb, struct mm_struct *mm, bool fullmm)
{
	tlb->mm = mm;
	tlb->fullmm = fullmm;
	tlb->freed_tables = false;
	tlb->nr = 0;
	tlb->start = ~0ull;
	tlb->end = 0;
}

void tlb_remove_page(struct mmu_gather *tlb, struct page *page, u64 start, u64 end)
{
	tlb->start = min(tlb->start, start);
	tlb->end = max(tlb->end, end);
	if (!page)
		return;
	BUG_ON(tlb_full(tlb));
	tlb->pages[tlb->nr++] = page;
}

void tlb_flush_mmu(struct mmu_gather *tlb)
{
	u32 i;

	if (tlb->start < tlb->end) {
		if (tlb->fullmm)
			flush_tlb_mm_range(tlb->mm, 0, TLB_FLUSH_ALL, tlb->freed_tables);
		else
			flush_tlb_mm_range(tlb->mm, tlb->start, tlb->end, tlb->freed_tables);
	}
	for (i = 0; i < tlb->nr; i++)
		put_page(tlb->pages[i]);
	tlb_gather_mmu(tlb, tlb->mm, tlb->fullmm);
}
