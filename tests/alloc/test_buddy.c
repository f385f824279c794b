/* SPDX-License-Identifier: MIT */
/* The page allocator against a model that keeps one owner per frame, and its rules one by one. */

#include "kernel_fixture.h"
#include "mm/alloc/mmzone.h"

#define MIB (1ull << 20)

static struct zone *zone_of(enum zone_type idx)
{
	return &NODE_DATA(0)->node_zones[idx];
}

/* Blocks of every order in every zone: what must be back when all is freed. */
struct shape {
	u64 blocks[MAX_NR_ZONES][MAX_ORDER + 1];
};

static void take_shape(struct shape *s)
{
	for (unsigned z = 0; z < MAX_NR_ZONES; z++)
		for (unsigned order = 0; order <= MAX_ORDER; order++)
			s->blocks[z][order] = zone_free_blocks(zone_of(z), order, -1);
}

/* --- against the model --- */

#define MODEL_SLOTS 512

struct model {
	u64 steps;
	u16 *owner; /* by frame: slot + 1, 0 free */
	u64 nr_frames;
	struct slot {
		struct page *page;
		unsigned order;
		u64 tag;
	} slot[MODEL_SLOTS];
};

static void model_take(struct model *mo, u32 i, struct page *page, unsigned order, struct prng *rng)
{
	u64 pfn = page_to_pfn(page);

	CHECK(pfn % (1ull << order) == 0);
	CHECK(page_ref_count(page) == 1);
	for (u64 p = pfn; p < pfn + (1ull << order); p++) {
		CHECK(p < mo->nr_frames && p >= 256 && pfn_valid(p));
		CHECK(mo->owner[p] == 0);
		mo->owner[p] = (u16)(i + 1);
	}
	mo->slot[i] = (struct slot){ page, order, prng_u64(rng) };
	for (u64 p = 0; p < 1ull << order; p++)
		*(u64 *)page_address(page + p) = mo->slot[i].tag + p;
}

static void model_give(struct model *mo, u32 i)
{
	struct slot *s = &mo->slot[i];
	u64 pfn = page_to_pfn(s->page);

	for (u64 p = 0; p < 1ull << s->order; p++) {
		CHECK(*(u64 *)page_address(s->page + p) == s->tag + p);
		CHECK(mo->owner[pfn + p] == i + 1);
		mo->owner[pfn + p] = 0;
	}
	__free_pages(s->page, s->order);
	s->page = NULL;
}

static const gfp_t model_gfp[] = {
	GFP_KERNEL, GFP_HIGHUSER_MOVABLE,    GFP_KERNEL | __GFP_RECLAIMABLE,
	GFP_ATOMIC, GFP_KERNEL | __GFP_COMP, GFP_DMA | __GFP_ZERO,
	GFP_DMA32
};

static void random_run(void *arg)
{
	struct model *mo = arg;
	struct shape before, after;
	struct prng rng;

	prng_seed(&rng, this_machine()->cfg.seed, 1);
	take_shape(&before);
	for (u64 step = 0; step < mo->steps; step++) {
		u32 i = (u32)prng_below(&rng, MODEL_SLOTS);

		if (mo->slot[i].page) {
			model_give(mo, i);
		} else {
			/* mostly small, as life is; now and then the largest */
			unsigned order = (unsigned)prng_below(
				&rng, prng_below(&rng, 16) ? 4 : MAX_ORDER + 1);
			struct page *page = alloc_pages(
				model_gfp[prng_below(&rng, ARRAY_SIZE(model_gfp))], order);

			if (page)
				model_take(mo, i, page, order, &rng);
		}
		if (step % 4096 == 0)
			alloc_check(kern());
	}
	for (u32 i = 0; i < MODEL_SLOTS; i++)
		if (mo->slot[i].page)
			model_give(mo, i);
	drain_all_pages();
	alloc_check(kern());
	take_shape(&after);
	CHECK(memcmp(&before, &after, sizeof(before)) == 0);
}

static void run_model(u64 ram_bytes, u64 steps)
{
	struct model *mo = calloc(1, sizeof(*mo));
	struct fixture f;

	mo->steps = steps;
	fixture_create(&f, ram_bytes, 1);
	mo->nr_frames = f.m->phys_end >> PAGE_SHIFT;
	mo->owner = calloc(mo->nr_frames, sizeof(*mo->owner));
	fixture_run(&f, random_run, mo);
	fixture_destroy(&f);
	free(mo->owner);
	free(mo);
}

static void random_blocks_never_overlap_and_merge_back(void **state)
{
	(void)state;
	run_model(64 * MIB, 60000);
}

static void random_blocks_when_memory_is_short(void **state)
{
	(void)state;
	run_model(16 * MIB, 60000);
}

/* --- the rules one by one --- */

static void split_keeps_lower_half(void *arg)
{
	struct page *page;
	unsigned tries = 0;

	(void)arg;
	/*
	 * order 4 is not for the per-CPU lists; a block of exactly that order may be there and is
	 * used first
	 */
	do {
		page = alloc_pages(GFP_DMA | __GFP_MOVABLE, 4);
		CHECK(page && tries++ < 12);
	} while (!PageBuddy(page + 16) || page[16].private != 4);
	CHECK((page_to_pfn(page) & 31) == 0);
	__free_pages(page, 4);
	CHECK(!PageBuddy(page + 16) && page[16].private == 0);
	alloc_check(kern());
}

static void a_block_is_split_keeping_the_lower_half_and_merged_again(void **state)
{
	struct fixture f;

	(void)state;
	fixture_create(&f, 16 * MIB, 1);
	fixture_run(&f, split_keeps_lower_half, NULL);
	fixture_destroy(&f);
}

static void bad_orders(void *arg)
{
	(void)arg;
	CHECK(alloc_pages(GFP_KERNEL, MAX_ORDER + 1) == NULL);
	CHECK(alloc_pages(GFP_KERNEL, ~0u) == NULL);
	CHECK(__get_free_pages(GFP_KERNEL, MAX_ORDER + 1) == NULL);
	free_pages(NULL, 0);
	CHECK(get_order(1) == 0 && get_order(4096) == 0 && get_order(4097) == 1 &&
	      get_order(8 * MIB) == MAX_ORDER);
}

static void orders_beyond_the_largest_are_null(void **state)
{
	struct fixture f;

	(void)state;
	fixture_create(&f, 16 * MIB, 1);
	fixture_run(&f, bad_orders, NULL);
	fixture_destroy(&f);
}

static void zeroed_blocks(void *arg)
{
	static const u8 zeros[PAGE_SIZE];

	(void)arg;
	for (unsigned order = 0; order <= 5; order++) {
		struct page *page = alloc_pages(GFP_KERNEL, order);

		CHECK(page);
		memset(page_address(page), 0xa5, (u64)PAGE_SIZE << order);
		__free_pages(page, order);
		page = alloc_pages(GFP_KERNEL | __GFP_ZERO, order);
		for (u64 i = 0; i < 1ull << order; i++)
			CHECK(memcmp(page_address(page + i), zeros, PAGE_SIZE) == 0);
		__free_pages(page, order);
	}
}

static void zeroed_blocks_are_zero_after_reuse(void **state)
{
	struct fixture f;

	(void)state;
	fixture_create(&f, 16 * MIB, 1);
	fixture_run(&f, zeroed_blocks, NULL);
	fixture_destroy(&f);
}

/* Take single frames until there are none; give them all back. Linked through their own bytes. */
static u64 exhaust(gfp_t gfp)
{
	struct page *page, *list = NULL;
	u64 n = 0;

	while ((page = alloc_page(gfp)) != NULL) {
		*(struct page **)page_address(page) = list;
		list = page;
		n++;
	}
	alloc_check(kern());
	while (list) {
		page = list;
		list = *(struct page **)page_address(page);
		__free_page(page);
	}
	return n;
}

static void watermarks(void *arg)
{
	struct zone *z = zone_of(ZONE_DMA);
	u64 managed = z->managed_pages, wmin = z->watermark[WMARK_MIN];
	u64 kernel, high, atomic, nofail;

	(void)arg;
	/* 16 MiB: sqrt(16 * 15360 kB) = 495 kB = 123 pages, less what boot took */
	CHECK(wmin > 100 && wmin < 130);
	CHECK(z->watermark[WMARK_LOW] == wmin + max(wmin / 4, managed / 1000));
	kernel = exhaust(GFP_KERNEL);
	drain_all_pages();
	high = exhaust(GFP_KERNEL | __GFP_HIGH);
	drain_all_pages();
	atomic = exhaust(GFP_ATOMIC);
	drain_all_pages();
	nofail = exhaust(GFP_KERNEL | __GFP_NOFAIL);
	drain_all_pages();
	/* a refill may dip one batch below the mark, no more */
	CHECK(kernel + wmin <= z->nr_free + z->pcp[0].batch && kernel + wmin + 1 >= z->nr_free);
	CHECK(high >= kernel + wmin / 2 - 1 && high <= kernel + wmin / 2 + 2);
	CHECK(atomic >= high + wmin / 8 - 1 && atomic <= high + wmin / 8 + 2);
	CHECK(nofail == z->nr_free);
	alloc_check(kern());
}

static void requests_stop_at_their_watermark_with_null(void **state)
{
	struct fixture f;

	(void)state;
	fixture_create(&f, 16 * MIB, 1);
	fixture_run(&f, watermarks, NULL);
	fixture_destroy(&f);
}

static void no_large_block(void *arg)
{
	static struct page *half[8192];
	u32 n = 0;

	(void)arg;
	while (n < ARRAY_SIZE(half) && (half[n] = alloc_page(GFP_KERNEL | __GFP_NOFAIL)) != NULL)
		n++;
	/* free every second frame: plenty of memory, no order-1 block among it */
	for (u32 i = 0; i < n; i++) {
		if (page_to_pfn(half[i]) & 1) {
			__free_page(half[i]);
			half[i] = NULL;
		}
	}
	drain_all_pages();
	CHECK(zone_of(ZONE_DMA)->nr_free > 1000);
	CHECK(zone_free_blocks(zone_of(ZONE_DMA), 4, -1) == 0);
	CHECK(alloc_pages(GFP_KERNEL, 4) == NULL);
	CHECK(alloc_pages(GFP_ATOMIC, 4) == NULL);
	alloc_check(kern());
	for (u32 i = 0; i < n; i++)
		if (half[i])
			__free_page(half[i]);
	CHECK(alloc_pages(GFP_KERNEL, 4) != NULL);
}

static void fragmented_memory_has_no_large_block(void **state)
{
	struct fixture f;

	(void)state;
	fixture_create(&f, 16 * MIB, 1);
	fixture_run(&f, no_large_block, NULL);
	fixture_destroy(&f);
}

static void pcp_limits(void *arg)
{
	struct zone *z = zone_of(ZONE_DMA32);
	static struct page *pages[6000];
	struct per_cpu_pages *pcp = &z->pcp[0];

	(void)arg;
	CHECK(pcp->batch >= 1 && pcp->high >= 4 * pcp->batch);
	for (u32 i = 0; i < ARRAY_SIZE(pages); i++) {
		pages[i] = alloc_page(GFP_KERNEL);
		CHECK(pages[i] && page_zone(pages[i]) == z);
		CHECK(pcp->count <= pcp->batch);
	}
	for (u32 i = 0; i < ARRAY_SIZE(pages); i++) {
		__free_page(pages[i]);
		CHECK(pcp->count < pcp->high); /* A2 */
	}
	/* what was freed last is handed out first */
	CHECK(pcp->count > 0);
	CHECK(alloc_page(GFP_KERNEL) == pages[ARRAY_SIZE(pages) - 1]);
	__free_page(pages[ARRAY_SIZE(pages) - 1]);
	/* a run of frees with a larger block in it empties the stock */
	CHECK(pcp->free_factor > 0);
	CHECK((pages[0] = alloc_pages(GFP_KERNEL, 2)) != NULL);
	for (u32 i = 1; i < 1500; i++)
		CHECK((pages[i] = alloc_page(GFP_KERNEL)) != NULL);
	for (u32 i = 1; i < 1500; i++)
		__free_page(pages[i]);
	CHECK(pcp->free_factor > 0);
	__free_pages(pages[0], 2);
	CHECK(pcp->count == 0);
	alloc_check(kern());
}

static void cpu_lists_stay_below_their_limit(void **state)
{
	struct fixture f;

	(void)state;
	fixture_create(&f, 64 * MIB, 1);
	fixture_run(&f, pcp_limits, NULL);
	fixture_destroy(&f);
}

static void first_unmovable_steals(void *arg)
{
	struct zone *z = zone_of(ZONE_DMA32);
	struct page *movable, *unmovable, *reclaimable;

	(void)arg;
	movable = alloc_pages(GFP_HIGHUSER_MOVABLE, 4);
	unmovable = alloc_pages(GFP_KERNEL, 4);
	reclaimable = alloc_pages(GFP_KERNEL | __GFP_RECLAIMABLE, 4);
	CHECK(movable && unmovable && reclaimable);
	CHECK(get_pageblock_migratetype(movable) == MIGRATE_MOVABLE);
	CHECK(get_pageblock_migratetype(unmovable) == MIGRATE_UNMOVABLE);
	CHECK(get_pageblock_migratetype(reclaimable) == MIGRATE_RECLAIMABLE);
	CHECK(z->nr_steals % PAGEBLOCK_PAGES == 0); /* whole blocks changed hands */
	CHECK(page_to_pfn(movable) >> PAGEBLOCK_ORDER != page_to_pfn(unmovable) >> PAGEBLOCK_ORDER);
	CHECK(page_to_pfn(unmovable) >> PAGEBLOCK_ORDER !=
	      page_to_pfn(reclaimable) >> PAGEBLOCK_ORDER);
	alloc_check(kern());
}

static void types_do_not_share_pageblocks_while_there_is_room(void **state)
{
	struct fixture f;

	(void)state;
	fixture_create(&f, 64 * MIB, 1);
	fixture_run(&f, first_unmovable_steals, NULL);
	fixture_destroy(&f);
}

static void steal_from_mixed(void *arg)
{
	struct zone *z = zone_of(ZONE_DMA);
	static struct page *pages[8192];
	u32 n = 0, before;
	struct page *page;

	(void)arg;
	/* all of memory movable and in use, then the upper 3/4 of one pageblock free again */
	while (n < ARRAY_SIZE(pages) && (pages[n] = alloc_page(GFP_HIGHUSER_MOVABLE)) != NULL)
		n++;
	for (u32 i = 0; i < n; i++) {
		u64 pfn = page_to_pfn(pages[i]);

		if (pfn / PAGEBLOCK_PAGES == 3 && pfn % PAGEBLOCK_PAGES >= PAGEBLOCK_PAGES / 4) {
			__free_page(pages[i]);
			pages[i] = NULL;
		}
	}
	drain_all_pages();
	before = (u32)z->nr_steals;
	page = alloc_pages(GFP_ATOMIC, 4);
	CHECK(page && page_to_pfn(page) / PAGEBLOCK_PAGES == 3);
	CHECK(get_pageblock_migratetype(page) ==
	      MIGRATE_UNMOVABLE); /* more than half was free: the block is ours */
	CHECK(z->nr_steals > before);
	alloc_check(kern());
}

static void stealing_half_a_pageblock_takes_it_over(void **state)
{
	struct fixture f;

	(void)state;
	fixture_create(&f, 16 * MIB, 1);
	fixture_run(&f, steal_from_mixed, NULL);
	fixture_destroy(&f);
}

static void references(void *arg)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 3);
	struct sysinfo_mem si;
	u64 before;

	(void)arg;
	CHECK(page && PageHead(page) && compound_order(page) == 3);
	CHECK(PageTail(page + 7) && compound_head(page + 7) == page);
	CHECK(virt_to_page((u8 *)page_address(page) + 3 * PAGE_SIZE + 5) == page + 3);
	get_page(page + 7);
	CHECK(page_count(page + 2) == 2);
	put_page(page);
	CHECK(page_ref_count(page) == 1);
	drain_all_pages();
	si_meminfo(&si);
	before = si.freeram;
	put_page(page + 1);
	drain_all_pages();
	si_meminfo(&si);
	CHECK(si.freeram == before + 8);
	CHECK(!get_page_unless_zero(page));
	alloc_check(kern());
}

static void a_compound_block_lives_until_the_last_reference_to_any_page(void **state)
{
	struct fixture f;

	(void)state;
	fixture_create(&f, 16 * MIB, 1);
	fixture_run(&f, references, NULL);
	fixture_destroy(&f);
}

static void exact(void *arg)
{
	struct alloc_stats before, after;
	char why[128];
	u8 *p;

	(void)arg;
	alloc_stats(kern(), &before);
	p = alloc_pages_exact(5 * PAGE_SIZE + 1, GFP_KERNEL);
	CHECK(p);
	alloc_stats(kern(), &after);
	CHECK(before.free_pages - after.free_pages == 6);
	CHECK(!alloc_stats_same(&before, &after, why, sizeof(why)));
	free_pages_exact(p, 5 * PAGE_SIZE + 1);
	alloc_stats(kern(), &after);
	CHECK(alloc_stats_same(&before, &after, why, sizeof(why)));
	CHECK(alloc_pages_exact(0, GFP_KERNEL) == NULL);
}

static void exact_blocks_keep_only_their_pages(void **state)
{
	struct fixture f;

	(void)state;
	fixture_create(&f, 16 * MIB, 1);
	fixture_run(&f, exact, NULL);
	fixture_destroy(&f);
}

static void double_free(void *arg)
{
	struct page *page = alloc_page(GFP_KERNEL);

	(void)arg;
	__free_page(page);
	__free_page(page);
}

static void free_mapped(void *arg)
{
	struct page *page = alloc_page(GFP_KERNEL);

	(void)arg;
	page->_mapcount = 1;
	__free_page(page);
}

static void wrong_frees_panic(void **state)
{
	struct fixture f;

	(void)state;
	fixture_create(&f, 16 * MIB, 1);
	fixture_run_panics(&f, double_free, NULL, "_refcount <= 0");
	fixture_destroy(&f);
	fixture_create(&f, 16 * MIB, 1);
	fixture_run_panics(&f, free_mapped, NULL, "_mapcount");
	fixture_destroy(&f);
}

static u64 reclaimed_rounds;
static struct page *hostage[256];

/* The floor above frees 16 pages, four times, then has nothing left. */
static u64 reclaim_some(unsigned order, u32 gfp)
{
	(void)order;
	(void)gfp;
	if (reclaimed_rounds == 4)
		return 0;
	for (u32 i = 0; i < 16; i++)
		__free_page(hostage[reclaimed_rounds * 16 + i]);
	reclaimed_rounds++;
	drain_all_pages();
	return 16;
}

static void reclaim(void *arg)
{
	u64 plain, with_reclaim;

	(void)arg;
	reclaimed_rounds = 0;
	for (u32 i = 0; i < 64; i++)
		hostage[i] = alloc_page(GFP_KERNEL);
	plain = exhaust(GFP_KERNEL);
	kern()->hooks.direct_reclaim = reclaim_some;
	CHECK(exhaust(GFP_ATOMIC) > 0 && reclaimed_rounds == 0); /* cannot wait: nobody is asked */
	drain_all_pages();
	with_reclaim = exhaust(GFP_KERNEL);
	CHECK(reclaimed_rounds == 4);
	CHECK(with_reclaim >= plain + 64 - 1 && with_reclaim <= plain + 64 + 1);
}

static void reclaim_is_asked_before_null_and_only_by_those_who_can_wait(void **state)
{
	struct fixture f;

	(void)state;
	fixture_create(&f, 16 * MIB, 1);
	fixture_run(&f, reclaim, NULL);
	fixture_destroy(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_blocks_never_overlap_and_merge_back),
		cmocka_unit_test(random_blocks_when_memory_is_short),
		cmocka_unit_test(a_block_is_split_keeping_the_lower_half_and_merged_again),
		cmocka_unit_test(orders_beyond_the_largest_are_null),
		cmocka_unit_test(zeroed_blocks_are_zero_after_reuse),
		cmocka_unit_test(requests_stop_at_their_watermark_with_null),
		cmocka_unit_test(fragmented_memory_has_no_large_block),
		cmocka_unit_test(cpu_lists_stay_below_their_limit),
		cmocka_unit_test(types_do_not_share_pageblocks_while_there_is_room),
		cmocka_unit_test(stealing_half_a_pageblock_takes_it_over),
		cmocka_unit_test(a_compound_block_lives_until_the_last_reference_to_any_page),
		cmocka_unit_test(exact_blocks_keep_only_their_pages),
		cmocka_unit_test(wrong_frees_panic),
		cmocka_unit_test(reclaim_is_asked_before_null_and_only_by_those_who_can_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
