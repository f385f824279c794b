/* SPDX-License-Identifier: MIT */
/* host/file on a directory of its own under the host's temporary directory. */
#include <fcntl.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "host/file.h"
#include "lib/errno.h"

static char dir[256];

static const char *in_dir(const char *name)
{
	static char path[8][600];
	static int turn;

	turn = (turn + 1) % 8;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir, name);
	return path[turn];
}

static int make_dir(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	setlocale(LC_ALL, "");
	snprintf(dir, sizeof(dir), "%s/osim-file-XXXXXX", tmp ? tmp : "/tmp");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	char cmd[300];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	return system(cmd);
}

static void what_is_written_is_read_back(void **state)
{
	static const u64 sizes[] = { 0, 1, 4095, 4096, 4097, 300000 };
	u8 *data, *out = malloc(300000);
	u64 len;

	(void)state;
	for (u64 i = 0; i < 300000; i++)
		out[i] = (u8)(i * 31 >> 3);
	for (size_t k = 0; k < sizeof(sizes) / sizeof(*sizes); k++) {
		assert_int_equal(host_file_write(in_dir("f"), out, sizes[k], false), 0);
		assert_int_equal(host_file_read(in_dir("f"), 1 << 20, &data, &len), 0);
		assert_int_equal(len, sizes[k]);
		assert_memory_equal(data, out, len);
		assert_int_equal(data[len], 0);
		host_free(data);
	}
	assert_int_equal(host_file_write(in_dir("f"), "abc", 3, true), 0);
	assert_int_equal(host_file_read(in_dir("f"), 300003, &data, &len), 0);
	assert_int_equal(len, 300003);
	host_free(data);
	assert_int_equal(host_file_read(in_dir("f"), 300002, &data, &len), -EFBIG);
	assert_null(data);
	free(out);
}

static void files_that_say_size_zero_are_read_whole(void **state)
{
	u8 *data;
	u64 len;

	(void)state;
	assert_int_equal(host_file_read("/proc/self/maps", 1 << 20, &data, &len), 0);
	assert_true(len > 100);
	host_free(data);
	assert_int_equal(host_file_read("/dev/zero", 100000, &data, &len), -EFBIG);
	assert_null(data);
}

static void errors_are_the_hosts(void **state)
{
	struct host_stat st;
	char *target;
	u8 *data;
	u64 len;

	(void)state;
	assert_int_equal(host_file_read(in_dir("none"), 100, &data, &len), -ENOENT);
	assert_int_equal(host_file_read(dir, 1 << 20, &data, &len), -EISDIR);
	assert_int_equal(host_file_stat(in_dir("none"), true, &st), -ENOENT);
	assert_int_equal(host_readlink(dir, &target), -EINVAL);
	assert_null(target);
	assert_int_equal(host_file_write(in_dir("no/such"), "", 0, false), -ENOENT);
	assert_int_equal(host_fd_write(-1, "x", 1), -EBADF);
}

static int collect(void *arg, const char *rel, const char *host, const struct host_stat *st)
{
	char *text = arg;
	struct stat real;

	assert_int_equal(lstat(host, &real), 0);
	if (*rel)
		assert_int_equal(real.st_mode, st->mode);
	if (S_ISREG(real.st_mode))
		assert_int_equal(real.st_size, st->size_bytes);
	snprintf(text + strlen(text), 4096 - strlen(text), "%s|", rel);
	return strcmp(rel, "stop") ? 0 : 77;
}

static void a_walk_is_in_byte_order_and_follows_no_link(void **state)
{
	char text[4096] = "", *target;
	struct host_stat st;

	(void)state;
	assert_int_equal(mkdir(in_dir("w"), 0755), 0);
	assert_int_equal(mkdir(in_dir("w/b"), 0700), 0);
	assert_int_equal(mkdir(in_dir("w/b/deep"), 0755), 0);
	assert_int_equal(mkdir(in_dir("w/empty"), 0755), 0);
	host_file_write(in_dir("w/b/x"), "12345", 5, false);
	host_file_write(in_dir("w/B"), "", 0, false);
	host_file_write(in_dir("w/a"), "", 0, false);
	host_file_write(in_dir("w/b.txt"), "", 0,
			false); /* '.' sorts before '/': but b's contents come with b */
	assert_int_equal(symlink("..", in_dir("w/b/up")), 0);
	assert_int_equal(host_walk(in_dir("w"), collect, text), 0);
	assert_string_equal(text, "|B|a|b|b/deep|b/up|b/x|b.txt|empty|");
	text[0] = 0;
	assert_int_equal(host_walk(in_dir("w///"), collect, text),
			 0); /* slashes at the end change nothing */
	assert_string_equal(text, "|B|a|b|b/deep|b/up|b/x|b.txt|empty|");
	assert_int_equal(host_readlink(in_dir("w/b/up"), &target), 0);
	assert_string_equal(target, "..");
	host_free(target);
	assert_int_equal(host_file_stat(in_dir("w/b/up"), false, &st), 0);
	assert_true(S_ISLNK(st.mode));
	assert_int_equal(host_file_stat(in_dir("w/b/up"), true, &st), 0);
	assert_true(S_ISDIR(st.mode));
}

static void a_walk_from_a_dot_or_a_file_works_and_may_be_stopped(void **state)
{
	char text[4096] = "", old[4096];

	(void)state;
	assert_int_equal(mkdir(in_dir("s"), 0755), 0);
	host_file_write(in_dir("s/first"), "", 0, false);
	host_file_write(in_dir("s/stop"), "", 0, false);
	host_file_write(in_dir("s/unseen"), "", 0, false);
	assert_int_equal(host_walk(in_dir("s"), collect, text), 77);
	assert_string_equal(text, "|first|stop|");
	text[0] = 0;
	assert_non_null(getcwd(old, sizeof(old)));
	assert_int_equal(chdir(in_dir("s")), 0);
	assert_int_equal(host_walk(".", collect, text), 77);
	assert_string_equal(text, "|first|stop|");
	assert_int_equal(chdir(old), 0);
	text[0] = 0;
	assert_int_equal(host_walk(in_dir("s/first"), collect, text), 0);
	assert_string_equal(text, "|");
	assert_int_equal(host_walk(in_dir("none"), collect, text), -ENOENT);
	assert_int_equal(host_walk("", collect, text), -ENOENT);
}

static void descriptors_pass_all_bytes_through_a_pipe(void **state)
{
	char buf[1000];
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(fcntl(fd[0], F_SETFL, O_NONBLOCK), 0); /* reading waits all the same */
	assert_int_equal(host_fd_write(fd[1], "hello", 5), 0);
	assert_int_equal(host_fd_read(fd[0], buf, sizeof(buf)), 5);
	assert_memory_equal(buf, "hello", 5);
	close(fd[1]);
	assert_int_equal(host_fd_read(fd[0], buf, sizeof(buf)), 0);
	close(fd[0]);
	assert_true(host_clock_ns() > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(files_that_say_size_zero_are_read_whole),
		cmocka_unit_test(errors_are_the_hosts),
		cmocka_unit_test(a_walk_is_in_byte_order_and_follows_no_link),
		cmocka_unit_test(a_walk_from_a_dot_or_a_file_works_and_may_be_stopped),
		cmocka_unit_test(descriptors_pass_all_bytes_through_a_pipe),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
