/* SPDX-License-Identifier: MIT */
/*
 * Native programs: the embedder's C at CPL 3.
 *
 * Called by init for spawned functions, by fork for their children, and by the API's osim_syscall,
 * osim_load, osim_store and osim_compute;
 * calls the hardware floor as an instruction would. It must not reach around it: no kernel function
 * is called for the program except through SYSCALL, a fault or an interrupt.
 *
 * The embedder's frames lie on the task's C stack, the kernel's above them while it is in the
 * kernel:
 *
 *	base ... | native_main | fn (embedder) | osim_syscall | native_syscall | cpu_enter_gate | syscall gate | sys_read | schedule
 *	           CPL 0 -> 3                                  SYSCALL -> CPL 0                    ... SYSRET -> CPL 3, back in native_syscall
 *
 *	V1 while embedder code runs, CPL is 3, IF is 1 and RIP is NATIVE_TEXT_VA.
 *	V2 after any gate the CPU is read again: the task may have moved.
 *	V3 after a successful execve the task is no native program any more: the embedder's frames
 *	   are never returned to.
 *
 * Units:   cycles.
 * Owner:   the embedder's arguments are the embedder's.
 * Locking: none.
 * Errors:  a fault without a fix kills the task by SIGSEGV; no call reports it to the program.
 * Time:    SYSCALL, faults and interrupts cost what they cost ELF programs; compute() what it is told; an access one instruction.
 * Source:  DESIGN: "Programs".
 */

#include "kernel/exec/native.h"

#include "hw/cpu.h"
#include "kernel/irq/idt.h"
#include "kernel/percpu/percpu.h"
#include "kernel/time/delay.h"
#include "kernel/signal/signal.h"
#include "lib/compiler.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/slab.h"
#include "mm/mm.h"
#include "mm/mman.h"
#include "sched/fork.h"
#include "sched/sched.h"
#include "sched/task.h"

static int native_mm(void)
{
	struct mm_struct *mm = mm_alloc();
	u64 top = TASK_SIZE & PAGE_MASK;
	s64 at;
	int ret;

	if (!mm)
		return -ENOMEM;
	arch_pick_mmap_layout(mm, current->signal->rlim[3].cur);
	exec_mmap(mm);
	ret = mm_map_stack(mm, top - 32 * PAGE_SIZE, top, 0);
	if (ret)
		return ret;
	at = vm_mmap(NULL, NATIVE_TEXT_VA, PAGE_SIZE, PROT_READ | PROT_EXEC,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0);
	if (at >= 0)
		at = vm_mmap(NULL, NATIVE_SCRATCH_VA, NATIVE_SCRATCH_BYTES, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0);
	if (at < 0)
		return (int)at;
	mm->start_brk = mm->brk = NATIVE_TEXT_VA + 16 * PAGE_SIZE;
	mm->start_stack = top - 16;
	return 0;
}

/* From CPL 0 to CPL 3 by IRET on this task's pt_regs. */
static void enter_user(void)
{
	struct pt_regs *regs = task_pt_regs(current);

	memset(regs, 0, sizeof(*regs));
	regs->ip = NATIVE_TEXT_VA;
	regs->sp = current->mm->start_stack;
	regs->cs = USER_CS;
	regs->ss = USER_DS;
	regs->flags = FLAG_IF | FLAG_FIXED;
	regs->orig_ax = (u64)-1;
	exit_to_user_mode_prepare(regs);
	entry_restore_iret(regs);
}

/*
 * The program returned, or was replaced by exec: from here on the task only executes instructions.
 */
static void run_elf(void) __attribute__((noreturn));
static void run_elf(void)
{
	for (;;)
		cpu_run(this_cpu());
}

static void run_native(void (*fn)(void *arg), void *arg) __attribute__((noreturn));
static void run_native(void (*fn)(void *arg), void *arg)
{
	const u64 args[6] = { 0 };

	enter_user();
	fn(arg);
	native_syscall(231 /* exit_group */, args);
	BUG_ON(true); /* exit_group does not return */
	run_elf();
}

void native_main(void (*fn)(void *arg), void *arg)
{
	int ret = native_mm();

	if (ret)
		do_group_exit(SIGKILL);
	run_native(fn, arg);
}

/* --- fork --- */

struct native_start {
	void (*fn)(void *arg);
	void *arg;
};

static void native_child(void *arg)
{
	struct native_start start = *(struct native_start *)arg;

	kfree(arg);
	run_native(start.fn, start.arg);
}

long native_do_fork(void)
{
	struct kernel_clone_args args = { .exit_signal = SIGCHLD,
					  .fn = native_child,
					  .native = true };
	struct native_start *start;
	long ret;

	if (!current->embedder)
		return -EINVAL;
	start = kmemdup(current->embedder, sizeof(*start), GFP_KERNEL);
	if (!start)
		return -ENOMEM;
	args.fn_arg = start;
	ret = kernel_clone(&args);
	if (ret < 0)
		kfree(start);
	return ret;
}

/* Enter gates until the CPU is back at CPL 3 (V2, V3). */
static void until_user(void)
{
	while (this_cpu()->cpl != 3) {
		if (!cpu_enter_gate(this_cpu()))
			machine_panic(this_machine(), "native program %d: no gate at %#llx",
				      current->pid, (unsigned long long)this_cpu()->rip);
	}
	if (unlikely(!(current->flags & PF_NATIVE)))
		run_elf();
}

static void deliver(const struct fault *f)
{
	struct cpu *cpu = this_cpu();

	cpu_deliver(cpu, f);
	charge_cycles(0);
	until_user();
}

long native_syscall(u64 nr, const u64 args[6])
{
	struct cpu *cpu = this_cpu();
	struct fault f;

	cpu->r[RAX] = nr;
	cpu->r[RDI] = args[0];
	cpu->r[RSI] = args[1];
	cpu->r[RDX] = args[2];
	cpu->r[R10] = args[3];
	cpu->r[R8] = args[4];
	cpu->r[R9] = args[5];
	do {
		if (!cpu_syscall(cpu, NATIVE_TEXT_VA, &f)) {
			deliver(&f);
			return -ENOSYS;
		}
		until_user();
		cpu = this_cpu(); /* V2 */
	} while (
		cpu->rip !=
		NATIVE_TEXT_VA); /* two bytes back, with RAX set: the kernel wants the call again */
	return (long)this_cpu()->r[RAX];
}

long native_fork(void (*fn)(void *arg), void *arg)
{
	struct native_start start = { fn, arg };
	const u64 args[6] = { 0 };
	long ret;

	/* on this C stack: valid during the call, which is all it is for */
	current->embedder = &start;
	ret = native_syscall(57 /* fork */, args);
	current->embedder = NULL;
	return ret;
}

void native_access(u64 va, void *buf, u64 len, bool write)
{
	u8 *p = buf;

	while (len) {
		u64 in_page = PAGE_SIZE - (va & ~PAGE_MASK);
		unsigned n = (unsigned)min(len, min(in_page, (u64)64));
		struct cpu *cpu = this_cpu();
		struct fault f;
		bool ok;

		cpu_native_access(cpu);
		ok = write ? mmu_write(cpu, va, p, n, true, &f) : mmu_read(cpu, va, p, n, true, &f);

		if (!ok) {
			deliver(&f);
			continue;
		}
		charge(COST_INSN);
		va += n;
		p += n;
		len -= n;
	}
}

void native_compute(u64 cycles)
{
	compute_cycles(cycles);
}
