/* SPDX-License-Identifier: MIT */
/* The local APIC: timer modes, IPIs, priorities, error register; and the HPET's counter. */
#include <stdlib.h>

#include "fixture.h"

static struct machine *m;

static int setup(void **state)
{
	(void)state;
	m = fx_machine(3, "zen4", 16 << 20);
	for (unsigned i = 0; i < 3; i++)
		lapic_write(m->cpu[i], APIC_SPIV, 0x1ff);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	machine_destroy(m);
	return 0;
}

/* Run the machine to `time` with no CPU started: only events happen. */
static void events_until(u64 time)
{
	enum stop_reason r = engine_run(m, time);

	assert_true(r == STOP_LIMIT || r == STOP_DEADLOCK);
	m->stopped = STOP_NONE;
}

static bool pending(struct cpu *cpu, unsigned vector)
{
	return lapic_read(cpu, APIC_IRR + vector / 32 * 16) >> (vector % 32) & 1;
}

static void a_one_shot_fires_once_at_its_count(void **state)
{
	struct cpu *c = m->cpu[0];

	(void)state;
	lapic_write(c, APIC_TDCR, 3); /* by 16 */
	lapic_write(c, APIC_LVTT, 0x50);
	lapic_write(c, APIC_TMICT, 100);
	assert_int_equal(lapic_read(c, APIC_TMCCT), 100);
	c->now = 96 * 16 * 40 - 1;
	assert_int_equal(lapic_read(c, APIC_TMCCT), 61);
	c->now++;
	assert_int_equal(lapic_read(c, APIC_TMCCT), 60);
	events_until(96 * 16 * 100);
	assert_false(pending(c, 0x50));
	events_until(96 * 16 * 100 + 1);
	assert_true(pending(c, 0x50));
	assert_true(c->irq_line);
	c->now = 96 * 16 * 101;
	assert_int_equal(lapic_read(c, APIC_TMCCT), 0);
	assert_int_equal(lapic_ack(c), 0x50);
	events_until(96 * 16 * 1000);
	assert_false(pending(c, 0x50));
	/* A count of 0 stops a running timer. */
	lapic_write(c, APIC_TMICT, 10);
	lapic_write(c, APIC_TMICT, 0);
	assert_int_equal(engine_run(m, UINT64_MAX), STOP_DEADLOCK);
}

static void a_periodic_timer_never_drifts(void **state)
{
	struct cpu *c = m->cpu[0];

	(void)state;
	lapic_write(c, APIC_TDCR, 0xb); /* by 1 */
	lapic_write(c, APIC_LVTT, APIC_LVT_TIMER_PERIODIC | 0x51);
	lapic_write(c, APIC_TMICT, 1000);
	events_until(96 * 1000 * 50 + 1);
	assert_int_equal(c->lapic.nr_timer, 50);
	assert_int_equal(c->lapic.timer.time, 96 * 1000 * 51);
	c->now = 96 * 1000 * 50 + 96 * 10;
	assert_int_equal(lapic_read(c, APIC_TMCCT), 990);
	/* Masked, it goes on counting without events; unmasked, it keeps its phase. */
	lapic_write(c, APIC_LVTT, APIC_LVT_MASKED | APIC_LVT_TIMER_PERIODIC | 0x51);
	assert_false(event_pending(&c->lapic.timer));
	c->now = 96 * 1000 * 60 + 1;
	lapic_write(c, APIC_LVTT, APIC_LVT_TIMER_PERIODIC | 0x51);
	assert_int_equal(c->lapic.timer.time, 96 * 1000 * 61);
}

static void the_deadline_timer_compares_the_tsc(void **state)
{
	struct cpu *c = m->cpu[0];
	struct fault f;
	u64 v;

	(void)state;
	lapic_write(c, APIC_LVTT, APIC_LVT_TIMER_TSCDEADLINE | 0x52);
	assert_true(cpu_write_msr(c, MSR_TSC, 1000000, &f));
	assert_true(cpu_write_msr(c, MSR_TSC_DEADLINE, 1000500, &f));
	assert_int_equal(c->lapic.timer.time, 500);
	assert_true(cpu_write_msr(c, MSR_TSC, 1000100, &f)); /* the TSC jumps: nearer */
	assert_int_equal(c->lapic.timer.time, 400);
	events_until(401);
	assert_true(pending(c, 0x52));
	assert_true(cpu_read_msr(c, MSR_TSC_DEADLINE, &v, &f));
	assert_int_equal(v, 0);
	/*
	 * The initial count is ignored in this mode, a past deadline fires at once, 0 disarms,
	 * leaving the mode disarms.
	 */
	lapic_write(c, APIC_TMICT, 5);
	assert_false(event_pending(&c->lapic.timer));
	assert_true(cpu_write_msr(c, MSR_TSC_DEADLINE, 1, &f));
	assert_int_equal(c->lapic.timer.time, c->now);
	assert_true(cpu_write_msr(c, MSR_TSC_DEADLINE, 0, &f));
	assert_false(event_pending(&c->lapic.timer));
	assert_true(cpu_write_msr(c, MSR_TSC_DEADLINE, ~0ull, &f));
	lapic_write(c, APIC_LVTT, APIC_LVT_TIMER_ONESHOT | 0x52);
	assert_false(event_pending(&c->lapic.timer));
	assert_true(cpu_read_msr(c, MSR_TSC_DEADLINE, &v, &f));
	assert_int_equal(v, 0);
}

static void priorities_hold_back_lower_classes_until_eoi(void **state)
{
	struct cpu *c = m->cpu[0];
	struct fault f;

	(void)state;
	lapic_raise(c, 0x45, 0);
	lapic_raise(c, 0x61, 0);
	lapic_raise(c, 0x62, 0);
	assert_int_equal(lapic_ack(c), 0x62);
	assert_int_equal(lapic_read(c, APIC_PPR), 0x60);
	assert_false(c->irq_line); /* 0x61 is of the same class */
	lapic_raise(c, 0x71, 0);
	assert_true(c->irq_line);
	assert_int_equal(lapic_ack(c), 0x71);
	lapic_write(c, APIC_EOI, 0);
	assert_false(c->irq_line);
	lapic_write(c, APIC_EOI, 0);
	assert_int_equal(lapic_ack(c), 0x61);
	lapic_write(c, APIC_EOI, 0);
	/* The task priority: CR8 and TPR are one. */
	assert_true(cpu_write_cr8(c, 4, &f));
	assert_int_equal(lapic_read(c, APIC_TPR), 0x40);
	assert_false(c->irq_line);
	lapic_write(c, APIC_TPR, 0x3f);
	assert_int_equal(c->cr8, 3);
	assert_true(c->irq_line);
	assert_int_equal(lapic_ack(c), 0x45);
	assert_int_equal(lapic_ack(c), -1);
	assert_false(cpu_write_cr8(c, 16, &f));
}

static void a_vector_raised_while_in_service_comes_again(void **state)
{
	struct cpu *c = m->cpu[0];

	(void)state;
	lapic_raise(c, 0x45, 0);
	assert_int_equal(lapic_ack(c), 0x45);
	lapic_raise(c, 0x45, 0);
	lapic_raise(c, 0x45, 0);
	assert_false(c->irq_line);
	lapic_write(c, APIC_EOI, 0);
	assert_int_equal(lapic_ack(c), 0x45);
	lapic_write(c, APIC_EOI, 0);
	assert_int_equal(lapic_ack(c), -1);
}

static void send(struct cpu *from, u32 dest, u32 low)
{
	lapic_write(from, APIC_ICR2, dest << 24);
	lapic_write(from, APIC_ICR, low);
}

static void ipis_fly_and_arrive_where_they_were_sent(void **state)
{
	u64 flight = m->cost->cycles[COST_IPI];

	(void)state;
	m->cpu[1]->now = 1000;
	m->cpu[1]->pending_cost = 0;
	send(m->cpu[1], 0, 0xfd);
	events_until(1000 + flight);
	assert_false(pending(m->cpu[0], 0xfd));
	events_until(1000 + flight + 1);
	assert_true(pending(m->cpu[0], 0xfd));
	assert_false(pending(m->cpu[1], 0xfd));
	assert_false(pending(m->cpu[2], 0xfd));

	send(m->cpu[1], 7, APIC_DEST_ALLBUT | 0x80);
	send(m->cpu[1], 7, APIC_DEST_SELF | 0x81);
	send(m->cpu[1], 7, APIC_DEST_ALLINC | 0x82);
	send(m->cpu[1], 0xff, 0x83);
	send(m->cpu[1], 9, 0x84); /* nobody */
	lapic_write(m->cpu[2], APIC_LDR, 4u << 24);
	send(m->cpu[1], 6, 1u << 11 | 0x85); /* logical, flat */
	events_until(10000);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(pending(m->cpu[i], 0x80), i != 1);
		assert_int_equal(pending(m->cpu[i], 0x81), i == 1);
		assert_true(pending(m->cpu[i], 0x82));
		assert_true(pending(m->cpu[i], 0x83));
		assert_false(pending(m->cpu[i], 0x84));
		assert_int_equal(pending(m->cpu[i], 0x85), i == 2);
	}
}

static void an_ipi_joins_one_in_flight_and_none_is_lost_after_it(void **state)
{
	struct cpu *c = m->cpu[0];
	u64 flight = m->cost->cycles[COST_IPI];

	(void)state;
	m->cpu[1]->pending_cost = m->cpu[2]->pending_cost = 0;
	m->cpu[1]->now = 100;
	send(m->cpu[1], 0, 0x90);
	m->cpu[2]->now = 50; /* a CPU behind sends an earlier one: the arrival moves forward */
	send(m->cpu[2], 0, 0x90);
	assert_int_equal(c->lapic.ipi_event.time, 50 + flight);
	m->cpu[2]->now = 60;
	send(m->cpu[2], 0, 0x91);
	events_until(50 + flight + 1);
	assert_true(pending(c, 0x90));
	assert_false(pending(c, 0x91));
	assert_int_equal(lapic_ack(c), 0x90);
	events_until(100 + flight + 1);
	assert_false(pending(c, 0x90));
	assert_true(pending(c, 0x91));
	m->cpu[1]->now = 100 + flight + 10;
	send(m->cpu[1], 0, 0x90);
	events_until(100 + 3 * flight);
	assert_true(pending(c, 0x90));
	assert_int_equal(c->lapic.nr_ipi, 3);
}

static void an_nmi_ipi_is_an_nmi(void **state)
{
	(void)state;
	send(m->cpu[1], 0, APIC_ICR_NMI | 0x33);
	events_until(100000);
	assert_true(m->cpu[0]->nmi_pending);
	assert_true(m->cpu[0]->irq_line);
	assert_int_equal(lapic_ack(m->cpu[0]), -1);
}

static void errors_are_latched_by_a_write_and_interrupt_once(void **state)
{
	struct cpu *c = m->cpu[0];

	(void)state;
	lapic_write(c, APIC_LVTERR, 0xfe);
	send(c, 1, 5);
	assert_int_equal(lapic_read(c, APIC_ESR), 0);
	assert_true(pending(c, 0xfe));
	lapic_raise(c, 3, 0);
	lapic_write(c, APIC_ESR, 0);
	assert_int_equal(lapic_read(c, APIC_ESR), 1u << 5 | 1u << 6);
	lapic_write(c, APIC_ESR, 0);
	assert_int_equal(lapic_read(c, APIC_ESR), 0);
	lapic_read(c, 0x40);
	lapic_write(c, 0x3f0, 0);
	lapic_write(c, APIC_ESR, 0);
	assert_int_equal(lapic_read(c, APIC_ESR), 1u << 7);
}

static void a_disabled_apic_takes_nothing_and_masks_its_lvts(void **state)
{
	struct cpu *c = m->cpu[0];

	(void)state;
	lapic_write(c, APIC_LVTT, APIC_LVT_TIMER_PERIODIC | 0x51);
	lapic_write(c, APIC_TMICT, 1000);
	lapic_raise(c, 0x45, 0);
	lapic_write(c, APIC_SPIV, 0xff);
	assert_false(c->irq_line);
	assert_false(event_pending(&c->lapic.timer));
	assert_true(lapic_read(c, APIC_LVTT) & APIC_LVT_MASKED);
	lapic_raise(c, 0x46, 0);
	assert_false(pending(c, 0x46));
	lapic_write(c, APIC_SPIV, 0x1ff);
	assert_true(c->irq_line); /* what was pending is held */
	assert_int_equal(lapic_ack(c), 0x45);
}

/*
 * Random register writes: nothing but the registers moves, and the line is always what the
 * registers say.
 */
static void random_writes_keep_the_line_true(void **state)
{
	struct prng p;

	(void)state;
	prng_seed(&p, 5, 5);
	for (unsigned i = 0; i < 200000; i++) {
		struct cpu *c = m->cpu[prng_below(&p, 3)];
		u32 off = prng_below(&p, 8) ? prng_below(&p, 64) * 16 : prng_below(&p, 4096);
		bool want;

		if (off == APIC_SPIV && prng_below(&p, 4))
			off = APIC_EOI;
		lapic_write(c, off, prng_below(&p, 3) ? prng_u64(&p) & 0xc0fff : prng_u64(&p));
		lapic_read(c, prng_below(&p, 4096));
		if (prng_below(&p, 4) == 0)
			lapic_ack(c);
		if (i % 16 == 0) {
			u64 t = engine_now(m);

			for (unsigned k = 0; k < 3; k++)
				m->cpu[k]->now = t;
			engine_run(m, t + prng_below(&p, 2000));
			m->stopped = STOP_NONE;
		}
		want = lapic_has_interrupt(c) || (c->nmi_pending && !c->nmi_blocked);
		if (c->irq_line != want)
			fail_msg("step %u: line %d", i, c->irq_line);
	}
}

static void the_hpet_counts_14318180_hz_exactly(void **state)
{
	u64 now = 5000;

	(void)state;
	assert_int_equal(hpet_read(m, 0, 8, now) >> 32, HPET_PERIOD_FS);
	assert_int_equal(hpet_read(m, 0xf0, 8, now), 0);
	hpet_write(m, 0xf0, 8, 0xfffffff0, now);
	hpet_write(m, 0x10, 4, 1, now);
	assert_int_equal(hpet_read(m, 0xf0, 8, now), 0xfffffff0);
	/* One second of 2.4 GHz. */
	assert_int_equal(hpet_read(m, 0xf0, 8, now + 2400000000) - 0xfffffff0,
			 1000000000000000 / HPET_PERIOD_FS);
	assert_int_equal(hpet_read(m, 0xf4, 4, now + 2400000000), 1);
	/* Writes are ignored while it runs; stopping keeps the value. */
	hpet_write(m, 0xf0, 8, 0, now + 2400000000);
	hpet_write(m, 0x10, 8, 0, now + 2400000000);
	assert_int_equal(hpet_read(m, 0xf0, 8, ~0ull) - 0xfffffff0,
			 1000000000000000 / HPET_PERIOD_FS);
	/* Far away nothing overflows, and it never goes back. */
	hpet_write(m, 0x10, 8, 1, 0);
	u64 last = 0;
	for (unsigned i = 0; i < 60; i++) {
		u64 v = hpet_read(m, 0xf0, 8, 1ull << i);

		assert_true(v >= last);
		last = v;
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_one_shot_fires_once_at_its_count),
		T(a_periodic_timer_never_drifts),
		T(the_deadline_timer_compares_the_tsc),
		T(priorities_hold_back_lower_classes_until_eoi),
		T(a_vector_raised_while_in_service_comes_again),
		T(ipis_fly_and_arrive_where_they_were_sent),
		T(an_ipi_joins_one_in_flight_and_none_is_lost_after_it),
		T(an_nmi_ipi_is_an_nmi),
		T(errors_are_latched_by_a_write_and_interrupt_once),
		T(a_disabled_apic_takes_nothing_and_masks_its_lvts),
		T(random_writes_keep_the_line_true),
		T(the_hpet_counts_14318180_hz_exactly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
