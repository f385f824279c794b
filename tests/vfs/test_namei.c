/* SPDX-License-Identifier: MIT */
/* The path walk and the calls on names: what each path means, and what each mistake is called. */
#include "vfs_fixture.h"

static void make_tree(void)
{
	CHECK(do_mkdirat(AT_FDCWD, "/d", 0755) == 0);
	CHECK(do_mkdirat(AT_FDCWD, "/d/e", 0755) == 0);
	make_file("/d/f", "text");
	CHECK(do_symlinkat("f", AT_FDCWD, "/d/lf") == 0);
	CHECK(do_symlinkat("/d/e", AT_FDCWD, "/d/le") == 0);
	CHECK(do_symlinkat("../d/./le", AT_FDCWD, "/d/lle") == 0);
	CHECK(do_symlinkat("e/", AT_FDCWD, "/d/les") == 0);
	CHECK(do_symlinkat("nowhere", AT_FDCWD, "/d/dangling") == 0);
	CHECK(do_symlinkat("loop", AT_FDCWD, "/d/loop") == 0);
	CHECK(do_symlinkat("/", AT_FDCWD, "/d/root") == 0);
	make_file("/d/e/x", "x");
}

struct walk_case {
	const char *path;
	u32 flags; /* of stat: AT_SYMLINK_NOFOLLOW or 0 */
	int err;
	const char *same_as; /* the object, by another path */
};

static void walks(void *arg)
{
	static const struct walk_case cases[] = {
		{ "/", 0, 0, "/" },
		{ "//", 0, 0, "/" },
		{ "/..", 0, 0, "/" },
		{ "/../../d", 0, 0, "/d" },
		{ "d", 0, 0, "/d" },
		{ "./d/.", 0, 0, "/d" },
		{ "/d/", 0, 0, "/d" },
		{ "/d//e///", 0, 0, "/d/e" },
		{ "/d/e/..", 0, 0, "/d" },
		{ "/d/e/../f", 0, 0, "/d/f" },
		{ "/d/lf", 0, 0, "/d/f" },
		{ "/d/le/x", 0, 0, "/d/e/x" },
		{ "/d/lle/x", 0, 0, "/d/e/x" },
		{ "/d/lle/../f", 0, 0, "/d/f" },
		{ "/d/les", 0, 0, "/d/e" },
		{ "/d/les/x", 0, 0, "/d/e/x" },
		{ "/d/root/d/root/d/f", 0, 0, "/d/f" },
		{ "/d/root/", AT_SYMLINK_NOFOLLOW, 0, "/" },
		{ "/d/le/", AT_SYMLINK_NOFOLLOW, 0, "/d/e" },
		{ "/dev/../d", 0, 0, "/d" },
		{ "/proc/..", 0, 0, "/" },
		{ "", 0, -ENOENT, NULL },
		{ "/x", 0, -ENOENT, NULL },
		{ "/x/", 0, -ENOENT, NULL },
		{ "/x/y", 0, -ENOENT, NULL },
		{ "/d/f/", 0, -ENOTDIR, NULL },
		{ "/d/f/g", 0, -ENOTDIR, NULL },
		{ "/d/f/.", 0, -ENOTDIR, NULL },
		{ "/d/f/..", 0, -ENOTDIR, NULL },
		{ "/d/lf/", 0, -ENOTDIR, NULL },
		{ "/d/dangling", 0, -ENOENT, NULL },
		{ "/d/loop", 0, -ELOOP, NULL },
		{ "/d/loop/x", 0, -ELOOP, NULL },
		{ "/d/loop", AT_SYMLINK_NOFOLLOW, 0, "/d/loop" },
		{ "/d/dangling", AT_SYMLINK_NOFOLLOW, 0, "/d/dangling" },
	};

	(void)arg;
	make_tree();
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct kstat a, b;
		int err = vfs_fstatat(AT_FDCWD, cases[i].path, &a, cases[i].flags);

		if (err != cases[i].err)
			machine_panic(this_machine(), "\"%s\": %d, expected %d", cases[i].path, err,
				      cases[i].err);
		if (err)
			continue;
		CHECK(stat_of(cases[i].same_as, &b) == 0);
		if (a.ino != b.ino || a.dev != b.dev)
			machine_panic(this_machine(), "\"%s\" is not \"%s\"", cases[i].path,
				      cases[i].same_as);
	}
}

static void every_path_leads_where_linux_says(void **state)
{
	(void)state;
	vfs_test(walks);
}

static void long_names(void *arg)
{
	char name[PATH_MAX + 64], target[64];
	struct kstat st;

	(void)arg;
	memset(name, 'n', sizeof(name));
	name[0] = '/';
	name[256] = '\0';
	CHECK(do_mkdirat(AT_FDCWD, name, 0755) == 0); /* 255 bytes */
	CHECK(stat_of(name, &st) == 0 && S_ISDIR(st.mode));
	name[256] = 'n';
	name[257] = '\0';
	CHECK(do_mkdirat(AT_FDCWD, name, 0755) == -ENAMETOOLONG);
	CHECK(try_open(name, O_RDWR | O_CREAT) == -ENAMETOOLONG);
	name[257] = 'n';
	name[PATH_MAX] = '\0';
	CHECK(stat_of(name, &st) == -ENAMETOOLONG);
	/* A chain of 40 links is followed, one more is not. */
	make_file("/l0", "end");
	for (int i = 1; i <= 41; i++) {
		snprintf(target, sizeof(target), "l%d", i - 1);
		snprintf(name, sizeof(name), "/l%d", i);
		CHECK(do_symlinkat(target, AT_FDCWD, name) == 0);
	}
	CHECK(vfs_fstatat(AT_FDCWD, "/l40", &st, 0) == 0);
	CHECK(vfs_fstatat(AT_FDCWD, "/l41", &st, 0) == -ELOOP);
}

static void names_and_link_chains_have_their_limits(void **state)
{
	(void)state;
	vfs_test(long_names);
}

static void opens(void *arg)
{
	static const struct {
		const char *path;
		u32 flags;
		int err;
	} cases[] = {
		{ "/d", O_RDONLY, 0 },
		{ "/d", O_WRONLY, -EISDIR },
		{ "/d", O_RDWR, -EISDIR },
		{ "/d", O_RDONLY | O_TRUNC, -EISDIR },
		{ "/d", O_RDONLY | O_CREAT, -EISDIR },
		{ "/d/", O_WRONLY | O_CREAT, -EISDIR },
		{ "/d/new/", O_WRONLY | O_CREAT, -EISDIR },
		{ "/d/.", O_WRONLY | O_CREAT, -EISDIR },
		{ "/", O_WRONLY | O_CREAT, -EISDIR },
		{ "/d/f", O_RDONLY | O_DIRECTORY, -ENOTDIR },
		{ "/d/e", O_RDONLY | O_DIRECTORY, 0 },
		{ "/d/f", O_RDWR | O_CREAT | O_EXCL, -EEXIST },
		{ "/d/e", O_RDWR | O_CREAT | O_EXCL, -EEXIST },
		{ "/d/lf", O_RDWR | O_CREAT | O_EXCL, -EEXIST },
		{ "/d/dangling", O_RDWR | O_CREAT | O_EXCL, -EEXIST },
		{ "/d/lf", O_RDONLY | O_NOFOLLOW, -ELOOP },
		{ "/d/le/x", O_RDONLY | O_NOFOLLOW, 0 },
		{ "/d/le", O_RDONLY | O_NOFOLLOW | O_DIRECTORY, -ENOTDIR },
		{ "/d/lf", O_PATH | O_NOFOLLOW, 0 },
		{ "/d/loop", O_RDONLY, -ELOOP },
		{ "/d/nothing", O_RDONLY, -ENOENT },
		{ "/d/nodir/f", O_WRONLY | O_CREAT, -ENOENT },
		{ "/d/f/x", O_WRONLY | O_CREAT, -ENOTDIR },
		{ "/d/e", O_RDONLY | O_CREAT | O_DIRECTORY, -EINVAL },
		{ "/d/dangling", O_WRONLY | O_CREAT, 0 }, /* makes /d/nowhere */
		{ "/d/nowhere", O_RDONLY, 0 },
		{ "/dev/null", O_RDWR, 0 },
		{ "/dev/tty", O_RDWR, 0 },
	};

	(void)arg;
	make_tree();
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		int err = try_open(cases[i].path, cases[i].flags);

		if (err != cases[i].err)
			machine_panic(this_machine(), "open \"%s\" %o: %d, expected %d",
				      cases[i].path, cases[i].flags, err, cases[i].err);
	}
	CHECK(do_mknodat(AT_FDCWD, "/d/nodev", S_IFCHR | 0666, MKDEV(200, 7)) == 0);
	CHECK(try_open("/d/nodev", O_RDONLY) == -ENXIO);
	CHECK(do_mknodat(AT_FDCWD, "/d/blk", S_IFBLK | 0666, MKDEV(8, 0)) == 0);
	CHECK(try_open("/d/blk", O_RDONLY) == -ENXIO);
	CHECK(do_mknodat(AT_FDCWD, "/d/sock", S_IFSOCK | 0666, 0) == 0);
	CHECK(try_open("/d/sock", O_RDONLY) == -ENXIO);
	CHECK(do_mknodat(AT_FDCWD, "/d/dir", S_IFDIR | 0666, 0) == -EPERM);
	CHECK(do_mknodat(AT_FDCWD, "/d/what", S_IFMT, 0) == -EINVAL);
}

static void every_open_mistake_has_its_errno(void **state)
{
	(void)state;
	vfs_test(opens);
}

static void umask_and_modes(void *arg)
{
	struct kstat st;
	struct file *f;

	(void)arg;
	CHECK(ksys_umask(027) == 022);
	f = filp_open("/a", O_RDWR | O_CREAT, 0666);
	CHECK(!IS_ERR(f));
	fput(f);
	CHECK(stat_of("/a", &st) == 0 && st.mode == (S_IFREG | 0640));
	CHECK(do_mkdirat(AT_FDCWD, "/b", 01777) == 0);
	CHECK(stat_of("/b", &st) == 0 && st.mode == (S_IFDIR | 01750) && st.nlink == 2);
	CHECK(do_fchmodat(AT_FDCWD, "/a", 06711) == 0);
	CHECK(stat_of("/a", &st) == 0 && st.mode == (S_IFREG | 06711));
	CHECK(do_fchownat(AT_FDCWD, "/a", 5, 6, 0) == 0); /* takes set-id bits away */
	CHECK(stat_of("/a", &st) == 0 && st.mode == (S_IFREG | 0711) && st.uid == 5 && st.gid == 6);
	CHECK(do_fchownat(AT_FDCWD, "/a", ~0u, 9, 0) == 0);
	CHECK(stat_of("/a", &st) == 0 && st.uid == 5 && st.gid == 9);
	/* A mode without any permission does not bother the file that was just made with it. */
	f = filp_open("/c", O_RDWR | O_CREAT, 0);
	CHECK(!IS_ERR(f) && (f->f_mode & FMODE_WRITE));
	fput(f);
	/* Directories with set-gid hand their group down. */
	CHECK(do_fchownat(AT_FDCWD, "/b", 0, 44, 0) == 0 &&
	      do_fchmodat(AT_FDCWD, "/b", 02775) == 0);
	make_file("/b/f", "");
	CHECK(do_mkdirat(AT_FDCWD, "/b/d", 0755) == 0);
	CHECK(stat_of("/b/f", &st) == 0 && st.gid == 44);
	CHECK(stat_of("/b/d", &st) == 0 && st.gid == 44 && (st.mode & S_ISGID));
}

static void modes_owners_and_umask_are_kept(void **state)
{
	(void)state;
	vfs_test(umask_and_modes);
}

static void permissions(void *arg)
{
	struct cred *root;
	struct timespec64 t[2] = { { 5, 0 }, { 6, 0 } };

	(void)arg;
	CHECK(do_mkdirat(AT_FDCWD, "/priv", 0700) == 0);
	make_file("/priv/f", "x");
	CHECK(do_mkdirat(AT_FDCWD, "/tmp", 0777) == 0 && do_fchmodat(AT_FDCWD, "/tmp", 01777) == 0);
	make_file("/tmp/roots", "x");
	make_file("/pub", "x");
	CHECK(do_fchmodat(AT_FDCWD, "/pub", 0604) == 0 &&
	      do_fchownat(AT_FDCWD, "/pub", 0, 100, 0) == 0);
	root = become(1000, 100);
	CHECK(try_open("/priv/f", O_RDONLY) == -EACCES);
	CHECK(try_open("/priv", O_RDONLY) == -EACCES);
	CHECK(ksys_chdir("/priv") == -EACCES);
	CHECK(try_open("/pub", O_RDONLY) ==
	      -EACCES); /* the group class decides, though others may */
	CHECK(try_open("/new", O_RDWR | O_CREAT) == -EACCES);
	CHECK(do_mkdirat(AT_FDCWD, "/newd", 0755) == -EACCES);
	CHECK(do_unlinkat(AT_FDCWD, "/pub") == -EACCES);
	CHECK(do_unlinkat(AT_FDCWD, "/tmp/roots") == -EPERM); /* sticky */
	CHECK(do_renameat2(AT_FDCWD, "/tmp/roots", AT_FDCWD, "/tmp/mine", 0) == -EPERM);
	CHECK(do_fchmodat(AT_FDCWD, "/pub", 0777) == -EPERM);
	CHECK(do_fchownat(AT_FDCWD, "/tmp/roots", 1000, ~0u, 0) == -EPERM);
	CHECK(do_utimes(AT_FDCWD, "/tmp/roots", t, 0) == -EPERM);
	CHECK(do_utimes(AT_FDCWD, "/tmp/roots", NULL, 0) == -EACCES);
	CHECK(do_mknodat(AT_FDCWD, "/tmp/null", S_IFCHR | 0666, MKDEV(1, 3)) == -EPERM);
	CHECK(do_mount("x", "/tmp", "tmpfs", 0, NULL) == -EPERM);
	CHECK(ksys_chroot("/tmp") == -EPERM);
	make_file("/tmp/mine", "y");
	CHECK(do_fchmodat(AT_FDCWD, "/tmp/mine", 0) == 0);
	CHECK(try_open("/tmp/mine", O_RDONLY) == -EACCES);
	CHECK(do_faccessat(AT_FDCWD, "/tmp/mine", MAY_READ, 0) == -EACCES);
	CHECK(do_faccessat(AT_FDCWD, "/tmp/mine", 0, 0) == 0);
	CHECK(do_fchownat(AT_FDCWD, "/tmp/mine", ~0u, 100, 0) == 0);
	CHECK(do_fchownat(AT_FDCWD, "/tmp/mine", ~0u, 101, 0) == -EPERM);
	CHECK(do_unlinkat(AT_FDCWD, "/tmp/mine") == 0);
	restore_cred(root);
	/* Root reads what nobody may, but runs only what somebody may. */
	make_file("/tmp/dark", "z");
	CHECK(do_fchmodat(AT_FDCWD, "/tmp/dark", 0) == 0);
	CHECK(try_open("/tmp/dark", O_RDWR) == 0);
	CHECK(do_faccessat(AT_FDCWD, "/tmp/dark", MAY_EXEC, 0) == -EACCES);
	CHECK(PTR_ERR(open_exec("/tmp/dark")) == -EACCES);
	CHECK(PTR_ERR(open_exec("/tmp")) == -EACCES);
}

static void permission_classes_and_the_sticky_bit_hold_for_ordinary_users(void **state)
{
	(void)state;
	vfs_test(permissions);
}

static void renames(void *arg)
{
	static const struct {
		const char *from, *to;
		u32 flags;
		int err;
	} cases[] = {
		{ "/a", "/a", 0, 0 },
		{ "/nothing", "/x", 0, -ENOENT },
		{ "/a", "/a/b/c", 0, -EINVAL },
		{ "/a/b", "/a", 0, -ENOTEMPTY },
		{ "/a", "/f", 0, -ENOTDIR },
		{ "/f", "/a", 0, -EISDIR },
		{ "/f", "/g/", 0, -ENOTDIR },
		{ "/f/", "/g", 0, -ENOTDIR },
		{ "/a/.", "/x", 0, -EBUSY },
		{ "/a", "/x/..", 0, -ENOENT },
		{ "/a", "/c/..", 0, -EBUSY },
		{ "/", "/x", 0, -EBUSY },
		{ "/f", "/dev/f", 0, -EXDEV },
		{ "/dev", "/vice", 0, -EBUSY },
		{ "/c", "/dev", 0, -EBUSY },
		{ "/f", "/g", RENAME_NOREPLACE, -EEXIST },
		{ "/f", "/h", RENAME_EXCHANGE, -ENOENT },
		{ "/f", "/g", RENAME_NOREPLACE | RENAME_EXCHANGE, -EINVAL },
		{ "/f", "/g", RENAME_WHITEOUT, -EINVAL },
		{ "/c", "/full", 0, -ENOTEMPTY },
		{ "/c", "/a/b", 0, 0 }, /* over an empty directory */
		{ "/f", "/g", 0, 0 },	/* over a file */
		{ "/g", "/full/g", 0, 0 },
		{ "/full/x", "/a", RENAME_EXCHANGE, 0 },
		{ "/link1", "/link2", 0, 0 }, /* the same object: both stay */
		{ "/link1", "/link2", 0, 0 },
	};
	struct kstat st;
	char buf[256];

	(void)arg;
	CHECK(do_mkdirat(AT_FDCWD, "/a", 0755) == 0 && do_mkdirat(AT_FDCWD, "/a/b", 0755) == 0);
	CHECK(do_mkdirat(AT_FDCWD, "/c", 0755) == 0 && do_mkdirat(AT_FDCWD, "/full", 0755) == 0);
	make_file("/full/x", "fx");
	make_file("/f", "f");
	make_file("/g", "g");
	make_file("/link1", "l");
	CHECK(do_linkat(AT_FDCWD, "/link1", AT_FDCWD, "/link2", 0) == 0);
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		int err = do_renameat2(AT_FDCWD, cases[i].from, AT_FDCWD, cases[i].to,
				       cases[i].flags);

		if (err != cases[i].err)
			machine_panic(this_machine(), "rename %s -> %s (%u): %d, expected %d",
				      cases[i].from, cases[i].to, cases[i].flags, err,
				      cases[i].err);
	}
	CHECK(slurp("/full/g", buf, sizeof(buf)) == 1 && buf[0] == 'f');
	CHECK(slurp("/a", buf, sizeof(buf)) == 2);
	CHECK(stat_of("/full/x/b", &st) == 0 && S_ISDIR(st.mode));
	CHECK(stat_of("/full", &st) == 0 && st.nlink == 3); /* x is a directory now */
	CHECK(list_dir("/full", buf, sizeof(buf)) == 2 && !strcmp(buf, "x g "));
	CHECK(stat_of("/link2", &st) == 0 && st.nlink == 2);
	CHECK(stat_of("/", &st) == 0 && st.nlink == 2 + 3); /* dev, proc, full */
}

static void renames_are_checked_and_done_as_linux_does(void **state)
{
	(void)state;
	vfs_test(renames);
}

static void removals(void *arg)
{
	char buf[64];
	struct file *f;
	s64 pos = 0;
	struct kstat st;

	(void)arg;
	CHECK(do_mkdirat(AT_FDCWD, "/d", 0755) == 0);
	make_file("/d/f", "content");
	CHECK(do_rmdir(AT_FDCWD, "/d") == -ENOTEMPTY);
	CHECK(do_rmdir(AT_FDCWD, "/d/f") == -ENOTDIR);
	CHECK(do_unlinkat(AT_FDCWD, "/d") == -EISDIR);
	CHECK(do_unlinkat(AT_FDCWD, "/d/f/") == -ENOTDIR);
	CHECK(do_rmdir(AT_FDCWD, "/d/.") == -EINVAL);
	CHECK(do_rmdir(AT_FDCWD, "/d/..") == -ENOTEMPTY);
	CHECK(do_rmdir(AT_FDCWD, "/") == -EBUSY);
	CHECK(do_rmdir(AT_FDCWD, "/dev") == -EBUSY);
	CHECK(do_unlinkat(AT_FDCWD, "/nothing") == -ENOENT);
	CHECK(do_linkat(AT_FDCWD, "/d", AT_FDCWD, "/d2", 0) == -EPERM);
	CHECK(do_linkat(AT_FDCWD, "/d/f", AT_FDCWD, "/dev/f", 0) == -EXDEV);
	CHECK(do_linkat(AT_FDCWD, "/d/f", AT_FDCWD, "/d/f", 0) == -EEXIST);
	/* A removed file lives while it is open. */
	f = filp_open("/d/f", O_RDWR, 0);
	CHECK(!IS_ERR(f));
	CHECK(do_unlinkat(AT_FDCWD, "/d/f") == 0);
	CHECK(try_open("/d/f", O_RDONLY) == -ENOENT);
	CHECK(kernel_read(f, buf, sizeof(buf), &pos) == 7 && !memcmp(buf, "content", 7));
	CHECK(f->f_inode->i_nlink == 0);
	CHECK(!strcmp(d_path(&f->f_path, buf, sizeof(buf)), "/d/f (deleted)"));
	fput(f);
	/* So does a directory somebody stands in, but nothing can be made there. */
	CHECK(ksys_chdir("/d") == 0);
	CHECK(do_getcwd(buf, sizeof(buf)) == 3 && !strcmp(buf, "/d"));
	CHECK(do_getcwd(buf, 2) == -ERANGE);
	CHECK(do_rmdir(AT_FDCWD, "/d") == 0);
	CHECK(do_getcwd(buf, sizeof(buf)) == -ENOENT);
	CHECK(try_open("x", O_RDWR | O_CREAT) == -ENOENT);
	CHECK(do_mkdirat(AT_FDCWD, "x", 0755) == -ENOENT);
	CHECK(vfs_fstatat(AT_FDCWD, ".", &st, 0) == 0 && st.nlink == 0);
	CHECK(vfs_fstatat(AT_FDCWD, "..", &st, 0) == 0);
	CHECK(ksys_chdir("/") == 0);
}

static void removed_objects_live_while_they_are_used(void **state)
{
	(void)state;
	vfs_test(removals);
}

static void chroot_and_fds(void *arg)
{
	char buf[64];
	struct kstat st;
	struct path root;
	int fd;

	(void)arg;
	CHECK(do_mkdirat(AT_FDCWD, "/jail", 0755) == 0 &&
	      do_mkdirat(AT_FDCWD, "/jail/in", 0755) == 0);
	make_file("/outside", "o");
	make_file("/jail/in/f", "f");
	CHECK(do_symlinkat("/in/f", AT_FDCWD, "/jail/link") == 0);
	fd = do_sys_open(AT_FDCWD, "/jail", O_RDONLY | O_DIRECTORY, 0);
	CHECK(fd >= 0);
	CHECK(vfs_fstatat(fd, "in/f", &st, 0) == 0);
	CHECK(vfs_fstatat(fd, "", &st, 0) == -ENOENT);
	CHECK(vfs_fstatat(fd, "", &st, AT_EMPTY_PATH) == 0 && S_ISDIR(st.mode));
	CHECK(vfs_fstatat(fd + 1, "x", &st, 0) == -EBADF);
	CHECK(vfs_fstatat(fd + 1, "/outside", &st, 0) ==
	      0); /* absolute: the descriptor is not looked at */
	CHECK(do_mkdirat(fd, "made", 0700) == 0 && stat_of("/jail/made", &st) == 0);
	CHECK(ksys_fchdir((u32)fd) == 0);
	CHECK(do_getcwd(buf, sizeof(buf)) == 6 && !strcmp(buf, "/jail"));
	CHECK(vfs_fstatat(AT_FDCWD, "link", &st, 0) == -ENOENT);
	get_fs_root(current->fs, &root);
	CHECK(ksys_chroot("/jail") == 0);
	CHECK(vfs_fstatat(AT_FDCWD, "link", &st, 0) == 0);
	CHECK(vfs_fstatat(AT_FDCWD, "/../../outside", &st, 0) == -ENOENT);
	CHECK(do_getcwd(buf, sizeof(buf)) == 2 && !strcmp(buf, "/"));
	set_fs_root(current->fs, &root);
	CHECK(close_fd((u32)fd) == 0);
	CHECK(ksys_chdir("/") == 0);
	CHECK(do_readlinkat(AT_FDCWD, "/jail/link", buf, 3) == 3 && !memcmp(buf, "/in", 3));
	CHECK(do_readlinkat(AT_FDCWD, "/jail/in", buf, 3) == -EINVAL);
	CHECK(do_readlinkat(AT_FDCWD, "/jail/none", buf, 3) == -ENOENT);
}

static void chroot_confines_and_descriptors_anchor(void **state)
{
	(void)state;
	vfs_test(chroot_and_fds);
}

static void mounts(void *arg)
{
	struct seq_buf m;
	struct kstat st;
	struct kstatfs fs;

	(void)arg;
	CHECK(do_mkdirat(AT_FDCWD, "/mnt", 0755) == 0);
	make_file("/mnt/below", "b");
	CHECK(do_mount("none", "/mnt", "nofs", 0, NULL) == -ENODEV);
	CHECK(do_mount("none", "/mnt/below", "tmpfs", 0, NULL) == -ENOTDIR);
	CHECK(do_mount("t", "/mnt", "tmpfs", 0, NULL) == 0);
	CHECK(stat_of("/mnt/below", &st) == -ENOENT);
	CHECK(stat_of("/mnt", &st) == 0 && st.mode == (S_IFDIR | 01777));
	make_file("/mnt/above", "a");
	CHECK(user_statfs("/mnt", &fs) == 0 && (u64)fs.f_type == TMPFS_MAGIC);
	CHECK(do_renameat2(AT_FDCWD, "/mnt/above", AT_FDCWD, "/above", 0) == -EXDEV);
	CHECK(do_mount("u", "/mnt", "ramfs", 1 /* MS_RDONLY */, NULL) ==
	      0); /* on top of the first */
	CHECK(try_open("/mnt/x", O_RDWR | O_CREAT) == -EROFS);
	CHECK(do_mkdirat(AT_FDCWD, "/mnt/x", 0755) == -EROFS);
	seq_buf_init(&m);
	show_mounts(&m);
	CHECK(!m.error);
	seq_putc(&m, '\0');
	CHECK(!strcmp(
		m.buffer,
		"rootfs / rootfs rw,relatime 0 0\ndevtmpfs /dev devtmpfs rw,relatime 0 0\nproc /proc proc rw,relatime 0 0\n"
		"t /mnt tmpfs rw,relatime 0 0\nu /mnt ramfs ro,relatime 0 0\n"));
	seq_buf_free(&m);
	CHECK(do_umount("/mnt", 0) == 0);
	CHECK(stat_of("/mnt/above", &st) == 0);
	CHECK(ksys_chdir("/mnt") == 0);
	CHECK(do_umount("/mnt", 0) == -EBUSY);
	CHECK(ksys_chdir("/") == 0);
	CHECK(do_umount("/mnt", 0) == 0);
	CHECK(do_umount("/mnt", 0) == -EINVAL);
	CHECK(stat_of("/mnt/below", &st) == 0);
}

static void mounts_cover_and_uncover(void **state)
{
	(void)state;
	vfs_test(mounts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_path_leads_where_linux_says),
		cmocka_unit_test(names_and_link_chains_have_their_limits),
		cmocka_unit_test(every_open_mistake_has_its_errno),
		cmocka_unit_test(modes_owners_and_umask_are_kept),
		cmocka_unit_test(permission_classes_and_the_sticky_bit_hold_for_ordinary_users),
		cmocka_unit_test(renames_are_checked_and_done_as_linux_does),
		cmocka_unit_test(removed_objects_live_while_they_are_used),
		cmocka_unit_test(chroot_confines_and_descriptors_anchor),
		cmocka_unit_test(mounts_cover_and_uncover),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
