/* SPDX-License-Identifier: MIT */
/*
 * Random threads doing everything at once, with every invariant proved after every event; then that
 * the same seed gives the same digest, alone, again, and with another machine interleaved.
 */
#include "sched_fixture.h"

#include "kernel/locking/mutex.h"
#include "mm/alloc/slab.h"

#define MS NSEC_PER_MSEC
#define MAX_LIVE 40

struct torture {
	struct prng rng; /* of the spawner */
	struct mutex lock;
	wait_queue_head_t wq;
	struct completion x;
	int live, made, inside;
	u64 end_ns;
	u32 cpus;
	struct task_struct *known[MAX_LIVE]; /* a reference each */
};
struct worker {
	struct torture *t;
	struct prng rng;
	int slot;
};

static int worker_main(void *arg);

static void random_policy(struct prng *rng, struct task_struct *p)
{
	static const int policies[] = { SCHED_NORMAL, SCHED_NORMAL, SCHED_BATCH,
					SCHED_IDLE,   SCHED_FIFO,   SCHED_RR };
	int policy = policies[prng_below(rng, ARRAY_SIZE(policies))];
	bool rt = policy == SCHED_FIFO || policy == SCHED_RR;
	struct sched_param sp = { .sched_priority = rt ? 1 + (int)prng_below(rng, 5) : 0 };

	CHECK(sched_setscheduler(p, policy, &sp) == 0);
}

static void random_affinity(struct torture *t, struct prng *rng, struct task_struct *p)
{
	u64 mask[1024 / 64] = { 1 + prng_below(rng, (1ull << t->cpus) - 1) };

	CHECK(sched_setaffinity(p, mask) == 0);
}

static void spawn_worker(struct torture *t, struct prng *rng)
{
	struct worker *w;
	struct task_struct *p;
	int slot = 0;

	if (t->live >= MAX_LIVE)
		return;
	while (t->known[slot])
		slot++;
	t->known[slot] = current; /* taken, before anything can interleave */
	t->live++;
	w = kzalloc(sizeof(*w), GFP_KERNEL);
	CHECK(w);
	w->t = t;
	w->slot = slot;
	prng_seed(&w->rng, this_machine()->cfg.seed, 1000 + (u64)t->made++);
	p = kthread_create(worker_main, w, "w%d", t->made);
	CHECK(!IS_ERR(p));
	t->known[slot] = get_task_struct(p);
	if (prng_below(rng, 3) == 0)
		random_policy(rng, p);
	wake_up_process(p);
}

static struct task_struct *random_task(struct torture *t, struct prng *rng)
{
	struct task_struct *p = t->known[prng_below(rng, MAX_LIVE)];

	return p ? p : current;
}

static void critical_section(struct torture *t, struct prng *rng)
{
	mutex_lock(&t->lock);
	CHECK(t->inside++ == 0);
	burn_ns(prng_below(rng, 50000));
	CHECK(--t->inside == 0);
	mutex_unlock(&t->lock);
}

static void wait_a_little(struct torture *t, struct prng *rng)
{
	wait_queue_entry_t wait;

	init_wait(&wait);
	if (prng_below(rng, 2))
		prepare_to_wait_exclusive(&t->wq, &wait, TASK_INTERRUPTIBLE);
	else
		prepare_to_wait(&t->wq, &wait, TASK_INTERRUPTIBLE);
	schedule_timeout(1 + (long)prng_below(rng, 5));
	finish_wait(&t->wq, &wait);
}

static void one_action(struct torture *t, struct prng *rng)
{
	struct task_struct *p;

	switch (prng_below(rng, 15)) {
	case 0 ... 2:
		burn_ns(prng_below(rng, 3 * MS));
		break;
	case 3:
	case 4:
		hrtimer_nanosleep(prng_below(rng, 4 * MS), HRTIMER_MODE_REL, NULL);
		break;
	case 5:
		yield();
		break;
	case 6:
		p = get_task_struct(random_task(t, rng));
		set_user_nice(p, (long)prng_below(rng, 40) - 20);
		put_task_struct(p);
		break;
	case 7:
		p = get_task_struct(random_task(t, rng));
		random_policy(rng, p);
		put_task_struct(p);
		break;
	case 8:
		p = get_task_struct(random_task(t, rng));
		random_affinity(t, rng, p);
		put_task_struct(p);
		break;
	case 9:
		critical_section(t, rng);
		break;
	case 10:
		wait_a_little(t, rng);
		break;
	case 11:
		__wake_up(&t->wq, TASK_NORMAL, (int)prng_below(rng, 3), NULL);
		break;
	case 12:
		p = get_task_struct(random_task(t, rng));
		wake_up_state(p, TASK_INTERRUPTIBLE);
		put_task_struct(p);
		break;
	case 13:
		spawn_worker(t, rng);
		break;
	case 14:
		complete(&t->x);
		wait_for_completion_timeout(&t->x, 3);
		break;
	}
}

static int worker_main(void *arg)
{
	struct worker *w = arg;
	struct torture *t = w->t;
	int actions = 5 + (int)prng_below(&w->rng, 60);

	while (actions-- && ktime_get() < t->end_ns)
		one_action(t, &w->rng);
	put_task_struct(t->known[w->slot]);
	t->known[w->slot] = NULL;
	t->live--;
	kfree(w);
	return 0;
}

/* Keeps some alive until the end. RT, or RT workers might keep it from ever making the others. */
static int spawner_main(void *arg)
{
	struct torture *t = arg;

	while (ktime_get() < t->end_ns) {
		spawn_worker(t, &t->rng);
		hrtimer_nanosleep(prng_below(&t->rng, 3 * MS), HRTIMER_MODE_REL, NULL);
	}
	return 0;
}

static void start_torture(void *arg)
{
	struct torture *t = arg;

	prng_seed(&t->rng, this_machine()->cfg.seed, 999);
	mutex_init(&t->lock);
	init_waitqueue_head(&t->wq);
	init_completion(&t->x);
	sf_thread(spawner_main, t, "spawner", 0, SCHED_FIFO, 90, -1);
}

static void create(struct fixture *f, struct torture *t, u64 seed, u32 cpus, u64 quantum_ns,
		   const char *costs, u64 ms)
{
	struct machine_config cfg = fixture_config(64 << 20, cpus);

	cfg.seed = seed;
	cfg.quantum_ns = quantum_ns;
	cfg.costs = cost_profile(costs);
	sched_fixture_config(f, &cfg, true);
	memset(t, 0, sizeof(*t));
	t->end_ns = ms * MS;
	t->cpus = cpus;
	sched_call(f, start_torture, t);
}

struct sum {
	u64 runtime;
};
static void add_runtime(void *arg, const struct task_stats *s)
{
	((struct sum *)arg)->runtime += s->runtime_ns;
}

static void check_the_end(struct fixture *f, const struct torture *t)
{
	struct sum sum = { 0 };
	struct cpu_stats cpu;
	u64 exec = 0;
	char text[256];

	assert_int_equal(t->live, 0);
	assert_int_equal(nr_processes(f->k), 0);
	assert_int_equal(nr_running(f->k), 0);
	if (!sched_check_text(f->k, text, sizeof(text)))
		fail_msg("%s", text);
	sched_stats_for_each(f->k, add_runtime, &sum);
	for (unsigned i = 0; i < f->m->cfg.nr_cpus; i++) {
		sched_cpu_stats(f->k, i, &cpu);
		exec += cpu.exec_ns;
	}
	assert_int_equal(sum.runtime, exec);
}

static u64 torture_digest(u64 seed, u32 cpus, u64 quantum_ns, const char *costs, u64 ms)
{
	struct fixture f;
	struct torture t;
	u64 digest;

	create(&f, &t, seed, cpus, quantum_ns, costs, ms);
	if (sched_run_until(&f, 100000 * MS) != STOP_DEADLOCK)
		fail_msg("seed %llu on %u CPUs: not at rest", (unsigned long long)seed, cpus);
	check_the_end(&f, &t);
	assert_true(t.made > 20);
	digest = trace_digest(&f.m->trace);
	if (getenv("OSIM_TEST_VERBOSE"))
		print_message("%d tasks, %llu switches, %llu ns, digest %016llx\n", t.made,
			      (unsigned long long)nr_context_switches(f.k),
			      (unsigned long long)cycles_to_ns(f.m, engine_now(f.m)),
			      (unsigned long long)digest);
	fixture_destroy(&f);
	return digest;
}

static void a_random_crowd_breaks_no_invariant(void **state)
{
	u64 seed = fixture_seed();

	(void)state;
	for (u64 i = 0; i < 16; i++) {
		print_message("seed %llu\n", (unsigned long long)(seed + i));
		torture_digest(seed + i, 1 + (u32)(i % 5), i % 2 ? 500 : 0, i % 3 ? "zen4" : "zero",
			       400);
	}
}

static void the_same_seed_gives_the_same_digest(void **state)
{
	u64 seed = fixture_seed();
	u64 a = torture_digest(seed, 3, 0, "zen4", 100);

	(void)state;
	assert_true(a == torture_digest(seed, 3, 0, "zen4", 100));
	assert_true(a != torture_digest(seed + 1, 3, 0, "zen4", 100));
}

static void interleaved_machines_do_not_touch_each_other(void **state)
{
	u64 seed = fixture_seed(), alone = torture_digest(seed, 2, 0, "zen4", 80);
	enum stop_reason why[2] = { STOP_LIMIT, STOP_LIMIT };
	struct fixture f[2];
	struct torture t[2];

	(void)state;
	for (int i = 0; i < 2; i++)
		create(&f[i], &t[i], seed, 2, 0, "zen4", 80);
	for (u64 ms = 1; why[0] == STOP_LIMIT || why[1] == STOP_LIMIT; ms++) {
		assert_true(ms < 100000);
		for (int i = 0; i < 2; i++)
			why[i] = sched_run_until(&f[i], ms * MS);
	}
	for (int i = 0; i < 2; i++) {
		assert_true(trace_digest(&f[i].m->trace) == alone);
		fixture_destroy(&f[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_random_crowd_breaks_no_invariant),
		cmocka_unit_test(the_same_seed_gives_the_same_digest),
		cmocka_unit_test(interleaved_machines_do_not_touch_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
