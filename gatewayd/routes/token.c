/*
 * Tokens whose users are known: a bounded table, the least recently used entry
 * makes room. What is in it is worth a minute of the user's rights at most, and
 * is wiped when it goes.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sodium.h>

#include "common/err.h"
#include "common/id.h"
#include "gatewayd/routes/token.h"

#define BUCKETS 1024U
#define KEY_LEN 16U

struct entry {
	struct token token; /* first: the rest is private */
	TAILQ_ENTRY(entry) lru;
	struct entry *next; /* in its bucket */
	uint8_t key[KEY_LEN];
	unsigned refs;
};
TAILQ_HEAD(entry_list, entry);

struct tokens {
	struct entry *bucket[BUCKETS];
	struct entry_list lru; /* most recently used first */
	size_t count, max;
	uint8_t secret[crypto_generichash_KEYBYTES];
};

struct tokens *
tokens_new(size_t max)
{
	struct tokens *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	TAILQ_INIT(&t->lru);
	t->max = max;
	randombytes_buf(t->secret, sizeof(t->secret));
	return t;
}

static void
token_key(
    const struct tokens *t, const char *token, size_t len, uint8_t key[KEY_LEN])
{
	crypto_generichash(key, KEY_LEN, (const unsigned char *)token, len,
	    t->secret, sizeof(t->secret));
}

static struct entry **
slot_of(struct tokens *t, const uint8_t key[KEY_LEN])
{
	struct entry **slot;
	uint32_t hash;

	memcpy(&hash, key, sizeof(hash));
	slot = &t->bucket[hash & (BUCKETS - 1)];
	while (*slot && memcmp((*slot)->key, key, KEY_LEN) != 0)
		slot = &(*slot)->next;
	return slot;
}

void
token_unref(struct tokens *t, struct token *token)
{
	struct entry *e = (struct entry *)token;

	(void)t;
	if (!e || --e->refs > 0)
		return;
	sodium_memzero(e, sizeof(*e));
	free(e);
}

static void
unlist(struct tokens *t, struct entry *e)
{
	struct entry **slot = slot_of(t, e->key);

	nx_assert(*slot == e);
	*slot = e->next;
	TAILQ_REMOVE(&t->lru, e, lru);
	t->count--;
	token_unref(t, &e->token);
}

struct token *
tokens_find(struct tokens *t, const char *token, size_t len)
{
	uint8_t key[KEY_LEN];
	struct entry *e;

	token_key(t, token, len, key);
	e = *slot_of(t, key);
	if (!e)
		return NULL;
	if (e->token.valid_until <= nx_now_us()) {
		unlist(t, e);
		return NULL;
	}
	TAILQ_REMOVE(&t->lru, e, lru);
	TAILQ_INSERT_HEAD(&t->lru, e, lru);
	e->refs++;
	return &e->token;
}

static bool
take_ticket(const ProtobufCBinaryData *data, uint8_t ticket[NX_TICKET_MAX])
{
	if (!nx_ticket_whole(data->data, data->len))
		return false;
	memcpy(ticket, data->data, data->len);
	return true;
}

struct token *
tokens_add(struct tokens *t, const char *token, size_t len,
    const Nx__CheckTokenReply *reply)
{
	struct entry *e = reply->user_id ? calloc(1, sizeof(*e)) : NULL;
	struct entry **slot;

	if (!e)
		return NULL;
	token_key(t, token, len, e->key);
	slot = slot_of(t, e->key);
	if (*slot)
		unlist(t, *slot);
	while (t->count >= t->max)
		unlist(t, TAILQ_LAST(&t->lru, entry_list));
	e->token.user_id = reply->user_id;
	strncpy(
	    e->token.username, reply->username, sizeof(e->token.username) - 1);
	e->token.has_storage =
	    take_ticket(&reply->storage_ticket, e->token.storage);
	e->token.has_node = take_ticket(&reply->node_ticket, e->token.node);
	e->token.valid_until = reply->valid_until;
	e->refs = 2; /* the table's and the caller's */
	slot = slot_of(t, e->key);
	*slot = e;
	TAILQ_INSERT_HEAD(&t->lru, e, lru);
	t->count++;
	return &e->token;
}

void
tokens_forget(struct tokens *t, const char *token, size_t len)
{
	uint8_t key[KEY_LEN];
	struct entry *e;

	token_key(t, token, len, key);
	e = *slot_of(t, key);
	if (e)
		unlist(t, e);
}

void
tokens_forget_all(struct tokens *t)
{
	struct entry *e;

	while ((e = TAILQ_FIRST(&t->lru)))
		unlist(t, e);
}

struct tokens *
tokens_free(struct tokens *t)
{
	if (!t)
		return NULL;
	tokens_forget_all(t);
	sodium_memzero(t, sizeof(*t));
	free(t);
	return NULL;
}
