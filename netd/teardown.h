/*
 * Taking the network away again: netd at its end where `teardown = yes`, and
 * the launcher in case netd could not.
 */
#ifndef NETD_TEARDOWN_H
#define NETD_TEARDOWN_H

/*
 * Removes the bridge @name, the nodes' links on it and the firewall table of
 * the same name, all of them only if Nexus made them. 0, also when there is
 * nothing; else -errno and a sentence in @error.
 */
int netd_teardown(const char *name, char error[256]);
/* The same for somebody who is not netd: -EADDRINUSE when one is at work. */
int netd_teardown_unused(const char *name, char error[256]);

#endif
