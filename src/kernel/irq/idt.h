/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_IRQ_IDT_H
#define KERNEL_IRQ_IDT_H

/*
 * The tables the CPU reads (GDT, TSS, IDT in simulated RAM) and the way in and out of the kernel
 * through them.
 *
 * Gates: 0..255 are the IDT's vector stubs, GATE_SYSCALL is LSTAR. A gate is entered with the
 * hardware frame already pushed; it saves the other registers below it, which makes a struct
 * pt_regs in simulated RAM, runs C, and leaves by entry_restore_iret().
 */

#include "hw/cpu.h"
#include "kernel/irq/ptrace.h"
#include "kernel/percpu/kernel.h"
#include "kernel/percpu/layout.h"
#include "kernel/percpu/percpu.h"

enum {
	GATE_VECTOR0 = 0,	  /* 0..255 */
	GATE_SYSCALL = 256,	  /* LSTAR; registered by the system call floor */
	GATE_UACCESS = 257,	  /* RIP of a user access made by kernel C */
	GATE_UACCESS_FIXUP = 258, /* where the fault handler sends it when it fails */
	GATE_KERNEL_TEXT = 259,	  /* RIP while other kernel C runs; never entered */
	GATE_SYSCALL32 = 260,	  /* CSTAR; absent: #UD */
};

#define FIRST_EXTERNAL_VECTOR 0x20
#define LOCAL_TIMER_VECTOR 0xec
#define CALL_FUNCTION_VECTOR 0xfb
#define RESCHEDULE_VECTOR 0xfd
#define SPURIOUS_APIC_VECTOR 0xff

#define IRQ_TABLES_BYTES 8192u /* what irq_init_cpu() needs, page aligned, in RAM */

/* The TSS as hardware reads it (Intel SDM 3A, figure 8-11). */
struct tss64 {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3, iomap_base;
} __attribute__((packed));
_Static_assert(sizeof(struct tss64) == 104, "TSS");

/*
 * Called in hard interrupt context with IRQs off and the vector acknowledged by the CPU; EOI is
 * written afterwards.
 */
typedef void irq_handler_fn(struct pt_regs *regs, unsigned vector);

/*
 * The machine-wide half: handlers and gates. Once per machine, before irq_init_cpu(). 0 or -ENOMEM.
 */
int irq_init(struct kernel *k);
/*
 * Lay GDT, TSS and IDT of one CPU in the IRQ_TABLES_BYTES zeroed bytes at tables_host (RAM;
 * tables_va is their simulated address, mapped by the time an interrupt comes), load GDTR, IDTR,
 * TR, STAR, LSTAR, SFMASK, GS, and switch its local APIC on. cpu->kernel_percpu must be set and
 * long mode be on. May be called for another, not yet running, CPU. 0, -EINVAL or -ENOMEM.
 */
int irq_init_cpu(struct kernel *k, unsigned cpu, void *tables_host, u64 tables_va);

/*
 * Handler of an external vector (32..254). -EBUSY when taken, -EINVAL for other vectors. NULL frees
 * it.
 */
int request_vector(struct kernel *k, unsigned vector, irq_handler_fn *fn);

/*
 * The simulated stack on which a CPU enters the kernel from CPL 3: TSS.RSP0 and the SYSCALL
 * entry's.
 */
void set_kernel_stack(struct percpu *pc, u64 stack_top_va);

/*
 * After delivery through the IDT: make pt_regs of the hardware frame at RSP. has_error: hardware
 * pushed an error code, which is orig_ax; otherwise orig_ax is `no_error`. SWAPGS when from CPL 3.
 * Returns the host pointer; RSP points at it.
 */
struct pt_regs *entry_save(struct cpu *cpu, bool has_error);
/*
 * After SYSCALL: SWAPGS, switch to the kernel stack, push the frame hardware would have (SS, user
 * RSP, R11, CS, RCX), orig_ax = RAX.
 */
struct pt_regs *entry_save_syscall(struct cpu *cpu);
/*
 * Load every register from regs and execute IRET on the running CPU. IRQs must be off. A fault of
 * the IRET itself (a user frame the hardware refuses) goes to hooks.do_trap as from user mode, and
 * the exit is tried again.
 */
void entry_restore_iret(struct pt_regs *regs);
/*
 * The same by SYSRET where it can represent regs (RCX = ip, R11 = flags, canonical, user CS/SS),
 * else by IRET.
 */
void entry_restore_syscall(struct pt_regs *regs);
/*
 * Work before CPL 3, then IRQs off: calls hooks.exit_to_user_mode(regs) with IRQs on until nothing
 * wants to be done.
 */
void exit_to_user_mode_prepare(struct pt_regs *regs);

/* Hard interrupt accounting. irq_exit runs pending softirqs when the outermost interrupt ends. */
void irq_enter(void);
void irq_exit(void);

/* Send a fixed IPI to one CPU. Any context. */
void send_ipi(unsigned cpu, u8 vector);
void smp_send_reschedule(unsigned cpu);

#endif
