/*
 * A laboratory for the catalogue alone: no volumes, no daemon; every operation
 * runs until it is on disk, and a recount from the rows says what every kept
 * sum should be.
 */
#ifndef STORAGED_CATALOG_LAB_H
#define STORAGED_CATALOG_LAB_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/catalog/catalog_internal.h"

#define QUOTA (1ULL << 40)

static struct {
	const char *place; /* where it is; NULL: memory */
	char dir[64], path[80];
	struct event_base *base;
	struct catalog *c;
	int64_t volume;
	uint64_t n_chunk;
} lab;

static inline void
on_done(int result, void *arg)
{
	*(int *)arg = result;
}

/* --- operations, each until it is on disk -----------------------------------*/

static inline void
wait_for(const int *result)
{
	while (*result == INT32_MAX)
		event_base_loop(lab.base, EVLOOP_ONCE);
}

static inline void
parse(const char *text, struct path *ret_path)
{
	assert_null(path_parse(text, strlen(text), ret_path));
}

static inline void
tree_op(struct catalog_tree_op *op, uint64_t owner, const char *path,
    const char *to, int *result)
{
	memset(op, 0, sizeof(*op));
	parse(path, &op->path);
	if (to)
		parse(to, &op->to);
	op->owner = owner;
	op->quota = QUOTA;
	op->entries = 10000000;
	op->done = on_done;
	op->arg = result;
	*result = INT32_MAX;
}

static inline int
do_mkdir(uint64_t owner, const char *path, bool parents)
{
	static struct catalog_tree_op op;
	int result;

	tree_op(&op, owner, path, NULL, &result);
	op.parents = parents;
	catalog_mkdir(lab.c, &op);
	wait_for(&result);
	return result;
}

static inline int
do_delete(uint64_t owner, const char *path)
{
	static struct catalog_tree_op op;
	int result;

	tree_op(&op, owner, path, NULL, &result);
	catalog_delete(lab.c, &op);
	wait_for(&result);
	return result;
}

static inline int
do_move(uint64_t owner, const char *from, const char *to, bool replace)
{
	static struct catalog_tree_op op;
	int result;

	tree_op(&op, owner, from, to, &result);
	op.replace = replace;
	catalog_move(lab.c, &op);
	wait_for(&result);
	return result;
}

static inline struct catalog_copy *
copy_start(uint64_t owner, const char *from, const char *to, int *result)
{
	struct catalog_copy *op = calloc(1, sizeof(*op));

	parse(from, &op->path);
	parse(to, &op->to);
	op->owner = owner;
	op->folders = true;
	op->quota = QUOTA;
	op->entries = 10000000;
	op->done = on_done;
	op->arg = result;
	*result = INT32_MAX;
	return op;
}

static inline int
do_copy(uint64_t owner, const char *from, const char *to, bool replace)
{
	int result;
	struct catalog_copy *op = copy_start(owner, from, to, &result);

	op->replace = replace;
	catalog_copy(lab.c, op);
	wait_for(&result);
	free(op);
	return result;
}

struct put {
	struct catalog_commit op;
	struct path path;
	struct catalog_chunk *chunks;
	int result;
};

/* @path NULL: a raw file. */
static inline void
put_start(struct put *p, uint64_t owner, const char *path, uint64_t size,
    uint32_t n_chunks)
{
	memset(p, 0, sizeof(*p));
	p->chunks = calloc(n_chunks + 1, sizeof(*p->chunks));
	for (uint32_t i = 0; i < n_chunks; i++) {
		(void)snprintf(p->chunks[i].id.text, NX_ID_LEN + 1, "%032llx",
		    (unsigned long long)++lab.n_chunk);
		p->chunks[i].n_replicas = 1;
		p->chunks[i].volumes[0] = lab.volume;
	}
	if (path) {
		parse(path, &p->path);
		p->op.path = &p->path;
	}
	(void)snprintf(p->op.file.name, sizeof(p->op.file.name), "%s",
	    path ? path_last(&p->path) : "raw");
	p->op.file.owner = owner;
	p->op.file.size = size;
	p->op.file.chunks = n_chunks;
	p->op.file.want = 1;
	p->op.chunks = p->chunks;
	p->op.quota = QUOTA;
	p->op.entries = 10000000;
	p->op.done = on_done;
	p->op.arg = &p->result;
	p->result = INT32_MAX;
}

static inline int
do_put(uint64_t owner, const char *path, uint64_t size, uint32_t n_chunks,
    uint64_t quota, char ret_id[NX_ID_LEN + 1])
{
	struct put *p = malloc(sizeof(*p));
	int result;

	put_start(p, owner, path, size, n_chunks);
	p->op.quota = quota;
	catalog_commit(lab.c, &p->op);
	wait_for(&p->result);
	result = p->result;
	if (ret_id)
		memcpy(ret_id, p->op.file.id, NX_ID_LEN + 1);
	free(p->chunks);
	free(p);
	return result;
}

static inline int
do_remove(uint64_t owner, const char *id)
{
	struct catalog_remove op = {.done = on_done};
	int result = catalog_file_find(lab.c, owner, "", id, &op.file);

	if (result != 0)
		return result;
	result = INT32_MAX;
	op.arg = &result;
	catalog_remove(lab.c, &op);
	wait_for(&result);
	return result;
}

static inline int
do_drop_user(uint64_t user)
{
	int result = INT32_MAX;
	struct catalog_drop_user op = {
	    .user = user, .done = on_done, .arg = &result};

	catalog_drop_user(lab.c, &op);
	wait_for(&result);
	return result;
}

static inline bool
do_reap(void)
{
	int result = INT32_MAX;
	struct catalog_reap op = {.done = on_done, .arg = &result};

	catalog_reap(lab.c, &op);
	wait_for(&result);
	assert_int_equal(result, 0);
	return op.more;
}

/* --- the laboratory ---------------------------------------------------------*/

static inline void
save_volume(void)
{
	int result = INT32_MAX;
	struct catalog_volume_op op = {
	    .volume = {.state = CATALOG_VOLUME_READY, .size = 1},
	    .done = on_done,
	    .arg = &result};

	(void)snprintf(op.volume.node, sizeof(op.volume.node), "volume");
	catalog_volume_save(lab.c, &op);
	wait_for(&result);
	assert_int_equal(result, 0);
	lab.volume = op.volume.key;
}

static inline void
reopen(void)
{
	lab.c = catalog_close(lab.c);
	assert_int_equal(catalog_open(lab.base, lab.path, &lab.c), 0);
}

static inline int
setup(void **state)
{
	(void)state;
	nx_log_open("lab", false);
	(void)snprintf(lab.dir, sizeof(lab.dir), "%s/nexus-catalog.XXXXXX",
	    lab.place ? lab.place : "/dev/shm");
	if (!mkdtemp(lab.dir))
		return -1;
	(void)snprintf(lab.path, sizeof(lab.path), "%s/db", lab.dir);
	lab.base = event_base_new();
	lab.n_chunk = 0;
	if (catalog_open(lab.base, lab.path, &lab.c) != 0)
		return -1;
	save_volume();
	return 0;
}

static inline int
teardown(void **state)
{
	char path[96];

	(void)state;
	lab.c = catalog_close(lab.c);
	event_base_free(lab.base);
	(void)unlink(lab.path);
	(void)snprintf(path, sizeof(path), "%s-wal", lab.path);
	(void)unlink(path);
	return rmdir(lab.dir);
}

/* The one number a query gives; -1: no row. */
static inline int64_t
number(const char *sql)
{
	sqlite3_stmt *stmt;
	int64_t n = -1;

	if (sqlite3_prepare_v2(nx_db_handle(lab.c->db), sql, -1, &stmt, NULL) !=
	    SQLITE_OK)
		fail_msg(
		    "%s: %s", sql, sqlite3_errmsg(nx_db_handle(lab.c->db)));
	if (sqlite3_step(stmt) == SQLITE_ROW)
		n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return n;
}

/* What every kept sum should be, from the rows that are reachable. */
#define LIVE                                                               \
	"WITH RECURSIVE live(entry, owner, parent, file, size, name) AS (" \
	" SELECT entry, owner, parent, file, size, name FROM entries e"    \
	" WHERE parent = 0 AND NOT EXISTS (SELECT 1 FROM going g"          \
	"  WHERE g.owner = e.owner AND g.folder = 0)"                      \
	" UNION ALL SELECT e.entry, e.owner, e.parent, e.file, e.size,"    \
	" e.name FROM live l JOIN entries e"                               \
	" ON e.owner = l.owner AND e.parent = l.entry),"                   \
	" up(folder, files, folders, size, charged, height, reach) AS ("   \
	" SELECT parent, file IS NOT NULL, file IS NULL,"                  \
	" iif(file IS NULL, 0, size), iif(file IS NULL, 512,"              \
	" max(size, 4096)), 1, 1 + length(CAST(name AS BLOB)) FROM live"   \
	" WHERE parent <> 0 UNION ALL"                                     \
	" SELECT l.parent, u.files, u.folders, u.size, u.charged,"         \
	" u.height + 1, u.reach + 1 + length(CAST(l.name AS BLOB))"        \
	" FROM up u JOIN live l ON l.entry = u.folder WHERE l.parent <> 0) "

/* What is in buckets and in uploads counts too. */
#define BUCKET_SUMS                                                          \
	" SELECT owner, 0, 0, 1, 512 FROM buckets UNION ALL"                 \
	" SELECT b.owner, o.size, 1, 0, iif(o.file IS NULL, 512,"            \
	" max(o.size + length(o.meta), 4096)) FROM objects o"                \
	" JOIN buckets b USING(bucket) UNION ALL"                            \
	" SELECT owner, 0, 1, 0, 4096 + length(meta) FROM uploads UNION ALL" \
	" SELECT u.owner, p.size, 1, 0, max(p.size, 4096) FROM parts p"      \
	" JOIN uploads u ON u.file = p.whole"

static inline void
recount(void)
{
	/* uploads */
	assert_int_equal(
	    number("SELECT count(*) FROM uploads u WHERE size <>"
		   " (SELECT ifnull(sum(size), 0) FROM parts p"
		   "  WHERE p.whole = u.file) OR parts <> (SELECT count(*)"
		   "  FROM parts p WHERE p.whole = u.file) OR chunks <>"
		   " (SELECT count(*) FROM parts p JOIN chunks c"
		   "  ON c.file = p.file WHERE p.whole = u.file)"),
	    0);
	/* folders */
	assert_int_equal(
	    number(LIVE "SELECT count(*) FROM live l JOIN entries e"
			" ON e.entry = l.entry LEFT JOIN (SELECT folder,"
			" sum(files) AS n, sum(folders) AS m,"
			" sum(size) AS s, sum(charged) AS c,"
			" max(height) AS h, max(reach) AS r FROM up"
			" GROUP BY folder) u ON u.folder = l.entry"
			" WHERE l.file IS NULL AND"
			" (e.files <> ifnull(n, 0) OR"
			" e.folders <> ifnull(m, 0) OR"
			" e.size <> ifnull(s, 0) OR"
			" e.charged <> ifnull(c, 0) OR"
			" e.height < ifnull(h, 0) OR"
			" e.reach < ifnull(r, 0))"),
	    0);
	/* accounts */
	assert_int_equal(
	    number(LIVE
		", mine(owner, size, file) AS (SELECT owner, size,"
		" file IS NOT NULL FROM live UNION ALL SELECT owner, size, 1"
		" FROM files f WHERE tree = 0 AND NOT EXISTS (SELECT 1"
		" FROM going g WHERE g.owner = f.owner AND g.folder = 0)),"
		" counted(owner, size, n, m, charged) AS (SELECT owner,"
		" iif(file, size, 0), file, NOT file, iif(file,"
		" max(size, 4096), 512) FROM mine UNION ALL " BUCKET_SUMS ")"
		" SELECT count(*) FROM users u LEFT JOIN (SELECT owner,"
		" sum(size) AS s, sum(n) AS n, sum(m) AS m,"
		" sum(charged) AS c FROM counted WHERE NOT EXISTS (SELECT 1"
		" FROM going g WHERE g.owner = counted.owner AND"
		" g.folder = 0) GROUP BY owner) t ON t.owner = u.user"
		" WHERE used <> ifnull(s, 0) OR files <> ifnull(n, 0) OR"
		" folders <> ifnull(m, 0) OR charged <> ifnull(c, 0)"),
	    0);
	assert_int_equal(
	    number(LIVE "SELECT count(*) FROM users u WHERE u.tree <>"
			" (SELECT ifnull(sum(size), 0) FROM live WHERE"
			" owner = u.user AND parent = 0 AND file IS NOT NULL) +"
			" (SELECT ifnull(sum(e.size), 0) FROM live l JOIN"
			" entries e ON e.entry = l.entry WHERE"
			" l.owner = u.user AND l.parent = 0 AND"
			" l.file IS NULL)"),
	    0);
	/* chunks are counted while they exist */
	assert_int_equal(number("SELECT (SELECT count(*) FROM chunks) -"
				" (SELECT ifnull(sum(chunks), 0) FROM users)"),
	    0);
	assert_int_equal(number("SELECT count(*) FROM volumes v WHERE chunks <>"
				" (SELECT count(*) FROM replicas r WHERE"
				" r.volume = v.volume)"),
	    0);
	assert_int_equal(number("SELECT count(*) FROM replicas WHERE chunk"
				" NOT IN (SELECT chunk FROM chunks)"),
	    0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
