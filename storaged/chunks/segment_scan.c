/*
 * Telling what is in a segment from the segment alone, a window at a time. What
 * cannot be read counts as nothing: the records around it are still found.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "storaged/chunks/segment_internal.h"

#define WINDOW (1U << 20) /* holds the largest record */

/* Bytes from @from on, those of pages that cannot be read as zeros. Number, 0
 * at the end, which is @end. */
static size_t
read_window(int fd, uint8_t *buf, uint64_t from, uint64_t end)
{
	size_t at = 0;

	while (at < WINDOW && from + at < end) {
		ssize_t n =
		    pread(fd, buf + at, WINDOW - at, (off_t)(from + at));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			n = SEGMENT_PAGE -
			    (ssize_t)((from + at) % SEGMENT_PAGE);
			if ((size_t)n > WINDOW - at)
				n = (ssize_t)(WINDOW - at);
			memset(buf + at, 0, (size_t)n);
		}
		if (n == 0)
			break;
		at += (size_t)n;
	}
	return at;
}

static int
read_generation(
    struct segments *s, int fd, uint32_t number, uint64_t *ret_generation)
{
	uint8_t page[SEGMENT_PAGE];
	struct segment_header h;
	ssize_t n = pread(fd, page, sizeof(page), 0);
	int r;

	if (n < 0)
		return -errno;
	r = n == sizeof(page) ? segment_header_read(page, &h) : -EBADMSG;
	if (r == 0 && (h.number != number || strcmp(h.volume, s->volume) != 0))
		r = -EBADMSG;
	if (r == 0)
		*ret_generation = h.generation;
	return r;
}

struct scanning {
	uint32_t number;
	uint64_t generation;
	void (*each)(const struct chunk_id *id, uint64_t at, uint32_t length,
	    bool good, void *arg);
	void *arg;
};

/* Where to go on. */
static uint64_t
scan_window(
    const struct scanning *c, const uint8_t *buf, size_t n, uint64_t from)
{
	struct segment_scan scan = {
	    .data = buf, .size = n, .generation = c->generation};
	struct segment_record r;
	enum segment_found found;
	struct chunk_id id;
	size_t at;

	while ((found = segment_scan_next(&scan, &r, &at)) != SEGMENT_END) {
		/* A record cut off by the end of the file is none. */
		if (found == SEGMENT_MORE && (n < WINDOW || at == 0))
			break;
		if (found == SEGMENT_MORE)
			return from + at;
		memcpy(id.text, r.id, sizeof(id.text));
		c->each(&id, segment_at(c->number, from + at), r.length,
		    found == SEGMENT_GOOD, c->arg);
	}
	return from + (n < WINDOW ? n : scan.at);
}

int
segments_scan(struct segments *s, uint32_t number,
    void (*each)(const struct chunk_id *id, uint64_t at, uint32_t length,
	bool good, void *arg),
    void *arg)
{
	struct scanning c = {.number = number, .each = each, .arg = arg};
	nx_cleanup_free uint8_t *buf = malloc(WINDOW);
	nx_cleanup_fd int fd = segments_open_file(s, number, 0);
	int r = fd < 0 ? fd : buf ? 0 : -ENOMEM;
	uint64_t at = SEGMENT_PAGE;
	struct stat st = {0};
	size_t n;

	if (r == 0 && fstat(fd, &st) < 0)
		r = -errno;
	if (r == 0)
		r = read_generation(s, fd, number, &c.generation);
	while (
	    r == 0 && (n = read_window(fd, buf, at, (uint64_t)st.st_size)) > 0)
		at = scan_window(&c, buf, n, at);
	return r;
}
