/* SPDX-License-Identifier: MIT */
#ifndef LIB_BITMAP_H
#define LIB_BITMAP_H

/*
 * Bits in words, and the logarithms that go with them. Bit n of a map is bit n % 64 of word n / 64.
 * A map of n bits has BITS_TO_LONGS(n) words; bits at n and above in the last word are never looked
 * at by the bitmap_ functions. The finders return `size` when there is none. Simulated CPUs take
 * turns on one host thread, so set_bit and __set_bit are the same thing here: atomicity towards
 * other simulated CPUs is a matter of cost, and the caller charges it.
 */

#include <strings.h> /* ffs(): the compiler's builtin */

#include "lib/compiler.h"
#include "lib/types.h"

#define BITS_PER_LONG 64
#define BITS_PER_BYTE 8
#define BITS_TO_LONGS(n) DIV_ROUND_UP((u64)(n), BITS_PER_LONG)
#define DECLARE_BITMAP(name, bits) unsigned long name[BITS_TO_LONGS(bits)]
#define BIT(n) (1ul << (n))
#define BIT_ULL(n) (1ull << (n))
#define GENMASK(high, low) ((~0ul << (low)) & (~0ul >> (BITS_PER_LONG - 1 - (high))))
#define GENMASK_ULL(high, low) GENMASK(high, low)

_Static_assert(sizeof(unsigned long) == 8, "words are 64 bits: osim's hosts are LP64");

/* Index of the lowest (highest) set bit; the word is not 0. */
static inline unsigned __ffs(u64 word)
{
	return (unsigned)__builtin_ctzll(word);
}
static inline unsigned __fls(u64 word)
{
	return 63u - (unsigned)__builtin_clzll(word);
}
/* Index of the lowest clear bit; the word is not all ones. */
static inline unsigned ffz(u64 word)
{
	return __ffs(~word);
}
/* 1 + index of the highest set bit; 0 for 0. */
static inline int fls(u32 x)
{
	return x ? 32 - __builtin_clz(x) : 0;
}
static inline int fls64(u64 x)
{
	return x ? 64 - __builtin_clzll(x) : 0;
}

static inline unsigned hweight8(u8 w)
{
	return (unsigned)__builtin_popcount(w);
}
static inline unsigned hweight32(u32 w)
{
	return (unsigned)__builtin_popcount(w);
}
static inline unsigned hweight64(u64 w)
{
	return (unsigned)__builtin_popcountll(w);
}

/* floor(log2(n)); n is not 0. */
static inline unsigned ilog2(u64 n)
{
	return __fls(n);
}
static inline bool is_power_of_2(u64 n)
{
	return n && !(n & (n - 1));
}
/* The smallest power of two >= n, n in 1..2^63. */
static inline u64 roundup_pow_of_two(u64 n)
{
	return n <= 1 ? 1 : 1ull << fls64(n - 1);
}
/* The largest power of two <= n; n is not 0. */
static inline u64 rounddown_pow_of_two(u64 n)
{
	return 1ull << __fls(n);
}
/* ceil(log2(n)); 0 for 0 and 1. */
static inline unsigned order_base_2(u64 n)
{
	return n <= 1 ? 0 : (unsigned)fls64(n - 1);
}

static inline void set_bit(u64 nr, unsigned long *map)
{
	map[nr / BITS_PER_LONG] |= BIT(nr % BITS_PER_LONG);
}
static inline void clear_bit(u64 nr, unsigned long *map)
{
	map[nr / BITS_PER_LONG] &= ~BIT(nr % BITS_PER_LONG);
}
static inline void change_bit(u64 nr, unsigned long *map)
{
	map[nr / BITS_PER_LONG] ^= BIT(nr % BITS_PER_LONG);
}
static inline bool test_bit(u64 nr, const unsigned long *map)
{
	return map[nr / BITS_PER_LONG] >> (nr % BITS_PER_LONG) & 1;
}
static inline void assign_bit(u64 nr, unsigned long *map, bool value)
{
	if (value)
		set_bit(nr, map);
	else
		clear_bit(nr, map);
}
/* Return the bit's value before. */
static inline bool test_and_set_bit(u64 nr, unsigned long *map)
{
	bool old = test_bit(nr, map);

	set_bit(nr, map);
	return old;
}
static inline bool test_and_clear_bit(u64 nr, unsigned long *map)
{
	bool old = test_bit(nr, map);

	clear_bit(nr, map);
	return old;
}
static inline void __set_bit(u64 nr, unsigned long *map)
{
	set_bit(nr, map);
}
static inline void __clear_bit(u64 nr, unsigned long *map)
{
	clear_bit(nr, map);
}
static inline bool __test_and_set_bit(u64 nr, unsigned long *map)
{
	return test_and_set_bit(nr, map);
}
static inline bool __test_and_clear_bit(u64 nr, unsigned long *map)
{
	return test_and_clear_bit(nr, map);
}

/* The first bit at or after start whose word, with `flip` xored in, has it set. */
static inline u64 find_next_flipped_(const unsigned long *map, u64 size, u64 start, u64 flip)
{
	u64 i, word;

	if (start >= size)
		return size;
	i = start / BITS_PER_LONG;
	word = (map[i] ^ flip) & (~0ul << (start % BITS_PER_LONG));
	while (!word) {
		if (++i >= BITS_TO_LONGS(size))
			return size;
		word = map[i] ^ flip;
	}
	return min(i * BITS_PER_LONG + __ffs(word), size);
}
static inline u64 find_next_bit(const unsigned long *map, u64 size, u64 start)
{
	return find_next_flipped_(map, size, start, 0);
}
static inline u64 find_next_zero_bit(const unsigned long *map, u64 size, u64 start)
{
	return find_next_flipped_(map, size, start, ~0ull);
}
static inline u64 find_first_bit(const unsigned long *map, u64 size)
{
	return find_next_bit(map, size, 0);
}
static inline u64 find_first_zero_bit(const unsigned long *map, u64 size)
{
	return find_next_zero_bit(map, size, 0);
}
/* The highest set bit. */
static inline u64 find_last_bit(const unsigned long *map, u64 size)
{
	for (u64 i = BITS_TO_LONGS(size); i-- > 0;) {
		u64 word = map[i];

		if (i == size / BITS_PER_LONG)
			word &= ~(~0ul << (size % BITS_PER_LONG));
		if (word)
			return i * BITS_PER_LONG + __fls(word);
	}
	return size;
}

#define for_each_set_bit(bit, map, size)                                                           \
	for ((bit) = find_first_bit(map, size); (bit) < (size);                                    \
	     (bit) = find_next_bit(map, size, (bit) + 1))
#define for_each_clear_bit(bit, map, size)                                                         \
	for ((bit) = find_first_zero_bit(map, size); (bit) < (size);                               \
	     (bit) = find_next_zero_bit(map, size, (bit) + 1))

/* Which bits of word i belong to a map of n bits. */
static inline u64 bitmap_word_mask_(u64 n, u64 i)
{
	return i == n / BITS_PER_LONG ? ~(~0ul << (n % BITS_PER_LONG)) : ~0ul;
}

static inline void bitmap_zero(unsigned long *dst, u64 n)
{
	for (u64 i = 0; i < BITS_TO_LONGS(n); i++)
		dst[i] = 0;
}
static inline void bitmap_fill(unsigned long *dst, u64 n)
{
	for (u64 i = 0; i < BITS_TO_LONGS(n); i++)
		dst[i] = bitmap_word_mask_(n, i);
}
static inline void bitmap_copy(unsigned long *dst, const unsigned long *src, u64 n)
{
	for (u64 i = 0; i < BITS_TO_LONGS(n); i++)
		dst[i] = src[i];
}
static inline void bitmap_or(unsigned long *dst, const unsigned long *a, const unsigned long *b,
			     u64 n)
{
	for (u64 i = 0; i < BITS_TO_LONGS(n); i++)
		dst[i] = a[i] | b[i];
}
/* Return whether anything is left. */
static inline bool bitmap_and(unsigned long *dst, const unsigned long *a, const unsigned long *b,
			      u64 n)
{
	u64 any = 0;

	for (u64 i = 0; i < BITS_TO_LONGS(n); i++)
		any |= (dst[i] = a[i] & b[i]) & bitmap_word_mask_(n, i);
	return any != 0;
}
static inline bool bitmap_andnot(unsigned long *dst, const unsigned long *a, const unsigned long *b,
				 u64 n)
{
	u64 any = 0;

	for (u64 i = 0; i < BITS_TO_LONGS(n); i++)
		any |= (dst[i] = a[i] & ~b[i]) & bitmap_word_mask_(n, i);
	return any != 0;
}
static inline bool bitmap_equal(const unsigned long *a, const unsigned long *b, u64 n)
{
	for (u64 i = 0; i < BITS_TO_LONGS(n); i++)
		if ((a[i] ^ b[i]) & bitmap_word_mask_(n, i))
			return false;
	return true;
}
static inline bool bitmap_intersects(const unsigned long *a, const unsigned long *b, u64 n)
{
	for (u64 i = 0; i < BITS_TO_LONGS(n); i++)
		if (a[i] & b[i] & bitmap_word_mask_(n, i))
			return true;
	return false;
}
/* Is every bit of a in b? */
static inline bool bitmap_subset(const unsigned long *a, const unsigned long *b, u64 n)
{
	for (u64 i = 0; i < BITS_TO_LONGS(n); i++)
		if (a[i] & ~b[i] & bitmap_word_mask_(n, i))
			return false;
	return true;
}
static inline bool bitmap_empty(const unsigned long *map, u64 n)
{
	return find_first_bit(map, n) == n;
}
static inline bool bitmap_full(const unsigned long *map, u64 n)
{
	return find_first_zero_bit(map, n) == n;
}
static inline u64 bitmap_weight(const unsigned long *map, u64 n)
{
	u64 w = 0;

	for (u64 i = 0; i < BITS_TO_LONGS(n); i++)
		w += hweight64(map[i] & bitmap_word_mask_(n, i));
	return w;
}
/* Set (clear) len bits from start. */
static inline void bitmap_set(unsigned long *map, u64 start, u64 len)
{
	for (u64 end = start + len; start < end;) {
		u64 in_word = min((u64)BITS_PER_LONG - start % BITS_PER_LONG, end - start);

		map[start / BITS_PER_LONG] |= GENMASK(in_word - 1, 0) << (start % BITS_PER_LONG);
		start += in_word;
	}
}
static inline void bitmap_clear(unsigned long *map, u64 start, u64 len)
{
	for (u64 end = start + len; start < end;) {
		u64 in_word = min((u64)BITS_PER_LONG - start % BITS_PER_LONG, end - start);

		map[start / BITS_PER_LONG] &= ~(GENMASK(in_word - 1, 0) << (start % BITS_PER_LONG));
		start += in_word;
	}
}

#endif
