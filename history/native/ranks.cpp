#include "ranks.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>

namespace gong {

namespace {

constexpr int kDigitBits = 11;  // a table of 2048 counts fits the first cache

// Operations by a time of theirs, in file order where it is equal. `times` and `order` go together.
void sort_by_time(Column<std::uint64_t> &times, Column<std::int32_t> &order) {
    const std::size_t n = times.size();
    if (std::is_sorted(times.data(), times.data() + n)) return;
    const std::uint64_t most = *std::max_element(times.data(), times.data() + n);
    const int bits = 64 - std::countl_zero(most);
    Column<std::uint64_t> other_times;
    Column<std::int32_t> other_order;
    other_times.resize(n, 0);
    other_order.resize(n, 0);
    for (int shift = 0; shift < bits; shift += kDigitBits) {
        constexpr std::uint64_t mask = (1U << kDigitBits) - 1;
        std::array<std::size_t, mask + 1> begin{};
        for (std::size_t i = 0; i < n; ++i) ++begin[(times[i] >> shift) & mask];
        std::size_t sum = 0;
        for (std::size_t &count : begin) sum += std::exchange(count, sum);
        for (std::size_t i = 0; i < n; ++i) {
            const std::size_t to = begin[(times[i] >> shift) & mask]++;
            other_times[to] = times[i];
            other_order[to] = order[i];
        }
        std::swap(times, other_times);
        std::swap(order, other_order);
    }
}

}  // namespace

Ranks ranks_of_events(const Columns &columns) {
    const std::size_t n = columns.size();
    if (columns.is_ranked) {
        Ranks same;
        same.call.append(columns.call_position.data(), n);
        same.return_.append(columns.return_position.data(), n);
        return same;
    }
    Column<std::int32_t> at;  // position -> 2 * operation + (1 for the return)
    at.resize(static_cast<std::size_t>(columns.position_count), kNowhere);
    for (std::size_t i = 0; i < n; ++i) {
        const auto number = static_cast<std::int32_t>(2 * i);
        at[static_cast<std::size_t>(columns.call_position[i])] = number;
        if (columns.return_position[i] != kNowhere)
            at[static_cast<std::size_t>(columns.return_position[i])] = number + 1;
    }
    Ranks ranks;
    ranks.call.resize(n, kNowhere);
    ranks.return_.resize(n, kNowhere);
    std::int32_t rank = 0;
    Column<std::int32_t> returned;  // at the present time; they are ranked when it moves on
    std::int64_t time = kNoNumber;
    const auto rank_returned = [&] {
        for (std::size_t k = 0; k < returned.size(); ++k)
            ranks.return_[static_cast<std::size_t>(returned[k])] = rank++;
        returned.resize(0, 0);
    };
    for (std::size_t position = 0; position < at.size(); ++position) {
        if (at[position] == kNowhere) continue;
        const auto i = static_cast<std::size_t>(at[position] / 2);
        const bool is_return = (at[position] & 1) != 0;
        const std::int64_t now = is_return ? columns.return_time[i] : columns.call_time[i];
        if (now != time) rank_returned();
        time = now;
        if (is_return)
            returned.push(static_cast<std::int32_t>(i));
        else
            ranks.call[i] = rank++;
    }
    rank_returned();
    return ranks;
}

Ranks ranks_of_operations(const Columns &columns) {
    const std::size_t n = columns.size();
    Ranks ranks;
    if (n == 0) return ranks;
    const std::int64_t *calls = columns.call_time.data();
    const std::int64_t first = *std::min_element(calls, calls + n);
    const auto since = [first](std::int64_t time) {
        return static_cast<std::uint64_t>(time) - static_cast<std::uint64_t>(first);
    };
    Column<std::uint64_t> call_times, return_times;
    Column<std::int32_t> called, returned;
    call_times.resize(n, 0);
    called.resize(n, 0);
    for (std::size_t i = 0; i < n; ++i) {
        call_times[i] = since(calls[i]);
        called[i] = static_cast<std::int32_t>(i);
        if (columns.return_time[i] == kNoNumber) continue;
        return_times.push(since(columns.return_time[i]));
        returned.push(static_cast<std::int32_t>(i));
    }
    sort_by_time(call_times, called);
    sort_by_time(return_times, returned);
    ranks.call.resize(n, kNowhere);
    ranks.return_.resize(n, kNowhere);
    std::int32_t rank = 0;
    std::size_t c = 0, r = 0;
    while (c < n || r < returned.size()) {
        if (r == returned.size() || (c < n && call_times[c] <= return_times[r]))
            ranks.call[static_cast<std::size_t>(called[c++])] = rank++;
        else
            ranks.return_[static_cast<std::size_t>(returned[r++])] = rank++;
    }
    return ranks;
}

}  // namespace gong
