/*
 * Who holds how much of what is bounded for all: connections, places for
 * uploads, bytes of replies that nobody has taken yet. Holders are client
 * addresses and users, each family with an account of its own, so that neither
 * one user with many addresses nor one address with many users takes all.
 */
#ifndef GW_SHARES_H
#define GW_SHARES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum share_kind {
	SHARE_CONNECTIONS,
	SHARE_UPLOADS,  /* places */
	SHARE_KEPT,     /* bytes */
	SHARE_GATHERED, /* bytes of small uploads */
	SHARE_STREAMS,  /* who waits for events */
	SHARE_BODIES,   /* bytes of long JSON */
	SHARE_KINDS
};

enum share_family { SHARE_V4, SHARE_V6, SHARE_USER, SHARE_FAMILIES };

/* A holder. Nothing is kept of one that holds nothing and has no reference. */
struct share {
	struct share *next; /* in its bucket */
	uint64_t key;
	enum share_family family;
	unsigned refs;
	uint64_t held[SHARE_KINDS];
};

struct shares;

struct shares *shares_new(void);
/* Everything must have been given back. Returns NULL. */
struct shares *shares_free(struct shares *s);
/* A reference to the holder @key of @family; NULL: out of memory. */
struct share *
shares_get(struct shares *s, enum share_family family, uint64_t key);
/* Gives a reference back; NULL is fine. */
void shares_put(struct shares *s, struct share *h);

/* @n more or less of @kind; NULL holds without account. */
void
share_take(struct shares *s, struct share *h, enum share_kind kind, uint64_t n);
void
share_give(struct shares *s, struct share *h, enum share_kind kind, uint64_t n);
/*
 * May @h have one more of @kind, of which there are @all? As long as it holds
 * fewer than are free: one alone gets half, two get a third each, and however
 * many there are, something is left for the next. NULL: yes.
 */
bool share_is_fair(const struct shares *s, const struct share *h,
    enum share_kind kind, uint64_t all);

#endif
