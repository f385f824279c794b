/* SPDX-License-Identifier: MIT */
/*
 * The local APIC: vectors pending and in service, the timer, interrupts between CPUs.
 *
 * Called through the MMIO page by any code, through the same registers by kernel C, and by
 * cpu_take_interrupt for the INTA cycle. Calls the engine: events for the timer and for IPIs in
 * flight, engine_irq_line to move the CPU. Must not know what a vector means.
 *
 * CPU 1 at 7000 sends vector 0xfd to CPU 0 (flight 1200 cycles): CPU 0's ipi_flying gets bit 0xfd,
 * ipi_at[0xfd] = 8200, one event at 8200. CPU 2 sends the same vector at 7100: it joins the one in
 * flight. At 8200: IRR bit 0xfd, PPR 0x00 < 0xfd, the line goes up, the halted CPU runs at 8200.
 *
 *	L1 the line is up exactly while an NMI waits unblocked, or the software-enabled APIC's
 *	   highest IRR class is above PPR's;
 *	L2 an edge is never lost: a vector raised again while in service stays in IRR until taken;
 *	L3 a joined IPI arrives no later than it would alone, and after it was sent: its handler
 *	   sees what its sender did before sending;
 *	L4 the timer's event exists exactly while a future expiry would do something (unmasked,
 *	   count or deadline armed, enabled);
 *	L5 the count register is computed from the clock when read, never stepped.
 *
 * Left out, so ignored: INIT, SIPI, SMI, ExtINT, cluster logical destinations, thermal and
 * performance interrupts (their LVTs are storage).
 *
 * Units: timer counts of (apic_hz_div * divider) cycles, rounded up to whole cycles by
 * construction. Owner: the CPU. Locking: none.
 * Errors: illegal vectors and registers go to ESR. Time: IPIs fly COST_IPI cycles; nothing is
 * charged here.
 * Source: Intel SDM 3A ch. 11 (register formats), 11.5.4 (timer), 11.6 (ICR), 11.8.3 (priorities),
 * 11.8.4 (IRR/ISR).
 */
#include "hw/lapic.h"

#include <string.h>

#include "hw/cpu.h"
#include "lib/compiler.h"

#define LVR_VALUE 0x00050014u /* integrated, version 0x14, LVT entries 0..5 */
#define ESR_SEND_ILLEGAL (1u << 5)
#define ESR_RECV_ILLEGAL (1u << 6)
#define ESR_REGISTER (1u << 7)
#define LVT_TIMER 0
#define LVT_ERROR 5
#define LVT_TIMER_MODE (3u << 17)
#define ICR_LOGICAL (1u << 11)
#define ICR_SHORTHAND (3u << 18)
#define NMI_SLOT 2u /* of ipi_flying: no fixed vector is below 16 */

static bool enabled(const struct lapic *l)
{
	return l->spiv & APIC_SPIV_ENABLE;
}

/* --- priorities --- */

static int highest(const u32 v[8], u8 words)
{
	unsigned i;

	if (!words)
		return -1;
	i = 31 - __builtin_clz(words);
	return i * 32 + 31 - __builtin_clz(v[i]);
}

static void set_vector(u32 v[8], u8 *words, unsigned n)
{
	v[n / 32] |= 1u << (n % 32);
	*words |= 1u << (n / 32);
}

static void clear_vector(u32 v[8], u8 *words, unsigned n)
{
	v[n / 32] &= ~(1u << (n % 32));
	if (!v[n / 32])
		*words &= ~(1u << (n / 32));
}

static u32 ppr(const struct lapic *l)
{
	int isr = highest(l->isr, l->isr_words);
	u32 isr_class = isr < 0 ? 0 : isr & 0xf0;

	return (l->tpr & 0xf0) >= isr_class ? l->tpr : isr_class;
}

bool lapic_has_interrupt(const struct cpu *cpu)
{
	int irr = highest(cpu->lapic.irr, cpu->lapic.irr_words);

	return irr >= 0 && enabled(&cpu->lapic) && ((u32)irr & 0xf0) > (ppr(&cpu->lapic) & 0xf0);
}

void lapic_update(struct cpu *cpu, u64 at)
{
	engine_irq_line(cpu, (cpu->nmi_pending && !cpu->nmi_blocked) || lapic_has_interrupt(cpu),
			at);
}

static void error(struct cpu *cpu, u32 bit, u64 at)
{
	struct lapic *l = &cpu->lapic;
	bool first = !(l->esr_pending & bit);
	u32 lvt = l->lvt[LVT_ERROR];

	l->esr_pending |= bit;
	/*
	 * An error interrupt with an illegal vector would be an error: only legal ones are raised,
	 * so this ends.
	 */
	if (first && !(lvt & APIC_LVT_MASKED) && (lvt & 0xff) >= 16)
		lapic_raise(cpu, lvt & 0xff, at);
}

void lapic_raise(struct cpu *cpu, unsigned vector, u64 at)
{
	struct lapic *l = &cpu->lapic;

	if (vector < 16 || vector > 255) {
		error(cpu, ESR_RECV_ILLEGAL, at);
		return;
	}
	if (!enabled(l))
		return;
	set_vector(l->irr, &l->irr_words, vector);
	l->tmr[vector / 32] &= ~(1u << (vector % 32));
	lapic_update(cpu, at);
}

int lapic_ack(struct cpu *cpu)
{
	struct lapic *l = &cpu->lapic;
	int vector;

	if (!lapic_has_interrupt(cpu)) {
		lapic_update(cpu, cpu->now);
		return -1;
	}
	vector = highest(l->irr, l->irr_words);
	clear_vector(l->irr, &l->irr_words, vector);
	set_vector(l->isr, &l->isr_words, vector);
	lapic_update(cpu, cpu->now);
	return vector;
}

static void eoi(struct cpu *cpu)
{
	struct lapic *l = &cpu->lapic;
	int isr = highest(l->isr, l->isr_words);

	if (isr >= 0)
		clear_vector(l->isr, &l->isr_words, isr);
	lapic_update(cpu, cpu->now);
}

/* --- the timer --- */

/* Divide configuration: bits 3, 1, 0; 0 is by 2, ..., 6 is by 128, 7 is by 1. */
static u64 timer_period(const struct cpu *cpu)
{
	u32 tdcr = cpu->lapic.tdcr;
	u32 code = (tdcr & 3) | (tdcr & 8) >> 1;

	return (u64)cpu->m->cost->apic_hz_div << (code == 7 ? 0 : code + 1);
}

static u32 timer_mode(const struct lapic *l)
{
	return l->lvt[LVT_TIMER] & LVT_TIMER_MODE;
}

static void timer_program(struct cpu *cpu, u64 now);

static void timer_fired(struct machine *m, struct event *e)
{
	struct lapic *l = container_of(e, struct lapic, timer);
	struct cpu *cpu = container_of(l, struct cpu, lapic);

	(void)m;
	l->nr_timer++;
	switch (timer_mode(l)) {
	case APIC_LVT_TIMER_PERIODIC:
		timer_program(cpu, e->time);
		break;
	case APIC_LVT_TIMER_TSCDEADLINE:
		l->tsc_deadline = 0;
		break;
	}
	lapic_raise(cpu, l->lvt[LVT_TIMER] & 0xff, e->time);
}

/* Make the event what the registers say, as of `now` (L4). */
static void timer_program(struct cpu *cpu, u64 now)
{
	struct lapic *l = &cpu->lapic;
	u64 span = l->tmict * timer_period(cpu);
	u64 at;

	event_cancel(cpu->m, &l->timer);
	if ((l->lvt[LVT_TIMER] & APIC_LVT_MASKED) || !enabled(l))
		return;
	switch (timer_mode(l)) {
	case APIC_LVT_TIMER_ONESHOT:
		if (!l->tmict || now - l->timer_start >= span)
			return;
		at = l->timer_start + span;
		break;
	case APIC_LVT_TIMER_PERIODIC:
		if (!l->tmict)
			return;
		at = l->timer_start + ((now - l->timer_start) / span + 1) * span;
		break;
	case APIC_LVT_TIMER_TSCDEADLINE:
		if (!l->tsc_deadline)
			return;
		/* The deadline is a TSC value; one already past fires at once. */
		at = l->tsc_deadline > now + cpu->tsc_offset ? l->tsc_deadline - cpu->tsc_offset :
							       now;
		break;
	default:
		return;
	}
	event_schedule(cpu->m, &l->timer, EV_TIMER, cpu->index, at, timer_fired);
}

static u32 timer_count(const struct cpu *cpu)
{
	const struct lapic *l = &cpu->lapic;
	u64 ticks;

	if (!l->tmict || timer_mode(l) == APIC_LVT_TIMER_TSCDEADLINE)
		return 0;
	ticks = (cpu->now - l->timer_start) / timer_period(cpu);
	if (timer_mode(l) == APIC_LVT_TIMER_PERIODIC)
		return l->tmict - ticks % l->tmict;
	return ticks >= l->tmict ? 0 : l->tmict - ticks;
}

static void timer_load(struct cpu *cpu, u32 count)
{
	struct lapic *l = &cpu->lapic;

	if (timer_mode(l) == APIC_LVT_TIMER_TSCDEADLINE)
		return; /* SDM: writes are ignored in this mode */
	l->tmict = count;
	l->timer_start = cpu->now;
	timer_program(cpu, cpu->now);
}

static void write_lvt_timer(struct cpu *cpu, u32 value)
{
	struct lapic *l = &cpu->lapic;
	u32 old = timer_mode(l);

	l->lvt[LVT_TIMER] = value & (0xff | APIC_LVT_MASKED | LVT_TIMER_MODE);
	/* Entering or leaving deadline mode disarms (SDM 3A 11.5.4.1). */
	if (old != timer_mode(l) &&
	    (old == APIC_LVT_TIMER_TSCDEADLINE || timer_mode(l) == APIC_LVT_TIMER_TSCDEADLINE)) {
		l->tmict = 0;
		l->tsc_deadline = 0;
	}
	timer_program(cpu, cpu->now);
}

void lapic_set_tsc_deadline(struct cpu *cpu, u64 deadline)
{
	if (timer_mode(&cpu->lapic) != APIC_LVT_TIMER_TSCDEADLINE)
		return;
	cpu->lapic.tsc_deadline = deadline;
	timer_program(cpu, cpu->now);
}

void lapic_tsc_changed(struct cpu *cpu)
{
	if (cpu->lapic.tsc_deadline)
		timer_program(cpu, cpu->now);
}

/* The divider changes the length of what is left, not the count that is left. */
static void write_tdcr(struct cpu *cpu, u32 value)
{
	struct lapic *l = &cpu->lapic;
	u32 left = timer_count(cpu);
	u64 done = l->tmict - left;

	l->tdcr = value & 0xb;
	if (l->tmict)
		l->timer_start = cpu->now - min(cpu->now, done * timer_period(cpu));
	timer_program(cpu, cpu->now);
}

/* --- IPIs --- */

static void ipi_program(struct cpu *cpu);

static void ipi_arrive(struct machine *m, struct event *e)
{
	struct lapic *l = container_of(e, struct lapic, ipi_event);
	struct cpu *cpu = container_of(l, struct cpu, lapic);

	(void)m;
	for (unsigned i = 0; i < 4; i++) {
		for (u64 w = l->ipi_flying[i]; w; w &= w - 1) {
			unsigned v = i * 64 + __builtin_ctzll(w);

			if (l->ipi_at[v] > e->time)
				continue;
			l->ipi_flying[i] &= ~(1ull << (v % 64));
			l->nr_ipi++;
			if (v == NMI_SLOT) {
				/*
				 * charge() looks at IF only, but this CPU is parked in a slice,
				 * after which cpu_poll looks again.
				 */
				cpu->nmi_pending = true;
				lapic_update(cpu, e->time);
			} else {
				lapic_raise(cpu, v, e->time);
			}
		}
	}
	ipi_program(cpu);
}

static void ipi_program(struct cpu *cpu)
{
	struct lapic *l = &cpu->lapic;
	u64 at = UINT64_MAX;

	for (unsigned i = 0; i < 4; i++)
		for (u64 w = l->ipi_flying[i]; w; w &= w - 1)
			at = min(at, l->ipi_at[i * 64 + __builtin_ctzll(w)]);
	if (at != UINT64_MAX)
		event_schedule(cpu->m, &l->ipi_event, EV_IPI, cpu->index, at, ipi_arrive);
}

static void ipi_send(struct cpu *to, unsigned slot, u64 at)
{
	struct lapic *l = &to->lapic;
	u64 bit = 1ull << (slot % 64);

	if ((l->ipi_flying[slot / 64] & bit) && l->ipi_at[slot] <= at)
		return; /* L3 */
	l->ipi_flying[slot / 64] |= bit;
	l->ipi_at[slot] = at;
	if (!event_pending(&l->ipi_event) || at < l->ipi_event.time)
		event_schedule(to->m, &l->ipi_event, EV_IPI, to->index, at, ipi_arrive);
}

static bool ipi_addresses(const struct cpu *from, const struct cpu *to, u32 dest, u32 low)
{
	switch (low & ICR_SHORTHAND) {
	case APIC_DEST_SELF:
		return to == from;
	case APIC_DEST_ALLINC:
		return true;
	case APIC_DEST_ALLBUT:
		return to != from;
	}
	if (low & ICR_LOGICAL) /* flat model */
		return to->lapic.dfr == 0xffffffff && ((to->lapic.ldr >> 24) & dest & 0xff);
	return dest == to->lapic.id || dest == 0xffffffff;
}

void lapic_icr(struct cpu *cpu, u32 dest, u32 low)
{
	struct machine *m = cpu->m;
	u64 at = cpu->now + cpu->pending_cost + m->cost->cycles[COST_IPI];
	u32 mode = low & (7u << 8);
	unsigned slot = low & 0xff;

	if (mode == APIC_ICR_NMI) {
		slot = NMI_SLOT;
	} else if (mode != APIC_ICR_FIXED) {
		return;
	} else if (slot < 16) {
		error(cpu, ESR_SEND_ILLEGAL, cpu->now);
		return;
	}
	if (!(low & (ICR_SHORTHAND | ICR_LOGICAL)) && dest < m->cfg.nr_cpus &&
	    m->cpu[dest]->lapic.id == dest) {
		ipi_send(m->cpu[dest], slot, at);
		return;
	}
	for (u32 i = 0; i < m->cfg.nr_cpus; i++)
		if (ipi_addresses(cpu, m->cpu[i], dest, low))
			ipi_send(m->cpu[i], slot, at);
}

/* --- registers --- */

void lapic_reset(struct cpu *cpu, u32 id)
{
	struct lapic *l = &cpu->lapic;

	event_cancel(cpu->m, &l->timer);
	event_cancel(cpu->m, &l->ipi_event);
	memset(l, 0, sizeof(*l));
	l->id = id;
	l->spiv = 0xff;
	l->dfr = 0xffffffff;
	for (unsigned i = 0; i < ARRAY_SIZE(l->lvt); i++)
		l->lvt[i] = APIC_LVT_MASKED;
	lapic_update(cpu, cpu->now);
}

/* LVT registers lie at 0x320, 0x330, ... in the order of lvt[]. */
static bool lvt_index(u32 offset, unsigned *i)
{
	*i = (offset - APIC_LVTT) >> 4;
	return offset >= APIC_LVTT && offset <= APIC_LVTERR;
}

u32 lapic_read(struct cpu *cpu, u32 offset)
{
	struct lapic *l = &cpu->lapic;
	unsigned i;

	if (offset >= APIC_ISR && offset < APIC_ISR + 0x80 && !(offset & 15))
		return l->isr[(offset - APIC_ISR) >> 4];
	if (offset >= APIC_TMR && offset < APIC_TMR + 0x80 && !(offset & 15))
		return l->tmr[(offset - APIC_TMR) >> 4];
	if (offset >= APIC_IRR && offset < APIC_IRR + 0x80 && !(offset & 15))
		return l->irr[(offset - APIC_IRR) >> 4];
	switch (offset) {
	case APIC_ID:
		return l->id << 24;
	case APIC_LVR:
		return LVR_VALUE;
	case APIC_TPR:
		return l->tpr;
	case APIC_PPR:
		return ppr(l);
	case APIC_EOI:
		return 0;
	case APIC_LDR:
		return l->ldr;
	case APIC_DFR:
		return l->dfr;
	case APIC_SPIV:
		return l->spiv;
	case APIC_ESR:
		return l->esr;
	case APIC_ICR:
		return l->icr;
	case APIC_ICR2:
		return l->icr2;
	case APIC_TMICT:
		return l->tmict;
	case APIC_TMCCT:
		return timer_count(cpu);
	case APIC_TDCR:
		return l->tdcr;
	}
	if (!(offset & 15) && lvt_index(offset, &i))
		return l->lvt[i];
	error(cpu, ESR_REGISTER, cpu->now);
	return 0;
}

static void write_spiv(struct cpu *cpu, u32 value)
{
	struct lapic *l = &cpu->lapic;

	l->spiv = value & 0x3ff;
	if (!enabled(l))
		for (unsigned i = 0; i < ARRAY_SIZE(l->lvt); i++)
			l->lvt[i] |= APIC_LVT_MASKED;
	timer_program(cpu, cpu->now);
	lapic_update(cpu, cpu->now);
}

void lapic_write(struct cpu *cpu, u32 offset, u32 value)
{
	struct lapic *l = &cpu->lapic;
	unsigned i;

	switch (offset) {
	case APIC_ID: /* read-only, as in current processors */
	case APIC_LVR:
	case APIC_PPR:
	case APIC_TMCCT:
		return;
	case APIC_TPR:
		l->tpr = value & 0xff;
		cpu->cr8 = l->tpr >> 4;
		lapic_update(cpu, cpu->now);
		return;
	case APIC_EOI:
		eoi(cpu);
		return;
	case APIC_LDR:
		l->ldr = value & 0xff000000;
		return;
	case APIC_DFR:
		l->dfr = value | 0x0fffffff;
		return;
	case APIC_SPIV:
		write_spiv(cpu, value);
		return;
	case APIC_ESR: /* a write latches what happened since the last one */
		l->esr = l->esr_pending;
		l->esr_pending = 0;
		return;
	case APIC_ICR:
		l->icr = value & 0x000ccfffu & ~APIC_ICR_BUSY;
		lapic_icr(cpu, l->icr2 >> 24 == 0xff ? 0xffffffff : l->icr2 >> 24, l->icr);
		return;
	case APIC_ICR2:
		l->icr2 = value & 0xff000000;
		return;
	case APIC_LVTT:
		write_lvt_timer(cpu, value | (enabled(l) ? 0 : APIC_LVT_MASKED));
		return;
	case APIC_TMICT:
		timer_load(cpu, value);
		return;
	case APIC_TDCR:
		write_tdcr(cpu, value);
		return;
	}
	if (!(offset & 15) && lvt_index(offset, &i)) {
		l->lvt[i] = (value & 0x1a7ff) | (enabled(l) ? 0 : APIC_LVT_MASKED);
		return;
	}
	error(cpu, ESR_REGISTER, cpu->now);
}
