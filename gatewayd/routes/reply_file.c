/*
 * Files and folders of the tree, written as the members old clients know and
 * those that came later.
 */
#include "gatewayd/routes/about.h"
#include "gatewayd/routes/reply_file.h"

static void
file_members(struct buf *b, const Nx__FileInfo *f)
{
	json_string(b, "id", f->id);
	json_string(b, "name", f->name);
	json_uint(b, "size", f->size);
	json_uint(b, "chunks_count", f->chunks);
	json_string(b, "status", "Uploaded");
	json_uint(b, "replicas", f->replicas);
	if (f->erasure[0])
		json_string(b, "erasure", f->erasure);
	if (f->spread[0])
		json_string(b, "spread", f->spread);
	json_string(b, "etag", f->md5);
	if (f->sha256[0])
		json_string(b, "sha256", f->sha256);
	json_uint(b, "created_at", f->created_at);
	json_string(b, "condition", f->condition);
	if (f->damaged + f->missing > 0) {
		json_uint(b, "damaged_chunks", f->damaged);
		json_uint(b, "missing_chunks", f->missing);
	}
	if (f->place[0])
		json_string(b, "place", f->place);
	about_json(b, f->about);
}

void
json_file(struct buf *b, const char *name, const Nx__FileInfo *f)
{
	json_open(b, name, '{');
	file_members(b, f);
	json_close(b, '}');
}

void
reply_uploaded(struct req *r, int status, const Nx__FinishUploadReply *m)
{
	struct buf b = {0};

	if (!m->file) {
		req_fail_status(r, NX__STATUS__INTERNAL,
		    "The storage service did not say what it stored.");
		return;
	}
	json_open(&b, NULL, '{');
	if (m->path[0]) {
		json_string(&b, "message", "File uploaded.");
		json_string(&b, "path", m->path);
	}
	file_members(&b, m->file);
	json_close(&b, '}');
	reply_json(r, status, &b);
}

void
entry_members(struct buf *b, const Nx__FsEntry *e)
{
	json_string(b, "name", e->name);
	json_string(b, "type", e->folder ? "folder" : "file");
	json_uint(b, "size", e->size);
	json_uint(b, "modified_at", e->modified_at);
	if (!e->folder) {
		json_string(b, "id", e->id);
		json_string(b, "etag", e->md5);
		if (e->sha256[0])
			json_string(b, "sha256", e->sha256);
		json_string(b, "condition", e->condition);
		about_json(b, e->about);
	} else if (e->name[0]) { /* nobody counts the root's */
		json_uint(b, "files", e->files);
		json_uint(b, "folders", e->folders);
	}
	if (e->locked_until > 0)
		json_uint(b, "locked_until", e->locked_until);
}

void
json_entry(struct buf *b, const char *name, const Nx__FsEntry *e)
{
	json_open(b, name, '{');
	entry_members(b, e);
	json_close(b, '}');
}
