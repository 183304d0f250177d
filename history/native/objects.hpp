// Operations that are Python objects already, as columns.
#pragma once

#include <nanobind/nanobind.h>

#include "columns.hpp"

namespace gong {

// Null where an operation does not fit: a number that is no integer of 18 digits, an index that is
// not the position, a value that JSON does not know. `encode` makes JSON of a value.
Columns *columns_of(const nanobind::list &operations, const nanobind::callable &encode,
                    const nanobind::callable &is_over);

}  // namespace gong
