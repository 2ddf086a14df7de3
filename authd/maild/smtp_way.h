/*
 * Delivery to a mail server: the queue (queue.h) and who empties it (smtp.h).
 */
#ifndef MAILD_SMTP_WAY_H
#define MAILD_SMTP_WAY_H

#include "authd/maild/mailer.h"

/* The functions of struct maild_method. */
int maild_way_open(const struct maild_conf *conf, struct event_base *base,
    const char *dir, void **ret_state, char error[256]);
void maild_way_deliver(void *state, const struct maild_mail *mail,
    void (*done)(int result, void *arg), void *arg);
void maild_way_close(void *state);
int maild_way_test(void *state, const struct maild_mail *mail,
    maild_result_fn *done, void *arg);
const char *maild_way_server(void *state);
struct maild_queue *maild_way_queue(void *state);

#endif
