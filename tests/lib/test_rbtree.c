/* SPDX-License-Identifier: MIT */
/*
 * lib/rbtree against a naive model: a sorted array. Invariants R1..R5 are proved after every
 * operation of the small runs and now and then in the large one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/prng.h"
#include "lib/rbtree.h"

struct item {
	u64 key, serial;  /* serial: order of insertion */
	u64 len, max_end; /* interval [key, key + len) */
	bool in;
	struct rb_node node;
};

static u64 end_of(struct item *i)
{
	return i->key + i->len;
}
RB_DECLARE_CALLBACKS_MAX(static, by_end, struct item, node, u64, max_end, end_of);

#define item_of(n) rb_entry(n, struct item, node)

/*
 * R1..R4 by a walk with parent links; returns the number of nodes. The tree is bounded, so is the
 * walk.
 */
static size_t x_check(const struct rb_root *root, bool augmented)
{
	size_t count = 0;
	int black_height = -1;
	const struct rb_node *n;

	if (!root->rb_node)
		return 0;
	assert_null(rb_parent(root->rb_node));
	assert_true(root->rb_node->__rb_parent_color & 1); /* R1 */
	for (n = rb_first_postorder(root); n; n = rb_next_postorder(n)) {
		count++;
		if (n->rb_left)
			assert_ptr_equal(rb_parent(n->rb_left), n); /* R4 */
		if (n->rb_right)
			assert_ptr_equal(rb_parent(n->rb_right), n);
		if (!(n->__rb_parent_color & 1)) { /* R2 */
			assert_true(!n->rb_left || (n->rb_left->__rb_parent_color & 1));
			assert_true(!n->rb_right || (n->rb_right->__rb_parent_color & 1));
		}
		if (!n->rb_left || !n->rb_right) { /* R3: blacks from here to the root */
			int blacks = 0;

			for (const struct rb_node *p = n; p; p = rb_parent(p))
				blacks += p->__rb_parent_color & 1;
			if (black_height < 0)
				black_height = blacks;
			assert_int_equal(blacks, black_height);
		}
		if (augmented) {
			u64 m = end_of(item_of(n));

			if (n->rb_left)
				m = max(m, item_of(n->rb_left)->max_end);
			if (n->rb_right)
				m = max(m, item_of(n->rb_right)->max_end);
			assert_int_equal(item_of(n)->max_end, m);
		}
	}
	return count;
}

static void insert(struct rb_root_cached *root, struct item *it, bool augmented)
{
	struct rb_node **link = &root->rb_root.rb_node, *parent = NULL;
	bool leftmost = true;

	while (*link) {
		parent = *link;
		if (it->key < item_of(parent)->key) {
			link = &parent->rb_left;
		} else {
			link = &parent->rb_right;
			leftmost = false;
		}
	}
	rb_link_node(&it->node, parent, link);
	it->in = true;
	it->max_end = end_of(it);
	if (!augmented) {
		rb_insert_color_cached(&it->node, root, leftmost);
		return;
	}
	by_end.propagate(parent, NULL);
	rb_insert_augmented_cached(&it->node, root, leftmost, &by_end);
}

static void erase(struct rb_root_cached *root, struct item *it, bool augmented)
{
	it->in = false;
	if (augmented)
		rb_erase_augmented_cached(&it->node, root, &by_end);
	else
		rb_erase_cached(&it->node, root);
	RB_CLEAR_NODE(&it->node);
}

static int by_key_then_serial(const void *a, const void *b)
{
	const struct item *x = *(struct item *const *)a, *y = *(struct item *const *)b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->serial < y->serial ? -1 : x->serial > y->serial;
}

/*
 * The tree's order, forward and backward, is the model's: sorted by key, equal keys by insertion.
 */
static void compare_with_model(const struct rb_root_cached *root, struct item *items, size_t nr)
{
	struct item **model = malloc(nr * sizeof(*model));
	struct rb_node *n;
	size_t in = 0, i;

	for (i = 0; i < nr; i++)
		if (items[i].in)
			model[in++] = &items[i];
	qsort(model, in, sizeof(*model), by_key_then_serial);
	for (i = 0, n = rb_first(&root->rb_root); n; n = rb_next(n), i++)
		assert_ptr_equal(item_of(n), model[i]);
	assert_int_equal(i, in);
	for (n = rb_last(&root->rb_root); n; n = rb_prev(n))
		assert_ptr_equal(item_of(n), model[--i]);
	assert_int_equal(i, 0);
	assert_ptr_equal(rb_first_cached(root), rb_first(&root->rb_root));
	free(model);
}

static void run(u64 seed, size_t nr, size_t ops, u64 keys, size_t check_every, bool augmented)
{
	struct item *items = calloc(nr, sizeof(*items)), spare = { 0 };
	struct rb_root_cached root = RB_ROOT_CACHED;
	struct prng p;
	u64 serial = 0;
	size_t in = 0;

	printf("seed %llu\n", (unsigned long long)seed);
	prng_seed(&p, seed, 1);
	for (size_t op = 1; op <= ops; op++) {
		struct item *it = &items[prng_below(&p, nr)];

		if (it->in) {
			erase(&root, it, augmented);
			in--;
		} else {
			it->key = prng_below(&p, keys);
			it->len = prng_below(&p, 100);
			it->serial = serial++;
			insert(&root, it, augmented);
			in++;
		}
		if (in && prng_below(&p, 16) ==
				  0) { /* a stand-in takes a node's place and gives it back */
			struct item *v = item_of(rb_first(&root.rb_root));

			spare = *v;
			rb_replace_node_cached(&v->node, &spare.node, &root);
			assert_ptr_equal(rb_first_cached(&root), &spare.node);
			rb_replace_node_cached(&spare.node, &v->node, &root);
		}
		if (op % check_every == 0) {
			assert_int_equal(x_check(&root.rb_root, augmented), in);
			compare_with_model(&root, items, nr);
		}
	}
	free(items);
}

static void random_inserts_and_erases_keep_every_invariant(void **state)
{
	(void)state;
	for (u64 seed = 1; seed <= 40; seed++)
		run(seed, 1 + seed * 2, 400, seed % 3 ? 1000 : 5, 1, false);
}

static void a_large_tree_agrees_with_a_sorted_array(void **state)
{
	(void)state;
	run(77, 5000, 200000, 3000, 20000, false);
}

static void augmented_maximum_is_right_after_every_operation(void **state)
{
	(void)state;
	for (u64 seed = 1; seed <= 40; seed++)
		run(seed + 100, 1 + seed * 2, 400, 200, 1, true);
}

static void keys_1_to_8_give_the_tree_of_the_essay(void **state)
{
	struct item it[9] = { 0 };
	struct rb_root_cached root = RB_ROOT_CACHED;

	(void)state;
	for (u64 k = 1; k <= 7; k++) {
		it[k].key = k;
		insert(&root, &it[k], false);
	}
	assert_ptr_equal(root.rb_root.rb_node, &it[2].node);
	assert_ptr_equal(it[2].node.rb_right, &it[4].node);
	assert_ptr_equal(it[4].node.rb_right, &it[6].node);
	assert_int_equal(it[4].node.__rb_parent_color & 1, 0);
	assert_int_equal(it[6].node.__rb_parent_color & 1, 1);
	it[8].key = 8;
	insert(&root, &it[8], false);
	assert_ptr_equal(root.rb_root.rb_node, &it[4].node);
	assert_int_equal(it[2].node.__rb_parent_color & 1, 0);
	assert_int_equal(it[6].node.__rb_parent_color & 1, 0);
}

static void height_stays_below_twice_the_logarithm(void **state)
{
	enum { N = 1 << 12 };
	static struct item it[N];
	struct rb_root_cached root = RB_ROOT_CACHED;
	int deepest = 0;

	(void)state;
	for (u64 k = 0; k < N; k++) { /* sorted input: the worst case of a plain tree */
		it[k] = (struct item){ .key = k };
		insert(&root, &it[k], false);
	}
	for (u64 k = 0; k < N; k++) {
		int depth = 0;

		for (struct rb_node *n = &it[k].node; n; n = rb_parent(n))
			depth++;
		deepest = max(deepest, depth);
	}
	assert_true(deepest <= 2 * 13);
}

static bool less(struct rb_node *a, const struct rb_node *b)
{
	return item_of(a)->key < item_of((struct rb_node *)b)->key;
}
static int cmp(const void *key, const struct rb_node *n)
{
	u64 k = *(const u64 *)key, other = item_of((struct rb_node *)n)->key;

	return k < other ? -1 : k > other;
}

static void rb_find_finds_what_rb_add_added_and_nothing_else(void **state)
{
	struct item it[100] = { 0 };
	struct rb_root_cached root = RB_ROOT_CACHED;
	struct item *pos, *n;
	u64 freed = 0;

	(void)state;
	for (u64 i = 0; i < 100; i++) {
		struct rb_node *new_first;

		it[i].key = i * 37 % 100 * 2;
		new_first = rb_add_cached(&it[i].node, &root, less);
		assert_int_equal(new_first == &it[i].node, rb_first_cached(&root) == &it[i].node);
	}
	for (u64 k = 0; k < 200; k++) {
		struct rb_node *f = rb_find(&k, &root.rb_root, cmp);

		assert_int_equal(f != NULL, k % 2 == 0);
		if (f)
			assert_int_equal(item_of(f)->key, k);
	}
	rbtree_postorder_for_each_entry_safe(pos, n, &root.rb_root, node) {
		memset(pos, 0xa5, sizeof(*pos)); /* as if freed: must not be looked at again */
		freed++;
	}
	assert_int_equal(freed, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_inserts_and_erases_keep_every_invariant),
		cmocka_unit_test(a_large_tree_agrees_with_a_sorted_array),
		cmocka_unit_test(augmented_maximum_is_right_after_every_operation),
		cmocka_unit_test(keys_1_to_8_give_the_tree_of_the_essay),
		cmocka_unit_test(height_stays_below_twice_the_logarithm),
		cmocka_unit_test(rb_find_finds_what_rb_add_added_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
