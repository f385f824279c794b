/* SPDX-License-Identifier: MIT */
/*
 * Every instruction the interpreter has, against the host CPU: random encodings of the integer,
 * SSE, SSE2 and x87 instruction sets (register and memory forms, all operand sizes, prefixes) from
 * random states, with registers, flags, memory, x87 and SSE state and faults compared. Flags are
 * compared where Zydis's tables call them defined.
 *
 * OSIM_SEED=n replays a seed, OSIM_ONLY=mnemonic looks at one instruction, OSIM_CASES=n runs
 * longer.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "guestcpu.h"

static ZydisDecoder dec;
static struct guest guest;
static u64 seed = 20261121;
static unsigned cases = 20000;
static const char *only;

/* ---- which instructions ---- */

static bool baseline(const struct insn_case *c, enum gen_kind kind)
{
	switch (c->d.meta.isa_set) {
	case ZYDIS_ISA_SET_I86:
	case ZYDIS_ISA_SET_I186:
	case ZYDIS_ISA_SET_I286PROTECTED:
	case ZYDIS_ISA_SET_I286REAL:
	case ZYDIS_ISA_SET_I386:
	case ZYDIS_ISA_SET_I486:
	case ZYDIS_ISA_SET_I486REAL:
	case ZYDIS_ISA_SET_PENTIUMREAL:
	case ZYDIS_ISA_SET_LONGMODE:
	case ZYDIS_ISA_SET_CMOV:
	case ZYDIS_ISA_SET_CMPXCHG16B:
	case ZYDIS_ISA_SET_FAT_NOP:
	case ZYDIS_ISA_SET_LAHF:
	case ZYDIS_ISA_SET_PAUSE:
	case ZYDIS_ISA_SET_CLFSH:
	case ZYDIS_ISA_SET_PREFETCH_NOP:
	case ZYDIS_ISA_SET_SSE_PREFETCH:
	case ZYDIS_ISA_SET_CET:
		return kind == GEN_INTEGER;
	case ZYDIS_ISA_SET_PPRO: /* FCOMI and kin among them */
		return kind != GEN_SSE;
	case ZYDIS_ISA_SET_SSE:
	case ZYDIS_ISA_SET_SSE2:
	case ZYDIS_ISA_SET_SSEMXCSR:
	case ZYDIS_ISA_SET_FXSAVE:
	case ZYDIS_ISA_SET_FXSAVE64:
		return kind == GEN_SSE;
	case ZYDIS_ISA_SET_X87:
	case ZYDIS_ISA_SET_FCMOV:
		return kind == GEN_X87;
	default:
		return false;
	}
}

/*
 * What cannot be compared this way: control flow (a test of its own), descriptor tables, time,
 * identity, vendor's own bits.
 */
static bool excluded(const struct insn_case *c)
{
	switch (c->d.meta.category) {
	case ZYDIS_CATEGORY_UNCOND_BR:
	case ZYDIS_CATEGORY_COND_BR:
	case ZYDIS_CATEGORY_CALL:
	case ZYDIS_CATEGORY_RET:
	case ZYDIS_CATEGORY_INTERRUPT:
	case ZYDIS_CATEGORY_SYSCALL:
	case ZYDIS_CATEGORY_SYSRET:
	case ZYDIS_CATEGORY_SEGOP:
		return true;
	default:
		break;
	}
	if (c->d.mnemonic == ZYDIS_MNEMONIC_PAUSE &&
	    (c->d.attributes & ZYDIS_ATTRIB_HAS_REX)) /* XCHG with R8, if REX.B */
		return true;
	if (c->d.opcode == 0x0d && c->d.mnemonic == ZYDIS_MNEMONIC_NOP) /* #UD on AMD */
		return true;
	for (unsigned i = 0; i < c->d.operand_count_visible; i++)
		if (c->op[i].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    (ZydisRegisterGetClass(c->op[i].reg.value) == ZYDIS_REGCLASS_SEGMENT ||
		     ZydisRegisterGetClass(c->op[i].reg.value) == ZYDIS_REGCLASS_MMX))
			return true;
	switch (c->d.mnemonic) {
	case ZYDIS_MNEMONIC_SGDT:
	case ZYDIS_MNEMONIC_SIDT:
	case ZYDIS_MNEMONIC_SLDT:
	case ZYDIS_MNEMONIC_STR:
	case ZYDIS_MNEMONIC_SMSW:
	case ZYDIS_MNEMONIC_LAR:
	case ZYDIS_MNEMONIC_LSL:
	case ZYDIS_MNEMONIC_VERR:
	case ZYDIS_MNEMONIC_VERW:
	case ZYDIS_MNEMONIC_CPUID:
	case ZYDIS_MNEMONIC_RDTSC:
	case ZYDIS_MNEMONIC_RDPMC:
	case ZYDIS_MNEMONIC_UD0:
	case ZYDIS_MNEMONIC_UD1:
	case ZYDIS_MNEMONIC_UD2:
	case ZYDIS_MNEMONIC_EMMS:
	case ZYDIS_MNEMONIC_CVTPI2PD:
	case ZYDIS_MNEMONIC_CVTPI2PS:
	case ZYDIS_MNEMONIC_RCPPS:
	case ZYDIS_MNEMONIC_RCPSS:
	case ZYDIS_MNEMONIC_RSQRTPS:
	case ZYDIS_MNEMONIC_RSQRTSS:
	case ZYDIS_MNEMONIC_FSIN:
	case ZYDIS_MNEMONIC_FCOS:
	case ZYDIS_MNEMONIC_FSINCOS:
	case ZYDIS_MNEMONIC_FPTAN:
	case ZYDIS_MNEMONIC_FPATAN:
	case ZYDIS_MNEMONIC_F2XM1:
	case ZYDIS_MNEMONIC_FYL2X:
	case ZYDIS_MNEMONIC_FYL2XP1:
	case ZYDIS_MNEMONIC_XBEGIN:
	case ZYDIS_MNEMONIC_RDSSPD:
	case ZYDIS_MNEMONIC_RDSSPQ:
	case ZYDIS_MNEMONIC_INCSSPD:
	case ZYDIS_MNEMONIC_INCSSPQ:
	case ZYDIS_MNEMONIC_SETSSBSY:
	case ZYDIS_MNEMONIC_CLRSSBSY:
	case ZYDIS_MNEMONIC_SAVEPREVSSP:
	case ZYDIS_MNEMONIC_RSTORSSP:
	case ZYDIS_MNEMONIC_WRSSD:
	case ZYDIS_MNEMONIC_WRSSQ:
	case ZYDIS_MNEMONIC_WRUSSD:
	case ZYDIS_MNEMONIC_WRUSSQ:
		return true;
	case ZYDIS_MNEMONIC_BSWAP: /* of 16 bits: undefined */
		return c->op[0].size == 16;
	default:
		return false;
	}
}

/* ---- states that make an instruction do something worth comparing ---- */

static u8 *memory(struct state *s, u64 va)
{
	return va >= HOST_BUF && va < HOST_BUF + HOST_BUF_BYTES - 64 ? s->buf + (va - HOST_BUF) :
								       NULL;
}

static u64 effective(const struct insn_case *c, const struct state *s,
		     const ZydisDecodedOperandMem *m)
{
	u64 va = (u64)m->disp.value;

	if (gpr_number(m->base) >= 0)
		va += s->gpr[gpr_number(m->base)];
	if (gpr_number(m->index) >= 0)
		va += s->gpr[gpr_number(m->index)] * m->scale;
	return c->d.address_width == 32 ? (u32)va : va;
}

/* false: this encoding cannot be made safe. */
static bool prepare(struct prng *g, struct insn_case *c, struct state *s)
{
	u64 *r = s->gpr;
	u64 limited;
	u8 *p;
	int src;

	if (c->d.attributes &
	    (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE)) {
		r[RCX] = rnd(g, 20);
		if (c->d.address_width == 32)
			r[RCX] |= prng_u64(g) << 32;
	}
	if (c->op[0].type == ZYDIS_OPERAND_TYPE_MEMORY &&
	    c->op[1].type == ZYDIS_OPERAND_TYPE_MEMORY && !rnd(g, 4)) {
		/* overlapping strings */
		r[RDI] = (r[RSI] & ~0xffull) | ((r[RSI] + rnd(g, 32)) & 0xff);
	}
	switch (c->d.mnemonic) {
	case ZYDIS_MNEMONIC_BT:
	case ZYDIS_MNEMONIC_BTC:
	case ZYDIS_MNEMONIC_BTR:
	case ZYDIS_MNEMONIC_BTS:
		src = c->op[1].type == ZYDIS_OPERAND_TYPE_REGISTER ?
			      gpr_number(c->op[1].reg.value) :
			      -1;
		if (c->op[0].type != ZYDIS_OPERAND_TYPE_MEMORY || src < 0)
			break;
		if (src == gpr_number(c->op[0].mem.base) || src == gpr_number(c->op[0].mem.index))
			return false;
		limited = rnd(g, 4000) - 2000;
		r[src] = c->op[1].size == 64 ? limited :
					       (prng_u64(g) << c->op[1].size) |
						       (limited & ((1ull << c->op[1].size) - 1));
		break;
	case ZYDIS_MNEMONIC_DIV:
	case ZYDIS_MNEMONIC_IDIV:
		if (!rnd(g, 4))
			break;
		if (gpr_number(c->op[0].type == ZYDIS_OPERAND_TYPE_MEMORY ?
				       c->op[0].mem.base :
				       c->op[0].reg.value) == RDX ||
		    (c->op[0].type == ZYDIS_OPERAND_TYPE_MEMORY &&
		     gpr_number(c->op[0].mem.index) == RDX))
			break;
		r[RDX] = c->d.mnemonic == ZYDIS_MNEMONIC_DIV ?
				 rnd(g, 4) :
				 0 - (r[RAX] >> (c->op[0].size - 1) & 1);
		break;
	case ZYDIS_MNEMONIC_CMPXCHG:
		if (rnd(g, 2))
			break;
		if (c->op[0].type == ZYDIS_OPERAND_TYPE_REGISTER) {
			r[RAX] = r[gpr_number(c->op[0].reg.value)];
		} else {
			p = memory(s, effective(c, s, &c->op[0].mem));
			if (p && gpr_number(c->op[0].mem.base) != RAX &&
			    gpr_number(c->op[0].mem.index) != RAX)
				memcpy(&r[RAX], p, 8);
		}
		break;
	case ZYDIS_MNEMONIC_CMPXCHG8B:
	case ZYDIS_MNEMONIC_CMPXCHG16B:
		p = memory(s, effective(c, s, &c->op[0].mem));
		for (unsigned i = 0; i < 2; i++)
			if (gpr_number(c->op[0].mem.base) == (int)(2 * i) ||
			    gpr_number(c->op[0].mem.index) == (int)(2 * i))
				return true;
		if (!p || rnd(g, 2))
			break;
		memcpy(&r[RAX], p, 8);
		memcpy(&r[RDX], p + (c->d.mnemonic == ZYDIS_MNEMONIC_CMPXCHG8B ? 4 : 8), 8);
		break;
	case ZYDIS_MNEMONIC_POPF:
	case ZYDIS_MNEMONIC_POPFQ:
		p = memory(s, r[RSP]);
		limited = prng_u64(g) & FLAGS_COMPARED;
		memcpy(p, &limited, 8);
		break;
	case ZYDIS_MNEMONIC_ENTER:
	case ZYDIS_MNEMONIC_LEAVE:
		if (c->op[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE && c->op[0].imm.value.u > 2048)
			return false;
		r[RBP] = HOST_BUF + 2048 + rnd(g, 2048);
		break;
	case ZYDIS_MNEMONIC_LDMXCSR:
		p = memory(s, effective(c, s, &c->op[0].mem));
		if (p && rnd(g, 8))
			p[2] = p[3] = 0;
		break;
	case ZYDIS_MNEMONIC_FXRSTOR:
	case ZYDIS_MNEMONIC_FXRSTOR64:
		p = memory(s, effective(c, s, &c->op[0].mem));
		if (!p)
			return false;
		memcpy(p, s->fx, 512);
		rnd_lanes(g, p + 160 + 16 * rnd(g, 16));
		rnd_f80(g, p + 32 + 16 * rnd(g, 8));
		break;
	case ZYDIS_MNEMONIC_MASKMOVDQU:
		r[RDI] = HOST_BUF + 1024 + rnd(g, 2048);
		if (c->d.address_width == 32)
			r[RDI] |= prng_u64(g) << 32;
		break;
	default:
		break;
	}
	return true;
}

/* Bits that two right CPUs may set differently. */
static struct compare_mask mask_of(const struct insn_case *c, const struct state *in, int vec)
{
	struct compare_mask m = { .flags = FLAGS_COMPARED, .fsw = 0xffff, .mxcsr = 0xffff };

	if (c->d.cpu_flags && vec == -1)
		m.flags &= ~(u64)c->d.cpu_flags->undefined;
	if (vec == VEC_DE) /* AMD and Intel leave them different */
		m.flags &= ~FLAGS_ARITH;
	if (vec == VEC_XM) /* PE beside an unmasked OE or UE depends on the unbounded result */
		m.mxcsr &= ~0x20u;
	(void)in;
	return m;
}

/* A double shift of a 16-bit operand by more than 16 has no defined result. */
static bool undefined_result(const struct insn_case *c, const struct state *in)
{
	u64 count;

	if (c->d.mnemonic != ZYDIS_MNEMONIC_SHLD && c->d.mnemonic != ZYDIS_MNEMONIC_SHRD)
		return false;
	count = c->op[2].type == ZYDIS_OPERAND_TYPE_IMMEDIATE ? c->op[2].imm.value.u : in->gpr[RCX];
	return c->op[0].size == 16 && (count & 31) > 16;
}

/* Point a RIP-relative operand into the buffer. */
static void place_rip(struct prng *g, struct insn_case *c)
{
	for (unsigned i = 0; i < c->d.operand_count; i++) {
		if (c->op[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    c->op[i].mem.base == ZYDIS_REGISTER_RIP) {
			u64 va = (HOST_BUF + 1024 + rnd(g, 2048)) & ~15ull;
			s32 disp = (s32)(va - ((u64)(uintptr_t)host.slot + c->len));

			memcpy(c->bytes + c->d.raw.disp.offset, &disp, 4);
			decode_case(&dec, c);
			return;
		}
	}
}

/* ---- the comparison ---- */

#define FORMS 65536u
#define MAX_FOUND 2048u
#define DISCOVERY 400000u /* tries */

/* Mnemonic, operand kinds and sizes and prefixes: each form gets its share of the cases. */
static u32 form_of(const struct insn_case *c)
{
	u64 key = c->d.mnemonic;

	for (unsigned i = 0; i < 3; i++)
		key = key * 31 + (i < c->d.operand_count_visible ?
					  (u64)c->op[i].type * 512 + c->op[i].size :
					  7);
	key = key * 31 + (c->d.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE |
					     ZYDIS_ATTRIB_HAS_REPNE | ZYDIS_ATTRIB_HAS_LOCK) ?
				  1 :
				  0);
	return (u32)((key * 0x9e3779b97f4a7c15ull) >> 48);
}

/*
 * Another instruction of the form of `from`: the same prefixes, opcode and group, other registers,
 * addressing and immediate.
 */
static void vary(struct prng *g, const struct insn_case *from, u8 *p)
{
	unsigned keep = from->d.raw.modrm.offset ? from->d.raw.modrm.offset :
						   from->len - from->d.raw.imm[0].size / 8;

	memcpy(p, from->bytes, 15);
	if (from->d.raw.modrm.offset)
		p[keep] = (u8)((p[keep] & 0x38) | (prng_u64(g) & 0xc7)), keep++;
	for (unsigned i = keep; i < 15; i++)
		p[i] = (u8)prng_u64(g);
}

/*
 * Of the baseline, these raise #UD by name: port strings, task and LDT registers, ENTER with a
 * 16-bit operand size, MASKMOVDQU with a 32-bit address.
 */
static bool known_absent(ZydisMnemonic m)
{
	static const ZydisMnemonic absent[] = {
		ZYDIS_MNEMONIC_INSB,  ZYDIS_MNEMONIC_INSD,	 ZYDIS_MNEMONIC_INSW,
		ZYDIS_MNEMONIC_OUTSB, ZYDIS_MNEMONIC_OUTSD,	 ZYDIS_MNEMONIC_OUTSW,
		ZYDIS_MNEMONIC_LLDT,  ZYDIS_MNEMONIC_LMSW,	 ZYDIS_MNEMONIC_LTR,
		ZYDIS_MNEMONIC_ENTER, ZYDIS_MNEMONIC_MASKMOVDQU,
	};

	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		if (absent[i] == m)
			return true;
	return false;
}

/* min_mnemonics: so many the generator reaches; fewer means that it, or the decoder, lost some. */
static void against_host(enum gen_kind kind, unsigned min_mnemonics)
{
	u32 *form = calloc(FORMS, sizeof(*form)),
	    *mnemonic = calloc(ZYDIS_MNEMONIC_MAX_VALUE + 1, sizeof(u32));
	u32 *missing = calloc(ZYDIS_MNEMONIC_MAX_VALUE + 1, sizeof(u32));
	struct state in, h, o;
	struct insn_case *found = calloc(MAX_FOUND, sizeof(*found));
	struct prng g;
	unsigned failures = 0, mnemonics = 0, forms = 0, absent = 0, tries = 0, nr_found = 0;

	host_catch_signals();
	memset(&in, 0, sizeof(in));
	prng_seed(&g, seed, kind);
	for (unsigned n = 0; n < cases && tries < 40 * cases; tries++) {
		struct compare_mask m;
		struct insn_case c;
		int host_vec, vec;
		u32 f;

		/*
		 * Groups share an opcode byte, so chance alone is unfair: after a while, make more
		 * cases of the forms found.
		 */
		if (nr_found && tries > DISCOVERY && rnd(&g, 8))
			vary(&g, &found[rnd(&g, nr_found)], c.bytes);
		else
			gen_bytes(&g, kind, c.bytes);
		if (!decode_case(&dec, &c) || !baseline(&c, kind) || excluded(&c))
			continue;
		if (only && strcmp(only, ZydisMnemonicGetString(c.d.mnemonic)))
			continue;
		f = form_of(&c);
		if (!only && form[f] >= (tries > DISCOVERY ? cases / 200 : 4))
			continue;
		place_rip(&g, &c);
		rnd_state(&g, &in);
		if (!place_operands(&g, &c, &in) || !prepare(&g, &c, &in) ||
		    undefined_result(&c, &in))
			continue;
		o = in;
		vec = guest_run(&guest, &o, c.bytes, c.len);
		if (vec == GUEST_MISSING) {
			if (!missing[c.d.mnemonic]++) {
				absent += known_absent(c.d.mnemonic);
				if (known_absent(c.d.mnemonic))
					continue;
				printf("not implemented: %s: ", guest.missing);
				print_case(&c);
				failures++;
			}
			continue;
		}
		h = in;
		host_vec = host_run(&h, c.bytes, c.len);
		forms += !form[f];
		if (!form[f]++ && nr_found < MAX_FOUND)
			found[nr_found++] = c;
		mnemonics += !mnemonic[c.d.mnemonic]++;
		n++;
		m = mask_of(&c, &in, vec);
		if (c.d.mnemonic == ZYDIS_MNEMONIC_FXSAVE ||
		    c.d.mnemonic == ZYDIS_MNEMONIC_FXSAVE64) {
			u8 *image = memory(
				&h, effective(&c, &in,
					      &c.op[0].mem)); /* MXCSR_MASK is the model's own */

			if (image)
				memcpy(memory(&o, effective(&c, &in, &c.op[0].mem)) + 28,
				       image + 28, 4);
		}
		if (host_vec == vec && same_state(&h, &o, &m))
			continue;
		if (failures++ > 40 || mnemonic[c.d.mnemonic] > 0x10000 + 2)
			continue;
		mnemonic[c.d.mnemonic] += 0x10000;
		printf("case %u, seed %llu: ", n, (unsigned long long)seed);
		print_case(&c);
		if (host_vec != vec)
			printf("  vector: host %d osim %d (rip %llx)\n", host_vec, vec,
			       (unsigned long long)guest.cpu->rip);
		print_diff(&in, &h, &o, &m);
	}
	printf("%u forms of %u mnemonics compared, %u not implemented, %u differences\n", forms,
	       mnemonics, absent, failures);
	free(form);
	free(mnemonic);
	free(missing);
	free(found);
	assert_int_equal(failures, 0);
	if (!only)
		assert_true(mnemonics >= min_mnemonics);
}

#define SKIPPED 7u /* bytes of mov $imm32, %r15, which a taken branch jumps over */

/*
 * ---- sequences: what one instruction leaves in the flags is used, or thrown away, by the next
 * ----
 */

/*
 * Does the instruction always write the flags its tables say (a shift by a count of zero writes
 * none)?
 */
static bool writes_flags_always(const struct insn_case *c)
{
	return c->d.meta.category != ZYDIS_CATEGORY_SHIFT &&
	       c->d.meta.category != ZYDIS_CATEGORY_ROTATE &&
	       c->d.meta.category != ZYDIS_CATEGORY_STRINGOP &&
	       c->d.mnemonic != ZYDIS_MNEMONIC_SHLD && c->d.mnemonic != ZYDIS_MNEMONIC_SHRD;
}

/*
 * The register form of an instruction that writes or reads flags, with random registers, operand
 * size and immediate.
 */
static void gen_flags_insn(struct prng *g, u8 *p)
{
	/* Opcode (0f00 and up: two bytes), and the reg field of a group or -1. */
	static const struct {
		u16 op;
		s8 reg;
	} table[] = {
		{ 0x00, -1 },  { 0x01, -1 },  { 0x10, -1 },  { 0x11, -1 },  { 0x18, -1 },
		{ 0x19, -1 },  { 0x28, -1 },  { 0x29, -1 },  { 0x20, -1 },  { 0x21, -1 },
		{ 0x31, -1 },  { 0x38, -1 },  { 0x39, -1 },  { 0x3b, -1 },  { 0x84, -1 },
		{ 0x85, -1 },  { 0x80, 2 },   { 0x83, 2 },   { 0x80, 3 },   { 0x83, 3 },
		{ 0x83, 0 },   { 0x83, 5 },   { 0x83, 7 },   { 0x80, 7 },   { 0x81, 4 },
		{ 0xfe, 0 },   { 0xfe, 1 },   { 0xff, 0 },   { 0xff, 1 },   { 0xf6, 3 },
		{ 0xf7, 3 },   { 0xf7, 2 },   { 0xf7, 0 },   { 0xf7, 4 },   { 0xf7, 5 },
		{ 0xd0, 4 },   { 0xd1, 4 },   { 0xd3, 4 },   { 0xc1, 4 },   { 0xd1, 5 },
		{ 0xd3, 5 },   { 0xc1, 5 },   { 0xd1, 7 },   { 0xd3, 7 },   { 0xc1, 7 },
		{ 0xc1, 0 },   { 0xc1, 1 },   { 0xd3, 2 },   { 0xd1, 2 },   { 0xd1, 3 },
		{ 0xc0, 3 },   { 0xfaf, -1 }, { 0xfa3, -1 }, { 0xfab, -1 }, { 0xfba, 4 },
		{ 0xfba, 7 },  { 0xfc0, -1 }, { 0xfc1, -1 }, { 0xfb1, -1 }, { 0xf90, -2 },
		{ 0xf40, -2 }, { 0xf40, -2 }, { 0xf90, -2 }, { 0xf5, -1 },  { 0xf8, -1 },
		{ 0xf9, -1 },  { 0x9e, -1 },  { 0x9f, -1 },  { 0x8d, -1 },  { 0x89, -1 },
		{ 0xfb6, -1 },
	};
	size_t k = rnd(g, sizeof(table) / sizeof(table[0]));
	u8 modrm = (u8)(0xc0 | rnd(g, 64));
	unsigned op = table[k].op;
	u8 *end = p + 15;

	if (table[k].reg >= 0)
		modrm = (u8)((modrm & 0xc7) | table[k].reg << 3);
	if (table[k].reg == -2)
		op += (unsigned)rnd(g, 16);
	if (!rnd(g, 6))
		*p++ = 0x66;
	if (rnd(g, 2))
		*p++ = (u8)(0x40 | rnd(g, 16));
	if (op >= 0xf00)
		*p++ = 0x0f;
	*p++ = (u8)op;
	*p++ = modrm;
	while (p < end)
		*p++ = (u8)prng_u64(g);
}

/* A register instruction that may follow others whose undefined flags are in *undefined. */
static bool gen_link(struct prng *g, struct insn_case *c, u64 *undefined, unsigned room)
{
	const ZydisAccessedFlags *f;

	if (rnd(g, 5))
		gen_flags_insn(g, c->bytes);
	else
		gen_bytes(g, GEN_INTEGER, c->bytes);
	if (!decode_case(&dec, c) || c->len > room || !baseline(c, GEN_INTEGER) || excluded(c) ||
	    (c->d.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_LOCK)))
		return false;
	for (unsigned i = 0; i < c->d.operand_count; i++)
		if (c->op[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    c->op[i].mem.type == ZYDIS_MEMOP_TYPE_MEM)
			return false;
	for (unsigned i = 0; i < c->d.operand_count_visible; i++)
		if (c->op[i].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    gpr_number(c->op[i].reg.value) == RSP)
			return false;
	switch (c->d.mnemonic) {
	case ZYDIS_MNEMONIC_DIV:
	case ZYDIS_MNEMONIC_IDIV:
	case ZYDIS_MNEMONIC_BSF: /* the destination of a zero source is the vendor's */
	case ZYDIS_MNEMONIC_BSR:
	case ZYDIS_MNEMONIC_SHLD:
	case ZYDIS_MNEMONIC_SHRD:
	case ZYDIS_MNEMONIC_NOP:
		return false;
	default:
		break;
	}
	f = c->d.cpu_flags;
	if (!f)
		return !rnd(g, 3);
	if (f->tested & *undefined)
		return false;
	/* LAHF and PUSHF read what Zydis may not list as tested. */
	if (c->d.mnemonic == ZYDIS_MNEMONIC_LAHF && *undefined)
		return false;
	if (writes_flags_always(c))
		*undefined &= ~(u64)(f->modified | f->set_0 | f->set_1);
	*undefined |= f->undefined;
	return true;
}

static void flag_sequences_agree_with_the_host(void **state)
{
	struct state in, h, o;
	struct prng g;
	unsigned failures = 0;

	(void)state;
	host_catch_signals();
	memset(&in, 0, sizeof(in));
	prng_seed(&g, seed, 200);
	for (unsigned n = 0; n < cases; n++) {
		struct compare_mask m = { .flags = FLAGS_COMPARED, .fsw = 0xffff, .mxcsr = 0xffff };
		struct insn_case c[10];
		u8 code[SLOT_BYTES];
		unsigned len = 0, count = 0, want = 2 + (unsigned)rnd(&g, 6);
		u64 undefined = 0;
		int host_vec, vec;

		for (unsigned tries = 0; count < want && tries < 400; tries++) {
			u64 u = undefined;

			if (!gen_link(&g, &c[count], &u, SLOT_BYTES - 12 - len))
				continue;
			undefined = u;
			memcpy(code + len, c[count].bytes, c[count].len);
			len += c[count++].len;
		}
		rnd_state(&g, &in);
		if (rnd(&g, 2)) { /* end in a branch over a MOV, as compilers do */
			unsigned cc = (unsigned)rnd(&g, 16);
			static const u16 uses[8] = {
				FLAG_OF, FLAG_CF, FLAG_ZF,	     FLAG_CF | FLAG_ZF,
				FLAG_SF, FLAG_PF, FLAG_SF | FLAG_OF, FLAG_ZF | FLAG_SF | FLAG_OF
			};

			if (!(uses[cc >> 1] & undefined)) {
				code[len++] = (u8)(0x70 | cc);
				code[len++] = SKIPPED;
				memcpy(code + len, "\x49\xc7\xc7\x11\x22\x33\x44", SKIPPED);
				len += SKIPPED;
			}
		}
		h = o = in;
		vec = guest_run(&guest, &o, code, len);
		if (vec == GUEST_MISSING)
			continue;
		host_vec = host_run(&h, code, len);
		m.flags &= ~undefined;
		if (vec == host_vec && same_state(&h, &o, &m))
			continue;
		if (failures++ > 8)
			continue;
		printf("sequence %u, seed %llu: vector host %d osim %d\n", n,
		       (unsigned long long)seed, host_vec, vec);
		for (unsigned i = 0; i < count; i++)
			printf("    "), print_case(&c[i]);
		print_diff(&in, &h, &o, &m);
	}
	assert_int_equal(failures, 0);
}

/* ---- control flow: a branch over one MOV, so that R15 tells whether it was taken ---- */

static unsigned gen_branch(struct prng *g, struct state *s, u8 *code)
{
	u64 slot = (u64)(uintptr_t)host.slot, target;
	unsigned n = 0, reg = (unsigned)rnd(g, 16);
	s32 rel = SKIPPED;
	bool through_register = false, through_memory = false, through_stack = false;

	switch (rnd(g, 8)) {
	case 0:
		code[n++] = (u8)(0x70 | rnd(g, 16));
		code[n++] = SKIPPED;
		break;
	case 1:
		code[n++] = 0x0f;
		code[n++] = (u8)(0x80 | rnd(g, 16));
		memcpy(code + n, &rel, 4);
		n += 4;
		break;
	case 2:
		code[n++] = 0xeb;
		code[n++] = SKIPPED;
		break;
	case 3:
		code[n++] = rnd(g, 2) ? 0xe8 : 0xe9;
		memcpy(code + n, &rel, 4);
		n += 4;
		break;
	case 4: /* LOOPNE, LOOPE, LOOP, JRCXZ */
		if (rnd(g, 2))
			code[n++] = 0x67;
		code[n++] = (u8)(0xe0 | rnd(g, 4));
		code[n++] = SKIPPED;
		s->gpr[RCX] = rnd(g, 3);
		s->gpr[RCX] |= rnd(g, 2) << 32;
		break;
	case 5:
		through_register = true;
		if (reg == RSP)
			reg = RAX;
		if (rnd(g, 2))
			code[n++] = 0x48 | (reg >> 3);
		else if (reg >= 8)
			code[n++] = 0x41;
		code[n++] = 0xff;
		code[n++] = (u8)((rnd(g, 2) ? 0xd0 : 0xe0) | (reg & 7));
		break;
	case 6: /* [rbx + disp8] */
		through_memory = true;
		s->gpr[RBX] = HOST_BUF + 1024 + rnd(g, 1024);
		code[n++] = 0xff;
		code[n++] = rnd(g, 2) ? 0x53 : 0x63;
		code[n++] = 0x20;
		break;
	default:
		through_stack = true;
		if (rnd(g, 2)) {
			code[n++] = 0xc3;
		} else {
			code[n++] = 0xc2;
			code[n++] = (u8)(8 * rnd(g, 8));
			code[n++] = 0;
		}
	}
	target = slot + n + SKIPPED;
	if (through_register)
		s->gpr[reg] = target;
	if (through_memory)
		memcpy(s->buf + (s->gpr[RBX] + 0x20 - HOST_BUF), &target, 8);
	if (through_stack)
		memcpy(s->buf + (s->gpr[RSP] - HOST_BUF), &target, 8);
	memcpy(code + n, "\x49\xc7\xc7\x11\x22\x33\x44", SKIPPED);
	return n + SKIPPED;
}

static void branches_agree_with_the_host(void **state)
{
	struct compare_mask m = { .flags = FLAGS_COMPARED, .fsw = 0xffff, .mxcsr = 0xffff };
	struct state in, h, o;
	struct prng g;
	unsigned failures = 0;

	(void)state;
	host_catch_signals();
	memset(&in, 0, sizeof(in));
	prng_seed(&g, seed, 100);
	for (unsigned n = 0; n < cases / 10; n++) {
		struct insn_case c;
		u8 code[SLOT_BYTES];
		unsigned len;
		int host_vec, vec;

		rnd_state(&g, &in);
		len = gen_branch(&g, &in, code);
		h = o = in;
		vec = guest_run(&guest, &o, code, len);
		host_vec = host_run(&h, code, len);
		if (vec == host_vec && same_state(&h, &o, &m))
			continue;
		if (failures++ > 10)
			continue;
		memcpy(c.bytes, code, sizeof(c.bytes));
		decode_case(&dec, &c);
		printf("branch %u, seed %llu: vector host %d osim %d: ", n,
		       (unsigned long long)seed, host_vec, vec);
		print_case(&c);
		print_diff(&in, &h, &o, &m);
	}
	assert_int_equal(failures, 0);
}

static void integer_instructions_agree_with_the_host(void **state)
{
	(void)state;
	against_host(GEN_INTEGER, 140);
}

static void sse_instructions_agree_with_the_host(void **state)
{
	(void)state;
	against_host(GEN_SSE, 160);
}

static void x87_instructions_agree_with_the_host(void **state)
{
	(void)state;
	against_host(GEN_X87, 80);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(branches_agree_with_the_host),
		cmocka_unit_test(flag_sequences_agree_with_the_host),
		cmocka_unit_test(integer_instructions_agree_with_the_host),
		cmocka_unit_test(sse_instructions_agree_with_the_host),
		cmocka_unit_test(x87_instructions_agree_with_the_host),
	};

	if (getenv("OSIM_SEED"))
		seed = strtoull(getenv("OSIM_SEED"), NULL, 0);
	if (getenv("OSIM_CASES"))
		cases = (unsigned)strtoul(getenv("OSIM_CASES"), NULL, 0);
	only = getenv("OSIM_ONLY");
	ZydisDecoderInit(&dec, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	host_setup();
	guest_setup(&guest, cost_profile("zero"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
