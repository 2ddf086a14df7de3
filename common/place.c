/* Places, and whether a request stays in one; see place.h. */
#include <string.h>

#include "common/limits.h"
#include "common/place.h"
#include "common/utf8.h"

/* --- paths ------------------------------------------------------------------*/

/* The next name of *at, which moves behind it; its length, 0 at the end. */
static size_t
next_name(const char **at, const char **ret_name)
{
	for (;;) {
		size_t len;

		*at += strspn(*at, "/");
		len = strcspn(*at, "/");
		*ret_name = *at;
		*at += len;
		if (len != 1 || (*ret_name)[0] != '.')
			return len;
	}
}

static bool
goes_up(const char *path)
{
	const char *name;
	size_t len;

	while ((len = next_name(&path, &name)) > 0)
		if (len == 2 && name[0] == '.' && name[1] == '.')
			return true;
	return false;
}

bool
nx_place_has_path(const char *place, const char *path)
{
	const char *want, *have;
	size_t len;

	if (*place == '\0')
		return true;
	if (*place != '/' || goes_up(path))
		return false;
	while ((len = next_name(&place, &want)) > 0)
		if (next_name(&path, &have) != len ||
		    memcmp(want, have, len) != 0)
			return false;
	return true;
}

/* --- keys -------------------------------------------------------------------*/

/* How the keys of the place begin. */
static const char *
keys_of(const char *place)
{
	size_t name = strcspn(place, "/");

	return place + name + (place[name] == '/');
}

bool
nx_place_has_key(
    const char *place, const char *bucket, const void *key, size_t len)
{
	size_t name = strcspn(place, "/");
	const char *begin = keys_of(place);

	if (*place == '\0')
		return true;
	return *place != '/' && strlen(bucket) == name &&
	    memcmp(bucket, place, name) == 0 && len >= strlen(begin) &&
	    memcmp(key, begin, strlen(begin)) == 0;
}

const char *
nx_place_wrong(const char *place)
{
	size_t len = strlen(place);

	if (len > NX_PLACE_MAX)
		return "a place is at most 255 bytes long";
	if (!nx_text_clean(place, len, ""))
		return "a place has neither control characters nor anything "
		       "that is not UTF-8";
	if (len == 0)
		return "a place is a folder, as /backups, or a bucket, as "
		       "photos, or how its keys begin, as photos/2025/";
	if (*place == '/' && goes_up(place))
		return "a place must not contain \"..\": write it out in full";
	return NULL;
}

/* --- requests ---------------------------------------------------------------*/

/* What a request names, and whether all of it is inside. */
struct survey {
	const char *place, *bucket;
	bool paths, keys; /* there are some */
	bool outside;
};

static void
see_path(struct survey *s, const char *path)
{
	if (*path == '\0')
		return;
	s->paths = true;
	s->outside |= !nx_place_has_path(s->place, path);
}

static void
see_key(struct survey *s, const ProtobufCBinaryData *key)
{
	s->keys = true;
	s->outside |= !nx_place_has_key(s->place, s->bucket ? s->bucket : "",
	    key->data ? key->data : (const uint8_t *)"", key->len);
}

static void see_message(struct survey *s, const ProtobufCMessage *m);

static void
see_inner(struct survey *s, const ProtobufCFieldDescriptor *f,
    const uint8_t *at, const ProtobufCMessage *m)
{
	const ProtobufCMessage *const *all;
	size_t n;

	if (f->label != PROTOBUF_C_LABEL_REPEATED) {
		all = (const ProtobufCMessage *const *)(const void *)at;
		if (*all)
			see_message(s, *all);
		return;
	}
	memcpy(&n, (const uint8_t *)m + f->quantifier_offset, sizeof(n));
	memcpy(&all, at, sizeof(all));
	for (size_t i = 0; i < n; i++)
		see_message(s, all[i]);
}

static void
see_field(struct survey *s, const ProtobufCMessage *m,
    const ProtobufCFieldDescriptor *f, enum nx_names names)
{
	const uint8_t *at = (const uint8_t *)m + f->offset;
	const char *text;

	switch (names) {
	case NX_NAMES_PATH:
		memcpy(&text, at, sizeof(text));
		see_path(s, text);
		break;
	case NX_NAMES_BUCKET: memcpy(&s->bucket, at, sizeof(s->bucket)); break;
	case NX_NAMES_KEY:
		see_key(s, (const ProtobufCBinaryData *)(const void *)at);
		break;
	case NX_NAMES_INNER: see_inner(s, f, at, m); break;
	case NX_NAMES_NOTHING: break;
	}
}

/* The bucket comes before the keys in it. */
static void
see_message(struct survey *s, const ProtobufCMessage *m)
{
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];

		see_field(s, m, f, nx_field_limit(m->descriptor, f->id)->names);
	}
}

bool
nx_place_admits(const char *place, const struct nx_method *m,
    const ProtobufCMessage *request)
{
	struct survey s = {.place = place};
	const char *begin = keys_of(place);

	if (*place == '\0')
		return true;
	see_message(&s, request);
	if (s.outside)
		return false;
	if (s.paths || s.keys)
		return true;
	if (!s.bucket || *s.bucket == '\0')
		return m->within;
	/* A bucket as a whole: all of it is the place, or it is looked at only. */
	return nx_place_has_key(place, s.bucket, "", 0) ||
	    (m->within &&
		nx_place_has_key(place, s.bucket, begin, strlen(begin)));
}
