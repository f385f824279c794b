/* SPDX-License-Identifier: MIT */
/*
 * The page allocator: which zone a request may use, each CPU's stock of small blocks, and what to
 * do when memory is short.
 *
 * Called by everybody; calls buddy.c under the zone's lock, zone.c for watermarks, and the
 * direct_reclaim hook of the floor above. Must not know what pages are used for.
 *
 * One GFP_KERNEL order-0 request on CPU 1, 8 GiB, its list for UNMOVABLE empty, batch 63:
 *
 *	alloc_pages -> zonelist NORMAL (1,310,000 free > low 1,810 + reserve 0)
 *	  pcp[1].lists[0 * 3 + UNMOVABLE] is empty: zone->lock, 63 times buddy_rmqueue(), unlock
 *	  the first is handed out: count 62, refcount 1       (the next 62 requests touch no lock)
 *	__free_pages -> head of the list of the pageblock's type
 *	  at count >= high (say 905): 63, then 126, ... pages go back to the zone
 *
 * A1  A per-CPU list is touched only by code that does not charge in between (nothing else in the
 *     machine can then run), so it has no lock, and one CPU may empty another's. Pages on their way
 *     to or from a zone are on a list on the mover's stack.
 * A2  pcp->count is the number of frames on its lists; after any free it is below `high`.
 * A3  A page on a per-CPU list has PG_pcp, private == order and index == the type of its list; it
 *     is not counted in zone->nr_free.
 * A4  A request takes from a zone only while more than watermark + lowmem_reserve stays free (after
 *     the slow path: see there).
 * A5  What is freed is clean: no mapping, flags or mappings left, no decoded code in the frame.
 *
 * Refilling and giving back turn interrupts off around the zone's lock, since handlers allocate
 * too; the fast paths need not, since interrupts arrive only at charges. Linux 6.1 gets the same
 * from per-CPU spinlocks.
 *
 * Units:   frames, orders, TSC cycles.
 * Owner:   blocks belong to the caller from alloc to the last put.
 * Locking: zone->lock inside (interrupts off). Callers may hold any lock unless
 *          __GFP_DIRECT_RECLAIM is set.
 * Errors:  NULL. Freeing what is not in use panics.
 * Time:    COST_ALLOC_PAGE an alloc or free; COST_CACHELINE for zeroing; the lock's own costs.
 * Source:  Linux mm/page_alloc.c: get_page_from_freelist, rmqueue_pcplist, free_unref_page_commit,
 *          __alloc_pages_slowpath.
 */

#include "host/arena.h"
#include "hw/machine.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "mm/alloc/alloc.h"
#include "mm/alloc/root.h"

#include <string.h>

#define PCP_BATCH_SCALE_MAX 5
#define MAX_RECLAIM_RETRIES 16

/* A page still somebody's must not be freed. */
#define PAGE_FLAGS_CHECK_AT_FREE                                                                   \
	(1ull << PG_lru | 1ull << PG_locked | 1ull << PG_private | 1ull << PG_private_2 |          \
	 1ull << PG_writeback | 1ull << PG_reserved | 1ull << PG_slab | 1ull << PG_unevictable |   \
	 1ull << PG_mlocked | 1ull << PG_buddy | 1ull << PG_pcp | 1ull << PG_tail)

static enum migratetype gfp_migratetype(gfp_t gfp)
{
	return gfp & __GFP_MOVABLE     ? MIGRATE_MOVABLE :
	       gfp & __GFP_RECLAIMABLE ? MIGRATE_RECLAIMABLE :
					 MIGRATE_UNMOVABLE;
}

static enum zone_type gfp_zone(gfp_t gfp)
{
	return gfp & __GFP_DMA ? ZONE_DMA : gfp & __GFP_DMA32 ? ZONE_DMA32 : ZONE_NORMAL;
}

/* --- per-CPU lists --- */

static inline struct per_cpu_pages *this_pcp(const struct zone *z)
{
	return &z->pcp[this_cpu()->index];
}

static inline struct list_head *pcp_list(struct per_cpu_pages *pcp, unsigned order,
					 enum migratetype mt)
{
	return &pcp->lists[order * MIGRATE_TYPES + mt];
}

static inline void pcp_push(struct per_cpu_pages *pcp, struct page *page, unsigned order,
			    enum migratetype mt)
{
	page->flags = 1ull << PG_pcp;
	page->private = order;
	page->index = mt;
	list_add(&page->lru, pcp_list(pcp, order, mt));
	pcp->count += 1u << order;
}

static inline struct page *pcp_pop(struct per_cpu_pages *pcp, struct list_head *list,
				   unsigned order)
{
	struct page *page = list_first_entry(list, struct page, lru);

	BUG_ON(!PagePcp(page));
	list_del(&page->lru);
	pcp->count -= 1u << order;
	return page;
}

/*
 * Give a list of pages (PG_pcp, private, index as A3) back to their zone. Interrupts off around the
 * lock.
 */
static void free_page_list(struct zone *z, struct list_head *pages)
{
	struct page *page, *next;
	u64 flags;

	if (list_empty(pages))
		return;
	spin_lock_irqsave(&z->lock, flags);
	list_for_each_entry_safe(page, next, pages, lru) {
		unsigned order = (unsigned)page->private;
		enum migratetype mt = (enum migratetype)page->index;

		page->flags = 0;
		page->private = page->index = 0;
		buddy_free(z, page, order, mt);
	}
	spin_unlock_irqrestore(&z->lock, flags);
}

/*
 * Move at least `count` frames (or all) from pcp to out: from list tails, list after list beginning
 * with `first`. No charge inside.
 */
static void pcp_take_back(struct per_cpu_pages *pcp, u32 count, unsigned first,
			  struct list_head *out)
{
	s64 left = min(count, pcp->count);

	for (unsigned i = 0; left > 0; i++) {
		unsigned idx = (first + i) % NR_PCP_LISTS, order = idx / MIGRATE_TYPES;

		BUG_ON(i > NR_PCP_LISTS);
		while (left > 0 && !list_empty(&pcp->lists[idx])) {
			struct page *page = list_last_entry(&pcp->lists[idx], struct page, lru);

			list_move_tail(&page->lru, out);
			pcp->count -= 1u << order;
			left -= 1ll << order;
		}
	}
}

/*
 * The CPU's stock is over its limit: how many to give back. Twice as many each time that frees
 * follow frees.
 */
static u32 nr_pcp_free(struct per_cpu_pages *pcp)
{
	u32 batch = pcp->batch, most = pcp->high - pcp->batch;

	batch <<= pcp->free_factor;
	if (batch < most && pcp->free_factor < PCP_BATCH_SCALE_MAX)
		pcp->free_factor++;
	return batch > most ? most : batch;
}

static __noinline void pcp_give_back(struct zone *z, struct per_cpu_pages *pcp, u32 count,
				     unsigned first)
{
	LIST_HEAD(out);

	pcp_take_back(pcp, count, first, &out);
	free_page_list(z, &out);
}

static inline void free_unref_page(struct zone *z, struct page *page, unsigned order,
				   enum migratetype mt)
{
	struct per_cpu_pages *pcp = this_pcp(z);
	/*
	 * Larger blocks in a stock fragment the zone: a run of frees with one among them gives
	 * everything back.
	 */
	bool free_high = pcp->free_factor && order;

	pcp_push(pcp, page, order, mt);
	if (unlikely(free_high || pcp->count >= pcp->high))
		pcp_give_back(z, pcp, free_high ? pcp->count : nr_pcp_free(pcp),
			      order * MIGRATE_TYPES + mt);
}

void drain_pages(unsigned cpu)
{
	struct zone *z;
	u32 i;

	for_each_populated_zone(z, i)
	{
		LIST_HEAD(out);

		pcp_take_back(&z->pcp[cpu], z->pcp[cpu].count, 0, &out);
		free_page_list(z, &out);
	}
}

void drain_all_pages(void)
{
	for (u32 cpu = 0; cpu < nr_cpu_ids(); cpu++)
		drain_pages(cpu);
}

/*
 * The list is empty: fetch a batch from the zone and take one. Interrupts off, so that it is still
 * this CPU's list afterwards.
 */
static __noinline struct page *pcp_refill(struct zone *z, unsigned order, enum migratetype mt,
					  unsigned alloc_flags)
{
	u64 flags = local_irq_save();
	struct per_cpu_pages *pcp = this_pcp(z);
	u32 count = pcp->batch > 1 ? max(pcp->batch >> order, 2u) : 1;
	struct page *page = NULL;
	LIST_HEAD(got);

	preempt_disable();
	spin_lock(&z->lock);
	for (u32 i = 0; i < count; i++) {
		page = buddy_rmqueue(z, order, mt, alloc_flags);
		if (!page)
			break;
		page->flags = 1ull << PG_pcp;
		page->private = order;
		page->index = mt;
		list_add_tail(&page->lru, &got);
		pcp->count += 1u << order;
	}
	spin_unlock(&z->lock);
	list_splice_tail(&got, pcp_list(pcp, order, mt));
	if (!list_empty(pcp_list(pcp, order, mt)))
		page = pcp_pop(pcp, pcp_list(pcp, order, mt), order);
	local_irq_restore(flags);
	preempt_enable();
	return page;
}

static inline struct page *rmqueue_pcplist(struct zone *z, unsigned order, enum migratetype mt,
					   unsigned alloc_flags)
{
	struct per_cpu_pages *pcp = this_pcp(z);
	struct list_head *list = pcp_list(pcp, order, mt);

	pcp->free_factor >>= 1;
	if (unlikely(list_empty(list)))
		return pcp_refill(z, order, mt, alloc_flags);
	return pcp_pop(pcp, list, order);
}

static struct page *rmqueue_buddy(struct zone *z, unsigned order, enum migratetype mt,
				  unsigned alloc_flags)
{
	struct page *page;
	u64 flags;

	spin_lock_irqsave(&z->lock, flags);
	page = buddy_rmqueue(z, order, mt, alloc_flags);
	spin_unlock_irqrestore(&z->lock, flags);
	return page;
}

/* --- allocation --- */

static inline struct page *get_page_from_freelist(struct zone *const *zonelist, gfp_t gfp,
						  unsigned order, enum zone_watermarks mark,
						  unsigned alloc_flags)
{
	enum zone_type highest = gfp_zone(gfp);
	enum migratetype mt = gfp_migratetype(gfp);

	for (;;) {
		for (struct zone *const *zl = zonelist; *zl; zl++) {
			struct zone *z = *zl;
			struct page *page;

			if (z->idx > highest)
				continue;
			if ((gfp & __GFP_THISNODE) && z->node != zonelist[0]->node)
				break;
			if (!(alloc_flags & ALLOC_NO_WATERMARKS) &&
			    !zone_watermark_ok(z, order, z->watermark[mark], highest, alloc_flags))
				continue;
			page = order <= PCP_MAX_ORDER ? rmqueue_pcplist(z, order, mt, alloc_flags) :
							rmqueue_buddy(z, order, mt, alloc_flags);
			if (likely(page))
				return page;
		}
		if (!(alloc_flags & ALLOC_NOFRAGMENT))
			return NULL;
		alloc_flags &= ~ALLOC_NOFRAGMENT;
	}
}

/*
 * Memory is short. In order: down to the min watermark (reserves for those entitled), reclaim while
 * it makes progress, the other CPUs' stocks, and for __GFP_NOFAIL whatever there is.
 */
static __noinline struct page *alloc_pages_slowpath(struct zone *const *zonelist, gfp_t gfp,
						    unsigned order)
{
	u64 (*reclaim)(unsigned order, u32 gfp) = kern()->hooks.direct_reclaim;
	unsigned alloc_flags = gfp & __GFP_HIGH ? ALLOC_HIGH : 0;
	struct page *page;

	if (!(gfp & __GFP_DIRECT_RECLAIM) && !(gfp & __GFP_NOMEMALLOC))
		alloc_flags |= ALLOC_NON_BLOCK;
	page = get_page_from_freelist(zonelist, gfp, order, WMARK_MIN, alloc_flags);
	if (!page && (gfp & __GFP_MEMALLOC) && !(gfp & __GFP_NOMEMALLOC))
		page = get_page_from_freelist(zonelist, gfp, order, WMARK_MIN,
					      alloc_flags | ALLOC_NO_WATERMARKS);
	if (page || !(gfp & __GFP_DIRECT_RECLAIM))
		return page;
	for (unsigned i = 0; i < MAX_RECLAIM_RETRIES && reclaim && !page; i++) {
		if (reclaim(order, gfp) == 0)
			break;
		page = get_page_from_freelist(zonelist, gfp, order, WMARK_MIN, alloc_flags);
		if (gfp & __GFP_NORETRY)
			break;
	}
	if (!page) {
		drain_all_pages();
		page = get_page_from_freelist(zonelist, gfp, order, WMARK_MIN, alloc_flags);
	}
	if (!page && (gfp & __GFP_NOFAIL))
		page = get_page_from_freelist(zonelist, gfp, order, WMARK_MIN,
					      alloc_flags | ALLOC_NO_WATERMARKS);
	return page;
}

/*
 * The block is the caller's: one reference, tails linked to it, zeroed if asked. Returns cycles to
 * charge.
 */
static inline u64 prep_new_page(struct machine *m, struct page *page, gfp_t gfp, unsigned order)
{
	page->flags = 0;
	page->private = page->index = 0;
	page->_refcount = 1;
	if (order && (gfp & __GFP_COMP)) {
		SetPageHead(page);
		page->compound_order = order;
		for (u64 i = 1; i < 1ull << order; i++) {
			SetPageTail(page + i);
			page[i].compound_head = page;
		}
	}
	if (!(gfp & __GFP_ZERO))
		return m->cost->cycles[COST_ALLOC_PAGE];
	memset(page_address(page), 0, (u64)PAGE_SIZE << order);
	phys_written(m, page_to_pa(page), (u64)PAGE_SIZE << order);
	return m->cost->cycles[COST_ALLOC_PAGE] +
	       ((u64)m->cost->cycles[COST_CACHELINE] * (PAGE_SIZE / 64) << order);
}

struct page *alloc_pages_node(int nid, gfp_t gfp, unsigned order)
{
	struct alloc_root *r = alloc_root();
	struct machine *m = r->m;
	const struct pglist_data *pgdat = r->node[likely(nid <= 0) ? 0 : (u32)nid % r->nr_nodes];
	struct page *page;
	u64 cycles;

	if (unlikely(order > MAX_ORDER))
		return NULL;
	if (unlikely(fail_alloc_armed(r)) && should_fail_alloc((u64)PAGE_SIZE << order))
		return NULL;
	page = get_page_from_freelist(
		pgdat->zonelist, gfp, order, WMARK_LOW,
		pgdat->nofragment && gfp_zone(gfp) == ZONE_NORMAL ? ALLOC_NOFRAGMENT : 0);
	if (unlikely(!page)) {
		page = alloc_pages_slowpath(pgdat->zonelist, gfp, order);
		if (!page)
			return NULL;
	}
	cycles = prep_new_page(m, page, gfp, order);
	if (unlikely(trace_wanted(&m->trace, TRACE_MM_PAGE_ALLOC)))
		trace_emit(m, this_cpu(), TRACE_MM_PAGE_ALLOC, trace_pid(m), page_to_pfn(page),
			   order | (u64)gfp << 32);
	charge_cycles(cycles);
	return page;
}

struct page *alloc_pages(gfp_t gfp, unsigned order)
{
	return alloc_pages_node(-1, gfp, order);
}

/* --- freeing --- */

/* Make the block clean (A5); panics when somebody still uses it. */
static inline void free_pages_prepare(struct machine *m, struct page *page, u64 pfn, unsigned order)
{
	BUG_ON((page->flags & PAGE_FLAGS_CHECK_AT_FREE) || page->_mapcount || page->_refcount);
	BUG_ON(PageHead(page) ? page->compound_order != order : false);
	if (order == 0) {
		if (unlikely(m->frame_flags[pfn] & FRAME_HAS_CODE))
			phys_written(m, pfn << PAGE_SHIFT, PAGE_SIZE);
	} else {
		for (u64 i = 1; i < 1ull << order; i++) {
			BUG_ON(page[i]._refcount || page[i]._mapcount);
			page[i].flags = 0;
			page[i].mapping = NULL;
			page[i].index = page[i].private = 0;
			page[i].compound_head = NULL;
		}
		phys_written(m, pfn << PAGE_SHIFT, (u64)PAGE_SIZE << order);
	}
	page->flags = 0;
	page->mapping = NULL;
	page->index = page->private = 0;
	page->compound_head = NULL;
}

static __noinline void free_one_block(struct zone *z, struct page *page, unsigned order,
				      enum migratetype mt)
{
	u64 flags;

	spin_lock_irqsave(&z->lock, flags);
	buddy_free(z, page, order, mt);
	spin_unlock_irqrestore(&z->lock, flags);
}

void __free_pages(struct page *page, unsigned order)
{
	struct alloc_root *r = alloc_root();
	struct machine *m = r->m;
	u64 pfn = (u64)(page - r->map.page);

	if (!put_page_testzero(page))
		return;
	free_pages_prepare(m, page, pfn, order);
	if (unlikely(trace_wanted(&m->trace, TRACE_MM_PAGE_FREE)))
		trace_emit(m, this_cpu(), TRACE_MM_PAGE_FREE, trace_pid(m), pfn, order);
	if (likely(order <= PCP_MAX_ORDER))
		free_unref_page(pfn_zone(r, pfn), page, order, pfn_migratetype(r, pfn));
	else
		free_one_block(pfn_zone(r, pfn), page, order, pfn_migratetype(r, pfn));
	charge_cycles(m->cost->cycles[COST_ALLOC_PAGE]);
}

/* --- by host address --- */

void *__get_free_pages(gfp_t gfp, unsigned order)
{
	struct page *page = alloc_pages(gfp, order);

	return page ? page_address(page) : NULL;
}

void free_pages(void *host, unsigned order)
{
	if (host)
		__free_pages(virt_to_page(host), order);
}

unsigned get_order(u64 size_bytes)
{
	return size_bytes <= PAGE_SIZE ? 0 : (unsigned)fls64((size_bytes - 1) >> PAGE_SHIFT);
}

void split_page(struct page *page, unsigned order)
{
	BUG_ON(PageCompound(page) || page->_refcount <= 0);
	for (u64 i = 1; i < 1ull << order; i++)
		page[i]._refcount = 1;
}

void *alloc_pages_exact(u64 size_bytes, gfp_t gfp)
{
	unsigned order = get_order(size_bytes);
	struct page *page;

	if (size_bytes == 0 || size_bytes > (u64)PAGE_SIZE << MAX_ORDER)
		return NULL;
	page = alloc_pages(gfp & ~__GFP_COMP, order);
	if (!page)
		return NULL;
	split_page(page, order);
	for (u64 i = DIV_ROUND_UP(size_bytes, PAGE_SIZE); i < 1ull << order; i++)
		__free_page(page + i);
	return page_address(page);
}

void free_pages_exact(void *host, u64 size_bytes)
{
	for (u64 off = 0; host && off < size_bytes; off += PAGE_SIZE)
		free_page((u8 *)host + off);
}

/* --- boot --- */

/*
 * batch: 0.1 % of the zone up to 1 MiB, a quarter of it, 2^n - 1; high: a CPU's share of the low
 * watermark, at least 4 batches.
 */
static int zone_pcp_init(struct machine *m, struct zone *z)
{
	u64 batch = max(min(z->managed_pages >> 10, (u64)256) / 4, (u64)1), high;

	z->pcp = arena_carve(&m->arena, m->cfg.nr_cpus * sizeof(*z->pcp), 64);
	if (!z->pcp)
		return -ENOMEM;
	batch = max(rounddown_pow_of_two(batch + batch / 2) - 1, (u64)1);
	high = max(z->watermark[WMARK_LOW] / m->cfg.nr_cpus, batch * 4);
	for (u32 cpu = 0; cpu < m->cfg.nr_cpus; cpu++) {
		struct per_cpu_pages *pcp = &z->pcp[cpu];

		pcp->batch = (u32)batch;
		pcp->high = (u32)high;
		for (unsigned i = 0; i < NR_PCP_LISTS; i++)
			INIT_LIST_HEAD(&pcp->lists[i]);
	}
	return 0;
}

int alloc_init(struct kernel *k)
{
	struct zone *z;
	int err = 0;
	u32 i;

	if (!k->alloc)
		err = alloc_early_init(k);
	if (err)
		return err;
	setup_per_zone_wmarks(k->alloc);
	for_each_populated_zone(z, i) if (!err) err = zone_pcp_init(k->m, z);
	if (err)
		return err;
	k->alloc->up = true;
	fail_alloc_arm(k, k->params.fail_alloc_nth);
	return kmem_cache_init(k);
}
