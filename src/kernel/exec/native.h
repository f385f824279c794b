/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_EXEC_NATIVE_H
#define KERNEL_EXEC_NATIVE_H

/* Programs that are C functions of the embedder, run as user tasks at CPL 3. */

#include "lib/types.h"

/* one page the simulated RIP stands on; nothing there is ever fetched */
#define NATIVE_TEXT_VA 0x400000ull
/* OSIM_SCRATCH_BYTES of private memory for system call buffers */
#define NATIVE_SCRATCH_VA 0x10000000ull
#define NATIVE_SCRATCH_BYTES 65536u

/*
 * In a fresh child of init: build the native address space, go to CPL 3, run fn(arg), exit(0).
 * Kills the task when there is no memory.
 */
void native_main(void (*fn)(void *arg), void *arg) __attribute__((noreturn));
/* fork(2) by a native task, in the system call: the child starts at the function native_fork()
 * named. -EINVAL from a plain fork call, since a C function cannot return twice. */
long native_do_fork(void);

/* --- at CPL 3, on behalf of the embedder's code --- */

/*
 * Execute SYSCALL with these registers; what the kernel left in RAX. Does not return to the caller
 * after a successful execve.
 */
long native_syscall(u64 nr, const u64 args[6]);
/* fork() with a copy-on-write address space whose child runs fn(arg). The child's pid or -errno. */
long native_fork(void (*fn)(void *arg), void *arg);
/*
 * One access at CPL 3; faults are delivered and the access retried until it succeeds or the task
 * dies.
 */
void native_access(u64 va, void *buf, u64 len, bool write);
/* Pass time at CPL 3. */
void native_compute(u64 cycles);

#endif
