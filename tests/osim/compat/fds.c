/* SPDX-License-Identifier: MIT */
/* Descriptors: dup and its kin, close-on-exec, shared offsets, fcntl, limits on numbers. */
#include "compat.h"

static void flags(int fd)
{
	say("fd %d: fd flags %d, status %#o\n", fd, fcntl(fd, F_GETFD),
	    fcntl(fd, F_GETFL) & ~0100000);
}

int main(int argc, char **argv)
{
	struct rlimit rl;
	char buf[16];
	int fd, fd2, p[2];

	if (argc > 1) {
		for (int i = 3; i < 12; i++)
			say("%s fd %d: %s\n", argv[1], i,
			    fcntl(i, F_GETFD) < 0 ? ename(errno) : "open");
		return 7;
	}
	fd = T(open("f", O_CREAT | O_RDWR, 0644));
	fd2 = T(dup(fd));
	T(write(fd, "abcdef", 6));
	T(lseek(fd2, 0, SEEK_CUR));
	T(lseek(fd2, 2, SEEK_SET));
	T(read(fd, buf, 2));
	T(dup2(fd, 9));
	T(dup2(fd, fd));
	T(dup2(99, 99));
	T(dup2(99, 3));
	T(dup2(fd, -1));
	T(dup2(fd, 1 << 30));
	T(dup3(fd, fd, 0));
	T(dup3(fd, 8, O_CLOEXEC));
	T(dup3(fd, 8, O_APPEND));
	flags(8);
	flags(9);
	T(dup(99));
	T(fcntl(fd, F_DUPFD, 6));
	T(fcntl(fd, F_DUPFD_CLOEXEC, 6));
	flags(6);
	flags(7);
	T(fcntl(fd, F_DUPFD, -1));
	T(fcntl(fd, F_DUPFD, 1 << 30));
	T(fcntl(fd, F_SETFD, FD_CLOEXEC));
	flags(fd);
	flags(fd2);
	T(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK));
	flags(fd);
	flags(fd2);
	T(fcntl(fd, F_SETFL, O_TRUNC | O_RDONLY));
	flags(fd);
	T(fcntl(fd, 9999));
	T(fcntl(99, F_GETFL));
	fd2 = T(open("f", O_RDONLY | O_CLOEXEC | O_NONBLOCK));
	flags(fd2);
	T(lseek(fd2, 0, SEEK_CUR));
	T(pipe2(p, O_CLOEXEC | O_NONBLOCK));
	flags(p[0]);
	flags(p[1]);
	T(pipe2(p, 0x7));
	T(pipe((int *)8));
	T(ioctl(fd, 0x1234, 0));
	T(ioctl(99, 0x1234, 0));
	CHILD("exec", execv(argv[0], (char *[]){ argv[0], (char *)"after-exec", NULL }));
	CHILD("inherit", {
		lseek(fd, 5, SEEK_SET);
		close(fd2);
	});
	T(lseek(fd, 0, SEEK_CUR));
	T(close(fd2));
	T(getrlimit(RLIMIT_NOFILE, &rl));
	rl.rlim_cur = 12;
	T(setrlimit(RLIMIT_NOFILE, &rl));
	while (T(dup(fd)) >= 0)
		;
	T(dup2(fd, 12));
	T(fcntl(fd, F_DUPFD, 12));
	T(open("f", O_RDONLY));
	T(pipe(p));
	rl.rlim_cur = 5;
	T(setrlimit(RLIMIT_NOFILE, &rl));
	T(write(9, "x", 1));
	T(close(9));
	T(close(10) + close(11));
	for (int i = 3; i < 12; i++)
		say("fd %d: %s\n", i, fcntl(i, F_GETFD) < 0 ? ename(errno) : "open");
	return 3;
}
