/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_PERCPU_SPINLOCK_H
#define KERNEL_PERCPU_SPINLOCK_H

/*
 * Ticket spinlocks on virtual time. A lock is really contended: a CPU that finds it taken queues,
 * leaves the engine's run set and resumes when its ticket comes up, its clock at the later of its
 * own and the release. First come, first served.
 *
 * Rules, all checked, all O(1): holding a spinlock means preempt_count > 0; the CPU that took it
 * releases it; nobody takes a lock it holds; a lock that interrupt handlers take too is taken with
 * interrupts off (_irq, _irqsave) everywhere else. A zeroed spinlock_t is a free lock;
 * spin_lock_init() says so by name. The lock holds a host pointer to waiters' stacks: it is kernel
 * data, never digested.
 */

#include "kernel/percpu/percpu.h"
#include "lib/types.h"

struct spin_waiter; /* one queued CPU; lies on its C stack, which preempt_count keeps in place */

typedef struct spinlock {
	u32 next;			  /* the ticket the next taker draws */
	u32 owner;			  /* the ticket that holds the lock; == next: free */
	u32 owner_cpu;			  /* holder's CPU index + 1, 0 while free */
	u32 contended;			  /* times somebody had to queue, for statistics */
	u64 released_at;		  /* clock of the CPU that released it last, cycles */
	struct spin_waiter *first, *last; /* the queue, in ticket order */
} spinlock_t;

/* Linux tells them apart for PREEMPT_RT only; here they are one. */
typedef struct spinlock raw_spinlock_t;

/* Make l a free lock that was never taken. */
void spin_lock_init(spinlock_t *l);

/*
 * Take l, waiting for it in turn; preemption is off until spin_unlock(). Interrupts are served
 * while waiting if IF=1. Charges COST_LOCK_RMW, and COST_LOCK_RETRY for each look after a wait:
 * interrupts may arrive inside if IF=1. BUG when this CPU holds l already.
 */
void spin_lock(spinlock_t *l);
/*
 * Take l if it is free now; true when taken (preemption then off). Charges COST_LOCK_RMW either
 * way.
 */
bool spin_trylock(spinlock_t *l);
/*
 * Release l, let the next ticket's CPU go on, and reschedule if that was due. BUG when this CPU
 * does not hold l.
 */
void spin_unlock(spinlock_t *l);

/* The same with interrupts off around it. _irq: they were on. */
void spin_lock_irq(spinlock_t *l);
void spin_unlock_irq(spinlock_t *l);
/* Returns what spin_unlock_irqrestore() wants back; use spin_lock_irqsave(l, flags). */
u64 spin_lock_irqsave_flags(spinlock_t *l);
void spin_unlock_irqrestore(spinlock_t *l, u64 flags);
#define spin_lock_irqsave(l, flags) ((flags) = spin_lock_irqsave_flags(l))

static inline bool spin_is_locked(const spinlock_t *l)
{
	return l->owner != l->next;
}
static inline bool spin_is_contended(const spinlock_t *l)
{
	return l->first != NULL;
}
/* True when the running CPU holds l. */
static inline bool spin_held(const spinlock_t *l)
{
	return l->owner_cpu == smp_processor_id() + 1;
}
#define assert_spin_locked(l) BUG_ON(!spin_held(l))

/*
 * A second lock of the same class (two run queues, in index order): no lock classes are kept, so
 * the same.
 */
static inline void spin_lock_nested(spinlock_t *l, int subclass)
{
	(void)subclass;
	spin_lock(l);
}

#define raw_spin_lock_init(l) spin_lock_init(l)
#define raw_spin_lock(l) spin_lock(l)
#define raw_spin_lock_nested(l, s) spin_lock_nested(l, s)
#define raw_spin_trylock(l) spin_trylock(l)
#define raw_spin_unlock(l) spin_unlock(l)
#define raw_spin_lock_irq(l) spin_lock_irq(l)
#define raw_spin_unlock_irq(l) spin_unlock_irq(l)
#define raw_spin_lock_irqsave(l, flags) spin_lock_irqsave(l, flags)
#define raw_spin_unlock_irqrestore(l, flags) spin_unlock_irqrestore(l, flags)

#endif
