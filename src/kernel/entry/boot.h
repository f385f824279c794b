/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_ENTRY_BOOT_H
#define KERNEL_ENTRY_BOOT_H

#include "kernel/percpu/kernel.h"

/*
 * Bring the kernel up on a machine whose CPUs are in reset state: struct kernel, per-CPU areas,
 * every floor in order, init. From the embedder's stack. 0; -ENOMEM, or what the failing floor
 * said, with *step naming it; the machine is then only good for machine_destroy().
 */
int kernel_boot(struct machine *m, const struct kernel_params *params, const char **step);

#endif
