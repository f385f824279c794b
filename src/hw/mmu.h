/* SPDX-License-Identifier: MIT */
#ifndef HW_MMU_H
#define HW_MMU_H

/*
 * Translation: the 4-level walk (Intel SDM 3A ch. 4; rules in the essay of mmu.c), the TLB's slow
 * path, and accesses by linear address. Nothing here charges: each function adds what it cost to
 * cpu->pending_cost, which the caller folds into the clock.
 */

#include "hw/tlb.h"
#include "lib/types.h"

struct cpu;

#define PTE_P 0x001ull
#define PTE_W 0x002ull
#define PTE_U 0x004ull
#define PTE_PWT 0x008ull
#define PTE_PCD 0x010ull
#define PTE_A 0x020ull
#define PTE_D 0x040ull
#define PTE_PS 0x080ull
#define PTE_G 0x100ull
#define PTE_NX (1ull << 63)
#define PTE_ADDR 0x000ffffffffff000ull

#define PF_P 1u
#define PF_W 2u
#define PF_U 4u
#define PF_RSVD 8u
#define PF_I 16u

/* A pending exception, not yet delivered. */
struct fault {
	u8 vector;
	bool has_error;
	u32 error;
	u64 cr2; /* #PF only */
};

#define VEC_DE 0
#define VEC_DB 1
#define VEC_NMI 2
#define VEC_BP 3
#define VEC_OF 4
#define VEC_UD 6
#define VEC_NM 7
#define VEC_DF 8
#define VEC_TS 10
#define VEC_NP 11
#define VEC_SS 12
#define VEC_GP 13
#define VEC_PF 14
#define VEC_MF 16
#define VEC_AC 17
#define VEC_XM 19

/* The result of a walk that succeeded. */
struct walk {
	u64 pa; /* physical address of the byte */
	u8 page_shift;
	bool writable, user, nx, global, dirty;
	u8 steps; /* entries read */
};

static inline bool is_canonical(u64 va)
{
	return (u64)(((s64)(va << 16)) >> 16) == va;
}

/*
 * Walk the tables at cr3 as the CPU would for one access (user: CPL 3). set_ad: set Accessed/Dirty
 * on success. false: *f is the #PF. Reads page tables in RAM only through phys_to_host; an entry
 * that points outside RAM reads as all ones (no device).
 */
bool mmu_walk(struct cpu *cpu, u64 va, enum tlb_access access, bool user, bool set_ad,
	      struct walk *w, struct fault *f);

/*
 * Translate one access of 1..64 bytes that does not cross a page, through the TLB (filling it and
 * the index). Returns the host pointer; NULL and *f on a fault; NULL with f->vector == FAULT_MMIO
 * when pa (in *pa) is not RAM. user is CPL == 3 for ordinary accesses. A write to a frame with
 * decoded code forgets that code first.
 */
#define FAULT_MMIO 0xff
void *mmu_translate(struct cpu *cpu, u64 va, unsigned len, enum tlb_access access, bool user,
		    u64 *pa, struct fault *f);

/*
 * Accesses of 1..64 bytes at any alignment, across pages, MMIO included. All or nothing: nothing is
 * written when the second page faults. false: *f holds #PF, or #GP(0) for a non-canonical address
 * (the caller turns it into #SS(0) for stack accesses). `user` is CPL == 3 for ordinary accesses.
 */
bool mmu_read(struct cpu *cpu, u64 va, void *buf, unsigned len, bool user, struct fault *f);
bool mmu_write(struct cpu *cpu, u64 va, const void *buf, unsigned len, bool user, struct fault *f);
/*
 * The same as hardware's own access to a system structure (GDT, LDT, IDT, TSS): supervisor at any
 * CPL, SMAP ignores AC.
 */
bool mmu_read_implicit(struct cpu *cpu, u64 va, void *buf, unsigned len, struct fault *f);
bool mmu_write_implicit(struct cpu *cpu, u64 va, const void *buf, unsigned len, struct fault *f);
/*
 * Would a write (or RMW read) of len bytes succeed? Fills *f if not. Used before a two-page or
 * read-modify-write access.
 */
bool mmu_probe_write(struct cpu *cpu, u64 va, unsigned len, bool user, struct fault *f);

/* Physical MMIO dispatch (LAPIC, HPET; all ones elsewhere). size 1, 2, 4, 8. */
u64 mmio_read(struct cpu *cpu, u64 pa, unsigned size);
void mmio_write(struct cpu *cpu, u64 pa, unsigned size, u64 value);

#endif
