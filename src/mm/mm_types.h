/* SPDX-License-Identifier: MIT */
#ifndef MM_MM_TYPES_H
#define MM_MM_TYPES_H

/*
 * What an address space is made of: mm_struct, vm_area_struct, and what a fault hands to a
 * mapping's owner.
 *
 * Every address here is a simulated one (u64, bytes); pgd is the host pointer to the top page
 * table's frame.
 *
 * Protection: [I] immutable once visible, [m] mmap_lock (reading needs it shared, changing it
 * exclusive), [p] page_table_lock, [a] changed at once without a lock: no charge() stands between
 * reading and writing it.
 */

#include "kernel/locking/rwsem.h"
#include "kernel/percpu/spinlock.h"
#include "lib/rbtree.h"
#include "lib/types.h"

struct file;
struct page;
struct mm_struct;
struct vm_area_struct;
struct anon_vma;
struct shm_object;
struct task_struct;

typedef u64 pte_t;
typedef u64 pmd_t;
typedef u64 pud_t;
typedef u64 pgd_t;

#define VM_NONE 0x0ull
#define VM_READ 0x1ull
#define VM_WRITE 0x2ull
#define VM_EXEC 0x4ull
#define VM_SHARED 0x8ull
#define VM_MAYREAD 0x10ull
#define VM_MAYWRITE 0x20ull
#define VM_MAYEXEC 0x40ull
#define VM_MAYSHARE 0x80ull
#define VM_GROWSDOWN 0x100ull
#define VM_PFNMAP 0x400ull
#define VM_LOCKED 0x2000ull
#define VM_IO 0x4000ull
#define VM_SEQ_READ 0x8000ull
#define VM_RAND_READ 0x10000ull
#define VM_DONTCOPY 0x20000ull
#define VM_DONTEXPAND 0x40000ull
#define VM_ACCOUNT 0x100000ull
#define VM_NORESERVE 0x200000ull
#define VM_WIPEONFORK 0x2000000ull
#define VM_DONTDUMP 0x4000000ull
#define VM_SOFTDIRTY 0x8000000ull
#define VM_MIXEDMAP 0x10000000ull

#define VM_ACCESS_FLAGS (VM_READ | VM_WRITE | VM_EXEC)
#define VM_SPECIAL (VM_IO | VM_DONTEXPAND | VM_PFNMAP | VM_MIXEDMAP)
#define VM_STACK_FLAGS                                                                             \
	(VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_ACCOUNT | VM_GROWSDOWN)
#define VM_DATA_DEFAULT_FLAGS (VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC)

/* What a fault came to: a mask. */
typedef u32 vm_fault_t;
#define VM_FAULT_OOM 0x1u
#define VM_FAULT_SIGBUS 0x2u
#define VM_FAULT_MAJOR 0x4u
#define VM_FAULT_SIGSEGV 0x40u
#define VM_FAULT_NOPAGE                                                                            \
	0x100u /* the handler installed the PTE itself, or wants the access tried again */
#define VM_FAULT_LOCKED 0x200u
#define VM_FAULT_RETRY 0x400u /* mmap_lock was dropped: look the VMA up again */
#define VM_FAULT_ERROR (VM_FAULT_OOM | VM_FAULT_SIGBUS | VM_FAULT_SIGSEGV)

#define FAULT_FLAG_WRITE 0x1u
#define FAULT_FLAG_TRIED 0x20u
#define FAULT_FLAG_USER 0x40u
#define FAULT_FLAG_REMOTE 0x80u
#define FAULT_FLAG_INSTRUCTION 0x100u

/* One fault on its way through handle_mm_fault. */
struct vm_fault {
	struct vm_area_struct *vma;
	u64 address; /* page-aligned */
	u64 real_address;
	u64 pgoff;	       /* page offset in the file */
	u32 flags;	       /* FAULT_FLAG_* */
	pmd_t *pmd;	       /* host pointer to the entry naming the table below */
	pte_t *pte;	       /* host pointer, valid under page_table_lock */
	pte_t orig_pte;	       /* as it was when the fault looked */
	struct page *page;     /* from ->fault, with a reference the fault code then owns */
	struct page *cow_page; /* private copy under way */
};

/*
 * A mapping's owner. All are called with mmap_lock held.
 *	open, close	a VMA with these ops was duplicated (split, fork) / is going away. An owner
 *			with close never merges.
 *	fault		find the page at vmf->pgoff: 0 and vmf->page with a reference taken, or
 *			VM_FAULT_SIGBUS (past the end), _OOM, _NOPAGE, _RETRY; VM_FAULT_MAJOR may be
 *			added. May sleep.
 *	page_mkwrite	a shared page becomes writable: 0 or VM_FAULT_SIGBUS. May sleep. The
 *			caller holds vmf->page.
 */
struct vm_operations_struct {
	void (*open)(struct vm_area_struct *vma);
	void (*close)(struct vm_area_struct *vma);
	vm_fault_t (*fault)(struct vm_fault *vmf);
	vm_fault_t (*page_mkwrite)(struct vm_fault *vmf);
	const char *(*name)(struct vm_area_struct *vma); /* for maps; may be NULL */
};

/* One contiguous range of one kind: [vm_start, vm_end). */
struct vm_area_struct {
	u64 vm_start, vm_end;			  /* [m] multiples of PAGE_SIZE */
	struct vm_area_struct *vm_next, *vm_prev; /* [m] by address */
	struct rb_node vm_rb;			  /* [m] */
	u64 rb_subtree_gap;	   /* [m] largest free gap before any VMA of this subtree, bytes */
	struct mm_struct *vm_mm;   /* [I] */
	u64 vm_page_prot;	   /* [m] PTE bits of a fresh mapping */
	u64 vm_flags;		   /* [m] VM_* */
	struct anon_vma *anon_vma; /* [m]; set under the shared lock with page_table_lock */
	u32 anon_vma_chain_len; /* entries of its anon_vma chain: 0 untouched, 1 own, 2+ forked */
	u32 pad;
	const struct vm_operations_struct *vm_ops;
	u64 vm_pgoff; /* [m] pages into vm_file; private anonymous: vm_start >> 12 at creation */
	struct file *vm_file;	   /* reference held, or NULL */
	struct shm_object *vm_shm; /* shared anonymous memory: reference held, or NULL */
	void *vm_private_data;
};
_Static_assert(sizeof(struct vm_area_struct) == 144, "vm_area_struct is the same on every host");

enum { MM_FILEPAGES, MM_ANONPAGES, MM_SWAPENTS, MM_SHMEMPAGES, NR_MM_COUNTERS };

#define MM_CPUMASK_WORDS 16u /* MACHINE_MAX_CPUS / 64 */

struct mm_struct {
	struct vm_area_struct *mmap; /* [m] lowest VMA */
	struct rb_root mm_rb;	     /* [m] */
	u64 highest_vm_end;	     /* [m] vm_end_gap of the last VMA */
	u64 mmap_base;		     /* [m] top of the mmap region */
	u64 mmap_legacy_base;	     /* [m] bottom-up fallback */
	u64 task_size;		     /* [I] */
	pgd_t *pgd;		     /* [I] host pointer to the top table */
	u64 pgd_pa;		     /* [I] what CR3 holds */
	u32 mm_users;  /* [a] tasks and others using the user half; 0: exit_mmap has run */
	u32 mm_count;  /* [a] references to the structure, all users counting as one */
	u32 map_count; /* [m] VMAs */
	u32 def_pad;
	spinlock_t page_table_lock;
	struct rw_semaphore mmap_lock;

	u64 total_vm, locked_vm, data_vm, exec_vm, stack_vm; /* pages [m] */
	u64 hiwater_rss, hiwater_vm;			     /* pages */
	s64 rss_stat[NR_MM_COUNTERS];			     /* pages [p] */
	u64 pgtables_bytes; /* [p] user-half tables below the top */
	u64 def_flags;

	u64 start_code, end_code, start_data, end_data; /* set by exec [m] */
	u64 start_brk, brk, start_stack;
	u64 arg_start, arg_end, env_start, env_end;
	u64 saved_auxv[2 * 24]; /* as exec pushed it, for /proc/PID/auxv */

	struct file *exe_file;		  /* reference held */
	u64 flags;			  /* free for floor 8 (dumpable...) */
	u64 ctx_id;			  /* [I] unique in the machine's life, from 1 */
	u64 tlb_gen;			  /* [a] +1 at every change that some TLB must hear of */
	u64 cpu_bitmap[MM_CPUMASK_WORDS]; /* [a] CPUs whose loaded mm this is */
};

#endif
