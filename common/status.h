/*
 * The one table of statuses: name, HTTP status, exit code of nexusctl.
 * The enum itself is Nx__Status in proto/envelope.proto.
 */
#ifndef NX_STATUS_H
#define NX_STATUS_H

#include "proto/envelope.pb-c.h"

const char *nx_status_name(Nx__Status status);  /* "not-found" */
int nx_status_http(Nx__Status status);          /* 404 */
int nx_status_exit(Nx__Status status);          /* exit codes in nexusctl(1) */
const char *nx_status_title(Nx__Status status); /* "Not found" */
/* The status that fits a negative errno best (-ENOSPC: FULL ...). */
Nx__Status nx_status_of_errno(int error);

#endif
