/* SPDX-License-Identifier: MIT */
/*
 * The system call table: Linux's x86-64 numbers to functions, names and the shape of their
 * arguments for strace.
 *
 * Called by the gate (syscall.c) and by strace (strace.c). It knows nothing of what a call does;
 * the functions are grouped by subject in sys_*.c. What is not in the table is not there: the
 * caller sees -ENOSYS, never a pretence.
 *
 *	[0]   read   "fru"    f: descriptor, r: buffer filled with the result's bytes, u: unsigned
 *	[59]  execve "svp"    s: path, v: vector of strings, p: address
 *
 *	T1 an entry's number is Linux's; a call that Linux has and this kernel has not is an empty
 *	   row.
 *
 * Units:   none.
 * Owner:   read-only data.
 * Locking: none.
 * Errors:  lookup gives NULL past the end and for empty rows.
 * Time:    a load.
 * Source:  Linux arch/x86/entry/syscalls/syscall_64.tbl (numbers are ABI facts).
 */

#include "kernel/entry/syscall.h"

long sys_read(struct pt_regs *regs);
long sys_write(struct pt_regs *regs);
long sys_open(struct pt_regs *regs);
long sys_close(struct pt_regs *regs);
long sys_stat(struct pt_regs *regs);
long sys_fstat(struct pt_regs *regs);
long sys_lstat(struct pt_regs *regs);
long sys_poll(struct pt_regs *regs);
long sys_lseek(struct pt_regs *regs);
long sys_mmap(struct pt_regs *regs);
long sys_mprotect(struct pt_regs *regs);
long sys_munmap(struct pt_regs *regs);
long sys_brk(struct pt_regs *regs);
long sys_rt_sigaction(struct pt_regs *regs);
long sys_rt_sigprocmask(struct pt_regs *regs);
long sys_rt_sigreturn(struct pt_regs *regs);
long sys_ioctl(struct pt_regs *regs);
long sys_pread64(struct pt_regs *regs);
long sys_pwrite64(struct pt_regs *regs);
long sys_readv(struct pt_regs *regs);
long sys_writev(struct pt_regs *regs);
long sys_access(struct pt_regs *regs);
long sys_pipe(struct pt_regs *regs);
long sys_select(struct pt_regs *regs);
long sys_sched_yield(struct pt_regs *regs);
long sys_mremap(struct pt_regs *regs);
long sys_msync(struct pt_regs *regs);
long sys_madvise(struct pt_regs *regs);
long sys_dup(struct pt_regs *regs);
long sys_dup2(struct pt_regs *regs);
long sys_pause(struct pt_regs *regs);
long sys_nanosleep(struct pt_regs *regs);
long sys_getitimer(struct pt_regs *regs);
long sys_alarm(struct pt_regs *regs);
long sys_setitimer(struct pt_regs *regs);
long sys_getpid(struct pt_regs *regs);
long sys_sendfile(struct pt_regs *regs);
long sys_clone(struct pt_regs *regs);
long sys_fork(struct pt_regs *regs);
long sys_vfork(struct pt_regs *regs);
long sys_execve(struct pt_regs *regs);
long sys_exit(struct pt_regs *regs);
long sys_wait4(struct pt_regs *regs);
long sys_kill(struct pt_regs *regs);
long sys_uname(struct pt_regs *regs);
long sys_fcntl(struct pt_regs *regs);
long sys_flock(struct pt_regs *regs);
long sys_fsync(struct pt_regs *regs);
long sys_fdatasync(struct pt_regs *regs);
long sys_truncate(struct pt_regs *regs);
long sys_ftruncate(struct pt_regs *regs);
long sys_getcwd(struct pt_regs *regs);
long sys_chdir(struct pt_regs *regs);
long sys_fchdir(struct pt_regs *regs);
long sys_rename(struct pt_regs *regs);
long sys_mkdir(struct pt_regs *regs);
long sys_rmdir(struct pt_regs *regs);
long sys_creat(struct pt_regs *regs);
long sys_link(struct pt_regs *regs);
long sys_unlink(struct pt_regs *regs);
long sys_symlink(struct pt_regs *regs);
long sys_readlink(struct pt_regs *regs);
long sys_chmod(struct pt_regs *regs);
long sys_fchmod(struct pt_regs *regs);
long sys_chown(struct pt_regs *regs);
long sys_fchown(struct pt_regs *regs);
long sys_lchown(struct pt_regs *regs);
long sys_umask(struct pt_regs *regs);
long sys_gettimeofday(struct pt_regs *regs);
long sys_getrlimit(struct pt_regs *regs);
long sys_getrusage(struct pt_regs *regs);
long sys_sysinfo(struct pt_regs *regs);
long sys_times(struct pt_regs *regs);
long sys_getuid(struct pt_regs *regs);
long sys_getgid(struct pt_regs *regs);
long sys_setuid(struct pt_regs *regs);
long sys_setgid(struct pt_regs *regs);
long sys_geteuid(struct pt_regs *regs);
long sys_getegid(struct pt_regs *regs);
long sys_setpgid(struct pt_regs *regs);
long sys_getppid(struct pt_regs *regs);
long sys_getpgrp(struct pt_regs *regs);
long sys_setsid(struct pt_regs *regs);
long sys_setreuid(struct pt_regs *regs);
long sys_setregid(struct pt_regs *regs);
long sys_getgroups(struct pt_regs *regs);
long sys_setgroups(struct pt_regs *regs);
long sys_setfsuid(struct pt_regs *regs);
long sys_setfsgid(struct pt_regs *regs);
long sys_setresuid(struct pt_regs *regs);
long sys_getresuid(struct pt_regs *regs);
long sys_setresgid(struct pt_regs *regs);
long sys_getresgid(struct pt_regs *regs);
long sys_getpgid(struct pt_regs *regs);
long sys_getsid(struct pt_regs *regs);
long sys_rt_sigpending(struct pt_regs *regs);
long sys_rt_sigtimedwait(struct pt_regs *regs);
long sys_rt_sigqueueinfo(struct pt_regs *regs);
long sys_rt_sigsuspend(struct pt_regs *regs);
long sys_sigaltstack(struct pt_regs *regs);
long sys_utime(struct pt_regs *regs);
long sys_mknod(struct pt_regs *regs);
long sys_statfs(struct pt_regs *regs);
long sys_fstatfs(struct pt_regs *regs);
long sys_getpriority(struct pt_regs *regs);
long sys_setpriority(struct pt_regs *regs);
long sys_sched_getparam(struct pt_regs *regs);
long sys_sched_setscheduler(struct pt_regs *regs);
long sys_sched_getscheduler(struct pt_regs *regs);
long sys_sched_get_priority_max(struct pt_regs *regs);
long sys_sched_get_priority_min(struct pt_regs *regs);
long sys_prctl(struct pt_regs *regs);
long sys_arch_prctl(struct pt_regs *regs);
long sys_setrlimit(struct pt_regs *regs);
long sys_chroot(struct pt_regs *regs);
long sys_sync(struct pt_regs *regs);
long sys_gettid(struct pt_regs *regs);
long sys_setxattr(struct pt_regs *regs);
long sys_lsetxattr(struct pt_regs *regs);
long sys_fsetxattr(struct pt_regs *regs);
long sys_getxattr(struct pt_regs *regs);
long sys_lgetxattr(struct pt_regs *regs);
long sys_fgetxattr(struct pt_regs *regs);
long sys_listxattr(struct pt_regs *regs);
long sys_llistxattr(struct pt_regs *regs);
long sys_flistxattr(struct pt_regs *regs);
long sys_removexattr(struct pt_regs *regs);
long sys_lremovexattr(struct pt_regs *regs);
long sys_fremovexattr(struct pt_regs *regs);
long sys_tkill(struct pt_regs *regs);
long sys_time(struct pt_regs *regs);
long sys_futex(struct pt_regs *regs);
long sys_sched_setaffinity(struct pt_regs *regs);
long sys_sched_getaffinity(struct pt_regs *regs);
long sys_getdents64(struct pt_regs *regs);
long sys_set_tid_address(struct pt_regs *regs);
long sys_restart_syscall(struct pt_regs *regs);
long sys_clock_settime(struct pt_regs *regs);
long sys_clock_gettime(struct pt_regs *regs);
long sys_clock_getres(struct pt_regs *regs);
long sys_clock_nanosleep(struct pt_regs *regs);
long sys_exit_group(struct pt_regs *regs);
long sys_tgkill(struct pt_regs *regs);
long sys_utimes(struct pt_regs *regs);
long sys_waitid(struct pt_regs *regs);
long sys_openat(struct pt_regs *regs);
long sys_mkdirat(struct pt_regs *regs);
long sys_mknodat(struct pt_regs *regs);
long sys_fchownat(struct pt_regs *regs);
long sys_futimesat(struct pt_regs *regs);
long sys_newfstatat(struct pt_regs *regs);
long sys_unlinkat(struct pt_regs *regs);
long sys_renameat(struct pt_regs *regs);
long sys_linkat(struct pt_regs *regs);
long sys_symlinkat(struct pt_regs *regs);
long sys_readlinkat(struct pt_regs *regs);
long sys_fchmodat(struct pt_regs *regs);
long sys_faccessat(struct pt_regs *regs);
long sys_pselect6(struct pt_regs *regs);
long sys_ppoll(struct pt_regs *regs);
long sys_set_robust_list(struct pt_regs *regs);
long sys_utimensat(struct pt_regs *regs);
long sys_dup3(struct pt_regs *regs);
long sys_pipe2(struct pt_regs *regs);
long sys_rt_tgsigqueueinfo(struct pt_regs *regs);
long sys_prlimit64(struct pt_regs *regs);
long sys_renameat2(struct pt_regs *regs);
long sys_getrandom(struct pt_regs *regs);
long sys_statx(struct pt_regs *regs);
long sys_close_range(struct pt_regs *regs);
long sys_faccessat2(struct pt_regs *regs);

static const struct syscall_entry table[NR_SYSCALLS] = {
	[0] = { "read", sys_read, "fru" },
	[1] = { "write", sys_write, "fbu" },
	[2] = { "open", sys_open, "sxo" },
	[3] = { "close", sys_close, "f" },
	[4] = { "stat", sys_stat, "sp" },
	[5] = { "fstat", sys_fstat, "fp" },
	[6] = { "lstat", sys_lstat, "sp" },
	[7] = { "poll", sys_poll, "pud" },
	[8] = { "lseek", sys_lseek, "fdd" },
	[9] = { "mmap", sys_mmap, "puxxfx" },
	[10] = { "mprotect", sys_mprotect, "pux" },
	[11] = { "munmap", sys_munmap, "pu" },
	[12] = { "brk", sys_brk, "p" },
	[13] = { "rt_sigaction", sys_rt_sigaction, "Sppu" },
	[14] = { "rt_sigprocmask", sys_rt_sigprocmask, "dppu" },
	[15] = { "rt_sigreturn", sys_rt_sigreturn, "" },
	[16] = { "ioctl", sys_ioctl, "fxp" },
	[17] = { "pread64", sys_pread64, "frud" },
	[18] = { "pwrite64", sys_pwrite64, "fbud" },
	[19] = { "readv", sys_readv, "fpu" },
	[20] = { "writev", sys_writev, "fpu" },
	[21] = { "access", sys_access, "so" },
	[22] = { "pipe", sys_pipe, "p" },
	[23] = { "select", sys_select, "dpppp" },
	[24] = { "sched_yield", sys_sched_yield, "" },
	[25] = { "mremap", sys_mremap, "puuxp" },
	[26] = { "msync", sys_msync, "pux" },
	[28] = { "madvise", sys_madvise, "pud" },
	[32] = { "dup", sys_dup, "f" },
	[33] = { "dup2", sys_dup2, "fd" },
	[34] = { "pause", sys_pause, "" },
	[35] = { "nanosleep", sys_nanosleep, "pp" },
	[36] = { "getitimer", sys_getitimer, "dp" },
	[37] = { "alarm", sys_alarm, "u" },
	[38] = { "setitimer", sys_setitimer, "dpp" },
	[39] = { "getpid", sys_getpid, "" },
	[40] = { "sendfile", sys_sendfile, "ffpu" },
	[56] = { "clone", sys_clone, "xpppp" },
	[57] = { "fork", sys_fork, "" },
	[58] = { "vfork", sys_vfork, "" },
	[59] = { "execve", sys_execve, "svp" },
	[60] = { "exit", sys_exit, "d" },
	[61] = { "wait4", sys_wait4, "dpxp" },
	[62] = { "kill", sys_kill, "dS" },
	[63] = { "uname", sys_uname, "p" },
	[72] = { "fcntl", sys_fcntl, "fdx" },
	[73] = { "flock", sys_flock, "fx" },
	[74] = { "fsync", sys_fsync, "f" },
	[75] = { "fdatasync", sys_fdatasync, "f" },
	[76] = { "truncate", sys_truncate, "sd" },
	[77] = { "ftruncate", sys_ftruncate, "fd" },
	[79] = { "getcwd", sys_getcwd, "ru" },
	[80] = { "chdir", sys_chdir, "s" },
	[81] = { "fchdir", sys_fchdir, "f" },
	[82] = { "rename", sys_rename, "ss" },
	[83] = { "mkdir", sys_mkdir, "so" },
	[84] = { "rmdir", sys_rmdir, "s" },
	[85] = { "creat", sys_creat, "so" },
	[86] = { "link", sys_link, "ss" },
	[87] = { "unlink", sys_unlink, "s" },
	[88] = { "symlink", sys_symlink, "ss" },
	[89] = { "readlink", sys_readlink, "sru" },
	[90] = { "chmod", sys_chmod, "so" },
	[91] = { "fchmod", sys_fchmod, "fo" },
	[92] = { "chown", sys_chown, "sdd" },
	[93] = { "fchown", sys_fchown, "fdd" },
	[94] = { "lchown", sys_lchown, "sdd" },
	[95] = { "umask", sys_umask, "o" },
	[96] = { "gettimeofday", sys_gettimeofday, "pp" },
	[97] = { "getrlimit", sys_getrlimit, "dp" },
	[98] = { "getrusage", sys_getrusage, "dp" },
	[99] = { "sysinfo", sys_sysinfo, "p" },
	[100] = { "times", sys_times, "p" },
	[102] = { "getuid", sys_getuid, "" },
	[104] = { "getgid", sys_getgid, "" },
	[105] = { "setuid", sys_setuid, "d" },
	[106] = { "setgid", sys_setgid, "d" },
	[107] = { "geteuid", sys_geteuid, "" },
	[108] = { "getegid", sys_getegid, "" },
	[109] = { "setpgid", sys_setpgid, "dd" },
	[110] = { "getppid", sys_getppid, "" },
	[111] = { "getpgrp", sys_getpgrp, "" },
	[112] = { "setsid", sys_setsid, "" },
	[113] = { "setreuid", sys_setreuid, "dd" },
	[114] = { "setregid", sys_setregid, "dd" },
	[115] = { "getgroups", sys_getgroups, "dp" },
	[116] = { "setgroups", sys_setgroups, "dp" },
	[117] = { "setresuid", sys_setresuid, "ddd" },
	[118] = { "getresuid", sys_getresuid, "ppp" },
	[119] = { "setresgid", sys_setresgid, "ddd" },
	[120] = { "getresgid", sys_getresgid, "ppp" },
	[121] = { "getpgid", sys_getpgid, "d" },
	[122] = { "setfsuid", sys_setfsuid, "d" },
	[123] = { "setfsgid", sys_setfsgid, "d" },
	[124] = { "getsid", sys_getsid, "d" },
	[127] = { "rt_sigpending", sys_rt_sigpending, "pu" },
	[128] = { "rt_sigtimedwait", sys_rt_sigtimedwait, "pppu" },
	[129] = { "rt_sigqueueinfo", sys_rt_sigqueueinfo, "dSp" },
	[130] = { "rt_sigsuspend", sys_rt_sigsuspend, "pu" },
	[131] = { "sigaltstack", sys_sigaltstack, "pp" },
	[132] = { "utime", sys_utime, "sp" },
	[133] = { "mknod", sys_mknod, "sox" },
	[137] = { "statfs", sys_statfs, "sp" },
	[138] = { "fstatfs", sys_fstatfs, "fp" },
	[140] = { "getpriority", sys_getpriority, "dd" },
	[141] = { "setpriority", sys_setpriority, "ddd" },
	[143] = { "sched_getparam", sys_sched_getparam, "dp" },
	[144] = { "sched_setscheduler", sys_sched_setscheduler, "ddp" },
	[145] = { "sched_getscheduler", sys_sched_getscheduler, "d" },
	[146] = { "sched_get_priority_max", sys_sched_get_priority_max, "d" },
	[147] = { "sched_get_priority_min", sys_sched_get_priority_min, "d" },
	[157] = { "prctl", sys_prctl, "dxxxx" },
	[158] = { "arch_prctl", sys_arch_prctl, "xp" },
	[160] = { "setrlimit", sys_setrlimit, "dp" },
	[161] = { "chroot", sys_chroot, "s" },
	[162] = { "sync", sys_sync, "" },
	[186] = { "gettid", sys_gettid, "" },
	[188] = { "setxattr", sys_setxattr, "sspux" },
	[189] = { "lsetxattr", sys_lsetxattr, "sspux" },
	[190] = { "fsetxattr", sys_fsetxattr, "fspux" },
	[191] = { "getxattr", sys_getxattr, "sspu" },
	[192] = { "lgetxattr", sys_lgetxattr, "sspu" },
	[193] = { "fgetxattr", sys_fgetxattr, "fspu" },
	[194] = { "listxattr", sys_listxattr, "spu" },
	[195] = { "llistxattr", sys_llistxattr, "spu" },
	[196] = { "flistxattr", sys_flistxattr, "fpu" },
	[197] = { "removexattr", sys_removexattr, "ss" },
	[198] = { "lremovexattr", sys_lremovexattr, "ss" },
	[199] = { "fremovexattr", sys_fremovexattr, "fs" },
	[200] = { "tkill", sys_tkill, "dS" },
	[201] = { "time", sys_time, "p" },
	[202] = { "futex", sys_futex, "pxupxu" },
	[203] = { "sched_setaffinity", sys_sched_setaffinity, "dup" },
	[204] = { "sched_getaffinity", sys_sched_getaffinity, "dup" },
	[217] = { "getdents64", sys_getdents64, "fpu" },
	[218] = { "set_tid_address", sys_set_tid_address, "p" },
	[219] = { "restart_syscall", sys_restart_syscall, "" },
	[227] = { "clock_settime", sys_clock_settime, "dp" },
	[228] = { "clock_gettime", sys_clock_gettime, "dp" },
	[229] = { "clock_getres", sys_clock_getres, "dp" },
	[230] = { "clock_nanosleep", sys_clock_nanosleep, "dxpp" },
	[231] = { "exit_group", sys_exit_group, "d" },
	[234] = { "tgkill", sys_tgkill, "ddS" },
	[235] = { "utimes", sys_utimes, "sp" },
	[247] = { "waitid", sys_waitid, "ddpxp" },
	[257] = { "openat", sys_openat, "Fsxo" },
	[258] = { "mkdirat", sys_mkdirat, "Fso" },
	[259] = { "mknodat", sys_mknodat, "Fsox" },
	[260] = { "fchownat", sys_fchownat, "Fsddx" },
	[261] = { "futimesat", sys_futimesat, "Fsp" },
	[262] = { "newfstatat", sys_newfstatat, "Fspx" },
	[263] = { "unlinkat", sys_unlinkat, "Fsx" },
	[264] = { "renameat", sys_renameat, "FsFs" },
	[265] = { "linkat", sys_linkat, "FsFsx" },
	[266] = { "symlinkat", sys_symlinkat, "sFs" },
	[267] = { "readlinkat", sys_readlinkat, "Fsru" },
	[268] = { "fchmodat", sys_fchmodat, "Fso" },
	[269] = { "faccessat", sys_faccessat, "Fso" },
	[270] = { "pselect6", sys_pselect6, "dppppp" },
	[271] = { "ppoll", sys_ppoll, "pupp" },
	[273] = { "set_robust_list", sys_set_robust_list, "pu" },
	[280] = { "utimensat", sys_utimensat, "Fspx" },
	[292] = { "dup3", sys_dup3, "fdx" },
	[293] = { "pipe2", sys_pipe2, "px" },
	[297] = { "rt_tgsigqueueinfo", sys_rt_tgsigqueueinfo, "ddSp" },
	[302] = { "prlimit64", sys_prlimit64, "ddpp" },
	[316] = { "renameat2", sys_renameat2, "FsFsx" },
	[318] = { "getrandom", sys_getrandom, "pux" },
	[332] = { "statx", sys_statx, "Fsxxp" },
	[436] = { "close_range", sys_close_range, "uux" },
	[439] = { "faccessat2", sys_faccessat2, "Fsox" },
};

const struct syscall_entry *syscall_lookup(u64 nr)
{
	if (nr >= NR_SYSCALLS || !table[nr].fn)
		return NULL;
	return &table[nr];
}
