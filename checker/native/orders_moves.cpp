// Which moves there are, and what is lost for ever: the questions of `Walk` that change nothing.
#include <algorithm>

#include "orders_walk.hpp"

namespace gong::orders {

bool Walk::is_complete() const {
  for (Chain chain = 0; chain < fronts_.size(); ++chain)
    if (fronts_[chain] < problem_.in.goals[chain]) return false;
  return true;
}

bool Walk::is_reached(Op op) const {
  if (clocks_.is_trivial()) return true;
  const Place* before = clocks_.before(op);
  const Chain own = problem_.chain_of[op];
  for (Chain chain = 0; chain < fronts_.size(); ++chain)
    if (before[chain] > fronts_[chain] && chain != own) return false;
  return true;
}

bool Walk::is_settled(Op op) const {
  if (clocks_.is_trivial()) return problem_.place_of[op] <= positions_[problem_.chain_of[op]];
  const Place* before = clocks_.before(op);
  for (Chain chain = 0; chain < positions_.size(); ++chain)
    if (before[chain] > positions_[chain]) return false;
  return true;
}

bool Walk::is_barred(Op op) const {
  const Value missed = problem_.missed(op);
  const Part part = problem_.in.parts[op];
  return missed != NONE && problem_.value(part, state(part)) == missed;
}

bool Walk::is_dead(Part part) const {
  if (free_users_[part] > 0) return false;
  const Value value = problem_.value(part, state(part));
  return value == NONE || users_[value] == 0;
}

// Whether nothing left depends on what the operation leads to.
bool Walk::is_useless(Op op) const {
  const Value made = problem_.made(op);
  return made != NONE && users_[made] == 0 && free_users_[problem_.in.parts[op]] == 0;
}

void Walk::moves(std::vector<Move>& found) {
  found.clear();
  for (Chain chain = 0; chain < fronts_.size(); ++chain) {
    const auto& ops = problem_.in.chains[chain];
    for (Place place = positions_[chain]; place <= fronts_[chain] && place < ops.size(); ++place) {
      const Op op = ops[place];
      if (problem_.kind(op) == Kind::observer) continue;
      if (place < fronts_[chain] && is_useless(op)) continue;
      if (changes_state(op) && is_reached(op)) found.push_back({op, NONE, 0});
    }
  }
  for (std::uint32_t one = 0; one < problem_.in.optional.size(); ++one)
    if (may_use(one)) found.push_back({problem_.in.optional[one], one, 0});
}

// Whether the operation is possible now and does something; an overwrite may not hide a value that
// was only made to be seen.
bool Walk::changes_state(Op op) {
  const Part part = problem_.in.parts[op];
  const State after = table_.next(part, state(part), problem_.in.classes[op]);
  if (after == ILLEGAL || after == state(part)) return false;
  return problem_.kind(op) != Kind::overwrite || !is_unseen(part);
}

bool Walk::may_use(std::uint32_t one) {
  const Input& in = problem_.in;
  const Op op = in.optional[one];
  const auto is_in = [&](std::uint32_t other) { return (is_in_[other / 32] >> other % 32 & 1) != 0; };
  if (is_in(one) || positions_[in.optional_chains[one]] >= in.closes[one]) return false;
  if (in.needs[one] != NONE && !is_in(in.needs[one])) return false;
  for (auto other = one + 1; other < in.excludes_end[one]; ++other)
    if (is_in(other)) return false;
  const Chain chain = in.optional_chains[one];
  const Place opens = clocks_.before(op, chain);
  if (opens > fronts_[chain] || opens >= in.closes[one] || !is_reached(op)) return false;
  if (in.is_needed[one]) {
    // What comes after it in its session may be wanted: it may also change nothing.
    const Part part = in.parts[op];
    const State after = table_.next(part, state(part), in.classes[op]);
    return after != ILLEGAL && (problem_.kind(op) != Kind::overwrite || !is_unseen(part));
  }
  return !is_useless(op) && changes_state(op);
}

bool Walk::is_lost(Value value) const {
  const Part part = value_parts_[value];
  if (!problem_.is_known[part] || problem_.value(part, state(part)) == value) return false;
  for (const auto& [chain, places] : problem_.uses[value].needers) {
    // The first one of a chain is the hardest: what can come before it can before the others.
    const auto first = first_from(places, fronts_[chain]);
    if (first < places.size() && !can_be_made(value, chain, places[first])) return true;
  }
  return false;
}

// Whether somebody is left who can make the value before that place in that chain.
bool Walk::can_be_made(Value value, Chain chain, Place place) const {
  const Input& in = problem_.in;
  const Uses& uses = problem_.uses[value];
  for (const auto& [other, places] : uses.makers) {
    const auto first = first_from(places, positions_[other]);
    if (first == places.size()) continue;
    if (other == chain ? places[first] < place
                       : clocks_.before(at(other, places[first]), chain) <= place)
      return true;
  }
  return std::any_of(uses.optional_makers.begin(), uses.optional_makers.end(), [&](auto one) {
    const Chain own = in.optional_chains[one];
    return !(is_in_[one / 32] >> one % 32 & 1) && positions_[own] < in.closes[one] &&
           (own != chain || in.opens[one] <= place);
  });
}

}  // namespace gong::orders
