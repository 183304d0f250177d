#include "orders_problem.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace gong::orders {

namespace {

void stand(std::vector<Stand>& stands, Chain chain, Place place) {
  if (stands.empty() || stands.back().chain != chain) stands.push_back({chain, {}});
  stands.back().places.push_back(place);
}

}  // namespace

Problem::Problem(Input input) : in(std::move(input)) {
  place_operations();
  number_values();
  find_uses();
  find_suffixes();
}

void Problem::place_operations() {
  chain_of.assign(in.parts.size(), NONE);
  place_of.assign(in.parts.size(), NONE);
  is_optional.assign(in.parts.size(), 0);
  for (Chain chain = 0; chain < chain_count(); ++chain)
    for (Place place = 0; place < in.chains[chain].size(); ++place) {
      chain_of[in.chains[chain][place]] = chain;
      place_of[in.chains[chain][place]] = place;
    }
  closing.resize(chain_count());
  for (std::uint32_t one = 0; one < in.optional.size(); ++one) {
    chain_of[in.optional[one]] = in.optional_chains[one];
    place_of[in.optional[one]] = in.opens[one];
    is_optional[in.optional[one]] = 1;
    if (in.closes[one] != NONE)
      closing[in.optional_chains[one]].emplace_back(in.closes[one], one);
  }
  for (auto& here : closing) std::sort(here.begin(), here.end());
}

void Problem::number_values() {
  std::vector<State> states(in.part_count, 1);
  is_known.assign(in.part_count, 1);
  for (Op op = 0; op < in.parts.size(); ++op) {
    const Part part = in.parts[op];
    states[part] = std::max({states[part], only_in(op) + 1, target(op) + 1, in.not_in[in.classes[op]] + 1});
    if (kind(op) != Kind::observer && target(op) < 0) is_known[part] = 0;
  }
  first_value.assign(1, 0);
  for (Part part = 0; part < in.part_count; ++part)
    first_value.push_back(first_value.back() + static_cast<Value>(states[part]));
}

void Problem::find_uses() {
  uses.resize(first_value.back());
  destroyers.resize(in.part_count);
  changers.resize(in.part_count);
  is_certain = is_known;
  for (Chain chain = 0; chain < chain_count(); ++chain)
    for (Place place = 0; place < in.chains[chain].size(); ++place) {
      const Op op = in.chains[chain][place];
      if (kind(op) != Kind::observer) stand(changers[in.parts[op]], chain, place);
      if (!is_known[in.parts[op]]) continue;
      if (needed(op) != NONE) stand(uses[needed(op)].needers, chain, place);
      if (made(op) != NONE) stand(uses[made(op)].makers, chain, place);
      if (missed(op) != NONE) stand(uses[missed(op)].missers, chain, place);
      if (is_destroyer(op)) stand(destroyers[in.parts[op]], chain, place);
      else if (kind(op) != Kind::observer) is_certain[in.parts[op]] = 0;
    }
  for (const Op op : in.optional) is_certain[in.parts[op]] = 0;
  for (std::uint32_t one = 0; one < in.optional.size(); ++one)
    if (is_known[in.parts[in.optional[one]]] && made(in.optional[one]) != NONE)
      uses[made(in.optional[one])].optional_makers.push_back(one);
}

// Equal numbers for equal things still to come: the same classes in the same order, and nothing
// optional among them. Where real time counts no two operations are equal.
void Problem::find_suffixes() {
  if (in.keeps_time) return;
  std::unordered_map<std::uint64_t, std::uint32_t> numbers;
  std::vector<std::uint8_t> is_plain(chain_count(), 1);
  for (const Chain chain : in.optional_chains) is_plain[chain] = 0;
  std::uint32_t next = 1;  // 0: nothing
  suffixes.resize(chain_count());
  for (Chain chain = 0; chain < chain_count(); ++chain) {
    auto& own = suffixes[chain];
    own.assign(in.chains[chain].size() + 1, 0);
    if (!is_plain[chain]) own.back() = next++;  // what is optional may still come
    for (Place place = static_cast<Place>(own.size() - 1); place-- > 0;) {
      const auto name = std::uint64_t{in.classes[in.chains[chain][place]]} << 32 | own[place + 1];
      const auto [known, is_new] = numbers.emplace(name, next);
      if (is_new) ++next;
      else has_twins = true;
      own[place] = known->second;
    }
  }
}

}  // namespace gong::orders
