/* SPDX-License-Identifier: MIT */
/*
 * Futexes: sleeping on a word of user memory and waking who sleeps there.
 *
 * Called by futex(2), and by mm when a thread lets go of its address space (CLONE_CHILD_CLEARTID,
 * which pthread_join waits on). Calls the scheduler and user access. What the word means is user
 * space's own; nothing here changes it.
 *
 *	thread 8: futex(0x4c2010, WAIT, 2)    key { address space 5, 0x4c2010 } -> bucket 0x3a: [8]; the word is 2: sleeps
 *	thread 7: word = 0; futex(WAKE, 1)    the same key, the same bucket: 8 leaves the list, woken; returns 1
 *
 *	U1 a waiter is in its bucket before it reads the word: a wake between the two is not lost,
 *	   and who was woken says so whatever it then read.
 *	U2 a word of a shared mapping is named by the frame that holds it, which a waiter keeps by a
 *	   reference; a private futex, and any word of a private mapping, by address space and
 *	   address, for fork makes frames of private mappings change under a waiter.
 *	U3 whoever takes a waiter out of its bucket wakes it; nobody else touches it after.
 *
 * Units:   user addresses, multiples of 4. Owner: a waiter lies on its task's stack while it waits. Locking: nothing charges between
 * a look at a bucket and its change. Errors: see futex.h. Time: the user access and the wake-up.
 * Source: futex(2); Linux kernel/futex.
 */
#include "ipc/futex.h"

#include "kernel/percpu/kernel.h"
#include "lib/errno.h"
#include "lib/hash.h"
#include "mm/alloc/mmzone.h"
#include "mm/mm.h"
#include "mm/mm_types.h"
#include "mm/uaccess.h"
#include "sched/fork.h"
#include "sched/sched.h"
#include "sched/task.h"

struct futex_key {
	/*
	 * ctx_id << 1 and address (| 2 when the call was not for a private futex); or physical
	 * address of the frame | 1 and offset
	 */
	u64 space, at;
	struct page *page;
};

struct futex_q {
	struct list_head node;
	struct futex_key key;
	u32 bitset;
	bool queued;
	struct task_struct *task;
};

static int get_key(u64 uaddr, bool private, struct futex_key *key)
{
	struct mm_struct *mm = current->mm;
	bool unshared = false;
	int err;

	key->page = NULL;
	if (uaddr & 3)
		return -EINVAL;
	if (!mm || uaddr >= mm->task_size)
		return -EFAULT;
	if (private) {
		key->space = mm->ctx_id << 1;
		key->at = uaddr;
		return 0;
	}
	mmap_read_lock(mm);
	err = get_user_page(mm, uaddr & PAGE_MASK, true, false, &key->page);
	if (!err) {
		struct vm_area_struct *vma = find_vma_intersection(mm, uaddr, uaddr + 1);

		unshared = !vma || !(vma->vm_flags & VM_SHARED);
	}
	mmap_read_unlock(mm);
	if (err)
		return err;
	if (unshared) { /* U2: the frame may change at a write after fork */
		put_page(key->page);
		key->page = NULL;
		key->space = mm->ctx_id << 1;
		key->at = uaddr | 2;
		return 0;
	}
	key->space = page_to_pa(key->page) | 1;
	key->at = uaddr & ~PAGE_MASK;
	return 0;
}

static void put_key(struct futex_key *key)
{
	if (key->page)
		put_page(key->page);
}

static struct list_head *bucket_of(const struct futex_key *key)
{
	return &futex_buckets()[hash_64(key->space + key->at, 8)];
}

long futex_wait(u64 uaddr, bool private, u32 val, const u64 *end_ns, u32 bitset)
{
	struct futex_q q = { .bitset = bitset, .queued = true, .task = current };
	bool timed_out = false;
	long ret;
	u32 now;

	if (!bitset)
		return -EINVAL;
	ret = get_key(uaddr, private, &q.key);
	if (ret)
		return ret;
	list_add_tail(&q.node, bucket_of(&q.key)); /* U1 */
	ret = get_user_u32(&now, uaddr) ? -EFAULT : now != val ? -EAGAIN : 0;
	while (!ret && q.queued) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (!q.queued)
			break;
		if (signal_pending(current))
			ret = end_ns ? -EINTR : -ERESTARTSYS;
		else if (timed_out)
			ret = -ETIMEDOUT;
		else
			timed_out = schedule_hrtimeout(end_ns) == 0;
	}
	set_current_state(TASK_RUNNING);
	if (q.queued)
		list_del(&q.node);
	else
		ret = 0; /* U1: the wake was ours */
	put_key(&q.key);
	return ret;
}

/* The longest waiting of the bucket that the wake means, or NULL. */
static struct futex_q *find_waiter(const struct futex_key *key, u32 bitset)
{
	struct futex_q *q;

	list_for_each_entry(q, bucket_of(key), node) {
		if (q->key.space == key->space && q->key.at == key->at && (q->bitset & bitset))
			return q;
	}
	return NULL;
}

long futex_wake(u64 uaddr, bool private, int nr, u32 bitset)
{
	struct futex_key key;
	struct futex_q *q;
	int count = 0;
	long ret;

	if (!bitset)
		return -EINVAL;
	ret = get_key(uaddr, private, &key);
	if (ret)
		return ret;
	/* A wake-up may let others change the bucket, so each look starts anew. */
	while ((q = find_waiter(&key, bitset))) {
		struct task_struct *t = get_task_struct(q->task);

		list_del(&q->node);
		q->queued = false; /* U3: from here on the waiter may return, and q with it */
		wake_up_process(t);
		put_task_struct(t);
		if (++count >= nr)
			break;
	}
	put_key(&key);
	return count;
}

static int requeue(struct futex_key *from, struct futex_key *to, int nr)
{
	struct futex_q *q;
	int count = 0;

	while (count < nr && (from->space != to->space || from->at != to->at) &&
	       (q = find_waiter(from, ~0u))) {
		list_del(&q->node);
		put_key(&q->key);
		q->key = *to;
		if (to->page)
			get_page(to->page);
		list_add_tail(&q->node, bucket_of(to));
		count++;
	}
	return count;
}

long futex_requeue(u64 uaddr, u64 uaddr2, bool private, int nr_wake, int nr_requeue,
		   const u32 *expected)
{
	struct futex_key from, to;
	long ret;
	u32 now;

	if (nr_wake < 0 || nr_requeue < 0)
		return -EINVAL;
	ret = get_key(uaddr, private, &from);
	if (ret)
		return ret;
	ret = get_key(uaddr2, private, &to);
	if (ret)
		goto out;
	if (expected && get_user_u32(&now, uaddr))
		ret = -EFAULT;
	else if (expected && now != *expected)
		ret = -EAGAIN;
	else if (nr_wake)
		ret = futex_wake(uaddr, private, nr_wake, ~0u);
	if (ret >= 0)
		ret += requeue(&from, &to, nr_requeue);
	put_key(&to);
out:
	put_key(&from);
	return ret;
}

/* The thread's word becomes 0 and one waiter is woken, if somebody is left to see it. */
static void futex_mm_release(struct task_struct *t)
{
	u64 uaddr = t->clear_child_tid;

	t->clear_child_tid = 0;
	if (!uaddr || t->mm->mm_users < 2)
		return;
	if (!put_user_u32(0, uaddr))
		futex_wake(uaddr, false, 1, ~0u);
}

int futex_init(struct kernel *k, struct list_head buckets[FUTEX_BUCKETS])
{
	for (u32 i = 0; i < FUTEX_BUCKETS; i++)
		INIT_LIST_HEAD(&buckets[i]);
	k->hooks.mm_release = futex_mm_release;
	return 0;
}
