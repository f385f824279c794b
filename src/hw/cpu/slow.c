/* SPDX-License-Identifier: MIT */
/*
 * What happens when a handler's fast path does not apply: TLB misses, accesses across pages, MMIO,
 * stores to decoded code, faults.
 *
 * Called by the cold copies of handlers (handler.h); calls the MMU. Must not know what an
 * instruction does with its operands.
 *
 * Inside a block cpu->icount and cpu->now stand at the block's start and each instruction carries
 * its distance from there, so the hot path counts nothing. C outside the interpreter must see true
 * values; sync_begin and sync_end bracket it:
 *
 *	block at icount 1000, now 5000: mov (idx 1, cyc 0) | add (2, 1) | load (3, 2) | jne (4, 3)
 *	the load misses:  sync_begin: icount 1002, now 5002, rip at the load
 *	  the walk adds 40 cycles to pending_cost;  now 5042
 *	sync_end:   icount 1000, now 5040, so that the block's end arrives at 1004 and 5044
 *
 *	S1 A block is entered only when it ends by the horizon. Cycles added on the way break that
 *	   promise, so sync_end demands a stop after this instruction when the horizon is nearer
 *	   than any block is long. Nobody can tell from the result.
 *	S2 The stop also comes when this CPU has an interrupt to take, when the running block's code
 *	   was overwritten, and when the fetch of the next instruction would miss the instruction
 *	   TLB: where blocks begin and end never shows.
 *	S3 stub[0] is the instruction, stub[1] leaves; a handler goes on with stub[0] as its i, so
 *	   the stop costs hot code nothing.
 *	S4 A fault leaves icount, now and rip at the faulting instruction, which has not retired and
 *	   whose own cycles are not charged.
 *
 * Units:   cycles, instructions, bytes.
 * Owner:   struct exec_cpu belongs to its CPU.
 * Locking: none.
 * Errors:  NULL with cpu->fault set.
 * Time:    adds the MMU's pending_cost to the clock.
 * Source:  DESIGN.md (precise faults, exact instruction counts).
 */

#include "hw/cpu/insn.h"

#include <string.h>

#include "lib/compiler.h"

struct exec_block *block_of(struct cpu *cpu, const struct insn *i)
{
	struct exec_cpu *x = cpu->exec;

	if (i == &x->stub[0] || i == &x->stub[1])
		return x->stub_block;
	return container_of(i - i->pos, struct exec_block, insn[0]);
}

void sync_begin(struct cpu *cpu, const struct insn *i)
{
	cpu->icount += i->idx - 1u;
	cpu->now += i->cyc;
	cpu->rip = insn_rip(cpu, i);
}

/* Does the instruction TLB still serve the page of rip? */
static bool fetch_would_hit(struct cpu *cpu, u64 rip)
{
	return cpu->tlb.slot[TLB_EXEC][tlb_slot_index(rip)].tag ==
	       ((rip & PAGE_MASK) | cpu->tlb.ctx);
}

const struct insn *sync_end(struct cpu *cpu, const struct insn *i)
{
	struct exec_cpu *x = cpu->exec;
	struct exec_block *b = block_of(cpu, i);
	bool stop;

	cpu->now += cpu->pending_cost;
	cpu->pending_cost = 0;
	stop = cpu->now + EXEC_MAX_CYCLES > cpu->horizon || b->limit == EXEC_DEAD ||
	       (cpu->irq_line && (cpu->rflags & FLAG_IF)) || !fetch_would_hit(cpu, b->rip);
	cpu->icount -= i->idx - 1u;
	cpu->now -= i->cyc;
	if (!stop || i == &x->stub[0])
		return i;
	x->stub_block = b;
	x->stub[0] = i[0];
	x->stub[1] = i[1];
	x->stub[1].fn = exit_stub;
	return x->stub;
}

const struct insn *exit_stub(struct cpu *cpu, const struct insn *i)
{
	cpu->icount += i->idx - 1u;
	cpu->now += i->cyc;
	cpu->rip = cpu->exec->stub_block->rip + i->off;
	return NULL;
}

const struct insn *leave_at(struct cpu *cpu, const struct insn *i)
{
	sync_begin(cpu, i);
	cpu->now += cpu->pending_cost;
	cpu->pending_cost = 0;
	return NULL;
}

const struct insn *leave_to(struct cpu *cpu, const struct insn *i, u64 rip)
{
	cpu->icount += i[1].idx - 1u;
	cpu->now += i[1].cyc + cpu->pending_cost;
	cpu->pending_cost = 0;
	cpu->rip = rip;
	return NULL;
}

const struct insn *chain_miss(struct cpu *cpu, struct exec_block *b, unsigned way)
{
	cpu->rip = b->way[way];
	cpu->exec->link = &b->link[way];
	cpu->exec->link_same_page = b->same_page[way];
	return NULL;
}

const struct insn *raise_fault(struct cpu *cpu, const struct insn *i, u8 vector, bool has_error,
			       u32 error)
{
	cpu->fault = (struct fault){ .vector = vector, .has_error = has_error, .error = error };
	return leave_at(cpu, i);
}

const struct insn *raise_gp(struct cpu *cpu, const struct insn *i)
{
	return raise_fault(cpu, i, VEC_GP, true, 0);
}

const struct insn *raise_ud(struct cpu *cpu, const struct insn *i)
{
	return raise_fault(cpu, i, VEC_UD, false, 0);
}

/*
 * An access of i failed with cpu->fault; counters are synced. The only #GP the MMU raises is for a
 * non-canonical address.
 */
static const struct insn *access_failed(struct cpu *cpu, const struct insn *i, bool stack)
{
	if (cpu->fault.vector == VEC_GP && (stack || i->base == RSP || i->base == RBP))
		cpu->fault.vector = VEC_SS;
	cpu->now += cpu->pending_cost;
	cpu->pending_cost = 0;
	return NULL;
}

static const struct insn *load(struct cpu *cpu, const struct insn *i, u64 va, unsigned n,
			       bool stack)
{
	sync_begin(cpu, i);
	/* WALK 1/10 -> mmu_read, the TLB and the walker: hw/mmu.c */
	if (!mmu_read(cpu, va, cpu->exec->buf, n, cpu->cpl == 3, &cpu->fault))
		return access_failed(cpu, i, stack);
	return sync_end(cpu, i);
}

static const struct insn *store(struct cpu *cpu, const struct insn *i, u64 va, unsigned n,
				bool stack)
{
	sync_begin(cpu, i);
	if (!mmu_write(cpu, va, cpu->exec->buf, n, cpu->cpl == 3, &cpu->fault))
		return access_failed(cpu, i, stack);
	return sync_end(cpu, i);
}

const struct insn *slow_load(struct cpu *cpu, const struct insn *i, u64 va, unsigned n)
{
	return load(cpu, i, va, n, false);
}

const struct insn *slow_store(struct cpu *cpu, const struct insn *i, u64 va, unsigned n)
{
	return store(cpu, i, va, n, false);
}

const struct insn *slow_load_stack(struct cpu *cpu, const struct insn *i, u64 va, unsigned n)
{
	return load(cpu, i, va, n, true);
}

const struct insn *slow_store_stack(struct cpu *cpu, const struct insn *i, u64 va, unsigned n)
{
	return store(cpu, i, va, n, true);
}

const struct insn *slow_rmw(struct cpu *cpu, const struct insn *i, u64 va, unsigned n)
{
	struct exec_cpu *x = cpu->exec;
	bool user = cpu->cpl == 3;

	sync_begin(cpu, i);
	x->rmw = x->buf;
	x->rmw_va = va;
	x->rmw_len = n;
	if (!mmu_probe_write(cpu, va, n, user, &cpu->fault) ||
	    !mmu_read(cpu, va, x->buf, n, user, &cpu->fault)) {
		x->rmw_len = 0;
		return access_failed(cpu, i, false);
	}
	cpu->icount -= i->idx - 1u;
	cpu->now -= i->cyc;
	return i;
}

const struct insn *slow_rmw_done(struct cpu *cpu, const struct insn *i)
{
	struct exec_cpu *x = cpu->exec;

	if (x->rmw_len == 0)
		return i;
	sync_begin(cpu, i);
	/* Probed by slow_rmw, and nothing ran in between: this cannot fault. */
	if (!mmu_write(cpu, x->rmw_va, x->buf, x->rmw_len, cpu->cpl == 3, &cpu->fault))
		machine_panic(cpu->m, "read-modify-write of %#llx lost its page",
			      (unsigned long long)x->rmw_va);
	x->rmw_len = 0;
	return sync_end(cpu, i);
}
