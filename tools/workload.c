/* SPDX-License-Identifier: MIT */
/* Reading rt-app workload files, and doing on the machine what they say. */

#include "workload.h"

#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/file.h"

#define MAX_TEXT_BYTES (64u << 20)

/* Where in the file we are, for errors: "tasks.bg.phases.p1". */
struct where {
	char path[256];
	char *err;
	size_t err_len;
};

static int bad(const struct where *at, const char *key, const char *why, ...)
	__attribute__((format(printf, 3, 4)));
static int bad(const struct where *at, const char *key, const char *why, ...)
{
	int n = snprintf(at->err, at->err_len, "%s%s%s%s", at->path, *at->path && *key ? "." : "",
			 key, *at->path || *key ? ": " : "");
	va_list ap;

	if (n >= 0 && (size_t)n < at->err_len) {
		va_start(ap, why);
		vsnprintf(at->err + n, at->err_len - (size_t)n, why, ap);
		va_end(ap);
	}
	return -1;
}

static struct where inside(const struct where *at, const char *key)
{
	struct where in = *at;
	size_t n = strlen(in.path);

	snprintf(in.path + n, sizeof(in.path) - n, "%s%s", n ? "." : "", key);
	return in;
}

static int get_int(const struct where *at, const char *key, struct json_object *v, int64_t lo,
		   int64_t hi, int64_t *out)
{
	*out = 0;
	if (!json_object_is_type(v, json_type_int))
		return bad(at, key, "must be an integer");
	*out = json_object_get_int64(v);
	if (*out < lo || *out > hi)
		return bad(at, key, "%lld is not in %lld..%lld", (long long)*out, (long long)lo,
			   (long long)hi);
	return 0;
}

static int get_us(const struct where *at, const char *key, struct json_object *v, uint64_t *ns)
{
	int64_t us;

	if (get_int(at, key, v, 0, INT64_C(3600000000), &us))
		return -1;
	*ns = (uint64_t)us * 1000;
	return 0;
}

static bool has_prefix(const char *key, const char *prefix)
{
	return !strncmp(key, prefix, strlen(prefix));
}

static unsigned timer_index(struct workload_task *t, const char *name)
{
	unsigned i;

	for (i = 0; i < t->nr_timers; i++) {
		if (!strcmp(t->timer_name[i], name))
			return i;
	}
	if (i < MAX_TIMERS) {
		snprintf(t->timer_name[i], sizeof(t->timer_name[i]), "%s", name);
		t->nr_timers++;
	}
	return i;
}

static int parse_timer(const struct where *at, const char *key, struct workload_task *t,
		       struct json_object *v, struct event *e)
{
	struct where in = inside(at, key);
	bool has_ref = false, has_period = false;

	if (!json_object_is_type(v, json_type_object))
		return bad(at, key, "must be an object with ref and period");
	json_object_object_foreach(v, k, f)
	{
		if (!strcmp(k, "ref")) {
			if (!json_object_is_type(f, json_type_string))
				return bad(&in, k, "must be a string");
			e->timer = timer_index(t, json_object_get_string(f));
			if (e->timer == MAX_TIMERS)
				return bad(&in, k, "more than %d timers in one task", MAX_TIMERS);
			has_ref = true;
		} else if (!strcmp(k, "period")) {
			if (get_us(&in, k, f, &e->ns))
				return -1;
			has_period = true;
		} else if (!strcmp(k, "mode")) {
			const char *mode = json_object_get_string(f);

			if (!mode || (strcmp(mode, "relative") && strcmp(mode, "absolute")))
				return bad(&in, k, "must be \"relative\" or \"absolute\"");
			e->absolute = !strcmp(mode, "absolute");
		} else {
			return bad(&in, k, "unknown key");
		}
	}
	if (!has_ref || !has_period)
		return bad(at, key, "needs ref and period");
	return 0;
}

/* 1: an event was added, 0: not an event's key, -1: an error. */
static int parse_event(const struct where *at, const char *key, struct json_object *v,
		       struct workload_task *t, struct phase *p)
{
	static const char *const absent[] = { "lock",	"unlock",   "wait",	"signal",
					      "broad",	"sync",	    "barrier",	"suspend",
					      "resume", "sem_post", "sem_wait", "fork",
					      "memrun", "mem",	    "iorun",	NULL };
	struct event e = { 0 }, *events;

	if (has_prefix(key, "runtime"))
		e.kind = EVENT_RUNTIME;
	else if (has_prefix(key, "run"))
		e.kind = EVENT_RUN;
	else if (has_prefix(key, "sleep"))
		e.kind = EVENT_SLEEP;
	else if (has_prefix(key, "timer"))
		e.kind = EVENT_TIMER;
	else if (has_prefix(key, "yield"))
		e.kind = EVENT_YIELD;
	else {
		for (int i = 0; absent[i]; i++) {
			if (has_prefix(key, absent[i]))
				return bad(at, key, "this event is not supported");
		}
		return 0;
	}
	if (e.kind == EVENT_TIMER) {
		if (parse_timer(at, key, t, v, &e))
			return -1;
	} else if (e.kind != EVENT_YIELD && get_us(at, key, v, &e.ns)) {
		return -1;
	}
	events = realloc(p->events, (p->nr_events + 1) * sizeof(*events));
	if (!events)
		return bad(at, key, "out of memory");
	p->events = events;
	p->events[p->nr_events++] = e;
	return 1;
}

static struct phase *new_phase(struct workload_task *t)
{
	struct phase *phases = realloc(t->phases, (t->nr_phases + 1) * sizeof(*phases));

	if (!phases)
		return NULL;
	t->phases = phases;
	t->phases[t->nr_phases] = (struct phase){ .loop = 1 };
	return &t->phases[t->nr_phases++];
}

static int parse_phases(const struct where *at, struct json_object *v, struct workload_task *t)
{
	if (!json_object_is_type(v, json_type_object))
		return bad(at, "", "must be an object");
	json_object_object_foreach(v, name, body)
	{
		struct where in = inside(at, name);
		struct phase *p = new_phase(t);

		if (!p)
			return bad(&in, "", "out of memory");
		if (!json_object_is_type(body, json_type_object))
			return bad(&in, "", "must be an object");
		json_object_object_foreach(body, k, f)
		{
			int ret = parse_event(&in, k, f, t, p);

			if (ret < 0)
				return -1;
			if (ret)
				continue;
			if (strcmp(k, "loop"))
				return bad(&in, k, "unknown key, or not supported in a phase");
			if (get_int(&in, k, f, -1, INT32_MAX, &p->loop))
				return -1;
		}
	}
	return 0;
}

static int parse_cpus(const struct where *at, struct json_object *v, struct workload_task *t)
{
	if (!json_object_is_type(v, json_type_array) || !json_object_array_length(v))
		return bad(at, "cpus", "must be a list of CPU numbers");
	for (size_t i = 0; i < json_object_array_length(v); i++) {
		int64_t cpu;

		if (get_int(at, "cpus", json_object_array_get_idx(v, i), 0, 1023, &cpu))
			return -1;
		t->cpus[cpu / 8] |= (uint8_t)(1u << (cpu % 8));
	}
	t->attr.cpus = t->cpus;
	t->attr.cpus_bytes = sizeof(t->cpus);
	return 0;
}

static int parse_policy(const struct where *at, const char *key, struct json_object *v,
			enum osim_policy *out)
{
	static const struct {
		const char *name;
		enum osim_policy policy;
	} known[] = { { "SCHED_OTHER", OSIM_SCHED_OTHER }, { "SCHED_NORMAL", OSIM_SCHED_OTHER },
		      { "SCHED_BATCH", OSIM_SCHED_BATCH }, { "SCHED_IDLE", OSIM_SCHED_IDLE },
		      { "SCHED_RR", OSIM_SCHED_RR },	   { "SCHED_FIFO", OSIM_SCHED_FIFO } };
	const char *name = json_object_is_type(v, json_type_string) ? json_object_get_string(v) :
								      "";

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!strcmp(known[i].name, name)) {
			*out = known[i].policy;
			return 0;
		}
	}
	return bad(at, key, "\"%s\" is not a policy (SCHED_OTHER, BATCH, IDLE, RR, FIFO)", name);
}

static int parse_task(const struct where *at, const char *name, struct json_object *v,
		      enum osim_policy policy, struct workload_task *t)
{
	struct where in = inside(at, name);
	struct phase *own = NULL;
	int64_t n, priority = 0;
	bool has_priority = false, has_phases = false;

	snprintf(t->name, sizeof(t->name), "%s", name);
	t->instances = 1;
	t->loop = -1;
	t->attr.policy = policy;
	if (!json_object_is_type(v, json_type_object))
		return bad(&in, "", "must be an object");
	json_object_object_foreach(v, k, f)
	{
		if (!strcmp(k, "instance")) {
			if (get_int(&in, k, f, 0, 100000, &n))
				return -1;
			t->instances = (unsigned)n;
		} else if (!strcmp(k, "delay")) {
			if (get_us(&in, k, f, &t->delay_ns))
				return -1;
		} else if (!strcmp(k, "loop")) {
			if (get_int(&in, k, f, -1, INT32_MAX, &t->loop))
				return -1;
		} else if (!strcmp(k, "policy")) {
			if (parse_policy(&in, k, f, &t->attr.policy))
				return -1;
		} else if (!strcmp(k, "priority")) {
			if (get_int(&in, k, f, -20, 99, &priority))
				return -1;
			has_priority = true;
		} else if (!strcmp(k, "cpus")) {
			if (parse_cpus(&in, f, t))
				return -1;
		} else if (!strcmp(k, "phases")) {
			struct where ph = inside(&in, k);

			has_phases = true;
			if (parse_phases(&ph, f, t))
				return -1;
		} else {
			struct phase scratch = own ? *own : (struct phase){ .loop = 1 };
			int ret;

			if (!own && !has_phases) {
				own = new_phase(t);
				if (!own)
					return bad(&in, k, "out of memory");
				scratch = *own;
			}
			if (!own)
				return bad(&in, k, "events beside phases");
			ret = parse_event(&in, k, f, t, &scratch);
			*own = scratch;
			if (ret < 0)
				return -1;
			if (!ret)
				return bad(&in, k, "unknown key");
		}
	}
	if (own && has_phases)
		return bad(&in, "phases", "events beside phases");
	if (!t->nr_phases)
		return bad(&in, "", "has no events");
	if (t->attr.policy == OSIM_SCHED_RR || t->attr.policy == OSIM_SCHED_FIFO) {
		if (!has_priority || priority < 1)
			return bad(&in, "priority", "must be 1..99 with this policy");
		t->attr.rt_priority = (int)priority;
	} else {
		if (priority > 19)
			return bad(&in, "priority", "is a nice level with this policy: -20..19");
		t->attr.nice = (int)priority;
	}
	return 0;
}

static int parse_global(const struct where *at, struct json_object *v, struct workload *w,
			enum osim_policy *policy)
{
	/* Settings of rt-app's own running on a host; they change nothing here. */
	static const char *const host_only[] = {
		"calibration",	   "lock_pages",       "logdir",     "log_basename",
		"log_size",	   "ftrace",	       "gnuplot",    "io_device",
		"mem_buffer_size", "cumulative_slack", "pi_enabled", NULL
	};
	struct where in = inside(at, "global");

	if (!json_object_is_type(v, json_type_object))
		return bad(&in, "", "must be an object");
	json_object_object_foreach(v, k, f)
	{
		bool known = false;

		if (!strcmp(k, "duration")) {
			if (get_int(&in, k, f, -1, 86400, &w->duration_s))
				return -1;
			continue;
		}
		if (!strcmp(k, "default_policy")) {
			if (parse_policy(&in, k, f, policy))
				return -1;
			continue;
		}
		for (int i = 0; host_only[i]; i++)
			known |= !strcmp(k, host_only[i]);
		if (!known)
			return bad(&in, k, "unknown key");
	}
	return 0;
}

static int parse_tasks(const struct where *at, struct json_object *v, struct workload *w,
		       enum osim_policy policy)
{
	struct where in = inside(at, "tasks");
	int n = json_object_is_type(v, json_type_object) ? json_object_object_length(v) : 0;
	unsigned instances = 0;

	if (!n)
		return bad(&in, "", "must be an object with at least one task");
	w->tasks = calloc((size_t)n, sizeof(*w->tasks));
	if (!w->tasks)
		return bad(&in, "", "out of memory");
	json_object_object_foreach(v, name, body)
	{
		struct workload_task *t = &w->tasks[w->nr_tasks++];

		if (parse_task(&in, name, body, policy, t))
			return -1;
		instances += t->instances;
		if (instances > MAX_INSTANCES)
			return bad(&in, name, "more than %d tasks in all", MAX_INSTANCES);
	}
	return instances ? 0 : bad(&in, "", "no task has an instance");
}

static int parse_root(const struct where *at, struct json_object *root, struct workload *w)
{
	enum osim_policy policy = OSIM_SCHED_OTHER;
	struct json_object *v;

	if (!json_object_is_type(root, json_type_object))
		return bad(at, "", "the file must be one object");
	json_object_object_foreach(root, k, f)
	{
		(void)f;
		if (strcmp(k, "tasks") && strcmp(k, "global"))
			return bad(at, k,
				   strcmp(k, "resources") ? "unknown key" :
							    "resources are not supported");
	}
	if (json_object_object_get_ex(root, "global", &v) && parse_global(at, v, w, &policy))
		return -1;
	if (!json_object_object_get_ex(root, "tasks", &v))
		return bad(at, "tasks", "is missing");
	return parse_tasks(at, v, w, policy);
}

/* The byte before which the text cannot be read on, as line and column from 1. */
static void bad_text(const char *text, size_t at, char *err, size_t err_len, const char *why)
{
	unsigned line = 1, col = 1;

	for (size_t i = 0; i < at; i++) {
		col = text[i] == '\n' ? 1 : col + 1;
		line += text[i] == '\n';
	}
	snprintf(err, err_len, "line %u column %u: %s", line, col, why);
}

/* Behind the object: white space and comments only. Returns where something else stands, or len. */
static size_t skip_blank(const char *text, size_t at, size_t len)
{
	while (at < len) {
		const char *end;

		if (strchr(" \t\r\n", text[at]) && text[at]) {
			at++;
			continue;
		}
		if (at + 1 < len && text[at] == '/' && text[at + 1] == '/')
			end = strchr(text + at, '\n');
		else if (at + 1 < len && text[at] == '/' && text[at + 1] == '*')
			end = strstr(text + at + 2, "*/");
		else
			return at;
		if (!end)
			return text[at + 1] == '/' ? len : at;
		at = (size_t)(end - text) + (text[at + 1] == '*' ? 2 : 1);
	}
	return len;
}

static struct json_object *parse_text(const char *text, size_t len, char *err, size_t err_len)
{
	struct json_tokener *tok = json_tokener_new();
	struct json_object *root;
	size_t end;

	if (!tok) {
		snprintf(err, err_len, "out of memory");
		return NULL;
	}
	root = json_tokener_parse_ex(tok, text, (int)len + 1);
	end = json_tokener_get_parse_end(tok);
	if (!root) {
		enum json_tokener_error why = json_tokener_get_error(tok);

		bad_text(text, end < len ? end : len, err, err_len,
			 /* the text's end: its NUL is what did not parse */
			 why == json_tokener_success		    ? "null is no workload" :
			 end >= len || why == json_tokener_continue ? "unexpected end of data" :
								      json_tokener_error_desc(why));
	} else if ((end = skip_blank(text, end, len)) < len) {
		bad_text(text, end, err, err_len, "something stands behind the end of the object");
		json_object_put(root);
		root = NULL;
	}
	json_tokener_free(tok);
	return root;
}

int workload_load(struct workload *w, const char *path, char *err, size_t err_len)
{
	struct where at = { .path = "", .err = err, .err_len = err_len };
	struct json_object *root;
	u8 *text;
	u64 len;
	int ret;

	*w = (struct workload){ .duration_s = -1 };
	ret = host_file_read(path, MAX_TEXT_BYTES, &text, &len);
	if (ret) {
		snprintf(err, err_len, "%s", osim_strerror(ret));
		return -1;
	}
	root = parse_text((const char *)text, len, err, err_len);
	ret = root ? parse_root(&at, root, w) : -1;
	json_object_put(root);
	host_free(text);
	return ret;
}

void workload_free(struct workload *w)
{
	for (unsigned i = 0; i < w->nr_tasks; i++) {
		for (unsigned p = 0; p < w->tasks[i].nr_phases; p++)
			free(w->tasks[i].phases[p].events);
		free(w->tasks[i].phases);
	}
	free(w->tasks);
}

/* --- on the machine --- */

#define NR_SCHED_YIELD 24
#define NR_CLOCK_GETTIME 228
#define NR_CLOCK_NANOSLEEP 230
#define CLOCK_MONO 1
#define ABSTIME 1
#define WALL_STEP_NS 1000
/* what a turn of a loop takes in which nothing takes time: every loop moves the clock */
#define EMPTY_STEP_NS 100

static uint64_t now_ns(void)
{
	int64_t ts[2];

	osim_syscall(NR_CLOCK_GETTIME, CLOCK_MONO, (long)osim_scratch(), 0, 0, 0, 0);
	osim_load(osim_scratch(), ts, sizeof(ts));
	return (uint64_t)ts[0] * 1000000000 + (uint64_t)ts[1];
}

static void sleep_until(uint64_t ns)
{
	int64_t ts[2] = { (int64_t)(ns / 1000000000), (int64_t)(ns % 1000000000) };

	osim_store(osim_scratch(), ts, sizeof(ts));
	osim_syscall(NR_CLOCK_NANOSLEEP, CLOCK_MONO, ABSTIME, (long)osim_scratch(), 0, 0, 0);
}

static void do_timer(const struct event *e, uint64_t *next)
{
	uint64_t now = now_ns();

	if (!*next)
		*next = now;
	*next += e->ns;
	if (*next > now)
		sleep_until(*next);
	else if (!e->absolute)
		*next = now; /* late: a relative timer starts again from here */
}

static void do_event(const struct event *e, uint64_t timers[MAX_TIMERS])
{
	uint64_t end;

	switch (e->kind) {
	case EVENT_RUN:
		osim_compute_ns(e->ns);
		break;
	case EVENT_RUNTIME:
		for (end = now_ns() + e->ns; now_ns() < end;)
			osim_compute_ns(WALL_STEP_NS);
		break;
	case EVENT_SLEEP:
		sleep_until(now_ns() + e->ns);
		break;
	case EVENT_TIMER:
		do_timer(e, &timers[e->timer]);
		break;
	case EVENT_YIELD:
		osim_syscall(NR_SCHED_YIELD, 0, 0, 0, 0, 0, 0);
		break;
	}
}

static void do_phase(const struct phase *p, uint64_t timers[MAX_TIMERS])
{
	bool takes_time = false;

	for (unsigned e = 0; e < p->nr_events; e++)
		takes_time |= p->events[e].ns != 0;
	for (int64_t i = 0; p->loop < 0 || i < p->loop; i++) {
		for (unsigned e = 0; e < p->nr_events; e++)
			do_event(&p->events[e], timers);
		if (!takes_time)
			osim_compute_ns(EMPTY_STEP_NS);
	}
}

void workload_run_task(void *arg)
{
	const struct workload_task *t = arg;
	uint64_t timers[MAX_TIMERS] = { 0 };
	bool turns = false;

	if (t->delay_ns)
		sleep_until(now_ns() + t->delay_ns);
	for (unsigned p = 0; p < t->nr_phases; p++)
		turns |= t->phases[p].loop != 0;
	for (int64_t i = 0; t->loop < 0 || i < t->loop; i++) {
		for (unsigned p = 0; p < t->nr_phases; p++)
			do_phase(&t->phases[p], timers);
		if (!turns)
			osim_compute_ns(EMPTY_STEP_NS);
	}
}
