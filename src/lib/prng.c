/* SPDX-License-Identifier: MIT */
/*
 * lib/prng.c: seeded streams of numbers, one per consumer.
 *
 * Called by the fault plans, /dev/urandom, the jitter of devices, the tests: by whoever needs
 * chance. Calls nobody. It must not know time, addresses or the host.
 *
 *	machine seed 42 --+-- stream 1 (jitter of disk 0) --> s[0..3] --> 64 bits, 64 bits, ...
 *	                  +-- stream 2 (/dev/urandom)     --> s[0..3] --> 64 bits, ...
 *
 * A new consumer takes a new stream number: streams 1 and 2 do not move. That is why there is no
 * generator of the machine from which all would draw.
 *
 * Invariants:
 *	P1  The state is never all zero (the one state xoshiro cannot leave): prng_seed avoids it.
 *	P2  The numbers depend on (machine_seed, stream_id) and the count of draws only; tests/lib
 *	    holds known answers.
 *	P3  prng_below(n) is exactly uniform: the part of the 64-bit range that does not divide
 *	    evenly is drawn again.
 *
 * Units: bits. Owner: the caller's struct. Locking: the consumer's. Errors: none. Time: charges
 * nothing.
 * Source: Blackman and Vigna, "Scrambled linear pseudorandom number generators" (xoshiro256**,
 * public domain); Steele, Lea and Flood, "Fast splittable pseudorandom number generators"
 * (splitmix64, for seeding); Lemire, "Fast random integer generation in an interval" (prng_below).
 */

#include "lib/prng.h"

static u64 splitmix64(u64 *state)
{
	u64 z = *state += 0x9E3779B97F4A7C15ull;

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
	return z ^ (z >> 31);
}

static inline u64 rotl(u64 x, unsigned k)
{
	return (x << k) | (x >> (64 - k));
}

void prng_seed(struct prng *p, u64 machine_seed, u64 stream_id)
{
	u64 stream = stream_id, state;

	/*
	 * The stream number is mixed first, so that (seed, stream) and (seed + d, stream - d) are
	 * strangers.
	 */
	state = machine_seed ^ splitmix64(&stream);
	for (int i = 0; i < 4; i++)
		p->s[i] = splitmix64(&state);
	if (!(p->s[0] | p->s[1] | p->s[2] | p->s[3]))
		p->s[0] = 1;
}

u64 prng_u64(struct prng *p)
{
	u64 *s = p->s;
	u64 result = rotl(s[1] * 5, 7) * 9;
	u64 t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return result;
}

u32 prng_u32(struct prng *p)
{
	return (u32)(prng_u64(p) >> 32);
}

u64 prng_below(struct prng *p, u64 n)
{
	u128 product;
	u64 threshold;

	if (n == 0)
		return 0;
	product = (u128)prng_u64(p) * n;
	if ((u64)product < n) { /* rare for small n: only then is the division needed */
		threshold = -n % n;
		while ((u64)product < threshold)
			product = (u128)prng_u64(p) * n;
	}
	return (u64)(product >> 64);
}

void prng_bytes(struct prng *p, void *buf, size_t len_bytes)
{
	u8 *out = buf;

	while (len_bytes) {
		u64 r = prng_u64(p);

		for (int i = 0; i < 8 && len_bytes; i++, len_bytes--) {
			*out++ = (u8)r;
			r >>= 8;
		}
	}
}
