/* SPDX-License-Identifier: MIT */
#ifndef HW_TLB_H
#define HW_TLB_H

/*
 * The modelled TLB (true shape: L1 data, L1 instruction, shared L2, sets and ways by profile, PCID
 * and global tags, least recently used by stamp) and, in front of it, a direct-mapped host index
 * that makes a hit one compare and one store.
 *
 * A slot's tag is (virtual page of the LAST byte accessed) | ctx, where ctx (12 bits) names CR3's
 * PCID generation, CPL class and permission context; changing any of them changes cpu->tlb.ctx and
 * so misses every slot of the old one. An access of n bytes at va compares ((va + n - 1) &
 * PAGE_MASK) | ctx with the slot of va's page, so one compare also refuses accesses that cross a
 * page. On a hit the entry's stamp is set to the instruction's number (cpu->icount + index), which
 * is the whole modelled change. The write side holds only entries whose D is set and whose frame
 * has no decoded code.
 *
 *	T1 a slot names a valid L1 entry, or its tag is 0;
 *	T2 dropping an L1 entry drops its slots; T3 a slot's host pointer is into RAM (MMIO is never
 *	   indexed).
 */

#include "hw/machine.h"
#include "lib/types.h"

#define TLB_MAX_L1 128u

enum tlb_access { TLB_READ = 0, TLB_WRITE = 1, TLB_EXEC = 2 };

struct tlb_entry {
	u64 vpn; /* virtual page number of the first 4 KiB of the page it maps */
	u64 pa;	 /* physical base of the page */
	/* instruction number of the last use: stamps of an array lie together, so that the oldest
	 * is found fast */
	u64 *stamp;
	u64 gen; /* tlb->gen when it was filled; older than a flush floor = dropped */
	u16 pcid;
	u16 next;      /* 1 + index of the next entry in its hash chain, 0 = last */
	u8 page_shift; /* 12, 21, 30 */
	bool valid, global, user, writable, nx, dirty;
};

/*
 * One modelled array. The hash finds in O(1) what hardware finds by comparing all ways at once; it
 * holds the valid entries and shows nowhere.
 */
struct tlb_array {
	struct tlb_entry *e; /* sets * ways, set by set */
	u64 *stamp;	     /* the same shape; 0: a free way */
	u64 (*valid)[2];     /* per set: the ways that are, a bit each */
	u64 *swept;	     /* per set: tlb->gen when its dropped entries were last cleared away */
	u16 *head;	     /* 1 + index of the first entry of a chain, 0 = none */
	u32 sets, ways, hash_mask;
	bool zeros;    /* an entry was made with stamp 0: a free way is not the only one */
	u8 slots_exec; /* which slots name its entries: 0 read and write, 1 exec, 2 none */
	struct tlb_order *order; /* of one wide set; NULL: ways are few enough to compare all */
};

/*
 * The ways of a fully associative array in the order of what their stamps were when last looked at.
 * Stamps only grow, so the first whose stamp is still that is the oldest of all.
 */
struct tlb_order {
	/* ways that may have stamp 0, which are not in the list; a bit each */
	u64 free[2];
	u64 seen[TLB_MAX_L1];	 /* what the stamp was */
	u8 next[TLB_MAX_L1 + 1]; /* the list's ends are next and prev of TLB_MAX_L1 */
	u8 prev[TLB_MAX_L1 + 1];
};

struct tlb_slot {
	u64 tag;    /* page | ctx; 0 never matches */
	u64 addend; /* host address = va + addend */
	u64 *stamp; /* entry->stamp */
	struct tlb_entry *entry;
};

#define TLB_SLOTS 256u
#define TLB_CTX_MASK 0xfffull
#define TLB_CTX_CACHE 32u

struct tlb_stats {
	u64 l1d_miss, l1i_miss, l2_hit, walks, flushes, flushed_pages;
};

struct tlb {
	u64 ctx; /* present context id, 1..4095 */
	u64 next_ctx;
	struct tlb_slot slot[3][TLB_SLOTS]; /* by enum tlb_access */
	struct tlb_array l1d, l1i, l2;
	u8 sizes_seen; /* page sizes ever filled: 1 4 KiB, 2 2 MiB, 4 1 GiB */
	u64 gen;       /* counts flushes */
	/* entries (global / other) filled before this are dropped */
	u64 floor_global, floor_local;
	/* [4096]: the same for the non-global entries of one PCID */
	u64 *floor_pcid;
	/* which context has which id: direct-mapped, 0 = none */
	u64 ctx_key[TLB_CTX_CACHE];
	u16 ctx_id[TLB_CTX_CACHE];
	struct tlb_stats stats;
};

static inline unsigned tlb_slot_index(u64 va)
{
	return (va >> PAGE_SHIFT) & (TLB_SLOTS - 1);
}

struct cpu;
/* Allocate the arrays in the arena. 0 or -ENOMEM. */
int tlb_init(struct cpu *cpu);
/* What INVLPG, MOV CR3, CR4.PGE toggles and INVPCID must drop, no more. */
void tlb_flush_page(struct cpu *cpu, u64 va);	/* INVLPG: current PCID and globals */
void tlb_flush_pcid(struct cpu *cpu, u16 pcid); /* non-global entries of a PCID */
void tlb_flush_pcid_page(struct cpu *cpu, u16 pcid, u64 va);
void tlb_flush_all(struct cpu *cpu, bool globals);
/*
 * Every size of page that maps va, in the current PCID and global: the entry a #PF proved stale.
 * Same as INVLPG without its cost and count.
 */
void tlb_drop_page(struct cpu *cpu, u64 va);
/*
 * The modelled arrays. lookup: the entry of the current PCID (or global) that maps va, or NULL;
 * does not touch its stamp. O(1).
 */
struct tlb_entry *tlb_lookup_l1(struct cpu *cpu, u64 va, enum tlb_access access);
struct tlb_entry *tlb_lookup_l2(struct cpu *cpu, u64 va);
/*
 * Put a translation in, with this stamp (over the one of the same page if there, else an invalid
 * way, else the oldest stamp, lowest way first); the evicted entry's slots go with it. Returns the
 * entry.
 */
struct tlb_entry *tlb_fill_l1(struct cpu *cpu, enum tlb_access access, const struct tlb_entry *e,
			      u64 stamp);
void tlb_fill_l2(struct cpu *cpu, const struct tlb_entry *e, u64 stamp);
/* Name `e` in the host index for va's 4 KiB page under the present context. */
static inline void tlb_index(struct tlb *t, enum tlb_access access, u64 va, struct tlb_entry *e,
			     void *host_page)
{
	struct tlb_slot *s = &t->slot[access][tlb_slot_index(va)];

	s->tag = (va & PAGE_MASK) | t->ctx;
	s->addend = (u64)(uintptr_t)host_page - (va & PAGE_MASK);
	s->stamp = e->stamp;
	s->entry = e;
}
/* CPL, CR0.WP, CR4.SMEP/SMAP, EFER.NXE, AC or CR3 changed: compute the context anew. */
void tlb_context_changed(struct cpu *cpu);
/* Frame pfn got decoded code: drop every CPU's write slots to it. */
void tlb_frame_has_code(struct machine *m, u64 pfn);

#endif
