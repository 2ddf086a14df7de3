/*
 * PUT: the request's body is the file. With a Content-Length it goes from the
 * socket into storaged's pipe with splice(2) and never comes by here.
 */
#ifndef GW_PUT_H
#define GW_PUT_H

#include "gatewayd/routes/routes.h"

/* A raw file @name, or the file at @path of the user's tree. */
void put_start(struct req *r, const char *name, const char *path);

#endif
