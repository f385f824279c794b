/* SPDX-License-Identifier: MIT */
/*
 * Files and directories: open's flags, seeking, holes, truncation, links to open files, directory
 * calls and their errors.
 */
#include "compat.h"

static void mk(const char *path, const char *text)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644);

	if (write(fd, text, strlen(text)) < 0)
		say("mk %s: %s\n", path, ename(errno));
	close(fd);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(const char *path)
{
	char *names[64];
	int n = 0;
	DIR *d = opendir(path);
	struct dirent *e;

	if (!d) {
		say("list %s: %s\n", path, ename(errno));
		return;
	}
	while ((e = readdir(d)) && n < 64) {
		names[n] = malloc(300);
		snprintf(names[n++], 300, "%s/%d", e->d_name, e->d_type);
	}
	closedir(d);
	qsort(names, (size_t)n, sizeof(names[0]), by_name);
	say("list %s:", path);
	for (int i = 0; i < n; i++)
		say(" %s", names[i]);
	say("\n");
}

static void show(const char *path)
{
	struct stat st;

	if (lstat(path, &st))
		say("stat %s: %s\n", path, ename(errno));
	else
		say("stat %s: mode %o nlink %ld size %ld uid %d\n", path, st.st_mode,
		    (long)st.st_nlink, S_ISDIR(st.st_mode) ? -1L : (long)st.st_size,
		    (int)st.st_uid);
}

int main(void)
{
	char buf[128], longname[300], *longpath;
	struct stat st, st2;
	int fd, fd2, n;

	mk("a", "hello world");
	T(open("a", O_CREAT | O_EXCL | O_RDWR, 0600));
	T(open("a", O_DIRECTORY));
	T(open("a/", O_RDONLY));
	T(open("a/b", O_RDONLY));
	T(open("none", O_RDONLY));
	T(open("none/x", O_CREAT | O_RDWR, 0600));
	T(open("new/", O_CREAT | O_RDWR, 0600));
	T(open("", O_RDONLY));
	T(open((char *)8, O_RDONLY));
	T(mkdir("d", 0755));
	T(mkdir("d", 0755));
	T(mkdir("d/", 0755));
	T(mkdir("e/", 0755));
	T(mkdir("x/y", 0755));
	T(open("d", O_RDWR));
	T(open("d", O_CREAT | O_RDWR, 0600));
	T(open("d", O_CREAT | O_RDONLY, 0600));
	T(open("d", O_CREAT | O_RDONLY | O_DIRECTORY, 0600));
	T(symlink("a", "sl"));
	T(symlink("loop", "loop"));
	T(symlink("nowhere", "dang"));
	T(open("sl", O_RDONLY | O_NOFOLLOW));
	T(open("loop", O_RDONLY));
	T(open("dang", O_RDONLY));
	T(open("dang", O_CREAT | O_EXCL | O_RDWR, 0600));
	fd = T(open("dang", O_CREAT | O_RDWR, 0600));
	T(close(fd));
	show("nowhere");
	memset(longname, 'n', sizeof(longname));
	longname[255] = 0;
	T(mkdir(longname, 0700) + rmdir(longname));
	longname[255] = 'n';
	longname[256] = 0;
	result("mkdir 256", mkdir(longname, 0700));
	longpath = malloc(5000);
	memset(longpath, '/', 4999);
	longpath[4095] = 0;
	OK(stat(longpath, &st));
	longpath[4095] = '/';
	longpath[4096] = 0;
	OK(stat(longpath, &st));

	fd = T(open("a", O_RDONLY));
	T(write(fd, "x", 1));
	T(read(fd, buf, 5));
	T(lseek(fd, 0, SEEK_CUR));
	T(lseek(fd, -3, SEEK_END));
	T(read(fd, buf, 100));
	T(read(fd, buf, 100));
	T(lseek(fd, -1, SEEK_SET));
	T(lseek(fd, -100, SEEK_END));
	T(lseek(fd, 5, 77));
	T(lseek(fd, 100, SEEK_SET));
	T(read(fd, buf, 10));
	T(lseek(fd, 0, SEEK_DATA));
	T(lseek(fd, 0, SEEK_HOLE));
	T(lseek(fd, 11, SEEK_DATA));
	T(lseek(fd, 500, SEEK_HOLE));
	T(pread(fd, buf, 5, 6));
	say("pread got %.5s\n", buf);
	T(pread(fd, buf, 5, -1));
	T(pread(fd, (char *)8, 5, 0));
	T(pread(fd, (char *)8, 0, 0));
	T(read(fd, buf, 0));
	T(ftruncate(fd, 3));
	T(close(fd));
	T(close(fd));
	T(read(fd, buf, 1));
	T(write(-1, buf, 1));
	fd = T(open("a", O_WRONLY));
	T(read(fd, buf, 1));
	T(ftruncate(fd, -1));
	T(ftruncate(fd, 4));
	T(pwrite(fd, "zz", 2, 10000));
	T(fstat(fd, &st));
	say("size %ld\n", (long)st.st_size);
	T(close(fd));
	fd = T(open("a", O_RDWR));
	memset(buf, 1, sizeof(buf));
	T(pread(fd, buf, 8, 0));
	say("%.4s %d %d\n", buf, buf[4], buf[7]);
	T(pread(fd, buf, 100, 9998));
	say("%d %d %c%c\n", buf[0], buf[1], buf[2], buf[3]);
	T(ftruncate(fd, 2));
	T(ftruncate(fd, 20));
	T(pread(fd, buf, 100, 0));
	say("%c%c %d %d\n", buf[0], buf[1], buf[2], buf[19]);
	T(truncate("a", 7));
	T(truncate("d", 7));
	T(truncate("none", 7));
	T(truncate("a", -7));
	T(close(fd));

	fd = T(open("ap", O_CREAT | O_RDWR | O_APPEND, 0640));
	T(write(fd, "one", 3));
	T(lseek(fd, 0, SEEK_SET));
	T(write(fd, "two", 3));
	T(lseek(fd, 0, SEEK_CUR));
	T(pwrite(fd, "three", 5, 0));
	T(lseek(fd, 0, SEEK_CUR));
	n = (int)pread(fd, buf, 100, 0);
	say("append file: %.*s\n", n, buf);
	T(close(fd));
	fd = T(open("ap", O_RDWR | O_TRUNC));
	show("ap");
	{
		struct iovec v[3] = { { (char *)"ab", 2 },
				      { (char *)"", 0 },
				      { (char *)"cde", 3 } };
		struct iovec bad[2] = { { (char *)"ab", 2 }, { (char *)8, 3 } };

		T(writev(fd, v, 3));
		T(writev(fd, bad, 2));
		T(writev(fd, v, 0));
		T(writev(fd, v, -1));
		T(writev(fd, v, 1025));
		T(lseek(fd, 0, SEEK_SET));
		v[0].iov_base = buf;
		v[1].iov_base = buf + 50;
		v[1].iov_len = 1;
		v[2].iov_base = buf + 60;
		v[2].iov_len = 50;
		T(readv(fd, v, 3));
		say("%.2s %.1s %.4s\n", buf, buf + 50, buf + 60);
	}
	T(write(fd, (char *)8, 4));
	T(unlink("ap"));
	T(fstat(fd, &st));
	say("nlink %ld size %ld\n", (long)st.st_nlink, (long)st.st_size);
	T(pread(fd, buf, 3, 0));
	T(close(fd));

	T(link("a", "b"));
	T(stat("a", &st) + stat("b", &st2));
	say("same inode %d nlink %ld\n", st.st_ino == st2.st_ino, (long)st.st_nlink);
	T(link("a", "b"));
	T(link("d", "d2"));
	T(link("none", "q"));
	T(link("sl", "sl2"));
	show("sl2");
	T(linkat(AT_FDCWD, "sl", AT_FDCWD, "sl3", AT_SYMLINK_FOLLOW));
	show("sl3");
	T(unlink("d"));
	T(unlink("none"));
	T(unlink("a/"));
	T(unlinkat(AT_FDCWD, "a", AT_REMOVEDIR));
	T(unlinkat(AT_FDCWD, "a", 0x1234));
	mk("d/f", "x");
	T(rmdir("d"));
	T(rmdir("a"));
	T(rmdir("none"));
	T(rmdir("."));
	T(rmdir("d/.."));
	T(rmdir("/"));
	T(rmdir("sl"));
	list(".");
	list("d");
	show("d");
	T(mkdir("d/sub", 0700));
	show("d");
	T(rmdir("d/sub/"));
	show("d");
	T(symlink("d", "dl"));
	T(rmdir("dl"));
	T(rmdir("dl/"));
	list("dl/");
	T(unlink("dl/"));
	T(unlink("dl"));
	T(readlink("sl", buf, sizeof(buf)));
	T(readlink("dang", buf, 3));
	T(readlink("a", buf, 3));
	T(readlink("sl", buf, 0));
	T(readlink("none", buf, 3));
	T(symlink("", "empty"));
	T(symlink("x", "a"));

	T(umask(027));
	fd = T(open("um", O_CREAT | O_RDWR, 0777));
	close(fd);
	show("um");
	T(mkdir("umd", 0777));
	show("umd");
	T(chmod("um", 04755));
	show("um");
	T(chmod("none", 0));
	T(umask(022));
	T(access("um", X_OK | R_OK));
	T(access("nowhere", X_OK));
	T(access("um", 64));
	T(access("none", F_OK));
	fd = T(open("um", O_PATH));
	T(read(fd, buf, 1));
	T(fstat(fd, &st));
	T(fchmod(fd, 0600));
	T(lseek(fd, 0, SEEK_CUR));
	T(close(fd));
	fd = T(open(".", O_RDONLY | O_DIRECTORY));
	T(read(fd, buf, 10));
	T(write(fd, buf, 10));
	T(openat(fd, "a", O_RDONLY));
	T(close(4));
	T(mkdirat(fd, "viaat", 0700));
	T(unlinkat(fd, "viaat", AT_REMOVEDIR));
	T(syscall(SYS_getdents64, fd, buf, 3));
	T(close(fd));
	fd = T(open("a", O_RDONLY));
	T(openat(fd, "x", O_RDONLY));
	T(syscall(SYS_getdents64, fd, buf, 100));
	T(openat(99, "x", O_RDONLY));
	T(fstatat(fd, "", &st, AT_EMPTY_PATH));
	T(fstatat(fd, "", &st, 0));
	T(fstatat(AT_FDCWD, "a", &st, 0x8000000));
	T(fsync(fd));
	T(fdatasync(99));
	fd2 = T(open("out", O_CREAT | O_RDWR, 0600));
	{
		off_t off = 1;

		T(syscall(SYS_sendfile, fd2, fd, &off, 3));
		say("offset %ld\n", (long)off);
		T(syscall(SYS_sendfile, fd2, fd, NULL, 100));
		T(lseek(fd, 0, SEEK_CUR));
		T(syscall(SYS_sendfile, fd, fd2, NULL, 100));
	}
	show("out");
	T(open("a", O_RDONLY | O_CREAT | O_DIRECTORY | O_EXCL, 0600));
	T(mknod("fifo", S_IFIFO | 0600, 0));
	show("fifo");
	T(mknod("reg", S_IFREG | 0640, 0));
	show("reg");
	T(mknod("dir", S_IFDIR | 0640, 0));
	T(mknod("bad", 0170000 | 0640, 0));
	T(open("/dev/null", O_RDWR));
	T(write(5, "x", 1));
	T(read(5, buf, 1));
	T(lseek(5, 10, SEEK_SET));
	T(open("/dev/zero", O_RDONLY));
	T(read(6, buf, 100));
	T(stat("/dev/null", &st));
	say("null rdev %#lx mode %o\n", (long)st.st_rdev, st.st_mode & S_IFMT);
	return 0;
}
