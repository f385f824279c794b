/* SPDX-License-Identifier: MIT */
/*
 * copy_from_user, copy_to_user and their kin: kernel C at a user address.
 *
 * System calls of every floor above call it. It calls the MMU of the CPU it runs on, and on a fault
 * the exception path of that CPU; it knows no VMA.
 *
 * copy_to_user(0x7f0000000ff0, buf, 32), the second page not there yet:
 *
 *	translate 7f0000000ff0 for writing: TLB hit, 16 bytes copied
 *	translate 7f0000001000: #PF. RIP = GATE_UACCESS, deliver through the IDT, enter the gate:
 *	    do_page_fault maps the page, IRET: RIP is GATE_UACCESS: translate again, 16 bytes copied
 *	or  do_page_fault finds nothing, sets RIP = GATE_UACCESS_FIXUP, IRET: 16 not copied
 *
 * GATE_UACCESS stands for the one instruction that may fault, GATE_UACCESS_FIXUP for its entry in
 * the exception table; no code is at either, the RIP that comes back is the answer.
 *
 *	U1 an address outside [0, TASK_SIZE) is refused before the MMU sees it, so a kernel address
 *	   never is read for a user;
 *	U2 bytes are copied in order, and the count of those not copied is exact to the page that
 *	   failed;
 *	U3 a host pointer from the MMU is used at once: nothing is charged between translating and
 *	   copying;
 *	U4 code that was decoded from a page that is written is forgotten (phys_written).
 *
 * Units: bytes. Owner: nothing is kept. Locking: none held; may sleep, unless preemption is off:
 * then a fault fails.
 * Errors: bytes left, or -EFAULT. Time: TLB and walk costs, the real exception, COST_CACHELINE per
 * 64 bytes.
 * Source: Linux 6.1 arch/x86/lib/copy_user_64.S, lib/strncpy_from_user.c, arch/x86/mm/extable.c.
 */
#include "mm/uaccess.h"

#include "kernel/irq/idt.h"
#include "kernel/percpu/percpu.h"
#include "lib/errno.h"
#include "lib/string.h"

/* Faults that one page of one access may take; each made progress in somebody's page table. */
#define UACCESS_TRIES 64u

/* Let the pending fault run through the IDT; true when the access may be tried again. */
static bool uaccess_fault(const struct fault *f)
{
	struct cpu *cpu = this_cpu();
	u64 rip = cpu->rip;
	bool retry;

	cpu->rip = gate_va(cpu->m, GATE_UACCESS);
	cpu_deliver(cpu, f);
	cpu_enter_gate(cpu);
	cpu = this_cpu(); /* the handler may have slept */
	retry = cpu->rip == gate_va(cpu->m, GATE_UACCESS);
	BUG_ON(!retry && cpu->rip != gate_va(cpu->m, GATE_UACCESS_FIXUP));
	cpu->rip = rip;
	return retry;
}

/* Host address of the user byte at va, good until the next charge. NULL: the user may not. */
static void *uaccess_translate(u64 va, unsigned len, enum tlb_access access)
{
	struct fault f;
	u64 pa;
	u32 tries;

	for (tries = 0; tries < UACCESS_TRIES; tries++) {
		void *host;

		cpu_native_access(this_cpu());
		host = mmu_translate(this_cpu(), va, len, access, false, &pa, &f);

		if (host) {
			if (access == TLB_WRITE)
				phys_written(this_machine(), pa, len);
			return host;
		}
		if (f.vector == FAULT_MMIO || !uaccess_fault(&f))
			return NULL;
	}
	return NULL;
}

static u64 bytes_to_page_end(u64 va, u64 n)
{
	return min(n, PAGE_SIZE - (va & (PAGE_SIZE - 1)));
}

static void charge_copy(u64 bytes)
{
	charge_n(COST_CACHELINE, DIV_ROUND_UP(bytes, (u64)64));
}

u64 copy_from_user(void *to, u64 from, u64 n)
{
	u8 *dst = to;

	if (access_ok(from, n)) {
		while (n) {
			u64 chunk = bytes_to_page_end(from, n);
			void *src = uaccess_translate(from, 1, TLB_READ);

			if (!src)
				break;
			memcpy(dst, src, chunk);
			charge_copy(chunk);
			dst += chunk;
			from += chunk;
			n -= chunk;
		}
	}
	memset(dst, 0, n);
	return n;
}

/* from NULL: zeroes. */
static u64 write_user(u64 to, const u8 *from, u64 n)
{
	if (!access_ok(to, n))
		return n;
	while (n) {
		u64 chunk = bytes_to_page_end(to, n);
		void *dst = uaccess_translate(to, 1, TLB_WRITE);

		if (!dst)
			break;
		if (from) {
			memcpy(dst, from, chunk);
			from += chunk;
		} else {
			memset(dst, 0, chunk);
		}
		phys_written(this_machine(), host_to_pa(dst), chunk);
		charge_copy(chunk);
		to += chunk;
		n -= chunk;
	}
	return n;
}

u64 copy_to_user(u64 to, const void *from, u64 n)
{
	return n ? write_user(to, from, n) : 0;
}

u64 clear_user(u64 to, u64 n)
{
	return write_user(to, NULL, n);
}

s64 strncpy_from_user(char *dst, u64 src, s64 count)
{
	s64 done = 0;

	if (count <= 0)
		return 0;
	while (done < count) {
		u64 chunk;
		const char *from, *nul;

		if (!access_ok(src, 1))
			return -EFAULT;
		chunk = bytes_to_page_end(src, min((u64)(count - done), TASK_SIZE - src));
		from = uaccess_translate(src, 1, TLB_READ);
		if (!from)
			return -EFAULT;
		nul = memchr(from, 0, chunk);
		if (nul)
			chunk = (u64)(nul - from) + 1;
		memcpy(dst + done, from, chunk);
		charge_copy(chunk);
		done += (s64)chunk;
		src += chunk;
		if (nul)
			return done - 1;
	}
	return done;
}

s64 strnlen_user(u64 str, s64 count)
{
	s64 done = 0;

	while (done < count) {
		u64 chunk;
		const char *from, *nul;

		if (!access_ok(str, 1))
			return 0;
		chunk = bytes_to_page_end(str, min((u64)(count - done), TASK_SIZE - str));
		from = uaccess_translate(str, 1, TLB_READ);
		if (!from)
			return 0;
		nul = memchr(from, 0, chunk);
		if (nul)
			return done + (nul - from) + 1;
		charge_copy(chunk);
		done += (s64)chunk;
		str += chunk;
	}
	return count + 1;
}

int get_user_u8(u8 *x, u64 addr)
{
	return copy_from_user(x, addr, sizeof(*x)) ? -EFAULT : 0;
}

int get_user_u32(u32 *x, u64 addr)
{
	return copy_from_user(x, addr, sizeof(*x)) ? -EFAULT : 0;
}

int get_user_u64(u64 *x, u64 addr)
{
	return copy_from_user(x, addr, sizeof(*x)) ? -EFAULT : 0;
}

int put_user_u8(u8 x, u64 addr)
{
	return copy_to_user(addr, &x, sizeof(x)) ? -EFAULT : 0;
}

int put_user_u32(u32 x, u64 addr)
{
	return copy_to_user(addr, &x, sizeof(x)) ? -EFAULT : 0;
}

int put_user_u64(u64 x, u64 addr)
{
	return copy_to_user(addr, &x, sizeof(x)) ? -EFAULT : 0;
}

int cmpxchg_user_u32(u32 *cur, u64 addr, u32 old, u32 new_value)
{
	void *host;

	if (!access_ok(addr, sizeof(u32)) || (addr & 3))
		return -EFAULT;
	host = uaccess_translate(addr, sizeof(u32), TLB_WRITE);
	if (!host)
		return -EFAULT;
	memcpy(cur, host, sizeof(u32));
	if (*cur == old)
		memcpy(host, &new_value, sizeof(u32));
	charge(COST_LOCK_RMW);
	return 0;
}

void pagefault_disable(void)
{
	preempt_disable();
}

void pagefault_enable(void)
{
	preempt_enable();
}
