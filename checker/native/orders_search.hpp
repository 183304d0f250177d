// The search for an order that keeps the issue order and, where it counts, real time; equal in
// verdict to the reference (`checker/orders/search.py`). What makes it faster:
//
//   orders_clocks  what must come before what, read off the results before the search begins
//   orders_walk    writes that nobody sees are hidden for free; values that are lost
//   orders_memo    what has failed, and what that makes superfluous
//   orders_search  which way is tried first, and when to begin again
//
// Depth first. A dive that went wrong early comes back to its mistake late; so after some failures
// the search goes back some way, and on with some chance in what it tries first. What failed is kept:
// so little is done twice, and in the end all is tried.
#pragma once

#include <optional>
#include <random>
#include <vector>

#include "orders_memo.hpp"
#include "orders_walk.hpp"

namespace gong::orders {

enum class Status { found, stuck, stopped, tired };

struct Result {
  Status status;
  std::vector<Op> order;         // found
  std::vector<Place> fronts;     // otherwise: how far the furthest order came, by chain
  std::vector<State> states;     // and the state of each object then
  std::vector<Edge> cycle;       // stuck before the search: a circle of what comes before what
  Op without_source = NONE;      // or an operation that found what nobody can have made
  bool looked_ahead = false;     // stuck: something was given up for what would come later
  std::size_t configurations = 0;
};

class Search {
 public:
  Search(Input input, Ask ask, Poll poll, bool looks_ahead);

  // Goes on from where it was, until so many configurations have failed and no ground was gained:
  // then it is tired.
  Result run(std::size_t effort);

 private:
  struct Frame {
    std::size_t mark;          // of the walk, before the moves below were tried
    std::size_t moves, next;   // in `moves_`, from there to the next frame's
  };

  // What should come next: whatever moves a chain on, or who makes a value, or one operation.
  struct Wanted {
    Chain chain = NONE;
    Value value = NONE;
    Op op = NONE;
  };

  bool begin();
  bool visit();
  bool backtrack();
  void begin_again();
  void rank(std::vector<Move>& moves);
  Wanted find_wanted();
  [[nodiscard]] Chain earliest_stuck() const;
  [[nodiscard]] Op find_maker(Value value) const;
  [[nodiscard]] Op find_destroyer(Op miss) const;
  [[nodiscard]] bool is_a_twin(const Move& move, std::size_t count) const;
  void note();
  Result finish(Status status);

  Problem problem_;
  Clocks clocks_;
  Table table_;
  Walk walk_;
  Memo memo_;
  Poll poll_;
  bool looks_ahead_, has_begun_ = false, is_stopped_ = false;
  std::vector<Frame> frames_;
  std::vector<Move> moves_, found_;
  std::vector<std::uint32_t> ranks_;  // by operation: its place in time
  std::vector<std::uint8_t> asked_;   // by chain, while looking for what is wanted
  std::minstd_rand random_{1};
  std::uint32_t chance_ = 0;          // how much chance there is in the ranks
  std::size_t failures_ = 0, failures_max_ = 0;
  std::size_t turns_ = 0;             // how often it began again since any ground was gained
  std::size_t in_vain_ = 0;           // failures since any ground was gained
  std::size_t furthest_ = 0;
  Result best_{};
};

}  // namespace gong::orders
