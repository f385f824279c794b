/* SPDX-License-Identifier: MIT */
#ifndef LIB_STRING_H
#define LIB_STRING_H

/*
 * The few string helpers C lacks, and the host's mem*, str* and snprintf, which are pure and so
 * allowed everywhere.
 */

#include <stdarg.h>
#include <stdio.h> /* snprintf, vsnprintf; streams are not for src/ */
#include <string.h>

#include "lib/compiler.h"
#include "lib/types.h"

/*
 * Like snprintf, but return the bytes really in buf, the NUL not counted: at most size - 1, 0 when
 * size is 0.
 */
int scnprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);
int vscnprintf(char *buf, size_t size, const char *fmt, va_list args) __printf(3, 0);
/*
 * Copy src, cut to fit, always ending in NUL when size > 0. The length copied, or -E2BIG when it
 * was cut or size is 0.
 */
s64 strscpy(char *dst, const char *src, size_t size);
/*
 * A whole unsigned number and nothing else. base 10, 16, 8, or 0: by prefix (0x, 0). 0, -EINVAL,
 * -ERANGE.
 */
int kstrtou64(const char *s, unsigned base, u64 *out);

#endif
