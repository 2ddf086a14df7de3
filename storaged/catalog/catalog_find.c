/*
 * Walking through a folder with all that is below it, some rows a call, in the
 * byte order of names with a folder before what is in it. Where it is can be
 * told by the path of the last entry alone, so that a walk goes on after a
 * restart, and when that entry has gone meanwhile.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "storaged/catalog/catalog_internal.h"

/* Down into @folder, which is called @name in the one above. */
static void
push(struct catalog_find *f, int64_t folder, const char *name)
{
	struct catalog_find_level *at = &f->levels[f->depth++];
	size_t len = strlen(f->prefix);

	*at = (struct catalog_find_level){.folder = folder, .prefix = len};
	if (name[0] != '\0')
		(void)snprintf(
		    f->prefix + len, sizeof(f->prefix) - len, "%s/", name);
}

static void
pop(struct catalog_find *f)
{
	f->prefix[f->levels[--f->depth].prefix] = '\0';
}

static void
pass(struct catalog_find *f, const char *name)
{
	struct catalog_find_level *at = &f->levels[f->depth - 1];

	(void)snprintf(at->after, sizeof(at->after), "%s", name);
}

/* To where @after is, or would be. */
static int
resume(struct nx_db *db, struct catalog_find *f, const struct path *after)
{
	struct catalog_entry entry;

	for (unsigned i = 0; i < after->depth; i++) {
		const char *name = path_name(after, i);
		int r = catalog_find_child(
		    db, f->owner, f->levels[f->depth - 1].folder, name, &entry);

		pass(f, name);
		if (r <= 0 || !entry.folder)
			return r < 0 ? r : 0;
		push(f, entry.key, name);
	}
	return 0;
}

int
catalog_find_begin(struct catalog *c, uint64_t owner, const struct path *top,
    const struct path *after, struct catalog_find *f)
{
	struct catalog_entry folder;
	int r = catalog_stat(c, owner, top, &folder);

	if (r == 0 && !folder.folder)
		r = CATALOG_NOT_FOLDER;
	if (r != 0)
		return r;
	f->owner = owner;
	f->depth = 0;
	f->prefix[0] = '\0';
	push(f, folder.key, "");
	return resume(c->db, f, after);
}

int
catalog_find_next(struct catalog *c, struct catalog_find *f,
    struct catalog_entry *ret_entries, size_t max)
{
	int n = 0;

	nx_assert(max > 0);
	while (f->depth > 0 && n == 0) {
		const struct catalog_find_level *at = &f->levels[f->depth - 1];

		n = catalog_list_to_folder(
		    c->db, f->owner, at->folder, at->after, ret_entries, max);
		if (n < 0)
			return n;
		if (n == 0)
			pop(f);
	}
	return n;
}

void
catalog_find_pass(struct catalog_find *f, const struct catalog_entry *last)
{
	pass(f, last->name);
	/* It may have been moved where it is too deep. */
	if (last->folder && f->depth < PATH_DEPTH_MAX &&
	    strlen(f->prefix) + strlen(last->name) + 1 < PATH_BYTES_MAX)
		push(f, last->key, last->name);
}
