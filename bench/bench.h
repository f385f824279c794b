/* SPDX-License-Identifier: MIT */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

/*
 * Clocks, medians and the peer process that the benchmarks of whole paths share.
 *
 * cpu_ns() is CPU time of this process, kernel included, so what else a host does hardly enters a
 * figure of something that one CPU does alone. wall_ns() is for what two CPUs do together; those
 * figures want an idle host.
 *
 * A peer runs in a process of its own, started before the first machine exists: its address space
 * is as small as an ordinary program's, so its fork is not charged with the copying of a machine's
 * page tables. peer_ask() has it run one measurement now, between two of the machine's, and returns
 * what that measured.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_ROUNDS 101

static inline double clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}
static inline double wall_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}
static inline double cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}
/* CPU time of this process and of its children that were waited for; microseconds are its grain. */
static inline double family_ns(void)
{
	struct rusage u;

	getrusage(RUSAGE_CHILDREN, &u);
	return cpu_ns() + ((double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec) * 1e9 +
	       ((double)u.ru_utime.tv_usec + (double)u.ru_stime.tv_usec) * 1e3;
}

__attribute__((noreturn)) static inline void die(const char *what)
{
	fprintf(stderr, "%s\n", what);
	exit(1);
}

struct samples {
	double v[MAX_ROUNDS];
	int n;
};
static inline void sample(struct samples *s, double v)
{
	if (s->n < MAX_ROUNDS)
		s->v[s->n++] = v;
}
static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}
/* The middle one; sorts in place. 0 without samples. */
static inline double median(struct samples *s)
{
	qsort(s->v, (size_t)s->n, sizeof(s->v[0]), by_value);
	return s->n ? s->v[s->n / 2] : 0;
}

/* --- the peer --- */

struct peer {
	int to, from;
	pid_t pid;
};
typedef double peer_fn(void);

/* Start the process that runs fn[i]() when asked for i. */
static inline struct peer peer_start(peer_fn *const *fn)
{
	struct peer p;
	int to[2], from[2];
	unsigned char i;

	if (pipe(to) || pipe(from))
		die("pipe");
	fflush(stdout);
	p = (struct peer){ .to = to[1], .from = from[0], .pid = fork() };
	if (p.pid < 0)
		die("fork");
	if (p.pid == 0) {
		close(to[1]);
		close(from[0]);
		while (read(to[0], &i, 1) == 1) {
			double v = fn[i]();

			if (write(from[1], &v, sizeof(v)) != sizeof(v))
				break;
		}
		_exit(0);
	}
	close(to[0]);
	close(from[1]);
	return p;
}
static inline double peer_ask(const struct peer *p, unsigned char i)
{
	double v;

	if (write(p->to, &i, 1) != 1 || read(p->from, &v, sizeof(v)) != sizeof(v))
		die("the peer process died");
	return v;
}
static inline void peer_stop(struct peer *p)
{
	close(p->to);
	close(p->from);
	waitpid(p->pid, NULL, 0);
}

#endif
