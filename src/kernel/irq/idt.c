/* SPDX-License-Identifier: MIT */
/*
 * The tables in RAM that the CPU reads on its way into the kernel.
 *
 * Boot calls it once a CPU; the CPU model reads what it wrote at every interrupt, exception and
 * system call; the context switch rewrites one field of it, RSP0. One 8 KiB block a CPU, at its
 * direct-map address:
 *
 *   +0     IDT   256 gates of 16 bytes; gate n points at gate_va(n), type 0xE (IF off), DPL 3 for
 *                3 (INT3) and 4 (INTO)
 *   +4096  GDT   0x10 kernel code  0x18 kernel data  0x20 user code 32  0x28 user data
 *                0x30 user code  0x40 TSS (16 bytes)
 *   +4352  TSS   RSP0 = top of current's simulated stack, IST1 = +8192, IST2 = +6656, no I/O bitmap
 *   +4608  IST2 stack (NMI), 2 KiB, grows down from +6656
 *   +6656  IST1 stack (double fault), 1.5 KiB, grows down from +8192
 *
 * I1 The selectors are those SYSCALL and SYSRET compute: STAR = 0x10 (CS, SS = +8) and 0x23 (SS =
 *    +8, CS = +16).
 * I2 Every vector has a present gate, so no interrupt becomes #NP.
 * I3 RSP0, and the SYSCALL entry's copy of it, is current's stack top whenever the CPU runs at CPL
 *    3.
 *
 * Units: byte offsets. Owner: the CPU whose tables they are. Locking: written at boot and by the
 * CPU itself with IRQs off. Errors: -EINVAL for a block that is no page of RAM, -ENOMEM. Time: MSR
 * writes at boot cost what the model says. Source: Intel SDM vol. 3A 3.4, 6.14, 8.7; Linux
 * arch/x86/include/asm/segment.h.
 */
#include "kernel/irq/idt.h"

#include <string.h>

#include "kernel/irq/root.h"
#include "lib/errno.h"

#define GDT_OFFSET 4096u
#define GDT_BYTES 0x50u
#define TSS_OFFSET 4352u
#define IST2_TOP 6656u
#define IST1_TOP 8192u

#define DESC_KERNEL_CODE 0x00af9b000000ffffull
#define DESC_KERNEL_DATA 0x00cf93000000ffffull
#define DESC_USER_CODE32 0x00cffb000000ffffull
#define DESC_USER_DATA 0x00cff3000000ffffull
#define DESC_USER_CODE 0x00affb000000ffffull
#define TSS_BUSY 0x8b
#define GATE_INTERRUPT 0x8e /* present, DPL 0, 64-bit interrupt gate */
#define GATE_DPL3 0x60

void irq_register_gates(struct kernel *k); /* entry.c */

struct idt_entry {
	u16 offset_low, selector;
	u8 ist, type;
	u16 offset_middle;
	u32 offset_high, reserved;
} __attribute__((packed));
_Static_assert(sizeof(struct idt_entry) == 16, "IDT gate");

static struct idt_entry idt_gate(u64 target, u8 ist, u8 type)
{
	return (struct idt_entry){
		.offset_low = (u16)target,
		.selector = KERNEL_CS,
		.ist = ist,
		.type = type,
		.offset_middle = (u16)(target >> 16),
		.offset_high = (u32)(target >> 32),
	};
}

static void lay_idt(struct machine *m, u8 *tables)
{
	for (unsigned v = 0; v < 256; v++) {
		u8 ist = v == VEC_DF ? 1 : v == VEC_NMI ? 2 : 0;
		u8 dpl = v == VEC_BP || v == VEC_OF ? GATE_DPL3 : 0;
		struct idt_entry e =
			idt_gate(gate_va(m, GATE_VECTOR0 + v), ist, GATE_INTERRUPT | dpl);

		memcpy(tables + v * sizeof(e), &e, sizeof(e));
	}
}

static void lay_gdt(u8 *tables, u64 tss_va)
{
	u64 limit = sizeof(struct tss64) - 1;
	u64 gdt[GDT_BYTES / 8] = {
		[KERNEL_CS / 8] = DESC_KERNEL_CODE,
		[KERNEL_DS / 8] = DESC_KERNEL_DATA,
		[USER32_CS / 8] = DESC_USER_CODE32,
		[USER_DS / 8] = DESC_USER_DATA,
		[USER_CS / 8] = DESC_USER_CODE,
		[GDT_TSS / 8] = limit | (tss_va & 0xffffff) << 16 | (u64)TSS_BUSY << 40 |
				(tss_va >> 24 & 0xff) << 56,
		[GDT_TSS / 8 + 1] = tss_va >> 32,
	};

	memcpy(tables + GDT_OFFSET, gdt, sizeof(gdt));
}

static void lay_tss(u8 *tables, u64 tables_va)
{
	struct tss64 tss = { .iomap_base = sizeof(tss) };

	tss.ist[0] = tables_va + IST1_TOP;
	tss.ist[1] = tables_va + IST2_TOP;
	memcpy(tables + TSS_OFFSET, &tss, sizeof(tss));
}

static void load_tables(struct cpu *cpu, u64 tables_va)
{
	cpu->idtr = (struct desc_table){ .base = tables_va, .limit = 4095 };
	cpu->gdtr = (struct desc_table){ .base = tables_va + GDT_OFFSET, .limit = GDT_BYTES - 1 };
	cpu->tr = (struct segment){ .sel = GDT_TSS,
				    .attr = TSS_BUSY,
				    .limit = sizeof(struct tss64) - 1,
				    .base = tables_va + TSS_OFFSET };
	cpu->seg[SEG_CS] =
		(struct segment){ .sel = KERNEL_CS, .attr = 0xa09b, .limit = 0xffffffff };
	cpu->seg[SEG_SS] =
		(struct segment){ .sel = KERNEL_DS, .attr = 0xc093, .limit = 0xffffffff };
}

static bool load_msrs(struct cpu *cpu, u64 percpu_va)
{
	struct machine *m = cpu->m;
	u64 sfmask = FLAGS_ARITH | FLAG_TF | FLAG_IF | FLAG_DF | FLAG_IOPL | FLAG_NT | FLAG_RF |
		     FLAG_AC | FLAG_ID;
	struct fault f;

	cpu->r[REG_GSBASE] = percpu_va;
	return cpu_write_msr(cpu, MSR_EFER, cpu->efer | EFER_SCE | EFER_NXE, &f) &&
	       cpu_write_msr(cpu, MSR_STAR, (u64)USER32_CS << 48 | (u64)KERNEL_CS << 32, &f) &&
	       cpu_write_msr(cpu, MSR_LSTAR, gate_va(m, GATE_SYSCALL), &f) &&
	       cpu_write_msr(cpu, MSR_CSTAR, gate_va(m, GATE_SYSCALL32), &f) &&
	       cpu_write_msr(cpu, MSR_SFMASK, sfmask, &f) &&
	       cpu_write_msr(cpu, MSR_KERNEL_GS_BASE, 0, &f);
}

/* Divide by 1, one-shot, and every other local source masked as reset left it. */
static void lapic_switch_on(struct cpu *cpu)
{
	lapic_write(cpu, APIC_SPIV, APIC_SPIV_ENABLE | SPURIOUS_APIC_VECTOR);
	lapic_write(cpu, APIC_TPR, 0);
	lapic_write(cpu, APIC_TDCR, 0xb);
	lapic_write(cpu, APIC_LVTT, LOCAL_TIMER_VECTOR | APIC_LVT_TIMER_ONESHOT);
}

int irq_init(struct kernel *k)
{
	k->irq = boot_alloc(k, sizeof(*k->irq));
	if (!k->irq)
		return -ENOMEM;
	k->m->gate_base = KERNEL_IMAGE_BASE;
	irq_register_gates(k);
	return 0;
}

int irq_init_cpu(struct kernel *k, unsigned index, void *tables_host, u64 tables_va)
{
	struct cpu *cpu = k->m->cpu[index];
	struct percpu *pc = cpu->kernel_percpu;
	u64 pa = (u64)((u8 *)tables_host - k->m->ram);

	if (!pc || !IS_ALIGNED(tables_va, PAGE_SIZE) || !phys_is_ram(k->m, pa, IRQ_TABLES_BYTES))
		return -EINVAL;
	phys_written(k->m, pa, IRQ_TABLES_BYTES);
	lay_idt(k->m, tables_host);
	lay_gdt(tables_host, tables_va + TSS_OFFSET);
	lay_tss(tables_host, tables_va);
	pc->tables = tables_host;
	pc->idt_va = tables_va;
	pc->gdt_va = tables_va + GDT_OFFSET;
	pc->tss_va = tables_va + TSS_OFFSET;
	load_tables(cpu, tables_va);
	if (!load_msrs(cpu, DIRECT_MAP_BASE + (u64)((u8 *)pc - k->m->ram)))
		return -EINVAL;
	lapic_switch_on(cpu);
	return 0;
}

void set_kernel_stack(struct percpu *pc, u64 stack_top_va)
{
	pc->kernel_stack_va = stack_top_va;
	if (pc->tables)
		memcpy((u8 *)pc->tables + TSS_OFFSET + offsetof(struct tss64, rsp), &stack_top_va,
		       sizeof(stack_top_va));
}

int request_vector(struct kernel *k, unsigned vector, irq_handler_fn *fn)
{
	if (vector < FIRST_EXTERNAL_VECTOR || vector >= SPURIOUS_APIC_VECTOR)
		return -EINVAL;
	if (fn && k->irq->handler[vector])
		return -EBUSY;
	k->irq->handler[vector] = fn;
	return 0;
}

void send_ipi(unsigned cpu, u8 vector)
{
	struct cpu *self = this_cpu();

	lapic_write(self, APIC_ICR2, (u32)self->m->cpu[cpu]->lapic.id << 24);
	lapic_write(self, APIC_ICR, vector | APIC_ICR_FIXED);
}

void smp_send_reschedule(unsigned cpu)
{
	send_ipi(cpu, RESCHEDULE_VECTOR);
}
