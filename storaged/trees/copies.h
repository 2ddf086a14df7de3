/* Copies of files and folders that are under way; loop's thread only. */
#ifndef STORAGED_COPIES_H
#define STORAGED_COPIES_H

#include "storaged/storaged.h"

struct copies *copies_new(void);
/* All that are under way end, by the next catalog_flush. */
void copies_stop(struct copies *c);
struct copies *copies_free(struct copies *c);

#endif
