/* SPDX-License-Identifier: MIT */
#ifndef HW_LAPIC_H
#define HW_LAPIC_H

/*
 * The local APIC of one CPU (Intel SDM vol. 3A ch. 11): xAPIC page at 0xFEE00000. IRR/ISR/TMR,
 * TPR/PPR, EOI, ICR with fixed delivery (physical destination and shorthands) and NMI, LVT timer
 * one-shot, periodic and TSC-deadline with the divider, spurious vector, ESR.
 */

#include "hw/engine.h"
#include "lib/types.h"

struct cpu;
struct machine;

#define LAPIC_BASE 0xFEE00000ull

enum lapic_reg { /* byte offsets in the page */
		 APIC_ID = 0x20,
		 APIC_LVR = 0x30,
		 APIC_TPR = 0x80,
		 APIC_PPR = 0xA0,
		 APIC_EOI = 0xB0,
		 APIC_LDR = 0xD0,
		 APIC_DFR = 0xE0,
		 APIC_SPIV = 0xF0,
		 APIC_ISR = 0x100,
		 APIC_TMR = 0x180,
		 APIC_IRR = 0x200,
		 APIC_ESR = 0x280,
		 APIC_ICR = 0x300,
		 APIC_ICR2 = 0x310,
		 APIC_LVTT = 0x320,
		 APIC_LVTTHMR = 0x330,
		 APIC_LVTPC = 0x340,
		 APIC_LVT0 = 0x350,
		 APIC_LVT1 = 0x360,
		 APIC_LVTERR = 0x370,
		 APIC_TMICT = 0x380,
		 APIC_TMCCT = 0x390,
		 APIC_TDCR = 0x3E0,
};
#define APIC_LVT_MASKED (1u << 16)
#define APIC_LVT_TIMER_ONESHOT (0u << 17)
#define APIC_LVT_TIMER_PERIODIC (1u << 17)
#define APIC_LVT_TIMER_TSCDEADLINE (2u << 17)
#define APIC_ICR_FIXED (0u << 8)
#define APIC_ICR_NMI (4u << 8)
#define APIC_ICR_BUSY (1u << 12)
#define APIC_DEST_SELF (1u << 18)
#define APIC_DEST_ALLINC (2u << 18)
#define APIC_DEST_ALLBUT (3u << 18)
#define APIC_SPIV_ENABLE (1u << 8)

struct lapic {
	u32 id;
	u32 tpr, spiv, ldr, dfr, esr, esr_pending, icr, icr2, tdcr;
	u32 lvt[6]; /* timer, thermal, perf, lint0, lint1, error */
	u32 irr[8], isr[8], tmr[8];
	u8 irr_words, isr_words; /* bit i: word i is not 0 */
	u32 tmict;
	u64 timer_start; /* cycles when the count was loaded */
	u64 tsc_deadline;
	struct event timer;
	struct event ipi_event;	  /* arrival of queued IPIs */
	u64 ipi_flying[256 / 64]; /* vectors in flight (bitmap); vector 2 stands for NMI */
	/* arrival of each, cycles; a second sending in flight joins the first */
	u64 ipi_at[256];
	u64 nr_timer, nr_ipi;
};

void lapic_reset(struct cpu *cpu, u32 id);
/* 32-bit register access by offset; `cpu`'s own APIC. The MMIO page and kernel C both come here. */
u32 lapic_read(struct cpu *cpu, u32 offset);
void lapic_write(struct cpu *cpu, u32 offset, u32 value);
/*
 * The ICR with a 32-bit destination (x2APIC's form; the xAPIC's two registers end here): send from
 * `cpu`. The cost is the flight: arrival = cpu->now + COST_IPI.
 */
void lapic_icr(struct cpu *cpu, u32 dest, u32 low);
/* Recompute what the CPU's interrupt line says; after IRR, ISR, TPR, NMI state changed. */
void lapic_update(struct cpu *cpu, u64 at);
/* Something deliverable waits in the IRR (priority above PPR)? */
bool lapic_has_interrupt(const struct cpu *cpu);
/* The TSC moved (WRMSR): TSC-deadline and nothing else depends on it. */
void lapic_tsc_changed(struct cpu *cpu);
/* IA32_TSC_DEADLINE. */
void lapic_set_tsc_deadline(struct cpu *cpu, u64 deadline);
/* Set a vector pending in cpu's IRR at time `at` (edge). Vectors below 16 set ESR instead. */
void lapic_raise(struct cpu *cpu, unsigned vector, u64 at);
/* Highest deliverable vector or -1; moves it from IRR to ISR (the INTA cycle). */
int lapic_ack(struct cpu *cpu);

#endif
