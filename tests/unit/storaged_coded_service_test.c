/* The promises of storaged_service_test.c, with everything encrypted and compressed. */
#define LAB_CODED
#include "storaged_service_test.c"
