/* SPDX-License-Identifier: MIT */
/*
 * MMX instructions on seeded values: results as a hash for each, and what they do to the x87 state.
 */
#include "compat.h"

static uint64_t seed = 20240607;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Values whose lanes are often equal, zero or at an end of their range. */
static uint64_t value(void)
{
	uint64_t v = rnd(), m = rnd();

	for (int i = 0; i < 8; i++) {
		uint64_t lane = 0xffull << 8 * i;

		switch (m >> 4 * i & 7) {
		case 0:
			v &= ~lane;
			break;
		case 1:
			v |= lane;
			break;
		case 2:
			v = (v & ~lane) | (0x80ull << 8 * i);
			break;
		case 3:
			v = (v & ~lane) | (0x7full << 8 * i);
			break;
		}
	}
	return v;
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	return (h ^ v) * 0x100000001b3ull;
}

#define N 300
#define RUN(name, ...)                                                                             \
	do {                                                                                       \
		uint64_t h = 14695981039346656037ull;                                              \
		for (int k = 0; k < N; k++) {                                                      \
			uint64_t a = value(), b = value(), r = 0;                                  \
			__VA_ARGS__;                                                               \
			h = mix(h, r);                                                             \
		}                                                                                  \
		say("%-10s %016llx\n", name, (unsigned long long)h);                               \
	} while (0)
#define REG(op)                                                                                    \
	RUN(#op, __asm__ volatile("movq %1, %%mm0; movq %2, %%mm5; " #op                           \
				  " %%mm5, %%mm0; movq %%mm0, %0"                                  \
				  : "=m"(r)                                                        \
				  : "m"(a), "m"(b)));                                              \
	RUN(#op "/m", __asm__ volatile("movq %1, %%mm3; " #op " %2, %%mm3; movq %%mm3, %0"         \
				       : "=m"(r)                                                   \
				       : "m"(a), "m"(b)))
#define SHIFT(op)                                                                                  \
	RUN(#op "/n", {                                                                            \
		b &= b & 1 ? 0x7f : 0x1f;                                                          \
		__asm__ volatile("movq %1, %%mm0; movq %2, %%mm5; " #op                            \
				 " %%mm5, %%mm0; movq %%mm0, %0"                                   \
				 : "=m"(r)                                                         \
				 : "m"(a), "m"(b));                                                \
	});                                                                                        \
	RUN(#op "/5", __asm__ volatile("movq %1, %%mm0; " #op " $5, %%mm0; movq %%mm0, %0"         \
				       : "=m"(r)                                                   \
				       : "m"(a)));                                                 \
	RUN(#op "/77", __asm__ volatile("movq %1, %%mm7; " #op " $77, %%mm7; movq %%mm7, %0"       \
					: "=m"(r)                                                  \
					: "m"(a)))
#define CONSTANT(op, n)                                                                            \
	RUN(#op "/" #n, __asm__ volatile("movq %1, %%mm0; movq %2, %%mm5; " #op " $" #n            \
					 ", %%mm5, %%mm0; movq %%mm0, %0"                          \
					 : "=m"(r)                                                 \
					 : "m"(a), "m"(b)))

static void state(const char *what)
{
	unsigned char fx[512] __attribute__((aligned(16)));

	__asm__ volatile("fxsave %0" : "=m"(fx));
	say("%s: fsw %02x%02x tags %02x r0 %02x%02x %02x%02x\n", what, fx[3], fx[2], fx[4],
	    fx[32 + 9], fx[32 + 8], fx[32 + 7], fx[32]);
}

int main(void)
{
	REG(paddb);
	REG(paddw);
	REG(paddd);
	REG(paddq);
	REG(psubb);
	REG(psubw);
	REG(psubd);
	REG(psubq);
	REG(paddsb);
	REG(paddsw);
	REG(paddusb);
	REG(paddusw);
	REG(psubsb);
	REG(psubsw);
	REG(psubusb);
	REG(psubusw);
	REG(pcmpeqb);
	REG(pcmpeqw);
	REG(pcmpeqd);
	REG(pcmpgtb);
	REG(pcmpgtw);
	REG(pcmpgtd);
	REG(pand);
	REG(pandn);
	REG(por);
	REG(pxor);
	REG(pminub);
	REG(pmaxub);
	REG(pminsw);
	REG(pmaxsw);
	REG(pavgb);
	REG(pavgw);
	REG(pmullw);
	REG(pmulhw);
	REG(pmulhuw);
	REG(pmuludq);
	REG(pmaddwd);
	REG(psadbw);
	REG(packsswb);
	REG(packssdw);
	REG(packuswb);
	REG(punpcklbw);
	REG(punpcklwd);
	REG(punpckldq);
	REG(punpckhbw);
	REG(punpckhwd);
	REG(punpckhdq);
	SHIFT(psllw);
	SHIFT(pslld);
	SHIFT(psllq);
	SHIFT(psrlw);
	SHIFT(psrld);
	SHIFT(psrlq);
	SHIFT(psraw);
	SHIFT(psrad);
	CONSTANT(pshufw, 0x1b);
	CONSTANT(pshufw, 0xe4);
	CONSTANT(pshufw, 0x72);
	RUN("pinsrw",
	    __asm__ volatile("movq %1, %%mm0; mov %2, %%rax; pinsrw $2, %%eax, %%mm0; movq %%mm0, %0"
			     : "=m"(r)
			     : "m"(a), "m"(b)
			     : "rax"));
	RUN("pinsrw/m", __asm__ volatile("movq %1, %%mm0; pinsrw $7, %2, %%mm0; movq %%mm0, %0"
					 : "=m"(r)
					 : "m"(a), "m"(*(short *)&b)));
	RUN("pextrw", __asm__ volatile("movq %1, %%mm0; pextrw $6, %%mm0, %%eax; mov %%rax, %0"
				       : "=m"(r)
				       : "m"(a)
				       : "rax"));
	RUN("pmovmskb", __asm__ volatile("movq %1, %%mm0; pmovmskb %%mm0, %%eax; mov %%rax, %0"
					 : "=m"(r)
					 : "m"(a)
					 : "rax"));
	RUN("movd", __asm__ volatile("mov %1, %%rax; movd %%eax, %%mm2; movq %%mm2, %0"
				     : "=m"(r)
				     : "m"(a)
				     : "rax"));
	RUN("movd/r",
	    __asm__ volatile("movq %1, %%mm2; mov $-1, %%rax; movd %%mm2, %%eax; mov %%rax, %0"
			     : "=m"(r)
			     : "m"(a)
			     : "rax"));
	RUN("movd/m", __asm__ volatile("movd %1, %%mm2; movq %%mm2, %0"
				       : "=m"(r)
				       : "m"(*(int *)&a)));
	RUN("movd/s", __asm__ volatile("movq %1, %%mm2; movd %%mm2, %0"
				       : "=m"(*(int *)&r)
				       : "m"(a)));
	RUN("movq/r",
	    __asm__ volatile(
		    "movq %1, %%mm2; movq %%mm2, %%rax; movq %%rax, %%mm4; movq %%mm4, %%mm6; movntq %%mm6, %0"
		    : "=m"(r)
		    : "m"(a)
		    : "rax"));
	RUN("movq2dq",
	    __asm__ volatile(
		    "pcmpeqd %%xmm1, %%xmm1; movq %1, %%mm2; movq2dq %%mm2, %%xmm1; movhlps %%xmm1, %%xmm2; movdq2q %%xmm1, %%mm1;"
		    "movq %%mm1, %0"
		    : "=m"(r)
		    : "m"(a)
		    : "xmm1", "xmm2"));
	RUN("cvtpi2ps",
	    __asm__ volatile(
		    "movupd %2, %%xmm1; movq %1, %%mm2; cvtpi2ps %%mm2, %%xmm1; movq %%xmm1, %0"
		    : "=m"(r)
		    : "m"(a), "m"(seed)
		    : "xmm1"));
	RUN("cvtpi2pd",
	    __asm__ volatile(
		    "movq %1, %%mm2; cvtpi2pd %%mm2, %%xmm1; movhlps %%xmm1, %%xmm2; xorpd %%xmm2, %%xmm1; movq %%xmm1, %0"
		    : "=m"(r)
		    : "m"(a)
		    : "xmm1", "xmm2"));
	RUN("cvtps2pi", {
		float f[2] = { (float)(int32_t)a / 1024, (float)(int32_t)b / 4096 };
		__asm__ volatile(
			"movq %1, %%xmm1; cvtps2pi %%xmm1, %%mm2; cvttps2pi %1, %%mm3; pxor %%mm3, %%mm2; movq %%mm3, %0"
			: "=m"(r)
			: "m"(f)
			: "xmm1");
	});
	RUN("cvtpd2pi", {
		double f[2] __attribute__((aligned(16))) = { (double)(int64_t)a / 1e12,
							     (double)(int64_t)b / 1e10 };
		__asm__ volatile(
			"movupd %1, %%xmm1; cvtpd2pi %%xmm1, %%mm2; cvttpd2pi %1, %%mm3; pxor %%mm2, %%mm3; movq %%mm2, %0"
			: "=m"(r)
			: "m"(f)
			: "xmm1");
	});
	__asm__ volatile("emms");
	state("emms");
	__asm__ volatile("fninit; fld1; fldz; fldpi");
	state("three pushed");
	{
		uint64_t v = 0x1122334455667788ull;

		__asm__ volatile("movq %0, %%mm5" : : "m"(v));
		state("movq to mm5");
		__asm__ volatile("movq %0, %%mm0" : : "m"(v));
		state("movq to mm0");
	}
	__asm__ volatile("emms; fninit");
	return 0;
}
