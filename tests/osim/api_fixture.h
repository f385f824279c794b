/* SPDX-License-Identifier: MIT */
#ifndef TESTS_OSIM_API_FIXTURE_H
#define TESTS_OSIM_API_FIXTURE_H

/*
 * A booted machine through the public API, with its console captured; for tests that also look
 * inside (they link the floors).
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <osim/osim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct api {
	struct osim *o;
	char out[3][65536]; /* console lines */
	size_t len[3];
	char error[256];
};

static inline void api_console(void *arg, int line, const void *buf, size_t len_bytes)
{
	struct api *a = arg;
	size_t room = sizeof(a->out[0]) - 1 - a->len[line], n = len_bytes < room ? len_bytes : room;

	memcpy(a->out[line] + a->len[line], buf, n);
	a->len[line] += n;
	a->out[line][a->len[line]] = 0;
}

/* The answer of osim_create; a->o is NULL when it failed. */
static inline int api_create(struct api *a, const struct osim_config *with)
{
	struct osim_config cfg = *with;
	int ret;

	memset(a, 0, sizeof(*a));
	cfg.error = a->error;
	cfg.error_len = sizeof(a->error);
	ret = osim_create(&cfg, &a->o);
	if (!ret)
		osim_set_console(a->o, api_console, a);
	return ret;
}

static inline struct osim_config api_config(unsigned cpus)
{
	struct osim_config cfg;

	osim_config_init(&cfg);
	cfg.cpus = cpus;
	cfg.ram_bytes = 64 << 20;
	return cfg;
}

static inline void api_destroy(struct api *a)
{
	osim_destroy(a->o);
}

/* Put an image at /prog and start it. */
static inline int api_spawn_image(struct api *a, const void *image, size_t len)
{
	static const char *const argv[] = { "prog", NULL }, *const envp[] = { NULL };
	struct osim_exec exec = { .path = "/prog", .argv = argv, .envp = envp };
	int ret = osim_add_file(a->o, "/prog", 0100755, 0, 0, 0, image, len);

	return ret ? ret : osim_spawn(a->o, &exec);
}

#endif
