/* SPDX-License-Identifier: MIT */
/*
 * An embedder whose own functions have the names of the kernel's. Linked with the archive and with
 * the shared library: it must link, its functions must stay its own, and the machine must keep
 * using its own.
 */
#include <osim/osim.h>
#include <stdio.h>
#include <stdlib.h>

static int mine;

int schedule(int x);
void kfree(const void *p);
void *kmalloc(unsigned long size);
int list_add(int a, int b);

int schedule(int x)
{
	mine++;
	return x + 1;
}
void kfree(const void *p)
{
	(void)p;
	mine += 100;
}
void *kmalloc(unsigned long size)
{
	(void)size;
	mine += 10000;
	return NULL;
}

static void program(void *arg)
{
	long *seen = arg;

	osim_compute(100000);
	*seen = osim_syscall(39, 0, 0, 0, 0, 0, 0); /* getpid */
}

int main(void)
{
	struct osim_config cfg;
	struct osim *o;
	long pid = 0;
	int rc;

	osim_config_init(&cfg);
	cfg.cpus = 2;
	rc = osim_create(&cfg, &o);
	if (rc) {
		printf("osim_create: %s\n", osim_strerror(rc));
		return 1;
	}
	osim_watch(o, osim_spawn_native(o, "program", program, &pid, NULL));
	if (osim_run(o, UINT64_MAX) != OSIM_STOP_EXIT) {
		printf("osim_run: %s\n", osim_last_error(o));
		return 1;
	}
	osim_destroy(o);
	if (mine != 0 || pid <= 0) { /* the machine scheduled and freed: not through us */
		printf("the machine called its embedder: %d, pid %ld\n", mine, pid);
		return 1;
	}
	kfree(kmalloc(5));
	return schedule(mine) == 10101 && mine == 10101 ? 0 : 1;
}
