#include "orders_search.hpp"

#include <algorithm>
#include <numeric>

namespace gong::orders {

namespace {

// Failures before the search goes back for the first time, and how far it goes back. Measured on long
// histories of few values: 50 decides some that 500 does not, nor never going back.
constexpr std::size_t FAILURES = 50;
constexpr std::size_t WAY_BACK = 32;  // moves
// How much chance there is, by turns: from 4 places in the order of tries to 128.
constexpr std::uint32_t CHANCE = 4;
constexpr std::size_t CHANCES = 6;

// 1 1 2 1 1 2 4 1 1 2 …: short tries mostly, and long ones seldom, for as long as it takes; no other
// sequence is much better where nobody knows how long a try should be (Luby, Sinclair & Zuckerman
// 1993, section 3).
std::size_t luby(std::size_t turn) {
  std::size_t size = 1;
  while (size < turn) size = 2 * size + 1;
  return size == turn ? (size + 1) / 2 : luby(turn - size / 2);
}

// Positions that are a factor of this apart are apart, whatever chance says.
constexpr std::int64_t URGENT = std::int64_t{1} << 40;

}  // namespace

Search::Search(Input input, Ask ask, Poll poll, bool looks_ahead)
    : problem_(std::move(input)),
      clocks_(problem_),
      table_(problem_, std::move(ask)),
      walk_(problem_, clocks_, table_),
      memo_(problem_),
      poll_(std::move(poll)),
      looks_ahead_(looks_ahead),
      asked_(problem_.chain_count(), 0),
      failures_max_(FAILURES) {
  std::vector<Op> in_time(problem_.in.parts.size());
  std::iota(in_time.begin(), in_time.end(), 0);
  std::stable_sort(in_time.begin(), in_time.end(), [&](Op a, Op b) {
    return problem_.in.returns[a] < problem_.in.returns[b];
  });
  ranks_.resize(in_time.size());
  for (std::uint32_t place = 0; place < in_time.size(); ++place) ranks_[in_time[place]] = place;
}

bool Search::begin() {
  has_begun_ = true;
  note();
  const Poll poll = [this] { return is_stopped_ = is_stopped_ || poll_(); };
  if (problem_.has_bounds()) {
    if (!clocks_.begin(poll)) return false;
    if (looks_ahead_ && !clocks_.saturate(poll)) return false;
  }
  return is_stopped_ || (walk_.begin(poll) && visit());
}

Result Search::run(std::size_t effort) {
  if (!has_begun_ && !begin()) return finish(is_stopped_ ? Status::stopped : Status::stuck);
  if (is_stopped_) return finish(Status::stopped);
  in_vain_ = 0;
  while (!walk_.is_complete()) {
    if (poll_()) return finish(Status::stopped);
    if (in_vain_ >= effort) return finish(Status::tired);
    Frame& frame = frames_.back();
    walk_.take_back(frame.mark);
    if (frame.next == moves_.size()) {
      if (!backtrack()) return finish(Status::stuck);
      continue;
    }
    const Move move = moves_[frame.next++];
    if (!walk_.take(move)) continue;
    if (walk_.is_complete()) break;
    if (!memo_.has_failed(walk_)) visit();
  }
  return finish(Status::found);
}

// Notes the moves from where the walk stands.
bool Search::visit() {
  note();
  walk_.moves(found_);
  rank(found_);
  frames_.push_back({walk_.mark(), moves_.size(), moves_.size()});
  for (std::size_t i = 0; i < found_.size(); ++i)
    if (!is_a_twin(found_[i], i)) moves_.push_back(found_[i]);
  return !found_.empty() || walk_.is_complete();
}

// The walk stands where the last frame began, and all its moves have failed.
bool Search::backtrack() {
  memo_.add(walk_);
  moves_.resize(frames_.back().moves);
  frames_.pop_back();
  if (frames_.empty()) return false;
  ++in_vain_;
  if (++failures_ >= failures_max_) begin_again();
  return true;
}

// Goes back some way, and on from there with other luck. Most mistakes are near, but not all.
void Search::begin_again() {
  const std::size_t way = luby(++turns_);
  const std::size_t back = WAY_BACK * way;
  failures_ = 0;
  failures_max_ = FAILURES * way;
  chance_ = std::min<std::uint32_t>(CHANCE << turns_ % CHANCES, static_cast<std::uint32_t>(ranks_.size()));
  const std::size_t kept = frames_.size() > back ? frames_.size() - back - 1 : 0;
  walk_.take_back(frames_[kept].mark);
  moves_.resize(frames_[kept].moves);
  frames_.resize(kept);
  visit();
}

// The most promising first, which matters to the time and not to the verdict: what the earliest
// operation that is stuck waits for, directly or through others; then what moves an issuer on; then
// what was hidden already. Within these by time, and by chance.
void Search::rank(std::vector<Move>& moves) {
  const Wanted wanted = find_wanted();
  for (Move& move : moves) {
    const Op op = move.op;
    const bool was_excused =
        move.optional != NONE || problem_.place_of[op] < walk_.front(problem_.chain_of[op]);
    std::int64_t urgency = was_excused ? 3 : 2;
    if (op == wanted.op || (problem_.made(op) != NONE && problem_.made(op) == wanted.value))
      urgency = 1;
    else if (!was_excused && problem_.chain_of[op] == wanted.chain)
      urgency = 0;
    const std::int64_t luck = chance_ == 0 ? 0 : random_() % chance_;
    move.urgency = urgency * URGENT + ranks_[op] + luck;
  }
  std::sort(moves.begin(), moves.end(),
            [](const Move& a, const Move& b) { return a.urgency < b.urgency; });
}

// Follows what the earliest operation that is stuck waits for: until there is a chain whose next
// operation is possible, or somebody at a front or excused whom it waits for, or nobody is left.
Search::Wanted Search::find_wanted() {
  std::fill(asked_.begin(), asked_.end(), 0);
  Chain chain = earliest_stuck();
  while (chain != NONE && !asked_[chain]) {
    asked_[chain] = 1;
    const Op op = problem_.in.chains[chain][walk_.front(chain)];
    Chain next = NONE;
    if (!walk_.is_reached(op)) {
      const Place* before = clocks_.before(op);
      for (Chain one = 0; one < problem_.chain_count() && next == NONE; ++one)
        if (one != chain && before[one] > walk_.front(one)) next = one;
    } else {
      const Value now = problem_.value(problem_.in.parts[op], walk_.state(problem_.in.parts[op]));
      const Value needed = problem_.needed(op);
      const bool is_barred = walk_.is_barred(op);
      if (!is_barred && (needed == NONE || needed == now)) return {.chain = chain};
      const Op nearest = is_barred ? find_destroyer(op) : find_maker(needed);
      if (nearest == NONE) return {.value = needed};
      next = problem_.chain_of[nearest];
      if (problem_.place_of[nearest] <= walk_.front(next)) return {.value = needed, .op = nearest};
    }
    chain = next;
  }
  return {.chain = chain};
}

// The chain that is stuck before the operation that returns first, or NONE.
Chain Search::earliest_stuck() const {
  const Input& in = problem_.in;
  Chain found = NONE;
  Op first = NONE;
  for (Chain chain = 0; chain < problem_.chain_count(); ++chain) {
    if (walk_.front(chain) >= in.goals[chain]) continue;
    const Op op = in.chains[chain][walk_.front(chain)];
    if (first != NONE && ranks_[op] >= ranks_[first]) continue;
    found = chain;
    first = op;
  }
  return found;
}

// The earliest that is left to make the value, or NONE.
Op Search::find_maker(Value value) const {
  Op nearest = NONE;
  for (const auto& [chain, places] : problem_.uses[value].makers) {
    const auto first = first_from(places, walk_.position(chain));
    if (first == places.size()) continue;
    const Op maker = problem_.in.chains[chain][places[first]];
    if (nearest == NONE || ranks_[maker] < ranks_[nearest]) nearest = maker;
  }
  return nearest;
}

// The earliest that is left to end what the miss does not find, and need not come after it; or NONE.
Op Search::find_destroyer(Op miss) const {
  Op nearest = NONE;
  for (const auto& [chain, places] : problem_.destroyers[problem_.in.parts[miss]]) {
    auto next = first_from(places, walk_.position(chain));
    while (next < places.size() &&
           problem_.made(problem_.in.chains[chain][places[next]]) == problem_.missed(miss))
      ++next;
    if (next == places.size()) continue;
    const Op one = problem_.in.chains[chain][places[next]];
    if (clocks_.before(one, problem_.chain_of[miss]) > problem_.place_of[miss]) continue;
    if (nearest == NONE || ranks_[one] < ranks_[nearest]) nearest = one;
  }
  return nearest;
}

// Whether an equal operation of an issuer that is left with the same is tried already.
bool Search::is_a_twin(const Move& move, std::size_t count) const {
  const auto& suffixes = problem_.suffixes;
  const Chain chain = problem_.chain_of[move.op];
  for (std::size_t i = 0; i < count; ++i) {
    const Move& other = found_[i];
    if (problem_.in.classes[other.op] != problem_.in.classes[move.op]) continue;
    const Chain its = problem_.chain_of[other.op];
    if (move.optional != NONE && other.optional != NONE) {
      const Input& in = problem_.in;
      const auto is_free = [&](std::uint32_t one) {
        return in.needs[one] == NONE && in.excludes_end[one] <= one + 1 && !in.is_needed[one] &&
               in.closes[one] == NONE && walk_.is_settled(in.optional[one]);
      };
      if (is_free(move.optional) && is_free(other.optional)) return true;
    } else if (problem_.has_twins && move.optional == NONE && other.optional == NONE) {
      if (suffixes[chain][problem_.place_of[move.op]] == suffixes[its][problem_.place_of[other.op]] &&
          suffixes[chain][walk_.front(chain)] == suffixes[its][walk_.front(its)] &&
          suffixes[chain][walk_.position(chain)] == suffixes[its][walk_.position(its)])
        return true;
    }
  }
  return false;
}

void Search::note() {
  std::size_t placed = 0;
  for (Chain chain = 0; chain < problem_.chain_count(); ++chain) placed += walk_.front(chain);
  if (placed < furthest_ || (placed == furthest_ && !best_.fronts.empty())) return;
  if (placed > furthest_) {
    failures_ = in_vain_ = 0;
    failures_max_ = FAILURES;
    turns_ = 0;
    chance_ = 0;
  }
  furthest_ = placed;
  best_.fronts.resize(problem_.chain_count());
  best_.states.resize(problem_.in.part_count);
  for (Chain chain = 0; chain < problem_.chain_count(); ++chain)
    best_.fronts[chain] = walk_.front(chain);
  for (Part part = 0; part < problem_.in.part_count; ++part) best_.states[part] = walk_.state(part);
}

Result Search::finish(Status status) {
  Result result = best_;
  result.status = status;
  result.configurations = memo_.size();
  result.looked_ahead = walk_.has_looked_ahead();
  if (status == Status::found) result.order = walk_.order();
  if (status == Status::stuck) {
    result.cycle = clocks_.cycle();
    result.without_source = clocks_.without_source();
  }
  return result;
}

}  // namespace gong::orders
