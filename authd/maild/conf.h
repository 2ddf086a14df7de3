/*
 * [maild] of nexus.conf; the methods of delivery read it, too.
 */
#ifndef MAILD_CONF_H
#define MAILD_CONF_H

#include <stddef.h>
#include <stdint.h>

#include "common/conf.h"

struct maild_conf {
	struct nx_conf_common common;
	char *from;    /* the address mails come from */
	char *deliver; /* a name of maild_methods */
	uint64_t keep; /* mails the outbox keeps */
};
extern const struct nx_conf_key maild_conf_keys[];
extern const size_t maild_conf_count;

#endif
