/* SPDX-License-Identifier: MIT */
#ifndef MM_ALLOC_PAGE_H
#define MM_ALLOC_PAGE_H

/*
 * struct page: what the kernel knows of one frame. The array of them, the memmap, lies in the arena
 * outside RAM, one entry per frame from 0 to the end of physical memory (the device hole counted,
 * never touched). All zero is the valid state of a frame nobody used yet: unreferenced, unmapped,
 * in a movable pageblock. The zone of a frame follows from its number.
 *
 * Everything here runs on machine stacks only, charges nothing and cannot fail unless it says so.
 */

#include "hw/machine.h"
#include "kernel/percpu/kernel.h"
#include "lib/compiler.h"
#include "lib/list.h"
#include "lib/types.h"

struct address_space;
struct kmem_cache;

struct page {
	u64 flags; /* 1 << PG_x */
	struct list_head
		/*
		 * buddy or per-CPU list while free; the owner's (LRU, page tables, slab) while in
		 * use
		 */
		lru;
	struct address_space *mapping; /* owner's; bit 0: anonymous, as Linux. Cleared by freeing */
	u64 index;		       /* owner's: page offset within mapping. Cleared by freeing */
	u64 private;   /* owner's; the order while PG_buddy or PG_pcp. Cleared by freeing */
	s32 _mapcount; /* page-table entries that map it; 0: none (Linux counts from -1) */
	s32 _refcount; /* 0: free */
	union {
		struct page *compound_head; /* PG_tail: the first page of the block */
		u64 compound_order;	    /* PG_head: the order of the block */
	};
};
_Static_assert(sizeof(struct page) == 64, "one cache line a frame");

enum pageflags {
	PG_locked,
	PG_referenced,
	PG_uptodate,
	PG_dirty,
	PG_lru,
	PG_active,
	PG_workingset,
	PG_waiters,
	PG_error,
	PG_slab,
	PG_owner_priv_1,
	PG_arch_1,
	PG_reserved,
	PG_private,
	PG_private_2,
	PG_writeback,
	PG_head,
	PG_mappedtodisk,
	PG_reclaim,
	PG_swapbacked,
	PG_unevictable,
	PG_mlocked,
	PG_swapcache,
	PG_buddy, /* osim: first page of a block on a buddy list (Linux keeps it in page_type) */
	PG_tail,  /* osim: later page of a compound block (Linux: bit 0 of compound_head) */
	PG_pcp, /* osim: first page of a block on a per-CPU list, so that a second free is caught */
	PG_table, /* a page table (Linux keeps it in page_type) */
	NR_PAGEFLAGS
};

/*
 * PageX(page), SetPageX(page), ClearPageX(page), TestSetPageX(page), TestClearPageX(page). Not
 * atomic: nothing else runs meanwhile.
 */
#define PAGEFLAG(Name, name)                                                                       \
	static inline bool Page##Name(const struct page *page)                                     \
	{                                                                                          \
		return (page->flags >> PG_##name) & 1;                                             \
	}                                                                                          \
	static inline void SetPage##Name(struct page *page)                                        \
	{                                                                                          \
		page->flags |= 1ull << PG_##name;                                                  \
	}                                                                                          \
	static inline void ClearPage##Name(struct page *page)                                      \
	{                                                                                          \
		page->flags &= ~(1ull << PG_##name);                                               \
	}                                                                                          \
	static inline bool TestSetPage##Name(struct page *page)                                    \
	{                                                                                          \
		bool was = Page##Name(page);                                                       \
		SetPage##Name(page);                                                               \
		return was;                                                                        \
	}                                                                                          \
	static inline bool TestClearPage##Name(struct page *page)                                  \
	{                                                                                          \
		bool was = Page##Name(page);                                                       \
		ClearPage##Name(page);                                                             \
		return was;                                                                        \
	}
PAGEFLAG(Locked, locked)
PAGEFLAG(Referenced, referenced)
PAGEFLAG(Uptodate, uptodate)
PAGEFLAG(Dirty, dirty)
PAGEFLAG(LRU, lru)
PAGEFLAG(Active, active)
PAGEFLAG(Error, error)
PAGEFLAG(Slab, slab)
PAGEFLAG(Reserved, reserved)
PAGEFLAG(Private, private)
PAGEFLAG(Writeback, writeback)
PAGEFLAG(Head, head)
PAGEFLAG(Reclaim, reclaim)
PAGEFLAG(SwapBacked, swapbacked)
PAGEFLAG(Unevictable, unevictable)
PAGEFLAG(Mlocked, mlocked)
PAGEFLAG(SwapCache, swapcache)
PAGEFLAG(Buddy, buddy)
PAGEFLAG(Tail, tail)
PAGEFLAG(Pcp, pcp)
PAGEFLAG(Table, table)

/* Where frames and their bytes are; the first member of struct alloc_root. [I] after boot */
struct memmap {
	struct page *page; /* indexed by frame number */
	u8 *ram;	   /* host address of physical address 0 */
	u64 max_pfn;	   /* one past the last frame */
};

static inline const struct memmap *mem_map(void)
{
	return (const struct memmap *)kern()->alloc;
}

static inline struct page *pfn_to_page(u64 pfn)
{
	return mem_map()->page + pfn;
}
static inline u64 page_to_pfn(const struct page *page)
{
	return (u64)(page - mem_map()->page);
}
/* Physical addresses. pa need not be page-aligned. */
static inline u64 page_to_pa(const struct page *page)
{
	return page_to_pfn(page) << PAGE_SHIFT;
}
static inline struct page *pa_to_page(u64 pa)
{
	return pfn_to_page(pa >> PAGE_SHIFT);
}
/*
 * True when pfn is RAM (not past the end, not in the device hole): only then may its struct page be
 * used.
 */
bool pfn_valid(u64 pfn);

/* Host address of the frame's first byte: how kernel C reaches it. */
static inline void *page_address(const struct page *page)
{
	return mem_map()->ram + page_to_pa(page);
}
/* The page that holds the byte at a host address in RAM. */
static inline struct page *virt_to_page(const void *p)
{
	return pa_to_page((u64)((const u8 *)p - mem_map()->ram));
}

/* Compound blocks (__GFP_COMP, slabs, large kmalloc): one head, then tails that name it. */
static inline struct page *compound_head(struct page *page)
{
	return PageTail(page) ? page->compound_head : page;
}
static inline bool PageCompound(const struct page *page)
{
	return page->flags & (1ull << PG_head | 1ull << PG_tail);
}
/* Order of the block whose head this is; 0 for a page that is no head. */
static inline unsigned compound_order(const struct page *page)
{
	return PageHead(page) ? (unsigned)page->compound_order : 0;
}
static inline struct page *virt_to_head_page(const void *p)
{
	return compound_head(virt_to_page(p));
}

/* References. Tails count at their head. */
static inline s32 page_ref_count(const struct page *page)
{
	return page->_refcount;
}
static inline s32 page_count(struct page *page)
{
	return compound_head(page)->_refcount;
}
static inline void page_ref_add(struct page *page, s32 nr)
{
	page->_refcount += nr;
}
/* Take one more reference to a page that has one. BUG on a free page. */
static inline void get_page(struct page *page)
{
	page = compound_head(page);
	BUG_ON(page->_refcount <= 0);
	page->_refcount++;
}
/* Take a reference unless the page is free. */
static inline bool get_page_unless_zero(struct page *page)
{
	page = compound_head(page);
	if (page->_refcount <= 0)
		return false;
	page->_refcount++;
	return true;
}
/* Drop one; true when it was the last and the caller must free it. BUG on a free page. */
static inline bool put_page_testzero(struct page *page)
{
	BUG_ON(page->_refcount <= 0);
	return --page->_refcount == 0;
}
/* Drop one; the last frees the page (or the whole compound block). May charge. */
void put_page(struct page *page);

static inline s32 page_mapcount(const struct page *page)
{
	return page->_mapcount;
}
static inline bool page_mapped(const struct page *page)
{
	return page->_mapcount != 0;
}

/*
 * Contents. Each tells the hardware floor that the frame was written (decoded code there is
 * forgotten) and charges COST_CACHELINE per 64 bytes afterwards. Addresses are host addresses of
 * whole pages.
 */
void clear_page(void *page_host);
void copy_page(void *to_host, const void *from_host);
void clear_highpage(struct page *page);
void copy_highpage(struct page *to, struct page *from);

#endif
