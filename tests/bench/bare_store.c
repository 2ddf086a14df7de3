/*
 * The bare loop: the least that keeping an upload as Nexus promises takes. One
 * process reads the connection in large pieces, cuts chunks of 10 MiB, sums
 * them (MD5 of the chunk, CRC32C of every 64 KiB), writes each to a nameless
 * file, fdatasync, linkat, fsync of the directory, and answers when all of it
 * is durable. No user, quota, catalogue or second process. What an upload to
 * Nexus is compared with, on the same kind of volume.
 *
 *	bare_store DIRECTORY
 *
 * Prints its port on 127.0.0.1 and takes one upload after the other until it
 * is killed; each is thrown away when it has been answered.
 */
#include <fcntl.h>
#include <isa-l/crc.h>
#include <openssl/evp.h>
#include <signal.h>

#include "common/fd.h"
#include "tests/bench/bare.h"

#define CHUNK (10U << 20)
#define BLOCK (64U << 10)
#define PIECE (1U << 20) /* read at once; a multiple of BLOCK */

struct store {
	int dir;
	EVP_MD_CTX *md5;
	uint8_t *buf; /* PIECE bytes */
	unsigned chunks;
};

static void
name_of(unsigned chunk, char ret_name[16])
{
	snprintf(ret_name, 16, "chunk%u", chunk);
}

/* The sums stay where the compiler cannot see that nobody reads them. */
static volatile uint32_t crc_sink;

static void
sum(struct store *s, size_t len)
{
	nx_assert(EVP_DigestUpdate(s->md5, s->buf, len));
	for (size_t at = 0; at < len; at += BLOCK) {
		size_t n = len - at < BLOCK ? len - at : BLOCK;

		crc_sink = ~crc32_iscsi(s->buf + at, (int)n, ~0U);
	}
}

static int
commit(struct store *s, int fd)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	char from[32], to[16];

	nx_assert(EVP_DigestFinal_ex(s->md5, digest, NULL));
	snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	name_of(s->chunks, to);
	if (fdatasync(fd) < 0 ||
	    linkat(AT_FDCWD, from, s->dir, to, AT_SYMLINK_FOLLOW) < 0 ||
	    fsync(s->dir) < 0)
		return -errno;
	s->chunks++;
	return 0;
}

/* Takes one chunk of @size bytes. 0 or -errno. */
static int
take_chunk(struct store *s, int from, size_t size)
{
	nx_cleanup_fd int fd = -1;
	int r;

	fd = openat(s->dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0400);
	if (fd < 0)
		return -errno;
	nx_assert(EVP_DigestInit_ex(s->md5, EVP_md5(), NULL));
	while (size > 0) {
		size_t want = size < PIECE ? size : PIECE;
		ssize_t n = recv(from, s->buf, want, MSG_WAITALL);

		if (n != (ssize_t)want)
			return n < 0 ? -errno : -ECONNRESET;
		sum(s, want);
		r = nx_write_full(fd, s->buf, want);
		if (r < 0)
			return r;
		size -= want;
	}
	return commit(s, fd);
}

static void
forget(struct store *s)
{
	char name[16];

	while (s->chunks > 0) {
		name_of(--s->chunks, name);
		(void)unlinkat(s->dir, name, 0);
	}
}

static int
take(struct store *s, int from)
{
	int64_t left;
	int r;

	left = bare_request(from);
	if (left < 0)
		return (int)left;
	while (left > 0) {
		size_t size = left < CHUNK ? (size_t)left : CHUNK;

		r = take_chunk(s, from, size);
		if (r < 0)
			return r;
		left -= (int64_t)size;
	}
	return dprintf(from,
		   "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n"
		   "Connection: close\r\n\r\n") < 0
	    ? -errno
	    : 0;
}

int
main(int argc, char **argv)
{
	struct store s = {.dir = -1, .md5 = EVP_MD_CTX_new()};
	int listener;

	(void)signal(SIGPIPE, SIG_IGN);
	s.buf = malloc(PIECE);
	if (argc == 2)
		s.dir = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s.dir < 0 || !s.buf || !s.md5) {
		fprintf(stderr, "usage: bare_store DIRECTORY\n");
		return 2;
	}
	listener = bare_listen();
	for (;;) {
		nx_cleanup_fd int from =
		    accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		int r = from < 0 ? -errno : take(&s, from);

		if (r < 0)
			nx_fatal(r, "store");
		nx_close(&from);
		forget(&s);
	}
}
