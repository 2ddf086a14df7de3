/*
 * The outbox: a maildir of files with mode 0600, for hosts without a mail
 * server and for tests. A mail is written to tmp/, fsynced, renamed into new/
 * and new/ fsynced before it counts as delivered; a reader that looks at new/
 * never sees half a mail.
 *
 * It keeps the newest mails only (a stranger can cause mails, and codes are
 * worth nothing after five minutes); what a reader moved to cur/ is theirs.
 */
#ifndef MAILD_OUTBOX_H
#define MAILD_OUTBOX_H

#include "authd/maild/mailer.h"

/* The functions of struct maild_method. */
int maild_outbox_open(const struct maild_conf *conf, struct event_base *base,
    const char *dir, void **ret_state, char error[256]);
void maild_outbox_deliver(void *state, const struct maild_mail *mail,
    void (*done)(int result, void *arg), void *arg);
void maild_outbox_close(void *state);

#endif
