/* SPDX-License-Identifier: MIT */
/*
 * Ticket spinlocks: mutual exclusion between CPUs on virtual time.
 *
 * Called by every kernel floor; calls the engine (spin, unspin) and the preempt count. Knows
 * nothing of tasks: the queue is one of CPUs, since a CPU that waits here has preemption off.
 *
 * CPU 2 holds ticket 7 of lock L, CPUs 0 and 5 wait; CPU 2's clock is 1,000 when it lets go:
 *
 *	L: owner 7, next 10, owner_cpu 2+1      queue: {ticket 8, cpu 0} -> {ticket 9, cpu 5}
 *	spin_unlock on CPU 2:  owner 8, owner_cpu 0, released_at 1000, engine_unspin(cpu 0, 1000)
 *	CPU 0 (clock 640):     resumes at 1000, sees owner == 8, leaves the queue, is the owner
 *
 * Between two charge points nothing else in the machine runs, so a plain increment is the atomic
 * one of the hardware, and what has to be modelled is only when a CPU gets on and what it paid.
 *
 * S1  owner <= next (mod 2^32); equal: free, owner_cpu 0, nobody queued.
 * S2  Tickets owner+1 .. next-1 are queued in order; ticket `owner` is the holder, or a CPU that
 *     was let on and has not run since.
 * S3  A holder's clock is never before the release that let it in: CPUs may be a quantum apart, and
 *     a taker that comes "earlier" in its own time than the last release waits for it.
 * S4  The waiter's node is on its own C stack, which cannot be left while preempt_count > 0.
 *
 * A spinner leaves the engine's run set, so waiting burns no host time; it wakes for its ticket or,
 * with IF=1, for an interrupt, which COST_LOCK_RETRY's charge takes; then it looks again. Handlers
 * that run meanwhile may take other locks, never this one (BUG).
 *
 * Units:   clocks in TSC cycles.
 * Owner:   whoever embeds the lock; waiters own their nodes.
 * Locking: this is it. Safe in any context; see spinlock.h for the interrupt rule.
 * Errors:  misuse (relock, foreign unlock) panics the machine. A deadlock of spinners is the
 *          engine's STOP_DEADLOCK.
 * Time:    COST_LOCK_RMW a take or try, COST_LOCK_RETRY a look after a wait; a release is a plain
 *          store and costs nothing here.
 * Source:  ticket order as Linux's asm-generic/spinlock.h; its x86 uses queued spinlocks, which are
 *          FIFO as well.
 */

#include "kernel/percpu/spinlock.h"

#include "hw/engine.h"
#include "lib/compiler.h"

struct spin_waiter {
	struct spin_waiter *next;
	u32 ticket;
	u32 cpu;
};

void spin_lock_init(spinlock_t *l)
{
	*l = (spinlock_t){ 0 };
}

/* The ticket just drawn is up: this CPU holds l from now on. */
static inline void spin_enter(spinlock_t *l, struct cpu *cpu)
{
	BUG_ON(l->owner_cpu != 0);
	l->owner_cpu = cpu->index + 1;
	if (unlikely(cpu->now < l->released_at)) { /* S3 */
		cpu->spun_cycles += l->released_at - cpu->now;
		cpu->now = l->released_at;
	}
}

static void spin_enqueue(spinlock_t *l, struct spin_waiter *w)
{
	if (l->last)
		l->last->next = w;
	else
		l->first = w;
	l->last = w;
	l->contended++;
}

static void spin_dequeue_first(spinlock_t *l, struct spin_waiter *w)
{
	BUG_ON(l->first != w);
	l->first = w->next;
	if (!l->first)
		l->last = NULL;
}

/* Wait for ticket. Preemption is off, so the CPU stays the same one through all charges. */
static __noinline void spin_wait(spinlock_t *l, u32 ticket)
{
	struct cpu *cpu = this_cpu();
	struct spin_waiter w = { .ticket = ticket, .cpu = cpu->index };

	BUG_ON(spin_held(l));
	spin_enqueue(l, &w);
	while (l->owner != ticket) {
		engine_spin(cpu);
		charge(COST_LOCK_RETRY);
	}
	spin_dequeue_first(l, &w);
}

void spin_lock(spinlock_t *l)
{
	u32 ticket;

	preempt_disable();
	ticket = l->next++;
	if (unlikely(l->owner != ticket))
		spin_wait(l, ticket);
	spin_enter(l, this_cpu());
	charge(COST_LOCK_RMW);
}

bool spin_trylock(spinlock_t *l)
{
	bool taken;

	preempt_disable();
	taken = l->owner == l->next;
	if (taken) {
		l->next++;
		spin_enter(l, this_cpu());
	}
	charge(COST_LOCK_RMW);
	if (!taken)
		preempt_enable();
	return taken;
}

/* Hand over without touching the preempt count. */
static inline void spin_release(spinlock_t *l)
{
	struct cpu *cpu = this_cpu();

	BUG_ON(l->owner_cpu != cpu->index + 1);
	l->owner_cpu = 0;
	l->released_at = cpu->now;
	l->owner++;
	if (unlikely(l->first))
		engine_unspin(cpu->m, l->first->cpu, cpu->now);
}

void spin_unlock(spinlock_t *l)
{
	spin_release(l);
	preempt_enable();
}

void spin_lock_irq(spinlock_t *l)
{
	local_irq_disable();
	spin_lock(l);
}

void spin_unlock_irq(spinlock_t *l)
{
	spin_release(l);
	local_irq_enable();
	preempt_enable();
}

u64 spin_lock_irqsave_flags(spinlock_t *l)
{
	u64 flags = local_irq_save();

	spin_lock(l);
	return flags;
}

void spin_unlock_irqrestore(spinlock_t *l, u64 flags)
{
	spin_release(l);
	local_irq_restore(flags);
	preempt_enable();
}
