/* Lines to stderr. One write(2) per line, so that lines never interleave. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

static const char *log_name = "nexus";
static bool log_debug;
static bool log_terminal = true;

void
nx_log_open(const char *name, bool debug)
{
	log_name = name;
	log_debug = debug;
	log_terminal = isatty(STDERR_FILENO) == 1;
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
		(void)!write(STDERR_FILENO, line, (size_t)n);
	}
	errno = saved;
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
