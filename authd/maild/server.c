/* The configuration of the mail server, checked. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "authd/maild/server.h"
#include "common/err.h"
#include "common/fd.h"

#define HOST_MAX     253
#define PASSWORD_MAX 1024
#define TRUSTED_MAX  (8U << 20)

static const struct scheme {
	const char *prefix, *port;
	bool tls_at_once;
} schemes[] = {
    {"smtp://", "587", false},
    {"smtps://", "465", true},
};

__attribute__((format(printf, 2, 3))) static int
wrong(char error[256], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, 256, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* --- smtp_url ---------------------------------------------------------------*/

static bool
host_char(char c, bool bracketed)
{
	if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
	    (c >= 'A' && c <= 'F') || c == '.')
		return true;
	if (bracketed)
		return c == ':';
	return (c >= 'g' && c <= 'z') || (c >= 'G' && c <= 'Z') || c == '-';
}

/* The host at the start of @text, with the brackets of an IPv6 address; its
 * length, 0: there is none. */
static size_t
host_length(const char *text)
{
	bool bracketed = text[0] == '[';
	size_t len = bracketed;

	while (host_char(text[len], bracketed))
		len++;
	if (bracketed)
		return len > 2 && text[len] == ']' ? len + 1 : 0;
	return len <= HOST_MAX && text[0] != '-' && text[0] != '.' ? len : 0;
}

static bool
port_ok(const char *text)
{
	size_t len = strspn(text, "0123456789");
	long port = len > 0 && len <= 5 ? strtol(text, NULL, 10) : 0;

	return text[len] == '\0' && port >= 1 && port <= 65535;
}

/* Does what is sent there stay on this host? */
static bool
is_loopback(const char *host)
{
	static const char *const names[] = {"localhost", "[::1]"};
	size_t i;

	for (i = 0; i < NX_ARRAY_SIZE(names); i++)
		if (strcmp(host, names[i]) == 0)
			return true;
	return strncmp(host, "127.", 4) == 0 &&
	    strspn(host, "0123456789.") == strlen(host);
}

static int
read_url(const struct maild_conf *conf, struct maild_server *s,
    char host[HOST_MAX + 3], char error[256])
{
	const struct scheme *scheme = NULL;
	const char *at = conf->smtp_url;
	size_t i, len;

	for (i = 0; i < NX_ARRAY_SIZE(schemes); i++)
		if (strncmp(at, schemes[i].prefix, strlen(schemes[i].prefix)) ==
		    0)
			scheme = &schemes[i];
	len = scheme ? host_length(at + strlen(scheme->prefix)) : 0;
	if (len == 0 || len > HOST_MAX + 2)
		return wrong(error,
		    "[maild] smtp_url = %.64s is not smtp://HOST:PORT or "
		    "smtps://HOST:PORT",
		    conf->smtp_url);
	at += strlen(scheme->prefix);
	snprintf(host, HOST_MAX + 3, "%.*s", (int)len, at);
	at += len;
	if (*at != '\0' && (*at != ':' || !port_ok(at + 1)))
		return wrong(error,
		    "[maild] smtp_url = %.64s: what follows the host is not a "
		    "colon and a port",
		    conf->smtp_url);
	s->tls_at_once = scheme->tls_at_once;
	snprintf(s->name, sizeof(s->name), "%s%s:%s", scheme->prefix, host,
	    *at ? at + 1 : scheme->port);
	/* Behind the slash libcurl takes the name for EHLO. */
	snprintf(s->url, sizeof(s->url), "%s/%.64s", s->name,
	    strchr(conf->from, '@') + 1);
	return 0;
}

static int
read_tls(const struct maild_conf *conf, struct maild_server *s,
    const char *host, char error[256])
{
	s->tls = strcmp(conf->smtp_tls, "required") == 0;
	if (!s->tls && strcmp(conf->smtp_tls, "none") != 0)
		return wrong(error,
		    "[maild] smtp_tls = %.64s is neither required nor none",
		    conf->smtp_tls);
	if (!s->tls && s->tls_at_once)
		return wrong(
		    error, "[maild] smtp_tls = none does not go with smtps://");
	if (!s->tls && !is_loopback(host))
		return wrong(error,
		    "[maild] smtp_tls = none is for a server on this host "
		    "alone (127.0.0.1, [::1], localhost), not for %.64s",
		    host);
	return 0;
}

/* --- files ------------------------------------------------------------------*/

/* nexus-maild.service hands it over under this name. */
static void
credential_path(char *path, size_t size)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");

	snprintf(path, size, "%s/nexus-smtp-password", dir ? dir : "");
	if (!dir)
		path[0] = '\0';
}

static int
read_secret(const char *path, char **ret_text, char error[256])
{
	nx_cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	int len;

	if (fd < 0 || fstat(fd, &st) < 0)
		return wrong(error,
		    "[maild] smtp_password_file: cannot read %.100s: %s", path,
		    strerror(errno));
	if (!S_ISREG(st.st_mode) || (st.st_mode & 07) != 0)
		return wrong(error,
		    "[maild] smtp_password_file: %.100s must be a file that "
		    "others cannot read (chmod 640, chgrp nexus-mail)",
		    path);
	len = nx_read_file(AT_FDCWD, path, PASSWORD_MAX, ret_text);
	if (len < 0)
		return wrong(error,
		    "[maild] smtp_password_file: cannot read %.100s: %s", path,
		    strerror(-len));
	(*ret_text)[strcspn(*ret_text, "\r\n")] = '\0';
	if ((*ret_text)[0] == '\0')
		return wrong(
		    error, "[maild] smtp_password_file: %.100s is empty", path);
	return 0;
}

static int
read_user(
    const struct maild_conf *conf, struct maild_server *s, char error[256])
{
	const char *user = conf->smtp_user, *c;
	char path[4096];

	snprintf(path, sizeof(path), "%s", conf->smtp_password_file);
	if (user[0] == '\0' && path[0] == '\0')
		return 0; /* a server that wants none */
	if (path[0] == '\0')
		credential_path(path, sizeof(path));
	if (user[0] == '\0' || path[0] == '\0')
		return wrong(error,
		    "[maild] smtp_user and smtp_password_file belong "
		    "together");
	if (!s->tls)
		return wrong(error,
		    "[maild] smtp_user: no password is sent without "
		    "encryption; set smtp_tls = required");
	for (c = user; *c; c++)
		if (*c <= ' ' || *c > '~')
			return wrong(error,
			    "[maild] smtp_user has characters other than "
			    "printable ASCII");
	s->user = user;
	return read_secret(path, &s->password, error);
}

static int
read_trusted(const struct maild_conf *conf, const char *trusted_file,
    struct maild_server *s, char error[256])
{
	const char *path = conf->smtp_ca[0] ? conf->smtp_ca : trusted_file;
	int len;

	if (!s->tls)
		return 0;
	if (!path)
		return wrong(
		    error, "[maild] smtp_ca: name a file of certificates");
	len = nx_read_file(AT_FDCWD, path, TRUSTED_MAX, &s->trusted);
	if (len < 0)
		return wrong(error, "[maild] smtp_ca: cannot read %.100s: %s",
		    path, strerror(-len));
	if (!strstr(s->trusted, "-----BEGIN CERTIFICATE-----"))
		return wrong(error,
		    "[maild] smtp_ca: %.100s holds no certificate (PEM)", path);
	return 0;
}

int
maild_server_read(const struct maild_conf *conf, const char *trusted_file,
    struct maild_server *ret_server, char error[256])
{
	struct maild_server s = {0};
	char host[HOST_MAX + 3];
	int r = read_url(conf, &s, host, error);

	if (r == 0)
		r = read_tls(conf, &s, host, error);
	if (r == 0)
		r = read_user(conf, &s, error);
	if (r == 0)
		r = read_trusted(conf, trusted_file, &s, error);
	if (r < 0)
		maild_server_fini(&s);
	else
		*ret_server = s;
	return r;
}

void
maild_server_fini(struct maild_server *s)
{
	if (s->password)
		explicit_bzero(s->password, strlen(s->password));
	free(s->password);
	free(s->trusted);
	s->password = s->trusted = NULL;
}
