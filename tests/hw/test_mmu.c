/* SPDX-License-Identifier: MIT */
/*
 * The walker against a second one written from the manual's text (Intel SDM 3A 4.5 to 4.7), on a
 * million seeded random cases; then accesses across pages, MMIO, and tables that point anywhere.
 */
#include "fixture.h"

/* --- the naive model: one rule after the other, nothing shared with src/hw/mmu.c --- */

struct model_result {
	bool ok;
	u64 pa;
	u32 error;
	unsigned entries;
	u64 entry_pa[4];
	u64 after[4]; /* what each used entry must hold afterwards */
};

struct model_cpu {
	u64 cr3;
	bool wp, nxe, smep, smap, ac, pge, amd;
	unsigned maxphyaddr;
	u64 ram_end;
};

static u64 model_load(struct machine *m, const struct model_cpu *c, u64 pa)
{
	return pa + 8 <= c->ram_end ? fx_get64(m, pa) : 0xffffffffffffffffull;
}

static struct model_result model_walk(struct machine *m, const struct model_cpu *c, u64 va,
				      enum tlb_access access, bool user, bool implicit)
{
	struct model_result r = { 0 };
	unsigned index[4] = { (va >> 39) & 511, (va >> 30) & 511, (va >> 21) & 511,
			      (va >> 12) & 511 };
	u64 phys_mask = ((1ull << c->maxphyaddr) - 1) & ~0xfffull;
	u64 table = c->cr3 & phys_mask & 0x000ffffffffff000ull;
	bool all_w = true, all_u = true, any_nx = false;
	u64 page_bytes = 0, entry = 0;
	unsigned i;

	r.error = (access == TLB_WRITE ? 2 : 0) | (user ? 4 : 0);
	if (access == TLB_EXEC && (c->nxe || c->smep))
		r.error |= 16;
	for (i = 0; i < 4; i++) {
		r.entry_pa[i] = table + index[i] * 8ull;
		entry = model_load(m, c, r.entry_pa[i]);
		r.after[i] = entry;
		r.entries = i + 1;
		if ((entry & 1) == 0)
			return r;
		for (unsigned bit = 0; bit < 64; bit++) {
			bool set = (entry >> bit) & 1, reserved = false;
			bool large = (entry >> 7) & 1;

			if (bit >= c->maxphyaddr && bit <= 51)
				reserved = true;
			if (bit == 63 && !c->nxe)
				reserved = true;
			if (i == 0 && bit == 7)
				reserved = true;
			if (i == 0 && bit == 8 && c->amd)
				reserved = true;
			if (i == 1 && large && bit >= 13 && bit <= 29)
				reserved = true;
			if (i == 2 && large && bit >= 13 && bit <= 20)
				reserved = true;
			if (set && reserved) {
				r.error |= 1 | 8;
				return r;
			}
		}
		all_w = all_w && ((entry >> 1) & 1);
		all_u = all_u && ((entry >> 2) & 1);
		any_nx = any_nx || (entry >> 63);
		if (i == 3)
			page_bytes = 1ull << 12;
		else if (i == 2 && ((entry >> 7) & 1))
			page_bytes = 1ull << 21;
		else if (i == 1 && ((entry >> 7) & 1))
			page_bytes = 1ull << 30;
		if (page_bytes)
			break;
		table = entry & 0x000ffffffffff000ull;
	}
	r.error |= 1;
	if (user) {
		if (!all_u)
			return r;
		if (access == TLB_WRITE && !all_w)
			return r;
		if (access == TLB_EXEC && c->nxe && any_nx)
			return r;
	} else {
		if (access == TLB_READ && all_u && c->smap && (implicit || !c->ac))
			return r;
		if (access == TLB_WRITE) {
			if (all_u && c->smap && (implicit || !c->ac))
				return r;
			if (c->wp && !all_w)
				return r;
		}
		if (access == TLB_EXEC) {
			if (c->nxe && any_nx)
				return r;
			if (all_u && c->smep)
				return r;
		}
	}
	r.ok = true;
	r.pa = ((entry & 0x000ffffffffff000ull) & ~(page_bytes - 1)) + (va & (page_bytes - 1));
	for (i = 0; i < r.entries; i++)
		r.after[i] |= 0x20;
	if (access == TLB_WRITE)
		r.after[r.entries - 1] |= 0x40;
	return r;
}

/*
 * Random tables in few pages, so that they share, recur and point into each other; mostly sound,
 * each flaw now and then.
 */
#define TABLE_PAGES 24
#define TABLE_BASE 0x100000ull

static u64 random_entry(struct prng *p, unsigned maxphyaddr, u64 ram_end)
{
	u64 e = TABLE_BASE + prng_below(p, TABLE_PAGES) * PAGE_SIZE;

	e |= prng_u64(p) & 0x7e; /* W U PWT PCD A D */
	e |= prng_below(p, 16) ? PTE_P : 0;
	e |= prng_below(p, 4) ? PTE_W | PTE_U : 0;
	e |= prng_below(p, 5) ? 0 : PTE_PS;
	e |= prng_below(p, 16) ? 0 : PTE_G;
	e |= prng_below(p, 6) ? 0 : PTE_NX;
	e |= (prng_u64(p) & 0xe00) | (prng_u64(p) & 0x7ff) << 52;
	switch (prng_below(p, 40)) {
	case 0: /* a bit in 12..51 */
		e ^= 1ull << (12 + prng_below(p, 40));
		break;
	case 1: /* at or past the end of RAM */
		e = (e & ~PTE_ADDR) | (ram_end + (prng_below(p, 3) - 1) * PAGE_SIZE);
		break;
	case 2: /* the highest bit allowed and the lowest not allowed */
		e |= 1ull << (maxphyaddr - prng_below(p, 2)) & PTE_ADDR;
		break;
	case 3:
		e = prng_u64(p);
		break;
	}
	if (e & PTE_PS && prng_below(p, 4)) /* make most large leaves sound at either size */
		e &= ~0x3fffe000ull;
	return e;
}

static void walk_cases(const char *profile, u64 seed, unsigned rounds, unsigned per_round)
{
	struct machine *m = fx_machine(1, profile, 16 << 20);
	struct cpu *cpu = m->cpu[0];
	struct prng p;
	unsigned ok = 0, faults = 0, rsvd = 0;

	prng_seed(&p, seed, 2);
	cpu_long_mode(cpu, TABLE_BASE, 0, 0);
	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned t = 0; t < TABLE_PAGES; t++)
			for (unsigned k = 0; k < 14; k++)
				fx_put64(m, TABLE_BASE + t * PAGE_SIZE + k * 37 * 8,
					 random_entry(&p, m->cost->maxphyaddr, m->phys_end));
		for (unsigned i = 0; i < per_round; i++) {
			bool user = prng_below(&p, 2), set_ad = prng_below(&p, 4) != 0;
			enum tlb_access access = prng_below(&p, 3);
			struct model_cpu c = {
				.cr3 = TABLE_BASE + prng_below(&p, TABLE_PAGES) * PAGE_SIZE,
				.wp = prng_below(&p, 2),
				.nxe = prng_below(&p, 4),
				.smep = prng_below(&p, 2),
				.smap = prng_below(&p, 2),
				.ac = prng_below(&p, 2),
				.pge = prng_below(&p, 2),
				.amd = profile[0] == 'z' && profile[1] == 'e' && profile[2] == 'n',
				.maxphyaddr = m->cost->maxphyaddr,
				.ram_end = m->phys_end,
			};
			/*
			 * Indices that are multiples of 37 hold random entries, the rest nothing.
			 */
			u64 va = 0;
			struct model_result r;
			struct fault f = { 0 };
			struct walk w;
			bool got, good;

			for (unsigned level = 0; level < 4; level++) {
				u64 index = prng_below(&p, 14) * 37;

				va = va << 9 | index;
			}
			va = va << 12 | prng_below(&p, 4096);
			va = (u64)((s64)(va << 16) >> 16);
			cpu->cr3 = c.cr3;
			cpu->cr0 = CR0_PE | CR0_PG | (c.wp ? CR0_WP : 0);
			cpu->cr4 = CR4_PAE | (c.smep ? CR4_SMEP : 0) | (c.smap ? CR4_SMAP : 0) |
				   (c.pge ? CR4_PGE : 0);
			cpu->efer = EFER_LME | EFER_LMA | (c.nxe ? EFER_NXE : 0);
			cpu->rflags = FLAG_FIXED | (c.ac ? FLAG_AC : 0);
			cpu->implicit_access = !user && prng_below(&p, 4) == 0;
			r = model_walk(m, &c, va, access, user, cpu->implicit_access);
			got = mmu_walk(cpu, va, access, user, set_ad, &w, &f);
			good = got == r.ok &&
			       (got ? w.pa == r.pa && w.steps == r.entries :
				      f.vector == VEC_PF && f.error == r.error && f.cr2 == va);
			for (unsigned k = 0; good && k < r.entries; k++) {
				u64 want = set_ad ? r.after[k] : 0;

				if (!set_ad || r.entry_pa[k] + 8 > m->phys_end)
					continue;
				/*
				 * The same entry may serve at several levels: the OR of what each
				 * level wants.
				 */
				for (unsigned j = 0; j < r.entries; j++)
					if (r.entry_pa[j] == r.entry_pa[k])
						want |= r.after[j];
				good = fx_get64(m, r.entry_pa[k]) == want;
			}
			if (!good)
				fail_msg(
					"profile %s seed %llu round %u case %u: va %#llx access %d user %d",
					profile, (unsigned long long)seed, round, i,
					(unsigned long long)va, access, user);
			ok += got;
			faults += !got;
			rsvd += !got && (f.error & PF_RSVD);
		}
	}
	/* The generator must reach every kind of end often. */
	assert_true(ok > rounds * per_round / 50);
	assert_true(faults > rounds * per_round / 50);
	assert_true(rsvd > rounds * per_round / 200);
	machine_destroy(m);
}

static void walker_agrees_with_the_manual_on_a_million_random_cases(void **state)
{
	(void)state;
	walk_cases("zen4", 1, 250, 2000);
	walk_cases("skylake", 2, 250, 2000);
}

/* --- accesses --- */

static void an_access_across_pages_reads_and_writes_both(void **state)
{
	struct machine *m = fx_machine(1, "zero", 16 << 20);
	struct cpu *cpu = m->cpu[0];
	u64 next = fx_boot(m, 0), va = 0x10000ffd;
	u8 in[64], out[64];
	struct fault f;

	(void)state;
	fx_map(m, FX_CR3, &next, 0x10000000, 0x300000, 12, PTE_W | PTE_U);
	fx_map(m, FX_CR3, &next, 0x10001000, 0x500000, 12, PTE_W | PTE_U);
	fx_user(cpu);
	for (unsigned i = 0; i < 64; i++)
		in[i] = i + 1;
	for (unsigned len = 1; len <= 64; len++) {
		memset(m->ram + 0x300ff0, 0, 16);
		memset(m->ram + 0x500000, 0, 64);
		memset(out, 0, sizeof(out));
		assert_true(mmu_write(cpu, va, in, len, true, &f));
		assert_memory_equal(m->ram + 0x300ffd, in, len < 3 ? len : 3);
		if (len > 3)
			assert_memory_equal(m->ram + 0x500000, in + 3, len - 3);
		assert_int_equal(m->ram[0x500000 + (len > 3 ? len - 3 : 0)], 0);
		assert_true(mmu_read(cpu, va, out, len, true, &f));
		assert_memory_equal(in, out, len);
	}
	machine_destroy(m);
}

static void nothing_is_written_when_the_second_page_faults(void **state)
{
	struct machine *m = fx_machine(1, "zero", 16 << 20);
	struct cpu *cpu = m->cpu[0];
	u64 next = fx_boot(m, 0), v = ~0ull;
	struct fault f;

	(void)state;
	fx_map(m, FX_CR3, &next, 0x10000000, 0x300000, 12, PTE_W | PTE_U);
	fx_map(m, FX_CR3, &next, 0x10001000, 0x301000, 12, PTE_U);
	fx_user(cpu);
	assert_false(mmu_write(cpu, 0x10000ffc, &v, 8, true, &f));
	assert_int_equal(f.vector, VEC_PF);
	assert_int_equal(f.cr2, 0x10001000);
	assert_int_equal(f.error, PF_P | PF_W | PF_U);
	assert_int_equal(fx_get64(m, 0x300ff8), 0);
	assert_false(mmu_probe_write(cpu, 0x10000ffc, 8, true, &f));
	/* Both fault: the low page's comes first. */
	assert_false(mmu_write(cpu, 0x10001ffc, &v, 8, true, &f));
	assert_int_equal(f.cr2, 0x10001ffc);
	machine_destroy(m);
}

static void non_canonical_addresses_are_gp_even_when_only_the_end_is(void **state)
{
	struct machine *m = fx_machine(1, "zero", 16 << 20);
	struct cpu *cpu = m->cpu[0];
	u64 v;
	struct fault f;

	(void)state;
	fx_boot(m, 0);
	static const u64 bad[] = { 0x800000000000ull, 0x7ffffffffffcull, 0xffff7fffffffffffull,
				   1ull << 63 };
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		memset(&f, 0, sizeof(f));
		assert_false(mmu_read(cpu, bad[i], &v, 8, false, &f));
		assert_int_equal(f.vector, VEC_GP);
		assert_true(f.has_error);
		assert_int_equal(f.error, 0);
	}
	machine_destroy(m);
}

static void memory_outside_ram_reads_ones_and_devices_answer(void **state)
{
	struct machine *m = fx_machine(1, "zen4", 16 << 20);
	struct cpu *cpu = m->cpu[0];
	u64 next = fx_boot(m, 0), v = 0;
	u32 v32;
	struct fault f;
	u8 bytes[64];

	(void)state;
	fx_map(m, FX_CR3, &next, 0xffffc90000000000, LAPIC_BASE, 12, PTE_W);
	fx_map(m, FX_CR3, &next, 0xffffc90000001000, HPET_BASE, 12, PTE_W);
	fx_map(m, FX_CR3, &next, 0xffffc90000002000, 0xd0000000, 12, PTE_W);
	fx_map(m, FX_CR3, &next, 0xffffc90000003000, 0xffffffffff000, 12, PTE_W);
	assert_true(mmu_read(cpu, 0xffffc90000000000 + APIC_LVR, &v32, 4, false, &f));
	assert_int_equal(v32 & 0xff, 0x14);
	assert_true(mmu_read(cpu, 0xffffc90000001000, &v, 8, false, &f));
	assert_int_equal(v >> 32, HPET_PERIOD_FS);
	assert_true(mmu_read(cpu, 0xffffc90000002003, bytes, 64, false, &f));
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(bytes[i], 0xff);
	assert_true(mmu_write(cpu, 0xffffc90000002003, bytes, 61, false, &f));
	assert_true(mmu_read(cpu, 0xffffc90000003ffc, &v32, 4, false, &f));
	assert_int_equal(v32, 0xffffffff);
	/* CR3 itself outside RAM: all ones, so reserved bits. */
	cpu->cr3 = 0xffffff000000;
	tlb_flush_all(cpu, true);
	assert_false(mmu_read(cpu, 0x1000, &v, 8, false, &f));
	assert_int_equal(f.error, PF_P | PF_RSVD);
	machine_destroy(m);
}

static void
an_access_bit_is_set_by_a_read_and_dirty_by_the_first_write_through_a_cached_entry(void **state)
{
	struct machine *m = fx_machine(1, "zero", 16 << 20);
	struct cpu *cpu = m->cpu[0];
	u64 next = fx_boot(m, 0), pte, v;
	struct fault f;

	(void)state;
	fx_map(m, FX_CR3, &next, 0x10000000, 0x300000, 12, PTE_W | PTE_U);
	pte = next - PAGE_SIZE; /* the page table just made; index 0 */
	fx_user(cpu);
	assert_int_equal(fx_get64(m, pte) & (PTE_A | PTE_D), 0);
	assert_true(mmu_read(cpu, 0x10000000, &v, 8, true, &f));
	assert_int_equal(fx_get64(m, pte) & (PTE_A | PTE_D), PTE_A);
	assert_true(mmu_write(cpu, 0x10000000, &v, 8, true, &f));
	assert_int_equal(fx_get64(m, pte) & (PTE_A | PTE_D), PTE_A | PTE_D);
	/* With D cached, clearing it in the table without a flush is not seen. */
	fx_put64(m, pte, fx_get64(m, pte) & ~PTE_D);
	assert_true(mmu_write(cpu, 0x10000000, &v, 8, true, &f));
	assert_int_equal(fx_get64(m, pte) & PTE_D, 0);
	machine_destroy(m);
}

static void random_tables_never_crash_the_host(void **state)
{
	struct machine *m = fx_machine(1, "zen4", 16 << 20);
	struct cpu *cpu = m->cpu[0];
	struct prng p;

	(void)state;
	prng_seed(&p, 9, 3);
	fx_boot(m, 0);
	for (unsigned i = 0; i < 20000; i++) {
		u8 buf[64] = { 0 };
		struct fault f;
		u64 va = prng_u64(&p);

		if (i % 100 == 0) {
			for (u64 pa = 0x100000; pa < 0x108000; pa += 8)
				fx_put64(m, pa,
					 prng_below(&p, 3) ?
						 0x100000 + (prng_u64(&p) & 0x80007fff) :
						 prng_u64(&p));
			tlb_flush_all(cpu, true);
		}
		va = (u64)((s64)(va << 16) >> 16);
		if (prng_below(&p, 2))
			mmu_read(cpu, va, buf, 1 + prng_below(&p, 64), prng_below(&p, 2), &f);
		else
			mmu_write(cpu, va, buf, 1 + prng_below(&p, 64), prng_below(&p, 2), &f);
	}
	machine_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(walker_agrees_with_the_manual_on_a_million_random_cases),
		cmocka_unit_test(an_access_across_pages_reads_and_writes_both),
		cmocka_unit_test(nothing_is_written_when_the_second_page_faults),
		cmocka_unit_test(non_canonical_addresses_are_gp_even_when_only_the_end_is),
		cmocka_unit_test(memory_outside_ram_reads_ones_and_devices_answer),
		cmocka_unit_test(
			an_access_bit_is_set_by_a_read_and_dirty_by_the_first_write_through_a_cached_entry),
		cmocka_unit_test(random_tables_never_crash_the_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
