/* Conditions of writes, taken from messages; owns nothing. */
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "storaged/trees/condition.h"

const char *
condition_read(const Nx__Condition *m, struct catalog_condition *ret_condition)
{
	struct catalog_condition c = {0};

	if (!m) {
		*ret_condition = c;
		return NULL;
	}
	c.absent = m->absent;
	c.present = m->present;
	if (c.absent && (c.present || m->n_match > 0))
		return "a write cannot need that something is there and that "
		       "nothing is: leave one condition out";
	nx_assert(m->n_match <= CATALOG_MATCHES);
	/* What is longer than any etag is cut, and still matches none. */
	for (size_t i = 0; i < m->n_match; i++)
		(void)snprintf(c.match[c.n_match++].text,
		    sizeof(c.match[0].text), "%s", m->match[i]);
	*ret_condition = c;
	return NULL;
}
