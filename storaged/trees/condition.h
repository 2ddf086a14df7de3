/* Conditions of writes as messages have them. */
#ifndef STORAGED_CONDITION_H
#define STORAGED_CONDITION_H

#include "proto/storage.pb-c.h"
#include "storaged/catalog/catalog.h"

/* Fills *ret_condition (zeros for NULL) and returns NULL; or a sentence that
 * says what is wrong, and leaves it untouched. */
const char *
condition_read(const Nx__Condition *m, struct catalog_condition *ret_condition);

#endif
