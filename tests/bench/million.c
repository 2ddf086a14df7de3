/*
 * Very many chunks on a volume, without anybody sending them: what million.py
 * puts into a catalogue lies where that says, so scrubbing reads all of it.
 *
 *	million CHUNKS VOLUME SMALL BIG
 *
 * CHUNKS is the folder of that name on the volume, which nobody else has, VOLUME
 * whose it is. SMALL chunks of 100 bytes go to segments, BIG ones of 10 MiB are files
 * without a block. All of them are zeros. Prints a line for each: its id, and of
 * a small one where it is, as the catalogue keeps that.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/err.h"
#include "storaged/chunks/checksum.h"
#include "storaged/chunks/segment_format.h"

#define SMALL_SIZE 100U
#define BIG_SIZE   CHUNK_SIZE
#define FIRST      1000U /* above any number that is used yet */
#define SEGMENT    (16U << 20)

static void
give_up(const char *what)
{
	perror(what);
	exit(1);
}

static void
random_id(char ret_id[NX_ID_LEN + 1])
{
	uint8_t bytes[NX_ID_LEN / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		give_up("getrandom");
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)sprintf(ret_id + 2 * i, "%02x", bytes[i]);
}

/* As many as fit, or @n; how many that was. */
static size_t
fill_segment(uint8_t *data, struct segment_header *h, size_t n)
{
	uint32_t span = (uint32_t)segment_record_span(SMALL_SIZE), at;
	static const uint8_t zeros[SMALL_SIZE];
	size_t i;

	memset(data, 0, SEGMENT);
	segment_header_write(h, data);
	for (i = 0, at = SEGMENT_PAGE; i < n && at + span <= SEGMENT;
	     i++, at += span) {
		struct segment_record r = {.length = SMALL_SIZE,
		    .generation = h->generation,
		    .data_crc = checksum_crc(zeros, sizeof(zeros))};

		random_id(r.id);
		segment_record_write(&r, data + at);
		printf("%s %" PRIu64 "\n", r.id, segment_at(h->number, at));
	}
	return i;
}

static void
write_as(int dir, const char *name, const void *data, size_t size, mode_t mode)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL, mode);
	struct stat st;

	if (fd < 0 || fstat(dir, &st) < 0 ||
	    fchown(fd, st.st_uid, st.st_gid) < 0)
		give_up(name);
	if (data ? write(fd, data, size) != (ssize_t)size
		 : ftruncate(fd, (off_t)size) < 0)
		give_up(name);
	if (close(fd) < 0)
		give_up(name);
}

static void
small_ones(int dir, const char *volume, size_t n)
{
	uint8_t *data = malloc(SEGMENT);
	struct segment_header h = {
	    .number = FIRST, .made_at = (uint64_t)time(NULL)};
	char name[16];

	if (!data)
		give_up("malloc");
	memcpy(h.volume, volume, NX_ID_LEN);
	for (; n > 0; h.number++) {
		if (getrandom(&h.generation, sizeof(h.generation), 0) < 0)
			give_up("getrandom");
		n -= fill_segment(data, &h, n);
		(void)snprintf(name, sizeof(name), "%08x", h.number);
		write_as(dir, name, data, SEGMENT, 0600);
	}
	free(data);
}

int
main(int argc, char **argv)
{
	char id[NX_ID_LEN + 1];
	int dir, segments;

	if (argc != 5 || strlen(argv[2]) > NX_ID_LEN) {
		fprintf(stderr, "usage: million CHUNKS VOLUME SMALL BIG\n");
		return 2;
	}
	dir = open(argv[1], O_RDONLY | O_DIRECTORY);
	segments = openat(dir, ".segments", O_RDONLY | O_DIRECTORY);
	if (dir < 0 || segments < 0 || checksum_setup() < 0)
		give_up(argv[1]);
	char volume[NX_ID_LEN + 1] = "";
	(void)strcpy(volume, argv[2]);
	small_ones(segments, volume, (size_t)atol(argv[3]));
	for (long i = atol(argv[4]); i > 0; i--) {
		random_id(id);
		write_as(dir, id, NULL, BIG_SIZE, 0400);
		printf("%s\n", id);
	}
	return fflush(stdout) == 0 ? 0 : 1;
}
