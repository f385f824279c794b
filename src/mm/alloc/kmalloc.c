/* SPDX-License-Identifier: MIT */
/*
 * kmalloc: memory of any size, from caches of fixed sizes up to 8 KiB and from whole pages beyond.
 *
 * Called by every kernel floor; calls slub.c for the classes and page_alloc.c for large blocks.
 *
 *	size    ..8  ..16  ..32  ..64  ..96  ..128  ..192  ..256  ...  ..8192  8193..
 *	class   3    4     5     6     1     7      2      8      ...  13      pages
 *	object  8    16    32    64    96    128    192    256    ...  8192    2^order pages
 *
 * K1  The block that kfree gets says what it is: its head page is a slab's (then the slab names the
 *     cache) or a plain compound block.
 * K2  A power-of-two size is aligned to itself; any block is aligned to 8.
 * K3  Three families: normal; reclaimable (__GFP_RECLAIMABLE), so that they share pageblocks with
 *     their like; DMA.
 *
 * Units:   bytes.
 * Owner:   the caller until kfree.
 * Locking: as slub.c and page_alloc.c.
 * Errors:  NULL; kfree of what was never handed out panics.
 * Time:    as the allocators below; krealloc that moves charges COST_CACHELINE per 64 bytes copied.
 * Source:  Linux mm/slab_common.c (kmalloc_info, kmalloc_slab, __do_krealloc), mm/util.c.
 */

#include "lib/bitmap.h"
#include "lib/errno.h"
#include "mm/alloc/slub.h"

#include <string.h>

struct kmalloc_info {
	u32 size;
	const char *name[NR_KMALLOC_TYPES];
};
#define KMALLOC_ROW(bytes, text)                                                                   \
	{                                                                                          \
		bytes,                                                                             \
		{                                                                                  \
			"kmalloc-" text, "kmalloc-rcl-" text, "dma-kmalloc-" text                  \
		}                                                                                  \
	}
static const struct kmalloc_info kmalloc_info[KMALLOC_CLASSES] = {
	{ 0, { NULL, NULL, NULL } }, KMALLOC_ROW(96, "96"),   KMALLOC_ROW(192, "192"),
	KMALLOC_ROW(8, "8"),	     KMALLOC_ROW(16, "16"),   KMALLOC_ROW(32, "32"),
	KMALLOC_ROW(64, "64"),	     KMALLOC_ROW(128, "128"), KMALLOC_ROW(256, "256"),
	KMALLOC_ROW(512, "512"),     KMALLOC_ROW(1024, "1k"), KMALLOC_ROW(2048, "2k"),
	KMALLOC_ROW(4096, "4k"),     KMALLOC_ROW(8192, "8k"),
};

int create_kmalloc_caches(struct alloc_root *r)
{
	for (unsigned type = 0; type < NR_KMALLOC_TYPES; type++) {
		u32 flags = SLAB_KMALLOC | (type == KMALLOC_RECLAIM ? SLAB_RECLAIM_ACCOUNT : 0) |
			    (type == KMALLOC_DMA ? SLAB_CACHE_DMA : 0);

		for (unsigned i = 1; i < KMALLOC_CLASSES; i++) {
			u32 size = kmalloc_info[i].size;

			r->kmalloc_caches[type][i] = kmem_cache_create(
				kmalloc_info[i].name[type], size,
				is_power_of_2(size) ? min(size, PAGE_SIZE) : 8, flags, NULL);
			if (!r->kmalloc_caches[type][i])
				return -ENOMEM;
		}
	}
	return 0;
}

/* The class of sizes up to 192, by (size - 1) / 8: the odd classes 96 and 192 are among them. */
static const u8 size_index[24] = { 3, 4, 5, 5, 6, 6, 6, 6, 1, 1, 1, 1,
				   7, 7, 7, 7, 2, 2, 2, 2, 2, 2, 2, 2 };

/* 1 <= size <= KMALLOC_MAX_CACHE_SIZE. */
static inline unsigned kmalloc_index(u64 size)
{
	return size <= 192 ? size_index[(size - 1) / 8] : 64 - (unsigned)__builtin_clzll(size - 1);
}

static inline enum kmalloc_type kmalloc_type(gfp_t gfp)
{
	if (likely(!(gfp & (__GFP_DMA | __GFP_RECLAIMABLE))))
		return KMALLOC_NORMAL;
	return gfp & __GFP_DMA ? KMALLOC_DMA : KMALLOC_RECLAIM;
}

static __noinline void *kmalloc_large(u64 size, gfp_t gfp)
{
	struct page *page;

	if (size > KMALLOC_MAX_SIZE)
		return NULL;
	page = alloc_pages((gfp & ~__GFP_MOVABLE) | __GFP_COMP, get_order(size));
	if (!page)
		return NULL;
	mod_page_state(page, NR_SLAB_UNRECLAIMABLE, 1ll << compound_order(page));
	return page_address(page);
}

void *kmalloc(u64 size, gfp_t gfp)
{
	if (unlikely(size == 0))
		return ZERO_SIZE_PTR;
	if (unlikely(size > KMALLOC_MAX_CACHE_SIZE))
		return kmalloc_large(size, gfp);
	return slab_alloc(alloc_root()->kmalloc_caches[kmalloc_type(gfp)][kmalloc_index(size)],
			  gfp);
}

void *kmalloc_array(u64 n, u64 size, gfp_t gfp)
{
	u64 bytes;

	return __builtin_mul_overflow(n, size, &bytes) ? NULL : kmalloc(bytes, gfp);
}

static __noinline void kfree_large(struct page *page, const void *p)
{
	BUG_ON(!PageHead(page) || page_address(page) != p);
	mod_page_state(page, NR_SLAB_UNRECLAIMABLE, -(1ll << compound_order(page)));
	__free_pages(page, compound_order(page));
}

void kfree(const void *p)
{
	const struct memmap *map;
	struct page *page;

	if (unlikely(ZERO_OR_NULL_PTR(p)))
		return;
	map = mem_map();
	page = compound_head(map->page + ((u64)((const u8 *)p - map->ram) >> PAGE_SHIFT));
	if (likely(PageSlab(page)))
		slab_free(((struct slab *)page)->slab_cache, map->ram, (void *)p);
	else
		kfree_large(page, p);
}

u64 ksize(const void *p)
{
	struct page *page;

	if (ZERO_OR_NULL_PTR(p))
		return 0;
	page = virt_to_head_page(p);
	if (PageSlab(page)) {
		const struct kmem_cache *s = ((struct slab *)page)->slab_cache;

		return s->ctor ? s->object_size : s->size;
	}
	return (u64)PAGE_SIZE << compound_order(page);
}

u64 kmalloc_size_roundup(u64 size)
{
	if (size == 0 || size > KMALLOC_MAX_SIZE)
		return size;
	if (size > KMALLOC_MAX_CACHE_SIZE)
		return (u64)PAGE_SIZE << get_order(size);
	return kmalloc_info[kmalloc_index(size)].size;
}

void *krealloc(const void *p, u64 new_size, gfp_t gfp)
{
	u64 old = ksize(p);
	void *fresh;

	if (new_size == 0) {
		kfree(p);
		return ZERO_SIZE_PTR;
	}
	if (old >= new_size)
		return (void *)p;
	fresh = kmalloc(new_size, gfp);
	if (!fresh)
		return NULL;
	if (old) {
		memcpy(fresh, p, old);
		charge_n(COST_CACHELINE, DIV_ROUND_UP(old, 64));
	}
	kfree(p);
	return fresh;
}

void *kmemdup(const void *src, u64 len, gfp_t gfp)
{
	void *p = kmalloc(len, gfp);

	if (p && len)
		memcpy(p, src, len);
	return p;
}

char *kstrndup(const char *s, u64 max, gfp_t gfp)
{
	u64 len;
	char *p;

	if (!s)
		return NULL;
	len = strnlen(s, max);
	p = kmalloc(len + 1, gfp);
	if (p) {
		memcpy(p, s, len);
		p[len] = '\0';
	}
	return p;
}

char *kstrdup(const char *s, gfp_t gfp)
{
	return s ? kstrndup(s, strlen(s), gfp) : NULL;
}
