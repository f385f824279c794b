/* SPDX-License-Identifier: MIT */
#ifndef HW_CPU_SIMD_H
#define HW_CPU_SIMD_H

/*
 * Integer SIMD and the bitwise and shuffling forms of SSE/SSE2. Same calling rules as hw/fp/fp.h,
 * through which the decoder comes here: sse_lookup() asks simd_lookup() for what is not floating
 * point.
 */

#include "hw/fp/fp.h"

/* The operation for a ZydisMnemonic, NULL when there is none. */
const struct sse_op *simd_lookup(unsigned zydis_mnemonic);

#endif
