/* SPDX-License-Identifier: MIT */
/*
 * read, write, lseek, getdents64, sendfile, ioctl: from a descriptor to the file's operations.
 *
 * Called by the system call table and by the kernel's own reads (exec). Calls f_op.
 *
 *	write(1, 0x7ffd10, 6):  fget(1) -> f_pos_lock (shared files only) -> vfs_write: FMODE_WRITE?
 *	access_ok? -> f_op->write_iter
 *	                        f_pos += 6 -> fput
 *
 * V1  f_pos changes only under f_pos_lock for files that have a position several users share, so
 *     concurrent appends through one open file neither overlap nor tear.
 * V2  A count above MAX_RW_COUNT is cut, one that is negative as a signed number is -EINVAL; a
 *     buffer outside user space is -EFAULT.
 * V3  An error after some bytes moved is the number of bytes; the error comes back with the next
 *     call.
 * V4  getdents64 builds its records in kernel memory and copies them out at the end, so no
 *     directory lock is held over a page fault.
 *
 * Units: bytes. Owner: one file reference for the call. Locking: f_pos_lock outside i_rwsem.
 * Errors: as the manual pages. Time: COST_FILE_OP a call plus what the file charges. Source: Linux
 * fs/read_write.c, fs/readdir.c, fs/ioctl.c (behaviour).
 */
#include "hw/cpu.h"
#include "lib/string.h"
#include "mm/alloc/slab.h"
#include "mm/uaccess.h"
#include "sched/task.h"
#include "vfs/fcntl.h"
#include "vfs/file.h"
#include "vfs/vfs.h"

/* --- one file --- */

s64 vfs_read(struct file *file, struct iov_iter *to, s64 *ppos)
{
	s64 ret;

	if (!(file->f_mode & FMODE_READ))
		return -EBADF;
	if (!file->f_op->read_iter)
		return S_ISDIR(file->f_inode->i_mode) ? -EISDIR : -EINVAL;
	iov_iter_truncate(to, MAX_RW_COUNT);
	ret = file->f_op->read_iter(file, to, ppos);
	charge(COST_FILE_OP);
	return ret;
}

s64 vfs_write(struct file *file, struct iov_iter *from, s64 *ppos)
{
	s64 ret;

	if (!(file->f_mode & FMODE_WRITE))
		return -EBADF;
	if (!file->f_op->write_iter)
		return -EINVAL;
	iov_iter_truncate(from, MAX_RW_COUNT);
	ret = file->f_op->write_iter(file, from, ppos);
	charge(COST_FILE_OP);
	return ret;
}

s64 kernel_read(struct file *file, void *buf, u64 count, s64 *ppos)
{
	struct iov_iter to;

	iov_iter_kvec(&to, buf, count);
	return vfs_read(file, &to, ppos);
}

s64 kernel_write(struct file *file, const void *buf, u64 count, s64 *ppos)
{
	struct iov_iter from;

	iov_iter_kvec(&from, (void *)(uintptr_t)buf, count);
	return vfs_write(file, &from, ppos);
}

s64 generic_file_llseek(struct file *file, s64 offset, int whence)
{
	struct inode *inode = file->f_mapping->host;
	s64 size = inode->i_size;
	u64 index;

	switch (whence) {
	case SEEK_SET:
		break;
	case SEEK_CUR:
		if (__builtin_add_overflow(offset, file->f_pos, &offset))
			return -EOVERFLOW;
		break;
	case SEEK_END:
		if (__builtin_add_overflow(offset, size, &offset))
			return -EOVERFLOW;
		break;
	case SEEK_DATA:
	case SEEK_HOLE:
		if (offset < 0 || offset >= size)
			return -ENXIO;
		index = (u64)offset / PAGE_SIZE;
		if (whence == SEEK_DATA) {
			spin_lock(&inode->i_data.i_pages_lock);
			if (!xa_find(&inode->i_data.i_pages, &index, ((u64)size - 1) / PAGE_SIZE,
				     XA_PRESENT))
				index = ~0ull;
			spin_unlock(&inode->i_data.i_pages_lock);
			if (index == ~0ull)
				return -ENXIO;
			offset = max(offset, (s64)(index * PAGE_SIZE));
			break;
		}
		spin_lock(&inode->i_data.i_pages_lock);
		while (index * PAGE_SIZE < (u64)size && xa_load(&inode->i_data.i_pages, index))
			index++;
		spin_unlock(&inode->i_data.i_pages_lock);
		offset = min(size, max(offset, (s64)(index * PAGE_SIZE)));
		break;
	default:
		return -EINVAL;
	}
	if (offset < 0 || offset > inode->i_sb->s_maxbytes)
		return -EINVAL;
	file->f_pos = offset;
	return offset;
}

s64 noop_llseek(struct file *file, s64 offset, int whence)
{
	(void)offset;
	(void)whence;
	return file->f_pos;
}

s64 no_llseek(struct file *file, s64 offset, int whence)
{
	(void)file;
	(void)offset;
	(void)whence;
	return -ESPIPE;
}

s64 vfs_llseek(struct file *file, s64 offset, int whence)
{
	if (!(file->f_mode & FMODE_LSEEK) || !file->f_op->llseek)
		return -ESPIPE;
	return file->f_op->llseek(file, offset, whence);
}

int iterate_dir(struct file *file, struct dir_context *ctx)
{
	struct inode *inode = file->f_inode;
	int err = -ENOENT;

	if (!file->f_op->iterate_shared)
		return -ENOTDIR;
	down_read(&inode->i_rwsem);
	if (!(inode->i_flags & S_DEAD)) {
		ctx->pos = file->f_pos;
		err = file->f_op->iterate_shared(file, ctx);
		file->f_pos = ctx->pos;
		touch_atime(&file->f_path);
	}
	up_read(&inode->i_rwsem);
	return err;
}

/* --- descriptors --- */

/* V1: only a file somebody else may be using needs its position guarded. */
static bool pos_lock(struct file *file)
{
	if (!(file->f_mode & FMODE_ATOMIC_POS) || file->f_count <= 2)
		return false; /* the table's reference and this call's */
	mutex_lock(&file->f_pos_lock);
	return true;
}

static void pos_unlock(struct file *file, bool locked)
{
	if (locked)
		mutex_unlock(&file->f_pos_lock);
}

static s64 rw_at_pos(struct file *file, struct iov_iter *i, bool write)
{
	bool locked = pos_lock(file);
	s64 pos = file->f_pos;
	s64 ret = write ? vfs_write(file, i, &pos) : vfs_read(file, i, &pos);

	if (ret >= 0 && !(file->f_mode & FMODE_STREAM))
		file->f_pos = pos;
	pos_unlock(file, locked);
	return ret;
}

static s64 rw_at(struct file *file, struct iov_iter *i, s64 pos, bool write)
{
	if (pos < 0)
		return -EINVAL;
	if (!(file->f_mode & (write ? FMODE_PWRITE : FMODE_PREAD)))
		return -ESPIPE;
	return write ? vfs_write(file, i, &pos) : vfs_read(file, i, &pos);
}

/* One user range; pos NULL: the file's own position. */
static s64 rw_buffer(u32 fd, u64 ubuf, u64 count, const s64 *pos, bool write)
{
	struct file *file = fget(fd);
	struct iov_iter i;
	s64 ret;

	if (!file)
		return -EBADF;
	if (!(file->f_mode & (write ? FMODE_WRITE : FMODE_READ)))
		ret = -EBADF;
	else if ((s64)count < 0)
		ret = -EINVAL;
	else if (!access_ok(ubuf, count))
		ret = -EFAULT;
	else {
		iov_iter_ubuf(&i, ubuf, min(count, MAX_RW_COUNT));
		ret = pos ? rw_at(file, &i, *pos, write) : rw_at_pos(file, &i, write);
	}
	fput(file);
	return ret;
}

s64 ksys_read(u32 fd, u64 ubuf, u64 count)
{
	return rw_buffer(fd, ubuf, count, NULL, false);
}

s64 ksys_write(u32 fd, u64 ubuf, u64 count)
{
	return rw_buffer(fd, ubuf, count, NULL, true);
}

s64 ksys_pread64(u32 fd, u64 ubuf, u64 count, s64 pos)
{
	return pos < 0 ? -EINVAL : rw_buffer(fd, ubuf, count, &pos, false);
}

s64 ksys_pwrite64(u32 fd, u64 ubuf, u64 count, s64 pos)
{
	return pos < 0 ? -EINVAL : rw_buffer(fd, ubuf, count, &pos, true);
}

#define UIO_MAXIOV 1024u

/* Fetch and check a user iovec array: kmalloc'ed, or ERR_PTR. */
static struct iovec *import_iovec(u64 uiov, u64 vlen)
{
	struct iovec *iov;
	u64 total = 0;

	if (vlen > UIO_MAXIOV)
		return ERR_PTR(-EINVAL);
	iov = kmalloc(max(vlen, (u64)1) * sizeof(*iov), GFP_KERNEL);
	if (!iov)
		return ERR_PTR(-ENOMEM);
	if (copy_from_user(iov, uiov, vlen * sizeof(*iov))) {
		kfree(iov);
		return ERR_PTR(-EFAULT);
	}
	for (u64 s = 0; s < vlen; s++) {
		int err = (s64)iov[s].iov_len < 0		      ? -EINVAL :
			  !access_ok(iov[s].iov_base, iov[s].iov_len) ? -EFAULT :
									0;

		if (err) {
			kfree(iov);
			return ERR_PTR(err);
		}
		iov[s].iov_len = min(iov[s].iov_len, MAX_RW_COUNT - total);
		total += iov[s].iov_len;
	}
	return iov;
}

static s64 rw_vector(u32 fd, u64 uiov, u64 vlen, const s64 *pos, bool write)
{
	struct file *file = fget(fd);
	struct iovec *iov;
	struct iov_iter i;
	s64 ret;

	if (!file)
		return -EBADF;
	if (!(file->f_mode & (write ? FMODE_WRITE : FMODE_READ))) {
		fput(file);
		return -EBADF;
	}
	iov = import_iovec(uiov, vlen);
	if (IS_ERR(iov)) {
		ret = PTR_ERR(iov);
	} else {
		iov_iter_init(&i, iov, vlen);
		ret = pos ? rw_at(file, &i, *pos, write) : rw_at_pos(file, &i, write);
		kfree(iov);
	}
	fput(file);
	return ret;
}

s64 ksys_readv(u32 fd, u64 uiov, u64 vlen)
{
	return rw_vector(fd, uiov, vlen, NULL, false);
}

s64 ksys_writev(u32 fd, u64 uiov, u64 vlen)
{
	return rw_vector(fd, uiov, vlen, NULL, true);
}

s64 ksys_preadv(u32 fd, u64 uiov, u64 vlen, s64 pos)
{
	return rw_vector(fd, uiov, vlen, &pos, false);
}

s64 ksys_pwritev(u32 fd, u64 uiov, u64 vlen, s64 pos)
{
	return rw_vector(fd, uiov, vlen, &pos, true);
}

s64 ksys_lseek(u32 fd, s64 offset, u32 whence)
{
	struct file *file = fget(fd);
	bool locked;
	s64 ret;

	if (!file)
		return -EBADF;
	locked = pos_lock(file);
	ret = whence > SEEK_HOLE ? -EINVAL : vfs_llseek(file, offset, (int)whence);
	pos_unlock(file, locked);
	fput(file);
	return ret;
}

/* --- directories --- */

/* struct linux_dirent64 without its name: d_ino, d_off, d_reclen, d_type; 19 bytes. */
#define DIRENT64_NAME 19u

struct getdents {
	struct dir_context ctx;
	u8 *buf;
	u32 size, used;
	u32 last; /* offset of the last record: its d_off is known when the next entry is */
	bool any, full;
};

static bool filldir64(struct dir_context *ctx, const char *name, u32 len, s64 pos, u64 ino, u8 type)
{
	struct getdents *g = container_of(ctx, struct getdents, ctx);
	u16 reclen = (u16)ALIGN_UP(DIRENT64_NAME + len + 1, 8u);
	u8 *rec = g->buf + g->used;

	if (g->size - g->used < reclen) {
		g->full = true;
		return false;
	}
	if (g->any)
		memcpy(g->buf + g->last + 8, &pos, 8);
	memset(rec, 0, reclen);
	memcpy(rec, &ino, 8);
	memcpy(rec + 16, &reclen, 2);
	rec[18] = type;
	memcpy(rec + DIRENT64_NAME, name, len);
	g->last = g->used;
	g->used += reclen;
	g->any = true;
	return true;
}

static s64 getdents64(struct file *file, u64 udirent, u32 count)
{
	struct getdents g = { .ctx = { .actor = filldir64 }, .size = min(count, 32768u) };
	s64 start = file->f_pos, end;
	s64 ret;

	g.buf = kmalloc(max(g.size, 32u), GFP_KERNEL);
	if (!g.buf)
		return -ENOMEM;
	ret = iterate_dir(file, &g.ctx);
	end = file->f_pos;
	if (!ret) {
		if (g.any)
			memcpy(g.buf + g.last + 8, &end, 8);
		ret = g.full && !g.any ? -EINVAL : (s64)g.used; /* not even one entry fits */
		if (g.used && copy_to_user(udirent, g.buf, g.used)) {
			file->f_pos = start;
			ret = -EFAULT;
		}
	}
	kfree(g.buf);
	return ret;
}

s64 ksys_getdents64(u32 fd, u64 udirent, u32 count)
{
	struct file *file = fget(fd);
	bool locked;
	s64 ret;

	if (!file)
		return -EBADF;
	locked = pos_lock(file);
	ret = getdents64(file, udirent, count);
	pos_unlock(file, locked);
	charge(COST_FILE_OP);
	fput(file);
	return ret;
}

/* --- the rest --- */

static s64 sendfile_chunks(struct file *out, struct file *in, s64 *pos, u64 count)
{
	u8 *buf = kmalloc(PAGE_SIZE, GFP_KERNEL);
	s64 done = 0, ret = 0;

	if (!buf)
		return -ENOMEM;
	while ((u64)done < count) {
		s64 at = *pos, wrote = 0;
		s64 got = kernel_read(in, buf, min((u64)PAGE_SIZE, count - (u64)done), &at);

		if (got <= 0) {
			ret = got;
			break;
		}
		while (wrote < got) {
			struct iov_iter from;

			iov_iter_kvec(&from, buf + wrote, (u64)(got - wrote));
			ret = rw_at_pos(out, &from, true);
			if (ret <= 0)
				break;
			wrote += ret;
		}
		*pos += wrote; /* what could not be written was not sent */
		done += wrote;
		if (wrote < got)
			break;
		ret = 0;
	}
	kfree(buf);
	return done ? done : ret; /* V3 */
}

s64 ksys_sendfile(u32 out_fd, u32 in_fd, u64 uoffset, u64 count)
{
	struct file *in = fget(in_fd), *out = fget(out_fd);
	s64 pos = 0, ret = -EBADF;
	u64 user_pos = 0;

	if (!in || !out || !(in->f_mode & FMODE_READ) || !(out->f_mode & FMODE_WRITE))
		goto put;
	if (uoffset && !(in->f_mode & FMODE_PREAD)) {
		ret = -ESPIPE;
		goto put;
	}
	ret = -EINVAL;
	if (!S_ISREG(in->f_inode->i_mode) && !S_ISBLK(in->f_inode->i_mode))
		goto put;
	if (out->f_flags & O_APPEND)
		goto put;
	ret = -EFAULT;
	if (uoffset && get_user_u64(&user_pos, uoffset))
		goto put;
	pos = uoffset ? (s64)user_pos : in->f_pos;
	ret = pos < 0 || (s64)count < 0 ? -EINVAL :
					  sendfile_chunks(out, in, &pos, min(count, MAX_RW_COUNT));
	if (!uoffset)
		in->f_pos = pos;
	else if (ret >= 0 && put_user_u64((u64)pos, uoffset))
		ret = -EFAULT;
put:
	if (in)
		fput(in);
	if (out)
		fput(out);
	return ret;
}

int ksys_fsync(u32 fd)
{
	struct file *file = fget(fd);
	int err;

	if (!file)
		return -EBADF;
	/* Nothing is kept anywhere but in memory; Linux refuses files that have no fsync. */
	err = S_ISREG(file->f_inode->i_mode) || S_ISDIR(file->f_inode->i_mode) ? 0 : -EINVAL;
	fput(file);
	return err;
}

static s64 ioctl_fionread(struct file *file, u64 arg)
{
	s64 left = file->f_inode->i_size - file->f_pos;

	return put_user_u32((u32)(s32)left, arg) ? -EFAULT : 0;
}

s64 ksys_ioctl(u32 fd, u32 cmd, u64 arg)
{
	struct file *file = fget(fd);
	s64 ret = -ENOTTY;
	u32 on;

	if (!file)
		return -EBADF;
	switch (cmd) {
	case FIOCLEX:
	case FIONCLEX:
		ret = do_fcntl(fd, F_SETFD, cmd == FIOCLEX ? FD_CLOEXEC : 0);
		break;
	case FIONBIO:
		ret = get_user_u32(&on, arg) ? -EFAULT : 0;
		if (!ret)
			file->f_flags = on ? file->f_flags | O_NONBLOCK :
					     file->f_flags & ~O_NONBLOCK;
		break;
	default:
		if (cmd == FIONREAD && S_ISREG(file->f_inode->i_mode))
			ret = ioctl_fionread(file, arg);
		else if (file->f_op->unlocked_ioctl)
			ret = file->f_op->unlocked_ioctl(file, cmd, arg);
	}
	fput(file);
	return ret;
}
