/* SPDX-License-Identifier: MIT */
/*
 * Pipes and FIFOs: bytes through a ring of pages.
 *
 * Called by pipe2, by opens of FIFOs, and by reads, writes, poll and ioctl on both. Calls the page
 * allocator, wait queues, and hooks.send_sig for SIGPIPE.
 *
 * After write(fd, 5,000 bytes) and write(fd, "ab\n", 3), ring_size 16, mask 15:
 *
 *	tail 0                 head 2
 *	 |                      |
 *	[0: page A, 0..4096)   [1: page B, 0..907)  merged: the three bytes went behind the 904
 *
 *	read of 4,096: page A is done and kept as tmp_page for the next write; tail 1
 *
 *	readers 1, writers 1 --last writer closes--> reads drain the ring, then 0 (end of file)
 *	                     --last reader closes--> writes are -EPIPE and SIGPIPE
 *
 * B1  0 <= head - tail <= ring_size, ring_size a power of two; slots outside [tail, head) own no
 *     page.
 * B2  offset + len <= PAGE_SIZE and len > 0 for every slot in use while the mutex is free.
 * B3  A write of at most PIPE_BUF (4,096) bytes goes into the ring in one hold of the mutex: it
 *     fits in one page by itself, or it merges whole. So such writes never mix. Longer ones may.
 * B4  Sleepers on rd_wait and wr_wait are exclusive: one wake-up, one task. A reader that found the
 *     pipe empty is woken when it stops being empty, a writer when it stops being full; whoever
 *     leaves something for the next one passes the wake-up on.
 * B5  files counts the open files; at 0 the ring and its pages are gone. A FIFO's ring exists only
 *     while it is open.
 * B6  Opening a FIFO for reading waits for a writer and the reverse (not with O_NONBLOCK: a reader
 *     goes on, a writer gets -ENXIO); r_counter and w_counter show that somebody came even if he
 *     has left again.
 *
 * Units: bytes; slots for head, tail and ring_size. Owner: the inode's i_pipe, by files. Locking:
 * the pipe's mutex, held over copies that may fault pages in (outside mmap_lock, as in Linux).
 * Errors: -EPIPE, -EAGAIN, -ERESTARTSYS, -EFAULT, -ENOMEM, -EBUSY. Time: the copies, wake-ups.
 * Source: pipe(7), fifo(7), Linux fs/pipe.c (behaviour).
 */
#include "ipc/pipe.h"

#include "ipc/futex.h"

#include "kernel/trace/tracepoints.h"
#include "lib/bitmap.h"
#include "lib/string.h"
#include "mm/alloc/slab.h"
#include "mm/uaccess.h"
#include "sched/sched.h"
#include "vfs/cred.h"
#include "vfs/fcntl.h"
#include "vfs/file.h"
#include "vfs/fs.h"
#include "vfs/vfs.h"

#define SIGPIPE 13
#define PIPEFS_MAGIC 0x50495045ull

struct ipc_root {
	struct vfsmount *pipe_mnt;
	struct list_head futex[FUTEX_BUCKETS];
};

struct list_head *futex_buckets(void)
{
	return kern()->ipc->futex;
}

static const struct file_operations pipefifo_fops;

/* --- the ring --- */

static struct pipe_buffer *slot(struct pipe_inode_info *pipe, u32 i)
{
	return &pipe->bufs[i & (pipe->ring_size - 1)];
}

static struct pipe_inode_info *alloc_pipe_info(void)
{
	struct pipe_inode_info *pipe = kzalloc(sizeof(*pipe), GFP_KERNEL);

	if (!pipe)
		return NULL;
	pipe->bufs = kcalloc(PIPE_DEF_BUFFERS, sizeof(*pipe->bufs), GFP_KERNEL);
	if (!pipe->bufs) {
		kfree(pipe);
		return NULL;
	}
	pipe->ring_size = PIPE_DEF_BUFFERS;
	mutex_init(&pipe->mutex);
	init_waitqueue_head(&pipe->rd_wait);
	init_waitqueue_head(&pipe->wr_wait);
	return pipe;
}

static void free_pipe_info(struct pipe_inode_info *pipe)
{
	for (u32 i = pipe->tail; i != pipe->head; i++)
		put_page(slot(pipe, i)->page);
	if (pipe->tmp_page)
		put_page(pipe->tmp_page);
	kfree(pipe->bufs);
	kfree(pipe);
}

/* One file fewer; the last takes the ring along (B5). */
static void put_pipe_info(struct inode *inode, struct pipe_inode_info *pipe)
{
	BUG_ON(pipe->files == 0);
	if (--pipe->files)
		return;
	inode->i_pipe = NULL;
	free_pipe_info(pipe);
}

static bool is_empty(const struct pipe_inode_info *pipe)
{
	return pipe_empty(pipe->head, pipe->tail);
}

static bool is_full(const struct pipe_inode_info *pipe)
{
	return pipe_full(pipe->head, pipe->tail, pipe->ring_size);
}

static bool pipe_readable(const struct pipe_inode_info *pipe)
{
	return !is_empty(pipe) || !pipe->writers;
}

static bool pipe_writable(const struct pipe_inode_info *pipe)
{
	return !is_full(pipe) || !pipe->readers;
}

u64 pipe_bytes(struct pipe_inode_info *pipe)
{
	u64 n = 0;

	for (u32 i = pipe->tail; i != pipe->head; i++)
		n += slot(pipe, i)->len;
	return n;
}

static void wake_reader(struct pipe_inode_info *pipe)
{
	wake_up_interruptible_sync_poll(&pipe->rd_wait, POLLIN | POLLRDNORM);
}

static void wake_writer(struct pipe_inode_info *pipe)
{
	wake_up_interruptible_sync_poll(&pipe->wr_wait, POLLOUT | POLLWRNORM);
}

/* --- reading --- */

/* The page of a used-up slot: kept for the next write, or given back. */
static void release_slot(struct pipe_inode_info *pipe, struct pipe_buffer *buf)
{
	struct page *page = buf->page;

	buf->page = NULL;
	pipe->tail++;
	if (!pipe->tmp_page && page_ref_count(page) == 1)
		pipe->tmp_page = page;
	else
		put_page(page);
}

/* Move what the ring has into `to`; bytes, or -EFAULT when none moved. Mutex held. */
static s64 drain(struct pipe_inode_info *pipe, struct iov_iter *to)
{
	s64 done = 0;

	while (!is_empty(pipe) && iov_iter_count(to)) {
		struct pipe_buffer *buf = slot(pipe, pipe->tail);
		u64 n = min((u64)buf->len, iov_iter_count(to));
		u64 moved = copy_page_to_iter(buf->page, buf->offset, n, to);

		if (moved < n)
			return done ? done : -EFAULT; /* what was not read whole stays */
		done += (s64)moved;
		buf->offset += (u32)moved;
		buf->len -= (u32)moved;
		if (buf->flags & PIPE_BUF_FLAG_PACKET) {
			release_slot(pipe, buf); /* what did not fit of a packet is lost */
			break;
		}
		if (!buf->len)
			release_slot(pipe, buf);
	}
	return done;
}

static s64 pipe_read(struct file *file, struct iov_iter *to, s64 *ppos)
{
	struct pipe_inode_info *pipe = file->private_data;
	bool was_full, pass_on = false;
	s64 ret;

	(void)ppos;
	if (!iov_iter_count(to))
		return 0;
	mutex_lock(&pipe->mutex);
	for (;;) {
		was_full = is_full(pipe);
		ret = drain(pipe, to);
		if (ret || !pipe->writers)
			break;
		ret = -EAGAIN;
		if (file->f_flags & O_NONBLOCK)
			break;
		mutex_unlock(&pipe->mutex);
		if (wait_event_interruptible_exclusive(pipe->rd_wait, pipe_readable(pipe)))
			return -ERESTARTSYS;
		mutex_lock(&pipe->mutex);
		pass_on = true; /* B4: this wake-up was one for somebody */
	}
	if (is_empty(pipe))
		pass_on = false;
	mutex_unlock(&pipe->mutex);
	if (was_full && ret > 0)
		wake_writer(pipe);
	if (pass_on)
		wake_reader(pipe);
	if (ret > 0) {
		trace_pipe_read(file->f_inode->i_ino, (u64)ret);
		touch_atime(&file->f_path);
	}
	return ret;
}

/* --- writing --- */

static s64 broken_pipe(void)
{
	struct kernel *k = kern();

	if (k->hooks.send_sig)
		k->hooks.send_sig(SIGPIPE, current);
	return -EPIPE;
}

/*
 * Put the odd bytes of a write behind the last ones, if they fit whole. Bytes or -EFAULT; 0: no
 * room. Mutex held.
 */
static s64 merge(struct pipe_inode_info *pipe, struct iov_iter *from)
{
	u64 odd = iov_iter_count(from) % PAGE_SIZE, end, moved;
	struct pipe_buffer *buf;

	if (!odd || is_empty(pipe))
		return 0;
	buf = slot(pipe, pipe->head - 1);
	end = buf->offset + buf->len;
	if (!(buf->flags & PIPE_BUF_FLAG_CAN_MERGE) || end + odd > PAGE_SIZE)
		return 0;
	moved = copy_page_from_iter(buf->page, end, odd, from);
	if (moved < odd)
		return -EFAULT; /* B3: whole or not at all; the bytes behind len do not exist */
	buf->len += (u32)odd;
	return (s64)odd;
}

/* One new slot with the next bytes; there is room. Bytes or -errno. Mutex held. */
static s64 append_page(struct pipe_inode_info *pipe, struct iov_iter *from, u32 flags)
{
	struct page *page = pipe->tmp_page ? pipe->tmp_page : alloc_page(GFP_HIGHUSER);
	u64 n = min((u64)PAGE_SIZE, iov_iter_count(from)), moved;

	if (!page)
		return -ENOMEM;
	pipe->tmp_page = page;
	moved = copy_page_from_iter(page, 0, n, from);
	if (moved < n)
		return -EFAULT;
	pipe->tmp_page = NULL;
	*slot(pipe, pipe->head++) =
		(struct pipe_buffer){ .page = page, .len = (u32)n, .flags = flags };
	return (s64)n;
}

static s64 pipe_write(struct file *file, struct iov_iter *from, s64 *ppos)
{
	struct pipe_inode_info *pipe = file->private_data;
	u32 flags = file->f_flags & O_DIRECT ? PIPE_BUF_FLAG_PACKET : PIPE_BUF_FLAG_CAN_MERGE;
	bool was_empty, pass_on = false;
	s64 done = 0, ret;

	(void)ppos;
	if (!iov_iter_count(from))
		return 0;
	mutex_lock(&pipe->mutex);
	was_empty = is_empty(pipe);
	ret = pipe->readers && flags == PIPE_BUF_FLAG_CAN_MERGE ? merge(pipe, from) : 0;
	if (ret > 0)
		done = ret;
	while (ret >= 0 && iov_iter_count(from)) {
		if (!pipe->readers) {
			ret = broken_pipe();
			break;
		}
		if (!is_full(pipe)) {
			ret = append_page(pipe, from, flags);
			if (ret > 0)
				done += ret;
			continue;
		}
		ret = file->f_flags & O_NONBLOCK ? -EAGAIN : current->sigpending ? -ERESTARTSYS : 0;
		if (ret)
			break;
		mutex_unlock(&pipe->mutex);
		if (was_empty)
			wake_reader(pipe);
		ret = wait_event_interruptible_exclusive(pipe->wr_wait, pipe_writable(pipe));
		mutex_lock(&pipe->mutex);
		was_empty = is_empty(pipe);
		pass_on = true;
	}
	if (is_full(pipe))
		pass_on = false;
	mutex_unlock(&pipe->mutex);
	if (was_empty && done)
		wake_reader(pipe);
	if (pass_on)
		wake_writer(pipe);
	if (!done)
		return ret;
	trace_pipe_write(file->f_inode->i_ino, (u64)done);
	file_update_time(file);
	return done;
}

/* --- the rest of the file --- */

static u32 pipe_poll(struct file *file, poll_table *wait)
{
	struct pipe_inode_info *pipe = file->private_data;
	u32 mask = 0;

	if (file->f_mode & FMODE_READ)
		poll_wait(file, &pipe->rd_wait, wait);
	if (file->f_mode & FMODE_WRITE)
		poll_wait(file, &pipe->wr_wait, wait);
	if (file->f_mode & FMODE_READ) {
		if (!is_empty(pipe))
			mask |= POLLIN | POLLRDNORM;
		if (!pipe->writers && file->f_version != pipe->w_counter)
			mask |= POLLHUP;
	}
	if (file->f_mode & FMODE_WRITE) {
		if (!is_full(pipe))
			mask |= POLLOUT | POLLWRNORM;
		if (!pipe->readers)
			mask |= POLLERR;
	}
	return mask;
}

static s64 pipe_ioctl(struct file *file, u32 cmd, u64 arg)
{
	struct pipe_inode_info *pipe = file->private_data;
	u64 n;

	if (cmd != FIONREAD)
		return -ENOTTY;
	mutex_lock(&pipe->mutex);
	n = pipe_bytes(pipe);
	mutex_unlock(&pipe->mutex);
	return put_user_u32((u32)n, arg) ? -EFAULT : 0;
}

/* A ring of nr_slots with the same contents. Mutex held. */
static int resize_ring(struct pipe_inode_info *pipe, u32 nr_slots)
{
	u32 n = pipe_occupancy(pipe->head, pipe->tail);
	struct pipe_buffer *bufs;

	if (nr_slots < n)
		return -EBUSY;
	bufs = kcalloc(nr_slots, sizeof(*bufs), GFP_KERNEL);
	if (!bufs)
		return -ENOMEM;
	for (u32 i = 0; i < n; i++)
		bufs[i] = *slot(pipe, pipe->tail + i);
	kfree(pipe->bufs);
	pipe->bufs = bufs;
	pipe->tail = 0;
	pipe->head = n;
	pipe->ring_size = nr_slots;
	return 0;
}

static s64 set_pipe_size(struct pipe_inode_info *pipe, u64 bytes)
{
	u64 nr_slots;
	s64 ret;
	bool was_full;

	if (bytes > 1ull << 31)
		return -EINVAL;
	nr_slots = roundup_pow_of_two(max(DIV_ROUND_UP(bytes, (u64)PAGE_SIZE), (u64)1));
	if (nr_slots > PIPE_MAX_BUFFERS)
		/* above pipe-max-size; larger rings for CAP_SYS_RESOURCE are absent */
		return -EPERM;
	mutex_lock(&pipe->mutex);
	was_full = is_full(pipe);
	ret = resize_ring(pipe, (u32)nr_slots);
	mutex_unlock(&pipe->mutex);
	if (!ret && was_full)
		wake_writer(pipe);
	return ret ? ret : (s64)(nr_slots * PAGE_SIZE);
}

static s64 pipe_fcntl(struct file *file, u32 cmd, u64 arg)
{
	struct pipe_inode_info *pipe = file->private_data;

	if (cmd == F_GETPIPE_SZ)
		return (s64)pipe->ring_size * PAGE_SIZE;
	return cmd == F_SETPIPE_SZ ? set_pipe_size(pipe, arg) : -EINVAL;
}

static int pipe_release(struct inode *inode, struct file *file)
{
	struct pipe_inode_info *pipe = file->private_data;

	mutex_lock(&pipe->mutex);
	if (file->f_mode & FMODE_READ)
		pipe->readers--;
	if (file->f_mode & FMODE_WRITE)
		pipe->writers--;
	if (!pipe->readers != !pipe->writers) { /* one side is gone, the other must hear of it */
		wake_up_interruptible_all(&pipe->rd_wait);
		wake_up_interruptible_all(&pipe->wr_wait);
	}
	mutex_unlock(&pipe->mutex);
	put_pipe_info(inode, pipe);
	return 0;
}

/* --- opening a FIFO (B6) --- */

/* Wait until *counter changes. Mutex held, dropped meanwhile. */
static int wait_for_partner(struct pipe_inode_info *pipe, const u32 *counter)
{
	u32 seen = *counter;
	wait_queue_entry_t wait;

	while (seen == *counter) {
		if (current->sigpending)
			return -ERESTARTSYS;
		init_wait(&wait);
		prepare_to_wait(&pipe->rd_wait, &wait, TASK_INTERRUPTIBLE);
		mutex_unlock(&pipe->mutex);
		/* The state is set: a partner that came since wakes this task before it sleeps. */
		if (seen == *counter && !current->sigpending)
			schedule();
		finish_wait(&pipe->rd_wait, &wait);
		mutex_lock(&pipe->mutex);
	}
	return 0;
}

static int open_ends(struct pipe_inode_info *pipe, struct file *file)
{
	bool nonblock = file->f_flags & O_NONBLOCK;
	u32 mode = file->f_mode & (FMODE_READ | FMODE_WRITE);

	if (mode == FMODE_WRITE && nonblock && !pipe->readers)
		return -ENXIO;
	if (mode & FMODE_READ) {
		pipe->r_counter++;
		pipe->readers++;
	}
	if (mode & FMODE_WRITE) {
		pipe->w_counter++;
		pipe->writers++;
	}
	wake_up_interruptible_all(&pipe->rd_wait);
	if (mode == FMODE_READ && !pipe->writers) {
		if (!nonblock)
			return wait_for_partner(pipe, &pipe->w_counter);
		file->f_version = pipe->w_counter; /* no hang-up before a first writer came */
	} else if (mode == FMODE_WRITE && !pipe->readers) {
		return wait_for_partner(pipe, &pipe->r_counter);
	}
	return 0;
}

static void stream_file(struct file *file, struct pipe_inode_info *pipe)
{
	file->f_mode |= FMODE_STREAM;
	file->f_mode &= ~(FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE | FMODE_ATOMIC_POS);
	file->private_data = pipe;
	file->f_version = ~0ull;
}

static int fifo_open(struct inode *inode, struct file *file)
{
	struct pipe_inode_info *pipe = inode->i_pipe;
	int err;

	if (!(file->f_mode & (FMODE_READ | FMODE_WRITE)))
		return -EINVAL;
	if (!pipe) {
		pipe = alloc_pipe_info();
		if (!pipe)
			return -ENOMEM;
		if (inode->i_pipe) { /* another opener was faster while this one allocated */
			free_pipe_info(pipe);
			pipe = inode->i_pipe;
		}
		inode->i_pipe = pipe;
	}
	pipe->files++;
	stream_file(file, pipe);
	mutex_lock(&pipe->mutex);
	err = open_ends(pipe, file);
	mutex_unlock(&pipe->mutex);
	if (err == -ENXIO)
		put_pipe_info(inode, pipe);
	else if (err)
		pipe_release(inode, file);
	return err;
}

static const struct file_operations pipefifo_fops = {
	.open = fifo_open,
	.llseek = no_llseek,
	.read_iter = pipe_read,
	.write_iter = pipe_write,
	.poll = pipe_poll,
	.unlocked_ioctl = pipe_ioctl,
	.fcntl = pipe_fcntl,
	.release = pipe_release,
};

/* --- anonymous pipes --- */

static struct inode *get_pipe_inode(struct super_block *sb)
{
	struct pipe_inode_info *pipe = alloc_pipe_info();
	struct inode *inode = pipe ? new_inode(sb) : NULL;

	if (!inode) {
		if (pipe)
			free_pipe_info(pipe);
		return NULL;
	}
	inode_init_owner(inode, NULL, S_IFIFO | S_IRUSR | S_IWUSR);
	inode->i_fop = &pipefifo_fops;
	inode->i_pipe = pipe;
	pipe->files = pipe->readers = pipe->writers =
		1; /* the caller's, until the files have them */
	pipe->r_counter = pipe->w_counter = 1;
	return inode;
}

static struct file *pipe_end(const struct path *path, u32 flags, u32 mode)
{
	struct file *file = alloc_file(path, flags, &pipefifo_fops);

	if (!IS_ERR(file)) {
		file->f_mode = mode;
		stream_file(file, file->f_inode->i_pipe);
	}
	return file;
}

int create_pipe_files(struct file *res[2], u32 flags)
{
	struct path path = { .mnt = kern()->ipc->pipe_mnt };
	struct inode *inode;
	int err = -ENOMEM;

	if (flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
		return -EINVAL;
	inode = get_pipe_inode(path.mnt->mnt_sb);
	if (!inode)
		return -ENOMEM;
	path.dentry = d_alloc_pseudo(path.mnt->mnt_sb, "pipe", inode);
	if (!path.dentry) {
		put_pipe_info(inode, inode->i_pipe);
		iput(inode);
		return -ENOMEM;
	}
	res[0] = pipe_end(&path, O_RDONLY | (flags & O_NONBLOCK), FMODE_READ);
	if (IS_ERR(res[0])) {
		err = (int)PTR_ERR(res[0]);
		put_pipe_info(inode, inode->i_pipe);
		goto out;
	}
	inode->i_pipe->files++;
	res[1] = pipe_end(&path, O_WRONLY | (flags & (O_NONBLOCK | O_DIRECT)), FMODE_WRITE);
	if (IS_ERR(res[1])) {
		err = (int)PTR_ERR(res[1]);
		inode->i_pipe->files--;
		fput(res[0]);
		goto out;
	}
	err = 0;
out:
	dput(path.dentry); /* the files hold it */
	return err;
}

int do_pipe2(int fds[2], u32 flags)
{
	struct file *files[2];
	int err = create_pipe_files(files, flags);

	if (err)
		return err;
	fds[0] = get_unused_fd_flags(0, flags);
	err = fds[0];
	if (err >= 0) {
		fds[1] = get_unused_fd_flags(0, flags);
		err = fds[1];
		if (err < 0)
			put_unused_fd((u32)fds[0]);
	}
	if (err < 0) {
		fput(files[0]);
		fput(files[1]);
		return err;
	}
	fd_install((u32)fds[0], files[0]);
	fd_install((u32)fds[1], files[1]);
	return 0;
}

/* --- pipefs --- */

static struct super_block *pipefs_mount(const struct file_system_type *type, const char *dev_name,
					const char *options)
{
	struct super_block *sb = sget_anon(type);
	struct inode *root;

	(void)dev_name;
	(void)options;
	if (IS_ERR(sb))
		return sb;
	sb->s_magic = PIPEFS_MAGIC;
	root = new_inode(sb);
	if (root) {
		root->i_mode = S_IFDIR | 0600;
		root->i_nlink = 2;
	}
	sb->s_root = d_make_root(root);
	if (!sb->s_root) {
		deactivate_super(sb);
		return ERR_PTR(-ENOMEM);
	}
	return sb;
}

static const struct file_system_type pipe_fs_type = { .name = "pipefs",
						      .fs_flags = FS_NODEV,
						      .mount = pipefs_mount };

int ipc_init(struct kernel *k)
{
	struct ipc_root *root = k->ipc ? k->ipc : boot_alloc(k, sizeof(*root));
	struct vfsmount *mnt;
	int err;

	if (!root)
		return -ENOMEM;
	k->ipc = root;
	mnt = kern_mount(&pipe_fs_type);
	if (IS_ERR(mnt))
		return (int)PTR_ERR(mnt);
	err = register_filesystem(&pipe_fs_type);
	if (err) {
		mntput(mnt);
		return err;
	}
	root->pipe_mnt = mnt;
	vfs()->fifo_fops = &pipefifo_fops;
	return futex_init(k, root->futex);
}

void ipc_exit(struct kernel *k)
{
	mntput(k->ipc->pipe_mnt);
	k->ipc->pipe_mnt = NULL;
	vfs()->fifo_fops = NULL;
}
