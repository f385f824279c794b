/* SPDX-License-Identifier: MIT */
/*
 * ramfs: a file system that is nothing but the dentry cache and the page cache.
 *
 * Called by the VFS through its operation tables; mounted as the root, as tmpfs, and as devtmpfs.
 * Calls dcache, filemap and inode helpers.
 *
 *	mkdir /d; echo hi > /d/f; ln /d/f /d/g
 *
 *	dentry "d" (pinned) -> inode 2  dir   nlink 2  size 40 (two entries of 20)
 *	  dentry "f" (pinned) -> inode 3  file  nlink 2  size 3, one page
 *	  dentry "g" (pinned) -> inode 3
 *
 * R1  Every name that exists has a dentry pinned by one count (DCACHE_PERSISTENT); removing the
 *     name drops that count. So a lookup that misses the dentry cache is the answer "no such name".
 * R2  nlink of a directory is 2 plus its subdirectories; of other objects the number of pinned
 *     dentries on it.
 * R3  i_size of a directory is 20 times its entries, as tmpfs says; readdir goes by d_seq, so
 *     entries made or removed meanwhile neither repeat nor hide others.
 * R4  A call that fails changes nothing: the inode is made first, the name last.
 *
 * Units: bytes. Owner: dentries own inodes. Locking: the caller holds i_rwsem of every directory
 * that changes. Errors: -ENOMEM; the checks (existence, permission, emptiness of rename targets)
 * are vfs/namei.c's, emptiness of directories is judged here. Time: none of its own. Source: Linux
 * fs/ramfs, fs/libfs.c, mm/shmem.c (behaviour).
 */
#include "vfs/ramfs.h"

#include "lib/string.h"
#include "mm/alloc/alloc.h"
#include "mm/alloc/slab.h"
#include "vfs/fcntl.h"
#include "vfs/vfs.h"

#define BOGO_DIRENT_SIZE 20

static const struct inode_operations ramfs_dir_inode_operations, ramfs_file_inode_operations,
	ramfs_symlink_inode_operations;

static struct inode *ramfs_get_inode(struct super_block *sb, const struct inode *dir, u32 mode,
				     u32 rdev)
{
	struct inode *inode = new_inode(sb);

	if (!inode)
		return NULL;
	inode_init_owner(inode, dir, mode);
	switch (mode & S_IFMT) {
	case S_IFREG:
		inode->i_op = &ramfs_file_inode_operations;
		inode->i_fop = &ramfs_file_operations;
		break;
	case S_IFDIR:
		inode->i_op = &ramfs_dir_inode_operations;
		inode->i_fop = &ramfs_dir_operations;
		inode->i_nlink = 2;
		break;
	case S_IFLNK:
		inode->i_op = &ramfs_symlink_inode_operations;
		break;
	default:
		inode->i_op = &ramfs_file_inode_operations;
		init_special_inode(inode, mode, rdev);
	}
	return inode;
}

static struct dentry *ramfs_lookup(struct inode *dir, struct dentry *dentry)
{
	(void)dir;
	d_add(dentry, NULL); /* R1 */
	return NULL;
}

/* The name exists from now on: pinned, counted in the directory. */
static void ramfs_link_name(struct inode *dir, struct dentry *dentry, struct inode *inode)
{
	d_instantiate(dentry, inode);
	dentry->d_flags |= DCACHE_PERSISTENT;
	dget(dentry);
	dir->i_size += BOGO_DIRENT_SIZE;
	dir->i_mtime = dir->i_ctime = current_time();
}

static void ramfs_unlink_name(struct inode *dir, struct dentry *dentry)
{
	BUG_ON(!(dentry->d_flags & DCACHE_PERSISTENT));
	dir->i_size -= BOGO_DIRENT_SIZE;
	dir->i_mtime = dir->i_ctime = dentry->d_inode->i_ctime = current_time();
	dentry->d_flags &= ~DCACHE_PERSISTENT;
	dput(dentry);
}

static int ramfs_mknod(struct inode *dir, struct dentry *dentry, u32 mode, u32 rdev)
{
	struct inode *inode = ramfs_get_inode(dir->i_sb, dir, mode, rdev);

	if (!inode)
		return -ENOMEM;
	ramfs_link_name(dir, dentry, inode);
	return 0;
}

static int ramfs_create(struct inode *dir, struct dentry *dentry, u32 mode)
{
	return ramfs_mknod(dir, dentry, mode, 0);
}

static int ramfs_mkdir(struct inode *dir, struct dentry *dentry, u32 mode)
{
	int err = ramfs_mknod(dir, dentry, mode | S_IFDIR, 0);

	if (!err)
		dir->i_nlink++;
	return err;
}

static int ramfs_symlink(struct inode *dir, struct dentry *dentry, const char *target)
{
	struct inode *inode = ramfs_get_inode(dir->i_sb, dir, S_IFLNK | S_IRWXUGO, 0);

	if (!inode)
		return -ENOMEM;
	inode->i_link = kstrdup(target, GFP_KERNEL);
	if (!inode->i_link) {
		iput(inode);
		return -ENOMEM;
	}
	inode->i_size = (s64)strlen(target);
	ramfs_link_name(dir, dentry, inode);
	return 0;
}

static int ramfs_link(struct dentry *old, struct inode *dir, struct dentry *dentry)
{
	struct inode *inode = old->d_inode;

	inode->i_nlink++;
	inode->i_ctime = current_time();
	ramfs_link_name(dir, dentry, igrab(inode));
	return 0;
}

static int ramfs_unlink(struct inode *dir, struct dentry *dentry)
{
	dentry->d_inode->i_nlink--;
	ramfs_unlink_name(dir, dentry);
	return 0;
}

static bool ramfs_dir_empty(struct dentry *dentry)
{
	struct dentry *child;
	bool empty = true;

	spin_lock(&vfs()->dcache_lock);
	list_for_each_entry(child, &dentry->d_subdirs, d_child) {
		if (child->d_flags & DCACHE_PERSISTENT) {
			empty = false;
			break;
		}
	}
	spin_unlock(&vfs()->dcache_lock);
	return empty;
}

static int ramfs_rmdir(struct inode *dir, struct dentry *dentry)
{
	if (!ramfs_dir_empty(dentry))
		return -ENOTEMPTY;
	dentry->d_inode->i_nlink -= 2;
	dir->i_nlink--;
	ramfs_unlink_name(dir, dentry);
	return 0;
}

static void ramfs_move_parent(struct inode *inode, struct inode *from, struct inode *to)
{
	if (S_ISDIR(inode->i_mode) && from != to) {
		from->i_nlink--;
		to->i_nlink++;
	}
}

/* The dcache moves the names afterwards (vfs_rename). */
static int ramfs_rename(struct inode *old_dir, struct dentry *old, struct inode *new_dir,
			struct dentry *new_dentry, u32 flags)
{
	struct inode *inode = old->d_inode, *target = new_dentry->d_inode;

	if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	if (flags & RENAME_EXCHANGE) {
		ramfs_move_parent(inode, old_dir, new_dir);
		ramfs_move_parent(target, new_dir, old_dir);
		target->i_ctime = current_time();
	} else {
		if (target) {
			if (S_ISDIR(target->i_mode)) {
				int err = ramfs_rmdir(new_dir, new_dentry);

				if (err)
					return err;
			} else {
				ramfs_unlink(new_dir, new_dentry);
			}
		}
		ramfs_move_parent(inode, old_dir, new_dir);
		old_dir->i_size -= BOGO_DIRENT_SIZE;
		new_dir->i_size += BOGO_DIRENT_SIZE;
	}
	old_dir->i_mtime = old_dir->i_ctime = new_dir->i_mtime = new_dir->i_ctime = inode->i_ctime =
		current_time();
	return 0;
}

static int ramfs_setattr(struct dentry *dentry, const struct iattr *attr)
{
	struct inode *inode = dentry->d_inode;
	int err = setattr_prepare(inode, attr);

	if (err)
		return err;
	if ((attr->ia_valid & ATTR_SIZE) && attr->ia_size != inode->i_size) {
		u64 size = (u64)attr->ia_size;
		struct page *page;

		if (attr->ia_size < inode->i_size) {
			inode->i_size = attr->ia_size;
			unmap_mapping_range(&inode->i_data, size);
			truncate_inode_pages(&inode->i_data, DIV_ROUND_UP(size, PAGE_SIZE));
		}
		/*
		 * P2: what lay behind the (old or new) end in its page reads as zero when the file
		 * grows.
		 */
		page = find_get_page(&inode->i_data, (u64)inode->i_size / PAGE_SIZE);
		if (page) {
			u64 offset = (u64)inode->i_size % PAGE_SIZE;

			zero_page_range(page, offset, PAGE_SIZE - offset);
			put_page(page);
		}
		inode->i_size = attr->ia_size;
	}
	setattr_copy(inode, attr);
	return 0;
}

int dcache_readdir(struct file *file, struct dir_context *ctx)
{
	struct dentry *dir = file->f_path.dentry, *d = NULL;
	struct list_head *at = &dir->d_subdirs;

	if (ctx->pos == 0) {
		if (!dir_emit(ctx, ".", 1, dir->d_inode->i_ino, DT_DIR))
			return 0;
		ctx->pos = 1;
	}
	if (ctx->pos == 1) {
		if (!dir_emit(ctx, "..", 2, dir->d_parent->d_inode->i_ino, DT_DIR))
			return 0;
		ctx->pos = 2;
	}
	for (;;) {
		struct dentry *found = NULL;

		/*
		 * i_rwsem keeps names in place; the lock keeps negative neighbours from going
		 * meanwhile.
		 */
		spin_lock(&vfs()->dcache_lock);
		for (at = at->next; at != &dir->d_subdirs; at = at->next) {
			struct dentry *c = list_entry(at, struct dentry, d_child);

			if (c->d_inode && (c->d_flags & DCACHE_HASHED) &&
			    (s64)c->d_seq + 2 >= ctx->pos) {
				found = dget(c);
				break;
			}
		}
		spin_unlock(&vfs()->dcache_lock);
		dput(d);
		d = found;
		if (!d)
			return 0;
		ctx->pos = (s64)d->d_seq + 2;
		if (!dir_emit(ctx, d->d_name.name, d->d_name.len, d->d_inode->i_ino,
			      mode_to_dtype(d->d_inode->i_mode))) {
			dput(d);
			return 0;
		}
		ctx->pos++;
	}
}

static int ramfs_statfs(struct dentry *dentry, struct kstatfs *buf)
{
	struct super_block *sb = dentry->d_sb;
	struct sysinfo_mem si;

	si_meminfo(&si);
	*buf = (struct kstatfs){
		.f_type = (s64)sb->s_magic,
		.f_bsize = PAGE_SIZE,
		.f_frsize = PAGE_SIZE,
		.f_namelen = NAME_MAX,
		.f_blocks = si.totalram,
		.f_bfree = si.available,
		.f_bavail = si.available,
		.f_files = sb->nr_inodes + si.available,
		.f_ffree = si.available,
		.f_fsid = { (s32)sb->s_dev, 0 },
	};
	return 0;
}

const struct file_operations ramfs_file_operations = {
	.llseek = generic_file_llseek,
	.read_iter = generic_file_read_iter,
	.write_iter = generic_file_write_iter,
	.mmap = generic_file_mmap,
};

const struct file_operations ramfs_dir_operations = {
	.llseek = generic_file_llseek,
	.iterate_shared = dcache_readdir,
};

static const struct inode_operations ramfs_file_inode_operations = { .setattr = ramfs_setattr };
static const struct inode_operations ramfs_symlink_inode_operations = { .setattr = ramfs_setattr };

static const struct inode_operations ramfs_dir_inode_operations = {
	.lookup = ramfs_lookup,
	.create = ramfs_create,
	.link = ramfs_link,
	.unlink = ramfs_unlink,
	.symlink = ramfs_symlink,
	.mkdir = ramfs_mkdir,
	.rmdir = ramfs_rmdir,
	.mknod = ramfs_mknod,
	.rename = ramfs_rename,
	.setattr = ramfs_setattr,
};

static const struct super_operations ramfs_super_operations = { .statfs = ramfs_statfs };

static struct super_block *ramfs_mount(const struct file_system_type *type, const char *dev_name,
				       const char *options)
{
	struct super_block *sb = sget_anon(type);
	u32 mode = type == &tmpfs_fs_type ? S_IFDIR | 01777 : S_IFDIR | 0755;

	(void)dev_name;
	(void)options;
	if (IS_ERR(sb))
		return sb;
	sb->s_op = &ramfs_super_operations;
	sb->s_magic = type == &tmpfs_fs_type ? TMPFS_MAGIC : RAMFS_MAGIC;
	sb->s_root = d_make_root(ramfs_get_inode(sb, NULL, mode, 0));
	if (!sb->s_root) {
		deactivate_super(sb);
		return ERR_PTR(-ENOMEM);
	}
	return sb;
}

const struct file_system_type rootfs_fs_type = { .name = "rootfs",
						 .fs_flags = FS_NODEV,
						 .mount = ramfs_mount };
const struct file_system_type ramfs_fs_type = { .name = "ramfs",
						.fs_flags = FS_NODEV,
						.mount = ramfs_mount };
const struct file_system_type tmpfs_fs_type = { .name = "tmpfs",
						.fs_flags = FS_NODEV,
						.mount = ramfs_mount };
const struct file_system_type devtmpfs_fs_type = { .name = "devtmpfs",
						   .fs_flags = FS_NODEV,
						   .mount = ramfs_mount };
