/* SPDX-License-Identifier: MIT */
#ifndef TESTS_HOSTCPU_H
#define TESTS_HOSTCPU_H

/*
 * Execute a few bytes of machine code on the host CPU from a given state, and hand back the state
 * it left.
 *
 * A region at a fixed low address (so that 32-bit addressing works, and a guest can have the same
 * addresses) holds:
 *
 *	HOST_BASE    state page    struct host_page: registers in and out, the host's own saved
 *	  + 0x1000   code page     trampoline | slot: the instruction, padded with NOPs | epilogue
 *	HOST_BUF     two pages     memory operands below, the stack above
 *
 * The trampoline saves the host's registers, loads x87, SSE, flags and general registers, and falls
 * into the slot; the epilogue saves every register RIP-relative before it touches any. A signal
 * inside the slot moves RIP to the epilogue, its trap number is the result: a fault's state is
 * compared like any other.
 *
 * gen_insn() makes instructions by writing opcode bytes, a ModRM with a memory or register form and
 * an immediate at random, and keeping what Zydis decodes to an instruction of the baseline (no VEX,
 * nothing privileged).
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <Zydis/Zydis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "lib/prng.h"
#include "lib/types.h"

#define HOST_BASE 0x10000000ull
#define HOST_CODE (HOST_BASE + 0x1000)
#define HOST_BUF (HOST_BASE + 0x8000)
#define HOST_BUF_BYTES 8192u
#define HOST_REGION 0x10000u
#define HOST_STACK (HOST_BUF + 6144) /* RSP in tests: room above and below */
#define SLOT_BYTES 32u
#define FLAGS_COMPARED 0xcd5ull /* CF PF AF ZF SF DF OF */

/* Everything an unprivileged baseline instruction can read or change. */
struct state {
	u64 gpr[16];
	u64 rflags;
	u8 fx[512] __attribute__((aligned(16)));
	u8 buf[HOST_BUF_BYTES];
};

struct host_page {
	u64 gpr[16];
	u64 rflags;
	u64 host_rsp;
	u8 fx[512] __attribute__((aligned(64)));
	u8 host_fx[512] __attribute__((aligned(64)));
};

struct hostcpu {
	struct host_page *page;
	u8 *code, *slot, *epilogue;
	u8 *altstack;
};

/* The signal handler finds its way by these; a test program has one host CPU. */
static struct hostcpu host;
static volatile int host_trap;

static inline void host_signal(int sig, siginfo_t *si, void *uc)
{
	greg_t *g = ((ucontext_t *)uc)->uc_mcontext.gregs;
	u8 *rip = (u8 *)g[REG_RIP];

	(void)si;
	if (rip < host.slot || rip >= host.epilogue) {
		signal(sig, SIG_DFL);
		return;
	}
	host_trap = (int)g[REG_TRAPNO];
	g[REG_RIP] = (greg_t)host.epilogue;
}

static inline u8 *emit_rip(u8 *p, const char *op, unsigned n, const void *target)
{
	s32 rel;

	memcpy(p, op, n);
	rel = (s32)((const u8 *)target - (p + n + 4));
	memcpy(p + n, &rel, 4);
	return p + n + 4;
}

static inline u8 *emit_mov(u8 *p, bool to_reg, unsigned reg, const void *target)
{
	char op[3] = { (char)(reg & 8 ? 0x4c : 0x48), (char)(to_reg ? 0x8b : 0x89),
		       (char)(5 | (reg & 7) << 3) };

	return emit_rip(p, op, 3, target);
}

static inline u8 *emit(u8 *p, const char *bytes, unsigned n)
{
	memcpy(p, bytes, n);
	return p + n;
}

/*
 * cmocka installs handlers of its own before each test: call this inside every test that runs host
 * code.
 */
static inline void host_catch_signals(void)
{
	static const int sig[] = { SIGFPE, SIGSEGV, SIGBUS, SIGILL, SIGTRAP };
	struct sigaction sa = { .sa_sigaction = host_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t alt = { .ss_sp = host.altstack, .ss_size = 65536 };

	sigaltstack(&alt, NULL);
	for (unsigned i = 0; i < sizeof(sig) / sizeof(sig[0]); i++)
		sigaction(sig[i], &sa, NULL);
}

static inline void host_setup(void)
{
	u8 *p;

	p = mmap((void *)HOST_BASE, HOST_REGION, PROT_READ | PROT_WRITE | PROT_EXEC,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (p != (u8 *)HOST_BASE) {
		perror("mmap of the host execution region");
		exit(1);
	}
	host.page = (struct host_page *)p;
	host.altstack = malloc(65536);
	p = host.code = (u8 *)HOST_CODE;
	p = emit(p, "\x53\x55\x41\x54\x41\x55\x41\x56\x41\x57", 10);
	p = emit_mov(p, false, 4, &host.page->host_rsp);
	p = emit_rip(p, "\x48\x0f\xae\x05", 4, host.page->host_fx);
	p = emit_rip(p, "\x48\x0f\xae\x0d", 4, host.page->fx);
	p = emit_rip(p, "\xff\x35", 2, &host.page->rflags); /* push */
	p = emit(p, "\x9d", 1);				    /* popfq */
	for (unsigned i = 0; i < 16; i++)
		p = emit_mov(p, true, i, &host.page->gpr[i]);
	host.slot = p;
	p += SLOT_BYTES;
	host.epilogue = p;
	for (unsigned i = 0; i < 16; i++)
		p = emit_mov(p, false, i, &host.page->gpr[i]);
	p = emit_mov(p, true, 4, &host.page->host_rsp);
	p = emit(p, "\x9c", 1);				    /* pushfq */
	p = emit_rip(p, "\x8f\x05", 2, &host.page->rflags); /* pop */
	p = emit_rip(p, "\x48\x0f\xae\x05", 4, host.page->fx);
	p = emit_rip(p, "\x48\x0f\xae\x0d", 4, host.page->host_fx);
	p = emit(p, "\xfc\x41\x5f\x41\x5e\x41\x5d\x41\x5c\x5d\x5b\xc3", 12);
}

/* -1: ran through; else the vector of the trap it took. */
static inline int host_run(struct state *s, const u8 *code, unsigned len)
{
	memcpy(host.page->gpr, s->gpr, sizeof(s->gpr));
	host.page->rflags = (s->rflags & FLAGS_COMPARED) | 0x202;
	memcpy(host.page->fx, s->fx, 512);
	memcpy((void *)HOST_BUF, s->buf, HOST_BUF_BYTES);
	memset(host.slot, 0x90, SLOT_BYTES);
	memcpy(host.slot, code, len);
	host_trap = -1;
	((void (*)(void))(uintptr_t)host.code)();
	memcpy(s->gpr, host.page->gpr, sizeof(s->gpr));
	s->rflags = host.page->rflags;
	memcpy(s->fx, host.page->fx, 512);
	memcpy(s->buf, (void *)HOST_BUF, HOST_BUF_BYTES);
	return host_trap;
}

/* ---- random operands: the corners far more often than chance would ---- */

static inline u64 rnd(struct prng *g, u64 n)
{
	return prng_below(g, n);
}

static inline u64 rnd_int(struct prng *g)
{
	static const u64 corner[] = { 0,
				      1,
				      2,
				      0x7f,
				      0x80,
				      0xff,
				      0x100,
				      0x7fff,
				      0x8000,
				      0xffff,
				      0x7fffffff,
				      0x80000000,
				      0xffffffff,
				      0x100000000,
				      0x7fffffffffffffff,
				      0x8000000000000000,
				      ~0ull,
				      ~0ull - 1 };

	u64 v = prng_u64(g);

	switch (rnd(g, 4)) {
	case 0:
		return corner[rnd(g, sizeof(corner) / sizeof(corner[0]))];
	case 1:
		return v >> rnd(g, 64);
	case 2:
		return (u64)((s64)v >> rnd(g, 64));
	default:
		return v;
	}
}

/*
 * A number in a format of exp_bits and frac_bits: special, near 1, near the format's ends, or
 * anything.
 */
static inline u64 rnd_float(struct prng *g, unsigned exp_bits, unsigned frac_bits)
{
	u64 emax = (1ull << exp_bits) - 1, bias = emax >> 1, fmask = (1ull << frac_bits) - 1;
	u64 sign = rnd(g, 2) << (exp_bits + frac_bits), exp, frac;

	switch (rnd(g, 8)) {
	case 0:
		exp = rnd(g, 2) ? 0 : emax;
		break;
	case 1:
		exp = rnd(g, 3);
		break;
	case 2:
		exp = emax - rnd(g, 3);
		break;
	case 3:
		exp = rnd(g, emax + 1);
		break;
	case 4:
		exp = bias + rnd(g, 70);
		break;
	default:
		exp = bias - 2 + rnd(g, 5);
	}
	switch (rnd(g, 5)) {
	case 0:
		frac = 0;
		break;
	case 1:
		frac = fmask >> rnd(g, frac_bits);
		break;
	case 2:
		frac = 1ull << rnd(g, frac_bits);
		break;
	case 3:
		frac = prng_u64(g) & fmask;
		frac &= ~(fmask >> rnd(g, frac_bits + 1));
		break;
	default:
		frac = prng_u64(g) & fmask;
	}
	return sign | exp << frac_bits | frac;
}

static inline void rnd_f80(struct prng *g, u8 *p)
{
	u64 v = rnd_float(g, 15, 48), mant = v << 16 & ~(1ull << 63);
	u16 se = (u16)(v >> 48);

	mant >>= 1;
	if (rnd(g, 2))
		mant |= prng_u64(g) & 0xffff;
	if (rnd(g, 30) ? se & 0x7fff : rnd(g, 2))
		mant |= 1ull << 63;
	memcpy(p, &mant, 8);
	memcpy(p + 8, &se, 2);
}

static inline void rnd_lanes(struct prng *g, u8 *p16)
{
	u32 s[4];
	u64 q[2];

	switch (rnd(g, 3)) {
	case 0:
		for (unsigned i = 0; i < 4; i++)
			s[i] = (u32)rnd_float(g, 8, 23);
		memcpy(p16, s, 16);
		break;
	case 1:
		for (unsigned i = 0; i < 2; i++)
			q[i] = rnd_float(g, 11, 52);
		memcpy(p16, q, 16);
		break;
	default:
		for (unsigned i = 0; i < 2; i++)
			q[i] = rnd_int(g);
		memcpy(p16, q, 16);
		if (!rnd(g, 3)) /* small counts, for the shifts */
			memset(p16 + 1, 0, 7);
	}
}

/*
 * One random machine state. Memory operands and the stack lie in buf, of which a little is made
 * anew each time: s->buf must hold something (zeros) the first time.
 */
static inline void rnd_state(struct prng *g, struct state *s)
{
	u16 fcw = 0x40, fsw;
	u32 mxcsr;

	memset(s->fx, 0, sizeof(s->fx));
	for (unsigned i = 0; i < 16; i++)
		s->gpr[i] = rnd_int(g);
	s->rflags = prng_u64(g) & FLAGS_COMPARED;
	for (unsigned i = 0; i < 16; i++)
		rnd_lanes(g, s->fx + 160 + 16 * i);
	mxcsr = 0x1f80 | (u32)rnd(g, 4) << 13;
	if (rnd(g, 2))
		mxcsr |= prng_u64(g) & 0x803f;
	if (!rnd(g, 4))
		mxcsr |= 0x40;
	if (!rnd(g, 4))
		mxcsr &= ~(u32)(prng_u64(g) & 0x1f80);
	memcpy(s->fx + 24, &mxcsr, 4);

	fcw |= 0x3f | (u16)(rnd(g, 4) << 10);
	fcw |= rnd(g, 2) ? 0x300 : rnd(g, 2) ? 0x200 : 0;
	if (!rnd(g, 4))
		fcw &= (u16)~rnd(g, 64);
	fsw = (u16)(prng_u64(g) & 0x7f00);
	if (!rnd(g, 4))
		fsw |= (u16)(prng_u64(g) & 0x7f);
	if (rnd(g, 4)) /* mostly nothing pending */
		fsw &= (u16) ~(0x3f & ~fcw);
	memcpy(s->fx, &fcw, 2);
	memcpy(s->fx + 2, &fsw, 2);
	s->fx[4] = rnd(g, 3) ? (u8)(rnd(g, 2) ? 0xff : ~(1u << (((fsw >> 11) - 1) & 7))) :
			       (u8)prng_u64(g);
	for (unsigned i = 0; i < 8; i++)
		rnd_f80(g, s->fx + 32 + 16 * i);
	for (unsigned n = rnd(g, 64) ? 8 : HOST_BUF_BYTES / 8; n; n--) {
		u8 *p = s->buf + 16 * rnd(g, HOST_BUF_BYTES / 16);

		if (rnd(g, 2))
			rnd_lanes(g, p);
		else
			rnd_f80(g, p), memset(p + 10, 0, 6);
	}
	s->gpr[4] = HOST_STACK + 8 * rnd(g, 16);
}

/* ---- random instructions ---- */

struct insn_case {
	u8 bytes[15];
	unsigned len;
	ZydisDecodedInstruction d;
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
};

static inline bool decode_case(const ZydisDecoder *dec, struct insn_case *c)
{
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(dec, c->bytes, sizeof(c->bytes), &c->d, c->op)))
		return false;
	c->len = c->d.length;
	return true;
}

enum gen_kind { GEN_INTEGER, GEN_SSE, GEN_X87 };

/*
 * Random bytes that may be an instruction of a kind: prefixes, opcode, ModRM, and noise for SIB,
 * displacement and immediate.
 */
static inline void gen_bytes(struct prng *g, enum gen_kind kind, u8 *p)
{
	static const u8 prefix[] = { 0x66, 0xf2, 0xf3 };
	u8 *end = p + 15;

	if (kind == GEN_INTEGER) {
		if (!rnd(g, 4))
			*p++ = 0x66;
		if (!rnd(g, 12))
			*p++ = 0x67;
		if (!rnd(g, 10))
			*p++ = prefix[1 + rnd(g, 2)];
		if (!rnd(g, 12))
			*p++ = 0xf0;
	} else {
		if (!rnd(g, 12))
			*p++ = 0x67;
		if (kind == GEN_SSE && rnd(g, 4))
			*p++ = prefix[rnd(g, 3)];
		else if (kind == GEN_X87 && !rnd(g, 8))
			*p++ = 0x66;
	}
	if (rnd(g, 2))
		*p++ = (u8)(0x40 | rnd(g, 16));
	if (kind == GEN_X87)
		*p++ = rnd(g, 50) ? (u8)(0xd8 | rnd(g, 8)) : 0x9b;
	else if (kind == GEN_SSE || rnd(g, 2))
		*p++ = 0x0f;
	while (p < end)
		*p++ = (u8)prng_u64(g);
}

/* The encoding number of a general register's 64-bit parent, -1 when reg is not one. */
static inline int gpr_number(ZydisRegister reg)
{
	ZydisRegister r = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);

	return r >= ZYDIS_REGISTER_RAX && r <= ZYDIS_REGISTER_R15 ? (int)(r - ZYDIS_REGISTER_RAX) :
								    -1;
}

/*
 * Choose base and index registers so that every memory operand lies in buf, aligned to its size's
 * power of two most of the time. false: not possible with this encoding (the same register twice,
 * RSP as a data pointer of another kind, segments).
 */
static inline bool place_operands(struct prng *g, const struct insn_case *c, struct state *s)
{
	for (unsigned i = 0; i < c->d.operand_count; i++) {
		const ZydisDecodedOperand *o = &c->op[i];
		unsigned bytes = o->size / 8, align = 1;
		u64 va, sum, mask = c->d.address_width == 32 ? 0xffffffffu : ~0ull;
		int base, index;

		if (o->type != ZYDIS_OPERAND_TYPE_MEMORY)
			continue;
		if (o->mem.type != ZYDIS_MEMOP_TYPE_MEM && o->mem.type != ZYDIS_MEMOP_TYPE_AGEN)
			return false;
		if (o->mem.segment == ZYDIS_REGISTER_FS || o->mem.segment == ZYDIS_REGISTER_GS)
			return false;
		if (o->mem.type == ZYDIS_MEMOP_TYPE_AGEN)
			continue;
		if (o->mem.base == ZYDIS_REGISTER_RIP || o->mem.base == ZYDIS_REGISTER_EIP)
			return false;
		base = gpr_number(o->mem.base);
		index = gpr_number(o->mem.index);
		if ((c->d.attributes & ZYDIS_ATTRIB_HAS_SIB) && !c->d.raw.modrm.mod &&
		    (c->d.raw.sib.base & 7) == 5)
			return false; /* no base; Zydis 4.0 errs for 67 with REX.B */
		if (base < 0 || base == index || index == 4)
			return false;
		while (align < 16 && align * 2 <= bytes)
			align *= 2;
		if (bytes == 512)
			align = 16;
		else if (!rnd(g, 16))
			align = 1;
		va = (HOST_BUF + 1024 + rnd(g, 2048)) & ~(u64)(align - 1);
		if (!rnd(g, 8)) /* across the page boundary, when alignment allows */
			va = (HOST_BUF + 4096 - rnd(g, bytes + 1)) & ~(u64)(align - 1);
		if (base == 4) {
			if (o->mem.disp.value < -1024 || o->mem.disp.value > 1024 || index >= 0)
				return false;
			continue;
		}
		sum = (u64)o->mem.disp.value;
		if (index >= 0) {
			s->gpr[index] = rnd(g, 64);
			if (c->d.address_width == 32)
				s->gpr[index] |= prng_u64(g) << 32;
			sum += s->gpr[index] * o->mem.scale;
		}
		s->gpr[base] = (va - sum) & mask;
		if (mask != ~0ull)
			s->gpr[base] |= prng_u64(g) << 32;
	}
	return true;
}

static inline void print_case(const struct insn_case *c)
{
	ZydisFormatter f;
	char text[128];

	ZydisFormatterInit(&f, ZYDIS_FORMATTER_STYLE_INTEL);
	ZydisFormatterFormatInstruction(&f, &c->d, c->op, c->d.operand_count_visible, text,
					sizeof(text), HOST_CODE, NULL);
	printf("%s   (", text);
	for (unsigned i = 0; i < c->len; i++)
		printf("%s%02x", i ? " " : "", c->bytes[i]);
	printf(")\n");
}

/* What may differ between two right answers. */
struct compare_mask {
	u64 flags; /* RFLAGS bits compared */
	u16 fsw;   /* status word bits compared */
	u32 mxcsr; /* MXCSR bits compared */
};

static inline unsigned print_diff(const struct state *in, const struct state *h,
				  const struct state *o, const struct compare_mask *m)
{
	static const char *const reg[] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
					   "r8",  "r9",	 "r10", "r11", "r12", "r13", "r14", "r15" };
	unsigned bad = 0;
	u16 hw, ow, iw;
	u32 hm, om, im;

	for (unsigned i = 0; i < 16; i++)
		if (h->gpr[i] != o->gpr[i])
			bad++, printf("  %s: in %016llx host %016llx osim %016llx\n", reg[i],
				      (unsigned long long)in->gpr[i], (unsigned long long)h->gpr[i],
				      (unsigned long long)o->gpr[i]);
	if ((h->rflags ^ o->rflags) & m->flags)
		bad++, printf("  rflags: in %04llx host %04llx osim %04llx\n",
			      (unsigned long long)in->rflags & 0xfff,
			      (unsigned long long)h->rflags & m->flags,
			      (unsigned long long)o->rflags & m->flags);
	for (unsigned i = 0; i < HOST_BUF_BYTES; i++)
		if (h->buf[i] != o->buf[i]) {
			bad++, printf("  mem+%u: in %02x host %02x osim %02x\n", i, in->buf[i],
				      h->buf[i], o->buf[i]);
			if (bad > 24)
				break;
		}
	for (unsigned i = 0; i < 24; i++) {
		unsigned off = i < 8 ? 32 + 16 * i : 160 + 16 * (i - 8), n = i < 8 ? 10 : 16;

		if (memcmp(h->fx + off, o->fx + off, n)) {
			bad++, printf("  %s%u:", i < 8 ? "st" : "xmm", i < 8 ? i : i - 8);
			for (const struct state *const *p =
				     (const struct state *const[]){ in, h, o, NULL };
			     *p; p++) {
				printf(" ");
				for (int b = (int)n - 1; b >= 0; b--)
					printf("%02x%s", (*p)->fx[off + (unsigned)b],
					       b == 8 ? "." : "");
			}
			printf(" (in host osim)\n");
		}
	}
	memcpy(&iw, in->fx + 2, 2), memcpy(&hw, h->fx + 2, 2), memcpy(&ow, o->fx + 2, 2);
	if ((hw ^ ow) & m->fsw)
		bad++, printf("  fsw: in %04x host %04x osim %04x (compared %04x)\n", iw, hw, ow,
			      m->fsw);
	memcpy(&iw, in->fx, 2), memcpy(&hw, h->fx, 2), memcpy(&ow, o->fx, 2);
	if (hw != ow)
		bad++, printf("  fcw: in %04x host %04x osim %04x\n", iw, hw, ow);
	if (h->fx[4] != o->fx[4])
		bad++, printf("  ftw: in %02x host %02x osim %02x\n", in->fx[4], h->fx[4],
			      o->fx[4]);
	memcpy(&im, in->fx + 24, 4), memcpy(&hm, h->fx + 24, 4), memcpy(&om, o->fx + 24, 4);
	if ((hm ^ om) & m->mxcsr)
		bad++, printf("  mxcsr: in %04x host %04x osim %04x\n", im, hm, om);
	return bad;
}

/* The same comparison, silent. */
static inline bool same_state(const struct state *h, const struct state *o,
			      const struct compare_mask *m)
{
	u16 hw, ow;
	u32 hm, om;

	memcpy(&hm, h->fx + 24, 4);
	memcpy(&om, o->fx + 24, 4);
	memcpy(&hw, h->fx + 2, 2);
	memcpy(&ow, o->fx + 2, 2);
	if (((h->rflags ^ o->rflags) & m->flags) || ((hw ^ ow) & m->fsw) ||
	    memcmp(h->gpr, o->gpr, sizeof(h->gpr)) || memcmp(h->fx, o->fx, 2) ||
	    h->fx[4] != o->fx[4] || ((hm ^ om) & m->mxcsr) ||
	    memcmp(h->fx + 160, o->fx + 160, 256) || memcmp(h->buf, o->buf, HOST_BUF_BYTES))
		return false;
	for (unsigned i = 0; i < 8; i++)
		if (memcmp(h->fx + 32 + 16 * i, o->fx + 32 + 16 * i, 10))
			return false;
	return true;
}

#endif
