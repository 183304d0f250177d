// What the future asks of the present: KEEP, BRING BACK and DEADLOCK in `orders_walk.hpp`.
#include <algorithm>

#include "orders_walk.hpp"

namespace gong::orders {

namespace {

// How far everybody must get, beyond the front. Mistakes show earlier the farther one looks, and
// each look takes longer; see docs/internals/orders.md.
constexpr Place FAR = 8;

}  // namespace

bool Walk::keep_values() {
  while (!in_doubt_.empty()) {
    const Value value = in_doubt_.back();
    in_doubt_.pop_back();
    if (is_lost(value)) return false;
    bring_back_makers(value);
  }
  return true;
}

bool Walk::keep(Value value) {
  if (value == NONE || clocks_.is_trivial() || !problem_.is_known[value_parts_[value]]) return true;
  const Uses& uses = problem_.uses[value];
  for (const auto& readers : uses.needers) {
    const Op last = last_bound_to(value, readers);
    if (last == NONE) continue;
    const auto is_passed_over = [&](Op other) {
      return problem_.made(other) == value || (problem_.chain_of[other] == readers.chain &&
                                               problem_.place_of[other] <= problem_.place_of[last]);
    };
    if (!keep_before_first_of(last, problem_.destroyers[value_parts_[value]], is_passed_over) ||
        !keep_before_first_of(last, uses.missers, [](Op) { return false; })) {
      has_looked_ahead_ = true;
      return false;
    }
  }
  return true;
}

// Of those of one chain who are beyond its front, and for whom nobody else is left to make the value,
// the last one; or NONE.
Op Walk::last_bound_to(Value value, const Stand& readers) const {
  Op last = NONE;
  for (auto next = first_from(readers.places, fronts_[readers.chain]);
       next < readers.places.size() && !can_be_made(value, readers.chain, readers.places[next]); ++next)
    last = at(readers.chain, readers.places[next]);
  return last;
}

// In each chain, whoever is the first beyond its front comes after the reader.
template <typename PassedOver>
bool Walk::keep_before_first_of(Op reader, const std::vector<Stand>& stands,
                                PassedOver is_passed_over) {
  for (const auto& [chain, places] : stands) {
    auto next = first_from(places, fronts_[chain]);
    while (next < places.size() && is_passed_over(at(chain, places[next]))) ++next;
    if (next == places.size()) continue;
    if (!clocks_.add_for_now(reader, at(chain, places[next]), fronts_, trail_)) return false;
  }
  return true;
}

void Walk::bring_back_makers(Value value) {
  const Part part = value_parts_[value];
  if (!problem_.is_known[part] || problem_.value(part, state(part)) == value) return;
  for (const auto& [chain, places] : problem_.uses[value].needers) {
    const auto first = first_from(places, fronts_[chain]);
    if (first == places.size()) continue;
    const Op maker = only_maker(value, chain, places[first]);
    if (maker != NONE) cut(problem_.chain_of[maker], problem_.place_of[maker]);
  }
}

// The only operation that can make the value before that place in that chain, or NONE.
Op Walk::only_maker(Value value, Chain chain, Place place) const {
  const Input& in = problem_.in;
  const Uses& uses = problem_.uses[value];
  Op found = NONE;
  for (const auto& [other, places] : uses.makers)
    for (auto next = first_from(places, positions_[other]); next < places.size(); ++next) {
      const Op maker = at(other, places[next]);
      if (other == chain ? places[next] >= place : clocks_.before(maker, chain) > place) break;
      if (found != NONE) return NONE;
      found = maker;
    }
  const bool has_optional =
      std::any_of(uses.optional_makers.begin(), uses.optional_makers.end(), [&](auto one) {
        return !(is_in_[one / 32] >> one % 32 & 1) &&
               positions_[in.optional_chains[one]] < in.closes[one];
      });
  return has_optional ? NONE : found;
}

bool Walk::is_deadlocked() {
  const Input& in = problem_.in;
  ++possible_now_;
  reach_ = fronts_;
  for (Part part = 0; part < in.part_count; ++part) {
    const Value value = problem_.value(part, state(part));
    if (value != NONE) possible_[value] = possible_now_;
  }
  for (Chain chain = 0; chain < fronts_.size(); ++chain)
    for (Place place = positions_[chain]; place < fronts_[chain]; ++place)
      make_possible(at(chain, place));
  for (std::uint32_t one = 0; one < in.optional.size(); ++one)
    if (!(is_in_[one / 32] >> one % 32 & 1) && positions_[in.optional_chains[one]] < in.closes[one])
      make_possible(in.optional[one]);
  for (Chain chain = 0; chain < fronts_.size(); ++chain)
    enough_[chain] = wanted_[chain] = enough(chain);
  bool is_stuck = true;
  for (bool has_moved = true; has_moved && is_stuck;) {
    has_moved = is_stuck = false;
    for (Chain chain = 0; chain < fronts_.size(); ++chain) {
      const auto& ops = in.chains[chain];
      Place& reach = reach_[chain];
      while (reach < wanted_[chain] && can_follow(ops[reach], chain)) {
        make_possible(ops[reach++]);
        has_moved = true;
      }
      if (reach == wanted_[chain]) continue;
      is_stuck |= reach < enough_[chain];
      has_moved |= ask_for(ops[reach]);
    }
  }
  return is_stuck;
}

// Where everybody must get. Not to what needs that others get farther than that: who begins late
// waits for all of them, and to look so far each time would take longer than it helps.
Place Walk::enough(Chain chain) const {
  const auto& ops = problem_.in.chains[chain];
  Place end = std::min(static_cast<Place>(ops.size()), fronts_[chain] + FAR);
  const auto is_near = [&](Op op) {
    const Place* before = clocks_.before(op);
    for (Chain other = 0; other < fronts_.size(); ++other)
      if (before[other] > fronts_[other] + FAR) return false;
    return true;
  };
  while (!clocks_.is_trivial() && end > fronts_[chain] && !is_near(ops[end - 1])) --end;
  return end;
}

// Others may have to get farther than they need themselves: so far as an operation that is stuck
// asks, and no farther. False: they are asked for that already.
bool Walk::ask_for(Op op) {
  bool is_new = false;
  const auto ask = [&](Chain chain, Place end) {
    is_new |= wanted_[chain] < end;
    wanted_[chain] = std::max(wanted_[chain], end);
  };
  const Place* before = clocks_.is_trivial() ? nullptr : clocks_.before(op);
  for (Chain other = 0; before != nullptr && other < fronts_.size(); ++other)
    if (other != problem_.chain_of[op]) ask(other, before[other]);
  const Value needed = problem_.needed(op);
  const auto ask_first_of = [&](const std::vector<Stand>& stands) {
    for (const auto& [chain, places] : stands) {
      const auto next = first_from(places, reach_[chain]);
      if (next < places.size()) ask(chain, places[next] + 1);
    }
  };
  if (needed != NONE && possible_[needed] != possible_now_) ask_first_of(problem_.uses[needed].makers);
  const Part part = problem_.in.parts[op];
  if (is_barred(op) && changeable_[part] != possible_now_) ask_first_of(problem_.changers[part]);
  return is_new;
}

bool Walk::can_follow(Op op, Chain chain) {
  const Value needed = problem_.needed(op);
  if (needed != NONE && possible_[needed] != possible_now_ && problem_.is_known[problem_.in.parts[op]])
    return false;
  if (is_barred(op) && changeable_[problem_.in.parts[op]] != possible_now_) return false;
  if (clocks_.is_trivial()) return true;
  const Place* before = clocks_.before(op);
  for (Chain other = 0; other < fronts_.size(); ++other)
    if (before[other] > reach_[other] && other != chain) return false;
  return true;
}

void Walk::make_possible(Op op) {
  const Value made = problem_.made(op);
  if (made != NONE) possible_[made] = possible_now_;
  if (problem_.kind(op) == Kind::observer) return;
  const Part part = problem_.in.parts[op];
  if (made == NONE || made != problem_.value(part, state(part))) changeable_[part] = possible_now_;
}

}  // namespace gong::orders
