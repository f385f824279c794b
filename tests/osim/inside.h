/* SPDX-License-Identifier: MIT */
#ifndef TESTS_OSIM_INSIDE_H
#define TESTS_OSIM_INSIDE_H

/* What tests of the whole machine look at inside it: the kernel behind a handle, and what is in use. */

#include <osim/osim.h>

#include "hw/machine.h"
#include "kernel/percpu/kernel.h"
#include "mm/alloc/alloc.h"
#include "sched/sched.h"
#include "vfs/dcache.h"

/* The API's handle starts with the machine: looked at, never changed. */
struct osim_head {
	struct machine *m;
	struct kernel *k;
};

static inline struct kernel *kernel_of(struct osim *o)
{
	return ((struct osim_head *)(void *)o)->k;
}

struct inside {
	struct alloc_stats stats;
	u64 nth;
};

/* A machine_call body: every invariant checked, caches emptied, what is in use counted. */
static inline void take_stats(void *arg)
{
	struct inside *in = arg;

	stack_here()->task = idle_task(kern(), 0);
	fail_alloc_arm(kern(), 0);
	shrink_dcache(UINT64_MAX);
	sched_check(kern());
	alloc_stats(kern(), &in->stats);
	alloc_check(kern());
}

#endif
