/*
 * What must hold between the catalogue's rows: one line of the table is one
 * invariant. Between the files of catalog_check*.c only.
 *
 * Whoever adds a table that repeats what other rows say, or that refers to
 * others, adds the rules for it to catalog_rules.c.
 */
#ifndef STORAGED_CATALOG_CHECK_H
#define STORAGED_CATALOG_CHECK_H

#include <stddef.h>

#define CHECK_STEPS 3

struct check_rule {
	const char *name;
	/*
	 * On a copy, with what catalog_recount made (schema "t"): the rows that
	 * break it, as (key, sentence, more...). More are up to six integers.
	 */
	const char *find;
	/*
	 * In the catalogue itself, in one transaction: ?1 is the key, ?2 and on
	 * the integers. Each looks for itself whether it is still needed, or
	 * adds a difference, which stays right whatever has changed since. No
	 * step: it cannot be mended from what is here.
	 */
	const char *mend[CHECK_STEPS];
};

/* Before the rules: counts anew what is kept as a sum, into tables of "t". */
extern const char *const catalog_recount[];
extern const size_t catalog_recount_steps;
extern const struct check_rule catalog_rules[];
extern const size_t catalog_rules_count;

#endif
