/* SPDX-License-Identifier: MIT */
/*
 * Work without effects: time passes, interrupts come, nothing else.
 *
 * Native programs and kernel threads that model work call it; it calls the engine.
 *
 *   compute 5,000,000 at 100,000 on cpu 0, tick due at 3,000,000:
 *     cpu 0 leaves the run set, event at 5,100,000; others run meanwhile, as if it looped
 *     3,000,000 the LAPIC raises its line: cpu 0 is back there, done 2,900,000; event off; the
 *     tick is taken, perhaps a switch
 *     again on the CPU it has then: 2,100,000 to go
 *
 * D1 The CPU's clock never passes an interrupt it could take, nor the end.
 * D2 The event lives on this stack and is off the queue before anything that could leave the stack.
 * D3 Nothing is charged twice: what is pending in the CPU is folded first and is not part of the
 *    work.
 * D4 Every round does at least one cycle, so a line that stays up cannot stop the clock.
 * D5 Which way is taken does not depend on where the embedder's limit lies: giving up the turn
 *    would change who acts next.
 *
 * Units: cycles. Owner: the caller. Locking: none. Errors: none. Time: exactly what is asked.
 * Source: own; rejected was charging in pieces, which costs host time in proportion and, with more
 * than one CPU, steps of one cycle.
 */
#include "kernel/time/delay.h"

#include "hw/cpu.h"
#include "hw/engine.h"
#include "hw/machine.h"

struct work {
	struct event end;
	u32 cpu;
};

static void work_ends(struct machine *m, struct event *e)
{
	engine_unspin(m, container_of(e, struct work, end)->cpu, e->time);
}

/* Up to `cycles` on this CPU, until an interrupt; returns how many were done. */
static u64 stretch(u64 cycles)
{
	struct cpu *cpu = this_cpu();
	struct work w = { .cpu = cpu->index };
	u64 start = cpu->now, end;

	if (__builtin_add_overflow(start, cycles, &end))
		end = UINT64_MAX;
	if (end < engine_true_horizon(cpu)) {
		/*
		 * Nothing can happen before the end; the embedder may want to stop on the way (D5).
		 */
		cpu->now = min(end, cpu->horizon);
		return cpu->now - start;
	}
	event_schedule(cpu->m, &w.end, EV_HOST, cpu->index, end, work_ends);
	engine_spin(cpu);
	event_cancel(cpu->m, &w.end);
	return cpu->now - start;
}

void compute_cycles(u64 cycles)
{
	charge_cycles(0);
	while (cycles) {
		u64 done = stretch(cycles);

		/* An interrupt at this very cycle: one cycle passes all the same (D4). */
		cycles -= max(done, (u64)1);
		charge_cycles(!done);
	}
}

void compute_ns(u64 ns)
{
	compute_cycles(ns_to_cycles(this_machine(), ns));
}
