/* SPDX-License-Identifier: MIT */
/*
 * Two native tasks and a pipe: the smallest program that uses a whole machine.
 *
 * The parent makes a pipe and forks; the child writes 100 000 numbers into it, the parent reads and
 * adds them. The pipe holds 64 KiB, so both block again and again, and the kernel switches between
 * them. What the machine did is printed at the end; run it twice, and every line is the same.
 */
#include <inttypes.h>
#include <osim/osim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBERS 100000u
#define CHUNK 512u /* numbers in one write */

/* Linux's system call numbers and the kernel's view of memory: addresses of the machine. */
enum { SYS_read = 0, SYS_write = 1, SYS_close = 3, SYS_pipe = 22, SYS_exit = 60, SYS_wait4 = 61 };

struct job {
	int32_t fd[2];
	uint64_t sum;
};

static long sys(long nr, long a, long b, long c)
{
	return osim_syscall(nr, a, b, c, 0, 0, 0);
}

static void writer(void *arg)
{
	const struct job *job = arg;
	uint64_t at = osim_scratch(), number[CHUNK];

	sys(SYS_close, job->fd[0], 0, 0);
	for (uint64_t i = 0; i < NUMBERS; i += CHUNK) {
		uint64_t n = NUMBERS - i < CHUNK ? NUMBERS - i : CHUNK;

		for (uint64_t k = 0; k < n; k++)
			number[k] = i + k;
		osim_compute(20 * n); /* what making them costs the simulated CPU */
		osim_store(at, number, n * sizeof(*number));
		if (sys(SYS_write, job->fd[1], (long)at, (long)(n * sizeof(*number))) < 0)
			sys(SYS_exit, 1, 0, 0);
	}
}

static void reader(void *arg)
{
	struct job *job = arg;
	uint64_t at = osim_scratch(), number[CHUNK];
	char line[64];
	long child, n;

	sys(SYS_pipe, (long)at, 0, 0);
	osim_load(at, job->fd, sizeof(job->fd));
	child = osim_fork(writer, job);
	sys(SYS_close, job->fd[1], 0, 0); /* or the end of the file would never come */

	while ((n = sys(SYS_read, job->fd[0], (long)at, sizeof(number))) > 0) {
		osim_load(at, number, (size_t)n);
		for (size_t k = 0; k < (size_t)n / sizeof(*number); k++)
			job->sum += number[k];
		osim_compute(2 * (uint64_t)n);
	}
	osim_syscall(SYS_wait4, child, 0, 0, 0, 0, 0);

	n = snprintf(line, sizeof(line), "sum of %u numbers: %" PRIu64 "\n", NUMBERS, job->sum);
	osim_store(at, line, (size_t)n);
	sys(SYS_write, 1, (long)at, n);
}

static void to_stdout(void *arg, int line, const void *buf, size_t len_bytes)
{
	(void)arg;
	fwrite(buf, 1, len_bytes, line == 0 ? stdout : stderr);
}

int main(void)
{
	struct osim_config cfg;
	struct osim_mem_stats mem;
	struct osim_task_stats task;
	struct job job = { 0 };
	uint64_t switches = 0;
	char error[256];
	struct osim *o;
	int rc;

	osim_config_init(&cfg);
	cfg.cpus = 2;
	cfg.error = error;
	cfg.error_len = sizeof(error);
	rc = osim_create(&cfg, &o);
	if (rc) {
		fprintf(stderr, "osim_create: %s: %s\n", osim_strerror(rc), error);
		return 1;
	}
	osim_set_console(o, to_stdout, NULL);
	osim_watch(o, osim_spawn_native(o, "reader", reader, &job, NULL));
	if (osim_run(o, UINT64_MAX) != OSIM_STOP_EXIT) {
		fprintf(stderr, "osim_run: %s\n", osim_last_error(o));
		osim_destroy(o);
		return 1;
	}

	for (unsigned cpu = 0; cpu < cfg.cpus; cpu++) {
		struct osim_cpu_stats s;

		osim_cpu_stats(o, cpu, &s);
		switches += s.switches;
		printf("cpu %u: %" PRIu64 " switches, %" PRIu64 " system calls, %" PRIu64
		       " interrupts, %" PRIu64 " TLB misses\n",
		       cpu, s.switches, s.syscalls, s.interrupts, s.tlb_misses);
	}
	for (unsigned i = 0; osim_task_stats(o, i, &task) == 0; i++)
		printf("task %-8s pid %" PRIu32 ": ran %" PRIu64 " ns, blocked %" PRIu64 " times\n",
		       task.name, task.pid, task.runtime_ns, task.nr_voluntary_switches);
	osim_mem_stats(o, &mem);
	printf("frames in use: %" PRIu64 ", faults: %" PRIu64 ", switches: %" PRIu64 "\n",
	       mem.frames_used, mem.page_faults, switches);
	printf("virtual time: %" PRIu64 " ns, digest: %016" PRIx64 "\n", osim_time_ns(o),
	       osim_digest(o));
	rc = job.sum == (uint64_t)NUMBERS * (NUMBERS - 1) / 2 ? 0 : 1;
	osim_destroy(o);
	return rc;
}
