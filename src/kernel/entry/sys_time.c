/* SPDX-License-Identifier: MIT */
/*
 * System calls of time: clocks, sleeping, the real interval timer.
 *
 * Called through the table; calls kernel/time and the scheduler's sleeps. They must not read any
 * clock but the running CPU's.
 *
 *	nanosleep({0, 500000000}) at 1.2 s: sleeps to 1.7 s; SIGUSR1 at 1.4 s with a handler: EINTR,
 *	0.3 s written to rem; with SIGCONT and no handler the call restarts (restart_syscall) and
 *	still ends at 1.7 s.
 *
 *	T1 a sleep never ends early, and a restarted one keeps its absolute end.
 *	T2 CPU-time clocks are exact runtimes, not samples.
 *
 * Units:   timespec, timeval and clock_t (10 ms) outside, ns inside.
 * Owner:   the interval timer belongs to the process's signal_struct.
 * Locking: none here.
 * Errors:  -EINVAL for clocks and out-of-range times, -EFAULT.
 * Time:    virtual; nothing here sees the host's.
 * Source:  clock_gettime(2), clock_nanosleep(2), setitimer(2), times(2).
 */

#include "ipc/futex.h"
#include "kernel/entry/syscall.h"
#include "kernel/signal/signal.h"
#include "kernel/time/hrtimer.h"
#include "lib/compiler.h"
#include "mm/uaccess.h"
#include "sched/fork.h"
#include "sched/sched.h"
#include "sched/task.h"

#define CLOCK_PROCESS_CPUTIME_ID 2
#define CLOCK_THREAD_CPUTIME_ID 3
#define CLOCK_MONOTONIC_RAW 4
#define CLOCK_REALTIME_COARSE 5
#define CLOCK_MONOTONIC_COARSE 6
#define CLOCK_BOOTTIME 7
#define TIMER_ABSTIME 1
#define USER_HZ_NS 10000000ull

static int clock_read(int clock, u64 *ns)
{
	u64 utime, stime;

	switch (clock) {
	case CLOCK_REALTIME:
		*ns = ktime_get_real();
		return 0;
	case CLOCK_REALTIME_COARSE:
		*ns = ktime_get_real();
		*ns -= *ns % tick_nsec();
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_BOOTTIME:
		*ns = ktime_get();
		return 0;
	case CLOCK_MONOTONIC_COARSE:
		*ns = get_jiffies() * tick_nsec();
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
		thread_group_cputime_adjusted(current, &utime, &stime);
		*ns = utime + stime;
		return 0;
	case CLOCK_THREAD_CPUTIME_ID:
		*ns = task_sched_runtime(current);
		return 0;
	default:
		return -EINVAL;
	}
}

static int put_ts(u64 uts, u64 ns, u64 unit)
{
	s64 ts[2] = { (s64)(ns / NSEC_PER_SEC), (s64)(ns % NSEC_PER_SEC / unit) };

	return copy_to_user(uts, ts, sizeof(ts)) ? -EFAULT : 0;
}

static int get_ts(u64 uts, u64 *ns)
{
	s64 ts[2];

	if (copy_from_user(ts, uts, sizeof(ts)))
		return -EFAULT;
	if (ts[0] < 0 || (u64)ts[1] >= NSEC_PER_SEC)
		return -EINVAL;
	*ns = (u64)ts[0] > INT64_MAX / NSEC_PER_SEC - 1 ? INT64_MAX :
							  (u64)ts[0] * NSEC_PER_SEC + (u64)ts[1];
	return 0;
}

SYSCALL_DEFINE2(clock_gettime, int, clock, u64, uts)
{
	u64 ns;
	int ret = clock_read(clock, &ns);

	return ret ? ret : put_ts(uts, ns, 1);
}

SYSCALL_DEFINE2(clock_getres, int, clock, u64, uts)
{
	u64 ns;
	int ret = clock_read(clock, &ns);

	if (ret || !uts)
		return ret;
	return put_ts(
		uts,
		clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE ? tick_nsec() : 1,
		1);
}

SYSCALL_DEFINE2(clock_settime, int, clock, u64, uts)
{
	u64 ns;
	int ret = get_ts(uts, &ns);

	if (ret)
		return ret;
	if (clock != CLOCK_REALTIME)
		return -EINVAL;
	return -EPERM; /* the wall clock is part of the configuration */
}

SYSCALL_DEFINE2(gettimeofday, u64, utv, u64, utz)
{
	u32 tz[2] = { 0, 0 };

	if (utv && put_ts(utv, ktime_get_real(), 1000))
		return -EFAULT;
	if (utz && copy_to_user(utz, tz, sizeof(tz)))
		return -EFAULT;
	return 0;
}

SYSCALL_DEFINE1(time, u64, ut)
{
	u64 s = ktime_get_real_seconds();

	if (ut && put_user_u64(s, ut))
		return -EFAULT;
	return (long)s;
}

SYSCALL_DEFINE1(times, u64, ubuf)
{
	struct task_struct *leader = current->group_leader;
	u64 utime, stime, out[4];

	thread_group_cputime_adjusted(current, &utime, &stime);
	out[0] = utime / USER_HZ_NS;
	out[1] = stime / USER_HZ_NS;
	out[2] = leader->cutime / USER_HZ_NS;
	out[3] = leader->cstime / USER_HZ_NS;
	if (ubuf && copy_to_user(ubuf, out, sizeof(out)))
		return -EFAULT;
	return (long)(ktime_get() / USER_HZ_NS);
}

static long nanosleep_restart(struct restart_block *restart);

/*
 * Sleep to an absolute monotonic time; interrupted: remember the end and where the rest is to be
 * written.
 */
static long sleep_until(u64 end, u64 urem)
{
	u64 left;
	long ret = hrtimer_nanosleep(end, HRTIMER_MODE_ABS, &left);

	if (!ret)
		return 0;
	if (urem && put_ts(urem, left, 1))
		return -EFAULT;
	current->restart_block =
		(struct restart_block){ .fn = nanosleep_restart, .expires = end, .rmtp = urem };
	return -ERESTART_RESTARTBLOCK;
}

static long nanosleep_restart(struct restart_block *restart)
{
	return sleep_until(restart->expires, restart->rmtp);
}

SYSCALL_DEFINE2(nanosleep, u64, uts, u64, urem)
{
	u64 ns;
	int ret = get_ts(uts, &ns);

	if (ret)
		return ret;
	return sleep_until(ns > (u64)INT64_MAX - ktime_get() ? (u64)INT64_MAX : ktime_get() + ns,
			   urem);
}

SYSCALL_DEFINE0(restart_syscall)
{
	struct restart_block *restart = &current->restart_block;

	return restart->fn ? restart->fn(restart) : -EINTR;
}

SYSCALL_DEFINE4(clock_nanosleep, int, clock, int, flags, u64, uts, u64, urem)
{
	u64 ns, now;
	int ret = clock_read(clock, &now);

	if (ret)
		return ret;
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME)
		return -EOPNOTSUPP;
	ret = get_ts(uts, &ns);
	if (ret)
		return ret;
	if (!(flags & TIMER_ABSTIME))
		return sleep_until(ns > (u64)INT64_MAX - ktime_get() ? (u64)INT64_MAX :
								       ktime_get() + ns,
				   urem);
	if (ns <= now)
		return 0;
	ret = (int)hrtimer_nanosleep(ktime_get() + (ns - now), HRTIMER_MODE_ABS, NULL);
	return ret ? -ERESTARTNOHAND : 0;
}

/*
 * The wait's end as monotonic ns: relative for FUTEX_WAIT, absolute on either clock for
 * FUTEX_WAIT_BITSET.
 */
static long futex_end(u32 op, u64 uts, u64 *end)
{
	u64 now = op & FUTEX_CLOCK_REALTIME ? ktime_get_real() : ktime_get();
	int ret = get_ts(uts, end);

	if (ret)
		return ret;
	if ((op & 127) == FUTEX_WAIT)
		*end = min(*end, (u64)INT64_MAX - ktime_get()) + ktime_get();
	else if (op & FUTEX_CLOCK_REALTIME)
		*end = *end > now ? min(*end - now, (u64)INT64_MAX - ktime_get()) + ktime_get() :
				    ktime_get();
	return 0;
}

SYSCALL_DEFINE6(futex, u64, uaddr, u32, op, u32, val, u64, uts, u64, uaddr2, u32, val3)
{
	u32 cmd = op & 127, bitset = cmd == FUTEX_WAIT || cmd == FUTEX_WAKE ? ~0u : val3;
	bool private = op & FUTEX_PRIVATE_FLAG;
	u64 end;
	long ret;

	switch (cmd) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
		ret = uts ? futex_end(op, uts, &end) : 0;
		return ret ? ret : futex_wait(uaddr, private, val, uts ? &end : NULL, bitset);
	case FUTEX_WAKE:
	case FUTEX_WAKE_BITSET:
		return futex_wake(uaddr, private, (int)val, bitset);
	case FUTEX_REQUEUE:
	case FUTEX_CMP_REQUEUE: /* the place of the timeout holds a count */
		return futex_requeue(uaddr, uaddr2, private, (int)val, (int)uts,
				     cmd == FUTEX_CMP_REQUEUE ? &val3 : NULL);
	default:
		return -ENOSYS;
	}
}

/* --- ITIMER_REAL --- */

static enum hrtimer_restart itimer_expired(struct hrtimer *timer)
{
	struct signal_struct *s = container_of(timer, struct signal_struct, real_timer);
	struct kernel_siginfo info = { .signo = SIGALRM, .code = SI_KERNEL };

	send_signal(SIGALRM, &info, s->leader, true);
	return HRTIMER_NORESTART;
}

/*
 * Not from the expiry itself: an interval shorter than that would keep the CPU in the interrupt for
 * ever.
 */
void itimer_rearm(struct signal_struct *s)
{
	/* its function may still be running elsewhere */
	if (!s->real_interval_ns || s->real_timer.queued)
		return;
	hrtimer_forward(&s->real_timer, ktime_get(), s->real_interval_ns);
	hrtimer_start(&s->real_timer, s->real_timer.expires, HRTIMER_MODE_ABS);
}

void itimer_init(struct signal_struct *s)
{
	hrtimer_init(&s->real_timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	s->real_timer.function = itimer_expired;
}

/*
 * Replace the timer; returns what was left of the old one in *left and its interval in *interval.
 */
static void itimer_set(u64 value, u64 every, u64 *left, u64 *interval)
{
	struct signal_struct *s = current->signal;

	*left = hrtimer_active(&s->real_timer) ? hrtimer_get_remaining(&s->real_timer) : 0;
	*interval = s->real_interval_ns;
	hrtimer_cancel(&s->real_timer);
	s->real_interval_ns = value ? every : 0;
	if (value)
		hrtimer_start(&s->real_timer, value, HRTIMER_MODE_REL);
}

SYSCALL_DEFINE1(alarm, u32, seconds)
{
	u64 left, interval;

	itimer_set((u64)seconds * NSEC_PER_SEC, 0, &left, &interval);
	/* A timer with less than half a second left still counts as one second. */
	return (long)(left ? max((left + NSEC_PER_SEC / 2) / NSEC_PER_SEC, (u64)1) : 0);
}

static void itimerval_of(s64 out[4], u64 interval, u64 left)
{
	out[0] = (s64)(interval / NSEC_PER_SEC);
	out[1] = (s64)(interval % NSEC_PER_SEC / 1000);
	out[2] = (s64)(left / NSEC_PER_SEC);
	out[3] = (s64)(left % NSEC_PER_SEC / 1000);
}

SYSCALL_DEFINE2(getitimer, int, which, u64, uval)
{
	struct signal_struct *s = current->signal;
	s64 out[4];

	if (which != 0)
		return -EINVAL;
	itimerval_of(out, s->real_interval_ns,
		     hrtimer_active(&s->real_timer) ? hrtimer_get_remaining(&s->real_timer) : 0);
	return copy_to_user(uval, out, sizeof(out)) ? -EFAULT : 0;
}

SYSCALL_DEFINE3(setitimer, int, which, u64, uval, u64, uold)
{
	s64 in[4] = { 0, 0, 0, 0 }, out[4];
	u64 left, interval;

	if (which != 0)
		return -EINVAL;
	if (uval && copy_from_user(in, uval, sizeof(in)))
		return -EFAULT;
	if (in[0] < 0 || in[2] < 0 || (u64)in[1] >= 1000000 || (u64)in[3] >= 1000000)
		return -EINVAL;
	in[0] = min(in[0], (s64)(INT64_MAX / NSEC_PER_SEC - 1));
	in[2] = min(in[2], (s64)(INT64_MAX / NSEC_PER_SEC / 2));
	itimer_set((u64)in[2] * NSEC_PER_SEC + (u64)in[3] * 1000,
		   (u64)in[0] * NSEC_PER_SEC + (u64)in[1] * 1000, &left, &interval);
	itimerval_of(out, interval, left);
	if (uold && copy_to_user(uold, out, sizeof(out)))
		return -EFAULT;
	return 0;
}
