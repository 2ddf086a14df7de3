/*
 * Between the files of the connection layer: life (conn.c), buffers
 * (conn_io.c), the list of all and its clock (conns.c).
 */
#ifndef GW_CONN_INTERNAL_H
#define GW_CONN_INTERNAL_H

#include "gatewayd/http/conn.h"

/* Sends what is kept in c->out; false when the connection is dead. */
bool conn_flush(struct conn *c);
void conn_in_free(struct conn *c);
void conn_out_free(struct conn *c);
/* Bytes of replies kept for all clients that read slowly: who asks for a
 * function's whole output many times and takes none of it is cut. */
#define CONN_KEPT_MAX (64U << 20)
/* The client has @seconds for what it is about. */
void conn_deadline(struct conn *c, uint64_t seconds);

void conns_add(struct conns *conns, struct conn *c);
/* Off the list; freed when the loop comes round. */
void conns_remove(struct conns *conns, struct conn *c);

#endif
