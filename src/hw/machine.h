/* SPDX-License-Identifier: MIT */
#ifndef HW_MACHINE_H
#define HW_MACHINE_H

/*
 * The hardware of one computer. Everything hangs off this structure, which lies at the start of its
 * own arena.
 *
 * Physical memory: RAM from 0; with more than 3 GiB the rest starts at 4 GiB, so that [3 GiB, 4
 * GiB) stays for devices (LAPIC 0xFEE00000, HPET 0xFED00000). Host address of a RAM byte: ram +
 * physical address, the hole included (never touched).
 */

#include "hw/cost.h"
#include "hw/engine.h"
#include "hw/hpet.h"
#include "hw/stack.h"
#include "hw/trace.h"
#include "host/arena.h"
#include "lib/types.h"

#define MACHINE_MAX_CPUS 1024u
#define PAGE_SHIFT 12
#define PAGE_SIZE 4096u
#define PAGE_MASK (~(u64)(PAGE_SIZE - 1))
#define RAM_LOW_LIMIT 0xC0000000ull  /* 3 GiB: low RAM ends here at the latest */
#define RAM_HIGH_BASE 0x100000000ull /* 4 GiB: the rest of RAM starts here */

struct machine_config {
	u32 nr_cpus;   /* 1.. MACHINE_MAX_CPUS */
	u64 ram_bytes; /* whole pages, at least 16 MiB */
	u64 seed;
	u64 quantum_ns; /* 0: exact interleaving */
	u32 max_stacks; /* 0: default 32768 */
	const struct cost_profile *costs;
};

/*
 * A native gate: C that stands at a kernel address. Runs at CPL 0 after the fetch at `va` passed
 * translation; it must leave the CPU at the RIP where execution continues (IRET, SYSRET). It may
 * block: re-read this_cpu() afterwards.
 */
typedef void gate_fn(struct cpu *cpu);
struct gate {
	gate_fn *fn;
	const char *name;
};
#define GATE_STRIDE 16u
#define GATE_MAX 512u

/* One byte a frame: what the hardware model knows of it. */
#define FRAME_HAS_CODE 1u /* decoded blocks exist: stores take the slow path */

struct exec_cache; /* decoded blocks, hw/cpu/ */

struct machine {
	struct arena arena;
	struct machine_config cfg;
	u8 *ram;
	/* RAM is [0, ram_low_end) and, when phys_end is larger, [4 GiB, phys_end) */
	u64 ram_low_end;
	u64 phys_end;	  /* first physical address past RAM (the hole counted) */
	u8 *frame_flags;  /* one byte a frame, phys_end >> PAGE_SHIFT of them */
	struct cpu **cpu; /* nr_cpus pointers */
	const struct cost_profile *cost;
	struct engine *engine;
	struct exec_cache *exec;
	struct hpet hpet;
	struct trace trace;
	u64 gate_base; /* address of gate 0; gate i stands at gate_base + i * GATE_STRIDE */
	struct gate gate[GATE_MAX];
	struct stack *stack_free_list;
	u8 *stack_region;
	u32 nr_stacks, stacks_used;
	enum stop_reason stopped;
	int exit_status;
	char panic_text[512];
	void *kernel; /* the root of whatever runs on the machine; never followed here */
	/* set by the kernel: the pid for trace records; NULL: 0 */
	u32 (*pid_of)(const struct stack *s);
};

/*
 * Build a machine in an arena of its own, CPUs in reset state and stopped. O(CPUs) host time
 * whatever the RAM size. *out is set on success only. 0, -EINVAL (no costs, no CPU or too many, RAM
 * not whole pages, under 16 MiB or past the profile's physical addresses), -ENOMEM.
 */
int machine_create(const struct machine_config *cfg, struct machine **out);
void machine_destroy(struct machine *m);

/*
 * Enter the machine from the embedder's stack: run fn(arg) on CPU 0's boot stack (at CPL 0, IF=0)
 * until it returns, without running other actors unless fn charges past the horizon. 0, or -EIO
 * when the machine panicked (text in m->panic_text), -EDEADLK when fn blocked and nothing can ever
 * run, -EINTR when engine_request_stop() came first (fn goes on in the next engine_run), -EBUSY
 * when an earlier call has not returned yet or the machine is running. machine_exit() in fn ends
 * the call with 0. Used for boot, for tests of the kernel floors and for embedder calls. Between
 * calls a CPU's registers, CPL, IF and stack are what they were; a CPU that was STOPPED keeps what
 * fn left.
 */
int machine_call(struct machine *m, void (*fn)(void *arg), void *arg);

/*
 * Host pointer of the RAM byte at pa. Unchecked: for an address that a guest chose, ask phys_is_ram
 * first.
 */
static inline void *phys_to_host(struct machine *m, u64 pa)
{
	return m->ram + pa;
}
bool phys_is_ram(const struct machine *m, u64 pa, u64 len);
/*
 * Kernel C or a device is about to change RAM through a host pointer: decoded code there is
 * forgotten. Call before handing the bytes to a CPU again. One load and branch per page when there
 * is no code.
 */
void phys_written(struct machine *m, u64 pa, u64 len_bytes);

/* Register C at gate number i (0..GATE_MAX-1). */
void gate_register(struct machine *m, unsigned i, gate_fn *fn, const char *name);
static inline u64 gate_va(const struct machine *m, unsigned i)
{
	return m->gate_base + (u64)i * GATE_STRIDE;
}

/*
 * Exact conversions; to_cycles rounds up (a deadline is never early), to_ns rounds down. No
 * overflow below 2^63 ns.
 */
u64 ns_to_cycles(const struct machine *m, u64 ns);
u64 cycles_to_ns(const struct machine *m, u64 cycles);

#endif
