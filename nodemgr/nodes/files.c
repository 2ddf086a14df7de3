/*
 * The files of a node beside its volume: its log and how it ended. nexus-init
 * writes both, so they go on while nodemgr is away.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fd.h"
#include "nodemgr/nodes/node.h"

static void
file_name(const struct node *n, const char *suffix, char name[64])
{
	snprintf(name, 64, "%s.%s", n->id, suffix);
}

static int
open_file(int dir, const struct node *n, const char *suffix, int flags)
{
	char name[64];
	int fd;

	file_name(n, suffix, name);
	fd = openat(
	    dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
	return fd < 0 ? -errno : fd;
}

int
node_log_open(const struct node *n)
{
	return open_file(n->m->logs, n, "log", 0);
}

int
node_status_open(const struct node *n)
{
	return open_file(n->m->status, n, "status", O_TRUNC);
}

void
node_log_last(const struct node *n, char *buf, size_t size)
{
	nx_cleanup_fd int log = node_log_open(n);
	off_t end = log < 0 ? -1 : lseek(log, 0, SEEK_END);
	off_t from = end > (off_t)size - 1 ? end - (off_t)size + 1 : 0;
	ssize_t got, i;
	size_t len = 0;

	buf[0] = '\0';
	got = end <= 0 ? 0 : pread(log, buf, size - 1, from);
	for (i = 0; i < got; i++)
		if (buf[i] >= ' ' && buf[i] <= '~')
			buf[len++] = buf[i];
		else if (buf[i] == '\n' && i + 1 < got)
			buf[len++] = '|';
	buf[len] = '\0';
}

bool
node_status_read(const struct node *n, char word[16], int *ret_value)
{
	nx_cleanup_free char *text = NULL;
	char name[64];

	file_name(n, "status", name);
	if (nx_read_file(n->m->status, name, 64, &text) <= 0)
		return false;
	return sscanf(text, "%15s %d", word, ret_value) == 2;
}

void
node_files_remove(const struct node *n)
{
	char name[64];

	file_name(n, "log", name);
	(void)unlinkat(n->m->logs, name, 0);
	file_name(n, "status", name);
	(void)unlinkat(n->m->status, name, 0);
}
