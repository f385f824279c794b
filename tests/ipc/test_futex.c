/* SPDX-License-Identifier: MIT */
/*
 * Futexes: who sleeps, who is woken and in which order, at which moment; keys across fork; requeue;
 * signals; and that no call allocates or keeps a page.
 */
#include "vfs/vfs_fixture.h"

#include "ipc/futex.h"
#include "ipc/pipe.h"
#include "mm/mm_types.h"

#define RW (PROT_READ | PROT_WRITE)
#define WAITERS 6

struct waiter {
	struct mm_struct *mm;
	u64 at;
	bool shared;
	u32 val, bitset, end_ms; /* no bits: no such waiter; 0: no end */
	long result;
	int order; /* in which it came back, from 1 */
	u64 back;  /* ns since the start */
	struct task_struct *task;
};

struct scene {
	struct waiter w[WAITERS];
	struct mm_struct *mm, *child;
	u64 priv, shared; /* a page each */
	u64 base;
	int next_id, back, done;
	void (*director)(struct scene *s);
};

static int wait_task(void *arg)
{
	struct scene *s = arg;
	struct waiter *w = &s->w[s->next_id++];
	u64 end = s->base + w->end_ms * NSEC_PER_MSEC;

	mm_use(w->mm);
	w->result = futex_wait(w->at, !w->shared, w->val, w->end_ms ? &end : NULL, w->bitset);
	w->back = ktime_get() - s->base;
	w->order = ++s->back;
	mm_use(NULL);
	return 0;
}

static void sleep_to(struct scene *s, u32 ms)
{
	hrtimer_nanosleep(s->base + ms * NSEC_PER_MSEC, HRTIMER_MODE_ABS, NULL);
}

static void add(struct scene *s, int i, u64 at, bool shared, u32 bitset, u32 end_ms)
{
	struct waiter *w = &s->w[i];

	*w = (struct waiter){
		.mm = s->mm, .at = at, .shared = shared, .bitset = bitset, .end_ms = end_ms
	};
}

/* Let waiters up to n go to sleep one after the other. */
static void start_waiters(struct scene *s, int n)
{
	while (s->next_id < n) {
		int id = s->next_id;

		if (!s->w[id].mm)
			s->w[id].mm = s->mm;
		s->w[id].task = kthread_create(wait_task, s, "waiter");
		CHECK(!IS_ERR(s->w[id].task));
		get_task_struct(s->w[id].task);
		wake_up_process(s->w[id].task);
		while (s->next_id == id ||
		       (!s->w[id].order && s->w[id].task->state == TASK_RUNNING))
			msleep(1);
	}
}

static int direct(void *arg)
{
	struct scene *s = arg;

	mm_use(s->mm);
	s->director(s);
	msleep(20); /* who was woken comes back */
	for (u32 i = 0; i < FUTEX_BUCKETS; i++)
		CHECK(list_empty(&futex_buckets()[i]));
	for (int i = 0; i < s->next_id; i++) {
		CHECK(s->w[i].order);
		put_task_struct(s->w[i].task);
	}
	mm_use(NULL);
	s->done = 1;
	return 0;
}

static u32 page_refs(struct scene *s, u64 at)
{
	struct page *page;
	u32 n;

	mmap_read_lock(s->mm);
	CHECK(get_user_page(s->mm, at, false, false, &page) == 0);
	mmap_read_unlock(s->mm);
	n = (u32)page_ref_count(page) - 1;
	put_page(page);
	return n;
}

static void start_scene(void *arg)
{
	struct scene *s = arg;
	struct task_struct *t;

	CHECK(vfs_init(kern()) == 0 && ipc_init(kern()) == 0);
	s->mm = new_mm();
	s->priv = (u64)map_anon(0, PAGE_SIZE, RW, 0);
	s->shared = (u64)vm_mmap_pgoff(NULL, 0, PAGE_SIZE, RW, MAP_SHARED | MAP_ANONYMOUS, 0);
	CHECK(user_write(s->priv, 0) == 0 && user_write(s->shared, 0) == 0);
	mm_use(NULL);
	s->base = ktime_get();
	this_percpu()->preempt_count = 1;
	t = kthread_create(direct, s, "director");
	CHECK(!IS_ERR(t));
	wake_up_process(t);
}

static void run_scene(void (*director)(struct scene *s))
{
	for (u32 cpus = 1; cpus <= 2; cpus++) {
		struct scene s = { .director = director };
		enum stop_reason why;
		struct fixture f;

		mm_fixture_create(&f, 64 << 20, cpus);
		fixture_run(&f, start_scene, &s);
		why = engine_run(f.m, ~0ull);
		if (why == STOP_PANIC)
			fail_msg("panic: %s", f.m->panic_text);
		assert_int_equal(why, STOP_DEADLOCK);
		assert_int_equal(s.done, 1);
		fixture_destroy(&f);
	}
}

/* --- words, arguments, allocations --- */

static void no_sleep(struct scene *s)
{
	u64 end = ktime_get() + NSEC_PER_MSEC, past = 1;
	u32 refs = page_refs(s, s->shared), no = 8;
	u64 hole = s->mm->task_size - PAGE_SIZE;

	fail_alloc_arm(kern(), ~0ull); /* count */
	for (int shared = 0; shared < 2; shared++) {
		u64 at = shared ? s->shared : s->priv;
		bool private = !shared;

		CHECK(put_user_u32(7, at) == 0);
		CHECK(futex_wait(at, private, 8, NULL, ~0u) == -EAGAIN);
		CHECK(futex_wait(at, private, 6, &end, ~0u) == -EAGAIN);
		CHECK(futex_wait(at, private, 7, &past, ~0u) == -ETIMEDOUT);
		CHECK(futex_wait(at, private, 7, NULL, 0) == -EINVAL);
		CHECK(futex_wait(at + 2, private, 7, NULL, ~0u) == -EINVAL);
		CHECK(futex_wait(hole, private, 7, NULL, ~0u) == -EFAULT);
		CHECK(futex_wait(s->mm->task_size, private, 7, NULL, ~0u) == -EFAULT);
		CHECK(futex_wake(at, private, 1, ~0u) == 0);
		CHECK(futex_wake(at, private, 1, 0) == -EINVAL);
		CHECK(futex_wake(at + 1, private, 1, ~0u) == -EINVAL);
		CHECK(futex_wake(hole, private, 1, ~0u) == (private ? 0 : -EFAULT));
		CHECK(futex_requeue(at, at + 4, private, -1, 1, NULL) == -EINVAL);
		CHECK(futex_requeue(at, at + 4, private, 1, -1, NULL) == -EINVAL);
		CHECK(futex_requeue(at, at + 4, private, 1, 1, &no) == -EAGAIN);
		CHECK(futex_requeue(at, at + 5, private, 1, 1, NULL) == -EINVAL);
		CHECK(futex_requeue(at, at + 4, private, 1, 1, NULL) == 0);
	}
	CHECK(fail_alloc_count(kern()) == 0); /* so none can fail */
	fail_alloc_arm(kern(), 0);
	CHECK(page_refs(s, s->shared) == refs);
}

static void another_value_or_a_bad_argument_does_not_sleep(void **state)
{
	(void)state;
	run_scene(no_sleep);
}

/* A page of a shared word that cannot be had: the call fails and nothing stays behind. */
static void no_page(struct scene *s)
{
	u64 nth = 1;
	bool fired;

	do {
		u64 at = (u64)map_anon(0, PAGE_SIZE, RW, 0);
		long err;

		fail_alloc_arm(kern(), nth++);
		err = futex_wait(at, false, 1, NULL, ~0u);
		fired = fail_alloc_fired(kern());
		fail_alloc_arm(kern(), 0);
		CHECK(err == -EAGAIN || (fired && (err == -EFAULT || err == -ENOMEM)));
		CHECK(vm_munmap(at, PAGE_SIZE) == 0);
		for (u32 i = 0; i < FUTEX_BUCKETS; i++)
			CHECK(list_empty(&futex_buckets()[i]));
	} while (fired);
	CHECK(nth > 2 && s->back == 0);
}

static void a_page_that_cannot_be_had_ends_the_call(void **state)
{
	(void)state;
	run_scene(no_page);
}

/* --- order, bits, time --- */

static void wake_in_order(struct scene *s)
{
	u32 refs = page_refs(s, s->shared);

	for (int i = 0; i < WAITERS; i++)
		add(s, i, i == 2 ? s->shared + 4 : s->shared, true, i == 4 ? 2u : 1u, 0);
	start_waiters(s, WAITERS);
	CHECK(s->back == 0 && page_refs(s, s->shared) == refs + WAITERS);
	CHECK(futex_wake(s->shared, true, 9, ~0u) == 0); /* the private word is another */
	CHECK(futex_wake(s->shared, false, 1, 1) == 1);
	msleep(10);
	CHECK(s->back == 1 && s->w[0].order == 1);
	CHECK(futex_wake(s->shared, false, 1, 1) == 1);
	msleep(10);
	CHECK(s->back == 2 && s->w[1].order == 2);
	CHECK(futex_wake(s->shared, false, 9, 4) == 0);
	CHECK(futex_wake(s->shared, false, 9, 6) == 1);
	msleep(10);
	CHECK(s->w[4].order == 3);
	CHECK(futex_wake(s->shared, false, 9, ~0u) == 2);
	msleep(10);
	CHECK(s->back == 5 && s->w[3].order && s->w[5].order && !s->w[2].order);
	CHECK(futex_wake(s->shared + 4, false, 1, ~0u) == 1);
	msleep(10);
	for (int i = 0; i < WAITERS; i++)
		CHECK(s->w[i].result == 0);
	CHECK(page_refs(s, s->shared) == refs);
}

static void the_longest_waiting_with_a_bit_in_common_is_woken_first(void **state)
{
	(void)state;
	run_scene(wake_in_order);
}

static void timeouts(struct scene *s)
{
	static const u32 ends[WAITERS] = { 303, 301, 307, 0, 302, 500 };
	static const int order[WAITERS] = { 3, 1, 4, 6, 2, 5 };

	for (int i = 0; i < WAITERS; i++)
		add(s, i, s->priv, false, 1, ends[i]);
	start_waiters(s, WAITERS);
	CHECK(s->back == 0);
	sleep_to(s, 400);
	CHECK(s->back == 4);
	sleep_to(s, 499);
	CHECK(s->back == 4);
	sleep_to(s, 510);
	CHECK(futex_wake(s->priv, true, 9, 1) == 1); /* who timed out waits no more */
	msleep(10);
	for (int i = 0; i < WAITERS; i++) {
		u64 end = ends[i] * NSEC_PER_MSEC;

		CHECK(s->w[i].order == order[i]);
		CHECK(s->w[i].result == (end ? -ETIMEDOUT : 0));
		CHECK(!end || (s->w[i].back >= end && s->w[i].back < end + 10000)); /* ns */
	}
}

static void a_timeout_comes_at_its_moment(void **state)
{
	(void)state;
	run_scene(timeouts);
}

static void signals(struct scene *s)
{
	add(s, 0, s->priv, false, 1, 0);
	add(s, 1, s->priv, false, 1, 900);
	add(s, 2, s->priv, false, 1, 0);
	start_waiters(s, 3);
	wake_up_process(s->w[2].task); /* for no reason: it sleeps on */
	msleep(10);
	CHECK(s->back == 0);
	for (int i = 0; i < 2; i++) {
		s->w[i].task->sigpending = true;
		wake_up_process(s->w[i].task);
	}
	msleep(10);
	CHECK(s->w[0].result == -ERESTARTSYS && s->w[1].result == -EINTR && s->back == 2);
	CHECK(futex_wake(s->priv, true, 9, ~0u) == 1);
}

static void a_signal_ends_the_wait_and_a_stray_wake_up_does_not(void **state)
{
	(void)state;
	run_scene(signals);
}

/* --- requeue --- */

static void requeue(struct scene *s)
{
	u32 no = 1, yes = 0, refs = page_refs(s, s->shared), priv_refs = page_refs(s, s->priv);

	for (int i = 0; i < 5; i++)
		add(s, i, s->shared, true, ~0u, 0);
	start_waiters(s, 5);
	CHECK(futex_requeue(s->shared, s->priv, false, 1, 9, &no) == -EAGAIN);
	msleep(10);
	CHECK(s->back == 0);
	CHECK(futex_requeue(s->shared, s->priv, false, 1, 2, &yes) == 3);
	msleep(10);
	CHECK(s->back == 1 && s->w[0].order == 1);
	CHECK(page_refs(s, s->shared) == refs + 2);
	CHECK(futex_requeue(s->shared, s->shared + 8, false, 0, 9, NULL) == 2);
	CHECK(futex_wake(s->shared, false, 9, ~0u) == 0);
	CHECK(futex_wake(s->priv, false, 1, ~0u) == 1);
	msleep(10);
	CHECK(s->back == 2 && s->w[1].order == 2);
	CHECK(futex_requeue(s->shared + 8, s->priv, false, 0, 1, NULL) == 1);
	CHECK(futex_wake(s->priv, false, 9, ~0u) == 2);
	msleep(10);
	CHECK(s->back == 4 && s->w[2].order && s->w[3].order && !s->w[4].order);
	CHECK(futex_wake(s->shared + 8, false, 9, ~0u) == 1);
	msleep(10);
	CHECK(s->back == 5);
	CHECK(page_refs(s, s->shared) == refs && page_refs(s, s->priv) == priv_refs);
}

static void requeued_waiters_wait_for_the_other_word(void **state)
{
	(void)state;
	run_scene(requeue);
}

/* --- keys across fork --- */

static void fork_keys(struct scene *s)
{
	add(s, 0, s->priv, false, 1, 0);
	add(s, 1, s->shared, true, 1, 0);
	add(s, 2, s->priv, true, 1, 0); /* a shared futex on memory that is not */
	start_waiters(s, 3);
	s->child = dup_mm(s->mm);
	CHECK(!IS_ERR_OR_NULL(s->child));
	mm_use(s->child);
	CHECK(futex_wake(s->priv, true, 9, ~0u) == 0); /* the child's own word */
	CHECK(futex_wake(s->priv, false, 9, ~0u) == 0);
	CHECK(put_user_u32(5, s->priv) == 0 && futex_wake(s->priv, false, 9, ~0u) == 0);
	CHECK(futex_wake(s->shared, true, 9, ~0u) == 0);
	CHECK(futex_wake(s->shared, false, 9, ~0u) == 1); /* one frame */
	msleep(10);
	CHECK(s->back == 1 && s->w[1].order == 1);
	mm_leave(s->child);
	mm_use(s->mm);
	CHECK(futex_wake(s->priv, true, 9, ~0u) == 1);
	CHECK(futex_wake(s->priv, false, 9, ~0u) == 1);
}

static void a_shared_word_is_one_across_fork_and_a_private_one_two(void **state)
{
	(void)state;
	run_scene(fork_keys);
}

/* The parent's copy of a page moves at its first write after the fork; its waiter is found. */
static void fork_then_write(struct scene *s)
{
	add(s, 0, s->priv, true, 1, 0);
	start_waiters(s, 1);
	s->child = dup_mm(s->mm);
	CHECK(!IS_ERR_OR_NULL(s->child));
	CHECK(put_user_u32(1, s->priv) == 0);
	CHECK(futex_wake(s->priv, false, 9, ~0u) == 1);
	mmput(s->child);
}

static void a_waiter_is_found_after_fork_moved_its_page(void **state)
{
	(void)state;
	run_scene(fork_then_write);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_value_or_a_bad_argument_does_not_sleep),
		cmocka_unit_test(a_page_that_cannot_be_had_ends_the_call),
		cmocka_unit_test(the_longest_waiting_with_a_bit_in_common_is_woken_first),
		cmocka_unit_test(a_timeout_comes_at_its_moment),
		cmocka_unit_test(a_signal_ends_the_wait_and_a_stray_wake_up_does_not),
		cmocka_unit_test(requeued_waiters_wait_for_the_other_word),
		cmocka_unit_test(a_shared_word_is_one_across_fork_and_a_private_one_two),
		cmocka_unit_test(a_waiter_is_found_after_fork_moved_its_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
