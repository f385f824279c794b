/* SPDX-License-Identifier: MIT */
/*
 * Host cost of the allocators, beside their peers in the same run (bench_rbtree has the trees).
 *
 *	bench_alloc [rounds]
 *
 * Each figure is the least of `rounds` (default 9) measurements of about 2 ms, in nanoseconds an
 * operation; an operation is an alloc and its free. The machine runs the zero-cost profile, so
 * virtual time stands still, but every charge, trace and failure test is executed. Peers are called
 * through the same loops; the ones besides glibc are loaded when the host has them.
 */

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/arena.h"
#include "hw/cpu.h"
#include "hw/machine.h"
#include "kernel/percpu/percpu.h"
#include "lib/compiler.h"
#include "lib/prng.h"
#include "mm/alloc/alloc.h"
#include "mm/alloc/slab.h"

#define BATCH 1000
#define PAIRS 100000

static int rounds = 9;

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* The compiler must not know what happens to p. */
#define KEEP(p) __asm__ volatile("" : "+r"(p)::"memory")

/* Run body `ops` operations at a time; the least time of one. */
#define MEASURE(ns_out, ops, body)                                                                 \
	do {                                                                                       \
		double best_ = 1e18;                                                               \
		for (int r_ = 0; r_ < rounds; r_++) {                                              \
			double t_ = now_ns();                                                      \
			body;                                                                      \
			t_ = (now_ns() - t_) / (double)(ops);                                      \
			if (t_ < best_)                                                            \
				best_ = t_;                                                        \
		}                                                                                  \
		(ns_out) = best_;                                                                  \
	} while (0)

/* The order in which a batch is freed. */
static u32 shuffled[BATCH];

static void shuffle(void)
{
	struct prng rng;

	prng_seed(&rng, 1, 1);
	for (u32 i = 0; i < BATCH; i++)
		shuffled[i] = i;
	for (u32 i = BATCH - 1; i > 0; i--) {
		u32 j = (u32)prng_below(&rng, i + 1), t = shuffled[i];

		shuffled[i] = shuffled[j];
		shuffled[j] = t;
	}
}

/* One allocator's two patterns: pairs, and a batch freed in random order. */
struct figures {
	double pair, batch;
};

#define PATTERNS(fig, ALLOC, FREE)                                                                 \
	do {                                                                                       \
		static void *held_[BATCH];                                                         \
		MEASURE((fig).pair, PAIRS, for (u32 i_ = 0; i_ < PAIRS; i_++) {                    \
			void *p_ = ALLOC;                                                          \
			KEEP(p_);                                                                  \
			FREE(p_);                                                                  \
		});                                                                                \
		MEASURE((fig).batch, 50 * BATCH, for (u32 k_ = 0; k_ < 50; k_++) {                 \
			for (u32 i_ = 0; i_ < BATCH; i_++) {                                       \
				held_[i_] = ALLOC;                                                 \
				KEEP(held_[i_]);                                                   \
			}                                                                          \
			for (u32 i_ = 0; i_ < BATCH; i_++)                                         \
				FREE(held_[shuffled[i_]]);                                         \
		});                                                                                \
	} while (0)

typedef void *malloc_fn(size_t);
typedef void free_fn(void *);

struct peer {
	const char *name;
	const char *libs[2];
	const char *malloc_name, *free_name;
	malloc_fn *malloc;
	free_fn *free;
};

static struct peer peers[] = {
	{ "glibc malloc", { NULL, NULL }, NULL, NULL, malloc, free },
	{ "mimalloc", { "libmimalloc.so.2", "libmimalloc.so" }, "mi_malloc", "mi_free", 0, 0 },
	{ "jemalloc", { "libjemalloc.so.2", NULL }, "malloc", "free", NULL, NULL },
	{ "tcmalloc", { "libtcmalloc_minimal.so.4", NULL }, "tc_malloc", "tc_free", NULL, NULL },
};

static void load_peers(void)
{
	for (u32 i = 1; i < ARRAY_SIZE(peers); i++) {
		struct peer *p = &peers[i];

		for (u32 j = 0; j < 2 && !p->malloc && p->libs[j]; j++) {
			void *lib = dlopen(p->libs[j], RTLD_NOW | RTLD_LOCAL);

			if (!lib)
				continue;
			*(void **)&p->malloc = dlsym(lib, p->malloc_name);
			*(void **)&p->free = dlsym(lib, p->free_name);
		}
	}
}

static void row(const char *what, u32 size, const struct figures *f)
{
	printf("%-22s %5u B  pair %7.2f ns   batch, random order %7.2f ns\n", what, size, f->pair,
	       f->batch);
}

static void bench_size(u32 size)
{
	struct kmem_cache *s = kmem_cache_create("bench", size, 0, 0, NULL);
	struct figures f;

	if (!s)
		return;
#define CACHE_FREE(p) kmem_cache_free(s, p)
	PATTERNS(f, kmem_cache_alloc(s, GFP_KERNEL), CACHE_FREE);
	row("kmem_cache", size, &f);
	PATTERNS(f, kmalloc(size, GFP_KERNEL), kfree);
	row("kmalloc", size, &f);
	for (u32 i = 0; i < ARRAY_SIZE(peers); i++) {
		malloc_fn *alloc_it = peers[i].malloc;
		free_fn *free_it = peers[i].free;

		if (!alloc_it || !free_it)
			continue;
		PATTERNS(f, alloc_it(size), free_it);
		row(peers[i].name, size, &f);
	}
	kmem_cache_destroy(s);
}

static void bench_pages(unsigned order)
{
	double pair;

	MEASURE(
		pair, PAIRS, for (u32 i = 0; i < PAIRS; i++) {
			struct page *page = alloc_pages(GFP_KERNEL, order);

			KEEP(page);
			__free_pages(page, order);
		});
	printf("alloc_pages order %-2u             pair %7.2f ns\n", order, pair);
}

static void bench_body(void *arg)
{
	static const u32 sizes[] = { 64, 256, 1024, 4096 };

	if (alloc_init(arg))
		return;
	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++)
		bench_size(sizes[i]);
	bench_pages(0);
	bench_pages(3);
	bench_pages(4);
	printf("memory overhead: %zu B a frame, 0 B an object beyond rounding\n",
	       sizeof(struct page));
}

int main(int argc, char **argv)
{
	struct machine_config cfg = {
		.nr_cpus = 1, .ram_bytes = 256ull << 20, .seed = 1, .costs = cost_profile("zero")
	};
	struct machine *m;
	struct kernel *k;
	struct percpu *p;

	if (argc > 1 && atoi(argv[1]) > 0)
		rounds = atoi(argv[1]);
	shuffle();
	load_peers();
	if (machine_create(&cfg, &m))
		return 1;
	k = arena_carve(&m->arena, sizeof(*k), 64);
	k->m = m;
	m->kernel = k;
	if (alloc_early_init(k) || !(p = memblock_alloc(k, sizeof(*p))))
		return 1;
	p->cpu = m->cpu[0];
	m->cpu[0]->kernel_percpu = p;
	if (machine_call(m, bench_body, k))
		fprintf(stderr, "%s\n", m->panic_text);
	machine_destroy(m);
	return 0;
}
