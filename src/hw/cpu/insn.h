/* SPDX-License-Identifier: MIT */
#ifndef HW_CPU_INSN_H
#define HW_CPU_INSN_H

/*
 * Decoded code: instructions, blocks, and what a handler may do.
 *
 * A handler executes one decoded instruction `i` and ends in NEXT, or in a chain_* function when it
 * ends a block. It returns the instruction to execute next, or NULL to go back to exec_run's loop
 * with rip, icount and now exact. In optimised builds the next handler is entered by a sibling
 * call, so a loop of the guest's is a loop of jumps between handlers.
 *
 * A handler that touches memory exists twice, made from one body: hot, where a miss of the TLB
 * index leaves for the cold copy before anything was changed; and cold, where a miss does the
 * access the slow way. So hot handlers make no calls but sibling calls, and keep no registers over
 * them.
 *
 *	MEM_HANDLER(mov_load32)
 *	{
 *		u32 v;
 *
 *		LOAD(u32, v, EA);
 *		cpu->r[i->dst] = v;
 *		NEXT;
 *	}
 *
 * A slow access returns the `i` to go on with: the same, or a stub (a copy followed by an exit)
 * when time, an interrupt or self-modified code wants execution to stop after this instruction.
 * Included by src/hw/cpu/ and by tests of it.
 */

#include "hw/cpu.h"
#include "hw/cpu/flags.h"

struct insn;
struct exec_block;
struct sse_op;
struct x87_op;
typedef const struct insn *insn_fn(struct cpu *cpu, const struct insn *i);

struct insn {
	insn_fn *fn;
	union {
		s64 disp;		  /* address displacement */
		u64 imm64;		  /* MOVABS */
		struct exec_block *block; /* branches */
		const struct sse_op *sse;
		const struct x87_op *x87;
	};
	s32 imm;
	u8 dst, src;	/* register slots; for 8-bit registers the byte's offset in cpu->r */
	u8 base, index; /* register slots of the address */
	u8 scale;	/* log2 */
	u8 pos;		/* place in the block's array */
	u8 idx;		/* number in the block, from 1: cpu->icount + idx stamps its TLB entries */
	u8 len;		/* bytes */
	u16 cyc;	/* cycles before this one in the block */
	u16 off;	/* address minus the block's */
};
_Static_assert(sizeof(struct insn) == 32, "two a cache line");

#define EXEC_MAX_INSNS 32u     /* instructions in a block */
#define EXEC_MAX_CYCLES 512u   /* and their cycles, unless it is a single instruction */
#define EXEC_DEAD (1ull << 62) /* limit of a block that must not be entered */

/*
 * Where a block goes on. `to` is never NULL: the cache's `none` block, which is dead, stands for
 * "not linked yet".
 */
struct exec_link {
	struct exec_block *to;
	const struct insn *entry; /* to->insn, or &to->cross.insn when the page changes */
};

/* The entry of a block that first checks the fetch's translation. */
union exec_cross {
	struct insn insn;
	struct {
		insn_fn *fn;
		u64 addend;  /* what the exec slot of rip must hold */
		u64 rip;     /* the block's */
		u64 addend2; /* and the next page's slot, when the block straddles */
	};
};

/*
 * Running a block touches the second host cache line of this and what follows it, not the first.
 */
struct exec_block {
	u64 rip; /* linear address of the first byte */
	u64 pa;	 /* its physical address */
	u64 pa2; /* physical base of the second page when it straddles */
	struct exec_block *hash_next, *frame_next[2];
	u32 bytes;				/* of the pool */
	bool straddle;				/* its only instruction lies in two pages */
	bool same_page[2];			/* where each link leads */
	u64 limit __attribute__((aligned(64))); /* cycles, or EXEC_DEAD when overwritten */
	u32 cycles;				/* of the whole block */
	u16 ninsns;
	u16 mode; /* EXEC_MODE_* it was decoded under */
	struct exec_link link[2];
	u64 way[2]; /* the links' addresses */
	union exec_cross cross;
	struct insn insn[];
};
_Static_assert(sizeof(struct exec_block) == 192 && offsetof(struct exec_block, limit) == 64 &&
		       offsetof(struct exec_block, cross) == 128,
	       "lines of 64 bytes");

/* What the decoder's choice of handlers depends on, besides the bytes. */
#define EXEC_MODE_SUPER 1u  /* CPL 0 */
#define EXEC_MODE_NO_SSE 2u /* CR0.EM, or CR4.OSFXSR clear: SSE is #UD */
#define EXEC_MODE_TS 4u	    /* CR0.TS: #NM */
#define EXEC_MODE_EM 8u	    /* CR0.EM: x87 is #NM */
#define EXEC_MODE_STEP 16u  /* blocks of one instruction */

enum exec_event { EXEC_NONE, EXEC_HLT, EXEC_GATE };

#define JUMP_SLOTS 1024u
struct jump_slot {
	u64 key; /* rip ^ mode_key */
	struct exec_block *to;
};

/* The interpreter's own state of one CPU. */
struct exec_cpu {
	u64 mode_key;	     /* present mode << 52 */
	struct insn stub[2]; /* a copy of the instruction being executed, and an exit behind it */
	struct exec_block *stub_block;
	struct exec_link
		*link; /* the link that was followed and led nowhere, to be patched; else NULL */
	bool link_same_page;
	u8 *rmw;    /* where the slow read-modify-write works */
	u64 rmw_va; /* and must be written back to, when rmw_len is not 0 */
	u32 rmw_len;
	u16 mode;
	u8 event;	/* enum exec_event */
	bool jump_miss; /* enter the next block found into jump[] */
	u8 buf[64] __attribute__((aligned(16)));
	u8 image[512] __attribute__((aligned(16))); /* FXSAVE */
	struct jump_slot jump[JUMP_SLOTS];
};

struct exec_stats {
	u64 blocks, insns, invalidations, flushes;
};

struct exec_cache {
	struct machine *m;
	struct exec_cpu *cpus; /* [I] one a CPU */
	struct exec_block **hash;
	struct exec_block *
		*frames; /* by frame number: blocks of it (and of others that share the bucket) */
	u8 *pool;
	u64 pool_bytes, used_bytes;
	bool flush_pending; /* dropped, and the pool not yet begun anew */
	struct exec_block *
		straddlers; /* blocks of one instruction that lies in two pages, by frame_next[1] */
	struct exec_block *none; /* dead */
	struct exec_stats stats;
	void *decoder; /* ZydisDecoder */
};

/* --- block cache (cache.c) --- */
/*
 * The block for rip under mode, decoded if need be; fetches through the TLB. NULL: the fetch
 * faults, cpu->fault is set. May drop every block.
 */
struct exec_block *exec_lookup(struct cpu *cpu, u64 rip, u32 mode);
/*
 * Host address of the code byte at va through the instruction TLB. NULL: cpu->fault set. Its cost
 * is in cpu->now.
 */
const u8 *exec_fetch(struct cpu *cpu, u64 va, u64 *pa);
/* Room for n instructions, flushing when the pool is used up. */
struct exec_block *exec_block_alloc(struct exec_cache *c, unsigned n);
void exec_block_publish(struct exec_cache *c, struct exec_block *b);

/* --- decoder (decode.c) --- */
/*
 * Decode a block at rip from the bytes at pa. `second`: host address of the next page (at pa2), for
 * a first instruction that straddles. Returns the block, not yet published; NULL when the first
 * instruction needs the next page and second is NULL.
 */
struct exec_block *exec_decode(struct machine *m, u64 rip, u64 pa, const u8 *second, u64 pa2,
			       u32 mode);
u64 exec_decoder_bytes(void);
void exec_decoder_init(void *decoder);

/* --- slow half of memory accesses (slow.c) --- */
/*
 * Read n bytes at va into cpu->exec->buf / write them from there. NULL: fault set. Else the i to go
 * on with.
 */
const struct insn *slow_load(struct cpu *cpu, const struct insn *i, u64 va, unsigned n);
const struct insn *slow_store(struct cpu *cpu, const struct insn *i, u64 va, unsigned n);
/* The same for implicit stack accesses: a non-canonical address is #SS. */
const struct insn *slow_load_stack(struct cpu *cpu, const struct insn *i, u64 va, unsigned n);
const struct insn *slow_store_stack(struct cpu *cpu, const struct insn *i, u64 va, unsigned n);
/* Read-modify-write: cpu->exec->rmw points at n bytes to change; then slow_rmw_done. */
const struct insn *slow_rmw(struct cpu *cpu, const struct insn *i, u64 va, unsigned n);
const struct insn *slow_rmw_done(struct cpu *cpu, const struct insn *i);
/*
 * Raise an exception at instruction i. Returns NULL; brings rip, icount and now up to the
 * instruction.
 */
const struct insn *raise_fault(struct cpu *cpu, const struct insn *i, u8 vector, bool has_error,
			       u32 error);
const struct insn *raise_gp(struct cpu *cpu, const struct insn *i);
const struct insn *raise_ud(struct cpu *cpu, const struct insn *i);
/* cpu->fault is set already: bring rip, icount and now up to the instruction. Returns NULL. */
const struct insn *leave_at(struct cpu *cpu, const struct insn *i);
/*
 * The instruction retired; go to rip through exec_run's loop. `extra` cycles beyond its own.
 * Returns NULL.
 */
const struct insn *leave_to(struct cpu *cpu, const struct insn *i, u64 rip);
/* The block i belongs to, stub or not. */
struct exec_block *block_of(struct cpu *cpu, const struct insn *i);
/*
 * Between sync_begin and sync_end cpu->icount, now and rip are exact (before instruction i), as C
 * outside the interpreter wants them.
 */
void sync_begin(struct cpu *cpu, const struct insn *i);
/* Back to the block's base. Folds pending_cost. Returns i or the stub. */
const struct insn *sync_end(struct cpu *cpu, const struct insn *i);
/* Link `way` of b led nowhere: leave to its address and have it patched. */
const struct insn *chain_miss(struct cpu *cpu, struct exec_block *b, unsigned way);
const struct insn *exit_stub(struct cpu *cpu, const struct insn *i);

/* Is there a native gate at va? */
static inline bool exec_is_gate(const struct machine *m, u64 va)
{
	u64 d = va - m->gate_base;

	return d < (u64)GATE_MAX * GATE_STRIDE && d % GATE_STRIDE == 0 &&
	       m->gate[d / GATE_STRIDE].fn;
}

static inline u64 insn_rip(struct cpu *cpu, const struct insn *i)
{
	return block_of(cpu, i)->rip + i->off;
}

#endif
