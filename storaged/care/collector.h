/*
 * What removes chunk files: those that deletions have put into the trash, and
 * orphans, which a crash left behind: files the catalogue does not know, older
 * than a grace delay and than every upload under way.
 */
#ifndef STORAGED_COLLECTOR_H
#define STORAGED_COLLECTOR_H

#include "storaged/storaged.h"

struct collector *collector_new(struct storaged *s);
/* Workers must have ended. */
struct collector *collector_free(struct collector *c);

/* There is trash. */
void collector_kick(struct collector *c);
/* Looks for orphans on all volumes, now and every hour after. */
void collector_sweep(struct collector *c);

#endif
