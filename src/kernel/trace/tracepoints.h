/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_TRACE_TRACEPOINTS_H
#define KERNEL_TRACE_TRACEPOINTS_H

/*
 * Typed tracepoints: Linux's names, values only. The packing of a and b is documented at enum
 * trace_id (hw/trace.h); it is written here and nowhere else. Only on machine stacks. Undigested
 * ones cost a branch when nobody listens.
 */

#include "hw/cpu.h"
#include "hw/machine.h"
#include "hw/stack.h"
#include "hw/trace.h"

/* The pid a record carries: of the task whose stack runs. */
static inline u32 trace_pid(void)
{
	struct stack *s = stack_here();

	return s->m->pid_of ? s->m->pid_of(s) : 0;
}
static inline void trace_here(enum trace_id id, u64 a, u64 b)
{
	trace_emit(this_machine(), this_cpu(), id, trace_pid(), a, b);
}
static inline void trace_here_if_wanted(enum trace_id id, u64 a, u64 b)
{
	if (trace_wanted(&this_machine()->trace, id))
		trace_here(id, a, b);
}

static inline void trace_sched_switch(u32 prev_pid, u16 prev_prio, u16 prev_state, u32 next_pid,
				      u16 next_prio)
{
	trace_here(TRACE_SCHED_SWITCH, prev_pid | (u64)prev_prio << 32 | (u64)prev_state << 48,
		   next_pid | (u64)next_prio << 32);
}
static inline void trace_sched_waking(u32 pid, u16 prio, u16 target_cpu)
{
	trace_here(TRACE_SCHED_WAKING, pid | (u64)prio << 32 | (u64)target_cpu << 48, 0);
}
static inline void trace_sched_wakeup(u32 pid, u16 prio, u16 target_cpu)
{
	trace_here(TRACE_SCHED_WAKEUP, pid | (u64)prio << 32 | (u64)target_cpu << 48, 0);
}
static inline void trace_sched_wakeup_new(u32 pid, u16 prio, u16 target_cpu)
{
	trace_here(TRACE_SCHED_WAKEUP_NEW, pid | (u64)prio << 32 | (u64)target_cpu << 48, 0);
}
static inline void trace_sched_migrate_task(u32 pid, u16 prio, u32 orig_cpu, u32 dest_cpu)
{
	trace_here(TRACE_SCHED_MIGRATE_TASK, pid | (u64)prio << 32, orig_cpu | (u64)dest_cpu << 32);
}
static inline void trace_sched_process_fork(u32 parent, u32 child)
{
	trace_here(TRACE_SCHED_PROCESS_FORK, parent | (u64)child << 32, 0);
}
static inline void trace_sched_process_exec(u32 pid, u32 old_pid)
{
	trace_here(TRACE_SCHED_PROCESS_EXEC, pid | (u64)old_pid << 32, 0);
}
static inline void trace_sched_process_exit(u32 pid, u16 prio, u64 exit_code)
{
	trace_here(TRACE_SCHED_PROCESS_EXIT, pid | (u64)prio << 32, exit_code);
}
static inline void trace_sched_process_wait(s32 pid)
{
	trace_here(TRACE_SCHED_PROCESS_WAIT, (u32)pid, 0);
}
/* args_hash: XXH3 of the six argument registers, from trace_hash(). */
static inline void trace_sys_enter(u64 nr, u64 args_hash)
{
	trace_here(TRACE_SYS_ENTER, nr, args_hash);
}
static inline void trace_sys_exit(u64 nr, u64 ret)
{
	trace_here(TRACE_SYS_EXIT, nr, ret);
}
static inline void trace_page_fault_user(u64 address, u64 ip, u64 error_code)
{
	trace_here(TRACE_PAGE_FAULT_USER, address, ip);
	trace_here(TRACE_CONT, error_code, 0);
}
static inline void trace_page_fault_kernel(u64 address, u64 ip, u64 error_code)
{
	trace_here(TRACE_PAGE_FAULT_KERNEL, address, ip);
	trace_here(TRACE_CONT, error_code, 0);
}
static inline void trace_irq_vector_entry(unsigned vector)
{
	trace_here(TRACE_IRQ_VECTOR_ENTRY, vector, 0);
}
static inline void trace_irq_vector_exit(unsigned vector)
{
	trace_here(TRACE_IRQ_VECTOR_EXIT, vector, 0);
}
static inline void trace_hrtimer_expire_entry(u64 expires_ns)
{
	trace_here(TRACE_HRTIMER_EXPIRE_ENTRY, expires_ns, 0);
}
static inline void trace_signal_generate(u32 sig, u32 pid, s32 code)
{
	trace_here(TRACE_SIGNAL_GENERATE, sig | (u64)pid << 32, (u64)(s64)code);
}
static inline void trace_signal_deliver(u32 sig, u64 handler)
{
	trace_here(TRACE_SIGNAL_DELIVER, sig, handler);
}
static inline void trace_console(u32 line, u32 len_bytes, u64 bytes_hash)
{
	trace_here(TRACE_CONSOLE, line | (u64)len_bytes << 32, bytes_hash);
}
static inline void trace_pipe_write(u64 inode, u64 bytes)
{
	trace_here(TRACE_PIPE_WRITE, inode, bytes);
}
static inline void trace_pipe_read(u64 inode, u64 bytes)
{
	trace_here(TRACE_PIPE_READ, inode, bytes);
}
static inline void trace_tlb_flush(u64 reason, u64 pages)
{
	trace_here(TRACE_TLB_FLUSH, reason, pages);
}
static inline void trace_oom(u32 pid, u64 order)
{
	trace_here(TRACE_OOM, pid, order);
}
static inline void trace_mm_page_alloc(u64 pfn, u32 order, u32 gfp)
{
	trace_here_if_wanted(TRACE_MM_PAGE_ALLOC, pfn, order | (u64)gfp << 32);
}
static inline void trace_mm_page_free(u64 pfn, u32 order)
{
	trace_here_if_wanted(TRACE_MM_PAGE_FREE, pfn, order);
}
/* pa: the object's physical address (an address of the machine, never of the host). */
static inline void trace_kmem_cache_alloc(u64 pa, u32 size, u32 gfp)
{
	trace_here_if_wanted(TRACE_KMEM_CACHE_ALLOC, pa, size | (u64)gfp << 32);
}
static inline void trace_kmem_cache_free(u64 pa, u32 size)
{
	trace_here_if_wanted(TRACE_KMEM_CACHE_FREE, pa, size);
}
static inline void trace_sched_stat_runtime(u32 pid, u64 runtime_ns, u64 vruntime_ns)
{
	if (trace_wanted(&this_machine()->trace, TRACE_SCHED_STAT_RUNTIME))
		trace_emit(this_machine(), this_cpu(), TRACE_SCHED_STAT_RUNTIME, pid, runtime_ns,
			   vruntime_ns);
}
static inline void trace_sched_stat_wait(u32 pid, u64 delay_ns)
{
	if (trace_wanted(&this_machine()->trace, TRACE_SCHED_STAT_WAIT))
		trace_emit(this_machine(), this_cpu(), TRACE_SCHED_STAT_WAIT, pid, delay_ns, 0);
}
static inline void trace_fault_injected(u64 nth, u64 size)
{
	trace_here(TRACE_FAULT_INJECTED, nth, size);
}
static inline void trace_task_newtask(u32 pid, u64 clone_flags)
{
	trace_here_if_wanted(TRACE_TASK_NEWTASK, pid, clone_flags);
}
/* comm: 16 bytes, zero padded. */
void trace_task_rename(u32 pid, const char comm[16]);
/* XXH3-64 of bytes: what records carry in place of a payload. */
u64 trace_hash(const void *data, u64 len_bytes);

#endif
