/* SPDX-License-Identifier: MIT */
#ifndef HW_CPU_HANDLER_H
#define HW_CPU_HANDLER_H

/*
 * What the bodies of handlers are written with; insn.h tells how they run. Only the handler files
 * of src/hw/cpu/ include it.
 */

#include "hw/cpu/insn.h"

/* Sibling calls are relied upon only where the compiler is known to make them. */
#if defined(__SANITIZE_ADDRESS__)
#define EXEC_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(undefined_behavior_sanitizer)
#define EXEC_SANITIZED 1
#endif
#endif
#if defined(__GNUC__) && defined(__OPTIMIZE__) && !defined(EXEC_SANITIZED) && defined(__x86_64__)
#define GOTO_INSN(next)                                                                            \
	do {                                                                                       \
		const struct insn *_next = (next);                                                 \
		return _next->fn(cpu, _next);                                                      \
	} while (0)
#else
#define GOTO_INSN(next)                                                                            \
	do {                                                                                       \
		(void)cpu;                                                                         \
		return (next);                                                                     \
	} while (0)
#endif
#define NEXT GOTO_INSN(i + 1)

/* Guest memory through host pointers: any alignment, any type. */
typedef u8 __attribute__((may_alias)) mem_u8;
typedef u16 __attribute__((may_alias, aligned(1))) mem_u16;
typedef u32 __attribute__((may_alias, aligned(1))) mem_u32;
typedef u64 __attribute__((may_alias, aligned(1))) mem_u64;
struct mem128 {
	u64 lo, hi;
} __attribute__((may_alias, packed));
typedef struct mem128 mem_u128;
typedef u8 reg_u8 __attribute__((may_alias));
typedef u16 reg_u16 __attribute__((may_alias));

#define EA (cpu->r[i->base] + (cpu->r[i->index] << i->scale) + (u64)i->disp)

static force_inline u8 get8(const struct cpu *cpu, u8 n)
{
	return ((const reg_u8 *)cpu->r)[n];
}
static force_inline u16 get16(const struct cpu *cpu, u8 n)
{
	return (u16)cpu->r[n];
}
static force_inline u32 get32(const struct cpu *cpu, u8 n)
{
	return (u32)cpu->r[n];
}
static force_inline u64 get64(const struct cpu *cpu, u8 n)
{
	return cpu->r[n];
}
static force_inline void set8(struct cpu *cpu, u8 n, u8 v)
{
	((reg_u8 *)cpu->r)[n] = v;
}
static force_inline void set16(struct cpu *cpu, u8 n, u16 v)
{
	*(reg_u16 *)&cpu->r[n] = v;
}
static force_inline void set32(struct cpu *cpu, u8 n, u32 v)
{
	cpu->r[n] = v;
}
static force_inline void set64(struct cpu *cpu, u8 n, u64 v)
{
	cpu->r[n] = v;
}

static force_inline void set_cc(struct cpu *cpu, u32 op, u64 dst, u64 src)
{
	cpu->cc_op = op;
	cpu->cc_dst = dst;
	cpu->cc_src = src;
}

/* The one-compare hit of hw/tlb.h. NULL: the slow way. */
static force_inline void *tlb_hit(struct cpu *cpu, const struct insn *i, u64 va, unsigned n,
				  enum tlb_access a)
{
	const struct tlb_slot *s = &cpu->tlb.slot[a][tlb_slot_index(va)];

	if (likely(s->tag == (((va + n - 1) & PAGE_MASK) | cpu->tlb.ctx))) {
		void *p = (void *)(uintptr_t)(va + s->addend);

		*s->stamp = cpu->icount + i->idx;
		if (!p)
			__builtin_unreachable();
		return p;
	}
	return NULL;
}

#define HANDLER(name) const struct insn *name(struct cpu *cpu, const struct insn *i)

#define MEM_HANDLER(name) MEM_HANDLER_AS(, name)
#define STATIC_MEM_HANDLER(name) MEM_HANDLER_AS(static, name)
#define MEM_HANDLER_AS(linkage, name)                                                              \
	static force_inline const struct insn *name##_body(struct cpu *cpu, const struct insn *i,  \
							   insn_fn *const cold);                   \
	static __cold __noinline const struct insn *name##_cold(struct cpu *cpu,                   \
								const struct insn *i)              \
	{                                                                                          \
		return name##_body(cpu, i, NULL);                                                  \
	}                                                                                          \
	linkage const struct insn *name(struct cpu *cpu, const struct insn *i)                     \
	{                                                                                          \
		return name##_body(cpu, i, name##_cold);                                           \
	}                                                                                          \
	static force_inline const struct insn *name##_body(struct cpu *cpu, const struct insn *i,  \
							   insn_fn *const cold)

/* var = the T at va. The instruction must not have changed anything yet. */
#define LOAD_BY(slow, T, var, va)                                                                  \
	do {                                                                                       \
		const u64 _va = (va);                                                              \
		const mem_##T *_p = tlb_hit(cpu, i, _va, sizeof(T), TLB_READ);                     \
                                                                                                   \
		if (likely(_p != NULL)) {                                                          \
			(var) = *_p;                                                               \
		} else if (cold) {                                                                 \
			return cold(cpu, i);                                                       \
		} else {                                                                           \
			i = slow(cpu, i, _va, sizeof(T));                                          \
			if (!i)                                                                    \
				return NULL;                                                       \
			(var) = *(const mem_##T *)cpu->exec->buf;                                  \
		}                                                                                  \
	} while (0)
#define LOAD(T, var, va) LOAD_BY(slow_load, T, var, va)
#define LOAD_STACK(T, var, va) LOAD_BY(slow_load_stack, T, var, va)

/* Store v as a T at va. What the instruction changes besides comes after it. */
#define STORE_BY(slow, T, va, v)                                                                   \
	do {                                                                                       \
		const u64 _va = (va);                                                              \
		mem_##T *_p = tlb_hit(cpu, i, _va, sizeof(T), TLB_WRITE);                          \
                                                                                                   \
		if (likely(_p != NULL)) {                                                          \
			*_p = (v);                                                                 \
		} else if (cold) {                                                                 \
			return cold(cpu, i);                                                       \
		} else {                                                                           \
			*(mem_##T *)cpu->exec->buf = (v);                                          \
			i = slow(cpu, i, _va, sizeof(T));                                          \
			if (!i)                                                                    \
				return NULL;                                                       \
		}                                                                                  \
	} while (0)
#define STORE(T, va, v) STORE_BY(slow_store, T, va, v)
#define STORE_STACK(T, va, v) STORE_BY(slow_store_stack, T, va, v)

/* T *p at va, readable and writable; after the change, RMW_END. */
#define RMW_BEGIN(T, p, va)                                                                        \
	const u64 p##_va = (va);                                                                   \
	mem_##T *p = tlb_hit(cpu, i, p##_va, sizeof(T), TLB_WRITE);                                \
                                                                                                   \
	if (unlikely(p == NULL)) {                                                                 \
		if (cold)                                                                          \
			return cold(cpu, i);                                                       \
		i = slow_rmw(cpu, i, p##_va, sizeof(T));                                           \
		if (!i)                                                                            \
			return NULL;                                                               \
		p = (mem_##T *)cpu->exec->rmw;                                                     \
	}
#define RMW_END                                                                                    \
	do {                                                                                       \
		if (!cold)                                                                         \
			i = slow_rmw_done(cpu, i);                                                 \
	} while (0)

/* --- ends of blocks --- */

/* Does the fetch at va hit the exec index and lead where the block behind it was decoded from? */
static force_inline bool fetch_hits(struct cpu *cpu, u64 va, u64 addend)
{
	const struct tlb_slot *s = &cpu->tlb.slot[TLB_EXEC][tlb_slot_index(va)];

	if (s->tag != ((va & PAGE_MASK) | cpu->tlb.ctx) || s->addend != addend)
		return false;
	*s->stamp = cpu->icount + 1;
	return true;
}

/* Block b is done: account for it and go on at link `way`. */
#define CHAIN(b, way)                                                                              \
	do {                                                                                       \
		struct exec_block *_b = (b);                                                       \
		struct exec_link *_l = &_b->link[way];                                             \
		u64 _now = cpu->now + _b->cycles;                                                  \
                                                                                                   \
		cpu->icount += _b->ninsns;                                                         \
		cpu->now = _now;                                                                   \
		if (likely(_now + _l->to->limit <= cpu->horizon))                                  \
			GOTO_INSN(_l->entry);                                                      \
		return chain_miss(cpu, _b, way);                                                   \
	} while (0)

/* Block b is done: account for it and go on at rip, which j, its slot in the jump table, names. */
#define JUMP_SLOT(rip) (&cpu->exec->jump[((rip) ^ ((rip) >> 10)) & (JUMP_SLOTS - 1)])
#define CHAIN_JUMP(b, j)                                                                           \
	do {                                                                                       \
		const struct exec_block *_b = (b);                                                 \
		struct exec_block *_to = (j)->to;                                                  \
		u64 _now = cpu->now + _b->cycles;                                                  \
                                                                                                   \
		cpu->icount += _b->ninsns;                                                         \
		cpu->now = _now;                                                                   \
		if (likely(_now + _to->limit <= cpu->horizon)) {                                   \
			if (likely(_to->cross.fn == cross_entry &&                                 \
				   fetch_hits(cpu, _to->cross.rip, _to->cross.addend)))            \
				GOTO_INSN(_to->insn);                                              \
			GOTO_INSN(&_to->cross.insn);                                               \
		}                                                                                  \
		cpu->rip = _to->rip;                                                               \
		return NULL;                                                                       \
	} while (0)

#endif
