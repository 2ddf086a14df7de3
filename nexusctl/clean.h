/*
 * Text of others on a person's terminal. Names, states, sentences and logs come
 * from users and their programs; a terminal obeys what it is sent. Whatever is
 * not a character to look at is shown as what it is: \x1b, \u009b.
 */
#ifndef NEXUSCTL_CLEAN_H
#define NEXUSCTL_CLEAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * Writes @len bytes of @text to @out: control characters, bytes that are no
 * UTF-8, and the characters that turn the direction of writing are escaped; line
 * feeds and tabs are not where @lines. What is cut at the end of @text is
 * escaped too.
 */
void ctl_clean(FILE *out, const char *text, size_t len, bool lines);
/* The same into @buf, cut between characters; returns @buf. */
char *ctl_clean_text(const char *text, char *buf, size_t size);
/* printf for sentences that may carry such text. */
void
ctl_say(FILE *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
