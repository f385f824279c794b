/* SPDX-License-Identifier: MIT */
/*
 * Bringing the scheduler up.
 *
 * Boot calls it on CPU 0's boot stack; it makes the root, the run queues, the idle tasks, and fills
 * the hooks the floors below declared.
 *
 *   sched_init            boot stack's task = swapper/0, preempt_count 1, queues exist, nobody runs
 *   sched_init_cpu(0)     swapper/0 has a stack of its own; CPU 0 runs it after boot
 *   sched_init_cpu(1)     swapper/1 on CPU 1, in the engine's run set from now on
 *
 * B1 The boot stack never schedules: it is not swapper/0's own stack, which schedule() checks.
 * B2 A CPU's queue starts its clock when the CPU joins, so idle plus executed time is measured from
 *    there.
 *
 * Units: ns. Owner: the machine. Locking: none, one CPU runs. Errors: -ENOMEM, and boot gives the
 * machine up. Time: allocations' own. Source: Linux 6.1 kernel/sched/core.c sched_init, init_idle
 * for the roles.
 */
#include "kernel/irq/idt.h"
#include "lib/errno.h"
#include "mm/alloc/slab.h"
#include "sched/rq.h"

static u32 pid_of_stack(const struct stack *s)
{
	const struct task_struct *t = s->task;

	return t ? (u32)t->pid : 0;
}

/* Until the signal floor has its own: only rescheduling. */
static void reschedule_before_user(struct pt_regs *regs)
{
	(void)regs;
	while (need_resched())
		schedule();
}

static void install_hooks(struct kernel *k)
{
	k->hooks.scheduler_tick = sched_tick_hook;
	k->hooks.preempt_schedule = sched_preempt_hook;
	k->hooks.preempt_schedule_irq = sched_preempt_irq_hook;
	if (!k->hooks.exit_to_user_mode)
		k->hooks.exit_to_user_mode = reschedule_before_user;
	k->m->pid_of = pid_of_stack;
}

static struct rq *new_rq(struct kernel *k, u32 cpu)
{
	struct rq *rq = boot_alloc(k, sizeof(*rq));

	if (!rq)
		return NULL;
	rq->cpu = cpu;
	rq->k = k;
	spin_lock_init(&rq->lock);
	init_cfs_rq(&rq->cfs);
	init_rt_rq(&rq->rt);
	rq->checked_min_vruntime = rq->cfs.min_vruntime;
	return rq;
}

static int init_queues(struct kernel *k)
{
	u32 nr = k->m->cfg.nr_cpus;

	k->sched->rq = boot_alloc(k, nr * sizeof(struct rq *));
	if (!k->sched->rq)
		return -ENOMEM;
	for (u32 i = 0; i < nr; i++) {
		k->sched->rq[i] = new_rq(k, i);
		if (!k->sched->rq[i])
			return -ENOMEM;
		percpu_of(k, i)->rq = k->sched->rq[i];
	}
	return 0;
}

int sched_init(struct kernel *k)
{
	struct sched_root *root = boot_alloc(k, sizeof(*root));
	struct task_struct *idle;
	int err;

	if (!root)
		return -ENOMEM;
	k->sched = root;
	INIT_LIST_HEAD(&root->tasks);
	spin_lock_init(&root->tasklist_lock);
	sched_tunables_init(root, k->m->cfg.nr_cpus);
	root->calc_load_update = 5 * NSEC_PER_SEC + k->time->tick_ns;
	root->task_cache =
		kmem_cache_create("task_struct", sizeof(struct task_struct), 64, 0, NULL);
	err = root->task_cache ? init_queues(k) : -ENOMEM;
	if (!err)
		err = pid_init(k);
	if (err)
		return err;
	idle = alloc_idle_task(k, 0);
	if (!idle)
		return -ENOMEM;
	percpu_of(k, 0)->idle = idle;
	percpu_of(k, 0)->preempt_count = 1;
	stack_here()->task = idle;
	install_hooks(k);
	return 0;
}

int sched_init_cpu(struct kernel *k, unsigned index)
{
	struct cpu *cpu = k->m->cpu[index];
	struct percpu *pc = percpu_of(k, index);
	struct rq *rq = k->sched->rq[index];
	u64 now = this_cpu()->now;

	if (!pc->idle)
		pc->idle = alloc_idle_task(k, index);
	if (!pc->idle)
		return -ENOMEM;
	pc->preempt_count = 1;
	rq->curr = rq->idle = pc->idle;
	rq->clock = rq->start_clock = cycles_to_ns(k->m, now);
	pc->idle->se.exec_start = rq->clock;
	set_kernel_stack(pc, pc->idle->thread.sp0_va);
	set_bit(index, k->sched->idle_mask);
	set_bit(index, k->sched->online_mask);
	cpu->stack = pc->idle->stack;
	engine_start_cpu(cpu, now);
	return 0;
}
