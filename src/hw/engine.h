/* SPDX-License-Identifier: MIT */
#ifndef HW_ENGINE_H
#define HW_ENGINE_H

/*
 * Virtual time and who acts next.
 *
 * Time is a u64 of TSC cycles. Every CPU has its own clock (cpu->now); devices put events in one
 * queue ordered by (time, class, source, seq). The actor with the smallest time acts; an event goes
 * before a CPU at the same time, a lower CPU index before a higher. The chosen CPU gets a horizon:
 * the next event, or the other runnable CPUs' clocks plus the quantum. It runs without asking until
 * cpu->now reaches the horizon, then calls engine_slice().
 */

#include "lib/types.h"

struct machine;
struct cpu;

/* Event classes, in the order in which simultaneous events fire. */
enum event_class {
	EV_TIMER = 0, /* LAPIC and HPET timers */
	EV_IPI = 1,
	EV_DEVICE = 2,
	EV_HOST = 3, /* host input arriving: its virtual time is the model's */
};

/*
 * One future happening. Owned by the device that embeds it; zero it once. `fn` runs on whatever
 * stack the engine is on, with m's clock at `time`: it may touch device state, raise interrupt
 * lines and schedule events; it must not charge, block or switch.
 */
struct event {
	u64 time;	  /* cycles */
	u64 seq;	  /* set by the engine */
	u32 class_source; /* class << 24 | source index: a CPU or device number, never an address */
	u32 heap_pos;	  /* 1-based place in the heap, 0 when not queued */
	void (*fn)(struct machine *m, struct event *e);
};

static inline bool event_pending(const struct event *e)
{
	return e->heap_pos != 0;
}
/*
 * Queue e at absolute time (moved when already queued). A time in the past fires at the next slice.
 * O(log n), never fails: the heap has room for every event a machine of this configuration can own;
 * overflow is a machine panic.
 */
void event_schedule(struct machine *m, struct event *e, enum event_class cls, u32 source, u64 time,
		    void (*fn)(struct machine *, struct event *));
/* Take e out if queued. */
void event_cancel(struct machine *m, struct event *e);

/* Why engine_run returned. Values are the public OSIM_STOP_*. */
enum stop_reason {
	STOP_NONE = 0,
	STOP_EXIT,     /* machine_exit() */
	STOP_LIMIT,    /* until_time reached */
	STOP_DEADLOCK, /* every CPU halted and no event pending */
	STOP_PANIC,    /* machine_panic(), triple fault */
	STOP_ERROR,    /* host error */
	STOP_REQUEST,  /* engine_request_stop() */
};

/*
 * Run the machine from the embedder's stack until a reason to stop, or until every actor's time is
 * >= until_time (U64_MAX: no limit). May be called again after LIMIT, REQUEST; after EXIT, PANIC,
 * DEADLOCK it returns the same reason.
 */
enum stop_reason engine_run(struct machine *m, u64 until_time);
/*
 * The engine's own part of machine_create: queues, the engine's stack and the call stack. 0 or
 * -ENOMEM.
 */
int engine_init(struct machine *m);
/*
 * Ask a running machine to stop at its next slice. Async-signal-safe and thread-safe (one atomic
 * store).
 */
void engine_request_stop(struct machine *m);
/*
 * Where the running CPU's turn ends, whatever limit or poll interval has cut cpu->horizon to: what
 * a choice that changes the order may depend on.
 */
u64 engine_true_horizon(const struct cpu *cpu);
/*
 * While held, a request to stop is kept for later: for a machine_call whose arguments do not
 * outlive it. Between runs.
 */
void engine_hold_stop(struct machine *m, bool hold);
/*
 * Machine time: the smallest clock among running CPUs, or the last event's. What osim_time reports.
 */
u64 engine_now(const struct machine *m);

/* --- called on machine stacks --- */

/*
 * cpu->now has reached cpu->horizon: fire due events, run whoever is first, return when this CPU is
 * first again, with a new horizon > now. Interrupt lines may have changed; the caller looks at
 * cpu->irq_line. Takes no interrupt itself.
 */
void engine_slice(struct cpu *cpu);
/*
 * HLT: leave the run set until an interrupt line is raised (cpu->irq_line), whatever IF is; returns
 * with the clock at the later of its own and the wake-up's. The caller then takes the interrupt if
 * IF is 1.
 */
void engine_halt(struct cpu *cpu);
/*
 * A spinner: leave the run set until engine_unspin() names this CPU, or an interrupt it could take
 * (IF=1) arrives. Counts as busy. Clock resumes at the later of its own and the release.
 */
void engine_spin(struct cpu *cpu);
/* Let CPU `index` continue at time `at` if it is spinning; no effect otherwise. */
void engine_unspin(struct machine *m, unsigned index, u64 at);
/*
 * Raise/lower a CPU's interrupt line; wakes it from HLT (or from a spin with IF=1) at time `at`.
 * Called by the LAPIC.
 */
void engine_irq_line(struct cpu *cpu, bool level, u64 at);
/*
 * Put a stopped CPU in the run set with its clock at `at` (or its own, if later), running
 * cpu->stack. From within machine_call, for the very CPU that runs the call: set cpu->stack to the
 * stack that shall run (an idle loop's), call this; it takes effect when the call returns.
 */
void engine_start_cpu(struct cpu *cpu, u64 at);

/*
 * Stop the whole machine from a machine stack with STOP_EXIT; never returns. status is kept in
 * m->exit_status.
 */
void machine_exit(struct machine *m, int status) __attribute__((noreturn));
/*
 * Broken invariant: stop this machine, not the process. Text, registers and the last records are
 * kept in m->panic. Never returns on a machine stack. From the embedder's stack it marks the
 * machine and aborts the running call through machine_call's return value.
 */
void machine_panic(struct machine *m, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 2, 3)));

/* Panic the running machine unless cond. Only on machine stacks. Always on. */
#define BUG_ON(cond)                                                                               \
	do {                                                                                       \
		if (__builtin_expect(!!(cond), 0))                                                 \
			machine_bug(__FILE__, __LINE__, #cond);                                    \
	} while (0)
void machine_bug(const char *file, int line, const char *expr) __attribute__((noreturn, cold));

#endif
