/* SPDX-License-Identifier: MIT */
/*
 * Shared anonymous memory: what MAP_SHARED | MAP_ANONYMOUS maps, and fork's children share.
 *
 * do_mmap() makes an object, VMAs hold references (fork and split take more), the fault code asks
 * shm_fault() for pages. It calls the slab and buddy allocators only.
 *
 *	parent's VMA [7f..0000,7f..4000) pgoff 0 --\
 *	                                            shm_object refs 2: index 0 -> page, 2 -> page
 *	child's VMA  [7f..0000,7f..4000) pgoff 0 --/
 *
 *	H1 an index holds at most one page for the object's life: all who map it see the same frame;
 *	H2 the object holds one reference to each page, each PTE another; they go when the last VMA
 *	   goes.
 *
 * In Linux this is an unlinked tmpfs file; here it stands below the VFS, and maps shows Linux's
 * name for it.
 *
 * Units: index in pages. Owner: counted. Locking: shm->lock for the array, page allocation outside
 * it.
 * Errors: VM_FAULT_OOM with nothing changed. Time: the allocators'. Source: Linux 6.1 mm/shmem.c
 * (shmem_zero_setup).
 */
#include "lib/xarray.h"
#include "mm/alloc/mmzone.h"
#include "mm/alloc/slab.h"
#include "mm/internal.h"

struct shm_object {
	u64 refs;
	u64 nr_pages;	 /* [I] beyond is SIGBUS, as past the end of a file */
	spinlock_t lock; /* of pages; held over node allocations */
	struct xarray pages;
};

static void *shm_node_alloc(void *arg, size_t size_bytes)
{
	(void)arg;
	return kzalloc(size_bytes, GFP_ATOMIC);
}

static void shm_node_free(void *arg, void *node)
{
	(void)arg;
	kfree(node);
}

static const struct xa_ops shm_xa_ops = { shm_node_alloc, shm_node_free };

struct kmem_cache *shm_cache_create(void)
{
	return kmem_cache_create("shm_object", sizeof(struct shm_object), 0, SLAB_ACCOUNT, NULL);
}

struct shm_object *shm_alloc(u64 nr_pages)
{
	struct shm_object *shm = kmem_cache_zalloc(mm_root()->shm_cachep, GFP_KERNEL);

	if (!shm)
		return NULL;
	shm->refs = 1;
	shm->nr_pages = nr_pages;
	spin_lock_init(&shm->lock);
	xa_init(&shm->pages, &shm_xa_ops, NULL);
	return shm;
}

void shm_get(struct shm_object *shm)
{
	BUG_ON(!shm->refs);
	shm->refs++;
}

void shm_put(struct shm_object *shm)
{
	struct page *page;
	u64 index;

	BUG_ON(!shm->refs);
	if (--shm->refs)
		return;
	xa_for_each(&shm->pages, index, page) {
		mod_page_state(page, NR_SHMEM, -1);
		put_page(page);
	}
	xa_destroy(&shm->pages);
	kmem_cache_free(mm_root()->shm_cachep, shm);
}

/* The page at index, `fresh` put there when there was none. NULL: no memory for the node. */
static struct page *shm_load_or_store(struct shm_object *shm, u64 index, struct page *fresh)
{
	struct page *page;

	spin_lock(&shm->lock);
	page = xa_load(&shm->pages, index);
	if (!page && fresh && !xa_err(xa_store(&shm->pages, index, fresh)))
		page = fresh;
	if (page)
		get_page(page);
	spin_unlock(&shm->lock);
	return page;
}

vm_fault_t shm_fault(struct vm_fault *vmf)
{
	struct shm_object *shm = vmf->vma->vm_shm;
	struct page *fresh;

	if (vmf->pgoff >= shm->nr_pages)
		return VM_FAULT_SIGBUS;
	vmf->page = shm_load_or_store(shm, vmf->pgoff, NULL);
	if (vmf->page)
		return 0;
	fresh = alloc_page(GFP_HIGHUSER_MOVABLE | __GFP_ZERO);
	if (!fresh)
		return VM_FAULT_OOM;
	SetPageUptodate(fresh);
	SetPageSwapBacked(fresh);
	vmf->page = shm_load_or_store(shm, vmf->pgoff, fresh);
	if (vmf->page == fresh)
		mod_page_state(fresh, NR_SHMEM, 1);
	else
		put_page(fresh);
	return vmf->page ? 0 : VM_FAULT_OOM;
}
