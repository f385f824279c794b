/* SPDX-License-Identifier: MIT */
/* Time: clocks, resolutions, sleeps absolute and relative, their errors. */
#include "compat.h"
#include <sys/times.h>

static long long now(int clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

int main(void)
{
	static const int clocks[] = { CLOCK_REALTIME,
				      CLOCK_MONOTONIC,
				      CLOCK_PROCESS_CPUTIME_ID,
				      CLOCK_THREAD_CPUTIME_ID,
				      CLOCK_MONOTONIC_RAW,
				      CLOCK_REALTIME_COARSE,
				      CLOCK_MONOTONIC_COARSE,
				      CLOCK_BOOTTIME,
				      99,
				      -1 };
	struct timespec ts, bad = { 0, 1000000000 }, neg = { -1, 0 };
	struct timeval tv;
	struct tms tms;
	long long t0, t1;
	volatile long spin;
	time_t sec;

	for (unsigned i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		int ret = (int)syscall(SYS_clock_gettime, clocks[i], &ts);

		say("clock %d: %s", clocks[i], ret ? ename(errno) : "ok");
		ret = (int)syscall(SYS_clock_getres, clocks[i], &ts);
		say(" res %s %d\n", ret ? ename(errno) : "ok", ret ? 0 : ts.tv_nsec == 1);
	}
	T(syscall(SYS_clock_gettime, CLOCK_REALTIME, 8));
	T(syscall(SYS_clock_getres, CLOCK_REALTIME, NULL));
	for (unsigned i = 0; i < 2; i++) {
		t0 = now(clocks[i]);
		msleep(20);
		t1 = now(clocks[i]);
		say("slept %d\n", t1 - t0 >= 20000000 && t1 - t0 < 2000000000);
	}
	t0 = now(CLOCK_PROCESS_CPUTIME_ID);
	msleep(50);
	t1 = now(CLOCK_PROCESS_CPUTIME_ID);
	say("sleeping takes no cpu time %d\n", t1 - t0 < 20000000);
	t0 = now(CLOCK_PROCESS_CPUTIME_ID);
	for (spin = 0; spin < 300000; spin++)
		;
	t1 = now(CLOCK_PROCESS_CPUTIME_ID);
	say("spinning does %d\n", t1 > t0);
	T(nanosleep(&bad, NULL));
	T(nanosleep(&neg, NULL));
	T(syscall(SYS_nanosleep, 8, 0));
	T(syscall(SYS_clock_nanosleep, 99, 0, &ts, NULL));
	ts = (struct timespec){ 0, 1000 };
	T(syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &ts, NULL));
	T(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC_RAW, 0, &ts, NULL));
	T(syscall(SYS_clock_nanosleep, CLOCK_BOOTTIME, 0, &ts, NULL));
	T(syscall(SYS_clock_nanosleep, CLOCK_REALTIME, 0, &bad, NULL));
	for (unsigned i = 0; i < 2; i++) {
		t0 = now(clocks[i]) + 30000000;
		ts = (struct timespec){ t0 / 1000000000, t0 % 1000000000 };
		T(clock_nanosleep(clocks[i], TIMER_ABSTIME, &ts, NULL));
		t1 = now(clocks[i]);
		say("absolute %d\n", t1 >= t0 && t1 - t0 < 2000000000);
		T(clock_nanosleep(clocks[i], TIMER_ABSTIME, &ts, NULL));
	}
	T(gettimeofday(&tv, NULL));
	sec = time(NULL);
	say("agree %d\n", sec - tv.tv_sec >= 0 && sec - tv.tv_sec < 2);
	say("after 2000 %d\n", sec > 946684800);
	T(times(&tms) != -1);
	say("children %ld\n", (long)tms.tms_cutime);
	T(syscall(SYS_clock_settime, CLOCK_MONOTONIC, &ts));
	T(syscall(SYS_clock_settime, CLOCK_REALTIME, &bad));
	T(sysconf(_SC_CLK_TCK));
	return 0;
}
