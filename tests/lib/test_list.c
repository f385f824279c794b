/* SPDX-License-Identifier: MIT */
/* lib/list, err, string, sort, errno: examples and seeded runs against arrays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/err.h"
#include "lib/list.h"
#include "lib/prng.h"
#include "lib/sort.h"
#include "lib/string.h"

#include <errno.h> /* after ours: a definition that differs would not compile */
_Static_assert(ENOSYS == 38 && EAGAIN == EWOULDBLOCK && EHWPOISON == 133, "numbers of x86-64");

#define N 40

struct thing {
	int id;
	struct list_head link;
	struct hlist_node hash;
};

/* Lists as arrays of ids. */
struct model {
	int id[N], nr;
};

static void model_remove(struct model *m, int id)
{
	int at = 0;

	while (m->id[at] != id)
		at++;
	memmove(&m->id[at], &m->id[at + 1], (size_t)(m->nr - at - 1) * sizeof(int));
	m->nr--;
}

static void model_insert(struct model *m, int at, int id)
{
	memmove(&m->id[at + 1], &m->id[at], (size_t)(m->nr - at) * sizeof(int));
	m->id[at] = id;
	m->nr++;
}

static void compare(struct list_head *head, const struct model *m)
{
	struct thing *t;
	int i = 0;

	list_for_each_entry(t, head, link) {
		assert_ptr_equal(t->link.next->prev, &t->link);
		assert_int_equal(t->id, m->id[i++]);
	}
	assert_int_equal(i, m->nr);
	list_for_each_entry_reverse(t, head, link)
		assert_int_equal(t->id, m->id[--i]);
	assert_int_equal(i, 0);
	assert_int_equal(list_empty(head), m->nr == 0);
	assert_int_equal(list_is_singular(head), m->nr == 1);
	assert_int_equal(list_count_nodes(head), m->nr);
}

static void random_moves_between_two_lists_agree_with_arrays(void **state)
{
	(void)state;
	for (u64 seed = 1; seed <= 50; seed++) {
		struct list_head head[2];
		struct model m[2] = { 0 };
		struct thing t[N];
		int on[N];
		struct prng p;

		printf("seed %llu\n", (unsigned long long)seed);
		prng_seed(&p, seed, 1);
		INIT_LIST_HEAD(&head[0]);
		INIT_LIST_HEAD(&head[1]);
		for (int i = 0; i < N; i++) {
			t[i].id = i;
			INIT_LIST_HEAD(&t[i].link);
			on[i] = -1;
		}
		for (int op = 0; op < 300; op++) {
			int i = (int)prng_below(&p, N), to = (int)prng_below(&p, 2);
			bool tail = prng_below(&p, 2);

			if (on[i] >= 0 && prng_below(&p, 3) == 0) {
				list_del_init(&t[i].link);
				assert_true(list_empty(&t[i].link));
				model_remove(&m[on[i]], i);
				on[i] = -1;
			} else if (on[i] >= 0) {
				model_remove(&m[on[i]], i);
				model_insert(&m[to], tail ? m[to].nr : 0, i);
				on[i] = to;
				if (tail)
					list_move_tail(&t[i].link, &head[to]);
				else
					list_move(&t[i].link, &head[to]);
			} else {
				model_insert(&m[to], tail ? m[to].nr : 0, i);
				on[i] = to;
				if (tail)
					list_add_tail(&t[i].link, &head[to]);
				else
					list_add(&t[i].link, &head[to]);
			}
			if (prng_below(&p, 40) ==
			    0) { /* all of the other list, to the front or the end */
				int from = !to, n = m[from].nr;

				for (int k = 0; k < n; k++) {
					int id = tail ? m[from].id[k] : m[from].id[n - 1 - k];

					model_insert(&m[to], tail ? m[to].nr : 0, id);
					on[id] = to;
				}
				m[from].nr = 0;
				if (tail)
					list_splice_tail_init(&head[from], &head[to]);
				else
					list_splice_init(&head[from], &head[to]);
			}
			if (prng_below(&p, 40) == 0 &&
			    m[to].nr) { /* cut the front off to the empty other */
				int n = 1 + (int)prng_below(&p, (u64)m[to].nr);

				if (m[!to].nr == 0) {
					list_cut_position(&head[!to], &head[to],
							  &t[m[to].id[n - 1]].link);
					for (int k = 0; k < n; k++) {
						int id = m[to].id[0];

						model_remove(&m[to], id);
						model_insert(&m[!to], m[!to].nr, id);
						on[id] = !to;
					}
				}
			}
			compare(&head[0], &m[0]);
			compare(&head[1], &m[1]);
		}
	}
}

static void hlist_nodes_leave_without_their_head(void **state)
{
	struct hlist_head h = HLIST_HEAD_INIT;
	struct thing t[5], *pos;
	struct hlist_node *n;
	int want[] = { 4, 2, 0 }, k = 0;

	(void)state;
	for (int i = 0; i < 5; i++) {
		t[i].id = i;
		INIT_HLIST_NODE(&t[i].hash);
		assert_true(hlist_unhashed(&t[i].hash));
		hlist_add_head(&t[i].hash, &h);
	}
	hlist_del_init(&t[1].hash);
	hlist_del_init(&t[3].hash);
	hlist_del_init(&t[3].hash); /* twice is once */
	hlist_for_each_entry(pos, &h, hash)
		assert_int_equal(pos->id, want[k++]);
	assert_int_equal(k, 3);
	hlist_add_behind(&t[3].hash, &t[4].hash);
	hlist_add_before(&t[1].hash, &t[0].hash);
	k = 4;
	hlist_for_each_entry_safe(pos, n, &h, hash) {
		assert_int_equal(pos->id, k--);
		hlist_del(&pos->hash);
	}
	assert_int_equal(k, -1);
	assert_true(hlist_empty(&h));
}

static void safe_walks_survive_removal_and_rotation_turns(void **state)
{
	struct thing t[6], *pos, *n;
	LIST_HEAD(head);

	(void)state;
	for (int i = 0; i < 6; i++) {
		t[i].id = i;
		list_add_tail(&t[i].link, &head);
	}
	list_rotate_left(&head);
	assert_int_equal(list_first_entry(&head, struct thing, link)->id, 1);
	assert_true(list_is_last(&t[0].link, &head));
	assert_true(list_is_first(&t[1].link, &head));
	list_for_each_entry_safe(pos, n, &head, link)
		if (pos->id % 2)
			list_del(&pos->link);
	assert_ptr_equal(t[1].link.next, LIST_POISON1);
	assert_int_equal(list_count_nodes(&head), 3);
	INIT_LIST_HEAD(&head);
	assert_null(list_first_entry_or_null(&head, struct thing, link));
}

/* The head is aligned for a list_head only; nothing may be read as an entry there (UBSan looks). */
static void over_aligned_members_walk_cleanly(void **state)
{
	struct over_aligned {
		int id;
		struct list_head link;
	} __attribute__((aligned(64))) t[3], *pos, *n;
	struct list_head heads[3];
	int seen = 0;

	(void)state;
	for (int h = 0; h < 3; h++) { /* at least two of them are not where an entry could be */
		INIT_LIST_HEAD(&heads[h]);
		for (int i = 0; i < 3; i++) {
			t[i].id = i;
			list_add_tail(&t[i].link, &heads[h]);
		}
		list_for_each_entry(pos, &heads[h], link)
			seen += pos->id;
		list_for_each_entry_reverse(pos, &heads[h], link)
			seen += pos->id;
		list_for_each_entry_safe_reverse(pos, n, &heads[h], link)
			seen += pos->id;
		list_for_each_entry_safe(pos, n, &heads[h], link)
			list_del(&pos->link);
		assert_true(list_empty(&heads[h]));
	}
	assert_int_equal(seen, 3 * 3 * 3);
}

static void pointers_carry_errors_and_nothing_else_does(void **state)
{
	int x;

	(void)state;
	assert_true(IS_ERR(ERR_PTR(-ENOMEM)));
	assert_int_equal(PTR_ERR(ERR_PTR(-ENOMEM)), -ENOMEM);
	assert_true(IS_ERR(ERR_PTR(-MAX_ERRNO)));
	assert_false(IS_ERR(ERR_PTR(-MAX_ERRNO - 1)));
	assert_false(IS_ERR(NULL));
	assert_false(IS_ERR(&x));
	assert_true(IS_ERR_OR_NULL(NULL));
	assert_int_equal(PTR_ERR_OR_ZERO(&x), 0);
	assert_int_equal(PTR_ERR_OR_ZERO(ERR_PTR(-EIO)), -EIO);
}

static void bounded_text_never_passes_its_end(void **state)
{
	char b[9];

	(void)state;
	for (size_t size = 0; size <= 8; size++) {
		memset(b, '#', sizeof(b));
		assert_int_equal(scnprintf(b, size, "%s", "elephants"), size ? size - 1 : 0);
		assert_int_equal(b[size], '#');
		if (size)
			assert_int_equal(b[size - 1], 0);
		memset(b, '#', sizeof(b));
		assert_int_equal(strscpy(b, "elephants", size), -E2BIG);
		assert_int_equal(b[size], '#');
	}
	assert_int_equal(scnprintf(b, 8, "%d", 42), 2);
	assert_int_equal(strscpy(b, "cat", 4), 3);
	assert_string_equal(b, "cat");
	assert_int_equal(strscpy(b, "cat", 3), -E2BIG);
	assert_string_equal(b, "ca");
}

static void numbers_are_whole_or_refused(void **state)
{
	u64 v = 7;

	(void)state;
	assert_int_equal(kstrtou64("18446744073709551615", 10, &v), 0);
	assert_true(v == ~0ull);
	v = 7;
	assert_int_equal(kstrtou64("18446744073709551616", 10, &v), -ERANGE);
	assert_int_equal(kstrtou64("0x10000000000000000", 0, &v), -ERANGE);
	assert_int_equal(kstrtou64("", 10, &v), -EINVAL);
	assert_int_equal(kstrtou64("0x", 16, &v), -EINVAL);
	assert_int_equal(kstrtou64("12a", 10, &v), -EINVAL);
	assert_int_equal(kstrtou64("-1", 10, &v), -EINVAL);
	assert_int_equal(kstrtou64("08", 0, &v), -EINVAL);
	assert_int_equal(v, 7); /* untouched by refusals */
	assert_int_equal(kstrtou64("0x1F", 0, &v), 0);
	assert_int_equal(v, 31);
	assert_int_equal(kstrtou64("017", 0, &v), 0);
	assert_int_equal(v, 15);
	assert_int_equal(kstrtou64("0", 0, &v), 0);
	assert_int_equal(v, 0);
}

static int by_value(const void *a, const void *b, const void *priv)
{
	u32 x, y;

	memcpy(&x, a, 4);
	memcpy(&y, b, 4);
	*(u64 *)(uintptr_t)priv += 1;
	return x < y ? -1 : x > y;
}

static void sort_agrees_with_counting(void **state)
{
	(void)state;
	for (u64 seed = 1; seed <= 100; seed++) {
		struct {
			u32 key, tag;
			u8 pad[3];
		} __attribute__((packed)) e[300];
		u32 seen[16] = { 0 }, after[16] = { 0 };
		u64 compares = 0, n;
		struct prng p;

		prng_seed(&p, seed, 1);
		n = seed <= 4 ? seed - 1 : prng_below(&p, 300);
		printf("seed %llu\n", (unsigned long long)seed);
		for (u64 i = 0; i < n; i++) {
			e[i].key = (u32)prng_below(&p, 16);
			e[i].tag = e[i].key * 3;
			seen[e[i].key]++;
		}
		sort_r(e, n, sizeof(e[0]), by_value, &compares);
		for (u64 i = 0; i < n; i++) {
			assert_int_equal(e[i].tag, e[i].key * 3);
			assert_true(i == 0 || e[i - 1].key <= e[i].key);
			after[e[i].key]++;
		}
		assert_memory_equal(seen, after, sizeof(seen));
		assert_true(compares <= 2 * n * 9 + 1); /* 2 n log2(n): never quadratic */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_moves_between_two_lists_agree_with_arrays),
		cmocka_unit_test(hlist_nodes_leave_without_their_head),
		cmocka_unit_test(safe_walks_survive_removal_and_rotation_turns),
		cmocka_unit_test(over_aligned_members_walk_cleanly),
		cmocka_unit_test(pointers_carry_errors_and_nothing_else_does),
		cmocka_unit_test(bounded_text_never_passes_its_end),
		cmocka_unit_test(numbers_are_whole_or_refused),
		cmocka_unit_test(sort_agrees_with_counting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
