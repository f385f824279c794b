/* SPDX-License-Identifier: MIT */
/*
 * Trace records and the digest of a run.
 *
 * Called by tracepoints of every floor. Calls XXH3 and the embedder's listener. Must not know what
 * an event means.
 *
 * After 1,500 records the first 1,024 are folded and 476 lie in the buffer:
 *
 *	digest = XXH3(record 0..1023, seed)	trace_digest() = XXH3(record 1024..1499, digest)
 *
 *	D1 folds happen after every 1,024th digested record and nowhere else, so asking for the
 *	   digest never changes it;
 *	D2 a record's bytes are canonical: little-endian, no padding, no address, no host time;
 *	D3 what a listener wants or does never enters the digest; the digested set is fixed by
 *	   trace_digested alone.
 *
 * TRACE_CONT is digested, so it may only follow a digested record.
 *
 * Units: time in cycles. Owner: the machine. Locking: none. Errors: none. Time: none; about 4 ns of
 * host time a record.
 * Source: XXH3, github.com/Cyan4973/xxHash doc/xxhash_spec.md; names: Linux include/trace/events.
 */
#include "hw/trace.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "hw/cpu.h"
#include "hw/engine.h"
#include "hw/machine.h"
#include "lib/compiler.h"

static const char *const names[TRACE_NR] = {
	[TRACE_CONT] = "cont",
	[TRACE_SCHED_SWITCH] = "sched_switch",
	[TRACE_SCHED_WAKING] = "sched_waking",
	[TRACE_SCHED_WAKEUP] = "sched_wakeup",
	[TRACE_SCHED_WAKEUP_NEW] = "sched_wakeup_new",
	[TRACE_SCHED_MIGRATE_TASK] = "sched_migrate_task",
	[TRACE_SCHED_PROCESS_FORK] = "sched_process_fork",
	[TRACE_SCHED_PROCESS_EXEC] = "sched_process_exec",
	[TRACE_SCHED_PROCESS_EXIT] = "sched_process_exit",
	[TRACE_SCHED_PROCESS_WAIT] = "sched_process_wait",
	[TRACE_SYS_ENTER] = "sys_enter",
	[TRACE_SYS_EXIT] = "sys_exit",
	[TRACE_PAGE_FAULT_USER] = "page_fault_user",
	[TRACE_PAGE_FAULT_KERNEL] = "page_fault_kernel",
	[TRACE_IRQ_VECTOR_ENTRY] = "irq_vector_entry",
	[TRACE_IRQ_VECTOR_EXIT] = "irq_vector_exit",
	[TRACE_EXCEPTION] = "exception",
	[TRACE_HRTIMER_EXPIRE_ENTRY] = "hrtimer_expire_entry",
	[TRACE_SIGNAL_GENERATE] = "signal_generate",
	[TRACE_SIGNAL_DELIVER] = "signal_deliver",
	[TRACE_CONSOLE] = "console",
	[TRACE_PIPE_WRITE] = "pipe_write",
	[TRACE_PIPE_READ] = "pipe_read",
	[TRACE_TLB_FLUSH] = "tlb_flush",
	[TRACE_OOM] = "oom",
	[TRACE_MM_PAGE_ALLOC] = "mm_page_alloc",
	[TRACE_MM_PAGE_FREE] = "mm_page_free",
	[TRACE_KMEM_CACHE_ALLOC] = "kmem_cache_alloc",
	[TRACE_KMEM_CACHE_FREE] = "kmem_cache_free",
	[TRACE_SCHED_STAT_RUNTIME] = "sched_stat_runtime",
	[TRACE_SCHED_STAT_WAIT] = "sched_stat_wait",
	[TRACE_FAULT_INJECTED] = "fault_injected",
	[TRACE_TASK_NEWTASK] = "task_newtask",
	[TRACE_TASK_RENAME] = "task_rename",
};

/*
 * Switches, wake-ups, system calls, faults, interrupts, timers, process life, signals, I/O,
 * console; injected faults.
 */
#define DIGESTED_IDS ((1ull << TRACE_MM_PAGE_ALLOC) - 1)
#define DIGESTED_LATE (1ull << TRACE_FAULT_INJECTED)
_Static_assert(TRACE_NR <= 64, "one word of ids");

bool trace_digested(enum trace_id id)
{
	return (DIGESTED_IDS | DIGESTED_LATE) >> id & 1;
}

const char *trace_name(enum trace_id id)
{
	return (unsigned)id < TRACE_NR ? names[id] : NULL;
}

void trace_init(struct trace *t, u64 seed)
{
	memset(t, 0, sizeof(*t));
	t->digest = XXH3_64bits_withSeed(&t->nr_events, sizeof(t->nr_events), seed);
}

static u64 fold(const struct trace *t)
{
	return XXH3_64bits_withSeed(t->buf, t->used * sizeof(t->buf[0]), t->digest);
}

u64 trace_digest(const struct trace *t)
{
	return t->used ? fold(t) : t->digest;
}

static struct trace_record canonical(const struct trace_record *r)
{
	struct trace_record c = *r;

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	c.time = __builtin_bswap64(c.time);
	c.id = __builtin_bswap16(c.id);
	c.cpu = __builtin_bswap16(c.cpu);
	c.pid = __builtin_bswap32(c.pid);
	c.a = __builtin_bswap64(c.a);
	c.b = __builtin_bswap64(c.b);
#endif
	return c;
}

void trace_emit(struct machine *m, struct cpu *cpu, enum trace_id id, u32 pid, u64 a, u64 b)
{
	struct trace *t = &m->trace;
	struct trace_record r = {
		.time = cpu ? cpu->now : engine_now(m),
		.id = id,
		.cpu = cpu ? cpu->index : 0xffff,
		.pid = pid,
		.a = a,
		.b = b,
	};

	t->count[id]++;
	if (likely(id != TRACE_CONT)) /* a continuation goes where its record went */
		t->digesting = trace_digested(id);
	if (likely(t->digesting)) {
		t->buf[t->used++] = canonical(&r);
		t->nr_events++;
		if (unlikely(t->used == TRACE_BUFFER_RECORDS)) {
			t->digest = fold(t);
			t->used = 0;
		}
	}
	if (unlikely(t->listener))
		t->listener(t->listener_arg, &r);
}
