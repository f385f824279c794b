/* SPDX-License-Identifier: MIT */
/*
 * The checker finds what it promises to find, and the weight arithmetic is what a division would
 * give.
 */
#include "sched_fixture.h"

#include "sched/rq.h"

#define MS NSEC_PER_MSEC

static int spinner(void *arg)
{
	(void)arg;
	for (;;)
		burn_ns(MS);
	return 0;
}

struct crowd {
	struct task_struct *t[4];
};
static void start_crowd(void *arg)
{
	struct crowd *c = arg;

	for (int i = 0; i < 4; i++)
		c->t[i] = sf_thread(spinner, NULL, "spin", i, SCHED_NORMAL, 0, 0);
}

/* Each corruption, its undoing, and a word of the text that must name it. */
enum { LOAD, COUNT, RQ_COUNT, ORDER, LEFTMOST, MIN_VRUNTIME, TIME, RT_BIT, THREADS, NR_CASES };
static const char *const expected[NR_CASES] = { "load",	   "load",     "running",
						"ordered", "leftmost", "min_vruntime",
						"passed",  "RT bit",   "threads" };

static struct sched_entity *queued(struct rq *rq)
{
	return rb_entry(rb_last(&rq->cfs.timeline.rb_root), struct sched_entity, run_node);
}

static void corrupt(struct rq *rq, struct crowd *c, int what, s64 sign)
{
	switch (what) {
	case LOAD:
		rq->cfs.load.weight += (u64)sign;
		break;
	case COUNT:
		rq->cfs.nr_running += (u32)sign;
		rq->nr_running += (u32)sign;
		break;
	case RQ_COUNT:
		rq->nr_running += (u32)sign;
		break;
	case ORDER:
		queued(rq)->vruntime -= (u64)(sign * (s64)(100 * MS));
		break;
	case LEFTMOST:
		rq->cfs.timeline.rb_leftmost = sign > 0 ? rb_last(&rq->cfs.timeline.rb_root) :
							  rb_first(&rq->cfs.timeline.rb_root);
		break;
	case MIN_VRUNTIME:
		rq->cfs.min_vruntime -= (u64)sign;
		break;
	case TIME:
		rq->exec_ns += (u64)sign;
		break;
	case RT_BIT:
		change_bit(50, rq->rt.bitmap);
		break;
	case THREADS:
		c->t[2]->nr_threads += (u32)sign;
		break;
	}
}

static void every_planted_corruption_is_found_and_named(void **state)
{
	struct machine_config cfg = fixture_config(64 << 20, 1);
	struct fixture f;
	struct crowd c;
	char text[256];

	(void)state;
	sched_fixture_config(&f, &cfg, true);
	sched_call(&f, start_crowd, &c);
	sched_run_until(&f, 100 * MS + 123456);
	assert_true(sched_check_text(f.k, text, sizeof(text)));
	for (int what = 0; what < NR_CASES; what++) {
		corrupt(f.k->sched->rq[0], &c, what, 1);
		if (sched_check_text(f.k, text, sizeof(text)))
			fail_msg("corruption %d (%s) was not found", what, expected[what]);
		if (!strstr(text, expected[what]))
			fail_msg("corruption %d: \"%s\" does not mention \"%s\"", what, text,
				 expected[what]);
		corrupt(f.k->sched->rq[0], &c, what, -1);
		if (!sched_check_text(f.k, text, sizeof(text)))
			fail_msg("corruption %d was not undone: %s", what, text);
	}
	fixture_destroy(&f);
}

/*
 * delta * weight / load by multiplication stays within what a 32-bit inverse of the load can lose.
 */
static void weight_arithmetic_agrees_with_division(void **state)
{
	struct prng rng;

	(void)state;
	prng_seed(&rng, fixture_seed(), 5);
	for (int i = 0; i < 200000; i++) {
		u64 delta = prng_below(&rng, 1000 * MS), w = 3 + prng_below(&rng, 88759),
		    l = 3 + prng_below(&rng, 4000000);
		struct load_weight lw = { .weight = scale_load(l) };
		u64 got = calc_delta(delta, scale_load(w), &lw), want = (u64)((u128)delta * w / l);
		u64 slack = 2 + want / 1000 + (l > 100000 ? want / 500 : 0);

		if (got > want + slack || got + slack < want)
			fail_msg("%llu * %llu / %llu: %llu, not %llu (OSIM_TEST_SEED=%llu)",
				 (unsigned long long)delta, (unsigned long long)w,
				 (unsigned long long)l, (unsigned long long)got,
				 (unsigned long long)want, (unsigned long long)fixture_seed());
	}
}

/* One ms at each nice level: 1024 / weight ms of virtual time, to a millionth. */
static void nice_look(void *arg)
{
	struct task_struct *t = kthread_create(spinner, NULL, "nice");

	(void)arg;
	CHECK(!IS_ERR(t));
	for (int nice = -20; nice <= 19; nice++) {
		u64 w, got;

		set_user_nice(t, nice);
		w = scale_load_down(t->se.load.weight);
		got = calc_delta(MS, NICE_0_LOAD, &t->se.load);
		CHECK(nice != 0 || w == 1024);
		CHECK(got * w <= MS * 1024 + MS * 1024 / 1000000 + w &&
		      (got + 1) * w + MS * 1024 / 1000000 >= MS * 1024);
	}
}
static void virtual_time_moves_by_1024_over_weight(void **state)
{
	struct fixture f;

	(void)state;
	sched_fixture(&f, 1);
	sched_call(&f, nice_look, NULL);
	fixture_destroy(&f);
}

static void tunables_look(void *arg)
{
	u64 f = (u64)(uintptr_t)arg;
	struct sched_tunables *t = sched_tunables(kern());

	CHECK(t->latency == f * 6 * MS && t->min_granularity == f * 750000 &&
	      t->wakeup_granularity == f * MS);
	CHECK(t->migration_cost == 500000 && t->idle_min_granularity == 750000 &&
	      t->nr_latency == 8);
}
static void tunables_scale_with_one_plus_log2_of_the_cpus(void **state)
{
	static const u32 cpus[] = { 1, 2, 4, 7, 8, 16 }, factor[] = { 1, 2, 3, 3, 4, 4 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cpus); i++) {
		struct fixture f;

		sched_fixture(&f, cpus[i]);
		sched_call(&f, tunables_look, (void *)(uintptr_t)factor[i]);
		fixture_destroy(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_planted_corruption_is_found_and_named),
		cmocka_unit_test(weight_arithmetic_agrees_with_division),
		cmocka_unit_test(virtual_time_moves_by_1024_over_weight),
		cmocka_unit_test(tunables_scale_with_one_plus_log2_of_the_cpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
