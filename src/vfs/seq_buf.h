/* SPDX-License-Identifier: MIT */
#ifndef VFS_SEQ_BUF_H
#define VFS_SEQ_BUF_H

/*
 * A text buffer that grows by kmalloc: what procfs show callbacks print into. An allocation that
 * fails sets `error`; the text so far stays.
 */

#include "lib/compiler.h"
#include "lib/types.h"

struct seq_buf {
	char *buffer; /* kmalloc'ed; NULL while empty */
	u64 size;     /* bytes allocated */
	u64 len;      /* bytes used */
	int error;    /* 0 or -ENOMEM; sticky */
};

void seq_buf_init(struct seq_buf *m);
/* Free the text. */
void seq_buf_free(struct seq_buf *m);
void seq_printf(struct seq_buf *m, const char *fmt, ...) __printf(2, 3);
void seq_puts(struct seq_buf *m, const char *s);
void seq_putc(struct seq_buf *m, char c);
void seq_write(struct seq_buf *m, const void *data, u64 len);
/*
 * Pad with blanks up to column `width` counted from byte `start`, then one blank (as Linux's
 * seq_pad around names).
 */
void seq_pad_to(struct seq_buf *m, u64 start, u64 width);

#endif
