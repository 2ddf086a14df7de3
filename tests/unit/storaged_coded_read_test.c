/* The promises of storaged_read_test.c, with everything encrypted and compressed. */
#define LAB_CODED
#include "storaged_read_test.c"
