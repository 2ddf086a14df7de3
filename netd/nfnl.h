/*
 * Netfilter's netlink, as plain as it is: changes in batches that the kernel
 * commits whole or not at all. netd/firewall.c sets the tables up at start, from
 * text; while netd serves no rule is parsed, elements of sets come and go
 * (sets.h), and at the end the tables.
 */
#ifndef NETD_NFNL_H
#define NETD_NFNL_H

#include <stddef.h>
#include <stdint.h>
#include <netlink/msg.h>

/* AF_NETLINK, NETLINK_NETFILTER. The fd or -errno: -EPROTONOSUPPORT when the
 * kernel has none. */
int netd_nfnl_open(void);

/* A message NFT_MSG_* @type for a table of @family (NFPROTO_*). NULL: memory. */
struct nl_msg *netd_nfnl_msg(int type, int flags, uint8_t family);

#define NETD_BATCH_MAX 160
/*
 * Sends @n changes as one batch and waits for the kernel's word, one second at
 * most. Consumes the messages; one that is NULL is -ENOMEM, so that builders
 * need not be checked twice. 0, the first error of a change, or -ETIMEDOUT.
 */
int netd_nfnl_commit(int fd, struct nl_msg **changes, size_t n);

/* Removes table @table of @family (NFPROTO_*). 0, also when there is none. */
int netd_nfnl_delete_table(int fd, uint8_t family, const char *table);

#endif
