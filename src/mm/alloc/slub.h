/* SPDX-License-Identifier: MIT */
#ifndef MM_ALLOC_SLUB_H
#define MM_ALLOC_SLUB_H

/*
 * The structures behind kmem_cache. Only for src/mm/alloc/.
 *
 * Protection: [I] immutable after creation, [l] node's list_lock, [c] the owning CPU between two
 *             charges, [a] changed only by code that
 * does not charge in between, so never seen half done.
 */

#include "mm/alloc/root.h"

/*
 * A slab is one block of frames; this is its head's struct page, read as a slab. Freelists are
 * physical addresses, 0 ends them.
 */
struct slab {
	u64 flags; /* PG_slab | PG_head */
	union {
		struct list_head slab_list; /* [l] on the node's partial list */
		struct {
			struct slab *next; /* [c] on a CPU's partial list */
			u64 slabs;	   /* [c] slabs from here to the end of it */
		};
	};
	struct kmem_cache *slab_cache; /* [I] in page->mapping's place */
	u64 freelist;		       /* [a] free objects that no CPU's freelist has */
	u16 inuse;   /* [a] objects not on `freelist`: in use or on the CPU's freelist */
	u16 objects; /* [I] */
	/* [a] belongs to one CPU (its current slab or its partial list); on no node list */
	u8 frozen;
	u8 _pad[3];
	s32 _mapcount;
	s32 _refcount;
	u64 compound_order; /* [I] */
};
_Static_assert(sizeof(struct slab) == sizeof(struct page), "a slab is a struct page");
_Static_assert(offsetof(struct slab, slab_cache) == offsetof(struct page, mapping), "overlay");
_Static_assert(offsetof(struct slab, _refcount) == offsetof(struct page, _refcount), "overlay");
_Static_assert(offsetof(struct slab, compound_order) == offsetof(struct page, compound_order),
	       "overlay");

/* One CPU's share of a cache. */
struct kmem_cache_cpu {
	u64 freelist;	      /* [c] the next object, as a physical address; 0: none */
	u64 slab_mask;	      /* [c] (pa & slab_mask) == slab_base: pa lies in the current slab */
	u64 slab_base;	      /* [c] NO_SLAB when there is none */
	struct slab *slab;    /* [c] the current slab, frozen */
	struct slab *partial; /* [c] frozen slabs in reserve */
	u64 _pad[3];
};
_Static_assert(sizeof(struct kmem_cache_cpu) == 64, "one cache line a CPU");
#define NO_SLAB (~0ull)

struct kmem_cache_node {
	spinlock_t list_lock;
	u64 nr_partial;		  /* [l] */
	struct list_head partial; /* [l] slabs with free objects that are no CPU's */
	u64 nr_slabs;		  /* [a] */
	u64 total_objects;	  /* [a] */
};

struct kmem_cache {
	u8 *ram;		    /* [I] host address of physical address 0 */
	struct alloc_root *root;    /* [I] */
	u32 offset;		    /* [I] of the free pointer in a free object */
	u32 object_size;	    /* [I] what the user asked for */
	u32 size;		    /* [I] distance of objects */
	u32 flags;		    /* [I] SLAB_* */
	u32 align;		    /* [I] */
	u16 oo_order, oo_objects;   /* [I] the slab we want */
	u16 min_order, min_objects; /* [I] the slab we take when memory is short */
	u32 cpu_partial_slabs;	    /* [I] reserve per CPU; 0: none */
	u32 min_partial;	    /* [I] empty slabs kept per node */
	gfp_t allocflags;	    /* [I] */
	u32 id;			    /* [I] number of creation, from 0 */
	void (*ctor)(void *);	    /* [I] */
	const char *name;	    /* [I] */
	struct list_head list;	    /* alloc_root.slab_lock */
	struct kmem_cache_node node[MAX_NUMNODES];
	struct kmem_cache_cpu cpu_slab[]; /* [I] one for each CPU */
};

static inline u64 kmem_cache_bytes(u32 nr_cpus)
{
	return sizeof(struct kmem_cache) + (u64)nr_cpus * sizeof(struct kmem_cache_cpu);
}

/* Everything that is not the fast path: failing, zeroing, tracing, another slab. They charge. */
void *slab_alloc_special(struct kmem_cache *s, gfp_t gfp);
void slab_free_special(struct kmem_cache *s, u64 pa);
void __slab_free(struct kmem_cache *s, u64 pa);

static inline struct kmem_cache_cpu *this_cpu_slab(struct kmem_cache *s)
{
	return &s->cpu_slab[this_cpu()->index];
}
/* Where the free object at pa keeps the address of the next one. */
static inline u64 *free_pointer(const struct kmem_cache *s, u64 pa)
{
	return (u64 *)(void *)(s->ram + pa + s->offset);
}
static inline void *pop_object(struct kmem_cache *s, struct kmem_cache_cpu *c)
{
	u64 pa = c->freelist;

	c->freelist = *free_pointer(s, pa);
	return s->ram + pa;
}

/*
 * The allocator proper, kmem_cache_alloc's and kmalloc's: inlined into both, no frame, no lock,
 * nothing but predicted branches.
 */
static force_inline void *slab_alloc(struct kmem_cache *s, gfp_t gfp)
{
	struct kmem_cache_cpu *c = this_cpu_slab(s);
	struct machine *m = s->root->m;
	void *obj;

	if (unlikely(c->freelist == 0 || (gfp & __GFP_ZERO) || fail_alloc_armed(s->root) ||
		     trace_wanted(&m->trace, TRACE_KMEM_CACHE_ALLOC)))
		return slab_alloc_special(s, gfp);
	obj = pop_object(s, c);
	charge_cycles(m->cost->cycles[COST_SLAB_FAST]);
	return obj;
}

/* Give back the object at host address obj; ram is s->ram, which kfree knows before it knows s. */
static force_inline void slab_free(struct kmem_cache *s, u8 *ram, void *obj)
{
	struct kmem_cache_cpu *c = this_cpu_slab(s);
	struct machine *m = s->root->m;
	u64 pa = (u64)((u8 *)obj - ram);

	if (unlikely(pa == c->freelist || trace_wanted(&m->trace, TRACE_KMEM_CACHE_FREE))) {
		slab_free_special(s, pa);
		return;
	}
	if (unlikely((pa & c->slab_mask) != c->slab_base)) {
		__slab_free(s, pa);
		return;
	}
	*(u64 *)(void *)((u8 *)obj + s->offset) = c->freelist;
	c->freelist = pa;
	charge_cycles(m->cost->cycles[COST_SLAB_FAST]);
}

/* Fill in everything but the lists, for a cache at s (zeroed). 0 or -EINVAL. */
int kmem_cache_open(struct alloc_root *r, struct kmem_cache *s, const char *name, u32 size,
		    u32 align, u32 flags, void (*ctor)(void *));
/* Objects in use right now. O(slabs). */
u64 slab_active_objects(const struct kmem_cache *s);

#endif
