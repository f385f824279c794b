/* SPDX-License-Identifier: MIT */
/* Pipes: blocking, atomicity, capacity, end of file, EPIPE, poll, select, nonblocking, FIFOs. */
#include "compat.h"

static void on_pipe(int sig)
{
	say("handler %d\n", sig);
}

static void poll1(const char *what, int fd, short events)
{
	struct pollfd p = { fd, events, 0 };
	int n = poll(&p, 1, 0);

	say("poll %s: %d revents %#x\n", what, n, p.revents);
}

int main(void)
{
	static char big[70000], back[70000];
	struct stat st;
	char buf[100];
	int p[2], n;
	long total;

	T(pipe(p));
	poll1("empty read", p[0], POLLIN | POLLOUT);
	poll1("empty write", p[1], POLLIN | POLLOUT);
	T(write(p[1], "hello", 5));
	poll1("data", p[0], POLLIN | POLLRDNORM | POLLPRI);
	T(read(p[0], buf, 3));
	T(read(p[0], buf, 100));
	T(write(p[0], "x", 1));
	T(read(p[1], buf, 1));
	T(lseek(p[0], 0, SEEK_CUR));
	T(pread(p[0], buf, 1, 0));
	T(ftruncate(p[0], 0));
	T(fsync(p[0]));
	T(fstat(p[0], &st));
	say("fifo %d mode %o\n", S_ISFIFO(st.st_mode), st.st_mode & 0777);
	T(fcntl(p[0], F_GETPIPE_SZ));
	T(fcntl(p[1], F_SETFL, O_NONBLOCK));
	T(fcntl(p[0], F_SETFL, O_NONBLOCK));
	T(read(p[0], buf, 1));
	T(write(p[1], big, sizeof(big)));
	T(write(p[1], big, 1));
	poll1("full", p[1], POLLOUT);
	T(read(p[0], back, 4095));
	T(write(p[1], big, 1));
	poll1("almost", p[1], POLLOUT);
	T(read(p[0], back, 1));
	poll1("slot", p[1], POLLOUT);
	T(write(p[1], big, 5000));
	T(write(p[1], big, 4096));
	T(read(p[0], back, sizeof(back)));
	T(read(p[0], back, sizeof(back)));
	for (int i = 0; i < 3; i++)
		T(write(p[1], "ab", 2));
	T(ioctl(p[0], 0x541b /* FIONREAD */, &n));
	say("FIONREAD %d\n", n);
	T(read(p[0], buf, 100));
	for (total = 0, n = 0; n < 100 && write(p[1], big, 100) == 100; n++)
		;
	say("hundred writes of 100: %d\n", n);
	while ((n = (int)read(p[0], back, sizeof(back))) > 0)
		total += n;
	say("drained %ld then %s\n", total, ename(errno));
	T(fcntl(p[0], F_SETPIPE_SZ, 4096));
	T(write(p[1], big, 10000));
	T(fcntl(p[0], F_SETPIPE_SZ, 1));
	T(fcntl(p[0], F_GETPIPE_SZ));
	close(p[0]);
	poll1("no readers", p[1], POLLOUT);
	signal(SIGPIPE, on_pipe);
	T(write(p[1], "x", 1));
	T(write(p[1], "x", 0));
	signal(SIGPIPE, SIG_IGN);
	T(write(p[1], "x", 1));
	signal(SIGPIPE, SIG_DFL);
	CHILD("default SIGPIPE", write(p[1], "x", 1));
	close(p[1]);
	T(pipe(p));
	T(write(p[1], "tail", 4));
	close(p[1]);
	poll1("hup with data", p[0], POLLIN);
	T(read(p[0], buf, 100));
	poll1("hup", p[0], POLLIN);
	T(read(p[0], buf, 100));
	close(p[0]);

	/*
	 * A reader that must wait for a slow writer, and a writer that must wait for a slow reader.
	 */
	T(pipe(p));
	if (!fork()) {
		close(p[0]);
		msleep(30);
		if (write(p[1], "late", 4) != 4)
			_exit(1);
		_exit(0);
	}
	close(p[1]);
	T(read(p[0], buf, 100));
	T(read(p[0], buf, 100));
	wait(NULL);
	close(p[0]);
	T(pipe(p));
	if (!fork()) {
		close(p[0]);
		for (size_t i = 0; i < sizeof(big); i++)
			big[i] = (char)(i * 7);
		_exit(write(p[1], big, sizeof(big)) == sizeof(big) ? 0 : 1);
	}
	close(p[1]);
	msleep(20);
	total = 0;
	while ((n = (int)read(p[0], back + total, 1000)) > 0)
		total += n;
	for (n = 0; n < total && back[n] == (char)(n * 7); n++)
		;
	say("read %ld, first %d right\n", total, n);
	{
		int st_;

		wait(&st_);
		say_status("writer", st_);
	}
	close(p[0]);

	/* poll and select over several */
	{
		int q[2];
		struct pollfd v[3];
		struct timeval tv = { 0, 0 };
		fd_set r, w;

		T(pipe(p));
		T(pipe(q));
		if (!fork()) {
			msleep(30);
			if (write(q[1], "z", 1) != 1)
				_exit(1);
			_exit(0);
		}
		v[0] = (struct pollfd){ p[0], POLLIN, 7 };
		v[1] = (struct pollfd){ q[0], POLLIN, 7 };
		v[2] = (struct pollfd){ -5, POLLIN, 7 };
		T(poll(v, 3, 5000));
		say("revents %#x %#x %#x\n", v[0].revents, v[1].revents, v[2].revents);
		v[2].fd = 77;
		T(poll(v, 3, 0));
		say("revents %#x %#x %#x\n", v[0].revents, v[1].revents, v[2].revents);
		FD_ZERO(&r);
		FD_ZERO(&w);
		FD_SET(p[0], &r);
		FD_SET(q[0], &r);
		FD_SET(p[1], &w);
		T(select(q[1] + 1, &r, &w, NULL, &tv));
		say("sets %d %d %d\n", !!FD_ISSET(p[0], &r), !!FD_ISSET(q[0], &r),
		    !!FD_ISSET(p[1], &w));
		FD_ZERO(&r);
		FD_SET(p[0], &r);
		tv.tv_usec = 5000;
		T(select(p[0] + 1, &r, NULL, NULL, &tv));
		say("set %d left %ld\n", !!FD_ISSET(p[0], &r), (long)tv.tv_sec);
		FD_SET(77, &r);
		T(select(78, &r, NULL, NULL, &tv));
		T(select(-1, NULL, NULL, NULL, &tv));
		T(poll(v, 1, 10));
		T(poll((struct pollfd *)8, 1, 0));
		T(poll(NULL, 0, 5));
		wait(NULL);
	}
	/* FIFO */
	T(mkfifo("ff", 0600));
	T(open("ff", O_WRONLY | O_NONBLOCK));
	n = (int)OK(open("ff", O_RDONLY | O_NONBLOCK));
	T(read(n, buf, 1));
	close(n);
	if (!fork()) {
		n = open("ff", O_WRONLY);
		if (write(n, "through", 7) != 7)
			_exit(1);
		_exit(0);
	}
	n = (int)OK(open("ff", O_RDONLY));
	T(read(n, buf, 100));
	T(read(n, buf, 100));
	wait(NULL);
	n = (int)OK(open("ff", O_RDWR));
	T(write(n, "self", 4));
	T(read(n, buf, 100));
	return 0;
}
