/*
 * Mails that wait, on disk: a file of mode 0600 each in queue/, named by its id.
 * One that has its name is whole and on disk; what was not finished is called
 * something else, and goes at the next start.
 *
 * A code that waits is there in clear text. It is worthless when it expires,
 * and its file is removed then.
 */
#ifndef MAILD_SPOOL_H
#define MAILD_SPOOL_H

#include "authd/maild/address.h"
#include "authd/maild/mailer.h"
#include "authd/maild/message.h"
#include "common/id.h"

struct maild_spool {
	int dir;
};

/* What a file says in front of the message. */
struct maild_spooled {
	char to[MAILD_ADDRESS_MAX + 1];
	char subject[MAILD_SUBJECT_MAX + 1];
	uint64_t created_at, expires_at; /* unix seconds */
};

/* Makes queue/ below @dir where it is missing. 0 or -errno. */
int maild_spool_open(struct maild_spool *s, const char *dir);
void maild_spool_close(struct maild_spool *s);

/* 0 when the mail is on disk under @ret_id; else -errno, and nothing is left. */
int maild_spool_add(struct maild_spool *s, const struct maild_mail *mail,
    uint64_t created_at, char ret_id[NX_ID_LEN + 1]);
/* The file of @id: what it says, and the message (free() it) with its length.
 * -EBADMSG: not one of ours. */
int maild_spool_read(struct maild_spool *s, const char *id,
    struct maild_spooled *ret_head, char **ret_text, size_t *ret_len);
/* Durable when it returns 0; -ENOENT is that, too. */
int maild_spool_remove(struct maild_spool *s, const char *id);
/* Calls @each with the ids there are until it returns not 0. 0 or what it
 * returned or -errno. */
int maild_spool_walk(
    struct maild_spool *s, int (*each)(const char *id, void *arg), void *arg);

#endif
