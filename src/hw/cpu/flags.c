/* SPDX-License-Identifier: MIT */
/*
 * The arithmetic flags of RFLAGS, worked out when somebody looks.
 *
 * Nearly every integer instruction sets six flags and nearly no one reads them, so handlers only
 * note what they computed (flags.h has the table) and this file answers the rare general question.
 * Jcc handlers answer the common ones themselves from the same fields. Called by the handlers, by
 * cpu_deliver and PUSHF (through cpu_rflags) and by whoever sets RFLAGS.
 *
 *	cmp eax=3, 5:   cc_op = CC_SUB|CC_32, cc_dst = 0xfffffffe, cc_src = 5
 *	  the first operand is dst + src = 3;  CF = 3 < 5 = 1;  ZF = 0;  SF = bit 31 = 1
 *	  OF = (3 ^ 5) & (3 ^ dst) at bit 31 = 0;  AF = (3 ^ 5 ^ dst) bit 4 = 1;  PF of 0xfe = 0
 *
 *	F1 cc_op == CC_EFLAGS: the arithmetic bits of cpu->rflags are true. Otherwise those bits are
 *	   stale and mean nothing.
 *	F2 All other bits of cpu->rflags are always true; bit 1 is always 1.
 *	F3 With CC_OVR, CF and OF are in cc_src2 and the other four come from the kind; the kind is
 *	   then none that uses cc_src2.
 *
 * Flags the manuals leave undefined are what AMD's Zen cores leave, so that a run can be compared
 * with such a host bit by bit: AND/OR/XOR/TEST clear AF; shifts set AF, and OF is computed for
 * every count as for a count of 1 (SAR: 0); MUL and IMUL leave SF, ZF, AF and PF alone; DIV clears
 * SF, ZF and PF and sets AF; BSF and BSR change ZF only; BT and its kin change CF only.
 *
 * Units:   cc values are zero-extended operands.
 * Owner:   the CPU.
 * Locking: none; only the owning CPU's instructions come here.
 * Errors:  none.
 * Time:    about 5 ns for all six; no virtual time.
 * Source:  Intel SDM vol. 1 3.4.3 and vol. 2; undefined bits as measured on Zen 3.
 */

#include "hw/cpu/flags.h"

static u64 msb_mask(u32 cc_op)
{
	return 1ull << ((8u << (cc_op & CC_SIZE_MASK)) - 1);
}

/* The first operand of an addition or subtraction, from result and second operand. */
static u64 first_operand(const struct cpu *cpu)
{
	u64 mask = (msb_mask(cpu->cc_op) << 1) - 1;

	switch (cpu->cc_op & CC_KIND_MASK) {
	case CC_ADD:
		return (cpu->cc_dst - cpu->cc_src) & mask;
	case CC_ADC:
		return (cpu->cc_dst - cpu->cc_src - cpu->cc_src2) & mask;
	case CC_SUB:
		return (cpu->cc_dst + cpu->cc_src) & mask;
	default:
		return (cpu->cc_dst + cpu->cc_src + cpu->cc_src2) & mask;
	}
}

u64 flags_cf(const struct cpu *cpu)
{
	u64 dst = cpu->cc_dst, src = cpu->cc_src;

	if (cpu->cc_op & CC_OVR)
		return cpu->cc_src2 & 1;
	switch (cpu->cc_op & CC_KIND_MASK) {
	case CC_ADD:
		return dst < src;
	case CC_ADC:
		return cpu->cc_src2 ? dst <= src : dst < src;
	case CC_SUB:
		return first_operand(cpu) < src;
	case CC_SBB:
		return cpu->cc_src2 ? first_operand(cpu) <= src : first_operand(cpu) < src;
	case CC_INC:
	case CC_DEC:
		return src;
	case CC_SHL:
		return (src & msb_mask(cpu->cc_op)) != 0;
	case CC_SHR:
	case CC_SAR:
		return src & 1;
	case CC_LOGIC:
		return 0;
	default:
		return cpu->rflags & FLAG_CF;
	}
}

static bool overflow(const struct cpu *cpu)
{
	u64 msb = msb_mask(cpu->cc_op), dst = cpu->cc_dst, src = cpu->cc_src, a;

	if (cpu->cc_op & CC_OVR)
		return cpu->cc_src2 >> 1;
	switch (cpu->cc_op & CC_KIND_MASK) {
	case CC_ADD:
	case CC_ADC:
		a = first_operand(cpu);
		return ((a ^ dst) & (src ^ dst) & msb) != 0;
	case CC_SUB:
	case CC_SBB:
		a = first_operand(cpu);
		return ((a ^ src) & (a ^ dst) & msb) != 0;
	case CC_INC:
		return dst == msb;
	case CC_DEC:
		return dst == msb - 1;
	case CC_SHL:
		return ((src ^ dst) & msb) != 0;
	case CC_SHR:
		return ((dst ^ (dst << 1)) & msb) != 0;
	case CC_LOGIC:
	case CC_SAR:
		return false;
	default:
		return (cpu->rflags & FLAG_OF) != 0;
	}
}

static bool auxiliary(const struct cpu *cpu)
{
	u64 dst = cpu->cc_dst;

	switch (cpu->cc_op & CC_KIND_MASK) {
	case CC_ADD:
	case CC_ADC:
	case CC_SUB:
	case CC_SBB:
		return ((first_operand(cpu) ^ cpu->cc_src ^ dst) & 0x10) != 0;
	case CC_INC:
		return (dst & 0xf) == 0;
	case CC_DEC:
		return (dst & 0xf) == 0xf;
	case CC_LOGIC:
		return false;
	case CC_SHL:
	case CC_SHR:
	case CC_SAR:
		return true;
	default:
		return (cpu->rflags & FLAG_AF) != 0;
	}
}

static bool parity_even(u64 v)
{
	v ^= v >> 4;
	return !((0x6996u >> (v & 0xf)) & 1);
}

u64 flags_arith(const struct cpu *cpu)
{
	u64 f = 0;

	if (cpu->cc_op == CC_EFLAGS)
		return cpu->rflags & FLAGS_ARITH;
	if ((cpu->cc_op & CC_KIND_MASK) == CC_EFLAGS) { /* CC_OVR on top of plain flags */
		f = cpu->rflags & (FLAG_SF | FLAG_ZF | FLAG_AF | FLAG_PF);
		return f | (cpu->cc_src2 & 1) | (cpu->cc_src2 >> 1 ? FLAG_OF : 0);
	}
	if (flags_cf(cpu))
		f |= FLAG_CF;
	if (parity_even(cpu->cc_dst))
		f |= FLAG_PF;
	if (auxiliary(cpu))
		f |= FLAG_AF;
	if (cpu->cc_dst == 0)
		f |= FLAG_ZF;
	if (cpu->cc_dst & msb_mask(cpu->cc_op))
		f |= FLAG_SF;
	if (overflow(cpu))
		f |= FLAG_OF;
	return f;
}

bool flags_cond(const struct cpu *cpu, enum cond c)
{
	u64 f = flags_arith(cpu);
	bool sf_ne_of = ((f & FLAG_SF) != 0) != ((f & FLAG_OF) != 0), r;

	switch (c & ~1u) {
	case COND_O:
		r = (f & FLAG_OF) != 0;
		break;
	case COND_B:
		r = (f & FLAG_CF) != 0;
		break;
	case COND_E:
		r = (f & FLAG_ZF) != 0;
		break;
	case COND_BE:
		r = (f & (FLAG_CF | FLAG_ZF)) != 0;
		break;
	case COND_S:
		r = (f & FLAG_SF) != 0;
		break;
	case COND_P:
		r = (f & FLAG_PF) != 0;
		break;
	case COND_L:
		r = sf_ne_of;
		break;
	default:
		r = (f & FLAG_ZF) || sf_ne_of;
		break;
	}
	return r != (c & 1);
}

void flags_materialise(struct cpu *cpu)
{
	cpu->rflags = (cpu->rflags & ~FLAGS_ARITH) | flags_arith(cpu);
	cpu->cc_op = CC_EFLAGS;
}

u64 cpu_rflags(const struct cpu *cpu)
{
	return (cpu->rflags & ~FLAGS_ARITH) | FLAG_FIXED | flags_arith(cpu);
}

void cpu_set_rflags(struct cpu *cpu, u64 rflags)
{
	u64 changed = cpu->rflags ^ rflags;

	cpu->rflags = rflags | FLAG_FIXED;
	cpu->cc_op = CC_EFLAGS;
	if (changed & FLAG_AC) /* SMAP looks at it */
		tlb_context_changed(cpu);
}

void cpu_set_arith_flags(struct cpu *cpu, u64 bits)
{
	cpu->rflags = (cpu->rflags & ~FLAGS_ARITH) | (bits & FLAGS_ARITH);
	cpu->cc_op = CC_EFLAGS;
}
