/* SPDX-License-Identifier: MIT */
/*
 * lib/sort.c: heap sort.
 *
 * Called by whoever must order an array in simulated or embedder memory. Calls the caller's cmp. It
 * must not be replaced by the C library's qsort, whose algorithm (and so the order of equal
 * elements) differs between hosts, and which may allocate.
 *
 *	5 elements as a heap, parent of i at (i - 1) / 2:     0:9  1:7  2:4  3:1  4:3
 *	take the top to the end, let the last sink:           0:7  1:3  2:4  3:1 | 9
 *
 * Invariants:
 *	S1  While building: every element in [i, n) is not less than its children.
 *	S2  While taking: [0, n) is a heap, [n, num) is sorted and not less than any of the heap.
 *	S3  The sequence of cmp and swap calls depends on the input order and cmp's answers only.
 *
 * Units: size is bytes. Owner: the caller's array. Locking: the caller's. Errors: none. Time:
 * charges nothing; O(n log n).
 * Source: Williams, "Algorithm 232: Heapsort" (1964), Floyd's bottom-up building.
 */

#include "lib/sort.h"

static void swap_bytes(u8 *a, u8 *b, size_t n)
{
	while (n--) {
		u8 t = *a;

		*a++ = *b;
		*b++ = t;
	}
}

struct heap {
	u8 *base;
	size_t size;
	int (*cmp)(const void *a, const void *b, const void *priv);
	const void *priv;
};

static u8 *at(const struct heap *h, size_t i)
{
	return h->base + i * h->size;
}

/* Element i sinks until neither child among the first n is greater. */
static void sink(const struct heap *h, size_t i, size_t n)
{
	for (;;) {
		size_t c = 2 * i + 1;

		if (c >= n)
			return;
		if (c + 1 < n && h->cmp(at(h, c), at(h, c + 1), h->priv) < 0)
			c++;
		if (h->cmp(at(h, i), at(h, c), h->priv) >= 0)
			return;
		swap_bytes(at(h, i), at(h, c), h->size);
		i = c;
	}
}

void sort_r(void *base, size_t num, size_t size,
	    int (*cmp)(const void *a, const void *b, const void *priv), const void *priv)
{
	struct heap h = { base, size, cmp, priv };

	for (size_t i = num / 2; i-- > 0;)
		sink(&h, i, num);
	for (size_t n = num; n > 1; n--) {
		swap_bytes(at(&h, 0), at(&h, n - 1), size);
		sink(&h, 0, n - 1);
	}
}
