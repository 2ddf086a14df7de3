/*
 * The mail server that [maild] names: read and checked once, at the start, while
 * files of the host are still there to be read. What is not safe (a password
 * without encryption, no encryption to another host) is refused, not warned of.
 */
#ifndef MAILD_SERVER_H
#define MAILD_SERVER_H

#include <stdbool.h>

#include "authd/maild/conf.h"

struct maild_server {
	char url[384];  /* for libcurl: with the name this host says it has */
	char name[300]; /* for people: smtp://host:port */
	bool tls, tls_at_once;
	const char *user; /* NULL: it wants none; of the configuration */
	char *password;
	char *trusted; /* certificates that are, PEM; NULL without tls */
};

/* 0, or -EINVAL / -errno with a sentence in @error. @trusted_file: where the
 * host keeps the certificates of authorities, for who names none. */
int maild_server_read(const struct maild_conf *conf, const char *trusted_file,
    struct maild_server *ret_server, char error[256]);
void maild_server_fini(struct maild_server *server);

#endif
