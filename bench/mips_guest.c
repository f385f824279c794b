/* SPDX-License-Identifier: MIT */
/*
 * What bench_mips runs, native and simulated: four loops of ordinary C. Not compiled with the
 * project: mips_blob.h holds its bytes, made by
 *
 *	gcc -O2 -ffreestanding -fno-stack-protector -fcf-protection=none
 *	-fno-asynchronous-unwind-tables -fpic -nostdlib -static -Wl,--build-id=none \
 *		-Wl,-T,bench/mips_guest.ld -o mips.elf bench/mips_guest.c && objcopy -O binary -j
 *		.text mips.elf mips.bin
 *
 * with gcc 12.2. The first bytes are: a jump to the start, and at offset 8 which loop, at 16 how
 * often, at 24 the distance to run().
 */
typedef unsigned long u64;
typedef unsigned int u32;

u64 run(u64 which, u64 rounds);

__asm__(".section .start,\"ax\"\n"
	".globl _start\n"
	"_start: jmp 1f\n"
	".balign 8\n"
	"which: .quad 0\n"
	"rounds: .quad 0\n"
	"entry: .quad run - _start\n"
	"1:	mov which(%rip), %rdi\n"
	"	mov rounds(%rip), %rsi\n"
	"	call run\n"
	"	mov %rax, %rdi\n"
	"	mov $60, %eax\n"
	"	syscall\n"
	".text\n");

#define N 4096
static u32 numbers[N];
static char text[8192];

static u32 next(u32 *s)
{
	*s = *s * 1664525u + 1013904223u;
	return *s >> 8;
}

/* Shell sort of 4096 numbers. */
static u64 sort(u64 rounds)
{
	static const unsigned gaps[] = { 1750, 701, 301, 132, 57, 23, 10, 4, 1 };
	u64 sum = 0;

	while (rounds--) {
		u32 seed = (u32)rounds;
		unsigned g, i, j;

		for (i = 0; i < N; i++)
			numbers[i] = next(&seed);
		for (g = 0; g < sizeof(gaps) / sizeof(gaps[0]); g++)
			for (i = gaps[g]; i < N; i++) {
				u32 v = numbers[i];

				for (j = i; j >= gaps[g] && numbers[j - gaps[g]] > v; j -= gaps[g])
					numbers[j] = numbers[j - gaps[g]];
				numbers[j] = v;
			}
		sum += numbers[N / 2];
	}
	return sum;
}

/* A table of 1024 chains' worth of inserts and look-ups by a multiplicative hash. */
static u64 hash(u64 rounds)
{
	u64 found = 0;

	while (rounds--) {
		u32 seed = (u32)rounds;
		unsigned i, at;

		for (i = 0; i < N; i++)
			numbers[i] = 0;
		for (i = 0; i < N * 3 / 4; i++) {
			u32 key = (next(&seed) & 0x3fff) + 1;

			for (at = key * 2654435761u >> 20; numbers[at] && numbers[at] != key;
			     at = (at + 1) & (N - 1))
				;
			found += numbers[at] == key;
			numbers[at] = key;
		}
	}
	return found;
}

static const char *number(const char *p, u64 *v)
{
	*v = 0;
	while (*p >= '0' && *p <= '9')
		*v = *v * 10 + (u64)(*p++ - '0');
	return p;
}

/*
 * Expressions of numbers, + - * and parentheses: written as text, then evaluated with an operator
 * stack.
 */
static u64 parse(u64 rounds)
{
	u64 sum = 0;

	while (rounds--) {
		u64 values[64];
		char ops[64];
		unsigned nv = 0, no = 0, n = 0;
		u32 seed = (u32)rounds;
		const char *p = text;

		while (n < sizeof(text) - 16) {
			u32 r = next(&seed);

			text[n++] = '(';
			text[n++] = (char)('0' + r % 10);
			text[n++] = (char)('0' + r / 16 % 10);
			text[n++] = "+-*"[r / 256 % 3];
			text[n++] = (char)('1' + r / 4096 % 9);
			text[n++] = ')';
			text[n++] = "+-"[r >> 20 & 1];
		}
		text[n++] = '1';
		text[n] = 0;
		for (; *p; p++) {
			switch (*p) {
			case '(':
				ops[no++ & 63] = '(';
				break;
			case '+':
			case '-':
			case '*':
				while (no && ops[no - 1] != '(' &&
				       (ops[no - 1] == '*' || *p != '*')) {
					u64 b = values[--nv], a = values[nv - 1];
					char op = ops[--no];

					values[nv - 1] = op == '+' ? a + b :
							 op == '-' ? a - b :
								     a * b;
				}
				ops[no++ & 63] = *p;
				break;
			case ')':
				while (ops[no - 1] != '(') {
					u64 b = values[--nv], a = values[nv - 1];
					char op = ops[--no];

					values[nv - 1] = op == '+' ? a + b :
							 op == '-' ? a - b :
								     a * b;
				}
				no--;
				break;
			default:
				p = number(p, &values[nv++ & 63]) - 1;
			}
		}
		sum += values[0];
	}
	return sum;
}

/* The plain integer loop. */
static u64 plain(u64 rounds)
{
	u64 a = 1, b = 2, i;

	for (i = 0; i < rounds * 1000; i++) {
		a += b ^ i;
		b = (b << 3) - a;
		if (a & 16)
			b += 7;
	}
	return a + b;
}

u64 run(u64 which, u64 rounds)
{
	if (which == 0)
		return plain(rounds);
	if (which == 1)
		return sort(rounds);
	if (which == 2)
		return hash(rounds);
	return parse(rounds);
}
