/*
 * How things are, in a line a part and a line for each thing that wants somebody
 * to look: the first of what `nexusctl status` says. Templates name fields of a
 * message in braces:
 *
 *	{NAME}		text, or a number
 *	{NAME size}	bytes, as people say them; so time, lasts, yes
 *	{NAME one|more}	a number and the word for it: "1 file", "3 files"
 */
#ifndef NEXUSCTL_SUMMARY_H
#define NEXUSCTL_SUMMARY_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

#define CTL_SUMMARY 640 /* bytes of a line, at most */

/* Said when @field is not 0, not empty and not false; with @unless, only when
 * that one is. */
struct ctl_finding {
	const char *field, *says;
	const char *unless;
};

/* Whether @f is to be said of @m. */
bool ctl_is_found(const ProtobufCMessage *m, const struct ctl_finding *f);
/* @template with the fields of @m, without anything a terminal would obey, into
 * @line; cut where it does not fit. */
void ctl_summarize(
    const ProtobufCMessage *m, const char *template, char line[CTL_SUMMARY]);

#endif
