/* SPDX-License-Identifier: MIT */
/*
 * Boot: the order in which the floors come up.
 *
 * Called once by the API for a new machine; calls every floor's init. It must not do any floor's
 * work.
 *
 * CPU 0, time 0, on the boot stack (machine_call):
 *
 *	alloc_early_init   memmap, zones                     memblock: one page of per-CPU area a CPU
 *	irq_init           gates, handlers                   time_init   timer bases
 *	alloc_init         buddy, SLUB                       sched_init  idle task 0 is current
 *	mm_init            init_mm: direct map, image page
 *	for each CPU:      mm_attach_cpu (CR3, long mode), irq_init_cpu (GDT, TSS, IDT in 8 KiB of RAM), sched_init_cpu (idle task)
 *	vfs_init           ramfs root, /dev, /proc, /tmp     ipc_init    pipes
 *	signal_init        hooks                             syscall_init  LSTAR's gate
 *	init_start         pid 1
 *
 *	B1 a floor's init runs after those of all floors below it.
 *	B2 any allocation may fail: the step is named and the machine is thrown away whole.
 *	B3 boot costs O(CPUs), whatever the size of RAM.
 *
 * Units:   none.
 * Owner:   struct kernel lies in the arena.
 * Locking: one CPU, IRQs off; the others are started but act only when the machine runs.
 * Errors:  negative errno and the step's name.
 * Time:    what the floors charge; the clock stands at that when boot returns.
 * Source:  DESIGN: "The house".
 */

#include "kernel/entry/boot.h"

#include "hw/cpu.h"
#include "ipc/pipe.h"
#include "kernel/entry/root.h"
#include "kernel/entry/syscall.h"
#include "kernel/irq/idt.h"
#include "kernel/percpu/layout.h"
#include "kernel/percpu/percpu.h"
#include "kernel/proc/init.h"
#include "kernel/signal/signal.h"
#include "kernel/time/hrtimer.h"
#include "lib/errno.h"
#include "mm/alloc/alloc.h"
#include "mm/mm.h"
#include "sched/sched.h"
#include "vfs/fcntl.h"
#include "vfs/namei.h"
#include "vfs/vfs.h"

static int percpu_areas(struct kernel *k)
{
	_Static_assert(sizeof(struct percpu) <= PAGE_SIZE, "one page a CPU");

	for (u32 i = 0; i < k->m->cfg.nr_cpus; i++) {
		struct percpu *pc = memblock_alloc(k, PAGE_SIZE);

		if (!pc)
			return -ENOMEM;
		pc->cpu = k->m->cpu[i];
		pc->id = i;
		k->m->cpu[i]->kernel_percpu = pc;
	}
	return 0;
}

static int bring_up_cpu(struct kernel *k, u32 cpu)
{
	void *tables = __get_free_pages(GFP_KERNEL | __GFP_ZERO, 1);
	int ret;

	_Static_assert(IRQ_TABLES_BYTES == 2 * PAGE_SIZE, "order 1");
	if (!tables)
		return -ENOMEM;
	ret = mm_attach_cpu(k, cpu);
	if (!ret)
		ret = irq_init_cpu(k, cpu, tables, host_to_va(tables));
	if (!ret)
		ret = sched_init_cpu(k, cpu);
	return ret;
}

static int bring_up_cpus(struct kernel *k)
{
	int ret = 0;

	for (u32 i = 0; !ret && i < k->m->cfg.nr_cpus; i++)
		ret = bring_up_cpu(k, i);
	return ret;
}

/* The one directory for anybody; a root put in later may bring its own, or set this one's mode. */
static int make_tmp(struct kernel *k)
{
	int ret = do_mkdirat(AT_FDCWD, "/tmp", 01777);

	(void)k;
	return ret ? ret : do_fchmodat(AT_FDCWD, "/tmp", 01777); /* whatever the umask */
}

static int top_init(struct kernel *k)
{
	int ret = signal_init(k);

	syscall_init(k);
	return ret;
}

static const struct {
	const char *name;
	int (*fn)(struct kernel *k);
} steps[] = {
	{ "memory map", alloc_early_init },
	{ "per-CPU areas", percpu_areas },
	{ "interrupts", irq_init },
	{ "timers", time_init },
	{ "allocators", alloc_init },
	{ "scheduler", sched_init },
	{ "kernel address space", mm_init },
	{ "processors", bring_up_cpus },
	{ "file systems", vfs_init },
	{ "/tmp", make_tmp },
	{ "pipes", ipc_init },
	{ "signals and system calls", top_init },
	{ "init", init_start },
};

static void boot(void *arg)
{
	struct kernel *k = arg;

	for (u32 i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		k->top->boot_step = steps[i].name;
		k->top->boot_error = steps[i].fn(k);
		if (k->top->boot_error)
			return;
	}
}

int kernel_boot(struct machine *m, const struct kernel_params *params, const char **step)
{
	struct kernel *k = arena_carve(&m->arena, sizeof(*k), 64);
	int ret;

	*step = "kernel root";
	if (!k)
		return -ENOMEM;
	k->m = m;
	k->params = *params;
	m->kernel = k;
	k->top = boot_alloc(k, sizeof(*k->top));
	if (!k->top)
		return -ENOMEM;
	INIT_LIST_HEAD(&k->top->requests);
	k->top->watch = -1;
	ret = machine_call(m, boot, k);
	*step = k->top->boot_step;
	return ret ? ret : k->top->boot_error;
}
