/* Between the files of erasure*.c only. */
#ifndef STORAGED_ERASURE_MATRIX_H
#define STORAGED_ERASURE_MATRIX_H

#include "storaged/chunks/erasure.h"

/* What ISA-L wants of each coefficient. */
#define ERASURE_TABLE 32U

/* The tables by which the parity of @e is made of its data. */
void erasure_tables(struct erasure e, uint8_t *ret_tables);
/* The tables by which part @which is made of the @e.data parts @from, sorted,
 * without it. */
void erasure_tables_back(struct erasure e, const unsigned *from, unsigned which,
    uint8_t *ret_tables);

#endif
