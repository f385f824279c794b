/* SPDX-License-Identifier: MIT */
#ifndef MM_ALLOC_GFP_H
#define MM_ALLOC_GFP_H

/*
 * Getting and giving back frames. Flags have Linux 6.1's names and values
 * (include/linux/gfp_types.h).
 *
 * Everything may be called on any machine stack, interrupts on or off, unless the flags say
 * __GFP_DIRECT_RECLAIM, which may block once reclaim exists. Every allocation may return NULL,
 * whatever the flags: __GFP_NOFAIL tries harder, the caller survives NULL. Charges COST_ALLOC_PAGE
 * a call, plus locks and clearing.
 */

#include "mm/alloc/page.h"

typedef u32 gfp_t;

#define __GFP_DMA 0x01u
#define __GFP_HIGHMEM 0x02u
#define __GFP_DMA32 0x04u
#define __GFP_MOVABLE 0x08u
#define __GFP_RECLAIMABLE 0x10u
#define __GFP_HIGH 0x20u
#define __GFP_IO 0x40u
#define __GFP_FS 0x80u
#define __GFP_ZERO 0x100u
#define __GFP_ATOMIC 0x200u
#define __GFP_DIRECT_RECLAIM 0x400u
#define __GFP_KSWAPD_RECLAIM 0x800u
#define __GFP_WRITE 0x1000u
#define __GFP_NOWARN 0x2000u
#define __GFP_RETRY_MAYFAIL 0x4000u
#define __GFP_NOFAIL 0x8000u
#define __GFP_NORETRY 0x10000u
#define __GFP_MEMALLOC 0x20000u
#define __GFP_COMP 0x40000u
#define __GFP_NOMEMALLOC 0x80000u
#define __GFP_HARDWALL 0x100000u
#define __GFP_THISNODE 0x200000u
#define __GFP_ACCOUNT 0x400000u

#define __GFP_RECLAIM (__GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM)
#define GFP_ATOMIC (__GFP_HIGH | __GFP_ATOMIC | __GFP_KSWAPD_RECLAIM)
#define GFP_KERNEL (__GFP_RECLAIM | __GFP_IO | __GFP_FS)
#define GFP_KERNEL_ACCOUNT (GFP_KERNEL | __GFP_ACCOUNT)
#define GFP_NOWAIT __GFP_KSWAPD_RECLAIM
#define GFP_NOIO __GFP_RECLAIM
#define GFP_NOFS (__GFP_RECLAIM | __GFP_IO)
#define GFP_USER (__GFP_RECLAIM | __GFP_IO | __GFP_FS | __GFP_HARDWALL)
#define GFP_DMA __GFP_DMA
#define GFP_DMA32 __GFP_DMA32
#define GFP_HIGHUSER (GFP_USER | __GFP_HIGHMEM)
#define GFP_HIGHUSER_MOVABLE (GFP_HIGHUSER | __GFP_MOVABLE)

#define MAX_ORDER                                                                                  \
	11u /* the largest order, inclusive (Linux 6.1 counts exclusive): 2,048 pages, 8 MiB */

/*
 * 2^order contiguous frames, aligned to their size; one reference, held by the first. NULL when
 * none. order > MAX_ORDER is NULL. Contents are undefined without __GFP_ZERO. Without __GFP_COMP
 * the later pages are plain pages with no reference.
 */
struct page *alloc_pages(gfp_t gfp, unsigned order);
static inline struct page *alloc_page(gfp_t gfp)
{
	return alloc_pages(gfp, 0);
}
/* The same on one node first (then on others, unless __GFP_THISNODE). nid -1: the running CPU's. */
struct page *alloc_pages_node(int nid, gfp_t gfp, unsigned order);

/*
 * Drop one reference to a block of that order; the last gives it back. BUG on a block that is free
 * already.
 */
void __free_pages(struct page *page, unsigned order);
static inline void __free_page(struct page *page)
{
	__free_pages(page, 0);
}

/* The same by host address of the first byte. NULL when none; free_pages(NULL) does nothing. */
void *__get_free_pages(gfp_t gfp, unsigned order);
static inline void *__get_free_page(gfp_t gfp)
{
	return __get_free_pages(gfp, 0);
}
static inline void *get_zeroed_page(gfp_t gfp)
{
	return __get_free_pages(gfp | __GFP_ZERO, 0);
}
void free_pages(void *host, unsigned order);
static inline void free_page(void *host)
{
	free_pages(host, 0);
}
/*
 * Exactly DIV_ROUND_UP(size, PAGE_SIZE) pages: the rest of the rounded-up block is given back at
 * once. Free with free_pages_exact().
 */
void *alloc_pages_exact(u64 size_bytes, gfp_t gfp);
void free_pages_exact(void *host, u64 size_bytes);
/* Make a non-compound block 2^order single pages, each with a reference. */
void split_page(struct page *page, unsigned order);
/* Smallest order that holds size_bytes (> 0). */
unsigned get_order(u64 size_bytes);

#endif
