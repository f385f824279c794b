/* SPDX-License-Identifier: MIT */
/*
 * Through the gate: from a delivered vector to C and back by IRET.
 *
 * The CPU model calls vector_gate() when RIP stands at one of the 256 stubs the IDT points at; it
 * calls handlers of vectors, the upper floors' hooks for faults, traps and the way back to user
 * mode, and the softirqs. It knows no task: only stacks and counts.
 *
 * A timer interrupt of user code, simulated kernel stack top at ...4000:
 *
 *   hardware pushed   4000-40  RIP CS RFLAGS RSP SS        (TSS.RSP0, 16-byte aligned)
 *   entry_save        3fd0     orig_ax = ~0xec
 *                     3f58     r15 .. rdi                   <- RSP, struct pt_regs, 168 bytes
 *   handler, EOI, softirqs with IRQs on, exit_to_user_mode
 *   entry_restore     3fd8     RSP at the frame again, registers back, SWAPGS, IRETQ pops
 *
 * E1 pt_regs in simulated RAM is the only copy of the interrupted registers: what a handler writes
 *    there is what IRET loads.
 * E2 SWAPGS happens exactly once each way, and only for CPL 3: GS base is the per-CPU area while
 *    the kernel runs.
 * E3 IRQs are off from the last look at need_resched to the IRET, so no wake-up is missed.
 * E4 An interrupt of the kernel preempts it only at preempt_count 0 with IRQs on.
 * E5 The task may sleep or move in any hook: the CPU is read anew after each.
 *
 * Units: none. Owner: pt_regs is the interrupted context's. Locking: none; per-CPU state with IRQs
 * off. Errors: a stack pointer outside the direct map or an unhandled kernel fault panics the
 * machine. Time: hardware adds delivery and IRET to pending_cost; this file charges nothing.
 * Source: Intel SDM vol. 3A 6.12-6.14; Linux arch/x86/entry/entry_64.S, kernel/entry/common.c.
 */
#include "kernel/irq/root.h"
#include "kernel/trace/tracepoints.h"

#define VECTORS_WITH_ERROR                                                                         \
	(1u << 8 | 1u << 10 | 1u << 11 | 1u << 12 | 1u << 13 | 1u << 14 | 1u << 17 | 1u << 21)
#define ORIG_AX_BYTES 8
#define HW_FRAME_BYTES 40
#define GPR_BYTES 120 /* r15 .. di */

void irq_register_gates(struct kernel *k);

static bool vector_has_error(unsigned vector)
{
	return vector < 32 && (VECTORS_WITH_ERROR >> vector & 1);
}

static struct pt_regs *regs_at(struct cpu *cpu, u64 va)
{
	if (unlikely(!va_in_direct_map(cpu->m, va, sizeof(struct pt_regs))))
		machine_panic(cpu->m, "cpu %u entered the kernel on a stack outside RAM: rsp %#llx",
			      cpu->index, (unsigned long long)va);
	return (struct pt_regs *)(cpu->m->ram + va_to_pa(va));
}

static void save_gprs(struct pt_regs *regs, const struct cpu *cpu)
{
	const u64 *r = cpu->r;

	regs->r15 = r[R15];
	regs->r14 = r[R14];
	regs->r13 = r[R13];
	regs->r12 = r[R12];
	regs->bp = r[RBP];
	regs->bx = r[RBX];
	regs->r11 = r[R11];
	regs->r10 = r[R10];
	regs->r9 = r[R9];
	regs->r8 = r[R8];
	regs->ax = r[RAX];
	regs->cx = r[RCX];
	regs->dx = r[RDX];
	regs->si = r[RSI];
	regs->di = r[RDI];
}

static void load_gprs(struct cpu *cpu, const struct pt_regs *regs)
{
	u64 *r = cpu->r;

	r[R15] = regs->r15;
	r[R14] = regs->r14;
	r[R13] = regs->r13;
	r[R12] = regs->r12;
	r[RBP] = regs->bp;
	r[RBX] = regs->bx;
	r[R11] = regs->r11;
	r[R10] = regs->r10;
	r[R9] = regs->r9;
	r[R8] = regs->r8;
	r[RAX] = regs->ax;
	r[RCX] = regs->cx;
	r[RDX] = regs->dx;
	r[RSI] = regs->si;
	r[RDI] = regs->di;
}

/*
 * CLD and CLAC of every entry: the kernel runs with neither flag whatever the interrupted code had.
 */
static void clear_entry_flags(struct cpu *cpu)
{
	if (unlikely(cpu->rflags & (FLAG_DF | FLAG_AC)))
		cpu_set_rflags(cpu, cpu_rflags(cpu) & ~(FLAG_DF | FLAG_AC));
}

struct pt_regs *entry_save(struct cpu *cpu, bool has_error)
{
	u64 va = cpu->r[RSP] - GPR_BYTES - (has_error ? 0 : ORIG_AX_BYTES);
	struct pt_regs *regs = regs_at(cpu, va);

	save_gprs(regs, cpu);
	if (!has_error)
		regs->orig_ax = ~0ull;
	cpu->r[RSP] = va;
	if (user_mode(regs))
		cpu_swapgs(cpu);
	clear_entry_flags(cpu);
	return regs;
}

struct pt_regs *entry_save_syscall(struct cpu *cpu)
{
	struct percpu *pc = cpu->kernel_percpu;
	u64 va = pc->kernel_stack_va - sizeof(struct pt_regs);
	struct pt_regs *regs = regs_at(cpu, va);

	cpu_swapgs(cpu);
	pc->user_rsp = cpu->r[RSP];
	save_gprs(regs, cpu);
	regs->orig_ax = regs->ax;
	regs->ip = regs->cx;
	regs->cs = USER_CS;
	regs->flags = regs->r11;
	regs->sp = pc->user_rsp;
	regs->ss = USER_DS;
	cpu->r[RSP] = va;
	return regs;
}

/*
 * IRET refused the user frame: as the fault handler at that instruction does, make it the user's
 * general protection fault.
 */
static void bad_iret(struct pt_regs *regs, const struct fault *f)
{
	struct cpu *cpu = this_cpu();
	struct kernel *k = kern();

	cpu_swapgs(cpu);
	cpu->r[RSP] = host_to_va(regs);
	if (!user_mode(regs) || !k->hooks.do_trap)
		machine_panic(cpu->m, "IRET to %#llx cs %#llx refused: vector %u",
			      (unsigned long long)regs->ip, (unsigned long long)regs->cs,
			      f->vector);
	local_irq_enable();
	k->hooks.do_trap(regs, f->vector, f->error);
	exit_to_user_mode_prepare(regs);
}

void entry_restore_iret(struct pt_regs *regs)
{
	for (;;) {
		struct cpu *cpu = this_cpu();
		struct fault f;

		load_gprs(cpu, regs);
		cpu->r[RSP] = host_to_va(&regs->ip);
		if (user_mode(regs))
			cpu_swapgs(cpu);
		/* WALK 10/10 -> cpu_iret, hw/entry.c, and the load is executed again */
		if (likely(cpu_iret(cpu, &f)))
			return;
		bad_iret(regs, &f);
	}
}

/*
 * SYSRET loads RIP from RCX and RFLAGS from R11 and can set neither RF nor TF-after-return safely.
 */
static bool sysret_can_return(const struct pt_regs *regs)
{
	return regs->cx == regs->ip && regs->r11 == regs->flags && regs->cs == USER_CS &&
	       regs->ss == USER_DS && regs->ip < TASK_SIZE && !(regs->flags & (FLAG_RF | FLAG_TF));
}

void entry_restore_syscall(struct pt_regs *regs)
{
	struct cpu *cpu = this_cpu();
	struct fault f;

	if (!sysret_can_return(regs)) {
		entry_restore_iret(regs);
		return;
	}
	load_gprs(cpu, regs);
	cpu->r[RSP] = regs->sp;
	cpu_swapgs(cpu);
	if (unlikely(!cpu_sysret(cpu, &f)))
		machine_panic(cpu->m, "SYSRET refused: vector %u", f.vector);
}

void exit_to_user_mode_prepare(struct pt_regs *regs)
{
	struct kernel *k = kern();

	do {
		local_irq_enable();
		if (k->hooks.exit_to_user_mode)
			k->hooks.exit_to_user_mode(regs);
		local_irq_disable();
	} while (this_percpu()->need_resched && k->hooks.exit_to_user_mode);
}

static void exception(struct pt_regs *regs, unsigned vector)
{
	struct kernel *k = kern();
	u64 error = vector_has_error(vector) ? regs->orig_ax : 0;
	u64 address = this_cpu()->cr2;

	if ((regs->flags & FLAG_IF) && vector != VEC_NMI && vector != VEC_DF)
		local_irq_enable();
	regs->orig_ax = (u64)-1; /* no system call: nothing to restart */
	/* WALK 4/10 -> hooks.do_page_fault, mm/fault.c */
	if (vector == VEC_PF && k->hooks.do_page_fault)
		k->hooks.do_page_fault(regs, error, address);
	else if (vector != VEC_PF && k->hooks.do_trap)
		k->hooks.do_trap(regs, vector, error);
	else
		machine_panic(k->m, "exception %u error %#llx at %#llx address %#llx", vector,
			      (unsigned long long)error, (unsigned long long)regs->ip,
			      (unsigned long long)address);
	local_irq_disable();
}

static void external(struct pt_regs *regs, unsigned vector)
{
	struct irq_root *irq = kern()->irq;

	regs->orig_ax = ~(u64)vector;
	trace_irq_vector_entry(vector);
	this_percpu()->irq_count[vector]++;
	irq_enter();
	if (likely(irq->handler[vector]))
		irq->handler[vector](regs, vector);
	else
		irq->spurious++;
	if (vector != SPURIOUS_APIC_VECTOR)
		lapic_write(this_cpu(), APIC_EOI, 0);
	trace_irq_vector_exit(vector);
	irq_exit();
}

static void exit_to_kernel(struct pt_regs *regs)
{
	struct percpu *pc = this_percpu();
	struct kernel *k = kern();

	if ((regs->flags & FLAG_IF) && pc->preempt_count == 0 && pc->need_resched &&
	    k->hooks.preempt_schedule_irq)
		k->hooks.preempt_schedule_irq();
}

static void vector_gate(struct cpu *cpu)
{
	unsigned vector = (unsigned)((cpu->rip - gate_va(cpu->m, GATE_VECTOR0)) / GATE_STRIDE);
	struct pt_regs *regs = entry_save(cpu, vector_has_error(vector));

	cpu->rip = gate_va(cpu->m, GATE_KERNEL_TEXT);
	if (vector < FIRST_EXTERNAL_VECTOR)
		exception(regs, vector);
	else
		external(regs, vector);
	if (user_mode(regs))
		exit_to_user_mode_prepare(regs);
	else
		exit_to_kernel(regs);
	entry_restore_iret(regs);
}

static void call_function_interrupt(struct pt_regs *regs, unsigned vector)
{
	(void)regs;
	(void)vector;
	if (kern()->hooks.call_function_ipi)
		kern()->hooks.call_function_ipi();
}

/* The work is done at the end of the interrupt, where need_resched is looked at. */
static void reschedule_interrupt(struct pt_regs *regs, unsigned vector)
{
	(void)regs;
	(void)vector;
	if (kern()->hooks.scheduler_ipi)
		kern()->hooks.scheduler_ipi();
}

void irq_register_gates(struct kernel *k)
{
	for (unsigned v = 0; v < 256; v++)
		gate_register(k->m, GATE_VECTOR0 + v, vector_gate, "vector");
	k->irq->handler[CALL_FUNCTION_VECTOR] = call_function_interrupt;
	k->irq->handler[RESCHEDULE_VECTOR] = reschedule_interrupt;
}

void irq_enter(void)
{
	this_percpu()->preempt_count += HARDIRQ_OFFSET;
}

void irq_exit(void)
{
	struct percpu *pc = this_percpu();

	BUG_ON(pc->preempt_count < HARDIRQ_OFFSET);
	pc->preempt_count -= HARDIRQ_OFFSET;
	if (pc->softirq_pending && !in_interrupt())
		do_softirq();
}
