/* SPDX-License-Identifier: MIT */
/* host/context: also built with the portable switch as host_test_context_portable. */
#include <fenv.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "host/arena.h"
#include "host/context.h"
#include "lib/bitmap.h"
#include "lib/prng.h"

#define STACK_BYTES (256u << 10)
#define FEW_STACKS 16

struct actor {
	struct ctx ctx, *back;
	struct arena *arena;
	u64 turns, sum;
	struct actor *next;
};

static void *stack_of(struct arena *a)
{
	void *lo = arena_carve(a, STACK_BYTES, STACK_BYTES);

	assert_non_null(lo);
	return lo;
}

static void ping(void *arg)
{
	struct actor *a = arg;

	for (;;) {
		a->turns++;
		ctx_switch(&a->ctx, a->back);
	}
}

static void ping_pong_returns_where_it_left(void **state)
{
	struct arena ar;
	struct ctx self = { 0 };
	struct actor a = { .back = &self };

	(void)state;
	assert_int_equal(arena_create(&ar, FEW_STACKS * STACK_BYTES), 0);
	ctx_init(&a.ctx, stack_of(&ar), STACK_BYTES, ping, &a);
	for (u64 i = 1; i <= 20000; i++) {
		ctx_switch(&self, &a.ctx);
		assert_int_equal(a.turns, i);
	}
	ctx_fini(&a.ctx);
	arena_destroy(&ar);
}

/* Fill the frame with values that live across the switch; a lost callee-saved register shows. */
static void keep_values(void *arg)
{
	struct actor *a = arg;
	u64 v0 = 1, v1 = 2, v2 = 3, v3 = 4, v4 = 5, v5 = 6, v6 = 7;

	for (;;) {
		v0 += 1, v1 += v0, v2 += v1, v3 += v2, v4 += v3, v5 += v4, v6 += v5;
		a->sum = v0 ^ v1 ^ v2 ^ v3 ^ v4 ^ v5 ^ v6;
		ctx_switch(&a->ctx, &a->next->ctx);
	}
}

static void last_of_ring(void *arg)
{
	struct actor *a = arg;

	for (;;) {
		a->turns++;
		ctx_switch(&a->ctx, a->back);
	}
}

static void registers_survive_a_ring_of_contexts(void **state)
{
	struct actor a[8] = { 0 };
	struct ctx self = { 0 };
	struct arena ar;
	u64 v[7] = { 1, 2, 3, 4, 5, 6, 7 };

	(void)state;
	assert_int_equal(arena_create(&ar, FEW_STACKS * STACK_BYTES), 0);
	for (int i = 0; i < 8; i++) {
		a[i].back = &self;
		a[i].next = i < 7 ? &a[i + 1] : NULL;
		ctx_init(&a[i].ctx, stack_of(&ar), STACK_BYTES, i < 7 ? keep_values : last_of_ring,
			 &a[i]);
	}
	for (int round = 1; round <= 2000; round++) {
		u64 want;

		ctx_switch(&self, &a[0].ctx);
		v[0] += 1;
		for (int i = 1; i < 7; i++)
			v[i] += v[i - 1];
		want = v[0] ^ v[1] ^ v[2] ^ v[3] ^ v[4] ^ v[5] ^ v[6];
		for (int i = 0; i < 7; i++)
			assert_int_equal(a[i].sum, want);
		assert_int_equal(a[7].turns, round);
	}
	for (int i = 0; i < 8; i++)
		ctx_fini(&a[i].ctx);
	arena_destroy(&ar);
}

/* Use nearly the whole stack, in frames of 1 KiB, switching away at the deepest point of each. */
static __noinline u64 dive(struct actor *a, u64 depth)
{
	volatile u8 frame[512];

	frame[0] = frame[511] = (u8)depth;
	if (depth == 0)
		ctx_switch(&a->ctx, a->back);
	else
		a->sum += dive(a, depth - 1);
	return frame[0] + frame[511];
}

static void diver(void *arg)
{
	struct actor *a = arg;

	for (;;) {
		a->sum = 0;
		a->sum += dive(a, 100);
		a->turns++;
		ctx_switch(&a->ctx, a->back);
	}
}

static void deep_frames_survive_being_left(void **state)
{
	struct actor a[4] = { 0 };
	struct ctx self = { 0 };
	struct arena ar;

	(void)state;
	assert_int_equal(arena_create(&ar, FEW_STACKS * STACK_BYTES), 0);
	for (int i = 0; i < 4; i++) {
		a[i].back = &self;
		ctx_init(&a[i].ctx, stack_of(&ar), STACK_BYTES, diver, &a[i]);
	}
	for (int round = 0; round < 20; round++)
		for (int i = 0; i < 4; i++)
			ctx_switch(&self, &a[i].ctx);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(a[i].turns, 10);
		assert_int_equal(a[i].sum, 2 * (100 * 101 / 2));
		ctx_fini(&a[i].ctx);
	}
	arena_destroy(&ar);
}

static void nest(void *arg)
{
	struct actor *a = arg;

	/* Not the embedder but another context made this one: it goes back to its maker. */
	for (;;) {
		if (a->next) {
			a->next->back = &a->ctx;
			ctx_switch(&a->ctx, &a->next->ctx);
		}
		a->turns++;
		ctx_switch(&a->ctx, a->back);
	}
}

static void a_context_may_enter_another(void **state)
{
	struct actor a[6] = { 0 };
	struct ctx self = { 0 };
	struct arena ar;

	(void)state;
	assert_int_equal(arena_create(&ar, FEW_STACKS * STACK_BYTES), 0);
	for (int i = 0; i < 6; i++) {
		a[i].next = i < 5 ? &a[i + 1] : NULL;
		ctx_init(&a[i].ctx, stack_of(&ar), STACK_BYTES, nest, &a[i]);
	}
	a[0].back = &self;
	for (int i = 1; i <= 100; i++)
		ctx_switch(&self, &a[0].ctx);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(a[i].turns, 100);
		ctx_fini(&a[i].ctx);
	}
	arena_destroy(&ar);
}

static void used_stack_may_be_prepared_again(void **state)
{
	struct arena ar;
	struct ctx self = { 0 };
	void *lo;

	(void)state;
	assert_int_equal(arena_create(&ar, FEW_STACKS * STACK_BYTES), 0);
	lo = stack_of(&ar);
	for (int i = 0; i < 50; i++) { /* left in the middle of a dive each time, never finished */
		struct actor a = { .back = &self };

		ctx_init(&a.ctx, lo, STACK_BYTES, diver, &a);
		ctx_switch(&self, &a.ctx);
		assert_int_equal(a.turns, 0);
		ctx_fini(&a.ctx);
	}
	memset(lo, 0, STACK_BYTES); /* no mark of a sanitizer is left */
	arena_destroy(&ar);
}

static void rounding_mode_belongs_to_the_context(void **state)
{
	struct arena ar;
	struct ctx self = { 0 };
	struct actor a = { .back = &self };

	(void)state;
	assert_int_equal(arena_create(&ar, FEW_STACKS * STACK_BYTES), 0);
	ctx_init(&a.ctx, stack_of(&ar), STACK_BYTES, ping, &a);
	ctx_switch(&self, &a.ctx);
	fesetround(FE_UPWARD); /* mine; the other context stays at nearest */
	for (int i = 0; i < 3; i++) {
		ctx_switch(&self, &a.ctx);
		assert_int_equal(fegetround(), FE_UPWARD);
	}
	fesetround(FE_TONEAREST);
	ctx_fini(&a.ctx);
	arena_destroy(&ar);
}

static void alignment(void *arg)
{
	struct actor *a = arg;

	for (;;) {
		_Alignas(16) volatile u8 v[16];

		/* What the ABI promises to code that uses aligned vectors on its stack. */
		a->sum = (uintptr_t)v % 16 + (uintptr_t)__builtin_frame_address(0) % 16;
		ctx_switch(&a->ctx, a->back);
	}
}

static void first_frame_is_aligned_for_odd_stack_sizes(void **state)
{
	struct arena ar;
	struct ctx self = { 0 };

	(void)state;
	assert_int_equal(arena_create(&ar, FEW_STACKS * STACK_BYTES), 0);
	for (u64 odd = 0; odd < 40; odd += 7) {
		struct actor a = { .back = &self, .sum = 1 };

		ctx_init(&a.ctx, stack_of(&ar), STACK_BYTES - odd, alignment, &a);
		ctx_switch(&self, &a.ctx);
		assert_int_equal(a.sum, 0);
		ctx_fini(&a.ctx);
	}
	arena_destroy(&ar);
}

/* The embedder enters the same context from threads of its own, one after the other. */
struct visit {
	struct actor *a;
};
static void *enter_from_thread(void *arg)
{
	struct actor *a = ((struct visit *)arg)->a;
	struct ctx self = { 0 };

	a->back = &self;
	ctx_switch(&self, &a->ctx);
	return NULL;
}

static void a_context_may_move_between_threads(void **state)
{
	struct arena ar;
	struct actor a = { 0 };
	struct visit v = { &a };

	(void)state;
	assert_int_equal(arena_create(&ar, FEW_STACKS * STACK_BYTES), 0);
	ctx_init(&a.ctx, stack_of(&ar), STACK_BYTES, ping, &a);
	for (u64 i = 1; i <= 20; i++) {
		pthread_t t;

		assert_int_equal(pthread_create(&t, NULL, enter_from_thread, &v), 0);
		pthread_join(t, NULL);
		assert_int_equal(a.turns, i);
	}
	ctx_fini(&a.ctx);
	arena_destroy(&ar);
}

static void seeded_random_switching_runs_every_context_as_often_as_asked(void **state)
{
	enum { N = 12 };
	struct actor a[N] = { 0 };
	struct ctx self = { 0 };
	u64 want[N] = { 0 };
	struct arena ar;
	struct prng p;

	(void)state;
	prng_seed(&p, 5, 3);
	assert_int_equal(arena_create(&ar, FEW_STACKS * STACK_BYTES), 0);
	for (int i = 0; i < N; i++) {
		a[i].back = &self;
		ctx_init(&a[i].ctx, stack_of(&ar), STACK_BYTES, ping, &a[i]);
	}
	for (int i = 0; i < 20000; i++) {
		u64 k = prng_below(&p, N);

		want[k]++;
		ctx_switch(&self, &a[k].ctx);
	}
	for (int i = 0; i < N; i++) {
		assert_int_equal(a[i].turns, want[i]);
		ctx_fini(&a[i].ctx);
	}
	arena_destroy(&ar);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ping_pong_returns_where_it_left),
		cmocka_unit_test(registers_survive_a_ring_of_contexts),
		cmocka_unit_test(deep_frames_survive_being_left),
		cmocka_unit_test(a_context_may_enter_another),
		cmocka_unit_test(used_stack_may_be_prepared_again),
		cmocka_unit_test(rounding_mode_belongs_to_the_context),
		cmocka_unit_test(first_frame_is_aligned_for_odd_stack_sizes),
		cmocka_unit_test(a_context_may_move_between_threads),
		cmocka_unit_test(seeded_random_switching_runs_every_context_as_often_as_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
