/*
 * Lines of a daemon. What arrives is untrusted text: it is cut
 * into lines of bounded length, and control characters do not reach the
 * terminal.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "packaging/launcher/output.h"

#define LINE_MAX_LEN 2048
#define KEPT         8
#define LOG_MAX      (8 << 20) /* then it becomes .log.1 */

struct up_output {
	char name[16];
	char file[32]; /* below the instance's directory */
	const struct up_options *opt;
	int pipe_fd, log_fd;
	off_t log_size;
	struct event *ev;
	char line[LINE_MAX_LEN];
	size_t len;
	char out[16384]; /* lines of this turn, for the file */
	size_t out_len;
	char kept[KEPT][LINE_MAX_LEN]; /* a ring, not shown on the terminal */
	unsigned n_kept;
};

/* The directory is root's by now, but what a stranger left in it before may be a
 * link to anywhere. */
static void
log_open(struct up_output *o)
{
	struct stat st;

	o->log_fd = openat(o->opt->dir_fd, o->file,
	    O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (o->log_fd < 0)
		up_die("cannot write %s/%s: %s", o->opt->dir, o->file,
		    strerror(errno));
	o->log_size = fstat(o->log_fd, &st) < 0 ? 0 : st.st_size;
}

static void
log_rotate(struct up_output *o)
{
	char old[40];

	snprintf(old, sizeof(old), "%s.1", o->file);
	(void)renameat(o->opt->dir_fd, o->file, o->opt->dir_fd, old);
	nx_close(&o->log_fd);
	log_open(o);
}

static void
log_flush(struct up_output *o)
{
	if (o->out_len == 0)
		return;
	if (o->log_size > LOG_MAX)
		log_rotate(o);
	if (nx_write_full(o->log_fd, o->out, o->out_len) == 0)
		o->log_size += (off_t)o->out_len;
	o->out_len = 0;
}

/* To the second; made once for each. */
static const char *
format_time(time_t now)
{
	static char when[32];
	static time_t made;
	struct tm tm;

	if (now != made) {
		gmtime_r(&now, &tm);
		strftime(when, sizeof(when), "%FT%T", &tm);
		made = now;
	}
	return when;
}

static void
log_write(struct up_output *o, int priority, const char *text)
{
	struct timespec now;
	int n;

	if (sizeof(o->out) - o->out_len < LINE_MAX_LEN + 64)
		log_flush(o);
	clock_gettime(CLOCK_REALTIME, &now);
	n = snprintf(o->out + o->out_len, sizeof(o->out) - o->out_len,
	    "%s.%06ldZ <%d> %s\n", format_time(now.tv_sec), now.tv_nsec / 1000,
	    priority, text);
	if (n > 0)
		o->out_len += (size_t)n;
}

/* "<4>text": its priority; without, 5, which is shown: it is no log line. */
static int
split_priority(const char **text)
{
	const char *t = *text;

	if (t[0] != '<' || t[1] < '0' || t[1] > '7' || t[2] != '>')
		return 5;
	*text = t + 3;
	return t[1] - '0';
}

/* Under the daemon's name, which its own lines begin with already. */
static void
show(const struct up_output *o, const char *text)
{
	size_t len = strlen(o->name);

	if (strncmp(text, o->name, len) == 0 && text[len] == ':')
		fprintf(stderr, "%s\n", text);
	else
		fprintf(stderr, "%s: %s\n", o->name, text);
}

static void
take_line(struct up_output *o)
{
	const char *text = o->line;
	int priority;

	o->line[o->len] = '\0';
	o->len = 0;
	for (char *c = o->line; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = ' ';
	priority = split_priority(&text);
	log_write(o, priority, text);
	if (priority <= 5)
		show(o, text);
	else
		snprintf(o->kept[o->n_kept++ % KEPT], LINE_MAX_LEN, "%s", text);
}

static void
take(struct up_output *o, const char *data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (data[i] == '\n') {
			take_line(o);
		} else {
			o->line[o->len++] = data[i];
			if (o->len == LINE_MAX_LEN - 1)
				take_line(o);
		}
	}
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct up_output *o = arg;
	char buf[16384];
	ssize_t n;

	(void)what;
	/* One piece per turn: a daemon that talks without end must not keep
	 * the others waiting. We hold a write end, so there is no end of file. */
	n = read((int)fd, buf, sizeof(buf));
	if (n > 0)
		take(o, buf, (size_t)n);
	log_flush(o);
}

struct up_output *
up_output_new(
    struct event_base *base, const struct up *up, const char *name, int *ret_fd)
{
	struct up_output *o = calloc(1, sizeof(*o));
	int fds[2];

	if (!o || pipe2(fds, O_CLOEXEC) < 0 || nx_fd_nonblock(fds[0], true) < 0)
		up_die("cannot make a pipe: %s", strerror(errno));
	o->pipe_fd = fds[0];
	snprintf(o->name, sizeof(o->name), "%s", name);
	snprintf(o->file, sizeof(o->file), "log/%s.log", o->name);
	o->opt = &up->opt;
	log_open(o);
	o->ev =
	    event_new(base, o->pipe_fd, EV_READ | EV_PERSIST, on_readable, o);
	if (!o->ev || event_add(o->ev, NULL) < 0)
		up_die("cannot watch a pipe");
	*ret_fd = fds[1];
	return o;
}

struct up_output *
up_output_free(struct up_output *o)
{
	if (!o)
		return NULL;
	on_readable(o->pipe_fd, 0, o);
	if (o->len)
		take_line(o);
	log_flush(o);
	event_free(o->ev);
	nx_close(&o->pipe_fd);
	nx_close(&o->log_fd);
	free(o);
	return NULL;
}

void
up_output_show_last(struct up_output *o)
{
	unsigned from = o->n_kept > KEPT ? o->n_kept - KEPT : 0;

	on_readable(o->pipe_fd, 0, o);
	for (; from < o->n_kept; from++)
		show(o, o->kept[from % KEPT]);
	o->n_kept = 0;
	fprintf(
	    stderr, "%s: (all of it: %s/%s)\n", o->name, o->opt->dir, o->file);
}
