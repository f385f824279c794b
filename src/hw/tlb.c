/* SPDX-License-Identifier: MIT */
/*
 * The TLB: modelled arrays of true shape, and the host index before them.
 *
 * Called by mmu.c (lookup, fill), by cpu.c (flushes, context changes) and by the block cache (tlb_frame_has_code). Calls nothing.
 * Must not know page tables: it keeps what it was given, stale or not.
 *
 * A Zen 4 CPU in user mode, PCID 1, has loaded from 0x7fff12345678 (4 KiB page, frame 0x4a000, RAM at host 0x7f0000000000):
 *
 *	l1d set 0, way 17: vpn 0x7fff12345  pa 0x4a000  pcid 1  user writable dirty  stamp 81234  gen 6
 *	l2 set 0x45, way 3: the same
 *	slot[READ][0x45]: tag 0x7fff12345000 | ctx 9, addend 0x7f000004a000 - 0x7fff12345000, stamp -> the L1 entry's
 *
 * The next load there compares one tag and stores one stamp, and that store is all that a real TLB hit would change too.
 *
 *	T1 a slot that can match names a valid L1 entry; T2 dropping an L1 entry drops its slots; T3 host pointers are into RAM;
 *	T4 a context id stands for one (PCID, CPL class, WP, SMEP, SMAP, AC, NXE) until a flush takes it away or the ids wrap, and on wrapping
 *	   every slot is cleared: so a slot of a dropped context never matches;
 *	T5 flushing a PCID or everything is O(1): it raises the floor of `gen` under which entries count as dropped;
 *	T6 replacement takes an invalid way, else the smallest stamp, else the lowest way: a function of the instruction history only.
 *
 * Losing a slot has no modelled effect: the slow path finds the L1 entry, does the same stamp store, and fills the slot again. So the index
 * may be any size, and may forget at any time.
 *
 * Units: vpn in 4 KiB pages; stamps in instructions. Owner: the CPU. Locking: none. Errors: none after tlb_init.
 * Time: none; mmu.c adds the costs. Lookup is O(ways).
 * Source: Intel SDM 3A 4.10; AMD APM 2 5.5; the shapes are the profiles', cost.c.
 */
#include "hw/tlb.h"

#include <string.h>

#include "hw/cpu.h"
#include "lib/compiler.h"
#include "lib/errno.h"

static const u8 page_shifts[3] = {12, 21, 30};

int tlb_init(struct cpu *cpu)
{
	const struct cost_profile *p = cpu->m->cost;
	struct arena *a = &cpu->m->arena;
	struct tlb *t = &cpu->tlb;

	t->l1d = arena_carve(a, (u64)p->l1d_sets * p->l1d_ways * sizeof(struct tlb_entry), 64);
	t->l1i = arena_carve(a, (u64)p->l1i_sets * p->l1i_ways * sizeof(struct tlb_entry), 64);
	t->l2 = arena_carve(a, (u64)p->l2_sets * p->l2_ways * sizeof(struct tlb_entry), 64);
	t->floor_pcid = arena_carve(a, 4096 * sizeof(u64), 64);
	if (!t->l1d || !t->l1i || !t->l2 || !t->floor_pcid)
		return -ENOMEM;
	t->next_ctx = 1;
	t->ctx = TLB_CTX_MASK;
	return 0;
}

static bool entry_live(const struct tlb *t, const struct tlb_entry *e)
{
	if (!e->valid)
		return false;
	if (e->global)
		return e->gen >= t->floor_global;
	return e->gen >= t->floor_local && e->gen >= t->floor_pcid[e->pcid];
}

static u16 current_pcid(const struct cpu *cpu)
{
	return cpu->cr4 & CR4_PCIDE ? cpu->cr3 & 0xfff : 0;
}

static bool entry_maps(const struct tlb_entry *e, u64 va)
{
	return ((va >> PAGE_SHIFT) ^ e->vpn) >> (e->page_shift - PAGE_SHIFT) == 0;
}

/* --- slots --- */

static void drop_slots_in(struct tlb *t, enum tlb_access access, const struct tlb_entry *e)
{
	struct tlb_slot *slot = t->slot[access];

	if (e->page_shift == PAGE_SHIFT) {
		struct tlb_slot *s = &slot[e->vpn & (TLB_SLOTS - 1)];

		if (s->entry == e)
			s->tag = 0;
		return;
	}
	for (unsigned i = 0; i < TLB_SLOTS; i++)
		if (slot[i].entry == e)
			slot[i].tag = 0;
}

static void drop_l1(struct tlb *t, bool exec, struct tlb_entry *e)
{
	if (exec) {
		drop_slots_in(t, TLB_EXEC, e);
	} else {
		drop_slots_in(t, TLB_READ, e);
		drop_slots_in(t, TLB_WRITE, e);
	}
	e->valid = false;
}

/* --- arrays --- */

struct array {
	struct tlb_entry *e;
	unsigned sets, ways;
};

static struct array array_l1(const struct cpu *cpu, bool exec)
{
	const struct cost_profile *p = cpu->m->cost;

	if (exec)
		return (struct array){cpu->tlb.l1i, p->l1i_sets, p->l1i_ways};
	return (struct array){cpu->tlb.l1d, p->l1d_sets, p->l1d_ways};
}

static struct array array_l2(const struct cpu *cpu)
{
	const struct cost_profile *p = cpu->m->cost;

	return (struct array){cpu->tlb.l2, p->l2_sets, p->l2_ways};
}

static struct tlb_entry *array_set(struct array a, u64 va, unsigned shift)
{
	return a.e + ((va >> shift) & (a.sets - 1)) * a.ways;
}

/*
 * One size a pass; a fully associative array holds all sizes in its one set and needs one pass. When stale entries overlap (the
 * manual lets any serve) the smallest page wins, then the non-global: the one an index slot would name (T1), since a
 * new entry is only ever made where none served.
 */
static struct tlb_entry *array_lookup(const struct cpu *cpu, struct array a, u64 va)
{
	const struct tlb *t = &cpu->tlb;
	u16 pcid = current_pcid(cpu);
	struct tlb_entry *best = NULL;
	unsigned best_rank = ~0u;

	for (unsigned k = 0; k < 3 && !best; k++) {
		struct tlb_entry *set = array_set(a, va, page_shifts[k]);

		for (unsigned w = 0; w < a.ways; w++) {
			struct tlb_entry *e = &set[w];
			unsigned rank = e->page_shift * 2u + e->global;

			if (!e->valid || !entry_maps(e, va) || rank >= best_rank || (!e->global && e->pcid != pcid) ||
			    (a.sets != 1 && e->page_shift != page_shifts[k]) || !entry_live(t, e))
				continue;
			if (rank == PAGE_SHIFT * 2)
				return e;
			best = e;
			best_rank = rank;
		}
		if (a.sets == 1)
			break;
	}
	return best;
}

static struct tlb_entry *array_victim(const struct tlb *t, struct array a, const struct tlb_entry *n)
{
	struct tlb_entry *set = array_set(a, n->vpn << PAGE_SHIFT, n->page_shift);
	struct tlb_entry *victim = NULL;
	bool dead = false;

	for (unsigned w = 0; w < a.ways; w++) {
		struct tlb_entry *e = &set[w];
		bool live = entry_live(t, e);

		if (live && e->vpn == n->vpn && e->page_shift == n->page_shift &&
		    (e->global || n->global || e->pcid == n->pcid))
			return e;
		if (!live && !dead) {
			victim = e;
			dead = true;
		} else if (live && !dead && (!victim || e->stamp < victim->stamp)) {
			victim = e;
		}
	}
	return victim;
}

struct tlb_entry *tlb_lookup_l1(struct cpu *cpu, u64 va, enum tlb_access access)
{
	return array_lookup(cpu, array_l1(cpu, access == TLB_EXEC), va);
}

struct tlb_entry *tlb_lookup_l2(struct cpu *cpu, u64 va)
{
	return array_lookup(cpu, array_l2(cpu), va);
}

struct tlb_entry *tlb_fill_l1(struct cpu *cpu, enum tlb_access access, const struct tlb_entry *n)
{
	struct tlb *t = &cpu->tlb;
	struct tlb_entry *e = array_victim(t, array_l1(cpu, access == TLB_EXEC), n);

	if (e->valid)
		drop_l1(t, access == TLB_EXEC, e);
	*e = *n;
	e->valid = true;
	e->gen = t->gen;
	return e;
}

void tlb_fill_l2(struct cpu *cpu, const struct tlb_entry *n)
{
	struct tlb *t = &cpu->tlb;
	struct tlb_entry *e = array_victim(t, array_l2(cpu), n);

	*e = *n;
	e->valid = true;
	e->gen = t->gen;
}

/* --- dropping single pages --- */

static void array_drop(struct cpu *cpu, struct array a, int l1_exec, u64 va, u16 pcid, bool globals)
{
	for (unsigned k = 0; k < 3; k++) {
		struct tlb_entry *set = array_set(a, va, page_shifts[k]);

		for (unsigned w = 0; w < a.ways; w++) {
			struct tlb_entry *e = &set[w];

			if (!e->valid || !entry_maps(e, va) || (e->global ? !globals : e->pcid != pcid))
				continue;
			if (l1_exec < 0)
				e->valid = false;
			else
				drop_l1(&cpu->tlb, l1_exec, e);
		}
		if (a.sets == 1)
			break;
	}
}

static void drop_page(struct cpu *cpu, u64 va, u16 pcid, bool globals)
{
	array_drop(cpu, array_l1(cpu, false), 0, va, pcid, globals);
	array_drop(cpu, array_l1(cpu, true), 1, va, pcid, globals);
	array_drop(cpu, array_l2(cpu), -1, va, pcid, globals);
}

void tlb_drop_page(struct cpu *cpu, u64 va)
{
	drop_page(cpu, va, current_pcid(cpu), true);
}

void tlb_flush_page(struct cpu *cpu, u64 va)
{
	if (!is_canonical(va))
		return;
	cpu->tlb.stats.flushed_pages++;
	drop_page(cpu, va, current_pcid(cpu), true);
}

void tlb_flush_pcid_page(struct cpu *cpu, u16 pcid, u64 va)
{
	cpu->tlb.stats.flushed_pages++;
	drop_page(cpu, va, pcid & 0xfff, false);
}

/* --- dropping many --- */

/* Contexts of one PCID (or, pcid < 0, of all) lose their ids: no slot of theirs matches again. */
static void forget_contexts(struct cpu *cpu, int pcid)
{
	struct tlb *t = &cpu->tlb;

	for (unsigned i = 0; i < TLB_CTX_CACHE; i++)
		if (pcid < 0 || (t->ctx_key[i] & 0xfff) == (u64)pcid)
			t->ctx_key[i] = 0;
	tlb_context_changed(cpu);
}

void tlb_flush_pcid(struct cpu *cpu, u16 pcid)
{
	struct tlb *t = &cpu->tlb;

	t->stats.flushes++;
	t->floor_pcid[pcid & 0xfff] = ++t->gen;
	forget_contexts(cpu, pcid & 0xfff);
}

void tlb_flush_all(struct cpu *cpu, bool globals)
{
	struct tlb *t = &cpu->tlb;

	t->stats.flushes++;
	t->floor_local = ++t->gen;
	if (globals)
		t->floor_global = t->gen;
	forget_contexts(cpu, -1);
}

/* --- contexts --- */

static u64 context_key(const struct cpu *cpu)
{
	u64 key = 1ull << 63 | current_pcid(cpu);

	key |= (u64)((cpu->efer & EFER_NXE) != 0) << 12 | (u64)((cpu->cr0 & CR0_PG) != 0) << 13;
	if (cpu->cpl == 3)
		return key | 1ull << 14;
	key |= (u64)((cpu->cr0 & CR0_WP) != 0) << 15 | (u64)((cpu->cr4 & CR4_SMEP) != 0) << 16;
	if (cpu->cr4 & CR4_SMAP)
		key |= 1ull << 17 | (u64)((cpu->rflags & FLAG_AC) != 0) << 18;
	return key;
}

void tlb_context_changed(struct cpu *cpu)
{
	struct tlb *t = &cpu->tlb;
	u64 key = context_key(cpu);
	unsigned i = (key ^ key >> 9 ^ key >> 14) & (TLB_CTX_CACHE - 1);

	if (likely(t->ctx_key[i] == key)) {
		t->ctx = t->ctx_id[i];
		return;
	}
	if (t->next_ctx > TLB_CTX_MASK) {
		memset(t->slot, 0, sizeof(t->slot));
		memset(t->ctx_key, 0, sizeof(t->ctx_key));
		t->next_ctx = 1;
	}
	t->ctx_key[i] = key;
	t->ctx_id[i] = t->next_ctx;
	t->ctx = t->next_ctx++;
}

void tlb_frame_has_code(struct machine *m, u64 pfn)
{
	u64 host = (u64)(uintptr_t)m->ram + (pfn << PAGE_SHIFT);

	for (u32 c = 0; c < m->cfg.nr_cpus; c++) {
		struct tlb_slot *slot = m->cpu[c]->tlb.slot[TLB_WRITE];

		for (unsigned i = 0; i < TLB_SLOTS; i++)
			if (slot[i].tag && (slot[i].tag & PAGE_MASK) + slot[i].addend == host)
				slot[i].tag = 0;
	}
}
