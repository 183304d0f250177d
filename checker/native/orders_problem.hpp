// Operations of several objects and issuers as integers, and what can be read off them before the
// search begins. See `checker/orders/problem.py` for what is required and what is optional.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

namespace gong::orders {

using Op = std::uint32_t;
using Chain = std::uint32_t;
using Place = std::uint32_t;  // in a chain: how many required operations stand before
using Part = std::uint32_t;   // an object
using Class = std::uint32_t;  // an action of one object; numbered over all objects
using State = std::int32_t;   // numbered by object; 0 is the initial one
using Value = std::uint32_t;  // a pair of object and state about which something is known
using Rank = std::int64_t;    // a point in time

constexpr State ILLEGAL = -1;
constexpr State NOT_ASKED = -2;
constexpr State ANYWHERE = -3;
constexpr std::uint32_t NONE = std::numeric_limits<std::uint32_t>::max();

enum class Kind : std::uint8_t { other = 0, observer = 1, overwrite = 2 };

// Asks the model for a successor.
using Ask = std::function<State(Part, State, Class)>;
// Asked every few microseconds; true ends the search.
using Poll = std::function<bool()>;

// What `checker/orders/native.py` hands over.
struct Input {
  bool keeps_time = false;
  std::size_t bounds_max = 0;  // as many numbers may be kept about what comes before what
  std::uint32_t part_count = 0;
  std::vector<Part> parts;       // by operation
  std::vector<Class> classes;    // by operation
  std::vector<Rank> calls;       // by operation; along a chain they rise
  std::vector<Rank> returns;     // by operation; of unknown outcome: later than all
  std::vector<std::vector<Op>> chains;  // the required operations of each issuer
  std::vector<Place> goals;      // by chain: how many of them a complete order has
  std::vector<Class> first_class;   // by part: its classes are numbered from here to the next
  std::vector<std::uint8_t> kinds;  // by class
  std::vector<State> only_in;       // by class: its only state, or ANYWHERE
  std::vector<State> targets;       // by class: the state after it, where that is known beforehand
  std::vector<State> not_in;        // by class: a state in which it is illegal, or ANYWHERE
  std::vector<std::uint8_t> sure;   // by class: its result is known, so it is illegal elsewhere
  // Optional operations: see `Optional` in problem.py.
  std::vector<Op> optional;
  std::vector<Chain> optional_chains;
  std::vector<Place> opens, closes;
  std::vector<std::uint32_t> needs;          // the optional one that must be in, or NONE
  std::vector<std::uint32_t> excludes_end;   // those after this one, up to here, must not be in
  std::vector<std::uint8_t> is_needed;
};

// Where the operations of one sort stand in one chain.
struct Stand {
  Chain chain;
  std::vector<Place> places;  // rising
};

// Who counts on a value and who makes it.
struct Uses {
  std::vector<Stand> needers;  // required, and legal in no other state
  std::vector<Stand> makers;   // required ones that can lead to it
  std::vector<Stand> missers;  // required, and illegal in this state
  std::vector<std::uint32_t> optional_makers;
};

class Problem {
 public:
  explicit Problem(Input input);

  Input in;
  std::vector<Chain> chain_of;     // by operation; of an optional one: the chain it hangs in
  std::vector<Place> place_of;     // by operation; of an optional one: where it opens
  std::vector<std::uint8_t> is_optional;
  std::vector<Value> first_value;  // by part
  std::vector<Uses> uses;          // by value
  std::vector<std::uint8_t> is_known;  // by part: what every mutator leads to is known
  std::vector<std::vector<Stand>> destroyers;  // by part: certain to replace any other value
  std::vector<std::vector<Stand>> changers;    // by part: all that is no observer
  std::vector<std::uint8_t> is_certain;        // by part: whoever can change it is a destroyer, and required
  // Optional operations of a chain, by where they close: [chain] -> (closes, which), sorted.
  std::vector<std::vector<std::pair<Place, std::uint32_t>>> closing;
  // By chain and place: what is still to come. Nothing where real time counts.
  std::vector<std::vector<std::uint32_t>> suffixes;
  bool has_twins = false;  // two chains may be left with the same

  [[nodiscard]] std::uint32_t chain_count() const {
    return static_cast<std::uint32_t>(in.chains.size());
  }
  // Without bounds only the issue order is known: see `Clocks::is_trivial`.
  [[nodiscard]] bool has_bounds() const {
    return in.parts.size() * in.chains.size() <= in.bounds_max;
  }
  [[nodiscard]] Kind kind(Op op) const { return static_cast<Kind>(in.kinds[in.classes[op]]); }
  [[nodiscard]] State only_in(Op op) const { return in.only_in[in.classes[op]]; }
  [[nodiscard]] State target(Op op) const { return in.targets[in.classes[op]]; }
  [[nodiscard]] bool is_sure(Op op) const { return in.sure[in.classes[op]] != 0; }
  [[nodiscard]] Value value(Part part, State state) const {
    const Value found = first_value[part] + static_cast<Value>(state);
    return state >= 0 && found < first_value[part + 1] ? found : NONE;
  }
  // The value without which the operation is impossible, or NONE.
  [[nodiscard]] Value needed(Op op) const {
    return is_sure(op) && kind(op) != Kind::overwrite ? value(in.parts[op], only_in(op)) : NONE;
  }
  // The value with which the operation is impossible, or NONE.
  [[nodiscard]] Value missed(Op op) const {
    return is_sure(op) ? value(in.parts[op], in.not_in[in.classes[op]]) : NONE;
  }
  // The value that the operation may make, or NONE.
  [[nodiscard]] Value made(Op op) const {
    return kind(op) == Kind::observer ? NONE : value(in.parts[op], target(op));
  }
  [[nodiscard]] bool is_destroyer(Op op) const {
    return kind(op) == Kind::overwrite ||
           (kind(op) == Kind::other && is_sure(op) && only_in(op) >= 0 && target(op) >= 0);
  }

 private:
  void number_values();
  void place_operations();
  void find_uses();
  void find_suffixes();
};

// The place of the first entry of `places` that is not below `from`.
inline std::size_t first_from(const std::vector<Place>& places, Place from) {
  std::size_t low = 0, high = places.size();
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (places[middle] < from) low = middle + 1;
    else high = middle;
  }
  return low;
}

// Transitions, filled on demand: the model is asked once for each pair of state and class.
class Table {
 public:
  Table(const Problem& problem, Ask ask)
      : problem_(problem), ask_(std::move(ask)), rows_(problem.in.part_count) {}

  // The state of `part` after an operation of class `kind`, or ILLEGAL.
  State next(Part part, State state, Class kind) {
    const Input& in = problem_.in;
    const State only = in.only_in[kind], target = in.targets[kind];
    if (target != NOT_ASKED) {
      if (only == ANYWHERE || only == state) return target;
      if (in.sure[kind]) return ILLEGAL;
    }
    auto& rows = rows_[part];
    const auto row = static_cast<std::size_t>(state);
    if (row >= rows.size()) rows.resize(row + row / 2 + 1);
    auto& pages = rows[row];
    const Class own = kind - problem_.in.first_class[part];
    if (pages.empty())
      pages.resize((problem_.in.first_class[part + 1] - problem_.in.first_class[part] + PAGE - 1) / PAGE);
    auto& page = pages[own / PAGE];
    if (page.empty()) page.assign(PAGE, NOT_ASKED);
    // The model may be slow, and may fail; the place is looked up again after it has answered.
    if (page[own % PAGE] == NOT_ASKED) page[own % PAGE] = ask_(part, state, own);
    return page[own % PAGE];
  }

 private:
  static constexpr std::size_t PAGE = 64;  // thousands of classes, few of them tried in a state
  const Problem& problem_;
  Ask ask_;
  std::vector<std::vector<std::vector<std::vector<State>>>> rows_;  // part, state, page
};

}  // namespace gong::orders
