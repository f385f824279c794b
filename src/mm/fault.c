/* SPDX-License-Identifier: MIT */
/*
 * The #PF handler: from the error code and CR2 to a resolved page, a signal, a fixed-up kernel
 * access, or an oops.
 *
 * Vector 14's gate calls do_page_fault() with pt_regs on the simulated kernel stack. It calls
 * find_vma, handle_mm_fault and expand_stack; signals go up through hooks.force_sig_fault.
 *
 *	CR2 = 00007ffffffdcff8, error 0x6 (user, write, not present), stack VMA from 7ffffffde000:
 *
 *	do_page_fault -> find_vma: above the address, grows down -> expand_stack: from 7ffffffdc000
 *	-> handle_mm_fault: anonymous, write -> new zeroed frame, PTE rw- -> IRET: the store again
 *
 *	who            where                what comes of it
 *	CPL 3          a VMA, right allowed  resolved, or SIGBUS, or out of memory
 *	CPL 3          a VMA, right missing  SIGSEGV SEGV_ACCERR
 *	CPL 3          no VMA, kernel half   SIGSEGV SEGV_MAPERR
 *	CPL 0, uaccess as above              resolved, else RIP = GATE_UACCESS_FIXUP
 *	CPL 0, else    anywhere              oops: the machine stops
 *
 *	F1 the user's registers are not touched: after a resolved fault the same instruction runs
 *	   again;
 *	F2 kernel C touches user memory only at GATE_UACCESS, so a fault of CPL 0 with another RIP
 *	   is a bug;
 *	F3 mmap_lock is free on return, whatever happened;
 *	F4 a fault that could not get memory is tried once more, then the task dies of SIGKILL: no
 *	   loop without progress.
 *
 * Linux instead retries F4 for ever because its OOM killer has made room; that comes with reclaim.
 *
 * Units: bytes. Owner: nothing is kept.
 * Locking: takes mmap_lock shared, exclusively to grow a stack. The entry code has put IRQs as the
 * interrupted context had them.
 * Errors: none returned. Time: COST_FAULT_WORK in handle_mm_fault.
 * Source: Linux 6.1 arch/x86/mm/fault.c.
 */
#include "kernel/irq/idt.h"
#include "kernel/irq/ptrace.h"
#include "kernel/percpu/layout.h"
#include "kernel/trace/tracepoints.h"
#include "lib/errno.h"
#include "mm/internal.h"
#include "sched/task.h"

#define SIGKILL 9
#define SIGBUS 7
#define SIGSEGV 11
#define SEGV_MAPERR 1
#define SEGV_ACCERR 2
#define BUS_ADRERR 2
#define SI_KERNEL 0x80

static bool at_uaccess(const struct pt_regs *regs)
{
	return regs->ip == gate_va(this_machine(), GATE_UACCESS);
}

static void __noreturn oops(const struct pt_regs *regs, u64 error, u64 address)
{
	machine_panic(this_machine(),
		      "BUG: unable to handle page fault for address: %016llx\n"
		      "#PF: supervisor %s, error_code(0x%04llx)\n"
		      "RIP: %04llx:%016llx RSP: %016llx CPU: %u",
		      (unsigned long long)address,
		      error & PF_I ? "instruction fetch" :
		      error & PF_W ? "write" :
				     "read",
		      (unsigned long long)error, (unsigned long long)regs->cs,
		      (unsigned long long)regs->ip, (unsigned long long)regs->sp,
		      smp_processor_id());
}

/* The access cannot be satisfied. */
static void bad_area(struct pt_regs *regs, u64 error, u64 address, int sig, int code)
{
	if (user_mode(regs)) {
		if (!kern()->hooks.force_sig_fault)
			oops(regs, error, address);
		kern()->hooks.force_sig_fault(sig, code, address);
		return;
	}
	if (!at_uaccess(regs))
		oops(regs, error, address);
	regs->ip = gate_va(this_machine(), GATE_UACCESS_FIXUP);
}

/* Does the VMA forbid this kind of access? */
static bool access_error(u64 error, const struct vm_area_struct *vma)
{
	if (error & PF_W)
		return !(vma->vm_flags & VM_WRITE);
	if (error & PF_I)
		return !(vma->vm_flags & VM_EXEC);
	return !(vma->vm_flags & VM_ACCESS_FLAGS);
}

/*
 * The VMA that covers address, mmap_lock held shared; a stack grows down to it first. NULL with the
 * lock free: there is none.
 */
static struct vm_area_struct *lock_and_find_vma(struct mm_struct *mm, u64 address)
{
	struct vm_area_struct *vma;
	int err;

	mmap_read_lock(mm);
	vma = find_vma(mm, address);
	if (vma && vma->vm_start <= address)
		return vma;
	mmap_read_unlock(mm);
	if (!vma || !(vma->vm_flags & VM_GROWSDOWN))
		return NULL;

	mmap_write_lock(mm);
	vma = find_vma(mm, address);
	err = -EFAULT;
	if (vma && vma->vm_start <= address)
		err = 0;
	else if (vma && (vma->vm_flags & VM_GROWSDOWN))
		err = expand_stack(vma, address);
	if (err) {
		mmap_write_unlock(mm);
		return NULL;
	}
	downgrade_write(&mm->mmap_lock);
	return vma;
}

static void count_fault(vm_fault_t ret)
{
	struct mm_root *r = mm_root();

	r->pgfault++;
	if (ret & VM_FAULT_MAJOR) {
		r->pgmajfault++;
		current->maj_flt++;
	} else {
		current->min_flt++;
	}
}

static void fault_error(struct pt_regs *regs, u64 error, u64 address, vm_fault_t ret)
{
	if (ret & VM_FAULT_OOM) {
		trace_oom(trace_pid(), 0);
		bad_area(regs, error, address, SIGKILL, SI_KERNEL);
	} else if (ret & VM_FAULT_SIGBUS) {
		bad_area(regs, error, address, SIGBUS, BUS_ADRERR);
	} else {
		bad_area(regs, error, address, SIGSEGV, SEGV_MAPERR);
	}
}

static void do_user_addr_fault(struct pt_regs *regs, u64 error, u64 address)
{
	struct mm_struct *mm = current->mm;
	u32 flags = 0, tries;
	vm_fault_t ret = 0;

	if (!user_mode(regs) && !at_uaccess(regs))
		oops(regs, error, address);
	if (error & PF_RSVD)
		machine_panic(this_machine(),
			      "page table of pid %u is corrupt: reserved bit at %016llx",
			      trace_pid(), (unsigned long long)address);
	if (!mm || this_percpu()->preempt_count) {
		bad_area(regs, error, address, SIGSEGV, SEGV_MAPERR);
		return;
	}
	if (user_mode(regs))
		flags |= FAULT_FLAG_USER;
	if (error & PF_W)
		flags |= FAULT_FLAG_WRITE;
	if (error & PF_I)
		flags |= FAULT_FLAG_INSTRUCTION;

	for (tries = 0; tries < FAULT_TRIES; tries++) {
		/* WALK 5/10 -> find_vma, mm/vma.c */
		struct vm_area_struct *vma = lock_and_find_vma(mm, address);

		if (!vma) {
			bad_area(regs, error, address, SIGSEGV, SEGV_MAPERR);
			return;
		}
		if (access_error(error, vma)) {
			mmap_read_unlock(mm);
			bad_area(regs, error, address, SIGSEGV, SEGV_ACCERR);
			return;
		}
		/* WALK 6/10 -> handle_mm_fault, mm/memory.c */
		ret = handle_mm_fault(vma, address, flags);
		if (!(ret & VM_FAULT_RETRY))
			mmap_read_unlock(mm);
		if (!(ret & VM_FAULT_RETRY) && !((ret & VM_FAULT_OOM) && tries == 0))
			break;
		flags |= FAULT_FLAG_TRIED;
	}
	if (ret & VM_FAULT_ERROR)
		fault_error(regs, error, address, ret);
	else
		count_fault(ret);
}

void do_page_fault(struct pt_regs *regs, u64 error_code, u64 address)
{
	if (user_mode(regs))
		trace_page_fault_user(address, regs->ip, error_code);
	else
		trace_page_fault_kernel(address, regs->ip, error_code);

	if (address >= TASK_SIZE)
		bad_area(regs, error_code, address, SIGSEGV, SEGV_MAPERR);
	else
		do_user_addr_fault(regs, error_code, address);
}
