/* SPDX-License-Identifier: MIT */
/*
 * lib/string.c: bounded formatting, bounded copying, and numbers out of strings.
 *
 * Called by every floor that makes text (procfs, oops, panics) or reads parameters. Calls the
 * host's vsnprintf, which is pure. It must not know where the text goes.
 *
 *	char b[8];  scnprintf(b, 8, "%s", "elephants")  ->  7, b = "elephan\0"	(snprintf would say 9)
 *	            strscpy(b, "elephants", 8)          ->  -E2BIG, b = "elephan\0"
 *	            strscpy(b, "cat", 8)                ->  3
 *
 * Invariants:
 *	T1  With size > 0 the result always ends in NUL and nothing at or past buf + size is
 *	    written.
 *	T2  `pos += scnprintf(buf + pos, size - pos, ...)` never runs past size, however often it is
 *	    repeated.
 *
 * Units: bytes. Owner: the caller's buffers. Locking: none. Errors: -E2BIG, -EINVAL, -ERANGE as the
 * header says.
 * Time: charges nothing. Source: the contracts of Linux lib/vsprintf.c, lib/string.c and
 * lib/kstrtox.c.
 */

#include "lib/string.h"
#include "lib/errno.h"

int vscnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
	int n;

	if (size == 0)
		return 0;
	n = vsnprintf(buf, size, fmt, args);
	if (n < 0) { /* an encoding error: nothing was promised about buf */
		buf[0] = '\0';
		return 0;
	}
	return (size_t)n < size ? n : (int)(size - 1);
}

int scnprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vscnprintf(buf, size, fmt, args);
	va_end(args);
	return n;
}

s64 strscpy(char *dst, const char *src, size_t size)
{
	size_t n;

	if (size == 0)
		return -E2BIG;
	n = strnlen(src, size);
	if (n < size) {
		memcpy(dst, src, n + 1);
		return (s64)n;
	}
	memcpy(dst, src, size - 1);
	dst[size - 1] = '\0';
	return -E2BIG;
}

/* 0..35, or 99 for what is no digit in any base. */
static unsigned digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'z')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'Z')
		return (unsigned)(c - 'A') + 10;
	return 99;
}

int kstrtou64(const char *s, unsigned base, u64 *out)
{
	bool hex_prefix = s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
	u64 v = 0;

	if (base == 0)
		base = hex_prefix ? 16 : s[0] == '0' && s[1] ? 8 : 10;
	if (base == 16 && hex_prefix)
		s += 2;
	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		unsigned d = digit_of(*s);

		if (d >= base)
			return -EINVAL;
		if (__builtin_mul_overflow(v, (u64)base, &v) ||
		    __builtin_add_overflow(v, (u64)d, &v))
			return -ERANGE;
	}
	*out = v;
	return 0;
}
