/* SPDX-License-Identifier: MIT */
/*
 * Moves between XMM registers, general registers and memory; and the way from decoded SSE and x87
 * instructions to the functions that compute them (hw/fp/fp.h, hw/cpu/simd.h).
 *
 * The decoder picks handlers; these fetch and store operands and know nothing of floating point. A
 * pointer to an operand in RAM goes straight to the function when the TLB index has it.
 *
 *	paddb 16(%rsi), %xmm3:  hit -> pointer, aligned -> i->sse->fn(cpu, xmm[3], pointer, 0)
 *	fstp  (%rsp):           write side hit -> i->x87->fn(cpu, pointer, 0) fills 10 bytes, pops
 *	fnsave (%rdi), 108 bytes over two pages: probe both; fill exec->image; write it in pieces
 *
 *	E1 A store's destination is known to be writable before an x87 function, which changes the
 *	   register stack, is called.
 *	E2 Aligned forms raise #GP before the access; MOVUPS and the like take any address.
 *	E3 A function that returns false has set cpu->fault and changed no operand.
 *
 * Units:   bytes.
 * Owner:   cpu->fpu is the CPU's; exec->buf and exec->image are scratch between two lines of one
 *          handler.
 * Locking: none.
 * Errors:  faults of memory operands, #GP for alignment, what the functions say.
 * Time:    COST_INSN for moves, plus COST_INSN_FP for the rest; charged by the block.
 * Source:  Intel SDM vol. 2, vol. 1 10.5 (FXSAVE).
 */

#include <string.h>

#include "hw/cpu/handler.h"
#include "hw/cpu/handlers.h"
#include "hw/fp/fp.h"

typedef struct mem128 v128;
typedef mem_u128 mem_v128;
/* LOAD and STORE name their type mem_##T. */
typedef u64 __attribute__((may_alias)) xmm_u64;
typedef u32 __attribute__((may_alias)) xmm_u32;

#define XMM(n) (cpu->fpu.xmm[n])
#define XMM_LO(n) (*(xmm_u64 *)&cpu->fpu.xmm[n][0])
#define XMM_HI(n) (*(xmm_u64 *)&cpu->fpu.xmm[n][8])
#define XMM_LO32(n) (*(xmm_u32 *)&cpu->fpu.xmm[n][0])
#define XMM_V(n) (*(mem_v128 *)cpu->fpu.xmm[n])

HANDLER(sse_mov_rr)
{
	XMM_V(i->dst) = XMM_V(i->src);
	NEXT;
}

MEM_HANDLER(sse_load128)
{
	v128 v;

	LOAD(v128, v, EA);
	XMM_V(i->dst) = v;
	NEXT;
}

MEM_HANDLER(sse_load128a)
{
	u64 at = EA;
	v128 v;

	if (unlikely(at & 15))
		return raise_gp(cpu, i);
	LOAD(v128, v, at);
	XMM_V(i->dst) = v;
	NEXT;
}

MEM_HANDLER(sse_store128)
{
	STORE(v128, EA, XMM_V(i->src));
	NEXT;
}

MEM_HANDLER(sse_store128a)
{
	u64 at = EA;

	if (unlikely(at & 15))
		return raise_gp(cpu, i);
	STORE(v128, at, XMM_V(i->src));
	NEXT;
}

/* MOVSS, MOVD from memory: the rest of the register becomes 0. */
MEM_HANDLER(sse_load32)
{
	u32 v;

	LOAD(u32, v, EA);
	XMM_LO(i->dst) = v;
	XMM_HI(i->dst) = 0;
	NEXT;
}

MEM_HANDLER(sse_load64)
{
	u64 v;

	LOAD(u64, v, EA);
	XMM_LO(i->dst) = v;
	XMM_HI(i->dst) = 0;
	NEXT;
}

MEM_HANDLER(sse_store32)
{
	STORE(u32, EA, XMM_LO32(i->src));
	NEXT;
}

MEM_HANDLER(sse_store64)
{
	STORE(u64, EA, XMM_LO(i->src));
	NEXT;
}

HANDLER(sse_movss_rr)
{
	XMM_LO32(i->dst) = XMM_LO32(i->src);
	NEXT;
}

HANDLER(sse_movsd_rr)
{
	XMM_LO(i->dst) = XMM_LO(i->src);
	NEXT;
}

HANDLER(sse_movq_rr)
{
	XMM_LO(i->dst) = XMM_LO(i->src);
	XMM_HI(i->dst) = 0;
	NEXT;
}

HANDLER(sse_movd_from32)
{
	XMM_LO(i->dst) = (u32)cpu->r[i->src];
	XMM_HI(i->dst) = 0;
	NEXT;
}

HANDLER(sse_movd_from64)
{
	XMM_LO(i->dst) = cpu->r[i->src];
	XMM_HI(i->dst) = 0;
	NEXT;
}

HANDLER(sse_movd_to32)
{
	cpu->r[i->dst] = XMM_LO32(i->src);
	NEXT;
}

HANDLER(sse_movd_to64)
{
	cpu->r[i->dst] = XMM_LO(i->src);
	NEXT;
}

MEM_HANDLER(sse_movlps_load)
{
	u64 v;

	LOAD(u64, v, EA);
	XMM_LO(i->dst) = v;
	NEXT;
}

MEM_HANDLER(sse_movhps_load)
{
	u64 v;

	LOAD(u64, v, EA);
	XMM_HI(i->dst) = v;
	NEXT;
}

MEM_HANDLER(sse_movhps_store)
{
	STORE(u64, EA, XMM_HI(i->src));
	NEXT;
}

HANDLER(sse_movhlps)
{
	XMM_LO(i->dst) = XMM_HI(i->src);
	NEXT;
}

HANDLER(sse_movlhps)
{
	XMM_HI(i->dst) = XMM_LO(i->src);
	NEXT;
}

/* PXOR and XORPS of a register with itself. */
HANDLER(sse_pxor_self)
{
	XMM_LO(i->dst) = 0;
	XMM_HI(i->dst) = 0;
	NEXT;
}

HANDLER(sse_pxor_xx)
{
	XMM_LO(i->dst) ^= XMM_LO(i->src);
	XMM_HI(i->dst) ^= XMM_HI(i->src);
	NEXT;
}

HANDLER(sse_por_xx)
{
	XMM_LO(i->dst) |= XMM_LO(i->src);
	XMM_HI(i->dst) |= XMM_HI(i->src);
	NEXT;
}

HANDLER(sse_pand_xx)
{
	XMM_LO(i->dst) &= XMM_LO(i->src);
	XMM_HI(i->dst) &= XMM_HI(i->src);
	NEXT;
}

/* --- operations computed elsewhere --- */

/* dst and src are XMM registers. */
HANDLER(sse_op_xx)
{
	if (unlikely(!i->sse->fn(cpu, XMM(i->dst), XMM(i->src), (unsigned)i->imm)))
		return leave_at(cpu, i);
	NEXT;
}

/* A shift by a constant: no source. */
HANDLER(sse_op_xi)
{
	if (unlikely(!i->sse->fn(cpu, XMM(i->dst), NULL, (unsigned)i->imm)))
		return leave_at(cpu, i);
	NEXT;
}

/* src is a general register. */
HANDLER(sse_op_xg)
{
	if (unlikely(!i->sse->fn(cpu, XMM(i->dst), &cpu->r[i->src], (unsigned)i->imm)))
		return leave_at(cpu, i);
	NEXT;
}

/* dst is a general register. */
HANDLER(sse_op_gx)
{
	if (unlikely(!i->sse->fn(cpu, &cpu->r[i->dst], XMM(i->src), (unsigned)i->imm)))
		return leave_at(cpu, i);
	NEXT;
}

/*
 * src is in memory. Its address was computed into REG_TMP by a micro-operation, so that disp's
 * place is free for i->sse.
 */
static force_inline const struct insn *op_mem(struct cpu *cpu, const struct insn *i,
					      insn_fn *const cold, void *dst)
{
	u64 at = cpu->r[REG_TMP];
	const void *src;

	if (unlikely(i->sse->align == 16 && (at & 15)))
		return raise_gp(cpu, i);
	src = tlb_hit(cpu, i, at, i->sse->src_bytes, TLB_READ);
	if (unlikely(!src)) {
		if (cold)
			return cold(cpu, i);
		i = slow_load(cpu, i, at, i->sse->src_bytes);
		if (!i)
			return NULL;
		src = cpu->exec->buf;
	}
	if (unlikely(!i->sse->fn(cpu, dst, src, (unsigned)i->imm)))
		return leave_at(cpu, i);
	NEXT;
}

MEM_HANDLER(sse_op_xm)
{
	return op_mem(cpu, i, cold, XMM(i->dst));
}

MEM_HANDLER(sse_op_gm)
{
	return op_mem(cpu, i, cold, &cpu->r[i->dst]);
}

MEM_HANDLER(sse_stmxcsr)
{
	STORE(u32, EA, cpu->fpu.mxcsr);
	NEXT;
}

/* MASKMOVDQU: bytes of dst whose mask bit 7 in src is set go to DS:RDI, each by itself. */
HANDLER(sse_maskmovdqu)
{
	u64 at = cpu->r[RDI] + cpu->r[i->base];
	unsigned k;

	sync_begin(cpu, i);
	for (k = 0; k < 16; k++)
		if ((XMM(i->src)[k] & 0x80) &&
		    !mmu_probe_write(cpu, at + k, 1, cpu->cpl == 3, &cpu->fault))
			goto fault;
	for (k = 0; k < 16; k++)
		if ((XMM(i->src)[k] & 0x80) &&
		    !mmu_write(cpu, at + k, &XMM(i->dst)[k], 1, cpu->cpl == 3, &cpu->fault))
			goto fault;
	i = sync_end(cpu, i);
	NEXT;
fault:
	cpu->now += cpu->pending_cost;
	cpu->pending_cost = 0;
	return NULL;
}

/* --- x87 --- */

/* Up to 512 bytes in pieces the MMU takes. False: cpu->fault. */
static bool probe_bytes(struct cpu *cpu, u64 va, unsigned n)
{
	unsigned k;

	for (k = 0; k < n; k += 64)
		if (!mmu_probe_write(cpu, va + k, min(64u, n - k), cpu->cpl == 3, &cpu->fault))
			return false;
	return true;
}

static bool read_bytes(struct cpu *cpu, u64 va, u8 *p, unsigned n)
{
	unsigned k;

	for (k = 0; k < n; k += 64)
		if (!mmu_read(cpu, va + k, p + k, min(64u, n - k), cpu->cpl == 3, &cpu->fault))
			return false;
	return true;
}

static bool write_bytes(struct cpu *cpu, u64 va, const u8 *p, unsigned n)
{
	unsigned k;

	for (k = 0; k < n; k += 64)
		if (!mmu_write(cpu, va + k, p + k, min(64u, n - k), cpu->cpl == 3, &cpu->fault))
			return false;
	return true;
}

static const struct insn *failed(struct cpu *cpu)
{
	cpu->now += cpu->pending_cost;
	cpu->pending_cost = 0;
	return NULL;
}

/* Register form; imm: the stack index. */
HANDLER(x87_op_reg)
{
	if (unlikely(!i->x87->fn(cpu, NULL, (unsigned)i->imm)))
		return leave_at(cpu, i);
	NEXT;
}

/* FNSTSW AX. */
HANDLER(x87_fnstsw_ax)
{
	if (unlikely(!i->x87->fn(cpu, &cpu->r[RAX], 0)))
		return leave_at(cpu, i);
	NEXT;
}

static __cold __noinline const struct insn *x87_load_slow(struct cpu *cpu, const struct insn *i)
{
	sync_begin(cpu, i);
	if (!read_bytes(cpu, cpu->r[REG_TMP], cpu->exec->image, i->x87->mem_bytes) ||
	    !i->x87->fn(cpu, cpu->exec->image, 0))
		return failed(cpu);
	i = sync_end(cpu, i);
	NEXT;
}

HANDLER(x87_op_load)
{
	u64 at = cpu->r[REG_TMP];
	void *p = tlb_hit(cpu, i, at, i->x87->mem_bytes, TLB_READ);

	if (unlikely(!p))
		return x87_load_slow(cpu, i);
	if (unlikely(!i->x87->fn(cpu, p, 0)))
		return leave_at(cpu, i);
	NEXT;
}

static __cold __noinline const struct insn *x87_store_slow(struct cpu *cpu, const struct insn *i)
{
	u64 at = cpu->r[REG_TMP];

	sync_begin(cpu, i);
	/* An unmasked response stores nothing: the old bytes are written back. */
	if (!probe_bytes(cpu, at, i->x87->mem_bytes) ||
	    !read_bytes(cpu, at, cpu->exec->image, i->x87->mem_bytes) ||
	    !i->x87->fn(cpu, cpu->exec->image, 0) ||
	    !write_bytes(cpu, at, cpu->exec->image, i->x87->mem_bytes))
		return failed(cpu);
	i = sync_end(cpu, i);
	NEXT;
}

HANDLER(x87_op_store)
{
	u64 at = cpu->r[REG_TMP];
	void *p = tlb_hit(cpu, i, at, i->x87->mem_bytes, TLB_WRITE);

	if (unlikely(!p))
		return x87_store_slow(cpu, i);
	if (unlikely(!i->x87->fn(cpu, p, 0)))
		return leave_at(cpu, i);
	NEXT;
}

/* The rest of the 512 bytes belongs to software and is not written. */
#define FXSAVE_BYTES 416u

HANDLER(sys_fxsave)
{
	u64 at = EA;

	if (at & 15)
		return raise_gp(cpu, i);
	sync_begin(cpu, i);
	if (!probe_bytes(cpu, at, 512))
		return failed(cpu);
	fpu_fxsave(cpu, cpu->exec->image);
	if (!write_bytes(cpu, at, cpu->exec->image, FXSAVE_BYTES))
		return failed(cpu);
	i = sync_end(cpu, i);
	NEXT;
}

HANDLER(sys_fxrstor)
{
	u64 at = EA;

	if (at & 15)
		return raise_gp(cpu, i);
	sync_begin(cpu, i);
	if (!read_bytes(cpu, at, cpu->exec->image, 512) || !fpu_fxrstor(cpu, cpu->exec->image))
		return failed(cpu);
	i = sync_end(cpu, i);
	NEXT;
}
