/* SPDX-License-Identifier: MIT */
/*
 * Choice of handlers for system instructions.
 *
 * Called by decode.c after the integer part. Each of these ends its block: the handlers in system.c
 * return to exec_run, because privilege, translation, time or interrupts may be different
 * afterwards.
 *
 *	0f 22 d8   mov %rax, %cr3    sys_mov_to_cr, src RAX, imm 3
 *	0f 0b      ud2               sys_undefined: #UD that names nothing
 *	0f 01 f9   rdtscp            sys_rdtscp
 *
 * Far branches, task switches by TSS, string I/O and virtualisation are not implemented: #UD, by
 * name.
 *
 * Units:   none. Owner: the block under construction. Locking: none.
 * Errors:  false for what is not a system instruction known here.
 * Time:    none.
 * Source:  Intel SDM vol. 2.
 */

#include "hw/cpu/decode.h"

static bool ends(struct decode *d, insn_fn *fn)
{
	d->i->fn = fn;
	d->end = true;
	return true;
}

/* The one register operand is the source. */
static bool ends_src(struct decode *d, insn_fn *fn)
{
	if (!decode_is_gpr(&d->op[0]))
		return false;
	d->i->src = decode_slot(d->op[0].reg.value);
	return ends(d, fn);
}

static bool ends_dst(struct decode *d, insn_fn *fn, s32 imm)
{
	if (!decode_is_gpr(&d->op[0]))
		return false;
	d->i->dst = decode_slot(d->op[0].reg.value);
	d->i->imm = imm;
	return ends(d, fn);
}

static bool ends_mem(struct decode *d, insn_fn *fn)
{
	if (!decode_is_mem(&d->op[0]))
		return false;
	decode_mem(d, &d->op[0]);
	return ends(d, fn);
}

static bool in_range(const ZydisDecodedOperand *o, ZydisRegister lo, ZydisRegister hi)
{
	return o->type == ZYDIS_OPERAND_TYPE_REGISTER && o->reg.value >= lo && o->reg.value <= hi;
}

/* MOV with a control, debug or segment register on one side. */
static bool mov(struct decode *d)
{
	const ZydisDecodedOperand *a = &d->op[0], *b = &d->op[1];
	static const u8 segs[] = { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS };

	if (in_range(b, ZYDIS_REGISTER_CR0, ZYDIS_REGISTER_CR15)) {
		d->i->dst = decode_slot(a->reg.value);
		d->i->imm = (s32)(b->reg.value - ZYDIS_REGISTER_CR0);
		return ends(d, sys_mov_from_cr);
	}
	if (in_range(a, ZYDIS_REGISTER_CR0, ZYDIS_REGISTER_CR15)) {
		d->i->src = decode_slot(b->reg.value);
		d->i->imm = (s32)(a->reg.value - ZYDIS_REGISTER_CR0);
		return ends(d, sys_mov_to_cr);
	}
	if (in_range(b, ZYDIS_REGISTER_DR0, ZYDIS_REGISTER_DR7)) {
		d->i->dst = decode_slot(a->reg.value);
		d->i->imm = (s32)(b->reg.value - ZYDIS_REGISTER_DR0);
		return ends(d, sys_mov_from_dr);
	}
	if (in_range(a, ZYDIS_REGISTER_DR0, ZYDIS_REGISTER_DR7)) {
		d->i->src = decode_slot(b->reg.value);
		d->i->imm = (s32)(a->reg.value - ZYDIS_REGISTER_DR0);
		return ends(d, sys_mov_to_dr);
	}
	if (in_range(b, ZYDIS_REGISTER_ES, ZYDIS_REGISTER_GS) && decode_is_gpr(a)) {
		d->i->dst = decode_slot(a->reg.value);
		d->i->src = (u8)a->size;
		d->i->imm = segs[b->reg.value - ZYDIS_REGISTER_ES];
		return ends(d, sys_mov_from_seg);
	}
	if (in_range(a, ZYDIS_REGISTER_ES, ZYDIS_REGISTER_GS) && decode_is_gpr(b)) {
		d->i->src = decode_slot(b->reg.value);
		d->i->imm = segs[a->reg.value - ZYDIS_REGISTER_ES];
		return ends(d, d->i->imm == SEG_CS ? sys_undefined : sys_mov_to_seg);
	}
	return false;
}

static bool port(struct decode *d, bool out)
{
	const ZydisDecodedOperand *data = &d->op[out ? 1 : 0];

	d->i->imm = data->size / 8 * (out ? -1 : 1);
	return ends(d, sys_io);
}

static bool invpcid(struct decode *d)
{
	decode_mem(d, &d->op[1]);
	d->i->src = decode_slot(d->op[0].reg.value);
	return ends(d, sys_invpcid);
}

static bool base_register(struct decode *d, insn_fn *fn, s32 imm)
{
	d->i->dst = decode_slot(d->op[0].reg.value);
	d->i->src = d->i->dst;
	d->i->imm = imm | (d->op[0].size == 64 ? 4 : 0);
	return ends(d, fn);
}

static bool with_imm(struct decode *d, insn_fn *fn, s32 imm)
{
	d->i->imm = imm;
	return ends(d, fn);
}

bool decode_system(struct decode *d)
{
	switch (d->zi->mnemonic) {
	case ZYDIS_MNEMONIC_MOV:
		return mov(d);
	case ZYDIS_MNEMONIC_SYSCALL:
		return ends(d, sys_syscall);
	case ZYDIS_MNEMONIC_SYSRET:
		return d->zi->operand_width == 64 && ends(d, sys_sysret);
	case ZYDIS_MNEMONIC_IRETQ:
		return ends(d, sys_iret);
	case ZYDIS_MNEMONIC_INT:
		return with_imm(d, sys_int, (s32)(u8)d->op[0].imm.value.u);
	case ZYDIS_MNEMONIC_INT3:
		return with_imm(d, sys_int, 3);
	case ZYDIS_MNEMONIC_UD0:
	case ZYDIS_MNEMONIC_UD1:
	case ZYDIS_MNEMONIC_UD2:
		return ends(d, sys_undefined);
	case ZYDIS_MNEMONIC_HLT:
		return ends(d, sys_hlt);
	case ZYDIS_MNEMONIC_CLI:
		return ends(d, sys_cli);
	case ZYDIS_MNEMONIC_STI:
		return ends(d, sys_sti);
	case ZYDIS_MNEMONIC_CLAC:
		return ends(d, sys_clac);
	case ZYDIS_MNEMONIC_STAC:
		return ends(d, sys_stac);
	case ZYDIS_MNEMONIC_PUSHF:
	case ZYDIS_MNEMONIC_PUSHFQ:
		d->cc = CC_UNKNOWN;
		return with_imm(d, sys_pushf, d->zi->operand_width == 16 ? 2 : 8);
	case ZYDIS_MNEMONIC_POPF:
	case ZYDIS_MNEMONIC_POPFQ:
		return with_imm(d, sys_popf, d->zi->operand_width == 16 ? 2 : 8);
	case ZYDIS_MNEMONIC_RDMSR:
		return ends(d, sys_rdmsr);
	case ZYDIS_MNEMONIC_WRMSR:
		return ends(d, sys_wrmsr);
	case ZYDIS_MNEMONIC_CPUID:
		return ends(d, sys_cpuid);
	case ZYDIS_MNEMONIC_RDTSC:
		return ends(d, sys_rdtsc);
	case ZYDIS_MNEMONIC_RDTSCP:
		return ends(d, sys_rdtscp);
	case ZYDIS_MNEMONIC_CLTS:
		return ends(d, sys_clts);
	case ZYDIS_MNEMONIC_SMSW:
		return ends_dst(d, sys_smsw, d->op[0].size);
	case ZYDIS_MNEMONIC_INVD:
	case ZYDIS_MNEMONIC_WBINVD:
		return ends(d, sys_wbinvd);
	case ZYDIS_MNEMONIC_INVLPG:
		return ends_mem(d, sys_invlpg);
	case ZYDIS_MNEMONIC_INVPCID:
		return invpcid(d);
	case ZYDIS_MNEMONIC_LGDT:
		return ends_mem(d, sys_lgdt);
	case ZYDIS_MNEMONIC_LIDT:
		return ends_mem(d, sys_lidt);
	case ZYDIS_MNEMONIC_SGDT:
		return ends_mem(d, sys_sgdt);
	case ZYDIS_MNEMONIC_SIDT:
		return ends_mem(d, sys_sidt);
	case ZYDIS_MNEMONIC_LTR:
		return ends_src(d, sys_ltr);
	case ZYDIS_MNEMONIC_LLDT:
		return ends_src(d, sys_lldt);
	case ZYDIS_MNEMONIC_STR:
		return ends_dst(d, sys_str, 1);
	case ZYDIS_MNEMONIC_SLDT:
		return ends_dst(d, sys_str, 0);
	case ZYDIS_MNEMONIC_SWAPGS:
		return ends(d, sys_swapgs);
	case ZYDIS_MNEMONIC_RDFSBASE:
		return base_register(d, sys_rdfsbase, 0);
	case ZYDIS_MNEMONIC_RDGSBASE:
		return base_register(d, sys_rdfsbase, 1);
	case ZYDIS_MNEMONIC_WRFSBASE:
		return base_register(d, sys_wrfsbase, 0);
	case ZYDIS_MNEMONIC_WRGSBASE:
		return base_register(d, sys_wrfsbase, 1);
	case ZYDIS_MNEMONIC_IN:
		return port(d, false);
	case ZYDIS_MNEMONIC_OUT:
		return port(d, true);
	case ZYDIS_MNEMONIC_CLFLUSH:
		decode_mem(d, &d->op[0]);
		d->i->fn = sys_clflush;
		return true;
	default:
		return false;
	}
}
