/*
 * How people know what is in buckets and in uploads: "bucket:key", the path an
 * upload is for. A key is bytes; what is no text is written %XX.
 */
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "common/utf8.h"
#include "storaged/catalog/catalog_bucket_internal.h"

void
catalog_key_text(const struct catalog_key *key, char *ret_text, size_t size)
{
	size_t at = 0;

	nx_assert(size > 8);
	for (size_t i = 0; i < key->len;) {
		uint32_t point;
		size_t n = nx_utf8_next(key->data + i, key->len - i, &point);

		if (n > 0 && (point < ' ' || point == 0x7f))
			n = 0;

		if (at + (n ? n : 3) >= size - 4) {
			memcpy(ret_text + at, "...", 4);
			return;
		}
		if (n > 0)
			memcpy(ret_text + at, key->data + i, n);
		else
			(void)snprintf(
			    ret_text + at, 4, "%%%02X", key->data[i]);
		at += n ? n : 3;
		i += n ? n : 1;
	}
	ret_text[at] = '\0';
}

/* Of a row "bucket's name, key, path". */
static bool
take_place(int r, sqlite3_stmt *stmt, char *ret_text, size_t size)
{
	struct catalog_key key;
	size_t n;

	if (r <= 0)
		return false;
	ret_text[0] = '\0';
	if (sqlite3_column_type(stmt, 0) == SQLITE_NULL) {
		(void)snprintf(ret_text, size, "%s",
		    (const char *)sqlite3_column_text(stmt, 2));
	} else {
		n = (size_t)snprintf(ret_text, size,
		    "%s:", (const char *)sqlite3_column_text(stmt, 0));
		key.data = sqlite3_column_blob(stmt, 1);
		key.len = (size_t)sqlite3_column_bytes(stmt, 1);
		if (n + 16 < size)
			catalog_key_text(&key, ret_text + n, size - n);
	}
	sqlite3_reset(stmt);
	return ret_text[0] != '\0';
}

bool
catalog_object_place(
    struct nx_db *db, int64_t file, char *ret_text, size_t size)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT b.name, o.key, '' FROM objects o JOIN buckets b"
	    " USING(bucket) WHERE o.file = ?",
	    "i", file);

	if (take_place(r, stmt, ret_text, size))
		return true;
	r = nx_db_query(db, &stmt,
	    "SELECT b.name, u.key, u.path FROM uploads u LEFT JOIN buckets b"
	    " USING(bucket) WHERE u.file = ?",
	    "i", file);
	return take_place(r, stmt, ret_text, size);
}
