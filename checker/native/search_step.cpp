#include "search_step.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace gong::search {

Step::Step(const Problem& problem, Table& table, UsedSets& used, bool look_ahead,
           Outlook::Ask may_become)
    : problem_(problem),
      table_(table),
      used_(used),
      dead_values_(look_ahead && problem.needs_known),
      lost_values_(look_ahead && problem.effects_known),
      outlook_(problem, used, look_ahead ? std::move(may_become) : nullptr),
      needed_(problem.uses.size(), 0),
      seen_(problem.kinds.size(), 0),
      earliest_(problem.kinds.size(), NONE) {}

Step::Fate Step::first(Config& config, Window& window, Recorder* recorder) {
  config.event = 0;
  config.state = 0;
  config.used = UsedSets::EMPTY;
  config.pending.assign(problem_.words, 0);
  config.excused.assign(problem_.words, 0);
  if (problem_.end == 0) return Fate::finished;
  arrive(config, window, recorder);
  return settle(config, window, recorder);
}

void Step::moves(const Config& config, const Window& window, std::vector<Move>& found) {
  found.clear();
  const Op returning = config.event;
  const Class wanted = problem_.classes[returning];
  const bool excused = has(config.excused.data(), problem_.slot[returning]);
  if (excused) found.push_back({Move::EXCUSE, config.state});
  if (dead_values_) note_needs(config, window);
  ++stamp_;
  each(config.pending.data(), problem_.words, [&](std::uint32_t slot) {
    const Op op = window.operation(slot);
    const Class kind = problem_.twin[problem_.classes[op]];
    if (seen_[kind] != stamp_ || op < earliest_[kind]) earliest_[kind] = op;
    seen_[kind] = stamp_;
  });
  const auto is_useless = [&](State after) {
    if (!dead_values_) return false;
    if (!excused && table_.next(after, wanted) == ILLEGAL) return !is_needed_now(after);
    return is_dead(after, config.event);
  };
  const State own = table_.next(config.state, wanted);
  if (own != ILLEGAL) found.push_back({returning, own});
  const auto sorted_from = static_cast<std::ptrdiff_t>(found.size());
  each(config.pending.data(), problem_.words, [&](std::uint32_t slot) {
    const Op op = window.operation(slot);
    const Class kind = problem_.classes[op];
    if (op == returning || problem_.kinds[kind] == Kind::observer) return;
    if (earliest_[problem_.twin[kind]] != op) return;
    const State after = table_.next(config.state, kind);
    if (after == ILLEGAL) return;
    if (problem_.kinds[kind] == Kind::overwrite && is_useless(after)) return;
    found.push_back({op, after});
  });
  bool hides = false;  // whether an overwrite now would excuse anything
  for (std::uint32_t word = 0; word < problem_.words; ++word)
    hides = hides || (config.pending[word] & window.overwrites()[word] & ~config.excused[word]);
  for (std::uint32_t group = 0; group < problem_.crashed.size(); ++group) {
    const Crashed& crashed = problem_.crashed[group];
    if (crashed.arrivals[0] > config.event) break;  // groups come by first arrival
    if (seen_[crashed.kind] == stamp_) continue;    // a live one is pending
    const std::uint32_t taken = used_.count(config.used, group);
    if (taken == crashed.arrivals.size() || crashed.arrivals[taken] > config.event) continue;
    const State after = table_.next(config.state, crashed.kind);
    if (after == ILLEGAL || is_useless(after)) continue;
    // To stay where one is helps nobody, except an overwrite that is pending: this one hides it.
    if (after == config.state && !(problem_.kinds[crashed.kind] == Kind::overwrite && hides)) continue;
    found.push_back({problem_.live_count + group, after});
  }
  if (own == ILLEGAL) {  // what makes the returning operation legal goes first
    const auto rank = [&](const Move& move) {
      return std::tuple(table_.next(move.after, wanted) == ILLEGAL, move.what);
    };
    std::sort(found.begin() + sorted_from, found.end(),
              [&](const Move& a, const Move& b) { return rank(a) < rank(b); });
  } else {
    std::sort(found.begin() + sorted_from, found.end(),
              [](const Move& a, const Move& b) { return a.what < b.what; });
  }
  if (outlook_.is_on()) leave_out_the_hopeless(config, window, found);
}

void Step::leave_out_the_hopeless(const Config& config, const Window& window,
                                  std::vector<Move>& found) {
  outlook_.note(config, window);
  const auto hopeless = std::erase_if(
      found, [&](const Move& move) { return outlook_.is_hopeless(config, window, move); });
  if (hopeless > 0) has_looked_ahead_ = true;
}

Step::Fate Step::apply(const Config& from, Move move, Window& window, Config& to,
                       Recorder* recorder) {
  to = from;
  State unseen = ILLEGAL;  // the value that an excused overwrite would have produced
  if (move.what == Move::EXCUSE) {
    const Op op = from.event;
    drop(to.pending.data(), problem_.slot[op]);
    drop(to.excused.data(), problem_.slot[op]);
    unseen = problem_.targets[problem_.classes[op]];
    if (recorder != nullptr) recorder->excuse(op);
  } else {
    Class kind;
    if (move.what < problem_.live_count) {
      kind = problem_.classes[move.what];
      drop(to.pending.data(), problem_.slot[move.what]);
      drop(to.excused.data(), problem_.slot[move.what]);
      if (recorder != nullptr) recorder->take(move.what);
    } else {
      const std::uint32_t group = move.what - problem_.live_count;
      kind = problem_.crashed[group].kind;
      to.used = used_.with(from.used, group);
      if (recorder != nullptr) recorder->take(move.what);
    }
    if (problem_.kinds[kind] == Kind::overwrite)
      for (std::uint32_t i = 0; i < problem_.words; ++i)
        to.excused[i] = to.pending[i] & window.overwrites()[i];
    to.state = move.after;
    if (to.state != from.state) take_observers(to, window, recorder);
  }
  const Fate fate = settle(to, window, recorder);
  if (fate != Fate::open || !lost_values_) return fate;
  if ((to.state != from.state && is_lost(from.state, to, window)) ||
      (unseen != ILLEGAL && unseen != to.state && is_lost(unseen, to, window))) {
    has_looked_ahead_ = true;
    return Fate::hopeless;
  }
  return fate;
}

// On to the next return of an operation that has not taken effect and is not simply let go.
Step::Fate Step::settle(Config& config, Window& window, Recorder* recorder) {
  while (true) {
    const std::uint32_t slot = problem_.slot[config.event];
    if (has(config.pending.data(), slot)) {
      if (!dead_values_) return Fate::open;
      let_go_of_the_dead(config, window);
      const State target = problem_.targets[problem_.classes[config.event]];
      if (!has(config.excused.data(), slot) || !is_dead(target, config.event)) return Fate::open;
      drop(config.pending.data(), slot);
      drop(config.excused.data(), slot);
      if (recorder != nullptr) recorder->excuse(config.event);
    }
    window.forward();
    if (++config.event == problem_.end) return Fate::finished;
    arrive(config, window, recorder);
  }
}

// New calls become pending, except observers that are legal now: they take effect at once.
void Step::arrive(Config& config, const Window&, Recorder* recorder) {
  const Event event = config.event;
  for (auto i = problem_.came_begin[event]; i < problem_.came_begin[event + 1]; ++i) {
    const Op op = problem_.came[i];
    const Class kind = problem_.classes[op];
    if (problem_.kinds[kind] == Kind::observer) {
      if (op >= problem_.end) continue;  // nobody asks for it
      if (table_.next(config.state, kind) != ILLEGAL) {
        if (recorder != nullptr) recorder->take(op);
        continue;
      }
    }
    put(config.pending.data(), problem_.slot[op]);
  }
}

void Step::take_observers(Config& config, const Window& window, Recorder* recorder) {
  for (std::uint32_t word = 0; word < problem_.words; ++word) {
    Word left = config.pending[word] & window.observers()[word];
    for (; left != 0; left &= left - 1) {
      const auto slot = word * 64 + static_cast<std::uint32_t>(__builtin_ctzll(left));
      const Op op = window.operation(slot);
      if (table_.next(config.state, problem_.classes[op]) == ILLEGAL) continue;
      drop(config.pending.data(), slot);
      if (recorder != nullptr) recorder->take(op);
    }
  }
}

void Step::note_needs(const Config& config, const Window& window) {
  stamp_noted_ = ++stamp_;
  each(config.pending.data(), problem_.words, [&](std::uint32_t slot) {
    const State need = problem_.only_in[problem_.classes[window.operation(slot)]];
    if (need >= 0) needed_[static_cast<std::size_t>(need)] = stamp_noted_;
  });
}

// By the needs noted last.
bool Step::is_needed_now(State state) const {
  const auto index = static_cast<std::size_t>(state);
  return index < problem_.uses.size() &&
         (needed_[index] == stamp_noted_ || problem_.uses[index].crashed_needer);
}

// By the needs noted last.
bool Step::is_dead(State state, Event event) const {
  if (is_needed_now(state)) return false;
  const auto index = static_cast<std::size_t>(state);
  if (index >= problem_.uses.size()) return true;
  const auto& needers = problem_.uses[index].needers;
  return needers.empty() || needers.back().arrival <= event;
}

// Overwrites to dead states that are excused or have taken effect all stand as excused.
void Step::let_go_of_the_dead(Config& config, const Window& window) {
  note_needs(config, window);
  const auto settled = [&](std::uint32_t word) {
    return window.overwrites()[word] & (~config.pending[word] | config.excused[word]);
  };
  for (std::uint32_t word = 0; word < problem_.words; ++word)
    for (Word left = settled(word); left != 0; left &= left - 1) {
      const auto slot = word * 64 + static_cast<std::uint32_t>(__builtin_ctzll(left));
      const State target = problem_.targets[problem_.classes[window.operation(slot)]];
      if (!is_dead(target, config.event)) continue;
      put(config.pending.data(), slot);
      put(config.excused.data(), slot);
    }
  config.used = used_.filtered(config.used, [&](std::uint32_t group) {
    return !is_dead(problem_.targets[problem_.crashed[group].kind], config.event);
  });
}

// Whether a value that is not the state is needed and cannot come back in time.
bool Step::is_lost(State state, const Config& config, const Window& window) const {
  if (static_cast<std::size_t>(state) >= problem_.uses.size()) return false;
  const Uses& uses = problem_.uses[static_cast<std::size_t>(state)];
  if (uses.needers.empty()) return false;
  Op earliest = NONE;
  bool can_return = false;
  each(config.pending.data(), problem_.words, [&](std::uint32_t slot) {
    const Op op = window.operation(slot);
    const Class kind = problem_.classes[op];
    if (problem_.only_in[kind] == state && op < problem_.end) earliest = std::min(earliest, op);
    if (problem_.kinds[kind] != Kind::observer && problem_.targets[kind] == state)
      can_return = true;
  });
  if (can_return) return false;
  const auto later = std::upper_bound(
      uses.needers.begin(), uses.needers.end(), config.event,
      [](Event event, const Use& use) { return event < use.arrival; });
  if (later != uses.needers.end())
    earliest = std::min(earliest, uses.earliest_needer[later - uses.needers.begin()]);
  if (earliest == NONE) return false;
  const auto producer =
      std::upper_bound(uses.producers.begin(), uses.producers.end(), config.event);
  if (producer != uses.producers.end() && *producer <= earliest) return false;
  for (const std::uint32_t group : uses.crashed_producers) {
    const Crashed& crashed = problem_.crashed[group];
    const std::uint32_t taken = used_.count(config.used, group);
    if (taken < crashed.arrivals.size() && crashed.arrivals[taken] <= earliest) return false;
  }
  return true;
}

}  // namespace gong::search
