/* SPDX-License-Identifier: MIT */
/*
 * SLUB: caches of equal objects, in slabs of 2^order frames, with a current slab for each CPU.
 *
 * Called by every kernel floor through kmem_cache_alloc/free and kmalloc; calls the page allocator
 * for slabs. Knows nothing of what objects are.
 *
 * Cache "task_delay" of 96-byte objects, order 0 (42 objects a page), CPU 1's share, after three
 * allocations and one free:
 *
 *	cpu_slab[1]: freelist 0x1403060 -> ...120 -> ...180 ... -> 0
 *	             slab_base 0x1403000, slab_mask ~0xfff
 *	             slab -> {objects 42, inuse 42, freelist 0, frozen}
 *	             partial -> {inuse 17, frozen} -> {inuse 40, frozen}
 *	node[0]:     partial <-> {inuse 3} <-> {inuse 41}, nr_partial 2; full slabs are on no list
 *
 * A slab's states; "free" is one or more free objects on slab->freelist:
 *
 *	new_slab -----------------------> current slab of a CPU (frozen)
 *	current, all taken, more wanted -> full, no list                 ___slab_alloc
 *	full, an object freed ----------> that CPU's partial list        slab_free_moving
 *	CPU partial, wanted ------------> current slab                   refill_from_own
 *	CPU partial too long -----------> node partial, or discarded     unfreeze_partials
 *	node partial, wanted -----------> current slab, more to CPU      get_partial_node
 *	node partial, last object freed -> discarded if enough are kept  slab_free_locked
 *
 * L1  The free pointer of a free object is the physical address of the next one, at s->offset (the
 *     middle of the object, out of the way of overflows from its neighbour; behind the object when
 *     there is a constructor). Never a host address.
 * L2  inuse + objects on slab->freelist == objects. A CPU that makes a slab current takes all of
 *     its freelist (inuse = objects).
 * L3  frozen: the slab is on no node list and only its CPU takes from it; anybody frees to
 *     slab->freelist.
 * L4  Not frozen and 0 < objects on freelist: on its node's partial list (while nobody is between
 *     two charges of a transition).
 * L5  A slab lies at a multiple of its size, so "is this object in the current slab" is a mask and
 *     a compare: the fast free touches no struct page.
 * L6  Between two charges nothing else runs, so what Linux does with cmpxchg on (freelist, tid) or
 *     (freelist, counters) is a plain store here. Every wait for a lock, and every page allocation,
 *     is such a break: afterwards the CPU and its share are read again.
 *
 * Freeing the object that is first on the freelist, or to a cache it is not of, panics; other
 * misuse is not looked for (Linux finds it with slub_debug only).
 *
 * Units:   bytes; physical addresses in freelists.
 * Owner:   slabs belong to their cache, objects to the caller between alloc and free.
 * Locking: node->list_lock for partial lists (interrupts off, since handlers free too). No lock on
 *          the fast paths.
 * Errors:  NULL, -EBUSY; panic on a broken structure.
 * Time:    COST_SLAB_FAST an alloc or free in the current slab, COST_SLAB_SLOW otherwise, plus
 *          locks, pages and zeroing.
 * Source:  Linux mm/slub.c (6.1): calculate_order, set_cpu_partial, ___slab_alloc, __slab_free,
 *          __unfreeze_partials.
 */

#include "mm/alloc/slub.h"

#include "host/arena.h"
#include "hw/machine.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "mm/alloc/alloc.h"

#include <string.h>

#define SLUB_MAX_ORDER 3u
#define SHRINK_BUCKETS 32u
#define MAX_OBJS_PER_SLAB 32767u

/* --- small helpers --- */

static inline struct page *slab_page(struct slab *slab)
{
	return (struct page *)slab;
}
static inline u64 slab_pa(const struct kmem_cache *s, const struct slab *slab)
{
	return (u64)((const struct page *)slab - s->root->map.page) << PAGE_SHIFT;
}
static inline struct slab *pa_to_slab(const struct kmem_cache *s, u64 pa)
{
	return (struct slab *)compound_head(s->root->map.page + (pa >> PAGE_SHIFT));
}
static struct kmem_cache_node *slab_node(struct kmem_cache *s, struct slab *slab)
{
	return s->root->nr_nodes == 1 ? &s->node[0] : &s->node[page_to_nid(slab_page(slab))];
}
static enum node_stat_item slab_stat_item(const struct kmem_cache *s)
{
	return s->flags & SLAB_RECLAIM_ACCOUNT ? NR_SLAB_RECLAIMABLE : NR_SLAB_UNRECLAIMABLE;
}
/* Nothing current: no address matches, no object is offered. */
static inline void cpu_slab_clear(struct kmem_cache_cpu *c)
{
	c->slab = NULL;
	c->freelist = 0;
	c->slab_mask = 0;
	c->slab_base = NO_SLAB;
}

/* --- slabs from and to the page allocator --- */

/* Chain all objects of the slab in ascending order. */
static void setup_objects(struct kmem_cache *s, struct slab *slab, u64 base)
{
	for (u32 i = 0; i < slab->objects; i++) {
		u64 pa = base + (u64)i * s->size;

		if (s->ctor)
			s->ctor(s->ram + pa);
		*free_pointer(s, pa) = i + 1u < slab->objects ? pa + s->size : 0;
	}
	slab->freelist = base;
}

/* A new slab, all objects free, frozen for the caller. May block; NULL. */
static struct slab *new_slab(struct kmem_cache *s, gfp_t gfp)
{
	gfp_t want = (gfp & ~(__GFP_ZERO | __GFP_MOVABLE)) | s->allocflags;
	unsigned objects = s->oo_objects;
	struct kmem_cache_node *n;
	struct page *page;
	struct slab *slab;

	/* The large slab is a wish: do not dig for it when a smaller one would do. */
	page = alloc_pages(s->oo_order == s->min_order ?
				   want :
				   (want | __GFP_NOWARN | __GFP_NORETRY) &
					   ~(__GFP_NOFAIL | __GFP_DIRECT_RECLAIM),
			   s->oo_order);
	if (!page && s->oo_order != s->min_order) {
		page = alloc_pages(want, s->min_order);
		objects = s->min_objects;
	}
	if (!page)
		return NULL;
	slab = (struct slab *)page;
	SetPageSlab(page);
	slab->slab_cache = s;
	slab->objects = (u16)objects;
	slab->inuse = 0;
	slab->frozen = 1;
	setup_objects(s, slab, slab_pa(s, slab));
	n = slab_node(s, slab);
	n->nr_slabs++;
	n->total_objects += objects;
	mod_page_state(page, slab_stat_item(s), 1ll << compound_order(page));
	return slab;
}

/* slab has no objects in use and is on no list. */
static void discard_slab(struct kmem_cache *s, struct slab *slab)
{
	struct kmem_cache_node *n = slab_node(s, slab);
	struct page *page = slab_page(slab);
	unsigned order = compound_order(page);

	BUG_ON(slab->inuse || slab->slab_cache != s);
	n->nr_slabs--;
	n->total_objects -= slab->objects;
	mod_page_state(page, slab_stat_item(s), -(1ll << order));
	ClearPageSlab(page);
	page->mapping = NULL;
	page->index = page->private = 0;
	__free_pages(page, order);
}

static void discard_slab_list(struct kmem_cache *s, struct list_head *list)
{
	struct slab *slab, *next;

	list_for_each_entry_safe(slab, next, list, slab_list)
		discard_slab(s, slab);
}

/* --- node partial lists, list_lock held --- */

static void add_partial(struct kmem_cache_node *n, struct slab *slab, bool tail)
{
	n->nr_partial++;
	if (tail)
		list_add_tail(&slab->slab_list, &n->partial);
	else
		list_add(&slab->slab_list, &n->partial);
}

static void remove_partial(struct kmem_cache_node *n, struct slab *slab)
{
	list_del(&slab->slab_list);
	n->nr_partial--;
}

/* --- CPU partial lists --- */

/*
 * Frozen slabs linked by next, nobody's any more: to their nodes' lists, surplus empty ones back to
 * the page allocator.
 */
static void unfreeze_partials(struct kmem_cache *s, struct slab *list)
{
	LIST_HEAD(empty);

	while (list) {
		struct kmem_cache_node *n = slab_node(s, list);
		u64 flags;

		spin_lock_irqsave(&n->list_lock, flags);
		do { /* all that follow from the same node under one lock */
			struct slab *slab = list;

			list = slab->next;
			slab->frozen = 0;
			if (slab->inuse == 0 && n->nr_partial >= s->min_partial)
				list_add_tail(&slab->slab_list, &empty);
			else
				add_partial(n, slab, true);
		} while (list && slab_node(s, list) == n);
		spin_unlock_irqrestore(&n->list_lock, flags);
	}
	discard_slab_list(s, &empty);
}

/*
 * Put a frozen slab in this CPU's reserve. Returns the old reserve when it was full (drain), for
 * unfreeze_partials(). No charge inside.
 */
static struct slab *put_cpu_partial(struct kmem_cache *s, struct slab *slab, bool drain)
{
	struct kmem_cache_cpu *c = this_cpu_slab(s);
	struct slab *old = c->partial, *out = NULL;

	if (old && drain && old->slabs >= s->cpu_partial_slabs) {
		out = old;
		old = NULL;
	}
	slab->next = old;
	slab->slabs = (old ? old->slabs : 0) + 1;
	c->partial = slab;
	return out;
}

/* --- allocation --- */

/*
 * Freeze the first slab of the node's list for this CPU and stock its reserve with half of what it
 * may hold. NULL: none.
 */
static struct slab *get_partial_node(struct kmem_cache *s, struct kmem_cache_node *n)
{
	struct slab *slab, *next, *taken = NULL;
	u32 reserve = 0;
	u64 flags;

	if (!n->nr_partial)
		return NULL;
	spin_lock_irqsave(&n->list_lock, flags);
	list_for_each_entry_safe(slab, next, &n->partial, slab_list) {
		remove_partial(n, slab);
		slab->frozen = 1;
		if (!taken) {
			taken = slab;
		} else {
			put_cpu_partial(s, slab, false);
			reserve++;
		}
		if (!s->cpu_partial_slabs || reserve > s->cpu_partial_slabs / 2)
			break;
	}
	spin_unlock_irqrestore(&n->list_lock, flags);
	return taken;
}

/* This CPU's node first, then the others. */
static struct slab *get_partial(struct kmem_cache *s)
{
	for (u32 nid = 0; nid < s->root->nr_nodes; nid++) {
		struct slab *slab = get_partial_node(s, &s->node[nid]);

		if (slab)
			return slab;
	}
	return NULL;
}

/* Make a frozen slab with free objects this CPU's current one; it has none. */
static void install_slab(struct kmem_cache *s, struct kmem_cache_cpu *c, struct slab *slab)
{
	BUG_ON(!slab->frozen || !slab->freelist || c->slab);
	c->slab = slab;
	c->slab_base = slab_pa(s, slab);
	c->slab_mask = ~(((u64)PAGE_SIZE << slab->compound_order) - 1);
	c->freelist = slab->freelist;
	slab->freelist = 0;
	slab->inuse = slab->objects;
}

/*
 * The CPU's freelist is empty: find it objects without leaving the CPU. True when it has some. No
 * charge inside.
 */
static bool refill_from_own(struct kmem_cache *s, struct kmem_cache_cpu *c)
{
	struct slab *slab = c->slab;

	if (c->freelist)
		return true;
	if (slab && slab->freelist) { /* others freed to it */
		c->freelist = slab->freelist;
		slab->freelist = 0;
		slab->inuse = slab->objects;
		return true;
	}
	if (slab) { /* full: forgotten until somebody frees one of its objects */
		slab->frozen = 0;
		cpu_slab_clear(c);
	}
	slab = c->partial;
	if (!slab)
		return false;
	c->partial = slab->next;
	install_slab(s, c, slab);
	return true;
}

/*
 * Each turn ends with objects on this CPU's freelist, or with a break (L6) after which everything
 * is looked at again.
 */
static __noinline void *___slab_alloc(struct kmem_cache *s, gfp_t gfp)
{
	while (!refill_from_own(s, this_cpu_slab(s))) {
		struct slab *slab = get_partial(s);
		struct kmem_cache_cpu *c;

		if (!slab)
			slab = new_slab(s, gfp);
		if (!slab)
			return NULL;
		c = this_cpu_slab(s);
		if (c->slab) { /* an interrupt or our new CPU was faster: keep ours in reserve */
			if (s->cpu_partial_slabs) {
				unfreeze_partials(s, put_cpu_partial(s, slab, true));
			} else {
				slab->next = NULL;
				unfreeze_partials(s, slab);
			}
			continue;
		}
		install_slab(s, c, slab);
	}
	return pop_object(s, this_cpu_slab(s));
}

void *slab_alloc_special(struct kmem_cache *s, gfp_t gfp)
{
	struct machine *m = s->root->m;
	u64 cycles = m->cost->cycles[COST_SLAB_FAST];
	void *obj;

	if (should_fail_alloc(s->object_size))
		return NULL;
	if (this_cpu_slab(s)->freelist) {
		obj = pop_object(s, this_cpu_slab(s));
	} else {
		obj = ___slab_alloc(s, gfp);
		cycles = m->cost->cycles[COST_SLAB_SLOW];
	}
	if (!obj)
		return NULL;
	if (gfp & __GFP_ZERO) {
		BUG_ON(s->ctor != NULL);
		memset(obj, 0, s->object_size);
		cycles += (u64)m->cost->cycles[COST_CACHELINE] * DIV_ROUND_UP(s->object_size, 64u);
	}
	if (trace_wanted(&m->trace, TRACE_KMEM_CACHE_ALLOC))
		trace_emit(m, this_cpu(), TRACE_KMEM_CACHE_ALLOC, trace_pid(m), s->id,
			   s->object_size | (u64)gfp << 32);
	charge_cycles(cycles);
	return obj;
}

void *kmem_cache_alloc(struct kmem_cache *s, gfp_t gfp)
{
	return slab_alloc(s, gfp);
}

/* --- freeing --- */

/* One more free object; no charge inside. */
static inline void push_to_slab(struct kmem_cache *s, struct slab *slab, u64 pa)
{
	*free_pointer(s, pa) = slab->freelist;
	slab->freelist = pa;
	slab->inuse--;
}

/*
 * Does freeing to slab touch its node's list? It does when the slab gets its first free object (and
 * may not become this CPU's instead) or loses its last object in use. Not while it is frozen.
 */
static inline bool free_wants_lock(const struct kmem_cache *s, const struct slab *slab)
{
	return !slab->frozen && (slab->freelist ? slab->inuse == 1 : !s->cpu_partial_slabs);
}

/* False: waiting for the lock changed what is to be done, and nothing was. */
static __noinline bool slab_free_locked(struct kmem_cache *s, struct slab *slab, u64 pa)
{
	struct kmem_cache_node *n = slab_node(s, slab);
	bool was_full, empty;
	u64 flags;

	spin_lock_irqsave(&n->list_lock, flags);
	if (unlikely(!free_wants_lock(s, slab))) {
		spin_unlock_irqrestore(&n->list_lock, flags);
		return false;
	}
	was_full = slab->freelist == 0;
	push_to_slab(s, slab, pa);
	empty = slab->inuse == 0 && n->nr_partial >= s->min_partial;
	if (empty && !was_full)
		remove_partial(n, slab);
	else if (!empty && was_full)
		add_partial(n, slab, true);
	spin_unlock_irqrestore(&n->list_lock, flags);
	if (empty)
		discard_slab(s, slab);
	return true;
}

/* Freeing moves the slab: onto this CPU's partial list, or on, off its node's. */
static __noinline void slab_free_moving(struct kmem_cache *s, struct slab *slab, u64 pa)
{
	bool was_full;

	while (free_wants_lock(s, slab))
		if (slab_free_locked(s, slab, pa))
			return;
	was_full = slab->freelist == 0;
	push_to_slab(s, slab, pa);
	if (was_full && !slab->frozen) {
		slab->frozen = 1;
		unfreeze_partials(s, put_cpu_partial(s, slab, true));
	}
}

/* The object is not in this CPU's current slab. */
void __slab_free(struct kmem_cache *s, u64 pa)
{
	struct slab *slab = pa_to_slab(s, pa);

	BUG_ON(!PageSlab(slab_page(slab)) || slab->slab_cache != s || slab->inuse == 0 ||
	       slab->freelist == pa);
	if (likely(slab->frozen || (slab->freelist && slab->inuse > 1)))
		push_to_slab(s, slab, pa);
	else
		slab_free_moving(s, slab, pa);
	charge_cycles(s->root->m->cost->cycles[COST_SLAB_SLOW]);
}

/* Traced, or what looks like a second free. */
void slab_free_special(struct kmem_cache *s, u64 pa)
{
	struct machine *m = s->root->m;
	struct kmem_cache_cpu *c = this_cpu_slab(s);

	if (trace_wanted(&m->trace, TRACE_KMEM_CACHE_FREE))
		trace_emit(m, this_cpu(), TRACE_KMEM_CACHE_FREE, trace_pid(m), s->id,
			   s->object_size);
	BUG_ON(pa == c->freelist);
	if ((pa & c->slab_mask) != c->slab_base) {
		__slab_free(s, pa);
		return;
	}
	*free_pointer(s, pa) = c->freelist;
	c->freelist = pa;
	charge_cycles(m->cost->cycles[COST_SLAB_FAST]);
}

void kmem_cache_free(struct kmem_cache *s, void *obj)
{
	if (likely(obj))
		slab_free(s, s->ram, obj);
}

u32 kmem_cache_alloc_bulk(struct kmem_cache *s, gfp_t gfp, u32 nr, void **objs)
{
	for (u32 i = 0; i < nr; i++) {
		objs[i] = slab_alloc(s, gfp);
		if (!objs[i]) {
			kmem_cache_free_bulk(s, i, objs);
			return 0;
		}
	}
	return nr;
}

void kmem_cache_free_bulk(struct kmem_cache *s, u32 nr, void **objs)
{
	for (u32 i = 0; i < nr; i++)
		kmem_cache_free(s, objs[i]);
}

/* --- shrinking --- */

/*
 * Take everything a CPU holds away from it. Any CPU may do it to any: c changes between charges
 * only.
 */
static void flush_cpu_slab(struct kmem_cache *s, struct kmem_cache_cpu *c)
{
	struct slab *slab = c->slab, *partial = c->partial;
	u64 pa = c->freelist;

	c->partial = NULL;
	cpu_slab_clear(c);
	if (slab) {
		while (pa) { /* give the CPU's objects back to the slab, one by one as Linux does */
			u64 next = *free_pointer(s, pa);

			*free_pointer(s, pa) = slab->freelist;
			slab->freelist = pa;
			slab->inuse--;
			pa = next;
		}
		if (slab->freelist) {
			slab->next = partial;
			partial = slab;
		} else {
			slab->frozen = 0;
		}
	}
	unfreeze_partials(s, partial);
}

/*
 * Empty slabs go back; the rest is sorted fullest first, so that the emptiest have a chance to
 * become empty.
 */
static u64 shrink_node(struct kmem_cache *s, struct kmem_cache_node *n)
{
	struct list_head bucket[SHRINK_BUCKETS];
	struct slab *slab, *next;
	LIST_HEAD(empty);
	u64 flags;

	for (u32 i = 0; i < SHRINK_BUCKETS; i++)
		INIT_LIST_HEAD(&bucket[i]);
	spin_lock_irqsave(&n->list_lock, flags);
	list_for_each_entry_safe(slab, next, &n->partial, slab_list) {
		u32 nr_free = (u32)slab->objects - slab->inuse;

		if (slab->inuse == 0) {
			list_move(&slab->slab_list, &empty);
			n->nr_partial--;
		} else if (nr_free <= SHRINK_BUCKETS) {
			list_move(&slab->slab_list, &bucket[nr_free - 1]);
		}
	}
	for (u32 i = SHRINK_BUCKETS; i-- > 0;)
		list_splice(&bucket[i], &n->partial);
	spin_unlock_irqrestore(&n->list_lock, flags);
	discard_slab_list(s, &empty);
	return n->nr_slabs;
}

u64 kmem_cache_shrink(struct kmem_cache *s)
{
	u64 left = 0;

	for (u32 cpu = 0; cpu < nr_cpu_ids(); cpu++)
		flush_cpu_slab(s, &s->cpu_slab[cpu]);
	for (u32 nid = 0; nid < s->root->nr_nodes; nid++)
		left += shrink_node(s, &s->node[nid]);
	return left;
}

/* --- creation --- */

/* Objects of that size in a slab of that order. */
static u32 order_objects(unsigned order, u32 size)
{
	u64 n = ((u64)PAGE_SIZE << order) / size;

	return n > MAX_OBJS_PER_SLAB ? MAX_OBJS_PER_SLAB : (u32)n;
}

/*
 * The lowest order up to max_order that holds min_objects and wastes at most 1/fraction of itself;
 * max_order + 1 when none.
 */
static unsigned slab_order(u32 size, u32 min_objects, unsigned max_order, u32 fraction)
{
	unsigned order;

	for (order = get_order((u64)min_objects * size); order <= max_order; order++) {
		u64 bytes = (u64)PAGE_SIZE << order;

		if (bytes % size <= bytes / fraction)
			break;
	}
	return order;
}

static unsigned calculate_order(u32 size, u32 nr_cpus)
{
	u32 min_objects = min(4u * ((u32)fls(nr_cpus) + 1), order_objects(SLUB_MAX_ORDER, size));
	unsigned order;

	for (; min_objects > 1; min_objects--) {
		for (u32 fraction = 16; fraction >= 4; fraction /= 2) {
			order = slab_order(size, min_objects, SLUB_MAX_ORDER, fraction);
			if (order <= SLUB_MAX_ORDER)
				return order;
		}
	}
	order = slab_order(size, 1, SLUB_MAX_ORDER, 1);
	return order <= SLUB_MAX_ORDER ? order : slab_order(size, 1, MAX_ORDER, 1);
}

static u32 calculate_alignment(u32 flags, u32 align, u32 size)
{
	if (flags & SLAB_HWCACHE_ALIGN) {
		u32 ralign = 64;

		while (size <= ralign / 2)
			ralign /= 2;
		align = max(align, ralign);
	}
	return ALIGN_UP(max(align, 8u), 8u);
}

/*
 * Frozen slabs a CPU may hold besides its current one: about `objects` objects, taken as half full.
 */
static u32 calculate_cpu_partial(u32 size, u32 objects_per_slab)
{
	u32 objects = size >= PAGE_SIZE ? 6 : size >= 1024 ? 24 : size >= 256 ? 52 : 120;

	return DIV_ROUND_UP(objects * 2, objects_per_slab);
}

int kmem_cache_open(struct alloc_root *r, struct kmem_cache *s, const char *name, u32 size,
		    u32 align, u32 flags, void (*ctor)(void *))
{
	u32 nr_cpus = r->m->cfg.nr_cpus;
	unsigned order;

	if (!name || size == 0 || size > KMALLOC_MAX_SIZE / 2 || (align & (align - 1)) ||
	    align > PAGE_SIZE)
		return -EINVAL;
	s->root = r;
	s->ram = r->map.ram;
	s->name = name;
	s->flags = flags;
	s->ctor = ctor;
	s->object_size = size;
	s->align = calculate_alignment(flags, align, size);
	size = ALIGN_UP(size, 8u);
	s->offset = ctor ? size : ALIGN_DOWN(s->object_size / 2, 8u);
	s->size = ALIGN_UP(size + (ctor ? 8u : 0u), s->align);
	order = calculate_order(s->size, nr_cpus);
	if (order > MAX_ORDER)
		return -EINVAL;
	s->oo_order = (u16)order;
	s->oo_objects = (u16)order_objects(order, s->size);
	s->min_order = (u16)get_order(s->size);
	s->min_objects = (u16)order_objects(s->min_order, s->size);
	s->min_partial = (u32)(fls(s->size) - 1) / 2;
	s->min_partial = s->min_partial < 5 ? 5 : min(s->min_partial, 10u);
	s->cpu_partial_slabs = calculate_cpu_partial(s->size, s->oo_objects);
	s->allocflags = __GFP_COMP | (flags & SLAB_CACHE_DMA ? __GFP_DMA : 0) |
			(flags & SLAB_RECLAIM_ACCOUNT ? __GFP_RECLAIMABLE : 0);
	for (u32 nid = 0; nid < MAX_NUMNODES; nid++) {
		spin_lock_init(&s->node[nid].list_lock);
		INIT_LIST_HEAD(&s->node[nid].partial);
	}
	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		cpu_slab_clear(&s->cpu_slab[cpu]);
	return 0;
}

static void kmem_cache_register(struct kmem_cache *s)
{
	struct alloc_root *r = s->root;

	spin_lock(&r->slab_lock);
	s->id = r->nr_caches_ever++;
	list_add_tail(&s->list, &r->slab_caches);
	spin_unlock(&r->slab_lock);
}

struct kmem_cache *kmem_cache_create(const char *name, u32 size, u32 align, u32 flags,
				     void (*ctor)(void *))
{
	struct alloc_root *r = alloc_root();
	struct kmem_cache *s = kmem_cache_zalloc(r->kmem_cache, GFP_KERNEL);

	if (!s)
		return NULL;
	if (kmem_cache_open(r, s, name, size, align, flags, ctor)) {
		kmem_cache_free(r->kmem_cache, s);
		return NULL;
	}
	kmem_cache_register(s);
	return s;
}

int kmem_cache_destroy(struct kmem_cache *s)
{
	struct alloc_root *r = alloc_root();

	if (!s)
		return 0;
	if (kmem_cache_shrink(s))
		return -EBUSY;
	spin_lock(&r->slab_lock);
	list_del(&s->list);
	spin_unlock(&r->slab_lock);
	kmem_cache_free(r->kmem_cache, s);
	return 0;
}

u32 kmem_cache_size(const struct kmem_cache *s)
{
	return s->object_size;
}

/*
 * The cache of caches cannot come from itself: it lies in the arena, as long as the machine does.
 */
int kmem_cache_init(struct kernel *k)
{
	struct alloc_root *r = k->alloc;
	u32 nr_cpus = k->m->cfg.nr_cpus;
	struct kmem_cache *s = arena_carve(&k->m->arena, kmem_cache_bytes(nr_cpus), 64);
	int err;

	if (!s)
		return -ENOMEM;
	err = kmem_cache_open(r, s, "kmem_cache", (u32)kmem_cache_bytes(nr_cpus), 64,
			      SLAB_HWCACHE_ALIGN, NULL);
	if (err)
		return err;
	r->kmem_cache = s;
	kmem_cache_register(s);
	return create_kmalloc_caches(r);
}

/* --- figures --- */

/*
 * Objects on the freelist that begins at pa; panics when it is longer than the slab or leaves it.
 */
static u32 freelist_length(const struct kmem_cache *s, const struct slab *slab, u64 pa)
{
	u64 base = slab_pa(s, slab);
	u32 n = 0;

	for (; pa; pa = *free_pointer(s, pa), n++) {
		BUG_ON(n >= slab->objects);
		BUG_ON(pa < base || (pa - base) / s->size >= slab->objects ||
		       (pa - base) % s->size);
	}
	return n;
}

static u64 cpu_free_objects(const struct kmem_cache *s, const struct kmem_cache_cpu *c)
{
	u64 n = 0;

	if (c->slab)
		n = freelist_length(s, c->slab, c->freelist) + (u64)c->slab->objects -
		    c->slab->inuse;
	for (const struct slab *slab = c->partial; slab; slab = slab->next)
		n += (u64)slab->objects - slab->inuse;
	return n;
}

u64 slab_active_objects(const struct kmem_cache *s)
{
	u64 total = 0, nr_free = 0;
	struct slab *slab;

	for (u32 nid = 0; nid < s->root->nr_nodes; nid++) {
		total += s->node[nid].total_objects;
		list_for_each_entry(slab, &s->node[nid].partial, slab_list)
			nr_free += (u64)slab->objects - slab->inuse;
	}
	for (u32 cpu = 0; cpu < s->root->m->cfg.nr_cpus; cpu++)
		nr_free += cpu_free_objects(s, &s->cpu_slab[cpu]);
	return total - nr_free;
}

void get_slabinfo(struct kmem_cache *s, struct slabinfo *info)
{
	struct slab *slab;

	*info = (struct slabinfo){ .name = s->name,
				   .object_size = s->object_size,
				   .size = s->size,
				   .objects_per_slab = s->oo_objects,
				   .cache_order = s->oo_order };
	info->active_objs = slab_active_objects(s);
	for (u32 nid = 0; nid < s->root->nr_nodes; nid++) {
		info->num_slabs += s->node[nid].nr_slabs;
		info->num_objs += s->node[nid].total_objects;
		info->active_slabs += s->node[nid].nr_slabs;
		list_for_each_entry(slab, &s->node[nid].partial, slab_list)
			info->active_slabs -= slab->inuse == 0;
	}
}

struct kmem_cache *kmem_cache_next(struct kmem_cache *s)
{
	struct alloc_root *r = alloc_root();
	struct list_head *pos = s ? s->list.next : r->slab_caches.next;

	return pos == &r->slab_caches ? NULL : list_entry(pos, struct kmem_cache, list);
}

/* --- proofs --- */

/* page is the head of a slab: L2, and that its own freelist is sound. */
void slab_check(struct kernel *k, struct page *page)
{
	struct slab *slab = (struct slab *)page;
	struct kmem_cache *s = slab->slab_cache;

	(void)k;
	BUG_ON(!s || !PageHead(page) == (compound_order(page) != 0));
	BUG_ON(slab->inuse > slab->objects);
	BUG_ON(slab->objects > order_objects(compound_order(page), s->size));
	BUG_ON(freelist_length(s, slab, slab->freelist) + slab->inuse != slab->objects);
}

static void check_node(struct kmem_cache *s, struct kmem_cache_node *n)
{
	struct slab *slab;
	u64 listed = 0;

	list_for_each_entry(slab, &n->partial, slab_list) {
		BUG_ON(slab->slab_cache != s || slab->frozen || slab->inuse == slab->objects);
		BUG_ON(++listed > n->nr_partial);
	}
	BUG_ON(listed != n->nr_partial || n->nr_partial > n->nr_slabs);
}

static void check_cpu(struct kmem_cache *s, struct kmem_cache_cpu *c)
{
	u64 slabs = 0;

	BUG_ON(c->slab ? !c->slab->frozen || c->slab->slab_cache != s ||
				 c->slab_base != slab_pa(s, c->slab) :
			 c->freelist || c->slab_base != NO_SLAB);
	BUG_ON(c->slab && freelist_length(s, c->slab, c->freelist) > c->slab->inuse);
	for (struct slab *slab = c->partial; slab; slab = slab->next) {
		BUG_ON(!slab->frozen || slab->slab_cache != s || !slab->freelist ||
		       slab == c->slab);
		BUG_ON(slab->next && slab->slabs != slab->next->slabs + 1);
		slabs++;
	}
	BUG_ON(c->partial && c->partial->slabs != slabs);
}

void slab_check_caches(struct kernel *k)
{
	for (struct kmem_cache *s = kmem_cache_next(NULL); s; s = kmem_cache_next(s)) {
		for (u32 nid = 0; nid < k->alloc->nr_nodes; nid++)
			check_node(s, &s->node[nid]);
		for (u32 cpu = 0; cpu < k->m->cfg.nr_cpus; cpu++)
			check_cpu(s, &s->cpu_slab[cpu]);
	}
}
