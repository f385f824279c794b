/* SPDX-License-Identifier: MIT */
/*
 * cpu_run: interrupts at exact instructions, exceptions and system calls into native gates, HLT,
 * the shadow of STI.
 *
 * The guest has a GDT, an IDT and a TSS in its own memory; every handler is a native gate at
 * gate_base + vector * 16.
 */
#include "exec_guest.h"

#define GATES 0xffffffff81000000ull
#define TABLES (KDATA + 0x2000) /* GDT at + 0, TSS at + 0x100, IDT in a page of its own */
#define IDT (KDATA + 0x1000)
#define TIMER 0x40
#define SYSCALL_GATE 256

struct note {
	u64 icount, now, rip, rax, error;
	u64 vector; /* compared as bytes: no padding */
};

struct log {
	struct guest g;
	struct note note[64];
	unsigned n, most;
	u64 period; /* TIMER comes again so many cycles later */
	u8 cpl;	    /* where the guest begins; machine_call begins at CPL 0 with IF=0 */
	u64 rflags;
};

static struct log *log_of(struct cpu *cpu)
{
	return cpu->m->kernel;
}

static void take_note(struct cpu *cpu, unsigned vector, u64 rip, u64 error)
{
	struct log *l = log_of(cpu);

	if (l->n < ARRAY_SIZE(l->note))
		l->note[l->n++] =
			(struct note){ cpu->icount, cpu->now, rip, cpu->r[RAX], error, vector };
}

static void leave_by_iret(struct cpu *cpu)
{
	struct fault f;

	assert_true(cpu_iret(cpu, &f));
}

static void timer_gate(struct cpu *cpu)
{
	struct log *l = log_of(cpu);
	u64 rip;

	memcpy(&rip, guest_ptr(&l->g, cpu->r[RSP]), 8);
	take_note(cpu, TIMER, rip, 0);
	lapic_write(cpu, APIC_EOI, 0);
	if (l->period)
		lapic_write(cpu, APIC_TMICT, (u32)l->period);
	leave_by_iret(cpu);
}

/* #UD: skip the two bytes of UD2. */
static void ud_gate(struct cpu *cpu)
{
	struct log *l = log_of(cpu);
	u64 rip;

	memcpy(&rip, guest_ptr(&l->g, cpu->r[RSP]), 8);
	take_note(cpu, VEC_UD, rip, 0);
	rip += 2;
	memcpy(guest_ptr(&l->g, cpu->r[RSP]), &rip, 8);
	leave_by_iret(cpu);
}

/* #PF: the faulting access gets a register that works (RBX = DATA). */
static void pf_gate(struct cpu *cpu)
{
	struct log *l = log_of(cpu);
	u64 error, rip;

	memcpy(&error, guest_ptr(&l->g, cpu->r[RSP]), 8);
	memcpy(&rip, guest_ptr(&l->g, cpu->r[RSP] + 8), 8);
	take_note(cpu, VEC_PF, rip, error);
	cpu->r[RBX] = DATA;
	cpu->r[RSP] += 8;
	leave_by_iret(cpu);
}

static void syscall_gate(struct cpu *cpu)
{
	struct fault f;

	take_note(cpu, SYSCALL_GATE, cpu->r[RCX], 0);
	cpu->r[RAX] = 42;
	assert_true(cpu_sysret(cpu, &f));
}

static void put64(struct guest *g, u64 va, u64 v)
{
	memcpy(guest_ptr(g, va), &v, 8);
}

static void lay_tables(struct guest *g)
{
	struct machine *m = g->m;
	struct cpu *cpu = g->cpu;
	unsigned v;

	guest_map(g, GATES, 0);
	guest_map(g, GATES + PAGE_SIZE, 0);
	m->gate_base = GATES;
	gate_register(m, VEC_UD, ud_gate, "ud");
	gate_register(m, VEC_PF, pf_gate, "pf");
	gate_register(m, TIMER, timer_gate, "timer");
	gate_register(m, SYSCALL_GATE, syscall_gate, "syscall");
	put64(g, TABLES + 0x10,
	      0x00af9b000000ffffull); /* kernel code, kernel data, user data, user code */
	put64(g, TABLES + 0x18, 0x00cf93000000ffffull);
	put64(g, TABLES + 0x28, 0x00cff3000000ffffull);
	put64(g, TABLES + 0x30, 0x00affb000000ffffull);
	put64(g, TABLES + 0x100 + 4, KSTACK_TOP); /* RSP0 */
	for (v = 0; v < 256; v++) {
		u64 at = GATES + v * GATE_STRIDE;

		put64(g, IDT + v * 16,
		      (at & 0xffff) | 0x10ull << 16 | 0x8e00ull << 32 | (at >> 16 & 0xffff) << 48);
		put64(g, IDT + v * 16 + 8, at >> 32);
	}
	cpu->gdtr = (struct desc_table){ .base = TABLES, .limit = 0x7f };
	cpu->idtr = (struct desc_table){ .base = IDT, .limit = 0xfff };
	cpu->tr = (struct segment){
		.sel = 0x40, .attr = 0x8b, .limit = 0x67, .base = TABLES + 0x100
	};
	cpu->lstar = GATES + SYSCALL_GATE * GATE_STRIDE;
	cpu->star = 0x0023001000000000ull;
	cpu->sfmask = FLAG_IF | FLAG_TF;
	lapic_write(cpu, APIC_SPIV, APIC_SPIV_ENABLE | 0xff);
	lapic_write(cpu, APIC_LVTT, TIMER);
	lapic_write(cpu, APIC_TDCR, 0xb); /* divide by 1 */
}

static void run_until_noted(void *arg)
{
	struct log *l = arg;

	cpu_set_cpl(this_cpu(), l->cpl);
	cpu_set_rflags(this_cpu(), l->rflags);
	while (l->n < l->most)
		cpu_run(this_cpu());
}

/*
 * A machine that will run code at CPL cpl; the caller sets more and calls
 * machine_call(run_until_noted).
 */
static void prepare(struct log *l, const char *profile, const u8 *code, size_t n, u8 cpl)
{
	memset(l, 0, sizeof(*l));
	guest_create(&l->g, profile, 1);
	l->g.m->kernel = l;
	l->cpl = cpl;
	l->rflags = FLAG_FIXED;
	lay_tables(&l->g);
	guest_write(&l->g, cpl ? CODE : KCODE, code, n);
	guest_reset(&l->g, cpl ? CODE : KCODE, cpl);
	l->g.cpu->r[RSP] = cpl ? STACK_TOP - 256 : KSTACK_TOP - 256;
	if (cpl) {
		l->g.cpu->seg[SEG_CS] =
			(struct segment){ .sel = 0x33, .attr = 0xa0fb, .limit = 0xffffffff };
		l->g.cpu->seg[SEG_SS] =
			(struct segment){ .sel = 0x2b, .attr = 0xc0f3, .limit = 0xffffffff };
	}
}

static void run_noted(struct log *l, unsigned most)
{
	l->most = most;
	assert_int_equal(machine_call(l->g.m, run_until_noted, l), 0);
}

/*
 * 1: inc %rax; add %rax,(%rdx); dec %rcx; jne 1b; mov $1000,%ecx; rep lodsb (RSI = DATA); mov
 * $7,%ecx; jmp 1b
 */
static const u8 busy_code[] = {
	0x48, 0xff, 0xc0, 0x48, 0x01, 0x02, 0x48, 0xff, 0xc9, 0x75, 0xf5, 0xbe, 0x00, 0x10, 0x60,
	0x00, 0xb9, 0xe8, 0x03, 0x00, 0x00, 0xf3, 0xac, 0xb9, 0x07, 0x00, 0x00, 0x00, 0xeb, 0xe2,
};

static void run_timer(struct log *l, const char *profile, u64 pool_bytes)
{
	prepare(l, profile, busy_code, sizeof(busy_code), 3);
	if (pool_bytes)
		l->g.m->exec->pool_bytes = pool_bytes;
	l->period = 97;
	l->g.cpu->r[RCX] = 7;
	l->g.cpu->r[RDX] = DATA + 0x1000;
	l->rflags |= FLAG_IF;
	lapic_write(l->g.cpu, APIC_TMICT, 1000);
	run_noted(l, 40);
}

static void interrupts_arrive_at_the_same_instruction_whatever_is_cached(void **state)
{
	static const char *const profiles[] = { "zero", "zen4" };
	static struct log a, b;
	unsigned p;

	(void)state;
	for (p = 0; p < ARRAY_SIZE(profiles); p++) {
		run_timer(&a, profiles[p], 0);
		run_timer(&b, profiles[p], 5 << 10);
		assert_int_equal(a.n, 40);
		assert_memory_equal(a.note, b.note, sizeof(a.note));
		assert_true(a.note[39].icount > a.note[0].icount);
		guest_destroy(&a.g);
		guest_destroy(&b.g);
	}
}

static void interrupt_comes_at_the_first_instruction_at_or_after_its_time(void **state)
{
	static const u8 spin[] = { 0x48, 0xff, 0xc0, 0xeb, 0xfb }; /* 1: inc %rax; jmp 1b */
	static struct log l;
	u64 at;

	(void)state;
	prepare(&l, "zero", spin, sizeof(spin), 3);
	l.rflags |= FLAG_IF;
	lapic_write(l.g.cpu, APIC_TMICT, 12345);
	at = l.g.cpu->lapic.timer.time;
	run_noted(&l, 1);
	/* zero: one cycle an instruction, one for the gate; nothing for delivery */
	assert_int_equal(l.note[0].now, at + 1);
	assert_int_equal(l.note[0].icount, at);
	assert_int_equal(l.note[0].rax, (at + 1) / 2);
	assert_int_equal(l.note[0].rip, CODE + (at & 1 ? 3 : 0));
	guest_destroy(&l.g);
}

static void system_calls_and_faults_enter_gates_and_return(void **state)
{
	/* mov $7,%eax; syscall; add $1,%eax; ud2; mov (%rbx),%ecx; jmp to the top */
	static const u8 code[] = { 0xb8, 7,    0,    0,	   0,	 0x0f, 0x05, 0x83,
				   0xc0, 0x01, 0x0f, 0x0b, 0x8b, 0x0b, 0xeb, 0xf0 };
	static struct log l;

	(void)state;
	prepare(&l, "zen4", code, sizeof(code), 3);
	l.g.cpu->r[RBX] = 0x900000;
	put64(&l.g, DATA, 0x1234);
	run_noted(&l, 5);
	assert_int_equal(l.note[0].vector, SYSCALL_GATE);
	assert_int_equal(l.note[0].rip, CODE + 7);
	assert_int_equal(l.note[0].rax, 7);
	assert_int_equal(l.note[0].icount, 2);
	assert_int_equal(l.note[1].vector, VEC_UD);
	assert_int_equal(l.note[1].rip, CODE + 10);
	assert_int_equal(l.note[1].rax, 43);
	assert_int_equal(l.note[1].icount, 3);
	assert_int_equal(l.note[2].vector, VEC_PF);
	assert_int_equal(l.note[2].rip, CODE + 12);
	assert_int_equal(l.note[2].error, PF_U);
	assert_int_equal(l.note[2].icount, 3);
	assert_int_equal(l.note[3].vector, SYSCALL_GATE);
	assert_int_equal(l.note[3].icount,
			 3 + 1 + 1 + 2); /* the load again, the jump, mov and syscall */
	guest_destroy(&l.g);
}

static void sti_shadows_one_instruction(void **state)
{
	/* sti; inc %rax; inc %rax; hlt */
	static const u8 code[] = { 0xfb, 0x48, 0xff, 0xc0, 0x48, 0xff, 0xc0, 0xf4 };
	static struct log l;

	(void)state;
	prepare(&l, "zen4", code, sizeof(code), 0);
	lapic_raise(l.g.cpu, TIMER, 0);
	run_noted(&l, 1);
	assert_int_equal(l.note[0].vector, TIMER);
	assert_int_equal(l.note[0].rip, KCODE + 4);
	assert_int_equal(l.note[0].rax, 1);
	guest_destroy(&l.g);
}

static void hlt_waits_for_the_interrupt_and_goes_on_behind_it(void **state)
{
	/* 1: sti; hlt; inc %rax; jmp 1b */
	static const u8 code[] = { 0xfb, 0xf4, 0x48, 0xff, 0xc0, 0xeb, 0xf9 };
	static struct log l;
	unsigned k;

	(void)state;
	prepare(&l, "zero", code, sizeof(code), 0);
	l.period = 5000;
	lapic_write(l.g.cpu, APIC_TMICT, 5000);
	run_noted(&l, 5);
	for (k = 0; k < 5; k++) {
		assert_int_equal(l.note[k].rip, KCODE + 2);
		assert_int_equal(l.note[k].rax, k);
		if (k)
			assert_true(l.note[k].now - l.note[k - 1].now >= 5000);
	}
	guest_destroy(&l.g);
}

static void trap_flag_stops_after_each_instruction(void **state)
{
	static const u8 code[] = { 0x48, 0xff, 0xc0, 0x48, 0xff, 0xc0, 0x0f, 0x0b };
	struct guest g;

	(void)state;
	guest_create(&g, "zero", 1);
	guest_reset(&g, CODE, 3);
	cpu_set_rflags(g.cpu, FLAG_FIXED | FLAG_TF);
	guest_run(&g, code, sizeof(code), 1000);
	assert_int_equal(g.cpu->fault.vector, VEC_DB);
	assert_int_equal(g.cpu->rip, CODE + 3);
	assert_int_equal(g.cpu->icount, 1);
	assert_true(g.cpu->dr[6] & 1 << 14);
	exec_run(g.cpu);
	assert_int_equal(g.cpu->rip, CODE + 6);
	exec_run(g.cpu);
	assert_int_equal(g.cpu->fault.vector, VEC_UD);
	guest_destroy(&g);
}

static void gate_is_not_entered_from_user_mode(void **state)
{
	static const u8 code[] = { 0xff, 0xe0 }; /* jmp *%rax */
	static struct log l;

	(void)state;
	prepare(&l, "zen4", code, sizeof(code), 3);
	l.g.cpu->r[RAX] = GATES + SYSCALL_GATE * GATE_STRIDE;
	run_noted(&l, 1);
	assert_int_equal(l.note[0].vector, VEC_PF);
	assert_int_equal(l.note[0].rip, GATES + SYSCALL_GATE * GATE_STRIDE);
	assert_int_equal(l.note[0].error & (PF_P | PF_U), PF_P | PF_U);
	guest_destroy(&l.g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(interrupts_arrive_at_the_same_instruction_whatever_is_cached),
		cmocka_unit_test(interrupt_comes_at_the_first_instruction_at_or_after_its_time),
		cmocka_unit_test(system_calls_and_faults_enter_gates_and_return),
		cmocka_unit_test(sti_shadows_one_instruction),
		cmocka_unit_test(hlt_waits_for_the_interrupt_and_goes_on_behind_it),
		cmocka_unit_test(trap_flag_stops_after_each_instruction),
		cmocka_unit_test(gate_is_not_entered_from_user_mode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
