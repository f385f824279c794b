/* SPDX-License-Identifier: MIT */
/*
 * File locks: records against a table of bytes, conflicts, circles of waiting owners, what goes at
 * close and exit, flock, and allocations that fail.
 */
#include "vfs_fixture.h"

#include "vfs/fs.h"
#include "vfs/locks.h"

#define OWNERS 4
#define BYTES 48 /* the last stands for itself and all behind it */

struct user_flock {
	s16 type, whence;
	u32 pad;
	s64 start, len;
	s32 pid;
	u32 pad2;
};

static s64 lock_call(struct file *f, u32 cmd, u64 at, struct user_flock *u)
{
	s64 ret;

	CHECK(copy_to_user(at, u, sizeof(*u)) == 0);
	ret = fcntl_lock(f, cmd, at);
	CHECK(copy_from_user(u, at, sizeof(*u)) == 0);
	return ret;
}

static s64 set(struct file *f, u64 at, s16 type, s64 start, s64 len)
{
	struct user_flock u = { .type = type, .start = start, .len = len };

	return lock_call(f, F_SETLK, at, &u);
}

static u32 nr_locks(struct file *f)
{
	struct list_head *pos;
	u32 n = 0;

	for (pos = f->f_inode->i_flock.next; pos != &f->f_inode->i_flock; pos = pos->next)
		n++;
	return n;
}

/* --- the model --- */

struct model {
	u8 held[OWNERS][BYTES]; /* 0, or the type + 1 */
	struct files_struct *files[OWNERS];
	struct file *file[OWNERS];
	u64 at;
	struct prng rng;
	u32 conflicts, splits, granted, found;
};

static bool in_conflict(const struct model *m, u32 who, s16 type, u32 first, u32 last)
{
	for (u32 o = 0; o < OWNERS; o++) {
		for (u32 i = first; o != who && i <= last; i++)
			if (m->held[o][i] && (m->held[o][i] == F_WRLCK + 1 || type == F_WRLCK))
				return true;
	}
	return false;
}

static u32 nr_runs(const struct model *m)
{
	u32 n = 0;

	for (u32 o = 0; o < OWNERS; o++) {
		for (u32 i = 0; i < BYTES; i++)
			n += m->held[o][i] && (!i || m->held[o][i - 1] != m->held[o][i]);
	}
	return n;
}

/* Somebody else's whole run that touches the request and forbids it. */
static bool is_a_conflicting_run(const struct model *m, u32 who, s16 type, u32 first, u32 last,
				 const struct user_flock *u)
{
	u32 from = (u32)u->start, to = u->len ? from + (u32)u->len - 1 : BYTES - 1;

	if (u->whence != SEEK_SET || u->start < 0 || to >= BYTES || (u->len && to == BYTES - 1))
		return false;
	if (from > last || to < first || (type == F_RDLCK && u->type == F_RDLCK))
		return false;
	for (u32 o = 0; o < OWNERS; o++) {
		bool same = o != who;

		for (u32 i = from; i <= to; i++)
			same = same && m->held[o][i] == u->type + 1;
		if (same && (!from || m->held[o][from - 1] != u->type + 1) &&
		    (to == BYTES - 1 || m->held[o][to + 1] != u->type + 1))
			return true;
	}
	return false;
}

static void one_request(struct model *m, u32 who)
{
	u32 first = (u32)prng_below(&m->rng, BYTES), n = (u32)prng_below(&m->rng, 12) + 1;
	u32 last = min(first + n - 1, BYTES - 1u), runs = nr_runs(m);
	struct user_flock u = { .type = (s16)prng_below(&m->rng, 3), .pid = 77 };
	s16 type = u.type;
	bool conflict = type != F_UNLCK && in_conflict(m, who, type, first, last);
	s64 ret;

	/*
	 * the same bytes named from the start, the end (BYTES) or the position (10), or backwards
	 */
	u.whence = (s16)prng_below(&m->rng, 3);
	u.start = (s64)first - (u.whence == SEEK_CUR ? 10 : u.whence == SEEK_END ? BYTES : 0);
	u.len = last == BYTES - 1 ? 0 : (s64)last - first + 1;
	if (u.len && prng_below(&m->rng, 4) == 0) {
		u.start += u.len;
		u.len = -u.len;
	}
	if (prng_below(&m->rng, 4) == 0) {
		struct user_flock asked = u;

		ret = lock_call(m->file[who], F_GETLK, m->at, &u);
		CHECK(ret == (type == F_UNLCK ? -EINVAL : 0));
		if (type == F_UNLCK)
			return;
		CHECK((u.type != F_UNLCK) == conflict);
		if (conflict) {
			CHECK(is_a_conflicting_run(m, who, type, first, last, &u));
			CHECK(u.pid == current->tgid);
		} else {
			CHECK(u.start == asked.start && u.len == asked.len && u.pid == 77);
		}
		m->found += conflict;
		return;
	}
	ret = lock_call(m->file[who], prng_below(&m->rng, 2) || conflict ? F_SETLK : F_SETLKW,
			m->at, &u);
	CHECK(ret == (conflict ? -EAGAIN : 0));
	m->conflicts += conflict;
	if (conflict)
		return;
	memset(m->held[who] + first, type == F_UNLCK ? 0 : type + 1, last - first + 1);
	m->granted++;
	m->splits += nr_runs(m) == runs + 2 || (type == F_UNLCK && nr_runs(m) == runs + 1);
}

static void random_records(void *arg)
{
	struct model *m = boot_alloc(kern(), sizeof(*m));
	struct files_struct *own = current->files;
	struct mm_struct *mm = new_mm();
	char text[BYTES + 1];

	(void)arg;
	CHECK(m);
	memset(m, 0, sizeof(*m));
	prng_seed(&m->rng, this_machine()->cfg.seed, 41);
	memset(text, 'x', BYTES);
	text[BYTES] = '\0';
	make_file("/records", text);
	m->at = (u64)map_anon(0, PAGE_SIZE, PROT_READ | PROT_WRITE, 0);
	for (u32 o = 0; o < OWNERS; o++) {
		m->files[o] = current->files = files_alloc();
		m->file[o] = filp_open("/records", O_RDWR, 0);
		CHECK(m->files[o] && !IS_ERR(m->file[o]));
		m->file[o]->f_pos = 10;
	}
	for (int step = 0; step < 20000; step++) {
		u32 who = (u32)prng_below(&m->rng, OWNERS);

		current->files = m->files[who];
		if (prng_below(&m->rng, 150)) {
			one_request(m, who);
		} else { /* L3: any descriptor of the file, be it another open file's */
			struct file *f = filp_open("/records", O_RDONLY, 0);
			int fd = get_unused_fd_flags(0, 0);

			CHECK(!IS_ERR(f) && fd >= 0);
			fd_install((u32)fd, f);
			CHECK(close_fd((u32)fd) == 0);
			memset(m->held[who], 0, BYTES);
		}
		CHECK(nr_locks(m->file[0]) == nr_runs(m)); /* merged as far as can be */
	}
	CHECK(m->conflicts > 1000 && m->splits > 200 && m->granted > 3000 && m->found > 500);
	for (u32 o = 0; o < OWNERS; o++) {
		locks_remove_posix(m->file[o], m->files[o]);
		fput(m->file[o]);
		put_files_struct(m->files[o]);
	}
	current->files = own;
	mm_leave(mm);
}

static void records_agree_with_a_table_of_bytes(void **state)
{
	(void)state;
	vfs_test(random_records);
}

static void record_arguments(void *arg)
{
	struct mm_struct *mm = new_mm();
	u64 at = (u64)map_anon(0, PAGE_SIZE, PROT_READ | PROT_WRITE, 0);
	struct user_flock u = { .type = F_RDLCK, .whence = 3 };
	struct file *rd, *wr;

	(void)arg;
	make_file("/f", "0123456789");
	rd = filp_open("/f", O_RDONLY, 0);
	wr = filp_open("/f", O_WRONLY, 0);
	CHECK(!IS_ERR(rd) && !IS_ERR(wr));
	CHECK(set(rd, at, F_WRLCK, 0, 1) == -EBADF && set(wr, at, F_RDLCK, 0, 1) == -EBADF);
	CHECK(set(rd, at, 3, 0, 1) == -EINVAL && set(rd, at, -1, 0, 1) == -EINVAL);
	CHECK(lock_call(rd, F_SETLK, at, &u) == -EINVAL);
	CHECK(fcntl_lock(rd, F_SETLK, at + PAGE_SIZE - 8) == -EFAULT);
	CHECK(set(rd, at, F_RDLCK, -1, 1) == -EINVAL && set(rd, at, F_RDLCK, 4, -5) == -EINVAL);
	CHECK(set(rd, at, F_RDLCK, 0, INT64_MIN) == -EINVAL);
	CHECK(set(rd, at, F_RDLCK, 2, INT64_MAX) == -EOVERFLOW);
	u = (struct user_flock){ .type = F_RDLCK, .whence = SEEK_END, .start = INT64_MAX - 9 };
	CHECK(lock_call(rd, F_SETLK, at, &u) == -EOVERFLOW);
	CHECK(nr_locks(rd) == 0);
	/* Both ends of the numbers. */
	CHECK(set(rd, at, F_RDLCK, INT64_MAX, 1) == 0 && set(rd, at, F_RDLCK, 0, 1) == 0);
	CHECK(nr_locks(rd) == 2);
	CHECK(set(rd, at, F_RDLCK, 1, INT64_MAX - 1) == 0 && nr_locks(rd) == 1);
	CHECK(set(wr, at, F_WRLCK, 5, 1) == 0 && nr_locks(rd) == 3); /* one owner: converted */
	CHECK(set(wr, at, F_UNLCK, 0, 0) == 0 && nr_locks(rd) == 0);
	fput(rd);
	fput(wr);
	mm_leave(mm);
}

static void odd_ranges_types_and_modes_are_refused(void **state)
{
	(void)state;
	vfs_test(record_arguments);
}

/* --- flock --- */

static u32 open_fd(const char *name)
{
	struct file *f = filp_open(name, O_RDWR, 0);
	int fd = get_unused_fd_flags(0, 0);

	CHECK(!IS_ERR(f) && fd >= 0);
	fd_install((u32)fd, f);
	return (u32)fd;
}

static void whole_file_locks(void *arg)
{
	struct mm_struct *mm = new_mm();
	u64 at = (u64)map_anon(0, PAGE_SIZE, PROT_READ | PROT_WRITE, 0);
	struct files_struct *own = current->files, *child;
	u32 a, b, c;
	struct file *f;

	(void)arg;
	make_file("/f", "0123456789");
	a = open_fd("/f");
	b = open_fd("/f");
	CHECK(ksys_flock(a, LOCK_SH) == 0 && ksys_flock(b, LOCK_SH | LOCK_NB) == 0);
	CHECK(ksys_flock(a, LOCK_EX | LOCK_NB) == -EAGAIN);
	/* A conversion that fails has lost the old lock, as Linux's. */
	CHECK(ksys_flock(b, LOCK_EX | LOCK_NB) == 0);
	CHECK(ksys_flock(a, LOCK_SH | LOCK_NB) == -EAGAIN);
	CHECK(ksys_flock(b, LOCK_EX) == 0); /* again is nothing new */
	CHECK(ksys_flock(b, LOCK_SH) == 0 && ksys_flock(a, LOCK_SH | LOCK_NB) == 0);
	CHECK(ksys_flock(a, LOCK_UN) == 0 && ksys_flock(a, LOCK_UN) == 0);
	CHECK(ksys_flock(b, LOCK_EX) == 0);
	/* L2: records are another matter, and closing a stranger's descriptor leaves this alone. */
	f = fget(a);
	CHECK(set(f, at, F_WRLCK, 0, 0) == 0 && nr_locks(f) == 2);
	c = open_fd("/f");
	CHECK(close_fd(c) == 0 && nr_locks(f) == 1);
	CHECK(ksys_flock(a, LOCK_SH | LOCK_NB) == -EAGAIN);
	/* A forked table shares the open file: the lock stays until the last of both is closed. */
	child = dup_fd(own);
	CHECK(!IS_ERR(child) && close_fd(b) == 0);
	CHECK(ksys_flock(a, LOCK_SH | LOCK_NB) == -EAGAIN);
	current->files = child;
	CHECK(ksys_flock(b, LOCK_SH) == 0); /* it is theirs as well */
	CHECK(ksys_flock(b, LOCK_EX) == 0);
	current->files = own;
	put_files_struct(child);
	CHECK(ksys_flock(a, LOCK_EX | LOCK_NB) == 0);
	CHECK(ksys_flock(a, 0) == -EINVAL && ksys_flock(a, LOCK_SH | LOCK_EX) == -EINVAL);
	CHECK(ksys_flock(99, LOCK_SH) == -EBADF);
	CHECK(close_fd(a) == 0 && nr_locks(f) == 1); /* f is still open */
	fput(f);
	c = open_fd("/f");
	f = fget(c);
	CHECK(nr_locks(f) == 0);
	fput(f);
	CHECK(close_fd(c) == 0);
	mm_leave(mm);
}

static void flock_belongs_to_the_open_file(void **state)
{
	(void)state;
	vfs_test(whole_file_locks);
}

/* --- allocations that fail --- */

static void fail_sweep(void *arg)
{
	struct alloc_stats *before = boot_alloc(kern(), sizeof(*before));
	struct mm_struct *mm = new_mm();
	u64 at = (u64)map_anon(0, PAGE_SIZE, PROT_READ | PROT_WRITE, 0), nth = 1;
	bool fired;
	u32 fd;

	(void)arg;
	CHECK(before && user_write(at, 0) == 0);
	make_file("/f", "0123456789");
	fd = open_fd("/f");
	alloc_stats(kern(), before);
	do {
		struct file *f = fget(fd);
		u32 n;
		s64 err;

		fail_alloc_arm(kern(), nth++);
		err = set(f, at, F_WRLCK, 10, 20);
		CHECK(nr_locks(f) == !err);
		if (!err) {
			err = set(f, at, F_RDLCK, 15, 2);
			CHECK(nr_locks(f) == (err ? 1 : 3));
		}
		if (!err) {
			err = set(f, at, F_UNLCK, 25, 2);
			CHECK(nr_locks(f) == (err ? 3 : 4));
		}
		n = nr_locks(f);
		if (!err) {
			err = ksys_flock(fd, LOCK_EX);
			CHECK(nr_locks(f) == n + !err);
		}
		if (!err) {
			err = ksys_flock(fd, LOCK_SH);
			CHECK(nr_locks(f) == n + 1);
		}
		fired = fail_alloc_fired(kern());
		fail_alloc_arm(kern(), 0);
		CHECK(err == (fired ? -ENOLCK : 0));
		CHECK(ksys_flock(fd, LOCK_UN) == 0 && set(f, at, F_UNLCK, 0, 0) == 0);
		CHECK(nr_locks(f) == 0);
		fput(f);
		check_no_leak(before);
	} while (fired);
	CHECK(nth > 10);
	CHECK(close_fd(fd) == 0);
	mm_leave(mm);
}

static void failing_allocations_change_no_lock(void **state)
{
	(void)state;
	vfs_test(fail_sweep);
}

/* --- waiting: each task a script of calls at set times --- */

enum op { END, SETLK, SETLKW, FLOCK, CLOSE, SIGNAL, LEAVE };

struct step {
	u32 ms; /* when */
	enum op op;
	s16 type; /* or the argument of flock, or the task to signal */
	s64 start, len;
	s64 result;
	u32 until; /* ms when it came back */
};

#define TASKS 4
#define STEPS 6

struct play {
	struct step script[TASKS][STEPS];
	struct task_struct *task[TASKS];
	struct mm_struct *mm;
	u64 at, base;
	int next_id, done, bad;
	u32 left; /* locks at the end */
};

static s64 perform(struct play *p, int id, const struct step *s, struct file *f, u32 fd)
{
	struct user_flock u = { .type = s->type, .start = s->start, .len = s->len };

	switch (s->op) {
	case SETLK:
	case SETLKW:
		return lock_call(f, s->op == SETLK ? F_SETLK : F_SETLKW, p->at + (u64)id * 64, &u);
	case FLOCK:
		return ksys_flock(fd, (u32)s->type);
	case CLOSE:
		return close_fd(fd);
	default:
		p->task[s->type]->sigpending = true;
		wake_up_process(p->task[s->type]);
		return 0;
	}
}

static int player(void *arg)
{
	struct play *p = arg;
	int id = p->next_id++;
	struct file *f;
	u32 fd;

	p->task[id] = current;
	current->files = files_alloc();
	mm_use(p->mm);
	fd = open_fd("/f");
	f = fget(fd);
	for (const struct step *s = p->script[id]; s->op != END; s++) {
		s64 ret;
		u32 now;

		hrtimer_nanosleep(p->base + s->ms * NSEC_PER_MSEC, HRTIMER_MODE_ABS, NULL);
		if (s->op == LEAVE)
			break;
		ret = perform(p, id, s, f, fd);
		now = (u32)((ktime_get() - p->base) / NSEC_PER_MSEC);
		if (ret != s->result || now != s->until) {
			print_error("task %d at %u ms: %lld at %u ms, not %lld at %u ms\n", id,
				    s->ms, (long long)ret, now, (long long)s->result, s->until);
			p->bad++;
		}
		current->sigpending = false;
	}
	fput(f);
	mm_use(NULL);
	if (++p->done == TASKS) {
		put_files_struct(current->files);
		current->files = NULL;
		f = filp_open("/f", O_RDONLY, 0);
		p->left = nr_locks(f);
		fput(f);
	}
	return 0; /* the table goes with the task */
}

static void start_play(void *arg)
{
	struct play *p = arg;

	CHECK(vfs_init(kern()) == 0);
	make_file("/f", "0123456789");
	put_files_struct(current->files);
	current->files = NULL;
	p->mm = new_mm();
	p->at = (u64)map_anon(0, PAGE_SIZE, PROT_READ | PROT_WRITE, 0);
	mm_use(NULL);
	p->base = ktime_get();
	this_percpu()->preempt_count = 1;
	for (int i = 0; i < TASKS; i++) {
		struct task_struct *t = kthread_create(player, p, "player");

		CHECK(!IS_ERR(t));
		wake_up_process(t);
	}
}

static void run_play(struct play *p, u32 cpus)
{
	struct fixture f;
	enum stop_reason why;

	p->next_id = p->done = p->bad = 0;
	p->left = 99;
	mm_fixture_create(&f, 64 << 20, cpus);
	fixture_run(&f, start_play, p);
	why = engine_run(f.m, ~0ull);
	if (why == STOP_PANIC)
		fail_msg("panic: %s", f.m->panic_text);
	assert_int_equal(why, STOP_DEADLOCK);
	assert_int_equal(p->done, TASKS);
	assert_int_equal(p->bad, 0);
	assert_int_equal(p->left, 0);
	assert_int_equal(f.k->vfs->nr_files, 0);
	assert_true(list_empty(&f.k->vfs->blocked_locks));
	fixture_destroy(&f);
}

static void a_waiter_gets_the_lock_at_unlock_close_and_exit(void **state)
{
	struct play p = { .script = {
				  { { 10, SETLK, F_WRLCK, 0, 10, 0, 10 },
				    { 30, SETLK, F_UNLCK, 0, 5, 0, 30 },
				    { 50, CLOSE, 0, 0, 0, 0, 50 } },
				  { { 20, SETLKW, F_WRLCK, 3, 2, 0, 30 },
				    { 60, LEAVE, 0, 0, 0, 0, 0 } },
				  { { 21, SETLK, F_RDLCK, 9, 1, -EAGAIN, 21 },
				    { 22, SETLKW, F_RDLCK, 9, 1, 0, 50 } },
				  { { 40, SETLKW, F_RDLCK, 3, 1, 0, 60 } },
			  } };

	(void)state;
	run_play(&p, 1);
	run_play(&p, 2);
}

static void a_circle_of_waiters_is_refused(void **state)
{
	struct play p = { .script = {
				  { { 10, SETLK, F_WRLCK, 0, 1, 0, 10 },
				    { 20, SETLKW, F_WRLCK, 1, 1, 0, 60 } },
				  { { 10, SETLK, F_WRLCK, 1, 1, 0, 10 },
				    { 30, SETLKW, F_WRLCK, 2, 1, 0, 50 },
				    { 60, SETLK, F_UNLCK, 1, 1, 0, 60 } },
				  { { 10, SETLK, F_WRLCK, 2, 1, 0, 10 },
				    { 40, SETLKW, F_WRLCK, 0, 1, -EDEADLK, 40 },
				    { 50, SETLK, F_UNLCK, 2, 1, 0, 50 } },
			  } };

	(void)state;
	run_play(&p, 1);
	run_play(&p, 2);
}

/*
 * 0 and 2 read; 1 waits to write, first for 0. When 0 has gone, 1 waits for 2 alone: 0 may wait
 * for 1's record without a circle, and 2 may not.
 */
static void a_waiter_waits_for_who_holds_the_lock_now(void **state)
{
	struct play p = { .script = {
				  { { 10, SETLK, F_RDLCK, 0, 1, 0, 10 },
				    { 30, SETLK, F_UNLCK, 0, 1, 0, 30 },
				    { 30, SETLKW, F_WRLCK, 1, 1, 0, 60 } },
				  { { 5, SETLK, F_WRLCK, 1, 1, 0, 5 },
				    { 20, SETLKW, F_WRLCK, 0, 1, 0, 50 },
				    { 60, SETLK, F_UNLCK, 1, 1, 0, 60 } },
				  { { 11, SETLK, F_RDLCK, 0, 1, 0, 11 },
				    { 40, SETLKW, F_RDLCK, 1, 1, -EDEADLK, 40 },
				    { 50, SETLK, F_UNLCK, 0, 1, 0, 50 } },
			  } };
	/* 2 waits for 1 before 0 goes: the circle closes then, and 1, who looks again, hears. */
	struct play late = { .script = {
				     { { 10, SETLK, F_RDLCK, 0, 1, 0, 10 },
				       { 40, SETLK, F_UNLCK, 0, 1, 0, 40 } },
				     { { 5, SETLK, F_WRLCK, 1, 1, 0, 5 },
				       { 20, SETLKW, F_WRLCK, 0, 1, -EDEADLK, 40 },
				       { 50, SETLK, F_UNLCK, 1, 1, 0, 50 } },
				     { { 11, SETLK, F_RDLCK, 0, 1, 0, 11 },
				       { 30, SETLKW, F_RDLCK, 1, 1, 0, 50 } },
			     } };

	(void)state;
	run_play(&p, 1);
	run_play(&late, 1);
	run_play(&late, 2);
}

static void a_signal_ends_the_wait(void **state)
{
	struct play p = { .script = {
				  { { 10, SETLK, F_WRLCK, 0, 0, 0, 10 },
				    { 10, FLOCK, LOCK_EX, 0, 0, 0, 10 },
				    { 30, SIGNAL, 1, 0, 0, 0, 30 },
				    { 40, SIGNAL, 2, 0, 0, 0, 40 },
				    { 60, FLOCK, LOCK_UN, 0, 0, 0, 60 } },
				  { { 20, SETLKW, F_RDLCK, 7, 1, -ERESTARTSYS, 30 },
				    { 50, SETLK, F_RDLCK, 7, 1, -EAGAIN, 50 } },
				  { { 20, FLOCK, LOCK_SH, 0, 0, -ERESTARTSYS, 40 } },
				  { { 20, FLOCK, LOCK_SH, 0, 0, 0, 60 } },
			  } };

	(void)state;
	run_play(&p, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_agree_with_a_table_of_bytes),
		cmocka_unit_test(odd_ranges_types_and_modes_are_refused),
		cmocka_unit_test(flock_belongs_to_the_open_file),
		cmocka_unit_test(failing_allocations_change_no_lock),
		cmocka_unit_test(a_waiter_gets_the_lock_at_unlock_close_and_exit),
		cmocka_unit_test(a_circle_of_waiters_is_refused),
		cmocka_unit_test(a_waiter_waits_for_who_holds_the_lock_now),
		cmocka_unit_test(a_signal_ends_the_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
