/* SPDX-License-Identifier: MIT */
/* host/arena: exhaustion, alignment, guards that kill, memory that reads as zero. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "host/arena.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "lib/prng.h"

static void carving_ends_exactly_at_the_reservation(void **state)
{
	struct arena a;

	(void)state;
	assert_int_equal(arena_create(&a, 4 * 4096 - 100), 0);
	assert_int_equal(a.size_bytes, 4 * 4096); /* whole pages */
	assert_non_null(arena_carve(&a, 4096, 4096));
	assert_null(arena_carve(&a, 3 * 4096 + 1, 1));
	assert_int_equal(a.used_bytes, 4096); /* a failure changes nothing */
	assert_null(arena_carve(&a, ~0ull, 1));
	assert_null(arena_carve(&a, ~0ull - 4096, 4096));
	assert_non_null(arena_carve(&a, 3 * 4096, 1));
	assert_null(arena_carve(&a, 1, 1));
	assert_non_null(arena_carve(&a, 0, 1));
	arena_destroy(&a);
	arena_destroy(&a); /* a zeroed arena is fine */
}

static void impossible_sizes_and_alignments_are_refused(void **state)
{
	struct arena a;

	(void)state;
	assert_int_equal(arena_create(&a, 0), -ENOMEM);
	assert_int_equal(arena_create(&a, ~0ull), -ENOMEM);
	assert_int_equal(arena_create(&a, 1ull << 47), -ENOMEM);
	assert_null(a.base);
	assert_int_equal(arena_create(&a, 64 << 20), 0);
	assert_null(arena_carve(&a, 1, 0));
	assert_null(arena_carve(&a, 1, 3));
	assert_null(arena_carve(&a, 1, ARENA_ALIGN_BYTES * 2));
	assert_int_equal(a.used_bytes, 0);
	arena_destroy(&a);
}

static void offsets_depend_on_the_sequence_only(void **state)
{
	struct arena a, b;
	struct prng p;

	(void)state;
	prng_seed(&p, 1, 1);
	assert_int_equal(arena_create(&a, 1ull << 30), 0);
	assert_int_equal(arena_create(&b, 1ull << 30), 0);
	for (int i = 0; i < 200; i++) {
		u64 size = prng_below(&p, 100000), align = 1ull << prng_below(&p, 22);
		u8 *x = arena_carve(&a, size, align), *y = arena_carve(&b, size, align);

		assert_non_null(x);
		assert_true(IS_ALIGNED((uintptr_t)x, align));
		assert_true(x - a.base == y - b.base);
		if (size) {
			assert_int_equal(x[0] | x[size - 1], 0); /* fresh: zero */
			memset(x, 0xff, size); /* overlap would show in the next */
		}
	}
	arena_destroy(&a);
	arena_destroy(&b);
}

static void a_terabyte_reserved_costs_nothing_until_touched(void **state)
{
	struct arena a;
	u8 *p;

	(void)state;
	assert_int_equal(arena_create(&a, 1ull << 40), 0);
	p = arena_carve(&a, 1ull << 40, 4096);
	assert_non_null(p);
	p[0] = 1;
	p[(1ull << 40) - 1] = 2;
	assert_int_equal(p[1ull << 39], 0);
	arena_destroy(&a);
}

static void discarded_pages_read_as_zero(void **state)
{
	struct arena a;
	u8 *p;

	(void)state;
	assert_int_equal(arena_create(&a, 1 << 20), 0);
	p = arena_carve(&a, 4 * 4096, 4096);
	memset(p, 0xff, 4 * 4096);
	assert_int_equal(arena_discard(p + 4096, 2 * 4096), 0);
	assert_int_equal(p[4095], 0xff);
	assert_int_equal(p[4096] | p[3 * 4096 - 1], 0);
	assert_int_equal(p[3 * 4096], 0xff);
	arena_destroy(&a);
}

/* What kills a child that writes at p. */
static int signal_of_touching(volatile u8 *p)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		*p = 1;
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void a_touch_of_a_guard_is_a_segv_and_its_neighbours_are_not(void **state)
{
	struct arena a;
	u8 *p;

	(void)state;
	assert_int_equal(arena_create(&a, 1 << 20), 0);
	p = arena_carve(&a, 3 * 4096, 4096);
	assert_int_equal(arena_guard(p + 4096, 4096), 0);
	assert_int_equal(signal_of_touching(p + 4096), SIGSEGV);
	assert_int_equal(signal_of_touching(p + 2 * 4096 - 1), SIGSEGV);
	assert_int_equal(signal_of_touching(p + 4095), 0);
	assert_int_equal(signal_of_touching(p + 2 * 4096), 0);
	assert_int_equal(arena_guard(p + 1, 4096), -EINVAL);
	arena_destroy(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(carving_ends_exactly_at_the_reservation),
		cmocka_unit_test(impossible_sizes_and_alignments_are_refused),
		cmocka_unit_test(offsets_depend_on_the_sequence_only),
		cmocka_unit_test(a_terabyte_reserved_costs_nothing_until_touched),
		cmocka_unit_test(discarded_pages_read_as_zero),
		cmocka_unit_test(a_touch_of_a_guard_is_a_segv_and_its_neighbours_are_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
