/* SPDX-License-Identifier: MIT */
#ifndef VFS_VFS_H
#define VFS_VFS_H

/* The floor's root and its start. */

#include "kernel/percpu/kernel.h"
#include "kernel/percpu/spinlock.h"
#include "lib/list.h"
#include "lib/prng.h"
#include "lib/types.h"
#include "vfs/fs.h"

struct kmem_cache;
struct console;
struct proc_root;
struct task_sigsets;
struct chrdev;

#define VFS_MAX_FILESYSTEMS 16u
#define VFS_DCACHE_BUCKETS 16384u

struct vfs_root {
	struct kmem_cache *dentry_cache, *inode_cache, *file_cache, *files_cache, *fs_cache,
		*cred_cache, *mnt_cache, *sb_cache;
	const struct file_system_type *filesystems[VFS_MAX_FILESYSTEMS];
	u32 nr_filesystems;

	spinlock_t dcache_lock;
	struct hlist_head *dentry_hashtable; /* VFS_DCACHE_BUCKETS, boot memory [dcache_lock] */
	struct list_head dentry_lru;	     /* least recently used first [dcache_lock] */
	u64 nr_dentry, nr_dentry_unused, dentry_unused_max;

	spinlock_t mount_lock;
	struct list_head mounts; /* [mount_lock] */
	u32 next_mnt_id, next_dev;
	struct vfsmount *rootmnt;
	struct list_head supers;

	u64 nr_inodes, nr_files;
	struct list_head blocked_locks; /* record lock requests that wait (locks.c) */
	u64 nr_file_pages;		/* page cache: "Cached" of /proc/meminfo */

	struct cred *init_cred; /* root's, held for ever */
	struct console *console;
	struct proc_root *proc;
	void (*task_sigsets)(
		struct task_struct *t,
		struct task_sigsets *sets); /* floor 8; NULL: nothing pending or handled */
	struct chrdev *chrdevs;		    /* by registration */
	u32 nr_chrdevs;
	const struct file_operations *fifo_fops; /* floor 7 fills it: FIFOs */
	struct prng random;			 /* /dev/urandom's stream */
};

/*
 * Bring the floor up: caches, ramfs root mounted, devices and procfs registered, /dev (devtmpfs)
 * and /proc made and mounted, task hooks for files, fs and cred registered; the calling task (boot
 * task) gets root's cred, an fs_struct at the new root and an empty fd table. After mm_init, on a
 * machine stack with current valid and able to sleep. 0 or -errno with everything undone.
 */
int vfs_init(struct kernel *k);
/*
 * Take everything down again: a failed boot, tests. 0, or -EBUSY when something was still in use
 * (and so is leaked).
 */
int vfs_exit(struct kernel *k);

/* The running machine's. Machine stacks only. */
static inline struct vfs_root *vfs(void)
{
	return kern()->vfs;
}

#endif
