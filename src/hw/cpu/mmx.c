/* SPDX-License-Identifier: MIT */
/*
 * MMX: 64-bit integer SIMD in the significands of the x87 registers.
 *
 * The decoder (decode_mmx.c) chooses these handlers; what a lane operation computes is simd.c's, on
 * a 16-byte value whose upper half is empty. It knows nothing of rounding or flags.
 *
 *	paddw  %mm1, %mm0   { mm0, 0 } paddw { mm1, 0 }             -> low half      MMX_LOW
 *	packuswb %mm1, %mm0 { mm0, mm1 } packuswb itself            -> low half      MMX_PACK
 *	punpckhwd %mm1, %mm0  { mm0, 0 } punpcklwd { mm1, 0 }       -> high half     MMX_HIGH
 *
 *	after a write to mm3: R3 = 0xffff:value, TOP = 0, all eight tags valid
 *
 *	X1 MMi is the significand of physical register i, whatever TOP was.
 *	X2 every instruction here leaves TOP 0 and all tags valid; EMMS leaves all tags empty.
 *	X3 an x87 exception that waits is raised before anything changes.
 *
 * Units:   bytes.
 * Owner:   a CPU's state is touched by that CPU only.
 * Locking: none.
 * Errors:  #MF (X3), memory faults; #UD for CR0.EM and #NM for CR0.TS are the decoder's.
 * Time:    COST_INSN_FP, counted by the decoder.
 * Source:  Intel SDM vol. 1, chapter 9 and 9.5; vol. 2; vol. 3A 12.1 to 12.3.
 */

#include <Zydis/Mnemonic.h>
#include <string.h>

#include "hw/cpu/handler.h"
#include "hw/cpu/handlers.h"
#include "hw/cpu/mmx.h"
#include "hw/fp/fp.h"
#include "hw/mmu.h"

#define FSW_TOP 0x3800u

static u64 mm_get(const struct cpu *cpu, unsigned n)
{
	u64 v;

	memcpy(&v, cpu->fpu.st[n], 8);
	return v;
}

static void mm_set(struct cpu *cpu, unsigned n, u64 v)
{
	memcpy(cpu->fpu.st[n], &v, 8);
	memset(cpu->fpu.st[n] + 8, 0xff, 2);
}

/* X3: false with cpu->fault set. */
static bool no_pending(struct cpu *cpu)
{
	return x87_lookup(ZYDIS_MNEMONIC_FWAIT, 0, false)->fn(cpu, NULL, 0);
}

/* X2 */
static void in_use(struct cpu *cpu)
{
	cpu->fpu.fsw &= (u16)~FSW_TOP;
	cpu->fpu.ftw = 0xff;
}

HANDLER(mmx_emms)
{
	if (unlikely(!no_pending(cpu)))
		return leave_at(cpu, i);
	cpu->fpu.fsw &= (u16)~FSW_TOP;
	cpu->fpu.ftw = 0;
	NEXT;
}

/* --- moves --- */

#define MOVE(name, assignment)                                                                     \
	HANDLER(name)                                                                              \
	{                                                                                          \
		if (unlikely(!no_pending(cpu)))                                                    \
			return leave_at(cpu, i);                                                   \
		assignment;                                                                        \
		in_use(cpu);                                                                       \
		NEXT;                                                                              \
	}

static void xmm_set(struct cpu *cpu, unsigned n, u64 lo)
{
	memset(cpu->fpu.xmm[n], 0, 16);
	memcpy(cpu->fpu.xmm[n], &lo, 8);
}

static u64 xmm_low(const struct cpu *cpu, unsigned n)
{
	u64 v;

	memcpy(&v, cpu->fpu.xmm[n], 8);
	return v;
}

MOVE(mmx_mov_rr, mm_set(cpu, i->dst, mm_get(cpu, i->src)))
MOVE(mmx_from32, mm_set(cpu, i->dst, (u32)cpu->r[i->src]))
MOVE(mmx_from64, mm_set(cpu, i->dst, cpu->r[i->src]))
MOVE(mmx_to32, cpu->r[i->dst] = (u32)mm_get(cpu, i->src))
MOVE(mmx_to64, cpu->r[i->dst] = mm_get(cpu, i->src))
MOVE(mmx_movq2dq, xmm_set(cpu, i->dst, mm_get(cpu, i->src)))
MOVE(mmx_movdq2q, mm_set(cpu, i->dst, xmm_low(cpu, i->src)))

MEM_HANDLER(mmx_load32)
{
	u32 v;

	if (unlikely(!no_pending(cpu)))
		return leave_at(cpu, i);
	LOAD(u32, v, EA);
	mm_set(cpu, i->dst, v);
	in_use(cpu);
	NEXT;
}

MEM_HANDLER(mmx_load64)
{
	u64 v;

	if (unlikely(!no_pending(cpu)))
		return leave_at(cpu, i);
	LOAD(u64, v, EA);
	mm_set(cpu, i->dst, v);
	in_use(cpu);
	NEXT;
}

MEM_HANDLER(mmx_store32)
{
	if (unlikely(!no_pending(cpu)))
		return leave_at(cpu, i);
	STORE(u32, EA, (u32)mm_get(cpu, i->src));
	in_use(cpu);
	NEXT;
}

MEM_HANDLER(mmx_store64)
{
	if (unlikely(!no_pending(cpu)))
		return leave_at(cpu, i);
	STORE(u64, EA, mm_get(cpu, i->src));
	in_use(cpu);
	NEXT;
}

/* --- operations --- */

/* *d = *d op s; s is ignored for shifts by a constant. */
static bool compute(struct cpu *cpu, const struct insn *i, u64 *d, const u64 *s)
{
	unsigned form = (u32)i->imm >> 8, imm = (u32)i->imm & 0xff;
	u64 a[2] = { *d, form == MMX_PACK ? *s : 0 }, b[2] = { s ? *s : 0, 0 };

	if (!i->sse->fn(cpu, a, form == MMX_PACK ? a : s ? b : NULL, imm))
		return false;
	*d = a[form == MMX_HIGH];
	return true;
}

static force_inline const struct insn *operate(struct cpu *cpu, const struct insn *i, const u64 *s)
{
	u64 d = mm_get(cpu, i->dst);

	if (unlikely(!no_pending(cpu) || !compute(cpu, i, &d, s)))
		return leave_at(cpu, i);
	mm_set(cpu, i->dst, d);
	in_use(cpu);
	NEXT;
}

HANDLER(mmx_op_rr)
{
	u64 s = mm_get(cpu, i->src);

	return operate(cpu, i, &s);
}

HANDLER(mmx_op_ri)
{
	return operate(cpu, i, NULL);
}

/* PINSRW from a general register. */
HANDLER(mmx_op_rg)
{
	return operate(cpu, i, &cpu->r[i->src]);
}

/* PEXTRW, PMOVMSKB. */
HANDLER(mmx_op_gr)
{
	u64 s[2] = { mm_get(cpu, i->src), 0 };

	if (unlikely(!no_pending(cpu) || !i->sse->fn(cpu, &cpu->r[i->dst], s, (u32)i->imm & 0xff)))
		return leave_at(cpu, i);
	in_use(cpu);
	NEXT;
}

/* src in memory at REG_TMP: disp's place holds i->sse. */
#define OP_MEM(name, T)                                                                            \
	MEM_HANDLER(name)                                                                          \
	{                                                                                          \
		u64 s = 0;                                                                         \
		T v;                                                                               \
                                                                                                   \
		if (unlikely(!no_pending(cpu)))                                                    \
			return leave_at(cpu, i);                                                   \
		LOAD(T, v, cpu->r[REG_TMP]);                                                       \
		s = v;                                                                             \
		return operate(cpu, i, &s);                                                        \
	}

OP_MEM(mmx_op_m16, u16)
OP_MEM(mmx_op_m32, u32)
OP_MEM(mmx_op_m64, u64)

/* --- conversions: the packed ones of SSE2, two lanes of them --- */

static force_inline const struct insn *to_xmm(struct cpu *cpu, const struct insn *i, u64 s,
					      bool transition)
{
	u64 a[2] = { 0, 0 }, b[2] = { s, 0 };

	if (unlikely(!i->sse->fn(cpu, a, b, 0)))
		return leave_at(cpu, i);
	memcpy(cpu->fpu.xmm[i->dst], a, i->imm == MMX_PS ? 8 : 16);
	if (transition)
		in_use(cpu);
	NEXT;
}

HANDLER(mmx_cvt_xr)
{
	if (unlikely(!no_pending(cpu)))
		return leave_at(cpu, i);
	return to_xmm(cpu, i, mm_get(cpu, i->src), true);
}

/* CVTPI2PD from memory does not touch the x87 state. */
MEM_HANDLER(mmx_cvt_xm)
{
	u64 v;

	if (unlikely(i->imm == MMX_PS && !no_pending(cpu)))
		return leave_at(cpu, i);
	LOAD(u64, v, cpu->r[REG_TMP]);
	return to_xmm(cpu, i, v, i->imm == MMX_PS);
}

static force_inline const struct insn *from_xmm(struct cpu *cpu, const struct insn *i,
						const u64 s[2])
{
	u64 a[2] = { 0, 0 };

	if (unlikely(!i->sse->fn(cpu, a, s, 0)))
		return leave_at(cpu, i);
	mm_set(cpu, i->dst, a[0]);
	in_use(cpu);
	NEXT;
}

HANDLER(mmx_cvt_rx)
{
	u64 s[2] = { xmm_low(cpu, i->src), 0 };

	if (unlikely(!no_pending(cpu)))
		return leave_at(cpu, i);
	if (i->imm == MMX_PD)
		memcpy(&s[1], &cpu->fpu.xmm[i->src][8], 8);
	return from_xmm(cpu, i, s);
}

MEM_HANDLER(mmx_cvt_rm64)
{
	u64 s[2] = { 0, 0 };

	if (unlikely(!no_pending(cpu)))
		return leave_at(cpu, i);
	LOAD(u64, s[0], cpu->r[REG_TMP]);
	return from_xmm(cpu, i, s);
}

MEM_HANDLER(mmx_cvt_rm128)
{
	u64 at = cpu->r[REG_TMP], s[2];
	struct mem128 v;
	typedef struct mem128 v128;
	typedef mem_u128 mem_v128;

	if (unlikely(at & 15))
		return raise_gp(cpu, i);
	if (unlikely(!no_pending(cpu)))
		return leave_at(cpu, i);
	LOAD(v128, v, at);
	s[0] = v.lo;
	s[1] = v.hi;
	return from_xmm(cpu, i, s);
}
