/* Paths from end users: whatever is accepted keeps the rules of path.h, and
 * reading it again changes nothing. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "storaged/catalog/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(int holds)
{
	if (!holds)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct path path, again;
	const char *text = (const char *)data;

	(void)path_check_name(text, size);
	if (path_parse(text, size, &path))
		return 0;
	check(path.depth <= PATH_DEPTH_MAX);
	check(path.text[0] == '/');
	check(strlen(path.text) <= PATH_BYTES_MAX);
	for (unsigned i = 0; i < path.depth; i++) {
		const char *name = path_name(&path, i);

		check(!path_check_name(name, strlen(name)));
	}
	check(!path_parse(path.text, strlen(path.text), &again));
	check(strcmp(path.text, again.text) == 0);
	check(path.depth == again.depth);
	check(path_within(&again, &path));
	return 0;
}
