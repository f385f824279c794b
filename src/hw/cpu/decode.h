/* SPDX-License-Identifier: MIT */
#ifndef HW_CPU_DECODE_H
#define HW_CPU_DECODE_H

/* The decoder's working state, and its parts by instruction group. Included by decode*.c only. */

#include <Zydis/Zydis.h>

#include "hw/cpu/handlers.h"
#include "hw/cpu/insn.h"

#define CC_UNKNOWN (-1)

struct decode {
	struct machine *m;
	struct exec_block *b;
	struct insn *i; /* being filled: fn and operands; idx, cyc, off are set */
	u64 rip, next;	/* this instruction's address and the one behind it */
	u32 mode;
	u32 cost;	/* cycles of this instruction */
	int cc;		/* cc_op after the instructions so far, or CC_UNKNOWN */
	bool end;	/* this instruction ends the block */
	u64 way0, way1; /* addresses of link[0] and link[1] */
	/* The CMP or TEST just before, which a Jcc may be fused with. */
	struct insn *fuse, *fuse_now;
	u8 fuse_op, fuse_form, fuse_size;
	const ZydisDecodedInstruction *zi;
	const ZydisDecodedOperand *op;
};

/* Each fills d->i for the instructions it knows and returns true; false: not mine. */
bool decode_integer(struct decode *d);
bool decode_system(struct decode *d);
bool decode_fp(struct decode *d);

/* The register slot (byte offset for 8-bit registers, number for XMM). */
u8 decode_slot(ZydisRegister r);
bool decode_is_gpr(const ZydisDecodedOperand *o);
bool decode_is_xmm(const ZydisDecodedOperand *o);
/* enum cc_size of an operand size. */
int decode_size(unsigned bits);
/*
 * Fill base, index, scale and disp of d->i, perhaps after emitting a micro-operation (d->i moves
 * on). Call before setting other fields.
 */
void decode_mem(struct decode *d, const ZydisDecodedOperand *o);
/*
 * The address into REG_TMP by a micro-operation of its own; d->i then is the instruction, with disp
 * free.
 */
void decode_address_first(struct decode *d, const ZydisDecodedOperand *o);
void decode_unimplemented(struct decode *d);

static inline bool decode_is_mem(const ZydisDecodedOperand *o)
{
	return o->type == ZYDIS_OPERAND_TYPE_MEMORY;
}

#endif
