/* SPDX-License-Identifier: MIT */
/*
 * Making allocations fail on purpose: the nth one from arming, once.
 *
 * Called by page_alloc.c and slub.c at the start of every allocation while armed; armed by boot
 * (params.fail_alloc_nth), tests and the public API. A sweep finds every place that must survive a
 * failure:
 *
 *	for (n = 1;; n++) { arm(n); do the thing; if (!fired) break; check that nothing leaked; }
 *
 * F1  Counts only while armed, from 0; the failing call is the one that makes count == nth, and no
 *     later one.
 * F2  A slab allocation that needs a new slab counts once as an object and once as pages (twice
 *     when a smaller slab is tried).
 * F3  The plan is configuration, not chance: the same plan fails the same call on every run.
 *
 * Units:   allocations.
 * Owner:   alloc_root.
 * Locking: none; nothing runs in between.
 * Errors:  that is the point.
 * Time:    none charged.
 * Source:  own; compare Linux's /proc/self/fail-nth (Documentation/fault-injection).
 */

#include "mm/alloc/alloc.h"
#include "mm/alloc/root.h"

void fail_alloc_arm(struct kernel *k, u64 nth)
{
	k->alloc->fail = (struct fail_alloc){ .nth = nth };
}

u64 fail_alloc_count(const struct kernel *k)
{
	return k->alloc->fail.count;
}

bool fail_alloc_fired(const struct kernel *k)
{
	return k->alloc->fail.fired;
}

bool should_fail_alloc(u64 size_bytes)
{
	struct alloc_root *r = alloc_root();
	struct machine *m = r->m;

	if (!fail_alloc_armed(r) || ++r->fail.count != r->fail.nth)
		return false;
	r->fail.fired = true;
	if (trace_wanted(&m->trace, TRACE_FAULT_INJECTED))
		trace_emit(m, this_cpu(), TRACE_FAULT_INJECTED, trace_pid(m), size_bytes,
			   r->fail.nth);
	return true;
}
