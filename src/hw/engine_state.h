/* SPDX-License-Identifier: MIT */
#ifndef HW_ENGINE_STATE_H
#define HW_ENGINE_STATE_H

/*
 * The engine's inside, shared by engine.c, event.c, call.c and panic.c and by nobody else. The
 * invariants are engine.c's.
 */

#include <stdatomic.h>

#include "hw/cpu.h"
#include "hw/engine.h"
#include "hw/machine.h"

struct call_state {
	bool active;  /* fn has not returned */
	bool waiting; /* the embedder is in machine_call, not in engine_run */
	bool dead;    /* fn exited: the call stack needs a new bottom frame */
	bool started; /* fn started CPU 0 afresh: nothing to put back */
	void (*fn)(void *arg);
	void *arg;
	/* what CPU 0 was doing, put back when fn returns */
	struct stack *stack;
	enum cpu_state state;
	u64 r[NR_REG_SLOTS], rip, rflags;
	u8 cpl;
	u64 began;
};

/* The key lies beside the pointer, so that comparing touches no event. */
struct heap_item {
	u64 time;
	u32 class_source;
	struct event *ev;
};

struct engine {
	struct machine *m;
	struct heap_item *heap; /* 1-based 4-ary heap */
	u32 nr_events, max_events;
	u64 seq;
	struct cpu **runq; /* 0-based binary heap by (now, index): RUNNING CPUs but cur */
	u32 nr_run;
	struct cpu *cur;
	u64 true_horizon;	 /* of cur */
	u64 limit;		 /* engine_run's until_time */
	u64 now;		 /* time of the latest actor chosen; never goes back */
	u64 quantum;		 /* cycles */
	enum stop_reason reason; /* why control goes to the embedder, this time */
	bool inside;
	atomic_uint stop_request;
	bool stop_held; /* engine_hold_stop */
	struct ctx embedder;
	struct stack *engine_stack, *call_stack;
	struct call_state call;
};

/* event.c: room for max events; take out the first one, which is due. */
int events_init(struct machine *m, u32 max_events);
void event_remove_first(struct engine *e);

/* engine.c */
void runq_push(struct engine *e, struct cpu *c);
/* No effect when c is not in it. */
void runq_remove(struct engine *e, struct cpu *c);
/* Give c, which is in no queue, the turn. */
void engine_set_cur(struct engine *e, struct cpu *c);
/* Somebody wants to act at `time`: the running CPU's horizon may not lie beyond. */
void engine_lower_horizon(struct engine *e, u64 time);
/*
 * The running stack's CPU is out of turn (cur is NULL): run whoever is first; returns when it is
 * this one's turn again.
 */
void engine_reschedule(struct engine *e, struct stack *self);
/*
 * Go to the embedder from the running stack self, saying why in e->reason; returns when something
 * switches back.
 */
void engine_leave(struct engine *e, struct stack *self);
/* Come from the embedder and run on s until something leaves. */
void engine_enter(struct engine *e, struct stack *s);

/* call.c: the call stack's bottom frame; arg is the engine. */
void call_main(void *arg);

#endif
