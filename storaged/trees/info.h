/* Catalogue records as messages. The messages borrow the records' strings. */
#ifndef STORAGED_INFO_H
#define STORAGED_INFO_H

#include "proto/history.pb-c.h"
#include "proto/storage.pb-c.h"
#include "storaged/catalog/catalog.h"

struct storaged;

/* What the client said of it goes into @about, unless that is NULL. */
void info_file(
    const struct catalog_file *f, Nx__FileInfo *ret_info, Nx__About *about);
void info_entry(
    const struct catalog_entry *e, Nx__FsEntry *ret_entry, Nx__About *about);
/* Without meta. */
void info_past(
    const struct catalog_past *p, Nx__FsVersion *ret_version, Nx__About *about);
/* On how many disks it is, @look chunks looked at. */
void info_spread(struct storaged *s, const struct catalog_file *f,
    unsigned look, Nx__FileInfo *ret_info);
/* The SHA-256 of the file @key, empty when nobody wanted it. 0 or -errno. */
int info_sha256(struct catalog *c, int64_t key, char ret_text[SHA256_TEXT]);
/* A string constant as protobuf-c wants it: it never writes there. */
char *info_text(const char *text);

#endif
