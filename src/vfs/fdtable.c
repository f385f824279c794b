/* SPDX-License-Identifier: MIT */
/*
 * Descriptor tables: small integers to open files.
 *
 * Called by open, close, dup, fcntl, pipe, by fork, exec and exit through the task hooks of
 * vfs/vfs.c, and by procfs. Calls fput.
 *
 * After `sh` opened a script with O_CLOEXEC:
 *
 *	max_fds 64   fd: [0] console  [1] console  [2] console2  [3] script  [4..63] NULL
 *	open_fds        ...00001111
 *	close_on_exec   ...00001000
 *	next_fd 4
 *
 *	get_unused_fd (bit set, slot NULL) --fd_install--> open --close_fd--> free
 *	                                   \--put_unused_fd--> free
 *
 * T1  A set bit in open_fds with a NULL slot is a reserved descriptor: not open, not free.
 * T2  Every descriptor below next_fd is taken, so the lowest free one is found from there.
 * T3  max_fds is a multiple of 64; the arrays grow by doubling and never shrink.
 * T4  A slot holds one reference of its file.
 * T5  A copy (fork) has open slots only: reservations of other threads are not copied.
 *
 * Units: descriptors. Owner: tasks by count. Locking: file_lock over table changes; allocation and
 * fput happen outside. Errors: -EMFILE at the soft limit, -ENOMEM, -EBADF. Time: one lock. Source:
 * Linux fs/file.c (behaviour), dup(2), fcntl(2).
 */
#include "lib/bitmap.h"
#include "lib/string.h"
#include "mm/alloc/slab.h"
#include "sched/fork.h"
#include "vfs/fcntl.h"
#include "vfs/file.h"
#include "vfs/locks.h"
#include "vfs/vfs.h"

static int alloc_fdtable(struct fdtable *t, u32 max_fds)
{
	u64 words = max_fds / 64;
	u8 *mem = kzalloc(max_fds * sizeof(struct file *) + 2 * words * sizeof(u64), GFP_KERNEL);

	if (!mem)
		return -ENOMEM;
	t->max_fds = max_fds;
	t->fd = (struct file **)(void *)mem;
	t->open_fds = (u64 *)(void *)(mem + max_fds * sizeof(struct file *));
	t->close_on_exec = t->open_fds + words;
	return 0;
}

static void copy_fdtable(struct fdtable *to, const struct fdtable *from)
{
	u32 n = min(to->max_fds, from->max_fds);

	memcpy(to->fd, from->fd, n * sizeof(struct file *));
	memcpy(to->open_fds, from->open_fds, n / 8);
	memcpy(to->close_on_exec, from->close_on_exec, n / 8);
}

struct files_struct *files_alloc(void)
{
	struct files_struct *files = kmem_cache_zalloc(vfs()->files_cache, GFP_KERNEL);

	if (!files)
		return NULL;
	if (alloc_fdtable(&files->fdt, NR_OPEN_DEFAULT)) {
		kmem_cache_free(vfs()->files_cache, files);
		return NULL;
	}
	files->count = 1;
	files->rlimit_nofile = RLIMIT_NOFILE_DEFAULT;
	spin_lock_init(&files->file_lock);
	return files;
}

/* Room for descriptor nr: the lock is dropped and taken again. 0 or -errno. */
static int expand_files(struct files_struct *files, u32 nr)
{
	struct fdtable grown;
	struct file **old = NULL;

	if (nr < files->fdt.max_fds)
		return 0;
	if (nr >= NR_OPEN_MAX)
		return -EMFILE;
	spin_unlock(&files->file_lock);
	if (alloc_fdtable(&grown, (u32)roundup_pow_of_two(nr + 1))) {
		spin_lock(&files->file_lock);
		return -ENOMEM;
	}
	spin_lock(&files->file_lock);
	if (grown.max_fds > files->fdt.max_fds) {
		copy_fdtable(&grown, &files->fdt);
		old = files->fdt.fd;
		files->fdt = grown;
	} else {
		old = grown.fd; /* another thread grew it meanwhile */
	}
	kfree(old);
	return 0;
}

static void mark(u64 *bits, u32 fd, bool on)
{
	assign_bit(fd, bits, on);
}

/* Reserve the lowest free descriptor >= start; file_lock held. */
static int alloc_fd_locked(struct files_struct *files, u32 start, u32 flags)
{
	struct fdtable *t = &files->fdt;
	u32 fd;
	int err;

	for (;;) {
		fd = (u32)find_next_zero_bit(t->open_fds, t->max_fds, max(start, files->next_fd));
		fd = max(fd, start);
		if (fd >= files->rlimit_nofile)
			return -EMFILE;
		if (fd < t->max_fds)
			break;
		err = expand_files(files, fd);
		if (err)
			return err;
	}
	if (start <= files->next_fd)
		files->next_fd = fd + 1;
	mark(t->open_fds, fd, true);
	mark(t->close_on_exec, fd, flags & O_CLOEXEC);
	BUG_ON(t->fd[fd]);
	return (int)fd;
}

int get_unused_fd_flags(u32 start, u32 flags)
{
	struct files_struct *files = current->files;
	int fd;

	spin_lock(&files->file_lock);
	fd = alloc_fd_locked(files, start, flags);
	spin_unlock(&files->file_lock);
	return fd;
}

static void free_fd_locked(struct files_struct *files, u32 fd)
{
	mark(files->fdt.open_fds, fd, false);
	mark(files->fdt.close_on_exec, fd, false);
	files->next_fd = min(files->next_fd, fd);
}

void put_unused_fd(u32 fd)
{
	struct files_struct *files = current->files;

	spin_lock(&files->file_lock);
	BUG_ON(files->fdt.fd[fd]);
	free_fd_locked(files, fd);
	spin_unlock(&files->file_lock);
}

void fd_install(u32 fd, struct file *file)
{
	struct files_struct *files = current->files;

	spin_lock(&files->file_lock);
	BUG_ON(files->fdt.fd[fd] || !test_bit(fd, files->fdt.open_fds)); /* T1 */
	files->fdt.fd[fd] = file;
	spin_unlock(&files->file_lock);
}

static struct file *lookup_fd(const struct files_struct *files, u32 fd)
{
	return files && fd < files->fdt.max_fds ? files->fdt.fd[fd] : NULL;
}

/* No lock: the slot is read and the count raised between two charges. */
struct file *fget_raw(u32 fd)
{
	struct file *file = lookup_fd(current->files, fd);

	return file ? get_file(file) : NULL;
}

struct file *fget(u32 fd)
{
	struct file *file = lookup_fd(current->files, fd);

	return file && !(file->f_mode & FMODE_PATH) ? get_file(file) : NULL;
}

struct file *fget_task(struct task_struct *t, u32 fd)
{
	struct file *file = lookup_fd(t->files, fd);

	return file ? get_file(file) : NULL;
}

bool next_fd_of_task(struct task_struct *t, u32 *fd, u32 *f_flags)
{
	const struct files_struct *files = t->files;

	for (u32 i = *fd; files && i < files->fdt.max_fds; i++) {
		if (!files->fdt.fd[i])
			continue;
		*fd = i;
		*f_flags = files->fdt.fd[i]->f_flags |
			   (test_bit(i, files->fdt.close_on_exec) ? O_CLOEXEC : 0);
		return true;
	}
	return false;
}

/* What close(2) does to a file that left its slot. */
static int filp_close(struct file *file, const struct files_struct *files)
{
	int err = file->f_op->flush ? file->f_op->flush(file) : 0;

	locks_remove_posix(file, files);
	fput(file);
	return err;
}

int close_fd(u32 fd)
{
	struct files_struct *files = current->files;
	struct file *file;

	spin_lock(&files->file_lock);
	file = lookup_fd(files, fd);
	if (file) {
		files->fdt.fd[fd] = NULL;
		free_fd_locked(files, fd);
	}
	spin_unlock(&files->file_lock);
	return file ? filp_close(file, files) : -EBADF;
}

#define CLOSE_RANGE_UNSHARE 2u
#define CLOSE_RANGE_CLOEXEC 4u

int ksys_close_range(u32 first, u32 last, u32 flags)
{
	struct files_struct *files;

	if (flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC) || first > last)
		return -EINVAL;
	if (flags & CLOSE_RANGE_UNSHARE) {
		int err = unshare_files();

		if (err)
			return err;
	}
	files = current->files;
	for (u32 fd = first; fd <= last && fd < files->fdt.max_fds; fd++) {
		if (!lookup_fd(files, fd))
			continue;
		if (flags & CLOSE_RANGE_CLOEXEC)
			mark(files->fdt.close_on_exec, fd, true);
		else
			close_fd(fd);
	}
	return 0;
}

/* --- duplicates --- */

static int dup_at_least(u32 fd, u32 start, u32 flags)
{
	struct file *file = fget_raw(fd);
	int new_fd;

	if (!file)
		return -EBADF;
	new_fd = get_unused_fd_flags(start, flags);
	if (new_fd < 0)
		fput(file);
	else
		fd_install((u32)new_fd, file);
	return new_fd;
}

int ksys_dup(u32 fd)
{
	return dup_at_least(fd, 0, 0);
}

int ksys_dup3(u32 oldfd, u32 newfd, u32 flags)
{
	struct files_struct *files = current->files;
	struct file *file, *victim;
	int err;

	if (flags & ~O_CLOEXEC || oldfd == newfd)
		return -EINVAL;
	if (newfd >= files->rlimit_nofile)
		return -EBADF;
	spin_lock(&files->file_lock);
	err = expand_files(files, newfd);
	file = lookup_fd(files, oldfd);
	if (!file)
		err = -EBADF;
	else if (err == -EMFILE)
		err = -EBADF;
	else if (!err && !files->fdt.fd[newfd] && test_bit(newfd, files->fdt.open_fds))
		err = -EBUSY; /* T1: an open(2) under way reserved it */
	if (err) {
		spin_unlock(&files->file_lock);
		return err;
	}
	victim = files->fdt.fd[newfd];
	files->fdt.fd[newfd] = get_file(file);
	mark(files->fdt.open_fds, newfd, true);
	mark(files->fdt.close_on_exec, newfd, flags & O_CLOEXEC);
	spin_unlock(&files->file_lock);
	if (victim)
		filp_close(victim, files);
	return (int)newfd;
}

int ksys_dup2(u32 oldfd, u32 newfd)
{
	if (oldfd == newfd)
		return lookup_fd(current->files, oldfd) ? (int)newfd : -EBADF;
	return ksys_dup3(oldfd, newfd, 0);
}

/* --- whole tables --- */

struct files_struct *dup_fd(struct files_struct *old)
{
	struct files_struct *files = files_alloc();
	struct fdtable grown;
	u32 want;

	if (!files)
		return ERR_PTR(-ENOMEM);
	spin_lock(&old->file_lock);
	while (files->fdt.max_fds < old->fdt.max_fds) {
		want = old->fdt.max_fds;
		spin_unlock(&old->file_lock);
		if (alloc_fdtable(&grown, want)) {
			put_files_struct(files);
			return ERR_PTR(-ENOMEM);
		}
		kfree(files->fdt.fd);
		files->fdt = grown;
		spin_lock(&old->file_lock);
	}
	copy_fdtable(&files->fdt, &old->fdt);
	for (u32 fd = 0; fd < files->fdt.max_fds; fd++) {
		if (files->fdt.fd[fd])
			get_file(files->fdt.fd[fd]);
		else
			free_fd_locked(files, fd); /* T5 */
	}
	files->next_fd = 0;
	files->rlimit_nofile = old->rlimit_nofile;
	spin_unlock(&old->file_lock);
	return files;
}

void put_files_struct(struct files_struct *files)
{
	if (!files || --files->count)
		return;
	for (u32 fd = 0; fd < files->fdt.max_fds; fd++) {
		struct file *file = files->fdt.fd[fd];

		files->fdt.fd[fd] = NULL;
		if (file)
			filp_close(file, files);
	}
	kfree(files->fdt.fd);
	kmem_cache_free(vfs()->files_cache, files);
}

void do_close_on_exec(struct files_struct *files)
{
	for (u32 fd = 0; fd < files->fdt.max_fds; fd++) {
		struct file *file;

		if (!test_bit(fd, files->fdt.close_on_exec))
			continue;
		spin_lock(&files->file_lock);
		file = files->fdt.fd[fd];
		if (file) {
			files->fdt.fd[fd] = NULL;
			free_fd_locked(files, fd);
		}
		spin_unlock(&files->file_lock);
		if (file)
			filp_close(file, files);
	}
}

int unshare_files(void)
{
	struct files_struct *files = current->files, *copy;

	if (!files || files->count == 1)
		return 0;
	copy = dup_fd(files);
	if (IS_ERR(copy))
		return (int)PTR_ERR(copy);
	current->files = copy;
	put_files_struct(files);
	return 0;
}

/* --- fcntl --- */

static s64 set_fl(struct file *file, u32 arg)
{
	file->f_flags = (file->f_flags & ~SETFL_MASK) | (arg & SETFL_MASK);
	return 0;
}

static bool still_open(const struct files_struct *files, u32 fd, const struct file *file)
{
	return fd < files->fdt.max_fds && files->fdt.fd[fd] == file;
}

s64 do_fcntl(u32 fd, u32 cmd, u64 arg)
{
	struct files_struct *files = current->files;
	struct file *file = fget_raw(fd);
	s64 ret = -EINVAL;

	if (!file)
		return -EBADF;
	switch (cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		if (arg < files->rlimit_nofile)
			ret = dup_at_least(fd, (u32)arg, cmd == F_DUPFD_CLOEXEC ? O_CLOEXEC : 0);
		break;
	case F_GETFD:
		ret = test_bit(fd, files->fdt.close_on_exec) ? FD_CLOEXEC : 0;
		break;
	case F_SETFD:
		mark(files->fdt.close_on_exec, fd, arg & FD_CLOEXEC);
		ret = 0;
		break;
	case F_GETFL:
		ret = file->f_flags;
		break;
	case F_SETFL:
		ret = file->f_mode & FMODE_PATH ? -EBADF : set_fl(file, (u32)arg);
		break;
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
		ret = file->f_mode & FMODE_PATH ? -EBADF : fcntl_lock(file, cmd, arg);
		if (!ret && cmd == F_SETLKW && !still_open(files, fd, file)) {
			/* Closed while it waited: that close could not take away what came after it. */
			locks_remove_posix(file, files);
			ret = -EBADF;
		}
		break;
	default:
		if (file->f_mode & FMODE_PATH)
			ret = -EBADF;
		else if (file->f_op->fcntl)
			ret = file->f_op->fcntl(file, cmd, arg);
	}
	fput(file);
	return ret;
}
