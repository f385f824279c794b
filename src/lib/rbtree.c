/* SPDX-License-Identifier: MIT */
/*
 * lib/rbtree.c: red-black trees: rebalancing after a node was hung or taken out, and walks in
 * order.
 *
 * Called by the run queues, VMAs, timers, epoll: by whoever keeps things sorted. Calls nobody. It
 * must not know keys:
 * comparing is the caller's, which is why searching and hanging are not here.
 *
 * Seven keys inserted in the order 1..7; [n] is black, (n) is red:
 *
 *	            [2]                 Every way from [2] to a NULL link passes 2 black nodes:
 *	          /     \               2-1-nil, 2-4-3-nil, 2-4-6-5-nil. The longest way can be at
 *	       [1]      (4)             most twice the shortest: red nodes only fill the gaps.
 *	               /   \
 *	            [3]    [6]          Insert 8: (8) hangs under (7). Parent red, uncle (5) red: both
 *	                  /   \         turn black and [6] red; 6 under the red 4, uncle [1] black: one
 *	                (5)   (7)       turn of 2 to the left, and 4 is the root, black, over (2) and (6).
 *
 * Invariants, proved by x_check() in tests/lib/test_rbtree.c after every operation:
 *	R1  The root is black.
 *	R2  A red node's children are black (a NULL link counts as black).
 *	R3  Every way from a node down to a NULL link passes the same number of black nodes.
 *	R4  A child's parent link names the node whose child it is; the root's is NULL.
 *	R5  An in-order walk gives the same sequence before and after any rotation.
 * From R2 and R3: height <= 2 * log2(n + 1).
 *
 * Left and right are mirror images, so every case is written once, with `side` (false: left, true:
 * right) naming the child that is meant. child() compiles to an address selection. The alternative,
 * each case twice, is a little faster and is where such code gets its mistakes.
 *
 * The colour is bit 0 of the parent link: 1 is black. A fresh node is red, because a red node
 * cannot break R3.
 *
 * Units: none. Owner: nodes are the caller's, embedded in its objects. Locking: the tree owner's.
 * Errors: none possible. Time: charges nothing; the caller charges for its operation.
 * Source: Cormen, Leiserson, Rivest, Stein, Introduction to Algorithms, ch. 13; names as in Linux
 * include/linux/rbtree.h.
 */

#include "lib/rbtree.h"

#define BLACK 1u

typedef void rotate_fn(struct rb_node *old, struct rb_node *new);

static inline bool is_black(const struct rb_node *n)
{
	return !n || (n->__rb_parent_color & BLACK);
}

static inline bool is_red(const struct rb_node *n)
{
	return !is_black(n);
}

static inline void set_parent(struct rb_node *n, struct rb_node *parent)
{
	n->__rb_parent_color = (uintptr_t)parent | (n->__rb_parent_color & BLACK);
}

static inline void set_black(struct rb_node *n)
{
	n->__rb_parent_color |= BLACK;
}

static inline void set_red(struct rb_node *n)
{
	n->__rb_parent_color &= ~(uintptr_t)BLACK;
}

static inline void copy_colour(struct rb_node *to, const struct rb_node *from)
{
	to->__rb_parent_color = (to->__rb_parent_color & ~(uintptr_t)BLACK) |
				(from->__rb_parent_color & BLACK);
}

static inline struct rb_node **child(struct rb_node *n, bool side)
{
	return side ? &n->rb_right : &n->rb_left;
}

/* The link that points at old, a child of parent (NULL: the root), points at new now. */
static inline void replace_child(struct rb_node *parent, struct rb_node *old, struct rb_node *new,
				 struct rb_root *root)
{
	if (!parent)
		root->rb_node = new;
	else
		*child(parent, parent->rb_right == old) = new;
}

/*
 * `down` sinks to its `side`; its other child takes its place. Colours stay with the nodes. With
 * side left:
 *
 *	   down                    up
 *	  /    \                  /  \
 *	 a      up      ->     down   c
 *	       /  \            /  \
 *	  middle   c          a   middle
 */
static force_inline struct rb_node *rotate(struct rb_node *down, bool side, struct rb_root *root,
					   rotate_fn *augment)
{
	struct rb_node *parent = rb_parent(down);
	struct rb_node *up = *child(down, !side);
	struct rb_node *middle = *child(up, side);

	*child(down, !side) = middle;
	if (middle)
		set_parent(middle, down);
	replace_child(parent, down, up, root);
	set_parent(up, parent);
	*child(up, side) = down;
	set_parent(down, up);
	if (augment)
		augment(down, up);
	return up;
}

/* node is red and so, perhaps, is its parent: restore R1 and R2, keeping R3. */
static force_inline void insert_fix(struct rb_node *node, struct rb_root *root, rotate_fn *augment)
{
	for (;;) {
		struct rb_node *parent = rb_parent(node), *grand, *uncle;
		bool side;

		if (!parent) {
			set_black(node);
			return;
		}
		if (is_black(parent))
			return;
		grand = rb_parent(parent); /* exists: a red node is not the root (R1) */
		side = grand->rb_right == parent;
		uncle = *child(grand, !side);
		if (is_red(uncle)) { /* push grand's black down to both: grand may clash above */
			set_black(parent);
			set_black(uncle);
			set_red(grand);
			node = grand;
			continue;
		}
		if (node == *child(parent, !side)) /* inner grandchild: make it the outer one */
			parent = rotate(parent, side, root, augment);
		set_black(parent);
		set_red(grand);
		rotate(grand, !side, root, augment);
		return;
	}
}

void rb_insert_color(struct rb_node *node, struct rb_root *root)
{
	insert_fix(node, root, NULL);
}

void rb_insert_augmented(struct rb_node *node, struct rb_root *root,
			 const struct rb_augment_callbacks *augment)
{
	insert_fix(node, root, augment->rotate);
}

/* Ways through parent's child at `side` are one black node short: restore R3. */
static force_inline void erase_fix(struct rb_node *parent, bool side, struct rb_root *root,
				   rotate_fn *augment)
{
	while (parent) {
		/* The sibling is not NULL: its ways are not short. */
		struct rb_node *sibling = *child(parent, !side);
		struct rb_node *near, *far, *node;

		if (is_red(sibling)) { /* parent and nephews are black: get a black sibling */
			set_black(sibling);
			set_red(parent);
			rotate(parent, side, root, augment);
			sibling = *child(parent, !side);
		}
		near = *child(sibling, side);
		far = *child(sibling, !side);
		if (is_black(near) && is_black(far)) { /* shorten the sibling's too; up */
			set_red(sibling);
			if (is_red(parent)) {
				set_black(parent);
				return;
			}
			node = parent;
			parent = rb_parent(node);
			side = parent && parent->rb_right == node;
			continue;
		}
		if (is_black(far)) { /* near is red: turn it to the far side */
			far = sibling;
			sibling = rotate(sibling, !side, root, augment);
		}
		copy_colour(sibling, parent);
		set_black(parent);
		set_black(far);
		rotate(parent, side, root, augment);
		return;
	}
}

/*
 * Take out a node with at most one child. That child is then red and childless, and node black (R2,
 * R3).
 */
static force_inline void erase_with_one_child(struct rb_node *node, struct rb_root *root,
					      const struct rb_augment_callbacks *augment)
{
	struct rb_node *parent = rb_parent(node);
	struct rb_node *only = node->rb_left ? node->rb_left : node->rb_right;
	bool side = parent && parent->rb_right == node;

	replace_child(parent, node, only, root);
	if (only)
		only->__rb_parent_color = node->__rb_parent_color;
	if (augment)
		augment->propagate(parent, NULL);
	if (!only && is_black(node))
		erase_fix(parent, side, root, augment ? augment->rotate : NULL);
}

/*
 * Take out a node with two children: its successor (the leftmost of its right subtree, which has no
 * left child) takes its place and colour; what is missing then is missing where the successor was.
 */
static force_inline void erase_with_two_children(struct rb_node *node, struct rb_root *root,
						 const struct rb_augment_callbacks *augment)
{
	struct rb_node *next = node->rb_right, *parent, *orphan;
	bool side, next_was_black;

	while (next->rb_left)
		next = next->rb_left;
	orphan = next->rb_right;
	next_was_black = is_black(next);
	parent = rb_parent(next);
	side = parent == node; /* a direct right child leaves its gap on its own right */
	if (side) {
		parent = next;
	} else {
		parent->rb_left = orphan;
		if (orphan)
			set_parent(orphan, parent);
		next->rb_right = node->rb_right;
		set_parent(next->rb_right, next);
	}
	next->rb_left = node->rb_left;
	set_parent(next->rb_left, next);
	replace_child(rb_parent(node), node, next, root);
	next->__rb_parent_color = node->__rb_parent_color;
	if (augment) {
		augment->copy(node, next);
		augment->propagate(parent, next);
		augment->propagate(next, NULL);
	}
	if (orphan)
		set_black(orphan); /* it was red, and next, its parent, black */
	else if (next_was_black)
		erase_fix(parent, side, root, augment ? augment->rotate : NULL);
}

static force_inline void erase(struct rb_node *node, struct rb_root *root,
			       const struct rb_augment_callbacks *augment)
{
	if (node->rb_left && node->rb_right)
		erase_with_two_children(node, root, augment);
	else
		erase_with_one_child(node, root, augment);
}

void rb_erase(struct rb_node *node, struct rb_root *root)
{
	erase(node, root, NULL);
}

void rb_erase_augmented(struct rb_node *node, struct rb_root *root,
			const struct rb_augment_callbacks *augment)
{
	erase(node, root, augment);
}

/* The last node of the subtree in direction `side`. */
static inline struct rb_node *outermost(struct rb_node *n, bool side)
{
	while (n && *child(n, side))
		n = *child(n, side);
	return n;
}

/*
 * The neighbour in direction `side`: below if there is something there, else the first ancestor we
 * are on the other side of.
 */
static inline struct rb_node *neighbour(struct rb_node *n, bool side)
{
	struct rb_node *parent;

	if (RB_EMPTY_NODE(n))
		return NULL;
	if (*child(n, side))
		return outermost(*child(n, side), !side);
	while ((parent = rb_parent(n)) && n == *child(parent, side))
		n = parent;
	return parent;
}

struct rb_node *rb_first(const struct rb_root *root)
{
	return outermost(root->rb_node, false);
}

struct rb_node *rb_last(const struct rb_root *root)
{
	return outermost(root->rb_node, true);
}

struct rb_node *rb_next(const struct rb_node *node)
{
	return neighbour((struct rb_node *)node, true);
}

struct rb_node *rb_prev(const struct rb_node *node)
{
	return neighbour((struct rb_node *)node, false);
}

/* The first leaf: down, left where possible. */
static struct rb_node *first_leaf(struct rb_node *n)
{
	while (n && (n->rb_left || n->rb_right))
		n = n->rb_left ? n->rb_left : n->rb_right;
	return n;
}

struct rb_node *rb_first_postorder(const struct rb_root *root)
{
	return first_leaf(root->rb_node);
}

struct rb_node *rb_next_postorder(const struct rb_node *node)
{
	struct rb_node *parent;

	if (!node)
		return NULL;
	parent = rb_parent(node);
	if (parent && node == parent->rb_left && parent->rb_right)
		return first_leaf(parent->rb_right);
	return parent;
}

void rb_replace_node(struct rb_node *victim, struct rb_node *new, struct rb_root *root)
{
	*new = *victim;
	replace_child(rb_parent(victim), victim, new, root);
	if (new->rb_left)
		set_parent(new->rb_left, new);
	if (new->rb_right)
		set_parent(new->rb_right, new);
}
