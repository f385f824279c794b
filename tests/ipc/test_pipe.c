/* SPDX-License-Identifier: MIT */
/*
 * Pipes: the ring against a plain queue, sleepers on one and two CPUs, broken ends, whole writes,
 * FIFOs, poll.
 */
#include "vfs/vfs_fixture.h"

#include "ipc/pipe.h"
#include "sched/completion.h"

#define SIGPIPE 13

struct sigcount {
	int sigpipe;
};

/* Kept in ipc's test only: how often SIGPIPE was sent, by machine. */
static int count_signal(int sig, struct task_struct *t)
{
	struct sigcount *c = kern()->hooks.console_arg;

	(void)t;
	if (sig == SIGPIPE)
		c->sigpipe++;
	return 0;
}

static void init_ipc(void *arg)
{
	struct kernel *k = kern();

	(void)arg;
	CHECK(vfs_init(k) == 0 && ipc_init(k) == 0);
	k->hooks.send_sig = count_signal;
	k->hooks.console_arg = boot_alloc(k, sizeof(struct sigcount));
}

struct ipc_test {
	void (*body)(void *arg);
	struct alloc_stats before;
};

static void ipc_body(void *arg)
{
	struct ipc_test *t = arg;

	alloc_stats(kern(), &t->before);
	init_ipc(NULL);
	t->body(NULL);
	ipc_exit(kern());
	CHECK(vfs_exit(kern()) == 0);
	check_no_leak(&t->before);
}

static void ipc_test(void (*body)(void *arg))
{
	struct ipc_test t = { .body = body };
	struct fixture f;

	mm_fixture_create(&f, 64 << 20, 1);
	fixture_run(&f, ipc_body, &t);
	fixture_destroy(&f);
}

/* --- the ring --- */

static struct pipe_inode_info *ring_of(struct file *f)
{
	return f->private_data;
}

/* B1, B2 */
static void check_ring(struct pipe_inode_info *p)
{
	CHECK(p->head - p->tail <= p->ring_size && (p->ring_size & (p->ring_size - 1)) == 0);
	for (u32 i = 0; i < p->ring_size; i++) {
		struct pipe_buffer *b = &p->bufs[i];
		bool in_use = ((i - p->tail) & (p->ring_size - 1)) < p->head - p->tail;

		CHECK(in_use == (b->page != NULL));
		CHECK(!in_use || (b->len > 0 && b->offset + b->len <= PAGE_SIZE));
	}
	CHECK(!p->tmp_page || page_ref_count(p->tmp_page) == 1);
}

struct queue {
	struct prng rng;
	u8 bytes[PIPE_MAX_BUFFERS * PAGE_SIZE];
	u64 len;
	u8 buf[20 * PAGE_SIZE];
};

static void random_ring(void *arg)
{
	struct queue *q = boot_alloc(kern(), sizeof(*q));
	struct file *f[2];
	u64 moved = 0;

	(void)arg;
	CHECK(q && create_pipe_files(f, O_NONBLOCK) == 0);
	prng_seed(&q->rng, this_machine()->cfg.seed, 5);
	for (int step = 0; step < 8000; step++) {
		u64 n = prng_below(&q->rng, 4) ? prng_below(&q->rng, 700) :
						 prng_below(&q->rng, sizeof(q->buf));
		s64 pos = 0, ret;

		if (prng_below(&q->rng, 2)) {
			prng_bytes(&q->rng, q->buf, n);
			ret = kernel_write(f[1], q->buf, n, &pos);
			CHECK(!n ? ret == 0 : ret == -EAGAIN || (ret > 0 && ret <= (s64)n));
			if (n && n <= PIPE_BUF)
				CHECK(ret == -EAGAIN || ret == (s64)n); /* B3 */
			if (ret < (s64)n) /* full, but for what does not merge */
				CHECK(ring_of(f[1])->head - ring_of(f[1])->tail ==
				      ring_of(f[1])->ring_size);
			if (ret > 0) {
				memcpy(q->bytes + q->len, q->buf, (u64)ret);
				q->len += (u64)ret;
			}
		} else {
			s64 expected = !n ? 0 : !q->len ? -EAGAIN : (s64)min(n, q->len);

			ret = kernel_read(f[0], q->buf, n, &pos);
			CHECK(ret == expected);
			if (ret > 0) {
				CHECK(!memcmp(q->buf, q->bytes, (u64)ret));
				memmove(q->bytes, q->bytes + ret, q->len - (u64)ret);
				q->len -= (u64)ret;
				moved += (u64)ret;
			}
		}
		if (step % 200 == 199) { /* F_SETPIPE_SZ keeps the bytes or refuses */
			u32 slots = 1u << prng_below(&q->rng, 7),
			    used = ring_of(f[0])->head - ring_of(f[0])->tail;

			ret = f[0]->f_op->fcntl(f[0], F_SETPIPE_SZ, slots * PAGE_SIZE);
			CHECK(ret == (slots < used ? -EBUSY : (s64)(slots * PAGE_SIZE)));
		}
		CHECK(pipe_bytes(ring_of(f[0])) == q->len);
		CHECK(!(vfs_poll(f[0], NULL) & POLLIN) == !q->len);
		check_ring(ring_of(f[0]));
	}
	CHECK(moved > 1000000);
	CHECK(f[0]->f_op->fcntl(f[0], F_SETPIPE_SZ, (PIPE_MAX_BUFFERS + 1) * PAGE_SIZE) == -EPERM);
	fput(f[1]); /* what is in the ring is still read, then end of file */
	if (q->len) {
		s64 pos = 0;

		CHECK(kernel_read(f[0], q->bytes, sizeof(q->bytes), &pos) == (s64)q->len);
	}
	CHECK(vfs_poll(f[0], NULL) == POLLHUP);
	{
		s64 pos = 0;

		CHECK(kernel_read(f[0], q->buf, 10, &pos) == 0);
	}
	fput(f[0]);
}

static void the_ring_agrees_with_a_queue(void **state)
{
	(void)state;
	ipc_test(random_ring);
}

static void small_writes(void *arg)
{
	struct file *f[2];
	u8 page[PAGE_SIZE] = { 0 };
	s64 pos = 0;

	(void)arg;
	CHECK(create_pipe_files(f, 0) == 0);
	CHECK(kernel_write(f[1], page, 10, &pos) == 10 && kernel_write(f[1], page, 20, &pos) == 20);
	CHECK(ring_of(f[0])->head == 1); /* merged */
	CHECK(kernel_write(f[1], page, PAGE_SIZE - 30, &pos) == PAGE_SIZE - 30);
	CHECK(ring_of(f[0])->head == 1 && pipe_bytes(ring_of(f[0])) == PAGE_SIZE);
	CHECK(kernel_write(f[1], page, 1, &pos) == 1 && ring_of(f[0])->head == 2);
	CHECK(kernel_write(f[1], page, PAGE_SIZE, &pos) == PAGE_SIZE &&
	      ring_of(f[0])->head == 3); /* would not fit whole */
	CHECK(vfs_poll(f[1], NULL) == (POLLOUT | POLLWRNORM));
	fput(f[0]);
	CHECK(vfs_poll(f[1], NULL) == (POLLOUT | POLLWRNORM | POLLERR));
	CHECK(kernel_write(f[1], page, 1, &pos) == -EPIPE);
	CHECK(((struct sigcount *)kern()->hooks.console_arg)->sigpipe == 1);
	CHECK(kernel_write(f[1], page, 0, &pos) == 0); /* nothing to say, nothing broken */
	CHECK(kernel_read(f[1], page, 1, &pos) == -EBADF);
	fput(f[1]);
	/* Packets are read one at a time. */
	CHECK(create_pipe_files(f, O_DIRECT) == 0);
	CHECK(kernel_write(f[1], page, 5, &pos) == 5 && kernel_write(f[1], page, 7, &pos) == 7);
	CHECK(kernel_read(f[0], page, 100, &pos) == 5 && kernel_read(f[0], page, 3, &pos) == 3);
	CHECK(ring_of(f[0])->head == ring_of(f[0])->tail);
	fput(f[0]);
	fput(f[1]);
	CHECK(create_pipe_files(f, O_APPEND) == -EINVAL);
}

static void small_writes_merge_and_broken_pipes_signal(void **state)
{
	(void)state;
	ipc_test(small_writes);
}

static void pipe_descriptors(void *arg)
{
	struct mm_struct *mm = new_mm();
	u64 buf = (u64)map_anon(0, PAGE_SIZE, PROT_READ | PROT_WRITE, 0), v;
	char text[32], expected[32];
	struct file *f;
	int fds[2];

	(void)arg;
	CHECK(do_pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0 && fds[0] == 0 && fds[1] == 1);
	CHECK(do_fcntl(0, F_GETFD, 0) == FD_CLOEXEC &&
	      do_fcntl(0, F_GETFL, 0) == (O_RDONLY | O_NONBLOCK) &&
	      do_fcntl(1, F_GETFL, 0) == (O_WRONLY | O_NONBLOCK));
	CHECK(user_write(buf, 0x6f6c6c6568) == 0 && ksys_write(1, buf, 5) == 5);
	CHECK(ksys_ioctl(0, FIONREAD, buf + 64) == 0 && user_read(buf + 64, &v) == 0 &&
	      (u32)v == 5);
	CHECK(ksys_read(0, buf + 8, 100) == 5 && user_read(buf + 8, &v) == 0 && v == 0x6f6c6c6568);
	CHECK(ksys_read(0, buf, 1) == -EAGAIN);
	/* A faulting buffer takes nothing out of the pipe. */
	CHECK(ksys_write(1, buf + PAGE_SIZE - 8, 16) ==
	      -EFAULT); /* a small write is whole or nothing */
	CHECK(ksys_write(1, buf, 100) == 100);
	CHECK(ksys_read(0, buf + PAGE_SIZE - 8, 50) == -EFAULT);
	CHECK(ksys_read(0, buf, 200) == 100);
	CHECK(ksys_lseek(0, 0, SEEK_CUR) == -ESPIPE && ksys_pread64(0, buf, 1, 0) == -ESPIPE);
	CHECK(do_fcntl(0, F_GETPIPE_SZ, 0) == 65536 && do_fcntl(1, F_SETPIPE_SZ, 5000) == 8192 &&
	      do_fcntl(0, F_GETPIPE_SZ, 0) == 8192);
	f = fget(0);
	snprintf(expected, sizeof(expected), "pipe:[%llu]", (unsigned long long)f->f_inode->i_ino);
	CHECK(!strcmp(d_path(&f->f_path, text, sizeof(text)), expected));
	fput(f);
	CHECK(ksys_close_range(0, 9, 0) == 0);
	mm_leave(mm);
}

static void pipes_have_descriptors_names_and_ioctls(void **state)
{
	(void)state;
	ipc_test(pipe_descriptors);
}

static void fail_sweep(void *arg)
{
	struct alloc_stats *before = boot_alloc(kern(), sizeof(*before));
	bool fired;
	u64 nth = 1;

	(void)arg;
	CHECK(before);
	do {
		struct file *f[2], *fifo = NULL;
		u8 data[5000] = { 0 };
		s64 pos = 0, n = 0;
		int err;

		alloc_stats(kern(), before);
		fail_alloc_arm(kern(), nth++);
		err = create_pipe_files(f, O_NONBLOCK);
		if (!err) {
			n = kernel_write(f[1], data, sizeof(data), &pos);
			fput(f[0]);
			fput(f[1]);
		}
		if (!err)
			err = do_mknodat(AT_FDCWD, "/fifo", S_IFIFO | 0600, 0);
		if (!err) {
			fifo = filp_open("/fifo", O_RDWR, 0);
			err = IS_ERR(fifo) ? (int)PTR_ERR(fifo) : 0;
			if (!err)
				fput(fifo);
		}
		fired = fail_alloc_fired(kern());
		fail_alloc_arm(kern(), 0);
		CHECK(err == 0 || err == -ENOMEM);
		CHECK(err || n == sizeof(data) || n == PAGE_SIZE || n == -ENOMEM);
		do_unlinkat(AT_FDCWD, "/fifo");
		shrink_dcache(~0ull);
		check_no_leak(before);
	} while (fired);
	CHECK(nth > 10);
}

static void failing_allocations_leave_no_pipe_behind(void **state)
{
	(void)state;
	ipc_test(fail_sweep);
}

/* --- sleepers: kernel threads on one and two CPUs --- */

#define STREAM_BYTES (3u << 20)

struct stream {
	struct file *f[2];
	struct prng wr, rd;
	u64 written, read;
	int bad, ends;
};

static int producer(void *arg)
{
	struct stream *s = arg;
	u8 buf[10000];

	while (s->written < STREAM_BYTES) {
		u64 n = min(prng_below(&s->wr, sizeof(buf)) + 1, STREAM_BYTES - s->written);
		s64 pos = 0;

		for (u64 i = 0; i < n; i++)
			buf[i] = (u8)((s->written + i) * 167 >> 3);
		if (kernel_write(s->f[1], buf, n, &pos) != (s64)n)
			s->bad++;
		s->written += n;
	}
	fput(s->f[1]);
	s->ends++;
	return 0;
}

static int consumer(void *arg)
{
	struct stream *s = arg;
	u8 buf[9000];

	for (;;) {
		u64 n = prng_below(&s->rd, sizeof(buf)) + 1;
		s64 pos = 0, got = kernel_read(s->f[0], buf, n, &pos);

		if (got <= 0) {
			s->bad += got < 0;
			break;
		}
		for (s64 i = 0; i < got; i++)
			s->bad += buf[i] != (u8)((s->read + (u64)i) * 167 >> 3);
		s->read += (u64)got;
	}
	fput(s->f[0]);
	s->ends++;
	return 0;
}

static void start(int (*fn)(void *), void *arg, const char *name)
{
	struct task_struct *t = kthread_create(fn, arg, "%s", name);

	CHECK(!IS_ERR(t));
	wake_up_process(t);
}

static void start_stream(void *arg)
{
	struct stream *s = arg;

	init_ipc(NULL);
	prng_seed(&s->wr, this_machine()->cfg.seed, 6);
	prng_seed(&s->rd, this_machine()->cfg.seed, 7);
	CHECK(create_pipe_files(s->f, 0) == 0);
	this_percpu()->preempt_count = 1; /* the idle task's */
	start(producer, s, "producer");
	start(consumer, s, "consumer");
}

static void run_to_rest(struct fixture *f)
{
	enum stop_reason why = engine_run(f->m, ~0ull);

	if (why == STOP_PANIC)
		fail_msg("panic: %s", f->m->panic_text);
	assert_int_equal(why, STOP_DEADLOCK);
}

static u64 stream_on(u32 cpus, const char *costs)
{
	struct machine_config cfg = fixture_config(64 << 20, cpus);
	struct kernel_params params = { .hz = 250, .mmap_min_addr = 65536 };
	struct stream s = { .ends = 0 };
	struct fixture f;
	u64 digest;

	cfg.costs = cost_profile(costs);
	assert_int_equal(fixture_create_params(&f, &cfg, &params), 0);
	fixture_run(&f, mm_fixture_boot, &f);
	fixture_run(&f, start_stream, &s);
	run_to_rest(&f);
	assert_int_equal(s.bad, 0);
	assert_int_equal(s.ends, 2);
	assert_int_equal(s.read, STREAM_BYTES);
	assert_int_equal(f.k->vfs->nr_files, 0);
	digest = trace_digest(&f.m->trace);
	fixture_destroy(&f);
	return digest;
}

static void a_stream_passes_whole_between_sleepers_on_one_cpu(void **state)
{
	(void)state;
	assert_true(stream_on(1, "zen4") == stream_on(1, "zen4"));
}

static void a_stream_passes_whole_between_two_cpus(void **state)
{
	(void)state;
	assert_true(stream_on(2, "zen4") == stream_on(2, "zen4"));
	stream_on(2, "zero");
}

/* --- many writers --- */

#define WRITERS 6
#define RECORDS 200
#define RECORD_MAX 1500

struct crowd {
	struct file *f[2];
	int next_id, bad, done;
	int seen[WRITERS];
};

static int crowd_writer(void *arg)
{
	struct crowd *c = arg;
	int id = c->next_id++;
	u8 rec[RECORD_MAX];
	struct prng rng;

	prng_seed(&rng, 99, (u64)id);
	for (int i = 0; i < RECORDS; i++) {
		u16 len = (u16)(prng_below(&rng, RECORD_MAX - 4) + 4);
		s64 pos = 0;

		memset(rec, id + 1, len);
		memcpy(rec, &len, 2);
		rec[2] = (u8)id;
		rec[3] = (u8)i;
		c->bad += kernel_write(c->f[1], rec, len, &pos) != len;
	}
	fput(c->f[1]);
	c->done++;
	return 0;
}

static s64 read_all(struct file *f, u8 *buf, u64 n)
{
	u64 done = 0;

	while (done < n) {
		s64 pos = 0, got = kernel_read(f, buf + done, n - done, &pos);

		if (got <= 0)
			return done ? (s64)done : got;
		done += (u64)got;
	}
	return (s64)done;
}

static int crowd_reader(void *arg)
{
	struct crowd *c = arg;
	u8 rec[RECORD_MAX];
	u16 len;

	while (read_all(c->f[0], rec, 4) == 4) {
		memcpy(&len, rec, 2);
		if (len < 4 || len > RECORD_MAX || rec[2] >= WRITERS ||
		    read_all(c->f[0], rec + 4, len - 4u) != len - 4) {
			c->bad++;
			break;
		}
		c->bad += rec[3] != (u8)c->seen[rec[2]]++;
		for (u32 i = 4; i < len; i++)
			c->bad += rec[i] != rec[2] + 1;
	}
	fput(c->f[0]);
	c->done++;
	return 0;
}

static void start_crowd(void *arg)
{
	struct crowd *c = arg;

	init_ipc(NULL);
	CHECK(create_pipe_files(c->f, 0) == 0);
	this_percpu()->preempt_count = 1;
	for (int i = 0; i < WRITERS; i++) {
		if (i)
			get_file(c->f[1]);
		start(crowd_writer, c, "writer");
	}
	start(crowd_reader, c, "reader");
}

static void writes_of_a_page_or_less_never_mix(void **state)
{
	struct machine_config cfg = fixture_config(64 << 20, 3);
	struct kernel_params params = { .hz = 250, .mmap_min_addr = 65536 };
	struct crowd c = { .bad = 0 };
	struct fixture f;

	(void)state;
	cfg.costs = cost_profile("zen4");
	assert_int_equal(fixture_create_params(&f, &cfg, &params), 0);
	fixture_run(&f, mm_fixture_boot, &f);
	fixture_run(&f, start_crowd, &c);
	run_to_rest(&f);
	assert_int_equal(c.bad, 0);
	assert_int_equal(c.done, WRITERS + 1);
	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(c.seen[i], RECORDS);
	fixture_destroy(&f);
}

/* --- FIFOs, poll, broken ends, the console: one scene each --- */

struct scene {
	struct file *f[2];
	s64 results[8];
	int n, done;
	u64 t0, t1;
};

static int fifo_writer(void *arg)
{
	struct scene *s = arg;
	struct file *f = filp_open("/fifo", O_WRONLY, 0); /* sleeps until the reader comes */
	s64 pos = 0;

	s->results[0] = IS_ERR(f) ? PTR_ERR(f) : kernel_write(f, "through", 7, &pos);
	if (!IS_ERR(f))
		fput(f);
	s->done++;
	return 0;
}

static int fifo_reader(void *arg)
{
	struct scene *s = arg;
	struct file *f;
	char buf[16];
	s64 pos = 0;

	msleep(50);
	f = filp_open("/fifo", O_RDONLY, 0);
	if (IS_ERR(f)) {
		s->results[1] = PTR_ERR(f);
	} else {
		s->results[1] = read_all(f, (u8 *)buf, 16);
		s->results[2] = memcmp(buf, "through", 7);
		fput(f);
	}
	(void)pos;
	s->done++;
	return 0;
}

static void start_fifo(void *arg)
{
	init_ipc(NULL);
	CHECK(do_mknodat(AT_FDCWD, "/fifo", S_IFIFO | 0600, 0) == 0);
	CHECK(try_open("/fifo", O_WRONLY | O_NONBLOCK) == -ENXIO);
	CHECK(try_open("/fifo", O_RDONLY | O_NONBLOCK) == 0);
	CHECK(try_open("/fifo", O_RDWR) == 0);
	this_percpu()->preempt_count = 1;
	start(fifo_writer, arg, "writer");
	start(fifo_reader, arg, "reader");
}

static void run_scene(void (*body)(void *), struct scene *s, u32 cpus)
{
	struct fixture f;

	mm_fixture_create(&f, 64 << 20, cpus);
	fixture_run(&f, body, s);
	run_to_rest(&f);
	assert_int_equal(f.k->vfs->nr_files, 0);
	fixture_destroy(&f);
}

static void opening_a_fifo_waits_for_the_other_end(void **state)
{
	struct scene s = { .done = 0 };

	(void)state;
	run_scene(start_fifo, &s, 2);
	assert_int_equal(s.done, 2);
	assert_int_equal(s.results[0], 7);
	assert_int_equal(s.results[1], 7);
	assert_int_equal(s.results[2], 0);
}

static int poller(void *arg)
{
	struct scene *s = arg;
	struct pollfd p = { .fd = 0, .events = POLLIN };
	u64 in = 1;
	char buf[8];
	s64 pos = 0;

	current->files = files_alloc();
	s->t0 = ktime_get();
	fd_install((u32)get_unused_fd_flags(0, 0), get_file(s->f[0]));
	s->results[0] = do_poll(&p, 1, 10 * NSEC_PER_MSEC); /* nothing yet */
	s->t1 = ktime_get();
	s->results[1] = do_poll(&p, 1, ~0ull);
	s->results[2] = p.revents;
	s->results[3] = kernel_read(s->f[0], buf, 8, &pos);
	s->results[4] = do_select(1, &in, NULL, NULL,
				  ~0ull); /* the writer leaves: end of file is readable */
	s->results[5] = (s64)in;
	s->results[6] = do_poll(&p, 1, 0);
	s->results[7] = p.revents;
	close_fd(0);
	put_files_struct(current->files);
	current->files = NULL;
	fput(s->f[0]);
	s->done++;
	return 0;
}

static int late_writer(void *arg)
{
	struct scene *s = arg;
	s64 pos = 0;

	msleep(40);
	kernel_write(s->f[1], "abc", 3, &pos);
	msleep(40);
	fput(s->f[1]);
	s->done++;
	return 0;
}

static void start_poll(void *arg)
{
	struct scene *s = arg;

	init_ipc(NULL);
	CHECK(create_pipe_files(s->f, 0) == 0);
	put_files_struct(current->files); /* so the threads have none of their own */
	current->files = NULL;
	this_percpu()->preempt_count = 1;
	start(poller, s, "poller");
	start(late_writer, s, "late");
}

static void poll_and_select_wake_for_bytes_and_hangup(void **state)
{
	struct scene s = { .done = 0 };

	(void)state;
	run_scene(start_poll, &s, 2);
	assert_int_equal(s.done, 2);
	assert_int_equal(s.results[0], 0);
	assert_true(s.t1 - s.t0 >= 10 * NSEC_PER_MSEC && s.t1 - s.t0 < 20 * NSEC_PER_MSEC);
	assert_int_equal(s.results[1], 1);
	assert_int_equal(s.results[2], POLLIN);
	assert_int_equal(s.results[3], 3);
	assert_int_equal(s.results[4], 1);
	assert_int_equal(s.results[5], 1);
	assert_int_equal(s.results[6], 1);
	assert_int_equal(s.results[7], POLLHUP);
}

static int blocked_writer(void *arg)
{
	struct scene *s = arg;
	u8 *big = kzalloc(200000, GFP_KERNEL);
	s64 pos = 0;

	s->results[0] = big ? kernel_write(s->f[1], big, 200000, &pos) :
			      0; /* the ring holds 65,536 */
	s->results[1] = ((struct sigcount *)kern()->hooks.console_arg)->sigpipe;
	kfree(big);
	fput(s->f[1]);
	s->done++;
	return 0;
}

static int leaving_reader(void *arg)
{
	struct scene *s = arg;

	msleep(20);
	fput(s->f[0]);
	s->done++;
	return 0;
}

static void start_broken(void *arg)
{
	struct scene *s = arg;

	init_ipc(NULL);
	CHECK(create_pipe_files(s->f, 0) == 0);
	this_percpu()->preempt_count = 1;
	start(blocked_writer, s, "writer");
	start(leaving_reader, s, "reader");
}

static void a_writer_asleep_hears_that_the_last_reader_left(void **state)
{
	struct scene s = { .done = 0 };

	(void)state;
	run_scene(start_broken, &s, 2);
	assert_int_equal(s.done, 2);
	assert_int_equal(s.results[0], 65536); /* what went in; the signal tells the rest */
	assert_int_equal(s.results[1], 1);
}

static int console_reader(void *arg)
{
	struct scene *s = arg;
	struct file *f = filp_open("/dev/console", O_RDONLY, 0);
	char buf[32];
	s64 pos = 0;

	s->results[0] = kernel_read(f, buf, 32, &pos);
	s->results[1] = memcmp(buf, "typed\n", 6);
	s->results[2] = kernel_read(f, buf, 32, &pos);
	fput(f);
	s->done++;
	return 0;
}

static void start_console(void *arg)
{
	init_ipc(NULL);
	this_percpu()->preempt_count = 1;
	start(console_reader, arg, "reader");
}

/* What an embedder does in between, from a task that is never asleep on the console itself. */
static int typist(void *arg)
{
	struct scene *s = arg;

	msleep(10);
	s->results[3] = console_has_waiting_reader(kern());
	console_input(kern(), "typed\n", 6);
	s->results[4] = console_has_waiting_reader(kern());
	msleep(10);
	console_input_close(kern());
	return 0;
}

static void start_console_and_typist(void *arg)
{
	start_console(arg);
	start(typist, arg, "typist");
}

static void a_console_reader_waits_for_the_embedder(void **state)
{
	struct scene s = { .done = 0 };
	struct fixture f;

	(void)state;
	mm_fixture_create(&f, 64 << 20, 1);
	fixture_run(&f, start_console, &s);
	run_to_rest(&f);
	assert_true(console_has_waiting_reader(f.k));
	assert_int_equal(s.done, 0);
	fixture_destroy(&f);
}

static void console_input_wakes_the_reader_and_its_end_is_end_of_file(void **state)
{
	struct scene s = { .done = 0 };

	(void)state;
	run_scene(start_console_and_typist, &s, 1);
	assert_int_equal(s.done, 1);
	assert_int_equal(s.results[0], 6);
	assert_int_equal(s.results[1], 0);
	assert_int_equal(s.results[2], 0);
	assert_int_equal(s.results[3], 1);
	assert_int_equal(s.results[4], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_ring_agrees_with_a_queue),
		cmocka_unit_test(small_writes_merge_and_broken_pipes_signal),
		cmocka_unit_test(pipes_have_descriptors_names_and_ioctls),
		cmocka_unit_test(failing_allocations_leave_no_pipe_behind),
		cmocka_unit_test(a_stream_passes_whole_between_sleepers_on_one_cpu),
		cmocka_unit_test(a_stream_passes_whole_between_two_cpus),
		cmocka_unit_test(writes_of_a_page_or_less_never_mix),
		cmocka_unit_test(opening_a_fifo_waits_for_the_other_end),
		cmocka_unit_test(poll_and_select_wake_for_bytes_and_hangup),
		cmocka_unit_test(a_writer_asleep_hears_that_the_last_reader_left),
		cmocka_unit_test(a_console_reader_waits_for_the_embedder),
		cmocka_unit_test(console_input_wakes_the_reader_and_its_end_is_end_of_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
