/* SPDX-License-Identifier: MIT */
/*
 * Kernel messages: one formatted line to the console's log line.
 *
 * Called by anything on this floor that has something to tell the user of the machine; calls the
 * console. It must not be used for what a tracepoint or an error code can say.
 *
 *	printk("osim: %s[%d]: instruction not implemented: %s\n", "sh", 7, "vaddps")
 *	-> console line 2: "osim: sh[7]: instruction not implemented: vaddps\n"
 *
 *	K1 a message never blocks and never fails; longer than 255 bytes it is cut.
 *
 * Units:   bytes.
 * Owner:   the text is on the stack.
 * Locking: the console's.
 * Errors:  none.
 * Time:    COST_CONSOLE_BYTE a byte, by the console.
 * Source:  -
 */

#include "kernel/entry/printk.h"

#include <stdarg.h>
#include <stdio.h>

#include "lib/types.h"
#include "vfs/console.h"

void printk(const char *fmt, ...)
{
	char line[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n > 0)
		console_write_line(2, line, (u64)n < sizeof(line) ? (u64)n : sizeof(line) - 1);
}
