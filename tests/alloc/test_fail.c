/* SPDX-License-Identifier: MIT */
/* Allocations that fail on purpose: the nth fails and no other, for every n, and nothing leaks. */

#include "kernel_fixture.h"
#include "lib/errno.h"
#include "mm/alloc/mmzone.h"
#include "mm/alloc/slab.h"

#define MIB (1ull << 20)

/* Something with many allocations of every kind that unwinds on each failure. 0 or -ENOMEM. */
static int build_and_tear_down(void)
{
	struct kmem_cache *s = kmem_cache_create("sweep", 700, 0, SLAB_HWCACHE_ALIGN, NULL);
	struct page *page = NULL;
	void *objs[40] = { NULL }, *big = NULL, *p = NULL, *q;
	int err = -ENOMEM;

	if (!s)
		return -ENOMEM;
	if (!kmem_cache_alloc_bulk(s, GFP_KERNEL, ARRAY_SIZE(objs), objs))
		goto out_cache;
	page = alloc_pages(GFP_KERNEL | __GFP_ZERO, 5);
	if (!page)
		goto out_objs;
	big = kmalloc(100000, GFP_ATOMIC);
	if (!big)
		goto out_page;
	p = kstrdup("fourteen bytes", GFP_KERNEL);
	if (!p)
		goto out_big;
	q = krealloc(p, 3000, GFP_KERNEL);
	if (!q)
		goto out_p;
	p = q;
	err = 0;
out_p:
	kfree(p);
out_big:
	kfree(big);
out_page:
	__free_pages(page, 5);
out_objs:
	kmem_cache_free_bulk(s, ARRAY_SIZE(objs), objs);
out_cache:
	CHECK(kmem_cache_destroy(s) == 0);
	return err;
}

static void sweep(void *arg)
{
	struct alloc_stats before, after;
	char why[128];
	u64 n, failed = 0;

	alloc_stats(kern(), &before);
	for (n = 1;; n++) {
		int err;

		fail_alloc_arm(kern(), n);
		err = build_and_tear_down();
		CHECK(err == 0 || fail_alloc_fired(kern()));
		failed += err != 0;
		alloc_check(kern());
		alloc_stats(kern(), &after);
		CHECK(alloc_stats_same(&before, &after, why, sizeof(why)));
		if (!fail_alloc_fired(kern()))
			break;
	}
	CHECK(fail_alloc_count(kern()) == n - 1);
	*(u64 *)arg = failed;
}

static void each_failure_unwinds_without_a_leak(void **state)
{
	struct fixture f;
	u64 failed = 0;

	(void)state;
	fixture_create(&f, 64 * MIB, 2);
	fixture_run(&f, sweep, &failed);
	assert_true(failed >=
		    /*
		 * one for each object at least; failures of a large slab's pages are survived by a
		 * smaller one
		 */
		    45);
	fixture_destroy(&f);
}

static void counting(void *arg)
{
	struct kernel *k = kern();
	void *p[3];

	(void)arg;
	CHECK(fail_alloc_count(k) == 0);
	kfree(kmalloc(64, GFP_KERNEL));
	CHECK(fail_alloc_count(k) == 0); /* not armed: not counted */
	fail_alloc_arm(k, 2);
	p[0] = kmalloc(64, GFP_KERNEL);
	p[1] = kmalloc(64, GFP_KERNEL);
	p[2] = kmalloc(64, GFP_KERNEL);
	CHECK(p[0] && !p[1] && p[2]); /* the second, once */
	CHECK(fail_alloc_fired(k) && fail_alloc_count(k) == 3);
	fail_alloc_arm(k, ~0ull);
	kfree(kmalloc(8, GFP_KERNEL));
	CHECK(!fail_alloc_fired(k) && fail_alloc_count(k) >= 1);
	fail_alloc_arm(k, 1);
	CHECK(alloc_pages(GFP_KERNEL | __GFP_NOFAIL, 0) == NULL);
	fail_alloc_arm(k, 1);
	CHECK(kmalloc(100000, GFP_KERNEL) == NULL);
	fail_alloc_arm(k, 0);
	CHECK(alloc_pages(GFP_KERNEL, 0) != NULL);
}

static void the_nth_allocation_fails_once(void **state)
{
	struct fixture f;

	(void)state;
	fixture_create(&f, 16 * MIB, 1);
	fixture_run(&f, counting, NULL);
	fixture_destroy(&f);
}

static void allocator_boot_fails_cleanly_at_every_allocation(void **state)
{
	struct machine_config cfg = fixture_config(16 * MIB, 1);
	struct kernel_params params = { .hz = 250 };
	struct fixture f;
	u64 n;

	(void)state;
	for (n = 1; n < 1000; n++) {
		int err;
		bool fired;

		params.fail_alloc_nth = n;
		err = fixture_create_params(&f, &cfg, &params);
		fired = fail_alloc_fired(f.k);
		assert_true(err == 0 || (err == -ENOMEM && fired));
		fixture_destroy(&f);
		if (!fired)
			break;
	}
	assert_in_range(n, 40, 200); /* 39 kmalloc caches are created */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_failure_unwinds_without_a_leak),
		cmocka_unit_test(the_nth_allocation_fails_once),
		cmocka_unit_test(allocator_boot_fails_cleanly_at_every_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
