/* SPDX-License-Identifier: MIT */
/*
 * procfs: its registry, what it says of the machine, and of a live process. The processes are
 * kernel threads with an address space lent.
 */
#include "vfs_fixture.h"

static int show_answer(struct seq_buf *m, void *data)
{
	seq_printf(m, "%d\n", *(int *)data);
	++*(int *)data;
	return 0;
}

static s64 write_answer(const char *buf, u64 len, void *data)
{
	if (buf[0] == '!')
		return -EINVAL;
	*(int *)data = buf[0] - '0';
	return (s64)len;
}

static int show_long(struct seq_buf *m, void *data)
{
	(void)data;
	for (int i = 0; i < 3000; i++)
		seq_printf(m, "line %d\n", i);
	return 0;
}

static int show_broken(struct seq_buf *m, void *data)
{
	(void)data;
	seq_puts(m, "half");
	return -EIO;
}

static void registry(void *arg)
{
	struct proc_dir_entry *dir;
	int *answer = boot_alloc(kern(), sizeof(*answer));
	char *buf = boot_alloc(kern(), 65536);
	struct file *f;
	struct kstat st;
	s64 pos = 0;

	(void)arg;
	*answer = 42;
	dir = proc_mkdir("osim", NULL);
	CHECK(dir && !proc_mkdir("osim", NULL));
	CHECK(proc_create_rw("answer", 0644, dir, show_answer, write_answer, answer));
	CHECK(!proc_create_rw("answer", 0644, dir, show_answer, write_answer, answer));
	CHECK(proc_create_single_data("long", 0, dir, show_long, NULL));
	CHECK(proc_create_single_data("broken", 0, dir, show_broken, NULL));
	CHECK(proc_symlink("link", NULL, "osim/answer"));
	CHECK(list_dir("/proc/osim", buf, 65536) == 3 && !strcmp(buf, "answer long broken "));
	CHECK(slurp("/proc/link", buf, 65536) == 3 && !strcmp(buf, "42\n"));
	/* One reader sees one moment; at offset 0 it is a new one. */
	f = filp_open("/proc/osim/answer", O_RDWR, 0);
	CHECK(kernel_read(f, buf, 1, &pos) == 1 && kernel_read(f, buf + 1, 10, &pos) == 2 &&
	      !memcmp(buf, "43\n", 3));
	CHECK(kernel_read(f, buf, 10, &pos) == 0);
	pos = 0;
	CHECK(kernel_read(f, buf, 10, &pos) == 3 && !memcmp(buf, "44\n", 3));
	CHECK(kernel_write(f, "7\n", 2, &pos) == 2 && *answer == 7);
	CHECK(kernel_write(f, "!", 1, &pos) == -EINVAL);
	fput(f);
	CHECK(slurp("/proc/osim/long", buf, 65536) > 20000 && strstr(buf, "line 2999\n"));
	CHECK(slurp("/proc/osim/broken", buf, 65536) == -EIO);
	CHECK(try_open("/proc/osim/none", O_RDONLY) == -ENOENT);
	CHECK(try_open("/proc/osim/none", O_RDWR | O_CREAT) == -ENOENT);
	CHECK(do_mkdirat(AT_FDCWD, "/proc/osim/d", 0755) == -ENOENT);
	CHECK(do_unlinkat(AT_FDCWD, "/proc/osim/long") == -EPERM);
	CHECK(do_fchmodat(AT_FDCWD, "/proc/osim/long", 0777) == -EPERM);
	CHECK(stat_of("/proc/osim", &st) == 0 && S_ISDIR(st.mode) && st.size == 0);
	CHECK(stat_of("/proc/0", &st) == -ENOENT && stat_of("/proc/007", &st) == -ENOENT &&
	      stat_of("/proc/99999999999", &st) == -ENOENT);
}

static void entries_are_registered_read_and_written(void **state)
{
	(void)state;
	vfs_test(registry);
}

static u64 meminfo_row(const char *text, const char *name)
{
	const char *p = strstr(text, name);
	unsigned long long v = 0;

	CHECK(p && (p == text || p[-1] == '\n'));
	CHECK(sscanf(p + strlen(name), ": %llu kB", &v) == 1);
	return v;
}

static void machine_files(void *arg)
{
	static const char head[] = "MemTotal:       ";
	char *buf = boot_alloc(kern(), 65536);
	struct sysinfo_mem si;
	u64 cached, n;
	u8 *data;
	struct file *f;
	s64 pos = 0;

	(void)arg;
	CHECK(slurp("/proc/meminfo", buf, 65536) > 0);
	CHECK(!memcmp(buf, head, strlen(head)) && strchr(buf, '\n') - buf == 27);
	si_meminfo(&si);
	CHECK(meminfo_row(buf, "MemTotal") == si.totalram * 4);
	CHECK(meminfo_row(buf, "MemFree") <= meminfo_row(buf, "MemTotal") &&
	      meminfo_row(buf, "MemFree") > 32768);
	CHECK(meminfo_row(buf, "MemAvailable") <= meminfo_row(buf, "MemTotal"));
	cached = meminfo_row(buf, "Cached");
	n = meminfo_row(buf, "MemFree");
	data = boot_alloc(kern(), 1 << 20);
	f = filp_open("/big", O_WRONLY | O_CREAT, 0600);
	CHECK(kernel_write(f, data, 1 << 20, &pos) == 1 << 20);
	fput(f);
	CHECK(slurp("/proc/meminfo", buf, 65536) > 0);
	CHECK(meminfo_row(buf, "Cached") == cached + 1024); /* the file's pages */
	CHECK(meminfo_row(buf, "MemFree") <= n - 1024);
	CHECK(meminfo_row(buf, "Slab") ==
	      meminfo_row(buf, "SReclaimable") + meminfo_row(buf, "SUnreclaim"));
	CHECK(slurp("/proc/version", buf, 65536) > 0 && !memcmp(buf, "Linux version ", 14));
	CHECK(slurp("/proc/filesystems", buf, 65536) > 0 && strstr(buf, "nodev\tproc\n"));
	CHECK(slurp("/proc/devices", buf, 65536) > 0 && strstr(buf, "  5 console\n"));
	CHECK(slurp("/proc/cpuinfo", buf, 65536) > 0 && !memcmp(buf, "processor\t: 0\n", 14) &&
	      strstr(buf, " sse2"));
	charge_cycles(ns_to_cycles(this_machine(), 1230000000));
	CHECK(slurp("/proc/uptime", buf, 65536) > 0 && !memcmp(buf, "1.23 ", 5));
	CHECK(slurp("/proc/loadavg", buf, 65536) > 0 && !memcmp(buf, "0.00 0.00 0.00 ", 15));
	CHECK(slurp("/proc/stat", buf, 65536) > 0 && !memcmp(buf, "cpu  ", 5) &&
	      strstr(buf, "\ncpu0 ") && strstr(buf, "\nbtime 0\n"));
	CHECK(slurp("/proc/slabinfo", buf, 65536) > 0 && strstr(buf, "\ndentry "));
}

static void the_machine_describes_itself_truly(void **state)
{
	(void)state;
	vfs_test(machine_files);
}

/* --- processes: made from the boot task, never run --- */

static int never_runs(void *arg)
{
	(void)arg;
	return 0;
}

static void processes(void *arg)
{
	char *buf = boot_alloc(kern(), 65536), path[64], text[128];
	struct task_struct *t = kthread_create(never_runs, NULL, "worker");
	struct mm_struct *mm = new_mm();
	struct kstat st, st2;
	struct path p;
	struct file *f;
	s64 pos = 0;
	s32 pid;

	(void)arg;
	CHECK(!IS_ERR(t));
	pid = t->pid;
	CHECK(map_anon(0x400000, PAGE_SIZE, PROT_READ | PROT_EXEC, MAP_FIXED) == 0x400000);
	make_file("/prog", "x");
	f = filp_open("/prog", O_RDONLY, 0);
	CHECK(vm_mmap(f, 0x500000, PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_FIXED, 0) == 0x500000);
	fput(f);
	mmget(mm);
	t->mm = mm; /* lent: the task never runs */
	t->flags &= ~PF_KTHREAD;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	CHECK(slurp(path, buf, 65536) > 0);
	snprintf(text, sizeof(text), "%d (worker) ", pid);
	CHECK(!memcmp(buf, text, strlen(text)));
	{
		int fields = 1;

		for (const char *c = buf; *c; c++)
			fields += *c == ' ';
		CHECK(fields == 52);
	}
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	CHECK(slurp(path, buf, 65536) == 7 && !strcmp(buf, "worker\n"));
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	CHECK(slurp(path, buf, 65536) > 0 && !memcmp(buf, "Name:\tworker\n", 13) &&
	      strstr(buf, "\nUid:\t0\t0\t0\t0\n") && strstr(buf, "\nVmSize:\t       8 kB\n") &&
	      strstr(buf, "\nThreads:\t1\n"));
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	CHECK(slurp(path, buf, 65536) > 0);
	CHECK(!memcmp(buf, "00400000-00401000 r-xp 00000000 00:00 0 \n", 41));
	CHECK(strstr(buf, "\n00500000-00501000 r--p 00000000 00:01 ") && strstr(buf, " /prog\n"));
	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	CHECK(slurp(path, buf, 65536) == 0);
	/* Descriptors and magic links lead to the objects themselves. */
	if (!t->files)
		t->files = files_alloc();
	if (!t->fs)
		t->fs = copy_fs_struct(current->fs);
	CHECK(t->files && t->fs);
	f = filp_open("/prog", O_RDONLY, 0);
	t->files->fdt.fd[5] = f;
	t->files->fdt.open_fds[0] |= 1 << 5;
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	CHECK(list_dir(path, buf, 65536) == 1 && !strcmp(buf, "5 "));
	snprintf(path, sizeof(path), "/proc/%d/fd/5", pid);
	CHECK(do_readlinkat(AT_FDCWD, path, buf, 100) == 5 && !memcmp(buf, "/prog", 5));
	CHECK(stat_of(path, &st) == 0 && st.mode == (S_IFLNK | 0500));
	CHECK(vfs_fstatat(AT_FDCWD, path, &st, 0) == 0 && stat_of("/prog", &st2) == 0 &&
	      st.ino == st2.ino);
	CHECK(do_unlinkat(AT_FDCWD, "/prog") == 0);
	CHECK(do_readlinkat(AT_FDCWD, path, buf, 100) == 15 && !memcmp(buf, "/prog (deleted)", 15));
	CHECK(slurp(path, buf, 100) == 1); /* the file is reachable though its name is gone */
	t->files->fdt.fd[5] = NULL;
	t->files->fdt.open_fds[0] = 0;
	fput(f);
	CHECK(stat_of(path, &st) == -ENOENT);
	snprintf(path, sizeof(path), "/proc/%d/cwd", pid);
	CHECK(do_readlinkat(AT_FDCWD, path, buf, 100) == 1 && buf[0] == '/');
	CHECK(kern_path(path, LOOKUP_FOLLOW, &p) == 0 && path_equal(&p, &current->fs->pwd));
	path_put(&p);
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	CHECK(do_readlinkat(AT_FDCWD, path, buf, 100) == -ENOENT);
	snprintf(text, sizeof(text), "%d ", pid);
	CHECK(list_dir("/proc", buf, 65536) > 10 && strstr(buf, text));
	snprintf(path, sizeof(path), "/proc/%d", pid);
	CHECK(list_dir(path, buf, 65536) == 14 && !memcmp(buf, "fd environ ", 11));
	/* A file that was open when its process went says so. */
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = filp_open(path, O_RDONLY, 0);
	CHECK(!IS_ERR(f));
	t->mm = NULL;
	mmput(mm);
	t->flags |= PF_KTHREAD;
	mm_leave(mm);
	pid = t->pid;
	t->start_time++; /* as if the number had been used again by another process */
	CHECK(kernel_read(f, buf, 100, &pos) == -ESRCH);
	t->start_time--;
	CHECK(kernel_read(f, buf, 100, &pos) > 0);
	fput(f);
}

static void init_vfs(void *arg)
{
	(void)arg;
	CHECK(vfs_init(kern()) == 0);
}

static void a_process_shows_its_state_maps_and_descriptors(void **state)
{
	struct fixture f;

	(void)state;
	/* The thread outlives the body, so the floor is not taken down. */
	mm_fixture_create(&f, 64 << 20, 1);
	fixture_run(&f, init_vfs, NULL);
	fixture_run(&f, processes, NULL);
	fixture_destroy(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_are_registered_read_and_written),
		cmocka_unit_test(the_machine_describes_itself_truly),
		cmocka_unit_test(a_process_shows_its_state_maps_and_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
