/* SPDX-License-Identifier: MIT */
#ifndef LIB_PRNG_H
#define LIB_PRNG_H

/*
 * Seeded generators: the only randomness in a machine. Every consumer has a generator of its own,
 * told apart by a stream number, so that a new consumer or one more draw shifts nobody else's
 * numbers. Not for secrets.
 */

#include "lib/types.h"

struct prng {
	u64 s[4];
};

/*
 * stream_id: one constant per consumer (and per instance where there are several). The same pair
 * gives the same stream for ever.
 */
void prng_seed(struct prng *p, u64 machine_seed, u64 stream_id);
/* Uniform over all 64-bit (32-bit) values. */
u64 prng_u64(struct prng *p);
u32 prng_u32(struct prng *p);
/* Uniform over 0..n-1 without bias; n 0: returns 0 and draws nothing. Draws once, rarely more. */
u64 prng_below(struct prng *p, u64 n);
/* Fill buf; the bytes are the same on every host. */
void prng_bytes(struct prng *p, void *buf, size_t len_bytes);

#endif
