/* SPDX-License-Identifier: MIT */
/*
 * The functions of hw/fp and hw/cpu/simd against the host CPU: random SSE, SSE2 and x87
 * instructions from random states, operands fetched here, so that a difference is the function's
 * and not the decoder's. What the host defines otherwise (RCPPS, partial FPREM) has tests of its
 * own.
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

static u64 effective(const struct insn_case *c, const struct state *s,
		     const ZydisDecodedOperandMem *m)
{
	u64 va = (u64)m->disp.value + s->gpr[gpr_number(m->base)];

	if (m->index)
		va += s->gpr[gpr_number(m->index)] * m->scale;
	return c->d.address_width == 32 ? (u32)va : va;
}

/* The bytes an operand stands for; NULL when this test does not know it. */
static u8 *operand(const struct insn_case *c, struct state *s, const ZydisDecodedOperand *o,
		   bool *gpr)
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
 * An embedder's own floating-point environment: any rounding, sticky flags set, exceptions unmasked
 * (but none pending). It is set before a function is called and must be the same afterwards, with
 * an empty x87 stack.
 */
struct host_env {
	u32 mxcsr, saved_mxcsr;
	u32 x87[7], saved_x87[7];
};

static void disturb_host(struct prng *g, struct host_env *e)
{
	__asm__ volatile("stmxcsr %0\n\tfnstenv %1\n\tfldenv %1"
			 : "=m"(e->saved_mxcsr), "=m"(e->saved_x87));
	memcpy(e->x87, e->saved_x87, sizeof(e->x87));
	e->mxcsr = e->saved_mxcsr;
	if (rnd(g, 2)) {
		e->mxcsr = (u32)rnd(g, 512) << 7;
		e->mxcsr |= rnd(g, 2) ? 0x1f80u : 0;
		e->mxcsr |= (u32)rnd(g, 64);
		e->x87[0] = (e->x87[0] & ~0xf3fu) | (u32)rnd(g, 4) << 10 | 0x300;
		e->x87[0] |= rnd(g, 2) ? 0x3f : (u32)rnd(g, 64);
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
	assert_int_equal(x87[1] & 0x38ff,
			 e->x87[1] & 0x38ff); /* the condition codes belong to nobody */
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
		if (c->op[i].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    gpr_number(c->op[i].reg.value) >= 0)
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
		fail_msg("%s reads %u bytes, the table says %u",
			 ZydisMnemonicGetString(c->d.mnemonic), c->op[1].size / 8, op->src_bytes);
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
		} else if (o->type == ZYDIS_OPERAND_TYPE_REGISTER &&
			   o->reg.value > ZYDIS_REGISTER_ST0 &&
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
		mem = operand(c, s,
			      c->op[0].type == ZYDIS_OPERAND_TYPE_MEMORY ? &c->op[0] : &c->op[1],
			      &gpr);
	disturb_host(&env_prng, &env);
	*trap = op->fn(cpu, mem, sti) ? -1 : cpu->fault.vector;
	check_host(&env);
	from_cpu(s);
	return RAN;
}

/* A vendor's own: compared by other means. */
static bool excluded(ZydisMnemonic m)
{
	return m == ZYDIS_MNEMONIC_RCPPS || m == ZYDIS_MNEMONIC_RCPSS ||
	       m == ZYDIS_MNEMONIC_RSQRTPS || m == ZYDIS_MNEMONIC_RSQRTSS ||
	       m == ZYDIS_MNEMONIC_FSIN || m == ZYDIS_MNEMONIC_FCOS ||
	       m == ZYDIS_MNEMONIC_FSINCOS || m == ZYDIS_MNEMONIC_FPTAN ||
	       m == ZYDIS_MNEMONIC_FPATAN || m == ZYDIS_MNEMONIC_F2XM1 ||
	       m == ZYDIS_MNEMONIC_FYL2X || m == ZYDIS_MNEMONIC_FYL2XP1;
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
		/*
		 * A rare opcode byte means fewer cases of it; a few hundred of each mnemonic
		 * suffice.
		 */
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

/*
 * An image as an integer that counts representable numbers, so that a difference is in units in the
 * last place.
 */
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
 * The host's own transcendentals are within an ulp of the truth and ours within half of one: they
 * may differ by one. Special operands, stack faults, tags, TOP, and the flags IE, DE, ZE, SF agree
 * exactly.
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
		struct compare_mask m = { .flags = FLAGS_COMPARED,
					  .fsw = 0xffff & ~0x4730u,
					  .mxcsr = 0xffff };
		int host_vec, vec;
		bool bad = false;
		s64 ulps[2] = { 0, 0 };
		u16 fcw, fsw;
		u8 *st0, *st1;

		decode_case(&dec, &c);
		rnd_state(&g, &in);
		if (rnd(&g, 4))
			in.fx[4] = (u8) ~(1u << ((((in.fx[3] >> 3) & 7) + 7) & 7));
		memcpy(&fcw, in.fx, 2);
		fcw = (u16)((fcw & ~0xc00u) | 0x330); /* nearest, extended, UE and PE masked */
		if (rnd(&g, 4))
			fcw |= 0x3f;
		memcpy(in.fx, &fcw, 2);
		st0 = in.fx + 32;
		if (c.d.mnemonic == ZYDIS_MNEMONIC_F2XM1 && (in.fx[41] & 0x7f) >= 0x3f &&
		    in.fx[40] == 0xff)
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
		printf("case %u, seed %llu: vector host %d osim %d, ulps %lld %lld: ", n,
		       (unsigned long long)seed, host_vec, vec, (long long)ulps[0],
		       (long long)ulps[1]);
		print_case(&c);
		for (unsigned i = 0; i < 2; i++) {
			printf("  in st%u ", i);
			for (int b = 9; b >= 0; b--)
				printf("%02x%s", in.fx[32 + 16 * i + (unsigned)b],
				       b == 8 ? "." : "");
			printf("\n");
		}
		print_diff(&in, &h, &o, &m);
	}
	printf("%u of 20000 results differ from the host's, by one ulp\n", differ);
	assert_int_equal(failures, 0);
}

/*
 * The manuals bound the relative error of RCPPS and RSQRTPS by 1.5 * 2^-12; special operands are
 * compared with the host.
 */
static void rcp_and_rsqrt_keep_the_documented_bound(void **state)
{
	const struct sse_op *rcp = sse_lookup(ZYDIS_MNEMONIC_RCPPS, 0),
			    *rsqrt = sse_lookup(ZYDIS_MNEMONIC_RSQRTPS, 0);
	struct prng g;

	(void)state;
	prng_seed(&g, seed, 60);
	cpu->fpu.mxcsr = 0x1f80;
	for (unsigned n = 0; n < 50000; n++) {
		u32 bits = (u32)rnd_float(&g, 8, 23), in[4] = { bits, bits, bits, bits }, out[4],
		    host_out[4] = { 0 };
		float x, r, expect;

		memcpy(&x, &bits, 4);
		for (unsigned k = 0; k < 2; k++) {
			assert_true((k ? rsqrt : rcp)->fn(cpu, out, in, 0));
			assert_int_equal(out[0], out[3]);
			memcpy(&r, out, 4);
			expect = k ? 1.0f / sqrtf(x) : 1.0f / x;
			if (isnormal(x) && isnormal(expect) && isnormal(r)) {
				if (fabs((double)r / (k ? 1.0 / sqrt(x) : 1.0 / x) - 1.0) >
				    1.5 / 4096)
					fail_msg("seed %llu: %s(%08x) is %08x",
						 (unsigned long long)seed, k ? "rsqrt" : "rcp",
						 bits, out[0]);
				continue;
			}
			if (isnormal(x) &&
			    !k) /* tiny or near the largest: rounded here and there */
				continue;
			if (k)
				__asm__("rsqrtps %1, %0"
					: "=x"(*(s64 __attribute__((vector_size(16))) *)host_out)
					: "x"(*(s64 __attribute__((vector_size(16))) *)in));
			else
				__asm__("rcpps %1, %0"
					: "=x"(*(s64 __attribute__((vector_size(16))) *)host_out)
					: "x"(*(s64 __attribute__((vector_size(16))) *)in));
			if (out[0] != host_out[0])
				fail_msg("%s(%08x): host %08x osim %08x", k ? "rsqrt" : "rcp", bits,
					 host_out[0], out[0]);
		}
	}
	assert_int_equal(cpu->fpu.mxcsr, 0x1f80);
}

/* What is computed in software is the same on every host, compiler and level of optimisation. */
static void software_results_never_change(void **state)
{
	static const ZydisMnemonic trans[] = { ZYDIS_MNEMONIC_F2XM1,   ZYDIS_MNEMONIC_FYL2X,
					       ZYDIS_MNEMONIC_FYL2XP1, ZYDIS_MNEMONIC_FPATAN,
					       ZYDIS_MNEMONIC_FSIN,    ZYDIS_MNEMONIC_FCOS,
					       ZYDIS_MNEMONIC_FSINCOS, ZYDIS_MNEMONIC_FPTAN,
					       ZYDIS_MNEMONIC_FPREM,   ZYDIS_MNEMONIC_FPREM1 };
	/* Correctly rounded, from a multiprecision computation of the same definition. */
	static const struct {
		ZydisMnemonic m;
		u16 y_se, x_se, r_se;
		u64 y, x, r;
	} exact[] = {
		{ ZYDIS_MNEMONIC_FSIN, 0x0000, 0x4023, 0x3ffe, 0x0000000000000000ull,
		  0xdef2e04c4164d839ull, 0xd0a25c631d3fc0f1ull },
		{ ZYDIS_MNEMONIC_FCOS, 0x0000, 0x4023, 0x3ffe, 0x0000000000000000ull,
		  0xdef2e04c4164d839ull, 0x9459a22cbaae5085ull },
		{ ZYDIS_MNEMONIC_F2XM1, 0x0000, 0x3ff3, 0x3ff3, 0x0000000000000000ull,
		  0xd8608fefcb91ce37ull, 0x9600b0cf53e1bbfeull },
		{ ZYDIS_MNEMONIC_FYL2X, 0x4009, 0x78a3, 0x4017, 0xc3d85892ec1d7da0ull,
		  0xdeb4ff14d76d4330ull, 0xad5599cfeeb6b861ull },
		{ ZYDIS_MNEMONIC_FYL2XP1, 0x4009, 0x3ffc, 0x4007, 0xc3d85892ec1d7da0ull,
		  0xbb9985edd7210dffull, 0xbe1fd86aa4e08848ull },
		{ ZYDIS_MNEMONIC_FPATAN, 0x3ffc, 0x3ffd, 0x3ffe, 0xc3d85892ec1d7da0ull,
		  0x86a3209ca6233255ull, 0xa0fa40005296141dull },
		{ ZYDIS_MNEMONIC_FSIN, 0x0000, 0x4003, 0xbffe, 0x0000000000000000ull,
		  0xbc0a74515f2dd97full, 0xff9629483535d77cull },
		{ ZYDIS_MNEMONIC_FCOS, 0x0000, 0x4003, 0xbffa, 0x0000000000000000ull,
		  0xbc0a74515f2dd97full, 0xe8b136a8e089f2edull },
		{ ZYDIS_MNEMONIC_F2XM1, 0x0000, 0xbff7, 0xbff7, 0x0000000000000000ull,
		  0xc599f4b4617959ceull, 0x88ae55716e739d74ull },
		{ ZYDIS_MNEMONIC_FYL2X, 0x3ff5, 0x0d0e, 0xc002, 0x9bbdcd51bb2edb20ull,
		  0x9fea11ac92edcf45ull, 0xf7ebee1ec96f575full },
		{ ZYDIS_MNEMONIC_FYL2XP1, 0x3ff5, 0xbfef, 0xbfe6, 0x9bbdcd51bb2edb20ull,
		  0x974e4158478c281dull, 0x84ccc845c5af5956ull },
		{ ZYDIS_MNEMONIC_FPATAN, 0x3ffb, 0xc000, 0x4000, 0x9bbdcd51bb2edb20ull,
		  0xe186c5bb28dbd25eull, 0xc7ae56840d9c16f2ull },
		{ ZYDIS_MNEMONIC_FSIN, 0x0000, 0x4004, 0x3ffe, 0x0000000000000000ull,
		  0xcf08af259e30691cull, 0xff39c51d2abfac43ull },
		{ ZYDIS_MNEMONIC_FCOS, 0x0000, 0x4004, 0x3ffb, 0x0000000000000000ull,
		  0xcf08af259e30691cull, 0x9f2b80ff237ed163ull },
		{ ZYDIS_MNEMONIC_F2XM1, 0x0000, 0x3ff0, 0x3fef, 0x0000000000000000ull,
		  0x90ed44bc206f5c66ull, 0xc8e9e52e3cf55250ull },
		{ ZYDIS_MNEMONIC_FYL2X, 0x3ff5, 0x003b, 0xc003, 0xe3051e55359eeefbull,
		  0xef8a30d5f8eb18b9ull, 0xe22d1484ffdf7f4full },
		{ ZYDIS_MNEMONIC_FYL2XP1, 0x3ff5, 0x3ff6, 0x3fee, 0xe3051e55359eeefbull,
		  0xfdbff99bf5cae3bfull, 0xa201ec2ea663afd0ull },
		{ ZYDIS_MNEMONIC_FPATAN, 0xbffe, 0x3ffc, 0xbfff, 0xe3051e55359eeefbull,
		  0x954f5d06df561d80ull, 0xb433cb4d383a1441ull },
		{ ZYDIS_MNEMONIC_FSIN, 0x0000, 0x4010, 0xbffe, 0x0000000000000000ull,
		  0x99753494f6236bf2ull, 0xff5585d96c8c82efull },
		{ ZYDIS_MNEMONIC_FCOS, 0x0000, 0x4010, 0xbffb, 0x0000000000000000ull,
		  0x99753494f6236bf2ull, 0x939f9cdf014299dfull },
		{ ZYDIS_MNEMONIC_F2XM1, 0x0000, 0xbfed, 0xbfed, 0x0000000000000000ull,
		  0xd6c32622e049548eull, 0x94dc8ebc925f270eull },
		{ ZYDIS_MNEMONIC_FYL2X, 0x3ffb, 0x5018, 0x4007, 0xfb88474bf770c226ull,
		  0x9740eb36346c6e2bull, 0xfd15157047373066ull },
		{ ZYDIS_MNEMONIC_FYL2XP1, 0x3ffb, 0xbfe0, 0xbfdd, 0xfb88474bf770c226ull,
		  0xa63eb6f8621aef57ull, 0xeba7b8118a8b0303ull },
		{ ZYDIS_MNEMONIC_FPATAN, 0xbffc, 0xbffa, 0xbfff, 0xfb88474bf770c226ull,
		  0xb51ba9c85c76f18aull, 0xdfdbc10d112a8d3bull },
		{ ZYDIS_MNEMONIC_FSIN, 0x0000, 0x4005, 0xbffe, 0x0000000000000000ull,
		  0x88567f8043892dfcull, 0xcfa6cd10b0ffd75dull },
		{ ZYDIS_MNEMONIC_FCOS, 0x0000, 0x4005, 0x3ffe, 0x0000000000000000ull,
		  0x88567f8043892dfcull, 0x95b8f5bd353cc5cdull },
		{ ZYDIS_MNEMONIC_F2XM1, 0x0000, 0x3ff4, 0x3ff4, 0x0000000000000000ull,
		  0xe8a092c24d25deb3ull, 0xa14b656973feff08ull },
		{ ZYDIS_MNEMONIC_FYL2X, 0x4008, 0x4d33, 0x4014, 0xda9521d5ad8d194aull,
		  0x806edba6960d5a8full, 0xb45fa1360e835d08ull },
		{ ZYDIS_MNEMONIC_FYL2XP1, 0x4008, 0x3ff2, 0x3ffc, 0xda9521d5ad8d194aull,
		  0xa7acb39310e6d8e6ull, 0xce879ec5fc657989ull },
		{ ZYDIS_MNEMONIC_FPATAN, 0x4001, 0x3fff, 0x3fff, 0xda9521d5ad8d194aull,
		  0xa72d1d13d18a669aull, 0xb0e12c147d2fecbbull },
		{ ZYDIS_MNEMONIC_FSIN, 0x0000, 0x4010, 0x3ffe, 0x0000000000000000ull,
		  0xbd98906f2f4d4c86ull, 0xdb27406fcffad74bull },
		{ ZYDIS_MNEMONIC_FCOS, 0x0000, 0x4010, 0xbffe, 0x0000000000000000ull,
		  0xbd98906f2f4d4c86ull, 0x84512e893abcb0cbull },
		{ ZYDIS_MNEMONIC_F2XM1, 0x0000, 0xbfef, 0xbfee, 0x0000000000000000ull,
		  0x968b1a5ab4653252ull, 0xd0b235742477dc7cull },
		{ ZYDIS_MNEMONIC_FYL2X, 0x3ff5, 0x074c, 0xc003, 0xdff94880f3001ceeull,
		  0xfcd00ff4419521feull, 0xc6691cf3e17734e0ull },
		{ ZYDIS_MNEMONIC_FYL2XP1, 0x3ff5, 0xbff1, 0xbfe8, 0xdff94880f3001ceeull,
		  0xb3bfe89cd84a1d3aull, 0xe2e43e3a9b45eb6cull },
		{ ZYDIS_MNEMONIC_FPATAN, 0x4000, 0xbffa, 0x3fff, 0xdff94880f3001ceeull,
		  0xe4d49bd38c8f95efull, 0xcb1ae97aa3b38cbbull },
		{ ZYDIS_MNEMONIC_FSIN, 0x0000, 0x4013, 0xbffe, 0x0000000000000000ull,
		  0xca0ce7a660597bdcull, 0xfc38e2183968435eull },
		{ ZYDIS_MNEMONIC_FCOS, 0x0000, 0x4013, 0x3ffc, 0x0000000000000000ull,
		  0xca0ce7a660597bdcull, 0xaf44fc7cd860d80full },
		{ ZYDIS_MNEMONIC_F2XM1, 0x0000, 0x3ffe, 0x3ffd, 0x0000000000000000ull,
		  0x85fb277b73ec28d0ull, 0xdfe6175705d26c2bull },
		{ ZYDIS_MNEMONIC_FYL2X, 0x3ffb, 0x5a98, 0x4008, 0xe0bbf8891e782196ull,
		  0xcfd5d4132e50bd4eull, 0xbad025eb0bfbb79bull },
		{ ZYDIS_MNEMONIC_FYL2XP1, 0x3ffb, 0x3ff5, 0x3ff3, 0xe0bbf8891e782196ull,
		  0xe8e526e2edfde416ull, 0x935979c74265071aull },
		{ ZYDIS_MNEMONIC_FPATAN, 0xbfff, 0x4001, 0xbffd, 0xe0bbf8891e782196ull,
		  0xc199782d58296818ull, 0x909cd834b2dc3c49ull },
		{ ZYDIS_MNEMONIC_FSIN, 0x0000, 0x401d, 0xbffd, 0x0000000000000000ull,
		  0xe346f5ae403a960aull, 0xb979be9e9d02db03ull },
		{ ZYDIS_MNEMONIC_FCOS, 0x0000, 0x401d, 0xbffe, 0x0000000000000000ull,
		  0xe346f5ae403a960aull, 0xee9cae63a16306ffull },
		{ ZYDIS_MNEMONIC_F2XM1, 0x0000, 0xbff0, 0xbff0, 0x0000000000000000ull,
		  0xcb7d5dbd1ba95a54ull, 0x8d0bc343eedcb276ull },
		{ ZYDIS_MNEMONIC_FYL2X, 0x4000, 0x5fcc, 0x400d, 0xa5dedd80dc14ed57ull,
		  0xe60b8618c7eec61bull, 0xa4dae49f304a1119ull },
		{ ZYDIS_MNEMONIC_FYL2XP1, 0x4000, 0xbffb, 0xbffd, 0xa5dedd80dc14ed57ull,
		  0xf90ffaf56ed78f5dull, 0xf83c6d027d922898ull },
		{ ZYDIS_MNEMONIC_FPATAN, 0xc002, 0xbffb, 0xbfff, 0xa5dedd80dc14ed57ull,
		  0xab9d62cd355f2af4ull, 0xca18b6b79ca7a489ull },
	};
	u64 fold = 0xcbf29ce484222325ull;
	struct state s;
	struct prng g;

	(void)state;
	for (size_t i = 0; i < sizeof(exact) / sizeof(exact[0]); i++) {
		u64 mant;
		u16 se;

		memset(&s, 0, sizeof(s));
		memcpy(s.fx, "\x7f\x03", 2);
		memcpy(s.fx + 24, "\x80\x1f", 2);
		s.fx[4] = 3;
		memcpy(s.fx + 32, &exact[i].x, 8), memcpy(s.fx + 40, &exact[i].x_se, 2);
		memcpy(s.fx + 48, &exact[i].y, 8), memcpy(s.fx + 56, &exact[i].y_se, 2);
		to_cpu(&s);
		assert_true(x87_lookup(exact[i].m, 0, false)->fn(cpu, NULL, 0));
		from_cpu(&s);
		memcpy(&mant, s.fx + 32, 8), memcpy(&se, s.fx + 40, 2);
		if (mant != exact[i].r || se != exact[i].r_se)
			fail_msg("%s of %04x.%016llx: %04x.%016llx, not %04x.%016llx",
				 ZydisMnemonicGetString(exact[i].m), exact[i].x_se,
				 (unsigned long long)exact[i].x, se, (unsigned long long)mant,
				 exact[i].r_se, (unsigned long long)exact[i].r);
	}
	memset(&s, 0, sizeof(s));
	prng_seed(&g, 1, 70);
	for (unsigned n = 0; n < 5000; n++) {
		rnd_state(&g, &s);
		to_cpu(&s);
		x87_lookup(trans[rnd(&g, 10)], 0, false)->fn(cpu, NULL, 0);
		sse_lookup(rnd(&g, 2) ? ZYDIS_MNEMONIC_RCPPS : ZYDIS_MNEMONIC_RSQRTPS, 0)
			->fn(cpu, cpu->fpu.xmm[0], cpu->fpu.xmm[1], 0);
		from_cpu(&s);
		for (unsigned i = 0; i < 176; i++)
			fold = (fold ^ s.fx[i]) * 0x100000001b3ull;
	}
	if (fold != 0xe20c9d1b338cb9d9ull)
		fail_msg("fold of 5000 results is %016llx", (unsigned long long)fold);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sse_functions_agree_with_the_host),
		cmocka_unit_test(x87_functions_agree_with_the_host),
		cmocka_unit_test(rcp_and_rsqrt_keep_the_documented_bound),
		cmocka_unit_test(software_results_never_change),
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
