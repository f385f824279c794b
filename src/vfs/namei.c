/* SPDX-License-Identifier: MIT */
/*
 * The path walk: from a string to a place in the tree; and opening what is found there.
 *
 * Called by every system call that takes a path (vfs/namei_ops.c, vfs/open.c) and by exec. Calls
 * the dentry cache first, the file system's lookup when the cache does not know, mounts when a
 * dentry carries one.
 *
 * Walking "/proc/self/maps" with task 7 (root and cwd "/"):
 *
 *	component   place before      what happens
 *	proc        rootfs "/"        d_lookup: found; DCACHE_MOUNTED -> proc's root
 *	self        proc "/"          a symlink with more to come: its text "7" is walked next, "/maps" kept on the rest stack
 *	7           proc "/"          looked up; end of the text: pop the rest
 *	maps        proc "7"          the last component: found
 *
 * W1  nd->path always holds references to a directory that was reached with execute permission on
 *     every directory before it.
 * W2  At most 40 symlinks in all (-ELOOP); each is kept referenced until the walk ends, because
 *     components point into its text.
 * W3  ".." never leaves nd->root, and crosses a mount's root to the directory it covers.
 * W4  A name longer than 255 bytes is -ENAMETOOLONG, an empty path -ENOENT, a component after a
 *     non-directory -ENOTDIR.
 * W5  Names change only under the i_rwsem of their directory, so a lookup that missed the cache
 *     takes it and looks again.
 *
 * There is no recursion: symlinks push the rest of the string on a stack of 40 entries inside
 * struct nameidata. Linux walks under RCU without references and falls back to this; here
 * references are plain increments.
 *
 * Units: bytes. Owner: the caller gets references. Locking: one dcache_lock hold a component;
 * i_rwsem of a directory on a miss. Errors: as path_resolution(7). Time: COST_PATH_STEP a
 * component. Source: Linux fs/namei.c (behaviour), path_resolution(7), open(2).
 */
#include "vfs/namei.h"

#include "hw/cpu.h"
#include "lib/string.h"
#include "mm/alloc/slab.h"
#include "vfs/cred.h"
#include "vfs/fcntl.h"
#include "vfs/file.h"
#include "vfs/fs_struct.h"
#include "vfs/namei_internal.h"
#include "vfs/vfs.h"

/* --- the pieces of a walk --- */

static int set_start(struct nameidata *nd, int dfd, const char *name)
{
	struct file *file;
	int err = 0;

	get_fs_root(current->fs, &nd->root);
	if (*name == '/') {
		nd->path = nd->root;
		path_get(&nd->path);
		return 0;
	}
	if (dfd == AT_FDCWD) {
		get_fs_pwd(current->fs, &nd->path);
		return 0;
	}
	file = fget_raw((u32)dfd);
	if (!file) {
		err = -EBADF;
	} else {
		if (*name && !S_ISDIR(file->f_inode->i_mode))
			err = -ENOTDIR;
		if (!err) {
			nd->path = file->f_path;
			path_get(&nd->path);
		}
		fput(file);
	}
	if (err)
		path_put(&nd->root);
	return err;
}

int nd_init(struct nameidata *nd, int dfd, const char *name, u32 flags)
{
	u64 len = strlen(name);

	nd->flags = flags;
	nd->nr_links = nd->depth = 0;
	nd->last_type = LAST_ROOT;
	nd->last = (struct qstr){ 0 };
	if (len >= PATH_MAX)
		return -ENAMETOOLONG;
	if (!len && !(flags & LOOKUP_EMPTY))
		return -ENOENT;
	return set_start(nd, dfd, name);
}

void nd_end(struct nameidata *nd)
{
	for (u32 i = 0; i < nd->nr_links; i++) {
		path_put(&nd->links[i].link);
		kfree(nd->links[i].text);
	}
	path_put(&nd->path);
	path_put(&nd->root);
}

/* nd stands on place from now on; its references are taken over. */
static void nd_move(struct nameidata *nd, const struct path *place)
{
	struct path old = nd->path;

	nd->path = *place;
	path_put(&old);
}

static void go_dotdot(struct nameidata *nd)
{
	for (;;) {
		struct dentry *parent;

		if (path_equal(&nd->path, &nd->root))
			break;
		if (nd->path.dentry != nd->path.mnt->mnt_root) {
			parent = dget_parent(nd->path.dentry);
			dput(nd->path.dentry);
			nd->path.dentry = parent;
			break;
		}
		if (!follow_up(&nd->path))
			break;
	}
	follow_mount(&nd->path);
}

struct dentry *lookup_hash_locked(struct dentry *parent, const struct qstr *name)
{
	struct dentry *d = d_lookup(parent, name), *other;

	if (d && d->d_op && d->d_op->d_revalidate && !d->d_op->d_revalidate(d)) {
		d_invalidate(d);
		dput(d);
		d = NULL;
	}
	if (d)
		return d;
	if (parent->d_inode->i_flags & S_DEAD)
		return ERR_PTR(-ENOENT);
	d = d_alloc(parent, name);
	if (!d)
		return ERR_PTR(-ENOMEM);
	other = parent->d_inode->i_op->lookup(parent->d_inode, d);
	if (other) {
		dput(d);
		d = other;
	}
	return d;
}

struct dentry *lookup_hash(struct dentry *parent, const struct qstr *name)
{
	struct dentry *d = d_lookup(parent, name);

	if (d && !(d->d_op && d->d_op->d_revalidate && !d->d_op->d_revalidate(d)))
		return d;
	dput(d);
	down_write(&parent->d_inode->i_rwsem);
	d = lookup_hash_locked(parent, name); /* W5 */
	up_write(&parent->d_inode->i_rwsem);
	return d;
}

/*
 * place is a symlink to follow: its text to be walked from nd->path, or NULL when nd stands on the
 * object already (magic links), or ERR_PTR. Takes over place's references.
 */
static const char *pick_link(struct nameidata *nd, struct path *place)
{
	const struct inode_operations *op = place->dentry->d_inode->i_op;
	const char *text = place->dentry->d_inode->i_link;
	struct nd_link *link;
	int err;

	if (nd->nr_links == MAXSYMLINKS) {
		path_put(place);
		return ERR_PTR(-ELOOP);
	}
	link = &nd->links[nd->nr_links++]; /* W2 */
	link->link = *place;
	link->text = NULL;
	touch_atime(place);
	if (op && op->get_link) {
		struct path object;

		err = op->get_link(place->dentry, &object);
		if (err)
			return ERR_PTR(err);
		nd_move(nd, &object);
		return NULL;
	}
	if (!text) {
		if (!op || !op->readlink)
			return ERR_PTR(-EINVAL);
		link->text = kzalloc(PATH_MAX, GFP_KERNEL);
		if (!link->text)
			return ERR_PTR(-ENOMEM);
		err = op->readlink(place->dentry, link->text, PATH_MAX - 1);
		if (err < 0)
			return ERR_PTR(err);
		text = link->text;
	}
	if (!*text)
		return ERR_PTR(-ENOENT);
	if (*text == '/') {
		struct path root = nd->root;

		path_get(&root);
		nd_move(nd, &root);
	}
	return text;
}

/*
 * Step onto dentry (reference taken over) from nd->path. NULL: done; text of a symlink to walk;
 * ERR_PTR.
 */
static const char *step_into(struct nameidata *nd, struct dentry *dentry, bool follow)
{
	struct path place = { .mnt = mntget(nd->path.mnt), .dentry = dentry };

	follow_mount(&place);
	if (d_is_negative(place.dentry)) {
		path_put(&place);
		return ERR_PTR(-ENOENT);
	}
	if (S_ISLNK(place.dentry->d_inode->i_mode) && follow)
		return pick_link(nd, &place);
	nd_move(nd, &place);
	return NULL;
}

/* nd->last, looked up from nd->path. */
static const char *walk_component(struct nameidata *nd, bool follow)
{
	struct dentry *dentry;

	charge(COST_PATH_STEP);
	if (nd->last_type != LAST_NORM) {
		if (nd->last_type == LAST_DOTDOT)
			go_dotdot(nd);
		return NULL;
	}
	dentry = lookup_hash(nd->path.dentry, &nd->last);
	if (IS_ERR(dentry))
		return ERR_CAST(dentry);
	return step_into(nd, dentry, follow);
}

/* Cut the next component off *name into nd->last; *name is left at the slash or NUL behind it. */
static int next_component(struct nameidata *nd, const char **name)
{
	const char *s = *name;
	u64 len = 0;

	while (s[len] && s[len] != '/')
		len++;
	*name = s + len;
	nd->last_type = LAST_NORM;
	if (s[0] == '.' && len == 1)
		nd->last_type = LAST_DOT;
	else if (s[0] == '.' && s[1] == '.' && len == 2)
		nd->last_type = LAST_DOTDOT;
	if (len > NAME_MAX)
		return -ENAMETOOLONG; /* W4 */
	nd->last = qstr_of(s, (u32)len);
	return 0;
}

int link_path_walk(struct nameidata *nd, const char *name)
{
	u32 base = nd->depth;

	while (*name == '/')
		name++;
	if (!*name) {
		nd->last_type = LAST_ROOT;
		return 0;
	}
	for (;;) {
		const char *link;
		bool follow = true;
		int err;

		if (!S_ISDIR(nd->path.dentry->d_inode->i_mode))
			return -ENOTDIR;
		err = inode_permission(nd->path.mnt, nd->path.dentry->d_inode, MAY_EXEC); /* W1 */
		if (err)
			return err;
		err = next_component(nd, &name);
		if (err)
			return err;
		if (*name) {
			const char *rest = name;

			while (*rest == '/')
				rest++;
			if (*rest)
				name = rest;
			else
				follow = false; /* a trailing slash: name still points at it */
		}
		if (!*name || !follow) {
			if (nd->depth == base)
				return 0; /* the caller does the last one */
			/*
			 * The end of a symlink's text; a slash behind it or in the rest makes no
			 * difference: more components follow.
			 */
			name = nd->rest[--nd->depth];
		}
		link = walk_component(nd, true);
		if (IS_ERR(link))
			return (int)PTR_ERR(link);
		if (link) {
			while (*link == '/')
				link++;
			if (*link) {
				nd->rest[nd->depth++] = name;
				name = link;
			}
		}
	}
}

/* The last component: NULL when nd stands on the result, else a symlink's text to walk on. */
static const char *walk_last(struct nameidata *nd)
{
	bool follow = nd->flags & LOOKUP_FOLLOW;

	if (nd->last_type == LAST_NORM && nd->last.name[nd->last.len]) {
		nd->flags |= LOOKUP_DIRECTORY;
		follow = true;
	}
	if (nd->last_type == LAST_ROOT)
		return NULL;
	return walk_component(nd, follow);
}

int path_lookup(struct nameidata *nd, const char *name)
{
	const char *s = name;

	do {
		int err = *s || s != name ? link_path_walk(nd, s) : 0;

		if (err)
			return err;
		s = walk_last(nd);
	} while (s && !IS_ERR(s));
	if (s)
		return (int)PTR_ERR(s);
	if ((nd->flags & LOOKUP_DIRECTORY) && !S_ISDIR(nd->path.dentry->d_inode->i_mode))
		return -ENOTDIR;
	return 0;
}

int filename_lookup(int dfd, const char *name, u32 flags, struct path *path)
{
	struct nameidata nd;
	int err = nd_init(&nd, dfd, name, flags);

	if (err)
		return err;
	err = path_lookup(&nd, name);
	if (!err) {
		*path = nd.path;
		path_get(path);
	}
	nd_end(&nd);
	return err;
}

int kern_path(const char *name, u32 flags, struct path *path)
{
	return filename_lookup(AT_FDCWD, name, flags, path);
}

/* --- opening --- */

static int may_open(const struct path *path, int acc_mode, u32 flags)
{
	struct inode *inode = path->dentry->d_inode;
	int err;

	switch (inode->i_mode & S_IFMT) {
	case S_IFLNK:
		return -ELOOP;
	case S_IFDIR:
		if (acc_mode & MAY_WRITE)
			return -EISDIR;
		if (acc_mode & MAY_EXEC)
			return -EACCES;
		break;
	case S_IFBLK:
	case S_IFCHR:
		if (path->mnt->mnt_flags & MNT_NODEV)
			return -EACCES;
		break;
	case S_IFREG:
		if ((acc_mode & MAY_EXEC) && (path->mnt->mnt_flags & MNT_NOEXEC))
			return -EACCES;
	}
	err = inode_permission(path->mnt, inode, MAY_OPEN | acc_mode);
	if (err)
		return err;
	if ((flags & O_NOATIME) && current_cred()->fsuid != inode->i_uid && !capable(CAP_FOWNER))
		return -EPERM;
	return 0;
}

/*
 * The last component of an O_CREAT open: found or made. *created tells. On success nd stands on it
 * (NULL), or a symlink's text is to be walked.
 */
static const char *open_creat(struct nameidata *nd, u32 flags, u32 mode, bool *created)
{
	struct dentry *dir = nd->path.dentry, *dentry;
	int err = 0;

	if (nd->last_type != LAST_NORM)
		return walk_component(nd, false);
	if (nd->last.name[nd->last.len])
		return ERR_PTR(-EISDIR);
	charge(COST_PATH_STEP);
	down_write(&dir->d_inode->i_rwsem);
	dentry = lookup_hash_locked(dir, &nd->last);
	if (!IS_ERR(dentry) && d_is_negative(dentry)) {
		err = vfs_create(nd->path.mnt, dir->d_inode, dentry,
				 (mode & S_IALLUGO & ~current_umask()) | S_IFREG);
		*created = !err;
	}
	up_write(&dir->d_inode->i_rwsem);
	if (IS_ERR(dentry))
		return ERR_CAST(dentry);
	if (err) {
		dput(dentry);
		return ERR_PTR(err);
	}
	if (!*created && (flags & O_EXCL)) {
		dput(dentry);
		return ERR_PTR(-EEXIST);
	}
	return step_into(nd, dentry, !(flags & O_NOFOLLOW));
}

/* Everything after the walk: nd stands on the object. */
static struct file *do_open(struct nameidata *nd, u32 flags, int acc_mode, bool created)
{
	struct inode *inode = nd->path.dentry->d_inode;
	struct file *file;
	bool truncate = false;
	int err;

	if ((flags & O_CREAT) && !created) {
		if (flags & O_EXCL)
			return ERR_PTR(-EEXIST);
		if (S_ISDIR(inode->i_mode))
			return ERR_PTR(-EISDIR);
	}
	if ((nd->flags & LOOKUP_DIRECTORY) && !S_ISDIR(inode->i_mode))
		return ERR_PTR(-ENOTDIR);
	if (!(flags & O_PATH)) {
		truncate = (flags & O_TRUNC) && S_ISREG(inode->i_mode) && !created;
		if (created)
			acc_mode = 0; /* a new file is open as asked, whatever its mode says */
		err = may_open(&nd->path, acc_mode, flags);
		if (err)
			return ERR_PTR(err);
	}
	file = dentry_open(&nd->path, flags, current->cred);
	if (!IS_ERR(file) && truncate) {
		err = do_truncate(&file->f_path, 0);
		if (err) {
			fput(file);
			return ERR_PTR(err);
		}
	}
	return file;
}

/* What an open's flags ask of the permission bits. */
static int flags_to_acc_mode(u32 flags)
{
	/* Indexed by O_ACCMODE; 3 asks for both and gives neither, as Linux has it. */
	static const int modes[4] = { MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE,
				      MAY_READ | MAY_WRITE };
	int acc_mode = modes[flags & O_ACCMODE];

	return flags & O_TRUNC ? acc_mode | MAY_WRITE : acc_mode;
}

struct file *path_openat(int dfd, const char *name, u32 flags, u32 mode, int acc_mode)
{
	struct nameidata nd;
	struct file *file;
	const char *s = name;
	bool created = false;
	int err;

	if (flags & O_PATH)
		flags &= O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC;
	if (!acc_mode)
		acc_mode = flags_to_acc_mode(flags);
	if ((flags & O_CREAT) && (flags & O_EXCL))
		flags |= O_NOFOLLOW;
	err = nd_init(&nd, dfd, name,
		      (flags & O_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
			      (flags & O_DIRECTORY ? LOOKUP_DIRECTORY : 0));
	if (err)
		return ERR_PTR(err);
	do {
		err = link_path_walk(&nd, s);
		if (err)
			break;
		if (flags & O_CREAT)
			s = nd.last_type == LAST_ROOT ? NULL :
							open_creat(&nd, flags, mode, &created);
		else
			s = walk_last(&nd);
	} while (s && !IS_ERR(s));
	if (!err && s)
		err = (int)PTR_ERR(s);
	file = err ? ERR_PTR(err) : do_open(&nd, flags, acc_mode, created);
	nd_end(&nd);
	return file;
}

struct file *do_filp_open(int dfd, const char *name, u32 flags, u32 mode)
{
	flags &= VALID_OPEN_FLAGS;
	if ((flags & __O_TMPFILE) && !(flags & O_PATH))
		return ERR_PTR(
			-EOPNOTSUPP); /* unnamed files are absent; callers fall back to a name */
	if ((flags & O_CREAT) && (flags & O_DIRECTORY) && !(flags & O_PATH))
		return ERR_PTR(-EINVAL);
	return path_openat(dfd, name, flags, mode, 0);
}

struct file *filp_open(const char *name, u32 flags, u32 mode)
{
	return do_filp_open(AT_FDCWD, name, flags, mode);
}

struct file *open_exec(const char *name)
{
	struct file *file = path_openat(AT_FDCWD, name, O_RDONLY | O_LARGEFILE, 0, MAY_EXEC);
	int err = 0;

	if (IS_ERR(file))
		return file;
	if (!S_ISREG(file->f_inode->i_mode))
		err = -EACCES;
	if (!err)
		err = deny_write_access(file->f_inode);
	if (err) {
		fput(file);
		return ERR_PTR(err);
	}
	return file;
}
