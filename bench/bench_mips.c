/* SPDX-License-Identifier: MIT */
/*
 * Guest instructions a second, on loops compiled by gcc -O2 (mips_guest.c): the same bytes run
 * natively, on the simulated CPU with its TLB and costs, and under qemu-user when that is
 * installed.
 *
 *	bench_mips [milliseconds for each figure, default 200]
 *
 * Native time says what the loop costs on this host; "MIPS" is the simulated run's instruction
 * count over each one's CPU time. Results are compared: a run that computes something else is an
 * error.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#undef PF_W /* ours is the page fault's */
#include "hw/cpu.h"
#include "hw/fp/fp.h"
#include "hw/machine.h"
#include "mips_blob.h"

#define BASE 0x400000ull
#define IMAGE_BYTES 0x8000u /* code page, 24 KiB of data, one page to spare */
#define STACK 0x800000ull

static const char *const names[] = { "plain", "sort", "hash", "parse" };

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void set_parameters(u8 *image, u64 which, u64 rounds)
{
	memset(image, 0, IMAGE_BYTES);
	memcpy(image, mips_blob, sizeof(mips_blob));
	memcpy(image + 8, &which, 8);
	memcpy(image + 16, &rounds, 8);
}

static double run_native(u8 *image, u64 which, u64 rounds, u64 *result)
{
	u64 (*run)(u64, u64);
	double start;
	u64 entry;

	set_parameters(image, which, rounds);
	memcpy(&entry, image + 24, 8);
	run = (u64(*)(u64, u64))(uintptr_t)(image + entry);
	start = seconds();
	*result = run(which, rounds);
	return seconds() - start;
}

static void map(struct machine *m, u64 cr3, u64 *next, u64 va, u64 pa, u64 flags)
{
	u64 table = cr3;
	int level;

	for (level = 3; level > 0; level--) {
		u64 *e = (u64 *)phys_to_host(m, table) + (va >> (12 + 9 * level) & 511);

		if (!*e) {
			*e = *next | PTE_P | PTE_W | PTE_U;
			*next += PAGE_SIZE;
		}
		table = *e & PTE_ADDR;
	}
	((u64 *)phys_to_host(m, table))[va >> 12 & 511] = pa | flags | PTE_P | PTE_U;
}

/* CPU seconds; instructions and result through pointers. */
static double run_simulated(u64 which, u64 rounds, u64 *result, u64 *insns)
{
	struct machine_config cfg = {
		.nr_cpus = 1, .ram_bytes = 32 << 20, .seed = 1, .costs = cost_profile("zen4")
	};
	u64 next = 0x101000, at;
	struct machine *m;
	struct cpu *cpu;
	double start;

	if (machine_create(&cfg, &m) != 0) {
		fprintf(stderr, "bench_mips: cannot create a machine\n");
		exit(1);
	}
	set_parameters(phys_to_host(m, 0x200000), which, rounds);
	for (at = 0; at < IMAGE_BYTES; at += PAGE_SIZE)
		map(m, 0x100000, &next, BASE + at, 0x200000 + at, at ? PTE_W : 0);
	for (at = 0; at < 4 * PAGE_SIZE; at += PAGE_SIZE)
		map(m, 0x100000, &next, STACK - 4 * PAGE_SIZE + at, 0x300000 + at, PTE_W);
	cpu = m->cpu[0];
	cpu_long_mode(cpu, 0x100000, STACK - 64, BASE);
	cpu_set_cpl(cpu, 3);
	fpu_init(cpu);
	cpu->efer &= ~EFER_SCE; /* SYSCALL, the end, is #UD */
	cpu->horizon = ~0ull;
	start = seconds();
	exec_run(cpu);
	start = seconds() - start;
	if (cpu->fault.vector != VEC_UD || cpu->r[RAX] != 60) {
		fprintf(stderr, "bench_mips: %s stopped with vector %u at %#llx (%s)\n",
			names[which], cpu->fault.vector, (unsigned long long)cpu->rip,
			cpu->ud_mnemonic);
		exit(1);
	}
	*result = cpu->r[RDI];
	*insns = cpu->icount;
	machine_destroy(m);
	return start;
}

/* The blob as an ELF program. */
static int write_elf(const char *path, const u8 *image)
{
	Elf64_Ehdr eh = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			  .e_type = ET_EXEC,
			  .e_machine = EM_X86_64,
			  .e_version = EV_CURRENT,
			  .e_entry = BASE,
			  .e_phoff = sizeof(Elf64_Ehdr),
			  .e_ehsize = sizeof(Elf64_Ehdr),
			  .e_phentsize = sizeof(Elf64_Phdr),
			  .e_phnum = 1 };
	Elf64_Phdr ph = { .p_type = PT_LOAD,
			  .p_flags = 7 /* read, write, execute */,
			  .p_offset = PAGE_SIZE,
			  .p_vaddr = BASE,
			  .p_paddr = BASE,
			  .p_filesz = IMAGE_BYTES,
			  .p_memsz = IMAGE_BYTES,
			  .p_align = PAGE_SIZE };
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0700);
	bool ok = fd >= 0 && fchmod(fd, 0700) == 0 &&
		  pwrite(fd, &eh, sizeof(eh), 0) == sizeof(eh) &&
		  pwrite(fd, &ph, sizeof(ph), sizeof(eh)) == sizeof(ph) &&
		  pwrite(fd, image, IMAGE_BYTES, PAGE_SIZE) == IMAGE_BYTES;

	if (fd >= 0)
		close(fd);
	return ok ? 0 : -1;
}

/* CPU seconds under qemu-x86_64, 0 when there is none. The exit status is the result's low byte. */
static double run_qemu(u8 *image, u64 which, u64 rounds, u64 result)
{
	char path[] = "/tmp/bench_mips.XXXXXX";
	struct rusage ru;
	int fd = mkstemp(path), status;
	pid_t pid;

	if (fd < 0)
		return 0;
	close(fd);
	set_parameters(image, which, rounds);
	if (write_elf(path, image) != 0) {
		unlink(path);
		return 0;
	}
	pid = fork();
	if (pid == 0) {
		execlp("qemu-x86_64", "qemu-x86_64", path, (char *)NULL);
		_exit(127);
	}
	if (wait4(pid, &status, 0, &ru) < 0)
		status = 127 << 8;
	unlink(path);
	if (WEXITSTATUS(status) == 127 && (result & 0xff) != 127)
		return 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != (int)(result & 0xff)) {
		fprintf(stderr, "bench_mips: qemu computed something else\n");
		return 0;
	}
	return (double)ru.ru_utime.tv_sec + (double)ru.ru_utime.tv_usec * 1e-6;
}

int main(int argc, char **argv)
{
	double want = argc > 1 ? atof(argv[1]) / 1000 : 0.2;
	u8 *image = mmap(NULL, IMAGE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	double total_insns = 0, total_simulated = 0;
	u64 which;

	if (image == MAP_FAILED)
		return 1;
	printf("%-6s %14s %10s %12s %10s %10s\n", "loop", "instructions", "osim MIPS",
	       "native MIPS", "slowdown", "qemu MIPS");
	for (which = 0; which < 4; which++) {
		u64 rounds = 8, insns, simulated_result, native_result;
		double simulated, native, qemu;

		do {
			rounds *= 2;
			simulated = run_simulated(which, rounds, &simulated_result, &insns);
		} while (simulated < want);
		native = run_native(image, which, rounds, &native_result);
		if (native_result != simulated_result) {
			fprintf(stderr, "bench_mips: %s computed something else than the host\n",
				names[which]);
			return 1;
		}
		qemu = run_qemu(image, which, rounds, native_result);
		printf("%-6s %14llu %10.0f %12.0f %9.1fx ", names[which], (unsigned long long)insns,
		       (double)insns / simulated / 1e6, (double)insns / native / 1e6,
		       simulated / native);
		if (qemu > 0)
			printf("%10.0f\n", (double)insns / qemu / 1e6);
		else
			printf("%10s\n", "-");
		total_insns += (double)insns;
		total_simulated += simulated;
	}
	printf("%-6s %14.0f %10.0f\n", "all", total_insns, total_insns / total_simulated / 1e6);
	return 0;
}
