/* SPDX-License-Identifier: MIT */
/*
 * The dentry cache: what is known about names.
 *
 * Called by the path walk (d_lookup for every component), by file systems (d_add, d_instantiate)
 * and by the calls that change names. Calls iput when a name lets go of its inode. Knows nothing of
 * permissions, mounts' policy or file contents.
 *
 * The tree after `mkdir /tmp; touch /tmp/a; cat /tmp/b` (b does not exist):
 *
 *	"/"  count 1+1 (pin, child tmp)
 *	 +- tmp  seq 0  count 1+2 (pin, children a and b)  inode 2, hashed
 *	     +- a  seq 0  count 1 (pin)  inode 3, hashed
 *	     +- b  seq -  count 0        negative, hashed, on the LRU list
 *
 *	d_alloc -> negative, unhashed --d_add--> hashed --dput--> LRU --d_lookup--> in use
 *	                                   \--d_drop/d_delete--> unhashed --dput--> freed
 *
 * D1  A dentry holds one reference to its parent; a root is its own parent. So count 0 implies: no
 *     children.
 * D2  Hashed means findable: at most one hashed dentry for each (parent, name).
 * D3  A positive dentry holds one reference to its inode.
 * D4  A dentry on the LRU list was at count 0 when it was put there; d_lookup does not take it off,
 *     shrinking skips it if it is in use.
 * D5  Positive children stand in d_subdirs in the order of d_seq, which only grows: the order of
 *     creation. readdir relies on it.
 * D6  A file system whose dentries are its directories (ramfs) holds one more count on each
 *     positive one (DCACHE_PERSISTENT).
 *
 * The bucket comes from the parent's inode number and device and the name's hash, never from an
 * address. Linux walks under RCU with per-dentry locks; one lock for the whole cache says the same
 * with less, and its contention is visible in virtual time. Linux lets negative names grow until
 * memory is short; here a count (dentry_unused_max) bounds them as well.
 *
 * Units: names in bytes. Owner: count. Locking: dcache_lock for lists, hash and counts that leave
 * 0; a holder of a reference may take another without it. iput is called without the lock. Errors:
 * NULL for no memory. Time: a lookup is O(1) expected. Source: Linux fs/dcache.c (behaviour).
 */
#include "vfs/dcache.h"

#include "lib/hash.h"
#include "lib/string.h"
#include "mm/alloc/slab.h"
#include "vfs/fs.h"
#include "vfs/vfs.h"

/* A name too long for d_iname; shared by dentries after a rename. */
struct external_name {
	u32 count;
	char name[];
};

u32 full_name_hash(const char *name, u32 len)
{
	return (u32)hash_bytes(name, len, 0);
}

static struct external_name *external_name(const struct dentry *d)
{
	return d->d_name.name == d->d_iname ?
		       NULL :
		       container_of(d->d_name.name, struct external_name, name[0]);
}

static void put_name(struct dentry *d)
{
	struct external_name *e = external_name(d);

	if (e && --e->count == 0)
		kfree(e);
}

static struct hlist_head *d_bucket(const struct dentry *parent, u32 name_hash)
{
	u64 dir = parent->d_inode->i_ino | (u64)parent->d_sb->s_dev << 44;

	return &vfs()->dentry_hashtable[hash_mix(dir * GOLDEN_RATIO_64 + name_hash) %
					VFS_DCACHE_BUCKETS];
}

static struct dentry *alloc_dentry(struct super_block *sb, const struct qstr *name)
{
	struct dentry *d = kmem_cache_zalloc(vfs()->dentry_cache, GFP_KERNEL);
	char *text;

	if (!d)
		return NULL;
	text = d->d_iname;
	if (name->len >= DNAME_INLINE_LEN) {
		struct external_name *e = kmalloc(sizeof(*e) + name->len + 1, GFP_KERNEL);

		if (!e) {
			kmem_cache_free(vfs()->dentry_cache, d);
			return NULL;
		}
		e->count = 1;
		text = e->name;
	}
	memcpy(text, name->name, name->len);
	text[name->len] = '\0';
	d->d_name = (struct qstr){ .name = text, .len = name->len, .hash = name->hash };
	d->d_count = 1;
	d->d_sb = sb;
	d->d_op = sb->s_d_op;
	d->d_parent = d;
	INIT_HLIST_NODE(&d->d_hash);
	INIT_LIST_HEAD(&d->d_child);
	INIT_LIST_HEAD(&d->d_subdirs);
	INIT_LIST_HEAD(&d->d_lru);
	vfs()->nr_dentry++;
	return d;
}

struct dentry *d_alloc(struct dentry *parent, const struct qstr *name)
{
	struct dentry *d = alloc_dentry(parent->d_sb, name);

	if (!d)
		return NULL;
	spin_lock(&vfs()->dcache_lock);
	d->d_parent = dget(parent);
	list_add_tail(&d->d_child, &parent->d_subdirs);
	spin_unlock(&vfs()->dcache_lock);
	return d;
}

struct dentry *d_make_root(struct inode *root_inode)
{
	struct qstr name = qstr_of("/", 1);
	struct dentry *d;

	if (!root_inode)
		return NULL;
	d = alloc_dentry(root_inode->i_sb, &name);
	if (!d) {
		iput(root_inode);
		return NULL;
	}
	d->d_inode = root_inode;
	return d;
}

struct dentry *d_alloc_pseudo(struct super_block *sb, const char *name, struct inode *inode)
{
	struct qstr q = qstr_of(name, (u32)strlen(name));
	struct dentry *d = alloc_dentry(sb, &q);

	if (d)
		d->d_inode = inode;
	return d;
}

static void __d_rehash(struct dentry *d)
{
	BUG_ON(d->d_flags & DCACHE_HASHED);
	hlist_add_head(&d->d_hash, d_bucket(d->d_parent, d->d_name.hash));
	d->d_flags |= DCACHE_HASHED;
}

static void __d_drop(struct dentry *d)
{
	if (!(d->d_flags & DCACHE_HASHED))
		return;
	hlist_del_init(&d->d_hash);
	d->d_flags &= ~DCACHE_HASHED;
}

/* D5: the youngest entry of its directory. */
static void __d_make_youngest(struct dentry *d)
{
	d->d_seq = d->d_parent->d_inode->i_dir_next++;
	list_move_tail(&d->d_child, &d->d_parent->d_subdirs);
}

struct dentry *d_lookup(struct dentry *parent, const struct qstr *name)
{
	struct dentry *d;

	spin_lock(&vfs()->dcache_lock);
	hlist_for_each_entry(d, d_bucket(parent, name->hash), d_hash) {
		if (d->d_parent == parent && d->d_name.hash == name->hash &&
		    d->d_name.len == name->len && !memcmp(d->d_name.name, name->name, name->len)) {
			d->d_count++;
			break;
		}
	}
	spin_unlock(&vfs()->dcache_lock);
	return d;
}

void d_instantiate(struct dentry *dentry, struct inode *inode)
{
	BUG_ON(dentry->d_inode);
	spin_lock(&vfs()->dcache_lock);
	dentry->d_inode = inode;
	__d_make_youngest(dentry);
	spin_unlock(&vfs()->dcache_lock);
}

void d_add(struct dentry *dentry, struct inode *inode)
{
	BUG_ON(dentry->d_inode);
	spin_lock(&vfs()->dcache_lock);
	dentry->d_inode = inode;
	if (inode)
		__d_make_youngest(dentry);
	__d_rehash(dentry);
	spin_unlock(&vfs()->dcache_lock);
}

void d_drop(struct dentry *dentry)
{
	spin_lock(&vfs()->dcache_lock);
	__d_drop(dentry);
	spin_unlock(&vfs()->dcache_lock);
}

void d_delete(struct dentry *dentry)
{
	struct inode *inode = NULL;

	spin_lock(&vfs()->dcache_lock);
	if (dentry->d_count == 1) {
		inode = dentry->d_inode;
		dentry->d_inode = NULL;
	} else {
		__d_drop(dentry);
	}
	spin_unlock(&vfs()->dcache_lock);
	iput(inode);
}

static void lru_del(struct dentry *d)
{
	if (!(d->d_flags & DCACHE_LRU))
		return;
	list_del_init(&d->d_lru);
	d->d_flags &= ~DCACHE_LRU;
	vfs()->nr_dentry_unused--;
}

static void lru_add(struct dentry *d)
{
	struct vfs_root *v = vfs();

	lru_del(d);
	list_add_tail(&d->d_lru, &v->dentry_lru);
	d->d_flags |= DCACHE_LRU;
	v->nr_dentry_unused++;
}

/*
 * Take a dentry at count 0 out of every structure. What is left is freed by dentry_free, without
 * the lock.
 */
static void dentry_unlink(struct dentry *d)
{
	BUG_ON(d->d_count || !list_empty(&d->d_subdirs));
	__d_drop(d);
	lru_del(d);
	list_del_init(&d->d_child);
	d->d_flags |= DCACHE_DEAD;
}

/* Free it and return the parent whose reference is now the caller's to drop; NULL for a root. */
static struct dentry *dentry_free(struct dentry *d)
{
	struct dentry *parent = IS_ROOT(d) ? NULL : d->d_parent;

	iput(d->d_inode);
	put_name(d);
	vfs()->nr_dentry--;
	kmem_cache_free(vfs()->dentry_cache, d);
	return parent;
}

/*
 * dput() without the shrinking: returns how many unused dentries there are too many. dispose_list()
 * must not shrink again.
 */
static u64 dput_counting(struct dentry *d)
{
	struct vfs_root *v = vfs();
	u64 excess = 0;

	while (d) {
		BUG_ON(d->d_count == 0);
		if (d->d_count > 1) {
			d->d_count--;
			break;
		}
		spin_lock(&v->dcache_lock);
		if (--d->d_count) {
			spin_unlock(&v->dcache_lock);
			break;
		}
		if ((d->d_flags & DCACHE_HASHED) &&
		    !(d->d_op && d->d_op->d_delete && d->d_op->d_delete(d))) {
			lru_add(d);
			if (v->nr_dentry_unused > v->dentry_unused_max)
				excess = v->nr_dentry_unused - v->dentry_unused_max;
			spin_unlock(&v->dcache_lock);
			break;
		}
		dentry_unlink(d);
		spin_unlock(&v->dcache_lock);
		d = dentry_free(d);
	}
	return excess;
}

void dput(struct dentry *d)
{
	u64 excess = dput_counting(d);

	if (excess)
		shrink_dcache(excess);
}

struct dentry *dget_parent(struct dentry *d)
{
	return dget(d->d_parent);
}

bool is_subdir(const struct dentry *d, const struct dentry *ancestor)
{
	for (;;) {
		if (d == ancestor)
			return true;
		if (IS_ROOT(d))
			return false;
		d = d->d_parent;
	}
}

/* Make d carry the name of other as well. */
static void share_name(struct dentry *d, const struct dentry *other)
{
	struct external_name *e = external_name(other);

	put_name(d);
	d->d_name = other->d_name;
	if (e) {
		e->count++;
	} else {
		memcpy(d->d_iname, other->d_iname, DNAME_INLINE_LEN);
		d->d_name.name = d->d_iname;
	}
}

static void swap_names(struct dentry *a, struct dentry *b)
{
	bool a_inline = !external_name(a), b_inline = !external_name(b);
	char text[DNAME_INLINE_LEN];
	struct qstr name = a->d_name;

	memcpy(text, a->d_iname, sizeof(text));
	memcpy(a->d_iname, b->d_iname, sizeof(text));
	memcpy(b->d_iname, text, sizeof(text));
	a->d_name = b->d_name;
	b->d_name = name;
	if (b_inline)
		a->d_name.name = a->d_iname;
	if (a_inline)
		b->d_name.name = b->d_iname;
}

void d_move(struct dentry *dentry, struct dentry *target)
{
	struct dentry *old_parent = dentry->d_parent;

	spin_lock(&vfs()->dcache_lock);
	__d_drop(dentry);
	__d_drop(target);
	share_name(dentry, target);
	dentry->d_parent = dget(target->d_parent);
	__d_make_youngest(dentry);
	__d_rehash(dentry);
	spin_unlock(&vfs()->dcache_lock);
	dput(old_parent);
}

void d_exchange(struct dentry *dentry, struct dentry *target)
{
	struct dentry *parent = dentry->d_parent;
	u64 seq = dentry->d_seq;

	spin_lock(&vfs()->dcache_lock);
	__d_drop(dentry);
	__d_drop(target);
	swap_names(dentry, target);
	dentry->d_parent = target->d_parent;
	target->d_parent = parent;
	/* They swap places in their lists too, so both keep D5. */
	dentry->d_seq = target->d_seq;
	target->d_seq = seq;
	if (dentry->d_child.next == &target->d_child) {
		list_move(&dentry->d_child, &target->d_child);
	} else if (target->d_child.next == &dentry->d_child) {
		list_move(&target->d_child, &dentry->d_child);
	} else {
		struct list_head *after = dentry->d_child.prev;

		list_move(&dentry->d_child, &target->d_child);
		list_move(&target->d_child, after);
	}
	__d_rehash(dentry);
	__d_rehash(target);
	spin_unlock(&vfs()->dcache_lock);
}

/* Free what stands on a private list of unlinked dentries. */
static u64 dispose_list(struct list_head *dispose)
{
	u64 n = 0;

	while (!list_empty(dispose)) {
		struct dentry *d = list_first_entry(dispose, struct dentry, d_lru);

		list_del_init(&d->d_lru);
		(void)dput_counting(dentry_free(d));
		n++;
	}
	return n;
}

u64 shrink_dcache(u64 nr)
{
	struct vfs_root *v = vfs();
	LIST_HEAD(dispose);
	u64 scanned = 0;

	spin_lock(&v->dcache_lock);
	while (scanned < nr && !list_empty(&v->dentry_lru)) {
		struct dentry *d = list_first_entry(&v->dentry_lru, struct dentry, d_lru);

		lru_del(d);
		if (d->d_count) /* D4 */
			continue;
		dentry_unlink(d);
		list_add_tail(&d->d_lru, &dispose);
		scanned++;
	}
	spin_unlock(&v->dcache_lock);
	return dispose_list(&dispose);
}

/*
 * The next dentry of the tree below top in an order that visits parents first; NULL after the last.
 */
static struct dentry *d_next(struct dentry *d, struct dentry *top)
{
	if (!list_empty(&d->d_subdirs))
		return list_first_entry(&d->d_subdirs, struct dentry, d_child);
	while (d != top) {
		struct dentry *parent = d->d_parent;

		if (!list_is_last(&d->d_child, &parent->d_subdirs))
			return list_next_entry(d, d_child);
		d = parent;
	}
	return NULL;
}

void shrink_dcache_parent(struct dentry *parent)
{
	struct vfs_root *v = vfs();
	u64 found;

	do {
		LIST_HEAD(dispose);
		struct dentry *d, *next;

		spin_lock(&v->dcache_lock);
		for (d = d_next(parent, parent); d; d = next) {
			next = d_next(d, parent);
			if (d->d_count)
				continue;
			dentry_unlink(d);
			list_add_tail(&d->d_lru, &dispose);
		}
		spin_unlock(&v->dcache_lock);
		found = dispose_list(&dispose);
	} while (found);
}

void d_invalidate(struct dentry *dentry)
{
	d_drop(dentry);
	shrink_dcache_parent(dentry);
}

void d_unpin_tree(struct dentry *root)
{
	spin_lock(&vfs()->dcache_lock);
	for (struct dentry *d = d_next(root, root); d; d = d_next(d, root)) {
		if (!(d->d_flags & DCACHE_PERSISTENT))
			continue;
		d->d_flags &= ~DCACHE_PERSISTENT;
		BUG_ON(d->d_count == 0);
		d->d_count--;
	}
	spin_unlock(&vfs()->dcache_lock);
	shrink_dcache_parent(root);
}

void dcache_stats(u64 *nr_dentry, u64 *nr_unused)
{
	*nr_dentry = vfs()->nr_dentry;
	*nr_unused = vfs()->nr_dentry_unused;
}
