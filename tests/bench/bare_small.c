/*
 * The bare loop for small files: the least that keeping them durably takes.
 * Content of one batch is appended to a file that is there already, one
 * fdatasync each volume and batch, volumes side by side; then a row for file,
 * chunk and each replica in SQLite, one commit. No user, quota, tree, checksum
 * of content, message or second process.
 *
 *	bare_small DATABASE AT-ONCE SECONDS SIZE VOLUME [VOLUME]
 *
 * Prints files a second. What it wrote stays behind.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/id.h"

#define SEGMENT (64U << 20)
#define ZEROS   (1U << 20)

struct store {
	const char *dir;
	int fd;
	size_t at;
	unsigned segments;
	const uint8_t *data;
	size_t len;
};

static const char tables[] =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
    "PRAGMA locking_mode=EXCLUSIVE;"
    "CREATE TABLE files(file INTEGER PRIMARY KEY, id TEXT UNIQUE, name TEXT,"
    " size INTEGER);"
    "CREATE TABLE chunks(chunk INTEGER PRIMARY KEY, file INTEGER UNIQUE,"
    " md5 BLOB, crc BLOB);"
    "CREATE TABLE replicas(chunk INTEGER, volume INTEGER, at INTEGER,"
    " PRIMARY KEY(chunk, volume)) WITHOUT ROWID;";

static sqlite3 *db;
static sqlite3_stmt *files, *chunks, *replicas;

static void
must(int rc)
{
	if (rc != SQLITE_OK && rc != SQLITE_DONE)
		nx_fatal(0, "sqlite: %s", sqlite3_errmsg(db));
}

static void
open_rows(const char *path)
{
	must(sqlite3_open(path, &db));
	must(sqlite3_exec(db, tables, NULL, NULL, NULL));
	must(sqlite3_prepare_v2(
	    db, "INSERT INTO files VALUES(?, ?, ?, ?)", -1, &files, NULL));
	must(sqlite3_prepare_v2(
	    db, "INSERT INTO chunks VALUES(?1, ?1, ?, ?)", -1, &chunks, NULL));
	must(sqlite3_prepare_v2(
	    db, "INSERT INTO replicas VALUES(?, ?, ?)", -1, &replicas, NULL));
}

static void
run(sqlite3_stmt *stmt)
{
	must(sqlite3_step(stmt));
	must(sqlite3_reset(stmt));
}

static void
add_rows(int64_t key, const struct store *stores, int n, int64_t size)
{
	static const uint8_t sum[16];
	char id[NX_ID_LEN + 1];

	nx_id_new(id);
	sqlite3_bind_int64(files, 1, key);
	sqlite3_bind_text(files, 2, id, -1, SQLITE_STATIC);
	sqlite3_bind_text(files, 3, "name", -1, SQLITE_STATIC);
	sqlite3_bind_int64(files, 4, size);
	run(files);
	sqlite3_bind_int64(chunks, 1, key);
	sqlite3_bind_blob(chunks, 2, sum, sizeof(sum), SQLITE_STATIC);
	sqlite3_bind_blob(chunks, 3, sum, 4, SQLITE_STATIC);
	run(chunks);
	for (int i = 0; i < n; i++) {
		sqlite3_bind_int64(replicas, 1, key);
		sqlite3_bind_int64(replicas, 2, i);
		sqlite3_bind_int64(replicas, 3, (int64_t)stores[i].at);
		run(replicas);
	}
}

/* A segment whose blocks are written, so that a sync has only data to write. */
static void
next_segment(struct store *s)
{
	static uint8_t zeros[ZEROS];
	char path[4096];

	if (s->segments > 0)
		close(s->fd);
	snprintf(path, sizeof(path), "%s/segment%u", s->dir, s->segments++ % 3);
	s->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->fd < 0)
		nx_fatal(-errno, "%s", path);
	for (size_t at = 0; at < SEGMENT; at += ZEROS)
		if (pwrite(s->fd, zeros, ZEROS, (off_t)at) != (ssize_t)ZEROS)
			nx_fatal(-errno, "%s", path);
	if (fsync(s->fd) < 0)
		nx_fatal(-errno, "%s", path);
	s->at = 0;
}

static void *
append(void *arg)
{
	struct store *s = arg;

	if (pwrite(s->fd, s->data, s->len, (off_t)s->at) != (ssize_t)s->len ||
	    fdatasync(s->fd) < 0)
		nx_fatal(-errno, "writing");
	s->at += s->len;
	return NULL;
}

static struct {
	pthread_barrier_t begin, end;
	struct store *store;
} second;

static void *
second_main(void *arg)
{
	for (;;) {
		pthread_barrier_wait(&second.begin);
		append(second.store);
		pthread_barrier_wait(&second.end);
	}
	return arg;
}

static void
append_all(struct store *stores, int n)
{
	for (int i = 0; i < n; i++)
		if (stores[i].at + stores[i].len > SEGMENT)
			next_segment(&stores[i]);
	if (n > 1)
		pthread_barrier_wait(&second.begin);
	append(&stores[0]);
	if (n > 1)
		pthread_barrier_wait(&second.end);
}

int
main(int argc, char **argv)
{
	struct store stores[2] = {0};
	int64_t size, key = 0;
	uint64_t began, until, us;
	int batch, n = argc - 5;
	uint8_t *data;
	pthread_t thread;

	if (n < 1 || n > 2)
		nx_fatal(0,
		    "usage: bare_small DATABASE AT-ONCE SECONDS SIZE "
		    "VOLUME [VOLUME]");
	batch = atoi(argv[2]);
	size = atoll(argv[4]);
	data = calloc((size_t)batch, (size_t)size);
	open_rows(argv[1]);
	for (int i = 0; i < n; i++) {
		stores[i] = (struct store){.dir = argv[5 + i],
		    .data = data,
		    .len = (size_t)batch * (size_t)size};
		next_segment(&stores[i]);
	}
	second.store = &stores[1];
	pthread_barrier_init(&second.begin, NULL, 2);
	pthread_barrier_init(&second.end, NULL, 2);
	if (n > 1 && pthread_create(&thread, NULL, second_main, NULL) != 0)
		nx_fatal(0, "a second thread");
	began = nx_now_us();
	until = began + (uint64_t)atoi(argv[3]) * 1000000;
	while (nx_now_us() < until) {
		append_all(stores, n);
		must(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL));
		for (int i = 0; i < batch; i++)
			add_rows(++key, stores, n, size);
		must(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL));
	}
	us = nx_now_us() - began;
	printf("%.1f\n", (double)key * 1e6 / (double)us);
	return 0;
}
