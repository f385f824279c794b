/* SPDX-License-Identifier: MIT */
#ifndef LIB_HASH_H
#define LIB_HASH_H

/*
 * Small hashes for tables inside the kernel. Hash names, numbers and ids; never an address, whose
 * value differs from run to run. (Digests of the machine are XXH3's and live in hw/trace.)
 */

#include "lib/types.h"

/*
 * 2^64 and 2^32 over the golden ratio, odd: one multiplication spreads neighbours, and the top bits
 * are the best.
 */
#define GOLDEN_RATIO_64 0x9E3779B97F4A7C15ull
#define GOLDEN_RATIO_32 0x9E3779B9u

/* The top `bits` (1..64, 1..32) bits of the product: a bucket of a table with 1 << bits of them. */
static inline u64 hash_64(u64 val, unsigned bits)
{
	return (val * GOLDEN_RATIO_64) >> (64 - bits);
}
static inline u32 hash_32(u32 val, unsigned bits)
{
	return (val * GOLDEN_RATIO_32) >> (32 - bits);
}

/*
 * All 64 bits good, for any len; the same on every host. Different seeds are different functions.
 */
u64 hash_bytes(const void *buf, size_t len_bytes, u64 seed);
/* Finish a 64-bit value so that every input bit reaches every output bit. A bijection. */
u64 hash_mix(u64 x);

#endif
