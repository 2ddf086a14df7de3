/*
 * The least that serving a file takes: sendfile(2) from a file on a volume into
 * a TCP connection, nothing checked, nobody asked. What a download from Nexus
 * is compared with.
 *
 *	bare_sendfile FILE
 *
 * Prints its port on 127.0.0.1 and serves FILE to every request until it is
 * killed.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "common/fd.h"
#include "tests/bench/bare.h"

/* 0 or -errno. */
static int
serve(int to, int file, off_t size)
{
	off_t at = 0;
	ssize_t n;

	if (bare_request(to) < 0)
		return -ECONNRESET;
	if (dprintf(to,
		"HTTP/1.1 200 OK\r\nContent-Length: %jd\r\n"
		"Connection: close\r\n\r\n",
		(intmax_t)size) < 0)
		return -errno;
	while (at < size) {
		n = sendfile(to, file, &at, (size_t)(size - at));
		if (n <= 0)
			return n < 0 ? -errno : -ENODATA;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	struct stat st;
	int listener, file;

	(void)signal(SIGPIPE, SIG_IGN);
	file = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
	if (file < 0 || fstat(file, &st) < 0) {
		fprintf(stderr, "usage: bare_sendfile FILE\n");
		return 2;
	}
	listener = bare_listen();
	for (;;) {
		nx_cleanup_fd int to =
		    accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		int r = to < 0 ? -errno : serve(to, file, st.st_size);

		if (r < 0)
			nx_fatal(r, "serve");
	}
}
