/* SPDX-License-Identifier: MIT */
/*
 * The C stacks of one machine: handing them out, checking them, switching between them.
 *
 * Called by the engine (its own stack, the call stack), by the scheduler (one stack a task) and by
 * whoever checks canaries. Calls the host's context switch and the arena. Knows nothing of tasks:
 * stack->task is a word it carries.
 *
 * The region is one carve of max_stacks * 256 KiB at a 256 KiB boundary; stack i lies at region + i
 * * 256 KiB:
 *
 *	0x7f3a40000000 | header | guard | canary 64 B | C frames, 253888 bytes | 0: the engine's
 *	0x7f3a40040000 | header | guard | canary 64 B | C frames, 253888 bytes | 1: machine_call's
 *
 *	S1 a stack is running on the CPU it names, parked with a valid ctx, or on the free list;
 *	   never two of them;
 *	S2 stack->cpu == NULL exactly while no CPU runs it or is parked on it by the engine;
 *	S3 the canary words are STACK_CANARY from stack_alloc to stack_free;
 *	S4 pages of stacks never handed out are never touched: creating a machine costs nothing for
 *	   them.
 *
 * Guard pages stop at STACKS_GUARDED because each splits a host mapping in two and a Linux host
 * allows about 65,000 of them in a process; stacks beyond have only the canary, which finds an
 * overflow after the fact, at the next switch.
 *
 * Units: bytes. Owner: the machine's arena; a stack belongs to whoever allocated it until
 * stack_free.
 * Locking: none; one machine is run by one host thread. Errors: NULL when the region is used up; a
 * dead canary is a panic.
 * Time: no virtual time; alloc, free and switch are O(1), the first use of a guarded stack costs
 * one host call.
 * Source: the mask-the-stack-pointer idea is Linux's current_thread_info() of 2.6 to 4.8,
 * include/asm/thread_info.h.
 */
#include "hw/stack.h"

#include "hw/cpu.h"
#include "hw/machine.h"
#include "lib/errno.h"

static u8 *stack_low(struct stack *s)
{
	return (u8 *)s + STACK_HEADER_BYTES + STACK_GUARD_BYTES;
}

static void stack_arm(struct stack *s, void (*fn)(void *arg), void *arg)
{
	u64 *canary = (u64 *)stack_low(s);

	for (unsigned i = 0; i < STACK_CANARY_BYTES / sizeof(u64); i++)
		canary[i] = STACK_CANARY;
	ctx_init(&s->ctx, stack_low(s) + STACK_CANARY_BYTES,
		 STACK_SIZE - STACK_HEADER_BYTES - STACK_GUARD_BYTES - STACK_CANARY_BYTES, fn, arg);
}

static bool stack_canary_ok(struct stack *s)
{
	const u64 *canary = (const u64 *)stack_low(s);
	u64 diff = s->magic ^ STACK_MAGIC;

	for (unsigned i = 0; i < STACK_CANARY_BYTES / sizeof(u64); i++)
		diff |= canary[i] ^ STACK_CANARY;
	return diff == 0;
}

int stack_init(struct machine *m)
{
	m->nr_stacks = m->cfg.max_stacks;
	m->stack_region = arena_carve(&m->arena, (u64)m->nr_stacks * STACK_SIZE, STACK_SIZE);
	return m->stack_region ? 0 : -ENOMEM;
}

struct stack *stack_alloc(struct machine *m, void (*fn)(void *arg), void *arg)
{
	struct stack *s = m->stack_free_list;

	if (s) {
		m->stack_free_list = s->next_free;
	} else {
		if (m->stacks_used == m->nr_stacks)
			return NULL;
		s = (struct stack *)(m->stack_region + (u64)m->stacks_used * STACK_SIZE);
		s->id = m->stacks_used++;
		/* A host that refuses the guard leaves the canary: weaker, not wrong. */
		if (s->id < STACKS_GUARDED)
			(void)arena_guard((u8 *)s + STACK_HEADER_BYTES, STACK_GUARD_BYTES);
	}
	s->magic = STACK_MAGIC;
	s->m = m;
	s->cpu = NULL;
	s->task = NULL;
	s->next_free = NULL;
	stack_arm(s, fn, arg);
	return s;
}

void stack_free(struct machine *m, struct stack *s)
{
	if (!stack_canary_ok(s))
		machine_panic(m, "stack %u overflowed: canary gone when freed", s->id);
	ctx_fini(&s->ctx);
	s->magic = 0;
	s->cpu = NULL;
	s->task = NULL;
	s->next_free = m->stack_free_list;
	m->stack_free_list = s;
}

void stack_reset(struct stack *s, void (*fn)(void *arg), void *arg)
{
	ctx_fini(&s->ctx);
	stack_arm(s, fn, arg);
}

void stack_check(void)
{
	struct stack *s = stack_here();

	if (unlikely(!stack_canary_ok(s)))
		machine_panic(s->m, "stack %u overflowed: canary gone", s->id);
}

void stack_switch(struct cpu *cpu, struct stack *prev, struct stack *next)
{
	BUG_ON(prev != stack_here() || cpu->stack != prev || next->cpu ||
	       next->magic != STACK_MAGIC);
	stack_check();
	prev->cpu = NULL;
	next->cpu = cpu;
	cpu->stack = next;
	ctx_switch(&prev->ctx, &next->ctx);
}
