/* The catalogue's outcomes as answers: status and a sentence for people. */
#ifndef STORAGED_REFUSE_H
#define STORAGED_REFUSE_H

#include "common/hub.h"

/* Refuses @r for @result (not 0) of a catalogue operation on @what ("the
 * file", a path). */
void refuse_catalog(struct nx_request *r, int result, const char *what);
/* The same for later: the status, and the sentence into @text. */
Nx__Status
catalog_sentence(int result, const char *what, char *text, size_t size);

#endif
