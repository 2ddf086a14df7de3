/* Catalogue records as messages. The messages borrow the records' strings. */
#ifndef STORAGED_INFO_H
#define STORAGED_INFO_H

#include "proto/storage.pb-c.h"
#include "storaged/catalog/catalog.h"

void info_file(const struct catalog_file *f, Nx__FileInfo *ret_info);
void info_entry(const struct catalog_entry *e, Nx__FsEntry *ret_entry);
/* A string constant as protobuf-c wants it: it never writes there. */
char *info_text(const char *text);

#endif
