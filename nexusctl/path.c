/* A name's end, and a path's beginning. */
#include <stdio.h>
#include <string.h>

#include "nexusctl/path.h"

const char *
ctl_last_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

char *
ctl_rooted(const char *path)
{
	char *s;

	if (asprintf(&s, "%s%s", *path == '/' ? "" : "/", path) < 0)
		return NULL;
	return s;
}
