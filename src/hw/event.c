/* SPDX-License-Identifier: MIT */
/*
 * The queue of future events: a 4-ary heap that knows where each event lies.
 *
 * Called by every device and timer (schedule, cancel) and by the engine (remove the first). Calls
 * nothing. Must not know what an event does.
 *
 * Six events as the heap holds them, each node's four children side by side; moving or cancelling
 * one costs a walk up or down:
 *
 *	[1] 100 timer/2
 *	[2] 140 timer/0   [3] 100 ipi/0   [4] 900 device/1   [5] 300 host/0
 *	[6] 150 timer/1 (child of [2])
 *
 *	Q1 heap[i] is before its children in (time, class, source, seq), a total order: seq is never
 *	   given twice;
 *	Q2 ev->heap_pos is where ev lies, 0 when it is not queued: so an event is queued at most
 *	   once;
 *	Q3 scheduling lowers the running CPU's horizon to the event's time (engine.c, E4).
 *
 * The key lies in the heap beside the pointer, so comparisons touch no event but on a full tie of
 * time, class and source.
 *
 * Units: cycles. Owner: the device that embeds the event. Locking: none. Errors: a full heap panics
 * the machine.
 * Time: none; O(log4 n). Source: d-ary heaps (Johnson 1975); four children measured best here.
 */
#include "hw/engine.h"

#include "hw/engine_state.h"
#include "lib/compiler.h"
#include "lib/errno.h"

static bool item_before(const struct heap_item *a, const struct heap_item *b)
{
	if (a->time != b->time)
		return a->time < b->time;
	if (a->class_source != b->class_source)
		return a->class_source < b->class_source;
	return a->ev->seq < b->ev->seq;
}

static void heap_place(struct engine *e, u32 pos, struct heap_item it)
{
	e->heap[pos] = it;
	it.ev->heap_pos = pos;
}

/*
 * Four children a node: pos * 4 - 2 .. pos * 4 + 1, and (pos + 2) / 4 above; half the levels of
 * two, and a node's children are neighbours.
 */
static void heap_up(struct engine *e, u32 pos, struct heap_item it)
{
	for (u32 up; pos > 1 && item_before(&it, &e->heap[up = (pos + 2) / 4]); pos = up)
		heap_place(e, pos, e->heap[up]);
	heap_place(e, pos, it);
}

static void heap_down(struct engine *e, u32 pos, struct heap_item it)
{
	for (u32 first; (first = pos * 4 - 2) <= e->nr_events;) {
		u32 end = min(first + 3, e->nr_events), least = first;

		for (u32 c = first + 1; c <= end; c++)
			if (item_before(&e->heap[c], &e->heap[least]))
				least = c;
		if (!item_before(&e->heap[least], &it))
			break;
		heap_place(e, pos, e->heap[least]);
		pos = least;
	}
	heap_place(e, pos, it);
}

static void heap_remove(struct engine *e, struct event *ev)
{
	u32 pos = ev->heap_pos;
	struct heap_item last = e->heap[e->nr_events--];

	ev->heap_pos = 0;
	if (last.ev == ev)
		return;
	if (pos > 1 && item_before(&last, &e->heap[(pos + 2) / 4]))
		heap_up(e, pos, last);
	else
		heap_down(e, pos, last);
}

int events_init(struct machine *m, u32 max_events)
{
	struct engine *e = m->engine;

	e->max_events = max_events;
	e->heap = arena_carve(&m->arena, (max_events + 1ull) * sizeof(*e->heap), 64);
	return e->heap ? 0 : -ENOMEM;
}

void event_remove_first(struct engine *e)
{
	heap_remove(e, e->heap[1].ev);
}

void event_schedule(struct machine *m, struct event *ev, enum event_class cls, u32 source, u64 time,
		    void (*fn)(struct machine *, struct event *))
{
	struct engine *e = m->engine;

	if (ev->heap_pos)
		heap_remove(e, ev);
	if (e->nr_events == e->max_events)
		machine_panic(m, "more than %u events pending", e->max_events);
	ev->time = time;
	ev->class_source = (u32)cls << 24 | (source & 0xffffff);
	ev->seq = ++e->seq;
	ev->fn = fn;
	e->nr_events++;
	heap_up(e, e->nr_events, (struct heap_item){ time, ev->class_source, ev });
	engine_lower_horizon(e, time);
}

void event_cancel(struct machine *m, struct event *ev)
{
	if (ev->heap_pos)
		heap_remove(m->engine, ev);
}
