/* SPDX-License-Identifier: MIT */
/* Paths: cwd, rename in all its cases, links, symlink walks, statfs, times of files. */
#include "compat.h"
#include <sys/statfs.h>

static char top[PATH_MAX];

static void mk(const char *path)
{
	close(open(path, O_CREAT | O_RDWR, 0644));
}

static void cwd(void)
{
	char buf[PATH_MAX];

	if (!getcwd(buf, sizeof(buf)))
		say("cwd: %s\n", ename(errno));
	else if (!strncmp(buf, top, strlen(top)))
		say("cwd: .%s\n", buf + strlen(top));
	else
		say("cwd: %s\n", buf);
}

static void times_of(const char *path)
{
	struct stat st;

	lstat(path, &st);
	say("%s: atime %ld.%09ld mtime %ld.%09ld\n", path, (long)st.st_atim.tv_sec,
	    st.st_atim.tv_nsec, (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

int main(void)
{
	struct timespec t[2] = { { 1000, 5 }, { 2000, 6 } };
	struct stat st, st2;
	struct statfs sf;
	char buf[64], name[64];
	int fd;

	if (!getcwd(top, sizeof(top)))
		return 1;
	mkdir("d", 0755);
	mkdir("d/e", 0755);
	mkdir("full", 0755);
	mk("full/x");
	mk("f");
	mk("g");
	cwd();
	T(chdir("d/e"));
	cwd();
	T(chdir("../.././d//e/"));
	cwd();
	T(chdir(".."));
	cwd();
	T(chdir("none"));
	T(chdir("../f"));
	T(chdir(""));
	T(syscall(SYS_getcwd, buf, 3));
	T(syscall(SYS_getcwd, 8, 4000));
	fd = T(open("..", O_RDONLY));
	T(fchdir(fd));
	cwd();
	T(fchdir(99));
	close(fd);
	fd = T(open("f", O_RDONLY));
	T(fchdir(fd));
	close(fd);
	/* a directory removed below us */
	mkdir("gone", 0755);
	T(chdir("gone"));
	T(rmdir("../gone"));
	cwd();
	T(open("x", O_CREAT | O_RDWR, 0600));
	T(mkdir("x", 0600));
	T(stat(".", &st));
	say("nlink %ld\n", (long)st.st_nlink);
	T(stat("..", &st));
	T(chdir(".."));
	cwd();

	/* rename */
	T(rename("f", "f2"));
	T(rename("f", "f2"));
	T(rename("f2", "g"));
	T(access("f2", F_OK));
	T(rename("g", "d"));
	T(rename("d", "g"));
	T(rename("d", "full"));
	T(rename("d", "d/e/sub"));
	T(rename("d/e", "d"));
	T(rename("d", "none/x"));
	T(rename("g", "none/x"));
	T(rename("d/.", "q"));
	T(rename("d/..", "q"));
	T(rename(".", "q"));
	T(rename("g", "q/"));
	T(rename("d", "q/"));
	T(rename("q", "d"));
	mkdir("empty", 0700);
	T(rename("d", "empty"));
	T(access("empty/e", F_OK));
	T(rename("empty", "d"));
	T(link("g", "h"));
	T(rename("g", "h"));
	T(access("g", F_OK));
	T(unlink("h"));
	T(rename("g", "g"));
	T(symlink("g", "s"));
	T(rename("s", "s2"));
	T(readlink("s2", buf, sizeof(buf)));
	T(rename("s2/", "s3"));
	mk("n1");
	mk("n2");
	T(syscall(SYS_renameat2, AT_FDCWD, "n1", AT_FDCWD, "n2", 1));
	T(syscall(SYS_renameat2, AT_FDCWD, "n1", AT_FDCWD, "n3", 1));
	T(stat("n3", &st));
	T(syscall(SYS_renameat2, AT_FDCWD, "n3", AT_FDCWD, "n2", 2));
	T(stat("n2", &st2));
	say("exchanged %d\n", st.st_ino == st2.st_ino);
	T(syscall(SYS_renameat2, AT_FDCWD, "n3", AT_FDCWD, "none", 2));
	T(syscall(SYS_renameat2, AT_FDCWD, "n3", AT_FDCWD, "n2", 3));
	T(syscall(SYS_renameat2, AT_FDCWD, "n3", AT_FDCWD, "n2", 64));
	T(stat("d", &st));
	say("d nlink %ld\n", (long)st.st_nlink);
	T(rename("d/e", "moved"));
	T(stat("d", &st));
	say("d nlink %ld\n", (long)st.st_nlink);
	T(stat("moved/..", &st));
	T(stat(".", &st2));
	say("parent follows %d\n", st.st_ino == st2.st_ino);

	/* symlinks */
	T(symlink("l1", "l0"));
	for (int i = 1; i < 41; i++) {
		snprintf(buf, sizeof(buf), "l%d", i + 1);
		snprintf(name, sizeof(name), "l%d", i);
		symlink(buf, name);
	}
	mk("l41");
	T(stat("l2", &st));
	T(stat("l1", &st));
	T(stat("l0", &st));
	T(symlink("d/../f9", "up"));
	T(open("up", O_CREAT | O_EXCL | O_RDWR, 0600));
	fd = T(open("up", O_CREAT | O_RDWR, 0600));
	close(fd);
	T(access("f9", F_OK));
	T(symlink("/", "root"));
	T(stat("root/dev/null", &st));
	T(stat("root/..", &st));
	T(stat("/..", &st2));
	T(lstat("root/", &st));
	say("trailing slash follows %d\n", S_ISDIR(st.st_mode));
	T(stat("f9/.", &st));
	T(stat("f9/..", &st));
	T(mkdir("up", 0700));
	T(mkdir("dangling-none/", 0700) + rmdir("dangling-none"));
	T(symlink("target-none", "dang"));
	T(mkdir("dang", 0700));
	T(mkdir("dang/", 0700));
	T(link("dang", "dang2"));
	T(readlink("dang2", buf, sizeof(buf)));

	/* times */
	T(utimensat(AT_FDCWD, "f9", t, 0));
	times_of("f9");
	t[0].tv_nsec = UTIME_OMIT;
	t[1].tv_sec = 3000;
	T(utimensat(AT_FDCWD, "f9", t, 0));
	times_of("f9");
	t[0].tv_nsec = 1000000000;
	T(utimensat(AT_FDCWD, "f9", t, 0));
	T(utimensat(AT_FDCWD, "none", NULL, 0));
	t[0].tv_nsec = 0;
	T(utimensat(AT_FDCWD, "dang", t, AT_SYMLINK_NOFOLLOW));
	times_of("dang");
	T(utimensat(AT_FDCWD, "dang", t, 0));
	T(utimensat(AT_FDCWD, "f9", t, 0x4000));
	fd = T(open("f9", O_RDWR));
	t[0] = (struct timespec){ 77, 0 };
	t[1] = (struct timespec){ 88, 0 };
	T(futimens(fd, t));
	times_of("f9");
	T(read(fd, buf, 1));
	T(stat("f9", &st));
	say("mtime %ld\n", (long)st.st_mtim.tv_sec);
	T(write(fd, "x", 1));
	T(stat("f9", &st));
	say("mtime moved %d ctime >= mtime %d\n", st.st_mtim.tv_sec > 88,
	    st.st_ctim.tv_sec >= st.st_mtim.tv_sec);
	T(stat(".", &st));
	mk("newfile");
	T(stat(".", &st2));
	say("dir mtime >= %d\n",
	    st2.st_mtim.tv_sec > st.st_mtim.tv_sec || st2.st_mtim.tv_nsec >= st.st_mtim.tv_nsec);

	/* statfs */
	T(statfs(".", &sf));
	say("bsize %ld namelen %ld\n", (long)sf.f_bsize, (long)sf.f_namelen);
	T(statfs("none", &sf));
	T(fstatfs(99, &sf));
	T(statfs("/proc", &sf));
	say("proc type %#lx\n", (long)sf.f_type);
	T(stat("f9", &st));
	say("blksize %ld blocks %ld\n", (long)st.st_blksize, (long)st.st_blocks);
	struct statx {
		uint32_t mask, blksize;
		uint64_t attr;
		uint32_t nlink, uid, gid;
		uint16_t mode, pad;
		uint64_t ino, size;
		uint8_t rest[200];
	} sx;
	T(syscall(332, AT_FDCWD, "f9", 0, 0x7ff, &sx));
	say("statx nlink %u mode %o size %ld basic %d\n", sx.nlink, sx.mode, (long)sx.size,
	    (sx.mask & 0x7ff) == 0x7ff);
	T(syscall(332, AT_FDCWD, "", 0x1000, 0x7ff, &sx));
	T(syscall(332, AT_FDCWD, "f9", 0x20000000, 0x7ff, &sx));

	/* chroot */
	CHILD("chroot", {
		T(chroot("moved"));
		T(chdir("/"));
		cwd();
		T(chdir(".."));
		cwd();
		T(open("/f9", O_RDONLY));
	});
	return 0;
}
