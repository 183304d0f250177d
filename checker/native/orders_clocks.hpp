// What must come before what, in every order: a lower bound on the position of each chain before an
// operation can be next. It begins with the issue order and, where it counts, real time, and grows
// by what the results say ("saturation"; Biswas & Enea 2019 decide several weaker conditions by
// this alone). Three rules, for a read r that needs the value v of an object, applied until nothing
// changes. A candidate is an operation that may have made the v that r found; a destroyer is one
// that certainly leaves another value than v in the object.
//
// - A candidate that must come after r, or before a destroyer that must come before r, is none.
//   Where no candidate is left, there is no order.
// - r comes after all that every candidate comes after; and where there is one candidate only,
//   after it, and the destroyers that come before r come before it.
// - A destroyer that must come after all candidates comes after r: between the last of the
//   candidates and r there is room for none.
//
// All of these hold in every order of the whole, so a search may restrict itself to orders that
// keep the bounds. Sequential consistency stays hard (it is, with distinct values too), but what
// remains after saturation is mostly easy. The initial state is a candidate that precedes all.
#pragma once

#include <vector>

#include "orders_problem.hpp"

namespace gong::orders {

// Why one operation comes before another.
enum class Why : std::uint8_t {
  issued = 0,    // one issuer issued both, in this order
  returned = 1,  // it returned before the other one was called
  made = 2,      // only it can have made what the other one found
  hidden = 3,    // else it would stand between a third, `about`, and what that one found
  found = 4,     // it found what the other one destroys, and that one follows all who make it
  common = 5,    // whoever made what the other one found is it, or comes after it
  missed = 6,    // it did not find what the other one alone made, and cannot come later: `about`
                 // comes later, which found that, or else nobody can have destroyed it before
  gone = 7,      // it found what the other one, later than `about` which alone made it, did not
  destroyed = 8, // only it can have destroyed, for the other one, what only `about` made
  only_then = 9, // only the other one can have destroyed, for `about`, what it made
  cleared = 10,  // whoever has done so is it, or comes after it
};

struct Edge {
  Op before, after;
  Why why;
  Op about;  // hidden: the one that found the value
};

// What a cell held before it changed, so that it can be taken back.
struct Change {
  std::uint32_t* cell;
  std::uint32_t before;
};

// A miss that comes after the maker of the value that it did not find, and who may come between.
struct Room {
  Op maker, miss;
  std::vector<Op> destroyers;  // one at least is needed
};

class Clocks {
 public:
  explicit Clocks(const Problem& problem) : problem_(problem), width_(problem.chain_count()) {}

  // Without real time, nothing need be known but the issue order: for so many operations of so
  // many issuers that the table of bounds would fill the memory.
  [[nodiscard]] bool is_trivial() const { return rows_.empty(); }

  // The issue order and real time. False: they contradict each other. `poll` may end it early; then
  // nothing is known.
  bool begin(const Poll& poll);
  // Everything that follows. False: there is no order. `poll` may end it early; what is known then
  // is true.
  bool saturate(const Poll& poll);

  // By chain: how many of its required operations must come before `op`.
  [[nodiscard]] const Place* before(Op op) const { return &rows_[std::size_t{op} * width_]; }
  [[nodiscard]] Place before(Op op, Chain chain) const {
    if (is_trivial()) return chain == problem_.chain_of[op] ? problem_.place_of[op] : 0;
    return before(op)[chain];
  }

  // While a search goes on: from where it stands, `before` comes before `after`, which is beyond
  // the fronts. What changes is noted in `trail`. False: nothing can come of it.
  bool add_for_now(Op before, Op after, const std::vector<Place>& fronts,
                   std::vector<Change>& trail);
  // Where all who may destroy a value are known, none of them is known to do it, and one at least is
  // wanted. Not all of them where that would be too many, or `poll` ends it. To be asked once, after
  // saturation.
  [[nodiscard]] std::vector<Room> rooms(const Poll& poll);
  // After a contradiction: operations each of which comes before the next, the last one before
  // the first; or one operation that finds a value that nobody can have made.
  [[nodiscard]] std::vector<Edge> cycle() const;
  [[nodiscard]] Op without_source() const { return without_source_; }

 private:
  [[nodiscard]] Op at(Chain chain, Place place) const { return problem_.in.chains[chain][place]; }
  void bound_by_time(Op op);
  bool add(Op before, Op after, Why why, Op about = NONE);
  bool merge(Op before, Op after);
  bool pull(Op op);
  bool propagate();
  bool look_at(Op read);
  bool look_at_miss(Op miss);
  [[nodiscard]] Op maker_missed(Op miss, bool& is_only) const;
  [[nodiscard]] bool is_apart(Op miss, Op maker) const;
  bool find_room(Op miss, Op maker, std::size_t at_most);
  bool bound_by_room(Op miss, Op maker);
  void close_circle(Op read, Value needed);
  bool destroyers_before(Op read, Value needed);
  bool candidates_of(Op read, Value needed);
  bool bound_by_candidates(Op read);
  bool bound_by_source(Op read);
  bool bound_destroyers(Op read, Value needed);
  [[nodiscard]] bool can_be_optional(Op read, Value needed) const;

  const Problem& problem_;
  std::size_t width_;
  std::vector<Place> rows_;
  std::vector<Edge> edges_;
  std::vector<Op> in_time_;  // all required operations, by return
  std::vector<Op> todo_;
  std::vector<std::uint8_t> is_todo_;
  bool has_grown_ = false;
  std::vector<Change>* trail_ = nullptr;            // while a search goes on
  const std::vector<Place>* fronts_ = nullptr;
  Op contradiction_ = NONE, without_source_ = NONE;
  std::vector<std::vector<Rank>> earliest_return_;  // by chain: of this place and all later ones

  // Of the read that is looked at.
  std::vector<Op> last_destroyers_;
  std::vector<Op> first_candidates_, last_candidates_;  // one a chain at most
  std::size_t candidate_count_ = 0;
  // Of the miss that is looked at: by chain, who can have destroyed before it what was made.
  std::vector<Op> room_;
  bool is_open_ = false;     // the initial state is a candidate, or an optional operation
  bool has_optional_ = false;
};

}  // namespace gong::orders
