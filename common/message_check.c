/*
 * The check between unpacking and handling: protobuf-c verifies neither
 * lengths, nor UTF-8, nor enum values, and keeps unknown fields. Here all of
 * that is refused, from the descriptors and the written limits alone.
 */
#include <errno.h>
#include <string.h>

#include "common/err.h"
#include "common/limits.h"
#include "common/utf8.h"

static int check_message(const ProtobufCMessage *m,
    const struct nx_message_limits *limits, const char **ret_field);

static const struct nx_message_limits *
limits_of(const ProtobufCMessageDescriptor *descriptor)
{
	size_t i = 0;

	while (i < nx_limits_count && nx_limits[i].descriptor != descriptor)
		i++;
	nx_assert(i < nx_limits_count);
	return &nx_limits[i];
}

/* Tags are asked for as they go up: @at is how far that is. */
static const struct nx_field_limit *
limit_of(const struct nx_message_limits *limits, uint32_t tag, size_t *at)
{
	static const struct nx_field_limit none;

	while (*at < limits->n && limits->fields[*at].tag < tag)
		(*at)++;
	return *at < limits->n && limits->fields[*at].tag == tag
	    ? &limits->fields[*at]
	    : &none;
}

const struct nx_field_limit *
nx_field_limit(const ProtobufCMessageDescriptor *message, uint32_t field)
{
	size_t at = 0;

	return limit_of(limits_of(message), field, &at);
}

/* The control characters that a text may have. */
#define LINES "\n\t"

static bool
text_is_clean(const char *text, size_t max)
{
	size_t len = strnlen(text, max + 1);

	return len <= max && nx_text_clean(text, len, LINES);
}

void
nx_text_repair(char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		size_t n = nx_utf8_next(text, left, NULL);

		if (!nx_text_clean(text, n ? n : 1, LINES))
			*text = '?';
		n = n ? n : 1;
		text += n;
		left -= n;
	}
}

static bool
enum_is_known(const ProtobufCEnumDescriptor *descriptor, int value)
{
	return protobuf_c_enum_descriptor_get_value(descriptor, value) != NULL;
}

static int
check_value(const ProtobufCFieldDescriptor *field, const void *value,
    const struct nx_field_limit *limit, const char **ret_field)
{
	if (field->type == PROTOBUF_C_TYPE_STRING) {
		const char *const *text = value;

		return !*text || text_is_clean(*text, limit->max) ? 0 : -EPROTO;
	}
	if (field->type == PROTOBUF_C_TYPE_BYTES) {
		const ProtobufCBinaryData *data = value;

		return data->len <= limit->max ? 0 : -EPROTO;
	}
	if (field->type == PROTOBUF_C_TYPE_ENUM)
		return enum_is_known(field->descriptor, *(const int *)value)
		    ? 0
		    : -EPROTO;
	if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
		const ProtobufCMessage *const *sub = value;

		nx_assert(limit->message);
		return *sub ? check_message(*sub, limit->message, ret_field)
			    : 0;
	}
	return 0;
}

static size_t
element_size(ProtobufCType type)
{
	if (type == PROTOBUF_C_TYPE_BYTES)
		return sizeof(ProtobufCBinaryData);
	if (type == PROTOBUF_C_TYPE_ENUM)
		return sizeof(int);
	return sizeof(void *);
}

static int
check_repeated(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *field,
    const struct nx_field_limit *limit, const char **ret_field)
{
	const uint8_t *base = (const uint8_t *)m;
	size_t n =
	    *(const size_t *)(const void *)(base + field->quantifier_offset);
	const uint8_t *elements =
	    *(const uint8_t *const *)(const void *)(base + field->offset);
	size_t i;

	if (n > limit->count)
		return -EPROTO;
	if (field->type != PROTOBUF_C_TYPE_STRING &&
	    field->type != PROTOBUF_C_TYPE_BYTES &&
	    field->type != PROTOBUF_C_TYPE_ENUM &&
	    field->type != PROTOBUF_C_TYPE_MESSAGE)
		return 0;
	for (i = 0; i < n; i++) {
		int r = check_value(field,
		    elements + i * element_size(field->type), limit, ret_field);

		if (r < 0)
			return r;
	}
	return 0;
}

static int
check_message(const ProtobufCMessage *m, const struct nx_message_limits *limits,
    const char **ret_field)
{
	const ProtobufCMessageDescriptor *d = m->descriptor;
	size_t at = 0;
	unsigned i;

	nx_assert(limits->descriptor == d);
	*ret_field = d->name;
	if (m->n_unknown_fields > 0)
		return -EPROTO;
	for (i = 0; i < d->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &d->fields[i];
		const struct nx_field_limit *limit =
		    limit_of(limits, f->id, &at);
		int r;

		*ret_field = f->name;
		if (f->label == PROTOBUF_C_LABEL_REPEATED)
			r = check_repeated(m, f, limit, ret_field);
		else
			r = check_value(f, (const uint8_t *)m + f->offset,
			    limit, ret_field);
		if (r < 0)
			return r;
	}
	return 0;
}

int
nx_message_check(const ProtobufCMessage *message, const char **ret_field)
{
	const char *field = NULL;
	int r = check_message(message, limits_of(message->descriptor), &field);

	if (r < 0 && ret_field)
		*ret_field = field;
	return r;
}
