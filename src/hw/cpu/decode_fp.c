/* SPDX-License-Identifier: MIT */
/*
 * Choice of handlers for SSE, SSE2 and x87 instructions.
 *
 * Called by decode.c last. Data moves are the decoder's own (fpmove.c); every other operation is
 * looked up by mnemonic in hw/fp and simd.c.
 *
 *	movdqu (%rsi), %xmm0    sse_load128, dst 0
 *	addsd  8(%rax), %xmm1   ea_seg64: REG_TMP = rax + 8;   sse_op_xm, dst 1, sse = ADDSD
 *	fmul   %st(3), %st      x87_op_reg, imm 3
 *
 *	K1 CR0.TS, CR0.EM and CR4.OSFXSR are part of a block's mode, so the handlers of a normal
 *	   mode ask nothing.
 *	K2 what names an MMX register goes to decode_mmx.c.
 *
 * Units:   bits in sizes. Owner: the block under construction. Locking: none.
 * Errors:  false for what is not known here.
 * Time:    COST_INSN_FP for what is computed.
 * Source:  Intel SDM vol. 2; vol. 3A 13.1 (#UD and #NM).
 */

#include "hw/cpu/decode.h"
#include "hw/cpu/mmx.h"
#include "hw/cpu/simd.h"
#include "hw/fp/fp.h"

void decode_address_first(struct decode *d, const ZydisDecodedOperand *o)
{
	struct insn same = *d->i;

	decode_mem(d, o);
	if (d->i->base != REG_TMP) {
		d->i->fn = ea_seg64;
		d->i->src = REG_ZERO;
		d->i++;
	}
	*d->i = same;
	d->i->base = o->mem.base == ZYDIS_REGISTER_RSP || o->mem.base == ZYDIS_REGISTER_RBP ?
			     RSP :
			     REG_TMP;
}

static bool uses(const struct decode *d, ZydisRegister lo, ZydisRegister hi)
{
	unsigned k;

	for (k = 0; k < d->zi->operand_count; k++)
		if (d->op[k].type == ZYDIS_OPERAND_TYPE_REGISTER && d->op[k].reg.value >= lo &&
		    d->op[k].reg.value <= hi)
			return true;
	return false;
}

/* --- moves --- */

struct move {
	insn_fn *rr, *load, *store; /* between XMM registers; from memory; to memory */
};

static bool move(struct decode *d, const struct move *mv)
{
	const ZydisDecodedOperand *a = &d->op[0], *b = &d->op[1];

	if (decode_is_mem(a)) {
		decode_mem(d, a);
		d->i->src = decode_slot(b->reg.value);
		d->i->fn = mv->store;
	} else if (decode_is_mem(b)) {
		decode_mem(d, b);
		d->i->dst = decode_slot(a->reg.value);
		d->i->fn = mv->load;
	} else {
		d->i->dst = decode_slot(a->reg.value);
		d->i->src = decode_slot(b->reg.value);
		d->i->fn = mv->rr;
	}
	return d->i->fn != NULL;
}

/* MOVD and MOVQ. */
static bool movd(struct decode *d, bool quad)
{
	static const struct move q = { sse_movq_rr, sse_load64, sse_store64 },
				 l = { NULL, sse_load32, sse_store32 };
	const ZydisDecodedOperand *a = &d->op[0], *b = &d->op[1];

	if (decode_is_xmm(a) && decode_is_gpr(b)) {
		d->i->dst = decode_slot(a->reg.value);
		d->i->src = decode_slot(b->reg.value);
		d->i->fn = b->size == 64 ? sse_movd_from64 : sse_movd_from32;
		return true;
	}
	if (decode_is_gpr(a) && decode_is_xmm(b)) {
		d->i->dst = decode_slot(a->reg.value);
		d->i->src = decode_slot(b->reg.value);
		d->i->fn = a->size == 64 ? sse_movd_to64 : sse_movd_to32;
		return true;
	}
	return move(d, quad ? &q : &l);
}

static bool movnti(struct decode *d)
{
	int size = decode_size(d->op[1].size);

	decode_mem(d, &d->op[0]);
	d->i->src = decode_slot(d->op[1].reg.value);
	d->i->fn = store_fn[size];
	return true;
}

static bool maskmovdqu(struct decode *d)
{
	if (d->zi->address_width == 32)
		return false;
	d->i->dst = decode_slot(d->op[0].reg.value);
	d->i->src = decode_slot(d->op[1].reg.value);
	if (d->zi->attributes & ZYDIS_ATTRIB_HAS_SEGMENT_FS)
		d->i->base = REG_FSBASE;
	if (d->zi->attributes & ZYDIS_ATTRIB_HAS_SEGMENT_GS)
		d->i->base = REG_GSBASE;
	d->i->fn = sse_maskmovdqu;
	return true;
}

/* True when the instruction is a data move; *ok false when this form of it is not implemented. */
static bool data_move(struct decode *d, bool *ok)
{
	static const struct move aligned = { sse_mov_rr, sse_load128a, sse_store128a };
	static const struct move unaligned = { sse_mov_rr, sse_load128, sse_store128 };
	static const struct move movss = { sse_movss_rr, sse_load32, sse_store32 };
	static const struct move movsd = { sse_movsd_rr, sse_load64, sse_store64 };
	static const struct move low = { NULL, sse_movlps_load, sse_store64 };
	static const struct move high = { NULL, sse_movhps_load, sse_movhps_store };
	static const struct move hl = { sse_movhlps, NULL, NULL }, lh = { sse_movlhps, NULL, NULL };

	switch (d->zi->mnemonic) {
	case ZYDIS_MNEMONIC_MOVAPS:
	case ZYDIS_MNEMONIC_MOVAPD:
	case ZYDIS_MNEMONIC_MOVDQA:
	case ZYDIS_MNEMONIC_MOVNTPS:
	case ZYDIS_MNEMONIC_MOVNTPD:
	case ZYDIS_MNEMONIC_MOVNTDQ:
		*ok = move(d, &aligned);
		return true;
	case ZYDIS_MNEMONIC_MOVUPS:
	case ZYDIS_MNEMONIC_MOVUPD:
	case ZYDIS_MNEMONIC_MOVDQU:
		*ok = move(d, &unaligned);
		return true;
	case ZYDIS_MNEMONIC_MOVSS:
		*ok = move(d, &movss);
		return true;
	case ZYDIS_MNEMONIC_MOVSD:
		*ok = move(d, &movsd);
		return true;
	case ZYDIS_MNEMONIC_MOVLPS:
	case ZYDIS_MNEMONIC_MOVLPD:
		*ok = move(d, &low);
		return true;
	case ZYDIS_MNEMONIC_MOVHPS:
	case ZYDIS_MNEMONIC_MOVHPD:
		*ok = move(d, &high);
		return true;
	case ZYDIS_MNEMONIC_MOVHLPS:
		*ok = move(d, &hl);
		return true;
	case ZYDIS_MNEMONIC_MOVLHPS:
		*ok = move(d, &lh);
		return true;
	case ZYDIS_MNEMONIC_MOVD:
		*ok = movd(d, false);
		return true;
	case ZYDIS_MNEMONIC_MOVQ:
		*ok = movd(d, true);
		return true;
	case ZYDIS_MNEMONIC_MASKMOVDQU:
		*ok = maskmovdqu(d);
		return true;
	default:
		return false;
	}
}

/* --- operations --- */

/* Bitwise operations between registers are worth handlers of their own. */
static insn_fn *direct(const struct decode *d)
{
	bool self = d->i->dst == d->i->src;

	switch (d->zi->mnemonic) {
	case ZYDIS_MNEMONIC_PXOR:
	case ZYDIS_MNEMONIC_XORPS:
	case ZYDIS_MNEMONIC_XORPD:
		return self ? sse_pxor_self : sse_pxor_xx;
	case ZYDIS_MNEMONIC_POR:
	case ZYDIS_MNEMONIC_ORPS:
	case ZYDIS_MNEMONIC_ORPD:
		return sse_por_xx;
	case ZYDIS_MNEMONIC_PAND:
	case ZYDIS_MNEMONIC_ANDPS:
	case ZYDIS_MNEMONIC_ANDPD:
		return sse_pand_xx;
	default:
		return NULL;
	}
}

static bool is_bitwise(ZydisMnemonic m)
{
	switch (m) {
	case ZYDIS_MNEMONIC_PXOR:
	case ZYDIS_MNEMONIC_XORPS:
	case ZYDIS_MNEMONIC_XORPD:
	case ZYDIS_MNEMONIC_POR:
	case ZYDIS_MNEMONIC_ORPS:
	case ZYDIS_MNEMONIC_ORPD:
	case ZYDIS_MNEMONIC_PAND:
	case ZYDIS_MNEMONIC_ANDPS:
	case ZYDIS_MNEMONIC_ANDPD:
		return true;
	default:
		return false;
	}
}

static bool ldmxcsr(struct decode *d, const struct sse_op *op)
{
	decode_address_first(d, &d->op[0]);
	d->i->sse = op;
	d->i->fn = sse_op_xm;
	return true;
}

static bool sse(struct decode *d)
{
	const ZydisDecodedOperand *a = &d->op[0], *b = &d->op[1];
	unsigned visible = d->zi->operand_count_visible, gpr_bits = 0, imm = 0;
	const struct sse_op *op;

	if (d->zi->mnemonic == ZYDIS_MNEMONIC_STMXCSR) {
		decode_mem(d, a);
		d->i->fn = sse_stmxcsr;
		return true;
	}
	if (decode_is_gpr(a))
		gpr_bits = a->size;
	else if (visible > 1 && decode_is_gpr(b))
		gpr_bits = b->size;
	else if (d->zi->mnemonic == ZYDIS_MNEMONIC_CVTSI2SD ||
		 d->zi->mnemonic == ZYDIS_MNEMONIC_CVTSI2SS)
		gpr_bits = b->size;
	op = sse_lookup(d->zi->mnemonic, gpr_bits);
	if (!op)
		return false;
	if (d->zi->mnemonic == ZYDIS_MNEMONIC_LDMXCSR)
		return ldmxcsr(d, op);
	if (!is_bitwise(d->zi->mnemonic))
		d->cost += d->m->cost->cycles[COST_INSN_FP];
	if (visible > 2 && d->op[2].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
		imm = (unsigned)(u8)d->op[2].imm.value.u;
	else if (visible == 2 && b->type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
		imm = (unsigned)(u8)b->imm.value.u;
	if (op->sets_flags)
		d->cc = CC_UNKNOWN;
	if (decode_is_mem(a))
		return false;
	if (decode_is_mem(b)) {
		decode_address_first(d, b);
		d->i->fn = op->dst_gpr ? sse_op_gm : sse_op_xm;
	} else {
		d->i->src = b->type == ZYDIS_OPERAND_TYPE_REGISTER ? decode_slot(b->reg.value) :
								     decode_slot(a->reg.value);
		d->i->fn = b->type == ZYDIS_OPERAND_TYPE_IMMEDIATE ? sse_op_xi :
			   op->dst_gpr				   ? sse_op_gx :
			   decode_is_gpr(b)			   ? sse_op_xg :
								     sse_op_xx;
	}
	d->i->dst = decode_slot(a->reg.value);
	d->i->imm = (s32)imm;
	d->i->sse = op;
	if (d->i->fn == sse_op_xx && direct(d))
		d->i->fn = direct(d);
	return true;
}

static bool x87(struct decode *d)
{
	const ZydisDecodedOperand *mem = NULL;
	const struct x87_op *op;
	unsigned k;

	for (k = 0; k < d->zi->operand_count_visible; k++)
		if (decode_is_mem(&d->op[k]))
			mem = &d->op[k];
	/* DC, DD and DE with a register have ST(i) as their destination. */
	op = x87_lookup(d->zi->mnemonic, mem ? mem->size : 0,
			d->zi->opcode == 0xdc || d->zi->opcode == 0xde);
	if (!op)
		return false;
	d->cost += d->m->cost->cycles[COST_INSN_FP];
	d->cc = CC_UNKNOWN; /* FCOMI and kin */
	if (mem) {
		decode_address_first(d, mem);
		d->i->fn = op->mem_write ? x87_op_store : x87_op_load;
	} else {
		d->i->imm = d->zi->raw.modrm.rm;
		d->i->fn = d->zi->mnemonic == ZYDIS_MNEMONIC_FNSTSW ? x87_fnstsw_ax : x87_op_reg;
	}
	d->i->x87 = op;
	return true;
}

static bool fault_instead(struct decode *d, insn_fn *fn)
{
	d->i->fn = fn;
	d->end = true;
	return true;
}

bool decode_fp(struct decode *d)
{
	ZydisISASet set = d->zi->meta.isa_set;
	bool is_x87 = d->zi->meta.category == ZYDIS_CATEGORY_X87_ALU ||
		      d->zi->meta.category == ZYDIS_CATEGORY_FCMOV ||
		      d->zi->mnemonic == ZYDIS_MNEMONIC_FWAIT;
	bool ok;

	if (uses(d, ZYDIS_REGISTER_MM0, ZYDIS_REGISTER_MM7) ||
	    d->zi->mnemonic == ZYDIS_MNEMONIC_EMMS)
		return decode_mmx(d);
	if (d->zi->mnemonic == ZYDIS_MNEMONIC_MOVNTI)
		return movnti(d);
	if (is_x87) {
		if (d->mode & (EXEC_MODE_EM | EXEC_MODE_TS))
			return fault_instead(d, sys_nm);
		return x87(d);
	}
	if (d->zi->mnemonic == ZYDIS_MNEMONIC_FXSAVE ||
	    d->zi->mnemonic == ZYDIS_MNEMONIC_FXSAVE64 ||
	    d->zi->mnemonic == ZYDIS_MNEMONIC_FXRSTOR ||
	    d->zi->mnemonic == ZYDIS_MNEMONIC_FXRSTOR64) {
		if (d->mode & (EXEC_MODE_EM | EXEC_MODE_TS))
			return fault_instead(d, sys_nm);
		decode_mem(d, &d->op[0]);
		d->i->fn = d->zi->mnemonic == ZYDIS_MNEMONIC_FXSAVE ||
					   d->zi->mnemonic == ZYDIS_MNEMONIC_FXSAVE64 ?
				   sys_fxsave :
				   sys_fxrstor;
		return true;
	}
	if (set != ZYDIS_ISA_SET_SSE && set != ZYDIS_ISA_SET_SSE2 && set != ZYDIS_ISA_SET_SSEMXCSR)
		return false;
	if (d->mode & EXEC_MODE_NO_SSE)
		return fault_instead(d, sys_undefined);
	if (d->mode & EXEC_MODE_TS)
		return fault_instead(d, sys_nm);
	if (data_move(d, &ok))
		return ok;
	return sse(d);
}
