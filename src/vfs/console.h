/* SPDX-License-Identifier: MIT */
#ifndef VFS_CONSOLE_H
#define VFS_CONSOLE_H

/*
 * The console: output goes to hooks.console_sink and the trace, input is a ring the embedder fills.
 * Device numbers: 5:1 console (line 0), 5:0 tty (the same), 5:65 console2 (line 1: what programs
 * get as stderr). Without terminal mode, tty ioctls are -ENOTTY, as on a pipe.
 */

#include "lib/types.h"

struct kernel;

#define CONSOLE_RING_BYTES 65536u

/* Register the devices. Called by vfs_init. */
int console_init(void);
/*
 * Append input, from the embedder's stack through machine_call or an event, or from a task. Returns
 * bytes taken (the ring is finite).
 */
u64 console_input(struct kernel *k, const void *bytes, u64 n);
/* No more input: readers get what is left, then end of file. */
void console_input_close(struct kernel *k);
/*
 * Is a task blocked in a read of the console with nothing to read? For deciding whether a quiet
 * machine is waiting for the embedder.
 */
bool console_has_waiting_reader(struct kernel *k);
/* Bytes of input not yet read. */
u64 console_input_pending(struct kernel *k);
/* Terminal or plain stream (default), and the window size TIOCGWINSZ reports. */
void console_set_terminal(struct kernel *k, bool terminal, u16 rows, u16 cols);
/*
 * Kernel text to a line (2: kernel log) through the same way as device writes. Machine stacks only.
 */
void console_write_line(int line, const void *buf, u64 len);

#endif
