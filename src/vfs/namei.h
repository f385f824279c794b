/* SPDX-License-Identifier: MIT */
#ifndef VFS_NAMEI_H
#define VFS_NAMEI_H

/*
 * Path walk and the calls that take a path. Paths are NUL-terminated kernel strings of less than
 * PATH_MAX bytes (floor 8 fetched them); dfd is a directory descriptor or AT_FDCWD. All may sleep.
 * Results: 0 or -errno unless said otherwise.
 */

#include "lib/types.h"
#include "vfs/fs.h"

#define LOOKUP_FOLLOW 0x0001u	 /* follow a final symlink */
#define LOOKUP_DIRECTORY 0x0002u /* the result must be a directory */
#define LOOKUP_EMPTY 0x4000u	 /* "" names dfd itself */

/* Walk: *path gets references. */
int filename_lookup(int dfd, const char *name, u32 flags, struct path *path);
/* The same from the current directory or root. */
int kern_path(const char *name, u32 flags, struct path *path);

/* --- opening --- */

/*
 * An open file with one reference, no descriptor. ERR_PTR. mode counts with O_CREAT, before the
 * umask.
 */
struct file *do_filp_open(int dfd, const char *name, u32 flags, u32 mode);
/* From a kernel string at the root or current directory. */
struct file *filp_open(const char *name, u32 flags, u32 mode);
/*
 * For execve: O_RDONLY, a regular file with execute permission on an exec mount, writers denied
 * until fput + allow_write_access(inode). ERR_PTR(-EACCES, -ETXTBSY, ...).
 */
struct file *open_exec(const char *name);
/* open(2), openat(2): the new descriptor. */
int do_sys_open(int dfd, const char *name, u32 flags, u32 mode);

/* --- the rest of the table --- */

int do_mkdirat(int dfd, const char *name, u32 mode);
int do_mknodat(int dfd, const char *name, u32 mode,
	       u32 dev); /* dev in kernel form: new_decode_dev() */
int do_unlinkat(int dfd, const char *name);
int do_rmdir(int dfd, const char *name);
int do_symlinkat(const char *target, int dfd, const char *name);
int do_linkat(int olddfd, const char *oldname, int newdfd, const char *newname, u32 flags);
int do_renameat2(int olddfd, const char *oldname, int newdfd, const char *newname, u32 flags);
/* Text of the link into buf (kernel memory, no NUL): length. */
int do_readlinkat(int dfd, const char *name, char *buf, u32 size);
int do_sys_truncate(const char *name, s64 length);
int do_sys_ftruncate(u32 fd, s64 length);
int do_faccessat(int dfd, const char *name, int mode, u32 flags);
int do_fchmodat(int dfd, const char *name, u32 mode);
int do_fchownat(int dfd, const char *name, u32 uid, u32 gid, u32 flags);
/* times NULL: now. tv_nsec may be UTIME_NOW or UTIME_OMIT. name NULL: dfd itself. */
int do_utimes(int dfd, const char *name, const struct timespec64 times[2], u32 flags);
int vfs_fstatat(int dfd, const char *name, struct kstat *stat, u32 flags);
int vfs_fstat(u32 fd, struct kstat *stat);
int user_statfs(const char *name, struct kstatfs *buf);
int fd_statfs(u32 fd, struct kstatfs *buf);
int ksys_chdir(const char *name);
int ksys_fchdir(u32 fd);
int ksys_chroot(const char *name);
int ksys_fchmod(u32 fd, u32 mode);
int ksys_fchown(u32 fd, u32 uid, u32 gid);
u32 ksys_umask(u32 mask);
/*
 * The absolute path of the current directory with its NUL into buf (kernel memory): bytes used,
 * -ERANGE, -ENOENT (removed).
 */
int do_getcwd(char *buf, u32 size);

#endif
