/* The catalogue's outcomes as answers: status and a sentence for people. */
#ifndef STORAGED_REFUSE_H
#define STORAGED_REFUSE_H

#include "common/hub.h"
#include "storaged/catalog/catalog.h"
#include "storaged/storaged.h"

/* Refuses @r for @result (not 0) of a catalogue operation on @what ("the
 * file", a path). */
void refuse_catalog(struct nx_request *r, int result, const char *what);
/* The same for later: the status, and the sentence into @text. */
Nx__Status
catalog_sentence(int result, const char *what, char *text, size_t size);
/* False: @text is no path; @r was told what one is. */
bool
path_or_refuse(struct nx_request *r, const char *text, struct path *ret_path);
/* Too much of what @user has deleted is not free yet: refuses @r. True: it has
 * been answered. */
bool refuse_waiting(struct nx_request *r, struct storaged *s, uint64_t user);

#endif
