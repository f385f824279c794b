/* SPDX-License-Identifier: MIT */
#ifndef HOST_ARENA_H
#define HOST_ARENA_H

/*
 * One machine's memory: one reserved range of host addresses, committed by the host as it is
 * touched.
 * Ranges are carved from it in order and given back only all at once, with the arena.
 */

#include "lib/types.h"

/* The base is aligned to this, and it is the largest alignment that can be carved. */
#define ARENA_ALIGN_BYTES (16ull << 20)

struct arena {
	u8 *base;
	u64 size_bytes; /* reserved */
	u64 used_bytes; /* carved */
};

/* Reserve size_bytes (rounded up to pages), all zero, committed lazily. 0 or -ENOMEM. */
int arena_create(struct arena *a, u64 size_bytes);
/* Give everything back. Safe on a zeroed arena. */
void arena_destroy(struct arena *a);
/*
 * Carve size_bytes zero bytes aligned to align_bytes (a power of two, 1..ARENA_ALIGN_BYTES). NULL
 * when the reservation is used up.
 * Offsets from the base depend on the sequence of carvings only, never on where the host put the
 * arena.
 */
void *arena_carve(struct arena *a, u64 size_bytes, u64 align_bytes);
/*
 * Make [p, p + len_bytes) (whole host pages) inaccessible; a touch is then a host SIGSEGV. 0 or
 * -errno.
 */
int arena_guard(void *p, u64 len_bytes);
/*
 * Drop the contents of whole pages: they read as zero again and cost no host memory. 0 or -errno.
 */
int arena_discard(void *p, u64 len_bytes);
/*
 * Ask the host to back [p, p + len_bytes) with large pages where it has them: one host fault then
 * commits 2 MiB. A hint: a host that refuses changes nothing but speed.
 */
void arena_prefer_huge(void *p, u64 len_bytes);

#endif
