// Which operation is in which slot at one event. Moves from event to event in either direction.
#pragma once

#include <vector>

#include "search_problem.hpp"

namespace gong::search {

inline bool has(const Word* set, std::uint32_t bit) { return set[bit / 64] >> (bit % 64) & 1; }
inline void put(Word* set, std::uint32_t bit) { set[bit / 64] |= Word{1} << (bit % 64); }
inline void drop(Word* set, std::uint32_t bit) { set[bit / 64] &= ~(Word{1} << (bit % 64)); }

// Calls `visit(slot)` for each member of a set of slots.
template <typename Visit>
void each(const Word* set, std::uint32_t words, Visit visit) {
  for (std::uint32_t word = 0; word < words; ++word)
    for (Word left = set[word]; left != 0; left &= left - 1)
      visit(word * 64 + static_cast<std::uint32_t>(__builtin_ctzll(left)));
}

class Window {
 public:
  explicit Window(const Problem& problem)
      : problem_(problem),
        operations_(problem.slot_count, NONE),
        observers_(problem.words, 0),
        overwrites_(problem.words, 0),
        others_(problem.words, 0) {
    if (problem.live_count > 0) come(0);
  }

  [[nodiscard]] Event event() const { return event_; }
  [[nodiscard]] Op operation(std::uint32_t slot) const { return operations_[slot]; }
  [[nodiscard]] const Word* observers() const { return observers_.data(); }
  [[nodiscard]] const Word* overwrites() const { return overwrites_.data(); }
  [[nodiscard]] const Word* others() const { return others_.data(); }

  void move_to(Event event) {
    while (event_ < event) forward();
    while (event_ > event) back();
  }

  void forward() {
    leave(event_);
    if (++event_ < problem_.live_count) come(event_);
  }

 private:
  void back() {
    if (event_ < problem_.live_count)
      for (auto i = problem_.came_begin[event_]; i < problem_.came_begin[event_ + 1]; ++i)
        leave(problem_.came[i]);
    enter(--event_);
  }

  void come(Event event) {
    for (auto i = problem_.came_begin[event]; i < problem_.came_begin[event + 1]; ++i)
      enter(problem_.came[i]);
  }

  void enter(Op op) {
    operations_[problem_.slot[op]] = op;
    put(set_of(op), problem_.slot[op]);
  }

  void leave(Op op) {
    operations_[problem_.slot[op]] = NONE;
    drop(set_of(op), problem_.slot[op]);
  }

  Word* set_of(Op op) {
    switch (problem_.kind_of(op)) {
      case Kind::observer:
        return observers_.data();
      case Kind::overwrite:
        return overwrites_.data();
      default:
        return others_.data();
    }
  }

  const Problem& problem_;
  Event event_ = 0;
  std::vector<Op> operations_;
  std::vector<Word> observers_, overwrites_, others_;
};

}  // namespace gong::search
