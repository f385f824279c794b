/* SPDX-License-Identifier: MIT */
/*
 * Stopping a machine for good: exit and panic.
 *
 * Called from machine stacks anywhere. Calls the engine to leave. Must not need anything that may
 * be broken: no allocation, no lock.
 *
 * machine_panic(m, "stack %u overflowed", 7) leaves m->panic_text =
 *
 *	stack 7 overflowed
 *	cpu 1 time 81234 cpl 0 rip 0xffffffff810000e0 rsp 0xffff888000103fd0
 *	cr2 0x5000 cr3 0x1000 insns 4711
 *
 *	P1 the first panic's text is kept: later ones are its consequences;
 *	P2 the stack that stops never runs again, and its CPU is STOPPED, so that machine_call may
 *	   still look around after an exit;
 *	P3 the process lives: control goes to whoever called engine_run or machine_call.
 *
 * Off a machine stack there is no call to abort: that is a bug of the library itself and traps.
 *
 * Units, Owner: the text is the machine's. Locking: none. Errors: this is where they end. Time:
 * none. Source: none.
 */
#include "hw/engine_state.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/compiler.h"

static void __noreturn stop_forever(struct machine *m, enum stop_reason reason)
{
	struct engine *e = m->engine;
	struct stack *self;
	struct cpu *c;

	if (!e->inside) /* the embedder's own stack: there is no call to abort */
		__builtin_trap();
	self = stack_here();
	c = self->cpu;
	if (e->cur)
		runq_push(e, e->cur);
	e->cur = NULL;
	if (c) { /* P2 */
		runq_remove(e, c);
		c->state = CPU_STOPPED;
		e->now = max(e->now, c->now + c->pending_cost); /* the machine's end */
	}
	if (self == e->call_stack && c) {
		c->stack = c->index == 0 ? e->call.stack : NULL;
		self->cpu = NULL;
		e->call.active = false;
		e->call.dead = true;
	}
	e->reason = reason;
	m->stopped = reason;
	engine_leave(e, self);
	/* engine_run and machine_call refuse a machine that stopped for good */
	__builtin_unreachable();
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
				 "\ncpu %u time %llu cpl %u rip %#llx rsp %#llx "
				 "cr2 %#llx cr3 %#llx insns %llu",
				 c->index, (unsigned long long)c->now, c->cpl,
				 (unsigned long long)c->rip, (unsigned long long)c->r[RSP],
				 (unsigned long long)c->cr2, (unsigned long long)c->cr3,
				 (unsigned long long)c->icount);
	}
	stop_forever(m, STOP_PANIC);
}

void machine_bug(const char *file, int line, const char *expr)
{
	const char *base = strrchr(file, '/');

	/* The directory differs from build to build; the text is part of what a run reports. */
	machine_panic(this_machine(), "BUG at %s:%d: %s", base ? base + 1 : file, line, expr);
}
