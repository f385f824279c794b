/* SPDX-License-Identifier: MIT */
/*
 * The life of an idle machine: create (which boots) and destroy, in host microseconds, for several
 * sizes of RAM.
 *
 *	bench_boot [rounds]
 *
 * The peer is fork + execve + exit + wait of /bin/true on the host. Nothing that a host does is a
 * boot; this is the nearest: the smallest unit of isolation that a test harness would otherwise
 * make for each case, with an address space built, a program begun in it, and everything given
 * back. The last row also starts a native task, runs it to its end and stops.
 *
 * Each figure is the median of `rounds` (default 21); a round goes through all rows and the peer in
 * turn. "osim" and "host" are CPU time of this process and its children, kernel included.
 */
#define _GNU_SOURCE
#include "bench.h"
#include "osim/osim.h"

static const struct row {
	unsigned cpus;
	uint64_t mib;
	bool run;
} rows[] = {
	{ 1, 16, false },   { 1, 64, false },	{ 1, 1024, false },
	{ 1, 8192, false }, { 2, 16, false },	{ 2, 64, false },
	{ 2, 1024, false }, { 2, 8192, false }, { 1, 64, true },
};
#define NR_ROWS (sizeof(rows) / sizeof(rows[0]))

static void nothing(void *arg)
{
	(void)arg;
}

struct life {
	struct samples create, run, destroy, all;
};

static void live(const struct row *row, struct life *l)
{
	struct osim_config cfg;
	char error[256];
	struct osim *o;
	double t[4];

	osim_config_init(&cfg);
	cfg.cpus = row->cpus;
	cfg.ram_bytes = row->mib << 20;
	cfg.error = error;
	cfg.error_len = sizeof(error);
	t[0] = cpu_ns();
	if (osim_create(&cfg, &o))
		die(error);
	t[1] = cpu_ns();
	if (row->run) {
		osim_watch(o, osim_spawn_native(o, "nothing", nothing, NULL, NULL));
		if (osim_run(o, UINT64_MAX) != OSIM_STOP_EXIT)
			die(osim_last_error(o));
	}
	t[2] = cpu_ns();
	osim_destroy(o);
	t[3] = cpu_ns();
	sample(&l->create, (t[1] - t[0]) / 1e3);
	sample(&l->run, (t[2] - t[1]) / 1e3);
	sample(&l->destroy, (t[3] - t[2]) / 1e3);
	sample(&l->all, (t[3] - t[0]) / 1e3);
}

static double host_true(void)
{
	const int n = 10;
	double t = family_ns();

	for (int i = 0; i < n; i++) {
		pid_t pid = fork();
		int status = -1;

		if (pid == 0) {
			execl("/bin/true", "true", (char *)NULL);
			_exit(127);
		}
		if (waitpid(pid, &status, 0) != pid || status)
			die("/bin/true");
	}
	return (family_ns() - t) / n / 1e3;
}
static peer_fn *const peers[] = { host_true };

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 21;
	static struct life life[NR_ROWS];
	struct samples theirs = { .n = 0 };
	struct peer peer = peer_start(peers);

	rounds = rounds < 1 ? 1 : rounds > MAX_ROUNDS ? MAX_ROUNDS : rounds;
	for (int k = 0; k < rounds; k++) {
		for (unsigned i = 0; i < NR_ROWS; i++)
			live(&rows[i], &life[i]);
		sample(&theirs, peer_ask(&peer, 0));
	}
	printf("%-36s %10s %10s %10s %10s\n", "us a machine", "create", "run", "destroy", "all");
	for (unsigned i = 0; i < NR_ROWS; i++) {
		char text[64];

		snprintf(text, sizeof(text), "%u CPU%s, %5lu MiB%s", rows[i].cpus,
			 rows[i].cpus > 1 ? "s" : " ", (unsigned long)rows[i].mib,
			 rows[i].run ? ", one task run" : "");
		printf("%-36s %10.1f %10.1f %10.1f %10.1f\n", text, median(&life[i].create),
		       median(&life[i].run), median(&life[i].destroy), median(&life[i].all));
	}
	printf("%-36s %10s %10s %10s %10.1f\n", "host: fork + exec + wait /bin/true", "", "", "",
	       median(&theirs));
	peer_stop(&peer);
	return 0;
}
