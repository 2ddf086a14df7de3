/*
 * Uploads as browsers and curl -F send them: multipart/form-data with a field
 * `file`, and for the tree a field `path` before or behind it.
 */
#ifndef GW_FORM_H
#define GW_FORM_H

#include "gatewayd/routes/routes.h"

/* @tree: into the user's tree; else a raw file. */
void form_start(struct req *r, bool tree);

#endif
