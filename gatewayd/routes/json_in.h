/*
 * JSON bodies. The text is checked against the whole grammar of RFC 8259 and
 * its bounds before cJSON sees it: cJSON is lenient (numbers, escapes, what
 * follows the end), cuts strings at \u0000 and allocates for every value.
 */
#ifndef GW_JSON_IN_H
#define GW_JSON_IN_H

#include <cjson/cJSON.h>

#include "gatewayd/http/http.h"

#define JSON_DEPTH_MAX   16
#define JSON_MEMBERS_MAX 64   /* of one object */
#define JSON_VALUES_MAX  4096 /* in all, of the usual request */

/* NULL, or why this is not JSON we take; at most @values in all. */
const struct http_error *
json_check(const char *text, size_t len, unsigned values);
/*
 * json_check(), then parses, refuses what is not an object, and members given
 * twice (whatever their case). *ret_object: cJSON_Delete() it.
 */
const struct http_error *
json_parse(const char *text, size_t len, unsigned values, cJSON **ret_object);
/* A member, whatever the case of its name; NULL: absent, or null. */
const cJSON *json_member(const cJSON *object, const char *name);

/* What a route takes from its body; names match in any case. */
enum json_type {
	JSON_STRING,  /* const char *, stays NULL when absent */
	JSON_UINT,    /* uint64_t, stays as it was when absent */
	JSON_BOOL,    /* bool, stays as it was when absent */
	JSON_STRINGS, /* struct json_strings; a single string is one element */
};

#define JSON_STRINGS_MAX 64
#define JSON_ERROR_MAX   320
struct json_strings {
	char *item[JSON_STRINGS_MAX]; /* into the parsed object */
	size_t n;
};

struct json_field {
	const char *name;
	enum json_type type;
	bool required; /* and not empty */
	size_t offset;
	uint64_t min, max; /* JSON_UINT */
};

/*
 * Fills @out from @object. null counts as absent; a member that is in no field
 * is refused. 0, or -EINVAL with a sentence that names the field in @error.
 */
int json_take(const cJSON *object, const struct json_field *fields, size_t n,
    void *out, char error[JSON_ERROR_MAX]);

#endif
