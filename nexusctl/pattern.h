/*
 * The table of commands. A command is a pattern of literal words and typed holes,
 *
 *	"node create <name> [command...]"	"fs mv <path:FROM> <path:TO>"
 *
 * and from the one table come parsing, checking and help. A hole is <type> or
 * <type:LABEL>; [type] may be left out; [type...] takes the rest.
 */
#ifndef NEXUSCTL_PATTERN_H
#define NEXUSCTL_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ctl;

/* What may stand in a hole. */
struct ctl_type {
	const char *name;
	/* Fills *ret_number where the type has one. False: not such a thing. */
	bool (*check)(const char *text, uint64_t *ret_number);
	const char *what; /* "<text> is not ..." */
};

/* moment.c. "90", "30m", "12h" or "7d". False: it is none. */
bool ctl_lasts_parse(const char *text, uint64_t *ret_seconds);
/* Seconds since 1970 of "2030-12-31", "2030-12-31 18:00", with seconds too, in the
 * local time zone, of "+90d" or "-12h" from now, or as they are. */
bool ctl_moment_parse(const char *text, uint64_t *ret_seconds);

struct ctl_option {
	const char *name;  /* without the dashes */
	char letter;       /* or 0 */
	const char *hole;  /* "<mb>"; NULL: a flag */
	const char *value; /* the default; NULL: unset */
	const char *brief;
};

struct ctl_command {
	const char *pattern;
	const char *brief;
	const char *help; /* what else is worth knowing; NULL */
	const struct ctl_option *options;
	size_t n_options;
	uint32_t roles; /* NX_ROLE_BITs this command talks to */
	int (*run)(struct ctl *c);
};

struct ctl_command_set {
	const struct ctl_command *rows;
	size_t n;
};
extern const struct ctl_command_set ctl_use_commands, ctl_auth_commands,
    ctl_mail_commands, ctl_system_commands;
/* All of them, in the order of help; NULL behind the last. */
const struct ctl_command *ctl_command_at(size_t i);
extern const struct ctl_option ctl_globals[];
extern const size_t ctl_globals_count;

/* Takes the next piece of a pattern off *at: 'w' a word, '<' a hole, '[' one
 * that may be left out, '.' one for the rest; 0 at the end. */
int ctl_pattern_next(const char **at, char type[32], char label[32]);
const struct ctl_type *ctl_type_find(const char *name);

/* The command all of whose literal words @words begins with, the longest; NULL.
 * *ret_used: how many they are. */
const struct ctl_command *
ctl_command_find(const char *const *words, size_t n_words, size_t *ret_used);
/* Is there a command that goes on after these words? */
bool ctl_command_begins(const char *const *words, size_t n_words);
/* The option of this name of @len characters, or of this letter; NULL. */
const struct ctl_option *ctl_option_named(
    const struct ctl_option *options, size_t n, const char *name, size_t len);

#endif
