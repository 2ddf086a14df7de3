/*
 * Who a bearer token speaks for: authd's answers, kept until they lapse, so that
 * it is not asked on every request. Kept under a keyed hash; the tokens
 * themselves are not.
 */
#ifndef GW_TOKEN_H
#define GW_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ticket.h"
#include "proto/auth.pb-c.h"

#define TOKEN_MAX 2048U /* bytes */

struct tokens;

struct token {
	uint64_t user_id;
	char username[65];
	uint64_t valid_until;       /* CLOCK_MONOTONIC us: the tickets lapse */
	bool has_storage, has_node; /* authd had that daemon's key */
	uint8_t storage[NX_TICKET_MAX];
	uint8_t node[NX_TICKET_MAX];
};

struct tokens *tokens_new(size_t max);
struct tokens *tokens_free(struct tokens *t);

/* A reference to what is known and still valid, or NULL. */
struct token *tokens_find(struct tokens *t, const char *token, size_t len);
/* Remembers authd's answer and returns a reference; NULL: out of memory, or an
 * answer that is none. */
struct token *tokens_add(struct tokens *t, const char *token, size_t len,
    const Nx__CheckTokenReply *reply);
/* It shall not be found again. */
void tokens_forget(struct tokens *t, const char *token, size_t len);
/* Nothing shall be found again: tickets of old keys are worthless. */
void tokens_forget_all(struct tokens *t);
void token_unref(struct tokens *t, struct token *token); /* NULL is fine */

#endif
