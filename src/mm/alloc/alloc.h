/* SPDX-License-Identifier: MIT */
#ifndef MM_ALLOC_ALLOC_H
#define MM_ALLOC_ALLOC_H

/*
 * Floor 3 as a whole: bringing it up, its figures, making allocations fail on purpose, and proving
 * its invariants.
 *
 * Boot order: alloc_early_init() (memmap, zones; no locks, no per-CPU data), memblock_alloc() for
 * what must lie in RAM before locks work (the per-CPU areas), then alloc_init().
 */

#include "kernel/percpu/kernel.h"
#include "lib/types.h"
#include "mm/alloc/gfp.h"

/*
 * Lay the memmap and the zones; k->alloc is set. O(CPUs), whatever the size of RAM. Needs k->m
 * only; any stack. 0 or -ENOMEM.
 */
int alloc_early_init(struct kernel *k);
/*
 * Zeroed RAM that is never given back, whole pages, aligned to a page; between alloc_early_init()
 * and alloc_init() only. From the bottom of the highest zone upward. NULL: none left. Host pointer.
 */
void *memblock_alloc(struct kernel *k, u64 size_bytes);
/*
 * Watermarks, per-CPU lists, slab caches and kmalloc: from here on everything in gfp.h and slab.h
 * works. Does alloc_early_init() if nobody did. Needs every CPU's percpu area
 * (k->m->cpu[i]->kernel_percpu); on a machine stack. params.fail_alloc_nth is armed here. 0 or
 * -ENOMEM, k->alloc then being unusable.
 */
int alloc_init(struct kernel *k);

/* Figures in pages unless the name says otherwise: /proc/meminfo's rows that this floor knows. */
struct sysinfo_mem {
	u64 totalram, freeram, available;
	u64 pcp;       /* on per-CPU lists: neither free nor in use */
	u64 untouched; /* of freeram: beyond the frontiers, never used */
	u64 slab_reclaimable, slab_unreclaimable;
	u64 min_free_kbytes;
};
void si_meminfo(struct sysinfo_mem *si);

/* --- failing on purpose --- */

/*
 * The nth page or slab allocation from now on (1: the next) fails, once. 0: none. ~0: none, but
 * count. One call that falls through from slab to pages counts twice, as it can fail twice.
 */
void fail_alloc_arm(struct kernel *k, u64 nth);
/*
 * Allocations tried since the last arming; counts only while armed. A sweep is over when its nth
 * exceeded this: see fail_alloc_fired().
 */
u64 fail_alloc_count(const struct kernel *k);
/* True when the armed failure has happened. */
bool fail_alloc_fired(const struct kernel *k);
/* The one place where allocations are made to fail. For allocators only. */
bool should_fail_alloc(u64 size_bytes);

/* --- proofs (no time passes in them) --- */

/*
 * Walk everything and panic the machine on the first broken invariant, naming it: every free page
 * on exactly one list or beyond the frontier, buddies merged, counters true, slab freelists inside
 * their slabs and acyclic. O(frames in use). Machine stack.
 */
void alloc_check(struct kernel *k);

#define ALLOC_STATS_CACHES 192
struct alloc_stats {
	u64 free_pages;
	u32 nr_caches;
	struct {
		const char *name;
		u64 active_objs;
	} cache[ALLOC_STATS_CACHES];
};
/*
 * What is in use, comparably: empties per-CPU lists and returns empty slabs first, so two snapshots
 * differ only by what was allocated and not freed in between. Changes where later allocations come
 * from; for tests and leak reports.
 */
void alloc_stats(struct kernel *k, struct alloc_stats *st);
/* True when nothing more is in use in `now` than in `then`; otherwise buf says what leaked. */
bool alloc_stats_same(const struct alloc_stats *then, const struct alloc_stats *now, char *buf,
		      u64 buf_bytes);

#endif
