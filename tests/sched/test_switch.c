/* SPDX-License-Identifier: MIT */
/* Kernel threads start, switch, sleep, end and leave nothing behind. */
#include "sched_fixture.h"

struct pair {
	struct completion ping, pong;
	int rounds, seen_a, seen_b;
};

static int ping_thread(void *arg)
{
	struct pair *p = arg;

	for (int i = 0; i < p->rounds; i++) {
		complete(&p->ping);
		wait_for_completion(&p->pong);
		p->seen_a++;
	}
	return 0;
}

static int pong_thread(void *arg)
{
	struct pair *p = arg;

	for (int i = 0; i < p->rounds; i++) {
		wait_for_completion(&p->ping);
		p->seen_b++;
		complete(&p->pong);
	}
	return 0;
}

static void start_pair(void *arg)
{
	struct pair *p = arg;

	init_completion(&p->ping);
	init_completion(&p->pong);
	sf_thread(ping_thread, p, "ping", 0, SCHED_NORMAL, 0, -1);
	sf_thread(pong_thread, p, "pong", 0, SCHED_NORMAL, 0, -1);
}

static void run_pair(u32 cpus)
{
	struct pair p = { .rounds = 100 };
	struct fixture f;

	sched_fixture(&f, cpus);
	sched_call(&f, start_pair, &p);
	sched_run_to_rest(&f);
	assert_int_equal(p.seen_a, 100);
	assert_int_equal(p.seen_b, 100);
	assert_int_equal(nr_processes(f.k), 0);
	assert_true(nr_context_switches(f.k) >= (cpus == 1 ? 200 : 100));
	fixture_destroy(&f);
}

static void two_threads_play_ping_pong_on_one_cpu(void **state)
{
	(void)state;
	run_pair(1);
}

static void two_threads_play_ping_pong_on_four_cpus(void **state)
{
	(void)state;
	run_pair(4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_threads_play_ping_pong_on_one_cpu),
		cmocka_unit_test(two_threads_play_ping_pong_on_four_cpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
