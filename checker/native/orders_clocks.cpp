#include "orders_clocks.hpp"

#include <algorithm>

namespace gong::orders {

namespace {

// While a search goes on, bounds are raised only so far beyond the fronts: to the end of a long
// history that would take longer than it helps.
constexpr Place NEAR = 64;

}  // namespace

bool Clocks::add_for_now(Op before, Op after, const std::vector<Place>& fronts,
                         std::vector<Change>& trail) {
  if (this->before(after, problem_.chain_of[before]) > problem_.place_of[before]) return true;
  trail_ = &trail;
  fronts_ = &fronts;
  const bool is_fine = merge(before, after) && propagate();
  for (const Op op : todo_) is_todo_[op] = 0;
  todo_.clear();
  contradiction_ = NONE;
  trail_ = nullptr;
  fronts_ = nullptr;
  return is_fine;
}

bool Clocks::begin(const Poll& poll) {
  const Input& in = problem_.in;
  rows_.assign(in.parts.size() * width_, 0);
  is_todo_.assign(in.parts.size(), 0);
  earliest_return_.resize(width_);
  for (Chain chain = 0; chain < width_; ++chain) {
    auto& own = earliest_return_[chain];
    own.resize(in.chains[chain].size());
    Rank earliest = std::numeric_limits<Rank>::max();
    for (auto place = own.size(); place-- > 0;)
      own[place] = earliest = std::min(earliest, in.returns[in.chains[chain][place]]);
  }
  for (Op op = 0; op < in.parts.size(); ++op) {
    if (problem_.chain_of[op] == NONE) continue;
    if (poll()) return true;
    rows_[std::size_t{op} * width_ + problem_.chain_of[op]] = problem_.place_of[op];
    if (in.keeps_time) bound_by_time(op);
  }
  for (const auto& chain : in.chains) in_time_.insert(in_time_.end(), chain.begin(), chain.end());
  std::stable_sort(in_time_.begin(), in_time_.end(),
                   [&](Op a, Op b) { return in.returns[a] < in.returns[b]; });
  do {
    has_grown_ = false;
    for (const Op op : in_time_) {
      if (poll()) return true;
      if (!pull(op)) return false;
    }
  } while (has_grown_);
  return contradiction_ == NONE;
}

// Takes over what comes before that which comes before the operation. What comes before the one
// that was issued before it is known already, so only what is more than that counts.
bool Clocks::pull(Op op) {
  const Chain own = problem_.chain_of[op];
  const Place place = problem_.place_of[op];
  const Op last = place == 0 ? NONE : at(own, place - 1);
  if (last != NONE && !merge(last, op)) return false;
  for (Chain chain = 0; chain < width_; ++chain) {
    const Place bound = before(op, chain);
    if (chain != own && bound > (last == NONE ? 0 : before(last, chain)) &&
        !merge(at(chain, bound - 1), op))
      return false;
  }
  return true;
}

// What returned before the call; in each chain that is a prefix, by the issue order.
void Clocks::bound_by_time(Op op) {
  const Rank call = problem_.in.calls[op];
  for (Chain chain = 0; chain < width_; ++chain) {
    const auto& returns = earliest_return_[chain];
    const auto end = std::lower_bound(returns.begin(), returns.end(), call);
    auto& bound = rows_[std::size_t{op} * width_ + chain];
    bound = std::max(bound, static_cast<Place>(end - returns.begin()));
    if (chain != problem_.chain_of[op] || bound <= problem_.place_of[op]) continue;
    if (!problem_.is_optional[op]) contradiction_ = op;
  }
}

// `before` comes before `after`, so all that comes before it does. False: contradiction.
bool Clocks::merge(Op before, Op after) {
  const Place* from = &rows_[std::size_t{before} * width_];
  Place* to = &rows_[std::size_t{after} * width_];
  bool is_new = false;
  for (Chain chain = 0; chain < width_; ++chain)
    if (from[chain] > to[chain]) {
      if (trail_ != nullptr) trail_->push_back({&to[chain], to[chain]});
      to[chain] = from[chain];
      is_new = true;
    }
  const Chain chain = problem_.chain_of[before];
  const Place behind = problem_.place_of[before] + 1;
  if (to[chain] < behind) {
    if (trail_ != nullptr) trail_->push_back({&to[chain], to[chain]});
    to[chain] = behind;
    is_new = true;
  }
  if (is_new) {
    has_grown_ = true;
    if (trail_ != nullptr && !is_todo_[after]) {
      is_todo_[after] = 1;
      todo_.push_back(after);
    }
  }
  const bool is_fine = to[problem_.chain_of[after]] <= problem_.place_of[after];
  if (!is_fine) contradiction_ = after;
  return is_fine && contradiction_ == NONE;
}

bool Clocks::add(Op before, Op after, Why why, Op about) {
  if (this->before(after, problem_.chain_of[before]) > problem_.place_of[before]) return true;
  edges_.push_back({before, after, why, about});
  return merge(before, after);
}

bool Clocks::propagate() {
  const Input& in = problem_.in;
  while (!todo_.empty() && contradiction_ == NONE) {
    const Op op = todo_.back();
    todo_.pop_back();
    is_todo_[op] = 0;
    const Chain own = problem_.chain_of[op];
    const Place place = problem_.place_of[op];
    for (Chain chain = 0; chain < width_; ++chain) {
      const auto& ops = in.chains[chain];
      // Bounds rise along a chain, so those that come after `op` are its end.
      const auto first = chain == own ? ops.begin() + place + 1
                                      : std::partition_point(ops.begin(), ops.end(), [&](Op other) {
                                          return before(other, own) <= place;
                                        });
      if (first == ops.end()) continue;
      if (problem_.place_of[*first] >= (*fronts_)[chain] + NEAR) continue;
      if (!merge(op, *first)) return false;
    }
  }
  return contradiction_ == NONE;
}

bool Clocks::saturate(const Poll& poll) {
  do {
    has_grown_ = false;
    for (const Op op : in_time_) {
      if (poll()) return true;
      if (!pull(op)) return false;
      if (!problem_.is_known[problem_.in.parts[op]]) continue;
      if (problem_.needed(op) != NONE && !look_at(op)) return false;
      if (problem_.missed(op) != NONE && !look_at_miss(op)) return false;
    }
  } while (has_grown_);
  return true;
}

bool Clocks::look_at(Op read) {
  const Value needed = problem_.needed(read);
  const bool is_destroyed = destroyers_before(read, needed);
  has_optional_ = can_be_optional(read, needed);
  const bool is_initial = needed == problem_.first_value[problem_.in.parts[read]];
  is_open_ = has_optional_ || (is_initial && !is_destroyed);
  if (!candidates_of(read, needed)) {
    without_source_ = read;
    close_circle(read, needed);
    return false;
  }
  if (!is_open_ && !bound_by_candidates(read)) return false;
  return has_optional_ || bound_destroyers(read, needed);
}

// For people: where only one can have made what the read found, that it did contradicts the rest.
void Clocks::close_circle(Op read, Value needed) {
  std::vector<Op> makers;
  for (const auto& [chain, places] : problem_.uses[needed].makers)
    for (const Place place : places) makers.push_back(at(chain, place));
  const bool is_initial = needed == problem_.first_value[problem_.in.parts[read]];
  if (makers.size() + (is_initial ? 1 : 0) != 1) return;
  if (!is_initial && !add(makers[0], read, Why::made)) return;
  for (const Op destroyer : last_destroyers_) {
    if (is_initial ? !add(read, destroyer, Why::found)
                   : !add(destroyer, makers[0], Why::hidden, read))
      return;
  }
}

// In each chain the last destroyer that comes before the read; whether there is any.
bool Clocks::destroyers_before(Op read, Value needed) {
  last_destroyers_.clear();
  for (const auto& [chain, places] : problem_.destroyers[problem_.in.parts[read]]) {
    auto last = first_from(places, before(read, chain));
    while (last > 0 && problem_.made(at(chain, places[last - 1])) == needed) --last;
    if (last > 0) last_destroyers_.push_back(at(chain, places[last - 1]));
  }
  return !last_destroyers_.empty();
}

// In each chain the first and the last candidate. False: there is none anywhere.
bool Clocks::candidates_of(Op read, Value needed) {
  first_candidates_.clear();
  last_candidates_.clear();
  candidate_count_ = 0;
  const Chain own = problem_.chain_of[read];
  const Place place = problem_.place_of[read];
  for (const auto& [chain, places] : problem_.uses[needed].makers) {
    Place too_early = 0;  // who comes before one of the destroyers is none
    for (const Op destroyer : last_destroyers_)
      too_early = std::max(too_early, before(destroyer, chain));
    const auto first = places.begin() + static_cast<std::ptrdiff_t>(first_from(places, too_early));
    const auto end = std::partition_point(first, places.end(), [&, c = chain](Place at_place) {
      return c == own ? at_place < place : before(at(c, at_place), own) <= place;
    });
    if (first == end) continue;
    first_candidates_.push_back(at(chain, *first));
    last_candidates_.push_back(at(chain, *(end - 1)));
    candidate_count_ += static_cast<std::size_t>(end - first);
  }
  return candidate_count_ > 0 || is_open_;
}

bool Clocks::bound_by_candidates(Op read) {
  if (candidate_count_ == 1) return bound_by_source(read);
  for (Chain chain = 0; chain < width_; ++chain) {
    Place bound = NONE;
    for (const Op candidate : first_candidates_)
      bound = std::min(bound, problem_.chain_of[candidate] == chain ? problem_.place_of[candidate] + 1
                                                                    : before(candidate, chain));
    if (bound > before(read, chain) && !add(at(chain, bound - 1), read, Why::common)) return false;
  }
  return true;
}

bool Clocks::bound_by_source(Op read) {
  const Op source = first_candidates_.front();
  if (!add(source, read, Why::made)) return false;
  for (const Op destroyer : last_destroyers_)
    if (!add(destroyer, source, Why::hidden, read)) return false;
  return true;
}

bool Clocks::bound_destroyers(Op read, Value needed) {
  for (const auto& [chain, places] : problem_.destroyers[problem_.in.parts[read]]) {
    auto first = std::partition_point(places.begin(), places.end(), [&, c = chain](Place place) {
      const Op destroyer = at(c, place);
      for (const Op candidate : last_candidates_)
        if (candidate != destroyer &&
            before(destroyer, problem_.chain_of[candidate]) <= problem_.place_of[candidate])
          return true;
      return std::find(last_candidates_.begin(), last_candidates_.end(), destroyer) !=
             last_candidates_.end();
    });
    while (first != places.end() &&
           (problem_.made(at(chain, *first)) == needed || at(chain, *first) == read ||
            (chain == problem_.chain_of[read] && *first < problem_.place_of[read])))
      ++first;
    if (first != places.end() && !add(read, at(chain, *first), Why::found)) return false;
  }
  return true;
}

bool Clocks::can_be_optional(Op read, Value needed) const {
  const Input& in = problem_.in;
  const auto& makers = problem_.uses[needed].optional_makers;
  return std::any_of(makers.begin(), makers.end(), [&](std::uint32_t one) {
    return in.optional_chains[one] != problem_.chain_of[read] ||
           in.opens[one] <= problem_.place_of[read];
  });
}

}  // namespace gong::orders
