/*
 * [maild] of nexus.conf; the methods of delivery read it, too, and the launcher,
 * which gives maild a network only where it is to have one.
 */
#ifndef MAILD_CONF_H
#define MAILD_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/conf.h"

struct maild_conf {
	struct nx_conf_common common;
	char *from;    /* the address mails come from */
	char *deliver; /* a name of maild_methods */
	uint64_t keep; /* mails the outbox keeps */

	/* deliver = smtp; what is wrong with them server.h says */
	char *smtp_url, *smtp_tls, *smtp_user, *smtp_password_file, *smtp_ca;
	uint64_t smtp_timeout, smtp_connect_timeout; /* seconds */
	uint64_t smtp_parallel;
	uint64_t queue_keep;             /* mails that may wait */
	uint64_t queue_life;             /* seconds, of a mail without an end */
	uint64_t retry_first, retry_max; /* seconds between tries */
};
extern const struct nx_conf_key maild_conf_keys[];
extern const size_t maild_conf_count;

/* Does this configuration need the network? */
bool maild_conf_network(const struct maild_conf *conf);

#endif
