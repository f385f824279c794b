/* SPDX-License-Identifier: MIT */
/*
 * Virtual time: the event queue, the set of running CPUs, and who acts next.
 *
 * Called by the embedder's side (engine_run, machine_call), by cpu_poll and the interpreter (engine_slice), by idle loops and
 * spinlocks (halt, spin) and by devices (events). Calls event handlers and switches C stacks. Knows no device and no kernel.
 *
 * Every CPU has a C stack on which it is running or parked. Choosing a CPU is switching to its stack; there is no scheduler thread. A
 * machine with 3 CPUs, quantum 0, in the middle of a run:
 *
 *	cur: cpu 1, now 5000, true_horizon 5041		events: (5100 LAPIC timer of cpu 0) (9000 HPET)
 *	runq: cpu 0 at 5040	(cpu 2 HALTED at 4200: in no queue)
 *
 * cpu 1 may go on while now < 5040 only: at 5040 the tie goes to the lower index, cpu 0; were it cpu 2 at 5040, cpu 1 could act at 5040 too and
 * the horizon were 5041. When cpu 1 charges past it, engine_slice puts it in the run queue, finds cpu 0 first, and switches stacks.
 *
 *	 embedder --engine_run--> engine stack --first CPU's turn--> cpu stack <--slice, halt, spin--> cpu stack
 *	    ^                        |                                  |
 *	    +------------------------+------------ a reason to stop ----+
 *
 *	E1 the actor with the smallest (time, events before CPUs, CPU index) acts; events order by (time, class, source, seq);
 *	E2 a CPU is exactly one of: cur, in runq (RUNNING), HALTED, SPINNING, STOPPED;
 *	E3 cur->horizon <= true_horizon; between them lie only the poll interval and the time limit, at which a slice ends without
 *	   any effect on the order: the same CPU goes on, so stopping and resuming a machine leaves no trace in it;
 *	E4 whatever could make somebody act before true_horizon (an event scheduled, a CPU woken) lowers it;
 *	E5 with a quantum q the horizon is the others' clocks plus q; with 0 the interleaving is exact;
 *	E6 code runs on machine stacks exactly while `inside` is true; a stop from anywhere is one switch to the embedder.
 *
 * Events fire on whatever machine stack is in the engine at that moment (a halted CPU's, the engine's own), so that handlers can panic.
 *
 * Units: cycles. Owner: events belong to the device that embeds them. Locking: none, but stop_request is written by other threads.
 * Errors: a full event heap, a CPU without a stack and broken invariants panic the machine.
 * Time: nothing here charges but the wake-up from HLT, through pending_cost. Cost: O(log n) an event, O(log CPUs) a slice.
 * Source: conservative discrete-event simulation with per-actor clocks (Fujimoto 1990); the quantum is QEMU's icount slice idea.
 */
#include "hw/engine.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "hw/cpu.h"
#include "hw/machine.h"
#include "lib/compiler.h"
#include "lib/errno.h"

/* A request to stop is noticed within this many cycles of one CPU's time: about 2 ms of virtual time. */
#define POLL_CYCLES (1ull << 22)

struct call_state {
	bool active;  /* fn has not returned */
	bool waiting; /* the embedder is in machine_call, not in engine_run */
	bool dead;    /* fn exited: the call stack needs a new bottom frame */
	bool started; /* fn started CPU 0 afresh: nothing to put back */
	void (*fn)(void *arg);
	void *arg;
	/* what CPU 0 was doing, put back when fn returns */
	struct stack *stack;
	enum cpu_state state;
	u64 r[NR_REG_SLOTS], rip, rflags;
	u8 cpl;
	u64 began;
};

struct engine {
	struct machine *m;
	struct event **heap; /* 1-based binary heap */
	u32 nr_events, max_events;
	u64 seq;
	struct cpu **runq; /* 0-based binary heap by (now, index): RUNNING CPUs but cur */
	u32 nr_run;
	struct cpu *cur;
	u64 true_horizon; /* of cur */
	u64 limit;	  /* engine_run's until_time */
	u64 now;	  /* time of the latest actor chosen; never goes back */
	u64 quantum;	  /* cycles */
	enum stop_reason reason; /* why control goes to the embedder, this time */
	bool inside;
	atomic_uint stop_request;
	struct ctx embedder;
	struct stack *engine_stack, *call_stack;
	struct call_state call;
};

static u64 sat_add(u64 a, u64 b)
{
	u64 s;

	return __builtin_add_overflow(a, b, &s) ? UINT64_MAX : s;
}

/* --- the event heap --- */

static bool event_before(const struct event *a, const struct event *b)
{
	if (a->time != b->time)
		return a->time < b->time;
	if (a->class_source != b->class_source)
		return a->class_source < b->class_source;
	return a->seq < b->seq;
}

static void heap_place(struct engine *e, u32 pos, struct event *ev)
{
	e->heap[pos] = ev;
	ev->heap_pos = pos;
}

static void heap_up(struct engine *e, u32 pos, struct event *ev)
{
	while (pos > 1 && event_before(ev, e->heap[pos / 2])) {
		heap_place(e, pos, e->heap[pos / 2]);
		pos /= 2;
	}
	heap_place(e, pos, ev);
}

static void heap_down(struct engine *e, u32 pos, struct event *ev)
{
	for (u32 child; (child = 2 * pos) <= e->nr_events; pos = child) {
		if (child < e->nr_events && event_before(e->heap[child + 1], e->heap[child]))
			child++;
		if (!event_before(e->heap[child], ev))
			break;
		heap_place(e, pos, e->heap[child]);
	}
	heap_place(e, pos, ev);
}

static void heap_remove(struct engine *e, struct event *ev)
{
	u32 pos = ev->heap_pos;
	struct event *last = e->heap[e->nr_events--];

	ev->heap_pos = 0;
	if (last == ev)
		return;
	if (pos > 1 && event_before(last, e->heap[pos / 2]))
		heap_up(e, pos, last);
	else
		heap_down(e, pos, last);
}

/* --- the run queue --- */

static bool cpu_before(const struct cpu *a, const struct cpu *b)
{
	return a->now != b->now ? a->now < b->now : a->index < b->index;
}

static void runq_down(struct engine *e, u32 pos, struct cpu *c)
{
	for (u32 child; (child = 2 * pos + 1) < e->nr_run; pos = child) {
		if (child + 1 < e->nr_run && cpu_before(e->runq[child + 1], e->runq[child]))
			child++;
		if (!cpu_before(e->runq[child], c))
			break;
		e->runq[pos] = e->runq[child];
	}
	e->runq[pos] = c;
}

static void runq_up(struct engine *e, u32 pos, struct cpu *c)
{
	while (pos && cpu_before(c, e->runq[(pos - 1) / 2])) {
		e->runq[pos] = e->runq[(pos - 1) / 2];
		pos = (pos - 1) / 2;
	}
	e->runq[pos] = c;
}

static void runq_push(struct engine *e, struct cpu *c)
{
	runq_up(e, e->nr_run++, c);
}

static struct cpu *runq_pop(struct engine *e)
{
	struct cpu *first = e->runq[0];
	struct cpu *last = e->runq[--e->nr_run];

	if (e->nr_run)
		runq_down(e, 0, last);
	return first;
}

static void runq_remove(struct engine *e, struct cpu *c)
{
	for (u32 i = 0; i < e->nr_run; i++) {
		struct cpu *last;

		if (e->runq[i] != c)
			continue;
		last = e->runq[--e->nr_run];
		if (last != c) {
			runq_down(e, i, last);
			if (e->runq[i] == last)
				runq_up(e, i, last);
		}
		return;
	}
}

/* --- horizons --- */

/* The horizon proper (E5), without the cuts that have no effect on the order. */
static u64 compute_horizon(const struct engine *e, const struct cpu *c)
{
	u64 h = e->nr_events ? e->heap[1]->time : UINT64_MAX;

	if (e->nr_run) {
		const struct cpu *other = e->runq[0];

		h = min(h, sat_add(sat_add(other->now, e->quantum), c->index < other->index));
	}
	return h;
}

/* With a quantum the others may still be behind the limit: then the slice is not cut, so that the order stays the unsliced one. */
static bool limit_applies(const struct engine *e)
{
	return e->nr_run == 0 || e->runq[0]->now >= e->limit;
}

static void cut_horizon(struct engine *e)
{
	struct cpu *c = e->cur;
	u64 h = min(e->true_horizon, sat_add(c->now, POLL_CYCLES));

	if (e->limit > c->now && limit_applies(e))
		h = min(h, e->limit);
	c->horizon = h;
}

static void set_cur(struct engine *e, struct cpu *c)
{
	e->cur = c;
	e->now = max(e->now, c->now);
	e->true_horizon = compute_horizon(e, c);
	cut_horizon(e);
}

/* Somebody wants to act at `time` (E4). */
static void lower_horizon(struct engine *e, u64 time)
{
	if (!e->cur)
		return;
	e->true_horizon = min(e->true_horizon, time);
	e->cur->horizon = min(e->cur->horizon, time);
}

static void make_runnable(struct engine *e, struct cpu *c)
{
	c->state = CPU_RUNNING;
	runq_push(e, c);
	if (e->cur)
		lower_horizon(e, sat_add(sat_add(c->now, e->quantum), e->cur->index < c->index));
}

/* --- choosing --- */

static bool take_stop_request(struct engine *e)
{
	if (likely(!atomic_load_explicit(&e->stop_request, memory_order_relaxed)))
		return false;
	atomic_store_explicit(&e->stop_request, 0, memory_order_relaxed);
	e->reason = STOP_REQUEST;
	return true;
}

/* Fire what is due and name the CPU whose turn it is, made cur. NULL: stop, with e->reason. cur is NULL on entry. */
static struct cpu *pick(struct engine *e)
{
	for (;;) {
		struct event *ev = e->nr_events ? e->heap[1] : NULL;
		struct cpu *c = e->nr_run ? e->runq[0] : NULL;
		u64 time;

		if (!ev && !c) {
			e->reason = STOP_DEADLOCK;
			return NULL;
		}
		if (take_stop_request(e))
			return NULL;
		if (c && ev && c->now < ev->time)
			ev = NULL;
		time = ev ? ev->time : c->now;
		if (unlikely(time >= e->limit)) {
			e->now = max(e->now, e->limit);
			e->reason = STOP_LIMIT;
			return NULL;
		}
		if (!ev) {
			set_cur(e, runq_pop(e));
			return c;
		}
		e->now = max(e->now, time);
		heap_remove(e, ev);
		ev->fn(e->m, ev);
	}
}

/* At a slice that only the poll interval or the limit asked for: is it time to leave? */
static bool must_stop(struct engine *e)
{
	if (take_stop_request(e))
		return true;
	if (e->cur->now >= e->limit && limit_applies(e)) {
		e->now = max(e->now, e->limit);
		e->reason = STOP_LIMIT;
		return true;
	}
	return false;
}

/* --- leaving and entering the machine --- */

static void leave(struct engine *e, struct stack *self)
{
	BUG_ON(!e->inside);
	e->inside = false;
	ctx_switch(&self->ctx, &e->embedder);
}

static void enter(struct engine *e, struct stack *s)
{
	e->inside = true;
	e->reason = STOP_NONE;
	ctx_switch(&e->embedder, &s->ctx);
}

/* The running stack's CPU is out of turn (cur is NULL): run whoever is first; returns when it is this one's turn again. */
static void reschedule(struct engine *e, struct stack *self)
{
	struct cpu *c = pick(e);

	if (!c)
		leave(e, self);
	else if (c->stack != self)
		ctx_switch(&self->ctx, &c->stack->ctx);
}

/* The bottom frame of the engine's own stack: entered by engine_run, left by giving some CPU its turn or by stopping. */
static void engine_main(void *arg)
{
	struct engine *e = arg;

	for (;;) {
		struct cpu *c = e->cur;

		if (c && c->now < e->true_horizon) {
			if (must_stop(e))
				c = NULL;
			else
				cut_horizon(e);
		} else {
			if (c) {
				e->cur = NULL;
				runq_push(e, c);
			}
			c = pick(e);
		}
		if (!c)
			leave(e, e->engine_stack);
		else
			ctx_switch(&e->engine_stack->ctx, &c->stack->ctx);
	}
}

static bool is_final(enum stop_reason r)
{
	return r == STOP_EXIT || r == STOP_PANIC || r == STOP_DEADLOCK || r == STOP_ERROR;
}

enum stop_reason engine_run(struct machine *m, u64 until_time)
{
	struct engine *e = m->engine;

	if (e->inside)
		return STOP_ERROR;
	if (is_final(m->stopped))
		return m->stopped;
	e->limit = until_time;
	enter(e, e->engine_stack);
	if (is_final(e->reason))
		m->stopped = e->reason;
	return e->reason;
}

void engine_request_stop(struct machine *m)
{
	atomic_store_explicit(&m->engine->stop_request, 1, memory_order_relaxed);
}

u64 engine_now(const struct machine *m)
{
	const struct engine *e = m->engine;
	u64 now = UINT64_MAX;

	if (e->cur)
		now = e->cur->now;
	if (e->nr_run)
		now = min(now, e->runq[0]->now);
	return now == UINT64_MAX ? e->now : max(now, e->now);
}

/* --- machine_call --- */

/* Take CPU 0 away from what it does. */
static void call_begin(struct engine *e, struct cpu *c)
{
	struct call_state *s = &e->call;

	if (e->cur) {
		runq_push(e, e->cur);
		e->cur = NULL;
	}
	s->stack = c->stack;
	s->state = c->state;
	if (c->state == CPU_RUNNING)
		runq_remove(e, c);
	else
		c->now = max(c->now, e->now);
	s->began = c->now;
	if (c->state != CPU_STOPPED) {
		memcpy(s->r, c->r, sizeof(s->r));
		s->rip = c->rip;
		s->rflags = cpu_rflags(c);
		s->cpl = c->cpl;
	}
	cpu_cli(c);
	cpu_set_cpl(c, 0);
	c->state = CPU_RUNNING;
	c->stack = e->call_stack;
	e->call_stack->cpu = c;
	s->active = true;
	set_cur(e, c);
}

/* fn has returned, on whatever CPU its stack is now: put that CPU back to what it did. */
static void call_end(struct engine *e)
{
	struct call_state *s = &e->call;
	struct cpu *c = e->call_stack->cpu;

	BUG_ON(c != e->cur || c->stack != e->call_stack);
	c->now += c->pending_cost;
	c->pending_cost = 0;
	e->cur = NULL;
	e->now = max(e->now, c->now);
	e->call_stack->cpu = NULL;
	s->active = false;
	if (c->index != 0) { /* migrated: that CPU runs the call's stack and has nothing else */
		c->stack = NULL;
		c->state = CPU_STOPPED;
		return;
	}
	c->stack = s->stack;
	c->state = s->state;
	if (c->state == CPU_STOPPED)
		return;
	if (!s->started) {
		memcpy(c->r, s->r, sizeof(s->r));
		c->rip = s->rip;
		cpu_set_rflags(c, s->rflags);
		cpu_set_cpl(c, s->cpl);
		c->halt_start += c->now - s->began;
	}
	if (c->irq_line && (c->state == CPU_HALTED || (c->state == CPU_SPINNING && (c->rflags & FLAG_IF))))
		c->state = CPU_RUNNING;
	if (c->state == CPU_RUNNING)
		runq_push(e, c);
}

/* The bottom frame of the call stack. When the call outlived its machine_call (a stop request), the machine just goes on. */
static void call_main(void *arg)
{
	struct engine *e = arg;

	for (;;) {
		e->call.fn(e->call.arg);
		call_end(e);
		if (e->call.waiting)
			leave(e, e->call_stack);
		else
			reschedule(e, e->call_stack);
	}
}

int machine_call(struct machine *m, void (*fn)(void *arg), void *arg)
{
	struct engine *e = m->engine;
	struct call_state *s = &e->call;

	if (m->stopped == STOP_PANIC || m->stopped == STOP_ERROR)
		return -EIO;
	if (e->inside || s->active)
		return -EBUSY;
	if (s->dead)
		stack_reset(e->call_stack, call_main, e);
	s->dead = false;
	s->fn = fn;
	s->arg = arg;
	s->waiting = true;
	s->started = false;
	e->limit = UINT64_MAX;
	call_begin(e, m->cpu[0]);
	enter(e, e->call_stack);
	s->waiting = false;
	if (m->stopped == STOP_DEADLOCK && (e->nr_run || e->nr_events))
		m->stopped = STOP_NONE; /* fn gave it something to do */
	if (e->reason == STOP_PANIC)
		m->stopped = STOP_PANIC;
	if (e->reason == STOP_EXIT)
		m->stopped = STOP_EXIT;
	switch (e->reason) {
	case STOP_PANIC:
		return -EIO;
	case STOP_DEADLOCK:
		return -EDEADLK;
	case STOP_REQUEST:
		return -EINTR;
	default:
		return 0;
	}
}

/* --- called on machine stacks --- */

static void fold_cost(struct cpu *cpu)
{
	cpu->now += cpu->pending_cost;
	cpu->pending_cost = 0;
}

void engine_slice(struct cpu *cpu)
{
	struct engine *e = cpu->m->engine;
	struct stack *self = stack_here();

	BUG_ON(e->cur != cpu || cpu->stack != self);
	fold_cost(cpu);
	if (cpu->now < e->true_horizon) {
		if (must_stop(e))
			leave(e, self); /* cur stays; engine_main goes on with it */
		else
			cut_horizon(e);
		return;
	}
	e->cur = NULL;
	runq_push(e, cpu);
	reschedule(e, self);
}

void engine_halt(struct cpu *cpu)
{
	struct engine *e = cpu->m->engine;
	struct stack *self = stack_here();

	BUG_ON(e->cur != cpu || cpu->stack != self);
	fold_cost(cpu);
	if (cpu->irq_line)
		return;
	cpu->state = CPU_HALTED;
	cpu->halt_start = cpu->now;
	e->cur = NULL;
	reschedule(e, self);
	cpu->halted_cycles += cpu->now - cpu->halt_start;
	fold_cost(cpu);
}

void engine_spin(struct cpu *cpu)
{
	struct engine *e = cpu->m->engine;
	struct stack *self = stack_here();

	BUG_ON(e->cur != cpu || cpu->stack != self);
	fold_cost(cpu);
	if (cpu->irq_line && (cpu->rflags & FLAG_IF))
		return;
	cpu->state = CPU_SPINNING;
	cpu->halt_start = cpu->now;
	e->cur = NULL;
	reschedule(e, self);
	cpu->spun_cycles += cpu->now - cpu->halt_start;
	fold_cost(cpu);
}

static void wake(struct engine *e, struct cpu *cpu, u64 at)
{
	if (cpu->state == CPU_HALTED)
		cpu->pending_cost += cpu->m->cost->cycles[COST_HLT_WAKE];
	cpu->now = max(cpu->now, at);
	make_runnable(e, cpu);
}

void engine_unspin(struct machine *m, unsigned index, u64 at)
{
	struct engine *e = m->engine;
	struct cpu *cpu = m->cpu[index];

	if (cpu->state == CPU_SPINNING)
		wake(e, cpu, at);
	else if (index == 0 && e->call.active && e->call.state == CPU_SPINNING)
		e->call.state = CPU_RUNNING; /* goes on when the call returns */
}

void engine_irq_line(struct cpu *cpu, bool level, u64 at)
{
	cpu->irq_line = level;
	if (!level)
		return;
	if (cpu->state == CPU_HALTED || (cpu->state == CPU_SPINNING && (cpu->rflags & FLAG_IF)))
		wake(cpu->m->engine, cpu, at);
}

void engine_start_cpu(struct cpu *cpu, u64 at)
{
	struct engine *e = cpu->m->engine;

	BUG_ON(!cpu->stack);
	if (e->call.active && cpu == e->call_stack->cpu) {
		BUG_ON(cpu->index != 0 || cpu->stack == e->call_stack);
		e->call.stack = cpu->stack;
		e->call.state = CPU_RUNNING;
		e->call.started = true;
		cpu->stack->cpu = cpu;
		cpu->stack = e->call_stack;
		return;
	}
	BUG_ON(cpu->state != CPU_STOPPED);
	cpu->stack->cpu = cpu;
	cpu->now = max(cpu->now, at);
	make_runnable(e, cpu);
}

/* --- events --- */

void event_schedule(struct machine *m, struct event *ev, enum event_class cls, u32 source, u64 time,
		    void (*fn)(struct machine *, struct event *))
{
	struct engine *e = m->engine;

	if (ev->heap_pos)
		heap_remove(e, ev);
	if (e->nr_events == e->max_events)
		machine_panic(m, "more than %u events pending", e->max_events);
	ev->time = time;
	ev->class_source = (u32)cls << 24 | (source & 0xffffff);
	ev->seq = ++e->seq;
	ev->fn = fn;
	e->nr_events++;
	heap_up(e, e->nr_events, ev);
	lower_horizon(e, time);
}

void event_cancel(struct machine *m, struct event *ev)
{
	if (ev->heap_pos)
		heap_remove(m->engine, ev);
}

/* --- stopping --- */

static void __noreturn stop_forever(struct machine *m, enum stop_reason reason)
{
	struct engine *e = m->engine;

	struct stack *self;
	struct cpu *c;

	if (!e->inside) /* the embedder's own stack: there is no call to abort. A bug in the library's own upper floor */
		__builtin_trap();
	self = stack_here();
	c = self->cpu;
	if (e->cur)
		runq_push(e, e->cur);
	e->cur = NULL;
	if (c) { /* this stack never runs again, nor its CPU; machine_call may still use the machine after an exit */
		runq_remove(e, c);
		c->state = CPU_STOPPED;
	}
	if (self == e->call_stack && c) {
		c->stack = c->index == 0 ? e->call.stack : NULL;
		self->cpu = NULL;
		e->call.active = false;
		e->call.dead = true;
	}
	e->reason = reason;
	m->stopped = reason;
	leave(e, self);
	__builtin_unreachable(); /* engine_run and machine_call refuse a machine that stopped for good */
}

void machine_exit(struct machine *m, int status)
{
	m->exit_status = status;
	stop_forever(m, STOP_EXIT);
}

void machine_panic(struct machine *m, const char *fmt, ...)
{
	struct engine *e = m->engine;
	const struct cpu *c = e->cur;
	va_list ap;

	if (m->stopped != STOP_PANIC) { /* the first one is the cause */
		int n;

		va_start(ap, fmt);
		n = vsnprintf(m->panic_text, sizeof(m->panic_text), fmt, ap);
		va_end(ap);
		if (c && n >= 0 && (size_t)n < sizeof(m->panic_text))
			snprintf(m->panic_text + n, sizeof(m->panic_text) - n,
				 "\ncpu %u time %llu cpl %u rip %#llx rsp %#llx cr2 %#llx cr3 %#llx insns %llu",
				 c->index, (unsigned long long)c->now, c->cpl, (unsigned long long)c->rip,
				 (unsigned long long)c->r[RSP], (unsigned long long)c->cr2,
				 (unsigned long long)c->cr3, (unsigned long long)c->icount);
	}
	stop_forever(m, STOP_PANIC);
}

void machine_bug(const char *file, int line, const char *expr)
{
	const char *base = strrchr(file, '/');

	/* The directory differs from build to build; the text is part of what a run reports. */
	machine_panic(this_machine(), "BUG at %s:%d: %s", base ? base + 1 : file, line, expr);
}

int engine_init(struct machine *m)
{
	u32 nr_cpus = m->cfg.nr_cpus;
	struct engine *e = arena_carve(&m->arena, sizeof(*e), 64);

	if (!e)
		return -ENOMEM;
	m->engine = e;
	e->m = m;
	/* A CPU owns a LAPIC timer, its IPIs in flight and what its kernel embeds; the rest is for devices. */
	e->max_events = nr_cpus * 8 + 1024;
	e->heap = arena_carve(&m->arena, (e->max_events + 1ull) * sizeof(*e->heap), 64);
	e->runq = arena_carve(&m->arena, (u64)nr_cpus * sizeof(*e->runq), 64);
	e->engine_stack = stack_alloc(m, engine_main, e);
	e->call_stack = stack_alloc(m, call_main, e);
	if (!e->heap || !e->runq || !e->engine_stack || !e->call_stack)
		return -ENOMEM;
	e->quantum = ns_to_cycles(m, m->cfg.quantum_ns);
	e->limit = UINT64_MAX;
	atomic_init(&e->stop_request, 0);
	return 0;
}
