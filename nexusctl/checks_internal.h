/*
 * What the checks share. Each fills in its finding; a finding that nobody made
 * ill is good.
 */
#ifndef NEXUSCTL_CHECKS_INTERNAL_H
#define NEXUSCTL_CHECKS_INTERNAL_H

#include <stdbool.h>

#include "nexusctl/doctor.h"

/* What was seen, and what to do about it. */
void ctl_saw(struct ctl_finding *f, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void ctl_ill(struct ctl_finding *f, enum ctl_health health, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));
/* Is @word among those of the file, between blanks? */
bool ctl_file_has_word(const char *path, const char *word);
/* Where the state is, or will be. */
const char *ctl_state_dir(void);

/* checks_kernel.c: what the kernel can do. */
void ctl_look_kernel(struct ctl_finding *f);
void ctl_look_user_namespaces(struct ctl_finding *f);
void ctl_look_idmapped(struct ctl_finding *f);
void ctl_look_file_systems(struct ctl_finding *f);
void ctl_look_network(struct ctl_finding *f);
void ctl_look_sandbox(struct ctl_finding *f);

/* checks_host.c: what the host has, and how it is set up. */
void ctl_look_cgroups(struct ctl_finding *f);
void ctl_look_loop(struct ctl_finding *f);
void ctl_look_tools(struct ctl_finding *f);
void ctl_look_space(struct ctl_finding *f);
void ctl_look_clock(struct ctl_finding *f);

#endif
