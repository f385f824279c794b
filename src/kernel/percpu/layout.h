/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_PERCPU_LAYOUT_H
#define KERNEL_PERCPU_LAYOUT_H

/*
 * Where things stand in the simulated kernel's address space (Linux's x86-64 map, 4 levels), and
 * the exact conversions between the three names of a byte of RAM: host pointer, physical address,
 * address in the direct map.
 */

#include "hw/cpu.h"
#include "hw/machine.h"
#include "hw/stack.h"
#include "lib/types.h"

#define DIRECT_MAP_BASE 0xffff888000000000ull	/* va = base + pa, for every byte of RAM */
#define DIRECT_MAP_END 0xffffc88000000000ull	/* 64 TiB later */
#define KERNEL_IMAGE_BASE 0xffffffff81000000ull /* gate 0 stands here; the gates fill 2 pages */
#define TASK_SIZE 0x7ffffffff000ull		/* user addresses end here */

/* A host pointer into the running machine's RAM as a physical address. */
static inline u64 host_to_pa(const void *p)
{
	return (u64)((const u8 *)p - this_machine()->ram);
}
/* The host pointer of a physical address of RAM. */
static inline void *pa_to_host(u64 pa)
{
	return phys_to_host(this_machine(), pa);
}
/* The direct map's address of a physical address, and back. */
static inline u64 pa_to_va(u64 pa)
{
	return DIRECT_MAP_BASE + pa;
}
static inline u64 va_to_pa(u64 va)
{
	return va - DIRECT_MAP_BASE;
}
/* The same for host pointers. */
static inline u64 host_to_va(const void *p)
{
	return pa_to_va(host_to_pa(p));
}
static inline void *va_to_host(u64 va)
{
	return pa_to_host(va_to_pa(va));
}
/* True when len bytes at va lie in the direct map of machine m's RAM. */
static inline bool va_in_direct_map(const struct machine *m, u64 va, u64 len)
{
	return va >= DIRECT_MAP_BASE && va < DIRECT_MAP_END && phys_is_ram(m, va_to_pa(va), len);
}

#endif
