/* SPDX-License-Identifier: MIT */
#ifndef MM_RMAP_H
#define MM_RMAP_H

/*
 * How a frame knows that page tables map it: _mapcount counts PTEs, each PTE holds one reference.
 * An anonymous page is marked in bit 0 of mapping; AnonExclusive says that the one PTE that maps it
 * may be made writable without asking anybody, which fork takes away. (Finding the PTEs from the
 * page comes with reclaim.) All under page_table_lock of the mapping mm.
 */

#include "mm/alloc/mmzone.h"
#include "mm/alloc/page.h"

#define PAGE_MAPPING_ANON 1u
#define PG_anon_exclusive PG_mappedtodisk /* as Linux: the bit is free on anonymous pages */

static inline bool PageAnon(const struct page *page)
{
	return (uintptr_t)page->mapping & PAGE_MAPPING_ANON;
}
static inline bool PageAnonExclusive(const struct page *page)
{
	return (page->flags >> PG_anon_exclusive) & 1;
}
static inline void SetPageAnonExclusive(struct page *page)
{
	page->flags |= 1ull << PG_anon_exclusive;
}
static inline void ClearPageAnonExclusive(struct page *page)
{
	page->flags &= ~(1ull << PG_anon_exclusive);
}

/* A fresh page becomes anonymous and gets its first PTE; index is the page offset in its VMA. */
static inline void page_add_new_anon_rmap(struct page *page, u64 index)
{
	page->mapping = (struct address_space *)(uintptr_t)PAGE_MAPPING_ANON;
	page->index = index;
	page->_mapcount = 1;
	SetPageAnonExclusive(page);
	SetPageSwapBacked(page);
	SetPageUptodate(page);
	mod_page_state(page, NR_ANON_MAPPED, 1);
}
/* fork: another PTE maps an anonymous page; nobody owns it alone any more. */
static inline void page_dup_anon_rmap(struct page *page)
{
	ClearPageAnonExclusive(page);
	page->_mapcount++;
}
static inline void page_add_file_rmap(struct page *page)
{
	if (page->_mapcount++ == 0)
		mod_page_state(page, NR_FILE_MAPPED, 1);
}
/*
 * A PTE is gone (its reference is the caller's to put). The last one strips what marked an
 * anonymous page.
 */
static inline void page_remove_rmap(struct page *page)
{
	BUG_ON(page->_mapcount <= 0);
	if (--page->_mapcount)
		return;
	if (PageAnon(page)) {
		mod_page_state(page, NR_ANON_MAPPED, -1);
		ClearPageAnonExclusive(page);
	} else {
		mod_page_state(page, NR_FILE_MAPPED, -1);
	}
}

#endif
