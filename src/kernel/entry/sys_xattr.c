/* SPDX-License-Identifier: MIT */
/*
 * System calls of extended attributes, on file systems that have none.
 *
 * Called through the table. The path, the descriptor and the name are checked as Linux does; then a
 * file system without a handler for attributes answers what its kind answers: it does not support
 * them, and the list of a file's attributes is empty.
 *
 *	lgetxattr("/etc/passwd", "security.selinux")   ramfs: -EOPNOTSUPP
 *	llistxattr("/etc/passwd")                      ramfs: 0 bytes
 *
 *	A1 names are 1 to 255 bytes.
 *
 * Units:   bytes.
 * Owner:   paths and files for the length of a call.
 * Locking: none.
 * Errors:  the walk's, -EBADF, -ERANGE, -EFAULT, -EOPNOTSUPP; setting: -EINVAL for flags, -E2BIG
 * past 64 KiB.
 * Time:    the walk's.
 * Source:  getxattr(2), setxattr(2), listxattr(2); Linux fs/xattr.c and ramfs, which has no
 * handlers.
 */

#include "kernel/entry/getname.h"
#include "kernel/entry/syscall.h"
#include "lib/err.h"
#include "mm/uaccess.h"
#include "vfs/file.h"
#include "vfs/fs.h"
#include "vfs/namei.h"

#define XATTR_NAME_MAX 255
#define XATTR_SIZE_MAX 65536u
#define XATTR_CREATE 1u
#define XATTR_REPLACE 2u

/* 0 when there is such a file: by path, or by descriptor. */
static long file_exists(bool by_fd, u64 file, u32 lookup)
{
	struct path path;
	struct file *f;
	char *name;
	long ret;

	if (by_fd) {
		f = fget((u32)file);
		if (!f)
			return -EBADF;
		fput(f);
		return 0;
	}
	name = getname(file);
	if (IS_ERR(name))
		return PTR_ERR(name);
	ret = kern_path(name, lookup, &path);
	if (!ret)
		path_put(&path);
	putname(name);
	return ret;
}

static long name_ok(u64 uname)
{
	char name[XATTR_NAME_MAX + 1];
	s64 len = strncpy_from_user(name, uname, sizeof(name));

	return len < 0 ? len : len == 0 || len == sizeof(name) ? -ERANGE : 0;
}

static long use(bool by_fd, u64 file, u32 lookup, u64 uname)
{
	long ret = file_exists(by_fd, file, lookup);

	if (!ret)
		ret = name_ok(uname);
	return ret ? ret : -EOPNOTSUPP;
}

static long set(bool by_fd, u64 file, u32 lookup, u64 uname, u64 size, u32 flags)
{
	long ret = file_exists(by_fd, file, lookup);

	if (!ret && flags & ~(XATTR_CREATE | XATTR_REPLACE))
		ret = -EINVAL;
	if (!ret)
		ret = name_ok(uname);
	if (!ret && size > XATTR_SIZE_MAX)
		ret = -E2BIG;
	return ret ? ret : -EOPNOTSUPP;
}

SYSCALL_DEFINE5(setxattr, u64, path, u64, name, u64, value, u64, size, u32, flags)
{
	(void)value;
	return set(false, path, LOOKUP_FOLLOW, name, size, flags);
}

SYSCALL_DEFINE5(lsetxattr, u64, path, u64, name, u64, value, u64, size, u32, flags)
{
	(void)value;
	return set(false, path, 0, name, size, flags);
}

SYSCALL_DEFINE5(fsetxattr, u32, fd, u64, name, u64, value, u64, size, u32, flags)
{
	(void)value;
	return set(true, fd, 0, name, size, flags);
}

SYSCALL_DEFINE2(getxattr, u64, path, u64, name)
{
	return use(false, path, LOOKUP_FOLLOW, name);
}

SYSCALL_DEFINE2(lgetxattr, u64, path, u64, name)
{
	return use(false, path, 0, name);
}

SYSCALL_DEFINE2(fgetxattr, u32, fd, u64, name)
{
	return use(true, fd, 0, name);
}

SYSCALL_DEFINE1(listxattr, u64, path)
{
	return file_exists(false, path, LOOKUP_FOLLOW);
}

SYSCALL_DEFINE1(llistxattr, u64, path)
{
	return file_exists(false, path, 0);
}

SYSCALL_DEFINE1(flistxattr, u32, fd)
{
	return file_exists(true, fd, 0);
}

SYSCALL_DEFINE2(removexattr, u64, path, u64, name)
{
	return use(false, path, LOOKUP_FOLLOW, name);
}

SYSCALL_DEFINE2(lremovexattr, u64, path, u64, name)
{
	return use(false, path, 0, name);
}

SYSCALL_DEFINE2(fremovexattr, u32, fd, u64, name)
{
	return use(true, fd, 0, name);
}
