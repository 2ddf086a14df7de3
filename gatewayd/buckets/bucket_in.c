/*
 * Reading requests about buckets. What names, keys and locks may be, storaged
 * decides; here is only what has to be understood to ask it.
 */
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "gatewayd/buckets/bucket_in.h"

ProtobufCBinaryData
bucket_bytes(const struct req *r, const char *name)
{
	struct http_span s = {"", 0};

	(void)uri_bytes(&r->uri, name, &s);
	return (ProtobufCBinaryData){s.len, (uint8_t *)bucket_text(s.p)};
}

bool
bucket_key(struct req *r, const char *name, ProtobufCBinaryData *ret_key)
{
	ProtobufCBinaryData key = bucket_bytes(r, name);

	if (key.len > 0 && key.len <= 1024) {
		*ret_key = key;
		return true;
	}
	req_fail(r, 400, "invalid",
	    "The query parameter %s is a key of 1 to 1024 bytes, "
	    "percent-encoded.",
	    name);
	return false;
}

bool
bucket_lock_of(struct req *r, struct bucket_lock *ret_lock)
{
	struct bucket_lock lock = {.mode = req_param(r, "lock")};

	if (!req_flag(r, "hold", &lock.hold) ||
	    !req_number(r, "until", INT64_MAX, &lock.until))
		return false;
	if (lock.until != 0 && !*lock.mode) {
		req_fail(r, 400, "invalid",
		    "The parameter until needs lock=governance or "
		    "lock=compliance beside it.");
		return false;
	}
	*ret_lock = lock;
	return true;
}

/* --- metadata ---------------------------------------------------------------*/

static const struct http_error twice = {400, "invalid",
    "Metadata of one name are given twice; the content type is said in "
    "Content-Type, a time in X-Nexus-Mtime."};

static bool
add_pair(struct bucket_meta *m, char *name, char *value)
{
	Nx__MetaPair *pair = &m->pairs[m->n];

	for (size_t i = 0; i < m->n; i++)
		if (strcmp(m->list[i]->name, name) == 0)
			return false;
	nx__meta_pair__init(pair);
	pair->name = name;
	pair->value = value;
	m->list[m->n++] = pair;
	return true;
}

const struct http_error *
bucket_meta_of(struct bucket_meta *m, const Nx__About *a)
{
	static char type[] = "content-type", mtime[] = "mtime";

	m->n = 0;
	if (a->content_type[0])
		(void)add_pair(m, type, a->content_type);
	if (a->has_mtime) {
		about_time(a->mtime, m->mtime);
		(void)add_pair(m, mtime, m->mtime);
	}
	for (size_t i = 0; i < a->n_meta; i++)
		if (!add_pair(m, a->meta[i]->name, a->meta[i]->value))
			return &twice;
	return NULL;
}

void
bucket_meta_headers(
    struct buf *b, Nx__MetaPair *const *list, size_t n, const char **ret_type)
{
	*ret_type = "";
	for (size_t i = 0; i < n; i++) {
		const char *name = list[i]->name, *value = list[i]->value;

		if (strcmp(name, "content-type") == 0)
			*ret_type = value;
		else if (strcmp(name, "mtime") == 0)
			buf_printf(b, "X-Nexus-Mtime: %s\r\n", value);
		else
			buf_printf(b, "X-Nexus-Meta-%s: %s\r\n", name, value);
	}
}
