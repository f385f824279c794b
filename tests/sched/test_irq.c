/* SPDX-License-Identifier: MIT */
/* Interrupts through the IDT, softirqs, high-resolution timers, and the way to CPL 3 and back. */
#include "sched_fixture.h"

#include "kernel/irq/softirq.h"

#define MS NSEC_PER_MSEC
#define TEST_VECTOR 0x41

/* --- tables --- */

static void ignored_irq(struct pt_regs *regs, unsigned vector)
{
	(void)regs;
	(void)vector;
}
static void look_at_tables(void *arg)
{
	struct kernel *k = kern();

	(void)arg;
	for (unsigned i = 0; i < nr_cpu_ids(); i++) {
		const struct percpu *pc = percpu_of(k, i);
		const u8 *idt = va_to_host(pc->idt_va), *gate;
		const struct tss64 *tss = va_to_host(pc->tss_va);
		u64 target;

		CHECK(k->m->cpu[i]->idtr.base == pc->idt_va && k->m->cpu[i]->tr.base == pc->tss_va);
		CHECK(tss->rsp[0] == pc->kernel_stack_va && tss->rsp[0] == pc->idle->thread.sp0_va);
		for (unsigned v = 0; v < 256; v++) {
			gate = idt + 16 * v;
			target = gate[0] | (u64)gate[1] << 8 | (u64)gate[6] << 16 |
				 (u64)gate[7] << 24 | (u64)gate[8] << 32 | (u64)gate[9] << 40 |
				 (u64)gate[10] << 48 | (u64)gate[11] << 56;
			CHECK(target == gate_va(k->m, v));
			CHECK((gate[5] & 0x9f) == 0x8e &&
			      (gate[5] >> 5 & 3) == (v == 3 || v == 4 ? 3 : 0));
			CHECK(gate[4] == (v == 8 ? 1 : v == 2 ? 2 : 0));
		}
	}
	CHECK(request_vector(k, LOCAL_TIMER_VECTOR, ignored_irq) == -EBUSY);
	CHECK(request_vector(k, 0x1f, NULL) == -EINVAL && request_vector(k, 0xff, NULL) == -EINVAL);
}

static void every_vector_has_a_gate_and_every_cpu_its_tables(void **state)
{
	struct fixture f;

	(void)state;
	sched_fixture(&f, 3);
	sched_call(&f, look_at_tables, NULL);
	fixture_destroy(&f);
}

/* --- interrupts of kernel code, and softirqs --- */

struct irq_log {
	int irqs, softirqs, order[8], n;
	bool was_atomic, irqs_were_off, softirq_irqs_on, softirq_in_interrupt, regs_on_stack;
	u64 ip;
};
static struct irq_log *log_of(void)
{
	return kern()->top ? (struct irq_log *)kern()->top : NULL;
}
static void test_irq(struct pt_regs *regs, unsigned vector)
{
	struct irq_log *log = log_of();
	u64 va = host_to_va(regs);

	CHECK(vector == TEST_VECTOR && regs->orig_ax == ~(u64)TEST_VECTOR);
	log->irqs++;
	log->order[log->n++] = 1;
	log->was_atomic = in_interrupt();
	log->irqs_were_off = irqs_disabled();
	log->ip = regs->ip;
	log->regs_on_stack = va < current->thread.sp0_va &&
			     va > current->thread.sp0_va - THREAD_SIZE;
	raise_softirq(RCU_SOFTIRQ);
	raise_softirq(TIMER_SOFTIRQ);
}
static void test_timer_softirq(void)
{
	struct irq_log *log = log_of();

	log->order[log->n++] = 2;
	log->softirq_irqs_on = !irqs_disabled();
	log->softirq_in_interrupt = in_interrupt();
}
static void test_rcu_softirq(void)
{
	struct irq_log *log = log_of();

	log->order[log->n++] = 3;
	/* Raised from a softirq: the next round. */
	if (++log->softirqs == 1)
		raise_softirq(RCU_SOFTIRQ);
}
static int irq_thread(void *arg)
{
	struct irq_log *log = arg;
	struct kernel *k = kern();

	k->top = (struct kernel_root *)log;
	CHECK(request_vector(k, TEST_VECTOR, test_irq) == 0);
	open_softirq(k, TIMER_SOFTIRQ, test_timer_softirq);
	open_softirq(k, RCU_SOFTIRQ, test_rcu_softirq);
	local_irq_disable();
	send_ipi(smp_processor_id(), TEST_VECTOR);
	burn_ns(10000);
	CHECK(log->irqs == 0);
	local_irq_enable();
	CHECK(log->irqs == 1 && log->n == 4);
	local_bh_disable();
	send_ipi(smp_processor_id(), TEST_VECTOR);
	burn_ns(10000);
	CHECK(log->irqs == 2 && log->n == 5);
	local_bh_enable();
	CHECK(log->n == 7 && this_percpu()->preempt_count == 0);
	CHECK(this_percpu()->irq_count[TEST_VECTOR] == 2);
	k->top = NULL;
	return 0;
}
static void start_irq_thread(void *arg)
{
	sf_thread(irq_thread, arg, "irq", 0, SCHED_NORMAL, 0, 0);
}
static void an_interrupt_waits_for_if_and_its_softirqs_follow_in_order(void **state)
{
	struct irq_log log = { .irqs = 0 };
	const int expected[7] = { 1, 2, 3, 3, 1, 2, 3 };
	struct fixture f;

	(void)state;
	sched_fixture(&f, 1);
	sched_call(&f, start_irq_thread, &log);
	sched_run_to_rest(&f);
	assert_memory_equal(log.order, expected, sizeof(expected));
	assert_true(log.was_atomic && log.irqs_were_off && log.softirq_irqs_on &&
		    log.softirq_in_interrupt && log.regs_on_stack);
	assert_int_equal(log.ip, gate_va(f.m, GATE_KERNEL_TEXT));
	fixture_destroy(&f);
}

/* --- high-resolution timers against a naive model --- */

#define TIMERS 200
struct timed {
	struct hrtimer timer;
	u64 due, fired;
	bool cancelled;
	struct timers *all;
	int restarts;
};
struct timers {
	struct timed t[TIMERS];
	u64 last_due;
	int fired, cancelled;
};
static enum hrtimer_restart timed_fires(struct hrtimer *timer)
{
	struct timed *t = container_of(timer, struct timed, timer);
	u64 now = ktime_get();

	CHECK(!t->fired && !t->cancelled && now >= t->due && irqs_disabled() && in_interrupt());
	CHECK(t->due >= t->all->last_due);
	t->all->last_due = t->due;
	if (t->restarts) {
		t->restarts--;
		CHECK(hrtimer_forward(timer, now, MS) >= 1);
		t->due = timer->expires;
		return HRTIMER_RESTART;
	}
	t->fired = now;
	t->all->fired++;
	return HRTIMER_NORESTART;
}
static int timer_thread(void *arg)
{
	struct timers *all = arg;
	struct prng rng;

	prng_seed(&rng, this_machine()->cfg.seed, 77);
	for (int i = 0; i < TIMERS; i++) {
		struct timed *t = &all->t[i];

		t->all = all;
		t->restarts = i % 5 == 0 ? 3 : 0;
		hrtimer_init(&t->timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
		t->timer.function = timed_fires;
		t->due = 20 * MS + prng_below(&rng, 100 * MS);
		hrtimer_start(&t->timer, t->due, HRTIMER_MODE_ABS);
	}
	for (int i = 0; i < TIMERS; i += 7) {
		struct timed *t = &all->t[i];

		CHECK(hrtimer_active(&t->timer));
		t->cancelled = true;
		all->cancelled++;
		CHECK(hrtimer_cancel(&t->timer) == 1 && hrtimer_cancel(&t->timer) == 0);
	}
	burn_until(400 * MS);
	return 0;
}
static void start_timer_thread(void *arg)
{
	sf_thread(timer_thread, arg, "timers", 0, SCHED_NORMAL, 0, 0);
}
static void timers_fire_in_order_on_time_unless_cancelled(void **state)
{
	struct timers *all = test_calloc(1, sizeof(*all));
	struct fixture f;

	(void)state;
	sched_fixture(&f, 1);
	sched_call(&f, start_timer_thread, all);
	sched_run_to_rest(&f);
	assert_int_equal(all->fired + all->cancelled, TIMERS);
	for (int i = 0; i < TIMERS; i++)
		if (!all->t[i].cancelled)
			assert_in_range(all->t[i].fired, all->t[i].due, all->t[i].due + 1000);
	fixture_destroy(&f);
	test_free(all);
}

static int wall_thread(void *arg)
{
	u64 *out = arg;

	burn_until(2500 * MS);
	out[0] = ktime_get_real_seconds();
	out[1] = get_jiffies();
	return 0;
}
static void start_wall(void *arg)
{
	sf_thread(wall_thread, arg, "wall", 0, SCHED_NORMAL, 0, 0);
}
static void wall_clock_and_jiffies_follow_the_cycle_counter(void **state)
{
	struct fixture f;
	u64 out[2];

	(void)state;
	sched_fixture(&f, 1);
	sched_call(&f, start_wall, out);
	sched_run_to_rest(&f);
	assert_int_equal(out[0], 1700000002);
	assert_int_equal(out[1], 2500);
	fixture_destroy(&f);
}

/* --- CPL 3 --- */

#define USER_CODE 0x400000ull
#define USER_STACK_TOP 0x402000ull

struct user_case {
	const u8 *code;
	unsigned code_bytes;
	unsigned trap;
	struct pt_regs at_trap;
	u64 gs_at_trap;
	int syscalls;
	u64 utime, stime, ran;
};
static struct user_case *user_of(void)
{
	return (struct user_case *)kern()->top;
}

/* Map one page of code and one of stack for CPL 3 in the tables this CPU uses. */
static void map_user(const struct user_case *c)
{
	u64 *pml4 = pa_to_host(this_cpu()->cr3 & PTE_ADDR), *pdpt = sf_table(), *pd = sf_table(),
	    *pt = sf_table();
	u8 *code = (u8 *)sf_table();

	memcpy(code, c->code, c->code_bytes);
	pml4[0] = host_to_pa(pdpt) | PTE_P | PTE_W | PTE_U;
	pdpt[0] = host_to_pa(pd) | PTE_P | PTE_W | PTE_U;
	pd[USER_CODE >> 21] = host_to_pa(pt) | PTE_P | PTE_W | PTE_U;
	pt[USER_CODE >> 12 & 511] = host_to_pa(code) | PTE_P | PTE_U;
	pt[(USER_CODE >> 12 & 511) + 1] = host_to_pa(sf_table()) | PTE_P | PTE_W | PTE_U | PTE_NX;
}
static void user_trap(struct pt_regs *regs, unsigned vector, u64 error)
{
	struct user_case *c = user_of();

	(void)error;
	CHECK(user_mode(regs) && regs == task_pt_regs(current) && !irqs_disabled());
	c->trap = vector;
	c->at_trap = *regs;
	c->gs_at_trap = this_cpu()->r[REG_GSBASE];
	c->utime = current->utime;
	c->stime = current->stime;
	c->ran = task_sched_runtime(current);
	set_current_state(TASK_UNINTERRUPTIBLE); /* rests for ever: pid 1 may not end */
	schedule();
}
static void user_syscall(struct cpu *cpu)
{
	struct pt_regs *regs = entry_save_syscall(cpu);

	CHECK(irqs_disabled() && regs == task_pt_regs(current) && regs->sp == USER_STACK_TOP - 16);
	local_irq_enable();
	user_of()->syscalls++;
	hrtimer_nanosleep(MS, HRTIMER_MODE_REL, NULL);
	regs->ax = regs->orig_ax + regs->di;
	exit_to_user_mode_prepare(regs);
	entry_restore_syscall(regs);
}
static void become_user(void *arg)
{
	struct user_case *c = arg;
	struct kernel *k = kern();
	struct pt_regs *regs = task_pt_regs(current);

	k->top = arg;
	k->hooks.do_trap = user_trap;
	gate_register(k->m, GATE_SYSCALL, user_syscall, "syscall");
	map_user(c);
	regs->ip = USER_CODE;
	regs->sp = USER_STACK_TOP - 16;
}
static void start_user(void *arg)
{
	CHECK(user_mode_thread(become_user, arg, "user") == 1);
}
static void run_user_code(struct user_case *c)
{
	struct fixture f;

	sched_fixture(&f, 1);
	sched_call(&f, start_user, c);
	sched_run_to_rest(&f);
	fixture_destroy(&f);
}

static void a_system_call_sleeps_and_returns_to_the_next_instruction(void **state)
{
	static const u8 code[] = {
		0xb8, 5,    0, 0, 0, /* mov $5, %eax */
		0xbf, 7,    0, 0, 0, /* mov $7, %edi */
		0xbb, 9,    0, 0, 0, /* mov $9, %ebx */
		0x0f, 0x05,	     /* syscall: rax = 12 */
		0x0f, 0x05,	     /* again: 19 */
		0x0f, 0x0b,	     /* ud2 */
	};
	struct user_case c = { .code = code, .code_bytes = sizeof(code) };

	(void)state;
	run_user_code(&c);
	assert_int_equal(c.syscalls, 2);
	assert_int_equal(c.trap, VEC_UD);
	assert_int_equal(c.at_trap.ax, 19);
	assert_int_equal(c.at_trap.bx, 9);
	assert_int_equal(c.at_trap.ip, USER_CODE + sizeof(code) - 2);
	assert_int_equal(c.at_trap.cs, USER_CS);
	assert_int_equal(c.at_trap.sp, USER_STACK_TOP - 16);
	assert_int_not_equal(c.gs_at_trap, 0); /* the kernel's, while in the kernel */
}

static void ticks_interrupt_user_code_and_count_as_user_time(void **state)
{
	static const u8 code[] = {
		0xb9, 0x80, 0x96, 0x98, 0, /* mov $10000000, %ecx */
		0xff, 0xc9,		   /* 1: dec %ecx */
		0x75, 0xfc,		   /* jnz 1b */
		0x0f, 0x0b,		   /* ud2 */
	};
	struct user_case c = { .code = code, .code_bytes = sizeof(code) };

	(void)state;
	run_user_code(&c);
	assert_int_equal(c.trap, VEC_UD);
	assert_int_equal(c.at_trap.cx, 0);
	/* 20,000,003 instructions of a cycle each at 1 GHz: 20 ms, and 20 ticks or one fewer */
	assert_in_range(c.ran, 20 * MS, 20 * MS + 10000);
	assert_in_range(c.utime, 19 * MS, 20 * MS);
	assert_int_equal(c.stime, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_vector_has_a_gate_and_every_cpu_its_tables),
		cmocka_unit_test(an_interrupt_waits_for_if_and_its_softirqs_follow_in_order),
		cmocka_unit_test(timers_fire_in_order_on_time_unless_cancelled),
		cmocka_unit_test(wall_clock_and_jiffies_follow_the_cycle_counter),
		cmocka_unit_test(a_system_call_sleeps_and_returns_to_the_next_instruction),
		cmocka_unit_test(ticks_interrupt_user_code_and_count_as_user_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
