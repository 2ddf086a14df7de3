/*
 * A growing buffer for what goes out, and JSON written into it. A failed
 * allocation is remembered and makes the rest do nothing: check b->failed once,
 * at the end.
 */
#ifndef GW_BUF_H
#define GW_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *data;
	size_t len, cap;
	bool failed;
	bool comma; /* JSON: the next member or element needs one before it */
};

void buf_fini(struct buf *b); /* frees; b can be used again */
bool buf_reserve(struct buf *b, size_t more);
void buf_add(struct buf *b, const void *data, size_t len);
void buf_text(struct buf *b, const char *text);
void buf_printf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Percent-encoded, so that it can stand in a query. */
void buf_percent(struct buf *b, const char *s, size_t len);

/* JSON. @name: the member's, or NULL inside an array and at the top. */
void json_open(struct buf *b, const char *name, char bracket);
void json_close(struct buf *b, char bracket);
/* @len bytes; what is not UTF-8 becomes U+FFFD. NULL becomes "". */
void json_bytes(struct buf *b, const char *name, const char *s, size_t len);
void json_string(struct buf *b, const char *name, const char *s);
void json_uint(struct buf *b, const char *name, uint64_t value);
void json_int(struct buf *b, const char *name, int64_t value);
void json_double(struct buf *b, const char *name, double value);
void json_bool(struct buf *b, const char *name, bool value);

#endif
