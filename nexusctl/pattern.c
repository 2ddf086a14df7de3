/* Reading patterns, and finding the command whose pattern words begin. */
#include <ctype.h>
#include <string.h>

#include "common/err.h"
#include "nexusctl/pattern.h"

int
ctl_pattern_next(const char **at, char type[32], char label[32])
{
	const char *s = *at, *end, *colon;
	size_t len, i;
	int kind = 'w';

	s += strspn(s, " ");
	if (!*s)
		return 0;
	end = s + strcspn(s, " ");
	*at = end;
	if (*s == '<' || *s == '[') {
		kind = *s++;
		end--;
		if (end - s > 3 && memcmp(end - 3, "...", 3) == 0) {
			kind = '.';
			end -= 3;
		}
	}
	colon = kind == 'w' ? NULL : memchr(s, ':', (size_t)(end - s));
	len = (size_t)((colon ? colon : end) - s);
	nx_assert(len < 32 && end - s < 32);
	memcpy(type, s, len);
	type[len] = '\0';
	if (colon) {
		len = (size_t)(end - colon - 1);
		memcpy(label, colon + 1, len);
		label[len] = '\0';
		return kind;
	}
	for (i = 0; i <= len; i++)
		label[i] = kind == 'w' ? type[i]
				       : (char)toupper((unsigned char)type[i]);
	return kind;
}

/* How many of @words the literal beginning of @pattern matches; -1 when one of
 * them differs. *ret_whole: all of its literals were matched. */
static int
literals(const char *pattern, const char *const *words, size_t n_words,
    bool *ret_whole)
{
	char type[32], label[32];
	size_t n = 0;

	*ret_whole = false;
	while (ctl_pattern_next(&pattern, type, label) == 'w') {
		if (n == n_words)
			return (int)n;
		if (strcmp(words[n], type) != 0)
			return -1;
		n++;
	}
	*ret_whole = true;
	return (int)n;
}

const struct ctl_command *
ctl_command_at(size_t i)
{
	static const struct ctl_command_set *const sets[] = {&ctl_use_commands,
	    &ctl_auth_commands, &ctl_mail_commands, &ctl_system_commands};

	for (size_t k = 0; k < NX_ARRAY_SIZE(sets); k++) {
		if (i < sets[k]->n)
			return &sets[k]->rows[i];
		i -= sets[k]->n;
	}
	return NULL;
}

const struct ctl_command *
ctl_command_find(const char *const *words, size_t n_words, size_t *ret_used)
{
	const struct ctl_command *best = NULL;
	bool whole;
	size_t i;
	int n;

	*ret_used = 0;
	for (i = 0; ctl_command_at(i); i++) {
		n = literals(
		    ctl_command_at(i)->pattern, words, n_words, &whole);
		if (n <= 0 || !whole || (size_t)n <= *ret_used)
			continue;
		best = ctl_command_at(i);
		*ret_used = (size_t)n;
	}
	return best;
}

bool
ctl_command_begins(const char *const *words, size_t n_words)
{
	bool whole;
	size_t i;

	for (i = 0; ctl_command_at(i); i++)
		if (literals(ctl_command_at(i)->pattern, words, n_words,
			&whole) == (int)n_words)
			return true;
	return false;
}

const struct ctl_option *
ctl_option_named(
    const struct ctl_option *options, size_t n, const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (strlen(options[i].name) == len &&
		    memcmp(options[i].name, name, len) == 0)
			return &options[i];
		if (len == 1 && options[i].letter == *name)
			return &options[i];
	}
	return NULL;
}
