/*
 * POST /api/buckets/:name/copy: an object made of another one, or of a file, without
 * a byte of it. What is copied is looked up first; where it was replaced before the
 * copy was made, it is looked up again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "gatewayd/buckets/object.h"
#include "proto/bucket.rpc.h"
#include "proto/storage.rpc.h"

struct copy {
	struct about about; /* of the new one, if it has its own */
	struct condition condition, source;
	bool replaces; /* metadata are what this request says */
	unsigned tries;
};

static const struct http_error bad_metadata = {400, "invalid",
    "The parameter metadata is copy (what the source has) or replace (what "
    "this "
    "request says)."};

static void look_up(struct req *r);

static void
copy_free(void *state)
{
	struct copy *c = state;

	about_fini(&c->about);
	free(c);
}

static const struct req_ops copy_ops = {.free = copy_free};

static void
on_copied(struct req *r, const struct nx_reply *reply)
{
	struct copy *c = r->state;
	struct buf b = {0};

	if (reply->status == NX__STATUS__OK) {
		json_object(&b, NULL, nx_as_object_info(reply->body), true);
		reply_json(r, 201, &b);
	} else if (reply->status == NX__STATUS__NOT_FOUND &&
	    !uri_param(&r->uri, "from_file") && ++c->tries < BUCKET_TRIES)
		look_up(r);
	else
		req_fail_status(r, reply->status, reply->error);
}

static void
ask(struct req *r, const char *from, Nx__MetaPair **list, size_t n)
{
	Nx__ObjectCopyRequest m = NX__OBJECT_COPY_REQUEST__INIT;
	struct req_call_opts opts = {.errors = true, .again = look_up};
	struct copy *c = r->state;
	struct bucket_lock lock;

	if (!bucket_key(r, "key", &m.key) || !bucket_lock_of(r, &lock))
		return;
	m.from = bucket_text(from);
	m.bucket = bucket_text(r->param);
	m.meta = list;
	m.n_meta = n;
	m.condition = condition_message(&c->condition);
	m.source = condition_message(&c->source);
	m.mode = bucket_text(lock.mode);
	m.until = lock.until;
	m.hold = lock.hold;
	req_call(r, nx_ask_object_copy(&m), &opts, on_copied);
}

/* With metadata as they are said of a file. */
static void
ask_with(struct req *r, const char *from, const Nx__About *about)
{
	struct bucket_meta meta;
	const struct http_error *error = bucket_meta_of(&meta, about);

	if (error)
		req_fail_http(r, error);
	else
		ask(r, from, meta.list, meta.n);
}

static void
on_file(struct req *r, const struct nx_reply *reply)
{
	const Nx__FileInfo *m = nx_as_file_info(reply->body);
	static const Nx__About nothing = NX__ABOUT__INIT;

	ask_with(r, m->id, m->about ? m->about : &nothing);
}

static void
look_up_file(struct req *r, const char *id)
{
	Nx__FileRequest m = NX__FILE_REQUEST__INIT;
	struct req_call_opts opts = {.again = look_up};
	struct copy *c = r->state;

	m.id = bucket_text(id);
	if (c->replaces)
		ask_with(r, id, &c->about.message);
	else
		req_call(r, nx_ask_file_stat(&m), &opts, on_file);
}

static void
on_source(struct req *r, const struct nx_reply *reply)
{
	const Nx__ObjectStatReply *m = nx_as_object_stat_reply(reply->body);
	struct copy *c = r->state;

	if (m->info->marker) {
		req_fail(r, 404, "not-found",
		    "What is to be copied is deleted; name one of its versions "
		    "with from_version.");
		return;
	}
	if (!c->replaces) {
		ask(r, m->info->id, m->meta, m->n_meta);
		return;
	}
	ask_with(r, m->info->id, &c->about.message);
}

static void
look_up(struct req *r)
{
	Nx__ObjectRequest m = NX__OBJECT_REQUEST__INIT;
	struct req_call_opts opts = {.again = look_up};

	if (uri_param(&r->uri, "from_file")) {
		look_up_file(r, req_param(r, "from_file"));
		return;
	}
	m.bucket = bucket_text(req_param(r, "from"));
	if (m.bucket[0] == '\0')
		m.bucket = bucket_text(r->param);
	m.version = bucket_text(req_param(r, "from_version"));
	if (bucket_key(r, "from_key", &m.key))
		req_call(r, nx_ask_object_stat(&m), &opts, on_source);
}

/* A file's id says all: what else names an object would be ignored. */
static bool
names_two(struct req *r)
{
	static const char *const object[] = {
	    "from", "from_key", "from_version"};

	if (!uri_param(&r->uri, "from_file"))
		return false;
	for (size_t i = 0; i < NX_ARRAY_SIZE(object); i++) {
		if (!uri_param(&r->uri, object[i]))
			continue;
		req_fail(r, 400, "invalid",
		    "from_file names what is copied: leave %s out, or "
		    "from_file.",
		    object[i]);
		return true;
	}
	return false;
}

/* The source's etag, as the target's in If-Match. */
static void
read_source(struct copy *c, const char *etag)
{
	nx__condition__init(&c->source.message);
	if (!*etag)
		return;
	c->source.any = true;
	(void)snprintf(
	    c->source.tags[0], sizeof(c->source.tags[0]), "%s", etag);
	c->source.list[0] = c->source.tags[0];
	c->source.message.match = c->source.list;
	c->source.message.n_match = 1;
}

static const struct http_error *
read_head(struct req *r, struct copy *c)
{
	const char *metadata = req_param(r, "metadata");
	const struct http_error *error;

	c->replaces = strcmp(metadata, "replace") == 0;
	if (*metadata && !c->replaces && strcmp(metadata, "copy") != 0)
		return &bad_metadata;
	error = condition_of(&c->condition, &r->x.head);
	if (error)
		return error;
	read_source(c, req_param(r, "from_etag"));
	return about_of(&c->about, &r->x.head, true);
}

void
object_copy(struct req *r)
{
	const struct http_error *error;
	struct copy *c;

	if (names_two(r))
		return;
	c = calloc(1, sizeof(*c));
	if (!c) {
		req_fail(r, 503, "unavailable", "Out of memory; try again.");
		return;
	}
	r->state = c;
	r->ops = &copy_ops;
	error = read_head(r, c);
	if (error)
		req_fail_http(r, error);
	else
		look_up(r);
}
