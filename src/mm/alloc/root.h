/* SPDX-License-Identifier: MIT */
#ifndef MM_ALLOC_ROOT_H
#define MM_ALLOC_ROOT_H

/*
 * What floor 3 keeps in its root, and what its files ask of each other. Only for src/mm/alloc/.
 * Everything hangs off k->alloc, in the arena outside RAM.
 */

#include "mm/alloc/mmzone.h"
#include "mm/alloc/slab.h"

#define KMALLOC_CLASSES 14u /* 0: none, 1: 96, 2: 192, n: 2^n for 3..13, Linux's numbering */

#define DMA_END_PFN 4096ull	 /* 16 MiB */
#define DMA32_END_PFN 1048576ull /* 4 GiB */

enum kmalloc_type { KMALLOC_NORMAL, KMALLOC_RECLAIM, KMALLOC_DMA, NR_KMALLOC_TYPES };

/* The plan for failing allocations on purpose. */
struct fail_alloc {
	u64 nth;   /* the one to fail, counted from arming; 0: not armed */
	u64 count; /* seen since arming */
	bool fired;
};

struct alloc_root {
	struct memmap map; /* first: struct page's helpers look here */
	struct machine *m; /* [I] */
	bool up;	   /* alloc_init() is through: locks and per-CPU lists in use */
	struct fail_alloc fail;
	/* one byte a pageblock: migratetype ^ MIGRATE_MOVABLE, so that untouched is MOVABLE [z] */
	u8 *pageblock;
	u32 nr_nodes;				/* [I] */
	struct pglist_data *node[MAX_NUMNODES]; /* [I] */
	u64 min_free_kbytes;			/* [I] */

	spinlock_t slab_lock;	      /* the list of caches */
	struct list_head slab_caches; /* by creation */
	u32 nr_caches_ever;
	struct kmem_cache *kmem_cache; /* the cache of caches; lies in the arena */
	struct kmem_cache *kmalloc_caches[NR_KMALLOC_TYPES][KMALLOC_CLASSES];
};
_Static_assert(offsetof(struct alloc_root, map) == 0, "mem_map()");

static inline struct alloc_root *alloc_root(void)
{
	return kern()->alloc;
}
/*
 * The same answers as page_zone() and get_pageblock_migratetype(), for who has the root and the
 * frame number at hand.
 */
static inline struct zone *pfn_zone(const struct alloc_root *r, u64 pfn)
{
	enum zone_type idx = pfn < DMA_END_PFN	 ? ZONE_DMA :
			     pfn < DMA32_END_PFN ? ZONE_DMA32 :
						   ZONE_NORMAL;
	u32 nid = 0;

	while (unlikely(nid + 1 < r->nr_nodes) && pfn >= r->node[nid]->node_end_pfn)
		nid++;
	return &r->node[nid]->node_zones[idx];
}
static inline enum migratetype pfn_migratetype(const struct alloc_root *r, u64 pfn)
{
	return (enum migratetype)(r->pageblock[pfn >> PAGEBLOCK_ORDER] ^ MIGRATE_MOVABLE);
}
/* The pid of whoever runs, for trace records. */
static inline u32 trace_pid(const struct machine *m)
{
	return m->pid_of ? m->pid_of(stack_here()) : 0;
}

/* True when allocations are being counted to fail one: the slow test of the hot paths. */
static inline bool fail_alloc_armed(const struct alloc_root *r)
{
	return r->fail.nth != 0;
}

/* How an allocation may dig into a zone. */
#define ALLOC_HIGH 0x1u	      /* __GFP_HIGH: half of the min reserve */
#define ALLOC_NON_BLOCK 0x2u  /* and it cannot sleep: a quarter more */
#define ALLOC_NOFRAGMENT 0x4u /* rather another zone than mixing pageblocks */
#define ALLOC_NO_WATERMARKS 0x8u

/* buddy.c: all with z->lock held, charging nothing. */
struct page *buddy_rmqueue(struct zone *z, unsigned order, enum migratetype mt,
			   unsigned alloc_flags);
void buddy_free(struct zone *z, struct page *page, unsigned order, enum migratetype mt);
bool buddy_frontier_fits(const struct zone *z, unsigned order);
void set_pageblock_migratetype(const struct page *page, enum migratetype mt);

/* zone.c */
bool zone_watermark_ok(const struct zone *z, unsigned order, u64 mark, enum zone_type highest,
		       unsigned alloc_flags);
void setup_per_zone_wmarks(struct alloc_root *r);

/* slub.c */
int kmem_cache_init(struct kernel *k);
void slab_check(struct kernel *k, struct page *page);
void slab_check_caches(struct kernel *k);

/* kmalloc.c */
int create_kmalloc_caches(struct alloc_root *r);

#endif
