/*
 * What nexus-up itself tells the person who started it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "packaging/launcher/up.h"

static void __attribute__((format(printf, 2, 0)))
say(const char *kind, const char *fmt, va_list ap)
{
	char line[1024];
	int saved = errno;

	/* One write per line: daemons' lines come between, not into it. */
	vsnprintf(line, sizeof(line), fmt, ap);
	fprintf(stderr, "nexus-up: %s%s\n", kind, line);
	errno = saved;
}

void
up_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("", fmt, ap);
	va_end(ap);
}

void
up_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("warning: ", fmt, ap);
	va_end(ap);
}

void
up_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("", fmt, ap);
	va_end(ap);
	exit(1);
}
