/* SPDX-License-Identifier: MIT */
/*
 * stat and statfs: what is known about an object, laid out for the user.
 *
 * Called by the system call table. Calls the walk and getattr.
 *
 *	stat("/dev/null"):  st_dev 2 (devtmpfs), st_mode 020666, st_rdev 0x103 (1:3)
 *
 * X1  Every byte of a user record is written, the padding too.
 *
 * Units: sizes in bytes, blocks of 512 bytes. Owner: the caller's buffers (kernel memory). Locking:
 * none; fields are read between two charges. Errors: as stat(2). Time: the walk's. Source: Linux
 * fs/stat.c (behaviour), stat(2), statx(2).
 */
#include "vfs/stat.h"

#include "lib/string.h"
#include "vfs/fcntl.h"
#include "vfs/file.h"
#include "vfs/namei.h"

void cp_new_stat(const struct kstat *stat, struct user_stat *out)
{
	*out = (struct user_stat){
		.st_dev = new_encode_dev(stat->dev),
		.st_ino = stat->ino,
		.st_nlink = stat->nlink,
		.st_mode = stat->mode,
		.st_uid = stat->uid,
		.st_gid = stat->gid,
		.st_rdev = new_encode_dev(stat->rdev),
		.st_size = stat->size,
		.st_blksize = stat->blksize,
		.st_blocks = (s64)stat->blocks,
		.st_atime_s = (u64)stat->atime.tv_sec,
		.st_atime_ns = (u64)stat->atime.tv_nsec,
		.st_mtime_s = (u64)stat->mtime.tv_sec,
		.st_mtime_ns = (u64)stat->mtime.tv_nsec,
		.st_ctime_s = (u64)stat->ctime.tv_sec,
		.st_ctime_ns = (u64)stat->ctime.tv_nsec,
	};
}

static struct user_statx_timestamp statx_time(const struct timespec64 *t)
{
	return (struct user_statx_timestamp){ .tv_sec = t->tv_sec, .tv_nsec = (u32)t->tv_nsec };
}

void cp_statx(const struct kstat *stat, struct user_statx *out)
{
	memset(out, 0, sizeof(*out));
	out->stx_mask = STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID;
	out->stx_blksize = stat->blksize;
	out->stx_nlink = stat->nlink;
	out->stx_uid = stat->uid;
	out->stx_gid = stat->gid;
	out->stx_mode = (u16)stat->mode;
	out->stx_ino = stat->ino;
	out->stx_size = (u64)stat->size;
	out->stx_blocks = stat->blocks;
	out->stx_atime = statx_time(&stat->atime);
	out->stx_btime = statx_time(&stat->btime);
	out->stx_ctime = statx_time(&stat->ctime);
	out->stx_mtime = statx_time(&stat->mtime);
	out->stx_rdev_major = MAJOR(stat->rdev);
	out->stx_rdev_minor = MINOR(stat->rdev);
	out->stx_dev_major = MAJOR(stat->dev);
	out->stx_dev_minor = MINOR(stat->dev);
	out->stx_mnt_id = stat->mnt_id;
}

int vfs_fstatat(int dfd, const char *name, struct kstat *stat, u32 flags)
{
	struct path path;
	int err;

	if (flags &
	    ~(u32)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE))
		return -EINVAL;
	err = filename_lookup(dfd, name,
			      (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
				      (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0),
			      &path);
	if (err)
		return err;
	err = vfs_getattr(&path, stat);
	path_put(&path);
	return err;
}

int vfs_fstat(u32 fd, struct kstat *stat)
{
	struct file *file = fget_raw(fd);
	int err;

	if (!file)
		return -EBADF;
	err = vfs_getattr(&file->f_path, stat);
	fput(file);
	return err;
}

int user_statfs(const char *name, struct kstatfs *buf)
{
	struct path path;
	int err = kern_path(name, LOOKUP_FOLLOW, &path);

	if (err)
		return err;
	err = vfs_statfs(&path, buf);
	path_put(&path);
	return err;
}

int fd_statfs(u32 fd, struct kstatfs *buf)
{
	struct file *file = fget_raw(fd);
	int err;

	if (!file)
		return -EBADF;
	err = vfs_statfs(&file->f_path, buf);
	fput(file);
	return err;
}
