/* SPDX-License-Identifier: MIT */
/*
 * Multiplication, division, and instructions on single bits: MUL IMUL DIV IDIV, BT BTS BTR BTC, BSF
 * BSR.
 *
 * The decoder picks handlers from the tables at the end of each part; the operand that may be in
 * memory is src or the address.
 *
 *	imul %ecx, %eax after cmp:  only CF and OF change, so cc_op keeps its kind and CC_OVR is put
 *	on top bt %rdi, (%rsi) with rdi = -1:  the quadword at rsi - 8, bit 63
 *
 *	U1 A division that faults has changed nothing.
 *	U2 A bit string in memory is addressed by the signed bit index, in units of the operand
 *	   size.
 *	U3 BSF and BSR of 0 set ZF and leave the whole 64-bit destination alone.
 *
 * Units:   operand sizes by enum cc_size.
 * Owner:   the CPU.
 * Locking: none.
 * Errors:  #DE; faults of memory operands.
 * Time:    COST_INSN, plus COST_INSN_MUL or COST_INSN_DIV, charged by the block.
 * Source:  Intel SDM vol. 2; flags left undefined there as measured on Zen 3.
 */

#include "hw/cpu/handler.h"
#include "hw/cpu/handlers.h"

/* CF = OF = overflow, the other flags stay. */
static force_inline void set_overflow(struct cpu *cpu, bool overflow)
{
	cc_override(cpu, overflow, overflow);
}

#define MULTIPLY(B, W)                                                                             \
	static void mul_do##B(struct cpu *cpu, u##B b)                                             \
	{                                                                                          \
		u##W p = (u##W)get##B(cpu, RAX) * b;                                               \
                                                                                                   \
		set##B(cpu, RAX, (u##B)p);                                                         \
		set##B(cpu, RDX, (u##B)(p >> B));                                                  \
		set_overflow(cpu, (u##B)(p >> B) != 0);                                            \
	}                                                                                          \
	static void imul_do##B(struct cpu *cpu, u##B b)                                            \
	{                                                                                          \
		s##W p = (s##W)(s##B)get##B(cpu, RAX) * (s##B)b;                                   \
                                                                                                   \
		set##B(cpu, RAX, (u##B)p);                                                         \
		set##B(cpu, RDX, (u##B)((u##W)p >> B));                                            \
		set_overflow(cpu, p != (s##B)p);                                                   \
	}                                                                                          \
	static bool div_do##B(struct cpu *cpu, u##B b)                                             \
	{                                                                                          \
		u##W a = (u##W)get##B(cpu, RDX) << B | get##B(cpu, RAX), q;                        \
                                                                                                   \
		if (b == 0 || (q = a / b) >> B)                                                    \
			return false;                                                              \
		set##B(cpu, RAX, (u##B)q);                                                         \
		set##B(cpu, RDX, (u##B)(a % b));                                                   \
		return true;                                                                       \
	}                                                                                          \
	static bool idiv_do##B(struct cpu *cpu, u##B b)                                            \
	{                                                                                          \
		u##W a = (u##W)get##B(cpu, RDX) << B | get##B(cpu, RAX);                           \
		bool neg_a = (s##W)a < 0, neg_b = (s##B)b < 0, neg_q = neg_a != neg_b;             \
		u##W ua = neg_a ? 0 - a : a, ub = neg_b ? (u##B)(0 - b) : b, q, r;                 \
                                                                                                   \
		if (b == 0)                                                                        \
			return false;                                                              \
		q = ua / ub;                                                                       \
		r = ua % ub;                                                                       \
		if (q > ((u##W)1 << (B - 1)) - !neg_q)                                             \
			return false;                                                              \
		set##B(cpu, RAX, (u##B)(neg_q ? 0 - q : q));                                       \
		set##B(cpu, RDX, (u##B)(neg_a ? 0 - r : r));                                       \
		return true;                                                                       \
	}

MULTIPLY(16, 32)
MULTIPLY(32, 64)
MULTIPLY(64, 128)

static void mul_do8(struct cpu *cpu, u8 b)
{
	u16 p = (u16)(get8(cpu, 0) * b);

	set16(cpu, RAX, p);
	set_overflow(cpu, p >> 8);
}

static void imul_do8(struct cpu *cpu, u8 b)
{
	s16 p = (s16)((s8)get8(cpu, 0) * (s8)b);

	set16(cpu, RAX, (u16)p);
	set_overflow(cpu, p != (s8)p);
}

static bool div_do8(struct cpu *cpu, u8 b)
{
	u16 a = get16(cpu, RAX);

	if (b == 0 || a / b > 0xff)
		return false;
	set16(cpu, RAX, (u16)((a % b) << 8 | a / b));
	return true;
}

static bool idiv_do8(struct cpu *cpu, u8 b)
{
	int a = (s16)get16(cpu, RAX), d = (s8)b;

	if (d == 0 || a / d != (s8)(a / d))
		return false;
	set16(cpu, RAX, (u16)((u8)(a % d) << 8 | (u8)(a / d)));
	return true;
}

/* Zen: SF, ZF and PF clear, AF set, CF and OF as they were. */
static void division_flags(struct cpu *cpu)
{
	cpu_set_arith_flags(cpu, (flags_arith(cpu) & (FLAG_CF | FLAG_OF)) | FLAG_AF);
}

#define MUL_FORMS(op, B)                                                                           \
	static HANDLER(op##_r##B)                                                                  \
	{                                                                                          \
		op##_do##B(cpu, get##B(cpu, i->src));                                              \
		NEXT;                                                                              \
	}                                                                                          \
	STATIC_MEM_HANDLER(op##_m##B)                                                              \
	{                                                                                          \
		u##B v;                                                                            \
                                                                                                   \
		LOAD(u##B, v, EA);                                                                 \
		op##_do##B(cpu, v);                                                                \
		NEXT;                                                                              \
	}
#define DIV_FORMS(op, B)                                                                           \
	static HANDLER(op##_r##B)                                                                  \
	{                                                                                          \
		if (!op##_do##B(cpu, get##B(cpu, i->src)))                                         \
			return raise_fault(cpu, i, VEC_DE, false, 0);                              \
		division_flags(cpu);                                                               \
		NEXT;                                                                              \
	}                                                                                          \
	STATIC_MEM_HANDLER(op##_m##B)                                                              \
	{                                                                                          \
		u##B v;                                                                            \
                                                                                                   \
		LOAD(u##B, v, EA);                                                                 \
		if (!op##_do##B(cpu, v))                                                           \
			return raise_fault(cpu, i, VEC_DE, false, 0);                              \
		division_flags(cpu);                                                               \
		NEXT;                                                                              \
	}

#define SIZES(forms, op) forms(op, 8) forms(op, 16) forms(op, 32) forms(op, 64)
/* clang-format off */
SIZES(MUL_FORMS, mul)
SIZES(MUL_FORMS, imul)
SIZES(DIV_FORMS, div)
SIZES(DIV_FORMS, idiv)

#define ROW(op) { op##8, op##16, op##32, op##64 }
insn_fn *const mul_fn[2][4] = { ROW(mul_r), ROW(mul_m) };
insn_fn *const imul1_fn[2][4] = { ROW(imul_r), ROW(imul_m) };
insn_fn *const div_fn[2][4] = { ROW(div_r), ROW(div_m) };
insn_fn *const idiv_fn[2][4] = { ROW(idiv_r), ROW(idiv_m) };
/* clang-format on */

/* IMUL with two and three operands. */
#define IMUL2(B)                                                                                   \
	static force_inline void imul2_do##B(struct cpu *cpu, u8 dst, u##B a, u##B b)              \
	{                                                                                          \
		s##B p;                                                                            \
		bool overflow = __builtin_mul_overflow((s##B)a, (s##B)b, &p);                      \
                                                                                                   \
		set##B(cpu, dst, (u##B)p);                                                         \
		set_overflow(cpu, overflow);                                                       \
	}                                                                                          \
	static HANDLER(imul2_r##B)                                                                 \
	{                                                                                          \
		imul2_do##B(cpu, i->dst, get##B(cpu, i->dst), get##B(cpu, i->src));                \
		NEXT;                                                                              \
	}                                                                                          \
	STATIC_MEM_HANDLER(imul2_m##B)                                                             \
	{                                                                                          \
		u##B v;                                                                            \
                                                                                                   \
		LOAD(u##B, v, EA);                                                                 \
		imul2_do##B(cpu, i->dst, get##B(cpu, i->dst), v);                                  \
		NEXT;                                                                              \
	}                                                                                          \
	static HANDLER(imul3_r##B)                                                                 \
	{                                                                                          \
		imul2_do##B(cpu, i->dst, get##B(cpu, i->src), (u##B)(s64)i->imm);                  \
		NEXT;                                                                              \
	}                                                                                          \
	STATIC_MEM_HANDLER(imul3_m##B)                                                             \
	{                                                                                          \
		u##B v;                                                                            \
                                                                                                   \
		LOAD(u##B, v, EA);                                                                 \
		imul2_do##B(cpu, i->dst, v, (u##B)(s64)i->imm);                                    \
		NEXT;                                                                              \
	}
IMUL2(16)
IMUL2(32)
IMUL2(64)

insn_fn *const imul2_fn[2][4] = { { NULL, imul2_r16, imul2_r32, imul2_r64 },
				  { NULL, imul2_m16, imul2_m32, imul2_m64 } };
insn_fn *const imul3_fn[2][4] = { { NULL, imul3_r16, imul3_r32, imul3_r64 },
				  { NULL, imul3_m16, imul3_m32, imul3_m64 } };

/* --- bits --- */

static void set_cf(struct cpu *cpu, bool cf)
{
	flags_materialise(cpu);
	cpu->rflags = (cpu->rflags & ~FLAG_CF) | cf;
}

#define BT_NEW(v, m) (v)
#define BTS_NEW(v, m) ((v) | (m))
#define BTR_NEW(v, m) ((v) & ~(m))
#define BTC_NEW(v, m) ((v) ^ (m))

#define BIT_REG_FORMS(op, NEW, B)                                                                  \
	static const struct insn *op##_reg##B(struct cpu *cpu, const struct insn *i, unsigned n)   \
	{                                                                                          \
		u##B v = get##B(cpu, i->dst), m = (u##B)((u##B)1 << n);                            \
                                                                                                   \
		set_cf(cpu, (v & m) != 0);                                                         \
		if (NEW(v, m) != v || B == 32)                                                     \
			set##B(cpu, i->dst, (u##B)NEW(v, m));                                      \
		NEXT;                                                                              \
	}                                                                                          \
	static HANDLER(op##_rr##B)                                                                 \
	{                                                                                          \
		return op##_reg##B(cpu, i, (unsigned)(get##B(cpu, i->src) & (B - 1)));             \
	}                                                                                          \
	static HANDLER(op##_ri##B)                                                                 \
	{                                                                                          \
		return op##_reg##B(cpu, i, (unsigned)i->imm);                                      \
	}
/* BT does not write, so its register stays as it is. */
#define BT_REG_FORMS(B)                                                                            \
	static HANDLER(bt_rr##B)                                                                   \
	{                                                                                          \
		set_cf(cpu, (get##B(cpu, i->dst) >> (get##B(cpu, i->src) & (B - 1))) & 1);         \
		NEXT;                                                                              \
	}                                                                                          \
	static HANDLER(bt_ri##B)                                                                   \
	{                                                                                          \
		set_cf(cpu, (get##B(cpu, i->dst) >> i->imm) & 1);                                  \
		NEXT;                                                                              \
	}                                                                                          \
	STATIC_MEM_HANDLER(bt_mr##B)                                                               \
	{                                                                                          \
		s64 n = (s##B)get##B(cpu, i->src);                                                 \
		u##B v;                                                                            \
                                                                                                   \
		LOAD(u##B, v, BIT_EA(B));                                                          \
		set_cf(cpu, (v >> (n & (B - 1))) & 1);                                             \
		NEXT;                                                                              \
	}                                                                                          \
	STATIC_MEM_HANDLER(bt_mi##B)                                                               \
	{                                                                                          \
		u##B v;                                                                            \
                                                                                                   \
		LOAD(u##B, v, EA);                                                                 \
		set_cf(cpu, (v >> i->imm) & 1);                                                    \
		NEXT;                                                                              \
	}

/* The unit of a bit string that holds bit n. */
#define BIT_EA(B) (EA + (u64)(n >> (B == 16 ? 4 : B == 32 ? 5 : 6)) * (B / 8))
#define BIT_MEM_FORMS(op, NEW, B)                                                                  \
	STATIC_MEM_HANDLER(op##_mr##B)                                                             \
	{                                                                                          \
		s64 n = (s##B)get##B(cpu, i->src);                                                 \
		u##B m = (u##B)((u##B)1 << (n & (B - 1))), v;                                      \
		RMW_BEGIN(u##B, p, BIT_EA(B));                                                     \
		v = *p;                                                                            \
		*p = (u##B)NEW(v, m);                                                              \
		RMW_END;                                                                           \
		set_cf(cpu, (v & m) != 0);                                                         \
		NEXT;                                                                              \
	}                                                                                          \
	STATIC_MEM_HANDLER(op##_mi##B)                                                             \
	{                                                                                          \
		u##B m = (u##B)((u##B)1 << i->imm), v;                                             \
		RMW_BEGIN(u##B, p, EA);                                                            \
		v = *p;                                                                            \
		*p = (u##B)NEW(v, m);                                                              \
		RMW_END;                                                                           \
		set_cf(cpu, (v & m) != 0);                                                         \
		NEXT;                                                                              \
	}

#define BIT_FORMS(op, NEW, B) BIT_REG_FORMS(op, NEW, B) BIT_MEM_FORMS(op, NEW, B)
#define BIT_SIZES(op, NEW) BIT_FORMS(op, NEW, 16) BIT_FORMS(op, NEW, 32) BIT_FORMS(op, NEW, 64)
/* clang-format off */
BT_REG_FORMS(16)
BT_REG_FORMS(32)
BT_REG_FORMS(64)
BIT_SIZES(bts, BTS_NEW)
BIT_SIZES(btr, BTR_NEW)
BIT_SIZES(btc, BTC_NEW)

#define BIT_ROW(op, form) { NULL, op##_##form##16, op##_##form##32, op##_##form##64 }
#define BIT_ALL(op) { BIT_ROW(op, rr), BIT_ROW(op, ri), BIT_ROW(op, mr), BIT_ROW(op, mi) }
insn_fn *const bit_fn[NR_BITOPS][NR_BIT_FORMS][4] = {
	BIT_ALL(bt), BIT_ALL(bts), BIT_ALL(btr), BIT_ALL(btc),
};
/* clang-format on */

static void set_zf(struct cpu *cpu, bool zf)
{
	flags_materialise(cpu);
	cpu->rflags = (cpu->rflags & ~FLAG_ZF) | (zf ? FLAG_ZF : 0);
}

#define BSF_OF(v) (unsigned)__builtin_ctzll(v)
#define BSR_OF(v) (63u - (unsigned)__builtin_clzll(v))
#define SCAN(op, OF, B)                                                                            \
	static HANDLER(op##_r##B)                                                                  \
	{                                                                                          \
		u64 v = get##B(cpu, i->src);                                                       \
                                                                                                   \
		set_zf(cpu, v == 0);                                                               \
		if (v)                                                                             \
			set##B(cpu, i->dst, (u##B)OF(v));                                          \
		NEXT;                                                                              \
	}                                                                                          \
	STATIC_MEM_HANDLER(op##_m##B)                                                              \
	{                                                                                          \
		u##B v;                                                                            \
                                                                                                   \
		LOAD(u##B, v, EA);                                                                 \
		set_zf(cpu, v == 0);                                                               \
		if (v)                                                                             \
			set##B(cpu, i->dst, (u##B)OF((u64)v));                                     \
		NEXT;                                                                              \
	}
/* clang-format off */
SCAN(bsf, BSF_OF, 16)
SCAN(bsf, BSF_OF, 32)
SCAN(bsf, BSF_OF, 64)
SCAN(bsr, BSR_OF, 16)
SCAN(bsr, BSR_OF, 32)
SCAN(bsr, BSR_OF, 64)
/* clang-format on */

insn_fn *const bsf_fn[2][4] = { { NULL, bsf_r16, bsf_r32, bsf_r64 },
				{ NULL, bsf_m16, bsf_m32, bsf_m64 } };
insn_fn *const bsr_fn[2][4] = { { NULL, bsr_r16, bsr_r32, bsr_r64 },
				{ NULL, bsr_m16, bsr_m32, bsr_m64 } };
