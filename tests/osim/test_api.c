/* SPDX-License-Identifier: MIT */
/* The public API as an embedder meets it. */

#include "osim/api_fixture.h"

#include "guest/tour.h"

static void bad_configurations_are_refused_with_a_text(void **state)
{
	static struct api a;
	struct osim_config cfg;

	(void)state;
	cfg = api_config(0);
	assert_int_equal(api_create(&a, &cfg), -22);
	assert_non_null(strstr(a.error, "cpus"));
	cfg = api_config(1);
	cfg.ram_bytes = 1 << 20;
	assert_int_equal(api_create(&a, &cfg), -22);
	assert_non_null(strstr(a.error, "ram"));
	cfg = api_config(1);
	cfg.costs = "z80";
	assert_int_equal(api_create(&a, &cfg), -22);
	assert_non_null(strstr(a.error, "z80"));
	cfg = api_config(1);
	cfg.hz = 60;
	assert_int_equal(api_create(&a, &cfg), -22);
	assert_null(a.o);
}

static void the_tour_program_takes_every_step(void **state)
{
	static const char *const costs[] = { "zero", "zen4", "skylake" };

	(void)state;
	for (int i = 0; i < 3; i++) {
		for (unsigned cpus = 1; cpus <= 3; cpus++) {
			struct osim_config cfg = api_config(cpus);
			static struct api a;

			cfg.costs = costs[i];
			assert_int_equal(api_create(&a, &cfg), 0);
			assert_true(api_spawn_image(&a, guest_tour, sizeof(guest_tour)) >= 0);
			assert_int_equal(osim_run(a.o, UINT64_MAX), OSIM_STOP_EXIT);
			assert_string_equal(a.out[0], "hello\n");
			assert_string_equal(a.out[1], "");
			assert_int_equal(osim_exit_status(a.o), 42);
			api_destroy(&a);
		}
	}
}

static void a_missing_program_ends_with_127_and_a_bad_one_with_126(void **state)
{
	static const char *const argv[] = { "x", NULL }, *const envp[] = { "PATH=/a:/tmp", NULL };
	struct osim_exec exec = { .path = "/nowhere", .argv = argv, .envp = envp };
	struct osim_config cfg = api_config(1);
	static struct api a;

	(void)state;
	assert_int_equal(api_create(&a, &cfg), 0);
	assert_true(osim_spawn(a.o, &exec) >= 0);
	assert_int_equal(osim_run(a.o, UINT64_MAX), OSIM_STOP_EXIT);
	assert_int_equal(osim_exit_status(a.o), 127);
	assert_string_equal(a.out[1], "osim: /nowhere: No such file or directory\n");
	api_destroy(&a);

	assert_int_equal(api_create(&a, &cfg), 0);
	assert_int_equal(osim_add_file(a.o, "/tmp/text", 0100755, 0, 0, 0, "hello", 5), 0);
	exec.path = "text";
	assert_true(osim_spawn(a.o, &exec) >= 0);
	assert_int_equal(osim_run(a.o, UINT64_MAX), OSIM_STOP_EXIT);
	assert_int_equal(osim_exit_status(a.o), 126);
	assert_string_equal(a.out[1], "osim: text: Exec format error\n");
	api_destroy(&a);
}

static void compute_1ms(void *arg)
{
	(void)arg;
	osim_compute_ns(1000000);
}

static void compute_and_yield(void *arg)
{
	for (int i = 0; i < 50; i++) {
		osim_compute(1000 * (uint64_t)(intptr_t)arg);
		osim_syscall(24, 0, 0, 0, 0, 0, 0);
	}
}

static void slicing_a_run_changes_nothing(void **state)
{
	struct osim_config cfg = api_config(2);
	uint64_t digest = 0, time = 0;

	(void)state;
	/* shorter and longer than the quantum */
	for (uint64_t step = 0; step <= 200000; step = step ? step * 3 + 1 : 111) {
		static struct api a;
		enum osim_stop stop = OSIM_STOP_LIMIT;

		assert_int_equal(api_create(&a, &cfg), 0);
		assert_true(api_spawn_image(&a, guest_tour, sizeof(guest_tour)) >= 0);
		osim_spawn_native(a.o, "n", compute_1ms, NULL, NULL);
		for (intptr_t i = 1; i < 4; i++)
			osim_spawn_native(a.o, "y", compute_and_yield, (void *)i, NULL);
		for (uint64_t until = step; stop == OSIM_STOP_LIMIT; until += step)
			stop = osim_run(a.o, step ? until : UINT64_MAX);
		assert_int_equal(stop, OSIM_STOP_EXIT);
		if (!step) {
			digest = osim_digest(a.o);
			time = osim_time_ns(a.o);
		}
		assert_int_equal(osim_digest(a.o), digest);
		assert_int_equal(osim_time_ns(a.o), time);
		api_destroy(&a);
	}
}

static void count_record(void *arg, const struct osim_record *r)
{
	(void)r;
	++*(uint64_t *)arg;
}

static void ignore_line(void *arg, uint32_t pid, const char *line)
{
	(void)pid;
	*(size_t *)arg += strlen(line);
}

static void tracing_and_strace_change_nothing(void **state)
{
	struct osim_config cfg = api_config(2);
	uint64_t digest[2], records = 0;
	size_t text = 0;

	(void)state;
	for (int on = 0; on < 2; on++) {
		static struct api a;

		assert_int_equal(api_create(&a, &cfg), 0);
		assert_true(api_spawn_image(&a, guest_tour, sizeof(guest_tour)) >= 0);
		if (on) {
			osim_set_trace(a.o, count_record, &records, true);
			osim_set_strace(a.o, ignore_line, &text);
		}
		assert_int_equal(osim_run(a.o, UINT64_MAX), OSIM_STOP_EXIT);
		digest[on] = osim_digest(a.o);
		api_destroy(&a);
	}
	assert_int_equal(digest[0], digest[1]);
	assert_true(records > 100 && text > 100);
}

static void read_console(void *arg)
{
	char buf[8] = "";
	long n;

	(void)arg;
	n = osim_syscall(0, 0, (long)osim_scratch(), 5, 0, 0, 0);
	osim_load(osim_scratch(), buf, 5);
	osim_syscall(231, n == 5 && !memcmp(buf, "12345", 5) ? 0 : 1, 0, 0, 0, 0, 0);
}

static void a_reader_of_the_console_waits_for_the_embedder(void **state)
{
	struct osim_config cfg = api_config(2);
	static struct api a;

	(void)state;
	assert_int_equal(api_create(&a, &cfg), 0);
	assert_true(osim_spawn_native(a.o, "r", read_console, NULL, NULL) >= 0);
	assert_int_equal(osim_run(a.o, UINT64_MAX), OSIM_STOP_INPUT);
	assert_int_equal(osim_console_input(a.o, "12345", 5), 0);
	assert_int_equal(osim_run(a.o, UINT64_MAX), OSIM_STOP_EXIT);
	assert_int_equal(osim_exit_status(a.o), 0);
	api_destroy(&a);
}

static void wait_for_ever(void *arg)
{
	(void)arg;
	osim_syscall(34, 0, 0, 0, 0, 0, 0); /* pause */
}

static void a_machine_in_which_nothing_can_happen_is_a_deadlock_with_a_report(void **state)
{
	struct osim_config cfg = api_config(2);
	static struct api a;
	char report[4096];

	(void)state;
	assert_int_equal(api_create(&a, &cfg), 0);
	assert_true(osim_spawn_native(a.o, "waiter", wait_for_ever, NULL, NULL) >= 0);
	assert_int_equal(osim_run(a.o, UINT64_MAX), OSIM_STOP_DEADLOCK);
	assert_true(osim_report(a.o, report, sizeof(report)) > 0);
	assert_non_null(strstr(report, "waiter"));
	/* Another program can still be started. */
	assert_int_equal(osim_watch(a.o, osim_spawn_native(a.o, "late", compute_1ms, NULL, NULL)),
			 0);
	assert_int_equal(osim_run(a.o, UINT64_MAX), OSIM_STOP_EXIT);
	api_destroy(&a);
}

/* --- misuse --- */

static void calls_of_a_native_program_do_nothing_outside_one(void **state)
{
	struct osim_config cfg = api_config(1);
	static struct api a;
	uint64_t before, v = 7;

	(void)state;
	assert_int_equal(api_create(&a, &cfg), 0);
	before = osim_digest(a.o);
	assert_null(osim_self());
	assert_int_equal(osim_syscall(39, 0, 0, 0, 0, 0, 0), -1); /* EPERM */
	assert_int_equal(osim_fork(compute_1ms, NULL), -1);
	osim_compute(1000);
	osim_compute_ns(1000);
	osim_store(osim_scratch(), &v, sizeof(v));
	osim_load(osim_scratch(), &v, sizeof(v));
	assert_int_equal(v, 0);
	assert_int_equal(osim_digest(a.o), before);
	api_destroy(&a);
}

static void embedder_calls_inside(void *arg)
{
	struct osim_exec exec = { .path = "/x" };
	struct osim_task_stats ts;
	struct osim_mem_stats ms;
	struct osim *o = arg;

	assert_ptr_equal(osim_self(), o);
	assert_int_equal(osim_run(o, UINT64_MAX), OSIM_STOP_ERROR);
	assert_non_null(strstr(osim_last_error(o), "running"));
	assert_int_equal(osim_spawn(o, &exec), -16); /* EBUSY */
	assert_int_equal(osim_spawn_native(o, "x", compute_1ms, NULL, NULL), -16);
	assert_int_equal(osim_add_file(o, "/x", 0100644, 0, 0, 0, "x", 1), -16);
	assert_int_equal(osim_add_cpio(o, "x", 1), -16);
	assert_int_equal(osim_console_input(o, "x", 1), -16);
	assert_int_equal(osim_mem_stats(o, &ms), -16);
	assert_int_equal(osim_task_stats(o, 0, &ts), 0); /* only looks */
	osim_console_close(o);
	osim_destroy(o);
	assert_true(osim_syscall(39, 0, 0, 0, 0, 0, 0) > 0); /* still here */
	assert_int_equal(osim_fork(NULL, NULL), -22);
}

static void calls_of_the_embedder_are_refused_inside_a_native_program(void **state)
{
	struct osim_config cfg = api_config(2);
	static struct api a;

	(void)state;
	assert_int_equal(api_create(&a, &cfg), 0);
	assert_true(osim_spawn_native(a.o, "in", embedder_calls_inside, a.o, NULL) >= 0);
	assert_int_equal(osim_run(a.o, UINT64_MAX), OSIM_STOP_EXIT);
	assert_int_equal(osim_exit_status(a.o), 0);
	api_destroy(&a);
}

static unsigned callbacks;

static void enter_from_callback(struct osim *o)
{
	struct osim_mem_stats ms;

	callbacks++;
	assert_int_equal(osim_run(o, UINT64_MAX), OSIM_STOP_ERROR);
	assert_int_equal(osim_console_input(o, "x", 1), -16);
	assert_int_equal(osim_mem_stats(o, &ms), -16);
	assert_int_equal(osim_syscall(39, 0, 0, 0, 0, 0, 0), -1);
	assert_int_equal(osim_fork(compute_1ms, NULL), -1);
	osim_compute(1000000);
	osim_destroy(o);
}

static void entering_console(void *arg, int line, const void *buf, size_t len_bytes)
{
	(void)line;
	(void)buf;
	(void)len_bytes;
	enter_from_callback(((struct api *)arg)->o);
}

static void entering_trace(void *arg, const struct osim_record *r)
{
	(void)r;
	enter_from_callback(((struct api *)arg)->o);
}

static void entering_strace(void *arg, uint32_t pid, const char *line)
{
	(void)pid;
	(void)line;
	enter_from_callback(((struct api *)arg)->o);
}

static void callbacks_can_not_enter_the_machine_and_change_nothing(void **state)
{
	struct osim_config cfg = api_config(2);
	uint64_t digest = 0;

	(void)state;
	for (int entering = 0; entering < 2; entering++) {
		static struct api a;

		assert_int_equal(api_create(&a, &cfg), 0);
		if (entering) {
			osim_set_console(a.o, entering_console, &a);
			osim_set_trace(a.o, entering_trace, &a, true);
			osim_set_strace(a.o, entering_strace, &a);
		}
		assert_true(api_spawn_image(&a, guest_tour, sizeof(guest_tour)) >= 0);
		assert_true(osim_spawn_native(a.o, "n", compute_1ms, NULL, NULL) >= 0);
		assert_int_equal(osim_run(a.o, UINT64_MAX), OSIM_STOP_EXIT);
		if (entering)
			assert_int_equal(osim_digest(a.o), digest);
		digest = osim_digest(a.o);
		api_destroy(&a);
	}
	assert_true(callbacks > 100);
}

static void a_stop_request_does_not_cut_a_call_between_runs_short(void **state)
{
	static char data[300000];
	struct osim_config cfg = api_config(1);
	static struct api a;

	(void)state;
	assert_int_equal(api_create(&a, &cfg), 0);
	assert_true(osim_spawn_native(a.o, "n", compute_1ms, NULL, NULL) >= 0);
	osim_request_stop(a.o);
	assert_int_equal(osim_add_file(a.o, "/big", 0100644, 0, 0, 0, data, sizeof(data)), 0);
	assert_int_equal(osim_run(a.o, UINT64_MAX), OSIM_STOP_REQUEST);
	assert_int_equal(osim_add_file(a.o, "/big2", 0100644, 0, 0, 0, data, sizeof(data)), 0);
	assert_int_equal(osim_run(a.o, UINT64_MAX), OSIM_STOP_EXIT);
	api_destroy(&a);
}

static void bad_arguments_are_errors_with_a_text(void **state)
{
	static const struct {
		const char *path;
		uint32_t mode;
		size_t len;
		const void *data;
		int ret;
	} files[] = {
		{ NULL, 0100644, 0, NULL, -22 },	{ "", 0100644, 0, NULL, -22 },
		{ "rel/ative", 0100644, 0, NULL, -22 }, { "/f", 0100644, 5, NULL, -22 },
		{ "/l", 0120777, 5, NULL, -22 },	{ "/s", 0140644, 0, NULL, -22 },
		{ "/none", 0644, 0, NULL, -22 },	{ "/../up", 0100644, 1, "x", -22 },
	};
	struct osim_task_attr attr = { .nice = 20 };
	struct osim_config cfg = api_config(1);
	struct osim_exec exec = { 0 };
	struct osim_cpu_stats cs;
	static struct api a;

	(void)state;
	assert_int_equal(api_create(&a, &cfg), 0);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int ret = osim_add_file(a.o, files[i].path, files[i].mode, 0, 0, 0, files[i].data,
					files[i].len);

		if (ret != files[i].ret)
			fail_msg("file %zu (%s): %d, not %d", i,
				 files[i].path ? files[i].path : "NULL", ret, files[i].ret);
		assert_true(osim_last_error(a.o)[0]);
	}
	for (int i = 0; i < 2; i++) /* a later one replaces an earlier one */
		assert_int_equal(osim_add_file(a.o, "/twice", 0100644, 0, 0, 0, "x", 1), 0);
	/* ENOTDIR */
	assert_int_equal(osim_add_file(a.o, "/twice/x", 0100644, 0, 0, 0, "x", 1), -20);
	assert_int_equal(osim_add_cpio(a.o, NULL, 5), -22);
	assert_int_equal(osim_add_cpio(a.o, "x", 1), -22);
	assert_non_null(strstr(osim_last_error(a.o), "offset 0"));
	assert_int_equal(osim_spawn(a.o, &exec), -22);
	exec.path = "";
	assert_int_equal(osim_spawn(a.o, &exec), -22);
	assert_int_equal(osim_spawn_native(a.o, "x", NULL, NULL, NULL), -22);
	assert_int_equal(osim_spawn_native(a.o, "x", compute_1ms, NULL, &attr), -22);
	attr = (struct osim_task_attr){ .policy = (enum osim_policy)4 };
	assert_int_equal(osim_spawn_native(a.o, "x", compute_1ms, NULL, &attr), -22);
	attr = (struct osim_task_attr){ .policy = (enum osim_policy)77 };
	assert_int_equal(osim_spawn_native(a.o, "x", compute_1ms, NULL, &attr), -22);
	attr = (struct osim_task_attr){ .policy = OSIM_SCHED_FIFO, .rt_priority = 100 };
	assert_int_equal(osim_spawn_native(a.o, "x", compute_1ms, NULL, &attr), -22);
	assert_int_equal(osim_watch(a.o, 5), -22);
	assert_int_equal(osim_console_input(a.o, NULL, 5), -22);
	assert_int_equal(osim_console_input(a.o, NULL, 0), 0);
	/* ENOSPC: more than the console holds */
	assert_int_equal(osim_console_input(a.o, a.out, 65537), -28);
	assert_int_equal(osim_cpu_stats(a.o, 1, &cs), -2);
	osim_console_close(a.o);
	assert_int_equal(osim_console_input(a.o, "x", 1), -32); /* EPIPE */
	osim_destroy(NULL);
	/* Nothing of it is in the way. */
	exec = (struct osim_exec){ .path = "/prog" };
	assert_int_equal(
		osim_add_file(a.o, "/prog", 0100755, 0, 0, 0, guest_tour, sizeof(guest_tour)), 0);
	assert_true(osim_spawn(a.o, &exec) >= 0); /* no argv, no envp */
	assert_int_equal(osim_run(a.o, UINT64_MAX), OSIM_STOP_EXIT);
	assert_int_equal(osim_spawn(a.o, &exec), -5); /* EIO: it has ended */
	assert_int_equal(osim_spawn_native(a.o, "x", compute_1ms, NULL, NULL), -5);
	assert_int_equal(osim_run(a.o, UINT64_MAX), OSIM_STOP_EXIT);
	api_destroy(&a);
}

static void run_another(void *arg)
{
	struct osim_config cfg = api_config(2);
	uint64_t *digest = arg;
	static struct api inner;

	assert_int_equal(api_create(&inner, &cfg), 0);
	assert_true(api_spawn_image(&inner, guest_tour, sizeof(guest_tour)) >= 0);
	assert_int_equal(osim_run(inner.o, UINT64_MAX), OSIM_STOP_EXIT);
	*digest = osim_digest(inner.o);
	api_destroy(&inner);
}

static void a_machine_may_be_run_by_a_program_of_another(void **state)
{
	struct osim_config cfg = api_config(2);
	uint64_t inside = 1, outside = 2;
	static struct api a;

	(void)state;
	run_another(&outside);
	assert_int_equal(api_create(&a, &cfg), 0);
	assert_true(osim_spawn_native(a.o, "host", run_another, &inside, NULL) >= 0);
	assert_int_equal(osim_run(a.o, UINT64_MAX), OSIM_STOP_EXIT);
	assert_int_equal(osim_exit_status(a.o), 0);
	assert_int_equal(inside, outside);
	api_destroy(&a);
}

static void figures_add_up_to_the_time_that_passed(void **state)
{
	struct osim_config cfg = api_config(2);
	uint64_t sum = 0, now;
	struct osim_task_stats ts;
	struct osim_cpu_stats cs;
	static struct api a;
	unsigned n;

	(void)state;
	assert_int_equal(api_create(&a, &cfg), 0);
	for (int i = 0; i < 3; i++)
		assert_true(osim_spawn_native(a.o, "n", compute_1ms, NULL, NULL) >= 0);
	assert_int_equal(osim_run(a.o, 700000), OSIM_STOP_LIMIT); /* in the middle of a tick */
	now = osim_time_ns(a.o);
	for (n = 0; !osim_task_stats(a.o, n, &ts); n++)
		sum += ts.runtime_ns;
	assert_int_equal(n, 4);
	for (unsigned i = 0; !osim_cpu_stats(a.o, i, &cs); i++)
		sum += cs.idle_ns;
	assert_true(sum <= 2 * now && sum > 2 * now - 70000); /* boot's time is nobody's */
	assert_int_equal(osim_task_stats(a.o, 2, &ts), 0);    /* back again */
	assert_int_equal(ts.pid, 3);
	assert_int_equal(osim_run(a.o, UINT64_MAX), OSIM_STOP_EXIT);
	api_destroy(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_configurations_are_refused_with_a_text),
		cmocka_unit_test(the_tour_program_takes_every_step),
		cmocka_unit_test(a_missing_program_ends_with_127_and_a_bad_one_with_126),
		cmocka_unit_test(slicing_a_run_changes_nothing),
		cmocka_unit_test(tracing_and_strace_change_nothing),
		cmocka_unit_test(a_reader_of_the_console_waits_for_the_embedder),
		cmocka_unit_test(a_machine_in_which_nothing_can_happen_is_a_deadlock_with_a_report),
		cmocka_unit_test(calls_of_a_native_program_do_nothing_outside_one),
		cmocka_unit_test(calls_of_the_embedder_are_refused_inside_a_native_program),
		cmocka_unit_test(callbacks_can_not_enter_the_machine_and_change_nothing),
		cmocka_unit_test(a_stop_request_does_not_cut_a_call_between_runs_short),
		cmocka_unit_test(bad_arguments_are_errors_with_a_text),
		cmocka_unit_test(a_machine_may_be_run_by_a_program_of_another),
		cmocka_unit_test(figures_add_up_to_the_time_that_passed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
