/*
 * The door of what looks after stored chunks: removing what nobody refers to
 * (collector.h), making replicas whole and emptying volumes (healer.h),
 * reading all of them in the background (scrub.h),
 * proving volumes that became suspect (proof.h),
 * checking the catalogue itself (check.h),
 * giving up history in time (historian.h),
 * and the reserve that lets a full disk
 * delete (reserve.h). It knows volumes and
 * the catalogue; uploads and volumes do not know it, they are asked and tell
 * through what they were given at start.
 */
#ifndef STORAGED_CARE_H
#define STORAGED_CARE_H

#include "storaged/care/check.h"
#include "storaged/care/collector.h"
#include "storaged/care/compact.h"
#include "storaged/care/healer.h"
#include "storaged/care/historian.h"
#include "storaged/care/proof.h"
#include "storaged/care/reserve.h"
#include "storaged/care/scrub.h"

#endif
