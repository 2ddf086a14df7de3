/* Heads and chunked bodies as a client may send them. What is taken in one
 * piece must be taken byte by byte with the same result, and the other way
 * round. Seeds: requests. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "gatewayd/http/body.h"
#include "gatewayd/http/head.h"
#include "gatewayd/http/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct result {
	const struct http_error *error;
	size_t end, length;
	bool done;
};

static struct result
scan(const char *data, size_t size, size_t step, struct head_scan *s)
{
	struct result r = {0};
	size_t used;

	*s = (struct head_scan){0};
	while (r.end < size && !s->done && !r.error) {
		size_t n = size - r.end < step ? size - r.end : step;

		r.error = head_scan(s, data + r.end, n, &used);
		r.end += r.error ? 0 : used;
	}
	r.done = s->done;
	return r;
}

static struct result
decode(const struct http_head *head, const char *data, size_t size, size_t step,
    char *out)
{
	struct result r = {0};
	size_t used, payload;
	struct body b;
	char *copy = malloc(size + 1);

	nx_assert(copy);
	memcpy(copy, data, size);
	body_init(&b, head);
	while (r.end < size && !b.done && !r.error) {
		size_t n = size - r.end < step ? size - r.end : step;

		r.error = body_take(&b, copy + r.end, n, &used, &payload);
		if (r.error)
			break;
		memcpy(out + r.length, copy + r.end, payload);
		r.end += used;
		r.length += payload;
	}
	r.done = b.done;
	free(copy);
	return r;
}

static void
body(const struct http_head *head, const char *data, size_t size)
{
	char *a = malloc(size + 1), *b = malloc(size + 1);
	struct result whole, bytes;

	nx_assert(a && b);
	whole = decode(head, data, size, size, a);
	bytes = decode(head, data, size, 1, b);
	nx_assert(whole.error == bytes.error && whole.done == bytes.done);
	if (!whole.error)
		nx_assert(whole.end == bytes.end &&
		    whole.length == bytes.length &&
		    memcmp(a, b, whole.length) == 0);
	free(a);
	free(b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct result whole, bytes;
	struct head_scan s, t;
	struct http_head head;
	struct uri uri;
	char *copy;

	whole = scan(text, size, size, &s);
	bytes = scan(text, size, 1, &t);
	nx_assert(whole.error == bytes.error && whole.done == bytes.done);
	if (!whole.done)
		return 0;
	nx_assert(whole.end == bytes.end && s.skipped == t.skipped);
	copy = malloc(whole.end + 1);
	nx_assert(copy);
	memcpy(copy, text + s.skipped, whole.end - s.skipped);
	if (head_parse(&head, copy, whole.end - s.skipped) == NULL) {
		body(&head, text + whole.end, size - whole.end);
		nx_assert(head.target.p > copy);
		(void)uri_parse(
		    &uri, copy + (head.target.p - copy), head.target.len);
	}
	free(copy);
	return 0;
}
