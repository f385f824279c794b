/* SPDX-License-Identifier: MIT */
/*
 * Arithmetic and logic: ADD OR ADC SBB AND SUB XOR CMP TEST, INC DEC NEG NOT, in every form and
 * size.
 *
 * The decoder picks handlers from alu_fn and unary_fn; each does its operation and notes for the
 * lazy flags what it did (flags.h). Nothing else happens here.
 *
 *	add %rax, 8(%rdi):  alu_fn[ALU_ADD][F_MR][CC_64], src = RAX, base = RDI, disp = 8
 *	  p = write slot of rdi + 8 hit -> host pointer;  *p += rax;  cc = (CC_ADD|CC_64, sum, rax)
 *
 *	A1 A read-modify-write looks up the write side before it reads, so that its fault has W=1
 *	   and nothing is half done.
 *	A2 Operands of 8 bits are addressed by the byte's offset in cpu->r, so AH and AL need no
 *	   handlers of their own.
 *	A3 A 32-bit result clears the upper half of its register; 8- and 16-bit results leave the
 *	   rest.
 *
 * Units:   operand sizes by enum cc_size.
 * Owner:   the CPU.
 * Locking: a LOCK prefix changes nothing: CPUs of a machine interleave between instructions only.
 * Errors:  faults of memory operands.
 * Time:    COST_INSN, charged by the block.
 * Source:  Intel SDM vol. 2.
 */

#include "hw/cpu/handler.h"
#include "hw/cpu/handlers.h"

#define ALU_OPS(B)                                                                                 \
	static force_inline u##B add##B(struct cpu *cpu, u##B a, u##B b)                           \
	{                                                                                          \
		u##B r = (u##B)(a + b);                                                            \
                                                                                                   \
		set_cc(cpu, CC_ADD | CC_##B, r, b);                                                \
		return r;                                                                          \
	}                                                                                          \
	static force_inline u##B sub##B(struct cpu *cpu, u##B a, u##B b)                           \
	{                                                                                          \
		u##B r = (u##B)(a - b);                                                            \
                                                                                                   \
		set_cc(cpu, CC_SUB | CC_##B, r, b);                                                \
		return r;                                                                          \
	}                                                                                          \
	static force_inline u##B cmp##B(struct cpu *cpu, u##B a, u##B b)                           \
	{                                                                                          \
		return sub##B(cpu, a, b);                                                          \
	}                                                                                          \
	static force_inline u##B adc##B(struct cpu *cpu, u##B a, u##B b)                           \
	{                                                                                          \
		u64 c = flags_cf(cpu);                                                             \
		u##B r = (u##B)(a + b + c);                                                        \
                                                                                                   \
		cpu->cc_src2 = c;                                                                  \
		set_cc(cpu, CC_ADC | CC_##B, r, b);                                                \
		return r;                                                                          \
	}                                                                                          \
	static force_inline u##B sbb##B(struct cpu *cpu, u##B a, u##B b)                           \
	{                                                                                          \
		u64 c = flags_cf(cpu);                                                             \
		u##B r = (u##B)(a - b - c);                                                        \
                                                                                                   \
		cpu->cc_src2 = c;                                                                  \
		set_cc(cpu, CC_SBB | CC_##B, r, b);                                                \
		return r;                                                                          \
	}                                                                                          \
	static force_inline u##B logic##B(struct cpu *cpu, u##B r)                                 \
	{                                                                                          \
		cpu->cc_op = CC_LOGIC | CC_##B;                                                    \
		cpu->cc_dst = r;                                                                   \
		return r;                                                                          \
	}                                                                                          \
	static force_inline u##B and##B(struct cpu *cpu, u##B a, u##B b)                           \
	{                                                                                          \
		return logic##B(cpu, a & b);                                                       \
	}                                                                                          \
	static force_inline u##B test##B(struct cpu *cpu, u##B a, u##B b)                          \
	{                                                                                          \
		return logic##B(cpu, a & b);                                                       \
	}                                                                                          \
	static force_inline u##B or ##B(struct cpu *cpu, u##B a, u##B b)                           \
	{                                                                                          \
		return logic##B(cpu, a | b);                                                       \
	}                                                                                          \
	static force_inline u##B xor ##B(struct cpu *cpu, u##B a, u##B b)                          \
	{                                                                                          \
		return logic##B(cpu, a ^ b);                                                       \
	}

ALU_OPS(8)
ALU_OPS(16)
ALU_OPS(32)
ALU_OPS(64)

/* Forms of an operation that writes its destination. */
#define WRITING_FORMS(op, B)                                                                       \
	static HANDLER(op##_rr##B)                                                                 \
	{                                                                                          \
		set##B(cpu, i->dst, op##B(cpu, get##B(cpu, i->dst), get##B(cpu, i->src)));         \
		NEXT;                                                                              \
	}                                                                                          \
	static HANDLER(op##_ri##B)                                                                 \
	{                                                                                          \
		set##B(cpu, i->dst, op##B(cpu, get##B(cpu, i->dst), (u##B)(s64)i->imm));           \
		NEXT;                                                                              \
	}                                                                                          \
	STATIC_MEM_HANDLER(op##_rm##B)                                                             \
	{                                                                                          \
		u##B v;                                                                            \
                                                                                                   \
		LOAD(u##B, v, EA);                                                                 \
		set##B(cpu, i->dst, op##B(cpu, get##B(cpu, i->dst), v));                           \
		NEXT;                                                                              \
	}                                                                                          \
	STATIC_MEM_HANDLER(op##_mr##B)                                                             \
	{                                                                                          \
		RMW_BEGIN(u##B, p, EA);                                                            \
		*p = op##B(cpu, *p, get##B(cpu, i->src));                                          \
		RMW_END;                                                                           \
		NEXT;                                                                              \
	}                                                                                          \
	STATIC_MEM_HANDLER(op##_mi##B)                                                             \
	{                                                                                          \
		RMW_BEGIN(u##B, p, EA);                                                            \
		*p = op##B(cpu, *p, (u##B)(s64)i->imm);                                            \
		RMW_END;                                                                           \
		NEXT;                                                                              \
	}

/* Forms of CMP and TEST, which only set flags. */
#define COMPARING_FORMS(op, B)                                                                     \
	static HANDLER(op##_rr##B)                                                                 \
	{                                                                                          \
		op##B(cpu, get##B(cpu, i->dst), get##B(cpu, i->src));                              \
		NEXT;                                                                              \
	}                                                                                          \
	static HANDLER(op##_ri##B)                                                                 \
	{                                                                                          \
		op##B(cpu, get##B(cpu, i->dst), (u##B)(s64)i->imm);                                \
		NEXT;                                                                              \
	}                                                                                          \
	STATIC_MEM_HANDLER(op##_rm##B)                                                             \
	{                                                                                          \
		u##B v;                                                                            \
                                                                                                   \
		LOAD(u##B, v, EA);                                                                 \
		op##B(cpu, get##B(cpu, i->dst), v);                                                \
		NEXT;                                                                              \
	}                                                                                          \
	STATIC_MEM_HANDLER(op##_mr##B)                                                             \
	{                                                                                          \
		u##B v;                                                                            \
                                                                                                   \
		LOAD(u##B, v, EA);                                                                 \
		op##B(cpu, v, get##B(cpu, i->src));                                                \
		NEXT;                                                                              \
	}                                                                                          \
	STATIC_MEM_HANDLER(op##_mi##B)                                                             \
	{                                                                                          \
		u##B v;                                                                            \
                                                                                                   \
		LOAD(u##B, v, EA);                                                                 \
		op##B(cpu, v, (u##B)(s64)i->imm);                                                  \
		NEXT;                                                                              \
	}

#define SIZES(forms, op) forms(op, 8) forms(op, 16) forms(op, 32) forms(op, 64)

/* clang-format off */
SIZES(WRITING_FORMS, add)
SIZES(WRITING_FORMS, or)
SIZES(WRITING_FORMS, adc)
SIZES(WRITING_FORMS, sbb)
SIZES(WRITING_FORMS, and)
SIZES(WRITING_FORMS, sub)
SIZES(WRITING_FORMS, xor)
SIZES(COMPARING_FORMS, cmp)
SIZES(COMPARING_FORMS, test)

#define ROW(op, form) { op##_##form##8, op##_##form##16, op##_##form##32, op##_##form##64 }
#define ALL_FORMS(op) { ROW(op, rr), ROW(op, ri), ROW(op, rm), ROW(op, mr), ROW(op, mi) }
insn_fn *const alu_fn[NR_ALU][NR_FORMS][4] = {
	[ALU_ADD] = ALL_FORMS(add), [ALU_OR] = ALL_FORMS(or),	[ALU_ADC] = ALL_FORMS(adc),
	[ALU_SBB] = ALL_FORMS(sbb), [ALU_AND] = ALL_FORMS(and), [ALU_SUB] = ALL_FORMS(sub),
	[ALU_XOR] = ALL_FORMS(xor), [ALU_CMP] = ALL_FORMS(cmp), [ALU_TEST] = ALL_FORMS(test),
};
/* clang-format on */

#define UNARY_OPS(B)                                                                               \
	static force_inline u##B inc##B(struct cpu *cpu, u##B a)                                   \
	{                                                                                          \
		u64 cf = flags_cf(cpu);                                                            \
                                                                                                   \
		a++;                                                                               \
		set_cc(cpu, CC_INC | CC_##B, a, cf);                                               \
		return a;                                                                          \
	}                                                                                          \
	static force_inline u##B dec##B(struct cpu *cpu, u##B a)                                   \
	{                                                                                          \
		u64 cf = flags_cf(cpu);                                                            \
                                                                                                   \
		a--;                                                                               \
		set_cc(cpu, CC_DEC | CC_##B, a, cf);                                               \
		return a;                                                                          \
	}                                                                                          \
	static force_inline u##B neg##B(struct cpu *cpu, u##B a)                                   \
	{                                                                                          \
		u##B r = (u##B)(0 - a);                                                            \
                                                                                                   \
		set_cc(cpu, CC_SUB | CC_##B, r, a);                                                \
		return r;                                                                          \
	}                                                                                          \
	static force_inline u##B not ##B(struct cpu * cpu, u##B a)                                 \
	{                                                                                          \
		(void)cpu;                                                                         \
		return (u##B) ~a;                                                                  \
	}

UNARY_OPS(8)
UNARY_OPS(16)
UNARY_OPS(32)
UNARY_OPS(64)

#define UNARY_FORMS(op, B)                                                                         \
	static HANDLER(op##_r##B)                                                                  \
	{                                                                                          \
		set##B(cpu, i->dst, op##B(cpu, get##B(cpu, i->dst)));                              \
		NEXT;                                                                              \
	}                                                                                          \
	STATIC_MEM_HANDLER(op##_m##B)                                                              \
	{                                                                                          \
		RMW_BEGIN(u##B, p, EA);                                                            \
		*p = op##B(cpu, *p);                                                               \
		RMW_END;                                                                           \
		NEXT;                                                                              \
	}

/* clang-format off */
SIZES(UNARY_FORMS, inc)
SIZES(UNARY_FORMS, dec)
SIZES(UNARY_FORMS, neg)
SIZES(UNARY_FORMS, not)

#define UNARY(op) { ROW(op, r), ROW(op, m) }
insn_fn *const unary_fn[NR_UNARY][2][4] = {
	[UN_INC] = UNARY(inc), [UN_DEC] = UNARY(dec), [UN_NEG] = UNARY(neg), [UN_NOT] = UNARY(not),
};
/* clang-format on */
