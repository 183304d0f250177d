// One object's history as integers, and what can be read off it before the search begins.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace gong::search {

using Op = std::uint32_t;     // a number as in `prepare.py`: live ones by return, then the crashed
using Event = std::uint32_t;  // the return of the live operation of the same number
using Class = std::uint32_t;
using State = std::int32_t;
using Word = std::uint64_t;

constexpr State ILLEGAL = -1;
constexpr State NOT_ASKED = -2;
constexpr State ANYWHERE = -3;
constexpr std::uint32_t NONE = std::numeric_limits<std::uint32_t>::max();

enum class Kind : std::uint8_t { other = 0, observer = 1, overwrite = 2 };

// What `lowering.py` hands over.
struct Input {
  std::uint32_t live_count = 0;
  std::vector<Class> classes;   // by operation
  std::vector<Event> arrivals;  // by operation: the first return that comes after its call
  std::vector<std::uint8_t> kinds;  // by class
  std::vector<State> only_in;       // by class: its only state, or ANYWHERE
  std::vector<State> targets;       // by class: the state after it, where that is known beforehand
  std::vector<std::uint8_t> grows;  // by class: the model says that it grows; empty: none does
};

// Crashed operations of equal effect, in the order of their calls.
struct Crashed {
  Class kind;
  std::vector<Event> arrivals;
  std::vector<Op> operations;
};

// An operation that counts on a state, or that produces it.
struct Use {
  Event arrival;
  Op operation;
};

// Who counts on one state and who produces it. All sorted by arrival.
struct Uses {
  std::vector<Use> needers;           // live operations that are legal in this state only
  std::vector<Op> earliest_needer;    // of needers[i...]: the one that returns first
  std::vector<Event> producers;       // arrivals of live operations that lead to it
  std::vector<std::uint32_t> crashed_producers;  // indices into Problem::crashed
  bool crashed_needer = false;
};

class Problem {
 public:
  // The history up to the return of operation `end` - 1; later returns are not required.
  Problem(Input input, Event end);

  Event end;
  std::uint32_t live_count;
  std::vector<Class> classes;
  std::vector<Event> arrivals;
  std::vector<std::uint32_t> came_begin;  // CSR: calls between return i - 1 and return i
  std::vector<Op> came;
  std::vector<std::uint32_t> slot;  // by live operation
  std::uint32_t slot_count = 0;
  std::uint32_t words = 0;  // of a set of slots

  std::vector<Kind> kinds;
  std::vector<State> only_in;
  std::vector<State> targets;
  std::vector<std::uint8_t> grows;
  std::vector<Class> twin;  // by class: the least class of the same effect

  std::vector<Crashed> crashed;  // by first arrival
  std::vector<Uses> uses;        // by state
  bool effects_known = true;     // every mutator overwrites, or has a known effect in one state
  bool needs_known = true;       // all that does not overwrite is legal in one state only

  [[nodiscard]] Kind kind_of(Op operation) const { return kinds[classes[operation]]; }

 private:
  void sort_calls();
  void assign_slots();
  void find_twins();
  void group_crashed();
  void find_uses();
};

}  // namespace gong::search
