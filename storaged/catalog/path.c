/*
 * Parsing of paths. Decodes bytes from end users: has a fuzzer
 * (tests/fuzz/storaged_path_fuzz.c).
 */
#include <stdio.h>
#include <string.h>

#include "common/utf8.h"
#include "storaged/catalog/path.h"

static const char *
check_text(const char *text, size_t len)
{
	for (size_t i = 0, n; i < len; i += n) {
		uint32_t point = 0;

		n = nx_utf8_next(text + i, len - i, &point);
		if (n == 0)
			return "a name must be valid UTF-8";
		if (point < 0x20 || (point >= 0x7f && point < 0xa0))
			return "a name must not contain control characters";
	}
	return NULL;
}

static const char *
add_name(struct path *path, size_t *used, const char *name, size_t len)
{
	if (len == 1 && name[0] == '.')
		return NULL;
	if (len == 2 && name[0] == '.' && name[1] == '.')
		return "a path must not contain \"..\": write it out in full";
	if (len > PATH_NAME_MAX)
		return "a name in a path is at most 255 bytes long";
	if (path->depth == PATH_DEPTH_MAX)
		return "a path is at most 64 folders deep";

	path->text[*used] = '/';
	memcpy(path->text + *used + 1, name, len);
	path->start[path->depth++] = (uint16_t)*used;
	memcpy(path->names + *used, name, len);
	path->names[*used + len] = '\0';
	*used += len + 1;
	return NULL;
}

const char *
path_parse(const char *text, size_t len, struct path *ret_path)
{
	const char *error, *end = text + len, *next;
	size_t used = 0;

	if (len == 0)
		return "a path is missing: it looks like /folder/name";
	if (len > PATH_BYTES_MAX)
		return "a path is at most 4096 bytes long";
	error = check_text(text, len);
	if (error)
		return error;

	ret_path->depth = 0;
	for (const char *p = text; p < end; p = next + 1) {
		next = memchr(p, '/', (size_t)(end - p));
		if (!next)
			next = end;
		if (next == p)
			continue;
		error = add_name(ret_path, &used, p, (size_t)(next - p));
		if (error)
			return error;
	}
	if (used > PATH_BYTES_MAX) /* the leading slash "a/b" came without */
		return "a path is at most 4096 bytes long";
	if (used == 0)
		ret_path->text[used++] = '/';
	ret_path->text[used] = '\0';
	return NULL;
}

const char *
path_check_name(const char *name, size_t len)
{
	if (len == 0)
		return "a file needs a name";
	if (len > PATH_NAME_MAX)
		return "a file's name is at most 255 bytes long";
	if (memchr(name, '/', len))
		return "a file's name must not contain \"/\"";
	if ((len == 1 && name[0] == '.') ||
	    (len == 2 && name[0] == '.' && name[1] == '.'))
		return "\".\" and \"..\" are not names";
	return check_text(name, len);
}

const char *
path_name(const struct path *path, unsigned i)
{
	return path->names + path->start[i];
}

const char *
path_last(const struct path *path)
{
	return path->depth ? path_name(path, path->depth - 1) : "";
}

void
path_upto(
    const struct path *path, unsigned depth, char ret_text[PATH_BYTES_MAX + 2])
{
	size_t len = 1;

	/* "/a/b": each name begins one further than in "a\0b\0". */
	if (depth > 0)
		len = 1 + path->start[depth - 1] +
		    strlen(path_name(path, depth - 1));
	memcpy(ret_text, path->text, len);
	ret_text[len] = '\0';
}

bool
path_within(const struct path *path, const struct path *top)
{
	size_t len = strlen(top->text);

	if (top->depth == 0)
		return true;
	return strncmp(path->text, top->text, len) == 0 &&
	    (path->text[len] == '\0' || path->text[len] == '/');
}
