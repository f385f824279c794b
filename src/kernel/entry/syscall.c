/* SPDX-License-Identifier: MIT */
/*
 * The system call gate: from SYSCALL to a C function and back.
 *
 * Called by the run loop (hw/cpu/run.c) when a fetch at LSTAR passed translation at CPL 0. Calls
 * one entry of the table (table.c), and on the way out the signal code. It must not know what any
 * call does.
 *
 * What happens to a read(0, 0x7ffe1000, 64) made at 0x401000 by a task whose simulated kernel stack
 * is [0xffff888001a00000, 0xffff888001a04000):
 *
 *	SYSCALL          RCX = 0x401002, R11 = RFLAGS, RIP = LSTAR, CPL 0, IF = 0   (hw/entry.c)
 *	syscall_gate     SWAPGS; RSP 0x7ffe0f00 -> per-CPU scratch; RSP = 0xffff888001a04000
 *	                 pt_regs pushed at 0xffff888001a03f58: the one truth of the user's registers
 *	                 from here on STI; do_syscall_64 -> sys_read -> ... may block, may resume on
 *	                 another CPU regs->ax = 64
 *	                 exit loop: signals, reschedule; CLI
 *	SYSRET           RIP = RCX = 0x401002, RFLAGS = R11, CPL 3
 *
 *	S1 pt_regs lies at the top of the task's own simulated kernel stack; nothing lies above it.
 *	S2 SYSRET is used only when it restores exactly what pt_regs says (kernel/irq/entry);
 *	   everything else leaves by IRET.
 *	S3 no pointer to a CPU lives across do_syscall_64: the task may have moved.
 *
 * Units:   none of its own.
 * Owner:   the gate owns nothing; pt_regs belongs to the task.
 * Locking: entered with IRQs off; runs calls with IRQs on; leaves with IRQs off.
 * Errors:  a number without a call gives -ENOSYS, as does a negative one.
 * Time:    COST_SYSCALL and COST_SYSRET by the hardware; COST_SYSCALL_WORK here.
 * Source:  AMD64 APM vol. 3, SYSCALL and SYSRET; System V ABI AMD64 A.2.1; Linux does it in
 * entry_SYSCALL_64 and do_syscall_64.
 */

#include "kernel/entry/syscall.h"

#include "hw/cpu.h"
#include "kernel/entry/root.h"
#include "kernel/irq/idt.h"
#include "kernel/percpu/percpu.h"
#include "kernel/signal/signal.h"
#include "kernel/trace/tracepoints.h"
#include "lib/compiler.h"
#include "sched/sched.h"
#include "sched/task.h"

static void do_syscall_64(struct pt_regs *regs)
{
	u64 nr = regs->orig_ax;
	u64 args[6] = { regs->di, regs->si, regs->dx, regs->r10, regs->r8, regs->r9 };
	const struct syscall_entry *e = syscall_lookup(nr);
	long ret = -ENOSYS;

	trace_sys_enter(nr, trace_hash(args, sizeof(args)));
	if (unlikely(kern()->top->strace))
		strace_enter(regs, nr);
	charge(COST_SYSCALL_WORK);
	if (e)
		ret = e->fn(regs);
	regs->ax = (u64)ret;
	trace_sys_exit(nr, (u64)ret);
	if (kern()->top->strace)
		strace_exit(regs, nr, ret);
	stack_check();
}

void exit_to_user_mode_loop(struct pt_regs *regs)
{
	for (;;) {
		if (need_resched())
			schedule();
		else if (signal_pending(current))
			arch_do_signal_or_restart(regs);
		else
			return;
	}
}

static void syscall_gate(struct cpu *cpu)
{
	struct pt_regs *regs = entry_save_syscall(cpu);

	local_irq_enable();
	do_syscall_64(regs);
	exit_to_user_mode_prepare(regs);
	entry_restore_syscall(regs);
}

void syscall_init(struct kernel *k)
{
	gate_register(k->m, GATE_SYSCALL, syscall_gate, "entry_SYSCALL_64");
}
