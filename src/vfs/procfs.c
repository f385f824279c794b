/* SPDX-License-Identifier: MIT */
/*
 * procfs: the kernel's figures as files. The tree and the file operations; what the entries say is
 * vfs/proc_generic.c's, vfs/proc_pid.c's and the higher floors'.
 *
 * Called by the VFS through its operation tables, and at boot by everyone who registers an entry.
 * Calls show callbacks.
 *
 *	/proc
 *	 +- meminfo, stat, ...     proc_dir_entry, registered once; inode and dentry made at lookup, kept by the dentry cache
 *	 +- self                   a symlink whose text is current's tgid
 *	 +- 7/                     made when looked up, while task 7 lives; forgotten at the last dput
 *	     +- status, maps, ...  one per registered pid_entry
 *	     +- fd/0               a magic link: following it gives the file's own path
 *
 * G1  A text is made as a whole at the read at offset 0 and read piecewise afterwards, so one
 *     reader sees one moment.
 * G2  A process object names its task by pid and start time and holds no reference: the task may go
 *     while the directory is open, and reads then say -ESRCH.
 * G3  Inode numbers are stable: registered entries count from 0x10001, process entries are (pid +
 *     1) << 20 | place.
 * G4  readdir positions: registered entries first, in the order of registration; then processes,
 *     65,536 + pid.
 * G5  Names of processes and descriptors are never cached beyond their use (d_delete), so nothing
 *     stale is found.
 *
 * Units: bytes. Owner: registered entries are boot-time kmalloc, for ever. Locking: registration at
 * boot; the tasklist lock for pids. Errors: -ESRCH, -ENOENT, -EACCES. Time: none of its own.
 * Source: proc(5), Linux fs/proc (behaviour).
 */
#include "vfs/procfs.h"

#include "lib/string.h"
#include "mm/alloc/slab.h"
#include "sched/fork.h"
#include "vfs/cred.h"
#include "vfs/fcntl.h"
#include "vfs/file.h"
#include "vfs/vfs.h"

#define PROC_SUPER_MAGIC 0x9fa0ull
#define MAX_PID_ENTRIES 64u
#define FIRST_PID_POS 65536 /* readdir: /proc's registered entries come before */

struct proc_dir_entry {
	struct list_head siblings, subdir; /* by registration */
	struct proc_dir_entry *parent;
	char name[32];
	u32 mode, nlink;
	u64 ino;
	proc_show_fn *show;
	proc_write_fn *write;
	void *data;
	char *target;
};

struct proc_root {
	struct proc_dir_entry *root;
	const struct pid_entry *pid_entries[MAX_PID_ENTRIES];
	u32 nr_pid_entries;
	u64 next_ino;
};

enum proc_kind { PROC_ENTRY, PROC_PID_DIR, PROC_PID_ENTRY, PROC_FD_DIR, PROC_FD_LINK };

struct proc_inode {
	enum proc_kind kind;
	struct proc_dir_entry *de;
	s32 pid;
	u64 start_time; /* G2 */
	const struct pid_entry *e;
	u32 fd;
};

static struct proc_root *proc(void)
{
	return vfs()->proc;
}

static struct proc_inode *PROC_I(const struct inode *inode)
{
	return inode->i_private;
}

/* --- registration --- */

static struct proc_dir_entry *find_entry(struct proc_dir_entry *dir, const char *name, u32 len)
{
	struct proc_dir_entry *de;

	list_for_each_entry(de, &dir->subdir, siblings)
		if (strlen(de->name) == len && !memcmp(de->name, name, len))
			return de;
	return NULL;
}

static struct proc_dir_entry *alloc_entry(const char *name, struct proc_dir_entry *parent, u32 mode)
{
	struct proc_dir_entry *de;

	if (!parent)
		parent = proc()->root;
	if (parent && find_entry(parent, name, (u32)strlen(name)))
		return NULL;
	de = kzalloc(sizeof(*de), GFP_KERNEL);
	if (!de)
		return NULL;
	if (strscpy(de->name, name, sizeof(de->name)) < 0) {
		kfree(de);
		return NULL;
	}
	de->mode = mode;
	de->nlink = S_ISDIR(mode) ? 2 : 1;
	de->ino = parent ? 0x10000 + ++proc()->next_ino : 1;
	INIT_LIST_HEAD(&de->subdir);
	INIT_LIST_HEAD(&de->siblings);
	de->parent = parent;
	if (parent) {
		list_add_tail(&de->siblings, &parent->subdir);
		if (S_ISDIR(mode))
			parent->nlink++;
	}
	return de;
}

struct proc_dir_entry *proc_mkdir(const char *name, struct proc_dir_entry *parent)
{
	return alloc_entry(name, parent, S_IFDIR | 0555);
}

struct proc_dir_entry *proc_create_rw(const char *name, u32 mode, struct proc_dir_entry *parent,
				      proc_show_fn *show, proc_write_fn *write, void *data)
{
	struct proc_dir_entry *de = alloc_entry(name, parent, S_IFREG | (mode ? mode : 0444));

	if (de) {
		de->show = show;
		de->write = write;
		de->data = data;
	}
	return de;
}

struct proc_dir_entry *proc_create_single_data(const char *name, u32 mode,
					       struct proc_dir_entry *parent, proc_show_fn *show,
					       void *data)
{
	return proc_create_rw(name, mode, parent, show, NULL, data);
}

struct proc_dir_entry *proc_symlink(const char *name, struct proc_dir_entry *parent,
				    const char *target)
{
	struct proc_dir_entry *de = alloc_entry(name, parent, S_IFLNK | 0777);

	if (!de)
		return NULL;
	de->target = kstrdup(target, GFP_KERNEL);
	if (!de->target) {
		list_del(&de->siblings);
		kfree(de);
		return NULL;
	}
	return de;
}

int proc_register_pid_entry(const struct pid_entry *e)
{
	if (proc()->nr_pid_entries == MAX_PID_ENTRIES)
		return -ENOSPC;
	proc()->pid_entries[proc()->nr_pid_entries++] = e;
	return 0;
}

/* --- tasks behind inodes --- */

/* The task with a reference, NULL when it is gone. */
static struct task_struct *proc_task(const struct inode *inode)
{
	const struct proc_inode *pi = PROC_I(inode);
	struct task_struct *t = find_get_task_by_vpid(pi->pid);

	if (t && t->start_time != pi->start_time) {
		put_task_struct(t);
		return NULL;
	}
	return t;
}

static void own_by_task(struct inode *inode, const struct task_struct *t)
{
	inode->i_uid = t->cred ? t->cred->euid : 0;
	inode->i_gid = t->cred ? t->cred->egid : 0;
}

static int proc_revalidate(struct dentry *dentry)
{
	struct proc_inode *pi;
	struct task_struct *t;
	bool ok = true;

	if (d_is_negative(dentry))
		return 0;
	pi = PROC_I(dentry->d_inode);
	if (pi->kind == PROC_ENTRY)
		return 1;
	t = proc_task(dentry->d_inode);
	if (!t)
		return 0;
	own_by_task(dentry->d_inode, t);
	if (pi->kind == PROC_FD_LINK) {
		struct file *file = fget_task(t, pi->fd);

		ok = file != NULL;
		if (file)
			fput(file);
	}
	put_task_struct(t);
	return ok;
}

static bool proc_delete_dentry(const struct dentry *dentry)
{
	return d_is_negative(dentry) || PROC_I(dentry->d_inode)->kind != PROC_ENTRY; /* G5 */
}

static const struct dentry_operations proc_dentry_operations = { .d_revalidate = proc_revalidate,
								 .d_delete = proc_delete_dentry };

/* --- files --- */

struct proc_file {
	struct mutex lock;
	struct seq_buf text;
	bool made;
};

static int proc_open(struct inode *inode, struct file *file)
{
	struct proc_file *pf = kzalloc(sizeof(*pf), GFP_KERNEL);

	(void)inode;
	if (!pf)
		return -ENOMEM;
	mutex_init(&pf->lock);
	file->private_data = pf;
	return 0;
}

static int proc_release(struct inode *inode, struct file *file)
{
	struct proc_file *pf = file->private_data;

	(void)inode;
	seq_buf_free(&pf->text);
	kfree(pf);
	return 0;
}

static int proc_show(struct inode *inode, struct seq_buf *m)
{
	struct proc_inode *pi = PROC_I(inode);
	struct task_struct *t;
	int err;

	if (pi->kind == PROC_ENTRY)
		return pi->de->show ? pi->de->show(m, pi->de->data) : -EIO;
	t = proc_task(inode);
	if (!t)
		return -ESRCH;
	err = pi->e->show ? pi->e->show(m, t) : -EINVAL;
	put_task_struct(t);
	return err;
}

static s64 proc_read(struct file *file, struct iov_iter *to, s64 *ppos)
{
	struct proc_file *pf = file->private_data;
	s64 ret = 0;
	u64 n;

	mutex_lock(&pf->lock);
	if (*ppos == 0 || !pf->made) { /* G1 */
		seq_buf_free(&pf->text);
		ret = proc_show(file->f_inode, &pf->text);
		if (!ret)
			ret = pf->text.error;
		pf->made = !ret;
	}
	if (!ret && *ppos >= 0 && (u64)*ppos < pf->text.len) {
		n = min(pf->text.len - (u64)*ppos, iov_iter_count(to));
		ret = (s64)copy_to_iter(pf->text.buffer + *ppos, n, to);
		if (!ret && n)
			ret = -EFAULT;
		else
			*ppos += ret;
	}
	mutex_unlock(&pf->lock);
	return ret;
}

static s64 proc_write(struct file *file, struct iov_iter *from, s64 *ppos)
{
	struct proc_inode *pi = PROC_I(file->f_inode);
	u64 n = min(iov_iter_count(from), (u64)PAGE_SIZE - 1);
	struct task_struct *t = NULL;
	char *buf;
	s64 ret;

	if (pi->kind == PROC_ENTRY ? !pi->de->write : !pi->e->write)
		return -EIO;
	buf = kzalloc(n + 1, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	if (copy_from_iter(buf, n, from) < n)
		ret = -EFAULT;
	else if (pi->kind == PROC_ENTRY)
		ret = pi->de->write(buf, n, pi->de->data);
	else if (!(t = proc_task(file->f_inode)))
		ret = -ESRCH;
	else
		ret = pi->e->write(t, buf, n);
	if (t)
		put_task_struct(t);
	if (ret > 0)
		*ppos += ret;
	kfree(buf);
	return ret;
}

static const struct file_operations proc_file_operations = {
	.llseek = generic_file_llseek,
	.open = proc_open,
	.release = proc_release,
	.read_iter = proc_read,
	.write_iter = proc_write,
};

/* --- symlinks --- */

static int proc_get_link(struct dentry *dentry, struct path *out);

static int proc_readlink(struct dentry *dentry, char *buf, u32 size)
{
	struct proc_inode *pi = PROC_I(dentry->d_inode);
	char text[64];
	const char *s = text;
	struct path object;
	char *page;
	int n;

	if (pi->kind == PROC_ENTRY) {
		if (pi->de->target)
			s = pi->de->target;
		else
			scnprintf(text, sizeof(text), "%d", current->tgid);
		n = (int)min((u64)strlen(s), (u64)size);
		memcpy(buf, s, (u64)n);
		return n;
	}
	n = proc_get_link(dentry, &object);
	if (n)
		return n;
	page = kmalloc(PATH_MAX, GFP_KERNEL);
	n = -ENOMEM;
	if (page) {
		s = d_path(&object, page, PATH_MAX);
		n = IS_ERR(s) ? (int)PTR_ERR(s) : (int)min((u64)strlen(s), (u64)size);
		if (n > 0)
			memcpy(buf, s, (u64)n);
		kfree(page);
	}
	path_put(&object);
	return n;
}

static bool may_look_into(const struct task_struct *t)
{
	const struct cred *mine = current_cred(), *its = t->cred;

	return t == current || !its || capable(CAP_SYS_ADMIN) ||
	       (mine->fsuid == its->euid && mine->fsuid == its->suid && mine->fsuid == its->uid);
}

static int proc_get_link(struct dentry *dentry, struct path *out)
{
	struct proc_inode *pi = PROC_I(dentry->d_inode);
	struct task_struct *t = proc_task(dentry->d_inode);
	int err = -ENOENT;

	if (!t)
		return -ENOENT;
	if (!may_look_into(t)) {
		err = -EACCES;
	} else if (pi->kind == PROC_FD_LINK) {
		struct file *file = fget_task(t, pi->fd);

		if (file) {
			*out = file->f_path;
			path_get(out);
			fput(file);
			err = 0;
		}
	} else {
		err = pi->e->get_link(t, out);
	}
	put_task_struct(t);
	return err;
}

static const struct inode_operations proc_text_link_iops = { .readlink = proc_readlink };
static const struct inode_operations proc_magic_link_iops = { .readlink = proc_readlink,
							      .get_link = proc_get_link };
static const struct inode_operations proc_file_iops;

/* --- inodes --- */

static const struct inode_operations proc_dir_iops, proc_pid_dir_iops, proc_fd_dir_iops;
static const struct file_operations proc_dir_fops, proc_pid_dir_fops, proc_fd_dir_fops;

static struct inode *proc_new_inode(struct super_block *sb, const struct proc_inode *what, u32 mode,
				    u64 ino)
{
	struct proc_inode *pi = kmemdup(what, sizeof(*what), GFP_KERNEL);
	struct inode *inode = pi ? new_inode(sb) : NULL;

	if (!inode) {
		kfree(pi);
		return NULL;
	}
	inode->i_private = pi;
	inode->i_mode = mode;
	inode->i_ino = ino;
	inode->i_op = &proc_file_iops;
	inode->i_fop = &proc_file_operations;
	if (S_ISLNK(mode)) {
		inode->i_op = pi->kind == PROC_ENTRY ? &proc_text_link_iops : &proc_magic_link_iops;
		inode->i_fop = NULL;
		inode->i_size = pi->kind == PROC_ENTRY ? 0 : 64;
	} else if (S_ISDIR(mode)) {
		inode->i_nlink = 2;
		inode->i_op = pi->kind == PROC_ENTRY   ? &proc_dir_iops :
			      pi->kind == PROC_PID_DIR ? &proc_pid_dir_iops :
							 &proc_fd_dir_iops;
		inode->i_fop = pi->kind == PROC_ENTRY	? &proc_dir_fops :
			       pi->kind == PROC_PID_DIR ? &proc_pid_dir_fops :
							  &proc_fd_dir_fops;
	}
	return inode;
}

static struct dentry *proc_add(struct dentry *dentry, struct inode *inode)
{
	if (!inode)
		return ERR_PTR(-ENOMEM);
	d_add(dentry, inode);
	return NULL;
}

static u64 pid_ino(s32 pid, u32 place)
{
	return (u64)(pid + 1) << 20 | place; /* G3 */
}

/* A decimal number without leading zeros, or -1. */
static s64 name_to_int(const struct qstr *name)
{
	s64 n = 0;

	if (!name->len || name->len > 9 || (name->name[0] == '0' && name->len > 1))
		return -1;
	for (u32 i = 0; i < name->len; i++) {
		if (name->name[i] < '0' || name->name[i] > '9')
			return -1;
		n = n * 10 + (name->name[i] - '0');
	}
	return n;
}

static struct dentry *proc_lookup_pid(struct dentry *dentry, s32 pid)
{
	struct task_struct *t = find_get_task_by_vpid(pid);
	struct proc_inode what = { .kind = PROC_PID_DIR, .pid = pid };
	struct inode *inode;

	if (!t)
		return ERR_PTR(-ENOENT);
	what.start_time = t->start_time;
	inode = proc_new_inode(dentry->d_sb, &what, S_IFDIR | 0555, pid_ino(pid, 0));
	if (inode) {
		inode->i_nlink = 3;
		own_by_task(inode, t);
	}
	put_task_struct(t);
	return proc_add(dentry, inode);
}

static struct dentry *proc_lookup(struct inode *dir, struct dentry *dentry)
{
	struct proc_dir_entry *parent = PROC_I(dir)->de,
			      *de = find_entry(parent, dentry->d_name.name, dentry->d_name.len);
	struct proc_inode what = { .kind = PROC_ENTRY, .de = de };
	struct inode *inode;

	if (!de) {
		s64 pid = parent == proc()->root ? name_to_int(&dentry->d_name) : -1;

		return pid > 0 ? proc_lookup_pid(dentry, (s32)pid) : ERR_PTR(-ENOENT);
	}
	inode = proc_new_inode(dentry->d_sb, &what, de->mode, de->ino);
	if (inode)
		inode->i_nlink = de->nlink;
	return proc_add(dentry, inode);
}

static struct dentry *proc_pid_lookup(struct inode *dir, struct dentry *dentry)
{
	struct proc_inode what = *PROC_I(dir);
	struct task_struct *t = proc_task(dir);
	const struct qstr *name = &dentry->d_name;
	struct inode *inode = NULL;

	if (!t)
		return ERR_PTR(-ENOENT);
	if (name->len == 2 && !memcmp(name->name, "fd", 2)) {
		what.kind = PROC_FD_DIR;
		inode = proc_new_inode(dentry->d_sb, &what, S_IFDIR | 0500, pid_ino(what.pid, 1));
		goto found;
	}
	for (u32 i = 0; i < proc()->nr_pid_entries; i++) {
		const struct pid_entry *e = proc()->pid_entries[i];

		if (strlen(e->name) != name->len || memcmp(e->name, name->name, name->len))
			continue;
		what.kind = PROC_PID_ENTRY;
		what.e = e;
		inode = proc_new_inode(dentry->d_sb, &what, e->mode, pid_ino(what.pid, 2 + i));
		goto found;
	}
	put_task_struct(t);
	return ERR_PTR(-ENOENT);
found:
	if (inode)
		own_by_task(inode, t);
	put_task_struct(t);
	return proc_add(dentry, inode);
}

static struct dentry *proc_fd_lookup(struct inode *dir, struct dentry *dentry)
{
	struct proc_inode what = *PROC_I(dir);
	s64 fd = name_to_int(&dentry->d_name);
	struct task_struct *t = fd < 0 ? NULL : proc_task(dir);
	struct file *file = t ? fget_task(t, (u32)fd) : NULL;
	struct inode *inode = NULL;
	u32 mode = S_IFLNK;

	if (file) {
		what.kind = PROC_FD_LINK;
		what.fd = (u32)fd;
		mode |= file->f_mode & FMODE_READ ? 0500 : 0;
		mode |= file->f_mode & FMODE_WRITE ? 0300 : 0;
		inode = proc_new_inode(dentry->d_sb, &what, mode,
				       pid_ino(what.pid, 0x1000 + (u32)fd));
		if (inode)
			own_by_task(inode, t);
		fput(file);
	}
	if (t)
		put_task_struct(t);
	return file ? proc_add(dentry, inode) : ERR_PTR(-ENOENT);
}

static int proc_fd_permission(struct inode *inode, int mask)
{
	struct task_struct *t = proc_task(inode);
	bool own = t && t->tgid == current->tgid;

	if (t)
		put_task_struct(t);
	return own ? 0 : generic_permission(inode, mask);
}

/* --- directories --- */

static bool emit_dots(struct file *file, struct dir_context *ctx)
{
	if (ctx->pos == 0) {
		if (!dir_emit(ctx, ".", 1, file->f_inode->i_ino, DT_DIR))
			return false;
		ctx->pos = 1;
	}
	if (ctx->pos == 1) {
		if (!dir_emit(ctx, "..", 2, file->f_path.dentry->d_parent->d_inode->i_ino, DT_DIR))
			return false;
		ctx->pos = 2;
	}
	return true;
}

/* The live thread group with the smallest tgid >= *pid; its tgid into *pid. False: none. */
static bool next_tgid(s32 *pid)
{
	u64 flags = tasklist_lock();
	struct task_struct *p;
	s32 best = 0;

	for_each_process(p)
		if (p->tgid >= *pid && (!best || p->tgid < best))
			best = p->tgid;
	tasklist_unlock(flags);
	*pid = best;
	return best != 0;
}

static int proc_readdir(struct file *file, struct dir_context *ctx)
{
	struct proc_dir_entry *dir = PROC_I(file->f_inode)->de, *de;
	s64 pos = 2;

	if (!emit_dots(file, ctx))
		return 0;
	list_for_each_entry(de, &dir->subdir, siblings) {
		if (pos++ < ctx->pos)
			continue;
		if (!dir_emit(ctx, de->name, (u32)strlen(de->name), de->ino,
			      mode_to_dtype(de->mode)))
			return 0;
		ctx->pos++;
	}
	if (dir != proc()->root)
		return 0;
	if (ctx->pos < FIRST_PID_POS)
		ctx->pos = FIRST_PID_POS;
	for (s32 pid = (s32)(ctx->pos - FIRST_PID_POS); next_tgid(&pid); pid++) {
		char name[16];
		int n = scnprintf(name, sizeof(name), "%d", pid);

		ctx->pos = FIRST_PID_POS + pid; /* G4 */
		if (!dir_emit(ctx, name, (u32)n, pid_ino(pid, 0), DT_DIR))
			return 0;
		ctx->pos++;
	}
	return 0;
}

static int proc_pid_readdir(struct file *file, struct dir_context *ctx)
{
	s32 pid = PROC_I(file->f_inode)->pid;
	struct task_struct *t = proc_task(file->f_inode);

	if (!t)
		return -ENOENT;
	put_task_struct(t);
	if (!emit_dots(file, ctx))
		return 0;
	if (ctx->pos == 2) {
		if (!dir_emit(ctx, "fd", 2, pid_ino(pid, 1), DT_DIR))
			return 0;
		ctx->pos = 3;
	}
	while ((u64)ctx->pos - 3 < proc()->nr_pid_entries) {
		u32 i = (u32)(ctx->pos - 3);
		const struct pid_entry *e = proc()->pid_entries[i];

		if (!dir_emit(ctx, e->name, (u32)strlen(e->name), pid_ino(pid, 2 + i),
			      mode_to_dtype(e->mode)))
			return 0;
		ctx->pos++;
	}
	return 0;
}

static int proc_fd_readdir(struct file *file, struct dir_context *ctx)
{
	s32 pid = PROC_I(file->f_inode)->pid;
	struct task_struct *t = proc_task(file->f_inode);
	u32 fd, f_flags;

	if (!t)
		return -ENOENT;
	if (emit_dots(file, ctx)) {
		for (fd = (u32)(ctx->pos - 2); next_fd_of_task(t, &fd, &f_flags); fd++) {
			char name[16];
			int n = scnprintf(name, sizeof(name), "%u", fd);

			ctx->pos = (s64)fd + 2;
			if (!dir_emit(ctx, name, (u32)n, pid_ino(pid, 0x1000 + fd), DT_LNK))
				break;
			ctx->pos++;
		}
	}
	put_task_struct(t);
	return 0;
}

/* Linux refuses writes to attributes of most entries; mode and owner stay as the entry says. */
static int proc_setattr(struct dentry *dentry, const struct iattr *attr)
{
	if (attr->ia_valid & (ATTR_MODE | ATTR_UID | ATTR_GID))
		return -EPERM;
	(void)dentry;
	return 0; /* O_TRUNC of a writable entry: nothing to cut */
}

static const struct inode_operations proc_file_iops = { .setattr = proc_setattr };
static const struct inode_operations proc_dir_iops = { .lookup = proc_lookup,
						       .setattr = proc_setattr };
static const struct inode_operations proc_pid_dir_iops = { .lookup = proc_pid_lookup,
							   .setattr = proc_setattr };
static const struct inode_operations proc_fd_dir_iops = { .lookup = proc_fd_lookup,
							  .setattr = proc_setattr,
							  .permission = proc_fd_permission };
static const struct file_operations proc_dir_fops = { .llseek = generic_file_llseek,
						      .iterate_shared = proc_readdir };
static const struct file_operations proc_pid_dir_fops = { .llseek = generic_file_llseek,
							  .iterate_shared = proc_pid_readdir };
static const struct file_operations proc_fd_dir_fops = { .llseek = generic_file_llseek,
							 .iterate_shared = proc_fd_readdir };

/* --- the file system --- */

static void proc_evict_inode(struct inode *inode)
{
	kfree(inode->i_private);
	inode->i_private = NULL;
}

static int proc_statfs(struct dentry *dentry, struct kstatfs *buf)
{
	*buf = (struct kstatfs){ .f_type = PROC_SUPER_MAGIC,
				 .f_bsize = PAGE_SIZE,
				 .f_frsize = PAGE_SIZE,
				 .f_namelen = NAME_MAX,
				 .f_fsid = { (s32)dentry->d_sb->s_dev, 0 } };
	return 0;
}

static const struct super_operations proc_super_operations = { .evict_inode = proc_evict_inode,
							       .statfs = proc_statfs };

static struct super_block *proc_mount(const struct file_system_type *type, const char *dev_name,
				      const char *options)
{
	struct proc_inode what = { .kind = PROC_ENTRY, .de = proc()->root };
	struct super_block *sb = sget_anon(type);
	struct inode *inode;

	(void)dev_name;
	(void)options;
	if (IS_ERR(sb))
		return sb;
	sb->s_op = &proc_super_operations;
	sb->s_d_op = &proc_dentry_operations;
	sb->s_magic = PROC_SUPER_MAGIC;
	sb->s_blocksize = 1024;
	inode = proc_new_inode(sb, &what, S_IFDIR | 0555, 1);
	sb->s_root = d_make_root(inode);
	if (!sb->s_root) {
		deactivate_super(sb);
		return ERR_PTR(-ENOMEM);
	}
	return sb;
}

static const struct file_system_type proc_fs_type = { .name = "proc",
						      .fs_flags = FS_NODEV,
						      .mount = proc_mount };

int proc_init(void)
{
	struct proc_root *p = boot_alloc(kern(), sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	vfs()->proc = p;
	p->root = alloc_entry("/", NULL, S_IFDIR | 0555);
	if (!p->root)
		return -ENOMEM;
	if (!alloc_entry(
		    "self", NULL,
		    S_IFLNK |
			    0777)) /* the link without a target: its text is made when it is read */
		return -ENOMEM;
	err = register_filesystem(&proc_fs_type);
	if (!err)
		err = proc_generic_init();
	if (!err)
		err = proc_pid_init();
	return err;
}

void proc_exit(void)
{
	struct proc_dir_entry *de = proc() ? proc()->root : NULL;

	while (de) {
		struct proc_dir_entry *parent = de->parent;

		if (!list_empty(&de->subdir)) {
			de = list_first_entry(&de->subdir, struct proc_dir_entry, siblings);
			continue;
		}
		list_del(&de->siblings);
		kfree(de->target);
		kfree(de);
		de = parent;
	}
	vfs()->proc = NULL;
}
