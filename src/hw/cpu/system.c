/* SPDX-License-Identifier: MIT */
/*
 * Instructions that enter and leave the kernel, change control state, or raise exceptions by
 * themselves.
 *
 * The decoder lets each of them end its block. They bring icount, now and rip up to themselves,
 * call the hardware floor's functions (entry.c, cpu.c: all checks on values are there), and return
 * to exec_run, which looks at mode, interrupts and horizon anew. Privilege is checked here.
 *
 *	mov %rax, %cr3 at icount 7000, now 9000:  sync_begin -> cpu_write_cr3 (flushes,
 *	  adds COST_CR3_WRITE to pending_cost)
 *	  -> retire: icount 7001, now 9000 + 1 + COST_CR3_WRITE, rip behind it -> NULL
 *
 *	Y1 A handler that fails has changed nothing but cpu->fault, and leaves rip at the
 *	   instruction.
 *	Y2 STI and MOV SS open a shadow of one instruction in which no interrupt is taken.
 *	Y3 What is valid but not implemented raises #UD and leaves its name in cpu->ud_mnemonic. UD2
 *	   leaves it empty.
 *
 * Units:   none of its own.
 * Owner:   the CPU.
 * Locking: none.
 * Errors:  #GP for privilege; whatever the hardware floor answers.
 * Time:    the instruction's own cycles plus pending_cost.
 * Source:  Intel SDM vol. 2 and 3A; AMD APM vol. 2 and 3.
 */

#include <stdio.h>
#include <string.h>

#include <Zydis/Mnemonic.h>

#include "hw/cpu/handler.h"
#include "hw/cpu/handlers.h"

#define CR4_TSD (1ull << 2)
#define CR4_DE (1ull << 3)
#define CR4_UMIP (1ull << 11)

static struct fault gp(u32 error)
{
	return (struct fault){ .vector = VEC_GP, .has_error = true, .error = error };
}

/* The synced instruction is done; go on at rip. */
static const struct insn *retire(struct cpu *cpu, const struct insn *i, u64 rip)
{
	cpu->icount++;
	cpu->now += (u64)(i[1].cyc - i->cyc) + cpu->pending_cost;
	cpu->pending_cost = 0;
	cpu->rip = rip;
	return NULL;
}

/* The synced instruction faulted with cpu->fault. */
static const struct insn *faulted(struct cpu *cpu)
{
	cpu->now += cpu->pending_cost;
	cpu->pending_cost = 0;
	return NULL;
}

#define NEXT_RIP (cpu->rip + i->len)
/* For handlers that are done with what a bool function of the hardware floor says. */
#define RETIRE_IF(ok) ((ok) ? retire(cpu, i, NEXT_RIP) : faulted(cpu))

static u64 iopl(const struct cpu *cpu)
{
	return (cpu->rflags & FLAG_IOPL) >> 12;
}

HANDLER(sys_undefined)
{
	cpu->ud_mnemonic[0] = '\0';
	return raise_ud(cpu, i);
}

HANDLER(sys_unimplemented)
{
	const char *name = ZydisMnemonicGetString((ZydisMnemonic)i->imm);

	snprintf(cpu->ud_mnemonic, sizeof(cpu->ud_mnemonic), "%s", name ? name : "?");
	cpu->ud_rip = insn_rip(cpu, i);
	return raise_ud(cpu, i);
}

HANDLER(sys_gp)
{
	return raise_gp(cpu, i);
}

HANDLER(sys_too_long)
{
	return raise_gp(cpu, i);
}

HANDLER(sys_nm)
{
	return raise_fault(cpu, i, VEC_NM, false, 0);
}

/* --- entry and exit --- */

HANDLER(sys_syscall)
{
	sync_begin(cpu, i);
	if (!cpu_syscall(cpu, NEXT_RIP, &cpu->fault))
		return faulted(cpu);
	return retire(cpu, i, cpu->rip);
}

HANDLER(sys_sysret)
{
	sync_begin(cpu, i);
	if (!cpu_sysret(cpu, &cpu->fault))
		return faulted(cpu);
	return retire(cpu, i, cpu->rip);
}

HANDLER(sys_iret)
{
	sync_begin(cpu, i);
	if (!cpu_iret(cpu, &cpu->fault))
		return faulted(cpu);
	return retire(cpu, i, cpu->rip);
}

/* INT imm, and INT3 with imm 3. */
HANDLER(sys_int)
{
	sync_begin(cpu, i);
	if (!cpu_int_n(cpu, (u8)i->imm, NEXT_RIP, &cpu->fault))
		return faulted(cpu);
	return retire(cpu, i, cpu->rip);
}

HANDLER(sys_swapgs)
{
	if (cpu->cpl != 0)
		return raise_gp(cpu, i);
	sync_begin(cpu, i);
	cpu_swapgs(cpu);
	return retire(cpu, i, NEXT_RIP);
}

HANDLER(sys_hlt)
{
	if (cpu->cpl != 0)
		return raise_gp(cpu, i);
	sync_begin(cpu, i);
	cpu->exec->event = EXEC_HLT;
	return retire(cpu, i, NEXT_RIP);
}

/* --- flags --- */

HANDLER(sys_cli)
{
	if (cpu->cpl > iopl(cpu))
		return raise_gp(cpu, i);
	sync_begin(cpu, i);
	cpu->rflags &= ~FLAG_IF;
	return retire(cpu, i, NEXT_RIP);
}

HANDLER(sys_sti)
{
	if (cpu->cpl > iopl(cpu))
		return raise_gp(cpu, i);
	sync_begin(cpu, i);
	if (!(cpu->rflags & FLAG_IF))
		cpu->irq_shadow = true;
	cpu->rflags |= FLAG_IF;
	return retire(cpu, i, NEXT_RIP);
}

static const struct insn *set_ac(struct cpu *cpu, const struct insn *i, u64 ac)
{
	if (cpu->cpl != 0 || !(cpu->cr4 & CR4_SMAP))
		return raise_ud(cpu, i);
	sync_begin(cpu, i);
	cpu_set_rflags(cpu, (cpu_rflags(cpu) & ~FLAG_AC) | ac);
	return retire(cpu, i, NEXT_RIP);
}

HANDLER(sys_clac)
{
	return set_ac(cpu, i, 0);
}

HANDLER(sys_stac)
{
	return set_ac(cpu, i, FLAG_AC);
}

/* imm: bytes, 8 or 2. */
HANDLER(sys_pushf)
{
	u64 v = cpu_rflags(cpu) & ~(FLAG_VM | FLAG_RF);

	sync_begin(cpu, i);
	if (!mmu_write(cpu, cpu->r[RSP] - (u64)i->imm, &v, (unsigned)i->imm, cpu->cpl == 3,
		       &cpu->fault)) {
		if (cpu->fault.vector == VEC_GP)
			cpu->fault.vector = VEC_SS;
		return faulted(cpu);
	}
	cpu->r[RSP] -= (u64)i->imm;
	return retire(cpu, i, NEXT_RIP);
}

HANDLER(sys_popf)
{
	u64 may = FLAGS_ARITH | FLAG_TF | FLAG_DF | FLAG_NT | FLAG_AC | FLAG_ID, v = 0;

	sync_begin(cpu, i);
	if (!mmu_read(cpu, cpu->r[RSP], &v, (unsigned)i->imm, cpu->cpl == 3, &cpu->fault)) {
		if (cpu->fault.vector == VEC_GP)
			cpu->fault.vector = VEC_SS;
		return faulted(cpu);
	}
	if (cpu->cpl == 0)
		may |= FLAG_IOPL;
	if (cpu->cpl <= iopl(cpu))
		may |= FLAG_IF;
	if (i->imm == 2)
		may &= 0xffff;
	cpu->r[RSP] += (u64)i->imm;
	cpu_set_rflags(cpu, (cpu_rflags(cpu) & ~may & ~FLAG_RF) | (v & may));
	return retire(cpu, i, NEXT_RIP);
}

/* --- control registers and MSRs --- */

/* dst: general register, imm: number of the control register. */
HANDLER(sys_mov_from_cr)
{
	u64 v;

	if (cpu->cpl != 0)
		return raise_gp(cpu, i);
	switch (i->imm) {
	case 0:
		v = cpu->cr0;
		break;
	case 2:
		v = cpu->cr2;
		break;
	case 3:
		v = cpu->cr3;
		break;
	case 4:
		v = cpu->cr4;
		break;
	default:
		v = cpu->cr8;
		break;
	}
	sync_begin(cpu, i);
	cpu->r[i->dst] = v;
	return retire(cpu, i, NEXT_RIP);
}

static bool write_cr8(struct cpu *cpu, u64 v)
{
	if (v > 15) {
		cpu->fault = gp(0);
		return false;
	}
	cpu->cr8 = v;
	lapic_write(cpu, APIC_TPR, (u32)v << 4);
	return true;
}

static bool write_cr(struct cpu *cpu, s32 cr, u64 v)
{
	switch (cr) {
	case 0:
		return cpu_write_cr0(cpu, v, &cpu->fault);
	case 2:
		cpu->cr2 = v;
		return true;
	case 3:
		return cpu_write_cr3(cpu, v, &cpu->fault);
	case 4:
		return cpu_write_cr4(cpu, v, &cpu->fault);
	default:
		return write_cr8(cpu, v);
	}
}

HANDLER(sys_mov_to_cr)
{
	if (cpu->cpl != 0)
		return raise_gp(cpu, i);
	sync_begin(cpu, i);
	return RETIRE_IF(write_cr(cpu, i->imm, cpu->r[i->src]));
}

/*
 * Debug registers are held, breakpoints are not implemented. DR4 and DR5 are DR6 and DR7 unless
 * CR4.DE.
 */
static int debug_register(const struct cpu *cpu, s32 n)
{
	if (n == 4 || n == 5)
		return cpu->cr4 & CR4_DE ? -1 : n + 2;
	return n;
}

HANDLER(sys_mov_from_dr)
{
	int n = debug_register(cpu, i->imm);

	if (n < 0)
		return raise_ud(cpu, i);
	if (cpu->cpl != 0)
		return raise_gp(cpu, i);
	sync_begin(cpu, i);
	cpu->r[i->dst] = cpu->dr[n];
	return retire(cpu, i, NEXT_RIP);
}

HANDLER(sys_mov_to_dr)
{
	int n = debug_register(cpu, i->imm);
	u64 v = cpu->r[i->src];

	if (n < 0)
		return raise_ud(cpu, i);
	if (cpu->cpl != 0 || (n >= 6 && v >> 32))
		return raise_gp(cpu, i);
	sync_begin(cpu, i);
	if (n == 6)
		v = (v & 0xe00full) | 0xffff0ff0ull;
	if (n == 7)
		v = (v & 0xffff2bffull) | 0x400ull;
	cpu->dr[n] = v;
	return retire(cpu, i, NEXT_RIP);
}

HANDLER(sys_rdmsr)
{
	u64 v;

	if (cpu->cpl != 0)
		return raise_gp(cpu, i);
	sync_begin(cpu, i);
	if (!cpu_read_msr(cpu, (u32)cpu->r[RCX], &v, &cpu->fault))
		return faulted(cpu);
	cpu->r[RAX] = (u32)v;
	cpu->r[RDX] = v >> 32;
	return retire(cpu, i, NEXT_RIP);
}

HANDLER(sys_wrmsr)
{
	if (cpu->cpl != 0)
		return raise_gp(cpu, i);
	sync_begin(cpu, i);
	return RETIRE_IF(cpu_write_msr(cpu, (u32)cpu->r[RCX], cpu->r[RDX] << 32 | (u32)cpu->r[RAX],
				       &cpu->fault));
}

HANDLER(sys_cpuid)
{
	u32 out[4];

	sync_begin(cpu, i);
	cpu_cpuid(cpu, (u32)cpu->r[RAX], (u32)cpu->r[RCX], out);
	cpu->r[RAX] = out[0];
	cpu->r[RBX] = out[1];
	cpu->r[RCX] = out[2];
	cpu->r[RDX] = out[3];
	return retire(cpu, i, NEXT_RIP);
}

static const struct insn *read_tsc(struct cpu *cpu, const struct insn *i)
{
	u64 tsc;

	sync_begin(cpu, i);
	tsc = cpu->now + cpu->tsc_offset;
	cpu->r[RAX] = (u32)tsc;
	cpu->r[RDX] = tsc >> 32;
	return retire(cpu, i, NEXT_RIP);
}

HANDLER(sys_rdtsc)
{
	if (cpu->cpl != 0 && (cpu->cr4 & CR4_TSD))
		return raise_gp(cpu, i);
	return read_tsc(cpu, i);
}

HANDLER(sys_rdtscp)
{
	if (cpu->cpl != 0 && (cpu->cr4 & CR4_TSD))
		return raise_gp(cpu, i);
	read_tsc(cpu, i);
	cpu->r[RCX] = (u32)cpu->tsc_aux;
	return NULL;
}

HANDLER(sys_clts)
{
	if (cpu->cpl != 0)
		return raise_gp(cpu, i);
	sync_begin(cpu, i);
	cpu->cr0 &= ~CR0_TS;
	return retire(cpu, i, NEXT_RIP);
}

/* SMSW to a register. */
HANDLER(sys_smsw)
{
	if (cpu->cpl != 0 && (cpu->cr4 & CR4_UMIP))
		return raise_gp(cpu, i);
	sync_begin(cpu, i);
	cpu->r[i->dst] = i->imm == 64 ? cpu->cr0 : (u32)cpu->cr0;
	return retire(cpu, i, NEXT_RIP);
}

HANDLER(sys_wbinvd)
{
	if (cpu->cpl != 0)
		return raise_gp(cpu, i);
	sync_begin(cpu, i);
	return retire(cpu, i, NEXT_RIP);
}

/* --- translation --- */

HANDLER(sys_invlpg)
{
	u64 va = EA;

	if (cpu->cpl != 0)
		return raise_gp(cpu, i);
	sync_begin(cpu, i);
	cpu->pending_cost += cpu->m->cost->cycles[COST_INVLPG];
	if (is_canonical(va))
		tlb_flush_page(cpu, va);
	return retire(cpu, i, NEXT_RIP);
}

/* src: the type register. */
HANDLER(sys_invpcid)
{
	u64 desc[2];

	if (cpu->cpl != 0)
		return raise_gp(cpu, i);
	sync_begin(cpu, i);
	if (!mmu_read(cpu, EA, desc, sizeof(desc), false, &cpu->fault))
		return faulted(cpu);
	return RETIRE_IF(cpu_invpcid(cpu, cpu->r[i->src], desc[0], desc[1], &cpu->fault));
}

/* --- descriptor tables --- */

static const struct insn *load_table(struct cpu *cpu, const struct insn *i, struct desc_table *t)
{
	u8 image[10];
	u64 base;

	if (cpu->cpl != 0)
		return raise_gp(cpu, i);
	sync_begin(cpu, i);
	if (!mmu_read(cpu, EA, image, sizeof(image), false, &cpu->fault))
		return faulted(cpu);
	memcpy(&base, image + 2, 8);
	if (!is_canonical(base)) {
		cpu->fault = gp(0);
		return faulted(cpu);
	}
	memcpy(&t->limit, image, 2);
	t->base = base;
	return retire(cpu, i, NEXT_RIP);
}

static const struct insn *store_table(struct cpu *cpu, const struct insn *i,
				      const struct desc_table *t)
{
	u8 image[10];

	if (cpu->cpl != 0 && (cpu->cr4 & CR4_UMIP))
		return raise_gp(cpu, i);
	memcpy(image, &t->limit, 2);
	memcpy(image + 2, &t->base, 8);
	sync_begin(cpu, i);
	return RETIRE_IF(mmu_write(cpu, EA, image, sizeof(image), cpu->cpl == 3, &cpu->fault));
}

HANDLER(sys_lgdt)
{
	return load_table(cpu, i, &cpu->gdtr);
}

HANDLER(sys_lidt)
{
	return load_table(cpu, i, &cpu->idtr);
}

HANDLER(sys_sgdt)
{
	return store_table(cpu, i, &cpu->gdtr);
}

HANDLER(sys_sidt)
{
	return store_table(cpu, i, &cpu->idtr);
}

/* Read the descriptor of sel from the GDT, n bytes of it. False: cpu->fault. */
static bool read_descriptor(struct cpu *cpu, u16 sel, u64 d[2], unsigned n)
{
	u32 at = sel & 0xfff8u;

	d[1] = 0;
	if ((sel & 4) || at + n - 1 > cpu->gdtr.limit) {
		cpu->fault = gp(sel & 0xfffcu);
		return false;
	}
	return mmu_read(cpu, cpu->gdtr.base + at, d, n, false, &cpu->fault);
}

static struct segment segment_of(u16 sel, const u64 d[2])
{
	u32 limit = (u32)(d[0] & 0xffff) | (u32)((d[0] >> 48 & 0xf) << 16);

	return (struct segment){
		.sel = sel,
		.attr = (u16)(d[0] >> 40 & 0xf0ff),
		.limit = d[0] >> 55 & 1 ? limit << 12 | 0xfff : limit,
		.base = (d[0] >> 16 & 0xffffff) | (d[0] >> 56 & 0xff) << 24 | d[1] << 32,
	};
}

static bool load_tr(struct cpu *cpu, u16 sel)
{
	u64 d[2];
	u8 busy;

	if (!(sel & 0xfffc)) {
		cpu->fault = gp(0);
		return false;
	}
	if (!read_descriptor(cpu, sel, d, 16))
		return false;
	if ((d[0] >> 40 & 0x1f) != 9) { /* available 64-bit TSS */
		cpu->fault = gp(sel & 0xfffcu);
		return false;
	}
	if (!(d[0] >> 47 & 1)) {
		cpu->fault = (struct fault){ .vector = VEC_NP,
					     .has_error = true,
					     .error = sel & 0xfffcu };
		return false;
	}
	busy = (u8)(d[0] >> 40) | 2;
	if (!mmu_write(cpu, cpu->gdtr.base + (sel & 0xfff8u) + 5, &busy, 1, false, &cpu->fault))
		return false;
	cpu->tr = segment_of(sel, d);
	cpu->tr.attr |= 2;
	return true;
}

HANDLER(sys_ltr)
{
	if (cpu->cpl != 0)
		return raise_gp(cpu, i);
	sync_begin(cpu, i);
	return RETIRE_IF(load_tr(cpu, (u16)cpu->r[i->src]));
}

/* LLDT takes null selectors only: there are no LDTs in long-mode kernels worth the name. */
HANDLER(sys_lldt)
{
	u16 sel = (u16)cpu->r[i->src];

	if (cpu->cpl != 0)
		return raise_gp(cpu, i);
	sync_begin(cpu, i);
	if (sel & 0xfffc) {
		cpu->fault = gp(sel & 0xfffcu);
		return faulted(cpu);
	}
	cpu->ldtr = (struct segment){ .sel = sel };
	return retire(cpu, i, NEXT_RIP);
}

/* STR and SLDT to a register: imm 0 is SLDT, 1 is STR. */
HANDLER(sys_str)
{
	if (cpu->cpl != 0 && (cpu->cr4 & CR4_UMIP))
		return raise_gp(cpu, i);
	sync_begin(cpu, i);
	cpu->r[i->dst] = i->imm ? cpu->tr.sel : cpu->ldtr.sel;
	return retire(cpu, i, NEXT_RIP);
}

/* --- segment registers --- */

/* dst: register, imm: enum seg; src: operand size in bits. */
HANDLER(sys_mov_from_seg)
{
	u16 sel = cpu->seg[i->imm].sel;

	sync_begin(cpu, i);
	if (i->src == 16)
		set16(cpu, i->dst, sel);
	else
		cpu->r[i->dst] = sel;
	return retire(cpu, i, NEXT_RIP);
}

/* Data segments in long mode: checks of the manual, base only of FS and GS. */
static bool load_segment(struct cpu *cpu, enum seg s, u16 sel)
{
	u8 rpl = sel & 3, dpl;
	u64 d[2] = { 0, 0 };
	bool writable, code, conforming;

	if (!(sel & 0xfffc)) {
		if (s == SEG_SS && (cpu->cpl == 3 || rpl != cpu->cpl)) {
			cpu->fault = gp(0);
			return false;
		}
		cpu->seg[s] = (struct segment){ .sel = sel };
		if (s == SEG_FS)
			cpu->r[REG_FSBASE] = 0;
		if (s == SEG_GS)
			cpu->r[REG_GSBASE] = 0;
		return true;
	}
	if (!read_descriptor(cpu, sel, d, 8))
		return false;
	dpl = d[0] >> 45 & 3;
	code = d[0] >> 43 & 1;
	conforming = code && (d[0] >> 42 & 1);
	writable = !code && (d[0] >> 41 & 1);
	cpu->fault = gp(sel & 0xfffcu);
	if (!(d[0] >> 44 & 1))
		return false;
	if (s == SEG_SS ?
		    !writable || rpl != cpu->cpl || dpl != cpu->cpl :
		    (code && !(d[0] >> 41 & 1)) || (!conforming && (rpl > dpl || cpu->cpl > dpl)))
		return false;
	if (!(d[0] >> 47 & 1)) {
		cpu->fault.vector = s == SEG_SS ? VEC_SS : VEC_NP;
		return false;
	}
	cpu->fault.vector = FAULT_NONE;
	cpu->seg[s] = segment_of(sel, d);
	if (s == SEG_FS)
		cpu->r[REG_FSBASE] = cpu->seg[s].base;
	if (s == SEG_GS)
		cpu->r[REG_GSBASE] = cpu->seg[s].base;
	return true;
}

HANDLER(sys_mov_to_seg)
{
	sync_begin(cpu, i);
	if (!load_segment(cpu, (enum seg)i->imm, (u16)cpu->r[i->src]))
		return faulted(cpu);
	if (i->imm == SEG_SS)
		cpu->irq_shadow = true;
	return retire(cpu, i, NEXT_RIP);
}

/* imm: bits 0 GS, 1 write, 2 64-bit. The register is dst or src. */
HANDLER(sys_rdfsbase)
{
	u64 v = cpu->r[i->imm & 1 ? REG_GSBASE : REG_FSBASE];

	if (!(cpu->cr4 & CR4_FSGSBASE))
		return raise_ud(cpu, i);
	sync_begin(cpu, i);
	cpu->r[i->dst] = i->imm & 4 ? v : (u32)v;
	return retire(cpu, i, NEXT_RIP);
}

HANDLER(sys_wrfsbase)
{
	u64 v = i->imm & 4 ? cpu->r[i->src] : (u32)cpu->r[i->src];

	if (!(cpu->cr4 & CR4_FSGSBASE))
		return raise_ud(cpu, i);
	if (!is_canonical(v))
		return raise_gp(cpu, i);
	sync_begin(cpu, i);
	cpu->r[i->imm & 1 ? REG_GSBASE : REG_FSBASE] = v;
	return retire(cpu, i, NEXT_RIP);
}

/* --- ports: there are none, and no I/O bitmap. imm: bytes, negative for OUT. --- */

HANDLER(sys_io)
{
	if (cpu->cpl > iopl(cpu))
		return raise_gp(cpu, i);
	sync_begin(cpu, i);
	if (i->imm == 1)
		set8(cpu, 0, 0xff);
	else if (i->imm == 2)
		set16(cpu, RAX, 0xffff);
	else if (i->imm == 4)
		set32(cpu, RAX, 0xffffffffu);
	return retire(cpu, i, NEXT_RIP);
}

/* CLFLUSH faults as a read of a byte does, and does nothing else. */
MEM_HANDLER(sys_clflush)
{
	u8 v;

	LOAD(u8, v, EA);
	(void)v;
	NEXT;
}
