/*
 * All that a user can see of what is theirs, as text, with a sum over every byte
 * of it: two moments are the same when their texts are.
 */
#ifndef STORAGED_SEE_H
#define STORAGED_SEE_H

#include "storaged_faults.h"
#include "storaged_objects_lab.h"
#include "proto/care.rpc.h"
#include "proto/storage.rpc.h"

#define USER 7

/* --- what everybody sees ----------------------------------------------------*/

static FILE *seen; /* being written */

static inline void
see_content(const char *id)
{
	Nx__OpenReadRequest q = NX__OPEN_READ_REQUEST__INIT;
	static uint8_t buf[CHUNK_SIZE];
	uint64_t sum = 14695981039346656037ULL; /* FNV-1a: however it is cut */

	q.id = (char *)(uintptr_t)id;
	q.max_segments = 4;
	for (;;) {
		const Nx__OpenReadReply *a;

		LAB_OK(lab_call(USER, NX__METHOD__FILE_OPEN_READ, &q));
		a = LAB_BODY(Nx__OpenReadReply);
		for (size_t i = 0; i < a->n_segments; i++) {
			size_t len = a->segments[i]->length;

			assert_int_equal(pread(reply.fds[i], buf, len,
					     (off_t)a->segments[i]->offset),
			    len);
			for (size_t k = 0; k < len; k++)
				sum = (sum ^ buf[k]) * 1099511628211ULL;
			q.offset += len;
		}
		q.session = a->session;
		if (!a->next)
			break;
		q.offset = a->next;
	}
	fprintf(seen, " %016llx", (unsigned long long)sum);
}

struct see_entry {
	char path[256], id[33], etag[65];
	bool folder;
	uint64_t size;
};

static inline void
see_folder(const char *path)
{
	Nx__FsListRequest q = NX__FS_LIST_REQUEST__INIT;
	const Nx__FsListReply *a;
	struct see_entry list[100];
	size_t n;

	q.path = (char *)(uintptr_t)path;
	LAB_OK(lab_call(USER, NX__METHOD__FS_LIST, &q));
	a = LAB_BODY(Nx__FsListReply);
	n = a->n_entries;
	for (size_t i = 0; i < n; i++) {
		const Nx__FsEntry *e = a->entries[i];

		(void)snprintf(list[i].path, sizeof(list[i].path), "%s/%s",
		    path[1] ? path : "", e->name);
		(void)snprintf(list[i].id, sizeof(list[i].id), "%s", e->id);
		(void)snprintf(
		    list[i].etag, sizeof(list[i].etag), "%s", e->md5);
		list[i].folder = e->folder;
		list[i].size = e->size;
	}
	for (size_t i = 0; i < n; i++) {
		fprintf(seen, "%s %s %llu %s", list[i].path,
		    list[i].folder ? "folder" : "file",
		    (unsigned long long)list[i].size, list[i].etag);
		if (!list[i].folder)
			see_content(list[i].id);
		fprintf(seen, "\n");
		if (list[i].folder)
			see_folder(list[i].path);
	}
}

static inline void
see_raw(void)
{
	Nx__FileListRequest q = NX__FILE_LIST_REQUEST__INIT;
	const Nx__FileListReply *a;
	char ids[100][33];
	size_t n;

	LAB_OK(lab_call(USER, NX__METHOD__FILE_LIST, &q));
	a = LAB_BODY(Nx__FileListReply);
	n = a->n_files;
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(ids[i], sizeof(ids[i]), "%s", a->files[i]->id);
		fprintf(seen, "raw %s %llu %s\n", a->files[i]->name,
		    (unsigned long long)a->files[i]->size, a->files[i]->md5);
	}
	for (size_t i = 0; i < n; i++)
		see_content(ids[i]);
}

static inline void
see_bucket(const char *name)
{
	Nx__ObjectListRequest q = NX__OBJECT_LIST_REQUEST__INIT;
	Nx__MultipartListRequest m = NX__MULTIPART_LIST_REQUEST__INIT;
	const Nx__ObjectListReply *a;
	char ids[100][33];
	size_t n;

	q.bucket = m.bucket = (char *)(uintptr_t)name;
	q.versions = true;
	LAB_OK(lab_call(USER, NX__METHOD__OBJECT_LIST, &q));
	a = LAB_BODY(Nx__ObjectListReply);
	n = a->n_objects;
	for (size_t i = 0; i < n; i++) {
		const Nx__ObjectInfo *o = a->objects[i];

		(void)snprintf(ids[i], sizeof(ids[i]), "%s", o->id);
		fprintf(seen, "object %.*s %llu %s%s%s%s\n", (int)o->key.len,
		    (const char *)o->key.data, (unsigned long long)o->size,
		    o->etag, o->current ? " current" : "",
		    o->marker ? " marker" : "", o->hold ? " held" : "");
	}
	for (size_t i = 0; i < n; i++)
		if (ids[i][0])
			see_content(ids[i]);
	LAB_OK(lab_call(USER, NX__METHOD__MULTIPART_LIST, &m));
	for (size_t i = 0; i < LAB_BODY(Nx__UploadListReply)->n_uploads; i++)
		fprintf(seen, "multipart %u\n",
		    LAB_BODY(Nx__UploadListReply)->uploads[i]->parts);
}

static inline void
see_buckets(void)
{
	Nx__BucketListRequest q = NX__BUCKET_LIST_REQUEST__INIT;
	Nx__ResumableListRequest r = NX__RESUMABLE_LIST_REQUEST__INIT;
	char names[8][64];
	size_t n;

	LAB_OK(lab_call(USER, NX__METHOD__BUCKET_LIST, &q));
	n = LAB_BODY(Nx__BucketListReply)->n_buckets;
	assert_true(n <= 8);
	for (size_t i = 0; i < n; i++)
		(void)snprintf(names[i], sizeof(names[i]), "%s",
		    LAB_BODY(Nx__BucketListReply)->buckets[i]->name);
	for (size_t i = 0; i < n; i++) {
		fprintf(seen, "bucket %s\n", names[i]);
		see_bucket(names[i]);
	}
	LAB_OK(lab_call(USER, NX__METHOD__RESUMABLE_LIST, &r));
	for (size_t i = 0; i < LAB_BODY(Nx__UploadListReply)->n_uploads; i++)
		fprintf(seen, "resumable %llu\n",
		    (unsigned long long)LAB_BODY(Nx__UploadListReply)
			->uploads[i]
			->size);
}

/* All of it, and what it adds up to. free() it. */
static inline char *
see(void)
{
	const Nx__UsageReply *u;
	char *text = NULL;
	size_t len;

	seen = open_memstream(&text, &len);
	assert_non_null(seen);
	see_folder("/");
	see_raw();
	see_buckets();
	u = lab_usage(USER);
	fprintf(seen,
	    "used %llu reserved %llu files %llu folders %llu counted %llu\n",
	    (unsigned long long)u->used, (unsigned long long)u->reserved,
	    (unsigned long long)u->files, (unsigned long long)u->folders,
	    (unsigned long long)u->counted);
	fclose(seen);
	return text;
}

#endif
