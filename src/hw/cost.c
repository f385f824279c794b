/* SPDX-License-Identifier: MIT */
/*
 * What things cost: one table of rows with the source of each figure, one column a profile.
 *
 * Called by charge() through m->cost, by the hardware models through the same, and by whoever
 * prints the table. Calls nothing. This is the only place where a delay is invented.
 *
 * Reading the table: a load that misses the first-level TLB and hits the second on zen4 costs insn
 * + tlb_l2_hit = 1 + 7 cycles, 3.3 ns at 2.4 GHz; a four-level walk instead costs 1 + 4 * 6 = 25.
 *
 *	K1 under `zero` every row is 0 but insn, gate and lock_retry, which are 1: no loop stops the
 *	   clock;
 *	K2 a row whose source begins with "assumption" or ends in "(unverified)" is a placeholder
 *	   that says so; changing it is a new results epoch;
 *	K3 apic_hz_div divides the TSC exactly: 25 MHz in every profile.
 *
 * Units: TSC cycles of the profile. Owner: constants. Locking, Errors, Time: none.
 * Source: each row's. Base clocks: EPYC 9654 2.4 GHz (AMD product page), Xeon Platinum 8168 2.7 GHz
 * (Intel ARK). TLB shapes: CPUID leaf 2 and 8000_0005/6, AMD SOG 19h. The L2 TLB's instruction part
 * of Zen 4 (512 entries) is not modelled apart.
 */
#include "hw/cost.h"

#include <string.h>

#include "lib/compiler.h"

/*	row		zen4	skylake	zero	name	source */
#define COST_ROWS(X)                                                                               \
	X(INSN, 1, 1, 1, "insn",                                                                   \
	  "assumption: one instruction a cycle; retire width is not modelled")                     \
	X(GATE, 1, 1, 1, "gate",                                                                   \
	  "osim: entering C is one instruction's time, so no loop stops the clock")                \
	X(LOCK_RETRY, 58, 60, 1, "lock_retry",                                                     \
	  "one L3 load: Zen 4 58 cycles measured, Skylake-SP 40-70 (unverified)")                  \
	X(INSN_MUL, 2, 2, 0, "insn_mul", "IMUL latency 3: AMD SOG 19h, Intel optimization manual") \
	X(INSN_DIV, 9, 40, 0, "insn_div",                                                          \
	  "DIV r64 10-18 on Zen 4 (AMD SOG 19h), 42 on Skylake (uops.info)")                       \
	X(INSN_FP, 2, 3, 0, "insn_fp",                                                             \
	  "scalar add 3 on Zen 4, 4 on Skylake: AMD SOG 19h, Intel optimization manual")           \
	X(INSN_STRING_STEP, 1, 1, 0, "insn_string_step", "assumption: one REP iteration a cycle")  \
	X(TLB_L2_HIT, 7, 8, 0, "tlb_l2_hit", "measured on Zen 4: 7; Skylake 7-9")                  \
	X(WALK_STEP, 6, 6, 0, "walk_step",                                                         \
	  "measured on Zen 4: a walk of 4 cached entries is 15-37; Skylake 20-30 (unverified)")    \
	X(SYSCALL, 60, 65, 0, "syscall",                                                           \
	  "SYSCALL + SYSRET 70-100 without mitigations, SWAPGS 20-30 (all unverified)")            \
	X(SYSRET, 45, 50, 0, "sysret", "as syscall (unverified)")                                  \
	X(EXCEPTION, 440, 440, 0, "exception",                                                     \
	  "#PF entry on Haswell-EP: 440 cycles (lastweek.io)")                                     \
	X(INTERRUPT, 440, 440, 0, "interrupt", "assumption: as an exception")                      \
	X(IRET, 270, 270, 0, "iret", "#PF return on Haswell-EP: 270 cycles (lastweek.io)")         \
	X(CR3_WRITE, 100, 100, 0, "cr3_write",                                                     \
	  "order of 100 cycles: Linux, x86 page-table isolation documentation")                    \
	X(INVLPG, 288, 324, 0, "invlpg", "100-140 ns assumed on LKML in 2012; 120 ns here")        \
	X(IPI, 1200, 1500, 0, "ipi", "1,000-2,000 cycles one way (LATR)")                          \
	X(MSR_WRITE, 100, 100, 0, "msr_write", "assumption: a serialising WRMSR, order of CR3's")  \
	X(HLT_WAKE, 480, 540, 0, "hlt_wake", "assumption: 200 ns from C1")                         \
	X(LOCK_RMW, 18, 20, 0, "lock_rmw", "uncontended LOCK CMPXCHG: uops.info, 17-20 cycles")    \
	X(CACHELINE, 4, 4, 0, "cacheline", "assumption: 64 bytes at 16 bytes a cycle from L2")     \
	X(SYSCALL_WORK, 150, 160, 0, "syscall_work",                                               \
	  "assumption: entry, table and exit work of a kernel without mitigations")                \
	X(FAULT_WORK, 500, 550, 0, "fault_work",                                                   \
	  "assumption: minor fault 0.5 us in all, less entry, return, page and clearing")          \
	X(SWITCH_WORK, 1500, 1700, 0, "switch_work",                                               \
	  "1.07 us a thread switch (published), less wake-up and entry")                           \
	X(WAKEUP_WORK, 800, 900, 0, "wakeup_work",                                                 \
	  "assumption: the wake-up's share of a futex round trip")                                 \
	X(ALLOC_PAGE, 150, 160, 0, "alloc_page", "assumption: per-CPU list hit of alloc_pages")    \
	X(SLAB_FAST, 30, 32, 0, "slab_fast", "assumption: SLUB fast path, one cmpxchg16b")         \
	X(SLAB_SLOW, 300, 320, 0, "slab_slow", "assumption: SLUB partial list")                    \
	X(TIMER_WORK, 300, 320, 0, "timer_work",                                                   \
	  "assumption: hrtimer dequeue, callback, reprogram")                                      \
	X(TICK_WORK, 1500, 1700, 0, "tick_work", "assumption: scheduler tick, 0.6 us")             \
	X(FORK_WORK, 40000, 45000, 0, "fork_work", "assumption: 17 us without page tables")        \
	X(EXEC_WORK, 60000, 65000, 0, "exec_work", "assumption: 25 us without I/O")                \
	X(EXIT_WORK, 25000, 27000, 0, "exit_work", "assumption: 10 us without page tables")        \
	X(PTE_COPY, 8, 8, 0, "pte_copy", "assumption: two cached accesses")                        \
	X(PATH_STEP, 60, 65, 0, "path_step", "assumption: one dcache hash lookup in cache")        \
	X(FILE_OP, 120, 130, 0, "file_op", "assumption: fd lookup, checks, dispatch")              \
	X(CONSOLE_BYTE, 10, 10, 0, "console_byte", "assumption: copy and line handling of a byte")

#define ROW(id, zen4, skylake, zero, name, source) [COST_##id] = { name, source },
static const struct cost_row rows[COST_NR] = { COST_ROWS(ROW) };
#undef ROW

#define ZEN4(id, zen4, skylake, zero, name, source) [COST_##id] = (zen4),
#define SKYLAKE(id, zen4, skylake, zero, name, source) [COST_##id] = (skylake),
#define ZERO(id, zen4, skylake, zero, name, source) [COST_##id] = (zero),
static const struct cost_profile profiles[] = {
	{
		.name = "zen4",
		.tsc_khz = 2400000,
		.apic_hz_div = 96,
		.maxphyaddr = 52,
		.l1d_sets = 1,
		.l1d_ways = 72,
		.l1i_sets = 1,
		.l1i_ways = 64,
		.l2_sets = 128,
		.l2_ways = 24,
		.vendor = "AuthenticAMD",
		.brand = "AMD EPYC 9654 96-Core Processor (osim zen4)",
		.signature = 0x00a10f11,
		.cycles = { COST_ROWS(ZEN4) },
	},
	{
		.name = "skylake",
		.tsc_khz = 2700000,
		.apic_hz_div = 108,
		.maxphyaddr = 46,
		.l1d_sets = 16,
		.l1d_ways = 4,
		.l1i_sets = 16,
		.l1i_ways = 8,
		.l2_sets = 128,
		.l2_ways = 12,
		.vendor = "GenuineIntel",
		.brand = "Intel Xeon Platinum 8168 (osim skylake)",
		.signature = 0x00050654,
		.cycles = { COST_ROWS(SKYLAKE) },
	},
	{
		.name = "zero",
		.tsc_khz = 1000000,
		.apic_hz_div = 40,
		.maxphyaddr = 52,
		.l1d_sets = 16,
		.l1d_ways = 4,
		.l1i_sets = 16,
		.l1i_ways = 4,
		.l2_sets = 128,
		.l2_ways = 8,
		.vendor = "osimosimosim",
		.brand = "osim zero-cost processor",
		.signature = 0x00000600,
		.cycles = { COST_ROWS(ZERO) },
	},
};

const struct cost_row *cost_row(enum cost_id id)
{
	return (unsigned)id < COST_NR ? &rows[id] : NULL;
}

const struct cost_profile *cost_profile(const char *name)
{
	for (unsigned i = 0; name && i < ARRAY_SIZE(profiles); i++)
		if (strcmp(profiles[i].name, name) == 0)
			return &profiles[i];
	return NULL;
}
