/* SPDX-License-Identifier: MIT */
/*
 * Where a task stands in the tree: root, current directory, umask.
 *
 * Called by the path walk for every path, by chdir and chroot, by fork and exit through the task
 * hooks of vfs/vfs.c. Calls dcache and mount counts only.
 *
 *	sh (pid 5)  fs -> { users 1, umask 022, root {rootfs, "/"}, pwd {rootfs, "/home"} }
 *	fork: the child gets a copy with one more reference on each path; CLONE_FS: users 2, one
 *	structure.
 *
 * F1  root and pwd hold references, so a directory somebody stands in outlives its name.
 * F2  A reader takes a referenced copy under the lock and walks from that.
 *
 * Units: none. Owner: tasks share it by `users`. Locking: fs->lock around reading or replacing a
 * path; references are dropped after unlocking, since dput may sleep. Errors: NULL when there is no
 * memory. Time: one lock a walk. Source: Linux fs/fs_struct.c (behaviour).
 */
#include "vfs/fs_struct.h"

#include "mm/alloc/slab.h"
#include "vfs/vfs.h"

struct fs_struct *fs_alloc(void)
{
	struct fs_struct *fs = kmem_cache_zalloc(vfs()->fs_cache, GFP_KERNEL);

	if (!fs)
		return NULL;
	fs->users = 1;
	fs->umask = 022;
	spin_lock_init(&fs->lock);
	fs->root = (struct path){ .mnt = vfs()->rootmnt, .dentry = vfs()->rootmnt->mnt_root };
	path_get(&fs->root);
	fs->pwd = fs->root;
	path_get(&fs->pwd);
	return fs;
}

struct fs_struct *copy_fs_struct(struct fs_struct *old)
{
	struct fs_struct *fs = kmem_cache_zalloc(vfs()->fs_cache, GFP_KERNEL);

	if (!fs)
		return NULL;
	fs->users = 1;
	spin_lock_init(&fs->lock);
	fs->umask = old->umask;
	get_fs_root(old, &fs->root);
	get_fs_pwd(old, &fs->pwd);
	return fs;
}

void put_fs_struct(struct fs_struct *fs)
{
	if (!fs || --fs->users)
		return;
	path_put(&fs->root);
	path_put(&fs->pwd);
	kmem_cache_free(vfs()->fs_cache, fs);
}

void get_fs_root(struct fs_struct *fs, struct path *root)
{
	spin_lock(&fs->lock);
	*root = fs->root;
	path_get(root);
	spin_unlock(&fs->lock);
}

void get_fs_pwd(struct fs_struct *fs, struct path *pwd)
{
	spin_lock(&fs->lock);
	*pwd = fs->pwd;
	path_get(pwd);
	spin_unlock(&fs->lock);
}

static void replace(struct fs_struct *fs, struct path *slot, const struct path *path)
{
	struct path old;

	spin_lock(&fs->lock);
	old = *slot;
	*slot = *path;
	spin_unlock(&fs->lock);
	path_put(&old);
}

void set_fs_root(struct fs_struct *fs, const struct path *path)
{
	replace(fs, &fs->root, path);
}

void set_fs_pwd(struct fs_struct *fs, const struct path *path)
{
	replace(fs, &fs->pwd, path);
}
