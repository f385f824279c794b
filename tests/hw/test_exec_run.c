/* SPDX-License-Identifier: MIT */
/*
 * The interpreter as a whole: exact counts, precise faults, slices, decoded code that changes, and
 * code that makes no sense.
 *
 * What single instructions compute is compared with the host CPU in test_insn.c; here it is about
 * when and how they run. A failure of a seeded test prints the seed; OSIM_SEED=n replays it.
 */
#include "exec_guest.h"

#include <stdlib.h>

#include "lib/prng.h"

/* add, loop, call, return, fault: 600,007 instructions. */
static const u8 loop_code[] = {
	0x31, 0xc0,				  /* xor %eax,%eax */
	0xb9, 0xa0, 0x86, 0x01, 0x00,		  /* mov $0x186a0,%ecx */
	0x01, 0xc8,				  /* add %ecx,%eax */
	0x8d, 0x54, 0x40, 0x07,			  /* lea 0x7(%rax,%rax,2),%edx */
	0x89, 0x14, 0x25, 0x00, 0x10, 0x60, 0x00, /* mov %edx,0x601000 */
	0x03, 0x04, 0x25, 0x00, 0x10, 0x60, 0x00, /* add 0x601000,%eax */
	0xff, 0xc9,				  /* dec %ecx */
	0x75, 0xe8,				  /* jne +0x7 */
	0x50,					  /* push %rax */
	0xe8, 0x03, 0x00, 0x00, 0x00,		  /* call +0x28 */
	0x5b,					  /* pop %rbx */
	0x0f, 0x0b,				  /* ud2 */
	0x4c, 0x8b, 0x44, 0x24, 0x08,		  /* mov 0x8(%rsp),%r8 */
	0xc3,					  /* ret */
};

/*
 * Sixty rounds of nearly everything: arithmetic and its flags, a locked instruction, calls, string
 * instructions over page ends, accesses that cross pages, an instruction that straddles code pages
 * (0x401ff7), an indirect jump.
 */
static const u8 mixed_code[] = {
	0x31,
	0xc0, /* xor %eax,%eax */
	0xbb,
	0x00,
	0x10,
	0x60,
	0x00, /* mov $0x601000,%ebx */
	0xbd,
	0x3c,
	0x00,
	0x00,
	0x00, /* mov $0x3c,%ebp */
	0xb9,
	0x25,
	0x00,
	0x00,
	0x00, /* mov $0x25,%ecx */
	0x48,
	0x89,
	0xdf, /* mov %rbx,%rdi */
	0x69,
	0xc0,
	0xb1,
	0x79,
	0x37,
	0x9e, /* imul $0x9e3779b1,%eax,%eax */
	0x01,
	0xc8, /* add %ecx,%eax */
	0x89,
	0x04,
	0x8f, /* mov %eax,(%rdi,%rcx,4) */
	0xc1,
	0xc0,
	0x05, /* rol $0x5,%eax */
	0x33,
	0x07, /* xor (%rdi),%eax */
	0x48,
	0x83,
	0xd2,
	0x03, /* adc $0x3,%rdx */
	0x41,
	0x0f,
	0x92,
	0xc1, /* setb %r9b */
	0x39,
	0xc2, /* cmp %eax,%edx */
	0x4c,
	0x0f,
	0x42,
	0xd0, /* cmovb %rax,%r10 */
	0xf0,
	0x0f,
	0xc1,
	0x47,
	0x08, /* lock xadd %eax,0x8(%rdi) */
	0x48,
	0x83,
	0xc7,
	0x64, /* add $0x64,%rdi */
	0xff,
	0xc9, /* dec %ecx */
	0x75,
	0xd5, /* jne inner */
	0x50, /* push %rax */
	0xe8,
	0x6d,
	0x00,
	0x00,
	0x00, /* call func */
	0x41,
	0x5b, /* pop %r11 */
	0x48,
	0x89,
	0xde, /* mov %rbx,%rsi */
	0x48,
	0x8d,
	0xbb,
	0xf3,
	0x1f,
	0x00,
	0x00, /* lea 0x1ff3(%rbx),%rdi */
	0xb9,
	0xe8,
	0x03,
	0x00,
	0x00, /* mov $0x3e8,%ecx */
	0xf3,
	0xa4, /* rep movsb %ds:(%rsi),%es:(%rdi) */
	0x48,
	0x8d,
	0xbb,
	0x00,
	0x2f,
	0x00,
	0x00, /* lea 0x2f00(%rbx),%rdi */
	0xb9,
	0x5a,
	0x00,
	0x00,
	0x00, /* mov $0x5a,%ecx */
	0xf3,
	0x48,
	0xab, /* rep stos %rax,%es:(%rdi) */
	0x48,
	0x8d,
	0xbb,
	0x00,
	0x08,
	0x00,
	0x00, /* lea 0x800(%rbx),%rdi */
	0xb9,
	0xbc,
	0x02,
	0x00,
	0x00, /* mov $0x2bc,%ecx */
	0x31,
	0xc0, /* xor %eax,%eax */
	0xf2,
	0xae, /* repnz scas %es:(%rdi),%al */
	0x49,
	0x89,
	0xfc, /* mov %rdi,%r12 */
	0x4c,
	0x8d,
	0xab,
	0xfd,
	0x0f,
	0x00,
	0x00, /* lea 0xffd(%rbx),%r13 */
	0x49,
	0x01,
	0x4d,
	0x00, /* add %rcx,0x0(%r13) */
	0x4c,
	0x2b,
	0xb3,
	0xfc,
	0x2f,
	0x00,
	0x00, /* sub 0x2ffc(%rbx),%r14 */
	0x4c,
	0x87,
	0xb3,
	0xfb,
	0x1f,
	0x00,
	0x00, /* xchg %r14,0x1ffb(%rbx) */
	0x0f,
	0x10,
	0x8b,
	0xf5,
	0x0f,
	0x00,
	0x00, /* movups 0xff5(%rbx),%xmm1 */
	0x66,
	0x0f,
	0xfc,
	0xd1, /* paddb %xmm1,%xmm2 */
	0x0f,
	0x11,
	0x93,
	0xf1,
	0x2f,
	0x00,
	0x00, /* movups %xmm2,0x2ff1(%rbx) */
	0x4c,
	0x89,
	0xf0, /* mov %r14,%rax */
	0xff,
	0xcd, /* dec %ebp */
	0x0f,
	0x85,
	0x40,
	0x0f,
	0x00,
	0x00, /* jne far1 */
	0x0f,
	0x0b, /* ud2 */
	0x44,
	0x0f,
	0xb6,
	0x43,
	0x05, /* movzbl 0x5(%rbx),%r8d */
	0x45,
	0x85,
	0xc0, /* test %r8d,%r8d */
	0x78,
	0x0a, /* js <func+0x14> */
	0x41,
	0xd3,
	0xe8, /* shr %cl,%r8d */
	0x4c,
	0x0f,
	0xa3,
	0xc0, /* bt %r8,%rax */
	0x4d,
	0x19,
	0xff, /* sbb %r15,%r15 */
	0xc3, /* ret */
	[0xff0] = 0x49,
	0x83,
	0xc7,
	0x01, /* add $0x1,%r15 */
	0x4c,
	0x89,
	0xfe, /* mov %r15,%rsi */
	0x49,
	0xb9,
	0xf0,
	0xde,
	0xbc,
	0x9a,
	0x78,
	0x56,
	0x34,
	0x12, /* movabs $0x123456789abcdef0,%r9 */
	0x4d,
	0x0f,
	0xbc,
	0xc1, /* bsf %r9,%r8 */
	0x4c,
	0x8d,
	0x0d,
	0x2c,
	0x00,
	0x00,
	0x00, /* lea 0x2c(%rip),%r9 (table) */
	0x4c,
	0x89,
	0xfa, /* mov %r15,%rdx */
	0x83,
	0xe2,
	0x03, /* and $0x3,%edx */
	0x41,
	0xff,
	0x24,
	0xd1, /* jmp *(%r9,%rdx,8) */
	0x49,
	0xff,
	0xc6, /* inc %r14 */
	0xe9,
	0xee,
	0xef,
	0xff,
	0xff, /* jmp outer */
	0x49,
	0xf7,
	0xde, /* neg %r14 */
	0xe9,
	0xe6,
	0xef,
	0xff,
	0xff, /* jmp outer */
	0x49,
	0xf7,
	0xd6, /* not %r14 */
	0xe9,
	0xde,
	0xef,
	0xff,
	0xff, /* jmp outer */
	0x49,
	0x0f,
	0xce, /* bswap %r14 */
	0xe9,
	0xd6,
	0xef,
	0xff,
	0xff, /* jmp outer */
	0x66,
	0x90, /* xchg %ax,%ax */
	0x16,
	0x20,
	0x40,
	0x00, /* table: the four places above */
	[0x1040] = 0x1e,
	0x20,
	0x40,
	0x00,
	[0x1048] = 0x26,
	0x20,
	0x40,
	0x00,
	[0x1050] = 0x2e,
	0x20,
	0x40,
	0x00,
	0x00,
	0x00,
	0x00,
	0x00,
};

/*
 * Fifty rounds of a program that rewrites, through another mapping of its pages, an instruction of
 * the running block, one of the next block, and one in another page.
 */
static const u8 smc_code[] = {
	0xb9,
	0x32,
	0x00,
	0x00,
	0x00, /* mov $0x32,%ecx */
	0x31,
	0xc0, /* xor %eax,%eax */
	0xbb,
	0x00,
	0x10,
	0x70,
	0x00, /* mov $0x701000,%ebx */
	0xff,
	0x83,
	0x21,
	0x00,
	0x00,
	0x00, /* incl 0x21(%rbx) */
	0xfe,
	0x83,
	0x1a,
	0x00,
	0x00,
	0x00, /* incb 0x1a(%rbx) */
	0x83,
	0xc0,
	0x01, /* add $0x1,%eax */
	0x83,
	0xc0,
	0x02, /* add $0x2,%eax */
	0xeb,
	0x00, /* jmp +0x20 */
	0xba,
	0x05,
	0x00,
	0x00,
	0x00, /* mov $0x5,%edx */
	0x01,
	0xd0, /* add %edx,%eax */
	0xfe,
	0x83,
	0x04,
	0x10,
	0x00,
	0x00, /* incb 0x1004(%rbx) */
	0xe8,
	0xce,
	0x0f,
	0x00,
	0x00, /* call other */
	0xff,
	0xc9, /* dec %ecx */
	0x75,
	0xd6, /* jne +0xc */
	0x0f,
	0x0b, /* ud2 */
	[0x1000] = 0x31,
	0xf6, /* xor %esi,%esi */
	0x83,
	0xc0,
	0x03, /* add $0x3,%eax */
	0xc3, /* ret */
};

/* Everything a run leaves behind that anyone could see. */
struct outcome {
	u64 r[16], rip, rflags, icount, now;
	struct tlb_stats tlb;
	struct fault fault;
	u8 xmm[16][16];
	u64 memory;
	u64 dirty; /* Accessed and Dirty bits of the page tables */
};

static u64 hash_bytes(u64 h, const void *p, size_t n)
{
	const u8 *b = p;

	while (n--)
		h = (h ^ *b++) * 0x100000001b3ull;
	return h;
}

static struct outcome outcome_of(struct guest *g)
{
	struct cpu *cpu = g->cpu;
	struct outcome o;

	memset(&o, 0, sizeof(o));
	memcpy(o.r, cpu->r, sizeof(o.r));
	o.rip = cpu->rip;
	o.rflags = cpu_rflags(cpu);
	o.icount = cpu->icount;
	o.now = cpu->now;
	o.tlb = cpu->tlb.stats;
	o.fault.vector = cpu->fault.vector;
	if (cpu->fault.vector != FAULT_NONE) {
		o.fault.error = cpu->fault.error;
		o.fault.cr2 = cpu->fault.vector == VEC_PF ? cpu->fault.cr2 : 0;
	}
	memcpy(o.xmm, cpu->fpu.xmm, sizeof(o.xmm));
	o.memory = hash_bytes(1, guest_ptr(g, DATA), 4 * PAGE_SIZE);
	o.dirty = hash_bytes(1, g->m->ram + g->cr3, g->next_table - g->cr3);
	return o;
}

static void assert_same(const struct outcome *a, const struct outcome *b, const char *what, u64 k)
{
	unsigned n;

	if (memcmp(a, b, sizeof(*a)) == 0)
		return;
	print_error(
		"%s %llu: rip %llx/%llx icount %llu/%llu now %llu/%llu flags %llx/%llx vector %u/%u l1d %llu/%llu l1i %llu/%llu walks %llu/%llu\n",
		what, (unsigned long long)k, (unsigned long long)a->rip, (unsigned long long)b->rip,
		(unsigned long long)a->icount, (unsigned long long)b->icount,
		(unsigned long long)a->now, (unsigned long long)b->now,
		(unsigned long long)a->rflags, (unsigned long long)b->rflags, a->fault.vector,
		b->fault.vector, (unsigned long long)a->tlb.l1d_miss,
		(unsigned long long)b->tlb.l1d_miss, (unsigned long long)a->tlb.l1i_miss,
		(unsigned long long)b->tlb.l1i_miss, (unsigned long long)a->tlb.walks,
		(unsigned long long)b->tlb.walks);
	for (n = 0; n < 16; n++)
		if (a->r[n] != b->r[n])
			print_error("r%u %llx/%llx\n", n, (unsigned long long)a->r[n],
				    (unsigned long long)b->r[n]);
	fail();
}

/* Run code from a fresh start until it faults, in slices of k cycles (0: one slice). */
static struct outcome run_program(const char *profile, const u8 *code, size_t n, u64 k,
				  u64 pool_bytes)
{
	struct outcome o;
	struct guest g;
	unsigned page;

	guest_create(&g, profile, 1);
	if (pool_bytes)
		g.m->exec->pool_bytes = pool_bytes;
	for (page = 0; page < 4; page++) /* the code once more, writable */
		guest_map_at(&g, 0x701000 + page * PAGE_SIZE,
			     *guest_entry(&g, CODE + page * PAGE_SIZE, false) & PTE_ADDR,
			     PTE_U | PTE_W);
	guest_reset(&g, CODE, 3);
	guest_write(&g, CODE, code, n);
	do {
		g.cpu->horizon = k ? g.cpu->now + k : ~0ull;
		exec_run(g.cpu);
	} while (g.cpu->fault.vector == FAULT_NONE);
	if (pool_bytes)
		assert_true(g.m->exec->stats.flushes > 10);
	o = outcome_of(&g);
	guest_destroy(&g);
	return o;
}

static void counts_are_exact(void **state)
{
	struct outcome o = run_program("zero", loop_code, sizeof(loop_code), 0, 0);

	(void)state;
	assert_int_equal(o.fault.vector, VEC_UD);
	assert_int_equal(o.icount, 600007);
	assert_int_equal(o.now, 600007);
	assert_int_equal(o.rip, CODE + 0x26);
	assert_int_equal(o.r[RAX], 0x38e38e37);
	assert_int_equal(o.r[RBX], 0x38e38e37);
	assert_int_equal(o.r[R8], 0x38e38e37);
	assert_int_equal(o.tlb.walks, 3);
}

static void program_that_rewrites_itself_sees_every_change(void **state)
{
	struct outcome o = run_program("zen4", smc_code, sizeof(smc_code), 0, 0);

	(void)state;
	assert_int_equal(o.fault.vector, VEC_UD);
	assert_int_equal(o.r[RAX], 550 + 3 * 1275);
}

static void slices_leave_no_trace(void **state)
{
	static const struct {
		const u8 *code;
		size_t n;
	} programs[] = { { mixed_code, sizeof(mixed_code) }, { smc_code, sizeof(smc_code) } };
	static const char *const profiles[] = { "zero", "zen4", "skylake" };
	static const u16 ks[] = { 1,  2,  3,  5,  7,   11,  13,	 17,   31,   32,
				  33, 37, 61, 97, 127, 251, 509, 1021, 4093, 30011 };
	unsigned p, q, k;

	(void)state;
	for (p = 0; p < ARRAY_SIZE(programs); p++)
		for (q = 0; q < ARRAY_SIZE(profiles); q++) {
			struct outcome whole =
				run_program(profiles[q], programs[p].code, programs[p].n, 0, 0);

			assert_int_equal(whole.fault.vector, VEC_UD);
			for (k = 0; k < ARRAY_SIZE(ks); k++) {
				struct outcome cut = run_program(profiles[q], programs[p].code,
								 programs[p].n, ks[k], 0);

				assert_same(&whole, &cut, profiles[q], ks[k]);
			}
		}
}

static void a_pool_that_is_always_full_changes_nothing(void **state)
{
	struct outcome whole = run_program("zen4", mixed_code, sizeof(mixed_code), 0, 0);
	struct outcome tiny = run_program("zen4", mixed_code, sizeof(mixed_code), 0, 6 << 10);
	struct outcome both = run_program("zen4", mixed_code, sizeof(mixed_code), 41, 6 << 10);

	(void)state;
	assert_same(&whole, &tiny, "tiny pool", 0);
	assert_same(&whole, &both, "tiny pool, slices", 41);
}

/* --- single faults --- */

struct fault_case {
	const char *name;
	u8 cpl, bytes[16], n;
	u8 vector;
	u32 error;
	u64 rax, rsp; /* 0: as guest_reset leaves it */
};

#define BAD 0x0000800000000000ull
static const struct fault_case fault_cases[] = {
	{ "ud2", 3, { 0x0f, 0x0b }, 2, VEC_UD, 0, 0, 0 },
	{ "push es", 3, { 0x06 }, 1, VEC_UD, 0, 0, 0 },
	{ "lock nop", 3, { 0xf0, 0x90 }, 2, VEC_UD, 0, 0, 0 },
	{ "lock add %eax,%ebx", 3, { 0xf0, 0x01, 0xc3 }, 3, VEC_UD, 0, 0, 0 },
	{ "sixteen prefixes",
	  3,
	  { 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
	    0x66, 0x66 },
	  16,
	  VEC_GP,
	  0,
	  0,
	  0 },
	{ "hlt", 3, { 0xf4 }, 1, VEC_GP, 0, 0, 0 },
	{ "cli", 3, { 0xfa }, 1, VEC_GP, 0, 0, 0 },
	{ "in %dx,%al", 3, { 0xec }, 1, VEC_GP, 0, 0, 0 },
	{ "mov %cr3,%rax", 3, { 0x0f, 0x20, 0xd8 }, 3, VEC_GP, 0, 0, 0 },
	{ "rdmsr", 3, { 0x0f, 0x32 }, 2, VEC_GP, 0, 0, 0 },
	{ "invlpg (%rax)", 3, { 0x0f, 0x01, 0x38 }, 3, VEC_GP, 0, 0, 0 },
	{ "swapgs", 3, { 0x0f, 0x01, 0xf8 }, 3, VEC_GP, 0, 0, 0 },
	{ "wrmsr of an unknown register", 0, { 0x0f, 0x30 }, 2, VEC_GP, 0, 0, 0 },
	{ "div %ecx by 0", 3, { 0xf7, 0xf1 }, 2, VEC_DE, 0, 0, 0 },
	{ "mov (%rax),%eax, not mapped", 3, { 0x8b, 0x00 }, 2, VEC_PF, PF_U, 0x900000, 0 },
	{ "mov %eax,(%rax), not mapped", 3, { 0x89, 0x00 }, 2, VEC_PF, PF_U | PF_W, 0x900000, 0 },
	{ "mov %eax,(%rax), read-only",
	  3,
	  { 0x89, 0x00 },
	  2,
	  VEC_PF,
	  PF_U | PF_W | PF_P,
	  CODE + 0x800,
	  0 },
	{ "add %eax,(%rax), read-only",
	  3,
	  { 0x01, 0x00 },
	  2,
	  VEC_PF,
	  PF_U | PF_W | PF_P,
	  CODE + 0x800,
	  0 },
	{ "cmpxchg %ecx,(%rax), read-only, failing",
	  3,
	  { 0x0f, 0xb1, 0x08 },
	  3,
	  VEC_PF,
	  PF_U | PF_W | PF_P,
	  CODE + 0x800,
	  0 },
	{ "bts %ecx,(%rax), not mapped",
	  3,
	  { 0x0f, 0xab, 0x08 },
	  3,
	  VEC_PF,
	  PF_U | PF_W,
	  0x900000,
	  0 },
	{ "mov (%rax),%eax, supervisor's", 3, { 0x8b, 0x00 }, 2, VEC_PF, PF_U | PF_P, KDATA, 0 },
	{ "mov (%rax),%eax, not canonical", 3, { 0x8b, 0x00 }, 2, VEC_GP, 0, BAD, 0 },
	{ "mov (%rsp),%eax, not canonical", 3, { 0x8b, 0x04, 0x24 }, 3, VEC_SS, 0, 0, BAD },
	{ "mov (%rsp,%rax),%eax over the hole", 3, { 0x8b, 0x04, 0x04 }, 3, VEC_SS, 0, 16, BAD - 16 },
	{ "push %rax, not canonical", 3, { 0x50 }, 1, VEC_SS, 0, 0, BAD + 16 },
	{ "push (%rax), not canonical", 3, { 0xff, 0x30 }, 2, VEC_GP, 0, BAD, 0 },
	{ "pop %rax, not canonical", 3, { 0x58 }, 1, VEC_SS, 0, 0, BAD },
	{ "ret, not canonical stack", 3, { 0xc3 }, 1, VEC_SS, 0, 0, BAD },
	{ "call, stack not mapped", 3, { 0xe8, 0, 0, 0, 0 }, 5, VEC_PF, PF_U | PF_W, 0, 0x900000 },
	{ "jmp *%rax, not canonical", 3, { 0xff, 0xe0 }, 2, VEC_GP, 0, BAD, 0 },
	{ "call *%rax, not canonical", 3, { 0xff, 0xd0 }, 2, VEC_GP, 0, BAD, 0 },
	{ "movaps (%rax),%xmm0, misaligned", 3, { 0x0f, 0x28, 0x00 }, 3, VEC_GP, 0, DATA + 8, 0 },
	{ "movaps %xmm0,(%rax), misaligned", 3, { 0x0f, 0x29, 0x00 }, 3, VEC_GP, 0, DATA + 8, 0 },
	{ "paddb (%rax),%xmm0, misaligned",
	  3,
	  { 0x66, 0x0f, 0xfc, 0x00 },
	  4,
	  VEC_GP,
	  0,
	  DATA + 1,
	  0 },
	{ "cmpxchg16b (%rax), misaligned", 3, { 0x48, 0x0f, 0xc7, 0x08 }, 4, VEC_GP, 0, DATA + 8, 0 },
	{ "fxsave (%rax), misaligned", 3, { 0x0f, 0xae, 0x00 }, 3, VEC_GP, 0, DATA + 8, 0 },
	{ "clac without SMAP", 0, { 0x0f, 0x01, 0xca }, 3, VEC_UD, 0, 0, 0 },
	{ "rdfsbase without FSGSBASE", 3, { 0xf3, 0x48, 0x0f, 0xae, 0xc0 }, 5, VEC_UD, 0, 0, 0 },
};

static void each_fault_has_its_vector_and_changes_nothing(void **state)
{
	struct guest g;
	unsigned k;

	(void)state;
	guest_create(&g, "zen4", 1);
	for (k = 0; k < ARRAY_SIZE(fault_cases); k++) {
		const struct fault_case *c = &fault_cases[k];
		u64 r[16], at = c->cpl ? CODE : KCODE;

		guest_reset(&g, at, c->cpl);
		g.cpu->r[RAX] = c->rax;
		if (c->rsp)
			g.cpu->r[RSP] = c->rsp;
		memcpy(r, g.cpu->r, sizeof(r));
		guest_write(&g, at, c->bytes, c->n);
		exec_run(g.cpu);
		if (g.cpu->fault.vector != c->vector ||
		    (c->vector != VEC_UD && c->vector != VEC_DE && g.cpu->fault.error != c->error))
			fail_msg("%s: vector %u error %x", c->name, g.cpu->fault.vector,
				 g.cpu->fault.error);
		if (memcmp(r, g.cpu->r, sizeof(r)) || g.cpu->rip != at || g.cpu->icount != 0 ||
		    cpu_rflags(g.cpu) != FLAG_FIXED)
			fail_msg("%s changed something", c->name);
		assert_string_equal(g.cpu->ud_mnemonic, "");
	}
	guest_destroy(&g);
}

static void what_is_not_implemented_is_ud_by_name(void **state)
{
	static const u8 vzeroupper[] = { 0x90, 0xc5, 0xf8, 0x77 },
			ud2[] = { 0x90, 0x90, 0x0f, 0x0b };
	struct guest g;

	(void)state;
	guest_create(&g, "zen4", 1);
	guest_reset(&g, CODE, 3);
	guest_run(&g, vzeroupper, sizeof(vzeroupper), 100000);
	assert_int_equal(g.cpu->fault.vector, VEC_UD);
	assert_string_equal(g.cpu->ud_mnemonic, "vzeroupper");
	assert_int_equal(g.cpu->ud_rip, CODE + 1);
	guest_reset(&g, CODE, 3);
	guest_run(&g, ud2, sizeof(ud2), 100000);
	assert_int_equal(g.cpu->fault.vector, VEC_UD);
	assert_string_equal(g.cpu->ud_mnemonic, "");
	assert_int_equal(g.cpu->icount, 2);
	guest_destroy(&g);
}

static void fault_in_the_second_page_of_a_store_writes_nothing(void **state)
{
	static const u8 code[] = { 0x48, 0x89, 0x07, /* mov %rax,(%rdi) */ 0x0f, 0x0b };
	struct guest g;
	u64 last;

	(void)state;
	guest_create(&g, "zen4", 1);
	guest_reset(&g, CODE, 3);
	g.cpu->r[RAX] = ~0ull;
	g.cpu->r[RDI] = DATA + 4 * PAGE_SIZE - 4;
	guest_run(&g, code, sizeof(code), 100000);
	assert_int_equal(g.cpu->fault.vector, VEC_PF);
	assert_int_equal(g.cpu->fault.cr2, DATA + 4 * PAGE_SIZE);
	assert_int_equal(g.cpu->rip, CODE);
	memcpy(&last, guest_ptr(&g, DATA + 4 * PAGE_SIZE - 8), 8);
	assert_int_equal(last, 0);
	guest_destroy(&g);
}

static void instruction_over_a_page_end_needs_both_pages(void **state)
{
	static const u8 mov[] = {
		0xb8, 0x78, 0x56, 0x34, 0x12, 0x0f, 0x0b
	}; /* mov $0x12345678,%eax; ud2 */
	u64 at = CODE + 4 * PAGE_SIZE - 3;
	struct guest g;
	u8 *page;

	(void)state;
	guest_create(&g, "zen4", 1);
	guest_reset(&g, at, 3);
	guest_write(&g, at, mov, 3);
	exec_run(g.cpu);
	assert_int_equal(g.cpu->fault.vector, VEC_PF);
	assert_int_equal(g.cpu->fault.error, PF_U | PF_I);
	assert_int_equal(g.cpu->fault.cr2, CODE + 4 * PAGE_SIZE);
	assert_int_equal(g.cpu->rip, at);
	page = guest_map(&g, CODE + 4 * PAGE_SIZE, PTE_U);
	memcpy(page, mov + 3, 4);
	guest_reset(&g, at, 3);
	exec_run(g.cpu);
	assert_int_equal(g.cpu->fault.vector, VEC_UD);
	assert_int_equal(g.cpu->r[RAX], 0x12345678);
	assert_int_equal(g.cpu->icount, 1);
	/* Another frame behind the same first page. */
	page = guest_map(&g, CODE + 4 * PAGE_SIZE, PTE_U);
	memcpy(page, mov + 3, 4);
	page[1] = 0xaa;
	guest_reset(&g, at, 3);
	exec_run(g.cpu);
	assert_int_equal(g.cpu->r[RAX], 0xaa345678);
	/* The second half rewritten. */
	guest_write(&g, CODE + 4 * PAGE_SIZE, mov, 1);
	guest_reset(&g, at, 3);
	exec_run(g.cpu);
	assert_int_equal(g.cpu->r[RAX], 0xaab85678);
	guest_destroy(&g);
}

static void repetition_stops_at_the_horizon_and_goes_on(void **state)
{
	static const u8 code[] = { 0xf3, 0xaa, /* rep stosb */ 0x0f, 0x0b };
	struct guest g;
	u64 step, left = 10000, at = 0;

	(void)state;
	guest_create(&g, "zero", 1);
	guest_reset(&g, CODE, 3);
	g.cpu->r[RCX] = left;
	g.cpu->r[RDI] = DATA + 100;
	g.cpu->r[RAX] = 0x5a;
	for (step = 1; left; step = step * 3 + 1) {
		u64 done = min(step, left);

		g.cpu->horizon = g.cpu->now + step;
		guest_write(&g, CODE, code, sizeof(code));
		exec_run(g.cpu);
		left -= done;
		at += done;
		assert_int_equal(g.cpu->r[RCX], left);
		assert_int_equal(g.cpu->r[RDI], DATA + 100 + at);
		if (left) {
			assert_int_equal(g.cpu->rip, CODE);
			assert_int_equal(g.cpu->icount, 0);
			assert_int_equal(g.cpu->now, g.cpu->horizon);
		}
	}
	assert_int_equal(*(u8 *)guest_ptr(&g, DATA + 100), 0x5a);
	assert_int_equal(*(u8 *)guest_ptr(&g, DATA + 99), 0);
	assert_int_equal(*(u8 *)guest_ptr(&g, DATA + 10100), 0);
	guest_destroy(&g);
}

static void repetition_with_overlap_repeats_the_pattern(void **state)
{
	static const u8 code[] = { 0xf3, 0xa4, /* rep movsb */ 0x0f, 0x0b };
	struct guest g;
	unsigned k;

	(void)state;
	guest_create(&g, "zen4", 1);
	guest_reset(&g, CODE, 3);
	guest_write(&g, DATA, "abc", 3);
	g.cpu->r[RCX] = 9000;
	g.cpu->r[RSI] = DATA;
	g.cpu->r[RDI] = DATA + 3;
	guest_run(&g, code, sizeof(code), 1 << 20);
	assert_int_equal(g.cpu->fault.vector, VEC_UD);
	for (k = 0; k < 9003; k++)
		assert_int_equal(*(u8 *)guest_ptr(&g, DATA + k), "abc"[k % 3]);
	guest_destroy(&g);
}

/* --- nonsense --- */

static u64 seed_from_environment(u64 fallback)
{
	const char *s = getenv("OSIM_SEED");

	return s ? strtoull(s, NULL, 0) : fallback;
}

/*
 * Execute random bytes; after each fault begin somewhere else. Registers point into mapped memory
 * often enough to do harm.
 */
static struct outcome run_nonsense(u64 seed, u8 cpl, u64 k)
{
	u64 base = cpl ? CODE : KCODE, data = cpl ? DATA : KDATA;
	struct outcome o;
	struct prng rng;
	struct guest g;
	unsigned n, faults;

	guest_create(&g, "zen4", 1);
	prng_seed(&rng, seed, cpl);
	for (n = 0; n < 2 * PAGE_SIZE; n++)
		((u8 *)guest_ptr(&g, base + n))[0] = (u8)prng_u64(&rng);
	for (n = 0; n < 2; n++) /* and some of it writable */
		guest_map_at(&g, 0x701000 + n * PAGE_SIZE,
			     *guest_entry(&g, base + n * PAGE_SIZE, false) & PTE_ADDR,
			     PTE_U | PTE_W);
	guest_reset(&g, base, cpl);
	for (faults = 0; faults < 40; faults++) {
		u64 end = g.cpu->now + 3000, icount = g.cpu->icount, now = g.cpu->now;
		struct tlb_stats stats = g.cpu->tlb.stats;

		if (cpl == 0) { /* whatever it did to itself, begin in order */
			guest_reset(&g, base, cpl);
			g.cpu->icount = icount;
			g.cpu->now = now;
			g.cpu->tlb.stats = stats;
		}
		for (n = 0; n < 16; n++)
			if (n != RSP)
				g.cpu->r[n] =
					prng_below(&rng, 3) ? data + prng_below(&rng, 0x3000) :
					prng_below(&rng, 2) ? prng_below(&rng, 40) :
							      0x701000 + prng_below(&rng, 0x2000);
		g.cpu->r[RSP] = (cpl ? STACK_TOP : KSTACK_TOP) - 0x1000;
		g.cpu->rip = base + prng_below(&rng, 2 * PAGE_SIZE - 64);
		cpu_set_cpl(g.cpu, cpl);
		cpu_set_rflags(g.cpu, FLAG_FIXED);
		g.cpu->cr0 &= ~CR0_TS;
		do {
			g.cpu->horizon = k ? min(end, g.cpu->now + k) : end;
			exec_run(g.cpu);
		} while (g.cpu->fault.vector == FAULT_NONE && g.cpu->exec->event == EXEC_NONE &&
			 g.cpu->now < end);
	}
	o = outcome_of(&g);
	guest_destroy(&g);
	return o;
}

static void random_bytes_never_harm_and_never_depend_on_slices(void **state)
{
	u64 seed = seed_from_environment(0), first = seed ? seed : 1, last = seed ? seed : 60;

	(void)state;
	for (seed = first; seed <= last; seed++) {
		struct outcome user = run_nonsense(seed, 3, 0),
			       cut = run_nonsense(seed, 3, 1 + seed % 50);

		assert_same(&user, &cut, "OSIM_SEED", seed);
		user = run_nonsense(seed, 0, 0);
		cut = run_nonsense(seed, 0, 1 + seed % 50);
		assert_same(&user, &cut, "supervisor, OSIM_SEED", seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_are_exact),
		cmocka_unit_test(program_that_rewrites_itself_sees_every_change),
		cmocka_unit_test(slices_leave_no_trace),
		cmocka_unit_test(a_pool_that_is_always_full_changes_nothing),
		cmocka_unit_test(each_fault_has_its_vector_and_changes_nothing),
		cmocka_unit_test(what_is_not_implemented_is_ud_by_name),
		cmocka_unit_test(fault_in_the_second_page_of_a_store_writes_nothing),
		cmocka_unit_test(instruction_over_a_page_end_needs_both_pages),
		cmocka_unit_test(repetition_stops_at_the_horizon_and_goes_on),
		cmocka_unit_test(repetition_with_overlap_repeats_the_pattern),
		cmocka_unit_test(random_bytes_never_harm_and_never_depend_on_slices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
