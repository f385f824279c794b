/* SPDX-License-Identifier: MIT */
/*
 * Where decoded blocks live, how they are found, and how they are forgotten.
 *
 * Called by exec_run (exec_lookup), by the MMU and by whoever writes RAM (exec_invalidate_frame);
 * calls the decoder. It does not know what instructions mean.
 *
 *	rip 0x401000 at physical 0x7d3000, user mode
 *	  hash[h(0x7d3000, 0x401000, mode)] -> block -> ...    frames[0x7d3] -> block ...
 *	  pool: | block 0x401000: 9 instructions | block 0x401023: 4 | ...   used_bytes -> |   free   |
 *
 * Blocks are keyed by physical address (what is decoded is bytes of a frame), by linear address
 * (branch targets and RIP-relative addresses are worked out at decoding) and by the mode bits that
 * choose handlers. Two processes that map one file at one address share blocks.
 *
 *	B1 A block's memory is reused only when all are dropped, and that happens only in
 *	   exec_lookup, between blocks.
 *	B2 A frame with a live block has FRAME_HAS_CODE, so that no CPU's write index holds it and a
 *	   store takes the slow path.
 *	B3 Forgetting a block is setting its limit to EXEC_DEAD: no link, jump slot or hash entry
 *	   can enter it any more, while the instruction that overwrote it finishes in it.
 *	B4 Nothing here shows in simulated state: decoding costs no time, and the same state follows
 *	   for any size of the pool.
 *
 * Units:   bytes; physical addresses.
 * Owner:   the machine; the memory is its arena's.
 * Locking: none: one CPU of a machine runs at a time.
 * Errors:  a pool that is full is emptied, never an error.
 * Time:    no virtual time. A lookup is about 10 ns, decoding about 100 ns an instruction.
 * Source:  reference/cpu.md, "what makes an interpreter fast".
 */

#include <string.h>

#include "hw/cpu/insn.h"
#include "lib/compiler.h"
#include "lib/errno.h"

#define POOL_BYTES (48ull << 20)
#define HASH_SIZE 65536u
#define FRAME_BUCKETS 16384u

static unsigned hash_block(u64 pa, u64 rip, u32 mode)
{
	u64 h = (pa ^ (rip << 7) ^ ((u64)mode << 40)) * 0x9e3779b97f4a7c15ull;

	return (unsigned)(h >> 48) & (HASH_SIZE - 1);
}

static unsigned hash_frame(u64 pfn)
{
	return (unsigned)pfn & (FRAME_BUCKETS - 1);
}

int exec_init(struct machine *m)
{
	struct exec_cache *c = arena_carve(&m->arena, sizeof(*c), 64);
	u32 n;

	if (!c)
		return -ENOMEM;
	c->m = m;
	c->pool_bytes = POOL_BYTES;
	c->cpus = arena_carve(&m->arena, sizeof(*c->cpus) * m->cfg.nr_cpus, 64);
	c->hash = arena_carve(&m->arena, sizeof(*c->hash) * HASH_SIZE, 64);
	c->frames = arena_carve(&m->arena, sizeof(*c->frames) * FRAME_BUCKETS, 64);
	c->pool = arena_carve(&m->arena, c->pool_bytes, 64);
	c->none = arena_carve(&m->arena, sizeof(*c->none) + sizeof(struct insn), 64);
	c->decoder = arena_carve(&m->arena, exec_decoder_bytes(), 64);
	if (!c->cpus || !c->hash || !c->frames || !c->pool || !c->none || !c->decoder)
		return -ENOMEM;
	c->none->limit = EXEC_DEAD;
	exec_decoder_init(c->decoder);
	m->exec = c;
	for (n = 0; n < m->cfg.nr_cpus; n++)
		if (m->cpu && m->cpu[n])
			m->cpu[n]->exec = &c->cpus[n];
	return 0;
}

void exec_flush(struct machine *m)
{
	struct exec_cache *c = m->exec;
	u64 at;
	u32 n;

	if (!c)
		return;
	/*
	 * Blocks are laid one behind the other: walk them to kill them and to clear their frames'
	 * flags.
	 */
	for (at = 0; at < c->used_bytes;) {
		struct exec_block *b = (struct exec_block *)(c->pool + at);

		b->limit = EXEC_DEAD;
		m->frame_flags[b->pa >> PAGE_SHIFT] &= (u8)~FRAME_HAS_CODE;
		if (b->straddle)
			m->frame_flags[b->pa2 >> PAGE_SHIFT] &= (u8)~FRAME_HAS_CODE;
		at += b->bytes;
	}
	memset(c->hash, 0, sizeof(*c->hash) * HASH_SIZE);
	memset(c->frames, 0, sizeof(*c->frames) * FRAME_BUCKETS);
	c->straddlers = NULL;
	for (n = 0; n < m->cfg.nr_cpus; n++) {
		memset(c->cpus[n].jump, 0, sizeof(c->cpus[n].jump));
		c->cpus[n].link = NULL;
	}
	c->flush_pending = true;
	c->stats.flushes++;
}

struct exec_block *exec_block_alloc(struct exec_cache *c, unsigned n)
{
	struct exec_block *b;
	u64 bytes = ALIGN_UP(offsetof(struct exec_block, insn) + (u64)n * sizeof(struct insn), 64);

	if (c->used_bytes + bytes > c->pool_bytes)
		exec_flush(c->m);
	if (c->flush_pending) {
		c->flush_pending = false;
		c->used_bytes = 0;
	}
	b = (struct exec_block *)(c->pool + c->used_bytes);
	memset(b, 0, sizeof(*b));
	b->bytes = (u32)bytes;
	b->link[0].to = c->none;
	b->link[1].to = c->none;
	return b;
}

static void has_code(struct machine *m, u64 pfn)
{
	if (m->frame_flags[pfn] & FRAME_HAS_CODE)
		return;
	m->frame_flags[pfn] |= FRAME_HAS_CODE;
	tlb_frame_has_code(m, pfn);
}

void exec_block_publish(struct exec_cache *c, struct exec_block *b)
{
	unsigned h = hash_block(b->pa, b->rip, b->mode);
	unsigned f = hash_frame(b->pa >> PAGE_SHIFT);

	c->used_bytes += b->bytes;
	b->hash_next = c->hash[h];
	c->hash[h] = b;
	b->frame_next[0] = c->frames[f];
	c->frames[f] = b;
	has_code(c->m, b->pa >> PAGE_SHIFT);
	if (b->straddle) {
		/*
		 * A bucket's list runs through frame_next[0] of first pages; straddlers are found
		 * through their own list.
		 */
		b->frame_next[1] = c->straddlers;
		c->straddlers = b;
		has_code(c->m, b->pa2 >> PAGE_SHIFT);
	}
	c->stats.blocks++;
	c->stats.insns += b->ninsns;
}

static void kill_block(struct exec_cache *c, struct exec_block *b)
{
	struct exec_block **p = &c->hash[hash_block(b->pa, b->rip, b->mode)];

	b->limit = EXEC_DEAD;
	for (; *p; p = &(*p)->hash_next)
		if (*p == b) {
			*p = b->hash_next;
			return;
		}
}

void exec_invalidate_frame(struct machine *m, u64 pfn)
{
	struct exec_cache *c = m->exec;
	struct exec_block **p, *b;

	m->frame_flags[pfn] &= (u8)~FRAME_HAS_CODE;
	if (!c)
		return;
	c->stats.invalidations++;
	for (p = &c->frames[hash_frame(pfn)]; (b = *p) != NULL;) {
		if (b->pa >> PAGE_SHIFT == pfn) {
			kill_block(c, b);
			*p = b->frame_next[0];
		} else {
			p = &b->frame_next[0];
		}
	}
	for (p = &c->straddlers; (b = *p) != NULL;) {
		if (b->pa2 >> PAGE_SHIFT == pfn && b->limit != EXEC_DEAD)
			kill_block(c, b);
		if (b->limit == EXEC_DEAD)
			*p = b->frame_next[1];
		else
			p = &b->frame_next[1];
	}
}

const u8 *exec_fetch(struct cpu *cpu, u64 va, u64 *pa)
{
	const struct tlb_slot *s = &cpu->tlb.slot[TLB_EXEC][tlb_slot_index(va)];
	const u8 *host;

	if (!is_canonical(va)) {
		cpu->fault = (struct fault){ .vector = VEC_GP, .has_error = true };
		return NULL;
	}
	if (likely(s->tag == ((va & PAGE_MASK) | cpu->tlb.ctx))) {
		*s->stamp = cpu->icount + cpu->insn_index;
		host = (const u8 *)(uintptr_t)(va + s->addend);
		*pa = (u64)(host - cpu->m->ram);
		return host;
	}
	host = mmu_translate(cpu, va, 1, TLB_EXEC, cpu->cpl == 3, pa, &cpu->fault);
	cpu->now += cpu->pending_cost;
	cpu->pending_cost = 0;
	if (!host &&
	    cpu->fault.vector ==
		    FAULT_MMIO) /* code outside RAM reads as all ones, which is no instruction */
		cpu->fault = (struct fault){ .vector = VEC_UD };
	return host;
}

struct exec_block *exec_lookup(struct cpu *cpu, u64 rip, u32 mode)
{
	struct exec_cache *c = cpu->m->exec;
	const u8 *second = NULL;
	struct exec_block *b;
	u64 pa, pa2 = 0;

	if (!exec_fetch(cpu, rip, &pa))
		return NULL;
	for (b = c->hash[hash_block(pa, rip, mode)]; b; b = b->hash_next) {
		if (b->pa != pa || b->rip != rip || b->mode != mode)
			continue;
		if (!b->straddle)
			return b;
		if (!second) {
			second = exec_fetch(cpu, (rip & PAGE_MASK) + PAGE_SIZE, &pa2);
			if (!second)
				return NULL;
		}
		if (b->pa2 == pa2)
			return b;
	}
	b = exec_decode(cpu->m, rip, pa, NULL, 0, mode);
	if (!b) {
		if (!second)
			second = exec_fetch(cpu, (rip & PAGE_MASK) + PAGE_SIZE, &pa2);
		if (!second)
			return NULL;
		b = exec_decode(cpu->m, rip, pa, second, pa2, mode);
	}
	exec_block_publish(c, b);
	return b;
}
