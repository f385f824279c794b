/* SPDX-License-Identifier: MIT */
#ifndef HW_CPU_FLAGS_H
#define HW_CPU_FLAGS_H

/*
 * Lazy arithmetic flags. An instruction stores how it computed (cpu->cc_op) and two values; a flag
 * is worked out when someone asks. cc_op is kind | size, with CC_OVR on top when CF and OF were set
 * apart from the rest (MUL, rotates).
 *
 *	kind		cc_dst		cc_src				cc_src2
 *	CC_ADD		result		second operand
 *	CC_ADC		result		second operand			carry in
 *	CC_SUB		result		second operand (CMP, NEG too)
 *	CC_SBB		result		second operand			borrow in
 *	CC_LOGIC	result
 *	CC_INC/DEC	result		CF before
 *	CC_SHL		result		operand << (count - 1)
 *	CC_SHR/SAR	result		operand >> (count - 1)
 *	| CC_OVR	as the kind	as the kind			bit 0: CF, bit 1: OF
 *	CC_EFLAGS	cpu->rflags holds the arithmetic bits
 *
 * Values are zero-extended from the operand size. Included by src/hw/cpu/ only.
 */

#include "hw/cpu.h"
#include "hw/fp/fp.h"

enum cc_size { CC_8, CC_16, CC_32, CC_64 };
enum cc_kind {
	CC_EFLAGS = 0,
	CC_ADD = 4,
	CC_ADC = 8,
	CC_SUB = 12,
	CC_SBB = 16,
	CC_LOGIC = 20,
	CC_INC = 24,
	CC_DEC = 28,
	CC_SHL = 32,
	CC_SHR = 36,
	CC_SAR = 40,
};
#define CC_KIND_MASK 0x3cu
#define CC_SIZE_MASK 3u
#define CC_OVR 0x40u

/* x86 condition codes, as the low nibble of Jcc. An odd one is its neighbour's negation. */
enum cond {
	COND_O,
	COND_NO,
	COND_B,
	COND_AE,
	COND_E,
	COND_NE,
	COND_BE,
	COND_A,
	COND_S,
	COND_NS,
	COND_P,
	COND_NP,
	COND_L,
	COND_GE,
	COND_LE,
	COND_G
};

/* The six arithmetic flags now, as RFLAGS bits. */
u64 flags_arith(const struct cpu *cpu);
/* CF alone: 0 or 1. */
u64 flags_cf(const struct cpu *cpu);
/* Whether x86 condition code c holds now. */
bool flags_cond(const struct cpu *cpu, enum cond c);
/*
 * Put the arithmetic flags into cpu->rflags (cc_op becomes CC_EFLAGS), so that single bits can be
 * changed there.
 */
void flags_materialise(struct cpu *cpu);

static inline bool cc_uses_src2(u32 cc_op)
{
	u32 kind = cc_op & CC_KIND_MASK;

	return kind == CC_ADC || kind == CC_SBB;
}

/* CF and OF become these, the other flags stay what they are. */
static inline void cc_override(struct cpu *cpu, u64 cf, u64 of)
{
	if (__builtin_expect(cc_uses_src2(cpu->cc_op), 0))
		flags_materialise(cpu);
	cpu->cc_op |= CC_OVR;
	cpu->cc_src2 = cf | of << 1;
}

#endif
