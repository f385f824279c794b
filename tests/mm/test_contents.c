/* SPDX-License-Identifier: MIT */
/*
 * What memory holds, against a naive model: several processes fork from one another, write, map,
 * unmap, protect, move, drop pages and exit in random order; every access must do what an array of
 * pages per process says, and at the end every frame must be back.
 */
#include "mm_fixture.h"

#define AT 0x7f1200000000ull
#define NR_PROCS 5u
#define NR_PAGES 40u
#define NR_SHARED 64u
#define STEPS 25000u

struct mpage {
	bool mapped, readable, writable;
	s32 shared;    /* index into the shared store of its page, -1: private */
	u64 low, high; /* first and last word of a private page */
};

struct proc {
	struct mm_struct *mm; /* NULL: free slot */
	struct mpage page[NR_PAGES];
};

struct world {
	struct prng rng;
	struct proc proc[NR_PROCS];
	u64 shared[NR_SHARED][2];
	u32 shared_refs[NR_SHARED];
	u32 here; /* the process that runs */
	u64 next_value;
	u32 forks, cows, kills;
};

static u64 va(u32 i)
{
	return AT + i * (u64)PAGE_SIZE;
}

static u64 *word(struct world *w, struct mpage *p, bool high)
{
	if (p->shared >= 0)
		return &w->shared[p->shared][high];
	return high ? &p->high : &p->low;
}

static void drop(struct world *w, struct mpage *p)
{
	if (p->mapped && p->shared >= 0)
		w->shared_refs[p->shared]--;
	memset(p, 0, sizeof(*p));
	p->shared = -1;
}

static void random_range(struct world *w, u32 *first, u32 *pages)
{
	*first = (u32)prng_below(&w->rng, NR_PAGES);
	*pages = 1 + (u32)prng_below(&w->rng, 8);
	if (*first + *pages > NR_PAGES)
		*pages = NR_PAGES - *first;
}

static void step_access(struct world *w)
{
	struct proc *p = &w->proc[w->here];
	u32 i = (u32)prng_below(&w->rng, NR_PAGES);
	bool high = prng_below(&w->rng, 2);
	struct mpage *page = &p->page[i];
	u64 addr = va(i) + (high ? PAGE_SIZE - 8 : 0), v;

	if (prng_below(&w->rng, 2)) {
		v = ++w->next_value;
		if (!page->mapped || !page->writable) {
			CHECK(user_write(addr, v) == SIGSEGV);
			CHECK(((struct sigrec *)current->embedder)->code ==
			      (page->mapped ? SEGV_ACCERR : SEGV_MAPERR));
			return;
		}
		CHECK(user_write(addr, v) == 0);
		*word(w, page, high) = v;
	} else {
		if (!page->mapped || !page->readable) {
			CHECK(user_read(addr, &v) == SIGSEGV);
			return;
		}
		CHECK(user_read(addr, &v) == 0);
		CHECK(v == *word(w, page, high));
	}
}

static void step_map(struct world *w)
{
	struct proc *p = &w->proc[w->here];
	u32 first, pages, i, j;

	random_range(w, &first, &pages);
	if (prng_below(&w->rng, 3)) {
		CHECK(map_anon(va(first), pages * (u64)PAGE_SIZE, PROT_READ | PROT_WRITE,
			       MAP_FIXED) > 0);
		for (i = first; i < first + pages; i++) {
			drop(w, &p->page[i]);
			p->page[i] = (struct mpage){
				.mapped = true, .readable = true, .writable = true, .shared = -1
			};
		}
		return;
	}
	/* Shared memory, one page an object so that the model stays simple. */
	for (i = first; i < first + pages; i++) {
		for (j = 0; j < NR_SHARED && w->shared_refs[j]; j++)
			;
		if (j == NR_SHARED)
			return;
		CHECK(vm_mmap_pgoff(NULL, va(i), PAGE_SIZE, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, 0) > 0);
		drop(w, &p->page[i]);
		w->shared[j][0] = w->shared[j][1] = 0;
		w->shared_refs[j] = 1;
		p->page[i] = (struct mpage){
			.mapped = true, .readable = true, .writable = true, .shared = (s32)j
		};
	}
}

static void step_unmap(struct world *w)
{
	u32 first, pages, i;

	random_range(w, &first, &pages);
	CHECK(vm_munmap(va(first), pages * (u64)PAGE_SIZE) == 0);
	for (i = first; i < first + pages; i++)
		drop(w, &w->proc[w->here].page[i]);
}

static void step_protect(struct world *w)
{
	static const u64 prots[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE,
				     PROT_READ | PROT_WRITE };
	u64 prot = prots[prng_below(&w->rng, ARRAY_SIZE(prots))];
	u32 first, pages, i;
	int want = 0;

	random_range(w, &first, &pages);
	for (i = first; i < first + pages; i++) {
		struct mpage *p = &w->proc[w->here].page[i];

		if (!p->mapped) {
			want = -ENOMEM;
			break;
		}
		p->readable = prot != PROT_NONE;
		p->writable = prot & PROT_WRITE;
	}
	CHECK(do_mprotect(va(first), pages * (u64)PAGE_SIZE, prot) == want);
}

static void step_dontneed(struct world *w)
{
	u32 first, pages, i;
	int want = 0;

	random_range(w, &first, &pages);
	for (i = first; i < first + pages; i++) {
		struct mpage *p = &w->proc[w->here].page[i];

		if (!p->mapped)
			want = -ENOMEM;
		else if (p->shared < 0)
			p->low = p->high = 0;
	}
	CHECK(do_madvise(va(first), pages * (u64)PAGE_SIZE, MADV_DONTNEED) == want);
}

/* One private page moves with what it holds. */
static void step_move(struct world *w)
{
	struct proc *p = &w->proc[w->here];
	u32 from = (u32)prng_below(&w->rng, NR_PAGES), to = (u32)prng_below(&w->rng, NR_PAGES);
	s64 at;

	if (from == to)
		return;
	at = ksys_mremap(va(from), PAGE_SIZE, PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, va(to));
	if (!p->page[from].mapped) {
		CHECK(at == -EFAULT);
		return;
	}
	CHECK(at == (s64)va(to));
	drop(w, &p->page[to]);
	p->page[to] = p->page[from];
	p->page[from] = (struct mpage){ .shared = -1 };
}

static void forget(struct world *w, u32 n)
{
	u32 i;

	for (i = 0; i < NR_PAGES; i++)
		drop(w, &w->proc[n].page[i]);
	mm_leave(w->proc[n].mm);
	w->proc[n].mm = NULL;
}

static void step_fork(struct world *w)
{
	u32 n = (u32)prng_below(&w->rng, NR_PROCS), i;

	if (n == w->here)
		return;
	if (w->proc[n].mm) {
		forget(w, n);
		w->kills++;
		return;
	}
	w->proc[n] = w->proc[w->here];
	w->proc[n].mm = dup_mm(w->proc[w->here].mm);
	CHECK(w->proc[n].mm);
	for (i = 0; i < NR_PAGES; i++)
		if (w->proc[n].page[i].mapped && w->proc[n].page[i].shared >= 0)
			w->shared_refs[w->proc[n].page[i].shared]++;
	w->forks++;
}

static void step_switch(struct world *w)
{
	u32 n = (u32)prng_below(&w->rng, NR_PROCS);

	if (!w->proc[n].mm)
		return;
	w->here = n;
	mm_use(w->proc[n].mm);
}

static void random_contents(void *arg)
{
	struct fixture *f = arg;
	struct world *w = boot_alloc(f->k, sizeof(*w));
	struct leak_check *leak = boot_alloc(f->k, sizeof(*leak));
	u64 committed;
	u32 i, j;

	CHECK(w && leak);
	prng_seed(&w->rng, f->seed, 0x636f6e74);
	for (i = 0; i < NR_PROCS; i++)
		for (j = 0; j < NR_PAGES; j++)
			w->proc[i].page[j].shared = -1;
	leak_check_begin(leak);
	w->proc[0].mm = new_mm();
	for (i = 0; i < STEPS; i++) {
		u64 what = prng_below(&w->rng, 20);

		if (what < 11)
			step_access(w);
		else if (what < 12)
			step_map(w);
		else if (what < 13)
			step_unmap(w);
		else if (what < 15)
			step_protect(w);
		else if (what < 16)
			step_dontneed(w);
		else if (what < 17)
			step_move(w);
		else if (what < 18)
			step_fork(w);
		else
			step_switch(w);
		if (i % 16 == 0)
			for (j = 0; j < NR_PROCS; j++)
				if (w->proc[j].mm)
					check_mm(w->proc[j].mm);
	}
	CHECK(w->forks > 100 && w->kills > 100);
	for (j = 0; j < NR_PROCS; j++)
		if (w->proc[j].mm)
			forget(w, j);
	leak_check_end(leak);
	{
		struct mm_totals t;

		mm_get_totals(f->k, &t);
		committed = t.committed_pages;
		CHECK(committed == 0 && t.anon_pages == 0 && t.shmem_pages == 0 &&
		      t.file_mapped_pages == 0);
	}
}

static void contents_equal_the_model_through_forks_and_exits(void **state)
{
	struct fixture f;

	(void)state;
	mm_fixture_create(&f, 64 << 20, 1);
	fixture_run(&f, random_contents, &f);
	fixture_destroy(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contents_equal_the_model_through_forks_and_exits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
