/*
 * Sentences people read, in the form of the place where they are read.
 *
 * Whoever refuses (nx_refuse) writes one that can stand anywhere: it says what is
 * wrong and what to do, it begins with a word of its own, small unless that has
 * to be a capital, and not with a name of somebody's, which stands in quotes or
 * behind a word. The two edges to people make of it what is shown there: gatewayd
 * in the member `error` of a JSON answer, nexusctl behind its own name. Only they
 * call these.
 */
#ifndef NX_SENTENCE_H
#define NX_SENTENCE_H

#include <stddef.h>

/*
 * A sentence that stands alone: "You have 32 nodes: delete one first." Its first
 * word gets a capital and its end a full stop. What is no plain word (a number, a
 * path, something in quotes, an identifier with digits or '_') stays as it is.
 * Cut between characters when @size is too small. Returns @buf.
 */
char *nx_sentence_alone(const char *text, char *buf, size_t size);

/*
 * The same behind "nexusctl: ": "you have 32 nodes: delete one first". Its first
 * word is small, unless that is an abbreviation (MD5), and there is no full stop,
 * unless there is more than one sentence.
 */
char *nx_sentence_behind(const char *text, char *buf, size_t size);

#endif
