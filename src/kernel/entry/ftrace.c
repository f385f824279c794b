/* SPDX-License-Identifier: MIT */
/*
 * Trace records as the text that ftrace's reader knows.
 *
 * Called by the API's formatter; calls nothing but string formatting. It must not change the
 * machine.
 *
 *	              sh-7     [000] ..... 0.004211: sched_switch: prev_pid=7 prev_prio=120 prev_state=S ==> next_pid=8 next_prio=120
 *	          <idle>-0     [001] ..... 0.004213: irq_vector_entry: vector=236
 *
 *	F1 a record's line depends on the record alone, but for the task's name.
 *
 * Units:   seconds with six decimals.
 * Owner:   the caller's buffer.
 * Locking: none.
 * Errors:  an unknown id prints its number and both words in hex.
 * Time:    none.
 * Source:  Linux Documentation/trace/ftrace.rst, output format; field names of the tracepoints' own
 * formats.
 */

#include "kernel/entry/ftrace.h"

#include "hw/cpu.h"
#include "lib/string.h"
#include "sched/task.h"

#define LO32(x) ((u32)(x))
#define HI32(x) ((u32)((x) >> 32))

static char state_letter(u16 state)
{
	if (!state)
		return 'R';
	if (state & TASK_INTERRUPTIBLE)
		return 'S';
	if (state & TASK_UNINTERRUPTIBLE)
		return 'D';
	if (state & __TASK_STOPPED)
		return 'T';
	return state & (EXIT_ZOMBIE | EXIT_DEAD | TASK_DEAD) ? 'X' : '?';
}

static int format_fields(const struct trace_record *r, char *buf, u64 size)
{
	unsigned long long a = r->a, b = r->b;

	switch (r->id) {
	case TRACE_SCHED_SWITCH:
		return scnprintf(
			buf, size,
			"prev_pid=%u prev_prio=%u prev_state=%c ==> next_pid=%u next_prio=%u",
			LO32(a), HI32(a) & 0xffff, state_letter((u16)(a >> 48)), LO32(b),
			HI32(b) & 0xffff);
	case TRACE_SCHED_WAKING:
	case TRACE_SCHED_WAKEUP:
	case TRACE_SCHED_WAKEUP_NEW:
		return scnprintf(buf, size, "pid=%u prio=%u target_cpu=%03u", LO32(a),
				 HI32(a) & 0xffff, (u32)(a >> 48));
	case TRACE_SCHED_MIGRATE_TASK:
		return scnprintf(buf, size, "pid=%u prio=%u orig_cpu=%u dest_cpu=%u", LO32(a),
				 HI32(a), LO32(b), HI32(b));
	case TRACE_SCHED_PROCESS_FORK:
		return scnprintf(buf, size, "pid=%u child_pid=%u", LO32(a), HI32(a));
	case TRACE_SCHED_PROCESS_EXEC:
		return scnprintf(buf, size, "pid=%u old_pid=%u", LO32(a), HI32(a));
	case TRACE_SCHED_PROCESS_EXIT:
		return scnprintf(buf, size, "pid=%u prio=%u code=%#llx", LO32(a), HI32(a), b);
	case TRACE_SYS_ENTER:
		return scnprintf(buf, size, "NR %llu args_hash=%016llx", a, b);
	case TRACE_SYS_EXIT:
		return scnprintf(buf, size, "NR %llu = %lld", a, (long long)b);
	case TRACE_PAGE_FAULT_USER:
	case TRACE_PAGE_FAULT_KERNEL:
		return scnprintf(buf, size, "address=%#llx ip=%#llx", a, b);
	case TRACE_IRQ_VECTOR_ENTRY:
	case TRACE_IRQ_VECTOR_EXIT:
		return scnprintf(buf, size, "vector=%llu", a);
	case TRACE_EXCEPTION:
		return scnprintf(buf, size, "vector=%u error_code=%#x ip=%#llx", LO32(a), HI32(a),
				 b);
	case TRACE_HRTIMER_EXPIRE_ENTRY:
		return scnprintf(buf, size, "expires=%llu", a);
	case TRACE_SIGNAL_GENERATE:
		return scnprintf(buf, size, "sig=%u pid=%u code=%d", LO32(a), HI32(a), (int)b);
	case TRACE_SIGNAL_DELIVER:
		return scnprintf(buf, size, "sig=%u sa_handler=%llx", LO32(a), b);
	case TRACE_CONSOLE:
		return scnprintf(buf, size, "line=%u len=%u hash=%016llx", LO32(a), HI32(a), b);
	case TRACE_PIPE_READ:
	case TRACE_PIPE_WRITE:
		return scnprintf(buf, size, "ino=%llu bytes=%llu", a, b);
	case TRACE_TLB_FLUSH:
		return scnprintf(buf, size, "pages=%lld reason=%llu", (long long)b, a);
	case TRACE_MM_PAGE_ALLOC:
		return scnprintf(buf, size, "pfn=%#llx order=%u gfp_flags=%#x", a, LO32(b),
				 HI32(b));
	case TRACE_MM_PAGE_FREE:
		return scnprintf(buf, size, "pfn=%#llx order=%u", a, LO32(b));
	default:
		return scnprintf(buf, size, "a=%#llx b=%#llx", a, b);
	}
}

int ftrace_format(struct kernel *k, const struct trace_record *r, char *buf, u64 size_bytes)
{
	const char *name = trace_name((enum trace_id)r->id), *comm = r->pid ? "<...>" : "<idle>";
	u64 ns = cycles_to_ns(k->m, r->time);
	struct stack *s = r->cpu < k->m->cfg.nr_cpus ? k->m->cpu[r->cpu]->stack : NULL;
	int n;

	if (s && s->task && (u32)((struct task_struct *)s->task)->pid == r->pid && r->pid)
		comm = ((struct task_struct *)s->task)->comm;
	n = scnprintf(buf, size_bytes, "%16s-%-7u [%03u] ..... %llu.%06llu: %s: ", comm, r->pid,
		      r->cpu, (unsigned long long)(ns / 1000000000),
		      (unsigned long long)(ns % 1000000000 / 1000), name ? name : "?");
	return n + format_fields(r, buf + n, size_bytes - (u64)n);
}
