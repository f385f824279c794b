/* SPDX-License-Identifier: MIT */
#ifndef VFS_STAT_H
#define VFS_STAT_H

/*
 * File modes and the attribute records: kstat inside the kernel, and the x86-64 user layouts of
 * stat(2), statx(2) and statfs(2). Source: Linux include/uapi/linux/stat.h,
 * arch/x86/include/uapi/asm/stat.h, asm-generic/statfs.h (layouts only).
 */

#include "lib/types.h"

#define S_IFMT 0170000u
#define S_IFSOCK 0140000u
#define S_IFLNK 0120000u
#define S_IFREG 0100000u
#define S_IFBLK 0060000u
#define S_IFDIR 0040000u
#define S_IFCHR 0020000u
#define S_IFIFO 0010000u
#define S_ISUID 0004000u
#define S_ISGID 0002000u
#define S_ISVTX 0001000u
#define S_IRWXU 0700u
#define S_IRUSR 0400u
#define S_IWUSR 0200u
#define S_IXUSR 0100u
#define S_IRWXG 0070u
#define S_IXGRP 0010u
#define S_IRWXO 0007u
#define S_IRWXUGO 0777u
#define S_IALLUGO 07777u
#define S_IXUGO 0111u

#define S_ISLNK(m) (((m)&S_IFMT) == S_IFLNK)
#define S_ISREG(m) (((m)&S_IFMT) == S_IFREG)
#define S_ISDIR(m) (((m)&S_IFMT) == S_IFDIR)
#define S_ISCHR(m) (((m)&S_IFMT) == S_IFCHR)
#define S_ISBLK(m) (((m)&S_IFMT) == S_IFBLK)
#define S_ISFIFO(m) (((m)&S_IFMT) == S_IFIFO)
#define S_ISSOCK(m) (((m)&S_IFMT) == S_IFSOCK)

#define DT_UNKNOWN 0u
#define DT_FIFO 1u
#define DT_CHR 2u
#define DT_DIR 4u
#define DT_BLK 6u
#define DT_REG 8u
#define DT_LNK 10u
#define DT_SOCK 12u
/* The d_type of a mode. */
static inline u8 mode_to_dtype(u32 mode)
{
	return (u8)((mode & S_IFMT) >> 12);
}

/*
 * Device numbers: 12-bit major, 20-bit minor inside the kernel; the split layout of stat(2)
 * outside.
 */
#define MKDEV(ma, mi) (((u32)(ma) << 20) | (u32)(mi))
#define MAJOR(dev) ((u32)(dev) >> 20)
#define MINOR(dev) ((u32)(dev)&0xfffffu)
static inline u32 new_encode_dev(u32 dev)
{
	u32 ma = MAJOR(dev), mi = MINOR(dev);

	return (mi & 0xff) | (ma << 8) | ((mi & ~0xffu) << 12);
}
static inline u32 new_decode_dev(u32 dev)
{
	return MKDEV((dev & 0xfff00) >> 8, (dev & 0xff) | ((dev >> 12) & 0xfff00));
}

struct timespec64 {
	s64 tv_sec;
	s64 tv_nsec;
};

/* What getattr fills: everything stat and statx can tell. */
struct kstat {
	u64 ino;
	u32 mode, nlink, uid, gid;
	u32 dev, rdev; /* kernel form: MKDEV */
	s64 size;      /* bytes */
	struct timespec64 atime, mtime, ctime, btime;
	u32 blksize; /* bytes */
	u64 blocks;  /* 512-byte units */
	u64 mnt_id;
};

/* struct stat of the x86-64 ABI. */
struct user_stat {
	u64 st_dev, st_ino, st_nlink;
	u32 st_mode, st_uid, st_gid, __pad0;
	u64 st_rdev;
	s64 st_size, st_blksize, st_blocks;
	u64 st_atime_s, st_atime_ns, st_mtime_s, st_mtime_ns, st_ctime_s, st_ctime_ns;
	s64 __unused[3];
};
_Static_assert(sizeof(struct user_stat) == 144, "x86-64 struct stat");

struct user_statx_timestamp {
	s64 tv_sec;
	u32 tv_nsec;
	s32 __reserved;
};
struct user_statx {
	u32 stx_mask, stx_blksize;
	u64 stx_attributes;
	u32 stx_nlink, stx_uid, stx_gid;
	u16 stx_mode, __spare0;
	u64 stx_ino, stx_size, stx_blocks, stx_attributes_mask;
	struct user_statx_timestamp stx_atime, stx_btime, stx_ctime, stx_mtime;
	u32 stx_rdev_major, stx_rdev_minor, stx_dev_major, stx_dev_minor;
	u64 stx_mnt_id;
	u32 stx_dio_mem_align, stx_dio_offset_align;
	u64 __spare3[12];
};
_Static_assert(sizeof(struct user_statx) == 256, "struct statx");
#define STATX_BASIC_STATS 0x7ffu
#define STATX_BTIME 0x800u
#define STATX_MNT_ID 0x1000u

/* struct statfs of the x86-64 ABI; also what super_operations.statfs fills. */
struct kstatfs {
	s64 f_type, f_bsize;
	u64 f_blocks, f_bfree, f_bavail, f_files, f_ffree;
	s32 f_fsid[2];
	s64 f_namelen, f_frsize, f_flags, f_spare[4];
};
_Static_assert(sizeof(struct kstatfs) == 120, "x86-64 struct statfs");

/* Lay a kstat out for the user. Every byte of the record is written. */
void cp_new_stat(const struct kstat *stat, struct user_stat *out);
void cp_statx(const struct kstat *stat, struct user_statx *out);

#endif
