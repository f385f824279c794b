/* SPDX-License-Identifier: MIT */
/*
 * VMAs against a naive model: one record a page over a window of the address space. Random mmap
 * (hinted, fixed, no-replace, anywhere), munmap, mprotect, mremap and brk; after each the VMAs must
 * be exactly the model's maximal runs, the addresses those a page-by-page search finds, the errors
 * those the model predicts. Nothing is touched, so every range that may merge must have merged.
 */
#include "mm_fixture.h"

#define WIN_PAGES 192u
#define WIN_END 0x7f0000000000ull
#define WIN_START (WIN_END - WIN_PAGES * (u64)PAGE_SIZE)
#define STEPS 12000u
#define GUARD_PAGES 256u

struct mpage {
	bool mapped;
	u32 object; /* shared memory: which; 0: private */
	u64 pgoff;
	u64 flags; /* VM_* as they must be */
};

struct model {
	struct mpage page[WIN_PAGES];
	u32 next_object;
};

static u64 page_va(u32 i)
{
	return WIN_START + i * (u64)PAGE_SIZE;
}

static bool same_run(const struct model *md, u32 i)
{
	const struct mpage *a = &md->page[i - 1], *b = &md->page[i];

	return a->mapped && b->mapped && a->flags == b->flags && a->object == b->object &&
	       a->pgoff + 1 == b->pgoff;
}

static void compare(const struct model *md, struct mm_struct *mm)
{
	struct vm_area_struct *vma = mm->mmap;
	u32 i = 0, runs = 0;

	while (i < WIN_PAGES) {
		u32 start = i;

		if (!md->page[i].mapped) {
			i++;
			continue;
		}
		for (i++; i < WIN_PAGES && same_run(md, i); i++)
			;
		CHECK(vma);
		CHECK(vma->vm_start == page_va(start));
		CHECK(vma->vm_end == page_va(i));
		CHECK(vma->vm_flags == md->page[start].flags);
		CHECK(vma->vm_pgoff == md->page[start].pgoff);
		CHECK(!vma->vm_shm == !md->page[start].object);
		vma = vma->vm_next;
		runs++;
	}
	CHECK(!vma);
	CHECK(mm->map_count == runs);
	check_mm(mm);
}

static bool range_free(const struct model *md, u32 first, u32 pages)
{
	u32 i;

	for (i = first; i < first + pages; i++)
		if (md->page[i].mapped)
			return false;
	return true;
}

/* Is [first, first + pages) free, with the guard gap of a stack above it? */
static bool place_free(const struct model *md, u32 first, u32 pages)
{
	u32 i;

	if (!range_free(md, first, pages))
		return false;
	for (i = first + pages; i < WIN_PAGES && i < first + pages + GUARD_PAGES; i++)
		if (md->page[i].mapped)
			return !(md->page[i].flags & VM_GROWSDOWN);
	return true;
}

/* Highest place, as page index; may lie below the window (negative): everything there is free. */
static s64 model_place(const struct model *md, u32 pages)
{
	s64 i;
	u32 j;

	for (i = WIN_PAGES - (s64)pages; i >= 0; i--)
		if (place_free(md, (u32)i, pages))
			return i;
	/* Below: the lowest mapped page bounds it from above. */
	for (j = 0; j < WIN_PAGES; j++)
		if (md->page[j].mapped)
			return (s64)j - (s64)pages -
			       (md->page[j].flags & VM_GROWSDOWN ? (s64)GUARD_PAGES : 0);
	return (s64)WIN_PAGES - (s64)pages;
}

static u64 flags_of_prot(u64 prot)
{
	return (prot & PROT_READ ? VM_READ : 0) | (prot & PROT_WRITE ? VM_WRITE : 0) |
	       (prot & PROT_EXEC ? VM_EXEC : 0);
}

static void model_map(struct model *md, u32 first, u32 pages, u64 prot, u64 flags)
{
	u64 vm = flags_of_prot(prot) | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;
	u32 object = 0, i;

	if (flags & MAP_SHARED) {
		vm |= VM_SHARED | VM_MAYSHARE;
		object = ++md->next_object;
	}
	if (flags & MAP_GROWSDOWN)
		vm |= VM_GROWSDOWN;
	if (flags & MAP_NORESERVE)
		vm |= VM_NORESERVE;
	if ((vm & (VM_WRITE | VM_SHARED | VM_NORESERVE)) == VM_WRITE)
		vm |= VM_ACCOUNT;
	for (i = 0; i < pages; i++)
		md->page[first + i] =
			(struct mpage){ .mapped = true,
					.object = object,
					.flags = vm,
					.pgoff = object ? i : page_va(first + i) >> PAGE_SHIFT };
}

static void model_unmap(struct model *md, u32 first, u32 pages)
{
	memset(&md->page[first], 0, pages * sizeof(md->page[0]));
}

static void model_protect(struct mpage *p, u64 prot)
{
	u64 old = p->flags, vm = (old & ~VM_ACCESS_FLAGS) | flags_of_prot(prot);

	if (vm != old && (vm & VM_WRITE) &&
	    !(old & (VM_ACCOUNT | VM_WRITE | VM_SHARED | VM_NORESERVE)))
		vm |= VM_ACCOUNT;
	p->flags = vm;
}

struct step {
	struct prng *rng;
	struct model *md;
	struct mm_struct *mm;
};

static void random_range(struct prng *rng, u32 *first, u32 *pages)
{
	*first = (u32)prng_below(rng, WIN_PAGES);
	*pages = 1 + (u32)prng_below(rng, 24);
	if (*first + *pages > WIN_PAGES)
		*pages = WIN_PAGES - *first;
}

static u64 random_prot(struct prng *rng)
{
	static const u64 prots[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE,
				     PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC };

	return prots[prng_below(rng, ARRAY_SIZE(prots))];
}

static u64 random_kind(struct prng *rng)
{
	switch (prng_below(rng, 12)) {
	case 0:
	case 1:
		return MAP_SHARED;
	case 2:
		return MAP_PRIVATE | MAP_GROWSDOWN;
	case 3:
		return MAP_PRIVATE | MAP_NORESERVE;
	}
	return MAP_PRIVATE;
}

static void step_mmap(struct step *s)
{
	u64 prot = random_prot(s->rng), kind = random_kind(s->rng), how = prng_below(s->rng, 4);
	u32 first, pages;
	s64 at, want;

	random_range(s->rng, &first, &pages);
	if (how == 0) { /* anywhere; what falls outside the window goes away again */
		want = model_place(s->md, pages);
		at = vm_mmap_pgoff(NULL, 0, pages * (u64)PAGE_SIZE, prot, kind | MAP_ANONYMOUS, 0);
		CHECK(at == (s64)WIN_START + want * (s64)PAGE_SIZE);
		if (want < 0) {
			CHECK(vm_munmap((u64)at, pages * (u64)PAGE_SIZE) == 0);
			return;
		}
		first = (u32)want;
	} else if (how == 1) { /* a hint */
		want = place_free(s->md, first, pages) ? (s64)first : model_place(s->md, pages);
		at = vm_mmap_pgoff(NULL, page_va(first) + prng_below(s->rng, PAGE_SIZE),
				   pages * (u64)PAGE_SIZE, prot, kind | MAP_ANONYMOUS, 0);
		CHECK(at == (s64)WIN_START + want * (s64)PAGE_SIZE);
		if (want < 0) {
			CHECK(vm_munmap((u64)at, pages * (u64)PAGE_SIZE) == 0);
			return;
		}
		first = (u32)want;
	} else if (how == 2) {
		at = vm_mmap_pgoff(NULL, page_va(first), pages * (u64)PAGE_SIZE, prot,
				   kind | MAP_ANONYMOUS | MAP_FIXED, 0);
		CHECK(at == (s64)page_va(first));
	} else {
		at = vm_mmap_pgoff(NULL, page_va(first), pages * (u64)PAGE_SIZE, prot,
				   kind | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, 0);
		if (!range_free(s->md, first, pages)) {
			CHECK(at == -EEXIST);
			return;
		}
		CHECK(at == (s64)page_va(first));
	}
	model_map(s->md, first, pages, prot, kind);
}

static void step_munmap(struct step *s)
{
	u32 first, pages;

	random_range(s->rng, &first, &pages);
	CHECK(vm_munmap(page_va(first), pages * (u64)PAGE_SIZE - prng_below(s->rng, PAGE_SIZE)) ==
	      0);
	model_unmap(s->md, first, pages);
}

static void step_mprotect(struct step *s)
{
	u64 prot = random_prot(s->rng);
	u32 first, pages, i;
	int want = 0;

	random_range(s->rng, &first, &pages);
	for (i = first; i < first + pages; i++) {
		if (!s->md->page[i].mapped) {
			want = -ENOMEM;
			break;
		}
		model_protect(&s->md->page[i], prot);
	}
	CHECK(do_mprotect(page_va(first), pages * (u64)PAGE_SIZE, prot) == want);
}

/* Pages from first to the end of its run. */
static u32 run_left(const struct model *md, u32 first)
{
	u32 i = first + 1;

	while (i < WIN_PAGES && same_run(md, i))
		i++;
	return i - first;
}

static void model_move(struct model *md, u32 from, u32 old_pages, u32 to, u32 new_pages)
{
	struct mpage head = md->page[from];
	u32 i;

	model_unmap(md, from, old_pages);
	for (i = 0; i < new_pages; i++) {
		md->page[to + i] = head;
		md->page[to + i].pgoff = head.object ? head.pgoff + i :
						       page_va(to + i) >> PAGE_SHIFT;
	}
}

static void step_mremap(struct step *s)
{
	u64 old_len, new_len;
	u32 first, pages, new_pages = 1 + (u32)prng_below(s->rng, 24), room, to, i;
	s64 at;

	random_range(s->rng, &first, &pages);
	old_len = pages * (u64)PAGE_SIZE;
	new_len = new_pages * (u64)PAGE_SIZE;
	if (!s->md->page[first].mapped) {
		CHECK(ksys_mremap(page_va(first), old_len, new_len, MREMAP_MAYMOVE, 0) == -EFAULT);
		return;
	}
	if (new_pages <= pages) {
		CHECK(ksys_mremap(page_va(first), old_len, new_len, 0, 0) == (s64)page_va(first));
		model_unmap(s->md, first + new_pages, pages - new_pages);
		return;
	}
	if (run_left(s->md, first) < pages) {
		CHECK(ksys_mremap(page_va(first), old_len, new_len, MREMAP_MAYMOVE, 0) == -EFAULT);
		return;
	}
	to = (u32)prng_below(s->rng, WIN_PAGES - new_pages + 1);
	if (prng_below(s->rng, 2) && (to + new_pages <= first || to >= first + pages)) {
		CHECK(ksys_mremap(page_va(first), old_len, new_len, MREMAP_MAYMOVE | MREMAP_FIXED,
				  page_va(to)) == (s64)page_va(to));
		model_move(s->md, first, pages, to, new_pages);
		return;
	}
	for (room = 0;
	     first + pages + room < WIN_PAGES && !s->md->page[first + pages + room].mapped; room++)
		;
	at = ksys_mremap(page_va(first), old_len, new_len, 0, 0);
	if (run_left(s->md, first) != pages ||
	    (room < new_pages - pages && first + pages + room < WIN_PAGES)) {
		CHECK(at == -ENOMEM);
		return;
	}
	CHECK(at == (s64)page_va(first));
	if (first + new_pages > WIN_PAGES) { /* out of the window: cut it back */
		CHECK(vm_munmap(WIN_END, page_va(first) + new_len - WIN_END) == 0);
		new_pages = WIN_PAGES - first;
	}
	for (i = pages; i < new_pages; i++) {
		s->md->page[first + i] = s->md->page[first];
		s->md->page[first + i].pgoff += i;
	}
}

static void random_vmas(void *arg)
{
	struct fixture *f = arg;
	struct prng rng;
	struct model *md = boot_alloc(f->k, sizeof(*md));
	struct leak_check *leak = boot_alloc(f->k, sizeof(*leak));
	struct step s = { .rng = &rng, .md = md };
	u32 i;

	CHECK(md && leak);
	prng_seed(&rng, f->seed, 0x766d61);
	leak_check_begin(leak);
	s.mm = new_mm();
	s.mm->mmap_base = WIN_END;
	for (i = 0; i < STEPS; i++) {
		switch (prng_below(&rng, 6)) {
		case 0:
		case 1:
			step_mmap(&s);
			break;
		case 2:
			step_munmap(&s);
			break;
		case 3:
		case 4:
			step_mprotect(&s);
			break;
		case 5:
			step_mremap(&s);
			break;
		}
		compare(md, s.mm);
	}
	mm_leave(s.mm);
	leak_check_end(leak);
}

static void vmas_are_the_maximal_runs_of_a_page_model(void **state)
{
	struct fixture f;

	(void)state;
	mm_fixture_create(&f, 64 << 20, 1);
	fixture_run(&f, random_vmas, &f);
	fixture_destroy(&f);
}

/* --- brk against arithmetic --- */

#define HEAP 0x600000ull

static void random_brk(void *arg)
{
	struct fixture *f = arg;
	struct mm_struct *mm = new_mm();
	struct prng rng;
	u64 brk = HEAP, wall = HEAP + 64 * PAGE_SIZE;
	u32 i;

	prng_seed(&rng, f->seed, 0x62726b);
	mm->start_brk = mm->brk = HEAP;
	CHECK(map_anon(wall, PAGE_SIZE, PROT_READ, MAP_FIXED) == (s64)wall);
	for (i = 0; i < 3000; i++) {
		u64 want = HEAP - 2 * PAGE_SIZE + prng_below(&rng, 70 * PAGE_SIZE);

		if (want >= HEAP && PAGE_ALIGN(want) == PAGE_ALIGN(brk))
			brk = want;
		else if (want >= HEAP && (want < brk || PAGE_ALIGN(want) + PAGE_SIZE <= wall))
			brk = want;
		CHECK(ksys_brk(want) == brk);
		CHECK(mm->map_count == (PAGE_ALIGN(brk) > HEAP ? 2u : 1u));
		CHECK(mm->total_vm == 1 + ((PAGE_ALIGN(brk) - HEAP) >> PAGE_SHIFT));
		check_mm(mm);
	}
	CHECK(ksys_brk(0) == brk);
	mm_leave(mm);
}

static void brk_moves_within_its_room_and_says_where_it_is(void **state)
{
	struct fixture f;

	(void)state;
	mm_fixture_create(&f, 32 << 20, 1);
	fixture_run(&f, random_brk, &f);
	fixture_destroy(&f);
}

/* --- errors in Linux's order --- */

static void mmap_error_order(void *arg)
{
	struct mm_struct *mm = new_mm();
	const u64 pa = MAP_PRIVATE | MAP_ANONYMOUS;

	(void)arg;
	CHECK(vm_mmap_pgoff(NULL, 0, 0, PROT_READ, pa, 0) == -EINVAL);
	CHECK(vm_mmap_pgoff(NULL, 0, ~0ull, PROT_READ, pa, 0) == -ENOMEM);
	CHECK(vm_mmap_pgoff(NULL, 0, PAGE_SIZE, PROT_READ, pa, ~0ull) == -EOVERFLOW);
	CHECK(vm_mmap_pgoff(NULL, 0, 1ull << 47, PROT_READ, pa, 0) == -ENOMEM);
	CHECK(vm_mmap_pgoff(NULL, 0x100001, PAGE_SIZE, PROT_READ, pa | MAP_FIXED, 0) == -EINVAL);
	CHECK(vm_mmap_pgoff(NULL, 0x7ffffffff000, PAGE_SIZE, PROT_READ, pa | MAP_FIXED, 0) ==
	      -ENOMEM);
	CHECK(vm_mmap_pgoff(NULL, 0x1000, PAGE_SIZE, PROT_READ, pa | MAP_FIXED, 0) == -EPERM);
	CHECK(vm_mmap_pgoff(NULL, 0x1000, PAGE_SIZE, PROT_READ, pa, 0) ==
	      65536); /* a hint too low is raised */
	CHECK(vm_mmap_pgoff(NULL, 65536, PAGE_SIZE, PROT_READ, pa | MAP_FIXED_NOREPLACE, 0) ==
	      -EEXIST);
	CHECK(vm_mmap_pgoff(NULL, 0, PAGE_SIZE, PROT_READ, MAP_ANONYMOUS, 0) == -EINVAL);
	CHECK(vm_mmap_pgoff(NULL, 0, PAGE_SIZE, PROT_READ, MAP_ANONYMOUS | MAP_SHARED_VALIDATE,
			    0) == -EINVAL);
	CHECK(vm_mmap_pgoff(NULL, 0, PAGE_SIZE, PROT_READ,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, 0) == -EINVAL);
	CHECK(vm_mmap_pgoff(NULL, 0, PAGE_SIZE, PROT_READ, pa | MAP_HUGETLB, 0) == -EINVAL);
	CHECK(vm_mmap_pgoff(NULL, 0, 1ull << 40, PROT_READ | PROT_WRITE, pa, 0) ==
	      -ENOMEM); /* more than all memory */
	CHECK(vm_mmap_pgoff(NULL, 0, 1ull << 40, PROT_READ | PROT_WRITE, pa | MAP_NORESERVE, 0) >
	      0);
	CHECK(do_munmap(mm, 1, PAGE_SIZE) == -EINVAL);
	CHECK(vm_munmap(0x10000, 0) == -EINVAL);
	CHECK(vm_munmap(0x7ffffffff000, PAGE_SIZE) == -EINVAL);
	CHECK(vm_munmap(0x20000000, PAGE_SIZE) == 0);
	CHECK(do_mprotect(0x10001, PAGE_SIZE, PROT_READ) == -EINVAL);
	CHECK(do_mprotect(0x10000, 0, PROT_READ) == 0);
	CHECK(do_mprotect(0x10000, ~0ull, PROT_READ) == -ENOMEM);
	CHECK(do_mprotect(0x10000, PAGE_SIZE, 0x100) == -EINVAL);
	CHECK(do_mprotect(0x30000000, PAGE_SIZE, PROT_READ) == -ENOMEM);
	CHECK(do_mprotect(0x10000, PAGE_SIZE, PROT_READ | PROT_GROWSDOWN) == -EINVAL);
	CHECK(ksys_mremap(0x10001, PAGE_SIZE, PAGE_SIZE, 0, 0) == -EINVAL);
	CHECK(ksys_mremap(0x10000, PAGE_SIZE, 0, 0, 0) == -EINVAL);
	CHECK(ksys_mremap(0x10000, PAGE_SIZE, PAGE_SIZE, MREMAP_FIXED, 0x20000) == -EINVAL);
	CHECK(ksys_mremap(0x10000, PAGE_SIZE, PAGE_SIZE, MREMAP_FIXED | MREMAP_MAYMOVE, 0x10000) ==
	      -EINVAL);
	CHECK(ksys_mremap(0x10000, 0, PAGE_SIZE, MREMAP_MAYMOVE, 0) == -EINVAL);
	CHECK(do_madvise(0x10000, PAGE_SIZE, 12345) == -EINVAL);
	CHECK(do_madvise(0x30000000, PAGE_SIZE, MADV_DONTNEED) == -ENOMEM);
	check_mm(mm);
	mm_leave(mm);
}

static void errors_come_in_linux_order(void **state)
{
	struct fixture f;

	(void)state;
	mm_fixture_create(&f, 32 << 20, 1);
	fixture_run(&f, mmap_error_order, NULL);
	fixture_destroy(&f);
}

/* --- families: what was touched merges only as Linux 6.1 lets it --- */

static void touched_ranges(void *arg)
{
	struct mm_struct *mm = new_mm(), *child;
	u64 at = 0x10000000;

	(void)arg;
	/* An untouched range joins a touched, never-forked neighbour. */
	CHECK(map_anon(at, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_FIXED) == (s64)at);
	CHECK(user_write(at, 1) == 0);
	CHECK(map_anon(at + PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_FIXED) > 0);
	CHECK(mm->map_count == 1);

	/* A touched range does not join an untouched neighbour. */
	at = 0x20000000;
	CHECK(map_anon(at, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_FIXED) > 0);
	CHECK(map_anon(at + PAGE_SIZE, PAGE_SIZE, PROT_READ, MAP_FIXED | MAP_NORESERVE) > 0);
	CHECK(map_anon(at + PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_FIXED) >
	      0);
	CHECK(user_write(at + PAGE_SIZE, 1) == 0);
	CHECK(mm->map_count == 3);
	CHECK(do_mprotect(at + PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_WRITE) == 0);
	CHECK(mm->map_count == 3);

	/* A forked neighbour's chain has two entries: an untouched range does not join it. */
	at = 0x10000000;
	child = dup_mm(mm);
	CHECK(child);
	mm_use(child);
	CHECK(map_anon(at + 2 * PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_FIXED) > 0);
	CHECK(child->map_count == 4);
	check_mm(child);
	mm_use(mm);
	mm_leave(child);
	CHECK(map_anon(at + 2 * PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_FIXED) > 0);
	CHECK(mm->map_count == 3);
	check_mm(mm);
	mm_leave(mm);
}

static void touched_and_forked_ranges_merge_as_in_6_1(void **state)
{
	struct fixture f;

	(void)state;
	mm_fixture_create(&f, 32 << 20, 1);
	fixture_run(&f, touched_ranges, NULL);
	fixture_destroy(&f);
}

/* --- the limit of VMAs --- */

static void vma_limit(void *arg)
{
	struct mm_struct *mm = new_mm();
	u64 base = 0x100000000ull;
	u32 i;

	(void)arg;
	/* Every second page has another protection, until the count is used up. */
	for (i = 0; mm->map_count <= 65530; i++)
		CHECK(map_anon(base + i * (u64)PAGE_SIZE, PAGE_SIZE, i & 1 ? PROT_READ : PROT_NONE,
			       MAP_FIXED) > 0);
	CHECK(map_anon(0, PAGE_SIZE, PROT_READ | PROT_EXEC, 0) == -ENOMEM);
	CHECK(vm_munmap(base, 2 * PAGE_SIZE) == 0);
	CHECK(mm->map_count == 65529);
	CHECK(map_anon(0x50000000, 3 * PAGE_SIZE, PROT_READ | PROT_EXEC, MAP_FIXED) > 0);
	CHECK(mm->map_count == 65530);
	CHECK(vm_munmap(0x50001000, PAGE_SIZE) == -ENOMEM); /* a hole would be one more for good */
	CHECK(vm_munmap(0x50002000, PAGE_SIZE) == 0);	    /* the tail is not */
	CHECK(do_mprotect(0x50000000, PAGE_SIZE, PROT_NONE) == -ENOMEM);
	CHECK(mm->map_count == 65530);
	mm_leave(mm);
}

static void map_count_stops_at_65530(void **state)
{
	struct fixture f;

	(void)state;
	mm_fixture_create(&f, 64 << 20, 1);
	fixture_run(&f, vma_limit, NULL);
	fixture_destroy(&f);
}

/* --- the text --- */

struct text {
	char buf[2048];
	size_t len;
};

static void collect(void *arg, const char *line, size_t len)
{
	struct text *t = arg;

	CHECK(t->len + len < sizeof(t->buf));
	memcpy(t->buf + t->len, line, len);
	t->len += len;
}

static void show_maps(void *arg)
{
	struct text *t = arg;
	struct mm_struct *mm = new_mm();

	CHECK(map_anon(0x400000, 2 * PAGE_SIZE, PROT_READ | PROT_EXEC, MAP_FIXED) > 0);
	mm->start_brk = mm->brk = 0x602000;
	CHECK(ksys_brk(0x603001) == 0x603001);
	CHECK(vm_mmap_pgoff(NULL, 0x7f0000000000, PAGE_SIZE, PROT_NONE,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, 0) > 0);
	CHECK(mm_map_stack(mm, 0x7ffffffde000, 0x7ffffffff000, 0) == 0);
	mm->start_stack = 0x7fffffffe000;
	mm_show_maps(mm, collect, t);
	mm_leave(mm);
}

static void maps_text_is_linux_layout(void **state)
{
	struct fixture f;
	struct text t = { .len = 0 };

	(void)state;
	mm_fixture_create(&f, 32 << 20, 1);
	fixture_run(&f, show_maps, &t);
	assert_string_equal(
		t.buf,
		"00400000-00402000 r-xp 00000000 00:00 0 \n"
		"00602000-00604000 rw-p 00000000 00:00 0                                  [heap]\n"
		"7f0000000000-7f0000001000 ---s 00000000 00:00 0                          "
		"/dev/zero (deleted)\n"
		"7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                          "
		"[stack]\n");
	fixture_destroy(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vmas_are_the_maximal_runs_of_a_page_model),
		cmocka_unit_test(brk_moves_within_its_room_and_says_where_it_is),
		cmocka_unit_test(errors_come_in_linux_order),
		cmocka_unit_test(touched_and_forked_ranges_merge_as_in_6_1),
		cmocka_unit_test(map_count_stops_at_65530),
		cmocka_unit_test(maps_text_is_linux_layout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
