/* SPDX-License-Identifier: MIT */
#ifndef VFS_PROCFS_H
#define VFS_PROCFS_H

/*
 * procfs: entries are registered, their text is made when they are opened and read at offset 0. Two
 * registries: fixed entries below /proc (proc_create...), and per-task entries that appear in every
 * /proc/PID (proc_register_pid_entry). Higher floors add theirs at boot.
 */

#include "lib/types.h"
#include "vfs/fs.h"
#include "vfs/seq_buf.h"

struct proc_dir_entry;
struct task_struct;

/* Print the whole text of an entry. 0 or -errno (the read fails with it). May sleep. */
typedef int proc_show_fn(struct seq_buf *m, void *data);
/* A write of len bytes (kernel memory, at most a page): bytes used or -errno. */
typedef s64 proc_write_fn(const char *buf, u64 len, void *data);

/*
 * parent NULL: /proc itself. Entries live as long as the machine. NULL: no memory, or the name is
 * taken. mode 0: 0444.
 */
struct proc_dir_entry *proc_mkdir(const char *name, struct proc_dir_entry *parent);
struct proc_dir_entry *proc_create_single_data(const char *name, u32 mode,
					       struct proc_dir_entry *parent, proc_show_fn *show,
					       void *data);
struct proc_dir_entry *proc_create_rw(const char *name, u32 mode, struct proc_dir_entry *parent,
				      proc_show_fn *show, proc_write_fn *write, void *data);
/* target is copied. */
struct proc_dir_entry *proc_symlink(const char *name, struct proc_dir_entry *parent,
				    const char *target);

/*
 * One entry of every /proc/PID. Exactly one of show and get_link is set. The structure is the
 * caller's and permanent.
 */
struct pid_entry {
	const char *name;
	u32 mode; /* type and permissions: S_IFREG | 0444 */
	/* S_IFREG: the text for task (which has a reference meanwhile). */
	int (*show)(struct seq_buf *m, struct task_struct *task);
	s64 (*write)(struct task_struct *task, const char *buf, u64 len);
	/* S_IFLNK: the object itself with references. */
	int (*get_link)(struct task_struct *task, struct path *out);
};
/* Add e to every process directory, after those registered before. 0 or -ENOSPC. */
int proc_register_pid_entry(const struct pid_entry *e);

/*
 * Signal sets for PID/status and PID/stat, bit n-1 for signal n; floor 8 fills vfs()->task_sigsets.
 */
struct task_sigsets {
	u64 shared_pending, ignored, caught;
};

/*
 * The file system, its generic entries (meminfo, stat, ...) and the per-task ones. Called by
 * vfs_init. 0 or -ENOMEM.
 */
int proc_init(void);
/* Forget all entries; procfs is not mounted. */
void proc_exit(void);
int proc_generic_init(void);
int proc_pid_init(void);

#endif
