/* Rules of stripes and of what folders want, in catalog_rules.c's table. */
#ifndef STORAGED_CATALOG_RULES_PARITY_H
#define STORAGED_CATALOG_RULES_PARITY_H

#include "storaged/catalog/catalog_stripe_internal.h"

/* How many parts of parity the stripe of the part of data @c has. */
#define PARITY_OF(c)                                                         \
	"(SELECT count(*) FROM chunks p WHERE p.file = " c ".file"           \
	" AND p.code = " c ".code AND p.idx < -" STRIPE_S(c) " * " STRIPE_M( \
	    c) " AND p.idx >= -(" STRIPE_S(c) " + 1) * " STRIPE_M(c) ")"

/* It is there, or in the history. */
#define FOLDER_KNOWN(f, o)                                                 \
	" EXISTS (SELECT 1 FROM entries e WHERE e.entry = " f              \
	" AND e.owner = " o " AND e.file IS NULL UNION ALL SELECT 1 FROM " \
	"past e WHERE e.entry = " f " AND e.owner = " o " AND e.file IS NULL)"

#define RULES_OF_PARITY                                                                         \
	{"stripe-parity",                                                                       \
	    "SELECT c.chunk, printf('chunk %s is part of a stripe of %d+%d,"                    \
	    " which has %d of parity', c.id, " STRIPE_K("c") ", " STRIPE_M("c") ", " PARITY_OF( \
		"c") "), " PARITY_OF("c") " FROM chunks c WHERE c.code <> 0 "                   \
					  "AND c.idx >= 0"                                      \
					  " AND " PARITY_OF(                                    \
					      "c") " <> " STRIPE_M("c"),                        \
	    {NULL}},                                                                            \
	    {"stripe-volume",                                                                   \
		"SELECT c.chunk, printf('volume %d has %d parts of a stripe,"                   \
		" chunk %s is one', r.volume, count(*), c.id), r.volume"                        \
		" FROM chunks c JOIN replicas r ON r.chunk = c.chunk"                           \
		" WHERE c.code <> 0 GROUP BY c.file, " STRIPE_S(                                \
		    "c") ", r.volume HAVING count(*) > 1",                                      \
		{NULL}},                                                                        \
	{                                                                                       \
		"policy-folder",                                                                \
		    "SELECT p.folder, printf('a policy of user %d is of"                        \
		    " folder %d, which is not there', p.owner, p.folder),"                      \
		    " p.owner FROM policies p WHERE p.folder <> 0 AND "                         \
		    "NOT" FOLDER_KNOWN("p.folder", "p.owner"),                                  \
		{                                                                               \
			"DELETE FROM policies WHERE folder = ?1 AND"                            \
			" owner = ?2 AND NOT" FOLDER_KNOWN("?1", "?2")                          \
		}                                                                               \
	}

#endif
