/* SPDX-License-Identifier: MIT */
/*
 * Choice of handlers for the integer instructions.
 *
 * Called by decode.c for each instruction, before the system and floating-point parts. It fills
 * d->i from Zydis's operands and keeps track of what the flags were last set by (d->cc), so that
 * conditions can be computed from the lazy flags' own fields.
 *
 *	cmp $5, %ecx          alu_fn[ALU_CMP][F_RI][CC_32]; d->cc = CC_SUB|CC_32; may be fused
 *	jg  0x401200          fused_fn[0][F_RI][CC_32][LE]: way0 = not taken, way1 = 0x401200, since
 *	G is "not LE"
 *
 *	I1 d->cc is what cc_op will be at run time whenever it is not CC_UNKNOWN; an instruction
 *	   that sets flags only sometimes (a shift by CL) makes it unknown.
 *	I2 Fusing replaces the handler of the CMP or TEST, not its operands: alone (in its cold
 *	   copy, or with a stop behind it) it is still the CMP or TEST.
 *
 * Units:   bits in sizes.
 * Owner:   the block under construction.
 * Locking: none.
 * Errors:  false for what is not an integer instruction known here.
 * Time:    none.
 * Source:  Intel SDM vol. 2.
 */

#include "hw/cpu/decode.h"

#include "lib/compiler.h"

/* Sizes and forms of a two-operand instruction. */
static bool two_operands(struct decode *d, enum form *form)
{
	const ZydisDecodedOperand *a = &d->op[0], *b = &d->op[1];

	if (decode_is_mem(a)) {
		decode_mem(d, a);
		if (b->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
			d->i->imm = (s32)b->imm.value.s;
			*form = F_MI;
		} else {
			d->i->src = decode_slot(b->reg.value);
			*form = F_MR;
		}
		return true;
	}
	if (!decode_is_gpr(a))
		return false;
	if (decode_is_mem(b)) {
		decode_mem(d, b);
		d->i->dst = decode_slot(a->reg.value);
		*form = F_RM;
		return true;
	}
	d->i->dst = decode_slot(a->reg.value);
	if (b->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
		d->i->imm = (s32)b->imm.value.s;
		*form = F_RI;
	} else {
		d->i->src = decode_slot(b->reg.value);
		*form = F_RR;
	}
	return true;
}

static const u8 alu_cc[NR_ALU] = { CC_ADD, CC_LOGIC, CC_ADC, CC_SBB,  CC_LOGIC,
				   CC_SUB, CC_LOGIC, CC_SUB, CC_LOGIC };

static bool alu(struct decode *d, enum alu op)
{
	int size = decode_size(d->op[0].size);
	enum form form;

	if (!two_operands(d, &form))
		return false;
	if (op == ALU_TEST && form == F_RM) /* TEST commutes */
		return false;
	d->i->fn = alu_fn[op][form][size];
	d->cc = alu_cc[op] | size;
	if (op == ALU_CMP || op == ALU_TEST) {
		d->fuse_now = d->i;
		d->fuse_op = op == ALU_TEST;
		d->fuse_form = (u8)form;
		d->fuse_size = (u8)size;
	}
	return true;
}

static bool unary(struct decode *d, enum unary op)
{
	int size = decode_size(d->op[0].size);
	bool mem = decode_is_mem(&d->op[0]);

	if (mem)
		decode_mem(d, &d->op[0]);
	else
		d->i->dst = decode_slot(d->op[0].reg.value);
	d->i->fn = unary_fn[op][mem][size];
	if (op == UN_INC)
		d->cc = CC_INC | size;
	else if (op == UN_DEC)
		d->cc = CC_DEC | size;
	else if (op == UN_NEG)
		d->cc = CC_SUB | size;
	return true;
}

/* --- conditions --- */

static enum pred pick_pred(int cc, unsigned cond)
{
	unsigned size = (unsigned)cc & CC_SIZE_MASK, kind = (unsigned)cc & CC_KIND_MASK;

	if (cc == CC_UNKNOWN || kind == CC_EFLAGS)
		return PRED_GEN + cond / 2;
	if (cond / 2 == COND_E / 2)
		return PRED_Z;
	if (cond / 2 == COND_S / 2)
		return PRED_S + size;
	if (kind == CC_SUB) {
		switch (cond / 2) {
		case COND_B / 2:
			return PRED_B + size;
		case COND_BE / 2:
			return PRED_BE + size;
		case COND_L / 2:
			return PRED_L + size;
		case COND_LE / 2:
			return PRED_LE + size;
		}
	}
	if (kind == CC_LOGIC) {
		switch (cond / 2) {
		case COND_BE / 2:
			return PRED_Z;
		case COND_L / 2:
			return PRED_S + size;
		case COND_LE / 2:
			return PRED_LLE + size;
		}
	}
	return PRED_GEN + cond / 2;
}

static u64 branch_target(struct decode *d)
{
	return d->next + (u64)d->op[0].imm.value.s;
}

/*
 * A branch whose target is not canonical always faults when taken; such code is left to #GP when
 * reached.
 */
static bool ends_block(struct decode *d, insn_fn *fn)
{
	d->i->fn = fn;
	d->i->block = d->b;
	d->end = true;
	if (!is_canonical(d->way0) || (d->way1 && !is_canonical(d->way1)))
		d->i->fn = sys_gp;
	return true;
}

static bool jcc(struct decode *d)
{
	unsigned cond = d->zi->opcode & 0xf;
	insn_fn *fused = NULL;

	d->way0 = cond & 1 ? d->next : branch_target(d);
	d->way1 = cond & 1 ? branch_target(d) : d->next;
	if (d->fuse)
		fused = fused_fn[d->fuse_op][d->fuse_form][d->fuse_size][cond / 2];
	ends_block(d, jcc_fn[pick_pred(d->cc, cond)]);
	if (fused && d->i->fn != sys_gp)
		d->fuse->fn = fused;
	return true;
}

static bool setcc(struct decode *d)
{
	unsigned cond = d->zi->opcode & 0xf;

	if (decode_is_mem(&d->op[0])) {
		decode_mem(d, &d->op[0]);
		d->i->imm = (s32)cond;
		d->i->fn = setcc_mem;
		return true;
	}
	d->i->dst = decode_slot(d->op[0].reg.value);
	d->i->imm = (s32)(cond & 1);
	d->i->fn = setcc_fn[pick_pred(d->cc, cond)];
	return true;
}

static bool cmov(struct decode *d)
{
	unsigned cond = d->zi->opcode & 0xf, bits = d->op[0].size;

	if (decode_is_mem(&d->op[1])) {
		decode_mem(d, &d->op[1]);
		d->i->imm = (s32)cond;
		d->i->fn = bits == 16 ? cmov_rm16 : bits == 32 ? cmov_rm32 : cmov_rm64;
	} else {
		d->i->src = decode_slot(d->op[1].reg.value);
		d->i->imm = (s32)(bits == 16 ? cond : cond & 1);
		d->i->fn = bits == 16 ? cmov_rr16 :
			   bits == 32 ? cmov32_fn[pick_pred(d->cc, cond)] :
					cmov64_fn[pick_pred(d->cc, cond)];
	}
	d->i->dst = decode_slot(d->op[0].reg.value);
	return true;
}

/* --- branches --- */

static bool call(struct decode *d)
{
	const ZydisDecodedOperand *o = &d->op[0];

	if (d->zi->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR)
		return false;
	d->way1 = d->next;
	if (o->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
		d->way0 = branch_target(d);
		return ends_block(d, call_rel);
	}
	if (o->size != 64)
		return false;
	if (decode_is_mem(o)) {
		decode_mem(d, o);
		d->i->fn = call_mem;
		d->end = true;
		return true;
	}
	d->i->src = decode_slot(o->reg.value);
	return ends_block(d, call_reg);
}

static bool jmp(struct decode *d)
{
	const ZydisDecodedOperand *o = &d->op[0];

	if (d->zi->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR)
		return false;
	if (o->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
		d->way0 = branch_target(d);
		return ends_block(d, jmp_rel);
	}
	if (o->size != 64)
		return false;
	if (decode_is_mem(o)) {
		decode_mem(d, o);
		d->i->fn = jmp_mem;
		d->end = true;
		return true;
	}
	d->i->src = decode_slot(o->reg.value);
	return ends_block(d, jmp_reg);
}

static bool ret(struct decode *d)
{
	if (d->zi->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR)
		return false;
	d->i->imm = d->op[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE ? (s32)(u16)d->op[0].imm.value.u :
								    0;
	return ends_block(d, ret_near);
}

static bool count_branch(struct decode *d, insn_fn *fn, s32 kind)
{
	d->way0 = branch_target(d);
	d->way1 = d->next;
	d->i->imm = kind;
	return ends_block(d, fn);
}

/* --- moves --- */

static bool mov(struct decode *d)
{
	const ZydisDecodedOperand *a = &d->op[0], *b = &d->op[1];
	int size = decode_size(a->size);
	enum form form;

	if (b->type == ZYDIS_OPERAND_TYPE_REGISTER && !decode_is_gpr(b))
		return false; /* segment, control and debug registers: decode_system */
	if (b->type == ZYDIS_OPERAND_TYPE_IMMEDIATE && size == CC_64 &&
	    (s32)b->imm.value.s != b->imm.value.s) {
		d->i->dst = decode_slot(a->reg.value);
		d->i->imm64 = b->imm.value.u;
		d->i->fn = mov_abs;
		return true;
	}
	if (!two_operands(d, &form))
		return false;
	switch (form) {
	case F_RR:
		d->i->fn = mov_rr_fn[size];
		break;
	case F_RI:
		d->i->fn = mov_ri_fn[size];
		break;
	case F_RM:
		d->i->fn = d->i->index == REG_ZERO ? load_bd_fn[size] : load_fn[size];
		break;
	case F_MR:
		d->i->fn = d->i->index == REG_ZERO ? store_bd_fn[size] : store_fn[size];
		break;
	default:
		d->i->fn = store_imm_fn[size];
		break;
	}
	return true;
}

static bool extend(struct decode *d, bool sign)
{
	static insn_fn *const zx[2][2][2] = { { { movzx8_16, movzx8_16m },
						{ movzx8_32, movzx8_32m } },
					      { { NULL, NULL }, { movzx16_32, movzx16_32m } } };
	static insn_fn *const sx[3][3][2] = {
		{ { movsx8_16, movsx8_16m }, { movsx8_32, movsx8_32m }, { movsx8_64, movsx8_64m } },
		{ { NULL, NULL }, { movsx16_32, movsx16_32m }, { movsx16_64, movsx16_64m } },
		{ { NULL, NULL }, { NULL, NULL }, { movsx32_64, movsx32_64m } },
	};
	int from = decode_size(d->op[1].size), to = decode_size(d->op[0].size);
	bool mem = decode_is_mem(&d->op[1]);

	if (mem)
		decode_mem(d, &d->op[1]);
	else
		d->i->src = decode_slot(d->op[1].reg.value);
	d->i->dst = decode_slot(d->op[0].reg.value);
	if (from >= to) { /* MOVSXD and MOVSX that do not widen are plain moves */
		d->i->fn = mem ? load_fn[to] : mov_rr_fn[to];
		return true;
	}
	d->i->fn = sign ? sx[from][to - 1][mem] : zx[from][to == CC_16 ? 0 : 1][mem];
	return d->i->fn != NULL;
}

static bool lea(struct decode *d)
{
	unsigned bits = d->op[0].size;

	decode_mem(d, &d->op[1]);
	d->i->dst = decode_slot(d->op[0].reg.value);
	if (bits == 64)
		d->i->fn = d->i->index == REG_ZERO ? lea64_bd : d->i->scale == 0 ? lea64_bi : lea64;
	else
		d->i->fn = bits == 32 ? lea32 : lea16;
	return true;
}

static bool push(struct decode *d)
{
	const ZydisDecodedOperand *o = &d->op[0];
	bool narrow = d->zi->operand_width == 16;

	if (o->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
		d->i->imm = (s32)o->imm.value.s;
		d->i->fn = narrow ? push_i16 : push_i;
		return true;
	}
	if (decode_is_mem(o)) {
		decode_mem(d, o);
		d->i->fn = narrow ? push_m16 : push_m;
		return true;
	}
	if (!decode_is_gpr(o))
		return false;
	d->i->src = decode_slot(o->reg.value);
	d->i->fn = narrow ? push_r16 : push_r;
	return true;
}

static bool pop(struct decode *d)
{
	const ZydisDecodedOperand *o = &d->op[0];
	bool narrow = d->zi->operand_width == 16;

	if (decode_is_mem(o)) {
		decode_mem(d, o);
		d->i->fn = narrow ? pop_m16 : pop_m;
		return true;
	}
	if (!decode_is_gpr(o))
		return false;
	d->i->dst = decode_slot(o->reg.value);
	d->i->fn = narrow ? pop_r16 : pop_r;
	return true;
}

/* XCHG, XADD, CMPXCHG: [0] register, [1] memory. The register operand of a memory form is src. */
static bool exchange(struct decode *d, insn_fn *const fn[2][4])
{
	const ZydisDecodedOperand *a = &d->op[0], *b = &d->op[1];
	int size = decode_size(a->size);

	if (decode_is_mem(b)) { /* XCHG may come with the memory operand second */
		a = &d->op[1];
		b = &d->op[0];
	}
	if (decode_is_mem(a)) {
		decode_mem(d, a);
		d->i->src = decode_slot(b->reg.value);
		d->i->fn = fn[1][size];
		return true;
	}
	d->i->dst = decode_slot(a->reg.value);
	d->i->src = decode_slot(b->reg.value);
	d->i->fn = fn[0][size];
	return true;
}

/* --- shifts, multiplication, bits --- */

static bool shift(struct decode *d, enum shift op)
{
	static const u8 kinds[NR_SHIFTS] = {
		[SH_SHL] = CC_SHL, [SH_SHR] = CC_SHR, [SH_SAR] = CC_SAR
	};
	const ZydisDecodedOperand *a = &d->op[0], *c = &d->op[1];
	int size = decode_size(a->size);
	bool mem = decode_is_mem(a), imm = c->type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
	unsigned count = imm ? (unsigned)c->imm.value.u & (size == CC_64 ? 63 : 31) : 0;

	if (mem)
		decode_mem(d, a);
	else
		d->i->dst = decode_slot(a->reg.value);
	d->i->imm = (s32)count;
	if (imm && count == 0 && !mem) {
		d->i->src = d->i->dst;
		d->i->fn = size == CC_32 ? mov_rr_fn[CC_32] : nop;
		return true;
	}
	d->i->fn = shift_fn[op][mem ? (imm ? SHF_MI : SHF_MC) : (imm ? SHF_RI : SHF_RC)][size];
	d->cc = imm && count && kinds[op] ? kinds[op] | size : CC_UNKNOWN;
	return true;
}

static bool double_shift(struct decode *d, insn_fn *const fn[2][4])
{
	const ZydisDecodedOperand *a = &d->op[0], *c = &d->op[2];
	bool mem = decode_is_mem(a);

	if (mem)
		decode_mem(d, a);
	else
		d->i->dst = decode_slot(a->reg.value);
	d->i->src = decode_slot(d->op[1].reg.value);
	d->i->imm = c->type == ZYDIS_OPERAND_TYPE_IMMEDIATE ? (s32)(u8)c->imm.value.u : -1;
	d->i->fn = fn[mem][decode_size(a->size)];
	d->cc = CC_UNKNOWN;
	return true;
}

/* One operand, register or memory, in op[n]; the destination if any in dst. */
static bool one_operand(struct decode *d, unsigned n, insn_fn *const fn[2][4])
{
	const ZydisDecodedOperand *o = &d->op[n];
	bool mem = decode_is_mem(o);

	if (mem)
		decode_mem(d, o);
	else
		d->i->src = decode_slot(o->reg.value);
	if (n == 1)
		d->i->dst = decode_slot(d->op[0].reg.value);
	d->i->fn = fn[mem][decode_size(o->size)];
	d->cc = CC_UNKNOWN;
	return d->i->fn != NULL;
}

static bool imul(struct decode *d)
{
	d->cost += d->m->cost->cycles[COST_INSN_MUL];
	if (d->zi->operand_count_visible == 1)
		return one_operand(d, 0, imul1_fn);
	if (d->zi->operand_count_visible == 2)
		return one_operand(d, 1, imul2_fn);
	if (!one_operand(d, 1, imul3_fn))
		return false;
	d->i->imm = (s32)d->op[2].imm.value.s;
	return true;
}

static bool bit(struct decode *d, enum bitop op)
{
	const ZydisDecodedOperand *a = &d->op[0], *b = &d->op[1];
	bool mem = decode_is_mem(a), imm = b->type == ZYDIS_OPERAND_TYPE_IMMEDIATE;

	if (mem)
		decode_mem(d, a);
	else
		d->i->dst = decode_slot(a->reg.value);
	if (imm)
		d->i->imm = (s32)((unsigned)b->imm.value.u & (a->size - 1u));
	else
		d->i->src = decode_slot(b->reg.value);
	d->i->fn = bit_fn[op][mem ? (imm ? BITF_MI : BITF_MR) : (imm ? BITF_RI : BITF_RR)]
			 [decode_size(a->size)];
	d->cc = CC_UNKNOWN;
	return d->i->fn != NULL;
}

/* The last F2 or F3 before the opcode, 0 when none. */
static u8 repeat_prefix(const ZydisDecodedInstruction *zi)
{
	u8 last = 0, k;

	for (k = 0; k < zi->raw.prefix_count; k++)
		if (zi->raw.prefixes[k].value == 0xf2 || zi->raw.prefixes[k].value == 0xf3)
			last = zi->raw.prefixes[k].value;
	return last;
}

static bool string(struct decode *d, insn_fn *fn, int size)
{
	u8 rep = repeat_prefix(d->zi);

	if (d->zi->opcode_map != ZYDIS_OPCODE_MAP_DEFAULT)
		return false; /* MOVSD and CMPSD of SSE2 */
	d->i->imm = size |
		    (rep == 0xf3 ? STR_REP :
		     rep == 0xf2 ? STR_REPNE :
				   0) |
		    (d->zi->address_width == 32 ? STR_ADDR32 : 0);
	d->i->src = REG_ZERO;
	if (d->zi->attributes & ZYDIS_ATTRIB_HAS_SEGMENT_FS)
		d->i->src = REG_FSBASE;
	if (d->zi->attributes & ZYDIS_ATTRIB_HAS_SEGMENT_GS)
		d->i->src = REG_GSBASE;
	d->i->fn = fn;
	if (fn == str_cmps || fn == str_scas)
		d->cc = CC_UNKNOWN;
	return true;
}

static bool plain(struct decode *d, insn_fn *fn)
{
	d->i->fn = fn;
	return true;
}

static bool flag(struct decode *d, insn_fn *fn)
{
	d->cc = CC_UNKNOWN;
	return plain(d, fn);
}

bool decode_integer(struct decode *d)
{
	unsigned bits = d->zi->operand_width;

	switch (d->zi->mnemonic) {
	case ZYDIS_MNEMONIC_MOV:
		return mov(d);
	case ZYDIS_MNEMONIC_LEA:
		return lea(d);
	case ZYDIS_MNEMONIC_ADD:
		return alu(d, ALU_ADD);
	case ZYDIS_MNEMONIC_OR:
		return alu(d, ALU_OR);
	case ZYDIS_MNEMONIC_ADC:
		return alu(d, ALU_ADC);
	case ZYDIS_MNEMONIC_SBB:
		return alu(d, ALU_SBB);
	case ZYDIS_MNEMONIC_AND:
		return alu(d, ALU_AND);
	case ZYDIS_MNEMONIC_SUB:
		return alu(d, ALU_SUB);
	case ZYDIS_MNEMONIC_XOR:
		return alu(d, ALU_XOR);
	case ZYDIS_MNEMONIC_CMP:
		return alu(d, ALU_CMP);
	case ZYDIS_MNEMONIC_TEST:
		return alu(d, ALU_TEST);
	case ZYDIS_MNEMONIC_INC:
		return unary(d, UN_INC);
	case ZYDIS_MNEMONIC_DEC:
		return unary(d, UN_DEC);
	case ZYDIS_MNEMONIC_NEG:
		return unary(d, UN_NEG);
	case ZYDIS_MNEMONIC_NOT:
		return unary(d, UN_NOT);
	case ZYDIS_MNEMONIC_JO:
	case ZYDIS_MNEMONIC_JNO:
	case ZYDIS_MNEMONIC_JB:
	case ZYDIS_MNEMONIC_JNB:
	case ZYDIS_MNEMONIC_JZ:
	case ZYDIS_MNEMONIC_JNZ:
	case ZYDIS_MNEMONIC_JBE:
	case ZYDIS_MNEMONIC_JNBE:
	case ZYDIS_MNEMONIC_JS:
	case ZYDIS_MNEMONIC_JNS:
	case ZYDIS_MNEMONIC_JP:
	case ZYDIS_MNEMONIC_JNP:
	case ZYDIS_MNEMONIC_JL:
	case ZYDIS_MNEMONIC_JNL:
	case ZYDIS_MNEMONIC_JLE:
	case ZYDIS_MNEMONIC_JNLE:
		return jcc(d);
	case ZYDIS_MNEMONIC_SETO:
	case ZYDIS_MNEMONIC_SETNO:
	case ZYDIS_MNEMONIC_SETB:
	case ZYDIS_MNEMONIC_SETNB:
	case ZYDIS_MNEMONIC_SETZ:
	case ZYDIS_MNEMONIC_SETNZ:
	case ZYDIS_MNEMONIC_SETBE:
	case ZYDIS_MNEMONIC_SETNBE:
	case ZYDIS_MNEMONIC_SETS:
	case ZYDIS_MNEMONIC_SETNS:
	case ZYDIS_MNEMONIC_SETP:
	case ZYDIS_MNEMONIC_SETNP:
	case ZYDIS_MNEMONIC_SETL:
	case ZYDIS_MNEMONIC_SETNL:
	case ZYDIS_MNEMONIC_SETLE:
	case ZYDIS_MNEMONIC_SETNLE:
		return setcc(d);
	case ZYDIS_MNEMONIC_CMOVO:
	case ZYDIS_MNEMONIC_CMOVNO:
	case ZYDIS_MNEMONIC_CMOVB:
	case ZYDIS_MNEMONIC_CMOVNB:
	case ZYDIS_MNEMONIC_CMOVZ:
	case ZYDIS_MNEMONIC_CMOVNZ:
	case ZYDIS_MNEMONIC_CMOVBE:
	case ZYDIS_MNEMONIC_CMOVNBE:
	case ZYDIS_MNEMONIC_CMOVS:
	case ZYDIS_MNEMONIC_CMOVNS:
	case ZYDIS_MNEMONIC_CMOVP:
	case ZYDIS_MNEMONIC_CMOVNP:
	case ZYDIS_MNEMONIC_CMOVL:
	case ZYDIS_MNEMONIC_CMOVNL:
	case ZYDIS_MNEMONIC_CMOVLE:
	case ZYDIS_MNEMONIC_CMOVNLE:
		return cmov(d);
	case ZYDIS_MNEMONIC_JMP:
		return jmp(d);
	case ZYDIS_MNEMONIC_CALL:
		return call(d);
	case ZYDIS_MNEMONIC_RET:
		return ret(d);
	case ZYDIS_MNEMONIC_JRCXZ:
		return count_branch(d, jrcxz, 0);
	case ZYDIS_MNEMONIC_JECXZ:
		return count_branch(d, jecxz, 0);
	case ZYDIS_MNEMONIC_LOOP:
		return count_branch(d, d->zi->address_width == 32 ? loop_ecx : loop_rcx, 0);
	case ZYDIS_MNEMONIC_LOOPE:
		return count_branch(d, d->zi->address_width == 32 ? loop_ecx : loop_rcx, 1);
	case ZYDIS_MNEMONIC_LOOPNE:
		return count_branch(d, d->zi->address_width == 32 ? loop_ecx : loop_rcx, 2);
	case ZYDIS_MNEMONIC_MOVZX:
		return extend(d, false);
	case ZYDIS_MNEMONIC_MOVSX:
	case ZYDIS_MNEMONIC_MOVSXD:
		return extend(d, true);
	case ZYDIS_MNEMONIC_PUSH:
		return push(d);
	case ZYDIS_MNEMONIC_POP:
		return pop(d);
	case ZYDIS_MNEMONIC_LEAVE:
		return plain(d, bits == 16 ? leave16 : leave);
	case ZYDIS_MNEMONIC_ENTER:
		if (bits == 16 || (d->op[1].imm.value.u & 31) != 0)
			return false;
		d->i->imm = (s32)(u16)d->op[0].imm.value.u;
		return plain(d, enter);
	case ZYDIS_MNEMONIC_XCHG:
		if (decode_is_mem(&d->op[0]) && !(d->zi->attributes & ZYDIS_ATTRIB_HAS_LOCK))
			d->cost += d->m->cost->cycles[COST_LOCK_RMW];
		return exchange(d, xchg_fn);
	case ZYDIS_MNEMONIC_XADD:
		d->cc = CC_ADD | decode_size(d->op[0].size);
		return exchange(d, xadd_fn);
	case ZYDIS_MNEMONIC_CMPXCHG:
		d->cc = CC_SUB | decode_size(d->op[0].size);
		return exchange(d, cmpxchg_fn);
	case ZYDIS_MNEMONIC_CMPXCHG8B:
		decode_mem(d, &d->op[0]);
		return flag(d, cmpxchg8b);
	case ZYDIS_MNEMONIC_CMPXCHG16B:
		decode_mem(d, &d->op[0]);
		return flag(d, cmpxchg16b);
	case ZYDIS_MNEMONIC_BSWAP:
		d->i->dst = decode_slot(d->op[0].reg.value);
		if (d->op[0].size == 16) { /* undefined; AMD clears the register's low half */
			d->i->imm = 0;
			return plain(d, mov_ri_fn[CC_16]);
		}
		return plain(d, d->op[0].size == 64 ? bswap64 : bswap32);
	case ZYDIS_MNEMONIC_CBW:
		return plain(d, cbw);
	case ZYDIS_MNEMONIC_CWDE:
		return plain(d, cwde);
	case ZYDIS_MNEMONIC_CDQE:
		return plain(d, cdqe);
	case ZYDIS_MNEMONIC_CWD:
		return plain(d, cwd);
	case ZYDIS_MNEMONIC_CDQ:
		return plain(d, cdq);
	case ZYDIS_MNEMONIC_CQO:
		return plain(d, cqo);
	case ZYDIS_MNEMONIC_XLAT:
		d->i->base = RBX;
		if (d->zi->attributes & ZYDIS_ATTRIB_HAS_SEGMENT_FS)
			d->i->index = REG_FSBASE;
		if (d->zi->attributes & ZYDIS_ATTRIB_HAS_SEGMENT_GS)
			d->i->index = REG_GSBASE;
		return plain(d, d->zi->address_width == 32 ? xlat32 : xlat);
	case ZYDIS_MNEMONIC_LAHF:
		return plain(d, lahf);
	case ZYDIS_MNEMONIC_SAHF:
		return flag(d, sahf);
	case ZYDIS_MNEMONIC_CLC:
		return flag(d, clc);
	case ZYDIS_MNEMONIC_STC:
		return flag(d, stc);
	case ZYDIS_MNEMONIC_CMC:
		return flag(d, cmc);
	case ZYDIS_MNEMONIC_CLD:
		return plain(d, cld);
	case ZYDIS_MNEMONIC_STD:
		return plain(d, std_);
	case ZYDIS_MNEMONIC_ROL:
		return shift(d, SH_ROL);
	case ZYDIS_MNEMONIC_ROR:
		return shift(d, SH_ROR);
	case ZYDIS_MNEMONIC_RCL:
		return shift(d, SH_RCL);
	case ZYDIS_MNEMONIC_RCR:
		return shift(d, SH_RCR);
	case ZYDIS_MNEMONIC_SHL:
		return shift(d, SH_SHL);
	case ZYDIS_MNEMONIC_SHR:
		return shift(d, SH_SHR);
	case ZYDIS_MNEMONIC_SAR:
		return shift(d, SH_SAR);
	case ZYDIS_MNEMONIC_SHLD:
		return double_shift(d, shld_fn);
	case ZYDIS_MNEMONIC_SHRD:
		return double_shift(d, shrd_fn);
	case ZYDIS_MNEMONIC_MUL:
		d->cost += d->m->cost->cycles[COST_INSN_MUL];
		return one_operand(d, 0, mul_fn);
	case ZYDIS_MNEMONIC_IMUL:
		return imul(d);
	case ZYDIS_MNEMONIC_DIV:
		d->cost += d->m->cost->cycles[COST_INSN_DIV];
		return one_operand(d, 0, div_fn);
	case ZYDIS_MNEMONIC_IDIV:
		d->cost += d->m->cost->cycles[COST_INSN_DIV];
		return one_operand(d, 0, idiv_fn);
	case ZYDIS_MNEMONIC_BT:
		return bit(d, BIT_BT);
	case ZYDIS_MNEMONIC_BTS:
		return bit(d, BIT_BTS);
	case ZYDIS_MNEMONIC_BTR:
		return bit(d, BIT_BTR);
	case ZYDIS_MNEMONIC_BTC:
		return bit(d, BIT_BTC);
	case ZYDIS_MNEMONIC_BSF:
		return one_operand(d, 1, bsf_fn);
	case ZYDIS_MNEMONIC_BSR:
		return one_operand(d, 1, bsr_fn);
	case ZYDIS_MNEMONIC_MOVSB:
		return string(d, str_movs, CC_8);
	case ZYDIS_MNEMONIC_MOVSW:
		return string(d, str_movs, CC_16);
	case ZYDIS_MNEMONIC_MOVSD:
		return string(d, str_movs, CC_32);
	case ZYDIS_MNEMONIC_MOVSQ:
		return string(d, str_movs, CC_64);
	case ZYDIS_MNEMONIC_STOSB:
		return string(d, str_stos, CC_8);
	case ZYDIS_MNEMONIC_STOSW:
		return string(d, str_stos, CC_16);
	case ZYDIS_MNEMONIC_STOSD:
		return string(d, str_stos, CC_32);
	case ZYDIS_MNEMONIC_STOSQ:
		return string(d, str_stos, CC_64);
	case ZYDIS_MNEMONIC_LODSB:
		return string(d, str_lods, CC_8);
	case ZYDIS_MNEMONIC_LODSW:
		return string(d, str_lods, CC_16);
	case ZYDIS_MNEMONIC_LODSD:
		return string(d, str_lods, CC_32);
	case ZYDIS_MNEMONIC_LODSQ:
		return string(d, str_lods, CC_64);
	case ZYDIS_MNEMONIC_CMPSB:
		return string(d, str_cmps, CC_8);
	case ZYDIS_MNEMONIC_CMPSW:
		return string(d, str_cmps, CC_16);
	case ZYDIS_MNEMONIC_CMPSD:
		return string(d, str_cmps, CC_32);
	case ZYDIS_MNEMONIC_CMPSQ:
		return string(d, str_cmps, CC_64);
	case ZYDIS_MNEMONIC_SCASB:
		return string(d, str_scas, CC_8);
	case ZYDIS_MNEMONIC_SCASW:
		return string(d, str_scas, CC_16);
	case ZYDIS_MNEMONIC_SCASD:
		return string(d, str_scas, CC_32);
	case ZYDIS_MNEMONIC_SCASQ:
		return string(d, str_scas, CC_64);
	case ZYDIS_MNEMONIC_NOP:
	case ZYDIS_MNEMONIC_PAUSE:
	case ZYDIS_MNEMONIC_PREFETCH:
	case ZYDIS_MNEMONIC_PREFETCHW:
	case ZYDIS_MNEMONIC_PREFETCHNTA:
	case ZYDIS_MNEMONIC_PREFETCHT0:
	case ZYDIS_MNEMONIC_PREFETCHT1:
	case ZYDIS_MNEMONIC_PREFETCHT2:
	case ZYDIS_MNEMONIC_LFENCE:
	case ZYDIS_MNEMONIC_MFENCE:
	case ZYDIS_MNEMONIC_SFENCE:
		return plain(d, nop);
	default:
		return false;
	}
}
