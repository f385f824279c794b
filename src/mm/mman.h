/* SPDX-License-Identifier: MIT */
#ifndef MM_MMAN_H
#define MM_MMAN_H

/*
 * The numbers of the memory system calls, as x86-64 Linux has them (uapi asm-generic/mman.h,
 * mman-common.h, x86 mman.h).
 */

#define PROT_NONE 0x0ull
#define PROT_READ 0x1ull
#define PROT_WRITE 0x2ull
#define PROT_EXEC 0x4ull
#define PROT_SEM 0x8ull
#define PROT_GROWSDOWN 0x01000000ull
#define PROT_GROWSUP 0x02000000ull

#define MAP_SHARED 0x01ull
#define MAP_PRIVATE 0x02ull
#define MAP_SHARED_VALIDATE 0x03ull
#define MAP_TYPE 0x0full
#define MAP_FIXED 0x10ull
#define MAP_ANONYMOUS 0x20ull
#define MAP_32BIT 0x40ull
#define MAP_GROWSDOWN 0x0100ull
#define MAP_DENYWRITE 0x0800ull	 /* ignored */
#define MAP_EXECUTABLE 0x1000ull /* ignored */
#define MAP_LOCKED 0x2000ull
#define MAP_NORESERVE 0x4000ull
#define MAP_POPULATE 0x8000ull
#define MAP_NONBLOCK 0x10000ull
#define MAP_STACK 0x20000ull /* ignored */
#define MAP_HUGETLB 0x40000ull
#define MAP_SYNC 0x80000ull
#define MAP_FIXED_NOREPLACE 0x100000ull

#define MREMAP_MAYMOVE 1ull
#define MREMAP_FIXED 2ull
#define MREMAP_DONTUNMAP 4ull

#define MADV_NORMAL 0
#define MADV_RANDOM 1
#define MADV_SEQUENTIAL 2
#define MADV_WILLNEED 3
#define MADV_DONTNEED 4
#define MADV_DONTFORK 10
#define MADV_DOFORK 11
#define MADV_DONTDUMP 16
#define MADV_DODUMP 17
#define MADV_WIPEONFORK 18
#define MADV_KEEPONFORK 19

#define MS_ASYNC 1
#define MS_INVALIDATE 2
#define MS_SYNC 4

#define RLIMIT_DATA 2
#define RLIMIT_STACK 3
#define RLIMIT_MEMLOCK 8
#define RLIMIT_AS 9
#define RLIM_INFINITY (~0ull)

#endif
