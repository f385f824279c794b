/* SPDX-License-Identifier: MIT */
#ifndef VFS_DCACHE_H
#define VFS_DCACHE_H

/*
 * The dentry cache: names, present or known to be absent (negative: d_inode NULL), found by
 * (parent, name) in a hash table, kept while referenced and on an LRU list afterwards.
 *
 * Protection: [I] immutable, [d] vfs_root.dcache_lock, [i] the parent directory's i_rwsem for
 * changes and dcache_lock for the write itself.
 */

#include "lib/compiler.h"
#include "lib/list.h"
#include "lib/types.h"

struct inode;
struct super_block;
struct dentry;
struct path;
struct kstat;

struct qstr {
	const char *name; /* not NUL-terminated inside a path being walked */
	u32 len;	  /* bytes, at most NAME_MAX */
	u32 hash;	  /* of the bytes and nothing else: full_name_hash */
};

#define DNAME_INLINE_LEN 32u

#define DCACHE_MOUNTED 0x1u /* something is mounted here: look in the mount table */
#define DCACHE_LRU 0x2u	    /* on the LRU list */
#define DCACHE_HASHED 0x4u  /* findable */
#define DCACHE_PERSISTENT                                                                          \
	0x8u /* holds a reference of its file system's own (ramfs: the directory is the cache) */
#define DCACHE_DEAD 0x10u /* removed from the tree; freed at the last dput */

struct dentry_operations {
	/*
	 * Is the cached answer still right? 1 yes, 0 look it up again. NULL: always right. May
	 * sleep.
	 */
	int (*d_revalidate)(struct dentry *dentry);
	/*
	 * At the last dput: true to forget the name instead of caching it. No locks held but
	 * dcache_lock.
	 */
	bool (*d_delete)(const struct dentry *dentry);
};

struct dentry {
	u32 d_flags;			      /* [d] */
	u32 d_count;			      /* references; changes from 0 under [d] */
	struct dentry *d_parent;	      /* itself for a root [i] */
	struct qstr d_name;		      /* [i] name is d_iname or kmalloc'ed */
	struct inode *d_inode;		      /* NULL: negative [i] */
	struct super_block *d_sb;	      /* [I] */
	const struct dentry_operations *d_op; /* [I] */
	struct hlist_node d_hash;	      /* [d] */
	struct list_head d_child;	      /* in d_parent->d_subdirs, by d_seq [d] */
	struct list_head d_subdirs; /* children, oldest entry first, negative ones included [d] */
	struct list_head d_lru;	    /* [d] */
	u64 d_seq;		    /* place in the directory: the readdir cookie [i] */
	void *d_fsdata;
	char d_iname[DNAME_INLINE_LEN];
};

/* Hash of a name's bytes. The same on every build. */
u32 full_name_hash(const char *name, u32 len);
static inline struct qstr qstr_of(const char *name, u32 len)
{
	return (struct qstr){ .name = name, .len = len, .hash = full_name_hash(name, len) };
}

/*
 * A new negative, unhashed child of parent (which gains a reference) with one reference. NULL: no
 * memory.
 */
struct dentry *d_alloc(struct dentry *parent, const struct qstr *name);
/*
 * A parentless dentry around root_inode, whose reference it takes over (also on failure: iput).
 * NULL: root_inode NULL or no memory.
 */
struct dentry *d_make_root(struct inode *root_inode);
/*
 * A nameable dentry in no tree (pipes): its own parent, unhashed, around inode, whose reference it
 * takes over on success. NULL: no memory.
 */
struct dentry *d_alloc_pseudo(struct super_block *sb, const char *name, struct inode *inode);
/* Find a hashed child; the result has a reference. NULL: not cached. O(1) expected. */
struct dentry *d_lookup(struct dentry *parent, const struct qstr *name);
/*
 * Give a negative dentry its inode (the caller's inode reference is taken over). It becomes the
 * directory's youngest entry.
 */
void d_instantiate(struct dentry *dentry, struct inode *inode);
/* Make it findable (with inode, or negative when NULL). The inode reference is taken over. */
void d_add(struct dentry *dentry, struct inode *inode);
/*
 * The name is gone: a dentry in use elsewhere is unhashed and keeps its inode; otherwise it turns
 * negative and drops it.
 */
void d_delete(struct dentry *dentry);
/* Unhash: lookups no longer find it. */
void d_drop(struct dentry *dentry);
/*
 * dentry takes target's parent and name, as its directory's youngest entry; target is unhashed.
 * Both parents' i_rwsem held for writing.
 */
void d_move(struct dentry *dentry, struct dentry *target);
/* dentry and target swap places. */
void d_exchange(struct dentry *dentry, struct dentry *target);
/* Unhash dentry and forget every unused name below it. */
void d_invalidate(struct dentry *dentry);

static inline bool d_is_negative(const struct dentry *d)
{
	return !d->d_inode;
}
static inline bool d_unhashed(const struct dentry *d)
{
	return !(d->d_flags & DCACHE_HASHED);
}
static inline bool IS_ROOT(const struct dentry *d)
{
	return d->d_parent == d;
}

/* One more reference to a dentry already held. */
static inline struct dentry *dget(struct dentry *d)
{
	if (d)
		d->d_count++;
	return d;
}
/*
 * Drop one. At zero the name stays cached on the LRU, or goes if unhashed or its file system wants
 * so. May sleep (last inode reference).
 */
void dput(struct dentry *d);
/* A counted reference to the parent. */
struct dentry *dget_parent(struct dentry *d);
/* Is d inside the tree below (or equal to) ancestor? */
bool is_subdir(const struct dentry *d, const struct dentry *ancestor);

/*
 * Forget up to nr unused names, least recently used first; returns how many. May sleep. For reclaim
 * and tests.
 */
u64 shrink_dcache(u64 nr);
/* Forget everything unused below parent. */
void shrink_dcache_parent(struct dentry *parent);
/*
 * Unmounting a file system of pinned names: drop the pins (DCACHE_PERSISTENT) below root and forget
 * what is then unused.
 */
void d_unpin_tree(struct dentry *root);
/* Cached names in all, and those on the LRU. */
void dcache_stats(u64 *nr_dentry, u64 *nr_unused);

/*
 * The absolute name of path as seen from the current root, into the end of buf: returns its start
 * in buf, or ERR_PTR(-ENAMETOOLONG). " (deleted)" is appended for a removed name. Objects without a
 * place in the tree give "pipe:[ino]" and the like.
 */
char *d_path(const struct path *path, char *buf, u32 size);

#endif
