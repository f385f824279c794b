/* SPDX-License-Identifier: MIT */
#ifndef VFS_VERSION_H
#define VFS_VERSION_H

/* What uname(2) and /proc/version say: the kernel whose behaviour this one has. */

#define UTS_SYSNAME "Linux"
#define UTS_NODENAME "osim"
#define UTS_RELEASE "6.1.0-osim"
#define UTS_VERSION "#1 SMP PREEMPT"
#define UTS_MACHINE "x86_64"

#endif
