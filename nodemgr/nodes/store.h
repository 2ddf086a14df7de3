/*
 * nodes.db. A row is the whole of what is stored of a node; node_store_save
 * writes it as it is in memory at the moment of the transaction.
 */
#ifndef NODEMGR_STORE_H
#define NODEMGR_STORE_H

#include "nodemgr/nodes/node.h"

int node_store_open(struct nodemgr *m, const char *path);
/* Reads every row into m->nodes. 0 or -errno. */
int node_store_load(struct nodemgr *m);

/* For nx_db_write: @arg is the struct node. */
int node_store_save(struct nx_db *db, void *arg);
int node_store_delete(struct nx_db *db, void *arg);

#endif
