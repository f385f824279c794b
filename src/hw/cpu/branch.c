/* SPDX-License-Identifier: MIT */
/*
 * Branches, and what depends on conditions: Jcc, SETcc, CMOVcc, CMP and TEST fused with the Jcc
 * behind them, JMP, CALL, RET, LOOP.
 *
 * A branch ends its block: it accounts for the block's instructions and cycles and goes on at the
 * block's link, if the next block still ends by the horizon, without returning to exec_run.
 * Indirect branches find the next block in a small table by RIP. The decoder sets link[0] to where
 * a Jcc goes when its even condition holds (O, B, E, BE, S, P, L, LE) and link[1] to the other way;
 * for the odd ones it exchanges the two.
 *
 *	0x401000 block A  cmp; jne 0x401080        link[0] = 0x401080? no: jne is "not E", so
 *	                                           link[1] = 0x401080 (E false), link[0] = 0x401008
 *	page changes: link[].entry = &target->cross.insn, which compares one exec tag and the frame
 *
 *	J1 A link within a page needs no translation: the block that follows it was entered through
 *	   one, nothing dropped it since (slow accesses check, system instructions leave), and the
 *	   target was decoded from the same frame under the same mode.
 *	J2 A link into another page, and every indirect branch, passes cross_entry: the fetch must
 *	   hit the exec index and lead to the frame the block was decoded from. Otherwise exec_run
 *	   looks the target up.
 *	J3 A branch to a non-canonical address faults at the branch, with nothing changed.
 *
 * Conditions are computed from the lazy flags' own fields where the decoder knows what set them;
 * the general question is flags_cond.
 *
 * Units:   cycles and instructions of whole blocks.
 * Owner:   links and the jump table belong to the block cache and the CPU.
 * Locking: none.
 * Errors:  #GP(0) for non-canonical targets, faults of stack accesses.
 * Time:    COST_INSN each.
 * Source:  Intel SDM vol. 2.
 */

#include "hw/cpu/handler.h"
#include "hw/cpu/handlers.h"

#define FIRST(B) ((u##B)(cpu->cc_dst + cpu->cc_src))
#define SECOND(B) ((u##B)cpu->cc_src)
#define RESULT(B) ((s##B)cpu->cc_dst)

/* X(name, expression) in the order of enum pred. */
#define PREDICATES(X)                                                                              \
	X(z, cpu->cc_dst == 0)                                                                     \
	X(s8, RESULT(8) < 0)                                                                       \
	X(s16, RESULT(16) < 0)                                                                     \
	X(s32, RESULT(32) < 0)                                                                     \
	X(s64, RESULT(64) < 0)                                                                     \
	X(b8, FIRST(8) < SECOND(8))                                                                \
	X(b16, FIRST(16) < SECOND(16))                                                             \
	X(b32, FIRST(32) < SECOND(32))                                                             \
	X(b64, FIRST(64) < SECOND(64))                                                             \
	X(be8, FIRST(8) <= SECOND(8))                                                              \
	X(be16, FIRST(16) <= SECOND(16))                                                           \
	X(be32, FIRST(32) <= SECOND(32))                                                           \
	X(be64, FIRST(64) <= SECOND(64))                                                           \
	X(l8, (s8)FIRST(8) < (s8)SECOND(8))                                                        \
	X(l16, (s16)FIRST(16) < (s16)SECOND(16))                                                   \
	X(l32, (s32)FIRST(32) < (s32)SECOND(32))                                                   \
	X(l64, (s64)FIRST(64) < (s64)SECOND(64))                                                   \
	X(le8, (s8)FIRST(8) <= (s8)SECOND(8))                                                      \
	X(le16, (s16)FIRST(16) <= (s16)SECOND(16))                                                 \
	X(le32, (s32)FIRST(32) <= (s32)SECOND(32))                                                 \
	X(le64, (s64)FIRST(64) <= (s64)SECOND(64))                                                 \
	X(lle8, RESULT(8) <= 0)                                                                    \
	X(lle16, RESULT(16) <= 0)                                                                  \
	X(lle32, RESULT(32) <= 0)                                                                  \
	X(lle64, RESULT(64) <= 0)                                                                  \
	X(gen_o, flags_cond(cpu, COND_O))                                                          \
	X(gen_b, flags_cond(cpu, COND_B))                                                          \
	X(gen_e, flags_cond(cpu, COND_E))                                                          \
	X(gen_be, flags_cond(cpu, COND_BE))                                                        \
	X(gen_s, flags_cond(cpu, COND_S))                                                          \
	X(gen_p, flags_cond(cpu, COND_P))                                                          \
	X(gen_l, flags_cond(cpu, COND_L))                                                          \
	X(gen_le, flags_cond(cpu, COND_LE))

#define CONDITIONALS(name, expression)                                                             \
	static HANDLER(jcc_##name)                                                                 \
	{                                                                                          \
		if (expression)                                                                    \
			CHAIN(i->block, 0);                                                        \
		CHAIN(i->block, 1);                                                                \
	}                                                                                          \
	static HANDLER(setcc_##name)                                                               \
	{                                                                                          \
		set8(cpu, i->dst, (u8)((expression) ^ (i->imm & 1)));                              \
		NEXT;                                                                              \
	}                                                                                          \
	static HANDLER(cmov32_##name)                                                              \
	{                                                                                          \
		u32 a = get32(cpu, i->dst), b = get32(cpu, i->src);                                \
                                                                                                   \
		set32(cpu, i->dst, (expression) != (i->imm & 1) ? b : a);                          \
		NEXT;                                                                              \
	}                                                                                          \
	static HANDLER(cmov64_##name)                                                              \
	{                                                                                          \
		u64 a = cpu->r[i->dst], b = cpu->r[i->src];                                        \
                                                                                                   \
		cpu->r[i->dst] = (expression) != (i->imm & 1) ? b : a;                             \
		NEXT;                                                                              \
	}
PREDICATES(CONDITIONALS)

#define JCC_ENTRY(name, expression) jcc_##name,
#define SETCC_ENTRY(name, expression) setcc_##name,
#define CMOV32_ENTRY(name, expression) cmov32_##name,
#define CMOV64_ENTRY(name, expression) cmov64_##name,
insn_fn *const jcc_fn[NR_PREDS] = { PREDICATES(JCC_ENTRY) };
insn_fn *const setcc_fn[NR_PREDS] = { PREDICATES(SETCC_ENTRY) };
insn_fn *const cmov32_fn[NR_PREDS] = { PREDICATES(CMOV32_ENTRY) };
insn_fn *const cmov64_fn[NR_PREDS] = { PREDICATES(CMOV64_ENTRY) };

MEM_HANDLER(setcc_mem)
{
	u8 v = flags_cond(cpu, (enum cond)i->imm);

	STORE(u8, EA, v);
	NEXT;
}

HANDLER(cmov_rr16)
{
	if (flags_cond(cpu, (enum cond)i->imm))
		set16(cpu, i->dst, get16(cpu, i->src));
	NEXT;
}

/* The memory form reads whether or not the condition holds. */
#define CMOV_MEM(B)                                                                                \
	MEM_HANDLER(cmov_rm##B)                                                                    \
	{                                                                                          \
		u##B v;                                                                            \
                                                                                                   \
		LOAD(u##B, v, EA);                                                                 \
		if (!flags_cond(cpu, (enum cond)i->imm))                                           \
			v = get##B(cpu, i->dst);                                                   \
		set##B(cpu, i->dst, v);                                                            \
		NEXT;                                                                              \
	}
CMOV_MEM(16)
CMOV_MEM(32)
CMOV_MEM(64)

/*
 * --- CMP and TEST with the Jcc behind them. i[1] is the Jcc. A miss of a memory form does the CMP
 * or TEST alone. ---
 */

#define FUSED_BRANCH(taken)                                                                        \
	do {                                                                                       \
		if (taken)                                                                         \
			CHAIN(i[1].block, 0);                                                      \
		CHAIN(i[1].block, 1);                                                              \
	} while (0)

#define CMP_CC(B) set_cc(cpu, CC_SUB | CC_##B, (u##B)(a - b), b)
#define TEST_CC(B)                                                                                 \
	do {                                                                                       \
		cpu->cc_op = CC_LOGIC | CC_##B;                                                    \
		cpu->cc_dst = (u##B)(a & b);                                                       \
	} while (0)

#define OPERANDS_rr(B, op) u##B a = get##B(cpu, i->dst), b = get##B(cpu, i->src);
#define OPERANDS_ri(B, op) u##B a = get##B(cpu, i->dst), b = (u##B)(s64)i->imm;
#define FUSED_LOAD(B, op, form)                                                                    \
	const mem_u##B *p = tlb_hit(cpu, i, EA, sizeof(u##B), TLB_READ);                           \
                                                                                                   \
	if (unlikely(!p))                                                                          \
		return alu_fn[op][form][CC_##B](cpu, i);
#define OPERANDS_rm(B, op)                                                                         \
	u##B a, b;                                                                                 \
	FUSED_LOAD(B, op, F_RM)                                                                    \
	a = get##B(cpu, i->dst);                                                                   \
	b = *p;
#define OPERANDS_mr(B, op)                                                                         \
	u##B a, b;                                                                                 \
	FUSED_LOAD(B, op, F_MR)                                                                    \
	a = *p;                                                                                    \
	b = get##B(cpu, i->src);
#define OPERANDS_mi(B, op)                                                                         \
	u##B a, b;                                                                                 \
	FUSED_LOAD(B, op, F_MI)                                                                    \
	a = *p;                                                                                    \
	b = (u##B)(s64)i->imm;

#define FUSED(op, OP, CC, form, B, cond, expression)                                               \
	static HANDLER(op##_##form##B##_##cond)                                                    \
	{                                                                                          \
		OPERANDS_##form(B, OP) CC(B);                                                      \
		FUSED_BRANCH(expression);                                                          \
	}
#define FUSED_CMP(form, B)                                                                         \
	FUSED(cmp, ALU_CMP, CMP_CC, form, B, b, a < b)                                             \
	FUSED(cmp, ALU_CMP, CMP_CC, form, B, e, a == b)                                            \
	FUSED(cmp, ALU_CMP, CMP_CC, form, B, be, a <= b)                                           \
	FUSED(cmp, ALU_CMP, CMP_CC, form, B, s, (s##B)(u##B)(a - b) < 0)                           \
	FUSED(cmp, ALU_CMP, CMP_CC, form, B, l, (s##B)a < (s##B)b)                                 \
	FUSED(cmp, ALU_CMP, CMP_CC, form, B, le, (s##B)a <= (s##B)b)
#define FUSED_TEST(form, B)                                                                        \
	FUSED(test, ALU_TEST, TEST_CC, form, B, e, (a & b) == 0)                                   \
	FUSED(test, ALU_TEST, TEST_CC, form, B, s, (s##B)(a & b) < 0)                              \
	FUSED(test, ALU_TEST, TEST_CC, form, B, le, (s##B)(a & b) <= 0)
#define FUSED_SIZES(forms, form) forms(form, 8) forms(form, 16) forms(form, 32) forms(form, 64)

/* clang-format off */
FUSED_SIZES(FUSED_CMP, rr)
FUSED_SIZES(FUSED_CMP, ri)
FUSED_SIZES(FUSED_CMP, rm)
FUSED_SIZES(FUSED_CMP, mr)
FUSED_SIZES(FUSED_CMP, mi)
FUSED_SIZES(FUSED_TEST, rr)
FUSED_SIZES(FUSED_TEST, ri)
FUSED_SIZES(FUSED_TEST, mr)
FUSED_SIZES(FUSED_TEST, mi)

#define CMP_ROW(form, B) \
	{ NULL, cmp_##form##B##_b, cmp_##form##B##_e, cmp_##form##B##_be, cmp_##form##B##_s, NULL, \
	  cmp_##form##B##_l, cmp_##form##B##_le }
#define TEST_ROW(form, B) \
	{ NULL, NULL, test_##form##B##_e, NULL, test_##form##B##_s, NULL, \
	  test_##form##B##_s, test_##form##B##_le }
#define FUSED_ROWS(row, form) { row(form, 8), row(form, 16), row(form, 32), row(form, 64) }
insn_fn *const fused_fn[2][NR_FORMS][4][8] = {
	{ FUSED_ROWS(CMP_ROW, rr), FUSED_ROWS(CMP_ROW, ri), FUSED_ROWS(CMP_ROW, rm),
	  FUSED_ROWS(CMP_ROW, mr), FUSED_ROWS(CMP_ROW, mi) },
	{ FUSED_ROWS(TEST_ROW, rr), FUSED_ROWS(TEST_ROW, ri), { { NULL } },
	  FUSED_ROWS(TEST_ROW, mr), FUSED_ROWS(TEST_ROW, mi) },
};
/* clang-format on */

/* --- direct --- */

HANDLER(jmp_rel)
{
	CHAIN(i->block, 0);
}

/* The end of a block that no branch ended. */
HANDLER(fall_through)
{
	CHAIN(i->block, 0);
}

/* In the cold copy of a branch the slow access may have demanded a stop. */
#define STOPPED (!cold && i == cpu->exec->stub)

MEM_HANDLER(call_rel)
{
	u64 sp = cpu->r[RSP] - 8;

	STORE_STACK(u64, sp, i->block->way[1]);
	cpu->r[RSP] = sp;
	if (STOPPED)
		return leave_to(cpu, i, i->block->way[0]);
	CHAIN(i->block, 0);
}

#define COUNT_BRANCH(IF_TAKEN)                                                                     \
	if (IF_TAKEN)                                                                              \
		CHAIN(i->block, 0);                                                                \
	CHAIN(i->block, 1);

HANDLER(jrcxz){ COUNT_BRANCH(cpu->r[RCX] == 0) }

HANDLER(jecxz)
{
	COUNT_BRANCH((u32)cpu->r[RCX] == 0)
}

static bool loop_condition(const struct cpu *cpu, s32 kind)
{
	return kind == 0 || flags_cond(cpu, COND_E) == (kind == 1);
}

HANDLER(loop_rcx)
{
	cpu->r[RCX]--;
	COUNT_BRANCH(cpu->r[RCX] != 0 && loop_condition(cpu, i->imm))
}

HANDLER(loop_ecx)
{
	cpu->r[RCX] = (u32)(cpu->r[RCX] - 1);
	COUNT_BRANCH(cpu->r[RCX] != 0 && loop_condition(cpu, i->imm))
}

/* --- indirect --- */

static const struct insn *bad_target(struct cpu *cpu, const struct insn *i)
{
	return raise_gp(cpu, i);
}

/* The jump table does not know rip, or the access stopped us: leave for exec_run. */
static __noinline const struct insn *indirect_miss(struct cpu *cpu, const struct insn *i, u64 rip)
{
	cpu->exec->jump_miss = true;
	return leave_to(cpu, i, rip);
}

HANDLER(jmp_reg)
{
	u64 rip = cpu->r[i->src];
	const struct jump_slot *j = JUMP_SLOT(rip);

	if (likely(j->key == (rip ^ cpu->exec->mode_key)))
		CHAIN_JUMP(i->block, j);
	if (!is_canonical(rip))
		return bad_target(cpu, i);
	return indirect_miss(cpu, i, rip);
}

/* disp is the address here; the block is found by position. */
#define OWN_BLOCK ((struct exec_block *)((char *)(i - i->pos) - offsetof(struct exec_block, insn)))

MEM_HANDLER(jmp_mem)
{
	const struct jump_slot *j;
	u64 rip;

	LOAD(u64, rip, EA);
	j = JUMP_SLOT(rip);
	if (cold && likely(j->key == (rip ^ cpu->exec->mode_key)))
		CHAIN_JUMP(OWN_BLOCK, j);
	if (!is_canonical(rip))
		return bad_target(cpu, i);
	return indirect_miss(cpu, i, rip);
}

MEM_HANDLER(call_reg)
{
	u64 rip = cpu->r[i->src], sp = cpu->r[RSP] - 8;
	const struct jump_slot *j = JUMP_SLOT(rip);

	if (unlikely(j->key != (rip ^ cpu->exec->mode_key)) && !is_canonical(rip))
		return bad_target(cpu, i);
	STORE_STACK(u64, sp, i->block->way[1]);
	cpu->r[RSP] = sp;
	if (cold && likely(j->key == (rip ^ cpu->exec->mode_key)))
		CHAIN_JUMP(i->block, j);
	return indirect_miss(cpu, i, rip);
}

MEM_HANDLER(call_mem)
{
	u64 rip, sp = cpu->r[RSP] - 8;
	const struct jump_slot *j;

	LOAD(u64, rip, EA);
	j = JUMP_SLOT(rip);
	if (unlikely(j->key != (rip ^ cpu->exec->mode_key)) && !is_canonical(rip))
		return bad_target(cpu, i);
	STORE_STACK(u64, sp, block_of(cpu, i)->way[1]);
	cpu->r[RSP] = sp;
	if (cold && likely(j->key == (rip ^ cpu->exec->mode_key)))
		CHAIN_JUMP(OWN_BLOCK, j);
	return indirect_miss(cpu, i, rip);
}

/* imm: bytes of arguments to drop. */
MEM_HANDLER(ret_near)
{
	const struct jump_slot *j;
	u64 rip;

	LOAD_STACK(u64, rip, cpu->r[RSP]);
	j = JUMP_SLOT(rip);
	if (cold && likely(j->key == (rip ^ cpu->exec->mode_key))) {
		cpu->r[RSP] += 8 + (u64)i->imm;
		CHAIN_JUMP(i->block, j);
	}
	if (!is_canonical(rip))
		return bad_target(cpu, i);
	cpu->r[RSP] += 8 + (u64)i->imm;
	return indirect_miss(cpu, i, rip);
}

/* --- entry of a block from another page --- */

HANDLER(cross_entry)
{
	const union exec_cross *c = (const union exec_cross *)i;

	if (likely(fetch_hits(cpu, c->rip, c->addend)))
		GOTO_INSN(container_of(c, struct exec_block, cross)->insn);
	cpu->rip = c->rip;
	return NULL;
}

HANDLER(cross_entry2)
{
	const union exec_cross *c = (const union exec_cross *)i;

	if (likely(fetch_hits(cpu, c->rip, c->addend) &&
		   fetch_hits(cpu, (c->rip & PAGE_MASK) + PAGE_SIZE, c->addend2)))
		GOTO_INSN(container_of(c, struct exec_block, cross)->insn);
	cpu->rip = c->rip;
	return NULL;
}
