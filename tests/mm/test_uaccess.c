/* SPDX-License-Identifier: MIT */
/*
 * copy_from_user and its kin over the machine's own exception path: what is copied, what is
 * reported as not copied, what is refused before anybody looks, and the same against a byte model
 * under random ranges with holes.
 */
#include "mm_fixture.h"

#define AT 0x7f1200000000ull
#define RW (PROT_READ | PROT_WRITE)
#define PAGES 8u
#define BYTES (PAGES * PAGE_SIZE)

static void partial(void *arg)
{
	struct mm_struct *mm = new_mm();
	u8 buf[3 * PAGE_SIZE];
	u64 i, rip = this_cpu()->rip, rsp = this_cpu()->r[RSP], faults;

	(void)arg;
	CHECK(map_anon(AT, 2 * PAGE_SIZE, RW, MAP_FIXED) > 0);
	for (i = 0; i < sizeof(buf); i++)
		buf[i] = (u8)(i * 7);
	/* Pages not there yet are brought in; the hole is where it stops. */
	faults = this_cpu()->nr_exceptions[VEC_PF];
	CHECK(copy_to_user(AT + 100, buf, 2 * PAGE_SIZE - 100) == 0);
	CHECK(this_cpu()->nr_exceptions[VEC_PF] == faults + 2);
	CHECK(copy_to_user(AT + PAGE_SIZE + 96, buf, PAGE_SIZE) == 96);
	CHECK(copy_to_user(AT - 10, buf, 20) == 20);
	memset(buf, 0xee, sizeof(buf));
	CHECK(copy_from_user(buf, AT + PAGE_SIZE + 96, PAGE_SIZE) == 96);
	for (i = 0; i < PAGE_SIZE; i++)
		CHECK(buf[i] == (i < PAGE_SIZE - 96 ? (u8)(i * 7) : 0)); /* the rest is zeroed */
	CHECK(buf[PAGE_SIZE] == 0xee);
	CHECK(clear_user(AT + PAGE_SIZE, 2 * PAGE_SIZE) == PAGE_SIZE);
	CHECK(copy_from_user(buf, AT + PAGE_SIZE, 8) == 0 && *(u64 *)buf == 0);
	CHECK(copy_from_user(buf, AT + 5 * PAGE_SIZE, 0) == 0 &&
	      copy_to_user(AT + 5 * PAGE_SIZE, buf, 0) == 0);
	/* Read-only and inaccessible pages. */
	CHECK(do_mprotect(AT, PAGE_SIZE, PROT_READ) == 0);
	CHECK(copy_to_user(AT, buf, 8) == 8 && copy_from_user(buf, AT, 8) == 0);
	CHECK(do_mprotect(AT, PAGE_SIZE, PROT_NONE) == 0);
	CHECK(copy_from_user(buf, AT, 8) == 8);
	/* The kernel's own context is as it was. */
	CHECK(this_cpu()->rip == rip && this_cpu()->r[RSP] == rsp && this_cpu()->cpl == 0 &&
	      irqs_disabled());
	CHECK(((struct sigrec *)current->embedder)->count == 0);
	check_mm(mm);
	mm_leave(mm);
}

static void copies_stop_at_the_page_that_fails(void **state)
{
	struct fixture f;

	(void)state;
	mm_fixture_create(&f, 32 << 20, 1);
	fixture_run(&f, partial, NULL);
	fixture_destroy(&f);
}

static void refused(void *arg)
{
	static const u64 bad[] = {
		0,
		8,
		0x7ffffffff000,
		0x7fffffffffff,
		0x800000000000,
		0x8000000000000000,
		0xffff800000000000,
		DIRECT_MAP_BASE,
		KERNEL_IMAGE_BASE,
		0xfee00000,
		0xfffffffffffffff8,
		0xffffffffffffffff,
	};
	struct mm_struct *mm = new_mm();
	u8 secret[64], buf[64];
	u64 i, walks;
	char *kernel = kmalloc(64, GFP_KERNEL);

	(void)arg;
	CHECK(kernel);
	memset(kernel, 's', 64);
	memset(secret, 0, sizeof(secret));
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		memset(buf, 0xaa, sizeof(buf));
		CHECK(copy_from_user(buf, bad[i], 64) == 64);
		CHECK(memcmp(buf, secret, 64) == 0);
		CHECK(copy_to_user(bad[i], buf, 64) == 64);
		CHECK(clear_user(bad[i], 64) == 64);
		CHECK(strncpy_from_user((char *)buf, bad[i], 64) == -EFAULT);
		CHECK(strnlen_user(bad[i], 64) == 0);
		CHECK(get_user_u32((u32 *)buf, bad[i]) == -EFAULT);
		CHECK(put_user_u64(1, bad[i]) == -EFAULT);
	}
	/* A kernel pointer is refused without a walk, and so is a length that wraps. */
	walks = this_cpu()->tlb.stats.walks;
	CHECK(copy_from_user(buf, host_to_va(kernel), 64) == 64 && buf[0] == 0);
	CHECK(copy_to_user(host_to_va(kernel), buf, 64) == 64 && kernel[0] == 's');
	CHECK(copy_to_user(AT, buf, ~0ull) == ~0ull);
	CHECK(this_cpu()->tlb.stats.walks == walks);
	kfree(kernel);
	check_mm(mm);
	mm_leave(mm);
	/* Without an address space every user pointer fails. */
	CHECK(copy_from_user(buf, AT, 64) == 64);
}

static void wild_and_kernel_pointers_are_refused(void **state)
{
	struct fixture f;

	(void)state;
	mm_fixture_create(&f, 32 << 20, 1);
	fixture_run(&f, refused, NULL);
	fixture_destroy(&f);
}

static void strings(void *arg)
{
	struct mm_struct *mm = new_mm();
	char buf[128];
	u32 v;
	u64 q;

	(void)arg;
	CHECK(map_anon(AT, PAGE_SIZE, RW, MAP_FIXED) > 0);
	CHECK(copy_to_user(AT + PAGE_SIZE - 6, "hello", 6) == 0);
	CHECK(strncpy_from_user(buf, AT + PAGE_SIZE - 6, sizeof(buf)) == 5 &&
	      !strcmp(buf, "hello"));
	CHECK(strncpy_from_user(buf, AT + PAGE_SIZE - 6, 5) == 5);
	CHECK(strncpy_from_user(buf, AT + PAGE_SIZE - 6, 0) == 0);
	CHECK(strnlen_user(AT + PAGE_SIZE - 6, 100) == 6);
	CHECK(strnlen_user(AT + PAGE_SIZE - 6, 3) > 3);
	CHECK(copy_to_user(AT + PAGE_SIZE - 6, "hello!", 6) == 0);
	CHECK(strncpy_from_user(buf, AT + PAGE_SIZE - 6, sizeof(buf)) == -EFAULT);
	CHECK(strnlen_user(AT + PAGE_SIZE - 6, 100) == 0);
	CHECK(put_user_u32(0x12345678, AT) == 0 && put_user_u8(9, AT + 4) == 0);
	CHECK(get_user_u64(&q, AT) == 0 && q == 0x0912345678ull);
	CHECK(cmpxchg_user_u32(&v, AT, 1, 2) == 0 && v == 0x12345678);
	CHECK(cmpxchg_user_u32(&v, AT, 0x12345678, 2) == 0 && v == 0x12345678);
	CHECK(get_user_u32(&v, AT) == 0 && v == 2);
	CHECK(cmpxchg_user_u32(&v, AT + PAGE_SIZE, 0, 1) == -EFAULT);
	CHECK(cmpxchg_user_u32(&v, AT + 2, 0, 1) == -EFAULT);
	/* With faults off a page that is not there fails at once, and stays away. */
	CHECK(map_anon(AT + PAGE_SIZE, PAGE_SIZE, RW, MAP_FIXED) > 0);
	pagefault_disable();
	CHECK(copy_to_user(AT + PAGE_SIZE, buf, 8) == 8);
	CHECK(copy_to_user(AT, buf, 8) == 0);
	pagefault_enable();
	CHECK(copy_to_user(AT + PAGE_SIZE, buf, 8) == 0);
	check_mm(mm);
	mm_leave(mm);
}

static void strings_and_words_say_how_long_they_are(void **state)
{
	struct fixture f;

	(void)state;
	mm_fixture_create(&f, 32 << 20, 1);
	fixture_run(&f, strings, NULL);
	fixture_destroy(&f);
}

/* --- remote --- */

static void remote(void *arg)
{
	struct mm_struct *mm = new_mm(), *other;
	char buf[64];
	u64 v;

	(void)arg;
	CHECK(mm_map_stack(mm, AT - 4 * PAGE_SIZE, AT, 0) == 0);
	CHECK(user_write(AT - 8, 0x1122) == 0);
	other = new_mm();
	CHECK(access_remote_vm(mm, AT - 8, &v, 8, false) == 8 && v == 0x1122);
	v = 0x3344;
	CHECK(access_remote_vm(mm, AT - PAGE_SIZE - 4, &v, 8, true) ==
	      8); /* over two pages, one not there */
	CHECK(access_remote_vm(mm, AT - 4, buf, 8, false) == 4);
	CHECK(access_remote_vm(mm, AT + PAGE_SIZE, buf, 8, false) == 0);
	mm_use(mm);
	CHECK(user_read(AT - PAGE_SIZE - 4, &v) == 0 && v == 0x3344);
	/* A debugger's write to read-only private memory copies; the right does not change. */
	CHECK(do_mprotect(AT - PAGE_SIZE, PAGE_SIZE, PROT_READ) == 0);
	v = 0x5566;
	CHECK(access_remote_vm(mm, AT - 8, &v, 8, true) == 8);
	v = 0;
	CHECK(user_read(AT - 8, &v) == 0 && v == 0x5566);
	CHECK(user_write(AT - 8, 1) == SIGSEGV);
	/* And never writes what a forked relative shares. */
	mm_leave(other);
	other = dup_mm(mm);
	CHECK(other);
	v = 0x7788;
	CHECK(access_remote_vm(other, AT - 8, &v, 8, true) == 8);
	CHECK(user_read(AT - 8, &v) == 0 && v == 0x5566);
	CHECK(access_remote_vm(other, AT - 8, &v, 8, false) == 8 && v == 0x7788);
	check_mm(mm);
	check_mm(other);
	mm_leave(mm);
	mm_leave(other);
}

static void another_address_space_is_read_and_written(void **state)
{
	struct fixture f;

	(void)state;
	mm_fixture_create(&f, 32 << 20, 1);
	fixture_run(&f, remote, NULL);
	fixture_destroy(&f);
}

/* --- random ranges against bytes --- */

struct bytes {
	bool readable[PAGES], writable[PAGES];
	u8 byte[BYTES];
};

/* Bytes from off that can be accessed, at most n. */
static u64 reach(const bool *ok, u64 off, u64 n)
{
	u64 end = off;

	while (end < off + n && end < BYTES && ok[end / PAGE_SIZE])
		end++;
	return end - off;
}

static void random_step(struct prng *rng, struct bytes *md, u8 *buf)
{
	u64 off = prng_below(rng, BYTES), n = 1 + prng_below(rng, 3 * PAGE_SIZE), got, i;

	switch (prng_below(rng, 4)) {
	case 0:
		got = reach(md->readable, off, n);
		memset(buf, 0xcc, n);
		CHECK(copy_from_user(buf, AT + off, n) == n - got);
		CHECK(!memcmp(buf, md->byte + off, got));
		for (i = got; i < n; i++)
			CHECK(buf[i] == 0);
		break;
	case 1:
		got = reach(md->writable, off, n);
		prng_bytes(rng, buf, n);
		CHECK(copy_to_user(AT + off, buf, n) == n - got);
		memcpy(md->byte + off, buf, got);
		break;
	case 2:
		got = reach(md->writable, off, n);
		CHECK(clear_user(AT + off, n) == n - got);
		memset(md->byte + off, 0, got);
		break;
	default:
		i = off / PAGE_SIZE;
		off = i * PAGE_SIZE;
		switch (prng_below(rng, 5)) {
		case 0:
			CHECK(vm_munmap(AT + off, PAGE_SIZE) == 0);
			md->readable[i] = md->writable[i] = false;
			break;
		case 1:
			if (do_mprotect(AT + off, PAGE_SIZE, PROT_READ))
				break;
			md->readable[i] = true;
			md->writable[i] = false;
			break;
		case 2:
			if (do_mprotect(AT + off, PAGE_SIZE, RW))
				break;
			md->readable[i] = md->writable[i] = true;
			break;
		default:
			CHECK(map_anon(AT + off, PAGE_SIZE, RW, MAP_FIXED) > 0);
			md->readable[i] = md->writable[i] = true;
			memset(md->byte + off, 0, PAGE_SIZE);
		}
	}
}

static void random_bytes(void *arg)
{
	struct fixture *f = arg;
	struct bytes *md = boot_alloc(f->k, sizeof(*md));
	u8 *buf = boot_alloc(f->k, BYTES);
	struct mm_struct *mm = new_mm();
	struct prng rng;
	u32 i;

	CHECK(md && buf);
	prng_seed(&rng, f->seed, 0x756163);
	for (i = 0; i < 6000; i++)
		random_step(&rng, md, buf);
	check_mm(mm);
	mm_leave(mm);
}

static void copies_equal_a_byte_model_with_holes(void **state)
{
	struct fixture f;

	(void)state;
	mm_fixture_create(&f, 32 << 20, 1);
	fixture_run(&f, random_bytes, &f);
	fixture_destroy(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_stop_at_the_page_that_fails),
		cmocka_unit_test(wild_and_kernel_pointers_are_refused),
		cmocka_unit_test(strings_and_words_say_how_long_they_are),
		cmocka_unit_test(another_address_space_is_read_and_written),
		cmocka_unit_test(copies_equal_a_byte_model_with_holes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
