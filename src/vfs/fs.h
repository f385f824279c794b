/* SPDX-License-Identifier: MIT */
#ifndef VFS_FS_H
#define VFS_FS_H

/*
 * The nouns of the file system floor: file_system_type, super_block, inode, address_space,
 * vfsmount, path, file, and the operation tables that file systems and devices fill.
 *
 * Protection: [I] immutable, [i] i_rwsem, [l] i_lock, [m] vfs_root.mount_lock, [f] f_pos_lock.
 * Counts (i_count, f_count, mnt_count) are plain integers: they change between two charges, so no
 * other CPU can be inside.
 */

#include "kernel/locking/mutex.h"
#include "kernel/locking/rwsem.h"
#include "kernel/percpu/spinlock.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "lib/list.h"
#include "lib/types.h"
#include "lib/xarray.h"
#include "vfs/dcache.h"
#include "vfs/iov_iter.h"
#include "vfs/poll.h"
#include "vfs/stat.h"

struct page;
struct cred;
struct vm_area_struct;
struct task_struct;
struct pipe_inode_info;
struct seq_buf;
struct file;
struct inode;
struct iattr;

#define MAX_LFS_FILESIZE ((s64)0x7fffffffffffffffll)

/* permission() masks */
#define MAY_EXEC 0x1
#define MAY_WRITE 0x2
#define MAY_READ 0x4
#define MAY_APPEND 0x8
#define MAY_ACCESS 0x10
#define MAY_OPEN 0x20

/* file->f_mode */
#define FMODE_READ 0x1u
#define FMODE_WRITE 0x2u
#define FMODE_LSEEK 0x4u
#define FMODE_PREAD 0x8u
#define FMODE_PWRITE 0x10u
#define FMODE_EXEC 0x20u
#define FMODE_ATOMIC_POS 0x8000u /* read, write and lseek serialise on f_pos */
#define FMODE_PATH 0x4000u	 /* O_PATH: names an object, no I/O */
#define FMODE_STREAM 0x200000u	 /* no position at all (pipes, ttys) */

/* --- address_space: a file's pages --- */

struct address_space {
	struct inode *host;    /* [I] */
	struct xarray i_pages; /* index -> page, one reference each [i_pages_lock] */
	spinlock_t i_pages_lock;
	u64 nrpages;
	u64 nr_mmaps; /* calls of mmap it ever had: 0 says that no page table can show it */
};
/* The page at index with a new reference, or NULL. */
struct page *find_get_page(struct address_space *mapping, u64 index);
/* The same, adding a zeroed page when absent. ERR_PTR(-ENOMEM). May sleep. */
struct page *find_or_create_page(struct address_space *mapping, u64 index);
/*
 * Take the pages from byte hole_begin on (whole pages) out of every page table that maps them,
 * private copies too: the next access asks the file again. For truncation; i_rwsem held, i_size
 * already lowered; takes the mmap_lock of other address spaces. May sleep.
 */
void unmap_mapping_range(struct address_space *mapping, u64 hole_begin);
#define RLIMIT_FSIZE 1
#define SIGXFSZ 25
/* A write or truncation goes past RLIMIT_FSIZE: SIGXFSZ to current, -EFBIG for the call. */
int file_too_big(void);
/* Take every page at index >= start out. Bytes of a kept last page are the caller's to zero. */
void truncate_inode_pages(struct address_space *mapping, u64 start_index);

/* --- inodes --- */

struct inode_operations {
	/*
	 * Fill dentry (d_add) or return another one; ERR_PTR on errors. Directory's i_rwsem held.
	 */
	struct dentry *(*lookup)(struct inode *dir, struct dentry *dentry);
	int (*create)(struct inode *dir, struct dentry *dentry, u32 mode);
	int (*link)(struct dentry *old, struct inode *dir, struct dentry *dentry);
	int (*unlink)(struct inode *dir, struct dentry *dentry);
	int (*symlink)(struct inode *dir, struct dentry *dentry, const char *target);
	int (*mkdir)(struct inode *dir, struct dentry *dentry, u32 mode);
	int (*rmdir)(struct inode *dir, struct dentry *dentry);
	int (*mknod)(struct inode *dir, struct dentry *dentry, u32 mode, u32 rdev);
	int (*rename)(struct inode *old_dir, struct dentry *old, struct inode *new_dir,
		      struct dentry *new_dentry, u32 flags);
	/* Text of a symlink into buf (size bytes, no NUL): its length or -errno. */
	int (*readlink)(struct dentry *dentry, char *buf, u32 size);
	/*
	 * "Magic" links (/proc/PID/fd/N, exe, cwd): the object itself, with references. NULL:
	 * follow the text.
	 */
	int (*get_link)(struct dentry *dentry, struct path *out);
	int (*permission)(struct inode *inode, int mask);
	int (*setattr)(struct dentry *dentry, const struct iattr *attr);
	void (*getattr)(const struct path *path, struct kstat *stat);
};

#define S_DEAD 0x10u /* a removed directory: nothing can be made in it */

struct inode {
	u32 i_mode;					      /* type and permission bits [i] */
	u32 i_uid, i_gid;				      /* [i] */
	u32 i_nlink;					      /* [i] */
	u64 i_ino;					      /* [I] */
	u32 i_rdev;					      /* [I] */
	u32 i_count;					      /* references */
	u32 i_flags;					      /* S_* below [i] */
	s64 i_size;					      /* bytes [i] */
	u64 i_blocks;					      /* 512-byte units [l] */
	struct timespec64 i_atime, i_mtime, i_ctime, i_btime; /* [i] */
	const struct inode_operations *i_op;		      /* [I] */
	const struct file_operations *i_fop;		      /* [I] */
	struct super_block *i_sb;			      /* [I] */
	struct address_space i_data;
	struct rw_semaphore i_rwsem;
	spinlock_t i_lock;
	struct list_head i_flock; /* file locks (locks.c) */
	wait_queue_head_t i_flock_wait;
	s32 i_writecount; /* > 0: open for writing; < 0: being executed (ETXTBSY) */
	struct list_head i_sb_list;
	u64 i_dir_next;			/* directories: next entry's d_seq [i] */
	struct pipe_inode_info *i_pipe; /* FIFOs while open */
	char *i_link;			/* symlink text, kmalloc'ed, NUL-terminated */
	void *i_private;		/* the file system's */
};

/* What notify_change may set. */
#define ATTR_MODE 0x1u
#define ATTR_UID 0x2u
#define ATTR_GID 0x4u
#define ATTR_SIZE 0x8u
#define ATTR_ATIME 0x10u
#define ATTR_MTIME 0x20u
#define ATTR_CTIME 0x40u
#define ATTR_ATIME_SET 0x80u /* to ia_atime, else to now */
#define ATTR_MTIME_SET 0x100u
#define ATTR_FORCE 0x200u /* the kernel's own wish: no ownership check */
#define ATTR_KILL_SUID 0x800u
#define ATTR_KILL_SGID 0x1000u
#define ATTR_TOUCH 0x20000u /* utimes(NULL): write permission is enough */
struct iattr {
	u32 ia_valid;
	u32 ia_mode, ia_uid, ia_gid;
	s64 ia_size;
	struct timespec64 ia_atime, ia_mtime, ia_ctime;
};

/*
 * A fresh inode of sb with one reference, the next number of sb's counter, nlink 1, times now,
 * owner and type unset. NULL: no memory.
 */
struct inode *new_inode(struct super_block *sb);
/* One more reference. */
static inline struct inode *igrab(struct inode *inode)
{
	inode->i_count++;
	return inode;
}
/* Drop one; the last frees pages, link text and the inode. NULL ignored. May sleep. */
void iput(struct inode *inode);
/* Owner, group (set-gid directories give theirs) and mode for a new inode in dir (NULL: none). */
void inode_init_owner(struct inode *inode, const struct inode *dir, u32 mode);
/* i_fop and i_rdev of a FIFO, character, block or socket inode. */
void init_special_inode(struct inode *inode, u32 mode, u32 rdev);
struct timespec64 current_time(void);
/* Record a read (relatime rule) or a change of content. */
void touch_atime(const struct path *path);
void file_update_time(struct file *file);
/* A file being executed may not be written and the reverse: 0 or -ETXTBSY. */
int deny_write_access(struct inode *inode);
void allow_write_access(struct inode *inode);
int get_write_access(struct inode *inode);
void put_write_access(struct inode *inode);

/* --- super blocks, file system types, mounts --- */

struct super_operations {
	void (*evict_inode)(struct inode *inode); /* the last reference is gone: free i_private */
	int (*statfs)(struct dentry *dentry, struct kstatfs *buf);
};

struct super_block {
	const struct file_system_type *s_type;
	const struct super_operations *s_op;
	const struct dentry_operations *s_d_op; /* of every dentry of this file system */
	struct dentry *s_root;
	u32 s_dev;	 /* anonymous: MKDEV(0, n), n counted from 1 */
	u32 s_blocksize; /* bytes */
	u64 s_magic;
	s64 s_maxbytes;
	u64 s_next_ino;
	u64 nr_inodes, nr_pages;   /* alive */
	struct list_head s_inodes; /* by creation */
	struct list_head s_list;
	struct mutex s_vfs_rename_mutex;
	u32 s_active; /* mounts and open uses */
	void *s_fs_info;
};

#define FS_NODEV 1u
struct file_system_type {
	const char *name; /* "ramfs" */
	u32 fs_flags;	  /* FS_NODEV: no block device behind it */
	/* Build a super block (root set). ERR_PTR. */
	struct super_block *(*mount)(const struct file_system_type *type, const char *dev_name,
				     const char *options);
};

struct vfsmount {
	struct dentry *mnt_root;
	struct super_block *mnt_sb;
	struct vfsmount *mnt_parent;   /* itself for the root mount [m] */
	struct dentry *mnt_mountpoint; /* [m] */
	char *mnt_devname;	       /* kmalloc'ed */
	u32 mnt_flags;		       /* MNT_* */
	u32 mnt_id;
	u32 mnt_count;		   /* references: children, paths */
	bool mnt_internal;	   /* not in the tree (pipes) */
	struct list_head mnt_list; /* all of the tree, by mount order [m] */
};
#define MNT_NOSUID 0x1u
#define MNT_NODEV 0x2u
#define MNT_NOEXEC 0x4u
#define MNT_READONLY 0x40u

/* A place in the tree. */
struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};
static inline struct vfsmount *mntget(struct vfsmount *mnt)
{
	if (mnt)
		mnt->mnt_count++;
	return mnt;
}
void mntput(struct vfsmount *mnt);
static inline void path_get(const struct path *path)
{
	mntget(path->mnt);
	dget(path->dentry);
}
static inline void path_put(const struct path *path)
{
	dput(path->dentry);
	mntput(path->mnt);
}
static inline bool path_equal(const struct path *a, const struct path *b)
{
	return a->mnt == b->mnt && a->dentry == b->dentry;
}

/* Make a type known; types are permanent. 0, -EBUSY (name taken), -ENOSPC. */
int register_filesystem(const struct file_system_type *fs);
const struct file_system_type *get_fs_type(const char *name);
/* A zeroed super block with an anonymous device number and one active use. ERR_PTR(-ENOMEM). */
struct super_block *sget_anon(const struct file_system_type *type);
/* Drop an active use; the last forgets all names and inodes of the file system. */
void deactivate_super(struct super_block *sb);
/*
 * Mount type on the directory `on`; NULL: as the root of everything (once). Takes its own
 * references. 0 or -errno.
 */
int vfs_mount(const struct file_system_type *type, const char *dev_name, const char *options,
	      u32 mnt_flags, const struct path *on);
/* Take a mount nobody uses (mnt_count 1) out of the tree and drop it. */
void detach_mount(struct vfsmount *mnt);
/* mount(2) and umount2(2) with kernel strings; need CAP_SYS_ADMIN. 0 or -errno. */
int do_mount(const char *dev_name, const char *dir, const char *type, u64 flags,
	     const char *options);
int do_umount(const char *dir, int flags);
/* A mount of sb outside the tree, for pipes and sockets. ERR_PTR. */
struct vfsmount *kern_mount(const struct file_system_type *type);
/* Step onto what is mounted at *path, as often as needed; references move along. */
void follow_mount(struct path *path);
/*
 * One step up across mounts to the place the mount covers. false at the top. References move along.
 */
bool follow_up(struct path *path);
/* Write /proc/mounts. */
void show_mounts(struct seq_buf *m);
void show_filesystems(struct seq_buf *m);

/* --- open files --- */

struct dir_context {
	/* One entry; pos is the cookie of this entry. false: no room, stop. */
	bool (*actor)(struct dir_context *ctx, const char *name, u32 len, s64 pos, u64 ino,
		      u8 type);
	s64 pos;
};
static inline bool dir_emit(struct dir_context *ctx, const char *name, u32 len, u64 ino, u8 type)
{
	return ctx->actor(ctx, name, len, ctx->pos, ino, type);
}

struct file_operations {
	s64 (*llseek)(struct file *file, s64 offset, int whence);
	/* Bytes moved or -errno; *ppos advances by them. NULL: -EINVAL. */
	s64 (*read_iter)(struct file *file, struct iov_iter *to, s64 *ppos);
	s64 (*write_iter)(struct file *file, struct iov_iter *from, s64 *ppos);
	/* Emit entries from ctx->pos on, i_rwsem held shared. */
	int (*iterate_shared)(struct file *file, struct dir_context *ctx);
	u32 (*poll)(struct file *file, poll_table *wait);
	/* arg is a user address or value. -ENOTTY for the unknown. */
	s64 (*unlocked_ioctl)(struct file *file, u32 cmd, u64 arg);
	int (*mmap)(struct file *file, struct vm_area_struct *vma);
	int (*open)(struct inode *inode, struct file *file);
	int (*release)(struct inode *inode, struct file *file);
	/* Each close(2) of a descriptor. */
	int (*flush)(struct file *file);
	s64 (*fcntl)(struct file *file, u32 cmd, u64 arg); /* F_GETPIPE_SZ, F_SETPIPE_SZ */
};

struct file {
	struct path f_path;
	struct inode *f_inode; /* [I] */
	const struct file_operations *f_op;
	u64 f_count;
	u32 f_flags;   /* O_* [l] */
	u32 f_mode;    /* FMODE_* */
	s64 f_pos;     /* [f] */
	u64 f_version; /* FIFOs: writers counted when it was opened */
	struct mutex f_pos_lock;
	struct cred *f_cred;
	struct address_space *f_mapping;
	void *private_data;
};

/* --- the calls of the floor (kernel pointers unless a name says user) --- */

/* Standard class checks with CAP_DAC_OVERRIDE/READ_SEARCH. 0, -EACCES, -EROFS. */
int generic_permission(struct inode *inode, int mask);
int inode_permission(struct vfsmount *mnt, struct inode *inode, int mask);

s64 vfs_read(struct file *file, struct iov_iter *to, s64 *ppos);
s64 vfs_write(struct file *file, struct iov_iter *from, s64 *ppos);
/* From or to a kernel buffer at *ppos, which advances. */
s64 kernel_read(struct file *file, void *buf, u64 count, s64 *ppos);
s64 kernel_write(struct file *file, const void *buf, u64 count, s64 *ppos);
s64 vfs_llseek(struct file *file, s64 offset, int whence);
s64 generic_file_llseek(struct file *file, s64 offset, int whence);
s64 noop_llseek(struct file *file, s64 offset, int whence);
s64 no_llseek(struct file *file, s64 offset, int whence);
int iterate_dir(struct file *file, struct dir_context *ctx);

int vfs_getattr(const struct path *path, struct kstat *stat);
void generic_fillattr(const struct inode *inode, struct kstat *stat);
/* Change attributes with every check; dentry's i_rwsem held for writing. */
int notify_change(struct vfsmount *mnt, struct dentry *dentry, struct iattr *attr);
int setattr_prepare(struct inode *inode, const struct iattr *attr);
void setattr_copy(struct inode *inode, const struct iattr *attr);
int vfs_truncate(const struct path *path, s64 length);
int vfs_statfs(const struct path *path, struct kstatfs *buf);

int vfs_create(struct vfsmount *mnt, struct inode *dir, struct dentry *dentry, u32 mode);
int vfs_mkdir(struct vfsmount *mnt, struct inode *dir, struct dentry *dentry, u32 mode);
int vfs_mknod(struct vfsmount *mnt, struct inode *dir, struct dentry *dentry, u32 mode, u32 rdev);
int vfs_symlink(struct vfsmount *mnt, struct inode *dir, struct dentry *dentry, const char *target);
int vfs_link(struct vfsmount *mnt, struct dentry *old, struct inode *dir, struct dentry *dentry);
int vfs_unlink(struct vfsmount *mnt, struct inode *dir, struct dentry *dentry);
int vfs_rmdir(struct vfsmount *mnt, struct inode *dir, struct dentry *dentry);
/* Text of a symlink into buf: length or -errno. */
int vfs_readlink(const struct path *path, char *buf, u32 size);

#endif
