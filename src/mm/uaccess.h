/* SPDX-License-Identifier: MIT */
#ifndef MM_UACCESS_H
#define MM_UACCESS_H

/*
 * Kernel C reads and writes the running task's user memory. A user pointer is a u64 and nothing
 * else.
 *
 * Each function goes through this CPU's MMU at CPL 0, so a page not there raises a real #PF, which
 * the fault handler resolves or fixes up; nothing here ever crashes or reads kernel memory for a
 * user's pointer. All may sleep (call with IRQs on and no spinlock), unless pagefault_disable()
 * makes a fault fail at once.
 */

#include "kernel/percpu/layout.h"
#include "lib/compiler.h"
#include "lib/types.h"

/* Is [addr, addr + size) inside user space? Says nothing about what is mapped there. */
static inline bool access_ok(u64 addr, u64 size)
{
	return size <= TASK_SIZE && addr <= TASK_SIZE - size;
}

/*
 * Bytes NOT copied: 0 is success. copy_from_user zeroes what it could not fill of `to`, as Linux
 * does.
 */
__must_check u64 copy_from_user(void *to, u64 from, u64 n);
__must_check u64 copy_to_user(u64 to, const void *from, u64 n);
__must_check u64 clear_user(u64 to, u64 n);

/*
 * Copy a string with its NUL, at most count bytes. Length without the NUL; count when no NUL was
 * met (dst then is not terminated); -EFAULT.
 */
__must_check s64 strncpy_from_user(char *dst, u64 src, s64 count);
/* Length with the NUL; a value > count when longer; 0 on a fault. */
__must_check s64 strnlen_user(u64 str, s64 count);

/* One naturally sized value: 0 or -EFAULT. *x is 0 after a failed read. */
__must_check int get_user_u8(u8 *x, u64 addr);
__must_check int get_user_u32(u32 *x, u64 addr);
__must_check int get_user_u64(u64 *x, u64 addr);
__must_check int put_user_u8(u8 x, u64 addr);
__must_check int put_user_u32(u32 x, u64 addr);
__must_check int put_user_u64(u64 x, u64 addr);

/* LOCK CMPXCHG on a user word: *cur gets what was there. 0 or -EFAULT. */
__must_check int cmpxchg_user_u32(u32 *cur, u64 addr, u32 old, u32 new_value);

/* Between these a fault on a user address fails at once instead of sleeping. They nest. */
void pagefault_disable(void);
void pagefault_enable(void);

#endif
