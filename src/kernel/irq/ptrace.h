/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_IRQ_PTRACE_H
#define KERNEL_IRQ_PTRACE_H

/*
 * The saved user (or interrupted kernel) registers as they lie on the simulated kernel stack:
 * Linux's x86-64 layout, 168 bytes.
 */

#include "lib/types.h"

struct pt_regs {
	u64 r15, r14, r13, r12, bp, bx;
	u64 r11, r10, r9, r8, ax, cx, dx, si, di;
	u64 orig_ax; /* system call number, error code, or ~vector */
	u64 ip, cs, flags, sp, ss;
};
_Static_assert(sizeof(struct pt_regs) == 168, "pt_regs");

static inline bool user_mode(const struct pt_regs *regs)
{
	return (regs->cs & 3) == 3;
}

#define KERNEL_CS 0x10
#define KERNEL_DS 0x18
#define USER32_CS 0x23
#define USER_DS 0x2b
#define USER_CS 0x33
#define GDT_TSS 0x40

#endif
