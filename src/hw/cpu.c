/* SPDX-License-Identifier: MIT */
/*
 * One CPU's state: reset, long mode, control registers, MSRs and CPUID, each write with the checks
 * of the manual.
 *
 * Called by the interpreter (MOV CRn, WRMSR, CPUID, ...), by kernel C through the same functions,
 * and by machine_create. Calls the TLB for what a write must drop, and the LAPIC. Must not know
 * what a kernel keeps in these registers.
 *
 * A MOV to CR3 of 0x8000000000005003 with CR4.PCIDE: bit 63 keeps the TLB, PCID 3, tables at
 * 0x5000; CR3 reads back 0x5003.
 *
 *	C1 a refused write changes nothing and fills *f with #GP(0);
 *	C2 EFER.LMA = EFER.LME and CR0.PG, always; in long mode PG, PE, PAE and LME cannot leave
 *	   that state but by PG;
 *	C3 what changes translation (CR0, CR3, CR4, EFER, CPL, AC) ends in tlb_context_changed;
 *	C4 CPUID names what is implemented here and nothing else; unknown MSRs are #GP;
 *	C5 bases of FS and GS live in r[REG_FSBASE], r[REG_GSBASE] only.
 *
 * Units: cycles for clocks. Owner: the machine's arena. Locking: none; a CPU is touched by the
 * thread that runs its machine.
 * Errors: false and *f. Time: adds COST_CR3_WRITE, COST_INVLPG, COST_MSR_WRITE to pending_cost.
 * Source: Intel SDM 3A 2.5, 4.10, 9.1; SDM 2 CPUID, WRMSR; AMD APM 2 3.1, APM 3 appendix E; figures
 * in cost.c.
 */
#include "hw/cpu.h"

#include <string.h>

#include "lib/compiler.h"
#include "lib/errno.h"

#define CR0_KNOWN                                                                                  \
	(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | \
	 CR0_PG)
#define CR4_KNOWN                                                                                  \
	(CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_PCIDE | CR4_SMEP | CR4_SMAP)
#define EFER_KNOWN (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)
#define PAT_RESET 0x0007040600070406ull
#define APIC_BASE_BSP (1ull << 8)
#define APIC_BASE_ENABLE (1ull << 11)

static bool gp0(struct fault *f)
{
	*f = (struct fault){ .vector = VEC_GP, .has_error = true };
	return false;
}

int cpu_init(struct machine *m, u32 index)
{
	struct cpu *cpu = arena_carve(&m->arena, sizeof(*cpu), 64);

	if (!cpu)
		return -ENOMEM;
	m->cpu[index] = cpu;
	cpu->m = m;
	cpu->index = index;
	cpu->state = CPU_STOPPED;
	if (tlb_init(cpu))
		return -ENOMEM;
	cpu_reset(cpu);
	return 0;
}

void cpu_reset(struct cpu *cpu)
{
	memset(cpu->r, 0, sizeof(cpu->r));
	cpu->r[RDX] = cpu->m->cost->signature;
	cpu->rip = 0xfff0;
	cpu_set_rflags(cpu, FLAG_FIXED);
	for (unsigned i = 0; i < NR_SEGS; i++)
		cpu->seg[i] = (struct segment){ .attr = 0x93, .limit = 0xffff };
	cpu->seg[SEG_CS] = (struct segment){
		.sel = 0xf000, .attr = 0x9b, .limit = 0xffff, .base = 0xffff0000
	};
	cpu->ldtr = (struct segment){ .attr = 0x82, .limit = 0xffff };
	cpu->tr = (struct segment){ .attr = 0x8b, .limit = 0xffff };
	cpu->gdtr = (struct desc_table){ .limit = 0xffff };
	cpu->idtr = (struct desc_table){ .limit = 0xffff };
	cpu->cr0 = CR0_ET | CR0_NW | CR0_CD;
	cpu->cr2 = cpu->cr3 = cpu->cr4 = cpu->cr8 = cpu->efer = 0;
	cpu->star = cpu->lstar = cpu->cstar = cpu->sfmask = cpu->kernel_gs_base = cpu->tsc_aux = 0;
	cpu->pat = PAT_RESET;
	cpu->apic_base = LAPIC_BASE | APIC_BASE_ENABLE | (cpu->index == 0 ? APIC_BASE_BSP : 0);
	memset(cpu->dr, 0, sizeof(cpu->dr));
	cpu->dr[6] = 0xffff0ff0;
	cpu->dr[7] = 0x400;
	memset(&cpu->fpu, 0, sizeof(cpu->fpu));
	cpu->fpu.fcw = 0x40;
	cpu->fpu.mxcsr = 0x1f80;
	cpu->cpl = 0;
	cpu->irq_shadow = cpu->nmi_pending = cpu->nmi_blocked = false;
	cpu->fault.vector = FAULT_NONE;
	tlb_flush_all(cpu, true);
	lapic_reset(cpu, cpu->index);
}

void cpu_long_mode(struct cpu *cpu, u64 cr3, u64 rsp, u64 rip)
{
	cpu->cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG;
	cpu->cr4 = CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT;
	cpu->efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
	cpu->cr3 = cr3;
	for (unsigned i = 0; i < NR_SEGS; i++)
		cpu->seg[i] = (struct segment){ .sel = 0x18, .attr = 0xc093, .limit = 0xffffffff };
	cpu->seg[SEG_CS] = (struct segment){ .sel = 0x10, .attr = 0xa09b, .limit = 0xffffffff };
	cpu_set_rflags(cpu, FLAG_FIXED);
	cpu->r[RSP] = rsp;
	cpu->rip = rip;
	cpu->cpl = 0;
	cpu->fpu.fcw = 0x37f;
	tlb_flush_all(cpu, true);
}

void cpu_set_cpl(struct cpu *cpu, u8 cpl)
{
	if (cpu->cpl == cpl)
		return;
	cpu->cpl = cpl;
	tlb_context_changed(cpu);
}

void cpu_cli(struct cpu *cpu)
{
	cpu->rflags &= ~FLAG_IF;
}

void cpu_sti(struct cpu *cpu)
{
	cpu->rflags |= FLAG_IF;
	if (unlikely(cpu->irq_line))
		cpu_poll(cpu);
}

/* --- control registers --- */

bool cpu_write_cr0(struct cpu *cpu, u64 v, struct fault *f)
{
	u64 old = cpu->cr0;

	v = (v & CR0_KNOWN) | CR0_ET | (v & ~0xffffffffull);
	if (v >> 32 || ((v & CR0_PG) && !(v & CR0_PE)) || ((v & CR0_NW) && !(v & CR0_CD)))
		return gp0(f);
	if ((v & CR0_PG) && !(old & CR0_PG) && (cpu->efer & EFER_LME)) {
		if (!(cpu->cr4 & CR4_PAE))
			return gp0(f);
		cpu->efer |= EFER_LMA;
	}
	if (!(v & CR0_PG) && (old & CR0_PG)) {
		/* From 64-bit code paging cannot be left: that takes compatibility mode. */
		if ((cpu->cr4 & CR4_PCIDE) ||
		    ((cpu->efer & EFER_LMA) && (cpu->seg[SEG_CS].attr & 0x2000)))
			return gp0(f);
		cpu->efer &= ~EFER_LMA;
	}
	cpu->cr0 = v;
	if ((v ^ old) & CR0_PG)
		tlb_flush_all(cpu, true);
	else if ((v ^ old) & CR0_WP)
		tlb_context_changed(cpu);
	return true;
}

bool cpu_write_cr3(struct cpu *cpu, u64 v, struct fault *f)
{
	bool keep = false;

	if (cpu->cr4 & CR4_PCIDE) {
		keep = v & CR3_NOFLUSH;
		v &= ~CR3_NOFLUSH;
	}
	if (v >> cpu->m->cost->maxphyaddr)
		return gp0(f);
	cpu->cr3 = v;
	cpu->pending_cost += cpu->m->cost->cycles[COST_CR3_WRITE];
	if (keep)
		tlb_context_changed(cpu);
	else
		tlb_flush_pcid(cpu, cpu->cr4 & CR4_PCIDE ? v & 0xfff : 0);
	return true;
}

bool cpu_write_cr4(struct cpu *cpu, u64 v, struct fault *f)
{
	u64 old = cpu->cr4, changed = v ^ old;

	if (v & ~CR4_KNOWN)
		return gp0(f);
	if ((changed & CR4_PAE) && (cpu->efer & EFER_LMA))
		return gp0(f);
	if ((changed & v & CR4_PCIDE) && (!(cpu->efer & EFER_LMA) || (cpu->cr3 & 0xfff)))
		return gp0(f);
	cpu->cr4 = v;
	if ((changed & CR4_PGE) || (changed & old & CR4_PCIDE))
		tlb_flush_all(cpu, true);
	else if ((changed & CR4_PAE) || (changed & v & CR4_SMEP))
		tlb_flush_pcid(cpu, v & CR4_PCIDE ? cpu->cr3 & 0xfff : 0);
	tlb_context_changed(cpu);
	return true;
}

bool cpu_write_cr8(struct cpu *cpu, u64 v, struct fault *f)
{
	if (v >> 4)
		return gp0(f);
	lapic_write(cpu, APIC_TPR, v << 4);
	return true;
}

bool cpu_invpcid(struct cpu *cpu, u64 type, u64 pcid, u64 va, struct fault *f)
{
	if (type > 3 || pcid >> 12 || (type == 0 && !is_canonical(va)) ||
	    (type <= 1 && pcid && !(cpu->cr4 & CR4_PCIDE)))
		return gp0(f);
	cpu->pending_cost += cpu->m->cost->cycles[COST_INVLPG];
	switch (type) {
	case 0:
		tlb_flush_pcid_page(cpu, pcid, va);
		break;
	case 1:
		tlb_flush_pcid(cpu, pcid);
		break;
	default:
		tlb_flush_all(cpu, type == 2);
		break;
	}
	return true;
}

/* --- model-specific registers --- */

static bool write_efer(struct cpu *cpu, u64 v, struct fault *f)
{
	if ((v & ~EFER_KNOWN) || (((v ^ cpu->efer) & EFER_LME) && (cpu->cr0 & CR0_PG)))
		return gp0(f);
	cpu->efer = (v & ~EFER_LMA) | (cpu->efer & EFER_LMA);
	tlb_context_changed(cpu);
	return true;
}

static bool pat_valid(u64 v)
{
	for (unsigned i = 0; i < 8; i++) {
		u8 type = v >> (8 * i);

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}

static bool write_apic_base(struct cpu *cpu, u64 v, struct fault *f)
{
	/* x2APIC (bit 10) is not advertised. */
	if (v >> cpu->m->cost->maxphyaddr || (v & 0x6ff))
		return gp0(f);
	cpu->apic_base = v;
	return true;
}

static u64 *plain_msr(struct cpu *cpu, u32 msr)
{
	switch (msr) {
	case MSR_STAR:
		return &cpu->star;
	case MSR_SFMASK:
		return &cpu->sfmask;
	case MSR_TSC_AUX:
		return &cpu->tsc_aux;
	}
	return NULL;
}

static u64 *address_msr(struct cpu *cpu, u32 msr)
{
	switch (msr) {
	case MSR_LSTAR:
		return &cpu->lstar;
	case MSR_CSTAR:
		return &cpu->cstar;
	case MSR_FS_BASE:
		return &cpu->r[REG_FSBASE];
	case MSR_GS_BASE:
		return &cpu->r[REG_GSBASE];
	case MSR_KERNEL_GS_BASE:
		return &cpu->kernel_gs_base;
	}
	return NULL;
}

bool cpu_read_msr(struct cpu *cpu, u32 msr, u64 *v, struct fault *f)
{
	u64 *p = plain_msr(cpu, msr);

	if (!p)
		p = address_msr(cpu, msr);
	if (p) {
		*v = *p;
		return true;
	}
	switch (msr) {
	case MSR_EFER:
		*v = cpu->efer;
		return true;
	case MSR_TSC:
		*v = cpu->now + cpu->tsc_offset;
		return true;
	case MSR_APIC_BASE:
		*v = cpu->apic_base;
		return true;
	case MSR_PAT:
		*v = cpu->pat;
		return true;
	case MSR_TSC_DEADLINE:
		*v = cpu->lapic.tsc_deadline;
		return true;
	}
	return gp0(f);
}

bool cpu_write_msr(struct cpu *cpu, u32 msr, u64 v, struct fault *f)
{
	u64 *p = address_msr(cpu, msr);

	cpu->pending_cost += cpu->m->cost->cycles[COST_MSR_WRITE];
	if (p) {
		if (!is_canonical(v))
			return gp0(f);
		*p = v;
		return true;
	}
	switch (msr) {
	case MSR_EFER:
		return write_efer(cpu, v, f);
	case MSR_TSC:
		cpu->tsc_offset = v - cpu->now;
		lapic_tsc_changed(cpu);
		return true;
	case MSR_APIC_BASE:
		return write_apic_base(cpu, v, f);
	case MSR_PAT:
		if (!pat_valid(v))
			return gp0(f);
		cpu->pat = v;
		return true;
	case MSR_TSC_DEADLINE:
		lapic_set_tsc_deadline(cpu, v);
		return true;
	case MSR_TSC_AUX:
	case MSR_SFMASK:
		if (v >> 32)
			return gp0(f);
		break;
	}
	p = plain_msr(cpu, msr);
	if (!p)
		return gp0(f);
	*p = v;
	return true;
}

/* --- CPUID --- */

/* Leaf 1 EDX: fpu tsc msr pae cx8 apic pge cmov pat clflush mmx fxsr sse sse2. */
#define CPUID_1_EDX                                                                                \
	(1u << 0 | 1u << 4 | 1u << 5 | 1u << 6 | 1u << 8 | 1u << 9 | 1u << 13 | 1u << 15 |         \
	 1u << 16 | 1u << 19 | 1u << 23 | 1u << 24 | 1u << 25 | 1u << 26)
/* cx16, and of what only kernels use: pcid, TSC-deadline. */
#define CPUID_1_ECX (1u << 13 | 1u << 17 | 1u << 24)
/* smep, invpcid, smap. */
#define CPUID_7_EBX (1u << 7 | 1u << 10 | 1u << 20)
/* syscall, nx, 1 GiB pages, lm. */
#define CPUID_EXT1_EDX (1u << 11 | 1u << 20 | 1u << 26 | 1u << 29)
/* What AMD repeats there of leaf 1 EDX. */
#define CPUID_EXT1_EDX_AMD (CPUID_1_EDX & 0x0183f3ffu)
#define CPUID_MAX 7u
#define CPUID_MAX_EXT 0x80000008u

static u32 text32(const char *s)
{
	return (u32)(u8)s[0] | (u32)(u8)s[1] << 8 | (u32)(u8)s[2] << 16 | (u32)(u8)s[3] << 24;
}

static void cpuid_set(u32 out[4], u32 a, u32 b, u32 c, u32 d)
{
	out[0] = a;
	out[1] = b;
	out[2] = c;
	out[3] = d;
}

/* Deterministic cache parameters (leaf 4, Intel): type and level, 64-byte lines, ways, sets. */
static void cpuid_cache(u32 out[4], u32 type, u32 level, u32 ways, u32 sets)
{
	cpuid_set(out, type | level << 5 | 1u << 8, 63 | (ways - 1) << 22, sets - 1, 0);
}

void cpu_cpuid(const struct cpu *cpu, u32 leaf, u32 subleaf, u32 out[4])
{
	const struct cost_profile *p = cpu->m->cost;
	bool intel = p->vendor[0] == 'G', amd = p->vendor[0] == 'A';
	u32 id = min(cpu->lapic.id, 255u);

	cpuid_set(out, 0, 0, 0, 0);
	switch (leaf) {
	case 0:
		cpuid_set(out, CPUID_MAX, text32(p->vendor), text32(p->vendor + 8),
			  text32(p->vendor + 4));
		break;
	case 1: /* CLFLUSH line 64 bytes; one logical processor a package */
		cpuid_set(out, p->signature, 8u << 8 | 1u << 16 | id << 24, CPUID_1_ECX,
			  CPUID_1_EDX);
		break;
	case 2: /* see leaf 4 for caches, nothing else said */
		if (intel)
			out[0] = 0x00ff0001;
		break;
	case 4: /* Skylake-SP: 32 KiB 8-way L1D and L1I, 1 MiB 16-way L2, 33 MiB 11-way L3 */
		if (!intel)
			break;
		if (subleaf == 0)
			cpuid_cache(out, 1, 1, 8, 64);
		else if (subleaf == 1)
			cpuid_cache(out, 2, 1, 8, 64);
		else if (subleaf == 2)
			cpuid_cache(out, 3, 2, 16, 1024);
		else if (subleaf == 3)
			cpuid_cache(out, 3, 3, 11, 49152);
		break;
	case 6: /* ARAT: the APIC timer never stops */
		out[0] = 1u << 2;
		break;
	case 7:
		if (subleaf == 0)
			out[1] = CPUID_7_EBX;
		break;
	case 0x80000000u:
		out[0] = CPUID_MAX_EXT;
		if (amd)
			cpuid_set(out, CPUID_MAX_EXT, text32(p->vendor), text32(p->vendor + 8),
				  text32(p->vendor + 4));
		break;
	case 0x80000001u:
		out[3] = CPUID_EXT1_EDX | (amd ? CPUID_EXT1_EDX_AMD : 0);
		if (amd)
			out[0] = p->signature;
		break;
	case 0x80000002u:
	case 0x80000003u:
	case 0x80000004u:
		for (unsigned i = 0; i < 4; i++)
			out[i] = text32(p->brand + (leaf - 0x80000002u) * 16 + i * 4);
		break;
	case 0x80000005u: /* Zen 4: 32 KiB 8-way L1D and L1I; TLB entries as the profile's */
		if (amd)
			cpuid_set(out, 0,
				  0xffu << 24 | (u32)(p->l1d_sets * p->l1d_ways) << 16 |
					  0xffu << 8 | (u32)(p->l1i_sets * p->l1i_ways),
				  32u << 24 | 8u << 16 | 1u << 8 | 64,
				  32u << 24 | 8u << 16 | 1u << 8 | 64);
		break;
	case 0x80000006u: /* 1 MiB L2, 8-way (Skylake-SP 16-way); Zen 4: 32 MiB 16-way L3 */
		if (amd)
			cpuid_set(out, 0, 0, 1024u << 16 | 6u << 12 | 1u << 8 | 64,
				  64u << 18 | 8u << 12 | 1u << 8 | 64);
		else if (intel)
			out[2] = 1024u << 16 | 8u << 12 | 64;
		break;
	case 0x80000007u: /* invariant TSC */
		out[3] = 1u << 8;
		break;
	case 0x80000008u:
		out[0] = p->maxphyaddr | 48u << 8;
		break;
	}
}
