/* SPDX-License-Identifier: MIT */
/*
 * Choice of handlers for MMX instructions, those that SSE and SSE2 added to it included.
 *
 * Called by decode_fp.c for instructions that name an MMX register. Lane operations are looked up
 * in simd.c under the mnemonic of their XMM form; mmx.c fits them to 64 bits.
 *
 *	pshufw $0x1b, %mm1, %mm0   PSHUFLW on { mm1, 0 }, the low half
 *	punpckhbw (%rax), %mm0     ea_seg64; PUNPCKLBW, the high half
 *
 *	Q1 MASKMOVQ is not implemented: #UD by name.
 *
 * Units:   bits in sizes. Owner: the block under construction. Locking: none.
 * Errors:  false for what is not known here.
 * Time:    COST_INSN_FP each, as the SSE forms.
 * Source:  Intel SDM vol. 2; vol. 3A 12.1 (#UD for CR0.EM, #NM for CR0.TS).
 */

#include "hw/cpu/mmx.h"

#include "hw/cpu/decode.h"
#include "hw/cpu/simd.h"

static bool is_mm(const ZydisDecodedOperand *o)
{
	return o->type == ZYDIS_OPERAND_TYPE_REGISTER && o->reg.value >= ZYDIS_REGISTER_MM0 &&
	       o->reg.value <= ZYDIS_REGISTER_MM7;
}

static u8 slot(const ZydisDecodedOperand *o)
{
	return is_mm(o) ? (u8)(o->reg.value - ZYDIS_REGISTER_MM0) : decode_slot(o->reg.value);
}

static bool registers(struct decode *d, insn_fn *fn)
{
	d->i->dst = slot(&d->op[0]);
	d->i->src = slot(&d->op[1]);
	d->i->fn = fn;
	return true;
}

static bool move(struct decode *d)
{
	const ZydisDecodedOperand *a = &d->op[0], *b = &d->op[1];

	if (decode_is_mem(a)) {
		decode_mem(d, a);
		d->i->src = slot(b);
		d->i->fn = a->size == 32 ? mmx_store32 : mmx_store64;
		return true;
	}
	if (decode_is_mem(b)) {
		decode_mem(d, b);
		d->i->dst = slot(a);
		d->i->fn = b->size == 32 ? mmx_load32 : mmx_load64;
		return true;
	}
	if (decode_is_gpr(a))
		return registers(d, a->size == 64 ? mmx_to64 : mmx_to32);
	if (decode_is_gpr(b))
		return registers(d, b->size == 64 ? mmx_from64 : mmx_from32);
	return registers(d, mmx_mov_rr);
}

/* dst XMM (from MMX or memory) or dst MMX (from XMM or memory). */
static bool convert(struct decode *d, ZydisMnemonic packed, enum mmx_cvt type)
{
	const ZydisDecodedOperand *a = &d->op[0], *b = &d->op[1];
	bool to_xmm = !is_mm(a);

	if (d->mode & EXEC_MODE_NO_SSE)
		return false;
	if (decode_is_mem(b)) {
		decode_address_first(d, b);
		d->i->dst = slot(a);
		d->i->fn = to_xmm ? mmx_cvt_xm : type == MMX_PD ? mmx_cvt_rm128 : mmx_cvt_rm64;
	} else {
		registers(d, to_xmm ? mmx_cvt_xr : mmx_cvt_rx);
	}
	d->i->imm = (s32)type;
	d->i->sse = sse_lookup(packed, 0);
	return d->i->sse != NULL;
}

/* The XMM instruction that computes it, and which part of what it gives. */
static ZydisMnemonic wide_form(ZydisMnemonic m, enum mmx_form *form)
{
	*form = MMX_LOW;
	switch (m) {
	case ZYDIS_MNEMONIC_PACKSSWB:
	case ZYDIS_MNEMONIC_PACKSSDW:
	case ZYDIS_MNEMONIC_PACKUSWB:
		*form = MMX_PACK;
		return m;
	case ZYDIS_MNEMONIC_PUNPCKHBW:
		*form = MMX_HIGH;
		return ZYDIS_MNEMONIC_PUNPCKLBW;
	case ZYDIS_MNEMONIC_PUNPCKHWD:
		*form = MMX_HIGH;
		return ZYDIS_MNEMONIC_PUNPCKLWD;
	case ZYDIS_MNEMONIC_PUNPCKHDQ:
		*form = MMX_HIGH;
		return ZYDIS_MNEMONIC_PUNPCKLDQ;
	case ZYDIS_MNEMONIC_PSHUFW:
		return ZYDIS_MNEMONIC_PSHUFLW;
	default:
		return m;
	}
}

static bool operation(struct decode *d)
{
	const ZydisDecodedOperand *a = &d->op[0], *b = &d->op[1];
	unsigned visible = d->zi->operand_count_visible, imm = 0;
	bool by_constant = b->type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
	enum mmx_form form;
	const struct sse_op *op = simd_lookup(wide_form(d->zi->mnemonic, &form));

	if (!op)
		return false;
	if (visible > 2)
		imm = (unsigned)(u8)d->op[2].imm.value.u;
	else if (by_constant)
		imm = (unsigned)(u8)b->imm.value.u;
	if (d->zi->mnemonic == ZYDIS_MNEMONIC_PINSRW || d->zi->mnemonic == ZYDIS_MNEMONIC_PEXTRW)
		imm &= 3; /* four words, not eight */
	if (decode_is_mem(b)) {
		decode_address_first(d, b);
		d->i->fn = b->size == 16 ? mmx_op_m16 : b->size == 32 ? mmx_op_m32 : mmx_op_m64;
	} else {
		d->i->src = by_constant ? 0 : slot(b);
		d->i->fn = by_constant	    ? mmx_op_ri :
			   decode_is_gpr(a) ? mmx_op_gr :
			   decode_is_gpr(b) ? mmx_op_rg :
					      mmx_op_rr;
	}
	d->i->dst = slot(a);
	d->i->imm = (s32)((u32)form << 8 | imm);
	d->i->sse = op;
	return true;
}

static bool choose(struct decode *d)
{
	switch (d->zi->mnemonic) {
	case ZYDIS_MNEMONIC_EMMS:
		d->i->fn = mmx_emms;
		return true;
	case ZYDIS_MNEMONIC_MOVD:
	case ZYDIS_MNEMONIC_MOVQ:
	case ZYDIS_MNEMONIC_MOVNTQ:
		return move(d);
	case ZYDIS_MNEMONIC_MOVQ2DQ:
		return registers(d, mmx_movq2dq);
	case ZYDIS_MNEMONIC_MOVDQ2Q:
		return registers(d, mmx_movdq2q);
	case ZYDIS_MNEMONIC_CVTPI2PS:
		return convert(d, ZYDIS_MNEMONIC_CVTDQ2PS, MMX_PS);
	case ZYDIS_MNEMONIC_CVTPI2PD:
		return convert(d, ZYDIS_MNEMONIC_CVTDQ2PD, MMX_PD);
	case ZYDIS_MNEMONIC_CVTPS2PI:
		return convert(d, ZYDIS_MNEMONIC_CVTPS2DQ, MMX_PS);
	case ZYDIS_MNEMONIC_CVTTPS2PI:
		return convert(d, ZYDIS_MNEMONIC_CVTTPS2DQ, MMX_PS);
	case ZYDIS_MNEMONIC_CVTPD2PI:
		return convert(d, ZYDIS_MNEMONIC_CVTPD2DQ, MMX_PD);
	case ZYDIS_MNEMONIC_CVTTPD2PI:
		return convert(d, ZYDIS_MNEMONIC_CVTTPD2DQ, MMX_PD);
	case ZYDIS_MNEMONIC_MASKMOVQ:
		return false;
	default:
		return operation(d);
	}
}

bool decode_mmx(struct decode *d)
{
	if (d->mode & (EXEC_MODE_EM | EXEC_MODE_TS)) {
		d->i->fn = d->mode & EXEC_MODE_EM ? sys_undefined : sys_nm;
		d->end = true;
		return true;
	}
	if (!choose(d))
		return false;
	d->cost += d->m->cost->cycles[COST_INSN_FP];
	return true;
}
