/*
 * What goes out, written once: text and JSON, escaped so that any bytes a user
 * stored come out as valid JSON.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"
#include "gatewayd/routes/buf.h"
#include "gatewayd/http/http.h"

void
buf_fini(struct buf *b)
{
	free(b->data);
	*b = (struct buf){0};
}

static bool
grow(struct buf *b, size_t more)
{
	size_t cap = b->cap ? b->cap : 512;
	char *data;

	if (b->failed)
		return false;
	while (cap - b->len < more)
		cap *= 2;
	data = realloc(b->data, cap);
	if (!data) {
		b->failed = true;
		return false;
	}
	b->data = data;
	b->cap = cap;
	return true;
}

bool
buf_reserve(struct buf *b, size_t more)
{
	return (b->cap - b->len >= more && !b->failed) || grow(b, more);
}

void
buf_add(struct buf *b, const void *data, size_t len)
{
	if (len == 0 || !buf_reserve(b, len))
		return;
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

void
buf_text(struct buf *b, const char *text)
{
	buf_add(b, text, strlen(text));
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (!buf_reserve(b, 128))
		return;
	va_start(ap, fmt);
	n = vsnprintf(b->data + b->len, b->cap - b->len, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n >= b->cap - b->len) {
		if (!buf_reserve(b, (size_t)n + 1))
			return;
		va_start(ap, fmt);
		n = vsnprintf(b->data + b->len, b->cap - b->len, fmt, ap);
		va_end(ap);
	}
	if (n < 0)
		b->failed = true;
	else
		b->len += (size_t)n;
}

void
buf_percent(struct buf *b, const char *s, size_t len)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~";

	for (; len > 0; s++, len--) {
		if (*s && strchr(plain, *s))
			buf_add(b, s, 1);
		else
			buf_printf(b, "%%%02X", (unsigned char)*s);
	}
}

/* The comma, the name and room for @more bytes; false when there is none. */
static bool
json_name(struct buf *b, const char *name, size_t more)
{
	size_t len = name ? strlen(name) : 0;
	char *at;

	if (!buf_reserve(b, len + 4 + more))
		return false;
	at = b->data + b->len;
	if (b->comma)
		*at++ = ',';
	b->comma = true;
	if (name) {
		/* names are literals of this program: nothing to escape */
		*at++ = '"';
		at = mempcpy(at, name, len);
		*at++ = '"';
		*at++ = ':';
	}
	b->len = (size_t)(at - b->data);
	return true;
}

void
json_open(struct buf *b, const char *name, char bracket)
{
	if (json_name(b, name, 1))
		b->data[b->len++] = bracket;
	b->comma = false;
}

void
json_close(struct buf *b, char bracket)
{
	buf_add(b, &bracket, 1);
	b->comma = true;
}

void
json_bytes(struct buf *b, const char *name, const char *s, size_t len)
{
	char piece[NX_JSON_PIECE];
	size_t i = 0, n;

	if (!json_name(b, name, len + 2))
		return;
	b->data[b->len++] = '"';
	while (i < len) {
		n = nx_text_plain(s + i, len - i);
		buf_add(b, s + i, n);
		i += n;
		if (i == len)
			break;
		i += nx_json_piece(s + i, len - i, piece);
		buf_text(b, piece);
	}
	buf_add(b, "\"", 1);
}

void
json_string(struct buf *b, const char *name, const char *s)
{
	json_bytes(b, name, s, s ? strlen(s) : 0);
}

void
json_uint(struct buf *b, const char *name, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + value % 10);
	while (value /= 10);
	if (json_name(b, name, sizeof(digits)))
		buf_add(b, digits + at, sizeof(digits) - at);
}

void
json_int(struct buf *b, const char *name, int64_t value)
{
	if (json_name(b, name, 24))
		buf_printf(b, "%lld", (long long)value);
}

void
json_double(struct buf *b, const char *name, double value)
{
	if (json_name(b, name, 0))
		buf_printf(b, "%.2f", isfinite(value) ? value : 0.0);
}

void
json_bool(struct buf *b, const char *name, bool value)
{
	if (json_name(b, name, 0))
		buf_text(b, value ? "true" : "false");
}
