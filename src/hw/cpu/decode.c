/* SPDX-License-Identifier: MIT */
/*
 * From bytes to blocks: Zydis reads each instruction once, this file chooses its handler and
 * operands.
 *
 * Called by exec_lookup; calls Zydis and allocates from the block cache. It must not look at any
 * CPU's state: what a block is depends on its bytes, its address and the mode bits alone.
 *
 *	0x401000: 48 83 c0 01   add $1, %rax        insn[0] add_ri64  dst RAX, imm 1          idx 1,
 *	cyc 0, off 0 0x401004: 64 8b 04 25.. mov %fs:40, %eax    insn[1] load32    base FSBASE, disp
 *	40     idx 2, cyc 1, off 4 0x40100c: 39 d8         cmp %ebx, %eax      insn[2] cmp_rr32
 *	fused with insn[3]        idx 3, cyc 2, off 12 0x40100e: 75 f0         jne 0x401000
 *	insn[3] jcc_z     link[0] 0x401010, link[1] 0x401000
 *	                                            insn[4] sentinel: idx 5, cyc 4, off 16
 *
 * A block ends at a branch, at a system instruction, at the end of the page, before a native gate,
 * or when it is full.
 *
 *	D1 The first instruction of a block may lie in two pages; it is then alone, and the block is
 *	   keyed on both frames.
 *	D2 Every block ends in a sentinel that holds its totals, so insn[k + 1] always tells where
 *	   instruction k ends.
 *	D3 What is valid but not implemented becomes #UD and is recorded by name; what is no
 *	   instruction is plain #UD.
 *	D4 An address that needs three registers (segment base, base, index) or 32-bit arithmetic is
 *	   computed into REG_TMP by a micro-operation, which is not an instruction: it shares idx,
 *	   cyc and off with the one it serves.
 *	D5 Without BMI1 and LZCNT in CPUID, F3 0F BC and F3 0F BD are BSF and BSR, as on hardware
 *	   without them; CET's and MPX's encodings are NOPs.
 *	D6 In a row of PUSHes (POPs) of registers each handler does itself and the rest of the row
 *	   at once, or itself alone; an instruction of a row may be entered by a step or a slow
 *	   access like any other.
 *
 * Units:   bits in operand sizes, bytes in lengths.
 * Owner:   blocks belong to the cache.
 * Locking: none.
 * Errors:  #UD, #GP (over 15 bytes, privilege) as handlers that raise them when executed.
 * Time:    instruction costs are looked up here and summed in the block. Decoding itself costs no
 *          virtual time.
 * Source:  Intel SDM vol. 2; Zydis 4.0.
 */

#include <string.h>

#include <Zydis/Zydis.h>

#include "hw/cpu/decode.h"
#include "lib/compiler.h"

u64 exec_decoder_bytes(void)
{
	return sizeof(ZydisDecoder);
}

void exec_decoder_init(void *decoder)
{
	static const ZydisDecoderMode off[] = { ZYDIS_DECODER_MODE_MPX, ZYDIS_DECODER_MODE_CET,
						ZYDIS_DECODER_MODE_LZCNT, ZYDIS_DECODER_MODE_TZCNT,
						ZYDIS_DECODER_MODE_CLDEMOTE };
	unsigned k;

	ZydisDecoderInit(decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (k = 0; k < ARRAY_SIZE(off); k++)
		ZydisDecoderEnableMode(decoder, off[k], ZYAN_FALSE);
}

u8 decode_slot(ZydisRegister r)
{
	if (r >= ZYDIS_REGISTER_RAX && r <= ZYDIS_REGISTER_R15)
		return (u8)(r - ZYDIS_REGISTER_RAX);
	if (r >= ZYDIS_REGISTER_EAX && r <= ZYDIS_REGISTER_R15D)
		return (u8)(r - ZYDIS_REGISTER_EAX);
	if (r >= ZYDIS_REGISTER_AX && r <= ZYDIS_REGISTER_R15W)
		return (u8)(r - ZYDIS_REGISTER_AX);
	if (r >= ZYDIS_REGISTER_AL && r <= ZYDIS_REGISTER_BL)
		return (u8)((r - ZYDIS_REGISTER_AL) * 8);
	if (r >= ZYDIS_REGISTER_AH && r <= ZYDIS_REGISTER_BH)
		return (u8)((r - ZYDIS_REGISTER_AH) * 8 + 1);
	if (r >= ZYDIS_REGISTER_SPL && r <= ZYDIS_REGISTER_R15B)
		return (u8)((r - ZYDIS_REGISTER_SPL + RSP) * 8);
	if (r >= ZYDIS_REGISTER_XMM0 && r <= ZYDIS_REGISTER_XMM15)
		return (u8)(r - ZYDIS_REGISTER_XMM0);
	return REG_ZERO;
}

bool decode_is_gpr(const ZydisDecodedOperand *o)
{
	return o->type == ZYDIS_OPERAND_TYPE_REGISTER && o->reg.value >= ZYDIS_REGISTER_AL &&
	       o->reg.value <= ZYDIS_REGISTER_R15;
}

bool decode_is_xmm(const ZydisDecodedOperand *o)
{
	return o->type == ZYDIS_OPERAND_TYPE_REGISTER && o->reg.value >= ZYDIS_REGISTER_XMM0 &&
	       o->reg.value <= ZYDIS_REGISTER_XMM15;
}

int decode_size(unsigned bits)
{
	return bits == 8 ? CC_8 : bits == 16 ? CC_16 : bits == 32 ? CC_32 : CC_64;
}

void decode_mem(struct decode *d, const ZydisDecodedOperand *o)
{
	struct insn *i = d->i;
	u8 base = REG_ZERO, index = REG_ZERO, seg = REG_ZERO, scale = 0;
	s64 disp = o->mem.disp.has_displacement ? o->mem.disp.value : 0;

	if (o->mem.base == ZYDIS_REGISTER_RIP || o->mem.base == ZYDIS_REGISTER_EIP)
		disp += (s64)d->next;
	else if (d->zi->address_width == 32 && (d->zi->attributes & ZYDIS_ATTRIB_HAS_SIB) &&
		 !d->zi->raw.modrm.mod && (d->zi->raw.sib.base & 7) == 5)
		disp = d->zi->raw.disp
			       .value; /* no base, though Zydis 4.0 says R13D when REX.B is set */
	else if (o->mem.base != ZYDIS_REGISTER_NONE)
		base = decode_slot(o->mem.base);
	if (o->mem.index != ZYDIS_REGISTER_NONE) {
		index = decode_slot(o->mem.index);
		scale = (u8)(o->mem.scale ? __builtin_ctz(o->mem.scale) : 0);
	}
	if (o->mem.type == ZYDIS_MEMOP_TYPE_MEM && o->mem.segment == ZYDIS_REGISTER_FS)
		seg = REG_FSBASE;
	if (o->mem.type == ZYDIS_MEMOP_TYPE_MEM && o->mem.segment == ZYDIS_REGISTER_GS)
		seg = REG_GSBASE;
	if (d->zi->address_width == 32 ||
	    (seg != REG_ZERO && base != REG_ZERO && index != REG_ZERO)) {
		struct insn same = *i;

		i->fn = d->zi->address_width == 32 ? ea_seg32 : ea_seg64;
		i->base = base;
		i->index = index;
		i->scale = scale;
		i->disp = disp;
		i->src = seg;
		i = ++d->i;
		*i = same;
		base = REG_TMP;
		index = REG_ZERO;
		scale = 0;
		disp = 0;
	} else if (seg != REG_ZERO) {
		if (base != REG_ZERO)
			index = base;
		base = seg;
	}
	i->base = base;
	i->index = index;
	i->scale = scale;
	i->disp = disp;
}

void decode_unimplemented(struct decode *d)
{
	d->i->fn = sys_unimplemented;
	d->i->imm = (s32)d->zi->mnemonic;
	d->end = true;
}

/* What is after a page, a gate or the canonical hole must be looked up on its own. */
static void link_to(struct exec_block *b, unsigned way, u64 rip)
{
	b->way[way] = rip;
	b->same_page[way] = ((rip ^ b->rip) & PAGE_MASK) == 0;
}

static void undefined(struct decode *d, ZyanStatus status)
{
	d->i->fn = status == ZYDIS_STATUS_INSTRUCTION_TOO_LONG ? sys_too_long : sys_undefined;
	d->end = true;
}

/* Decode one instruction at d->rip from code[0..avail). False: it needs bytes beyond avail. */
static bool decode_one(struct decode *d, const u8 *code, u64 avail)
{
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction zi;
	ZyanStatus status = ZydisDecoderDecodeFull(d->m->exec->decoder, code, avail, &zi, ops);

	if (status == ZYDIS_STATUS_NO_MORE_DATA && avail < 15)
		return false;
	d->cost = d->m->cost->cycles[COST_INSN];
	d->next = d->rip;
	if (!ZYAN_SUCCESS(status)) {
		undefined(d, status);
		return true;
	}
	d->zi = &zi;
	d->op = ops;
	d->next = d->rip + zi.length;
	d->i->len = zi.length;
	if (zi.attributes & ZYDIS_ATTRIB_HAS_LOCK)
		d->cost += d->m->cost->cycles[COST_LOCK_RMW];
	if (zi.encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY)
		decode_unimplemented(d);
	else if (!decode_integer(d) && !decode_system(d) && !decode_fp(d))
		decode_unimplemented(d);
	d->zi = NULL;
	d->op = NULL;
	return true;
}

static u64 next_page(u64 rip)
{
	return (rip & PAGE_MASK) + PAGE_SIZE;
}

/*
 * PUSHes and POPs of registers in a row become one, each of them together with those behind it, so
 * that any of them can be done alone. RSP itself is not of a row.
 */
static void join_runs(struct exec_block *b, const struct insn *end)
{
	unsigned pushes = 0, pops = 0;

	for (struct insn *i = &b->insn[end - b->insn]; i-- > b->insn;) {
		pushes = i->fn == push_r && i->src != RSP ? pushes + 1 : 0;
		pops = i->fn == pop_r && i->dst != RSP ? pops + 1 : 0;
		if (pushes > 1)
			i->fn = push_run_fn[min(pushes, MAX_RUN)];
		if (pops > 1)
			i->fn = pop_run_fn[min(pops, MAX_RUN)];
	}
}

/* Totals into the sentinel, places into all, and the links. */
static void finish(struct decode *d, unsigned n, u32 cyc)
{
	struct exec_block *b = d->b;
	struct insn *end = d->i, *i;

	*end = (struct insn){ .fn = fall_through,
			      .block = b,
			      .idx = (u8)(n + 1),
			      .cyc = (u16)cyc,
			      .off = (u16)(d->rip - b->rip) };
	for (i = b->insn; i <= end; i++)
		i->pos = (u8)(i - b->insn);
	join_runs(b, end);
	if (!d->end)
		d->way0 = d->rip;
	link_to(b, 0, d->way0);
	link_to(b, 1, d->way1);
	b->ninsns = (u16)n;
	b->cycles = cyc;
	b->limit = cyc;
	b->cross.fn = b->straddle ? cross_entry2 : cross_entry;
	b->cross.rip = b->rip;
	b->cross.addend = (u64)(uintptr_t)d->m->ram + b->pa - b->rip;
	b->cross.addend2 = (u64)(uintptr_t)d->m->ram + b->pa2 - next_page(b->rip);
	b->bytes = (u32)ALIGN_UP(offsetof(struct exec_block, insn) +
					 (u64)(end + 1 - b->insn) * sizeof(struct insn),
				 64);
}

struct exec_block *exec_decode(struct machine *m, u64 rip, u64 pa, const u8 *second, u64 pa2,
			       u32 mode)
{
	struct exec_block *b = exec_block_alloc(m->exec, 2 * EXEC_MAX_INSNS + 2);
	struct decode d = {
		.m = m, .b = b, .i = b->insn, .rip = rip, .mode = mode, .cc = CC_UNKNOWN
	};
	u64 avail = PAGE_SIZE - (rip & (PAGE_SIZE - 1)), off = 0;
	unsigned n = 0, most = (mode & EXEC_MODE_STEP) || second ? 1 : EXEC_MAX_INSNS;
	const u8 *code = m->ram + pa;
	u32 cyc = 0;
	u8 both[32];

	b->rip = rip;
	b->pa = pa;
	b->mode = (u16)mode;
	if (second) {
		b->straddle = true;
		b->pa2 = pa2;
		memcpy(both, code, avail);
		memcpy(both + avail, second, 16);
		code = both;
		avail += 16;
	}
	do {
		struct insn *first = d.i;

		*d.i = (struct insn){ .base = REG_ZERO,
				      .index = REG_ZERO,
				      .idx = (u8)(n + 1),
				      .cyc = (u16)cyc,
				      .off = (u16)off };
		d.fuse_now = NULL;
		if (!decode_one(&d, code + off, avail - off)) {
			if (n == 0)
				return NULL;
			break;
		}
		if (n > 0 && cyc + d.cost > EXEC_MAX_CYCLES) {
			d.i = first; /* it begins the next block */
			d.end = false;
			break;
		}
		d.fuse = d.fuse_now;
		cyc += d.cost;
		off += d.next - d.rip;
		d.rip = d.next;
		d.i++;
		n++;
	} while (!d.end && n < most && off < avail &&
		 cyc + m->cost->cycles[COST_INSN] <= EXEC_MAX_CYCLES &&
		 !((mode & EXEC_MODE_SUPER) && exec_is_gate(m, d.rip)));
	finish(&d, n, cyc);
	return b;
}
