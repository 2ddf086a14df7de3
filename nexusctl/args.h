/*
 * The command line: which command it is (pattern.h), what stands in its holes,
 * which options were given. Nothing here talks to anyone.
 */
#ifndef NEXUSCTL_ARGS_H
#define NEXUSCTL_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "nexusctl/pattern.h"

#define CTL_HOLES   4
#define CTL_OPTIONS 8
#define CTL_ERROR   512

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

/*
 * Parses argv[1..]. 0, or -EINVAL with a sentence in @error. The result points
 * into @argv. With ret_args->help set, command may be NULL.
 */
int ctl_args_parse(
    int argc, char **argv, struct ctl_args *ret_args, char error[CTL_ERROR]);

/* The value of the hole with this label, or of the option; never NULL. */
const struct ctl_value *ctl_hole(const struct ctl_args *a, const char *label);
const struct ctl_value *ctl_option(const struct ctl_args *a, const char *name);
/* Of the globals alone: a command may have an option of the same name. */
const struct ctl_value *ctl_global(const struct ctl_args *a, const char *name);

/* Help for the commands that begin with @words, as much as there is to say. */
void ctl_help(FILE *out, const char *const *words, size_t n_words);

#endif
