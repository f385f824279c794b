/* SPDX-License-Identifier: MIT */
/*
 * host/file.c: the host's files, through libuv's synchronous calls.
 *
 * Called by the embedder's side: the osim command and the public API when they load images and
 * directory trees, write traces, and pass console bytes on. Calls libuv, with no loop: a call
 * blocks its thread until done. It must not be called on behalf of simulated time; what it returns
 * is an input of the machine, as the configuration is.
 *
 *	host_walk("/tmp/r"):  ""  "bin"  "bin/sh"  "etc"  "etc/motd"  "zz"
 *	stack of open directories while at etc/motd:   ["" : bin etc zz, next zz] [etc : motd, next -]
 *
 * Invariants:
 *	F1  Order is the bytes' order of names, whatever the host's file system or locale says; so
 *	    the same tree gives the same calls.
 *	F2  Every error path closes what it opened and frees what it allocated; *data and *target
 *	    are NULL then.
 *	F3  Symbolic links are never followed in a walk, so it ends.
 *
 * Units: bytes, nanoseconds. Owner: results are the caller's until host_free. Locking: none; any
 * thread.
 * Errors: negative errno of the host. Time: none of the machine's. Source: libuv documentation,
 * "File system operations".
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <uv.h>

#include "host/file.h"
#include "lib/compiler.h"
#include "lib/sort.h"
#include "lib/string.h"

#define PATH_LIMIT 4096u
#define IO_CHUNK (1u << 30)
#define FIRST_READ_BYTES 4096u

_Static_assert(UV_ENOENT == -ENOENT, "libuv's errors are negative errno on this host");

static s64 timespec_ns(uv_timespec_t t)
{
	return (s64)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void convert(const uv_stat_t *s, struct host_stat *st)
{
	*st = (struct host_stat){
		.size_bytes = s->st_size,
		.ino = s->st_ino,
		.dev = s->st_dev,
		.rdev = s->st_rdev,
		.mode = (u32)s->st_mode,
		.nlink = (u32)s->st_nlink,
		.uid = (u32)s->st_uid,
		.gid = (u32)s->st_gid,
		.mtime_ns = timespec_ns(s->st_mtim),
	};
}

int host_file_stat(const char *path, bool follow, struct host_stat *st)
{
	uv_fs_t req;
	int rc = follow ? uv_fs_stat(NULL, &req, path, NULL) : uv_fs_lstat(NULL, &req, path, NULL);

	if (rc == 0)
		convert(&req.statbuf, st);
	uv_fs_req_cleanup(&req);
	return rc;
}

static int open_fd(const char *path, int flags)
{
	uv_fs_t req;
	int fd = uv_fs_open(NULL, &req, path, flags | O_CLOEXEC, 0666, NULL);

	uv_fs_req_cleanup(&req);
	return fd;
}

static int close_fd(int fd)
{
	uv_fs_t req;
	int rc = uv_fs_close(NULL, &req, fd, NULL);

	uv_fs_req_cleanup(&req);
	return rc;
}

/* A descriptor somebody made non-blocking: wait until it can go on. */
static void wait_ready(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	poll(&p, 1, -1);
}

s64 host_fd_read(int fd, void *buf, u64 len_bytes)
{
	for (;;) {
		uv_buf_t b = uv_buf_init(buf, (unsigned)min(len_bytes, (u64)IO_CHUNK));
		uv_fs_t req;
		s64 n = uv_fs_read(NULL, &req, fd, &b, 1, -1, NULL);

		uv_fs_req_cleanup(&req);
		if (n == UV_EAGAIN)
			wait_ready(fd, POLLIN);
		else if (n != UV_EINTR)
			return n;
	}
}

int host_fd_write(int fd, const void *data, u64 len_bytes)
{
	const char *p = data;

	while (len_bytes) {
		uv_buf_t b = uv_buf_init((char *)p, (unsigned)min(len_bytes, (u64)IO_CHUNK));
		uv_fs_t req;
		s64 n = uv_fs_write(NULL, &req, fd, &b, 1, -1, NULL);

		uv_fs_req_cleanup(&req);
		if (n == UV_EAGAIN)
			wait_ready(fd, POLLOUT);
		else if (n < 0 && n != UV_EINTR)
			return (int)n;
		if (n > 0) {
			p += n;
			len_bytes -= (u64)n;
		}
	}
	return 0;
}

/* Twice the buffer, or NULL (the old one is still the caller's). */
static u8 *grow(u8 *buf, u64 *capacity)
{
	u8 *bigger = realloc(buf, *capacity * 2 + 1);

	if (bigger)
		*capacity *= 2;
	return bigger;
}

/*
 * Read to the end: the size is only a hint, because files of /proc say 0. capacity + 1 bytes are
 * allocated.
 */
static int read_all(int fd, u64 size_hint, u64 max_bytes, u8 **data, u64 *len_bytes)
{
	u64 capacity = max(size_hint + 1, (u64)FIRST_READ_BYTES), len = 0;
	u8 *buf = malloc(capacity + 1), *bigger;
	s64 n;

	if (!buf)
		return -ENOMEM;
	while ((n = host_fd_read(fd, buf + len, capacity - len)) > 0) {
		len += (u64)n;
		if (len > max_bytes) {
			n = -EFBIG;
			break;
		}
		if (len < capacity)
			continue;
		bigger = grow(buf, &capacity);
		if (!bigger) {
			n = -ENOMEM;
			break;
		}
		buf = bigger;
	}
	if (n < 0) {
		free(buf);
		return (int)n;
	}
	buf[len] = 0;
	*data = buf;
	*len_bytes = len;
	return 0;
}

int host_file_read(const char *path, u64 max_bytes, u8 **data, u64 *len_bytes)
{
	uv_fs_t req;
	u64 size;
	int fd, rc;

	*data = NULL;
	*len_bytes = 0;
	fd = open_fd(path, O_RDONLY);
	if (fd < 0)
		return fd;
	rc = uv_fs_fstat(NULL, &req, fd, NULL);
	size = rc == 0 ? req.statbuf.st_size : 0;
	uv_fs_req_cleanup(&req);
	if (rc == 0 && size > max_bytes)
		rc = -EFBIG;
	if (rc == 0)
		rc = read_all(fd, size, max_bytes, data, len_bytes);
	close_fd(fd);
	return rc;
}

int host_file_write(const char *path, const void *data, u64 len_bytes, bool append)
{
	int fd = open_fd(path, O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC));
	int rc, rc_close;

	if (fd < 0)
		return fd;
	rc = host_fd_write(fd, data, len_bytes);
	rc_close = close_fd(fd);
	return rc ? rc : rc_close;
}

int host_readlink(const char *path, char **target)
{
	uv_fs_t req;
	int rc = uv_fs_readlink(NULL, &req, path, NULL);

	*target = NULL;
	if (rc == 0) {
		*target = strdup(req.ptr);
		if (!*target)
			rc = -ENOMEM;
	}
	uv_fs_req_cleanup(&req);
	return rc;
}

void host_free(void *p)
{
	free(p);
}

u64 host_clock_ns(void)
{
	return uv_hrtime();
}

/* One open directory of a walk: its names in order, and which is next. */
struct level {
	char **names;
	u64 nr, next;
	size_t path_len; /* of the directory's own path in walk.path */
};

struct walk {
	char path[PATH_LIMIT];
	size_t root_len;
	struct level *levels;
	u64 depth, capacity;
};

static int by_bytes(const void *a, const void *b, const void *priv)
{
	(void)priv;
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_names(struct level *l)
{
	while (l->nr)
		free(l->names[--l->nr]);
	free(l->names);
}

/* All names in the directory at path, sorted (F1). */
static int read_names(const char *path, struct level *l)
{
	uv_dirent_t entry;
	uv_fs_t req;
	int rc = uv_fs_scandir(NULL, &req, path, 0, NULL);

	*l = (struct level){ 0 };
	if (rc < 0) {
		uv_fs_req_cleanup(&req);
		return rc;
	}
	l->names = calloc((size_t)rc + 1, sizeof(*l->names));
	rc = l->names ? 0 : -ENOMEM;
	while (rc == 0 && uv_fs_scandir_next(&req, &entry) != UV_EOF) {
		l->names[l->nr] = strdup(entry.name);
		if (l->names[l->nr])
			l->nr++;
		else
			rc = -ENOMEM;
	}
	uv_fs_req_cleanup(&req);
	if (rc) {
		free_names(l);
		return rc;
	}
	sort_r(l->names, l->nr, sizeof(*l->names), by_bytes, NULL);
	return 0;
}

/* Open the directory at w->path as the innermost level. */
static int push_level(struct walk *w)
{
	int rc;

	if (w->depth == w->capacity) {
		u64 capacity = w->capacity * 2 + 8;
		struct level *bigger = realloc(w->levels, capacity * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		w->levels = bigger;
		w->capacity = capacity;
	}
	rc = read_names(w->path, &w->levels[w->depth]);
	if (rc)
		return rc;
	w->levels[w->depth++].path_len = strlen(w->path);
	return 0;
}

/* Report w->path; if it is a directory, open it. */
static int visit(struct walk *w, host_walk_fn *fn, void *arg)
{
	const char *rel = w->path + w->root_len;
	struct host_stat st;
	int rc = host_file_stat(w->path, w->depth == 0, &st); /* the root itself may be a link */

	if (rc)
		return rc;
	rc = fn(arg, rel + (*rel == '/'), w->path, &st);
	if (rc)
		return rc;
	return (st.mode & 0170000) == 0040000 ? push_level(w) : 0;
}

int host_walk(const char *root, host_walk_fn *fn, void *arg)
{
	struct walk *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return -ENOMEM;
	rc = strscpy(w->path, root, sizeof(w->path)) < 0 ? -ENAMETOOLONG : 0;
	w->root_len = strlen(w->path);
	while (w->root_len > 1 && w->path[w->root_len - 1] == '/')
		w->path[--w->root_len] = '\0';
	if (w->root_len == 1 && w->path[0] == '/')
		w->root_len = 0; /* children of "/" are "/bin", not "//bin" */
	if (rc == 0)
		rc = visit(w, fn, arg);
	while (rc == 0 && w->depth) {
		struct level *l = &w->levels[w->depth - 1];
		bool at_slash = l->path_len == 1 && w->path[0] == '/';
		size_t base = at_slash ? 0 : l->path_len, room = sizeof(w->path) - base;

		if (l->next == l->nr) {
			free_names(l);
			w->depth--;
			continue;
		}
		if ((size_t)scnprintf(w->path + base, room, "/%s", l->names[l->next]) <
		    strlen(l->names[l->next]) + 1)
			rc = -ENAMETOOLONG;
		l->next++;
		if (rc == 0)
			rc = visit(w, fn, arg);
	}
	while (w->depth)
		free_names(&w->levels[--w->depth]);
	free(w->levels);
	free(w);
	return rc;
}
