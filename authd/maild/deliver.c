/*
 * The table of ways to deliver: a new one is a file and a line here.
 */
#include <string.h>

#include "authd/maild/deliver.h"
#include "authd/maild/outbox.h"
#include "authd/maild/smtp_way.h"
#include "common/err.h"

const struct maild_method maild_methods[] = {
    {.name = "outbox",
	.open = maild_outbox_open,
	.deliver = maild_outbox_deliver,
	.close = maild_outbox_close},
    {.name = "smtp",
	.open = maild_way_open,
	.deliver = maild_way_deliver,
	.close = maild_way_close,
	.test = maild_way_test,
	.server = maild_way_server,
	.queue = maild_way_queue},
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
