/* SPDX-License-Identifier: MIT */
/*
 * One computer's hardware: built in one arena, taken down with it; physical memory, gates and exact
 * clock ratios.
 *
 * Called by the embedder's side (create, destroy) and by everybody (phys_written, conversions).
 * Calls the arena, the engine, the CPUs and the block cache to set themselves up. Knows nothing of
 * any kernel: m->kernel is a word it carries.
 *
 * The arena of a machine with 2 CPUs and 5 GiB of RAM (reserved, not committed; carved in this
 * order):
 *
 *	+0	struct machine (the trace buffer is in it)
 *	...	engine queues, cpu[0], cpu[1] with their TLB arrays
 *	...	frame_flags: 0x180000 bytes, one a frame below phys_end = 6 GiB
 *	...	block cache (hw/cpu/)
 *	...	stacks region, 32768 * 256 KiB, at a 256 KiB boundary
 *	...	RAM: phys_end bytes at a 2 MiB boundary:
 *		[0, 3 GiB) RAM, [3, 4 GiB) hole never touched, [4, 6 GiB) RAM
 *	...	slack for permanent kernel tables (memmap and roots), carved later
 *
 *	M1 nothing of a machine lies outside its arena, so destroy is one call and machines never
 *	   meet;
 *	M2 creating costs O(CPUs): no loop here runs over RAM or over stacks;
 *	M3 a host address of RAM is ram + physical address, whatever the hole;
 *	M4 a bit in frame_flags is set only by the block cache and cleared through
 *	   exec_invalidate_frame.
 *
 * Units: bytes, cycles, ns. Owner: the embedder owns the machine from create to destroy. Locking:
 * none; one thread runs one machine.
 * Errors: negative errno; a failed create leaves nothing behind. Time: none charged.
 * Source: PC memory map as in QEMU's pc/q35 (hole below 4 GiB for devices).
 */
#include "hw/machine.h"

#include "hw/cpu.h"
#include "lib/compiler.h"
#include "lib/errno.h"

#define DEFAULT_STACKS 32768u
#define MIN_RAM_BYTES (16ull << 20)
/*
 * A kernel fills RAM from the bottom of a zone (16 MiB and 4 GiB here). What it takes to boot lies
 * in the first megabytes of one and is committed in single pages; a machine that uses more takes
 * one host fault for 2 MiB of it instead of 512.
 */
#define ZONE_BASE_BYTES (16ull << 20)
#define SINGLE_PAGES_BYTES (6ull << 20)
#define GATE_BASE_DEFAULT 0xffffffff81000000ull

static bool config_valid(const struct machine_config *cfg)
{
	if (!cfg || !cfg->costs || cfg->nr_cpus == 0 || cfg->nr_cpus > MACHINE_MAX_CPUS)
		return false;
	if (cfg->ram_bytes < MIN_RAM_BYTES || cfg->ram_bytes % PAGE_SIZE)
		return false;
	if (cfg->max_stacks > (1u << 22) || (cfg->max_stacks && cfg->max_stacks < cfg->nr_cpus + 3))
		return false;
	/*
	 * 64 TiB bounds every sum below; the profile's MAXPHYADDR bounds what page tables can name.
	 */
	return cfg->ram_bytes <= (1ull << 46) &&
	       cfg->ram_bytes + (RAM_HIGH_BASE - RAM_LOW_LIMIT) <= (1ull << cfg->costs->maxphyaddr);
}

static u64 arena_bytes(const struct machine_config *cfg, u64 phys_end)
{
	const struct cost_profile *p = cfg->costs;
	u64 tlb = (u64)(p->l1d_sets * p->l1d_ways + p->l1i_sets * p->l1i_ways +
			p->l2_sets * p->l2_ways) *
		  sizeof(struct tlb_entry);
	u64 per_cpu = sizeof(struct cpu) + tlb + (64 << 10);

	return sizeof(struct machine) + cfg->nr_cpus * per_cpu + (phys_end >> PAGE_SHIFT) +
	       ((u64)cfg->max_stacks + 2) * STACK_SIZE + phys_end + phys_end / 32 + (2ull << 30) +
	       cfg->nr_cpus * (4ull << 20);
}

static void prefer_huge(struct machine *m, u64 zone_base, u64 end)
{
	u64 from = zone_base + SINGLE_PAGES_BYTES;

	if (end > from)
		arena_prefer_huge(m->ram + from, end - from);
}

int machine_create(const struct machine_config *cfg, struct machine **out)
{
	struct machine_config c;
	struct arena arena = { 0 };
	struct machine *m;
	u64 phys_end;
	int err;

	if (!out || !config_valid(cfg))
		return -EINVAL;
	c = *cfg;
	if (!c.max_stacks)
		c.max_stacks = DEFAULT_STACKS;
	phys_end = c.ram_bytes <= RAM_LOW_LIMIT ? c.ram_bytes :
						  c.ram_bytes - RAM_LOW_LIMIT + RAM_HIGH_BASE;

	err = arena_create(&arena, arena_bytes(&c, phys_end));
	if (err)
		return err;
	err = -ENOMEM;
	m = arena_carve(&arena, sizeof(*m), 64);
	if (!m)
		goto out;
	m->arena = arena;
	m->cfg = c;
	m->cost = c.costs;
	m->ram_low_end = min(c.ram_bytes, RAM_LOW_LIMIT);
	m->phys_end = phys_end;
	m->gate_base = GATE_BASE_DEFAULT;
	trace_init(&m->trace, c.seed);

	m->cpu = arena_carve(&m->arena, c.nr_cpus * sizeof(*m->cpu), 64);
	m->frame_flags = arena_carve(&m->arena, phys_end >> PAGE_SHIFT, 4096);
	if (!m->cpu || !m->frame_flags || stack_init(m))
		goto out_machine;
	m->ram = arena_carve(&m->arena, phys_end, 2u << 20);
	if (!m->ram)
		goto out_machine;
	prefer_huge(m, ZONE_BASE_BYTES, m->ram_low_end);
	prefer_huge(m, RAM_HIGH_BASE, phys_end);
	err = engine_init(m);
	for (u32 i = 0; !err && i < c.nr_cpus; i++)
		err = cpu_init(m, i);
	if (!err)
		err = exec_init(m);
	if (err)
		goto out_machine;
	*out = m;
	return 0;

out_machine:
	arena = m->arena;
out:
	arena_destroy(&arena);
	return err;
}

void machine_destroy(struct machine *m)
{
	struct arena arena;

	if (!m)
		return;
	arena = m->arena; /* the machine lies in it */
	for (u32 i = 0; i < m->stacks_used; i++) {
		struct stack *s = (struct stack *)(m->stack_region + (u64)i * STACK_SIZE);

		if (s->magic == STACK_MAGIC)
			ctx_fini(&s->ctx);
	}
	arena_destroy(&arena);
}

bool phys_is_ram(const struct machine *m, u64 pa, u64 len)
{
	if (pa < m->ram_low_end)
		return len <= m->ram_low_end - pa;
	return pa >= RAM_HIGH_BASE && pa < m->phys_end && len <= m->phys_end - pa;
}

void phys_written(struct machine *m, u64 pa, u64 len_bytes)
{
	u64 last;

	if (!len_bytes || !phys_is_ram(m, pa, len_bytes))
		return;
	last = (pa + len_bytes - 1) >> PAGE_SHIFT;
	for (u64 pfn = pa >> PAGE_SHIFT; pfn <= last; pfn++)
		if (unlikely(m->frame_flags[pfn] & FRAME_HAS_CODE))
			exec_invalidate_frame(m, pfn);
}

void gate_register(struct machine *m, unsigned i, gate_fn *fn, const char *name)
{
	if (i >= GATE_MAX)
		machine_panic(m, "gate %u of %u does not exist", i, GATE_MAX);
	m->gate[i].fn = fn;
	m->gate[i].name = name;
}

/*
 * ns = q ms + r with r < 10^6, so r * tsc_khz stays below 2^52; a result past 2^64 is the end of
 * time.
 */
u64 ns_to_cycles(const struct machine *m, u64 ns)
{
	u64 khz = m->cost->tsc_khz;
	u64 q = ns / 1000000, r = ns % 1000000;
	u64 whole, part = (r * khz + 999999) / 1000000;

	if (__builtin_mul_overflow(q, khz, &whole) || __builtin_add_overflow(whole, part, &whole))
		return UINT64_MAX;
	return whole;
}

u64 cycles_to_ns(const struct machine *m, u64 cycles)
{
	u64 khz = m->cost->tsc_khz;
	u64 q = cycles / khz, r = cycles % khz;
	u64 ns;

	if (__builtin_mul_overflow(q, (u64)1000000, &ns))
		return UINT64_MAX;
	return __builtin_add_overflow(ns, r * 1000000 / khz, &ns) ? UINT64_MAX : ns;
}
