/* SPDX-License-Identifier: MIT */
/*
 * Zones on machines of 16 MiB to 8 GiB: borders, reserves, the hole, the frontier, and boot that
 * does not look at RAM's size.
 */

#include "kernel_fixture.h"
#include "mm/alloc/mmzone.h"
#include "mm/alloc/slab.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

static struct zone *zone_of(enum zone_type idx)
{
	return &NODE_DATA(0)->node_zones[idx];
}

static u64 zone_pages(enum zone_type idx)
{
	return zone_of(idx)->zone_end_pfn - zone_of(idx)->zone_start_pfn;
}

/* One block of every order from every zone, tagged, checked, given back. */
static void touch_every_zone(u64 ram_bytes)
{
	static const gfp_t gfp[MAX_NR_ZONES] = { GFP_DMA, GFP_DMA32, GFP_KERNEL };

	for (unsigned z = 0; z < MAX_NR_ZONES; z++) {
		for (unsigned order = 0; order <= MAX_ORDER; order++) {
			struct page *page = alloc_pages(gfp[z], order);

			CHECK(page || (order >= 10 && ram_bytes <= 32 * MIB));
			if (!page)
				continue;
			CHECK(page_zone(page)->idx <= z);
			CHECK(phys_is_ram(this_machine(), page_to_pa(page),
					  (u64)PAGE_SIZE << order));
			memset(page_address(page), 1, (u64)PAGE_SIZE << order);
			__free_pages(page, order);
		}
	}
}

static void borders(void *arg)
{
	u64 ram = *(u64 *)arg, low = min(ram, 3 * GIB);
	struct sysinfo_mem si;

	CHECK(zone_of(ZONE_DMA)->zone_start_pfn == 256);
	CHECK(zone_pages(ZONE_DMA) == 3840);
	CHECK(zone_pages(ZONE_DMA32) == (low - 16 * MIB) / PAGE_SIZE);
	CHECK(zone_pages(ZONE_NORMAL) == (ram - low) / PAGE_SIZE);
	CHECK(pfn_valid(low / PAGE_SIZE - 1) && !pfn_valid(low / PAGE_SIZE));
	CHECK(!pfn_valid(0xfee00) && !pfn_valid(0xfffff)); /* the device hole */
	CHECK(pfn_valid(1 << 20) == (ram > 3 * GIB));
	si_meminfo(&si);
	CHECK(si.totalram + 256 <= ram / PAGE_SIZE && si.totalram + 512 >= ram / PAGE_SIZE);
	CHECK(si.untouched <= si.freeram && si.freeram <= si.totalram && si.available < si.freeram);
	touch_every_zone(ram);
	alloc_check(kern());
}

static void zones_of_every_size_of_machine(void **state)
{
	static const u64 sizes[] = {
		16 * MIB, 17 * MIB, 16 * MIB + PAGE_SIZE, 100 * MIB + 3 * PAGE_SIZE,
		1 * GIB,  3 * GIB,  3 * GIB + PAGE_SIZE,  4 * GIB,
		8 * GIB
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++) {
		u64 ram = sizes[i];
		struct fixture f;

		fixture_create(&f, ram, 2);
		fixture_run(&f, borders, &ram);
		fixture_destroy(&f);
	}
}

/* Frames whose struct page is not as the arena gave it, and pageblocks typed. */
static void count_touched(void *arg)
{
	static const struct page untouched;
	const struct memmap *map = mem_map();
	u64 *touched = arg;
	struct zone *z;
	u32 i;

	*touched = 0;
	for_each_populated_zone(z, i) for (u64 pfn = z->zone_start_pfn;
					   pfn < min(z->zone_end_pfn, z->zone_start_pfn + 65536);
					   pfn++) *touched +=
		memcmp(&map->page[pfn], &untouched, sizeof(untouched)) != 0;
}

static void boot_touches_the_same_number_of_frames_whatever_the_size_of_ram(void **state)
{
	u64 touched[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct fixture f;

		fixture_create(&f, i ? 64 * GIB : 8 * GIB, 4);
		fixture_run(&f, count_touched, &touched[i]);
		fixture_destroy(&f);
	}
	assert_int_equal(touched[0], touched[1]);
	assert_true(touched[0] < 512);
}

/* Everything there is, once: each frame comes exactly once, and all of it comes back. */
static void drink_up(void *arg)
{
	u64 ram = *(u64 *)arg, pages = 0, blocks = 0;
	struct alloc_stats before, after;
	struct page *page, *list = NULL;
	char why[128];

	alloc_stats(kern(), &before);
	for (unsigned order = MAX_ORDER + 1; order-- > 0;) {
		while ((page = alloc_pages(GFP_HIGHUSER_MOVABLE | __GFP_NOFAIL, order)) != NULL) {
			CHECK(page->private == 0);
			page->private = order;
			page->lru.next = (struct list_head *)list;
			list = page;
			pages += 1ull << order;
			blocks++;
		}
	}
	CHECK(pages == before.free_pages && pages * PAGE_SIZE > ram - 3 * MIB);
	while (list) {
		page = list;
		list = (struct page *)page->lru.next;
		blocks--;
		__free_pages(page, (unsigned)page->private);
	}
	CHECK(blocks == 0);
	alloc_check(kern());
	alloc_stats(kern(), &after);
	CHECK(alloc_stats_same(&before, &after, why, sizeof(why)) &&
	      before.free_pages == after.free_pages);
}

static void every_frame_can_be_had_and_comes_back(void **state)
{
	static const u64 sizes[] = { 16 * MIB, 64 * MIB, 3 * GIB + 64 * MIB };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++) {
		u64 ram = sizes[i];
		struct fixture f;

		fixture_create(&f, ram, 1);
		fixture_run(&f, drink_up, &ram);
		fixture_destroy(&f);
	}
}

static void zonelist_body(void *arg)
{
	struct page *first = alloc_pages(GFP_KERNEL, 0), *page;
	u64 taken = 0;

	(void)arg;
	CHECK(page_zone(first)->idx == ZONE_NORMAL);
	/*
	 * NORMAL runs down to its low mark, then DMA32 gives, but DMA is kept for those who can use
	 * nothing else
	 */
	while ((page = alloc_pages(GFP_KERNEL | __GFP_NOWARN, MAX_ORDER)) != NULL) {
		CHECK(page_zone(page)->idx != ZONE_DMA);
		taken++;
	}
	CHECK(taken > 0);
	CHECK(zone_of(ZONE_DMA)->lowmem_reserve[ZONE_NORMAL] >
	      zone_of(ZONE_DMA)->lowmem_reserve[ZONE_DMA32]);
	CHECK(zone_of(ZONE_DMA)->nr_free > 3000);
	page = alloc_pages(GFP_DMA, 0);
	CHECK(page && page_to_pa(page) < 16 * MIB);
}

static void higher_zones_are_used_first_and_dma_is_kept(void **state)
{
	struct fixture f;

	(void)state;
	fixture_create(&f, 4 * GIB, 1);
	fixture_run(&f, zonelist_body, NULL);
	fixture_destroy(&f);
}

static void formula(void *arg)
{
	struct sysinfo_mem si;
	u64 lowmem_kb;

	(void)arg;
	si_meminfo(&si);
	lowmem_kb = si.totalram * 4;
	CHECK(si.min_free_kbytes * si.min_free_kbytes <= 16 * lowmem_kb);
	CHECK((si.min_free_kbytes + 1) * (si.min_free_kbytes + 1) > 16 * lowmem_kb);
	for (unsigned i = 0; i < MAX_NR_ZONES; i++) {
		struct zone *z = zone_of(i);

		CHECK(z->watermark[WMARK_MIN] ==
		      si.min_free_kbytes / 4 * z->managed_pages / si.totalram);
		CHECK(z->watermark[WMARK_HIGH] - z->watermark[WMARK_LOW] ==
		      z->watermark[WMARK_LOW] - z->watermark[WMARK_MIN]);
	}
	/* 1 MiB a trip at most, 2^n - 1 */
	CHECK(zone_of(ZONE_NORMAL)->pcp[0].batch == 63);
	CHECK(zone_of(ZONE_DMA32)->lowmem_reserve[ZONE_NORMAL] ==
	      zone_of(ZONE_NORMAL)->managed_pages / 256);
}

static void watermarks_follow_linuxs_formula(void **state)
{
	struct fixture f;

	(void)state;
	fixture_create(&f, 8 * GIB, 4);
	fixture_run(&f, formula, NULL);
	fixture_destroy(&f);
}

static void memblock_is_for_boot_only(void **state)
{
	struct machine_config cfg = fixture_config(16 * MIB, 1);
	struct fixture f;

	(void)state;
	fixture_create_params(&f, &cfg, NULL);
	assert_null(memblock_alloc(f.k, PAGE_SIZE)); /* too late */
	fixture_destroy(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zones_of_every_size_of_machine),
		cmocka_unit_test(boot_touches_the_same_number_of_frames_whatever_the_size_of_ram),
		cmocka_unit_test(every_frame_can_be_had_and_comes_back),
		cmocka_unit_test(higher_zones_are_used_first_and_dma_is_kept),
		cmocka_unit_test(watermarks_follow_linuxs_formula),
		cmocka_unit_test(memblock_is_for_boot_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
