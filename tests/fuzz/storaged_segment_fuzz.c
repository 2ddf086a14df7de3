/* What a disk may hold where a segment should be: whatever is taken for a
 * record lies within the bytes there are and reads the same when it is written
 * again; going through always comes to an end. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "storaged/chunks/segment_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(int holds)
{
	if (!holds)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct segment_scan scan = {.data = data, .size = size};
	uint8_t page[SEGMENT_PAGE], bytes[SEGMENT_RECORD];
	struct segment_header header;
	struct segment_record r;
	enum segment_found found;
	size_t at, last = 0;

	if (size >= SEGMENT_PAGE && segment_header_read(data, &header) == 0) {
		segment_header_write(&header, page);
		check(memcmp(page, data, 32) == 0);
		scan.generation = header.generation;
	}
	while ((found = segment_scan_next(&scan, &r, &at)) != SEGMENT_END) {
		check(at >= last && at + SEGMENT_RECORD <= size);
		if (found == SEGMENT_MORE)
			break;
		check(r.length <= size - at - SEGMENT_RECORD);
		segment_record_write(&r, bytes);
		check(memcmp(bytes, data + at, sizeof(bytes)) == 0);
		last = scan.at;
	}
	return 0;
}
