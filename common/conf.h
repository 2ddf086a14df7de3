/*
 * nexus.conf: one INI file (inih), a section per daemon, every key optional.
 * A daemon describes its keys in a table; unknown keys in its own section and
 * in [nexus] are errors, other daemons' sections are skipped.
 */
#ifndef NX_CONF_H
#define NX_CONF_H

#include <stddef.h>
#include <stdint.h>

#define NX_CONF_FILE "/etc/nexus/nexus.conf"

enum nx_conf_type {
	NX_CONF_STRING, /* char * (strdup'ed; default too) */
	NX_CONF_UINT,   /* uint64_t within min..max */
	NX_CONF_SIZE,   /* uint64_t bytes, "500M" */
	NX_CONF_BOOL,   /* bool: yes/no/true/false/on/off */
};

struct nx_conf_key {
	const char *section, *name;
	enum nx_conf_type type;
	size_t offset;     /* into the configuration struct */
	const char *value; /* the default, as it would be written */
	uint64_t min, max; /* UINT and SIZE; 0,0: any */
};

/* What every program needs; embed it as the first member, or use it alone. */
struct nx_conf_common {
	char *state_dir; /* [nexus] state_dir = /var/lib/nexus */
	char *run_dir;   /* [nexus] run_dir = /run/nexus */
	char *subnet;    /* [nexus] subnet = 10.0.42.1/24: bridge's address */
};
extern const struct nx_conf_key nx_conf_common_keys[];
extern const size_t nx_conf_common_count;

/*
 * Fills @conf with defaults, then with what @path says (a missing file is the
 * defaults when @path is NX_CONF_FILE, else an error). Sections: [nexus] and
 * @section. Returns 0, or -EINVAL / -errno with a sentence in @error (of 256
 * bytes) that names file and line.
 */
int nx_conf_load(const char *path, const char *section, void *conf,
    const struct nx_conf_key *keys, size_t n_keys, char error[256]);

#endif
