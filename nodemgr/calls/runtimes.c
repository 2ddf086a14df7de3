/* The runtimes there are. */
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "nodemgr/calls/runtimes.h"

static const struct runtime runtimes[] = {
    /* -I: nothing of the environment; -u: what was printed before a kill
     * is not lost */
    {"python3", "/usr/bin/python3",
	{"/usr/bin/python3", "-I", "-u", CALL_CODE_PATH, NULL}},
};

const struct runtime *
runtime_find(const char *name)
{
	for (size_t i = 0; i < NX_ARRAY_SIZE(runtimes); i++)
		if (!strcmp(runtimes[i].name, name))
			return &runtimes[i];
	return NULL;
}

const char *
runtime_names(void)
{
	static char names[256];
	size_t len = 0;

	for (size_t i = 0; i < NX_ARRAY_SIZE(runtimes); i++)
		len += (size_t)snprintf(names + len, sizeof(names) - len,
		    "%s%s", i ? ", " : "", runtimes[i].name);
	return names;
}
