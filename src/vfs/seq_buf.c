/* SPDX-License-Identifier: MIT */
/*
 * Text that grows: what a procfs file's content is printed into before it is read piecewise.
 *
 * Called by the show callbacks of every floor above this one. Calls krealloc.
 *
 *	seq_printf(m, "MemTotal: %8llu kB\n", 65536)    buffer 1 KiB, len 24
 *	... a text of 5,000 bytes: grown 1 -> 2 -> 4 -> 8 KiB, len 5,000
 *
 * S1  len <= size, and size is 0 or a power of two of at least 1 KiB.
 * S2  Once an allocation failed, error stays -ENOMEM and further prints do nothing: callers check
 *     once, at the end.
 *
 * Linux prints into one page and starts over with a larger one; growing in place needs no second
 * pass over things that may have changed.
 *
 * Units: bytes. Owner: the opener of the file. Locking: none, one user. Errors: sticky `error`.
 * Time: the slab's. Source: fs/seq_file.c (use).
 */
#include "vfs/seq_buf.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/slab.h"

#define SEQ_BUF_MIN 1024u

void seq_buf_init(struct seq_buf *m)
{
	*m = (struct seq_buf){ 0 };
}

void seq_buf_free(struct seq_buf *m)
{
	kfree(m->buffer);
	seq_buf_init(m);
}

/* Make room for n more bytes and a NUL. */
static bool seq_buf_reserve(struct seq_buf *m, u64 n)
{
	u64 size = m->size ? m->size : SEQ_BUF_MIN;
	char *p;

	if (m->error)
		return false;
	if (m->len + n < m->size)
		return true;
	while (size <= m->len + n)
		size *= 2;
	p = krealloc(m->buffer, size, GFP_KERNEL);
	if (!p) {
		m->error = -ENOMEM;
		return false;
	}
	m->buffer = p;
	m->size = size;
	return true;
}

void seq_printf(struct seq_buf *m, const char *fmt, ...)
{
	char line[512];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (n < (int)sizeof(line)) {
		seq_write(m, line, (u64)n);
		return;
	}
	if (!seq_buf_reserve(m, (u64)n + 1))
		return;
	va_start(args, fmt);
	vsnprintf(m->buffer + m->len, m->size - m->len, fmt, args);
	va_end(args);
	m->len += (u64)n;
}

void seq_write(struct seq_buf *m, const void *data, u64 len)
{
	if (!seq_buf_reserve(m, len))
		return;
	memcpy(m->buffer + m->len, data, len);
	m->len += len;
}

void seq_puts(struct seq_buf *m, const char *s)
{
	seq_write(m, s, strlen(s));
}

void seq_putc(struct seq_buf *m, char c)
{
	seq_write(m, &c, 1);
}

void seq_pad_to(struct seq_buf *m, u64 start, u64 width)
{
	while (!m->error && m->len - start < width)
		seq_putc(m, ' ');
	seq_putc(m, ' ');
}
