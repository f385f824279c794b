/* SPDX-License-Identifier: MIT */
/*
 * Memory: mmap, mprotect, munmap, mremap, brk, sharing across fork, file mappings, faults and their
 * codes.
 */
#include "compat.h"
#include <sys/utsname.h>

static sigjmp_buf env;
static char *base;

static void on_fault(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	say("sig %d code %d offset %ld\n", sig, si->si_code, (long)((char *)si->si_addr - base));
	siglongjmp(env, 1);
}

static void peek(const char *what, char *p)
{
	say("%s: ", what);
	if (!sigsetjmp(env, 1))
		say("read %d\n", *(volatile char *)p);
}

static void poke(const char *what, char *p, char v)
{
	say("%s: ", what);
	if (!sigsetjmp(env, 1)) {
		*(volatile char *)p = v;
		say("wrote\n");
	}
}

#define MAPFAIL(expr)                                                                              \
	({                                                                                         \
		errno = 0;                                                                         \
		void *m_ = (expr);                                                                 \
		say("%s: %s\n", #expr, m_ == MAP_FAILED ? ename(errno) : "ok");                    \
		m_;                                                                                \
	})

#define PG 4096ul

int main(void)
{
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	char *p, *q, *b, buf[64];
	struct rlimit rl;
	int fd, st;
	pid_t a;

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	base = p = MAPFAIL(
		mmap(NULL, 8 * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	peek("fresh", p);
	poke("fresh", p + 5, 7);
	peek("fresh", p + 5);
	T(mprotect(p + PG, PG, PROT_READ));
	poke("read only", p + PG + 3, 1);
	T(mprotect(p + PG, PG, PROT_NONE));
	peek("none", p + PG + 4);
	T(mprotect(p + PG, PG, PROT_READ | PROT_WRITE));
	poke("again", p + PG + 3, 1);
	T(mprotect(p + 1, PG, PROT_READ));
	T(mprotect(p, 0, PROT_READ));
	T(munmap(p + 3 * PG, PG));
	peek("hole", p + 3 * PG + 1);
	T(mprotect(p + 2 * PG, 3 * PG, PROT_READ));
	poke("before hole is changed", p + 2 * PG, 1);
	peek("after hole", p + 4 * PG);
	poke("after hole", p + 4 * PG, 1);
	T(munmap(p + 3 * PG, PG));
	T(munmap(p + 1, PG));
	T(munmap(p, 0));
	MAPFAIL(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	MAPFAIL(mmap(NULL, PG, PROT_READ, MAP_ANONYMOUS, -1, 0));
	MAPFAIL(mmap(NULL, PG, PROT_READ, MAP_PRIVATE, -1, 0));
	MAPFAIL(mmap(NULL, PG, PROT_READ, MAP_PRIVATE, 99, 0));
	MAPFAIL(mmap(p + 1, PG, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	MAPFAIL(mmap(NULL, 1ul << 60, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	MAPFAIL(mmap(p, PG, PROT_READ,
		     MAP_PRIVATE | MAP_ANONYMOUS | 0x100000 /* MAP_FIXED_NOREPLACE */, -1, 0));
	q = MAPFAIL(mmap(p, PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
			 0));
	peek("replaced", p + 5);
	say("same place %d\n", p == q);
	q = mmap(p, PG, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	say("hint taken over %d\n", q == p);
	munmap(q, PG);
	q = mmap(p + 3 * PG, PG, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	say("hint into hole %d\n", q == p + 3 * PG);

	/* copy on write and sharing across fork */
	p[0] = 'a';
	q = mmap(NULL, PG, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	q[0] = 'a';
	CHILD("writer", {
		p[0] = 'b';
		q[0] = 'b';
		q[100] = 'c';
	});
	say("private %c shared %c%c\n", p[0], q[0], q[100]);
	CHILD("share later", q[200] = 'd');
	say("later %c\n", q[200]);

	/* mremap */
	base = b = mmap(NULL, 4 * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(b + 2 * PG, 2 * PG);
	b[0] = 1;
	b[PG] = 2;
	q = MAPFAIL(mremap(b, 2 * PG, 4 * PG, 0));
	say("in place %d\n", q == b);
	peek("grown", b + 3 * PG);
	q = MAPFAIL(mremap(b, 4 * PG, PG, 0));
	peek("shrunk", b + PG);
	q = mmap(b + PG, PG, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	MAPFAIL(mremap(b, PG, 3 * PG, 0));
	q = MAPFAIL(mremap(b, PG, 3 * PG, MREMAP_MAYMOVE));
	say("moved %d content %d\n", q != b, q[0]);
	peek("old place", b);
	MAPFAIL(mremap(b, PG, PG, 0));
	MAPFAIL(mremap(q + 1, PG, PG, 0));
	MAPFAIL(mremap(q, PG, 0, 0));
	MAPFAIL(mremap(q, PG, PG, MREMAP_FIXED, b));
	MAPFAIL(mremap(q, 3 * PG, 3 * PG, MREMAP_MAYMOVE | MREMAP_FIXED, q + PG));
	b = MAPFAIL(mremap(q, 3 * PG, 3 * PG, MREMAP_MAYMOVE | MREMAP_FIXED, q + 64 * PG));
	say("fixed %d content %d\n", b == q + 64 * PG, b[0]);

	/* files */
	fd = open("f", O_CREAT | O_RDWR, 0600);
	T(ftruncate(fd, 5000));
	T(pwrite(fd, "hello", 5, 0));
	base = p = MAPFAIL(mmap(NULL, 4 * PG, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	say("%.5s\n", p);
	p[0] = 'J';
	T(pread(fd, buf, 5, 0));
	say("%.5s\n", buf);
	T(pwrite(fd, "world", 5, 4996));
	say("%.4s %d\n", p + 4996, p[5001]);
	say("file is %ld\n", (long)lseek(fd, 0, SEEK_END));
	peek("tail of page", p + 8191);
	peek("past end", p + 8192);
	poke("past end", p + 3 * PG + 9, 1);
	T(ftruncate(fd, 8192));
	T(ftruncate(fd, 100));
	peek("cut off", p + PG);
	peek("kept", p);
	T(ftruncate(fd, 3 * PG));
	peek("back", p + PG + 10);
	q = MAPFAIL(mmap(NULL, 2 * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
	q[0] = 'P';
	say("file %c private %c\n", p[0], q[0]);
	p[1] = 'S';
	say("private after its copy %c\n", q[1]);
	p[PG] = 'T';
	say("private before its copy %c\n", q[PG]);
	MAPFAIL(mmap(NULL, PG, PROT_READ, MAP_PRIVATE, fd, 1));
	b = MAPFAIL(mmap(NULL, PG, PROT_READ, MAP_PRIVATE, fd, PG));
	say("second page %c\n", b[0]);
	CHILD("file writer", p[2] = 'C');
	say("seen %c\n", p[2]);
	T(msync(p, PG, MS_SYNC));
	T(msync(p + 1, PG, MS_SYNC));
	T(msync(p, PG, 0x77));
	T(close(fd));
	p[3] = 'D';
	fd = open("f", O_RDONLY);
	T(pread(fd, buf, 5, 0));
	say("%.5s\n", buf);
	MAPFAIL(mmap(NULL, PG, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	b = MAPFAIL(mmap(NULL, PG, PROT_READ, MAP_SHARED, fd, 0));
	T(mprotect(b, PG, PROT_READ | PROT_WRITE));
	MAPFAIL(mmap(NULL, PG, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
	close(fd);
	fd = open("f", O_WRONLY);
	MAPFAIL(mmap(NULL, PG, PROT_WRITE, MAP_SHARED, fd, 0));
	close(fd);
	fd = open(".", O_RDONLY);
	MAPFAIL(mmap(NULL, PG, PROT_READ, MAP_PRIVATE, fd, 0));
	close(fd);
	fd = open("/dev/zero", O_RDWR);
	b = MAPFAIL(mmap(NULL, PG, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
	peek("zero", b);
	poke("zero", b, 1);
	T(unlink("f"));
	say("unlinked %c\n", p[3]);

	/* madvise */
	b = mmap(NULL, 4 * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	b[0] = 5;
	T(madvise(b, PG, MADV_DONTNEED));
	say("dropped %d\n", b[0]);
	T(madvise(b, PG, 9999));
	T(madvise(b + 1, PG, MADV_NORMAL));
	T(madvise(b, PG, MADV_WILLNEED));
	munmap(b + PG, PG);
	T(madvise(b, 3 * PG, MADV_DONTNEED));

	/* execute protection */
	base = b;
	b[0] = (char)0xc3;
	say("execute: ");
	if (!sigsetjmp(env, 1)) {
		((void (*)(void))b)();
		say("ran\n");
	}
	T(mprotect(b, PG, PROT_READ | PROT_EXEC));
	say("execute: ");
	if (!sigsetjmp(env, 1)) {
		((void (*)(void))b)();
		say("ran\n");
	}

	/* brk */
	b = (char *)syscall(SYS_brk, 0);
	say("grow %d\n", (char *)syscall(SYS_brk, b + 3 * PG) == b + 3 * PG);
	b[2 * PG] = 3;
	say("unaligned %d\n", (char *)syscall(SYS_brk, b + 5) == b + 5);
	say("regrow %d\n", (char *)syscall(SYS_brk, b + 3 * PG) == b + 3 * PG);
	say("cleared %d\n", b[2 * PG]);
	say("silly %d\n", (char *)syscall(SYS_brk, 16) == b + 3 * PG);
	T(getrlimit(RLIMIT_DATA, &rl));
	CHILD("stack grows", {
		volatile char deep[1 << 20];

		deep[0] = 1;
		say("deep %d\n", deep[0]);
	});
	rl.rlim_cur = 1 << 20;
	rl.rlim_max = RLIM_INFINITY;
	CHILD("stack limit", {
		signal(SIGSEGV, SIG_DFL);
		setrlimit(RLIMIT_STACK, &rl);
		volatile char deep[4 << 20];

		deep[0] = 1;
		say("deep %d\n", deep[0]);
	});
	CHILD("address space limit", {
		rl.rlim_cur = 64 << 20;
		T(setrlimit(RLIMIT_AS, &rl));
		MAPFAIL(mmap(NULL, 128 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
		MAPFAIL(mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	});

	/* the kernel's own accesses */
	base = b = mmap(NULL, 2 * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(b + PG, PG);
	{
		int pp[2];

		T(pipe(pp));
		memset(b + PG - 4, 'k', 4);
		T(write(pp[1], b + PG - 4, 8));
		T(write(pp[1], b + PG, 8));
		T(write(pp[1], "12345678", 8));
		T(read(pp[0], b + PG - 4, 8));
		T(read(pp[0], b + PG, 8));
		mprotect(b, PG, PROT_READ);
		T(read(pp[0], b, 1));
		T(fcntl(pp[0], F_SETFL, O_NONBLOCK));
		T(read(pp[0], buf, 64));
		T(getcwd(b, PG) == NULL);
		T(uname((struct utsname *)b));
	}
	a = fork();
	if (!a) {
		sigaction(SIGSEGV, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
		*(volatile char *)(b + PG) = 1;
	}
	waitpid(a, &st, 0);
	say("core bit aside: %#x\n", st & 0x7f);
	return 0;
}
