/* SPDX-License-Identifier: MIT */
/*
 * Address spaces through the life of tasks: clone copies or shares them, exit drops them, a failed
 * clone leaves nothing. Kernel threads that were given an address space stand for processes.
 */
#include "mm_fixture.h"

#include "lib/err.h"

#define AT 0x7f1200000000ull
#define RW (PROT_READ | PROT_WRITE)
#define MAX_SWEEP 400u

struct family {
	struct fixture *f;
	struct sigrec rec[2];
	struct leak_check *leak;
	u64 child_saw;
	struct mm_struct *child_mm;
	u64 sweep;
};

static void child(void *arg)
{
	struct family *fam = arg;
	u64 v;

	current->embedder = &fam->rec[1];
	fam->child_mm = current->mm;
	CHECK(this_cpu()->cr3 == 0 || (this_cpu()->cr3 & PTE_ADDR) == current->mm->pgd_pa);
	CHECK(user_read(AT, &v) == 0);
	fam->child_saw = v;
	CHECK(user_write(AT, v + 1) == 0);
	CHECK(user_write(AT + PAGE_SIZE, 5) == 0);
	do_exit(0);
}

static s32 clone_child(struct family *fam, u64 flags)
{
	struct kernel_clone_args args = {
		.flags = flags, .exit_signal = 17, .fn = child, .fn_arg = fam, .name = "child"
	};

	return kernel_clone(&args);
}

static void reap(s32 pid)
{
	int status;

	CHECK(do_wait4(pid, &status, __WALL, NULL) == pid);
	CHECK(status == 0);
}

static void become_process(struct family *fam)
{
	current->embedder = &fam->rec[0];
	new_mm();
	CHECK(map_anon(AT, 4 * PAGE_SIZE, RW, MAP_FIXED) > 0);
	CHECK(user_write(AT, 41) == 0);
}

static int parent(void *arg)
{
	struct family *fam = arg;
	struct mm_struct *mm;
	s32 pid;
	u64 v;

	become_process(fam);
	mm = current->mm;

	/* fork: the child's writes are its own. */
	pid = clone_child(fam, 0);
	CHECK(pid > 0);
	reap(pid);
	CHECK(fam->child_mm != mm && fam->child_saw == 41);
	CHECK(user_read(AT, &v) == 0 && v == 41);
	CHECK(user_read(AT + PAGE_SIZE, &v) == 0 && v == 0);
	CHECK(mm->mm_users == 1);

	/* vfork and threads: one memory. */
	pid = clone_child(fam, CLONE_VM | CLONE_VFORK);
	CHECK(pid > 0);
	reap(pid);
	CHECK(fam->child_mm == mm);
	CHECK(user_read(AT, &v) == 0 && v == 42);
	CHECK(user_read(AT + PAGE_SIZE, &v) == 0 && v == 5);
	CHECK(mm->mm_users == 1);
	check_mm(mm);

	/* exec and exit: another, and none. */
	mm = mm_alloc();
	CHECK(mm);
	exec_mmap(mm);
	CHECK(current->mm == mm && (this_cpu()->cr3 & PTE_ADDR) == mm->pgd_pa);
	CHECK(user_read(AT, &v) == SIGSEGV);
	exit_mm();
	CHECK(!current->mm);
	fam->sweep = 1;
	return 0;
}

static void nothing_more_in_use(struct family *fam)
{
	struct alloc_stats now;
	char text[256];

	alloc_stats(kern(), &now);
	if (!alloc_stats_same(&fam->leak->before, &now, text, sizeof(text)))
		machine_panic(this_machine(), "leak: %s", text);
}

/* The nth allocation of a clone fails, for every n. */
static int failing_parent(void *arg)
{
	struct family *fam = arg;
	struct kernel *k = kern();
	u64 nth, failed = 0, v;

	become_process(fam);
	leak_check_begin(fam->leak);
	for (nth = 1; nth < MAX_SWEEP; nth++) {
		bool fired;
		s32 pid;

		fail_alloc_arm(k, nth);
		pid = clone_child(fam, 0);
		fired = fail_alloc_fired(k);
		fail_alloc_arm(k, 0);
		if (pid > 0) {
			reap(pid);
			CHECK(fam->child_saw == 41);
		} else {
			CHECK(fired && (pid == -ENOMEM || pid == -EAGAIN));
			failed++;
		}
		check_mm(current->mm);
		CHECK(user_read(AT, &v) == 0 && v == 41);
		if (pid < 0)
			nothing_more_in_use(fam);
		if (!fired)
			break;
	}
	CHECK(failed > 8 && nth < MAX_SWEEP);
	fam->sweep = nth;
	exit_mm();
	return 0;
}

static void start_parent(struct family *fam, int (*fn)(void *))
{
	struct task_struct *t = kthread_create(fn, fam, "parent");

	CHECK(!IS_ERR(t));
	kthread_bind(t, 0);
	wake_up_process(t);
	this_percpu()->preempt_count = 1;
}

static void start_good(void *arg)
{
	start_parent(arg, parent);
}
static void start_failing(void *arg)
{
	start_parent(arg, failing_parent);
}

static void compare_end(void *arg)
{
	struct mm_totals t;

	(void)arg;
	mm_get_totals(kern(), &t);
	CHECK(t.committed_pages == 0 && t.anon_pages == 0);
}

static void run_family(u32 nr_cpus, void (*start)(void *))
{
	struct machine_config cfg = fixture_config(64 << 20, nr_cpus);
	struct kernel_params params = { .hz = 250 };
	struct family *fam = calloc(1, sizeof(*fam));
	struct fixture f;
	enum stop_reason why;

	assert_non_null(fam);
	fam->leak = calloc(1, sizeof(*fam->leak));
	assert_non_null(fam->leak);
	fam->f = &f;
	cfg.costs = cost_profile("zen4");
	assert_int_equal(fixture_create_params(&f, &cfg, &params), 0);
	fixture_run(&f, mm_fixture_boot, &f);
	fixture_run(&f, start, fam);
	why = engine_run(f.m, ~0ull);
	if (why != STOP_DEADLOCK)
		fail_msg("stopped for reason %d: %s", why, f.m->panic_text);
	assert_true(fam->sweep > 0);
	f.m->stopped = STOP_NONE;
	fixture_run(&f, compare_end, fam);
	fixture_destroy(&f);
	free(fam->leak);
	free(fam);
}

static void clone_copies_or_shares_and_exit_drops(void **state)
{
	(void)state;
	run_family(1, start_good);
	run_family(2, start_good);
}

static void a_clone_without_memory_leaves_nothing(void **state)
{
	(void)state;
	run_family(1, start_failing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clone_copies_or_shares_and_exit_drops),
		cmocka_unit_test(a_clone_without_memory_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
