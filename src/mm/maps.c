/* SPDX-License-Identifier: MIT */
/*
 * The text of /proc/PID/maps.
 *
 * procfs calls mm_show_maps() with a function that takes lines; it asks the file owner for path and
 * numbers.
 *
 *	00400000-00401000 r--p 00000000 00:01 12                                 /bin/busybox
 *	7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]
 *
 *	S1 names start in column 74 (counted from 1), or one blank after longer numbers, as in Linux
 *	   on 64 bits.
 *
 * Units: bytes, hexadecimal; inode decimal. Owner: lines are the callback's only during the call.
 * Locking: mmap_lock shared.
 * Errors: none. Time: none of its own. Source: Linux 6.1 fs/proc/task_mmu.c (show_map_vma).
 */
#include "lib/string.h"
#include "mm/internal.h"

#define NAME_COLUMN 73u
#define PATH_BYTES 4096u

static const char *vma_name(const struct mm_struct *mm, struct vm_area_struct *vma)
{
	if (vma->vm_shm)
		return "/dev/zero (deleted)";
	if (vma->vm_ops && vma->vm_ops->name)
		return vma->vm_ops->name(vma);
	if (vma->vm_start <= mm->brk && vma->vm_end >= mm->start_brk)
		return "[heap]";
	if (vma->vm_start <= mm->start_stack && vma->vm_end >= mm->start_stack)
		return "[stack]";
	return NULL;
}

static size_t show_map_vma(const struct mm_struct *mm, struct vm_area_struct *vma, char *line,
			   size_t size, char *path)
{
	u64 f = vma->vm_flags, ino = 0, pgoff = 0;
	u32 major = 0, minor = 0;
	const char *name;
	size_t n;

	path[0] = '\0';
	if (vma->vm_file) {
		mm_root()->file_ops.describe(vma->vm_file, path, PATH_BYTES, &major, &minor, &ino);
		pgoff = vma->vm_pgoff << PAGE_SHIFT;
		name = path;
	} else {
		name = vma_name(mm, vma);
		if (vma->vm_shm)
			pgoff = vma->vm_pgoff << PAGE_SHIFT;
	}
	n = (size_t)scnprintf(line, size, "%08llx-%08llx %c%c%c%c %08llx %02x:%02x %llu ",
			      (unsigned long long)vma->vm_start, (unsigned long long)vma->vm_end,
			      f & VM_READ ? 'r' : '-', f & VM_WRITE ? 'w' : '-',
			      f & VM_EXEC ? 'x' : '-', f & VM_MAYSHARE ? 's' : 'p',
			      (unsigned long long)pgoff, major, minor, (unsigned long long)ino);
	if (name && name[0]) {
		while (n < NAME_COLUMN)
			line[n++] = ' ';
		n += (size_t)scnprintf(line + n, size - n, "%s", name);
	}
	line[n++] = '\n';
	return n;
}

void mm_show_maps(struct mm_struct *mm, void (*emit)(void *arg, const char *line, size_t len),
		  void *arg)
{
	char line[PATH_BYTES + 128], path[PATH_BYTES];
	struct vm_area_struct *vma;

	mmap_read_lock(mm);
	for (vma = mm->mmap; vma; vma = vma->vm_next)
		emit(arg, line, show_map_vma(mm, vma, line, sizeof(line) - 1, path));
	mmap_read_unlock(mm);
}
