/*
 * The log of what changed, in the catalogue alone: every change has one line, by
 * the transaction that makes it and by no other; it is bounded by itself, from
 * its beginning; numbers go on whatever happens.
 */
#include "storaged_history_lab.h"

#define BOUND 100

static struct {
	char text[1 << 16];
	uint64_t first, last;
	unsigned n;
	bool gap;
} log_;

static bool
add(const struct catalog_event *e, void *arg)
{
	static const char *const changes[] = {
	    "created", "changed", "deleted", "moved", "purged"};
	static const char *const things[] = {
	    "file", "folder", "raw", "object", "bucket"};
	size_t at = strlen(log_.text);

	(void)arg;
	if (log_.n++ == 0)
		log_.first = e->seq;
	else
		log_.gap |= e->seq != log_.last + 1;
	log_.last = e->seq;
	if (at < sizeof(log_.text) - 8192)
		(void)snprintf(log_.text + at, sizeof(log_.text) - at,
		    "%s %s %.*s%s%s %llu;", changes[e->change],
		    things[e->thing], (int)e->place_len, e->place,
		    e->old ? " < " : "", e->old ? e->old : "",
		    (unsigned long long)e->size);
	return true;
}

static const char *
told(uint64_t user, uint64_t after)
{
	memset(&log_, 0, sizeof(log_));
	assert_int_equal(catalog_events_read(lab.c, user, after, add, NULL), 0);
	return log_.text;
}

static uint64_t
last_of(uint64_t user)
{
	uint64_t first, last;

	assert_int_equal(catalog_events_span(lab.c, user, &first, &last), 0);
	return last;
}

static void
trim(uint64_t before)
{
	struct catalog_events_trim op = {.before = before, .done = on_done};
	int result;

	do {
		result = INT32_MAX;
		op.arg = &result;
		catalog_events_trim(lab.c, &op);
		wait_for(&result);
		assert_int_equal(result, 0);
	} while (op.more);
}

/* --- each change ------------------------------------------------------------*/

static void
test_each_change(void **state)
{
	char id[NX_ID_LEN + 1], raw[NX_ID_LEN + 1];

	(void)state;
	assert_int_equal(do_mkdir(1, "/a/b", true), 0);
	assert_int_equal(do_mkdir(1, "/a/b", true), 0); /* changes nothing */
	assert_int_equal(do_put(1, "/a/f", 10, 1, QUOTA, NULL), 0);
	assert_int_equal(do_put(1, "/a/f", 11, 1, QUOTA, id), 0);
	assert_int_equal(do_put(1, NULL, 12, 1, QUOTA, raw), 0);
	assert_int_equal(do_move(1, "/a/f", "/g", false), 0);
	assert_int_equal(do_move(1, "/g", "/g", false), 0); /* nor that */
	assert_int_equal(do_put(1, "/h", 13, 1, QUOTA, NULL), 0);
	assert_int_equal(do_move(1, "/h", "/g", true), 0);
	assert_int_equal(do_copy(1, "/g", "/a/b/c", false), 0);
	assert_int_equal(do_copy(1, "/g", "/a/b/c", true), 0);
	assert_int_equal(do_copy(1, "/a", "/copy", false), 0);
	assert_int_equal(do_move(1, "/a", "/z", false), 0);
	assert_int_equal(do_delete(1, "/z"), 0);
	assert_int_equal(do_remove(1, raw), 0);
	assert_string_equal(told(1, 0),
	    "created folder /a 0;created folder /a/b 0;created file /a/f 10;"
	    "changed file /a/f 11;created raw raw 12;"
	    "moved file /g < /a/f 11;created file /h 13;"
	    "moved file /g < /h 13;created file /a/b/c 13;"
	    "changed file /a/b/c 13;created folder /copy 13;"
	    "moved folder /z < /a 13;deleted folder /z 13;"
	    "deleted raw raw 12;");
	assert_int_equal(log_.first, 1);
	assert_false(log_.gap);
}

/* What comes back is told as what it is now, where it is now; giving up what was
 * is no change of what is. */
static void
test_history(void **state)
{
	(void)state;
	keep(1000, QUOTA);
	assert_int_equal(do_mkdir(1, "/d", false), 0);
	assert_int_equal(put_file(1, "/d/f", 10, 1), 0);
	assert_int_equal(put_file(1, "/d/f", 20, 1), 0);
	assert_int_equal(versions(1, "/d/f"), 1);
	assert_int_equal(restore_over(1, "/d/f", pasts[0].past), 0);
	assert_int_equal(do_delete(1, "/d"), 0);
	assert_int_equal(restore(1, "/d/f", 0, NULL), CATALOG_NO_PARENT);
	assert_int_equal(restore(1, "/d", 0, "/e"), 0);
	assert_int_equal(restore(1, "/e", 0, NULL), CATALOG_NO_VERSION);
	assert_int_equal(purge(1, "/e/f", 0), 0);
	assert_string_equal(told(1, 0),
	    "created folder /d 0;created file /d/f 10;changed file /d/f 20;"
	    "changed file /d/f 10;deleted folder /d 10;created folder /e 10;");
	assert_int_equal(log_.first, 1);
	assert_false(log_.gap);
	check();
}

/* Of what is kept with parity, the size is the file's, as of any. */
static void
test_parity(void **state)
{
	uint32_t code = catalog_code((struct erasure){2, 1});
	static struct put p;

	(void)state;
	put_start(&p, 1, "/f", 20, 3);
	for (unsigned i = 0; i < 3; i++) {
		p.chunks[i].code = code;
		p.chunks[i].index = catalog_part_index(0, i, code);
		p.chunks[i].sums.size = 10;
	}
	catalog_commit(lab.c, &p.op);
	wait_for(&p.result);
	free(p.chunks);
	assert_int_equal(p.result, 0);
	assert_int_equal(
	    number("SELECT count(*) FROM chunks WHERE idx < 0"), 1);
	assert_int_equal(do_copy(1, "/f", "/g", false), 0);
	assert_int_equal(do_delete(1, "/f"), 0);
	assert_string_equal(told(1, 0),
	    "created file /f 20;created file /g 20;deleted file /f 20;");
}

/* A file that is deleted by its id is told by its path, as long as may be. */
static void
test_by_id(void **state)
{
	char path[PATH_BYTES_MAX + 1] = "", id[NX_ID_LEN + 1];
	size_t len = 0;

	(void)state;
	for (int i = 0; i < 15; i++) {
		path[len++] = '/';
		memset(path + len, 'a' + i, PATH_NAME_MAX);
		len += PATH_NAME_MAX;
		path[len] = '\0';
		assert_int_equal(do_mkdir(1, path, false), 0);
	}
	path[len++] = '/';
	memset(path + len, 'x', PATH_BYTES_MAX - len);
	path[PATH_BYTES_MAX] = '\0';
	assert_int_equal(do_put(1, path, 5, 1, QUOTA, id), 0);
	assert_int_equal(do_remove(1, id), 0);
	(void)told(1, 16);
	assert_int_equal(log_.n, 1);
	assert_memory_equal(log_.text, "deleted file ", 13);
	assert_memory_equal(log_.text + 13, path, PATH_BYTES_MAX);
	assert_string_equal(log_.text + 13 + PATH_BYTES_MAX, " 5;");
}

/* What is refused is not told, also when it is found out at the very end, beside
 * others in one transaction, whose numbers have no gap by it. */
static void
test_undone(void **state)
{
	static const char *const paths[] = {"/1", "/2", "/3", "/4"};
	struct put *p = calloc(8, sizeof(*p));
	bool failed = false;

	(void)state;
	assert_int_equal(do_put(1, "/0", 1, 1, QUOTA, NULL), 0);
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 4; i++) {
			put_start(&p[2 * i], 1, paths[i], 5000, 1);
			put_start(&p[2 * i + 1], 2, paths[i], 5000, 1);
			p[2 * i + 1].op.quota = 100; /* too much */
			catalog_commit(lab.c, &p[2 * i].op);
			catalog_commit(lab.c, &p[2 * i + 1].op);
		}
		for (int i = 0; i < 8; i++) {
			wait_for(&p[i].result);
			failed |= p[i].result == CATALOG_OVER_QUOTA;
			assert_int_equal(
			    p[i].result, i % 2 ? CATALOG_OVER_QUOTA : 0);
			free(p[i].chunks);
		}
	}
	assert_true(failed);
	(void)told(1, 0);
	assert_int_equal(log_.n, 81);
	assert_int_equal(log_.first, 1);
	assert_int_equal(log_.last, 81);
	assert_false(log_.gap);
	assert_string_equal(told(2, 0), "");
	assert_int_equal(do_mkdir(1, "/1", false), CATALOG_TAKEN);
	assert_int_equal(do_delete(1, "/none"), CATALOG_NO_PATH);
	assert_int_equal(do_move(1, "/none", "/x", false), CATALOG_NO_PATH);
	assert_int_equal(last_of(1), 81);
	free(p);
}

/* --- bounds -----------------------------------------------------------------*/

static void
test_bound(void **state)
{
	(void)state;
	catalog_events_keep(lab.c, BOUND);
	assert_int_equal(do_mkdir(2, "/others", false), 0);
	for (int i = 0; i < 500; i++) {
		assert_int_equal(do_put(1, "/f", 1, 1, QUOTA, NULL), 0);
		if (i % 100 == 99) {
			(void)told(1, 0);
			assert_true(log_.n <= BOUND + 64);
			assert_true(log_.n >= BOUND);
			assert_false(log_.gap);
			assert_int_equal(log_.last, (uint64_t)i + 1);
		}
	}
	assert_string_equal(told(2, 0), "created folder /others 0;");
	/* More were kept before: it takes a few steps. */
	catalog_events_keep(lab.c, 1000000);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(do_put(1, "/f", 1, 1, QUOTA, NULL), 0);
	catalog_events_keep(lab.c, BOUND);
	trim(0);
	(void)told(1, 0);
	assert_int_equal(log_.n, BOUND);
	assert_int_equal(log_.last, 1500);
	assert_false(log_.gap);
}

static void
alter(const char *sql)
{
	assert_int_equal(
	    sqlite3_exec(nx_db_handle(lab.c->db), sql, NULL, NULL, NULL),
	    SQLITE_OK);
}

static void
test_age(void **state)
{
	(void)state;
	for (uint64_t user = 1; user < 4; user++)
		for (int i = 0; i < 300; i++)
			assert_int_equal(
			    do_put(user, "/f", 1, 1, QUOTA, NULL), 0);
	alter("UPDATE events SET at = 1000 WHERE owner = 1");
	alter("UPDATE events SET at = 1000 WHERE owner = 2 AND seq <= 270");
	/* A clock that went back: nothing is taken from within. */
	alter("UPDATE events SET at = 1000 WHERE owner = 3 AND seq > 10");
	trim(2000);
	(void)told(1, 0);
	assert_int_equal(log_.n, 1); /* the last one stays */
	assert_int_equal(log_.last, 300);
	(void)told(2, 0);
	assert_int_equal(log_.first, 271);
	assert_int_equal(log_.n, 30);
	(void)told(3, 0);
	assert_int_equal(log_.n, 300);
	assert_int_equal(do_put(1, "/f", 1, 1, QUOTA, NULL), 0);
	assert_int_equal(last_of(1), 301);
	reopen();
	assert_int_equal(do_put(1, "/f", 1, 1, QUOTA, NULL), 0);
	assert_int_equal(last_of(1), 302);
}

/* --- who is told, and who leaves --------------------------------------------*/

static unsigned heard;

static void
hear(uint64_t user, void *arg)
{
	(void)arg;
	if (user == 1)
		heard++;
}

static void
test_watch(void **state)
{
	(void)state;
	catalog_events_watch(lab.c, hear, NULL);
	assert_int_equal(do_mkdir(1, "/a", false), 0);
	assert_int_equal(do_mkdir(2, "/a", false), 0);
	assert_int_equal(do_mkdir(1, "/a", false), CATALOG_TAKEN);
	assert_int_equal(heard, 1);
	catalog_events_watch(lab.c, NULL, NULL);
	assert_int_equal(do_mkdir(1, "/b", false), 0);
	assert_int_equal(heard, 1);
}

static void
test_leaving(void **state)
{
	(void)state;
	for (int i = 0; i < 600; i++)
		assert_int_equal(do_put(1, "/f", 1, 1, QUOTA, NULL), 0);
	assert_int_equal(do_mkdir(2, "/a", false), 0);
	assert_int_equal(do_drop_user(1), 0);
	assert_int_equal(do_mkdir(1, "/a", false), CATALOG_NO_USER);
	while (do_reap())
		;
	assert_int_equal(
	    number("SELECT count(*) FROM events WHERE owner = 1"), 0);
	assert_int_equal(number("SELECT count(*) FROM users"), 1);
	assert_string_equal(told(2, 0), "created folder /a 0;");
}

/* A row that somebody else's hand has moved stops nobody. */
static void
test_moved_on(void **state)
{
	(void)state;
	assert_int_equal(do_mkdir(1, "/a", false), 0);
	alter("UPDATE events SET seq = 2");
	assert_int_equal(do_mkdir(1, "/b", false), 0);
	assert_string_equal(
	    told(1, 0), "created folder /a 0;created folder /b 0;");
	assert_int_equal(log_.last, 3);
	alter("UPDATE events SET change = 7 WHERE seq = 3");
	assert_int_equal(catalog_events_read(lab.c, 1, 0, add, NULL), -EBADMSG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_each_change),
	    T(test_history),
	    T(test_parity),
	    T(test_by_id),
	    T(test_undone),
	    T(test_bound),
	    T(test_age),
	    T(test_watch),
	    T(test_leaving),
	    T(test_moved_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
