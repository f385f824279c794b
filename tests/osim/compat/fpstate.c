/* SPDX-License-Identifier: MIT */
/*
 * Floating-point state: across handlers, fork, switches; rounding and exceptions with their codes.
 */
#include "compat.h"
#include <fenv.h>
#include <math.h>

static sigjmp_buf env;
static volatile int codes;

static unsigned mxcsr(void)
{
	unsigned v;

	__asm__ volatile("stmxcsr %0" : "=m"(v));
	return v;
}

static void set_mxcsr(unsigned v)
{
	__asm__ volatile("ldmxcsr %0" : : "m"(v));
}

static unsigned short fcw(void)
{
	unsigned short v;

	__asm__ volatile("fnstcw %0" : "=m"(v));
	return v;
}

static void clobber(int sig)
{
	static const double junk[2] = { 1e300, -1e300 };
	unsigned short cw = 0x0c7f;

	(void)sig;
	say("in handler mxcsr %#x fcw %#x\n", mxcsr(), fcw());
	set_mxcsr(0x7f80);
	__asm__ volatile(
		"fninit; fldcw %1; fldpi; fldl2e; movupd %0, %%xmm0; movupd %0, %%xmm7; movupd %0, %%xmm15"
		:
		: "m"(junk), "m"(cw)
		: "xmm0", "xmm7", "xmm15");
}

static void on_fpe(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	say("sig %d code %d\n", sig, si->si_code);
	siglongjmp(env, 1);
}

static void edit(int sig, siginfo_t *si, void *ucv)
{
	ucontext_t *uc = ucv;

	(void)sig;
	(void)si;
	uc->uc_mcontext.gregs[REG_R12] = 0x1234;
	((double *)((char *)uc->uc_mcontext.fpregs + 160))[0] = 6.5;
}

int main(void)
{
	double d[2] = { 1.25, -2.5 }, e[2];
	long double ld = 3.25L, lr;
	volatile double zero = 0, one = 1, x;
	unsigned short cw;
	pid_t a;
	int st;

	say("start mxcsr %#x fcw %#x\n", mxcsr(), fcw());
	signal(SIGUSR1, clobber);
	set_mxcsr(0x3f80);
	cw = 0x0f7f;
	/* the registers hold their values while a handler uses them all */
	{
		long pid = getpid();

		__asm__ volatile(
			"fninit; fldcw %[cw]; fldt %[ld]; movupd %[d], %%xmm0; movupd %[d], %%xmm15;"
			"mov $62, %%eax; mov %[pid], %%rdi; mov $10, %%esi; syscall;"
			"movupd %%xmm15, %[e]; fstpt %[lr]"
			: [e] "=m"(e), [lr] "=m"(lr)
			: [cw] "m"(cw), [ld] "m"(ld), [d] "m"(d), [pid] "r"(pid)
			: "rax", "rcx", "r11", "rdi", "rsi", "xmm0", "xmm15", "memory");
	}
	say("after handler %g %g %Lg mxcsr %#x fcw %#x\n", e[0], e[1], lr, mxcsr(), fcw());
	/* fork keeps it, exec resets it, children do not disturb it */
	a = fork();
	if (!a) {
		say("child mxcsr %#x fcw %#x\n", mxcsr(), fcw());
		set_mxcsr(0x1f80);
		_exit(0);
	}
	waitpid(a, &st, 0);
	say("parent mxcsr %#x fcw %#x\n", mxcsr(), fcw());
	__asm__ volatile("fninit");
	set_mxcsr(0x1f80);
	for (int k = 0; k < 3; k++) {
		if (!fork()) {
			double s = 0;

			for (int i = 1; i < 20000; i++) {
				s += 1.0 / i / (k + 1);
				if (i % 5000 == 0)
					sched_yield();
			}
			_exit((int)(s * 1000) % 256);
		}
	}
	int sum = 0;

	while (wait(&st) > 0)
		sum += WEXITSTATUS(st);
	say("sums %d\n", sum);
	/* what a handler writes into its frame comes back */
	sigaction(SIGUSR2, &(struct sigaction){ .sa_sigaction = edit, .sa_flags = SA_SIGINFO },
		  NULL);
	{
		long r12, pid = getpid();

		d[0] = 1;
		__asm__ volatile(
			"mov $1, %%r12d; movsd %[d], %%xmm0; mov $62, %%eax; mov %[pid], %%rdi; mov $12, %%esi; syscall;"
			"mov %%r12, %[r]; movsd %%xmm0, %[e]"
			: [r] "=m"(r12), [e] "=m"(e[0])
			: [d] "m"(d[0]), [pid] "r"(pid)
			: "rax", "rcx", "r11", "rdi", "rsi", "r12", "xmm0", "memory");
		say("edited %#lx %g\n", r12, e[0]);
	}
	/* unmasked exceptions */
	sigaction(SIGFPE, &(struct sigaction){ .sa_sigaction = on_fpe, .sa_flags = SA_SIGINFO },
		  NULL);
	if (!sigsetjmp(env, 1)) {
		set_mxcsr(0x1f80 & ~0x200u);
		x = one / zero;
		say("no trap %g\n", x);
	}
	if (!sigsetjmp(env, 1)) {
		set_mxcsr(0x1f80 & ~0x80u);
		x = zero / zero;
	}
	if (!sigsetjmp(env, 1)) {
		set_mxcsr(0x1f80 & ~0x400u);
		x = 1e308 * (one * 1e10);
	}
	if (!sigsetjmp(env, 1)) {
		set_mxcsr(0x1f80 & ~0x1000u);
		x = one / 3;
	}
	set_mxcsr(0x1f80);
	if (!sigsetjmp(env, 1)) {
		cw = 0x037b;
		__asm__ volatile("fninit; fldcw %0; fld1; fldz; fdivrp; fwait" : : "m"(cw));
		say("no trap\n");
	}
	say("handler's fsw cleared mxcsr %#x\n", mxcsr());
	__asm__ volatile("fninit");
	feclearexcept(FE_ALL_EXCEPT);
	x = one / 3;
	say("inexact %d\n", !!fetestexcept(FE_INEXACT));
	fesetround(FE_UPWARD);
	x = one / 3;
	say("up %a\n", x);
	fesetround(FE_DOWNWARD);
	x = one / 3;
	say("down %a\n", x);
	fesetround(FE_TONEAREST);
	say("printf %.17g %a %Lg %e %.3f\n", 0.1, 1e-310, 1.1L, 12345678.9, 2.0005);
	say("math %.15g %.15g %.15g %.15g\n", sqrt(2), sin(1), exp(1), pow(2, 0.5));
	return 0;
}
