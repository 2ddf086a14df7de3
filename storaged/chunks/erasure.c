/*
 * See erasure.h. Which matrix it is decides what old stripes mean: it must never
 * change. Every square part of a Cauchy matrix under the unit matrix can be
 * inverted, which is why any parts are enough (Plank and Xu, Optimizing Cauchy
 * Reed-Solomon Codes, 2006; gf_gen_cauchy1_matrix of ISA-L).
 */
#include <errno.h>
#include <isa-l/erasure_code.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/fd.h"
#include "storaged/chunks/erasure_matrix.h"

bool
erasure_valid(struct erasure e)
{
	return e.data >= 2 && e.data <= ERASURE_DATA_MAX && e.parity >= 1 &&
	    e.parity <= ERASURE_PARITY_MAX;
}

bool
erasure_parse(const char *text, struct erasure *ret_erasure)
{
	struct erasure e;

	/* One digit each: what is valid has no more. */
	if (strlen(text) != 3 || text[1] != '+' || text[0] < '0' ||
	    text[0] > '9' || text[2] < '0' || text[2] > '9')
		return false;
	e.data = (unsigned)(text[0] - '0');
	e.parity = (unsigned)(text[2] - '0');
	if (!erasure_valid(e))
		return false;
	*ret_erasure = e;
	return true;
}

uint32_t
erasure_part_size(struct erasure e)
{
	nx_assert(erasure_valid(e));
	return (CHUNK_BLOCKS + e.data - 1) / e.data * CRC_BLOCK;
}

/* --- matrices ---------------------------------------------------------------*/

static void
make_matrix(struct erasure e, uint8_t *ret_matrix)
{
	gf_gen_cauchy1_matrix(
	    ret_matrix, (int)(e.data + e.parity), (int)e.data);
}

void
erasure_tables(struct erasure e, uint8_t *ret_tables)
{
	uint8_t matrix[ERASURE_PARTS_MAX * ERASURE_DATA_MAX];

	make_matrix(e, matrix);
	ec_init_tables(
	    (int)e.data, (int)e.parity, matrix + e.data * e.data, ret_tables);
}

/* The rows of the parts there are, inverted, give the data; the row of what is
 * wanted, of the data. */
void
erasure_tables_back(
    struct erasure e, const unsigned *from, unsigned which, uint8_t *ret_tables)
{
	uint8_t matrix[ERASURE_PARTS_MAX * ERASURE_DATA_MAX];
	uint8_t rows[ERASURE_DATA_MAX * ERASURE_DATA_MAX];
	uint8_t back[ERASURE_DATA_MAX * ERASURE_DATA_MAX];
	uint8_t row[ERASURE_DATA_MAX];
	unsigned k = e.data;

	make_matrix(e, matrix);
	for (unsigned i = 0; i < k; i++)
		memcpy(rows + i * k, matrix + from[i] * k, k);
	nx_assert(gf_invert_matrix(rows, back, (int)k) == 0);
	for (unsigned j = 0; j < k; j++) {
		row[j] = 0;
		for (unsigned i = 0; i < k; i++)
			row[j] ^=
			    gf_mul(matrix[which * k + i], back[i * k + j]);
	}
	ec_init_tables((int)k, 1, row, ret_tables);
}

/* --- parity -----------------------------------------------------------------*/

struct erasure_encoder {
	struct erasure e;
	uint8_t tables[ERASURE_TABLE * ERASURE_DATA_MAX * ERASURE_PARITY_MAX];
	uint64_t len; /* of data so far */
	uint8_t *parity[ERASURE_PARITY_MAX];
};

int
erasure_encoder_new(struct erasure e, struct erasure_encoder **ret_encoder)
{
	struct erasure_encoder *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->e = e;
	erasure_tables(e, c->tables);
	for (unsigned i = 0; i < e.parity; i++) {
		c->parity[i] = calloc(1, erasure_part_size(e));
		if (!c->parity[i]) {
			erasure_encoder_free(c);
			return -ENOMEM;
		}
	}
	*ret_encoder = c;
	return 0;
}

struct erasure_encoder *
erasure_encoder_free(struct erasure_encoder *c)
{
	if (c)
		for (unsigned i = 0; i < c->e.parity; i++)
			free(c->parity[i]);
	free(c);
	return NULL;
}

uint64_t
erasure_encoded(const struct erasure_encoder *c)
{
	return c->len;
}

/* Some bytes of one part. ISA-L reads them only. */
static void
add(struct erasure_encoder *c, uint8_t *data, uint32_t len)
{
	uint32_t size = erasure_part_size(c->e);
	uint8_t *at[ERASURE_PARITY_MAX];

	for (unsigned i = 0; i < c->e.parity; i++)
		at[i] = c->parity[i] + c->len % size;
	ec_encode_data_update((int)len, (int)c->e.data, (int)c->e.parity,
	    (int)(c->len / size), c->tables, data, at);
	c->len += len;
}

void
erasure_encode(struct erasure_encoder *c, const void *data, uint64_t len)
{
	uint32_t size = erasure_part_size(c->e);
	const uint8_t *from = data;

	nx_assert(len <= (uint64_t)c->e.data * size - c->len);
	while (len > 0) {
		uint64_t n = size - c->len % size;

		if (n > len)
			n = len;
		add(c, (uint8_t *)(uintptr_t)from, (uint32_t)n);
		from += n;
		len -= n;
	}
}

static uint32_t
longest(const struct erasure_encoder *c)
{
	uint32_t size = erasure_part_size(c->e);

	return c->len < size ? (uint32_t)c->len : size;
}

const uint8_t *
erasure_parity(const struct erasure_encoder *c, unsigned i, uint32_t *ret_size)
{
	nx_assert(i < c->e.parity);
	*ret_size = longest(c);
	return c->parity[i];
}

void
erasure_next(struct erasure_encoder *c)
{
	for (unsigned i = 0; i < c->e.parity; i++)
		memset(c->parity[i], 0, longest(c));
	c->len = 0;
}
