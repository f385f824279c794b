/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_EXEC_EXEC_H
#define KERNEL_EXEC_EXEC_H

/* Turning the running task into another program. */

#include "lib/types.h"

struct pt_regs;

/* A NULL-terminated vector of strings: user addresses, or kernel pointers. */
struct exec_strings {
	bool user;
	u64 uvec;		/* user: address of the vector; 0 is an empty one */
	const char *const *vec; /* kernel; NULL is an empty one */
};

/*
 * execve(2) with the path at user address uname. On success the task's pt_regs describe the new
 * program's start and 0 is returned;
 * before the point of no return a negative errno leaves the task as it was; after it a failure
 * kills the task (SIGKILL).
 */
long do_execve_user(u64 uname, const struct exec_strings *argv, const struct exec_strings *envp);
/* The same with a kernel path; for init's children. */
long kernel_execve(const char *path, const struct exec_strings *argv,
		   const struct exec_strings *envp);

#define BINPRM_BUF_BYTES 256
#define MAX_ARG_STRLEN (128u * 1024)
/* 2 MiB of strings in all: a quarter of the default stack limit, as Linux allows */
#define MAX_ARG_PAGES 512u
#define MAX_ARG_STRINGS 0x7fffu

struct file;
struct mm_struct;
struct page;

/* A program being loaded. */
struct linux_binprm {
	struct file *file;
	const char *filename;	  /* as the caller named it: AT_EXECFN, and $0 of scripts */
	char interp[256];	  /* what is really loaded */
	u8 buf[BINPRM_BUF_BYTES]; /* its first bytes, zero padded */
	int argc, envc;
	/*
	 * Strings, filled from the end downward: page i holds bytes [i * 4096, ...) of the region
	 * that ends at the stack's top.
	 */
	struct page **pages; /* MAX_ARG_PAGES pointers */
	u64 p;		     /* offset of the lowest byte used */
	u64 exec_off;	     /* offset of the filename string */
};

/*
 * 0: loaded, regs set. -ENOEXEC: not an ELF program for this machine. Other errors before
 * *committed is set leave the task as it was.
 */
int load_elf_binary(struct linux_binprm *bprm, struct pt_regs *regs, bool *committed);
/* The point of no return: new empty address space, hooks, name. 0 or -ENOMEM (still returnable). */
int begin_new_exec(struct linux_binprm *bprm);
/* Map the stack and copy the strings to its top: *sp is the lowest string byte's address. */
int setup_arg_pages(struct linux_binprm *bprm, u64 stack_flags, u64 *sp);

#endif
