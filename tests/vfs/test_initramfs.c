/* SPDX-License-Identifier: MIT */
/* cpio archives, good and hostile. */
#include "vfs_fixture.h"

struct archive {
	u8 data[65536];
	u64 len;
};

static void put_entry(struct archive *a, const char *magic, const char *name, u32 ino, u32 mode,
		      u32 nlink, u32 mtime, const char *body, u32 size, u32 check)
{
	u32 f[13] = {
		ino, mode, 7, 8, nlink, mtime, size, 0, 1, 1, 3, (u32)strlen(name) + 1, check
	};

	memcpy(a->data + a->len, magic, 6);
	a->len += 6;
	for (int i = 0; i < 13; i++)
		a->len += (u64)sprintf((char *)a->data + a->len, "%08X", f[i]);
	memcpy(a->data + a->len, name, strlen(name) + 1);
	a->len += strlen(name) + 1;
	while (a->len % 4)
		a->data[a->len++] = 0;
	memcpy(a->data + a->len, body ? body : "", body ? size : 0);
	a->len += body ? size : 0;
	while (a->len % 4)
		a->data[a->len++] = 0;
}

static void put(struct archive *a, const char *name, u32 mode, const char *body)
{
	static const u32 ino = 1;

	put_entry(a, "070701", name, ino, mode, 1, 1000, body, body ? (u32)strlen(body) : 0, 0);
}

static void put_trailer(struct archive *a)
{
	put(a, "TRAILER!!!", 0, NULL);
}

static void good_archive(void *arg)
{
	struct archive *a = boot_alloc(kern(), sizeof(*a));
	struct kstat st, st2;
	char buf[64];
	u64 bad;

	(void)arg;
	CHECK(a);
	put(a, ".", S_IFDIR | 0755, NULL);
	put(a, "bin", S_IFDIR | 0711, NULL);
	put(a, "./bin/tool", S_IFREG | 04755, "#!tool");
	put(a, "/bin/sym", S_IFLNK | 0777, "tool");
	put(a, "node", S_IFCHR | 0620, NULL);
	put_entry(a, "070702", "summed", 2, S_IFREG | 0600, 1, 5, "ab", 2, 'a' + 'b');
	put_entry(a, "070701", "link1", 3, S_IFREG | 0644, 3, 5, NULL, 0, 0);
	put_entry(a, "070701", "link2", 3, S_IFREG | 0644, 3, 5, NULL, 0, 0);
	put_entry(a, "070701", "bin/link3", 3, S_IFREG | 0644, 3, 5, "linked", 6, 0);
	put_trailer(a);
	a->len += 300; /* padding */
	put(a, "second", S_IFREG | 0600, "another archive");
	put(a, "bin/tool2", S_IFREG | 0600, "");
	put(a, "second", S_IFREG | 0600, "replaced"); /* the later one counts */
	put_trailer(a);
	CHECK(unpack_cpio(a->data, a->len, &bad) == 0);
	CHECK(stat_of("/bin", &st) == 0 && st.mode == (S_IFDIR | 0711) && st.uid == 7 &&
	      st.gid == 8 && st.mtime.tv_sec == 1000);
	CHECK(stat_of("/bin/tool", &st) == 0 && st.mode == (S_IFREG | 04755) &&
	      st.mtime.tv_sec == 1000);
	CHECK(slurp("/bin/sym", buf, sizeof(buf)) == 6 && !strcmp(buf, "#!tool"));
	CHECK(stat_of("/node", &st) == 0 && st.mode == (S_IFCHR | 0620) && st.rdev == MKDEV(1, 3));
	CHECK(slurp("/summed", buf, sizeof(buf)) == 2);
	CHECK(stat_of("/link1", &st) == 0 && stat_of("/bin/link3", &st2) == 0 &&
	      st.ino == st2.ino && st.nlink == 3);
	CHECK(slurp("/link2", buf, sizeof(buf)) == 6 && !strcmp(buf, "linked"));
	CHECK(slurp("/second", buf, sizeof(buf)) == 8 && !strcmp(buf, "replaced"));
}

static void archives_are_unpacked_with_links_times_and_owners(void **state)
{
	(void)state;
	vfs_test(good_archive);
}

static void hostile(void *arg)
{
	struct archive *a = boot_alloc(kern(), sizeof(*a)), *b = boot_alloc(kern(), sizeof(*b));
	struct prng rng;
	u64 bad = 77;
	struct kstat st;

	(void)arg;
	CHECK(a && b);
	CHECK(unpack_cpio(a->data, 0, &bad) == -EINVAL && bad == 0);
	put(a, "ok", S_IFREG | 0644, "fine");
	b->len = a->len;
	put(a, "../escape", S_IFREG | 0644, "x");
	CHECK(unpack_cpio(a->data, a->len, &bad) == -EINVAL && bad == b->len);
	CHECK(stat_of("/ok", &st) == 0 && stat_of("/escape", &st) == -ENOENT);
	a->len = 0;
	put(a, "a/../../b", S_IFREG | 0644, "x");
	CHECK(unpack_cpio(a->data, a->len, &bad) == -EINVAL);
	a->len = 0;
	put(a, "no/parent", S_IFREG | 0644, "x");
	CHECK(unpack_cpio(a->data, a->len, &bad) == -ENOENT);
	a->len = 0; /* a size far beyond the end */
	put_entry(a, "070701", "huge", 1, S_IFREG | 0644, 1, 0, NULL, 0xffffffff, 0);
	CHECK(unpack_cpio(a->data, a->len, &bad) == -EINVAL);
	a->len = 0; /* a wrong sum */
	put_entry(a, "070702", "sum", 1, S_IFREG | 0644, 1, 0, "ab", 2, 1);
	CHECK(unpack_cpio(a->data, a->len, &bad) == -EINVAL);
	a->len = 0; /* data on a directory */
	put_entry(a, "070701", "dir", 1, S_IFDIR | 0755, 1, 0, "ab", 2, 0);
	CHECK(unpack_cpio(a->data, a->len, &bad) == -EINVAL);
	a->len = 0; /* no trailer */
	put(a, "last", S_IFREG | 0644, "x");
	CHECK(unpack_cpio(a->data, a->len, &bad) == -EINVAL);
	a->len = 0; /* a name that does not end where it says */
	put(a, "abcdef", S_IFREG | 0644, "x");
	a->data[112] = 0;
	CHECK(unpack_cpio(a->data, a->len, &bad) == -EINVAL);
	a->len = 0; /* a digit that is none */
	put(a, "abc", S_IFREG | 0644, "x");
	a->data[20] = 'g';
	CHECK(unpack_cpio(a->data, a->len, &bad) == -EINVAL);
	/* Cut anywhere: never a crash, never success. */
	a->len = 0;
	put(a, "d", S_IFDIR | 0755, NULL);
	put(a, "d/f", S_IFREG | 0644, "content of a file");
	put(a, "d/s", S_IFLNK | 0777, "f");
	put_trailer(a);
	for (u64 n = 1; n + 4 < a->len; n++) {
		memset(b->data, 0xee, sizeof(b->data));
		memcpy(b->data + sizeof(b->data) - n, a->data,
		       n); /* the end of the array is the end of the archive */
		CHECK(unpack_cpio(b->data + sizeof(b->data) - n, n, &bad) == -EINVAL);
	}
	/* Random bytes changed: anything but a crash. */
	prng_seed(&rng, this_machine()->cfg.seed, 4);
	for (int i = 0; i < 3000; i++) {
		memcpy(b->data, a->data, a->len);
		for (u64 k = prng_below(&rng, 4) + 1; k; k--)
			b->data[prng_below(&rng, a->len)] =
				prng_below(&rng, 2) ? (u8)prng_u64(&rng) :
						      "0123456789abcdef/."[prng_below(&rng, 18)];
		unpack_cpio(b->data, a->len, &bad);
	}
}

static void hostile_archives_are_refused_where_they_go_wrong(void **state)
{
	(void)state;
	vfs_test(hostile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(archives_are_unpacked_with_links_times_and_owners),
		cmocka_unit_test(hostile_archives_are_refused_where_they_go_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
