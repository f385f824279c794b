/* SPDX-License-Identifier: MIT */
/* osim sched: an rt-app workload on a machine, and what the scheduler made of it. */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "workload.h"

struct sched {
	struct osim_config cfg;
	struct output out;
	struct workload w;
	const char *file;
	int64_t duration_s; /* of the command line; -2: not given */
	struct osim *o;
	char error[512];
};

enum {
	OPT_CPUS = 256,
	OPT_HZ,
	OPT_DURATION,
	OPT_COSTS,
	OPT_SEED,
	OPT_TRACE,
	OPT_STATS,
	OPT_DIGEST
};

static const struct option options[] = {
	{ "cpus", required_argument, NULL, OPT_CPUS },
	{ "hz", required_argument, NULL, OPT_HZ },
	{ "duration", required_argument, NULL, OPT_DURATION },
	{ "costs", required_argument, NULL, OPT_COSTS },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "trace", required_argument, NULL, OPT_TRACE },
	{ "stats", required_argument, NULL, OPT_STATS },
	{ "digest", no_argument, NULL, OPT_DIGEST },
	{ NULL, 0, NULL, 0 },
};

static int parse(struct sched *s, int argc, char **argv)
{
	uint64_t v;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (c) {
		case OPT_CPUS:
			if (!parse_u64(optarg, &v) || !v || v > 1024)
				return bad_value("--cpus", optarg);
			s->cfg.cpus = (uint32_t)v;
			break;
		case OPT_HZ:
			if (!parse_u64(optarg, &v) || (v != 100 && v != 250 && v != 1000))
				return bad_value("--hz", optarg);
			s->cfg.hz = (uint32_t)v;
			break;
		case OPT_DURATION:
			if (!parse_u64(optarg, &v) || v > 86400)
				return bad_value("--duration", optarg);
			s->duration_s = (int64_t)v;
			break;
		case OPT_COSTS:
			if (!known_costs(optarg))
				return bad_value("--costs", optarg);
			s->cfg.costs = optarg;
			break;
		case OPT_SEED:
			if (!parse_u64(optarg, &s->cfg.seed))
				return bad_value("--seed", optarg);
			break;
		case OPT_TRACE:
			s->out.trace_file = optarg;
			break;
		case OPT_STATS:
			if (!parse_stats(optarg, &s->out))
				return bad_value("--stats", optarg);
			break;
		case OPT_DIGEST:
			s->out.digest = true;
			break;
		default:
			return bad_option(c, argv);
		}
	}
	if (optind + 1 != argc)
		return die(EXIT_USAGE, "sched", "one workload file is needed");
	s->file = argv[optind];
	return 0;
}

/* Tasks of a workload write nothing: what comes is the machine's own complaints. */
static void console(void *arg, int line, const void *buf, size_t len_bytes)
{
	(void)arg;
	(void)line;
	fwrite(buf, 1, len_bytes, stderr);
}

static int spawn_tasks(struct sched *s)
{
	for (unsigned i = 0; i < s->w.nr_tasks; i++) {
		struct workload_task *t = &s->w.tasks[i];

		for (unsigned cpu = s->cfg.cpus; cpu < sizeof(t->cpus) * 8; cpu++) {
			if (t->cpus[cpu / 8] >> (cpu % 8) & 1)
				return die(EXIT_INPUT, s->file,
					   "tasks.%s.cpus: CPU %u of a machine with %" PRIu32,
					   t->name, cpu, s->cfg.cpus);
		}
		for (unsigned n = 0; n < t->instances; n++) {
			char name[32];

			snprintf(name, sizeof(name), t->instances > 1 ? "%s-%u" : "%s", t->name, n);
			if (osim_spawn_native(s->o, name, workload_run_task, t, &t->attr) < 0)
				return die(EXIT_INPUT, s->file, "task %s: %s", t->name,
					   osim_last_error(s->o));
		}
	}
	return 0;
}

static double ms(uint64_t ns)
{
	return (double)ns / 1e6;
}

/* Columns as perf sched's readers know them: times in ms. */
static void print_table(struct osim *o)
{
	struct osim_task_stats t;
	struct osim_cpu_stats c;
	uint64_t time_ns = osim_time_ns(o);

	printf("%-20s %8s %12s %8s %12s %12s %10s %10s\n", "task[pid]", "run-in", "run ms", "cpu %",
	       "delay ms", "avg delay ms", "vol/invol", "migrations");
	for (unsigned i = 0; !osim_task_stats(o, i, &t); i++) {
		char name[32], switches[32];

		snprintf(name, sizeof(name), "%.15s[%" PRIu32 "]", t.name, t.pid);
		snprintf(switches, sizeof(switches), "%" PRIu64 "/%" PRIu64,
			 t.nr_voluntary_switches, t.nr_involuntary_switches);
		printf("%-20s %8" PRIu64 " %12.3f %8.2f %12.3f %12.6f %10s %10" PRIu64 "\n", name,
		       t.pcount, ms(t.runtime_ns),
		       time_ns ? 100.0 * (double)t.runtime_ns / (double)time_ns : 0.0,
		       ms(t.run_delay_ns), t.pcount ? ms(t.run_delay_ns) / (double)t.pcount : 0.0,
		       switches, t.nr_migrations);
	}
	for (unsigned i = 0; !osim_cpu_stats(o, i, &c); i++)
		printf("CPU %-16u %8" PRIu64 " switches, idle %.3f ms (%.2f %%)\n", i, c.switches,
		       ms(c.idle_ns), time_ns ? 100.0 * (double)c.idle_ns / (double)time_ns : 0.0);
	printf("time %.6f ms, digest %016" PRIx64 ", %" PRIu64 " events\n", ms(time_ns),
	       osim_digest(o), osim_events(o));
}

static int run(struct sched *s)
{
	int64_t duration;
	enum osim_stop stop;
	int ret, out;

	if (workload_load(&s->w, s->file, s->error, sizeof(s->error)))
		return die(EXIT_INPUT, s->file, "%s", s->error);
	s->cfg.error = s->error;
	s->cfg.error_len = sizeof(s->error);
	if (osim_create(&s->cfg, &s->o))
		return die(EXIT_INPUT, "machine", "%s", s->error);
	osim_set_console(s->o, console, NULL);
	ret = spawn_tasks(s);
	if (!ret)
		ret = open_trace(&s->out, s->o);
	if (ret)
		return ret;
	duration = s->duration_s != -2 ? s->duration_s : s->w.duration_s;
	stop = osim_run(s->o, duration < 0 ? UINT64_MAX : (uint64_t)duration * 1000000000);
	/* the end of the duration is the end that was asked for */
	if (!(stop == OSIM_STOP_LIMIT && duration >= 0)) {
		ret = report_stop(s->o, stop);
		if (ret < 0)
			ret = 0;
	}
	if (!s->out.stats || s->out.stats_file)
		print_table(s->o);
	out = write_output(&s->out, s->o, stop, stdout);
	if (!out && (fflush(stdout) || ferror(stdout)))
		out = die(EXIT_INPUT, "stdout", "%s", strerror(errno));
	return out ? out : ret;
}

int cmd_sched(int argc, char **argv)
{
	struct sched s = { .duration_s = -2 };
	int ret, closed;

	osim_config_init(&s.cfg);
	ret = parse(&s, argc, argv);
	if (!ret)
		ret = run(&s);
	closed = close_trace(&s.out);
	if (!ret)
		ret = closed;
	osim_destroy(s.o);
	workload_free(&s.w);
	return ret;
}
