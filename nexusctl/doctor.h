/*
 * What nexusctl doctor looks at: one function per finding, in a table. Reads
 * the host, changes nothing, talks to no daemon.
 */
#ifndef NEXUSCTL_DOCTOR_H
#define NEXUSCTL_DOCTOR_H

#include <stddef.h>

enum ctl_health {
	CTL_GOOD,
	CTL_WARNING, /* something works less well, or only later */
	CTL_BAD,     /* Nexus cannot do without */
};

struct ctl_finding {
	enum ctl_health health;
	char what[160]; /* what was seen */
	char cure[240]; /* what to do; "" when good */
};

struct ctl_check {
	const char *name;
	void (*look)(struct ctl_finding *f);
};

extern const struct ctl_check ctl_checks[];
extern const size_t ctl_checks_count;

#endif
