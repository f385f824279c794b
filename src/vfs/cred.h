/* SPDX-License-Identifier: MIT */
#ifndef VFS_CRED_H
#define VFS_CRED_H

/*
 * Making, sharing and replacing credentials. Task context; fork and release go through the task
 * hooks that vfs_init registers.
 */

#include "kernel/percpu/cred.h"
#include "lib/types.h"
#include "sched/task.h"

static inline const struct cred *current_cred(void)
{
	return current->cred;
}
static inline bool capable(unsigned cap)
{
	return cred_has_cap(current->cred, cap);
}

/*
 * A private copy of current's cred with one reference, for the caller to change and commit_creds()
 * or abort_creds(). NULL: no memory.
 */
struct cred *prepare_creds(void);
/*
 * current uses new from now on; its old cred loses a reference. Consumes the caller's reference.
 * Returns 0.
 */
int commit_creds(struct cred *new_cred);
/* Give up a prepared cred. */
void abort_creds(struct cred *new_cred);
/* One more reference. */
static inline struct cred *get_cred(struct cred *cred)
{
	cred->usage++;
	return cred;
}
/* Drop a reference; NULL is ignored. */
void put_cred(struct cred *cred);

#endif
