/*
 * See intent.h. Each question refuses and returns false when the answer is no.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/id.h"
#include "common/status.h"
#include "storaged/care/care.h"
#include "storaged/trees/trees.h"
#include "storaged/uploads/intent.h"
#include "storaged/uploads/upload_internal.h"

#define SMALLEST (64ULL << 10)

void
intent_init(struct intent *in, struct storaged *s, uint64_t owner)
{
	*in = (struct intent){.s = s, .owner = owner};
	LIST_INSERT_HEAD(&s->uploads->intents, in, entry);
}

void
intent_promise(struct intent *in, uint64_t bytes)
{
	if (quota_promise(in->s, in->owner, in->promised, bytes) == 0)
		in->promised = bytes;
}

void
intent_fini(struct intent *in)
{
	intent_promise(in, 0);
	in->digest = digest_free(in->digest);
	free(in->path);
	free(in->target);
	free(in->meta);
	LIST_REMOVE(in, entry);
}

/* --- where it goes ----------------------------------------------------------*/

bool
object(struct objection *o, const char *wrong)
{
	o->status = NX__STATUS__INVALID;
	(void)snprintf(o->text, sizeof(o->text), "%s", wrong);
	return false;
}

static bool
object_catalog(struct objection *o, int result, const char *what)
{
	o->status = catalog_sentence(result, what, o->text, sizeof(o->text));
	return false;
}

/* Is @path, written @text, the folder the file goes into, not its own path? */
static bool
names_folder(const struct intent *in, const char *text, const struct path *path,
    int *ret_error)
{
	struct catalog_entry entry;
	int r;

	*ret_error = 0;
	if (text[strlen(text) - 1] == '/')
		return true;
	r = catalog_stat(in->s->catalog, in->owner, path, &entry);
	*ret_error = r < 0 ? r : 0; /* outcomes are for who places it */
	return r == 0 && entry.folder;
}

/*
 * What is replaced may be there twice for a moment, once: of several uploads to
 * one path only the first counts on the room the old file will leave.
 */
static bool
is_same_target(const struct intent *a, const struct intent *b)
{
	if (a->path || b->path)
		return a->path && b->path &&
		    strcmp(a->path->text, b->path->text) == 0;
	return a->target && b->target && a->target->kind == UPLOAD_OBJECT &&
	    b->target->kind == UPLOAD_OBJECT &&
	    a->target->object.bucket == b->target->object.bucket &&
	    a->target->key_len == b->target->key_len &&
	    memcmp(a->target->data, b->target->data, a->target->key_len) == 0;
}

static void
claim_credit(struct intent *in)
{
	const struct intent *o;

	if (in->credit == 0)
		return;
	LIST_FOREACH(o, &in->s->uploads->intents, entry)
		if (o != in && !o->lapsed && o->credit > 0 &&
		    o->owner == in->owner && is_same_target(o, in))
			in->credit = 0;
}

static bool
read_condition(struct intent *in, const struct wish *wish, struct objection *o)
{
	const char *wrong = condition_read(wish->condition, &in->condition);

	return !wrong || object(o, wrong);
}

/* in->path is what is meant; false: what is wrong with it. */
static bool
read_path(struct intent *in, const struct wish *wish, int *ret_error,
    struct objection *ret_objection)
{
	char longer[PATH_BYTES_MAX + PATH_NAME_MAX + 2];
	const char *text = wish->path;
	const char *wrong = path_parse(text, strlen(text), in->path);

	*ret_error = 0;
	if (!wrong && wish->into_folder &&
	    names_folder(in, text, in->path, ret_error)) {
		wrong = path_check_name(in->name, strlen(in->name));
		(void)snprintf(longer, sizeof(longer), "%s/%s", text, in->name);
		if (!wrong)
			wrong = path_parse(longer, strlen(longer), in->path);
	}
	return !wrong || object(ret_objection, wrong);
}

bool
intent_place(
    struct intent *in, const struct wish *wish, struct objection *ret_objection)
{
	int r;

	nx_assert(!in->path);
	if (!read_condition(in, wish, ret_objection))
		return false;
	in->path = malloc(sizeof(*in->path));
	if (!in->path)
		return object_catalog(ret_objection, -ENOMEM, wish->path);
	if (!read_path(in, wish, &r, ret_objection))
		return false;
	in->create_only = wish->create_only || in->adds_only;
	(void)snprintf(in->name, sizeof(in->name), "%s", path_last(in->path));
	if (r == 0)
		r = catalog_check_target(in->s->catalog, in->owner, in->path,
		    in->create_only, &in->condition, &in->credit);
	if (r == 0)
		claim_credit(in);
	if (r != 0)
		ret_objection->status = path_sentence(in->s, in->owner, r,
		    in->path, ret_objection->text, sizeof(ret_objection->text));
	return r == 0;
}

/* An object, or a piece: who asks has looked whether it may come. */
static bool
aim(struct intent *in, const struct wish *wish, struct objection *ret_objection)
{
	struct upload_target *t = in->target = wish->target;
	int r = 0;

	t->object.key = (struct catalog_key){t->data, t->key_len};
	t->object.meta = t->data + CATALOG_KEY_MAX;
	t->object.meta_len = t->meta_len;
	(void)snprintf(in->name, sizeof(in->name), "%s", t->what);
	if (t->kind != UPLOAD_OBJECT)
		return true;
	if (!read_condition(in, wish, ret_objection))
		return false;
	in->condition.absent |= in->adds_only;
	t->object.adds_only = in->adds_only;
	r = catalog_check_object(
	    in->s->catalog, in->owner, &t->object, &in->condition, &in->credit);
	if (r == 0)
		claim_credit(in);
	return r == 0 || object_catalog(ret_objection, r, in->name);
}

static bool
decide_target(struct nx_request *r, const struct wish *wish, struct intent *in)
{
	struct objection o;
	const char *wrong;
	bool good;

	(void)snprintf(in->name, sizeof(in->name), "%s", wish->name);
	if (wish->target)
		good = aim(in, wish, &o);
	else if (wish->path[0] != '\0')
		good = intent_place(in, wish, &o);
	else if (!read_condition(in, wish, &o))
		good = false;
	else {
		wrong = path_check_name(wish->name, strlen(wish->name));
		good = !wrong || object(&o, wrong);
	}
	if (!good)
		nx_refuse(r, o.status, "%s", o.text);
	return good;
}

static bool
decide_about(struct nx_request *r, const struct wish *wish, struct intent *in)
{
	const char *wrong = NULL;

	/* An object has metadata of its own. */
	if (!wish->target)
		wrong = about_read(wish->about, &in->about, &in->meta);
	if (wrong)
		nx_refuse(r, NX__STATUS__INVALID, "%s", wrong);
	return !wrong;
}

/* --- what it may take -------------------------------------------------------*/

/* The etag of an object and of a part is the MD5 of all of it, which of one chunk
 * is known without. */
static bool
needs_md5(const struct intent *in)
{
	return in->target && in->target->kind != UPLOAD_PIECES &&
	    !(in->has_size && in->declared <= catalog_part_size(in->code));
}

static bool
decide_digest(struct nx_request *r, const struct wish *wish, struct intent *in)
{
	const bool wanted[DIGEST_KINDS] = {
	    [DIGEST_MD5] = wish->md5 || needs_md5(in),
	    [DIGEST_SHA256] = wish->sha256 || wish->want_sha256};

	int e = 0;

	in->announced[DIGEST_MD5] = wish->md5;
	in->announced[DIGEST_SHA256] = wish->sha256;
	if (in->target && in->target->sums)
		e = digest_resume(
		    in->target->state, in->target->part.offset, &in->digest);
	else if (wanted[DIGEST_MD5] || wanted[DIGEST_SHA256])
		e = digest_new(wanted, &in->digest);
	if (e < 0)
		nx_refuse_errno(r, e, "starting an upload");
	return e == 0;
}

static bool
decide_policy(struct nx_request *r, const struct wish *wish, struct intent *in)
{
	struct upload_policy policy = {
	    .replicas = wish->replicas, .erasure = wish->erasure};

	if (!uploads_decide_policy(r, in->s, in->owner, in->path, &policy))
		return false;
	in->want = policy.want;
	in->code = policy.code;
	/* What the whole has; with fewer volumes now it is degraded. */
	if (in->target && in->target->kind != UPLOAD_OBJECT) {
		in->want = in->target->want;
		in->code = in->target->code;
	}
	return true;
}

uint64_t
intent_takes(const struct intent *in, uint64_t bytes)
{
	struct erasure e = catalog_erasure(in->code);

	uint64_t part, stripes, rest;

	if (bytes > UINT64_MAX / (2 * ERASURE_PARTS_MAX))
		return UINT64_MAX / 2;
	if (in->code == 0 || bytes <= SEGMENT_CHUNK_MAX)
		return bytes * in->want;
	/* Parity is as long as the longest part. */
	part = erasure_part_size(e);
	stripes = bytes / (part * e.data);
	rest = bytes % (part * e.data);
	return bytes +
	    (stripes * part + (rest < part ? rest : part)) * e.parity;
}

static bool
decide_quota(struct nx_request *r, struct intent *in, uint64_t *ret_max)
{
	uint64_t extra =
	    strlen(in->about.type) + (in->meta ? in->meta->len : 0);
	/* No quota is as large; the sum must not become small again. */
	uint64_t size = in->declared < INT64_MAX ? in->declared : INT64_MAX;
	uint64_t left, counts = catalog_charge(size + extra), need = 0;
	int e = quota_left(in->s, in->owner, &left);

	if (e == 0 && in->credit == 0)
		e = quota_check_entries(in->s, in->owner);
	if (e != 0) {
		refuse_catalog(r, e, in->name);
		return false;
	}
	/* Without a size it counts at least as much as an empty one. */
	*ret_max = left + in->credit;
	*ret_max = *ret_max > extra ? *ret_max - extra : 0;
	if (counts > *ret_max + extra) {
		nx_refuse(r, NX__STATUS__QUOTA,
		    "your quota leaves %s: delete something first",
		    nx_size_format(*ret_max));
		return false;
	}
	if (in->has_size && counts > in->credit)
		need = counts - in->credit;
	if (quota_promise(in->s, in->owner, 0, need) < 0) {
		nx_refuse_errno(r, -ENOMEM, "reserving space");
		return false;
	}
	in->promised = need;
	return true;
}

/* The volumes together must have room for it beside what others count on. What
 * is promised and written already counts twice: better refused early than
 * failed late. */
static bool
decide_room(struct nx_request *r, const struct intent *in, uint64_t taken)
{
	uint64_t room = volumes_room(in->s->volumes);
	uint64_t need =
	    intent_takes(in, in->has_size ? in->declared : SMALLEST);
	char text[160];

	if (!reserve_held(in->s->reserve)) {
		refuse_catalog(r, -ENOSPC, in->name);
		return false;
	}
	room = room > taken ? room - taken : 0;
	if (need <= room)
		return true;
	if (intent_room_sentence(in, need - room, text, sizeof(text))) {
		r->retry_s = INTENT_ROOM_S;
		nx_refuse(r, NX__STATUS__LIMIT, "%s", text);
		return false;
	}
	if (in->code)
		nx_refuse(r, NX__STATUS__FULL,
		    "with its parity it takes %s, and the active nodes have "
		    "room for %s: delete something or create a node",
		    nx_size_format(need), nx_size_format(room));
	else
		nx_refuse(r, NX__STATUS__FULL,
		    "the active nodes have room for %s more with %u replicas: "
		    "delete something or create a node",
		    nx_size_format(room / in->want), in->want);
	return false;
}

bool
intent_decide(struct intent *in, struct nx_request *r, const struct wish *wish,
    uint64_t taken, uint64_t *ret_max)
{
	in->adds_only = nx_principal_adds_only(&r->who);
	return decide_about(r, wish, in) && decide_target(r, wish, in) &&
	    decide_policy(r, wish, in) && decide_digest(r, wish, in) &&
	    decide_quota(r, in, ret_max) &&
	    !refuse_waiting(r, in->s, in->owner) && decide_room(r, in, taken);
}
