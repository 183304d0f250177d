// The native search: just-in-time linearization over integers, equal in verdict to the reference
// (`checker/search.py`), which has the base of the argument. What is new here, and why it is
// sound, stands beside each piece:
//
//   search_store    one configuration makes another superfluous (dominance)
//   search_step     excuses, dead values, lost values: what a move leads to
//   search_outlook  lost states: what a state can still become
//   search          which configuration is explored next
//
// Two ends of one search: the deep end explores the newest configuration of the last event
// reached, as a depth-first search does; the shallow end the oldest of the first event, as a
// breadth-first search does. They share all they find, so nothing is explored twice. The deep end
// finds a linearization fast where there are many; the shallow end keeps the frontier small, by
// dominance, where there are few or none. It gets a turn whenever the deep end gained no ground.
#pragma once

#include <functional>
#include <vector>

#include "search_step.hpp"

namespace gong::search {

// Contradicted: what the model says of growing leaves no linearization, and there is one.
enum class Status { found, stuck, stopped, contradicted };

struct Result {
  Status status;
  std::vector<Op> order;       // found: a linearization
  Event event = 0;             // otherwise: the last event that was reached
  std::vector<State> states;   // otherwise: the states there, of a search that stopped some of them
  std::vector<State> reached;  // stuck: the states anywhere
  bool looked_ahead = false;   // stuck: configurations were given up for what came later
  std::size_t configurations = 0;
};

class Search {
 public:
  // `poll` is called every few hundred configurations; it returns true to stop the search.
  // `may_become` answers for the model; see search_outlook. Not asked without `look_ahead`.
  Search(const Problem& problem, Table::Ask ask, std::function<bool()> poll, bool look_ahead,
         Outlook::Ask may_become = nullptr);

  Result run();

 private:
  // Explores a configuration: its most promising child only, or (all the others) too.
  void explore(Id id, Window& window, bool entirely);
  void try_move(Id parent, const Config& config, Move move, Window& window);
  std::vector<Op> witness(Id parent, std::uint32_t last_move);
  Result finish(Status status);

  const Problem& problem_;
  Table table_;
  UsedSets used_;
  Step step_;
  Store store_;
  std::function<bool()> poll_;
  Config config_, child_;
  std::vector<Move> moves_;
  std::uint32_t idle_ = 0;  // turns since ground was gained, of a search that is doomed
  Id goal_parent_ = NONE;
  std::uint32_t goal_move_ = 0;
  bool found_ = false;
};

}  // namespace gong::search
