/* SPDX-License-Identifier: MIT */
/*
 * Random changes of a tree, each against a naive model: the same errno, the same names in the same
 * order, the same link counts.
 */
#include "vfs_fixture.h"

#define NODES 160      /* names alive at once, at most */
#define FIRST_NAMES 10 /* names drawn from: n0 .. n9 */
#define MAX_DEPTH 4

/*
 * The model: a table of names. A name has a parent name, a kind, an object number (hard links share
 * it), and its time of birth.
 */
struct name {
	bool used;
	int parent; /* index; 0 is the root */
	int n;	    /* which of the drawn names */
	char kind;  /* 'd', 'f', 'l' */
	int object;
	u64 born;
};

struct model {
	struct name name[NODES];
	struct prng rng;
	u64 clock;
	int next_object;
};

static int find_child(const struct model *m, int dir, int n)
{
	for (int i = 1; i < NODES; i++)
		if (m->name[i].used && m->name[i].parent == dir && m->name[i].n == n)
			return i;
	return -1;
}

static int depth(const struct model *m, int i)
{
	int d = 0;

	for (; i; i = m->name[i].parent)
		d++;
	return d;
}

static bool below(const struct model *m, int i, int ancestor)
{
	for (;; i = m->name[i].parent) {
		if (i == ancestor)
			return true;
		if (!i)
			return false;
	}
}

static int children(const struct model *m, int dir)
{
	int c = 0;

	for (int i = 1; i < NODES; i++)
		c += m->name[i].used && m->name[i].parent == dir;
	return c;
}

static void path_of(const struct model *m, int i, char *buf)
{
	int chain[MAX_DEPTH + 2], d = 0;

	for (; i; i = m->name[i].parent)
		chain[d++] = m->name[i].n;
	strcpy(buf, "/t");
	while (d--)
		sprintf(buf + strlen(buf), "/n%d", chain[d]);
}

static void path_in(const struct model *m, int dir, int n, char *buf)
{
	path_of(m, dir, buf);
	sprintf(buf + strlen(buf), "/n%d", n);
}

static int random_dir(struct model *m)
{
	int dirs[NODES], c = 0;

	dirs[c++] = 0;
	for (int i = 1; i < NODES; i++)
		if (m->name[i].used && m->name[i].kind == 'd' && depth(m, i) < MAX_DEPTH)
			dirs[c++] = i;
	return dirs[prng_below(&m->rng, (u64)c)];
}

static int free_slot(const struct model *m)
{
	for (int i = 1; i < NODES; i++)
		if (!m->name[i].used)
			return i;
	return -1;
}

static void add(struct model *m, int dir, int n, char kind, int object)
{
	int i = free_slot(m);

	m->name[i] = (struct name){ .used = true,
				    .parent = dir,
				    .n = n,
				    .kind = kind,
				    .object = object,
				    .born = ++m->clock };
}

static void step_make(struct model *m)
{
	int dir = random_dir(m), n = (int)prng_below(&m->rng, FIRST_NAMES),
	    kind = (int)prng_below(&m->rng, 3);
	bool there = find_child(m, dir, n) >= 0;
	char path[128];
	int err;

	if (free_slot(m) < 0)
		return;
	path_in(m, dir, n, path);
	if (kind == 0)
		err = do_mkdirat(AT_FDCWD, path, 0755);
	else if (kind == 1)
		err = try_open(path, O_RDWR | O_CREAT | O_EXCL);
	else
		err = do_symlinkat("some/where", AT_FDCWD, path);
	CHECK(err == (there ? -EEXIST : 0));
	if (!there)
		add(m, dir, n, "dfl"[kind], ++m->next_object);
}

static void step_remove(struct model *m)
{
	int dir = random_dir(m), n = (int)prng_below(&m->rng, FIRST_NAMES),
	    i = find_child(m, dir, n);
	bool as_dir = prng_below(&m->rng, 2);
	int expected, err;
	char path[128];

	path_in(m, dir, n, path);
	if (i < 0)
		expected = -ENOENT;
	else if (as_dir)
		expected = m->name[i].kind != 'd' ? -ENOTDIR : children(m, i) ? -ENOTEMPTY : 0;
	else
		expected = m->name[i].kind == 'd' ? -EISDIR : 0;
	err = as_dir ? do_rmdir(AT_FDCWD, path) : do_unlinkat(AT_FDCWD, path);
	CHECK(err == expected);
	if (!err)
		m->name[i].used = false;
}

static void step_link(struct model *m)
{
	int from_dir = random_dir(m), to_dir = random_dir(m);
	int a = (int)prng_below(&m->rng, FIRST_NAMES), b = (int)prng_below(&m->rng, FIRST_NAMES);
	int i = find_child(m, from_dir, a), j = find_child(m, to_dir, b), expected;
	char from[128], to[128];

	if (free_slot(m) < 0)
		return;
	path_in(m, from_dir, a, from);
	path_in(m, to_dir, b, to);
	expected = i < 0 ? -ENOENT : j >= 0 ? -EEXIST : m->name[i].kind == 'd' ? -EPERM : 0;
	CHECK(do_linkat(AT_FDCWD, from, AT_FDCWD, to, 0) == expected);
	if (!expected)
		add(m, to_dir, b, m->name[i].kind, m->name[i].object);
}

static int height(const struct model *m, int i)
{
	int h = 0;

	for (int j = 1; j < NODES; j++)
		if (m->name[j].used && below(m, j, i))
			h = max(h, depth(m, j) - depth(m, i));
	return h;
}

static void step_rename(struct model *m)
{
	int from_dir = random_dir(m), to_dir = random_dir(m);
	int a = (int)prng_below(&m->rng, FIRST_NAMES), b = (int)prng_below(&m->rng, FIRST_NAMES);
	int i = find_child(m, from_dir, a), j = find_child(m, to_dir, b), expected = 0;
	u32 flags = prng_below(&m->rng, 2) ? 0 : (u32)prng_below(&m->rng, 3);
	char from[128], to[128];

	if (i >= 0 && depth(m, to_dir) + 1 + height(m, i) > MAX_DEPTH)
		return;
	if (j >= 0 && (flags & RENAME_EXCHANGE) &&
	    depth(m, from_dir) + 1 + height(m, j) > MAX_DEPTH)
		return;
	path_in(m, from_dir, a, from);
	path_in(m, to_dir, b, to);
	if (i < 0)
		expected = -ENOENT;
	else if ((flags & RENAME_NOREPLACE) && j >= 0)
		expected = -EEXIST;
	else if ((flags & RENAME_EXCHANGE) && j < 0)
		expected = -ENOENT;
	else if (m->name[i].kind == 'd' && below(m, to_dir, i))
		expected = -EINVAL;
	else if (j >= 0 && m->name[j].kind == 'd' && below(m, from_dir, j))
		expected = flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
	else if (j >= 0 && m->name[i].object == m->name[j].object)
		flags = 0; /* nothing happens */
	else if (j >= 0 && !(flags & RENAME_EXCHANGE)) {
		if (m->name[i].kind == 'd' && m->name[j].kind != 'd')
			expected = -ENOTDIR;
		else if (m->name[i].kind != 'd' && m->name[j].kind == 'd')
			expected = -EISDIR;
		else if (m->name[j].kind == 'd' && children(m, j))
			expected = -ENOTEMPTY;
	}
	CHECK(do_renameat2(AT_FDCWD, from, AT_FDCWD, to, flags) == expected);
	if (expected || (j >= 0 && m->name[i].object == m->name[j].object))
		return;
	if (flags & RENAME_EXCHANGE) {
		struct name t = m->name[i];

		m->name[i].parent = m->name[j].parent;
		m->name[i].n = m->name[j].n;
		m->name[i].born = m->name[j].born;
		m->name[j].parent = t.parent;
		m->name[j].n = t.n;
		m->name[j].born = t.born;
		return;
	}
	if (j >= 0)
		m->name[j].used = false;
	m->name[i].parent = to_dir;
	m->name[i].n = b;
	m->name[i].born = ++m->clock; /* a new entry of its directory */
}

static void check_dir(const struct model *m, int dir)
{
	char path[128], expected[NODES * 4] = "", got[NODES * 4];
	int n = 0, subdirs = 0;
	struct kstat st;
	u64 last = 0;

	path_of(m, dir, path);
	for (;;) {
		int best = -1;

		for (int i = 1; i < NODES; i++)
			if (m->name[i].used && m->name[i].parent == dir && m->name[i].born > last &&
			    (best < 0 || m->name[i].born < m->name[best].born))
				best = i;
		if (best < 0)
			break;
		sprintf(expected + strlen(expected), "n%d ", m->name[best].n);
		last = m->name[best].born;
		subdirs += m->name[best].kind == 'd';
		n++;
	}
	CHECK(list_dir(path, got, sizeof(got)) == n);
	if (strcmp(got, expected))
		machine_panic(this_machine(), "%s: \"%s\", expected \"%s\" (OSIM_TEST_SEED=%llu)",
			      path, got, expected, (unsigned long long)this_machine()->cfg.seed);
	CHECK(stat_of(path, &st) == 0 && (int)st.nlink == 2 + subdirs && st.size == 20 * n);
}

static void check_all(const struct model *m)
{
	check_dir(m, 0);
	for (int i = 1; i < NODES; i++) {
		struct kstat st;
		char path[128];
		int links = 0;

		if (!m->name[i].used)
			continue;
		if (m->name[i].kind == 'd') {
			check_dir(m, i);
			continue;
		}
		for (int j = 1; j < NODES; j++)
			links += m->name[j].used && m->name[j].object == m->name[i].object;
		path_of(m, i, path);
		CHECK(stat_of(path, &st) == 0);
		CHECK((int)st.nlink == links && S_ISLNK(st.mode) == (m->name[i].kind == 'l'));
	}
}

static void random_tree(void *arg)
{
	u32 steps = *(u32 *)arg;
	struct model *m = boot_alloc(kern(), sizeof(*m));

	CHECK(m && do_mkdirat(AT_FDCWD, "/t", 0755) == 0);
	prng_seed(&m->rng, this_machine()->cfg.seed, 1);
	for (u32 s = 0; s < steps; s++) {
		switch (prng_below(&m->rng, 8)) {
		case 0:
		case 1:
		case 2:
			step_make(m);
			break;
		case 3:
			step_link(m);
			break;
		case 4:
		case 5:
			step_remove(m);
			break;
		default:
			step_rename(m);
		}
		if (s % 64 == 0)
			check_all(m);
		if (s % 500 == 0)
			shrink_dcache(prng_below(&m->rng, 40));
	}
	check_all(m);
}

static void random_changes_agree_with_a_naive_tree(void **state)
{
	u32 steps = 12000;

	(void)state;
	vfs_test_arg(random_tree, &steps);
}

/* --- the dentry cache under many names --- */

static void many_names(void *arg)
{
	struct kstat st;
	char name[80];
	u64 total, unused;

	(void)arg;
	vfs()->dentry_unused_max = 500;
	CHECK(do_mkdirat(AT_FDCWD, "/many", 0755) == 0);
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "/many/%s%d",
			 i % 3 ? "short" : "a-name-that-does-not-fit-into-the-dentry-itself-", i);
		CHECK(stat_of(name, &st) == -ENOENT);
		if (i % 5 == 0)
			make_file(name, "");
		if (i % 10 == 0)
			CHECK(do_unlinkat(AT_FDCWD, name) == 0);
		dcache_stats(&total, &unused);
		CHECK(unused <= 501);
	}
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "/many/%s%d",
			 i % 3 ? "short" : "a-name-that-does-not-fit-into-the-dentry-itself-", i);
		CHECK(stat_of(name, &st) == (i % 10 == 5 ? 0 : -ENOENT));
	}
	CHECK(shrink_dcache(~0ull) > 400);
	dcache_stats(&total, &unused);
	CHECK(unused == 0 && total >= 500 && total < 560); /* what exists is pinned */
	CHECK(stat_of("/many", &st) == 0 && st.size == 500 * 20);
}

static void unused_names_are_evicted_and_existing_ones_never(void **state)
{
	(void)state;
	vfs_test(many_names);
}

/* --- readdir while the directory changes --- */

struct rm_walk {
	struct dir_context ctx;
	u32 seen, room;
};

static bool rm_actor(struct dir_context *ctx, const char *name, u32 len, s64 pos, u64 ino, u8 type)
{
	struct rm_walk *w = container_of(ctx, struct rm_walk, ctx);

	(void)name;
	(void)len;
	(void)pos;
	(void)ino;
	(void)type;
	if (!w->room)
		return false;
	w->room--;
	w->seen++;
	return true;
}

static void readdir_with_changes(void *arg)
{
	struct rm_walk w = { .ctx = { .actor = rm_actor } };
	struct file *f;
	char name[32];

	(void)arg;
	CHECK(do_mkdirat(AT_FDCWD, "/r", 0755) == 0);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "/r/f%d", i);
		make_file(name, "");
	}
	f = filp_open("/r", O_RDONLY, 0);
	CHECK(!IS_ERR(f));
	for (int round = 0; round < 20; round++) {
		w.room = 10; /* ".", ".." and eight, then ten at a time */
		CHECK(iterate_dir(f, &w.ctx) == 0);
		/* What was seen goes, as rm -r does it, and one still to come goes too. */
		for (u32 i = 0; i + 2 < w.seen && i < 100; i++) {
			snprintf(name, sizeof(name), "/r/f%u", i);
			do_unlinkat(AT_FDCWD, name);
		}
		if (round == 2)
			CHECK(do_unlinkat(AT_FDCWD, "/r/f90") == 0);
	}
	CHECK(w.seen == 2 + 99);
	CHECK(f->f_pos > 0);
	CHECK(vfs_llseek(f, 0, SEEK_SET) == 0);
	w = (struct rm_walk){ .ctx = { .actor = rm_actor }, .room = 1000 };
	CHECK(iterate_dir(f, &w.ctx) == 0 && w.seen == 2 + 1); /* f99 was the last one seen */
	fput(f);
}

static void readdir_neither_repeats_nor_loses_names_while_others_go(void **state)
{
	(void)state;
	vfs_test(readdir_with_changes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_changes_agree_with_a_naive_tree),
		cmocka_unit_test(unused_names_are_evicted_and_existing_ones_never),
		cmocka_unit_test(readdir_neither_repeats_nor_loses_names_while_others_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
