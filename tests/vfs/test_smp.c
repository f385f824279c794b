/* SPDX-License-Identifier: MIT */
/*
 * Several tasks on several CPUs change one tree at the same time: nobody hangs, nothing is lost,
 * and the same seed gives the same run.
 */
#include "vfs_fixture.h"

#define TASKS 6
#define STEPS 400

struct crowd {
	int next_id, done, bad;
};

static struct crowd *crowd(void)
{
	return kern()->hooks.console_arg;
}

static void random_name(struct prng *r, char *buf)
{
	static const char *const dirs[] = { "/w", "/w/a", "/w/b", "/w/a/c", "/w/a/c/d" };

	sprintf(buf, "%s/n%d", dirs[prng_below(r, 5)], (int)prng_below(r, 6));
}

/* Only these may come back from calls that race with others. */
static void expect(struct crowd *c, int err)
{
	static const int fine[] = { 0,	     -ENOENT, -EEXIST, -ENOTEMPTY, -ENOTDIR,
				    -EISDIR, -EINVAL, -EBUSY,  -EPERM };

	for (u32 i = 0; i < ARRAY_SIZE(fine); i++)
		if (err == fine[i])
			return;
	c->bad++;
}

static void one_step(struct crowd *c, struct prng *r, int id)
{
	char a[64], b[64];
	struct kstat st;

	random_name(r, a);
	random_name(r, b);
	switch (prng_below(r, 10)) {
	case 0:
		expect(c, do_mkdirat(AT_FDCWD, a, 0755));
		break;
	case 1:
		expect(c, do_rmdir(AT_FDCWD, a));
		break;
	case 2:
		expect(c, do_unlinkat(AT_FDCWD, a));
		break;
	case 3:
	case 4:
		expect(c, do_renameat2(AT_FDCWD, a, AT_FDCWD, b,
				       prng_below(r, 4) ? 0 : RENAME_EXCHANGE));
		break;
	case 5:
		expect(c, do_linkat(AT_FDCWD, a, AT_FDCWD, b, 0));
		break;
	case 6:
		expect(c, vfs_fstatat(AT_FDCWD, a, &st, 0));
		break;
	case 7: {
		char buf[512];
		int n = list_dir("/w/a", buf, sizeof(buf));

		expect(c, n < 0 ? n : 0);
		break;
	}
	case 8: { /* the directories themselves move too */
		expect(c, do_renameat2(AT_FDCWD, "/w/a/c", AT_FDCWD, "/w/b/c", 0));
		expect(c, do_renameat2(AT_FDCWD, "/w/b/c", AT_FDCWD, "/w/a/c", 0));
		break;
	}
	default: {
		struct file *f = filp_open(a, O_RDWR | O_CREAT | O_APPEND, 0644);
		s64 pos = 0;
		u8 byte = (u8)id;

		if (IS_ERR(f)) {
			expect(c, (int)PTR_ERR(f));
			break;
		}
		c->bad += kernel_write(f, &byte, 1, &pos) != 1;
		fput(f);
	}
	}
}

static int worker(void *arg)
{
	struct crowd *c = arg;
	int id = c->next_id++;
	struct prng r;

	prng_seed(&r, this_machine()->cfg.seed, 1000 + (u64)id);
	for (int i = 0; i < STEPS; i++)
		one_step(c, &r, id);
	c->done++;
	return 0;
}

static int appender(void *arg)
{
	struct crowd *c = arg;
	int id = c->next_id++;
	struct file *f = filp_open("/log", O_WRONLY | O_CREAT | O_APPEND, 0644);
	u8 line[37];
	s64 pos = 0;

	memset(line, id + 1, sizeof(line));
	for (int i = 0; i < STEPS; i++)
		c->bad += kernel_write(f, line, sizeof(line), &pos) != sizeof(line);
	fput(f);
	c->done++;
	return 0;
}

static void start_all(int (*fn)(void *))
{
	struct crowd *c = boot_alloc(kern(), sizeof(*c));

	CHECK(vfs_init(kern()) == 0);
	kern()->hooks.console_arg = c;
	vfs()->dentry_unused_max = 20; /* evict all the time */
	CHECK(do_mkdirat(AT_FDCWD, "/w", 0755) == 0 && do_mkdirat(AT_FDCWD, "/w/a", 0755) == 0 &&
	      do_mkdirat(AT_FDCWD, "/w/b", 0755) == 0);
	CHECK(do_mkdirat(AT_FDCWD, "/w/a/c", 0755) == 0 &&
	      do_mkdirat(AT_FDCWD, "/w/a/c/d", 0755) == 0);
	this_percpu()->preempt_count = 1;
	for (int i = 0; i < TASKS; i++) {
		struct task_struct *t = kthread_create(fn, c, "w%d", i);

		CHECK(!IS_ERR(t));
		wake_up_process(t);
	}
}

static void start_workers(void *arg)
{
	(void)arg;
	start_all(worker);
}

static void start_appenders(void *arg)
{
	(void)arg;
	start_all(appender);
}

/* D5, R2, R3 over the whole tree, then nothing is referenced but by names. */
static void check_tree(void *arg)
{
	struct dentry *d = vfs()->rootmnt->mnt_root;

	CHECK(crowd()->done == TASKS && crowd()->bad == 0);
	this_percpu()->preempt_count = 0;
	shrink_dcache(~0ull);
	for (;;) {
		struct dentry *child;
		u32 subdirs = 0;
		s64 names = 0;
		u64 last = 0;

		CHECK(d->d_inode);
		list_for_each_entry(child, &d->d_subdirs, d_child) {
			CHECK(child->d_parent == d && child->d_inode &&
			      (child->d_flags & DCACHE_PERSISTENT));
			CHECK(!names || child->d_seq > last);
			last = child->d_seq;
			names++;
			subdirs += S_ISDIR(child->d_inode->i_mode);
		}
		if (S_ISDIR(d->d_inode->i_mode) && !IS_ROOT(d)) {
			CHECK(d->d_inode->i_nlink == 2 + subdirs &&
			      d->d_inode->i_size == 20 * names);
			if (!(d->d_flags & DCACHE_MOUNTED))
				CHECK(d->d_count == 1 + (u32)names);
		}
		if (!list_empty(&d->d_subdirs)) {
			d = list_first_entry(&d->d_subdirs, struct dentry, d_child);
			continue;
		}
		while (!IS_ROOT(d) && list_is_last(&d->d_child, &d->d_parent->d_subdirs))
			d = d->d_parent;
		if (IS_ROOT(d))
			break;
		d = list_next_entry(d, d_child);
	}
	(void)arg;
	CHECK(get_nr_files() == 0);
	CHECK(vfs_exit(kern()) == 0);
}

static void check_log(void *arg)
{
	struct file *f = filp_open("/log", O_RDONLY, 0);
	u8 line[37];
	u32 per_task[TASKS] = { 0 };
	s64 pos = 0;

	(void)arg;
	CHECK(crowd()->done == TASKS && crowd()->bad == 0 && !IS_ERR(f));
	while (kernel_read(f, line, sizeof(line), &pos) == sizeof(line)) {
		for (u32 i = 1; i < sizeof(line); i++)
			CHECK(line[i] == line[0]);
		per_task[line[0] - 1]++;
	}
	for (int i = 0; i < TASKS; i++)
		CHECK(per_task[i] == STEPS);
	fput(f);
}

static u64 run(u32 cpus, void (*start)(void *), void (*check)(void *))
{
	struct machine_config cfg = fixture_config(64 << 20, cpus);
	struct kernel_params params = { .hz = 1000, .mmap_min_addr = 65536 };
	enum stop_reason why;
	struct fixture f;
	u64 digest;

	cfg.costs = cost_profile("zen4");
	assert_int_equal(fixture_create_params(&f, &cfg, &params), 0);
	fixture_run(&f, mm_fixture_boot, &f);
	fixture_run(&f, start, NULL);
	why = engine_run(f.m, ~0ull);
	if (why == STOP_PANIC)
		fail_msg("panic: %s", f.m->panic_text);
	assert_int_equal(why, STOP_DEADLOCK);
	digest = trace_digest(&f.m->trace);
	fixture_run(&f, check, NULL);
	fixture_destroy(&f);
	return digest;
}

static void six_tasks_on_three_cpus_change_one_tree(void **state)
{
	(void)state;
	assert_true(run(3, start_workers, check_tree) == run(3, start_workers, check_tree));
}

static void six_tasks_on_one_cpu_change_one_tree(void **state)
{
	(void)state;
	run(1, start_workers, check_tree);
}

static void appends_of_several_tasks_never_overlap(void **state)
{
	(void)state;
	run(3, start_appenders, check_log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(six_tasks_on_three_cpus_change_one_tree),
		cmocka_unit_test(six_tasks_on_one_cpu_change_one_tree),
		cmocka_unit_test(appends_of_several_tasks_never_overlap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
