/*
 * The terminal nexusctl was called from, while a command in a node has it: raw,
 * so that every key goes through, and as it was afterwards, whatever happens.
 */
#ifndef NEXUSCTL_TTY_H
#define NEXUSCTL_TTY_H

#include <stdbool.h>
#include <stdint.h>

/* Is standard input a terminal that we may read and set: one whose foreground
 * we are in? */
bool ctl_tty_is_ours(void);
/* Makes it raw, and puts it back when the process ends by exit(3). 0 or
 * -errno. */
int ctl_tty_raw(void);
/* As it was before ctl_tty_raw(); fine at any time. */
void ctl_tty_restore(void);
/* Its size; 0 by 0 where there is none. */
void ctl_tty_size(uint32_t *ret_rows, uint32_t *ret_columns);
/* Gives @fd, the near end of another terminal, the same size. */
void ctl_tty_resize(int fd);

#endif
