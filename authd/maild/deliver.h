/*
 * The ways to deliver a mail; nexus.conf names one ([maild] deliver).
 */
#ifndef MAILD_DELIVER_H
#define MAILD_DELIVER_H

#include "authd/maild/mailer.h"

extern const struct maild_method maild_methods[];
extern const size_t maild_methods_count;
/* NULL for an unknown name. */
const struct maild_method *maild_method_find(const char *name);

#endif
