/* registration: the texts in which plugins tell their devices. Internal to this folder; see inventory.h. */
#pragma once
#include "agents/vendors/inventory.h"

/* All fill *ret, whose texts point into text or a. The caller checks ranges and names. */
err registration_list(const vendor *k, str text, arena *a, inventory *ret, fault *f) MUST_CHECK;
err registration_text(const vendor *k, str text, arena *a, inventory *ret, fault *f) MUST_CHECK;
err registration_cards(const vendor *k, str text, arena *a, inventory *ret, fault *f) MUST_CHECK;
err registration_profiles(const vendor *k, str node, str text, arena *a, inventory *ret, fault *f) MUST_CHECK;

/* Writes the detail and returns ERR_BAD_FIELD. */
err registration_refuse(fault *f, const char *key, const char *what);
