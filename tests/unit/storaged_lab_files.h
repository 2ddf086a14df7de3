/*
 * What the laboratory's tests do with storaged as its callers would: volumes
 * made, deleted and damaged, files uploaded, read, moved. Part of
 * storaged_lab.h, for size only.
 */
#ifndef STORAGED_LAB_FILES_H
#define STORAGED_LAB_FILES_H

/* --- volumes ----------------------------------------------------------------*/

static inline Nx__Status
lab_volume(const char *node, uint64_t size)
{
	Nx__VolumeCreateRequest create = NX__VOLUME_CREATE_REQUEST__INIT;
	Nx__VolumeSetActiveRequest active = NX__VOLUME_SET_ACTIVE_REQUEST__INIT;
	Nx__Status status;

	create.node = (char *)(uintptr_t)node;
	create.size = size;
	status = lab_node_call(NX__METHOD__VOLUME_CREATE, &create);
	if (status != NX__STATUS__OK)
		return status;
	active.node = (char *)(uintptr_t)node;
	active.active = true;
	return lab_node_call(NX__METHOD__VOLUME_SET_ACTIVE, &active);
}

enum lab_delete { LAB_PLAIN, LAB_FORCE, LAB_LOSE };

/* As nodemgr, for @owner, who deletes that node. */
static inline Nx__Status
lab_volume_delete_for(uint64_t owner, const char *node, enum lab_delete how)
{
	Nx__VolumeDeleteRequest q = NX__VOLUME_DELETE_REQUEST__INIT;

	q.node = (char *)(uintptr_t)node;
	q.owner = owner;
	q.force = how == LAB_FORCE;
	q.lose_files = how == LAB_LOSE;
	return lab_node_call(NX__METHOD__VOLUME_DELETE, &q);
}

static inline Nx__Status
lab_volume_delete(const char *node, bool lose)
{
	return lab_volume_delete_for(0, node, lose ? LAB_LOSE : LAB_PLAIN);
}

static inline void
lab_on_done(int result, void *arg)
{
	*(int *)arg = result;
}

/* A row of the catalogue, as a crash may have left it. */
static inline void
lab_save_volume(struct catalog_volume *row)
{
	int result = 1;
	struct catalog_volume_op op = {
	    .volume = *row, .done = lab_on_done, .arg = &result};

	catalog_volume_save(lab.s.catalog, &op);
	assert_int_equal(catalog_flush(lab.s.catalog), 0);
	assert_int_equal(result, 0);
	row->key = op.volume.key;
}

static inline bool
lab_count_name(const char *name, uint64_t changed_at, void *arg)
{
	(void)name;
	(void)changed_at;
	++*(size_t *)arg;
	return true;
}

/* Records in segments of @v that somebody refers to; they are there. */
static inline size_t
lab_live_records(struct volume *v)
{
	struct catalog_chunk c;
	struct chunk_reader *reader;
	struct chunk_place place;
	uint64_t from = 0;
	size_t n = 0;

	for (; catalog_segment_next(
		   lab.s.catalog, v->key, from, INT64_MAX, &c, 1) == 1;
	     n++) {
		place = catalog_place(&c, catalog_replica_on(&c, v->key));
		assert_int_equal(chunk_open(v->store, &place, &reader), 0);
		chunk_close(reader);
		from = place.at + 1;
	}
	return n;
}

/* Chunk files on all volumes, and small chunks that are somebody's. */
static inline size_t
lab_chunk_files(void)
{
	struct volume *v;
	size_t n = 0;

	TAILQ_FOREACH(v, &lab.s.volumes->list, entry)
		if (v->store) {
			assert_int_equal(
			    chunk_list(v->store, lab_count_name, &n), 0);
			n += lab_live_records(v);
		}
	return n;
}

/* Where a byte of a chunk is in its file: coded ones have a header of 40 bytes,
 * and a tag of 16 after each block. What tests keep is random: not packed. */
static inline off_t
lab_stored_at(off_t at)
{
	return lab.coded ? at + 40 + at / CRC_BLOCK * 16 : at;
}

static inline int
lab_open_chunk(struct volume *v, const char *id, int flags)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/storage/mnt/%s/chunks/%s%s", lab.dir,
	    v->node, lab.coded ? ".coded/" : "", id);
	assert_int_equal(chmod(path, 0600), 0);
	fd = open(path, flags | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/* A chunk file that no row knows, as a crash leaves it. */
static inline void
lab_orphan(struct volume *v)
{
	struct chunk_draft *draft;
	struct chunk_id id;
	uint64_t at;

	nx_id_new(id.text);
	assert_int_equal(chunk_begin(v->store, &draft), 0);
	assert_int_equal(chunk_commit(draft, &id, false, &at), 0);
	assert_int_equal(at, 0);
}

/* Flips a bit at @at of a file below the chunks of one volume. */
static inline void
lab_flip_at(struct volume *v, const char *name, off_t at)
{
	int fd = lab_open_chunk(v, name, O_RDWR);
	uint8_t byte;

	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

/* Of a chunk in a file of its own. */
static inline void
lab_flip(struct volume *v, const char *id, off_t at)
{
	lab_flip_at(v, id, lab_stored_at(at));
}

static inline void
lab_first_chunk(const char *id, struct catalog_chunk *ret_chunk)
{
	struct catalog_file file;

	assert_int_equal(catalog_file_find(lab.s.catalog, 0, "", id, &file), 0);
	assert_int_equal(
	    catalog_file_chunks(lab.s.catalog, file.key, 0, ret_chunk, 1), 1);
}

/* --- files ------------------------------------------------------------------*/

static inline uint8_t *
lab_random(size_t size)
{
	uint8_t *data = malloc(size + 1);
	uint64_t x = 88172645463325252ULL;

	assert_non_null(data);
	assert_int_equal(getrandom(&x, sizeof(x), 0), sizeof(x));
	x |= 1;
	for (size_t i = 0; i < size; i += 8) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(data + i, &x, size - i < 8 ? size - i : 8);
	}
	return data;
}

/* Writes all of it while the loop runs; stops when the reader is gone. */
static inline size_t
lab_feed(int fd, const uint8_t *data, size_t size)
{
	size_t at = 0;

	while (at < size) {
		ssize_t n = write(fd, data + at, size - at);

		if (n < 0 && errno == EPIPE)
			break;
		if (n > 0)
			at += (size_t)n;
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
		if (n < 0)
			usleep(100);
	}
	return at;
}

struct lab_upload {
	const char *name, *path;
	bool has_size, create_only;
	uint64_t declared;
	uint32_t replicas;
	const char *erasure;
};

static inline Nx__Status
lab_open_upload(
    uint64_t user, const struct lab_upload *u, uint64_t *ret_id, int *ret_fd)
{
	Nx__OpenUploadRequest q = NX__OPEN_UPLOAD_REQUEST__INIT;
	Nx__Status status;

	q.name = (char *)(uintptr_t)(u->name ? u->name : "");
	q.path = (char *)(uintptr_t)(u->path ? u->path : "");
	q.has_size = u->has_size;
	q.size = u->declared;
	q.replicas = u->replicas;
	q.create_only = u->create_only;
	if (u->erasure)
		q.erasure = (char *)(uintptr_t)u->erasure;
	status = lab_call(user, NX__METHOD__FILE_OPEN_UPLOAD, &q);
	if (status != NX__STATUS__OK)
		return status;
	*ret_id = LAB_BODY(Nx__OpenUploadReply)->upload;
	*ret_fd = nx_take_fd(&reply.fds[0]);
	return status;
}

static inline Nx__Status
lab_finish(uint64_t user, uint64_t id, uint64_t size)
{
	Nx__FinishUploadRequest q = NX__FINISH_UPLOAD_REQUEST__INIT;

	q.upload = id;
	q.size = size;
	return lab_call(user, NX__METHOD__FILE_FINISH_UPLOAD, &q);
}

static inline Nx__Status
lab_upload(uint64_t user, const struct lab_upload *u, const uint8_t *data,
    size_t size, char ret_id[33])
{
	uint64_t id = 0;
	int fd = -1;
	Nx__Status status = lab_open_upload(user, u, &id, &fd);

	if (status != NX__STATUS__OK)
		return status;
	(void)lab_feed(fd, data, size);
	nx_close(&fd);
	status = lab_finish(user, id, size);
	if (status == NX__STATUS__OK && ret_id)
		snprintf(ret_id, 33, "%s",
		    LAB_BODY(Nx__FinishUploadReply)->file->id);
	return status;
}

static inline Nx__Status
lab_put(uint64_t user, const char *path, const void *data, size_t size)
{
	struct lab_upload u = {.path = path};

	return lab_upload(user, &u, data, size, NULL);
}

/* Reads [@offset, +@length) (0: to the end) and compares. */
static inline Nx__Status
lab_read(uint64_t user, const char *id, const char *path, uint64_t offset,
    uint64_t length, const uint8_t *expected)
{
	Nx__OpenReadRequest q = NX__OPEN_READ_REQUEST__INIT;
	uint64_t end = length ? offset + length : 0;
	uint8_t *buf = malloc(CHUNK_SIZE);

	q.id = (char *)(uintptr_t)(id ? id : "");
	q.path = (char *)(uintptr_t)(path ? path : "");
	q.offset = offset;
	q.max_segments = 3;
	do {
		const Nx__OpenReadReply *a;
		Nx__Status status;

		q.length = end ? end - q.offset : 0;
		status = lab_call(user, NX__METHOD__FILE_OPEN_READ, &q);
		if (status != NX__STATUS__OK) {
			free(buf);
			return status;
		}
		a = LAB_BODY(Nx__OpenReadReply);
		for (size_t i = 0; i < a->n_segments; i++) {
			const Nx__ReadSegment *seg = a->segments[i];

			assert_int_equal(
			    fcntl(reply.fds[i], F_GETFL) & O_ACCMODE, O_RDONLY);
			assert_int_equal(pread(reply.fds[i], buf, seg->length,
					     (off_t)seg->offset),
			    seg->length);
			assert_memory_equal(
			    buf, expected + q.offset, seg->length);
			q.offset += seg->length;
		}
		if (a->next)
			assert_int_equal(a->next, q.offset);
		if (!a->next)
			break;
	} while (true);
	free(buf);
	return NX__STATUS__OK;
}

static inline const Nx__UsageReply *
lab_usage(uint64_t user)
{
	Nx__Empty empty = NX__EMPTY__INIT;

	LAB_OK(lab_call(user, NX__METHOD__STORAGE_USAGE, &empty));
	return LAB_BODY(Nx__UsageReply);
}

static inline const Nx__StorageStatusReply *
lab_status(void)
{
	Nx__Empty empty = NX__EMPTY__INIT;

	LAB_OK(lab_call(0, NX__METHOD__STORAGE_STATUS, &empty));
	return LAB_BODY(Nx__StorageStatusReply);
}

static inline Nx__Status
lab_fs(uint64_t user, Nx__Method method, const char *path)
{
	Nx__FsPathRequest q = NX__FS_PATH_REQUEST__INIT;

	q.path = (char *)(uintptr_t)path;
	return lab_call(user, method, &q);
}

static inline Nx__Status
lab_mkdir(uint64_t user, const char *path, bool parents)
{
	Nx__MkdirRequest q = NX__MKDIR_REQUEST__INIT;

	q.path = (char *)(uintptr_t)path;
	q.parents = parents;
	return lab_call(user, NX__METHOD__FS_MKDIR, &q);
}

static inline Nx__Status
lab_move(uint64_t user, const char *from, const char *to, bool replace)
{
	Nx__FsMoveRequest q = NX__FS_MOVE_REQUEST__INIT;

	q.from = (char *)(uintptr_t)from;
	q.to = (char *)(uintptr_t)to;
	q.replace = replace;
	return lab_call(user, NX__METHOD__FS_MOVE, &q);
}

struct lab_search {
	struct volume *v;
	const uint8_t *needle;
	size_t len;
	uint8_t *stored; /* of @len bytes */
	bool found;
};

static inline bool
lab_search_one(const char *name, uint64_t changed_at, void *arg)
{
	struct lab_search *s = arg;
	struct chunk_reader *reader;
	uint8_t buf[4096];
	struct chunk_id id;
	int fd;

	(void)changed_at;
	if (s->found || strlen(name) != NX_ID_LEN)
		return true;
	snprintf(id.text, sizeof(id.text), "%s", name);
	assert_int_equal(
	    chunk_open(s->v->store, &(struct chunk_place){.id = id}, &reader),
	    0);
	for (uint64_t at = 0; chunk_read_at(reader, buf, s->len, at) == 0;
	     at += CRC_BLOCK) {
		if (memcmp(buf, s->needle, s->len) != 0)
			continue;
		fd = lab_open_chunk(s->v, name, O_RDONLY);
		assert_int_equal(
		    pread(fd, s->stored, s->len, lab_stored_at((off_t)at)),
		    s->len);
		close(fd);
		s->found = true;
		break;
	}
	chunk_close(reader);
	return true;
}

/* Flips a bit of the sector that holds @needle, the beginning of a block, in the
 * image of @node, below the file system, as a disk rots. */
static inline void
lab_rot(const char *node, const uint8_t *needle, size_t len)
{
	size_t size = 64 << 20; /* of the image */
	uint8_t *image = malloc(size), *found, stored[4096];
	struct lab_search search = {.v = volume_find(lab.s.volumes, node),
	    .needle = needle,
	    .len = len,
	    .stored = stored};
	char path[128];
	int fd;

	if (lab.coded) {
		assert_int_equal(
		    chunk_list(search.v->store, lab_search_one, &search), 0);
		assert_true(search.found);
		needle = stored;
	}
	snprintf(path, sizeof(path), "%s/volumes/%s.img", lab.dir, node);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, image, size, 0), size);
	found = memmem(image, size, needle, len);
	assert_non_null(found);
	found[5] ^= 4;
	assert_int_equal(pwrite(fd, found, len, found - image), len);
	assert_int_equal(fsync(fd), 0);
	close(fd);
	free(image);
}

#endif
