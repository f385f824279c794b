/* SPDX-License-Identifier: MIT */
/*
 * The load of docs/WALK.md: map the file /data, read one byte of its second page, leave with that byte as the exit status.
 */
	.globl _start
	.text
_start:
	movl	$2, %eax		/* open("/data", O_RDONLY) */
	leaq	name(%rip), %rdi
	xorl	%esi, %esi
	xorl	%edx, %edx
	syscall
	movq	%rax, %r8
	movl	$9, %eax		/* mmap(0, 8192, PROT_READ, MAP_PRIVATE, fd, 0) */
	xorl	%edi, %edi
	movl	$8192, %esi
	movl	$1, %edx
	movl	$2, %r10d
	xorl	%r9d, %r9d
	syscall
	movzbl	4096(%rax), %edi	/* the load */
	movl	$231, %eax
	syscall
	.section .rodata
name:	.asciz	"/data"
