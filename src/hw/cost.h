/* SPDX-License-Identifier: MIT */
#ifndef HW_COST_H
#define HW_COST_H

/*
 * What things cost, in TSC cycles, one row each with the source of its figure; profiles are
 * columns. Nothing else in the code invents a delay. Under `zero` every row is 0 except COST_INSN,
 * COST_GATE and COST_LOCK_RETRY, which are 1, so that no loop stops the clock.
 */

#include "lib/types.h"

enum cost_id {
	COST_INSN,	 /* one interpreted instruction */
	COST_GATE,	 /* entering a native gate */
	COST_LOCK_RETRY, /* one failed look at a lock */
	COST_INSN_MUL,	 /* beyond COST_INSN */
	COST_INSN_DIV,
	COST_INSN_FP,
	COST_INSN_STRING_STEP, /* one REP iteration */
	COST_TLB_L2_HIT,       /* first level missed, second hit */
	COST_WALK_STEP,	       /* one paging-structure entry read by the walker */
	COST_SYSCALL,	       /* SYSCALL + SWAPGS */
	COST_SYSRET,
	COST_EXCEPTION, /* fault or INT delivery through the IDT */
	COST_INTERRUPT, /* external interrupt delivery */
	COST_IRET,
	COST_CR3_WRITE,
	COST_INVLPG,
	COST_IPI, /* ICR write to the target's IRR */
	COST_MSR_WRITE,
	COST_HLT_WAKE,
	COST_LOCK_RMW,	   /* an uncontended locked instruction */
	COST_CACHELINE,	   /* 64 bytes copied or cleared by the kernel, in cache */
	COST_SYSCALL_WORK, /* kernel C: entry code, table dispatch, exit work */
	COST_FAULT_WORK,   /* kernel C: find_vma + handle_mm_fault without the copy */
	COST_SWITCH_WORK,  /* kernel C: pick_next_task + switch_to without CR3 */
	COST_WAKEUP_WORK,
	COST_ALLOC_PAGE,
	COST_SLAB_FAST,
	COST_SLAB_SLOW,
	COST_TIMER_WORK, /* one hrtimer expiry */
	COST_TICK_WORK,
	COST_FORK_WORK, /* copy_process without page tables */
	COST_EXEC_WORK,
	COST_EXIT_WORK,
	COST_PTE_COPY,	/* one entry copied or zapped */
	COST_PATH_STEP, /* one component of a path walk, dentry cached */
	COST_FILE_OP,	/* vfs_read/vfs_write without the copy */
	COST_CONSOLE_BYTE,
	COST_NR
};

struct cost_row {
	const char *name; /* "tlb_l2_hit" */
	const char *source;
};

struct cost_profile {
	const char *name; /* "zen4" */
	u32 tsc_khz;
	u32 apic_hz_div; /* TSC cycles per LAPIC timer clock (before its divider) */
	u16 maxphyaddr;
	u16 l1d_sets, l1d_ways, l1i_sets, l1i_ways, l2_sets, l2_ways;
	char vendor[13]; /* CPUID leaf 0 */
	char brand[49];
	u32 signature; /* CPUID leaf 1 EAX */
	u32 cycles[COST_NR];
};

const struct cost_row *cost_row(enum cost_id id);
/* "zero", "zen4", "skylake"; NULL when unknown. */
const struct cost_profile *cost_profile(const char *name);

#endif
