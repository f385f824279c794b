/* SPDX-License-Identifier: MIT */
/*
 * host/context_x86_64.S: the register swap.
 *
 * Called by ctx_switch (context.c) only. The stack of a context that waits, as its sp finds it:
 *
 *	sp + 0	 x87 control word (2 bytes), 2 bytes unused, MXCSR (4 bytes)
 *	   + 8	 r15   +16 r14   +24 r13   +32 r12   +40 rbx   +48 rbp
 *	   + 56	 return address: into ctx_switch, or ctx_entry of a fresh context
 *
 * Invariants:
 *	C1  The frame is struct frame of context.c, field for field.
 *	C2  The CFA rules hold before and after %rsp changes stacks, because both frames look alike:
 *	    a debugger can stop anywhere.
 *	C3  In ctx_entry the return address is undefined and %rbp is 0: every backtrace ends here.
 *
 * A jump and not `ret`: the return predictor expects the leaver's caller, and is wrong whenever two
 * contexts leave from different places (16 ns instead of 8 for such a pair, and no gain where the
 * place is the same). Control words are stored always and loaded only when they differ, which never
 * happens unless an embedder changes rounding; they are 2 of the 8 ns.
 *
 * Units: bytes. Owner: the context's stack. Locking: none. Errors: none.
 * Time: none of the machine's; 8 ns of a 3 GHz host (bench_context).
 * Source: System V AMD64 ABI, 3.2.1 (registers preserved across calls), 6.2 (unwinding).
 */

#if defined(__x86_64__) && !defined(OSIM_PORTABLE_CONTEXT)

	.text
	.globl	ctx_swap_stacks
	.hidden	ctx_swap_stacks
	.type	ctx_swap_stacks, @function
	.p2align 5
/* void ctx_swap_stacks(struct ctx *from, struct ctx *to): sp is the first member. */
ctx_swap_stacks:
	.cfi_startproc
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbp, 0
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	pushq	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r12, 0
	pushq	%r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r13, 0
	pushq	%r14
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r14, 0
	pushq	%r15
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r15, 0
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	fnstcw	(%rsp)
	stmxcsr	4(%rsp)
	movzwl	(%rsp), %eax
	movl	4(%rsp), %edx

	movq	%rsp, (%rdi)
	movq	(%rsi), %rsp

	cmpw	(%rsp), %ax
	jne	2f
1:	cmpl	4(%rsp), %edx
	jne	3f
4:	addq	$8, %rsp
	.cfi_remember_state
	.cfi_adjust_cfa_offset -8
	popq	%r15
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r15
	popq	%r14
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r14
	popq	%r13
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r13
	popq	%r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r12
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbx
	popq	%rbp
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbp
	popq	%rcx
	.cfi_adjust_cfa_offset -8
	.cfi_register %rip, %rcx
	jmp	*%rcx

	.cfi_restore_state
2:	fldcw	(%rsp)
	jmp	1b
3:	ldmxcsr	4(%rsp)
	jmp	4b
	.cfi_endproc
	.size	ctx_swap_stacks, . - ctx_swap_stacks

	.globl	ctx_entry
	.hidden	ctx_entry
	.type	ctx_entry, @function
	.p2align 4
/* The first switch to a fresh context lands here: rbx is the function, r12 its argument. */
ctx_entry:
	.cfi_startproc
	.cfi_undefined %rip
	movq	%r12, %rdi
	callq	*%rbx
	ud2
	.cfi_endproc
	.size	ctx_entry, . - ctx_entry

#endif
	.section .note.GNU-stack, "", @progbits
