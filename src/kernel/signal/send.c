/* SPDX-License-Identifier: MIT */
/*
 * Signal generation: from kill(2), a fault or a child's death to a bit in a task's pending mask and
 * a wake-up.
 *
 * Called by system calls, the fault hooks, timers and exit; calls the scheduler to wake a target.
 * It must not know how a signal is delivered (deliver.c).
 *
 * A process has one shared queue and each task a private one; a queue is a mask (what is pending)
 * and a list (what is known of each). Standard signals (1..31) are queued at most once, real-time
 * ones every time:
 *
 *	kill(7, SIGTERM)   signal->shared_mask 0x4000, shared_pending: {15, SI_USER, pid 3}
 *	a bad store        task->pending_mask  0x0400, pending_signals: {11, SEGV_MAPERR, addr 0x10}
 *
 *	G1 a bit is set in a mask iff the signal is pending there; the list may hold no entry for it
 *	   (no memory): the signal still arrives.
 *	G2 task->sigpending is true whenever an unblocked signal is pending for it; it may be true
 *	   without one (recalculated on use).
 *	G3 SIGKILL and SIGSTOP are never blocked, ignored or handled.
 *	G4 init (pid 1) gets only signals it handles; from the embedder's machine it can not be
 *	   killed.
 *
 * Units:   signal numbers 1..64; bit n - 1 of a mask.
 * Owner:   queue entries belong to the queue they are on, freed by the dequeuer, exec and exit.
 * Locking: sighand->siglock, taken with IRQs off; wake-ups happen under it, as in Linux. The
 * tasklist lock, where it is needed (parents, groups, threads),
 *          comes before it: a parent is told only after the child's siglock is dropped.
 * Errors:  -ESRCH, -EPERM, -EINVAL. Lack of memory loses siginfo, never the signal; -EAGAIN for
 * real-time ones.
 * Time:    none of its own; the wake-up charges.
 * Source:  signal(7), kill(2), POSIX.1-2017 XSH 2.4; Linux kernel/signal.c.
 */

#include "kernel/signal/signal.h"

#include "hw/cpu.h"
#include "kernel/entry/root.h"
#include "kernel/percpu/cred.h"
#include "kernel/percpu/percpu.h"
#include "kernel/time/ktime.h"
#include "kernel/trace/tracepoints.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/slab.h"
#include "sched/fork.h"
#include "sched/sched.h"
#include "sched/task.h"

static bool sig_ignored(struct task_struct *t, int sig)
{
	const struct k_sigaction *ka = &t->sighand->action[sig - 1];

	if (t->blocked & sigmask(sig))
		return false;
	if (t->pid == 1 && ka->handler == SIG_DFL)
		return true;
	if (sigmask(sig) & SIG_UNMASKABLE)
		return false;
	return ka->handler == SIG_IGN ||
	       (ka->handler == SIG_DFL && (sigmask(sig) & SIG_KERNEL_IGNORE));
}

static u64 pending_of(const struct task_struct *t)
{
	return t->pending_mask | t->signal->shared_mask;
}

void recalc_sigpending(struct task_struct *t)
{
	t->sigpending = (pending_of(t) & ~t->blocked) != 0 || t->group_leader->group_exit;
}

static void free_unused_sighand(struct sighand_struct *sh)
{
	if (!sh->count && !sh->pins)
		kmem_cache_free(kern()->top->sighand_cache, sh);
}

struct sighand_struct *lock_task_sighand(struct task_struct *t, u64 *flags)
{
	for (;;) {
		struct sighand_struct *sh = t->sighand;

		sh->pins++;
		*flags = spin_lock_irqsave_flags(&sh->siglock);
		if (sh == t->sighand)
			return sh;
		unlock_task_sighand(sh, *flags);
	}
}

void unlock_task_sighand(struct sighand_struct *sh, u64 flags)
{
	spin_unlock_irqrestore(&sh->siglock, flags);
	sh->pins--;
	free_unused_sighand(sh);
}

void put_sighand(struct sighand_struct *sh)
{
	sh->count--;
	free_unused_sighand(sh);
}

int unshare_sighand(void)
{
	struct sighand_struct *old = current->sighand, *sh;
	u64 flags;

	if (old->count == 1)
		return 0;
	sh = kmem_cache_zalloc(kern()->top->sighand_cache, GFP_KERNEL);
	if (!sh)
		return -ENOMEM;
	sh->count = 1;
	spin_lock_init(&sh->siglock);
	old->pins++;
	flags = spin_lock_irqsave_flags(&old->siglock);
	memcpy(sh->action, old->action, sizeof(sh->action));
	current->sighand = sh;
	old->count--;
	unlock_task_sighand(old, flags);
	return 0;
}

static void signal_wake_up(struct task_struct *t, bool fatal)
{
	t->sigpending = true;
	wake_up_state(t, fatal ? TASK_INTERRUPTIBLE | TASK_WAKEKILL | __TASK_STOPPED :
				 TASK_INTERRUPTIBLE);
}

static void drop_from_queue(struct list_head *queue, u64 *mask, u64 drop)
{
	struct sigqueue *q, *n;

	*mask &= ~drop;
	list_for_each_entry_safe(q, n, queue, list) {
		if (sigmask(q->info.signo) & drop) {
			list_del(&q->list);
			kmem_cache_free(kern()->top->sigqueue_cache, q);
		}
	}
}

void flush_ignored(struct task_struct *t, u64 mask)
{
	drop_from_queue(&t->pending_signals, &t->pending_mask, mask);
	drop_from_queue(&t->signal->shared_pending, &t->signal->shared_mask, mask);
}

void flush_private(struct task_struct *t)
{
	drop_from_queue(&t->pending_signals, &t->pending_mask, ~0ull);
}

/* SIGCONT undoes stops and stops undo SIGCONT, whether or not they are handled. */
static void prepare_stop_cont(int sig, struct task_struct *t, bool *continued)
{
	struct task_struct *p;

	if (sigmask(sig) & SIG_STOPS) {
		flush_ignored(t, sigmask(SIGCONT));
	} else if (sig == SIGCONT) {
		flush_ignored(t, SIG_STOPS);
		if (t->signal->stopped) {
			t->signal->stopped = false;
			for_each_thread(t->group_leader, p) wake_up_state(p, __TASK_STOPPED);
			*continued = true;
		}
	}
}

/*
 * Who is to look: t alone; or of a process every thread that does not block it, and every thread at
 * all when it is to die.
 */
static void wake_receivers(int sig, struct task_struct *t, bool threads)
{
	struct task_struct *p;

	if (!threads) {
		if (sig == SIGKILL)
			/* fatal_signal_pending() looks there */
			t->pending_mask |= sigmask(SIGKILL);
		if (!(t->blocked & sigmask(sig)))
			signal_wake_up(t, sig == SIGKILL);
		return;
	}
	for_each_thread(t->group_leader, p)
	{
		if (sig == SIGKILL)
			p->pending_mask |= sigmask(SIGKILL);
		if (!p->exit_state && !(p->blocked & sigmask(sig)))
			signal_wake_up(p, sig == SIGKILL);
	}
}

/*
 * tree: the tasklist lock is held. Without it the process was seen to have no other thread than t:
 * one that comes now is no concern.
 */
static int queue_signal(int sig, const struct kernel_siginfo *info, struct task_struct *t,
			bool group, bool tree, bool *continued)
{
	struct kernel_root *top = kern()->top;
	struct sighand_struct *sh;
	struct list_head *queue = group ? &t->signal->shared_pending : &t->pending_signals;
	u64 *mask = group ? &t->signal->shared_mask : &t->pending_mask;
	struct sigqueue *q;
	u64 flags;
	int ret = 0;

	if (t->exit_state && (!group || t->group_leader->nr_threads == 1))
		return -ESRCH;
	q = kmem_cache_alloc(top->sigqueue_cache, GFP_ATOMIC);
	sh = lock_task_sighand(t, &flags);
	prepare_stop_cont(sig, t, continued);
	if (sig_ignored(t, sig))
		goto out;
	if (sig < SIGRTMIN && (*mask & sigmask(sig)))
		goto out;
	if (q) {
		q->info = *info;
		q->info.signo = sig;
		list_add_tail(&q->list, queue);
		q = NULL;
	} else if (sig >= SIGRTMIN && info->code != SI_USER && info->code != SI_KERNEL) {
		ret = -EAGAIN;
		goto out;
	}
	*mask |= sigmask(sig);
	trace_signal_generate((u32)sig, (u32)t->pid, info->code);
	wake_receivers(sig, t, group && tree);
out:
	unlock_task_sighand(sh, flags);
	if (q)
		kmem_cache_free(top->sigqueue_cache, q);
	return ret;
}

int send_signal_locked(int sig, const struct kernel_siginfo *info, struct task_struct *t,
		       bool group)
{
	bool continued = false;
	int ret;

	if (sig < 1 || sig > _NSIG)
		return -EINVAL;
	ret = queue_signal(sig, info, t, group, true, &continued);
	if (continued)
		do_notify_parent_cldstop(t, CLD_CONTINUED, SIGCONT);
	return ret;
}

int send_signal(int sig, const struct kernel_siginfo *info, struct task_struct *t, bool group)
{
	bool continued = false;
	u64 flags;
	int ret;

	/*
	 * A process of one thread that is not to be continued needs nothing of the tree; only its
	 * own thread could make a second one.
	 */
	if (sig >= 1 && sig <= _NSIG && sig != SIGCONT && t->group_leader->nr_threads == 1)
		return queue_signal(sig, info, t, group, false, &continued);
	flags = tasklist_lock();
	ret = send_signal_locked(sig, info, t, group);
	tasklist_unlock(flags);
	return ret;
}

static bool kill_ok(const struct task_struct *t)
{
	const struct cred *c = current->cred, *tc = t->cred;

	return c->euid == 0 || c->euid == tc->suid || c->euid == tc->uid || c->uid == tc->suid ||
	       c->uid == tc->uid;
}

/* Tasklist lock held. */
static long kill_one(struct task_struct *t, int sig, const struct kernel_siginfo *info)
{
	long ret;

	if (!kill_ok(t) && !(sig == SIGCONT && t->sid == current->sid))
		return -EPERM;
	if (sig == 0)
		return 0;
	ret = send_signal_locked(sig, info, t->group_leader, true);
	return ret == -ESRCH ? 0 : ret; /* a zombie can be signalled, to no effect */
}

long do_kill(s32 pid, int sig)
{
	struct kernel_siginfo info = {
		.signo = sig, .code = SI_USER, .pid = current->tgid, .uid = current->cred->uid
	};
	struct task_struct *t;
	long ret = -ESRCH, r;
	u64 flags;
	s32 pgid;

	if (sig < 0 || sig > _NSIG)
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	flags = tasklist_lock();
	if (pid > 0) {
		t = find_task_by_vpid(pid);
		if (t)
			ret = kill_one(t, sig, &info);
		tasklist_unlock(flags);
		return ret;
	}
	pgid = pid == 0 ? current->pgid : -pid;
	for_each_process(t) {
		if (pid == -1 ? t->pid <= 1 || t->group_leader == current->group_leader ||
					(t->flags & PF_KTHREAD) :
				t->pgid != pgid || (t->flags & PF_KTHREAD))
			continue;
		r = kill_one(t, sig, &info);
		if (pid == -1 && r == -EPERM)
			r = 0; /* to everybody: those it may not reach do not count as failure */
		if (ret != 0)
			ret = r;
	}
	tasklist_unlock(flags);
	return ret;
}

long do_sigqueue(s32 tgid, s32 pid, int sig, struct kernel_siginfo *info)
{
	struct task_struct *t;
	long ret;

	info->signo = sig;
	if ((info->code >= 0 || info->code == SI_TKILL) && current->tgid != tgid)
		return -EPERM;
	t = find_task_by_vpid(pid ? pid : tgid);
	if (!t || (pid && t->tgid != tgid))
		return -ESRCH;
	if (sig < 0 || sig > _NSIG)
		return -EINVAL;
	if (!kill_ok(t))
		return -EPERM;
	if (!sig)
		return 0;
	ret = send_signal(sig, info, pid ? t : t->group_leader, !pid);
	return ret == -ESRCH && t->exit_state ? 0 : ret;
}

long do_tgkill(s32 tgid, s32 pid, int sig)
{
	struct kernel_siginfo info = {
		.signo = sig, .code = SI_TKILL, .pid = current->tgid, .uid = current->cred->uid
	};
	struct task_struct *t;
	long ret = 0;

	if (sig < 0 || sig > _NSIG || pid <= 0)
		return -EINVAL;
	t = find_get_task_by_vpid(pid);
	if (!t)
		return -ESRCH;
	if (tgid > 0 && t->tgid != tgid)
		ret = -ESRCH;
	else if (!kill_ok(t))
		ret = -EPERM;
	else if (sig)
		ret = send_signal(sig, &info, t, false);
	put_task_struct(t);
	return ret;
}

void force_sig_info(const struct kernel_siginfo *info)
{
	struct task_struct *t = current;
	struct k_sigaction *ka;
	u64 flags, bit = sigmask(info->signo);
	struct sighand_struct *sh = lock_task_sighand(t, &flags);

	ka = &sh->action[info->signo - 1];
	if ((t->blocked & bit) || ka->handler == SIG_IGN) {
		ka->handler = SIG_DFL;
		t->blocked &= ~bit;
	}
	unlock_task_sighand(sh, flags);
	send_signal(info->signo, info, t, false);
}

void force_sig(int sig)
{
	struct kernel_siginfo info = { .signo = sig, .code = SI_KERNEL };

	force_sig_info(&info);
}

void set_current_blocked(u64 mask)
{
	struct task_struct *t = current;
	u64 flags;
	struct sighand_struct *sh = lock_task_sighand(t, &flags);

	t->blocked = mask & ~SIG_UNMASKABLE;
	recalc_sigpending(t);
	unlock_task_sighand(sh, flags);
}

/* Lowest signal first, as Linux does, synchronous faults before everything else. */
static int pick_signal(u64 pending)
{
	u64 sync = sigmask(SIGSEGV) | sigmask(SIGBUS) | sigmask(SIGILL) | sigmask(SIGTRAP) |
		   sigmask(SIGFPE) | sigmask(SIGSYS);

	if (!pending)
		return 0;
	if (pending & sync)
		pending &= sync;
	return __builtin_ctzll(pending) + 1;
}

static bool take_from(struct list_head *queue, u64 *mask, int sig, struct kernel_siginfo *info)
{
	struct sigqueue *q, *found = NULL;
	bool more = false;

	if (!(*mask & sigmask(sig)))
		return false;
	list_for_each_entry(q, queue, list) {
		if (q->info.signo != sig)
			continue;
		if (found) {
			more = true;
			break;
		}
		found = q;
	}
	if (found) {
		*info = found->info;
		list_del(&found->list);
		kmem_cache_free(kern()->top->sigqueue_cache, found);
	} else {
		*info = (struct kernel_siginfo){ .signo = sig, .code = SI_USER };
	}
	if (!more)
		*mask &= ~sigmask(sig);
	return true;
}

int dequeue_signal(u64 mask, struct kernel_siginfo *info)
{
	struct task_struct *t = current;
	int sig = pick_signal(t->pending_mask & mask);

	if (sig && take_from(&t->pending_signals, &t->pending_mask, sig, info)) {
		recalc_sigpending(t);
		return sig;
	}
	sig = pick_signal(t->signal->shared_mask & mask);
	if (sig)
		take_from(&t->signal->shared_pending, &t->signal->shared_mask, sig, info);
	if (sig == SIGALRM)
		itimer_rearm(t->signal);
	recalc_sigpending(t);
	return sig;
}

void flush_signal_handlers(struct task_struct *t)
{
	for (int i = 0; i < _NSIG; i++) {
		struct k_sigaction *ka = &t->sighand->action[i];

		if (ka->handler != SIG_IGN)
			ka->handler = SIG_DFL;
		ka->flags = ka->restorer = ka->mask = 0;
	}
	t->sas_ss_sp = t->sas_ss_size = 0;
}

static void child_info(struct kernel_siginfo *info, struct task_struct *child, int code, int status)
{
	*info = (struct kernel_siginfo){
		.signo = SIGCHLD,
		.code = code,
		.pid = child->tgid,
		.uid = child->cred ? child->cred->uid : 0,
		.status = status,
		.utime = child->utime / 10000000,
		.stime = child->stime / 10000000,
	};
}

void do_notify_parent_cldstop(struct task_struct *t, int code, int sig)
{
	struct task_struct *child = t->group_leader, *parent = child->parent;
	struct kernel_siginfo info;
	bool continued =
		false; /* SIGCHLD continues nobody: the parent's parent need not hear of it */

	child->group_stop_code = code == CLD_STOPPED ? sig : 0;
	child->group_continued = code == CLD_CONTINUED;
	if (!parent || !parent->sighand)
		return;
	child_info(&info, child, code, sig);
	if (!(parent->sighand->action[SIGCHLD - 1].flags & SA_NOCLDSTOP))
		queue_signal(SIGCHLD, &info, parent, true, true, &continued);
	__wake_up_parent(child, parent);
}

bool notify_parent_of_death(struct task_struct *child, int sig)
{
	struct task_struct *parent = child->parent;
	const struct k_sigaction *ka;
	struct kernel_siginfo info;
	int code = child->exit_code;
	bool ignored = false;

	if (!parent || !parent->sighand)
		return false;
	if (!(code & 0x7f))
		child_info(&info, child, CLD_EXITED, (code >> 8) & 0xff);
	else
		child_info(&info, child, code & 0x80 ? CLD_DUMPED : CLD_KILLED, code & 0x7f);
	info.signo = sig;
	ka = &parent->sighand->action[SIGCHLD - 1];
	if (sig == SIGCHLD)
		ignored = ka->handler == SIG_IGN || (ka->flags & SA_NOCLDWAIT);
	if (sig > 0 && !(ignored && ka->handler == SIG_IGN))
		send_signal_locked(sig, &info, parent, true);
	return ignored;
}

void do_group_exit(int code)
{
	struct task_struct *leader = current->group_leader, *t;
	struct kernel_siginfo info = { .signo = SIGKILL, .code = SI_KERNEL };
	u64 flags = tasklist_lock();

	if (leader->group_exit)
		code = leader->group_exit_code;
	leader->group_exit = true;
	leader->group_exit_code = code;
	for_each_thread(leader, t)
	{
		if (t != current && !t->exit_state)
			send_signal_locked(SIGKILL, &info, t, false);
	}
	tasklist_unlock(flags);
	do_exit(code);
}

void siginfo_to_user(u8 out[128], const struct kernel_siginfo *info)
{
	u32 pid = (u32)info->pid;

	memset(out, 0, 128);
	memcpy(out, &info->signo, 4);
	memcpy(out + 4, &info->err, 4);
	memcpy(out + 8, &info->code, 4);
	switch (info->code > 0 && info->code != SI_KERNEL ? info->signo : 0) {
	case SIGCHLD:
		memcpy(out + 16, &pid, 4);
		memcpy(out + 20, &info->uid, 4);
		memcpy(out + 24, &info->status, 4);
		memcpy(out + 32, &info->utime, 8);
		memcpy(out + 40, &info->stime, 8);
		break;
	case SIGSEGV:
	case SIGBUS:
	case SIGILL:
	case SIGFPE:
	case SIGTRAP:
		memcpy(out + 16, &info->addr, 8);
		break;
	default: /* kill, sigqueue, tgkill, the kernel */
		memcpy(out + 16, &pid, 4);
		memcpy(out + 20, &info->uid, 4);
		memcpy(out + 24, &info->addr, 8);
		break;
	}
}
