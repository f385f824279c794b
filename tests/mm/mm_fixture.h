/* SPDX-License-Identifier: MIT */
#ifndef TESTS_MM_FIXTURE_H
#define TESTS_MM_FIXTURE_H

/*
 * The kernel fixture with the floors up to src/mm: interrupts, time, scheduler, init_mm; and a way
 * to be a user program without one.
 *
 * A body runs as CPU 0's boot task. mm_use(mm) makes mm current's and loads it; user_read() and
 * user_write() access its memory as an instruction at CPL 3 would, through the MMU, and hand faults
 * to do_page_fault() as the entry code does.
 */

#include "kernel_fixture.h"

/* stdlib.h brings the host's wait flags; the kernel has its own. */
#undef WNOHANG
#undef WUNTRACED
#undef WSTOPPED
#undef WEXITED
#undef WCONTINUED
#undef WNOWAIT
#undef __WNOTHREAD
#undef __WALL
#undef __WCLONE

#include "kernel/irq/idt.h"
#include "kernel/irq/ptrace.h"
#include "kernel/percpu/layout.h"
#include "kernel/time/hrtimer.h"
#include "kernel/time/ktime.h"
#include "lib/errno.h"
#include "mm/alloc/slab.h"
#include "mm/mm.h"
#include "mm/mman.h"
#include "mm/pgtable.h"
#include "mm/tlbflush.h"
#include "mm/uaccess.h"
#include "sched/fork.h"
#include "sched/sched.h"
#include "sched/task.h"

#define SIGBUS 7
#define SIGKILL 9
#define SIGSEGV 11
#define SEGV_MAPERR 1
#define SEGV_ACCERR 2

/* What hooks.force_sig_fault was told last. Per machine: hangs off current->embedder. */
struct sigrec {
	int sig, code;
	u64 address;
	u32 count;
};

static inline void record_signal(int sig, int code, u64 address)
{
	struct sigrec *r = current->embedder;

	r->sig = sig;
	r->code = code;
	r->address = address;
	r->count++;
}

static inline void mm_fixture_boot(void *arg)
{
	struct fixture *f = arg;
	struct kernel *k = f->k;
	u32 i;

	CHECK(irq_init(k) == 0);
	CHECK(time_init(k) == 0);
	CHECK(sched_init(k) == 0);
	CHECK(mm_init(k) == 0);
	for (i = 0; i < k->m->cfg.nr_cpus; i++) {
		u8 *tables = __get_free_pages(GFP_KERNEL | __GFP_ZERO, 1);

		CHECK(tables);
		CHECK(mm_attach_cpu(k, i) == 0);
		CHECK(irq_init_cpu(k, i, tables, host_to_va(tables)) == 0);
		CHECK(sched_init_cpu(k, i) == 0);
	}
	/*
	 * The boot task stands for a process in a system call: preemptible, on its simulated kernel
	 * stack, IRQs off.
	 */
	this_percpu()->preempt_count = 0;
	this_cpu()->r[RSP] = this_percpu()->kernel_stack_va;
	k->hooks.force_sig_fault = record_signal;
	current->embedder = boot_alloc(k, sizeof(struct sigrec));
	CHECK(current->embedder);
}

static inline void mm_fixture_create(struct fixture *f, u64 ram_bytes, u32 nr_cpus)
{
	struct machine_config cfg = fixture_config(ram_bytes, nr_cpus);
	struct kernel_params params = { .hz = 250, .mmap_min_addr = 65536 };

	assert_int_equal(fixture_create_params(f, &cfg, &params), 0);
	fixture_run(f, mm_fixture_boot, f);
}

/* current's mm becomes mm (NULL: none, tables stay lazily loaded). No reference moves. */
static inline void mm_use(struct mm_struct *mm)
{
	u64 flags = local_irq_save();
	struct mm_struct *old = current->mm;

	current->mm = mm;
	switch_mm(old, mm, current);
	local_irq_restore(flags);
}

/* Leave mm for good and drop the user reference. */
static inline void mm_leave(struct mm_struct *mm)
{
	if (current->mm == mm)
		mm_use(NULL);
	mmput(mm);
}

/* Let a fault of CPL 3 at `ip` run; the signal it caused, or 0. */
static inline int user_fault(const struct fault *f, u64 ip)
{
	struct sigrec *r = current->embedder;
	struct pt_regs regs = {
		.ip = ip, .cs = USER_CS, .ss = USER_DS, .flags = cpu_rflags(this_cpu())
	};
	u32 before = r->count;

	CHECK(f->vector == VEC_PF || f->vector == VEC_GP);
	if (f->vector == VEC_GP)
		return SIGSEGV; /* non-canonical: the trap floor's signal */
	do_page_fault(&regs, f->error, f->cr2);
	CHECK(regs.ip == ip);
	return r->count != before ? r->sig : 0;
}

#define USER_TRIES 16

/* One access of 1..64 bytes at CPL 3. 0, or the signal. */
static inline int user_access(u64 va, void *buf, unsigned len, bool write)
{
	struct fault f;
	int i, sig;

	for (i = 0; i < USER_TRIES; i++) {
		bool ok;

		this_cpu()->icount++; /* an instruction: the TLB's replacement counts them */
		ok = write ? mmu_write(this_cpu(), va, buf, len, true, &f) :
			     mmu_read(this_cpu(), va, buf, len, true, &f);

		charge_cycles(1);
		if (ok)
			return 0;
		sig = user_fault(&f, 0x401000);
		if (sig)
			return sig;
	}
	CHECK(!"the access does not get through");
	return -1;
}

static inline int user_write(u64 va, u64 value)
{
	return user_access(va, &value, sizeof(value), true);
}
static inline int user_read(u64 va, u64 *value)
{
	return user_access(va, value, sizeof(*value), false);
}

static inline void check_mm(struct mm_struct *mm)
{
	const char *broken = mm_check(mm);

	if (broken)
		machine_panic(this_machine(), "mm_check: %s (OSIM_TEST_SEED=%llu)", broken,
			      (unsigned long long)this_machine()->cfg.seed);
}

/* A fresh mm, current's and loaded. */
static inline struct mm_struct *new_mm(void)
{
	struct mm_struct *mm = mm_alloc();

	CHECK(mm);
	mm_use(mm);
	return mm;
}

static inline s64 map_anon(u64 addr, u64 len, u64 prot, u64 flags)
{
	return vm_mmap_pgoff(NULL, addr, len, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, 0);
}

struct leak_check {
	struct alloc_stats before;
};

static inline void leak_check_begin(struct leak_check *l)
{
	alloc_stats(kern(), &l->before);
}

static inline void leak_check_end(struct leak_check *l)
{
	struct alloc_stats now;
	char text[512];
	u64 flags = local_irq_save();

	/* An idle CPU may keep an exited mm's structure as its lazy TLB; that is no leak. */
	switch_mm(NULL, init_mm(kern()), NULL);
	local_irq_restore(flags);
	alloc_stats(kern(), &now);
	if (!alloc_stats_same(&l->before, &now, text, sizeof(text)))
		machine_panic(this_machine(), "leak: %s (OSIM_TEST_SEED=%llu)", text,
			      (unsigned long long)this_machine()->cfg.seed);
}

#endif
