/* SPDX-License-Identifier: MIT */
#ifndef HW_CPU_MMX_H
#define HW_CPU_MMX_H

/*
 * How decode_mmx.c tells mmx.c what to do with a lane operation: imm holds the form above an
 * immediate's 8 bits.
 */

#include "hw/cpu/insn.h"

enum mmx_form { MMX_LOW, MMX_PACK, MMX_HIGH };
/* Conversions: imm says which packed floating-point type. */
enum mmx_cvt { MMX_PS, MMX_PD };

struct decode;
/* Fill d->i for an instruction with an MMX register, or EMMS. False: not implemented. */
bool decode_mmx(struct decode *d);

insn_fn mmx_emms, mmx_mov_rr, mmx_from32, mmx_from64, mmx_to32, mmx_to64, mmx_movq2dq, mmx_movdq2q,
	mmx_load32, mmx_load64, mmx_store32, mmx_store64, mmx_op_rr, mmx_op_ri, mmx_op_rg,
	mmx_op_gr, mmx_op_m16, mmx_op_m32, mmx_op_m64, mmx_cvt_xr, mmx_cvt_xm, mmx_cvt_rx,
	mmx_cvt_rm64, mmx_cvt_rm128;

#endif
