// Multisets of crashed operations that took effect: interned, so that a configuration holds one
// number, however many crashed classes there are.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "search_problem.hpp"

namespace gong::search {

class UsedSets {
 public:
  using Id = std::uint32_t;
  using Counts = std::vector<std::pair<std::uint32_t, std::uint32_t>>;  // (group, count), sorted

  UsedSets() { intern({}); }

  static constexpr Id EMPTY = 0;

  [[nodiscard]] const Counts& counts(Id id) const { return *sets_[id]; }

  [[nodiscard]] std::uint32_t count(Id id, std::uint32_t group) const {
    for (const auto& [member, count] : *sets_[id])
      if (member == group) return count;
    return 0;
  }

  Id with(Id id, std::uint32_t group) {
    Counts more = *sets_[id];
    auto at = more.begin();
    while (at != more.end() && at->first < group) ++at;
    if (at != more.end() && at->first == group) {
      ++at->second;
    } else {
      more.insert(at, {group, 1});
    }
    return intern(std::move(more));
  }

  // The subset of groups for which `keep(group)` holds.
  template <typename Keep>
  Id filtered(Id id, Keep keep) {
    Counts rest;
    for (const auto& member : *sets_[id])
      if (keep(member.first)) rest.push_back(member);
    return rest.size() == sets_[id]->size() ? id : intern(std::move(rest));
  }

  // Whether `less` has no more of any group than `more`.
  [[nodiscard]] bool within(Id less, Id more) const {
    if (less == more || less == EMPTY) return true;
    const Counts& b = *sets_[more];
    auto at = b.begin();
    for (const auto& [group, count] : *sets_[less]) {
      while (at != b.end() && at->first < group) ++at;
      if (at == b.end() || at->first != group || at->second < count) return false;
    }
    return true;
  }

 private:
  Id intern(Counts counts) {
    const auto [at, is_new] = ids_.emplace(std::move(counts), static_cast<Id>(sets_.size()));
    if (is_new) sets_.push_back(&at->first);  // keys of a std::map stay where they are
    return at->second;
  }

  std::map<Counts, Id> ids_;
  std::vector<const Counts*> sets_;
};

}  // namespace gong::search
