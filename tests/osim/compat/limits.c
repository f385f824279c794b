/* SPDX-License-Identifier: MIT */
/* Resource limits, the process's own entries in /proc, the auxiliary vector, uname. */
#include "compat.h"
#include <elf.h>
#include <sys/auxv.h>
#include <sys/utsname.h>

static int count_lines(const char *path, const char *word)
{
	char line[512];
	FILE *f = fopen(path, "r");
	int n = 0;

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		n += strstr(line, word) != NULL;
	fclose(f);
	return n;
}

static void status_line(const char *key)
{
	char line[512];
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, key, strlen(key)))
			say("%s", line);
	}
	if (f)
		fclose(f);
}

int main(int argc, char **argv)
{
	struct rlimit rl;
	char buf[512], link[128];
	struct utsname un;
	int fd, n;

	/* argc, argv, envp, auxv */
	say("argc %d null %d\n", argc, argv[argc] == NULL);
	say("pagesz %lu clktck %lu secure %lu uid %lu entry %d phent %lu\n", getauxval(AT_PAGESZ),
	    getauxval(AT_CLKTCK), getauxval(AT_SECURE), getauxval(AT_UID), getauxval(AT_ENTRY) != 0,
	    getauxval(AT_PHENT));
	say("random %d platform %s\n", getauxval(AT_RANDOM) != 0, (char *)getauxval(AT_PLATFORM));
	say("execfn same %d\n", !strcmp((char *)getauxval(AT_EXECFN), argv[0]));
	say("stack aligned %d\n", ((uintptr_t)(argv - 1) & 15) == 0);
	T(uname(&un));
	say("%s %s\n", un.sysname, un.machine);

	/* limits */
	for (int i = 0; i < 16; i++) {
		n = getrlimit(i, &rl);
		say("rlimit %d: %d ordered %d\n", i, n, rl.rlim_cur <= rl.rlim_max);
	}
	T(getrlimit(16, &rl));
	T(getrlimit(-1, &rl));
	T(setrlimit(RLIMIT_CORE, &(struct rlimit){ 5, 4 }));
	T(setrlimit(RLIMIT_CORE, &(struct rlimit){ 4, 100 }));
	T(getrlimit(RLIMIT_CORE, &rl));
	say("%ld %ld\n", (long)rl.rlim_cur, (long)rl.rlim_max);
	T(prlimit(0, RLIMIT_FSIZE, NULL, &rl));
	T(prlimit(999999, RLIMIT_FSIZE, NULL, &rl));
	CHILD("file size", {
		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 100, 100 });
		fd = open("fs", O_CREAT | O_RDWR, 0600);
		T(write(fd, buf, 90));
		T(write(fd, buf, 90));
		T(write(fd, buf, 90));
		T(pwrite(fd, buf, 1, 200));
		T(ftruncate(fd, 101));
		T(ftruncate(fd, 100));
		T(lseek(fd, 0, SEEK_CUR));
	});
	CHILD("file size signal", {
		signal(SIGXFSZ, SIG_DFL);
		setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 10, 10 });
		fd = open("fs2", O_CREAT | O_RDWR, 0600);
		T(write(fd, buf, 10));
		T(write(fd, buf, 1));
	});
	CHILD("user's limits", {
		syscall(SYS_setresuid, 1000, 1000, 1000);
		T(setrlimit(RLIMIT_CORE, &(struct rlimit){ 4, 4 }));
		T(setrlimit(RLIMIT_CORE, &(struct rlimit){ 4, 100 }));
		T(setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 4 }));
	});
	CHILD("processor time", {
		signal(SIGXCPU, SIG_DFL);
		setrlimit(RLIMIT_CPU, &(struct rlimit){ RLIM_INFINITY, RLIM_INFINITY });
		say("cpu unlimited\n");
	});

	/* /proc/self */
	n = (int)readlink("/proc/self", link, sizeof(link) - 1);
	link[n > 0 ? n : 0] = 0;
	say("self is me %d\n", atoi(link) == getpid());
	n = (int)readlink("/proc/self/exe", link, sizeof(link) - 1);
	link[n > 0 ? n : 0] = 0;
	say("exe %s\n", strrchr(link, '/') ? strrchr(link, '/') : "?");
	fd = open("/proc/self/comm", O_RDONLY);
	n = (int)read(fd, buf, sizeof(buf));
	say("comm %.*s", n, buf);
	close(fd);
	fd = open("/proc/self/cmdline", O_RDONLY);
	n = (int)read(fd, buf, sizeof(buf));
	say("cmdline %d last %d\n", n == (int)strlen(argv[0]) + 1, n > 0 ? buf[n - 1] : -1);
	close(fd);
	say("stack %d heap %d\n", count_lines("/proc/self/maps", "[stack]"),
	    count_lines("/proc/self/maps", "[heap]") >= 0);
	status_line("Name:");
	status_line("State:");
	status_line("Uid:");
	status_line("Gid:");
	status_line("Threads:");
	status_line("SigBlk:");
	status_line("SigIgn:");
	status_line("SigCgt:");
	fd = open("/proc/self/stat", O_RDONLY);
	n = (int)read(fd, buf, sizeof(buf) - 1);
	buf[n > 0 ? n : 0] = 0;
	n = 0;
	for (char *p = buf; *p; p++)
		n += *p == ' ';
	say("stat has %d spaces, state %c\n", n, strchr(buf, ')') ? strchr(buf, ')')[2] : '?');
	close(fd);
	fd = open("f", O_CREAT | O_RDWR, 0600);
	snprintf(buf, sizeof(buf), "/proc/self/fd/%d", fd);
	n = (int)readlink(buf, link, sizeof(link) - 1);
	link[n > 0 ? n : 0] = 0;
	say("fd link %s\n", strrchr(link, '/') ? strrchr(link, '/') : "?");
	if (write(fd, "through", 7) != 7)
		return 1;
	n = open(buf, O_RDONLY);
	say("reopened %d\n", n > 0);
	T(read(n, buf, 100));
	close(n);
	T(unlink("f"));
	snprintf(buf, sizeof(buf), "/proc/self/fd/%d", fd);
	n = (int)readlink(buf, link, sizeof(link) - 1);
	link[n > 0 ? n : 0] = 0;
	say("fd link %s\n", strrchr(link, '/') ? strrchr(link, '/') : "?");
	T(open("/proc/self/none", O_RDONLY));
	T(open("/proc/999999", O_RDONLY));
	T(open("/proc/self/stat", O_RDWR));
	T(mkdir("/proc/x", 0700));
	T(unlink("/proc/self/stat"));
	n = (int)readlink("/proc/self/cwd", link, sizeof(link) - 1);
	link[n > 0 ? n : 0] = 0;
	say("cwd %d\n", getcwd(buf, sizeof(buf)) && !strcmp(buf, link));
	n = (int)readlink("/proc/self/root", link, sizeof(link) - 1);
	link[n > 0 ? n : 0] = 0;
	say("root %s\n", link);
	return 0;
}
