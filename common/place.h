/*
 * Places: where alone an access key is good. A place is a folder of its user's
 * tree ("/backups/laptop"), or a bucket ("photos"), or of a bucket the keys that
 * begin alike ("photos/2025/").
 *
 * The fields of messages that name something carry it in proto/ (path, bucket,
 * key). From that alone, before any handler sees a request, all that is outside
 * is refused, and so is every method that names nothing, unless it says "within":
 * then its handler asks where that is which it was asked about.
 */
#ifndef NX_PLACE_H
#define NX_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/method.h"
#include "common/ticket.h"

/* NULL, or a sentence that says what a place looks like. */
const char *nx_place_wrong(const char *place);

/* Is @path that folder, or below it? Empty names and "." in it do not count, as
 * for whoever walks it; with ".." it is nowhere. An empty @place is anywhere. */
bool nx_place_has_path(const char *place, const char *path);
/* Is @bucket that bucket, and does @key begin as the place does? */
bool nx_place_has_key(
    const char *place, const char *bucket, const void *key, size_t len);

/* May @m be asked @request by who is kept to @place? */
bool nx_place_admits(const char *place, const struct nx_method *m,
    const ProtobufCMessage *request);

#endif
