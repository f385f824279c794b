/* SPDX-License-Identifier: MIT */
/*
 * A tour of the machine in one static program without a library: console, bss faults, fork with copy-on-write, a pipe, a signal handler,
 * a sleep, an integer loop, SSE and x87 arithmetic. Its image is committed as guest/tour.h (guest/build.sh makes it; a test
 * checks that the bytes are those of this source). Exit status 42 when every step was right, else the number of the step.
 */
	.globl _start
	.text

	.macro	sys nr
	movl	$\nr, %eax
	syscall
	.endm
	.macro	fail step
	movl	$\step, %edi
	sys	231
	.endm

_start:
	/* 1: the stack as the ABI says: argc 1 or more, RSP a multiple of 16 */
	testq	$15, %rsp
	jnz	bad1
	cmpq	$1, (%rsp)
	jb	bad1
	/* 2: write(1, "hello\n", 6) */
	movl	$1, %edi
	leaq	hello(%rip), %rsi
	movl	$6, %edx
	sys	1
	cmpq	$6, %rax
	jne	bad2
	/* 3: touch 64 pages of bss, the zero page first */
	leaq	area(%rip), %rbx
	xorl	%ecx, %ecx
1:	cmpb	$0, (%rbx,%rcx)
	jne	bad3
	movb	%cl, (%rbx,%rcx)
	incb	(%rbx,%rcx)
	addq	$4096, %rcx
	cmpq	$262144, %rcx
	jb	1b
	/* 4: pipe, fork; the child changes its copy and sends a byte */
	leaq	fds(%rip), %rdi
	sys	22
	testq	%rax, %rax
	jnz	bad4
	sys	57
	testq	%rax, %rax
	js	bad4
	jz	child
	movl	%eax, %r12d
	movl	fds+4(%rip), %edi	/* so that a child that dies early is an end of file */
	sys	3
	movl	fds(%rip), %edi
	leaq	byte(%rip), %rsi
	movl	$1, %edx
	sys	0
	cmpq	$1, %rax
	jne	bad4
	cmpb	$0x5a, byte(%rip)
	jne	bad4
	cmpb	$1, area(%rip)		/* the child's write is not ours */
	jne	bad4
	/* 5: wait4: exit status 7 */
	movl	%r12d, %edi
	leaq	status(%rip), %rsi
	xorl	%edx, %edx
	xorl	%r10d, %r10d
	sys	61
	cmpl	%r12d, %eax
	jne	bad5
	cmpl	$0x700, status(%rip)
	jne	bad5
	/* 6: SIGUSR1 to ourselves, with a handler */
	movl	$10, %edi
	leaq	action(%rip), %rsi
	xorl	%edx, %edx
	movl	$8, %r10d
	sys	13
	testq	%rax, %rax
	jnz	bad6
	sys	39
	movl	%eax, %edi
	movl	$10, %esi
	movl	$0x1234, %r13d
	sys	62
	cmpl	$10, caught(%rip)
	jne	bad6
	cmpl	$0x1234, %r13d
	jne	bad6
	/* 7: nanosleep 2 ms */
	leaq	ts(%rip), %rdi
	xorl	%esi, %esi
	sys	35
	testq	%rax, %rax
	jnz	bad7
	/* 8: a loop with multiplication and memory */
	movl	$20000, %ecx
	movl	$1, %eax
2:	imull	$1664525, %eax, %eax
	addl	$1013904223, %eax
	movl	%eax, %edx
	andl	$0xffc, %edx
	addl	%eax, area(%rdx)
	decl	%ecx
	jnz	2b
	cmpl	$1453904673, %eax
	jne	bad8
	/* 9: (1/3) * 3 in doubles is 1 and in 80-bit is 1 */
	movsd	one(%rip), %xmm0
	divsd	three(%rip), %xmm0
	mulsd	three(%rip), %xmm0
	ucomisd	one(%rip), %xmm0
	jne	bad9
	fld1
	fldl	three(%rip)
	fdivrp	%st, %st(1)
	fstpt	ext(%rip)
	movl	$42, %edi
	sys	231

child:	addb	$1, area(%rip)
	movl	fds+4(%rip), %edi
	leaq	z(%rip), %rsi
	movl	$1, %edx
	sys	1
	movl	$7, %edi
	sys	231

handler:
	movl	%edi, caught(%rip)
	movl	$0x9999, %r13d
	ret
restorer:
	sys	15

bad1:	fail	1
bad2:	fail	2
bad3:	fail	3
bad4:	fail	4
bad5:	fail	5
bad6:	fail	6
bad7:	fail	7
bad8:	fail	8
bad9:	fail	9

	.section .rodata
	.balign 8
one:	.double	1.0
three:	.double	3.0
ts:	.quad	0, 2000000
hello:	.ascii	"hello\n"
z:	.byte	0x5a

	.data
	.balign 8
action:	.quad	handler, 0x04000000, restorer, 0

	.bss
	.balign 4096
area:	.skip	262144
fds:	.skip	8
status:	.skip	4
caught:	.skip	4
byte:	.skip	8
ext:	.skip	16
