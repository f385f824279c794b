/* SPDX-License-Identifier: MIT */
/*
 * SSE and SSE2 floating point: what ADDPS, CVTTSD2SI, COMISD and the like compute.
 *
 * The decoder looks an operation up once (sse_lookup) and calls it with pointers to operand bytes;
 * it must not know rounding modes, NaNs or MXCSR. Integer SIMD is in hw/cpu/simd.c. The host's own
 * SSE unit computes, under the guest's rounding, FTZ and DAZ:
 *
 *	addsd: 1.0 + 2^-60, host MXCSR 1f80
 *	guest 1fa0 (PE set)     stmxcsr 1f80, equal control bits: no load; addsd; stmxcsr 1fa0, PE
 *	                        was raised; ldmxcsr 1f80: the host has its own again
 *	guest 5f80 (round up)   ldmxcsr 5f80; addsd; stmxcsr 5fa0; ldmxcsr 1f80
 *
 *	M1 The host runs with every exception masked: a guest's unmasked exception never becomes a
 *	   SIGFPE.
 *	M2 After each call the host's MXCSR is what it was.
 *	M3 Flags raised are known exactly: the host's old sticky flags either were clear, or were
 *	   already set in the guest, or a cleared MXCSR was loaded.
 *	M4 An unmasked exception leaves dst alone. Flags then follow the manual: if an unmasked IE,
 *	   DE or ZE (found before computing) is among them, only such flags are set; UE unmasked
 *	   means tiny, exact or not, and FTZ is ignored. PE beside an OE or UE that faults is what
 *	   the masked computation says, where silicon judges the result with unbounded exponent.
 *
 * RCPPS and RSQRTPS differ between vendors (the manuals only bound the error by 1.5 * 2^-12), so
 * they are defined here: the exact 1/x or 1/sqrt(x) rounded to nearest at 12 fraction bits, in
 * integers; denormal operands count as zero, results that would be denormal are zero, no exception
 * is ever raised.
 *
 * Units:   an operand is 16 bytes, or the 4 or 8 of a scalar in memory.
 * Owner:   operands belong to the caller; nothing is kept.
 * Locking: none; a CPU's state is touched by that CPU only.
 * Errors:  false with cpu->fault: #XM, or #UD when CR4.OSXMMEXCPT is clear; #GP(0) from LDMXCSR.
 * Time:    tens of ns, most of it STMXCSR and LDMXCSR.
 * Source:  Intel SDM vol. 1 ch. 10-11, 4.9 (exceptions), vol. 2; AMD APM vol. 1 4.10.
 */

#include "hw/fp/fp.h"

#include <Zydis/Mnemonic.h>
#include <string.h>

#include "hw/cpu.h"
#include "hw/cpu/simd.h"

#if !defined(__x86_64__)
#error "hw/fp computes on an x86-64 host's own units"
#endif

#define MX_IE 0x01u
#define MX_DE 0x02u
#define MX_ZE 0x04u
#define MX_UE 0x10u
#define MX_FLAGS 0x3fu
#define MX_PRE (MX_IE | MX_DE | MX_ZE)
#define MX_MASKS 0x1f80u
#define MX_UM 0x0800u
#define MX_FTZ 0x8000u

typedef s64 v128 __attribute__((vector_size(16)));

/* Lanes in which a tiny result can appear: what UE unmasked has to look at. */
enum tiny { TINY_NONE, TINY_S1, TINY_S2, TINY_S4, TINY_D1, TINY_D2 };

static inline v128 load(const void *p, unsigned bytes)
{
	v128 v = { 0, 0 };

	memcpy(&v, p, bytes);
	return v;
}

static inline u32 host_mxcsr(void)
{
	u32 v;

	__asm__ volatile("stmxcsr %0" : "=m"(v));
	return v;
}

static inline void set_host_mxcsr(u32 v)
{
	__asm__ volatile("ldmxcsr %0" : : "m"(v));
}

/*
 * Make the host's unit compute as the guest's would (M1, M3). Returns the host's MXCSR for
 * sse_leave().
 */
static inline u32 sse_enter(const struct cpu *cpu)
{
	u32 guest = cpu->fpu.mxcsr, host = host_mxcsr();

	if (likely(!((guest ^ host) & ~MX_FLAGS) && (guest & MX_MASKS) == MX_MASKS &&
		   !(host & ~guest & MX_FLAGS)))
		return host;
	if (!(guest & MX_UM))
		guest &= ~MX_FTZ;
	set_host_mxcsr((guest & ~MX_FLAGS) | MX_MASKS);
	return host;
}

static bool is_tiny(v128 v, enum tiny shape)
{
	u32 s[4];
	u64 d[2];
	unsigned n = shape == TINY_S1 ? 1 : shape == TINY_S2 ? 2 : shape == TINY_S4 ? 4 : 0;

	memcpy(s, &v, 16);
	memcpy(d, &v, 16);
	for (unsigned i = 0; i < n; i++)
		if (!(s[i] & 0x7f800000u) && (s[i] & 0x7fffffu))
			return true;
	n = shape == TINY_D1 ? 1 : shape == TINY_D2 ? 2 : 0;
	for (unsigned i = 0; i < n; i++)
		if (!(d[i] & 0x7ff0000000000000ull) && (d[i] & 0xfffffffffffffull))
			return true;
	return false;
}

/* Some exception is unmasked: which flags does the instruction set, and does it fault (M4)? */
static __noinline bool sse_unmasked(struct cpu *cpu, u32 raised, v128 result, enum tiny shape)
{
	u32 unmasked = ~(cpu->fpu.mxcsr >> 7) & MX_FLAGS;

	if (raised & MX_PRE & unmasked)
		raised &= MX_PRE;
	else if ((unmasked & MX_UE) && is_tiny(result, shape))
		raised |= MX_UE;
	cpu->fpu.mxcsr |= raised;
	if (!(raised & unmasked))
		return true;
	cpu->fault = (struct fault){ .vector = cpu->cr4 & CR4_OSXMMEXCPT ? VEC_XM : VEC_UD };
	return false;
}

/*
 * Take the flags over and give the host its MXCSR back (M2). false: an unmasked exception; dst must
 * stay as it is.
 */
static inline bool sse_leave(struct cpu *cpu, u32 host, v128 result, enum tiny shape)
{
	u32 now = host_mxcsr();

	if (now != host)
		set_host_mxcsr(host);
	now &= MX_FLAGS;
	if (likely((cpu->fpu.mxcsr & MX_MASKS) == MX_MASKS)) {
		cpu->fpu.mxcsr |= now;
		return true;
	}
	return sse_unmasked(cpu, now, result, shape);
}

/* ---- dst = dst op src, or dst = op src with the rest of dst kept ---- */

#define SSE_ARITH(name, insn, bytes, shape)                                                        \
	static bool name(struct cpu *cpu, void *dst, const void *src, unsigned imm)                \
	{                                                                                          \
		v128 d = load(dst, 16), s = load(src, bytes);                                      \
		u32 host = sse_enter(cpu);                                                         \
                                                                                                   \
		(void)imm;                                                                         \
		__asm__ volatile(insn " %1, %0" : "+x"(d) : "x"(s));                               \
		if (!sse_leave(cpu, host, d, shape))                                               \
			return false;                                                              \
		memcpy(dst, &d, 16);                                                               \
		return true;                                                                       \
	}

#define SSE_ARITH4(op, tiny_s1, tiny_s4, tiny_d1, tiny_d2)                                         \
	SSE_ARITH(op##ps, #op "ps", 16, tiny_s4)                                                   \
	SSE_ARITH(op##ss, #op "ss", 4, tiny_s1)                                                    \
	SSE_ARITH(op##pd, #op "pd", 16, tiny_d2)                                                   \
	SSE_ARITH(op##sd, #op "sd", 8, tiny_d1)

SSE_ARITH4(add, TINY_S1, TINY_S4, TINY_D1, TINY_D2)
SSE_ARITH4(sub, TINY_S1, TINY_S4, TINY_D1, TINY_D2)
SSE_ARITH4(mul, TINY_S1, TINY_S4, TINY_D1, TINY_D2)
SSE_ARITH4(div, TINY_S1, TINY_S4, TINY_D1, TINY_D2)
SSE_ARITH4(min, TINY_NONE, TINY_NONE, TINY_NONE, TINY_NONE)
SSE_ARITH4(max, TINY_NONE, TINY_NONE, TINY_NONE, TINY_NONE)
SSE_ARITH4(sqrt, TINY_NONE, TINY_NONE, TINY_NONE, TINY_NONE)

SSE_ARITH(cvtdq2pd, "cvtdq2pd", 8, TINY_NONE)
SSE_ARITH(cvtdq2ps, "cvtdq2ps", 16, TINY_NONE)
SSE_ARITH(cvtpd2dq, "cvtpd2dq", 16, TINY_NONE)
SSE_ARITH(cvtpd2ps, "cvtpd2ps", 16, TINY_S2)
SSE_ARITH(cvtps2dq, "cvtps2dq", 16, TINY_NONE)
SSE_ARITH(cvtps2pd, "cvtps2pd", 8, TINY_NONE)
SSE_ARITH(cvttpd2dq, "cvttpd2dq", 16, TINY_NONE)
SSE_ARITH(cvttps2dq, "cvttps2dq", 16, TINY_NONE)
SSE_ARITH(cvtsd2ss, "cvtsd2ss", 8, TINY_S1)
SSE_ARITH(cvtss2sd, "cvtss2sd", 4, TINY_NONE)

/*
 * ---- compares: the predicate is part of the host instruction's encoding, so one instruction each
 * ----
 */

#define CMP_CASE(insn, p)                                                                          \
	case p:                                                                                    \
		__asm__ volatile(insn " $" #p ", %1, %0" : "+x"(d) : "x"(s));                      \
		break;

#define SSE_CMP(name, insn, bytes)                                                                 \
	static bool name(struct cpu *cpu, void *dst, const void *src, unsigned imm)                \
	{                                                                                          \
		v128 d = load(dst, 16), s = load(src, bytes);                                      \
		u32 host = sse_enter(cpu);                                                         \
                                                                                                   \
		switch (imm & 7) {                                                                 \
			CMP_CASE(insn, 0)                                                          \
			CMP_CASE(insn, 1)                                                          \
			CMP_CASE(insn, 2)                                                          \
			CMP_CASE(insn, 3)                                                          \
			CMP_CASE(insn, 4)                                                          \
			CMP_CASE(insn, 5)                                                          \
			CMP_CASE(insn, 6)                                                          \
			CMP_CASE(insn, 7)                                                          \
		}                                                                                  \
		if (!sse_leave(cpu, host, d, TINY_NONE))                                           \
			return false;                                                              \
		memcpy(dst, &d, 16);                                                               \
		return true;                                                                       \
	}

SSE_CMP(cmpps, "cmpps", 16)
SSE_CMP(cmpss, "cmpss", 4)
SSE_CMP(cmppd, "cmppd", 16)
SSE_CMP(cmpsd, "cmpsd", 8)

#define SSE_COMI(name, insn, bytes)                                                                \
	static bool name(struct cpu *cpu, void *dst, const void *src, unsigned imm)                \
	{                                                                                          \
		v128 d = load(dst, bytes), s = load(src, bytes);                                   \
		u32 host = sse_enter(cpu);                                                         \
		bool z, p, c;                                                                      \
                                                                                                   \
		(void)imm;                                                                         \
		__asm__ volatile(insn " %4, %3"                                                    \
				 : "=@ccz"(z), "=@ccp"(p), "=@ccc"(c)                              \
				 : "x"(d), "x"(s));                                                \
		if (!sse_leave(cpu, host, d, TINY_NONE))                                           \
			return false;                                                              \
		cpu_set_arith_flags(cpu,                                                           \
				    (z ? FLAG_ZF : 0) | (p ? FLAG_PF : 0) | (c ? FLAG_CF : 0));    \
		return true;                                                                       \
	}

SSE_COMI(comiss, "comiss", 4)
SSE_COMI(comisd, "comisd", 8)
SSE_COMI(ucomiss, "ucomiss", 4)
SSE_COMI(ucomisd, "ucomisd", 8)

/* ---- conversions with a general register ---- */

#define SSE_TO_GPR(name, insn, type, bytes)                                                        \
	static bool name(struct cpu *cpu, void *dst, const void *src, unsigned imm)                \
	{                                                                                          \
		v128 s = load(src, bytes);                                                         \
		u32 host = sse_enter(cpu);                                                         \
		type r;                                                                            \
		u64 wide;                                                                          \
                                                                                                   \
		(void)imm;                                                                         \
		__asm__ volatile(insn " %1, %0" : "=r"(r) : "x"(s));                               \
		if (!sse_leave(cpu, host, s, TINY_NONE))                                           \
			return false;                                                              \
		wide = r;                                                                          \
		memcpy(dst, &wide, 8);                                                             \
		return true;                                                                       \
	}

#define SSE_FROM_GPR(name, insn, type)                                                             \
	static bool name(struct cpu *cpu, void *dst, const void *src, unsigned imm)                \
	{                                                                                          \
		v128 d = load(dst, 16);                                                            \
		u32 host = sse_enter(cpu);                                                         \
		type v;                                                                            \
                                                                                                   \
		(void)imm;                                                                         \
		memcpy(&v, src, sizeof(v));                                                        \
		__asm__ volatile(insn " %1, %0" : "+x"(d) : "r"(v));                               \
		if (!sse_leave(cpu, host, d, TINY_NONE))                                           \
			return false;                                                              \
		memcpy(dst, &d, 16);                                                               \
		return true;                                                                       \
	}

SSE_TO_GPR(cvtsd2si32, "cvtsd2si", u32, 8)
SSE_TO_GPR(cvtsd2si64, "cvtsd2si", u64, 8)
SSE_TO_GPR(cvtss2si32, "cvtss2si", u32, 4)
SSE_TO_GPR(cvtss2si64, "cvtss2si", u64, 4)
SSE_TO_GPR(cvttsd2si32, "cvttsd2si", u32, 8)
SSE_TO_GPR(cvttsd2si64, "cvttsd2si", u64, 8)
SSE_TO_GPR(cvttss2si32, "cvttss2si", u32, 4)
SSE_TO_GPR(cvttss2si64, "cvttss2si", u64, 4)
SSE_FROM_GPR(cvtsi2sd32, "cvtsi2sdl", u32)
SSE_FROM_GPR(cvtsi2sd64, "cvtsi2sdq", u64)
SSE_FROM_GPR(cvtsi2ss32, "cvtsi2ssl", u32)
SSE_FROM_GPR(cvtsi2ss64, "cvtsi2ssq", u64)

/* ---- approximations, by definition (see above) ---- */

#define F32_NAN 0x7fc00000u

/* 1/x: x = 1.m * 2^e, so 1/x = (2/1.m) * 2^(-e-1), with 2/1.m in (1, 2]. */
static u32 rcp32(u32 x)
{
	u32 sign = x & 0x80000000u, exp = (x >> 23) & 0xff, frac = x & 0x7fffff;
	u64 m, q;
	s32 e;

	if (exp == 0xff)
		return frac ? x | 0x400000u : sign;
	if (!exp)
		return sign | 0x7f800000u;
	m = frac | 0x800000u;
	q = ((1ull << 37) / m + 1) >>
	    1; /* 2/1.m at 13 fraction bits, rounded to 12: in [2^12, 2^13] */
	e = 253 - (s32)exp;
	if (q >> 13) {
		q >>= 1;
		e++;
	}
	return e <= 0 ? sign : sign | (u32)e << 23 | (u32)(q & 0xfff) << 11;
}

static u64 isqrt(u64 v)
{
	u64 r = 0;

	for (u64 bit = 1ull << 31; bit; bit >>= 1)
		if ((r | bit) * (r | bit) <= v)
			r |= bit;
	return r;
}

/*
 * 1/sqrt(x): x = t * 2^(2k) with t in [1, 4), so the result is (2/sqrt t) * 2^(-k-1), with 2/sqrt t
 * in (1, 2].
 */
static u32 rsqrt32(u32 x)
{
	u32 sign = x & 0x80000000u, exp = (x >> 23) & 0xff, frac = x & 0x7fffff;
	u64 m, q;
	s32 k, e;

	if (exp == 0xff && frac)
		return x | 0x400000u;
	if (!exp)
		return sign | 0x7f800000u;
	if (sign)
		return sign | F32_NAN;
	if (exp == 0xff)
		return 0;
	k = (s32)exp - 127;
	m = (u64)(frac | 0x800000u) << (k & 1);
	k = (k - (k & 1)) / 2;
	/*
	 * 2/sqrt(m * 2^-23) at 13 fraction bits is sqrt(4 * 2^26 * 2^23 / m); a floor of a floor is
	 * the floor.
	 */
	q = (isqrt((1ull << 51) / m) + 1) >> 1;
	e = 126 - k;
	if (q >> 13) {
		q >>= 1;
		e++;
	}
	return (u32)e << 23 | (u32)(q & 0xfff) << 11;
}

static void map32(void *dst, const void *src, unsigned lanes, u32 (*fn)(u32))
{
	u32 v[4];

	memcpy(v, src, lanes * 4);
	for (unsigned i = 0; i < lanes; i++)
		v[i] = fn(v[i]);
	memcpy(dst, v, lanes * 4);
}

#define SSE_APPROX(name, lanes, fn)                                                                \
	static bool name(struct cpu *cpu, void *dst, const void *src, unsigned imm)                \
	{                                                                                          \
		(void)cpu;                                                                         \
		(void)imm;                                                                         \
		map32(dst, src, lanes, fn);                                                        \
		return true;                                                                       \
	}

SSE_APPROX(rcpps, 4, rcp32)
SSE_APPROX(rcpss, 1, rcp32)
SSE_APPROX(rsqrtps, 4, rsqrt32)
SSE_APPROX(rsqrtss, 1, rsqrt32)

/* ---- MXCSR ---- */

bool fpu_ldmxcsr(struct cpu *cpu, u32 mxcsr)
{
	if (mxcsr >> 16) {
		cpu->fault = (struct fault){ .vector = VEC_GP, .has_error = true };
		return false;
	}
	cpu->fpu.mxcsr = mxcsr;
	return true;
}

static bool ldmxcsr(struct cpu *cpu, void *dst, const void *src, unsigned imm)
{
	u32 v;

	(void)dst;
	(void)imm;
	memcpy(&v, src, 4);
	return fpu_ldmxcsr(cpu, v);
}

/* ---- the table ---- */

#define ARITH(MN, f, bytes, al)                                                                    \
	[ZYDIS_MNEMONIC_##MN] = { .fn = f, .src_bytes = bytes, .align = al, .dst_read = true }
#define ARITH4(MN, f)                                                                              \
	ARITH(MN##PS, f##ps, 16, 16), ARITH(MN##SS, f##ss, 4, 1), ARITH(MN##PD, f##pd, 16, 16),    \
		ARITH(MN##SD, f##sd, 8, 1)
#define WRITE(MN, f, bytes, al) [ZYDIS_MNEMONIC_##MN] = { .fn = f, .src_bytes = bytes, .align = al }
#define COMI(MN, f, bytes)                                                                         \
	[ZYDIS_MNEMONIC_##MN] = {                                                                  \
		.fn = f, .src_bytes = bytes, .align = 1, .dst_read = true, .sets_flags = true      \
	}
#define TO_GPR(MN, f, bytes)                                                                       \
	[ZYDIS_MNEMONIC_##MN] = { .fn = f, .src_bytes = bytes, .align = 1, .dst_gpr = true }

static const struct sse_op sse_ops[ZYDIS_MNEMONIC_MAX_VALUE + 1] = {
	ARITH4(ADD, add),
	ARITH4(SUB, sub),
	ARITH4(MUL, mul),
	ARITH4(DIV, div),
	ARITH4(MIN, min),
	ARITH4(MAX, max),
	ARITH4(SQRT, sqrt),
	ARITH4(CMP, cmp),
	WRITE(CVTDQ2PD, cvtdq2pd, 8, 1),
	WRITE(CVTDQ2PS, cvtdq2ps, 16, 16),
	WRITE(CVTPD2DQ, cvtpd2dq, 16, 16),
	WRITE(CVTPD2PS, cvtpd2ps, 16, 16),
	WRITE(CVTPS2DQ, cvtps2dq, 16, 16),
	WRITE(CVTPS2PD, cvtps2pd, 8, 1),
	WRITE(CVTTPD2DQ, cvttpd2dq, 16, 16),
	WRITE(CVTTPS2DQ, cvttps2dq, 16, 16),
	ARITH(CVTSD2SS, cvtsd2ss, 8, 1),
	ARITH(CVTSS2SD, cvtss2sd, 4, 1),
	ARITH(CVTSI2SD, cvtsi2sd32, 4, 1),
	ARITH(CVTSI2SS, cvtsi2ss32, 4, 1),
	TO_GPR(CVTSD2SI, cvtsd2si32, 8),
	TO_GPR(CVTSS2SI, cvtss2si32, 4),
	TO_GPR(CVTTSD2SI, cvttsd2si32, 8),
	TO_GPR(CVTTSS2SI, cvttss2si32, 4),
	COMI(COMISS, comiss, 4),
	COMI(COMISD, comisd, 8),
	COMI(UCOMISS, ucomiss, 4),
	COMI(UCOMISD, ucomisd, 8),
	WRITE(RCPPS, rcpps, 16, 16),
	ARITH(RCPSS, rcpss, 4, 1),
	WRITE(RSQRTPS, rsqrtps, 16, 16),
	ARITH(RSQRTSS, rsqrtss, 4, 1),
	WRITE(LDMXCSR, ldmxcsr, 4, 1),
};

/* The forms with a 64-bit general register. */
static const struct {
	ZydisMnemonic mnemonic;
	struct sse_op op;
} sse_ops64[] = {
	{ ZYDIS_MNEMONIC_CVTSI2SD,
	  { .fn = cvtsi2sd64, .src_bytes = 8, .align = 1, .dst_read = true } },
	{ ZYDIS_MNEMONIC_CVTSI2SS,
	  { .fn = cvtsi2ss64, .src_bytes = 8, .align = 1, .dst_read = true } },
	{ ZYDIS_MNEMONIC_CVTSD2SI,
	  { .fn = cvtsd2si64, .src_bytes = 8, .align = 1, .dst_gpr = true } },
	{ ZYDIS_MNEMONIC_CVTSS2SI,
	  { .fn = cvtss2si64, .src_bytes = 4, .align = 1, .dst_gpr = true } },
	{ ZYDIS_MNEMONIC_CVTTSD2SI,
	  { .fn = cvttsd2si64, .src_bytes = 8, .align = 1, .dst_gpr = true } },
	{ ZYDIS_MNEMONIC_CVTTSS2SI,
	  { .fn = cvttss2si64, .src_bytes = 4, .align = 1, .dst_gpr = true } },
};

const struct sse_op *sse_lookup(unsigned zydis_mnemonic, unsigned gpr_bits)
{
	if (zydis_mnemonic > ZYDIS_MNEMONIC_MAX_VALUE)
		return NULL;
	if (gpr_bits == 64)
		for (size_t i = 0; i < ARRAY_SIZE(sse_ops64); i++)
			if (sse_ops64[i].mnemonic == zydis_mnemonic)
				return &sse_ops64[i].op;
	if (sse_ops[zydis_mnemonic].fn)
		return &sse_ops[zydis_mnemonic];
	return simd_lookup(zydis_mnemonic);
}
