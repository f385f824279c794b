/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_PERCPU_PERCPU_H
#define KERNEL_PERCPU_PERCPU_H

/*
 * The per-CPU area: what GS points at in other kernels. cpu->kernel_percpu is its host address; its
 * simulated address is what MSR_KERNEL_GS_BASE holds while user code runs. Floors own the pointer
 * that carries their name.
 */

#include "kernel/percpu/kernel.h"
#include "lib/types.h"

struct rq;
struct hrtimer_cpu_base;
struct slab_cpu;

struct percpu {
	struct cpu *cpu;   /* [I] */
	u32 id;		   /* [I] */
	u32 preempt_count; /* preempt_disable nesting | softirq << 8 | hardirq << 16, as Linux */
	bool need_resched;
	u64 kernel_stack_va;	    /* simulated RSP0 of current */
	u64 user_rsp;		    /* scratch of the SYSCALL entry */
	u64 tss_va, gdt_va, idt_va; /* simulated addresses of this CPU's tables */
	struct task_struct *idle;
	struct rq *rq;
	struct hrtimer_cpu_base *hrtimer;
	struct slab_cpu *slab;
	void *pcp;	/* floor 3: per-CPU page lists */
	void *tlbstate; /* floor 5: loaded mm, asids */
	u64 irq_count[256];
	u64 softirq_pending;
	/* host address of this CPU's GDT/TSS/IDT block in RAM, NULL before irq_init_cpu */
	void *tables;
};

static inline struct percpu *this_percpu(void)
{
	return this_cpu()->kernel_percpu;
}
static inline struct percpu *percpu_of(struct kernel *k, unsigned cpu)
{
	return k->m->cpu[cpu]->kernel_percpu;
}
static inline u32 smp_processor_id(void)
{
	return this_cpu()->index;
}
static inline u32 nr_cpu_ids(void)
{
	return this_machine()->cfg.nr_cpus;
}

#define HARDIRQ_OFFSET 0x10000u
#define SOFTIRQ_OFFSET 0x100u
static inline bool in_interrupt(void)
{
	return this_percpu()->preempt_count >= SOFTIRQ_OFFSET;
}

/*
 * Preemption counting: preempt_enable() reschedules when the count falls to 0 with IRQs on and
 * need_resched set.
 */
static inline void preempt_disable(void)
{
	this_percpu()->preempt_count++;
}
void preempt_enable(void);
static inline void preempt_enable_no_resched(void)
{
	this_percpu()->preempt_count--;
}

/* Interrupt flag of the running CPU as kernel C sees it. */
static inline bool irqs_disabled(void)
{
	return !(this_cpu()->rflags & FLAG_IF);
}
static inline void local_irq_disable(void)
{
	cpu_cli(this_cpu());
}
static inline void local_irq_enable(void)
{
	cpu_sti(this_cpu());
}
static inline u64 local_irq_save(void)
{
	u64 flags = this_cpu()->rflags & FLAG_IF;

	cpu_cli(this_cpu());
	return flags;
}
static inline void local_irq_restore(u64 flags)
{
	if (flags)
		cpu_sti(this_cpu());
}

#endif
