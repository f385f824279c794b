/* SPDX-License-Identifier: MIT */
#ifndef LIB_XARRAY_H
#define LIB_XARRAY_H

/*
 * A sparse array of pointers indexed by u64, made of 64-slot nodes: what the page cache, the pid
 * table and the like hang their objects in. Node memory comes from the owner's allocator, which may
 * fail. Three marks (dirty, write-back, ...) per entry are kept up the tree, so that marked entries
 * are found without visiting the others.
 *
 * Entries are pointers aligned to 4 bytes, or small integers made by xa_mk_value(). NULL means:
 * nothing there.
 * No locking: the array's owner names its lock, and the lock is held over each call.
 */

#include "lib/compiler.h"
#include "lib/errno.h"
#include "lib/types.h"

#define XA_CHUNK_SHIFT 6
#define XA_CHUNK_SIZE (1u << XA_CHUNK_SHIFT)
#define XA_MAX_MARKS 3

typedef unsigned xa_mark_t;
#define XA_MARK_0 0u
#define XA_MARK_1 1u
#define XA_MARK_2 2u
#define XA_PRESENT 3u /* for xa_find: any entry */

/*
 * alloc: zeroed or not, aligned to 8, NULL when there is none. free: what alloc gave. arg: the
 * array's.
 */
struct xa_ops {
	void *(*alloc)(void *arg, size_t size_bytes);
	void (*free)(void *arg, void *node);
};

struct xa_node {
	u8 shift;  /* a slot here covers 1 << shift indices; 0: the slots are entries */
	u8 offset; /* this node's slot in its parent */
	u8 count;  /* slots that are not NULL */
	struct xa_node *parent;
	u64 marks[XA_MAX_MARKS]; /* bit i: slot i or something below it has the mark */
	void *slots[XA_CHUNK_SIZE];
};

struct xarray {
	void *head;    /* levels 0: the entry of index 0; else the top node */
	u8 levels;     /* nodes on the way down */
	u8 head_marks; /* levels 0: marks of the entry of index 0 */
	const struct xa_ops *ops;
	void *arg;
};

void xa_init(struct xarray *xa, const struct xa_ops *ops, void *arg);
/* Free all nodes (not what the entries point at). The array is empty and usable again. */
void xa_destroy(struct xarray *xa);
static inline bool xa_empty(const struct xarray *xa)
{
	return !xa->head;
}

/* The entry at index; NULL: none. */
void *xa_load(const struct xarray *xa, u64 index);

/*
 * Put entry at index (NULL: erase). Returns what was there before, or an error entry: xa_err() of
 * it is -ENOMEM when a node could not be had (the array is as it was), else 0. Storing over an
 * entry keeps its marks; a new one has none.
 */
void *xa_store(struct xarray *xa, u64 index, void *entry);
/* Like xa_store, but only where nothing is. 0, -EBUSY, -ENOMEM. */
int xa_insert(struct xarray *xa, u64 index, void *entry);
/*
 * Take the entry out and return it; NULL: there was none. Never fails; nodes that become empty are
 * freed.
 */
void *xa_erase(struct xarray *xa, u64 index);

/*
 * The first entry at *index or later, not beyond max, that has the mark (XA_PRESENT: any); *index
 * becomes its index. NULL: none.
 */
void *xa_find(const struct xarray *xa, u64 *index, u64 max, xa_mark_t filter);
/* The same, from *index + 1. */
void *xa_find_after(const struct xarray *xa, u64 *index, u64 max, xa_mark_t filter);

/* Marks of a present entry; nothing happens, and false, where no entry is. */
void xa_set_mark(struct xarray *xa, u64 index, xa_mark_t mark);
void xa_clear_mark(struct xarray *xa, u64 index, xa_mark_t mark);
bool xa_get_mark(const struct xarray *xa, u64 index, xa_mark_t mark);
/* Does any entry have the mark? O(1). */
bool xa_marked(const struct xarray *xa, xa_mark_t mark);

/* Nodes in use: for figures and leak checks. O(nodes). */
u64 xa_count_nodes(const struct xarray *xa);

/* Error entries: two low bits 10, which no pointer entry and no value has. */
static inline int xa_err(const void *entry)
{
	return ((uintptr_t)entry & 3) == 2 ? (int)((intptr_t)entry >> 2) : 0;
}
static inline bool xa_is_err(const void *entry)
{
	return ((uintptr_t)entry & 3) == 2;
}

/* Integers up to 2^63 - 1 as entries: bit 0 set. */
static inline void *xa_mk_value(u64 v)
{
	return (void *)(uintptr_t)((v << 1) | 1);
}
static inline u64 xa_to_value(const void *entry)
{
	return (uintptr_t)entry >> 1;
}
static inline bool xa_is_value(const void *entry)
{
	return (uintptr_t)entry & 1;
}

/* The body may erase the entry it is at. index is a u64 variable. */
#define xa_for_each_range(xa, index, entry, start, last)                                           \
	for ((index) = (start), (entry) = xa_find(xa, &(index), last, XA_PRESENT); (entry);        \
	     (entry) = xa_find_after(xa, &(index), last, XA_PRESENT))
#define xa_for_each(xa, index, entry) xa_for_each_range(xa, index, entry, 0, ~0ull)
#define xa_for_each_marked(xa, index, entry, filter)                                               \
	for ((index) = 0, (entry) = xa_find(xa, &(index), ~0ull, filter); (entry);                 \
	     (entry) = xa_find_after(xa, &(index), ~0ull, filter))

#endif
