/* makers: the table of each maker, one file each. */
#pragma once
#include "agents/vendors/vendor.h"

#define M(name) extern const vendor_rows name##_rows;
#include "agents/vendors/makers.def"
#undef M
