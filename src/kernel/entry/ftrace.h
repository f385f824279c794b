/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_ENTRY_FTRACE_H
#define KERNEL_ENTRY_FTRACE_H

#include "hw/trace.h"
#include "kernel/percpu/kernel.h"

/*
 * One record as a line of ftrace's text ("sh-7 [000] ..... 0.001234: sched_switch: ..."), without
 * newline, NUL-terminated. From the trace listener (the running task's name is used) or later
 * ("<...>"). Returns the length written.
 */
int ftrace_format(struct kernel *k, const struct trace_record *r, char *buf, u64 size_bytes);

#endif
