/* SPDX-License-Identifier: MIT */
/*
 * MOVS STOS LODS CMPS SCAS, alone and repeated.
 *
 * One loop does every kind; what can be done for the rest of a page at once (MOVS and STOS upwards)
 * is, with the same result and the same time as one by one.
 *
 *	rep stosb, rdi = 0x7ffc0ff0, rcx = 100, horizon 40 iterations away:
 *	  chunk of 16 to the page's end; the next page misses the write index: one element the slow
 *	  way, which fills it; chunk of 23; now rdi = 0x7ffc1018, rcx = 60, RIP still here, back to
 *	  exec_run; the interrupt is taken;
 *	  later the instruction starts again with what is left.
 *
 *	L1 An iteration is started only while now < horizon; each costs COST_INSN_STRING_STEP, or an
 *	   instruction's time where that is 0, so that no repetition stands outside time. The
 *	   instruction retires, and counts, once.
 *	L2 Registers say at any exit how many iterations are complete; RCX = 0 does nothing and
 *	   cannot fault.
 *	L3 A chunk ends where a page ends, where the horizon is reached, and where RCX does.
 *	L4 A copy that overlaps upwards repeats a pattern, as bytes moved one by one do.
 *
 * Units:   elements of 1, 2, 4, 8 bytes.
 * Owner:   the CPU.
 * Locking: none; other CPUs may run between iterations when the horizon comes.
 * Errors:  faults of either operand, with the registers at the iteration that faulted.
 * Time:    L1.
 * Source:  Intel SDM vol. 2, REP; vol. 1 7.3.9.3.
 */

#include <string.h>

#include "hw/cpu/handler.h"
#include "hw/cpu/handlers.h"

enum string_op { OP_MOVS, OP_STOS, OP_LODS, OP_CMPS, OP_SCAS };

struct string {
	unsigned size; /* bytes of an element */
	u64 mask;      /* of addresses and RCX */
	u64 step;      /* added to RSI and RDI */
	u64 cost;      /* cycles of an iteration */
	s32 rep;       /* STR_REP, STR_REPNE, 0 */
};

static u64 get_element(const void *p, unsigned size)
{
	u64 v = 0;

	memcpy(&v, p, size);
	return v;
}

static const struct insn *load_element(struct cpu *cpu, const struct insn *i, u64 va, unsigned size,
				       u64 *v)
{
	const void *p = tlb_hit(cpu, i, va, size, TLB_READ);

	if (!p) {
		i = slow_load(cpu, i, va, size);
		p = cpu->exec->buf;
	}
	if (i)
		*v = get_element(p, size);
	return i;
}

static const struct insn *store_element(struct cpu *cpu, const struct insn *i, u64 va,
					unsigned size, u64 v)
{
	void *p = tlb_hit(cpu, i, va, size, TLB_WRITE);

	if (p) {
		memcpy(p, &v, size);
		return i;
	}
	memcpy(cpu->exec->buf, &v, size);
	return slow_store(cpu, i, va, size);
}

static void compare(struct cpu *cpu, u64 a, u64 b, unsigned size)
{
	u32 log2 = (u32)__builtin_ctz(size);
	u64 mask = size == 8 ? ~0ull : (1ull << size * 8) - 1;

	set_cc(cpu, CC_SUB | log2, (a - b) & mask, b);
}

static void advance(struct cpu *cpu, const struct string *s, enum reg r, u64 n)
{
	cpu->r[r] = (cpu->r[r] + s->step * n) & s->mask;
}

/* One element. Registers move only when it is complete. NULL: fault. */
static const struct insn *one(struct cpu *cpu, const struct insn *i, enum string_op op,
			      const struct string *s)
{
	u64 src = (cpu->r[RSI] & s->mask) + cpu->r[i->src], dst = cpu->r[RDI] & s->mask, a = 0,
	    b = 0;

	switch (op) {
	case OP_MOVS:
		i = load_element(cpu, i, src, s->size, &a);
		if (i)
			i = store_element(cpu, i, dst, s->size, a);
		break;
	case OP_STOS:
		i = store_element(cpu, i, dst, s->size, cpu->r[RAX]);
		break;
	case OP_LODS:
		i = load_element(cpu, i, src, s->size, &a);
		if (i && s->size == 4)
			cpu->r[RAX] = a;
		else if (i)
			memcpy(&cpu->r[RAX], &a, s->size);
		break;
	case OP_CMPS:
		i = load_element(cpu, i, src, s->size, &a);
		if (i)
			i = load_element(cpu, i, dst, s->size, &b);
		if (i)
			compare(cpu, a, b, s->size);
		break;
	case OP_SCAS:
		i = load_element(cpu, i, dst, s->size, &b);
		if (i)
			compare(cpu, get_element(&cpu->r[RAX], s->size), b, s->size);
		break;
	}
	if (!i)
		return NULL;
	if (op == OP_MOVS || op == OP_LODS || op == OP_CMPS)
		advance(cpu, s, RSI, 1);
	if (op != OP_LODS)
		advance(cpu, s, RDI, 1);
	return i;
}

static void fill(u8 *p, u64 v, unsigned size, u64 n)
{
	u64 k;

	if (size == 1) {
		memset(p, (int)(u8)v, n);
		return;
	}
	for (k = 0; k < n; k++)
		memcpy(p + k * size, &v, size);
}

static void copy_up(u8 *to, const u8 *from, unsigned size, u64 n)
{
	u64 k;

	if (to <= from || to >= from + n * size) {
		memmove(to, from, n * size);
		return;
	}
	for (k = 0; k < n; k++)
		memmove(to + k * size, from + k * size, size);
}

/*
 * As many elements as one page of each operand, RCX and the horizon allow. 0: the fast way does not
 * apply.
 */
static u64 chunk(struct cpu *cpu, const struct insn *i, enum string_op op, const struct string *s)
{
	u64 src = cpu->r[RSI] + cpu->r[i->src], dst = cpu->r[RDI], n = cpu->r[RCX],
	    now = cpu->now + i->cyc;
	const u8 *from = NULL;
	u8 *to;

	if ((op != OP_MOVS && op != OP_STOS) || s->step != s->size || s->mask != ~0ull ||
	    now >= cpu->horizon)
		return 0;
	if (op == OP_MOVS) {
		from = tlb_hit(cpu, i, src, s->size, TLB_READ);
		if (!from)
			return 0;
		n = min(n, (PAGE_SIZE - (src & (PAGE_SIZE - 1))) / s->size);
	}
	to = tlb_hit(cpu, i, dst, s->size, TLB_WRITE);
	if (!to)
		return 0;
	n = min(n, (PAGE_SIZE - (dst & (PAGE_SIZE - 1))) / s->size);
	n = min(n, DIV_ROUND_UP(cpu->horizon - now, s->cost));
	if (op == OP_MOVS) {
		copy_up(to, from, s->size, n);
		advance(cpu, s, RSI, n);
	} else {
		fill(to, cpu->r[RAX], s->size, n);
	}
	advance(cpu, s, RDI, n);
	return n;
}

/* Iterations until RCX is 0 or the condition ends them. NULL: fault, or the horizon came first. */
static const struct insn *repeat(struct cpu *cpu, const struct insn *i, enum string_op op,
				 const struct string *s)
{
	while (cpu->r[RCX] & s->mask) {
		u64 n = chunk(cpu, i, op, s);

		if (n == 0) {
			i = one(cpu, i, op, s);
			if (!i)
				return NULL;
			n = 1;
		}
		cpu->r[RCX] = (cpu->r[RCX] - n) & s->mask;
		cpu->now += n * s->cost;
		if ((op == OP_CMPS || op == OP_SCAS) && (cpu->cc_dst == 0) != (s->rep == STR_REP))
			break;
		if ((cpu->r[RCX] & s->mask) == 0)
			break;
		if (cpu->now + i->cyc >= cpu->horizon || i == cpu->exec->stub)
			return leave_at(cpu, i);
	}
	sync_begin(cpu, i);
	return sync_end(cpu, i);
}

static __noinline const struct insn *string(struct cpu *cpu, const struct insn *i,
					    enum string_op op)
{
	const u32 *cycles = cpu->m->cost->cycles;
	unsigned size = 1u << (i->imm & 3);
	struct string s = {
		.size = size,
		.mask = i->imm & STR_ADDR32 ? 0xffffffffull : ~0ull,
		.step = cpu->rflags & FLAG_DF ? 0 - (u64)size : size,
		.cost = cycles[COST_INSN_STRING_STEP] ? cycles[COST_INSN_STRING_STEP] :
							cycles[COST_INSN],
		.rep = i->imm & (STR_REP | STR_REPNE),
	};

	return s.rep ? repeat(cpu, i, op, &s) : one(cpu, i, op, &s);
}

#define STRING(name, op)                                                                           \
	HANDLER(name)                                                                              \
	{                                                                                          \
		i = string(cpu, i, op);                                                            \
		if (!i)                                                                            \
			return NULL;                                                               \
		NEXT;                                                                              \
	}

STRING(str_movs, OP_MOVS)
STRING(str_stos, OP_STOS)
STRING(str_lods, OP_LODS)
STRING(str_cmps, OP_CMPS)
STRING(str_scas, OP_SCAS)
