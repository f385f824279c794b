/* SPDX-License-Identifier: MIT */
/*
 * File locks: records of fcntl(2) and whole files of flock(2).
 *
 * Called by do_fcntl, flock and the closing of descriptors and files. Calls wait queues and the
 * slab allocator. It must not know how a file stores its bytes: locks are advice between processes.
 *
 * Records of one inode after process 7 read-locked all and process 8 asked for a write lock on
 * bytes 0..99:
 *
 *	i_flock: { 7, read, 0..MAX }          8 waits; vfs->blocked_locks: { inode, what 8 wants }
 *	7 unlocks 0..99  -> { 7, read, 100..MAX }; all waiters of the inode look again; 8: { 8,
 *	write, 0..99 }
 *
 *	L1 locks of one owner never overlap; of two owners only when both are read locks.
 *	L2 the owner of a record is a descriptor table, of a whole-file lock an open file; the two
 *	   kinds do not see each other.
 *	L3 closing any descriptor of a file drops all records its table holds there; the last
 *	   reference to an open file drops its lock.
 *	L4 a request that would close a circle of waiting record owners fails with -EDEADLK; the
 *	   walk is bounded, as Linux's. Whom a waiter waits for is looked up when asked, for locks
 *	   change hands; and a waiter whom another holds up than before asks anew.
 *
 * Units:   bytes, both ends inside. Owner: the inode's list, until unlock or close. Locking: none but that nothing charges between the
 * look at a list and its change. Errors: -EAGAIN, -EDEADLK, -ENOLCK, -ERESTARTSYS, -EINVAL,
 * -EOVERFLOW, -EBADF. Time: the slab's costs and wake-ups. Source: fcntl(2), flock(2); Linux
 * fs/locks.c (behaviour).
 */
#include "vfs/locks.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/slab.h"
#include "mm/uaccess.h"
#include "sched/sched.h"
#include "sched/task.h"
#include "sched/wait.h"
#include "vfs/fcntl.h"
#include "vfs/file.h"
#include "vfs/fs.h"
#include "vfs/vfs.h"

#define OFFSET_MAX INT64_MAX
#define MAX_DEADLK_ITERATIONS 10

struct file_lock {
	struct list_head node; /* of inode->i_flock */
	const void *owner;
	bool whole; /* flock(2) */
	u16 type;
	s32 pid;
	s64 start, end;
};

/* A record request that waits; on the waiter's stack, in vfs->blocked_locks. */
struct blocked_lock {
	struct list_head node;
	struct inode *inode;
	const struct file_lock *want;
};

/* struct flock of the ABI. */
struct user_flock {
	s16 type, whence;
	u32 pad;
	s64 start, len;
	s32 pid;
	u32 pad2;
};
_Static_assert(sizeof(struct user_flock) == 32, "struct flock");

static bool overlap(const struct file_lock *a, const struct file_lock *b)
{
	return a->start <= b->end && b->start <= a->end;
}

static struct file_lock *find_conflict(struct inode *inode, const struct file_lock *want)
{
	struct file_lock *l;

	list_for_each_entry(l, &inode->i_flock, node) {
		if (l->whole == want->whole && l->owner != want->owner && overlap(l, want) &&
		    (l->type == F_WRLCK || want->type == F_WRLCK))
			return l;
	}
	return NULL;
}

/* Whose lock forbids want first; NULL: nobody's. */
static const void *holder_of(struct inode *inode, const struct file_lock *want)
{
	const struct file_lock *l = find_conflict(inode, want);

	return l ? l->owner : NULL;
}

static void drop(struct file_lock *l)
{
	list_del(&l->node);
	kfree(l);
}

/*
 * Make the owner's records say `want`: merged with neighbours of its type, cut out of others.
 * spare[0] becomes the lock, spare[1] the right piece of one that is cut in two; what is used
 * becomes NULL.
 */
static void apply(struct inode *inode, struct file_lock *want, struct file_lock *spare[2])
{
	struct file_lock *l, *n;

	list_for_each_entry_safe(l, n, &inode->i_flock, node) {
		if (l->whole != want->whole || l->owner != want->owner)
			continue;
		if (l->type == want->type) { /* neighbours become one */
			if ((l->end < want->start && l->end + 1 != want->start) ||
			    (want->end < l->start && want->end + 1 != l->start))
				continue;
			want->start = min(want->start, l->start);
			want->end = max(want->end, l->end);
			drop(l);
			continue;
		}
		if (!overlap(l, want))
			continue;
		if (l->start < want->start && l->end > want->end) {
			*spare[1] = *l;
			spare[1]->start = want->end + 1;
			list_add(&spare[1]->node, &l->node);
			spare[1] = NULL;
			l->end = want->start - 1;
		} else if (l->start < want->start) {
			l->end = want->start - 1;
		} else if (l->end > want->end) {
			l->start = want->end + 1;
		} else {
			drop(l);
		}
	}
	if (want->type == F_UNLCK)
		return;
	*spare[0] = *want;
	list_add_tail(&spare[0]->node, &inode->i_flock);
	spare[0] = NULL;
}

/* Would `owner`, waiting for `holder`, wait for itself? */
static bool would_deadlock(const void *owner, const void *holder)
{
	for (int i = 0; i < MAX_DEADLK_ITERATIONS; i++) {
		struct blocked_lock *b;
		const void *next = NULL;

		list_for_each_entry(b, &vfs()->blocked_locks, node) {
			if (b->want->owner == holder && holder_of(b->inode, b->want))
				next = holder_of(b->inode, b->want);
		}
		if (!next)
			return false;
		if (next == owner)
			return true;
		holder = next;
	}
	return false;
}

/* Until nothing conflicts with want: 0, or why not. */
static int wait_for(struct inode *inode, const struct file_lock *want, bool wait)
{
	const void *holder;

	while (want->type != F_UNLCK && (holder = holder_of(inode, want))) {
		struct blocked_lock b = { .inode = inode, .want = want };
		int err;

		if (!wait)
			return -EAGAIN;
		if (!want->whole) {
			if (would_deadlock(want->owner, holder))
				return -EDEADLK;
			list_add(&b.node, &vfs()->blocked_locks);
		}
		err = wait_event_interruptible(inode->i_flock_wait,
					       holder_of(inode, want) != holder);
		if (!want->whole)
			list_del(&b.node);
		if (err)
			return err;
	}
	return 0;
}

static int set_lock(struct inode *inode, struct file_lock *want, bool wait)
{
	struct file_lock *spare[2];
	int err = -ENOLCK;

	spare[0] = kmalloc(sizeof(*want), GFP_KERNEL);
	spare[1] = kmalloc(sizeof(*want), GFP_KERNEL);
	if (spare[0] && spare[1])
		err = wait_for(inode, want, wait);
	if (!err) {
		apply(inode, want, spare);
		wake_up_all(&inode->i_flock_wait);
	}
	kfree(spare[0]);
	kfree(spare[1]);
	return err;
}

/* The bytes a struct flock names. */
static int lock_range(const struct file *file, const struct user_flock *u, struct file_lock *l)
{
	s64 base = u->whence == SEEK_SET ? 0 :
		   u->whence == SEEK_CUR ? file->f_pos :
					   file->f_inode->i_size;

	if (u->whence != SEEK_SET && u->whence != SEEK_CUR && u->whence != SEEK_END)
		return -EINVAL;
	if (u->start > OFFSET_MAX - base)
		return -EOVERFLOW;
	l->start = base + u->start;
	if (l->start < 0)
		return -EINVAL;
	l->end = OFFSET_MAX;
	if (u->len > 0) {
		if (u->len - 1 > OFFSET_MAX - l->start)
			return -EOVERFLOW;
		l->end = l->start + u->len - 1;
	} else if (u->len < 0) {
		if (l->start + u->len < 0)
			return -EINVAL;
		l->end = l->start - 1;
		l->start += u->len;
	}
	return 0;
}

static int get_lock(struct file *file, struct user_flock *u, const struct file_lock *want)
{
	const struct file_lock *l;

	if (want->type == F_UNLCK)
		return -EINVAL;
	l = find_conflict(file->f_inode, want);
	if (!l) {
		u->type = F_UNLCK;
		return 0;
	}
	u->type = (s16)l->type;
	u->whence = SEEK_SET;
	u->start = l->start;
	u->len = l->end == OFFSET_MAX ? 0 : l->end - l->start + 1;
	u->pid = l->pid;
	return 0;
}

s64 fcntl_lock(struct file *file, u32 cmd, u64 uflock)
{
	struct file_lock want = { .owner = current->files, .pid = current->tgid };
	struct user_flock u;
	int err;

	if (copy_from_user(&u, uflock, sizeof(u)))
		return -EFAULT;
	if (u.type != F_RDLCK && u.type != F_WRLCK && u.type != F_UNLCK)
		return -EINVAL;
	want.type = (u16)u.type;
	err = lock_range(file, &u, &want);
	if (err)
		return err;
	if (cmd == F_GETLK) {
		err = get_lock(file, &u, &want);
		return err ? err : copy_to_user(uflock, &u, sizeof(u)) ? -EFAULT : 0;
	}
	if ((want.type == F_RDLCK && !(file->f_mode & FMODE_READ)) ||
	    (want.type == F_WRLCK && !(file->f_mode & FMODE_WRITE)))
		return -EBADF;
	return set_lock(file->f_inode, &want, cmd == F_SETLKW);
}

int ksys_flock(u32 fd, u32 cmd)
{
	struct file_lock want = { .whole = true, .pid = current->tgid, .end = OFFSET_MAX };
	struct file_lock off = want;
	struct file *file;
	int err = 0;

	switch (cmd & ~LOCK_NB) {
	case LOCK_SH:
		want.type = F_RDLCK;
		break;
	case LOCK_EX:
		want.type = F_WRLCK;
		break;
	case LOCK_UN:
		want.type = F_UNLCK;
		break;
	default:
		return -EINVAL;
	}
	file = fget(fd);
	if (!file)
		return -EBADF;
	want.owner = off.owner = file;
	off.type = F_UNLCK;
	if (want.type != F_UNLCK && (file->f_mode & (FMODE_READ | FMODE_WRITE)) &&
	    find_conflict(file->f_inode, &want))
		/* a conversion is not atomic: the old lock goes first */
		err = set_lock(file->f_inode, &off, false);
	if (!err)
		err = set_lock(file->f_inode, &want, !(cmd & LOCK_NB));
	fput(file);
	return err;
}

static void remove_owned(struct inode *inode, const void *owner)
{
	struct file_lock *l, *n;
	bool any = false;

	list_for_each_entry_safe(l, n, &inode->i_flock, node) {
		if (l->owner != owner)
			continue;
		drop(l);
		any = true;
	}
	if (any)
		wake_up_all(&inode->i_flock_wait);
}

void locks_remove_posix(struct file *file, const struct files_struct *owner)
{
	remove_owned(file->f_inode, owner);
}

void locks_remove_file(struct file *file)
{
	remove_owned(file->f_inode, file);
}
