// Times to ranks: distinct numbers over all calls and returns, calls first where times are equal.
#pragma once

#include "columns.hpp"

namespace gong {

struct Ranks {
    Column<std::int32_t> call;
    Column<std::int32_t> return_;  // kNowhere without one
};

// For a file of events: nearly the positions, without the holes that annotations and infos leave.
Ranks ranks_of_events(const Columns &columns);

// For finished operations in any order: sorts, in linear time.
Ranks ranks_of_operations(const Columns &columns);

}  // namespace gong
