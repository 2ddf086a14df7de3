/* Lines to stderr. One write(2) for a line, or for a few that a pipe takes at
 * once, so that lines never interleave. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"

#define RATE_LINES 10
#define RATE_US    10000000ULL

static const char *log_name = "nexus";
static bool log_debug;
static bool log_terminal = true;

static struct {
	void (*soon)(void *arg); /* NULL: nothing is kept */
	void *arg;
	size_t len;
	char text[PIPE_BUF];
} kept;

void
nx_log_open(const char *name, bool debug)
{
	log_name = name;
	log_debug = debug;
	log_terminal = isatty(STDERR_FILENO) == 1;
}

void
nx_log_flush(void)
{
	if (kept.len > 0)
		(void)!write(STDERR_FILENO, kept.text, kept.len);
	kept.len = 0;
}

void
nx_log_keep(void (*soon)(void *arg), void *arg)
{
	nx_log_flush();
	kept.soon = soon;
	kept.arg = arg;
}

static void
keep(const char *line, size_t len)
{
	if (kept.len + len > sizeof(kept.text))
		nx_log_flush();
	if (kept.len == 0)
		kept.soon(kept.arg);
	memcpy(kept.text + kept.len, line, len);
	kept.len += len;
}

/* What matters is out at once, and behind what was said before. */
static void
put(int priority, const char *line, size_t len)
{
	if (kept.soon && priority >= 6) {
		keep(line, len);
		return;
	}
	nx_log_flush();
	(void)!write(STDERR_FILENO, line, len);
}

void
nx_log(int priority, const char *fmt, ...)
{
	int saved = errno;
	char line[1024];
	int n, m;
	va_list ap;

	if (priority >= 7 && !log_debug)
		return;
	n = log_terminal
	    ? snprintf(line, sizeof(line), "%s: ", log_name)
	    : snprintf(line, sizeof(line), "<%d>%s: ", priority, log_name);
	va_start(ap, fmt);
	m = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
	va_end(ap);
	if (m > 0) {
		n = (int)strlen(line);
		line[n++] = '\n';
		put(priority, line, (size_t)n);
	}
	errno = saved;
}

bool
nx_log_may(struct nx_log_rate *rate, const char *what)
{
	struct timespec ts = {0};
	uint64_t now;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
	if (rate->since_us == 0 || now - rate->since_us > RATE_US) {
		if (rate->left_out > 0)
			nx_warn("event=lines-left-out what=%s n=%u", what,
			    rate->left_out);
		*rate = (struct nx_log_rate){.since_us = now};
	}
	if (rate->said < RATE_LINES) {
		rate->said++;
		return true;
	}
	rate->left_out++;
	return false;
}

const char *
nx_log_safe(const char *text)
{
	static char buffers[4][104];
	static unsigned next;
	char *out = buffers[next++ % 4];
	bool quoted = false;
	size_t n = 1;

	for (; text && *text && n <= 100; text++) {
		bool shown = *text >= ' ' && *text < 0x7f && *text != '"' &&
		    *text != '\\';

		quoted |= *text == ' ' || *text == '=';
		out[n++] = shown ? *text : '?';
	}
	if (quoted)
		out[n++] = '"';
	out[n] = '\0';
	out[0] = '"';
	return quoted ? out : out + 1;
}
