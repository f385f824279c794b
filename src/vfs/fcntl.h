/* SPDX-License-Identifier: MIT */
#ifndef VFS_FCNTL_H
#define VFS_FCNTL_H

/*
 * Constants of open, fcntl, the *at calls, lseek, rename and access: Linux's x86-64 values
 * (uapi/asm-generic/fcntl.h).
 */

#define O_ACCMODE 00000003u
#define O_RDONLY 00000000u
#define O_WRONLY 00000001u
#define O_RDWR 00000002u
#define O_CREAT 00000100u
#define O_EXCL 00000200u
#define O_NOCTTY 00000400u
#define O_TRUNC 00001000u
#define O_APPEND 00002000u
#define O_NONBLOCK 00004000u
#define O_DSYNC 00010000u
#define FASYNC 00020000u
#define O_DIRECT 00040000u
#define O_LARGEFILE 00100000u
#define O_DIRECTORY 00200000u
#define O_NOFOLLOW 00400000u
#define O_NOATIME 01000000u
#define O_CLOEXEC 02000000u
#define __O_SYNC 04000000u
#define O_SYNC (__O_SYNC | O_DSYNC)
#define O_PATH 010000000u
#define __O_TMPFILE 020000000u
#define O_TMPFILE (__O_TMPFILE | O_DIRECTORY)
#define VALID_OPEN_FLAGS                                                                           \
	(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC |      \
	 FASYNC | O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC |      \
	 O_PATH | __O_TMPFILE)

#define F_DUPFD 0
#define F_GETFD 1
#define F_SETFD 2
#define F_GETFL 3
#define F_SETFL 4
#define F_RDLCK 0
#define F_WRLCK 1
#define F_UNLCK 2
#define LOCK_SH 1u
#define LOCK_EX 2u
#define LOCK_NB 4u
#define LOCK_UN 8u
#define F_GETLK 5
#define F_SETLK 6
#define F_SETLKW 7
#define F_DUPFD_CLOEXEC 1030
#define F_SETPIPE_SZ 1031
#define F_GETPIPE_SZ 1032
#define FD_CLOEXEC 1
/* File status flags that F_SETFL may change. */
#define SETFL_MASK (O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME | FASYNC)

#define AT_FDCWD (-100)
#define AT_SYMLINK_NOFOLLOW 0x100
#define AT_EACCESS 0x200
#define AT_REMOVEDIR 0x200
#define AT_SYMLINK_FOLLOW 0x400
#define AT_NO_AUTOMOUNT 0x800
#define AT_EMPTY_PATH 0x1000
#define AT_STATX_SYNC_TYPE 0x6000

#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2
#define SEEK_DATA 3
#define SEEK_HOLE 4

#define RENAME_NOREPLACE 1u
#define RENAME_EXCHANGE 2u
#define RENAME_WHITEOUT 4u

#define UTIME_NOW 0x3fffffffl
#define UTIME_OMIT 0x3ffffffel

/* ioctl numbers the floor answers itself. */
#define TCGETS 0x5401u
#define TCSETS 0x5402u
#define TCSETSW 0x5403u
#define TCSETSF 0x5404u
#define TIOCGPGRP 0x540Fu
#define TIOCSPGRP 0x5410u
#define TIOCGWINSZ 0x5413u
#define TIOCSWINSZ 0x5414u
#define FIONREAD 0x541Bu
#define FIONBIO 0x5421u
#define FIONCLEX 0x5450u
#define FIOCLEX 0x5451u
#define FIOASYNC 0x5452u

#define NAME_MAX 255u
#define PATH_MAX 4096u
#define MAXSYMLINKS 40u
#define MAX_RW_COUNT 0x7ffff000ull
#define PIPE_BUF 4096u

#endif
