/* SPDX-License-Identifier: MIT */
/* lib/prng and lib/hash: known answers, streams that do not touch, no bias. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/bitmap.h"
#include "lib/hash.h"
#include "lib/prng.h"

static void xoshiro_steps_as_published(void **state)
{
	/* From the state 1, 2, 3, 4: the first numbers of the authors' generator. */
	static const u64 want[] = { 11520ull,
				    0ull,
				    1509978240ull,
				    1215971899390074240ull,
				    1216172134540287360ull,
				    607988272756665600ull };
	struct prng p = { { 1, 2, 3, 4 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		assert_true(prng_u64(&p) == want[i]);
}

static void same_seed_and_stream_give_the_same_numbers(void **state)
{
	struct prng a, b;

	(void)state;
	prng_seed(&a, 42, 7);
	prng_seed(&b, 42, 7);
	for (int i = 0; i < 1000; i++) {
		u64 x = prng_u64(&a), y = prng_u64(&b);

		assert_true(x == y);
	}
}

static void near_seeds_and_streams_are_strangers(void **state)
{
	u64 first[16 * 16];
	size_t n = 0;

	(void)state;
	for (u64 seed = 0; seed < 16; seed++) {
		for (u64 stream = 0; stream < 16; stream++) {
			struct prng p;

			prng_seed(&p, seed, stream);
			first[n] = prng_u64(&p);
			for (size_t i = 0; i < n; i++) {
				unsigned differ = hweight64(first[i] ^ first[n]);

				assert_in_range(differ, 10, 54);
			}
			n++;
		}
	}
}

static void below_is_even_and_within_range(void **state)
{
	struct prng p;
	u64 buckets[7] = { 0 };

	(void)state;
	prng_seed(&p, 3, 1);
	assert_int_equal(prng_below(&p, 0), 0);
	assert_int_equal(prng_below(&p, 1), 0);
	for (int i = 0; i < 70000; i++)
		buckets[prng_below(&p, 7)]++;
	for (int i = 0; i < 7; i++)
		assert_in_range(buckets[i], 9600, 10400);
	/* 3 * 2^62: without the rejection the first third would come up half of the time. */
	buckets[0] = 0;
	for (int i = 0; i < 30000; i++) {
		u64 x = prng_below(&p, 3ull << 62);

		assert_true(x < 3ull << 62);
		buckets[0] += x < 1ull << 62;
	}
	assert_in_range(buckets[0], 9500, 10500);
}

static void bytes_are_the_numbers_in_little_endian(void **state)
{
	struct prng a, b;
	u8 buf[21], again[8];

	(void)state;
	prng_seed(&a, 1, 1);
	prng_seed(&b, 1, 1);
	buf[20] = 0xee;
	prng_bytes(&a, buf, 20);
	assert_int_equal(buf[20], 0xee);
	for (int k = 0; k < 2; k++) {
		u64 x = prng_u64(&b);

		for (int i = 0; i < 8; i++)
			again[i] = (u8)(x >> (8 * i));
		assert_memory_equal(buf + 8 * k, again, 8);
	}
}

static void hash_tells_lengths_seeds_and_single_bits_apart(void **state)
{
	u8 buf[40] = { 0 };
	u64 base;

	(void)state;
	for (size_t len = 0; len < 40; len++) {
		u64 longer = hash_bytes(buf, len + (len < 39), 5);

		base = hash_bytes(buf, len, 5);
		assert_true(base == hash_bytes(buf, len, 5));
		if (len < 39)
			assert_true(base != longer);
		assert_true(base != hash_bytes(buf, len, 6));
		for (size_t bit = 0; bit < len * 8; bit++) {
			u64 other;

			buf[bit / 8] ^= (u8)(1u << bit % 8);
			other = hash_bytes(buf, len, 5);
			buf[bit / 8] ^= (u8)(1u << bit % 8);
			assert_in_range(hweight64(base ^ other), 8, 56);
		}
	}
}

static void hash_fills_buckets_evenly_with_names(void **state)
{
	unsigned bucket[256] = { 0 };
	char name[32];

	(void)state;
	for (int i = 0; i < 256 * 40; i++) {
		int n = snprintf(name, sizeof(name), "file%d.txt", i);

		bucket[hash_bytes(name, (size_t)n, 0) >> 56]++;
	}
	for (int i = 0; i < 256; i++)
		assert_in_range(bucket[i], 12, 80);
	for (u64 i = 0; i < 1000; i++) {
		assert_true(hash_64(i, 6) < 64);
		assert_true(hash_32((u32)i, 6) < 64);
	}
}

static void known_answers_do_not_move(void **state)
{
	struct prng p;

	(void)state;
	prng_seed(&p, 42, 1);
	assert_true(prng_u64(&p) == 0x584870a53e6ddcdfull);
	assert_true(hash_bytes("busybox", 7, 0) == 0x3996a6ef29592d3dull);
	assert_true(hash_bytes("a name longer than eight", 24, 1) == 0x88c1048320142b0aull);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(xoshiro_steps_as_published),
		cmocka_unit_test(same_seed_and_stream_give_the_same_numbers),
		cmocka_unit_test(near_seeds_and_streams_are_strangers),
		cmocka_unit_test(below_is_even_and_within_range),
		cmocka_unit_test(bytes_are_the_numbers_in_little_endian),
		cmocka_unit_test(hash_tells_lengths_seeds_and_single_bits_apart),
		cmocka_unit_test(hash_fills_buckets_evenly_with_names),
		cmocka_unit_test(known_answers_do_not_move),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
