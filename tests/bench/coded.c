/*
 * What encryption and compression cost a chunk: stores of each kind in one
 * directory, used as storaged uses them from one thread.
 *
 *	coded DIRECTORY [SECONDS]
 *
 * Of each way and content a line: way, content, MB/s written (begin to durable),
 * MB/s read (verified, a descriptor given, its bytes sent), 4 KiB reads a second
 * (verified, given, sent), and bytes stored of a hundred. Then two lines for the
 * memory alone: "seal" and "open", MB/s.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "common/log.h"
#include "storaged/chunks/chunks.h"

#define CHUNKS 8U /* that are read in turns */
#define PIECE  (1U << 20)

static const uint8_t key[SEAL_KEY_LEN] = "a key of the benchmark, 32 bytes";
static double seconds = 2;
static uint8_t *content, *buffer;
static int drain[2]; /* what is sent goes there and is thrown away */

static const struct way {
	const char *name;
	struct coding_how how;
} ways[] = {
    {"plain", {0}},
    {"encrypted", {.key = key, .seal = true}},
    {"compressed", {.pack = true}},
    {"both", {.key = key, .seal = true, .pack = true}},
};

static const char *const contents[] = {"random", "text"};

static struct chunk_id ids[CHUNKS];
static struct checksums sums;

static double
now(void)
{
	return (double)nx_now_us() / 1e6;
}

/* Words that come again as they do in logs and tables. */
static void
make_content(bool text)
{
	static const char *const words[] = {"storage", " of ", "chunks", "\n",
	    "people ", "trust ", "2026-11-30T12:", "with ", "their ", "only ",
	    "copy, ", "status=", "200 ", "bytes=", "and ", "more "};
	uint64_t x = 88172645463325252ULL;
	size_t at = 0;

	while (!text && at < CHUNK_SIZE)
		at += (size_t)getrandom(content + at, 256, 0);
	while (text && at < CHUNK_SIZE) {
		const char *word;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		word = words[x >> 32 & 15];
		if ((x & 7) == 0)
			at += (size_t)snprintf((char *)content + at, 16, "%u",
			    (unsigned)(x >> 40));
		else
			at += (size_t)snprintf(
			    (char *)content + at, 32, "%s", word);
	}
}

static struct chunk_store *
open_store(const char *top, const struct coding_how *how)
{
	struct chunk_store_spec spec = {.kind = CHUNK_STORE_CODED, .how = how};
	struct chunk_store *store;
	char path[512];

	if (!how->seal && !how->pack)
		spec.kind = CHUNK_STORE_LOCAL;
	spec.dirfd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)snprintf(path, sizeof(path), "%s/.coded", top);
	(void)mkdir(path, 0700);
	if (spec.kind == CHUNK_STORE_CODED)
		spec.coded_dirfd =
		    open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (chunk_store_new(&spec, &store) < 0)
		nx_fatal(0, "no store in %s", top);
	return store;
}

static void
put(struct chunk_store *store, struct chunk_id *id)
{
	struct chunk_draft *d;
	uint64_t lies;

	nx_id_new(id->text);
	nx_assert(chunk_begin(store, &d) == 0);
	for (size_t at = 0; at < CHUNK_SIZE; at += PIECE)
		nx_assert(chunk_write(d, content + at, PIECE) == 0);
	nx_assert(chunk_commit(d, id, false, &lies) == 0);
}

static void
send_all(int fd, uint64_t at, size_t len)
{
	off_t offset = (off_t)at;

	while (len > 0) {
		ssize_t n =
		    sendfile(drain[1], fd, &offset, len < 65536 ? len : 65536);
		ssize_t got = 0;

		nx_assert(n > 0);
		len -= (size_t)n;
		while (got < n) {
			ssize_t m = read(drain[0], buffer, CRC_BLOCK);

			nx_assert(m > 0);
			got += m;
		}
	}
}

/* As a window of a download is. */
static void
get(struct chunk_store *store, const struct chunk_id *id, uint32_t from,
    uint32_t len)
{
	const struct chunk_place place = {.id = *id, .size = CHUNK_SIZE};
	struct chunk_reader *reader;

	nx_assert(chunk_open(store, &place, &reader) == 0);
	while (len > 0) {
		uint32_t n = chunk_may_send(reader, 1, len);
		uint64_t at;
		int fd;

		nx_assert(n > 0);
		nx_assert(chunk_verify(reader, &sums, from, n, NULL) == 0);
		fd = chunk_fd_for_sending(reader, from, n, &at);
		nx_assert(fd >= 0);
		send_all(fd, at, n);
		close(fd);
		from += n;
		len -= n;
	}
	chunk_close(reader);
}

static double
writes(struct chunk_store *store)
{
	double began = now(), took = 0;
	unsigned n = 0;

	for (; took < seconds || n < CHUNKS; took = now() - began) {
		struct chunk_id id;

		put(store, n < CHUNKS ? &ids[n] : &id);
		if (n >= CHUNKS)
			chunk_remove(store, &id);
		n++;
	}
	return n * (CHUNK_SIZE / 1e6) / took;
}

/* Of @len bytes, so many a second. */
static double
reads(struct chunk_store *store, uint32_t len)
{
	double began = now(), took = 0;
	unsigned n = 0;

	for (; took < seconds; took = now() - began) {
		uint32_t at = len == CHUNK_SIZE
		    ? 0
		    : n * 7919U % (CHUNK_SIZE / len) * len;

		get(store, &ids[n % CHUNKS], at, len);
		n++;
	}
	return n / took;
}

static double
share_stored(struct chunk_store *store)
{
	const struct chunk_place place = {.id = ids[0], .size = CHUNK_SIZE};
	struct chunk_reader *reader;
	uint64_t stored = 0;

	nx_assert(chunk_open(store, &place, &reader) == 0);
	nx_assert(chunk_stored(reader, &stored) == 0);
	chunk_close(reader);
	return 100.0 * (double)stored / CHUNK_SIZE;
}

static void
measure(const char *top, const struct way *way, const char *what)
{
	struct chunk_store *store = open_store(top, &way->how);
	double w = writes(store), r = reads(store, CHUNK_SIZE);
	double small = reads(store, 4096), share = share_stored(store);

	if (way->how.seal || way->how.pack)
		nx_assert(share < 101);
	(void)printf("%s %s %.1f %.1f %.0f %.1f\n", way->name, what, w,
	    r * (CHUNK_SIZE / 1e6), small, share);
	(void)fflush(stdout);
	for (unsigned i = 0; i < CHUNKS; i++)
		chunk_remove(store, &ids[i]);
	sending_look();
	chunk_store_free(store);
}

static void
memory_alone(void)
{
	uint8_t salt[SEAL_SALT_LEN] = {0};
	uint8_t *sealed = malloc(CRC_BLOCK + SEAL_TAG_LEN);
	struct seal_with with = {0};
	struct seal *s;

	nx_assert(sealed && seal_new(key, salt, &s) == 0);
	for (int open = 0; open < 2; open++) {
		double began = now(), took = 0;
		uint32_t n = 0;

		for (; took < seconds / 2; took = now() - began, n++)
			if (open)
				nx_assert(seal_open(s, 0, with, sealed,
					      CRC_BLOCK, buffer) == 0);
			else
				seal_shut(
				    s, 0, with, content, CRC_BLOCK, sealed);
		(void)printf("%s %.0f\n", open ? "open" : "seal",
		    n * (CRC_BLOCK / 1e6) / took);
	}
	seal_free(s);
	free(sealed);
}

int
main(int argc, char **argv)
{
	if (argc < 2) {
		(void)fprintf(stderr, "usage: coded DIRECTORY [SECONDS]\n");
		return 2;
	}
	if (argc > 2)
		seconds = atof(argv[2]);
	content = aligned_alloc(4096, CHUNK_SIZE + 4096);
	buffer = malloc(CRC_BLOCK);
	nx_assert(content && buffer && checksum_setup() == 0 &&
	    seal_setup() == 0 &&
	    socketpair(AF_UNIX, SOCK_STREAM, 0, drain) == 0);
	for (size_t c = 0; c < NX_ARRAY_SIZE(contents); c++) {
		make_content(c == 1);
		memset(&sums, 0, sizeof(sums));
		checksums_add(&sums, content, CHUNK_SIZE);
		for (size_t w = 0; w < NX_ARRAY_SIZE(ways); w++)
			measure(argv[1], &ways[w], contents[c]);
	}
	memory_alone();
	return 0;
}
