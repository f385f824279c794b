/* SPDX-License-Identifier: MIT */
/*
 * Contents of files against a plain array, descriptor tables against a plain table, and the
 * devices.
 */
#include "vfs_fixture.h"

#define MODEL_BYTES (40u * PAGE_SIZE)

struct content {
	struct prng rng;
	u8 bytes[MODEL_BYTES + PAGE_SIZE];
	u8 buf[MODEL_BYTES + PAGE_SIZE];
	u64 size;
};

static void model_truncate(struct content *c, u64 size)
{
	if (size > c->size)
		memset(c->bytes + c->size, 0, size - c->size);
	c->size = size;
}

static void random_content(void *arg)
{
	struct content *c = boot_alloc(kern(), sizeof(*c));
	struct file *f, *a;
	struct kstat st;

	(void)arg;
	CHECK(c);
	prng_seed(&c->rng, this_machine()->cfg.seed, 2);
	f = filp_open("/f", O_RDWR | O_CREAT, 0644);
	a = filp_open("/f", O_WRONLY | O_APPEND, 0);
	CHECK(!IS_ERR(f) && !IS_ERR(a));
	for (int step = 0; step < 3000; step++) {
		u64 at = prng_below(&c->rng, MODEL_BYTES), n = prng_below(&c->rng, 3) ?
								       prng_below(&c->rng, 300) :
								       prng_below(&c->rng, 20000);
		s64 pos = (s64)at;

		n = min(n, (u64)MODEL_BYTES - at);
		switch (prng_below(&c->rng, 6)) {
		case 0:
		case 1: /* write */
			prng_bytes(&c->rng, c->buf, n);
			CHECK(kernel_write(f, c->buf, n, &pos) == (s64)n && pos == (s64)(at + n));
			if (n && at + n > c->size)
				model_truncate(c, at + n);
			memcpy(c->bytes + at, c->buf, n);
			break;
		case 2: /* truncate */
			CHECK(vfs_truncate(&f->f_path, (s64)at) == 0);
			model_truncate(c, at);
			break;
		case 3: /* append */
			n = min(n, (u64)MODEL_BYTES - c->size);
			prng_bytes(&c->rng, c->buf, n);
			CHECK(kernel_write(a, c->buf, n, &pos) == (s64)n);
			memcpy(c->bytes + c->size, c->buf, n);
			c->size += n;
			CHECK(!n || pos == (s64)c->size);
			break;
		default: { /* read */
			s64 expected = at >= c->size ? 0 : (s64)min(n, c->size - at);

			CHECK(kernel_read(f, c->buf, n, &pos) == expected);
			CHECK(!memcmp(c->buf, c->bytes + at, (u64)expected));
		}
		}
		CHECK((u64)f->f_inode->i_size == c->size);
	}
	CHECK(vfs_getattr(&f->f_path, &st) == 0 && st.blocks == f->f_inode->i_data.nrpages * 8);
	CHECK(vfs_truncate(&f->f_path, 0) == 0);
	CHECK(f->f_inode->i_data.nrpages == 0 && f->f_inode->i_blocks == 0 &&
	      vfs()->nr_file_pages == 0);
	fput(a);
	fput(f);
}

static void random_reads_writes_and_truncations_agree_with_an_array(void **state)
{
	(void)state;
	vfs_test(random_content);
}

static void seeking(void *arg)
{
	struct file *f;
	s64 pos = 3 * PAGE_SIZE;
	u8 b = 1;

	(void)arg;
	f = filp_open("/sparse", O_RDWR | O_CREAT, 0644);
	CHECK(!IS_ERR(f));
	CHECK(kernel_write(f, &b, 1, &pos) == 1);
	CHECK(f->f_inode->i_blocks == 8); /* one page, three holes */
	CHECK(vfs_llseek(f, 0, SEEK_DATA) == 3 * PAGE_SIZE);
	CHECK(vfs_llseek(f, 0, SEEK_HOLE) == 0);
	CHECK(vfs_llseek(f, 3 * PAGE_SIZE, SEEK_HOLE) == 3 * PAGE_SIZE + 1);
	CHECK(vfs_llseek(f, 3 * PAGE_SIZE + 1, SEEK_DATA) == -ENXIO);
	CHECK(vfs_llseek(f, -1, SEEK_SET) == -EINVAL);
	CHECK(vfs_llseek(f, -1, SEEK_END) == 3 * PAGE_SIZE);
	CHECK(vfs_llseek(f, 5, SEEK_CUR) == 3 * PAGE_SIZE + 5);
	CHECK(vfs_llseek(f, (s64)(~0ull >> 1), SEEK_CUR) == -EOVERFLOW);
	CHECK(vfs_llseek(f, 0, 9) == -EINVAL);
	CHECK(vfs_truncate(&f->f_path, -1) == -EINVAL);
	pos = MAX_LFS_FILESIZE;
	CHECK(kernel_write(f, &b, 1, &pos) == -EFBIG);
	CHECK(kernel_read(f, &b, 1, &pos) == 0);
	fput(f);
	f = filp_open("/sparse", O_RDONLY, 0);
	pos = 0;
	CHECK(kernel_write(f, &b, 1, &pos) == -EBADF);
	fput(f);
	f = filp_open("/sparse", O_WRONLY, 0);
	CHECK(kernel_read(f, &b, 1, &pos) == -EBADF);
	fput(f);
	f = filp_open("/sparse", O_PATH, 0);
	CHECK(kernel_read(f, &b, 1, &pos) == -EBADF && kernel_write(f, &b, 1, &pos) == -EBADF);
	fput(f);
	f = filp_open("/", O_RDONLY, 0);
	CHECK(kernel_read(f, &b, 1, &pos) == -EISDIR);
	fput(f);
	CHECK(do_sys_truncate("/", 0) == -EISDIR && do_sys_truncate("/dev/null", 0) == -EINVAL);
	/* A program that runs is not written, a file that is written does not run. */
	CHECK(do_fchmodat(AT_FDCWD, "/sparse", 0755) == 0);
	f = open_exec("/sparse");
	CHECK(!IS_ERR(f));
	CHECK(try_open("/sparse", O_WRONLY) == -ETXTBSY &&
	      do_sys_truncate("/sparse", 0) == -ETXTBSY);
	allow_write_access(f->f_inode);
	fput(f);
	f = filp_open("/sparse", O_WRONLY, 0);
	CHECK(PTR_ERR(open_exec("/sparse")) == -ETXTBSY);
	fput(f);
}

static void positions_holes_and_modes_are_linuxs(void **state)
{
	(void)state;
	vfs_test(seeking);
}

static void times(void *arg)
{
	struct timespec64 t[2] = { { 1, 7 }, { 200, 9 } };
	struct kstat a, b;
	char buf[8];

	(void)arg;
	make_file("/f", "abc");
	CHECK(do_utimes(AT_FDCWD, "/f", t, 0) == 0);
	CHECK(stat_of("/f", &a) == 0 && a.atime.tv_sec == 1 && a.atime.tv_nsec == 7 &&
	      a.mtime.tv_sec == 200 && a.mtime.tv_nsec == 9);
	CHECK(a.ctime.tv_sec >= 0 && a.btime.tv_sec <= a.ctime.tv_sec);
	t[0].tv_nsec = UTIME_OMIT;
	t[1] = (struct timespec64){ 3, 0 };
	CHECK(do_utimes(AT_FDCWD, "/f", t, 0) == 0);
	CHECK(stat_of("/f", &a) == 0 && a.atime.tv_sec == 1 && a.mtime.tv_sec == 3);
	t[0].tv_nsec = 1000000000;
	CHECK(do_utimes(AT_FDCWD, "/f", t, 0) == -EINVAL);
	charge_cycles(ns_to_cycles(this_machine(), 5000000000ull));
	CHECK(slurp("/f", buf, sizeof(buf)) == 3);
	CHECK(stat_of("/f", &b) == 0);
	CHECK(b.atime.tv_sec == 5 &&
	      b.mtime.tv_sec == 3); /* relatime: it was older than the last change */
	charge_cycles(ns_to_cycles(this_machine(), 5000000000ull));
	CHECK(slurp("/f", buf, sizeof(buf)) == 3);
	CHECK(stat_of("/f", &a) == 0 && a.atime.tv_sec == b.atime.tv_sec);
	make_file("/f", "abcd");
	CHECK(stat_of("/f", &b) == 0 && b.mtime.tv_sec >= 10 && b.ctime.tv_sec == b.mtime.tv_sec &&
	      b.size == 4);
}

static void times_follow_reads_writes_and_utimes(void **state)
{
	(void)state;
	vfs_test(times);
}

/* --- descriptor tables --- */

#define MODEL_FDS 300

struct fd_model {
	struct prng rng;
	int file[MODEL_FDS]; /* which file, -1: free */
	bool cloexec[MODEL_FDS];
};

static int lowest_free(const struct fd_model *m, int from)
{
	for (int i = from; i < MODEL_FDS; i++)
		if (m->file[i] < 0)
			return i;
	return -EMFILE;
}

static void check_fds(const struct fd_model *m, struct file *const files[4])
{
	for (int i = 0; i < MODEL_FDS; i++) {
		struct file *f = fget((u32)i);

		CHECK(f == (m->file[i] < 0 ? NULL : files[m->file[i]]));
		if (!f)
			continue;
		CHECK(do_fcntl((u32)i, F_GETFD, 0) == (m->cloexec[i] ? FD_CLOEXEC : 0));
		fput(f);
	}
}

static void model_exec(struct fd_model *m)
{
	do_close_on_exec(current->files);
	for (int i = 0; i < MODEL_FDS; i++)
		if (m->file[i] >= 0 && m->cloexec[i])
			m->file[i] = -1;
}

static void random_fds(void *arg)
{
	struct fd_model *m = boot_alloc(kern(), sizeof(*m));
	struct file *files[4];

	(void)arg;
	CHECK(m);
	prng_seed(&m->rng, this_machine()->cfg.seed, 3);
	current->files->rlimit_nofile = MODEL_FDS;
	for (int i = 0; i < MODEL_FDS; i++)
		m->file[i] = -1;
	for (int i = 0; i < 4; i++)
		files[i] = filp_open("/dev/null", O_RDWR, 0);
	for (int step = 0; step < 6000; step++) {
		int a = (int)prng_below(&m->rng, MODEL_FDS),
		    b = (int)prng_below(&m->rng, MODEL_FDS + 10), expected, which;
		bool cloexec = prng_below(&m->rng, 4) == 0;

		switch (prng_below(&m->rng, 12)) {
		case 0:
		case 1:
		case 2:
		case 3:
		case 4: /* open */
			expected = lowest_free(m, 0);
			CHECK(get_unused_fd_flags(0, cloexec ? O_CLOEXEC : 0) == expected);
			if (expected < 0)
				break;
			which = (int)prng_below(&m->rng, 4);
			fd_install((u32)expected, get_file(files[which]));
			m->file[expected] = which;
			m->cloexec[expected] = cloexec;
			break;
		case 5:
		case 6:
		case 7: /* close */
			CHECK(close_fd((u32)a) == (m->file[a] < 0 ? -EBADF : 0));
			m->file[a] = -1;
			break;
		case 8: /* dup3 */
			expected = a == b	  ? -EINVAL :
				   b >= MODEL_FDS ? -EBADF :
				   m->file[a] < 0 ? -EBADF :
						    b;
			CHECK(ksys_dup3((u32)a, (u32)b, cloexec ? O_CLOEXEC : 0) == expected);
			if (expected >= 0) {
				m->file[b] = m->file[a];
				m->cloexec[b] = cloexec;
			}
			break;
		case 9: /* F_DUPFD */
			expected = m->file[a] < 0 ? -EBADF :
				   b >= MODEL_FDS ? -EINVAL :
						    lowest_free(m, b);
			CHECK(do_fcntl((u32)a, cloexec ? F_DUPFD_CLOEXEC : F_DUPFD, (u64)b) ==
			      expected);
			if (expected >= 0) {
				m->file[expected] = m->file[a];
				m->cloexec[expected] = cloexec;
			}
			break;
		case 10: /* F_SETFD */
			CHECK(do_fcntl((u32)a, F_SETFD, cloexec) == (m->file[a] < 0 ? -EBADF : 0));
			if (m->file[a] >= 0)
				m->cloexec[a] = cloexec;
			break;
		case 11:
			if (step % 50 == 0) {
				model_exec(m);
			} else if (step % 7 ==
				   0) { /* a fork's copy is the same and goes without a trace */
				struct files_struct *copy = dup_fd(current->files),
						    *own = current->files;

				CHECK(!IS_ERR(copy));
				current->files = copy;
				check_fds(m, files);
				current->files = own;
				put_files_struct(copy);
			}
		}
		if (step % 100 == 0)
			check_fds(m, files);
	}
	check_fds(m, files);
	CHECK(ksys_close_range(0, ~0u, 0) == 0);
	for (int i = 0; i < 4; i++) {
		CHECK(files[i]->f_count == 1);
		fput(files[i]);
	}
	CHECK(get_nr_files() == 0);
}

static void random_descriptor_calls_agree_with_a_table(void **state)
{
	(void)state;
	vfs_test(random_fds);
}

/* --- devices --- */

struct sink {
	char text[2][64];
	u32 len[2];
};

static void sink_fn(void *arg, int line, const void *buf, u64 len)
{
	struct sink *s = arg;

	if (line > 1 || s->len[line] + len > sizeof(s->text[0]))
		return;
	memcpy(s->text[line] + s->len[line], buf, len);
	s->len[line] += (u32)len;
}

static void devices(void *arg)
{
	struct sink *s = boot_alloc(kern(), sizeof(*s));
	struct file *f, *e;
	u8 buf[600], again[32];
	struct pollfd unused = { 0 };
	struct kstat st;
	s64 pos = 0;
	u64 nonzero = 0;

	(void)arg;
	(void)unused;
	CHECK(s);
	f = filp_open("/dev/zero", O_RDWR, 0);
	memset(buf, 1, sizeof(buf));
	CHECK(kernel_read(f, buf, sizeof(buf), &pos) == sizeof(buf));
	for (u32 i = 0; i < sizeof(buf); i++)
		nonzero |= buf[i];
	CHECK(!nonzero && kernel_write(f, buf, 10, &pos) == 10);
	fput(f);
	f = filp_open("/dev/null", O_RDWR, 0);
	CHECK(kernel_read(f, buf, 10, &pos) == 0 && kernel_write(f, buf, 10, &pos) == 10);
	CHECK(vfs_poll(f, NULL) == DEFAULT_POLLMASK);
	fput(f);
	f = filp_open("/dev/full", O_RDWR, 0);
	CHECK(kernel_write(f, buf, 10, &pos) == -ENOSPC && kernel_read(f, buf, 10, &pos) == 10);
	fput(f);
	f = filp_open("/dev/urandom", O_RDONLY, 0);
	CHECK(kernel_read(f, buf, 32, &pos) == 32 && kernel_read(f, again, 32, &pos) == 32);
	CHECK(memcmp(buf, again, 32));
	fput(f);
	CHECK(stat_of("/dev/console2", &st) == 0 && S_ISCHR(st.mode) && st.rdev == MKDEV(5, 65));
	/* Two lines out, one in. */
	kern()->hooks.console_sink = sink_fn;
	kern()->hooks.console_arg = s;
	f = filp_open("/dev/console", O_RDWR | O_NONBLOCK, 0);
	e = filp_open("/dev/console2", O_WRONLY, 0);
	CHECK(kernel_write(f, "out", 3, &pos) == 3 && kernel_write(e, "err", 3, &pos) == 3 &&
	      kernel_write(f, "put", 3, &pos) == 3);
	CHECK(s->len[0] == 6 && !memcmp(s->text[0], "output", 6) && s->len[1] == 3 &&
	      !memcmp(s->text[1], "err", 3));
	CHECK(vfs_llseek(f, 0, SEEK_SET) == -ESPIPE);
	CHECK(kernel_read(f, buf, 10, &pos) == -EAGAIN && !(vfs_poll(f, NULL) & POLLIN));
	CHECK(console_input(kern(), "hello", 5) == 5 && console_input_pending(kern()) == 5);
	CHECK(vfs_poll(f, NULL) & POLLIN);
	CHECK(kernel_read(f, buf, 2, &pos) == 2 && kernel_read(f, buf + 2, 10, &pos) == 3 &&
	      !memcmp(buf, "hello", 5));
	CHECK(console_input(kern(), "x", 1) == 1);
	console_input_close(kern());
	CHECK(console_input(kern(), "y", 1) == 0);
	CHECK(kernel_read(f, buf, 10, &pos) == 1 && kernel_read(f, buf, 10, &pos) == 0 &&
	      kernel_read(f, buf, 10, &pos) == 0);
	CHECK(f->f_op->unlocked_ioctl(f, TCGETS, 0) == -ENOTTY &&
	      f->f_op->unlocked_ioctl(f, TIOCGWINSZ, 0) == -ENOTTY);
	fput(f);
	fput(e);
}

static void devices_do_what_their_names_say(void **state)
{
	(void)state;
	vfs_test(devices);
}

/* --- user buffers and mappings --- */

static void user_io(void *arg)
{
	struct mm_struct *mm = new_mm();
	u64 rw = (u64)map_anon(0, 4 * PAGE_SIZE, PROT_READ | PROT_WRITE, 0), v, map;
	struct file *f;
	int fd;

	(void)arg;
	fd = do_sys_open(AT_FDCWD, "/u", O_RDWR | O_CREAT, 0644);
	CHECK(fd == 0);
	CHECK(user_write(rw + 8, 0x1122334455667788ull) == 0);
	CHECK(ksys_write(0, rw, 3 * PAGE_SIZE) == 3 * PAGE_SIZE);
	CHECK(ksys_write(0, rw + 3 * PAGE_SIZE, 2 * PAGE_SIZE) ==
	      PAGE_SIZE); /* the second page is not there */
	CHECK(ksys_write(0, 0x10, 8) == -EFAULT);
	CHECK(ksys_write(0, ~0ull - 10, 8) == -EFAULT);
	CHECK(ksys_write(0, rw, ~0ull) == -EINVAL);
	CHECK(ksys_read(0, rw, 8) == 0);
	CHECK(ksys_lseek(0, 8, SEEK_SET) == 8);
	CHECK(ksys_read(0, rw + 16, 8) == 8);
	CHECK(user_read(rw + 16, &v) == 0 && v == 0x1122334455667788ull);
	CHECK(ksys_pread64(0, rw + 24, 8, 8) == 8 && user_read(rw + 24, &v) == 0 &&
	      v == 0x1122334455667788ull);
	CHECK(ksys_pread64(0, rw, 8, -1) == -EINVAL && ksys_lseek(0, 0, SEEK_CUR) == 16);
	/* readv over two ranges with an empty one between. */
	CHECK(user_write(rw + 100, rw + 200) == 0 && user_write(rw + 108, 3) == 0 &&
	      user_write(rw + 116, 0) == 0 && user_write(rw + 124, 0) == 0 &&
	      user_write(rw + 132, rw + 300) == 0 && user_write(rw + 140, 5) == 0);
	CHECK(ksys_lseek(0, 8, SEEK_SET) == 8 && ksys_readv(0, rw + 100, 3) == 8);
	CHECK(user_read(rw + 200, &v) == 0 && (v & 0xffffff) == 0x667788);
	CHECK(user_read(rw + 300, &v) == 0 && (v & 0xffffffffff) == 0x1122334455ull);
	CHECK(ksys_readv(0, rw + 100, 2000) == -EINVAL);
	/* A mapping and the file are the same bytes. */
	f = fget(0);
	map = (u64)vm_mmap(f, 0, 6 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	fput(f);
	CHECK((s64)map > 0);
	CHECK(user_read(map + 8, &v) == 0 && v == 0x1122334455667788ull);
	CHECK(user_write(map + PAGE_SIZE, 42) == 0);
	CHECK(ksys_pread64(0, rw, 8, PAGE_SIZE) == 8 && user_read(rw, &v) == 0 && v == 42);
	CHECK(user_write(rw, 43) == 0 && ksys_pwrite64(0, rw, 8, PAGE_SIZE) == 8);
	CHECK(user_read(map + PAGE_SIZE, &v) == 0 && v == 43);
	CHECK(user_read(map + 5 * PAGE_SIZE, &v) == SIGBUS); /* past the end */
	/* A write whose source is the very page it writes. */
	CHECK(ksys_pwrite64(0, map + PAGE_SIZE, 8, PAGE_SIZE + 8) == 8 &&
	      user_read(map + PAGE_SIZE + 8, &v) == 0 && v == 43);
	/* getdents64: the records of a directory. */
	CHECK(do_sys_open(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY, 0) == 1);
	CHECK(ksys_getdents64(1, rw, 20) == -EINVAL);
	CHECK(ksys_getdents64(1, rw, 24) == 24 && user_read(rw + 16, &v) == 0);
	CHECK((v & 0xffff) == 24 && (v >> 16 & 0xff) == DT_DIR &&
	      (v >> 24 & 0xffff) == '.'); /* reclen, type, "." */
	CHECK(ksys_getdents64(1, 0x10, 100) == -EFAULT);
	CHECK(ksys_getdents64(1, rw, 4096) > 100);
	CHECK(ksys_getdents64(0, rw, 4096) == -ENOTDIR);
	CHECK(ksys_ioctl(0, FIOCLEX, 0) == 0 && do_fcntl(0, F_GETFD, 0) == FD_CLOEXEC);
	CHECK(ksys_ioctl(0, TCGETS, rw) == -ENOTTY && ksys_ioctl(77, TCGETS, rw) == -EBADF);
	CHECK(ksys_lseek(0, 0, SEEK_SET) == 0 && ksys_ioctl(0, FIONREAD, rw) == 0 &&
	      user_read(rw, &v) == 0 && (u32)v == 4 * PAGE_SIZE);
	CHECK(ksys_close_range(0, 5, 0) == 0);
	mm_leave(mm);
}

static void user_memory_and_files_exchange_bytes(void **state)
{
	(void)state;
	vfs_test(user_io);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_reads_writes_and_truncations_agree_with_an_array),
		cmocka_unit_test(positions_holes_and_modes_are_linuxs),
		cmocka_unit_test(times_follow_reads_writes_and_utimes),
		cmocka_unit_test(random_descriptor_calls_agree_with_a_table),
		cmocka_unit_test(devices_do_what_their_names_say),
		cmocka_unit_test(user_memory_and_files_exchange_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
