/* SPDX-License-Identifier: MIT */
/*
 * Instructions that move data: MOV, MOVZX, MOVSX, LEA, PUSH, POP, XCHG, XADD, CMPXCHG, BSWAP, sign
 * extensions, single flags.
 *
 * The decoder picks them; they call nothing but the slow half of memory accesses.
 *
 *	push %rbx:   new rsp = 0x7fffffffe0f0 - 8; store 8 bytes there; only then RSP changes
 *	pop 8(%rsp): load at RSP; RSP += 8; the address uses the new RSP; a fault of the store puts
 *	RSP back
 *
 *	V1 Nothing is changed before the last access that can fault has succeeded.
 *	V2 CMPXCHG writes its memory operand in either case, as hardware does: a failing one faults
 *	   on a read-only page.
 *	V3 A failing 32-bit CMPXCHG leaves the upper half of a register destination (Zen 4); RAX is
 *	   zero-extended.
 *
 * Units:   operand sizes by enum cc_size.
 * Owner:   the CPU.
 * Locking: see alu.c.
 * Errors:  faults of memory operands; #SS for stack accesses outside canonical space; #GP for a
 *          misaligned CMPXCHG16B.
 * Time:    COST_INSN, charged by the block.
 * Source:  Intel SDM vol. 2; AMD APM vol. 3.
 */

#include "hw/cpu/handler.h"
#include "hw/cpu/handlers.h"

#define EA_BD (cpu->r[i->base] + (u64)i->disp)

#define MOVES(B)                                                                                   \
	static HANDLER(mov_rr##B)                                                                  \
	{                                                                                          \
		set##B(cpu, i->dst, get##B(cpu, i->src));                                          \
		NEXT;                                                                              \
	}                                                                                          \
	static HANDLER(mov_ri##B)                                                                  \
	{                                                                                          \
		set##B(cpu, i->dst, (u##B)(s64)i->imm);                                            \
		NEXT;                                                                              \
	}                                                                                          \
	STATIC_MEM_HANDLER(load##B)                                                                \
	{                                                                                          \
		u##B v;                                                                            \
                                                                                                   \
		LOAD(u##B, v, EA);                                                                 \
		set##B(cpu, i->dst, v);                                                            \
		NEXT;                                                                              \
	}                                                                                          \
	STATIC_MEM_HANDLER(load_bd##B)                                                             \
	{                                                                                          \
		u##B v;                                                                            \
                                                                                                   \
		LOAD(u##B, v, EA_BD);                                                              \
		set##B(cpu, i->dst, v);                                                            \
		NEXT;                                                                              \
	}                                                                                          \
	STATIC_MEM_HANDLER(store##B)                                                               \
	{                                                                                          \
		STORE(u##B, EA, get##B(cpu, i->src));                                              \
		NEXT;                                                                              \
	}                                                                                          \
	STATIC_MEM_HANDLER(store_bd##B)                                                            \
	{                                                                                          \
		STORE(u##B, EA_BD, get##B(cpu, i->src));                                           \
		NEXT;                                                                              \
	}                                                                                          \
	STATIC_MEM_HANDLER(store_imm##B)                                                           \
	{                                                                                          \
		STORE(u##B, EA, (u##B)(s64)i->imm);                                                \
		NEXT;                                                                              \
	}

MOVES(8)
MOVES(16)
MOVES(32)
MOVES(64)

#define ROW(op)                                                                                    \
	{                                                                                          \
		op##8, op##16, op##32, op##64                                                      \
	}
insn_fn *const mov_rr_fn[4] = ROW(mov_rr), *const mov_ri_fn[4] = ROW(mov_ri),
	       *const load_fn[4] = ROW(load), *const load_bd_fn[4] = ROW(load_bd),
	       *const store_fn[4] = ROW(store), *const store_bd_fn[4] = ROW(store_bd),
	       *const store_imm_fn[4] = ROW(store_imm);

HANDLER(mov_abs)
{
	cpu->r[i->dst] = i->imm64;
	NEXT;
}

HANDLER(nop)
{
	NEXT;
}

/* --- addresses --- */

HANDLER(lea16)
{
	set16(cpu, i->dst, (u16)EA);
	NEXT;
}

HANDLER(lea32)
{
	set32(cpu, i->dst, (u32)EA);
	NEXT;
}

HANDLER(lea64)
{
	cpu->r[i->dst] = EA;
	NEXT;
}

HANDLER(lea64_bd)
{
	cpu->r[i->dst] = EA_BD;
	NEXT;
}

HANDLER(lea64_bi)
{
	cpu->r[i->dst] = cpu->r[i->base] + cpu->r[i->index] + (u64)i->disp;
	NEXT;
}

/*
 * Micro-operations before an instruction whose address has a segment base besides base and index,
 * or is 32 bits wide.
 */
HANDLER(ea_seg64)
{
	cpu->r[REG_TMP] = EA + cpu->r[i->src];
	NEXT;
}

HANDLER(ea_seg32)
{
	cpu->r[REG_TMP] = (u32)EA + cpu->r[i->src];
	NEXT;
}

/* --- extensions --- */

#define EXTEND(name, FROM, TO, type)                                                               \
	HANDLER(name)                                                                              \
	{                                                                                          \
		set##TO(cpu, i->dst, (u##TO)(type)get##FROM(cpu, i->src));                         \
		NEXT;                                                                              \
	}                                                                                          \
	MEM_HANDLER(name##m)                                                                       \
	{                                                                                          \
		u##FROM v;                                                                         \
                                                                                                   \
		LOAD(u##FROM, v, EA);                                                              \
		set##TO(cpu, i->dst, (u##TO)(type)v);                                              \
		NEXT;                                                                              \
	}

EXTEND(movzx8_16, 8, 16, u8)
EXTEND(movzx8_32, 8, 32, u8)
EXTEND(movzx16_32, 16, 32, u16)
EXTEND(movsx8_16, 8, 16, s8)
EXTEND(movsx8_32, 8, 32, s8)
EXTEND(movsx8_64, 8, 64, s8)
EXTEND(movsx16_32, 16, 32, s16)
EXTEND(movsx16_64, 16, 64, s16)
EXTEND(movsx32_64, 32, 64, s32)

HANDLER(cbw)
{
	set16(cpu, RAX, (u16)(s8)cpu->r[RAX]);
	NEXT;
}

HANDLER(cwde)
{
	set32(cpu, RAX, (u32)(s16)cpu->r[RAX]);
	NEXT;
}

HANDLER(cdqe)
{
	cpu->r[RAX] = (u64)(s32)cpu->r[RAX];
	NEXT;
}

HANDLER(cwd)
{
	set16(cpu, RDX, (s16)cpu->r[RAX] < 0 ? 0xffff : 0);
	NEXT;
}

HANDLER(cdq)
{
	set32(cpu, RDX, (s32)cpu->r[RAX] < 0 ? 0xffffffffu : 0);
	NEXT;
}

HANDLER(cqo)
{
	cpu->r[RDX] = (u64)((s64)cpu->r[RAX] >> 63);
	NEXT;
}

HANDLER(bswap32)
{
	set32(cpu, i->dst, __builtin_bswap32(get32(cpu, i->dst)));
	NEXT;
}

HANDLER(bswap64)
{
	cpu->r[i->dst] = __builtin_bswap64(cpu->r[i->dst]);
	NEXT;
}

/* --- stack --- */

MEM_HANDLER(push_r)
{
	u64 sp = cpu->r[RSP] - 8;

	STORE_STACK(u64, sp, cpu->r[i->src]);
	cpu->r[RSP] = sp;
	NEXT;
}

/*
 * N pushes in a row, i[0] to i[N - 1], when one slot of the index holds all they write: the stamp
 * is the last one's, which is what N stamps would leave. Otherwise the first alone.
 */
#define PUSH_RUN(N)                                                                                \
	static HANDLER(push_run##N)                                                                \
	{                                                                                          \
		u64 sp = cpu->r[RSP] - 8 * N;                                                      \
		mem_u64 *p = tlb_hit(cpu, i + N - 1, sp, 8 * N, TLB_WRITE);                        \
                                                                                                   \
		if (unlikely(!p))                                                                  \
			return push_r(cpu, i);                                                     \
		for (unsigned k = 0; k < N; k++)                                                   \
			p[N - 1 - k] = cpu->r[i[k].src];                                           \
		cpu->r[RSP] = sp;                                                                  \
		GOTO_INSN(i + N);                                                                  \
	}
PUSH_RUN(2)
PUSH_RUN(3)
PUSH_RUN(4)
PUSH_RUN(5)
PUSH_RUN(6)
insn_fn *const push_run_fn[MAX_RUN + 1] = {
	[2] = push_run2, push_run3, push_run4, push_run5, push_run6,
};

MEM_HANDLER(push_r16)
{
	u64 sp = cpu->r[RSP] - 2;

	STORE_STACK(u16, sp, get16(cpu, i->src));
	cpu->r[RSP] = sp;
	NEXT;
}

MEM_HANDLER(push_i)
{
	u64 sp = cpu->r[RSP] - 8;

	STORE_STACK(u64, sp, (u64)(s64)i->imm);
	cpu->r[RSP] = sp;
	NEXT;
}

MEM_HANDLER(push_i16)
{
	u64 sp = cpu->r[RSP] - 2;

	STORE_STACK(u16, sp, (u16)i->imm);
	cpu->r[RSP] = sp;
	NEXT;
}

MEM_HANDLER(push_m)
{
	u64 sp = cpu->r[RSP] - 8, v;

	LOAD(u64, v, EA);
	STORE_STACK(u64, sp, v);
	cpu->r[RSP] = sp;
	NEXT;
}

MEM_HANDLER(push_m16)
{
	u64 sp = cpu->r[RSP] - 2;
	u16 v;

	LOAD(u16, v, EA);
	STORE_STACK(u16, sp, v);
	cpu->r[RSP] = sp;
	NEXT;
}

MEM_HANDLER(pop_r)
{
	u64 v;

	LOAD_STACK(u64, v, cpu->r[RSP]);
	cpu->r[RSP] += 8;
	cpu->r[i->dst] = v;
	NEXT;
}

/* As PUSH_RUN. */
#define POP_RUN(N)                                                                                 \
	static HANDLER(pop_run##N)                                                                 \
	{                                                                                          \
		u64 sp = cpu->r[RSP];                                                              \
		const mem_u64 *p = tlb_hit(cpu, i + N - 1, sp, 8 * N, TLB_READ);                   \
                                                                                                   \
		if (unlikely(!p))                                                                  \
			return pop_r(cpu, i);                                                      \
		for (unsigned k = 0; k < N; k++)                                                   \
			cpu->r[i[k].dst] = p[k];                                                   \
		cpu->r[RSP] = sp + 8 * N;                                                          \
		GOTO_INSN(i + N);                                                                  \
	}
POP_RUN(2)
POP_RUN(3)
POP_RUN(4)
POP_RUN(5)
POP_RUN(6)
insn_fn *const pop_run_fn[MAX_RUN + 1] = {
	[2] = pop_run2, pop_run3, pop_run4, pop_run5, pop_run6,
};

MEM_HANDLER(pop_r16)
{
	u16 v;

	LOAD_STACK(u16, v, cpu->r[RSP]);
	cpu->r[RSP] += 2;
	set16(cpu, i->dst, v);
	NEXT;
}

MEM_HANDLER(pop_m)
{
	u64 v, at;

	LOAD_STACK(u64, v, cpu->r[RSP]);
	/* An address relative to RSP counts from after the pop. */
	at = EA + (i->base == RSP ? 8 : 0);
	STORE(u64, at, v);
	cpu->r[RSP] += 8;
	NEXT;
}

MEM_HANDLER(pop_m16)
{
	u64 at;
	u16 v;

	LOAD_STACK(u16, v, cpu->r[RSP]);
	at = EA + (i->base == RSP ? 2 : 0);
	STORE(u16, at, v);
	cpu->r[RSP] += 2;
	NEXT;
}

MEM_HANDLER(leave16)
{
	u16 v;

	LOAD_STACK(u16, v, cpu->r[RBP]);
	cpu->r[RSP] = cpu->r[RBP] + 2;
	set16(cpu, RBP, v);
	NEXT;
}

MEM_HANDLER(leave)
{
	u64 v;

	LOAD_STACK(u64, v, cpu->r[RBP]);
	cpu->r[RSP] = cpu->r[RBP] + 8;
	cpu->r[RBP] = v;
	NEXT;
}

/* ENTER with nesting level 0 (imm: frame size); deeper levels are not decoded. */
MEM_HANDLER(enter)
{
	u64 sp = cpu->r[RSP] - 8;

	STORE_STACK(u64, sp, cpu->r[RBP]);
	cpu->r[RBP] = sp;
	cpu->r[RSP] = sp - (u64)i->imm;
	NEXT;
}

MEM_HANDLER(xlat)
{
	u8 v;

	LOAD(u8, v, EA + (u8)cpu->r[RAX]);
	set8(cpu, 0, v);
	NEXT;
}

/* With a 32-bit address; index is the segment base. */
MEM_HANDLER(xlat32)
{
	u8 v;

	LOAD(u8, v, (u32)(cpu->r[RBX] + (u8)cpu->r[RAX]) + cpu->r[i->index]);
	set8(cpu, 0, v);
	NEXT;
}

/* --- exchanges --- */

#define EXCHANGES(B)                                                                               \
	static HANDLER(xchg_rr##B)                                                                 \
	{                                                                                          \
		u##B a = get##B(cpu, i->dst), b = get##B(cpu, i->src);                             \
                                                                                                   \
		set##B(cpu, i->dst, b);                                                            \
		set##B(cpu, i->src, a);                                                            \
		NEXT;                                                                              \
	}                                                                                          \
	STATIC_MEM_HANDLER(xchg_mr##B)                                                             \
	{                                                                                          \
		u##B old;                                                                          \
		RMW_BEGIN(u##B, p, EA);                                                            \
		old = *p;                                                                          \
		*p = get##B(cpu, i->src);                                                          \
		RMW_END;                                                                           \
		set##B(cpu, i->src, old);                                                          \
		NEXT;                                                                              \
	}                                                                                          \
	static HANDLER(xadd_rr##B)                                                                 \
	{                                                                                          \
		u##B a = get##B(cpu, i->dst), b = get##B(cpu, i->src), r = (u##B)(a + b);          \
                                                                                                   \
		set_cc(cpu, CC_ADD | CC_##B, r, b);                                                \
		set##B(cpu, i->src, a);                                                            \
		set##B(cpu, i->dst, r);                                                            \
		NEXT;                                                                              \
	}                                                                                          \
	STATIC_MEM_HANDLER(xadd_mr##B)                                                             \
	{                                                                                          \
		u##B old, b = get##B(cpu, i->src), r;                                              \
		RMW_BEGIN(u##B, p, EA);                                                            \
		old = *p;                                                                          \
		r = (u##B)(old + b);                                                               \
		*p = r;                                                                            \
		RMW_END;                                                                           \
		set_cc(cpu, CC_ADD | CC_##B, r, b);                                                \
		set##B(cpu, i->src, old);                                                          \
		NEXT;                                                                              \
	}                                                                                          \
	static HANDLER(cmpxchg_rr##B)                                                              \
	{                                                                                          \
		u##B a = get##B(cpu, RAX), d = get##B(cpu, i->dst);                                \
                                                                                                   \
		set_cc(cpu, CC_SUB | CC_##B, (u##B)(a - d), d);                                    \
		if (a == d)                                                                        \
			set##B(cpu, i->dst, get##B(cpu, i->src));                                  \
		else                                                                               \
			set##B(cpu, RAX, d);                                                       \
		NEXT;                                                                              \
	}                                                                                          \
	STATIC_MEM_HANDLER(cmpxchg_mr##B)                                                          \
	{                                                                                          \
		u##B a = get##B(cpu, RAX), d;                                                      \
		RMW_BEGIN(u##B, p, EA);                                                            \
		d = *p;                                                                            \
		*p = a == d ? get##B(cpu, i->src) : d;                                             \
		RMW_END;                                                                           \
		set_cc(cpu, CC_SUB | CC_##B, (u##B)(a - d), d);                                    \
		if (a != d)                                                                        \
			set##B(cpu, RAX, d);                                                       \
		NEXT;                                                                              \
	}

EXCHANGES(8)
EXCHANGES(16)
EXCHANGES(32)
EXCHANGES(64)

insn_fn *const xchg_fn[2][4] = { ROW(xchg_rr), ROW(xchg_mr) };
insn_fn *const xadd_fn[2][4] = { ROW(xadd_rr), ROW(xadd_mr) };
insn_fn *const cmpxchg_fn[2][4] = { ROW(cmpxchg_rr), ROW(cmpxchg_mr) };

static void set_zf(struct cpu *cpu, bool zf)
{
	flags_materialise(cpu);
	cpu->rflags = (cpu->rflags & ~FLAG_ZF) | (zf ? FLAG_ZF : 0);
}

MEM_HANDLER(cmpxchg8b)
{
	u64 want = (u32)cpu->r[RAX] | cpu->r[RDX] << 32, old;
	RMW_BEGIN(u64, p, EA);
	old = *p;
	*p = old == want ? ((u32)cpu->r[RBX] | cpu->r[RCX] << 32) : old;
	RMW_END;
	if (old != want) {
		cpu->r[RAX] = (u32)old;
		cpu->r[RDX] = old >> 32;
	}
	set_zf(cpu, old == want);
	NEXT;
}

typedef struct mem128 u128_bytes;
typedef mem_u128 mem_u128_bytes;

MEM_HANDLER(cmpxchg16b)
{
	u64 lo, hi, at = EA;
	bool equal;

	if (at & 15)
		return raise_gp(cpu, i);
	RMW_BEGIN(u128_bytes, p, at);
	lo = p->lo;
	hi = p->hi;
	equal = lo == cpu->r[RAX] && hi == cpu->r[RDX];
	p->lo = equal ? cpu->r[RBX] : lo;
	p->hi = equal ? cpu->r[RCX] : hi;
	RMW_END;
	if (!equal) {
		cpu->r[RAX] = lo;
		cpu->r[RDX] = hi;
	}
	set_zf(cpu, equal);
	NEXT;
}

/* --- single flags --- */

HANDLER(lahf)
{
	set8(cpu, RAX * 8 + 1, (u8)(flags_arith(cpu) | FLAG_FIXED));
	NEXT;
}

HANDLER(sahf)
{
	u64 keep = flags_arith(cpu) & FLAG_OF;

	cpu_set_arith_flags(cpu, keep | (get8(cpu, RAX * 8 + 1) &
					 (FLAG_SF | FLAG_ZF | FLAG_AF | FLAG_PF | FLAG_CF)));
	NEXT;
}

HANDLER(clc)
{
	flags_materialise(cpu);
	cpu->rflags &= ~FLAG_CF;
	NEXT;
}

HANDLER(stc)
{
	flags_materialise(cpu);
	cpu->rflags |= FLAG_CF;
	NEXT;
}

HANDLER(cmc)
{
	flags_materialise(cpu);
	cpu->rflags ^= FLAG_CF;
	NEXT;
}

HANDLER(cld)
{
	cpu->rflags &= ~FLAG_DF;
	NEXT;
}

HANDLER(std_)
{
	cpu->rflags |= FLAG_DF;
	NEXT;
}
