/* SPDX-License-Identifier: MIT */
/*
 * The buddy system: one zone's free memory in blocks of 2^order frames, orders 0 to 11.
 *
 * Called by page_alloc.c with the zone locked. Touches the memmap and the zone only; knows nothing
 * of per-CPU lists, watermarks or who wants the memory.
 *
 * The DMA zone of a machine after boot, and after one order-0 request for MOVABLE memory (frame
 * numbers):
 *
 *	before: lists empty                              frontier 256 | never used 256..4095
 *	after:  order 0: 257  1: 258  2: 260 ... 7: 384  frontier 512 | never used 512..4095
 *	        256 is handed out: 256..511 (order 8) was carved and split, keeping lower halves
 *
 * B1  A free block is 2^order frames aligned to its size; its first page has PG_buddy and private
 *     == order, its other pages have neither.
 * B2  Two free buddies of the same order are one block of the next order (up to order 11): there is
 *     never an unmerged pair.
 * B3  A free block is on exactly one list, free_area[order].free_list[some type];
 *     free_area[order].nr_free counts the order's blocks.
 * B4  [frontier_pfn, zone_end_pfn) is free, on no list, and its struct pages are all zero. Freed
 *     blocks never merge across it.
 * B5  zone->nr_free == frames on the lists + frames beyond the frontier.
 * B6  Blocks on one list came free in pageblocks of that type, or were stolen for it; the pageblock
 *     says where a freed block goes.
 *
 * Linux puts all of memory on the lists at boot, which costs O(RAM). Here the frontier is the same
 * thing not yet written down: MOVABLE memory in blocks as large as alignment allows, behind
 * everything on the lists. It is carved when MOVABLE lists run dry, and before another type would
 * steal a block smaller than a pageblock. Zone borders are multiples of the largest block, so a
 * buddy is always in the same zone.
 *
 * Units:   frame numbers and orders.
 * Owner:   zone->lock guards everything here.
 * Locking: callers hold zone->lock; nothing here charges, so nothing else runs in between.
 * Errors:  NULL when no block is large enough. Corrupt lists panic.
 * Time:    none charged. O(11) a request or free, plus O(512) when a pageblock is stolen.
 * Source:  Knuth, The Art of Computer Programming 1, 2.5; the placement rules of Linux
 *          mm/page_alloc.c.
 */

#include "hw/engine.h"
#include "lib/bitmap.h"
#include "mm/alloc/root.h"

/* Where a type looks when its own lists are dry, in order. */
static const enum migratetype fallbacks[MIGRATE_TYPES][2] = {
	[MIGRATE_UNMOVABLE] = { MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE },
	[MIGRATE_MOVABLE] = { MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE },
	[MIGRATE_RECLAIMABLE] = { MIGRATE_UNMOVABLE, MIGRATE_MOVABLE },
};

enum migratetype get_pageblock_migratetype(const struct page *page)
{
	return pfn_migratetype(alloc_root(), page_to_pfn(page));
}

void set_pageblock_migratetype(const struct page *page, enum migratetype mt)
{
	struct alloc_root *r = alloc_root();

	r->pageblock[(u64)(page - r->map.page) >> PAGEBLOCK_ORDER] = (u8)(mt ^ MIGRATE_MOVABLE);
}

/* --- lists --- */

static void add_to_free_list(struct zone *z, struct page *page, unsigned order, enum migratetype mt,
			     bool tail)
{
	struct free_area *area = &z->free_area[order];

	page->flags = 1ull << PG_buddy;
	page->private = order;
	if (tail)
		list_add_tail(&page->lru, &area->free_list[mt]);
	else
		list_add(&page->lru, &area->free_list[mt]);
	area->nr_free++;
}

static void del_from_free_list(struct zone *z, struct page *page, unsigned order)
{
	BUG_ON(!PageBuddy(page) || page->private != order);
	list_del(&page->lru);
	page->flags = 0;
	page->private = 0;
	z->free_area[order].nr_free--;
}

static struct page *first_on_list(struct zone *z, unsigned order, enum migratetype mt)
{
	return list_first_entry_or_null(&z->free_area[order].free_list[mt], struct page, lru);
}

/* --- the frontier --- */

bool buddy_frontier_fits(const struct zone *z, unsigned order)
{
	return ALIGN_UP(z->frontier_pfn, 1ull << order) + (1ull << order) <= z->zone_end_pfn;
}

/*
 * Put the first block beyond the frontier, as large as its alignment and the zone's end allow, on
 * its list. Its order.
 */
static unsigned carve_one(struct zone *z)
{
	u64 pfn = z->frontier_pfn;
	unsigned order = pfn ? min(__ffs(pfn), MAX_ORDER) : MAX_ORDER;

	while (pfn + (1ull << order) > z->zone_end_pfn)
		order--;
	add_to_free_list(z, pfn_to_page(pfn), order, MIGRATE_MOVABLE, true);
	z->frontier_pfn += 1ull << order;
	return order;
}

/*
 * Carve until a block of that order is on the lists; false when the frontier cannot give one. At
 * most O(11) blocks.
 */
static bool carve(struct zone *z, unsigned order)
{
	if (!buddy_frontier_fits(z, order))
		return false;
	while (carve_one(z) < order)
		;
	return true;
}

/* --- taking --- */

/*
 * page, a block of order high, was taken off its list: give its upper halves back until it is of
 * order low.
 */
static void expand(struct zone *z, struct page *page, unsigned low, unsigned high,
		   enum migratetype mt)
{
	while (high > low) {
		high--;
		add_to_free_list(z, page + (1ull << high), high, mt, false);
	}
}

static struct page *rmqueue_smallest(struct zone *z, unsigned order, enum migratetype mt)
{
	for (unsigned o = order; o <= MAX_ORDER; o++) {
		struct page *page = first_on_list(z, o, mt);

		if (page) {
			del_from_free_list(z, page, o);
			expand(z, page, order, o, mt);
			return page;
		}
	}
	return NULL;
}

/*
 * May a request of type mt take over the rest of the pageblock when it finds a block of that order?
 */
static bool can_steal_fallback(unsigned order, enum migratetype mt)
{
	return order >= PAGEBLOCK_ORDER / 2 || mt != MIGRATE_MOVABLE;
}

static void move_to_free_list(struct zone *z, struct page *page, unsigned order,
			      enum migratetype mt)
{
	list_move_tail(&page->lru, &z->free_area[order].free_list[mt]);
}

/*
 * Move the free blocks of page's pageblock to mt's lists. Returns frames moved; *movable: frames in
 * use that look movable.
 */
static u32 move_freepages_block(struct zone *z, struct page *page, enum migratetype mt,
				u32 *movable)
{
	u64 pfn = ALIGN_DOWN(page_to_pfn(page), (u64)PAGEBLOCK_PAGES);
	u64 end = min(pfn + PAGEBLOCK_PAGES, z->frontier_pfn);
	u32 moved = 0;

	*movable = 0;
	pfn = max(pfn, z->zone_start_pfn);
	while (pfn < end) {
		struct page *p = pfn_to_page(pfn);

		if (PageBuddy(p)) {
			unsigned order = (unsigned)p->private;

			move_to_free_list(z, p, order, mt);
			moved += 1u << order;
			pfn += 1ull << order;
			continue;
		}
		if (PageLRU(p))
			++*movable;
		pfn++;
	}
	return moved;
}

/*
 * page is a free block of order, of another type; make it start_type's. Whole pageblocks change
 * hands; of a smaller block the rest of the pageblock comes along when whole_block, and the
 * pageblock itself when half of it is then free or of our kind. Linux then also boosts the zone's
 * watermarks, which kswapd alone takes back; that comes with kswapd.
 */
static void steal_suitable_fallback(struct zone *z, struct page *page, unsigned order,
				    enum migratetype start_type, bool whole_block)
{
	enum migratetype old_type = get_pageblock_migratetype(page);
	u32 movable, moved, alike;

	z->nr_steals += 1u << order;
	if (order >= PAGEBLOCK_ORDER) {
		for (u32 i = 0; i < 1u << order; i += PAGEBLOCK_PAGES)
			set_pageblock_migratetype(page + i, start_type);
		move_to_free_list(z, page, order, start_type);
		return;
	}
	if (!whole_block) {
		move_to_free_list(z, page, order, start_type);
		return;
	}
	moved = move_freepages_block(z, page, start_type, &movable);
	if (start_type == MIGRATE_MOVABLE)
		alike = movable;
	else
		alike = old_type == MIGRATE_MOVABLE ? PAGEBLOCK_PAGES - (moved + movable) : 0;
	if (moved + alike >= PAGEBLOCK_PAGES / 2)
		set_pageblock_migratetype(page, start_type);
}

/* The first non-empty fallback list of that order for mt, or MIGRATE_TYPES. */
static enum migratetype find_fallback(struct zone *z, unsigned order, enum migratetype mt)
{
	if (z->free_area[order].nr_free == 0)
		return MIGRATE_TYPES;
	for (unsigned i = 0; i < ARRAY_SIZE(fallbacks[mt]); i++)
		if (!list_empty(&z->free_area[order].free_list[fallbacks[mt][i]]))
			return fallbacks[mt][i];
	return MIGRATE_TYPES;
}

/*
 * Move a block of another type to mt's lists: the largest there is, so that one steal lasts; but a
 * MOVABLE request that may not take the whole pageblock takes the smallest that does. False when
 * there is none.
 */
static bool rmqueue_fallback(struct zone *z, unsigned order, enum migratetype mt,
			     unsigned alloc_flags)
{
	unsigned min_order = order;
	enum migratetype from;

	if (order < PAGEBLOCK_ORDER && (alloc_flags & ALLOC_NOFRAGMENT))
		min_order = PAGEBLOCK_ORDER;
	for (unsigned o = MAX_ORDER + 1; o-- > min_order;) {
		bool can_steal = can_steal_fallback(o, mt);

		from = find_fallback(z, o, mt);
		if (from == MIGRATE_TYPES)
			continue;
		if (!can_steal && mt == MIGRATE_MOVABLE && o > order)
			for (o = order; (from = find_fallback(z, o, mt)) == MIGRATE_TYPES; o++)
				BUG_ON(o >= MAX_ORDER);
		steal_suitable_fallback(z, first_on_list(z, o, from), o, mt, can_steal);
		return true;
	}
	return false;
}

struct page *buddy_rmqueue(struct zone *z, unsigned order, enum migratetype mt,
			   unsigned alloc_flags)
{
	struct page *page = rmqueue_smallest(z, order, mt);

	/*
	 * Never-used memory comes before stealing: it would be on the MOVABLE lists, in the largest
	 * blocks of all.
	 */
	if (!page && mt == MIGRATE_MOVABLE && carve(z, order))
		page = rmqueue_smallest(z, order, mt);
	if (!page) {
		if (list_empty(&z->free_area[MAX_ORDER].free_list[MIGRATE_MOVABLE]) &&
		    !carve(z, max(order, PAGEBLOCK_ORDER)))
			carve(z, order);
		if (rmqueue_fallback(z, order, mt, alloc_flags))
			page = rmqueue_smallest(z, order, mt);
	}
	if (page)
		z->nr_free -= 1ull << order;
	return page;
}

/* --- giving back --- */

/* The free block of that order at pfn, if there is one. */
static struct page *free_block_at(const struct zone *z, u64 pfn, unsigned order)
{
	struct page *page = pfn_to_page(pfn);

	if (pfn < z->zone_start_pfn || pfn >= z->frontier_pfn)
		return NULL;
	return PageBuddy(page) && page->private == order ? page : NULL;
}

/*
 * Would merging go on if the block of that order at pfn's buddy came free? Then keep this one from
 * being taken soon.
 */
static bool buddy_merge_likely(const struct zone *z, u64 pfn, unsigned order)
{
	u64 up = pfn & ~(1ull << order);

	return order < MAX_ORDER - 1 && free_block_at(z, up ^ (2ull << order), order + 1) != NULL;
}

void buddy_free(struct zone *z, struct page *page, unsigned order, enum migratetype mt)
{
	u64 pfn = page_to_pfn(page);

	BUG_ON(!IS_ALIGNED(pfn, 1ull << order) || PageBuddy(page));
	BUG_ON(pfn < z->zone_start_pfn || pfn + (1ull << order) > z->frontier_pfn);
	z->nr_free += 1ull << order;
	while (order < MAX_ORDER) {
		struct page *buddy = free_block_at(z, pfn ^ (1ull << order), order);

		if (!buddy)
			break;
		del_from_free_list(z, buddy, order);
		pfn &= ~(1ull << order);
		order++;
	}
	add_to_free_list(z, pfn_to_page(pfn), order, mt, buddy_merge_likely(z, pfn, order));
}

u64 zone_free_blocks(struct zone *z, unsigned order, int type)
{
	u64 n = 0, pfn = z->frontier_pfn;
	struct list_head *pos;

	for (int mt = 0; mt < MIGRATE_TYPES; mt++)
		if (type < 0 || type == mt)
			list_for_each(pos, &z->free_area[order].free_list[mt])
				n++;
	if (type >= 0 && type != MIGRATE_MOVABLE)
		return n;
	/*
	 * As carve_one() would cut: up to the first boundary of the largest block, whole ones, then
	 * down to the end.
	 */
	while (pfn < z->zone_end_pfn) {
		unsigned o = pfn ? min(__ffs(pfn), MAX_ORDER) : MAX_ORDER;
		u64 nr = 1;

		while (pfn + (1ull << o) > z->zone_end_pfn)
			o--;
		if (o == MAX_ORDER)
			nr = (z->zone_end_pfn - pfn) >> MAX_ORDER;
		if (o == order)
			n += nr;
		pfn += nr << o;
	}
	return n;
}
