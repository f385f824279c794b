/* SPDX-License-Identifier: MIT */
#ifndef HW_CPU_HANDLERS_H
#define HW_CPU_HANDLERS_H

/*
 * The handlers the decoder chooses from: tables by operation, form, size and condition. A NULL
 * entry does not exist.
 */

#include "hw/cpu/insn.h"

enum alu {
	ALU_ADD,
	ALU_OR,
	ALU_ADC,
	ALU_SBB,
	ALU_AND,
	ALU_SUB,
	ALU_XOR,
	ALU_CMP,
	ALU_TEST,
	NR_ALU
};
/*
 * Destination and source: register, memory, immediate. For F_RM and F_MR the register is dst (RM)
 * or src (MR).
 */
enum form { F_RR, F_RI, F_RM, F_MR, F_MI, NR_FORMS };
extern insn_fn *const alu_fn[NR_ALU][NR_FORMS][4];

enum unary { UN_INC, UN_DEC, UN_NEG, UN_NOT, NR_UNARY };
extern insn_fn *const unary_fn[NR_UNARY][2][4]; /* [1]: memory */

/* Conditions, by what is known of the flags when the block is decoded. */
enum pred {
	PRED_Z,		     /* ZF, any kind but CC_EFLAGS */
	PRED_S,		     /* SF, by size */
	PRED_B = PRED_S + 4, /* after CC_SUB, by size */
	PRED_BE = PRED_B + 4,
	PRED_L = PRED_BE + 4,
	PRED_LE = PRED_L + 4,
	PRED_LLE = PRED_LE + 4,	 /* LE after CC_LOGIC, by size */
	PRED_GEN = PRED_LLE + 4, /* anything, by cond / 2 */
	NR_PREDS = PRED_GEN + 8
};
extern insn_fn *const jcc_fn[NR_PREDS],
	*const setcc_fn[NR_PREDS], *const cmov32_fn[NR_PREDS], *const cmov64_fn[NR_PREDS];
insn_fn setcc_mem, cmov_rr16, cmov_rm16, cmov_rm32, cmov_rm64; /* condition in imm */
/* CMP (0) or TEST (1) and the Jcc behind it in one: by form, size, cond / 2. */
extern insn_fn *const fused_fn[2][NR_FORMS][4][8];
insn_fn jmp_rel, call_rel, jmp_reg, jmp_mem, call_reg, call_mem, ret_near, fall_through,
	cross_entry, cross_entry2;
insn_fn jrcxz, jecxz, loop_rcx, loop_ecx; /* LOOPcc: imm 0 LOOP, 1 LOOPE, 2 LOOPNE */

/* Moves. */
extern insn_fn *const mov_rr_fn[4],
	*const mov_ri_fn[4], *const load_fn[4], *const load_bd_fn[4],
							*const store_fn[4],
								*const store_bd_fn[4],
									*const store_imm_fn[4];
insn_fn mov_abs, lea16, lea32, lea64, lea64_bd, lea64_bi, ea_seg64, ea_seg32, nop;
insn_fn movzx8_16, movzx8_32, movzx16_32, movsx8_16, movsx8_32, movsx8_64, movsx16_32, movsx16_64,
	movsx32_64;
insn_fn movzx8_16m, movzx8_32m, movzx16_32m, movsx8_16m, movsx8_32m, movsx8_64m, movsx16_32m,
	movsx16_64m, movsx32_64m;
/* PUSHes and POPs of registers in a row, by how many: 2 to MAX_RUN. */
#define MAX_RUN 6u
extern insn_fn *const push_run_fn[MAX_RUN + 1], *const pop_run_fn[MAX_RUN + 1];
insn_fn push_r, push_i, push_m, pop_r, pop_m, push_r16, pop_r16, push_i16, push_m16, pop_m16, leave,
	leave16, enter;
/* [1]: memory */
extern insn_fn *const xchg_fn[2][4], *const xadd_fn[2][4], *const cmpxchg_fn[2][4];
insn_fn cmpxchg8b, cmpxchg16b;
insn_fn bswap32, bswap64, cbw, cwde, cdqe, cwd, cdq, cqo, xlat, xlat32, lahf, sahf, clc, stc, cmc,
	cld, std_;

/* Shifts and rotates: count in imm (not 0 after masking), in CL, memory forms of both. */
enum shift { SH_ROL, SH_ROR, SH_RCL, SH_RCR, SH_SHL, SH_SHR, SH_SAR, NR_SHIFTS };
enum shift_form { SHF_RI, SHF_RC, SHF_MI, SHF_MC, NR_SHIFT_FORMS };
extern insn_fn *const shift_fn[NR_SHIFTS][NR_SHIFT_FORMS][4];
extern insn_fn *const shld_fn[2][4],
	*const shrd_fn[2][4]; /* [1]: memory; count in imm, or CL when imm is -1 */

/* Multiplication and division, bits. */
extern insn_fn *const mul_fn[2][4], *const imul1_fn[2][4];
extern insn_fn *const div_fn[2][4], *const idiv_fn[2][4];
extern insn_fn *const imul2_fn[2][4], *const imul3_fn[2][4];
enum bitop { BIT_BT, BIT_BTS, BIT_BTR, BIT_BTC, NR_BITOPS };
enum bit_form { BITF_RR, BITF_RI, BITF_MR, BITF_MI, NR_BIT_FORMS };
extern insn_fn *const bit_fn[NR_BITOPS][NR_BIT_FORMS][4];
extern insn_fn *const bsf_fn[2][4], *const bsr_fn[2][4];

/*
 * Strings: imm bits 0..1 log2 of the element, bits 2..3 repeat, bit 4 address size 32; src: the
 * source's segment slot.
 */
#define STR_REP 4
#define STR_REPNE 8
#define STR_ADDR32 16
insn_fn str_movs, str_stos, str_lods, str_cmps, str_scas;

/* System. */
insn_fn sys_undefined, sys_unimplemented, sys_gp, sys_too_long, sys_syscall, sys_sysret, sys_iret,
	sys_int, sys_hlt, sys_cli, sys_sti, sys_mov_to_cr, sys_mov_from_cr, sys_mov_to_dr,
	sys_mov_from_dr, sys_rdmsr, sys_wrmsr, sys_cpuid, sys_rdtsc, sys_rdtscp, sys_invlpg,
	sys_invpcid, sys_lgdt, sys_lidt, sys_sgdt, sys_sidt, sys_ltr, sys_lldt, sys_str, sys_swapgs,
	sys_io, sys_clac, sys_stac, sys_pushf, sys_popf, sys_clts, sys_clflush, sys_rdfsbase,
	sys_wrfsbase, sys_nm, sys_mov_from_seg, sys_mov_to_seg, sys_smsw, sys_wbinvd;

/* SSE and x87. */
insn_fn sse_load128, sse_load128a, sse_store128, sse_store128a, sse_mov_rr, sse_load32, sse_load64,
	sse_store32, sse_store64, sse_movss_rr, sse_movsd_rr, sse_movq_rr, sse_movd_from32,
	sse_movd_from64, sse_movd_to32, sse_movd_to64, sse_movlps_load, sse_movhps_load,
	sse_movhps_store, sse_movhlps, sse_movlhps, sse_maskmovdqu, sse_pxor_self;
insn_fn sse_op_xx, sse_op_xi, sse_op_xm, sse_op_xg, sse_op_gx, sse_op_gm, sse_stmxcsr, sse_pxor_xx,
	sse_por_xx, sse_pand_xx;
insn_fn x87_op_reg, x87_fnstsw_ax, x87_op_load, x87_op_store, sys_fxsave, sys_fxrstor;

#endif
