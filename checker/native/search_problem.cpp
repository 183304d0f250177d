#include "search_problem.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <queue>
#include <tuple>
#include <utility>

namespace gong::search {

Problem::Problem(Input input, Event end_)
    : end(std::min<Event>(end_, input.live_count)),
      live_count(input.live_count),
      classes(std::move(input.classes)),
      arrivals(std::move(input.arrivals)),
      only_in(std::move(input.only_in)),
      targets(std::move(input.targets)),
      grows(std::move(input.grows)) {
  grows.resize(input.kinds.size(), 0);
  kinds.reserve(input.kinds.size());
  for (const auto kind : input.kinds) kinds.push_back(static_cast<Kind>(kind));
  sort_calls();
  assign_slots();
  find_twins();
  group_crashed();
  find_uses();
}

void Problem::sort_calls() {
  came_begin.assign(live_count + 1, 0);
  for (Op op = 0; op < live_count; ++op) ++came_begin[arrivals[op] + 1];
  for (Event event = 0; event < live_count; ++event) came_begin[event + 1] += came_begin[event];
  came.resize(live_count);
  std::vector<std::uint32_t> next(came_begin.begin(), came_begin.end() - 1);
  for (Op op = 0; op < live_count; ++op) came[next[arrivals[op]]++] = op;
}

// The lowest free slot at the call, free again after the return: as many as there are live
// operations at once, whatever the length of the history.
void Problem::assign_slots() {
  slot.resize(live_count);
  std::priority_queue<std::uint32_t, std::vector<std::uint32_t>, std::greater<>> free;
  for (Event event = 0; event < live_count; ++event) {
    if (event > 0) free.push(slot[event - 1]);
    for (auto i = came_begin[event]; i < came_begin[event + 1]; ++i) {
      if (free.empty()) free.push(slot_count++);
      slot[came[i]] = free.top();
      free.pop();
    }
  }
  words = std::max<std::uint32_t>(1, (slot_count + 63) / 64);
}

void Problem::find_twins() {
  std::map<std::tuple<bool, State, State>, Class> known;
  twin.resize(kinds.size());
  for (Class kind = 0; kind < kinds.size(); ++kind) {
    twin[kind] = kind;
    if (targets[kind] >= 0) {
      const auto key = std::tuple(kinds[kind] == Kind::observer, only_in[kind], targets[kind]);
      twin[kind] = known.emplace(key, kind).first->second;
    }
  }
}

void Problem::group_crashed() {
  std::map<Class, std::uint32_t> groups;
  for (Op op = live_count; op < classes.size(); ++op) {  // in the order of their calls
    if (arrivals[op] >= end) continue;                   // called when nothing is left to explain
    const Class kind = twin[classes[op]];
    const auto [found, is_new] = groups.emplace(kind, static_cast<std::uint32_t>(crashed.size()));
    if (is_new) crashed.push_back({kind, {}, {}});
    crashed[found->second].arrivals.push_back(arrivals[op]);
    crashed[found->second].operations.push_back(op);
  }
}

void Problem::find_uses() {
  State states = 0;
  std::vector<bool> occurs(kinds.size(), false);
  for (const Class kind : classes) occurs[kind] = true;
  for (Class kind = 0; kind < kinds.size(); ++kind) {
    states = std::max({states, only_in[kind] + 1, targets[kind] + 1});
    if (!occurs[kind] || kinds[kind] == Kind::overwrite) continue;
    if (only_in[kind] == ANYWHERE) needs_known = false;
    if (only_in[kind] == ANYWHERE && kinds[kind] == Kind::other) effects_known = false;
  }
  uses.resize(static_cast<std::size_t>(states));
  for (const Op op : came) {
    if (arrivals[op] >= end) continue;
    const Class kind = classes[op];
    if (only_in[kind] >= 0 && op < end) uses[only_in[kind]].needers.push_back({arrivals[op], op});
    if (kinds[kind] != Kind::observer && targets[kind] >= 0)
      uses[targets[kind]].producers.push_back(arrivals[op]);
    // Not required when it returns after the end, but it may still count on its state.
    if (only_in[kind] >= 0 && op >= end) uses[only_in[kind]].crashed_needer = true;
  }
  for (std::uint32_t group = 0; group < crashed.size(); ++group) {
    const Class kind = crashed[group].kind;
    if (targets[kind] >= 0) uses[targets[kind]].crashed_producers.push_back(group);
    if (only_in[kind] >= 0) uses[only_in[kind]].crashed_needer = true;
  }
  for (auto& use : uses) {
    use.earliest_needer.resize(use.needers.size());
    Op earliest = NONE;
    for (auto i = use.needers.size(); i-- > 0;) {
      earliest = std::min(earliest, use.needers[i].operation);
      use.earliest_needer[i] = earliest;
    }
  }
}

}  // namespace gong::search
