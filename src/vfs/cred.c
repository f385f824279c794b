/* SPDX-License-Identifier: MIT */
/*
 * Credentials: copied to be changed, then swapped in whole.
 *
 * Called by the set*id system calls (floor 8), by exec for set-uid files, and by fork and release
 * through the task hooks of vfs/vfs.c. Calls the slab allocator. Knows nothing of files.
 *
 *	task 7 ---> cred { usage 2, uid 1000, fsuid 1000 } <--- task 8 (thread of 7)
 *
 *	setuid(0) by task 7:   prepare_creds -> a copy { usage 1 }, changed, commit_creds:
 *	task 7 ---> cred { usage 1, uid 0 }      cred { usage 1, uid 1000 } <--- task 8
 *
 * C1  A cred somebody points at never changes; an open file that keeps f_cred sees what it was
 *     opened with.
 * C2  usage is the number of tasks, files and callers that hold a pointer; at 0 the cred is gone.
 *
 * Units: ids are plain 32-bit numbers. Owner: whoever holds a reference. Locking: none; a count
 * changes between two charges. Errors: NULL when there is no memory. Time: the slab's own costs.
 * Source: Linux kernel/cred.c (behaviour), credentials(7).
 */
#include "vfs/cred.h"

#include "lib/string.h"
#include "mm/alloc/slab.h"
#include "vfs/vfs.h"

struct cred *prepare_creds(void)
{
	struct cred *new_cred = kmem_cache_alloc(vfs()->cred_cache, GFP_KERNEL);

	if (!new_cred)
		return NULL;
	*new_cred = *current->cred;
	new_cred->usage = 1;
	return new_cred;
}

int commit_creds(struct cred *new_cred)
{
	struct cred *old = current->cred;

	current->cred = new_cred;
	put_cred(old);
	return 0;
}

void abort_creds(struct cred *new_cred)
{
	put_cred(new_cred);
}

void put_cred(struct cred *cred)
{
	if (!cred)
		return;
	BUG_ON(cred->usage == 0);
	if (--cred->usage == 0)
		kmem_cache_free(vfs()->cred_cache, cred);
}
