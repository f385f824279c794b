/* SPDX-License-Identifier: MIT */
#ifndef VFS_DEVICES_H
#define VFS_DEVICES_H

/* Character devices by number, and the memory devices null, zero, full, random, urandom. */

#include "lib/types.h"
#include "vfs/fs.h"

/*
 * What opens of (major, minor) get as file_operations. fops is permanent. name appears in devtmpfs
 * and /proc/devices. 0, -EBUSY, -ENOSPC.
 */
int register_chrdev(u32 major, u32 minor, const char *name, u32 mode,
		    const struct file_operations *fops, void *private_data);
/* Operations of a number, NULL: no such device. *private_data gets the registered pointer. */
const struct file_operations *chrdev_fops(u32 rdev, void **private_data);
/* Operations of every character-special inode: open looks the number up. */
extern const struct file_operations def_chr_fops;
/* Register the memory devices. Called by vfs_init. */
int mem_devices_init(void);
/* The kernel's own random bytes: one seeded stream of the machine. */
void get_random_bytes(void *buf, u64 len);
/* /proc/devices text. */
void show_devices(struct seq_buf *m);
/* Make the node of every registered device in the directory `dir` ("/dev"). 0 or -errno. */
int devtmpfs_populate(const char *dir);

#endif
