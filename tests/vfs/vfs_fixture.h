/* SPDX-License-Identifier: MIT */
#ifndef TESTS_VFS_FIXTURE_H
#define TESTS_VFS_FIXTURE_H

/*
 * The mm fixture with the file system floor on top. A body runs as CPU 0's boot task with root's
 * credentials at "/". vfs_test() runs a body and then takes the floor down again: whatever the body
 * leaked is found by vfs_exit() or by the allocator's figures.
 */

#include "mm/mm_fixture.h"

#include "vfs/console.h"
#include "vfs/cred.h"
#include "vfs/devices.h"
#include "vfs/fcntl.h"
#include "vfs/file.h"
#include "vfs/fs_struct.h"
#include "vfs/initramfs.h"
#include "vfs/namei.h"
#include "vfs/procfs.h"
#include "vfs/ramfs.h"
#include "vfs/vfs.h"

struct vfs_test {
	void (*body)(void *arg);
	void *arg;
};

static inline void check_no_leak(const struct alloc_stats *before)
{
	static const int text_size = 512;
	char text[512];
	struct alloc_stats now;

	alloc_stats(kern(), &now);
	if (!alloc_stats_same(before, &now, text, (u64)text_size))
		machine_panic(this_machine(), "leak: %s (OSIM_TEST_SEED=%llu)", text,
			      (unsigned long long)this_machine()->cfg.seed);
}

static inline void vfs_test_body(void *arg)
{
	struct vfs_test *t = arg;
	struct alloc_stats *before = boot_alloc(kern(), sizeof(*before));

	CHECK(before);
	alloc_stats(kern(), before);
	CHECK(vfs_init(kern()) == 0);
	t->body(t->arg);
	CHECK(vfs_exit(kern()) == 0);
	check_no_leak(before);
}

static inline void vfs_test_arg(void (*body)(void *arg), void *arg)
{
	struct fixture f;
	struct vfs_test t = { body, arg };

	mm_fixture_create(&f, 64 << 20, 1);
	fixture_run(&f, vfs_test_body, &t);
	fixture_destroy(&f);
}

static inline void vfs_test(void (*body)(void *arg))
{
	vfs_test_arg(body, NULL);
}

/* --- small words for bodies --- */

static inline void make_file(const char *name, const char *text)
{
	struct file *f = filp_open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	s64 pos = 0;

	CHECK(!IS_ERR(f));
	CHECK(kernel_write(f, text, strlen(text), &pos) == (s64)strlen(text));
	fput(f);
}

/* 0 or the errno of opening. */
static inline int try_open(const char *name, u32 flags)
{
	struct file *f = filp_open(name, flags, 0644);

	if (IS_ERR(f))
		return (int)PTR_ERR(f);
	fput(f);
	return 0;
}

/* The whole content as a string into buf; its length, or -errno. */
static inline s64 slurp(const char *name, char *buf, u64 size)
{
	struct file *f = filp_open(name, O_RDONLY, 0);
	s64 pos = 0, n;

	if (IS_ERR(f))
		return PTR_ERR(f);
	do {
		n = kernel_read(f, buf + pos, size - 1 - (u64)pos, &pos);
	} while (n > 0 && (u64)pos < size - 1);
	fput(f);
	if (n < 0)
		return n;
	buf[pos] = '\0';
	return pos;
}

static inline int stat_of(const char *name, struct kstat *st)
{
	return vfs_fstatat(AT_FDCWD, name, st, AT_SYMLINK_NOFOLLOW);
}

/* Become uid and gid without capabilities; returns the old cred for restore_cred(). */
static inline struct cred *become(u32 uid, u32 gid)
{
	struct cred *old = current->cred, *c = prepare_creds();

	CHECK(c);
	c->uid = c->euid = c->suid = c->fsuid = uid;
	c->gid = c->egid = c->sgid = c->fsgid = gid;
	c->cap_effective = c->cap_permitted = 0;
	current->cred = c;
	return old;
}
static inline void restore_cred(struct cred *old)
{
	put_cred(current->cred);
	current->cred = old;
}

/* Names of a directory in readdir order, each followed by a blank, "." and ".." left out. */
struct listing {
	struct dir_context ctx;
	char *buf;
	u64 size, len;
	u32 entries;
};
static inline bool listing_actor(struct dir_context *ctx, const char *name, u32 len, s64 pos,
				 u64 ino, u8 type)
{
	struct listing *l = container_of(ctx, struct listing, ctx);

	(void)pos;
	(void)ino;
	(void)type;
	if ((len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.'))
		return true;
	if (l->len + len + 2 > l->size)
		return false;
	memcpy(l->buf + l->len, name, len);
	l->len += len;
	l->buf[l->len++] = ' ';
	l->buf[l->len] = '\0';
	l->entries++;
	return true;
}
static inline int list_dir(const char *name, char *buf, u64 size)
{
	struct file *f = filp_open(name, O_RDONLY | O_DIRECTORY, 0);
	struct listing l = { .ctx = { .actor = listing_actor }, .buf = buf, .size = size };
	int err;

	if (IS_ERR(f))
		return (int)PTR_ERR(f);
	buf[0] = '\0';
	err = iterate_dir(f, &l.ctx);
	fput(f);
	return err ? err : (int)l.entries;
}

#endif
