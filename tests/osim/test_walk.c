/* SPDX-License-Identifier: MIT */
/*
 * docs/WALK.md tells the truth: its load is run, its records and signposts are compared with the
 * document's table.
 */

#include "osim/api_fixture.h"

#include "guest/walk.h"

#define MAX_ROWS 32

struct row {
	char door[1024], file[1024], record[1024];
};

/* The table of the document. Runs at the top of the sources. */
static int read_table(struct row *rows)
{
	FILE *f = fopen("docs/WALK.md", "r");
	char line[1024];
	int n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		char *cell[8], *p = line;
		int cells = 0;

		if (strncmp(line, "| WALK ", 7))
			continue;
		for (p++; cells < 8 && p; cells++) {
			cell[cells] = p;
			p = strstr(p, " |");
			if (p) {
				*p = 0;
				p += 2;
			}
		}
		assert_true(cells >= 5 && n < MAX_ROWS);
		strcpy(rows[n].door, cell[0] + 1);
		strcpy(rows[n].file, cell[1] + 1);
		strcpy(rows[n].record, cell[4] + (cell[4][0] == ' '));
		n++;
	}
	fclose(f);
	return n;
}

static void every_door_has_its_signpost_in_the_file_the_document_names(void **state)
{
	static struct row rows[MAX_ROWS];
	int n = read_table(rows);

	(void)state;
	assert_int_equal(n, 10);
	for (int i = 0; i < n; i++) {
		char line[1024], want[1100] = "/* ";
		FILE *f = fopen(rows[i].file, "r");
		int found = 0;

		assert_non_null(f);
		strcat(want, rows[i].door); /* at most 1023 bytes */
		strcat(want, " -> ");
		while (fgets(line, sizeof(line), f))
			found += strstr(line, want) != NULL;
		fclose(f);
		if (found != 1)
			fprintf(stderr, "%s: %d signposts \"%s\"\n", rows[i].file, found, want);
		assert_int_equal(found, 1);
	}
}

/* What was recorded between the end of mmap (9) and the next system call. */
struct recorder {
	bool on, done;
	int n;
	char name[MAX_ROWS][32];
	uint64_t address, error;
};

static void record(void *arg, const struct osim_record *r)
{
	struct recorder *rec = arg;
	const char *name = osim_trace_name(r->id);

	if (!strcmp(name, "sys_enter") && rec->on) {
		rec->on = false;
		rec->done = true;
	}
	if (rec->on && rec->n < MAX_ROWS)
		snprintf(rec->name[rec->n++], sizeof(rec->name[0]), "%s", name);
	if (rec->on && !strcmp(name, "page_fault_user"))
		rec->address = r->a;
	if (rec->on && !strcmp(name, "exception"))
		rec->error = r->a >> 32;
	if (!strcmp(name, "sys_exit") && r->a == 9 && !rec->done)
		rec->on = true;
}

static void the_load_leaves_the_records_of_the_table(void **state)
{
	struct osim_config cfg = api_config(1);
	static struct recorder rec;
	static struct row rows[MAX_ROWS];
	int n = read_table(rows), at = 0;
	static char data[8192];
	static struct api a;

	(void)state;
	data[4096] = 77;
	assert_int_equal(api_create(&a, &cfg), 0);
	assert_int_equal(osim_add_file(a.o, "/data", 0100644, 0, 0, 0, data, sizeof(data)), 0);
	assert_true(api_spawn_image(&a, guest_walk, sizeof(guest_walk)) >= 0);
	osim_set_trace(a.o, record, &rec, true);
	assert_int_equal(osim_run(a.o, UINT64_MAX), OSIM_STOP_EXIT);
	assert_int_equal(osim_exit_status(a.o), 77);
	assert_true(rec.done);
	assert_int_equal(rec.address & 0xfff, 0);
	assert_int_equal(rec.error, 4);
	for (int i = 0; i < n; i++) {
		if (!rows[i].record[0])
			continue;
		assert_true(at < rec.n);
		assert_string_equal(rec.name[at], rows[i].record);
		at++;
	}
	assert_int_equal(at, rec.n);
	api_destroy(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_door_has_its_signpost_in_the_file_the_document_names),
		cmocka_unit_test(the_load_leaves_the_records_of_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
