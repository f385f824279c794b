/* SPDX-License-Identifier: MIT */
/*
 * The HPET's main counter: a 14.318180 MHz clock in a page of registers.
 *
 * Called by the MMIO dispatch in mmu.c. Calls nothing. Must not know who reads.
 *
 * Started at cycle 0 on a 2.4 GHz machine and read at cycle 2,400,000 (1 ms): 10^12 fs / 69,841,279
 * fs = 14318.18 -> 14318.
 *
 *	0x000 capabilities: period << 32 | 64-bit counter | one timer | revision 1
 *	0x010 bit 0: the counter runs
 *	0x0f0 the counter, writable while it stands
 *
 *	H1 the counter is computed from the clock when read; nothing happens by itself, no event
 *	   exists;
 *	H2 it never goes back while it runs, and reads the same on every CPU at the same time.
 *
 * The comparators are absent: timer 0's registers read 0, so it can raise nothing.
 *
 * Units: registers in bytes, time in cycles. Owner: the machine. Locking: none. Errors: odd sizes
 * read 0 and write nothing. Time: none.
 * Source: IA-PC HPET specification 1.0a, 2.3.
 */
#include "hw/hpet.h"

#include "hw/machine.h"
#include "lib/compiler.h"

#define HPET_CAP 0x000u
#define HPET_CFG 0x010u
#define HPET_COUNTER 0x0f0u
#define CFG_ENABLE 1u

/* One cycle is 10^12 / tsc_khz fs; the product needs 128 bits after five hours of virtual time. */
static u64 ticks_of(const struct machine *m, u64 cycles)
{
	return (u64)((u128)cycles * 1000000000000ull / ((u128)m->cost->tsc_khz * HPET_PERIOD_FS));
}

static u64 counter(const struct machine *m, u64 now)
{
	const struct hpet *h = &m->hpet;

	if (!(h->config & CFG_ENABLE) || now < h->start_time)
		return h->counter_base;
	return h->counter_base + ticks_of(m, now - h->start_time);
}

static u64 read_register(const struct machine *m, u64 offset, u64 now)
{
	switch (offset) {
	case HPET_CAP:
		return (u64)HPET_PERIOD_FS << 32 | 0x8086u << 16 | 1u << 13 | 1;
	case HPET_CFG:
		return m->hpet.config;
	case HPET_COUNTER:
		return counter(m, now);
	}
	return 0;
}

u64 hpet_read(struct machine *m, u64 offset, unsigned size, u64 now)
{
	u64 v = read_register(m, offset & ~7ull, now);

	if (size == 8 && !(offset & 7))
		return v;
	if (size == 4 && !(offset & 3))
		return (u32)(v >> (8 * (offset & 4)));
	return 0;
}

void hpet_write(struct machine *m, u64 offset, unsigned size, u64 value, u64 now)
{
	struct hpet *h = &m->hpet;
	u64 reg = offset & ~7ull, old = read_register(m, reg, now);

	if (size == 4 && !(offset & 3))
		value = offset & 4 ? (old & 0xffffffff) | value << 32 :
				     (old & ~0xffffffffull) | (u32)value;
	else if (size != 8 || (offset & 7))
		return;
	if (reg == HPET_COUNTER && !(h->config & CFG_ENABLE))
		h->counter_base = value;
	if (reg != HPET_CFG)
		return;
	if ((value ^ h->config) & CFG_ENABLE) {
		h->counter_base = counter(m, now);
		h->start_time = now;
	}
	h->config = value & CFG_ENABLE;
}
