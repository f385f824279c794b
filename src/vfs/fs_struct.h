/* SPDX-License-Identifier: MIT */
#ifndef VFS_FS_STRUCT_H
#define VFS_FS_STRUCT_H

/* A task's root, current directory and umask; shared with CLONE_FS, else copied at fork. */

#include "kernel/percpu/spinlock.h"
#include "lib/types.h"
#include "sched/task.h"
#include "vfs/fs.h"

struct fs_struct {
	u64 users;
	spinlock_t lock;
	u32 umask;	       /* [lock] */
	struct path root, pwd; /* [lock] */
};

/* A fresh one at the machine's root, umask 022, one user. NULL: no memory. */
struct fs_struct *fs_alloc(void);
/* A copy. NULL: no memory. */
struct fs_struct *copy_fs_struct(struct fs_struct *old);
void put_fs_struct(struct fs_struct *fs);
/* Referenced copies of a task's root and cwd. */
void get_fs_root(struct fs_struct *fs, struct path *root);
void get_fs_pwd(struct fs_struct *fs, struct path *pwd);
/* Replace; the reference passed in is taken over. */
void set_fs_root(struct fs_struct *fs, const struct path *path);
void set_fs_pwd(struct fs_struct *fs, const struct path *path);

static inline u32 current_umask(void)
{
	return current->fs->umask;
}

#endif
