/* SPDX-License-Identifier: MIT */
/*
 * File locks: records of fcntl with their conflicts, splits and deadlocks; flock; close_range;
 * attributes' errors.
 */
#include "compat.h"
#include <sys/file.h>
#include <sys/xattr.h>

static int lock(int fd, int cmd, int type, long start, long len)
{
	struct flock fl = {
		.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = len
	};

	return fcntl(fd, cmd, &fl);
}

static void who(int fd, const char *what, int type, long start, long len, pid_t pid)
{
	struct flock fl = {
		.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = len
	};
	int ret = fcntl(fd, F_GETLK, &fl);

	if (ret || fl.l_type == F_UNLCK)
		say("%s: %s\n", what, ret ? ename(errno) : "free");
	else
		say("%s: type %d start %ld len %ld whence %d mine %d\n", what, fl.l_type,
		    (long)fl.l_start, (long)fl.l_len, fl.l_whence, fl.l_pid == pid);
}

/* The holder answers commands: 'u' unlock 0..99, 'q' quit. */
static pid_t holder(int fd, int ready, int cmds)
{
	pid_t p = fork();
	char c;

	if (p)
		return p;
	lock(fd, F_SETLK, F_WRLCK, 0, 100);
	lock(fd, F_SETLK, F_RDLCK, 200, 100);
	write(ready, "r", 1);
	while (read(cmds, &c, 1) == 1 && c != 'q') {
		if (c == 'u')
			lock(fd, F_SETLK, F_UNLCK, 40, 20);
		write(ready, "d", 1);
	}
	_exit(0);
}

static void nop(int sig)
{
	(void)sig;
}

int main(void)
{
	int fd = open("f", O_CREAT | O_RDWR, 0600), ro = open("f", O_RDONLY), a[2], b[2], st;
	struct flock bad = { .l_type = 9 };
	pid_t p, q;
	char c;

	if (pipe(a) || pipe(b))
		return 1;
	T(lock(fd, F_SETLK, F_WRLCK, 0, 10));
	who(fd, "own lock", F_WRLCK, 0, 10, getpid());
	T(lock(ro, F_SETLK, F_WRLCK, 0, 10));
	T(lock(ro, F_SETLK, F_RDLCK, 0, 10));
	T(lock(fd, F_SETLK, F_RDLCK, -1, 10));
	T(lock(fd, F_SETLK, F_RDLCK, 5, -6));
	T(lock(fd, F_SETLK, F_RDLCK, 5, -5));
	T(fcntl(fd, F_SETLK, &bad));
	T(fcntl(fd, F_SETLK, (void *)8));
	T(fcntl(99, F_SETLK, &bad));
	bad.l_type = F_UNLCK;
	bad.l_whence = 7;
	T(fcntl(fd, F_SETLK, &bad));
	T(lock(fd, F_SETLK, F_WRLCK, LONG_MAX, 2));
	T(lock(fd, F_SETLK, F_WRLCK, LONG_MAX, 1));
	T(lock(fd, F_SETLK, F_UNLCK, 0, 0));
	CHILD("all free", who(fd, "all", F_WRLCK, 0, 0, 0));

	p = holder(fd, a[1], b[0]);
	read(a[0], &c, 1);
	who(fd, "write over write", F_WRLCK, 50, 1, p);
	who(fd, "read over write", F_RDLCK, 99, 1, p);
	who(fd, "between", F_WRLCK, 100, 100, p);
	who(fd, "read over read", F_RDLCK, 200, 10, p);
	who(fd, "write over read", F_WRLCK, 290, 0, p);
	T(lock(fd, F_SETLK, F_WRLCK, 50, 1));
	T(lock(fd, F_SETLK, F_WRLCK, 99, 1));
	T(lock(fd, F_SETLK, F_RDLCK, 250, 500));
	T(lock(fd, F_SETLK, F_WRLCK, 300, 1));
	write(b[1], "u", 1);
	read(a[0], &c, 1);
	who(fd, "left piece", F_WRLCK, 0, 60, p);
	who(fd, "right piece", F_WRLCK, 50, 60, p);
	T(lock(fd, F_SETLK, F_WRLCK, 40, 20));
	/* waiting */
	q = fork();
	if (!q) {
		msleep(30);
		write(b[1], "q", 1);
		_exit(0);
	}
	T(lock(fd, F_SETLKW, F_WRLCK, 0, 0));
	waitpid(p, &st, 0);
	waitpid(q, &st, 0);
	CHILD("whole file is held", {
		who(fd, "child", F_RDLCK, 1000000, 1, getppid());
		signal(SIGALRM, nop);
		sigaction(SIGALRM, &(struct sigaction){ .sa_handler = nop }, NULL);
		struct itimerval it = { { 0, 0 }, { 0, 20000 } };
		setitimer(ITIMER_REAL, &it, NULL);
		T(lock(fd, F_SETLKW, F_WRLCK, 0, 1));
	});
	/* any close drops them */
	close(open("f", O_RDONLY));
	CHILD("after a close", who(fd, "child", F_WRLCK, 0, 0, getppid()));

	/* a circle of two */
	lock(fd, F_SETLK, F_WRLCK, 0, 1);
	q = fork();
	if (!q) {
		lock(fd, F_SETLK, F_WRLCK, 1, 1);
		write(a[1], "x", 1);
		_exit(lock(fd, F_SETLKW, F_WRLCK, 0, 1) ? 1 : 0);
	}
	read(a[0], &c, 1);
	msleep(30);
	T(lock(fd, F_SETLKW, F_WRLCK, 1, 1));
	T(lock(fd, F_SETLK, F_UNLCK, 0, 1));
	waitpid(q, &st, 0);
	say_status("other", st);

	/* flock */
	{
		int f2 = open("f", O_RDONLY), d = dup(f2);

		T(flock(fd, LOCK_EX));
		T(flock(f2, LOCK_SH | LOCK_NB));
		T(flock(fd, LOCK_SH | LOCK_NB));
		T(flock(f2, LOCK_SH | LOCK_NB));
		T(flock(fd, LOCK_EX | LOCK_NB));
		T(flock(f2, LOCK_UN));
		T(flock(fd, LOCK_EX | LOCK_NB));
		T(flock(fd, 16));
		T(flock(77, LOCK_SH));
		T(lock(fd, F_SETLK, F_WRLCK, 0, 0));
		CHILD("flock is shared with a child", T(flock(fd, LOCK_EX | LOCK_NB)));
		T(flock(fd, LOCK_UN));
		T(flock(f2, LOCK_EX));
		close(f2);
		T(flock(fd, LOCK_EX | LOCK_NB));
		q = fork();
		if (!q) {
			msleep(20);
			close(d);
			_exit(0);
		}
		close(d);
		T(flock(fd, LOCK_EX));
		waitpid(q, &st, 0);
	}

	/* close_range and attributes */
	T(dup2(fd, 20));
	T(dup2(fd, 22));
	T(syscall(436, 20, 22, 4));
	T(fcntl(20, F_GETFD));
	T(syscall(436, 20, 21, 0));
	T(fcntl(20, F_GETFD));
	T(fcntl(22, F_GETFD));
	T(syscall(436, 22, 20, 0));
	T(syscall(436, 20, 22, 64));
	T(getxattr("none", "user.x", &c, 1));
	T(fgetxattr(77, "user.x", &c, 1));
	T(getxattr("f", "", &c, 1));
	T(getxattr("f", "nonamespace", &c, 1));
	T(listxattr("f", &c, 0));
	T(setxattr("f", "nonamespace", "", 0, 0));
	T(setxattr("f", "user.x", "", 0, 99));
	T(removexattr("none", "user.x"));
	return 0;
}
