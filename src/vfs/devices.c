/* SPDX-License-Identifier: MIT */
/*
 * Character devices by number, and the memory devices.
 *
 * Called by open of a character-special file (def_chr_fops.open), by boot (register_chrdev) and by
 * /proc/devices. Calls the registered operations, whatever floor they live on.
 *
 *	mknod /tmp/n c 1 3; cat < /tmp/n
 *	open: inode mode S_IFCHR, i_rdev 1:3, f_op def_chr_fops -> table -> f_op = null_fops ->
 *	null_fops.open, if any
 *
 * C1  A number is registered at most once and for ever; files keep pointing at its operations.
 * C2  random and urandom give bytes of one generator of the machine, seeded from the configuration:
 *     reading them is reproducible, and shifts no other consumer's numbers.
 *
 * Units: bytes. Owner: the table, boot memory. Locking: registration at boot only. Errors: -ENXIO
 * for a number nobody registered. Time: the copies. Source: Linux fs/char_dev.c,
 * drivers/char/mem.c, random.c (behaviour), null(4), random(4), full(4).
 */
#include "vfs/devices.h"

#include "lib/string.h"
#include "mm/mm_types.h"
#include "sched/sched.h"
#include "vfs/fcntl.h"
#include "vfs/namei.h"
#include "vfs/namei_internal.h"
#include "vfs/seq_buf.h"
#include "vfs/vfs.h"

#define MAX_CHRDEVS 64u

struct chrdev {
	u32 dev, mode;
	const char *name;
	const struct file_operations *fops;
	void *private_data;
};

int register_chrdev(u32 major, u32 minor, const char *name, u32 mode,
		    const struct file_operations *fops, void *private_data)
{
	struct vfs_root *v = vfs();
	u32 dev = MKDEV(major, minor);

	if (!v->chrdevs)
		v->chrdevs = boot_alloc(kern(), MAX_CHRDEVS * sizeof(*v->chrdevs));
	if (!v->chrdevs)
		return -ENOMEM;
	if (chrdev_fops(dev, NULL))
		return -EBUSY;
	if (v->nr_chrdevs == MAX_CHRDEVS)
		return -ENOSPC;
	v->chrdevs[v->nr_chrdevs++] = (struct chrdev){ .dev = dev,
						       .mode = S_IFCHR | mode,
						       .name = name,
						       .fops = fops,
						       .private_data = private_data };
	return 0;
}

static const struct chrdev *find_chrdev(u32 rdev)
{
	struct vfs_root *v = vfs();

	for (u32 i = 0; i < v->nr_chrdevs; i++)
		if (v->chrdevs[i].dev == rdev)
			return &v->chrdevs[i];
	return NULL;
}

const struct file_operations *chrdev_fops(u32 rdev, void **private_data)
{
	const struct chrdev *c = find_chrdev(rdev);

	if (c && private_data)
		*private_data = c->private_data;
	return c ? c->fops : NULL;
}

static int chrdev_open(struct inode *inode, struct file *file)
{
	const struct file_operations *fops = chrdev_fops(inode->i_rdev, &file->private_data);

	if (!fops)
		return -ENXIO;
	file->f_op = fops;
	return fops->open ? fops->open(inode, file) : 0;
}

const struct file_operations def_chr_fops = { .open = chrdev_open, .llseek = noop_llseek };

void show_devices(struct seq_buf *m)
{
	struct vfs_root *v = vfs();

	seq_puts(m, "Character devices:\n");
	for (u32 i = 0; i < v->nr_chrdevs; i++)
		seq_printf(m, "%3u %s\n", MAJOR(v->chrdevs[i].dev), v->chrdevs[i].name);
	seq_puts(m, "\nBlock devices:\n");
}

int devtmpfs_populate(const char *dir)
{
	struct vfs_root *v = vfs();
	int err = 0;

	for (u32 i = 0; i < v->nr_chrdevs && !err; i++) {
		char name[64];

		snprintf(name, sizeof(name), "%s/%s", dir, v->chrdevs[i].name);
		err = do_mknodat(AT_FDCWD, name, v->chrdevs[i].mode, v->chrdevs[i].dev);
		if (!err)
			err = do_fchmodat(AT_FDCWD, name,
					  v->chrdevs[i].mode); /* whatever the umask */
	}
	return err;
}

/* --- memory devices --- */

static s64 null_read(struct file *file, struct iov_iter *to, s64 *ppos)
{
	(void)file;
	(void)to;
	(void)ppos;
	return 0;
}

static s64 null_write(struct file *file, struct iov_iter *from, s64 *ppos)
{
	u64 n = iov_iter_count(from);

	(void)file;
	iov_iter_advance(from, n);
	*ppos += (s64)n;
	return (s64)n;
}

static s64 full_write(struct file *file, struct iov_iter *from, s64 *ppos)
{
	(void)file;
	(void)ppos;
	return iov_iter_count(from) ? -ENOSPC : 0;
}

static s64 zero_read(struct file *file, struct iov_iter *to, s64 *ppos)
{
	s64 done = 0;

	(void)file;
	while (iov_iter_count(to)) {
		u64 n = min((u64)PAGE_SIZE, iov_iter_count(to)), moved = iov_iter_zero(n, to);

		done += (s64)moved;
		*ppos += (s64)moved;
		if (moved < n)
			return done ? done : -EFAULT;
		if (current->sigpending)
			return done;
		cond_resched();
	}
	return done;
}

/* A private mapping of /dev/zero is anonymous memory: no vm_ops. Shared ones are absent. */
static int zero_mmap(struct file *file, struct vm_area_struct *vma)
{
	(void)file;
	return vma->vm_flags & VM_SHARED ? -ENODEV : 0;
}

void get_random_bytes(void *buf, u64 len)
{
	prng_bytes(&vfs()->random, buf, len);
}

static s64 random_read(struct file *file, struct iov_iter *to, s64 *ppos)
{
	u8 block[256];
	s64 done = 0;

	(void)file;
	while (iov_iter_count(to)) {
		u64 n = min((u64)sizeof(block), iov_iter_count(to)), moved;

		get_random_bytes(block, n);
		moved = copy_to_iter(block, n, to);
		done += (s64)moved;
		*ppos += (s64)moved;
		if (moved < n)
			return done ? done : -EFAULT;
		if (current->sigpending)
			return done;
	}
	return done;
}

/* A seek succeeds and leaves the position where it always is: at 0. */
static s64 null_llseek(struct file *file, s64 offset, int whence)
{
	(void)offset;
	(void)whence;
	return file->f_pos = 0;
}

static const struct file_operations null_fops = { .llseek = null_llseek,
						  .read_iter = null_read,
						  .write_iter = null_write };
static const struct file_operations zero_fops = {
	.llseek = null_llseek, .read_iter = zero_read, .write_iter = null_write, .mmap = zero_mmap
};
static const struct file_operations full_fops = { .llseek = null_llseek,
						  .read_iter = zero_read,
						  .write_iter = full_write };
/*
 * Writing would stir the pool; the stream must depend on the seed only, so the bytes are taken and
 * forgotten.
 */
static const struct file_operations random_fops = { .llseek = noop_llseek,
						    .read_iter = random_read,
						    .write_iter = null_write };

int mem_devices_init(void)
{
	static const struct {
		u32 minor;
		const char *name;
		const struct file_operations *fops;
	} devices[] = {
		{ 3, "null", &null_fops },	{ 5, "zero", &zero_fops },
		{ 7, "full", &full_fops },	{ 8, "random", &random_fops },
		{ 9, "urandom", &random_fops },
	};
	int err = 0;

	for (u32 i = 0; i < ARRAY_SIZE(devices) && !err; i++)
		err = register_chrdev(1, devices[i].minor, devices[i].name, 0666, devices[i].fops,
				      NULL);
	return err;
}
