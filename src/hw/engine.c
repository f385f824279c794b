/* SPDX-License-Identifier: MIT */
/*
 * Virtual time: the set of running CPUs, their horizons, and who acts next. (The event heap is
 * event.c's.)
 *
 * Called by the embedder's side (engine_run, machine_call), by cpu_poll and the interpreter
 * (engine_slice), by idle loops and spinlocks (halt, spin) and by devices (events). Calls event
 * handlers and switches C stacks. Knows no device and no kernel.
 *
 * Every CPU has a C stack on which it is running or parked. Choosing a CPU is switching to its
 * stack; there is no scheduler thread. A machine with 3 CPUs, quantum 0, in the middle of a run:
 *
 *	cur: cpu 1, now 5000, true_horizon 5040
 *	events: (5100 LAPIC timer of cpu 0) (9000 disk)
 *	runq: cpu 0 at 5040	(cpu 2 HALTED at 4200: in no queue)
 *
 * cpu 1 may go on while now < 5040 only: at 5040 the tie goes to the lower index, cpu 0; were it
 * cpu 2 at 5040, cpu 1 could act at 5040 too and the horizon were 5041. When cpu 1 charges past it,
 * engine_slice puts it in the run queue, finds cpu 0 first, and switches stacks.
 *
 *	 embedder --engine_run--> engine stack --> cpu stack <--slice, halt, spin--> cpu stack
 *	    ^                        |                          |
 *	    +------------------------+---- a reason to stop ----+
 *
 *	E1 the actor with the smallest (time, events before CPUs, CPU index) acts; events order by
 *	   (time, class, source, seq);
 *	E2 a CPU is exactly one of: cur, in runq (RUNNING), HALTED, SPINNING, STOPPED;
 *	E3 cur->horizon <= true_horizon; between them lie only the poll interval and the time limit,
 *	   at which a slice ends without any effect on the order: the same CPU goes on, so stopping
 *	   and resuming a machine leaves no trace in it;
 *	E4 whatever could make somebody act before true_horizon (an event scheduled, a CPU woken)
 *	   lowers it;
 *	E5 with a quantum q the horizon is the others' clocks plus q; with 0 the interleaving is
 *	   exact;
 *	E6 code runs on machine stacks exactly while `inside` is true; a stop from anywhere is one
 *	   switch to the embedder.
 *
 * Events fire on whatever machine stack is in the engine at that moment (a halted CPU's, the
 * engine's own), so that handlers can panic.
 *
 * Units: cycles. Owner: events belong to the device that embeds them. Locking: none, but
 * stop_request is written by other threads.
 * Errors: a full event heap, a CPU without a stack and broken invariants panic the machine.
 * Time: nothing here charges but the wake-up from HLT, through pending_cost. Cost: O(log n) an
 * event, O(log CPUs) a slice.
 * Source: conservative discrete-event simulation with per-actor clocks (Fujimoto 1990); the quantum
 * is QEMU's icount slice idea.
 */
#include "hw/engine.h"

#include "hw/engine_state.h"
#include "lib/compiler.h"
#include "lib/errno.h"

/*
 * A request to stop is noticed within this many cycles of one CPU's time: about 2 ms of virtual
 * time.
 */
#define POLL_CYCLES (1ull << 22)

static u64 sat_add(u64 a, u64 b)
{
	u64 s;

	return __builtin_add_overflow(a, b, &s) ? UINT64_MAX : s;
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

void runq_push(struct engine *e, struct cpu *c)
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

void runq_remove(struct engine *e, struct cpu *c)
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
	u64 h = e->nr_events ? e->heap[1].time : UINT64_MAX;

	if (e->nr_run) {
		const struct cpu *other = e->runq[0];

		h = min(h, sat_add(sat_add(other->now, e->quantum), c->index < other->index));
	}
	return h;
}

/*
 * With a quantum the others may still be behind the limit: then the slice is not cut, so that the
 * order stays the unsliced one.
 */
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

void engine_set_cur(struct engine *e, struct cpu *c)
{
	e->cur = c;
	e->now = max(e->now, c->now);
	e->true_horizon = compute_horizon(e, c);
	cut_horizon(e);
}

/* Somebody wants to act at `time` (E4). */
void engine_lower_horizon(struct engine *e, u64 time)
{
	if (!e->cur)
		return;
	e->true_horizon = min(e->true_horizon, time);
	e->cur->horizon = min(e->cur->horizon, time);
}

u64 engine_true_horizon(const struct cpu *cpu)
{
	return cpu->m->engine->true_horizon;
}

static void make_runnable(struct engine *e, struct cpu *c)
{
	c->state = CPU_RUNNING;
	runq_push(e, c);
	if (e->cur)
		engine_lower_horizon(e, sat_add(sat_add(c->now, e->quantum),
						e->cur->index < c->index));
}

/* --- choosing --- */

static bool take_stop_request(struct engine *e)
{
	if (likely(!atomic_load_explicit(&e->stop_request, memory_order_relaxed)) || e->stop_held)
		return false;
	atomic_store_explicit(&e->stop_request, 0, memory_order_relaxed);
	e->reason = STOP_REQUEST;
	return true;
}

/*
 * Fire what is due and name the CPU whose turn it is, made cur. NULL: stop, with e->reason. cur is
 * NULL on entry.
 */
static struct cpu *pick(struct engine *e)
{
	for (;;) {
		struct event *ev = e->nr_events ? e->heap[1].ev : NULL;
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
			engine_set_cur(e, runq_pop(e));
			return c;
		}
		e->now = max(e->now, time);
		event_remove_first(e);
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

void engine_leave(struct engine *e, struct stack *self)
{
	BUG_ON(!e->inside);
	e->inside = false;
	ctx_switch(&self->ctx, &e->embedder);
}

void engine_enter(struct engine *e, struct stack *s)
{
	e->inside = true;
	e->reason = STOP_NONE;
	ctx_switch(&e->embedder, &s->ctx);
}

/*
 * The running stack's CPU is out of turn (cur is NULL): run whoever is first; returns when it is
 * this one's turn again.
 */
void engine_reschedule(struct engine *e, struct stack *self)
{
	struct cpu *c = pick(e);

	if (!c)
		engine_leave(e, self);
	else if (c->stack != self)
		ctx_switch(&self->ctx, &c->stack->ctx);
}

/*
 * The bottom frame of the engine's own stack: entered by engine_run, left by giving some CPU its
 * turn or by stopping.
 */
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
			engine_leave(e, e->engine_stack);
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
	engine_enter(e, e->engine_stack);
	if (is_final(e->reason))
		m->stopped = e->reason;
	return e->reason;
}

void engine_request_stop(struct machine *m)
{
	atomic_store_explicit(&m->engine->stop_request, 1, memory_order_relaxed);
}

void engine_hold_stop(struct machine *m, bool hold)
{
	m->engine->stop_held = hold;
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
			engine_leave(e, self); /* cur stays; engine_main goes on with it */
		else
			cut_horizon(e);
		return;
	}
	e->cur = NULL;
	runq_push(e, cpu);
	engine_reschedule(e, self);
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
	engine_reschedule(e, self);
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
	engine_reschedule(e, self);
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

int engine_init(struct machine *m)
{
	u32 nr_cpus = m->cfg.nr_cpus;
	struct engine *e = arena_carve(&m->arena, sizeof(*e), 64);

	if (!e)
		return -ENOMEM;
	m->engine = e;
	e->m = m;
	e->runq = arena_carve(&m->arena, (u64)nr_cpus * sizeof(*e->runq), 64);
	e->engine_stack = stack_alloc(m, engine_main, e);
	e->call_stack = stack_alloc(m, call_main, e);
	/*
	 * A CPU owns a LAPIC timer, its IPIs in flight and what its kernel embeds; the rest is for
	 * devices.
	 */
	if (events_init(m, nr_cpus * 8 + 1024) || !e->runq || !e->engine_stack || !e->call_stack)
		return -ENOMEM;
	e->quantum = ns_to_cycles(m, m->cfg.quantum_ns);
	e->limit = UINT64_MAX;
	atomic_init(&e->stop_request, 0);
	return 0;
}
