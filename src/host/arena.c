/* SPDX-License-Identifier: MIT */
/*
 * host/arena.c: one machine's memory as one reserved range of host addresses.
 *
 * Called by machine_create (which puts everything of a machine in it) and the stack allocator.
 * Calls mmap and its kin. It must not know what is carved.
 *
 * A machine with 64 MiB of RAM, as carved (offsets from base, which is a multiple of 16 MiB):
 *
 *	0x0000000  struct machine, CPUs       carved 4 KiB aligned
 *	0x0100000  RAM, 64 MiB                carved 2 MiB aligned: bytes skipped before it are lost, and stay untouched
 *	0x4100000  memmap, stacks, ...
 *	used_bytes -> the next carving        everything above is reserved, never touched, costs no host memory
 *
 * Invariants:
 *	A1  base is a multiple of ARENA_ALIGN_BYTES, so an offset's alignment is the address's, and
 *	    the same carvings have the same offsets under any address space randomisation.
 *	A2  used_bytes <= size_bytes; carved ranges never overlap; a failed carving changes nothing.
 *	A3  Bytes never written read as zero.
 *
 * There is no free of one range: what comes and goes in a machine lives in its simulated RAM, under
 * its own allocators.
 * Committing lazily (MAP_NORESERVE) lets a machine of 1 TiB be made on a laptop; touching more than
 * the host has is the embedder's configuration error, as with any program.
 *
 * AddressSanitizer does not clear its marks when memory is unmapped, and stacks leave marks behind;
 * they are cleared where memory changes its meaning (create, discard, destroy), or the next arena
 * at the same address would trip over them.
 *
 * Units: bytes. Owner: the machine. Locking: one thread at a time per arena. Errors: -ENOMEM, or
 * mprotect's and madvise's.
 * Time: none of the machine's. Source: mmap(2), madvise(2); sanitizer/asan_interface.h.
 */

#include <errno.h>
#include <sys/mman.h>

#include "host/arena.h"
#include "host/sanitizer.h"
#include "lib/bitmap.h"
#include "lib/compiler.h"

#define HOST_PAGE 4096ull

static u8 *reserve(u64 len_bytes)
{
	void *p = mmap(NULL, len_bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void give_back(u8 *p, u64 len_bytes)
{
	if (len_bytes)
		munmap(p, len_bytes);
}

int arena_create(struct arena *a, u64 size_bytes)
{
	u64 padded, head;
	u8 *p;

	*a = (struct arena){ 0 };
	if (size_bytes == 0 || size_bytes > 1ull << 46)
		return -ENOMEM;
	size_bytes = ALIGN_UP(size_bytes, HOST_PAGE);
	padded = size_bytes + ARENA_ALIGN_BYTES;
	p = reserve(padded);
	if (!p)
		return -ENOMEM;
	head = ALIGN_UP((u64)(uintptr_t)p, ARENA_ALIGN_BYTES) - (u64)(uintptr_t)p;
	give_back(p, head);
	give_back(p + head + size_bytes, padded - head - size_bytes);
	a->base = p + head;
	a->size_bytes = size_bytes;
	asan_unpoison(a->base, size_bytes);
	return 0;
}

void arena_destroy(struct arena *a)
{
	if (a->base) {
		asan_unpoison(a->base, a->used_bytes);
		give_back(a->base, a->size_bytes);
	}
	*a = (struct arena){ 0 };
}

void *arena_carve(struct arena *a, u64 size_bytes, u64 align_bytes)
{
	u64 start;

	if (!is_power_of_2(align_bytes) || align_bytes > ARENA_ALIGN_BYTES)
		return NULL;
	start = ALIGN_UP(a->used_bytes, align_bytes);
	if (start > a->size_bytes || size_bytes > a->size_bytes - start)
		return NULL;
	a->used_bytes = start + size_bytes;
	return a->base + start;
}

int arena_guard(void *p, u64 len_bytes)
{
	return mprotect(p, len_bytes, PROT_NONE) ? -errno : 0;
}

int arena_discard(void *p, u64 len_bytes)
{
	asan_unpoison(p, len_bytes);
	return madvise(p, len_bytes, MADV_DONTNEED) ? -errno : 0;
}

void arena_prefer_huge(void *p, u64 len_bytes)
{
#ifdef MADV_HUGEPAGE
	(void)madvise(p, len_bytes, MADV_HUGEPAGE);
#else
	(void)p;
	(void)len_bytes;
#endif
}
