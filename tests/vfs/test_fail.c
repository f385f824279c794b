/* SPDX-License-Identifier: MIT */
/*
 * Every allocation fails in turn: each call either works or says -ENOMEM, changes nothing it should
 * not, and leaks nothing.
 */
#include "vfs_fixture.h"

#define LONG_NAME "/d/a-name-much-too-long-to-fit-into-the-dentry-itself"

typedef int attempt_fn(void);

static int attempt_open_write(void)
{
	struct file *f = filp_open(LONG_NAME, O_RDWR | O_CREAT, 0644);
	u8 data[64] = { 1 };
	s64 pos = 70 * PAGE_SIZE, n;

	if (IS_ERR(f))
		return (int)PTR_ERR(f);
	n = kernel_write(f, data, sizeof(data), &pos);
	pos = 0;
	if (n >= 0)
		n = kernel_write(f, data, sizeof(data), &pos);
	fput(f);
	return n < 0 ? (int)n : 0;
}

static int attempt_mkdir(void)
{
	return do_mkdirat(AT_FDCWD, "/d/dir", 0755);
}

static int attempt_symlink(void)
{
	return do_symlinkat("/some/target/that/is/not/short", AT_FDCWD, "/d/sym");
}

static int attempt_link(void)
{
	return do_linkat(AT_FDCWD, "/d/old", AT_FDCWD, LONG_NAME, 0);
}

static int attempt_rename(void)
{
	return do_renameat2(AT_FDCWD, "/d/old", AT_FDCWD, LONG_NAME, 0);
}

static int attempt_unlink(void)
{
	return do_unlinkat(AT_FDCWD, "/d/old");
}

static int attempt_stat(void)
{
	struct kstat st;
	int err = vfs_fstatat(AT_FDCWD, LONG_NAME, &st, 0);

	return err == -ENOENT ? 0 : err;
}

static int fds_calls(void)
{
	struct files_struct *copy;
	int fd = do_sys_open(AT_FDCWD, "/d/old", O_RDONLY, 0), high;

	if (fd < 0)
		return fd;
	high = ksys_dup3((u32)fd, 300, 0); /* the table grows */
	copy = dup_fd(current->files);
	if (!IS_ERR(copy))
		put_files_struct(copy);
	return high < 0 ? high : IS_ERR(copy) ? (int)PTR_ERR(copy) : 0;
}

/* In a table of its own, for a table that has grown stays so. */
static int attempt_fds(void)
{
	struct files_struct *own = current->files, *fresh = files_alloc();
	int err;

	if (!fresh)
		return -ENOMEM;
	current->files = fresh;
	err = fds_calls();
	current->files = own;
	put_files_struct(fresh);
	return err;
}

static int attempt_proc(void)
{
	char buf[4096];
	s64 n = slurp("/proc/meminfo", buf, sizeof(buf));

	if (n >= 0)
		n = slurp("/proc/self/mounts", buf, sizeof(buf));
	/* The boot task is no process: "self" leads nowhere, and that is no failure. */
	return n < 0 && n != -ENOENT ? (int)n : 0;
}

static int attempt_mount(void)
{
	int err = do_mount("t", "/d", "tmpfs", 0, NULL);

	return err ? err : do_umount("/d", 0);
}

static int attempt_initramfs(void)
{
	struct initramfs_entry dir = { .path = "d/i", .mode = S_IFDIR | 0755 };
	struct initramfs_entry file = {
		.path = "./d/i/f", .mode = S_IFREG | 0644, .data = "text", .len = 4
	};
	int err = initramfs_add(&dir);

	if (!err)
		err = initramfs_add(&file);
	return err ? err : initramfs_link("/d/i/f", "/d/i/g");
}

static const struct {
	const char *name;
	attempt_fn *fn;
} attempts[] = {
	{ "open+write", attempt_open_write },
	{ "mkdir", attempt_mkdir },
	{ "symlink", attempt_symlink },
	{ "link", attempt_link },
	{ "rename", attempt_rename },
	{ "unlink", attempt_unlink },
	{ "stat", attempt_stat },
	{ "fds", attempt_fds },
	{ "proc", attempt_proc },
	{ "mount", attempt_mount },
	{ "initramfs", attempt_initramfs },
};

/* Back to the same state: /d with the file "old" in it. */
static void reset_tree(void)
{
	static const char *const names[] = { "/d/old", LONG_NAME, "/d/sym", "/d/i/f", "/d/i/g" };

	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		do_unlinkat(AT_FDCWD, names[i]);
	do_rmdir(AT_FDCWD, "/d/dir");
	do_rmdir(AT_FDCWD, "/d/i");
	make_file("/d/old", "old");
	shrink_dcache(~0ull);
}

static void sweep(void *arg)
{
	struct alloc_stats *before = boot_alloc(kern(), sizeof(*before));
	u32 total = 0;

	(void)arg;
	CHECK(before && do_mkdirat(AT_FDCWD, "/d", 0755) == 0);
	for (u32 a = 0; a < ARRAY_SIZE(attempts); a++) {
		bool fired;
		u64 nth = 1;

		do {
			int err;

			reset_tree();
			alloc_stats(kern(), before);
			/*
			 * Objects now; pages are compared when the floor is down: slabs may be cut
			 * otherwise.
			 */
			before->free_pages = 0;
			fail_alloc_arm(kern(), nth++);
			err = attempts[a].fn();
			fired = fail_alloc_fired(kern());
			fail_alloc_arm(kern(), 0);
			if (err != 0 && err != -ENOMEM)
				machine_panic(this_machine(), "%s, allocation %llu failing: %d",
					      attempts[a].name, (unsigned long long)nth - 1, err);
			CHECK(fired || err == 0);
			reset_tree();
			check_no_leak(before);
			CHECK(vfs()->nr_file_pages == 1 && get_nr_files() == 0);
			total++;
		} while (fired);
		/* Something was made to fail; unlink needs no memory. */
		CHECK(nth > 2 || attempts[a].fn == attempt_unlink);
	}
	CHECK(total > 60);
}

static void a_failing_allocation_is_enomem_and_no_leak(void **state)
{
	(void)state;
	vfs_test(sweep);
}

static void boot_sweep(void *arg)
{
	struct alloc_stats *before = boot_alloc(kern(), sizeof(*before));
	u64 nth = 1;
	int err;

	(void)arg;
	CHECK(before);
	for (;; nth++) {
		alloc_stats(kern(), before);
		fail_alloc_arm(kern(), nth);
		err = vfs_init(kern());
		if (!fail_alloc_fired(kern()))
			break;
		fail_alloc_arm(kern(), 0);
		if (!err) {
			CHECK(vfs_exit(kern()) == 0); /* an allocation it can do without */
		} else {
			CHECK(err == -ENOMEM && !kern()->vfs);
		}
		CHECK(!current->fs && !current->files && !current->cred);
		check_no_leak(before);
	}
	fail_alloc_arm(kern(), 0);
	if (err || nth <= 60)
		machine_panic(this_machine(), "%d after %llu allocations", err,
			      (unsigned long long)nth);
	CHECK(vfs_exit(kern()) == 0);
	check_no_leak(before);
}

static void the_floor_comes_up_whole_or_not_at_all(void **state)
{
	struct fixture f;

	(void)state;
	mm_fixture_create(&f, 64 << 20, 1);
	fixture_run(&f, boot_sweep, NULL);
	fixture_destroy(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failing_allocation_is_enomem_and_no_leak),
		cmocka_unit_test(the_floor_comes_up_whole_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
