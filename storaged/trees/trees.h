/*
 * The door of the trees: what users ask about files, folders and accounts, and
 * what uploads and downloads need of it: how much somebody may still store,
 * how a file is described, and how a refusal of the catalogue is said.
 */
#ifndef STORAGED_TREES_H
#define STORAGED_TREES_H

#include "storaged/trees/about.h"
#include "storaged/trees/condition.h"
#include "storaged/trees/copies.h"
#include "storaged/trees/info.h"
#include "storaged/trees/locks.h"
#include "storaged/trees/purges.h"
#include "storaged/trees/policy.h"
#include "storaged/trees/quota.h"
#include "storaged/trees/refuse.h"
#include "storaged/trees/scan.h"

#endif
