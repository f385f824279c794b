/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_ENTRY_SYSCALL_H
#define KERNEL_ENTRY_SYSCALL_H

/*
 * System calls: Linux's x86-64 numbers, one function each, taking their arguments from pt_regs as
 * the ABI lays them out (RDI, RSI, RDX, R10, R8, R9). SYSCALL_DEFINEn(name, type1, arg1, ...) {
 * body } defines sys_name().
 * A function may block, returns a value or negative errno, and may return the restart codes below
 * when a signal is pending.
 */

#include "kernel/irq/ptrace.h"
#include "lib/errno.h"
#include "lib/types.h"

struct kernel;
struct cpu;

/*
 * Never seen by user space: turned into EINTR or a restart before returning (Linux
 * include/linux/errno.h numbers).
 */
#ifndef ERESTARTSYS
#define ERESTARTSYS 512
#endif
#ifndef ERESTARTNOINTR
#define ERESTARTNOINTR 513
#endif
#ifndef ERESTARTNOHAND
#define ERESTARTNOHAND 514
#endif
#ifndef ERESTART_RESTARTBLOCK
#define ERESTART_RESTARTBLOCK 516
#endif

#define NR_SYSCALLS 452

struct syscall_entry {
	const char *name;
	long (*fn)(struct pt_regs *regs);
	/*
	 * How strace shows the arguments, a letter each: d signed, u unsigned, x hex, o octal, p
	 * pointer, f file descriptor, F directory descriptor (AT_FDCWD), s path, b buffer (its
	 * length is the next argument, or the result for reads: r), S signal, v argv.
	 */
	const char *format;
};

/* NULL when the number has no call: -ENOSYS. */
const struct syscall_entry *syscall_lookup(u64 nr);

/* Install the LSTAR gate. */
void syscall_init(struct kernel *k);
/* hooks.exit_to_user_mode. */
void exit_to_user_mode_loop(struct pt_regs *regs);

/*
 * strace text: of a call that will not come back the same (at its begin), and of every other one
 * (at its end).
 */
void strace_enter(const struct pt_regs *regs, u64 nr);
void strace_exit(const struct pt_regs *regs, u64 nr, long ret);
void strace_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define __SC_1(t1, a1) t1 a1
#define __SC_2(t1, a1, t2, a2) t1 a1, t2 a2
#define __SC_3(t1, a1, t2, a2, t3, a3) t1 a1, t2 a2, t3 a3
#define __SC_4(t1, a1, t2, a2, t3, a3, t4, a4) t1 a1, t2 a2, t3 a3, t4 a4
#define __SC_5(t1, a1, t2, a2, t3, a3, t4, a4, t5, a5) t1 a1, t2 a2, t3 a3, t4 a4, t5 a5
#define __SC_6(t1, a1, t2, a2, t3, a3, t4, a4, t5, a5, t6, a6)                                     \
	t1 a1, t2 a2, t3 a3, t4 a4, t5 a5, t6 a6
#define __SCC_1(t1, a1) (t1) regs->di
#define __SCC_2(t1, a1, t2, a2) (t1) regs->di, (t2)regs->si
#define __SCC_3(t1, a1, t2, a2, t3, a3) (t1) regs->di, (t2)regs->si, (t3)regs->dx
#define __SCC_4(t1, a1, t2, a2, t3, a3, t4, a4)                                                    \
	(t1) regs->di, (t2)regs->si, (t3)regs->dx, (t4)regs->r10
#define __SCC_5(t1, a1, t2, a2, t3, a3, t4, a4, t5, a5)                                            \
	(t1) regs->di, (t2)regs->si, (t3)regs->dx, (t4)regs->r10, (t5)regs->r8
#define __SCC_6(t1, a1, t2, a2, t3, a3, t4, a4, t5, a5, t6, a6)                                    \
	(t1) regs->di, (t2)regs->si, (t3)regs->dx, (t4)regs->r10, (t5)regs->r8, (t6)regs->r9
#define __SYSCALL_DEFINEx(n, name, ...)                                                            \
	static long __do_sys_##name(__SC_##n(__VA_ARGS__));                                        \
	long sys_##name(struct pt_regs *regs);                                                     \
	long sys_##name(struct pt_regs *regs)                                                      \
	{                                                                                          \
		return __do_sys_##name(__SCC_##n(__VA_ARGS__));                                    \
	}                                                                                          \
	static long __do_sys_##name(__SC_##n(__VA_ARGS__))
#define SYSCALL_DEFINE0(name)                                                                      \
	static long __do_sys_##name(void);                                                         \
	long sys_##name(struct pt_regs *regs);                                                     \
	long sys_##name(struct pt_regs *regs)                                                      \
	{                                                                                          \
		(void)regs;                                                                        \
		return __do_sys_##name();                                                          \
	}                                                                                          \
	static long __do_sys_##name(void)
#define SYSCALL_DEFINE1(name, ...) __SYSCALL_DEFINEx(1, name, __VA_ARGS__)
#define SYSCALL_DEFINE2(name, ...) __SYSCALL_DEFINEx(2, name, __VA_ARGS__)
#define SYSCALL_DEFINE3(name, ...) __SYSCALL_DEFINEx(3, name, __VA_ARGS__)
#define SYSCALL_DEFINE4(name, ...) __SYSCALL_DEFINEx(4, name, __VA_ARGS__)
#define SYSCALL_DEFINE5(name, ...) __SYSCALL_DEFINEx(5, name, __VA_ARGS__)
#define SYSCALL_DEFINE6(name, ...) __SYSCALL_DEFINEx(6, name, __VA_ARGS__)

#endif
