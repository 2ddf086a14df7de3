/* Which file somebody reads: by session, by path, by version, by id. */
#include <string.h>

#include "proto/serve_storaged.h"
#include "storaged/catalog/catalog.h"
#include "storaged/downloads/source.h"
#include "storaged/trees/trees.h"

static int
find_then(struct storaged *s, uint64_t user, const char *snapshot,
    const struct path *path, struct catalog_file *ret_file)
{
	struct catalog_entry e;
	int r = catalog_snapshot_stat(s->catalog, user, snapshot, path, &e);

	if (r == 0 && e.folder)
		r = CATALOG_IS_FOLDER;
	return r != 0 ? r : catalog_file_get(s->catalog, e.file, ret_file);
}

/* What was at the path, not what is. */
static int
find_version(struct nx_request *r, struct storaged *s,
    const Nx__OpenReadRequest *q, struct catalog_file *ret_file)
{
	struct path path;
	const char *wrong = path_parse(q->path, strlen(q->path), &path);
	int result;

	if (wrong) {
		nx_refuse(r, NX__STATUS__INVALID, "%s", wrong);
		return -1;
	}
	result = q->snapshot[0] != '\0'
	    ? find_then(s, r->who.user_id, q->snapshot, &path, ret_file)
	    : catalog_version_file(s->catalog, r->who.user_id, &path,
		  (int64_t)(q->version & INT64_MAX), ret_file);
	if (result != 0)
		refuse_catalog(r, result,
		    result == CATALOG_NO_SNAPSHOT ? q->snapshot : path.text);
	return result;
}

static int
find_by_path(struct nx_request *r, struct storaged *s, const char *text,
    struct catalog_file *ret_file)
{
	struct catalog_entry entry;
	struct path path;
	const char *wrong = path_parse(text, strlen(text), &path);
	int result;

	if (wrong) {
		nx_refuse(r, NX__STATUS__INVALID, "%s", wrong);
		return -1;
	}
	result = catalog_stat(s->catalog, r->who.user_id, &path, &entry);
	if (result == 0 && entry.folder)
		result = CATALOG_IS_FOLDER;
	if (result == 0)
		result = catalog_file_get(s->catalog, entry.file, ret_file);
	if (result != 0)
		refuse_catalog(r, result, path.text);
	return result;
}

int
source_find(struct nx_request *r, struct storaged *s,
    const Nx__OpenReadRequest *q, const struct session *se,
    struct catalog_file *ret_file)
{
	int result;

	if (se) {
		*ret_file = se->file;
		return 0;
	}
	if (q->version != 0 || q->snapshot[0] != '\0')
		return find_version(r, s, q, ret_file);
	if (q->path[0] != '\0')
		return find_by_path(r, s, q->path, ret_file);
	result = catalog_file_find(
	    s->catalog, r->who.user_id, r->who.place, q->id, ret_file);
	if (result != 0)
		refuse_catalog(r, result, q->id);
	return result;
}
