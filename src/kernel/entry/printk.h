/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_ENTRY_PRINTK_H
#define KERNEL_ENTRY_PRINTK_H

/*
 * One line of kernel text to the console's log line (2). At most 255 bytes; longer text is cut.
 * Machine stacks only.
 */
void printk(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
