/* SPDX-License-Identifier: MIT */
/* The engine: who acts when; what stops a machine; machine_call. Seeded runs print their seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hw/cpu.h"
#include "hw/machine.h"
#include "lib/errno.h"
#include "lib/prng.h"

#define LOG_MAX 8192

struct log_entry {
	u64 time, who;
};
static struct log_entry events_log[LOG_MAX];
static unsigned nr_log;

static void log_add(u64 time, u32 who)
{
	assert_true(nr_log < LOG_MAX);
	events_log[nr_log++] = (struct log_entry){ time, who };
}

static struct machine *machine(u32 cpus, u64 quantum_ns)
{
	struct machine_config cfg = {
		.nr_cpus = cpus,
		.ram_bytes = 16 << 20,
		.seed = 1,
		.quantum_ns = quantum_ns,
		.max_stacks = 64,
		.costs = cost_profile("zero"),
	};
	struct machine *m = NULL;

	assert_int_equal(machine_create(&cfg, &m), 0);
	nr_log = 0;
	return m;
}

static void start(struct machine *m, unsigned cpu, u64 at, void (*fn)(void *), void *arg)
{
	struct stack *s = stack_alloc(m, fn, arg);

	assert_non_null(s);
	m->cpu[cpu]->stack = s;
	engine_start_cpu(m->cpu[cpu], at);
}

/* --- events --- */

struct my_event {
	struct event e;
	u32 id;
};

static void log_event(struct machine *m, struct event *e)
{
	(void)m;
	log_add(e->time, ((struct my_event *)e)->id);
}

static void events_fire_in_order_of_time_class_source_and_sequence(void **state)
{
	struct machine *m = machine(1, 0);
	static struct my_event ev[6];

	(void)state;
	memset(ev, 0, sizeof(ev));
	for (unsigned i = 0; i < 6; i++)
		ev[i].id = i;
	event_schedule(m, &ev[0].e, EV_DEVICE, 1, 100, log_event);
	event_schedule(m, &ev[1].e, EV_TIMER, 5, 100, log_event);
	event_schedule(m, &ev[2].e, EV_TIMER, 2, 100, log_event);
	event_schedule(m, &ev[3].e, EV_DEVICE, 1, 100, log_event);
	event_schedule(m, &ev[4].e, EV_HOST, 0, 50, log_event);
	event_schedule(m, &ev[5].e, EV_IPI, 0, 100, log_event);
	assert_int_equal(engine_run(m, UINT64_MAX), STOP_DEADLOCK);
	assert_int_equal(nr_log, 6);
	static const u32 want[] = { 4, 2, 1, 5, 0, 3 };
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(events_log[i].who, want[i]);
	machine_destroy(m);
}

static int by_time_then_seq(const void *a, const void *b)
{
	const struct event *x = &((const struct my_event *)a)->e,
			   *y = &((const struct my_event *)b)->e;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	if (x->class_source != y->class_source)
		return x->class_source < y->class_source ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static void a_thousand_random_events_match_a_sorted_model(void **state)
{
	static struct my_event ev[1000], model[1000];
	struct prng p;

	(void)state;
	for (u64 seed = 1; seed <= 5; seed++) {
		struct machine *m = machine(1, 0);
		unsigned n = 0;

		prng_seed(&p, seed, 1);
		memset(ev, 0, sizeof(ev));
		for (unsigned i = 0; i < 1000; i++) {
			ev[i].id = i;
			event_schedule(m, &ev[i].e, prng_below(&p, 4), prng_below(&p, 3),
				       prng_below(&p, 300), log_event);
		}
		for (unsigned i = 0; i < 300;
		     i++) { /* move some, cancel some, schedule some again */
			struct my_event *e = &ev[prng_below(&p, 1000)];

			if (prng_below(&p, 2))
				event_cancel(m, &e->e);
			else
				event_schedule(m, &e->e, prng_below(&p, 4), prng_below(&p, 3),
					       prng_below(&p, 300), log_event);
		}
		for (unsigned i = 0; i < 1000; i++)
			if (event_pending(&ev[i].e))
				model[n++] = ev[i];
		qsort(model, n, sizeof(model[0]), by_time_then_seq);
		assert_int_equal(engine_run(m, UINT64_MAX), STOP_DEADLOCK);
		if (nr_log != n)
			fail_msg("seed %llu: %u events fired, %u expected",
				 (unsigned long long)seed, nr_log, n);
		for (unsigned i = 0; i < n; i++)
			if (events_log[i].who != model[i].id)
				fail_msg("seed %llu: event %u is %u, not %u",
					 (unsigned long long)seed, i, (u32)events_log[i].who,
					 model[i].id);
		machine_destroy(m);
	}
}

/* --- CPUs --- */

struct worker {
	u32 steps;
	u64 step_cycles;
};

static void worker_fn(void *arg)
{
	struct worker *w = arg;

	for (u32 i = 0; i < w->steps; i++) {
		log_add(this_cpu()->now, this_cpu()->index);
		charge_cycles(w->step_cycles);
	}
	for (;;)
		engine_halt(this_cpu());
}

static void quantum_zero_interleaves_exactly_and_ties_go_to_the_lower_index(void **state)
{
	struct machine *m = machine(3, 0);
	struct worker w[3] = { { 40, 7 }, { 40, 5 }, { 40, 7 } };

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		start(m, i, 10, worker_fn, &w[i]);
	assert_int_equal(engine_run(m, UINT64_MAX), STOP_DEADLOCK);
	assert_int_equal(nr_log, 120);
	for (unsigned i = 1; i < nr_log; i++) {
		struct log_entry a = events_log[i - 1], b = events_log[i];

		assert_true(a.time < b.time || (a.time == b.time && a.who < b.who));
	}
	assert_int_equal(m->cpu[0]->now, 10 + 280);
	machine_destroy(m);
}

static void no_cpu_runs_ahead_by_more_than_the_quantum(void **state)
{
	struct machine *m = machine(3, 100); /* zero profile: 1 ns a cycle */
	struct worker w[3] = { { 400, 7 }, { 400, 5 }, { 400, 11 } };
	u64 seen[3] = { 0, 0, 0 };
	unsigned switches = 0;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		start(m, i, 0, worker_fn, &w[i]);
	assert_int_equal(engine_run(m, UINT64_MAX), STOP_DEADLOCK);
	for (unsigned i = 0; i < nr_log; i++) {
		seen[events_log[i].who] = events_log[i].time;
		switches += i && events_log[i].who != events_log[i - 1].who;
		if (i < 800) /* all three still run */
			for (unsigned k = 0; k < 3; k++)
				assert_true(events_log[i].time <= seen[k] + 100 + 11 + 11);
	}
	assert_true(switches < 1200 / 5);
	machine_destroy(m);
}

static struct machine *sliced_machine(u64 quantum, struct worker *w)
{
	struct machine *m = machine(3, quantum);

	for (unsigned i = 0; i < 3; i++)
		start(m, i, 0, worker_fn, &w[i]);
	return m;
}

static void limits_and_resumptions_leave_the_order_as_it_is(void **state)
{
	static struct log_entry whole[LOG_MAX];
	struct worker w[3] = { { 300, 7 }, { 300, 5 }, { 300, 11 } };
	static const u64 quanta[] = { 0, 40, 1000 };

	(void)state;
	for (unsigned q = 0; q < 3; q++) {
		struct machine *m = sliced_machine(quanta[q], w);
		unsigned n;
		u64 t;

		assert_int_equal(engine_run(m, UINT64_MAX), STOP_DEADLOCK);
		n = nr_log;
		memcpy(whole, events_log, sizeof(whole));
		machine_destroy(m);
		m = sliced_machine(quanta[q], w);
		for (t = 1;; t += 13) {
			enum stop_reason r = engine_run(m, t);

			if (r == STOP_DEADLOCK)
				break;
			assert_int_equal(r, STOP_LIMIT);
			for (unsigned i = 0; i < 3; i++)
				assert_true(m->cpu[i]->now >= t || m->cpu[i]->state == CPU_HALTED);
			if (t % 3 == 0) {
				engine_request_stop(m);
				assert_int_equal(engine_run(m, UINT64_MAX), STOP_REQUEST);
			}
		}
		assert_int_equal(nr_log, n);
		assert_memory_equal(whole, events_log, n * sizeof(whole[0]));
		machine_destroy(m);
	}
}

static void forever(void *arg)
{
	(void)arg;
	for (;;)
		charge(COST_INSN);
}

static void request_event(struct machine *m, struct event *e)
{
	(void)e;
	engine_request_stop(m);
}

static void a_stop_request_ends_an_endless_loop_and_it_goes_on_later(void **state)
{
	struct machine *m = machine(1, 0);
	static struct event e;
	u64 t;

	(void)state;
	memset(&e, 0, sizeof(e));
	start(m, 0, 0, forever, NULL);
	event_schedule(m, &e, EV_HOST, 0, 1000, request_event);
	assert_int_equal(engine_run(m, UINT64_MAX), STOP_REQUEST);
	t = m->cpu[0]->now;
	assert_true(t >= 1000);
	assert_int_equal(engine_run(m, t + 5000), STOP_LIMIT);
	assert_int_equal(m->cpu[0]->now, t + 5000);
	assert_int_equal(engine_run(m, t + 5000), STOP_LIMIT);
	assert_int_equal(m->cpu[0]->now, t + 5000);
	machine_destroy(m);
}

/* An event comes in front of the running CPU's horizon. */
static struct my_event cut_event;
static void cut_fn(void *arg)
{
	struct machine *m = arg;

	event_schedule(m, &cut_event.e, EV_DEVICE, 0, this_cpu()->now + 10, log_event);
	cut_event.id = 77;
	for (unsigned i = 0; i < 5; i++) {
		log_add(this_cpu()->now, 0);
		charge_cycles(4);
	}
	machine_exit(m, 3);
}

static void an_event_scheduled_before_the_horizon_fires_at_its_time(void **state)
{
	struct machine *m = machine(1, 0);
	static const u32 want[] = { 0, 0, 0, 77, 0, 0 };

	(void)state;
	memset(&cut_event, 0, sizeof(cut_event));
	start(m, 0, 100, cut_fn, m);
	assert_int_equal(engine_run(m, UINT64_MAX), STOP_EXIT);
	assert_int_equal(engine_run(m, UINT64_MAX), STOP_EXIT);
	assert_int_equal(m->exit_status, 3);
	assert_int_equal(nr_log, 6);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(events_log[i].who, want[i]);
	machine_destroy(m);
}

/* --- halting, spinning, waking --- */

static void raise_event(struct machine *m, struct event *e)
{
	log_add(e->time, 100);
	engine_irq_line(m->cpu[1], true, e->time);
}

static struct my_event wake_event;

static void halting_fn(void *arg)
{
	struct cpu *c = this_cpu();
	struct machine *m = arg;

	log_add(c->now, c->index);
	engine_halt(c);
	log_add(c->now, c->index);
	assert_true(c->irq_line);
	engine_halt(c); /* the line is still up: no sleep */
	log_add(c->now, c->index);
	c->irq_line = false;
	event_schedule(m, &wake_event.e, EV_TIMER, 0, c->now + 50, raise_event);
	engine_halt(c);
	log_add(c->now, c->index);
	machine_exit(m, 0);
}

static void a_halted_cpu_resumes_at_the_later_of_its_clock_and_the_wake_up(void **state)
{
	struct machine *m = machine(2, 0);
	static const struct log_entry want[] = { { 10, 1 },  { 500, 100 }, { 500, 1 },
						 { 500, 1 }, { 550, 100 }, { 550, 1 } };

	(void)state;
	memset(&wake_event, 0, sizeof(wake_event));
	start(m, 1, 10, halting_fn, m);
	event_schedule(m, &wake_event.e, EV_TIMER, 0, 500, raise_event);
	assert_int_equal(engine_run(m, UINT64_MAX), STOP_EXIT);
	assert_int_equal(nr_log, 6);
	assert_memory_equal(events_log, want, sizeof(want));
	assert_int_equal(m->cpu[1]->halted_cycles, 490 + 50);
	machine_destroy(m);
}

static void spinner_fn(void *arg)
{
	struct cpu *c = this_cpu();

	(void)arg;
	log_add(c->now, c->index);
	engine_spin(c);
	log_add(c->now, c->index);
	for (;;)
		engine_halt(c);
}

static void releaser_fn(void *arg)
{
	struct machine *m = arg;

	charge_cycles(1000);
	engine_unspin(m, 1, this_cpu()->now + 7);
	engine_unspin(m, 2, this_cpu()->now - 900); /* CPU 2's own clock is later */
	engine_unspin(m, 1, this_cpu()->now + 900); /* not spinning any more: nothing */
	log_add(this_cpu()->now, 0);
	charge_cycles(1);
	for (;;)
		engine_halt(this_cpu());
}

static void a_spinner_costs_nothing_and_resumes_at_the_release(void **state)
{
	struct machine *m = machine(3, 0);
	static const struct log_entry want[] = {
		{ 10, 1 }, { 300, 2 }, { 1000, 0 }, { 300, 2 }, { 1007, 1 }
	};

	(void)state;
	start(m, 0, 0, releaser_fn, m);
	start(m, 1, 10, spinner_fn, NULL);
	start(m, 2, 300, spinner_fn, NULL);
	assert_int_equal(engine_run(m, UINT64_MAX), STOP_DEADLOCK);
	assert_int_equal(nr_log, 5);
	assert_memory_equal(events_log, want, sizeof(want));
	assert_int_equal(m->cpu[1]->spun_cycles, 997);
	assert_int_equal(m->cpu[2]->spun_cycles, 0);
	machine_destroy(m);
}

static void spin_irq_fn(void *arg)
{
	struct cpu *c = this_cpu();

	if (arg)
		c->rflags |= FLAG_IF;
	engine_spin(c);
	log_add(c->now, c->index);
	machine_exit(c->m, 0);
}

static void an_interrupt_ends_a_spin_only_with_if(void **state)
{
	(void)state;
	for (uintptr_t on = 0; on < 2; on++) {
		struct machine *m = machine(2, 0);

		memset(&wake_event, 0, sizeof(wake_event));
		start(m, 1, 0, spin_irq_fn, (void *)on);
		event_schedule(m, &wake_event.e, EV_TIMER, 0, 40, raise_event);
		assert_int_equal(engine_run(m, UINT64_MAX), on ? STOP_EXIT : STOP_DEADLOCK);
		assert_int_equal(nr_log, 1 + on);
		machine_destroy(m);
	}
}

static void waker_fn(void *arg)
{
	struct machine *m = arg;

	charge_cycles(100);
	log_add(this_cpu()->now, 0);
	engine_irq_line(m->cpu[1], true, this_cpu()->now);
	charge_cycles(1); /* the woken CPU stands at 100, so it acts before 101 */
	log_add(this_cpu()->now, 0);
	for (;;)
		engine_halt(this_cpu());
}

static void one_halt_fn(void *arg)
{
	(void)arg;
	engine_halt(this_cpu());
	log_add(this_cpu()->now, this_cpu()->index);
	this_cpu()->irq_line = false;
	for (;;)
		engine_halt(this_cpu());
}

static void waking_a_cpu_cuts_the_running_ones_horizon(void **state)
{
	struct machine *m = machine(2, 0);
	static const struct log_entry want[] = { { 100, 0 }, { 100, 1 }, { 101, 0 } };

	(void)state;
	start(m, 0, 0, waker_fn, m);
	start(m, 1, 0, one_halt_fn, NULL);
	assert_int_equal(engine_run(m, UINT64_MAX), STOP_DEADLOCK);
	assert_int_equal(nr_log, 3);
	assert_memory_equal(events_log, want, sizeof(want));
	assert_int_equal(engine_run(m, UINT64_MAX), STOP_DEADLOCK);
	machine_destroy(m);
}

/* --- machine_call --- */

static void panics(void *arg)
{
	machine_panic(this_machine(), "the %s is on fire", (char *)arg);
}

static void bug(void *arg)
{
	BUG_ON(arg == NULL);
}

static void a_panic_stops_the_machine_and_not_the_process(void **state)
{
	struct machine *m = machine(1, 0);

	(void)state;
	assert_int_equal(machine_call(m, panics, "printer"), -EIO);
	assert_non_null(strstr(m->panic_text, "the printer is on fire"));
	assert_non_null(strstr(m->panic_text, "rip"));
	assert_int_equal(machine_call(m, panics, "other"), -EIO);
	assert_non_null(strstr(m->panic_text, "printer"));
	assert_int_equal(engine_run(m, 10), STOP_PANIC);
	machine_destroy(m);
	m = machine(1, 0);
	assert_int_equal(machine_call(m, bug, NULL), -EIO);
	assert_non_null(strstr(m->panic_text, "BUG at test_engine.c:"));
	machine_destroy(m);
}

static void panic_in_event(struct machine *m, struct event *e)
{
	machine_panic(m, "event at %llu", (unsigned long long)e->time);
}

static void an_event_may_panic(void **state)
{
	struct machine *m = machine(1, 0);

	(void)state;
	memset(&wake_event, 0, sizeof(wake_event));
	event_schedule(m, &wake_event.e, EV_TIMER, 0, 40, panic_in_event);
	assert_int_equal(engine_run(m, UINT64_MAX), STOP_PANIC);
	assert_non_null(strstr(m->panic_text, "event at 40"));
	machine_destroy(m);
}

static void call_body(void *arg)
{
	u64 *now = arg;

	assert_int_equal(this_cpu()->cpl, 0);
	assert_false(this_cpu()->rflags & FLAG_IF);
	*now = this_cpu()->now;
	this_cpu()->r[RAX] = 99;
	charge_cycles(500); /* others run meanwhile */
}

static void counting_fn(void *arg)
{
	u64 *n = arg;

	this_cpu()->r[RAX] = 7;
	cpu_set_cpl(this_cpu(), 3);
	this_cpu()->rflags |= FLAG_IF;
	for (;;) {
		(*n)++;
		charge_cycles(10);
	}
}

static void a_call_borrows_cpu_0_and_puts_it_back(void **state)
{
	struct machine *m = machine(2, 0);
	u64 n0 = 0, n1 = 0, now = 0, before;

	(void)state;
	start(m, 0, 0, counting_fn, &n0);
	start(m, 1, 0, counting_fn, &n1);
	assert_int_equal(engine_run(m, 1000), STOP_LIMIT);
	before = n0;
	assert_int_equal(machine_call(m, call_body, &now), 0);
	assert_int_equal(now, 1000);
	assert_int_equal(n0, before);
	assert_true(n1 > 140);
	assert_int_equal(m->cpu[0]->r[RAX], 7);
	assert_int_equal(m->cpu[0]->cpl, 3);
	assert_true(m->cpu[0]->rflags & FLAG_IF);
	assert_int_equal(engine_run(m, 3000), STOP_LIMIT);
	assert_int_equal(n0, before + 150);
	machine_destroy(m);
}

static void start_self_fn(void *arg)
{
	struct cpu *c = this_cpu();

	c->stack = stack_alloc(c->m, counting_fn, arg);
	engine_start_cpu(c, c->now);
	charge_cycles(100);
}

static void sleeping_call(void *arg)
{
	(void)arg;
	engine_halt(this_cpu());
}

static void boot_in_a_call_starts_cpu_0_when_the_call_returns(void **state)
{
	struct machine *m = machine(1, 0);
	u64 n = 0;

	(void)state;
	assert_int_equal(machine_call(m, start_self_fn, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(m->cpu[0]->state, CPU_RUNNING);
	assert_int_equal(engine_run(m, 200), STOP_LIMIT);
	assert_int_equal(n, 10);
	machine_destroy(m);
}

static void a_call_that_can_never_end_is_a_deadlock(void **state)
{
	struct machine *m = machine(1, 0);

	(void)state;
	assert_int_equal(machine_call(m, sleeping_call, NULL), -EDEADLK);
	assert_int_equal(machine_call(m, sleeping_call, NULL), -EBUSY);
	machine_destroy(m);
}

static void interrupted_call(void *arg)
{
	engine_request_stop(this_machine());
	for (u64 i = 0; i < 100; i++)
		charge_cycles(1 << 20);
	*(bool *)arg = true;
}

static void a_stop_request_leaves_a_call_which_ends_in_the_next_run(void **state)
{
	struct machine *m = machine(1, 0);
	bool done = false;

	(void)state;
	assert_int_equal(machine_call(m, interrupted_call, &done), -EINTR);
	assert_false(done);
	assert_int_equal(engine_run(m, UINT64_MAX), STOP_DEADLOCK);
	assert_true(done);
	machine_destroy(m);
}

static void exiting(void *arg)
{
	(void)arg;
	machine_exit(this_machine(), 5);
}

static void after_an_exit_calls_still_work(void **state)
{
	struct machine *m = machine(2, 0);
	u64 n = 0, now = 0;

	(void)state;
	start(m, 1, 0, counting_fn, &n);
	start(m, 0, 50, exiting, NULL);
	assert_int_equal(engine_run(m, UINT64_MAX), STOP_EXIT);
	assert_int_equal(m->exit_status, 5);
	assert_int_equal(machine_call(m, call_body, &now), 0);
	assert_int_equal(machine_call(m, exiting, &now), 0);
	assert_int_equal(machine_call(m, call_body, &now), 0);
	assert_int_equal(engine_run(m, UINT64_MAX), STOP_EXIT);
	machine_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_fire_in_order_of_time_class_source_and_sequence),
		cmocka_unit_test(a_thousand_random_events_match_a_sorted_model),
		cmocka_unit_test(quantum_zero_interleaves_exactly_and_ties_go_to_the_lower_index),
		cmocka_unit_test(no_cpu_runs_ahead_by_more_than_the_quantum),
		cmocka_unit_test(limits_and_resumptions_leave_the_order_as_it_is),
		cmocka_unit_test(a_stop_request_ends_an_endless_loop_and_it_goes_on_later),
		cmocka_unit_test(an_event_scheduled_before_the_horizon_fires_at_its_time),
		cmocka_unit_test(a_halted_cpu_resumes_at_the_later_of_its_clock_and_the_wake_up),
		cmocka_unit_test(a_spinner_costs_nothing_and_resumes_at_the_release),
		cmocka_unit_test(an_interrupt_ends_a_spin_only_with_if),
		cmocka_unit_test(waking_a_cpu_cuts_the_running_ones_horizon),
		cmocka_unit_test(a_panic_stops_the_machine_and_not_the_process),
		cmocka_unit_test(an_event_may_panic),
		cmocka_unit_test(a_call_borrows_cpu_0_and_puts_it_back),
		cmocka_unit_test(boot_in_a_call_starts_cpu_0_when_the_call_returns),
		cmocka_unit_test(a_call_that_can_never_end_is_a_deadlock),
		cmocka_unit_test(a_stop_request_leaves_a_call_which_ends_in_the_next_run),
		cmocka_unit_test(after_an_exit_calls_still_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
