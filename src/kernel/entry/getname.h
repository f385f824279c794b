/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_ENTRY_GETNAME_H
#define KERNEL_ENTRY_GETNAME_H

/* Paths from user space as kernel strings, for one system call. */

#include "lib/types.h"

/*
 * The string at user address uname, at most PATH_MAX bytes with its NUL; putname() it. ERR_PTR:
 * -EFAULT, -ENAMETOOLONG, -ENOMEM.
 */
char *getname(u64 uname);
/* Accepts error pointers. */
void putname(char *name);

#endif
