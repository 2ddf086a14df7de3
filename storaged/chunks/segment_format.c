/* See segment_format.h. */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "common/err.h"
#include "storaged/chunks/checksum.h"
#include "storaged/chunks/segment_format.h"

#define HEADER_MAGIC 0x3147455358454eULL /* "NEXSEG1" */
#define VERSION      1U
#define RECORD_MAGIC 0x6452784eU /* "NxRd" */

/* As they lie on the disk; no member is padded. */
struct disk_header {
	uint64_t magic;
	uint32_t version;
	uint32_t number;
	uint64_t generation;
	uint64_t made_at;
	char volume[NX_ID_LEN];
	uint8_t rest[SEGMENT_PAGE - 68];
	uint32_t crc;
};
struct disk_record {
	uint32_t magic;
	uint32_t length;
	char id[NX_ID_LEN];
	uint64_t generation;
	uint32_t data_crc;
	uint32_t crc;
};
_Static_assert(sizeof(struct disk_header) == SEGMENT_PAGE, "a page");
_Static_assert(sizeof(struct disk_record) == SEGMENT_RECORD, "no padding");

/* --- the header -------------------------------------------------------------*/

static uint32_t
header_crc(const struct disk_header *d)
{
	return checksum_crc(d, offsetof(struct disk_header, crc));
}

void
segment_header_write(
    const struct segment_header *h, uint8_t ret_page[SEGMENT_PAGE])
{
	struct disk_header d = {
	    .magic = htole64(HEADER_MAGIC),
	    .version = htole32(VERSION),
	    .number = htole32(h->number),
	    .generation = htole64(h->generation),
	    .made_at = htole64(h->made_at),
	};

	nx_assert(h->number > 0 && h->number <= SEGMENT_NUMBER_MAX);
	memcpy(d.volume, h->volume, strnlen(h->volume, NX_ID_LEN));
	d.crc = htole32(header_crc(&d));
	memcpy(ret_page, &d, sizeof(d));
}

int
segment_header_read(
    const uint8_t page[SEGMENT_PAGE], struct segment_header *ret_header)
{
	struct disk_header d;
	uint32_t number;

	memcpy(&d, page, sizeof(d));
	if (d.magic != htole64(HEADER_MAGIC) ||
	    d.crc != htole32(header_crc(&d)))
		return -EBADMSG;
	if (le32toh(d.version) != VERSION)
		return -EPROTONOSUPPORT;
	number = le32toh(d.number);
	if (number == 0 || number > SEGMENT_NUMBER_MAX)
		return -EBADMSG;
	*ret_header = (struct segment_header){
	    .number = number,
	    .generation = le64toh(d.generation),
	    .made_at = le64toh(d.made_at),
	};
	memcpy(ret_header->volume, d.volume, NX_ID_LEN);
	return 0;
}

/* --- records ----------------------------------------------------------------*/

static uint32_t
record_crc(const struct disk_record *d)
{
	return checksum_crc(d, offsetof(struct disk_record, crc));
}

void
segment_record_write(
    const struct segment_record *r, uint8_t ret_bytes[SEGMENT_RECORD])
{
	struct disk_record d = {
	    .magic = htole32(RECORD_MAGIC),
	    .length = htole32(r->length),
	    .generation = htole64(r->generation),
	    .data_crc = htole32(r->data_crc),
	};

	nx_assert(r->length <= SEGMENT_DATA_MAX);
	memcpy(d.id, r->id, strnlen(r->id, NX_ID_LEN));
	d.crc = htole32(record_crc(&d));
	memcpy(ret_bytes, &d, sizeof(d));
}

int
segment_record_read(
    const uint8_t bytes[SEGMENT_RECORD], struct segment_record *ret_record)
{
	struct disk_record d;

	memcpy(&d, bytes, sizeof(d));
	if (d.magic != htole32(RECORD_MAGIC) ||
	    le32toh(d.length) > SEGMENT_DATA_MAX ||
	    strnlen(d.id, NX_ID_LEN) != NX_ID_LEN ||
	    d.crc != htole32(record_crc(&d)))
		return -EBADMSG;
	*ret_record = (struct segment_record){
	    .length = le32toh(d.length),
	    .generation = le64toh(d.generation),
	    .data_crc = le32toh(d.data_crc),
	};
	memcpy(ret_record->id, d.id, NX_ID_LEN);
	return 0;
}

/* --- going through ----------------------------------------------------------*/

static bool
is_record(const struct segment_scan *s, struct segment_record *ret_record)
{
	static const uint32_t magic = RECORD_MAGIC;
	uint32_t first;

	memcpy(&first, s->data + s->at, sizeof(first));
	return first == htole32(magic) &&
	    segment_record_read(s->data + s->at, ret_record) == 0 &&
	    ret_record->generation == s->generation;
}

enum segment_found
segment_scan_next(
    struct segment_scan *s, struct segment_record *ret_record, size_t *ret_at)
{
	struct segment_record r;
	size_t at;

	while (s->size >= SEGMENT_RECORD && s->at <= s->size - SEGMENT_RECORD) {
		if (!is_record(s, &r)) {
			s->at += SEGMENT_ALIGN;
			continue;
		}
		at = s->at;
		*ret_at = at;
		*ret_record = r;
		if (r.length > s->size - at - SEGMENT_RECORD)
			return SEGMENT_MORE;
		s->at += segment_record_span(r.length);
		return checksum_crc(s->data + at + SEGMENT_RECORD, r.length) ==
			r.data_crc
		    ? SEGMENT_GOOD
		    : SEGMENT_BAD;
	}
	return SEGMENT_END;
}
