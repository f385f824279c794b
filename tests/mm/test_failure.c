/* SPDX-License-Identifier: MIT */
/*
 * Every allocation fails once: mapping, touching, forking, copying, moving and tearing down with
 * the nth allocation refused, for every n until none is. Each time the caller hears of it or copes,
 * mm_check holds, and everything allocated comes back.
 */
#include "mm_fixture.h"

#define AT 0x7f1200000000ull
#define FAR 0x0000123400000000ull
#define RW (PROT_READ | PROT_WRITE)
#define MAX_SWEEP 500u

/* 0, or the signal; a fault that lacked memory once is tried again by the handler itself. */
static int touch(u64 va)
{
	return user_write(va, va);
}

/* Goes as far as it gets; what was built is torn down by exit alone. */
static bool scenario(struct mm_struct **child)
{
	struct mm_struct *mm = current->mm;
	u64 v;

	if (map_anon(AT, 8 * PAGE_SIZE, RW, MAP_FIXED) < 0 ||
	    map_anon(FAR, 4 * PAGE_SIZE, RW, MAP_FIXED) < 0)
		return false;
	if (touch(AT) || touch(AT + PAGE_SIZE) || touch(FAR + PAGE_SIZE) ||
	    user_read(AT + 2 * PAGE_SIZE, &v))
		return false;
	if (vm_mmap_pgoff(NULL, AT + PMD_SIZE, 2 * PAGE_SIZE, RW,
			  MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, 0) < 0)
		return false;
	if (touch(AT + PMD_SIZE))
		return false;
	if (do_mprotect(AT + PAGE_SIZE, PAGE_SIZE, PROT_READ))
		return false;
	check_mm(mm);
	*child = dup_mm(mm);
	if (!*child)
		return false;
	check_mm(mm);
	if (touch(AT))
		return false;
	mm_use(*child);
	if (touch(AT) || touch(FAR + PAGE_SIZE) || touch(AT + 2 * PAGE_SIZE) ||
	    user_read(AT + PMD_SIZE, &v))
		return false;
	CHECK(v == AT + PMD_SIZE);
	if (ksys_mremap(FAR, 4 * PAGE_SIZE, 8 * PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
			FAR + PUD_SIZE) < 0)
		return false;
	CHECK(user_read(FAR + PUD_SIZE + PAGE_SIZE, &v) == 0 && v == FAR + PAGE_SIZE);
	if (vm_munmap(AT + 3 * PAGE_SIZE, PAGE_SIZE))
		return false;
	return copy_to_user(AT + 4 * PAGE_SIZE, &v, 8) == 0;
}

static void sweep(void *arg)
{
	struct fixture *f = arg;
	struct leak_check *leak = boot_alloc(f->k, sizeof(*leak));
	struct mm_totals t;
	u64 nth, refused = 0;

	CHECK(leak);
	leak_check_begin(leak);
	for (nth = 1; nth < MAX_SWEEP; nth++) {
		struct mm_struct *mm, *child = NULL;
		bool done, fired;

		fail_alloc_arm(f->k, nth);
		mm = mm_alloc();
		done = false;
		if (mm) {
			mm_use(mm);
			done = scenario(&child);
			check_mm(mm);
			if (child)
				check_mm(child);
		}
		fired = fail_alloc_fired(f->k);
		fail_alloc_arm(f->k, 0);
		CHECK(done || fired);
		refused += !done;
		if (child)
			mm_leave(child);
		if (mm)
			mm_leave(mm);
		leak_check_end(leak);
		mm_get_totals(f->k, &t);
		CHECK(t.committed_pages == 0 && t.anon_pages == 0 && t.shmem_pages == 0);
		if (!fired)
			break;
	}
	CHECK(nth > 30 && nth < MAX_SWEEP);
	CHECK(refused > 10); /* mapping and fork say -ENOMEM; faults are retried */
}

static void nth_allocation_failure_leaks_nothing(void **state)
{
	struct fixture f;

	(void)state;
	mm_fixture_create(&f, 64 << 20, 1);
	fixture_run(&f, sweep, &f);
	fixture_destroy(&f);
}

/* --- boot --- */

struct boot_try {
	struct fixture *f;
	struct leak_check leak;
	u64 nth;
	bool fired;
	int err;
};

static void try_mm_init(void *arg)
{
	struct boot_try *t = arg;
	struct kernel *k = t->f->k;

	CHECK(irq_init(k) == 0 && time_init(k) == 0 && sched_init(k) == 0);
	leak_check_begin(&t->leak);
	fail_alloc_arm(k, t->nth);
	t->err = mm_init(k);
	t->fired = fail_alloc_fired(k);
	fail_alloc_arm(k, 0);
	if (t->err) {
		struct alloc_stats now;
		char text[256];

		CHECK(!k->mm);
		alloc_stats(k, &now);
		CHECK(alloc_stats_same(&t->leak.before, &now, text, sizeof(text)));
	}
}

static void a_boot_that_runs_out_of_memory_gives_it_back(void **state)
{
	struct boot_try *t = calloc(1, sizeof(*t));
	u64 nth;

	(void)state;
	assert_non_null(t);
	for (nth = 1; nth < MAX_SWEEP; nth++) {
		struct fixture f;

		fixture_create(&f, 32 << 20, 1);
		t->f = &f;
		t->nth = nth;
		fixture_run(&f, try_mm_init, t);
		fixture_destroy(&f);
		if (!t->fired)
			break;
		assert_int_equal(t->err, -ENOMEM);
	}
	assert_int_equal(t->err, 0);
	assert_true(nth > 5 && nth < MAX_SWEEP);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nth_allocation_failure_leaks_nothing),
		cmocka_unit_test(a_boot_that_runs_out_of_memory_gives_it_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
