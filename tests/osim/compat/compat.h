/* SPDX-License-Identifier: MIT */
#ifndef COMPAT_H
#define COMPAT_H

/*
 * What the comparison programs share: results printed so that two kernels can be compared by their
 * text.
 *
 * Nothing printed may be a pid, an address or a time; T() prints an expression, its value, and the
 * errno's name when it is -1.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void __attribute__((format(printf, 1, 2), unused)) say(const char *fmt, ...)
{
	char buf[2048];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (write(1, buf, (size_t)n) != n)
		_exit(99);
}

static const char *__attribute__((unused)) ename(int e)
{
	static const struct {
		int e;
		const char *name;
	} names[] = {
		{ EPERM, "EPERM" },
		{ ENOENT, "ENOENT" },
		{ ESRCH, "ESRCH" },
		{ EINTR, "EINTR" },
		{ EIO, "EIO" },
		{ ENXIO, "ENXIO" },
		{ E2BIG, "E2BIG" },
		{ ENOEXEC, "ENOEXEC" },
		{ EBADF, "EBADF" },
		{ ECHILD, "ECHILD" },
		{ EAGAIN, "EAGAIN" },
		{ ENOMEM, "ENOMEM" },
		{ EACCES, "EACCES" },
		{ EFAULT, "EFAULT" },
		{ EBUSY, "EBUSY" },
		{ EEXIST, "EEXIST" },
		{ EXDEV, "EXDEV" },
		{ ENODEV, "ENODEV" },
		{ ENOTDIR, "ENOTDIR" },
		{ EISDIR, "EISDIR" },
		{ EINVAL, "EINVAL" },
		{ ENFILE, "ENFILE" },
		{ EMFILE, "EMFILE" },
		{ ENOTTY, "ENOTTY" },
		{ ETXTBSY, "ETXTBSY" },
		{ EFBIG, "EFBIG" },
		{ ENOSPC, "ENOSPC" },
		{ ESPIPE, "ESPIPE" },
		{ EROFS, "EROFS" },
		{ EMLINK, "EMLINK" },
		{ EPIPE, "EPIPE" },
		{ ERANGE, "ERANGE" },
		{ ENAMETOOLONG, "ENAMETOOLONG" },
		{ ENOSYS, "ENOSYS" },
		{ ENOTEMPTY, "ENOTEMPTY" },
		{ ELOOP, "ELOOP" },
		{ EOVERFLOW, "EOVERFLOW" },
		{ EOPNOTSUPP, "EOPNOTSUPP" },
		{ ETIMEDOUT, "ETIMEDOUT" },
		{ EDEADLK, "EDEADLK" },
		{ ENODATA, "ENODATA" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].e == e)
			return names[i].name;
	}
	return e ? "E?" : "0";
}

static long __attribute__((unused)) result(const char *what, long r)
{
	if (r == -1)
		say("%s: %s\n", what, ename(errno));
	else
		say("%s: %ld\n", what, r);
	return r;
}

/* Value or errno name of an expression. */
#define T(expr) (errno = 0, result(#expr, (long)(expr)))
/* Only whether it worked: for values that two kernels may choose freely. */
#define OK(expr)                                                                                   \
	({                                                                                         \
		errno = 0;                                                                         \
		long ok_ = (long)(expr);                                                           \
		say("%s: %s\n", #expr, ok_ == -1 ? ename(errno) : "ok");                           \
		ok_;                                                                               \
	})

/*
 * The first process of a PID namespace and of a machine has rules of its own for signals; both
 * sides therefore run the program as a child of it. What goes wrong must not reach other processes
 * of the host: a failed fork ends the program, and only a positive pid, or signal 0, is ever given
 * to kill.
 */
static pid_t checked_fork(void)
{
	pid_t pid = fork();

	if (pid < 0) {
		say("fork: %s\n", ename(errno));
		_exit(98);
	}
	return pid;
}

static int checked_kill(pid_t pid, int sig)
{
	if (pid <= 1 && sig) {
		say("kill: bad target\n");
		_exit(97);
	}
	return kill(pid, sig);
}

static void __attribute__((constructor)) leave_init(void)
{
	pid_t pid, dead;
	int st = 0;

	if (getpid() != 1)
		return;
	pid = checked_fork();
	if (!pid)
		return;
	while ((dead = wait(&st)) != pid) {
		if (dead < 0 && errno != EINTR)
			_exit(96);
	}
	_exit(WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st));
}

#define fork checked_fork
#define kill checked_kill

/* A wait status in words. */
static void __attribute__((unused)) say_status(const char *what, int st)
{
	if (WIFEXITED(st))
		say("%s: exited %d\n", what, WEXITSTATUS(st));
	else if (WIFSIGNALED(st))
		say("%s: killed by %d\n", what, WTERMSIG(st));
	else if (WIFSTOPPED(st))
		say("%s: stopped by %d\n", what, WSTOPSIG(st));
	else if (WIFCONTINUED(st))
		say("%s: continued\n", what);
	else
		say("%s: status %#x\n", what, st);
}

/* Run body in a child and tell how it ended. */
#define CHILD(what, ...)                                                                           \
	do {                                                                                       \
		int st_ = 0;                                                                       \
		pid_t pid_ = fork();                                                               \
		if (!pid_) {                                                                       \
			__VA_ARGS__;                                                               \
			_exit(0);                                                                  \
		}                                                                                  \
		if (waitpid(pid_, &st_, 0) != pid_)                                                \
			say("%s: wait: %s\n", what, ename(errno));                                 \
		say_status(what, st_);                                                             \
	} while (0)

static void __attribute__((unused)) msleep(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

#endif
