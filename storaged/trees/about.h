/* What clients say of files, as messages and the catalogue have it. */
#ifndef STORAGED_ABOUT_H
#define STORAGED_ABOUT_H

#include "proto/storage.pb-c.h"
#include "storaged/catalog/catalog.h"

/* Items of meta, encoded for the catalogue. */
struct about_meta {
	size_t len;
	uint8_t data[CATALOG_ABOUT_MAX];
};

/* Fills *ret_about and *ret_meta (from malloc; NULL when there are none) and
 * returns NULL; or a sentence that says what is wrong. */
const char *about_read(const Nx__About *m, struct catalog_about *ret_about,
    struct about_meta **ret_meta);

/* A message that borrows from @about. */
void about_fill(const struct catalog_about *about, Nx__About *ret_m);

/* The items of a file, for a message: points into itself. */
#define ABOUT_ITEMS 32U
struct about_items {
	struct about_meta meta;
	Nx__MetaItem items[ABOUT_ITEMS], *list[ABOUT_ITEMS];
};
/* Adds those of the file @key to @m, with room in @items. 0 or -errno. */
int about_add_items(
    struct catalog *c, int64_t key, struct about_items *items, Nx__About *m);

#endif
