/* The promises of storaged_parity_care_test.c, encrypted and compressed. */
#define LAB_CODED
#include "storaged_parity_care_test.c"
