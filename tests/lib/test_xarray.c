/* SPDX-License-Identifier: MIT */
/*
 * lib/xarray against a naive model (a list of index, entry, marks), with the nth node allocation
 * failing for every n.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/bitmap.h"
#include "lib/prng.h"
#include "lib/xarray.h"

/* Counts what is out, and fails the nth allocation (0: none) and all after it when `for_good`. */
struct pool {
	u64 out, asked, fail_nth;
	bool for_good;
};

static void *pool_alloc(void *arg, size_t size)
{
	struct pool *p = arg;
	void *n;

	p->asked++;
	if (p->fail_nth && (p->asked == p->fail_nth || (p->for_good && p->asked > p->fail_nth)))
		return NULL;
	n = malloc(size);
	memset(n, 0xa5, size); /* nobody promised zeroes */
	p->out++;
	return n;
}
static void pool_free(void *arg, void *node)
{
	((struct pool *)arg)->out--;
	free(node);
}
static const struct xa_ops ops = { pool_alloc, pool_free };

#define MODEL_MAX 512
struct model {
	struct {
		u64 index;
		void *entry;
		bool mark[XA_MAX_MARKS];
	} e[MODEL_MAX];
	size_t nr;
};

static size_t model_at(const struct model *m, u64 index)
{
	size_t i = 0;

	while (i < m->nr && m->e[i].index != index)
		i++;
	return i;
}

/* X1..X5 in every node. */
static void x_check(const struct xarray *xa)
{
	const struct xa_node *stack[16 * XA_CHUNK_SIZE], *top = xa->head;
	size_t depth = 0;

	if (!xa->levels)
		return;
	assert_int_equal(top->shift, 6 * (xa->levels - 1));
	assert_null(top->parent);
	assert_true(top->count > 1 || !top->slots[0]); /* X3 */
	stack[depth++] = top;
	while (depth) {
		const struct xa_node *n = stack[--depth];
		unsigned count = 0;

		for (unsigned i = 0; i < XA_CHUNK_SIZE; i++) {
			const struct xa_node *below = n->slots[i];

			count += below != NULL;
			for (unsigned m = 0; m < XA_MAX_MARKS; m++) {
				bool marked = n->marks[m] >> i & 1;

				if (!below)
					assert_false(marked);
				else if (n->shift)
					assert_int_equal(marked, below->marks[m] != 0);
			}
			if (below && n->shift) {
				assert_int_equal(below->shift, n->shift - 6);
				assert_ptr_equal(below->parent, n);
				assert_int_equal(below->offset, i);
				assert_true(depth < ARRAY_SIZE(stack));
				stack[depth++] = below;
			}
		}
		assert_int_equal(count, n->count);
		assert_true(count > 0); /* X2 */
	}
}

/* Every entry and mark, by lookup and by walks, and nothing else. */
static void compare(const struct xarray *xa, const struct model *m)
{
	u64 index, last = 0;
	void *entry;
	size_t seen = 0;

	for (size_t i = 0; i < m->nr; i++) {
		assert_ptr_equal(xa_load(xa, m->e[i].index), m->e[i].entry);
		for (unsigned k = 0; k < XA_MAX_MARKS; k++)
			assert_int_equal(xa_get_mark(xa, m->e[i].index, k), m->e[i].mark[k]);
	}
	xa_for_each(xa, index, entry) {
		assert_true(!seen || index > last);
		last = index;
		assert_true(model_at(m, index) < m->nr);
		seen++;
	}
	assert_int_equal(seen, m->nr);
	for (unsigned k = 0; k < XA_MAX_MARKS; k++) {
		size_t want = 0;

		for (size_t i = 0; i < m->nr; i++)
			want += m->e[i].mark[k];
		assert_int_equal(xa_marked(xa, k), want > 0);
		seen = 0;
		xa_for_each_marked(xa, index, entry, k) {
			assert_true(m->e[model_at(m, index)].mark[k]);
			seen++;
		}
		assert_int_equal(seen, want);
	}
}

static u64 some_index(struct prng *p)
{
	switch (prng_below(p, 6)) {
	case 0:
		return prng_below(p, 4);
	case 1:
		return prng_below(p, 130);
	case 2:
		return prng_below(p, 10000);
	case 3:
		return ~0ull - prng_below(p, 70);
	case 4:
		return 1ull << prng_below(p, 64);
	default:
		return prng_u64(p) >> prng_below(p, 64);
	}
}

static void *some_entry(struct prng *p)
{
	return prng_below(p, 2) ? xa_mk_value(prng_below(p, 1000)) :
				  (void *)(uintptr_t)((1 + prng_below(p, 1000)) * 8);
}

static void step(struct xarray *xa, struct model *m, struct prng *p, struct pool *pool)
{
	bool existing = m->nr && prng_below(p, 2);
	u64 index = existing ? m->e[prng_below(p, m->nr)].index : some_index(p);
	size_t at = model_at(m, index);
	void *old = at < m->nr ? m->e[at].entry : NULL, *entry = some_entry(p), *got;
	unsigned k = (unsigned)prng_below(p, XA_MAX_MARKS);

	switch (prng_below(p, 5)) {
	case 0:
	case 1:
		if (m->nr == MODEL_MAX)
			return;
		got = xa_store(xa, index, entry);
		if (pool->fail_nth && xa_is_err(got)) {
			assert_int_equal(xa_err(got), -ENOMEM);
			return;
		}
		assert_ptr_equal(got, old);
		m->e[at].index = index;
		m->e[at].entry = entry;
		if (!old) {
			memset(m->e[at].mark, 0, sizeof(m->e[at].mark));
			m->nr++;
		}
		break;
	case 2:
		assert_ptr_equal(xa_erase(xa, index), old);
		if (old)
			m->e[at] = m->e[--m->nr];
		break;
	case 3:
		xa_set_mark(xa, index, k);
		if (old)
			m->e[at].mark[k] = true;
		break;
	case 4:
		xa_clear_mark(xa, index, k);
		if (old)
			m->e[at].mark[k] = false;
		break;
	}
}

static void random_operations_agree_with_a_list(void **state)
{
	(void)state;
	for (u64 seed = 1; seed <= 60; seed++) {
		struct pool pool = { 0 };
		struct model *m = calloc(1, sizeof(*m));
		struct xarray xa;
		struct prng p;

		printf("seed %llu\n", (unsigned long long)seed);
		prng_seed(&p, seed, 2);
		xa_init(&xa, &ops, &pool);
		for (int op = 0; op < 400; op++) {
			step(&xa, m, &p, &pool);
			x_check(&xa);
			if (op % 10 == 0)
				compare(&xa, m);
			assert_int_equal(xa_count_nodes(&xa), pool.out);
		}
		while (m->nr) { /* emptied one by one: no node stays */
			m->nr--;
			assert_ptr_equal(xa_erase(&xa, m->e[m->nr].index), m->e[m->nr].entry);
			x_check(&xa);
		}
		assert_true(xa_empty(&xa));
		assert_int_equal(pool.out, 0);
		free(m);
	}
}

/*
 * The same seeded run again and again with the nth allocation failing, once and from then on, until
 * n is beyond the last.
 */
static void any_failed_allocation_leaves_the_array_as_it_was(void **state)
{
	(void)state;
	for (int for_good = 0; for_good <= 1; for_good++) {
		u64 n = 1, asked;

		do {
			struct pool pool = { .fail_nth = n, .for_good = for_good };
			struct model *m = calloc(1, sizeof(*m));
			struct xarray xa;
			struct prng p;

			prng_seed(&p, 9, 2);
			xa_init(&xa, &ops, &pool);
			for (int op = 0; op < 60; op++) {
				step(&xa, m, &p, &pool);
				x_check(&xa);
				compare(&xa, m);
				assert_int_equal(xa_count_nodes(&xa), pool.out);
			}
			xa_destroy(&xa);
			assert_int_equal(pool.out, 0);
			asked = pool.asked;
			free(m);
		} while (asked >= n++);
		assert_true(n > 20); /* the sweep did meet allocations */
	}
}

static void index_zero_alone_needs_no_node(void **state)
{
	struct pool pool = { 0 };
	struct xarray xa;
	int x;

	(void)state;
	xa_init(&xa, &ops, &pool);
	assert_null(xa_store(&xa, 0, &x));
	xa_set_mark(&xa, 0, XA_MARK_1);
	assert_int_equal(pool.out, 0);
	assert_null(xa_store(&xa, 4100, &x));
	assert_int_equal(pool.out, 5);
	assert_true(xa_get_mark(&xa, 0, XA_MARK_1));
	assert_ptr_equal(xa_erase(&xa, 4100), &x);
	assert_int_equal(pool.out, 0);
	assert_true(xa_get_mark(&xa, 0, XA_MARK_1));
	assert_int_equal(xa_insert(&xa, 0, &x), -EBUSY);
}

static void find_respects_start_maximum_and_the_last_index(void **state)
{
	struct pool pool = { 0 };
	struct xarray xa;
	u64 at[] = { 3, 64, 4095, 4096, 1ull << 40, ~0ull }, index;

	(void)state;
	xa_init(&xa, &ops, &pool);
	for (size_t i = 0; i < ARRAY_SIZE(at); i++)
		xa_store(&xa, at[i], xa_mk_value(i));
	index = 0;
	assert_null(xa_find(&xa, &index, 2, XA_PRESENT));
	index = 65;
	assert_int_equal(xa_to_value(xa_find(&xa, &index, 4095, XA_PRESENT)), 2);
	assert_int_equal(index, 4095);
	assert_null(xa_find_after(&xa, &index, 4095, XA_PRESENT));
	index = (1ull << 40) + 1;
	assert_int_equal(xa_to_value(xa_find(&xa, &index, ~0ull, XA_PRESENT)), 5);
	assert_true(index == ~0ull);
	assert_null(xa_find_after(&xa, &index, ~0ull, XA_PRESENT));
	xa_destroy(&xa);
	assert_int_equal(pool.out, 0);
}

static void the_loop_body_may_erase_its_entry(void **state)
{
	struct pool pool = { 0 };
	struct xarray xa;
	u64 index;
	void *entry;

	(void)state;
	xa_init(&xa, &ops, &pool);
	for (u64 i = 0; i < 1000; i++)
		xa_store(&xa, i * i, xa_mk_value(i));
	xa_for_each(&xa, index, entry)
		assert_ptr_equal(xa_erase(&xa, index), entry);
	assert_true(xa_empty(&xa));
	assert_int_equal(pool.out, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_operations_agree_with_a_list),
		cmocka_unit_test(any_failed_allocation_leaves_the_array_as_it_was),
		cmocka_unit_test(index_zero_alone_needs_no_node),
		cmocka_unit_test(find_respects_start_maximum_and_the_last_index),
		cmocka_unit_test(the_loop_body_may_erase_its_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
