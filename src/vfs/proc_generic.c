/* SPDX-License-Identifier: MIT */
/*
 * The files directly below /proc: what the machine as a whole is and does.
 *
 * Registered at boot (proc_generic_init), called when somebody reads one. Calls the figures of the
 * floors below.
 *
 *	$ head -3 /proc/meminfo			zones' managed pages; free ones, per-CPU lists and the untouched frontier
 *	MemTotal:         520192 kB		included; free plus what caches would give back
 *	MemFree:          516532 kB
 *	MemAvailable:     515100 kB
 *
 * Y1  A figure is the counter the owning floor keeps, at the moment of the read; nothing is
 *     estimated here but the split of a CPU's busy time into user and system, which is kept per
 *     task: each CPU's time is divided in the ratio of the whole machine's.
 * Y2  Rows and their order are Linux 6.1's; rows of mechanisms this kernel does not have are left
 *     out, except swap, whose size is truly 0.
 *
 * Units: kB are 1,024 bytes; times in /proc/stat are 1/100 s. Owner: none. Locking: the figures'.
 * Errors: none. Time: none of its own. Source: proc(5), Linux
 * fs/proc/{meminfo,stat,cpuinfo,loadavg,uptime}.c (formats).
 */
#include "hw/cpu.h"
#include "kernel/percpu/percpu.h"
#include "kernel/time/ktime.h"
#include "lib/string.h"
#include "mm/alloc/alloc.h"
#include "mm/alloc/mmzone.h"
#include "mm/alloc/slab.h"
#include "mm/mm.h"
#include "sched/fork.h"
#include "sched/sched.h"
#include "sched/stats.h"
#include "vfs/devices.h"
#include "vfs/procfs.h"
#include "vfs/version.h"
#include "vfs/vfs.h"

#define USER_HZ 100u
#define NSEC_PER_USER_TICK (NSEC_PER_SEC / USER_HZ)

static void row(struct seq_buf *m, const char *name, u64 kb)
{
	int n = (int)strlen(name) + 1;

	seq_printf(m, "%s:%*llu kB\n", name, 24 - n, (unsigned long long)kb);
}

static u64 pages_kb(u64 pages)
{
	return pages * (PAGE_SIZE / 1024);
}

static u64 state_kb(enum node_stat_item item)
{
	return pages_kb(global_node_page_state(item));
}

static int show_meminfo(struct seq_buf *m, void *data)
{
	u64 active_anon = state_kb(NR_ACTIVE_ANON), inactive_anon = state_kb(NR_INACTIVE_ANON);
	u64 active_file = state_kb(NR_ACTIVE_FILE), inactive_file = state_kb(NR_INACTIVE_FILE);
	struct sysinfo_mem si;
	struct mm_totals t;

	(void)data;
	si_meminfo(&si);
	mm_get_totals(kern(), &t);
	row(m, "MemTotal", pages_kb(si.totalram));
	row(m, "MemFree", pages_kb(si.freeram));
	row(m, "MemAvailable", pages_kb(si.available));
	row(m, "Buffers", 0);
	row(m, "Cached", pages_kb(vfs()->nr_file_pages + t.shmem_pages));
	row(m, "SwapCached", 0);
	row(m, "Active", active_anon + active_file);
	row(m, "Inactive", inactive_anon + inactive_file);
	row(m, "Active(anon)", active_anon);
	row(m, "Inactive(anon)", inactive_anon);
	row(m, "Active(file)", active_file);
	row(m, "Inactive(file)", inactive_file);
	row(m, "Unevictable", state_kb(NR_UNEVICTABLE));
	row(m, "Mlocked", state_kb(NR_MLOCK));
	row(m, "SwapTotal", 0);
	row(m, "SwapFree", 0);
	row(m, "Dirty", state_kb(NR_FILE_DIRTY));
	row(m, "Writeback", state_kb(NR_WRITEBACK));
	row(m, "AnonPages", pages_kb(t.anon_pages));
	row(m, "Mapped", pages_kb(t.file_mapped_pages));
	row(m, "Shmem", pages_kb(t.shmem_pages));
	row(m, "KReclaimable", pages_kb(si.slab_reclaimable));
	row(m, "Slab", pages_kb(si.slab_reclaimable + si.slab_unreclaimable));
	row(m, "SReclaimable", pages_kb(si.slab_reclaimable));
	row(m, "SUnreclaim", pages_kb(si.slab_unreclaimable));
	row(m, "KernelStack", global_node_page_state(NR_KERNEL_STACK_KB));
	row(m, "PageTables", pages_kb(t.pgtable_pages));
	row(m, "CommitLimit", pages_kb(si.totalram / 2));
	row(m, "Committed_AS", pages_kb(t.committed_pages));
	return 0;
}

static int show_version(struct seq_buf *m, void *data)
{
	(void)data;
	seq_printf(m, "%s version %s (%s) %s\n", UTS_SYSNAME, UTS_RELEASE, UTS_NODENAME,
		   UTS_VERSION);
	return 0;
}

static int show_filesystems_entry(struct seq_buf *m, void *data)
{
	(void)data;
	show_filesystems(m);
	return 0;
}

static int show_devices_entry(struct seq_buf *m, void *data)
{
	(void)data;
	show_devices(m);
	return 0;
}

static int show_uptime(struct seq_buf *m, void *data)
{
	u64 up = ktime_get() / 10000000, idle = 0;

	(void)data;
	for (u32 cpu = 0; cpu < nr_cpu_ids(); cpu++)
		idle += cpu_idle_ns(kern(), cpu);
	idle /= 10000000;
	seq_printf(m, "%llu.%02llu %llu.%02llu\n", (unsigned long long)(up / 100),
		   (unsigned long long)(up % 100), (unsigned long long)(idle / 100),
		   (unsigned long long)(idle % 100));
	return 0;
}

static int show_loadavg(struct seq_buf *m, void *data)
{
	u64 loads[3];

	(void)data;
	get_avenrun(kern(), loads);
	for (u32 i = 0; i < 3; i++) {
		u64 l = loads[i] + 2048 / 200; /* rounded to 1/100 */

		seq_printf(m, "%llu.%02llu ", (unsigned long long)(l >> 11),
			   (unsigned long long)((l & 2047) * 100 >> 11));
	}
	seq_printf(m, "%u/%u %d\n", nr_running(kern()), nr_processes(kern()), last_pid(kern()));
	return 0;
}

struct user_system {
	u64 utime, stime;
};

static void add_times(void *arg, const struct task_stats *s)
{
	struct user_system *sum = arg;

	sum->utime += s->utime_ns;
	sum->stime += s->stime_ns;
}

static void show_cpu(struct seq_buf *m, const char *name, u64 user_ns, u64 system_ns, u64 idle_ns)
{
	seq_printf(m, "%s %llu 0 %llu %llu 0 0 0 0 0 0\n", name,
		   (unsigned long long)(user_ns / NSEC_PER_USER_TICK),
		   (unsigned long long)(system_ns / NSEC_PER_USER_TICK),
		   (unsigned long long)(idle_ns / NSEC_PER_USER_TICK));
}

static int show_stat(struct seq_buf *m, void *data)
{
	struct kernel *k = kern();
	struct user_system sum = { 0 };
	u64 busy = 0, idle = 0, total, irqs = 0, user;
	struct cpu_stats cs;

	(void)data;
	sched_stats_for_each(k, add_times, &sum);
	total = max(sum.utime + sum.stime, (u64)1);
	for (u32 cpu = 0; cpu < nr_cpu_ids(); cpu++) {
		sched_cpu_stats(k, cpu, &cs);
		busy += cs.exec_ns;
		idle += cs.idle_ns;
		for (u32 v = 0; v < 256; v++)
			irqs += percpu_of(k, cpu)->irq_count[v];
	}
	user = (u64)((u128)busy * sum.utime / total); /* Y1 */
	show_cpu(m, "cpu ", user, busy - user, idle);
	for (u32 cpu = 0; cpu < nr_cpu_ids(); cpu++) {
		char name[16];

		sched_cpu_stats(k, cpu, &cs);
		user = (u64)((u128)cs.exec_ns * sum.utime / total);
		snprintf(name, sizeof(name), "cpu%u", cpu);
		show_cpu(m, name, user, cs.exec_ns - user, cs.idle_ns);
	}
	seq_printf(
		m,
		"intr %llu\nctxt %llu\nbtime %llu\nprocesses %llu\nprocs_running %u\nprocs_blocked %u\n",
		(unsigned long long)irqs, (unsigned long long)nr_context_switches(k),
		(unsigned long long)k->params.epoch_s, (unsigned long long)total_forks(k),
		nr_running(k), nr_iowait(k));
	return 0;
}

/* CPUID leaf 1: EDX then ECX, Linux's names; NULL: not shown. */
static const char *const edx_names[32] = { "fpu", "vme",  "de",	  "pse",   "tsc", "msr",     "pae",
					   "mce", "cx8",  "apic", NULL,	   "sep", "mtrr",    "pge",
					   "mca", "cmov", "pat",  "pse36", "pn",  "clflush", NULL,
					   "dts", "acpi", "mmx",  "fxsr",  "sse", "sse2",    "ss",
					   "ht",  "tm",	  "ia64", "pbe" };
static const char *const ecx_names[32] = {
	"pni",	  "pclmulqdq", "dtes64", "monitor", "ds_cpl",
	"vmx",	  "smx",       "est",	 "tm2",	    "ssse3",
	"cid",	  "sdbg",      "fma",	 "cx16",    "xtpr",
	"pdcm",	  NULL,	       "pcid",	 "dca",	    "sse4_1",
	"sse4_2", "x2apic",    "movbe",	 "popcnt",  "tsc_deadline_timer",
	"aes",	  "xsave",     NULL,	 "avx",	    "f16c",
	"rdrand", "hypervisor"
};

static void show_flags(struct seq_buf *m, u32 bits, const char *const names[32])
{
	for (u32 i = 0; i < 32; i++)
		if ((bits >> i & 1) && names[i])
			seq_printf(m, " %s", names[i]);
}

static int show_cpuinfo(struct seq_buf *m, void *data)
{
	const struct cost_profile *p = this_machine()->cost;
	u32 sig = p->signature, family = sig >> 8 & 15, model = sig >> 4 & 15, leaf1[4], ext[4];

	(void)data;
	if (family == 6 || family == 15)
		model |= (sig >> 16 & 15) << 4;
	if (family == 15)
		family += sig >> 20 & 255;
	cpu_cpuid(this_cpu(), 1, 0, leaf1);
	cpu_cpuid(this_cpu(), 0x80000001, 0, ext);
	for (u32 cpu = 0; cpu < nr_cpu_ids(); cpu++) {
		seq_printf(
			m,
			"processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\nmodel name\t: %s\nstepping\t: %u\n",
			cpu, p->vendor, family, model, p->brand, sig & 15);
		seq_printf(
			m,
			"cpu MHz\t\t: %u.%03u\nfpu\t\t: yes\nfpu_exception\t: yes\nwp\t\t: yes\nflags\t\t:",
			p->tsc_khz / 1000, p->tsc_khz % 1000);
		show_flags(m, leaf1[3], edx_names);
		if (ext[3] & 1u << 11)
			seq_puts(m, " syscall");
		if (ext[3] & 1u << 20)
			seq_puts(m, " nx");
		if (ext[3] & 1u << 29)
			seq_puts(m, " lm");
		show_flags(m, leaf1[2], ecx_names);
		seq_printf(
			m,
			"\nclflush size\t: 64\ncache_alignment\t: 64\naddress sizes\t: %u bits physical, 48 bits virtual\n\n",
			p->maxphyaddr);
	}
	return 0;
}

static int show_slabinfo(struct seq_buf *m, void *data)
{
	struct slabinfo s;

	(void)data;
	seq_puts(
		m,
		"slabinfo - version: 2.1\n"
		"# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> "
		"<batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>\n");
	for (struct kmem_cache *c = kmem_cache_next(NULL); c; c = kmem_cache_next(c)) {
		get_slabinfo(c, &s);
		seq_printf(
			m,
			"%-17s %6llu %6llu %6u %4u %4u : tunables %4u %4u %4u : slabdata %6llu %6llu %6u\n",
			s.name, (unsigned long long)s.active_objs, (unsigned long long)s.num_objs,
			s.size, s.objects_per_slab, 1u << s.cache_order, 0, 0, 0,
			(unsigned long long)s.active_slabs, (unsigned long long)s.num_slabs, 0);
	}
	return 0;
}

int proc_generic_init(void)
{
	static const struct {
		const char *name;
		u32 mode;
		proc_show_fn *show;
	} entries[] = {
		{ "cpuinfo", 0444, show_cpuinfo },
		{ "devices", 0444, show_devices_entry },
		{ "filesystems", 0444, show_filesystems_entry },
		{ "loadavg", 0444, show_loadavg },
		{ "meminfo", 0444, show_meminfo },
		{ "slabinfo", 0400, show_slabinfo },
		{ "stat", 0444, show_stat },
		{ "uptime", 0444, show_uptime },
		{ "version", 0444, show_version },
	};

	for (u32 i = 0; i < ARRAY_SIZE(entries); i++)
		if (!proc_create_single_data(entries[i].name, entries[i].mode, NULL,
					     entries[i].show, NULL))
			return -ENOMEM;
	return proc_symlink("mounts", NULL, "self/mounts") ? 0 : -ENOMEM;
}
