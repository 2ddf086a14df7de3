/*
 * Buckets in the catalogue: names, keys, versions, locks, conditions and lists,
 * each against what S3 says; what they count is recounted from the rows.
 */
#include "storaged_bucket_lab.h"

static void
test_buckets(void **state)
{
	struct catalog_bucket list[4], b;

	(void)state;
	assert_int_equal(make_bucket(1, "one", false), 0);
	assert_int_equal(make_bucket(1, "one", false), CATALOG_TAKEN);
	assert_int_equal(make_bucket(2, "one", false), CATALOG_BUCKET_TAKEN);
	assert_int_equal(make_bucket(2, "two", false), 0);
	assert_int_equal(make_bucket(1, "three", true), 0);
	assert_int_equal(
	    catalog_bucket_find(lab.c, 2, "one", &b), CATALOG_NO_BUCKET);
	assert_int_equal(catalog_bucket_list(lab.c, 1, "", list, 4), 2);
	assert_string_equal(list[0].name, "one");
	assert_string_equal(list[1].name, "three");
	assert_true(list[1].lockable);
	recount();
	assert_int_equal(put_object("one", "k", 5, NULL), 0);
	assert_int_equal(delete_bucket(1, "one"), CATALOG_BUCKET_FULL);
	assert_int_equal(delete_bucket(2, "one"), CATALOG_NO_BUCKET);
	assert_int_equal(remove_object("one", "k", NULL, false, NULL), 0);
	assert_int_equal(delete_bucket(1, "one"), 0);
	assert_int_equal(make_bucket(2, "one", false), 0);
	recount();
}

static void
test_keys(void **state)
{
	static const char *const keys[] = {
	    "a", "a/b", "a//b", "//", "..", "a/", "a/..", "\xff\xfe", "."};
	struct catalog_object o;

	(void)state;
	assert_int_equal(make_bucket(1, "keys", false), 0);
	for (size_t i = 0; i < NX_ARRAY_SIZE(keys); i++)
		assert_int_equal(put_object("keys", keys[i], i + 1, NULL), 0);
	for (size_t i = 0; i < NX_ARRAY_SIZE(keys); i++) {
		assert_int_equal(find_object("keys", keys[i], NULL, &o), 0);
		assert_int_equal(o.size, i + 1);
	}
	assert_string_equal(list_all_pages("keys", "", "", false, 2),
	    ".! ..! //! a! a/! a/..! a//b! a/b! \xff\xfe!");
	assert_string_equal(list_all_pages("keys", "", "/", false, 2),
	    ".! ..! /* a! a/* \xff\xfe!");
	assert_string_equal(
	    list_all_pages("keys", "a/", "/", false, 1), "a/! a/..! a//* a/b!");
	recount();
	/* replaced: the old content goes, and counts no more */
	assert_int_equal(put_object("keys", "a", 70000, NULL), 0);
	recount();
	while (do_reap())
		;
	assert_int_equal(number("SELECT count(*) FROM chunks"), 9);
	recount();
}

static void
test_quota(void **state)
{
	struct object_more more = {.quota = 10000};
	struct catalog_object o;

	(void)state;
	assert_int_equal(make_bucket(1, "small", false), 0);
	assert_int_equal(put_object("small", "a", 5000, &more), 0);
	assert_int_equal(
	    put_object("small", "b", 5000, &more), CATALOG_OVER_QUOTA);
	assert_int_equal(find_object("small", "b", NULL, &o), CATALOG_NO_KEY);
	assert_int_equal(put_object("small", "a", 9000, &more), 0);
	more.meta = "12345678";
	assert_int_equal(
	    put_object("small", "a", 9481, &more), CATALOG_OVER_QUOTA);
	assert_int_equal(put_object("small", "a", 9480, &more), 0);
	recount();
}

static void
test_conditions(void **state)
{
	struct object_more absent = {.condition = {.absent = true}};
	struct object_more match = {
	    .condition = {.n_match = 1, .match = {{"one"}}}, .etag = "two"};
	struct object_more plain = {.etag = "one"};

	(void)state;
	assert_int_equal(make_bucket(1, "cond", false), 0);
	assert_int_equal(put_object("cond", "k", 1, &match), CATALOG_UNMET);
	assert_int_equal(put_object("cond", "k", 1, &absent), 0);
	assert_int_equal(put_object("cond", "k", 1, &absent), CATALOG_UNMET);
	assert_int_equal(put_object("cond", "k", 1, &match), CATALOG_UNMET);
	assert_int_equal(put_object("cond", "k", 1, &plain), 0);
	assert_int_equal(put_object("cond", "k", 1, &match), 0);
	assert_int_equal(put_object("cond", "k", 1, &match), CATALOG_UNMET);
	/* a marker is nothing */
	assert_int_equal(
	    set_bucket("cond", CATALOG_VERSIONS_ON, CATALOG_UNLOCKED, 0), 0);
	assert_int_equal(remove_object("cond", "k", NULL, false, NULL), 0);
	assert_int_equal(put_object("cond", "k", 1, &match), CATALOG_UNMET);
	assert_int_equal(put_object("cond", "k", 1, &absent), 0);
	recount();
}

#define RACERS 1000

static void
test_one_winner(void **state)
{
	struct catalog_object_put *objects = calloc(RACERS, sizeof(*objects));
	struct put *puts = calloc(RACERS, sizeof(*puts));
	int64_t key;
	int won = 0;

	(void)state;
	assert_int_equal(make_bucket(1, "race", false), 0);
	key = bucket("race").key;
	for (int i = 0; i < RACERS; i++) {
		objects[i] = (struct catalog_object_put){
		    .bucket = key, .key = key_of("k")};
		put_start(&puts[i], 1, NULL, 1, 1);
		puts[i].op.object = &objects[i];
		puts[i].op.condition.absent = true;
		catalog_commit(lab.c, &puts[i].op);
	}
	for (int i = 0; i < RACERS; i++) {
		wait_for(&puts[i].result);
		won += puts[i].result == 0;
		assert_true(
		    puts[i].result == 0 || puts[i].result == CATALOG_UNMET);
		free(puts[i].chunks);
	}
	assert_int_equal(won, 1);
	assert_int_equal(number("SELECT count(*) FROM chunks"), 1);
	free(puts);
	free(objects);
	recount();
}

/* --- versions ---------------------------------------------------------------*/

/* Two who looked at the same moment: what one changes the other leaves. */
static void
test_two_changes(void **state)
{
	int results[2] = {INT32_MAX, INT32_MAX};
	struct catalog_bucket_op lock, versions;

	(void)state;
	assert_int_equal(make_bucket(1, "both", true), 0);
	lock = versions = (struct catalog_bucket_op){
	    .bucket = bucket("both"), .done = on_done};
	lock.arg = &results[0];
	versions.arg = &results[1];
	lock.lock = true;
	lock.bucket.mode = CATALOG_COMPLIANCE;
	lock.bucket.days = 7;
	lock.bucket.versions = CATALOG_VERSIONS_OFF;
	versions.bucket.versions = CATALOG_VERSIONS_ON;
	catalog_bucket_set(lab.c, &lock);
	catalog_bucket_set(lab.c, &versions);
	wait_for(&results[0]);
	wait_for(&results[1]);
	assert_int_equal(results[0] | results[1], 0);
	assert_int_equal(bucket("both").mode, CATALOG_COMPLIANCE);
	assert_int_equal(bucket("both").days, 7);
	assert_int_equal(versions.bucket.days, 7); /* and is told */
	assert_int_equal(delete_bucket(1, "both"), 0);
}

static void
test_versions(void **state)
{
	struct object_more one = {.etag = "1"}, two = {.etag = "2"};
	struct catalog_object_remove gone;
	struct catalog_object o;

	(void)state;
	assert_int_equal(make_bucket(1, "v", false), 0);
	assert_int_equal(put_object("v", "k", 1, NULL), 0);
	assert_int_equal(
	    set_bucket("v", CATALOG_VERSIONS_ON, CATALOG_UNLOCKED, 0), 0);
	assert_int_equal(put_object("v", "k", 2, &one), 0);
	assert_int_equal(put_object("v", "k", 3, &two), 0);
	assert_true(one.version[0] && two.version[0]);
	assert_string_equal(list_all_pages("v", "", "", true, 1), "k! k k");
	assert_int_equal(find_object("v", "k", NULL, &o), 0);
	assert_int_equal(o.size, 3);
	assert_int_equal(find_object("v", "k", "null", &o), 0);
	assert_int_equal(o.size, 1);
	assert_int_equal(find_object("v", "k", one.version, &o), 0);
	assert_int_equal(o.size, 2);
	assert_int_equal(
	    find_object("v", "other", one.version, &o), CATALOG_NO_KEY);
	/* a marker hides it; taken away it is there again */
	assert_int_equal(remove_object("v", "k", NULL, false, &gone), 0);
	assert_true(gone.made_marker && gone.marker[0]);
	assert_string_equal(list_all_pages("v", "", "", false, 10), "");
	assert_string_equal(list_all_pages("v", "", "", true, 3), "k-! k k k");
	assert_int_equal(remove_object("v", "k", gone.marker, false, &gone), 0);
	assert_true(gone.was_marker);
	assert_string_equal(list_all_pages("v", "", "", false, 10), "k!");
	/* the newest goes, the next is current */
	assert_int_equal(remove_object("v", "k", two.version, false, NULL), 0);
	assert_int_equal(find_object("v", "k", NULL, &o), 0);
	assert_string_equal(o.version, one.version);
	recount();
	/* suspended: the null version is replaced, the others stay */
	assert_int_equal(
	    set_bucket("v", CATALOG_VERSIONS_SUSPENDED, CATALOG_UNLOCKED, 0),
	    0);
	assert_int_equal(put_object("v", "k", 4, NULL), 0);
	assert_string_equal(list_all_pages("v", "", "", true, 2), "k! k");
	assert_int_equal(find_object("v", "k", "null", &o), 0);
	assert_int_equal(o.size, 4);
	assert_int_equal(remove_object("v", "k", NULL, false, &gone), 0);
	assert_string_equal(gone.marker, "");
	assert_string_equal(list_all_pages("v", "", "", true, 2), "k-! k");
	assert_int_equal(remove_object("v", "k", "null", false, NULL), 0);
	assert_string_equal(list_all_pages("v", "", "", false, 2), "k!");
	assert_int_equal(
	    set_bucket("v", CATALOG_VERSIONS_OFF, CATALOG_UNLOCKED, 0), 0);
	assert_int_equal(bucket("v").versions, CATALOG_VERSIONS_SUSPENDED);
	recount();
}

static void
test_locks(void **state)
{
	uint64_t now = catalog_clock(lab.c);
	struct object_more kept = {
	    .lock = {.mode = CATALOG_COMPLIANCE, .until = now + 1000}};
	struct object_more soft = {
	    .lock = {.mode = CATALOG_GOVERNANCE, .until = now + 1000}};
	struct catalog_lock hold = {.hold = true}, none = {0};
	struct catalog_lock longer = {CATALOG_COMPLIANCE, now + 2000, false};
	struct catalog_lock shorter = {CATALOG_COMPLIANCE, now + 500, false};
	struct catalog_object o;
	const char *v;

	(void)state;
	assert_int_equal(make_bucket(1, "plain", false), 0);
	assert_int_equal(
	    put_object("plain", "k", 1, &kept), CATALOG_NOT_LOCKABLE);
	assert_int_equal(make_bucket(1, "lock", true), 0);
	assert_int_equal(
	    set_bucket("lock", CATALOG_VERSIONS_SUSPENDED, CATALOG_UNLOCKED, 0),
	    CATALOG_LOCKABLE);
	assert_int_equal(put_object("lock", "k", 1, &kept), 0);
	v = kept.version;
	assert_int_equal(
	    remove_object("lock", "k", v, true, NULL), CATALOG_LOCKED);
	assert_int_equal(
	    lock_object("lock", "k", v, shorter, true, false, true),
	    CATALOG_LOCKED);
	assert_int_equal(lock_object("lock", "k", v, none, true, false, true),
	    CATALOG_LOCKED);
	assert_int_equal(
	    lock_object("lock", "k", v, longer, true, false, false), 0);
	assert_int_equal(find_object("lock", "k", v, &o), 0);
	assert_int_equal(o.lock.until, now + 2000);
	/* hidden by a marker it is still kept */
	assert_int_equal(remove_object("lock", "k", NULL, false, NULL), 0);
	assert_int_equal(
	    remove_object("lock", "k", v, true, NULL), CATALOG_LOCKED);
	assert_int_equal(delete_bucket(1, "lock"), CATALOG_BUCKET_FULL);
	/* governance, for who says so */
	assert_int_equal(put_object("lock", "g", 1, &soft), 0);
	assert_int_equal(remove_object("lock", "g", soft.version, false, NULL),
	    CATALOG_LOCKED);
	assert_int_equal(
	    lock_object("lock", "g", soft.version, hold, false, true, false),
	    0);
	assert_int_equal(remove_object("lock", "g", soft.version, true, NULL),
	    CATALOG_LOCKED);
	assert_int_equal(
	    lock_object("lock", "g", soft.version, none, false, true, false),
	    0);
	assert_int_equal(
	    remove_object("lock", "g", soft.version, true, NULL), 0);
	/* of all that come: what the bucket says */
	assert_int_equal(
	    set_bucket("lock", CATALOG_VERSIONS_ON, CATALOG_COMPLIANCE, 2), 0);
	assert_int_equal(put_object("lock", "d", 1, NULL), 0);
	assert_int_equal(find_object("lock", "d", NULL, &o), 0);
	assert_int_equal(o.lock.mode, CATALOG_COMPLIANCE);
	assert_true(o.lock.until >= now + 2 * 86400);
	recount();
}

/* The clock is set back: what was seen stays seen. */
static void
test_clock(void **state)
{
	struct object_more kept = {.lock = {.mode = CATALOG_COMPLIANCE}};
	struct catalog_object o;

	(void)state;
	assert_int_equal(make_bucket(1, "lock", true), 0);
	assert_int_equal(
	    set_bucket("lock", CATALOG_VERSIONS_ON, CATALOG_COMPLIANCE, 1), 0);
	/* as if the time had been a year from now once */
	assert_int_equal(number("UPDATE clock SET seen = seen + 31536000"
				" RETURNING 1"),
	    1);
	kept.lock.until = (uint64_t)time(NULL) + 86400;
	assert_true(catalog_clock(lab.c) > kept.lock.until);
	assert_int_equal(put_object("lock", "old", 1, &kept), 0);
	assert_int_equal(
	    remove_object("lock", "old", kept.version, false, NULL), 0);
	assert_int_equal(put_object("lock", "new", 1, NULL), 0);
	assert_int_equal(find_object("lock", "new", NULL, &o), 0);
	assert_true(o.lock.until > (uint64_t)time(NULL) + 31536000);
	reopen();
	assert_true(catalog_clock(lab.c) > (uint64_t)time(NULL) + 31000000);
}

/* --- lists, against a model -------------------------------------------------*/

#define MODEL_KEYS 400

static int
by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What S3 says a list is, by looking at everything. */
static void
model_list(char *const *keys, size_t n, const char *prefix,
    const char *delimiter, struct listed_text *t)
{
	char last[64] = "";

	t->len = t->n = 0;
	t->text[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		const char *found = NULL;
		struct catalog_listed one = {0};
		struct catalog_object o = {.current = true};
		size_t len = strlen(keys[i]);

		if (strncmp(keys[i], prefix, strlen(prefix)) != 0 ||
		    (i > 0 && strcmp(keys[i], keys[i - 1]) == 0))
			continue;
		if (*delimiter)
			found = strstr(keys[i] + strlen(prefix), delimiter);
		if (found) {
			len = (size_t)(found - keys[i]) + strlen(delimiter);
			if (strlen(last) == len &&
			    strncmp(last, keys[i], len) == 0)
				continue;
			(void)snprintf(
			    last, sizeof(last), "%.*s", (int)len, keys[i]);
			one.prefix =
			    (struct catalog_key){(const uint8_t *)keys[i], len};
		} else {
			memcpy(o.key, keys[i], len);
			o.key_len = len;
			one.object = &o;
		}
		(void)list_text(&one, t);
	}
}

static void
test_lists_by_model(void **state)
{
	static const char letters[] = "ab/\xff";
	static const char *const delimiters[] = {"", "/", "b", "//", "\xff"};
	static const char *const prefixes[] = {
	    "", "a", "a/", "/", "\xff", "b/"};
	static struct listed_text expected;
	char *keys[MODEL_KEYS];
	unsigned seed = (unsigned)getpid();

	(void)state;
	printf("# seed %u\n", seed);
	srandom(seed);
	assert_int_equal(make_bucket(1, "model", false), 0);
	for (size_t i = 0; i < MODEL_KEYS; i++) {
		size_t len = 1 + (size_t)random() % 7;

		keys[i] = calloc(1, len + 1);
		for (size_t k = 0; k < len; k++)
			keys[i][k] = letters[random() % 4];
		assert_int_equal(put_object("model", keys[i], 1, NULL), 0);
	}
	qsort(keys, MODEL_KEYS, sizeof(keys[0]), by_bytes);
	for (size_t p = 0; p < NX_ARRAY_SIZE(prefixes); p++)
		for (size_t d = 0; d < NX_ARRAY_SIZE(delimiters); d++) {
			model_list(keys, MODEL_KEYS, prefixes[p], delimiters[d],
			    &expected);
			for (size_t page = 1; page < 1000; page *= 7)
				assert_string_equal(
				    list_all_pages("model", prefixes[p],
					delimiters[d], false, page),
				    expected.text);
		}
	for (size_t i = 0; i < MODEL_KEYS; i++)
		free(keys[i]);
	recount();
}

/* Of many keys, many deleted ones among them, a page costs what it shows. */
static void
test_large_list(void **state)
{
	struct listed_text *t = calloc(1, sizeof(*t));
	struct catalog_listing l = {
	    .delimiter = key_of("/"), .prefix = key_of(""), .max = 1000};
	struct catalog_bucket b;
	int steps;
	bool more;

	(void)state;
	assert_int_equal(make_bucket(1, "large", false), 0);
	b = bucket("large");
	assert_int_equal(
	    number("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1"
		   " FROM n WHERE i < 199999) INSERT INTO objects(bucket, key,"
		   " version, live, file, size, charged, modified_at, mode,"
		   " until, hold, meta) SELECT (SELECT bucket FROM buckets),"
		   " CAST(format('%03d/%06d', i / 1000, i) AS BLOB), '', 1,"
		   " 1000000 + i, 1, 4096, 0, 0, 0, 0, x'' FROM n"),
	    -1);
	(void)sqlite3_db_status(nx_db_handle(lab.c->db),
	    SQLITE_DBSTATUS_CACHE_HIT, &steps, &steps, 1);
	assert_int_equal(
	    catalog_object_list(lab.c, &b, &l, list_text, t, &more), 0);
	assert_int_equal(t->n, 200);
	assert_false(more);
	(void)sqlite3_db_status(nx_db_handle(lab.c->db),
	    SQLITE_DBSTATUS_CACHE_HIT, &steps, &(int){0}, 0);
	/* pages: some ten for each of the 200, and not one for each key */
	assert_true(steps < 200 * 40);
	free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_buckets),
	    T(test_keys),
	    T(test_quota),
	    T(test_conditions),
	    T(test_one_winner),
	    T(test_two_changes),
	    T(test_versions),
	    T(test_locks),
	    T(test_clock),
	    T(test_lists_by_model),
	    T(test_large_list),
	};

	return cmocka_run_group_tests_name(
	    "storaged_bucket", tests, NULL, NULL);
}
