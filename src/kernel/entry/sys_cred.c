/* SPDX-License-Identifier: MIT */
/*
 * System calls of identity: user and group ids, supplementary groups.
 *
 * Called through the table; calls vfs/cred.h. They must not know what the ids are checked for.
 *
 *	setuid(1000) by root: uid, euid, suid, fsuid 0 -> 1000; the last root id is gone, so the
 *	permitted and effective capabilities are empty from here on
 *
 *	U1 every change makes a new cred and commits it whole; the old one is never written.
 *
 * Units:   ids; (u32)-1 means "keep".
 * Owner:   prepare_creds() until commit or abort.
 * Locking: none: a cred is immutable once committed.
 * Errors:  -EPERM, -EINVAL, -ENOMEM, -EFAULT.
 * Time:    none of its own.
 * Source:  setuid(2), setresuid(2), setgroups(2), capabilities(7).
 */

#include "kernel/entry/syscall.h"
#include "kernel/percpu/cred.h"
#include "lib/compiler.h"
#include "mm/uaccess.h"
#include "sched/task.h"
#include "vfs/cred.h"

SYSCALL_DEFINE0(getuid)
{
	return current_cred()->uid;
}

SYSCALL_DEFINE0(geteuid)
{
	return current_cred()->euid;
}

SYSCALL_DEFINE0(getgid)
{
	return current_cred()->gid;
}

SYSCALL_DEFINE0(getegid)
{
	return current_cred()->egid;
}

/*
 * The capability consequences of changed uids (capabilities(7)): root's go when the last root id
 * goes.
 */
static void fix_caps(const struct cred *old, struct cred *new_cred)
{
	bool had = !old->uid || !old->euid || !old->suid,
	     has = !new_cred->uid || !new_cred->euid || !new_cred->suid;

	if (had && !has)
		new_cred->cap_permitted = new_cred->cap_effective = 0;
	if (!old->euid && new_cred->euid)
		new_cred->cap_effective = 0;
	if (old->euid && !new_cred->euid)
		new_cred->cap_effective = new_cred->cap_permitted;
}

#define KEEP ((u32)-1)

static bool id_allowed(u32 id, u32 a, u32 b, u32 c)
{
	return id == KEEP || id == a || id == b || id == c;
}

static long set_resuid(u32 r, u32 e, u32 s)
{
	const struct cred *old = current_cred();
	struct cred *c;

	if (!capable(CAP_SETUID) && !(id_allowed(r, old->uid, old->euid, old->suid) &&
				      id_allowed(e, old->uid, old->euid, old->suid) &&
				      id_allowed(s, old->uid, old->euid, old->suid)))
		return -EPERM;
	c = prepare_creds();
	if (!c)
		return -ENOMEM;
	if (r != KEEP)
		c->uid = r;
	if (e != KEEP)
		c->euid = e;
	if (s != KEEP)
		c->suid = s;
	c->fsuid = c->euid;
	fix_caps(old, c);
	return commit_creds(c);
}

static long set_resgid(u32 r, u32 e, u32 s)
{
	const struct cred *old = current_cred();
	struct cred *c;

	if (!capable(CAP_SETGID) && !(id_allowed(r, old->gid, old->egid, old->sgid) &&
				      id_allowed(e, old->gid, old->egid, old->sgid) &&
				      id_allowed(s, old->gid, old->egid, old->sgid)))
		return -EPERM;
	c = prepare_creds();
	if (!c)
		return -ENOMEM;
	if (r != KEEP)
		c->gid = r;
	if (e != KEEP)
		c->egid = e;
	if (s != KEEP)
		c->sgid = s;
	c->fsgid = c->egid;
	return commit_creds(c);
}

SYSCALL_DEFINE1(setuid, u32, uid)
{
	if (uid == KEEP)
		return -EINVAL;
	return capable(CAP_SETUID) ? set_resuid(uid, uid, uid) :
	       uid == current_cred()->uid || uid == current_cred()->suid ?
				     set_resuid(KEEP, uid, KEEP) :
				     -EPERM;
}

SYSCALL_DEFINE1(setgid, u32, gid)
{
	if (gid == KEEP)
		return -EINVAL;
	return capable(CAP_SETGID) ? set_resgid(gid, gid, gid) :
	       gid == current_cred()->gid || gid == current_cred()->sgid ?
				     set_resgid(KEEP, gid, KEEP) :
				     -EPERM;
}

SYSCALL_DEFINE2(setreuid, u32, r, u32, e)
{
	const struct cred *c = current_cred();
	bool saves = r != KEEP || (e != KEEP && e != c->uid);

	return set_resuid(r, e, saves ? (e != KEEP ? e : c->euid) : KEEP);
}

SYSCALL_DEFINE2(setregid, u32, r, u32, e)
{
	const struct cred *c = current_cred();
	bool saves = r != KEEP || (e != KEEP && e != c->gid);

	return set_resgid(r, e, saves ? (e != KEEP ? e : c->egid) : KEEP);
}

SYSCALL_DEFINE3(setresuid, u32, r, u32, e, u32, s)
{
	return set_resuid(r, e, s);
}

SYSCALL_DEFINE3(setresgid, u32, r, u32, e, u32, s)
{
	return set_resgid(r, e, s);
}

/* The capabilities that follow fsuid 0: what passes checks on files. */
#define CAP_FS_SET                                                                                 \
	(1ull << CAP_CHOWN | 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_DAC_READ_SEARCH |              \
	 1ull << CAP_FOWNER | 1ull << CAP_FSETID | 1ull << CAP_LINUX_IMMUTABLE |                   \
	 1ull << CAP_MKNOD | 1ull << CAP_MAC_OVERRIDE)

/* Both return the old id whether or not they changed it: that is the interface. */
SYSCALL_DEFINE1(setfsuid, u32, uid)
{
	const struct cred *old = current_cred();
	long ret = old->fsuid;
	struct cred *c;

	if (uid == KEEP || uid == old->fsuid ||
	    (!id_allowed(uid, old->uid, old->euid, old->suid) && !capable(CAP_SETUID)))
		return ret;
	c = prepare_creds();
	if (!c)
		return ret;
	if (!c->fsuid)
		c->cap_effective &= ~CAP_FS_SET;
	else if (!uid)
		c->cap_effective |= c->cap_permitted & CAP_FS_SET;
	c->fsuid = uid;
	commit_creds(c);
	return ret;
}

SYSCALL_DEFINE1(setfsgid, u32, gid)
{
	const struct cred *old = current_cred();
	long ret = old->fsgid;
	struct cred *c;

	if (gid == KEEP || gid == old->fsgid ||
	    (!id_allowed(gid, old->gid, old->egid, old->sgid) && !capable(CAP_SETGID)))
		return ret;
	c = prepare_creds();
	if (!c)
		return ret;
	c->fsgid = gid;
	commit_creds(c);
	return ret;
}

SYSCALL_DEFINE3(getresuid, u64, ur, u64, ue, u64, us)
{
	const struct cred *c = current_cred();

	return put_user_u32(c->uid, ur) || put_user_u32(c->euid, ue) || put_user_u32(c->suid, us) ?
		       -EFAULT :
		       0;
}

SYSCALL_DEFINE3(getresgid, u64, ur, u64, ue, u64, us)
{
	const struct cred *c = current_cred();

	return put_user_u32(c->gid, ur) || put_user_u32(c->egid, ue) || put_user_u32(c->sgid, us) ?
		       -EFAULT :
		       0;
}

SYSCALL_DEFINE2(getgroups, int, size, u64, ulist)
{
	const struct cred *c = current_cred();

	if (size < 0 || (size && size < (int)c->ngroups))
		return -EINVAL;
	if (size && copy_to_user(ulist, c->groups, c->ngroups * sizeof(u32)))
		return -EFAULT;
	return (long)c->ngroups;
}

SYSCALL_DEFINE2(setgroups, int, size, u64, ulist)
{
	struct cred *c;

	if (!capable(CAP_SETGID))
		return -EPERM;
	if ((u32)size > NGROUPS_INLINE)
		return -EINVAL;
	c = prepare_creds();
	if (!c)
		return -ENOMEM;
	c->ngroups = (u32)size;
	if (copy_from_user(c->groups, ulist, (u64)size * sizeof(u32))) {
		abort_creds(c);
		return -EFAULT;
	}
	for (int i = 1; i < size; i++) { /* insertion sort: at most 32 */
		u32 g = c->groups[i];
		int j = i;

		for (; j > 0 && c->groups[j - 1] > g; j--)
			c->groups[j] = c->groups[j - 1];
		c->groups[j] = g;
	}
	return commit_creds(c);
}
