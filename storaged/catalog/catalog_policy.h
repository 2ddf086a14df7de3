/*
 * What a folder wants for files that come into it: whole copies, or parity
 * (catalog_stripe.h). The nearest folder above a path that wants anything
 * counts; the root may too. What is there already stays as it is. Part of
 * catalog.h, for size only: include that.
 */
#ifndef STORAGED_CATALOG_POLICY_H
#define STORAGED_CATALOG_POLICY_H

struct catalog_policy {
	uint32_t code;     /* 0: whole copies, */
	uint32_t replicas; /* so many; both 0: nothing is wanted */
	unsigned depth;    /* of the folder that wants it: so many names */
};
/* For what comes to @path, with @own for what comes into the folder @path too. 0
 * or -errno. */
int catalog_policy(struct catalog *c, uint64_t owner, const struct path *path,
    bool own, struct catalog_policy *ret_policy);

/* CATALOG_NO_PATH, CATALOG_NOT_FOLDER. */
struct catalog_policy_op {
	uint64_t owner;
	struct path path;
	struct catalog_policy policy; /* both 0: as what is above */
	catalog_done *done;
	void *arg;
};
void catalog_policy_set(struct catalog *c, struct catalog_policy_op *op);

#endif
