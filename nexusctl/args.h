/*
 * The command line. A command is a pattern of literal words and typed holes,
 *
 *	"node create <name> [command...]"	"fs mv <path:FROM> <path:TO>"
 *
 * and one table of commands generates parsing, checking and help. A hole is
 * <type> or <type:LABEL>; [type] may be left out; [type...] takes the rest.
 * Nothing here talks to anyone.
 */
#ifndef NEXUSCTL_ARGS_H
#define NEXUSCTL_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CTL_HOLES   4
#define CTL_OPTIONS 8
#define CTL_ERROR   512

struct ctl;

/* What may stand in a hole. */
struct ctl_type {
	const char *name;
	/* Fills *ret_number where the type has one. False: not such a thing. */
	bool (*check)(const char *text, uint64_t *ret_number);
	const char *what; /* "<text> is not ..." */
};

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

struct ctl_value {
	const char *text;
	uint64_t number;
	bool set; /* given, not a default */
};

struct ctl_args {
	const struct ctl_command *command;
	struct ctl_value holes[CTL_HOLES];
	struct ctl_value options[CTL_OPTIONS];
	struct ctl_value globals[CTL_OPTIONS];
	char **rest;
	size_t n_rest;
	bool help; /* asked for, about words[0..n_words) */
	const char *words[8];
	size_t n_words;
};

extern const struct ctl_command ctl_commands[];
extern const size_t ctl_commands_count;
extern const struct ctl_option ctl_globals[];
extern const size_t ctl_globals_count;

/*
 * Parses argv[1..]. 0, or -EINVAL with a sentence in @error. The result points
 * into @argv. With ret_args->help set, command may be NULL.
 */
int ctl_args_parse(
    int argc, char **argv, struct ctl_args *ret_args, char error[CTL_ERROR]);

/* The value of the hole with this label, or of the option; never NULL. */
const struct ctl_value *ctl_hole(const struct ctl_args *a, const char *label);
const struct ctl_value *ctl_option(const struct ctl_args *a, const char *name);

/* Takes the next piece of a pattern off *at: 'w' a word, '<' a hole, '[' one
 * that may be left out, '.' one for the rest; 0 at the end. */
int ctl_pattern_next(const char **at, char type[32], char label[32]);
const struct ctl_type *ctl_type_find(const char *name);

/* Help for the commands that begin with @words, as much as there is to say. */
void ctl_help(FILE *out, const char *const *words, size_t n_words);

#endif
