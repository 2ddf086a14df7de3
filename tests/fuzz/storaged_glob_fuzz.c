/* Patterns from end users: "pattern NUL text". What has no special characters
 * matches itself and nothing else; ** matches everything. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "storaged/trees/glob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + 2);
	const char *text;
	bool matches;

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	copy[size] = copy[size + 1] = '\0';
	text = copy + strlen(copy) + (strlen(copy) < size);
	matches = glob_match(copy, text);
	if (strlen(copy) <= GLOB_MAX && !strpbrk(copy, "*?[\\") &&
	    matches != (strcmp(copy, text) == 0))
		abort();
	if (!glob_match("**", text))
		abort();
	free(copy);
	return 0;
}
