/* SPDX-License-Identifier: MIT */
/*
 * The run loop: blocks are found and executed until something wants attention, and that something
 * is attended to.
 *
 * cpu_run is called by the bottom frame of every task's C stack. It calls exec_run (code), the
 * engine (horizon, HLT), the entry mechanisms (exceptions, interrupts) and native gates. It must
 * not know what any instruction does.
 *
 *	cpu_run:  now >= horizon --> engine_slice, return     exec_run:  look up block at rip
 *	          interrupt to take --> deliver, gate?           fits --> run it, follow links
 *	          exec_run --> fault --> deliver, gate?          does not fit --> blocks of one instruction
 *	                   --> at a gate --> call it, return     fault, HLT, gate, horizon --> return
 *	                   --> HLT --> engine_halt, return
 *
 *	R1 An instruction is executed if and only if now < horizon before it (and before each
 *	   iteration of a REP), whatever blocks it was decoded into. So interrupts arrive at the
 *	   same instruction for every history of the block cache.
 *	R2 A fetch that costs time costs it before the instruction; the horizon is asked again after
 *	   it.
 *	R3 A link is patched only by the lookup that follows its miss, in the same exec_run, under
 *	   the same mode.
 *	R4 Blocks of one instruction (EXEC_MODE_STEP) are never linked to and link to nothing: near
 *	   the horizon, in the shadow of STI, and under RFLAGS.TF.
 *	R5 A gate is matched only at CPL 0 and entered only when a fetch at its address passes
 *	   translation.
 *
 * Units:   cycles.
 * Owner:   the CPU.
 * Locking: none.
 * Errors:  guest faults are delivered; what cannot be delivered ends in #DF and shutdown inside
 *          cpu_deliver.
 * Time:    COST_GATE on entering a gate; all else is charged by who does it.
 * Source:  Intel SDM vol. 3A 6.6 (interrupts between instructions), 6.8.3 (STI shadow), 17.3.1.4
 *          (TF).
 */

#include "hw/cpu/insn.h"

#include "lib/compiler.h"

/* A horizon further away than this is as good as none; keeps EXEC_DEAD behind every horizon. */
#define HORIZON_MAX (1ull << 61)
#define DR6_BS (1ull << 14)

static u32 exec_mode(const struct cpu *cpu)
{
	u32 mode = 0;

	if (cpu->cpl == 0)
		mode |= EXEC_MODE_SUPER;
	if ((cpu->cr0 & CR0_EM) || !(cpu->cr4 & CR4_OSFXSR))
		mode |= EXEC_MODE_NO_SSE;
	if (cpu->cr0 & CR0_TS)
		mode |= EXEC_MODE_TS;
	if (cpu->cr0 & CR0_EM)
		mode |= EXEC_MODE_EM;
	return mode;
}

static void set_mode(struct exec_cpu *x, u32 mode)
{
	x->mode = (u16)mode;
	x->mode_key = (u64)(mode | 0x800) << 52; /* never 0: an empty jump slot matches nothing */
}

/* Block b follows where the last block's link or jump missed: remember it there. */
static void remember(struct exec_cpu *x, struct exec_block *b)
{
	if (x->link) {
		x->link->entry = x->link_same_page && !b->straddle ? &b->insn[0] : &b->cross.insn;
		x->link->to = b;
	} else if (x->jump_miss) {
		struct jump_slot *j = &x->jump[(b->rip ^ (b->rip >> 10)) & (JUMP_SLOTS - 1)];

		j->key = b->rip ^ x->mode_key;
		j->to = b;
	}
	x->link = NULL;
	x->jump_miss = false;
}

static void execute(struct cpu *cpu, struct exec_block *b)
{
	const struct insn *i = b->insn;

	while (i)
		i = i->fn(cpu, i);
}

static bool wants_interrupt(const struct cpu *cpu)
{
	return cpu->irq_line && !cpu->irq_shadow &&
	       ((cpu->rflags & FLAG_IF) || (cpu->nmi_pending && !cpu->nmi_blocked));
}

/* One instruction, which may set cpu->fault; then the trap of TF. */
static void step(struct cpu *cpu, struct exec_block *b)
{
	bool tf = (cpu->rflags & FLAG_TF) != 0;

	cpu->irq_shadow = false;
	execute(cpu, b);
	cpu->exec->link = NULL;
	cpu->exec->jump_miss = false;
	if (tf && cpu->fault.vector == FAULT_NONE) {
		cpu->dr[6] |= DR6_BS;
		cpu->fault = (struct fault){ .vector = VEC_DB };
	}
}

void exec_run(struct cpu *cpu)
{
	struct exec_cpu *x = cpu->exec;

	if (unlikely(!x))
		x = cpu->exec = &cpu->m->exec->cpus[cpu->index];
	x->link = NULL;
	x->jump_miss = false;
	x->event = EXEC_NONE;
	cpu->fault.vector = FAULT_NONE;
	cpu->insn_index = 1; /* instructions count from 1 in TLB stamps: 0 means never used */
	if (cpu->horizon > HORIZON_MAX)
		cpu->horizon = HORIZON_MAX;
	while (cpu->now < cpu->horizon && !wants_interrupt(cpu)) {
		bool single = cpu->irq_shadow || (cpu->rflags & FLAG_TF);
		u32 mode = exec_mode(cpu);
		struct exec_block *b;

		if (cpu->cpl == 0 && exec_is_gate(cpu->m, cpu->rip)) {
			x->event = EXEC_GATE;
			return;
		}
		if (!single) {
			set_mode(x, mode);
			b = exec_lookup(cpu, cpu->rip, mode);
			if (!b)
				return;
			if (cpu->now + b->limit <= cpu->horizon) {
				remember(x, b);
				execute(cpu, b);
				if (cpu->fault.vector != FAULT_NONE || x->event != EXEC_NONE)
					return;
				continue;
			}
			if (cpu->now >= cpu->horizon)
				return;
		}
		set_mode(x, mode | EXEC_MODE_STEP);
		b = exec_lookup(cpu, cpu->rip, mode | EXEC_MODE_STEP);
		if (!b || cpu->now >= cpu->horizon)
			return;
		step(cpu, b);
		if (cpu->fault.vector != FAULT_NONE || x->event != EXEC_NONE)
			return;
	}
}

static void deliver(struct cpu *cpu)
{
	struct fault f = cpu->fault;

	cpu->fault.vector = FAULT_NONE;
	cpu_deliver(cpu, &f);
	cpu->now += cpu->pending_cost;
	cpu->pending_cost = 0;
}

bool cpu_enter_gate(struct cpu *cpu)
{
	struct machine *m = cpu->m;
	unsigned tries;
	u64 pa;

	/*
	 * A handler whose own page does not translate leads to another handler, or through #DF to
	 * shutdown.
	 */
	for (tries = 0; tries < 8; tries++) {
		if (cpu->cpl != 0 || !exec_is_gate(m, cpu->rip))
			return false;
		if (exec_fetch(cpu, cpu->rip, &pa)) {
			cpu->now += m->cost->cycles[COST_GATE];
			m->gate[(cpu->rip - m->gate_base) / GATE_STRIDE].fn(cpu);
			return true;
		}
		deliver(cpu);
	}
	return false;
}

void cpu_run(struct cpu *cpu)
{
	for (;;) {
		if (cpu->now >= cpu->horizon) {
			engine_slice(cpu);
			return;
		}
		if (wants_interrupt(cpu)) {
			if (!cpu_take_interrupt(cpu))
				cpu->irq_line = false;
			cpu->now += cpu->pending_cost;
			cpu->pending_cost = 0;
			if (cpu_enter_gate(cpu))
				return;
			continue;
		}
		exec_run(cpu);
		if (cpu->fault.vector != FAULT_NONE) {
			deliver(cpu);
			if (cpu_enter_gate(cpu))
				return;
		} else if (cpu->exec->event == EXEC_GATE) {
			if (cpu_enter_gate(cpu))
				return;
		} else if (cpu->exec->event == EXEC_HLT) {
			engine_halt(cpu);
			return;
		}
	}
}
