/*
 * The state of maild, and the configuration it reads.
 */
#ifndef MAILD_MAILD_H
#define MAILD_MAILD_H

#include <stdint.h>

#include "authd/maild/deliver.h"
#include "common/conf.h"
#include "common/hub.h"

struct maild_conf {
	struct nx_conf_common common;
	char *from;    /* the address mails come from */
	char *deliver; /* a name of maild_methods */
	uint64_t keep; /* mails the outbox keeps */
};
extern const struct nx_conf_key maild_conf_keys[];
extern const size_t maild_conf_count;

struct maild {
	const struct maild_conf *conf;
	const struct maild_method *method;
	void *state; /* the method's own */
	uint64_t sent, failed;
};

/* Chooses the method and opens it in @dir. 0, or -errno with a sentence. */
int maild_open(struct maild *m, const char *dir, char error[256]);
void maild_close(struct maild *m);

#endif
