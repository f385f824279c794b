/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUESTCPU_H
#define TESTS_GUESTCPU_H

/*
 * The same states and addresses as hostcpu.h, executed by a simulated CPU: a machine with one CPU
 * at CPL 3, whose page tables map the slot's page and the two pages of the operand buffer (in
 * frames that are not neighbours). Needs hostcpu.h included and host_setup() called before. Code is
 * the slot's bytes, NOPs, and UD2 at the slot's end: a #UD exactly there means "ran through".
 */

#include "hostcpu.h"
#include "hw/cpu.h"
#include "hw/fp/fp.h"

#define GUEST_CODE_PA 0x10000ull
#define GUEST_BUF0_PA 0x20000ull
#define GUEST_BUF1_PA 0x31000ull

struct guest {
	struct machine *m;
	struct cpu *cpu;
	char missing[25]; /* the mnemonic that is not implemented, after GUEST_MISSING */
};

#define GUEST_MISSING (-2)

static inline void put64(struct machine *m, u64 pa, u64 v)
{
	memcpy(phys_to_host(m, pa), &v, 8);
}

static inline void guest_setup(struct guest *gu, const struct cost_profile *costs)
{
	struct machine_config cfg = {
		.nr_cpus = 1, .ram_bytes = 64u << 20, .seed = 1, .costs = costs
	};
	u64 link = PTE_P | PTE_W | PTE_U, pt = 0x4000;

	if (machine_create(&cfg, &gu->m)) {
		printf("machine_create failed\n");
		exit(1);
	}
	gu->cpu = gu->m->cpu[0];
	put64(gu->m, 0x1000 + 8 * (HOST_BASE >> 39 & 511), 0x2000 | link);
	put64(gu->m, 0x2000 + 8 * (HOST_BASE >> 30 & 511), 0x3000 | link);
	put64(gu->m, 0x3000 + 8 * (HOST_BASE >> 21 & 511), pt | link);
	put64(gu->m, pt + 8 * (HOST_CODE >> 12 & 511), GUEST_CODE_PA | link);
	put64(gu->m, pt + 8 * (HOST_BUF >> 12 & 511), GUEST_BUF0_PA | link);
	put64(gu->m, pt + 8 * ((HOST_BUF >> 12 & 511) + 1), GUEST_BUF1_PA | link);
	cpu_reset(gu->cpu);
	cpu_long_mode(gu->cpu, 0x1000, HOST_STACK, (u64)(uintptr_t)host.slot);
	cpu_set_cpl(gu->cpu, 3);
}

/* -1: ran through; GUEST_MISSING; else the vector it raised. */
static inline int guest_run(struct guest *gu, struct state *s, const u8 *code, unsigned len)
{
	struct cpu *cpu = gu->cpu;
	u64 slot_va = (u64)(uintptr_t)host.slot, slot_pa = GUEST_CODE_PA + (slot_va & 0xfff);
	u8 *slot = phys_to_host(gu->m, slot_pa);

	memset(slot, 0x90, SLOT_BYTES);
	memcpy(slot, code, len);
	slot[SLOT_BYTES] = 0x0f;
	slot[SLOT_BYTES + 1] = 0x0b;
	phys_written(gu->m, slot_pa, SLOT_BYTES + 2);
	memcpy(phys_to_host(gu->m, GUEST_BUF0_PA), s->buf, 4096);
	memcpy(phys_to_host(gu->m, GUEST_BUF1_PA), s->buf + 4096, 4096);
	memcpy(cpu->r, s->gpr, sizeof(s->gpr));
	cpu_set_rflags(cpu, (s->rflags & FLAGS_COMPARED) | FLAG_IF | FLAG_FIXED);
	cpu->fpu.mxcsr = 0x1f80;
	fpu_fxrstor(cpu, s->fx);
	cpu->rip = slot_va;
	cpu->horizon = cpu->now + 1000000;
	cpu->ud_mnemonic[0] = 0;
	exec_run(cpu);
	memcpy(s->gpr, cpu->r, sizeof(s->gpr));
	s->rflags = cpu_rflags(cpu);
	fpu_fxsave(cpu, s->fx);
	memcpy(s->buf, phys_to_host(gu->m, GUEST_BUF0_PA), 4096);
	memcpy(s->buf + 4096, phys_to_host(gu->m, GUEST_BUF1_PA), 4096);
	if (cpu->fault.vector == VEC_UD && cpu->rip == slot_va + SLOT_BYTES)
		return -1;
	if (cpu->fault.vector == VEC_UD && cpu->ud_mnemonic[0]) {
		snprintf(gu->missing, sizeof(gu->missing), "%s", cpu->ud_mnemonic);
		return GUEST_MISSING;
	}
	return cpu->fault.vector;
}

#endif
