/* SPDX-License-Identifier: MIT */
/* Birth, death and waiting: hooks, numbers, parents, zombies, and that nothing is left behind. */
#include "sched_fixture.h"

#include "lib/errno.h"

#define MS NSEC_PER_MSEC
#define EXIT_STATUS(n) ((n) << 8)

/* A process whose user side is C: what a native program is to this floor. */
static s32 spawn(void (*fn)(void *), void *arg, u64 flags)
{
	struct kernel_clone_args args = { .flags = flags,
					  .exit_signal = 17,
					  .fn = fn,
					  .fn_arg = arg,
					  .native = true,
					  .name = "child" };

	return kernel_clone(&args);
}

/* Run main_fn as a process (pid 1 unless one exists) and the machine to rest. */
struct first {
	void (*fn)(void *);
	void *arg;
	s32 pid;
};
static void start_first(void *arg)
{
	struct first *s = arg;
	struct kernel_clone_args args = {
		.fn = s->fn, .fn_arg = s->arg, .native = true, .name = "init"
	};

	s->pid = kernel_clone(&args);
	CHECK(s->pid > 0);
}

/* pid 1 never ends: it waits for whoever comes. */
static __noreturn void wait_for_ever(void)
{
	for (;;) {
		while (do_wait4(-1, NULL, __WALL, NULL) > 0)
			;
		set_current_state(TASK_INTERRUPTIBLE);
		schedule();
	}
}

static void run_init(struct fixture *f, u32 cpus, void (*fn)(void *), void *arg)
{
	struct first s = { fn, arg, 0 };

	sched_fixture(f, cpus);
	sched_call(f, start_first, &s);
	sched_run_to_rest(f);
	assert_int_equal(s.pid, 1);
}

/* --- wait --- */

static void exits_with_its_argument(void *arg)
{
	hrtimer_nanosleep((u64)(uintptr_t)arg * MS, HRTIMER_MODE_REL, NULL);
	do_exit(EXIT_STATUS((long)(uintptr_t)arg));
}

static void parent_of_three(void *arg)
{
	int *done = arg, status = 0;
	s32 pid[3];

	for (int i = 0; i < 3; i++) {
		pid[i] = spawn(exits_with_its_argument, (void *)(uintptr_t)(30 - 10 * i), 0);
		CHECK(pid[i] == 2 + i);
	}
	CHECK(do_wait4(-1, &status, WNOHANG, NULL) == 0);
	CHECK(do_wait4(99, &status, 0, NULL) == -ECHILD);
	CHECK(do_wait4(pid[1], &status, 0, NULL) == pid[1] && status == EXIT_STATUS(20));
	CHECK(do_wait4(-1, &status, 0, NULL) == pid[2] && status == EXIT_STATUS(10));
	CHECK(do_wait4(0, &status, 0, NULL) == pid[0] && status == EXIT_STATUS(30));
	CHECK(do_wait4(-1, &status, 0, NULL) == -ECHILD);
	CHECK(do_wait4(-1, &status, 0x4000, NULL) == -EINVAL);
	*done = 1;
	wait_for_ever();
}
static void wait4_gives_each_status_once(void **state)
{
	struct fixture f;
	int done = 0;

	(void)state;
	run_init(&f, 1, parent_of_three, &done);
	assert_int_equal(done, 1);
	assert_int_equal(nr_processes(f.k), 1);
	fixture_destroy(&f);
}

static void burns(void *arg)
{
	burn_ns((u64)(uintptr_t)arg);
	do_exit(0);
}
static void usage_parent(void *arg)
{
	struct task_rusage ru;
	u64 *total = arg;

	for (int i = 1; i <= 3; i++) {
		CHECK(spawn(burns, (void *)(uintptr_t)(i * 10 * MS), 0) > 0);
		CHECK(do_wait4(-1, NULL, 0, &ru) > 0);
		*total += ru.utime_ns + ru.stime_ns;
	}
	CHECK(current->cutime + current->cstime == *total);
	wait_for_ever();
}
static void a_childs_run_time_is_reported_exactly(void **state)
{
	struct fixture f;
	u64 total = 0;

	(void)state;
	run_init(&f, 1, usage_parent, &total);
	assert_in_range(total, 60 * MS, 60 * MS + 20000);
	fixture_destroy(&f);
}

/* --- orphans --- */

static void grandchild(void *arg)
{
	u64 *seen = arg;

	hrtimer_nanosleep(20 * MS, HRTIMER_MODE_REL, NULL);
	seen[0] = (u64)current->real_parent->pid;
	do_exit(EXIT_STATUS(7));
}
static void dies_before_its_child(void *arg)
{
	CHECK(spawn(grandchild, arg, 0) > 0);
	do_exit(0);
}
static void orphan_init(void *arg)
{
	u64 *seen = arg;
	int status;

	CHECK(spawn(dies_before_its_child, seen, 0) == 2);
	CHECK(do_wait4(2, &status, 0, NULL) == 2);
	CHECK(do_wait4(-1, &status, 0, NULL) == 3 && status == EXIT_STATUS(7));
	seen[1] = 1;
	wait_for_ever();
}
static void orphans_go_to_init(void **state)
{
	u64 seen[2] = { 0, 0 };
	struct fixture f;

	(void)state;
	run_init(&f, 2, orphan_init, seen);
	assert_int_equal(seen[0], 1);
	assert_int_equal(seen[1], 1);
	assert_int_equal(nr_processes(f.k), 1);
	fixture_destroy(&f);
}

static void subreaper(void *arg)
{
	current->is_child_subreaper = true;
	CHECK(spawn(dies_before_its_child, arg, 0) > 0);
	hrtimer_nanosleep(50 * MS, HRTIMER_MODE_REL, NULL);
	while (do_wait4(-1, NULL, 0, NULL) > 0)
		;
	do_exit(0);
}
static void subreaper_init(void *arg)
{
	CHECK(spawn(subreaper, arg, 0) == 2);
	wait_for_ever();
}
static void orphans_go_to_the_nearest_subreaper(void **state)
{
	u64 seen[2] = { 0, 0 };
	struct fixture f;

	(void)state;
	run_init(&f, 1, subreaper_init, seen);
	assert_int_equal(seen[0], 2);
	assert_int_equal(nr_processes(f.k), 1);
	fixture_destroy(&f);
}

/* --- threads --- */

static void thread_naps(void *arg)
{
	hrtimer_nanosleep((u64)(uintptr_t)arg, HRTIMER_MODE_REL, NULL);
	do_exit(0);
}
static void leader_leaves_first(void *arg)
{
	const u64 thread_flags = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;
	s32 tid = spawn(thread_naps, (void *)(uintptr_t)(40 * MS), thread_flags);

	CHECK(tid > 0 && find_task_by_vpid(tid)->tgid == current->pid);
	CHECK(current->nr_threads == 2);
	CHECK(spawn(thread_naps, arg, CLONE_THREAD) == -EINVAL);
	CHECK(spawn(thread_naps, arg, CLONE_SIGHAND) == -EINVAL);
	do_exit(EXIT_STATUS(5));
}
static void thread_init(void *arg)
{
	u64 *woke = arg;
	int status;

	CHECK(spawn(leader_leaves_first, NULL, 0) == 2);
	CHECK(do_wait4(2, &status, 0, NULL) == 2 && status == EXIT_STATUS(5));
	*woke = ktime_get();
	wait_for_ever();
}
static void a_process_ends_with_its_last_thread(void **state)
{
	struct fixture f;
	u64 woke = 0;

	(void)state;
	run_init(&f, 2, thread_init, &woke);
	assert_in_range(woke, 40 * MS, 41 * MS);
	assert_int_equal(nr_processes(f.k), 1);
	fixture_destroy(&f);
}

/* --- vfork --- */

static void vfork_child(void *arg)
{
	u64 *t = arg;

	hrtimer_nanosleep(10 * MS, HRTIMER_MODE_REL, NULL);
	t[0] = ktime_get();
	do_exit(0);
}
static void vfork_init(void *arg)
{
	u64 *t = arg;

	CHECK(spawn(vfork_child, t, CLONE_VFORK | CLONE_VM) == 2);
	t[1] = ktime_get();
	wait_for_ever();
}
static void vfork_waits_for_the_childs_end(void **state)
{
	u64 t[2] = { 0, 0 };
	struct fixture f;

	(void)state;
	run_init(&f, 1, vfork_init, t);
	assert_true(t[0] >= 10 * MS && t[1] >= t[0]);
	fixture_destroy(&f);
}

/* --- hooks --- */

#define HOOKS 4
#define HOOK_ERROR (-33)

/* args->embedder is the log, args->tls the number (from 1) of the hook that fails. */
static void note(const struct task_struct *child, char what, unsigned i)
{
	char *log = child->embedder;

	if (log)
		snprintf(log + strlen(log), 64 - strlen(log), "%c%u ", what, i);
}
static int hook_fork(const struct kernel_clone_args *args, struct task_struct *child, unsigned i)
{
	note(child, 'f', i);
	return args->embedder && args->tls == i ? HOOK_ERROR : 0;
}
#define MAKE_HOOK(i)                                                                               \
	static int fork##i(const struct kernel_clone_args *args, struct task_struct *child)        \
	{                                                                                          \
		return hook_fork(args, child, i);                                                  \
	}                                                                                          \
	static void unfork##i(struct task_struct *child)                                           \
	{                                                                                          \
		note(child, 'u', i);                                                               \
	}                                                                                          \
	static void exit##i(struct task_struct *task)                                              \
	{                                                                                          \
		note(task, 'x', i);                                                                \
	}                                                                                          \
	static void release##i(struct task_struct *task)                                           \
	{                                                                                          \
		note(task, 'r', i);                                                                \
	}
MAKE_HOOK(1)
MAKE_HOOK(2)
MAKE_HOOK(3)
MAKE_HOOK(4)
static const struct task_hooks hooks[HOOKS] = {
	{ "one", fork1, unfork1, NULL, exit1, release1 },
	{ "two", fork2, unfork2, NULL, exit2, release2 },
	{ "three", fork3, unfork3, NULL, exit3, release3 },
	{ "four", fork4, unfork4, NULL, exit4, release4 },
};

static s32 fork_logged(char *log, u64 failing)
{
	struct kernel_clone_args args = { .fn = burns,
					  .native = true,
					  .exit_signal = 17,
					  .embedder = log,
					  .tls = failing,
					  .name = "logged" };

	log[0] = 0;
	return kernel_clone(&args);
}
static void hooks_init(void *arg)
{
	static const char *const expected[HOOKS] = { "f1 ", "f1 f2 u1 ", "f1 f2 f3 u2 u1 ",
						     "f1 f2 f3 f4 u3 u2 u1 " };
	struct alloc_stats then, now;
	char *log = arg, leak[256];

	for (int i = 0; i < HOOKS; i++)
		CHECK(register_task_hooks(kern(), &hooks[i]) == 0);
	alloc_stats(kern(), &then);
	for (u64 nth = 1; nth <= HOOKS; nth++) {
		CHECK(fork_logged(log, nth) == HOOK_ERROR);
		CHECK(!strcmp(log, expected[nth - 1]));
	}
	CHECK(nr_processes(kern()) == 1);
	alloc_stats(kern(), &now);
	if (!alloc_stats_same(&then, &now, leak, sizeof(leak)))
		machine_panic(this_machine(), "leaked: %s", leak);
	CHECK(fork_logged(log, 0) > 0);
	CHECK(do_wait4(-1, NULL, 0, NULL) > 0);
	wait_for_ever();
}
static void fork_hooks_unwind_in_reverse_when_one_fails(void **state)
{
	char log[64] = "";
	struct fixture f;

	(void)state;
	run_init(&f, 1, hooks_init, log);
	assert_string_equal(log, "f1 f2 f3 f4 x1 x2 x3 x4 r4 r3 r2 r1 ");
	fixture_destroy(&f);
}

/* --- leaks and failures --- */

static int returns_seven(void *arg)
{
	(void)arg;
	while (!kthread_should_stop()) {
		set_current_state(TASK_INTERRUPTIBLE);
		schedule();
	}
	return 7;
}
static int never_runs(void *arg)
{
	*(int *)arg = 1;
	return 0;
}
static void make_and_stop(int *ran)
{
	struct task_struct *t = kthread_run(returns_seven, NULL, "worker/%d", 3);

	CHECK(!IS_ERR(t) && !strcmp(t->comm, "worker/3"));
	get_task_struct(t);
	hrtimer_nanosleep(MS, HRTIMER_MODE_REL, NULL);
	CHECK(kthread_stop(t) == 7);
	put_task_struct(t);
	t = kthread_create(never_runs, ran, "unborn");
	CHECK(!IS_ERR(t));
	CHECK(kthread_stop(t) == -EINTR && !*ran);
}
static void leak_init(void *arg)
{
	struct alloc_stats then, now;
	char leak[256];
	int ran = 0;

	make_and_stop(&ran);
	msleep(5);
	alloc_stats(kern(), &then);
	for (int i = 0; i < 20; i++)
		make_and_stop(&ran);
	msleep(5); /* the last one's stack goes when it has switched away */
	alloc_stats(kern(), &now);
	if (!alloc_stats_same(&then, &now, leak, sizeof(leak)))
		machine_panic(this_machine(), "leaked: %s", leak);
	*(int *)arg = 1;
	wait_for_ever();
}
static void kernel_threads_leave_nothing_behind(void **state)
{
	struct fixture f;
	int done = 0;

	(void)state;
	run_init(&f, 2, leak_init, &done);
	assert_int_equal(done, 1);
	fixture_destroy(&f);
}

static int returns_at_once(void *arg)
{
	(void)arg;
	return 0;
}
static void failing_init(void *arg)
{
	struct alloc_stats then, now;
	char leak[256];
	u64 nth;
	int ran = 0;

	make_and_stop(&ran);
	msleep(5);
	alloc_stats(kern(), &then);
	for (nth = 1;; nth++) {
		struct task_struct *t;

		fail_alloc_arm(kern(), nth);
		t = kthread_create(returns_at_once, NULL, "fragile");
		if (!fail_alloc_fired(kern())) {
			fail_alloc_arm(kern(), 0);
			CHECK(!IS_ERR(t));
			kthread_stop(t);
			break;
		}
		/*
		 * Some failures are absorbed (a page instead of a batch); the others are -ENOMEM.
		 */
		CHECK(!IS_ERR(t) || PTR_ERR(t) == -ENOMEM);
		if (!IS_ERR(t))
			kthread_stop(t);
		CHECK(nth < 100);
	}
	CHECK(nth > 4);
	msleep(5);
	CHECK(nr_processes(kern()) == 1);
	alloc_stats(kern(), &now);
	if (!alloc_stats_same(&then, &now, leak, sizeof(leak)))
		machine_panic(this_machine(), "leaked: %s", leak);
	*(int *)arg = 1;
	wait_for_ever();
}
static void each_failing_allocation_of_kthread_create_is_survived(void **state)
{
	struct fixture f;
	int done = 0;

	(void)state;
	run_init(&f, 1, failing_init, &done);
	assert_int_equal(done, 1);
	fixture_destroy(&f);
}

/* --- numbers --- */

static void pid_init_body(void *arg)
{
	struct task_struct *t;
	s32 first = spawn(exits_with_its_argument, NULL, 0), pid;

	CHECK(do_wait4(first, NULL, 0, NULL) == first);
	pid = spawn(exits_with_its_argument, NULL, 0);
	CHECK(pid == first + 1); /* not reused at once */
	CHECK(do_wait4(pid, NULL, 0, NULL) == pid);
	CHECK(!find_task_by_vpid(pid));

	/* A group keeps its number after its leader: 4 leads, 5 joins, 4 ends. */
	pid = spawn(exits_with_its_argument, (void *)1, 0);
	first = spawn(exits_with_its_argument, (void *)50, 0);
	{
		u64 flags = tasklist_lock();

		t = find_task_by_vpid(pid);
		CHECK(set_task_pgid(t, 31000) == -ESRCH);
		CHECK(set_task_pgid(t, pid) == 0);
		CHECK(set_task_pgid(find_task_by_vpid(first), pid) == 0);
		CHECK(set_task_sid(t, pid) == 0);
		tasklist_unlock(flags);
	}
	CHECK(do_wait4(-pid, NULL, 0, NULL) == pid);
	CHECK(do_wait4(-pid, NULL, 0, NULL) == first);
	CHECK(do_wait4(-pid, NULL, 0, NULL) == -ECHILD);
	*(int *)arg = 1;
	wait_for_ever();
}
static void numbers_are_cyclic_and_groups_keep_theirs(void **state)
{
	struct fixture f;
	int done = 0;

	(void)state;
	run_init(&f, 1, pid_init_body, &done);
	assert_int_equal(done, 1);
	fixture_destroy(&f);
}

/* --- records --- */

struct seen_stats {
	int n, exited;
	u64 runtime;
	u64 last_seq;
	bool ordered;
};
static void look(void *arg, const struct task_stats *s)
{
	struct seen_stats *seen = arg;

	seen->ordered &= s->seq > seen->last_seq;
	seen->last_seq = s->seq;
	seen->n++;
	seen->exited += s->exited;
	seen->runtime += s->runtime_ns;
}
static void stats_init(void *arg)
{
	(void)arg;
	for (int i = 1; i <= 5; i++)
		CHECK(spawn(burns, (void *)(uintptr_t)(i * MS), 0) > 0);
	wait_for_ever();
}
static void every_task_leaves_a_record_in_order_of_creation(void **state)
{
	struct seen_stats seen = { .ordered = true };
	struct cpu_stats cpu;
	u64 exec = 0;
	struct fixture f;

	(void)state;
	run_init(&f, 2, stats_init, NULL);
	sched_stats_for_each(f.k, look, &seen);
	for (unsigned i = 0; i < 2; i++) {
		sched_cpu_stats(f.k, i, &cpu);
		exec += cpu.exec_ns;
	}
	assert_int_equal(seen.n, 6);
	assert_int_equal(seen.exited, 5);
	assert_true(seen.ordered);
	assert_in_range(seen.runtime, 15 * MS, 15 * MS + 100000);
	assert_int_equal(seen.runtime, exec); /* what tasks ran is what CPUs executed */
	fixture_destroy(&f);
}

static void exits_as_init(void *arg)
{
	(void)arg;
	do_exit(0);
}
static void killing_init_stops_the_machine(void **state)
{
	struct first s = { exits_as_init, NULL, 0 };
	struct fixture f;

	(void)state;
	sched_fixture(&f, 1);
	sched_call(&f, start_first, &s);
	assert_int_equal(engine_run(f.m, ~0ull), STOP_PANIC);
	assert_non_null(strstr(f.m->panic_text, "Attempted to kill init"));
	fixture_destroy(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wait4_gives_each_status_once),
		cmocka_unit_test(a_childs_run_time_is_reported_exactly),
		cmocka_unit_test(orphans_go_to_init),
		cmocka_unit_test(orphans_go_to_the_nearest_subreaper),
		cmocka_unit_test(a_process_ends_with_its_last_thread),
		cmocka_unit_test(vfork_waits_for_the_childs_end),
		cmocka_unit_test(fork_hooks_unwind_in_reverse_when_one_fails),
		cmocka_unit_test(kernel_threads_leave_nothing_behind),
		cmocka_unit_test(each_failing_allocation_of_kthread_create_is_survived),
		cmocka_unit_test(numbers_are_cyclic_and_groups_keep_theirs),
		cmocka_unit_test(every_task_leaves_a_record_in_order_of_creation),
		cmocka_unit_test(killing_init_stops_the_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
