/* SPDX-License-Identifier: MIT */
/*
 * Trace records: the digest depends on the digested records alone, never on when it was asked for
 * or on who listens.
 */
#include <stdlib.h>

#include <xxhash.h>

#include "fixture.h"

static void emit_some(struct machine *m, u64 seed, unsigned n, bool ask)
{
	struct prng p;

	prng_seed(&p, seed, 1);
	for (unsigned i = 0; i < n; i++) {
		u64 a = prng_u64(&p), b = prng_u64(&p);

		m->cpu[0]->now = i * 3;
		trace_emit(m, m->cpu[0], TRACE_SCHED_SWITCH + prng_below(&p, 20), i, a, b);
		if (prng_below(&p, 5) == 0 && ask)
			(void)trace_digest(&m->trace);
	}
}

static void the_digest_does_not_depend_on_when_it_is_asked_for(void **state)
{
	static const unsigned sizes[] = { 0, 1, 1023, 1024, 1025, 5000 };

	(void)state;
	for (unsigned k = 0; k < ARRAY_SIZE(sizes); k++) {
		struct machine *a = fx_machine(1, "zero", 16 << 20),
			       *b = fx_machine(1, "zero", 16 << 20);

		emit_some(a, 7, sizes[k], false);
		emit_some(b, 7, sizes[k], true);
		assert_int_equal(trace_digest(&a->trace), trace_digest(&b->trace));
		assert_int_equal(a->trace.nr_events, sizes[k]);
		trace_emit(b, b->cpu[0], TRACE_SCHED_SWITCH, 0, 0, 0);
		assert_int_not_equal(trace_digest(&a->trace), trace_digest(&b->trace));
		machine_destroy(a);
		machine_destroy(b);
	}
}

static void the_digest_is_a_chain_of_xxh3_over_32_byte_records(void **state)
{
	struct machine *m = fx_machine(1, "zero", 16 << 20);
	static u8 bytes[1500][32];
	u64 want = m->trace.digest;

	(void)state;
	for (u64 i = 0; i < 1500; i++) {
		u8 *r = bytes[i];

		m->cpu[0]->now = i << 8;
		trace_emit(m, m->cpu[0], TRACE_PIPE_WRITE, 0x01020304, i, ~i);
		for (unsigned k = 0; k < 8; k++) {
			r[k] = (i << 8) >> (8 * k);
			r[16 + k] = i >> (8 * k);
			r[24 + k] = ~i >> (8 * k);
		}
		r[8] = TRACE_PIPE_WRITE;
		r[12] = 4, r[13] = 3, r[14] = 2, r[15] = 1;
	}
	want = XXH3_64bits_withSeed(bytes, 1024 * 32, want);
	want = XXH3_64bits_withSeed(bytes[1024], (1500 - 1024) * 32, want);
	assert_int_equal(trace_digest(&m->trace), want);
	machine_destroy(m);
}

static unsigned heard;
static void listener(void *arg, const struct trace_record *r)
{
	assert_ptr_equal(arg, &heard);
	assert_true(r->id < TRACE_NR);
	heard++;
}

static void listeners_and_undigested_records_leave_the_digest_alone(void **state)
{
	struct machine *a = fx_machine(1, "zero", 16 << 20), *b = fx_machine(1, "zero", 16 << 20);

	(void)state;
	heard = 0;
	b->trace.listener = listener;
	b->trace.listener_arg = &heard;
	b->trace.enabled[0] = 1ull << TRACE_MM_PAGE_ALLOC;
	assert_true(trace_wanted(&b->trace, TRACE_MM_PAGE_ALLOC));
	assert_false(trace_wanted(&a->trace, TRACE_MM_PAGE_ALLOC));
	for (unsigned i = 0; i < 3000; i++) {
		trace_emit(a, NULL, TRACE_SYS_ENTER, 1, i, 0);
		trace_emit(b, NULL, TRACE_SYS_ENTER, 1, i, 0);
		trace_emit(b, NULL, TRACE_MM_PAGE_ALLOC, 1, i, 0);
	}
	assert_int_equal(trace_digest(&a->trace), trace_digest(&b->trace));
	assert_int_equal(heard, 6000);
	assert_int_equal(b->trace.nr_events, 3000);
	assert_int_equal(b->trace.count[TRACE_MM_PAGE_ALLOC], 3000);
	machine_destroy(a);
	machine_destroy(b);
}

static void the_seed_is_part_of_the_digest(void **state)
{
	struct machine_config cfg = {
		.nr_cpus = 1, .ram_bytes = 16 << 20, .seed = 1, .costs = cost_profile("zero")
	};
	struct machine *a, *b;

	(void)state;
	assert_int_equal(machine_create(&cfg, &a), 0);
	cfg.seed = 2;
	assert_int_equal(machine_create(&cfg, &b), 0);
	assert_int_not_equal(trace_digest(&a->trace), trace_digest(&b->trace));
	machine_destroy(a);
	machine_destroy(b);
}

static void every_id_has_linuxs_name_and_the_digested_set_is_fixed(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TRACE_NR; i++) {
		assert_non_null(trace_name(i));
		assert_int_equal(trace_digested(i),
				 i < TRACE_MM_PAGE_ALLOC || i == TRACE_FAULT_INJECTED);
	}
	assert_null(trace_name(TRACE_NR));
	assert_string_equal(trace_name(TRACE_SCHED_SWITCH), "sched_switch");
	assert_string_equal(trace_name(TRACE_PAGE_FAULT_USER), "page_fault_user");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_digest_does_not_depend_on_when_it_is_asked_for),
		cmocka_unit_test(the_digest_is_a_chain_of_xxh3_over_32_byte_records),
		cmocka_unit_test(listeners_and_undigested_records_leave_the_digest_alone),
		cmocka_unit_test(the_seed_is_part_of_the_digest),
		cmocka_unit_test(every_id_has_linuxs_name_and_the_digested_set_is_fixed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
