/* SPDX-License-Identifier: MIT */
/* The osim command: picks the subcommand. The fixed command line is in README.md. */

#include <string.h>

#include "cli.h"

static const char usage[] =
	"usage: osim run [--cpus N] [--ram SIZE] [--seed N] [--costs zero|zen4|skylake] [--root DIR|FILE.cpio]\n"
	"                [--env K=V]... [--cwd DIR] [--stdin FILE] [--limit-time DUR] [--quantum DUR] [--trace FILE]\n"
	"                [--stats=json[:FILE]] [--digest] [--strace] [--] PROGRAM [ARG...]\n"
	"       osim sched WORKLOAD.json [--cpus N] [--hz N] [--duration S] [--costs P] [--seed N] [--trace FILE]\n"
	"                [--stats=json[:FILE]] [--digest]\n"
	"       osim --version\n";

int main(int argc, char **argv)
{
	if (argc >= 2 && !strcmp(argv[1], "run"))
		return cmd_run(argc - 1, argv + 1);
	if (argc >= 2 && !strcmp(argv[1], "sched"))
		return cmd_sched(argc - 1, argv + 1);
	if (argc == 2 && !strcmp(argv[1], "--version")) {
		printf("osim %d.%d, results epoch %d\n", OSIM_VERSION_MAJOR, OSIM_VERSION_MINOR,
		       OSIM_RESULTS_EPOCH);
		return 0;
	}
	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(usage, stdout);
		return 0;
	}
	if (argc < 2)
		return die(EXIT_USAGE, "usage", "osim run|sched ... (osim --help)");
	return die(EXIT_USAGE, argv[1], "no such command (run, sched)");
}
