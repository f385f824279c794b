/* SPDX-License-Identifier: MIT */
/*
 * Host cost of a stack switch (host/context.h) beside the C library's swapcontext, in the same run.
 * Nothing here is simulated time. Each figure is the best of several rounds, per one-way switch.
 */
#include <inttypes.h>
#include <stdio.h>
#include <ucontext.h>

#include "host/arena.h"
#include "host/context.h"
#include "host/file.h"

#define STACK_BYTES (64u << 10)
#define ROUNDS 7
#define SWITCHES 2000000u

static struct ctx here, there;
static ucontext_t uhere, uthere;

static void pong(void *arg)
{
	(void)arg;
	for (;;)
		ctx_switch(&there, &here);
}
static void upong(void)
{
	for (;;)
		swapcontext(&uthere, &uhere);
}

static double best_ns(void (*round)(unsigned), unsigned switches)
{
	double best = 1e9;

	for (int r = 0; r < ROUNDS; r++) {
		uint64_t t = host_clock_ns();
		double ns;

		round(switches / 2);
		ns = (double)(host_clock_ns() - t) / switches;
		best = ns < best ? ns : best;
	}
	return best;
}
static void ours(unsigned pairs)
{
	while (pairs--)
		ctx_switch(&here, &there);
}
static void theirs(unsigned pairs)
{
	while (pairs--)
		swapcontext(&uhere, &uthere);
}

int main(void)
{
	struct arena a;

	if (arena_create(&a, 4 * STACK_BYTES))
		return 1;
	ctx_init(&there, arena_carve(&a, STACK_BYTES, 4096), STACK_BYTES, pong, NULL);
	getcontext(&uthere);
	uthere.uc_stack.ss_sp = arena_carve(&a, STACK_BYTES, 4096);
	uthere.uc_stack.ss_size = STACK_BYTES;
	makecontext(&uthere, upong, 0);
	printf("stack switch, ns of the host, one way, best of %d rounds\n", ROUNDS);
	printf("  osim ctx_switch     %8.2f\n", best_ns(ours, SWITCHES));
	printf("  glibc swapcontext   %8.2f\n", best_ns(theirs, SWITCHES / 10));
	ctx_fini(&there);
	arena_destroy(&a);
	return 0;
}
