/*
 * Paths and names as users send them: the one place that decides what is
 * accepted. Trusts nothing it is given; owns nothing.
 *
 * A path is absolute ("/a/b"; "a/b" of old clients means the same), UTF-8,
 * compared byte by byte. Empty components and "." are dropped; "..", control
 * characters and everything beyond the limits below are refused.
 */
#ifndef STORAGED_PATH_H
#define STORAGED_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATH_BYTES_MAX 4096U
#define PATH_NAME_MAX  255U
#define PATH_DEPTH_MAX 64U

struct path {
	unsigned depth;                 /* 0: the root */
	uint16_t start[PATH_DEPTH_MAX]; /* of each name, in @names */
	char text[PATH_BYTES_MAX + 2];  /* "/a/b", "/" for the root */
	char names[PATH_BYTES_MAX + 2]; /* "a\0b\0" */
};

/* Fills *ret_path and returns NULL, or returns a sentence that says what is
 * wrong and leaves *ret_path undefined. */
const char *path_parse(const char *text, size_t len, struct path *ret_path);
/* The same rules for the name of a raw file: NULL, or a sentence. */
const char *path_check_name(const char *name, size_t len);

/* The @i-th name, from 0; the last one. */
const char *path_name(const struct path *path, unsigned i);
const char *path_last(const struct path *path);
/* The first @depth of its names, as a path. */
void path_upto(
    const struct path *path, unsigned depth, char ret_text[PATH_BYTES_MAX + 2]);
/* Is @path equal to or below @top? */
bool path_within(const struct path *path, const struct path *top);

#endif
