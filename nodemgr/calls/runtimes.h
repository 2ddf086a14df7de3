/*
 * What code of a function may be written in. A runtime is a line in the table
 * of runtimes.c, and nothing else.
 */
#ifndef NODEMGR_RUNTIMES_H
#define NODEMGR_RUNTIMES_H

#include <stddef.h>

struct runtime {
	const char *name;
	const char *program; /* must be executable on the host */
	const char *argv[6]; /* in the box, where the code is CALL_CODE_PATH */
};
#define CALL_CODE_PATH "/tmp/function.py"

/* NULL: there is none of that name. */
const struct runtime *runtime_find(const char *name);
/* "python3", or "a, b": for people, static. */
const char *runtime_names(void);

#endif
