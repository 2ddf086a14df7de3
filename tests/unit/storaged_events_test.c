/*
 * What has changed, as it is asked for: pages and cursors, cursors that are no
 * good any more, objects, and those who wait.
 */
#include "storaged/catalog/catalog_internal.h"
#include "storaged/events/events.h"
#include "storaged_objects_lab.h"

static char next[80];

static Nx__Status
ask(uint64_t user, const char *since, uint32_t limit, uint32_t wait)
{
	Nx__EventsRequest q = NX__EVENTS_REQUEST__INIT;
	Nx__Status status;

	q.since = text(since);
	q.limit = limit;
	q.wait = wait;
	status = lab_call(user, NX__METHOD__FS_EVENTS, &q);
	if (status == NX__STATUS__OK)
		snprintf(
		    next, sizeof(next), "%s", LAB_BODY(Nx__EventsReply)->next);
	return status;
}

static void
mkdir_as(uint64_t user, const char *path)
{
	Nx__MkdirRequest q = NX__MKDIR_REQUEST__INIT;

	q.path = text(path);
	LAB_OK(lab_call(user, NX__METHOD__FS_MKDIR, &q));
}

static void
make_folders(uint64_t user, unsigned n)
{
	char path[16];

	for (unsigned i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "/d%u", i);
		mkdir_as(user, path);
	}
}

/* --- pages ------------------------------------------------------------------*/

static void
test_pages(void **state)
{
	char since[80] = "", path[16];
	unsigned n = 0;
	bool more;

	(void)state;
	LAB_OK(ask(1, "", 0, 0));
	assert_int_equal(LAB_BODY(Nx__EventsReply)->n_events, 0);
	make_folders(1, 230);
	make_folders(2, 1);
	do {
		const Nx__EventsReply *page;

		LAB_OK(ask(1, since, 0, 0));
		page = LAB_BODY(Nx__EventsReply);
		more = page->more;
		assert_true(page->n_events == 100 || !more);
		for (size_t i = 0; i < page->n_events; i++) {
			snprintf(path, sizeof(path), "/d%u", n++);
			assert_string_equal(page->events[i]->path, path);
			assert_string_equal(page->events[i]->change, "created");
			assert_string_equal(page->events[i]->kind, "folder");
			assert_int_equal(page->events[i]->user, 1);
		}
		if (page->n_events > 0)
			assert_string_equal(
			    page->events[page->n_events - 1]->cursor,
			    page->next);
		snprintf(since, sizeof(since), "%s", page->next);
	} while (more);
	assert_int_equal(n, 230);
	/* At the end nothing comes, and the cursor is the same. */
	LAB_OK(ask(1, since, 0, 0));
	assert_int_equal(LAB_BODY(Nx__EventsReply)->n_events, 0);
	assert_string_equal(next, since);
	LAB_OK(ask(1, "now", 0, 0));
	assert_string_equal(next, since);
	LAB_OK(ask(1, "", 3, 0));
	assert_int_equal(LAB_BODY(Nx__EventsReply)->n_events, 3);
	assert_true(LAB_BODY(Nx__EventsReply)->more);
	LAB_OK(ask(2, "", 0, 0));
	assert_int_equal(LAB_BODY(Nx__EventsReply)->n_events, 1);
}

/* Paths as long as may be: pages are cut by their bytes. */
static void
test_long(void **state)
{
	char path[4097] = "";
	size_t len = 0;
	unsigned n = 0;

	(void)state;
	for (int i = 0; i < 63; i++) {
		len += (size_t)snprintf(
		    path + len, sizeof(path) - len, "/%060d", i);
		mkdir_as(1, path);
	}
	strcpy(next, "");
	do {
		LAB_OK(ask(1, next, 0, 0));
		n += (unsigned)LAB_BODY(Nx__EventsReply)->n_events;
	} while (LAB_BODY(Nx__EventsReply)->more);
	assert_int_equal(n, 63);
}

static int
part(struct nx_db *db, void *arg)
{
	(void)arg;
	return catalog_point_part(db);
}

static void
test_bad_cursors(void **state)
{
	static const char *const bad[] = {"x", "-", "1", "0-1", "00000000-",
	    "00000000-01", "00000000--1", "00000000-1 ", " 00000000-1",
	    "00000000-18446744073709551616", "100000000-1", "NOW", "0000000G-1",
	    "0x000000-1"};
	char since[96];

	(void)state;
	make_folders(1, 3);
	for (size_t i = 0; i < NX_ARRAY_SIZE(bad); i++)
		if (ask(1, bad[i], 0, 0) != NX__STATUS__INVALID)
			fail_msg("%s: %s", bad[i], reply.error);
	assert_int_equal(ask(1, "", 101, 0), NX__STATUS__INVALID);
	assert_int_equal(ask(1, "", 0, 61), NX__STATUS__INVALID);
	LAB_OK(ask(1, "now", 0, 0));
	/* Of another catalogue, and of what is not yet. */
	snprintf(
	    since, sizeof(since), "%c%s", next[0] == '0' ? '1' : '0', next + 1);
	assert_int_equal(ask(1, since, 0, 0), NX__STATUS__GONE);
	snprintf(since, sizeof(since), "%s0", next);
	assert_int_equal(ask(1, since, 0, 0), NX__STATUS__GONE);
	assert_non_null(strstr(reply.error, "list everything anew"));
	/* A rebuild that lacks something is another catalogue. */
	snprintf(since, sizeof(since), "%s", next);
	assert_int_equal(
	    nx_db_write_now(catalog_db(lab.s.catalog), part, NULL), 0);
	assert_int_equal(ask(1, since, 0, 0), NX__STATUS__GONE);
	LAB_OK(ask(1, "now", 0, 0));
	/* Another user's: of this one as much has not happened. */
	assert_int_equal(ask(2, next, 0, 0), NX__STATUS__GONE);
}

/* What fell off the end is told so, and what is right before the first is
 * not. */
static void
test_gone(void **state)
{
	char first[80], seventh[80];
	uint64_t from, to;

	(void)state;
	catalog_events_keep(lab.s.catalog, 100);
	LAB_OK(ask(1, "", 0, 0));
	snprintf(first, sizeof(first), "%s", next);
	make_folders(1, 10);
	LAB_OK(ask(1, first, 7, 0));
	assert_int_equal(LAB_BODY(Nx__EventsReply)->n_events, 7);
	snprintf(seventh, sizeof(seventh), "%s", next);
	for (int i = 0; i < 200; i++) {
		Nx__FsMoveRequest q = NX__FS_MOVE_REQUEST__INIT;

		q.from = text(i % 2 ? "/other" : "/d0");
		q.to = text(i % 2 ? "/d0" : "/other");
		LAB_OK(lab_call(1, NX__METHOD__FS_MOVE, &q));
	}
	assert_int_equal(ask(1, first, 0, 0), NX__STATUS__GONE);
	assert_int_equal(ask(1, seventh, 0, 0), NX__STATUS__GONE);
	assert_int_equal(catalog_events_span(lab.s.catalog, 1, &from, &to), 0);
	assert_int_equal(to, 210);
	assert_true(from > 7);
	snprintf(strchr(first, '-'), 40, "-%llu", (unsigned long long)from - 1);
	LAB_OK(ask(1, first, 1, 0));
	snprintf(first, sizeof(first), "%s", next);
	LAB_OK(ask(1, first, 1, 0));
	snprintf(strchr(first, '-'), 40, "-%llu", (unsigned long long)from - 2);
	assert_int_equal(ask(1, first, 1, 0), NX__STATUS__GONE);
	assert_int_equal(ask(1, first, 1, 5), NX__STATUS__GONE);
	/* Others have theirs. */
	make_folders(2, 1);
	LAB_OK(ask(2, "", 0, 0));
	assert_int_equal(LAB_BODY(Nx__EventsReply)->n_events, 1);
}

/* --- waiting ----------------------------------------------------------------*/

struct waiting {
	bool done;
	Nx__Status status;
	size_t n;
	char path[64];
};

static void
on_events(const struct nx_reply *r, void *arg)
{
	const Nx__EventsReply *m =
	    (const Nx__EventsReply *)(const void *)r->body;
	struct waiting *w = arg;

	w->done = true;
	w->status = r->status;
	if (r->status != NX__STATUS__OK)
		return;
	w->n = m->n_events;
	if (m->n_events > 0)
		snprintf(w->path, sizeof(w->path), "%s", m->events[0]->path);
}

static void
wait_as(uint64_t user, const char *since, uint32_t wait, struct waiting *w)
{
	Nx__EventsRequest q = NX__EVENTS_REQUEST__INIT;
	struct nx_call_opts opts = lab_opts(user);

	opts.timeout_us = 120 * 1000000ULL;
	*w = (struct waiting){.done = false};
	q.since = text(since);
	q.wait = wait;
	assert_non_null(nx_call(lab.clients[NX_ROLE_ADMIN],
	    (struct nx_ask){NX_ROLE_STORAGE, NX__METHOD__FS_EVENTS, &q.base},
	    &opts, on_events, w));
	for (int i = 0; i < 5; i++)
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
}

static void
until_done(const struct waiting *w)
{
	uint64_t end = nx_now_us() + 60 * 1000000ULL;

	while (!w->done && nx_now_us() < end)
		event_base_loop(lab.base, EVLOOP_ONCE);
	assert_true(w->done);
}

static void
test_waiting(void **state)
{
	struct waiting a, b, c;

	(void)state;
	make_folders(1, 1);
	wait_as(1, "now", 60, &a);
	wait_as(2, "now", 60, &b);
	wait_as(1, "", 60, &c); /* there is something */
	until_done(&c);
	assert_int_equal(c.n, 1);
	assert_false(a.done);
	assert_false(b.done);
	mkdir_as(1, "/new");
	until_done(&a);
	assert_int_equal(a.status, NX__STATUS__OK);
	assert_int_equal(a.n, 1);
	assert_string_equal(a.path, "/new");
	assert_false(b.done);
	mkdir_as(2, "/his");
	until_done(&b);
	assert_string_equal(b.path, "/his");
	/* Nothing comes: the time is over. */
	wait_as(1, "now", 1, &a);
	assert_false(a.done);
	until_done(&a);
	assert_int_equal(a.status, NX__STATUS__OK);
	assert_int_equal(a.n, 0);
}

/* What is undone wakes nobody for good. */
static void
test_waiting_undone(void **state)
{
	Nx__MkdirRequest q = NX__MKDIR_REQUEST__INIT;
	struct waiting a;

	(void)state;
	wait_as(1, "now", 60, &a);
	lab.s.conf.entries = 1;
	q.path = text("/a/b");
	q.parents = true;
	assert_int_equal(
	    lab_call(1, NX__METHOD__FS_MKDIR, &q), NX__STATUS__QUOTA);
	lab.s.conf.entries = 1000000;
	for (uint64_t end = nx_now_us() + 50000; nx_now_us() < end;)
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
	assert_false(a.done);
	mkdir_as(1, "/c");
	until_done(&a);
	assert_int_equal(a.n, 1);
	assert_string_equal(a.path, "/c");
}

/* A crowd of one user keeps others from nothing. */
static void
test_crowd(void **state)
{
	static struct waiting all[40], other;
	unsigned refused = 0;

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(all); i++)
		wait_as(1, "now", 60, &all[i]);
	wait_as(2, "now", 60, &other);
	mkdir_as(2, "/b");
	until_done(&other);
	assert_int_equal(other.status, NX__STATUS__OK);
	mkdir_as(1, "/a");
	for (size_t i = 0; i < NX_ARRAY_SIZE(all); i++) {
		until_done(&all[i]);
		refused += all[i].status == NX__STATUS__LIMIT;
	}
	assert_int_equal(refused, 8);
	/* Who has gone waits no more. */
	for (size_t i = 0; i < 32; i++)
		wait_as(1, "now", 60, &all[i]);
	lab_disconnect(NX_ROLE_ADMIN);
	lab_connect(NX_ROLE_ADMIN);
	for (uint64_t end = nx_now_us() + 60 * 1000000ULL;;) {
		wait_as(1, "now", 1, &other);
		until_done(&other);
		if (other.status == NX__STATUS__OK)
			break;
		assert_true(nx_now_us() < end);
	}
}

/* --- objects ----------------------------------------------------------------*/

static void
put_object(const char *key, const char *content)
{
	Nx__ObjectOpenUploadRequest q = NX__OBJECT_OPEN_UPLOAD_REQUEST__INIT;

	q.bucket = text("box");
	q.key = bytes(key);
	q.has_size = true;
	q.size = strlen(content);
	LAB_OK(lab_call(1, NX__METHOD__OBJECT_OPEN_UPLOAD, &q));
	LAB_OK(feed(1, content, strlen(content)));
}

static void
delete_object(const char *key, const char *version)
{
	Nx__ObjectDeleteRequest q = NX__OBJECT_DELETE_REQUEST__INIT;

	q.bucket = text("box");
	q.key = bytes(key);
	q.version = text(version);
	LAB_OK(lab_call(1, NX__METHOD__OBJECT_DELETE, &q));
}

static void
expect(const char *since, const char *lines)
{
	const Nx__EventsReply *m;
	char all[4096] = "";

	LAB_OK(ask(1, since, 0, 0));
	m = LAB_BODY(Nx__EventsReply);
	for (size_t i = 0; i < m->n_events; i++) {
		const Nx__EventInfo *e = m->events[i];
		size_t at = strlen(all);

		snprintf(all + at, sizeof(all) - at, "%s %s %s:%.*s %llu;",
		    e->change, e->kind, e->bucket, (int)e->key.len,
		    e->key.len ? (const char *)e->key.data : "",
		    (unsigned long long)e->size);
	}
	assert_string_equal(all, lines);
}

static void
make_bucket(bool versions)
{
	Nx__BucketMakeRequest q = NX__BUCKET_MAKE_REQUEST__INIT;

	q.name = text("box");
	q.versions = versions;
	LAB_OK(lab_call(1, NX__METHOD__BUCKET_MAKE, &q));
}

static void
test_objects(void **state)
{
	Nx__BucketRequest q = NX__BUCKET_REQUEST__INIT;

	(void)state;
	make_bucket(false);
	put_object("a//b", "1");
	put_object("a//b", "22");
	delete_object("a//b", "");
	delete_object("a//b", ""); /* nothing is there: S3 does not mind */
	q.name = text("box");
	LAB_OK(lab_call(1, NX__METHOD__BUCKET_DELETE, &q));
	expect("",
	    "created bucket box: 0;created object box:a//b 1;"
	    "changed object box:a//b 2;deleted object box:a//b 2;"
	    "deleted bucket box: 0;");
}

static void
version_of(size_t i, char ret_version[40])
{
	LAB_OK(ask(1, "", 0, 0));
	snprintf(ret_version, 40, "%s",
	    LAB_BODY(Nx__EventsReply)->events[i]->version);
}

/* What a list shows is what is told; an old version that goes is another
 * thing. */
static void
test_versions(void **state)
{
	char one[40], two[40], three[40], since[80];

	(void)state;
	make_bucket(true);
	put_object("k", "1");
	put_object("k", "22");
	put_object("k", "333");
	version_of(1, one);
	version_of(2, two);
	version_of(3, three);
	LAB_OK(ask(1, "now", 0, 0));
	snprintf(since, sizeof(since), "%s", next);
	delete_object("k", two); /* not the current one */
	expect(since, "purged object box:k 2;");
	delete_object("k", three); /* the first is current again */
	expect(since, "purged object box:k 2;changed object box:k 1;");
	delete_object("k", ""); /* hidden */
	delete_object("k", ""); /* it was */
	put_object("k", "4444");
	expect(since,
	    "purged object box:k 2;changed object box:k 1;"
	    "deleted object box:k 1;created object box:k 4;");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_pages),
	    T(test_long),
	    T(test_bad_cursors),
	    T(test_gone),
	    T(test_waiting),
	    T(test_waiting_undone),
	    T(test_crowd),
	    T(test_objects),
	    T(test_versions),
	};

	LAB_OR_SKIP("events");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
