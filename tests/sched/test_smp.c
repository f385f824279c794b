/* SPDX-License-Identifier: MIT */
/* Several CPUs: placement, affinity, pulling, and that nothing is run twice or lost. */
#include "sched_fixture.h"

#define MS NSEC_PER_MSEC

static int spinner(void *arg)
{
	(void)arg;
	for (;;)
		burn_ns(MS);
	return 0;
}

#define CROWD 16
static void start_crowd(void *arg)
{
	struct task_struct **t = arg;

	for (int i = 0; i < CROWD; i++)
		t[i] = sf_thread(spinner, NULL, "spin", 0, SCHED_NORMAL, 0, -1);
}
static void sixteen_spinners_fill_four_cpus_evenly(void **state)
{
	struct task_struct *t[CROWD];
	struct cpu_stats cpu;
	struct fixture f;
	int on_cpu[4] = { 0 };

	(void)state;
	sched_fixture(&f, 4);
	sched_call(&f, start_crowd, t);
	assert_int_equal(sched_run_until(&f, 1000 * MS), STOP_LIMIT);
	for (int i = 0; i < CROWD; i++) {
		on_cpu[t[i]->cpu]++;
		assert_in_range(t[i]->se.sum_exec_runtime, 250 * MS - 13 * MS,
				250 * MS + 13 * MS); /* a period of 4 tasks, each side */
	}
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(on_cpu[i], 4);
		sched_cpu_stats(f.k, i, &cpu);
		assert_true(cpu.idle_ns < 10000);
	}
	fixture_destroy(&f);
}

/* --- affinity --- */

struct roamer {
	struct task_struct *task;
	u64 seen; /* CPUs it ran on, by bit */
	u64 mask[1024 / 64];
};
static int roam(void *arg)
{
	struct roamer *r = arg;

	for (;;) {
		r->seen |= 1ull << smp_processor_id();
		burn_ns(100000);
		hrtimer_nanosleep(37000, HRTIMER_MODE_REL, NULL);
	}
	return 0;
}
static void start_roamers(void *arg)
{
	struct roamer *r = arg;

	for (int i = 0; i < 6; i++)
		r[i].task = sf_thread(roam, &r[i], "roam", 0, SCHED_NORMAL, 0, -1);
}
static void pin_roamers(void *arg)
{
	struct roamer *r = arg;

	for (int i = 0; i < 6; i++) {
		r[i].mask[0] = i < 5 ? 1ull << (i % 4) : 0xc;
		CHECK(sched_setaffinity(r[i].task, r[i].mask) == 0);
	}
}
static void forget_seen(void *arg)
{
	struct roamer *r = arg;

	for (int i = 0; i < 6; i++)
		r[i].seen = 0;
}
static void affinity_is_honoured_from_the_change_on(void **state)
{
	struct roamer r[6] = { { 0 } };
	struct fixture f;

	(void)state;
	sched_fixture(&f, 4);
	sched_call(&f, start_roamers, r);
	sched_run_until(&f, 20 * MS);
	sched_call(&f, pin_roamers, r);
	sched_run_until(&f, 22 * MS);
	sched_call(&f, forget_seen, r);
	sched_run_until(&f, 60 * MS);
	for (int i = 0; i < 5; i++)
		assert_int_equal(r[i].seen, 1ull << (i % 4));
	assert_int_equal(r[5].seen & ~0xcull, 0);
	assert_int_not_equal(r[5].seen, 0);
	fixture_destroy(&f);
}

static int moves_itself(void *arg)
{
	u64 mask[1024 / 64] = { 0 };

	for (unsigned cpu = 0; cpu < 4; cpu++) {
		mask[0] = 1ull << (3 - cpu);
		CHECK(sched_setaffinity(current, mask) == 0);
		CHECK(smp_processor_id() == 3 - cpu);
		burn_ns(MS);
		CHECK(smp_processor_id() == 3 - cpu);
	}
	mask[0] = 1ull << 9;
	CHECK(sched_setaffinity(current, mask) == -EINVAL);
	*(int *)arg = 1;
	return 0;
}
static void start_mover(void *arg)
{
	sf_thread(moves_itself, arg, "mover", 0, SCHED_NORMAL, 0, -1);
}
static void a_task_that_moves_itself_is_there_on_return(void **state)
{
	struct fixture f;
	int done = 0;

	(void)state;
	sched_fixture(&f, 4);
	sched_call(&f, start_mover, &done);
	sched_run_to_rest(&f);
	assert_int_equal(done, 1);
	fixture_destroy(&f);
}

/* --- pulling --- */

static int short_run(void *arg)
{
	burn_ns((u64)(uintptr_t)arg);
	return 0;
}
static void unpin_all(void *arg)
{
	struct task_struct **t = arg;
	u64 mask[1024 / 64];

	memset(mask, 0xff, sizeof(mask));
	for (int i = 0; i < 4; i++)
		CHECK(sched_setaffinity(t[i], mask) == 0);
}
static void start_pinned(void *arg)
{
	struct task_struct **t = arg;

	for (int i = 0; i < 4; i++)
		t[i] = sf_thread(short_run, (void *)(uintptr_t)(100 * MS), "work", 0, SCHED_NORMAL,
				 0, 0);
}
static void idle_cpus_pull_waiting_tasks(void **state)
{
	struct task_struct *t[4];
	struct fixture f;

	(void)state;
	sched_fixture(&f, 4);
	sched_call(&f, start_pinned, t);
	sched_run_until(&f, 20 * MS);
	sched_call(&f, unpin_all, t);
	sched_run_to_rest(&f);
	/*
	 * 400 ms of work, 20 done by then; a tick to notice for each of the others. Alone it would
	 * take 400.
	 */
	assert_in_range(cycles_to_ns(f.m, engine_now(f.m)), 100 * MS, 130 * MS);
	fixture_destroy(&f);
}

/* --- waking across CPUs --- */

static void start_one_spinner(void *arg)
{
	sf_thread(spinner, arg, "spin", 0, SCHED_NORMAL, 0, -1);
	sf_thread(roam, arg, "roam", 0, SCHED_NORMAL, 0, -1);
}
static void a_wake_up_prefers_an_idle_cpu(void **state)
{
	struct roamer r = { .seen = 0 };
	struct fixture f;

	(void)state;
	sched_fixture(&f, 2);
	sched_call(&f, start_one_spinner, &r);
	sched_run_until(&f, 50 * MS);
	assert_true(r.seen == 1 || r.seen == 2); /* the one the spinner does not have */
	fixture_destroy(&f);
}

/* An RT task that wakes where a better one runs goes where a lesser one does. */
static void start_rt_spinner(void *arg)
{
	sf_thread(spinner, arg, "fifo", 0, SCHED_FIFO, 50, 0);
}
static void start_rt_placement(void *arg)
{
	u64 mask[1024 / 64] = { 0 };
	struct roamer *r = arg;

	r->task = kthread_create(roam, r, "low-fifo");
	CHECK(!IS_ERR(r->task));
	mask[0] = 3;
	CHECK(sched_setaffinity(r->task, mask) == 0);
	CHECK(sched_setscheduler(r->task, SCHED_FIFO, &(struct sched_param){ 10 }) == 0);
	wake_up_process(r->task);
}
static void a_woken_rt_task_goes_where_a_lesser_one_runs(void **state)
{
	struct roamer r = { .seen = 0 };
	struct fixture f;

	(void)state;
	sched_fixture(&f, 2);
	sched_call(&f, start_rt_spinner, NULL);
	sched_run_until(&f, MS);
	sched_call(&f, start_rt_placement, &r);
	sched_run_until(&f, 20 * MS);
	assert_int_equal(r.seen, 2);
	fixture_destroy(&f);
}

static void many_cpus_come_up_and_run(void **state)
{
	struct task_struct *t[CROWD];
	struct machine_config cfg = fixture_config(256 << 20, 256);
	struct fixture f;
	u64 mask = 0;

	(void)state;
	sched_fixture_config(&f, &cfg, false);
	sched_call(&f, start_crowd, t);
	assert_int_equal(sched_run_until(&f, 3 * MS), STOP_LIMIT);
	for (int i = 0; i < CROWD; i++) {
		assert_false(mask >> t[i]->cpu & 1);
		mask |= 1ull << t[i]->cpu;
	}
	fixture_destroy(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sixteen_spinners_fill_four_cpus_evenly),
		cmocka_unit_test(affinity_is_honoured_from_the_change_on),
		cmocka_unit_test(a_task_that_moves_itself_is_there_on_return),
		cmocka_unit_test(idle_cpus_pull_waiting_tasks),
		cmocka_unit_test(a_wake_up_prefers_an_idle_cpu),
		cmocka_unit_test(a_woken_rt_task_goes_where_a_lesser_one_runs),
		cmocka_unit_test(many_cpus_come_up_and_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
