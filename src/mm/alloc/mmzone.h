/* SPDX-License-Identifier: MIT */
#ifndef MM_ALLOC_MMZONE_H
#define MM_ALLOC_MMZONE_H

/*
 * Nodes, zones and what they count. Physical memory is split by address (DMA below 16 MiB, DMA32
 * below 4 GiB, NORMAL above) on each node; a machine has one node today, and every table is indexed
 * by node from the start.
 *
 * Protection: [I] immutable after boot, [z] zone->lock, [c] the owning CPU between two charges.
 */

#include "kernel/percpu/spinlock.h"
#include "lib/list.h"
#include "mm/alloc/gfp.h"

#define MAX_NUMNODES 8u
#define ZONELIST_LEN (MAX_NUMNODES * 3 + 1)
#define PAGEBLOCK_ORDER 9u
#define PAGEBLOCK_PAGES (1u << PAGEBLOCK_ORDER)
#define PCP_MAX_ORDER 3u /* Linux: PAGE_ALLOC_COSTLY_ORDER */
#define NR_PCP_LISTS ((PCP_MAX_ORDER + 1) * MIGRATE_TYPES)

enum zone_type { ZONE_DMA, ZONE_DMA32, ZONE_NORMAL, MAX_NR_ZONES };

_Static_assert(ZONELIST_LEN == MAX_NUMNODES * MAX_NR_ZONES + 1, "every zone and a NULL");

enum migratetype { MIGRATE_UNMOVABLE, MIGRATE_MOVABLE, MIGRATE_RECLAIMABLE, MIGRATE_TYPES };

enum zone_watermarks { WMARK_MIN, WMARK_LOW, WMARK_HIGH, NR_WMARK };

/*
 * Pages in use by kind, for /proc/meminfo; a floor that uses pages counts its own with
 * mod_node_page_state().
 */
enum node_stat_item {
	NR_SLAB_RECLAIMABLE,   /* floor 3 */
	NR_SLAB_UNRECLAIMABLE, /* floor 3 */
	NR_ANON_MAPPED,
	NR_FILE_MAPPED,
	NR_FILE_PAGES,
	NR_FILE_DIRTY,
	NR_WRITEBACK,
	NR_SHMEM,
	NR_ACTIVE_ANON,
	NR_INACTIVE_ANON,
	NR_ACTIVE_FILE,
	NR_INACTIVE_FILE,
	NR_UNEVICTABLE,
	NR_MLOCK,
	NR_KERNEL_STACK_KB, /* KiB, as Linux */
	NR_PAGETABLE,
	NR_NODE_STAT_ITEMS
};

struct free_area {
	/* [z] blocks, by page->lru of their first page */
	struct list_head free_list[MIGRATE_TYPES];
	u64 nr_free; /* [z] blocks of this order */
};

/*
 * One CPU's stock of one zone's pages. Touched only by code that does not charge in between, so it
 * needs no lock. (Found through zone->pcp; percpu->pcp stays unused.)
 */
struct per_cpu_pages {
	u32 count;			      /* [c] pages, all orders */
	u32 high;			      /* [I] give back when count reaches it */
	u32 batch;			      /* [I] pages per trip to the zone */
	u32 free_factor;		      /* [c] doubles the batch of consecutive frees */
	struct list_head lists[NR_PCP_LISTS]; /* [c] order * MIGRATE_TYPES + type */
};

struct zone {
	spinlock_t lock;
	const char *name;	 /* [I] "DMA", "DMA32", "Normal" */
	u32 node;		 /* [I] */
	enum zone_type idx;	 /* [I] */
	u64 zone_start_pfn;	 /* [I] */
	u64 zone_end_pfn;	 /* [I] one past the last frame; == start: no memory */
	u64 managed_pages;	 /* [I] after boot: frames this allocator hands out */
	u64 frontier_pfn;	 /* [z] [frontier, end) was never used: free, but on no list yet */
	u64 nr_free;		 /* [z] pages on the lists and beyond the frontier */
	u64 watermark[NR_WMARK]; /* [I] pages */
	/* [I] pages kept from requests that could use a higher zone */
	u64 lowmem_reserve[MAX_NR_ZONES];
	struct free_area free_area[MAX_ORDER + 1]; /* [z] */
	struct per_cpu_pages *pcp;		   /* [I] one for each CPU */
	u64 nr_steals; /* [z] pages taken from another migrate type's blocks */
};

struct pglist_data {
	u32 node_id;			  /* [I] */
	u64 node_start_pfn, node_end_pfn; /* [I] */
	struct zone node_zones[MAX_NR_ZONES];
	s64 vm_stat[NR_NODE_STAT_ITEMS];
	/*
	 * [I] NORMAL and DMA32 have memory: rather take from DMA32 than mix types in NORMAL's
	 * pageblocks
	 */
	bool nofragment;
	/* [I] where an allocation for this node looks, in order; NULL ends it */
	struct zone *zonelist[ZONELIST_LEN];
};

/* The node of that number, NULL when there is none. */
struct pglist_data *NODE_DATA(u32 nid);
struct zone *page_zone(const struct page *page);
u32 page_to_nid(const struct page *page);
/* Every zone with memory, in order of node and address. z: struct zone *; i: u32 scratch. */
#define for_each_populated_zone(z, i) for ((i) = 0; ((z) = nth_populated_zone(&(i))) != NULL; (i)++)
struct zone *nth_populated_zone(u32 *i);

enum migratetype get_pageblock_migratetype(const struct page *page);
/*
 * Blocks of that order ready for that type, those beyond the frontier included for MOVABLE: a
 * figure of /proc/pagetypeinfo; type -1: all, a figure of /proc/buddyinfo. O(blocks).
 */
u64 zone_free_blocks(struct zone *z, unsigned order, int type);

void mod_node_page_state(struct pglist_data *pgdat, enum node_stat_item item, s64 delta);
static inline void mod_page_state(const struct page *page, enum node_stat_item item, s64 delta)
{
	mod_node_page_state(NODE_DATA(page_to_nid(page)), item, delta);
}
u64 global_node_page_state(enum node_stat_item item);

/* Give the pages on every CPU's lists back to their zones. Any CPU may call it for all. */
void drain_all_pages(void);
/* Give back those of one CPU. */
void drain_pages(unsigned cpu);

#endif
