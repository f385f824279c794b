/* SPDX-License-Identifier: MIT */
/*
 * Frames: which numbers are RAM, dropping references, and clearing and copying contents.
 *
 * Called by everyone who owns frames; calls page_alloc.c when the last reference goes, and the
 * hardware floor to say that bytes changed under it. Knows nothing of zones.
 *
 * A frame's life, by _refcount and flags:
 *
 *	free (0, PG_buddy|PG_pcp) --alloc_pages--> (1) --get_page--> (2)
 *	(2) --put_page--> (1) --put_page--> free
 *
 * P1  _refcount > 0 exactly while somebody owns the frame (or the block whose first frame it is).
 * P2  A free frame has no mapping, no index, no mapcount, and no flag but those of the list it is
 *     on.
 * P3  Bytes of RAM changed through a host pointer are reported (phys_written) before the next
 *     instruction may be fetched.
 *
 * Units:   host addresses of whole pages.
 * Owner:   the caller.
 * Locking: none needed for the caller's own frames.
 * Errors:  none; a bad reference count panics.
 * Time:    COST_CACHELINE for each 64 bytes cleared or copied, charged after the effect.
 * Source:  Linux include/linux/mm.h, highmem.h.
 */

#include "mm/alloc/page.h"

#include "hw/machine.h"
#include "mm/alloc/gfp.h"

#include <string.h>

bool pfn_valid(u64 pfn)
{
	return pfn < mem_map()->max_pfn &&
	       phys_is_ram(this_machine(), pfn << PAGE_SHIFT, PAGE_SIZE);
}

void put_page(struct page *page)
{
	page = compound_head(page);
	__free_pages(page, compound_order(page));
}

void clear_page(void *page_host)
{
	struct machine *m = this_machine();

	memset(page_host, 0, PAGE_SIZE);
	phys_written(m, (u64)((u8 *)page_host - m->ram), PAGE_SIZE);
	charge_n(COST_CACHELINE, PAGE_SIZE / 64);
}

void copy_page(void *to_host, const void *from_host)
{
	struct machine *m = this_machine();

	memcpy(to_host, from_host, PAGE_SIZE);
	phys_written(m, (u64)((u8 *)to_host - m->ram), PAGE_SIZE);
	charge_n(COST_CACHELINE, PAGE_SIZE / 64);
}

void clear_highpage(struct page *page)
{
	clear_page(page_address(page));
}

void copy_highpage(struct page *to, struct page *from)
{
	copy_page(page_address(to), page_address(from));
}
