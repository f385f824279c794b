/* SPDX-License-Identifier: MIT */
/*
 * lib/xarray.c: a sparse array of pointers: a tree of 64-slot nodes that grows at the root.
 *
 * Called by the page cache, the pid table, descriptor maps. Calls the owner's node allocator. It
 * must not know what the entries point at, and it never sleeps itself (the allocator might).
 *
 * Entries at 0, 5 and 4100 (= 1 * 4096 + 0 * 64 + 4). Two levels reach 4095, so there are three:
 *
 *	head -> shift 12  slot 0 -> shift 6  slot 0 -> shift 0  slot 0: e0   slot 5: e5
 *	                  slot 1 -> shift 6  slot 0 -> shift 0  slot 4: e4100
 *
 * Erase 4100: its leaf is empty and goes, then its parent; now the top has slot 0 alone, so the top
 * goes too, then the next:
 * head -> shift 0 {0, 5}. Erase 5: only index 0 is left, so head is e0 itself and there is no node.
 *
 * Invariants, proved by x_check() in tests/lib/test_xarray.c:
 *	X1  levels 0: head is NULL or the entry of index 0. Else head is a node with shift 6 *
 *	    (levels - 1).
 *	X2  A node's count is its number of slots that are not NULL, and is never 0 between calls.
 *	X3  The top node has something besides slot 0: no taller than needed.
 *	X4  parent and offset name the slot that holds the node; the top's parent is NULL.
 *	X5  marks[m] bit i: slot i is an entry with mark m, or a node with any bit of marks[m]. A
 *	    NULL slot has no marks.
 *	X6  A call that fails leaves the array as it was, nodes and marks included.
 *
 * What a slot is follows from its node's shift, never from the pointer's bits, so any aligned
 * pointer can be an entry; Linux tags node pointers instead, because its readers run without the
 * lock.
 *
 * Units: indices are entries (pages, say), not bytes. Owner: nodes are the array's, entries the
 * caller's.
 * Locking: the owner's lock over each call. Errors: -ENOMEM from xa_store and xa_insert, -EBUSY
 * from xa_insert.
 * Time: charges nothing; O(levels) <= 11 steps. Source: Linux include/linux/xarray.h for names and
 * meaning.
 */

#include "lib/xarray.h"
#include "lib/bitmap.h"
#include "lib/string.h"

#define SLOT_MASK (XA_CHUNK_SIZE - 1)
#define MAX_LEVELS 11u /* 11 * 6 = 66 bits >= 64 */

void xa_init(struct xarray *xa, const struct xa_ops *ops, void *arg)
{
	*xa = (struct xarray){ .ops = ops, .arg = arg };
}

static inline unsigned slot_of(u64 index, unsigned shift)
{
	return (unsigned)(index >> shift) & SLOT_MASK;
}

/* The largest index that `levels` levels reach. */
static inline u64 reach(unsigned levels)
{
	unsigned bits = levels * XA_CHUNK_SHIFT;

	return bits >= 64 ? ~0ull : (1ull << bits) - 1;
}

static struct xa_node *node_new(struct xarray *xa, unsigned shift, struct xa_node *parent,
				unsigned offset)
{
	struct xa_node *n = xa->ops->alloc(xa->arg, sizeof(*n));

	if (!n)
		return NULL;
	memset(n, 0, sizeof(*n));
	n->shift = (u8)shift;
	n->parent = parent;
	n->offset = (u8)offset;
	return n;
}

/* The leaf that covers index; NULL: none. levels is not 0. */
static struct xa_node *leaf_of(const struct xarray *xa, u64 index)
{
	struct xa_node *n = xa->head;

	if (index > reach(xa->levels))
		return NULL;
	while (n && n->shift)
		n = n->slots[slot_of(index, n->shift)];
	return n;
}

void *xa_load(const struct xarray *xa, u64 index)
{
	struct xa_node *n;

	if (!xa->levels)
		return index ? NULL : xa->head;
	n = leaf_of(xa, index);
	return n ? n->slots[slot_of(index, 0)] : NULL;
}

/* Mark m of slot i changed: carry it up until a node's answer stays the same (X5). */
static void mark_up(struct xa_node *n, unsigned i, unsigned m)
{
	while (n) {
		bool had = n->marks[m] != 0;

		n->marks[m] |= BIT_ULL(i);
		if (had)
			return;
		i = n->offset;
		n = n->parent;
	}
}

static void unmark_up(struct xa_node *n, unsigned i, unsigned m)
{
	while (n) {
		n->marks[m] &= ~BIT_ULL(i);
		if (n->marks[m])
			return;
		i = n->offset;
		n = n->parent;
	}
}

/* X3: while the top has nothing but slot 0, what is there becomes the top. */
static void shrink(struct xarray *xa)
{
	while (xa->levels) {
		struct xa_node *top = xa->head;
		void *only = top->slots[0];

		if (top->count != 1 || !only)
			return;
		xa->head_marks = 0;
		if (xa->levels == 1) {
			for (unsigned m = 0; m < XA_MAX_MARKS; m++)
				xa->head_marks |= (u8)((top->marks[m] & 1) << m);
		} else {
			((struct xa_node *)only)->parent = NULL;
		}
		xa->head = only;
		xa->levels--;
		xa->ops->free(xa->arg, top);
	}
}

/* X2: free n and its ancestors as far as they are empty, then shrink. n may be NULL. */
static void prune(struct xarray *xa, struct xa_node *n)
{
	while (n && !n->count) {
		struct xa_node *parent = n->parent;

		if (parent) {
			parent->slots[n->offset] = NULL;
			parent->count--;
		} else {
			xa->head = NULL;
			xa->levels = 0;
			xa->head_marks = 0;
		}
		xa->ops->free(xa->arg, n);
		n = parent;
	}
	shrink(xa);
}

/* Put a node above the top, with the old top (or the entry of index 0) in its slot 0. */
static bool grow_one(struct xarray *xa)
{
	struct xa_node *old = xa->head, *top;
	bool leaf = xa->levels == 0;

	top = node_new(xa, xa->levels * XA_CHUNK_SHIFT, NULL, 0);
	if (!top)
		return false;
	if (old) {
		top->slots[0] = old;
		top->count = 1;
		for (unsigned m = 0; m < XA_MAX_MARKS; m++)
			top->marks[m] = leaf ? xa->head_marks >> m & 1 : old->marks[m] != 0;
		if (!leaf)
			old->parent = top;
	}
	xa->head = top;
	xa->head_marks = 0;
	xa->levels++;
	return true;
}

/*
 * Make the way down to index's leaf, taller and deeper as needed. NULL: a node could not be had;
 * what was made on the way is pruned, so that the array is as it was (X6).
 */
static struct xa_node *make_leaf(struct xarray *xa, u64 index)
{
	struct xa_node *n;

	/* An empty array starts as tall as it needs to be: growing an empty top would break X2. */
	if (!xa->head) {
		unsigned levels = 1;

		while (index > reach(levels))
			levels++;
		xa->head = node_new(xa, (levels - 1) * XA_CHUNK_SHIFT, NULL, 0);
		if (!xa->head)
			return NULL;
		xa->levels = (u8)levels;
	}
	while (!xa->levels || index > reach(xa->levels)) {
		if (!grow_one(xa)) {
			shrink(xa);
			return NULL;
		}
	}
	for (n = xa->head; n->shift;) {
		unsigned i = slot_of(index, n->shift);
		struct xa_node *below = n->slots[i];

		if (!below) {
			below = node_new(xa, n->shift - XA_CHUNK_SHIFT, n, i);
			if (!below) {
				prune(xa, n);
				return NULL;
			}
			n->slots[i] = below;
			n->count++;
		}
		n = below;
	}
	return n;
}

static void *store_at_head(struct xarray *xa, void *entry)
{
	void *old = xa->head;

	xa->head = entry;
	if (!old)
		xa->head_marks = 0;
	return old;
}

void *xa_store(struct xarray *xa, u64 index, void *entry)
{
	struct xa_node *n;
	void **slot, *old;

	if (!entry)
		return xa_erase(xa, index);
	if (!xa->levels && index == 0)
		return store_at_head(xa, entry);
	n = make_leaf(xa, index);
	if (!n)
		return (void *)(intptr_t)(-ENOMEM * 4 + 2);
	slot = &n->slots[slot_of(index, 0)];
	old = *slot;
	*slot = entry;
	if (!old)
		n->count++;
	return old;
}

int xa_insert(struct xarray *xa, u64 index, void *entry)
{
	if (xa_load(xa, index))
		return -EBUSY;
	return xa_err(xa_store(xa, index, entry));
}

void *xa_erase(struct xarray *xa, u64 index)
{
	struct xa_node *n;
	unsigned i = slot_of(index, 0);
	void *old;

	if (!xa->levels) {
		if (index)
			return NULL;
		old = store_at_head(xa, NULL);
		xa->head_marks = 0;
		return old;
	}
	n = leaf_of(xa, index);
	if (!n || !n->slots[i])
		return NULL;
	old = n->slots[i];
	for (unsigned m = 0; m < XA_MAX_MARKS; m++)
		if (n->marks[m] >> i & 1)
			unmark_up(n, i, m);
	n->slots[i] = NULL;
	n->count--;
	prune(xa, n);
	return old;
}

/* The first slot of n from i on that is present, or has the mark; XA_CHUNK_SIZE: none. */
static unsigned next_passing(const struct xa_node *n, unsigned i, xa_mark_t filter)
{
	u64 marked;

	if (filter == XA_PRESENT) {
		while (i < XA_CHUNK_SIZE && !n->slots[i])
			i++;
		return i;
	}
	marked = n->marks[filter] & (~0ull << i);
	return marked ? __ffs(marked) : XA_CHUNK_SIZE;
}

/*
 * Down while there is a passing slot at or after index, up when there is none. Every step down
 * starts at the lowest index of its node unless index itself is inside; so index only grows, and
 * each node is looked at twice at most.
 */
static void *find_in_tree(const struct xarray *xa, u64 *indexp, u64 max, xa_mark_t filter)
{
	struct xa_node *n = xa->head;
	u64 index = *indexp;

	if (index > reach(xa->levels))
		return NULL;
	while (n) {
		unsigned i = slot_of(index, n->shift);
		unsigned found = next_passing(n, i, filter);
		u64 covered = reach(n->shift / XA_CHUNK_SHIFT + 1u); /* the index bits below n */

		if (found < XA_CHUNK_SIZE) {
			if (found != i) /* a later slot: from its lowest index */
				index = (index & ~covered) | (u64)found << n->shift;
			if (index > max)
				return NULL;
			if (!n->shift) {
				*indexp = index;
				return n->slots[found];
			}
			n = n->slots[found];
			continue;
		}
		/* Nothing here: on with the first index after this node. */
		if ((index | covered) == ~0ull)
			return NULL;
		index = (index | covered) + 1;
		do
			n = n->parent;
		while (n && slot_of(index, n->shift) == 0);
	}
	return NULL;
}

void *xa_find(const struct xarray *xa, u64 *index, u64 max, xa_mark_t filter)
{
	if (*index > max)
		return NULL;
	if (xa->levels)
		return find_in_tree(xa, index, max, filter);
	if (*index || (filter != XA_PRESENT && !(xa->head_marks >> filter & 1)))
		return NULL;
	return xa->head;
}

void *xa_find_after(const struct xarray *xa, u64 *index, u64 max, xa_mark_t filter)
{
	u64 next = *index + 1;
	void *entry;

	if (!next)
		return NULL;
	entry = xa_find(xa, &next, max, filter);
	if (entry)
		*index = next;
	return entry;
}

void xa_set_mark(struct xarray *xa, u64 index, xa_mark_t mark)
{
	struct xa_node *n;

	if (!xa_load(xa, index))
		return;
	if (!xa->levels) {
		xa->head_marks |= (u8)(1u << mark);
		return;
	}
	n = leaf_of(xa, index);
	mark_up(n, slot_of(index, 0), mark);
}

void xa_clear_mark(struct xarray *xa, u64 index, xa_mark_t mark)
{
	struct xa_node *n;

	if (!xa_get_mark(xa, index, mark))
		return;
	if (!xa->levels) {
		xa->head_marks &= (u8) ~(1u << mark);
		return;
	}
	n = leaf_of(xa, index);
	unmark_up(n, slot_of(index, 0), mark);
}

bool xa_get_mark(const struct xarray *xa, u64 index, xa_mark_t mark)
{
	struct xa_node *n;

	if (!xa->levels)
		return index == 0 && (xa->head_marks >> mark & 1);
	n = leaf_of(xa, index);
	return n && (n->marks[mark] >> slot_of(index, 0) & 1);
}

bool xa_marked(const struct xarray *xa, xa_mark_t mark)
{
	if (!xa->levels)
		return xa->head_marks >> mark & 1;
	return ((struct xa_node *)xa->head)->marks[mark] != 0;
}

/*
 * Nodes in postorder, without recursion: from the deepest first child, by parent and offset. NULL:
 * done.
 */
static struct xa_node *first_node_below(struct xa_node *n)
{
	while (n->shift) {
		unsigned i = 0;

		while (!n->slots[i]) /* X2: there is one */
			i++;
		n = n->slots[i];
	}
	return n;
}

static struct xa_node *next_node(struct xa_node *n)
{
	struct xa_node *parent = n->parent;

	if (!parent)
		return NULL;
	for (unsigned i = n->offset + 1u; i < XA_CHUNK_SIZE; i++)
		if (parent->slots[i])
			return first_node_below(parent->slots[i]);
	return parent;
}

u64 xa_count_nodes(const struct xarray *xa)
{
	u64 nodes = 0;

	if (!xa->levels)
		return 0;
	for (struct xa_node *n = first_node_below(xa->head); n; n = next_node(n))
		nodes++;
	return nodes;
}

void xa_destroy(struct xarray *xa)
{
	struct xa_node *n = xa->levels ? first_node_below(xa->head) : NULL;

	while (n) {
		struct xa_node *next = next_node(n);

		xa->ops->free(xa->arg, n);
		n = next;
	}
	xa_init(xa, xa->ops, xa->arg);
}

_Static_assert(sizeof(struct xa_node) == 16 + 8 * XA_MAX_MARKS + 8 * XA_CHUNK_SIZE,
	       "node size is part of the simulated kernel's memory use");
