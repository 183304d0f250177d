// What the model does, as a table of small integers that fills itself: the model is asked once for
// each pair of a state and a class, through a callback, and only for classes about which nothing
// was known beforehand.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <vector>

#include "search_problem.hpp"

namespace gong::search {

class Table {
 public:
  using Ask = std::function<State(State, Class)>;

  Table(const Problem& problem, Ask ask) : problem_(problem), ask_(std::move(ask)) {}

  // The state after an operation of class `kind`, or ILLEGAL.
  State next(State state, Class kind) {
    const State target = problem_.targets[kind];
    if (target != NOT_ASKED) {
      const State only = problem_.only_in[kind];
      return only == ANYWHERE || only == state ? target : ILLEGAL;
    }
    return look_up(state, kind);
  }

 private:
  // Rows come in pages: a history may have thousands of classes, and thousands of states in
  // each of which few of them are ever tried.
  static constexpr std::size_t PAGE = 64;
  using Page = std::array<State, PAGE>;

  State look_up(State state, Class kind) {
    const auto row = static_cast<std::size_t>(state);
    if (row >= rows_.size()) rows_.resize(row + row / 2 + 1);
    auto& pages = rows_[row];
    if (pages.empty()) pages.resize((problem_.kinds.size() + PAGE - 1) / PAGE);
    auto& page = pages[kind / PAGE];
    if (!page) {
      page = std::make_unique<Page>();
      page->fill(NOT_ASKED);
    }
    State& known = (*page)[kind % PAGE];
    if (known == NOT_ASKED) known = ask_(state, kind);
    return known;
  }

  const Problem& problem_;
  Ask ask_;
  std::vector<std::vector<std::unique_ptr<Page>>> rows_;
};

}  // namespace gong::search
