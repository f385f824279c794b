/* SPDX-License-Identifier: MIT */
/*
 * Opening what a walk found, and the calls that change an object's attributes by path or
 * descriptor.
 *
 * Called by the walk (dentry_open) and by the system call table. Calls f_op->open, notify_change,
 * fs_struct.
 *
 *	open("/tmp/f", O_WRONLY|O_TRUNC):   path_openat -> dentry_open: file { f_mode WRITE|LSEEK|PWRITE|ATOMIC_POS, f_pos 0 }
 *	                                    -> do_truncate(0) -> fd_install
 *
 * E1  A file open for writing holds a write access of its inode; a program being executed
 *     (deny_write_access) refuses that with -ETXTBSY.
 * E2  An O_PATH file has no f_op of its own: it names a place, and every read or write on it is
 *     -EBADF.
 * E3  A failed open releases exactly what was taken, and a file whose open failed never sees
 *     release.
 *
 * Units: lengths in bytes. Owner: the caller gets one file reference. Locking: i_rwsem around
 * attribute changes. Errors: as open(2), chmod(2), truncate(2), utimensat(2). Time: COST_FILE_OP an
 * open. Source: Linux fs/open.c, fs/attr.c, fs/utimes.c (behaviour).
 */
#include "hw/cpu.h"
#include "lib/string.h"
#include "mm/alloc/slab.h"
#include "vfs/cred.h"
#include "vfs/file.h"
#include "vfs/fs_struct.h"
#include "vfs/namei_internal.h"
#include "vfs/vfs.h"

static const struct file_operations path_fops;

static u32 flags_to_fmode(u32 flags, const struct inode *inode)
{
	static const u32 modes[4] = { FMODE_READ, FMODE_WRITE, FMODE_READ | FMODE_WRITE, 0 };
	u32 mode;

	if (flags & O_PATH)
		return FMODE_PATH;
	mode = modes[flags & O_ACCMODE] | FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE;
	if (S_ISREG(inode->i_mode) || S_ISDIR(inode->i_mode))
		mode |= FMODE_ATOMIC_POS;
	return mode;
}

struct file *dentry_open(const struct path *path, u32 flags, struct cred *cred)
{
	struct inode *inode = path->dentry->d_inode;
	struct file *file;
	int err = 0;

	(void)cred;
	file = alloc_file(path, flags & ~(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC),
			  flags & O_PATH ? &path_fops :
			  inode->i_fop	 ? inode->i_fop :
					   &path_fops);
	if (IS_ERR(file))
		return file;
	file->f_mode = flags_to_fmode(flags, inode);
	if (file->f_mode & FMODE_WRITE) {
		err = S_ISREG(inode->i_mode) ? get_write_access(inode) : 0;
		if (err)
			file->f_mode &= ~FMODE_WRITE;
	}
	if (!err && file->f_op->open)
		err = file->f_op->open(inode, file);
	if (err) {
		file->f_op = &path_fops; /* E3 */
		fput(file);
		return ERR_PTR(err);
	}
	charge(COST_FILE_OP);
	return file;
}

int do_sys_open(int dfd, const char *name, u32 flags, u32 mode)
{
	struct file *file;
	int fd = get_unused_fd_flags(0, flags);

	if (fd < 0)
		return fd;
	file = do_filp_open(dfd, name, flags, mode);
	if (IS_ERR(file)) {
		put_unused_fd((u32)fd);
		return (int)PTR_ERR(file);
	}
	fd_install((u32)fd, file);
	return fd;
}

/* --- size --- */

int do_truncate(const struct path *path, s64 length)
{
	struct inode *inode = path->dentry->d_inode;
	struct iattr attr = { .ia_valid = ATTR_SIZE | ATTR_MTIME | ATTR_CTIME, .ia_size = length };
	int err;

	if (length < 0)
		return -EINVAL;
	if (!capable(CAP_FSETID)) {
		if (inode->i_mode & S_ISUID)
			attr.ia_valid |= ATTR_KILL_SUID;
		if ((inode->i_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
			attr.ia_valid |= ATTR_KILL_SGID;
	}
	down_write(&inode->i_rwsem);
	err = notify_change(path->mnt, path->dentry, &attr);
	up_write(&inode->i_rwsem);
	return err;
}

int vfs_truncate(const struct path *path, s64 length)
{
	struct inode *inode = path->dentry->d_inode;
	int err;

	if (S_ISDIR(inode->i_mode))
		return -EISDIR;
	if (!S_ISREG(inode->i_mode))
		return -EINVAL;
	err = inode_permission(path->mnt, inode, MAY_WRITE);
	if (err)
		return err;
	err = get_write_access(inode);
	if (err)
		return err;
	err = do_truncate(path, length);
	put_write_access(inode);
	return err;
}

int do_sys_truncate(const char *name, s64 length)
{
	struct path path;
	int err;

	if (length < 0)
		return -EINVAL;
	err = kern_path(name, LOOKUP_FOLLOW, &path);
	if (err)
		return err;
	err = vfs_truncate(&path, length);
	path_put(&path);
	return err;
}

int do_sys_ftruncate(u32 fd, s64 length)
{
	struct file *file;
	int err;

	if (length < 0)
		return -EINVAL;
	file = fget(fd);
	if (!file)
		return -EBADF;
	if (!S_ISREG(file->f_inode->i_mode) || !(file->f_mode & FMODE_WRITE))
		err = -EINVAL;
	else
		err = do_truncate(&file->f_path, length);
	fput(file);
	return err;
}

/* --- access --- */

int do_faccessat(int dfd, const char *name, int mode, u32 flags)
{
	struct cred *saved = current->cred, *real = NULL;
	struct path path;
	int err;

	if (mode & ~(MAY_READ | MAY_WRITE | MAY_EXEC))
		return -EINVAL;
	if (flags & ~(u32)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	/*
	 * access(2) asks on behalf of the real ids; the common case, where they are the same, needs
	 * no copy.
	 */
	if (!(flags & AT_EACCESS) && (saved->fsuid != saved->uid || saved->fsgid != saved->gid)) {
		real = prepare_creds();
		if (!real)
			return -ENOMEM;
		real->fsuid = real->uid;
		real->fsgid = real->gid;
		real->cap_effective = real->uid ? 0 : real->cap_permitted;
		current->cred = real;
	}
	err = filename_lookup(dfd, name,
			      (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
				      (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0),
			      &path);
	if (!err) {
		struct inode *inode = path.dentry->d_inode;

		if ((mode & MAY_EXEC) && S_ISREG(inode->i_mode) &&
		    (path.mnt->mnt_flags & MNT_NOEXEC))
			err = -EACCES;
		else
			err = inode_permission(path.mnt, inode, mode | MAY_ACCESS);
		path_put(&path);
	}
	if (real) {
		current->cred = saved;
		put_cred(real);
	}
	return err;
}

/* --- mode, owner, times --- */

static int change(const struct path *path, struct iattr *attr)
{
	struct inode *inode = path->dentry->d_inode;
	int err;

	down_write(&inode->i_rwsem);
	err = notify_change(path->mnt, path->dentry, attr);
	up_write(&inode->i_rwsem);
	return err;
}

static int chmod_common(const struct path *path, u32 mode)
{
	struct iattr attr = { .ia_valid = ATTR_MODE | ATTR_CTIME, .ia_mode = mode & S_IALLUGO };

	return change(path, &attr);
}

int do_fchmodat(int dfd, const char *name, u32 mode)
{
	struct path path;
	int err = filename_lookup(dfd, name, LOOKUP_FOLLOW, &path);

	if (err)
		return err;
	err = chmod_common(&path, mode);
	path_put(&path);
	return err;
}

int ksys_fchmod(u32 fd, u32 mode)
{
	struct file *file = fget(fd);
	int err;

	if (!file)
		return -EBADF;
	err = chmod_common(&file->f_path, mode);
	fput(file);
	return err;
}

static int chown_common(const struct path *path, u32 uid, u32 gid)
{
	struct iattr attr = { .ia_valid = ATTR_CTIME, .ia_uid = uid, .ia_gid = gid };

	if (uid != ~0u)
		attr.ia_valid |= ATTR_UID;
	if (gid != ~0u)
		attr.ia_valid |= ATTR_GID;
	if (!S_ISDIR(path->dentry->d_inode->i_mode))
		attr.ia_valid |= ATTR_KILL_SUID | ATTR_KILL_SGID;
	return change(path, &attr);
}

int do_fchownat(int dfd, const char *name, u32 uid, u32 gid, u32 flags)
{
	struct path path;
	int err;

	if (flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	err = filename_lookup(dfd, name,
			      (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
				      (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0),
			      &path);
	if (err)
		return err;
	err = chown_common(&path, uid, gid);
	path_put(&path);
	return err;
}

int ksys_fchown(u32 fd, u32 uid, u32 gid)
{
	struct file *file = fget(fd);
	int err;

	if (!file)
		return -EBADF;
	err = chown_common(&file->f_path, uid, gid);
	fput(file);
	return err;
}

static bool nsec_valid(s64 ns)
{
	return ns == UTIME_OMIT || ns == UTIME_NOW || (ns >= 0 && ns < 1000000000);
}

static int utimes_common(const struct path *path, const struct timespec64 *times)
{
	struct iattr attr = { .ia_valid = ATTR_CTIME | ATTR_MTIME | ATTR_ATIME };

	if (!times || (times[0].tv_nsec == UTIME_NOW && times[1].tv_nsec == UTIME_NOW)) {
		attr.ia_valid |= ATTR_TOUCH;
		return change(path, &attr);
	}
	if (!nsec_valid(times[0].tv_nsec) || !nsec_valid(times[1].tv_nsec))
		return -EINVAL;
	if (times[0].tv_nsec == UTIME_OMIT && times[1].tv_nsec == UTIME_OMIT)
		return 0;
	attr.ia_valid |= ATTR_ATIME_SET | ATTR_MTIME_SET;
	attr.ia_atime = times[0].tv_nsec == UTIME_NOW ? current_time() : times[0];
	attr.ia_mtime = times[1].tv_nsec == UTIME_NOW ? current_time() : times[1];
	if (times[0].tv_nsec == UTIME_OMIT)
		attr.ia_valid &= ~ATTR_ATIME;
	if (times[1].tv_nsec == UTIME_OMIT)
		attr.ia_valid &= ~ATTR_MTIME;
	return change(path, &attr);
}

int do_utimes(int dfd, const char *name, const struct timespec64 times[2], u32 flags)
{
	struct path path;
	int err;

	if (flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (!name) {
		struct file *file = fget((u32)dfd);

		if (!file)
			return -EBADF;
		err = utimes_common(&file->f_path, times);
		fput(file);
		return err;
	}
	err = filename_lookup(dfd, name,
			      (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
				      (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0),
			      &path);
	if (err)
		return err;
	err = utimes_common(&path, times);
	path_put(&path);
	return err;
}

/* --- where the task stands --- */

int ksys_chdir(const char *name)
{
	struct path path;
	int err = kern_path(name, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &path);

	if (err)
		return err;
	err = inode_permission(path.mnt, path.dentry->d_inode, MAY_EXEC);
	if (err)
		path_put(&path);
	else
		set_fs_pwd(current->fs, &path);
	return err;
}

int ksys_fchdir(u32 fd)
{
	struct file *file = fget_raw(fd);
	int err;

	if (!file)
		return -EBADF;
	err = S_ISDIR(file->f_inode->i_mode) ?
		      inode_permission(file->f_path.mnt, file->f_inode, MAY_EXEC) :
		      -ENOTDIR;
	if (!err) {
		path_get(&file->f_path);
		set_fs_pwd(current->fs, &file->f_path);
	}
	fput(file);
	return err;
}

int ksys_chroot(const char *name)
{
	struct path path;
	int err = kern_path(name, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &path);

	if (err)
		return err;
	err = inode_permission(path.mnt, path.dentry->d_inode, MAY_EXEC);
	if (!err && !capable(CAP_SYS_CHROOT))
		err = -EPERM;
	if (err)
		path_put(&path);
	else
		set_fs_root(current->fs, &path);
	return err;
}

u32 ksys_umask(u32 mask)
{
	u32 old = current->fs->umask;

	current->fs->umask = mask & S_IRWXUGO;
	return old;
}

int do_getcwd(char *buf, u32 size)
{
	struct path pwd;
	char *page, *name;
	int n;

	page = kmalloc(PATH_MAX, GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	get_fs_pwd(current->fs, &pwd);
	if (!IS_ROOT(pwd.dentry) && d_unhashed(pwd.dentry)) {
		n = -ENOENT;
	} else {
		name = d_path(&pwd, page, PATH_MAX);
		n = IS_ERR(name) ? (int)PTR_ERR(name) : (int)strlen(name) + 1;
		if (n > (int)size)
			n = -ERANGE;
		else if (n > 0)
			memcpy(buf, name, (u64)n);
	}
	path_put(&pwd);
	kfree(page);
	return n;
}
