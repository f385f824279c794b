/* SPDX-License-Identifier: MIT */
/*
 * Open files: made, shared by reference, closed with the last one.
 *
 * Called by open, pipe creation, exec and everything that holds a file. Calls f_op->release, dput,
 * mntput.
 *
 *	fd 3 of task 7 --+
 *	fd 4 of task 7 --+--> file { f_count 3, f_pos 120 } --> path { mnt 1, dentry "log" } -->
 *	inode 9
 *	fd 3 of task 8 --+         (dup and fork share the position)
 *
 * L1  f_count is the number of table slots, mappings and callers holding the file; at 0 release
 *     runs, once, and the path goes.
 * L2  A file holds references to its path and cred, and a write access of a regular inode while
 *     FMODE_WRITE is set.
 *
 * Units: none. Owner: by f_count. Locking: none here; release may sleep, so fput is for task
 * context. Linux delays the last fput to the return to user space because it may be called in
 * atomic context; nothing here does that. Errors: -ENOMEM. Time: the slab's. Source: Linux
 * fs/file_table.c (behaviour).
 */
#include "vfs/file.h"

#include "mm/alloc/slab.h"
#include "vfs/cred.h"
#include "vfs/locks.h"
#include "vfs/vfs.h"

struct file *alloc_file(const struct path *path, u32 flags, const struct file_operations *fop)
{
	struct file *file = kmem_cache_zalloc(vfs()->file_cache, GFP_KERNEL);

	if (!file)
		return ERR_PTR(-ENOMEM);
	file->f_path = *path;
	path_get(path);
	file->f_inode = path->dentry->d_inode;
	file->f_mapping = &file->f_inode->i_data;
	file->f_op = fop;
	file->f_count = 1;
	file->f_flags = flags;
	file->f_cred = get_cred(current->cred);
	mutex_init(&file->f_pos_lock);
	vfs()->nr_files++;
	return file;
}

void fput(struct file *file)
{
	struct inode *inode = file->f_inode;

	BUG_ON(file->f_count == 0);
	if (--file->f_count)
		return;
	locks_remove_file(file);
	if (file->f_op->release)
		file->f_op->release(inode, file);
	if ((file->f_mode & FMODE_WRITE) && S_ISREG(inode->i_mode))
		put_write_access(inode);
	put_cred(file->f_cred);
	path_put(&file->f_path);
	vfs()->nr_files--;
	kmem_cache_free(vfs()->file_cache, file);
}

u64 get_nr_files(void)
{
	return vfs()->nr_files;
}
