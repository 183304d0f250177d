#include "search_store.hpp"

#include <algorithm>

namespace gong::search {

namespace {

constexpr std::size_t HEADER = 2;  // event and state; used crashed operations

Event event_of(const Word* words) { return static_cast<Event>(words[0] >> 32); }
State state_of(const Word* words) { return static_cast<State>(words[0] & 0xFFFFFFFF); }
UsedSets::Id used_of(const Word* words) { return static_cast<UsedSets::Id>(words[1]); }

std::uint64_t mix(std::uint64_t x) {  // the finalizer of splitmix64
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

}  // namespace

Store::Store(const Problem& problem, UsedSets& used)
    : problem_(problem),
      used_(used),
      sets_(problem.words),
      words_(HEADER + 2 * sets_),
      parts_(PARTS),
      lists_(problem.end + 1),
      probe_(HEADER + 2 * sets_) {}

void Store::load(Id id, Config& config) {
  const Word* words = words_[id];
  config.event = event_of(words);
  config.state = state_of(words);
  config.used = used_of(words);
  config.pending.assign(words + HEADER, words + HEADER + sets_);
  config.excused.assign(words + HEADER + sets_, words + HEADER + 2 * sets_);
}

bool Store::add(const Config& config, const Window& window, Id parent, std::uint32_t move) {
  probe_[0] = Word{config.event} << 32 | static_cast<std::uint32_t>(config.state);
  probe_[1] = config.used;
  std::copy(config.pending.begin(), config.pending.end(), probe_.begin() + HEADER);
  std::copy(config.excused.begin(), config.excused.end(),
            probe_.begin() + static_cast<std::ptrdiff_t>(HEADER + sets_));
  Id& head = head_of(probe_.data(), window);
  for (Id* link = &head; *link != NONE;) {
    const Id known = *link;
    const Word* words = words_[known];
    if (dominates(words, probe_.data(), window)) return false;
    Note& note = *notes_[known];
    if (dominates(probe_.data(), words, window)) {
      *link = note.next_equal;
      if (note.open) close(known);
    } else {
      link = &note.next_equal;
    }
  }
  const auto id = static_cast<Id>(notes_.size());
  std::copy(probe_.begin(), probe_.end(), words_.add());
  *notes_.add() = {parent, move, head, NONE, NONE, false, false};
  head = id;
  open(id);
  furthest_ = std::max(furthest_, config.event);
  return true;
}

// Any plan that continues `b` continues `a` too. Both agree in event, state and the pending
// operations that are neither observers nor overwrites. Then it is enough that
// - `a` has no pending observer that `b` has not: leave the others out of the plan;
// - each overwrite stands alike in both, or is excused in `a`: where the plan takes it, take it;
//   where it has taken effect in `b`, let it go unseen;
// - `a` has used no more of any crashed group: take the other members.
bool Store::dominates(const Word* a, const Word* b, const Window& window) const {
  const Word* observers = window.observers();
  const Word* overwrites = window.overwrites();
  for (std::size_t i = 0; i < sets_; ++i) {
    const Word pending_a = a[HEADER + i], excused_a = a[HEADER + sets_ + i];
    const Word pending_b = b[HEADER + i], excused_b = b[HEADER + sets_ + i];
    if (pending_a & ~pending_b & observers[i]) return false;
    const Word differ = (pending_a ^ pending_b) | (excused_a ^ excused_b);
    if (differ & ~excused_a & overwrites[i]) return false;
  }
  return used_.within(used_of(a), used_of(b));
}

bool Store::same_key(const Word* a, const Word* b, const Word* others) const {
  if (a[0] != b[0]) return false;
  for (std::size_t i = 0; i < sets_; ++i)
    if ((a[HEADER + i] ^ b[HEADER + i]) & others[i]) return false;
  return true;
}

std::uint64_t Store::hash(const Word* words, const Word* others) const {
  std::uint64_t h = mix(words[0] + 0x9E3779B97F4A7C15u);
  for (std::size_t i = 0; i < sets_; ++i) h = mix(h + (words[HEADER + i] & others[i]));
  return h;
}

// Where the list of configurations with the key of `words` begins. Its link is NONE when it is new.
Id& Store::head_of(const Word* words, const Window& window) {
  const std::uint64_t h = hash(words, window.others());
  const auto tag = static_cast<std::uint32_t>(h >> 32);
  Part& part = parts_[h % PARTS];
  if (2 * (part.filled + 1) > part.entries.size()) grow(part);
  const std::size_t mask = part.entries.size() - 1;
  for (std::size_t at = tag & mask;; at = (at + 1) & mask) {
    Entry& entry = part.entries[at];
    if (entry.head == NONE) {
      ++part.filled;  // the caller puts something in
      entry.hash = tag;
      return entry.head;
    }
    if (entry.hash == tag && same_key(words_[entry.head], words, window.others()))
      return entry.head;
  }
}

void Store::grow(Part& part) {
  std::vector<Entry> larger(std::max<std::size_t>(16, 2 * part.entries.size()), Entry{0, NONE});
  const std::size_t mask = larger.size() - 1;
  for (const Entry& entry : part.entries) {
    if (entry.head == NONE) continue;
    std::size_t at = entry.hash & mask;
    while (larger[at].head != NONE) at = (at + 1) & mask;
    larger[at] = entry;
  }
  part.entries.swap(larger);
}

Id Store::take_deepest() {
  while (deepest_ >= 0 && lists_[static_cast<std::size_t>(deepest_)].newest == NONE) --deepest_;
  if (deepest_ < 0) return NONE;
  const Id id = lists_[static_cast<std::size_t>(deepest_)].newest;
  close(id);
  return id;
}

// Children never stand at an earlier event than their parent, so the first event with an open
// configuration only moves on.
Id Store::take_shallowest() {
  while (shallowest_ < lists_.size() && lists_[shallowest_].oldest == NONE) ++shallowest_;
  if (shallowest_ == lists_.size()) return NONE;
  const Id id = lists_[shallowest_].oldest;
  close(id);
  return id;
}

void Store::reopen(Id id) { open(id); }

void Store::open(Id id) {
  Note& note = *notes_[id];
  List& list = lists_[event_of(words_[id])];
  note.open = true;
  note.newer = NONE;
  note.older = list.newest;
  (list.newest == NONE ? list.oldest : notes_[list.newest]->newer) = id;
  list.newest = id;
  deepest_ = std::max(deepest_, static_cast<std::int64_t>(event_of(words_[id])));
}

void Store::close(Id id) {
  Note& note = *notes_[id];
  List& list = lists_[event_of(words_[id])];
  (note.newer == NONE ? list.newest : notes_[note.newer]->older) = note.older;
  (note.older == NONE ? list.oldest : notes_[note.older]->newer) = note.newer;
  note.open = false;
}

std::vector<State> Store::states() {
  std::vector<State> states;
  for (Id id = 0; id < size(); ++id) states.push_back(state_of(words_[id]));
  return distinct(std::move(states));
}

std::vector<State> Store::states_at(Event event) {
  std::vector<State> states;
  for (Id id = 0; id < size(); ++id)
    if (event_of(words_[id]) == event) states.push_back(state_of(words_[id]));
  return distinct(std::move(states));
}

std::vector<State> Store::distinct(std::vector<State> states) {
  std::sort(states.begin(), states.end());
  states.erase(std::unique(states.begin(), states.end()), states.end());
  return states;
}

}  // namespace gong::search
