/* SPDX-License-Identifier: MIT */
/*
 * Signals: handlers, masks, siginfo, restart, suspend, alternate stack, nesting, queues, stop and
 * continue, timers.
 */
#include "compat.h"

static volatile sig_atomic_t got, depth, order[32], nr_order;
static volatile siginfo_t last;
static sigjmp_buf env;
static char altstack[65536];
static char *volatile fault_at;

static void note(int sig)
{
	got++;
	order[nr_order++ & 31] = sig;
}

static void info(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	got++;
	order[nr_order++ & 31] = sig;
	memcpy((void *)&last, si, sizeof(*si));
}

static void nested(int sig)
{
	depth++;
	say("enter %d depth %d\n", sig, (int)depth);
	if (sig == SIGUSR1)
		raise(SIGUSR2);
	say("leave %d depth %d\n", sig, (int)depth);
	depth--;
}

static void on_alt(int sig, siginfo_t *si, void *ucv)
{
	char here;
	stack_t ss;
	ucontext_t *uc = ucv;

	(void)si;
	sigaltstack(NULL, &ss);
	say("sig %d on alt %d, flags %d, uc flags %d\n", sig,
	    &here >= altstack && &here < altstack + sizeof(altstack), ss.ss_flags,
	    uc->uc_stack.ss_flags);
	ss.ss_flags = 0;
	T(sigaltstack(&ss, NULL));
}

static void on_fault(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	say("fault sig %d code %d at %s\n", sig, si->si_code,
	    si->si_addr == fault_at ? "expected" :
	    si->si_addr		    ? "other" :
				      "0");
	siglongjmp(env, 1);
}

static void set(int sig, void (*fn)(int), int flags)
{
	struct sigaction sa = { .sa_handler = fn, .sa_flags = flags };

	sigemptyset(&sa.sa_mask);
	if (sigaction(sig, &sa, NULL))
		say("sigaction %d: %s\n", sig, ename(errno));
}

static void set_info(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
	struct sigaction sa = { .sa_sigaction = fn, .sa_flags = flags | SA_SIGINFO };

	sigemptyset(&sa.sa_mask);
	sigaction(sig, &sa, NULL);
}

static void say_order(const char *what)
{
	say("%s:", what);
	for (int i = 0; i < nr_order; i++)
		say(" %d", (int)order[i]);
	say("\n");
	nr_order = 0;
}

/* A child that signals the parent after ms. */
static pid_t after(long ms, int sig)
{
	pid_t parent = getpid(), p = fork();

	if (!p) {
		msleep(ms);
		kill(parent, sig);
		_exit(0);
	}
	return p;
}

static void reap(pid_t p)
{
	while (waitpid(p, NULL, 0) < 0 && errno == EINTR)
		;
}

int main(void)
{
	struct timespec ts, rem;
	struct itimerval it = { { 0, 0 }, { 0, 0 } }, old;
	struct sigaction sa, osa;
	sigset_t m, o;
	siginfo_t si;
	stack_t ss;
	int p[2], st;
	char buf[8];
	pid_t a;

	/* actions */
	T(sigaction(SIGKILL, &(struct sigaction){ .sa_handler = note }, NULL));
	T(sigaction(SIGKILL, NULL, &osa));
	T(syscall(SYS_rt_sigaction, 65, NULL, NULL, 8));
	T(syscall(SYS_rt_sigaction, 0, NULL, NULL, 8));
	T(syscall(SYS_rt_sigaction, 1, NULL, NULL, 4));
	T(syscall(SYS_rt_sigaction, 1, (void *)8, NULL, 8));
	set(SIGUSR1, note, 0);
	T(raise(SIGUSR1));
	say("got %d\n", (int)got);
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = note;
	sigfillset(&sa.sa_mask);
	sa.sa_flags = SA_RESTART | SA_NODEFER;
	T(sigaction(SIGUSR2, &sa, NULL));
	T(sigaction(SIGUSR2, NULL, &osa));
	say("flags %#x kill in mask %d\n", osa.sa_flags & ~0x4000000,
	    sigismember(&osa.sa_mask, SIGKILL));
	set(SIGUSR2, note, SA_RESETHAND);
	raise(SIGUSR2);
	sigaction(SIGUSR2, NULL, &osa);
	say("reset to default %d\n", osa.sa_handler == SIG_DFL);

	/* masks and pending order */
	nr_order = 0;
	for (int s = 1; s < 65; s++) {
		if (s != SIGKILL && s != SIGSTOP && (s < 32 || s > 34))
			set(s, note, 0);
	}
	sigfillset(&m);
	T(sigprocmask(SIG_SETMASK, &m, &o));
	raise(SIGTERM);
	raise(SIGUSR2);
	raise(SIGHUP);
	raise(SIGTERM);
	raise(SIGRTMIN + 1);
	raise(SIGRTMIN + 1);
	raise(SIGSEGV);
	kill(getpid(), SIGINT);
	kill(getpid(), SIGUSR2);
	T(sigpending(&m));
	for (int s = 1; s < 65; s++) {
		if (sigismember(&m, s))
			say("pending %d\n", s);
	}
	nr_order = 0;
	sigprocmask(SIG_SETMASK, &o, NULL);
	say_order("delivered");
	T(syscall(SYS_rt_sigprocmask, 7, &o, NULL, 8));
	T(syscall(SYS_rt_sigprocmask, 7, NULL, &o, 8));
	T(syscall(SYS_rt_sigprocmask, 0, &o, NULL, 4));
	sigprocmask(SIG_BLOCK, NULL, &m);
	say("unblocked %d\n", !sigismember(&m, SIGUSR1));

	/* SA_SIGINFO */
	set_info(SIGUSR1, info, 0);
	kill(getpid(), SIGUSR1);
	say("kill: signo %d code %d pid %d uid %d\n", last.si_signo, last.si_code,
	    last.si_pid == getpid(), last.si_uid == getuid());
	syscall(SYS_tkill, syscall(SYS_gettid), SIGUSR1);
	say("tkill: code %d pid %d\n", last.si_code, last.si_pid == getpid());
	T(sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = 77 }));
	say("sigqueue: code %d value %d\n", last.si_code, last.si_value.sival_int);
	set_info(SIGCHLD, info, 0);
	a = fork();
	if (!a)
		_exit(13);
	reap(a);
	say("chld: code %d status %d pid %d\n", last.si_code, last.si_status, last.si_pid == a);
	a = fork();
	if (!a) {
		for (;;)
			pause();
	}
	kill(a, SIGKILL);
	reap(a);
	say("chld: code %d status %d\n", last.si_code, last.si_status);
	set_info(SIGALRM, info, 0);
	T(alarm(1));
	T(alarm(0));
	it.it_value.tv_usec = 20000;
	T(setitimer(ITIMER_REAL, &it, NULL));
	T(pause());
	say("alarm: code %d\n", last.si_code);
	set(SIGCHLD, SIG_DFL, 0);

	/* nesting */
	set(SIGUSR1, nested, 0);
	set(SIGUSR2, nested, 0);
	raise(SIGUSR1);
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = nested;
	sigaddset(&sa.sa_mask, SIGUSR2);
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);

	/* interrupted calls */
	set(SIGUSR1, note, 0);
	T(pipe(p));
	a = after(20, SIGUSR1);
	T(read(p[0], buf, 1));
	reap(a);
	set(SIGUSR1, note, SA_RESTART);
	a = fork();
	if (!a) {
		msleep(20);
		kill(getppid(), SIGUSR1);
		msleep(20);
		if (write(p[1], "r", 1) != 1)
			_exit(1);
		_exit(0);
	}
	T(read(p[0], buf, 1));
	reap(a);
	ts = (struct timespec){ 0, 200000000 };
	a = after(20, SIGUSR1);
	T(nanosleep(&ts, &rem));
	say("rest %d\n", rem.tv_nsec > 100000000 && rem.tv_nsec < 200000000);
	reap(a);
	a = after(20, SIGUSR1);
	T(poll(NULL, 0, 1000));
	reap(a);
	a = after(20, SIGUSR1);
	T(select(0, NULL, NULL, NULL, &(struct timeval){ 1, 0 }));
	reap(a);
	a = after(20, SIGUSR1);
	T(usleep(300000));
	reap(a);
	a = after(20, SIGUSR1);
	T(waitpid(a, &st, 0) == a);
	set(SIGUSR1, note, 0);
	a = after(20, SIGWINCH);
	set(SIGWINCH, SIG_IGN, 0);
	ts = (struct timespec){ 0, 60000000 };
	T(nanosleep(&ts, &rem));
	reap(a);
	{
		pid_t w = fork();

		if (!w) {
			msleep(200);
			_exit(0);
		}
		a = after(20, SIGUSR1);
		T(waitpid(w, &st, 0));
		reap(a);
		kill(w, SIGKILL);
		reap(w);
	}

	/* sigsuspend, sigwait, ppoll */
	sigemptyset(&m);
	sigaddset(&m, SIGUSR1);
	sigprocmask(SIG_BLOCK, &m, &o);
	nr_order = 0;
	raise(SIGUSR1);
	T(sigsuspend(&o));
	say_order("suspend");
	sigprocmask(SIG_BLOCK, NULL, &m);
	say("still blocked %d\n", sigismember(&m, SIGUSR1));
	raise(SIGUSR1);
	T(ppoll(NULL, 0, NULL, &o));
	T(ppoll(NULL, 0, &(struct timespec){ 0, 1000000 }, &o));
	raise(SIGUSR1);
	T(pselect(0, NULL, NULL, NULL, NULL, &o));
	raise(SIGUSR1);
	sigemptyset(&m);
	sigaddset(&m, SIGUSR1);
	T(sigwaitinfo(&m, &si));
	say("waitinfo code %d\n", si.si_code);
	T(sigtimedwait(&m, &si, &(struct timespec){ 0, 10000000 }));
	a = after(20, SIGUSR1);
	T(sigtimedwait(&m, &si, &(struct timespec){ 5, 0 }));
	reap(a);
	set(SIGUSR2, note, 0);
	a = after(20, SIGUSR2);
	T(sigtimedwait(&m, &si, &(struct timespec){ 5, 0 }));
	reap(a);
	sigprocmask(SIG_SETMASK, &o, NULL);

	/* alternate stack */
	T(sigaltstack(NULL, &ss));
	say("flags %d size %ld\n", ss.ss_flags, (long)ss.ss_size);
	ss = (stack_t){ altstack, 0, 100 };
	T(sigaltstack(&ss, NULL));
	ss = (stack_t){ altstack, 0x55, sizeof(altstack) };
	T(sigaltstack(&ss, NULL));
	ss = (stack_t){ altstack, 0, sizeof(altstack) };
	T(sigaltstack(&ss, NULL));
	set_info(SIGUSR1, on_alt, SA_ONSTACK);
	raise(SIGUSR1);
	set_info(SIGUSR1, on_alt, 0);
	raise(SIGUSR1);
	T(sigaltstack(NULL, &ss));
	say("flags %d size %ld\n", ss.ss_flags, (long)ss.ss_size);
	set_info(SIGSEGV, on_fault, SA_ONSTACK);
	fault_at = (char *)8;
	if (!sigsetjmp(env, 1))
		*fault_at = 1;
	fault_at = (char *)main;
	if (!sigsetjmp(env, 1))
		*fault_at = 1;
	fault_at = (char *)0x800000000000;
	if (!sigsetjmp(env, 1))
		*fault_at = 1;
	fault_at = NULL;
	if (!sigsetjmp(env, 1))
		__asm__ volatile("hlt");
	fault_at = (char *)0xffffffff81000000;
	if (!sigsetjmp(env, 1))
		*(volatile char *)fault_at;
	set_info(SIGFPE, on_fault, 0);
	fault_at = NULL;
	if (!sigsetjmp(env, 1)) {
		volatile int zero = 0, x = 5;

		x = x / zero;
	}
	set_info(SIGILL, on_fault, 0);
	if (!sigsetjmp(env, 1))
		__asm__ volatile("ud2");
	set_info(SIGTRAP, on_fault, 0);
	if (!sigsetjmp(env, 1))
		__asm__ volatile("int3");
	set(SIGSEGV, SIG_IGN, 0);
	CHILD("ignored fault", *(volatile int *)8 = 1);
	CHILD("blocked fault", {
		set(SIGSEGV, note, 0);
		sigfillset(&m);
		sigprocmask(SIG_SETMASK, &m, NULL);
		*(volatile int *)8 = 1;
	});
	set(SIGSEGV, SIG_DFL, 0);

	/* stop and continue */
	set_info(SIGCHLD, info, 0);
	a = fork();
	if (!a) {
		set(SIGCONT, SIG_DFL, 0);
		for (;;)
			pause();
	}
	msleep(20);
	T(kill(a, SIGSTOP));
	msleep(50); /* on Linux the child sends SIGCHLD itself, and wait takes what it would tell */
	T(waitpid(a, &st, WUNTRACED) == a);
	say_status("stop", st);
	say("chld code %d status %d\n", last.si_code, last.si_status);
	T(waitpid(a, &st, WUNTRACED | WNOHANG));
	T(kill(a, SIGCONT));
	msleep(50); /* on Linux the child sends SIGCHLD itself, and wait takes what it would tell */
	T(waitpid(a, &st, WCONTINUED) == a);
	say_status("cont", st);
	say("chld code %d status %d\n", last.si_code, last.si_status);
	T(waitpid(a, &st, WCONTINUED | WNOHANG));
	kill(a, SIGSTOP);
	waitpid(a, &st, WUNTRACED);
	kill(a, SIGUSR1);
	kill(a, SIGTSTP);
	T(waitpid(a, &st, WNOHANG));
	kill(a, SIGKILL);
	T(waitpid(a, &st, 0) == a);
	say_status("kill stopped", st);
	set(SIGTSTP, SIG_DFL, 0);
	set_info(SIGCHLD, info, SA_NOCLDSTOP);
	a = fork();
	if (!a) {
		set(SIGCONT, note, 0);
		setpgid(0, 0);
		got = 0;
		kill(getpid(), SIGSTOP);
		_exit(30 + got);
	}
	got = 0;
	T(waitpid(a, &st, WUNTRACED) == a);
	say_status("self stop", st);
	say("no SIGCHLD %d\n", (int)got);
	kill(a, SIGCONT);
	while (waitpid(a, &st, 0) < 0)
		;
	say_status("after", st);
	set(SIGCHLD, SIG_IGN, 0);
	a = fork();
	if (!a)
		_exit(0);
	T(waitpid(a, &st, 0));
	set(SIGCHLD, note, SA_NOCLDWAIT);
	got = 0;
	a = fork();
	if (!a)
		_exit(0);
	T(waitpid(a, &st, 0));
	msleep(10);
	say("nocldwait signals %d\n", (int)got);
	set(SIGCHLD, SIG_DFL, 0);

	/* timers */
	set(SIGALRM, note, 0);
	got = 0;
	it = (struct itimerval){ { 0, 10000 }, { 0, 10000 } };
	T(setitimer(ITIMER_REAL, &it, NULL));
	while (got < 3)
		pause();
	it = (struct itimerval){ { 0, 0 }, { 0, 0 } };
	T(setitimer(ITIMER_REAL, &it, &old));
	say("interval %ld.%06ld\n", (long)old.it_interval.tv_sec, (long)old.it_interval.tv_usec);
	it.it_value.tv_usec = 1000000;
	T(setitimer(ITIMER_REAL, &it, &old));
	it.it_value.tv_usec = 1;
	T(setitimer(77, &it, &old));
	T(getitimer(ITIMER_REAL, &old));
	say("off %ld %ld\n", (long)old.it_value.tv_sec, (long)old.it_value.tv_usec);
	alarm(100);
	say("left %d\n", alarm(0));
	CHILD("alarm is not inherited", {
		got = 0;
		say("left in child %d\n", alarm(0));
	});
	/* vectors that exec keeps and drops */
	CHILD("default of every signal", {
		for (int s = 1; s < 65; s++) {
			int w;
			pid_t k;

			if (s == 32 || s == 33 || s == 34 || s == SIGTSTP || s == SIGTTIN ||
			    s == SIGTTOU || s == SIGSTOP)
				continue;
			k = fork();
			if (!k) {
				set(s, SIG_DFL, 0);
				kill(getpid(), s);
				_exit(0);
			}
			waitpid(k, &w, 0);
			say("%d:%#x ", s, w & 0x7f);
		}
		say("\n");
	});
	return 0;
}
