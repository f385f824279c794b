/* SPDX-License-Identifier: MIT */
/*
 * System calls, pipes, faults and fork of native tasks in host nanoseconds, beside the host kernel
 * doing the same.
 *
 *	bench_syscall [rounds [name]]
 *
 * One round measures one thing in a new machine (64 MiB, zen4 costs, digest on as always) and then
 * the same thing in the peer process (bench.h); each figure is the median of `rounds` (default 11).
 * "osim" and "host" are nanoseconds of this host; "simulated" is what the machine's own clock says
 * the operation took, in cycles of its CPU, and does not depend on this host. With a name only that
 * row is run, and without its peer: for profilers.
 *
 * All but the last pipe row are CPU time, of all processes that take part; the row with two CPUs is
 * elapsed time.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "bench.h"
#include "hw/cpu.h"
#include "osim/osim.h"

#define CALLS 20000
#define TRIPS 3000
#define PAGES 1024
#define FORKS 60
#define WARM_BYTES (56u << 20) /* of a machine of 64 MiB */
#define TOUCHED (1u << 20)

static long sys(long nr, long a, long b, long c)
{
	return osim_syscall(nr, a, b, c, 0, 0, 0);
}

/* --- what a native task measures: host time and simulated time of an operation --- */

struct result {
	double ns, cycles;
};
struct mark {
	double ns;
	u64 cycles;
};

static struct mark begin(bool elapsed)
{
	return (struct mark){ elapsed ? wall_ns() : cpu_ns(), this_cpu()->now };
}
static struct result end(struct mark m, bool elapsed, double ops)
{
	double ns = elapsed ? wall_ns() : cpu_ns();

	return (struct result){ (ns - m.ns) / ops, (double)(this_cpu()->now - m.cycles) / ops };
}

static void task_getppid(void *arg)
{
	struct result *r = arg;
	struct mark m;

	for (int i = 0; i < CALLS / 10; i++)
		sys(SYS_getppid, 0, 0, 0);
	m = begin(false);
	for (int i = 0; i < CALLS; i++)
		sys(SYS_getppid, 0, 0, 0);
	*r = end(m, false, CALLS);
}

static void io_loop(struct result *r, const char *path, long nr, long len)
{
	uint64_t buf = osim_scratch();
	struct mark m;
	long fd;

	osim_store(buf, path, strlen(path) + 1);
	fd = sys(SYS_open, (long)buf, O_RDWR, 0);
	for (int i = 0; i < CALLS / 10; i++)
		sys(nr, fd, (long)buf, len);
	m = begin(false);
	for (int i = 0; i < CALLS; i++)
		if (sys(nr, fd, (long)buf, len) != len)
			return;
	*r = end(m, false, CALLS);
}
static void task_read_1(void *arg)
{
	io_loop(arg, "/dev/zero", SYS_read, 1);
}
static void task_read_4096(void *arg)
{
	io_loop(arg, "/dev/zero", SYS_read, 4096);
}
static void task_write_1(void *arg)
{
	io_loop(arg, "/dev/null", SYS_write, 1);
}
static void task_write_4096(void *arg)
{
	io_loop(arg, "/dev/null", SYS_write, 4096);
}

/* fd[0..1] carries pings, fd[2..3] pongs. */
struct trip {
	int fd[4];
	bool elapsed;
};
static void trip_child(void *arg)
{
	const struct trip *t = arg;
	long buf = (long)osim_scratch();

	if (t->elapsed) {
		uint64_t mask = 2;

		osim_store((uint64_t)buf + 64, &mask, sizeof(mask));
		sys(SYS_sched_setaffinity, 0, sizeof(mask), buf + 64);
	}
	sys(SYS_close, t->fd[1], 0, 0);
	while (sys(SYS_read, t->fd[0], buf, 1) == 1)
		sys(SYS_write, t->fd[3], buf, 1);
}
static void ping_pong(struct result *r, bool elapsed)
{
	struct trip t = { .elapsed = elapsed };
	long buf = (long)osim_scratch();
	struct mark m = { 0 };
	long pid;

	if (elapsed) {
		uint64_t mask = 1;

		osim_store((uint64_t)buf, &mask, sizeof(mask));
		sys(SYS_sched_setaffinity, 0, sizeof(mask), buf);
	}
	sys(SYS_pipe, buf, 0, 0);
	sys(SYS_pipe, buf + 8, 0, 0);
	osim_load((uint64_t)buf, t.fd, sizeof(t.fd));
	pid = osim_fork(trip_child, &t);
	for (int i = -TRIPS / 10; i < TRIPS; i++) {
		if (i == 0)
			m = begin(elapsed);
		if (sys(SYS_write, t.fd[1], buf, 1) != 1 || sys(SYS_read, t.fd[2], buf, 1) != 1)
			return;
	}
	*r = end(m, elapsed, TRIPS);
	sys(SYS_close, t.fd[1], 0, 0);
	sys(SYS_wait4, pid, 0, 0);
}
static void task_ping_pong(void *arg)
{
	ping_pong(arg, false);
}
static void task_ping_pong_2(void *arg)
{
	ping_pong(arg, true);
}

static uint64_t map_pages(uint64_t len)
{
	return (uint64_t)osim_syscall(SYS_mmap, 0, (long)len, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
static void touch(uint64_t at, uint64_t len)
{
	for (uint64_t i = 0; i < len; i += 4096)
		osim_store(at + i, &i, sizeof(i));
}
/* Frames that the machine has used before, as a host's have been: the fault alone. */
static void task_fault(void *arg)
{
	struct result *r = arg;
	struct mark m;
	uint64_t at = map_pages(WARM_BYTES);

	touch(at, WARM_BYTES);
	sys(SYS_munmap, (long)at, WARM_BYTES, 0);
	at = map_pages(PAGES * 4096);
	m = begin(false);
	touch(at, PAGES * 4096);
	*r = end(m, false, PAGES);
}
/*
 * Frames nobody used before: each also costs the fault by which the host backs the machine's RAM.
 */
static void task_first_fault(void *arg)
{
	struct result *r = arg;
	uint64_t at = map_pages(PAGES * 4096);
	struct mark m = begin(false);

	touch(at, PAGES * 4096);
	*r = end(m, false, PAGES);
}

static void child_exits(void *arg)
{
	(void)arg;
}
static void task_fork(void *arg)
{
	struct result *r = arg;
	struct mark m = { 0 };

	touch(map_pages(TOUCHED), TOUCHED);
	for (int i = -FORKS / 4; i < FORKS; i++) {
		long pid;

		if (i == 0)
			m = begin(false);
		pid = osim_fork(child_exits, NULL);
		if (pid < 0 || sys(SYS_wait4, pid, 0, 0) != pid)
			return;
	}
	*r = end(m, false, FORKS);
}

/*
 * --- the host doing the same. By number where the C library's function has the name of one of the
 * kernel's ---
 */

static void pin(unsigned cpu)
{
	unsigned long mask[16] = { 1ul << cpu };

	syscall(SYS_sched_setaffinity, 0, sizeof(mask), mask);
}

static double host_getppid(void)
{
	double t = cpu_ns();

	for (int i = 0; i < CALLS; i++)
		syscall(SYS_getppid);
	return (cpu_ns() - t) / CALLS;
}

static double host_io(const char *path, long nr, size_t len)
{
	static char buf[4096];
	int fd = open(path, O_RDWR);
	double t = cpu_ns();

	for (int i = 0; i < CALLS; i++)
		if (syscall(nr, fd, buf, len) != (long)len)
			die(path);
	t = (cpu_ns() - t) / CALLS;
	close(fd);
	return t;
}
static double host_read_1(void)
{
	return host_io("/dev/zero", SYS_read, 1);
}
static double host_read_4096(void)
{
	return host_io("/dev/zero", SYS_read, 4096);
}
static double host_write_1(void)
{
	return host_io("/dev/null", SYS_write, 1);
}
static double host_write_4096(void)
{
	return host_io("/dev/null", SYS_write, 4096);
}

static double host_trips(unsigned child_cpu, bool elapsed)
{
	int a[2], b[2];
	double t;
	char c = 0;
	pid_t pid;

	if (pipe(a) || pipe(b))
		die("pipe");
	t = family_ns();
	pid = fork();
	if (pid == 0) {
		pin(child_cpu);
		close(a[1]);
		while (read(a[0], &c, 1) == 1)
			if (write(b[1], &c, 1) != 1)
				break;
		_exit(0);
	}
	pin(0);
	for (int i = -TRIPS / 10; i < TRIPS; i++) {
		if (i == 0 && elapsed)
			t = wall_ns();
		if (write(a[1], &c, 1) != 1 || read(b[0], &c, 1) != 1)
			die("pipe");
	}
	if (elapsed)
		t = (wall_ns() - t) / TRIPS;
	close(a[1]);
	waitpid(pid, NULL, 0);
	if (!elapsed) /* one fork and exit among 3,300 trips: about 1 % */
		t = (family_ns() - t) / (TRIPS + TRIPS / 10);
	close(a[0]), close(b[0]), close(b[1]);
	return t;
}
static double host_ping_pong(void)
{
	return host_trips(0, false);
}
static double host_ping_pong_2(void)
{
	return host_trips(1, true);
}

static volatile char *host_map(size_t len)
{
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("mmap");
	syscall(SYS_madvise, p, len, MADV_NOHUGEPAGE); /* the machine has pages of 4 KiB only */
	return p;
}
static double host_fault(void)
{
	volatile char *p = host_map(PAGES * 4096);
	double t = cpu_ns();

	for (size_t i = 0; i < PAGES * 4096; i += 4096)
		p[i] = 1;
	t = (cpu_ns() - t) / PAGES;
	munmap((void *)(uintptr_t)p, PAGES * 4096);
	return t;
}
static double host_fork(void)
{
	static volatile char *p;
	double t;

	if (!p) {
		p = host_map(TOUCHED);
		for (size_t i = 0; i < TOUCHED; i += 4096)
			p[i] = 1;
	}
	t = family_ns();
	for (int i = 0; i < FORKS; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
	return (family_ns() - t) / FORKS;
}

/* --- the table --- */

static const struct row {
	const char *name, *text;
	void (*task)(void *result);
	unsigned cpus;
} rows[] = {
	{ "getppid", "getppid", task_getppid, 1 },
	{ "read1", "read 1 byte of /dev/zero", task_read_1, 1 },
	{ "read4096", "read 4096 bytes of /dev/zero", task_read_4096, 1 },
	{ "write1", "write 1 byte to /dev/null", task_write_1, 1 },
	{ "write4096", "write 4096 bytes to /dev/null", task_write_4096, 1 },
	{ "pipe", "pipe round trip, 2 tasks, 1 CPU", task_ping_pong, 1 },
	{ "pipe2", "pipe round trip, 2 tasks, 2 CPUs", task_ping_pong_2, 2 },
	{ "fault", "fault on a fresh page", task_fault, 1 },
	{ "fault1", "the same, frames never used before", task_first_fault, 1 },
	{ "fork", "fork + exit + wait, 1 MiB touched", task_fork, 1 },
};
static peer_fn *const peers[] = {
	host_getppid,	host_read_1,	  host_read_4096, host_write_1, host_write_4096,
	host_ping_pong, host_ping_pong_2, host_fault,	  host_fault,	host_fork,
};
#define NR_ROWS (sizeof(rows) / sizeof(rows[0]))

static struct result run_machine(const struct row *row)
{
	struct result r = { -1, -1 };
	struct osim_config cfg;
	char error[256];
	struct osim *o;

	osim_config_init(&cfg);
	cfg.cpus = row->cpus;
	cfg.ram_bytes = 64 << 20;
	cfg.error = error;
	cfg.error_len = sizeof(error);
	if (osim_create(&cfg, &o))
		die(error);
	osim_watch(o, osim_spawn_native(o, row->name, row->task, &r, NULL));
	if (osim_run(o, UINT64_MAX) != OSIM_STOP_EXIT || r.ns < 0) {
		fprintf(stderr, "%s failed: %s\n", row->name, osim_last_error(o));
		exit(1);
	}
	osim_destroy(o);
	return r;
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 11;
	struct peer peer = peer_start(peers);

	rounds = rounds < 1 ? 1 : rounds > MAX_ROUNDS ? MAX_ROUNDS : rounds;
	printf("%-36s %10s %10s %10s   %s\n", "ns an operation", "osim", "host", "host/osim",
	       "simulated cycles");
	for (unsigned char i = 0; i < NR_ROWS; i++) {
		struct samples ours = { .n = 0 }, theirs = { .n = 0 };
		double cycles = 0;

		if (argc > 2 && strcmp(argv[2], rows[i].name))
			continue;
		for (int k = 0; k < rounds; k++) {
			struct result r = run_machine(&rows[i]);

			sample(&ours, r.ns);
			cycles = r.cycles;
			if (argc <= 2)
				sample(&theirs, peer_ask(&peer, i));
		}
		printf("%-36s %10.1f %10.1f %10.2f   %.0f\n", rows[i].text, median(&ours),
		       median(&theirs), median(&theirs) / median(&ours), cycles);
		fflush(stdout);
	}
	peer_stop(&peer);
	return 0;
}
