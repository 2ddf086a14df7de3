/*
 * Checking the catalogue: whatever disagrees is found and named, each kind of it
 * planted by SQL into a closed catalogue, and mended where it can be. What is
 * well is said to be well, while it changes too.
 */
#include <fcntl.h>

#include "common/db_copy.h"
#include "storaged/catalog/catalog_check.h"
#include "tests/unit/storaged_bucket_lab.h"

#define FOUND_MAX 16

static struct {
	struct catalog_finding all[FOUND_MAX];
	int n;
} seen;

static void
on_found(const struct catalog_finding *f, void *arg)
{
	(void)arg;
	if (seen.n < FOUND_MAX)
		seen.all[seen.n] = *f;
	seen.n++;
}

/* Copies a few pages at a time and looks at the copy. */
static int
look(void (*between)(void))
{
	struct catalog_check check = {.found = on_found};
	struct nx_db_copy *copy;
	char path[160];
	int r;

	(void)snprintf(path, sizeof(path), "%s.copy", lab.path);
	memset(&seen, 0, sizeof(seen));
	assert_int_equal(nx_db_copy_new(catalog_db(lab.c), path, &copy), 0);
	while ((r = nx_db_copy_step(copy, 2)) > 0)
		if (between)
			between();
	assert_int_equal(r, 0);
	nx_db_copy_free(copy);
	check.path = path;
	assert_int_equal(catalog_check(&check), 0);
	(void)unlink(path);
	return seen.n;
}

static int
mend(const struct catalog_finding *f)
{
	static struct catalog_mend op;
	int result = INT32_MAX;

	op = (struct catalog_mend){
	    .finding = *f, .done = on_done, .arg = &result};
	catalog_mend(lab.c, &op);
	wait_for(&result);
	assert_int_equal(result, 0);
	return op.changed;
}

static void
plant(const char *sql)
{
	sqlite3 *db;

	lab.c = catalog_close(lab.c);
	assert_int_equal(sqlite3_open(lab.path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
	assert_int_equal(catalog_open(lab.base, lab.path, &lab.c), 0);
}

/* Chunks of a file are as long as it is. */
static int
put(uint64_t owner, const char *path, uint64_t size, uint32_t n_chunks)
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

static void
fill_bucket(void)
{
	struct catalog_part list[] = {part(1, 6000000), part(3, 5)};
	struct catalog_upload u;

	assert_int_equal(make_bucket(5, "bucket", false), 0);
	assert_int_equal(put_object("bucket", "k", 100, NULL), 0);
	assert_int_equal(open_upload(5, "bucket", "whole", &u), 0);
	assert_int_equal(put_part(&u, 1, 0, 6000000), 0);
	assert_int_equal(put_part(&u, 2, 0, 7000000), 0);
	assert_int_equal(put_part(&u, 3, 0, 5), 0);
	assert_int_equal(complete(&u, list, 2, NULL), 0);
	assert_int_equal(open_upload(5, NULL, "/open", &u), 0);
	assert_int_equal(put_part(&u, 0, 0, 12), 0);
}

/* A version, and a folder that was deleted. */
static void
fill_history(void)
{
	assert_int_equal(
	    catalog_history_default(lab.c, 1000, QUOTA, 1000000), 0);
	assert_int_equal(put(1, "/new", 10, 1), 0);
	assert_int_equal(put(1, "/new", 20, 1), 0);
	assert_int_equal(do_mkdir(1, "/bin/deep", true), 0);
	assert_int_equal(put(1, "/bin/deep/it", 30, 1), 0);
	assert_int_equal(do_delete(1, "/bin"), 0);
	assert_int_equal(catalog_history_default(lab.c, 0, QUOTA, 1000000), 0);
}

#define PAST                                                                 \
	"owner, parent, name, entry, file, size, files, folders, charged,"   \
	" height, reach, modified_at, born, died, gone_at, until, why, own," \
	" held"

static void
fill(void)
{
	fill_bucket();
	fill_history();
	assert_int_equal(do_mkdir(1, "/a/b/c", true), 0);
	assert_int_equal(do_mkdir(1, "/a/empty", true), 0);
	assert_int_equal(put(1, "/a/b/c/one", 10000, 2), 0);
	assert_int_equal(put(1, "/a/two", 20, 1), 0);
	assert_int_equal(put(1, "/three", 30, 1), 0);
	assert_int_equal(put(2, NULL, 5000, 1), 0);
	assert_int_equal(put(3, "/gone/x", 1, 0), CATALOG_NO_PARENT);
	assert_int_equal(do_mkdir(3, "/gone/deep", true), 0);
	assert_int_equal(put(3, "/gone/deep/x", 70, 3), 0);
	assert_int_equal(do_delete(3, "/gone"), 0);
	assert_int_equal(do_mkdir(4, "/left", true), 0);
	assert_int_equal(put(4, "/left/y", 70, 1), 0);
	assert_int_equal(put(4, NULL, 71, 1), 0);
	assert_int_equal(do_drop_user(4), 0);
	assert_int_equal(do_mkdir(1, "/own/in", true), 0);
	assert_int_equal(put(1, "/own/in/it", 9, 2), 0);
	assert_int_equal(do_copy(1, "/own", "/own2", false), 0);
	assert_int_equal(put(1, "/orig", 9, 2), 0);
	assert_int_equal(do_copy(1, "/orig", "/heir", false), 0);
	assert_int_equal(do_delete(1, "/orig"), 0);
}

static void
test_well(void **state)
{
	(void)state;
	fill();
	assert_int_equal(look(NULL), 0);
	while (do_reap())
		assert_int_equal(look(NULL), 0);
	assert_int_equal(look(NULL), 0);
}

/* --- each kind of damage ----------------------------------------------------*/

/* What is known of volumes, and how many rounds it takes. */
static const struct planted {
	const char *sql;
	const char *rule; /* the first that is found */
	bool stays;       /* cannot be mended */
} kinds[] = {
    {"UPDATE users SET used = used + 5 WHERE user = 1", "account", false},
    {"UPDATE users SET files = 0, chunks = 9 WHERE user = 2", "account", false},
    {"UPDATE users SET tree = 1, charged = 3 WHERE user = 1", "account", false},
    {"DELETE FROM users WHERE user = 2", "account", false},
    {"UPDATE entries SET size = size - 1 WHERE name = 'b'", "folder-sums",
	false},
    {"UPDATE entries SET files = 7, folders = 9 WHERE name = 'a'",
	"folder-sums", false},
    {"UPDATE entries SET charged = 0 WHERE name = 'a'", "folder-sums", false},
    {"UPDATE entries SET height = 0 WHERE name = 'a'", "folder-bounds", false},
    {"UPDATE entries SET reach = 1 WHERE name = 'a'", "folder-bounds", false},
    {"UPDATE entries SET size = 999 WHERE name = 'one'", "entry-size", false},
    {"UPDATE entries SET charged = 1 WHERE name = 'one'", "entry-size", false},
    {"UPDATE files SET replicas = 0 WHERE owner = 2", "file-replicas", false},
    {"UPDATE volumes SET chunks = chunks + 3", "volume-chunks", false},
    {"UPDATE replicas SET at = (7 << 32) + 512; DELETE FROM segments",
	"segment-unknown", false},
    {"UPDATE replicas SET at = (7 << 32) + 512;"
     " UPDATE segments SET bytes = bytes + 8",
	"segment-sums", false},
    {"UPDATE files SET chunks = 5 WHERE owner = 2", "file-chunks", true},
    {"UPDATE files SET size = 6000 WHERE owner = 2", "file-chunks", true},
    {"INSERT INTO chunks(id, file, idx, size, md5, crc) VALUES"
     "('00000000000000000000000000000abc', 900, 0, 1, x'00', x'00')",
	"chunk-without-file", false},
    {"INSERT INTO replicas VALUES(7777, 1, 0)", "replica-without-chunk", false},
    {"INSERT INTO replicas SELECT max(chunk), 55, 0 FROM chunks",
	"replica-without-volume", false},
    {"INSERT INTO entries(owner, parent, name, size, modified_at)"
     " VALUES(1, 77, 'lost', 0, 0)",
	"entry-without-folder", false},
    {"UPDATE entries SET parent = (SELECT entry FROM entries WHERE"
     " name = 'two') WHERE name = 'b'",
	"entry-without-folder", false},
    {"UPDATE entries SET parent = (SELECT entry FROM entries WHERE"
     " name = 'c') WHERE name = 'a'",
	"folder-ring", false},
    {"DELETE FROM entries WHERE name = 'one'", "file-without-entry", false},
    {"DELETE FROM files WHERE file = (SELECT file FROM entries WHERE"
     " name = 'two')",
	"entry-without-file", true},
    {"UPDATE files SET tree = 0 WHERE name = 'one' OR file IN"
     " (SELECT file FROM entries WHERE name = 'one')",
	"raw-file-in-tree", false},
    {"UPDATE files SET owner = 2 WHERE file IN"
     " (SELECT file FROM entries WHERE name = 'one')",
	"others-file", true},
    {"INSERT INTO trash(volume, id) SELECT r.volume, c.id FROM chunks c"
     " JOIN replicas r ON r.chunk = c.chunk LIMIT 1",
	"trash-that-is-kept", false},
    {"INSERT INTO trash(volume, id) VALUES(66, 'x')", "trash-without-volume",
	false},
    {"INSERT INTO going_files(file, owner) SELECT file, owner FROM files"
     " WHERE owner = 2",
	"going-file-that-is-kept", false},
    {"INSERT INTO going(owner, folder) SELECT owner, entry FROM entries"
     " WHERE name = 'b'",
	"going-folder-that-is-kept", false},
    {"INSERT INTO damage VALUES(8888, 1, 1, 1)", "damage-without-chunk", false},
    {"INSERT INTO damage SELECT chunk, 4444, 1, 1 FROM chunks LIMIT 1",
	"damage-of-other-file", false},
    {"UPDATE files SET parts = 3 WHERE parts = 2", "file-parts", true},
    {"DELETE FROM files WHERE file IN (SELECT file FROM parts WHERE"
     " offset > 0)",
	"part-without-file", true},
    {"DELETE FROM parts WHERE offset > 0", "part-of-nothing", true},
    {"DELETE FROM files WHERE tree = 2 AND parts = 0", "object-without-file",
	true},
    {"DELETE FROM objects WHERE size = 100", "file-without-object", true},
    {"UPDATE objects SET bucket = 77 WHERE size = 100", "object-without-bucket",
	true},
    {"UPDATE objects SET size = 7, charged = 7 WHERE size = 100", "object-size",
	false},
    {"UPDATE uploads SET size = 1, parts = 4, charged = 9", "upload-sums",
	false},
    {"UPDATE chunks SET code = 513 WHERE file IN"
     " (SELECT file FROM files WHERE owner = 2)",
	"stripe-parity", true},
    {"UPDATE chunks SET code = 513 WHERE file IN"
     " (SELECT file FROM files WHERE owner = 2);"
     " INSERT INTO chunks(id, file, idx, size, md5, crc, code)"
     " SELECT '00000000000000000000000000000abd', file, -1, size, md5, crc,"
     " 513 FROM chunks WHERE code = 513; INSERT INTO replicas"
     " SELECT (SELECT max(chunk) FROM chunks), volume, 0 FROM replicas"
     " WHERE chunk = (SELECT chunk FROM chunks WHERE code = 513 LIMIT 1)",
	"stripe-volume", true},
    {"INSERT INTO policies VALUES(1, 9999, 513, 0)", "policy-folder", false},
    {"UPDATE buckets SET owner = 6", "account", false},
    {"DELETE FROM files WHERE tree = 4", "past-without-file", true},
    {"UPDATE files SET tree = 0 WHERE tree = 4", "past-of-other-home", false},
    {"INSERT INTO entries(owner, parent, name, file, size, charged,"
     " modified_at) SELECT owner, 0, 'both', file, size, charged, 0 FROM past"
     " WHERE file IS NOT NULL; UPDATE files SET tree = 1 WHERE tree = 4",
	"past-of-entry", false},
    {"INSERT INTO past(" PAST ") SELECT " PAST " FROM past", "past-twice",
	false},
    {"UPDATE past SET parent = 7777", "past-without-folder", false},
    {"INSERT INTO going(owner, folder) SELECT owner, entry FROM past"
     " WHERE file IS NULL",
	"past-that-goes", false},
    {"DELETE FROM past WHERE file IS NOT NULL", "file-without-past", false},
    {"UPDATE past SET size = 1, charged = 2 WHERE file IS NOT NULL",
	"past-size", false},
    {"UPDATE past SET files = 9 WHERE file IS NULL", "past-sums", false},
    {"DELETE FROM past WHERE file IS NULL", "entry-without-folder", false},
    {"UPDATE users SET history = 1, held = 5", "history", false},
    {"UPDATE sqlite_sequence SET seq = 1 WHERE name = 'files'", "next-file",
	false},
    {"DELETE FROM sqlite_sequence WHERE name = 'chunks'", "next-chunk", false},
    {"UPDATE events SET change = 9 WHERE owner = 1 AND seq = 2",
	"event-unreadable", false},
    {"UPDATE events SET thing = -1 WHERE owner = 1 AND seq ="
     " (SELECT max(seq) FROM events WHERE owner = 1)",
	"event-unreadable", false},
    {"UPDATE events SET seq = -5 WHERE owner = 2 AND seq = 1",
	"event-unreadable", false},
    {"UPDATE events SET owner = 77 WHERE owner = 2", "events-of-nobody", false},
    {"INSERT INTO locks VALUES(1, 999, 1 << 40, 0)", "lock-of-nothing", false},
    {"INSERT INTO locks VALUES(2, (SELECT entry FROM entries WHERE"
     " name = 'c'), 0, 1 << 40)",
	"lock-of-nothing", false},
    {"INSERT INTO locks SELECT owner, entry, 1 << 40, 0 FROM entries"
     " WHERE name = 'c'",
	"lock-below", false},
};

static bool
is_among(const char *rule)
{
	for (int i = 0; i < seen.n && i < FOUND_MAX; i++)
		if (strcmp(seen.all[i].rule, rule) == 0)
			return true;
	return false;
}

static int
mend_rounds(void)
{
	int rounds = 0;

	while (seen.n > 0 && rounds < 4) {
		for (int i = 0; i < seen.n && i < FOUND_MAX; i++)
			if (seen.all[i].mendable)
				(void)mend(&seen.all[i]);
		rounds++;
		(void)look(NULL);
	}
	return rounds;
}

static void
test_each_kind(void **state)
{
	char backup[160], command[400];

	(void)state;
	fill();
	lab.c = catalog_close(lab.c);
	(void)snprintf(backup, sizeof(backup), "%s.well", lab.path);
	(void)snprintf(command, sizeof(command), "cp %s %s", lab.path, backup);
	assert_int_equal(system(command), 0);
	(void)snprintf(command, sizeof(command), "cp %s %s", backup, lab.path);
	for (size_t i = 0; i < NX_ARRAY_SIZE(kinds); i++) {
		lab.c = catalog_close(lab.c);
		assert_int_equal(system(command), 0);
		plant(kinds[i].sql);
		if (look(NULL) == 0 || !is_among(kinds[i].rule))
			fail_msg("%s: %s is not found, but %d: %s",
			    kinds[i].sql, kinds[i].rule, seen.n,
			    seen.all[0].rule);
		(void)mend_rounds();
		if ((seen.n > 0) != kinds[i].stays)
			fail_msg("%s: %d are left, %s: %s", kinds[i].sql,
			    seen.n, seen.all[0].rule, seen.all[0].text);
	}
	(void)unlink(backup);
}

/* Every rule has its kind of damage above. */
static void
test_no_rule_without_damage(void **state)
{
	static const char *const elsewhere[] = {"next-entry", "next-volume",
	    "next-bucket", "next-object", "next-past"};

	(void)state;
	for (size_t i = 0; i < catalog_rules_count; i++) {
		const char *name = catalog_rules[i].name;
		size_t k = 0;

		while (k < NX_ARRAY_SIZE(kinds) &&
		    strcmp(kinds[k].rule, name) != 0)
			k++;
		for (size_t e = 0; e < NX_ARRAY_SIZE(elsewhere); e++)
			if (strcmp(elsewhere[e], name) == 0)
				k = 0;
		if (k == NX_ARRAY_SIZE(kinds))
			fail_msg("nothing plants what %s finds", name);
	}
}

/* --- beside others ----------------------------------------------------------*/

static void
change(void)
{
	static unsigned n;
	char path[64];

	n++;
	(void)snprintf(path, sizeof(path), "/a/b/n%u", n % 50);
	assert_int_equal(put(1, path, n, 1), 0);
	if (n % 7 == 0)
		(void)do_delete(1, path);
	if (n % 11 == 0) {
		assert_int_equal(do_move(1, "/a/b", "/z", false), 0);
		assert_int_equal(do_move(1, "/z", "/a/b", false), 0);
	}
}

static void
change_much(void)
{
	static unsigned n;

	for (unsigned i = 0; i < 11; i++, n++)
		change();
	(void)do_reap();
}

/* It is one moment that is looked at, though there never is silence. */
static void
test_beside_others(void **state)
{
	(void)state;
	fill();
	for (int i = 0; i < 5; i++)
		if (look(change_much) != 0)
			fail_msg("%s: %s", seen.all[0].rule, seen.all[0].text);
}

/* A difference stays right, whatever others did since it was seen. */
static void
test_mends_beside_others(void **state)
{
	(void)state;
	fill();
	plant("UPDATE users SET used = used + 5, files = files + 2"
	      " WHERE user = 1; UPDATE entries SET size = size + 44"
	      " WHERE name = 'a'");
	assert_int_equal(look(NULL), 2);
	for (int i = 0; i < 10; i++)
		change();
	for (int i = 0; i < 2; i++)
		assert_int_equal(mend(&seen.all[i]), 1);
	assert_int_equal(look(NULL), 0);
	recount();
}

/* --- pages ------------------------------------------------------------------*/

static void
test_bad_pages(void **state)
{
	char zeros[4096] = {0};
	struct stat st;
	int fd;

	(void)state;
	fill();
	lab.c = catalog_close(lab.c);
	assert_int_equal(stat(lab.path, &st), 0);
	for (off_t at = 4096; at < st.st_size; at += 4096) {
		struct catalog_check check = {
		    .path = lab.path, .found = on_found};
		char page[4096];

		fd = open(lab.path, O_RDWR | O_CLOEXEC);
		assert_int_equal(pread(fd, page, 4096, at), 4096);
		assert_int_equal(pwrite(fd, zeros, 4096, at), 4096);
		memset(&seen, 0, sizeof(seen));
		assert_int_equal(catalog_check(&check), 0);
		if (seen.n == 0 && memcmp(page, zeros, 4096) != 0)
			fail_msg("page %d is not missed", (int)(at / 4096));
		assert_int_equal(pwrite(fd, page, 4096, at), 4096);
		close(fd);
	}
	assert_int_equal(catalog_open(lab.base, lab.path, &lab.c), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_well),
	    T(test_each_kind),
	    T(test_no_rule_without_damage),
	    T(test_beside_others),
	    T(test_mends_beside_others),
	    T(test_bad_pages),
	};

	lab.place = "/tmp";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
