/* SPDX-License-Identifier: MIT */
#ifndef LIB_RBTREE_H
#define LIB_RBTREE_H

/*
 * Red-black trees whose nodes live inside the members. The tree does not know the order: the caller
 * walks down comparing keys, hangs the node with rb_link_node() at the NULL link it ends at, and
 * calls rb_insert_color().
 *
 *	struct rb_node **link = &root->rb_node, *parent = NULL;
 *	while (*link) {
 *		parent = *link;
 *		link = key < rb_entry(parent, struct thing, node)->key ? &parent->rb_left :
 *		&parent->rb_right;
 *	}
 *	rb_link_node(&thing->node, parent, link);
 *	rb_insert_color(&thing->node, root);
 *
 * Going right on equal keys keeps equal members in the order of insertion, which is what makes the
 * run queue fair and reproducible. Everything is O(log n) but rb_first_cached (O(1)) and whole
 * walks (O(n)). No allocation, no failure, no locking: the tree's owner names its lock. The
 * augmented calls keep a value per node that depends on its subtree.
 */

#include "lib/compiler.h"
#include "lib/types.h"

struct rb_node {
	/* parent's address; bit 0 set: black. Own address: on no tree. */
	uintptr_t __rb_parent_color;
	struct rb_node *rb_right;
	struct rb_node *rb_left;
} __attribute__((aligned(8)));

struct rb_root {
	struct rb_node *rb_node;
};
/* The leftmost node is remembered: the run queue asks for nothing else. */
struct rb_root_cached {
	struct rb_root rb_root;
	struct rb_node *rb_leftmost;
};

#define RB_ROOT ((struct rb_root){ NULL })
#define RB_ROOT_CACHED ((struct rb_root_cached){ { NULL }, NULL })
#define RB_EMPTY_ROOT(root) ((root)->rb_node == NULL)
#define RB_EMPTY_NODE(node) ((node)->__rb_parent_color == (uintptr_t)(node))
#define RB_CLEAR_NODE(node) ((node)->__rb_parent_color = (uintptr_t)(node))
#define rb_parent(node) ((struct rb_node *)((node)->__rb_parent_color & ~(uintptr_t)3))
#define rb_entry(ptr, type, member) container_of(ptr, type, member)
#define rb_entry_safe(ptr, type, member)                                                           \
	({                                                                                         \
		__typeof__(ptr) rp_ = (ptr);                                                       \
		rp_ ? rb_entry(rp_, type, member) : NULL;                                          \
	})

/*
 * A value kept in each node that is a function of the node and its two children (the largest end in
 * a subtree of intervals, say). propagate: recompute from node up to, not including, stop (NULL:
 * the root); it may end early where a value did not change. copy: new takes old's value. rotate:
 * new took old's place above it: new takes old's value, old is recomputed.
 * Before rb_insert_augmented() the caller has propagated from the new node's parent up.
 */
struct rb_augment_callbacks {
	void (*propagate)(struct rb_node *node, struct rb_node *stop);
	void (*copy)(struct rb_node *old, struct rb_node *new);
	void (*rotate)(struct rb_node *old, struct rb_node *new);
};

/*
 * Hang node, red and childless, at *link, which is a NULL child link of parent (or the root, parent
 * NULL).
 */
static inline void rb_link_node(struct rb_node *node, struct rb_node *parent, struct rb_node **link)
{
	node->__rb_parent_color = (uintptr_t)parent;
	node->rb_left = NULL;
	node->rb_right = NULL;
	*link = node;
}

/* Rebalance after rb_link_node(). */
void rb_insert_color(struct rb_node *node, struct rb_root *root);
/* Take node out. Its own fields are left as they were: RB_CLEAR_NODE() when it will be asked. */
void rb_erase(struct rb_node *node, struct rb_root *root);
void rb_insert_augmented(struct rb_node *node, struct rb_root *root,
			 const struct rb_augment_callbacks *augment);
void rb_erase_augmented(struct rb_node *node, struct rb_root *root,
			const struct rb_augment_callbacks *augment);

/* In order. NULL: none. */
struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_last(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *node);
struct rb_node *rb_prev(const struct rb_node *node);
/* Children before parents: the order in which a whole tree may be freed. */
struct rb_node *rb_first_postorder(const struct rb_root *root);
struct rb_node *rb_next_postorder(const struct rb_node *node);

/* new takes victim's place; the key must sort the same. O(1). */
void rb_replace_node(struct rb_node *victim, struct rb_node *new, struct rb_root *root);

#define rb_first_cached(root) ((root)->rb_leftmost)

/* leftmost: the walk down never went right. */
static inline void rb_insert_color_cached(struct rb_node *node, struct rb_root_cached *root,
					  bool leftmost)
{
	if (leftmost)
		root->rb_leftmost = node;
	rb_insert_color(node, &root->rb_root);
}

/* Returns the new leftmost node when it changed, else NULL. */
static inline struct rb_node *rb_erase_cached(struct rb_node *node, struct rb_root_cached *root)
{
	struct rb_node *leftmost = NULL;

	if (root->rb_leftmost == node)
		leftmost = root->rb_leftmost = rb_next(node);
	rb_erase(node, &root->rb_root);
	return leftmost;
}

static inline void rb_insert_augmented_cached(struct rb_node *node, struct rb_root_cached *root,
					      bool leftmost,
					      const struct rb_augment_callbacks *augment)
{
	if (leftmost)
		root->rb_leftmost = node;
	rb_insert_augmented(node, &root->rb_root, augment);
}
static inline struct rb_node *rb_erase_augmented_cached(struct rb_node *node,
							struct rb_root_cached *root,
							const struct rb_augment_callbacks *augment)
{
	struct rb_node *leftmost = NULL;

	if (root->rb_leftmost == node)
		leftmost = root->rb_leftmost = rb_next(node);
	rb_erase_augmented(node, &root->rb_root, augment);
	return leftmost;
}

static inline void rb_replace_node_cached(struct rb_node *victim, struct rb_node *new,
					  struct rb_root_cached *root)
{
	if (root->rb_leftmost == victim)
		root->rb_leftmost = new;
	rb_replace_node(victim, new, &root->rb_root);
}

/*
 * Walk, link and balance in one call; less(a, b) orders. Equal members stay in the order of
 * insertion.
 */
static inline void rb_add(struct rb_node *node, struct rb_root *tree,
			  bool (*less)(struct rb_node *, const struct rb_node *))
{
	struct rb_node **link = &tree->rb_node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = less(node, parent) ? &parent->rb_left : &parent->rb_right;
	}
	rb_link_node(node, parent, link);
	rb_insert_color(node, tree);
}
/* Returns node when it became the leftmost, else NULL. */
static inline struct rb_node *rb_add_cached(struct rb_node *node, struct rb_root_cached *tree,
					    bool (*less)(struct rb_node *, const struct rb_node *))
{
	struct rb_node **link = &tree->rb_root.rb_node, *parent = NULL;
	bool leftmost = true;

	while (*link) {
		parent = *link;
		if (less(node, parent)) {
			link = &parent->rb_left;
		} else {
			link = &parent->rb_right;
			leftmost = false;
		}
	}
	rb_link_node(node, parent, link);
	rb_insert_color_cached(node, tree, leftmost);
	return leftmost ? node : NULL;
}
/* A node for which cmp(key, node) is 0, NULL: none. */
static inline struct rb_node *rb_find(const void *key, const struct rb_root *tree,
				      int (*cmp)(const void *key, const struct rb_node *))
{
	struct rb_node *node = tree->rb_node;

	while (node) {
		int c = cmp(key, node);

		if (c == 0)
			return node;
		node = c < 0 ? node->rb_left : node->rb_right;
	}
	return NULL;
}

/* n: the next one, so that the body may free pos. */
#define rbtree_postorder_for_each_entry_safe(pos, n, root, field)                                  \
	for ((pos) = rb_entry_safe(rb_first_postorder(root), __typeof__(*(pos)), field);           \
	     (pos) &&                                                                              \
	     ((n) = rb_entry_safe(rb_next_postorder(&(pos)->field), __typeof__(*(pos)), field),    \
	     1);                                                                                   \
	     (pos) = (n))

/*
 * The common augmentation: a field that is the maximum of compute(entry) over the subtree. Declares
 * `static const struct rb_augment_callbacks name` for entries of type `type` with the node `field`
 * and the maximum in `max_field` of `max_type`.
 */
#define RB_DECLARE_CALLBACKS_MAX(storage, name, type, field, max_type, max_field, compute)         \
	static inline bool name##_update_(type *e)                                                 \
	{                                                                                          \
		max_type m = compute(e);                                                           \
		if (e->field.rb_left) {                                                            \
			max_type l = rb_entry(e->field.rb_left, type, field)->max_field;           \
			m = l > m ? l : m;                                                         \
		}                                                                                  \
		if (e->field.rb_right) {                                                           \
			max_type r = rb_entry(e->field.rb_right, type, field)->max_field;          \
			m = r > m ? r : m;                                                         \
		}                                                                                  \
		if (e->max_field == m)                                                             \
			return false;                                                              \
		e->max_field = m;                                                                  \
		return true;                                                                       \
	}                                                                                          \
	static inline void name##_propagate_(struct rb_node *n, struct rb_node *stop)              \
	{                                                                                          \
		while (n != stop && name##_update_(rb_entry(n, type, field)))                      \
			n = rb_parent(n);                                                          \
	}                                                                                          \
	static inline void name##_copy_(struct rb_node *old, struct rb_node *new)                  \
	{                                                                                          \
		rb_entry(new, type, field)->max_field = rb_entry(old, type, field)->max_field;     \
	}                                                                                          \
	static inline void name##_rotate_(struct rb_node *old, struct rb_node *new)                \
	{                                                                                          \
		name##_copy_(old, new);                                                            \
		name##_update_(rb_entry(old, type, field));                                        \
	}                                                                                          \
	storage const struct rb_augment_callbacks name = { name##_propagate_, name##_copy_,        \
							   name##_rotate_ }

#endif
