/*
 * The written limits of every message, generated from proto/ at build time.
 * msg_check.c walks an unpacked message with them before any handler sees it.
 */
#ifndef NX_LIMITS_H
#define NX_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <protobuf-c/protobuf-c.h>

/* What a field names, if that is something somebody may be kept from. */
enum nx_names {
	NX_NAMES_NOTHING,
	NX_NAMES_PATH,   /* in the user's tree */
	NX_NAMES_BUCKET, /* and which object, or those that begin so: */
	NX_NAMES_KEY,
	NX_NAMES_INNER, /* a message or several that have such fields */
};

struct nx_message_limits;

struct nx_field_limit {
	uint32_t tag;
	uint32_t max;   /* bytes of a string or bytes field; 0: not one */
	uint32_t count; /* elements of a repeated field; 0: not one */
	enum nx_names names;
	const struct nx_message_limits *message; /* of a message's own fields */
};

struct nx_message_limits {
	const ProtobufCMessageDescriptor *descriptor;
	const struct nx_field_limit *fields; /* by tag; not all have one */
	size_t n;
};

extern const struct nx_message_limits nx_limits[];
extern const size_t nx_limits_count;

/*
 * Checks @message against its descriptor and the written limits, recursively:
 * lengths, counts, UTF-8 without control characters other than \n and \t in
 * strings, enum values, no unknown field. Returns 0, or -EPROTO with the
 * field's name in *ret_field (static storage) when that is not NULL.
 */
int nx_message_check(const ProtobufCMessage *message, const char **ret_field);

/* The row of @field in messages like @message; all zero when there is none. */
const struct nx_field_limit *
nx_field_limit(const ProtobufCMessageDescriptor *message, uint32_t field);

/* Makes of @text what a string field may contain: '?' for every other byte. */
void nx_text_repair(char *text);

#endif
