/* SPDX-License-Identifier: MIT */
/*
 * The floor's beginning and end, and what it hands to the floors below.
 *
 * Called by boot (vfs_init), by tests and failed boots (vfs_exit). Calls everything in this folder
 * once.
 *
 *	caches -> types -> rootfs mounted on / -> cred, fs, files of the boot task -> devices ->
 *	/dev, /proc made and mounted
 *	       -> hooks: files as mappings see them (floor 5), fork/exec/exit of tasks (floor 4)
 *
 * J1  vfs_init either brings all of it up or nothing: vfs_exit undoes any prefix of it, in reverse.
 * J2  After vfs_exit no object of the floor is left in any cache; a cache that is not empty is a
 *     leak and is reported.
 * J3  A child task has fs, files and cred of its own, or a reference to its parent's, before
 *     anybody can see it; a failure later in fork takes them back.
 *
 * Units: none. Owner: vfs_root is boot memory. Locking: boot is single. Errors: -ENOMEM mostly.
 * Time: none of its own. Source: Linux init/main.c, fs/dcache.c vfs_caches_init, kernel/fork.c
 * copy_fs, copy_files, copy_creds (behaviour).
 */
#include "vfs/vfs.h"

#include "lib/string.h"
#include "mm/alloc/slab.h"
#include "mm/mm.h"
#include "mm/mman.h"
#include "sched/fork.h"
#include "vfs/console.h"
#include "vfs/cred.h"
#include "vfs/devices.h"
#include "vfs/fcntl.h"
#include "vfs/file.h"
#include "vfs/fs_struct.h"
#include "vfs/namei.h"
#include "vfs/procfs.h"
#include "vfs/ramfs.h"

#define RANDOM_STREAM 0x7266732d72616e64ull
#define DENTRY_UNUSED_MAX 65536u

/* --- files as mappings see them --- */

static struct file *mapping_get_file(struct file *file)
{
	return get_file(file);
}

static int mapping_may_map(struct file *file, u64 prot, u64 flags, u64 *vm_flags)
{
	u64 type = flags & MAP_TYPE;

	if (type == MAP_SHARED || type == MAP_SHARED_VALIDATE) {
		if ((prot & PROT_WRITE) && !(file->f_mode & FMODE_WRITE))
			return -EACCES;
		if (!(file->f_mode & FMODE_WRITE))
			*vm_flags &= ~(VM_MAYWRITE | VM_SHARED);
	}
	if (!(file->f_mode & FMODE_READ))
		return -EACCES;
	if (file->f_path.mnt->mnt_flags & MNT_NOEXEC) {
		if (prot & PROT_EXEC)
			return -EPERM;
		*vm_flags &= ~VM_MAYEXEC;
	}
	return file->f_op->mmap ? 0 : -ENODEV;
}

static int mapping_mmap(struct file *file, struct vm_area_struct *vma)
{
	return file->f_op->mmap(file, vma);
}

static void mapping_describe(struct file *file, char *buf, size_t size, u32 *major, u32 *minor,
			     u64 *ino)
{
	char *page = kmalloc(PATH_MAX, GFP_KERNEL);
	const char *name = page ? d_path(&file->f_path, page, PATH_MAX) : ERR_PTR(-ENOMEM);

	strscpy(buf, IS_ERR(name) ? "" : name, size);
	kfree(page);
	*major = MAJOR(file->f_inode->i_sb->s_dev);
	*minor = MINOR(file->f_inode->i_sb->s_dev);
	*ino = file->f_inode->i_ino;
}

static int mapping_deny_write(struct file *file)
{
	return deny_write_access(file->f_inode);
}

static void mapping_allow_write(struct file *file)
{
	allow_write_access(file->f_inode);
}

static const struct mm_file_ops vfs_mm_file_ops = {
	.get_file = mapping_get_file,
	.fput = fput,
	.may_map = mapping_may_map,
	.mmap = mapping_mmap,
	.describe = mapping_describe,
	.deny_write = mapping_deny_write,
	.allow_write = mapping_allow_write,
};

/* --- tasks --- */

static int fork_cred(u64 flags, struct task_struct *child)
{
	child->cred = NULL;
	if (!current->cred)
		return 0;
	if (flags & CLONE_THREAD) {
		child->cred = get_cred(current->cred);
		return 0;
	}
	child->cred = prepare_creds();
	return child->cred ? 0 : -ENOMEM;
}

static int fork_fs(u64 flags, struct task_struct *child)
{
	child->fs = NULL;
	if (!current->fs)
		return 0;
	if (flags & CLONE_FS) {
		child->fs = current->fs;
		child->fs->users++;
		return 0;
	}
	child->fs = copy_fs_struct(current->fs);
	return child->fs ? 0 : -ENOMEM;
}

static int fork_files(u64 flags, struct task_struct *child)
{
	struct files_struct *files = NULL;

	child->files = NULL;
	if (!current->files)
		return 0;
	if (flags & CLONE_FILES) {
		files = current->files;
		files->count++;
	} else {
		files = dup_fd(current->files);
		if (IS_ERR(files))
			return (int)PTR_ERR(files);
	}
	child->files = files;
	return 0;
}

static void vfs_drop(struct task_struct *t)
{
	struct files_struct *files = t->files;
	struct fs_struct *fs = t->fs;

	t->files = NULL;
	t->fs = NULL;
	put_files_struct(files);
	put_fs_struct(fs);
}

static void vfs_release(struct task_struct *t)
{
	put_cred(t->cred);
	t->cred = NULL;
}

static void vfs_unfork(struct task_struct *child)
{
	vfs_drop(child);
	vfs_release(child);
}

static int vfs_fork(const struct kernel_clone_args *args, struct task_struct *child)
{
	int err;

	child->files = NULL;
	child->fs = NULL;
	err = fork_cred(args->flags, child);
	if (!err)
		err = fork_fs(args->flags, child);
	if (!err)
		err = fork_files(args->flags, child);
	if (err)
		vfs_unfork(child);
	return err;
}

static void vfs_exec(struct task_struct *t)
{
	if (t->files)
		do_close_on_exec(t->files);
}

static const struct task_hooks vfs_task_hooks = {
	.name = "vfs",
	.fork = vfs_fork,
	.unfork = vfs_unfork,
	.exec = vfs_exec,
	.exit = vfs_drop,
	.release = vfs_release,
};

/* --- up and down --- */

static int make_caches(struct vfs_root *v)
{
	const struct {
		struct kmem_cache **cache;
		const char *name;
		u32 size, flags;
	} caches[] = {
		{ &v->dentry_cache, "dentry", sizeof(struct dentry), SLAB_RECLAIM_ACCOUNT },
		{ &v->inode_cache, "inode_cache", sizeof(struct inode), SLAB_RECLAIM_ACCOUNT },
		{ &v->file_cache, "filp", sizeof(struct file), SLAB_HWCACHE_ALIGN },
		{ &v->files_cache, "files_cache", sizeof(struct files_struct), 0 },
		{ &v->fs_cache, "fs_cache", sizeof(struct fs_struct), 0 },
		{ &v->cred_cache, "cred_jar", sizeof(struct cred), 0 },
		{ &v->mnt_cache, "mnt_cache", sizeof(struct vfsmount), 0 },
		{ &v->sb_cache, "super_block", sizeof(struct super_block), 0 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(caches); i++) {
		*caches[i].cache =
			kmem_cache_create(caches[i].name, caches[i].size, 0, caches[i].flags, NULL);
		if (!*caches[i].cache)
			return -ENOMEM;
	}
	return 0;
}

static const struct file_system_type *const *known_types(u32 *nr)
{
	static const struct file_system_type *const types[] = { &rootfs_fs_type, &ramfs_fs_type,
								&tmpfs_fs_type, &devtmpfs_fs_type };

	*nr = ARRAY_SIZE(types);
	return types;
}

/* Root's credentials, / and an empty table for the task that boots. */
static int boot_task(struct vfs_root *v)
{
	v->init_cred = kmem_cache_zalloc(v->cred_cache, GFP_KERNEL);
	if (!v->init_cred)
		return -ENOMEM;
	v->init_cred->usage = 1;
	v->init_cred->cap_permitted = v->init_cred->cap_effective = v->init_cred->cap_bset =
		CAP_FULL_SET;
	current->cred = get_cred(v->init_cred);
	return 0;
}

static int boot_files(void)
{
	current->fs = fs_alloc();
	if (!current->fs)
		return -ENOMEM;
	current->files = files_alloc();
	return current->files ? 0 : -ENOMEM;
}

static int mount_at(const char *type, const char *dir)
{
	int err = do_mkdirat(AT_FDCWD, dir, 0755);

	return err ? err : do_mount(type, dir, type, 0, NULL);
}

static int make_links(void)
{
	static const char *const links[][2] = {
		{ "/proc/self/fd", "/dev/fd" },
		{ "/proc/self/fd/0", "/dev/stdin" },
		{ "/proc/self/fd/1", "/dev/stdout" },
		{ "/proc/self/fd/2", "/dev/stderr" },
	};
	int err = 0;

	for (u32 i = 0; i < ARRAY_SIZE(links) && !err; i++)
		err = do_symlinkat(links[i][0], AT_FDCWD, links[i][1]);
	return err;
}

static int bring_up(struct kernel *k, struct vfs_root *v)
{
	const struct file_system_type *const *types;
	u32 nr;
	int err = make_caches(v);

	if (err)
		return err;
	types = known_types(&nr);
	for (u32 i = 0; i < nr && !err; i++)
		err = register_filesystem(types[i]);
	if (!err)
		err = boot_task(v);
	if (!err)
		err = vfs_mount(&rootfs_fs_type, "rootfs", NULL, 0, NULL);
	if (!err)
		err = boot_files();
	if (!err)
		err = mem_devices_init();
	if (!err)
		err = console_init();
	if (!err)
		err = proc_init();
	if (!err)
		err = mount_at("devtmpfs", "/dev");
	if (!err)
		err = mount_at("proc", "/proc");
	if (!err)
		err = devtmpfs_populate("/dev");
	if (!err)
		err = make_links();
	if (!err)
		err = register_task_hooks(k, &vfs_task_hooks);
	if (!err)
		register_mm_file_ops(k, &vfs_mm_file_ops);
	return err;
}

int vfs_init(struct kernel *k)
{
	struct vfs_root *v = boot_alloc(k, sizeof(*v));
	int err;

	if (!v)
		return -ENOMEM;
	k->vfs = v;
	v->dentry_hashtable = boot_alloc(k, VFS_DCACHE_BUCKETS * sizeof(*v->dentry_hashtable));
	if (!v->dentry_hashtable) {
		k->vfs = NULL;
		return -ENOMEM;
	}
	spin_lock_init(&v->dcache_lock);
	spin_lock_init(&v->mount_lock);
	INIT_LIST_HEAD(&v->dentry_lru);
	INIT_LIST_HEAD(&v->mounts);
	INIT_LIST_HEAD(&v->supers);
	INIT_LIST_HEAD(&v->blocked_locks);
	v->dentry_unused_max = DENTRY_UNUSED_MAX;
	prng_seed(&v->random, k->m->cfg.seed, RANDOM_STREAM);
	err = bring_up(k, v);
	if (err)
		vfs_exit(k);
	return err;
}

int vfs_exit(struct kernel *k)
{
	struct vfs_root *v = k->vfs;
	struct kmem_cache *caches[] = { v->sb_cache,	 v->mnt_cache,	v->fs_cache,
					v->files_cache,	 v->file_cache, v->inode_cache,
					v->dentry_cache, v->cred_cache };
	int err = 0;

	vfs_drop(current);
	while (!list_empty(&v->mounts) && !err) {
		struct vfsmount *m = list_last_entry(&v->mounts, struct vfsmount, mnt_list);

		err = m->mnt_count > 1 ? -EBUSY : 0;
		if (!err)
			detach_mount(m);
	}
	vfs_release(current);
	put_cred(v->init_cred);
	v->init_cred = NULL;
	proc_exit();
	for (u32 i = 0; i < ARRAY_SIZE(caches); i++)
		if (kmem_cache_destroy(caches[i]) && !err)
			err = -EBUSY; /* J2 */
	k->vfs = NULL;
	return err;
}
