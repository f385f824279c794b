/* SPDX-License-Identifier: MIT */
#ifndef TESTS_HW_FIXTURE_H
#define TESTS_HW_FIXTURE_H

/*
 * What tests of the hardware floor share: cmocka, a machine, raw access to its physical memory,
 * page tables laid by hand.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hw/cpu.h"
#include "hw/machine.h"
#include "lib/errno.h"
#include "lib/prng.h"

static inline struct machine *fx_machine(u32 cpus, const char *profile, u64 ram_bytes)
{
	struct machine_config cfg = {
		.nr_cpus = cpus,
		.ram_bytes = ram_bytes,
		.seed = 1,
		.max_stacks = 64 + cpus,
		.costs = cost_profile(profile),
	};
	struct machine *m = NULL;

	assert_int_equal(machine_create(&cfg, &m), 0);
	return m;
}

static inline u64 fx_get64(struct machine *m, u64 pa)
{
	u64 v;

	memcpy(&v, m->ram + pa, sizeof(v));
	return v;
}

static inline void fx_put64(struct machine *m, u64 pa, u64 v)
{
	memcpy(m->ram + pa, &v, sizeof(v));
}

/*
 * Map one page of 1 << shift bytes below cr3; tables come from *next_table, a bump of physical
 * pages. Inner entries are P|W|U.
 */
static inline void fx_map(struct machine *m, u64 cr3, u64 *next_table, u64 va, u64 pa,
			  unsigned shift, u64 flags)
{
	u64 table = cr3 & PTE_ADDR;

	for (unsigned s = 39; s > shift; s -= 9) {
		u64 at = table + ((va >> s) & 0x1ff) * 8, e = fx_get64(m, at);

		if (!(e & PTE_P)) {
			e = *next_table | PTE_P | PTE_W | PTE_U;
			*next_table += PAGE_SIZE;
			fx_put64(m, at, e);
		}
		table = e & PTE_ADDR;
	}
	fx_put64(m, table + ((va >> shift) & 0x1ff) * 8,
		 pa | flags | PTE_P | (shift > 12 ? PTE_PS : 0));
}

/*
 * Physical layout of a booted test CPU: tables from 1 MiB, kernel at gate_base, all RAM mapped for
 * CPL 0 at FX_DIRECT.
 */
#define FX_CR3 0x100000ull
#define FX_TABLES 0x101000ull
#define FX_DIRECT 0xffff888000000000ull
#define FX_GDT 0x80000ull
#define FX_IDT 0x81000ull
#define FX_TSS 0x82000ull
#define FX_LDT 0x83000ull
#define FX_STACK0 0x90000ull /* RSP0 top, physical */
#define FX_IST1 0x94000ull
#define FX_USER_CODE 0x400000ull
#define FX_USER_PA 0x200000ull
#define FX_USER_STACK 0x7fff00000000ull
#define FX_USER_STACK_PA 0x210000ull

#define FX_KCS 0x10
#define FX_KDS 0x18
#define FX_UDS 0x2b
#define FX_UCS 0x33

static inline void fx_gate(struct machine *m, unsigned vector, u64 target, u16 sel, unsigned type,
			   unsigned dpl, unsigned ist)
{
	u64 lo = (target & 0xffff) | (u64)sel << 16 | (u64)ist << 32 |
		 (u64)(0x80 | dpl << 5 | type) << 40 | (target >> 16 & 0xffff) << 48;

	fx_put64(m, FX_IDT + vector * 16, lo);
	fx_put64(m, FX_IDT + vector * 16 + 8, target >> 32);
}

/*
 * CPU 0 in long mode with GDT, TSS, IDT (gate i for vector i, interrupt gates, DPL 0; INT3 DPL 3),
 * user code and stack pages.
 */
static inline u64 fx_boot(struct machine *m, unsigned index)
{
	struct cpu *cpu = m->cpu[index];
	u64 next = FX_TABLES;

	memset(m->ram + FX_CR3, 0, 0x10000);
	fx_map(m, FX_CR3, &next, FX_DIRECT, 0, 21, PTE_W | PTE_G);
	for (u64 pa = 0x200000; pa < m->cfg.ram_bytes; pa += 0x200000)
		fx_map(m, FX_CR3, &next, FX_DIRECT + pa, pa, 21, PTE_W | PTE_G);
	for (u64 off = 0; off < (u64)GATE_MAX * GATE_STRIDE; off += PAGE_SIZE)
		fx_map(m, FX_CR3, &next, m->gate_base + off, 0xa0000 + off, 12, PTE_G);
	fx_map(m, FX_CR3, &next, FX_USER_CODE, FX_USER_PA, 12, PTE_U | PTE_W);
	fx_map(m, FX_CR3, &next, FX_USER_STACK, FX_USER_STACK_PA, 12, PTE_U | PTE_W | PTE_NX);

	fx_put64(m, FX_GDT + 0x00, 0);
	fx_put64(m, FX_GDT + 0x08, 0x00cf9b000000ffffull); /* 32-bit code */
	fx_put64(m, FX_GDT + 0x10, 0x00af9b000000ffffull);
	fx_put64(m, FX_GDT + 0x18, 0x00cf93000000ffffull);
	fx_put64(m, FX_GDT + 0x20, 0x00cffb000000ffffull); /* 32-bit user code */
	fx_put64(m, FX_GDT + 0x28, 0x00cff3000000ffffull);
	fx_put64(m, FX_GDT + 0x30, 0x00affb000000ffffull);
	fx_put64(m, FX_GDT + 0x38, 0x00af1b000000ffffull); /* code, not present */
	fx_put64(m, FX_GDT + 0x40,
		 0x00affb000000ffffull & ~(1ull << 47));   /* user code, not present */
	fx_put64(m, FX_GDT + 0x48, 0x00cf73000000ffffull); /* user data, not present */
	fx_put64(m, FX_TSS + 4, FX_DIRECT + FX_STACK0);
	fx_put64(m, FX_TSS + 36, FX_DIRECT + FX_IST1);
	for (unsigned v = 0; v < 256; v++)
		fx_gate(m, v, gate_va(m, v), FX_KCS, 0xe, v == VEC_BP ? 3 : 0, 0);

	cpu_long_mode(cpu, FX_CR3, FX_DIRECT + FX_STACK0, gate_va(m, 300));
	cpu->gdtr = (struct desc_table){ FX_DIRECT + FX_GDT, 0x4f };
	cpu->idtr = (struct desc_table){ FX_DIRECT + FX_IDT, 0xfff };
	cpu->tr = (struct segment){
		.sel = 0x50, .attr = 0x8b, .limit = 103, .base = FX_DIRECT + FX_TSS
	};
	cpu->star = (u64)FX_KCS << 32 | 0x23ull << 48;
	cpu->lstar = gate_va(m, 256);
	return next;
}

/* Put the CPU in user code. */
static inline void fx_user(struct cpu *cpu)
{
	cpu->seg[SEG_CS] = (struct segment){ .sel = FX_UCS, .attr = 0xa0fb, .limit = 0xffffffff };
	cpu->seg[SEG_SS] = (struct segment){ .sel = FX_UDS, .attr = 0xc0f3, .limit = 0xffffffff };
	cpu->seg[SEG_DS] = cpu->seg[SEG_ES] = cpu->seg[SEG_SS];
	cpu->rip = FX_USER_CODE + 0x10;
	cpu->r[RSP] = FX_USER_STACK + 0x808;
	cpu_set_rflags(cpu, FLAG_FIXED | FLAG_IF | FLAG_ZF);
	cpu_set_cpl(cpu, 3);
}

#endif
