/* What the tests of coded files do. */
#ifndef STORAGED_PARITY_LAB_H
#define STORAGED_PARITY_LAB_H

#include "storaged_lab.h"
#include "common/db_copy.h"
#include "storaged/catalog/catalog_check.h"

#ifndef MIB
#define MIB (1024 * 1024)
#endif

static const char *const lab_nodes[] = {LAB_NODE("1"), LAB_NODE("2"),
    LAB_NODE("3"), LAB_NODE("4"), LAB_NODE("5"), LAB_NODE("6"), LAB_NODE("7")};

static inline void
lab_make_volumes(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		LAB_OK(lab_volume(lab_nodes[i], 64 * MIB));
}

static inline Nx__Status
lab_code_file(const char *path, const char *erasure, bool sized,
    const uint8_t *data, size_t size)
{
	struct lab_upload u = {.path = path,
	    .erasure = erasure,
	    .has_size = sized,
	    .declared = size};

	return lab_upload(7, &u, data, size, NULL);
}

static inline void
lab_file_at(const char *path, struct catalog_file *ret_file)
{
	struct catalog_entry entry;
	struct path p;

	assert_null(path_parse(path, strlen(path), &p));
	assert_int_equal(catalog_stat(lab.s.catalog, 7, &p, &entry), 0);
	assert_int_equal(
	    catalog_file_get(lab.s.catalog, entry.file, ret_file), 0);
}

/* Chunk @index of data of the file, from 0; false: there is none. */
static inline bool
lab_chunk_at(const char *path, uint32_t index, struct catalog_chunk *ret_chunk)
{
	struct catalog_file file;

	lab_file_at(path, &file);
	return catalog_file_chunks(
		   lab.s.catalog, file.content, index, ret_chunk, 1) == 1;
}

/* Every part of every stripe is on a volume of its own; how many stripes. */
static inline unsigned
lab_check_stripes(const char *path)
{
	static struct catalog_chunk parts[ERASURE_PARTS_MAX];
	struct catalog_chunk chunk;
	unsigned stripes = 0;

	for (uint32_t i = 0; lab_chunk_at(path, i, &chunk); i++) {
		int64_t seen[ERASURE_PARTS_MAX];
		unsigned n = 0;

		if (chunk.code == 0 ||
		    catalog_part_of(chunk.index, chunk.code) != 0)
			continue;
		stripes++;
		assert_int_equal(
		    catalog_stripe(lab.s.catalog, &chunk, parts), 0);
		for (unsigned k = 0; k < ERASURE_PARTS_MAX; k++) {
			if (parts[k].key == 0)
				continue;
			assert_int_equal(parts[k].n_replicas, 1);
			for (unsigned m = 0; m < n; m++)
				assert_int_not_equal(
				    seen[m], parts[k].volumes[0]);
			seen[n++] = parts[k].volumes[0];
		}
	}
	return stripes;
}

static inline void
lab_on_finding(const struct catalog_finding *f, void *arg)
{
	printf("# %s: %s\n", f->rule, f->text);
	++*(int *)arg;
}

/* What the catalogue's own check finds. */
static inline int
lab_findings(void)
{
	int n = 0;
	char path[160];
	struct nx_db_copy *copy;
	struct catalog_check check = {
	    .path = path, .found = lab_on_finding, .arg = &n};

	assert_int_equal(catalog_flush(lab.s.catalog), 0);
	snprintf(path, sizeof(path), "%s/copy.db", lab.dir);
	assert_int_equal(
	    nx_db_copy_new(catalog_db(lab.s.catalog), path, &copy), 0);
	while (nx_db_copy_step(copy, 64) > 0)
		;
	nx_db_copy_free(copy);
	assert_int_equal(catalog_check(&check), 0);
	(void)unlink(path);
	return n;
}

/* The file of a chunk is not there any more. */
static inline void
lab_lose_chunk(const struct catalog_chunk *chunk)
{
	struct volume *v = volume_by_key(lab.s.volumes, chunk->volumes[0]);

	assert_int_equal(chunk_remove(v->store, &chunk->id), 0);
}

static inline struct volume *
lab_volume_of(const struct catalog_chunk *chunk)
{
	struct volume *v = volume_by_key(lab.s.volumes, chunk->volumes[0]);

	assert_non_null(v);
	return v;
}

/* Turns the loop until @over says so. */
static inline void
lab_until(bool (*over)(void *arg), void *arg)
{
	for (int i = 0; i < 12000 && !over(arg); i++) {
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
		usleep(5000);
	}
	assert_true(over(arg));
}

/* The file has all its parts. */
static inline bool
lab_is_whole(void *path)
{
	struct catalog_file file;

	lab_file_at(path, &file);
	return file.replicas == file.want && file.damaged + file.missing == 0;
}

static inline Nx__Status
lab_set_policy(const char *path, const char *erasure, unsigned replicas)
{
	Nx__FsSetPolicyRequest q = NX__FS_SET_POLICY_REQUEST__INIT;

	q.path = (char *)(uintptr_t)path;
	if (erasure)
		q.erasure = (char *)(uintptr_t)erasure;
	q.replicas = replicas;
	q.inherit = !erasure && replicas == 0;
	return lab_call(7, NX__METHOD__FS_SET_POLICY, &q);
}

#endif
