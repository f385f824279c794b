/* SPDX-License-Identifier: MIT */
#ifndef VFS_RAMFS_H
#define VFS_RAMFS_H

/*
 * ramfs: directories are pinned dentries, files are pages. Also mounted as tmpfs and, with device
 * nodes in it, as devtmpfs.
 */

#include "vfs/fs.h"

#define RAMFS_MAGIC 0x858458f6ull
#define TMPFS_MAGIC 0x01021994ull

extern const struct file_system_type rootfs_fs_type, ramfs_fs_type, tmpfs_fs_type, devtmpfs_fs_type;
extern const struct file_operations ramfs_file_operations, ramfs_dir_operations;
/* readdir over the dcache by creation order: for file systems whose names are all pinned. */
int dcache_readdir(struct file *file, struct dir_context *ctx);
/* Page-cache read, write and mmap of files that have no backing store. */
s64 generic_file_read_iter(struct file *file, struct iov_iter *to, s64 *ppos);
s64 generic_file_write_iter(struct file *file, struct iov_iter *from, s64 *ppos);
int generic_file_mmap(struct file *file, struct vm_area_struct *vma);

#endif
