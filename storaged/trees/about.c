/*
 * What clients say of files: looked at once, when it comes, and given back as it
 * is. In the catalogue an item is its name and its value, each with a NUL.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/utf8.h"
#include "storaged/trees/about.h"

static bool
name_is_good(const char *name)
{
	size_t len = strlen(name);

	return len > 0 &&
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == len;
}

static bool
type_is_good(const char *type)
{
	for (const char *p = type; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			return false;
	return type[0] == '\0' || strchr(type, '/');
}

static bool
append(struct about_meta *meta, const char *text)
{
	size_t n = strlen(text) + 1;

	if (n > sizeof(meta->data) - meta->len)
		return false;
	memcpy(meta->data + meta->len, text, n);
	meta->len += n;
	return true;
}

static const char *
read_item(const Nx__About *m, size_t i, struct about_meta *meta)
{
	const Nx__MetaItem *item = m->meta[i];

	if (!name_is_good(item->name))
		return "a name of metadata has small letters, digits, -, _ "
		       "and . only";
	if (!nx_text_clean(item->value, strlen(item->value), ""))
		return "a value of metadata must be UTF-8 without control "
		       "characters";
	for (size_t k = 0; k < i; k++)
		if (strcmp(m->meta[k]->name, item->name) == 0)
			return "a name of metadata is given twice";
	if (!append(meta, item->name) || !append(meta, item->value))
		return "the metadata of a file is at most 16384 bytes long";
	return NULL;
}

static const char *
read_items(const Nx__About *m, struct about_meta **ret_meta)
{
	struct about_meta *meta = malloc(sizeof(*meta));
	const char *wrong = NULL;

	if (!meta)
		return "there is no memory for the metadata: try again";
	meta->len = 0;
	for (size_t i = 0; i < m->n_meta && !wrong; i++)
		wrong = read_item(m, i, meta);
	if (wrong)
		free(meta);
	else
		*ret_meta = meta;
	return wrong;
}

const char *
about_read(const Nx__About *m, struct catalog_about *ret_about,
    struct about_meta **ret_meta)
{
	*ret_about = (struct catalog_about){0};
	*ret_meta = NULL;
	if (!m)
		return NULL;
	if (!type_is_good(m->content_type))
		return "a content type looks like text/plain";
	ret_about->has_mtime = m->has_mtime;
	ret_about->mtime = m->mtime;
	(void)snprintf(
	    ret_about->type, sizeof(ret_about->type), "%s", m->content_type);
	return m->n_meta > 0 ? read_items(m, ret_meta) : NULL;
}

void
about_fill(const struct catalog_about *about, Nx__About *ret_m)
{
	nx__about__init(ret_m);
	ret_m->content_type = (char *)(uintptr_t)about->type;
	ret_m->has_mtime = about->has_mtime;
	ret_m->mtime = about->mtime;
}

int
about_add_items(
    struct catalog *c, int64_t key, struct about_items *items, Nx__About *m)
{
	int n = catalog_file_meta(c, key, items->meta.data);
	char *at = (char *)items->meta.data, *end;

	if (n <= 0)
		return n;
	if (at[n - 1] != '\0')
		return -EBADMSG;
	for (end = at + n; at < end && m->n_meta < ABOUT_ITEMS;) {
		Nx__MetaItem *item = &items->items[m->n_meta];

		nx__meta_item__init(item);
		item->name = at;
		at += strlen(at) + 1;
		if (at == end)
			return -EBADMSG;
		item->value = at;
		at += strlen(at) + 1;
		items->list[m->n_meta++] = item;
	}
	m->meta = items->list;
	return 0;
}
