/* SPDX-License-Identifier: MIT */
/*
 * Whose time it was: user and system shares by tick, run time exactly, and the load averages.
 *
 * The tick calls account_tick() and calc_global_load(); times(2), getrusage(2), /proc ask for the
 * adjusted figures.
 *
 *	a task ran 2,500,000 ns exactly; ticks saw it 1 time in user, 1 time in system mode
 *	-> utime 1,250,000, stime 1,250,000: the ticks give the ratio, the scheduler's clock the sum
 *
 * U1 utime + stime of a task is its exact run time; neither ever falls from one reading to the
 *    next.
 * U2 The load averages are sampled every 5 s of virtual time (plus a tick, as Linux); while all
 *    CPUs idle without ticks nothing samples, and the samples missed are made up for at the next
 *    tick, with nobody running.
 *
 * Units: ns; loads in 1/2048. Owner: tasks. Locking: readings under the tasklist lock or between
 * charges. Errors: none. Time: charges nothing. Source: Linux 6.1 kernel/sched/cputime.c, loadavg.c
 * for the rules.
 */
#include "sched/rq.h"

#define FSHIFT 11
#define FIXED_1 (1ull << FSHIFT)
#define MAX_SAMPLES_MADE_UP 2000 /* after 2.8 hours of idleness the 15-minute average is 0 anyway */

void account_tick(struct task_struct *p, bool user)
{
	if (p->flags & PF_IDLE)
		return;
	if (user)
		p->utime += tick_nsec();
	else
		p->stime += tick_nsec();
}

static u64 run_time_now(struct task_struct *p)
{
	struct rq *rq = task_rq(p);

	if (task_current(rq, p) && task_on_rq_queued(p)) {
		update_rq_clock(rq);
		p->sched_class->update_curr(rq);
	}
	return p->se.sum_exec_runtime;
}

u64 task_sched_runtime(struct task_struct *p)
{
	u64 flags, ns;
	struct rq *rq = task_rq_lock(p, &flags);

	ns = run_time_now(p);
	task_rq_unlock(rq, p, flags);
	return ns;
}

/* Split rtime as stime : utime, keeping what was reported before as a floor. */
static void adjust(u64 rtime, u64 utime, u64 stime, u64 *prev_u, u64 *prev_s)
{
	if (*prev_u + *prev_s >= rtime)
		return;
	if (stime && utime)
		stime = (u64)((u128)stime * rtime / (stime + utime));
	else if (stime)
		stime = rtime;
	stime = max(stime, *prev_s);
	utime = rtime - stime;
	if (utime < *prev_u) {
		utime = *prev_u;
		stime = rtime - utime;
	}
	*prev_u = utime;
	*prev_s = stime;
}

void task_cputime_adjusted(struct task_struct *p, u64 *utime, u64 *stime)
{
	adjust(task_sched_runtime(p), p->utime, p->stime, &p->prev_utime, &p->prev_stime);
	*utime = p->prev_utime;
	*stime = p->prev_stime;
}

void thread_group_cputime_adjusted(struct task_struct *p, u64 *utime, u64 *stime)
{
	struct task_struct *leader = p->group_leader, *t;
	u64 rtime = leader->dead_runtime, u = leader->dead_utime, s = leader->dead_stime;

	for_each_thread(leader, t)
	{
		rtime += task_sched_runtime(t);
		u += t->utime;
		s += t->stime;
	}
	adjust(rtime, u, s, &leader->prev_gutime, &leader->prev_gstime);
	*utime = leader->prev_gutime;
	*stime = leader->prev_gstime;
}

/* --- load averages --- */

static u64 decay(u64 load, u64 exp, u64 active)
{
	u64 sum = load * exp + active * (FIXED_1 - exp);

	if (active >= load)
		sum += FIXED_1 - 1;
	return sum / FIXED_1;
}

static u64 active_now(struct kernel *k)
{
	s64 n = 0;

	for (u32 i = 0; i < k->m->cfg.nr_cpus; i++)
		n += (s64)k->sched->rq[i]->nr_running + k->sched->rq[i]->nr_uninterruptible;
	return n > 0 ? (u64)n * FIXED_1 : 0;
}

void calc_global_load(struct kernel *k, u64 now)
{
	static const u64 exp[3] = { 1884, 2014,
				    2037 }; /* e^(-5/60), e^(-5/300), e^(-5/900) in 1/2048 */
	struct sched_root *root = k->sched;
	u64 period = 5 * NSEC_PER_SEC + k->time->tick_ns;
	u64 missed;

	if (likely(now < root->calc_load_update))
		return;
	missed = (now - root->calc_load_update) / period;
	root->calc_load_update += (missed + 1) * period;
	missed = min(missed, (u64)MAX_SAMPLES_MADE_UP);
	for (u64 n = 0; n <= missed; n++)
		for (int i = 0; i < 3; i++)
			root->avenrun[i] =
				decay(root->avenrun[i], exp[i], n == missed ? active_now(k) : 0);
}

void get_avenrun(struct kernel *k, u64 loads[3])
{
	for (int i = 0; i < 3; i++)
		loads[i] = k->sched->avenrun[i];
}
