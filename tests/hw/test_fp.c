/* SPDX-License-Identifier: MIT */
/*
 * The functions of hw/fp and hw/cpu/simd against the host CPU: random SSE, SSE2 and x87 instructions from random states, operands
 * fetched here, so that a difference is the function's and not the decoder's. What the host defines otherwise (RCPPS, partial FPREM)
 * has tests of its own.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "hostcpu.h"
#include "hw/cpu.h"
#include "hw/fp/fp.h"

static ZydisDecoder dec;
static u64 seed = 20261121;
static const char *only; /* environment OSIM_ONLY: one mnemonic, more cases */

static struct cpu *cpu;
static struct prng env_prng;

static void to_cpu(const struct state *s)
{
	memcpy(cpu->r, s->gpr, sizeof(s->gpr));
	cpu_set_rflags(cpu, s->rflags | FLAG_FIXED);
	cpu->fault.vector = FAULT_NONE;
	cpu->fpu.mxcsr = 0x1f80;
	if (!fpu_fxrstor(cpu, s->fx))
		fail_msg("fxrstor of a valid image failed");
}

static void from_cpu(struct state *s)
{
	u8 keep[512 - 416];

	memcpy(s->gpr, cpu->r, sizeof(s->gpr));
	s->rflags = cpu_rflags(cpu);
	memcpy(keep, s->fx + 416, sizeof(keep));
	fpu_fxsave(cpu, s->fx);
	assert_memory_equal(s->fx + 416, keep, sizeof(keep));
}

static u64 effective(const struct insn_case *c, const struct state *s, const ZydisDecodedOperandMem *m)
{
	u64 va = (u64)m->disp.value + s->gpr[gpr_number(m->base)];

	if (m->index)
		va += s->gpr[gpr_number(m->index)] * m->scale;
	return c->d.address_width == 32 ? (u32)va : va;
}

/* The bytes an operand stands for; NULL when this test does not know it. */
static u8 *operand(const struct insn_case *c, struct state *s, const ZydisDecodedOperand *o, bool *gpr)
{
	*gpr = false;
	if (o->type == ZYDIS_OPERAND_TYPE_MEMORY)
		return s->buf + (effective(c, s, &o->mem) - HOST_BUF);
	if (o->type != ZYDIS_OPERAND_TYPE_REGISTER)
		return NULL;
	if (o->reg.value >= ZYDIS_REGISTER_XMM0 && o->reg.value <= ZYDIS_REGISTER_XMM15)
		return cpu->fpu.xmm[o->reg.value - ZYDIS_REGISTER_XMM0];
	if (gpr_number(o->reg.value) < 0)
		return NULL;
	*gpr = true;
	return (u8 *)&cpu->r[gpr_number(o->reg.value)];
}

enum outcome { RAN, UNKNOWN };

/*
 * An embedder's own floating-point environment: any rounding, sticky flags set, exceptions unmasked (but none pending). It is set
 * before a function is called and must be the same afterwards, with an empty x87 stack.
 */
struct host_env {
	u32 mxcsr, saved_mxcsr;
	u32 x87[7], saved_x87[7];
};

static void disturb_host(struct prng *g, struct host_env *e)
{
	__asm__ volatile("stmxcsr %0\n\tfnstenv %1\n\tfldenv %1" : "=m"(e->saved_mxcsr), "=m"(e->saved_x87));
	memcpy(e->x87, e->saved_x87, sizeof(e->x87));
	e->mxcsr = e->saved_mxcsr;
	if (rnd(g, 2)) {
		e->mxcsr = (u32)rnd(g, 4) << 13 | (u32)rnd(g, 2) << 15 | (u32)(rnd(g, 2) ? 0x3f : rnd(g, 64)) << 7 | (u32)rnd(g, 64);
		e->x87[0] = (e->x87[0] & ~0xf3fu) | (u32)rnd(g, 4) << 10 | 0x300 | (u32)(rnd(g, 2) ? 0x3f : rnd(g, 64));
		e->x87[1] = (e->x87[1] & ~0x80ffu) | ((u32)rnd(g, 64) & e->x87[0]);
	}
	__asm__ volatile("fldenv %0\n\tldmxcsr %1" : : "m"(e->x87), "m"(e->mxcsr));
}

static void check_host(const struct host_env *e)
{
	u32 mxcsr, x87[7];

	__asm__ volatile("stmxcsr %0\n\tfnstenv %1\n\tldmxcsr %2\n\tfldenv %3"
			 : "=m"(mxcsr), "=m"(x87)
			 : "m"(e->saved_mxcsr), "m"(e->saved_x87));
	assert_int_equal(mxcsr, e->mxcsr);
	assert_int_equal(x87[0] & 0xffff, e->x87[0] & 0xffff);
	assert_int_equal(x87[1] & 0x38ff, e->x87[1] & 0x38ff); /* the condition codes belong to nobody */
	assert_int_equal(x87[2] & 0xffff, 0xffff);
}

static enum outcome run_sse(const struct insn_case *c, struct state *s, int *trap)
{
	const struct sse_op *op;
	unsigned gpr_bits = 0, imm = 0;
	bool dst_gpr, src_gpr = false, ran = false;
	struct host_env env;
	u8 *dst, *src = NULL;

	for (unsigned i = 0; i < c->d.operand_count_visible; i++)
		if (c->op[i].type == ZYDIS_OPERAND_TYPE_REGISTER && gpr_number(c->op[i].reg.value) >= 0)
			gpr_bits = c->op[i].size;
	if (c->d.mnemonic == ZYDIS_MNEMONIC_CVTSI2SD || c->d.mnemonic == ZYDIS_MNEMONIC_CVTSI2SS)
		gpr_bits = c->op[1].size;
	op = sse_lookup(c->d.mnemonic, gpr_bits);
	if (!op || c->d.operand_count_visible < 2)
		return UNKNOWN;
	for (unsigned i = 0; i < c->d.operand_count_visible; i++)
		if (c->op[i].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
			imm = (unsigned)c->op[i].imm.value.u & 0xff;
	to_cpu(s);
	dst = operand(c, s, &c->op[0], &dst_gpr);
	if (c->op[1].type != ZYDIS_OPERAND_TYPE_IMMEDIATE) {
		src = operand(c, s, &c->op[1], &src_gpr);
		if (!src)
			return UNKNOWN;
	}
	if (!dst || dst_gpr != op->dst_gpr)
		return UNKNOWN;
	*trap = -1;
	if (op->align == 16 && c->op[1].type == ZYDIS_OPERAND_TYPE_MEMORY && ((src - s->buf) & 15))
		*trap = VEC_GP;
	else if (c->op[1].type == ZYDIS_OPERAND_TYPE_MEMORY && op->src_bytes != c->op[1].size / 8)
		fail_msg("%s reads %u bytes, the table says %u", ZydisMnemonicGetString(c->d.mnemonic), c->op[1].size / 8,
			 op->src_bytes);
	else
		ran = true;
	if (ran) {
		disturb_host(&env_prng, &env);
		if (!op->fn(cpu, dst, src, imm))
			*trap = cpu->fault.vector;
		check_host(&env);
	}
	from_cpu(s);
	return RAN;
}

static enum outcome run_x87(const struct insn_case *c, struct state *s, int *trap)
{
	const struct x87_op *op;
	unsigned mem_bits = 0, sti = 0;
	bool dst_sti = false;
	struct host_env env;
	u8 *mem = NULL;
	bool gpr;

	for (unsigned i = 0; i < c->d.operand_count_visible; i++) {
		const ZydisDecodedOperand *o = &c->op[i];

		if (o->type == ZYDIS_OPERAND_TYPE_MEMORY) {
			mem_bits = o->size;
		} else if (o->type == ZYDIS_OPERAND_TYPE_REGISTER && o->reg.value > ZYDIS_REGISTER_ST0 &&
			   o->reg.value <= ZYDIS_REGISTER_ST7) {
			sti = o->reg.value - ZYDIS_REGISTER_ST0;
			dst_sti = i == 0;
		}
	}
	op = x87_lookup(c->d.mnemonic, mem_bits, dst_sti);
	if (!op)
		return UNKNOWN;
	to_cpu(s);
	if (mem_bits)
		mem = operand(c, s, c->op[0].type == ZYDIS_OPERAND_TYPE_MEMORY ? &c->op[0] : &c->op[1], &gpr);
	disturb_host(&env_prng, &env);
	*trap = op->fn(cpu, mem, sti) ? -1 : cpu->fault.vector;
	check_host(&env);
	from_cpu(s);
	return RAN;
}

/* A vendor's own: compared by other means. */
static bool excluded(ZydisMnemonic m)
{
	if (m == ZYDIS_MNEMONIC_MASKMOVDQU) /* needs an MMU: tests/hw/test_insn_simd.c */
		return true;
	return m == ZYDIS_MNEMONIC_RCPPS || m == ZYDIS_MNEMONIC_RCPSS || m == ZYDIS_MNEMONIC_RSQRTPS ||
	       m == ZYDIS_MNEMONIC_RSQRTSS || m == ZYDIS_MNEMONIC_FSIN || m == ZYDIS_MNEMONIC_FCOS ||
	       m == ZYDIS_MNEMONIC_FSINCOS || m == ZYDIS_MNEMONIC_FPTAN || m == ZYDIS_MNEMONIC_FPATAN ||
	       m == ZYDIS_MNEMONIC_F2XM1 || m == ZYDIS_MNEMONIC_FYL2X || m == ZYDIS_MNEMONIC_FYL2XP1;
}

static void against_host(enum gen_kind kind, unsigned cases)
{
	static u32 done[ZYDIS_MNEMONIC_MAX_VALUE + 1];
	struct state in, h, o;
	struct prng g;
	unsigned failures = 0, mnemonics = 0;

	host_catch_signals();
	memset(&in, 0, sizeof(in));
	prng_seed(&g, seed, kind);
	memset(done, 0, sizeof(done));
	for (unsigned n = 0; n < cases;) {
		struct compare_mask m = { .flags = FLAGS_COMPARED, .fsw = 0xffff, .mxcsr = 0xffff };
		struct insn_case c;
		int host_vec, vec = -1;

		gen_bytes(&g, kind, c.bytes);
		if (!decode_case(&dec, &c) || excluded(c.d.mnemonic))
			continue;
		if (only && strcmp(only, ZydisMnemonicGetString(c.d.mnemonic)))
			continue;
		/* A rare opcode byte means fewer cases of it; a few hundred of each mnemonic suffice. */
		if (!only && done[c.d.mnemonic] > cases / 60)
			continue;
		rnd_state(&g, &in);
		if (!place_operands(&g, &c, &in))
			continue;
		o = in;
		if ((kind == GEN_SSE ? run_sse(&c, &o, &vec) : run_x87(&c, &o, &vec)) == UNKNOWN)
			continue;
		h = in;
		host_vec = host_run(&h, c.bytes, c.len);
		mnemonics += !done[c.d.mnemonic]++;
		n++;
		if (vec == VEC_XM)
			m.mxcsr = 0xffff & ~0x20u;
		if (host_vec == vec && same_state(&h, &o, &m))
			continue;
		printf("case %u, seed %llu: ", n, (unsigned long long)seed);
		print_case(&c);
		if (host_vec != vec)
			printf("  vector: host %d osim %d\n", host_vec, vec);
		print_diff(&in, &h, &o, &m);
		if (++failures > 12)
			break;
	}
	printf("%u mnemonics, %u cases\n", mnemonics, cases);
	assert_int_equal(failures, 0);
}

static void sse_functions_agree_with_the_host(void **state)
{
	(void)state;
	against_host(GEN_SSE, 30000);
}

static void x87_functions_agree_with_the_host(void **state)
{
	(void)state;
	against_host(GEN_X87, 30000);
}

/* ---- what hosts define otherwise ---- */

/* An image as an integer that counts representable numbers, so that a difference is in units in the last place. */
static __int128 ordinal(const u8 *p)
{
	u64 mant;
	u16 se;
	__int128 v;

	memcpy(&mant, p, 8);
	memcpy(&se, p + 8, 2);
	v = ((__int128)(se & 0x7fff) << 63) + (mant & ~(1ull << 63));
	return se >> 15 ? -v : v;
}

/*
 * The host's own transcendentals are within an ulp of the truth and ours within half of one: they may differ by one. Special
 * operands, stack faults, tags, TOP, and the flags IE, DE, ZE, SF agree exactly.
 */
static void x87_transcendentals_are_within_an_ulp_of_the_host(void **state)
{
	static const u8 opcode[] = { 0xf0, 0xf1, 0xf2, 0xf3, 0xf9, 0xfb, 0xfe, 0xff };
	struct state in, h, o;
	struct prng g;
	unsigned failures = 0, differ = 0;

	(void)state;
	host_catch_signals();
	memset(&in, 0, sizeof(in));
	prng_seed(&g, seed, 50);
	for (unsigned n = 0; n < 20000; n++) {
		struct insn_case c = { .bytes = { 0xd9, opcode[rnd(&g, 8)] } };
		struct compare_mask m = { .flags = FLAGS_COMPARED, .fsw = 0xffff & ~0x4730u, .mxcsr = 0xffff };
		int host_vec, vec;
		bool bad = false;
		s64 ulps[2] = { 0, 0 };
		u16 fcw, fsw;
		u8 *st0, *st1;

		decode_case(&dec, &c);
		rnd_state(&g, &in);
		if (rnd(&g, 4))
			in.fx[4] = (u8)~(1u << ((((in.fx[3] >> 3) & 7) + 7) & 7));
		memcpy(&fcw, in.fx, 2);
		fcw = (u16)((fcw & ~0xc00u) | 0x330); /* nearest, extended, UE and PE masked */
		if (rnd(&g, 4))
			fcw |= 0x3f;
		memcpy(in.fx, &fcw, 2);
		st0 = in.fx + 32;
		if (c.d.mnemonic == ZYDIS_MNEMONIC_F2XM1 && (in.fx[41] & 0x7f) >= 0x3f && in.fx[40] == 0xff)
			continue; /* an exponent of 0 or more: undefined outside [-1, 1] */
		if (c.d.mnemonic == ZYDIS_MNEMONIC_FYL2XP1) {
			u16 e;

			memcpy(&e, st0 + 8, 2);
			if ((e & 0x7fff) >= 0x3ffd) /* |x| must stay below 1 - sqrt(1/2) */
				continue;
		}
		o = h = in;
		if (run_x87(&c, &o, &vec) == UNKNOWN)
			fail_msg("not implemented");
		host_vec = host_run(&h, c.bytes, c.len);
		st0 = o.fx + 32;
		st1 = h.fx + 32;
		for (unsigned i = 0; i < 2; i++) {
			__int128 d = ordinal(st0 + 16 * i) - ordinal(st1 + 16 * i);

			if (d < -1 || d > 1)
				bad = true;
			ulps[i] = d > 1000 ? 1000 : d < -1000 ? -1000 : (s64)d;
			differ += d != 0;
			memcpy(st1 + 16 * i, st0 + 16 * i, 10);
		}
		memcpy(&fsw, o.fx + 2, 2);
		if (vec == host_vec && !bad && same_state(&h, &o, &m))
			continue;
		if (failures++ > 12)
			continue;
		printf("case %u, seed %llu: vector host %d osim %d, ulps %lld %lld: ", n, (unsigned long long)seed, host_vec, vec,
		       (long long)ulps[0], (long long)ulps[1]);
		print_case(&c);
		for (unsigned i = 0; i < 2; i++) {
			printf("  in st%u ", i);
			for (int b = 9; b >= 0; b--)
				printf("%02x%s", in.fx[32 + 16 * i + (unsigned)b], b == 8 ? "." : "");
			printf("\n");
		}
		print_diff(&in, &h, &o, &m);
	}
	printf("%u of 20000 results differ from the host's, by one ulp\n", differ);
	assert_int_equal(failures, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sse_functions_agree_with_the_host),
		cmocka_unit_test(x87_functions_agree_with_the_host),
		cmocka_unit_test(x87_transcendentals_are_within_an_ulp_of_the_host),
	};

	if (getenv("OSIM_SEED"))
		seed = strtoull(getenv("OSIM_SEED"), NULL, 0);
	only = getenv("OSIM_ONLY");
	cpu = aligned_alloc(64, (sizeof(*cpu) + 63) & ~63ul);
	memset(cpu, 0, sizeof(*cpu));
	cpu->cr0 = CR0_PE | CR0_PG | CR0_NE | CR0_MP | CR0_ET;
	cpu->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;
	ZydisDecoderInit(&dec, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	prng_seed(&env_prng, seed, 7);
	host_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
