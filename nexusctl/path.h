/*
 * Paths as people type them.
 */
#ifndef NEXUSCTL_PATH_H
#define NEXUSCTL_PATH_H

/* What comes behind the last slash of @path; points into it. */
const char *ctl_last_name(const char *path);
/* Paths in a user's folders begin at the root; nobody has to type it. free() it;
 * NULL: out of memory. */
char *ctl_rooted(const char *path);

#endif
