/* The promises of storaged_parity_test.c, with everything encrypted and compressed. */
#define LAB_CODED
#include "storaged_parity_test.c"
