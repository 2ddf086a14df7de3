/*
 * Ways to deliver a mail; nexus.conf names one ([maild] deliver). A method gets
 * messages that have been checked and composed, and says when one is safe: on
 * disk, or with the next server.
 */
#ifndef MAILD_DELIVER_H
#define MAILD_DELIVER_H

#include <stddef.h>

struct maild_conf;

/* One mail. @text is all of it (RFC 5322) with LF line ends. */
struct maild_mail {
	const char *from, *to;
	const char *text;
	size_t len;
};

struct maild_method {
	const char *name;
	/* Opens what the method needs below @dir. 0 and *ret_state, or -errno
	 * with a sentence in @error. Runs before the sandbox's filter. */
	int (*open)(const struct maild_conf *conf, const char *dir,
	    void **ret_state, char error[256]);
	/* Delivers a copy of @mail; calls @done exactly once, now or later,
	 * with 0 when it is safe or -errno. */
	void (*deliver)(void *state, const struct maild_mail *mail,
	    void (*done)(int result, void *arg), void *arg);
	void (*close)(void *state);
};

extern const struct maild_method maild_methods[];
extern const size_t maild_methods_count;
/* NULL for an unknown name. */
const struct maild_method *maild_method_find(const char *name);

#endif
