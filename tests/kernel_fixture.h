/* SPDX-License-Identifier: MIT */
#ifndef TESTS_KERNEL_FIXTURE_H
#define TESTS_KERNEL_FIXTURE_H

/*
 * A machine with the kernel's base and allocators up, for unit tests of the kernel floors. Include
 * before or after cmocka.h; it includes it.
 *
 *	static void body(void *arg)			runs on CPU 0's boot stack
 *	{
 *		CHECK(kmalloc(1, GFP_KERNEL));
 *	}
 *	static void some_rule_holds(void **state)
 *	{
 *		struct fixture f;
 *
 *		fixture_create(&f, 64 << 20, 2);
 *		fixture_run(&f, body, NULL);		fails the test when the machine panicked
 *		fixture_destroy(&f);
 *	}
 *
 * Inside a body use CHECK, never cmocka's assert_*: those jump off the machine's stack. Floors
 * above add their init to the body, or call fixture_run() for it first. Seeded tests take their
 * seed from fixture_seed(): OSIM_TEST_SEED in the environment replays one.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/arena.h"
#include "hw/cost.h"
#include "hw/machine.h"
#include "kernel/percpu/kernel.h"
#include "kernel/percpu/percpu.h"
#include "lib/prng.h"
#include "mm/alloc/alloc.h"

struct fixture {
	struct machine *m;
	struct kernel *k;
	int init_result; /* of alloc_init() */
	u64 seed;
};

/* Inside bodies: stop the machine, naming the line and the seed that replays it. */
#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond))                                                                       \
			machine_panic(this_machine(),                                              \
				      "%s:%d: CHECK(%s) failed (OSIM_TEST_SEED=%llu)", __FILE__,   \
				      __LINE__, #cond,                                             \
				      (unsigned long long)this_machine()->cfg.seed);               \
	} while (0)

static inline u64 fixture_seed(void)
{
	const char *s = getenv("OSIM_TEST_SEED");

	return s ? strtoull(s, NULL, 0) : 20240607;
}

/* The percpu areas lie in RAM, as GS would point at them; nothing else of them is set up here. */
static inline int fixture_percpu(struct kernel *k)
{
	for (u32 i = 0; i < k->m->cfg.nr_cpus; i++) {
		struct percpu *p = memblock_alloc(k, sizeof(*p));

		if (!p)
			return -1;
		p->cpu = k->m->cpu[i];
		p->id = i;
		k->m->cpu[i]->kernel_percpu = p;
	}
	return 0;
}

static inline void fixture_alloc_init(void *arg)
{
	struct fixture *f = arg;

	f->init_result = alloc_init(f->k);
}

/*
 * Build and bring up floor 3. params may be NULL (HZ 250, nothing fails). 0, or alloc_init's error;
 * the machine exists either way.
 */
static inline int fixture_create_params(struct fixture *f, const struct machine_config *cfg,
					const struct kernel_params *params)
{
	memset(f, 0, sizeof(*f));
	f->seed = cfg->seed;
	assert_int_equal(machine_create(cfg, &f->m), 0);
	f->k = arena_carve(&f->m->arena, sizeof(*f->k), 64);
	assert_non_null(f->k);
	f->k->m = f->m;
	f->k->params.hz = 250;
	if (params)
		f->k->params = *params;
	f->m->kernel = f->k;
	assert_int_equal(alloc_early_init(f->k), 0);
	assert_int_equal(fixture_percpu(f->k), 0);
	if (machine_call(f->m, fixture_alloc_init, f))
		fail_msg("panic in alloc_init: %s", f->m->panic_text);
	return f->init_result;
}

static inline struct machine_config fixture_config(u64 ram_bytes, u32 nr_cpus)
{
	struct machine_config cfg = { .nr_cpus = nr_cpus,
				      .ram_bytes = ram_bytes,
				      .seed = fixture_seed() };

	cfg.costs = cost_profile("zero");
	return cfg;
}

/* The usual: zero-cost profile, exact interleaving. */
static inline void fixture_create(struct fixture *f, u64 ram_bytes, u32 nr_cpus)
{
	struct machine_config cfg = fixture_config(ram_bytes, nr_cpus);

	assert_int_equal(fixture_create_params(f, &cfg, NULL), 0);
}

/* Run body(arg) on CPU 0; the test fails if the machine panics in it. */
static inline void fixture_run(struct fixture *f, void (*body)(void *arg), void *arg)
{
	if (machine_call(f->m, body, arg))
		fail_msg("panic: %s", f->m->panic_text);
}

/*
 * Run body(arg), which must panic with a text that contains `expected`. The machine is of no more
 * use then.
 */
static inline void fixture_run_panics(struct fixture *f, void (*body)(void *arg), void *arg,
				      const char *expected)
{
	assert_int_not_equal(machine_call(f->m, body, arg), 0);
	if (!strstr(f->m->panic_text, expected))
		fail_msg("panic \"%s\" does not mention \"%s\"", f->m->panic_text, expected);
}

static inline void fixture_destroy(struct fixture *f)
{
	machine_destroy(f->m);
	memset(f, 0, sizeof(*f));
}

#endif
