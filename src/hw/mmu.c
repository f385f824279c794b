/* SPDX-License-Identifier: MIT */
/*
 * Linear addresses to bytes: the 4-level walk, the TLB's slow path, accesses of any alignment, MMIO
 * dispatch.
 *
 * Called by the interpreter when the host index misses, by entry.c for descriptor tables and
 * stacks, and by kernel C for user memory. Calls tlb.c, lapic.c and hpet.c. Page tables are read
 * here and nowhere else.
 *
 * A load by CPL 3 at 0x7fff12345678 with CR3 0x1000 (four entries, one physical read each):
 *
 *	PML4E 0xff at 0x1000 + 8*0xff = 0x17f8 -> 0x2000
 *	PDPTE 0x1fc at 0x2fe0 -> 0x3000
 *	PDE 0x91 at 0x3488 -> 0x4000
 *	PTE 0x145 at 0x4a28 -> frame 0x4a000, byte 0x4a678
 *
 *	W1 at each level: not present ends the walk with P=0; then a reserved bit ends it with P=1
 *	   RSVD=1; permissions are judged only after the last level, so a lower not-present or
 *	   reserved entry wins over an upper violation;
 *	W2 W and U are ANDed over the levels, NX is ORed;
 *	W3 on success A is set in every entry used, and D in the leaf of a write; on a fault nothing
 *	   is changed (the manual lets upper levels be set; none is what all reproduce);
 *	W4 an entry outside RAM reads as all ones, as an address without a device does;
 *	W5 a TLB entry that would deny, or a clean one on a write, is walked again: only tables
 *	   cause faults, stale entries never do;
 *	W6 a fault drops what the TLB holds for the page (SDM 3A 4.10.4.1); not-present is never
 *	   cached;
 *	W7 of an access across two pages the low page is judged first, and nothing is written unless
 *	   both pass.
 *
 * Hardware's own accesses (descriptor tables, the TSS) are implicit supervisor accesses:
 * cpu->implicit_access is set around them; they ignore CPL and, under SMAP, AC; from CPL 3 they use
 * no slot of the index, whose context is CPL's.
 *
 * Units: bytes, physical and linear addresses. Owner: none kept. Locking: none. Errors: false or
 * NULL with *f; nothing is delivered here.
 * Time: adds to cpu->pending_cost: COST_WALK_STEP an entry read, COST_TLB_L2_HIT; charges nothing.
 * Source: Intel SDM 3A 4.5-4.7, 4.10; AMD APM 2 5.3-5.5 (PML4E bit 8 is reserved there only).
 */
#include "hw/mmu.h"

#include <string.h>

#include "hw/cpu.h"
#include "hw/hpet.h"
#include "hw/lapic.h"
#include "lib/compiler.h"

static bool page_fault(const struct cpu *cpu, u64 va, enum tlb_access access, bool user, u32 bits,
		       struct fault *f)
{
	u32 error = bits;

	if (access == TLB_WRITE)
		error |= PF_W;
	if (user)
		error |= PF_U;
	if (access == TLB_EXEC && ((cpu->efer & EFER_NXE) || (cpu->cr4 & CR4_SMEP)))
		error |= PF_I;
	*f = (struct fault){ .vector = VEC_PF, .has_error = true, .error = error, .cr2 = va };
	return false;
}

static void general_protection(struct fault *f)
{
	*f = (struct fault){ .vector = VEC_GP, .has_error = true };
}

/* W2's sums against the access. */
static bool permitted(const struct cpu *cpu, bool writable, bool user_page, bool nx,
		      enum tlb_access access, bool user)
{
	if (user && !user_page)
		return false;
	if (access == TLB_EXEC) {
		if (nx && (cpu->efer & EFER_NXE))
			return false;
		return user || !user_page || !(cpu->cr4 & CR4_SMEP);
	}
	if (!user && user_page && (cpu->cr4 & CR4_SMAP) &&
	    (cpu->implicit_access || !(cpu->rflags & FLAG_AC)))
		return false;
	return access != TLB_WRITE || writable || (!user && !(cpu->cr0 & CR0_WP));
}

/* --- the walk --- */

/* The 8 bytes at pa, which is a multiple of 8 and so in RAM altogether or not at all. */
static force_inline u64 read_entry(struct machine *m, u64 pa)
{
	u64 v;

	if (unlikely(pa >= m->ram_low_end) && (pa < RAM_HIGH_BASE || pa >= m->phys_end))
		return ~0ull;
	memcpy(&v, phys_to_host(m, pa), sizeof(v));
	return v;
}

static void set_entry_bits(struct machine *m, u64 pa, u64 bits)
{
	u64 v;

	if (!phys_is_ram(m, pa, sizeof(v)))
		return;
	memcpy(&v, phys_to_host(m, pa), sizeof(v));
	if ((v & bits) == bits)
		return;
	phys_written(m, pa, sizeof(v));
	v |= bits;
	memcpy(phys_to_host(m, pa), &v, sizeof(v));
}

/* Reserved in every entry. */
static u64 reserved_always(const struct cpu *cpu)
{
	u64 r = PTE_ADDR & ~((1ull << cpu->m->cost->maxphyaddr) - 1);

	return cpu->efer & EFER_NXE ? r : r | PTE_NX;
}

/* And in an entry of this level; 3 is the PML4E. */
static force_inline u64 reserved_at(const struct cpu *cpu, unsigned level, bool leaf)
{
	if (level == 3)
		return PTE_PS | (cpu->m->cost->vendor[0] == 'A' ? PTE_G : 0);
	if (leaf && level == 1)
		return 0x1fe000;
	if (leaf && level == 2)
		return 0x3fffe000;
	return 0;
}

bool mmu_walk(struct cpu *cpu, u64 va, enum tlb_access access, bool user, bool set_ad,
	      struct walk *w, struct fault *f)
{
	struct machine *m = cpu->m;
	u64 table = cpu->cr3 & PTE_ADDR & ((1ull << m->cost->maxphyaddr) - 1);
	u64 used[4], was[4], entry = 0, reserved = reserved_always(cpu);
	unsigned level = 4, shift = 48;
	bool leaf = false;

	*w = (struct walk){ .writable = true, .user = true };
	while (!leaf) {
		level--;
		shift -= 9;
		used[level] = table + ((va >> shift) & 0x1ff) * 8;
		entry = was[level] = read_entry(m, used[level]);
		w->steps++;
		/* WALK 2/10 -> not present: back to cpu_deliver, hw/entry.c */
		if (!(entry & PTE_P))
			return page_fault(cpu, va, access, user, 0, f);
		leaf = level == 0 || (level < 3 && (entry & PTE_PS));
		if (unlikely(entry & (reserved | reserved_at(cpu, level, leaf))))
			return page_fault(cpu, va, access, user, PF_P | PF_RSVD, f);
		w->writable &= (entry & PTE_W) != 0;
		w->user &= (entry & PTE_U) != 0;
		w->nx |= (entry & PTE_NX) != 0;
		table = entry & PTE_ADDR;
	}
	if (!permitted(cpu, w->writable, w->user, w->nx, access, user))
		return page_fault(cpu, va, access, user, PF_P, f);

	w->page_shift = shift;
	w->pa = (entry & PTE_ADDR & ~((1ull << shift) - 1)) | (va & ((1ull << shift) - 1));
	w->global = (entry & PTE_G) && (cpu->cr4 & CR4_PGE);
	w->dirty = (entry & PTE_D) || access == TLB_WRITE;
	if (set_ad)
		for (unsigned l = 4; l-- > level;) {
			u64 bits = PTE_A | (l == level && access == TLB_WRITE ? PTE_D : 0);

			if (unlikely(~was[l] & bits))
				set_entry_bits(m, used[l], bits);
		}
	return true;
}

/* --- the slow path --- */

static bool entry_serves(const struct cpu *cpu, const struct tlb_entry *e, enum tlb_access access,
			 bool user)
{
	return permitted(cpu, e->writable, e->user, e->nx, access, user) &&
	       (access != TLB_WRITE || e->dirty);
}

/* The L1 entry for va, from L1, L2 or a walk; NULL and *f on a fault. */
static struct tlb_entry *tlb_get(struct cpu *cpu, u64 va, enum tlb_access access, bool user,
				 u64 stamp, struct fault *f)
{
	struct tlb *t = &cpu->tlb;
	const u32 *cost = cpu->m->cost->cycles;
	struct tlb_entry *e = tlb_lookup_l1(cpu, va, access);
	unsigned stale_shift;
	struct tlb_entry n;
	struct walk w;

	if (likely(e && entry_serves(cpu, e, access, user))) {
		*e->stamp = stamp;
		return e;
	}
	if (access == TLB_EXEC)
		t->stats.l1i_miss++;
	else
		t->stats.l1d_miss++;
	if (!e) {
		e = tlb_lookup_l2(cpu, va);
		if (e && entry_serves(cpu, e, access, user)) {
			t->stats.l2_hit++;
			cpu->pending_cost += cost[COST_TLB_L2_HIT];
			*e->stamp = stamp;
			return tlb_fill_l1(cpu, access, e, stamp);
		}
	}
	stale_shift = e ? e->page_shift : 0;
	t->stats.walks++;
	if (!mmu_walk(cpu, va, access, user, true, &w, f)) {
		cpu->pending_cost += (u64)cost[COST_WALK_STEP] * w.steps;
		tlb_drop_page(cpu, va);
		return NULL;
	}
	cpu->pending_cost += (u64)cost[COST_WALK_STEP] * w.steps;
	if (stale_shift && stale_shift != w.page_shift)
		tlb_drop_page(cpu, va); /* else the fill below overwrites it */
	n = (struct tlb_entry){
		.vpn = va >> w.page_shift << (w.page_shift - PAGE_SHIFT) & 0xfffffffffffffull,
		.pa = w.pa & ~((1ull << w.page_shift) - 1),
		.pcid = cpu->cr4 & CR4_PCIDE ? cpu->cr3 & 0xfff : 0,
		.page_shift = w.page_shift,
		.global = w.global,
		.user = w.user,
		.writable = w.writable,
		.nx = w.nx,
		.dirty = w.dirty,
	};
	tlb_fill_l2(cpu, &n, stamp);
	return tlb_fill_l1(cpu, access, &n, stamp);
}

/*
 * The index's context is CPL's: an access of the other privilege, or one that SMAP judges
 * otherwise, must not use it.
 */
static bool index_applies(const struct cpu *cpu, bool user)
{
	if (user != (cpu->cpl == 3))
		return false;
	return !cpu->implicit_access || !(cpu->cr4 & CR4_SMAP) || !(cpu->rflags & FLAG_AC);
}

static void *not_ram(struct fault *f)
{
	*f = (struct fault){ .vector = FAULT_MMIO };
	return NULL;
}

/* The index's answer for an access within a page, NULL when it has none. */
static force_inline u8 *index_hit(struct cpu *cpu, u64 va, unsigned len, enum tlb_access access,
				  bool user)
{
	const struct tlb_slot *s = &cpu->tlb.slot[access][tlb_slot_index(va)];

	if (unlikely(s->tag != (((va + len - 1) & PAGE_MASK) | cpu->tlb.ctx)) ||
	    unlikely(!index_applies(cpu, user)))
		return NULL;
	*s->stamp = cpu->icount + cpu->insn_index;
	return (u8 *)(uintptr_t)(va + s->addend);
}

static __noinline void *translate_slow(struct cpu *cpu, u64 va, unsigned len,
				       enum tlb_access access, bool user, u64 *pa, struct fault *f)
{
	struct machine *m = cpu->m;
	struct tlb_entry *e;
	u8 *host;
	u64 pfn;

	if (unlikely(!(cpu->cr0 & CR0_PG))) {
		*pa = va & 0xffffffff;
		if (!phys_is_ram(m, *pa, len))
			return not_ram(f);
		if (access == TLB_WRITE)
			phys_written(m, *pa, len);
		return phys_to_host(m, *pa);
	}
	if (unlikely(!is_canonical(va))) {
		general_protection(f);
		return NULL;
	}
	e = tlb_get(cpu, va, access, user, cpu->icount + cpu->insn_index, f);
	if (!e)
		return NULL;
	*pa = e->pa | (va & ((1ull << e->page_shift) - 1));
	if (unlikely(!phys_is_ram(m, *pa, len)))
		return not_ram(f);
	pfn = *pa >> PAGE_SHIFT;
	if (access == TLB_WRITE && unlikely(m->frame_flags[pfn] & FRAME_HAS_CODE))
		exec_invalidate_frame(m, pfn);
	host = m->ram + (pfn << PAGE_SHIFT);
	if (index_applies(cpu, user))
		tlb_index(&cpu->tlb, access, va, e, host);
	return host + (va & (PAGE_SIZE - 1));
}

void *mmu_translate(struct cpu *cpu, u64 va, unsigned len, enum tlb_access access, bool user,
		    u64 *pa, struct fault *f)
{
	u8 *host = index_hit(cpu, va, len, access, user);

	if (unlikely(!host))
		return translate_slow(cpu, va, len, access, user, pa, f);
	*pa = host - cpu->m->ram;
	return host;
}

/* --- accesses --- */

/* MMIO takes naturally aligned pieces of 1, 2, 4 or 8 bytes. */
static unsigned mmio_piece(u64 pa, unsigned len)
{
	unsigned n = 8;

	while (n > len || (pa & (n - 1)))
		n >>= 1;
	return n;
}

static void mmio_copy_in(struct cpu *cpu, u64 pa, u8 *buf, unsigned len)
{
	for (unsigned n; len; pa += n, buf += n, len -= n) {
		u64 v;

		n = mmio_piece(pa, len);
		v = mmio_read(cpu, pa, n);
		for (unsigned i = 0; i < n; i++)
			buf[i] = v >> (8 * i);
	}
}

static void mmio_copy_out(struct cpu *cpu, u64 pa, const u8 *buf, unsigned len)
{
	for (unsigned n; len; pa += n, buf += n, len -= n) {
		u64 v = 0;

		n = mmio_piece(pa, len);
		for (unsigned i = 0; i < n; i++)
			v |= (u64)buf[i] << (8 * i);
		mmio_write(cpu, pa, n, v);
	}
}

/* One or two pieces within pages, translated and ready. host NULL: MMIO at pa. */
struct piece {
	u8 *host;
	u64 pa;
	unsigned len;
};

static int translate_pieces(struct cpu *cpu, u64 va, unsigned len, enum tlb_access access,
			    bool user, struct piece p[2], struct fault *f)
{
	unsigned first = min(len, (unsigned)(PAGE_SIZE - (va & (PAGE_SIZE - 1))));
	int n = 0;

	if (unlikely(!is_canonical(va) || !is_canonical(va + len - 1)) && (cpu->cr0 & CR0_PG)) {
		general_protection(f);
		return -1;
	}
	for (; len; va += first, len -= first, first = len, n++) {
		p[n].len = first;
		p[n].host = mmu_translate(cpu, va, first, access, user, &p[n].pa, f);
		if (!p[n].host && f->vector != FAULT_MMIO)
			return -1;
	}
	return n;
}

/* Most are of 8 bytes: those need no call. */
static force_inline void copy(void *to, const void *from, unsigned len)
{
	if (likely(len == 8))
		memcpy(to, from, 8);
	else
		memcpy(to, from, len);
}

static __noinline bool read_slow(struct cpu *cpu, u64 va, void *buf, unsigned len, bool user,
				 struct fault *f)
{
	struct piece p[2];
	u8 *to = buf;
	int n = translate_pieces(cpu, va, len, TLB_READ, user, p, f);

	for (int i = 0; i < n; to += p[i++].len) {
		if (p[i].host)
			memcpy(to, p[i].host, p[i].len);
		else
			mmio_copy_in(cpu, p[i].pa, to, p[i].len);
	}
	return n >= 0;
}

bool mmu_read(struct cpu *cpu, u64 va, void *buf, unsigned len, bool user, struct fault *f)
{
	const u8 *host = index_hit(cpu, va, len, TLB_READ, user);

	if (unlikely(!host))
		return read_slow(cpu, va, buf, len, user, f);
	copy(buf, host, len);
	return true;
}

static __noinline bool write_slow(struct cpu *cpu, u64 va, const void *buf, unsigned len, bool user,
				  struct fault *f)
{
	struct piece p[2];
	const u8 *from = buf;
	int n = translate_pieces(cpu, va, len, TLB_WRITE, user, p, f);

	for (int i = 0; i < n; from += p[i++].len) {
		if (p[i].host)
			memcpy(p[i].host, from, p[i].len);
		else
			mmio_copy_out(cpu, p[i].pa, from, p[i].len);
	}
	return n >= 0;
}

bool mmu_write(struct cpu *cpu, u64 va, const void *buf, unsigned len, bool user, struct fault *f)
{
	u8 *host = index_hit(cpu, va, len, TLB_WRITE, user);

	if (unlikely(!host))
		return write_slow(cpu, va, buf, len, user, f);
	copy(host, buf, len);
	return true;
}

bool mmu_probe_write(struct cpu *cpu, u64 va, unsigned len, bool user, struct fault *f)
{
	struct piece p[2];

	return translate_pieces(cpu, va, len, TLB_WRITE, user, p, f) >= 0;
}

bool mmu_read_implicit(struct cpu *cpu, u64 va, void *buf, unsigned len, struct fault *f)
{
	bool ok;

	cpu->implicit_access = true;
	ok = mmu_read(cpu, va, buf, len, false, f);
	cpu->implicit_access = false;
	return ok;
}

bool mmu_write_implicit(struct cpu *cpu, u64 va, const void *buf, unsigned len, struct fault *f)
{
	bool ok;

	cpu->implicit_access = true;
	ok = mmu_write(cpu, va, buf, len, false, f);
	cpu->implicit_access = false;
	return ok;
}

/* --- MMIO --- */

static bool lapic_selected(const struct cpu *cpu, u64 pa)
{
	return (cpu->apic_base & (1u << 11)) && (pa & PAGE_MASK) == (cpu->apic_base & PTE_ADDR);
}

static u64 all_ones(unsigned size)
{
	return size >= 8 ? ~0ull : (1ull << (8 * size)) - 1;
}

u64 mmio_read(struct cpu *cpu, u64 pa, unsigned size)
{
	/*
	 * The APIC's registers are 32 bits at 16-byte steps; other widths are undefined (SDM 3A
	 * 11.4.1): they read 0.
	 */
	if (lapic_selected(cpu, pa))
		return size == 4 ? lapic_read(cpu, pa & 0xfff) : 0;
	if (pa >= HPET_BASE && pa < HPET_BASE + 0x400)
		return hpet_read(cpu->m, pa - HPET_BASE, size, cpu->now);
	return all_ones(size);
}

void mmio_write(struct cpu *cpu, u64 pa, unsigned size, u64 value)
{
	if (lapic_selected(cpu, pa)) {
		if (size == 4)
			lapic_write(cpu, pa & 0xfff, value);
	} else if (pa >= HPET_BASE && pa < HPET_BASE + 0x400) {
		hpet_write(cpu->m, pa - HPET_BASE, size, value, cpu->now);
	}
}
