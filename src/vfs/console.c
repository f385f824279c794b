/* SPDX-License-Identifier: MIT */
/*
 * The console: the machine's standard input, output and error.
 *
 * Called by reads and writes of /dev/console, /dev/tty, /dev/console2, by printk (floor 8), and by
 * the embedder for input. Calls hooks.console_sink and the trace.
 *
 *	embedder: console_input("ls\n", 3)            task 5: read(0, buf, 4096)
 *	    ring  [l s \n]  head 3, tail 0    -------->  3 bytes; the ring is empty
 *	                                                 read again: sleeps on `wait`
 *	embedder: console_input_close()       -------->  0: end of file, now and always
 *
 *	task 5: write(1, "a\n", 2) -> line 0 -> trace record (line, length, hash), then
 *	console_sink(line 0, "a\n", 2)
 *
 * K1  0 <= head - tail <= CONSOLE_RING_BYTES; byte i of the input stands at i mod
 *     CONSOLE_RING_BYTES.
 * K2  Every byte written is recorded in the trace before it reaches the sink, in the order of the
 *     writes, at most a page a record.
 * K3  Input is taken in whole reads, byte by byte in order: there is no line discipline, no echo
 *     and no job control here. Without terminal mode the tty ioctls are -ENOTTY, so programs take
 *     it for a pipe, as under `cmd | cat`.
 * K4  A task asleep in read, poll or select of the console stands on `wait` while nothing is to be
 *     read: the embedder's test for a machine that waits for it.
 *
 * Units: bytes. Owner: boot memory. Locking: the ring changes between two charges; sleepers use the
 * wait queue. Errors: -EAGAIN, -ERESTARTSYS, -EFAULT, -ENOTTY. Time: COST_CONSOLE_BYTE a byte
 * written. Source: console(4), tty_ioctl(4).
 */
#include "vfs/console.h"

#include "hw/cpu.h"
#include "kernel/trace/tracepoints.h"
#include "lib/string.h"
#include "mm/alloc/slab.h"
#include "mm/uaccess.h"
#include "sched/fork.h"
#include "sched/sched.h"
#include "vfs/devices.h"
#include "vfs/fcntl.h"
#include "vfs/fs.h"
#include "vfs/vfs.h"

#define TERMIOS_BYTES 36u /* x86-64 struct termios of the kernel: 4 flag words, c_line, c_cc[19] */

struct winsize {
	u16 ws_row, ws_col, ws_xpixel, ws_ypixel;
};

struct console {
	wait_queue_head_t wait;
	u64 head, tail; /* bytes ever put in and taken out */
	bool closed, terminal;
	struct winsize winsize;
	u8 termios[TERMIOS_BYTES];
	s32 pgrp;
	u8 ring[CONSOLE_RING_BYTES];
};

static struct console *console(void)
{
	return vfs()->console;
}

static bool readable(const struct console *c)
{
	return c->head != c->tail || c->closed;
}

/* --- the embedder's side --- */

static void wake_readers(struct kernel *k)
{
	/* Waking needs a CPU: from the embedder's stack this is called inside machine_call. */
	wake_up_interruptible_poll(&k->vfs->console->wait, POLLIN | POLLRDNORM);
}

u64 console_input(struct kernel *k, const void *bytes, u64 n)
{
	struct console *c = k->vfs->console;
	u64 room = CONSOLE_RING_BYTES - (c->head - c->tail);

	n = c->closed ? 0 : min(n, room);
	for (u64 i = 0; i < n; i++)
		c->ring[(c->head + i) % CONSOLE_RING_BYTES] = ((const u8 *)bytes)[i];
	c->head += n;
	if (n)
		wake_readers(k);
	return n;
}

void console_input_close(struct kernel *k)
{
	k->vfs->console->closed = true;
	wake_readers(k);
}

bool console_has_waiting_reader(struct kernel *k)
{
	const struct console *c = k->vfs ? k->vfs->console : NULL;

	return c && !readable(c) && waitqueue_active(&c->wait); /* K4 */
}

u64 console_input_pending(struct kernel *k)
{
	return k->vfs->console->head - k->vfs->console->tail;
}

void console_set_terminal(struct kernel *k, bool terminal, u16 rows, u16 cols)
{
	k->vfs->console->terminal = terminal;
	k->vfs->console->winsize = (struct winsize){ .ws_row = rows, .ws_col = cols };
}

/* --- output --- */

void console_write_line(int line, const void *buf, u64 len)
{
	struct kernel *k = kern();

	trace_console((u32)line, (u32)len, trace_hash(buf, len)); /* K2 */
	if (k->hooks.console_sink)
		k->hooks.console_sink(k->hooks.console_arg, line, buf, len);
	charge_n(COST_CONSOLE_BYTE, len);
}

static s64 console_write(struct file *file, struct iov_iter *from, s64 *ppos)
{
	int line = (int)(intptr_t)file->private_data;
	u8 *buf = kmalloc(PAGE_SIZE, GFP_KERNEL);
	s64 done = 0;

	(void)ppos;
	if (!buf)
		return -ENOMEM;
	while (iov_iter_count(from)) {
		u64 n = min((u64)PAGE_SIZE, iov_iter_count(from)),
		    moved = copy_from_iter(buf, n, from);

		if (moved)
			console_write_line(line, buf, moved);
		done += (s64)moved;
		if (moved < n) {
			done = done ? done : -EFAULT;
			break;
		}
	}
	kfree(buf);
	return done;
}

/* --- input --- */

static s64 console_read(struct file *file, struct iov_iter *to, s64 *ppos)
{
	struct console *c = console();
	s64 done = 0;

	(void)ppos;
	if (!iov_iter_count(to))
		return 0;
	while (!readable(c)) {
		int err;

		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(c->wait, readable(c));
		if (err)
			return err;
	}
	while (iov_iter_count(to) && c->head != c->tail) {
		u64 at = c->tail % CONSOLE_RING_BYTES;
		u64 n = min(min(c->head - c->tail, CONSOLE_RING_BYTES - at), iov_iter_count(to)),
		    moved;
		u8 block[512];

		n = min(n, (u64)sizeof(block));
		/* Taken out before the copy may sleep, so that two readers share no byte. */
		memcpy(block, c->ring + at, n);
		c->tail += n;
		moved = copy_to_iter(block, n, to);
		done += (s64)moved;
		if (moved < n)
			return done ? done : -EFAULT;
	}
	return done;
}

static u32 console_poll(struct file *file, poll_table *wait)
{
	struct console *c = console();

	poll_wait(file, &c->wait, wait);
	return POLLOUT | POLLWRNORM | (readable(c) ? POLLIN | POLLRDNORM : 0) |
	       (c->closed && c->head == c->tail ? POLLHUP : 0);
}

static s64 copy_out(u64 arg, const void *p, u64 n)
{
	return copy_to_user(arg, p, n) ? -EFAULT : 0;
}

static s64 console_ioctl(struct file *file, u32 cmd, u64 arg)
{
	struct console *c = console();
	u32 pending = (u32)(c->head - c->tail);

	(void)file;
	if (cmd == FIONREAD)
		return copy_out(arg, &pending, 4);
	if (!c->terminal)
		return -ENOTTY; /* K3 */
	switch (cmd) {
	case TCGETS:
		return copy_out(arg, c->termios, TERMIOS_BYTES);
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		if (cmd == TCSETSF)
			c->tail = c->head;
		return copy_from_user(c->termios, arg, TERMIOS_BYTES) ? -EFAULT : 0;
	case TIOCGWINSZ:
		return copy_out(arg, &c->winsize, sizeof(c->winsize));
	case TIOCSWINSZ:
		return copy_from_user(&c->winsize, arg, sizeof(c->winsize)) ? -EFAULT : 0;
	case TIOCGPGRP:
		if (!c->pgrp)
			c->pgrp = current->pgid;
		return copy_out(arg, &c->pgrp, 4);
	case TIOCSPGRP:
		return copy_from_user(&c->pgrp, arg, 4) ? -EFAULT : 0;
	}
	return -ENOTTY;
}

static int console_open(struct inode *inode, struct file *file)
{
	(void)inode;
	file->f_mode |= FMODE_STREAM;
	file->f_mode &= ~(FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE | FMODE_ATOMIC_POS);
	return 0;
}

static const struct file_operations console_fops = {
	.open = console_open,
	.llseek = no_llseek,
	.read_iter = console_read,
	.write_iter = console_write,
	.poll = console_poll,
	.unlocked_ioctl = console_ioctl,
};

/*
 * Sane defaults as a terminal has them after reset: ICRNL|IXON, OPOST|ONLCR, 38400 8N1 CREAD,
 * ISIG|ICANON|ECHO|ECHOE|ECHOK|IEXTEN.
 */
static void default_termios(u8 *t)
{
	static const u32 words[4] = { 0x500, 0x5, 0xbf, 0x8a3b };
	static const u8 cc[19] = { 3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22 };

	memcpy(t, words, sizeof(words));
	memcpy(t + 17, cc, sizeof(cc));
}

int console_init(void)
{
	struct console *c = boot_alloc(kern(), sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	vfs()->console = c;
	init_waitqueue_head(&c->wait);
	default_termios(c->termios);
	err = register_chrdev(5, 0, "tty", 0666, &console_fops, NULL);
	if (!err)
		err = register_chrdev(5, 1, "console", 0600, &console_fops, NULL);
	if (!err)
		err = register_chrdev(5, 65, "console2", 0600, &console_fops, (void *)(intptr_t)1);
	return err;
}
