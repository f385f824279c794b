/* SPDX-License-Identifier: MIT */
/*
 * osim run: one program on a machine of its own, its standard streams the host's.
 *
 * The root file system is empty but for /dev, /proc, /tmp and the program, or a directory or cpio
 * archive given by --root. The program's exit status is the command's.
 */

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "host/file.h"

#define MAX_FILE_BYTES (4ull << 30)
#define ERROR_BYTES 512

struct run {
	struct osim_config cfg;
	struct output out;
	const char *root, *cwd, *stdin_file;
	uint64_t limit_ns;
	bool strace;
	const char **env;
	int nr_env;
	char **program;
	u8 *input; /* what --stdin gives */
	u64 input_len;
	bool lost[2];	      /* stdout, stderr: nobody takes what is written there */
	int lost_errno;	      /* why, of the first */
	bool sigpipe_ignored; /* by whoever started us */
	struct osim *o;
	char error[ERROR_BYTES];
};

enum {
	OPT_CPUS = 256,
	OPT_RAM,
	OPT_SEED,
	OPT_COSTS,
	OPT_ROOT,
	OPT_ENV,
	OPT_CWD,
	OPT_STDIN,
	OPT_LIMIT,
	OPT_TRACE,
	OPT_STATS,
	OPT_DIGEST,
	OPT_STRACE,
	OPT_QUANTUM,
	OPT_HZ
};

static const struct option options[] = {
	{ "cpus", required_argument, NULL, OPT_CPUS },
	{ "ram", required_argument, NULL, OPT_RAM },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "costs", required_argument, NULL, OPT_COSTS },
	{ "root", required_argument, NULL, OPT_ROOT },
	{ "env", required_argument, NULL, OPT_ENV },
	{ "cwd", required_argument, NULL, OPT_CWD },
	{ "stdin", required_argument, NULL, OPT_STDIN },
	{ "limit-time", required_argument, NULL, OPT_LIMIT },
	{ "trace", required_argument, NULL, OPT_TRACE },
	{ "stats", required_argument, NULL, OPT_STATS },
	{ "digest", no_argument, NULL, OPT_DIGEST },
	{ "strace", no_argument, NULL, OPT_STRACE },
	{ "quantum", required_argument, NULL, OPT_QUANTUM },
	{ "hz", required_argument, NULL, OPT_HZ },
	{ NULL, 0, NULL, 0 },
};

/* One variable; a later value of the same name replaces an earlier one. */
static int add_env(struct run *r, const char *kv)
{
	const char *eq = strchr(kv, '=');
	size_t name = eq ? (size_t)(eq - kv) + 1 : 0;
	const char **env;

	if (!eq || eq == kv)
		return die(EXIT_USAGE, "--env", "\"%s\" is not NAME=VALUE", kv);
	for (int i = 0; i < r->nr_env; i++) {
		if (!strncmp(r->env[i], kv, name)) {
			r->env[i] = kv;
			return 0;
		}
	}
	env = realloc(r->env, ((size_t)r->nr_env + 2) * sizeof(*env));
	if (!env)
		return die(EXIT_INPUT, "environment", "%s", strerror(ENOMEM));
	r->env = env;
	r->env[r->nr_env++] = kv;
	r->env[r->nr_env] = NULL;
	return 0;
}

static int parse(struct run *r, int argc, char **argv)
{
	uint64_t v;
	int c, ret = 0;

	opterr = 0;
	while (!ret && (c = getopt_long(argc, argv, "+:", options, NULL)) != -1) {
		switch (c) {
		case OPT_CPUS:
			if (!parse_u64(optarg, &v) || !v || v > 1024)
				return bad_value("--cpus", optarg);
			r->cfg.cpus = (uint32_t)v;
			break;
		case OPT_RAM:
			if (!parse_size(optarg, &r->cfg.ram_bytes))
				return bad_value("--ram", optarg);
			break;
		case OPT_SEED:
			if (!parse_u64(optarg, &r->cfg.seed))
				return bad_value("--seed", optarg);
			break;
		case OPT_HZ:
			if (!parse_u64(optarg, &v) || (v != 100 && v != 250 && v != 1000))
				return bad_value("--hz", optarg);
			r->cfg.hz = (uint32_t)v;
			break;
		case OPT_COSTS:
			if (!known_costs(optarg))
				return bad_value("--costs", optarg);
			r->cfg.costs = optarg;
			break;
		case OPT_QUANTUM:
			if (!parse_duration(optarg, &r->cfg.quantum_ns))
				return bad_value("--quantum", optarg);
			break;
		case OPT_ROOT:
			r->root = optarg;
			break;
		case OPT_ENV:
			ret = add_env(r, optarg);
			break;
		case OPT_CWD:
			r->cwd = optarg;
			break;
		case OPT_STDIN:
			r->stdin_file = optarg;
			break;
		case OPT_LIMIT:
			if (!parse_duration(optarg, &r->limit_ns))
				return bad_value("--limit-time", optarg);
			break;
		case OPT_TRACE:
			r->out.trace_file = optarg;
			break;
		case OPT_STATS:
			if (!parse_stats(optarg, &r->out))
				return bad_value("--stats", optarg);
			break;
		case OPT_DIGEST:
			r->out.digest = true;
			break;
		case OPT_STRACE:
			r->strace = true;
			break;
		default:
			return bad_option(c, argv);
		}
	}
	if (ret)
		return ret;
	if (optind >= argc)
		return die(EXIT_USAGE, "run", "no program given (osim --help)");
	r->program = argv + optind;
	return 0;
}

/* --- the root file system --- */

struct importer {
	struct run *r;
	int code;
};

static int import_failed(struct importer *im, const char *path, const char *why)
{
	im->code = die(EXIT_INPUT, path, "%s", why);
	return 1;
}

static int import_entry(void *arg, const char *rel_path, const char *host_path,
			const struct host_stat *st)
{
	struct importer *im = arg;
	char path[PATH_MAX];
	u8 *data = NULL;
	u64 len = 0;
	int ret;

	if (snprintf(path, sizeof(path), "/%s", rel_path) >= (int)sizeof(path))
		return import_failed(im, host_path, "path too long");
	if (S_ISREG(st->mode)) {
		ret = host_file_read(host_path, MAX_FILE_BYTES, &data, &len);
		if (ret)
			return import_failed(im, host_path, osim_strerror(ret));
	} else if (S_ISLNK(st->mode)) {
		ret = host_readlink(host_path, (char **)&data);
		if (ret)
			return import_failed(im, host_path, osim_strerror(ret));
		len = strlen((char *)data);
	} else if (S_ISCHR(st->mode) || S_ISBLK(st->mode)) {
		len = (st->rdev >> 8 & 0xfff) << 8 | (st->rdev & 0xff);
	} else if (S_ISSOCK(st->mode)) {
		return 0; /* a socket of the host means nothing to the machine */
	}
	ret = osim_add_file(im->r->o, path, st->mode, st->uid, st->gid, st->mtime_ns / 1000000000,
			    data, len);
	host_free(data);
	return ret ? import_failed(im, path, osim_last_error(im->r->o)) : 0;
}

static int import_program(struct run *r, char *abs_path)
{
	struct host_stat st;
	u8 *data;
	u64 len;
	int ret;

	if (r->program[0][0] == '/') {
		if (snprintf(abs_path, PATH_MAX, "%s", r->program[0]) >= PATH_MAX)
			return die(EXIT_INPUT, r->program[0], "path too long");
	} else {
		char cwd[PATH_MAX];

		if (!getcwd(cwd, sizeof(cwd)) ||
		    snprintf(abs_path, PATH_MAX, "%s/%s", cwd, r->program[0]) >= PATH_MAX)
			return die(EXIT_INPUT, r->program[0], "path too long");
	}
	if (strstr(abs_path, "/..")) { /* the machine's tree has no such directory to go up from */
		char *real = realpath(abs_path, NULL);

		if (real && strlen(real) < PATH_MAX)
			strcpy(abs_path, real);
		free(real);
	}
	ret = host_file_stat(abs_path, true, &st);
	if (ret)
		return die(ret == -ENOENT || ret == -ENOTDIR ? 127 : 126, r->program[0], "%s",
			   osim_strerror(ret));
	if (!S_ISREG(st.mode))
		return die(126, r->program[0], "%s",
			   osim_strerror(S_ISDIR(st.mode) ? -EISDIR : -EACCES));
	ret = host_file_read(abs_path, MAX_FILE_BYTES, &data, &len);
	if (ret)
		return die(126, r->program[0], "%s", osim_strerror(ret));
	ret = osim_add_file(r->o, abs_path, st.mode, st.uid, st.gid, st.mtime_ns / 1000000000, data,
			    len);
	host_free(data);
	return ret ? die(EXIT_INPUT, r->program[0], "%s", osim_last_error(r->o)) : 0;
}

static int import_root(struct run *r)
{
	struct importer im = { .r = r };
	struct host_stat st;
	u8 *data;
	u64 len;
	int ret = host_file_stat(r->root, true, &st);

	if (ret)
		return die(EXIT_INPUT, r->root, "%s", osim_strerror(ret));
	if (S_ISDIR(st.mode)) {
		ret = host_walk(r->root, import_entry, &im);
		return ret < 0 ? die(EXIT_INPUT, r->root, "%s", osim_strerror(ret)) : im.code;
	}
	ret = host_file_read(r->root, MAX_FILE_BYTES, &data, &len);
	if (ret)
		return die(EXIT_INPUT, r->root, "%s", osim_strerror(ret));
	ret = osim_add_cpio(r->o, data, len);
	host_free(data);
	return ret ? die(EXIT_INPUT, r->root, "%s", osim_last_error(r->o)) : 0;
}

/* --- streams --- */

/*
 * Nobody reads on (a closed pipe), or nothing more fits (a full disk): a machine that only writes
 * would go on for ever.
 */
static void stream_lost(struct run *r, FILE *f)
{
	bool *lost = &r->lost[f == stderr];

	if (!*lost && !r->lost[0] && !r->lost[1])
		r->lost_errno = errno;
	*lost = true;
	clearerr(f);
	osim_request_stop(r->o);
}

static void put(struct run *r, FILE *f, const void *buf, size_t len_bytes)
{
	if (r->lost[f == stderr])
		return;
	if (fwrite(buf, 1, len_bytes, f) != len_bytes)
		stream_lost(r, f);
}

static void flush_stdout(struct run *r)
{
	if (!r->lost[0] && fflush(stdout))
		stream_lost(r, stdout);
}

static void console(void *arg, int line, const void *buf, size_t len_bytes)
{
	struct run *r = arg;

	if (line != 0) /* both may be one file: keep the order */
		flush_stdout(r);
	put(r, line == 0 ? stdout : stderr, buf, len_bytes);
}

static void strace_out(void *arg, uint32_t pid, const char *line)
{
	struct run *r = arg;
	char text[1024];
	int n = snprintf(text, sizeof(text), "[pid %u] %s\n", pid, line);

	flush_stdout(r);
	put(r, stderr, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

/*
 * After a lost stream: the end any filter comes to. SIGPIPE's default action ends the process when
 * the reader went away, unless whoever started us ignores the signal.
 */
static int end_lost(struct run *r)
{
	if (r->lost_errno == EPIPE && !r->sigpipe_ignored) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	return die(EXIT_INPUT, r->lost[0] ? "stdout" : "stderr", "%s", strerror(r->lost_errno));
}

/* Feed as much of the pending bytes as the console takes; close it after the last. */
struct feed {
	u8 *data;
	u64 len, at;
	bool closed, terminal;
};

#define FEED_BYTES 32768u
/* while input is left: how often the machine is asked whether it takes more */
#define FEED_STEP_NS 1000000u

static void feed_more(struct run *r, struct feed *f)
{
	while (f->at < f->len) {
		u64 n = f->len - f->at < FEED_BYTES ? f->len - f->at : FEED_BYTES;

		if (osim_console_input(r->o, f->data + f->at, n))
			return; /* full: go on when it was read */
		f->at += n;
	}
	if (!f->closed && !f->terminal) {
		osim_console_close(r->o);
		f->closed = true;
	}
}

/* The machine waits for a terminal: read what the host's has. */
static void feed_terminal(struct run *r, struct feed *f)
{
	u8 buf[4096];
	s64 n = host_fd_read(0, buf, sizeof(buf));

	if (n <= 0) {
		f->terminal = false;
		osim_console_close(r->o);
		f->closed = true;
		return;
	}
	osim_console_input(r->o, buf, (size_t)n);
}

static enum osim_stop run_machine(struct run *r, struct feed *f)
{
	for (;;) {
		/*
		 * Others may run while a reader waits for more: steps of virtual time, so that the
		 * same input gives the same machine.
		 */
		uint64_t now = osim_time_ns(r->o);
		bool step = f->at < f->len && now < r->limit_ns && r->limit_ns - now > FEED_STEP_NS;
		enum osim_stop stop = osim_run(r->o, step ? now + FEED_STEP_NS : r->limit_ns);

		if (stop != OSIM_STOP_INPUT && !(step && stop == OSIM_STOP_LIMIT))
			return stop;
		flush_stdout(r);
		if (f->at < f->len || (!f->closed && !f->terminal))
			feed_more(r, f);
		else if (f->terminal)
			feed_terminal(r, f);
		else
			return OSIM_STOP_DEADLOCK;
	}
}

static int run(struct run *r)
{
	static const char *const defaults[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
		NULL, NULL
	};
	char abs_path[PATH_MAX], term[256];
	struct osim_exec exec = { 0 };
	struct feed feed = { 0 };
	enum osim_stop stop;
	int ret, code;

	r->cfg.error = r->error;
	r->cfg.error_len = sizeof(r->error);
	ret = osim_create(&r->cfg, &r->o);
	if (ret)
		return die(EXIT_INPUT, "machine", "%s", r->error);
	osim_set_console(r->o, console, r);
	if (r->root) {
		ret = import_root(r);
		exec.path = r->program[0];
	} else {
		ret = import_program(r, abs_path);
		exec.path = abs_path;
	}
	if (ret)
		return ret;
	snprintf(term, sizeof(term), "TERM=%s", getenv("TERM") ? getenv("TERM") : "dumb");
	for (int i = 0; i < 3; i++) {
		const char *kv = i < 2 ? defaults[i] : term;
		bool given = false;

		for (int j = 0; j < r->nr_env; j++)
			given |= !strncmp(r->env[j], kv, (size_t)(strchr(kv, '=') - kv) + 1);
		if (!given && (ret = add_env(r, kv)))
			return ret;
	}
	exec.argv = (const char *const *)r->program;
	exec.envp = r->env;
	exec.cwd = r->cwd;
	ret = osim_spawn(r->o, &exec);
	if (ret >= 0)
		ret = osim_watch(r->o, ret);
	if (ret < 0)
		return die(EXIT_INPUT, "machine", "%s", osim_last_error(r->o));
	if (r->stdin_file) {
		ret = host_file_read(r->stdin_file, MAX_FILE_BYTES, &r->input, &r->input_len);
		if (ret)
			return die(EXIT_INPUT, r->stdin_file, "%s", osim_strerror(ret));
		feed.data = r->input;
		feed.len = r->input_len;
	} else {
		feed.terminal = isatty(0);
	}
	feed_more(r, &feed);
	if (r->strace)
		osim_set_strace(r->o, strace_out, r);
	ret = open_trace(&r->out, r->o);
	if (ret)
		return ret;
	stop = run_machine(r, &feed);
	flush_stdout(r);
	if (r->lost[0] || r->lost[1])
		return end_lost(r);
	if (stop == OSIM_STOP_REQUEST) { /* the trace could not be written */
		ret = close_trace(&r->out);
		if (ret)
			return ret;
	}
	code = report_stop(r->o, stop);
	ret = write_output(&r->out, r->o, stop, stderr);
	if (ret)
		return ret;
	return code >= 0 ? code : osim_exit_status(r->o);
}

int cmd_run(int argc, char **argv)
{
	struct run r = { .limit_ns = UINT64_MAX };
	int ret, closed;

	osim_config_init(&r.cfg);
	r.sigpipe_ignored = signal(SIGPIPE, SIG_IGN) == SIG_IGN;
	ret = parse(&r, argc, argv);
	if (!ret)
		ret = run(&r);
	closed = close_trace(&r.out);
	if (!ret)
		ret = closed;
	osim_destroy(r.o);
	host_free(r.input);
	free(r.env);
	return ret;
}
