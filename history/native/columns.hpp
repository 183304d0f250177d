// A history as columns: one entry an operation, in file order (by invocation).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "column.hpp"
#include "values.hpp"

namespace gong {

enum class Outcome : std::uint8_t { ok = 0, failed = 1, unknown = 2 };

inline constexpr std::int32_t kNowhere = -1;  // no response, or none that has a rank; no line
inline constexpr std::int64_t kNoNumber = INT64_MIN;  // numbers have 18 digits at most

struct Columns {
    Column<std::int64_t> call_time;
    Column<std::int64_t> return_time;  // kNoNumber where no response came
    // Positions of the two events in the file, from 0; empty for a format without events.
    Column<std::int32_t> call_position;
    Column<std::int32_t> return_position;  // kNowhere after an info, or nothing
    Column<std::uint8_t> outcome;
    Column<Word> process;
    Column<std::uint8_t> f;  // index into `names`
    Column<Word> value;
    Column<Word> output;
    Column<std::int32_t> line;
    SparseColumn<Word> key{kAbsent};
    SparseColumn<Word> session{kNull};
    SparseColumn<std::int64_t> seq{kNoNumber};
    SparseColumn<Word> node{kNull};
    SparseColumn<Word> error{kNull};
    SparseColumn<Word> stamp{kNull};

    Values values;
    std::vector<std::string> names;
    std::int64_t position_count = 0;
    bool has_times = true;
    // Two events bear one time: their order in the file is not that of their ranks.
    bool has_ties = false;
    // The positions are ranks already.
    bool is_ranked = false;

    std::size_t size() const { return call_time.size(); }

    // The number of an operation's name; -1 when there are more than 255.
    int name_number(std::string_view name) {
        for (std::size_t i = 0; i < names.size(); ++i)
            if (names[i] == name) return static_cast<int>(i);
        if (names.size() == 255) return -1;
        names.emplace_back(name);
        return static_cast<int>(names.size() - 1);
    }

    void close() {
        const std::size_t n = size();
        key.close(n), session.close(n), seq.close(n), node.close(n), error.close(n);
        stamp.close(n);
        call_time.shrink(), return_time.shrink(), call_position.shrink(), return_position.shrink();
        outcome.shrink(), process.shrink(), f.shrink(), value.shrink(), output.shrink(), line.shrink();
        values.drop_index();
    }
};

}  // namespace gong
