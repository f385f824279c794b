/* SPDX-License-Identifier: MIT */
/*
 * Machines as a whole: creation and its failures, memory map, conversions, stacks, CPUID, two
 * machines side by side.
 */
#include <stdlib.h>

#include "fixture.h"

static void bad_configurations_are_refused(void **state)
{
	struct machine_config good = { .nr_cpus = 1,
				       .ram_bytes = 16 << 20,
				       .costs = cost_profile("zero") },
			      c;
	struct machine *m = (struct machine *)1;

	(void)state;
	assert_int_equal(machine_create(NULL, &m), -EINVAL);
	assert_int_equal(machine_create(&good, NULL), -EINVAL);
#define REFUSED(field, value)                                                                      \
	do {                                                                                       \
		c = good;                                                                          \
		c.field = (value);                                                                 \
		assert_int_equal(machine_create(&c, &m), -EINVAL);                                 \
	} while (0)
	REFUSED(nr_cpus, 0);
	REFUSED(nr_cpus, MACHINE_MAX_CPUS + 1);
	REFUSED(ram_bytes, 0);
	REFUSED(ram_bytes, (16 << 20) - 4096);
	REFUSED(ram_bytes, (16 << 20) + 1);
	REFUSED(ram_bytes, 1ull << 60);
	REFUSED(max_stacks, 2);
	REFUSED(costs, NULL);
	good.costs = cost_profile("skylake");
	REFUSED(ram_bytes, 1ull << 46); /* the hole pushes the end past MAXPHYADDR */
	assert_ptr_equal(m, (struct machine *)1);
	assert_null(cost_profile("pentium"));
	assert_null(cost_profile(NULL));
	machine_destroy(NULL);
}

static void big_machines_cost_only_what_is_touched(void **state)
{
	struct machine *m = fx_machine(64, "zen4", 256ull << 30);

	(void)state;
	assert_int_equal(m->phys_end, (257ull << 30));
	assert_int_equal(m->ram[m->phys_end - 1], 0);
	m->ram[m->phys_end - 1] = 1;
	assert_true(m->arena.used_bytes <= m->arena.size_bytes);
	machine_destroy(m);
}

static void ram_has_a_hole_below_4_gib(void **state)
{
	struct machine *m = fx_machine(1, "zero", 5ull << 30);

	(void)state;
	assert_int_equal(m->phys_end, 6ull << 30);
	assert_true(phys_is_ram(m, 0, 3ull << 30));
	assert_false(phys_is_ram(m, 0, (3ull << 30) + 1));
	assert_true(phys_is_ram(m, RAM_LOW_LIMIT - 1, 1));
	assert_false(phys_is_ram(m, RAM_LOW_LIMIT - 1, 2));
	assert_false(phys_is_ram(m, LAPIC_BASE, 1));
	assert_false(phys_is_ram(m, RAM_HIGH_BASE - 1, 1));
	assert_true(phys_is_ram(m, RAM_HIGH_BASE, 2ull << 30));
	assert_false(phys_is_ram(m, RAM_HIGH_BASE, (2ull << 30) + 1));
	assert_false(phys_is_ram(m, 6ull << 30, 1));
	assert_false(phys_is_ram(m, ~0ull, 8));
	assert_false(phys_is_ram(m, 4096, ~0ull));
	machine_destroy(m);
	m = fx_machine(1, "zero", 16 << 20);
	assert_false(phys_is_ram(m, RAM_HIGH_BASE, 1));
	assert_false(phys_is_ram(m, 16 << 20, 0x1000));
	machine_destroy(m);
}

static void conversions_are_exact_and_deadlines_round_up(void **state)
{
	static const char *const profiles[] = { "zen4", "skylake", "zero" };
	struct prng p;

	(void)state;
	prng_seed(&p, 1, 1);
	for (unsigned k = 0; k < 3; k++) {
		struct machine *m = fx_machine(1, profiles[k], 16 << 20);
		u64 khz = m->cost->tsc_khz;

		for (unsigned i = 0; i < 100000; i++) {
			u64 v = prng_u64(&p) >> (2 + prng_below(&p, 62));
			u128 up = ((u128)v * khz + 999999) / 1000000;

			assert_int_equal(ns_to_cycles(m, v), up);
			assert_int_equal(cycles_to_ns(m, v), (u64)((u128)v * 1000000 / khz));
			assert_true(cycles_to_ns(m, ns_to_cycles(m, v)) >= v);
		}
		if (khz > 2000000) /* the end of time, not an early deadline */
			assert_int_equal(ns_to_cycles(m, 1ull << 63), ~0ull);
		machine_destroy(m);
	}
}

static void never(void *arg)
{
	(void)arg;
	for (;;)
		engine_halt(this_cpu());
}

static void stacks_are_aligned_reused_and_limited(void **state)
{
	struct machine_config cfg = {
		.nr_cpus = 1, .ram_bytes = 16 << 20, .max_stacks = 10, .costs = cost_profile("zero")
	};
	struct machine *m;
	struct stack *s[10];
	unsigned n = 0;

	(void)state;
	assert_int_equal(machine_create(&cfg, &m), 0);
	while (n < 10 && (s[n] = stack_alloc(m, never, NULL)))
		n++;
	assert_int_equal(n, 8); /* two are the engine's */
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal((uintptr_t)s[i] % STACK_SIZE, 0);
		assert_ptr_equal(s[i]->m, m);
		assert_null(s[i]->cpu);
	}
	stack_free(m, s[3]);
	assert_ptr_equal(stack_alloc(m, never, NULL), s[3]);
	assert_null(stack_alloc(m, never, NULL));
	machine_destroy(m);
}

static void smash(void *arg)
{
	u8 *canary = (u8 *)stack_here() + STACK_HEADER_BYTES + STACK_GUARD_BYTES;

	(void)arg;
	stack_check();
	canary[STACK_CANARY_BYTES - 1] ^= 1;
	stack_check();
}

static void a_dead_canary_is_a_panic(void **state)
{
	struct machine *m = fx_machine(1, "zero", 16 << 20);

	(void)state;
	assert_int_equal(machine_call(m, smash, NULL), -EIO);
	assert_non_null(strstr(m->panic_text, "canary"));
	machine_destroy(m);
}

/* --- switching --- */

static unsigned order[16], nr_order;
static struct stack *pong_stack, *main_stack;

static void pong(void *arg)
{
	struct cpu *c = this_cpu();

	assert_ptr_equal(arg, &order);
	for (;;) {
		order[nr_order++] = 2;
		assert_ptr_equal(c->stack, stack_here());
		assert_ptr_equal(stack_here()->cpu, c);
		assert_null(main_stack->cpu);
		stack_switch(c, stack_here(), main_stack);
	}
}

static void ping(void *arg)
{
	struct cpu *c = this_cpu();

	(void)arg;
	main_stack = stack_here();
	pong_stack = stack_alloc(c->m, pong, &order);
	nr_order = 0;
	for (unsigned i = 0; i < 4; i++) {
		order[nr_order++] = 1;
		stack_switch(c, main_stack, pong_stack);
		assert_ptr_equal(this_cpu(), c);
		assert_null(pong_stack->cpu);
	}
	stack_free(c->m, pong_stack);
}

static void stacks_switch_to_and_fro(void **state)
{
	struct machine *m = fx_machine(1, "zero", 16 << 20);

	(void)state;
	assert_int_equal(machine_call(m, ping, NULL), 0);
	assert_int_equal(nr_order, 8);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(order[i], 1 + i % 2);
	machine_destroy(m);
}

/* --- CPUID --- */

static void cpuid_names_what_is_there(void **state)
{
	static const char *const vendors[][2] = { { "zen4", "AuthenticAMD" },
						  { "skylake", "GenuineIntel" },
						  { "zero", "osimosimosim" } };
	u32 r[4];
	char text[49] = "";

	(void)state;
	for (unsigned k = 0; k < 3; k++) {
		struct machine *m = fx_machine(2, vendors[k][0], 16 << 20);
		struct cpu *c = m->cpu[1];

		cpu_cpuid(c, 0, 0, r);
		memcpy(text, &r[1], 4);
		memcpy(text + 4, &r[3], 4);
		memcpy(text + 8, &r[2], 4);
		text[12] = 0;
		assert_string_equal(text, vendors[k][1]);
		cpu_cpuid(c, 1, 0, r);
		assert_int_equal(r[0], m->cost->signature);
		assert_int_equal(r[1] >> 24, 1);
		assert_int_equal(
			r[3],
			/* fpu tsc msr pae cx8 apic pge cmov pat clflush mmx fxsr sse sse2 */
			0x0789a371);
		assert_false(r[2] & (1u << 27 | 1u << 28 | 1u << 26 | 1u << 0 |
				     1u << 19)); /* osxsave avx xsave sse3 sse4.1 */
		assert_true(r[2] & 1u << 13);
		cpu_cpuid(c, 7, 0, r);
		assert_false(r[1] & (1u << 9 | 1u << 5)); /* erms avx2 */
		cpu_cpuid(c, 0x80000001, 0, r);
		assert_int_equal(r[3] & (1u << 11 | 1u << 20 | 1u << 29),
				 1u << 11 | 1u << 20 | 1u << 29);
		cpu_cpuid(c, 0x80000008, 0, r);
		assert_int_equal(r[0] & 0xff, m->cost->maxphyaddr);
		cpu_cpuid(c, 0x12345678, 0, r);
		assert_int_equal(r[0] | r[1] | r[2] | r[3], 0);
		for (unsigned i = 0; i < 3; i++) {
			cpu_cpuid(c, 0x80000002 + i, 0, r);
			memcpy(text + 16 * i, r, 16);
		}
		text[48] = 0;
		assert_string_equal(text, m->cost->brand);
		machine_destroy(m);
	}
}

static void every_cost_has_a_name_and_a_source_and_zero_stops_no_clock(void **state)
{
	const struct cost_profile *z = cost_profile("zero");

	(void)state;
	for (unsigned i = 0; i < COST_NR; i++) {
		assert_non_null(cost_row(i)->name);
		assert_true(strlen(cost_row(i)->source) > 10);
		assert_int_equal(z->cycles[i],
				 i == COST_INSN || i == COST_GATE || i == COST_LOCK_RETRY);
		assert_true(cost_profile("zen4")->cycles[i] > 0);
		assert_true(cost_profile("skylake")->cycles[i] > 0);
	}
	assert_null(cost_row(COST_NR));
}

/* --- two machines --- */

static void work(void *arg)
{
	struct prng p;

	(void)arg;
	prng_seed(&p, this_machine()->cfg.seed, this_cpu()->index);
	for (;;) {
		struct cpu *c = this_cpu();
		u32 dest = prng_below(&p, 2), vector = 0x40 + prng_below(&p, 8);

		trace_emit(c->m, c, TRACE_SCHED_SWITCH, c->index, prng_u64(&p), c->now);
		if (prng_below(&p, 3) == 0)
			lapic_icr(c, dest, vector);
		if (c->irq_line)
			trace_emit(c->m, c, TRACE_IRQ_VECTOR_ENTRY, 0, (u64)lapic_ack(c), 0);
		charge_cycles(1 + prng_below(&p, 700));
	}
}

static struct machine *working_machine(u64 seed)
{
	struct machine_config cfg = { .nr_cpus = 2,
				      .ram_bytes = 16 << 20,
				      .seed = seed,
				      .max_stacks = 16,
				      .costs = cost_profile("zen4") };
	struct machine *m;

	assert_int_equal(machine_create(&cfg, &m), 0);
	for (unsigned i = 0; i < 2; i++) {
		lapic_write(m->cpu[i], APIC_SPIV, 0x1ff);
		m->cpu[i]->stack = stack_alloc(m, work, NULL);
		engine_start_cpu(m->cpu[i], 0);
	}
	return m;
}

static void machines_side_by_side_do_not_meet(void **state)
{
	struct machine *alone[2], *mixed[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		alone[i] = working_machine(i + 1);
		assert_int_equal(engine_run(alone[i], 1000000), STOP_LIMIT);
		mixed[i] = working_machine(i + 1);
	}
	for (u64 t = 0; t <= 1000000; t += 1000)
		for (unsigned i = 0; i < 2; i++)
			assert_int_equal(engine_run(mixed[i], t), STOP_LIMIT);
	for (unsigned i = 0; i < 2; i++) {
		assert_true(alone[i]->trace.nr_events > 4000);
		assert_int_equal(alone[i]->trace.nr_events, mixed[i]->trace.nr_events);
		assert_int_equal(trace_digest(&alone[i]->trace), trace_digest(&mixed[i]->trace));
	}
	assert_int_not_equal(trace_digest(&alone[0]->trace), trace_digest(&alone[1]->trace));
	for (unsigned i = 0; i < 2; i++) {
		machine_destroy(alone[i]);
		machine_destroy(mixed[i]);
	}
}

/* The digest above as a number: the same from every compiler, optimisation level and host. */
static void the_engines_digest_is_the_same_on_every_build(void **state)
{
	struct machine *m = working_machine(1);

	(void)state;
	assert_int_equal(engine_run(m, 1000000), STOP_LIMIT);
	assert_int_equal(trace_digest(&m->trace), 0x0f8d30d3c30f9da5ull);
	machine_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_configurations_are_refused),
		cmocka_unit_test(big_machines_cost_only_what_is_touched),
		cmocka_unit_test(ram_has_a_hole_below_4_gib),
		cmocka_unit_test(conversions_are_exact_and_deadlines_round_up),
		cmocka_unit_test(stacks_are_aligned_reused_and_limited),
		cmocka_unit_test(a_dead_canary_is_a_panic),
		cmocka_unit_test(stacks_switch_to_and_fro),
		cmocka_unit_test(cpuid_names_what_is_there),
		cmocka_unit_test(every_cost_has_a_name_and_a_source_and_zero_stops_no_clock),
		cmocka_unit_test(machines_side_by_side_do_not_meet),
		cmocka_unit_test(the_engines_digest_is_the_same_on_every_build),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
