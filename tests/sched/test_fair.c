/* SPDX-License-Identifier: MIT */
/*
 * The fair class by its figures: shares, slices, wake-up preemption, placement. Times follow from
 * the rules of sched.md, HZ 1000.
 */
#include "sched_fixture.h"

#define MS NSEC_PER_MSEC

/* --- watching switches --- */

struct watch {
	struct machine *m;
	u32 pid;      /* whose stints are measured */
	u64 in_since; /* cycles, 0: not running */
	u64 min_ns, max_ns, stints, total_ns;
};

static void watch_record(void *arg, const struct trace_record *r)
{
	struct watch *w = arg;
	u64 ns;

	if (r->id != TRACE_SCHED_SWITCH)
		return;
	if (w->in_since && (u32)r->a == w->pid) {
		ns = cycles_to_ns(w->m, r->time - w->in_since);
		if (w->stints) { /* the first one starts off the grid */
			w->min_ns = w->stints == 1 ? ns : min(w->min_ns, ns);
			w->max_ns = max(w->max_ns, ns);
		}
		w->stints++;
		w->total_ns += ns;
		w->in_since = 0;
	}
	if ((u32)r->b == w->pid)
		w->in_since = r->time;
}

static void watch_pid(struct fixture *f, struct watch *w, u32 pid)
{
	*w = (struct watch){ .m = f->m, .pid = pid };
	f->m->trace.listener = watch_record;
	f->m->trace.listener_arg = w;
}

/* --- shares --- */

static int spinner(void *arg)
{
	(void)arg;
	for (;;)
		burn_ns(1000000);
	return 0;
}

struct two {
	int nice_a, nice_b;
	struct task_struct *a, *b;
};
static void start_two(void *arg)
{
	struct two *t = arg;

	t->a = sf_thread(spinner, NULL, "a", t->nice_a, SCHED_NORMAL, 0, 0);
	t->b = sf_thread(spinner, NULL, "b", t->nice_b, SCHED_NORMAL, 0, 0);
}

static const u32 weight_of[40] = {
	88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916,
	9548,  7620,  6100,  4904,  3906,  3121,  2501,	 1991,	1586,  1277,
	1024,  820,   655,   526,   423,   335,	  272,	 215,	172,   137,
	110,   87,    70,    56,    45,	   36,	  29,	 23,	18,    15,
};

/*
 * Two spinners share in the ratio of their weights; at any time they differ by at most a slice and
 * a tick of virtual time each.
 */
static void check_shares(int nice_a, int nice_b, u64 ms)
{
	struct two t = { .nice_a = nice_a, .nice_b = nice_b };
	u32 wa = weight_of[nice_a + 20], wb = weight_of[nice_b + 20];
	struct fixture f;
	s64 va, vb, bound;

	sched_fixture(&f, 1);
	sched_call(&f, start_two, &t);
	assert_int_equal(sched_run_until(&f, ms * MS), STOP_LIMIT);
	va = (s64)(t.a->se.sum_exec_runtime * 1024 / wa);
	vb = (s64)(t.b->se.sum_exec_runtime * 1024 / wb);
	bound = (s64)(6 * MS + 2 * MS * 1024 / min(wa, wb));
	if (llabs(va - vb) > bound)
		fail_msg("nice %d ran %llu, nice %d ran %llu ns: virtual %lld against %lld", nice_a,
			 (unsigned long long)t.a->se.sum_exec_runtime, nice_b,
			 (unsigned long long)t.b->se.sum_exec_runtime, (long long)va,
			 (long long)vb);
	fixture_destroy(&f);
}

static void nice_0_and_nice_5_share_1024_to_335(void **state)
{
	(void)state;
	check_shares(0, 5, 3000);
}
static void equal_tasks_share_equally(void **state)
{
	(void)state;
	check_shares(0, 0, 1000);
}
static void nice_minus_20_and_nice_19_share_88761_to_15(void **state)
{
	(void)state;
	check_shares(-20, 19, 3000);
}

/* --- slices --- */

struct crowd {
	u32 n;
	struct task_struct *first;
};
static void start_crowd(void *arg)
{
	struct crowd *c = arg;

	for (u32 i = 0; i < c->n; i++) {
		struct task_struct *t = sf_thread(spinner, NULL, "spin", 0, SCHED_NORMAL, 0, 0);

		if (!i)
			c->first = t;
	}
}

/*
 * n equal tasks: slice = period / n, looked at by ticks of 1 ms. A task starts a switch's cost
 * after a tick, so at the tick a whole slice later it ran less than that: it goes on to the next
 * tick, "more than" its slice strictly. (Under the zero profile the switch is shorter than the
 * LAPIC timer's 40 ns grain, which then decides; hence zen4.)
 */
static void check_slice(u32 n, u64 expect_ms)
{
	struct machine_config cfg = fixture_config(64 << 20, 1);
	struct crowd c = { .n = n };
	struct fixture f;
	struct watch w;

	cfg.costs = cost_profile("zen4");
	sched_fixture_config(&f, &cfg, true);
	sched_call(&f, start_crowd, &c);
	watch_pid(&f, &w, (u32)c.first->pid);
	sched_run_until(&f, 400 * MS);
	if (w.stints < 5 || w.min_ns < expect_ms * MS - 10000 || w.max_ns > expect_ms * MS + 10000)
		fail_msg("%u tasks: %llu stints of %llu..%llu ns", n, (unsigned long long)w.stints,
			 (unsigned long long)w.min_ns, (unsigned long long)w.max_ns);
	fixture_destroy(&f);
}

static void two_equal_tasks_switch_at_the_first_tick_past_3_ms(void **state)
{
	(void)state;
	check_slice(2, 4);
}
static void three_equal_tasks_switch_at_the_first_tick_past_2_ms(void **state)
{
	(void)state;
	check_slice(3, 3);
}
static void eight_equal_tasks_switch_every_tick(void **state)
{
	(void)state;
	check_slice(8, 1);
}
static void sixteen_tasks_keep_the_minimum_granularity(void **state)
{
	(void)state;
	check_slice(16, 1);
}

/* --- waking --- */

struct sleeper {
	u64 wake_at[8], ran_at[8];
	int n;
};

/* Wakes at k * 20.5 ms, in the middle of a tick, and runs 100 us. */
static int periodic(void *arg)
{
	struct sleeper *s = arg;

	for (s->n = 0; s->n < 8; s->n++) {
		u64 at = (u64)(s->n + 1) * 20 * MS + MS / 2;

		hrtimer_nanosleep(at, HRTIMER_MODE_ABS, NULL);
		s->wake_at[s->n] = at;
		s->ran_at[s->n] = ktime_get();
		burn_ns(100000);
	}
	return 0;
}

struct wake_case {
	int policy;
	struct sleeper s;
};
static void start_wake_case(void *arg)
{
	struct wake_case *c = arg;

	sf_thread(periodic, &c->s, "periodic", 0, c->policy, 0, 0);
	sf_thread(spinner, NULL, "spin", 0, SCHED_NORMAL, 0, 0);
}

static void run_wake_case(struct wake_case *c, void (*tune)(struct sched_tunables *))
{
	struct fixture f;

	sched_fixture(&f, 1);
	if (tune)
		tune(sched_tunables(f.k));
	sched_call(&f, start_wake_case, c);
	sched_run_until(&f, 200 * MS);
	assert_int_equal(c->s.n, 8);
	fixture_destroy(&f);
}

static void a_woken_sleeper_preempts_at_once(void **state)
{
	struct wake_case c = { .policy = SCHED_NORMAL };

	(void)state;
	run_wake_case(&c, NULL);
	for (int i = 0; i < 8; i++)
		assert_in_range(c.s.ran_at[i], c.s.wake_at[i], c.s.wake_at[i] + 2000);
}

static void a_batch_task_waits_for_the_tick(void **state)
{
	struct wake_case c = { .policy = SCHED_BATCH };

	(void)state;
	run_wake_case(&c, NULL);
	for (int i = 0; i < 8; i++)
		assert_in_range(c.s.ran_at[i], c.s.wake_at[i] + MS / 2,
				c.s.wake_at[i] + MS / 2 + 2000);
}

static void no_preemption(struct sched_tunables *t)
{
	t->wakeup_preemption = false;
}
static void without_wakeup_preemption_a_sleeper_waits_for_the_tick(void **state)
{
	struct wake_case c = { .policy = SCHED_NORMAL };

	(void)state;
	run_wake_case(&c, no_preemption);
	for (int i = 0; i < 8; i++)
		assert_true(c.s.ran_at[i] >= c.s.wake_at[i] + MS / 2);
}

/* Behind by no more than the granularity: no preemption. */
static void coarse(struct sched_tunables *t)
{
	t->wakeup_granularity = 4 * MS; /* the sleeper's credit is 3 ms */
}
static void within_the_wakeup_granularity_there_is_no_preemption(void **state)
{
	struct wake_case c = { .policy = SCHED_NORMAL };

	(void)state;
	run_wake_case(&c, coarse);
	for (int i = 1; i < 8; i++)
		assert_true(c.s.ran_at[i] >= c.s.wake_at[i] + MS / 2);
}

static void start_idle_policy(void *arg)
{
	struct wake_case *c = arg;

	sf_thread(periodic, &c->s, "periodic", 0, SCHED_BATCH, 0, 0);
	sf_thread(spinner, NULL, "spin", 0, SCHED_IDLE, 0, 0);
}
static void anything_preempts_an_idle_policy_task(void **state)
{
	struct wake_case c = { .policy = SCHED_BATCH };
	struct fixture f;

	(void)state;
	sched_fixture(&f, 1);
	sched_call(&f, start_idle_policy, &c);
	sched_run_until(&f, 200 * MS);
	assert_int_equal(c.s.n, 8);
	for (int i = 0; i < 8; i++)
		assert_in_range(c.s.ran_at[i], c.s.wake_at[i], c.s.wake_at[i] + 2000);
	fixture_destroy(&f);
}

/*
 * A long sleeper gets half a latency (3 ms) of credit, not the second it slept: the spinner loses
 * no more than that at once.
 */
static int long_sleeper(void *arg)
{
	u64 *ran = arg, start;

	hrtimer_nanosleep(500 * MS, HRTIMER_MODE_REL, NULL);
	start = current->se.sum_exec_runtime;
	burn_until(600 * MS);
	*ran = task_sched_runtime(current) - start;
	return 0;
}
static void start_long_sleeper(void *arg)
{
	sf_thread(long_sleeper, arg, "sleeper", 0, SCHED_NORMAL, 0, 0);
	sf_thread(spinner, NULL, "spin", 0, SCHED_NORMAL, 0, 0);
}
static void sleeping_earns_at_most_half_a_latency(void **state)
{
	struct fixture f;
	u64 ran = 0;

	(void)state;
	sched_fixture(&f, 1);
	sched_call(&f, start_long_sleeper, &ran);
	sched_run_until(&f, 610 * MS);
	assert_in_range(ran, 48 * MS,
			58 * MS); /* half of 100 ms, plus 1.5 ms of credit, plus at most a slice */
	fixture_destroy(&f);
}

/* --- yield --- */

static int yielder(void *arg)
{
	u64 *count = arg;

	for (;;) {
		++*count;
		burn_ns(10000);
		yield();
	}
	return 0;
}
static void start_yielders(void *arg)
{
	u64 *count = arg;

	sf_thread(yielder, &count[0], "y0", 0, SCHED_NORMAL, 0, 0);
	sf_thread(yielder, &count[1], "y1", 0, SCHED_NORMAL, 0, 0);
}
static void yielding_tasks_alternate(void **state)
{
	u64 count[2] = { 0, 0 };
	struct fixture f;

	(void)state;
	sched_fixture(&f, 1);
	sched_call(&f, start_yielders, count);
	sched_run_until(&f, 50 * MS);
	assert_true(count[0] + count[1] > 4000);
	assert_true(nr_context_switches(f.k) > 3500);
	assert_true(llabs((long long)(count[0] - count[1])) < 400);
	fixture_destroy(&f);
}

/* --- renicing a running task --- */

static void renice_a(void *arg)
{
	struct two *t = arg;

	set_user_nice(t->a, 10);
}
static void renicing_changes_the_share_from_then_on(void **state)
{
	struct two t = { 0, 0, NULL, NULL };
	struct fixture f;
	u64 a0, b0;
	s64 va, vb;

	(void)state;
	sched_fixture(&f, 1);
	sched_call(&f, start_two, &t);
	sched_run_until(&f, 500 * MS);
	a0 = t.a->se.sum_exec_runtime;
	b0 = t.b->se.sum_exec_runtime;
	sched_call(&f, renice_a, &t);
	sched_run_until(&f, 2500 * MS);
	va = (s64)((t.a->se.sum_exec_runtime - a0) * 1024 / 110);
	vb = (s64)(t.b->se.sum_exec_runtime - b0);
	assert_true(llabs(va - vb) < (s64)(30 * MS));
	fixture_destroy(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_tasks_share_equally),
		cmocka_unit_test(nice_0_and_nice_5_share_1024_to_335),
		cmocka_unit_test(nice_minus_20_and_nice_19_share_88761_to_15),
		cmocka_unit_test(two_equal_tasks_switch_at_the_first_tick_past_3_ms),
		cmocka_unit_test(three_equal_tasks_switch_at_the_first_tick_past_2_ms),
		cmocka_unit_test(eight_equal_tasks_switch_every_tick),
		cmocka_unit_test(sixteen_tasks_keep_the_minimum_granularity),
		cmocka_unit_test(a_woken_sleeper_preempts_at_once),
		cmocka_unit_test(a_batch_task_waits_for_the_tick),
		cmocka_unit_test(without_wakeup_preemption_a_sleeper_waits_for_the_tick),
		cmocka_unit_test(within_the_wakeup_granularity_there_is_no_preemption),
		cmocka_unit_test(anything_preempts_an_idle_policy_task),
		cmocka_unit_test(sleeping_earns_at_most_half_a_latency),
		cmocka_unit_test(yielding_tasks_alternate),
		cmocka_unit_test(renicing_changes_the_share_from_then_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
