/* SPDX-License-Identifier: MIT */
/*
 * lib/hash.c: a hash of bytes, for names in hash tables.
 *
 * Called by the dentry cache and other tables keyed by strings. Calls nobody. It must not be given
 * addresses, and no digest is made with it: those are XXH3's (hw/trace.c).
 *
 * Eight bytes at a time, little-endian on every host, folded by a multiplication whose high half is
 * xored onto its low half:
 *
 *	"busybox" (7 bytes), seed 0:   h = 0 ^ 7 * K;   word = 0x00786f6279737562;   h = fold((h ^ word) * K);   mix(h)
 *
 * Invariants:
 *	H1  Equal bytes, length and seed give equal hashes on every build; tests/lib holds known
 *	    answers.
 *	H2  The length enters first, so "a" and "a\0" differ.
 *	H3  hash_mix is a bijection: different 64-bit inputs never collide.
 *
 * Units: bytes. Owner: the caller's buffer, only read. Locking: none. Errors: none. Time: charges
 * nothing.
 * Source: hash_mix is the finaliser of splitmix64 (Steele, Lea, Flood); folding a 128-bit product
 * is a common device.
 */

#include "lib/hash.h"

static u64 fold_mul(u64 a, u64 b)
{
	u128 p = (u128)a * b;

	return (u64)p ^ (u64)(p >> 64);
}

/* 0..8 bytes as a little-endian number. */
static u64 load_le(const u8 *p, size_t n)
{
	u64 v = 0;

	for (size_t i = 0; i < n; i++)
		v |= (u64)p[i] << (8 * i);
	return v;
}

u64 hash_mix(u64 x)
{
	x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
	x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
	return x ^ (x >> 31);
}

u64 hash_bytes(const void *buf, size_t len_bytes, u64 seed)
{
	const u8 *p = buf;
	u64 h = seed ^ (len_bytes * GOLDEN_RATIO_64);

	while (len_bytes > 8) {
		h = fold_mul(h ^ load_le(p, 8), GOLDEN_RATIO_64) + len_bytes;
		p += 8;
		len_bytes -= 8;
	}
	return hash_mix(fold_mul(h ^ load_le(p, len_bytes), GOLDEN_RATIO_64) + h);
}
