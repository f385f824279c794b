/* SPDX-License-Identifier: MIT */
/*
 * TLBs go stale unless told. Kernel threads bound to CPUs share address spaces and step through
 * scenes together: one changes a mapping, the other must fault on its next access (and does not
 * where no flush was asked for, which shows that staleness is real). Then several CPUs at once map,
 * protect, touch and unmap the same address space at random.
 */
#include "mm_fixture.h"

#include "kernel/time/ktime.h"
#include "lib/err.h"

#define AT 0x7f1200000000ull
#define RW (PROT_READ | PROT_WRITE)
#define MAX_THREADS 4u
#define SLOTS 48u
#define PATIENCE 2000000u

struct scene {
	struct fixture *f;
	struct mm_struct *mm;
	u32 phase, running;
	struct sigrec rec[MAX_THREADS];
	struct prng rng[MAX_THREADS];
	u32 index; /* next thread's number */
	struct leak_check *leak;
	u64 floor[SLOTS]; /* nothing so old may be read from this slot any more */
	u64 shootdowns;
};

static void step_to(struct scene *s, u32 phase)
{
	CHECK(s->phase == phase - 1);
	s->phase = phase;
}

static void wait_for(struct scene *s, u32 phase)
{
	u32 i;

	for (i = 0; s->phase < phase; i++) {
		CHECK(i < PATIENCE);
		charge_cycles(50);
	}
}

/* The calling thread becomes a user of mm; exit drops it. */
static void join(struct scene *s, u32 me)
{
	CHECK(!irqs_disabled());
	current->embedder = &s->rec[me];
	mmget(s->mm);
	mm_use(s->mm);
}

static void finish(struct scene *s)
{
	if (--s->running == 0)
		machine_exit(this_machine(), 0);
}

/* Does this CPU's next access fault? No handler runs. */
static bool faults(u64 va, bool write)
{
	struct fault f;
	u64 v = 0;

	if (write)
		return !mmu_write(this_cpu(), va, &v, 8, true, &f);
	return !mmu_read(this_cpu(), va, &v, 8, true, &f);
}

static struct tlb_state *tlb_state(unsigned cpu)
{
	return percpu_of(kern(), cpu)->tlbstate;
}

/* --- two CPUs, one address space --- */

#define FAR_AT (AT + PGDIR_SIZE)

static int changer(void *arg)
{
	struct scene *s = arg;
	struct mm_struct *child;
	pte_t *pte, saved;
	u64 i;

	join(s, 0);
	CHECK(smp_processor_id() == 0);
	CHECK(map_anon(AT, 64 * PAGE_SIZE, RW, MAP_FIXED) > 0);
	for (i = 0; i < 64; i++)
		CHECK(user_write(AT + i * PAGE_SIZE, i) == 0);
	CHECK(map_anon(FAR_AT, PAGE_SIZE, RW, MAP_FIXED) > 0);
	step_to(s, 1);

	wait_for(s, 2); /* the other has all pages in its TLB */
	pte = pte_find(s->mm, AT + PAGE_SIZE);
	saved = *pte;
	*pte = 0; /* behind every TLB's back */
	step_to(s, 3);
	wait_for(s, 4);
	*pte = saved;
	CHECK(vm_munmap(AT + PAGE_SIZE, PAGE_SIZE) == 0);
	step_to(s, 5);
	wait_for(s, 6);
	CHECK(do_mprotect(AT + 2 * PAGE_SIZE, PAGE_SIZE, PROT_READ) == 0);
	step_to(s, 7);
	wait_for(s, 8);
	child = dup_mm(s->mm);
	CHECK(child);
	step_to(s, 9);
	wait_for(s, 10);
	/*
	 * The other sees what we write to a page that fork shared, although its old translation
	 * allowed the read.
	 */
	CHECK(user_write(AT + 6 * PAGE_SIZE, 4711) == 0);
	step_to(s, 11);
	wait_for(s, 12);
	mmput(child);
	CHECK(do_mprotect(AT + 4 * PAGE_SIZE, 60 * PAGE_SIZE, PROT_NONE) ==
	      0); /* more than 33 pages */
	step_to(s, 13);
	wait_for(s, 14);
	i = tlb_state(0)->nr_shootdowns_sent;
	CHECK(i >= 5 && tlb_state(1)->nr_shootdowns_taken == i);
	CHECK(s->mm->cpu_bitmap[0] == 3);
	/* The other is asleep and its CPU idles on our tables. */
	wait_for(s, 15);
	charge_cycles(20000);
	CHECK(tlb_state(1)->is_lazy && tlb_state(1)->loaded_mm == s->mm);
	CHECK(vm_munmap(AT + 3 * PAGE_SIZE, PAGE_SIZE) == 0); /* the table stays: nobody is told */
	CHECK(tlb_state(0)->nr_shootdowns_sent == i && tlb_state(0)->nr_lazy_skipped == 1);
	step_to(s, 16);
	wait_for(s, 17);
	charge_cycles(20000);
	CHECK(tlb_state(1)->is_lazy);
	CHECK(vm_munmap(FAR_AT, PAGE_SIZE) == 0); /* tables go: told, and off them */
	CHECK(tlb_state(0)->nr_shootdowns_sent == i + 1);
	CHECK(tlb_state(1)->loaded_mm == init_mm(kern()) && s->mm->cpu_bitmap[0] == 1);
	step_to(s, 18);
	check_mm(s->mm);
	finish(s);
	return 0;
}

static void sleep_a_while(void)
{
	set_current_state(TASK_UNINTERRUPTIBLE);
	schedule_timeout(5);
}

static int toucher(void *arg)
{
	struct scene *s = arg;
	u64 i, v;

	wait_for(s, 1);
	join(s, 1);
	CHECK(smp_processor_id() == 1);
	for (i = 0; i < 64; i++)
		CHECK(user_write(AT + i * PAGE_SIZE + 8, i) == 0);
	CHECK(user_write(FAR_AT, 1) == 0);
	for (i = 0; i < 4; i++)
		CHECK(!faults(AT + i * PAGE_SIZE + 16, true));
	step_to(s, 2);
	wait_for(s, 3);
	CHECK(!faults(AT + PAGE_SIZE, false)); /* stale, and nobody said so */
	step_to(s, 4);
	wait_for(s, 5);
	CHECK(faults(AT + PAGE_SIZE, false));
	CHECK(user_read(AT + PAGE_SIZE, &v) == SIGSEGV);
	CHECK(!faults(AT + 2 * PAGE_SIZE + 16, true));
	step_to(s, 6);
	wait_for(s, 7);
	CHECK(faults(AT + 2 * PAGE_SIZE + 16, true));
	CHECK(!faults(AT + 2 * PAGE_SIZE, false));
	CHECK(!faults(AT + 16, true));
	step_to(s, 8);
	wait_for(s, 9);
	CHECK(faults(AT + 16, true)); /* fork took W from us too */
	CHECK(user_write(AT + 16, 99) == 0);
	CHECK(!faults(AT + 5 * PAGE_SIZE, false));
	CHECK(!faults(AT + 6 * PAGE_SIZE, false));
	step_to(s, 10);
	wait_for(s, 11);
	CHECK(user_read(AT + 6 * PAGE_SIZE, &v) == 0 && v == 4711);
	step_to(s, 12);
	wait_for(s, 13);
	CHECK(faults(AT + 5 * PAGE_SIZE, false));
	CHECK(!faults(AT + 3 * PAGE_SIZE, false));
	step_to(s, 14);
	step_to(s, 15);
	while (s->phase < 16)
		sleep_a_while();
	CHECK(faults(AT + 3 * PAGE_SIZE, false)); /* caught up on the way back from lazy */
	CHECK(user_read(FAR_AT, &v) == 0 && v == 1);
	step_to(s, 17);
	while (s->phase < 18)
		sleep_a_while();
	CHECK(faults(FAR_AT, false));
	finish(s);
	return 0;
}

static void start(struct scene *s, int (*fn)(void *), unsigned cpu)
{
	struct task_struct *t = kthread_create(fn, s, "scene/%u", cpu);

	CHECK(!IS_ERR(t));
	kthread_bind(t, cpu);
	s->running++;
	wake_up_process(t);
}

static void start_two(void *arg)
{
	struct scene *s = arg;

	s->mm = mm_alloc();
	CHECK(s->mm);
	start(s, changer, 0);
	start(s, toucher, 1);
	this_percpu()->preempt_count = 1; /* the boot stack gives the CPU back */
}

static void run_scene(struct fixture *f, const char *costs, u32 nr_cpus, void (*body)(void *),
		      struct scene *s)
{
	struct machine_config cfg = fixture_config(64 << 20, nr_cpus);
	struct kernel_params params = { .hz = 250 };
	enum stop_reason why;

	cfg.costs = cost_profile(costs);
	assert_int_equal(fixture_create_params(f, &cfg, &params), 0);
	fixture_run(f, mm_fixture_boot, f);
	s->f = f;
	fixture_run(f, body, s);
	why = engine_run(f->m, ~0ull);
	if (why != STOP_EXIT)
		fail_msg("stopped for reason %d: %s", why, f->m->panic_text);
}

static void a_change_on_one_cpu_is_a_fault_on_the_other(void **state)
{
	const char *costs[] = { "zero", "zen4" };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(costs); i++) {
		struct scene *s = calloc(1, sizeof(*s));
		struct fixture f;

		assert_non_null(s);
		run_scene(&f, costs[i], 2, start_two, s);
		fixture_destroy(&f);
		free(s);
	}
}

/* --- PCIDs --- */

#define NR_MM 9u

static void many_spaces(void *arg)
{
	struct mm_struct *mm[NR_MM];
	u64 i, round, v, walks;

	(void)arg;
	for (i = 0; i < NR_MM; i++) {
		mm[i] = new_mm();
		CHECK(map_anon(AT, 2 * PAGE_SIZE, RW, MAP_FIXED) > 0);
		CHECK(user_write(AT, i) == 0);
	}
	/* The same address everywhere: tags, not luck, keep them apart. */
	for (round = 0; round < 40; round++) {
		i = (round * 5 + round / 7) % NR_MM;
		mm_use(mm[i]);
		CHECK(user_read(AT, &v) == 0 && v == i);
	}
	/* A warm slot comes back without a walk. */
	mm_use(mm[0]);
	CHECK(user_read(AT, &v) == 0);
	mm_use(mm[1]);
	CHECK(user_read(AT, &v) == 0);
	mm_use(mm[0]);
	walks = this_cpu()->tlb.stats.walks;
	CHECK(!faults(AT, false) && this_cpu()->tlb.stats.walks == walks);
	/* What changed while the slot was not loaded is seen on the way back. */
	mm_use(mm[1]);
	v = 0;
	CHECK(access_remote_vm(mm[0], AT, &v, 8, false) == 8 && v == 0);
	mmap_write_lock(mm[0]);
	CHECK(do_munmap(mm[0], AT, PAGE_SIZE) == 0);
	mmap_write_unlock(mm[0]);
	mm_use(mm[0]);
	CHECK(faults(AT, false));
	for (i = 0; i < NR_MM; i++)
		mm_leave(mm[i]);
}

static void more_address_spaces_than_pcids_stay_apart(void **state)
{
	struct fixture f;

	(void)state;
	mm_fixture_create(&f, 32 << 20, 1);
	fixture_run(&f, many_spaces, NULL);
	fixture_destroy(&f);
}

/* --- everybody at once --- */

#define COMMON 96u
#define TURNS 1500u
#define COMMON_PRIVATE (AT + PUD_SIZE)
#define COMMON_SHARED (AT + 2 * PUD_SIZE)

static u64 slot_va(u32 i)
{
	return AT + i * (u64)PAGE_SIZE;
}

/* A value names its slot, so that what a stale translation reads gives itself away. */
static u64 slot_value(u32 slot, u32 turn)
{
	return (u64)(slot + 1) << 32 | turn;
}

struct slots {
	u64 value[SLOTS]; /* own: what it holds; others': the newest value seen */
	u8 right[SLOTS];  /* own: 0 unmapped, 1 read, 2 write */
};

/*
 * Another's slot may be there or not; what is read is nothing, or its own and newer than what its
 * owner has dropped.
 */
static void peek(struct scene *s, struct slots *t, u32 i)
{
	u64 v, floor = s->floor[i];

	if (user_read(slot_va(i), &v) || !v)
		return;
	CHECK(v >> 32 == i + 1);
	CHECK(v >= t->value[i] && v > floor);
	t->value[i] = v;
}

static void own_step(struct scene *s, struct slots *t, struct prng *rng, u32 i, u32 turn)
{
	u8 *right = &t->right[i];
	u64 v;

	switch (prng_below(rng, 9)) {
	case 0:
		CHECK(map_anon(slot_va(i), PAGE_SIZE, RW, MAP_FIXED) == (s64)slot_va(i));
		*right = 2;
		t->value[i] = 0;
		s->floor[i] = slot_value(i, turn);
		break;
	case 1:
		CHECK(vm_munmap(slot_va(i), PAGE_SIZE) == 0);
		*right = 0;
		s->floor[i] = slot_value(i, turn);
		break;
	case 2:
		CHECK(do_mprotect(slot_va(i), PAGE_SIZE, PROT_READ) == (*right ? 0 : -ENOMEM));
		*right = *right ? 1 : 0;
		break;
	case 3:
		CHECK(do_mprotect(slot_va(i), PAGE_SIZE, RW) == (*right ? 0 : -ENOMEM));
		*right = *right ? 2 : 0;
		break;
	case 4:
	case 5:
		CHECK(do_madvise(slot_va(i), PAGE_SIZE, MADV_DONTNEED) == (*right ? 0 : -ENOMEM));
		t->value[i] = 0;
		s->floor[i] = slot_value(i, turn);
		break;
	case 6:
		CHECK(user_read(slot_va(i), &v) == (*right ? 0 : SIGSEGV));
		CHECK(!*right || v == t->value[i]);
		break;
	default:
		v = slot_value(i, turn);
		CHECK(user_write(slot_va(i), v) == (*right == 2 ? 0 : SIGSEGV));
		if (*right == 2)
			t->value[i] = v;
	}
}

/*
 * Thread me owns the slots i with i % MAX_THREADS == me, so VMAs of different threads are
 * neighbours, split and merge. All touch the common pages in the same order, so that they meet at
 * first touches.
 */
static int worker(void *arg)
{
	struct scene *s = arg;
	u32 me = s->index++, turn, i;
	struct slots t;
	struct prng *rng = &s->rng[me];
	u64 v;

	memset(&t, 0, sizeof(t));
	join(s, me);
	for (i = 0; i < COMMON; i++) {
		CHECK(user_write(COMMON_PRIVATE + i * PAGE_SIZE + me * 8, me + 1) == 0);
		CHECK(user_write(COMMON_SHARED + i * PAGE_SIZE + me * 8, me + 1) == 0);
	}
	for (turn = 1; turn < TURNS; turn++) {
		charge_cycles(prng_below(rng, 6000)); /* its own work, away from mmap_lock */
		i = (u32)prng_below(rng, SLOTS);
		if (i % MAX_THREADS == me)
			own_step(s, &t, rng, i, turn);
		else
			peek(s, &t, i);
	}
	for (i = 0; i < COMMON; i++) {
		CHECK(user_read(COMMON_PRIVATE + i * PAGE_SIZE + me * 8, &v) == 0 && v == me + 1);
		CHECK(user_read(COMMON_SHARED + i * PAGE_SIZE + me * 8, &v) == 0 && v == me + 1);
	}
	return 0; /* the exit hook drops the address space */
}

static void start_workers(void *arg)
{
	struct scene *s = arg;
	u32 i;

	leak_check_begin(s->leak);
	s->mm = new_mm();
	CHECK(map_anon(COMMON_PRIVATE, COMMON * PAGE_SIZE, RW, MAP_FIXED) > 0);
	CHECK(vm_mmap_pgoff(NULL, COMMON_SHARED, COMMON * PAGE_SIZE, RW,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, 0) > 0);
	mm_use(NULL);
	for (i = 0; i < MAX_THREADS; i++) {
		prng_seed(&s->rng[i], s->f->seed, 0x746c62 + i);
		start(s, worker, i);
	}
	this_percpu()->preempt_count = 1;
}

static void final_check(void *arg)
{
	struct scene *s = arg;
	u32 i;

	check_mm(s->mm);
	CHECK(s->mm->mm_users == 1);
	for (i = 0; i < MAX_THREADS; i++) {
		struct tlb_state *ts = percpu_of(kern(), i)->tlbstate;

		s->shootdowns += ts->nr_shootdowns_taken;
		CHECK(!ts->waiting && !ts->requests[0]);
	}
}

/*
 * After the machine has come to rest: a thread that drops the last reference may have to tell other
 * CPUs, so it is one with IRQs on.
 */
static int last_user(void *arg)
{
	struct scene *s = arg;
	u32 i;

	mmput(s->mm);
	for (i = 0; i < MAX_THREADS; i++)
		CHECK(percpu_of(kern(), i)->tlbstate && tlb_state(i)->loaded_mm == init_mm(kern()));
	return 0;
}

static void start_last_user(void *arg)
{
	start(arg, last_user,
	      1); /* woken by an IPI: the boot stack cannot end the halt of its own CPU */
	this_percpu()->preempt_count = 1;
}

static void final_leak_check(void *arg)
{
	struct scene *s = arg;

	leak_check_end(s->leak);
}

static void run_to_rest(struct fixture *f)
{
	enum stop_reason why = engine_run(f->m, ~0ull);

	if (why != STOP_DEADLOCK)
		fail_msg("stopped for reason %d: %s", why, f->m->panic_text);
	f->m->stopped = STOP_NONE;
}

static u64 everybody(u64 quantum_ns, const char *costs)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct machine_config cfg = fixture_config(64 << 20, MAX_THREADS);
	struct kernel_params params = { .hz = 250 };
	struct fixture f;
	u64 digest;

	assert_non_null(s);
	s->leak = calloc(1, sizeof(*s->leak));
	assert_non_null(s->leak);
	cfg.quantum_ns = quantum_ns;
	cfg.costs = cost_profile(costs);
	assert_int_equal(fixture_create_params(&f, &cfg, &params), 0);
	fixture_run(&f, mm_fixture_boot, &f);
	s->f = &f;
	fixture_run(&f, start_workers, s);
	run_to_rest(&f);
	fixture_run(&f, final_check, s);
	assert_true(s->shootdowns > 100);
	fixture_run(&f, start_last_user, s);
	run_to_rest(&f);
	fixture_run(&f, final_leak_check, s);
	digest = trace_digest(&f.m->trace);
	fixture_destroy(&f);
	free(s->leak);
	free(s);
	return digest;
}

static void four_cpus_change_one_address_space_at_random(void **state)
{
	(void)state;
	assert_int_equal(everybody(0, "zen4"), everybody(0, "zen4"));
	everybody(1000, "zen4");
	everybody(0, "zero");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_on_one_cpu_is_a_fault_on_the_other),
		cmocka_unit_test(more_address_spaces_than_pcids_stay_apart),
		cmocka_unit_test(four_cpus_change_one_address_space_at_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
