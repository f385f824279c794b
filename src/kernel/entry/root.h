/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_ENTRY_ROOT_H
#define KERNEL_ENTRY_ROOT_H

/* What the top floor keeps for one machine: caches, init's work list, strace. */

#include "kernel/percpu/kernel.h"
#include "kernel/percpu/spinlock.h"
#include "lib/list.h"
#include "lib/types.h"
#include "sched/wait.h"

struct kmem_cache;

/* A program the embedder wants started by init. In the arena, reused through a free list. */
struct spawn_request {
	struct list_head list;
	int ticket;
	s32 pid; /* 0: not started yet */
	bool done;
	int status; /* wait status when done */
	bool native;
	void (*fn)(void *arg); /* native */
	void *arg;
	char comm[16];
	u32 policy, rt_priority;
	int nice;
	u64 cpus_mask[1024 / 64];
	bool has_mask;
	u32 uid, gid;
	int argc, envc;
	char *path, *cwd;    /* into text */
	char **argv, **envp; /* NULL-terminated, kernel pointers into text */
};

struct kernel_root {
	struct kmem_cache *sighand_cache, *signal_cache, *sigqueue_cache;
	struct list_head requests; /* of spawn_request, in order */
	int nr_tickets;
	int watch;  /* ticket; -1: all; -2: none */
	bool poked; /* init should look at its list */
	struct task_struct *init;
	void *api; /* the handle of the public API, for code on machine stacks */
	int boot_error;
	const char *boot_step;

	void (*strace)(void *arg, u32 pid, const char *line);
	void *strace_arg;
};

#endif
