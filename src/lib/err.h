/* SPDX-License-Identifier: MIT */
#ifndef LIB_ERR_H
#define LIB_ERR_H

/*
 * A pointer that is either good or a negative errno: the top 4095 addresses are never an object's,
 * so they carry the error. NULL is neither: a function says which of the three it returns.
 */

#include "lib/compiler.h"
#include "lib/errno.h"
#include "lib/types.h"

#define MAX_ERRNO 4095
#define IS_ERR_VALUE(x) unlikely((u64)(x) >= (u64)-MAX_ERRNO)

/* error: -MAX_ERRNO..-1. */
static inline void *ERR_PTR(long error)
{
	return (void *)(uintptr_t)error;
}
static inline long PTR_ERR(const void *ptr)
{
	return (long)(intptr_t)ptr;
}
static inline bool IS_ERR(const void *ptr)
{
	return IS_ERR_VALUE((uintptr_t)ptr);
}
static inline bool IS_ERR_OR_NULL(const void *ptr)
{
	return unlikely(!ptr) || IS_ERR(ptr);
}
/* Change the pointer's type while keeping the error. */
static inline void *ERR_CAST(const void *ptr)
{
	return (void *)(uintptr_t)ptr;
}
static inline int PTR_ERR_OR_ZERO(const void *ptr)
{
	return IS_ERR(ptr) ? (int)PTR_ERR(ptr) : 0;
}

#endif
