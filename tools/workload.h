/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_WORKLOAD_H
#define TOOLS_WORKLOAD_H

/*
 * An rt-app workload file (scheduler-tools/rt-app, doc/tutorial.txt) as data. Times in the file are
 * microseconds.
 *
 * Events known here: run, runtime, sleep, timer, yield. Other events of rt-app are refused by name.
 * A key given twice in one object is one key to the JSON library (the last wins); the file must
 * number them (run0, run1), as rt-app itself advises.
 */

#include <osim/osim.h>

enum event_kind { EVENT_RUN, EVENT_RUNTIME, EVENT_SLEEP, EVENT_TIMER, EVENT_YIELD };

struct event {
	enum event_kind kind;
	uint64_t ns;	/* work, wall time, sleep, or the timer's period */
	unsigned timer; /* index into the task's timers */
	bool absolute;	/* timer: keep the grid when late */
};

struct phase {
	int64_t loop; /* times; -1: for ever */
	unsigned nr_events;
	struct event *events;
};

#define MAX_TIMERS 32
#define MAX_INSTANCES 30000

struct workload_task {
	char name[16];
	unsigned instances;
	uint64_t delay_ns;
	int64_t loop; /* -1: for ever */
	unsigned nr_phases;
	struct phase *phases;
	unsigned nr_timers;
	char timer_name[MAX_TIMERS][32];
	struct osim_task_attr attr;
	uint8_t cpus[128];
};

struct workload {
	int64_t duration_s; /* -1: until the tasks end */
	unsigned nr_tasks;
	struct workload_task *tasks;
};

/*
 * Parse the file at path. 0, or -1 with one line in err: where in the file and why. Free with
 * workload_free in both cases.
 */
int workload_load(struct workload *w, const char *path, char *err, size_t err_len);
void workload_free(struct workload *w);
/* The body of one instance, a native program: arg is a struct workload_task. */
void workload_run_task(void *arg);

#endif
