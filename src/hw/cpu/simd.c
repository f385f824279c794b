/* SPDX-License-Identifier: MIT */
/*
 * Integer SIMD: the SSE/SSE2 instructions that add, compare, shift, pack and shuffle lanes of an
 * XMM register, and the bitwise and shuffling ones that only carry a floating-point name (ANDPS,
 * UNPCKLPD, SHUFPS, MOVMSKPD).
 *
 * The decoder finds an operation through sse_lookup() and calls it with operand bytes; nothing here
 * knows memory, rounding or flags. Every instruction here is exactly defined, so the host's own
 * does it; only those whose immediate is part of the encoding, unknown when this is compiled, are
 * written out in lanes:
 *
 *	paddb xmm0, xmm1      _mm_add_epi8
 *	psrlw xmm0, 3         _mm_srl_epi16 with 3 in the count register, as psrlw xmm0, xmm1 would
 *	pshufd xmm0, xmm1, 1b r.d[0..3] = s.d[3], s.d[2], s.d[1], s.d[0]
 *
 *	V1 both operands are read before dst is written: they may be the same register;
 *	V2 a scalar source of n bytes is read for exactly n bytes.
 *
 * MMX (mmx.c) borrows these operations. MASKMOVDQU, which stores, is with the moves
 * (hw/cpu/fpmove.c).
 *
 * Units:   bytes.
 * Owner:   operands belong to the caller.
 * Locking: none; a CPU's state is touched by that CPU only.
 * Errors:  none: every function returns true.
 * Time:    a few ns.
 * Source:  Intel SDM vol. 2; AMD APM vol. 4.
 */

#include "hw/cpu/simd.h"

#include <Zydis/Mnemonic.h>
#include <emmintrin.h>
#include <string.h>

#include "hw/cpu.h"

union lanes {
	u8 b[16];
	u16 w[8];
	u32 d[4];
	u64 q[2];
};

static inline union lanes load(const void *p)
{
	union lanes v;

	memcpy(&v, p, 16);
	return v;
}

/* dst = dst op src by the host's own instruction. */
#define SIMD(name, intrinsic)                                                                      \
	static bool name(struct cpu *cpu, void *dst, const void *src, unsigned imm)                \
	{                                                                                          \
		(void)cpu;                                                                         \
		(void)imm;                                                                         \
		_mm_storeu_si128(dst, intrinsic(_mm_loadu_si128(dst), _mm_loadu_si128(src)));      \
		return true;                                                                       \
	}

SIMD(paddb, _mm_add_epi8)
SIMD(paddw, _mm_add_epi16)
SIMD(paddd, _mm_add_epi32)
SIMD(paddq, _mm_add_epi64)
SIMD(psubb, _mm_sub_epi8)
SIMD(psubw, _mm_sub_epi16)
SIMD(psubd, _mm_sub_epi32)
SIMD(psubq, _mm_sub_epi64)
SIMD(paddsb, _mm_adds_epi8)
SIMD(paddsw, _mm_adds_epi16)
SIMD(paddusb, _mm_adds_epu8)
SIMD(paddusw, _mm_adds_epu16)
SIMD(psubsb, _mm_subs_epi8)
SIMD(psubsw, _mm_subs_epi16)
SIMD(psubusb, _mm_subs_epu8)
SIMD(psubusw, _mm_subs_epu16)
SIMD(pcmpeqb, _mm_cmpeq_epi8)
SIMD(pcmpeqw, _mm_cmpeq_epi16)
SIMD(pcmpeqd, _mm_cmpeq_epi32)
SIMD(pcmpgtb, _mm_cmpgt_epi8)
SIMD(pcmpgtw, _mm_cmpgt_epi16)
SIMD(pcmpgtd, _mm_cmpgt_epi32)
SIMD(pand, _mm_and_si128)
SIMD(pandn, _mm_andnot_si128)
SIMD(por, _mm_or_si128)
SIMD(pxor, _mm_xor_si128)
SIMD(pminub, _mm_min_epu8)
SIMD(pmaxub, _mm_max_epu8)
SIMD(pminsw, _mm_min_epi16)
SIMD(pmaxsw, _mm_max_epi16)
SIMD(pavgb, _mm_avg_epu8)
SIMD(pavgw, _mm_avg_epu16)
SIMD(pmullw, _mm_mullo_epi16)
SIMD(pmulhw, _mm_mulhi_epi16)
SIMD(pmulhuw, _mm_mulhi_epu16)
SIMD(pmuludq, _mm_mul_epu32)
SIMD(pmaddwd, _mm_madd_epi16)
SIMD(psadbw, _mm_sad_epu8)
SIMD(packsswb, _mm_packs_epi16)
SIMD(packssdw, _mm_packs_epi32)
SIMD(packuswb, _mm_packus_epi16)
SIMD(punpcklbw, _mm_unpacklo_epi8)
SIMD(punpcklwd, _mm_unpacklo_epi16)
SIMD(punpckldq, _mm_unpacklo_epi32)
SIMD(punpcklqdq, _mm_unpacklo_epi64)
SIMD(punpckhbw, _mm_unpackhi_epi8)
SIMD(punpckhwd, _mm_unpackhi_epi16)
SIMD(punpckhdq, _mm_unpackhi_epi32)
SIMD(punpckhqdq, _mm_unpackhi_epi64)

/* ---- shuffles by an immediate: r.<lane>[i] = expr over d and s, for n lanes ---- */

#define LANEWISE(name, lane, n, expr)                                                              \
	static bool name(struct cpu *cpu, void *dst, const void *src, unsigned imm)                \
	{                                                                                          \
		union lanes d = load(dst), s = load(src), r;                                       \
                                                                                                   \
		(void)cpu;                                                                         \
		(void)d;                                                                           \
		for (unsigned i = 0; i < (n); i++)                                                 \
			r.lane[i] = (expr);                                                        \
		memcpy(dst, &r, 16);                                                               \
		return true;                                                                       \
	}

LANEWISE(pshufd, d, 4, s.d[imm >> (2 * i) & 3])
LANEWISE(pshuflw, w, 8, i < 4 ? s.w[imm >> (2 * i) & 3] : s.w[i])
LANEWISE(pshufhw, w, 8, i < 4 ? s.w[i] : s.w[4 + (imm >> (2 * (i - 4)) & 3)])
LANEWISE(shufps, d, 4, i < 2 ? d.d[imm >> (2 * i) & 3] : s.d[imm >> (2 * i) & 3])
LANEWISE(shufpd, q, 2, i ? s.q[imm >> 1 & 1] : d.q[imm & 1])

/*
 * ---- shifts: by an immediate (src NULL) or by the low quadword of src; a count past the lane's
 * width leaves zeros or signs ----
 */

#define SHIFT(name, intrinsic)                                                                     \
	static bool name(struct cpu *cpu, void *dst, const void *src, unsigned imm)                \
	{                                                                                          \
		__m128i count = src ? _mm_loadu_si128(src) : _mm_cvtsi32_si128((int)(imm & 0xff)); \
                                                                                                   \
		(void)cpu;                                                                         \
		_mm_storeu_si128(dst, intrinsic(_mm_loadu_si128(dst), count));                     \
		return true;                                                                       \
	}

SHIFT(psllw, _mm_sll_epi16)
SHIFT(pslld, _mm_sll_epi32)
SHIFT(psllq, _mm_sll_epi64)
SHIFT(psrlw, _mm_srl_epi16)
SHIFT(psrld, _mm_srl_epi32)
SHIFT(psrlq, _mm_srl_epi64)
SHIFT(psraw, _mm_sra_epi16)
SHIFT(psrad, _mm_sra_epi32)

static bool pslldq(struct cpu *cpu, void *dst, const void *src, unsigned imm)
{
	u128 v;

	(void)cpu;
	(void)src;
	memcpy(&v, dst, 16);
	v = (imm & 0xff) > 15 ? 0 : v << 8 * (imm & 0xff);
	memcpy(dst, &v, 16);
	return true;
}

static bool psrldq(struct cpu *cpu, void *dst, const void *src, unsigned imm)
{
	u128 v;

	(void)cpu;
	(void)src;
	memcpy(&v, dst, 16);
	v = (imm & 0xff) > 15 ? 0 : v >> 8 * (imm & 0xff);
	memcpy(dst, &v, 16);
	return true;
}

/* ---- to and from general registers ---- */

static bool pextrw(struct cpu *cpu, void *dst, const void *src, unsigned imm)
{
	u64 v = load(src).w[imm & 7];

	(void)cpu;
	memcpy(dst, &v, 8);
	return true;
}

static bool pinsrw(struct cpu *cpu, void *dst, const void *src, unsigned imm)
{
	(void)cpu;
	memcpy((u8 *)dst + 2 * (imm & 7), src, 2);
	return true;
}

static bool pmovmskb(struct cpu *cpu, void *dst, const void *src, unsigned imm)
{
	u64 v = (u32)_mm_movemask_epi8(_mm_loadu_si128(src));

	(void)cpu;
	(void)imm;
	memcpy(dst, &v, 8);
	return true;
}

static bool movmskps(struct cpu *cpu, void *dst, const void *src, unsigned imm)
{
	union lanes s = load(src);
	u64 v = s.d[0] >> 31 | s.d[1] >> 31 << 1 | s.d[2] >> 31 << 2 | s.d[3] >> 31 << 3;

	(void)cpu;
	(void)imm;
	memcpy(dst, &v, 8);
	return true;
}

static bool movmskpd(struct cpu *cpu, void *dst, const void *src, unsigned imm)
{
	union lanes s = load(src);
	u64 v = s.q[0] >> 63 | s.q[1] >> 63 << 1;

	(void)cpu;
	(void)imm;
	memcpy(dst, &v, 8);
	return true;
}

/* ---- the table ---- */

#define BINARY(MN, f)                                                                              \
	[ZYDIS_MNEMONIC_##MN] = { .fn = f, .src_bytes = 16, .align = 16, .dst_read = true }
#define WRITE(MN, f) [ZYDIS_MNEMONIC_##MN] = { .fn = f, .src_bytes = 16, .align = 16 }
#define TO_GPR(MN, f)                                                                              \
	[ZYDIS_MNEMONIC_##MN] = { .fn = f, .src_bytes = 16, .align = 16, .dst_gpr = true }

static const struct sse_op simd_ops[ZYDIS_MNEMONIC_MAX_VALUE + 1] = {
	BINARY(PADDB, paddb),
	BINARY(PADDW, paddw),
	BINARY(PADDD, paddd),
	BINARY(PADDQ, paddq),
	BINARY(PSUBB, psubb),
	BINARY(PSUBW, psubw),
	BINARY(PSUBD, psubd),
	BINARY(PSUBQ, psubq),
	BINARY(PADDSB, paddsb),
	BINARY(PADDSW, paddsw),
	BINARY(PADDUSB, paddusb),
	BINARY(PADDUSW, paddusw),
	BINARY(PSUBSB, psubsb),
	BINARY(PSUBSW, psubsw),
	BINARY(PSUBUSB, psubusb),
	BINARY(PSUBUSW, psubusw),
	BINARY(PCMPEQB, pcmpeqb),
	BINARY(PCMPEQW, pcmpeqw),
	BINARY(PCMPEQD, pcmpeqd),
	BINARY(PCMPGTB, pcmpgtb),
	BINARY(PCMPGTW, pcmpgtw),
	BINARY(PCMPGTD, pcmpgtd),
	BINARY(PAND, pand),
	BINARY(PANDN, pandn),
	BINARY(POR, por),
	BINARY(PXOR, pxor),
	BINARY(ANDPS, pand),
	BINARY(ANDPD, pand),
	BINARY(ANDNPS, pandn),
	BINARY(ANDNPD, pandn),
	BINARY(ORPS, por),
	BINARY(ORPD, por),
	BINARY(XORPS, pxor),
	BINARY(XORPD, pxor),
	BINARY(PMINUB, pminub),
	BINARY(PMAXUB, pmaxub),
	BINARY(PMINSW, pminsw),
	BINARY(PMAXSW, pmaxsw),
	BINARY(PAVGB, pavgb),
	BINARY(PAVGW, pavgw),
	BINARY(PMULLW, pmullw),
	BINARY(PMULHW, pmulhw),
	BINARY(PMULHUW, pmulhuw),
	BINARY(PMULUDQ, pmuludq),
	BINARY(PMADDWD, pmaddwd),
	BINARY(PSADBW, psadbw),
	BINARY(PACKSSWB, packsswb),
	BINARY(PACKSSDW, packssdw),
	BINARY(PACKUSWB, packuswb),
	BINARY(PUNPCKLBW, punpcklbw),
	BINARY(PUNPCKLWD, punpcklwd),
	BINARY(PUNPCKLDQ, punpckldq),
	BINARY(PUNPCKLQDQ, punpcklqdq),
	BINARY(PUNPCKHBW, punpckhbw),
	BINARY(PUNPCKHWD, punpckhwd),
	BINARY(PUNPCKHDQ, punpckhdq),
	BINARY(PUNPCKHQDQ, punpckhqdq),
	BINARY(UNPCKLPS, punpckldq),
	BINARY(UNPCKHPS, punpckhdq),
	BINARY(UNPCKLPD, punpcklqdq),
	BINARY(UNPCKHPD, punpckhqdq),
	BINARY(SHUFPS, shufps),
	BINARY(SHUFPD, shufpd),
	WRITE(PSHUFD, pshufd),
	WRITE(PSHUFLW, pshuflw),
	WRITE(PSHUFHW, pshufhw),
	BINARY(PSLLW, psllw),
	BINARY(PSLLD, pslld),
	BINARY(PSLLQ, psllq),
	BINARY(PSRLW, psrlw),
	BINARY(PSRLD, psrld),
	BINARY(PSRLQ, psrlq),
	BINARY(PSRAW, psraw),
	BINARY(PSRAD, psrad),
	BINARY(PSLLDQ, pslldq),
	BINARY(PSRLDQ, psrldq),
	TO_GPR(PEXTRW, pextrw),
	TO_GPR(PMOVMSKB, pmovmskb),
	TO_GPR(MOVMSKPS, movmskps),
	TO_GPR(MOVMSKPD, movmskpd),
	[ZYDIS_MNEMONIC_PINSRW] = { .fn = pinsrw, .src_bytes = 2, .align = 1, .dst_read = true },
};

const struct sse_op *simd_lookup(unsigned zydis_mnemonic)
{
	if (zydis_mnemonic > ZYDIS_MNEMONIC_MAX_VALUE || !simd_ops[zydis_mnemonic].fn)
		return NULL;
	return &simd_ops[zydis_mnemonic];
}
