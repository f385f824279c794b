/* SPDX-License-Identifier: MIT */
#ifndef VFS_IOV_ITER_H
#define VFS_IOV_ITER_H

/*
 * The other end of a read or write: a kernel buffer, or one or more ranges of user addresses. File
 * operations see only this, so the same code serves system calls (bytes go through the MMU, floor
 * 5) and the kernel's own reads. An iter shrinks as bytes move.
 */

#include "lib/types.h"

/* struct iovec as user memory holds it; also one segment inside the kernel. */
struct iovec {
	u64 iov_base; /* user address */
	u64 iov_len;  /* bytes */
};

struct iov_iter {
	bool user;
	u64 count;		 /* bytes left in all */
	u8 *kaddr;		 /* kernel buffer: next byte */
	const struct iovec *iov; /* user: current segment; the caller's array outlives the iter */
	u64 nr_segs;		 /* segments left, the current one included */
	u64 iov_offset;		 /* bytes of the current segment already used */
	struct iovec one;	 /* storage of iov_iter_ubuf */
};

/* A kernel buffer of len bytes. */
void iov_iter_kvec(struct iov_iter *i, void *kaddr, u64 len);
/* One user range. */
void iov_iter_ubuf(struct iov_iter *i, u64 uaddr, u64 len);
/* nr_segs user ranges, not copied. */
void iov_iter_init(struct iov_iter *i, const struct iovec *iov, u64 nr_segs);
static inline u64 iov_iter_count(const struct iov_iter *i)
{
	return i->count;
}
/* At most len bytes are left from now on. */
static inline void iov_iter_truncate(struct iov_iter *i, u64 len)
{
	if (i->count > len)
		i->count = len;
}
/*
 * Move up to len bytes between addr (kernel memory) and the iter, advancing it. Returns the bytes
 * moved; fewer than asked and than i->count only when user memory faulted. May sleep (page faults)
 * when i->user.
 */
u64 copy_to_iter(const void *addr, u64 len, struct iov_iter *i);
u64 copy_from_iter(void *addr, u64 len, struct iov_iter *i);
/* len zero bytes into the iter, as copy_to_iter. */
u64 iov_iter_zero(u64 len, struct iov_iter *i);
/* Skip len bytes (at most i->count). */
void iov_iter_advance(struct iov_iter *i, u64 len);

struct page;
/*
 * The same with a page of RAM as the kernel side: [offset, offset + len) of page, within it.
 * copy_page_from_iter tells the hardware (phys_written) about the changed bytes, for the frame may
 * hold decoded code.
 */
u64 copy_page_to_iter(struct page *page, u64 offset, u64 len, struct iov_iter *i);
u64 copy_page_from_iter(struct page *page, u64 offset, u64 len, struct iov_iter *i);
/* Zero [offset, offset + len) of page and tell the hardware. */
void zero_page_range(struct page *page, u64 offset, u64 len);

#endif
