/* SPDX-License-Identifier: MIT */
/*
 * Entry and exit: delivery from CPL 3 and 0, IST, error codes, #DF and shutdown, IRET, SYSCALL and
 * SYSRET, INT n, and cpu_poll's gates.
 */
#include <stdlib.h>

#include "fixture.h"

#define FRAME_PA(rsp) ((rsp)-FX_DIRECT)

static struct machine *m;
static struct cpu *cpu;

static int setup(void **state)
{
	(void)state;
	m = fx_machine(2, "zen4", 16 << 20);
	cpu = m->cpu[0];
	fx_boot(m, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	machine_destroy(m);
	return 0;
}

static u64 frame64(unsigned i)
{
	return fx_get64(m, FRAME_PA(cpu->r[RSP]) + i * 8);
}

/* --- delivery --- */

static void a_page_fault_in_user_code_pushes_the_whole_frame_on_rsp0(void **state)
{
	struct fault f = { .vector = VEC_PF, .has_error = true, .error = 6, .cr2 = 0x1234 };
	u64 flags;

	(void)state;
	fx_user(cpu);
	flags = cpu_rflags(cpu);
	cpu->pending_cost = 0;
	cpu_deliver(cpu, &f);
	assert_int_equal(cpu->r[RSP], FX_DIRECT + FX_STACK0 - 48);
	assert_int_equal(frame64(0), 6);
	assert_int_equal(frame64(1), FX_USER_CODE + 0x10);
	assert_int_equal(frame64(2), FX_UCS);
	assert_int_equal(frame64(3), flags | FLAG_RF);
	assert_int_equal(frame64(4), FX_USER_STACK + 0x808);
	assert_int_equal(frame64(5), FX_UDS);
	assert_int_equal(cpu->cpl, 0);
	assert_int_equal(cpu->rip, gate_va(m, VEC_PF));
	assert_int_equal(cpu->seg[SEG_CS].sel, FX_KCS);
	assert_int_equal(cpu->seg[SEG_SS].sel, 0);
	assert_int_equal(cpu->cr2, 0x1234);
	assert_false(cpu->rflags & FLAG_IF);
	assert_true(cpu->pending_cost >= m->cost->cycles[COST_EXCEPTION]);
}

static void an_exception_at_cpl_0_stays_on_its_stack_aligned_to_16(void **state)
{
	struct fault f = { .vector = VEC_UD };

	(void)state;
	cpu->r[RSP] = FX_DIRECT + 0x8f008;
	cpu_set_rflags(cpu, FLAG_FIXED | FLAG_IF | FLAG_TF | FLAG_AC);
	cpu_deliver(cpu, &f);
	assert_int_equal(cpu->r[RSP], FX_DIRECT + 0x8f000 - 40);
	assert_int_equal(frame64(1), FX_KCS);
	assert_int_equal(frame64(2), FLAG_FIXED | FLAG_IF | FLAG_TF | FLAG_AC | FLAG_RF);
	assert_int_equal(frame64(3), FX_DIRECT + 0x8f008);
	assert_int_equal(frame64(4), 0x18);
	assert_int_equal(cpu->rflags & (FLAG_IF | FLAG_TF | FLAG_AC), FLAG_AC);
}

static void a_trap_gate_leaves_interrupts_on(void **state)
{
	struct fault f = { .vector = VEC_DE };

	(void)state;
	fx_gate(m, VEC_DE, gate_va(m, 0), FX_KCS, 0xf, 0, 0);
	fx_user(cpu);
	cpu_deliver(cpu, &f);
	assert_true(cpu->rflags & FLAG_IF);
}

static void an_ist_gate_switches_stacks_even_at_cpl_0(void **state)
{
	struct fault f = { .vector = VEC_GP, .has_error = true, .error = 0x18 };

	(void)state;
	fx_gate(m, VEC_GP, gate_va(m, VEC_GP), FX_KCS, 0xe, 0, 1);
	cpu->r[RSP] = FX_DIRECT + 0x8f000;
	cpu_deliver(cpu, &f);
	assert_int_equal(cpu->r[RSP], FX_DIRECT + FX_IST1 - 48);
	assert_int_equal(frame64(4), FX_DIRECT + 0x8f000);
	assert_int_equal(cpu->seg[SEG_SS].sel, 0x18); /* no privilege change: SS stays */
}

/* What a delivery of #UD from user code ends as: the vector and error code pushed. */
static u8 ends_as(u32 *error)
{
	struct fault f = { .vector = VEC_UD };

	fx_user(cpu);
	cpu_deliver(cpu, &f);
	*error = frame64(0);
	return (cpu->rip - m->gate_base) / GATE_STRIDE;
}

static void a_bad_gate_becomes_the_fault_of_the_manual(void **state)
{
	u32 e;

	(void)state;
	fx_put64(m, FX_IDT + VEC_UD * 16,
		 fx_get64(m, FX_IDT + VEC_UD * 16) & ~(1ull << 47)); /* P = 0 */
	assert_int_equal(ends_as(&e), VEC_NP);
	assert_int_equal(e, VEC_UD * 8 + 2 + 1);
	fx_gate(m, VEC_UD, gate_va(m, VEC_UD), FX_KCS, 0x5, 0, 0); /* a task gate */
	assert_int_equal(ends_as(&e), VEC_GP);
	assert_int_equal(e, VEC_UD * 8 + 2 + 1);
	fx_gate(m, VEC_UD, gate_va(m, VEC_UD), 0, 0xe, 0, 0); /* null selector */
	assert_int_equal(ends_as(&e), VEC_GP);
	assert_int_equal(e, 1);
	fx_gate(m, VEC_UD, gate_va(m, VEC_UD), 0x80, 0xe, 0, 0); /* past the GDT */
	assert_int_equal(ends_as(&e), VEC_GP);
	assert_int_equal(e, 0x81);
	fx_gate(m, VEC_UD, gate_va(m, VEC_UD), 0x14, 0xe, 0, 0); /* the LDT, which is null */
	assert_int_equal(ends_as(&e), VEC_GP);
	assert_int_equal(e, 0x15);
	fx_gate(m, VEC_UD, gate_va(m, VEC_UD), FX_KDS, 0xe, 0, 0); /* not code */
	assert_int_equal(ends_as(&e), VEC_GP);
	assert_int_equal(e, FX_KDS | 1);
	fx_gate(m, VEC_UD, gate_va(m, VEC_UD), 0x08, 0xe, 0, 0); /* 32-bit code */
	assert_int_equal(ends_as(&e), VEC_GP);
	assert_int_equal(e, 0x09);
	fx_gate(m, VEC_UD, gate_va(m, VEC_UD), 0x38, 0xe, 0, 0); /* code not present */
	assert_int_equal(ends_as(&e), VEC_NP);
	assert_int_equal(e, 0x39);
	fx_gate(m, VEC_UD, 1ull << 47, FX_KCS, 0xe, 0, 0); /* non-canonical target */
	assert_int_equal(ends_as(&e), VEC_GP);
	assert_int_equal(e, 1);
}

static void a_bad_stack_is_ts_ss_or_a_page_fault(void **state)
{
	u32 e;

	(void)state;
	/* #GP, #TS, #SS and #PF themselves use IST 1, which is good. */
	static const u8 vectors[] = { VEC_TS, VEC_SS, VEC_PF, VEC_GP, VEC_DF };
	for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++)
		fx_gate(m, vectors[i], gate_va(m, vectors[i]), FX_KCS, 0xe, 0, 1);
	fx_put64(m, FX_TSS + 4, 0x900000000000ull);
	assert_int_equal(ends_as(&e), VEC_SS);
	assert_int_equal(e, 1);
	fx_put64(m, FX_TSS + 4, 0x5000);
	assert_int_equal(ends_as(&e), VEC_PF);
	assert_int_equal(e, PF_W);
	assert_int_equal(cpu->cr2, 0x5000 - 40);
	/* RSP0 in a user page: SMAP refuses, whatever AC says. */
	fx_put64(m, FX_TSS + 4, FX_USER_STACK + 0x800);
	cpu->cr4 |= CR4_SMAP;
	assert_int_equal(ends_as(&e), VEC_PF);
	assert_int_equal(e, PF_P | PF_W);
	cpu->cr4 &= ~CR4_SMAP;
	/* The TSS ends before IST 2. */
	cpu->tr.limit = 36 + 8;
	fx_gate(m, VEC_UD, gate_va(m, VEC_UD), FX_KCS, 0xe, 0, 2);
	assert_int_equal(ends_as(&e), VEC_TS);
	assert_int_equal(e, 0x50 | 1);
}

static void two_contributory_faults_are_a_double_fault(void **state)
{
	struct fault f = { .vector = VEC_GP, .has_error = true, .error = 0x20 };

	(void)state;
	fx_put64(m, FX_IDT + VEC_GP * 16, 0);
	fx_user(cpu);
	cpu_deliver(cpu, &f);
	assert_int_equal(cpu->rip, gate_va(m, VEC_DF));
	assert_int_equal(frame64(0), 0);
}

static void
a_page_fault_while_delivering_one_is_a_double_fault_with_the_second_address(void **state)
{
	struct fault f = { .vector = VEC_PF, .has_error = true, .error = 4, .cr2 = 0x77 };

	(void)state;
	fx_gate(m, VEC_DF, gate_va(m, VEC_DF), FX_KCS, 0xe, 0, 1);
	fx_put64(m, FX_TSS + 4, 0x5000);
	fx_user(cpu);
	cpu_deliver(cpu, &f);
	assert_int_equal(cpu->rip, gate_va(m, VEC_DF));
	assert_int_equal(cpu->r[RSP], FX_DIRECT + FX_IST1 - 48);
}

static void a_page_fault_while_delivering_gp_is_delivered_itself(void **state)
{
	struct fault f = { .vector = VEC_GP, .has_error = true };

	(void)state;
	fx_gate(m, VEC_PF, gate_va(m, VEC_PF), FX_KCS, 0xe, 0, 1);
	fx_put64(m, FX_TSS + 4, 0x5000);
	fx_user(cpu);
	cpu_deliver(cpu, &f);
	assert_int_equal(cpu->rip, gate_va(m, VEC_PF));
	assert_int_equal(cpu->cr2, 0x5000 - 48);
}

static void triple(void *arg)
{
	struct fault f = { .vector = VEC_UD };

	(void)arg;
	cpu->idtr.limit = 0;
	cpu_deliver(cpu, &f);
}

static void a_fault_while_delivering_a_double_fault_stops_the_machine(void **state)
{
	(void)state;
	assert_int_equal(machine_call(m, triple, NULL), -EIO);
	assert_int_equal(m->stopped, STOP_PANIC);
	assert_non_null(strstr(m->panic_text, "triple fault"));
	assert_int_equal(engine_run(m, UINT64_MAX), STOP_PANIC);
	assert_int_equal(machine_call(m, triple, NULL), -EIO);
}

/* --- INT n --- */

static void int_n_checks_the_gates_dpl(void **state)
{
	struct fault f;

	(void)state;
	fx_user(cpu);
	assert_true(cpu_int_n(cpu, VEC_BP, FX_USER_CODE + 0x11, &f));
	assert_int_equal(frame64(0), FX_USER_CODE + 0x11);
	assert_false(frame64(2) & FLAG_RF);
	fx_user(cpu);
	assert_false(cpu_int_n(cpu, 0x80, FX_USER_CODE + 0x12, &f));
	assert_int_equal(f.vector, VEC_GP);
	assert_int_equal(f.error, 0x80 * 8 + 2);
	assert_int_equal(cpu->rip, FX_USER_CODE + 0x10);
	assert_int_equal(cpu->cpl, 3);
	cpu->idtr.limit = 0x7ff;
	assert_false(cpu_int_n(cpu, 0x80, 0, &f));
	assert_int_equal(f.error, 0x80 * 8 + 2);
}

/* --- IRET --- */

static void iret_frame(u64 rip, u64 cs, u64 flags, u64 rsp, u64 ss)
{
	u64 v[5] = { rip, cs, flags, rsp, ss };

	fx_boot(m, 0);
	cpu->r[RSP] = FX_DIRECT + 0x8f000;
	memcpy(m->ram + 0x8f000, v, sizeof(v));
}

static void iret_returns_to_user_code_and_back_to_the_kernel(void **state)
{
	struct fault f;

	(void)state;
	iret_frame(FX_USER_CODE, FX_UCS,
		   FLAG_FIXED | FLAG_IF | FLAG_CF | FLAG_RF | FLAG_VM | 0x80000000,
		   FX_USER_STACK + 0x100, FX_UDS);
	assert_true(cpu_iret(cpu, &f));
	assert_int_equal(cpu->cpl, 3);
	assert_int_equal(cpu->rip, FX_USER_CODE);
	assert_int_equal(cpu->r[RSP], FX_USER_STACK + 0x100);
	assert_int_equal(cpu_rflags(cpu), FLAG_FIXED | FLAG_IF | FLAG_CF);
	assert_int_equal(cpu->seg[SEG_CS].sel, FX_UCS);
	assert_int_equal(cpu->seg[SEG_SS].sel, FX_UDS);
	assert_int_equal(cpu->seg[SEG_DS].sel, 0); /* DPL 0 data became null */

	iret_frame(gate_va(m, 5), FX_KCS, FLAG_FIXED | FLAG_IOPL, FX_DIRECT + 0x8e000, 0);
	assert_true(cpu_iret(cpu, &f));
	assert_int_equal(cpu->cpl, 0);
	assert_int_equal(cpu->seg[SEG_DS].sel, 0x18);
	assert_int_equal(cpu_rflags(cpu), FLAG_FIXED | FLAG_IOPL);
}

static void iret_fails(u64 rip, u64 cs, u64 ss, u8 vector, u32 error)
{
	struct cpu before;
	struct fault f = { 0 };

	iret_frame(rip, cs, FLAG_FIXED, FX_USER_STACK, ss);
	before = *cpu;
	assert_false(cpu_iret(cpu, &f));
	assert_int_equal(f.vector, vector);
	assert_int_equal(f.error, error);
	assert_int_equal(cpu->rip, before.rip);
	assert_int_equal(cpu->r[RSP], before.r[RSP]);
	assert_int_equal(cpu->cpl, 0);
	assert_memory_equal(cpu->seg, before.seg, sizeof(before.seg));
}

static void iret_checks_everything(void **state)
{
	struct fault f;

	(void)state;
	iret_fails(FX_USER_CODE, 0, FX_UDS, VEC_GP, 0);
	iret_fails(FX_USER_CODE, 3, FX_UDS, VEC_GP, 0);
	iret_fails(FX_USER_CODE, 0x83, FX_UDS, VEC_GP, 0x80);
	iret_fails(FX_USER_CODE, FX_UDS, FX_UDS, VEC_GP, FX_UDS & ~3);
	iret_fails(FX_USER_CODE, 0x23, FX_UDS, VEC_GP, 0x20);	      /* 32-bit code: absent */
	iret_fails(FX_USER_CODE, FX_KCS | 3, FX_UDS, VEC_GP, FX_KCS); /* DPL 0, RPL 3 */
	iret_fails(FX_USER_CODE, FX_UCS & ~3, FX_KDS, VEC_GP, FX_UCS & ~3); /* DPL 3, RPL 0 */
	iret_fails(FX_USER_CODE, 0x43, FX_UDS, VEC_NP, 0x40);
	iret_fails(FX_USER_CODE, FX_UCS, 0, VEC_GP, 0);
	iret_fails(FX_USER_CODE, FX_UCS, 3, VEC_GP, 0);
	iret_fails(FX_USER_CODE, FX_UCS, FX_KDS, VEC_GP, FX_KDS);
	iret_fails(FX_USER_CODE, FX_UCS, FX_UCS, VEC_GP, FX_UCS & ~3);
	iret_fails(FX_USER_CODE, FX_UCS, 0x4b, VEC_SS, 0x48);
	iret_fails(1ull << 47, FX_UCS, FX_UDS, VEC_GP, 0);

	iret_frame(FX_USER_CODE, FX_UCS, FLAG_FIXED, FX_USER_STACK, FX_UDS);
	cpu_set_rflags(cpu, cpu->rflags | FLAG_NT);
	assert_false(cpu_iret(cpu, &f));
	assert_int_equal(f.vector, VEC_GP);
	cpu_set_rflags(cpu, FLAG_FIXED);
	cpu->r[RSP] = 1ull << 47;
	assert_false(cpu_iret(cpu, &f));
	assert_int_equal(f.vector, VEC_SS);
	cpu->r[RSP] = 0x5000;
	assert_false(cpu_iret(cpu, &f));
	assert_int_equal(f.vector, VEC_PF);

	/* From CPL 3, to CPL 3: IF and IOPL stay; to CPL 0: refused. */
	fx_user(cpu);
	u64 v[5] = { FX_USER_CODE, FX_UCS, FLAG_FIXED | FLAG_IOPL, FX_USER_STACK, FX_UDS };
	memcpy(m->ram + FX_USER_STACK_PA, v, sizeof(v));
	cpu->r[RSP] = FX_USER_STACK;
	assert_true(cpu_iret(cpu, &f));
	assert_int_equal(cpu_rflags(cpu), FLAG_FIXED | FLAG_IF);
	v[1] = FX_KCS;
	v[4] = FX_KDS;
	memcpy(m->ram + FX_USER_STACK_PA, v, sizeof(v));
	cpu->r[RSP] = FX_USER_STACK;
	assert_false(cpu_iret(cpu, &f));
	assert_int_equal(f.vector, VEC_GP);
	assert_int_equal(f.error, FX_KCS);
}

static void a_returned_nmi_may_come_again(void **state)
{
	struct fault f;

	(void)state;
	cpu->r[RSP] = FX_DIRECT + 0x8f000;
	cpu->nmi_pending = true;
	lapic_update(cpu, 0);
	assert_true(cpu->irq_line);
	assert_true(cpu_take_interrupt(cpu)); /* IF is 0: NMIs do not care */
	assert_int_equal(cpu->rip, gate_va(m, VEC_NMI));
	cpu->nmi_pending = true;
	lapic_update(cpu, 0);
	assert_false(cpu->irq_line);
	assert_false(cpu_take_interrupt(cpu));
	assert_true(cpu_iret(cpu, &f));
	assert_true(cpu->irq_line);
	assert_true(cpu_take_interrupt(cpu));
}

/* --- SYSCALL, SYSRET --- */

static void syscall_and_sysret_go_there_and_back(void **state)
{
	struct fault f;
	u64 flags;

	(void)state;
	cpu->sfmask = FLAG_IF | FLAG_DF | FLAG_AC;
	fx_user(cpu);
	cpu_set_rflags(cpu, FLAG_FIXED | FLAG_IF | FLAG_DF | FLAG_AC | FLAG_CF);
	flags = cpu_rflags(cpu);
	assert_true(cpu_syscall(cpu, FX_USER_CODE + 0x12, &f));
	assert_int_equal(cpu->rip, gate_va(m, 256));
	assert_int_equal(cpu->r[RCX], FX_USER_CODE + 0x12);
	assert_int_equal(cpu->r[R11], flags);
	assert_int_equal(cpu_rflags(cpu), FLAG_FIXED | FLAG_CF);
	assert_int_equal(cpu->cpl, 0);
	assert_int_equal(cpu->seg[SEG_CS].sel, FX_KCS);
	assert_int_equal(cpu->seg[SEG_SS].sel, FX_KDS);
	assert_int_equal(cpu->r[RSP], FX_USER_STACK + 0x808); /* SYSCALL does not touch RSP */
	assert_true(cpu_sysret(cpu, &f));
	assert_int_equal(cpu->cpl, 3);
	assert_int_equal(cpu->rip, FX_USER_CODE + 0x12);
	assert_int_equal(cpu_rflags(cpu), flags);
	assert_int_equal(cpu->seg[SEG_CS].sel, 0x33);
	assert_int_equal(cpu->seg[SEG_SS].sel, 0x2b);
}

static void sysret_and_syscall_refuse_what_the_manual_refuses(void **state)
{
	struct fault f;

	(void)state;
	cpu->r[RCX] = 1ull << 47;
	assert_false(cpu_sysret(cpu, &f));
	assert_int_equal(f.vector, VEC_GP);
	assert_int_equal(cpu->cpl, 0);
	fx_user(cpu);
	assert_false(cpu_sysret(cpu, &f));
	assert_int_equal(f.vector, VEC_GP);
	cpu->efer &= ~EFER_SCE;
	assert_false(cpu_syscall(cpu, 0, &f));
	assert_int_equal(f.vector, VEC_UD);
	assert_false(f.has_error);
}

static void swapgs_swaps(void **state)
{
	(void)state;
	cpu->r[REG_GSBASE] = 1;
	cpu->kernel_gs_base = 2;
	cpu_swapgs(cpu);
	assert_int_equal(cpu->r[REG_GSBASE], 2);
	assert_int_equal(cpu->kernel_gs_base, 1);
}

/* --- native code and interrupts --- */

static unsigned gate_calls;
static u8 gate_cpl_from;

static void irq_gate(struct cpu *c)
{
	struct fault f;

	gate_calls++;
	gate_cpl_from = fx_get64(c->m, c->r[RSP] - FX_DIRECT + 8) & 3;
	assert_false(c->rflags & FLAG_IF);
	charge_cycles(10);
	lapic_write(this_cpu(), APIC_EOI, 0);
	assert_true(cpu_iret(this_cpu(), &f));
}

static void native_body(void *arg)
{
	struct cpu *c = this_cpu();

	gate_register(m, 0x40, irq_gate, "test");
	lapic_write(c, APIC_SPIV, 0x1ff);
	if (arg)
		fx_user(c);
	else
		c->r[RSP] = FX_DIRECT + 0x8f008;
	cpu_cli(c);
	lapic_raise(c, 0x40, c->now);
	charge_cycles(5);
	assert_int_equal(gate_calls, 0); /* IF is 0 */
	cpu_sti(c);
	assert_int_equal(gate_calls, 1);
	assert_int_equal(gate_cpl_from, arg ? 3 : 0);
	assert_int_equal(c->cpl, arg ? 3 : 0);
	assert_true(c->rflags & FLAG_IF);
	lapic_raise(c, 0x40, c->now);
	lapic_raise(c, 0x40, c->now);
	charge_cycles(1);
	assert_int_equal(gate_calls, 2);
	/* A timer interrupt comes at the first point where time has passed it. */
	lapic_write(c, APIC_LVTT, 0x40);
	lapic_write(c, APIC_TDCR, 0xb);
	lapic_write(c, APIC_TMICT, 10);
	for (u64 end = c->now + 10 * m->cost->apic_hz_div; c->now + 7 < end;) {
		charge_cycles(7);
		assert_int_equal(gate_calls, 2);
	}
	charge_cycles(7);
	assert_int_equal(gate_calls, 3);
	assert_int_equal(c->r[RSP], arg ? FX_USER_STACK + 0x808 : FX_DIRECT + 0x8f008);
}

static void native_code_takes_interrupts_at_cpl_0_and_at_cpl_3(void **state)
{
	(void)state;
	for (uintptr_t user = 0; user < 2; user++) {
		if (user) {
			teardown(NULL);
			setup(NULL);
		}
		gate_calls = 0;
		assert_int_equal(machine_call(m, native_body, (void *)user), 0);
		assert_int_equal(gate_calls, 3);
	}
}

static void no_gate_body(void *arg)
{
	(void)arg;
	lapic_write(this_cpu(), APIC_SPIV, 0x1ff);
	lapic_raise(this_cpu(), 0x41, 0);
	cpu_sti(this_cpu());
}

static void an_interrupt_of_native_code_to_no_gate_panics(void **state)
{
	(void)state;
	assert_int_equal(machine_call(m, no_gate_body, NULL), -EIO);
	assert_non_null(strstr(m->panic_text, "no gate"));
}

/* --- hostile --- */

static void wild_tables(void *arg)
{
	struct prng *p = arg;
	struct fault f = { .vector = prng_below(p, 32) };

	for (unsigned i = 0; i < 64; i++)
		fx_put64(m, FX_IDT + prng_below(p, 512) * 8, prng_u64(p));
	for (unsigned i = 0; i < 6; i++)
		fx_put64(m, FX_GDT + prng_below(p, 16) * 8, prng_u64(p));
	for (unsigned i = 0; i < 4; i++)
		fx_put64(m, FX_TSS + prng_below(p, 14) * 8,
			 prng_below(p, 2) ? prng_u64(p) : FX_DIRECT + FX_STACK0);
	if (prng_below(p, 4) == 0)
		cpu->idtr.base = prng_u64(p);
	if (prng_below(p, 4) == 0)
		cpu->gdtr.base = prng_u64(p);
	if (prng_below(p, 4) == 0)
		cpu->tr.base = prng_u64(p);
	if (prng_below(p, 2))
		fx_user(cpu);
	for (unsigned i = 0; i < 8; i++) {
		f.vector = prng_below(p, 32);
		f.has_error = prng_below(p, 2);
		cpu_deliver(cpu, &f);
		cpu_iret(cpu, &f);
	}
}

static void wild_tables_stop_the_machine_at_worst(void **state)
{
	unsigned panics = 0;

	(void)state;
	for (u64 seed = 1; seed <= 150; seed++) {
		struct prng p;
		int r;

		teardown(NULL);
		setup(NULL);
		prng_seed(&p, seed, 4);
		r = machine_call(m, wild_tables, &p);
		assert_true(r == 0 || r == -EIO);
		panics += r != 0;
	}
	assert_true(panics > 5 && panics < 145);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_page_fault_in_user_code_pushes_the_whole_frame_on_rsp0),
		T(an_exception_at_cpl_0_stays_on_its_stack_aligned_to_16),
		T(a_trap_gate_leaves_interrupts_on),
		T(an_ist_gate_switches_stacks_even_at_cpl_0),
		T(a_bad_gate_becomes_the_fault_of_the_manual),
		T(a_bad_stack_is_ts_ss_or_a_page_fault),
		T(two_contributory_faults_are_a_double_fault),
		T(a_page_fault_while_delivering_one_is_a_double_fault_with_the_second_address),
		T(a_page_fault_while_delivering_gp_is_delivered_itself),
		T(a_fault_while_delivering_a_double_fault_stops_the_machine),
		T(int_n_checks_the_gates_dpl),
		T(iret_returns_to_user_code_and_back_to_the_kernel),
		T(iret_checks_everything),
		T(a_returned_nmi_may_come_again),
		T(syscall_and_sysret_go_there_and_back),
		T(sysret_and_syscall_refuse_what_the_manual_refuses),
		T(swapgs_swaps),
		T(native_code_takes_interrupts_at_cpl_0_and_at_cpl_3),
		T(an_interrupt_of_native_code_to_no_gate_panics),
		T(wild_tables_stop_the_machine_at_worst),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
