/* SPDX-License-Identifier: MIT */
/*
 * Proofs and accounts: every free page is accounted for once, and what is in use can be compared.
 *
 * Called by tests, debug_checks and leak reports; reads everything of floor 3, changes nothing but
 * in alloc_stats().
 *
 * The walk over a zone's frames, [zone_start, frontier), steps over each free block once:
 *
 *	256     257  258      260         512 ...                    frontier
 *	| used  |b0 | b1      | b2   ...  | PG_pcp | slab (order 3)  |
 *	  +1      +1  +2        +4          +1       +8
 *
 * and what it adds up must be what the counters say: buddy.c B1 to B5, page_alloc.c A2 and A3,
 * slub.c L2 to L4. No lock is taken: nothing runs in between, and the lists are consistent between
 * charges except for pages in somebody's hands.
 *
 * Units:   frames, objects.
 * Owner:   nobody.
 * Locking: none; never charges while it walks.
 * Errors:  a broken invariant panics the machine, naming the line.
 * Time:    none charged; O(frames ever used) of host time.
 * Source:  own; compare Linux's slub_debug validate_slab and page_alloc's check_new_page.
 */

#include "hw/machine.h"
#include "mm/alloc/alloc.h"
#include "mm/alloc/slub.h"

#include <stdio.h>
#include <string.h>

/* A free frame says nothing about a user (P2). */
static void check_clean(const struct page *page)
{
	BUG_ON(page->_refcount || page->_mapcount || page->mapping);
}

static u64 check_buddy_block(const struct zone *z, struct page *page, u64 pfn)
{
	unsigned order = (unsigned)page->private;
	u64 buddy = pfn ^ (1ull << order);

	BUG_ON(order > MAX_ORDER || page->flags != 1ull << PG_buddy);
	BUG_ON((pfn & ((1ull << order) - 1)) || pfn + (1ull << order) > z->frontier_pfn);
	check_clean(page);
	for (u64 i = 1; i < 1ull << order; i++) {
		BUG_ON(page[i].flags);
		check_clean(page + i);
	}
	if (order < MAX_ORDER && buddy >= z->zone_start_pfn && buddy < z->frontier_pfn)
		BUG_ON(PageBuddy(pfn_to_page(buddy)) &&
		       pfn_to_page(buddy)->private == order); /* B2 */
	return 1ull << order;
}

struct zone_sums {
	u64 buddy, pcp;
};

static struct zone_sums check_zone_frames(struct kernel *k, const struct zone *z)
{
	struct zone_sums sum = { 0, 0 };

	for (u64 pfn = z->zone_start_pfn; pfn < z->frontier_pfn;) {
		struct page *page = pfn_to_page(pfn);
		u64 step = 1;

		if (PageBuddy(page)) {
			step = check_buddy_block(z, page, pfn);
			sum.buddy += step;
		} else if (PagePcp(page)) {
			BUG_ON(page->private > PCP_MAX_ORDER || page->flags != 1ull << PG_pcp);
			check_clean(page);
			step = 1ull << page->private;
			sum.pcp += step;
		} else if (page->_refcount > 0) {
			step = 1ull << compound_order(page);
			if (PageSlab(page))
				slab_check(k, page);
		}
		pfn += step;
	}
	return sum;
}

/* Frames on the buddy lists; each list's length against its counter. */
static u64 check_free_lists(const struct zone *z)
{
	u64 frames = 0;

	for (unsigned order = 0; order <= MAX_ORDER; order++) {
		u64 blocks = 0;

		for (unsigned mt = 0; mt < MIGRATE_TYPES; mt++) {
			struct page *page;

			list_for_each_entry(page, &z->free_area[order].free_list[mt], lru) {
				BUG_ON(!PageBuddy(page) || page->private != order ||
				       page_zone(page) != z);
				BUG_ON(++blocks > z->free_area[order].nr_free);
			}
		}
		BUG_ON(blocks != z->free_area[order].nr_free);
		frames += blocks << order;
	}
	return frames;
}

static u64 check_pcp(const struct zone *z, const struct per_cpu_pages *pcp)
{
	u64 frames = 0;

	for (unsigned i = 0; i < NR_PCP_LISTS; i++) {
		struct page *page;

		list_for_each_entry(page, &pcp->lists[i], lru) {
			BUG_ON(!PagePcp(page) || page->private != i / MIGRATE_TYPES ||
			       page->index != i % MIGRATE_TYPES);
			BUG_ON(page_zone(page) != z);
			frames += 1ull << page->private;
			BUG_ON(frames > pcp->count);
		}
	}
	BUG_ON(frames != pcp->count);
	return frames;
}

void alloc_check(struct kernel *k)
{
	struct zone *z;
	u32 i;

	for_each_populated_zone(z, i)
	{
		struct zone_sums sum = check_zone_frames(k, z);
		u64 pcp = 0;

		BUG_ON(z->frontier_pfn > z->zone_end_pfn ||
		       z->watermark[WMARK_MIN] > z->watermark[WMARK_LOW]);
		BUG_ON(check_free_lists(z) != sum.buddy);
		BUG_ON(z->nr_free != sum.buddy + z->zone_end_pfn - z->frontier_pfn);
		for (u32 cpu = 0; cpu < k->m->cfg.nr_cpus; cpu++)
			pcp += check_pcp(z, &z->pcp[cpu]);
		BUG_ON(pcp != sum.pcp);
	}
	slab_check_caches(k);
}

/* --- accounts --- */

void alloc_stats(struct kernel *k, struct alloc_stats *st)
{
	struct sysinfo_mem si;
	struct kmem_cache *s;

	for (s = kmem_cache_next(NULL); s; s = kmem_cache_next(s))
		kmem_cache_shrink(s);
	kmem_cache_shrink(k->alloc->kmem_cache);
	drain_all_pages();
	memset(st, 0, sizeof(*st));
	for (s = kmem_cache_next(NULL); s && st->nr_caches < ALLOC_STATS_CACHES;
	     s = kmem_cache_next(s)) {
		st->cache[st->nr_caches].name = s->name;
		st->cache[st->nr_caches++].active_objs = slab_active_objects(s);
	}
	si_meminfo(&si);
	st->free_pages = si.freeram;
}

bool alloc_stats_same(const struct alloc_stats *then, const struct alloc_stats *now, char *buf,
		      u64 buf_bytes)
{
	for (u32 i = 0; i < now->nr_caches; i++) {
		u64 before = i < then->nr_caches ? then->cache[i].active_objs : 0;

		if (now->cache[i].active_objs > before) {
			snprintf(buf, buf_bytes, "%s: %llu objects more in use", now->cache[i].name,
				 (unsigned long long)(now->cache[i].active_objs - before));
			return false;
		}
	}
	if (now->free_pages >= then->free_pages)
		return true;
	snprintf(buf, buf_bytes, "%llu pages fewer free",
		 (unsigned long long)(then->free_pages - now->free_pages));
	return false;
}
