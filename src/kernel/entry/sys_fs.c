/* SPDX-License-Identifier: MIT */
/*
 * System calls that take paths: open, stat, mkdir, unlink, rename, mount and their at-forms.
 *
 * Called through the table; they bring the path in (getname) and call the body in src/vfs/namei.h.
 * They must not walk paths.
 *
 *	newfstatat(AT_FDCWD, 0x4c1010, 0x7ffe0e00, 0)
 *	    getname: 4 KiB kernel buffer "/etc/passwd" -> vfs_fstatat -> struct kstat -> 144-byte
 *	    struct stat at 0x7ffe0e00
 *
 *	N1 every name is put again on every path out.
 *	N2 an empty path is ENOENT unless AT_EMPTY_PATH allows it; the bodies decide, not the
 *	   callers.
 *
 * Units:   bytes.
 * Owner:   the name buffer is the call's.
 * Locking: none here.
 * Errors:  -EFAULT, -ENAMETOOLONG, and the bodies'.
 * Time:    the bodies charge.
 * Source:  the man-pages of section 2.
 */

#include "kernel/entry/getname.h"
#include "kernel/entry/syscall.h"
#include "kernel/time/ktime.h"
#include "lib/compiler.h"
#include "lib/err.h"
#include "lib/string.h"
#include "mm/alloc/slab.h"
#include "mm/uaccess.h"
#include "vfs/fcntl.h"
#include "vfs/file.h"
#include "vfs/namei.h"

char *getname(u64 uname)
{
	char *name = kmalloc(PATH_MAX, GFP_KERNEL);
	s64 len;

	if (!name)
		return ERR_PTR(-ENOMEM);
	len = strncpy_from_user(name, uname, PATH_MAX);
	if (len >= 0 && len < PATH_MAX)
		return name;
	kfree(name);
	return ERR_PTR(len < 0 ? len : -ENAMETOOLONG);
}

void putname(char *name)
{
	if (!IS_ERR(name))
		kfree(name);
}

/* Run `call` with the kernel string `name` of user address uname. */
#define WITH_NAME(uname, call)                                                                     \
	({                                                                                         \
		char *name = getname(uname);                                                       \
		long _ret = IS_ERR(name) ? PTR_ERR(name) : (long)(call);                           \
		putname(name);                                                                     \
		_ret;                                                                              \
	})
#define WITH_2NAMES(uname1, uname2, call)                                                          \
	({                                                                                         \
		char *name1 = getname(uname1), *name2 = getname(uname2);                           \
		long _ret = IS_ERR(name1) ? PTR_ERR(name1) :                                       \
			    IS_ERR(name2) ? PTR_ERR(name2) :                                       \
					    (long)(call);                                          \
		putname(name1);                                                                    \
		putname(name2);                                                                    \
		_ret;                                                                              \
	})

SYSCALL_DEFINE3(open, u64, uname, u32, flags, u32, mode)
{
	return WITH_NAME(uname, do_sys_open(AT_FDCWD, name, flags, mode));
}

SYSCALL_DEFINE4(openat, int, dfd, u64, uname, u32, flags, u32, mode)
{
	return WITH_NAME(uname, do_sys_open(dfd, name, flags, mode));
}

SYSCALL_DEFINE2(creat, u64, uname, u32, mode)
{
	return WITH_NAME(uname, do_sys_open(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode));
}

static long stat_to_user(int dfd, u64 uname, u64 ubuf, u32 flags)
{
	struct kstat stat;
	struct user_stat out;
	long ret = WITH_NAME(uname, vfs_fstatat(dfd, name, &stat, flags));

	if (ret)
		return ret;
	cp_new_stat(&stat, &out);
	return copy_to_user(ubuf, &out, sizeof(out)) ? -EFAULT : 0;
}

SYSCALL_DEFINE2(stat, u64, uname, u64, ubuf)
{
	return stat_to_user(AT_FDCWD, uname, ubuf, 0);
}

SYSCALL_DEFINE2(lstat, u64, uname, u64, ubuf)
{
	return stat_to_user(AT_FDCWD, uname, ubuf, AT_SYMLINK_NOFOLLOW);
}

SYSCALL_DEFINE4(newfstatat, int, dfd, u64, uname, u64, ubuf, u32, flags)
{
	return stat_to_user(dfd, uname, ubuf, flags);
}

SYSCALL_DEFINE2(fstat, u32, fd, u64, ubuf)
{
	struct kstat stat;
	struct user_stat out;
	int ret = vfs_fstat(fd, &stat);

	if (ret)
		return ret;
	cp_new_stat(&stat, &out);
	return copy_to_user(ubuf, &out, sizeof(out)) ? -EFAULT : 0;
}

SYSCALL_DEFINE5(statx, int, dfd, u64, uname, u32, flags, u32, mask, u64, ubuf)
{
	struct kstat stat;
	struct user_statx out;
	long ret;

	if (mask & 0x80000000u || (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
		return -EINVAL;
	ret = WITH_NAME(uname, vfs_fstatat(dfd, name, &stat, flags & ~(u32)AT_STATX_SYNC_TYPE));
	if (ret)
		return ret;
	cp_statx(&stat, &out);
	return copy_to_user(ubuf, &out, sizeof(out)) ? -EFAULT : 0;
}

SYSCALL_DEFINE2(statfs, u64, uname, u64, ubuf)
{
	struct kstatfs st;
	long ret = WITH_NAME(uname, user_statfs(name, &st));

	if (ret)
		return ret;
	return copy_to_user(ubuf, &st, sizeof(st)) ? -EFAULT : 0;
}

SYSCALL_DEFINE2(fstatfs, u32, fd, u64, ubuf)
{
	struct kstatfs st;
	long ret = fd_statfs(fd, &st);

	if (ret)
		return ret;
	return copy_to_user(ubuf, &st, sizeof(st)) ? -EFAULT : 0;
}

SYSCALL_DEFINE2(access, u64, uname, int, mode)
{
	return WITH_NAME(uname, do_faccessat(AT_FDCWD, name, mode, 0));
}

SYSCALL_DEFINE3(faccessat, int, dfd, u64, uname, int, mode)
{
	return WITH_NAME(uname, do_faccessat(dfd, name, mode, 0));
}

SYSCALL_DEFINE4(faccessat2, int, dfd, u64, uname, int, mode, u32, flags)
{
	return WITH_NAME(uname, do_faccessat(dfd, name, mode, flags));
}

SYSCALL_DEFINE2(truncate, u64, uname, s64, length)
{
	return WITH_NAME(uname, do_sys_truncate(name, length));
}

SYSCALL_DEFINE2(getcwd, u64, ubuf, u64, size)
{
	char *buf = kmalloc(PATH_MAX, GFP_KERNEL);
	long ret;

	if (!buf)
		return -ENOMEM;
	ret = do_getcwd(buf, PATH_MAX);
	if (ret > 0 && (u64)ret > size)
		ret = -ERANGE;
	if (ret > 0 && copy_to_user(ubuf, buf, (u64)ret))
		ret = -EFAULT;
	kfree(buf);
	return ret;
}

SYSCALL_DEFINE1(chdir, u64, uname)
{
	return WITH_NAME(uname, ksys_chdir(name));
}

SYSCALL_DEFINE1(fchdir, u32, fd)
{
	return ksys_fchdir(fd);
}

SYSCALL_DEFINE1(chroot, u64, uname)
{
	return WITH_NAME(uname, ksys_chroot(name));
}

SYSCALL_DEFINE2(rename, u64, uold, u64, unew)
{
	return WITH_2NAMES(uold, unew, do_renameat2(AT_FDCWD, name1, AT_FDCWD, name2, 0));
}

SYSCALL_DEFINE4(renameat, int, olddfd, u64, uold, int, newdfd, u64, unew)
{
	return WITH_2NAMES(uold, unew, do_renameat2(olddfd, name1, newdfd, name2, 0));
}

SYSCALL_DEFINE5(renameat2, int, olddfd, u64, uold, int, newdfd, u64, unew, u32, flags)
{
	return WITH_2NAMES(uold, unew, do_renameat2(olddfd, name1, newdfd, name2, flags));
}

SYSCALL_DEFINE2(mkdir, u64, uname, u32, mode)
{
	return WITH_NAME(uname, do_mkdirat(AT_FDCWD, name, mode));
}

SYSCALL_DEFINE3(mkdirat, int, dfd, u64, uname, u32, mode)
{
	return WITH_NAME(uname, do_mkdirat(dfd, name, mode));
}

SYSCALL_DEFINE1(rmdir, u64, uname)
{
	return WITH_NAME(uname, do_rmdir(AT_FDCWD, name));
}

SYSCALL_DEFINE1(unlink, u64, uname)
{
	return WITH_NAME(uname, do_unlinkat(AT_FDCWD, name));
}

SYSCALL_DEFINE3(unlinkat, int, dfd, u64, uname, u32, flags)
{
	if (flags & ~(u32)AT_REMOVEDIR)
		return -EINVAL;
	return WITH_NAME(uname, flags ? do_rmdir(dfd, name) : do_unlinkat(dfd, name));
}

SYSCALL_DEFINE2(link, u64, uold, u64, unew)
{
	return WITH_2NAMES(uold, unew, do_linkat(AT_FDCWD, name1, AT_FDCWD, name2, 0));
}

SYSCALL_DEFINE5(linkat, int, olddfd, u64, uold, int, newdfd, u64, unew, u32, flags)
{
	return WITH_2NAMES(uold, unew, do_linkat(olddfd, name1, newdfd, name2, flags));
}

SYSCALL_DEFINE2(symlink, u64, utarget, u64, uname)
{
	return WITH_2NAMES(utarget, uname, do_symlinkat(name1, AT_FDCWD, name2));
}

SYSCALL_DEFINE3(symlinkat, u64, utarget, int, dfd, u64, uname)
{
	return WITH_2NAMES(utarget, uname, do_symlinkat(name1, dfd, name2));
}

static long readlink_to_user(int dfd, u64 uname, u64 ubuf, s32 size)
{
	char *buf;
	long ret;

	if (size <= 0)
		return -EINVAL;
	buf = kmalloc(PATH_MAX, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	ret = WITH_NAME(uname, do_readlinkat(dfd, name, buf, (u32)min(size, (s32)PATH_MAX)));
	if (ret > 0 && copy_to_user(ubuf, buf, (u64)ret))
		ret = -EFAULT;
	kfree(buf);
	return ret;
}

SYSCALL_DEFINE3(readlink, u64, uname, u64, ubuf, s32, size)
{
	return readlink_to_user(AT_FDCWD, uname, ubuf, size);
}

SYSCALL_DEFINE4(readlinkat, int, dfd, u64, uname, u64, ubuf, s32, size)
{
	return readlink_to_user(dfd, uname, ubuf, size);
}

SYSCALL_DEFINE2(chmod, u64, uname, u32, mode)
{
	return WITH_NAME(uname, do_fchmodat(AT_FDCWD, name, mode));
}

SYSCALL_DEFINE3(fchmodat, int, dfd, u64, uname, u32, mode)
{
	return WITH_NAME(uname, do_fchmodat(dfd, name, mode));
}

SYSCALL_DEFINE2(fchmod, u32, fd, u32, mode)
{
	return ksys_fchmod(fd, mode);
}

SYSCALL_DEFINE3(chown, u64, uname, u32, uid, u32, gid)
{
	return WITH_NAME(uname, do_fchownat(AT_FDCWD, name, uid, gid, 0));
}

SYSCALL_DEFINE3(lchown, u64, uname, u32, uid, u32, gid)
{
	return WITH_NAME(uname, do_fchownat(AT_FDCWD, name, uid, gid, AT_SYMLINK_NOFOLLOW));
}

SYSCALL_DEFINE5(fchownat, int, dfd, u64, uname, u32, uid, u32, gid, u32, flags)
{
	return WITH_NAME(uname, do_fchownat(dfd, name, uid, gid, flags));
}

SYSCALL_DEFINE3(fchown, u32, fd, u32, uid, u32, gid)
{
	return ksys_fchown(fd, uid, gid);
}

SYSCALL_DEFINE1(umask, u32, mask)
{
	return ksys_umask(mask);
}

SYSCALL_DEFINE3(mknod, u64, uname, u32, mode, u32, dev)
{
	return WITH_NAME(uname, do_mknodat(AT_FDCWD, name, mode, new_decode_dev(dev)));
}

SYSCALL_DEFINE4(mknodat, int, dfd, u64, uname, u32, mode, u32, dev)
{
	return WITH_NAME(uname, do_mknodat(dfd, name, mode, new_decode_dev(dev)));
}

/*
 * Two times at a user address; step_ns 1 for timespec, 1000 for timeval, NSEC_PER_SEC for utimbuf
 * (seconds only).
 */
static long utimes_from_user(int dfd, u64 uname, u64 utimes, u64 step_ns, u32 flags)
{
	struct timespec64 t[2];
	s64 raw[4] = { 0, 0, 0, 0 };
	long ret;

	if (utimes) {
		if (copy_from_user(raw, utimes, step_ns == NSEC_PER_SEC ? 16 : 32))
			return -EFAULT;
		if (step_ns == NSEC_PER_SEC) {
			raw[2] = raw[1];
			raw[1] = 0;
		} else if (step_ns == 1000) {
			if ((u64)raw[1] >= 1000000 || (u64)raw[3] >= 1000000)
				return -EINVAL;
			raw[1] *= 1000;
			raw[3] *= 1000;
		}
		t[0] = (struct timespec64){ raw[0], raw[1] };
		t[1] = (struct timespec64){ raw[2], raw[3] };
	}
	if (!uname) {
		if (dfd == AT_FDCWD)
			return -EFAULT;
		return do_utimes(dfd, NULL, utimes ? t : NULL, flags);
	}
	ret = WITH_NAME(uname, do_utimes(dfd, name, utimes ? t : NULL, flags));
	return ret;
}

SYSCALL_DEFINE4(utimensat, int, dfd, u64, uname, u64, utimes, u32, flags)
{
	return utimes_from_user(dfd, uname, utimes, 1, flags);
}

SYSCALL_DEFINE3(futimesat, int, dfd, u64, uname, u64, utimes)
{
	return utimes_from_user(dfd, uname, utimes, 1000, 0);
}

SYSCALL_DEFINE2(utimes, u64, uname, u64, utimes)
{
	return utimes_from_user(AT_FDCWD, uname, utimes, 1000, 0);
}

SYSCALL_DEFINE2(utime, u64, uname, u64, utimes)
{
	return utimes_from_user(AT_FDCWD, uname, utimes, NSEC_PER_SEC, 0);
}
