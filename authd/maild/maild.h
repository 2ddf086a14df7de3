/*
 * The state of maild.
 */
#ifndef MAILD_MAILD_H
#define MAILD_MAILD_H

#include <stdint.h>

#include "authd/maild/deliver.h"
#include "authd/maild/conf.h"
#include "common/hub.h"

struct maild {
	const struct maild_conf *conf;
	const struct maild_method *method;
	void *state;           /* the method's own */
	uint64_t sent, failed; /* calls of authd's */
};

/* Chooses the method and opens it in @dir. 0, or -errno with a sentence. */
int maild_open(
    struct maild *m, struct event_base *base, const char *dir, char error[256]);
void maild_close(struct maild *m);

#endif
