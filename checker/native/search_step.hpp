// From a configuration to the next: which moves there are, and where a move leads.
//
// Four arguments carry this file; "the plan" is any linearization of the rest of the history that
// continues a configuration.
//
// EXCUSE. An overwrite is legal in every state and leaves the same state behind, whatever was
// before. When one takes effect while another one, w, is pending, w may as well have taken effect
// just before it: nobody saw it, and the state after both is the same. So w is *excused* from now
// on: it may still take effect later, and when it returns without having done so, it is put in
// front of the last overwrite. That one took effect after w's call, so real time is kept; several
// excused ones in a row are each legal in every state. Without excuses a search must guess, at
// every overwrite, which of the others it hides: 2^k ways.
//
// DEAD VALUES (only when every action that does not overwrite is legal in one state only, its
// need, so that nothing else depends on the state). A state that no pending or later operation
// needs is dead, and remains so. In the plan, whatever stands directly after an operation that
// leads to a dead state is an overwrite, or nothing. So an overwrite to a dead state, w, that is
// pending and excused, or has taken effect, makes no difference any more, and both stand as
// "excused" in the configuration; and w is not tried before its return forces it: were it in the
// plan at this place, then followed by an overwrite, which excuses it. Nor is a crashed operation
// tried that leads to a dead state: leave it out of the plan.
//   The same holds for an operation to a state that is needed, but by nothing pending, when that
// state makes the operation about to return illegal, so that it must be left before anything new
// is called.
//   Taken and excused are indeed the same then: when the plan of the excused one lets w take
// effect visibly at some place, the operations that this excuses (z: called before, returning
// before the next overwrite) can have their place there in w's stead, one of them visibly: its
// state is not needed between either, as nothing is until the next overwrite.
//
// LOST VALUES (only when the effect of every mutator is known: it overwrites, or it has a need).
// When the state leaves a value that a pending or later completed operation needs, and no
// operation is left that could bring it back before that one's return (none pending, none called
// in time, no crashed one unused), there is no plan. Checked where a value is left, and
// where the producer of a value is let go unseen. Gibbons & Korach 1997 decide registers with distinct
// values by this alone; here it prunes.
//
// EQUALS. Mutators of equal effect are one class, earliest return first (see the reference, 2); a
// crashed operation is not tried while a live one of equal effect is pending: exchange them in the
// plan, which must place the live one.
#pragma once

#include <vector>

#include "search_outlook.hpp"
#include "search_store.hpp"
#include "search_table.hpp"

namespace gong::search {

// Hears in which order operations take effect, when a path is walked again.
class Recorder {
 public:
  virtual ~Recorder() = default;
  virtual void take(Op operation) = 0;
  virtual void excuse(Op operation) = 0;
};

class Step {
 public:
  Step(const Problem& problem, Table& table, UsedSets& used, bool look_ahead,
       Outlook::Ask may_become = nullptr);

  enum class Fate { open, hopeless, finished };

  // The configuration before anything happened; `window` stands at event 0.
  Fate first(Config& config, Window& window, Recorder* recorder);

  // All moves from `config` worth trying, the most promising first. None of them is known to be
  // hopeless, so the first is a good one to dive along.
  void moves(const Config& config, const Window& window, std::vector<Move>& found);

  // Where `move` leads. Moves `window` from the event of `from` to that of `to`.
  Fate apply(const Config& from, Move move, Window& window, Config& to, Recorder* recorder);

  // Whether it is known that no configuration leads to the end.
  [[nodiscard]] bool is_doomed() const { return outlook_.is_doomed(); }

  // Whether any configuration was given up because of what comes later.
  [[nodiscard]] bool has_looked_ahead() const { return has_looked_ahead_; }

 private:
  Fate settle(Config& config, Window& window, Recorder* recorder);
  void arrive(Config& config, const Window& window, Recorder* recorder);
  void take_observers(Config& config, const Window& window, Recorder* recorder);
  void let_go_of_the_dead(Config& config, const Window& window);
  void leave_out_the_hopeless(const Config& config, const Window& window, std::vector<Move>& found);
  [[nodiscard]] bool is_dead(State state, Event event) const;
  void note_needs(const Config& config, const Window& window);
  [[nodiscard]] bool is_needed_now(State state) const;
  [[nodiscard]] bool is_lost(State state, const Config& config, const Window& window) const;

  const Problem& problem_;
  Table& table_;
  UsedSets& used_;
  const bool dead_values_, lost_values_;
  Outlook outlook_;
  bool has_looked_ahead_ = false;

  // Stamps instead of sets that would have to be cleared for each configuration.
  std::uint32_t stamp_ = 0, stamp_noted_ = 0;
  std::vector<std::uint32_t> needed_;   // by state: pending operations need it
  std::vector<std::uint32_t> seen_;     // by class: an earlier return of it is pending
  std::vector<Op> earliest_;            // by class: that operation
};

}  // namespace gong::search
