/* See formatter.h. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/rights.h"
#include "storaged/volumes/formatter.h"
#include "storaged/sandbox.h"

#define MKFS "/usr/sbin/mkfs.ext4"
/* Bytes per inode: a node keeps its own small files here too; on a large
 * volume a quarter of the inodes saves minutes of writing them out. */
#define INODE_RATIO       "16384"
#define INODE_RATIO_LARGE "65536"
#define LARGE             (16ULL << 30)

struct formatter {
	int sock;
	pthread_mutex_t mutex;
};

struct answer {
	int result;
	char text[256];
};

/* --- the child --------------------------------------------------------------*/

/* mkfs gets the image as descriptor 3, its messages go to 2, nothing else. */
static void
exec_mkfs(int image, int messages, uint64_t size)
{
	char *const argv[] = {(char *)(uintptr_t) "mkfs.ext4",
	    (char *)(uintptr_t) "-q", (char *)(uintptr_t) "-F",
	    /* small volumes would get 1 KiB blocks, which a 4 KiB loop device
	     * refuses to mount */
	    (char *)(uintptr_t) "-b", (char *)(uintptr_t) "4096",
	    /* whatever mke2fs.conf says: what is relied on */
	    (char *)(uintptr_t) "-O",
	    (char *)(uintptr_t) "has_journal,extent,metadata_csum,64bit",
	    (char *)(uintptr_t) "-m", (char *)(uintptr_t) "0",
	    (char *)(uintptr_t) "-i",
	    (char *)(uintptr_t)(size > LARGE ? INODE_RATIO_LARGE : INODE_RATIO),
	    (char *)(uintptr_t) "-e", (char *)(uintptr_t) "remount-ro",
	    /* discard would punch the preallocated image empty again */
	    (char *)(uintptr_t) "-E",
	    (char *)(uintptr_t) "nodiscard,lazy_itable_init=0,"
				"lazy_journal_init=0",
	    (char *)(uintptr_t) "/proc/self/fd/3", NULL};
	char *const envp[] = {(char *)(uintptr_t) "LC_ALL=C",
	    (char *)(uintptr_t) "PATH=/usr/sbin:/usr/bin", NULL};
	int null = open("/dev/null", O_RDWR);

	/* The image first: it could be any number, also one of these. */
	image = fcntl(image, F_DUPFD_CLOEXEC, 10);
	messages = fcntl(messages, F_DUPFD_CLOEXEC, 10);
	if (null < 0 || image < 0 || messages < 0)
		_exit(126);
	if (dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(messages, 2) < 0 ||
	    dup2(image, 3) < 0)
		_exit(126);
	(void)close_range(4, ~0U, 0);
	execve(MKFS, argv, envp);
	_exit(127);
}

static void
judge(int status, struct answer *a)
{
	a->result = -EIO;
	a->text[strcspn(a->text, "\n")] = '\0';
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		a->result = 0;
	else if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		(void)snprintf(
		    a->text, sizeof(a->text), "%s cannot be run", MKFS);
	else if (WIFSIGNALED(status))
		(void)snprintf(a->text, sizeof(a->text),
		    "mkfs.ext4 was killed by signal %d", WTERMSIG(status));
}

static void
read_messages(int fd, char *text, size_t size)
{
	size_t used = 0;
	ssize_t n;
	char more[512];

	while ((n = read(fd, more, sizeof(more))) > 0) {
		size_t room = size - 1 - used;
		size_t take = (size_t)n < room ? (size_t)n : room;

		memcpy(text + used, more, take);
		used += take;
	}
	text[used] = '\0';
}

static void
format(int image, uint64_t size, struct answer *a)
{
	int messages[2], status = 0;
	pid_t pid;

	if (pipe2(messages, O_CLOEXEC) < 0) {
		a->result = -errno;
		return;
	}
	pid = fork();
	if (pid == 0)
		exec_mkfs(image, messages[1], size);
	nx_close(&messages[1]);
	if (pid < 0)
		a->result = -errno;
	else {
		read_messages(messages[0], a->text, sizeof(a->text));
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		judge(status, a);
	}
	nx_close(&messages[0]);
}

/* One descriptor and a size come in, an answer goes out; no edge to anybody
 * but storaged, so the plain socket will do. */
static int
receive(int sock, uint64_t *ret_size, int *ret_image)
{
	nx_cleanup_fd int image = -1;
	size_t n_fds;
	ssize_t n = nx_recv_fds(
	    sock, ret_size, sizeof(*ret_size), &image, 1, 0, &n_fds);

	if (n < 0 || image < 0 || n != (ssize_t)sizeof(*ret_size))
		return n == 0 ? -EPIPE : -EPROTO;
	*ret_image = nx_take_fd(&image);
	return 0;
}

static _Noreturn void
child(int sock)
{
	/* storaged's own descriptors are none of mkfs's business. */
	sock = fcntl(sock, F_DUPFD_CLOEXEC, 3);
	if (sock != 3 && dup3(sock, 3, O_CLOEXEC) < 0)
		nx_fatal(-errno, "formatter");
	sock = 3;
	(void)close_range(4, ~0U, 0);
	(void)prctl(PR_SET_NAME, "storaged-mkfs");
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (nx_caps_clear() < 0)
		nx_fatal(-errno, "formatter: drop capabilities");
	nx_sandbox_filter(&formatter_sandbox);
	for (;;) {
		struct answer a = {0};
		uint64_t size;
		int image, r = receive(sock, &size, &image);

		if (r < 0)
			_exit(0);
		format(image, size, &a);
		nx_close(&image);
		(void)send(sock, &a, sizeof(a), MSG_NOSIGNAL);
	}
}

/* --- storaged's side --------------------------------------------------------*/

int
formatter_start(struct formatter **ret_formatter)
{
	struct formatter *f = calloc(1, sizeof(*f));
	int pair[2], r;
	pid_t pid;

	if (!f)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		r = -errno;
		free(f);
		return r;
	}
	pid = fork();
	if (pid == 0)
		child(pair[1]);
	r = pid < 0 ? -errno : 0;
	nx_close(&pair[1]);
	if (r < 0) {
		nx_close(&pair[0]);
		free(f);
		return r;
	}
	f->sock = pair[0];
	pthread_mutex_init(&f->mutex, NULL);
	*ret_formatter = f;
	return 0;
}

struct formatter *
formatter_stop(struct formatter *f)
{
	if (f) {
		nx_close(&f->sock);
		pthread_mutex_destroy(&f->mutex);
		free(f);
	}
	return NULL;
}

int
formatter_run(struct formatter *f, int image, uint64_t size, char *error)
{
	struct answer a = {0};
	ssize_t n = -1;
	int r;

	error[0] = '\0';
	pthread_mutex_lock(&f->mutex);
	r = nx_send_fds(f->sock, &size, sizeof(size), &image, 1, 0);
	if (r == 0)
		do
			n = read(f->sock, &a, sizeof(a));
		while (n < 0 && errno == EINTR);
	pthread_mutex_unlock(&f->mutex);
	if (r < 0)
		return r;
	if (n != (ssize_t)sizeof(a))
		return -EPIPE;
	memcpy(error, a.text, sizeof(a.text));
	return a.result;
}
