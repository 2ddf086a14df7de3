/*
 * The table of ways to deliver: a new one is a file and a line here.
 */
#include <string.h>

#include "authd/maild/deliver.h"
#include "authd/maild/outbox.h"
#include "common/err.h"

const struct maild_method maild_methods[] = {
    {"outbox", maild_outbox_open, maild_outbox_deliver, maild_outbox_close},
};
const size_t maild_methods_count = NX_ARRAY_SIZE(maild_methods);

const struct maild_method *
maild_method_find(const char *name)
{
	size_t i;

	for (i = 0; i < maild_methods_count; i++)
		if (strcmp(maild_methods[i].name, name) == 0)
			return &maild_methods[i];
	return NULL;
}
