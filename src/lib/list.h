/* SPDX-License-Identifier: MIT */
#ifndef LIB_LIST_H
#define LIB_LIST_H

/*
 * Linked lists whose links live inside the members.
 *
 * list_head: a ring with the head in it, so that no operation has a special case. An empty head
 * points at itself; a node that list_del_init() took out is an empty ring of one. Everything but
 * list_splice's callers' counting is O(1).
 *
 *	head <-> a <-> b <-> head		list_add(n, head): before a	list_add_tail(n, head): after b
 *
 * hlist: a head of one pointer for hash buckets; pprev is the address of the pointer that points at
 * the node (the head's or the previous node's), so a node leaves without knowing its bucket. pprev
 * NULL means: on no list.
 *
 * list_del() and hlist_del() leave poison, so that using the links of a removed node faults instead
 * of corrupting.
 * No locking here: the list's owner names its lock. Nothing allocates, nothing fails.
 */

#include "lib/compiler.h"
#include "lib/types.h"

struct list_head {
	struct list_head *next, *prev;
};
struct hlist_node {
	struct hlist_node *next, **pprev;
};
struct hlist_head {
	struct hlist_node *first;
};

/* Not canonical on x86-64, mapped by no host: a touch faults. */
#define LIST_POISON1 ((void *)0xdead000000000100ull)
#define LIST_POISON2 ((void *)0xdead000000000122ull)

#define LIST_HEAD_INIT(name)                                                                       \
	{                                                                                          \
		&(name), &(name)                                                                   \
	}
#define LIST_HEAD(name) struct list_head name = LIST_HEAD_INIT(name)

static inline void INIT_LIST_HEAD(struct list_head *list)
{
	list->next = list;
	list->prev = list;
}

/* Join two nodes: the one statement all of this is made of. */
static inline void list_join_(struct list_head *before, struct list_head *after)
{
	before->next = after;
	after->prev = before;
}

/* Put node right after pos (pos is the head: first). */
static inline void list_add(struct list_head *node, struct list_head *pos)
{
	struct list_head *after = pos->next;

	list_join_(pos, node);
	list_join_(node, after);
}

/* Put node right before pos (pos is the head: last). */
static inline void list_add_tail(struct list_head *node, struct list_head *pos)
{
	struct list_head *before = pos->prev;

	list_join_(before, node);
	list_join_(node, pos);
}

static inline void __list_del_entry(struct list_head *node)
{
	list_join_(node->prev, node->next);
}

/* Take node out; its own links are poison afterwards. */
static inline void list_del(struct list_head *node)
{
	__list_del_entry(node);
	node->next = LIST_POISON1;
	node->prev = LIST_POISON2;
}

/* Take node out and leave it an empty ring: list_empty(node) tells that it is on no list. */
static inline void list_del_init(struct list_head *node)
{
	__list_del_entry(node);
	INIT_LIST_HEAD(node);
}

static inline void list_replace(struct list_head *old, struct list_head *node)
{
	list_join_(node, old->next);
	list_join_(old->prev, node);
}
static inline void list_replace_init(struct list_head *old, struct list_head *node)
{
	list_replace(old, node);
	INIT_LIST_HEAD(old);
}

static inline void list_move(struct list_head *node, struct list_head *head)
{
	__list_del_entry(node);
	list_add(node, head);
}
static inline void list_move_tail(struct list_head *node, struct list_head *head)
{
	__list_del_entry(node);
	list_add_tail(node, head);
}

static inline bool list_empty(const struct list_head *head)
{
	return head->next == head;
}
static inline bool list_is_first(const struct list_head *node, const struct list_head *head)
{
	return node->prev == head;
}
static inline bool list_is_last(const struct list_head *node, const struct list_head *head)
{
	return node->next == head;
}
static inline bool list_is_head(const struct list_head *node, const struct list_head *head)
{
	return node == head;
}
static inline bool list_is_singular(const struct list_head *head)
{
	return !list_empty(head) && head->next == head->prev;
}

/* The first node becomes the last. */
static inline void list_rotate_left(struct list_head *head)
{
	if (!list_empty(head))
		list_move_tail(head->next, head);
}

static inline void list_splice_between_(struct list_head *list, struct list_head *before,
					struct list_head *after)
{
	struct list_head *first = list->next, *last = list->prev;

	list_join_(before, first);
	list_join_(last, after);
}

/*
 * Put all of list right after head, in order. list itself is left dangling; _init makes it empty.
 */
static inline void list_splice(struct list_head *list, struct list_head *head)
{
	if (!list_empty(list))
		list_splice_between_(list, head, head->next);
}
static inline void list_splice_init(struct list_head *list, struct list_head *head)
{
	list_splice(list, head);
	INIT_LIST_HEAD(list);
}
/* Put all of list right before head, in order. */
static inline void list_splice_tail(struct list_head *list, struct list_head *head)
{
	if (!list_empty(list))
		list_splice_between_(list, head->prev, head);
}
static inline void list_splice_tail_init(struct list_head *list, struct list_head *head)
{
	list_splice_tail(list, head);
	INIT_LIST_HEAD(list);
}

/* Move the nodes of head up to and including entry to list, whose old contents are lost. */
static inline void list_cut_position(struct list_head *list, struct list_head *head,
				     struct list_head *entry)
{
	struct list_head *rest = entry->next;

	if (entry == head || list_empty(head)) {
		INIT_LIST_HEAD(list);
		return;
	}
	list_join_(list, head->next);
	list_join_(entry, list);
	list_join_(head, rest);
}

/* O(n). */
static inline size_t list_count_nodes(const struct list_head *head)
{
	size_t n = 0;

	for (const struct list_head *p = head->next; p != head; p = p->next)
		n++;
	return n;
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_first_entry(head, type, member) list_entry((head)->next, type, member)
#define list_last_entry(head, type, member) list_entry((head)->prev, type, member)
#define list_first_entry_or_null(head, type, member)                                               \
	(list_empty(head) ? (type *)NULL : list_first_entry(head, type, member))
/*
 * The link in pos, without a claim that pos is an entry: at the end of a walk it is computed from
 * the head, and no object of the entry's type (or alignment) is there.
 */
#define list_link_(pos, member)                                                                    \
	((struct list_head *)((char *)(pos) + offsetof(__typeof__(*(pos)), member)))
#define list_next_entry(pos, member)                                                               \
	list_entry(list_link_(pos, member)->next, __typeof__(*(pos)), member)
#define list_prev_entry(pos, member)                                                               \
	list_entry(list_link_(pos, member)->prev, __typeof__(*(pos)), member)
#define list_entry_is_head(pos, head, member) (list_link_(pos, member) == (head))

#define list_for_each(pos, head) for ((pos) = (head)->next; (pos) != (head); (pos) = (pos)->next)
#define list_for_each_prev(pos, head)                                                              \
	for ((pos) = (head)->prev; (pos) != (head); (pos) = (pos)->prev)
/* _safe: the body may remove pos; n holds the next. */
#define list_for_each_safe(pos, n, head)                                                           \
	for ((pos) = (head)->next, (n) = (pos)->next; (pos) != (head);                             \
	     (pos) = (n), (n) = (pos)->next)

#define list_for_each_entry(pos, head, member)                                                     \
	for ((pos) = list_first_entry(head, __typeof__(*(pos)), member);                           \
	     !list_entry_is_head(pos, head, member); (pos) = list_next_entry(pos, member))
#define list_for_each_entry_reverse(pos, head, member)                                             \
	for ((pos) = list_last_entry(head, __typeof__(*(pos)), member);                            \
	     !list_entry_is_head(pos, head, member); (pos) = list_prev_entry(pos, member))
/* From the entry after (before) pos, from pos itself. */
#define list_for_each_entry_continue(pos, head, member)                                            \
	for ((pos) = list_next_entry(pos, member); !list_entry_is_head(pos, head, member);         \
	     (pos) = list_next_entry(pos, member))
#define list_for_each_entry_continue_reverse(pos, head, member)                                    \
	for ((pos) = list_prev_entry(pos, member); !list_entry_is_head(pos, head, member);         \
	     (pos) = list_prev_entry(pos, member))
#define list_for_each_entry_from(pos, head, member)                                                \
	for (; !list_entry_is_head(pos, head, member); (pos) = list_next_entry(pos, member))
#define list_for_each_entry_safe(pos, n, head, member)                                             \
	for ((pos) = list_first_entry(head, __typeof__(*(pos)), member),                           \
	    (n) = list_next_entry(pos, member);                                                    \
	     !list_entry_is_head(pos, head, member);                                               \
	     (pos) = (n), (n) = list_next_entry(n, member))
#define list_for_each_entry_safe_reverse(pos, n, head, member)                                     \
	for ((pos) = list_last_entry(head, __typeof__(*(pos)), member),                            \
	    (n) = list_prev_entry(pos, member);                                                    \
	     !list_entry_is_head(pos, head, member);                                               \
	     (pos) = (n), (n) = list_prev_entry(n, member))

#define HLIST_HEAD_INIT                                                                            \
	{                                                                                          \
		NULL                                                                               \
	}

static inline void INIT_HLIST_HEAD(struct hlist_head *h)
{
	h->first = NULL;
}
static inline void INIT_HLIST_NODE(struct hlist_node *n)
{
	n->next = NULL;
	n->pprev = NULL;
}
static inline bool hlist_unhashed(const struct hlist_node *n)
{
	return !n->pprev;
}
static inline bool hlist_empty(const struct hlist_head *h)
{
	return !h->first;
}

/* Hang n where *link points now: what followed follows n. */
static inline void hlist_hang_(struct hlist_node *n, struct hlist_node **link)
{
	n->next = *link;
	n->pprev = link;
	if (n->next)
		n->next->pprev = &n->next;
	*link = n;
}

static inline void hlist_add_head(struct hlist_node *n, struct hlist_head *h)
{
	hlist_hang_(n, &h->first);
}
static inline void hlist_add_before(struct hlist_node *n, struct hlist_node *next)
{
	hlist_hang_(n, next->pprev);
}
static inline void hlist_add_behind(struct hlist_node *n, struct hlist_node *prev)
{
	hlist_hang_(n, &prev->next);
}

static inline void __hlist_del(struct hlist_node *n)
{
	*n->pprev = n->next;
	if (n->next)
		n->next->pprev = n->pprev;
}
static inline void hlist_del(struct hlist_node *n)
{
	__hlist_del(n);
	n->next = LIST_POISON1;
	n->pprev = LIST_POISON2;
}
/* Nothing happens to a node on no list. */
static inline void hlist_del_init(struct hlist_node *n)
{
	if (hlist_unhashed(n))
		return;
	__hlist_del(n);
	INIT_HLIST_NODE(n);
}

#define hlist_entry(ptr, type, member) container_of(ptr, type, member)
#define hlist_entry_safe(ptr, type, member)                                                        \
	({                                                                                         \
		__typeof__(ptr) hp_ = (ptr);                                                       \
		hp_ ? hlist_entry(hp_, type, member) : NULL;                                       \
	})
#define hlist_for_each(pos, head) for ((pos) = (head)->first; (pos); (pos) = (pos)->next)
#define hlist_for_each_safe(pos, n, head)                                                          \
	for ((pos) = (head)->first; (pos) && ((n) = (pos)->next, 1); (pos) = (n))
#define hlist_for_each_entry(pos, head, member)                                                    \
	for ((pos) = hlist_entry_safe((head)->first, __typeof__(*(pos)), member); (pos);           \
	     (pos) = hlist_entry_safe((pos)->member.next, __typeof__(*(pos)), member))
/* n: a struct hlist_node * for the next one. */
#define hlist_for_each_entry_safe(pos, n, head, member)                                            \
	for ((pos) = hlist_entry_safe((head)->first, __typeof__(*(pos)), member);                  \
	     (pos) && ((n) = (pos)->member.next, 1);                                               \
	     (pos) = hlist_entry_safe(n, __typeof__(*(pos)), member))

#endif
