/* SPDX-License-Identifier: MIT */
/*
 * Entry and exit: how a CPU changes privilege. Interrupts and exceptions through the IDT, IRET,
 * SYSCALL, SYSRET, SWAPGS.
 *
 * Called by the interpreter and, with the same functions, by native C; cpu_poll is where C that
 * charges time meets the engine and takes interrupts. Calls the MMU for every byte of GDT, IDT, TSS
 * and stack, cpu_enter_gate for handlers in C. Must not know any kernel.
 *
 * A #PF at CPL 3, RSP 0x7fff0008, TSS.RSP0 0xffff888000104000, IDT gate 14 an interrupt gate to
 * 0xffffffff810000e0 without IST:
 *
 *	0xffff888000103ff8  SS       0x2b
 *	0xffff888000103ff0  RSP      0x7fff0008
 *	0xffff888000103fe8  RFLAGS   0x10246 (RF set: a fault)
 *	0xffff888000103fe0  CS       0x33
 *	0xffff888000103fd8  RIP
 *	0xffff888000103fd0  error    0x6	<- RSP
 *
 * and then CPL 0, CS 0x10, SS 0 (null), IF 0, RIP the gate's.
 *
 *	N1 nothing of the CPU changes before every check and the whole frame's write have passed
 *	   (one write of 40 or 48 bytes);
 *	N2 a fault while delivering is combined by the manual's classes: contributory +
 *	   contributory, #PF + (#PF or contributory) is #DF; any of these while delivering #DF is
 *	   shutdown, which stops the machine; everything else is delivered instead of the first;
 *	N3 tables are read as implicit supervisor accesses and each index is checked against its
 *	   limit first;
 *	N4 cpu_poll never returns with now >= horizon, nor with an interrupt that could be taken;
 *	N5 after a gate the task may be on another CPU: this_cpu() is read again.
 *
 * Left out, so refused: 16- and 32-bit code segments (IRET to one is #GP), task gates and call
 * gates. RF acts on instruction breakpoints only, which are absent: it is pushed as the manual says
 * and not kept after IRET.
 *
 * Units: bytes, linear addresses. Owner, Locking: the CPU's runner. Errors: false and *f from
 * instructions; cpu_deliver always succeeds or stops the machine. Time: COST_EXCEPTION,
 * COST_INTERRUPT, COST_IRET, COST_SYSCALL, COST_SYSRET into pending_cost.
 * Source: Intel SDM 3A 6.10-6.15 (table 6-5: classes), SDM 2 INT n, IRET, SYSCALL, SYSRET, SWAPGS;
 * AMD APM 2 8.9.
 */
#include <string.h>

#include "hw/cpu.h"
#include "lib/compiler.h"

#define ATTR_TYPE 0xfu
#define ATTR_S 0x10u
#define ATTR_DPL(attr) (((attr) >> 5) & 3)
#define ATTR_P 0x80u
#define ATTR_L 0x2000u
#define ATTR_DB 0x4000u
#define TYPE_CODE 0x8u
#define TYPE_CONFORMING 0x4u
#define TYPE_WRITABLE 0x2u
#define SEL_INDEX(sel) ((sel)&0xfffcu)
#define SEL_TI 4u
#define RFLAGS_IRET (FLAGS_ARITH | FLAG_TF | FLAG_DF | FLAG_NT | FLAG_AC | FLAG_ID)
#define RFLAGS_SYSRET                                                                              \
	(FLAGS_ARITH | FLAG_TF | FLAG_IF | FLAG_DF | FLAG_IOPL | FLAG_NT | FLAG_AC | FLAG_ID)

static bool fault_sel(struct fault *f, u8 vector, u32 error)
{
	*f = (struct fault){ .vector = vector, .has_error = true, .error = error };
	return false;
}

/* --- descriptors --- */

/*
 * The 8 bytes of a code or data descriptor as a hidden part. *f is #GP(sel | ext) past the table's
 * limit, or the read's fault.
 */
static bool read_descriptor(struct cpu *cpu, u16 sel, u32 ext, struct segment *s, struct fault *f)
{
	u64 base = sel & SEL_TI ? cpu->ldtr.base : cpu->gdtr.base;
	u64 limit = sel & SEL_TI ? cpu->ldtr.limit : cpu->gdtr.limit;
	u64 d;

	if (((sel & SEL_TI) && !SEL_INDEX(cpu->ldtr.sel)) || (u32)(sel & ~7u) + 7 > limit)
		return fault_sel(f, VEC_GP, SEL_INDEX(sel) | ext);
	if (!mmu_read_implicit(cpu, base + (sel & ~7u), &d, sizeof(d), f))
		return false;
	s->sel = sel;
	s->attr = (d >> 40) & 0xf0ff;
	s->limit = (d & 0xffff) | (d >> 32 & 0xf0000);
	if (d >> 55 & 1)
		s->limit = s->limit << 12 | 0xfff;
	s->base = (d >> 16 & 0xffffff) | (d >> 32 & 0xff000000);
	return true;
}

static bool is_code64(u16 attr)
{
	return (attr & ATTR_S) && (attr & TYPE_CODE) && (attr & ATTR_L) && !(attr & ATTR_DB);
}

static struct segment flat_segment(u16 sel, u16 attr)
{
	return (struct segment){ .sel = sel, .attr = attr, .limit = 0xffffffff };
}

/* --- delivery --- */

/* A stack pointer from the TSS: RSP0-2 at 4, IST1-7 at 36. */
static bool tss_stack(struct cpu *cpu, unsigned offset, u32 ext, u64 *rsp, struct fault *f)
{
	if (offset + 7 > cpu->tr.limit)
		return fault_sel(f, VEC_TS, SEL_INDEX(cpu->tr.sel) | ext);
	return mmu_read_implicit(cpu, cpu->tr.base + offset, rsp, sizeof(*rsp), f);
}

struct delivery {
	u8 vector;
	bool software; /* INT n, INT3: the gate's DPL is checked */
	u32 ext;       /* bit 0 of selector error codes: not caused by INT n */
	bool has_error;
	u32 error;
	u64 rip;    /* to push */
	u64 rflags; /* to push */
};

/* Write the frame below rsp. A stack fault is #SS(ext) when non-canonical. */
static bool push_frame(struct cpu *cpu, const struct delivery *d, u64 *rsp, bool user,
		       struct fault *f)
{
	u64 frame[6] = { d->error,  d->rip,	 cpu->seg[SEG_CS].sel,
			 d->rflags, cpu->r[RSP], cpu->seg[SEG_SS].sel };
	unsigned skip = d->has_error ? 0 : 1;
	unsigned len = (6 - skip) * 8;
	u64 to = (*rsp & ~15ull) - len;
	u8 cpl = cpu->cpl;
	bool ok;

	if (!is_canonical(to) || !is_canonical(to + len - 1))
		return fault_sel(f, VEC_SS, d->ext);
	/*
	 * The pushes are made at the new privilege; a supervisor push from CPL 3 must not use CPL
	 * 3's index.
	 */
	cpu->implicit_access = !user && cpl == 3;
	ok = mmu_write(cpu, to, frame + skip, len, user, f);
	cpu->implicit_access = false;
	*rsp = to;
	return ok;
}

/*
 * One pass of the manual's INT pseudo-code for IA-32e mode. false: *f is what went wrong; nothing
 * has changed (N1).
 */
static bool deliver_once(struct cpu *cpu, const struct delivery *d, struct fault *f)
{
	u32 vec_error = d->vector * 8u + 2 + d->ext;
	u64 gate[2], rsp = cpu->r[RSP], target;
	struct segment cs;
	unsigned ist, cpl;
	u16 attr, sel;

	if (d->vector * 16u + 15 > cpu->idtr.limit)
		return fault_sel(f, VEC_GP, vec_error);
	if (!mmu_read_implicit(cpu, cpu->idtr.base + d->vector * 16u, gate, sizeof(gate), f))
		return false;
	attr = gate[0] >> 40 & 0xff;
	if ((attr & 0x1e) != 0xe) /* S = 0, type 14 or 15 */
		return fault_sel(f, VEC_GP, vec_error);
	if (d->software && ATTR_DPL(attr) < cpu->cpl)
		return fault_sel(f, VEC_GP, vec_error);
	if (!(attr & ATTR_P))
		return fault_sel(f, VEC_NP, vec_error);
	target = (gate[0] & 0xffff) | (gate[0] >> 32 & 0xffff0000) | gate[1] << 32;
	ist = gate[0] >> 32 & 7;
	sel = gate[0] >> 16;

	if (!SEL_INDEX(sel))
		return fault_sel(f, VEC_GP, d->ext);
	if (!read_descriptor(cpu, sel, d->ext, &cs, f))
		return false;
	if (!is_code64(cs.attr) || ATTR_DPL(cs.attr) > cpu->cpl)
		return fault_sel(f, VEC_GP, SEL_INDEX(sel) | d->ext);
	if (!(cs.attr & ATTR_P))
		return fault_sel(f, VEC_NP, SEL_INDEX(sel) | d->ext);
	cpl = cs.attr & TYPE_CONFORMING ? cpu->cpl : ATTR_DPL(cs.attr);
	if (ist) {
		if (!tss_stack(cpu, 36 + (ist - 1) * 8, d->ext, &rsp, f))
			return false;
	} else if (cpl < cpu->cpl) {
		if (!tss_stack(cpu, 4 + cpl * 8, d->ext, &rsp, f))
			return false;
	}
	if (!is_canonical(target))
		return fault_sel(f, VEC_GP, d->ext);
	if (!push_frame(cpu, d, &rsp, cpl == 3, f))
		return false;

	cs.sel = SEL_INDEX(sel) | cpl;
	if (cpl < cpu->cpl)
		cpu->seg[SEG_SS] = flat_segment(cpl, 0xc093 | cpl << 5);
	cpu->seg[SEG_CS] = cs;
	cpu->r[RSP] = rsp;
	cpu->rip = target;
	cpu_set_rflags(cpu, d->rflags & ~(FLAG_TF | FLAG_NT | FLAG_VM | FLAG_RF |
					  (attr & 1 ? 0 : FLAG_IF)));
	cpu->irq_shadow = false;
	cpu_set_cpl(cpu, cpl);
	return true;
}

static bool contributory(u8 v)
{
	return v == VEC_DE || (v >= VEC_TS && v <= VEC_GP);
}

static bool double_fault(u8 first, u8 second)
{
	if (contributory(first))
		return contributory(second);
	return first == VEC_PF && (contributory(second) || second == VEC_PF);
}

/*
 * N2. Each round either delivers or moves up the classes, so four rounds are enough; shutdown ends
 * the rest.
 */
static void deliver(struct cpu *cpu, struct delivery d, bool exception, u64 cr2)
{
	struct fault f;

	for (;;) {
		u8 first = exception ? d.vector : 0xff;

		if (exception && d.vector == VEC_PF)
			cpu->cr2 = cr2;
		if (deliver_once(cpu, &d, &f))
			return;
		if (exception && first == VEC_DF)
			machine_panic(
				cpu->m,
				"triple fault on CPU %u: vector %u error %#x while delivering #DF",
				cpu->index, f.vector, f.error);
		if (exception && double_fault(first, f.vector))
			f = (struct fault){ .vector = VEC_DF, .has_error = true };
		d.vector = f.vector;
		d.has_error = f.has_error;
		d.error = f.error;
		d.software = false;
		d.ext = 1;
		d.rflags |= FLAG_RF;
		cr2 = f.cr2;
		exception = true;
		cpu->nr_exceptions[f.vector & 31]++;
	}
}

/*
 * #DB is judged a trap here (no instruction breakpoints), #BP and #OF are traps; the rest are
 * faults and push RF.
 */
static bool is_trap(u8 v)
{
	return v == VEC_DB || v == VEC_BP || v == VEC_OF || v == VEC_NMI;
}

/* WALK 3/10 -> the IDT's gate for vector 14, kernel/irq/entry.c */
void cpu_deliver(struct cpu *cpu, const struct fault *f)
{
	struct machine *m = cpu->m;
	u64 rflags = cpu_rflags(cpu) & ~FLAG_RF;

	cpu->nr_exceptions[f->vector & 31]++;
	cpu->pending_cost += m->cost->cycles[COST_EXCEPTION];
	trace_emit(m, cpu, TRACE_EXCEPTION, m->pid_of && cpu->stack ? m->pid_of(cpu->stack) : 0,
		   f->vector | (u64)(f->has_error ? f->error : 0) << 32, cpu->rip);
	deliver(cpu,
		(struct delivery){ .vector = f->vector,
				   .ext = 1,
				   .has_error = f->has_error,
				   .error = f->error,
				   .rip = cpu->rip,
				   .rflags = is_trap(f->vector) ? rflags : rflags | FLAG_RF },
		true, f->cr2);
}

bool cpu_int_n(struct cpu *cpu, u8 vector, u64 next_rip, struct fault *f)
{
	struct delivery d = { .vector = vector,
			      .software = true,
			      .rip = next_rip,
			      .rflags = cpu_rflags(cpu) & ~FLAG_RF };

	if (!deliver_once(cpu, &d, f))
		return false;
	cpu->pending_cost += cpu->m->cost->cycles[COST_EXCEPTION];
	return true;
}

static void deliver_external(struct cpu *cpu, u8 vector)
{
	cpu->nr_interrupts++;
	cpu->pending_cost += cpu->m->cost->cycles[COST_INTERRUPT];
	deliver(cpu,
		(struct delivery){ .vector = vector,
				   .ext = 1,
				   .rip = cpu->rip,
				   .rflags = cpu_rflags(cpu) & ~FLAG_RF },
		false, 0);
}

bool cpu_take_interrupt(struct cpu *cpu)
{
	int vector;

	if (cpu->irq_shadow)
		return false;
	if (cpu->nmi_pending && !cpu->nmi_blocked) {
		cpu->nmi_pending = false;
		cpu->nmi_blocked = true;
		lapic_update(cpu, cpu->now);
		deliver_external(cpu, VEC_NMI);
		return true;
	}
	if (!(cpu->rflags & FLAG_IF))
		return false;
	vector = lapic_ack(cpu);
	if (vector < 0)
		return false;
	deliver_external(cpu, vector);
	return true;
}

static bool interrupt_wanted(const struct cpu *cpu)
{
	if (!cpu->irq_line || cpu->irq_shadow)
		return false;
	return (cpu->rflags & FLAG_IF) || (cpu->nmi_pending && !cpu->nmi_blocked);
}

void cpu_poll(struct cpu *cpu)
{
	for (;;) {
		if (cpu->now >= cpu->horizon)
			engine_slice(cpu);
		cpu = this_cpu();
		if (interrupt_wanted(cpu) && cpu_take_interrupt(cpu)) {
			/* The frame returns to C: only C can be the handler. */
			if (!cpu_enter_gate(cpu))
				machine_panic(cpu->m,
					      "interrupt of native code to %#llx, which is no gate",
					      (unsigned long long)cpu->rip);
			cpu = this_cpu();
			cpu->now += cpu->pending_cost;
			cpu->pending_cost = 0;
			continue;
		}
		if (cpu->now < cpu->horizon)
			return;
	}
}

/* --- IRET --- */

static bool check_return_cs(struct cpu *cpu, u16 sel, struct segment *cs, struct fault *f)
{
	unsigned rpl = sel & 3, dpl;

	if (!SEL_INDEX(sel))
		return fault_sel(f, VEC_GP, 0);
	if (!read_descriptor(cpu, sel, 0, cs, f))
		return false;
	dpl = ATTR_DPL(cs->attr);
	if (!is_code64(cs->attr) || rpl < cpu->cpl ||
	    (cs->attr & TYPE_CONFORMING ? dpl > rpl : dpl != rpl))
		return fault_sel(f, VEC_GP, SEL_INDEX(sel));
	if (!(cs->attr & ATTR_P))
		return fault_sel(f, VEC_NP, SEL_INDEX(sel));
	return true;
}

static bool check_return_ss(struct cpu *cpu, u16 sel, unsigned cpl, struct segment *ss,
			    struct fault *f)
{
	if (!SEL_INDEX(sel)) {
		if (cpl == 3 || (sel & 3) != cpl)
			return fault_sel(f, VEC_GP, 0);
		*ss = flat_segment(sel, 0xc093 | cpl << 5);
		return true;
	}
	if (!read_descriptor(cpu, sel, 0, ss, f))
		return false;
	if ((sel & 3) != cpl || !(ss->attr & ATTR_S) || (ss->attr & TYPE_CODE) ||
	    !(ss->attr & TYPE_WRITABLE) || ATTR_DPL(ss->attr) != cpl)
		return fault_sel(f, VEC_GP, SEL_INDEX(sel));
	if (!(ss->attr & ATTR_P))
		return fault_sel(f, VEC_SS, SEL_INDEX(sel));
	return true;
}

/* Returning outwards, data segments of more privilege than the new CPL become null. */
static void drop_privileged_segments(struct cpu *cpu, unsigned cpl)
{
	static const u8 which[] = { SEG_ES, SEG_DS, SEG_FS, SEG_GS };

	for (unsigned i = 0; i < ARRAY_SIZE(which); i++) {
		struct segment *s = &cpu->seg[which[i]];
		bool conforming = (s->attr & (TYPE_CODE | TYPE_CONFORMING)) ==
				  (TYPE_CODE | TYPE_CONFORMING);

		if (SEL_INDEX(s->sel) && !conforming && ATTR_DPL(s->attr) < cpl)
			*s = (struct segment){ 0 };
	}
}

bool cpu_iret(struct cpu *cpu, struct fault *f)
{
	u64 frame[5], mask = RFLAGS_IRET, rflags = cpu_rflags(cpu);
	struct segment cs, ss;
	unsigned cpl;

	cpu->nmi_blocked = false;
	if (cpu->nmi_pending)
		lapic_update(cpu, cpu->now);
	if (rflags & FLAG_NT)
		return fault_sel(f, VEC_GP, 0);
	if (!is_canonical(cpu->r[RSP]) || !is_canonical(cpu->r[RSP] + sizeof(frame) - 1))
		return fault_sel(f, VEC_SS, 0);
	if (!mmu_read(cpu, cpu->r[RSP], frame, sizeof(frame), cpu->cpl == 3, f))
		return false;
	cpl = frame[1] & 3;
	if (!check_return_cs(cpu, frame[1], &cs, f) || !check_return_ss(cpu, frame[4], cpl, &ss, f))
		return false;
	if (!is_canonical(frame[0]))
		return fault_sel(f, VEC_GP, 0);

	if (cpu->cpl == 0)
		mask |= FLAG_IOPL;
	if (cpu->cpl <= (rflags & FLAG_IOPL) >> 12)
		mask |= FLAG_IF;
	if (cpl > cpu->cpl)
		drop_privileged_segments(cpu, cpl);
	cpu->rip = frame[0];
	cpu->r[RSP] = frame[3];
	cpu->seg[SEG_CS] = cs;
	cpu->seg[SEG_SS] = ss;
	cpu_set_rflags(cpu, (rflags & ~mask & ~FLAG_RF) | (frame[2] & mask) | FLAG_FIXED);
	cpu_set_cpl(cpu, cpl);
	cpu->irq_shadow = false;
	cpu->pending_cost += cpu->m->cost->cycles[COST_IRET];
	return true;
}

/* --- fast system calls --- */

bool cpu_syscall(struct cpu *cpu, u64 next_rip, struct fault *f)
{
	u64 rflags = cpu_rflags(cpu) & ~FLAG_RF;
	u16 sel = cpu->star >> 32 & 0xfffc;

	if (!(cpu->efer & EFER_SCE) || !(cpu->efer & EFER_LMA)) {
		*f = (struct fault){ .vector = VEC_UD };
		return false;
	}
	cpu->r[RCX] = next_rip;
	cpu->r[R11] = rflags;
	cpu->rip = cpu->lstar;
	cpu_set_rflags(cpu, (rflags & ~cpu->sfmask) | FLAG_FIXED);
	cpu->seg[SEG_CS] = flat_segment(sel, 0xa09b);
	cpu->seg[SEG_SS] = flat_segment(sel + 8, 0xc093);
	cpu->irq_shadow = false;
	cpu_set_cpl(cpu, 0);
	cpu->nr_syscalls++;
	cpu->pending_cost += cpu->m->cost->cycles[COST_SYSCALL];
	return true;
}

bool cpu_sysret(struct cpu *cpu, struct fault *f)
{
	u16 base = cpu->star >> 48;

	if (!(cpu->efer & EFER_SCE) || !(cpu->efer & EFER_LMA)) {
		*f = (struct fault){ .vector = VEC_UD };
		return false;
	}
	if (cpu->cpl != 0 || !is_canonical(cpu->r[RCX]))
		return fault_sel(f, VEC_GP, 0);
	cpu->rip = cpu->r[RCX];
	cpu_set_rflags(cpu, (cpu->r[R11] & RFLAGS_SYSRET) | FLAG_FIXED);
	cpu->seg[SEG_CS] = flat_segment((base + 16) | 3, 0xa0fb);
	cpu->seg[SEG_SS] = flat_segment((base + 8) | 3, 0xc0f3);
	cpu->irq_shadow = false;
	cpu_set_cpl(cpu, 3);
	cpu->pending_cost += cpu->m->cost->cycles[COST_SYSRET];
	return true;
}

void cpu_swapgs(struct cpu *cpu)
{
	u64 v = cpu->r[REG_GSBASE];

	cpu->r[REG_GSBASE] = cpu->kernel_gs_base;
	cpu->kernel_gs_base = v;
}
