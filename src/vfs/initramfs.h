/* SPDX-License-Identifier: MIT */
#ifndef VFS_INITRAMFS_H
#define VFS_INITRAMFS_H

/*
 * Filling the root file system at boot: from a cpio archive, or entry by entry. Task context
 * (current with root's credentials).
 */

#include "lib/types.h"

/*
 * Unpack a cpio "newc" archive (magic 070701 or 070702, checksums verified for the latter) of len
 * bytes in kernel-readable memory into the current root. Names are taken relative to it; leading
 * "/" and "./" are dropped; a ".." component is refused. Hard links by (dev, ino) as cpio writes
 * them. 0; -EINVAL (not cpio, truncated, bad numbers); -ENOMEM, -ENOSPC and what the tree says.
 * What was unpacked before an error stays. *bad_offset (may be NULL) gets the byte offset of the
 * entry that failed.
 */
int unpack_cpio(const void *data, u64 len, u64 *bad_offset);

/*
 * One object for the root, as `--root DIR` feeds them: parents first. data is read only during the
 * call.
 */
struct initramfs_entry {
	const char *path; /* relative or absolute; ".." refused */
	u32 mode;	  /* type and permissions */
	u32 uid, gid;
	s64 mtime;	  /* seconds since 1970 */
	u32 rdev;	  /* kernel form, for device nodes */
	const void *data; /* regular: content; symlink: target */
	u64 len;	  /* bytes of data */
};
/*
 * Make it (an existing file is replaced, an existing directory gets the attributes). 0 or -errno.
 */
int initramfs_add(const struct initramfs_entry *e);
/* A hard link to an object already made. */
int initramfs_link(const char *existing, const char *path);

#endif
