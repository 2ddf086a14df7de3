/*
 * The two files an instance is known by: etc/nexus.conf, which is the person's
 * once it is written, and nexus.env, which is there while Nexus is ready.
 */
#ifndef UP_CONFIG_H
#define UP_CONFIG_H

#include <stddef.h>
#include <sys/types.h>

#include "packaging/launcher/up.h"

/* Writes nexus.conf where there is none, then reads it into up->net. Knows the
 * cgroup controllers by then, says so when there are none. */
void up_config(struct up *up);

struct up_pid {
	const char *name;
	pid_t pid;
};
/* Puts nexus.env in place in one step. 0 or -errno. */
int up_env_write(const struct up *up, const struct up_pid *pids, size_t n);
void up_env_remove(const struct up *up);
/* Does nexus.conf, as it is now, let maild send to a mail server? */
bool up_config_mail_sends(void);
/* Where nexusctl on the host finds nexusd. */
void up_socket_path(const struct up *up, char *out, size_t size);

#endif
