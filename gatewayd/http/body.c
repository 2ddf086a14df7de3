/*
 * The chunk decoder of body.h: strict CR LF, sizes of at most 15 digits,
 * extensions accepted and ignored up to 1 KiB a line, trailers checked like
 * header fields and dropped.
 */
#include <string.h>

#include "common/err.h"
#include "gatewayd/http/body.h"

/* Where the decoder is. The way round is SIZE (BLANK, EXT) SIZE_LF DATA DATA_CR
 * DATA_LF SIZE ...; a size of 0 leads from SIZE_LF to TRAILERS, and out. */
enum {
	C_SIZE,
	C_BLANK, /* blanks before an extension */
	C_EXT,
	C_SIZE_LF,
	C_DATA,
	C_DATA_CR,
	C_DATA_LF,
	C_TRAILERS,
};

#define SIZE_DIGITS 15U
#define EXT_MAX     1024U

static const struct http_error chunk = {
    400, "malformed-request", "The body is not valid chunked coding."};

void
body_init(struct body *b, const struct http_head *head)
{
	*b = (struct body){
	    .framing = head->framing,
	    .done = head->framing == HTTP_NO_BODY,
	    .left = head->framing == HTTP_LENGTH ? head->content_length : 0,
	};
}

void
body_skip(struct body *b, uint64_t n)
{
	nx_assert(b->framing == HTTP_LENGTH && n <= b->left);
	b->left -= n;
	b->received += n;
	b->done = b->left == 0;
}

static int
hex(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool
in_size(struct body *b, unsigned char c)
{
	int d = hex(c);

	if (d >= 0) {
		if (++b->digits > SIZE_DIGITS)
			return false;
		b->left = b->left << 4 | (unsigned)d;
		return true;
	}
	if (b->digits == 0)
		return false;
	b->line = 0;
	if (c == '\r')
		b->state = C_SIZE_LF;
	else if (c == ';')
		b->state = C_EXT;
	else if (c == ' ' || c == '\t')
		b->state = C_BLANK;
	else
		return false;
	return true;
}

static bool
in_extension(struct body *b, unsigned char c)
{
	if (++b->line > EXT_MAX)
		return false;
	if (b->state == C_BLANK) {
		if (c == ';')
			b->state = C_EXT;
		return c == ';' || c == ' ' || c == '\t';
	}
	if (c == '\r')
		b->state = C_SIZE_LF;
	else if ((c < 0x20 && c != '\t') || c == 0x7f)
		return false;
	return true;
}

static bool
in_lf(struct body *b, unsigned char c)
{
	if (c != '\n')
		return false;
	if (b->state == C_DATA_LF) {
		b->state = C_SIZE;
		b->digits = 0;
		b->left = 0;
	} else if (b->left > 0) {
		b->state = C_DATA;
	} else {
		b->state = C_TRAILERS;
		head_scan_fields(&b->trailers, HTTP_TRAILER_MAX);
	}
	return true;
}

/* One byte of what is neither content nor trailers. */
static bool
in_coding(struct body *b, unsigned char c)
{
	switch (b->state) {
	case C_SIZE: return in_size(b, c);
	case C_BLANK:
	case C_EXT: return in_extension(b, c);
	case C_DATA_CR: b->state = C_DATA_LF; return c == '\r';
	default: return in_lf(b, c);
	}
}

static size_t
take_data(struct body *b, char *to, const char *from, size_t len)
{
	size_t n = b->left < len ? (size_t)b->left : len;

	nx_assert(b->left > 0 && to <= from);
	if (to != from)
		memmove(to, from, n);
	b->left -= n;
	b->received += n;
	if (b->left == 0)
		b->state = C_DATA_CR;
	return n;
}

static const struct http_error *
take_chunks(struct body *b, char *data, size_t len, size_t *ret_used,
    size_t *ret_payload)
{
	size_t in = 0, out = 0, n;

	while (in < len && !b->done) {
		if (b->state == C_DATA) {
			n = take_data(b, data + out, data + in, len - in);
			in += n;
			out += n;
		} else if (b->state == C_TRAILERS) {
			const struct http_error *error =
			    head_scan(&b->trailers, data + in, len - in, &n);

			if (error)
				return error;
			in += n;
			b->done = b->trailers.done;
		} else if (!in_coding(b, (unsigned char)data[in++])) {
			return &chunk;
		}
	}
	*ret_used = in;
	*ret_payload = out;
	return NULL;
}

const struct http_error *
body_take(struct body *b, char *data, size_t len, size_t *ret_used,
    size_t *ret_payload)
{
	size_t n;

	if (b->framing == HTTP_CHUNKED)
		return take_chunks(b, data, len, ret_used, ret_payload);
	n = b->left < len ? (size_t)b->left : len;
	if (n > 0)
		body_skip(b, n);
	*ret_used = *ret_payload = n;
	return NULL;
}
