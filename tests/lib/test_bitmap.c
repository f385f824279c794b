/* SPDX-License-Identifier: MIT */
/* lib/bitmap against an array of bools. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/bitmap.h"
#include "lib/prng.h"

#define MAX_BITS 400

static void fill_randomly(struct prng *p, unsigned long *map, bool *model, u64 n)
{
	u64 density = prng_below(p, 5); /* empty, sparse, half, dense, full: the edges too */

	for (u64 i = 0; i < BITS_TO_LONGS(MAX_BITS); i++)
		map[i] = prng_u64(p); /* noise past n must not matter */
	for (u64 i = 0; i < n; i++) {
		model[i] = prng_below(p, 4) < density;
		assign_bit(i, map, model[i]);
	}
}

static u64 model_next(const bool *model, u64 n, u64 start, bool value)
{
	for (u64 i = start; i < n; i++)
		if (model[i] == value)
			return i;
	return n;
}

static void finders_and_weight_agree_with_bools(void **state)
{
	unsigned long map[BITS_TO_LONGS(MAX_BITS)];
	bool model[MAX_BITS];

	(void)state;
	for (u64 seed = 1; seed <= 300; seed++) {
		struct prng p;
		u64 n, weight = 0, last;

		prng_seed(&p, seed, 1);
		n = seed <= 10 ? (seed - 1) * 32 : prng_below(&p, MAX_BITS);
		last = n;
		printf("seed %llu bits %llu\n", (unsigned long long)seed, (unsigned long long)n);
		fill_randomly(&p, map, model, n);
		for (u64 i = 0; i < n; i++) {
			assert_int_equal(test_bit(i, map), model[i]);
			assert_int_equal(find_next_bit(map, n, i), model_next(model, n, i, true));
			assert_int_equal(find_next_zero_bit(map, n, i),
					 model_next(model, n, i, false));
			weight += model[i];
			if (model[i])
				last = i;
		}
		assert_int_equal(find_next_bit(map, n, n), n);
		assert_int_equal(bitmap_weight(map, n), weight);
		assert_int_equal(find_last_bit(map, n), last);
		assert_int_equal(bitmap_empty(map, n), weight == 0);
		assert_int_equal(bitmap_full(map, n), weight == n);
	}
}

static void ranges_agree_with_bools(void **state)
{
	unsigned long map[BITS_TO_LONGS(MAX_BITS)];
	bool model[MAX_BITS];

	(void)state;
	for (u64 seed = 1; seed <= 200; seed++) {
		struct prng p;

		prng_seed(&p, seed, 2);
		printf("seed %llu\n", (unsigned long long)seed);
		fill_randomly(&p, map, model, MAX_BITS);
		for (int op = 0; op < 20; op++) {
			u64 start = prng_below(&p, MAX_BITS),
			    len = prng_below(&p, MAX_BITS - start + 1);
			bool set = prng_below(&p, 2);

			if (set)
				bitmap_set(map, start, len);
			else
				bitmap_clear(map, start, len);
			for (u64 i = start; i < start + len; i++)
				model[i] = set;
			for (u64 i = 0; i < MAX_BITS; i++)
				assert_int_equal(test_bit(i, map), model[i]);
		}
	}
}

static void set_algebra_agrees_with_bools(void **state)
{
	unsigned long a[7], b[7], out[7];
	bool ma[MAX_BITS], mb[MAX_BITS];

	(void)state;
	for (u64 seed = 1; seed <= 200; seed++) {
		bool any_and = false, any_andnot = false, equal = true;
		struct prng p;
		u64 n;

		prng_seed(&p, seed, 3);
		n = prng_below(&p, MAX_BITS);
		printf("seed %llu\n", (unsigned long long)seed);
		fill_randomly(&p, a, ma, n);
		fill_randomly(&p, b, mb, n);
		for (u64 i = 0; i < n; i++) {
			any_and |= ma[i] && mb[i];
			any_andnot |= ma[i] && !mb[i];
			equal &= ma[i] == mb[i];
		}
		assert_int_equal(bitmap_intersects(a, b, n), any_and);
		assert_int_equal(bitmap_subset(a, b, n), !any_andnot);
		assert_int_equal(bitmap_equal(a, b, n), equal);
		assert_int_equal(bitmap_and(out, a, b, n), any_and);
		for (u64 i = 0; i < n; i++)
			assert_int_equal(test_bit(i, out), ma[i] && mb[i]);
		assert_int_equal(bitmap_andnot(out, a, b, n), any_andnot);
		bitmap_or(out, a, b, n);
		for (u64 i = 0; i < n; i++)
			assert_int_equal(test_bit(i, out), ma[i] || mb[i]);
		bitmap_fill(out, n);
		assert_true(bitmap_full(out, n));
		bitmap_zero(out, n);
		assert_true(bitmap_empty(out, n));
	}
}

static void test_and_change_report_the_old_value(void **state)
{
	DECLARE_BITMAP(map, 130) = { 0 };
	u64 bit, count = 0;

	(void)state;
	for (u64 i = 0; i < 130; i += 3) {
		assert_false(test_and_set_bit(i, map));
		assert_true(test_and_set_bit(i, map));
	}
	for_each_set_bit(bit, map, 130) {
		assert_int_equal(bit % 3, 0);
		count++;
	}
	assert_int_equal(count, 44);
	assert_true(test_and_clear_bit(129, map));
	assert_false(test_and_clear_bit(129, map));
	change_bit(129, map);
	assert_true(test_bit(129, map));
}

static void logarithms_are_exact_around_every_power_of_two(void **state)
{
	(void)state;
	assert_int_equal(fls(0), 0);
	assert_int_equal(fls64(0), 0);
	assert_int_equal(ffs(0), 0);
	assert_int_equal(roundup_pow_of_two(1), 1);
	assert_int_equal(order_base_2(1), 0);
	for (unsigned k = 0; k < 64; k++) {
		u64 power = 1ull << k;

		assert_int_equal(__ffs(power), k);
		assert_int_equal(__fls(power | (power - 1)), k);
		assert_int_equal(ilog2(power), k);
		assert_int_equal(fls64(power), k + 1);
		assert_int_equal(ffz(power - 1), k);
		assert_true(is_power_of_2(power));
		assert_true(roundup_pow_of_two(power) == power);
		assert_true(rounddown_pow_of_two(power) == power);
		assert_int_equal(order_base_2(power), k);
		if (k >= 2) {
			assert_false(is_power_of_2(power - 1));
			assert_true(roundup_pow_of_two(power - 1) == power);
			assert_true(rounddown_pow_of_two(power + 1) == power);
			assert_int_equal(ilog2(power - 1), k - 1);
		}
		assert_true(GENMASK(k, 0) == (power | (power - 1)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finders_and_weight_agree_with_bools),
		cmocka_unit_test(ranges_agree_with_bools),
		cmocka_unit_test(set_algebra_agrees_with_bools),
		cmocka_unit_test(test_and_change_report_the_old_value),
		cmocka_unit_test(logarithms_are_exact_around_every_power_of_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
