/* Buckets behind the gateway of the lab: what was asked is remembered, and the
 * answers are what the test says. */
#ifndef GATEWAYD_BUCKETS_LAB_H
#define GATEWAYD_BUCKETS_LAB_H

#include "proto/bucket.pb-c.h"
#include "tests/unit/gatewayd_lab.h"

static struct {
	char bucket[65], key[1025], version[33], mode[17];
	size_t key_len;
	uint64_t until, offset, size;
	uint32_t number;
	char meta[512]; /* "name=value;" of each */
	bool absent, hold;
	char match[65];
	unsigned stats, deletes, calls;
	unsigned gone; /* how many files of those looked up are gone */
	bool marker, sha256;
	uint8_t *list; /* of parts */
	size_t list_len;
	char keys[1 << 20]; /* deleted, one behind the other */
	size_t keys_len;
} asked;

static void
lab_took_key(const char *bucket, const ProtobufCBinaryData *key)
{
	snprintf(asked.bucket, sizeof(asked.bucket), "%s", bucket);
	memcpy(asked.key, key->data, key->len);
	asked.key[key->len] = '\0';
	asked.key_len = key->len;
}

static void
lab_took_meta(Nx__MetaPair *const *meta, size_t n)
{
	asked.meta[0] = '\0';
	for (size_t i = 0; i < n; i++)
		snprintf(asked.meta + strlen(asked.meta),
		    sizeof(asked.meta) - strlen(asked.meta), "%s=%s;",
		    meta[i]->name, meta[i]->value);
}

static void
lab_took_condition(const Nx__Condition *c)
{
	asked.absent = c && c->absent;
	snprintf(asked.match, sizeof(asked.match), "%s",
	    c && c->n_match ? c->match[0] : "");
}

static void
lab_answer_pipe(struct nx_request *r)
{
	Nx__OpenUploadReply reply = NX__OPEN_UPLOAD_REPLY__INIT;
	int ends[2];

	lab.opened++;
	if (lab.open_status != NX__STATUS__OK) {
		nx_refuse(r, lab.open_status, "not this one");
		return;
	}
	lab_close_pipe();
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	lab.pipe = ends[0];
	lab.got_len = 0;
	lab.pipe_event = event_new(
	    lab.base, ends[0], EV_READ | EV_PERSIST, lab_on_pipe, NULL);
	event_add(lab.pipe_event, NULL);
	reply.upload = 5;
	reply.max_size = lab.max_size;
	nx_answer(r, &reply.base, &ends[1], 1);
}

static void
lab_object_open(struct nx_request *r, void *ctx)
{
	const Nx__ObjectOpenUploadRequest *m =
	    BODY(Nx__ObjectOpenUploadRequest, r);

	(void)ctx;
	lab_took_key(m->bucket, &m->key);
	lab_took_meta(m->meta, m->n_meta);
	lab_took_condition(m->condition);
	snprintf(asked.mode, sizeof(asked.mode), "%s", m->mode);
	asked.until = m->until;
	asked.hold = m->hold;
	lab.open_md5 = m->md5;
	lab.open_sha256 = m->sha256;
	lab.open_wants = m->want_sha256;
	lab_answer_pipe(r);
}

static void
lab_part_open(struct nx_request *r, void *ctx)
{
	(void)ctx;
	asked.number = BODY(Nx__PartOpenUploadRequest, r)->number;
	lab_answer_pipe(r);
}

static void
lab_append(struct nx_request *r, void *ctx)
{
	(void)ctx;
	asked.offset = BODY(Nx__ResumableAppendRequest, r)->offset;
	lab_answer_pipe(r);
}

static void
lab_object(Nx__ObjectInfo *o)
{
	static char etag[] = "etag-1", version[] = "v1", mode[] = "governance";
	static char id[33];
	static char sha256[] = "00010203040506070809101112131415161718192021222"
			       "32425262728293031";
	static uint8_t key[] = "dir/na\xffme";

	nx__object_info__init(o);
	snprintf(id, sizeof(id), "%032u", asked.stats);
	o->key.data = key;
	o->key.len = sizeof(key) - 1;
	o->id = id;
	o->etag = etag;
	if (asked.sha256)
		o->sha256 = sha256;
	o->version = version;
	o->mode = mode;
	o->until = 77;
	o->size = lab.file_size;
	o->marker = asked.marker;
	o->modified_at = 1700000000;
}

static void
lab_object_stat(struct nx_request *r, void *ctx)
{
	const Nx__ObjectRequest *m = BODY(Nx__ObjectRequest, r);
	static char name[2][16] = {"content-type", "color"};
	static char value[2][16] = {"text/x", "blau"};
	Nx__ObjectStatReply reply = NX__OBJECT_STAT_REPLY__INIT;
	Nx__MetaPair pairs[2] = {NX__META_PAIR__INIT, NX__META_PAIR__INIT};
	Nx__MetaPair *list[2] = {&pairs[0], &pairs[1]};
	Nx__ObjectInfo info;

	(void)ctx;
	asked.stats++;
	lab_took_key(m->bucket, &m->key);
	snprintf(asked.version, sizeof(asked.version), "%s", m->version);
	lab_object(&info);
	for (size_t i = 0; i < 2; i++) {
		pairs[i].name = name[i];
		pairs[i].value = value[i];
	}
	reply.info = &info;
	reply.meta = list;
	reply.n_meta = 2;
	nx_answer(r, &reply.base, NULL, 0);
}

/* Of those that were looked up the first ones are gone. */
static void
lab_read_object(struct nx_request *r, void *ctx)
{
	const char *id = BODY(Nx__OpenReadRequest, r)->id;

	if ((unsigned)atoi(id) <= asked.gone)
		nx_refuse(r, NX__STATUS__NOT_FOUND, "it is gone");
	else
		lab_open_read(r, ctx);
}

static void
lab_complete(struct nx_request *r, void *ctx)
{
	Nx__ObjectInfo info;

	(void)ctx;
	lab_took_condition(BODY(Nx__MultipartCompleteRequest, r)->condition);
	free(asked.list);
	asked.list = NULL;
	assert_int_equal(r->n_fds, 1);
	assert_int_equal(
	    nx_memfd_check(r->fds[0], 1 << 20, &asked.list_len), 0);
	asked.list = malloc(asked.list_len);
	assert_int_equal(
	    pread(r->fds[0], asked.list, asked.list_len, 0), asked.list_len);
	lab_object(&info);
	nx_answer(r, &info.base, NULL, 0);
}

static void
lab_delete_many(struct nx_request *r, void *ctx)
{
	const Nx__ObjectDeleteManyRequest *m =
	    BODY(Nx__ObjectDeleteManyRequest, r);
	Nx__ObjectDeleteManyReply reply = NX__OBJECT_DELETE_MANY_REPLY__INIT;
	Nx__ObjectDeleted said[250], *list[250];
	static char error[] = "it is locked";

	(void)ctx;
	asked.calls++;
	for (size_t i = 0; i < m->n_objects; i++) {
		ProtobufCBinaryData *key = &m->objects[i]->key;

		nx__object_deleted__init(&said[i]);
		if (key->data[0] == '!') {
			said[i].status = NX__STATUS__DENIED;
			said[i].error = error;
		}
		memcpy(asked.keys + asked.keys_len, key->data, key->len);
		asked.keys_len += key->len;
		list[i] = &said[i];
	}
	asked.deletes += (unsigned)m->n_objects;
	reply.objects = list;
	reply.n_objects = m->n_objects;
	nx_answer(r, &reply.base, NULL, 0);
}

static void
lab_object_copy(struct nx_request *r, void *ctx)
{
	const Nx__ObjectCopyRequest *m = BODY(Nx__ObjectCopyRequest, r);
	Nx__ObjectInfo info;

	(void)ctx;
	asked.calls++;
	if ((unsigned)atoi(m->from) <= asked.gone) {
		nx_refuse(r, NX__STATUS__NOT_FOUND, "it is gone");
		return;
	}
	lab_took_key(m->bucket, &m->key);
	lab_took_meta(m->meta, m->n_meta);
	lab_object(&info);
	nx_answer(r, &info.base, NULL, 0);
}

static int
lab_up_buckets(void **state)
{
	static const struct nx_handler more[] = {
	    {NX__METHOD__OBJECT_OPEN_UPLOAD, lab_object_open},
	    {NX__METHOD__PART_OPEN_UPLOAD, lab_part_open},
	    {NX__METHOD__RESUMABLE_APPEND, lab_append},
	    {NX__METHOD__OBJECT_STAT, lab_object_stat},
	    {NX__METHOD__OBJECT_COPY, lab_object_copy},
	    {NX__METHOD__OBJECT_DELETE_MANY, lab_delete_many},
	    {NX__METHOD__MULTIPART_COMPLETE, lab_complete},
	    {NX__METHOD__FILE_OPEN_READ, lab_read_object}};

	memset(&asked, 0, sizeof(asked));
	(void)lab_up(state);
	for (size_t i = 0; i < NX_ARRAY_SIZE(more); i++)
		nx_hub_handle(lab.storage, more[i].method, more[i].fn, NULL);
	return 0;
}

static int
lab_down_buckets(void **state)
{
	free(asked.list);
	asked.list = NULL;
	return lab_down(state);
}

#endif
