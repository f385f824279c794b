/* SPDX-License-Identifier: MIT */
/*
 * The tracepoints whose payload does not fit two words.
 *
 * Everybody who records a name or a buffer calls it; it calls the hardware floor's trace_emit.
 *
 *	task_rename  a: pid         b: 0
 *	CONT         a: "busybox\0" b: "\0\0\0\0\0\0\0\0"	comm as two little-endian words
 *
 * T1 A payload is bytes of the machine, never a host address; a hash stands in for what is longer
 *    than a record.
 *
 * Units: bytes. Owner: none. Locking: none. Errors: none. Time: charges nothing. Source: Linux
 * include/trace/events/task.h.
 */
#include "kernel/trace/tracepoints.h"

#include <xxhash.h>

static u64 le64(const u8 *p)
{
	u64 v = 0;

	for (int i = 7; i >= 0; i--)
		v = v << 8 | p[i];
	return v;
}

void trace_task_rename(u32 pid, const char comm[16])
{
	if (!trace_wanted(&this_machine()->trace, TRACE_TASK_RENAME))
		return;
	trace_here(TRACE_TASK_RENAME, pid, 0);
	trace_here(TRACE_CONT, le64((const u8 *)comm), le64((const u8 *)comm + 8));
}

u64 trace_hash(const void *data, u64 len_bytes)
{
	return XXH3_64bits(data, len_bytes);
}
