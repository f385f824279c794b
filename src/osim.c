/* SPDX-License-Identifier: MIT */
/*
 * The public API: one handle, plain C types, errors with a text.
 *
 * Called by embedders from their own stacks, and by native programs from the machine's; calls boot,
 * the engine and the floors' figures. It must not hold state of its own beyond struct osim, which
 * lies in the machine's arena.
 *
 *	embedder's stack                          machine stacks
 *	osim_create  -> machine_create            kernel_boot (machine_call on CPU 0)
 *	osim_spawn   -> a record in the arena     init finds it
 *	osim_run     -> engine_run           ->   CPUs act in the order of their clocks
 *	                                          fn(arg) -> osim_syscall -> SYSCALL ...
 *	osim_destroy -> machine_destroy: the arena is unmapped, nothing else exists
 *
 *	A1 a call that fails leaves the machine as it was and a text in last_error.
 *	A2 calls of the embedder's side are refused (-EBUSY) from inside the machine, and the other
 *	   way round.
 *	A3 every byte the embedder passes in is copied before the call returns.
 *
 * Units:   ns outside, cycles inside.
 * Owner:   the embedder owns struct osim until osim_destroy.
 * Locking: one thread a machine; osim_request_stop from any.
 * Errors:  negative errno.
 * Time:    no call of the embedder's side but osim_run makes time pass, except by what putting files in charges.
 * Source:  DESIGN.
 */

#include "osim/osim.h"

#include <stdarg.h>

#include "hw/cpu.h"
#include "hw/machine.h"
#include "kernel/entry/boot.h"
#include "kernel/entry/ftrace.h"
#include "kernel/entry/root.h"
#include "kernel/exec/native.h"
#include "kernel/irq/idt.h"
#include "kernel/percpu/percpu.h"
#include "kernel/proc/init.h"
#include "lib/err.h"
#include "lib/errname.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/alloc.h"
#include "mm/mm.h"
#include "sched/fork.h"
#include "sched/sched.h"
#include "sched/stats.h"
#include "kernel/signal/signal.h"
#include "vfs/console.h"
#include "vfs/initramfs.h"
#include "vfs/namei.h"

#define PATH_BYTES 4096
#define DEFAULT_RAM_BYTES (256ull << 20)
#define DEFAULT_EPOCH_S 1704067200ull /* 2024-01-01 00:00:00 UTC */

struct osim {
	struct machine *m;
	struct kernel *k;
	char error[512];
	osim_console_fn *console;
	void *console_arg;
	osim_trace_fn *trace;
	void *trace_arg;
	osim_strace_fn *strace;
	void *strace_arg;
	bool running; /* the embedder is in a call that runs the machine */
	bool ran;
	bool input_closed;
	bool in_callback; /* and the machine in one of the embedder's callbacks */
	/* the record osim_task_stats gave last, number stats_index */
	const struct task_stats *stats_at;
	unsigned stats_index;
	enum osim_stop stopped;
};

_Static_assert((int)OSIM_STOP_EXIT == STOP_EXIT && (int)OSIM_STOP_LIMIT == STOP_LIMIT &&
		       (int)OSIM_STOP_DEADLOCK == STOP_DEADLOCK &&
		       (int)OSIM_STOP_PANIC == STOP_PANIC && (int)OSIM_STOP_ERROR == STOP_ERROR &&
		       (int)OSIM_STOP_REQUEST == STOP_REQUEST,
	       "the public numbers are the engine's");
_Static_assert(sizeof(struct osim_record) == sizeof(struct trace_record),
	       "the public record is the record");
_Static_assert(OSIM_SCRATCH_BYTES == NATIVE_SCRATCH_BYTES, "one size");

static int fail(struct osim *o, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static int fail(struct osim *o, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vscnprintf(o->error, sizeof(o->error), fmt, ap);
	va_end(ap);
	return err;
}

static int create_failed(const struct osim_config *cfg, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static int create_failed(const struct osim_config *cfg, int err, const char *fmt, ...)
{
	va_list ap;

	if (cfg->error && cfg->error_len) {
		va_start(ap, fmt);
		vscnprintf(cfg->error, cfg->error_len, fmt, ap);
		va_end(ap);
	}
	return err;
}

/* --- building --- */

void osim_config_init(struct osim_config *cfg)
{
	*cfg = (struct osim_config){
		.cpus = 1,
		.ram_bytes = DEFAULT_RAM_BYTES,
		.seed = 1,
		.costs = "zen4",
		.hz = 1000,
		.quantum_ns = OSIM_QUANTUM_DEFAULT,
		.epoch_s = DEFAULT_EPOCH_S,
	};
}

static int check_config(const struct osim_config *cfg)
{
	if (!cfg->cpus || cfg->cpus > MACHINE_MAX_CPUS)
		return create_failed(cfg, -EINVAL, "cpus: %u is not in 1..%u", cfg->cpus,
				     MACHINE_MAX_CPUS);
	if (cfg->ram_bytes < (16ull << 20) || cfg->ram_bytes % PAGE_SIZE)
		return create_failed(cfg, -EINVAL,
				     "ram: %llu bytes is less than 16M or no multiple of 4K",
				     (unsigned long long)cfg->ram_bytes);
	if (!cfg->costs || !cost_profile(cfg->costs))
		return create_failed(cfg, -EINVAL, "costs: no profile \"%s\" (zero, zen4, skylake)",
				     cfg->costs ? cfg->costs : "");
	if (cfg->hz != 100 && cfg->hz != 250 && cfg->hz != 1000)
		return create_failed(cfg, -EINVAL, "hz: %u is not 100, 250 or 1000", cfg->hz);
	if (cfg->quantum_ns > 1000000)
		return create_failed(cfg, -EINVAL, "quantum: %llu ns is more than 1 ms",
				     (unsigned long long)cfg->quantum_ns);
	return 0;
}

static void console_sink(void *arg, int line, const void *buf, u64 len_bytes)
{
	struct osim *o = arg;

	if (!o->console)
		return;
	o->in_callback = true;
	o->console(o->console_arg, line, buf, len_bytes);
	o->in_callback = false;
}

int osim_create(const struct osim_config *cfg, struct osim **out)
{
	struct machine_config mc;
	struct kernel_params kp;
	struct machine *m;
	struct osim *o;
	const char *step;
	int ret;

	*out = NULL;
	ret = check_config(cfg);
	if (ret)
		return ret;
	mc = (struct machine_config){
		.nr_cpus = cfg->cpus,
		.ram_bytes = cfg->ram_bytes,
		.seed = cfg->seed,
		.quantum_ns = cfg->quantum_ns,
		.max_stacks = cfg->max_tasks,
		.costs = cost_profile(cfg->costs),
	};
	kp = (struct kernel_params){
		.hz = cfg->hz,
		.fail_alloc_nth = cfg->fail_alloc_nth,
		.epoch_s = cfg->epoch_s,
		.mmap_min_addr = 4096,
		.debug_checks = cfg->debug_checks,
	};
	ret = machine_create(&mc, &m);
	if (ret)
		return create_failed(cfg, ret, "machine: %s (%u CPUs, %llu MiB of RAM)",
				     errno_text(-ret), cfg->cpus,
				     (unsigned long long)(cfg->ram_bytes >> 20));
	o = arena_carve(&m->arena, sizeof(*o), 64);
	if (!o) {
		machine_destroy(m);
		return create_failed(cfg, -ENOMEM, "machine: no room in the arena");
	}
	ret = kernel_boot(m, &kp, &step);
	if (ret) {
		create_failed(cfg, ret, "boot: %s: %s", step,
			      ret == -EIO ? m->panic_text : errno_text(-ret));
		machine_destroy(m);
		return ret;
	}
	o->m = m;
	o->k = m->kernel;
	o->k->top->api = o;
	o->k->hooks.console_sink = console_sink;
	o->k->hooks.console_arg = o;
	*out = o;
	return 0;
}

void osim_destroy(struct osim *o)
{
	if (!o)
		return;
	if (o->running)
		fail(o, -EBUSY, "osim_destroy: not from inside the machine");
	else
		machine_destroy(o->m);
}

const char *osim_strerror(int err)
{
	return errno_text(err < 0 ? -err : err);
}

const char *osim_last_error(const struct osim *o)
{
	return o->error;
}

/* --- running --- */

enum osim_stop osim_run(struct osim *o, uint64_t until_ns)
{
	enum stop_reason r;

	if (o->running) {
		fail(o, -EBUSY, "osim_run: the machine is running already");
		return OSIM_STOP_ERROR;
	}
	o->running = o->ran = true;
	r = engine_run(o->m, until_ns == UINT64_MAX ? UINT64_MAX : ns_to_cycles(o->m, until_ns));
	o->running = false;
	o->stopped = (enum osim_stop)r;
	if (r == STOP_PANIC)
		fail(o, 0, "panic: %s", o->m->panic_text);
	if (r == STOP_DEADLOCK) {
		o->m->stopped = STOP_NONE; /* more input or another program can still arrive */
		if (console_has_waiting_reader(o->k)) {
			o->stopped = OSIM_STOP_INPUT;
			fail(o, 0,
			     "a task waits for console input: osim_console_input() or osim_console_close()");
		} else {
			fail(o, 0,
			     "deadlock: nothing can ever run again; osim_report() lists the tasks");
		}
	}
	return o->stopped;
}

void osim_request_stop(struct osim *o)
{
	engine_request_stop(o->m);
}

const char *osim_stop_name(enum osim_stop stop)
{
	static const char *const name[] = { "none",  "exit",  "limit",	 "deadlock",
					    "panic", "error", "request", "input" };

	return (unsigned)stop < sizeof(name) / sizeof(name[0]) ? name[stop] : "error";
}

uint64_t osim_time_ns(const struct osim *o)
{
	return cycles_to_ns(o->m, engine_now(o->m));
}

uint64_t osim_digest(const struct osim *o)
{
	return trace_digest(&o->m->trace);
}

uint64_t osim_events(const struct osim *o)
{
	return o->m->trace.nr_events;
}

int osim_exit_status(const struct osim *o)
{
	return o->m->exit_status;
}

/* --- files --- */

/* Arguments of a body that runs on the machine's side. */
struct file_call {
	struct osim *o;
	struct initramfs_entry e;
	const void *data;
	u64 len, bad_offset;
	int ret;
};

/*
 * machine_call's stack has no task: lend it CPU 0's idle task, which boot gave root's credentials
 * and the root directory.
 */
static void as_boot_task(void)
{
	stack_here()->task = idle_task(kern(), 0);
}

static void make_parents(const char *path)
{
	char dir[PATH_BYTES];
	struct initramfs_entry e = { .path = dir, .mode = 0040755 };
	struct path at;

	for (u64 i = 1; path[i] && i < sizeof(dir); i++) {
		if (path[i] != '/')
			continue;
		memcpy(dir, path, i);
		dir[i] = 0;
		if (kern_path(dir, LOOKUP_FOLLOW, &at) == 0)
			path_put(&at);
		else
			initramfs_add(&e);
	}
}

static void add_file_body(void *arg)
{
	struct file_call *c = arg;

	as_boot_task();
	make_parents(c->e.path);
	c->ret = initramfs_add(&c->e);
}

static void add_cpio_body(void *arg)
{
	struct file_call *c = arg;

	as_boot_task();
	c->ret = unpack_cpio(c->data, c->len, &c->bad_offset);
}

#define SAFE_STEP_CYCLES 1000u
#define SAFE_STEPS 100000

/*
 * May a call be run on CPU 0 now? Not while it stands in a critical section of the kernel, whose
 * locks the call may want.
 */
static bool at_safe_point(struct osim *o)
{
	const struct cpu *c = o->m->cpu[0];
	const struct percpu *pc = c->kernel_percpu;

	return c->state == CPU_HALTED || c->state == CPU_STOPPED || c->cpl == 3 ||
	       (!pc->preempt_count && (c->rflags & FLAG_IF));
}

static int call_in(struct osim *o, void (*fn)(void *), void *arg)
{
	int ret;

	if (o->running)
		return fail(o, -EBUSY, "this call belongs to the embedder's side, between runs");
	o->running = true;
	engine_hold_stop(o->m, true); /* arg lies on the embedder's stack: fn must end now */
	for (int i = 0; o->ran && i < SAFE_STEPS && !at_safe_point(o); i++) {
		enum stop_reason r = engine_run(o->m, engine_now(o->m) + SAFE_STEP_CYCLES);

		if (r != STOP_LIMIT)
			break;
	}
	ret = machine_call(o->m, fn, arg);
	engine_hold_stop(o->m, false);
	o->running = false;
	if (ret == -EIO)
		return fail(o, ret, "panic: %s", o->m->panic_text);
	return ret ? fail(o, ret, "%s", errno_text(-ret)) : 0;
}

int osim_add_file(struct osim *o, const char *path, uint32_t mode, uint32_t uid, uint32_t gid,
		  int64_t mtime_s, const void *data, size_t len_bytes)
{
	struct file_call c = {
		.o = o,
		.e = { .path = path,
		       .mode = mode,
		       .uid = uid,
		       .gid = gid,
		       .mtime = mtime_s,
		       .data = data,
		       .len = len_bytes },
	};
	u32 type = mode & 0170000;
	int ret;

	if (!path || path[0] != '/' || strlen(path) >= PATH_BYTES)
		return fail(o, -EINVAL,
			    "osim_add_file: the path must be absolute and shorter than %d bytes",
			    PATH_BYTES);
	if (type != 0100000 && type != 0040000 && type != 0120000 && type != 0020000 &&
	    type != 0060000 && type != 0010000)
		return fail(o, -EINVAL,
			    "osim_add_file: %s: mode %o names no type a file can have here", path,
			    mode);
	if (len_bytes && !data && (type == 0100000 || type == 0120000))
		return fail(o, -EINVAL, "osim_add_file: %s: %zu bytes, but no data", path,
			    len_bytes);
	if (type == 0020000 || type == 0060000) {
		c.e.rdev = (u32)(len_bytes >> 8 & 0xfff) << 20 | (u32)(len_bytes & 0xff);
		c.e.data = NULL;
		c.e.len = 0;
	}
	ret = call_in(o, add_file_body, &c);
	if (ret)
		return ret;
	return c.ret ? fail(o, c.ret, "%s: %s", path, errno_text(-c.ret)) : 0;
}

int osim_add_cpio(struct osim *o, const void *data, size_t len_bytes)
{
	struct file_call c = { .o = o, .data = data, .len = len_bytes };
	int ret;

	if (!data)
		return fail(o, -EINVAL, "osim_add_cpio: no data");
	ret = call_in(o, add_cpio_body, &c);
	if (ret)
		return ret;
	return c.ret ? fail(o, c.ret, "cpio: entry at offset %llu: %s",
			    (unsigned long long)c.bad_offset, errno_text(-c.ret)) :
		       0;
}

/* --- programs --- */

static void poke_body(void *arg)
{
	(void)arg;
	as_boot_task();
	init_poke(kern());
}

/* Stopped for good: what is asked for now would never start. */
static bool has_ended(const struct osim *o)
{
	return o->stopped == OSIM_STOP_EXIT || o->stopped == OSIM_STOP_PANIC;
}

static int submit(struct osim *o, struct spawn_request *r)
{
	struct kernel_root *top = o->k->top;
	int ret;

	r->ticket = top->nr_tickets++;
	list_add_tail(&r->list, &top->requests);
	if (o->ran) {
		ret = call_in(o, poke_body, NULL);
		if (ret)
			return ret;
	}
	return r->ticket;
}

/* Copy a vector of strings to *text; returns its kernel copy. */
static char **copy_vector(const char *const *v, int n, u8 **text, char ***next_ptr)
{
	char **out = *next_ptr;

	for (int i = 0; i < n; i++) {
		u64 len = strlen(v[i]) + 1;

		memcpy(*text, v[i], len);
		out[i] = (char *)*text;
		*text += len;
	}
	out[n] = NULL;
	*next_ptr = out + n + 1;
	return out;
}

static int vector_size(const char *const *v, u64 *bytes)
{
	int n = 0;

	for (; v && v[n]; n++)
		*bytes += strlen(v[n]) + 1;
	return n;
}

static char *copy_text(const char *s, u8 **text)
{
	u64 len = strlen(s) + 1;
	char *out = (char *)*text;

	memcpy(out, s, len);
	*text += len;
	return out;
}

int osim_spawn(struct osim *o, const struct osim_exec *exec)
{
	struct spawn_request *r;
	u64 bytes = 0;
	const char *base;
	char **ptrs;
	int argc, envc;
	u8 *text;

	if (o->running)
		return fail(o, -EBUSY, "osim_spawn: not while the machine runs");
	if (has_ended(o))
		return fail(o, -EIO, "osim_spawn: the machine has ended: %s",
			    osim_stop_name(o->stopped));
	if (!exec->path || !exec->path[0] || strlen(exec->path) >= PATH_BYTES)
		return fail(o, -EINVAL, "osim_spawn: the path is empty or longer than %d bytes",
			    PATH_BYTES);
	argc = vector_size(exec->argv, &bytes);
	envc = vector_size(exec->envp, &bytes);
	bytes += strlen(exec->path) + 1 + (exec->cwd ? strlen(exec->cwd) + 1 : 0);
	r = boot_alloc(o->k, sizeof(*r));
	ptrs = boot_alloc(o->k, ((u64)argc + (u64)envc + 2) * sizeof(char *));
	text = boot_alloc(o->k, bytes);
	if (!r || !ptrs || !text)
		return fail(o, -ENOMEM, "osim_spawn: the arena is used up");
	r->argc = argc;
	r->envc = envc;
	r->argv = copy_vector(exec->argv, argc, &text, &ptrs);
	r->envp = copy_vector(exec->envp, envc, &text, &ptrs);
	r->path = copy_text(exec->path, &text);
	r->cwd = exec->cwd ? copy_text(exec->cwd, &text) : NULL;
	r->uid = exec->uid;
	r->gid = exec->gid;
	base = strrchr(exec->path, '/');
	scnprintf(r->comm, sizeof(r->comm), "%s", base ? base + 1 : exec->path);
	return submit(o, r);
}

int osim_spawn_native(struct osim *o, const char *name, void (*fn)(void *arg), void *arg,
		      const struct osim_task_attr *attr)
{
	struct spawn_request *r;

	if (o->running)
		return fail(
			o, -EBUSY,
			"osim_spawn_native: not while the machine runs; osim_fork() from inside");
	if (has_ended(o))
		return fail(o, -EIO, "osim_spawn_native: the machine has ended: %s",
			    osim_stop_name(o->stopped));
	if (!fn)
		return fail(o, -EINVAL, "osim_spawn_native: no function");
	if (attr && ((unsigned)attr->policy > OSIM_SCHED_IDLE || (int)attr->policy == 4))
		return fail(o, -EINVAL, "osim_spawn_native: no policy %d", (int)attr->policy);
	if (attr && (attr->nice < -20 || attr->nice > 19))
		return fail(o, -EINVAL, "osim_spawn_native: nice %d is not in -20..19", attr->nice);
	if (attr && (attr->policy == OSIM_SCHED_FIFO || attr->policy == OSIM_SCHED_RR ?
			     attr->rt_priority < 1 || attr->rt_priority > 99 :
			     attr->rt_priority != 0))
		return fail(o, -EINVAL,
			    "osim_spawn_native: rt_priority %d does not go with policy %d",
			    attr->rt_priority, attr->policy);
	r = boot_alloc(o->k, sizeof(*r));
	if (!r)
		return fail(o, -ENOMEM, "osim_spawn_native: the arena is used up");
	r->native = true;
	r->fn = fn;
	r->arg = arg;
	scnprintf(r->comm, sizeof(r->comm), "%s", name ? name : "native");
	if (attr) {
		r->policy = (u32)attr->policy;
		r->nice = attr->nice;
		r->rt_priority = (u32)attr->rt_priority;
		r->has_mask = attr->cpus != NULL;
		for (size_t i = 0; attr->cpus && i < attr->cpus_bytes && i < sizeof(r->cpus_mask);
		     i++)
			r->cpus_mask[i / 8] |= (u64)attr->cpus[i] << (i % 8 * 8);
	}
	return submit(o, r);
}

int osim_watch(struct osim *o, int ticket)
{
	if (ticket >= o->k->top->nr_tickets)
		return fail(o, -EINVAL, "osim_watch: no program has ticket %d", ticket);
	o->k->top->watch = ticket < 0 ? -1 : ticket;
	return o->ran ? call_in(o, poke_body, NULL) : 0;
}

/* --- inside a native program --- */

/*
 * The machine whose stack the caller stands on. A stack of the embedder's has no such header where
 * a machine's has one.
 */
static struct osim *machine_here(void)
{
	return stack_here()->magic == STACK_MAGIC ? kern()->top->api : NULL;
}

/* Is the caller a native program, in its own code? Not the embedder's side, and not a callback. */
static bool native_here(void)
{
	const struct osim *o = machine_here();

	return o && !o->in_callback && this_cpu() && this_cpu()->cpl == 3;
}

struct osim *osim_self(void)
{
	return machine_here();
}

long osim_syscall(long nr, long a1, long a2, long a3, long a4, long a5, long a6)
{
	const u64 args[6] = { (u64)a1, (u64)a2, (u64)a3, (u64)a4, (u64)a5, (u64)a6 };

	return native_here() ? native_syscall((u64)nr, args) : -EPERM;
}

void osim_compute(uint64_t cycles)
{
	if (native_here())
		native_compute(cycles);
}

void osim_compute_ns(uint64_t ns)
{
	if (native_here())
		native_compute(ns_to_cycles(this_machine(), ns));
}

void osim_load(uint64_t va, void *buf, size_t len_bytes)
{
	if (native_here())
		native_access(va, buf, len_bytes, false);
	else
		memset(buf, 0, len_bytes);
}

void osim_store(uint64_t va, const void *buf, size_t len_bytes)
{
	if (native_here())
		native_access(va, (void *)(uintptr_t)buf, len_bytes, true);
}

long osim_fork(void (*fn)(void *arg), void *arg)
{
	if (!native_here())
		return -EPERM;
	return fn ? native_fork(fn, arg) : -EINVAL;
}

uint64_t osim_scratch(void)
{
	return NATIVE_SCRATCH_VA;
}

/* --- console --- */

void osim_set_console(struct osim *o, osim_console_fn *fn, void *arg)
{
	o->console = fn;
	o->console_arg = arg;
}

static void input_body(void *arg)
{
	struct file_call *c = arg;

	as_boot_task();
	if (c->data)
		c->ret = console_input(kern(), c->data, c->len) == c->len ? 0 : -ENOSPC;
	else
		console_input_close(kern());
	/* CPU 0 may be halted with the woken reader on its own queue */
	send_ipi(0, RESCHEDULE_VECTOR);
}

int osim_console_input(struct osim *o, const void *buf, size_t len_bytes)
{
	struct file_call c = { .data = buf, .len = len_bytes };
	int ret;

	if (!len_bytes)
		return 0;
	if (!buf)
		return fail(o, -EINVAL, "osim_console_input: %zu bytes, but no data", len_bytes);
	if (o->input_closed)
		return fail(o, -EPIPE, "osim_console_input: after osim_console_close");
	if (len_bytes > CONSOLE_RING_BYTES - console_input_pending(o->k))
		return fail(
			o, -ENOSPC,
			"osim_console_input: %zu bytes do not fit; run the machine so that it reads",
			len_bytes);
	ret = call_in(o, input_body, &c);
	return ret ? ret : c.ret;
}

void osim_console_close(struct osim *o)
{
	struct file_call c = { .data = NULL };

	if (!call_in(o, input_body, &c))
		o->input_closed = true;
}

/* --- senses --- */

static void trace_forward(void *arg, const struct trace_record *r)
{
	struct osim *o = arg;
	struct osim_record out;

	memcpy(&out, r, sizeof(out));
	o->in_callback = true;
	o->trace(o->trace_arg, &out);
	o->in_callback = false;
}

void osim_set_trace(struct osim *o, osim_trace_fn *fn, void *arg, bool all)
{
	struct trace *t = &o->m->trace;

	o->trace = fn;
	o->trace_arg = arg;
	t->listener = fn ? trace_forward : NULL;
	t->listener_arg = o;
	for (u32 id = 0; id < TRACE_NR; id++) {
		u64 bit = 1ull << (id % 64);

		if (fn && all && !trace_digested(id))
			t->enabled[id / 64] |= bit;
		else
			t->enabled[id / 64] &= ~bit;
	}
}

const char *osim_trace_name(unsigned id)
{
	return id < TRACE_NR ? trace_name((enum trace_id)id) : NULL;
}

int osim_trace_format(struct osim *o, const struct osim_record *r, char *buf, size_t len_bytes)
{
	struct trace_record rec;

	memcpy(&rec, r, sizeof(rec));
	return ftrace_format(o->k, &rec, buf, len_bytes);
}

static void strace_forward(void *arg, u32 pid, const char *line)
{
	struct osim *o = arg;

	o->in_callback = true;
	o->strace(o->strace_arg, pid, line);
	o->in_callback = false;
}

void osim_set_strace(struct osim *o, osim_strace_fn *fn, void *arg)
{
	o->strace = fn;
	o->strace_arg = arg;
	o->k->top->strace = fn ? strace_forward : NULL;
	o->k->top->strace_arg = o;
}

int osim_task_stats(struct osim *o, unsigned i, struct osim_task_stats *out)
{
	const struct task_stats *s = NULL;
	unsigned at = 0;

	if (o->stats_at && o->stats_index < i) { /* a walk in order goes on from the last one */
		s = o->stats_at;
		at = o->stats_index + 1;
	}
	for (s = sched_stats_next(o->k, s); s && at < i; at++)
		s = sched_stats_next(o->k, s);
	if (!s)
		return fail(o, -ENOENT, "osim_task_stats: no task %u", i);
	o->stats_at = s;
	o->stats_index = i;
	*out = (struct osim_task_stats){
		.pid = (u32)s->pid,
		.runtime_ns = s->runtime_ns + sched_stats_open_ns(o->k, s),
		.run_delay_ns = s->run_delay_ns,
		.pcount = s->pcount,
		.nr_voluntary_switches = s->nvcsw,
		.nr_involuntary_switches = s->nivcsw,
		.nr_migrations = s->migrations,
	};
	memcpy(out->name, s->comm, sizeof(out->name));
	return 0;
}

int osim_cpu_stats(struct osim *o, unsigned cpu, struct osim_cpu_stats *out)
{
	struct cpu_stats s;
	const struct cpu *c;
	u64 exceptions = 0;

	if (cpu >= o->m->cfg.nr_cpus)
		return fail(o, -ENOENT, "osim_cpu_stats: the machine has %u CPUs",
			    o->m->cfg.nr_cpus);
	c = o->m->cpu[cpu];
	sched_cpu_stats(o->k, cpu, &s);
	for (int i = 0; i < 32; i++)
		exceptions += c->nr_exceptions[i];
	*out = (struct osim_cpu_stats){
		.switches = s.nr_switches,
		.idle_ns = cpu_idle_ns(o->k, cpu),
		.instructions = c->icount,
		.exceptions = exceptions,
		.interrupts = c->nr_interrupts,
		.syscalls = c->nr_syscalls,
		.tlb_misses = c->tlb.stats.l1d_miss + c->tlb.stats.l1i_miss,
		.tlb_walks = c->tlb.stats.walks,
	};
	return 0;
}

static void mem_body(void *arg)
{
	struct osim_mem_stats *out = arg;
	struct sysinfo_mem si;
	struct mm_totals t;

	as_boot_task();
	si_meminfo(&si);
	mm_get_totals(kern(), &t);
	*out = (struct osim_mem_stats){
		.total_bytes = si.totalram * PAGE_SIZE,
		.free_bytes = si.freeram * PAGE_SIZE,
		.frames_used = si.totalram - si.freeram - si.pcp,
		.page_faults = t.pgfault,
		.major_faults = t.pgmajfault,
		.slab_bytes = (si.slab_reclaimable + si.slab_unreclaimable) * PAGE_SIZE,
	};
}

int osim_mem_stats(struct osim *o, struct osim_mem_stats *out)
{
	return call_in(o, mem_body, out);
}

size_t osim_report(struct osim *o, char *buf, size_t len_bytes)
{
	return sched_report(o->k, buf, len_bytes);
}
