/*
 * Chunk stores in directories, and failures to order: they come from this file's
 * own write, fdatasync, linkat and fsync, which take the place of the C
 * library's.
 */
#ifndef STORAGED_CHUNK_LAB_H
#define STORAGED_CHUNK_LAB_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/err.h"
#include "common/fd.h"
#include "storaged/chunks/chunks.h"

/* --- failures ---------------------------------------------------------------*/

enum { NONE, WRITE, SYNC, LINK, DIRSYNC };

static struct {
	int what, nth, error; /* the nth call of that kind fails once */
	int seen;
} fault;

static inline bool
due(int what)
{
	if (fault.what != what || ++fault.seen != fault.nth)
		return false;
	errno = fault.error;
	return true;
}

ssize_t
write(int fd, const void *data, size_t len)
{
	if (len > 4096 && due(WRITE))
		return -1;
	return syscall(SYS_write, fd, data, len);
}

int
fdatasync(int fd)
{
	return due(SYNC) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int
linkat(int from, const char *old, int to, const char *new, int flags)
{
	return due(LINK) ? -1
			 : (int)syscall(SYS_linkat, from, old, to, new, flags);
}

int
fsync(int fd)
{
	return due(DIRSYNC) ? -1 : (int)syscall(SYS_fsync, fd);
}

/* --- stores -----------------------------------------------------------------*/

#define STORES 3

static char top[64];
static struct chunk_store *stores[STORES];

static inline int
setup(void **state)
{
	(void)state;
	snprintf(top, sizeof(top), "/tmp/nexus-chunk.XXXXXX");
	if (!mkdtemp(top))
		return -1;
	for (int i = 0; i < STORES; i++) {
		struct chunk_store_spec spec = {.kind = CHUNK_STORE_LOCAL};
		char path[80];

		snprintf(path, sizeof(path), "%s/%d", top, i);
		mkdir(path, 0700);
		spec.dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (chunk_store_new(&spec, &stores[i]) < 0)
			return -1;
	}
	memset(&fault, 0, sizeof(fault));
	return checksum_setup();
}

static inline bool
remove_one(const char *name, uint64_t changed_at, void *arg)
{
	(void)changed_at;
	assert_int_equal(chunk_remove_stray(arg, name, UINT64_MAX), 0);
	return true;
}

static inline int
teardown(void **state)
{
	(void)state;
	fault.what = NONE;
	for (int i = 0; i < STORES; i++) {
		char path[80];

		chunk_list(stores[i], remove_one, stores[i]);
		stores[i] = chunk_store_free(stores[i]);
		snprintf(path, sizeof(path), "%s/%d", top, i);
		rmdir(path);
	}
	rmdir(top);
	return 0;
}

static inline bool
count_one(const char *name, uint64_t changed_at, void *arg)
{
	(void)name;
	(void)changed_at;
	++*(unsigned *)arg;
	return true;
}

static inline unsigned
chunks_in(int i)
{
	unsigned n = 0;

	assert_int_equal(chunk_list(stores[i], count_one, &n), 0);
	return n;
}

static inline unsigned
all_chunks(void)
{
	return chunks_in(0) + chunks_in(1) + chunks_in(2);
}

/* Of a chunk in a file of its own. */
static inline struct chunk_reader *
reader_of(int i, const struct chunk_id *id)
{
	struct chunk_reader *reader = NULL;

	assert_int_equal(
	    chunk_open(stores[i], &(struct chunk_place){.id = *id}, &reader),
	    0);
	return reader;
}

static inline uint8_t *
pattern(size_t size)
{
	uint8_t *data = malloc(size + 1);

	assert_non_null(data);
	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)(i * 2654435761U >> 13);
	return data;
}

static inline struct chunk_put *
put_new(unsigned want, int n_stores)
{
	struct chunk_put *put;

	assert_int_equal(chunk_put_new(want, &put), 0);
	for (int i = 0; i < n_stores; i++)
		chunk_put_add(put, stores[i], NULL);
	return put;
}

static inline int
put_all(struct chunk_put *put, const uint8_t *data, size_t size)
{
	int r = 0;

	for (size_t at = 0; at < size && r == 0; at += 2 * CRC_BLOCK) {
		size_t n =
		    size - at < 2 * CRC_BLOCK ? size - at : 2 * CRC_BLOCK;

		r = chunk_put_write(put, data + at, n);
	}
	return r < 0 ? r : chunk_put_finish(put);
}

/* Every replica that is called durable must read back right. */
static inline void
check_replicas(struct chunk_put *put, unsigned expected)
{
	unsigned good = 0, files = 0;

	for (size_t i = 0; i < put->n_places; i++) {
		struct chunk_reader *reader;
		struct chunk_place place = {
		    put->id, put->places[i].at, put->sums.size};

		if (put->places[i].state != PUT_DONE)
			continue;
		assert_int_equal(
		    chunk_open(put->places[i].store, &place, &reader), 0);
		assert_int_equal(
		    chunk_verify(reader, &put->sums, 0, put->sums.size, NULL),
		    0);
		chunk_close(reader);
		good++;
		files += place.at == 0;
	}
	assert_int_equal(good, expected);
	assert_int_equal(all_chunks(), files);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
