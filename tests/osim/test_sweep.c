/* SPDX-License-Identifier: MIT */
/*
 * The nth allocation fails, for every n: over boot, and over exec, faults, fork, pipe, signals and
 * exit of a whole program. The machine never panics or hangs; boot gives an error with a text;
 * afterwards nothing more is in use than without the failure.
 */

#include "osim/api_fixture.h"
#include "osim/inside.h"

#include "guest/tour.h"
#include "kernel/entry/root.h"
#include "kernel/percpu/kernel.h"
#include "mm/alloc/alloc.h"
#include "sched/sched.h"
#include "vfs/dcache.h"

static void arm(void *arg)
{
	struct inside *in = arg;

	fail_alloc_arm(kern(), in->nth);
}

static void call(struct api *a, void (*fn)(void *), struct inside *in)
{
	int ret = machine_call(kernel_of(a->o)->m, fn, in);

	if (ret)
		fprintf(stderr, "nth %llu: %s\n", (unsigned long long)in->nth,
			kernel_of(a->o)->m->panic_text);
	assert_int_equal(ret, 0);
}

static void boot_survives_the_failure_of_every_allocation(void **state)
{
	struct osim_config cfg = api_config(2);
	static struct api a;
	int failures = 0;

	(void)state;
	for (cfg.fail_alloc_nth = 1;; cfg.fail_alloc_nth++) {
		int ret = api_create(&a, &cfg);

		if (ret) {
			if (ret != -12 || !a.error[0])
				fprintf(stderr, "nth %llu: %d %s\n",
					(unsigned long long)cfg.fail_alloc_nth, ret, a.error);
			assert_int_equal(ret, -12);
			assert_non_null(strstr(a.error, "boot: "));
			failures++;
			continue;
		}
		if (!fail_alloc_fired(kernel_of(a.o))) {
			api_destroy(&a);
			break;
		}
		/* Boot did without: then everything works. */
		assert_true(api_spawn_image(&a, guest_tour, sizeof(guest_tour)) >= 0);
		assert_int_equal(osim_run(a.o, UINT64_MAX), OSIM_STOP_EXIT);
		assert_int_equal(osim_exit_status(a.o), 42);
		api_destroy(&a);
	}
	assert_true(failures > 20);
}

static int spawn_prog(struct api *a)
{
	static const char *const argv[] = { "prog", NULL }, *const envp[] = { NULL };

	return osim_spawn(a->o, &(struct osim_exec){ .path = "/prog", .argv = argv, .envp = envp });
}

/*
 * One CPU, and a clean run before each count: a CPU may keep the last program's mm_struct as its
 * lazy one, and keeps no more than that.
 */
static void exec_fork_and_exit_survive_the_failure_of_every_allocation(void **state)
{
	struct osim_config cfg = api_config(1);
	static struct inside before, after;
	static struct api a;
	int died = 0;

	(void)state;
	for (u64 nth = 1;; nth++) {
		enum osim_stop stop;
		char leak[512];
		bool fired;

		assert_int_equal(api_create(&a, &cfg), 0);
		/* Once without failure, so that what init and the caches keep is there. */
		assert_true(api_spawn_image(&a, guest_tour, sizeof(guest_tour)) >= 0);
		kernel_of(a.o)->top->watch = -2;
		osim_console_close(a.o);
		assert_int_equal(osim_run(a.o, UINT64_MAX), OSIM_STOP_DEADLOCK);
		call(&a, take_stats, &before);
		before.nth = nth;
		call(&a, arm, &before);
		assert_true(spawn_prog(&a) >= 0);
		stop = osim_run(a.o, UINT64_C(2000000000));
		if (stop != OSIM_STOP_DEADLOCK)
			fprintf(stderr, "nth %llu: %s: %s\n", (unsigned long long)nth,
				osim_stop_name(stop), osim_last_error(a.o));
		/* everybody is gone but init, which waits */
		assert_int_equal(stop, OSIM_STOP_DEADLOCK);
		fired = fail_alloc_fired(kernel_of(a.o));
		after.nth = 0;
		call(&a, arm, &after);
		assert_true(spawn_prog(&a) >= 0);
		assert_int_equal(osim_run(a.o, UINT64_MAX), OSIM_STOP_DEADLOCK);
		call(&a, take_stats, &after);
		if (!alloc_stats_same(&before.stats, &after.stats, leak, sizeof(leak))) {
			fprintf(stderr, "nth %llu leaks: %s\n", (unsigned long long)nth, leak);
			assert_true(false);
		}
		died += fired;
		api_destroy(&a);
		if (!fired)
			break;
	}
	assert_true(died > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(boot_survives_the_failure_of_every_allocation),
		cmocka_unit_test(exec_fork_and_exit_survive_the_failure_of_every_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
