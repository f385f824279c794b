/* SPDX-License-Identifier: MIT */
#ifndef HOST_FILE_H
#define HOST_FILE_H

/*
 * The host's files, read and written through libuv's synchronous calls. Used by the embedder's side
 * (loading images and directories, writing traces, the console); never on a simulated CPU's time.
 * Errors are negative errno of the host, which on Linux are the machine's own numbers.
 */

#include "lib/types.h"

/* What lstat tells, as far as a guest may see it. Times in nanoseconds since 1970. */
struct host_stat {
	u64 size_bytes;
	u64 ino, dev, rdev;
	u32 mode; /* type and permissions, Linux encoding */
	u32 nlink, uid, gid;
	s64 mtime_ns;
};

/* lstat (follow: stat). 0 or -errno. */
int host_file_stat(const char *path, bool follow, struct host_stat *st);

/*
 * Read a whole file. *data (len_bytes + 1 bytes, a NUL behind the contents) is the caller's until
 * host_free. max_bytes:
 * a longer file gives -EFBIG. A directory gives -EISDIR. On error *data is NULL.
 */
int host_file_read(const char *path, u64 max_bytes, u8 **data, u64 *len_bytes);
/*
 * Create or truncate path with mode 0666 & ~umask, and write all of it. append: keep what is there.
 * 0 or -errno.
 */
int host_file_write(const char *path, const void *data, u64 len_bytes, bool append);
/* Write all of it to an open descriptor (1: standard output). 0 or -errno. */
int host_fd_write(int fd, const void *data, u64 len_bytes);
/* Read up to len_bytes from a descriptor. Bytes read, 0 at the end, -errno. */
s64 host_fd_read(int fd, void *buf, u64 len_bytes);
/* The target of a symbolic link, NUL-terminated; the caller's until host_free. 0 or -errno. */
int host_readlink(const char *path, char **target);
void host_free(void *p);

/*
 * Walk the tree below root (root itself first, as ""), each directory's entries in byte order of
 * their names, a directory before what is in it; symbolic links are reported, not followed.
 * rel_path is relative to root ("etc/passwd"); host_path opens it.
 * Both are valid during the call only. fn returns 0 to go on; anything else ends the walk and is
 * returned. 0 or -errno.
 * Depth is bounded by the length of a path (4096 bytes: -ENAMETOOLONG).
 */
typedef int host_walk_fn(void *arg, const char *rel_path, const char *host_path,
			 const struct host_stat *st);
int host_walk(const char *root, host_walk_fn *fn, void *arg);

/* Monotonic nanoseconds: for reporting host cost. It must never reach a machine's state. */
u64 host_clock_ns(void);

#endif
