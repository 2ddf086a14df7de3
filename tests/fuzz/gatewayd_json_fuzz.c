/* JSON bodies: what the check lets through, cJSON must understand, with no
 * member twice and no text cut at a NUL. Seeds: bodies of every route. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "gatewayd/routes/buf.h"
#include "gatewayd/routes/json_in.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct taken {
	char *name;
	uint64_t size;
	bool flag;
	struct json_strings list;
};
#define FIELD(n, t)                                                 \
	{                                                           \
#n, t, false, offsetof(struct taken, n), 0, 1000000 \
	}
static const struct json_field fields[] = {
    FIELD(name, JSON_STRING),
    FIELD(size, JSON_UINT),
    FIELD(flag, JSON_BOOL),
    FIELD(list, JSON_STRINGS),
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct taken t = {0};
	cJSON *object = NULL;
	struct buf b = {0};
	char error[JSON_ERROR_MAX];

	nx_assert(text);
	memcpy(text, data, size); /* exactly as long as allocated */
	if (json_parse(text, size, JSON_VALUES_MAX, &object) == NULL) {
		nx_assert(cJSON_IsObject(object));
		(void)json_take(
		    object, fields, NX_ARRAY_SIZE(fields), &t, error);
		cJSON_Delete(object);
	}
	/* what is written must be what is read */
	json_bytes(&b, NULL, text, size);
	nx_assert(b.failed || memchr(text, 0, size) ||
	    json_check(b.data, b.len, JSON_VALUES_MAX) == NULL);
	buf_fini(&b);
	free(text);
	return 0;
}
