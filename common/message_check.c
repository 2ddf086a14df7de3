/*
 * The check between unpacking and handling: protobuf-c verifies neither
 * lengths, nor UTF-8, nor enum values, and keeps unknown fields. Here all of
 * that is refused, from the descriptors and the written limits alone.
 */
#include <errno.h>
#include <string.h>

#include "common/limits.h"

static int check_message(const ProtobufCMessage *m, const char **ret_field);

static const struct nx_message_limits *
limits_of(const ProtobufCMessageDescriptor *descriptor)
{
	static const struct nx_message_limits none;
	size_t i;

	for (i = 0; i < nx_limits_count; i++)
		if (nx_limits[i].descriptor == descriptor)
			return &nx_limits[i];
	return &none;
}

static const struct nx_field_limit *
limit_of(const struct nx_message_limits *limits, uint32_t tag)
{
	static const struct nx_field_limit none;
	size_t i;

	for (i = 0; i < limits->n; i++)
		if (limits->fields[i].tag == tag)
			return &limits->fields[i];
	return &none;
}

/* Length of the valid UTF-8 sequence at @s, 0 if it is none (RFC 3629). */
static size_t
utf8_sequence(const unsigned char *s)
{
	size_t n, i;
	uint32_t c;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		n = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		n = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		n = 4;
	else
		return 0;
	c = s[0] & (0x7fU >> n);
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if ((n == 3 && c < 0x800) || (n == 4 && c < 0x10000) || c > 0x10ffff ||
	    (c >= 0xd800 && c <= 0xdfff))
		return 0;
	return n;
}

/* Length of the character at @s that may stand in a text, 0 if it may not. */
static size_t
text_character(const unsigned char *s)
{
	size_t n = utf8_sequence(s);

	if (n == 1 && ((*s < 0x20 && *s != '\n' && *s != '\t') || *s == 0x7f))
		return 0;
	return n;
}

static bool
text_is_clean(const char *text, size_t max)
{
	const unsigned char *s = (const unsigned char *)text;

	if (strnlen(text, max + 1) > max)
		return false;
	while (*s) {
		size_t n = text_character(s);

		if (n == 0)
			return false;
		s += n;
	}
	return true;
}

void
nx_text_repair(char *text)
{
	while (*text) {
		size_t n = text_character((unsigned char *)text);

		if (n == 0)
			*text = '?';
		text += n ? n : 1;
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

		return *sub ? check_message(*sub, ret_field) : 0;
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
check_message(const ProtobufCMessage *m, const char **ret_field)
{
	const ProtobufCMessageDescriptor *d = m->descriptor;
	const struct nx_message_limits *limits = limits_of(d);
	unsigned i;

	*ret_field = d->name;
	if (m->n_unknown_fields > 0)
		return -EPROTO;
	for (i = 0; i < d->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &d->fields[i];
		const struct nx_field_limit *limit = limit_of(limits, f->id);
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
	int r = check_message(message, &field);

	if (r < 0 && ret_field)
		*ret_field = field;
	return r;
}
