/* Targets and header values: decoded in place, never longer than they were,
 * always clean text; names written back never break a header. Seeds: targets
 * and header values. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"
#include "common/err.h"
#include "gatewayd/http/mime.h"
#include "gatewayd/http/range.h"
#include "gatewayd/http/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
parsed(const struct uri *u, size_t size)
{
	for (size_t i = 0; i < u->n_segments; i++) {
		nx_assert(
		    nx_text_clean(u->segment[i], strlen(u->segment[i]), ""));
		nx_assert(!strchr(u->segment[i], '/'));
	}
	for (size_t i = 0; i < u->n_params; i++) {
		const char *value = uri_param(u, u->param[i].name);

		nx_assert(!value || nx_text_clean(value, strlen(value), ""));
		nx_assert(u->param[i].len < size);
	}
}

static void
target(const char *text, size_t size)
{
	char *copy = malloc(size + 1);
	struct uri u;

	nx_assert(copy);
	memcpy(copy, text, size);
	if (memchr(copy, 0, size) == NULL && size > 0 &&
	    uri_parse(&u, copy, size) == NULL)
		parsed(&u, size);
	free(copy);
}

static void
values(const char *text, size_t size)
{
	struct http_span s = {text, size};
	uint64_t first, last;
	char param[32], out[1100];
	char *copy = malloc(size + 1);

	nx_assert(copy);
	if (mime_param(s, "filename", param, sizeof(param)) == 1)
		nx_assert(strlen(param) < sizeof(param));
	if (range_parse(s, 1000, &first, &last) == RANGE_PART)
		nx_assert(first <= last && last < 1000);
	(void)etag_listed(s, "abc");
	memcpy(copy, text, size);
	copy[size] = '\0';
	mime_attachment(copy, out, sizeof(out));
	nx_assert(strlen(out) < sizeof(out) && !strpbrk(out, "\r\n") &&
	    nx_text_clean(out, strlen(out), ""));
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	target((const char *)data, size);
	values((const char *)data, size);
	return 0;
}
