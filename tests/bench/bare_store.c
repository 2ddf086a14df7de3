/*
 * The bare loop: the least that keeping an upload as Nexus promises takes. One
 * process reads the connection in large pieces, cuts chunks of 10 MiB, sums
 * them (MD5 of the chunk, CRC32C of every 64 KiB), writes each to a nameless
 * file in every directory, fdatasync, linkat, fsync of the directory, and
 * answers when all of it is durable. No user, quota, catalogue or second
 * process. What an upload to Nexus is compared with, on the same kind of
 * volumes.
 *
 *	bare_store DIRECTORY...
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

#define COPIES 4

struct store {
	int dir[COPIES];
	int n;
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
commit(struct store *s, int dir, int fd)
{
	char from[32], to[16];

	snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	name_of(s->chunks, to);
	if (fdatasync(fd) < 0 ||
	    linkat(AT_FDCWD, from, dir, to, AT_SYMLINK_FOLLOW) < 0 ||
	    fsync(dir) < 0)
		return -errno;
	return 0;
}

/* Opens the chunk in every directory. 0 or -errno. */
static int
begin(const struct store *s, int fds[COPIES])
{
	for (int i = 0; i < s->n; i++) {
		fds[i] = openat(
		    s->dir[i], ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0400);
		if (fds[i] < 0)
			return -errno;
	}
	nx_assert(EVP_DigestInit_ex(s->md5, EVP_md5(), NULL));
	return 0;
}

static int
end(struct store *s, int fds[COPIES])
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	int r = 0;

	nx_assert(EVP_DigestFinal_ex(s->md5, digest, NULL));
	for (int i = 0; i < s->n && r == 0; i++) {
		r = commit(s, s->dir[i], fds[i]);
		nx_close(&fds[i]);
	}
	s->chunks++;
	return r;
}

/* Takes one chunk of @size bytes. 0 or -errno. */
static int
take_chunk(struct store *s, int from, size_t size)
{
	int fds[COPIES], r = begin(s, fds);

	while (size > 0 && r == 0) {
		size_t want = size < PIECE ? size : PIECE;
		ssize_t n = recv(from, s->buf, want, MSG_WAITALL);

		if (n != (ssize_t)want)
			return n < 0 ? -errno : -ECONNRESET;
		sum(s, want);
		for (int i = 0; i < s->n && r == 0; i++)
			r = nx_write_full(fds[i], s->buf, want);
		size -= want;
	}
	return r < 0 ? r : end(s, fds);
}

static void
forget(struct store *s)
{
	char name[16];

	while (s->chunks > 0) {
		name_of(--s->chunks, name);
		for (int i = 0; i < s->n; i++)
			(void)unlinkat(s->dir[i], name, 0);
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
	struct store s = {.md5 = EVP_MD_CTX_new()};
	int listener;

	(void)signal(SIGPIPE, SIG_IGN);
	s.buf = malloc(PIECE);
	for (s.n = 0; s.n < argc - 1 && s.n < COPIES; s.n++) {
		s.dir[s.n] =
		    open(argv[1 + s.n], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (s.dir[s.n] < 0)
			break;
	}
	if (s.n == 0 || s.n < argc - 1 || !s.buf || !s.md5) {
		fprintf(stderr, "usage: bare_store DIRECTORY...\n");
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
