/* SPDX-License-Identifier: MIT */
/*
 * Page faults one by one: what each kind of access to each kind of page comes to, which frames are
 * shared, which signals are sent, and what the counters say. Files are stood for by a table of
 * pages in the test.
 */
#include "mm_fixture.h"

#include "mm/rmap.h"

#define AT 0x7f1200000000ull
#define RW (PROT_READ | PROT_WRITE)

static pte_t pte_at(struct mm_struct *mm, u64 va)
{
	pte_t *pte = pte_find(mm, va);

	return pte ? *pte : 0;
}

static struct sigrec *sigrec(void)
{
	return current->embedder;
}

/* --- anonymous memory --- */

static void zero_page(void *arg)
{
	struct mm_struct *mm = new_mm();
	u64 v = 1, zero_pfn;

	(void)arg;
	CHECK(map_anon(AT, 4 * PAGE_SIZE, RW, MAP_FIXED) == (s64)AT);
	CHECK(user_read(AT, &v) == 0 && v == 0);
	CHECK(user_read(AT + PAGE_SIZE + 8, &v) == 0 && v == 0);
	zero_pfn = pte_pfn(pte_at(mm, AT));
	CHECK(pte_pfn(pte_at(mm, AT + PAGE_SIZE)) == zero_pfn);
	CHECK(pte_special(pte_at(mm, AT)) && !pte_write(pte_at(mm, AT)));
	CHECK(get_mm_rss(mm) == 0);
	CHECK(!pte_at(mm, AT + 2 * PAGE_SIZE));

	CHECK(user_write(AT + 16, 77) == 0);
	CHECK(pte_pfn(pte_at(mm, AT)) != zero_pfn && pte_write(pte_at(mm, AT)) &&
	      pte_dirty(pte_at(mm, AT)));
	CHECK(mm->rss_stat[MM_ANONPAGES] == 1);
	CHECK(user_read(AT, &v) == 0 && v == 0);
	CHECK(user_read(AT + 16, &v) == 0 && v == 77);
	CHECK(user_read(AT + PAGE_SIZE + 16, &v) == 0 && v == 0);
	check_mm(mm);
	mm_leave(mm);
}

static void read_maps_the_zero_page_and_write_replaces_it(void **state)
{
	struct fixture f;

	(void)state;
	mm_fixture_create(&f, 32 << 20, 1);
	fixture_run(&f, zero_page, NULL);
	fixture_destroy(&f);
}

static void cow(void *arg)
{
	struct mm_struct *parent = new_mm(), *child;
	struct page *page;
	u64 v, pfn;

	(void)arg;
	CHECK(map_anon(AT, 2 * PAGE_SIZE, RW, MAP_FIXED) == (s64)AT);
	CHECK(user_write(AT, 1) == 0 && user_write(AT + PAGE_SIZE, 2) == 0);
	pfn = pte_pfn(pte_at(parent, AT));
	page = pfn_to_page(pfn);
	CHECK(PageAnonExclusive(page) && page_mapcount(page) == 1 && page_ref_count(page) == 1);

	child = dup_mm(parent);
	CHECK(child);
	CHECK(!pte_write(pte_at(parent, AT)) && !pte_write(pte_at(child, AT)));
	CHECK(pte_pfn(pte_at(child, AT)) == pfn && page_mapcount(page) == 2 &&
	      page_ref_count(page) == 2);
	CHECK(!PageAnonExclusive(page));
	check_mm(parent);
	check_mm(child);

	/* The parent's own writable translation is gone too: its write copies. */
	CHECK(user_write(AT, 10) == 0);
	CHECK(pte_pfn(pte_at(parent, AT)) != pfn);
	CHECK(page_mapcount(page) == 1);
	mm_use(child);
	CHECK(user_read(AT, &v) == 0 && v == 1);
	/* The child is the last owner: the same frame becomes writable again. */
	CHECK(user_write(AT, 20) == 0);
	CHECK(pte_pfn(pte_at(child, AT)) == pfn && pte_write(pte_at(child, AT)) &&
	      PageAnonExclusive(page));
	CHECK(user_write(AT + PAGE_SIZE, 21) == 0);
	mm_use(parent);
	CHECK(user_read(AT, &v) == 0 && v == 10);
	CHECK(user_read(AT + PAGE_SIZE, &v) == 0 && v == 2);
	check_mm(parent);
	check_mm(child);
	mm_leave(child);
	mm_leave(parent);
}

static void fork_shares_until_somebody_writes(void **state)
{
	struct fixture f;

	(void)state;
	mm_fixture_create(&f, 32 << 20, 1);
	fixture_run(&f, cow, NULL);
	fixture_destroy(&f);
}

static void shared_anon(void *arg)
{
	struct mm_struct *parent = new_mm(), *child;
	u64 v;

	(void)arg;
	CHECK(vm_mmap_pgoff(NULL, AT, 4 * PAGE_SIZE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED,
			    0) == (s64)AT);
	CHECK(user_write(AT, 5) == 0);
	child = dup_mm(parent);
	CHECK(child);
	CHECK(!pte_at(child, AT)); /* comes back by faulting */
	mm_use(child);
	CHECK(user_read(AT, &v) == 0 && v == 5);
	CHECK(user_write(AT + PAGE_SIZE, 6) == 0);
	CHECK(child->rss_stat[MM_SHMEMPAGES] == 2);
	mm_use(parent);
	CHECK(user_read(AT + PAGE_SIZE, &v) == 0 && v == 6);
	CHECK(pte_pfn(pte_at(parent, AT)) == pte_pfn(pte_at(child, AT)));
	/* A hole in one does not lose what the other has. */
	CHECK(vm_munmap(AT, 4 * PAGE_SIZE) == 0);
	CHECK(user_read(AT, &v) == SIGSEGV);
	mm_use(child);
	CHECK(user_read(AT, &v) == 0 && v == 5);
	/* Beyond the object's size there is nothing. */
	CHECK(ksys_mremap(AT, 4 * PAGE_SIZE, 5 * PAGE_SIZE, 0, 0) == (s64)AT);
	CHECK(user_read(AT + 4 * PAGE_SIZE, &v) == SIGBUS);
	check_mm(child);
	check_mm(parent);
	mm_leave(child);
	mm_leave(parent);
}

static void shared_anonymous_memory_is_one_for_all(void **state)
{
	struct fixture f;

	(void)state;
	mm_fixture_create(&f, 32 << 20, 1);
	fixture_run(&f, shared_anon, NULL);
	fixture_destroy(&f);
}

/* --- rights --- */

static void rights(void *arg)
{
	struct mm_struct *mm = new_mm();
	struct sigrec *r = sigrec();
	u64 v;

	(void)arg;
	CHECK(map_anon(AT, PAGE_SIZE, PROT_READ, MAP_FIXED) == (s64)AT);
	CHECK(user_read(AT, &v) == 0);
	CHECK(user_write(AT + 8, 1) == SIGSEGV && r->code == SEGV_ACCERR && r->address == AT + 8);
	CHECK(user_write(AT - 8, 1) == SIGSEGV && r->code == SEGV_MAPERR && r->address == AT - 8);
	CHECK(user_read(AT + PAGE_SIZE - 4, &v) == SIGSEGV && r->code == SEGV_MAPERR &&
	      r->address == AT + PAGE_SIZE);
	CHECK(user_read(DIRECT_MAP_BASE, &v) == SIGSEGV && r->code == SEGV_MAPERR);
	CHECK(user_read(0x0000800000000000ull, &v) == SIGSEGV);
	CHECK(user_write(0, 1) == SIGSEGV && r->code == SEGV_MAPERR);

	CHECK(do_mprotect(AT, PAGE_SIZE, RW) == 0);
	CHECK(user_write(AT, 42) == 0);
	CHECK(do_mprotect(AT, PAGE_SIZE, PROT_NONE) == 0);
	CHECK(user_read(AT, &v) == SIGSEGV && r->code == SEGV_ACCERR);
	CHECK(do_mprotect(AT, PAGE_SIZE, PROT_READ) == 0);
	CHECK(user_read(AT, &v) == 0 && v == 42); /* the page stayed */
	CHECK(user_write(AT, 1) == SIGSEGV && r->code == SEGV_ACCERR);
	CHECK(do_mprotect(AT, PAGE_SIZE, RW) == 0);
	CHECK(pte_write(pte_at(mm, AT))); /* its own page: no fault needed to write */
	CHECK(user_write(AT, 43) == 0);
	check_mm(mm);

	CHECK(do_madvise(AT, PAGE_SIZE, MADV_DONTNEED) == 0);
	CHECK(user_read(AT, &v) == 0 && v == 0);
	CHECK(get_mm_rss(mm) == 0);
	check_mm(mm);
	mm_leave(mm);
}

static void missing_rights_are_accerr_and_missing_vmas_maperr(void **state)
{
	struct fixture f;

	(void)state;
	mm_fixture_create(&f, 32 << 20, 1);
	fixture_run(&f, rights, NULL);
	fixture_destroy(&f);
}

static int fetch(u64 va)
{
	struct walk w;
	struct fault f;
	int i, sig;

	for (i = 0; i < USER_TRIES; i++) {
		if (mmu_walk(this_cpu(), va, TLB_EXEC, true, false, &w, &f))
			return 0;
		sig = user_fault(&f, va);
		if (sig)
			return sig;
	}
	return -1;
}

static void nx(void *arg)
{
	struct mm_struct *mm = new_mm();

	(void)arg;
	CHECK(map_anon(AT, PAGE_SIZE, PROT_READ, MAP_FIXED) > 0);
	CHECK(map_anon(AT + PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_EXEC, MAP_FIXED) > 0);
	CHECK(fetch(AT) == SIGSEGV && sigrec()->code == SEGV_ACCERR);
	CHECK(fetch(AT + PAGE_SIZE) == 0);
	mm_leave(mm);
}

static void fetch_from_data_is_segv(void **state)
{
	struct fixture f;

	(void)state;
	mm_fixture_create(&f, 32 << 20, 1);
	fixture_run(&f, nx, NULL);
	fixture_destroy(&f);
}

/* --- stacks --- */

#define STACK_TOP 0x7ffffffff000ull

static void stack(void *arg)
{
	struct mm_struct *mm = new_mm();
	u64 limit = 8ull << 20, bottom = STACK_TOP - limit, v;
	struct vm_area_struct *vma;

	(void)arg;
	CHECK(mm_map_stack(mm, STACK_TOP - 32 * PAGE_SIZE, STACK_TOP, 0) == 0);
	CHECK(user_write(STACK_TOP - 8, 1) == 0);
	CHECK(user_write(STACK_TOP - 40 * PAGE_SIZE, 2) == 0);
	vma = find_vma(mm, STACK_TOP - 1);
	CHECK(vma->vm_start == STACK_TOP - 40 * PAGE_SIZE);
	CHECK(vma->vm_pgoff == vma->vm_start >> PAGE_SHIFT);
	/* A read far below grows it as well. */
	CHECK(user_read(bottom, &v) == 0 && v == 0);
	CHECK(vma->vm_start == bottom && mm->stack_vm == limit >> PAGE_SHIFT);
	CHECK(user_write(bottom - 8, 1) == SIGSEGV && sigrec()->code == SEGV_MAPERR);
	CHECK(vma->vm_start == bottom);
	check_mm(mm);
	mm_leave(mm);

	/* A mapping 256 pages below stops it: the gap stays free. PROT_NONE does not. */
	mm = new_mm();
	CHECK(mm_map_stack(mm, STACK_TOP - PAGE_SIZE, STACK_TOP, 0) == 0);
	CHECK(map_anon(STACK_TOP - 512 * PAGE_SIZE, PAGE_SIZE, PROT_READ, MAP_FIXED) > 0);
	CHECK(user_write(STACK_TOP - 255 * PAGE_SIZE, 1) == 0);
	CHECK(user_write(STACK_TOP - 256 * PAGE_SIZE, 1) == SIGSEGV);
	CHECK(do_mprotect(STACK_TOP - 512 * PAGE_SIZE, PAGE_SIZE, PROT_NONE) == 0);
	CHECK(user_write(STACK_TOP - 511 * PAGE_SIZE, 1) == 0);
	CHECK(user_write(STACK_TOP - 512 * PAGE_SIZE, 1) == SIGSEGV &&
	      sigrec()->code == SEGV_ACCERR);
	check_mm(mm);
	mm_leave(mm);
}

static void stacks_grow_to_their_limit_and_keep_their_gap(void **state)
{
	struct fixture f;

	(void)state;
	mm_fixture_create(&f, 32 << 20, 1);
	fixture_run(&f, stack, NULL);
	fixture_destroy(&f);
}

/* --- files --- */

#define FILE_PAGES 4u

struct file {
	u32 refs;
	bool writable;
	u32 mkwrites;
	bool refuse_mkwrite;
	struct page *page[FILE_PAGES];
};

static struct file *test_get_file(struct file *file)
{
	file->refs++;
	return file;
}
static void test_fput(struct file *file)
{
	CHECK(file->refs);
	file->refs--;
}
static int test_may_map(struct file *file, u64 prot, u64 flags, u64 *vm_flags)
{
	if ((flags & MAP_TYPE) == MAP_SHARED && !file->writable) {
		if (prot & PROT_WRITE)
			return -EACCES;
		*vm_flags &= ~(VM_MAYWRITE | VM_SHARED);
	}
	return 0;
}
static vm_fault_t test_fault(struct vm_fault *vmf)
{
	struct file *file = vmf->vma->vm_file;

	if (vmf->pgoff >= FILE_PAGES)
		return VM_FAULT_SIGBUS;
	vmf->page = file->page[vmf->pgoff];
	get_page(vmf->page);
	return 0;
}
static vm_fault_t test_mkwrite(struct vm_fault *vmf)
{
	struct file *file = vmf->vma->vm_file;

	file->mkwrites++;
	return file->refuse_mkwrite ? VM_FAULT_SIGBUS : 0;
}
static const struct vm_operations_struct plain_ops = { .fault = test_fault };
static const struct vm_operations_struct mkwrite_ops = { .fault = test_fault,
							 .page_mkwrite = test_mkwrite };
static int test_mmap_plain(struct file *file, struct vm_area_struct *vma)
{
	(void)file;
	vma->vm_ops = &plain_ops;
	return 0;
}
static int test_mmap_mkwrite(struct file *file, struct vm_area_struct *vma)
{
	(void)file;
	vma->vm_ops = &mkwrite_ops;
	return 0;
}
static int test_mmap_fails(struct file *file, struct vm_area_struct *vma)
{
	(void)file;
	(void)vma;
	return -ENODEV;
}
static void test_describe(struct file *file, char *buf, size_t size, u32 *major, u32 *minor,
			  u64 *ino)
{
	(void)file;
	snprintf(buf, size, "/bin/test");
	*major = 0;
	*minor = 1;
	*ino = 12;
}

static void use_files(int (*mmap)(struct file *, struct vm_area_struct *))
{
	struct mm_file_ops ops = { test_get_file, test_fput, test_may_map, mmap,
				   test_describe, NULL,	     NULL };

	register_mm_file_ops(kern(), &ops);
}

static struct file *new_file(void)
{
	struct file *file = boot_alloc(kern(), sizeof(*file));
	u32 i;

	CHECK(file);
	file->refs = 1;
	file->writable = true;
	for (i = 0; i < FILE_PAGES; i++) {
		file->page[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		CHECK(file->page[i]);
		memset(page_address(file->page[i]), 'a' + (int)i, PAGE_SIZE);
	}
	return file;
}

static void files(void *arg)
{
	struct mm_struct *mm = new_mm(), *child;
	struct file *file = new_file();
	const u64 b = 0x6262626262626262ull;
	u64 v, i;

	(void)arg;
	use_files(test_mmap_plain);
	/* Private: reads share the file's frame, a write copies, the file stays. */
	CHECK(vm_mmap(file, AT, 8 * PAGE_SIZE, RW, MAP_PRIVATE | MAP_FIXED, PAGE_SIZE) == (s64)AT);
	CHECK(file->refs == 2);
	CHECK(user_read(AT, &v) == 0 && v == b);
	CHECK(pte_pfn(pte_at(mm, AT)) == page_to_pfn(file->page[1]) && !pte_write(pte_at(mm, AT)));
	CHECK(mm->rss_stat[MM_FILEPAGES] == 1 && mm->rss_stat[MM_ANONPAGES] == 0);
	CHECK(user_write(AT, 1) == 0);
	CHECK(mm->rss_stat[MM_FILEPAGES] == 0 && mm->rss_stat[MM_ANONPAGES] == 1);
	CHECK(page_mapcount(file->page[1]) == 0 && page_ref_count(file->page[1]) == 1);
	CHECK(user_write(AT + PAGE_SIZE, 2) == 0); /* straight to a copy */
	CHECK(*(u8 *)page_address(file->page[1]) == 'b' &&
	      *(u8 *)page_address(file->page[2]) == 'c');
	CHECK(user_read(AT + 3 * PAGE_SIZE, &v) == SIGBUS && sigrec()->code == 2);
	/* Fork copies what is private of it. */
	child = dup_mm(mm);
	CHECK(child && file->refs == 3);
	mm_use(child);
	CHECK(user_read(AT, &v) == 0 && v == 1);
	CHECK(user_read(AT + 2 * PAGE_SIZE, &v) == 0 && v == 0x6464646464646464ull);
	check_mm(child);
	mm_use(mm);
	mm_leave(child);
	CHECK(vm_munmap(AT, 8 * PAGE_SIZE) == 0 && file->refs == 1);

	/* Shared: the frame itself is written. */
	CHECK(vm_mmap(file, AT, 2 * PAGE_SIZE, RW, MAP_SHARED | MAP_FIXED, 0) == (s64)AT);
	CHECK(user_write(AT, 7) == 0);
	CHECK(*(u64 *)page_address(file->page[0]) == 7 && PageDirty(file->page[0]));
	CHECK(user_read(AT + PAGE_SIZE, &v) == 0 && v == b && !PageDirty(file->page[1]));
	CHECK(user_write(AT + PAGE_SIZE, 8) == 0);
	CHECK(vm_munmap(AT, 2 * PAGE_SIZE) == 0);
	CHECK(PageDirty(file->page[1])); /* from the PTE's D */

	/* page_mkwrite hears of each page's first write, and may refuse. */
	use_files(test_mmap_mkwrite);
	CHECK(vm_mmap(file, AT, 2 * PAGE_SIZE, RW, MAP_SHARED | MAP_FIXED, 2 * PAGE_SIZE) ==
	      (s64)AT);
	CHECK(user_read(AT, &v) == 0 && !pte_write(pte_at(mm, AT)));
	CHECK(user_write(AT, 1) == 0 && user_write(AT + 8, 1) == 0 && file->mkwrites == 1);
	file->refuse_mkwrite = true;
	CHECK(user_write(AT + PAGE_SIZE, 1) == SIGBUS && file->mkwrites == 2);
	CHECK(vm_munmap(AT, 2 * PAGE_SIZE) == 0);

	/* Not writable: no shared write, now or by mprotect. */
	file->writable = false;
	CHECK(vm_mmap(file, AT, PAGE_SIZE, RW, MAP_SHARED | MAP_FIXED, 0) == -EACCES);
	CHECK(vm_mmap(file, AT, PAGE_SIZE, PROT_READ, MAP_SHARED | MAP_FIXED, 0) == (s64)AT);
	CHECK(do_mprotect(AT, PAGE_SIZE, RW) == -EACCES);
	CHECK(vm_munmap(AT, PAGE_SIZE) == 0);

	/* An owner that refuses leaves nothing. */
	use_files(test_mmap_fails);
	CHECK(vm_mmap(file, AT, PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_FIXED, 0) == -ENODEV);
	CHECK(vm_mmap(file, AT, PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_FIXED, 1) == -EINVAL);
	CHECK(mm->map_count == 0 && file->refs == 1);
	for (i = 0; i < FILE_PAGES; i++)
		CHECK(page_ref_count(file->page[i]) == 1 && !page_mapped(file->page[i]));
	check_mm(mm);
	mm_leave(mm);
}

static void private_file_pages_copy_and_shared_ones_do_not(void **state)
{
	struct fixture f;

	(void)state;
	mm_fixture_create(&f, 32 << 20, 1);
	fixture_run(&f, files, NULL);
	fixture_destroy(&f);
}

/* --- moving --- */

static void move(void *arg)
{
	struct mm_struct *mm = new_mm();
	u64 i, v, to = 0x7f5540000000ull - 3 * PAGE_SIZE, pfn[64];
	s64 at;

	(void)arg;
	CHECK(map_anon(AT, 64 * PAGE_SIZE, RW, MAP_FIXED) > 0);
	for (i = 0; i < 64; i += 2) {
		CHECK(user_write(AT + i * PAGE_SIZE, 1000 + i) == 0);
		pfn[i] = pte_pfn(pte_at(mm, AT + i * PAGE_SIZE));
	}
	/* Across a table boundary, no byte copied. */
	CHECK(ksys_mremap(AT, 64 * PAGE_SIZE, 80 * PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, to) ==
	      (s64)to);
	for (i = 0; i < 64; i++) {
		CHECK(user_read(to + i * PAGE_SIZE, &v) == 0 && v == (i & 1 ? 0 : 1000 + i));
		if (!(i & 1))
			CHECK(pte_pfn(pte_at(mm, to + i * PAGE_SIZE)) == pfn[i]);
	}
	CHECK(user_read(AT, &v) == SIGSEGV);
	CHECK(mm->map_count == 1 && mm->rss_stat[MM_ANONPAGES] == 32);
	check_mm(mm);
	/* In place while there is room, elsewhere when there is none. */
	CHECK(ksys_mremap(to, 80 * PAGE_SIZE, 81 * PAGE_SIZE, 0, 0) == (s64)to);
	CHECK(map_anon(to + 81 * PAGE_SIZE, PAGE_SIZE, PROT_READ, MAP_FIXED) > 0);
	CHECK(ksys_mremap(to, 81 * PAGE_SIZE, 82 * PAGE_SIZE, 0, 0) == -ENOMEM);
	at = ksys_mremap(to, 81 * PAGE_SIZE, 82 * PAGE_SIZE, MREMAP_MAYMOVE, 0);
	CHECK(at > 0 && at != (s64)to);
	CHECK(user_read((u64)at + 62 * PAGE_SIZE, &v) == 0 && v == 1062);
	check_mm(mm);
	mm_leave(mm);
}

static void mremap_moves_frames_not_bytes(void **state)
{
	struct fixture f;

	(void)state;
	mm_fixture_create(&f, 32 << 20, 1);
	fixture_run(&f, move, NULL);
	fixture_destroy(&f);
}

/* --- memory runs out --- */

static void exhaustion(void *arg)
{
	struct mm_struct *mm = new_mm();
	u64 i, pages = (64ull << 20) >> PAGE_SHIFT;
	int sig = 0;

	(void)arg;
	CHECK(map_anon(AT, 64ull << 20, RW, MAP_FIXED | MAP_NORESERVE) > 0);
	for (i = 0; i < pages && !sig; i++)
		sig = user_write(AT + i * PAGE_SIZE, i);
	CHECK(sig == SIGKILL);
	CHECK(i > 1000);
	check_mm(mm);
	mm_leave(mm);
	/* All of it came back. */
	mm = new_mm();
	CHECK(map_anon(AT, 4 << 20, RW, MAP_FIXED) > 0);
	for (i = 0; i < 1024; i++)
		CHECK(user_write(AT + i * PAGE_SIZE, i) == 0);
	mm_leave(mm);
}

static void writing_more_than_all_memory_kills_the_writer(void **state)
{
	struct fixture f;

	(void)state;
	mm_fixture_create(&f, 32 << 20, 1);
	fixture_run(&f, exhaustion, NULL);
	fixture_destroy(&f);
}

static void wild_kernel_access(void *arg)
{
	struct pt_regs regs = { .ip = gate_va(this_machine(), GATE_KERNEL_TEXT), .cs = KERNEL_CS };

	(void)arg;
	do_page_fault(&regs, PF_W, 0xffffc90000000000ull);
}

static void kernel_fault_outside_uaccess_is_an_oops(void **state)
{
	struct fixture f;

	(void)state;
	mm_fixture_create(&f, 32 << 20, 1);
	fixture_run_panics(&f, wild_kernel_access, NULL,
			   "unable to handle page fault for address: ffffc90000000000");
	fixture_destroy(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_maps_the_zero_page_and_write_replaces_it),
		cmocka_unit_test(fork_shares_until_somebody_writes),
		cmocka_unit_test(shared_anonymous_memory_is_one_for_all),
		cmocka_unit_test(missing_rights_are_accerr_and_missing_vmas_maperr),
		cmocka_unit_test(fetch_from_data_is_segv),
		cmocka_unit_test(stacks_grow_to_their_limit_and_keep_their_gap),
		cmocka_unit_test(private_file_pages_copy_and_shared_ones_do_not),
		cmocka_unit_test(mremap_moves_frames_not_bytes),
		cmocka_unit_test(writing_more_than_all_memory_kills_the_writer),
		cmocka_unit_test(kernel_fault_outside_uaccess_is_an_oops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
