/* SPDX-License-Identifier: MIT */
#ifndef VFS_NAMEI_INTERNAL_H
#define VFS_NAMEI_INTERNAL_H

/* The state of one path walk, shared by vfs/namei.c and vfs/namei_ops.c. */

#include "vfs/fcntl.h"
#include "vfs/fs.h"
#include "vfs/namei.h"

enum last_type { LAST_NORM, LAST_ROOT, LAST_DOT, LAST_DOTDOT };

struct nd_link {
	struct path link; /* the symlink, referenced until the walk ends */
	char *text;	  /* kmalloc'ed when the file system made it up */
};

struct nameidata {
	struct path path, root; /* where the walk stands; what "/" means */
	struct qstr last; /* the component to do next; points into the path or a link's text */
	enum last_type last_type;
	u32 flags; /* LOOKUP_* */
	u32 nr_links, depth;
	struct nd_link links[MAXSYMLINKS];
	const char *rest[MAXSYMLINKS]; /* what follows each symlink being walked */
};

/*
 * Start: references to root and the starting directory. nd_end drops them and the links (only after
 * a successful nd_init).
 */
int nd_init(struct nameidata *nd, int dfd, const char *name, u32 flags);
void nd_end(struct nameidata *nd);
/* All components but the last, which is left in nd->last. */
int link_path_walk(struct nameidata *nd, const char *name);
/* The whole walk after nd_init. */
int path_lookup(struct nameidata *nd, const char *name);
/*
 * A child by name, cached or looked up; the result may be negative. _locked: the directory's
 * i_rwsem is held for writing. ERR_PTR.
 */
struct dentry *lookup_hash(struct dentry *parent, const struct qstr *name);
struct dentry *lookup_hash_locked(struct dentry *parent, const struct qstr *name);
/* Set the size with ATTR_MTIME; write permission is the caller's affair. */
int do_truncate(const struct path *path, s64 length);
/* acc_mode 0: from the flags. */
struct file *path_openat(int dfd, const char *name, u32 flags, u32 mode, int acc_mode);

#endif
