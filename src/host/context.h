/* SPDX-License-Identifier: MIT */
#ifndef HOST_CONTEXT_H
#define HOST_CONTEXT_H

/*
 * A host C stack that can be left and entered again: callee-saved registers on the stack, its
 * pointer here.
 * x86-64 assembly (context_x86_64.S), or ucontext when OSIM_PORTABLE_CONTEXT is defined; the same
 * contract.
 * AddressSanitizer's fibers, valgrind's stack registration and gdb's end of backtrace are looked
 * after here.
 */

#include "lib/types.h"

struct ctx {
	/* assembly: saved stack pointer while not running; the .S file knows it is first */
	void *sp;
	void *portable; /* fallback: ucontext_t on the stack, else NULL */
	void *san_fake; /* AddressSanitizer's fake stack while not running */
	const void *lo; /* lowest usable byte; the embedder's own stack: NULL until first left */
	u64 len_bytes;
	struct ctx *left_by;   /* who switched to this one last */
	void (*fn)(void *arg); /* what the first switch calls */
	void *arg;
	unsigned valgrind_id;
};

/*
 * Prepare c so that the first switch to it calls fn(arg) on [lo, lo + len_bytes). fn must never
 * return.
 * Nothing is allocated: what the fallback needs lies at the top of the stack. The stack memory must
 * be writable and stays the caller's; call ctx_fini before giving it back (not on a context that is
 * running).
 * c must not move until then. len_bytes: at least 4096, 16384 in sanitizer builds.
 */
void ctx_init(struct ctx *c, void *lo, u64 len_bytes, void (*fn)(void *arg), void *arg);
void ctx_fini(struct ctx *c);

/*
 * Leave the running context, saving it in *from, and continue *to. Returns when something switches
 * back to *from.
 * A zeroed struct is good as *from for the embedder's own stack. Every callee-saved register, the
 * x87 control word and MXCSR belong to the context. to must not be the running context.
 */
void ctx_switch(struct ctx *from, struct ctx *to);

#endif
