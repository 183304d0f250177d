// Observation look-ahead: which states can still become what somebody has to see.
//
// A *needer* is a live operation that is legal in one state only (`only_in`), the state that it
// *wants*: a read of a whole list, a sum, a cas. It must take effect before it returns, so as long
// as it has not, the state must still be able to become the one that it wants. The model tells
// which operations only make the state grow (`Model.grows`) and which states growing can lead to
// (`Model.may_become`). All others that can change the state are *resets*.
//
// LOST STATES. Let a needer n that is not placed want w in a configuration with the state s, and
// take a plan that continues the configuration. Between here and n the plan places operations that
// were called before n's return: pending ones, ones that are called later but before that return,
// and unused crashed ones called before it. Look at the last reset among them that changed the
// state, if there is one, and let t be the state that it left: where a reset has only one such
// state, that is known beforehand. From there to n there is nothing but observers and what grows.
// So growing leads from t to w; without a reset, from s to w. Hence there is no plan when
// `may_become(s, w)` does not hold, nor `may_become(t, w)` for any reset that could stand before n.
//   This tells nothing but that a configuration has no plan, and such a one may be left out at any
// time whatever the other reductions do: they all argue that where there is a plan, there is one
// that continues a configuration that is kept.
//   An overwrite that has taken effect may stand in a configuration as excused (see search_step,
// DEAD VALUES), and so may a crashed operation as unused. Here they count as resets still to come,
// which gives up less.
//
// CONTRADICTIONS (only in a history without resets). Of two needers one is placed first, and what it
// wants must be able to become what the other one wants; which of them is first is known when one
// returned before the other was called. Where that fails there is no linearization of the history.
// The search does not stop at once, though: it goes on as long as it gains ground, and shows how far
// the history can be explained.
//
// Not every needer is asked for. The pending ones are, and of those called later the one that
// returns first, and the *hardest*: the first that what it wants may become what the hardest of
// the later ones wants. Growing is transitive, so whoever cannot become one of the others can
// hardly become that one. Asking fewer is always right.
#pragma once

#include <functional>
#include <vector>

#include "search_store.hpp"
#include "search_table.hpp"

namespace gong::search {

class Outlook {
 public:
  // Whether growing may lead from `state` to `wanted`, two states that differ.
  using Ask = std::function<bool(State state, State wanted)>;

  // Without `ask` nothing is ever hopeless.
  Outlook(const Problem& problem, const UsedSets& used, Ask ask);

  [[nodiscard]] bool is_on() const { return is_on_; }

  // Whether two needers are known to contradict each other.
  [[nodiscard]] bool is_doomed() const { return is_doomed_; }

  // Reads off a configuration what is wanted; `window` stands at its event.
  void note(const Config& config, const Window& window);

  // Whether no plan goes on with `move` from the configuration noted last.
  bool is_hopeless(const Config& config, const Window& window, Move move);

 private:
  struct Want {
    Op needer;
    State wanted;
  };

  void find_needers();
  void find_the_hardest();
  void find_resets();
  bool may_become(State state, State wanted);
  [[nodiscard]] bool contradict(const Want& earlier, const Want& later);
  [[nodiscard]] bool is_reset(Class kind) const;
  bool may_lead_to(Class reset, State wanted);
  bool may_be_reset(const Config& config, const Window& window, Move move, Want want);

  const Problem& problem_;
  const UsedSets& used_;
  Ask ask_;
  bool is_on_ = false, is_doomed_ = false;
  Lazy<std::int8_t, -1> known_;         // by state and column: may_become
  std::vector<std::uint32_t> column_;   // by state: that of those that are wanted

  std::vector<Want> needers_;           // by arrival
  std::vector<std::size_t> later_;      // by event: the first needer that is called after it
  std::vector<std::size_t> first_;      // by needer: of it and those after it, who returns first
  std::vector<std::size_t> hardest_;    // by needer: the same, who is the hardest to serve
  std::vector<Use> resets_;             // live ones, by arrival
  std::vector<std::uint32_t> crashed_resets_;  // indices into Problem::crashed

  std::vector<Want> wants_;  // of the configuration noted last
};

}  // namespace gong::search
