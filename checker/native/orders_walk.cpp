#include "orders_walk.hpp"

#include <algorithm>
#include <utility>

namespace gong::orders {

Walk::Walk(const Problem& problem, Clocks& clocks, Table& table)
    : problem_(problem),
      clocks_(clocks),
      table_(table),
      stores_(problem.in.part_count),
      positions_(problem.chain_count(), 0),
      fronts_(problem.chain_count(), 0),
      states_(problem.in.part_count, 0),
      stamps_(problem.in.parts.size(), 0),
      users_(problem.uses.size(), 0),
      free_users_(problem.in.part_count, 0),
      used_((problem.in.optional.size() + 31) / 32, 0),
      is_in_(used_.size(), 0),
      store_(stores_.initial()),
      value_parts_(problem.uses.size(), 0),
      enough_(problem.chain_count(), 0),
      wanted_(problem.chain_count(), 0),
      possible_(problem.uses.size(), 0),
      changeable_(problem.in.part_count, 0) {
  for (Part part = 0; part < problem.in.part_count; ++part)
    std::fill(value_parts_.begin() + problem.first_value[part],
              value_parts_.begin() + problem.first_value[part + 1], part);
  for (Op op = 0; op < problem.in.parts.size(); ++op) {
    if (problem.chain_of[op] == NONE || problem.kind(op) == Kind::overwrite) continue;
    const Part part = problem.in.parts[op];
    const Value value = problem.value(part, problem.only_in(op));
    ++(value == NONE ? free_users_[part] : users_[value]);
  }
}

bool Walk::begin(const Poll& poll) {
  find_rooms(poll);
  for (Value value = 0; value < users_.size(); ++value) in_doubt_.push_back(value);
  return finish();
}

void Walk::take_back(std::size_t mark) {
  while (trail_.size() > mark) {
    *trail_.back().cell = trail_.back().before;
    trail_.pop_back();
  }
  in_doubt_.clear();
  rooms_in_doubt_.clear();
}

std::vector<Op> Walk::order() const {
  std::vector<Op> found;
  for (Chain chain = 0; chain < fronts_.size(); ++chain)
    for (Place place = 0; place < fronts_[chain]; ++place) found.push_back(at(chain, place));
  for (std::uint32_t one = 0; one < problem_.in.optional.size(); ++one)
    if (is_in_[one / 32] >> one % 32 & 1) found.push_back(problem_.in.optional[one]);
  std::sort(found.begin(), found.end(), [&](Op a, Op b) { return stamps_[a] < stamps_[b]; });
  return found;
}

void Walk::set_state(Part part, State state, bool is_unseen) {
  const Cell cell = static_cast<Cell>(state) << 1 | (is_unseen ? 1 : 0);
  if (cell == states_[part]) return;
  set(states_[part], cell);
  set(store_, stores_.replace(store_, part, cell));
}

// The operation has taken effect, or never will.
void Walk::count_off(Op op) {
  if (problem_.kind(op) == Kind::overwrite) return;
  const Part part = problem_.in.parts[op];
  const Value value = problem_.value(part, problem_.only_in(op));
  Cell& users = value == NONE ? free_users_[part] : users_[value];
  set(users, users - 1);
}

// Lets excused operations take effect for good, and what must precede them.
void Walk::commit(Chain chain, Place end) {
  commits_.assign(1, {chain, end});
  commit_all();
}

void Walk::commit_before(Op op) {
  commits_.clear();
  push_before(op);
  commit_all();
}

void Walk::commit_all() {
  while (!commits_.empty()) {
    const auto [chain, end] = commits_.back();
    commits_.pop_back();
    while (positions_[chain] < end) {
      const Op op = at(chain, positions_[chain]);
      set(positions_[chain], positions_[chain] + 1);
      count_off(op);
      if (problem_.made(op) != NONE) in_doubt_.push_back(problem_.made(op));
      doubt_rooms(op);
      close(chain);
      push_before(op);
    }
  }
}

void Walk::push_before(Op op) {
  if (clocks_.is_trivial()) return;
  const Place* before = clocks_.before(op);
  for (Chain chain = 0; chain < positions_.size(); ++chain)
    if (before[chain] > positions_[chain] && chain != problem_.chain_of[op])
      commits_.emplace_back(chain, before[chain]);
}

// Optional operations that had to come before the position can no longer; those that did are all
// alike from now on.
void Walk::close(Chain chain) {
  const auto& closing = problem_.closing[chain];
  auto one = std::lower_bound(closing.begin(), closing.end(), std::pair(positions_[chain], 0U));
  for (; one != closing.end() && one->first == positions_[chain]; ++one) {
    Cell& word = used_[one->second / 32];
    if (is_used(one->second)) {
      set(word, word & ~(Cell{1} << one->second % 32));
      continue;
    }
    const Op op = problem_.in.optional[one->second];
    count_off(op);
    if (problem_.made(op) != NONE) in_doubt_.push_back(problem_.made(op));
  }
}

// Commits what nobody will miss.
bool Walk::commit_freely() {
  bool has_moved = false;
  for (Chain chain = 0; chain < positions_.size(); ++chain)
    while (positions_[chain] < fronts_[chain]) {
      const Op op = at(chain, positions_[chain]);
      if (problem_.kind(op) != Kind::observer && !is_useless(op)) break;
      const auto& closing = problem_.closing[chain];
      const Place behind = positions_[chain] + 1;
      const auto first = std::lower_bound(closing.begin(), closing.end(), std::pair(behind, 0U));
      // The plan may take an optional operation of the session before it.
      if (std::any_of(first, closing.end(), [&](const auto& one) {
            return one.first == behind && !is_used(one.second);
          }))
        break;
      if (!is_settled(op)) break;
      commit(chain, behind);
      has_moved = true;
    }
  return has_moved;
}

// What stands from `end` on in the chain is no longer excused, nor what has to come after that.
void Walk::cut(Chain chain, Place end) {
  const auto shorten = [&](Chain one, Place to) {
    for (Place place = to; place < fronts_[one]; ++place) {
      const Value needed = problem_.needed(at(one, place));
      if (needed != NONE) in_doubt_.push_back(needed);
    }
    set(fronts_[one], to);
  };
  if (fronts_[chain] <= end) return;
  shorten(chain, end);
  for (bool has_moved = !clocks_.is_trivial(); has_moved;) {
    has_moved = false;
    for (Chain other = 0; other < fronts_.size(); ++other)
      for (Place place = positions_[other]; place < fronts_[other]; ++place)
        if (!is_reached(at(other, place))) {
          shorten(other, place);
          has_moved = true;
        }
  }
}

// Moves the front of the chain as far as it goes; `opened` is about to be overwritten.
void Walk::excuse(Chain chain, Part opened) {
  const auto& ops = problem_.in.chains[chain];
  Place place = fronts_[chain];
  locals_.clear();
  for (; place < ops.size(); ++place) {
    const Op op = ops[place];
    if (!excuse_one(op, opened, locals_)) break;
    if (problem_.made(op) != NONE) in_doubt_.push_back(problem_.made(op));
    doubt_rooms(op);
    set(stamps_[op], clock_);
    set(clock_, clock_ + 1);
    set(fronts_[chain], place + 1);
  }
}

bool Walk::excuse_one(Op op, Part opened, std::vector<Local>& locals) {
  const Part part = problem_.in.parts[op];
  const Class kind = problem_.in.classes[op];
  if (part != opened && !is_dead(part)) {
    if (table_.next(part, state(part), kind) != state(part) || !is_reached(op)) return false;
    if (is_unseen(part)) set_state(part, state(part), false);
    return true;
  }
  const auto local = std::find_if(locals.begin(), locals.end(),
                                  [&](const Local& one) { return one.part == part; });
  if (local == locals.end()) {
    // One of unknown outcome is possible in any state, and what it does here nobody sees.
    const bool is_overwrite = problem_.kind(op) == Kind::overwrite;
    if (!is_overwrite && (problem_.is_sure(op) || problem_.only_in(op) < 0)) return false;
    if (!is_reached(op)) return false;
    if (is_overwrite) locals.push_back({part, table_.next(part, state(part), kind)});
    return true;
  }
  const State after = table_.next(part, local->state, kind);
  if (after == ILLEGAL || !is_reached(op)) return false;
  local->state = after;
  return true;
}

void Walk::excuse_all(Part opened, Chain except) {
  for (bool has_moved = true; has_moved;) {
    has_moved = false;
    for (Chain chain = 0; chain < fronts_.size(); ++chain) {
      if (chain == except) continue;
      const Place before = fronts_[chain];
      excuse(chain, opened);
      has_moved |= fronts_[chain] > before;
    }
  }
}

void Walk::settle() {
  do excuse_all(NONE, NONE);
  while (commit_freely());
}

bool Walk::finish() {
  settle();
  const bool is_fine = keep_rooms() && keep_values() && !is_deadlocked();
  rooms_in_doubt_.clear();
  in_doubt_.clear();
  if (!is_fine) has_looked_ahead_ = true;
  return is_fine;
}

bool Walk::take(const Move& move) {
  const Op op = move.op;
  const Part part = problem_.in.parts[op];
  const State before = state(part);
  const bool overwrites = problem_.kind(op) == Kind::overwrite;
  if (overwrites && is_unseen(part)) return false;
  bool was_excused = false;
  const Chain chain = problem_.chain_of[op];
  commit_before(op);
  if (move.optional == NONE) {
    const Place place = problem_.place_of[op];
    commit(chain, place);
    was_excused = place < fronts_[chain];
    cut(chain, place);
  } else {
    commit(chain, clocks_.before(op, chain));
    if (problem_.in.closes[move.optional] != NONE) cut(chain, problem_.in.closes[move.optional] - 1);
    was_excused = problem_.in.is_needed[move.optional] == 0;
  }
  if (overwrites) excuse_all(part, chain);
  const State after = table_.next(part, before, problem_.in.classes[op]);
  if (after != before) {
    if (problem_.value(part, before) != NONE) in_doubt_.push_back(problem_.value(part, before));
    set_state(part, after, was_excused);
  }
  set(stamps_[op], clock_);
  set(clock_, clock_ + 1);
  if (move.optional == NONE) {
    set(fronts_[chain], fronts_[chain] + 1);
    commit(chain, fronts_[chain]);
  } else {
    Cell& used = used_[move.optional / 32];
    Cell& is_in = is_in_[move.optional / 32];
    set(used, used | Cell{1} << move.optional % 32);
    set(is_in, is_in | Cell{1} << move.optional % 32);
    count_off(op);
    if (problem_.made(op) != NONE) in_doubt_.push_back(problem_.made(op));
  }
  if (after == before) return finish();
  settle();
  return keep(problem_.value(part, after)) && finish();
}

}  // namespace gong::orders
