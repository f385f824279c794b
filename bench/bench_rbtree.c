/* SPDX-License-Identifier: MIT */
/*
 * Host cost of lib/rbtree beside the C library's tsearch (also a red-black tree, with nodes of its
 * own from malloc), in the same run and on the same seeded keys. The pattern is the run queue's:
 * take the leftmost, put it back further right.
 */
#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>

#include "host/file.h"
#include "lib/prng.h"
#include "lib/rbtree.h"

#define MAX_NODES 100000u
#define OPS 1000000u

struct item {
	u64 key;
	struct rb_node node;
};
static struct item items[MAX_NODES];

static bool less(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct item, node)->key < rb_entry(b, const struct item, node)->key;
}

static double ours(unsigned nodes)
{
	struct rb_root_cached root = RB_ROOT_CACHED;
	struct prng p;
	u64 t;

	prng_seed(&p, 1, 1);
	for (unsigned i = 0; i < nodes; i++) {
		items[i].key = prng_below(&p, 1u << 30);
		rb_add_cached(&items[i].node, &root, less);
	}
	t = host_clock_ns();
	for (unsigned i = 0; i < OPS; i++) {
		struct rb_node *first = rb_first_cached(&root);

		rb_erase_cached(first, &root);
		rb_entry(first, struct item, node)->key += prng_below(&p, 1u << 30);
		rb_add_cached(first, &root, less);
	}
	return (double)(host_clock_ns() - t) / OPS;
}

static int by_key(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x < y ? -1 : x > y; /* tsearch keeps no duplicates */
}

/*
 * tsearch knows no leftmost: the item whose turn it is comes from a shadow order, round robin,
 * which favours it.
 */
static double theirs(unsigned nodes)
{
	struct prng p;
	void *root = NULL;
	u64 t;
	double ns;

	prng_seed(&p, 1, 1);
	for (unsigned i = 0; i < nodes; i++) {
		items[i].key = prng_below(&p, 1u << 30);
		tsearch(&items[i], &root, by_key);
	}
	t = host_clock_ns();
	for (unsigned i = 0; i < OPS; i++) {
		struct item *it = &items[i % nodes];

		tdelete(it, &root, by_key);
		it->key += prng_below(&p, 1u << 30);
		tsearch(it, &root, by_key);
	}
	ns = (double)(host_clock_ns() - t) / OPS;
	for (unsigned i = 0; i < nodes; i++)
		tdelete(&items[i], &root, by_key);
	return ns;
}

int main(void)
{
	printf("erase + insert pair, ns of the host\n%10s %12s %12s\n", "nodes", "osim rbtree",
	       "glibc tsearch");
	for (unsigned n = 10; n <= MAX_NODES; n *= 10)
		printf("%10u %12.1f %12.1f\n", n, ours(n), theirs(n));
	return 0;
}
