/* SPDX-License-Identifier: MIT */
/*
 * The ELF loader: segments of a 64-bit x86 executable into a fresh address space, and the first
 * stack.
 *
 * Called by exec.c with the first 256 bytes read and the strings gathered; calls do_mmap for each
 * segment. It must not know where the file or the strings came from, and trusts no number in the
 * file.
 *
 * busybox-static (ET_EXEC) from file to memory:
 *
 *	PT_LOAD off 0x000000 va 0x400000 filesz 0x0004f8 R      -> 0x400000-0x401000 r--p
 *	PT_LOAD off 0x001000 va 0x401000 filesz 0x1713b1 R E    -> 0x401000-0x573000 r-xp
 *	PT_LOAD off 0x173000 va 0x573000 filesz 0x04c0d0 R      -> 0x573000-0x5c0000 r--p
 *	PT_LOAD off 0x1bf8f8 va 0x5c08f8 filesz 0x007f68        -> 0x5c0000-0x5c9000 rw-p, its last page zeroed past the file's bytes
 *	                                 memsz  0x00ebb0        -> 0x5c9000-0x5d0000 rw-p anonymous (bss)
 *	brk starts at the page after the highest memsz byte.
 *
 * and the stack at its first instruction, growing upward:
 *
 *	RSP -> argc | argv[0..argc-1] | 0 | envp[..] | 0 | auxv pairs, AT_NULL | padding | random bytes, platform | strings
 *
 *	E1 every offset and size is checked against overflow and TASK_SIZE before it is used;
 *	   nothing is mapped over what was mapped.
 *	E2 RSP is a multiple of 16 at the first instruction.
 *	E3 a position-independent program is loaded at 0x555555554000 (plus a seeded offset when
 *	   randomised), its interpreter in the mmap region.
 *
 * Units:   bytes.
 * Owner:   VMAs hold the file.
 * Locking: mmap_lock inside do_mmap.
 * Errors:  -ENOEXEC for what is no program of this machine, before the point of no return.
 * Time:    mapping and copying charge.
 * Source:  System V ABI AMD64 3.4.1 (initial stack), ELF-64 object file format; auxiliary vector
 * entries as getauxval(3) lists them.
 */

#include "hw/cpu.h"
#include "kernel/exec/exec.h"
#include "kernel/irq/ptrace.h"
#include "kernel/percpu/layout.h"
#include "kernel/percpu/percpu.h"
#include "kernel/signal/signal.h"
#include "lib/compiler.h"
#include "lib/err.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc/slab.h"
#include "mm/mm.h"
#include "mm/mman.h"
#include "mm/uaccess.h"
#include "sched/task.h"
#include "vfs/cred.h"
#include "vfs/devices.h"
#include "vfs/file.h"
#include "vfs/namei.h"
#include "hw/fp/fp.h"

struct elf64_hdr {
	u8 ident[16];
	u16 type, machine;
	u32 version;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
_Static_assert(sizeof(struct elf64_hdr) == 64, "ELF header");

struct elf64_phdr {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};
_Static_assert(sizeof(struct elf64_phdr) == 56, "ELF program header");

#define ET_EXEC 2
#define ET_DYN 3
#define EM_X86_64 62
#define PT_LOAD 1
#define PT_INTERP 3
#define PT_GNU_STACK 0x6474e551u
#define PF_X 1
#define PF_W_ 2
#define PF_R 4
#define MAX_PHDRS_BYTES 65536u
#define ELF_ET_DYN_BASE (TASK_SIZE / 3 * 2 & PAGE_MASK)

#define AT_NULL 0
#define AT_PHDR 3
#define AT_PHENT 4
#define AT_PHNUM 5
#define AT_PAGESZ 6
#define AT_BASE 7
#define AT_FLAGS 8
#define AT_ENTRY 9
#define AT_UID 11
#define AT_EUID 12
#define AT_GID 13
#define AT_EGID 14
#define AT_PLATFORM 15
#define AT_HWCAP 16
#define AT_CLKTCK 17
#define AT_SECURE 23
#define AT_RANDOM 25
#define AT_HWCAP2 26
#define AT_EXECFN 31
#define AT_MINSIGSTKSZ 51

/* One ELF object of the two (program, interpreter). */
struct elf_image {
	struct file *file;
	struct elf64_hdr hdr;
	struct elf64_phdr *ph;
	u64 bias;      /* loaded address minus link address */
	u64 load_addr; /* address of file offset 0's segment */
	u64 phdr_addr; /* of the program headers in memory, 0: not loaded */
	u64 end_bss, start_code, end_code, start_data, end_data;
};

static bool header_ok(const struct elf64_hdr *h)
{
	static const u8 magic[4] = { 0x7f, 'E', 'L', 'F' };

	return !memcmp(h->ident, magic, 4) && h->ident[4] == 2 && h->ident[5] == 1 &&
	       h->machine == EM_X86_64 && (h->type == ET_EXEC || h->type == ET_DYN) &&
	       h->phentsize == sizeof(struct elf64_phdr) && h->phnum &&
	       (u32)h->phnum * sizeof(struct elf64_phdr) <= MAX_PHDRS_BYTES;
}

/* Read exactly len bytes at offset: 0, -EIO (short), -errno. */
static int read_exact(struct file *file, void *buf, u64 len, u64 offset)
{
	s64 pos = (s64)offset, n;

	if (offset > (u64)INT64_MAX - len)
		return -ENOEXEC;
	n = kernel_read(file, buf, len, &pos);
	return n < 0 ? (int)n : (u64)n == len ? 0 : -EIO;
}

/* Headers of img->file into img. The caller frees img->ph. */
static int read_headers(struct elf_image *img, const void *first, u64 first_len)
{
	u64 bytes;
	int ret;

	if (first_len < sizeof(img->hdr))
		return -ENOEXEC;
	memcpy(&img->hdr, first, sizeof(img->hdr));
	if (!header_ok(&img->hdr))
		return -ENOEXEC;
	bytes = (u64)img->hdr.phnum * sizeof(struct elf64_phdr);
	img->ph = kmalloc(bytes, GFP_KERNEL);
	if (!img->ph)
		return -ENOMEM;
	ret = read_exact(img->file, img->ph, bytes, img->hdr.phoff);
	if (ret == -EIO)
		ret = -ENOEXEC;
	return ret;
}

/* The span of all PT_LOADs in link addresses; checks each (E1). */
static int image_span(const struct elf_image *img, u64 *lo, u64 *hi)
{
	u64 last = 0;

	*lo = UINT64_MAX;
	*hi = 0;
	for (int i = 0; i < img->hdr.phnum; i++) {
		const struct elf64_phdr *p = &img->ph[i];

		if (p->type != PT_LOAD)
			continue;
		if (p->filesz > p->memsz || p->memsz > TASK_SIZE ||
		    p->vaddr > TASK_SIZE - p->memsz ||
		    (p->vaddr & ~PAGE_MASK) != (p->offset & ~PAGE_MASK) ||
		    p->offset > (u64)INT64_MAX - p->filesz || p->vaddr < last)
			return -ENOEXEC;
		last = p->vaddr;
		*lo = min(*lo, p->vaddr & PAGE_MASK);
		*hi = max(*hi, p->vaddr + p->memsz);
	}
	return *lo < *hi ? 0 : -ENOEXEC;
}

static u64 prot_of(u32 flags)
{
	return (flags & PF_R ? PROT_READ : 0) | (flags & PF_W_ ? PROT_WRITE : 0) |
	       (flags & PF_X ? PROT_EXEC : 0);
}

/*
 * Zero from the end of the file's bytes to the page's end; the mapping was private, so this copies
 * the page.
 */
static int pad_page(u64 from, u32 flags)
{
	u64 n = -from & ~PAGE_MASK;

	if (!n || !(flags & PF_W_))
		return 0;
	return clear_user(from, n) ? -EFAULT : 0;
}

static int map_segment(struct elf_image *img, const struct elf64_phdr *p)
{
	u64 start = (img->bias + p->vaddr) & PAGE_MASK, skew = p->vaddr & ~PAGE_MASK;
	u64 file_end = img->bias + p->vaddr + p->filesz, mem_end = img->bias + p->vaddr + p->memsz;
	s64 at;

	if (p->filesz) {
		at = vm_mmap(img->file, start, ALIGN_UP(p->filesz + skew, PAGE_SIZE),
			     prot_of(p->flags), MAP_PRIVATE | MAP_FIXED_NOREPLACE,
			     p->offset - skew);
		if (at < 0)
			return (int)at;
		if (p->memsz > p->filesz && pad_page(file_end, p->flags))
			return -EFAULT;
	}
	start = p->filesz ? ALIGN_UP(file_end, PAGE_SIZE) : start;
	if (ALIGN_UP(mem_end, PAGE_SIZE) > start) {
		at = vm_mmap(NULL, start, ALIGN_UP(mem_end, PAGE_SIZE) - start, prot_of(p->flags),
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, 0);
		if (at < 0)
			return (int)at;
	}
	if (p->offset <= img->hdr.phoff && img->hdr.phoff < p->offset + p->filesz)
		img->phdr_addr = img->bias + img->hdr.phoff - p->offset + p->vaddr;
	if (!img->load_addr)
		img->load_addr = img->bias + p->vaddr - p->offset;
	img->end_bss = max(img->end_bss, mem_end);
	if (p->flags & PF_X) {
		img->start_code = img->start_code ? min(img->start_code, img->bias + p->vaddr) :
						    img->bias + p->vaddr;
		img->end_code = max(img->end_code, file_end);
	}
	img->start_data = max(img->start_data, img->bias + p->vaddr);
	img->end_data = max(img->end_data, file_end);
	return 0;
}

/* Choose the bias and map every PT_LOAD. */
static int map_image(struct elf_image *img, bool is_interp)
{
	u64 lo, hi;
	int ret = image_span(img, &lo, &hi);

	if (ret)
		return ret;
	if (img->hdr.type == ET_DYN) {
		u64 base = ELF_ET_DYN_BASE + mm_random_offset(1ull << 40);

		if (is_interp) {
			s64 at;

			mmap_write_lock(current->mm);
			at = get_unmapped_area(current->mm, 0, ALIGN_UP(hi - lo, PAGE_SIZE), 0);
			mmap_write_unlock(current->mm);
			if (at < 0)
				return (int)at;
			base = (u64)at;
		}
		img->bias = base - lo;
	}
	for (int i = 0; i < img->hdr.phnum; i++) {
		if (img->ph[i].type != PT_LOAD)
			continue;
		ret = map_segment(img, &img->ph[i]);
		if (ret)
			return ret;
	}
	return 0;
}

/* Open PT_INTERP's program, if there is one: 0 with interp->file set or NULL. */
static int open_interp(const struct elf_image *img, struct elf_image *interp)
{
	for (int i = 0; i < img->hdr.phnum; i++) {
		const struct elf64_phdr *p = &img->ph[i];
		char path[256];
		u8 first[64];
		int ret;

		if (p->type != PT_INTERP)
			continue;
		if (p->filesz < 2 || p->filesz > sizeof(path))
			return -ENOEXEC;
		ret = read_exact(img->file, path, p->filesz, p->offset);
		if (ret)
			return ret == -EIO ? -ENOEXEC : ret;
		if (path[p->filesz - 1])
			return -ENOEXEC;
		interp->file = open_exec(path);
		if (IS_ERR(interp->file)) {
			ret = (int)PTR_ERR(interp->file);
			interp->file = NULL;
			return ret;
		}
		ret = read_exact(interp->file, first, sizeof(first), 0);
		return ret ? -ENOEXEC : read_headers(interp, first, sizeof(first));
	}
	return 0;
}

static void close_image(struct elf_image *img, bool close_file)
{
	kfree(img->ph);
	if (close_file && img->file) {
		allow_write_access(img->file->f_inode);
		fput(img->file);
	}
}

/*
 * Everything below the strings: pointers, auxv, alignment. *sp goes in as the lowest string byte,
 * out as RSP.
 */
static int create_tables(struct linux_binprm *bprm, const struct elf_image *img,
			 const struct elf_image *interp, u64 *psp)
{
	static const char platform[] = "x86_64";
	const struct cred *cred = current_cred();
	struct mm_struct *mm = current->mm;
	u64 strings = *psp, sp = *psp, random_at, platform_at, *tab, n = 0, words, arg;
	u32 cpuid[4];
	u8 random[16];
	int ret = -EFAULT;

	get_random_bytes(random, sizeof(random));
	sp = ALIGN_DOWN(sp, 16) - 16;
	platform_at = sp;
	sp -= 16;
	random_at = sp;
	if (copy_to_user(platform_at, platform, sizeof(platform)) ||
	    copy_to_user(random_at, random, sizeof(random)))
		return -EFAULT;
	words = 1 + (u64)bprm->argc + 1 + (u64)bprm->envc + 1 + 2 * 20;
	tab = kcalloc(words, 8, GFP_KERNEL);
	if (!tab)
		return -ENOMEM;
	cpu_cpuid(this_cpu(), 1, 0, cpuid);

	tab[n++] = (u64)bprm->argc;
	arg = strings;
	mm->arg_start = arg;
	for (int i = 0; i < bprm->argc + bprm->envc; i++) {
		s64 len;

		if (i == bprm->argc) {
			tab[n++] = 0;
			mm->arg_end = mm->env_start = arg;
		}
		len = strnlen_user(arg, MAX_ARG_STRLEN);
		if (!len || len > (s64)MAX_ARG_STRLEN)
			goto out;
		tab[n++] = arg;
		arg += (u64)len;
	}
	if (!bprm->envc) {
		tab[n++] = 0;
		mm->arg_end = mm->env_start = arg;
	}
	tab[n++] = 0;
	mm->env_end = arg;
	{
		const u64 auxv[][2] = {
			{ AT_MINSIGSTKSZ, 2048 },
			{ AT_HWCAP, cpuid[3] },
			{ AT_PAGESZ, PAGE_SIZE },
			{ AT_CLKTCK, 100 },
			{ AT_PHDR, img->phdr_addr },
			{ AT_PHENT, sizeof(struct elf64_phdr) },
			{ AT_PHNUM, img->hdr.phnum },
			{ AT_BASE, interp->file ? interp->load_addr : 0 },
			{ AT_FLAGS, 0 },
			{ AT_ENTRY, img->bias + img->hdr.entry },
			{ AT_UID, cred->uid },
			{ AT_EUID, cred->euid },
			{ AT_GID, cred->gid },
			{ AT_EGID, cred->egid },
			{ AT_SECURE, cred->uid != cred->euid || cred->gid != cred->egid },
			{ AT_RANDOM, random_at },
			{ AT_HWCAP2, 0 },
			{ AT_EXECFN, strings - bprm->p + bprm->exec_off },
			{ AT_PLATFORM, platform_at },
			{ AT_NULL, 0 },
		};
		_Static_assert(sizeof(auxv) == 20 * 16, "room reserved in words");

		memcpy(&tab[n], auxv, sizeof(auxv));
		memcpy(mm->saved_auxv, auxv, min(sizeof(auxv), sizeof(mm->saved_auxv)));
		n += 2 * 20;
	}
	sp = ALIGN_DOWN(sp - n * 8, 16);
	if (copy_to_user(sp, tab, n * 8))
		goto out;
	mm->start_stack = sp;
	*psp = sp;
	ret = 0;
out:
	kfree(tab);
	return ret;
}

static void start_thread(struct pt_regs *regs, u64 ip, u64 sp)
{
	struct fault f;
	struct cpu *cpu;

	memset(regs, 0, sizeof(*regs));
	regs->ip = ip;
	regs->sp = sp;
	regs->cs = USER_CS;
	regs->ss = USER_DS;
	regs->flags = FLAG_IF | FLAG_FIXED;
	regs->orig_ax = (u64)-1;
	fpu_clear_user_state();
	preempt_disable();
	cpu = this_cpu();
	BUG_ON(!cpu_write_msr(cpu, MSR_FS_BASE, 0, &f));
	BUG_ON(!cpu_write_msr(cpu, MSR_KERNEL_GS_BASE, 0, &f));
	current->thread.fsbase = current->thread.gsbase = 0;
	preempt_enable();
}

static u64 stack_flags_of(const struct elf_image *img)
{
	for (int i = 0; i < img->hdr.phnum; i++) {
		if (img->ph[i].type == PT_GNU_STACK)
			return img->ph[i].flags & PF_X ? VM_EXEC : 0;
	}
	return VM_EXEC; /* an old program without the note expects an executable stack */
}

int load_elf_binary(struct linux_binprm *bprm, struct pt_regs *regs, bool *committed)
{
	struct elf_image img = { .file = bprm->file }, interp = { 0 };
	struct mm_struct *mm;
	u64 lo, hi, sp, entry;
	int ret = read_headers(&img, bprm->buf, sizeof(bprm->buf));

	if (!ret)
		ret = image_span(&img, &lo, &hi);
	if (!ret)
		ret = open_interp(&img, &interp);
	if (!ret && interp.file)
		ret = image_span(&interp, &lo, &hi);
	if (!ret)
		ret = begin_new_exec(bprm);
	if (ret)
		goto out;
	*committed = true;
	ret = setup_arg_pages(bprm, stack_flags_of(&img), &sp);
	if (!ret)
		ret = map_image(&img, false);
	if (!ret && interp.file)
		ret = map_image(&interp, true);
	if (ret)
		goto out;
	entry = interp.file ? interp.bias + interp.hdr.entry : img.bias + img.hdr.entry;
	ret = -ENOEXEC;
	if (entry >= TASK_SIZE)
		goto out;
	mm = current->mm;
	mm->start_code = img.start_code;
	mm->end_code = img.end_code;
	mm->start_data = img.start_data;
	mm->end_data = img.end_data;
	mm->start_brk = mm->brk = ALIGN_UP(img.end_bss, PAGE_SIZE) + mm_random_offset(32ull << 20);
	ret = create_tables(bprm, &img, &interp, &sp);
	if (!ret)
		start_thread(regs, entry, sp);
out:
	close_image(&img, false);
	close_image(&interp, true);
	return ret;
}
