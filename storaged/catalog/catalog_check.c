/*
 * Looking whether the catalogue's rows agree with each other, and mending what
 * does not. Looking is done on a copy, in a worker thread, with statements that
 * may take as long as they like; mending in the catalogue itself, each finding
 * in a short transaction that looks again, or adds a difference.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/err.h"
#include "common/id.h"
#include "common/log.h"
#include "storaged/catalog/catalog_check.h"
#include "storaged/catalog/catalog_internal.h"

#define PAGES_SAID  8     /* sentences about pages */
#define PACE_OPS    20000 /* instructions of SQLite between two looks */
#define REST_MAX_NS 200000000ULL

struct look {
	struct catalog_check *check;
	sqlite3 *db;
	uint64_t since; /* nx_now_us() after the last rest */
};

/* --- looking (a worker, or start-up) ----------------------------------------*/

/* So that it has @share percent of a core at most, and ends when it shall. */
static int
on_progress(void *arg)
{
	struct look *l = arg;
	unsigned share = l->check->share;
	uint64_t ns = (nx_now_us() - l->since) * 1000;
	struct timespec rest = {0};

	if (l->check->stop && atomic_load(l->check->stop))
		return 1;
	if (share == 0 || share >= 100)
		return 0;
	ns = ns * (100 - share) / share;
	rest.tv_nsec = (long)(ns < REST_MAX_NS ? ns : REST_MAX_NS);
	(void)nanosleep(&rest, NULL);
	l->since = nx_now_us();
	return 0;
}

static int
result_of(struct look *l, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW: return 0;
	case SQLITE_INTERRUPT: return -ECANCELED;
	case SQLITE_FULL: return -ENOSPC;
	case SQLITE_NOMEM: return -ENOMEM;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB: return -EBADMSG;
	default:
		nx_warn(
		    "event=check-failed reason=\"%s\"", sqlite3_errmsg(l->db));
		return -EIO;
	}
}

static void
found(struct look *l, const char *rule, size_t at, sqlite3_stmt *row)
{
	struct catalog_finding f = {.rule = rule, .at = at};
	int n = row ? sqlite3_column_count(row) : 0;

	if (row) {
		f.mendable = catalog_rules[at].mend[0] != NULL;
		f.values[f.n++] = sqlite3_column_int64(row, 0);
		nx_db_text(row, 1, f.text, sizeof(f.text));
		if (f.text[0] == '\0')
			(void)snprintf(f.text, sizeof(f.text), "row %lld",
			    (long long)f.values[0]);
	}
	for (int i = 2; i < n; i++) {
		nx_assert(f.n < CATALOG_FINDING_VALUES);
		f.values[f.n++] = sqlite3_column_int64(row, i);
	}
	l->check->found(&f, l->check->arg);
}

static void
say_pages(struct look *l, const char *sentence)
{
	struct catalog_finding f = {.rule = "pages"};

	(void)snprintf(f.text, sizeof(f.text), "%.200s", sentence);
	f.text[strcspn(f.text, "\n")] = '\0';
	l->check->found(&f, l->check->arg);
}

/* SQLite's own: pages, trees, indices. 0 none is bad, 1, -errno. */
static int
look_at_pages(struct look *l)
{
	sqlite3_stmt *stmt = NULL;
	int rc, bad = 0;

	rc = sqlite3_prepare_v2(
	    l->db, "PRAGMA main.integrity_check(8)", -1, &stmt, NULL);
	while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(stmt, 0);

		if (text && strcmp(text, "ok") != 0 && bad++ < PAGES_SAID)
			say_pages(l, text);
		rc = SQLITE_OK;
	}
	sqlite3_finalize(stmt);
	if ((rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB) {
		say_pages(l, sqlite3_errmsg(l->db));
		return 1;
	}
	rc = result_of(l, rc);
	return rc < 0 ? rc : bad > 0;
}

static int
recount(struct look *l)
{
	int rc = SQLITE_OK;

	for (size_t i = 0; i < catalog_recount_steps && rc == SQLITE_OK; i++)
		rc = sqlite3_exec(l->db, catalog_recount[i], NULL, NULL, NULL);
	return result_of(l, rc);
}

static int
look_at_rule(struct look *l, size_t at)
{
	sqlite3_stmt *stmt = NULL;
	int rc =
	    sqlite3_prepare_v2(l->db, catalog_rules[at].find, -1, &stmt, NULL);

	while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		found(l, catalog_rules[at].name, at, stmt);
		rc = SQLITE_OK;
	}
	sqlite3_finalize(stmt);
	return result_of(l, rc);
}

/* The copy is nobody else's; what is counted goes to a file beside it, for it
 * may be much. */
static int
open_copy(struct look *l, const char *scratch)
{
	char attach[1024];
	int rc = sqlite3_open_v2(l->check->path, &l->db,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW |
		SQLITE_OPEN_NOMUTEX,
	    NULL);

	(void)unlink(scratch);
	(void)snprintf(attach, sizeof(attach),
	    "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=OFF;"
	    "PRAGMA trusted_schema=OFF; PRAGMA temp_store=MEMORY;"
	    "PRAGMA cache_size=-4096; ATTACH '%s' AS t;"
	    "PRAGMA t.journal_mode=OFF; PRAGMA t.synchronous=OFF;"
	    "PRAGMA t.cache_size=-4096; PRAGMA main.query_only=OFF;",
	    scratch);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(l->db, attach, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		sqlite3_progress_handler(l->db, PACE_OPS, on_progress, l);
	return result_of(l, rc);
}

int
catalog_check(struct catalog_check *check)
{
	struct look l = {.check = check, .since = nx_now_us()};
	char scratch[512];
	int r, pages = 0;

	(void)snprintf(scratch, sizeof(scratch), "%.500s.count", check->path);
	r = open_copy(&l, scratch);
	if (r == 0)
		pages = r = look_at_pages(&l);
	/* Rows of bad pages would be found missing everywhere. */
	if (r == 0)
		r = recount(&l);
	for (size_t i = 0; i < catalog_rules_count && r == 0; i++)
		r = look_at_rule(&l, i);
	sqlite3_close(l.db);
	(void)unlink(scratch);
	if (r == -EBADMSG && pages == 0) {
		say_pages(&l, "the file cannot be read as a database");
		return 0;
	}
	return r > 0 ? 0 : r;
}

/* --- mending ----------------------------------------------------------------*/

static int
run_step(struct nx_db *db, const char *sql, const struct catalog_finding *f)
{
	sqlite3_stmt *stmt = nx_db_stmt(db, sql);
	int n;

	if (!stmt)
		return nx_db_errno(db);
	n = sqlite3_bind_parameter_count(stmt);
	nx_assert(n <= f->n);
	for (int i = 0; i < n; i++)
		if (sqlite3_bind_int64(stmt, i + 1, f->values[i]) != SQLITE_OK)
			return nx_db_errno(db);
	return nx_db_next(stmt);
}

static int
write_mend(struct nx_db *db, void *arg)
{
	struct catalog_mend *op = arg;
	const char *const *steps = catalog_rules[op->finding.at].mend;
	int before = sqlite3_total_changes(nx_db_handle(db)), r = 0;

	for (int i = 0; i < CHECK_STEPS && steps[i] && r == 0; i++)
		r = run_step(db, steps[i], &op->finding);
	op->changed = sqlite3_total_changes(nx_db_handle(db)) - before;
	return r;
}

static void
mended(int result, void *arg)
{
	struct catalog_mend *op = arg;

	op->done(result, op->arg);
}

void
catalog_mend(struct catalog *c, struct catalog_mend *op)
{
	nx_assert(op->done && op->finding.mendable &&
	    op->finding.at < catalog_rules_count);
	nx_db_write(c->db, write_mend, mended, op);
}

/* --- copies -----------------------------------------------------------------*/

struct nx_db *
catalog_db(struct catalog *c)
{
	return c->db;
}
