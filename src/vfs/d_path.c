/* SPDX-License-Identifier: MIT */
/*
 * From a place in the tree to its name.
 *
 * Called by getcwd, /proc/PID/{maps,exe,cwd,fd}, mounts and error texts. Calls nothing; climbs
 * parents and mounts.
 *
 *	path (mount 2 = devtmpfs on /dev, dentry "null"), buf of 4096 bytes, filled from the end:
 *
 *	[ ......................................... / d e v / n u l l \0 ]
 *	                                           ^ returned
 *
 * A1  The text is built between two charges, so no rename can come in between and no lock is
 *     needed.
 * A2  The climb ends at the task's root, else at the top of everything.
 *
 * Units: bytes. Owner: the caller's buffer. Locking: none (A1). Errors: -ENAMETOOLONG when buf is
 * too small. Time: none. Source: Linux fs/d_path.c (behaviour), proc(5) for " (deleted)" and
 * "pipe:[n]".
 */
#include "lib/err.h"
#include "lib/string.h"
#include "sched/task.h"
#include "vfs/fs.h"
#include "vfs/fs_struct.h"

struct backwards {
	char *start; /* text so far */
	char *limit; /* first byte of the buffer */
};

static bool prepend(struct backwards *b, const char *s, u64 len)
{
	if ((u64)(b->start - b->limit) < len)
		return false;
	b->start -= len;
	memcpy(b->start, s, len);
	return true;
}

static char *pseudo_name(const struct path *path, char *buf, u32 size)
{
	int n = snprintf(buf, size, "%s:[%llu]", path->dentry->d_name.name,
			 (unsigned long long)path->dentry->d_inode->i_ino);

	return n < (int)size ? buf : ERR_PTR(-ENAMETOOLONG);
}

char *d_path(const struct path *path, char *buf, u32 size)
{
	const struct fs_struct *fs = current->fs;
	struct backwards b = { .start = buf + size, .limit = buf };
	const struct vfsmount *mnt = path->mnt;
	const struct dentry *d = path->dentry;
	bool ok;

	if (mnt->mnt_internal)
		return pseudo_name(path, buf, size);
	ok = prepend(&b, "", 1);
	if (!IS_ROOT(d) && d_unhashed(d))
		ok = ok && prepend(&b, " (deleted)", 10);
	if (IS_ROOT(d) && mnt->mnt_parent == mnt && ok)
		ok = prepend(&b, "/", 1);
	else if (fs && d == fs->root.dentry && mnt == fs->root.mnt && ok)
		ok = prepend(&b, "/", 1);
	while (ok && !(fs && d == fs->root.dentry && mnt == fs->root.mnt)) {
		if (d == mnt->mnt_root) {
			if (mnt->mnt_parent == mnt)
				break;
			d = mnt->mnt_mountpoint;
			mnt = mnt->mnt_parent;
			continue;
		}
		if (IS_ROOT(d))
			break;
		ok = prepend(&b, d->d_name.name, d->d_name.len) && prepend(&b, "/", 1);
		d = d->d_parent;
	}
	return ok ? b.start : ERR_PTR(-ENAMETOOLONG);
}
