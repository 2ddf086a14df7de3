/*
 * Identifiers and names.
 */
#ifndef NX_ID_H
#define NX_ID_H

#include <stdbool.h>
#include <stdint.h>

#define NX_ID_LEN 32 /* 128 random bits as lower-case hexadecimal digits */

/* A new random id with its NUL. */
void nx_id_new(char ret_id[NX_ID_LEN + 1]);
/* Exactly 32 lower-case hexadecimal digits. */
bool nx_id_valid(const char *id);
/* 4..32 lower-case hexadecimal digits: may be a prefix of an id. */
bool nx_id_prefix_valid(const char *prefix);
/* [a-z0-9][a-z0-9-]{0,62} */
bool nx_name_valid(const char *name);

/*
 * "500M", "1G", "16MiB", "1048576": powers of 1024, suffixes K M G T with an
 * optional iB or B. Returns 0, or -EINVAL / -ERANGE with *ret_bytes untouched.
 */
int nx_size_parse(const char *text, uint64_t *ret_bytes);
/* "1.5 GiB" into one of 4 rotating static buffers. */
const char *nx_size_format(uint64_t bytes);

/* CLOCK_MONOTONIC and CLOCK_REALTIME in microseconds. */
uint64_t nx_now_us(void);
uint64_t nx_wall_us(void);

#endif
