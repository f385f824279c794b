/* SPDX-License-Identifier: MIT */
/*
 * The TLB: shape and replacement against a list model, staleness against an always-walk model, each
 * flush, and that the index does not show.
 */
#include <stdlib.h>

#include "fixture.h"

#define VA(i) (0x10000000ull + (u64)(i)*PAGE_SIZE)

/* Map `pages` pages from VA(0) to RAM from 4 MiB; returns the first page table. */
static u64 page_tables(struct machine *m, unsigned pages, u64 flags)
{
	u64 next = fx_boot(m, 0);

	for (unsigned i = 0; i < pages; i++)
		fx_map(m, FX_CR3, &next, VA(i), 0x400000 + (u64)i * PAGE_SIZE, 12, flags);
	return next - PAGE_SIZE * ((pages + 511) / 512); /* page tables are made last */
}

static void *touch(struct cpu *cpu, u64 va, enum tlb_access a, u64 *pa, struct fault *f)
{
	cpu_native_access(cpu);
	return mmu_translate(cpu, va, 1, a, cpu->cpl == 3, pa, f);
}

/* --- replacement against lists kept in order of use --- */

struct list_tlb {
	unsigned sets, ways;
	u64 vpn[128][128]; /* most recent first */
	unsigned used[128];
};

static bool list_use(struct list_tlb *l, u64 vpn)
{
	u64 *v = l->vpn[vpn % l->sets];
	unsigned *used = &l->used[vpn % l->sets];
	unsigned i;
	bool hit;

	for (i = 0; i < *used && v[i] != vpn; i++)
		;
	hit = i < *used;
	if (!hit && *used < l->ways)
		i = (*used)++;
	else if (!hit)
		i = *used - 1;
	memmove(v + 1, v, i * sizeof(*v));
	v[0] = vpn;
	return hit;
}

static void misses_and_costs_match_lru_lists_with_and_without_the_index(void **state)
{
	static const char *const profiles[] = { "zen4", "skylake", "zero" };

	(void)state;
	for (unsigned k = 0; k < 6; k++) {
		struct machine *m = fx_machine(1, profiles[k / 2], 64 << 20);
		struct cpu *cpu = m->cpu[0];
		const struct cost_profile *c = m->cost;
		static struct list_tlb l1d, l1i, l2;
		u64 l1d_miss = 0, l1i_miss = 0, l2_hit = 0, walks = 0, cost = 0;
		struct prng p;

		prng_seed(&p, 100 + k / 2, 1);
		memset(&l1d, 0, sizeof(l1d));
		memset(&l1i, 0, sizeof(l1i));
		memset(&l2, 0, sizeof(l2));
		l1d.sets = c->l1d_sets, l1d.ways = c->l1d_ways;
		l1i.sets = c->l1i_sets, l1i.ways = c->l1i_ways;
		l2.sets = c->l2_sets, l2.ways = c->l2_ways;
		page_tables(m, 6000, PTE_U | PTE_W | PTE_A | PTE_D);
		fx_user(cpu);
		cpu->pending_cost = 0;
		memset(&cpu->tlb.stats, 0, sizeof(cpu->tlb.stats));
		for (unsigned i = 0; i < 60000; i++) {
			unsigned span = prng_below(&p, 3) ? 40 : prng_below(&p, 3) ? 600 : 6000;
			u64 va = VA(prng_below(&p, span)) + prng_below(&p, 4096), pa;
			enum tlb_access a = prng_below(&p, 3);
			struct list_tlb *l1 = a == TLB_EXEC ? &l1i : &l1d;
			struct fault f;
			u8 *host = touch(cpu, va, a, &pa, &f);

			assert_ptr_equal(host, m->ram + 0x400000 + (va - VA(0)));
			if (!list_use(l1, va >> 12)) {
				l1d_miss += a != TLB_EXEC;
				l1i_miss += a == TLB_EXEC;
				if (list_use(&l2, va >> 12)) {
					l2_hit++;
					cost += c->cycles[COST_TLB_L2_HIT];
				} else {
					walks++;
					cost += 4ull * c->cycles[COST_WALK_STEP];
				}
			}
			if (k % 2 &&
			    prng_below(&p, 3) == 0) /* the index may forget anything at any time */
				cpu->tlb.slot[prng_below(&p, 3)][prng_below(&p, TLB_SLOTS)].tag = 0;
		}
		assert_int_equal(cpu->tlb.stats.l1d_miss, l1d_miss);
		assert_int_equal(cpu->tlb.stats.l1i_miss, l1i_miss);
		assert_int_equal(cpu->tlb.stats.l2_hit, l2_hit);
		assert_int_equal(cpu->tlb.stats.walks, walks);
		assert_int_equal(cpu->pending_cost, cost);
		assert_true(l2_hit > 1000 && walks > 1000);
		machine_destroy(m);
	}
}

/*
 * --- staleness: every answer is today's walk, or one that was true since the last flush that had
 * to drop it ---
 */

#define NR_PAGES 24
#define NR_PCIDS 3
#define HISTORY 64

struct stale {
	u64 pte;
	u16 pcid; /* that walked it */
};
struct page_history {
	struct stale old[HISTORY];
	unsigned n;
};

static void remember(struct page_history *h, u64 pte, u16 pcid)
{
	for (unsigned i = 0; i < h->n; i++)
		if (h->old[i].pte == pte && h->old[i].pcid == pcid)
			return;
	if (h->n == HISTORY) { /* the model may only forget what is really gone */
		fail_msg("history too short");
	}
	h->old[h->n++] = (struct stale){ pte, pcid };
}

/* Drop what a flush must drop: globals (PTE_G) or not, one PCID or (pcid < 0) all. */
static void forget(struct page_history *h, int pcid, bool globals, bool locals)
{
	unsigned k = 0;

	for (unsigned i = 0; i < h->n; i++) {
		bool g = h->old[i].pte & PTE_G;
		bool drop = g ? globals : locals && (pcid < 0 || h->old[i].pcid == pcid);

		if (!drop)
			h->old[k++] = h->old[i];
	}
	h->n = k;
}

static bool pte_allows(u64 pte, enum tlb_access a, bool user)
{
	if (user && !(pte & PTE_U))
		return false;
	if (a == TLB_WRITE && !(pte & PTE_W)) /* WP is set */
		return false;
	return a != TLB_EXEC || !(pte & PTE_NX);
}

static void every_translation_is_current_or_allowed_stale(void **state)
{
	(void)state;
	for (u64 seed = 1; seed <= 6; seed++) {
		struct machine *m = fx_machine(1, seed % 2 ? "zen4" : "skylake", 64 << 20);
		struct cpu *cpu = m->cpu[0];
		static struct page_history hist[NR_PAGES];
		u64 pt = page_tables(m, NR_PAGES, PTE_U | PTE_W);
		unsigned stale_uses = 0, faults = 0;
		struct prng p;
		struct fault f;

		prng_seed(&p, seed, 7);
		memset(hist, 0, sizeof(hist));
		assert_true(cpu_write_cr4(cpu, cpu->cr4 | CR4_PCIDE, &f));
		for (unsigned i = 0; i < 40000; i++) {
			unsigned page = prng_below(&p, NR_PAGES);
			u64 slot = pt + page * 8, pte = fx_get64(m, slot), pa,
			    va = VA(page) + prng_below(&p, 4096);
			u16 pcid = cpu->cr3 & 0xfff;
			enum tlb_access a;
			bool user, ok = false;

			switch (prng_below(&p, 24)) {
			case 0: /* change a translation, and often forget to flush */
				pte = 0x400000 + prng_below(&p, 64) * PAGE_SIZE;
				pte |= (prng_below(&p, 6) ? PTE_P : 0) |
				       (prng_u64(&p) & (PTE_W | PTE_U | PTE_A));
				pte |= (prng_below(&p, 4) ? 0 : PTE_G) |
				       (prng_below(&p, 4) ? 0 : PTE_NX);
				fx_put64(m, slot, pte);
				continue;
			case 1:
				tlb_flush_page(cpu, va);
				forget(&hist[page], pcid, true, true);
				continue;
			case 2: { /* another address space, or the same */
				u64 to = FX_CR3 | prng_below(&p, NR_PCIDS),
				    keep = prng_below(&p, 2) ? CR3_NOFLUSH : 0;

				assert_true(cpu_write_cr3(cpu, to | keep, &f));
				for (unsigned k = 0; !keep && k < NR_PAGES; k++)
					forget(&hist[k], to & 0xfff, false, true);
				continue;
			}
			case 3: {
				u64 type = prng_below(&p, 4), who = prng_below(&p, NR_PCIDS);

				assert_true(cpu_invpcid(cpu, type, type < 2 ? who : 0, va, &f));
				for (unsigned k = 0; k < NR_PAGES; k++) {
					if (type == 0 && k == page)
						forget(&hist[k], who, false, true);
					if (type == 1)
						forget(&hist[k], who, false, true);
					if (type >= 2)
						forget(&hist[k], -1, type == 2, true);
				}
				continue;
			}
			case 4:
				if (prng_below(&p, 8))
					break;
				assert_true(cpu_write_cr4(cpu, cpu->cr4 ^ CR4_PGE, &f));
				assert_true(cpu_write_cr4(cpu, cpu->cr4 ^ CR4_PGE, &f));
				for (unsigned k = 0; k < NR_PAGES; k++)
					forget(&hist[k], -1, true, true);
				continue;
			case 5:
				cpu_set_cpl(cpu, prng_below(&p, 2) ? 3 : 0);
				continue;
			}
			a = prng_below(&p, 3);
			user = cpu->cpl == 3;
			pte &= ~(PTE_A | PTE_D);
			if (touch(cpu, va, a, &pa, &f)) {
				ok = (pte & PTE_P) && pte_allows(pte, a, user) &&
				     (pte & PTE_ADDR) == (pa & PAGE_MASK);
				if (ok)
					remember(&hist[page], pte, pcid);
				for (unsigned k = 0; !ok && k < hist[page].n; k++) {
					struct stale *s = &hist[page].old[k];

					ok = ((s->pte & PTE_G) || s->pcid == pcid) &&
					     pte_allows(s->pte, a, user) &&
					     (s->pte & PTE_ADDR) == (pa & PAGE_MASK);
					stale_uses += ok;
				}
			} else { /* only the tables cause faults */
				u32 e = (user ? PF_U : 0) | (a == TLB_WRITE ? PF_W : 0) |
					(a == TLB_EXEC ? PF_I : 0);

				ok = !((pte & PTE_P) && pte_allows(pte, a, user)) &&
				     f.error == (e | (pte & PTE_P ? PF_P : 0)) && f.cr2 == va;
				faults++;
				/*
				 * A fault drops the page's entries of this PCID, as INVLPG would.
				 */
				forget(&hist[page], pcid, true, true);
			}
			if (!ok)
				fail_msg(
					"seed %llu step %u: page %u access %d user %d: neither current nor allowed stale",
					(unsigned long long)seed, i, page, a, user);
		}
		assert_true(stale_uses > 100);
		assert_true(faults > 100);
		machine_destroy(m);
	}
}

/* --- each flush drops what it must, and no more --- */

struct flush_bed {
	struct machine *m;
	struct cpu *cpu;
	u64 pt;
};

/*
 * Page 0: PCID 1; page 1: PCID 2; page 2: global; page 3: global. All cached; then the tables are
 * emptied, so that only the TLB answers.
 */
static struct flush_bed flush_bed(void)
{
	struct flush_bed b = { .m = fx_machine(1, "zen4", 64 << 20) };
	struct fault f;
	u64 pa;

	b.cpu = b.m->cpu[0];
	b.pt = page_tables(b.m, 4, PTE_U | PTE_W);
	fx_put64(b.m, b.pt + 16, fx_get64(b.m, b.pt + 16) | PTE_G);
	fx_put64(b.m, b.pt + 24, fx_get64(b.m, b.pt + 24) | PTE_G);
	assert_true(cpu_write_cr4(b.cpu, b.cpu->cr4 | CR4_PCIDE, &f));
	assert_true(cpu_write_cr3(b.cpu, FX_CR3 | 2, &f));
	assert_non_null(touch(b.cpu, VA(1), TLB_READ, &pa, &f));
	assert_true(cpu_write_cr3(b.cpu, FX_CR3 | 1, &f));
	for (unsigned i = 0; i < 4; i += i ? 1 : 2)
		assert_non_null(touch(b.cpu, VA(i), TLB_READ, &pa, &f));
	for (unsigned i = 0; i < 4; i++)
		fx_put64(b.m, b.pt + i * 8, 0);
	return b;
}

/* Which of the four still answer: bit i for page i. */
static unsigned cached(struct flush_bed *b)
{
	unsigned bits = 0;
	struct fault f;
	u64 pa;

	for (unsigned i = 0; i < 4; i++) {
		assert_true(cpu_write_cr3(b->cpu, FX_CR3 | (i == 1 ? 2 : 1) | CR3_NOFLUSH, &f));
		bits |= (touch(b->cpu, VA(i), TLB_READ, &pa, &f) != NULL) << i;
	}
	machine_destroy(b->m);
	return bits;
}

static void each_flush_drops_what_it_must_and_no_more(void **state)
{
	struct flush_bed b;
	struct fault f;

	(void)state;
	b = flush_bed();
	assert_int_equal(cached(&b), 0xf);

	b = flush_bed(); /* INVLPG: this PCID's page */
	tlb_flush_page(b.cpu, VA(0) + 123);
	assert_int_equal(cached(&b), 0xe);
	b = flush_bed(); /* INVLPG: a global page too */
	tlb_flush_page(b.cpu, VA(2));
	assert_int_equal(cached(&b), 0xb);
	b = flush_bed(); /* INVLPG: not another PCID's */
	tlb_flush_page(b.cpu, VA(1));
	assert_int_equal(cached(&b), 0xf);
	b = flush_bed(); /* INVLPG of a non-canonical address does nothing */
	tlb_flush_page(b.cpu, VA(0) | 1ull << 50);
	assert_int_equal(cached(&b), 0xf);

	b = flush_bed();
	assert_true(cpu_invpcid(b.cpu, 0, 2, VA(1), &f));
	assert_int_equal(cached(&b), 0xd);
	b = flush_bed(); /* type 0 keeps globals */
	assert_true(cpu_invpcid(b.cpu, 0, 1, VA(2), &f));
	assert_int_equal(cached(&b), 0xf);
	b = flush_bed();
	assert_true(cpu_invpcid(b.cpu, 1, 2, 0, &f));
	assert_int_equal(cached(&b), 0xd);
	b = flush_bed();
	assert_true(cpu_invpcid(b.cpu, 2, 0, 0, &f));
	assert_int_equal(cached(&b), 0x0);
	b = flush_bed();
	assert_true(cpu_invpcid(b.cpu, 3, 0, 0, &f));
	assert_int_equal(cached(&b), 0xc);

	b = flush_bed(); /* MOV CR3: the new PCID's non-global entries */
	assert_true(cpu_write_cr3(b.cpu, FX_CR3 | 2, &f));
	assert_int_equal(cached(&b), 0xd);
	b = flush_bed();
	assert_true(cpu_write_cr3(b.cpu, FX_CR3 | 1, &f));
	assert_int_equal(cached(&b), 0xe);
	b = flush_bed();
	assert_true(cpu_write_cr3(b.cpu, FX_CR3 | 1 | CR3_NOFLUSH, &f));
	assert_int_equal(b.cpu->cr3, FX_CR3 | 1);
	assert_int_equal(cached(&b), 0xf);

	b = flush_bed(); /* any toggle of PGE */
	assert_true(cpu_write_cr4(b.cpu, b.cpu->cr4 & ~CR4_PGE, &f));
	assert_int_equal(cached(&b), 0x0);
	b = flush_bed(); /* SMEP turned on: the current PCID */
	assert_true(cpu_write_cr4(b.cpu, b.cpu->cr4 | CR4_SMEP, &f));
	assert_int_equal(cached(&b), 0xe);
	b = flush_bed(); /* PCIDE turned off: everything */
	assert_true(cpu_write_cr4(b.cpu, b.cpu->cr4 & ~CR4_PCIDE, &f));
	assert_true(cpu_write_cr3(b.cpu, FX_CR3, &f));
	assert_true(cpu_write_cr4(b.cpu, b.cpu->cr4 | CR4_PCIDE, &f));
	assert_int_equal(cached(&b), 0x0);
}

static void invpcid_and_cr_writes_are_checked(void **state)
{
	struct machine *m = fx_machine(1, "skylake", 16 << 20);
	struct cpu *cpu = m->cpu[0];
	struct fault f;

	(void)state;
	fx_boot(m, 0);
	assert_false(cpu_invpcid(cpu, 4, 0, 0, &f));
	assert_int_equal(f.vector, VEC_GP);
	assert_false(cpu_invpcid(cpu, 1, 0x1000, 0, &f));
	assert_false(cpu_invpcid(cpu, 0, 0, 1ull << 47, &f));
	assert_false(cpu_invpcid(cpu, 1, 5, 0, &f)); /* PCIDE is 0 */
	assert_true(cpu_invpcid(cpu, 1, 0, 0, &f));
	cpu->cr3 |= 8;
	assert_false(cpu_write_cr4(cpu, cpu->cr4 | CR4_PCIDE, &f));
	cpu->cr3 &= ~8ull;
	assert_true(cpu_write_cr4(cpu, cpu->cr4 | CR4_PCIDE, &f));
	assert_false(cpu_write_cr0(cpu, cpu->cr0 & ~CR0_PG, &f));
	assert_false(cpu_write_cr0(cpu, cpu->cr0 & ~CR0_PE, &f));
	assert_false(cpu_write_cr0(cpu, cpu->cr0 | CR0_NW, &f));
	assert_false(cpu_write_cr0(cpu, cpu->cr0 | 1ull << 32, &f));
	assert_false(cpu_write_cr4(cpu, cpu->cr4 & ~CR4_PAE, &f));
	assert_false(cpu_write_cr4(cpu, cpu->cr4 | 1 << 12, &f)); /* LA57 */
	assert_false(cpu_write_cr3(cpu, 1ull << 46, &f));
	assert_true(cpu_write_cr3(cpu, FX_CR3 | CR3_NOFLUSH, &f));
	assert_int_equal(cpu->cr3, FX_CR3);
	assert_true(cpu_write_cr4(cpu, cpu->cr4 & ~CR4_PCIDE, &f));
	assert_false(cpu_write_cr3(cpu, FX_CR3 | CR3_NOFLUSH, &f));
	assert_false(cpu_write_msr(cpu, MSR_EFER, cpu->efer & ~EFER_LME, &f));
	assert_false(cpu_write_msr(cpu, MSR_EFER, cpu->efer | 2, &f));
	assert_true(cpu_write_msr(cpu, MSR_EFER, cpu->efer & ~EFER_SCE & ~EFER_LMA, &f));
	assert_true(cpu->efer & EFER_LMA);
	assert_false(cpu_write_msr(cpu, MSR_LSTAR, 1ull << 47, &f));
	assert_false(cpu_write_msr(cpu, MSR_FS_BASE, 1ull << 63, &f));
	assert_true(cpu_write_msr(cpu, MSR_FS_BASE, 0x7000, &f));
	assert_int_equal(cpu->r[REG_FSBASE], 0x7000);
	assert_false(cpu_write_msr(cpu, MSR_PAT, 2, &f));
	assert_false(cpu_write_msr(cpu, 0x12345, 0, &f));
	u64 v;
	assert_false(cpu_read_msr(cpu, 0x12345, &v, &f));
	machine_destroy(m);
}

static void large_pages_are_one_entry_and_go_with_one_invlpg(void **state)
{
	(void)state;
	for (unsigned k = 0; k < 2; k++) {
		struct machine *m = fx_machine(1, k ? "skylake" : "zen4", 64 << 20);
		struct cpu *cpu = m->cpu[0];
		u64 next = fx_boot(m, 0), pa;
		struct fault f;

		fx_map(m, FX_CR3, &next, 0x40000000, 0x600000, 21, PTE_U | PTE_W);
		fx_map(m, FX_CR3, &next, 0x8000000000, 0, 30, PTE_U | PTE_W);
		fx_user(cpu);
		memset(&cpu->tlb.stats, 0, sizeof(cpu->tlb.stats));
		for (unsigned i = 0; i < 512; i++) {
			assert_ptr_equal(touch(cpu, 0x40000000 + i * 0x1000, TLB_WRITE, &pa, &f),
					 m->ram + 0x600000 + i * 0x1000);
			assert_ptr_equal(touch(cpu, 0x8000000000 + i * 0x11000, TLB_READ, &pa, &f),
					 m->ram + i * 0x11000);
		}
		assert_int_equal(cpu->tlb.stats.walks, 2);
		/* One address of the page drops all of it, slots included. */
		tlb_flush_page(cpu, 0x400ab123);
		for (unsigned i = 0; i < 512; i++)
			assert_non_null(touch(cpu, 0x40000000 + i * 0x1000, TLB_WRITE, &pa, &f));
		assert_int_equal(cpu->tlb.stats.walks, 3);
		machine_destroy(m);
	}
}

static void context_ids_wrap_without_reviving_old_slots(void **state)
{
	struct machine *m = fx_machine(1, "zen4", 16 << 20);
	struct cpu *cpu = m->cpu[0];
	u64 pt = page_tables(m, 1, PTE_U | PTE_W), pa, ctx;
	struct fault f;
	unsigned n = 0;

	(void)state;
	assert_true(cpu_write_cr3(cpu, FX_CR3, &f));
	ctx = cpu->tlb.ctx;
	assert_non_null(touch(cpu, VA(0), TLB_READ, &pa, &f));
	assert_int_equal(pa, 0x400000);
	fx_put64(m, pt, 0x700000 | PTE_P | PTE_U | PTE_W);
	do { /* each flush takes a new id, until that of the slot above comes round */
		assert_true(cpu_write_cr3(cpu, FX_CR3, &f));
		assert_true(++n < 10000);
	} while (cpu->tlb.ctx != ctx);
	assert_true(n > 1000);
	assert_non_null(touch(cpu, VA(0), TLB_READ, &pa, &f));
	assert_int_equal(pa, 0x700000);
	machine_destroy(m);
}

static void a_frame_with_code_leaves_the_write_slots(void **state)
{
	struct machine *m = fx_machine(2, "zen4", 16 << 20);
	struct cpu *cpu = m->cpu[0];
	u64 pa;
	struct fault f;
	struct tlb_slot *s;

	(void)state;
	page_tables(m, 2, PTE_U | PTE_W);
	fx_user(cpu);
	assert_non_null(touch(cpu, VA(0), TLB_WRITE, &pa, &f));
	assert_non_null(touch(cpu, VA(1), TLB_WRITE, &pa, &f));
	s = &cpu->tlb.slot[TLB_WRITE][tlb_slot_index(VA(0))];
	assert_int_equal(s->tag, VA(0) | cpu->tlb.ctx);
	m->frame_flags[0x400] |= FRAME_HAS_CODE;
	tlb_frame_has_code(m, 0x400);
	assert_int_equal(s->tag, 0);
	assert_int_not_equal(s[1].tag, 0);
	/* The next write is seen, and forgets the code. */
	assert_non_null(touch(cpu, VA(0), TLB_WRITE, &pa, &f));
	assert_int_equal(m->frame_flags[0x400] & FRAME_HAS_CODE, 0);
	assert_int_equal(s->tag, VA(0) | cpu->tlb.ctx);
	machine_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(misses_and_costs_match_lru_lists_with_and_without_the_index),
		cmocka_unit_test(every_translation_is_current_or_allowed_stale),
		cmocka_unit_test(each_flush_drops_what_it_must_and_no_more),
		cmocka_unit_test(invpcid_and_cr_writes_are_checked),
		cmocka_unit_test(large_pages_are_one_entry_and_go_with_one_invlpg),
		cmocka_unit_test(context_ids_wrap_without_reviving_old_slots),
		cmocka_unit_test(a_frame_with_code_leaves_the_write_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
