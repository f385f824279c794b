/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_PROC_INIT_H
#define KERNEL_PROC_INIT_H

/*
 * Process 1: starts the embedder's programs, reaps everybody, stops the machine when the watched
 * program has ended.
 */

struct kernel;
struct spawn_request;

/*
 * Create init; it runs when the machine does. On CPU 0's boot stack, before any other user task. 0
 * or -errno.
 */
int init_start(struct kernel *k);
/*
 * A request was added to top->requests, or top->watch changed: have init look. Machine stack
 * (machine_call).
 */
void init_poke(struct kernel *k);

#endif
