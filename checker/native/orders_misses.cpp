// What must come before what on account of an operation that did *not* find a value: a *miss*. A
// compare-and-set that found another value than the expected one is one.
//
// Where the value was made once only, it was there for one stretch of time: from its maker to who
// destroyed it, with all who found it between. A miss stands before it or behind it.
#include <algorithm>

#include "orders_clocks.hpp"

namespace gong::orders {

bool Clocks::look_at_miss(Op miss) {
  bool is_only = false;
  const Op maker = maker_missed(miss, is_only);
  if (!is_only) return true;
  const bool is_initial = maker == NONE;
  const bool is_behind = is_initial || before(miss, problem_.chain_of[maker]) > problem_.place_of[maker];
  for (const auto& [chain, places] : problem_.uses[problem_.missed(miss)].needers) {
    const Op last = at(chain, places.back());
    const bool is_later = before(last, problem_.chain_of[miss]) > problem_.place_of[miss];
    if (is_later && !is_initial && !add(miss, maker, Why::missed, last)) return false;
    if (is_behind && !add(last, miss, Why::gone, maker)) return false;
  }
  if (!problem_.is_certain[problem_.in.parts[miss]]) return true;
  if (is_behind) {
    if (is_apart(miss, maker)) return true;
    if (find_room(miss, maker, NONE)) return bound_by_room(miss, maker);
  } else if (find_room(miss, maker, 1)) {
    return true;
  }
  if (!is_initial) return add(miss, maker, Why::missed);
  without_source_ = miss;
  return false;
}

// Whether somebody is known to stand between the maker and the miss who destroys what was made.
bool Clocks::is_apart(Op miss, Op maker) const {
  for (const auto& [chain, places] : problem_.destroyers[problem_.in.parts[miss]]) {
    const auto first = std::partition_point(places.begin(), places.end(), [&, c = chain](Place one) {
      return maker != NONE && (at(c, one) == maker || before(at(c, one), problem_.chain_of[maker]) <=
                                                          problem_.place_of[maker]);
    });
    if (first != places.end() && before(miss, chain) > *first) return true;
  }
  return false;
}

// The only one who can have made the value that the miss did not find; the initial one was made by
// NONE.
Op Clocks::maker_missed(Op miss, bool& is_only) const {
  const Value missed = problem_.missed(miss);
  const Uses& uses = problem_.uses[missed];
  const bool is_initial = missed == problem_.first_value[problem_.in.parts[miss]];
  std::size_t makers = is_initial ? 1 : 0;
  for (const auto& [chain, places] : uses.makers) makers += places.size();
  is_only = makers == 1 && uses.optional_makers.empty();
  return is_only && !is_initial ? at(uses.makers[0].chain, uses.makers[0].places[0]) : NONE;
}

// Those who can have destroyed what the maker made (none: what was there at first), before the
// miss; no more of them than that. False: there is nobody.
bool Clocks::find_room(Op miss, Op maker, std::size_t at_most) {
  room_.clear();
  const Value missed = problem_.missed(miss);
  const Chain own = problem_.chain_of[miss];
  const Place end = problem_.place_of[miss];
  for (const auto& [chain, places] : problem_.destroyers[problem_.in.parts[miss]])
    for (auto next = first_from(places, maker == NONE ? 0 : before(maker, chain)); next < places.size();
         ++next) {
      const Op destroyer = at(chain, places[next]);
      if (chain == own ? places[next] >= end : before(destroyer, own) > end) break;
      if (destroyer == maker || problem_.made(destroyer) == missed) continue;
      room_.push_back(destroyer);
      if (room_.size() == at_most) return true;
    }
  return !room_.empty();
}

// The miss comes after the maker, and so after somebody who destroyed it.
bool Clocks::bound_by_room(Op miss, Op maker) {
  if (room_.size() == 1) {
    if (maker != NONE && !add(maker, room_[0], Why::only_then, miss)) return false;
    return add(room_[0], miss, Why::destroyed, maker);
  }
  for (Chain chain = 0; chain < width_; ++chain) {
    Place bound = NONE;
    for (const Op one : room_)
      bound = std::min(bound, problem_.chain_of[one] == chain ? problem_.place_of[one] + 1
                                                              : before(one, chain));
    if (bound > before(miss, chain) && !add(at(chain, bound - 1), miss, Why::cleared, maker))
      return false;
  }
  return true;
}

std::vector<Room> Clocks::rooms(const Poll& poll) {
  std::vector<Room> found;
  std::size_t left = problem_.in.bounds_max / 4;
  for (const Op miss : in_time_) {
    if (problem_.missed(miss) == NONE || !problem_.is_certain[problem_.in.parts[miss]]) continue;
    bool is_only = false;
    const Op maker = maker_missed(miss, is_only);
    if (!is_only || maker == NONE || is_apart(miss, maker)) continue;
    if (before(miss, problem_.chain_of[maker]) <= problem_.place_of[maker]) continue;
    if (!find_room(miss, maker, NONE)) continue;
    if (poll() || room_.size() > left) break;
    left -= room_.size();
    found.push_back({maker, miss, room_});
  }
  return found;
}

}  // namespace gong::orders
