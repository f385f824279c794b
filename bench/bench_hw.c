/* SPDX-License-Identifier: MIT */
/*
 * Host cost of the hardware floor's primitives. One line a figure, host nanoseconds; simulated cost
 * does not appear here. The peer beside each is the cheapest thing of its kind in the same process,
 * measured in the same run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>

#include "hw/cpu.h"
#include "hw/machine.h"
#include "lib/prng.h"

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* other processes do not count */
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static struct machine *machine(u32 cpus, u64 ram_bytes)
{
	struct machine_config cfg = {
		.nr_cpus = cpus, .ram_bytes = ram_bytes, .seed = 1, .costs = cost_profile("zen4")
	};
	struct machine *m = NULL;

	if (machine_create(&cfg, &m))
		exit(1);
	return m;
}

static void row(const char *what, double ns, const char *peer, double peer_ns)
{
	printf("%-44s %10.1f ns    %-34s %10.1f ns\n", what, ns, peer, peer_ns);
}

/* --- stack switch --- */

#define SWITCHES 2000000
static struct stack *home, *other;
static double switch_ns;

static void bounce(void *arg)
{
	(void)arg;
	for (;;)
		stack_switch(this_cpu(), other, home);
}

static void switch_body(void *arg)
{
	struct cpu *c = this_cpu();
	double t;

	(void)arg;
	home = stack_here();
	other = stack_alloc(c->m, bounce, NULL);
	t = now_ns();
	for (unsigned i = 0; i < SWITCHES / 2; i++)
		stack_switch(c, home, other);
	switch_ns = (now_ns() - t) / SWITCHES;
}

static ucontext_t uc_home, uc_other;
static void uc_bounce(void)
{
	for (;;)
		swapcontext(&uc_other, &uc_home);
}

static double ucontext_ns(void)
{
	static char stack[65536];
	unsigned n = 200000;
	double t;

	getcontext(&uc_other);
	uc_other.uc_stack.ss_sp = stack;
	uc_other.uc_stack.ss_size = sizeof(stack);
	makecontext(&uc_other, uc_bounce, 0);
	t = now_ns();
	for (unsigned i = 0; i < n / 2; i++)
		swapcontext(&uc_home, &uc_other);
	return (now_ns() - t) / n;
}

/* --- events --- */

#define PENDING 1000
#define FIRED 2000000
static struct event events[PENDING];
static u64 fired;
static struct prng event_prng;

static void again(struct machine *m, struct event *e)
{
	if (++fired < FIRED)
		event_schedule(m, e, EV_DEVICE, e - events,
			       e->time + 1 + (prng_u64(&event_prng) & 0xffff), again);
}

static double event_ns(void)
{
	struct machine *m = machine(1, 16 << 20);
	double t;

	prng_seed(&event_prng, 1, 1);
	for (unsigned i = 0; i < PENDING; i++)
		event_schedule(m, &events[i], EV_DEVICE, i, prng_u64(&event_prng) & 0xffff, again);
	t = now_ns();
	engine_run(m, UINT64_MAX);
	t = (now_ns() - t) / fired;
	machine_destroy(m);
	return t;
}

/* --- trace --- */

static double trace_ns(void)
{
	struct machine *m = machine(1, 16 << 20);
	unsigned n = 4000000;
	double t = now_ns();

	for (unsigned i = 0; i < n; i++)
		trace_emit(m, m->cpu[0], TRACE_SYS_ENTER, 1, i, i);
	t = (now_ns() - t) / n;
	machine_destroy(m);
	return t;
}

static double memcpy_ns(void)
{
	static struct trace_record ring[1024];
	unsigned n = 4000000;
	double t = now_ns();

	for (unsigned i = 0; i < n; i++) {
		struct trace_record r = { i, 1, 2, 3, i, i };

		memcpy(&ring[i & 1023], &r, sizeof(r));
		__asm__ volatile("" ::: "memory");
	}
	return (now_ns() - t) / n;
}

/* --- create and destroy --- */

static double create_ns(u64 ram_bytes)
{
	unsigned n = 200;
	double t = now_ns();

	for (unsigned i = 0; i < n; i++)
		machine_destroy(machine(2, ram_bytes));
	return (now_ns() - t) / n;
}

static double mmap_ns(void)
{
	unsigned n = 200;
	double t = now_ns();

	for (unsigned i = 0; i < n; i++) {
		void *p = mmap(NULL, 16ull << 30, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (p != MAP_FAILED)
			munmap(p, 16ull << 30);
	}
	return (now_ns() - t) / n;
}

/* --- translation --- */

#define CR3 0x100000ull
static void put64(struct machine *m, u64 pa, u64 v)
{
	memcpy(m->ram + pa, &v, 8);
}

/* 512 pages of 4 KiB from linear 0. */
static struct machine *paged(void)
{
	struct machine *m = machine(1, 16 << 20);

	put64(m, CR3, (CR3 + 0x1000) | 7);
	put64(m, CR3 + 0x1000, (CR3 + 0x2000) | 7);
	put64(m, CR3 + 0x2000, (CR3 + 0x3000) | 7);
	for (u64 i = 0; i < 512; i++)
		put64(m, CR3 + 0x3000 + i * 8, (0x400000 + i * 4096) | 0x67);
	cpu_long_mode(m->cpu[0], CR3, 0, 0);
	return m;
}

static double translate_ns(unsigned pages, bool flush)
{
	struct machine *m = paged();
	struct cpu *c = m->cpu[0];
	unsigned n = flush ? 400000 : 8000000;
	struct fault f;
	u64 pa;
	double t = now_ns();

	for (unsigned i = 0; i < n; i++) {
		u64 va = (u64)(i % pages) * 4096 + 8;

		if (flush && i % pages == 0)
			tlb_flush_all(c, true);
		cpu_native_access(c);
		if (!mmu_translate(c, va, 8, TLB_READ, false, &pa, &f))
			exit(1);
	}
	t = (now_ns() - t) / n;
	machine_destroy(m);
	return t;
}

/* --- interrupt to C and back --- */

static unsigned taken;
static double irq_ns;

static void irq_gate(struct cpu *c)
{
	struct fault f;

	taken++;
	lapic_write(c, APIC_EOI, 0);
	cpu_iret(c, &f);
}

static void irq_body(void *arg)
{
	struct cpu *c = this_cpu();
	struct machine *m = c->m;
	unsigned n = 1000000;
	u64 gdt = 0x80000, idt = 0x81000, tables = CR3 + 0x10000;
	double t;

	(void)arg;
	/* Identity map of 16 MiB by 2 MiB pages low, the gates' page high. */
	memset(m->ram + tables, 0, 0x8000);
	put64(m, tables, (tables + 0x1000) | 3);
	put64(m, tables + 511 * 8, (tables + 0x3000) | 3);
	put64(m, tables + 0x1000, (tables + 0x2000) | 3);
	for (u64 i = 0; i < 8; i++)
		put64(m, tables + 0x2000 + i * 8, i << 21 | 0x83);
	put64(m, tables + 0x3000 + 510 * 8, (tables + 0x4000) | 3);
	put64(m, tables + 0x4000 + (m->gate_base >> 21 & 511) * 8, 0x83);
	put64(m, gdt + 0x10, 0x00af9b000000ffffull);
	put64(m, gdt + 0x18, 0x00cf93000000ffffull);
	put64(m, idt + 0x40 * 16,
	      (gate_va(m, 0x40) & 0xffff) | 0x10 << 16 | 0x8eull << 40 |
		      (gate_va(m, 0x40) >> 16 & 0xffff) << 48);
	put64(m, idt + 0x40 * 16 + 8, gate_va(m, 0x40) >> 32);
	cpu_long_mode(c, tables, 0x8f000, gate_va(m, 1));
	c->gdtr = (struct desc_table){ gdt, 0x1f };
	c->idtr = (struct desc_table){ idt, 0xfff };
	gate_register(m, 0x40, irq_gate, "bench");
	lapic_write(c, APIC_SPIV, 0x1ff);
	c->rflags |= FLAG_IF;
	t = now_ns();
	for (unsigned i = 0; i < n; i++) {
		lapic_raise(c, 0x40, c->now);
		charge_cycles(1);
	}
	irq_ns = (now_ns() - t) / n;
	if (taken != n)
		exit(1);
}

int main(void)
{
	struct machine *m = machine(1, 16 << 20);

	printf("%-47s %10s    %-37s %10s\n", "primitive", "host", "peer", "host");
	machine_call(m, switch_body, NULL);
	row("stack switch, one way", switch_ns, "swapcontext", ucontext_ns());
	row("event schedule + dispatch, 1000 pending", event_ns(), "-", 0);
	row("trace record with digest", trace_ns(), "32-byte record to a ring", memcpy_ns());
	row("create + destroy, 2 CPUs, 64 MiB", create_ns(64 << 20), "mmap + munmap 16 GiB",
	    mmap_ns());
	row("create + destroy, 2 CPUs, 64 GiB", create_ns(64ull << 30), "-", 0);
	row("mmu_translate, index hit", translate_ns(32, false), "-", 0);
	row("mmu_translate, index miss, L1 hit or L2 hit", translate_ns(512, false), "-", 0);
	row("mmu_translate, walk", translate_ns(256, true), "-", 0);
	machine_call(m, irq_body, NULL);
	row("interrupt to C gate and back", irq_ns, "-", 0);
	machine_destroy(m);
	return 0;
}
