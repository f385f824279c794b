/* SPDX-License-Identifier: MIT */
/*
 * The scheduler's hot paths in host nanoseconds, beside their peer in the same run.
 *
 *	bench_sched [rounds]
 *
 * Two kernel threads on one simulated CPU play ping-pong over completions: wake-up, enqueue, pick,
 * switch, locks, trace records and digest included. The peer is the host's kernel playing the same
 * game: two processes over two pipes on one CPU. Each figure is the least of `rounds` (default 5).
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hw/machine.h"
#include "kernel/irq/idt.h"
#include "kernel/percpu/layout.h"
#include "kernel/time/delay.h"
#include "kernel/time/hrtimer.h"
#include "lib/err.h"
#include "mm/alloc/alloc.h"
#include "mm/alloc/page.h"
#include "sched/rq.h"

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* --- a machine with a scheduler --- */

static u64 *table(void)
{
	u64 *t = get_zeroed_page(GFP_KERNEL);

	BUG_ON(!t);
	return t;
}

static u64 page_tables(struct machine *m)
{
	u64 *pml4 = table(), *direct = table(), *image = table(), *pd = table(), *pt = table();

	for (u64 g = 0; g << 30 < m->phys_end; g++)
		direct[g] = g << 30 | PTE_P | PTE_W | PTE_A | PTE_D | PTE_PS | PTE_G | PTE_NX;
	pml4[DIRECT_MAP_BASE >> 39 & 511] = host_to_pa(direct) | PTE_P | PTE_W;
	pml4[511] = host_to_pa(image) | PTE_P | PTE_W;
	image[510] = host_to_pa(pd) | PTE_P | PTE_W;
	pd[KERNEL_IMAGE_BASE >> 21 & 511] = host_to_pa(pt) | PTE_P | PTE_W;
	pt[0] = host_to_pa(table()) | PTE_P | PTE_G;
	pt[1] = host_to_pa(table()) | PTE_P | PTE_G;
	return host_to_pa(pml4);
}

static void boot(void *arg)
{
	struct kernel *k = arg;
	u64 cr3;

	BUG_ON(alloc_init(k) || irq_init(k) || time_init(k) || sched_init(k));
	cr3 = page_tables(k->m);
	for (unsigned i = 0; i < k->m->cfg.nr_cpus; i++) {
		struct page *p = alloc_pages(GFP_KERNEL | __GFP_ZERO, 1);

		BUG_ON(!p);
		cpu_long_mode(k->m->cpu[i], cr3, pa_to_va(page_to_pa(p)) + 8192,
			      gate_va(k->m, GATE_KERNEL_TEXT));
		BUG_ON(irq_init_cpu(k, i, page_address(p), pa_to_va(page_to_pa(p))) ||
		       sched_init_cpu(k, i));
	}
}

static void call(struct kernel *k, void (*fn)(void *), void *arg)
{
	if (machine_call(k->m, fn, arg)) {
		fprintf(stderr, "panic: %s\n", k->m->panic_text);
		exit(1);
	}
}

static struct kernel *make(u32 cpus)
{
	struct machine_config cfg = {
		.nr_cpus = cpus, .ram_bytes = 64 << 20, .seed = 1, .costs = cost_profile("zen4")
	};
	struct machine *m;
	struct kernel *k;

	if (machine_create(&cfg, &m))
		exit(1);
	k = arena_carve(&m->arena, sizeof(*k), 64);
	k->m = m;
	k->params.hz = 1000;
	m->kernel = k;
	if (alloc_early_init(k))
		exit(1);
	for (u32 i = 0; i < cpus; i++) {
		struct percpu *p = memblock_alloc(k, sizeof(*p));

		p->cpu = m->cpu[i];
		p->id = i;
		m->cpu[i]->kernel_percpu = p;
	}
	call(k, boot, k);
	return k;
}

static void run(struct kernel *k, u64 ns)
{
	if (engine_run(k->m, ns_to_cycles(k->m, ns)) == STOP_PANIC) {
		fprintf(stderr, "panic: %s\n", k->m->panic_text);
		exit(1);
	}
}

/* --- ping-pong --- */

struct pair {
	struct completion ping, pong;
	int rounds;
};
static int ping(void *arg)
{
	struct pair *p = arg;

	for (int i = 0; i < p->rounds; i++) {
		complete(&p->ping);
		wait_for_completion(&p->pong);
	}
	return 0;
}
static int pong(void *arg)
{
	struct pair *p = arg;

	for (int i = 0; i < p->rounds; i++) {
		wait_for_completion(&p->ping);
		complete(&p->pong);
	}
	return 0;
}
static void start_pair(void *arg)
{
	struct pair *p = arg;

	preempt_disable();
	init_completion(&p->ping);
	init_completion(&p->pong);
	BUG_ON(IS_ERR(kthread_run(ping, p, "ping")) || IS_ERR(kthread_run(pong, p, "pong")));
	preempt_enable_no_resched();
}

static void bench_ping_pong(int rounds)
{
	double best = 1e18, sim = 0;

	for (int r = 0; r < rounds; r++) {
		struct pair p = { .rounds = 100000 };
		struct kernel *k = make(1);
		double t0;
		u64 switches;

		call(k, start_pair, &p);
		t0 = now_ns();
		run(k, ~0ull >> 20);
		switches = nr_context_switches(k);
		best = min(best, (now_ns() - t0) / (double)switches);
		sim = (double)cycles_to_ns(k->m, engine_now(k->m)) / (double)switches;
		machine_destroy(k->m);
	}
	printf("wake-up and switch, kernel threads  %8.1f ns host  %8.1f ns simulated\n", best,
	       sim);
}

/* --- the host's kernel at the same game --- */

static double host_ping_pong(void)
{
	const int n = 20000;
	int a[2], b[2];
	double t0;
	char c = 0;
	pid_t pid;

	if (pipe(a) || pipe(b))
		return 0;
	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < n; i++)
			if (read(a[0], &c, 1) != 1 || write(b[1], &c, 1) != 1)
				_exit(1);
		_exit(0);
	}
	t0 = now_ns();
	for (int i = 0; i < n; i++)
		if (write(a[1], &c, 1) != 1 || read(b[0], &c, 1) != 1)
			break;
	t0 = (now_ns() - t0) / (2.0 * n);
	waitpid(pid, NULL, 0);
	close(a[0]), close(a[1]), close(b[0]), close(b[1]);
	return t0;
}

static void bench_host(int rounds)
{
	unsigned long cpu0[16] = { 1 };
	double best = 1e18;

	/* By number: the C library's function has the name of the kernel's own. */
	syscall(SYS_sched_setaffinity, 0, sizeof(cpu0), cpu0);
	for (int r = 0; r < rounds; r++)
		best = min(best, host_ping_pong());
	printf("host kernel, pipe ping-pong pinned  %8.1f ns a wake-up, switch and 1-byte pipe transfer\n",
	       best);
}

/* --- enqueue and dequeue --- */

struct queue_bench {
	int others;
	double ns;
};
static void pairs(void *arg)
{
	struct queue_bench *q = arg;
	struct rq *rq = cpu_rq(0);
	struct task_struct *t;
	const int n = 200000;
	double t0;

	preempt_disable();
	for (int i = 0; i < q->others; i++)
		BUG_ON(IS_ERR(kthread_run(ping, NULL, "other")));
	t = kthread_run(ping, NULL, "bench");
	BUG_ON(IS_ERR(t));
	spin_lock(&rq->lock);
	t0 = now_ns();
	for (int i = 0; i < n; i++) {
		deactivate_task(rq, t, DEQUEUE_SLEEP);
		activate_task(rq, t, ENQUEUE_WAKEUP);
	}
	q->ns = (now_ns() - t0) / n;
	spin_unlock(&rq->lock);
	preempt_enable_no_resched();
}

static void bench_queue(int others, int rounds)
{
	double best = 1e18;

	for (int r = 0; r < rounds; r++) {
		struct queue_bench q = { .others = others };
		struct kernel *k = make(1);

		call(k, pairs, &q);
		best = min(best, q.ns);
		machine_destroy(k->m);
	}
	printf("dequeue + enqueue, %5d others      %8.1f ns host\n", others, best);
}

/* --- simulated time a host second --- */

static int spin(void *arg)
{
	(void)arg;
	for (;;)
		compute_ns(1000000);
	return 0;
}
static void start_spinners(void *arg)
{
	(void)arg;
	preempt_disable();
	for (int i = 0; i < 16; i++)
		BUG_ON(IS_ERR(kthread_run(spin, NULL, "spin")));
	preempt_enable_no_resched();
}
static void bench_load(int rounds)
{
	double best = 0;

	for (int r = 0; r < rounds; r++) {
		struct kernel *k = make(4);
		double t0;

		call(k, start_spinners, NULL);
		t0 = now_ns();
		run(k, 20000000000ull);
		best = max(best, 20e9 / (now_ns() - t0));
		machine_destroy(k->m);
	}
	printf("4 CPUs, 16 busy threads, HZ 1000    %8.1f simulated seconds a host second\n", best);
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 5;

	bench_ping_pong(rounds);
	bench_host(rounds);
	bench_queue(10, rounds);
	bench_queue(1000, rounds);
	bench_load(rounds);
	return 0;
}
