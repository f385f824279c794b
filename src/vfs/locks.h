/* SPDX-License-Identifier: MIT */
#ifndef VFS_LOCKS_H
#define VFS_LOCKS_H

/* Locks on files: fcntl(2) records and flock(2). Task context; the set calls may sleep. */

#include "lib/types.h"

struct file;
struct files_struct;

/*
 * F_GETLK, F_SETLK, F_SETLKW with a struct flock at a user address. 0 or -errno; -ERESTARTSYS when
 * a signal ended the wait.
 */
s64 fcntl_lock(struct file *file, u32 cmd, u64 uflock);
/* flock(2): LOCK_SH, LOCK_EX or LOCK_UN, perhaps with LOCK_NB. */
int ksys_flock(u32 fd, u32 cmd);
/* A descriptor of table `owner` for file goes: its records on that inode go. */
void locks_remove_posix(struct file *file, const struct files_struct *owner);
/* The last reference to file goes. */
void locks_remove_file(struct file *file);

#endif
