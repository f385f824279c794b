/* SPDX-License-Identifier: MIT */
/* Units, errors and outputs that the subcommands share. */

#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int die(int code, const char *what, const char *why, ...)
{
	char line[2048];
	va_list ap;
	int n = snprintf(line, sizeof(line), "osim: %s: ", what);

	if (n >= 0 && (size_t)n < sizeof(line)) {
		va_start(ap, why);
		vsnprintf(line + n, sizeof(line) - (size_t)n, why, ap);
		va_end(ap);
	}
	/* names may hold anything, a panic's text has several lines */
	for (char *p = line; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
	}
	fprintf(stderr, "%s\n", line);
	return code;
}

int bad_value(const char *option, const char *value)
{
	return die(EXIT_USAGE, option, "bad value \"%s\"", value);
}

int bad_option(int opt, char **argv)
{
	const char dash[] = { '-', (char)optopt, 0 };

	if (opt == ':')
		return die(EXIT_USAGE, argv[optind - 1], "needs a value");
	if (optopt > 255)
		return die(EXIT_USAGE, argv[optind - 1], "takes no value");
	return die(EXIT_USAGE, optopt ? dash : argv[optind - 1], "unknown option (osim --help)");
}

bool parse_u64(const char *s, uint64_t *v)
{
	char *end;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	*v = strtoull(s, &end, 0);
	return !errno && !*end;
}

/* A number and one of the suffixes; scale[i] goes with suffix[i]. */
static bool parse_scaled(const char *s, const char *const *suffix, const uint64_t *scale,
			 uint64_t *out)
{
	char *end;
	uint64_t v;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	v = strtoull(s, &end, 10);
	if (errno)
		return false;
	for (int i = 0; suffix[i]; i++) {
		if (!strcmp(end, suffix[i]))
			return !__builtin_mul_overflow(v, scale[i], out);
	}
	return false;
}

bool parse_size(const char *s, uint64_t *bytes)
{
	static const char *const suffix[] = { "", "K", "M", "G", "k", "m", "g", NULL };
	static const uint64_t scale[] = { 1, 1 << 10, 1 << 20, 1 << 30, 1 << 10, 1 << 20, 1 << 30 };

	return parse_scaled(s, suffix, scale, bytes);
}

bool parse_duration(const char *s, uint64_t *ns)
{
	static const char *const suffix[] = { "ns", "us", "ms", "s", NULL };
	static const uint64_t scale[] = { 1, 1000, 1000000, 1000000000 };

	return parse_scaled(s, suffix, scale, ns);
}

bool known_costs(const char *profile)
{
	return !strcmp(profile, "zero") || !strcmp(profile, "zen4") || !strcmp(profile, "skylake");
}

bool parse_stats(const char *s, struct output *out)
{
	if (strncmp(s, "json", 4) || (s[4] && s[4] != ':') || (s[4] && !s[5]))
		return false;
	out->stats = true;
	out->stats_file = s[4] ? s + 5 : NULL;
	return true;
}

static void trace_line(void *arg, const struct osim_record *r)
{
	struct output *out = arg;
	char line[512];

	osim_trace_format(out->o, r, line, sizeof(line));
	fputs(line, out->trace);
	if (fputc('\n', out->trace) == EOF && !out->trace_errno) {
		out->trace_errno = errno;
		/* the disk is full, or the reader gone: close_trace says so */
		osim_request_stop(out->o);
	}
}

int open_trace(struct output *out, struct osim *o)
{
	if (!out->trace_file)
		return 0;
	out->trace = fopen(out->trace_file, "w");
	if (!out->trace)
		return die(EXIT_INPUT, out->trace_file, "%s", strerror(errno));
	fputs("# tracer: nop\n#\n#           TASK-PID     CPU#  .....  TIMESTAMP  FUNCTION\n",
	      out->trace);
	out->o = o;
	osim_set_trace(o, trace_line, out, true);
	return 0;
}

int close_trace(struct output *out)
{
	FILE *f = out->trace;

	if (!f)
		return 0;
	osim_set_trace(out->o, NULL, NULL, false);
	out->trace = NULL;
	if (fclose(f) && !out->trace_errno)
		out->trace_errno = errno;
	return out->trace_errno ?
		       die(EXIT_INPUT, out->trace_file, "%s", strerror(out->trace_errno)) :
		       0;
}

static void add_u64(struct json_object *obj, const char *key, uint64_t v)
{
	json_object_object_add(obj, key, json_object_new_uint64(v));
}

/*
 * A guest may call itself any 15 bytes: those above ASCII are given as Latin-1, so that the text is
 * UTF-8.
 */
static struct json_object *task_name(const struct osim_task_stats *t)
{
	char text[2 * sizeof(t->name)];
	int n = 0;

	for (size_t i = 0; i < sizeof(t->name) && t->name[i]; i++) {
		unsigned char c = (unsigned char)t->name[i];

		if (c >= 0x80)
			text[n++] = (char)(0xc0 | c >> 6);
		text[n++] = (char)(c < 0x80 ? c : 0x80 | (c & 0x3f));
	}
	return json_object_new_string_len(text, n);
}

static struct json_object *stats_json(struct osim *o, enum osim_stop stop)
{
	struct json_object *root = json_object_new_object(), *tasks = json_object_new_array(),
			   *cpus = json_object_new_array();
	struct osim_task_stats t;
	struct osim_cpu_stats c;
	char digest[17];

	snprintf(digest, sizeof(digest), "%016llx", (unsigned long long)osim_digest(o));
	add_u64(root, "time_ns", osim_time_ns(o));
	json_object_object_add(root, "digest", json_object_new_string(digest));
	json_object_object_add(root, "stop", json_object_new_string(osim_stop_name(stop)));
	for (unsigned i = 0; !osim_task_stats(o, i, &t); i++) {
		struct json_object *j = json_object_new_object();

		json_object_object_add(j, "name", task_name(&t));
		add_u64(j, "pid", t.pid);
		add_u64(j, "runtime_ns", t.runtime_ns);
		add_u64(j, "run_delay_ns", t.run_delay_ns);
		add_u64(j, "pcount", t.pcount);
		add_u64(j, "nr_voluntary_switches", t.nr_voluntary_switches);
		add_u64(j, "nr_involuntary_switches", t.nr_involuntary_switches);
		add_u64(j, "nr_migrations", t.nr_migrations);
		json_object_array_add(tasks, j);
	}
	json_object_object_add(root, "tasks", tasks);
	for (unsigned i = 0; !osim_cpu_stats(o, i, &c); i++) {
		struct json_object *j = json_object_new_object();

		add_u64(j, "switches", c.switches);
		add_u64(j, "idle_ns", c.idle_ns);
		json_object_array_add(cpus, j);
	}
	json_object_object_add(root, "cpus", cpus);
	return root;
}

int write_output(struct output *out, struct osim *o, enum osim_stop stop, FILE *stream)
{
	struct json_object *root;
	FILE *f = stream;
	int ret = close_trace(out);
	bool ok;

	if (ret)
		return ret;
	if (out->digest)
		fprintf(stderr, "digest %016llx events %llu time_ns %llu\n",
			(unsigned long long)osim_digest(o), (unsigned long long)osim_events(o),
			(unsigned long long)osim_time_ns(o));
	if (!out->stats)
		return 0;
	if (out->stats_file) {
		f = fopen(out->stats_file, "w");
		if (!f)
			return die(EXIT_INPUT, out->stats_file, "%s", strerror(errno));
	}
	root = stats_json(o, stop);
	fprintf(f, "%s\n",
		json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN |
							     JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(root);
	ok = !ferror(f) && !fflush(f);
	if (f != stream && fclose(f))
		ok = false;
	return ok ? 0 :
		    die(EXIT_INPUT, out->stats_file ? out->stats_file : "stats", "%s",
			strerror(errno));
}

int report_stop(struct osim *o, enum osim_stop stop)
{
	char *report;
	size_t len;

	switch (stop) {
	case OSIM_STOP_EXIT:
		return -1;
	case OSIM_STOP_LIMIT:
		return die(EXIT_LIMIT, "limit", "virtual time reached %llu ns",
			   (unsigned long long)osim_time_ns(o));
	case OSIM_STOP_PANIC:
		return die(EXIT_PANIC, "panic", "%s",
			   strncmp(osim_last_error(o), "panic: ", 7) ? osim_last_error(o) :
								       osim_last_error(o) + 7);
	case OSIM_STOP_REQUEST:
		return die(EXIT_LIMIT, "stopped", "on request");
	default:
		die(EXIT_PANIC, osim_stop_name(stop), "%s", osim_last_error(o));
		len = 65536;
		report = malloc(len);
		if (report) {
			osim_report(o, report, len);
			fputs(report, stderr);
			free(report);
		}
		return EXIT_PANIC;
	}
}
