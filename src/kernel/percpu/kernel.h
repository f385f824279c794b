/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_PERCPU_KERNEL_H
#define KERNEL_PERCPU_KERNEL_H

/*
 * The kernel's root: what other kernels keep in global variables. One per machine, at
 * machine->kernel, in the arena. Each floor owns one pointer here and defines the structure behind
 * it; nobody else looks inside. Upward calls go through the hooks, which the upper floor fills at
 * boot; a NULL hook is not called.
 */

#include "hw/cpu.h"
#include "lib/types.h"

struct task_struct;
struct mm_struct;
struct pt_regs;
struct page;

/* What a lower floor asks of an upper one. */
struct kernel_hooks {
	/*
	 * sched -> mm: next_mm's tables on cpu (next may be a kernel thread: mm NULL keeps the lazy
	 * TLB). IRQs off.
	 */
	void (*switch_mm)(struct mm_struct *prev, struct mm_struct *next,
			  struct task_struct *next_task);
	/*
	 * irq -> sched: the interrupt returns to kernel code, preempt_count is 0 and need_resched
	 * is set.
	 */
	void (*preempt_schedule_irq)(void);
	/* percpu -> sched: preempt_count fell to 0 with IRQs on and need_resched set. */
	void (*preempt_schedule)(void);
	/* irq, entry -> signal: before returning to CPL 3, with IRQs on; loops over need_resched
	 * and signals itself. It is called again while need_resched is set after IRQs were turned
	 * off. */
	void (*exit_to_user_mode)(struct pt_regs *regs);
	/* irq -> sched: the periodic tick of this CPU (IRQs off). user: it interrupted CPL 3. */
	void (*scheduler_tick)(bool user);
	/* irq -> sched: a reschedule IPI arrived. */
	void (*scheduler_ipi)(void);
	/* irq -> mm: the call-function / TLB shootdown IPI arrived. */
	void (*call_function_ipi)(void);
	/* irq -> mm: #PF. address is CR2. Fixes up, kills or panics. */
	void (*do_page_fault)(struct pt_regs *regs, u64 error_code, u64 address);
	/*
	 * irq -> signal: any other exception taken from CPL 3 becomes a signal; from CPL 0 without
	 * fixup it is an oops.
	 */
	void (*do_trap)(struct pt_regs *regs, unsigned vector, u64 error_code);
	/* mm -> signal: send a synchronous signal to current (SIGSEGV, SIGBUS...). */
	void (*force_sig_fault)(int sig, int code, u64 address);
	/* vfs, ipc -> signal: send sig to t (SIGPIPE to a writer without readers). 0 or -errno. */
	int (*send_sig)(int sig, struct task_struct *t);
	/* sched -> signal: tell child's parent of its death with sig (0: none). Returns true when
	 * the parent ignores it, so that the child needs no reaping. Tasklist lock held, IRQs off.
	 * */
	bool (*notify_parent)(struct task_struct *child, int sig);
	/*
	 * sched -> signal: the process is an orphan whose parent_death or stopped-pgrp rules may
	 * ask for signals. Tasklist lock held.
	 */
	void (*reparented)(struct task_struct *child, struct task_struct *old_parent);
	/* sched -> mm: store tid at a user address of current (CLONE_*_SETTID). 0 or -EFAULT. */
	int (*put_user_tid)(u64 uaddr, s32 tid);
	/* mm -> ipc: t (current) is about to let go of its address space at exit. May be NULL. */
	void (*mm_release)(struct task_struct *t);
	/* alloc -> mm: reclaim a little; returns pages freed. OOM: 0 and kill somebody or fail. */
	u64 (*direct_reclaim)(unsigned order, u32 gfp);
	/* console -> embedder: bytes written to line 0 (stdout), 1 (stderr), 2 (kernel log). */
	void (*console_sink)(void *arg, int line, const void *buf, u64 len_bytes);
	void *console_arg;
};

struct irq_root;    /* floor 2: vectors, softirqs */
struct alloc_root;  /* floor 3: zones, slabs */
struct time_root;   /* floor 2 */
struct sched_root;  /* floor 4: tasks, pids */
struct mm_root;	    /* floor 5: init_mm, asids */
struct vfs_root;    /* floor 6 */
struct ipc_root;    /* floor 7 */
struct kernel_root; /* floor 8 */

/* Tunables and plans fixed at boot. */
struct kernel_params {
	u32 hz; /* 100, 250, 1000 */
	/*
	 * 1-based: the nth page or slab allocation fails; 0: none. Counted from boot or from
	 * arming.
	 */
	u64 fail_alloc_nth;
	u64 epoch_s; /* wall clock at boot, seconds since 1970 */
	u64 mmap_min_addr;
	bool randomize_va; /* from the seed; off by default */
	bool debug_checks; /* invariants after every event; charges nothing */
};

struct kernel {
	struct machine *m;
	struct kernel_params params;
	struct kernel_hooks hooks;
	struct irq_root *irq;
	struct time_root *time;
	struct alloc_root *alloc;
	struct sched_root *sched;
	struct mm_root *mm;
	struct vfs_root *vfs;
	struct ipc_root *ipc;
	struct kernel_root *top;
};

/* The running kernel. Only on machine stacks. */
static inline struct kernel *kern(void)
{
	return this_machine()->kernel;
}

/*
 * Permanent zeroed memory for kernel data that lives as long as the machine (roots, tables); from
 * the arena, not RAM. NULL: none left.
 */
void *boot_alloc(struct kernel *k, u64 size_bytes);

#endif
