/* SPDX-License-Identifier: MIT */
/*
 * Shifts and rotates: ROL ROR RCL RCR SHL SHR SAR, SHLD and SHRD, by a constant or by CL.
 *
 * The decoder picks handlers from shift_fn, shld_fn and shrd_fn. Constant counts come masked in imm
 * and are not 0 for a register; a count in CL may be 0, and then no flag changes.
 *
 *	shl $3, %eax with eax = 0x30000001:  result 0x80000008; cc_src = eax << 2 = 0xc0000004
 *	  CF = bit 31 of cc_src = 1;  OF = bit 31 of (cc_src ^ cc_dst) = 0
 *
 *	H1 A 32-bit register destination is zero-extended even when the count is 0.
 *	H2 Rotates change CF and OF only; OF is computed for every count as for 1, as Zen does.
 *	H3 8- and 16-bit shifts use counts up to 31, so that everything may be shifted out.
 *
 * Units:   bits.
 * Owner:   the CPU.
 * Locking: none.
 * Errors:  faults of memory operands.
 * Time:    COST_INSN, charged by the block.
 * Source:  Intel SDM vol. 2; flags left undefined there as measured on Zen 3.
 */

#include "hw/cpu/handler.h"
#include "hw/cpu/handlers.h"

/* op(cpu, value, count): count is masked to 5 or 6 bits and not 0. */
#define SHIFT_OPS(B)                                                                               \
	static force_inline u##B shl##B(struct cpu *cpu, u##B a, unsigned n)                       \
	{                                                                                          \
		u64 last = (u##B)((u64)a << (n - 1));                                              \
		u##B r = (u##B)(last << 1);                                                        \
                                                                                                   \
		set_cc(cpu, CC_SHL | CC_##B, r, last);                                             \
		return r;                                                                          \
	}                                                                                          \
	static force_inline u##B shr##B(struct cpu *cpu, u##B a, unsigned n)                       \
	{                                                                                          \
		u64 last = (u64)a >> (n - 1);                                                      \
		u##B r = (u##B)(last >> 1);                                                        \
                                                                                                   \
		set_cc(cpu, CC_SHR | CC_##B, r, last);                                             \
		return r;                                                                          \
	}                                                                                          \
	static force_inline u##B sar##B(struct cpu *cpu, u##B a, unsigned n)                       \
	{                                                                                          \
		s64 last = (s64)(s##B)a >> (n - 1);                                                \
		u##B r = (u##B)(last >> 1);                                                        \
                                                                                                   \
		set_cc(cpu, CC_SAR | CC_##B, r, (u##B)last);                                       \
		return r;                                                                          \
	}                                                                                          \
	static force_inline u##B rol##B(struct cpu *cpu, u##B a, unsigned n)                       \
	{                                                                                          \
		unsigned k = n & (B - 1);                                                          \
		u##B r = k ? (u##B)((u64)a << k | (u64)a >> (B - k)) : a;                          \
                                                                                                   \
		cc_override(cpu, r & 1, (r & 1) != (r >> (B - 1)));                                \
		return r;                                                                          \
	}                                                                                          \
	static force_inline u##B ror##B(struct cpu *cpu, u##B a, unsigned n)                       \
	{                                                                                          \
		unsigned k = n & (B - 1);                                                          \
		u##B r = k ? (u##B)((u64)a >> k | (u64)a << (B - k)) : a;                          \
                                                                                                   \
		cc_override(cpu, r >> (B - 1), (r >> (B - 1)) != ((r >> (B - 2)) & 1));            \
		return r;                                                                          \
	}                                                                                          \
	static __noinline u##B rcl##B(struct cpu *cpu, u##B a, unsigned n)                         \
	{                                                                                          \
		u64 cf = flags_cf(cpu);                                                            \
		unsigned k = n % (B + 1);                                                          \
                                                                                                   \
		for (; k; k--) {                                                                   \
			u64 out = a >> (B - 1);                                                    \
                                                                                                   \
			a = (u##B)((u64)a << 1 | cf);                                              \
			cf = out;                                                                  \
		}                                                                                  \
		cc_override(cpu, cf, cf != (u64)(a >> (B - 1)));                                   \
		return a;                                                                          \
	}                                                                                          \
	static __noinline u##B rcr##B(struct cpu *cpu, u##B a, unsigned n)                         \
	{                                                                                          \
		u64 cf = flags_cf(cpu);                                                            \
		unsigned k = n % (B + 1);                                                          \
                                                                                                   \
		for (; k; k--) {                                                                   \
			u64 out = a & 1;                                                           \
                                                                                                   \
			a = (u##B)(a >> 1 | (u##B)(cf << (B - 1)));                                \
			cf = out;                                                                  \
		}                                                                                  \
		cc_override(cpu, cf, (a >> (B - 1)) != ((a >> (B - 2)) & 1));                      \
		return a;                                                                          \
	}

SHIFT_OPS(8)
SHIFT_OPS(16)
SHIFT_OPS(32)
SHIFT_OPS(64)

#define COUNT_MASK(B) ((B) == 64 ? 63u : 31u)

#define SHIFT_FORMS(op, B)                                                                         \
	static HANDLER(op##_ri##B)                                                                 \
	{                                                                                          \
		set##B(cpu, i->dst, op##B(cpu, get##B(cpu, i->dst), (unsigned)i->imm));            \
		NEXT;                                                                              \
	}                                                                                          \
	static HANDLER(op##_rc##B)                                                                 \
	{                                                                                          \
		unsigned n = cpu->r[RCX] & COUNT_MASK(B);                                          \
                                                                                                   \
		if (n)                                                                             \
			set##B(cpu, i->dst, op##B(cpu, get##B(cpu, i->dst), n));                   \
		else if (B == 32)                                                                  \
			set32(cpu, i->dst, get32(cpu, i->dst));                                    \
		NEXT;                                                                              \
	}                                                                                          \
	STATIC_MEM_HANDLER(op##_mi##B)                                                             \
	{                                                                                          \
		RMW_BEGIN(u##B, p, EA);                                                            \
		if (i->imm)                                                                        \
			*p = op##B(cpu, *p, (unsigned)i->imm);                                     \
		RMW_END;                                                                           \
		NEXT;                                                                              \
	}                                                                                          \
	STATIC_MEM_HANDLER(op##_mc##B)                                                             \
	{                                                                                          \
		unsigned n = cpu->r[RCX] & COUNT_MASK(B);                                          \
		RMW_BEGIN(u##B, p, EA);                                                            \
		if (n)                                                                             \
			*p = op##B(cpu, *p, n);                                                    \
		RMW_END;                                                                           \
		NEXT;                                                                              \
	}

#define SIZES(forms, op) forms(op, 8) forms(op, 16) forms(op, 32) forms(op, 64)
/* clang-format off */
SIZES(SHIFT_FORMS, rol)
SIZES(SHIFT_FORMS, ror)
SIZES(SHIFT_FORMS, rcl)
SIZES(SHIFT_FORMS, rcr)
SIZES(SHIFT_FORMS, shl)
SIZES(SHIFT_FORMS, shr)
SIZES(SHIFT_FORMS, sar)

#define ROW(op, form) { op##_##form##8, op##_##form##16, op##_##form##32, op##_##form##64 }
#define ALL_FORMS(op) { ROW(op, ri), ROW(op, rc), ROW(op, mi), ROW(op, mc) }
insn_fn *const shift_fn[NR_SHIFTS][NR_SHIFT_FORMS][4] = {
	ALL_FORMS(rol), ALL_FORMS(ror), ALL_FORMS(rcl), ALL_FORMS(rcr),
	ALL_FORMS(shl), ALL_FORMS(shr), ALL_FORMS(sar),
};
/* clang-format on */

/*
 * SHLD and SHRD. For 16 bits a count above 16 is undefined by the manual; Zen goes on shifting in
 * the pattern dst:src:dst (left) and src:dst:src seen from the right end, which is what the 48-bit
 * concatenation computes.
 */
#define DOUBLE_OPS(B)                                                                              \
	static __noinline u##B shld##B(struct cpu *cpu, u##B a, u##B b, unsigned n)                \
	{                                                                                          \
		u##B last, r;                                                                      \
                                                                                                   \
		if (B == 16) {                                                                     \
			u64 v = (u64)a << 32 | (u64)b << 16 | a;                                   \
                                                                                                   \
			last = (u##B)(v << (n - 1) >> 32);                                         \
			r = (u##B)(v << n >> 32);                                                  \
		} else {                                                                           \
			u128 v = (u128)a << B | b;                                                 \
                                                                                                   \
			last = (u##B)(v << (n - 1) >> B);                                          \
			r = (u##B)(v << n >> B);                                                   \
		}                                                                                  \
		set_cc(cpu, CC_SHL | CC_##B, r, last);                                             \
		return r;                                                                          \
	}                                                                                          \
	static __noinline u##B shrd##B(struct cpu *cpu, u##B a, u##B b, unsigned n)                \
	{                                                                                          \
		u##B last, r;                                                                      \
                                                                                                   \
		if (B == 16) {                                                                     \
			u64 v = (u64)a << 32 | (u64)b << 16 | a;                                   \
                                                                                                   \
			last = (u##B)(v >> (n - 1));                                               \
			r = (u##B)(v >> n);                                                        \
		} else {                                                                           \
			u128 v = (u128)b << B | a;                                                 \
                                                                                                   \
			last = (u##B)(v >> (n - 1));                                               \
			r = (u##B)(v >> n);                                                        \
		}                                                                                  \
		set_cc(cpu, CC_SHR | CC_##B, r, last);                                             \
		return r;                                                                          \
	}

DOUBLE_OPS(16)
DOUBLE_OPS(32)
DOUBLE_OPS(64)

#define DOUBLE_COUNT(B) ((i->imm < 0 ? (unsigned)cpu->r[RCX] : (unsigned)i->imm) & COUNT_MASK(B))
#define DOUBLE_FORMS(op, B)                                                                        \
	static HANDLER(op##_r##B)                                                                  \
	{                                                                                          \
		unsigned n = DOUBLE_COUNT(B);                                                      \
                                                                                                   \
		if (n)                                                                             \
			set##B(cpu, i->dst,                                                        \
			       op##B(cpu, get##B(cpu, i->dst), get##B(cpu, i->src), n));           \
		else if (B == 32)                                                                  \
			set32(cpu, i->dst, get32(cpu, i->dst));                                    \
		NEXT;                                                                              \
	}                                                                                          \
	STATIC_MEM_HANDLER(op##_m##B)                                                              \
	{                                                                                          \
		unsigned n = DOUBLE_COUNT(B);                                                      \
		RMW_BEGIN(u##B, p, EA);                                                            \
		if (n)                                                                             \
			*p = op##B(cpu, *p, get##B(cpu, i->src), n);                               \
		RMW_END;                                                                           \
		NEXT;                                                                              \
	}

/* clang-format off */
DOUBLE_FORMS(shld, 16)
DOUBLE_FORMS(shld, 32)
DOUBLE_FORMS(shld, 64)
DOUBLE_FORMS(shrd, 16)
DOUBLE_FORMS(shrd, 32)
DOUBLE_FORMS(shrd, 64)

insn_fn *const shld_fn[2][4] = { { NULL, shld_r16, shld_r32, shld_r64 },
				    { NULL, shld_m16, shld_m32, shld_m64 } };
insn_fn *const shrd_fn[2][4] = { { NULL, shrd_r16, shrd_r32, shrd_r64 },
				    { NULL, shrd_m16, shrd_m32, shrd_m64 } };
/* clang-format on */
