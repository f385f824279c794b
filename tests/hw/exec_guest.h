/* SPDX-License-Identifier: MIT */
#ifndef TESTS_HW_EXEC_GUEST_H
#define TESTS_HW_EXEC_GUEST_H

/*
 * A guest small enough to see through: one or more CPUs, page tables built by hand, code from byte
 * arrays.
 *
 *	physical: 0x100000.. page tables    0x400000.. what guest_map hands out
 *	linear:   CODE 0x401000 (4 pages, user, executable)   DATA 0x601000 (4 pages, user,
 *	writable)   STACK top 0x7ffffff0e000 (4 pages)
 *	          KCODE 0xffffffff80001000 (2 pages, supervisor)  KDATA 0xffffffff80010000 (4 pages)
 *
 * All functions are static: a test includes this header and sees no others.
 */

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hw/cpu.h"
#include "hw/cpu/insn.h"
#include "hw/fp/fp.h"
#include "hw/machine.h"
#include "lib/compiler.h"

#define CODE 0x401000ull
#define DATA 0x601000ull
#define STACK_TOP 0x7ffffff0e000ull
#define KCODE 0xffffffff80001000ull
#define KDATA 0xffffffff80010000ull
#define KSTACK_TOP (KDATA + 0x4000)

struct guest {
	struct machine *m;
	struct cpu *cpu;
	u64 cr3, next_table, next_page;
};

static inline u64 *guest_entry(struct guest *g, u64 va, bool make)
{
	u64 table = g->cr3, *e = NULL;
	int level;

	for (level = 3; level >= 0; level--) {
		e = (u64 *)phys_to_host(g->m, table) + (va >> (12 + 9 * level) & 511);
		if (level == 0)
			break;
		if (!(*e & PTE_P)) {
			if (!make)
				return NULL;
			*e = g->next_table | PTE_P | PTE_W | PTE_U;
			g->next_table += PAGE_SIZE;
		}
		table = *e & PTE_ADDR;
	}
	return e;
}

/* Map one page; returns its host pointer. */
static inline u8 *guest_map_at(struct guest *g, u64 va, u64 pa, u64 flags)
{
	*guest_entry(g, va, true) = pa | flags | PTE_P;
	return phys_to_host(g->m, pa);
}

static inline u8 *guest_map(struct guest *g, u64 va, u64 flags)
{
	u64 pa = g->next_page;

	g->next_page += PAGE_SIZE;
	return guest_map_at(g, va, pa, flags);
}

static inline void *guest_ptr(struct guest *g, u64 va)
{
	u64 *e = guest_entry(g, va, false);

	return e && (*e & PTE_P) ?
		       (u8 *)phys_to_host(g->m, *e & PTE_ADDR) + (va & (PAGE_SIZE - 1)) :
		       NULL;
}

static inline void guest_write(struct guest *g, u64 va, const void *p, size_t n)
{
	size_t k;

	for (k = 0; k < n; k++) {
		u8 *to = guest_ptr(g, va + k);

		phys_written(g->m, (u64)(to - g->m->ram), 1);
		*to = ((const u8 *)p)[k];
	}
}

static inline void guest_create(struct guest *g, const char *profile, unsigned cpus)
{
	struct machine_config cfg = {
		.nr_cpus = cpus, .ram_bytes = 64 << 20, .seed = 1, .costs = cost_profile(profile)
	};
	unsigned n;

	memset(g, 0, sizeof(*g));
	assert_non_null(cfg.costs);
	assert_int_equal(machine_create(&cfg, &g->m), 0);
	g->cpu = g->m->cpu[0];
	g->cr3 = 0x100000;
	g->next_table = g->cr3 + PAGE_SIZE;
	g->next_page = 0x400000;
	for (n = 0; n < 4; n++) {
		guest_map(g, CODE + n * PAGE_SIZE, PTE_U);
		guest_map(g, DATA + n * PAGE_SIZE, PTE_U | PTE_W | PTE_NX);
		guest_map(g, STACK_TOP - (n + 1) * PAGE_SIZE, PTE_U | PTE_W | PTE_NX);
		guest_map(g, KDATA + n * PAGE_SIZE, PTE_W | PTE_NX);
	}
	guest_map(g, KCODE, 0);
	guest_map(g, KCODE + PAGE_SIZE, 0);
}

static inline void guest_destroy(struct guest *g)
{
	machine_destroy(g->m);
}

/* Registers zero, at rip with CPL cpl, nothing cached in TLB or flags; horizon far away. */
static inline void guest_reset(struct guest *g, u64 rip, u8 cpl)
{
	struct cpu *cpu = g->cpu;
	unsigned n;

	cpu_long_mode(cpu, g->cr3, cpl == 3 ? STACK_TOP - 256 : KSTACK_TOP - 256, rip);
	for (n = 0; n < NR_REG_SLOTS; n++)
		if (n != RSP)
			cpu->r[n] = 0;
	fpu_init(cpu);
	memset(cpu->fpu.xmm, 0, sizeof(cpu->fpu.xmm));
	cpu->fpu.mxcsr = 0x1f80;
	cpu_set_cpl(cpu, cpl);
	cpu_set_rflags(cpu, FLAG_FIXED);
	tlb_flush_all(cpu, true);
	memset(&cpu->tlb.stats, 0, sizeof(cpu->tlb.stats));
	cpu->now = 0;
	cpu->icount = 0;
	cpu->pending_cost = 0;
	cpu->horizon = ~0ull;
	cpu->fault.vector = FAULT_NONE;
	cpu->irq_shadow = false;
	cpu->ud_mnemonic[0] = '\0';
}

/* Put code at CODE and run it at CPL 3 until it faults, halts or `cycles` have passed. */
static inline void guest_run(struct guest *g, const void *code, size_t n, u64 cycles)
{
	guest_write(g, CODE, code, n);
	g->cpu->horizon = g->cpu->now + cycles;
	exec_run(g->cpu);
}

#endif
