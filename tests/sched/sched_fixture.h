/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SCHED_FIXTURE_H
#define TESTS_SCHED_FIXTURE_H

/*
 * kernel_fixture.h with interrupts, time and the scheduler on top, on page tables just good enough
 * for the kernel: a direct map of 1 GiB pages and the gates. Bodies run by sched_call() may create
 * and wake, not block; what blocks is a kernel thread, and the machine runs by sched_run_ns().
 */

#include "kernel_fixture.h"

#include "kernel/irq/idt.h"
#include "kernel/percpu/layout.h"
#include "kernel/time/delay.h"
#include "lib/err.h"
#include "mm/alloc/page.h"
#include "sched/fork.h"
#include "sched/sched.h"
#include "sched/stats.h"

static inline u64 *sf_table(void)
{
	u64 *t = get_zeroed_page(GFP_KERNEL);

	CHECK(t);
	return t;
}

/*
 * The physical address of a PML4 that maps [0, phys_end) at DIRECT_MAP_BASE and two pages of gates.
 */
static inline u64 sf_page_tables(struct machine *m)
{
	u64 *pml4 = sf_table(), *direct = sf_table(), *image = sf_table(), *pd = sf_table(),
	    *pt = sf_table();

	for (u64 g = 0; g << 30 < m->phys_end; g++)
		direct[g] = g << 30 | PTE_P | PTE_W | PTE_A | PTE_D | PTE_PS | PTE_G | PTE_NX;
	pml4[DIRECT_MAP_BASE >> 39 & 511] = host_to_pa(direct) | PTE_P | PTE_W;
	pml4[511] = host_to_pa(image) | PTE_P | PTE_W;
	image[510] = host_to_pa(pd) | PTE_P | PTE_W;
	pd[KERNEL_IMAGE_BASE >> 21 & 511] = host_to_pa(pt) | PTE_P | PTE_W;
	pt[0] = host_to_pa(sf_table()) | PTE_P | PTE_G;
	pt[1] = host_to_pa(sf_table()) | PTE_P | PTE_G;
	return host_to_pa(pml4);
}

static inline void sf_boot_cpu(struct kernel *k, unsigned i, u64 cr3)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_ZERO, 1);

	CHECK(page);
	cpu_long_mode(k->m->cpu[i], cr3, pa_to_va(page_to_pa(page)) + 8192,
		      gate_va(k->m, GATE_KERNEL_TEXT));
	CHECK(irq_init_cpu(k, i, page_address(page), pa_to_va(page_to_pa(page))) == 0);
	CHECK(sched_init_cpu(k, i) == 0);
}

static inline void sf_boot(void *arg)
{
	struct fixture *f = arg;
	u64 cr3;

	CHECK(irq_init(f->k) == 0);
	CHECK(time_init(f->k) == 0);
	CHECK(sched_init(f->k) == 0);
	cr3 = sf_page_tables(f->m);
	for (unsigned i = 0; i < f->m->cfg.nr_cpus; i++)
		sf_boot_cpu(f->k, i, cr3);
}

static inline void sched_fixture_config(struct fixture *f, const struct machine_config *cfg,
					bool checks)
{
	struct kernel_params params = { .hz = 1000, .epoch_s = 1700000000, .debug_checks = checks };

	assert_int_equal(fixture_create_params(f, cfg, &params), 0);
	fixture_run(f, sf_boot, f);
}

/*
 * 64 MiB, exact interleaving, zero costs: the rules alone. Invariants are checked after every
 * event.
 */
static inline void sched_fixture(struct fixture *f, u32 nr_cpus)
{
	struct machine_config cfg = fixture_config(64 << 20, nr_cpus);

	sched_fixture_config(f, &cfg, true);
}

struct sf_call {
	void (*fn)(void *arg);
	void *arg;
};
static inline void sf_call_body(void *arg)
{
	struct sf_call *c = arg;

	preempt_disable();
	c->fn(c->arg);
	preempt_enable_no_resched();
}
static inline void sched_call(struct fixture *f, void (*fn)(void *arg), void *arg)
{
	struct sf_call c = { fn, arg };

	fixture_run(f, sf_call_body, &c);
}

/* Let the machine run until `ns` of its time; fails the test on a panic. Returns why it stopped. */
static inline enum stop_reason sched_run_until(struct fixture *f, u64 ns)
{
	enum stop_reason why = engine_run(f->m, ns_to_cycles(f->m, ns));

	if (why == STOP_PANIC)
		fail_msg("panic: %s", f->m->panic_text);
	return why;
}
/* Until nothing can happen any more. */
static inline void sched_run_to_rest(struct fixture *f)
{
	assert_int_equal(sched_run_until(f, ~0ull >> 20), STOP_DEADLOCK);
}

/* Burn ns of CPU time in kernel code, preemptibly. */
static inline void burn_ns(u64 ns)
{
	compute_ns(ns);
}
/* Until this CPU's clock shows `ns`, however much of that is ours. */
static inline void burn_until(u64 ns)
{
	while (ktime_get() < ns)
		compute_ns(min(ns - ktime_get(), (u64)10000));
}

/* A started kernel thread with nice and policy; panics when it cannot be had. */
static inline struct task_struct *sf_thread(int (*fn)(void *), void *arg, const char *name,
					    int nice, int policy, int prio, int cpu)
{
	struct task_struct *t = kthread_create(fn, arg, "%s", name);
	struct sched_param sp = { .sched_priority = prio };

	CHECK(!IS_ERR(t));
	if (cpu >= 0)
		kthread_bind(t, (unsigned)cpu);
	if (policy != SCHED_NORMAL)
		CHECK(sched_setscheduler(t, policy, &sp) == 0);
	if (nice)
		set_user_nice(t, nice);
	wake_up_process(t);
	return t;
}

#endif
