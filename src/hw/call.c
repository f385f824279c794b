/* SPDX-License-Identifier: MIT */
/*
 * machine_call: the embedder's way to run a function inside the machine.
 *
 * Called by the embedder's side and by tests. Calls the engine. Must not know what the function
 * does: it may charge, block, boot a kernel, panic or exit.
 *
 * CPU 0 is borrowed. Halted at 4200 with the machine at 9000, it makes the call at 9000 on the call
 * stack, CPL 0, IF 0:
 *
 *	before	state HALTED, stack = idle's, now 4200
 *	during	state RUNNING, stack = call stack, now 9000..9640
 *	after	state HALTED, stack = idle's, now 9640, halt_start moved by 640
 *		(or RUNNING, if an interrupt came meanwhile)
 *
 *	X1 registers, flags, CPL, stack and state of a CPU that was started are after the call what
 *	   they were before, but for its clock;
 *	X2 a CPU that was STOPPED keeps what fn left in its registers: that is how boot sets CPU 0
 *	   up;
 *	X3 engine_start_cpu on the borrowed CPU takes effect when the call returns, with what fn
 *	   left in the registers;
 *	X4 a wake-up that comes for CPU 0 during the call is not lost: the line or the release is
 *	   looked at when it returns;
 *	X5 a call left by a stop request stays begun: the next engine_run finishes it, and until
 *	   then another call is -EBUSY.
 *
 * fn may block: its stack is then parked like any other. When it resumes on another CPU, that CPU
 * stops when fn returns, for it has given itself to this stack.
 *
 * Units: cycles. Owner: arg is the embedder's. Locking: one thread at a time per machine. Errors:
 * negative errno. Time: what fn charges.
 * Source: none; the idea is an SMI's: borrow the processor, give it back as it was.
 */
#include "hw/engine_state.h"

#include <string.h>

#include "lib/compiler.h"
#include "lib/errno.h"

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
	engine_set_cur(e, c);
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
	if (c->irq_line &&
	    (c->state == CPU_HALTED || (c->state == CPU_SPINNING && (c->rflags & FLAG_IF))))
		c->state = CPU_RUNNING;
	if (c->state == CPU_RUNNING)
		runq_push(e, c);
}

/*
 * The bottom frame of the call stack. When the call outlived its machine_call (a stop request), the
 * machine just goes on.
 */
void call_main(void *arg)
{
	struct engine *e = arg;

	for (;;) {
		e->call.fn(e->call.arg);
		call_end(e);
		if (e->call.waiting)
			engine_leave(e, e->call_stack);
		else
			engine_reschedule(e, e->call_stack);
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
	engine_enter(e, e->call_stack);
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
