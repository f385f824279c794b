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

static void slicing_a_run_changes_nothing(void **state)
{
	struct osim_config cfg = api_config(2);
	uint64_t digest = 0, time = 0;

	(void)state;
	for (uint64_t step = 0; step <= 100000; step = step ? step * 7 : 997) {
		static struct api a;
		enum osim_stop stop = OSIM_STOP_LIMIT;

		assert_int_equal(api_create(&a, &cfg), 0);
		assert_true(api_spawn_image(&a, guest_tour, sizeof(guest_tour)) >= 0);
		osim_spawn_native(a.o, "n", compute_1ms, NULL, NULL);
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
	assert_int_equal(osim_watch(a.o, osim_spawn_native(a.o, "late", compute_1ms, NULL, NULL)), 0);
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
