/* SPDX-License-Identifier: MIT */
/*
 * Timers on the nanosecond, from one hardware timer a CPU.
 *
 * Sleeps, timeouts, alarms and the tick call it; it programs the local APIC's one-shot timer and is
 * called by its interrupt. It knows no task.
 *
 *   cpu 0 tree (by expires; equals as they came):  tick 5,000,000   nanosleep 5,300,000   alarm ...
 *     leftmost = what the LAPIC holds: ceil(cycles to go / timer clock)
 *   interrupt at 5,000,004: tick popped, its function runs unlocked, RESTART puts it back at
 *     6,000,000; LAPIC := 5,300,000
 *
 * H1 The LAPIC of a CPU is programmed for its leftmost timer or earlier; later is never.
 * H2 A timer fires at or after its expiry, never before: both conversions round up.
 * H3 A timer is in one tree at most; while its function runs it belongs to that base, so cancelling
 *    can wait for it.
 * H4 After NORESTART the base does not touch the timer again except to clear `running`, by which a
 *    waiter knows it may free it.
 * H5 A CPU in the idle loop has no tick: with no other timer its LAPIC is off, and a machine where
 *    nothing can happen has no event.
 *
 * Units: ns of CLOCK_MONOTONIC. Owner: timers are their embedder's. Locking: base lock, IRQs off;
 * functions run without it. Errors: none. Time: COST_TIMER_WORK per expiry, COST_TICK_WORK per
 * tick. Source: Linux kernel/time/hrtimer.c, tick-sched.c.
 */
#include "kernel/time/hrtimer.h"

#include "kernel/irq/idt.h"
#include "kernel/trace/tracepoints.h"
#include "lib/errno.h"

#define NO_EXPIRY (~0ull)

static struct hrtimer_cpu_base *this_base(void)
{
	return this_percpu()->hrtimer;
}

/* --- the hardware --- */

static void program_lapic(struct hrtimer_cpu_base *base, u64 expires)
{
	struct cpu *cpu = this_cpu();
	u64 target, delta, counts;

	if (expires == NO_EXPIRY) {
		if (base->programmed != NO_EXPIRY)
			lapic_write(cpu, APIC_TMICT, 0);
		base->programmed = NO_EXPIRY;
		return;
	}
	target = ns_to_cycles(cpu->m, expires);
	delta = target > cpu->now ? target - cpu->now : 0;
	counts = DIV_ROUND_UP(delta, cpu->m->cost->apic_hz_div);
	base->programmed = expires;
	lapic_write(cpu, APIC_TMICT, (u32)min(max(counts, (u64)1), (u64)0xffffffff));
}

static struct hrtimer *first_timer(const struct hrtimer_cpu_base *base)
{
	struct rb_node *n = rb_first_cached(&base->active);

	return n ? rb_entry(n, struct hrtimer, node) : NULL;
}

/* Bring the LAPIC in line with the leftmost timer. Only for this CPU's base. */
static void reprogram(struct hrtimer_cpu_base *base)
{
	struct hrtimer *first = first_timer(base);
	u64 expires = first ? first->expires : NO_EXPIRY;

	if (!base->in_interrupt && base->cpu == smp_processor_id() && expires != base->programmed)
		program_lapic(base, expires);
}

/* --- the tree --- */

static bool timer_before(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct hrtimer, node)->expires <
	       rb_entry(b, struct hrtimer, node)->expires;
}

static void enqueue(struct hrtimer *timer, struct hrtimer_cpu_base *base)
{
	rb_add_cached(&timer->node, &base->active, timer_before);
	timer->base = base;
	timer->queued = true;
}

static bool dequeue(struct hrtimer *timer)
{
	if (!timer->queued)
		return false;
	rb_erase_cached(&timer->node, &timer->base->active);
	timer->queued = false;
	return true;
}

/* Lock the base timer belongs to (this CPU's when it was never queued). IRQs off already. */
static struct hrtimer_cpu_base *lock_base(struct hrtimer *timer)
{
	for (;;) {
		struct hrtimer_cpu_base *base = timer->base ? timer->base : this_base();

		spin_lock(&base->lock);
		if (likely(!timer->base || timer->base == base))
			return base;
		spin_unlock(&base->lock);
	}
}

void hrtimer_init(struct hrtimer *timer, int clock_id, enum hrtimer_mode mode)
{
	(void)mode;
	*timer = (struct hrtimer){ .clock_id = (u8)clock_id };
}

static u64 monotonic_expiry(const struct hrtimer *timer, u64 ns, enum hrtimer_mode mode)
{
	u64 base, sum;

	if (mode & HRTIMER_MODE_REL) {
		base = ktime_get();
		return __builtin_add_overflow(base, ns, &sum) ? NO_EXPIRY - 1 : sum;
	}
	if (timer->clock_id != CLOCK_REALTIME)
		return min(ns, NO_EXPIRY - 1);
	base = kern()->time->wall_base;
	return ns > base ? ns - base : 0;
}

void hrtimer_start(struct hrtimer *timer, u64 ns, enum hrtimer_mode mode)
{
	u64 flags = local_irq_save();
	struct hrtimer_cpu_base *base = lock_base(timer);

	dequeue(timer);
	/* A running function keeps its timer on its base (H3); otherwise the timer comes here. */
	if (base != this_base() && base->running != timer) {
		spin_unlock(&base->lock);
		base = this_base();
		timer->base = base;
		spin_lock(&base->lock);
	}
	timer->expires = monotonic_expiry(timer, ns, mode);
	enqueue(timer, base);
	reprogram(base);
	spin_unlock(&base->lock);
	local_irq_restore(flags);
}

int hrtimer_try_to_cancel(struct hrtimer *timer)
{
	u64 flags;
	struct hrtimer_cpu_base *base;
	int ret;

	if (!timer->base)
		return 0;
	flags = local_irq_save();
	base = lock_base(timer);
	ret = base->running == timer ? -1 : dequeue(timer);
	if (ret > 0)
		reprogram(base);
	spin_unlock(&base->lock);
	local_irq_restore(flags);
	return ret;
}

int hrtimer_cancel(struct hrtimer *timer)
{
	for (;;) {
		int ret = hrtimer_try_to_cancel(timer);

		if (ret >= 0)
			return ret;
		BUG_ON(timer->base == this_base() && in_interrupt());
		charge(COST_LOCK_RETRY);
	}
}

bool hrtimer_active(const struct hrtimer *timer)
{
	return timer->queued || (timer->base && timer->base->running == timer);
}

u64 hrtimer_get_remaining(const struct hrtimer *timer)
{
	u64 now = ktime_get();

	return timer->expires > now ? timer->expires - now : 0;
}

u64 hrtimer_forward(struct hrtimer *timer, u64 now, u64 interval_ns)
{
	u64 overruns;

	if (now < timer->expires)
		return 0;
	overruns = (now - timer->expires) / interval_ns + 1;
	timer->expires += overruns * interval_ns;
	return overruns;
}

/* --- expiry --- */

static void run_timer(struct hrtimer_cpu_base *base, struct hrtimer *timer)
{
	enum hrtimer_restart restart;

	dequeue(timer);
	base->running = timer;
	base->nr_expired++;
	trace_hrtimer_expire_entry(timer->expires);
	spin_unlock(&base->lock);
	restart = timer->function(timer);
	charge(COST_TIMER_WORK);
	spin_lock(&base->lock);
	if (restart == HRTIMER_RESTART && !timer->queued)
		enqueue(timer, base);
	base->running = NULL;
}

static void hrtimer_interrupt(struct pt_regs *regs, unsigned vector)
{
	struct hrtimer_cpu_base *base = this_base();
	struct hrtimer *timer;

	(void)vector;
	base->tick_user = user_mode(regs);
	base->nr_events++;
	spin_lock(&base->lock);
	base->in_interrupt = true;
	base->programmed = NO_EXPIRY; /* a one-shot that fired is off */
	while ((timer = first_timer(base)) && timer->expires <= ktime_get())
		run_timer(base, timer);
	base->in_interrupt = false;
	reprogram(base);
	spin_unlock(&base->lock);
}

/* --- the tick --- */

static enum hrtimer_restart tick_function(struct hrtimer *timer)
{
	struct kernel *k = kern();

	if (k->hooks.scheduler_tick)
		k->hooks.scheduler_tick(this_base()->tick_user);
	charge(COST_TICK_WORK);
	hrtimer_forward(timer, ktime_get(), k->time->tick_ns);
	return HRTIMER_RESTART;
}

bool tick_interrupted_user(void)
{
	return this_base()->tick_user;
}

static void tick_start(struct hrtimer_cpu_base *base)
{
	u64 tick_ns = tick_nsec();

	base->tick_stopped = false;
	hrtimer_start(&base->tick, (ktime_get() / tick_ns + 1) * tick_ns, HRTIMER_MODE_ABS_PINNED);
}

void tick_setup_cpu(void)
{
	struct hrtimer_cpu_base *base = this_base();

	hrtimer_init(&base->tick, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_PINNED);
	base->tick.function = tick_function;
	tick_start(base);
}

void tick_nohz_idle_enter(void)
{
	struct hrtimer_cpu_base *base = this_base();

	if (base->tick_stopped)
		return;
	hrtimer_try_to_cancel(&base->tick);
	base->tick_stopped = true;
	base->idle_entered = ktime_get();
}

void tick_nohz_idle_exit(void)
{
	struct hrtimer_cpu_base *base = this_base();

	if (!base->tick_stopped)
		return;
	base->idle_ns += ktime_get() - base->idle_entered;
	tick_start(base);
}

int time_init(struct kernel *k)
{
	if (k->params.hz == 0)
		k->params.hz = 1000;
	if (k->params.hz > 10000 || NSEC_PER_SEC % k->params.hz)
		return -EINVAL;
	k->time = boot_alloc(k, sizeof(*k->time));
	if (!k->time)
		return -ENOMEM;
	k->time->tick_ns = NSEC_PER_SEC / k->params.hz;
	k->time->wall_base = k->params.epoch_s * NSEC_PER_SEC;
	for (unsigned i = 0; i < k->m->cfg.nr_cpus; i++) {
		struct hrtimer_cpu_base *base = boot_alloc(k, sizeof(*base));

		if (!base)
			return -ENOMEM;
		base->cpu = i;
		base->programmed = NO_EXPIRY;
		base->tick_stopped = true;
		spin_lock_init(&base->lock);
		percpu_of(k, i)->hrtimer = base;
	}
	return request_vector(k, LOCAL_TIMER_VECTOR, hrtimer_interrupt);
}
