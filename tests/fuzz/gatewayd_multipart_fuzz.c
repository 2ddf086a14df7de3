/* multipart/form-data with the boundary "B", whole and byte by byte: the same
 * parts, the same content. Seeds: forms. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "gatewayd/http/multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct log {
	char *data;
	size_t len;
	bool failed;
};

static void
add(struct log *l, char event, const char *data, size_t len)
{
	/* neighbouring pieces of content are one */
	if (event != 'd' || l->len == 0 || l->data[0] != 'd')
		l->data[++l->len] = event;
	l->data[0] = event;
	memcpy(l->data + l->len + 1, data, len);
	l->len += len;
}

static void
run(const char *data, size_t size, size_t step, struct log *l)
{
	static struct multipart m;
	static const char type[] = "multipart/form-data; boundary=B";
	size_t at = 0;

	nx_assert(multipart_init(
		      &m, (struct http_span){type, sizeof(type) - 1}) == NULL);
	while (at < size && !l->failed) {
		struct http_span in = {
		    data + at, size - at < step ? size - at : step};

		at += in.len;
		while (in.len > 0 && !l->failed) {
			switch (multipart_next(&m, &in)) {
			case MULTIPART_MORE: break;
			case MULTIPART_PART:
				add(l, 'p', m.name, strlen(m.name));
				add(l, 'f', m.filename, strlen(m.filename));
				break;
			case MULTIPART_DATA:
				nx_assert(m.data.len > 0);
				add(l, 'd', m.data.p, m.data.len);
				break;
			case MULTIPART_PART_END: add(l, '.', "", 0); break;
			case MULTIPART_END: add(l, 'e', "", 0); break;
			case MULTIPART_ERROR: l->failed = true; break;
			}
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct log whole = {.data = calloc(4, size + 64)};
	struct log bytes = {.data = calloc(4, size + 64)};

	nx_assert(whole.data && bytes.data);
	run((const char *)data, size, size, &whole);
	run((const char *)data, size, 1, &bytes);
	nx_assert(whole.failed == bytes.failed);
	if (!whole.failed)
		nx_assert(whole.len == bytes.len &&
		    memcmp(whole.data + 1, bytes.data + 1, whole.len) == 0);
	free(whole.data);
	free(bytes.data);
	return 0;
}
