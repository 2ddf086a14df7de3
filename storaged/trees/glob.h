/* Patterns of names and paths, as shells have them; owns nothing. */
#ifndef STORAGED_GLOB_H
#define STORAGED_GLOB_H

#include <stdbool.h>

#define GLOB_MAX 1024U /* bytes of a pattern; a longer one matches nothing */

/*
 * Does all of @text match @pattern? ? is one character but /, * any number of
 * them, ** any number of all characters, [a-c] and [!a-c] one of them or none
 * of them, \ takes the next as it is. Characters are UTF-8's; what is no pattern
 * matches itself. Time is bounded by the product of the lengths.
 */
bool glob_match(const char *pattern, const char *text);

#endif
