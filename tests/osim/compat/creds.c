/* SPDX-License-Identifier: MIT */
/*
 * Credentials and permissions: uids and gids, groups, what a user may open, change, signal and
 * execute; setuid programs.
 */
#include "compat.h"
#include <grp.h>
#include <sys/fsuid.h>

static void ids(const char *what)
{
	unsigned r, e, s, gr, ge, gs;

	syscall(SYS_getresuid, &r, &e, &s);
	syscall(SYS_getresgid, &gr, &ge, &gs);
	say("%s: uid %u %u %u gid %u %u %u\n", what, r, e, s, gr, ge, gs);
}

static void mk(const char *path, int mode, int uid, int gid)
{
	int fd = open(path, O_CREAT | O_RDWR, 0600);

	close(fd);
	if (chown(path, (uid_t)uid, (gid_t)gid) || chmod(path, (mode_t)mode))
		say("mk %s: %s\n", path, ename(errno));
}

static void mode_of(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		say("%s: %s\n", path, ename(errno));
	else
		say("%s: %o %d %d\n", path, st.st_mode & 07777, (int)st.st_uid, (int)st.st_gid);
}

static void copy(const char *from, const char *to)
{
	static char buf[65536];
	int in = open(from, O_RDONLY), out = open(to, O_CREAT | O_WRONLY | O_TRUNC, 0755);
	ssize_t n;

	while ((n = read(in, buf, sizeof(buf))) > 0) {
		if (write(out, buf, (size_t)n) != n)
			say("copy: %s\n", ename(errno));
	}
	close(in);
	close(out);
}

static void user(uid_t uid)
{
	if (syscall(SYS_setgroups, 0, NULL) || syscall(SYS_setresgid, uid, uid, uid) ||
	    syscall(SYS_setresuid, uid, uid, uid))
		say("user: %s\n", ename(errno));
}

int main(int argc, char **argv)
{
	gid_t groups[4] = { 30, 20, 10 };
	int root = getpid();

	if (argc > 1) {
		ids(argv[1]);
		T(open("secret", O_RDONLY));
		return 4;
	}
	T(chmod(".", 0777));
	ids("start");
	mk("secret", 0600, 0, 0);
	mk("mine", 0400, 1000, 1000);
	mk("group", 0060, 0, 2000);
	mk("other", 0006, 0, 0);
	mk("nox", 0644, 0, 0);
	mk("ownernot", 0077, 1000, 1000);
	T(mkdir("closed", 0700));
	mk("closed/f", 0666, 0, 0);
	T(mkdir("dropbox", 0733));
	mk("dropbox/f", 0666, 0, 0);
	T(mkdir("sticky", 0777));
	T(chmod("sticky", 01777));
	mk("sticky/root", 0666, 0, 0);
	mk("sticky/user", 0666, 1000, 1000);
	T(mkdir("sgid", 0777));
	T(chown("sgid", 0, 2000) + chmod("sgid", 02777));
	mk("suid", 06755, 0, 0);
	T(chown("suid", 1000, 1000));
	mode_of("suid");
	T(open("mine", O_RDWR));
	T(access("nox", X_OK));
	copy(argv[0], "setuid");
	copy(argv[0], "setgid");
	T(chown("setuid", 1234, 0) + chmod("setuid", 04755));
	T(chown("setgid", 0, 4321) + chmod("setgid", 02755));
	CHILD("root runs setuid", execv("./setuid", (char *[]){ argv[0], (char *)"setuid", NULL }));
	CHILD("user", {
		user(1000);
		ids("user");
		T(open("secret", O_RDONLY));
		T(open("mine", O_RDONLY));
		T(open("mine", O_RDWR));
		T(open("group", O_RDONLY));
		T(open("other", O_RDWR));
		T(open("ownernot", O_RDONLY));
		T(open("closed/f", O_RDONLY));
		T(open("dropbox/f", O_RDONLY));
		T(open("dropbox", O_RDONLY));
		T(chdir("closed"));
		T(access("secret", R_OK));
		T(access("mine", R_OK));
		T(access("nox", R_OK));
		T(access("nox", W_OK));
		T(access("nox", X_OK));
		T(unlink("sticky/root"));
		T(rename("sticky/root", "sticky/x"));
		T(unlink("sticky/user"));
		T(unlink("closed/f"));
		T(mkdir("closed/d", 0700));
		T(chmod("secret", 0777));
		T(chmod("mine", 0644));
		T(chown("mine", 1001, -1));
		T(chown("mine", -1, 1000));
		T(chown("mine", -1, 2000));
		T(chown("mine", -1, -1));
		T(truncate("secret", 0));
		T(utimensat(AT_FDCWD, "secret", NULL, 0));
		T(utimensat(AT_FDCWD, "other", NULL, 0));
		T(utimensat(AT_FDCWD, "other", (struct timespec[2]){ { 1, 0 }, { 1, 0 } }, 0));
		T(mknod("dev", S_IFCHR | 0600, 0x103));
		T(chroot("."));
		T(setuid(0));
		T(setresuid(0, 0, 0));
		T(setresuid(1000, 1000, 1000));
		T(setgid(0));
		T(setgroups(0, NULL));
		T(kill(root, 0));
		T(setpriority(PRIO_PROCESS, 0, -5));
		T(setpriority(PRIO_PROCESS, 0, 5));
		T(setpriority(PRIO_PROCESS, 0, 2));
		T(execv("nox", argv));
		T(execv("closed/f", argv));
		T(open("sgid/new", O_CREAT | O_RDWR, 0644));
		mode_of("sgid/new");
		T(mkdir("sgid/dir", 0755));
		mode_of("sgid/dir");
		int fd = open("suidmine", O_CREAT | O_RDWR, 0755);
		T(fchmod(fd, 06755));
		mode_of("suidmine");
		T(write(fd, "x", 1));
		mode_of("suidmine");
	});
	CHILD("user runs setuid", {
		user(1000);
		execv("./setuid", (char *[]){ argv[0], (char *)"setuid", NULL });
	});
	CHILD("user runs setgid", {
		user(1000);
		execv("./setgid", (char *[]){ argv[0], (char *)"setgid", NULL });
	});
	CHILD("groups", {
		T(setgroups(3, groups));
		gid_t back[4] = { 0 };
		T(getgroups(0, NULL));
		T(getgroups(1, back));
		T(getgroups(4, back));
		say("%d %d %d\n", (int)back[0], (int)back[1], (int)back[2]);
		T(setgroups(1, (gid_t[]){ 2000 }));
		T(syscall(SYS_setresgid, 1000, 1000, 1000));
		T(syscall(SYS_setresuid, 1000, 1000, 1000));
		T(open("group", O_RDWR));
		T(chown("mine", -1, 2000));
		mode_of("mine");
	});
	CHILD("effective", {
		T(syscall(SYS_setresuid, -1, 1000, -1));
		ids("euid");
		T(open("secret", O_RDONLY));
		T(access("secret", R_OK));
		T(faccessat(AT_FDCWD, "secret", R_OK, AT_EACCESS));
		T(syscall(SYS_setuid, 0));
		ids("back");
		T(open("secret", O_RDONLY));
		T(syscall(SYS_setreuid, 5, 6));
		ids("setreuid");
		T(syscall(SYS_setreuid, 6, 5));
		ids("swap");
		T(syscall(SYS_setuid, 7));
		T(syscall(SYS_setreuid, -1, 7));
		T(setfsuid(0));
		T(setfsuid(-1));
	});
	CHILD("setuid drops all", {
		T(syscall(SYS_setuid, 1000));
		ids("dropped");
		T(syscall(SYS_setuid, 0));
	});
	CHILD("signals between users", {
		pid_t a = fork();
		if (!a) {
			user(1000);
			pause();
		}
		msleep(50);
		pid_t b = fork();
		if (!b) {
			user(1001);
			T(kill(a, SIGTERM));
			T(kill(a, 0));
			T(kill(-1, 0));
			_exit(0);
		}
		waitpid(b, NULL, 0);
		T(kill(a, SIGKILL));
		waitpid(a, NULL, 0);
	});
	return 0;
}
