/*
 * How a segment looks: many small chunks in one file that is only ever appended
 * to. Everything in it describes itself, so that what is there can be told from
 * the file alone. All numbers are little-endian.
 *
 *	page 0   header: number and generation of the segment, its volume
 *	then     batches; each begins on a fresh page and is synced before the
 *	         next, so that no write touches a page that was acknowledged
 *	batch    records, one after the other, on multiples of 8 bytes
 *	record   56 bytes: magic, length, chunk id, generation, CRC32C of the
 *	         data, CRC32C of the 52 bytes before; then the data
 *
 * A file that was emptied is used again under another number with a generation
 * of its own: what is left of its former records is nobody's. Generations are
 * random and never leave storaged, so no content can contain what passes for a
 * record.
 *
 * Pure: works on memory, trusts nothing it decodes.
 */
#ifndef STORAGED_SEGMENT_FORMAT_H
#define STORAGED_SEGMENT_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/id.h"

#define SEGMENT_PAGE   4096U
#define SEGMENT_RECORD 56U /* bytes before the data of each */
#define SEGMENT_ALIGN  8U
/* Chunks up to this size live in segments. */
#define SEGMENT_CHUNK_MAX (256U << 10)
/* Their data, where they are coded, may be a little longer. */
#define SEGMENT_DATA_MAX   (SEGMENT_CHUNK_MAX + SEGMENT_PAGE)
#define SEGMENT_NUMBER_MAX 0x7fffffffU

struct segment_header {
	uint32_t number;     /* 1 to SEGMENT_NUMBER_MAX */
	uint64_t generation; /* random */
	uint64_t made_at;    /* unix seconds */
	char volume[NX_ID_LEN + 1];
};

struct segment_record {
	char id[NX_ID_LEN + 1];
	uint32_t length;
	uint64_t generation;
	uint32_t data_crc;
};

void segment_header_write(
    const struct segment_header *h, uint8_t ret_page[SEGMENT_PAGE]);
/* 0; -EBADMSG: this is no header, or not as it was written;
 * -EPROTONOSUPPORT: one of a newer program. */
int segment_header_read(
    const uint8_t page[SEGMENT_PAGE], struct segment_header *ret_header);

void segment_record_write(
    const struct segment_record *r, uint8_t ret_bytes[SEGMENT_RECORD]);
/* 0, or -EBADMSG: these bytes are no record's. */
int segment_record_read(
    const uint8_t bytes[SEGMENT_RECORD], struct segment_record *ret_record);

/* From the beginning of one record to where the next may begin. */
static inline uint64_t
segment_record_span(uint32_t length)
{
	return ((uint64_t)SEGMENT_RECORD + length + SEGMENT_ALIGN - 1) &
	    ~(uint64_t)(SEGMENT_ALIGN - 1);
}

/* Where a record is, as the catalogue keeps it; 0 is nowhere. @offset: of its
 * header in the file. */
static inline uint64_t
segment_at(uint32_t number, uint64_t offset)
{
	return (uint64_t)number << 32 | offset / SEGMENT_ALIGN;
}
static inline uint32_t
segment_number(uint64_t at)
{
	return (uint32_t)(at >> 32);
}
static inline uint64_t
segment_offset(uint64_t at)
{
	return (at & UINT32_MAX) * SEGMENT_ALIGN;
}

/*
 * Goes through the bytes of a segment, whole or a part that begins on a page.
 * What lies between two records (padding, what a crash tore, what rotted) is
 * searched for the next one, so that one bad record hides no other.
 */
struct segment_scan {
	const uint8_t *data;
	size_t size, at; /* at: where to go on; begin with 0 */
	uint64_t generation;
};
enum segment_found {
	SEGMENT_END,  /* no further record begins in what there is */
	SEGMENT_GOOD, /* a record whose data are as they were written */
	SEGMENT_BAD,  /* a record whose data are not */
	SEGMENT_MORE, /* one whose data end beyond @size: go on from *ret_at */
};
/* *ret_at: offset of the record's header in @data. */
enum segment_found segment_scan_next(struct segment_scan *scan,
    struct segment_record *ret_record, size_t *ret_at);

#endif
