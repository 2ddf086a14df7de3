/* See record.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <isa-l/crc.h>

#include "common/id.h"
#include "storaged/ledger/record.h"

#define LOG_MAGIC    0x4c584e31U /* "1NXL" */
#define RECORD_MAGIC 0x52584e31U
#define BASE_MAGIC   0x42584e31U

/* Of a whole head, but its magic and the crc itself. */
#define HEAD_CRC(h)                                             \
	ledger_crc((const uint8_t *)(h) + 2 * sizeof(uint32_t), \
	    sizeof(*(h)) - 2 * sizeof(uint32_t))

uint32_t
ledger_crc(const void *data, size_t len)
{
	uint32_t crc = ~0U;
	const uint8_t *at = data;

	for (size_t n; len > 0; at += n, len -= n) {
		n = len < LEDGER_DATA_MAX ? len : LEDGER_DATA_MAX;
		crc = crc32_iscsi((unsigned char *)(uintptr_t)at, (int)n, crc);
	}
	return crc;
}

void
log_head_make(struct log_head *h, const struct catalog_point *at,
    enum ledger_version version)
{
	*h = (struct log_head){.magic = LOG_MAGIC,
	    .version = version,
	    .schema = at->schema,
	    .first = at->seq + 1,
	    .prev = at->link};
	memcpy(h->id, at->id, sizeof(h->id));
	h->crc = HEAD_CRC(h);
}

static bool
is_version(uint32_t version)
{
	return version == LEDGER_PLAIN || version == LEDGER_SEALED;
}

bool
log_head_valid(const struct log_head *h)
{
	return h->magic == LOG_MAGIC && is_version(h->version) &&
	    h->crc == HEAD_CRC(h);
}

static uint32_t
link_of(const struct record_head *h)
{
	const uint64_t sums[3] = {
	    h->seq, ((uint64_t)h->prev << 32) | h->data_crc, h->len};

	return ledger_crc(sums, sizeof(sums));
}

void
record_head_make(struct record_head *h, const struct catalog_point *at,
    const void *data, uint32_t len, uint32_t flags)
{
	*h = (struct record_head){.magic = RECORD_MAGIC,
	    .seq = at->seq + 1,
	    .prev = at->link,
	    .len = len,
	    .data_crc = ledger_crc(data, len),
	    .time = nx_wall_us(),
	    .flags = flags};
	h->link = link_of(h);
	h->crc = HEAD_CRC(h);
}

bool
record_head_valid(const struct record_head *h)
{
	return h->magic == RECORD_MAGIC && h->crc == HEAD_CRC(h) &&
	    h->len <= LEDGER_DATA_MAX && h->link == link_of(h);
}

uint64_t
record_room(uint32_t len, size_t extra)
{
	uint64_t n = sizeof(struct record_head) + (uint64_t)len + extra;

	return (n + LEDGER_PAGE - 1) / LEDGER_PAGE * LEDGER_PAGE;
}

struct ledger_what
record_what(uint64_t n, uint64_t at)
{
	struct ledger_what what;

	(void)snprintf(what.text, sizeof(what.text),
	    "catalogue log %" PRIu64 " %" PRIu64, n, at);
	return what;
}

struct ledger_what
block_what(const char *base, uint32_t block)
{
	struct ledger_what what;

	(void)snprintf(what.text, sizeof(what.text), "catalogue %.63s %" PRIu32,
	    base, block);
	return what;
}

uint64_t
block_at(uint32_t block, size_t extra)
{
	return (uint64_t)block * (LEDGER_BLOCK + extra);
}

size_t
base_sums_len(const struct base_sums *s)
{
	return sizeof(s->head) + s->head.blocks * sizeof(s->crc[0]);
}

static uint32_t
sums_crc(const struct base_sums *s)
{
	const uint32_t both[2] = {HEAD_CRC(&s->head),
	    ledger_crc(s->crc, s->head.blocks * sizeof(s->crc[0]))};

	return ledger_crc(both, sizeof(both));
}

void
base_sums_make(struct base_sums *s, enum ledger_version version)
{
	s->head.magic = BASE_MAGIC;
	s->head.version = version;
	s->head.crc = sums_crc(s);
}

bool
base_sums_valid(const struct base_sums *s)
{
	return s->head.magic == BASE_MAGIC && is_version(s->head.version) &&
	    s->head.blocks ==
	    (s->head.size + LEDGER_BLOCK - 1) / LEDGER_BLOCK &&
	    s->head.crc == sums_crc(s);
}
