/* SPDX-License-Identifier: MIT */
#ifndef HOST_SANITIZER_H
#define HOST_SANITIZER_H

/*
 * What the checking tools must be told about memory and stacks they did not see being made: empty
 * functions when the tool is not there. Only src/host includes this.
 */

#include <stddef.h>

#include "lib/types.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HOST_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HOST_ASAN 1
#endif
#ifndef HOST_ASAN
#define HOST_ASAN 0
#endif

#if HOST_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sys/mman.h>

/* Forget every mark on [p, p + len_bytes). Marks are one byte for 8; those of a large range are
 * given back to the host as whole pages, so that a range that was never touched costs nothing. */
static inline void asan_unpoison(const volatile void *p, u64 len_bytes)
{
	size_t scale, offset;
	u64 lo = (uintptr_t)p, hi = lo + len_bytes, inner_lo, inner_hi, page;

	__asan_get_shadow_mapping(&scale, &offset);
	page = 4096ull << scale;
	inner_lo = (lo + page - 1) & ~(page - 1);
	inner_hi = hi & ~(page - 1);
	if (inner_lo >= inner_hi || len_bytes < 1 << 20) {
		__asan_unpoison_memory_region(p, len_bytes);
		return;
	}
	__asan_unpoison_memory_region(p, inner_lo - lo);
	madvise((void *)((inner_lo >> scale) + offset), (inner_hi - inner_lo) >> scale,
		MADV_DONTNEED);
	__asan_unpoison_memory_region((void *)inner_hi, hi - inner_hi);
}
/* About to leave this stack for [lo, lo + len_bytes). */
static inline void asan_leave(void **fake, const void *lo, u64 len_bytes)
{
	__sanitizer_start_switch_fiber(fake, lo, len_bytes);
}
/* Arrived; tells the bounds of the stack that was left. */
static inline void asan_arrive(void *fake, const void **left_lo, u64 *left_len_bytes)
{
	size_t len;

	__sanitizer_finish_switch_fiber(fake, left_lo, &len);
	*left_len_bytes = len;
}
#else
static inline void asan_unpoison(const volatile void *p, u64 len_bytes)
{
	(void)p;
	(void)len_bytes;
}
#endif

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define HOST_VALGRIND 1
#endif
#endif

#ifdef HOST_VALGRIND
static inline unsigned valgrind_stack_register(const void *lo, u64 len_bytes)
{
	return VALGRIND_STACK_REGISTER(lo, (const u8 *)lo + len_bytes);
}
static inline void valgrind_stack_deregister(unsigned id)
{
	VALGRIND_STACK_DEREGISTER(id);
}
#else
static inline unsigned valgrind_stack_register(const void *lo, u64 len_bytes)
{
	(void)lo;
	(void)len_bytes;
	return 0;
}
static inline void valgrind_stack_deregister(unsigned id)
{
	(void)id;
}
#endif

#endif
