/* SPDX-License-Identifier: MIT */
/*
 * System calls as text, a line each, when the embedder asked for it.
 *
 * Called at the end of a call (syscall.c) and at deaths; calls the embedder's function. It must not
 * change the machine: user memory is looked at through the page tables without faulting anything in
 * and without charging.
 *
 *	openat(AT_FDCWD, "/etc/passwd", 0x80000, 0) = 3
 *	read(3, "root:x:0:0:root:/root:/bin/bash\n"..., 4096) = 839
 *	execve("/bin/ls", ["ls", "-l"], 0x7ffe10) <unfinished ...>
 *	<... execve resumed> = -1 ENOENT
 *	--- signal 17, code 1, pid 3 ---
 *
 *	R1 with strace on or off the machine's events, times and digest are the same.
 *	R2 every string is cut at 32 bytes and escaped; every vector at 8 strings.
 *
 * Units:   none.
 * Owner:   the line is on the C stack, valid during the callback.
 * Locking: none; nothing blocks.
 * Errors:  memory that can not be read is shown as its address.
 * Time:    none.
 * Source:  strace(1)'s notation.
 */

#include <stdarg.h>
#include <stdio.h>

#include "hw/cpu.h"
#include "kernel/entry/root.h"
#include "kernel/entry/syscall.h"
#include "kernel/percpu/layout.h"
#include "lib/compiler.h"
#include "lib/errname.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "sched/task.h"
#include "vfs/fcntl.h"

#define STRING_MAX 32u
#define VECTOR_MAX 8

struct line {
	char buf[1024];
	u64 len;
};

static void put(struct line *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(struct line *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (l->len < sizeof(l->buf) - 1)
		l->len += (u64)vscnprintf(l->buf + l->len, sizeof(l->buf) - l->len, fmt, ap);
	va_end(ap);
}

/* Bytes of current's memory that are present right now; nothing is faulted in (R1). */
static u64 peek(u64 va, void *buf, u64 len)
{
	struct machine *m = this_machine();
	u64 done = 0;

	while (current->mm && done < len && va + done < TASK_SIZE) {
		u64 at = va + done, table = current->mm->pgd_pa, entry = 0, n;
		int shift = 39;

		for (; shift >= 12; shift -= 9) {
			entry = *(u64 *)phys_to_host(m, table + ((at >> shift) & 511) * 8);
			if (!(entry & PTE_P))
				return done;
			if (shift > 12 && (entry & PTE_PS))
				break;
			table = entry & PTE_ADDR;
		}
		if (shift < 12)
			shift = 12;
		n = PAGE_SIZE - (at & ~PAGE_MASK);
		if (n > len - done)
			n = len - done;
		memcpy((u8 *)buf + done,
		       phys_to_host(m, (entry & PTE_ADDR & ~((1ull << shift) - 1)) +
					       (at & ((1ull << shift) - 1))),
		       n);
		done += n;
	}
	return done;
}

static void put_bytes(struct line *l, const u8 *p, u64 n, bool cut)
{
	put(l, "\"");
	for (u64 i = 0; i < n; i++) {
		switch (p[i]) {
		case '\n':
			put(l, "\\n");
			break;
		case '\t':
			put(l, "\\t");
			break;
		case '\r':
			put(l, "\\r");
			break;
		case '"':
		case '\\':
			put(l, "\\%c", p[i]);
			break;
		default:
			put(l, p[i] >= 32 && p[i] < 127 ? "%c" : "\\%o", p[i]);
		}
	}
	put(l, cut ? "\"..." : "\"");
}

static void put_string(struct line *l, u64 va)
{
	u8 buf[STRING_MAX + 1];
	u64 n = peek(va, buf, sizeof(buf)), len = strnlen((char *)buf, n);

	if (!va)
		put(l, "NULL");
	else if (!n)
		put(l, "%#llx", (unsigned long long)va);
	else
		put_bytes(l, buf, len > STRING_MAX ? STRING_MAX : len, len > STRING_MAX);
}

static void put_buffer(struct line *l, u64 va, u64 len)
{
	u8 buf[STRING_MAX];
	u64 want = len > STRING_MAX ? STRING_MAX : len, n = peek(va, buf, want);

	if (n < want || !va)
		put(l, "%#llx", (unsigned long long)va);
	else
		put_bytes(l, buf, n, len > STRING_MAX);
}

static void put_vector(struct line *l, u64 va)
{
	put(l, "[");
	for (int i = 0; va && i <= VECTOR_MAX; i++) {
		u64 str;

		if (peek(va + (u64)i * 8, &str, 8) != 8 || !str)
			break;
		put(l, i ? ", " : "");
		if (i == VECTOR_MAX) {
			put(l, "...");
			break;
		}
		put_string(l, str);
	}
	put(l, "]");
}

static void put_arg(struct line *l, char kind, const u64 *arg, long ret)
{
	switch (kind) {
	case 'F':
		if ((int)arg[0] == AT_FDCWD) {
			put(l, "AT_FDCWD");
			break;
		}
		fallthrough;
	case 'f':
	case 'd':
	case 'S':
		put(l, "%d", (int)arg[0]);
		break;
	case 'u':
		put(l, "%llu", (unsigned long long)arg[0]);
		break;
	case 'o':
		put(l, "%#llo", (unsigned long long)(u32)arg[0]);
		break;
	case 's':
		put_string(l, arg[0]);
		break;
	case 'v':
		put_vector(l, arg[0]);
		break;
	case 'b':
		put_buffer(l, arg[0], arg[1]);
		break;
	case 'r':
		put_buffer(l, arg[0], ret > 0 ? (u64)ret : 0);
		break;
	case 'p':
		if (!arg[0]) {
			put(l, "NULL");
			break;
		}
		fallthrough;
	default:
		put(l, "%#llx", (unsigned long long)arg[0]);
	}
}

static const char *restart_name(long err)
{
	switch (err) {
	case ERESTARTSYS:
		return "ERESTARTSYS";
	case ERESTARTNOINTR:
		return "ERESTARTNOINTR";
	case ERESTARTNOHAND:
		return "ERESTARTNOHAND";
	case ERESTART_RESTARTBLOCK:
		return "ERESTART_RESTARTBLOCK";
	default:
		return errno_name((int)err);
	}
}

static void emit(struct line *l)
{
	struct kernel_root *top = kern()->top;

	top->strace(top->strace_arg, (u32)current->pid, l->buf);
}

/* Calls whose arguments are gone, or that do not return, are shown when they begin. */
static bool shown_at_entry(u64 nr)
{
	return nr == 59 || nr == 60 || nr == 231; /* execve, exit, exit_group */
}

static void put_call(struct line *l, const struct pt_regs *regs, u64 nr, long ret)
{
	const struct syscall_entry *e = syscall_lookup(nr);
	u64 args[7] = { regs->di, regs->si, regs->dx, regs->r10, regs->r8, regs->r9, 0 };

	if (e)
		put(l, "%s(", e->name);
	else
		put(l, "syscall_%llu(", (unsigned long long)nr);
	for (int i = 0; e && e->format[i]; i++) {
		put(l, i ? ", " : "");
		put_arg(l, e->format[i], &args[i], ret);
	}
	put(l, ")");
}

void strace_enter(const struct pt_regs *regs, u64 nr)
{
	struct line l = { .len = 0 };

	if (!shown_at_entry(nr))
		return;
	put_call(&l, regs, nr, 0);
	put(&l, nr == 59 ? " <unfinished ...>" : " = ?");
	emit(&l);
}

void strace_exit(const struct pt_regs *regs, u64 nr, long ret)
{
	struct line l = { .len = 0 };

	if (shown_at_entry(nr))
		put(&l, "<... execve resumed>");
	else
		put_call(&l, regs, nr, ret);
	if (ret < 0 && ret > -4096)
		put(&l, " = -1 %s", restart_name(-ret));
	else if (nr == 9 || nr == 12 || nr == 25)
		put(&l, " = %#llx", (unsigned long long)ret);
	else
		put(&l, " = %ld", ret);
	emit(&l);
}

void strace_line(const char *fmt, ...)
{
	struct line l = { .len = 0 };
	va_list ap;

	va_start(ap, fmt);
	vscnprintf(l.buf, sizeof(l.buf), fmt, ap);
	va_end(ap);
	emit(&l);
}
