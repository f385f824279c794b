/* SPDX-License-Identifier: MIT */
/*
 * Integer SIMD: the SSE/SSE2 instructions that add, compare, shift, pack and shuffle lanes of an XMM register, and the bitwise and
 * shuffling ones that only carry a floating-point name (ANDPS, UNPCKLPD, SHUFPS, MOVMSKPD).
 *
 * The decoder finds an operation through sse_lookup() and calls it with operand bytes; nothing here knows memory (but MASKMOVDQU),
 * rounding or flags. A register is a union of lane arrays, little-endian as the guest's, and an instruction is its lane's expression:
 *
 *	paddb xmm0, xmm1     r.b[i] = d.b[i] + s.b[i], i = 0..15
 *	psrlw xmm0, 3        count 3: r.w[i] = d.w[i] >> 3;  count > 15: all zero
 *	packsswb xmm0, xmm1  r.b[0..7] = clamp(d.w[0..7], -128, 127), r.b[8..15] = clamp(s.w[0..7])
 *
 * Loops have constant bounds and no branches, so that a release build turns each into one or two host instructions, and any host
 * computes the same.
 *
 *	V1 both operands are read before dst is written: they may be the same register;
 *	V2 a scalar source of n bytes is read for exactly n bytes.
 *
 * MMX is absent. MASKMOVDQU writes each run of selected bytes to DS:RDI, and nothing when one of them would fault; imm carries the
 * segment base's slot in r[] (0 means none; the decoder passes REG_FSBASE or REG_GSBASE) and, in bit 8, a 32-bit address size.
 *
 * Units:   bytes.
 * Owner:   operands belong to the caller.
 * Locking: none; a CPU's state is touched by that CPU only.
 * Errors:  none but MASKMOVDQU's faults (false, cpu->fault set).
 * Time:    a few ns.
 * Source:  Intel SDM vol. 2; AMD APM vol. 4.
 */

#include "hw/cpu/simd.h"

#include <Zydis/Mnemonic.h>
#include <string.h>

#include "hw/cpu.h"

union lanes {
	u8 b[16];
	s8 sb[16];
	u16 w[8];
	s16 sw[8];
	u32 d[4];
	s32 sd[4];
	u64 q[2];
};

static inline union lanes load(const void *p)
{
	union lanes v;

	memcpy(&v, p, 16);
	return v;
}

static inline s32 clamp(s32 v, s32 lo, s32 hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

/* r.<lane>[i] = expr over d and s, for n lanes. */
#define LANEWISE(name, lane, n, expr)                                                              \
	static bool name(struct cpu *cpu, void *dst, const void *src, unsigned imm)                \
	{                                                                                          \
		union lanes d = load(dst), s = load(src), r;                                       \
                                                                                                   \
		(void)cpu;                                                                         \
		(void)imm;                                                                         \
		(void)d;                                                                           \
		for (unsigned i = 0; i < (n); i++)                                                 \
			r.lane[i] = (expr);                                                        \
		memcpy(dst, &r, 16);                                                               \
		return true;                                                                       \
	}

LANEWISE(paddb, b, 16, d.b[i] + s.b[i])
LANEWISE(paddw, w, 8, d.w[i] + s.w[i])
LANEWISE(paddd, d, 4, d.d[i] + s.d[i])
LANEWISE(paddq, q, 2, d.q[i] + s.q[i])
LANEWISE(psubb, b, 16, d.b[i] - s.b[i])
LANEWISE(psubw, w, 8, d.w[i] - s.w[i])
LANEWISE(psubd, d, 4, d.d[i] - s.d[i])
LANEWISE(psubq, q, 2, d.q[i] - s.q[i])
LANEWISE(paddsb, sb, 16, clamp(d.sb[i] + s.sb[i], -128, 127))
LANEWISE(paddsw, sw, 8, clamp(d.sw[i] + s.sw[i], -32768, 32767))
LANEWISE(paddusb, b, 16, clamp(d.b[i] + s.b[i], 0, 255))
LANEWISE(paddusw, w, 8, clamp(d.w[i] + s.w[i], 0, 65535))
LANEWISE(psubsb, sb, 16, clamp(d.sb[i] - s.sb[i], -128, 127))
LANEWISE(psubsw, sw, 8, clamp(d.sw[i] - s.sw[i], -32768, 32767))
LANEWISE(psubusb, b, 16, clamp(d.b[i] - s.b[i], 0, 255))
LANEWISE(psubusw, w, 8, clamp(d.w[i] - s.w[i], 0, 65535))
LANEWISE(pcmpeqb, b, 16, d.b[i] == s.b[i] ? 0xff : 0)
LANEWISE(pcmpeqw, w, 8, d.w[i] == s.w[i] ? 0xffff : 0)
LANEWISE(pcmpeqd, d, 4, d.d[i] == s.d[i] ? 0xffffffff : 0)
LANEWISE(pcmpgtb, b, 16, d.sb[i] > s.sb[i] ? 0xff : 0)
LANEWISE(pcmpgtw, w, 8, d.sw[i] > s.sw[i] ? 0xffff : 0)
LANEWISE(pcmpgtd, d, 4, d.sd[i] > s.sd[i] ? 0xffffffff : 0)
LANEWISE(pand, q, 2, d.q[i] & s.q[i])
LANEWISE(pandn, q, 2, ~d.q[i] & s.q[i])
LANEWISE(por, q, 2, d.q[i] | s.q[i])
LANEWISE(pxor, q, 2, d.q[i] ^ s.q[i])
LANEWISE(pminub, b, 16, d.b[i] < s.b[i] ? d.b[i] : s.b[i])
LANEWISE(pmaxub, b, 16, d.b[i] > s.b[i] ? d.b[i] : s.b[i])
LANEWISE(pminsw, sw, 8, d.sw[i] < s.sw[i] ? d.sw[i] : s.sw[i])
LANEWISE(pmaxsw, sw, 8, d.sw[i] > s.sw[i] ? d.sw[i] : s.sw[i])
LANEWISE(pavgb, b, 16, (d.b[i] + s.b[i] + 1) >> 1)
LANEWISE(pavgw, w, 8, (d.w[i] + s.w[i] + 1) >> 1)
LANEWISE(pmullw, w, 8, (u32)d.w[i] * s.w[i])
LANEWISE(pmulhw, w, 8, (d.sw[i] * s.sw[i]) >> 16)
LANEWISE(pmulhuw, w, 8, ((u32)d.w[i] * s.w[i]) >> 16)
LANEWISE(pmuludq, q, 2, (u64)d.d[2 * i] * s.d[2 * i])
LANEWISE(pmaddwd, d, 4, (u32)(d.sw[2 * i] * s.sw[2 * i]) + (u32)(d.sw[2 * i + 1] * s.sw[2 * i + 1]))
LANEWISE(packsswb, sb, 16, clamp(i < 8 ? d.sw[i] : s.sw[i - 8], -128, 127))
LANEWISE(packssdw, sw, 8, clamp(i < 4 ? d.sd[i] : s.sd[i - 4], -32768, 32767))
LANEWISE(packuswb, b, 16, clamp(i < 8 ? d.sw[i] : s.sw[i - 8], 0, 255))
LANEWISE(punpcklbw, b, 16, i & 1 ? s.b[i / 2] : d.b[i / 2])
LANEWISE(punpcklwd, w, 8, i & 1 ? s.w[i / 2] : d.w[i / 2])
LANEWISE(punpckldq, d, 4, i & 1 ? s.d[i / 2] : d.d[i / 2])
LANEWISE(punpcklqdq, q, 2, i & 1 ? s.q[0] : d.q[0])
LANEWISE(punpckhbw, b, 16, i & 1 ? s.b[8 + i / 2] : d.b[8 + i / 2])
LANEWISE(punpckhwd, w, 8, i & 1 ? s.w[4 + i / 2] : d.w[4 + i / 2])
LANEWISE(punpckhdq, d, 4, i & 1 ? s.d[2 + i / 2] : d.d[2 + i / 2])
LANEWISE(punpckhqdq, q, 2, i & 1 ? s.q[1] : d.q[1])
LANEWISE(pshufd, d, 4, s.d[imm >> (2 * i) & 3])
LANEWISE(pshuflw, w, 8, i < 4 ? s.w[imm >> (2 * i) & 3] : s.w[i])
LANEWISE(pshufhw, w, 8, i < 4 ? s.w[i] : s.w[4 + (imm >> (2 * (i - 4)) & 3)])
LANEWISE(shufps, d, 4, i < 2 ? d.d[imm >> (2 * i) & 3] : s.d[imm >> (2 * i) & 3])
LANEWISE(shufpd, q, 2, i ? s.q[imm >> 1 & 1] : d.q[imm & 1])

static bool psadbw(struct cpu *cpu, void *dst, const void *src, unsigned imm)
{
	union lanes d = load(dst), s = load(src), r = { .q = { 0, 0 } };

	(void)cpu;
	(void)imm;
	for (unsigned i = 0; i < 16; i++)
		r.q[i / 8] += d.b[i] > s.b[i] ? d.b[i] - s.b[i] : s.b[i] - d.b[i];
	memcpy(dst, &r, 16);
	return true;
}

/* ---- shifts: by an immediate (src NULL) or by the low quadword of src; a count past the lane's width empties it ---- */

static inline u64 shift_count(const void *src, unsigned imm)
{
	u64 count = imm & 0xff;

	if (src)
		memcpy(&count, src, 8);
	return count;
}

#define SHIFT(name, lane, n, bits, keep, op)                                                       \
	static bool name(struct cpu *cpu, void *dst, const void *src, unsigned imm)                \
	{                                                                                          \
		u64 count = shift_count(src, imm);                                                 \
		union lanes r = load(dst);                                                         \
                                                                                                   \
		(void)cpu;                                                                         \
		if (count >= (bits)) {                                                             \
			if (!(keep))                                                               \
				r = (union lanes){ .q = { 0, 0 } };                                \
			count = (bits)-1;                                                          \
		}                                                                                  \
		for (unsigned i = 0; i < (n); i++)                                                 \
			r.lane[i] = r.lane[i] op count;                                            \
		memcpy(dst, &r, 16);                                                               \
		return true;                                                                       \
	}

SHIFT(psllw, w, 8, 16, false, <<)
SHIFT(pslld, d, 4, 32, false, <<)
SHIFT(psllq, q, 2, 64, false, <<)
SHIFT(psrlw, w, 8, 16, false, >>)
SHIFT(psrld, d, 4, 32, false, >>)
SHIFT(psrlq, q, 2, 64, false, >>)
SHIFT(psraw, sw, 8, 16, true, >>)
SHIFT(psrad, sd, 4, 32, true, >>)

static bool pslldq(struct cpu *cpu, void *dst, const void *src, unsigned imm)
{
	unsigned n = (imm & 0xff) > 16 ? 16 : imm & 0xff;
	u8 r[32] = { 0 };

	(void)cpu;
	(void)src;
	memcpy(r + 16, dst, 16);
	memcpy(dst, r + 16 - n, 16);
	return true;
}

static bool psrldq(struct cpu *cpu, void *dst, const void *src, unsigned imm)
{
	unsigned n = (imm & 0xff) > 16 ? 16 : imm & 0xff;
	u8 r[32] = { 0 };

	(void)cpu;
	(void)src;
	memcpy(r, dst, 16);
	memcpy(dst, r + n, 16);
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

/* Collect each lane's top bit. The multiplication gathers bits 7, 15, .. 63 of a quadword in its top byte. */
static bool pmovmskb(struct cpu *cpu, void *dst, const void *src, unsigned imm)
{
	union lanes s = load(src);
	u64 v = 0;

	(void)cpu;
	(void)imm;
	for (unsigned i = 0; i < 2; i++)
		v |= (((s.q[i] & 0x8080808080808080ull) >> 7) * 0x0102040810204080ull >> 56) << (8 * i);
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

/* ---- MASKMOVDQU: dst is the data, src the mask; bit 7 of a mask byte selects ---- */

static bool maskmovdqu(struct cpu *cpu, void *dst, const void *src, unsigned imm)
{
	union lanes data = load(dst), mask = load(src);
	unsigned slot = imm & 0xff;
	u64 va = imm & 0x100 ? (u32)cpu->r[RDI] : cpu->r[RDI];
	bool user = cpu->cpl == 3;

	if (slot)
		va += cpu->r[slot];
	for (unsigned i = 0; i < 16; i++)
		if ((mask.b[i] & 0x80) && !mmu_probe_write(cpu, va + i, 1, user, &cpu->fault))
			return false;
	for (unsigned i = 0; i < 16; i++)
		if ((mask.b[i] & 0x80) && !mmu_write(cpu, va + i, &data.b[i], 1, user, &cpu->fault))
			return false;
	return true;
}

/* ---- the table ---- */

#define BINARY(MN, f) [ZYDIS_MNEMONIC_##MN] = { .fn = f, .src_bytes = 16, .align = 16, .dst_read = true }
#define WRITE(MN, f) [ZYDIS_MNEMONIC_##MN] = { .fn = f, .src_bytes = 16, .align = 16 }
#define TO_GPR(MN, f) [ZYDIS_MNEMONIC_##MN] = { .fn = f, .src_bytes = 16, .align = 16, .dst_gpr = true }

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
	BINARY(MASKMOVDQU, maskmovdqu),
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
