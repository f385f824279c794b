/* SPDX-License-Identifier: MIT */
/*
 * SLUB and kmalloc against a model that remembers every object and its bytes, and their rules one
 * by one.
 */

#include "kernel_fixture.h"
#include "lib/errno.h"
#include "mm/alloc/mmzone.h"
#include "mm/alloc/slab.h"

#define MIB (1ull << 20)
#define MODEL_OBJECTS 4096

struct model_object {
	u8 *p;
	u32 size;
	u64 tag;
};
struct model {
	struct model_object obj[MODEL_OBJECTS];
	u64 steps;
};

/*
 * Every byte of an object is a function of its tag, so an overlap of two live objects cannot go
 * unseen.
 */
static u64 paint_word(const struct model_object *o, u32 i)
{
	return o->tag + (u64)i * 0x9e3779b97f4a7c15ull;
}

static void paint(const struct model_object *o)
{
	for (u32 i = 0; i < o->size; i += 8) {
		u64 w = paint_word(o, i);

		memcpy(o->p + i, &w, min(8u, o->size - i));
	}
}

static bool painted(const struct model_object *o)
{
	for (u32 i = 0; i < o->size; i += 8) {
		u64 w = paint_word(o, i);

		if (memcmp(o->p + i, &w, min(8u, o->size - i)))
			return false;
	}
	return true;
}

/* --- one cache --- */

struct cache_run {
	struct model mo;
	u32 size, align, flags;
};

static void random_cache_run(void *arg)
{
	struct cache_run *run = arg;
	struct model *mo = &run->mo;
	struct kmem_cache *s = kmem_cache_create("model", run->size, run->align, run->flags, NULL);
	struct slabinfo info;
	struct prng rng;
	u32 live = 0, target = MODEL_OBJECTS / 2;

	CHECK(s);
	prng_seed(&rng, this_machine()->cfg.seed, run->size);
	for (u64 step = 0; step < mo->steps; step++) {
		struct model_object *o = &mo->obj[prng_below(&rng, MODEL_OBJECTS)];

		if (step % 4096 == 0) { /* tides, so that slabs fill and empty */
			target = (u32)prng_below(&rng, MODEL_OBJECTS);
			alloc_check(kern());
			get_slabinfo(s, &info);
			CHECK(info.active_objs == live && info.num_objs >= live);
		}
		if (o->p && (live > target || prng_below(&rng, 4) == 0)) {
			CHECK(painted(o));
			kmem_cache_free(s, o->p);
			o->p = NULL;
			live--;
		} else if (!o->p && live <= target) {
			o->p = kmem_cache_alloc(s, GFP_KERNEL);
			CHECK(o->p);
			CHECK(run->align == 0 ||
			      (u64)(o->p - this_machine()->ram) % run->align == 0);
			o->size = run->size;
			o->tag = prng_u64(&rng);
			paint(o);
			live++;
		}
	}
	for (u32 i = 0; i < MODEL_OBJECTS; i++) {
		if (mo->obj[i].p) {
			CHECK(painted(&mo->obj[i]));
			kmem_cache_free(s, mo->obj[i].p);
		}
	}
	alloc_check(kern());
	CHECK(kmem_cache_shrink(s) == 0);
	get_slabinfo(s, &info);
	CHECK(info.num_slabs == 0 && info.num_objs == 0 && info.active_objs == 0);
	CHECK(kmem_cache_destroy(s) == 0);
}

static void random_objects_never_overlap_and_every_slab_returns(void **state)
{
	static const struct {
		u32 size, align, flags;
	} shapes[] = { { 1, 0, 0 },
		       { 8, 0, 0 },
		       { 24, 0, 0 },
		       { 40, 64, 0 },
		       { 100, 0, SLAB_HWCACHE_ALIGN },
		       { 192, 0, 0 },
		       { 640, 128, SLAB_RECLAIM_ACCOUNT },
		       { 1000, 0, 0 },
		       { 2304, 0, 0 },
		       { 5000, 0, 0 } };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct cache_run *run = calloc(1, sizeof(*run));
		struct fixture f;

		run->size = shapes[i].size;
		run->align = shapes[i].align;
		run->flags = shapes[i].flags;
		run->mo.steps = 20000;
		fixture_create(&f, 64 * MIB, 1);
		fixture_run(&f, random_cache_run, run);
		fixture_destroy(&f);
		free(run);
	}
}

/* --- kmalloc --- */

static u32 random_size(struct prng *rng)
{
	switch (prng_below(rng, 16)) {
	case 0:
		return (u32)prng_below(rng, 70000) + 1; /* beyond the classes */
	case 1:
		return 1u << prng_below(rng, 15);
	case 2:
		return (1u << prng_below(rng, 14)) + 1;
	default:
		return (u32)prng_below(rng, 700) + 1;
	}
}

static void grow(struct model_object *o, struct prng *rng)
{
	u32 size = random_size(rng), kept = min(size, o->size);
	u8 *p = krealloc(o->p, size, GFP_KERNEL);

	if (!p) {
		CHECK(painted(o)); /* the old block is untouched by the failure */
		return;
	}
	o->p = p;
	o->size = kept;
	CHECK(painted(o));
	o->size = size;
	paint(o);
}

static void random_kmalloc_run(void *arg)
{
	static const gfp_t flags[] = { GFP_KERNEL, GFP_ATOMIC, GFP_KERNEL | __GFP_RECLAIMABLE,
				       GFP_KERNEL | __GFP_DMA, GFP_KERNEL | __GFP_ZERO };
	struct model *mo = arg;
	struct alloc_stats before, after;
	struct prng rng;
	char why[128];

	alloc_stats(kern(), &before);
	prng_seed(&rng, this_machine()->cfg.seed, 7);
	for (u64 step = 0; step < mo->steps; step++) {
		struct model_object *o = &mo->obj[prng_below(&rng, MODEL_OBJECTS)];

		if (step % 8192 == 0)
			alloc_check(kern());
		if (o->p && prng_below(&rng, 8) == 0) {
			grow(o, &rng);
		} else if (o->p) {
			CHECK(painted(o));
			kfree(o->p);
			o->p = NULL;
		} else {
			gfp_t gfp = flags[prng_below(&rng, ARRAY_SIZE(flags))];

			o->size = random_size(&rng);
			o->p = kmalloc(o->size, gfp);
			if (!o->p)
				continue; /* small memory: NULL is an answer */
			CHECK(ksize(o->p) >= o->size &&
			      ksize(o->p) == kmalloc_size_roundup(o->size));
			CHECK((u64)(o->p - this_machine()->ram) % 8 == 0);
			if ((o->size & (o->size - 1)) == 0 && o->size >= 8)
				CHECK((u64)(o->p - this_machine()->ram) % min(o->size, PAGE_SIZE) ==
				      0);
			if (gfp & __GFP_ZERO)
				CHECK(o->p[0] == 0 && memcmp(o->p, o->p + 1, o->size - 1) == 0);
			o->tag = prng_u64(&rng);
			paint(o);
		}
	}
	for (u32 i = 0; i < MODEL_OBJECTS; i++)
		if (mo->obj[i].p)
			kfree(mo->obj[i].p);
	alloc_check(kern());
	alloc_stats(kern(), &after);
	CHECK(alloc_stats_same(&before, &after, why, sizeof(why)));
	CHECK(before.free_pages == after.free_pages);
}

static void run_kmalloc_model(u64 ram_bytes)
{
	struct model *mo = calloc(1, sizeof(*mo));
	struct fixture f;

	mo->steps = 60000;
	fixture_create(&f, ram_bytes, 1);
	fixture_run(&f, random_kmalloc_run, mo);
	fixture_destroy(&f);
	free(mo);
}

static void random_kmalloc_krealloc_kfree_keeps_every_byte(void **state)
{
	(void)state;
	run_kmalloc_model(256 * MIB);
}

static void random_kmalloc_survives_memory_running_out(void **state)
{
	(void)state;
	run_kmalloc_model(16 * MIB);
}

static void sizes(void *arg)
{
	void *p;

	(void)arg;
	CHECK(kmalloc(0, GFP_KERNEL) == ZERO_SIZE_PTR && ksize(ZERO_SIZE_PTR) == 0);
	kfree(ZERO_SIZE_PTR);
	kfree(NULL);
	CHECK(kmalloc(KMALLOC_MAX_SIZE + 1, GFP_KERNEL) == NULL);
	CHECK(kmalloc(~0ull, GFP_KERNEL) == NULL);
	CHECK(kcalloc(1ull << 33, 1ull << 33, GFP_KERNEL) == NULL);
	CHECK(kmalloc_size_roundup(65) == 96 && kmalloc_size_roundup(97) == 128 &&
	      kmalloc_size_roundup(129) == 192);
	CHECK(kmalloc_size_roundup(193) == 256 && kmalloc_size_roundup(8193) == 16384 &&
	      kmalloc_size_roundup(1) == 8);
	p = kmalloc(KMALLOC_MAX_SIZE, GFP_KERNEL);
	CHECK(p && ksize(p) == 8 * MIB);
	CHECK(global_node_page_state(NR_SLAB_UNRECLAIMABLE) >= 2048);
	kfree(p);
	p = kstrdup("a name", GFP_KERNEL);
	CHECK(p && strcmp(p, "a name") == 0);
	p = krealloc(p, 0, GFP_KERNEL);
	CHECK(p == ZERO_SIZE_PTR && kstrdup(NULL, GFP_KERNEL) == NULL);
	p = kstrndup("abcdef", 3, GFP_KERNEL);
	CHECK(p && strcmp(p, "abc") == 0);
	kfree(p);
	p = kmemdup("xyz", 3, GFP_KERNEL);
	CHECK(p && memcmp(p, "xyz", 3) == 0);
	CHECK(krealloc(NULL, 10, GFP_KERNEL) != NULL);
	alloc_check(kern());
}

static void kmalloc_sizes_are_linuxs(void **state)
{
	struct fixture f;

	(void)state;
	fixture_create(&f, 64 * MIB, 1);
	fixture_run(&f, sizes, NULL);
	fixture_destroy(&f);
}

/* --- rules --- */

struct constructed {
	u64 magic;
	u64 uses;
};
static void construct(void *p)
{
	struct constructed *c = p;

	c->magic = 0xc0ffee;
	c->uses++;
}

static void ctor_body(void *arg)
{
	struct kmem_cache *s =
		kmem_cache_create("constructed", sizeof(struct constructed), 0, 0, construct);
	struct constructed *a, *b;

	(void)arg;
	a = kmem_cache_alloc(s, GFP_KERNEL);
	CHECK(a->magic == 0xc0ffee && a->uses == 1);
	a->uses = 7; /* an object comes back as it was left: the free pointer is behind it */
	kmem_cache_free(s, a);
	b = kmem_cache_alloc(s, GFP_KERNEL);
	CHECK(b == a && b->magic == 0xc0ffee && b->uses == 7);
	kmem_cache_free(s, b);
	CHECK(kmem_cache_destroy(s) == 0);
}

static void a_constructor_runs_once_per_object(void **state)
{
	struct fixture f;

	(void)state;
	fixture_create(&f, 16 * MIB, 1);
	fixture_run(&f, ctor_body, NULL);
	fixture_destroy(&f);
}

static void order_body(void *arg)
{
	struct kmem_cache *s = kmem_cache_create("order", 64, 0, 0, NULL);
	u8 *a[4], *ram = this_machine()->ram;

	(void)arg;
	for (int i = 0; i < 4; i++)
		a[i] = kmem_cache_alloc(s, GFP_KERNEL);
	for (int i = 1; i < 4; i++)
		CHECK(a[i] == a[0] + 64 * i); /* a fresh slab is handed out in ascending order */
	kmem_cache_free(s, a[1]);
	kmem_cache_free(s, a[3]);
	CHECK(*(u64 *)(a[3] + 32) == (u64)(a[1] - ram)); /* L1: a physical address, in the middle */
	CHECK(kmem_cache_alloc(s, GFP_KERNEL) == a[3]);	 /* last in, first out */
	CHECK(kmem_cache_alloc(s, GFP_KERNEL) == a[1]);
	CHECK(kmem_cache_destroy(s) == -EBUSY);
	for (int i = 0; i < 4; i++)
		kmem_cache_free(s, a[i]);
	CHECK(kmem_cache_destroy(s) == 0);
	CHECK(kmem_cache_destroy(NULL) == 0);
}

static void the_freelist_is_lifo_and_destroy_refuses_live_objects(void **state)
{
	struct fixture f;

	(void)state;
	fixture_create(&f, 16 * MIB, 1);
	fixture_run(&f, order_body, NULL);
	fixture_destroy(&f);
}

static void bad_caches(void *arg)
{
	(void)arg;
	CHECK(kmem_cache_create("none", 0, 0, 0, NULL) == NULL);
	CHECK(kmem_cache_create(NULL, 8, 0, 0, NULL) == NULL);
	CHECK(kmem_cache_create("odd", 8, 24, 0, NULL) == NULL);
	CHECK(kmem_cache_create("huge", ~0u, 0, 0, NULL) == NULL);
	alloc_check(kern());
}

static void senseless_caches_are_null(void **state)
{
	struct fixture f;

	(void)state;
	fixture_create(&f, 16 * MIB, 1);
	fixture_run(&f, bad_caches, NULL);
	fixture_destroy(&f);
}

static void free_twice(void *arg)
{
	void *p = kmalloc(64, GFP_KERNEL);

	(void)arg;
	kfree(p);
	kfree(p);
}

static void free_to_wrong_cache(void *arg)
{
	struct kmem_cache *s = kmem_cache_create("other", 64, 0, 0, NULL);

	(void)arg;
	kmem_cache_free(s, kmalloc(64, GFP_KERNEL));
}

static void free_pages_by_kfree(void *arg)
{
	(void)arg;
	kfree(__get_free_page(GFP_KERNEL));
}

static void wrong_frees_panic(void **state)
{
	static const struct {
		void (*body)(void *);
		const char *says;
	} c[] = { { free_twice, "freelist" },
		  { free_to_wrong_cache, "slab_cache" },
		  { free_pages_by_kfree, "PageHead" } };
	struct fixture f;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(c); i++) {
		fixture_create(&f, 16 * MIB, 1);
		fixture_run_panics(&f, c[i].body, NULL, c[i].says);
		fixture_destroy(&f);
	}
}

static void bulk_body(void *arg)
{
	struct kmem_cache *s = kmem_cache_create("bulk", 256, 0, 0, NULL);
	static void *objs[600];
	struct slabinfo info;

	(void)arg;
	CHECK(kmem_cache_alloc_bulk(s, GFP_KERNEL, 600, objs) == 600);
	/*
	 * one object of each slab is freed: full slabs become partial, first the CPU's, then the
	 * node's
	 */
	get_slabinfo(s, &info);
	for (u32 i = 0; i < 600; i += info.objects_per_slab) {
		kmem_cache_free(s, objs[i]);
		objs[i] = NULL;
		alloc_check(kern());
	}
	for (u32 i = 0; i < 600; i++) {
		kmem_cache_free(s, objs[i]);
		if (i % 16 == 0)
			alloc_check(kern());
	}
	get_slabinfo(s, &info);
	CHECK(info.active_objs == 0 &&
	      info.num_slabs > 0); /* min_partial and the CPU's reserve stay */
	CHECK(kmem_cache_destroy(s) == 0);
	/* too many for the machine: none at all, none lost */
	s = kmem_cache_create("big", 1 << 20, 0, 0, NULL);
	CHECK(kmem_cache_alloc_bulk(s, GFP_KERNEL, 600, objs) == 0);
	CHECK(kmem_cache_destroy(s) == 0);
	alloc_check(kern());
}

static void slabs_go_through_all_their_states(void **state)
{
	struct fixture f;

	(void)state;
	fixture_create(&f, 32 * MIB, 1);
	fixture_run(&f, bulk_body, NULL);
	fixture_destroy(&f);
}

/*
 * Reclaim runs in the middle of an allocation and allocates from the very cache that waits for a
 * slab.
 */
struct nested {
	struct kmem_cache *s;
	struct page *hostage[512];
	u32 nr, calls;
	void *inner[16];
};
static struct nested nested;

static u64 reclaim_and_allocate(unsigned order, u32 gfp)
{
	(void)order;
	(void)gfp;
	if (nested.calls == ARRAY_SIZE(nested.inner) || nested.nr < 24)
		return 0;
	for (u32 i = 0; i < 24; i++)
		__free_page(nested.hostage[--nested.nr]);
	drain_all_pages();
	nested.inner[nested.calls] =
		kmem_cache_alloc(nested.s, GFP_KERNEL | __GFP_HIGH | __GFP_NOMEMALLOC);
	CHECK(nested.inner[nested.calls]);
	nested.calls++;
	return 24;
}

static void nested_body(void *arg)
{
	static void *outer[4000];
	u32 n = 0;

	(void)arg;
	memset(&nested, 0, sizeof(nested));
	nested.s = kmem_cache_create("nested", 4096, 0, 0, NULL);
	while (nested.nr < ARRAY_SIZE(nested.hostage))
		nested.hostage[nested.nr++] = alloc_page(GFP_KERNEL);
	kern()->hooks.direct_reclaim = reclaim_and_allocate;
	while (n < ARRAY_SIZE(outer) && (outer[n] = kmem_cache_alloc(nested.s, GFP_KERNEL)) != NULL)
		n++;
	kern()->hooks.direct_reclaim = NULL;
	CHECK(nested.calls > 8);
	alloc_check(kern());
	while (n > 0)
		kmem_cache_free(nested.s, outer[--n]);
	for (u32 i = 0; i < nested.calls; i++)
		kmem_cache_free(nested.s, nested.inner[i]);
	alloc_check(kern());
	CHECK(kmem_cache_destroy(nested.s) == 0);
}

static void an_allocation_may_interrupt_another_of_the_same_cache(void **state)
{
	struct fixture f;

	(void)state;
	fixture_create(&f, 16 * MIB, 1);
	fixture_run(&f, nested_body, NULL);
	fixture_destroy(&f);
}

static void layout_body(void *arg)
{
	static const struct {
		u32 size, order, objects;
	} linux_6_1[] = { /* by calculate_order() for 4 CPUs, as /proc/slabinfo shows them */
			  { 8, 0, 512 },  { 16, 0, 256 },  { 32, 0, 128 },  { 64, 0, 64 },
			  { 96, 0, 42 },  { 128, 0, 32 },  { 192, 0, 21 },  { 256, 0, 16 },
			  { 512, 1, 16 }, { 1024, 2, 16 }, { 2048, 3, 16 }, { 4096, 3, 8 },
			  { 8192, 3, 4 }
	};

	(void)arg;
	for (struct kmem_cache *s = kmem_cache_next(NULL); s; s = kmem_cache_next(s)) {
		struct slabinfo info;

		get_slabinfo(s, &info);
		if (strncmp(info.name, "kmalloc-", 8) || strstr(info.name, "rcl"))
			continue;
		for (u32 i = 0; i < ARRAY_SIZE(linux_6_1); i++)
			if (linux_6_1[i].size == info.size)
				CHECK(info.cache_order == linux_6_1[i].order &&
				      info.objects_per_slab == linux_6_1[i].objects);
	}
}

static void slab_orders_are_linuxs(void **state)
{
	struct fixture f;

	(void)state;
	fixture_create(&f, 64 * MIB, 4);
	fixture_run(&f, layout_body, NULL);
	fixture_destroy(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_objects_never_overlap_and_every_slab_returns),
		cmocka_unit_test(random_kmalloc_krealloc_kfree_keeps_every_byte),
		cmocka_unit_test(random_kmalloc_survives_memory_running_out),
		cmocka_unit_test(kmalloc_sizes_are_linuxs),
		cmocka_unit_test(a_constructor_runs_once_per_object),
		cmocka_unit_test(the_freelist_is_lifo_and_destroy_refuses_live_objects),
		cmocka_unit_test(senseless_caches_are_null),
		cmocka_unit_test(wrong_frees_panic),
		cmocka_unit_test(slabs_go_through_all_their_states),
		cmocka_unit_test(an_allocation_may_interrupt_another_of_the_same_cache),
		cmocka_unit_test(slab_orders_are_linuxs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
