// One order in the making, which can be taken back step by step.
//
// A configuration is, for each chain, two positions; the state of each object; and the optional
// operations that were used. What stands before the *position* has taken effect. What stands
// between it and the *front* is *excused*: it could have taken effect at some moment that has
// passed, without any difference to what else happened; so it may be let go, for free, or still
// take effect where it is seen. That choice, whether a write is hidden or seen, is what a search
// over positions alone spends its time on, 2^k ways for k writes; here it is not made before it
// matters. The moments of the excused are remembered (`stamps`), and make the order in the end.
// An operation is excused at a moment when all that must precede it is done or excused, and
//
// 1. it changes nothing in the present state (also a write of the value that is there: it is not
//    taken, only excused); or
// 2. its object is *open*: it is about to be overwritten, or it is *dead*, that is, nothing left
//    would be legal in its state and not in any, so that an overwrite is what comes next. Then
//    one chain after the other may do there what it likes, from an overwrite of its own on, in
//    which it sees nothing but its own doing; it ends when the object is overwritten.
//
// Excused operations take effect for good ("commit") when something that must come after them
// does; or at once when nobody will miss them: observers, and what leads to a value that nothing
// left depends on (leave it out of the plan, it was excused). "The plan" is any order of the rest
// that continues the configuration; what precedes an operation must have taken effect for good
// before it is committed like this, for the plan may let that happen later.
//
// LOST. When an object is left in another state than v, somebody beyond its front needs v, and
// nobody can make v before: no plan. Checked when v is left, when a maker of v is let go, and
// when a needer is no longer excused.
//
// BRING BACK. When somebody beyond a front needs v, and there is only one who can still make it,
// then that one is not excused: it has to be seen.
//
// KEEP. When v has been made, and somebody beyond a front needs v and has nobody else to make it
// before, then whoever destroys v comes after that one, whatever the plan; and so does everybody
// beyond a front who is impossible with v (a *miss*: a compare-and-set that found something else).
// Bounds are raised by that, as before the search, and taken back with the move.
//
// ROOM. A miss of v that comes after the only maker of v, who is still beyond a front, needs somebody
// between them who destroys v. When nobody is left who can be that, there is no plan. When one is
// left, that one is not excused: it has to come after the maker.
//
// DEADLOCK. Let values, once made, last for ever, and let everybody go on as far as that takes them.
// Who is impossible with the value that is there may go on when its object can have changed.
// Who cannot even then go on has no future. To know it of those at the front is enough: it is asked
// again after each move.
//
// UNSEEN. When an excused operation takes effect and its value is overwritten before anybody
// depends on it, it had better stay excused: no plan need be looked for here.
//
// Nothing here looks at real time: it is part of the bounds (`orders_clocks.hpp`).
#pragma once

#include <utility>
#include <vector>

#include "orders_clocks.hpp"
#include "orders_store.hpp"

namespace gong::orders {

// What may take effect next: a required operation, or an optional one.
struct Move {
  Op op;
  std::uint32_t optional;  // its number among the optional ones, or NONE
  std::int64_t urgency;    // less is more
};

class Walk {
 public:
  Walk(const Problem& problem, Clocks& clocks, Table& table);

  // False: nothing can come of it. To be called once, first.
  bool begin(const Poll& poll);
  bool take(const Move& move);
  // All moves worth trying, in no particular order.
  void moves(std::vector<Move>& found);

  [[nodiscard]] std::size_t mark() const { return trail_.size(); }
  void take_back(std::size_t mark);

  [[nodiscard]] bool is_complete() const;
  // All operations that are in, in their order; the excused ones included.
  [[nodiscard]] std::vector<Op> order() const;

  [[nodiscard]] Place position(Chain chain) const { return positions_[chain]; }
  [[nodiscard]] Place front(Chain chain) const { return fronts_[chain]; }
  [[nodiscard]] State state(Part part) const { return static_cast<State>(states_[part] >> 1); }
  [[nodiscard]] Store::Id store() const { return store_; }
  [[nodiscard]] const std::vector<std::uint32_t>& used() const { return used_; }
  // Whether all that must come before the operation is done or excused.
  [[nodiscard]] bool is_reached(Op op) const;
  // Whether it is a miss of the value that is there now.
  [[nodiscard]] bool is_barred(Op op) const;
  // Whether all of it has taken effect for good.
  [[nodiscard]] bool is_settled(Op op) const;
  [[nodiscard]] bool has_looked_ahead() const { return has_looked_ahead_; }

 private:
  using Cell = std::uint32_t;
  struct Local {
    Part part;
    State state;
  };

  [[nodiscard]] Op at(Chain chain, Place place) const { return problem_.in.chains[chain][place]; }
  void set(Cell& cell, Cell value) {
    trail_.push_back({&cell, cell});
    cell = value;
  }
  void set_state(Part part, State state, bool is_unseen);
  [[nodiscard]] bool is_unseen(Part part) const { return (states_[part] & 1) != 0; }
  [[nodiscard]] bool is_dead(Part part) const;
  [[nodiscard]] bool is_useless(Op op) const;
  [[nodiscard]] bool is_used(std::uint32_t one) const { return used_[one / 32] >> one % 32 & 1; }
  [[nodiscard]] bool may_use(std::uint32_t one);
  [[nodiscard]] bool changes_state(Op op);
  void count_off(Op op);
  void commit(Chain chain, Place end);
  void commit_before(Op op);
  void commit_all();
  void push_before(Op op);
  void close(Chain chain);
  bool commit_freely();
  void cut(Chain chain, Place end);
  void excuse(Chain chain, Part opened);
  bool excuse_one(Op op, Part opened, std::vector<Local>& locals);
  void excuse_all(Part opened, Chain except);
  void settle();
  bool finish();
  bool keep_values();
  [[nodiscard]] bool is_lost(Value value) const;
  bool keep(Value value);
  [[nodiscard]] Op last_bound_to(Value value, const Stand& readers) const;
  template <typename PassedOver>
  bool keep_before_first_of(Op reader, const std::vector<Stand>& stands, PassedOver is_passed_over);
  void find_rooms(const Poll& poll);
  void doubt_rooms(Op destroyer);
  bool keep_rooms();
  bool keep_room(const Room& room);
  void bring_back_makers(Value value);
  [[nodiscard]] Op only_maker(Value value, Chain chain, Place place) const;
  bool is_deadlocked();
  [[nodiscard]] Place enough(Chain chain) const;
  bool ask_for(Op op);
  bool can_follow(Op op, Chain chain);
  void make_possible(Op op);
  [[nodiscard]] bool can_be_made(Value value, Chain chain, Place place) const;

  const Problem& problem_;
  Clocks& clocks_;
  Table& table_;
  Store stores_;
  std::vector<Change> trail_;

  std::vector<Cell> positions_, fronts_;
  std::vector<Cell> states_;        // by object: twice the state, and 1 where it must be seen
  std::vector<Cell> stamps_;        // by operation: when it took effect or was excused
  std::vector<Cell> users_;         // by value: what is left that depends on it
  std::vector<Cell> free_users_;    // by object: what is left that may depend on any state
  std::vector<Cell> used_;          // bits; those that are closed are cleared
  std::vector<Cell> is_in_;         // bits of the optional operations that are in; never cleared
  Cell store_ = 0;
  Cell clock_ = 1;

  std::vector<std::pair<Chain, Place>> commits_;
  std::vector<Value> in_doubt_;     // values that may be lost
  std::vector<Room> rooms_;
  std::vector<std::vector<std::uint32_t>> rooms_of_;  // by operation: where it is a destroyer
  std::vector<std::uint32_t> rooms_in_doubt_;
  std::vector<Part> value_parts_;   // by value
  std::vector<Local> locals_;
  std::vector<Place> reach_, enough_, wanted_;  // by chain, while looking for deadlocks
  std::vector<std::uint32_t> possible_;    // by value: when it was last found possible
  std::vector<std::uint32_t> changeable_;  // by object: when it was last found that it can change
  std::uint32_t possible_now_ = 0;
  bool has_looked_ahead_ = false;
};

}  // namespace gong::orders
