/* SPDX-License-Identifier: MIT */
/*
 * The calls that change names: create, mkdir, mknod, symlink, link, unlink, rmdir, rename, and
 * readlink.
 *
 * Called by the system call table and by initramfs. Calls the walk (vfs/namei.c), the file system's
 * inode_operations, and the dentry cache.
 *
 * Every one has the same shape:
 *
 *	walk to the parent -> lock the parent's i_rwsem -> look the last name up -> judge -> tell
 *	the file system -> tell the dcache
 *
 *	rename("/a/x", "/b/y"):  walk both parents; s_vfs_rename_mutex; lock ancestor first, else
 *	old then new; judge; ->rename; d_move
 *
 * O1  Judgement (existence, permission, sticky bit, kinds) is complete before the file system is
 *     asked, and the lock is held from the lookup to the change, so nothing judged can change in
 *     between.
 * O2  Two directories are locked only with s_vfs_rename_mutex held, ancestors before descendants:
 *     no two renames can wait for each other, and no directory can move into itself.
 * O3  An object that is removed while in use keeps its inode; the name is gone at once.
 * O4  A mountpoint is neither removed nor renamed (-EBUSY).
 *
 * Units: none. Owner: callers keep their references. Locking: above. Errors: as the manual pages;
 * the order of checks is Linux's. Time: the walk's. Source: Linux fs/namei.c (behaviour),
 * rename(2), unlink(2), link(2), mkdir(2).
 */
#include "lib/string.h"
#include "mm/alloc/slab.h"
#include "vfs/cred.h"
#include "vfs/fs_struct.h"
#include "vfs/namei_internal.h"

static bool is_dir(const struct dentry *d)
{
	return d->d_inode && S_ISDIR(d->d_inode->i_mode);
}

static int may_create(struct vfsmount *mnt, struct inode *dir, struct dentry *dentry)
{
	if (dentry->d_inode)
		return -EEXIST;
	if (dir->i_flags & S_DEAD)
		return -ENOENT;
	return inode_permission(mnt, dir, MAY_WRITE | MAY_EXEC);
}

/* In a sticky directory only the owner of the name or of the directory removes it. */
static bool sticky_forbids(const struct inode *dir, const struct inode *victim)
{
	u32 uid = current_cred()->fsuid;

	return (dir->i_mode & S_ISVTX) && victim->i_uid != uid && dir->i_uid != uid &&
	       !capable(CAP_FOWNER);
}

static int may_delete(struct vfsmount *mnt, struct inode *dir, struct dentry *victim, bool isdir)
{
	int err;

	if (!victim->d_inode)
		return -ENOENT;
	err = inode_permission(mnt, dir, MAY_WRITE | MAY_EXEC);
	if (err)
		return err;
	if (sticky_forbids(dir, victim->d_inode))
		return -EPERM;
	if (isdir) {
		if (!is_dir(victim))
			return -ENOTDIR;
		if (IS_ROOT(victim))
			return -EBUSY;
	} else if (is_dir(victim)) {
		return -EISDIR;
	}
	return dir->i_flags & S_DEAD ? -ENOENT : 0;
}

/* --- one change each, the directory locked, dentry looked up --- */

int vfs_create(struct vfsmount *mnt, struct inode *dir, struct dentry *dentry, u32 mode)
{
	int err = may_create(mnt, dir, dentry);

	if (err)
		return err;
	if (!dir->i_op->create)
		return -EACCES;
	return dir->i_op->create(dir, dentry, (mode & S_IALLUGO) | S_IFREG);
}

int vfs_mkdir(struct vfsmount *mnt, struct inode *dir, struct dentry *dentry, u32 mode)
{
	int err = may_create(mnt, dir, dentry);

	if (err)
		return err;
	if (!dir->i_op->mkdir)
		return -EPERM;
	return dir->i_op->mkdir(dir, dentry, mode & (S_IRWXUGO | S_ISVTX));
}

int vfs_mknod(struct vfsmount *mnt, struct inode *dir, struct dentry *dentry, u32 mode, u32 rdev)
{
	int err = may_create(mnt, dir, dentry);

	if (err)
		return err;
	if ((S_ISCHR(mode) || S_ISBLK(mode)) && !capable(CAP_MKNOD))
		return -EPERM;
	if (!dir->i_op->mknod)
		return -EPERM;
	return dir->i_op->mknod(dir, dentry, mode, rdev);
}

int vfs_symlink(struct vfsmount *mnt, struct inode *dir, struct dentry *dentry, const char *target)
{
	int err = may_create(mnt, dir, dentry);

	if (err)
		return err;
	if (!dir->i_op->symlink)
		return -EPERM;
	return dir->i_op->symlink(dir, dentry, target);
}

int vfs_link(struct vfsmount *mnt, struct dentry *old, struct inode *dir, struct dentry *dentry)
{
	struct inode *inode = old->d_inode;
	int err;

	if (!inode)
		return -ENOENT;
	err = may_create(mnt, dir, dentry);
	if (err)
		return err;
	if (dir->i_sb != inode->i_sb)
		return -EXDEV;
	if (!dir->i_op->link)
		return -EPERM;
	if (S_ISDIR(inode->i_mode))
		return -EPERM;
	if (inode->i_nlink == 0)
		return -ENOENT;
	return dir->i_op->link(old, dir, dentry);
}

int vfs_unlink(struct vfsmount *mnt, struct inode *dir, struct dentry *dentry)
{
	int err = may_delete(mnt, dir, dentry, false);

	if (err)
		return err;
	if (!dir->i_op->unlink)
		return -EPERM;
	if (dentry->d_flags & DCACHE_MOUNTED)
		return -EBUSY; /* O4 */
	err = dir->i_op->unlink(dir, dentry);
	if (!err)
		d_delete(dentry);
	return err;
}

int vfs_rmdir(struct vfsmount *mnt, struct inode *dir, struct dentry *dentry)
{
	int err = may_delete(mnt, dir, dentry, true);

	if (err)
		return err;
	if (!dir->i_op->rmdir)
		return -EPERM;
	if (dentry->d_flags & DCACHE_MOUNTED)
		return -EBUSY;
	down_write(&dentry->d_inode->i_rwsem);
	err = dir->i_op->rmdir(dir, dentry);
	if (!err)
		dentry->d_inode->i_flags |= S_DEAD;
	up_write(&dentry->d_inode->i_rwsem);
	if (!err) {
		shrink_dcache_parent(dentry);
		d_delete(dentry);
	}
	return err;
}

/* --- from paths --- */

/* A parent directory, locked, and a name in it. */
struct target {
	struct nameidata nd;
	struct dentry *dentry;
};

static int target_parent(struct target *t, int dfd, const char *name)
{
	int err = nd_init(&t->nd, dfd, name, 0);

	if (err)
		return err;
	err = link_path_walk(&t->nd, name);
	if (err)
		nd_end(&t->nd);
	return err;
}

static bool trailing_slash(const struct target *t)
{
	return t->nd.last_type == LAST_NORM && t->nd.last.name[t->nd.last.len];
}

static struct inode *target_dir(const struct target *t)
{
	return t->nd.path.dentry->d_inode;
}

static int target_lock(struct target *t)
{
	down_write(&target_dir(t)->i_rwsem);
	t->dentry = lookup_hash_locked(t->nd.path.dentry, &t->nd.last);
	if (IS_ERR(t->dentry)) {
		up_write(&target_dir(t)->i_rwsem);
		nd_end(&t->nd);
		return (int)PTR_ERR(t->dentry);
	}
	return 0;
}

static void target_done(struct target *t)
{
	up_write(&target_dir(t)->i_rwsem);
	dput(t->dentry);
	nd_end(&t->nd);
}

/* For making something: the name is free. */
static int target_create(struct target *t, int dfd, const char *name, bool want_dir)
{
	int err = target_parent(t, dfd, name);

	if (err)
		return err;
	if (t->nd.last_type != LAST_NORM) {
		nd_end(&t->nd);
		return -EEXIST;
	}
	err = target_lock(t);
	if (err)
		return err;
	if (t->dentry->d_inode)
		err = -EEXIST;
	else if (trailing_slash(t) && !want_dir)
		err = -ENOENT;
	else if (t->nd.path.mnt->mnt_flags & MNT_READONLY)
		err = -EROFS;
	if (err)
		target_done(t);
	return err;
}

int do_mkdirat(int dfd, const char *name, u32 mode)
{
	struct target t;
	int err = target_create(&t, dfd, name, true);

	if (err)
		return err;
	err = vfs_mkdir(t.nd.path.mnt, target_dir(&t), t.dentry, mode & ~current_umask());
	target_done(&t);
	return err;
}

int do_mknodat(int dfd, const char *name, u32 mode, u32 dev)
{
	struct target t;
	int err;

	switch (mode & S_IFMT) {
	case 0:
		mode |= S_IFREG;
		break;
	case S_IFREG:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		break;
	case S_IFDIR:
		return -EPERM;
	default:
		return -EINVAL;
	}
	err = target_create(&t, dfd, name, false);
	if (err)
		return err;
	mode &= ~current_umask();
	if (S_ISREG(mode))
		err = vfs_create(t.nd.path.mnt, target_dir(&t), t.dentry, mode);
	else
		err = vfs_mknod(t.nd.path.mnt, target_dir(&t), t.dentry, mode, dev);
	target_done(&t);
	return err;
}

int do_symlinkat(const char *target, int dfd, const char *name)
{
	struct target t;
	int err;

	if (!*target)
		return -ENOENT;
	if (strlen(target) >= PATH_MAX)
		return -ENAMETOOLONG;
	err = target_create(&t, dfd, name, false);
	if (err)
		return err;
	err = vfs_symlink(t.nd.path.mnt, target_dir(&t), t.dentry, target);
	target_done(&t);
	return err;
}

int do_linkat(int olddfd, const char *oldname, int newdfd, const char *newname, u32 flags)
{
	struct path old;
	struct target t;
	u32 how = 0;
	int err;

	if (flags & ~(u32)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (flags & AT_EMPTY_PATH)
		how |= LOOKUP_EMPTY;
	if (flags & AT_SYMLINK_FOLLOW)
		how |= LOOKUP_FOLLOW;
	err = filename_lookup(olddfd, oldname, how, &old);
	if (err)
		return err;
	err = target_create(&t, newdfd, newname, false);
	if (!err) {
		err = old.mnt != t.nd.path.mnt ?
			      -EXDEV :
			      vfs_link(t.nd.path.mnt, old.dentry, target_dir(&t), t.dentry);
		target_done(&t);
	}
	path_put(&old);
	return err;
}

int do_unlinkat(int dfd, const char *name)
{
	struct target t;
	int err = target_parent(&t, dfd, name);

	if (err)
		return err;
	if (t.nd.last_type != LAST_NORM) {
		nd_end(&t.nd);
		return -EISDIR;
	}
	err = target_lock(&t);
	if (err)
		return err;
	if (trailing_slash(&t))
		err = !t.dentry->d_inode ? -ENOENT : is_dir(t.dentry) ? -EISDIR : -ENOTDIR;
	else
		err = vfs_unlink(t.nd.path.mnt, target_dir(&t), t.dentry);
	target_done(&t);
	return err;
}

int do_rmdir(int dfd, const char *name)
{
	struct target t;
	int err = target_parent(&t, dfd, name);

	if (err)
		return err;
	if (t.nd.last_type != LAST_NORM) {
		err = t.nd.last_type == LAST_DOTDOT ? -ENOTEMPTY :
		      t.nd.last_type == LAST_DOT    ? -EINVAL :
						      -EBUSY;
		nd_end(&t.nd);
		return err;
	}
	err = target_lock(&t);
	if (err)
		return err;
	err = vfs_rmdir(t.nd.path.mnt, target_dir(&t), t.dentry);
	target_done(&t);
	return err;
}

/* --- rename --- */

/* Lock both parents (O2). Returns the dentry below which one parent contains the other, or NULL. */
static struct dentry *lock_rename(struct dentry *p1, struct dentry *p2)
{
	struct dentry *first = p1, *second = p2;

	if (p1 == p2) {
		down_write(&p1->d_inode->i_rwsem);
		return NULL;
	}
	mutex_lock(&p1->d_sb->s_vfs_rename_mutex);
	if (is_subdir(p1, p2)) {
		first = p2;
		second = p1;
	}
	down_write(&first->d_inode->i_rwsem);
	down_write(&second->d_inode->i_rwsem);
	if (!is_subdir(second, first))
		return NULL;
	while (second->d_parent != first)
		second = second->d_parent;
	return second;
}

static void unlock_rename(struct dentry *p1, struct dentry *p2)
{
	up_write(&p1->d_inode->i_rwsem);
	if (p1 == p2)
		return;
	up_write(&p2->d_inode->i_rwsem);
	mutex_unlock(&p1->d_sb->s_vfs_rename_mutex);
}

static int vfs_rename(struct vfsmount *mnt, struct inode *old_dir, struct dentry *old,
		      struct inode *new_dir, struct dentry *target, u32 flags)
{
	struct inode *victim = target->d_inode;
	bool isdir = is_dir(old);
	int err;

	if (old->d_inode == victim)
		return 0; /* two names of one object: nothing happens */
	err = may_delete(mnt, old_dir, old, isdir);
	if (err)
		return err;
	if (!victim)
		err = may_create(mnt, new_dir, target);
	else if (flags & RENAME_EXCHANGE)
		err = may_delete(mnt, new_dir, target, is_dir(target));
	else
		err = may_delete(mnt, new_dir, target, isdir);
	if (err)
		return err;
	if (!old_dir->i_op->rename)
		return -EPERM;
	if (isdir && old_dir != new_dir) { /* its ".." changes */
		err = inode_permission(mnt, old->d_inode, MAY_WRITE);
		if (err)
			return err;
	}
	if ((old->d_flags | target->d_flags) & DCACHE_MOUNTED)
		return -EBUSY;
	if (victim)
		down_write(&victim->i_rwsem);
	err = old_dir->i_op->rename(old_dir, old, new_dir, target, flags);
	if (!err && victim && S_ISDIR(victim->i_mode) && !(flags & RENAME_EXCHANGE))
		victim->i_flags |= S_DEAD;
	if (victim)
		up_write(&victim->i_rwsem);
	if (err)
		return err;
	if (flags & RENAME_EXCHANGE) {
		d_exchange(old, target);
	} else {
		if (victim && S_ISDIR(victim->i_mode))
			shrink_dcache_parent(target);
		d_move(old, target);
	}
	return 0;
}

/* Both names are looked up, both parents locked; trap is lock_rename's. */
static int rename_judge(struct target *o, struct target *n, struct dentry *trap, u32 flags)
{
	if (!o->dentry->d_inode)
		return -ENOENT;
	if ((flags & RENAME_NOREPLACE) && n->dentry->d_inode)
		return -EEXIST;
	if (flags & RENAME_EXCHANGE) {
		if (!n->dentry->d_inode)
			return -ENOENT;
		if (!is_dir(n->dentry) && trailing_slash(n))
			return -ENOTDIR;
	}
	if (!is_dir(o->dentry)) {
		if (trailing_slash(o))
			return -ENOTDIR;
		if (!(flags & RENAME_EXCHANGE) && trailing_slash(n))
			return -ENOTDIR;
	}
	if (o->dentry == trap)
		return -EINVAL; /* into itself */
	if (n->dentry == trap)
		return flags & RENAME_EXCHANGE ? -EINVAL :
						 -ENOTEMPTY; /* over one of its own parents */
	return vfs_rename(o->nd.path.mnt, target_dir(o), o->dentry, target_dir(n), n->dentry,
			  flags);
}

static int rename_parents(struct target *o, struct target *n, u32 flags)
{
	struct dentry *trap;
	int err = 0;

	if (o->nd.path.mnt != n->nd.path.mnt)
		return -EXDEV;
	if (o->nd.last_type != LAST_NORM)
		return -EBUSY;
	if (n->nd.last_type != LAST_NORM)
		return flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	if (o->nd.path.mnt->mnt_flags & MNT_READONLY)
		return -EROFS;
	trap = lock_rename(o->nd.path.dentry, n->nd.path.dentry);
	o->dentry = lookup_hash_locked(o->nd.path.dentry, &o->nd.last);
	if (IS_ERR(o->dentry)) {
		err = (int)PTR_ERR(o->dentry);
		goto unlock;
	}
	n->dentry = lookup_hash_locked(n->nd.path.dentry, &n->nd.last);
	err = IS_ERR(n->dentry) ? (int)PTR_ERR(n->dentry) : rename_judge(o, n, trap, flags);
unlock:
	unlock_rename(o->nd.path.dentry, n->nd.path.dentry);
	if (!IS_ERR(o->dentry)) {
		if (!IS_ERR(n->dentry))
			dput(n->dentry);
		dput(o->dentry);
	}
	return err;
}

int do_renameat2(int olddfd, const char *oldname, int newdfd, const char *newname, u32 flags)
{
	struct target o, n;
	int err;

	if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	if ((flags & RENAME_NOREPLACE) && (flags & RENAME_EXCHANGE))
		return -EINVAL;
	err = target_parent(&o, olddfd, oldname);
	if (err)
		return err;
	err = target_parent(&n, newdfd, newname);
	if (!err) {
		err = rename_parents(&o, &n, flags);
		nd_end(&n.nd);
	}
	nd_end(&o.nd);
	return err;
}

/* --- readlink --- */

int vfs_readlink(const struct path *path, char *buf, u32 size)
{
	struct inode *inode = path->dentry->d_inode;
	u32 n;

	if (!S_ISLNK(inode->i_mode))
		return -EINVAL;
	if (inode->i_op && inode->i_op->readlink)
		return inode->i_op->readlink(path->dentry, buf, size);
	if (!inode->i_link)
		return -EINVAL;
	n = (u32)min((u64)strlen(inode->i_link), (u64)size);
	memcpy(buf, inode->i_link, n);
	return (int)n;
}

int do_readlinkat(int dfd, const char *name, char *buf, u32 size)
{
	struct path path;
	int err;

	if (!size)
		return -EINVAL;
	err = filename_lookup(dfd, name, LOOKUP_EMPTY, &path);
	if (err)
		return err;
	if (!S_ISLNK(path.dentry->d_inode->i_mode)) {
		err = *name ? -EINVAL : -ENOENT;
	} else {
		touch_atime(&path);
		err = vfs_readlink(&path, buf, size);
	}
	path_put(&path);
	return err;
}
