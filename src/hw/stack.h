/* SPDX-License-Identifier: MIT */
#ifndef HW_STACK_H
#define HW_STACK_H

/*
 * The C stacks machine code runs on. Each is STACK_SIZE bytes at a STACK_SIZE boundary in the
 * arena, outside RAM:
 *
 *	base            + 4 KiB         + 8 KiB                              + STACK_SIZE
 *	| struct stack  | guard page    | C frames, growing down  <--------- |
 *
 * so the stack a function runs on, and through it the machine, the CPU and the task, is a mask of
 * the stack-pointer register: no globals, no thread-locals. A stack belongs to at most one CPU at a
 * time; stack->cpu is NULL while the task on it is not running.
 *
 * Only code that runs on such a stack may call stack_here(), this_cpu() or current. Embedder calls
 * enter through machine_call().
 */

#include "host/context.h"
#include "lib/types.h"

#define STACK_SIZE (256u * 1024)
#define STACK_HEADER_BYTES 4096u
#define STACK_GUARD_BYTES 4096u
/* Just above the guard: filled with STACK_CANARY, checked at gates and switches. */
#define STACK_CANARY_BYTES 64u
#define STACK_CANARY 0x6f73696d434e5259ull
/* A guard page splits a host mapping and hosts limit those: later stacks rely on the canary. */
#define STACKS_GUARDED 4096u
#define STACK_MAGIC 0x6f73696d5354414bull /* "osimSTAK" */

struct machine;
struct cpu;

struct stack {
	u64 magic;	   /* [I] */
	struct machine *m; /* [I] */
	struct cpu *cpu;   /* the CPU running it, NULL when none; written by the switch */
	void *task;	   /* the kernel's task_struct; the hardware floor never follows it */
	struct ctx ctx;	   /* valid while parked */
	struct stack *next_free;
	u32 id; /* index in the machine's stack region */
};

/*
 * The stack under the caller's feet: a mask of the stack-pointer register. Same answer anywhere in
 * one function.
 */
static inline struct stack *stack_here(void)
{
#if defined(__x86_64__)
	uintptr_t sp;
	__asm__("mov %%rsp, %0" : "=r"(sp));
#else
	uintptr_t sp = (uintptr_t)__builtin_frame_address(0);
#endif
	return (struct stack *)(sp & ~((uintptr_t)STACK_SIZE - 1));
}

/*
 * The CPU executing the caller. Re-read it after anything that charges time, takes an interrupt or
 * blocks.
 */
static inline struct cpu *this_cpu(void)
{
	return stack_here()->cpu;
}
static inline struct machine *this_machine(void)
{
	return stack_here()->m;
}

/*
 * A stack that will call fn(arg) when first switched to; fn never returns. NULL when the machine's
 * stack region is used up (config max_stacks). The canary above the guard is set; stack_check()
 * panics the machine when it is gone.
 */
struct stack *stack_alloc(struct machine *m, void (*fn)(void *arg), void *arg);
/*
 * Give a parked stack back; never the one running. Its bytes are indeterminate at the next use, as
 * on any C stack.
 */
void stack_free(struct machine *m, struct stack *s);
/* Re-arm a parked stack to call fn(arg) afresh (exec of native tasks, reuse). */
void stack_reset(struct stack *s, void (*fn)(void *arg), void *arg);
/* First carving of a machine's stack region. 0 or -ENOMEM. */
int stack_init(struct machine *m);
/* Panic the machine if the canary of the running stack was overwritten. O(1). */
void stack_check(void);

/*
 * The register swap of a context switch: the running stack `prev` on cpu is parked and `next` runs
 * on the same cpu. Returns on prev when something switches back to it, possibly on another CPU:
 * re-read this_cpu().
 */
void stack_switch(struct cpu *cpu, struct stack *prev, struct stack *next);

#endif
