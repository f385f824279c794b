/* SPDX-License-Identifier: MIT */
#ifndef LIB_SORT_H
#define LIB_SORT_H

/* Sorting whose result is the same on every host, without memory or recursion. */

#include "lib/types.h"

/*
 * Heap sort of num elements of size bytes at base; cmp as for qsort, with priv passed through. O(n
 * log n) always. Not stable: elements that compare equal end in an order that depends only on the
 * input order; make cmp total where it shows.
 */
void sort_r(void *base, size_t num, size_t size,
	    int (*cmp)(const void *a, const void *b, const void *priv), const void *priv);

#endif
