/*
 * SMTP by libcurl, on the loop: a connection for each mail, encrypted or not at
 * all, the certificate always verified (unless the server is on this host and
 * the configuration says so). Names are resolved by threads of libcurl's.
 *
 * libcurl does not look into the addresses it is given: what stands between a
 * stranger's line end and the server is maild_address_valid().
 */
#ifndef MAILD_SMTP_H
#define MAILD_SMTP_H

#include <event2/event.h>

#include "authd/maild/mailer.h"
#include "authd/maild/server.h"

struct maild_smtp;

/* What libraries read from the host they read now: before the filter. Returns
 * the file of the host's trusted certificates, NULL: unknown. */
const char *maild_smtp_prepare(void);

/* Borrows @server. 0 or -errno. */
int maild_smtp_new(struct event_base *base, const struct maild_server *server,
    uint64_t connect_timeout_ms, struct maild_smtp **ret_smtp);
/* Whoever still waits does not hear any more. Returns NULL. */
struct maild_smtp *maild_smtp_free(struct maild_smtp *s);

/* As struct maild_sender wants them; @smtp is a struct maild_smtp. */
int maild_smtp_start(void *smtp, const struct maild_mail *mail,
    uint64_t timeout_ms, maild_result_fn *done, void *arg, void **ret_sending);
void maild_smtp_cancel(void *sending);

#endif
