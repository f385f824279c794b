/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_CLI_H
#define TOOLS_CLI_H

/* What the subcommands of `osim` share: exit codes, units, errors, the stats JSON. */

#include <osim/osim.h>
#include <stdio.h>

enum { EXIT_USAGE = 2, EXIT_INPUT = 3, EXIT_PANIC = 4, EXIT_LIMIT = 5 };

/* "osim: what: why" on stderr, always one line; returns code. */
int die(int code, const char *what, const char *why, ...) __attribute__((format(printf, 3, 4)));

/* "256M", "1G", "4096": bytes. false: not a size. */
bool parse_size(const char *s, uint64_t *bytes);
/* "5s", "10ms", "3us", "100ns": nanoseconds. */
bool parse_duration(const char *s, uint64_t *ns);
bool parse_u64(const char *s, uint64_t *v);
bool known_costs(const char *profile);
/* getopt_long gave '?' or ':' (opt): say so; returns EXIT_USAGE. */
int bad_option(int opt, char **argv);
int bad_value(const char *option, const char *value);

/* Where --stats=json[:FILE], --digest and --trace go. */
struct output {
	bool stats, digest;
	const char *stats_file; /* NULL: the default stream */
	const char *trace_file;
	FILE *trace;
	int trace_errno; /* why a line could not be written */
	struct osim *o;	 /* what the trace is of */
};
/* The argument of --stats. false: not json or json:FILE. */
bool parse_stats(const char *s, struct output *out);
/* Start writing the machine's records to out->trace_file. 0 or an exit code. */
int open_trace(struct output *out, struct osim *o);
/*
 * Finish: the digest line, then the stats as one line of JSON, to `stream` unless a file was named.
 * 0 or an exit code.
 */
int write_output(struct output *out, struct osim *o, enum osim_stop stop, FILE *stream);
/* Close what open_trace opened; before osim_destroy on every path. 0 or an exit code. */
int close_trace(struct output *out);
/* A stop that is a failure as a message and an exit code; -1: it is none. */
int report_stop(struct osim *o, enum osim_stop stop);

int cmd_run(int argc, char **argv);
int cmd_sched(int argc, char **argv);

#endif
