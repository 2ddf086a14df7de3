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

struct nx_field_limit {
	uint32_t tag;
	uint32_t max;   /* bytes of a string or bytes field; 0: not one */
	uint32_t count; /* elements of a repeated field; 0: not one */
};

struct nx_message_limits {
	const ProtobufCMessageDescriptor *descriptor;
	const struct nx_field_limit *fields;
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

/* Makes of @text what a string field may contain: '?' for every other byte. */
void nx_text_repair(char *text);

#endif
