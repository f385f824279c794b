/* SPDX-License-Identifier: MIT */
#ifndef VFS_FILE_H
#define VFS_FILE_H

/*
 * Open files and descriptor tables. A files_struct maps small integers to files; tasks share one
 * (CLONE_FILES) or copy it at fork. Copying, exec's close-on-exec and exit run through the task
 * hooks that vfs_init registers.
 */

#include "kernel/percpu/spinlock.h"
#include "lib/types.h"
#include "vfs/fs.h"

#define NR_OPEN_DEFAULT 64u  /* descriptors of a fresh table */
#define NR_OPEN_MAX 1048576u /* Linux's sysctl_nr_open */
#define RLIMIT_NOFILE_DEFAULT 1024u

struct fdtable {
	u32 max_fds; /* multiple of 64 */
	struct file **fd;
	u64 *open_fds, *close_on_exec; /* max_fds bits each */
};

struct files_struct {
	u64 count; /* tasks sharing it */
	spinlock_t file_lock;
	struct fdtable fdt; /* [file_lock] */
	u32 next_fd;	    /* no free descriptor below [file_lock] */
	u32 rlimit_nofile;  /* soft limit, descriptors: -EMFILE at this number */
};

/* --- files --- */

/*
 * A file around path (which it references) with one reference, flags as given. ERR_PTR(-ENOMEM).
 * Not opened: no f_op->open call.
 */
struct file *alloc_file(const struct path *path, u32 flags, const struct file_operations *fop);
/* Run the rest of open on path: permissions are done, f_op->open is called. ERR_PTR. */
struct file *dentry_open(const struct path *path, u32 flags, struct cred *cred);
static inline struct file *get_file(struct file *f)
{
	f->f_count++;
	return f;
}
/* Drop a reference; the last one calls release and frees. May sleep. */
void fput(struct file *file);
/* Open files alive in the machine. */
u64 get_nr_files(void);

/* --- descriptors of current --- */

/* The lowest free descriptor >= start, reserved. -EMFILE, -ENOMEM. */
int get_unused_fd_flags(u32 start, u32 flags);
void put_unused_fd(u32 fd);
/* Publish: the table takes over the reference. */
void fd_install(u32 fd, struct file *file);
/* The file with a new reference, NULL when fd is not open (or O_PATH; fget_raw takes those too). */
struct file *fget(u32 fd);
struct file *fget_raw(u32 fd);
/* A file descriptor of another task, for procfs. */
struct file *fget_task(struct task_struct *t, u32 fd);
/* The smallest open descriptor >= *fd of t: true and its number, or false. */
bool next_fd_of_task(struct task_struct *t, u32 *fd, u32 *f_flags);
/* close(2). 0, -EBADF, or what flush said. */
int close_fd(u32 fd);
int ksys_close_range(u32 first, u32 last, u32 flags);
int ksys_dup(u32 fd);
int ksys_dup2(u32 oldfd, u32 newfd);
int ksys_dup3(u32 oldfd, u32 newfd, u32 flags);
s64 do_fcntl(u32 fd, u32 cmd, u64 arg);

/* --- tables --- */

/* An empty table with one user. NULL: no memory. */
struct files_struct *files_alloc(void);
/* A copy with the same open files. ERR_PTR(-ENOMEM). */
struct files_struct *dup_fd(struct files_struct *old);
/* Drop a use; the last closes everything. NULL ignored. */
void put_files_struct(struct files_struct *files);
/* exec: close what is marked. */
void do_close_on_exec(struct files_struct *files);
/* current stops sharing its table (exec, unshare). 0 or -ENOMEM. */
int unshare_files(void);

/* --- system call bodies: buffers are user addresses --- */

s64 ksys_read(u32 fd, u64 ubuf, u64 count);
s64 ksys_write(u32 fd, u64 ubuf, u64 count);
s64 ksys_pread64(u32 fd, u64 ubuf, u64 count, s64 pos);
s64 ksys_pwrite64(u32 fd, u64 ubuf, u64 count, s64 pos);
/* uiov: user address of vlen struct iovec. */
s64 ksys_readv(u32 fd, u64 uiov, u64 vlen);
s64 ksys_writev(u32 fd, u64 uiov, u64 vlen);
s64 ksys_preadv(u32 fd, u64 uiov, u64 vlen, s64 pos);
s64 ksys_pwritev(u32 fd, u64 uiov, u64 vlen, s64 pos);
s64 ksys_lseek(u32 fd, s64 offset, u32 whence);
s64 ksys_getdents64(u32 fd, u64 udirent, u32 count);
s64 ksys_ioctl(u32 fd, u32 cmd, u64 arg);
/* sendfile(2); uoffset: user address of an s64 or 0. */
s64 ksys_sendfile(u32 out_fd, u32 in_fd, u64 uoffset, u64 count);
int ksys_fsync(u32 fd);
/* ppoll/poll and select bodies: records and bitmaps at user addresses. */
s64 ksys_poll(u64 ufds, u32 nfds, u64 timeout_ns);
s64 ksys_select(int n, u64 uin, u64 uout, u64 uex, u64 timeout_ns);

#endif
