/*
 * The catalogue's laboratory with what history adds: operations on it, and the
 * check of the catalogue as the judge of what they leave.
 */
#ifndef STORAGED_HISTORY_LAB_H
#define STORAGED_HISTORY_LAB_H

#include "common/db_copy.h"
#include "storaged/catalog/catalog_check.h"
#include "tests/unit/storaged_catalog_lab.h"

#define KEEP 1000
#define PAGE 50

static inline void
said(const struct catalog_finding *f, void *arg)
{
	(*(int *)arg)++;
	print_error("%s: %s\n", f->rule, f->text);
}

/* Nothing disagrees. */
static inline void
check(void)
{
	int n = 0;
	struct catalog_check look = {.found = said, .arg = &n};
	struct nx_db_copy *copy;
	char path[160];

	(void)snprintf(path, sizeof(path), "%s.copy", lab.path);
	assert_int_equal(nx_db_copy_new(catalog_db(lab.c), path, &copy), 0);
	while (nx_db_copy_step(copy, 100) > 0)
		;
	nx_db_copy_free(copy);
	look.path = path;
	assert_int_equal(catalog_check(&look), 0);
	(void)unlink(path);
	assert_int_equal(n, 0);
}

static inline void
keep(uint64_t seconds, uint64_t quota)
{
	assert_int_equal(
	    catalog_history_default(lab.c, seconds, quota, 10000000), 0);
}

static inline int
history_setup(void **state)
{
	int r = setup(state);

	if (r == 0)
		keep(KEEP, QUOTA);
	return r;
}

/* A file whose chunks are as long as it is. */
static inline int
put_file(uint64_t owner, const char *path, uint64_t size, uint32_t n_chunks)
{
	struct put *p = malloc(sizeof(*p));
	int result;

	put_start(p, owner, path, size, n_chunks);
	for (uint32_t i = 0; i < n_chunks; i++)
		p->chunks[i].sums.size =
		    (uint32_t)(i + 1 < n_chunks ? size / n_chunks
						: size - size / n_chunks * i);
	catalog_commit(lab.c, &p->op);
	wait_for(&p->result);
	result = p->result;
	free(p->chunks);
	free(p);
	return result;
}

static inline int
delete_forever(uint64_t owner, const char *path)
{
	static struct catalog_tree_op op;
	int result;

	tree_op(&op, owner, path, NULL, &result);
	op.forever = true;
	catalog_delete(lab.c, &op);
	wait_for(&result);
	return result;
}

static inline struct catalog_restore *
restore_start(
    uint64_t owner, const char *path, int64_t past, const char *to, int *result)
{
	static struct catalog_restore op;

	memset(&op, 0, sizeof(op));
	parse(path, &op.path);
	if (to)
		parse(to, &op.to);
	op.owner = owner;
	op.past = past;
	op.quota = QUOTA;
	op.entries = 10000000;
	op.done = on_done;
	op.arg = result;
	*result = INT32_MAX;
	return &op;
}

static inline int
restore(uint64_t owner, const char *path, int64_t past, const char *to)
{
	int result;

	catalog_restore(lab.c, restore_start(owner, path, past, to, &result));
	wait_for(&result);
	return result;
}

static inline int
restore_over(uint64_t owner, const char *path, int64_t past)
{
	int result;
	struct catalog_restore *op =
	    restore_start(owner, path, past, NULL, &result);

	op->replace = true;
	catalog_restore(lab.c, op);
	wait_for(&result);
	return result;
}

static struct catalog_purge purged;

static inline int
purge(uint64_t owner, const char *path, int64_t past)
{
	int result = INT32_MAX;

	memset(&purged, 0, sizeof(purged));
	parse(path, &purged.path);
	purged.owner = owner;
	purged.past = past;
	purged.done = on_done;
	purged.arg = &result;
	catalog_purge(lab.c, &purged);
	wait_for(&result);
	return result;
}

static inline int
keep_in(uint64_t owner, const char *path, bool inherit, uint64_t seconds)
{
	static struct catalog_keep op;
	int result = INT32_MAX;

	memset(&op, 0, sizeof(op));
	parse(path, &op.path);
	op.owner = owner;
	op.inherit = inherit;
	op.seconds = seconds;
	op.done = on_done;
	op.arg = &result;
	catalog_keep_set(lab.c, &op);
	wait_for(&result);
	return result;
}

static struct catalog_past pasts[PAGE];

/* Into pasts; number or -result. */
static inline int
versions(uint64_t owner, const char *text)
{
	struct path path;
	size_t n;
	int r;

	parse(text, &path);
	r = catalog_versions(lab.c, owner, &path, 0, pasts, PAGE, &n);
	return r != 0 ? -r : (int)n;
}

static inline int
deleted(uint64_t owner, const char *text)
{
	struct path path;
	size_t n;
	int r;

	parse(text, &path);
	r = catalog_deleted(lab.c, owner, &path, "", 0, pasts, PAGE, &n);
	return r != 0 ? -r : (int)n;
}

/* The size of what is at @text; -1: nothing. */
static inline int64_t
size_at(uint64_t owner, const char *text)
{
	struct catalog_entry e;
	struct path path;

	parse(text, &path);
	return catalog_stat(lab.c, owner, &path, &e) == 0 ? (int64_t)e.size
							  : -1;
}

/* One step, or until there is nothing more to do. Bytes released. */
static inline uint64_t
give_up(uint64_t release, bool all)
{
	static struct catalog_history_step op;
	uint64_t released = 0;
	int result;

	memset(&op, 0, sizeof(op));
	op.done = on_done;
	op.arg = &result;
	do {
		result = INT32_MAX;
		op.release = release > released ? release - released : 0;
		catalog_history_step(lab.c, &op);
		wait_for(&result);
		assert_int_equal(result, 0);
		released += op.released;
	} while (all && op.more);
	return released;
}

/* As if so much time had passed. */
static inline void
age(int seconds)
{
	char sql[100];

	(void)snprintf(sql, sizeof(sql),
	    "UPDATE past SET until = until - %d, gone_at = gone_at - %d",
	    seconds, seconds);
	assert_int_equal(
	    sqlite3_exec(nx_db_handle(lab.c->db), sql, NULL, NULL, NULL),
	    SQLITE_OK);
}

static inline void
reap_all(void)
{
	while (do_reap())
		;
}

static inline int64_t
n_chunks(void)
{
	return number("SELECT count(*) FROM chunks");
}

static inline void
fill_folder(uint64_t owner, const char *top, int n)
{
	char path[100];

	assert_int_equal(do_mkdir(owner, top, true), 0);
	for (int i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "%s/s%d", top, i % 7);
		if (i < 7)
			assert_int_equal(do_mkdir(owner, path, true), 0);
		(void)snprintf(path, sizeof(path), "%s/s%d/f%d", top, i % 7, i);
		assert_int_equal(put_file(owner, path, 100, 1), 0);
	}
}

#define H(f) cmocka_unit_test_setup_teardown(f, history_setup, teardown)

#endif
