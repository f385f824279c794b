/* SPDX-License-Identifier: MIT */
/*
 * Inodes: birth, references, death, and the attributes every file system shares.
 *
 * Called by file systems (new_inode), by the dentry cache (iput) and by every call that reads or
 * changes attributes. Calls the page cache to empty a dying file and super_operations.evict_inode.
 *
 *	new_inode(ramfs)   ino 17 (sb counter), count 1, nlink 1
 *	d_instantiate      the dentry owns that reference
 *	open               file -> dentry -> inode: no count of its own
 *	unlink             nlink 0; the dentry of the open file still holds it
 *	close              last dput -> iput -> count 0: pages freed, inode freed
 *
 * N1  Inode numbers of a super block are 1, 2, 3, ... in the order of birth and never used twice.
 * N2  count is the number of dentries and callers that hold the inode; at 0 it is freed at once.
 *     Names that are worth keeping are kept by the dentry cache, so a second cache of unreferenced
 *     inodes (Linux's inode LRU) has nothing to hold here.
 * N3  i_blocks counts the pages of the page cache, in 512-byte units, as tmpfs reports them.
 *
 * Units: sizes in bytes, i_blocks in 512 bytes, times since 1970. Owner: references. Locking:
 * i_rwsem by the caller where attributes change. Errors: NULL for no memory. Time:
 * ktime_get_real(). Source: Linux fs/inode.c, fs/attr.c (behaviour), inode(7).
 */
#include "kernel/time/ktime.h"
#include "lib/string.h"
#include "mm/alloc/slab.h"
#include "mm/mm.h"
#include "vfs/cred.h"
#include "vfs/devices.h"
#include "vfs/fs.h"
#include "vfs/vfs.h"

static void *xa_alloc(void *arg, size_t size)
{
	(void)arg;
	/* Called under i_pages_lock. */
	return kmalloc(size, GFP_ATOMIC);
}

static void xa_free(void *arg, void *node)
{
	(void)arg;
	kfree(node);
}

static const struct xa_ops page_tree_ops = { .alloc = xa_alloc, .free = xa_free };

struct timespec64 current_time(void)
{
	u64 ns = ktime_get_real();

	return (struct timespec64){ .tv_sec = (s64)(ns / NSEC_PER_SEC),
				    .tv_nsec = (s64)(ns % NSEC_PER_SEC) };
}

struct inode *new_inode(struct super_block *sb)
{
	struct inode *inode = kmem_cache_zalloc(vfs()->inode_cache, GFP_KERNEL);

	if (!inode)
		return NULL;
	inode->i_sb = sb;
	inode->i_ino = ++sb->s_next_ino;
	inode->i_count = 1;
	inode->i_nlink = 1;
	inode->i_atime = inode->i_mtime = inode->i_ctime = inode->i_btime = current_time();
	inode->i_data.host = inode;
	xa_init(&inode->i_data.i_pages, &page_tree_ops, NULL);
	spin_lock_init(&inode->i_data.i_pages_lock);
	spin_lock_init(&inode->i_lock);
	init_rwsem(&inode->i_rwsem);
	INIT_LIST_HEAD(&inode->i_flock);
	init_waitqueue_head(&inode->i_flock_wait);
	list_add_tail(&inode->i_sb_list, &sb->s_inodes);
	sb->nr_inodes++;
	vfs()->nr_inodes++;
	return inode;
}

void iput(struct inode *inode)
{
	if (!inode)
		return;
	BUG_ON(inode->i_count == 0);
	if (--inode->i_count)
		return;
	truncate_inode_pages(&inode->i_data, 0);
	if (inode->i_sb->s_op && inode->i_sb->s_op->evict_inode)
		inode->i_sb->s_op->evict_inode(inode);
	BUG_ON(inode->i_pipe || inode->i_data.nrpages);
	kfree(inode->i_link);
	list_del(&inode->i_sb_list);
	inode->i_sb->nr_inodes--;
	vfs()->nr_inodes--;
	kmem_cache_free(vfs()->inode_cache, inode);
}

void inode_init_owner(struct inode *inode, const struct inode *dir, u32 mode)
{
	inode->i_uid = current_cred()->fsuid;
	inode->i_gid = current_cred()->fsgid;
	if (dir && (dir->i_mode & S_ISGID)) {
		inode->i_gid = dir->i_gid;
		if (S_ISDIR(mode))
			mode |= S_ISGID;
		else if ((mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
			 !cred_in_group(current_cred(), dir->i_gid) && !capable(CAP_FSETID))
			mode &= ~S_ISGID;
	}
	inode->i_mode = mode;
}

static int no_open(struct inode *inode, struct file *file)
{
	(void)inode;
	(void)file;
	return -ENXIO;
}

static const struct file_operations no_open_fops = { .open = no_open };

void init_special_inode(struct inode *inode, u32 mode, u32 rdev)
{
	inode->i_rdev = S_ISCHR(mode) || S_ISBLK(mode) ? rdev : 0;
	if (S_ISCHR(mode))
		inode->i_fop = &def_chr_fops;
	else if (S_ISFIFO(mode) && vfs()->fifo_fops)
		inode->i_fop = vfs()->fifo_fops;
	else
		inode->i_fop =
			&no_open_fops; /* block devices and sockets have nothing behind them */
}

static bool timespec_before_eq(const struct timespec64 *a, const struct timespec64 *b)
{
	return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec <= b->tv_nsec);
}

/* relatime: only when the last read is older than the last change, or a day. */
void touch_atime(const struct path *path)
{
	struct inode *inode = path->dentry->d_inode;
	struct timespec64 now;

	if (path->mnt->mnt_flags & MNT_READONLY)
		return;
	if (timespec_before_eq(&inode->i_atime, &inode->i_mtime) ||
	    timespec_before_eq(&inode->i_atime, &inode->i_ctime)) {
		inode->i_atime = current_time();
		return;
	}
	now = current_time();
	if (now.tv_sec - inode->i_atime.tv_sec >= 24 * 60 * 60)
		inode->i_atime = now;
}

void file_update_time(struct file *file)
{
	struct inode *inode = file->f_inode;

	inode->i_mtime = inode->i_ctime = current_time();
}

int get_write_access(struct inode *inode)
{
	if (inode->i_writecount < 0)
		return -ETXTBSY;
	inode->i_writecount++;
	return 0;
}

void put_write_access(struct inode *inode)
{
	BUG_ON(inode->i_writecount <= 0);
	inode->i_writecount--;
}

int deny_write_access(struct inode *inode)
{
	if (inode->i_writecount > 0)
		return -ETXTBSY;
	inode->i_writecount--;
	return 0;
}

void allow_write_access(struct inode *inode)
{
	BUG_ON(inode->i_writecount >= 0);
	inode->i_writecount++;
}

/* --- permissions --- */

int generic_permission(struct inode *inode, int mask)
{
	const struct cred *cred = current_cred();
	u32 mode = inode->i_mode, want = (u32)mask & (MAY_READ | MAY_WRITE | MAY_EXEC);

	if (cred->fsuid == inode->i_uid)
		mode >>= 6;
	else if (cred_in_group(cred, inode->i_gid))
		mode >>= 3;
	if (!(want & ~mode))
		return 0;
	if (S_ISDIR(inode->i_mode)) {
		if (!(mask & MAY_WRITE) && capable(CAP_DAC_READ_SEARCH))
			return 0;
		return capable(CAP_DAC_OVERRIDE) ? 0 : -EACCES;
	}
	if (want == MAY_READ && capable(CAP_DAC_READ_SEARCH))
		return 0;
	if ((!(mask & MAY_EXEC) || (inode->i_mode & S_IXUGO)) && capable(CAP_DAC_OVERRIDE))
		return 0;
	return -EACCES;
}

int inode_permission(struct vfsmount *mnt, struct inode *inode, int mask)
{
	if ((mask & MAY_WRITE) && mnt && (mnt->mnt_flags & MNT_READONLY) &&
	    (S_ISREG(inode->i_mode) || S_ISDIR(inode->i_mode) || S_ISLNK(inode->i_mode)))
		return -EROFS;
	if (inode->i_op && inode->i_op->permission)
		return inode->i_op->permission(inode, mask);
	return generic_permission(inode, mask);
}

/* --- attributes --- */

void generic_fillattr(const struct inode *inode, struct kstat *stat)
{
	*stat = (struct kstat){
		.ino = inode->i_ino,
		.mode = inode->i_mode,
		.nlink = inode->i_nlink,
		.uid = inode->i_uid,
		.gid = inode->i_gid,
		.dev = inode->i_sb->s_dev,
		.rdev = inode->i_rdev,
		.size = inode->i_size,
		.atime = inode->i_atime,
		.mtime = inode->i_mtime,
		.ctime = inode->i_ctime,
		.btime = inode->i_btime,
		.blksize = inode->i_sb->s_blocksize,
		.blocks = inode->i_blocks,
	};
}

int vfs_getattr(const struct path *path, struct kstat *stat)
{
	struct inode *inode = path->dentry->d_inode;

	if (inode->i_op && inode->i_op->getattr)
		inode->i_op->getattr(path, stat);
	else
		generic_fillattr(inode, stat);
	stat->mnt_id = path->mnt->mnt_id;
	return 0;
}

static bool owner_or_capable(const struct inode *inode)
{
	return current_cred()->fsuid == inode->i_uid || capable(CAP_FOWNER);
}

int file_too_big(void)
{
	struct kernel *k = kern();

	if (k->hooks.send_sig)
		k->hooks.send_sig(SIGXFSZ, current);
	return -EFBIG;
}

/* May a truncation bring inode to this size? Shrinking always may. */
static int inode_newsize_ok(const struct inode *inode, s64 size)
{
	if (size <= inode->i_size)
		return 0;
	if ((u64)size > rlimit(RLIMIT_FSIZE))
		return file_too_big();
	return size > inode->i_sb->s_maxbytes ? -EFBIG : 0;
}

int setattr_prepare(struct inode *inode, const struct iattr *attr)
{
	const struct cred *cred = current_cred();
	u32 valid = attr->ia_valid;

	if (valid & ATTR_SIZE) {
		int err = inode_newsize_ok(inode, attr->ia_size);

		if (err)
			return err;
	}
	if (valid & ATTR_FORCE)
		return 0;
	if ((valid & ATTR_UID) && !(cred->fsuid == inode->i_uid && attr->ia_uid == inode->i_uid) &&
	    !capable(CAP_CHOWN))
		return -EPERM;
	if ((valid & ATTR_GID) &&
	    !(cred->fsuid == inode->i_uid &&
	      (cred_in_group(cred, attr->ia_gid) || attr->ia_gid == inode->i_gid)) &&
	    !capable(CAP_CHOWN))
		return -EPERM;
	if ((valid & ATTR_MODE) && !(valid & (ATTR_KILL_SUID | ATTR_KILL_SGID)) &&
	    !owner_or_capable(inode))
		return -EPERM;
	if ((valid & (ATTR_MTIME_SET | ATTR_ATIME_SET)) && !owner_or_capable(inode))
		return -EPERM;
	return 0;
}

void setattr_copy(struct inode *inode, const struct iattr *attr)
{
	u32 valid = attr->ia_valid;

	if (valid & ATTR_UID)
		inode->i_uid = attr->ia_uid;
	if (valid & ATTR_GID)
		inode->i_gid = attr->ia_gid;
	if (valid & ATTR_ATIME)
		inode->i_atime = attr->ia_atime;
	if (valid & ATTR_MTIME)
		inode->i_mtime = attr->ia_mtime;
	if (valid & ATTR_CTIME)
		inode->i_ctime = attr->ia_ctime;
	if (valid & ATTR_MODE) {
		u32 mode = attr->ia_mode;

		if (!cred_in_group(current_cred(), inode->i_gid) && !capable(CAP_FSETID))
			mode &= ~S_ISGID;
		inode->i_mode = (inode->i_mode & S_IFMT) | (mode & S_IALLUGO);
	}
}

int notify_change(struct vfsmount *mnt, struct dentry *dentry, struct iattr *attr)
{
	struct inode *inode = dentry->d_inode;
	struct timespec64 now = current_time();
	int err;

	if (mnt && (mnt->mnt_flags & MNT_READONLY))
		return -EROFS;
	if (attr->ia_valid & ATTR_TOUCH) {
		if (!owner_or_capable(inode)) {
			err = inode_permission(mnt, inode, MAY_WRITE);
			if (err)
				return err;
		}
	}
	if ((attr->ia_valid & ATTR_MODE) && S_ISLNK(inode->i_mode))
		return -EOPNOTSUPP;
	attr->ia_ctime = now;
	attr->ia_valid |= ATTR_CTIME;
	if (!(attr->ia_valid & ATTR_ATIME_SET))
		attr->ia_atime = now;
	if (!(attr->ia_valid & ATTR_MTIME_SET))
		attr->ia_mtime = now;
	if (attr->ia_valid & (ATTR_KILL_SUID | ATTR_KILL_SGID)) {
		u32 mode = inode->i_mode;

		if (attr->ia_valid & ATTR_KILL_SUID)
			mode &= ~S_ISUID;
		if ((attr->ia_valid & ATTR_KILL_SGID) &&
		    (mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
			mode &= ~S_ISGID;
		if (mode != inode->i_mode && !(attr->ia_valid & ATTR_MODE)) {
			/* setattr_prepare lets this one pass: it only takes rights away. */
			attr->ia_valid |= ATTR_MODE;
			attr->ia_mode = mode;
		}
	}
	if (inode->i_op && inode->i_op->setattr)
		return inode->i_op->setattr(dentry, attr);
	err = setattr_prepare(inode, attr);
	if (!err)
		setattr_copy(inode, attr);
	return err;
}
