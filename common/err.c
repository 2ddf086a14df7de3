/* The two ways a program of ours ends itself. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"

void
nx_fatal(int error, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (error < 0)
		nx_log(
		    2, "event=fatal reason=\"%s: %s\"", text, strerror(-error));
	else
		nx_log(2, "event=fatal reason=\"%s\"", text);
	exit(1);
}

void
nx_assert_failed(const char *what, const char *file, int line)
{
	nx_log(2, "event=assertion what=\"%s\" at=%s:%d", what, file, line);
	abort();
}
