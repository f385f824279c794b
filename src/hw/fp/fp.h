/* SPDX-License-Identifier: MIT */
#ifndef HW_FP_FP_H
#define HW_FP_FP_H

/*
 * SSE and x87 semantics, apart from where operands come from. The decoder (hw/cpu/) fetches and
 * stores operands; these functions compute on bytes and on cpu->fpu. Guest floating point uses the
 * host's units through assembly that saves and restores the host's MXCSR and x87 control word; what
 * differs between vendors is computed in software.
 *
 * SSE: dst and src point at the operand's bytes: an XMM register (16 bytes in cpu->fpu.xmm), a
 * general register (8 bytes; the decoder merges 32-bit results), or a buffer holding src_bytes read
 * from memory. Two-operand form: dst is read and written. A function returns false with cpu->fault
 * set (#XM, #GP) and dst unchanged.
 *
 * An immediate operand (CMPPS, SHUFPS, PSHUFD, PEXTRW, PINSRW, PSLLDQ) comes as imm. PSLLW and the
 * other shifts have two forms: by an immediate with src NULL and the count in imm, by an XMM
 * register or memory with src set. dst and src may be the same register. Only LDMXCSR ignores dst.
 * CR0.EM/TS and CR4.OSFXSR (#UD, #NM) are the caller's to check for SSE; x87 functions check
 * CR0.EM/TS themselves.
 *
 * x87: `mem` points at mem_bytes read from memory, or at a buffer the function fills with the bytes
 * to be stored; sti is the stack index of a register operand. #MF pending from an earlier
 * instruction is raised at the next waiting instruction.
 */

#include "lib/types.h"

struct cpu;

/* Where an SSE function's destination and source lie. */
enum fp_operand { FP_NONE, FP_XMM, FP_GPR, FP_MEM };

typedef bool sse_fn(struct cpu *cpu, void *dst, const void *src, unsigned imm);
struct sse_op {
	sse_fn *fn;
	u8 src_bytes;	 /* bytes read when src is memory */
	u8 align;	 /* required alignment of a memory operand (16 or 1) */
	bool dst_gpr;	 /* result goes to a general register: 8 bytes at dst, zero-extended */
	bool dst_read;	 /* dst's old value matters */
	bool sets_flags; /* COMISS & co: writes ZF PF CF through cpu_set_arith_flags() */
};
/*
 * The operation for a Zydis mnemonic (ZydisMnemonic) and forms that differ by operand (gpr_bits: 32
 * or 64 for conversions with a general register; 0 otherwise). NULL: not implemented. Data moves
 * (MOVAPS.. MOVQ, MOVD, MOVNTx) are the decoder's own.
 */
const struct sse_op *sse_lookup(unsigned zydis_mnemonic, unsigned gpr_bits);

typedef bool x87_fn(struct cpu *cpu, void *mem, unsigned sti);
struct x87_op {
	x87_fn *fn;
	u8 mem_bytes;	/* 0: register form */
	bool mem_write; /* the function fills mem, to be stored */
};
/*
 * mem_bits: width of the memory operand (16..80; 224 and 864 for FNSTENV/FLDENV and FNSAVE/FRSTOR,
 * 112 and 752 with an operand-size prefix; 0 for register forms, FNSTSW AX among them, which writes
 * AX itself). Integer forms have their own mnemonics (FILD, FIADD). dst_is_sti: the destination is
 * ST(i). NULL: not implemented. The store of a mem_write function must be probed before the call,
 * since the function pops; a function that returns true without storing (unmasked response) hands
 * back the bytes it was given, so fill mem with the old bytes first.
 */
const struct x87_op *x87_lookup(unsigned zydis_mnemonic, unsigned mem_bits, bool dst_is_sti);

/* LDMXCSR: false and #GP(0) when a reserved bit (16..31) is set. */
bool fpu_ldmxcsr(struct cpu *cpu, u32 mxcsr);

/*
 * FNINIT (registers' contents, MXCSR and XMM stay), and the 512-byte FXSAVE image (Intel SDM vol.
 * 1, 10.5.1). fxrstor: false and #GP for reserved MXCSR bits. fxsave writes bytes 0..415 only: the
 * rest of the image belongs to software.
 */
void fpu_init(struct cpu *cpu);
void fpu_fxsave(const struct cpu *cpu, void *image512);
bool fpu_fxrstor(struct cpu *cpu, const void *image512);

/*
 * COMISS, FUCOMI and friends set flags through here (defined in hw/cpu/flags). bits: any of ZF, PF,
 * CF; OF, SF, AF cleared.
 */
void cpu_set_arith_flags(struct cpu *cpu, u64 bits);

#endif
