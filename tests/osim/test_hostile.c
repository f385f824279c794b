/* SPDX-License-Identifier: MIT */
/* What nobody should give a machine, given to it: the machine reports, the host survives. */

#include "osim/api_fixture.h"

#include "guest/tour.h"
#include "lib/prng.h"

static uint64_t seed(void)
{
	const char *s = getenv("OSIM_TEST_SEED");

	return s ? strtoull(s, NULL, 0) : 1;
}

static void must_survive(struct api *a, enum osim_stop stop, uint64_t n)
{
	if (stop == OSIM_STOP_EXIT || stop == OSIM_STOP_LIMIT)
		return;
	fprintf(stderr, "OSIM_TEST_SEED=%llu case %llu: stop %s: %s\n", (unsigned long long)seed(),
		(unsigned long long)n, osim_stop_name(stop), osim_last_error(a->o));
	assert_true(stop == OSIM_STOP_EXIT || stop == OSIM_STOP_LIMIT);
}

static void corrupted_elf_headers_are_refused_or_run_harmlessly(void **state)
{
	static unsigned char image[sizeof(guest_tour)];
	struct osim_config cfg = api_config(1);
	static struct api a;
	struct prng p;

	(void)state;
	prng_seed(&p, seed(), 1);
	for (uint64_t n = 0; n < 300; n++) {
		memcpy(image, guest_tour, sizeof(image));
		for (uint64_t i = prng_below(&p, 6) + 1; i; i--) {
			uint64_t at = prng_below(&p, 64 + 5 * 56);

			if (prng_below(&p, 2))
				image[at] = (unsigned char)prng_u64(&p);
			else if (at + 8 < sizeof(image)) /* a whole extreme number */
				memset(&image[at & ~7ull], prng_below(&p, 2) ? 0xff : 0, 8);
		}
		assert_int_equal(api_create(&a, &cfg), 0);
		assert_true(api_spawn_image(&a, image,
					    n % 7 ? sizeof(image) : prng_below(&p, 512)) >= 0);
		osim_console_close(a.o);
		must_survive(&a, osim_run(a.o, 20000000), n);
		api_destroy(&a);
	}
}

static void random_bytes_as_code_only_kill_the_program(void **state)
{
	static unsigned char image[sizeof(guest_tour)];
	struct osim_config cfg = api_config(1);
	static struct api a;
	struct prng p;

	(void)state;
	prng_seed(&p, seed(), 2);
	for (uint64_t n = 0; n < 300; n++) {
		uint64_t entry;

		memcpy(image, guest_tour, sizeof(image));
		memcpy(&entry, image + 24, 8);
		for (uint64_t at = entry & 0xfff; at < sizeof(image) && at < (entry & 0xfff) + 2048;
		     at++)
			image[at] = (unsigned char)prng_u64(&p);
		assert_int_equal(api_create(&a, &cfg), 0);
		assert_true(api_spawn_image(&a, image, sizeof(image)) >= 0);
		osim_console_close(a.o);
		must_survive(&a, osim_run(a.o, 20000000), n);
		api_destroy(&a);
	}
}

/* --- wild arguments to every call --- */

struct wild {
	uint64_t nr;
	long args[6];
};

static const uint64_t nasty[] = {
	0,
	1,
	7,
	0xfff,
	0x1000,
	0x400000,
	0x10000000,
	0x10000ffc,
	0x1000fff8,
	0x10010000 - 1,
	0x7ffffffff000,
	0x7fffffffefff,
	0x800000000000,
	0xffff800000000000,
	0xffff888000000000,
	0xffffffff81000000,
	0xffffffffffffffff,
	0xfffffffffffff000,
	0x8000000000000000,
	0x7fffffffffffffff,
	0xffffffff,
	0x80000000,
	2,
	3,
	64,
	4096,
	0x7fffffff,
	(uint64_t)-100,
	(uint64_t)-22,
};

static struct prng wild_prng;

static void wild_child(void *arg)
{
	const struct wild *w = arg;

	osim_syscall((long)w->nr, w->args[0], w->args[1], w->args[2], w->args[3], w->args[4],
		     w->args[5]);
	osim_syscall(231, 0, 0, 0, 0, 0, 0);
}

static void wild_parent(void *arg)
{
	(void)arg;
	for (int round = 0; round < 4; round++) {
		for (uint64_t nr = 0; nr < 460; nr++) {
			int64_t ts[2] = { 0, 200000 };
			struct wild w = { .nr = nr };
			long pid;

			for (int i = 0; i < 6; i++)
				w.args[i] = (long)nasty[prng_below(
					&wild_prng, sizeof(nasty) / sizeof(nasty[0]))];
			/* kill: not at the parent or everybody */
			if (nr == 62 || nr == 200 || nr == 234)
				w.args[0] = 99999;
			pid = osim_fork(wild_child, &w);
			if (pid < 0)
				continue;
			osim_store(osim_scratch(), ts, sizeof(ts));
			osim_syscall(35, (long)osim_scratch(), 0, 0, 0, 0, 0);
			osim_syscall(62, pid, 9, 0, 0, 0, 0);
			osim_syscall(61, pid, 0, 0, 0, 0, 0);
		}
	}
}

static void wild_pointers_to_every_call_are_errors(void **state)
{
	struct osim_config cfg = api_config(2);
	static struct api a;

	(void)state;
	prng_seed(&wild_prng, seed(), 3);
	assert_int_equal(api_create(&a, &cfg), 0);
	assert_true(osim_spawn_native(a.o, "wild", wild_parent, NULL, NULL) >= 0);
	osim_console_close(a.o);
	must_survive(&a, osim_run(a.o, UINT64_C(20000000000)), 0);
	assert_int_equal(osim_exit_status(a.o), 0);
	api_destroy(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(corrupted_elf_headers_are_refused_or_run_harmlessly),
		cmocka_unit_test(random_bytes_as_code_only_kill_the_program),
		cmocka_unit_test(wild_pointers_to_every_call_are_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
