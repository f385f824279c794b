/* SPDX-License-Identifier: MIT */
#ifndef OSIM_OSIM_H
#define OSIM_OSIM_H

/*
 * osim: a whole computer in one process, deterministic.
 *
 * One `struct osim` is one machine: x86-64 CPUs, memory, MMU, timers, and a kernel that runs on
 * them. Any number of machines live side by side, on any threads; one machine is used by one thread
 * at a time. The same configuration, seed and inputs give the same events and the same digest on
 * every host, compiler and optimisation level.
 *
 * A program on the machine is either an ELF executable, executed instruction by instruction, or a
 * native program: a C function of yours that runs as a user task. Its system calls are
 * osim_syscall(), its memory is reached with osim_load()/osim_store(), and its CPU work is
 * osim_compute(). It runs on a stack of 248 KiB inside the machine and is stopped only at osim
 * calls.
 *
 * Errors: functions return 0 (or a count, a pid) or a negative errno with Linux's values;
 * osim_last_error() then says what to do.
 * Ownership: everything returned by pointer belongs to the machine and lives until the next call on
 * it, unless said otherwise.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define OSIM_API __attribute__((visibility("default")))
#else
#define OSIM_API
#endif

#define OSIM_VERSION_MAJOR 0
#define OSIM_VERSION_MINOR 1
/* Results (events, digests, times) are comparable only within one epoch; see CHANGELOG.md. */
#define OSIM_RESULTS_EPOCH 1

struct osim;

/* --- building a machine --- */

struct osim_config {
	uint32_t cpus;	    /* 1..1024; default 1 */
	uint64_t ram_bytes; /* default 256 MiB; at least 16 MiB */
	uint64_t seed;	    /* default 1 */
	const char *costs;  /* cost profile "zen4" (default), "skylake", "zero" */
	uint32_t hz;	    /* 100, 250, 1000 (default) */
	/* 0 is exact interleaving of CPUs; OSIM_QUANTUM_DEFAULT is the default */
	uint64_t quantum_ns;
	uint64_t epoch_s;	 /* wall clock at boot, seconds since 1970; default 2024-01-01 */
	uint64_t fail_alloc_nth; /* the nth page or slab allocation from boot on fails; 0: none */
	uint32_t max_tasks;	 /* stacks reserved; default 32768 */
	bool debug_checks;	 /* check invariants after every scheduling event */
	char *error;		 /* may be NULL: receives the text when osim_create fails */
	size_t error_len;
};
#define OSIM_QUANTUM_DEFAULT UINT64_C(1000)

/* Fill *cfg with the defaults. */
OSIM_API void osim_config_init(struct osim_config *cfg);
/*
 * Build and boot a machine: an empty ramfs root with /dev, /proc and /tmp, and init (pid 1)
 * waiting. 0 and *out, or -EINVAL (what is wrong is in cfg->error), -ENOMEM (the host's or the
 * simulated memory). Cost: O(CPUs), independent of RAM size.
 */
OSIM_API int osim_create(const struct osim_config *cfg, struct osim **out);
/*
 * Give back everything the machine is. NULL is allowed. From inside the machine, callbacks
 * included, it is refused and does nothing.
 */
OSIM_API void osim_destroy(struct osim *o);

OSIM_API const char *osim_strerror(int err); /* "No such file or directory" for -2 or 2 */
OSIM_API const char *osim_last_error(const struct osim *o);

/* --- running --- */

enum osim_stop {
	OSIM_STOP_NONE = 0,
	OSIM_STOP_EXIT = 1,	/* the program given to osim_watch() ended; osim_exit_status() */
	OSIM_STOP_LIMIT = 2,	/* until_ns was reached; call again to go on */
	OSIM_STOP_DEADLOCK = 3, /* nothing can ever run again; osim_report() lists the tasks */
	OSIM_STOP_PANIC = 4,	/* a broken invariant; osim_last_error() */
	OSIM_STOP_ERROR = 5,
	OSIM_STOP_REQUEST = 6, /* osim_request_stop() */
	/*
	 * a task waits for console input and nothing else can run: osim_console_input() and call
	 * again
	 */
	OSIM_STOP_INPUT = 7,
};

/*
 * Run until something stops the machine, or until its clock reaches until_ns (UINT64_MAX: no
 * limit).
 */
OSIM_API enum osim_stop osim_run(struct osim *o, uint64_t until_ns);
/* Ask a running machine to stop soon. From any thread or signal handler. */
OSIM_API void osim_request_stop(struct osim *o);
/* The name the stats use: "exit", "limit", "deadlock", "panic", "error", "request", "input". */
OSIM_API const char *osim_stop_name(enum osim_stop stop);
OSIM_API uint64_t osim_time_ns(const struct osim *o);
OSIM_API uint64_t osim_digest(const struct osim *o);
OSIM_API uint64_t osim_events(const struct osim *o);
/* Status of the watched program as a shell would report it: exit code, or 128 + signal. */
OSIM_API int osim_exit_status(const struct osim *o);

/* --- files --- */

/*
 * Put one file into the machine's tree before it runs: path absolute, missing parents made (0755).
 * mode holds the type: S_IFREG (data, len_bytes), S_IFDIR, S_IFLNK (data is the target), S_IFCHR
 * and S_IFBLK (len_bytes is major << 8 | minor), S_IFIFO. Bytes are copied. -EEXIST for a second
 * non-directory.
 */
OSIM_API int osim_add_file(struct osim *o, const char *path, uint32_t mode, uint32_t uid,
			   uint32_t gid, int64_t mtime_s, const void *data, size_t len_bytes);
/*
 * Unpack a cpio archive ("newc", as initramfs) onto /. -EINVAL: malformed, with the offset in
 * osim_last_error().
 */
OSIM_API int osim_add_cpio(struct osim *o, const void *data, size_t len_bytes);

/* --- programs --- */

struct osim_exec {
	const char *path;	 /* absolute, or looked up in PATH of envp when it has no slash */
	const char *const *argv; /* NULL-terminated; argv[0] as the program sees it */
	const char *const *envp; /* NULL-terminated */
	const char *cwd;	 /* NULL: "/" */
	uint32_t uid, gid;
};
/* Start an ELF program as a child of init with the console as fds 0, 1, 2; takes effect when the
 * machine runs. Returns a ticket >= 0 for osim_watch. A program that cannot be executed ends with
 * 127 (not found) or 126, as in a shell, with a line on the console. */
OSIM_API int osim_spawn(struct osim *o, const struct osim_exec *exec);

enum osim_policy {
	OSIM_SCHED_OTHER = 0,
	OSIM_SCHED_FIFO = 1,
	OSIM_SCHED_RR = 2,
	OSIM_SCHED_BATCH = 3,
	OSIM_SCHED_IDLE = 5
};
struct osim_task_attr {
	enum osim_policy policy;
	int nice;	     /* -20..19 */
	int rt_priority;     /* 1..99 for FIFO and RR */
	const uint8_t *cpus; /* bitmap of allowed CPUs, NULL: all */
	size_t cpus_bytes;
};
/*
 * Start a native program: fn(arg) as a user task, child of init. attr may be NULL. Returns a ticket
 * >= 0. Its return is exit(0).
 */
OSIM_API int osim_spawn_native(struct osim *o, const char *name, void (*fn)(void *arg), void *arg,
			       const struct osim_task_attr *attr);
/*
 * Stop the machine with OSIM_STOP_EXIT when this program ends; everything else is killed then.
 * ticket < 0: when all spawned programs have ended.
 */
OSIM_API int osim_watch(struct osim *o, int ticket);

/*
 * --- inside a native program ---
 *
 * Elsewhere (on the embedder's side, in a callback) these do nothing: osim_self() is NULL,
 * osim_syscall() and osim_fork() give -EPERM, osim_load() zeroes. That is a help in finding the
 * mistake, not a service: it is found by what lies up to 256 KiB below the stack pointer, so a
 * thread with a smaller stack may fault instead.
 */

/* The machine this code runs on. */
OSIM_API struct osim *osim_self(void);
/*
 * SYSCALL with Linux's number; returns what the kernel left in RAX. Pointers are addresses of the
 * machine, not of the host.
 */
OSIM_API long osim_syscall(long nr, long a1, long a2, long a3, long a4, long a5, long a6);
/* Work on the CPU for this many cycles; interrupts and preemption happen inside. */
OSIM_API void osim_compute(uint64_t cycles);
OSIM_API void osim_compute_ns(uint64_t ns);
/* Loads and stores at CPL 3 through the MMU. A fault that kills the task does not return. */
OSIM_API void osim_load(uint64_t va, void *buf, size_t len_bytes);
OSIM_API void osim_store(uint64_t va, const void *buf, size_t len_bytes);
/*
 * fork() whose child starts at fn(arg) with a copy-on-write address space. Returns the child's pid,
 * or a negative errno.
 */
OSIM_API long osim_fork(void (*fn)(void *arg), void *arg);
/* fixed scratch for system call buffers: address of a private writable page of this task. */
OSIM_API uint64_t osim_scratch(void);
#define OSIM_SCRATCH_BYTES 65536u

/* --- console --- */

/*
 * Bytes a guest wrote: line 0 (stdout), 1 (stderr), 2 (kernel log). The callback must not enter the
 * machine.
 */
typedef void osim_console_fn(void *arg, int line, const void *buf, size_t len_bytes);
OSIM_API void osim_set_console(struct osim *o, osim_console_fn *fn, void *arg);
/*
 * Bytes for readers of the console, copied; close: end of file after them. Before or between runs.
 * -ENOSPC: all of them do not fit now (the console holds 64 KiB) and none was taken; -EPIPE: after
 * osim_console_close.
 */
OSIM_API int osim_console_input(struct osim *o, const void *buf, size_t len_bytes);
OSIM_API void osim_console_close(struct osim *o);

/* --- senses --- */

struct osim_record { /* one trace record, 32 canonical bytes; docs/DETERMINISM.md */
	uint64_t time_cycles;
	uint16_t id, cpu;
	uint32_t pid;
	uint64_t a, b;
};
typedef void osim_trace_fn(void *arg, const struct osim_record *r);
/* Deliver every record; all: also those that never enter the digest. fn NULL: off. */
OSIM_API void osim_set_trace(struct osim *o, osim_trace_fn *fn, void *arg, bool all);
OSIM_API const char *osim_trace_name(unsigned id);
/*
 * One line of ftrace text ("bash-12 [000] d... 1.000000: sched_switch: ..."), without newline.
 * Returns the length.
 */
OSIM_API int osim_trace_format(struct osim *o, const struct osim_record *r, char *buf,
			       size_t len_bytes);

/* System calls as text, like strace -f; called at each exit. */
typedef void osim_strace_fn(void *arg, uint32_t pid, const char *line);
OSIM_API void osim_set_strace(struct osim *o, osim_strace_fn *fn, void *arg);

struct osim_task_stats {
	char name[16];
	uint32_t pid;
	uint64_t runtime_ns, run_delay_ns, pcount;
	uint64_t nr_voluntary_switches, nr_involuntary_switches, nr_migrations;
};
/*
 * Task i in order of creation, dead ones included, up to the machine's time. 0, or -ENOENT past the
 * last. Walking from 0 up costs O(1) each.
 */
OSIM_API int osim_task_stats(struct osim *o, unsigned i, struct osim_task_stats *out);
struct osim_cpu_stats {
	uint64_t switches, idle_ns;
	uint64_t instructions, exceptions, interrupts, syscalls;
	uint64_t tlb_misses, tlb_walks;
};
OSIM_API int osim_cpu_stats(struct osim *o, unsigned cpu, struct osim_cpu_stats *out);
struct osim_mem_stats {
	uint64_t total_bytes, free_bytes;
	uint64_t frames_used; /* 4 KiB frames allocated now */
	uint64_t page_faults, major_faults;
	uint64_t slab_bytes;
};
OSIM_API int osim_mem_stats(struct osim *o, struct osim_mem_stats *out);
/* Every task with its state, for a deadlock or panic. Returns the length it needs. */
OSIM_API size_t osim_report(struct osim *o, char *buf, size_t len_bytes);

#ifdef __cplusplus
}
#endif
#endif
