/* SPDX-License-Identifier: MIT */
#ifndef HW_HPET_H
#define HW_HPET_H

/*
 * The HPET's main counter at 0xFED00000: 14.318180 MHz, period 69,841,279 fs (IA-PC HPET
 * specification 1.0a, 2.3.4).
 */

#include "lib/types.h"

struct machine;

#define HPET_BASE 0xFED00000ull
#define HPET_PERIOD_FS 69841279u

struct hpet {
	u64 config;	  /* bit 0: counter runs */
	u64 counter_base; /* counter value at start_time */
	u64 start_time;	  /* cycles */
};

u64 hpet_read(struct machine *m, u64 offset, unsigned size, u64 now);
void hpet_write(struct machine *m, u64 offset, unsigned size, u64 value, u64 now);

#endif
