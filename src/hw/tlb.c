/* SPDX-License-Identifier: MIT */
/*
 * The TLB: modelled arrays of true shape, and the host index before them.
 *
 * Called by mmu.c (lookup, fill), by cpu.c (flushes, context changes) and by the block cache
 * (tlb_frame_has_code). Calls nothing. Must not know page tables: it keeps what it was given, stale
 * or not.
 *
 * A Zen 4 CPU in user mode, PCID 1, has loaded from 0x7fff12345678 (4 KiB page, frame 0x4a000, RAM
 * at host 0x7f0000000000):
 *
 *	l1d set 0, way 17: vpn 0x7fff12345 pa 0x4a000 pcid 1 user writable dirty, stamp 81234
 *	l2 set 0x45, way 3: the same
 *	slot[READ][0x45]: tag 0x7fff12345000 | ctx 9, addend 0x7f000004a000 - 0x7fff12345000,
 *		stamp -> the L1 entry's
 *
 * The next load there compares one tag and stores one stamp, and that store is all that a real TLB
 * hit would change too.
 *
 *	T1 a slot that can match names a valid L1 entry; T2 dropping an L1 entry drops its slots; T3
 *	   host pointers are into RAM;
 *	T4 a context id stands for one (PCID, CPL class, WP, SMEP, SMAP, AC, NXE) until a flush
 *	   takes it away or the ids wrap, and on wrapping every slot is cleared: so a slot of a
 *	   dropped context never matches;
 *	T5 flushing a PCID or everything is O(1): it raises the floor of `gen` under which entries
 *	   count as dropped;
 *	T6 replacement takes a free way (stamp 0), else the smallest stamp, else the lowest way: a
 *	   function of the instruction history only;
 *	T7 the stamps of one array's entries only grow until the entry goes, so a wide set keeps
 *	   its ways in the order of the stamps it last saw: hits write nothing there, and the first
 *	   way whose stamp is still the one seen is the oldest. Ways that were hit since move to
 *	   where they belong when the search meets them; after ORDER_STEPS of that it compares all.
 *
 * Losing a slot has no modelled effect: the slow path finds the L1 entry, does the same stamp
 * store, and fills the slot again. So the index may be any size, and may forget at any time.
 *
 * Units: vpn in 4 KiB pages; stamps in instructions. Owner: the CPU. Locking: none. Errors: none
 * after tlb_init.
 * Time: none; mmu.c adds the costs. Lookups and single drops are O(1) by hash; a fill is O(1) while
 * a way is free or the order serves, O(ways) at worst.
 * Source: Intel SDM 3A 4.10; AMD APM 2 5.5; the shapes are the profiles', cost.c.
 */
#include "hw/tlb.h"

#include <string.h>

#include "hw/cpu.h"
#include "lib/compiler.h"
#include "lib/errno.h"

#define NR_SIZES 3u
#define WAY_BITS 7u
#define WIDE_WAYS 32u  /* from here on a set has a tlb_order */
#define ORDER_STEPS 16 /* a search for the oldest way looks at so many, then at all */
#define LIST_END TLB_MAX_L1
_Static_assert(TLB_MAX_L1 <= 1u << WAY_BITS, "a way is a number of WAY_BITS");
static const u8 page_shifts[NR_SIZES] = { 12, 21, 30 };

/* --- the order of a wide set's ways (T7) --- */

static void order_unlink(struct tlb_order *o, u32 way)
{
	o->next[o->prev[way]] = o->next[way];
	o->prev[o->next[way]] = o->prev[way];
}

static void order_link(struct tlb_order *o, u32 way, u32 behind)
{
	o->prev[way] = behind;
	o->next[way] = o->next[behind];
	o->prev[o->next[way]] = way;
	o->next[behind] = way;
}

/* The way behind which one with this stamp belongs. *steps: what the search may cost, and did. */
static u32 order_place(const struct tlb_order *o, u32 way, u64 stamp, int *steps)
{
	u32 p = o->prev[LIST_END];

	while (p != LIST_END && (o->seen[p] > stamp || (o->seen[p] == stamp && p > way))) {
		if (--*steps < 0)
			break;
		p = o->prev[p];
	}
	return p;
}

static bool order_is_free(const struct tlb_order *o, u32 way)
{
	return o->free[way / 64] >> (way % 64) & 1;
}

static void order_freed(struct tlb_order *o, u32 way)
{
	if (order_is_free(o, way))
		return;
	order_unlink(o, way);
	o->free[way / 64] |= 1ull << (way % 64);
}

static void order_used(struct tlb_order *o, u32 way, u64 stamp)
{
	int steps = LIST_END;

	if (order_is_free(o, way)) {
		if (!stamp)
			return;
		o->free[way / 64] &= ~(1ull << (way % 64));
	} else {
		order_unlink(o, way);
	}
	o->seen[way] = stamp;
	order_link(o, way, order_place(o, way, stamp, &steps));
}

/* --- arrays --- */

static struct tlb_order *order_create(struct arena *a, u32 ways)
{
	struct tlb_order *o = arena_carve(a, sizeof(*o), 64);

	if (!o)
		return NULL;
	for (u32 w = 0; w < ways; w++)
		o->free[w / 64] |= 1ull << (w % 64);
	o->next[LIST_END] = o->prev[LIST_END] = LIST_END;
	return o;
}

static int array_init(struct arena *a, struct tlb_array *t, u32 sets, u32 ways, u8 slots_exec)
{
	u32 n = sets * ways, buckets = 64;

	while (buckets < 2 * n)
		buckets *= 2;
	*t = (struct tlb_array){
		.sets = sets, .ways = ways, .hash_mask = buckets - 1, .slots_exec = slots_exec
	};
	t->e = arena_carve(a, (u64)n * sizeof(*t->e), 64);
	t->stamp = arena_carve(a, (u64)n * sizeof(*t->stamp), 64);
	t->valid = arena_carve(a, (u64)sets * sizeof(*t->valid), 64);
	t->swept = arena_carve(a, (u64)sets * sizeof(*t->swept), 64);
	t->head = arena_carve(a, (u64)buckets * sizeof(*t->head), 64);
	if (sets == 1 && ways >= WIDE_WAYS)
		t->order = order_create(a, ways);
	return t->e && t->stamp && t->valid && t->swept && t->head &&
			       (t->order || sets > 1 || ways < WIDE_WAYS) ?
		       0 :
		       -ENOMEM;
}

int tlb_init(struct cpu *cpu)
{
	const struct cost_profile *p = cpu->m->cost;
	struct arena *a = &cpu->m->arena;
	struct tlb *t = &cpu->tlb;

	t->floor_pcid = arena_carve(a, 4096 * sizeof(u64), 64);
	if (!t->floor_pcid || array_init(a, &t->l1d, p->l1d_sets, p->l1d_ways, 0) ||
	    array_init(a, &t->l1i, p->l1i_sets, p->l1i_ways, 1) ||
	    array_init(a, &t->l2, p->l2_sets, p->l2_ways, 2))
		return -ENOMEM;
	t->next_ctx = 1;
	t->ctx = TLB_CTX_MASK;
	return 0;
}

static bool entry_live(const struct tlb *t, const struct tlb_entry *e)
{
	if (e->global)
		return e->gen >= t->floor_global;
	return e->gen >= t->floor_local && e->gen >= t->floor_pcid[e->pcid];
}

static u16 current_pcid(const struct cpu *cpu)
{
	return cpu->cr4 & CR4_PCIDE ? cpu->cr3 & 0xfff : 0;
}

/* Chains are by page and size alone: a global entry and those of every PCID are found in one. */
static u16 *chain(const struct tlb_array *a, u64 vpn, unsigned shift)
{
	u64 page = vpn >> (shift - PAGE_SHIFT);

	return &a->head[(page ^ page >> 9 ^ page >> 18 ^ shift) & a->hash_mask];
}

static u32 set_of(const struct tlb_array *a, const struct tlb_entry *e)
{
	return (e->vpn >> (e->page_shift - PAGE_SHIFT)) & (a->sets - 1);
}

static void unlink_entry(struct tlb_array *a, struct tlb_entry *e)
{
	u16 me = (u16)(e - a->e) + 1;
	u32 set = set_of(a, e), way = me - 1u - set * a->ways;
	u16 *link = chain(a, e->vpn, e->page_shift);

	while (*link != me)
		link = &a->e[*link - 1].next;
	*link = e->next;
	e->valid = false;
	a->valid[set][way / 64] &= ~(1ull << (way % 64));
	*e->stamp = 0;
	if (a->order)
		order_freed(a->order, way);
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

/* T2. */
static void drop_entry(struct tlb *t, struct tlb_array *a, struct tlb_entry *e)
{
	if (a->slots_exec == 1) {
		drop_slots_in(t, TLB_EXEC, e);
	} else if (a->slots_exec == 0) {
		drop_slots_in(t, TLB_READ, e);
		drop_slots_in(t, TLB_WRITE, e);
	}
	unlink_entry(a, e);
}

/* --- lookup and fill --- */

/*
 * When stale entries overlap (the manual lets any serve) the smallest page wins, then the
 * non-global: the one an index slot would name (T1), since a new entry is only ever made where none
 * served.
 */
static force_inline struct tlb_entry *lookup_size(const struct tlb *t, const struct tlb_array *a,
						  u64 vpn, u16 pcid, unsigned shift)
{
	u64 first = vpn >> (shift - PAGE_SHIFT) << (shift - PAGE_SHIFT);
	struct tlb_entry *best = NULL;

	for (u16 i = *chain(a, first, shift); i; i = a->e[i - 1].next) {
		struct tlb_entry *e = &a->e[i - 1];

		if (e->vpn != first || e->page_shift != shift || (!e->global && e->pcid != pcid) ||
		    !entry_live(t, e))
			continue;
		if (!best || !e->global)
			best = e;
	}
	return best;
}

static struct tlb_entry *array_lookup(const struct cpu *cpu, const struct tlb_array *a, u64 va)
{
	const struct tlb *t = &cpu->tlb;
	u16 pcid = current_pcid(cpu);
	u64 vpn = va >> PAGE_SHIFT;
	struct tlb_entry *e = lookup_size(t, a, vpn, pcid, 12);

	if (!e && (t->sizes_seen & 2))
		e = lookup_size(t, a, vpn, pcid, 21);
	if (!e && unlikely(t->sizes_seen & 4))
		e = lookup_size(t, a, vpn, pcid, 30);
	return e;
}

/* Clear away what flushes dropped, so that a free way is one with stamp 0. Once a set and flush. */
static void sweep(struct tlb *t, struct tlb_array *a, u32 set)
{
	struct tlb_entry *e = a->e + set * a->ways;

	if (likely(a->swept[set] == t->gen))
		return;
	a->swept[set] = t->gen;
	for (u32 k = 0; k < 2; k++)
		for (u64 v = a->valid[set][k]; v; v &= v - 1) {
			u32 way = k * 64 + __builtin_ctzll(v);

			if (!entry_live(t, &e[way]))
				drop_entry(t, a, &e[way]);
		}
}

/*
 * The way lies below the stamp in one number, so that the least number is the answer, ties
 * included; four chains of minima, so that the host compares four at a time.
 */
static u32 oldest_way(const u64 *stamp, u32 ways)
{
	u64 least[4] = { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX };
	u32 w = 0;

	for (; w + 4 <= ways; w += 4)
		for (u32 k = 0; k < 4; k++)
			least[k] = min(least[k], stamp[w + k] << WAY_BITS | (w + k));
	for (; w < ways; w++)
		least[0] = min(least[0], stamp[w] << WAY_BITS | w);
	least[0] = min(min(least[0], least[1]), min(least[2], least[3]));
	return least[0] & ((1u << WAY_BITS) - 1);
}

static u32 ordered_oldest_way(struct tlb_order *o, const u64 *stamp, u32 ways)
{
	int steps = ORDER_STEPS;
	u32 way;

	for (u32 k = 0; k < 2; k++)
		for (u64 w = o->free[k]; w; w &= w - 1) {
			way = k * 64 + __builtin_ctzll(w);
			if (!stamp[way])
				return way;
			order_used(o, way, stamp[way]);
		}
	for (;;) {
		u32 behind;

		way = o->next[LIST_END];
		if (stamp[way] == o->seen[way])
			return way;
		behind = order_place(o, way, stamp[way], &steps);
		if (--steps < 0)
			return oldest_way(stamp, ways);
		o->seen[way] = stamp[way];
		if (behind == way)
			continue;
		order_unlink(o, way);
		order_link(o, way, behind);
	}
}

/* T6. */
static u32 victim(const struct tlb_array *a, u32 set)
{
	for (u32 k = 0; k * 64 < a->ways && likely(!a->zeros); k++) {
		u32 n = min(a->ways - k * 64, 64u);
		u64 free = ~a->valid[set][k] & (~0ull >> (64 - n));

		if (free)
			return k * 64 + __builtin_ctzll(free);
	}
	return a->order ? ordered_oldest_way(a->order, a->stamp, a->ways) :
			  oldest_way(a->stamp + set * a->ways, a->ways);
}

static struct tlb_entry *array_fill(struct cpu *cpu, struct tlb_array *a, const struct tlb_entry *n,
				    u64 stamp)
{
	struct tlb *t = &cpu->tlb;
	u32 set = set_of(a, n), base = set * a->ways, way;
	u16 *head = chain(a, n->vpn, n->page_shift);
	struct tlb_entry *e = NULL;

	sweep(t, a, set);
	for (u16 i = *head; i && !e; i = a->e[i - 1].next) {
		struct tlb_entry *o = &a->e[i - 1];

		if (o->vpn == n->vpn && o->page_shift == n->page_shift &&
		    (o->global || n->global || o->pcid == n->pcid))
			e = o;
	}
	if (!e)
		e = &a->e[base + victim(a, set)];
	if (e->valid)
		drop_entry(t, a, e);
	*e = *n;
	way = e - a->e - base;
	e->valid = true;
	a->valid[set][way / 64] |= 1ull << (way % 64);
	e->gen = t->gen;
	e->stamp = &a->stamp[e - a->e];
	*e->stamp = stamp;
	a->zeros |= stamp == 0;
	if (a->order)
		order_used(a->order, way, stamp);
	e->next = *head;
	*head = (u16)(e - a->e) + 1;
	t->sizes_seen |= n->page_shift == 12 ? 1 : n->page_shift == 21 ? 2 : 4;
	return e;
}

static struct tlb_array *array_l1(struct cpu *cpu, enum tlb_access access)
{
	return access == TLB_EXEC ? &cpu->tlb.l1i : &cpu->tlb.l1d;
}

struct tlb_entry *tlb_lookup_l1(struct cpu *cpu, u64 va, enum tlb_access access)
{
	return array_lookup(cpu, array_l1(cpu, access), va);
}

struct tlb_entry *tlb_lookup_l2(struct cpu *cpu, u64 va)
{
	return array_lookup(cpu, &cpu->tlb.l2, va);
}

struct tlb_entry *tlb_fill_l1(struct cpu *cpu, enum tlb_access access, const struct tlb_entry *n,
			      u64 stamp)
{
	return array_fill(cpu, array_l1(cpu, access), n, stamp);
}

void tlb_fill_l2(struct cpu *cpu, const struct tlb_entry *n, u64 stamp)
{
	array_fill(cpu, &cpu->tlb.l2, n, stamp);
}

/* --- dropping single pages --- */

static void array_drop(struct cpu *cpu, struct tlb_array *a, u64 va, u16 pcid, bool globals)
{
	for (unsigned k = 0; k < NR_SIZES; k++) {
		unsigned shift = page_shifts[k];
		u64 first = va >> shift << (shift - PAGE_SHIFT);
		u16 next;

		for (u16 i = *chain(a, first, shift); i; i = next) {
			struct tlb_entry *e = &a->e[i - 1];

			next = e->next;
			if (e->vpn == first && e->page_shift == shift &&
			    (e->global ? globals : e->pcid == pcid))
				drop_entry(&cpu->tlb, a, e);
		}
	}
}

static void drop_page(struct cpu *cpu, u64 va, u16 pcid, bool globals)
{
	array_drop(cpu, &cpu->tlb.l1d, va, pcid, globals);
	array_drop(cpu, &cpu->tlb.l1i, va, pcid, globals);
	array_drop(cpu, &cpu->tlb.l2, va, pcid, globals);
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
