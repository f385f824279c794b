/* SPDX-License-Identifier: MIT */
/*
 * Zones: physical memory divided by address, how empty each may get, and the figures of
 *        /proc/meminfo.
 *
 * Called at boot (alloc_early_init, memblock_alloc) and by page_alloc.c for watermarks. Calls the
 * arena for tables that are as large as the machine. Knows nothing of how free memory is kept
 * inside a zone.
 *
 * A machine of 8 GiB (frame numbers; every border is a multiple of the largest block, 2,048 frames,
 * except the ends of RAM):
 *
 *	0      256     4,096      786,432       1,048,576    2,359,296
 *	| low  |  DMA  |  DMA32   | device hole |   NORMAL   |
 *	 1 MiB  15 MiB  3,056 MiB  3 to 4 GiB    5,120 MiB
 *	reserved                   no RAM
 *
 *	lowmem 8,387,584 kB: min_free_kbytes = sqrt(16 * 8,387,584) = 11,584, split by size
 *
 * Z1  A zone's frames are [zone_start_pfn, zone_end_pfn), all RAM: the hole lies between zones,
 *     never in one.
 * Z2  Nothing here is proportional to RAM but the *reservation* of the memmap and pageblock bytes;
 *     neither is touched.
 * Z3  min <= low <= high in each zone; a zone without memory has all of them 0.
 *
 * Units:   frames, unless the name says kbytes.
 * Owner:   alloc_root, in the arena outside RAM.
 * Locking: boot is alone; watermark tests read nr_free without the lock, as Linux does (nothing
 *          runs in between).
 * Errors:  -ENOMEM when the arena has no room for the tables.
 * Time:    none charged; boot is O(CPUs).
 * Source:  Linux mm/page_alloc.c: __setup_per_zone_wmarks, setup_per_zone_lowmem_reserve,
 *          zone_batchsize, zone_highsize, __zone_watermark_ok (6.1.192); constants in
 *          Documentation/admin-guide/sysctl/vm.rst.
 */

#include "host/arena.h"
#include "hw/machine.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "mm/alloc/alloc.h"
#include "mm/alloc/root.h"

#include <string.h>

#define LOW_RESERVED_PFN 256ull /* the first 1 MiB: real-mode memory, EBDA, option ROMs on a PC */
_Static_assert(DMA_END_PFN % (1u << MAX_ORDER) == 0 && DMA32_END_PFN % (1u << MAX_ORDER) == 0,
	       "no buddy pair crosses a zone border");

/* Frames of a lower zone kept per frame of the zones above it: 1/256, 1/256, 1/32. */
static const u32 lowmem_reserve_ratio[MAX_NR_ZONES] = { 256, 256, 32 };

/* --- who owns which frame --- */

struct pglist_data *NODE_DATA(u32 nid)
{
	return nid < alloc_root()->nr_nodes ? alloc_root()->node[nid] : NULL;
}

u32 page_to_nid(const struct page *page)
{
	const struct alloc_root *r = alloc_root();
	u64 pfn = (u64)(page - r->map.page);
	u32 nid = 0;

	while (nid + 1 < r->nr_nodes && pfn >= r->node[nid]->node_end_pfn)
		nid++;
	return nid;
}

struct zone *page_zone(const struct page *page)
{
	return pfn_zone(alloc_root(), page_to_pfn(page));
}

struct zone *nth_populated_zone(u32 *i)
{
	struct alloc_root *r = alloc_root();

	for (; *i < r->nr_nodes * MAX_NR_ZONES; ++*i) {
		struct zone *z = &r->node[*i / MAX_NR_ZONES]->node_zones[*i % MAX_NR_ZONES];

		if (z->zone_end_pfn > z->zone_start_pfn)
			return z;
	}
	return NULL;
}

/* --- boot --- */

static void zone_init(struct zone *z, enum zone_type idx, u32 nid, u64 start, u64 end)
{
	static const char *const names[MAX_NR_ZONES] = { "DMA", "DMA32", "Normal" };

	spin_lock_init(&z->lock);
	z->name = names[idx];
	z->node = nid;
	z->idx = idx;
	z->zone_start_pfn = start;
	z->zone_end_pfn = max(start, end);
	z->frontier_pfn = start;
	z->managed_pages = z->nr_free = z->zone_end_pfn - start;
	for (unsigned order = 0; order <= MAX_ORDER; order++)
		for (unsigned mt = 0; mt < MIGRATE_TYPES; mt++)
			INIT_LIST_HEAD(&z->free_area[order].free_list[mt]);
}

static void node_init(struct pglist_data *pgdat, const struct machine *m, u32 nid)
{
	u64 end = m->phys_end >> PAGE_SHIFT;
	u64 low_end = min(end, RAM_LOW_LIMIT >> PAGE_SHIFT);

	pgdat->node_id = nid;
	pgdat->node_end_pfn = end;
	zone_init(&pgdat->node_zones[ZONE_DMA], ZONE_DMA, nid, LOW_RESERVED_PFN,
		  min(low_end, DMA_END_PFN));
	zone_init(&pgdat->node_zones[ZONE_DMA32], ZONE_DMA32, nid, DMA_END_PFN, low_end);
	zone_init(&pgdat->node_zones[ZONE_NORMAL], ZONE_NORMAL, nid, RAM_HIGH_BASE >> PAGE_SHIFT,
		  end);
}

/* This node's zones from the highest down, then the other nodes' by number. */
static void build_zonelist(struct alloc_root *r, u32 nid)
{
	struct zone **zl = r->node[nid]->zonelist;

	for (u32 i = 0; i < r->nr_nodes; i++) {
		struct pglist_data *pgdat = r->node[(nid + i) % r->nr_nodes];

		for (unsigned idx = MAX_NR_ZONES; idx-- > 0;)
			if (pgdat->node_zones[idx].managed_pages)
				*zl++ = &pgdat->node_zones[idx];
	}
	*zl = NULL;
	zl = r->node[nid]->zonelist;
	r->node[nid]->nofragment = zl[0] && zl[1] && zl[0]->idx == ZONE_NORMAL &&
				   zl[1]->idx == ZONE_DMA32 && zl[0]->node == zl[1]->node;
}

int alloc_early_init(struct kernel *k)
{
	struct machine *m = k->m;
	struct alloc_root *r = arena_carve(&m->arena, sizeof(*r), 64);
	u64 max_pfn = ALIGN_UP(m->phys_end >> PAGE_SHIFT, 1ull << MAX_ORDER);

	if (!r)
		return -ENOMEM;
	r->m = m;
	r->map.ram = m->ram;
	r->map.max_pfn = m->phys_end >> PAGE_SHIFT;
	r->map.page = arena_carve(&m->arena, max_pfn * sizeof(struct page), PAGE_SIZE);
	r->pageblock = arena_carve(&m->arena, max_pfn >> PAGEBLOCK_ORDER, PAGE_SIZE);
	r->nr_nodes = 1;
	r->node[0] = arena_carve(&m->arena, sizeof(struct pglist_data), 64);
	if (!r->map.page || !r->pageblock || !r->node[0])
		return -ENOMEM;
	node_init(r->node[0], m, 0);
	build_zonelist(r, 0);
	spin_lock_init(&r->slab_lock);
	INIT_LIST_HEAD(&r->slab_caches);
	k->alloc = r;
	return 0;
}

void *memblock_alloc(struct kernel *k, u64 size_bytes)
{
	struct alloc_root *r = k->alloc;
	u64 pages = DIV_ROUND_UP(size_bytes, PAGE_SIZE);

	if (r->up || pages == 0)
		return NULL;
	for (struct zone **zl = r->node[0]->zonelist; *zl; zl++) {
		struct zone *z = *zl;
		u64 pfn = z->frontier_pfn;

		if (z->zone_end_pfn - pfn < pages)
			continue;
		for (u64 i = 0; i < pages; i++) {
			SetPageReserved(r->map.page + pfn + i);
			r->map.page[pfn + i]._refcount = 1;
		}
		z->frontier_pfn += pages;
		z->managed_pages -= pages;
		z->nr_free -= pages;
		return r->map.ram + (pfn << PAGE_SHIFT);
	}
	return NULL;
}

/* --- watermarks --- */

/* Integer square root, rounded down. */
static u64 int_sqrt(u64 x)
{
	u64 root = 0;

	for (u64 bit = 1ull << 31; bit; bit >>= 1)
		if ((root + bit) * (root + bit) <= x)
			root += bit;
	return root;
}

static u64 lowmem_pages(struct alloc_root *r)
{
	u64 pages = 0;

	for (u32 nid = 0; nid < r->nr_nodes; nid++)
		for (unsigned i = 0; i < MAX_NR_ZONES; i++)
			pages += r->node[nid]->node_zones[i].managed_pages;
	return pages;
}

static void zone_set_wmarks(struct zone *z, u64 pages_min, u64 lowmem)
{
	u64 min_wmark = pages_min * z->managed_pages / lowmem;
	u64 step = max(min_wmark / 4, z->managed_pages * 10 / 10000);

	z->watermark[WMARK_MIN] = min_wmark;
	z->watermark[WMARK_LOW] = min_wmark + step;
	z->watermark[WMARK_HIGH] = min_wmark + 2 * step;
}

static void node_set_lowmem_reserve(struct pglist_data *pgdat)
{
	for (unsigned i = 0; i < MAX_NR_ZONES; i++) {
		u64 above = 0;

		for (unsigned j = i + 1; j < MAX_NR_ZONES; j++) {
			above += pgdat->node_zones[j].managed_pages;
			if (pgdat->node_zones[i].managed_pages)
				pgdat->node_zones[i].lowmem_reserve[j] =
					above / lowmem_reserve_ratio[i];
		}
	}
}

void setup_per_zone_wmarks(struct alloc_root *r)
{
	u64 lowmem = lowmem_pages(r);
	u64 kbytes = int_sqrt(16 * (lowmem << (PAGE_SHIFT - 10)));

	r->min_free_kbytes = kbytes < 128 ? 128 : min(kbytes, (u64)262144);
	for (u32 nid = 0; nid < r->nr_nodes; nid++) {
		for (unsigned i = 0; i < MAX_NR_ZONES; i++)
			zone_set_wmarks(&r->node[nid]->node_zones[i],
					r->min_free_kbytes >> (PAGE_SHIFT - 10), lowmem);
		node_set_lowmem_reserve(r->node[nid]);
	}
}

bool zone_watermark_ok(const struct zone *z, unsigned order, u64 mark, enum zone_type highest,
		       unsigned alloc_flags)
{
	if (alloc_flags & ALLOC_HIGH) {
		mark -= mark / 2;
		if (alloc_flags & ALLOC_NON_BLOCK)
			mark -= mark / 4;
	}
	if (z->nr_free <= mark + z->lowmem_reserve[highest])
		return false;
	if (order == 0)
		return true;
	for (unsigned o = order; o <= MAX_ORDER; o++)
		if (z->free_area[o].nr_free)
			return true;
	return buddy_frontier_fits(z, order);
}

/* --- figures --- */

void mod_node_page_state(struct pglist_data *pgdat, enum node_stat_item item, s64 delta)
{
	pgdat->vm_stat[item] += delta;
	BUG_ON(pgdat->vm_stat[item] < 0);
}

u64 global_node_page_state(enum node_stat_item item)
{
	const struct alloc_root *r = alloc_root();
	s64 sum = 0;

	for (u32 nid = 0; nid < r->nr_nodes; nid++)
		sum += r->node[nid]->vm_stat[item];
	return (u64)sum;
}

/*
 * What could be had without swapping: free pages above the reserves, plus half of what reclaim
 * could take (mm/page_alloc.c).
 */
static u64 si_mem_available(const struct sysinfo_mem *si, u64 low_wmarks, u64 reserve)
{
	u64 pagecache =
		global_node_page_state(NR_ACTIVE_FILE) + global_node_page_state(NR_INACTIVE_FILE);
	u64 available = si->freeram > reserve ? si->freeram - reserve : 0;

	available += pagecache - min(pagecache / 2, low_wmarks);
	return available + si->slab_reclaimable - min(si->slab_reclaimable / 2, low_wmarks);
}

void si_meminfo(struct sysinfo_mem *si)
{
	struct alloc_root *r = alloc_root();
	u64 low_wmarks = 0, reserve = 0;
	struct zone *z;
	u32 i;

	memset(si, 0, sizeof(*si));
	for_each_populated_zone(z, i)
	{
		si->totalram += z->managed_pages;
		si->freeram += z->nr_free;
		si->untouched += z->zone_end_pfn - z->frontier_pfn;
		low_wmarks += z->watermark[WMARK_LOW];
		reserve += z->watermark[WMARK_HIGH] + z->lowmem_reserve[ZONE_NORMAL];
		for (u32 cpu = 0; z->pcp && cpu < r->m->cfg.nr_cpus; cpu++)
			si->pcp += z->pcp[cpu].count;
	}
	si->slab_reclaimable = global_node_page_state(NR_SLAB_RECLAIMABLE);
	si->slab_unreclaimable = global_node_page_state(NR_SLAB_UNRECLAIMABLE);
	si->min_free_kbytes = r->min_free_kbytes;
	si->available = si_mem_available(si, low_wmarks, reserve);
}
