/* SPDX-License-Identifier: MIT */
/*
 * System calls on the address space: mmap and its relatives, brk.
 *
 * Called through the table; calls src/mm. They must not know how a VMA is kept.
 *
 *	mmap(0, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) -> 0x7ffff7ffb000
 *
 *	M1 the file of a mapping is looked up once and held by the VMA.
 *
 * Units:   bytes; offsets must be multiples of a page.
 * Owner:   the VMA takes its own file reference.
 * Locking: mmap_lock inside src/mm.
 * Errors:  in Linux's order: offset, file, then do_mmap's.
 * Time:    src/mm charges.
 * Source:  mmap(2), mprotect(2), munmap(2), mremap(2), madvise(2), brk(2).
 */

#include "kernel/entry/syscall.h"
#include "hw/machine.h"
#include "mm/mm.h"
#include "mm/mman.h"
#include "vfs/file.h"

SYSCALL_DEFINE6(mmap, u64, addr, u64, len, u64, prot, u64, flags, u32, fd, u64, offset)
{
	struct file *file = NULL;
	s64 ret;

	if (offset & ~PAGE_MASK)
		return -EINVAL;
	if (!(flags & MAP_ANONYMOUS)) {
		file = fget(fd);
		if (!file)
			return -EBADF;
	}
	ret = vm_mmap_pgoff(file, addr, len, prot, flags, offset >> PAGE_SHIFT);
	if (file)
		fput(file);
	return ret;
}

SYSCALL_DEFINE3(mprotect, u64, start, u64, len, u64, prot)
{
	return do_mprotect(start, len, prot);
}

SYSCALL_DEFINE2(munmap, u64, addr, u64, len)
{
	return vm_munmap(addr, len);
}

SYSCALL_DEFINE1(brk, u64, brk)
{
	return (long)ksys_brk(brk);
}

SYSCALL_DEFINE5(mremap, u64, addr, u64, old_len, u64, new_len, u64, flags, u64, new_addr)
{
	return ksys_mremap(addr, old_len, new_len, flags, new_addr);
}

SYSCALL_DEFINE3(msync, u64, start, u64, len, int, flags)
{
	return do_msync(start, len, flags);
}

SYSCALL_DEFINE3(madvise, u64, start, u64, len, int, behavior)
{
	return do_madvise(start, len, behavior);
}
