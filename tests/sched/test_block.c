/* SPDX-License-Identifier: MIT */
/* Sleeping and waking: clocks, wait queues, completions, mutexes, reader/writer semaphores. */
#include "sched_fixture.h"

#include "kernel/locking/mutex.h"
#include "kernel/locking/rwsem.h"

#define MS NSEC_PER_MSEC
#define LATE_NS                                                                                    \
	2000 /* interrupt, wake-up and switch under the zero profile, and the LAPIC's 40 ns grain */

/* --- the clock --- */

static const u64 naps_ns[] = { 1, 999, 1000, 123457, 1000000, 1234567, 50000000, 7000000000ull };
struct nap_log {
	u64 asked[8], slept[8];
	long left;
	u64 timeout_woke;
};

static int napper(void *arg)
{
	struct nap_log *log = arg;

	for (unsigned i = 0; i < ARRAY_SIZE(naps_ns); i++) {
		u64 start = ktime_get();

		CHECK(hrtimer_nanosleep(naps_ns[i], HRTIMER_MODE_REL, NULL) == 0);
		log->slept[i] = ktime_get() - start;
	}
	return 0;
}
static void start_napper(void *arg)
{
	sf_thread(napper, arg, "napper", 0, SCHED_NORMAL, 0, 0);
}
static void sleeps_end_on_time_and_never_early(void **state)
{
	struct nap_log log = { .left = 0 };
	struct fixture f;

	(void)state;
	sched_fixture(&f, 1);
	sched_call(&f, start_napper, &log);
	sched_run_to_rest(&f);
	for (unsigned i = 0; i < ARRAY_SIZE(naps_ns); i++)
		assert_in_range(log.slept[i], naps_ns[i], naps_ns[i] + LATE_NS);
	fixture_destroy(&f);
}

static int timeouter(void *arg)
{
	struct nap_log *log = arg;

	hrtimer_nanosleep(5400000, HRTIMER_MODE_ABS, NULL);
	log->left = schedule_timeout_interruptible(3);
	log->timeout_woke = ktime_get();
	return 0;
}
static void start_timeouter(void *arg)
{
	sf_thread(timeouter, arg, "timeout", 0, SCHED_NORMAL, 0, 0);
}
static void a_timeout_of_3_ticks_in_the_middle_of_tick_5_ends_at_tick_9(void **state)
{
	struct nap_log log = { .left = -1 };
	struct fixture f;

	(void)state;
	sched_fixture(&f, 1);
	sched_call(&f, start_timeouter, &log);
	sched_run_to_rest(&f);
	assert_int_equal(log.left, 0);
	assert_in_range(log.timeout_woke, 9 * MS, 9 * MS + LATE_NS);
	fixture_destroy(&f);
}

struct wakee {
	struct task_struct *task;
	long left;
	u64 woke, remaining;
	long ret;
};
static int long_timeout(void *arg)
{
	struct wakee *w = arg;

	w->left = schedule_timeout_interruptible(1000);
	w->woke = ktime_get();
	return 0;
}
static int waker_at_100_ms(void *arg)
{
	struct wakee *w = arg;

	hrtimer_nanosleep(100 * MS, HRTIMER_MODE_ABS, NULL);
	wake_up_process(w->task);
	return 0;
}
static void start_early_wake(void *arg)
{
	struct wakee *w = arg;

	w->task = sf_thread(long_timeout, w, "wakee", 0, SCHED_NORMAL, 0, 0);
	sf_thread(waker_at_100_ms, w, "waker", 0, SCHED_NORMAL, 0, 0);
}
static void a_timeout_cut_short_returns_the_ticks_left(void **state)
{
	struct wakee w = { .left = -1 };
	struct fixture f;

	(void)state;
	sched_fixture(&f, 1);
	sched_call(&f, start_early_wake, &w);
	sched_run_to_rest(&f);
	assert_in_range(w.woke, 100 * MS, 100 * MS + LATE_NS);
	assert_int_equal(w.left, 900);
	assert_true(engine_now(f.m) <
		    ns_to_cycles(
			    f.m,
			    200 * MS)); /* the cancelled timer is gone: the machine rests at once */
	fixture_destroy(&f);
}

/* A signal is what the signal floor says it is: sigpending and a wake-up. */
static int interrupted_sleeper(void *arg)
{
	struct wakee *w = arg;

	w->ret = hrtimer_nanosleep(300 * MS, HRTIMER_MODE_REL, &w->remaining);
	w->woke = ktime_get();
	return 0;
}
static int signaller(void *arg)
{
	struct wakee *w = arg;

	hrtimer_nanosleep(100 * MS, HRTIMER_MODE_ABS, NULL);
	wake_up_process(w->task); /* without a signal: sleeps on */
	hrtimer_nanosleep(200 * MS, HRTIMER_MODE_ABS, NULL);
	w->task->sigpending = true;
	wake_up_state(w->task, TASK_INTERRUPTIBLE);
	return 0;
}
static void start_interrupted(void *arg)
{
	struct wakee *w = arg;

	w->task = sf_thread(interrupted_sleeper, w, "sleeper", 0, SCHED_NORMAL, 0, 0);
	sf_thread(signaller, w, "signaller", 0, SCHED_NORMAL, 0, 0);
}
static void a_signal_ends_a_sleep_with_the_time_left(void **state)
{
	struct wakee w = { .ret = 1 };
	struct fixture f;

	(void)state;
	sched_fixture(&f, 1);
	sched_call(&f, start_interrupted, &w);
	sched_run_to_rest(&f);
	assert_int_equal(w.ret, -EINTR);
	assert_in_range(w.woke, 200 * MS, 200 * MS + LATE_NS);
	assert_in_range(w.remaining, 100 * MS - LATE_NS, 100 * MS + LATE_NS);
	fixture_destroy(&f);
}

/* --- wait queues --- */

#define WAITERS 7
struct queue_case {
	wait_queue_head_t wq;
	int arrived, woken, order[WAITERS];
	int after[4];
};

/*
 * Waits for any wake-up at all, not for a condition, so that the count shows whom the waker chose.
 */
static int wait_once(struct queue_case *c, bool exclusive)
{
	int id = exclusive ? c->arrived++ : 100;
	wait_queue_entry_t wait;

	init_wait(&wait);
	if (exclusive)
		prepare_to_wait_exclusive(&c->wq, &wait, TASK_UNINTERRUPTIBLE);
	else
		prepare_to_wait(&c->wq, &wait, TASK_UNINTERRUPTIBLE);
	schedule();
	finish_wait(&c->wq, &wait);
	c->order[c->woken++] = id;
	return 0;
}
static int exclusive_waiter(void *arg)
{
	return wait_once(arg, true);
}
static int shared_waiter(void *arg)
{
	return wait_once(arg, false);
}
static int queue_waker(void *arg)
{
	struct queue_case *c = arg;

	hrtimer_nanosleep(10 * MS, HRTIMER_MODE_ABS, NULL);
	wake_up(&c->wq);
	hrtimer_nanosleep(20 * MS, HRTIMER_MODE_ABS, NULL);
	c->after[0] = c->woken;
	wake_up_nr(&c->wq, 2);
	hrtimer_nanosleep(30 * MS, HRTIMER_MODE_ABS, NULL);
	c->after[1] = c->woken;
	wake_up_all(&c->wq);
	hrtimer_nanosleep(40 * MS, HRTIMER_MODE_ABS, NULL);
	c->after[2] = c->woken;
	c->after[3] = waitqueue_active(&c->wq);
	return 0;
}
static void start_queue(void *arg)
{
	struct queue_case *c = arg;

	init_waitqueue_head(&c->wq);
	for (int i = 0; i < WAITERS; i++)
		sf_thread(i < 5 ? exclusive_waiter : shared_waiter, c, "waiter", 0, SCHED_NORMAL, 0,
			  0);
	sf_thread(queue_waker, c, "waker", 0, SCHED_NORMAL, 0, 0);
}
static void a_wake_up_takes_all_shared_and_n_exclusive_waiters_in_order(void **state)
{
	struct queue_case c = { .woken = 0 };
	struct fixture f;

	(void)state;
	sched_fixture(&f, 1);
	sched_call(&f, start_queue, &c);
	sched_run_to_rest(&f);
	assert_int_equal(c.after[0], 3); /* both shared, one exclusive */
	assert_int_equal(c.after[1], 5);
	assert_int_equal(c.after[2], 7);
	assert_int_equal(c.after[3], 0);
	/* The exclusive ones in order of arrival; within one wake-up, by virtual runtime. */
	assert_int_equal(c.order[0] + c.order[1] + c.order[2], 100 + 100 + 0);
	assert_int_equal(c.order[3] + c.order[4], 1 + 2);
	assert_int_equal(c.order[5] + c.order[6], 3 + 4);
	fixture_destroy(&f);
}

struct event_case {
	wait_queue_head_t wq;
	int value, seen;
	int ret_timeout_false, ret_timeout_true;
};
static int event_waiter(void *arg)
{
	struct event_case *c = arg;

	wait_event(c->wq, c->value == 3);
	c->seen = c->value;
	c->ret_timeout_false = (int)wait_event_timeout(c->wq, c->value == 99, 10);
	c->ret_timeout_true = (int)wait_event_timeout(c->wq, c->value == 4, 1000);
	return 0;
}
static int event_maker(void *arg)
{
	struct event_case *c = arg;

	for (int i = 0; i < 4; i++) {
		hrtimer_nanosleep(10 * MS + (i == 3 ? 100 * MS : 0), HRTIMER_MODE_REL, NULL);
		c->value++;
		wake_up(&c->wq);
	}
	return 0;
}
static void start_event(void *arg)
{
	struct event_case *c = arg;

	init_waitqueue_head(&c->wq);
	sf_thread(event_waiter, c, "waiter", 0, SCHED_NORMAL, 0, 0);
	sf_thread(event_maker, c, "maker", 0, SCHED_NORMAL, 0, 0);
}
static void wait_event_sleeps_until_its_condition_holds(void **state)
{
	struct event_case c = { .value = 0 };
	struct fixture f;

	(void)state;
	sched_fixture(&f, 1);
	sched_call(&f, start_event, &c);
	sched_run_to_rest(&f);
	assert_int_equal(c.seen, 3);
	assert_int_equal(c.ret_timeout_false, 0);
	assert_in_range(c.ret_timeout_true, 850, 950);
	fixture_destroy(&f);
}

/* --- mutex --- */

#define LOCKERS 5
struct mutex_case {
	struct mutex lock;
	struct task_struct *inside;
	u64 count[LOCKERS], max_wait;
	int next;
};
static int locker(void *arg)
{
	struct mutex_case *c = arg;
	int me = c->next++;

	while (ktime_get() < 400 * MS) {
		u64 start = ktime_get();

		mutex_lock(&c->lock);
		c->max_wait = max(c->max_wait, ktime_get() - start);
		CHECK(!c->inside);
		c->inside = current;
		burn_ns(MS);
		CHECK(c->inside == current);
		c->inside = NULL;
		mutex_unlock(&c->lock);
		c->count[me]++;
	}
	return 0;
}
static void start_lockers(void *arg)
{
	struct mutex_case *c = arg;

	mutex_init(&c->lock);
	for (int i = 0; i < LOCKERS; i++)
		sf_thread(locker, c, "locker", 0, SCHED_NORMAL, 0, -1);
}
static void run_lockers(u32 cpus)
{
	struct mutex_case c = { .next = 0 };
	u64 least = ~0ull, most = 0;
	struct fixture f;

	sched_fixture(&f, cpus);
	sched_call(&f, start_lockers, &c);
	sched_run_to_rest(&f);
	for (int i = 0; i < LOCKERS; i++) {
		least = min(least, c.count[i]);
		most = max(most, c.count[i]);
	}
	/*
	 * 400 sections of 1 ms over 5 tasks, served in order of arrival; two sections a place
	 * before the hand-off.
	 */
	assert_true(least >= 400 / LOCKERS / 2 && most <= 400 / LOCKERS * 2);
	assert_true(c.lock.contended > 10);
	if (cpus > 1)
		assert_true(c.max_wait <= 2 * LOCKERS * MS + 4 * MS);
	fixture_destroy(&f);
}
static void a_mutex_excludes_and_is_fair_on_one_cpu(void **state)
{
	(void)state;
	run_lockers(1);
}
static void a_mutex_excludes_and_is_fair_on_four_cpus(void **state)
{
	(void)state;
	run_lockers(4);
}

struct steal_case {
	struct mutex lock;
	u64 waiter_got;
	int steals;
};
static int hog(void *arg)
{
	struct steal_case *c = arg;

	/* Takes it again at once, each time before the woken waiter runs. */
	for (int i = 0; i < 20; i++) {
		mutex_lock(&c->lock);
		burn_ns(5 * MS);
		if (c->waiter_got) {
			mutex_unlock(&c->lock);
			break;
		}
		c->steals++;
		mutex_unlock(&c->lock);
	}
	return 0;
}
static int patient(void *arg)
{
	struct steal_case *c = arg;

	hrtimer_nanosleep(MS, HRTIMER_MODE_ABS, NULL);
	mutex_lock(&c->lock);
	c->waiter_got = ktime_get();
	mutex_unlock(&c->lock);
	return 0;
}
static void start_steal(void *arg)
{
	struct steal_case *c = arg;

	mutex_init(&c->lock);
	sf_thread(patient, c, "patient", 0, SCHED_NORMAL, 0, 0);
	sf_thread(hog, c, "hog", 0, SCHED_FIFO, 1, 1);
}
static void a_waiter_that_lost_once_is_handed_the_mutex(void **state)
{
	struct steal_case c = { .steals = 0 };
	struct fixture f;

	(void)state;
	sched_fixture(&f, 2);
	sched_call(&f, start_steal, &c);
	sched_run_to_rest(&f);
	assert_int_not_equal(c.waiter_got, 0);
	assert_true(c.steals <= 3);
	fixture_destroy(&f);
}

struct killed_case {
	struct mutex lock;
	struct task_struct *victim;
	int ret;
};
static int holder(void *arg)
{
	struct killed_case *c = arg;

	mutex_lock(&c->lock);
	hrtimer_nanosleep(20 * MS, HRTIMER_MODE_ABS, NULL);
	c->victim->sigpending = true;
	wake_up_state(c->victim, TASK_INTERRUPTIBLE);
	hrtimer_nanosleep(40 * MS, HRTIMER_MODE_ABS, NULL);
	mutex_unlock(&c->lock);
	return 0;
}
static int victim(void *arg)
{
	struct killed_case *c = arg;

	hrtimer_nanosleep(10 * MS, HRTIMER_MODE_ABS, NULL);
	c->ret = mutex_lock_interruptible(&c->lock);
	return 0;
}
static void start_killed(void *arg)
{
	struct killed_case *c = arg;

	mutex_init(&c->lock);
	sf_thread(holder, c, "holder", 0, SCHED_NORMAL, 0, 0);
	c->victim = sf_thread(victim, c, "victim", 0, SCHED_NORMAL, 0, 0);
}
static void a_signal_ends_the_wait_for_a_mutex(void **state)
{
	struct killed_case c = { .ret = 1 };
	struct fixture f;

	(void)state;
	sched_fixture(&f, 1);
	sched_call(&f, start_killed, &c);
	sched_run_to_rest(&f);
	assert_int_equal(c.ret, -EINTR);
	assert_false(mutex_is_locked(&c.lock));
	fixture_destroy(&f);
}

/* --- rwsem --- */

struct rw_case {
	struct rw_semaphore sem;
	int readers, writers, max_readers, reads, writes;
};
static int reader(void *arg)
{
	struct rw_case *c = arg;

	while (ktime_get() < 100 * MS) {
		down_read(&c->sem);
		c->readers++;
		c->max_readers = max(c->max_readers, c->readers);
		CHECK(!c->writers);
		burn_ns(100000);
		CHECK(!c->writers);
		c->readers--;
		c->reads++;
		up_read(&c->sem);
		burn_ns(10000);
	}
	return 0;
}
static int writer(void *arg)
{
	struct rw_case *c = arg;

	while (ktime_get() < 100 * MS) {
		down_write(&c->sem);
		CHECK(!c->writers && !c->readers);
		c->writers++;
		burn_ns(100000);
		c->writers--;
		c->writes++;
		if (c->writes % 2) {
			downgrade_write(&c->sem);
			burn_ns(5000);
			up_read(&c->sem);
		} else {
			up_write(&c->sem);
		}
		burn_ns(200000);
	}
	return 0;
}
static void start_rw(void *arg)
{
	struct rw_case *c = arg;

	init_rwsem(&c->sem);
	for (int i = 0; i < 3; i++)
		sf_thread(reader, c, "reader", 0, SCHED_NORMAL, 0, -1);
	sf_thread(writer, c, "writer", 0, SCHED_NORMAL, 0, -1);
}
static void readers_share_and_writers_are_alone_and_not_starved(void **state)
{
	struct rw_case c = { .readers = 0 };
	struct fixture f;

	(void)state;
	sched_fixture(&f, 4);
	sched_call(&f, start_rw, &c);
	sched_run_to_rest(&f);
	assert_true(c.max_readers >= 2);
	assert_true(c.writes > 100 && c.reads > 500);
	assert_false(rwsem_is_locked(&c.sem));
	fixture_destroy(&f);
}

/* --- completions --- */

struct done_case {
	struct completion x;
	u64 timed_out, woke[3];
	int n;
};
static int done_waiter(void *arg)
{
	struct done_case *c = arg;
	int me = c->n++;

	if (!me)
		c->timed_out = wait_for_completion_timeout(&c->x, 5);
	wait_for_completion(&c->x);
	c->woke[me] = ktime_get();
	return 0;
}
static int done_maker(void *arg)
{
	struct done_case *c = arg;

	hrtimer_nanosleep(20 * MS, HRTIMER_MODE_ABS, NULL);
	complete(&c->x);
	hrtimer_nanosleep(30 * MS, HRTIMER_MODE_ABS, NULL);
	complete_all(&c->x);
	return 0;
}
static void start_done(void *arg)
{
	struct done_case *c = arg;

	init_completion(&c->x);
	for (int i = 0; i < 3; i++)
		sf_thread(done_waiter, c, "waiter", 0, SCHED_NORMAL, 0, 0);
	sf_thread(done_maker, c, "maker", 0, SCHED_NORMAL, 0, 0);
}
static void complete_wakes_one_and_complete_all_everybody(void **state)
{
	struct done_case c = { .timed_out = 1 };
	struct fixture f;
	int early = 0;

	(void)state;
	sched_fixture(&f, 1);
	sched_call(&f, start_done, &c);
	sched_run_to_rest(&f);
	assert_int_equal(c.timed_out, 0);
	for (int i = 0; i < 3; i++) {
		assert_true(c.woke[i] >= 20 * MS);
		early += c.woke[i] < 30 * MS;
	}
	assert_int_equal(early, 1);
	fixture_destroy(&f);
}

/* --- mistakes --- */

static int sleeps_in_atomic(void *arg)
{
	(void)arg;
	preempt_disable();
	schedule();
	return 0;
}
static void start_atomic(void *arg)
{
	sf_thread(sleeps_in_atomic, arg, "bad", 0, SCHED_NORMAL, 0, 0);
}
static void scheduling_while_atomic_stops_the_machine(void **state)
{
	struct fixture f;

	(void)state;
	sched_fixture(&f, 1);
	sched_call(&f, start_atomic, NULL);
	assert_int_equal(engine_run(f.m, ~0ull), STOP_PANIC);
	assert_non_null(strstr(f.m->panic_text, "scheduling while atomic"));
	fixture_destroy(&f);
}

static int sleeps_for_ever(void *arg)
{
	(void)arg;
	set_current_state(TASK_INTERRUPTIBLE);
	schedule();
	return 0;
}
static void start_forever(void *arg)
{
	sf_thread(sleeps_for_ever, arg, "stuck", 0, SCHED_NORMAL, 0, 0);
}
static void a_machine_where_nothing_can_happen_is_reported_with_its_tasks(void **state)
{
	struct fixture f;
	char text[512];

	(void)state;
	sched_fixture(&f, 2);
	sched_call(&f, start_forever, NULL);
	assert_int_equal(engine_run(f.m, ~0ull), STOP_DEADLOCK);
	assert_true(sched_report(f.k, text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "stuck: S cpu 0"));
	assert_non_null(strstr(text, "cpu 1: idle"));
	fixture_destroy(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sleeps_end_on_time_and_never_early),
		cmocka_unit_test(a_timeout_of_3_ticks_in_the_middle_of_tick_5_ends_at_tick_9),
		cmocka_unit_test(a_timeout_cut_short_returns_the_ticks_left),
		cmocka_unit_test(a_signal_ends_a_sleep_with_the_time_left),
		cmocka_unit_test(a_wake_up_takes_all_shared_and_n_exclusive_waiters_in_order),
		cmocka_unit_test(wait_event_sleeps_until_its_condition_holds),
		cmocka_unit_test(a_mutex_excludes_and_is_fair_on_one_cpu),
		cmocka_unit_test(a_mutex_excludes_and_is_fair_on_four_cpus),
		cmocka_unit_test(a_waiter_that_lost_once_is_handed_the_mutex),
		cmocka_unit_test(a_signal_ends_the_wait_for_a_mutex),
		cmocka_unit_test(readers_share_and_writers_are_alone_and_not_starved),
		cmocka_unit_test(complete_wakes_one_and_complete_all_everybody),
		cmocka_unit_test(scheduling_while_atomic_stops_the_machine),
		cmocka_unit_test(a_machine_where_nothing_can_happen_is_reported_with_its_tasks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
