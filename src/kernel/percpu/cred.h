/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_PERCPU_CRED_H
#define KERNEL_PERCPU_CRED_H

/*
 * Who a task is, as far as permission checks ask. A cred is immutable once a task points at it;
 * changing one means copying it (prepare_creds), changing the copy and committing it (vfs/cred.h).
 * The filesystem checks read fsuid, fsgid and the groups.
 */

#include "lib/types.h"

#define NGROUPS_INLINE                                                                             \
	32u /* supplementary groups a cred has room for (Linux: 65536 behind a pointer) */

#define CAP_CHOWN 0
#define CAP_DAC_OVERRIDE 1
#define CAP_DAC_READ_SEARCH 2
#define CAP_FOWNER 3
#define CAP_FSETID 4
#define CAP_KILL 5
#define CAP_SETGID 6
#define CAP_SETUID 7
#define CAP_LINUX_IMMUTABLE 9
#define CAP_SYS_CHROOT 18
#define CAP_SYS_ADMIN 21
#define CAP_SYS_NICE 23
#define CAP_SYS_RESOURCE 24
#define CAP_MKNOD 27
#define CAP_MAC_OVERRIDE 32
#define CAP_FULL_SET ((1ull << 41) - 1)

struct cred {
	u64 usage; /* references */
	u32 uid, gid, suid, sgid, euid, egid, fsuid, fsgid;
	u64 cap_inheritable, cap_permitted, cap_effective, cap_bset;
	u32 ngroups;
	u32 groups[NGROUPS_INLINE]; /* sorted ascending */
};

/* True when cred holds capability cap in its effective set. */
static inline bool cred_has_cap(const struct cred *cred, unsigned cap)
{
	return (cred->cap_effective >> cap) & 1;
}

/* True when gid is cred's fsgid or one of its supplementary groups. O(groups), at most 32. */
static inline bool cred_in_group(const struct cred *cred, u32 gid)
{
	if (cred->fsgid == gid)
		return true;
	for (u32 i = 0; i < cred->ngroups; i++)
		if (cred->groups[i] == gid)
			return true;
	return false;
}

#endif
