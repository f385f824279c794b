/* SPDX-License-Identifier: MIT */
/*
 * Sleeping on the clock.
 *
 * System calls and everybody with a timeout call it; it calls hrtimers and the scheduler.
 *
 *   hrtimer_nanosleep(300 us) at 5,000,000 ns: timer at 5,300,000; state S; schedule
 *     LAPIC fires at the first cycle >= 5,300,000 -> sleeper woken -> runs when picked: late by
 *     interrupt, wake-up and switch, never early
 *   schedule_timeout(3) at jiffy 5.4: wakes at jiffy 9: whole ticks after the one under way
 *
 * S1 The timer is armed after the state is set; its function clears `task` before the wake-up,
 *    which tells "expired" from "woken".
 * S2 The sleeper cancels its timer, waiting for a running function, before its stack frame goes.
 *
 * Units: ns, jiffies. Owner: the sleeper's stack. Locking: hrtimer base lock inside. Errors:
 * -EINTR. Time: timers' and wake-ups' own. Source: Linux 6.1 kernel/time/hrtimer.c (nanosleep),
 * timer.c (schedule_timeout) for the behaviour.
 */
#include "lib/errno.h"
#include "sched/sched.h"

struct sleeper {
	struct hrtimer timer;
	struct task_struct *task; /* NULL: expired */
};

static enum hrtimer_restart wake_sleeper(struct hrtimer *timer)
{
	struct sleeper *s = container_of(timer, struct sleeper, timer);
	struct task_struct *task = s->task;

	s->task = NULL;
	if (task)
		wake_up_process(task);
	return HRTIMER_NORESTART;
}

/*
 * Sleep once in the state that is set, until expires_ns or a wake-up. True when the timer expired.
 */
static bool sleep_until(u64 expires_ns)
{
	struct sleeper s;

	hrtimer_init(&s.timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
	s.timer.function = wake_sleeper;
	s.task = current;
	hrtimer_start(&s.timer, expires_ns, HRTIMER_MODE_ABS);
	if (s.task)
		schedule();
	hrtimer_cancel(&s.timer);
	set_current_state(TASK_RUNNING);
	return !s.task;
}

long schedule_timeout(long timeout)
{
	u64 expire;

	if (timeout == MAX_SCHEDULE_TIMEOUT) {
		schedule();
		return timeout;
	}
	BUG_ON(timeout < 0);
	expire = get_jiffies() + (u64)timeout;
	/* One more: the tick under way has begun already, and a timeout is never short. */
	sleep_until((expire + 1) * tick_nsec());
	timeout = (long)(expire - get_jiffies());
	return timeout < 0 ? 0 : timeout;
}

long schedule_timeout_interruptible(long timeout)
{
	set_current_state(TASK_INTERRUPTIBLE);
	return schedule_timeout(timeout);
}

long schedule_timeout_uninterruptible(long timeout)
{
	set_current_state(TASK_UNINTERRUPTIBLE);
	return schedule_timeout(timeout);
}

int schedule_hrtimeout(const u64 *expires_ns)
{
	if (!expires_ns) {
		schedule();
		return -EINTR;
	}
	return sleep_until(*expires_ns) ? 0 : -EINTR;
}

void msleep(unsigned ms)
{
	u64 end = ktime_get() + ms * NSEC_PER_MSEC;

	while (ktime_get() < end) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		sleep_until(end);
	}
}

long hrtimer_nanosleep(u64 ns, enum hrtimer_mode mode, u64 *remaining_ns)
{
	u64 now = ktime_get(), end;

	if (mode & HRTIMER_MODE_REL)
		end = __builtin_add_overflow(now, ns, &end) ? ~0ull - 1 : end;
	else
		end = ns;
	do {
		set_current_state(TASK_INTERRUPTIBLE);
		if (sleep_until(end))
			return 0;
	} while (!signal_pending(current));
	now = ktime_get();
	if (now >= end)
		return 0;
	if (remaining_ns)
		*remaining_ns = end - now;
	current->restart_block.expires = end;
	return -EINTR;
}

void io_schedule(void)
{
	bool was = current->in_iowait;

	current->in_iowait = true;
	schedule();
	current->in_iowait = was;
}
