/* SPDX-License-Identifier: MIT */
/*
 * The x87 transcendentals: FSIN, FCOS, FSINCOS, FPTAN, FPATAN, F2XM1, FYL2X, FYL2XP1, in integers.
 *
 * Hosts differ in these instructions' last bits, so nothing here uses the host's unit. Called
 * through x87_lookup(); knows the register stack by x87.h. A value is computed as a float of 128
 * significant bits (struct xf), by a series long enough for all of them, and rounded once, under
 * the guest's rounding control, to the 64 of a register:
 *
 *	fsin 0.5     r = 0.5: r * (1 - r^2/6 * (1 - r^2/20 * (1 - ...))), 16 terms
 *	fsin 4.0     4.0 = 3 * (pi/2) - 0.712..: quadrant 3, r = -0.712..: -cos r
 *	fyl2x        8.0 = 1.0 * 2^3, log2 = 3 + 0: exact, so no PE
 *	fpatan       t = 0.8, near 6/8: atan(6/8) from the table + atan((t - 6/8) / (1 + t * 6/8)),
 *	             whose argument, 0.03125, is below 1/16
 *
 *	T1 Every operation of xf keeps 128 bits and ORs what it lost into the last one, so a
 *	   directed rounding at the end goes the right way and an inexact result can not look exact.
 *	   The error before the last rounding stays below 2^-118 of the result.
 *	T2 The argument of a circular function is reduced by the 66-bit pi of the manual (and of
 *	   today's CPUs), exactly: x - k * pi66/2 is a multiple of 2^-65. So FSIN of the double
 *	   nearest pi gives 1.22460635382237726e-16, as silicon does. An argument of 2^63 or more is
 *	   left alone and C2 set.
 *	T3 Special operands (zeros, infinities, NaNs, out of domain) are answered before any
 *	   computing; operands for which the manual leaves the result undefined are: F2XM1 outside
 *	   [-1, 1] returns its operand; FYL2XP1 below -1 is invalid.
 *
 * Units:   xf: value = m * 2^(e - 127), top bit of m set, m = 0 for zero.
 * Owner, Locking: as x87.c.
 * Errors:  false with cpu->fault (#MF, #NM).
 * Time:    2 to 10 us.
 * Source:  Intel SDM vol. 1 8.3.8 (pi), vol. 2 (tables of special operands); series: Abramowitz and
 *          Stegun ch. 4.
 */

#include "hw/fp/x87.h"

#include <Zydis/Mnemonic.h>

struct xf {
	u128 m;
	s32 e;
	bool s;
};

#define XF(hi, lo, e2)                                                                             \
	{                                                                                          \
		((u128)(hi) << 64) | (lo), e2, false                                               \
	}

static const struct xf one = XF(0x8000000000000000ull, 0, 0);
static const struct xf two = XF(0x8000000000000000ull, 0, 1);
static const struct xf ln2 = XF(0xb17217f7d1cf79abull, 0xc9e3b39803f2f6afull, -1);
static const struct xf log2e = XF(0xb8aa3b295c17f0bbull, 0xbe87fed0691d3e89ull, 0);
static const struct xf pi = XF(0xc90fdaa22168c234ull, 0xc4c6628b80dc1cd1ull, 1);

/* atan(k / 8) */
static const struct xf atan_eighths[9] = {
	{ 0 },
	XF(0xfeadd4d5617b6e32ull, 0xc897989f3e888ef8ull, -4),
	XF(0xfadbafc96406eb15ull, 0x6dc79ef5f7a217e6ull, -3),
	XF(0xb7b0ca0f26f78473ull, 0x8aa32122dcfe4483ull, -2),
	XF(0xed63382b0dda7b45ull, 0x6fe445ecbc3a8d03ull, -2),
	XF(0x8f005d5ef7f59f9bull, 0x5c835e1665c43748ull, -1),
	XF(0xa4bc7d1934f70924ull, 0x19a87f2a457dac9full, -1),
	XF(0xb8053e2bc2319e73ull, 0xcb2da55210a4443dull, -1),
	XF(0xc90fdaa22168c234ull, 0xc4c6628b80dc1cd1ull, -1),
};

static unsigned clz128(u128 v)
{
	return (u64)(v >> 64) ? (unsigned)__builtin_clzll((u64)(v >> 64)) :
				64u + (unsigned)__builtin_clzll((u64)v);
}

static struct xf xf_normalise(struct xf v)
{
	unsigned n;

	if (!v.m)
		return v;
	n = clz128(v.m);
	v.m <<= n;
	v.e -= (s32)n;
	return v;
}

static struct xf xf_neg(struct xf v)
{
	v.s = !v.s;
	return v;
}

static struct xf xf_mul(struct xf a, struct xf b)
{
	u64 ah = (u64)(a.m >> 64), al = (u64)a.m, bh = (u64)(b.m >> 64), bl = (u64)b.m;
	u128 ll = (u128)al * bl, lh = (u128)al * bh, hl = (u128)ah * bl, hh = (u128)ah * bh;
	u128 mid = (ll >> 64) + (u64)lh + (u64)hl;
	struct xf r = { .s = a.s != b.s, .e = a.e + b.e + 1 };
	u128 low;

	r.m = hh + (lh >> 64) + (hl >> 64) + (mid >> 64);
	low = mid << 64 | (u64)ll;
	if (!r.m)
		return (struct xf){ .s = r.s };
	if (!(r.m >> 127)) { /* the product of two numbers below 2 may stay below 2 */
		r.m = r.m << 1 | low >> 127;
		low <<= 1;
		r.e--;
	}
	r.m |= low != 0;
	return r;
}

/* |a| + |b| or |a| - |b| with the sign of a. */
static struct xf xf_combine(struct xf a, struct xf b, bool subtract)
{
	u32 d;
	bool lost;

	if (!b.m)
		return a;
	if (!a.m) {
		b.s = subtract ? !a.s : a.s;
		return b;
	}
	if (a.e < b.e || (a.e == b.e && a.m < b.m)) {
		struct xf t = a;
		bool s = a.s;

		a = b;
		b = t;
		a.s = subtract ? !s : s;
	}
	d = (u32)(a.e - b.e);
	lost = d > 127 ? true : (b.m & (((u128)1 << d) - 1)) != 0;
	b.m = d > 127 ? 0 : b.m >> d;
	if (subtract) {
		a.m -= b.m;
		if (lost) { /* the truth lies just below: one less, and inexact */
			a.m--;
			a = xf_normalise(a);
			a.m |= 1;
			return a;
		}
		return xf_normalise(a);
	}
	a.m += b.m;
	if (a.m < b.m) {
		lost |= a.m & 1;
		a.m = a.m >> 1 | (u128)1 << 127;
		a.e++;
	}
	a.m |= lost;
	return a;
}

static struct xf xf_add(struct xf a, struct xf b)
{
	return xf_combine(a, b, a.s != b.s);
}

static struct xf xf_sub(struct xf a, struct xf b)
{
	return xf_add(a, xf_neg(b));
}

/* b is not zero. One quotient bit a step. */
static struct xf xf_div(struct xf a, struct xf b)
{
	struct xf r = { .s = a.s != b.s, .e = a.e - b.e };
	u128 rem = a.m;
	bool carry = false;

	if (!a.m)
		return (struct xf){ .s = r.s };
	if (rem < b.m) {
		carry = rem >> 127;
		rem <<= 1;
		r.e--;
	}
	for (unsigned i = 0; i < 128; i++) {
		r.m <<= 1;
		if (carry || rem >= b.m) {
			rem -= b.m;
			r.m |= 1;
		}
		carry = rem >> 127;
		rem <<= 1;
	}
	r.m |= rem || carry;
	return r;
}

/* a / n for 0 < n < 65536. */
static struct xf xf_div_small(struct xf a, u32 n)
{
	u128 rem = a.m % n;
	unsigned z;

	if (!a.m)
		return a;
	a.m /= n;
	z = clz128(a.m);
	rem <<= z;
	a.m = (a.m << z) | (rem / n);
	a.e -= (s32)z;
	a.m |= rem % n != 0;
	return a;
}

static struct xf xf_from_f80(struct f80 v)
{
	struct xf r = { .m = (u128)v.mant << 64, .e = (v.exp ? v.exp : 1) - 16383, .s = v.sign };

	return xf_normalise(r);
}

static struct xf xf_from_s32(s32 v)
{
	struct xf r = { .m = (u128)(u32)(v < 0 ? -v : v) << 96, .e = 31, .s = v < 0 };

	return xf_normalise(r);
}

/* ---- the last rounding ---- */

/* Whether the 64 bits above are to be incremented, by the lower ones. */
static bool rounds_up(const struct cpu *cpu, bool sign, u64 high, u64 low)
{
	switch (cpu->fpu.fcw >> 10 & 3) {
	case 0:
		return low > 1ull << 63 || (low == 1ull << 63 && (high & 1));
	case 1:
		return sign && low;
	case 2:
		return !sign && low;
	default:
		return false;
	}
}

/* Round v to a register image. Returns flags (OE, UE, PE) and whether it was rounded up. */
static u32 xf_round(const struct cpu *cpu, struct xf v, u8 *out, bool *up)
{
	s32 e = v.e + 16383;
	u64 high = (u64)(v.m >> 64), low = (u64)v.m;
	u32 flags = 0;
	bool tiny;

	*up = false;
	if (!v.m) {
		f80_pack(out, v.s, 0, 0);
		return 0;
	}
	*up = rounds_up(cpu, v.s, high, low);
	tiny = e < 0 || (e == 0 && !(*up && high == ~0ull));
	if (tiny && !(cpu->fpu.fcw & X87_UE)) {
		flags |= X87_UE;
		e += 24576;
		tiny = false;
	}
	if (tiny) {
		u32 d = (u32)(1 - e);
		bool lost = d > 127 || (v.m & (((u128)1 << d) - 1));

		v.m = (d > 127 ? 0 : v.m >> d) | lost;
		high = (u64)(v.m >> 64);
		low = (u64)v.m;
		*up = rounds_up(cpu, v.s, high, low);
		high += *up;
		f80_pack(out, v.s, high >> 63, high);
		return low ? X87_UE | X87_PE : 0;
	}
	if (*up && !++high) {
		high = 1ull << 63;
		e++;
	}
	if (low)
		flags |= X87_PE;
	if (e > 0x7ffe) {
		unsigned rc = cpu->fpu.fcw >> 10 & 3;
		bool to_inf = rc == 0 || (rc == 1 && v.s) || (rc == 2 && !v.s);

		if (!(cpu->fpu.fcw & X87_OE)) {
			f80_pack(out, v.s, (u16)(e - 24576), high);
			return flags | X87_OE;
		}
		*up = to_inf;
		f80_pack(out, v.s, to_inf ? 0x7fff : 0x7ffe, to_inf ? 1ull << 63 : ~0ull);
		return X87_OE | X87_PE;
	}
	f80_pack(out, v.s, (u16)e, high);
	return flags;
}

/* ---- series ---- */

/* sin r for |r| <= pi/4: r(1 - r2/(2*3) (1 - r2/(4*5) (...))) */
static struct xf sin_series(struct xf r)
{
	struct xf r2 = xf_mul(r, r), acc = one;

	for (u32 n = 32; n >= 2; n -= 2)
		acc = xf_sub(one, xf_div_small(xf_mul(r2, acc), n * (n + 1)));
	return xf_mul(r, acc);
}

static struct xf cos_series(struct xf r)
{
	struct xf r2 = xf_mul(r, r), acc = one;

	for (u32 n = 34; n >= 2; n -= 2)
		acc = xf_sub(one, xf_div_small(xf_mul(r2, acc), (n - 1) * n));
	return acc;
}

/* e^y - 1 for |y| <= ln 2: y(1 + y/2 (1 + y/3 (...))) */
static struct xf expm1_series(struct xf y)
{
	struct xf acc = one;

	for (u32 n = 40; n >= 2; n--)
		acc = xf_add(one, xf_div_small(xf_mul(y, acc), n));
	return xf_mul(y, acc);
}

/* atanh(s) = s (1 + s2/3 + s2^2/5 + ...), or atan(s) with alternating signs; |s| < 0.18. */
static struct xf arctan_series(struct xf s, bool alternate)
{
	struct xf s2 = xf_mul(s, s), acc = { 0 };

	if (alternate)
		s2 = xf_neg(s2);
	for (u32 n = 31; n >= 1; n--)
		acc = xf_add(xf_mul(s2, acc), xf_div_small(one, 2 * n - 1));
	return xf_mul(s, acc);
}

/* log2 of (2 + s') / (2 - s') with s = p / q given as that ratio: (2 / ln 2) atanh(p / q). */
static struct xf log2_of_ratio(struct xf p, struct xf q)
{
	struct xf v = xf_mul(arctan_series(xf_div(p, q), false), log2e);

	v.e += v.m ? 1 : 0;
	return v;
}

/*
 * log2 of a positive number: its exponent, and the logarithm of a significand between sqrt(1/2) and
 * sqrt(2).
 */
static struct xf log2_of(struct xf x)
{
	s32 k = x.e;

	x.e = 0;
	if ((u64)(x.m >> 64) > 0xb504f333f9de6484ull) {
		x.e = -1;
		k++;
	}
	if (x.m == one.m && !x.e)
		return xf_from_s32(k);
	return xf_add(xf_from_s32(k), log2_of_ratio(xf_sub(x, one), xf_add(x, one)));
}

/* atan of t in [0, 1]: eighths from the table, the rest below 1/16 by the series. */
static struct xf atan_of(struct xf t)
{
	u32 k = 0;
	struct xf c;

	if (t.m && t.e >= -4)
		k = (u32)((t.m >> (127 - 4 - t.e)) + 1) >> 1; /* round(t * 8) */
	if (!k)
		return arctan_series(t, true);
	c = xf_from_s32((s32)k);
	c.e -= 3;
	return xf_add(atan_eighths[k],
		      arctan_series(xf_div(xf_sub(t, c), xf_add(one, xf_mul(t, c))), true));
}

/* ---- circular functions ---- */

/* pi66/2 in units of 2^-65: 0x3.243f6a8885a308d3 (hex) * 2^64. */
#define PI66 ((u128)0x3 << 64 | 0x243f6a8885a308d3ull)

/*
 * x, |x| < 2^63, to r with |r| <= pi/4 and the quadrant. x >= 1/2 is a multiple of 2^-64, so the
 * remainder is exact; it is found bit by bit (at most 128 steps). A smaller x is its own remainder.
 */
static struct xf reduce(struct xf x, unsigned *quadrant)
{
	u128 rem = 0, bits = x.m;
	struct xf r;
	u64 q = 0;
	s32 n;

	*quadrant = 0;
	if (x.e < -1)
		return x;
	/* |x| in units of 2^-65 is the top x.e + 66 bits of m. */
	for (n = x.e + 66; n > 0; n--) {
		rem = rem << 1 | bits >> 127;
		bits <<= 1;
		q <<= 1;
		if (rem >= PI66) {
			rem -= PI66;
			q |= 1;
		}
	}
	r = (struct xf){ .m = rem, .e = 127 - 65 };
	if (rem > PI66 / 2) {
		r.m = PI66 - rem;
		r.s = true;
		q++;
	}
	r = xf_normalise(r);
	if (x.s) {
		r.s = !r.s;
		q = 0 - q;
	}
	*quadrant = q & 3;
	return r;
}

static struct xf sin_of(struct xf r, unsigned quadrant)
{
	struct xf v = quadrant & 1 ? cos_series(r) : sin_series(r);

	return quadrant & 2 ? xf_neg(v) : v;
}

/* ---- operands and results ---- */

static bool is_nan_like(struct f80 v)
{
	enum f80_class c = f80_classify(v);

	return c == F80_NAN || c == F80_UNSUPPORTED;
}

static bool is_inf(struct f80 v)
{
	return f80_classify(v) == F80_INF;
}

static bool is_zero(struct f80 v)
{
	return f80_classify(v) == F80_ZERO;
}

/* Quiet NaN of one operand, or the indefinite for an unsupported format, with IE as due. */
static u32 quiet_nan(struct f80 v, u8 *out)
{
	if (f80_classify(v) == F80_UNSUPPORTED) {
		x87_write_indefinite(out);
		return X87_IE;
	}
	f80_pack(out, v.sign, v.exp, v.mant | 1ull << 62);
	return v.mant >> 62 & 1 ? 0 : X87_IE;
}

/*
 * Of two operands, at least one a NaN or unsupported: the NaN with the larger significand (the
 * positive one of two equal), quiet.
 */
static u32 propagate(struct f80 a, struct f80 b, u8 *out)
{
	u8 other[16];
	u32 fa, fb;

	if (f80_classify(a) == F80_UNSUPPORTED || f80_classify(b) == F80_UNSUPPORTED) {
		x87_write_indefinite(out);
		return X87_IE;
	}
	if (!is_nan_like(b))
		return quiet_nan(a, out);
	if (!is_nan_like(a))
		return quiet_nan(b, out);
	fa = quiet_nan(a, out);
	fb = quiet_nan(b, other);
	if (b.mant > a.mant || (b.mant == a.mant && a.sign))
		memcpy(out, other, 10);
	return fa | fb;
}

static u32 invalid(u8 *out)
{
	x87_write_indefinite(out);
	return X87_IE;
}

/* A computed result and the flags it came with. */
struct answer {
	u8 v[16];
	u32 flags;
	bool up;
};

static u32 denormal_flag(struct f80 v)
{
	return f80_classify(v) == F80_DENORMAL ? X87_DE : 0;
}

static void rounded(const struct cpu *cpu, struct answer *a, struct xf v)
{
	a->flags |= xf_round(cpu, v, a->v, &a->up);
}

/* Irrational: inexact whatever the 128 bits look like. */
static void irrational(const struct cpu *cpu, struct answer *a, struct xf v)
{
	v.m |= 1;
	rounded(cpu, a, v);
}

static void zero_or_inf(struct answer *a, bool sign, bool inf)
{
	f80_pack(a->v, sign, inf ? 0x7fff : 0, inf ? 1ull << 63 : 0);
}

/*
 * Flags of an answer taken over. false: unmasked and found before computing, nothing else happens.
 */
static bool take(struct cpu *cpu, u32 flags, bool up)
{
	if (!x87_masked(cpu, flags & X87_PRE)) {
		x87_raise(cpu, flags & X87_PRE, false);
		return false;
	}
	x87_raise(cpu, flags, up);
	return true;
}

/* ---- F2XM1 ---- */

static struct answer f2xm1_answer(const struct cpu *cpu, struct f80 x)
{
	struct answer a = { .flags = denormal_flag(x) };
	struct xf v;

	if (is_nan_like(x)) {
		a.flags = quiet_nan(x, a.v);
		return a;
	}
	if (is_inf(x) && x.sign) {
		f80_pack(a.v, true, 16383, 1ull << 63);
		return a;
	}
	if (is_inf(x) || is_zero(x) || x.exp > 16383 || (x.exp == 16383 && x.mant << 1)) {
		f80_pack(a.v, x.sign, x.exp, x.mant);
		return a;
	}
	v = xf_from_f80(x);
	if (x.exp == 16383) {
		f80_pack(a.v, x.sign, x.sign ? 16382 : 16383, 1ull << 63);
		return a;
	}
	irrational(cpu, &a, expm1_series(xf_mul(v, ln2)));
	return a;
}

static bool f2xm1(struct cpu *cpu, void *mem, unsigned sti)
{
	struct answer a;

	(void)mem;
	(void)sti;
	if (!x87_begin(cpu))
		return false;
	if (x87_empty(cpu, 0)) {
		if (x87_underflow(cpu)) {
			x87_write_indefinite(x87_st(cpu, 0));
			x87_set_valid(cpu, 0);
		}
		return true;
	}
	a = f2xm1_answer(cpu, f80_unpack(x87_st(cpu, 0)));
	if (take(cpu, a.flags, a.up))
		memcpy(x87_st(cpu, 0), a.v, 10);
	return true;
}

/* ---- FYL2X, FYL2XP1, FPATAN: two operands, the result replaces ST(1), pop ---- */

/* y * log2 x, with x's logarithm known to be an infinity, zero or something computable. */
static struct answer fyl2x_answer(const struct cpu *cpu, struct f80 y, struct f80 x)
{
	struct answer a = { .flags = denormal_flag(x) | denormal_flag(y) };
	struct xf l;

	if (is_nan_like(x) || is_nan_like(y)) {
		a.flags = propagate(x, y, a.v);
		return a;
	}
	if ((x.sign && !is_zero(x)) || ((is_zero(x) || is_inf(x)) && is_zero(y))) {
		a.flags = invalid(a.v);
		return a;
	}
	if (is_zero(x)) {
		a.flags = is_inf(y) ? 0 : X87_ZE;
		zero_or_inf(&a, !y.sign, true);
		return a;
	}
	if (is_inf(x)) {
		zero_or_inf(&a, y.sign, true);
		return a;
	}
	l = log2_of(xf_from_f80(x));
	if (is_inf(y)) {
		if (!l.m)
			a.flags = invalid(a.v);
		else
			zero_or_inf(&a, y.sign != l.s, true);
		return a;
	}
	if (!l.m || is_zero(y)) {
		zero_or_inf(&a, y.sign != l.s, false);
		return a;
	}
	rounded(cpu, &a, xf_mul(l, xf_from_f80(y)));
	return a;
}

/*
 * y * log2(1 + x). Near zero the series keeps x's precision; it converges while |x| / (2 + x) <
 * 0.18.
 */
static struct answer fyl2xp1_answer(const struct cpu *cpu, struct f80 y, struct f80 x)
{
	struct answer a = { .flags = denormal_flag(x) | denormal_flag(y) };
	struct xf v, l;

	if (is_nan_like(x) || is_nan_like(y)) {
		a.flags = propagate(x, y, a.v);
		return a;
	}
	v = xf_from_f80(x);
	if ((x.sign && v.e >= 0 && !(v.m == one.m && v.e == 0)) || (is_inf(x) && is_zero(y)) ||
	    (is_zero(x) && is_inf(y))) {
		a.flags = invalid(a.v);
		return a;
	}
	if (x.sign && v.e == 0) { /* 1 + x = 0 */
		a.flags = is_zero(y) ? invalid(a.v) : is_inf(y) ? 0 : X87_ZE;
		if (!is_zero(y))
			zero_or_inf(&a, !y.sign, true);
		return a;
	}
	if (is_inf(x) || is_inf(y) || is_zero(x) || is_zero(y)) {
		zero_or_inf(&a, x.sign != y.sign, is_inf(x) || is_inf(y));
		return a;
	}
	l = v.e < -2 ? log2_of_ratio(v, xf_add(two, v)) : log2_of(xf_add(one, v));
	rounded(cpu, &a, xf_mul(l, xf_from_f80(y)));
	return a;
}

/* The angle of the point (x, y), in quarters of pi when an operand is zero or infinite. */
static struct answer fpatan_answer(const struct cpu *cpu, struct f80 y, struct f80 x)
{
	struct answer a = { .flags = denormal_flag(x) | denormal_flag(y) };
	struct xf xv, yv, v;
	bool swap;

	if (is_nan_like(x) || is_nan_like(y)) {
		a.flags = propagate(x, y, a.v);
		return a;
	}
	if (!x.sign && (is_zero(y) || (is_inf(x) && !is_inf(y)))) {
		zero_or_inf(&a, y.sign, false);
		return a;
	}
	v = pi;
	v.s = y.sign;
	if (is_zero(y) || (is_inf(x) && !is_inf(y))) { /* along the negative x axis */
		irrational(cpu, &a, v);
		return a;
	}
	if (is_inf(y) && is_inf(x)) {
		v.e -= 2;
		if (x.sign)
			v = xf_add(v, (struct xf){ v.m, v.e + 1, v.s });
		irrational(cpu, &a, v);
		return a;
	}
	if (is_inf(y) || is_zero(x)) {
		v.e--;
		irrational(cpu, &a, v);
		return a;
	}
	xv = xf_from_f80(x);
	yv = xf_from_f80(y);
	xv.s = yv.s = false;
	swap = yv.e > xv.e || (yv.e == xv.e && yv.m > xv.m);
	v = swap ? atan_of(xf_div(xv, yv)) : atan_of(xf_div(yv, xv));
	if (swap) {
		struct xf half = pi;

		half.e--;
		v = xf_sub(half, v);
	}
	if (x.sign)
		v = xf_sub(pi, v);
	v.s = y.sign;
	irrational(cpu, &a, v);
	return a;
}

typedef struct answer answer2(const struct cpu *cpu, struct f80 y, struct f80 x);

static bool binary(struct cpu *cpu, answer2 *fn)
{
	struct answer a;

	if (!x87_begin(cpu))
		return false;
	if (x87_empty(cpu, 0) || x87_empty(cpu, 1)) {
		if (x87_underflow(cpu)) {
			x87_write_indefinite(x87_st(cpu, 1));
			x87_set_valid(cpu, 1);
			x87_pop(cpu);
		}
		return true;
	}
	a = fn(cpu, f80_unpack(x87_st(cpu, 1)), f80_unpack(x87_st(cpu, 0)));
	if (take(cpu, a.flags, a.up)) {
		memcpy(x87_st(cpu, 1), a.v, 10);
		x87_pop(cpu);
	}
	return true;
}

static bool fyl2x(struct cpu *cpu, void *mem, unsigned sti)
{
	(void)mem;
	(void)sti;
	return binary(cpu, fyl2x_answer);
}

static bool fyl2xp1(struct cpu *cpu, void *mem, unsigned sti)
{
	(void)mem;
	(void)sti;
	return binary(cpu, fyl2xp1_answer);
}

static bool fpatan(struct cpu *cpu, void *mem, unsigned sti)
{
	(void)mem;
	(void)sti;
	return binary(cpu, fpatan_answer);
}

/* ---- FSIN, FCOS, FSINCOS, FPTAN ---- */

enum circular { SIN, COS, SINCOS, TAN };

/* The first answer replaces ST(0); a second one is pushed. x is finite and below 2^63. */
static void circular_answers(const struct cpu *cpu, enum circular what, struct f80 x,
			     struct answer *a, struct answer *b)
{
	unsigned q;
	struct xf r;

	a->flags = b->flags = denormal_flag(x);
	f80_pack(b->v, false, 16383, 1ull << 63);
	if (is_zero(x)) {
		zero_or_inf(a, x.sign, false);
		if (what == COS)
			memcpy(a->v, b->v, 10);
		return;
	}
	r = reduce(xf_from_f80(x), &q);
	if (what == TAN) {
		irrational(cpu, a, xf_div(sin_of(r, q), sin_of(r, q + 1)));
		return;
	}
	irrational(cpu, a, sin_of(r, what == COS ? q + 1 : q));
	if (what == SINCOS)
		irrational(cpu, b, sin_of(r, q + 1));
}

static bool circular(struct cpu *cpu, enum circular what)
{
	bool pushes = what == SINCOS || what == TAN;
	struct answer a = { .up = false }, b = { .up = false };
	struct f80 x;
	u32 flags;

	if (!x87_begin(cpu))
		return false;
	cpu->fpu.fsw &= (u16)~X87_C2;
	if (x87_empty(cpu, 0) || (pushes && !x87_empty(cpu, 7))) {
		if (x87_empty(cpu, 0) ? x87_underflow(cpu) : x87_overflow(cpu)) {
			x87_write_indefinite(x87_st(cpu, 0));
			x87_set_valid(cpu, 0);
			if (pushes) {
				x87_push(cpu);
				x87_write_indefinite(x87_st(cpu, 0));
			}
		}
		return true;
	}
	x = f80_unpack(x87_st(cpu, 0));
	if (is_nan_like(x) || is_inf(x)) {
		a.flags = is_inf(x) ? invalid(a.v) : quiet_nan(x, a.v);
		memcpy(b.v, a.v, 10);
	} else if (x.exp >= 16383 + 63) {
		cpu->fpu.fsw |= X87_C2;
		x87_raise(cpu, 0, false);
		return true;
	} else {
		circular_answers(cpu, what, x, &a, &b);
	}
	flags = a.flags | (what == SINCOS ? b.flags : 0);
	if (!take(cpu, flags, what == SINCOS ? b.up : a.up))
		return true;
	memcpy(x87_st(cpu, 0), a.v, 10);
	if (pushes) {
		x87_push(cpu);
		memcpy(x87_st(cpu, 0), b.v, 10);
	}
	return true;
}

static bool fsin(struct cpu *cpu, void *mem, unsigned sti)
{
	(void)mem;
	(void)sti;
	return circular(cpu, SIN);
}

static bool fcos(struct cpu *cpu, void *mem, unsigned sti)
{
	(void)mem;
	(void)sti;
	return circular(cpu, COS);
}

static bool fsincos(struct cpu *cpu, void *mem, unsigned sti)
{
	(void)mem;
	(void)sti;
	return circular(cpu, SINCOS);
}

static bool fptan(struct cpu *cpu, void *mem, unsigned sti)
{
	(void)mem;
	(void)sti;
	return circular(cpu, TAN);
}

const struct x87_op *x87_trans_lookup(unsigned zydis_mnemonic)
{
	static const struct {
		ZydisMnemonic mnemonic;
		struct x87_op op;
	} ops[] = {
		{ ZYDIS_MNEMONIC_F2XM1, { f2xm1, 0, false } },
		{ ZYDIS_MNEMONIC_FYL2X, { fyl2x, 0, false } },
		{ ZYDIS_MNEMONIC_FYL2XP1, { fyl2xp1, 0, false } },
		{ ZYDIS_MNEMONIC_FPATAN, { fpatan, 0, false } },
		{ ZYDIS_MNEMONIC_FSIN, { fsin, 0, false } },
		{ ZYDIS_MNEMONIC_FCOS, { fcos, 0, false } },
		{ ZYDIS_MNEMONIC_FSINCOS, { fsincos, 0, false } },
		{ ZYDIS_MNEMONIC_FPTAN, { fptan, 0, false } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		if (ops[i].mnemonic == zydis_mnemonic)
			return &ops[i].op;
	return NULL;
}
