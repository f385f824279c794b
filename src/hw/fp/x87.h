/* SPDX-License-Identifier: MIT */
#ifndef HW_FP_X87_H
#define HW_FP_X87_H

/*
 * What the files of the x87 unit share: the register stack, its faults, and how a result arrives in
 * it. Only src/hw/fp includes this.
 */

#include <string.h>

#include "hw/cpu.h"
#include "hw/fp/fp.h"

#define X87_IE 0x01u
#define X87_DE 0x02u
#define X87_ZE 0x04u
#define X87_OE 0x08u
#define X87_UE 0x10u
#define X87_PE 0x20u
#define X87_SF 0x40u
#define X87_ES 0x80u
#define X87_C0 0x100u
#define X87_C1 0x200u
#define X87_C2 0x400u
#define X87_C3 0x4000u
#define X87_BUSY 0x8000u
#define X87_FLAGS 0x3fu
#define X87_PRE (X87_IE | X87_DE | X87_ZE)
#define X87_CC (X87_C0 | X87_C2 | X87_C3)

/* An 80-bit number taken apart. value = -1^sign * mant * 2^(exp - 16383 - 63). */
struct f80 {
	u64 mant;
	u16 exp; /* biased, 15 bits */
	bool sign;
};

enum f80_class { F80_UNSUPPORTED, F80_NAN, F80_NORMAL, F80_INF, F80_ZERO, F80_DENORMAL };

static inline struct f80 f80_unpack(const void *p)
{
	struct f80 v;
	u16 se;

	memcpy(&v.mant, p, 8);
	memcpy(&se, (const u8 *)p + 8, 2);
	v.exp = se & 0x7fff;
	v.sign = se >> 15;
	return v;
}

static inline void f80_pack(void *p, bool sign, u16 exp, u64 mant)
{
	u16 se = (u16)(exp | (sign ? 0x8000 : 0));

	memcpy(p, &mant, 8);
	memcpy((u8 *)p + 8, &se, 2);
}

static inline enum f80_class f80_classify(struct f80 v)
{
	if (!v.exp)
		return v.mant ? F80_DENORMAL : F80_ZERO;
	if (!(v.mant >> 63))
		return F80_UNSUPPORTED;
	if (v.exp == 0x7fff)
		return v.mant << 1 ? F80_NAN : F80_INF;
	return F80_NORMAL;
}

static inline unsigned x87_top(const struct cpu *cpu)
{
	return cpu->fpu.fsw >> 11 & 7;
}

static inline void x87_set_top(struct cpu *cpu, unsigned top)
{
	cpu->fpu.fsw = (u16)((cpu->fpu.fsw & ~0x3800u) | (top & 7) << 11);
}

static inline unsigned x87_phys(const struct cpu *cpu, unsigned i)
{
	return (x87_top(cpu) + i) & 7;
}

static inline u8 *x87_st(struct cpu *cpu, unsigned i)
{
	return cpu->fpu.st[x87_phys(cpu, i)];
}

static inline bool x87_empty(const struct cpu *cpu, unsigned i)
{
	return !(cpu->fpu.ftw >> x87_phys(cpu, i) & 1);
}

static inline void x87_set_valid(struct cpu *cpu, unsigned i)
{
	cpu->fpu.ftw |= (u8)(1u << x87_phys(cpu, i));
}

static inline void x87_set_empty(struct cpu *cpu, unsigned i)
{
	cpu->fpu.ftw &= (u8) ~(1u << x87_phys(cpu, i));
}

static inline void x87_pop(struct cpu *cpu)
{
	x87_set_empty(cpu, 0);
	x87_set_top(cpu, x87_top(cpu) + 1);
}

/* Top moves down; the new ST(0) is valid, its contents still to be written. */
static inline void x87_push(struct cpu *cpu)
{
	x87_set_top(cpu, x87_top(cpu) - 1);
	x87_set_valid(cpu, 0);
}

static inline bool x87_masked(const struct cpu *cpu, u32 flags)
{
	return !(flags & ~cpu->fpu.fcw & X87_FLAGS);
}

/* ES and B say whether any flag set is unmasked. After every change of flags or masks. */
static inline void x87_summary(struct cpu *cpu)
{
	cpu->fpu.fsw &= (u16) ~(X87_ES | X87_BUSY);
	if (cpu->fpu.fsw & ~cpu->fpu.fcw & X87_FLAGS)
		cpu->fpu.fsw |= X87_ES | X87_BUSY;
}

/* Flags found (and SF), and C1 as the instruction leaves it. */
static inline void x87_raise(struct cpu *cpu, u32 flags, bool c1)
{
	cpu->fpu.fsw = (u16)((cpu->fpu.fsw & ~X87_C1) | flags | (c1 ? X87_C1 : 0));
	x87_summary(cpu);
}

/* The start of every waiting instruction: #NM, then the #MF an earlier one left pending. */
bool x87_begin(struct cpu *cpu);
/* The real indefinite, the masked answer to an invalid operation. */
void x87_write_indefinite(void *st);
/*
 * Stack faults. True: masked, the caller writes indefinites and goes on; false: unmasked, nothing
 * else changes.
 */
bool x87_underflow(struct cpu *cpu);
bool x87_overflow(struct cpu *cpu);

/* The transcendental instructions (x87_trans.c), NULL for any other mnemonic. */
const struct x87_op *x87_trans_lookup(unsigned zydis_mnemonic);

#endif
