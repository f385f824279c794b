/* SPDX-License-Identifier: MIT */
/*
 * Memory for kernel data that is never given back.
 *
 * Every floor calls it from its init function for roots and tables; it calls the arena and knows
 * nothing else.
 *
 *   arena:  | struct machine | RAM ... | stacks ... | memmap | sched_root | rq 0 | rq 1 | ...
 *                                                  ^ used_bytes moves right, never left
 *
 * K1 The bytes are zero and aligned to a cache line, so two CPUs' data never share one by accident
 *    of order.
 * K2 Nothing here is simulated RAM: a guest's memory pressure neither causes nor sees it.
 *
 * Units: bytes. Owner: the machine; freed with its arena. Locking: none, boot is one CPU; later
 * calls happen between charges. Errors: NULL when the reservation is used up. Time: charges
 * nothing. Source: memblock's role in Linux's boot.
 */
#include "kernel/percpu/kernel.h"

#include "hw/machine.h"

#define CACHE_LINE_BYTES 64

void *boot_alloc(struct kernel *k, u64 size_bytes)
{
	return arena_carve(&k->m->arena, size_bytes, CACHE_LINE_BYTES);
}
