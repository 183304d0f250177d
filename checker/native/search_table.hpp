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

// A table that is filled entry by entry, most of it never. Rows come in pages: a history may have
// thousands of classes, and thousands of states in each of which few of them are ever tried.
template <typename Item, Item NOT_KNOWN>
class Lazy {
 public:
  explicit Lazy(std::size_t columns = 0) : columns_(columns) {}

  Item& at(std::size_t row, std::size_t column) {
    if (row >= rows_.size()) rows_.resize(row + row / 2 + 1);
    auto& pages = rows_[row];
    if (pages.empty()) pages.resize((columns_ + PAGE - 1) / PAGE);
    auto& page = pages[column / PAGE];
    if (!page) {
      page = std::make_unique<Page>();
      page->fill(NOT_KNOWN);
    }
    return (*page)[column % PAGE];
  }

 private:
  static constexpr std::size_t PAGE = 64;
  using Page = std::array<Item, PAGE>;

  std::size_t columns_;
  std::vector<std::vector<std::unique_ptr<Page>>> rows_;
};

class Table {
 public:
  using Ask = std::function<State(State, Class)>;

  Table(const Problem& problem, Ask ask)
      : problem_(problem), ask_(std::move(ask)), known_(problem.kinds.size()) {}

  // The state after an operation of class `kind`, or ILLEGAL.
  State next(State state, Class kind) {
    const State target = problem_.targets[kind];
    if (target != NOT_ASKED) {
      const State only = problem_.only_in[kind];
      return only == ANYWHERE || only == state ? target : ILLEGAL;
    }
    State& known = known_.at(static_cast<std::size_t>(state), kind);
    if (known == NOT_ASKED) known = ask_(state, kind);
    return known;
  }

 private:
  const Problem& problem_;
  Ask ask_;
  Lazy<State, NOT_ASKED> known_;
};

}  // namespace gong::search
