/* SPDX-License-Identifier: MIT */
/*
 * The kernel's half: what init_mm maps, for whom, and that every address space has it.
 */
#include "mm_fixture.h"

static bool kernel_read(u64 va, u64 *v)
{
	struct fault f;

	return mmu_read(this_cpu(), va, v, 8, false, &f);
}

static bool walk(u64 va, enum tlb_access access, bool user, struct walk *w)
{
	struct fault f;

	return mmu_walk(this_cpu(), va, access, user, false, w, &f);
}

static void check_direct_map(struct machine *m, u64 pa)
{
	struct walk w;
	struct fault f;
	u64 v, probe = pa ^ 0x5a5a5a5a5a5a5a5aull;

	phys_written(m, pa, 8);
	memcpy(phys_to_host(m, pa), &probe, 8);
	CHECK(kernel_read(DIRECT_MAP_BASE + pa, &v) && v == probe);
	probe++;
	CHECK(mmu_write(this_cpu(), DIRECT_MAP_BASE + pa, &probe, 8, false, &f));
	memcpy(&v, phys_to_host(m, pa), 8);
	CHECK(v == probe);
	CHECK(walk(DIRECT_MAP_BASE + pa, TLB_WRITE, false, &w) && w.pa == pa && w.global && w.nx &&
	      !w.user);
	CHECK(!walk(DIRECT_MAP_BASE + pa, TLB_EXEC, false, &w));
	CHECK(!walk(DIRECT_MAP_BASE + pa, TLB_READ, true, &w));
}

static void kernel_half(void *arg)
{
	struct machine *m = this_machine();
	struct mm_struct *mm = NULL;
	struct walk w;
	u64 v, last = m->phys_end - PAGE_SIZE;
	int round;

	(void)arg;
	for (round = 0; round < 2; round++) {
		struct page *page = alloc_page(GFP_KERNEL);

		CHECK(page);
		check_direct_map(m, page_to_pa(page));
		put_page(page);
		check_direct_map(m, last);
		CHECK(!kernel_read(DIRECT_MAP_BASE + m->phys_end, &v));
		CHECK(!kernel_read(DIRECT_MAP_BASE + 0xfee00000, &v)); /* the hole */
		CHECK(!kernel_read(0xffffc90000000000ull, &v));
		/* The gates: executable, not writable, not the user's. */
		CHECK(walk(gate_va(m, 0), TLB_EXEC, false, &w) && !w.writable && w.global);
		CHECK(walk(gate_va(m, GATE_MAX - 1), TLB_EXEC, false, &w));
		CHECK(!walk(gate_va(m, GATE_MAX), TLB_EXEC, false, &w));
		CHECK(!walk(gate_va(m, 0), TLB_WRITE, false, &w));
		CHECK(!walk(gate_va(m, 0), TLB_EXEC, true, &w));
		CHECK(kernel_read(gate_va(m, 0), &v) && v == 0x0b0f0b0f0b0f0b0full);
		if (round == 0) {
			mm = new_mm(); /* the same through another address space */
			CHECK((this_cpu()->cr3 & PTE_ADDR) == mm->pgd_pa);
		}
	}
	mm_leave(mm);
	CHECK(this_cpu()->cr0 & CR0_WP && this_cpu()->cr4 & CR4_PCIDE && this_cpu()->cr4 & CR4_PGE);
}

static void the_kernel_half_is_everywhere_and_only_the_kernels(void **state)
{
	/* Ragged ends, and RAM above the device hole. */
	const u64 sizes[] = { 32 << 20, (48 << 20) + 3 * PAGE_SIZE, 5ull << 30 };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct fixture f;

		mm_fixture_create(&f, sizes[i], 2);
		fixture_run(&f, kernel_half, NULL);
		fixture_destroy(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernel_half_is_everywhere_and_only_the_kernels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
