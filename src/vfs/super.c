/* SPDX-License-Identifier: MIT */
/*
 * File system types, super blocks, and the one mount tree.
 *
 * Called at boot, by mount(2) and umount(2), and by the path walk (follow_mount, follow_up). Calls
 * a type's mount function.
 *
 *	mounts, in order:   1 rootfs on /        parent: itself
 *	                    2 devtmpfs on /dev   parent 1, mountpoint dentry "dev" of rootfs (DCACHE_MOUNTED)
 *	                    3 proc on /proc      parent 1
 *	walk "/dev/null":   rootfs "/" -> "dev" has DCACHE_MOUNTED -> search the list for (1, "dev") -> mount 2, its root -> "null"
 *
 * M1  A mount holds: its root dentry, one active use of the super block, its mountpoint dentry and
 *     a count of its parent mount.
 * M2  (parent, mountpoint) has at most one mount; mounting there again stacks on the root of the
 *     first.
 * M3  mnt_count is 1 for being in the tree (or being internal) plus one per child mount and path; a
 *     mount with more is busy for umount.
 * M4  Device numbers of super blocks are MKDEV(0, 1), MKDEV(0, 2), ... by mount order, never
 *     reused.
 *
 * The list is searched linearly: machines have a handful of mounts, and only dentries with
 * DCACHE_MOUNTED are looked for.
 *
 * Units: none. Owner: the tree by mnt_list. Locking: mount_lock for the list; nothing sleeps under
 * it. Errors: as mount(2), umount2(2). Time: none of its own. Source: Linux fs/namespace.c,
 * fs/super.c (behaviour).
 */
#include "lib/string.h"
#include "mm/alloc/slab.h"
#include "vfs/cred.h"
#include "vfs/fs.h"
#include "vfs/fcntl.h"
#include "vfs/namei.h"
#include "vfs/seq_buf.h"
#include "vfs/vfs.h"

int register_filesystem(const struct file_system_type *fs)
{
	struct vfs_root *v = vfs();

	if (get_fs_type(fs->name))
		return -EBUSY;
	if (v->nr_filesystems == VFS_MAX_FILESYSTEMS)
		return -ENOSPC;
	v->filesystems[v->nr_filesystems++] = fs;
	return 0;
}

const struct file_system_type *get_fs_type(const char *name)
{
	struct vfs_root *v = vfs();

	for (u32 i = 0; i < v->nr_filesystems; i++)
		if (!strcmp(v->filesystems[i]->name, name))
			return v->filesystems[i];
	return NULL;
}

struct super_block *sget_anon(const struct file_system_type *type)
{
	struct super_block *sb = kmem_cache_zalloc(vfs()->sb_cache, GFP_KERNEL);

	if (!sb)
		return ERR_PTR(-ENOMEM);
	sb->s_type = type;
	sb->s_dev = MKDEV(0, ++vfs()->next_dev); /* M4 */
	sb->s_blocksize = PAGE_SIZE;
	sb->s_maxbytes = MAX_LFS_FILESIZE;
	sb->s_active = 1;
	INIT_LIST_HEAD(&sb->s_inodes);
	mutex_init(&sb->s_vfs_rename_mutex);
	list_add_tail(&sb->s_list, &vfs()->supers);
	return sb;
}

void deactivate_super(struct super_block *sb)
{
	BUG_ON(sb->s_active == 0);
	if (--sb->s_active)
		return;
	if (sb->s_root) {
		d_unpin_tree(sb->s_root);
		d_drop(sb->s_root);
		dput(sb->s_root);
	}
	BUG_ON(sb->nr_inodes || sb->nr_pages);
	list_del(&sb->s_list);
	kmem_cache_free(vfs()->sb_cache, sb);
}

/* A mount around a fresh super block of type, in no tree. */
static struct vfsmount *alloc_mount(const struct file_system_type *type, const char *dev_name,
				    const char *options)
{
	struct vfsmount *mnt = kmem_cache_zalloc(vfs()->mnt_cache, GFP_KERNEL);
	struct super_block *sb;

	if (!mnt)
		return ERR_PTR(-ENOMEM);
	mnt->mnt_devname = kstrdup(dev_name && *dev_name ? dev_name : "none", GFP_KERNEL);
	sb = mnt->mnt_devname ? type->mount(type, dev_name, options) : ERR_PTR(-ENOMEM);
	if (IS_ERR(sb)) {
		kfree(mnt->mnt_devname);
		kmem_cache_free(vfs()->mnt_cache, mnt);
		return ERR_CAST(sb);
	}
	mnt->mnt_sb = sb;
	mnt->mnt_root = dget(sb->s_root);
	mnt->mnt_parent = mnt;
	mnt->mnt_mountpoint = mnt->mnt_root;
	mnt->mnt_count = 1;
	mnt->mnt_id = ++vfs()->next_mnt_id;
	INIT_LIST_HEAD(&mnt->mnt_list);
	return mnt;
}

void mntput(struct vfsmount *mnt)
{
	if (!mnt)
		return;
	BUG_ON(mnt->mnt_count == 0);
	if (--mnt->mnt_count)
		return;
	dput(mnt->mnt_root);
	deactivate_super(mnt->mnt_sb);
	kfree(mnt->mnt_devname);
	kmem_cache_free(vfs()->mnt_cache, mnt);
}

struct vfsmount *kern_mount(const struct file_system_type *type)
{
	struct vfsmount *mnt = alloc_mount(type, type->name, NULL);

	if (!IS_ERR(mnt))
		mnt->mnt_internal = true;
	return mnt;
}

/* The mount on (parent, mountpoint) with a reference, or NULL. */
static struct vfsmount *lookup_mnt(const struct path *path)
{
	struct vfsmount *m, *found = NULL;

	spin_lock(&vfs()->mount_lock);
	list_for_each_entry(m, &vfs()->mounts, mnt_list) {
		if (m->mnt_parent == path->mnt && m->mnt_mountpoint == path->dentry &&
		    m != path->mnt) {
			found = mntget(m);
			break;
		}
	}
	spin_unlock(&vfs()->mount_lock);
	return found;
}

void follow_mount(struct path *path)
{
	while (path->dentry->d_flags & DCACHE_MOUNTED) {
		struct vfsmount *m = lookup_mnt(path);

		if (!m)
			return;
		path_put(path);
		path->mnt = m;
		path->dentry = dget(m->mnt_root);
	}
}

bool follow_up(struct path *path)
{
	struct vfsmount *parent = path->mnt->mnt_parent;
	struct dentry *mountpoint;

	if (parent == path->mnt)
		return false;
	mntget(parent);
	mountpoint = dget(path->mnt->mnt_mountpoint);
	path_put(path);
	*path = (struct path){ .mnt = parent, .dentry = mountpoint };
	return true;
}

int vfs_mount(const struct file_system_type *type, const char *dev_name, const char *options,
	      u32 mnt_flags, const struct path *on)
{
	struct vfs_root *v = vfs();
	struct path at = { 0 };
	struct vfsmount *mnt;

	if (!on && v->rootmnt)
		return -EBUSY;
	if (on && !S_ISDIR(on->dentry->d_inode->i_mode))
		return -ENOTDIR;
	mnt = alloc_mount(type, dev_name, options);
	if (IS_ERR(mnt))
		return (int)PTR_ERR(mnt);
	mnt->mnt_flags = mnt_flags;
	if (on) {
		at = *on;
		path_get(&at);
		follow_mount(&at); /* M2 */
		mnt->mnt_parent = at.mnt;
		mnt->mnt_mountpoint = at.dentry;
		at.dentry->d_flags |= DCACHE_MOUNTED;
	} else {
		v->rootmnt = mnt;
	}
	spin_lock(&v->mount_lock);
	list_add_tail(&mnt->mnt_list, &v->mounts);
	spin_unlock(&v->mount_lock);
	return 0;
}

#define MS_RDONLY 1u
#define MS_NOSUID 2u
#define MS_NODEV 4u
#define MS_NOEXEC 8u
#define MS_REMOUNT 32u

static u32 mount_flags(u64 flags)
{
	u32 f = 0;

	f |= flags & MS_RDONLY ? MNT_READONLY : 0;
	f |= flags & MS_NOSUID ? MNT_NOSUID : 0;
	f |= flags & MS_NODEV ? MNT_NODEV : 0;
	f |= flags & MS_NOEXEC ? MNT_NOEXEC : 0;
	return f;
}

int do_mount(const char *dev_name, const char *dir, const char *type, u64 flags,
	     const char *options)
{
	const struct file_system_type *fs;
	struct path path;
	int err;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	err = kern_path(dir, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &path);
	if (err)
		return err;
	if (flags & MS_REMOUNT) {
		err = path.dentry == path.mnt->mnt_root ? 0 : -EINVAL;
		if (!err)
			path.mnt->mnt_flags = mount_flags(flags);
	} else {
		fs = type ? get_fs_type(type) : NULL;
		err = fs   ? vfs_mount(fs, dev_name, options, mount_flags(flags), &path) :
		      type ? -ENODEV :
			     -EINVAL;
	}
	path_put(&path);
	return err;
}

void detach_mount(struct vfsmount *m)
{
	struct path at = { .mnt = m->mnt_parent, .dentry = m->mnt_mountpoint };

	BUG_ON(m->mnt_count != 1);
	spin_lock(&vfs()->mount_lock);
	list_del_init(&m->mnt_list);
	spin_unlock(&vfs()->mount_lock);
	if (at.mnt != m) {
		at.dentry->d_flags &= ~DCACHE_MOUNTED;
		m->mnt_parent = m;
		path_put(&at); /* M1 */
	} else {
		vfs()->rootmnt = NULL;
	}
	mntput(m);
}

int do_umount(const char *dir, int flags)
{
	struct vfs_root *v = vfs();
	struct vfsmount *m;
	struct path path;
	int err;

	if (flags)
		return -EINVAL;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	err = kern_path(dir, LOOKUP_FOLLOW, &path);
	if (err)
		return err;
	m = path.mnt;
	err = -EINVAL;
	if (path.dentry != m->mnt_root)
		goto out;
	err = -EBUSY;
	if (m == v->rootmnt || m->mnt_count > 2) /* M3: the tree's and this path's */
		goto out;
	path_put(&path);
	detach_mount(m);
	return 0;
out:
	path_put(&path);
	return err;
}

int vfs_statfs(const struct path *path, struct kstatfs *buf)
{
	struct super_block *sb = path->dentry->d_sb;
	u64 flags = 0x20; /* ST_VALID */
	int err;

	if (!sb->s_op || !sb->s_op->statfs)
		return -ENOSYS;
	err = sb->s_op->statfs(path->dentry, buf);
	if (err)
		return err;
	flags |= path->mnt->mnt_flags & MNT_READONLY ? 1 : 0;
	flags |= path->mnt->mnt_flags & MNT_NOSUID ? 2 : 0;
	flags |= path->mnt->mnt_flags & MNT_NODEV ? 4 : 0;
	flags |= path->mnt->mnt_flags & MNT_NOEXEC ? 8 : 0;
	buf->f_flags = (s64)(flags | 0x1000); /* ST_RELATIME */
	return 0;
}

static void show_mount(struct seq_buf *m, const struct vfsmount *mnt, char *buf)
{
	struct path at = { .mnt = (struct vfsmount *)mnt, .dentry = mnt->mnt_root };
	const char *name = d_path(&at, buf, PATH_MAX);

	seq_printf(m, "%s %s %s %s", mnt->mnt_devname, IS_ERR(name) ? "?" : name,
		   mnt->mnt_sb->s_type->name, mnt->mnt_flags & MNT_READONLY ? "ro" : "rw");
	if (mnt->mnt_flags & MNT_NOSUID)
		seq_puts(m, ",nosuid");
	if (mnt->mnt_flags & MNT_NODEV)
		seq_puts(m, ",nodev");
	if (mnt->mnt_flags & MNT_NOEXEC)
		seq_puts(m, ",noexec");
	seq_puts(m, ",relatime 0 0\n");
}

void show_mounts(struct seq_buf *m)
{
	struct vfs_root *v = vfs();
	char *buf = kmalloc(PATH_MAX, GFP_KERNEL);
	struct vfsmount *mnt, *next;

	if (!buf) {
		m->error = -ENOMEM;
		return;
	}
	spin_lock(&v->mount_lock);
	mnt = mntget(list_first_entry_or_null(&v->mounts, struct vfsmount, mnt_list));
	spin_unlock(&v->mount_lock);
	while (mnt) {
		show_mount(m, mnt, buf);
		spin_lock(&v->mount_lock);
		next = list_empty(&mnt->mnt_list) || list_is_last(&mnt->mnt_list, &v->mounts) ?
			       NULL :
			       mntget(list_next_entry(mnt, mnt_list));
		spin_unlock(&v->mount_lock);
		mntput(mnt);
		mnt = next;
	}
	kfree(buf);
}

void show_filesystems(struct seq_buf *m)
{
	for (u32 i = 0; i < vfs()->nr_filesystems; i++)
		seq_printf(m, "%s\t%s\n", vfs()->filesystems[i]->fs_flags & FS_NODEV ? "nodev" : "",
			   vfs()->filesystems[i]->name);
}
