/* The promises of storaged_parity_rebuild_test.c, with copies that are sealed. */
#define LAB_CODED
#include "storaged_parity_rebuild_test.c"
