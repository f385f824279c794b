/* SPDX-License-Identifier: MIT */
#ifndef MM_MM_H
#define MM_MM_H

/*
 * Address spaces, from outside: what system calls, exec, fork, exit, faults and procfs ask of this
 * floor.
 *
 * A result that is an address comes as s64: the address, or a negative errno. Functions named after
 * a system call (ksys_*, vm_*, do_mprotect, do_madvise) work on current->mm and take mmap_lock
 * themselves; do_mmap, do_munmap, find_vma and friends want it held, as Linux's do.
 */

#include "kernel/percpu/kernel.h"
#include "lib/types.h"
#include "mm/mm_types.h"

/* --- boot --- */

/*
 * Build init_mm: direct map, kernel image page, zero page, caches; install hooks (switch_mm,
 * call_function_ipi, do_page_fault) and the task hooks for fork and exit. After irq_init (the
 * gates' address), alloc_init and sched_init; on CPU 0's boot stack. 0 or -ENOMEM with everything
 * undone.
 */
int mm_init(struct kernel *k);
/*
 * Give CPU `cpu` init_mm's tables: long mode and paging on if they are not, CR4.PGE and PCIDE, its
 * tlb_state. Once a CPU, CPU 0 first, after mm_init and before irq_init_cpu, which wants long mode.
 * 0 or -ENOMEM.
 */
int mm_attach_cpu(struct kernel *k, unsigned cpu);
/* CR3 of the kernel's own tables. */
u64 init_mm_cr3(struct kernel *k);
struct mm_struct *init_mm(struct kernel *k);

/* --- what upper floors supply --- */

/* Files as mappings see them (VFS). Every member must be set, unless it says otherwise. */
struct mm_file_ops {
	struct file *(*get_file)(struct file *file);
	void (*fput)(struct file *file);
	/*
	 * May this file be mapped so? prot is PROT_*, flags MAP_*; *vm_flags comes with VM_MAY* all
	 * set and may lose some (and VM_SHARED, VM_MAYSHARE when the file is not open for writing).
	 * 0, -EACCES, -ENODEV, -EPERM.
	 */
	int (*may_map)(struct file *file, u64 prot, u64 flags, u64 *vm_flags);
	/* file->f_op->mmap: set vma->vm_ops (and vm_private_data). 0 or negative errno. */
	int (*mmap)(struct file *file, struct vm_area_struct *vma);
	/* For maps: path into buf (NUL-terminated, cut to size), device and inode numbers. */
	void (*describe)(struct file *file, char *buf, size_t size, u32 *major, u32 *minor,
			 u64 *ino);
	/*
	 * While a program runs from file, nobody may write it: -ETXTBSY when somebody does. Both
	 * may be NULL (files that cannot be written).
	 */
	int (*deny_write)(struct file *file);
	void (*allow_write)(struct file *file);
};
void register_mm_file_ops(struct kernel *k, const struct mm_file_ops *ops);
/* current's soft limit of an RLIMIT_*; without one: RLIMIT_STACK 8 MiB, the rest infinite. */
void register_mm_rlimit(struct kernel *k, u64 (*rlimit)(unsigned resource));
u64 rlimit(unsigned resource);
/* mm runs from file from now on: a reference and a denial of writing. 0 or -ETXTBSY. */
int set_mm_exe_file(struct mm_struct *mm, struct file *file);

/* --- life --- */

/* A new, empty address space with one user. NULL: no memory. */
struct mm_struct *mm_alloc(void);
/*
 * A copy of old with copy-on-write pages (fork). NULL: no memory. Takes old's mmap_lock. May sleep.
 */
struct mm_struct *dup_mm(struct mm_struct *old);
static inline void mmget(struct mm_struct *mm)
{
	mm->mm_users++;
}
/* Drop a user; the last one tears everything down (may sleep). */
void mmput(struct mm_struct *mm);
static inline void mmgrab(struct mm_struct *mm)
{
	mm->mm_count++;
}
/* Drop a reference to the structure. Never sleeps. */
void mmdrop(struct mm_struct *mm);
/* t's mm with a user reference (mmput it), NULL for kernel threads and the exited. */
struct mm_struct *get_task_mm(struct task_struct *t);
/*
 * exec: current takes mm (whose one user reference moves to it) and is loaded on this CPU; the old
 * one is put. mm NULL: leave user space (exit). Completes no vfork. May sleep.
 */
void exec_mmap(struct mm_struct *mm);
static inline void exit_mm(void)
{
	exec_mmap(NULL);
}
/*
 * The layout of a new program: mmap_base below a stack of at most stack_limit bytes. Call before
 * anything is mapped but the stack. randomize_va moves it by a seeded amount.
 */
void arch_pick_mmap_layout(struct mm_struct *mm, u64 stack_limit);
/*
 * Seeded random address below `range` bytes, page-aligned; 0 when randomize_va is off. For exec's
 * stack and brk.
 */
u64 mm_random_offset(u64 range);

static inline void mmap_read_lock(struct mm_struct *mm)
{
	down_read(&mm->mmap_lock);
}
static inline void mmap_read_unlock(struct mm_struct *mm)
{
	up_read(&mm->mmap_lock);
}
static inline void mmap_write_lock(struct mm_struct *mm)
{
	down_write(&mm->mmap_lock);
}
static inline void mmap_write_unlock(struct mm_struct *mm)
{
	up_write(&mm->mmap_lock);
}

/* --- VMAs (mmap_lock held) --- */

/* First VMA with addr < vm_end, or NULL. It may start above addr. */
struct vm_area_struct *find_vma(struct mm_struct *mm, u64 addr);
struct vm_area_struct *find_vma_prev(struct mm_struct *mm, u64 addr, struct vm_area_struct **pprev);
/* First VMA overlapping [start, end), or NULL. */
struct vm_area_struct *find_vma_intersection(struct mm_struct *mm, u64 start, u64 end);
/* vm_start less the stack guard gap where that applies. */
u64 vm_start_gap(const struct vm_area_struct *vma);
/* Grow a VM_GROWSDOWN VMA down to addr's page. 0, -ENOMEM, -EPERM. Exclusive lock. */
int expand_stack(struct vm_area_struct *vma, u64 addr);
static inline u64 vma_pages(const struct vm_area_struct *vma)
{
	return (vma->vm_end - vma->vm_start) >> 12;
}

/* --- mapping --- */

/*
 * Map len bytes of file (NULL: anonymous) from page pgoff into current->mm. Address or -EINVAL,
 * -ENOMEM, -EOVERFLOW, -EEXIST, -EACCES, -EPERM, -EAGAIN, -ENODEV, in Linux's order of checks.
 * mmap_lock held exclusively. *populate gets the bytes to fault in after unlocking (0: none); may
 * be NULL.
 */
s64 do_mmap(struct file *file, u64 addr, u64 len, u64 prot, u64 flags, u64 pgoff, u64 *populate);
/*
 * mmap(2) and kernel users: do_mmap with the lock and MAP_POPULATE done. offset of vm_mmap is
 * bytes.
 */
s64 vm_mmap_pgoff(struct file *file, u64 addr, u64 len, u64 prot, u64 flags, u64 pgoff);
s64 vm_mmap(struct file *file, u64 addr, u64 len, u64 prot, u64 flags, u64 offset);
/* Lock held exclusively. 0, -EINVAL, -ENOMEM. Holes are fine. */
int do_munmap(struct mm_struct *mm, u64 start, u64 len);
int vm_munmap(u64 start, u64 len);
/* mprotect(2) on current->mm. */
int do_mprotect(u64 start, u64 len, u64 prot);
/* brk(2): the break afterwards, unchanged when it was refused. */
u64 ksys_brk(u64 brk);
/*
 * Map [addr, addr+len) anonymous and private for exec's bss; flags VM_EXEC or 0. 0 or negative
 * errno. Takes the lock.
 */
int vm_brk_flags(u64 addr, u64 len, u64 flags);
/* mremap(2), madvise(2). */
s64 ksys_mremap(u64 addr, u64 old_len, u64 new_len, u64 flags, u64 new_addr);
int do_madvise(u64 start, u64 len, int behavior);
/*
 * Files are in memory and mappings show the same pages: only the range and the flags are checked.
 * 0, -EINVAL, -ENOMEM, -EBUSY.
 */
int do_msync(u64 start, u64 len, int flags);
/*
 * exec's stack in a mm that is not current's: map [start, end) with VM_STACK_FLAGS | flags. 0 or
 * negative errno. Takes the lock.
 */
int mm_map_stack(struct mm_struct *mm, u64 start, u64 end, u64 flags);
/*
 * A kernel-owned special mapping (the vdso): insert a VMA with ops, no merge. 0 or negative errno.
 * Lock held exclusively.
 */
int install_special_mapping(struct mm_struct *mm, u64 addr, u64 len, u64 vm_flags,
			    const struct vm_operations_struct *ops, void *private_data);
/* A free range of len bytes as mmap would choose for hint addr. Lock held. */
s64 get_unmapped_area(struct mm_struct *mm, u64 addr, u64 len, u64 flags);

/* --- faults --- */

/*
 * Resolve one fault at address; mmap_lock held shared (or exclusively). VM_FAULT_RETRY means it was
 * dropped.
 */
vm_fault_t handle_mm_fault(struct vm_area_struct *vma, u64 address, u32 flags);
/* The #PF handler (hooks.do_page_fault). */
struct pt_regs;
void do_page_fault(struct pt_regs *regs, u64 error_code, u64 address);
/*
 * Fault in [start, start+len) for reading or, where writable, writing. 0 or negative errno. Takes
 * the lock shared.
 */
int mm_populate(struct mm_struct *mm, u64 start, u64 len);
/*
 * The page at addr with a reference (put_page it), faulted in for reading or writing first.
 * mmap_lock held shared. 0, -EFAULT, -ENOMEM. `force`: ignore missing rights as ptrace does; writes
 * to private mappings then copy.
 */
int get_user_page(struct mm_struct *mm, u64 addr, bool write, bool force, struct page **page);
/* Drop the PTEs of [start, end) of a file mapping (truncate). mmap_lock held. */
void zap_page_range(struct vm_area_struct *vma, u64 start, u64 len);

/* --- looking in --- */

/* Copy between buf and mm's memory, whoever is loaded: bytes copied. Faults pages in. May sleep. */
u64 access_remote_vm(struct mm_struct *mm, u64 addr, void *buf, u64 len, bool write);
/* /proc/PID/maps, a line at a time, to emit(); takes mmap_lock shared. */
void mm_show_maps(struct mm_struct *mm, void (*emit)(void *arg, const char *line, size_t len),
		  void *arg);
u64 get_mm_rss(const struct mm_struct *mm); /* pages */
/* Machine-wide figures for /proc/meminfo. */
struct mm_totals {
	u64 committed_pages, anon_pages, file_mapped_pages, shmem_pages, pgtable_pages;
	u64 pgfault, pgmajfault;
};
void mm_get_totals(struct kernel *k, struct mm_totals *t);

/*
 * Every invariant of one address space: list against tree, gaps, counters, page tables against
 * VMAs, page counts. NULL, or a text naming the first broken one. O(mapped pages). mmap_lock held
 * or the machine quiet.
 */
const char *mm_check(struct mm_struct *mm);

#endif
