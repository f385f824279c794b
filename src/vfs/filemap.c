/* SPDX-License-Identifier: MIT */
/*
 * The page cache: a file's content as pages, for read, write and mmap alike.
 *
 * Called by read_iter/write_iter of file systems without a backing store (ramfs), by truncate and
 * iput, and by page faults through vm_ops->fault. Calls the page allocator and the xarray.
 *
 * A file of 10,000 bytes written as "seek 8192, write 1808":
 *
 *	i_size 10000   i_pages: [2] -> page (1,808 bytes of data, the rest zero)      pages 0 and 1 are holes: they read as zero
 *	mmap of page 0 and a load: the fault makes a zeroed page [0]; read and mmap see one frame
 *	from then on.
 *
 * P1  i_pages[n] holds one reference to the page; page->mapping and page->index name the place
 *     while it stands there.
 * P2  Bytes of a cached page beyond i_size are zero, except what a mapping of the last page stored
 *     there; a truncation zeroes them again.
 * P3  A page taken out lives on while a mapping or a read under way holds a reference; it belongs
 *     to no file then.
 * P4  Bytes change only through copy_page_from_iter and zero_page_range, which tell the hardware,
 *     or through a mapping.
 *
 * A load from a mapped file page reaches filemap_fault() from handle_mm_fault.
 *
 * Units: index in pages, sizes and positions in bytes. Owner: the mapping, by reference. Locking:
 * i_pages_lock for the tree, held only over tree operations; i_rwsem exclusively around writes and
 * truncation; user copies happen with no spinlock. Errors: -ENOMEM, -EFAULT, -EFBIG. Time: the
 * copy's cache lines. Source: Linux mm/filemap.c, fs/ramfs (behaviour).
 */
#include "lib/string.h"
#include "mm/alloc/gfp.h"
#include "mm/alloc/mmzone.h"
#include "mm/mm.h"
#include "mm/mm_types.h"
#include "sched/fork.h"
#include "sched/sched.h"
#include "sched/task.h"
#include "vfs/cred.h"
#include "vfs/fcntl.h"
#include "vfs/fs.h"
#include "vfs/ramfs.h"
#include "vfs/vfs.h"

struct page *find_get_page(struct address_space *mapping, u64 index)
{
	struct page *page;

	spin_lock(&mapping->i_pages_lock);
	page = xa_load(&mapping->i_pages, index);
	if (page)
		get_page(page);
	spin_unlock(&mapping->i_pages_lock);
	return page;
}

static void account(struct address_space *mapping, struct page *page, s64 delta)
{
	struct inode *host = mapping->host;

	mapping->nrpages += (u64)delta;
	host->i_blocks += (u64)(delta * (s64)(PAGE_SIZE / 512));
	host->i_sb->nr_pages += (u64)delta;
	vfs()->nr_file_pages += (u64)delta;
	mod_page_state(page, NR_FILE_PAGES, delta);
}

struct page *find_or_create_page(struct address_space *mapping, u64 index)
{
	struct page *page = find_get_page(mapping, index), *there;
	int err;

	if (page)
		return page;
	page = alloc_page(GFP_HIGHUSER_MOVABLE | __GFP_ZERO);
	if (!page)
		return ERR_PTR(-ENOMEM);
	spin_lock(&mapping->i_pages_lock);
	there = xa_load(&mapping->i_pages, index);
	if (there) { /* another task was faster while this one allocated */
		get_page(there);
		spin_unlock(&mapping->i_pages_lock);
		put_page(page);
		return there;
	}
	err = xa_insert(&mapping->i_pages, index, page);
	if (!err) {
		get_page(page); /* P1: one for the tree, one for the caller */
		page->mapping = mapping;
		page->index = index;
		SetPageUptodate(page);
		account(mapping, page, 1);
	}
	spin_unlock(&mapping->i_pages_lock);
	if (err) {
		put_page(page);
		return ERR_PTR(err);
	}
	return page;
}

void truncate_inode_pages(struct address_space *mapping, u64 start_index)
{
	u64 index = start_index;

	while (mapping->nrpages) {
		struct page *page;

		spin_lock(&mapping->i_pages_lock);
		page = xa_find(&mapping->i_pages, &index, ~0ull, XA_PRESENT);
		if (page) {
			xa_erase(&mapping->i_pages, index);
			page->mapping = NULL;
			account(mapping, page, -1);
		}
		spin_unlock(&mapping->i_pages_lock);
		if (!page)
			break;
		put_page(page);
	}
}

/*
 * The first address of vma that shows page start_index of its file or a later one; vm_end when none
 * does.
 */
static u64 vma_from_index(const struct vm_area_struct *vma, u64 start_index)
{
	u64 skip = start_index > vma->vm_pgoff ? start_index - vma->vm_pgoff : 0;

	return skip >= (vma->vm_end - vma->vm_start) >> PAGE_SHIFT ?
		       vma->vm_end :
		       vma->vm_start + (skip << PAGE_SHIFT);
}

static void unmap_in_mm(struct mm_struct *mm, const struct address_space *mapping, u64 start_index)
{
	/*
	 * Exclusive: a fault that looked at the old size is over, and one that follows sees the new
	 * one.
	 */
	mmap_write_lock(mm);
	for (struct vm_area_struct *vma = mm->mmap; vma; vma = vma->vm_next) {
		u64 start;

		if (!vma->vm_file || vma->vm_file->f_mapping != mapping)
			continue;
		start = vma_from_index(vma, start_index);
		if (start < vma->vm_end)
			zap_page_range(vma, start, vma->vm_end - start);
	}
	mmap_write_unlock(mm);
}

/*
 * The address space of the first process whose pid is above *pid and that has one, with a
 * reference; NULL: no more.
 */
static struct mm_struct *next_process_mm(s32 *pid)
{
	struct task_struct *p, *t, *best = NULL;
	struct mm_struct *mm = NULL;
	u64 flags = tasklist_lock();

	for_each_process(p) {
		for_each_thread(p, t)
		{
			if (t->pid > *pid && t->mm && !(t->flags & PF_KTHREAD) &&
			    (!best || t->pid < best->pid))
				best = t;
		}
	}
	if (best) {
		*pid = best->pid;
		mm = get_task_mm(best);
	}
	tasklist_unlock(flags);
	return mm;
}

/*
 * Linux finds the VMAs of a file in mapping->i_mmap; here every address space is asked, which is
 * the same answer at a cost that grows with the processes, paid by truncations of files that are
 * mapped.
 */
void unmap_mapping_range(struct address_space *mapping, u64 hole_begin)
{
	u64 start_index = DIV_ROUND_UP(hole_begin, PAGE_SIZE);
	struct mm_struct *mm;
	s32 pid = 0;

	if (!mapping->nr_mmaps)
		return;
	while ((mm = next_process_mm(&pid))) {
		unmap_in_mm(mm, mapping, start_index);
		mmput(mm);
	}
}

s64 generic_file_read_iter(struct file *file, struct iov_iter *to, s64 *ppos)
{
	struct address_space *mapping = file->f_mapping;
	struct inode *inode = mapping->host;
	s64 done = 0;

	if (!iov_iter_count(to))
		return 0;
	while (iov_iter_count(to) && *ppos < inode->i_size) {
		u64 offset = (u64)*ppos % PAGE_SIZE;
		u64 n = min((u64)PAGE_SIZE - offset, (u64)(inode->i_size - *ppos));
		struct page *page = find_get_page(mapping, (u64)*ppos / PAGE_SIZE);
		u64 moved;

		n = min(n, iov_iter_count(to));
		if (page) {
			moved = copy_page_to_iter(page, offset, n, to);
			put_page(page);
		} else {
			moved = iov_iter_zero(n, to);
		}
		*ppos += (s64)moved;
		done += (s64)moved;
		if (moved < n)
			return done ? done : -EFAULT;
		cond_resched();
	}
	touch_atime(&file->f_path);
	return done;
}

/* A write by somebody without CAP_FSETID takes set-uid and set-gid away. */
static int file_remove_privs(struct file *file)
{
	struct inode *inode = file->f_inode;
	struct iattr attr = { .ia_valid = ATTR_FORCE };

	if (!S_ISREG(inode->i_mode) || capable(CAP_FSETID))
		return 0;
	if (inode->i_mode & S_ISUID)
		attr.ia_valid |= ATTR_KILL_SUID;
	if ((inode->i_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		attr.ia_valid |= ATTR_KILL_SGID;
	if (attr.ia_valid == ATTR_FORCE)
		return 0;
	return notify_change(file->f_path.mnt, file->f_path.dentry, &attr);
}

/* Put the iter's bytes at pos; bytes written or -errno when none were. i_rwsem held exclusively. */
static s64 perform_write(struct inode *inode, struct iov_iter *from, s64 pos)
{
	s64 done = 0;

	while (iov_iter_count(from)) {
		u64 offset = (u64)pos % PAGE_SIZE;
		u64 n = min((u64)PAGE_SIZE - offset, iov_iter_count(from)), moved;
		struct page *page = find_or_create_page(&inode->i_data, (u64)pos / PAGE_SIZE);

		if (IS_ERR(page))
			return done ? done : PTR_ERR(page);
		moved = copy_page_from_iter(page, offset, n, from);
		SetPageDirty(page);
		put_page(page);
		pos += (s64)moved;
		done += (s64)moved;
		if (pos > inode->i_size)
			inode->i_size = pos;
		if (moved < n)
			return done ? done : -EFAULT;
		cond_resched();
	}
	return done;
}

s64 generic_file_write_iter(struct file *file, struct iov_iter *from, s64 *ppos)
{
	struct inode *inode = file->f_mapping->host;
	u64 limit = rlimit(RLIMIT_FSIZE);
	s64 ret, pos;

	if (!iov_iter_count(from))
		return 0;
	down_write(&inode->i_rwsem);
	pos = file->f_flags & O_APPEND ? inode->i_size : *ppos;
	if ((u64)pos >= limit) {
		ret = file_too_big();
		goto out;
	}
	iov_iter_truncate(from, limit - (u64)pos);
	ret = -EFBIG;
	if (pos >= inode->i_sb->s_maxbytes)
		goto out;
	iov_iter_truncate(from, (u64)(inode->i_sb->s_maxbytes - pos));
	ret = file_remove_privs(file);
	if (ret)
		goto out;
	file_update_time(file);
	ret = perform_write(inode, from, pos);
	if (ret > 0)
		*ppos = pos + ret;
out:
	up_write(&inode->i_rwsem);
	return ret;
}

/* --- mappings --- */

/* The page of the file that backs the faulting address. */
/* WALK 8/10 -> find_or_create_page, then back to mm/memory.c */
static vm_fault_t filemap_fault(struct vm_fault *vmf)
{
	struct file *file = vmf->vma->vm_file;
	struct address_space *mapping = file->f_mapping;
	struct page *page;

	if (vmf->pgoff >= DIV_ROUND_UP((u64)mapping->host->i_size, PAGE_SIZE))
		return VM_FAULT_SIGBUS;
	page = find_or_create_page(mapping, vmf->pgoff);
	if (IS_ERR(page))
		return VM_FAULT_OOM;
	vmf->page = page;
	return 0;
}

static vm_fault_t filemap_page_mkwrite(struct vm_fault *vmf)
{
	struct file *file = vmf->vma->vm_file;

	if (vmf->page && vmf->page->mapping != file->f_mapping)
		return VM_FAULT_SIGBUS; /* truncated meanwhile */
	file_update_time(file);
	if (vmf->page)
		SetPageDirty(vmf->page);
	return 0;
}

static const struct vm_operations_struct generic_file_vm_ops = {
	.fault = filemap_fault,
	.page_mkwrite = filemap_page_mkwrite,
};

int generic_file_mmap(struct file *file, struct vm_area_struct *vma)
{
	touch_atime(&file->f_path);
	file->f_mapping->nr_mmaps++;
	vma->vm_ops = &generic_file_vm_ops;
	return 0;
}
