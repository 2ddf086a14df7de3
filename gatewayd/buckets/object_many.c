/*
 * POST /api/buckets/:name/delete: many objects, each by itself. They go to storaged
 * in as many calls as a message's size asks for; what it says of each goes out when
 * all have been asked for.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/status.h"
#include "gatewayd/buckets/object.h"
#include "proto/bucket.rpc.h"

#define OBJECTS_MAX 1000U
#define PER_CALL    250U
#define CALL_BYTES  32768U /* of keys and versions */

struct wanted {
	uint8_t *key;
	size_t len;
	char *version;
};

struct many {
	struct wanted objects[OBJECTS_MAX]; /* point into r->json */
	size_t n, at, asked;
	bool bypass;
	struct buf said;
};

static void
many_free(void *state)
{
	struct many *m = state;

	buf_fini(&m->said);
	free(m);
}

static const struct req_ops many_ops = {.free = many_free};

/* --- what is asked ----------------------------------------------------------*/

struct member {
	char *key, *key_encoded, *version;
};
static const struct json_field member_fields[] = {
    {"key", JSON_STRING, false, offsetof(struct member, key), 0, 0},
    {"key_encoded", JSON_STRING, false, offsetof(struct member, key_encoded), 0,
	0},
    {"version", JSON_STRING, false, offsetof(struct member, version), 0, 0},
};

/* "key", or {key or key_encoded, version}. False: the request has ended. */
static bool
read_object(struct req *r, const cJSON *item, struct wanted *ret_object)
{
	struct member m = {0};
	char error[JSON_ERROR_MAX];
	static char none[] = "";

	if (cJSON_IsString(item))
		m.key = item->valuestring;
	else if (!cJSON_IsObject(item)) {
		req_fail(r, 400, "invalid",
		    "The member objects is a list of keys, or of objects with "
		    "key and version.");
		return false;
	} else if (json_take(item, member_fields, NX_ARRAY_SIZE(member_fields),
		       &m, error) < 0) {
		req_fail(r, 400, "invalid", "%s", error);
		return false;
	}
	ret_object->version = m.version ? m.version : none;
	ret_object->key = (uint8_t *)(m.key ? m.key : m.key_encoded);
	ret_object->len = m.key ? strlen(m.key) : 0;
	if ((m.key != NULL) != (m.key_encoded != NULL) &&
	    (m.key || uri_decode(m.key_encoded, &ret_object->len)) &&
	    ret_object->len > 0 && ret_object->len <= 1024 &&
	    strlen(ret_object->version) <= 32)
		return true;
	req_fail(r, 400, "invalid",
	    "Each object has a key of 1 to 1024 bytes, or a key_encoded "
	    "(percent-encoded), and perhaps a version.");
	return false;
}

static bool
read_all(struct req *r, struct many *m)
{
	const cJSON *list = json_member(r->json, "objects"), *item;
	const cJSON *bypass = json_member(r->json, "bypass");

	for (item = r->json->child; item; item = item->next)
		if (!(list && item == list) && !(bypass && item == bypass) &&
		    !cJSON_IsNull(item))
			break;
	if (item || !cJSON_IsArray(list) || (bypass && !cJSON_IsBool(bypass))) {
		req_fail(r, 400, "invalid",
		    "The body is {\"objects\": [...], \"bypass\": false}.");
		return false;
	}
	m->bypass = bypass && cJSON_IsTrue(bypass);
	for (item = list->child; item; item = item->next) {
		if (m->n == OBJECTS_MAX) {
			req_fail(r, 400, "invalid",
			    "At most %u objects are deleted at once.",
			    OBJECTS_MAX);
			return false;
		}
		if (!read_object(r, item, &m->objects[m->n]))
			return false;
		m->n++;
	}
	if (m->n > 0)
		return true;
	req_fail(r, 400, "invalid", "The member objects is empty.");
	return false;
}

/* --- asking -----------------------------------------------------------------*/

static void ask(struct req *r);

static void
add_said(struct buf *b, const struct wanted *w, const Nx__ObjectDeleted *d)
{
	ProtobufCBinaryData key = {w->len, w->key};

	json_open(b, NULL, '{');
	json_key(b, &key);
	json_uint(b, "status",
	    d->status == NX__STATUS__OK
		? 200
		: (uint64_t)nx_status_http((Nx__Status)d->status));
	if (d->status == NX__STATUS__OK) {
		json_bool(b, "marker", d->marker);
		json_string(b, "version", d->version);
	} else
		json_string(b, "error", d->error);
	json_close(b, '}');
}

static void
on_said(struct req *r, const struct nx_reply *reply)
{
	const Nx__ObjectDeleteManyReply *m =
	    nx_as_object_delete_many_reply(reply->body);
	struct many *d = r->state;

	if (m->n_objects != d->asked) {
		req_fail_status(r, NX__STATUS__INTERNAL,
		    "The storage service gave an answer that makes no sense.");
		return;
	}
	for (size_t i = 0; i < d->asked; i++)
		add_said(&d->said, &d->objects[d->at + i], m->objects[i]);
	d->at += d->asked;
	if (d->at < d->n) {
		ask(r);
		return;
	}
	json_close(&d->said, ']');
	reply_json(r, 200, &d->said);
}

static void
ask(struct req *r)
{
	Nx__ObjectDeleteManyRequest m = NX__OBJECT_DELETE_MANY_REQUEST__INIT;
	struct req_call_opts opts = {.timeout_s = 60, .again = ask};
	Nx__ObjectToDelete objects[PER_CALL], *list[PER_CALL];
	struct many *d = r->state;
	size_t bytes = 0, i;

	for (i = 0; i < PER_CALL && d->at + i < d->n; i++) {
		const struct wanted *w = &d->objects[d->at + i];

		bytes += w->len + strlen(w->version) + 16;
		if (i > 0 && bytes > CALL_BYTES)
			break;
		nx__object_to_delete__init(&objects[i]);
		objects[i].key.data = w->key;
		objects[i].key.len = w->len;
		objects[i].version = w->version;
		list[i] = &objects[i];
	}
	m.bucket = bucket_text(r->param);
	m.objects = list;
	m.n_objects = d->asked = i;
	m.bypass = d->bypass;
	req_call(r, nx_ask_object_delete_many(&m), &opts, on_said);
}

void
object_delete_many(struct req *r)
{
	struct many *m = calloc(1, sizeof(*m));

	if (!m) {
		req_fail(r, 503, "unavailable", "Out of memory; try again.");
		return;
	}
	r->state = m;
	r->ops = &many_ops;
	if (!read_all(r, m))
		return;
	json_open(&m->said, NULL, '[');
	ask(r);
}
