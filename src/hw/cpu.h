/* SPDX-License-Identifier: MIT */
#ifndef HW_CPU_H
#define HW_CPU_H

/*
 * One x86-64 CPU: architectural state, entry and exit, and its clock.
 *
 * General registers live in r[], numbered as the encoding numbers them, followed by slots that make
 * address arithmetic uniform: REG_ZERO is always 0, REG_FSBASE and REG_GSBASE are the segment
 * bases, REG_TMP is scratch of the decoder.
 *
 * Arithmetic flags are lazy: cc_op names how the last flag-setting instruction computed,
 * cc_dst/cc_src/cc_src2 are its values (hw/cpu/flags.h); cpu->rflags holds all other bits, and the
 * arithmetic bits only when cc_op is CC_EFLAGS. cpu_rflags()/cpu_set_rflags() are the only way in
 * and out for everyone outside src/hw/cpu/.
 */

#include "hw/engine.h"
#include "hw/lapic.h"
#include "hw/machine.h"
#include "hw/mmu.h"
#include "hw/tlb.h"
#include "lib/compiler.h"
#include "lib/types.h"

enum reg {
	RAX,
	RCX,
	RDX,
	RBX,
	RSP,
	RBP,
	RSI,
	RDI,
	R8,
	R9,
	R10,
	R11,
	R12,
	R13,
	R14,
	R15,
	REG_ZERO,
	REG_FSBASE,
	REG_GSBASE,
	REG_TMP,
	NR_REG_SLOTS
};

enum seg { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, NR_SEGS };

#define FLAG_CF 0x1ull
#define FLAG_FIXED 0x2ull
#define FLAG_PF 0x4ull
#define FLAG_AF 0x10ull
#define FLAG_ZF 0x40ull
#define FLAG_SF 0x80ull
#define FLAG_TF 0x100ull
#define FLAG_IF 0x200ull
#define FLAG_DF 0x400ull
#define FLAG_OF 0x800ull
#define FLAG_IOPL 0x3000ull
#define FLAG_NT 0x4000ull
#define FLAG_RF 0x10000ull
#define FLAG_VM 0x20000ull
#define FLAG_AC 0x40000ull
#define FLAG_ID 0x200000ull
#define FLAGS_ARITH (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

#define CR0_PE 1ull
#define CR0_MP 2ull
#define CR0_EM 4ull
#define CR0_TS 8ull
#define CR0_ET 16ull
#define CR0_NE 32ull
#define CR0_WP (1ull << 16)
#define CR0_AM (1ull << 18)
#define CR0_PG (1ull << 31)
#define CR0_NW (1ull << 29)
#define CR0_CD (1ull << 30)
#define CR4_PAE (1ull << 5)
#define CR4_PGE (1ull << 7)
#define CR4_OSFXSR (1ull << 9)
#define CR4_OSXMMEXCPT (1ull << 10)
#define CR4_FSGSBASE (1ull << 16)
#define CR4_PCIDE (1ull << 17)
#define CR4_SMEP (1ull << 20)
#define CR4_SMAP (1ull << 21)
#define EFER_SCE 1ull
#define EFER_LME (1ull << 8)
#define EFER_LMA (1ull << 10)
#define EFER_NXE (1ull << 11)
#define CR3_NOFLUSH (1ull << 63)

#define MSR_APIC_BASE 0x1Bu
#define MSR_TSC 0x10u
#define MSR_PAT 0x277u
#define MSR_TSC_DEADLINE 0x6E0u
#define MSR_EFER 0xC0000080u
#define MSR_STAR 0xC0000081u
#define MSR_LSTAR 0xC0000082u
#define MSR_CSTAR 0xC0000083u
#define MSR_SFMASK 0xC0000084u
#define MSR_FS_BASE 0xC0000100u
#define MSR_GS_BASE 0xC0000101u
#define MSR_KERNEL_GS_BASE 0xC0000102u
#define MSR_TSC_AUX 0xC0000103u

struct segment {
	u16 sel;
	/* type, S, DPL, P, AVL, L, D/B, G as descriptor bits 40..55 with the limit nibble cleared
	 * */
	u16 attr;
	u32 limit;
	u64 base; /* FS and GS: r[REG_FSBASE], r[REG_GSBASE] instead */
};

struct desc_table {
	u64 base;
	u16 limit;
};

/* x87 and SSE state in the FXSAVE image's own shapes (Intel SDM vol. 1, table 10-2). */
struct fpu {
	/* physical registers R0..R7; 10 bytes used of each */
	u8 st[8][16] __attribute__((aligned(16)));
	u8 xmm[16][16] __attribute__((aligned(16)));
	u16 fcw, fsw; /* fsw holds TOP */
	u8 ftw;	      /* abridged tag word: bit i = physical register i not empty */
	u16 fop;
	u64 fip, fdp;
	u32 mxcsr;
};

enum cpu_state {
	CPU_STOPPED, /* not started, or shut down */
	CPU_RUNNING, /* in the run set */
	CPU_HALTED,
	CPU_SPINNING,
};

struct exec_cpu;

struct cpu {
	/* hot: the interpreter's */
	u64 r[NR_REG_SLOTS];
	u64 rip;
	u64 cc_dst, cc_src, cc_src2;
	u32 cc_op;
	u8 cpl;
	bool irq_line;	 /* the LAPIC (or NMI) wants this CPU's attention */
	bool irq_shadow; /* after STI or MOV SS: no interrupt before the next instruction */
	u64 rflags;
	u64 now;	  /* this CPU's clock, cycles */
	u64 horizon;	  /* run without asking while now < horizon */
	u64 icount;	  /* instructions retired before the present block */
	u64 pending_cost; /* cycles added by hardware models during the present instruction(s) */
	struct exec_cpu *exec; /* the interpreter's own state (hw/cpu/insn.h) */
	/* of the instruction within the present block: a slow-path access is stamped icount +
	 * insn_index */
	u32 insn_index;
	/* the access under way is hardware's own (GDT, IDT, TSS): supervisor whatever CPL is, SMAP
	 * ignores AC */
	bool implicit_access;
	struct tlb tlb;
	struct fpu fpu;

	/* cold */
	struct machine *m; /* [I] */
	u32 index;	   /* [I] */
	enum cpu_state state;
	struct stack *stack; /* the C stack running, or parked, on this CPU */
	struct segment seg[NR_SEGS];
	struct segment ldtr, tr;
	struct desc_table gdtr, idtr;
	u64 cr0, cr2, cr3, cr4, cr8, efer;
	u64 star, lstar, cstar, sfmask, kernel_gs_base, tsc_aux, pat, apic_base, tsc_offset;
	u64 dr[8];
	struct lapic lapic;
	bool nmi_pending, nmi_blocked;
	struct fault fault; /* set by a handler that faults, consumed by the run loop */
	u64 halt_start, halted_cycles, spun_cycles;
	u64 nr_exceptions[32], nr_interrupts, nr_syscalls;
	/* the instruction that last raised #UD because it is not implemented, "" if none */
	char ud_mnemonic[24];
	u64 ud_rip;
	/* the kernel's per-CPU area (host pointer into RAM); never followed here */
	void *kernel_percpu;
};

/*
 * cpu_reset: the state after RESET by the manual (Intel SDM 3A table 9-1). cpu_long_mode: what a
 * boot loader for 64-bit kernels leaves: EFER SCE|LME|LMA|NXE, CR0 PE|MP|ET|NE|WP|AM|PG, CR4
 * PAE|PGE|OSFXSR|OSXMMEXCPT, CR3 = cr3, flat segments (CS 0x10, the others 0x18: hidden parts only,
 * no GDT is read), interrupts off, CPL 0. Both flush the TLB. Neither touches the clock.
 */
int cpu_init(struct machine *m, u32 index); /* allocates m->cpu[index] in the arena */
void cpu_reset(struct cpu *cpu);
void cpu_long_mode(struct cpu *cpu, u64 cr3, u64 rsp, u64 rip);

/* --- time --- */

/*
 * cycles of work were done. Runs other actors when the horizon is reached and takes pending
 * interrupts when IF=1: anything may happen inside, a migration to another CPU included. Effects
 * first, charge after.
 */
void cpu_poll(struct cpu *cpu); /* slow half: slice and interrupts */
static inline void charge_cycles(u64 cycles)
{
	struct cpu *cpu = this_cpu();

	cpu->now += cycles + cpu->pending_cost;
	cpu->pending_cost = 0;
	if (unlikely(cpu->now >= cpu->horizon || (cpu->irq_line && (cpu->rflags & FLAG_IF))))
		cpu_poll(cpu);
}
static inline void charge(enum cost_id id)
{
	charge_cycles(this_machine()->cost->cycles[id]);
}
static inline void charge_n(enum cost_id id, u64 n)
{
	charge_cycles((u64)this_machine()->cost->cycles[id] * n);
}

/*
 * --- flags, control registers, MSRs, CPUID: with all their checks. false: *f is the #GP (or #UD).
 * ---
 */
u64 cpu_rflags(const struct cpu *cpu);
void cpu_set_rflags(struct cpu *cpu, u64 rflags);
bool cpu_write_cr0(struct cpu *cpu, u64 v, struct fault *f);
bool cpu_write_cr3(struct cpu *cpu, u64 v, struct fault *f);
bool cpu_write_cr4(struct cpu *cpu, u64 v, struct fault *f);
bool cpu_read_msr(struct cpu *cpu, u32 msr, u64 *v, struct fault *f);
bool cpu_write_msr(struct cpu *cpu, u32 msr, u64 v, struct fault *f);
/* MOV CR8: the task priority. #GP for bits above 3. */
bool cpu_write_cr8(struct cpu *cpu, u64 v, struct fault *f);
bool cpu_invpcid(struct cpu *cpu, u64 type, u64 pcid, u64 va, struct fault *f);
void cpu_cpuid(const struct cpu *cpu, u32 leaf, u32 subleaf, u32 out[4]);
void cpu_set_cpl(struct cpu *cpu, u8 cpl); /* and the TLB context with it */
/*
 * Native C is about to access memory as the CPU would: give the access an instruction number of its
 * own, so that TLB stamps stay strictly monotonic. Call before each
 * mmu_read/mmu_write/mmu_translate made by C on behalf of a program or of the kernel.
 */
static inline void cpu_native_access(struct cpu *cpu)
{
	cpu->icount++;
	cpu->insn_index = 0;
}
/* STI/CLI as kernel C uses them: IF only. cpu_sti takes interrupts that wait. */
void cpu_cli(struct cpu *cpu);
void cpu_sti(struct cpu *cpu);

/*
 * --- entry and exit, as the manual's pseudo-code (state only; the caller goes on at cpu->rip) ---
 */

/*
 * The SYSCALL instruction: RCX = next RIP, R11 = RFLAGS, CS/SS from STAR, RIP = LSTAR. #UD without
 * EFER.SCE.
 */
bool cpu_syscall(struct cpu *cpu, u64 next_rip, struct fault *f);
/*
 * 64-bit SYSRET: RIP = RCX, RFLAGS = R11, CPL 3. #GP(0) at CPL 0 for a non-canonical RCX (Intel).
 */
bool cpu_sysret(struct cpu *cpu, struct fault *f);
/* IRETQ with every check; reads the frame at RSP through the MMU. */
bool cpu_iret(struct cpu *cpu, struct fault *f);
void cpu_swapgs(struct cpu *cpu);
/*
 * Deliver an exception, software or external interrupt through the IDT: stack by privilege and IST
 * from the TSS, frame pushed at CPL 0, error code, IF cleared by interrupt gates. A fault while
 * delivering becomes #DF by the class table, then shutdown (triple fault: the machine stops with
 * STOP_PANIC). Afterwards cpu->rip is the handler. Adds its cost to pending_cost.
 */
void cpu_deliver(struct cpu *cpu, const struct fault *f); /* exception: CR2 set for #PF */
/* INT n, INT3: DPL checked */
bool cpu_int_n(struct cpu *cpu, u8 vector, u64 next_rip, struct fault *f);
/* Acknowledge the LAPIC (or NMI) and deliver; false when nothing deliverable was pending. */
bool cpu_take_interrupt(struct cpu *cpu);

/* --- running --- */

/*
 * Execute this CPU from its present RIP until one native gate has been entered and has
 * returned, or one slice ended. The bottom frame of a task's C stack is
 *	for (;;) cpu_run(this_cpu());
 * since a gate may block and the task may wake on another CPU. Interrupts, exceptions and
 * horizons are handled inside, at exact instruction counts.
 */
void cpu_run(struct cpu *cpu);
/*
 * If cpu->rip stands at a registered gate and a fetch there passes translation at CPL 0: call it
 * and return true. Native C contexts use it after cpu_syscall() or cpu_deliver(). When the fetch
 * faults, the fault is delivered; bounded.
 */
bool cpu_enter_gate(struct cpu *cpu);

/* --- decoded code (src/hw/cpu/) --- */
int exec_init(struct machine *m); /* block cache in the arena */
/*
 * Frame pfn was written: forget its blocks, clear FRAME_HAS_CODE. Safe while a block of it runs (it
 * ends after the store).
 */
void exec_invalidate_frame(struct machine *m, u64 pfn);
void exec_flush(struct machine *m);
/*
 * Interpret instructions at cpu->rip while now < horizon and nothing wants attention; returns with
 * rip, rflags, icount and now exact, and cpu->fault set (vector != FAULT_NONE) when the instruction
 * at rip faulted. Called by cpu_run.
 */
#define FAULT_NONE 0xfe
void exec_run(struct cpu *cpu);

#endif
