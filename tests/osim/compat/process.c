/* SPDX-License-Identifier: MIT */
/* Processes: fork, exec, wait, exit codes, zombies, reparenting, groups, sessions, vfork. */
#include "compat.h"
#include <sys/prctl.h>

extern char **environ;
static volatile int shared_by_vfork;

static void touch(const char *path, const char *text, int mode)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, mode);

	if (write(fd, text, strlen(text)) < 0)
		say("touch: %s\n", ename(errno));
	close(fd);
}

int main(int argc, char **argv)
{
	char *const env[] = { (char *)"A=1", (char *)"B=two", NULL };
	struct rusage ru;
	siginfo_t si;
	int st, p[2], n;
	pid_t a = 0, b;
	char c;

	/* any argument: a program that was executed must never start the test again */
	if (argc > 1) {
		for (int i = 0; i < argc; i++)
			say("argv[%d] %s\n", i, i ? argv[i] : "-");
		for (int i = 0; environ[i]; i++)
			say("env %s\n", environ[i]);
		return 42;
	}
	CHILD("exit 0", _exit(0));
	CHILD("exit 255", _exit(255));
	CHILD("exit 256+3", _exit(259));
	CHILD("exit -1", _exit(-1));
	CHILD("abort", abort());
	CHILD("kill self", kill(getpid(), SIGKILL));
	CHILD("term self", raise(SIGTERM));
	CHILD("null write", *(volatile int *)8 = 1);
	CHILD("exec",
	      execve(argv[0],
		     (char *[]){ argv[0], (char *)"show", (char *)"x y", (char *)"", NULL }, env));
	CHILD("exec no argv",
	      execve(argv[0], (char *[]){ argv[0], (char *)"show", NULL }, (char *[]){ NULL }));
	T(execve("none", argv, env));
	T(execve(".", argv, env));
	touch("noexec", "x", 0644);
	T(execve("noexec", argv, env));
	touch("garbage", "garbage that is no program", 0755);
	T(execve("garbage", argv, env));
	touch("empty", "", 0755);
	T(execve("empty", argv, env));
	touch("script", "#!./prog show\nbody\n", 0755);
	T(symlink(argv[0], "prog"));
	touch("script1", "#! ./prog  one argument with spaces \n", 0755);
	CHILD("script", execve("script", (char *[]){ (char *)"s0", (char *)"more", NULL }, env));
	CHILD("script argument",
	      execve("script1", (char *[]){ (char *)"s0", (char *)"more", NULL }, env));
	touch("script2", "#!./none\n", 0755);
	T(execve("script2", argv, env));
	touch("script3", "#!./script3\n", 0755);
	T(execve("script3", argv, env));
	T(execve((char *)8, argv, env));
	T(execve(argv[0], (char **)8, env));
	T(execve("noexec/x", argv, env));
	T(open(argv[0], O_WRONLY));

	T(wait(NULL));
	T(waitpid(-1, &st, WNOHANG));
	T(waitpid(999999, &st, 0));
	T(waitpid(getpid(), &st, 0));
	T(waitpid(-1, &st, 0x7000));
	a = fork();
	if (!a) {
		pause();
		_exit(1);
	}
	T(waitpid(a, &st, WNOHANG));
	T(kill(a, 0));
	T(kill(a, SIGKILL));
	T(waitpid(a, &st, 0) == a);
	say_status("killed", st);
	T(kill(a, 0));
	T(waitpid(a, &st, 0));
	a = fork();
	if (!a)
		_exit(5);
	T(waitid(P_PID, (id_t)a, &si, WEXITED | WNOWAIT));
	say("waitid signo %d code %d status %d pid %d\n", si.si_signo, si.si_code, si.si_status,
	    si.si_pid == a);
	T(kill(a, SIGTERM));
	T(wait4(a, &st, 0, &ru) == a);
	say_status("zombie", st);
	T(waitid(P_ALL, 0, &si, WEXITED));

	/* Order and selection. */
	a = fork();
	if (!a)
		_exit(1);
	b = fork();
	if (!b) {
		setpgid(0, 0);
		msleep(40);
		_exit(2);
	}
	setpgid(b, b);
	T(waitpid(-b, &st, 0) == b);
	say_status("by group", st);
	T(waitpid(0, &st, 0) == a);
	say_status("own group", st);

	/* Reparenting to a subreaper, and death of a parent. */
	T(prctl(PR_SET_CHILD_SUBREAPER, 1));
	T(pipe(p));
	a = fork();
	if (!a) {
		if (!fork()) {
			close(p[0]);
			msleep(50);
			c = getppid() == a ? 'P' : getppid() == 1 ? '1' : 'R';
			if (write(p[1], &c, 1) != 1)
				_exit(1);
			_exit(9);
		}
		_exit(8);
	}
	close(p[1]);
	T(waitpid(a, &st, 0) == a);
	say_status("parent", st);
	T(read(p[0], &c, 1));
	say("grandchild's parent %c\n", c);
	T(wait(&st) > 0);
	say_status("grandchild", st);
	T(wait(&st));

	/* vfork shares memory and waits. */
	shared_by_vfork = 1;
	a = vfork();
	if (!a) {
		shared_by_vfork = 2;
		_exit(6);
	}
	say("vfork: %d\n", shared_by_vfork);
	T(waitpid(a, &st, 0) == a);
	say_status("vfork", st);
	shared_by_vfork = 1;
	a = fork();
	if (!a) {
		shared_by_vfork = 3;
		_exit(0);
	}
	waitpid(a, &st, 0);
	say("fork: %d\n", shared_by_vfork);

	/* Sessions and groups. */
	CHILD("session", {
		say("setsid %d\n", setsid() == getpid());
		say("sid %d pgid %d\n", getsid(0) == getpid(), getpgrp() == getpid());
		T(setsid());
		T(setpgid(0, 0));
	});
	T(setpgid(0, -1));
	T(setpgid(999999, 0));
	T(getpgid(999999));
	T(getsid(-1));
	T(setpgid(getppid(), 0));
	a = fork();
	if (!a) {
		execve(argv[0], (char *[]){ argv[0], (char *)"show", NULL }, env);
		_exit(1);
	}
	msleep(100);
	T(setpgid(a, a));
	waitpid(a, &st, 0);

	/* Many children, all collected. */
	for (n = 0; n < 20; n++) {
		if (!fork())
			_exit(n);
	}
	int sum = 0;

	while (wait(&st) > 0)
		sum += WEXITSTATUS(st);
	say("sum %d\n", sum);
	T(prctl(PR_SET_NAME, "a-very-long-name-here"));
	char name[20] = "";

	T(prctl(PR_GET_NAME, name));
	say("%s\n", name);
	T(prctl(9999, 0));
	T(getpriority(PRIO_PROCESS, 0));
	T(setpriority(PRIO_PROCESS, 0, 5));
	T(getpriority(PRIO_PROCESS, 0));
	T(setpriority(PRIO_PROCESS, 0, 100));
	T(getpriority(PRIO_PROCESS, 0));
	T(nice(-3));
	T(getpriority(PRIO_PROCESS, 999999));
	T(getpriority(99, 0));
	T(sched_getscheduler(0));
	T(sched_get_priority_max(SCHED_FIFO));
	T(sched_get_priority_min(SCHED_OTHER));
	T(kill(999999, SIGTERM));
	T(kill(getpid(), 65));
	T(syscall(SYS_kill, getpid(), -1));
	T(kill(getpid(), 64 + 64));
	return 17;
}
