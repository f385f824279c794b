/* SPDX-License-Identifier: MIT */
/*
 * Filling the root: a cpio archive, or objects fed one by one.
 *
 * Called at boot by the public API's `--root` and `--initramfs`. Calls the path calls with root's
 * credentials.
 *
 * A "newc" archive, all numbers 8 hexadecimal digits:
 *
 *	offset 0	070701 ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check    (110 bytes)
 *	110		"bin/sh" NUL, padded to 4
 *	120		filesize bytes of data, padded to 4
 *	...		next header; "TRAILER!!!" ends the archive; zeros, and then perhaps another archive, may follow
 *
 * H1  Nothing of the archive is trusted: every size is checked against the bytes that are left
 *     before it is used, sums cannot overflow (each is below 2^32), names must end in NUL inside
 *     namesize and contain no ".." component.
 * H2  cpio writes the content of a hard-linked file once, with one of its names; the others have
 *     size 0. Names are linked to the first one seen, and whichever entry carries data writes it.
 * H4  What lies where a file system is mounted already (/dev, /proc) is hidden by it, as on a
 *     booted Linux, and left out without an error.
 * H3  Times of directories are set at the end, since making their entries changes them.
 *
 * Units: bytes; times in seconds. Owner: the archive is the caller's. Locking: the path calls'.
 * Errors: -EINVAL with the offset of the bad entry; what the tree says. Time: the writes. Source:
 * cpio(5), Linux init/initramfs.c and Documentation/driver-api/early-userspace/buffer-format.rst.
 */
#include "vfs/initramfs.h"

#include "lib/string.h"
#include "mm/alloc/slab.h"
#include "vfs/fcntl.h"
#include "vfs/file.h"
#include "vfs/fs.h"
#include "vfs/namei.h"
#include "vfs/vfs.h"

/* path as an absolute path in buf: leading "/" and "./" dropped, ".." refused. */
static int clean_name(const char *path, char *buf)
{
	const char *p = path;
	u64 len;

	for (;;) {
		if (*p == '/')
			p++;
		else if (p[0] == '.' && (p[1] == '/' || !p[1]))
			p += p[1] ? 2 : 1;
		else
			break;
	}
	len = strlen(p);
	if (len + 2 > PATH_MAX)
		return -ENAMETOOLONG;
	buf[0] = '/';
	memcpy(buf + 1, p, len + 1);
	for (const char *c = buf + 1; *c; c += *c == '/') {
		u64 n = strcspn(c, "/");

		if (n == 2 && c[0] == '.' && c[1] == '.')
			return -EINVAL;
		c += n;
	}
	return 0;
}

static int write_content(const char *name, const void *data, u64 len, u32 flags)
{
	struct file *file = filp_open(name, O_WRONLY | O_NOFOLLOW | O_LARGEFILE | flags, 0600);
	s64 pos = 0, n = 0;

	if (IS_ERR(file))
		return (int)PTR_ERR(file);
	while ((u64)pos < len) {
		n = kernel_write(file, (const u8 *)data + pos, len - (u64)pos, &pos);
		if (n <= 0)
			break;
	}
	fput(file);
	return n < 0 ? (int)n : (u64)pos < len ? -EIO : 0;
}

/* Whatever stands at name is removed, unless it is a directory and one is wanted. */
static int make_room(const char *name, u32 mode, bool *keep)
{
	struct kstat st;
	int err = vfs_fstatat(AT_FDCWD, name, &st, AT_SYMLINK_NOFOLLOW);

	*keep = false;
	if (err)
		return err == -ENOENT ? 0 : err;
	if (S_ISDIR(st.mode)) {
		*keep = S_ISDIR(mode);
		return *keep ? 0 : do_rmdir(AT_FDCWD, name);
	}
	return do_unlinkat(AT_FDCWD, name);
}

static int make_object(const struct initramfs_entry *e, const char *name)
{
	char *target;
	int err;

	switch (e->mode & S_IFMT) {
	case S_IFDIR:
		return do_mkdirat(AT_FDCWD, name, e->mode & S_IALLUGO);
	case S_IFREG:
		return write_content(name, e->data, e->len, O_CREAT | O_EXCL);
	case S_IFLNK:
		if (e->len >= PATH_MAX || memchr(e->data ? e->data : "", 0, e->len))
			return -EINVAL;
		target = kstrndup(e->data ? e->data : "", e->len, GFP_KERNEL);
		if (!target)
			return -ENOMEM;
		err = do_symlinkat(target, AT_FDCWD, name);
		kfree(target);
		return err;
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return do_mknodat(AT_FDCWD, name, e->mode, e->rdev);
	}
	return -EINVAL;
}

static int set_mtime(const char *name, s64 mtime)
{
	struct timespec64 times[2] = { { .tv_sec = mtime }, { .tv_sec = mtime } };

	return do_utimes(AT_FDCWD, name, times, AT_SYMLINK_NOFOLLOW);
}

static int set_attributes(const struct initramfs_entry *e, const char *name)
{
	int err = do_fchownat(AT_FDCWD, name, e->uid, e->gid, AT_SYMLINK_NOFOLLOW);

	if (!err && !S_ISLNK(e->mode)) /* after chown, which takes set-id bits away */
		err = do_fchmodat(AT_FDCWD, name, e->mode & S_IALLUGO);
	return err ? err : set_mtime(name, e->mtime);
}

/*
 * Does name, or the directory it would be made in, lie on something mounted over the root (/proc,
 * /dev)? (H4)
 */
static bool hidden_by_mount(char *name)
{
	struct path at;
	char *slash = strrchr(name, '/');
	bool hidden;
	int err = kern_path(name, 0, &at);

	if (err && slash && slash > name) {
		*slash = 0;
		err = kern_path(name, LOOKUP_FOLLOW, &at);
		*slash = '/';
	}
	if (err)
		return false;
	hidden = at.mnt != vfs()->rootmnt;
	path_put(&at);
	return hidden;
}

int initramfs_add(const struct initramfs_entry *e)
{
	char *name = kmalloc(PATH_MAX, GFP_KERNEL);
	bool keep = false;
	int err;

	if (!name)
		return -ENOMEM;
	err = clean_name(e->path, name);
	if (!err && hidden_by_mount(name)) {
		kfree(name);
		return 0;
	}
	if (!err)
		err = make_room(name, e->mode, &keep);
	if (!err && !keep)
		err = make_object(e, name);
	if (!err)
		err = set_attributes(e, name);
	kfree(name);
	return err;
}

int initramfs_link(const char *existing, const char *path)
{
	char *from = kmalloc(PATH_MAX, GFP_KERNEL), *to = kmalloc(PATH_MAX, GFP_KERNEL);
	bool keep;
	int err = -ENOMEM;

	if (from && to) {
		err = clean_name(existing, from);
		if (!err)
			err = clean_name(path, to);
		if (!err && strcmp(from, to)) {
			err = make_room(to, S_IFREG, &keep);
			if (!err)
				err = do_linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
		}
	}
	kfree(from);
	kfree(to);
	return err;
}

/* --- cpio --- */

#define CPIO_HEADER 110u
enum cpio_field {
	C_INO,
	C_MODE,
	C_UID,
	C_GID,
	C_NLINK,
	C_MTIME,
	C_FILESIZE,
	C_MAJ,
	C_MIN,
	C_RMAJ,
	C_RMIN,
	C_NAMESIZE,
	C_CHECK,
	C_NR
};

/* A name to come back to: a hard-linked file, or a directory whose time is set at the end. */
struct remembered {
	struct remembered *next;
	u32 ino, maj, min;
	s64 mtime;
	char name[];
};

struct cpio {
	const u8 *data;
	u64 len, at;
	bool check; /* 070702 */
	u32 f[C_NR];
	const char *name;
	const u8 *body;
	struct remembered *links, *dirs;
};

static bool parse_hex(const u8 *p, u32 *out)
{
	u32 v = 0;

	for (u32 i = 0; i < 8; i++) {
		u8 c = p[i];
		u32 digit = c >= '0' && c <= '9' ? (u32)c - '0' :
			    c >= 'a' && c <= 'f' ? (u32)c - 'a' + 10 :
			    c >= 'A' && c <= 'F' ? (u32)c - 'A' + 10 :
						   16;

		if (digit > 15)
			return false;
		v = v << 4 | digit;
	}
	*out = v;
	return true;
}

/* Read the entry at c->at and step behind it. 0 or -EINVAL. H1 */
static int next_entry(struct cpio *c)
{
	const u8 *h = c->data + c->at;
	u64 left = c->len - c->at, name_end, body_end;

	if (left < CPIO_HEADER || memcmp(h, "07070", 5) || (h[5] != '1' && h[5] != '2'))
		return -EINVAL;
	c->check = h[5] == '2';
	for (u32 i = 0; i < C_NR; i++)
		if (!parse_hex(h + 6 + 8 * i, &c->f[i]))
			return -EINVAL;
	if (c->f[C_NAMESIZE] == 0 || c->f[C_NAMESIZE] > PATH_MAX)
		return -EINVAL;
	name_end = ALIGN_UP((u64)CPIO_HEADER + c->f[C_NAMESIZE], (u64)4);
	body_end = name_end + c->f[C_FILESIZE];
	if (CPIO_HEADER + (u64)c->f[C_NAMESIZE] > left || (c->f[C_FILESIZE] && body_end > left))
		return -EINVAL;
	c->name = (const char *)h + CPIO_HEADER;
	if (strnlen(c->name, c->f[C_NAMESIZE]) + 1 != c->f[C_NAMESIZE])
		return -EINVAL;
	c->body = h + name_end;
	c->at += min(ALIGN_UP(body_end, (u64)4), left);
	return 0;
}

static bool checksum_ok(const struct cpio *c)
{
	u32 sum = 0;

	for (u64 i = 0; i < c->f[C_FILESIZE]; i++)
		sum += c->body[i];
	return sum == c->f[C_CHECK];
}

static int remember(struct cpio *c, struct remembered **list)
{
	u64 n = strlen(c->name) + 1;
	struct remembered *r = kmalloc(sizeof(*r) + n, GFP_KERNEL);

	if (!r)
		return -ENOMEM;
	*r = (struct remembered){ .next = *list,
				  .ino = c->f[C_INO],
				  .maj = c->f[C_MAJ],
				  .min = c->f[C_MIN],
				  .mtime = c->f[C_MTIME] };
	memcpy(r->name, c->name, n);
	*list = r;
	return 0;
}

static const struct remembered *find_link(const struct cpio *c)
{
	for (const struct remembered *r = c->links; r; r = r->next)
		if (r->ino == c->f[C_INO] && r->maj == c->f[C_MAJ] && r->min == c->f[C_MIN])
			return r;
	return NULL;
}

static int linked_file(struct cpio *c, const struct initramfs_entry *e,
		       const struct remembered *first)
{
	char *name;
	int err = initramfs_link(first->name, c->name);

	if (err || !e->len)
		return err;
	name = kmalloc(PATH_MAX, GFP_KERNEL);
	if (!name)
		return -ENOMEM;
	err = clean_name(c->name, name);
	if (!err)
		err = write_content(name, e->data, e->len, O_TRUNC);
	if (!err)
		err = set_attributes(e, name);
	kfree(name);
	return err;
}

static int unpack_entry(struct cpio *c)
{
	struct initramfs_entry e = {
		.path = c->name,
		.mode = c->f[C_MODE],
		.uid = c->f[C_UID],
		.gid = c->f[C_GID],
		.mtime = c->f[C_MTIME],
		.rdev = MKDEV(c->f[C_RMAJ] & 0xfff, c->f[C_RMIN] & 0xfffff),
		.data = c->body,
		.len = c->f[C_FILESIZE],
	};
	int err;

	if (c->f[C_MODE] > 0177777 || (!S_ISREG(e.mode) && !S_ISLNK(e.mode) && e.len))
		return -EINVAL;
	if (c->check && S_ISREG(e.mode) && !checksum_ok(c))
		return -EINVAL;
	if (!S_ISDIR(e.mode) && c->f[C_NLINK] > 1) {
		const struct remembered *first = find_link(c);

		if (first)
			return linked_file(c, &e, first);
		err = remember(c, &c->links);
		return err ? err : initramfs_add(&e);
	}
	err = initramfs_add(&e);
	if (!err && S_ISDIR(e.mode))
		err = remember(c, &c->dirs);
	return err;
}

static void forget(struct remembered **list)
{
	while (*list) {
		struct remembered *r = *list;

		*list = r->next;
		kfree(r);
	}
}

static int finish_dirs(struct cpio *c)
{
	char *name = kmalloc(PATH_MAX, GFP_KERNEL);
	int err = 0;

	if (!name)
		return -ENOMEM;
	for (const struct remembered *r = c->dirs; r && !err; r = r->next) {
		err = clean_name(r->name, name);
		if (!err)
			err = set_mtime(name, r->mtime);
		if (err == -ENOENT || err == -ENOTDIR)
			err = 0; /* a later entry replaced it */
	}
	kfree(name);
	return err;
}

int unpack_cpio(const void *data, u64 len, u64 *bad_offset)
{
	struct cpio c = { .data = data, .len = len };
	u64 start = 0;
	bool trailer = false;
	int err = len ? 0 : -EINVAL;

	while (!err && c.at < len) {
		start = c.at;
		if (trailer && c.data[c.at] == 0) {
			c.at++;
			continue;
		}
		err = next_entry(&c);
		if (err)
			break;
		trailer = !strcmp(c.name, "TRAILER!!!");
		if (trailer)
			forget(&c.links);
		else
			err = unpack_entry(&c);
	}
	if (!err && !trailer)
		err = -EINVAL; /* the archive ends in the middle */
	if (!err)
		err = finish_dirs(&c);
	forget(&c.links);
	forget(&c.dirs);
	if (err && bad_offset)
		*bad_offset = start;
	return err;
}
