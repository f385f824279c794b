/* SPDX-License-Identifier: MIT */
/*
 * System calls on open descriptors: read, write, seek, poll, dup, pipe, fcntl, mmap's file half.
 *
 * Called through the table; each fetches what user memory holds and calls its body in src/vfs or
 * src/ipc. They must not know how a file does its work.
 *
 *	poll(0x7ffe1000, 2, 1500)   two struct pollfd at the user address, 1,500 ms = 1,500,000,000 ns to ksys_poll
 *
 *	F1 a descriptor number that user space gave is used once: fget takes the reference,
 *	   everything after holds the file.
 *
 * Units:   milliseconds, timeval and timespec outside; ns inside.
 * Owner:   nothing outlives a call but what the descriptor table holds.
 * Locking: none here.
 * Errors:  the bodies' negative errno.
 * Time:    the bodies charge.
 * Source:  the man-pages of section 2; numbers from Linux's x86-64 ABI.
 */

#include "ipc/pipe.h"
#include "kernel/entry/syscall.h"
#include "kernel/signal/signal.h"
#include "kernel/time/ktime.h"
#include "lib/compiler.h"
#include "mm/uaccess.h"
#include "sched/sched.h"
#include "sched/task.h"
#include "vfs/fcntl.h"
#include "vfs/file.h"
#include "vfs/locks.h"
#include "vfs/namei.h"

SYSCALL_DEFINE3(read, u32, fd, u64, buf, u64, count)
{
	return ksys_read(fd, buf, count);
}

SYSCALL_DEFINE3(write, u32, fd, u64, buf, u64, count)
{
	return ksys_write(fd, buf, count);
}

SYSCALL_DEFINE4(pread64, u32, fd, u64, buf, u64, count, s64, pos)
{
	return ksys_pread64(fd, buf, count, pos);
}

SYSCALL_DEFINE4(pwrite64, u32, fd, u64, buf, u64, count, s64, pos)
{
	return ksys_pwrite64(fd, buf, count, pos);
}

SYSCALL_DEFINE3(readv, u32, fd, u64, iov, u64, n)
{
	return ksys_readv(fd, iov, n);
}

SYSCALL_DEFINE3(writev, u32, fd, u64, iov, u64, n)
{
	return ksys_writev(fd, iov, n);
}

SYSCALL_DEFINE1(close, u32, fd)
{
	return close_fd(fd);
}

SYSCALL_DEFINE3(lseek, u32, fd, s64, offset, u32, whence)
{
	return ksys_lseek(fd, offset, whence);
}

SYSCALL_DEFINE3(ioctl, u32, fd, u32, cmd, u64, arg)
{
	return ksys_ioctl(fd, cmd, arg);
}

SYSCALL_DEFINE3(fcntl, u32, fd, u32, cmd, u64, arg)
{
	return do_fcntl(fd, cmd, arg);
}

SYSCALL_DEFINE2(flock, u32, fd, u32, cmd)
{
	return ksys_flock(fd, cmd);
}

SYSCALL_DEFINE3(close_range, u32, first, u32, last, u32, flags)
{
	return ksys_close_range(first, last, flags);
}

SYSCALL_DEFINE1(dup, u32, fd)
{
	return ksys_dup(fd);
}

SYSCALL_DEFINE2(dup2, u32, oldfd, u32, newfd)
{
	return ksys_dup2(oldfd, newfd);
}

SYSCALL_DEFINE3(dup3, u32, oldfd, u32, newfd, u32, flags)
{
	return ksys_dup3(oldfd, newfd, flags);
}

/*
 * Publish a pair of descriptors to user memory; they are closed again when it can not be written.
 */
static long pipe_to_user(u64 ufds, u32 flags)
{
	int fds[2], ret = do_pipe2(fds, flags);

	if (ret)
		return ret;
	if (copy_to_user(ufds, fds, sizeof(fds))) {
		close_fd((u32)fds[0]);
		close_fd((u32)fds[1]);
		return -EFAULT;
	}
	return 0;
}

SYSCALL_DEFINE1(pipe, u64, ufds)
{
	return pipe_to_user(ufds, 0);
}

SYSCALL_DEFINE2(pipe2, u64, ufds, u32, flags)
{
	return pipe_to_user(ufds, flags);
}

SYSCALL_DEFINE4(sendfile, u32, out_fd, u32, in_fd, u64, offset, u64, count)
{
	return ksys_sendfile(out_fd, in_fd, offset, count);
}

SYSCALL_DEFINE1(fsync, u32, fd)
{
	return ksys_fsync(fd);
}

SYSCALL_DEFINE1(fdatasync, u32, fd)
{
	return ksys_fsync(fd);
}

SYSCALL_DEFINE0(sync)
{
	return 0; /* every file system is memory: there is nothing behind it to write to */
}

SYSCALL_DEFINE3(getdents64, u32, fd, u64, buf, u32, count)
{
	return ksys_getdents64(fd, buf, count);
}

SYSCALL_DEFINE2(ftruncate, u32, fd, s64, length)
{
	return do_sys_ftruncate(fd, length);
}

SYSCALL_DEFINE3(poll, u64, ufds, u32, nfds, int, timeout_ms)
{
	return ksys_poll(ufds, nfds, timeout_ms < 0 ? UINT64_MAX : (u64)timeout_ms * NSEC_PER_MSEC);
}

/*
 * A timespec or timeval (unit: ns per sub-second step) at a user address as ns; 0 means wait
 * forever.
 */
static int get_timeout(u64 uts, u64 unit_ns, u64 *ns)
{
	s64 ts[2];

	*ns = UINT64_MAX;
	if (!uts)
		return 0;
	if (copy_from_user(ts, uts, sizeof(ts)))
		return -EFAULT;
	if (ts[0] < 0 || ts[1] < 0 || (u64)ts[1] >= NSEC_PER_SEC / unit_ns)
		return -EINVAL;
	if ((u64)ts[0] < UINT64_MAX / NSEC_PER_SEC - 1)
		*ns = (u64)ts[0] * NSEC_PER_SEC + (u64)ts[1] * unit_ns;
	return 0;
}

/* What is left of a timeout is written back, as Linux does for select and ppoll. */
static void put_timeout(u64 uts, u64 unit_ns, u64 started, u64 timeout_ns)
{
	u64 used = ktime_get() - started, left = timeout_ns > used ? timeout_ns - used : 0;
	s64 ts[2] = { (s64)(left / NSEC_PER_SEC), (s64)(left % NSEC_PER_SEC / unit_ns) };

	/* A bad address changes nothing: the call itself succeeded. */
	if (uts && timeout_ns != UINT64_MAX && copy_to_user(uts, ts, sizeof(ts)))
		return;
}

/*
 * Swap the signal mask for the duration of a wait; arch_do_signal_or_restart puts the saved one
 * back.
 */
static int set_wait_mask(u64 umask, u64 size)
{
	u64 mask;

	if (!umask)
		return 0;
	if (size != sizeof(mask))
		return -EINVAL;
	if (get_user_u64(&mask, umask))
		return -EFAULT;
	current->saved_sigmask = current->blocked;
	current->restore_sigmask = true;
	set_current_blocked(mask);
	return 0;
}

static void end_wait_mask(long ret)
{
	if (!current->restore_sigmask || ret == -EINTR || ret == -ERESTARTNOHAND)
		return;
	current->restore_sigmask = false;
	set_current_blocked(current->saved_sigmask);
}

SYSCALL_DEFINE5(ppoll, u64, ufds, u32, nfds, u64, uts, u64, umask, u64, size)
{
	u64 timeout, started = ktime_get();
	long ret = get_timeout(uts, 1, &timeout);

	if (!ret)
		ret = set_wait_mask(umask, size);
	if (ret)
		return ret;
	ret = ksys_poll(ufds, nfds, timeout);
	end_wait_mask(ret);
	put_timeout(uts, 1, started, timeout);
	return ret;
}

SYSCALL_DEFINE5(select, int, n, u64, in, u64, out, u64, ex, u64, utv)
{
	u64 timeout, started = ktime_get();
	long ret = get_timeout(utv, 1000, &timeout);

	if (ret)
		return ret;
	ret = ksys_select(n, in, out, ex, timeout);
	put_timeout(utv, 1000, started, timeout);
	return ret;
}

SYSCALL_DEFINE6(pselect6, int, n, u64, in, u64, out, u64, ex, u64, uts, u64, usig)
{
	u64 timeout, sig[2] = { 0, 0 }, started = ktime_get();
	long ret = get_timeout(uts, 1, &timeout);

	if (ret)
		return ret;
	if (usig && copy_from_user(sig, usig, sizeof(sig)))
		return -EFAULT;
	ret = set_wait_mask(sig[0], sig[1]);
	if (ret)
		return ret;
	ret = ksys_select(n, in, out, ex, timeout);
	end_wait_mask(ret);
	put_timeout(uts, 1, started, timeout);
	return ret;
}
