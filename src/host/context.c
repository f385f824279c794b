/* SPDX-License-Identifier: MIT */
/*
 * host/context.c: making, entering and leaving C stacks.
 *
 * Called by the engine (hw/stack, hw/engine), once per simulated context switch. Calls the register
 * swap in context_x86_64.S, or ucontext(3) where there is none. It must not know tasks, CPUs or who
 * runs next.
 *
 * A fresh context on a 64 KiB stack at 0x7f0000010000, assembly:
 *
 *	0x7f0000020000  end
 *	0x7f000001fff0  0                         rsp when ctx_entry calls fn: a multiple of 16, as the ABI wants
 *	0x7f000001ffe8  ctx_entry                 the first switch jumps here
 *	0x7f000001ffe0  rbp = 0                   frame-pointer walks end
 *	0x7f000001ffd8  rbx = ctx_first
 *	0x7f000001ffd0  r12 = c
 *	   ...          r13, r14, r15 = 0
 *	0x7f000001ffb0  control words             <- c->sp
 *
 * Portable: a ucontext_t lies at the end of a fresh stack; later ones lie in ctx_switch's frame on
 * the stack that is left, so a context that waits keeps its registers on its own stack in both
 * forms.
 *
 * Invariants:
 *	C4  While a context waits, sp (portable) is valid and nobody else writes its stack.
 *	C5  to->left_by == from on arrival: that is how the arriving side knows whose bounds
 *	    AddressSanitizer reports, and so learns the embedder's stack, which nobody registered.
 *	    It is refreshed every time, so that the embedder may come back on another thread's
 *	    stack.
 *	C6  fn never returns; if it does, the process stops here (there is no stack to return to).
 *
 * Units: bytes. Owner: the caller owns struct and stack. Locking: a context runs on one thread at a
 * time; between switches it may move to another. Errors: none. Time: none of the machine's. Source:
 * System V AMD64 ABI 3.2; makecontext(3);
 * sanitizer/common_interface_defs.h; valgrind manual 3.1, "client requests".
 */

#include "host/context.h"
#include "host/sanitizer.h"
#include "lib/compiler.h"
#include "lib/string.h"

#if !defined(__x86_64__) && !defined(OSIM_PORTABLE_CONTEXT)
#define OSIM_PORTABLE_CONTEXT 1
#endif

#if HOST_ASAN
#define NO_ASAN __attribute__((no_sanitize_address))

NO_ASAN static void leave(struct ctx *from, struct ctx *to)
{
	asan_leave(&from->san_fake, to->lo, to->len_bytes);
}

/* me runs again (fake: its fake stack, NULL the first time). */
NO_ASAN static void arrive(struct ctx *me, void *fake)
{
	struct ctx *left = me->left_by;

	asan_arrive(fake, &left->lo, &left->len_bytes);
}
#else
#define NO_ASAN
static inline void leave(struct ctx *from, struct ctx *to)
{
	(void)from;
	(void)to;
}
static inline void arrive(struct ctx *me, void *fake)
{
	(void)me;
	(void)fake;
}
#endif

NO_ASAN static void ctx_first(struct ctx *me)
{
	arrive(me, NULL);
	me->fn(me->arg);
	__builtin_trap(); /* C6 */
}

#ifndef OSIM_PORTABLE_CONTEXT

/* context_x86_64.S */
void ctx_swap_stacks(struct ctx *from, struct ctx *to);
extern const char ctx_entry[];

/* What ctx_swap_stacks pops (C1). */
struct frame {
	u16 x87_control;
	u16 unused;
	u32 mxcsr;
	u64 r15, r14, r13, r12, rbx, rbp;
	u64 rip;
};
_Static_assert(sizeof(struct frame) == 64 && offsetof(struct frame, rip) == 56,
	       "as in the .S file");
_Static_assert(offsetof(struct ctx, sp) == 0, "as in the .S file");

static void prepare(struct ctx *c, u8 *end)
{
	struct frame *f = (struct frame *)(end - 16 - sizeof(*f));

	*f = (struct frame){ .r12 = (uintptr_t)c,
			     .rbx = (uintptr_t)ctx_first,
			     .rip = (uintptr_t)ctx_entry };
	/* A fresh context starts with the control words of whoever makes it. */
	__asm__("fnstcw %0" : "=m"(f->x87_control));
	__asm__("stmxcsr %0" : "=m"(f->mxcsr));
	c->sp = f;
}

static inline void swap(struct ctx *from, struct ctx *to)
{
	ctx_swap_stacks(from, to);
}

#else

#include <ucontext.h>

/* makecontext passes ints. */
NO_ASAN static void portable_first(unsigned high, unsigned low)
{
	ctx_first((struct ctx *)(((uintptr_t)high << 32) | low));
}

static void prepare(struct ctx *c, u8 *end)
{
	ucontext_t *u = (ucontext_t *)ALIGN_DOWN((uintptr_t)end - sizeof(*u), 64);

	memset(u, 0, sizeof(*u));
	getcontext(u);
	u->uc_stack.ss_sp = (void *)c->lo;
	u->uc_stack.ss_size = (size_t)((u8 *)u - (const u8 *)c->lo);
	u->uc_link = NULL;
	makecontext(u, (void (*)(void))portable_first, 2, (unsigned)((uintptr_t)c >> 32),
		    (unsigned)(uintptr_t)c);
	c->portable = u;
}

NO_ASAN static void swap(struct ctx *from, struct ctx *to)
{
	ucontext_t here;

	from->portable = &here;
	swapcontext(&here, to->portable);
}

#endif

void ctx_init(struct ctx *c, void *lo, u64 len_bytes, void (*fn)(void *arg), void *arg)
{
	*c = (struct ctx){ .lo = lo, .len_bytes = len_bytes, .fn = fn, .arg = arg };
	asan_unpoison(lo, len_bytes);
	c->valgrind_id = valgrind_stack_register(lo, len_bytes);
	prepare(c, (u8 *)ALIGN_DOWN((uintptr_t)lo + len_bytes, 16));
}

void ctx_fini(struct ctx *c)
{
	asan_unpoison(c->lo, c->len_bytes);
	valgrind_stack_deregister(c->valgrind_id);
	*c = (struct ctx){ 0 };
}

NO_ASAN void ctx_switch(struct ctx *from, struct ctx *to)
{
	to->left_by = from;
	leave(from, to);
	swap(from, to);
	arrive(from, from->san_fake);
}
