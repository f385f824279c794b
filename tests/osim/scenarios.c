/* SPDX-License-Identifier: MIT */
/*
 * Scenarios whose digests are golden: made of committed bytes and native programs only, so that
 * every build must agree.
 *
 *	scenarios NAME [MACHINES]	run NAME on that many machines interleaved in one thread (default 1); prints `digest HEX`
 *	scenarios --list
 *	scenarios --threads NAME N	N machines on N threads
 */

#include <osim/osim.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/tour.h"

#define SYS_read 0
#define SYS_write 1
#define SYS_close 3
#define SYS_mmap 9
#define SYS_munmap 11
#define SYS_pipe 22
#define SYS_nanosleep 35
#define SYS_exit 60
#define SYS_wait4 61
#define SYS_kill 62

static long sys(long nr, long a, long b, long c)
{
	return osim_syscall(nr, a, b, c, 0, 0, 0);
}

/* --- native bodies --- */

static void reader(void *arg)
{
	char buf[256];
	long n, fd = (long)(intptr_t)arg, total = 0;

	while ((n = sys(SYS_read, fd, (long)osim_scratch() + 1024, sizeof(buf))) > 0) {
		osim_load(osim_scratch() + 1024, buf, (size_t)n);
		total += n;
		osim_compute(100);
	}
	sys(SYS_exit, total == 20000 ? 0 : 1, 0, 0);
}

/* A pipe between a parent that writes 200 times 100 bytes and a child that reads. */
static void pipe_parent(void *arg)
{
	int fds[2];

	(void)arg;
	sys(SYS_pipe, (long)osim_scratch(), 0, 0);
	osim_load(osim_scratch(), fds, sizeof(fds));
	if (osim_fork(reader, (void *)(intptr_t)fds[0]) < 0)
		abort();
	sys(SYS_close, fds[0], 0, 0);
	for (int i = 0; i < 200; i++) {
		char text[100];

		memset(text, 'a' + i % 26, sizeof(text));
		osim_store(osim_scratch() + 4096, text, sizeof(text));
		sys(SYS_write, fds[1], (long)osim_scratch() + 4096, sizeof(text));
		osim_compute(500);
	}
	sys(SYS_close, fds[1], 0, 0);
}

static void spin_20ms(void *arg)
{
	(void)arg;
	osim_compute_ns(20000000);
}

static void sleeper(void *arg)
{
	int64_t ts[2] = { 0, 1000000 + (intptr_t)arg * 137000 };

	for (int i = 0; i < 8; i++) {
		osim_store(osim_scratch(), ts, sizeof(ts));
		sys(SYS_nanosleep, (long)osim_scratch(), 0, 0);
		osim_compute_ns(200000);
	}
}

#define COW_BYTES (256 * 4096)

static void cow_child(void *arg)
{
	uint64_t base = (uint64_t)(uintptr_t)arg, v;

	for (uint64_t at = 0; at < COW_BYTES; at += 2 * 4096) {
		osim_load(base + at, &v, sizeof(v));
		v = v * 3 + 1;
		osim_store(base + at, &v, sizeof(v));
	}
}

static void cow_parent(void *arg)
{
	uint64_t base, v;

	(void)arg;
	base = (uint64_t)osim_syscall(SYS_mmap, 0, COW_BYTES, 3, 0x22, -1, 0);
	for (uint64_t at = 0; at < COW_BYTES; at += 4096)
		osim_store(base + at, &at, sizeof(at));
	for (int i = 0; i < 4; i++)
		osim_fork(cow_child, (void *)(uintptr_t)base);
	for (uint64_t at = 4096; at < COW_BYTES; at += 3 * 4096) {
		osim_load(base + at, &v, sizeof(v));
		v++;
		osim_store(base + at, &v, sizeof(v));
	}
	while (osim_syscall(SYS_wait4, -1, 0, 0, 0, 0, 0) > 0)
		;
	sys(SYS_munmap, (long)base, COW_BYTES, 0);
}

static void segv(void *arg)
{
	uint64_t v = 1;

	(void)arg;
	osim_store(0x10, &v, sizeof(v));
	abort();
}

static void kill_parent(void *arg)
{
	long pid;

	(void)arg;
	osim_fork(segv, NULL);
	pid = osim_fork(spin_20ms, NULL);
	osim_compute_ns(3000000);
	sys(SYS_kill, pid, 15, 0);
	while (osim_syscall(SYS_wait4, -1, 0, 0, 0, 0, 0) > 0)
		;
}

/* --- scenarios --- */

static void add_tour(struct osim *o)
{
	static const char *const argv[] = { "tour", NULL }, *const envp[] = { "A=1", NULL };
	struct osim_exec exec = { .path = "/tour", .argv = argv, .envp = envp };

	if (osim_add_file(o, "/tour", 0100755, 0, 0, 0, guest_tour, sizeof(guest_tour)) ||
	    osim_spawn(o, &exec) < 0) {
		fprintf(stderr, "tour: %s\n", osim_last_error(o));
		exit(1);
	}
}

static void build(struct osim *o, const char *name)
{
	struct osim_task_attr attr = { 0 };

	if (!strcmp(name, "boot")) {
		osim_spawn_native(o, "nothing", sleeper, NULL, NULL);
	} else if (!strcmp(name, "pipe")) {
		osim_spawn_native(o, "pipe", pipe_parent, NULL, NULL);
	} else if (!strcmp(name, "sched")) {
		for (int i = 0; i < 6; i++) {
			attr.nice = i * 3 - 6;
			osim_spawn_native(o, "spin", spin_20ms, NULL, &attr);
		}
		attr = (struct osim_task_attr){ .policy = OSIM_SCHED_FIFO, .rt_priority = 10 };
		osim_spawn_native(o, "fifo", sleeper, (void *)1, &attr);
		attr = (struct osim_task_attr){ .policy = OSIM_SCHED_BATCH };
		osim_spawn_native(o, "batch", sleeper, (void *)2, &attr);
	} else if (!strcmp(name, "cow")) {
		osim_spawn_native(o, "cow", cow_parent, NULL, NULL);
	} else if (!strcmp(name, "signals")) {
		osim_spawn_native(o, "kill", kill_parent, NULL, NULL);
	} else if (!strcmp(name, "tour")) {
		add_tour(o);
	} else if (!strcmp(name, "crowd")) {
		add_tour(o);
		for (int i = 0; i < 12; i++)
			osim_spawn_native(o, i % 3 ? "pipe" : "cow",
					  i % 3 ? pipe_parent : cow_parent, NULL, NULL);
	} else {
		fprintf(stderr, "scenarios: no scenario %s\n", name);
		exit(2);
	}
}

static struct osim *make(const char *name)
{
	struct osim_config cfg;
	struct osim *o;
	char error[256];

	osim_config_init(&cfg);
	cfg.cpus = strcmp(name, "boot") ? 2 : 1;
	if (!strcmp(name, "crowd"))
		cfg.cpus = 4;
	cfg.ram_bytes = 64 << 20;
	cfg.error = error;
	cfg.error_len = sizeof(error);
	if (osim_create(&cfg, &o)) {
		fprintf(stderr, "scenarios: %s\n", error);
		exit(1);
	}
	build(o, name);
	return o;
}

static void check_end(struct osim *o, enum osim_stop stop)
{
	if (stop == OSIM_STOP_EXIT)
		return;
	fprintf(stderr, "scenarios: stopped by %s: %s\n", osim_stop_name(stop), osim_last_error(o));
	exit(1);
}

static uint64_t finish(struct osim *o)
{
	uint64_t digest;

	check_end(o, osim_run(o, UINT64_MAX));
	digest = osim_digest(o);
	osim_destroy(o);
	return digest;
}

static void *thread_main(void *arg)
{
	uint64_t *digest = malloc(sizeof(*digest));

	*digest = finish(make(arg));
	return digest;
}

static uint64_t on_threads(const char *name, int n)
{
	pthread_t *t = calloc((size_t)n, sizeof(*t));
	uint64_t first = 0;

	for (int i = 0; i < n; i++)
		pthread_create(&t[i], NULL, thread_main, (void *)(uintptr_t)name);
	for (int i = 0; i < n; i++) {
		void *d;

		pthread_join(t[i], &d);
		if (i && *(uint64_t *)d != first) {
			fprintf(stderr, "scenarios: thread %d differs: %016llx\n", i,
				(unsigned long long)*(uint64_t *)d);
			exit(1);
		}
		first = *(uint64_t *)d;
		free(d);
	}
	free(t);
	return first;
}

/*
 * Slices of 333 us of virtual time in turn, so that every machine is stopped and resumed many
 * times.
 */
static uint64_t interleaved(const char *name, int n)
{
	struct osim **o = calloc((size_t)n, sizeof(*o));
	uint64_t first = 0;
	int left = n;

	for (int i = 0; i < n; i++)
		o[i] = make(name);
	for (uint64_t until = 333000; left; until += 333000) {
		for (int i = 0; i < n; i++) {
			enum osim_stop stop;
			uint64_t d;

			if (!o[i])
				continue;
			stop = osim_run(o[i], until);
			if (stop == OSIM_STOP_LIMIT)
				continue;
			check_end(o[i], stop);
			d = osim_digest(o[i]);
			if (left != n && d != first) {
				fprintf(stderr, "scenarios: machine %d differs: %016llx\n", i,
					(unsigned long long)d);
				exit(1);
			}
			first = d;
			osim_destroy(o[i]);
			o[i] = NULL;
			left--;
		}
	}
	free(o);
	return first;
}

int main(int argc, char **argv)
{
	uint64_t digest;

	if (argc == 2 && !strcmp(argv[1], "--list")) {
		puts("boot\npipe\nsched\ncow\nsignals\ntour\ncrowd");
		return 0;
	}
	if (argc == 4 && !strcmp(argv[1], "--threads"))
		digest = on_threads(argv[2], atoi(argv[3]));
	else if (argc == 3)
		digest = interleaved(argv[1], atoi(argv[2]));
	else if (argc == 2)
		digest = finish(make(argv[1]));
	else
		return 2;
	printf("digest %016llx\n", (unsigned long long)digest);
	return 0;
}
