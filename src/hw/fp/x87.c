/* SPDX-License-Identifier: MIT */
/*
 * The x87 unit: register stack, tag and status words, and every instruction but the transcendentals
 * (x87_trans.c).
 *
 * The decoder looks an operation up (x87_lookup) and calls it with the bytes of a memory operand or
 * a stack index; nothing here knows memory. The stack, its faults, moves, sign changes and
 * environments are plain integers; rounding arithmetic is the host's, two 80-bit loads around one
 * instruction. FADD ST(0), ST(2) with TOP = 5:
 *
 *	R0..R7       R5 = ST(0) = 1.5        R7 = ST(2) = 2^-70      ftw 1110 0000
 *	the host     fldcw guest's; fldt R7; fldt R5; fadd; fnstsw -> PE; fnclex; fstpt R5; fldcw
 *	fsw          PE set, C1 = 0 (not rounded up), TOP still 5
 *
 *	X1 The host runs with invalid, denormal, zero-divide and precision masked, so its loads
 *	   always push and its stores always pop; overflow and underflow keep the guest's masks,
 *	   because unmasked they change the result (exponent moved by 24576).
 *	X2 No flag stays set in the host's status word: each kernel ends with FNCLEX when it raised
 *	   one, and an embedder's own sticky flags are put aside with FNSTENV and restored with
 *	   FLDENV. The host's control word is restored, its stack is empty before and after.
 *	X3 An unmasked IE, DE or ZE, or an unmasked OE or UE on a store to memory, changes nothing
 *	   but flags: no result, no pop. Unmasked PE, and OE or UE in a register, deliver. The
 *	   exception itself (#MF) comes with the next waiting instruction.
 *	X4 Stack faults go before everything else. Condition codes the manual leaves undefined keep
 *	   their value.
 *	X5 A physical register is empty exactly when its ftw bit is 0; full tags are computed when
 *	   an environment is stored.
 *
 * FPREM's partial step (exponents 64 or more apart) differs between vendors; here it reduces by 32
 * + D mod 32 as the manual's example does, in integers. The last-instruction pointers (FIP, FDP,
 * FOP) hold what was last loaded into them: no instruction writes them. The reserved precision
 * control 01 means extended. With CR0.NE clear an error still arrives as #MF.
 *
 * Units:   a register image is 10 bytes; stack indices count from the top.
 * Owner:   operands belong to the caller.
 * Locking: none; a CPU's state is touched by that CPU only.
 * Errors:  false with cpu->fault: #MF, #NM; #GP(0) from FXRSTOR.
 * Time:    moves a few ns; arithmetic about 100 ns.
 * Source:  Intel SDM vol. 1 ch. 8 and 10.5.1, vol. 2; AMD APM vol. 5.
 */

#include "hw/fp/x87.h"

#include <Zydis/Mnemonic.h>

#define FCW_DEFAULT 0x37fu

bool x87_begin(struct cpu *cpu)
{
	if (unlikely(cpu->cr0 & (CR0_EM | CR0_TS))) {
		cpu->fault = (struct fault){ .vector = VEC_NM };
		return false;
	}
	if (unlikely(cpu->fpu.fsw & X87_ES)) {
		cpu->fault = (struct fault){ .vector = VEC_MF };
		return false;
	}
	return true;
}

/* The start of an instruction that does not wait (FNSTCW, FNINIT, FXSAVE ...). */
static bool begin_nowait(struct cpu *cpu)
{
	if (unlikely(cpu->cr0 & (CR0_EM | CR0_TS))) {
		cpu->fault = (struct fault){ .vector = VEC_NM };
		return false;
	}
	return true;
}

void x87_write_indefinite(void *st)
{
	f80_pack(st, true, 0x7fff, 0xc000000000000000ull);
}

bool x87_underflow(struct cpu *cpu)
{
	x87_raise(cpu, X87_IE | X87_SF, false);
	return x87_masked(cpu, X87_IE);
}

bool x87_overflow(struct cpu *cpu)
{
	x87_raise(cpu, X87_IE | X87_SF, true);
	return x87_masked(cpu, X87_IE);
}

/*
 * ---- the host's unit: between host_enter() and host_leave() stands one asm statement that leaves
 * the stack empty ----
 */

struct host87 {
	u16 fcw, fsw, want;
	u8 env[28];
};

static inline void host_enter(const struct cpu *cpu, struct host87 *h)
{
	__asm__ volatile("fnstcw %0\n\tfnstsw %1" : "=m"(h->fcw), "=m"(h->fsw));
	if (unlikely(h->fsw & (X87_FLAGS | X87_SF | X87_ES)))
		__asm__ volatile("fnstenv %0\n\tfnclex\n\tfldcw %1" : "=m"(h->env) : "m"(h->fcw));
	h->want = (u16)(cpu->fpu.fcw | X87_PRE | X87_PE | 0x40);
	if ((h->want & 0x300) == 0x100)
		h->want |= 0x300;
	if (h->want != h->fcw)
		__asm__ volatile("fldcw %0" : : "m"(h->want));
}

static inline void host_leave(const struct host87 *h)
{
	if (unlikely(h->fsw & (X87_FLAGS | X87_SF | X87_ES)))
		__asm__ volatile("fldenv %0" : : "m"(h->env));
	else if (h->want != h->fcw)
		__asm__ volatile("fldcw %0" : : "m"(h->fcw));
}

/*
 * One operation: loads, the instruction, status out, flags cleared so that nothing waits on them,
 * stores.
 */
#define HOST87(sw, loads, insn, stores, ...)                                                       \
	__asm__ volatile(loads "\n\t" insn "\n\tfnstsw %w[s]\n\ttestb $0x3f, %b[s]\n\t"            \
			       "jz 1f\n\tfnclex\n1:\t" stores                                      \
			 : [s] "=&a"(sw)                                                           \
			 : __VA_ARGS__                                                             \
			 : "cc", "memory", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)",      \
			   "st(6)", "st(7)")

/*
 * a is the destination's 10 bytes, b the source's (10 bytes, or a memory operand's); r gets the
 * result. Returns the status.
 */
typedef u16 kernel2(const struct cpu *cpu, const void *a, const void *b, void *r);

#define KERNEL2_REG(name, insn)                                                                    \
	static u16 name##_reg(const struct cpu *cpu, const void *a, const void *b, void *r)        \
	{                                                                                          \
		struct host87 h;                                                                   \
		u16 sw;                                                                            \
                                                                                                   \
		host_enter(cpu, &h);                                                               \
		HOST87(sw, "fldt (%[b])\n\tfldt (%[a])", insn,                                     \
		       "fstpt (%[r])\n\tfstp %%st(0)", [a] "r"(a), [b] "r"(b), [r] "r"(r));        \
		host_leave(&h);                                                                    \
		return sw;                                                                         \
	}

#define KERNEL2_MEM(name, insn)                                                                    \
	static u16 name(const struct cpu *cpu, const void *a, const void *b, void *r)              \
	{                                                                                          \
		struct host87 h;                                                                   \
		u16 sw;                                                                            \
                                                                                                   \
		host_enter(cpu, &h);                                                               \
		HOST87(sw, "fldt (%[a])", insn " (%[b])",                                          \
		       "fstpt (%[r])", [a] "r"(a), [b] "r"(b), [r] "r"(r));                        \
		host_leave(&h);                                                                    \
		return sw;                                                                         \
	}

#define KERNELS(op, regs)                                                                          \
	KERNEL2_REG(f##op, "f" #op " " regs)                                                       \
	KERNEL2_MEM(f##op##_m32, "f" #op "s")                                                      \
	KERNEL2_MEM(f##op##_m64, "f" #op "l")                                                      \
	KERNEL2_MEM(fi##op##_m16, "fi" #op "s")                                                    \
	KERNEL2_MEM(fi##op##_m32, "fi" #op "l")

KERNELS(add, "%%st(1), %%st")
KERNELS(sub, "%%st(1), %%st")
KERNELS(subr, "%%st(1), %%st")
KERNELS(mul, "%%st(1), %%st")
KERNELS(div, "%%st(1), %%st")
KERNELS(divr, "%%st(1), %%st")
KERNELS(com, "%%st(1)")
KERNEL2_REG(fucom, "fucom %%st(1)")
KERNEL2_REG(fscale, "fscale")
KERNEL2_REG(fprem, "fprem")
KERNEL2_REG(fprem1, "fprem1")

/* a in, r out (and r2, for FXTRACT). */
#define KERNEL1(name, loads, insn, stores)                                                         \
	static u16 name(const struct cpu *cpu, const void *a, void *r)                             \
	{                                                                                          \
		struct host87 h;                                                                   \
		u16 sw;                                                                            \
                                                                                                   \
		host_enter(cpu, &h);                                                               \
		HOST87(sw, loads, insn, stores, [a] "r"(a), [r] "r"(r));                           \
		host_leave(&h);                                                                    \
		return sw;                                                                         \
	}
typedef u16 kernel1(const struct cpu *cpu, const void *a, void *r);

KERNEL1(frndint_k, "fldt (%[a])", "frndint", "fstpt (%[r])")
KERNEL1(fsqrt_k, "fldt (%[a])", "fsqrt", "fstpt (%[r])")
KERNEL1(ftst_k, "fldt (%[a])", "ftst", "fstp %%st(0)")
KERNEL1(fxtract_k, "fldt (%[a])", "fxtract", "fstpt (%[r])\n\tfstpt 16(%[r])")
KERNEL1(fld_m32_k, "", "flds (%[a])", "fstpt (%[r])")
KERNEL1(fld_m64_k, "", "fldl (%[a])", "fstpt (%[r])")
KERNEL1(fild_m16_k, "", "filds (%[a])", "fstpt (%[r])")
KERNEL1(fild_m32_k, "", "fildl (%[a])", "fstpt (%[r])")
KERNEL1(fild_m64_k, "", "fildq (%[a])", "fstpt (%[r])")
KERNEL1(fst_m32_k, "fldt (%[a])", "fsts (%[r])", "fstp %%st(0)")
KERNEL1(fst_m64_k, "fldt (%[a])", "fstl (%[r])", "fstp %%st(0)")
KERNEL1(fist_m16_k, "fldt (%[a])", "fists (%[r])", "fstp %%st(0)")
KERNEL1(fist_m32_k, "fldt (%[a])", "fistl (%[r])", "fstp %%st(0)")
KERNEL1(fist_m64_k, "fldt (%[a])\n\tfld %%st(0)", "fistpq (%[r])", "fstp %%st(0)")
KERNEL1(fbst_k, "fldt (%[a])\n\tfld %%st(0)", "fbstp (%[r])", "fstp %%st(0)")
KERNEL1(fld1_k, "", "fld1", "fstpt (%[r])")
KERNEL1(fldz_k, "", "fldz", "fstpt (%[r])")
KERNEL1(fldl2t_k, "", "fldl2t", "fstpt (%[r])")
KERNEL1(fldl2e_k, "", "fldl2e", "fstpt (%[r])")
KERNEL1(fldpi_k, "", "fldpi", "fstpt (%[r])")
KERNEL1(fldlg2_k, "", "fldlg2", "fstpt (%[r])")
KERNEL1(fldln2_k, "", "fldln2", "fstpt (%[r])")

/* ---- how a computed result arrives (X3) ---- */

/*
 * Take the flags of a kernel over. false: an unmasked exception found before computing, so there is
 * no result.
 */
static bool accept(struct cpu *cpu, u16 sw)
{
	u32 raised = sw & X87_FLAGS;

	if (!x87_masked(cpu, raised & X87_PRE)) {
		x87_raise(cpu, raised & X87_PRE, false);
		return false;
	}
	x87_raise(cpu, raised, sw & X87_C1);
	return true;
}

static void set_cc(struct cpu *cpu, u32 cc)
{
	cpu->fpu.fsw = (u16)((cpu->fpu.fsw & ~X87_CC) | (cc & X87_CC));
}

static void pops(struct cpu *cpu, unsigned n)
{
	for (; n; n--)
		x87_pop(cpu);
}

/* ---- arithmetic: ST(dst) = ST(dst) op b ---- */

static bool arith(struct cpu *cpu, kernel2 *k, unsigned dst, const void *b, bool b_empty,
		  unsigned npop)
{
	u8 r[16];

	if (!x87_begin(cpu))
		return false;
	if (unlikely(b_empty || x87_empty(cpu, dst))) {
		if (x87_underflow(cpu)) {
			x87_write_indefinite(x87_st(cpu, dst));
			x87_set_valid(cpu, dst);
			pops(cpu, npop);
		}
		return true;
	}
	if (!accept(cpu, k(cpu, x87_st(cpu, dst), b, r)))
		return true;
	memcpy(x87_st(cpu, dst), r, 10);
	pops(cpu, npop);
	return true;
}

#define ARITH_FNS(op)                                                                              \
	static bool f##op##_st0(struct cpu *cpu, void *mem, unsigned sti)                          \
	{                                                                                          \
		(void)mem;                                                                         \
		return arith(cpu, f##op##_reg, 0, x87_st(cpu, sti), x87_empty(cpu, sti), 0);       \
	}                                                                                          \
	static bool f##op##_sti(struct cpu *cpu, void *mem, unsigned sti)                          \
	{                                                                                          \
		(void)mem;                                                                         \
		return arith(cpu, f##op##_reg, sti, x87_st(cpu, 0), x87_empty(cpu, 0), 0);         \
	}                                                                                          \
	static bool f##op##p(struct cpu *cpu, void *mem, unsigned sti)                             \
	{                                                                                          \
		(void)mem;                                                                         \
		return arith(cpu, f##op##_reg, sti, x87_st(cpu, 0), x87_empty(cpu, 0), 1);         \
	}                                                                                          \
	static bool f##op##32(struct cpu * cpu, void *mem, unsigned sti)                           \
	{                                                                                          \
		(void)sti;                                                                         \
		return arith(cpu, f##op##_m32, 0, mem, false, 0);                                  \
	}                                                                                          \
	static bool f##op##64(struct cpu * cpu, void *mem, unsigned sti)                           \
	{                                                                                          \
		(void)sti;                                                                         \
		return arith(cpu, f##op##_m64, 0, mem, false, 0);                                  \
	}                                                                                          \
	static bool fi##op##16(struct cpu * cpu, void *mem, unsigned sti)                          \
	{                                                                                          \
		(void)sti;                                                                         \
		return arith(cpu, fi##op##_m16, 0, mem, false, 0);                                 \
	}                                                                                          \
	static bool fi##op##32(struct cpu * cpu, void *mem, unsigned sti)                          \
	{                                                                                          \
		(void)sti;                                                                         \
		return arith(cpu, fi##op##_m32, 0, mem, false, 0);                                 \
	}

ARITH_FNS(add)
ARITH_FNS(sub)
ARITH_FNS(subr)
ARITH_FNS(mul)
ARITH_FNS(div)
ARITH_FNS(divr)

static bool fscale(struct cpu *cpu, void *mem, unsigned sti)
{
	(void)mem;
	(void)sti;
	return arith(cpu, fscale_reg, 0, x87_st(cpu, 1), x87_empty(cpu, 1), 0);
}

static bool unary(struct cpu *cpu, kernel1 *k)
{
	u8 r[16];

	if (!x87_begin(cpu))
		return false;
	if (unlikely(x87_empty(cpu, 0))) {
		if (x87_underflow(cpu)) {
			x87_write_indefinite(x87_st(cpu, 0));
			x87_set_valid(cpu, 0);
		}
		return true;
	}
	if (accept(cpu, k(cpu, x87_st(cpu, 0), r)))
		memcpy(x87_st(cpu, 0), r, 10);
	return true;
}

static bool frndint(struct cpu *cpu, void *mem, unsigned sti)
{
	(void)mem;
	(void)sti;
	return unary(cpu, frndint_k);
}

static bool fsqrt(struct cpu *cpu, void *mem, unsigned sti)
{
	(void)mem;
	(void)sti;
	return unary(cpu, fsqrt_k);
}

/*
 * ST(0) becomes its exponent, then its significand is pushed: both an operand and a free register
 * are needed.
 */
static bool fxtract(struct cpu *cpu, void *mem, unsigned sti)
{
	u8 r[32];

	(void)mem;
	(void)sti;
	if (!x87_begin(cpu))
		return false;
	if (x87_empty(cpu, 0) || !x87_empty(cpu, 7)) {
		if (x87_empty(cpu, 0) ? x87_underflow(cpu) : x87_overflow(cpu)) {
			x87_write_indefinite(x87_st(cpu, 0));
			x87_set_valid(cpu, 0);
			x87_push(cpu);
			x87_write_indefinite(x87_st(cpu, 0));
		}
		return true;
	}
	if (!accept(cpu, fxtract_k(cpu, x87_st(cpu, 0), r)))
		return true;
	memcpy(x87_st(cpu, 0), r + 16, 10);
	x87_push(cpu);
	memcpy(x87_st(cpu, 0), r, 10);
	return true;
}

/* ---- FPREM, FPREM1: exact; the quotient's low bits in C0, C3, C1 ---- */

static struct f80 normalise(struct f80 v)
{
	if (!v.exp)
		v.exp = 1;
	return v;
}

/*
 * Exponents at least 64 apart: subtract b * 2^(D - N) as often as it goes, N = 32 + D mod 32, and
 * say "incomplete" with C2. The difference of exponents shrinks by at least 32, so that a guest's
 * loop ends. b is normalised first, D may reach 32829.
 */
static bool prem_partial(struct cpu *cpu, struct f80 a, struct f80 b)
{
	u32 flags = !a.exp || !b.exp ? X87_DE : 0;
	s32 ea, eb, d, n, e;
	u64 r;

	a = normalise(a);
	b = normalise(b);
	ea = a.exp - __builtin_clzll(a.mant);
	a.mant <<= __builtin_clzll(a.mant);
	eb = b.exp - __builtin_clzll(b.mant);
	b.mant <<= __builtin_clzll(b.mant);
	d = ea - eb;
	if (d < 64)
		return false;
	if (!x87_masked(cpu, flags)) {
		x87_raise(cpu, flags, false);
		return true;
	}
	n = 32 + d % 32;
	r = (u64)(((u128)a.mant << n) % b.mant);
	e = ea - n;
	x87_raise(cpu, flags, false);
	set_cc(cpu, X87_C2);
	if (!r) {
		f80_pack(x87_st(cpu, 0), a.sign, 0, 0);
		return true;
	}
	e -= __builtin_clzll(r);
	r <<= __builtin_clzll(r);
	if (e <= 0) { /* denormal, and exact: a multiple of b's last bit */
		r >>= 1 - e;
		e = 0;
		if (!x87_masked(cpu, X87_UE))
			x87_raise(cpu, X87_UE, false);
	}
	f80_pack(x87_st(cpu, 0), a.sign, (u16)e, r);
	return true;
}

static bool is_finite_nonzero(struct f80 v)
{
	enum f80_class c = f80_classify(v);

	return c == F80_NORMAL || c == F80_DENORMAL;
}

/*
 * Whether there is a quotient to tell of in C0, C3 and C1: not for NaNs, an infinite dividend or a
 * zero divisor.
 */
static bool has_remainder(struct f80 a, struct f80 b)
{
	enum f80_class ca = f80_classify(a), cb = f80_classify(b);

	return (is_finite_nonzero(a) || ca == F80_ZERO) && (is_finite_nonzero(b) || cb == F80_INF);
}

static bool prem(struct cpu *cpu, kernel2 *k)
{
	struct f80 a = f80_unpack(x87_st(cpu, 0)), b = f80_unpack(x87_st(cpu, 1));
	u8 r[16];
	u16 sw;

	if (!x87_begin(cpu))
		return false;
	cpu->fpu.fsw &= (u16)~X87_C2;
	if (x87_empty(cpu, 0) || x87_empty(cpu, 1)) {
		if (x87_underflow(cpu)) {
			x87_write_indefinite(x87_st(cpu, 0));
			x87_set_valid(cpu, 0);
		}
		return true;
	}
	if (is_finite_nonzero(a) && is_finite_nonzero(b) && prem_partial(cpu, a, b))
		return true;
	sw = k(cpu, x87_st(cpu, 0), x87_st(cpu, 1), r);
	if (!accept(cpu, sw))
		return true;
	if (has_remainder(a, b))
		set_cc(cpu, sw);
	memcpy(x87_st(cpu, 0), r, 10);
	return true;
}

static bool fprem(struct cpu *cpu, void *mem, unsigned sti)
{
	(void)mem;
	(void)sti;
	return prem(cpu, fprem_reg);
}

static bool fprem1(struct cpu *cpu, void *mem, unsigned sti)
{
	(void)mem;
	(void)sti;
	return prem(cpu, fprem1_reg);
}

/* ---- loads ---- */

/*
 * A register for a load: true and ST(0) is new; false when the stack was full (masked: the
 * indefinite was pushed).
 */
static bool room(struct cpu *cpu)
{
	if (likely(x87_empty(cpu, 7)))
		return true;
	if (x87_overflow(cpu)) {
		x87_push(cpu);
		x87_write_indefinite(x87_st(cpu, 0));
	}
	return false;
}

/*
 * An unmasked denormal operand does not keep a load from happening; an unmasked signalling NaN
 * does.
 */
static bool load(struct cpu *cpu, kernel1 *k, const void *mem)
{
	u8 r[16];
	u16 sw;

	if (!x87_begin(cpu))
		return false;
	if (!room(cpu))
		return true;
	sw = k(cpu, mem, r);
	if (!accept(cpu, sw) && !x87_masked(cpu, sw & X87_IE))
		return true;
	x87_push(cpu);
	memcpy(x87_st(cpu, 0), r, 10);
	return true;
}

#define LOAD(name, kernel)                                                                         \
	static bool name(struct cpu *cpu, void *mem, unsigned sti)                                 \
	{                                                                                          \
		(void)sti;                                                                         \
		return load(cpu, kernel, mem);                                                     \
	}

LOAD(fld_m32, fld_m32_k)
LOAD(fld_m64, fld_m64_k)
LOAD(fild_m16, fild_m16_k)
LOAD(fild_m32, fild_m32_k)
LOAD(fild_m64, fild_m64_k)
LOAD(fld1, fld1_k)
LOAD(fldz, fldz_k)
LOAD(fldl2t, fldl2t_k)
LOAD(fldl2e, fldl2e_k)
LOAD(fldpi, fldpi_k)
LOAD(fldlg2, fldlg2_k)
LOAD(fldln2, fldln2_k)

/* A copy of 80 bits: nothing to round, nothing to raise, not even for a signalling NaN. */
static bool load80(struct cpu *cpu, const void *image)
{
	u8 copy[10];

	memcpy(copy, image, 10);
	if (!room(cpu))
		return true;
	x87_raise(cpu, 0, false);
	x87_push(cpu);
	memcpy(x87_st(cpu, 0), copy, 10);
	return true;
}

static bool fld_m80(struct cpu *cpu, void *mem, unsigned sti)
{
	(void)sti;
	return x87_begin(cpu) && load80(cpu, mem);
}

static bool fld_sti(struct cpu *cpu, void *mem, unsigned sti)
{
	u8 indefinite[10];

	(void)mem;
	if (!x87_begin(cpu))
		return false;
	if (likely(!x87_empty(cpu, sti)))
		return load80(cpu, x87_st(cpu, sti));
	if (!x87_underflow(cpu))
		return true;
	x87_write_indefinite(indefinite);
	x87_push(cpu);
	memcpy(x87_st(cpu, 0), indefinite, 10);
	return true;
}

/*
 * 18 decimal digits, two a byte, and a sign: below 10^18, so exact. Nibbles above 9 count as they
 * stand.
 */
static bool fbld(struct cpu *cpu, void *mem, unsigned sti)
{
	const u8 *p = mem;
	u8 image[10];
	u64 v = 0;

	(void)sti;
	if (!x87_begin(cpu))
		return false;
	for (int i = 8; i >= 0; i--)
		v = v * 100 + (p[i] >> 4) * 10u + (p[i] & 15);
	if (v)
		f80_pack(image, p[9] >> 7, (u16)(16383 + 63 - __builtin_clzll(v)),
			 v << __builtin_clzll(v));
	else
		f80_pack(image, p[9] >> 7, 0, 0);
	return load80(cpu, image);
}

/* ---- stores ---- */

/*
 * The kernel writes bytes at a copy, so that an unmasked response leaves mem alone. An unmasked OE
 * or UE suppresses the store too; the host suppresses it on its own for exactly these (X1), which
 * is why they need no test of the bytes.
 */
static bool store(struct cpu *cpu, kernel1 *k, void *mem, unsigned bytes, const void *indefinite,
		  unsigned npop)
{
	u8 out[16];
	u16 sw;

	if (!x87_begin(cpu))
		return false;
	if (unlikely(x87_empty(cpu, 0))) {
		if (x87_underflow(cpu)) {
			memcpy(mem, indefinite, bytes);
			pops(cpu, npop);
		}
		return true;
	}
	sw = k(cpu, x87_st(cpu, 0), out);
	if (!accept(cpu, sw))
		return true;
	if (!x87_masked(cpu, sw & (X87_OE | X87_UE)))
		return true;
	memcpy(mem, out, bytes);
	pops(cpu, npop);
	return true;
}

static const u8 indef_m32[4] = { 0, 0, 0xc0, 0xff };
static const u8 indef_m64[8] = { 0, 0, 0, 0, 0, 0, 0xf8, 0xff };
static const u8 indef_i16[2] = { 0, 0x80 };
static const u8 indef_i32[4] = { 0, 0, 0, 0x80 };
static const u8 indef_i64[8] = { 0, 0, 0, 0, 0, 0, 0, 0x80 };
static const u8 indef_bcd[10] = { 0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0xff };

#define STORE(name, kernel, bytes, indef, npop)                                                    \
	static bool name(struct cpu *cpu, void *mem, unsigned sti)                                 \
	{                                                                                          \
		(void)sti;                                                                         \
		return store(cpu, kernel, mem, bytes, indef, npop);                                \
	}

STORE(fst_m32, fst_m32_k, 4, indef_m32, 0)
STORE(fst_m64, fst_m64_k, 8, indef_m64, 0)
STORE(fstp_m32, fst_m32_k, 4, indef_m32, 1)
STORE(fstp_m64, fst_m64_k, 8, indef_m64, 1)
STORE(fist_m16, fist_m16_k, 2, indef_i16, 0)
STORE(fist_m32, fist_m32_k, 4, indef_i32, 0)
STORE(fistp_m16, fist_m16_k, 2, indef_i16, 1)
STORE(fistp_m32, fist_m32_k, 4, indef_i32, 1)
STORE(fistp_m64, fist_m64_k, 8, indef_i64, 1)
STORE(fbstp, fbst_k, 10, indef_bcd, 1)

static bool fstp_m80(struct cpu *cpu, void *mem, unsigned sti)
{
	(void)sti;
	if (!x87_begin(cpu))
		return false;
	if (unlikely(x87_empty(cpu, 0))) {
		if (!x87_underflow(cpu))
			return true;
		x87_write_indefinite(mem);
	} else {
		x87_raise(cpu, 0, false);
		memcpy(mem, x87_st(cpu, 0), 10);
	}
	x87_pop(cpu);
	return true;
}

static bool copy_to_sti(struct cpu *cpu, unsigned sti, unsigned npop)
{
	if (!x87_begin(cpu))
		return false;
	if (unlikely(x87_empty(cpu, 0))) {
		if (!x87_underflow(cpu))
			return true;
		x87_write_indefinite(x87_st(cpu, sti));
	} else {
		x87_raise(cpu, 0, false);
		memmove(x87_st(cpu, sti), x87_st(cpu, 0), 10);
	}
	x87_set_valid(cpu, sti);
	pops(cpu, npop);
	return true;
}

static bool fst_sti(struct cpu *cpu, void *mem, unsigned sti)
{
	(void)mem;
	return copy_to_sti(cpu, sti, 0);
}

static bool fstp_sti(struct cpu *cpu, void *mem, unsigned sti)
{
	(void)mem;
	return copy_to_sti(cpu, sti, 1);
}

/* The alias of FSTP ST(i) at D9 D8 does not mind an empty top: it moves nothing then. */
static bool fstpnce(struct cpu *cpu, void *mem, unsigned sti)
{
	if (!x87_empty(cpu, 0))
		return fstp_sti(cpu, mem, sti);
	if (!x87_begin(cpu))
		return false;
	x87_raise(cpu, 0, false);
	x87_pop(cpu);
	return true;
}

/* ---- compares ---- */

enum compare_to { TO_CC, TO_EFLAGS };

/* C3, C2, C0 (equal, unordered, below) go to the status word, or to ZF, PF, CF. */
static void deliver_compare(struct cpu *cpu, u32 cc, enum compare_to to)
{
	if (to == TO_CC)
		set_cc(cpu, cc);
	else
		cpu_set_arith_flags(cpu, (cc & X87_C3 ? FLAG_ZF : 0) | (cc & X87_C2 ? FLAG_PF : 0) |
						 (cc & X87_C0 ? FLAG_CF : 0));
}

static bool compare(struct cpu *cpu, kernel2 *k, const void *b, bool b_empty, unsigned npop,
		    enum compare_to to)
{
	u8 r[16];
	u16 sw, c1 = to == TO_EFLAGS ? cpu->fpu.fsw & X87_C1 : 0; /* FCOMI leaves C1 alone */
	bool masked;

	if (!x87_begin(cpu))
		return false;
	if (unlikely(b_empty || x87_empty(cpu, 0))) {
		masked = x87_underflow(cpu);
		sw = X87_CC;
	} else {
		sw = k(cpu, x87_st(cpu, 0), b, r);
		masked = accept(cpu, (u16)(sw & ~X87_C1));
		cpu->fpu.fsw |= c1;
	}
	deliver_compare(cpu, sw, to);
	if (masked)
		pops(cpu, npop);
	return true;
}

#define COMPARE_STI(name, kernel, npop, to)                                                        \
	static bool name(struct cpu *cpu, void *mem, unsigned sti)                                 \
	{                                                                                          \
		(void)mem;                                                                         \
		return compare(cpu, kernel, x87_st(cpu, sti), x87_empty(cpu, sti), npop, to);      \
	}
#define COMPARE_MEM(name, kernel, npop)                                                            \
	static bool name(struct cpu *cpu, void *mem, unsigned sti)                                 \
	{                                                                                          \
		(void)sti;                                                                         \
		return compare(cpu, kernel, mem, false, npop, TO_CC);                              \
	}

COMPARE_STI(fcom_sti, fcom_reg, 0, TO_CC)
COMPARE_STI(fcomp_sti, fcom_reg, 1, TO_CC)
COMPARE_STI(fucom_sti, fucom_reg, 0, TO_CC)
COMPARE_STI(fucomp_sti, fucom_reg, 1, TO_CC)
COMPARE_STI(fcomi, fcom_reg, 0, TO_EFLAGS)
COMPARE_STI(fcomip, fcom_reg, 1, TO_EFLAGS)
COMPARE_STI(fucomi, fucom_reg, 0, TO_EFLAGS)
COMPARE_STI(fucomip, fucom_reg, 1, TO_EFLAGS)
COMPARE_MEM(fcom32, fcom_m32, 0)
COMPARE_MEM(fcom64, fcom_m64, 0)
COMPARE_MEM(fcomp32, fcom_m32, 1)
COMPARE_MEM(fcomp64, fcom_m64, 1)
COMPARE_MEM(ficom16, ficom_m16, 0)
COMPARE_MEM(ficom32, ficom_m32, 0)
COMPARE_MEM(ficomp16, ficom_m16, 1)
COMPARE_MEM(ficomp32, ficom_m32, 1)

static bool fcompp(struct cpu *cpu, void *mem, unsigned sti)
{
	(void)mem;
	(void)sti;
	return compare(cpu, fcom_reg, x87_st(cpu, 1), x87_empty(cpu, 1), 2, TO_CC);
}

static bool fucompp(struct cpu *cpu, void *mem, unsigned sti)
{
	(void)mem;
	(void)sti;
	return compare(cpu, fucom_reg, x87_st(cpu, 1), x87_empty(cpu, 1), 2, TO_CC);
}

static u16 ftst_k2(const struct cpu *cpu, const void *a, const void *b, void *r)
{
	(void)b;
	return ftst_k(cpu, a, r);
}

static bool ftst(struct cpu *cpu, void *mem, unsigned sti)
{
	(void)mem;
	(void)sti;
	return compare(cpu, ftst_k2, NULL, false, 0, TO_CC);
}

static bool fxam(struct cpu *cpu, void *mem, unsigned sti)
{
	static const u16 cc[] = {
		[F80_UNSUPPORTED] = 0,	     [F80_NAN] = X87_C0,  [F80_NORMAL] = X87_C2,
		[F80_INF] = X87_C2 | X87_C0, [F80_ZERO] = X87_C3, [F80_DENORMAL] = X87_C3 | X87_C2,
	};
	struct f80 v = f80_unpack(x87_st(cpu, 0));

	(void)mem;
	(void)sti;
	if (!x87_begin(cpu))
		return false;
	x87_raise(cpu, 0, v.sign);
	set_cc(cpu, x87_empty(cpu, 0) ? X87_C3 | X87_C0 : cc[f80_classify(v)]);
	return true;
}

/* ---- moves inside the stack ---- */

static bool cmov(struct cpu *cpu, unsigned sti, bool taken)
{
	if (!x87_begin(cpu))
		return false;
	if (unlikely(x87_empty(cpu, 0) || x87_empty(cpu, sti))) {
		if (x87_underflow(cpu)) {
			x87_write_indefinite(x87_st(cpu, 0));
			x87_set_valid(cpu, 0);
		}
		return true;
	}
	if (taken)
		memmove(x87_st(cpu, 0), x87_st(cpu, sti), 10);
	return true;
}

#define FCMOV(name, flags, when)                                                                   \
	static bool name(struct cpu *cpu, void *mem, unsigned sti)                                 \
	{                                                                                          \
		(void)mem;                                                                         \
		return cmov(cpu, sti, !!(cpu_rflags(cpu) & (flags)) == (when));                    \
	}

FCMOV(fcmovb, FLAG_CF, true)
FCMOV(fcmove, FLAG_ZF, true)
FCMOV(fcmovbe, FLAG_CF | FLAG_ZF, true)
FCMOV(fcmovu, FLAG_PF, true)
FCMOV(fcmovnb, FLAG_CF, false)
FCMOV(fcmovne, FLAG_ZF, false)
FCMOV(fcmovnbe, FLAG_CF | FLAG_ZF, false)
FCMOV(fcmovnu, FLAG_PF, false)

static bool fxch(struct cpu *cpu, void *mem, unsigned sti)
{
	u8 t[10];

	(void)mem;
	if (!x87_begin(cpu))
		return false;
	if (unlikely(x87_empty(cpu, 0) || x87_empty(cpu, sti))) {
		if (!x87_underflow(cpu))
			return true;
		if (x87_empty(cpu, 0))
			x87_write_indefinite(x87_st(cpu, 0));
		if (x87_empty(cpu, sti))
			x87_write_indefinite(x87_st(cpu, sti));
		x87_set_valid(cpu, 0);
		x87_set_valid(cpu, sti);
	} else {
		x87_raise(cpu, 0, false);
	}
	memcpy(t, x87_st(cpu, 0), 10);
	memmove(x87_st(cpu, 0), x87_st(cpu, sti), 10);
	memcpy(x87_st(cpu, sti), t, 10);
	return true;
}

/* The sign byte: (sign & keep) ^ flip. */
static bool change_sign(struct cpu *cpu, u8 keep, u8 flip)
{
	u8 *st = x87_st(cpu, 0);

	if (!x87_begin(cpu))
		return false;
	if (unlikely(x87_empty(cpu, 0))) {
		if (x87_underflow(cpu)) {
			x87_write_indefinite(st);
			x87_set_valid(cpu, 0);
		}
		return true;
	}
	x87_raise(cpu, 0, false);
	st[9] = (u8)((st[9] & keep) ^ flip);
	return true;
}

static bool fabs80(struct cpu *cpu, void *mem, unsigned sti)
{
	(void)mem;
	(void)sti;
	return change_sign(cpu, 0x7f, 0);
}

static bool fchs(struct cpu *cpu, void *mem, unsigned sti)
{
	(void)mem;
	(void)sti;
	return change_sign(cpu, 0xff, 0x80);
}

static bool move_top(struct cpu *cpu, unsigned by)
{
	if (!x87_begin(cpu))
		return false;
	x87_raise(cpu, 0, false);
	x87_set_top(cpu, x87_top(cpu) + by);
	return true;
}

static bool fincstp(struct cpu *cpu, void *mem, unsigned sti)
{
	(void)mem;
	(void)sti;
	return move_top(cpu, 1);
}

static bool fdecstp(struct cpu *cpu, void *mem, unsigned sti)
{
	(void)mem;
	(void)sti;
	return move_top(cpu, 7);
}

static bool ffree(struct cpu *cpu, void *mem, unsigned sti)
{
	(void)mem;
	if (!x87_begin(cpu))
		return false;
	x87_raise(cpu, 0, false);
	x87_set_empty(cpu, sti);
	return true;
}

static bool ffreep(struct cpu *cpu, void *mem, unsigned sti)
{
	if (!ffree(cpu, mem, sti))
		return false;
	x87_pop(cpu);
	return true;
}

/* ---- control ---- */

static void set_fcw(struct cpu *cpu, u16 v)
{
	cpu->fpu.fcw = (u16)((v & 0x1f3f) | 0x40);
	x87_summary(cpu);
}

static bool fldcw(struct cpu *cpu, void *mem, unsigned sti)
{
	u16 v;

	(void)sti;
	if (!x87_begin(cpu))
		return false;
	memcpy(&v, mem, 2);
	set_fcw(cpu, v);
	return true;
}

static bool fnstcw(struct cpu *cpu, void *mem, unsigned sti)
{
	(void)sti;
	if (!begin_nowait(cpu))
		return false;
	memcpy(mem, &cpu->fpu.fcw, 2);
	return true;
}

static bool fnstsw(struct cpu *cpu, void *mem, unsigned sti)
{
	(void)sti;
	if (!begin_nowait(cpu))
		return false;
	memcpy(mem, &cpu->fpu.fsw, 2);
	return true;
}

static bool fnstsw_ax(struct cpu *cpu, void *mem, unsigned sti)
{
	(void)mem;
	(void)sti;
	if (!begin_nowait(cpu))
		return false;
	cpu->r[RAX] = (cpu->r[RAX] & ~0xffffull) | cpu->fpu.fsw;
	return true;
}

static bool fnclex(struct cpu *cpu, void *mem, unsigned sti)
{
	(void)mem;
	(void)sti;
	if (!begin_nowait(cpu))
		return false;
	cpu->fpu.fsw &= (u16) ~(X87_FLAGS | X87_SF | X87_ES | X87_BUSY);
	return true;
}

static bool fninit(struct cpu *cpu, void *mem, unsigned sti)
{
	(void)mem;
	(void)sti;
	if (!begin_nowait(cpu))
		return false;
	fpu_init(cpu);
	return true;
}

static bool fnop(struct cpu *cpu, void *mem, unsigned sti)
{
	(void)mem;
	(void)sti;
	return x87_begin(cpu);
}

/* What the 8087 and 80287 had and later ones ignore. */
static bool fnop_nowait(struct cpu *cpu, void *mem, unsigned sti)
{
	(void)mem;
	(void)sti;
	return begin_nowait(cpu);
}

/* FWAIT is held back by TS only together with MP, and never by EM. */
static bool fwait(struct cpu *cpu, void *mem, unsigned sti)
{
	(void)mem;
	(void)sti;
	if ((cpu->cr0 & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS)) {
		cpu->fault = (struct fault){ .vector = VEC_NM };
		return false;
	}
	if (cpu->fpu.fsw & X87_ES) {
		cpu->fault = (struct fault){ .vector = VEC_MF };
		return false;
	}
	return true;
}

/*
 * ---- environments: 28 bytes of 32-bit words (14 of 16-bit ones with an operand-size prefix),
 * FNSAVE adds the registers ----
 */

enum { TAG_VALID, TAG_ZERO, TAG_SPECIAL, TAG_EMPTY };

static u16 full_tags(const struct cpu *cpu)
{
	u16 tags = 0;

	for (unsigned i = 0; i < 8; i++) {
		enum f80_class c = f80_classify(f80_unpack(cpu->fpu.st[i]));
		unsigned tag = c == F80_NORMAL ? TAG_VALID : c == F80_ZERO ? TAG_ZERO : TAG_SPECIAL;

		if (!(cpu->fpu.ftw >> i & 1))
			tag = TAG_EMPTY;
		tags |= (u16)(tag << 2 * i);
	}
	return tags;
}

static void write_env(struct cpu *cpu, void *mem, bool wide)
{
	const struct fpu *f = &cpu->fpu;

	if (wide) {
		u32 env[7] = { 0xffff0000u | f->fcw,
			       0xffff0000u | f->fsw,
			       0xffff0000u | full_tags(cpu),
			       (u32)f->fip,
			       (u32)(f->fop & 0x7ff) << 16,
			       (u32)f->fdp,
			       0xffff0000u };
		memcpy(mem, env, 28);
	} else {
		u16 env[7] = { f->fcw, f->fsw, full_tags(cpu), (u16)f->fip, 0, (u16)f->fdp, 0 };
		memcpy(mem, env, 14);
	}
}

static void read_env(struct cpu *cpu, const void *mem, bool wide)
{
	struct fpu *f = &cpu->fpu;
	u16 tags;

	if (wide) {
		u32 env[7];

		memcpy(env, mem, 28);
		f->fcw = (u16)env[0];
		f->fsw = (u16)env[1];
		tags = (u16)env[2];
		f->fip = env[3];
		f->fop = env[4] >> 16 & 0x7ff;
		f->fdp = env[5];
	} else {
		u16 env[7];

		memcpy(env, mem, 14);
		f->fcw = env[0];
		f->fsw = env[1];
		tags = env[2];
		f->fip = env[3];
		f->fop = 0;
		f->fdp = env[5];
	}
	f->ftw = 0;
	for (unsigned i = 0; i < 8; i++)
		if ((tags >> 2 * i & 3) != TAG_EMPTY)
			f->ftw |= (u8)(1u << i);
	set_fcw(cpu, f->fcw);
}

/* The environment is stored as it is, then every exception is masked. */
static bool store_env(struct cpu *cpu, void *mem, bool wide)
{
	if (!begin_nowait(cpu))
		return false;
	write_env(cpu, mem, wide);
	set_fcw(cpu, cpu->fpu.fcw | X87_FLAGS);
	return true;
}

static bool load_env(struct cpu *cpu, const void *mem, bool wide)
{
	if (!x87_begin(cpu))
		return false;
	read_env(cpu, mem, wide);
	return true;
}

static bool save(struct cpu *cpu, void *mem, bool wide)
{
	u8 *p = (u8 *)mem + (wide ? 28 : 14);

	if (!begin_nowait(cpu))
		return false;
	write_env(cpu, mem, wide);
	for (unsigned i = 0; i < 8; i++)
		memcpy(p + 10 * i, x87_st(cpu, i), 10);
	fpu_init(cpu);
	return true;
}

static bool restore(struct cpu *cpu, const void *mem, bool wide)
{
	const u8 *p = (const u8 *)mem + (wide ? 28 : 14);

	if (!x87_begin(cpu))
		return false;
	read_env(cpu, mem, wide);
	for (unsigned i = 0; i < 8; i++)
		memcpy(x87_st(cpu, i), p + 10 * i, 10);
	return true;
}

#define ENV(name, fn, wide)                                                                        \
	static bool name(struct cpu *cpu, void *mem, unsigned sti)                                 \
	{                                                                                          \
		(void)sti;                                                                         \
		return fn(cpu, mem, wide);                                                         \
	}

ENV(fnstenv32, store_env, true)
ENV(fnstenv16, store_env, false)
ENV(fldenv32, load_env, true)
ENV(fldenv16, load_env, false)
ENV(fnsave32, save, true)
ENV(fnsave16, save, false)
ENV(frstor32, restore, true)
ENV(frstor16, restore, false)

void fpu_init(struct cpu *cpu)
{
	cpu->fpu.fcw = FCW_DEFAULT;
	cpu->fpu.fsw = 0;
	cpu->fpu.ftw = 0;
	cpu->fpu.fop = 0;
	cpu->fpu.fip = 0;
	cpu->fpu.fdp = 0;
}

/* ---- FXSAVE: the registers in stack order, the tags in physical order ---- */

#define FX_ST 32
#define FX_XMM 160
#define FX_USED 416
#define MXCSR_MASK 0xffffu

void fpu_fxsave(const struct cpu *cpu, void *image512)
{
	const struct fpu *f = &cpu->fpu;
	u8 *p = image512;
	u32 mask = MXCSR_MASK;

	memset(p, 0, FX_USED);
	memcpy(p + 0, &f->fcw, 2);
	memcpy(p + 2, &f->fsw, 2);
	p[4] = f->ftw;
	memcpy(p + 6, &f->fop, 2);
	memcpy(p + 8, &f->fip, 8);
	memcpy(p + 16, &f->fdp, 8);
	memcpy(p + 24, &f->mxcsr, 4);
	memcpy(p + 28, &mask, 4);
	for (unsigned i = 0; i < 8; i++)
		memcpy(p + FX_ST + 16 * i, f->st[x87_phys(cpu, i)], 10);
	memcpy(p + FX_XMM, f->xmm, sizeof(f->xmm));
}

bool fpu_fxrstor(struct cpu *cpu, const void *image512)
{
	struct fpu *f = &cpu->fpu;
	const u8 *p = image512;
	u32 mxcsr;

	memcpy(&mxcsr, p + 24, 4);
	if (!fpu_ldmxcsr(cpu, mxcsr))
		return false;
	memcpy(&f->fcw, p + 0, 2);
	memcpy(&f->fsw, p + 2, 2);
	f->ftw = p[4];
	memcpy(&f->fop, p + 6, 2);
	f->fop &= 0x7ff;
	memcpy(&f->fip, p + 8, 8);
	memcpy(&f->fdp, p + 16, 8);
	set_fcw(cpu, f->fcw);
	for (unsigned i = 0; i < 8; i++)
		memcpy(x87_st(cpu, i), p + FX_ST + 16 * i, 10);
	memcpy(f->xmm, p + FX_XMM, sizeof(f->xmm));
	return true;
}

/* ---- the table ---- */

enum dst_form { TO_ST0, TO_STI, TO_ANY };

#define REG(MN, f)                                                                                 \
	{                                                                                          \
		ZYDIS_MNEMONIC_##MN, 0, TO_ANY,                                                    \
		{                                                                                  \
			f, 0, false                                                                \
		}                                                                                  \
	}
#define MEM(MN, bits, f)                                                                           \
	{                                                                                          \
		ZYDIS_MNEMONIC_##MN, bits, TO_ANY,                                                 \
		{                                                                                  \
			f, (bits) / 8, false                                                       \
		}                                                                                  \
	}
#define OUT(MN, bits, f)                                                                           \
	{                                                                                          \
		ZYDIS_MNEMONIC_##MN, bits, TO_ANY,                                                 \
		{                                                                                  \
			f, (bits) / 8, true                                                        \
		}                                                                                  \
	}
#define ARITH(MN, f)                                                                               \
	{ ZYDIS_MNEMONIC_##MN, 0, TO_ST0, { f##_st0, 0, false } },                                 \
		{ ZYDIS_MNEMONIC_##MN, 0, TO_STI, { f##_sti, 0, false } }, REG(MN##P, f##p),       \
		MEM(MN, 32, f##32), MEM(MN, 64, f##64)

static const struct {
	ZydisMnemonic mnemonic;
	u16 mem_bits;
	enum dst_form dst;
	struct x87_op op;
} x87_ops[] = {
	ARITH(FADD, fadd),
	ARITH(FSUB, fsub),
	ARITH(FSUBR, fsubr),
	ARITH(FMUL, fmul),
	ARITH(FDIV, fdiv),
	ARITH(FDIVR, fdivr),
	MEM(FIADD, 16, fiadd16),
	MEM(FIADD, 32, fiadd32),
	MEM(FISUB, 16, fisub16),
	MEM(FISUB, 32, fisub32),
	MEM(FISUBR, 16, fisubr16),
	MEM(FISUBR, 32, fisubr32),
	MEM(FIMUL, 16, fimul16),
	MEM(FIMUL, 32, fimul32),
	MEM(FIDIV, 16, fidiv16),
	MEM(FIDIV, 32, fidiv32),
	MEM(FIDIVR, 16, fidivr16),
	MEM(FIDIVR, 32, fidivr32),
	REG(FSCALE, fscale),
	REG(FRNDINT, frndint),
	REG(FSQRT, fsqrt),
	REG(FXTRACT, fxtract),
	REG(FPREM, fprem),
	REG(FPREM1, fprem1),
	MEM(FLD, 32, fld_m32),
	MEM(FLD, 64, fld_m64),
	MEM(FLD, 80, fld_m80),
	REG(FLD, fld_sti),
	MEM(FILD, 16, fild_m16),
	MEM(FILD, 32, fild_m32),
	MEM(FILD, 64, fild_m64),
	MEM(FBLD, 80, fbld),
	REG(FLD1, fld1),
	REG(FLDZ, fldz),
	REG(FLDL2T, fldl2t),
	REG(FLDL2E, fldl2e),
	REG(FLDPI, fldpi),
	REG(FLDLG2, fldlg2),
	REG(FLDLN2, fldln2),
	OUT(FST, 32, fst_m32),
	OUT(FST, 64, fst_m64),
	REG(FST, fst_sti),
	OUT(FSTP, 32, fstp_m32),
	OUT(FSTP, 64, fstp_m64),
	OUT(FSTP, 80, fstp_m80),
	REG(FSTP, fstp_sti),
	OUT(FIST, 16, fist_m16),
	OUT(FIST, 32, fist_m32),
	OUT(FISTP, 16, fistp_m16),
	OUT(FISTP, 32, fistp_m32),
	OUT(FISTP, 64, fistp_m64),
	OUT(FBSTP, 80, fbstp),
	REG(FCOM, fcom_sti),
	MEM(FCOM, 32, fcom32),
	MEM(FCOM, 64, fcom64),
	REG(FCOMP, fcomp_sti),
	MEM(FCOMP, 32, fcomp32),
	MEM(FCOMP, 64, fcomp64),
	REG(FCOMPP, fcompp),
	MEM(FICOM, 16, ficom16),
	MEM(FICOM, 32, ficom32),
	MEM(FICOMP, 16, ficomp16),
	MEM(FICOMP, 32, ficomp32),
	REG(FUCOM, fucom_sti),
	REG(FUCOMP, fucomp_sti),
	REG(FUCOMPP, fucompp),
	REG(FCOMI, fcomi),
	REG(FCOMIP, fcomip),
	REG(FUCOMI, fucomi),
	REG(FUCOMIP, fucomip),
	REG(FTST, ftst),
	REG(FXAM, fxam),
	REG(FCMOVB, fcmovb),
	REG(FCMOVE, fcmove),
	REG(FCMOVBE, fcmovbe),
	REG(FCMOVU, fcmovu),
	REG(FCMOVNB, fcmovnb),
	REG(FCMOVNE, fcmovne),
	REG(FCMOVNBE, fcmovnbe),
	REG(FCMOVNU, fcmovnu),
	REG(FXCH, fxch),
	REG(FABS, fabs80),
	REG(FCHS, fchs),
	REG(FINCSTP, fincstp),
	REG(FDECSTP, fdecstp),
	REG(FFREE, ffree),
	REG(FFREEP, ffreep),
	MEM(FLDCW, 16, fldcw),
	OUT(FNSTCW, 16, fnstcw),
	OUT(FNSTSW, 16, fnstsw),
	REG(FNSTSW, fnstsw_ax),
	REG(FSTPNCE, fstpnce),
	REG(FENI8087_NOP, fnop_nowait),
	REG(FDISI8087_NOP, fnop_nowait),
	REG(FSETPM287_NOP, fnop_nowait),
	REG(FNCLEX, fnclex),
	REG(FNINIT, fninit),
	REG(FNOP, fnop),
	REG(FWAIT, fwait),
	OUT(FNSTENV, 224, fnstenv32),
	OUT(FNSTENV, 112, fnstenv16),
	MEM(FLDENV, 224, fldenv32),
	MEM(FLDENV, 112, fldenv16),
	OUT(FNSAVE, 864, fnsave32),
	OUT(FNSAVE, 752, fnsave16),
	MEM(FRSTOR, 864, frstor32),
	MEM(FRSTOR, 752, frstor16),
};

const struct x87_op *x87_lookup(unsigned zydis_mnemonic, unsigned mem_bits, bool dst_is_sti)
{
	for (size_t i = 0; i < ARRAY_SIZE(x87_ops); i++)
		if (x87_ops[i].mnemonic == zydis_mnemonic && x87_ops[i].mem_bits == mem_bits &&
		    (x87_ops[i].dst == TO_ANY || (x87_ops[i].dst == TO_STI) == dst_is_sti))
			return &x87_ops[i].op;
	return mem_bits ? NULL : x87_trans_lookup(zydis_mnemonic);
}
