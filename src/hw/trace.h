/* SPDX-License-Identifier: MIT */
#ifndef HW_TRACE_H
#define HW_TRACE_H

/*
 * Typed trace records and the digest they are folded into.
 *
 * A record is 32 canonical little-endian bytes without padding or addresses:
 *
 *	0        8    10    12      16               24              32
 *	| time   | id | cpu | pid   | a              | b             |
 *
 * Longer payloads follow in records of id TRACE_CONT. Records are appended to a buffer; each full
 * buffer is folded into the digest with XXH3-64 seeded by the last fold, so the digest at any event
 * is fold(buffer so far, seed). A fixed set of ids (trace_digested) always enters the digest; every
 * other id is delivered to the listener only and never enters it.
 */

#include "lib/types.h"

struct machine;
struct cpu;

struct trace_record {
	u64 time; /* TSC cycles */
	u16 id;
	u16 cpu;
	u32 pid;
	u64 a, b;
};
_Static_assert(sizeof(struct trace_record) == 32, "canonical record");

/*
 * Linux's tracepoint names where Linux has one. Numbers are part of the results epoch: append,
 * never renumber.
 */
enum trace_id {
	TRACE_CONT = 0,
	/* a: prev_pid | prev_prio << 32 | prev_state << 48; b: next_pid | next_prio << 32 */
	TRACE_SCHED_SWITCH = 1,
	TRACE_SCHED_WAKING = 2, /* a: pid | prio << 32 | target_cpu << 48 */
	TRACE_SCHED_WAKEUP = 3,
	TRACE_SCHED_WAKEUP_NEW = 4,
	TRACE_SCHED_MIGRATE_TASK = 5, /* a: pid | prio << 32; b: orig_cpu | dest_cpu << 32 */
	TRACE_SCHED_PROCESS_FORK = 6, /* a: parent pid | child pid << 32 */
	TRACE_SCHED_PROCESS_EXEC = 7, /* a: pid | old_pid << 32 */
	TRACE_SCHED_PROCESS_EXIT = 8, /* a: pid | prio << 32; b: exit code */
	TRACE_SCHED_PROCESS_WAIT = 9,
	TRACE_SYS_ENTER = 10,	    /* a: nr; b: XXH3 of the six arguments (guest values) */
	TRACE_SYS_EXIT = 11,	    /* a: nr; b: ret */
	TRACE_PAGE_FAULT_USER = 12, /* a: address; b: ip; then CONT a: error code */
	TRACE_PAGE_FAULT_KERNEL = 13,
	TRACE_IRQ_VECTOR_ENTRY = 14, /* a: vector */
	TRACE_IRQ_VECTOR_EXIT = 15,
	TRACE_EXCEPTION = 16,		 /* a: vector | error code << 32; b: rip */
	TRACE_HRTIMER_EXPIRE_ENTRY = 17, /* a: expires ns */
	TRACE_SIGNAL_GENERATE = 18,	 /* a: sig | pid << 32; b: code */
	TRACE_SIGNAL_DELIVER = 19,	 /* a: sig; b: handler (0 = default) */
	/* a: line | len << 32; b: XXH3 of the bytes; the listener also gets the bytes */
	TRACE_CONSOLE = 20,
	TRACE_PIPE_WRITE = 21,
	TRACE_PIPE_READ = 22,
	TRACE_TLB_FLUSH = 23, /* a: reason; b: pages */
	TRACE_OOM = 24,
	TRACE_MM_PAGE_ALLOC = 25, /* not digested from here on unless trace_digested says so */
	TRACE_MM_PAGE_FREE = 26,
	TRACE_KMEM_CACHE_ALLOC = 27,
	TRACE_KMEM_CACHE_FREE = 28,
	TRACE_SCHED_STAT_RUNTIME = 29,
	TRACE_SCHED_STAT_WAIT = 30,
	TRACE_FAULT_INJECTED = 31,
	TRACE_TASK_NEWTASK = 32,
	TRACE_TASK_RENAME = 33, /* a: pid; CONT a, b: comm */
	TRACE_NR
};

/*
 * Called for every record after it was appended; arg is the embedder's. May not enter the machine.
 */
typedef void trace_listener_fn(void *arg, const struct trace_record *r);

#define TRACE_BUFFER_RECORDS 1024

struct trace {
	u64 digest; /* the last fold */
	u64 nr_events;
	u32 used;	/* records in buf */
	bool digesting; /* the last record but continuations entered the digest */
	u64 enabled[(TRACE_NR + 63) / 64]; /* ids wanted by the listener beyond the digested set */
	trace_listener_fn *listener;
	void *listener_arg;
	u64 count[TRACE_NR];
	struct trace_record buf[TRACE_BUFFER_RECORDS];
};

void trace_init(struct trace *t, u64 seed);
/* The digest over everything recorded so far; does not change it. */
u64 trace_digest(const struct trace *t);
/* Linux's name of an id ("sched_switch"), NULL when unknown. */
const char *trace_name(enum trace_id id);
/* True for the fixed, documented set that always enters the digest. */
bool trace_digested(enum trace_id id);

/*
 * Append one record stamped with cpu's clock (NULL: machine time, cpu 0xffff). A few nanoseconds.
 */
void trace_emit(struct machine *m, struct cpu *cpu, enum trace_id id, u32 pid, u64 a, u64 b);
/* Off, a branch: true when an undigested id has a listener. */
static inline bool trace_wanted(const struct trace *t, enum trace_id id)
{
	return (t->enabled[id / 64] >> (id % 64)) & 1;
}

#endif
