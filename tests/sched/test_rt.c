/* SPDX-License-Identifier: MIT */
/* FIFO and RR by their figures. */
#include "sched_fixture.h"

#define MS NSEC_PER_MSEC

struct stint {
	u64 start, end;
};

/* Runs 50 ms of CPU time and notes when. */
static int run_50_ms(void *arg)
{
	struct stint *s = arg;

	s->start = ktime_get();
	burn_ns(50 * MS);
	s->end = ktime_get();
	return 0;
}

static void start_fifo_and_fair(void *arg)
{
	struct stint *s = arg;

	sf_thread(run_50_ms, &s[0], "fair", -20, SCHED_NORMAL, 0, 0);
	sf_thread(run_50_ms, &s[1], "fifo", 0, SCHED_FIFO, 1, 0);
}
static void fifo_runs_before_fair_to_its_end(void **state)
{
	struct stint s[2] = { { 0, 0 }, { 0, 0 } };
	struct fixture f;

	(void)state;
	sched_fixture(&f, 1);
	sched_call(&f, start_fifo_and_fair, s);
	sched_run_to_rest(&f);
	assert_in_range(s[1].end - s[1].start, 50 * MS, 50 * MS + 5000);
	assert_true(s[0].start >= s[1].end);
	fixture_destroy(&f);
}

static void start_three_fifos(void *arg)
{
	struct stint *s = arg;

	sf_thread(run_50_ms, &s[0], "first", 0, SCHED_FIFO, 10, 0);
	sf_thread(run_50_ms, &s[1], "second", 0, SCHED_FIFO, 10, 0);
	sf_thread(run_50_ms, &s[2], "higher", 0, SCHED_FIFO, 11, 0);
}
static void equal_fifos_run_in_order_of_arrival_and_higher_ones_before(void **state)
{
	struct stint s[3] = { { 0, 0 } };
	struct fixture f;

	(void)state;
	sched_fixture(&f, 1);
	sched_call(&f, start_three_fifos, s);
	sched_run_to_rest(&f);
	assert_true(s[2].end <= s[0].start && s[0].end <= s[1].start);
	fixture_destroy(&f);
}

/* --- RR --- */

#define MAX_SWITCHES 64
struct rotation {
	struct machine *m;
	u64 time[MAX_SWITCHES];
	u32 pid[MAX_SWITCHES];
	int n;
};
static void note_switch(void *arg, const struct trace_record *r)
{
	struct rotation *rot = arg;

	if (r->id != TRACE_SCHED_SWITCH || rot->n == MAX_SWITCHES)
		return;
	rot->time[rot->n] = cycles_to_ns(rot->m, r->time);
	rot->pid[rot->n++] = (u32)r->b;
}
static int run_500_ms(void *arg)
{
	(void)arg;
	burn_ns(500 * MS);
	return 0;
}
static void start_three_rr(void *arg)
{
	(void)arg;
	for (int i = 0; i < 3; i++)
		sf_thread(run_500_ms, NULL, "rr", 0, SCHED_RR, 5, 0);
}
static void rr_rotates_every_100_ms(void **state)
{
	struct rotation rot = { .n = 0 };
	struct fixture f;

	(void)state;
	sched_fixture(&f, 1);
	rot.m = f.m;
	f.m->trace.listener = note_switch;
	f.m->trace.listener_arg = &rot;
	sched_call(&f, start_three_rr, NULL);
	sched_run_to_rest(&f);
	assert_true(rot.n >= 15);
	for (int i = 1; i < 13; i++) {
		assert_in_range(rot.time[i] - rot.time[i - 1], 100 * MS - MS, 100 * MS + 2000);
		assert_int_equal(rot.pid[i], rot.pid[0] + (u32)(i % 3));
	}
	fixture_destroy(&f);
}

static void start_lone_rr(void *arg)
{
	(void)arg;
	sf_thread(run_500_ms, NULL, "rr", 0, SCHED_RR, 5, 0);
}
static void a_lone_rr_task_is_not_switched(void **state)
{
	struct fixture f;

	(void)state;
	sched_fixture(&f, 1);
	sched_call(&f, start_lone_rr, NULL);
	sched_run_to_rest(&f);
	assert_int_equal(nr_context_switches(f.k), 2); /* idle -> rr -> idle */
	fixture_destroy(&f);
}

/* A preempted FIFO task goes on before an equal that waits: it kept the head of its list. */
static int nap_then_run(void *arg)
{
	struct stint *s = arg;

	hrtimer_nanosleep(20 * MS, HRTIMER_MODE_REL, NULL);
	s->start = ktime_get();
	burn_ns(10 * MS);
	s->end = ktime_get();
	return 0;
}
static void start_preempted(void *arg)
{
	struct stint *s = arg;

	sf_thread(nap_then_run, &s[2], "urgent", 0, SCHED_FIFO, 50, 0);
	sf_thread(run_50_ms, &s[0], "low0", 0, SCHED_FIFO, 10, 0);
	sf_thread(run_50_ms, &s[1], "low1", 0, SCHED_FIFO, 10, 0);
}
static void a_preempted_fifo_keeps_its_place(void **state)
{
	struct stint s[3] = { { 0, 0 } };
	struct fixture f;

	(void)state;
	sched_fixture(&f, 1);
	sched_call(&f, start_preempted, s);
	sched_run_to_rest(&f);
	assert_in_range(s[2].start, 20 * MS, 20 * MS + 3000);
	assert_in_range(s[0].end, 60 * MS, 60 * MS + 10000);
	assert_true(s[1].start >= s[0].end);
	fixture_destroy(&f);
}

static void change_policies(void *arg)
{
	struct task_struct *t = arg;
	struct sched_param p = { .sched_priority = 0 };

	CHECK(sched_setscheduler(t, SCHED_FIFO, &p) == -EINVAL);
	p.sched_priority = 100;
	CHECK(sched_setscheduler(t, SCHED_RR, &p) == -EINVAL);
	CHECK(sched_setscheduler(t, SCHED_NORMAL, &p) == -EINVAL);
	CHECK(sched_setscheduler(t, SCHED_DEADLINE, &p) == -EINVAL);
	p.sched_priority = 99;
	CHECK(sched_setscheduler(t, SCHED_RR, &p) == 0);
	CHECK(t->prio == 0 && sched_rr_get_interval(t) == 100 * MS);
	CHECK(sched_setscheduler(t, SCHED_FIFO, &p) == 0 && sched_rr_get_interval(t) == 0);
	p.sched_priority = 0;
	CHECK(sched_setscheduler(t, SCHED_IDLE, &p) == 0 && t->prio == 120 &&
	      t->se.load.weight == 3 << 10);
	CHECK(sched_setscheduler(t, SCHED_NORMAL, &p) == 0 && t->se.load.weight == 1024 << 10);
}
static int policy_thread(void *arg)
{
	(void)arg;
	change_policies(current);
	return 0;
}
static void start_policy_thread(void *arg)
{
	struct task_struct *waiting;

	(void)arg;
	sf_thread(policy_thread, NULL, "self", 0, SCHED_NORMAL, 0, 0);
	waiting = sf_thread(run_500_ms, NULL, "queued", 0, SCHED_NORMAL, 0, 0);
	change_policies(waiting);
}
static void policies_change_by_the_rules_running_or_queued(void **state)
{
	struct fixture f;

	(void)state;
	sched_fixture(&f, 1);
	sched_call(&f, start_policy_thread, NULL);
	sched_run_to_rest(&f);
	fixture_destroy(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fifo_runs_before_fair_to_its_end),
		cmocka_unit_test(equal_fifos_run_in_order_of_arrival_and_higher_ones_before),
		cmocka_unit_test(rr_rotates_every_100_ms),
		cmocka_unit_test(a_lone_rr_task_is_not_switched),
		cmocka_unit_test(a_preempted_fifo_keeps_its_place),
		cmocka_unit_test(policies_change_by_the_rules_running_or_queued),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
