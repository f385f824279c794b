/* SPDX-License-Identifier: MIT */
#ifndef MM_ALLOC_SLAB_H
#define MM_ALLOC_SLAB_H

/*
 * Objects smaller than frames: caches of equal objects (kmem_cache) and sizes on demand (kmalloc).
 * Every kernel object of osim comes from here. May be called on any machine stack, interrupts on or
 * off; flags as for alloc_pages. NULL is always possible. Charges COST_SLAB_FAST, or COST_SLAB_SLOW
 * when the CPU's own slab was not enough; interrupts may arrive at the end of a call.
 */

#include "mm/alloc/gfp.h"

struct kmem_cache;

#define SLAB_HWCACHE_ALIGN                                                                         \
	0x2000u		       /* align objects to cache lines (smaller objects to halves of one) */
#define SLAB_CACHE_DMA 0x4000u /* from ZONE_DMA */
#define SLAB_RECLAIM_ACCOUNT 0x20000u /* counted as reclaimable, in RECLAIMABLE pageblocks */
#define SLAB_ACCOUNT 0x4000000u	      /* as Linux; no effect without memory cgroups */
#define SLAB_KMALLOC 0x1000u /* one of kmalloc's own: powers of two are naturally aligned */

#define KMALLOC_MAX_CACHE_SIZE 8192u
#define KMALLOC_MAX_SIZE ((u64)PAGE_SIZE << MAX_ORDER)
#define ARCH_KMALLOC_MINALIGN 8u

/* What kmalloc(0) returns: not NULL, not readable, fine to kfree. */
#define ZERO_SIZE_PTR ((void *)16)
#define ZERO_OR_NULL_PTR(p) ((uintptr_t)(p) <= 16)

/*
 * A cache of objects of size bytes (1 .. KMALLOC_MAX_SIZE), aligned to align (0: 8). ctor, when
 * given, runs once on every object when its slab is made; objects come back to the cache
 * constructed. name is kept, not copied. NULL: no memory, or sizes make no sense.
 */
struct kmem_cache *kmem_cache_create(const char *name, u32 size, u32 align, u32 flags,
				     void (*ctor)(void *));
/*
 * Give all slabs back and forget s. Objects still in use: -EBUSY and s stays as it is (Linux warns
 * and leaks). 0; NULL is fine.
 */
int kmem_cache_destroy(struct kmem_cache *s);
/*
 * Give back every slab without objects in use, every CPU's included. Returns the number of slabs
 * left.
 */
u64 kmem_cache_shrink(struct kmem_cache *s);
u32 kmem_cache_size(const struct kmem_cache *s);

/*
 * An object of s; the caller's until kmem_cache_free(). __GFP_ZERO clears it (never with a ctor).
 */
void *kmem_cache_alloc(struct kmem_cache *s, gfp_t gfp);
static inline void *kmem_cache_zalloc(struct kmem_cache *s, gfp_t gfp)
{
	return kmem_cache_alloc(s, gfp | __GFP_ZERO);
}
/* Give obj back to s. NULL does nothing. BUG when it is not an object of s in use. */
void kmem_cache_free(struct kmem_cache *s, void *obj);
/* nr objects or none: returns nr or 0. */
u32 kmem_cache_alloc_bulk(struct kmem_cache *s, gfp_t gfp, u32 nr, void **objs);
void kmem_cache_free_bulk(struct kmem_cache *s, u32 nr, void **objs);

/*
 * size bytes, aligned to 8, to size when that is a power of two. 0: ZERO_SIZE_PTR. Over
 * KMALLOC_MAX_SIZE: NULL.
 */
void *kmalloc(u64 size, gfp_t gfp);
static inline void *kzalloc(u64 size, gfp_t gfp)
{
	return kmalloc(size, gfp | __GFP_ZERO);
}
/* n * size bytes; NULL when that overflows. */
void *kmalloc_array(u64 n, u64 size, gfp_t gfp);
static inline void *kcalloc(u64 n, u64 size, gfp_t gfp)
{
	return kmalloc_array(n, size, gfp | __GFP_ZERO);
}
/*
 * Contents kept up to the smaller size; p stays valid when NULL is returned. new_size 0 frees p and
 * returns ZERO_SIZE_PTR.
 */
void *krealloc(const void *p, u64 new_size, gfp_t gfp);
/*
 * Give back what kmalloc (or kmem_cache_alloc) returned. NULL and ZERO_SIZE_PTR do nothing. BUG on
 * anything else that is no object.
 */
void kfree(const void *p);
/* Bytes usable at p (>= what was asked for). */
u64 ksize(const void *p);
/* The size a kmalloc of that size really has; the size itself when it is too large. */
u64 kmalloc_size_roundup(u64 size);
char *kstrdup(const char *s, gfp_t gfp);
char *kstrndup(const char *s, u64 max, gfp_t gfp);
void *kmemdup(const void *src, u64 len, gfp_t gfp);

/* A row of /proc/slabinfo. Exact: walks the cache's slabs, O(slabs). */
struct slabinfo {
	const char *name;
	u64 active_objs; /* in use */
	u64 num_objs;
	u64 active_slabs, num_slabs; /* with and without objects in use */
	u32 object_size, size;	     /* asked for; with padding */
	u32 objects_per_slab;
	u32 cache_order;
};
void get_slabinfo(struct kmem_cache *s, struct slabinfo *info);
/* All caches in order of creation: first with NULL; NULL after the last. */
struct kmem_cache *kmem_cache_next(struct kmem_cache *s);

#endif
