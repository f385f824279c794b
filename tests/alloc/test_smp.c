/* SPDX-License-Identifier: MIT */
/*
 * Several CPUs at once, interleaved by their virtual clocks at every charge: spinlocks exclude, are
 * fair and cost waiting time; the allocators stay sound when objects and pages move between CPUs.
 */

#include "kernel_fixture.h"
#include "hw/cpu.h"
#include "hw/engine.h"
#include "kernel/percpu/spinlock.h"
#include "mm/alloc/mmzone.h"
#include "mm/alloc/slab.h"

#define MIB (1ull << 20)
#define MAX_CPUS 8
#define ROUNDS 400
#define SHARED 1024

struct smp {
	struct fixture f;
	u32 nr_cpus, done;
	spinlock_t lock;
	/* spinlock runs */
	u32 inside, turns;
	u64 released, order_hash;
	u32 last_ticket;
	/* allocator runs */
	struct kmem_cache *cache;
	u32 object_size, slots; /* slots of obj[] in use */
	bool checked;
	struct {
		u64 *p;
		u64 tag;
		unsigned order; /* pages: the order */
	} obj[SHARED];
};

/* The end of a worker: the last one stops the machine, the others sleep for good. */
static __noreturn void worker_done(struct smp *t)
{
	if (++t->done == t->nr_cpus)
		machine_exit(this_machine(), 0);
	for (;;)
		engine_halt(this_cpu());
}

/* Run fn(t) on every CPU at once; the worker ends with worker_done(). */
static void run_on_all(struct smp *t, void (*fn)(void *))
{
	struct machine *m = t->f.m;
	u64 start = m->cpu[0]->now + 1000; /* boot took CPU 0 some time */

	for (u32 i = 0; i < t->nr_cpus; i++) {
		struct stack *s = stack_alloc(m, fn, t);

		assert_non_null(s);
		m->cpu[i]->stack = s;
		engine_start_cpu(m->cpu[i], start + i * 7);
	}
	if (engine_run(m, ~0ull) != STOP_EXIT)
		fail_msg("stopped: %s", m->panic_text[0] ? m->panic_text : "deadlock");
	assert_int_equal(t->done, t->nr_cpus);
}

static struct smp *smp_create(u32 nr_cpus, u64 quantum_ns, const char *profile)
{
	struct smp *t = calloc(1, sizeof(*t));
	struct machine_config cfg = fixture_config(64 * MIB, nr_cpus);

	cfg.quantum_ns = quantum_ns;
	cfg.costs = cost_profile(profile);
	t->nr_cpus = nr_cpus;
	assert_int_equal(fixture_create_params(&t->f, &cfg, NULL), 0);
	return t;
}

static void smp_destroy(struct smp *t)
{
	fixture_destroy(&t->f);
	free(t);
}

/* --- spinlocks --- */

static void lock_worker(void *arg)
{
	struct smp *t = arg;
	struct prng rng;

	prng_seed(&rng, t->f.seed, smp_processor_id());
	for (u32 i = 0; i < ROUNDS; i++) {
		u64 flags = 0;
		bool irqsave = prng_below(&rng, 2);

		charge_cycles(prng_below(&rng, 300));
		if (irqsave)
			spin_lock_irqsave(&t->lock, flags);
		else
			spin_lock(&t->lock);
		CHECK(t->inside == 0 && spin_held(&t->lock) && spin_is_locked(&t->lock));
		CHECK(this_cpu()->now >= t->released);
		CHECK(this_percpu()->preempt_count > 0);
		CHECK(t->lock.owner == t->last_ticket); /* in the order of drawing */
		t->last_ticket++;
		t->inside = 1;
		t->turns++;
		t->order_hash = t->order_hash * 31 + smp_processor_id();
		charge_cycles(prng_below(&rng, 200));
		t->inside = 0;
		t->released = this_cpu()->now;
		if (irqsave)
			spin_unlock_irqrestore(&t->lock, flags);
		else
			spin_unlock(&t->lock);
		CHECK(this_percpu()->preempt_count == 0);
	}
	worker_done(t);
}

struct lock_outcome {
	u64 hash, now, spun;
};

static struct lock_outcome contend(u32 nr_cpus, u64 quantum_ns, const char *profile)
{
	struct smp *t = smp_create(nr_cpus, quantum_ns, profile);
	struct lock_outcome out = { 0 };

	spin_lock_init(&t->lock);
	run_on_all(t, lock_worker);
	assert_int_equal(t->turns, nr_cpus * ROUNDS);
	assert_false(spin_is_locked(&t->lock));
	assert_null(t->lock.first);
	assert_true(t->lock.contended > 0);
	out.hash = t->order_hash;
	for (u32 i = 0; i < nr_cpus; i++) {
		out.now += t->f.m->cpu[i]->now;
		out.spun += t->f.m->cpu[i]->spun_cycles;
	}
	smp_destroy(t);
	return out;
}

static void contending_cpus_exclude_each_other_in_ticket_order(void **state)
{
	static const char *const profiles[] = { "zero", "zen4", "skylake" };

	(void)state;
	for (u32 i = 0; i < 3; i++) {
		contend(2, 0, profiles[i]);
		contend(2, 1000, profiles[i]);
		contend(MAX_CPUS, 0, profiles[i]);
		contend(MAX_CPUS, 100, profiles[i]);
	}
}

static void contention_is_the_same_on_every_run_and_costs_time(void **state)
{
	struct lock_outcome a = contend(4, 0, "zen4"), b = contend(4, 0, "zen4");

	(void)state;
	assert_memory_equal(&a, &b, sizeof(a));
	assert_true(a.spun > 0 && a.spun < a.now);
}

static void holder_then_waiter(void *arg)
{
	struct smp *t = arg;

	if (smp_processor_id() == 0) {
		spin_lock(&t->lock);
		charge_cycles(50000);
		t->released = this_cpu()->now;
		spin_unlock(&t->lock);
	} else {
		charge_cycles(2000);
		CHECK(!spin_trylock(&t->lock) && this_percpu()->preempt_count == 0);
		spin_lock(&t->lock);
		CHECK(this_cpu()->now >= t->released && this_cpu()->now <= t->released + 1000);
		CHECK(this_cpu()->spun_cycles > 40000);
		spin_unlock(&t->lock);
		CHECK(spin_trylock(&t->lock));
		spin_unlock(&t->lock);
	}
	worker_done(t);
}

static void a_waiter_gets_on_at_the_release_in_virtual_time(void **state)
{
	struct smp *t = smp_create(2, 0, "zen4");

	(void)state;
	run_on_all(t, holder_then_waiter);
	smp_destroy(t);
}

static void relock(void *arg)
{
	struct smp *t = arg;

	spin_lock(&t->lock);
	spin_lock(&t->lock);
}

static void unlock_unlocked(void *arg)
{
	struct smp *t = arg;

	spin_unlock(&t->lock);
}

static void misused_locks_panic(void **state)
{
	struct smp *t = smp_create(1, 0, "zero");

	(void)state;
	fixture_run_panics(&t->f, relock, t, "spin_held");
	smp_destroy(t);
	t = smp_create(1, 0, "zero");
	fixture_run_panics(&t->f, unlock_unlocked, t, "owner_cpu");
	smp_destroy(t);
}

/* --- allocators --- */

/*
 * Objects change hands through a table without a lock: whoever finds one full empties it, in one
 * step between charges.
 */
static void slab_worker(void *arg)
{
	struct smp *t = arg;
	struct prng rng;

	prng_seed(&rng, t->f.seed, 100 + smp_processor_id());
	for (u32 i = 0; i < 6000; i++) {
		u32 n = (u32)prng_below(&rng, t->slots);
		u64 *p = t->obj[n].p, tag = t->obj[n].tag;

		if (p) {
			t->obj[n].p = NULL;
			CHECK(p[0] == tag && p[9] == ~tag);
			kmem_cache_free(t->cache, p);
			continue;
		}
		p = kmem_cache_alloc(t->cache, GFP_ATOMIC);
		CHECK(p);
		tag = prng_u64(&rng);
		p[0] = tag;
		p[9] = ~tag;
		if (t->obj[n].p) { /* somebody was faster */
			kmem_cache_free(t->cache, p);
			continue;
		}
		t->obj[n].p = p;
		t->obj[n].tag = tag;
		if (i % 512 == 0)
			kmem_cache_shrink(t->cache);
	}
	worker_done(t);
}

static void page_worker(void *arg)
{
	struct smp *t = arg;
	struct prng rng;

	prng_seed(&rng, t->f.seed, 200 + smp_processor_id());
	for (u32 i = 0; i < 6000; i++) {
		u32 n = (u32)prng_below(&rng, SHARED);
		u64 *p = t->obj[n].p, tag = t->obj[n].tag;
		unsigned order = (unsigned)prng_below(&rng, 5);

		if (p) {
			order = t->obj[n].order;
			t->obj[n].p = NULL;
			CHECK(p[0] == tag && p[(512 << order) - 1] == tag);
			free_pages(p, order);
			continue;
		}
		p = __get_free_pages(prng_below(&rng, 2) ? GFP_KERNEL : GFP_HIGHUSER_MOVABLE,
				     order);
		if (!p)
			continue;
		tag = prng_u64(&rng);
		p[0] = p[(512 << order) - 1] = tag;
		if (t->obj[n].p) {
			free_pages(p, order);
			continue;
		}
		t->obj[n].p = p;
		t->obj[n].tag = tag;
		t->obj[n].order = order;
		if (i % 777 == 0)
			drain_all_pages();
	}
	worker_done(t);
}

static void make_cache(void *arg)
{
	struct smp *t = arg;

	t->cache = kmem_cache_create("shared", t->object_size, 0, 0, NULL);
	CHECK(t->cache);
}

/* After the run, on CPU 0: what is left goes back, and nothing was lost or counted twice. */
static void check_objects(void *arg)
{
	struct smp *t = arg;
	struct slabinfo info;
	u64 live = 0;

	alloc_check(kern());
	for (u32 n = 0; n < SHARED; n++)
		live += t->obj[n].p != NULL;
	get_slabinfo(t->cache, &info);
	CHECK(live > 0 && info.active_objs == live);
	for (u32 n = 0; n < SHARED; n++)
		kmem_cache_free(t->cache, t->obj[n].p);
	CHECK(kmem_cache_destroy(t->cache) == 0);
	alloc_check(kern());
	t->checked = true;
}

static void check_pages(void *arg)
{
	struct smp *t = arg;
	struct sysinfo_mem si;

	alloc_check(kern());
	for (u32 n = 0; n < SHARED; n++)
		free_pages(t->obj[n].p, t->obj[n].order);
	drain_all_pages();
	alloc_check(kern());
	si_meminfo(&si);
	CHECK(si.pcp == 0);
	/* all free again but what slabs hold */
	CHECK(si.freeram + si.slab_unreclaimable + si.slab_reclaimable == si.totalram);
	t->checked = true;
}

static void run_slab_workers(u32 nr_cpus, u64 quantum_ns, u32 object_size, u32 slots)
{
	struct smp *t = smp_create(nr_cpus, quantum_ns, "zen4");

	t->object_size = object_size;
	t->slots = slots;
	fixture_run(&t->f, make_cache, t);
	run_on_all(t, slab_worker);
	fixture_run(&t->f, check_objects, t);
	assert_true(t->checked);
	smp_destroy(t);
}

static void objects_move_between_cpus_without_loss(void **state)
{
	(void)state;
	for (u32 i = 0; i < 4; i++) {
		run_slab_workers(i < 2 ? 2 : 4, i & 1 ? 1000 : 0, 80, SHARED);
		/* few large objects: slabs fill, empty and are fought over all the time */
		run_slab_workers(i < 2 ? 3 : MAX_CPUS, i & 1 ? 100 : 0, 4096, 100);
		run_slab_workers(i < 2 ? 4 : MAX_CPUS, i & 1 ? 100 : 0, 16384, 40);
	}
}

static void pages_move_between_cpus_without_loss(void **state)
{
	(void)state;
	for (u32 i = 0; i < 4; i++) {
		struct smp *t = smp_create(i < 2 ? 2 : 4, i & 1 ? 1000 : 0, "zen4");

		run_on_all(t, page_worker);
		fixture_run(&t->f, check_pages, t);
		assert_true(t->checked);
		smp_destroy(t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contending_cpus_exclude_each_other_in_ticket_order),
		cmocka_unit_test(contention_is_the_same_on_every_run_and_costs_time),
		cmocka_unit_test(a_waiter_gets_on_at_the_release_in_virtual_time),
		cmocka_unit_test(misused_locks_panic),
		cmocka_unit_test(objects_move_between_cpus_without_loss),
		cmocka_unit_test(pages_move_between_cpus_without_loss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
