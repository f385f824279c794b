/* SPDX-License-Identifier: MIT */
/*
 * Moving bytes between the kernel and the other end of a read or write.
 *
 * Called by every read_iter and write_iter. Calls copy_to_user/copy_from_user (floor 5) for user
 * ranges, memcpy for kernel buffers.
 *
 *	readv(fd, {0x4000,3}, {0x5000,0}, {0x6000,9})   count 12
 *	copy_to_iter("hello", 5):  3 bytes to 0x4000, the empty segment is passed over, 2 bytes to
 *	0x6000 left: iov at segment 2, iov_offset 2, count 7
 *
 * I1  count is the sum of the bytes left in the segments, unless iov_iter_truncate() made it
 *     smaller; never larger.
 * I2  After a user fault the iter stands exactly behind the last byte that moved.
 * I3  Bytes that enter a page of RAM are announced with phys_written(): the frame may hold decoded
 *     instructions of a mapped program.
 *
 * The kernel side charges copied cache lines here; the user side is charged by the user-access
 * code, which walks the page tables.
 *
 * Units: bytes. Owner: the caller; the iovec array outlives the iter. Locking: none; user copies
 * may sleep, so no spinlock is held. Errors: a short count means a user fault. Time: COST_CACHELINE
 * per 64 bytes. Source: Linux lib/iov_iter.c (behaviour).
 */
#include "vfs/iov_iter.h"

#include "hw/cpu.h"
#include "lib/string.h"
#include "mm/alloc/page.h"
#include "mm/uaccess.h"

void iov_iter_kvec(struct iov_iter *i, void *kaddr, u64 len)
{
	*i = (struct iov_iter){ .kaddr = kaddr, .count = len };
}

void iov_iter_ubuf(struct iov_iter *i, u64 uaddr, u64 len)
{
	*i = (struct iov_iter){ .user = true, .count = len, .nr_segs = 1 };
	i->one = (struct iovec){ .iov_base = uaddr, .iov_len = len };
	i->iov = &i->one;
}

void iov_iter_init(struct iov_iter *i, const struct iovec *iov, u64 nr_segs)
{
	*i = (struct iov_iter){ .user = true, .iov = iov, .nr_segs = nr_segs };
	for (u64 s = 0; s < nr_segs; s++)
		i->count += iov[s].iov_len;
}

/* Pass over used-up segments; the bytes left in the current one (0: none left). */
static u64 segment_left(struct iov_iter *i)
{
	while (i->nr_segs && i->iov_offset == i->iov->iov_len) {
		i->iov++;
		i->nr_segs--;
		i->iov_offset = 0;
	}
	return i->nr_segs ? i->iov->iov_len - i->iov_offset : 0;
}

void iov_iter_advance(struct iov_iter *i, u64 len)
{
	len = min(len, i->count);
	i->count -= len;
	if (!i->user) {
		i->kaddr += len;
		return;
	}
	while (len) {
		u64 step = min(len, segment_left(i));

		if (!step)
			return;
		i->iov_offset += step;
		len -= step;
	}
}

enum direction { TO_ITER, FROM_ITER, ZERO_ITER };

/* One user segment's worth: bytes that moved. */
static u64 move_user(u64 uaddr, void *addr, u64 n, enum direction dir)
{
	switch (dir) {
	case TO_ITER:
		return n - copy_to_user(uaddr, addr, n);
	case FROM_ITER:
		return n - copy_from_user(addr, uaddr, n);
	default:
		return n - clear_user(uaddr, n);
	}
}

static void move_kernel(u8 *kaddr, void *addr, u64 n, enum direction dir)
{
	if (dir == TO_ITER)
		memcpy(kaddr, addr, n);
	else if (dir == FROM_ITER)
		memcpy(addr, kaddr, n);
	else
		memset(kaddr, 0, n);
	charge_n(COST_CACHELINE, DIV_ROUND_UP(n, 64u));
}

static u64 move(void *addr, u64 len, struct iov_iter *i, enum direction dir)
{
	u64 done = 0;

	len = min(len, i->count);
	if (!i->user) {
		if (len)
			move_kernel(i->kaddr, addr, len, dir);
		iov_iter_advance(i, len);
		return len;
	}
	while (done < len) {
		u64 n = min(len - done, segment_left(i)), moved;

		if (!n)
			break;
		moved = move_user(i->iov->iov_base + i->iov_offset,
				  dir == ZERO_ITER ? NULL : (u8 *)addr + done, n, dir);
		iov_iter_advance(i, moved);
		done += moved;
		if (moved < n)
			break;
	}
	return done;
}

u64 copy_to_iter(const void *addr, u64 len, struct iov_iter *i)
{
	return move((void *)(uintptr_t)addr, len, i, TO_ITER);
}

u64 copy_from_iter(void *addr, u64 len, struct iov_iter *i)
{
	return move(addr, len, i, FROM_ITER);
}

u64 iov_iter_zero(u64 len, struct iov_iter *i)
{
	return move(NULL, len, i, ZERO_ITER);
}

u64 copy_page_to_iter(struct page *page, u64 offset, u64 len, struct iov_iter *i)
{
	BUG_ON(offset + len > PAGE_SIZE);
	return copy_to_iter((u8 *)page_address(page) + offset, len, i);
}

u64 copy_page_from_iter(struct page *page, u64 offset, u64 len, struct iov_iter *i)
{
	u64 n;

	BUG_ON(offset + len > PAGE_SIZE);
	n = copy_from_iter((u8 *)page_address(page) + offset, len, i);
	phys_written(this_machine(), page_to_pa(page) + offset, len);
	return n;
}

void zero_page_range(struct page *page, u64 offset, u64 len)
{
	BUG_ON(offset + len > PAGE_SIZE);
	if (!len)
		return;
	memset((u8 *)page_address(page) + offset, 0, len);
	phys_written(this_machine(), page_to_pa(page) + offset, len);
	charge_n(COST_CACHELINE, DIV_ROUND_UP(len, 64u));
}
