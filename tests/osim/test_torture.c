/* SPDX-License-Identifier: MIT */
/*
 * Dozens of programs that do random, mostly valid things to the kernel and to each other, on
 * several CPUs; then everybody is killed.
 *
 * Whatever they did: the machine does not panic, every program can be killed, the allocators and
 * run queues are consistent, nothing is left in use that a quiet machine does not have, and the
 * same seed gives the same digest. OSIM_TEST_SEED=n runs one seed, OSIM_TEST_SEEDS=n that many
 * seeds instead of the few of a normal run, OSIM_TEST_MS=n lets each run for n ms of its time,
 * OSIM_TEST_VERBOSE=1 tells which.
 */

#include "osim/api_fixture.h"
#include "osim/inside.h"

#include "guest/riot.h"
#include "guest/tour.h"
#include "kernel/entry/root.h"
#include "kernel/percpu/kernel.h"
#include "lib/prng.h"
#include "mm/alloc/alloc.h"
#include "sched/fork.h"
#include "sched/sched.h"
#include "vfs/dcache.h"

#define MAX_PROCESSES 48
#define ROUND_NS (env("OSIM_TEST_MS", 40) * 1000000)

enum {
	SYS_read = 0,
	SYS_write = 1,
	SYS_open = 2,
	SYS_close = 3,
	SYS_poll = 7,
	SYS_lseek = 8,
	SYS_mmap = 9,
	SYS_mprotect = 10,
	SYS_munmap = 11,
	SYS_brk = 12,
	SYS_rt_sigaction = 13,
	SYS_rt_sigprocmask = 14,
	SYS_select = 23,
	SYS_sched_yield = 24,
	SYS_mremap = 25,
	SYS_msync = 26,
	SYS_madvise = 28,
	SYS_dup = 32,
	SYS_dup2 = 33,
	SYS_pause = 34,
	SYS_nanosleep = 35,
	SYS_getitimer = 36,
	SYS_alarm = 37,
	SYS_setitimer = 38,
	SYS_getpid = 39,
	SYS_sendfile = 40,
	SYS_execve = 59,
	SYS_exit = 60,
	SYS_wait4 = 61,
	SYS_kill = 62,
	SYS_fcntl = 72,
	SYS_truncate = 76,
	SYS_ftruncate = 77,
	SYS_getcwd = 79,
	SYS_chdir = 80,
	SYS_rename = 82,
	SYS_mkdir = 83,
	SYS_rmdir = 84,
	SYS_creat = 85,
	SYS_link = 86,
	SYS_unlink = 87,
	SYS_symlink = 88,
	SYS_readlink = 89,
	SYS_chmod = 90,
	SYS_getrusage = 98,
	SYS_sysinfo = 99,
	SYS_times = 100,
	SYS_setpgid = 109,
	SYS_getppid = 110,
	SYS_setsid = 112,
	SYS_setresuid = 117,
	SYS_getpgid = 121,
	SYS_getsid = 124,
	SYS_rt_sigpending = 127,
	SYS_rt_sigtimedwait = 128,
	SYS_rt_sigsuspend = 130,
	SYS_mknod = 133,
	SYS_getpriority = 140,
	SYS_setpriority = 141,
	SYS_sched_setparam = 142,
	SYS_sched_setscheduler = 144,
	SYS_tkill = 200,
	SYS_sched_setaffinity = 203,
	SYS_getdents64 = 217,
	SYS_tgkill = 234,
	SYS_exit_group = 231,
	SYS_pipe2 = 293,
	SYS_prlimit64 = 302,
};

static uint64_t env(const char *var, uint64_t otherwise)
{
	const char *s = getenv(var);

	return s ? strtoull(s, NULL, 0) : otherwise;
}

static long sys(long nr, long a, long b, long c)
{
	return osim_syscall(nr, a, b, c, 0, 0, 0);
}

/* --- one program --- */

#define DATA (osim_scratch() + 8192)
#define MAPS UINT64_C(0x20000000)
#define MAP_PAGES 64u

static uint64_t below(struct prng *p, uint64_t n)
{
	return prng_below(p, n);
}

static void riot(void *arg);

static long nap(uint64_t ns)
{
	int64_t ts[2] = { (int64_t)(ns / 1000000000), (int64_t)(ns % 1000000000) };

	osim_store(osim_scratch(), ts, sizeof(ts));
	return sys(SYS_nanosleep, (long)osim_scratch(), 0, 0);
}

static unsigned processes(void)
{
	uint16_t n = 0;

	sys(SYS_sysinfo, (long)DATA, 0, 0);
	osim_load(DATA + 80, &n, sizeof(n));
	return n;
}

static long somebody(struct prng *p)
{
	long me = sys(SYS_getpid, 0, 0, 0);

	switch (below(p, 8)) {
	case 0:
		return 0;
	case 1:
		return me;
	case 2:
		return -(long)below(p, 64) - 2;
	case 3:
		return (long)below(p, 8) - 1;
	default:
		return me + (long)below(p, 40) - 20;
	}
}

/* A name of the shared tree, in scratch memory; `slot` so that two can be in use. */
static long name(struct prng *p, unsigned slot)
{
	static const char *const dirs[] = { "/t", "/t", "/t/x",	 "/t/y", "/t/x/z",
					    ".",  "..", "/proc", "/t/ln" };
	static const char *const files[] = {
		"a", "b", "c", "x", "y", "z", "ln", "fifo", "self/maps"
	};
	uint64_t at = osim_scratch() + 4096 + slot * 256;
	char text[128];

	if (below(p, 12) == 0) {
		static const char *const pid_files[] = { "status", "stat",    "maps", "cmdline",
							 "fd",	   "cwd/a",   "exe",  "statm",
							 "comm",   "environ", "fd/3" };

		snprintf(text, sizeof(text), "/proc/%ld/%s",
			 sys(SYS_getpid, 0, 0, 0) + (long)below(p, 30) - 15,
			 pid_files[below(p, sizeof(pid_files) / sizeof(pid_files[0]))]);
	} else {
		snprintf(text, sizeof(text), "%s/%s",
			 dirs[below(p, sizeof(dirs) / sizeof(dirs[0]))],
			 files[below(p, sizeof(files) / sizeof(files[0]))]);
	}
	osim_store(at, text, strlen(text) + 1);
	return (long)at;
}

static void touch(struct prng *p, uint64_t va)
{
	uint64_t v = prng_u64(p);

	if (below(p, 2))
		osim_load(va, &v, sizeof(v));
	else
		osim_store(va, &v, sizeof(v));
}

static void memory(struct prng *p)
{
	uint64_t at = MAPS + below(p, MAP_PAGES) * 4096, len = (below(p, 12) + 1) * 4096;
	long flags[] = { 0x22, 0x21, 0x32, 0x31 }, prot = (long)below(p, 8), fd = -1, got;

	switch (below(p, 9)) {
	case 0:
	case 1:
	case 2: /* anonymous, private or shared; or of a file */
		got = osim_syscall(SYS_mmap, (long)at, (long)len, 3, flags[below(p, 4)], -1, 0);
		for (uint64_t i = 0; got > 0 && i < len; i += 4096 * (1 + below(p, 3)))
			touch(p, (uint64_t)got + i);
		break;
	case 3:
		fd = sys(SYS_open, name(p, 0), 0102, 0666);
		if (fd < 0)
			break;
		sys(SYS_ftruncate, fd, (long)len, 0);
		got = osim_syscall(SYS_mmap, (long)at, (long)len, 3, 1 + (long)below(p, 2), fd, 0);
		sys(SYS_close, fd, 0, 0);
		if (got > 0 && below(p, 4))
			touch(p, (uint64_t)got); /* SIGBUS when somebody cut it meanwhile */
		break;
	case 4:
		sys(SYS_munmap, (long)at, (long)len, 0);
		break;
	case 5:
		sys(SYS_mprotect, (long)at, (long)len, prot);
		break;
	case 6:
		osim_syscall(SYS_mremap, (long)at, (long)len, (long)(below(p, 12) + 1) * 4096,
			     (long)below(p, 2), 0, 0);
		break;
	case 7:
		got = sys(SYS_brk, 0, 0, 0);
		got = sys(SYS_brk, got + ((long)below(p, 16) - 6) * 2048, 0, 0);
		if (below(p, 2))
			touch(p, (uint64_t)got - 8);
		break;
	case 8:
		if (below(p, 6) == 0)
			touch(p, at); /* perhaps a fault that kills */
		sys(SYS_madvise, (long)at, (long)len, 4);
		break;
	}
}

static void files(struct prng *p)
{
	static const long flags[] = { 0,     1,	    2,	   0101,  0102,	   0302,
				      01102, 02001, 04000, 04001, 0200000, 02000000 };
	long fd = (long)below(p, 16), a = name(p, 0), b = name(p, 1), len = (long)below(p, 9000);

	switch (below(p, 22)) {
	case 0:
	case 1:
	case 2:
		sys(SYS_open, a, flags[below(p, sizeof(flags) / sizeof(flags[0]))], 0666);
		break;
	case 3:
		sys(SYS_creat, a, 0644, 0);
		break;
	case 4:
		sys(SYS_rename, a, b, 0);
		break;
	case 5:
		sys(SYS_link, a, b, 0);
		break;
	case 6:
	case 7:
		sys(SYS_unlink, a, 0, 0);
		break;
	case 8:
		sys(SYS_mkdir, a, 0755, 0);
		break;
	case 9:
		sys(SYS_rmdir, a, 0, 0);
		break;
	case 10:
		sys(SYS_getdents64, fd, (long)DATA, (long)below(p, 512) + 24);
		break;
	case 11:
		sys(SYS_truncate, a, len, 0);
		break;
	case 12:
		sys(SYS_ftruncate, fd, len, 0);
		break;
	case 13:
	case 14:
		sys(SYS_write, fd, (long)DATA, len);
		break;
	case 15:
	case 16:
		sys(SYS_read, fd, (long)DATA, len);
		break;
	case 17:
		sys(SYS_lseek, fd, (long)below(p, 10000) - 100, (long)below(p, 3));
		break;
	case 18:
		sys(SYS_symlink, a, b, 0);
		break;
	case 19:
		sys(SYS_mknod, a, 0010644, 0);
		break;
	case 20:
		sys(SYS_chdir, a, 0, 0);
		break;
	case 21:
		osim_syscall(SYS_sendfile, (long)below(p, 16), fd, 0, len, 0, 0);
		break;
	}
}

static void descriptors(struct prng *p)
{
	long fd = (long)below(p, 16);
	int32_t pfd[4];

	switch (below(p, 8)) {
	case 0:
	case 1:
		sys(SYS_pipe2, (long)DATA, below(p, 2) ? 04000 : 0, 0);
		break;
	case 2:
		sys(SYS_dup, fd, 0, 0);
		break;
	case 3:
		sys(SYS_dup2, fd, (long)below(p, 16), 0);
		break;
	case 4:
	case 5:
		sys(SYS_close, fd, 0, 0);
		break;
	case 6:
		sys(SYS_fcntl, fd, (long)below(p, 5), (long)(below(p, 2) * 04000));
		break;
	case 7:
		pfd[0] = (int32_t)fd;
		pfd[1] = 5; /* POLLIN | POLLOUT */
		pfd[2] = (int32_t)below(p, 16);
		pfd[3] = 1;
		osim_store(DATA, pfd, sizeof(pfd));
		sys(SYS_poll, (long)DATA, 2, (long)below(p, 4));
		break;
	}
}

static void signals(struct prng *p)
{
	long sig = (long)below(p, 34), pid = somebody(p);
	uint64_t action[4] = { below(p, 2), below(p, 4), 0, prng_u64(p) },
		 set = prng_u64(p) & prng_u64(p);
	int64_t ts[2] = { 0, (int64_t)below(p, 300000) };
	int64_t it[4] = { 0, (int64_t)below(p, 3) * (int64_t)below(p, 2000), 0,
			  (int64_t)below(p, 2000) };

	switch (below(p, 14)) {
	case 0:
	case 1:
		if (pid == -1 && below(p, 20))
			break; /* everybody: seldom */
		if (pid == sys(SYS_getpid, 0, 0, 0) && below(p, 4))
			break;
		sys(SYS_kill, pid, below(p, 4) ? sig : 18, 0);
		break;
	case 2:
		sys(SYS_kill, pid > 0 ? pid : 0, below(p, 3) ? 18 : 19, 0);
		break;
	case 3:
		sys(SYS_tkill, pid, sig, 0);
		break;
	case 4:
	case 5:
	case 6:
		osim_store(DATA, action, sizeof(action));
		osim_syscall(SYS_rt_sigaction, sig, (long)DATA, 0, 8, 0, 0);
		break;
	case 7:
		osim_store(DATA, &set, sizeof(set));
		osim_syscall(SYS_rt_sigprocmask, (long)below(p, 3), (long)DATA, 0, 8, 0, 0);
		break;
	case 8:
		osim_store(DATA, it, sizeof(it));
		sys(SYS_setitimer, 0, (long)DATA, 0);
		break;
	case 9:
		sys(SYS_alarm, (long)below(p, 2), 0, 0);
		break;
	case 10:
		osim_store(DATA, &set, sizeof(set));
		osim_store(DATA + 64, ts, sizeof(ts));
		osim_syscall(SYS_rt_sigtimedwait, (long)DATA, 0, (long)DATA + 64, 8, 0, 0);
		break;
	case 11:
		osim_store(DATA, &set, sizeof(set));
		if (below(p, 8) == 0)
			sys(SYS_rt_sigsuspend, (long)DATA, 8, 0);
		break;
	case 12:
		for (sig = 1; sig < 32; sig++) { /* thick skin */
			action[0] = sig != 17;
			osim_store(DATA, action, sizeof(action));
			osim_syscall(SYS_rt_sigaction, sig, (long)DATA, 0, 8, 0, 0);
		}
		break;
	case 13:
		sys(SYS_rt_sigpending, (long)DATA, 8, 0);
		break;
	}
}

static void processes_and_time(struct prng *p)
{
	static const char path[] = "/prog\0x";
	uint64_t vec[2];
	int32_t prio = 0;

	switch (below(p, 16)) {
	case 0:
	case 1:
	case 2:
		if (processes() < MAX_PROCESSES)
			osim_fork(riot, (void *)(uintptr_t)(prng_u64(p) | 1));
		break;
	case 3:
		osim_syscall(SYS_wait4, somebody(p), (long)DATA, (long)below(p, 16) & 11, 0, 0, 0);
		break;
	case 4:
		osim_syscall(SYS_wait4, -1, (long)DATA, below(p, 8) ? 1 : 0, (long)DATA + 64, 0, 0);
		break;
	case 5:
		sys(SYS_setpgid, below(p, 2) ? 0 : somebody(p), below(p, 2) ? 0 : somebody(p), 0);
		break;
	case 6:
		sys(SYS_setsid, 0, 0, 0);
		break;
	case 7:
		if (below(p, 8) == 0)
			sys(SYS_exit_group, (long)below(p, 256), 0, 0);
		break;
	case 8:
		if (below(p, 4))
			break;
		osim_store(DATA, path, sizeof(path));
		vec[0] = DATA;
		vec[1] = 0;
		osim_store(DATA + 64, vec, sizeof(vec));
		if (below(p, 2)) {
			vec[0] = 0x746f69722f; /* "/riot" */
			osim_store(DATA, vec, 8);
		}
		sys(SYS_execve, (long)DATA, (long)DATA + 64, 0);
		break;
	case 9:
		prio = below(p, 3) ? 0 : 1 + (int32_t)below(p, 5);
		osim_store(DATA, &prio, sizeof(prio));
		sys(SYS_sched_setscheduler, below(p, 2) ? 0 : labs(somebody(p)),
		    prio ? 1 + (long)below(p, 2) : (long)(below(p, 3) ? 0 : 3 + 2 * below(p, 2)),
		    (long)DATA);
		if (prio) { /* not for long */
			osim_compute_ns(below(p, 20000));
			prio = 0;
			osim_store(DATA, &prio, sizeof(prio));
			sys(SYS_sched_setscheduler, 0, 0, (long)DATA);
		}
		break;
	case 10:
		vec[0] = prng_u64(p);
		osim_store(DATA, vec, 8);
		sys(SYS_sched_setaffinity, below(p, 2) ? 0 : labs(somebody(p)), 8, (long)DATA);
		break;
	case 11:
		sys(SYS_setpriority, 0, below(p, 2) ? 0 : labs(somebody(p)),
		    (long)below(p, 40) - 20);
		break;
	case 12:
		sys(SYS_sched_yield, 0, 0, 0);
		break;
	case 13:
		nap(below(p, 200000));
		break;
	case 14:
		osim_compute_ns(below(p, 30000));
		break;
	case 15:
		osim_syscall(SYS_prlimit64, labs(somebody(p)), (long)below(p, 16), 0, (long)DATA, 0,
			     0);
		sys(SYS_getpgid, labs(somebody(p)), 0, 0);
		sys(SYS_getsid, labs(somebody(p)), 0, 0);
		sys(SYS_getrusage, (long)below(p, 3) - 1, (long)DATA, 0);
		break;
	}
}

static void riot(void *arg)
{
	struct prng p;

	prng_seed(&p, (uintptr_t)arg, 7);
	for (unsigned i = 0; i < 400; i++) {
		switch (below(&p, 6)) {
		case 0:
			memory(&p);
			break;
		case 1:
			files(&p);
			break;
		case 2:
			descriptors(&p);
			break;
		case 3:
			signals(&p);
			break;
		default:
			processes_and_time(&p);
		}
	}
}

/* Keeps the number of programs up for a while. */
static void instigator(void *arg)
{
	long last = 0, pid, me = sys(SYS_getpid, 0, 0, 0);
	struct prng p;

	prng_seed(&p, (uintptr_t)arg, 8);
	sys(SYS_setsid, 0, 0, 0);
	for (int round = 0; round < 16; round++) {
		for (int i = 0; i < 12 && processes() < MAX_PROCESSES / 2; i++) {
			pid = osim_fork(riot, (void *)(uintptr_t)(prng_u64(&p) | 1));
			last = pid > 0 ? pid : last;
		}
		nap(100000 + below(&p, 200000));
		for (int i = 0; i < 16; i++) { /* most wait for something that never comes */
			pid = last - (long)below(&p, 60);
			if (pid > me)
				sys(SYS_kill, pid, below(&p, 3) ? 9 : 18, 0);
		}
		while (osim_syscall(SYS_wait4, -1, 0, 1, 0, 0, 0) > 0)
			;
	}
}

/* --- afterwards --- */

/*
 * Remove one thing under `path`, which is extended downward as long as that is a directory with
 * something in it. False: nothing is left.
 */
static bool remove_one(char *path, size_t size)
{
	static const char *const keep[] = { ".", "..", "dev", "proc", "tmp", "prog", "riot", "t" };
	bool top = path[0] == 0;
	unsigned char buf[512];
	long fd, n, at = 0;

	snprintf(path + strlen(path), size - strlen(path), "/");
	osim_store(DATA, path, strlen(path) + 1);
	fd = sys(SYS_open, (long)DATA, 0200000, 0);
	if (fd < 0)
		return false;
	while ((n = sys(SYS_getdents64, fd, (long)DATA, sizeof(buf))) > 0) {
		osim_load(DATA, buf, (size_t)n);
		for (at = 0; at < n; at += buf[at + 16] | buf[at + 17] << 8) {
			const char *found = (const char *)buf + at + 19;
			bool kept = false;

			for (unsigned i = 0; i < (top ? 8 : 2); i++)
				kept |= !strcmp(found, keep[i]);
			if (kept)
				continue;
			sys(SYS_close, fd, 0, 0);
			snprintf(path + strlen(path), size - strlen(path), "%s", found);
			osim_store(DATA, path, strlen(path) + 1);
			if (!sys(SYS_unlink, (long)DATA, 0, 0) || !sys(SYS_rmdir, (long)DATA, 0, 0))
				return true;
			return remove_one(path, size);
		}
	}
	sys(SYS_close, fd, 0, 0);
	return false;
}

static void reaper(void *arg)
{
	static const char *const roots[] = { "", "/t", "/tmp" };
	char path[2048];

	(void)arg;
	while (processes() > 2) { /* init and this */
		sys(SYS_kill, -1, 9, 0);
		nap(1000000);
	}
	for (int i = 0; i < 3; i++) {
		do
			snprintf(path, sizeof(path), "%s", roots[i]);
		while (remove_one(path, sizeof(path)));
	}
}

static void nothing(void *arg)
{
	(void)arg;
	osim_compute_ns(1000);
}

static void arm(void *arg)
{
	struct inside *in = arg;

	fail_alloc_arm(kern(), in->nth);
}

struct setup {
	unsigned cpus;
	u64 quantum_ns, seed;
	bool failing, watched; /* watched: with strace on, which must not change anything */
};

static void see(void *arg, uint32_t pid, const char *line)
{
	(void)arg;
	if (getenv("OSIM_TEST_STRACE"))
		fprintf(stderr, "[%u] %s\n", pid, line);
}

static void complain(struct api *a, const struct setup *s, const char *what)
{
	static char report[16384];

	osim_report(a->o, report, sizeof(report));
	fprintf(stderr, "OSIM_TEST_SEED=%llu cpus %u quantum %llu%s: %s: %s\n%.6000s",
		(unsigned long long)s->seed, s->cpus, (unsigned long long)s->quantum_ns,
		s->failing ? " failing" : "", what, osim_last_error(a->o), report);
	assert_true(false);
}

static void call(struct api *a, const struct setup *s, void (*fn)(void *), struct inside *in)
{
	if (machine_call(kernel_of(a->o)->m, fn, in))
		complain(a, s, kernel_of(a->o)->m->panic_text);
}

/*
 * Each CPU keeps the address space of the last program it ran: let that be one of a program that
 * does nothing, everywhere.
 */
static void settle(struct api *a, const struct setup *s)
{
	enum osim_stop stop;

	for (unsigned cpu = 0; cpu < s->cpus; cpu++) {
		uint8_t mask = (uint8_t)(1u << cpu);
		struct osim_task_attr attr = { .cpus = &mask, .cpus_bytes = 1 };

		assert_true(osim_spawn_native(a->o, "nothing", nothing, NULL, &attr) >= 0);
		stop = osim_run(a->o, osim_time_ns(a->o) + UINT64_C(1000000000));
		if (stop != OSIM_STOP_DEADLOCK)
			complain(a, s, osim_stop_name(stop));
	}
}

static uint64_t run(const struct setup *s)
{
	static const char *const argv[] = { "prog", NULL }, *const envp[] = { NULL };
	struct osim_task_attr strong = { .policy = OSIM_SCHED_FIFO, .rt_priority = 99 };
	struct osim_config cfg = api_config(s->cpus);
	static struct inside before, after;
	static struct api a;
	enum osim_stop stop;
	struct prng p;
	uint64_t digest, end, ended;
	char leak[512];

	cfg.quantum_ns = s->quantum_ns;
	cfg.seed = s->seed;
	cfg.ram_bytes = 48 << 20;
	cfg.debug_checks = s->seed % 5 == 0;
	assert_int_equal(api_create(&a, &cfg), 0);
	assert_int_equal(
		osim_add_file(a.o, "/prog", 0100755, 0, 0, 0, guest_tour, sizeof(guest_tour)), 0);
	assert_int_equal(
		osim_add_file(a.o, "/riot", 0100755, 0, 0, 0, guest_riot, sizeof(guest_riot)), 0);
	assert_int_equal(osim_add_file(a.o, "/t", 0040777, 0, 0, 0, NULL, 0), 0);
	kernel_of(a.o)->top->watch = -2;
	if (s->watched)
		osim_set_strace(a.o, see, NULL);
	osim_console_close(a.o);
	/* Everything that is made at its first use and kept. */
	assert_true(osim_spawn(a.o, &(struct osim_exec){
					    .path = "/prog", .argv = argv, .envp = envp }) >= 0);
	assert_true(osim_spawn_native(a.o, "reaper", reaper, NULL, &strong) >= 0);
	if (osim_run(a.o, UINT64_C(10000000000)) != OSIM_STOP_DEADLOCK)
		complain(&a, s, "warm-up");
	settle(&a, s);
	call(&a, s, take_stats, &before);

	end = osim_time_ns(a.o) + ROUND_NS;
	prng_seed(&p, s->seed, 9);
	for (uint64_t next = 0; osim_time_ns(a.o) < end;) {
		uint64_t seed = prng_u64(&p) | 1;

		if (osim_time_ns(a.o) >= next) { /* the last one may be dead */
			if (osim_spawn_native(a.o, "instigator", instigator,
					      (void *)(uintptr_t)seed, NULL) < 0)
				complain(&a, s, "spawn");
			for (int i = 0; i < 3; i++)
				if (osim_spawn(a.o, &(struct osim_exec){ .path = "/riot",
									 .argv = argv,
									 .envp = envp,
									 .uid = seed >> i & 8 }) <
				    0)
					complain(&a, s, "spawn");
			next = osim_time_ns(a.o) + ROUND_NS / 16;
		}
		before.nth = 1 + prng_below(&p, 60);
		if (s->failing)
			call(&a, s, arm, &before);
		stop = osim_run(a.o, s->failing ? osim_time_ns(a.o) + 50000 : next);
		if (stop != OSIM_STOP_LIMIT && stop != OSIM_STOP_DEADLOCK &&
		    stop != OSIM_STOP_INPUT)
			complain(&a, s, osim_stop_name(stop));
		if (stop == OSIM_STOP_DEADLOCK)
			next = 0;
	}
	ended = osim_time_ns(a.o);
	before.nth = 0;
	call(&a, s, arm, &before);
	/* they may kill the reaper, too, before it has them */
	for (int tries = 0; tries < 20; tries++) {
		if (osim_spawn_native(a.o, "reaper", reaper, NULL, &strong) < 0)
			complain(&a, s, "spawn");
		stop = osim_run(a.o, osim_time_ns(a.o) + UINT64_C(400000000));
		if (stop == OSIM_STOP_DEADLOCK && nr_processes(kernel_of(a.o)) == 1)
			break;
		if (stop != OSIM_STOP_LIMIT && stop != OSIM_STOP_DEADLOCK &&
		    stop != OSIM_STOP_INPUT)
			complain(&a, s, osim_stop_name(stop));
	}
	if (nr_processes(kernel_of(a.o)) != 1)
		complain(&a, s, "somebody can not be killed");
	settle(&a, s);
	call(&a, s, take_stats, &after);
	if (!alloc_stats_same(&before.stats, &after.stats, leak, sizeof(leak)))
		complain(&a, s, leak);
	digest = osim_digest(a.o);
	if (getenv("OSIM_TEST_VERBOSE"))
		fprintf(stderr, "  %llu forks, %llu events, riot until %llu us of %llu\n",
			(unsigned long long)total_forks(kernel_of(a.o)),
			(unsigned long long)osim_events(a.o),
			(unsigned long long)(ended - (end - ROUND_NS)) / 1000,
			(unsigned long long)ROUND_NS / 1000);
	api_destroy(&a);
	return digest;
}

static void run_seeds(bool failing, uint64_t few)
{
	uint64_t first = env("OSIM_TEST_SEED", 1),
		 n = env("OSIM_TEST_SEEDS", getenv("OSIM_TEST_SEED") ? 1 : few);

	for (uint64_t seed = first; seed < first + n; seed++) {
		struct setup s = { .cpus = 1 + (unsigned)(seed % 4),
				   .quantum_ns = seed / 4 % 2 ? 0 : 1000,
				   .seed = seed,
				   .failing = failing };
		uint64_t digest;

		s.cpus = (unsigned)env("OSIM_TEST_CPUS", s.cpus);
		s.quantum_ns = env("OSIM_TEST_QUANTUM", s.quantum_ns);
		if (getenv("OSIM_TEST_VERBOSE"))
			fprintf(stderr, "seed %llu: cpus %u quantum %llu\n",
				(unsigned long long)seed, s.cpus, (unsigned long long)s.quantum_ns);
		digest = run(&s);
		s.watched = true;
		if ((seed % 3 == 0 || getenv("OSIM_TEST_STRACE")) && run(&s) != digest) {
			fprintf(stderr, "OSIM_TEST_SEED=%llu: the second run has another digest\n",
				(unsigned long long)seed);
			assert_true(false);
		}
	}
}

static void random_programs_leave_the_machine_whole(void **state)
{
	(void)state;
	run_seeds(false, 5);
}

static void random_programs_without_memory_leave_the_machine_whole(void **state)
{
	(void)state;
	run_seeds(true, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_programs_leave_the_machine_whole),
		cmocka_unit_test(random_programs_without_memory_leave_the_machine_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
