/* SPDX-License-Identifier: MIT */
/*
 * riot: random system calls from user code, threads, shared handler tables and vfork among them; for what no native program can do.
 *
 * Every task: choose a handler or none for a random signal, then 300 times one of the calls below with small random arguments, then exit.
 * Random numbers are the machine's (getrandom), so the same seed gives the same riot.
 */
	.set NBYTES, 64
	.data
	.balign 8
flags:	/* of clone, all with SIGCHLD */
	.quad 0x11			/* fork */
	.quad 0x4111			/* vfork */
	.quad 0x100			/* shared memory, no signal at the end */
	.quad 0x911			/* and handlers */
	.quad 0xd11			/* and files, cwd */
	.quad 0x10f00			/* a thread */
	.quad 0x10f00
	.quad 0x8911			/* a brother */
action:	.quad handler, 0x14000000, restorer, 0
	.quad handler, 0x44000000, restorer, 0
	.quad 0, 0, 0, 0
	.quad 1, 0, 0, 0
path:	.asciz "/riot"
	.balign 8
argv:	.quad path, 0
timer:	.quad 0, 300, 0, 100
pause_:	.quad 0, 20000
	.bss
	.balign 4096
area:	.space 65536
stacks:	.space 65536
	.text
	.globl _start
_start:
	mov $31, %ebx			/* a thick skin, but for faults */
1:	mov $0x7ffbfa37, %eax		/* bit n - 1: signal n may have a handler */
	lea -1(%rbx), %ecx
	bt %ecx, %eax
	jnc 2f
	mov %ebx, %edi
	mov %ebx, %esi
	and $1, %esi
	shl $5, %esi
	lea action(%rip), %rax
	add %rax, %rsi
	xor %edx, %edx
	mov $8, %r10d
	mov $13, %eax
	syscall
2:	dec %ebx
	jnz 1b
	mov $300, %r12d
again:
	sub $128, %rsp
	mov $318, %eax			/* getrandom(rsp, 64, 0) */
	mov %rsp, %rdi
	mov $NBYTES, %esi
	xor %edx, %edx
	syscall
	movzbl (%rsp), %r13d
	movzbl 1(%rsp), %r14d
	mov 8(%rsp), %r15
	add $128, %rsp
	and $15, %r13d
	lea table(%rip), %rax
	mov (%rax,%r13,8), %rax
	call *%rax
	dec %r12d
	jnz again
	mov $60, %eax
	mov %r14d, %edi
	syscall
	hlt

do_clone:
	mov %r14d, %ecx
	and $7, %ecx
	lea flags(%rip), %rax
	mov (%rax,%rcx,8), %rdi
	xor %esi, %esi
	test $0x100, %edi
	jz 1f
	test $0x4000, %edi
	jnz 1f
	mov %r15d, %esi			/* a stack of its own, nearly always */
	and $0xf000, %esi
	lea stacks(%rip), %rax
	lea 4000(%rax,%rsi), %rsi
	and $-16, %rsi
1:	xor %edx, %edx
	xor %r10d, %r10d
	xor %r8d, %r8d
	mov $99, %eax			/* sysinfo: not too many */
	push %rdi
	push %rsi
	lea area(%rip), %rdi
	syscall
	pop %rsi
	pop %rdi
	xor %edx, %edx
	cmpw $64, area+80(%rip)
	ja 2f
	mov $56, %eax
	syscall
	test %rax, %rax
	jnz 2f
	mov $60, %r12d			/* the child: from the start, on whatever stack */
	jmp again
2:	ret

do_kill:
	mov $39, %eax
	syscall
	mov %r14d, %edi
	and $15, %edi
	lea -8(%rax,%rdi), %rdi
	mov %r15d, %esi
	and $31, %esi
	mov $62, %eax
	test $0x40, %r14b
	jz 1f
	mov $200, %eax			/* tkill */
1:	syscall
	ret

do_action:
	mov %r15d, %edi
	and $31, %edi
	mov %r14d, %esi
	and $3, %esi
	shl $5, %esi
	lea action(%rip), %rax
	add %rax, %rsi
	xor %edx, %edx
	mov $8, %r10d
	mov $13, %eax
	syscall
	ret

do_mask:
	mov %r15, area(%rip)
	mov %r14d, %edi
	and $1, %edi			/* block or unblock */
	lea area(%rip), %rsi
	xor %edx, %edx
	mov $8, %r10d
	mov $14, %eax
	syscall
	ret

do_exec:
	cmp $40, %r14d
	ja 1f
	lea path(%rip), %rdi
	lea argv(%rip), %rsi
	xor %edx, %edx
	mov $59, %eax
	syscall
1:	ret

do_timer:
	xor %edi, %edi
	lea timer(%rip), %rsi
	xor %edx, %edx
	mov $38, %eax
	syscall
	ret

do_sleep:
	lea pause_(%rip), %rdi
	lea area+64(%rip), %rsi
	mov $35, %eax
	syscall
	ret

do_wait:
	mov $-1, %rdi
	lea area+128(%rip), %rsi
	mov %r14d, %edx
	and $11, %edx
	test $7, %r15d
	jz 1f
	or $1, %edx
1:	or $0x40000000, %edx		/* __WALL */
	lea area+256(%rip), %r10
	mov $61, %eax
	syscall
	ret

do_exit:
	cmp $30, %r14d
	ja 1f
	mov $60, %eax
	test $1, %r15d
	jz 2f
	mov $231, %eax
2:	mov %r15d, %edi
	syscall
1:	ret

do_wild:				/* any call, rt_sigreturn of no frame among them */
	mov %r14d, %eax
	mov %r15d, %edi
	and $0x1f, %edi
	lea area+8192(%rip), %rsi
	mov %r13d, %edx
	shl $4, %edx
	mov %r15, %r10
	shr $48, %r10
	mov %r15, %r8
	mov %r15, %r9
	shr $60, %r9
	syscall
	ret

do_touch:
	test $15, %r15d
	jz do_wild
	movzwl %r15w, %eax
	lea area(%rip), %rdx
	incb (%rdx,%rax)
	ret

do_map:
	mov $0x30000000, %edi
	mov %r14d, %esi
	and $15, %esi
	inc %esi
	shl $12, %esi
	mov $3, %edx
	mov $0x32, %r10d
	mov $-1, %r8
	xor %r9d, %r9d
	mov $9, %eax
	test $0x80, %r14b
	jz 1f
	mov $11, %eax
	syscall
	ret
1:	syscall
	incb (%rax)
	ret

do_pipe:
	lea area+512(%rip), %rdi
	mov $22, %eax
	syscall
	ret

do_io:
	mov %r14d, %edi
	and $7, %edi
	lea area+1024(%rip), %rsi
	movzwl %r15w, %edx
	and $8191, %edx
	mov $1, %eax
	test $0x40, %r14b
	jz 1f
	xor %eax, %eax
1:	syscall
	ret

do_close:
	mov %r14d, %edi
	and $15, %edi
	add $3, %edi
	mov $3, %eax
	syscall
	ret

do_group:
	xor %edi, %edi
	xor %esi, %esi
	mov $109, %eax			/* setpgid(0, 0) or setsid() */
	test $1, %r15d
	jz 1f
	mov $112, %eax
1:	syscall
	ret

handler:
	incq area+4096(%rip)
	ret
restorer:
	mov $15, %eax
	syscall
	hlt

	.section .rodata
	.balign 8
table:	.quad do_clone, do_close, do_kill, do_clone, do_action, do_mask, do_exec, do_timer
	.quad do_sleep, do_wait, do_exit, do_touch, do_map, do_pipe, do_io, do_group
